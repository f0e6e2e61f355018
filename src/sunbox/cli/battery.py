"""`sunbox battery`: what the Powerwall does and how it is set, by hand: straight to Tesla's cloud.

A hold by hand is noted where the gateway notes its own, so either gives back what the other took.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sunbox.cli.options import config_option
from sunbox.cli.output import GOOD, WARNING, say
from sunbox.errors import SunboxError

if TYPE_CHECKING:
    from sunbox.core.wallbox import Notebook
    from sunbox.dialects.powerwall.hold_book import Book, Part
    from sunbox.dialects.powerwall.table import EnergyEndpoint
    from sunbox.drivers.powerwall.cloud import CloudSite
    from sunbox.drivers.powerwall.driver import PowerwallDriver

T = TypeVar("T")

MODES = {"self": "self_consumption", "auto": "autonomous", "backup": "backup"}
"""What people write, and what the site is told."""

READ_BACK_S = 3.0
LOOKS = 4
"""How often, and how many times, it is looked whether something is done; later on the gateway looks."""


@dataclass(frozen=True)
class Asked:
    """Which configuration, and which meter of it."""

    path: Path
    meter: str | None

    def straight(self, act: Callable[[PowerwallDriver], Awaitable[T]]) -> T:
        """Do something with the Powerwall.

        Raises:
            SunboxError: there is none, or it cannot be reached; the text says what to do.
        """

        async def main() -> T:
            from sunbox.app import REGISTRY, open_drivers
            from sunbox.cli.live import set_up_logs
            from sunbox.clock import SystemClock
            from sunbox.config import load
            from sunbox.drivers.powerwall.driver import PowerwallDriver
            from sunbox.net.http import client_factory
            from sunbox.store.memory_store import MemoryStore

            set_up_logs(is_quiet=True)
            config = load(self.path, REGISTRY)
            store = MemoryStore(config.store_path)

            def notebook(name: str) -> Notebook:
                return store.notebook(name)

            drivers, accounts = open_drivers(config, client_factory(), SystemClock(), notebook=notebook)
            try:
                found = {name: each for name, each in drivers.items() if isinstance(each, PowerwallDriver)}
                driver = found.get(self.meter or next(iter(found), ""))
                if driver is None:
                    known = (
                        ", ".join(found) or "none; write one such as {id: powerwall, driver: powerwall, site: 123456}"
                    )
                    raise SunboxError(
                        f"{self.path} has no Powerwall{f' {self.meter!r}' if self.meter else ''} among its meters; "
                        f"there are: {known}"
                    )
                driver.is_by_hand()
                return await act(driver)
            finally:
                for opened in drivers.values():
                    await opened.close()
                for account in accounts:
                    await account.close()
                store.close()

        return asyncio.run(main())


def _example(*lines: str) -> str:
    return "\b\nExamples:\n" + "".join(f"  sunbox battery {line}\n" for line in lines)


@click.group(epilog=_example("status", "reserve 30", "mode self", "hold", "release"))
@config_option()
@click.option("--meter", metavar="NAME", help="Which of several Powerwalls: its id in the configuration.")
@click.pass_context
def battery(ctx: click.Context, path: Path, meter: str | None) -> None:
    """Show the Powerwall, set its reserve or mode, or keep it out of the car.

    Everything goes straight to Tesla's cloud, which may charge for each request. What is set stays set; what a hold changes is
    given back by `release`.
    """
    ctx.obj = Asked(path, meter)


@battery.command(epilog=_example("status", "status --json"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def status(asked: Asked, *, as_json: bool) -> None:
    """Show what flows, how it is set, and whether it is held."""

    async def act(driver: PowerwallDriver) -> dict[str, Any]:
        site = _site(driver)
        info, live = _there(await site.info()), _there(await site.live())
        holder = driver.holder
        return {
            "site": site.site,
            "name": info.name,
            "soc_pct": live.soc_pct,
            "battery_w": live.battery_w,
            "grid_w": live.grid_w,
            "solar_w": live.solar_w,
            "load_w": live.load_w,
            "off_grid": live.is_off_grid,
            "storm_watch": live.is_storm_watched,
            "reserve_pct": info.reserve_pct,
            "mode": info.mode.value,
            "grid_charging": info.may_charge_from_grid,
            "measured_at": None if live.measured_at is None else live.measured_at.isoformat(),
            "hold": None if holder is None else _told(holder.book),
        }

    told = asked.straight(act)
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    for words, key, unit in ROWS:
        value = told[key]
        shown = (
            "not told"
            if value is None
            else {True: "yes", False: "no"}.get(value, value)
            if isinstance(value, bool)
            else value
        )
        say(f"{words:<22}{shown:g} {unit}" if isinstance(shown, float) else f"{words:<22}{shown}")
    say(f"{'held':<22}{told['hold'] or 'cannot be (hold: off)'}")


ROWS: tuple[tuple[str, str, str], ...] = (
    ("site", "site", ""),
    ("charge", "soc_pct", "%"),
    ("battery (+ gives)", "battery_w", "W"),
    ("grid (+ import)", "grid_w", "W"),
    ("sun", "solar_w", "W"),
    ("house and cars", "load_w", "W"),
    ("off grid", "off_grid", ""),
    ("storm watch", "storm_watch", ""),
    ("reserve", "reserve_pct", "%"),
    ("mode", "mode", ""),
    ("charges from grid", "grid_charging", ""),
)
"""What is printed: words, JSON key, unit."""


@battery.command(epilog=_example("reserve 30", "reserve 100"))
@click.argument("percent", metavar="N", type=click.IntRange(0, 100))
@click.pass_obj
def reserve(asked: Asked, percent: int) -> None:
    """Keep N % for a time without grid. With recent firmware 81 to 99 become 80."""
    from sunbox.dialects.powerwall.hold_book import Part
    from sunbox.dialects.powerwall.table import BACKUP

    _set(asked, BACKUP, "backup_reserve_percent", percent, lambda info: info.reserve_pct, Part.RESERVE)


@battery.command(epilog=_example("mode self", "mode auto", "mode backup"))
@click.argument("word", metavar="self|auto|backup", type=click.Choice(list(MODES)))
@click.pass_obj
def mode(asked: Asked, word: str) -> None:
    """Set what the battery is for: the house (self), the tariff (auto), or a time without grid alone (backup)."""
    from sunbox.dialects.powerwall.hold_book import Part
    from sunbox.dialects.powerwall.table import OPERATION

    _set(asked, OPERATION, "default_real_mode", MODES[word], lambda info: info.mode.value, Part.MODE)


@battery.command(epilog=_example("hold"))
@click.pass_obj
def hold(asked: Asked) -> None:
    """Keep the battery out of everything, house and cars, until `release`. How it was set is noted and given back."""

    async def act(driver: PowerwallDriver) -> Book:
        return await _by_hand(driver, is_held=True)

    book = asked.straight(act)
    if not book.entries:
        raise SunboxError(f"not held: {book.problem or book.note or 'nothing is to be done'}")
    say(_told(book), GOOD if _is_done(book, is_held=True) else WARNING)


@battery.command(epilog=_example("release"))
@click.pass_obj
def release(asked: Asked) -> None:
    """Give the battery back as it was. A hold of the running gateway's goes on as long as the car charges on purpose."""

    async def act(driver: PowerwallDriver) -> Book:
        return await _by_hand(driver, is_held=False)

    book = asked.straight(act)
    say("as its owner has it" if not book.entries else _told(book), WARNING if book.entries else GOOD)


