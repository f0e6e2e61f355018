"""`sunbox vehicle`: everything that a car can be told about charging, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import click

from sunbox.cli.gateway import call, with_gateway
from sunbox.cli.output import BAD, GOOD, WARNING, print_table, say
from sunbox.cli.spending import spend_rows
from sunbox.cli.status import kilowatts, read_site
from sunbox.core.model import Weekday
from sunbox.errors import SunboxError

F = TypeVar("F", bound=Callable[..., Any])

WAIT_S = 40.0
"""The gateway answers after 25 s at the latest."""

ALL_OR_WEEKDAYS = click.Choice(["all", "weekdays"])


@dataclass(frozen=True)
class Car:
    """Which car at which gateway, and how to print."""

    name: str
    url: str
    password: str | None
    as_json: bool

    def tell(self, command: str, body: Mapping[str, Any] | None = None) -> None:
        """Have the gateway carry out a command, wait for its end and print it; exit code 1 where it was not done."""
        path = f"/api/v1/vehicles/{quote(self.name, safe='')}/command/{command}?wait=true"
        answer = call(self.url, path, password=self.password, body=body or {}, timeout_s=WAIT_S)
        told = answer.document if isinstance(answer.document, dict) else {}
        if self.as_json:
            click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        elif answer.status != 200:
            raise SunboxError(self.why_not(answer.status, told))
        else:
            say(*self._words(command, told))
        if answer.status != 200 or told.get("result") is False:
            raise click.exceptions.Exit(1)

    def why_not(self, status: int, told: Mapping[str, Any]) -> str:
        """Return what is wrong with a request, as the gateway told it."""
        allowed = f"; allowed: {told['allowed']}" if told.get("allowed") else ""
        return f"{self.name}: {told.get('error') or f'the gateway answers {status}'}{allowed}"

    def _words(self, command: str, told: Mapping[str, Any]) -> tuple[str, str]:
        reason = f": {told['reason']}" if told.get("reason") else ""
        if told.get("result") is False:
            return f"{self.name}: {command} was not done{reason}", BAD
        if told.get("is_settled") is False:
            return f"{self.name}: {command} is accepted and still under way{reason}", WARNING
        return f"{self.name}: {command} is done{reason}", GOOD


class DayTime(click.ParamType[int]):
    """A time of day as HH:MM, or minutes after midnight."""

    name = "HH:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return minutes after midnight, 0–1439."""
        text = str(value)
        hours, colon, minutes = text.partition(":")
        if not colon:
            hours, minutes = "0", text
        is_number = all(part.isascii() and part.isdigit() and len(part) <= 4 for part in (hours, minutes))
        total = int(hours) * 60 + int(minutes) if is_number else -1
        if not 0 <= total <= 1439 or (colon and (int(minutes) > 59 or len(minutes) != 2)):
            self.fail(f"{text!r} is no time of day; write HH:MM (00:00 to 23:59) or minutes (0 to 1439)", param, ctx)
        return total


class DayTimeOrOff(DayTime):
    """The same, or `off`."""

    name = "HH:MM|off"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return minutes after midnight, -1 for off."""
        return OFF if value == "off" else super().convert(value, param, ctx)


OFF = -1


@click.group(
    epilog="""\b
Examples:
  sunbox vehicle model3 data
  sunbox vehicle model3 start
  sunbox vehicle model3 amps 12
  sunbox vehicle model3 port open
  sunbox vehicle model3 schedule-departure 07:30 --precondition weekdays
"""
)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the gateway's answer as it is.")
@with_gateway
@click.pass_context
def vehicle(ctx: click.Context, name: str, *, as_json: bool, url: str, password: str | None) -> None:
    """Tell a car about charging. NAME is its id in the configuration, or its VIN.

    start, stop, amps and limit change what is wished, and are kept to; the others are sent once, within five minutes, and the
    car is woken for them.
    """
    ctx.obj = Car(name=name, url=url, password=password, as_json=as_json)


def _example(*lines: str) -> str:
    return "\b\nExamples:\n" + "".join(f"  sunbox vehicle model3 {line}\n" for line in lines)


def _plain(name: str, command: str, words: str) -> None:
    """Add a command that needs nothing further."""

    @vehicle.command(name, help=words, epilog=_example(name))
    @click.pass_obj
    def plain(car: Car) -> None:
        car.tell(command)


for _name, _command, _words in (
    ("start", "charge_start", "Charge until the cable is taken out, whatever the sun does."),
    ("stop", "charge_stop", "Do not charge until the cable is taken out."),
    ("standard", "charge_standard", "Set the car's charge limit to its own standard."),
    ("max", "charge_max_range", "Set the car's charge limit to 100 %."),
    ("wake", "wake_up", "Wake the car and read it; costs money where a wake does."),
):
    _plain(_name, _command, _words)


@vehicle.command(epilog=_example("amps 12"))
@click.argument("current", metavar="A", type=click.IntRange(0, 48))
@click.pass_obj
def amps(car: Car, current: int) -> None:
    """Charge with at most so many ampere per phase."""
    car.tell("set_charging_amps", {"charging_amps": current})


@vehicle.command(epilog=_example("limit 80"))
@click.argument("percent", metavar="%", type=click.IntRange(1, 100))
@click.pass_obj
def limit(car: Car, percent: int) -> None:
    """Charge up to so many percent; below the car's own least limit the gateway stops it."""
    car.tell("set_charge_limit", {"percent": percent})


