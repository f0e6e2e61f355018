"""`sunbox charger`: what a wallbox does and is told, by hand: through the gateway, or straight to its keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import click

from sunbox.cli import charger_smartevse
from sunbox.cli.gateway import call, with_gateway
from sunbox.cli.options import config_option
from sunbox.cli.output import BAD, GOOD, WARNING, print_table, say
from sunbox.cli.status import COLOURS, loadpoint_row, read_site
from sunbox.errors import SunboxError

if TYPE_CHECKING:
    from sunbox.config import Config
    from sunbox.drivers.base import Driver
    from sunbox.drivers.goe.driver import GoeDriver
    from sunbox.drivers.smartevse.driver import SmartEvseDriver

T = TypeVar("T")
D = TypeVar("D")

NAME = "NAME"
READ_BACK_S = 1.2
"""A charger looks at its settings once a second."""


@dataclass(frozen=True)
class Asked:
    """Which configuration and which gateway."""

    path: Path
    url: str
    password: str | None


@dataclass(frozen=True)
class Charger:
    """Which charger."""

    name: str
    asked: Asked

    def config(self) -> Config:
        """Return the configuration, which has this charger.

        Raises:
            SunboxError: it cannot be read, or has no such charger.
        """
        from sunbox.app import REGISTRY
        from sunbox.config import load

        config = load(self.asked.path, REGISTRY)
        names = [device.id for device in config.chargers]
        if self.name not in names:
            raise SunboxError(
                f"there is no charger {self.name!r} in {self.asked.path}; there are: {', '.join(names) or 'none'}"
            )
        return config

    @property
    def driver(self) -> str:
        """Return which driver it has, empty where the configuration does not tell."""
        try:
            config = self.config()
        except SunboxError:
            return ""
        return next(device.driver for device in config.chargers if device.id == self.name)

    def straight(self, act: Callable[[GoeDriver], Awaitable[T]]) -> T:
        """Do something with a go-eCharger itself, without the gateway."""
        from sunbox.drivers.goe.driver import GoeDriver

        def check(driver: Driver) -> GoeDriver:
            if not isinstance(driver, GoeDriver):
                raise SunboxError(
                    f"{self.name} has no keys: only chargers with `driver: goe` have; "
                    f"of a SmartEVSE: sunbox charger {self.name} settings"
                )
            return driver

        return self._straight(check, act)

    def box(self, act: Callable[[SmartEvseDriver], Awaitable[T]]) -> T:
        """Do something with a SmartEVSE itself, without the gateway."""
        from sunbox.drivers.smartevse.driver import SmartEvseDriver

        def check(driver: Driver) -> SmartEvseDriver:
            if not isinstance(driver, SmartEvseDriver):
                raise SunboxError(f"{self.name} is no SmartEVSE: that is for chargers with `driver: smartevse`")
            return driver

        return self._straight(check, act)

    def _straight(self, check: Callable[[Driver], D], act: Callable[[D], Awaitable[T]]) -> T:
        async def main() -> T:
            from sunbox.app import open_drivers
            from sunbox.cli.live import set_up_logs
            from sunbox.clock import SystemClock
            from sunbox.net.http import client_factory

            set_up_logs(is_quiet=True)
            drivers, accounts = open_drivers(self.config(), client_factory(), SystemClock())
            try:
                return await act(check(drivers[self.name]))
            finally:
                for opened in drivers.values():
                    await opened.close()
                for account in accounts:
                    await account.close()

        return asyncio.run(main())

    def loadpoint_id(self) -> str:
        """Return the loadpoint that has this charger.

        Raises:
            SunboxError: none has it.
        """
        settings = self.config().settings
        found = next((row.id for row in settings.loadpoints if row.charger_id == self.name), None)
        if found is None:
            raise SunboxError(
                f"no loadpoint has the charger {self.name}; write one below loadpoints, such as "
                f"{{id: {self.name}, charger: {self.name}, mode: pv}}"
            )
        return found

    def wish(self, body: dict[str, Any], done: str) -> None:
        """Change what the gateway wishes of its loadpoint, and print what that brought."""
        loadpoint_id = self.loadpoint_id()
        path = f"/api/v1/loadpoints/{quote(loadpoint_id, safe='')}"
        answer = call(self.asked.url, path, password=self.asked.password, body={**body, "by": "cli"})
        told = answer.document if isinstance(answer.document, dict) else {}
        if answer.status != 200:
            allowed = f"; allowed: {told['allowed']}" if told.get("allowed") else ""
            raise SunboxError(f"{self.name}: {told.get('error') or f'the gateway answers {answer.status}'}{allowed}")
        reason = (told.get("reason") or {}).get("text")
        say(f"{self.name}: {done}{f'; {reason}' if reason else ''}", GOOD)


class Chargers(click.Group):
    """`discover`, or the name of a charger and what to do with it."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return the command; whatever else stands here is a name."""
        return self.commands.get(cmd_name, self.commands[NAME])