async def _by_hand(driver: PowerwallDriver, *, is_held: bool) -> Book:
    if driver.holder is None:
        raise SunboxError(f"{driver.device_id} cannot be held: write its `site`, and `hold: reserve` or backup")
    holder = driver.holder
    if is_held and not holder.can_hold:
        raise SunboxError(f"{driver.device_id} cannot be held: write `hold: reserve` or backup")
    await holder.by_hand(is_held=is_held)
    for _ in range(LOOKS):
        if not holder.book.entries or _is_done(holder.book, is_held=is_held) or holder.book.problem is not None:
            break
        await asyncio.sleep(READ_BACK_S)
        await holder.look(flows=is_held)
        await holder.round()
    if not holder.book.entries and is_held:
        await holder.forget_hand()
    return holder.book


def _is_done(book: Book, *, is_held: bool) -> bool:
    return all(entry.is_settled(entry.ours) if is_held else entry.is_over() for entry in book.entries)


def _told(book: Book) -> str:
    """Return in words how a hold stands."""
    if not book.entries:
        return "no"
    parts = []
    for entry in book.entries:
        name = entry.part.value.replace("_", " ")
        if entry.will_be == entry.original:
            parts.append(f"{name} is given back as {entry.original}, the site still tells {entry.stands}")
        else:
            wait = "" if entry.stands == entry.ours else f", the site still tells {entry.stands}"
            parts.append(f"{name} {entry.ours} (it was {entry.original}{wait})")
    by = " by hand" if book.by_hand else ""
    problem = f"; {book.problem}" if book.problem else ""
    return f"yes{by}: {', '.join(parts)}{problem}"


def _site(driver: PowerwallDriver) -> CloudSite:
    if driver.site is None:
        raise SunboxError(f"{driver.device_id} is only read at home; write its `site`, its number in the account, too")
    return driver.site


def _there(found: Any) -> Any:
    """Return an answer.

    Raises:
        SunboxError: there is none.
    """
    from sunbox.dialects.tesla.outcomes import Failed
    from sunbox.drivers.powerwall.driver import advised

    if isinstance(found, Failed):
        raise SunboxError(advised("Tesla", found))
    return found


def _set(asked: Asked, row: EnergyEndpoint, key: str, value: int | str, read: Callable[[Any], Any], part: Part) -> None:
    """Tell the site something, and look whether it says so."""

    async def act(driver: PowerwallDriver) -> Any:
        site = _site(driver)
        written = await site.write(row, {key: value})
        if not written.is_taken:
            _there(written.failed)
        if driver.holder is not None:
            await driver.holder.set_by_owner(part, value)  # a hold is to give it back as that
        seen = None
        for _ in range(LOOKS):
            await asyncio.sleep(READ_BACK_S)
            site.forget()
            seen = read(_there(await site.info()))
            if seen == value:
                break
        return seen

    words, seen = part.value, asked.straight(act)
    if seen == value:
        say(f"{words} {value}", GOOD)
    else:
        say(f"{words} {value} was taken; the site still tells {seen}: it may take up to 45 minutes", WARNING)
