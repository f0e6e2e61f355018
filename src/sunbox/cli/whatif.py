"""`sunbox whatif`: recorded days lived again with other settings, and what that would have changed."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sunbox.cli.output import WARNING, print_table, say
from sunbox.errors import SunboxError

if TYPE_CHECKING:
    from sunbox.core.settings import Settings
    from sunbox.gateway.recorded import Record
    from sunbox.simulator.bench.again import Move, Outcome, RecordedHome

LEAST_INTERVAL_S, WEEKS_INTERVAL_S = 5.0, 20.0
"""A faster meter is read so often here, and over more than a week: the difference between two lives stays the same."""
WEEK_S = 7 * 86_400.0

DELAY_S = 5.0
"""From a command until a car of this world does it, and answers."""

TOLD_EACH_S = 300.0
"""How often a car of this world tells how it is; cables are told at once."""

READ_SHARE = 0.15
"""Of the bar: reading the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What really happened, in the record's own figures."""

    charged_kwh: float
    solar_kwh: float
    import_kwh: float
    starts: int
    commands: int
    money: float


def files_of(paths: Sequence[Path]) -> list[Path]:
    """Return the files of journals that are meant: files themselves, and those of folders.

    Raises:
        SunboxError: one is missing, or a folder has none.
    """
    from sunbox.gateway.days import days_in, path_of

    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            days = days_in(path)
            if not days:
                raise SunboxError(f"{path}: there is no journal in it (files such as 2026-06-01.jsonl)")
            files += [path_of(path, day) for day in days]
        elif path.exists():
            files.append(path)
        else:
            raise SunboxError(f"{path}: there is no such file or folder; name a journal with --journal")
    return list(dict.fromkeys(files))