@vehicle.command(epilog=_example("port open"))
@click.argument("what", type=click.Choice(["open", "close"]))
@click.pass_obj
def port(car: Car, what: str) -> None:
    """Open the charge port or unlock its cable, or close a motorised one."""
    car.tell(f"charge_port_door_{what}")


@vehicle.command("schedule-charging", epilog=_example("schedule-charging 23:30", "schedule-charging off"))
@click.argument("time", type=DayTimeOrOff())
@click.pass_obj
def schedule_charging(car: Car, time: int) -> None:
    """Have the car start charging by itself at a time of its own day."""
    car.tell("set_scheduled_charging", {"enable": False} if time == OFF else {"enable": True, "time": time})


@vehicle.command(
    "schedule-departure",
    epilog=_example(
        "schedule-departure 07:30 --precondition weekdays",
        "schedule-departure 07:30 --off-peak all --off-peak-end 06:00",
    ),
)
@click.argument("time", type=DayTimeOrOff())
@click.option("--precondition", type=ALL_OR_WEEKDAYS, help="Warm or cool the car for the departure.")
@click.option("--off-peak", type=ALL_OR_WEEKDAYS, help="Charge while power is cheap.")
@click.option("--off-peak-end", type=DayTime(), help="When cheap power ends.")
@click.pass_obj
def schedule_departure(
    car: Car, time: int, precondition: str | None, off_peak: str | None, off_peak_end: int | None
) -> None:
    """Have the car be ready at a time of its own day."""
    if time == OFF:
        car.tell("set_scheduled_departure", {"enable": False})
        return
    if precondition is None and off_peak is None:
        raise click.UsageError("say what for: --precondition all|weekdays, --off-peak all|weekdays, or both")
    if (off_peak is None) is not (off_peak_end is None):
        raise click.UsageError("--off-peak and --off-peak-end belong together")
    body: dict[str, Any] = {
        "enable": True,
        "departure_time": time,
        "preconditioning_enabled": precondition is not None,
        "preconditioning_weekdays_only": precondition == "weekdays",
        "off_peak_charging_enabled": off_peak is not None,
        "off_peak_charging_weekdays_only": off_peak == "weekdays",
    }
    car.tell("set_scheduled_departure", body if off_peak_end is None else {**body, "end_off_peak_time": off_peak_end})


def with_json(command: F) -> F:
    """Give a command that shows something an option `--json` of its own; before the name it is the group's."""
    return click.option("--json", "as_json", is_flag=True, help="Print the gateway's answer as it is.")(command)


@vehicle.group(epilog=_example("schedule list", "schedule remove 7"))
def schedule() -> None:
    """List, add or remove the schedules that cars with firmware 2024.26 and later keep."""


@schedule.command("list", epilog=_example("schedule list", "schedule list --json"))
@with_json
@click.pass_obj
def list_schedules(car: Car, *, as_json: bool) -> None:
    """Show the schedules as the car told them last, without asking it: that costs nothing and lets it sleep.

    What was added or removed since the car was read last is not in it yet.
    """
    answer = call(car.url, f"/api/v1/vehicles/{quote(car.name, safe='')}/schedules", password=car.password)
    told = answer.document if isinstance(answer.document, dict) else {}
    if answer.status != 200:
        raise SunboxError(car.why_not(answer.status, told))
    if as_json or car.as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    age = "never read" if told.get("age_s") is None else f"read {told['age_s'] / 60:.0f} min ago"
    rows = told.get("schedules")
    if rows is None:
        raise SunboxError(
            f"{car.name} has not told its schedules ({age}); cars with firmware 2024.26 and later tell them with their data, "
            f"though not over Bluetooth, so the next read brings them: if it sleeps, `sunbox vehicle {car.name} wake` wakes "
            "and reads it, which costs money"
        )
    if not rows:
        say(f"{car.name} keeps no schedules ({age})")
        return
    print_table(f"schedules of {car.name}, {age}", SCHEDULE_COLUMNS, [schedule_row(row) for row in rows])


