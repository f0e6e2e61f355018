"""`sunbox report`: what a recorded day brought, what was missed and why, and what would have been possible."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sunbox.cli.output import BAD, GOOD, WARNING, print_table, say
from sunbox.cli.recorded import DAY_WORDS, day_of, journal_options, open_journal
from sunbox.errors import SunboxError

if TYPE_CHECKING:
    from sunbox.core.wallbox import DayReport

CAUSE_WORDS: dict[str, str] = {
    "waiting_to_last": "waited: the sun had to last first (start delay)",
    "below_minimum": "too little for the car's minimum",
    "steps_and_lag": "whole amps, and the time that meter, car and rules take",
    "price_or_budget": "held back: a command costs more than it brings, or the budget was spent",
    "car_away": "the car was away or unplugged",
    "waking": "the car slept and was being woken",
    "asked_for": "somebody stopped it, or asked for other amps",
    "car_full": "the car was full or at its target",
    "meter_stale": "the grid meter was silent",
    "off_grid": "there was no grid",
    "fuse": "the fuse left too little",
    "fault": "the car or its service did not do it",
    "not_recorded": "the record does not say",
}
"""Each cause in words; a test holds it together with the causes there are."""


def show(report: DayReport) -> None:
    """Print a day."""
    say(f"{report.day:%A} {report.day.isoformat()}, {report.hours:g} h recorded", "bold")
    rows: list[tuple[str, str, str]] = [
        ("sun that was there for cars", f"{report.sun_kwh:.1f} kWh", ""),
        ("of it while a car could take it", f"{report.usable_kwh:.1f} kWh", _share(report.usable_kwh, report.sun_kwh)),
        ("captured", f"{report.solar_kwh:.1f} kWh", _share(report.solar_kwh, report.sun_kwh)),
        ("imported for cars", f"{report.import_kwh:.1f} kWh", ""),
        *([("from the home battery", f"{report.battery_kwh:.1f} kWh", "")] if report.battery_kwh > 0 else []),
        ("charged in all", f"{report.charged_kwh:.1f} kWh", ""),
        ("commands", f"{report.commands}", ""),
        ("spent on requests", f"{report.money:.3f}", ""),
    ]
    print_table("", ("", "", "of the sun"), rows)
    missed = [
        (CAUSE_WORDS.get(cause, cause), f"{kwh:.2f} kWh", _share(kwh, report.sun_kwh))
        for cause, kwh in report.missed_kwh.items()
    ]
    if missed:
        print_table("Missed", ("why", "", "of the sun"), missed)
    if len(report.loadpoints) > 1:
        print_table(
            "Loadpoints",
            ("loadpoint", "charged", "sun", "import", "missed", "commands"),
            [
                (
                    row.id,
                    *(f"{kwh:.1f} kWh" for kwh in (row.charged_kwh, row.solar_kwh, row.import_kwh)),
                    f"{sum(row.missed_kwh.values()):.1f} kWh",
                    str(row.commands),
                )
                for row in report.loadpoints
            ],
        )
    possible = report.possible
    if possible is None or possible.share_pct is None:
        say("Nothing was possible: no car could have charged from the sun.")
    else:
        style = GOOD if possible.share_pct >= 80 else WARNING if possible.share_pct >= 50 else BAD
        say(f"You got {possible.share_pct:.0f} % of what was possible.", style)
        say(
            f"Who had known the whole day could, with {possible.commands:.0f} commands, have captured "
            f"{possible.solar_kwh:.1f} kWh and imported {possible.import_kwh:.1f} kWh (import counts {possible.weight:g}-fold)."
        )
    for gap in report.gaps:
        say(f"gap: {gap}", WARNING)


def _share(part_kwh: float, whole_kwh: float) -> str:
    return f"{100 * part_kwh / whole_kwh:.0f} %" if whole_kwh > 0 else "–"


@click.command(
    epilog="""\b
Examples:
  sunbox report                                the newest day of the journal
  sunbox report yesterday
  sunbox report 2026-06-01 --journal /var/lib/sunbox/journal --json
"""
)
@click.argument("day", required=False)
@journal_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def report(day: str | None, config_path: Path | None, folder: Path | None, as_json: bool) -> None:
    """Tell what a recorded DAY brought, what was missed and why, and what would have been possible.

    DAY is today, yesterday, a day of the week or a date; default is the newest one that is recorded.
    """
    from sunbox.app import report_day
    from sunbox.clock import SystemClock
    from sunbox.core.wallbox import NotRecordedError

    kept = open_journal(config_path, folder)
    wanted: date | None = kept.days[-1]
    if day is not None:
        wanted = day_of(day, SystemClock().now().astimezone(kept.settings.site.timezone).date())
    if wanted is None:
        raise SunboxError(f"{day!r} is no day; write one such as {DAY_WORDS}")
    try:
        told = report_day(kept.folder, wanted)
    except NotRecordedError as error:
        raise SunboxError(f"{kept.folder}: {error}") from error
    if as_json:
        click.echo(json.dumps(asdict(told), indent=2, ensure_ascii=False, default=str))
    else:
        show(told)