def home_of(record: Record) -> RecordedHome:
    """Return what a record says of the home, whatever its settings."""
    from sunbox.gateway.recorded import driven
    from sunbox.simulator.bench.again import RecordedHome
    from sunbox.simulator.bench.site_car import Traits
    from sunbox.simulator.recorded import Point

    rows = driven(record.settings)
    able = {row.id: row.capabilities for row in record.settings.vehicles}
    cars: dict[str, Traits] = {}
    for row, car in zip(rows, record.cars, strict=True):
        vehicle_id = row.vehicle_id or ""
        can_switch = able[vehicle_id].phase_switch is not None
        cars.setdefault(
            vehicle_id,
            Traits(
                phases=car.phases,
                offered=3 if can_switch or car.phases > 1 else 1,
                can_switch=can_switch,
                min_a=able[vehicle_id].min_a,
                max_a=car.max_a,
                delay_s=DELAY_S,
                told_each_s=TOLD_EACH_S,
            ),
        )
    points = [
        Point(sample.at, sample.surplus_w, sample.pv_w, sum(row.doubt_w for row in sample.seen))
        for sample in record.samples
    ]
    moves = [move for number, row in enumerate(rows) for move in _moves(record, number, row.vehicle_id or "")]
    from sunbox.core.model import Override
    from sunbox.core.wallbox import Request

    first_at = record.samples[0].at
    wishes = [
        (
            first_at,
            Request(
                loadpoint_id=id_,
                by=wish.override_by or "record",
                mode=wish.mode,
                override=None if wish.override is Override.NONE else wish.override,
                until_at=wish.override_until_at,
                amps_a=wish.amps_a,
            ),
        )
        for id_, wish in record.wishes.items()
    ]
    steps_s = sorted(
        (after.at - before.at).total_seconds()
        for before, after in zip(record.samples, record.samples[1:], strict=False)
    )
    length_s = (record.samples[-1].at - first_at).total_seconds()
    least_s = LEAST_INTERVAL_S if length_s <= WEEK_S else WEEKS_INTERVAL_S
    return RecordedHome(
        points=points,
        moves=sorted(moves, key=lambda move: move.at),
        requests=[*wishes, *((event.at, event.request) for event in record.requests)],
        cars=cars,
        interval_s=max(least_s, steps_s[len(steps_s) // 2] if steps_s else least_s),
        measures_phases=record.measures_phases,
    )


def _moves(record: Record, number: int, vehicle_id: str) -> Iterator[Move]:
    """Yield when the cable of one loadpoint went in and out, and how much went in until the car was full."""
    from sunbox.gateway.report import HELD_MOST_S
    from sunbox.simulator.bench.again import Move

    begun_at, charged_wh, full = None, 0.0, False
    before = None
    for sample in record.samples:
        row = sample.seen[number]
        if begun_at is not None and before is not None:
            held_s = min(HELD_MOST_S, (sample.at - before.at).total_seconds())
            charged_wh += before.seen[number].draw_w * held_s / 3600.0
        if row.is_plugged and begun_at is None:
            begun_at, charged_wh = sample.at, 0.0
        elif not row.is_plugged and begun_at is not None:
            yield Move(begun_at, vehicle_id, is_plugged=True, room_wh=charged_wh if full else None)
            yield Move(sample.at, vehicle_id, is_plugged=False)
            begun_at = None
        full = row.is_full
        before = sample
    if begun_at is not None:
        yield Move(begun_at, vehicle_id, is_plugged=True, room_wh=charged_wh if full else None)


def happened(record: Record) -> Happened:
    """Return what the record says that these days brought."""
    from sunbox.gateway.report import report_of

    zone = record.settings.site.timezone
    first, last = (record.samples[number].at.astimezone(zone).date() for number in (0, -1))
    days: list[date] = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    reports = [report_of(record, day) for day in days]
    return Happened(
        charged_kwh=round(sum(report.charged_kwh for report in reports), 2),
        solar_kwh=round(sum(report.solar_kwh for report in reports), 2),
        import_kwh=round(sum(report.import_kwh for report in reports), 2),
        starts=sum(_starts(record, number) for number in range(len(record.cars))),
        commands=sum(report.commands for report in reports),
        money=round(sum(report.money for report in reports), 3),
    )


def _starts(record: Record, number: int) -> int:
    """Return how often a car began to draw, as far as it is known for sure."""
    starts, was_drawing = 0, False
    for sample in record.samples:
        row = sample.seen[number]
        if row.draw_low_w > 0:
            starts += not was_drawing
            was_drawing = True
        elif row.draw_high_w <= 0:
            was_drawing = False
    return starts


# Two lives at the same time -------------------------------------------------------------------------------------------

_shares: Any = None


def _take_shares(shares: Any) -> None:
    global _shares  # noqa: PLW0603 - what a process is given when it begins
    _shares = shares


def _live(number: int, home: RecordedHome, settings: Settings) -> Outcome:
    from sunbox.simulator.bench.again import live_again

    gc.freeze()  # the record stays: nobody needs to look through it again and again

    def progress(share: float) -> None:
        _shares[number] = share

    return live_again(home, settings, progress)


def live_both(home: RecordedHome, lives: Sequence[Settings], told: Any) -> list[Outcome]:
    """Return what each of several settings is worth, each reckoned in a process of its own."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    shares = context.Array("d", len(lives))
    with ProcessPoolExecutor(len(lives), mp_context=context, initializer=_take_shares, initargs=(shares,)) as pool:
        futures: list[Future[Outcome]] = [
            pool.submit(_live, number, home, settings) for number, settings in enumerate(lives)
        ]
        pending = set(futures)
        while pending:
            _, pending = wait(pending, timeout=0.2)
            told(sum(shares[number] for number in range(len(lives))) / len(lives))
        return [future.result() for future in futures]


ROWS: tuple[tuple[str, str, str], ...] = (
    ("charged_kwh", "charged", "kWh"),
    ("solar_kwh", "of it solar", "kWh"),
    ("import_kwh", "imported", "kWh"),
    ("starts", "starts", ""),
    ("commands", "commands", ""),
    ("phase_switches", "phase switches", ""),
    ("money", "spent on commands", ""),
)
"""Field, words, unit."""


def cells(real: Happened, old: Outcome, new: Outcome) -> list[tuple[str, ...]]:
    """Return the table: what really happened, both lives, and their difference."""
    rows: list[tuple[str, ...]] = []
    for name, words, unit in ROWS:
        was, is_ = getattr(old, name), getattr(new, name)
        kind = ".3f" if name == "money" else "d" if isinstance(was, int) else ".1f"
        recorded = getattr(real, name, None) if name != "money" else None
        rows.append(
            (
                words,
                "–" if recorded is None else f"{recorded:{kind}}",
                f"{was:{kind}}",
                f"{is_:{kind}}",
                f"{is_ - was:+{kind}}",
                unit,
            )
        )
    return rows


def off_words(real: Happened, old: Outcome) -> str:
    """Return how far the simulated life with the old settings is from what really happened."""
    if real.charged_kwh <= 0:
        return "Nothing was charged in the record; there is nothing to hold the simulation against."
    off_pct = 100 * (old.charged_kwh - real.charged_kwh) / real.charged_kwh
    solar_pct = 100 * (old.solar_kwh - real.solar_kwh) / real.solar_kwh if real.solar_kwh > 0 else 0.0
    return (
        f"The simulation of the old settings is {off_pct:+.1f} % off the record in energy, {solar_pct:+.1f} % in sun, "
        f"{old.import_kwh - real.import_kwh:+.1f} kWh in import and {old.commands - real.commands:+d} commands: differences "
        "much smaller than that mean nothing."
    )


@click.command(
    epilog="""\b
Examples:
  sunbox whatif --journal journal --set carport.start_delay_s=120
  sunbox whatif --journal journal/2026-06-01.jsonl --set loadpoints[0].solar_share_pct=50 --set site.target_grid_w=-100
  sunbox whatif --journal journal -c sunbox.yaml --set tesla.budget.commands_per_day=48 --json
"""
)
@click.option(
    "--journal",
    "paths",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="A file of a journal, or its folder. May be given again.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    required=True,
    metavar="KEY=VALUE",
    help="A key of the configuration with another value. May be given again.",
)
@click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The configuration that is changed; default: the settings that the journal recorded.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def whatif(paths: tuple[Path, ...], changes: tuple[str, ...], config_path: Path | None, as_json: bool) -> None:
    """Live recorded days again with the old and with other settings, and print the difference.

    The sun, the house, when the cars were plugged in and what people asked for are the record's; the cars are simulated.
    """
    from sunbox.app import REGISTRY
    from sunbox.config.changes import change
    from sunbox.gateway.recorded import read_record, settings_in

    files = files_of(paths)
    # a mistake is told before anything takes time
    old, new = change(settings_in(max(files, key=lambda path: path.name)), changes, path=config_path, registry=REGISTRY)
    with _bar() as told:
        record = read_record(files, lambda share: told(READ_SHARE * share))
        home = home_of(record)
        if not any(row.vehicle_id in home.cars for row in old.loadpoints):
            raise SunboxError(
                f"{config_path}: none of its loadpoints has a car of the journal ({', '.join(home.cars)})"
            )
        real = happened(record)
        before, after = live_both(home, (old, new), lambda share: told(READ_SHARE + (1 - READ_SHARE) * share))
    if as_json:
        document = {
            "set": list(changes),
            "days": before.days,
            "recorded": asdict(real),
            "old": asdict(before),
            "new": asdict(after),
            "gaps": record.gaps,
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    title = f"{before.days:g} days with {', '.join(changes)}"
    print_table(
        title, ("", "recorded", "old, simulated", "new, simulated", "difference", ""), cells(real, before, after)
    )
    say(off_words(real, before))
    if old == new:
        say("That is what the settings say already: nothing was changed.", WARNING)
    for gap in record.gaps:
        say(f"gap: {gap}", WARNING)


@contextmanager
def _bar() -> Iterator[Any]:
    """Show a bar on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=1000, file=sys.stderr, label="whatif") as bar:
        yield lambda share: bar.update(max(0, int(1000 * share) - bar.pos))