@click.group(
    cls=Chargers,
    epilog="""\b
Examples:
  sunbox charger discover
  sunbox charger garage status
  sunbox charger garage amps 10
  sunbox charger garage get car amp frc
  sunbox charger garage set 'fna="Garage"' lbr=100
""",
)
@config_option()
@with_gateway
@click.pass_context
def charger(ctx: click.Context, path: Path, url: str, password: str | None) -> None:
    """Tell a wallbox about charging, or look at its keys. NAME is its id in the configuration.

    status, on, off, amps and phases go through the running gateway; keys, get and set go straight to the wallbox.
    """
    ctx.obj = Asked(path=path, url=url, password=password)


@charger.group(
    NAME,
    epilog="""\b
Examples:
  sunbox charger garage status
  sunbox charger garage on
  sunbox charger garage keys
""",
)
@click.pass_context
def named(ctx: click.Context) -> None:
    """Tell one wallbox about charging, or look at its keys."""
    ctx.obj = Charger(name=str(ctx.info_name), asked=ctx.obj)


def _example(*lines: str) -> str:
    return "\b\nExamples:\n" + "".join(f"  sunbox charger {line}\n" for line in lines)


# --- through the gateway ---------------------------------------------------------------------------------------------


@named.command(epilog=_example("garage status", "garage status --json"))
@click.option("--json", "as_json", is_flag=True, help="Print its loadpoint as the gateway tells it.")
@click.pass_obj
def status(own: Charger, *, as_json: bool) -> None:
    """Show what it does, and why. The wallbox is not asked."""
    loadpoint_id = own.loadpoint_id()
    rows = read_site(own.asked.url, own.asked.password)["loadpoints"]
    found = next((row for row in rows if row.get("id") == loadpoint_id), None)
    if found is None:
        raise SunboxError(
            f"the gateway at {own.asked.url} has no loadpoint {loadpoint_id!r}: does it run with {own.asked.path}?"
        )
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    columns = ("no.", "loadpoint", "car", "charge", "mode", "draws", "why")
    colour = COLOURS.get((found.get("reason") or {}).get("kind", ""), "")
    print_table("", columns, [loadpoint_row(found)], [colour])


@named.command(epilog=_example("garage on"))
@click.pass_obj
def on(own: Charger) -> None:
    """Charge until the cable is taken out, whatever the sun does."""
    own.wish({"override": "charge"}, "charges from now on")


@named.command(epilog=_example("garage off"))
@click.pass_obj
def off(own: Charger) -> None:
    """Do not charge until the cable is taken out."""
    own.wish({"override": "stop"}, "stops")


@named.command(epilog=_example("garage amps 10"))
@click.argument("current", metavar="A", type=click.IntRange(6, 32))
@click.pass_obj
def amps(own: Charger, current: int) -> None:
    """Charge with at most so many ampere per phase."""
    own.wish({"amps_a": current}, f"charges with at most {current} A")


@named.command(epilog=_example("garage phases 1", "garage phases auto"))
@click.argument("count", metavar="auto|1|3", type=click.Choice(["auto", "1", "3"]))
@click.pass_obj
def phases(own: Charger, count: str) -> None:
    """Charge on one phase or on three, or on as many as the sun is worth."""
    asked = 0 if count == "auto" else int(count)
    own.wish(
        {"phases": asked},
        f"charges on {asked} phase{'s' * (asked > 1)}" if asked else "charges on as many phases as the sun is worth",
    )


# --- straight to the wallbox -----------------------------------------------------------------------------------------


@named.command(epilog=_example("garage keys", "garage keys --json"))
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_obj
def keys(own: Charger, *, as_json: bool) -> None:
    """Show all that it says of itself. Passwords are hidden."""
    _show(own, (), as_json=as_json)


