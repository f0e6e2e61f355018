"""The commands of `sunbox charger NAME …` that only a SmartEVSE has: its whole document, parameters, colours, meters told by hand."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import click

from sunbox.cli.output import BAD, GOOD, WARNING, print_table, say
from sunbox.clock import SystemClock
from sunbox.errors import SunboxError

if TYPE_CHECKING:
    from sunbox.cli.charger import Charger
    from sunbox.dialects.smartevse.wire import Document
    from sunbox.drivers.smartevse.driver import SmartEvseDriver

READ_BACK_S = 1.2
"""A box works off what it is told once a second."""
COLORS = ("off", "normal", "smart", "solar", "custom")
MOST_A = 199.0
AMPS = click.FloatRange(-MOST_A, MOST_A)


def _example(*lines: str) -> str:
    return "\b\nExamples:\n" + "".join(f"  sunbox charger {line}\n" for line in lines)


@click.command(epilog=_example("garage settings", "garage settings --json"))
@click.option("--json", "as_json", is_flag=True, help="Print the document as it is.")
@click.pass_obj
def settings(own: Charger, *, as_json: bool) -> None:
    """Show all that a SmartEVSE says of itself. Keys of its OCPP backend are hidden."""
    from sunbox.dialects.smartevse.asked import hidden, shown
    from sunbox.dialects.smartevse.wire import leaves

    document = own.box(lambda driver: driver.read_document())
    if as_json:
        click.echo(json.dumps(hidden(document.raw), indent=2, ensure_ascii=False))
        return
    rows = [_row(path, shown(path, value)) for path, value in leaves(document.raw)]
    print_table("", ("key", "value", "unit", "is"), rows)


def _row(path: str, value: Any) -> tuple[str, str, str, str]:
    from sunbox.dialects.smartevse.table import PATHS

    row = next((row for row in PATHS.get(path, ()) if row.fits(value)), None)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return (path, text, "", "") if row is None else (path, text, row.unit, row.help)


def checked(words: tuple[str, ...], *, force: bool) -> dict[str, str]:
    """Return the parameters of `KEY=VALUE` words, as they are sent.

    Raises:
        click.UsageError: one is none, or cannot be told.
    """
    from sunbox.config.problems import did_you_mean
    from sunbox.dialects.smartevse.asked import DANGEROUS, problem_with_text, text_from_word
    from sunbox.dialects.smartevse.replies import SHOWN

    told: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not name or not equals:
            raise click.UsageError(f"{word!r} is no setting; write KEY=VALUE such as override_current=100")
        told[name] = text_from_word(name, text)
    for name, text in told.items():
        if force:
            continue
        if name in DANGEROUS:
            raise click.UsageError(f"{name}: {DANGEROUS[name]} (--force sends it all the same)")
        problem = problem_with_text(name, text, told)
        if problem is not None:
            hint = did_you_mean(name, SHOWN) if name not in SHOWN else ""
            raise click.UsageError(f"{problem}{hint} (--force sends it all the same)")
    return told


def set_parameters(own: Charger, words: tuple[str, ...], *, force: bool) -> None:
    """Tell a box parameters, and print what each reads back as."""
    told = checked(words, force=force)

    async def act(driver: SmartEvseDriver) -> tuple[dict[str, str | None], Document]:
        from sunbox.dialects.smartevse.asked import problem_at, requests_of

        if not force:
            zone = own.config().settings.site.timezone
            problem = problem_at(await driver.read_document(), told, SystemClock().now(), zone)
            if problem is not None:
                raise SunboxError(f"{own.name}: {problem} (--force sends it all the same)")
        results: dict[str, str | None] = {}
        for request in requests_of(told):
            results |= await driver.set_parameters(request)
        await asyncio.sleep(READ_BACK_S)
        return results, await driver.read_document()

    results, document = own.box(act)
    good = [_say_result(own, name, told[name], results.get(name), document) for name in told]  # each is said
    if not all(good):
        raise click.exceptions.Exit(1)


def _say_result(own: Charger, name: str, text: str, word: str | None, document: Document) -> bool:
    """Say how one parameter ended; return whether it reads back as told, or is not shown."""
    from sunbox.dialects.smartevse.asked import shown
    from sunbox.dialects.smartevse.replies import SHOWN, is_as_told

    if word is not None:
        say(f"{own.name}: {name}: {word}", BAD, is_error=True)
        return False
    path = SHOWN[name].path if name in SHOWN else ""
    value = json.dumps(shown(path, document.at(path)), ensure_ascii=False) if path else ""
    if path and document.at(path) is None:
        words = "it does not show it, and its firmware may not know it"
        say(f"{own.name}: {name} was sent; {words}", WARNING, is_error=True)
        return False
    is_unset = name in ("starttime", "stoptime") and document.at(path) == 0
    if is_unset or is_as_told(document, name, text) is False:
        say(f"{own.name}: {name} was taken, and reads back as {value}", WARNING, is_error=True)
        return False
    say(f"{own.name}: {name} is {value}" if path else f"{own.name}: {name} is taken", GOOD)
    return True


@click.command(epilog=_example("garage color off 0 0 255", "garage color solar 255 170 0"))
@click.argument("name", metavar="|".join(COLORS), type=click.Choice(COLORS))
@click.argument("parts", metavar="R G B", nargs=3, type=click.IntRange(0, 255))
@click.pass_obj
def color(own: Charger, name: str, parts: tuple[int, int, int]) -> None:
    """Set the colour in which a SmartEVSE lights in a mode."""

    async def act(driver: SmartEvseDriver) -> tuple[Any, Document]:
        told = dict(zip("RGB", map(str, parts), strict=True))
        reply = await driver.post(f"/color_{name}", told)
        return reply, await driver.read_document()

    reply, document = own.box(act)
    now = document.at(f"color.{name}")
    if not isinstance(reply, dict) or not reply or now != dict(zip("RGB", parts, strict=True)):
        raise SunboxError(
            f"{own.name}: the colour is {json.dumps(now)}; it did not take another one: {json.dumps(reply)}"
        )
    say(f"{own.name}: {name} lights as {' '.join(map(str, parts))}", GOOD)


@click.command(
    epilog=_example("garage currents 3.2 2 -1.5", "garage currents 0 0 0 --battery 12"),
    context_settings={"ignore_unknown_options": True},
)
@click.argument("phases", metavar="L1 L2 L3", nargs=3, type=AMPS)
@click.option("--battery", metavar="A", type=AMPS, help="Current of the home battery, + = it charges.")
@click.pass_obj
def currents(own: Charger, phases: tuple[float, float, float], battery: float | None) -> None:
    """Tell a SmartEVSE what flows at the mains, in A, + = import. It counts for 11 s, where its mains meter is API."""
    told = {f"L{number}": str(round(amps * 10)) for number, amps in enumerate(phases, start=1)}
    if battery is not None:
        told["battery_current"] = str(round(battery * 10))
    reply = own.box(lambda driver: driver.post("/currents", told))
    heard = reply if isinstance(reply, dict) else {}
    wrong = [word for word in (heard.get("TOTAL"), heard.get("battery_current")) if isinstance(word, str)]
    if "TOTAL" not in heard and not wrong:
        wrong = ["it does not listen: choose API as MAINS MET in its menu"]
    if wrong:
        raise SunboxError(f"{own.name}: {'; '.join(wrong)}")
    say(f"{own.name}: it takes {heard['TOTAL'] / 10:g} A in all for what flows at the mains", GOOD)


@click.command(
    "ev-meter", epilog=_example("garage ev-meter 10 10 10", "garage ev-meter 10 10 10 --energy 12000 0 6900")
)
@click.argument("phases", metavar="L1 L2 L3", nargs=3, type=click.FloatRange(0, 100))
@click.option(
    "--energy",
    metavar="IMPORTED EXPORTED POWER",
    nargs=3,
    type=click.IntRange(0, 2**31 - 1),
    help="Energies of all time in Wh, and the power in W.",
)
@click.pass_obj
def ev_meter(own: Charger, phases: tuple[float, float, float], energy: tuple[int, int, int] | None) -> None:
    """Tell a SmartEVSE what flows into the car, in A. It counts for 64 s, where its meter of the car is API."""
    told = {f"L{number}": str(round(amps * 10)) for number, amps in enumerate(phases, start=1)}
    if energy is not None:
        names = ("import_active_energy", "export_active_energy", "import_active_power")
        told |= dict(zip(names, map(str, energy), strict=True))
    reply = own.box(lambda driver: driver.post("/ev_meter", told))
    heard = reply.get("ev_meter") if isinstance(reply, dict) else None
    if not isinstance(heard, dict) or "currents" not in heard:
        raise SunboxError(f"{own.name}: it does not listen: choose API as EV METER in its menu")
    say(f"{own.name}: it takes {heard['currents'].get('TOTAL', 0) / 10:g} A in all for what the car takes", GOOD)


@click.command(epilog=_example("garage reboot"))
@click.pass_obj
def reboot(own: Charger) -> None:
    """Have a SmartEVSE start anew; while a car charges, after it."""
    reply = own.box(lambda driver: driver.post("/reboot", {}))
    say(f"{own.name}: {reply}" if isinstance(reply, str) else f"{own.name}: {json.dumps(reply)}", GOOD)


COMMANDS = (settings, color, currents, ev_meter, reboot)