SCHEDULE_COLUMNS = ("id", "name", "days", "from", "until", "once", "is")

DAY_GROUPS: dict[frozenset[str], str] = {
    frozenset(Weekday): "every day",
    frozenset(Weekday) - {Weekday.SAT, Weekday.SUN}: "weekdays",
    frozenset({Weekday.SAT, Weekday.SUN}): "weekends",
    frozenset(): "–",
}


def schedule_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a schedule in words."""
    days = row["days"]
    return (
        str(row["id"]),
        row["name"] or "–",
        DAY_GROUPS.get(frozenset(days)) or ", ".join(day.capitalize() for day in days),
        clock_time(row["start_min"]) if row["starts"] else "–",
        clock_time(row["end_min"]) if row["ends"] else "–",
        "yes" if row["is_once"] else "–",
        "on" if row["is_enabled"] else "off",
    )


def clock_time(minutes: int) -> str:
    """Return minutes after midnight as people write them."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


@schedule.command(
    "add",
    epilog=_example(
        "schedule add --days Weekdays --start 01:00 --lat 52.4 --lon 13.5",
        "schedule add --id 7 --days Sat,Sun --start 11:00 --end 15:30 --name Noon --off --lat 52.4 --lon 13.5",
    ),
)
@click.option("--days", default="All", show_default=True, help="All, Weekdays, or days such as Mon,Tues.")
@click.option("--start", type=DayTime(), help="When to start charging.")
@click.option("--end", type=DayTime(), help="When to stop charging.")
@click.option("--lat", type=click.FloatRange(-90, 90), required=True, help="Of the place where it applies, in degrees.")
@click.option("--lon", type=click.FloatRange(-180, 180), required=True)
@click.option("--once", is_flag=True, help="Once only.")
@click.option("--on/--off", "enabled", default=True, show_default=True, help="Whether the car keeps to it.")
@click.option("--name", help="What the car's screen calls it, at most 64 characters.")
@click.option("--id", "number", type=click.IntRange(1), help="Of the one to change; default a new one.")
@click.pass_obj
def add(
    car: Car,
    days: str,
    start: int | None,
    end: int | None,
    lat: float,
    lon: float,
    *,
    once: bool,
    enabled: bool,
    name: str | None,
    number: int | None,
) -> None:
    """Add a schedule, or change one: all of it is written anew."""
    if start is None and end is None:
        raise click.UsageError("say when: --start HH:MM, --end HH:MM, or both")
    body: dict[str, Any] = {
        "days_of_week": days,
        "lat": lat,
        "lon": lon,
        "enabled": enabled,
        "start_enabled": start is not None,
        "end_enabled": end is not None,
        "one_time": once,
    }
    more = {"start_time": start, "end_time": end, "id": number, "name": name}
    car.tell("add_charge_schedule", body | {key: value for key, value in more.items() if value is not None})


@schedule.command("remove", epilog=_example("schedule remove 7"))
@click.argument("number", metavar="ID", type=click.IntRange(1))
@click.pass_obj
def remove(car: Car, number: int) -> None:
    """Remove a schedule."""
    car.tell("remove_charge_schedule", {"id": number})


ROWS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("availability", "is", str),
    ("charging", "charging", str),
    ("soc_pct", "charge", lambda value: f"{value} %"),
    ("limit_soc_pct", "its limit", lambda value: f"{value} %"),
    ("target_soc_pct", "wished", lambda value: f"{value} %"),
    ("amps_requested_a", "its current", lambda value: f"{value} A"),
    ("pilot_a", "the socket offers", lambda value: f"{value} A"),
    ("place", "at", str),
    ("age_s", "read", lambda value: f"{value / 60:.0f} min ago"),
)


@vehicle.command(epilog=_example("data", "data --json"))
@with_json
@click.pass_obj
def data(car: Car, *, as_json: bool) -> None:
    """Show what is known of the car, without asking it: that costs nothing and lets it sleep."""
    site = read_site(car.url, car.password)
    cars = {str(each.get("id")): each for each in site.get("vehicles") or []}
    found = cars.get(car.name) or next((each for each in cars.values() if each.get("vin") == car.name.upper()), None)
    if found is None:
        raise SunboxError(f"there is no vehicle {car.name!r}; there are: {', '.join(cars) or 'none'}")
    if as_json or car.as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    rows = [(words, "–" if found.get(key) is None else show(found[key])) for key, words, show in ROWS]
    rows += spend_rows(found.get("spend"))
    draws = [lp for lp in site["loadpoints"] if (lp.get("vehicle") or {}).get("id") == found["id"]]
    rows += [(f"draws at {lp['name']}", kilowatts(lp.get("draw_w"))) for lp in draws]
    print_table(str(found.get("name", car.name)), ("", ""), rows)