@named.command(epilog=_example("garage get car amp frc", "garage get --json nrg"))
@click.argument("names", metavar="KEY...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.option("--force", is_flag=True, help="Ask for keys that nobody knows, too.")
@click.pass_obj
def get(own: Charger, names: tuple[str, ...], *, as_json: bool, force: bool) -> None:
    """Show some of its keys."""
    from sunbox.dialects.goe.asked import problem_with_reading

    problem = None if force else problem_with_reading(names)
    if problem is not None:
        raise click.UsageError(f"{problem}{_hint(names)} (--force asks all the same)")
    _show(own, names, as_json=as_json)


@named.command(
    "set",
    epilog=_example(
        "garage set amp=10", "garage set 'fna=\"Garage\"' dwo=null", "garage set mode=smart override_current=100"
    ),
)
@click.argument("settings", metavar="KEY=VALUE...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Send what looks wrong, too; the wallbox judges.")
@click.pass_obj
def set_keys(own: Charger, settings: tuple[str, ...], *, force: bool) -> None:
    """Set some of its keys, all in one request. The gateway may set those of charging again.

    A go-eCharger takes JSON, a SmartEVSE the parameters of its POST /settings; each is read back.
    """
    if own.driver == "smartevse":
        charger_smartevse.set_parameters(own, settings, force=force)
        return
    from sunbox.dialects.goe.asked import problem_with_setting

    values: dict[str, str] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not name or not equals:
            raise click.UsageError(f"{setting!r} is no setting; write KEY=JSON such as amp=10")
        problem = None if force else problem_with_setting(name, text)
        if problem is not None:
            raise click.UsageError(f"{problem}{_hint((name,))} (--force sends it all the same)")
        values[name] = text
    _set(own, values)


for _command in charger_smartevse.COMMANDS:
    named.add_command(_command)


def _hint(names: Sequence[str]) -> str:
    """Return which key may have been meant by the first that is not known."""
    from sunbox.config.problems import did_you_mean
    from sunbox.dialects.goe.table import BY_NAME

    unknown = next((name for name in names if name not in BY_NAME), None)
    return "" if unknown is None else did_you_mean(unknown, BY_NAME)


def _show(own: Charger, names: tuple[str, ...], *, as_json: bool) -> None:
    from sunbox.dialects.goe.asked import shown
    from sunbox.dialects.goe.table import BY_NAME

    raw = own.straight(lambda driver: driver.read_keys(names)).raw
    # who asks for a key by its name wants to see it
    told = {name: raw[name] for name in names if name in raw} if names else {n: shown(n, v) for n, v in raw.items()}
    absent = [name for name in names if name not in raw]
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        rows = [_row(name, value, BY_NAME.get(name)) for name, value in told.items()]
        print_table("", ("key", "value", "unit", "is", "set"), rows)
    if absent:
        say(f"{own.name} does not tell: {', '.join(absent)}", WARNING, is_error=True)
        raise click.exceptions.Exit(1)


def _row(name: str, value: Any, key: Any) -> Sequence[str]:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if key is None:
        return name, text, "", "", ""
    word = key.words.get(value) if isinstance(value, int) and not isinstance(value, bool) else None
    is_settable = "yes" if key.is_writable((9999, 0)) else ""
    return name, text + (f" ({word})" if word else ""), key.unit, key.help, is_settable


def _set(own: Charger, values: dict[str, str]) -> None:
    async def act(driver: GoeDriver) -> tuple[dict[str, str | None], Any]:
        results = await driver.set_keys(values)
        taken = tuple(name for name, words in results.items() if words is None)
        await asyncio.sleep(READ_BACK_S)
        return results, (await driver.read_keys(taken)).raw if taken else {}

    results, raw = own.straight(act)
    is_good = True
    for name in values:
        words = results.get(name, "it did not say")
        if words is not None:
            is_good = False
            say(f"{own.name}: {words if words.startswith(name) else f'{name}: {words}'}", BAD, is_error=True)
        elif name in raw:
            say(f"{own.name}: {name} is {json.dumps(raw[name], ensure_ascii=False)}", GOOD)
        else:
            say(f"{own.name}: {name} is taken", GOOD)
    if not is_good:
        raise click.exceptions.Exit(1)


# --- the network -----------------------------------------------------------------------------------------------------


@charger.command(epilog=_example("discover", "discover --seconds 10"))
@click.option(
    "--seconds", default=4.0, show_default=True, type=click.FloatRange(0.1, 120), help="For how long to listen."
)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def discover(seconds: float, *, as_json: bool) -> None:
    """Find go-eChargers and SmartEVSEs in this network, and print the lines for the configuration."""
    from sunbox.drivers.goe.discovery import discover as goe
    from sunbox.drivers.smartevse.discovery import discover as smartevse

    async def listen() -> list[Any]:
        found = await asyncio.gather(goe(seconds), smartevse(seconds))
        return [each for some in found for each in some]

    found = asyncio.run(listen())
    if as_json:
        rows = [{"url": each.url, "serial": each.serial, "name": each.name} for each in found]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not found:
        raise SunboxError(
            f"no go-eCharger and no SmartEVSE answered within {seconds:g} s; is it in this network and not in the guests'? "
            "Look up its address in the router, and write it as `url`"
        )
    say("chargers:")
    for number, each in enumerate(found, start=1):
        serial = f" {each.serial}" if each.serial and each.serial not in each.name else ""
        device_id = "garage" if len(found) == 1 else f"charger{number}"
        say(f"{each.as_yaml(device_id)}   # {each.name}{serial}")
