"""`sunbox explain`: why a car is, or was, charging or not, at any moment of the record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from sunbox.cli.output import WARNING, say
from sunbox.cli.recorded import WORDS, Kept, journal_options, moment, open_journal, span_words
from sunbox.cli.status import COLOURS
from sunbox.core.reasons import ReasonCode
from sunbox.core.wallbox import Decision
from sunbox.errors import SunboxError

LOOK_BACK = timedelta(days=14)
LOOK_AHEAD = timedelta(days=1)
SILENCE = timedelta(minutes=15)
"""A decision is recorded every five minutes: where the last one is older than this, the gateway did not run."""

CHANGES: dict[ReasonCode, str] = {
    ReasonCode.NEVER_SEEN: "the car being seen: by itself once it is online, or when there is sun or somebody asks for a start",
    ReasonCode.NOT_PLUGGED: "plugging the car in",
    ReasonCode.AT_CHARGER: "plugging the car in here",
    ReasonCode.AWAY: "the car coming to {home}, or a start by name",
    ReasonCode.PLACE_UNKNOWN: "the car telling its location, or assume_place in the configuration",
    ReasonCode.NOT_PV_PLACE: "the tag pv at {place} in the configuration, or a start by name",
    ReasonCode.FAST_CHARGER: "the car leaving the fast charger",
    ReasonCode.OWN_SCHEDULE: "the car's own time, a start, or respect_schedule: false at the loadpoint",
    ReasonCode.OTHER_MANAGER: "the other program leaving the car alone: one of both should be switched off",
    ReasonCode.MODE_OFF: "another mode, or a start",
    ReasonCode.STOPPED_BY: "lifting the stop (override none), a start, or unplugging",
    ReasonCode.TARGET_REACHED: "a higher target, or the charge falling 3 points below it",
    ReasonCode.COMPLETE: "a higher limit in the car",
    ReasonCode.CHARGING_NOW: "another mode, a stop, or the car being full",
    ReasonCode.CHARGING_BY: "lifting the start (override none), a stop, or unplugging",
    ReasonCode.CHARGING_PV: "another ampere of surplus, more or less",
    ReasonCode.CHARGING_MINIMUM: "more surplus; or a stop, once it has been at the minimum for as long as it says",
    ReasonCode.CHARGING_GUARANTEED: "a surplus above {used_w} W",
    ReasonCode.CHARGING_HELD: "{price_wh} Wh lost: then a command to {best_a} A pays",
    ReasonCode.SURPLUS_LOW: "a surplus of {needed_w} W that lasts",
    ReasonCode.SURPLUS_STARTING: "{start_wh} Wh missed ({missed_wh} Wh so far), or the surplus falling below {needed_w} W",
    ReasonCode.START_PRICE: "{price_wh} Wh missed: then a start pays",
    ReasonCode.GRID_STALE: "a new reading of the grid meter",
    ReasonCode.SUN_DOWN: "sunrise",
    ReasonCode.OFF_GRID: "the grid coming back; or a start, which takes from the battery",
    ReasonCode.GRID_STALE_HOLD: "a new reading of the grid meter; without one it falls to the minimum and stops",
    ReasonCode.FUSE: "the house taking less: {amps_a} A must be left by {what}",
    ReasonCode.WAKING: "the car coming online",
    ReasonCode.WAKE_FAILED: "the next try to wake it, or the car waking by itself",
    ReasonCode.STARTING: "the car saying that it charges",
    ReasonCode.STOPPING: "the car saying that it has stopped",
    ReasonCode.REFUSED: "another wish, unplugging, or the car saying something new",
    ReasonCode.NO_POWER: "power at the socket",
    ReasonCode.CAR_IDLE: "the car asking for current by itself",
    ReasonCode.CHARGER_HOLDS: "the charger's own settings, or the fault that it names",
    ReasonCode.CHARGER_SILENT: "an answer of the charger: its power, its network, its address in the file",
    ReasonCode.CHARGER_FAULT: "the fault being mended at the charger or the car",
    ReasonCode.RETRYING: "the next try getting through",
    ReasonCode.RATE_LIMITED: "the time that the maker's service asked to wait being over",
    ReasonCode.LOGIN_REQUIRED: "a new login: sunbox setup tesla",
    ReasonCode.BUDGET: "the next day of the budget ({until}), or a larger budget; a stop is never held back",
}
"""What would change a decision, for every reason there is."""

UNKNOWN = "not known: the record was written by a sunbox that knew other reasons than this one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One loadpoint at one moment."""

    loadpoint: str
    at: datetime
    decision: Decision  #: the last record up to `at`
    since_at: datetime  #: when it became so
    is_since_known: bool  #: False = it was so already where the record begins
    before: Decision | None  #: the last record of what it was before
    before_since_at: datetime | None
    changed: tuple[str, ...]  #: between the two, in words
    would_change: str
    after: Decision | None  #: what came next
    silent_s: float | None  #: for how long nothing had been recorded, where that is too long


def explain_at(rows: Sequence[Decision], at: datetime) -> Explanation | None:
    """Return the explanation out of one loadpoint's records in the order of time; None if there is none up to `at`."""
    past = [row for row in rows if row.at <= at]
    if not past:
        return None
    now = past[-1]
    first, before = _run_of(past)
    before_first = None if before is None else _run_of([row for row in past if row.at <= before.at])[0]
    silence = at - now.at
    return Explanation(
        loadpoint=now.loadpoint,
        at=at,
        decision=now,
        since_at=first.at,
        is_since_known=before is not None,
        before=before,
        before_since_at=None if before_first is None else before_first.at,
        changed=() if before is None else tuple(_differences(before, first)),
        would_change=would_change(now),
        after=next((row for row in rows if row.at > at and _story(row) != _story(now)), None),
        silent_s=silence.total_seconds() if silence > SILENCE else None,
    )


def _story(row: Decision) -> tuple[Any, ...]:
    """Return what makes it another decision to a person: that a command for it is under way does not."""
    return row.gist[:-1]


def _run_of(past: Sequence[Decision]) -> tuple[Decision, Decision | None]:
    """Return the first record that is like the last one without another between, and the one before it."""
    first = past[-1]
    for row in reversed(past):
        if _story(row) != _story(first):
            return first, row
        first = row
    return first, None


DIFFERENCES: tuple[tuple[str, str, str], ...] = (
    ("mode", "mode", ""),
    ("override", "override", ""),
    ("charge", "to charge", ""),
    ("amps_a", "current", " A"),
    ("phases", "phases", ""),
    ("acting", "carried out", ""),
    ("surplus_low_w", "surplus", " W"),
)
"""Field, words, unit."""


def _differences(before: Decision, after: Decision) -> list[str]:
    return [
        f"{words} {_shown(was)}{unit} → {_shown(is_)}{unit}"
        for name, words, unit in DIFFERENCES
        if (was := getattr(before, name)) != (is_ := getattr(after, name))
    ]


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.0f}" if isinstance(value, float) else str(value)


class _Gaps(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def would_change(decision: Decision) -> str:
    """Return what would change a decision."""
    try:
        text = CHANGES[ReasonCode(decision.code)]
    except ValueError:
        return UNKNOWN
    numbers = {key: f"{value:.0f}" if isinstance(value, float) else value for key, value in decision.numbers.items()}
    return text.format_map(_Gaps(numbers))


def explain_moment(kept: Kept, at: datetime, now: datetime, loadpoint_id: str | None) -> tuple[list[Explanation], Any]:
    """Return the explanation of each loadpoint that is asked for, and what is missing in the record.

    Raises:
        SunboxError: there is no such loadpoint, or nothing is recorded of the moment.
    """
    from sunbox.core.wallbox import DecisionQuery
    from sunbox.gateway.days import spoken
    from sunbox.gateway.decisions import read_decisions

    known = [row.id for row in kept.settings.loadpoints]
    numbered = {str(number): id_ for number, id_ in enumerate(known, start=1)}
    chosen = numbered.get(loadpoint_id or "", loadpoint_id)
    query = DecisionQuery(from_at=at - LOOK_BACK, to_at=min(now, at + LOOK_AHEAD))
    page = read_decisions(kept.folder, query)
    ids = list(dict.fromkeys([*known, *(row.loadpoint for row in page.decisions)]))
    if chosen is not None and chosen not in ids:
        raise SunboxError(f"--loadpoint: there is no loadpoint {loadpoint_id!r}; known are {', '.join(ids)}")
    day = at.astimezone(kept.settings.site.timezone).date()
    if day not in kept.days:
        raise SunboxError(f"{kept.folder}: there is no journal of {day.isoformat()}; {spoken(list(kept.days))}")
    found = [
        explained
        for id_ in ids
        if chosen in {None, id_}
        and (explained := explain_at([row for row in page.decisions if row.loadpoint == id_], at)) is not None
    ]
    if not found:
        first = next((row.at for row in page.decisions), None)
        begins = (
            ""
            if first is None
            else f"; the first one after it is of {first.astimezone(kept.settings.site.timezone):%Y-%m-%d %H:%M}"
        )
        raise SunboxError(f"{kept.folder}: nothing is recorded up to that moment{begins}")
    return found, page.gaps


def lines_of(told: Explanation, zone: Any) -> list[tuple[str, str]]:
    """Return an explanation as rows of a word and a text."""

    def clock(at: datetime) -> str:
        local, here = at.astimezone(zone), told.at.astimezone(zone)
        return f"{local:%H:%M:%S}" if local.date() == here.date() else f"{local:%a %d %b %H:%M:%S}"

    now = told.decision
    since = f"{clock(told.since_at)} ({span_words((told.at - told.since_at).total_seconds())})"
    rows = [
        ("since", since if told.is_since_known else f"{since}, or longer: the record begins there"),
        ("mode", now.mode + ("" if now.override == "none" else f", override {now.override}")),
        ("reckoned with", _powers(now)),
        ("under way", _shown(now.pending).replace("_", " ") if now.pending else "nothing"),
    ]
    if told.before is not None and told.before_since_at is not None:
        rows.append(("before", f"from {clock(told.before_since_at)}: {told.before.text}"))
    if told.changed:
        rows.append(("what changed", "; ".join(told.changed)))
    rows.append(("would change by", told.would_change))
    if now.changes_at is not None:
        rows.append(("by itself at", clock(now.changes_at)))
    if told.after is not None:
        rows.append(("came next", f"{clock(told.after.at)}: {told.after.text}"))
    return rows


def _powers(now: Decision) -> str:
    def interval(low_w: float | None, high_w: float | None) -> str:
        if low_w is None or high_w is None:
            return "not known"
        return f"{low_w:.0f} W" if round(low_w) == round(high_w) else f"{low_w:.0f} to {high_w:.0f} W"

    grid = (
        "grid not known"
        if now.grid_w is None
        else f"grid {abs(now.grid_w):.0f} W {'import' if now.grid_w > 0 else 'export'}"
    )
    recorded = f"surplus {interval(now.surplus_low_w, now.surplus_high_w)}, {grid}"
    return f"{recorded}, the car drew {interval(now.draw_low_w, now.draw_high_w)}"


def to_json(told: Explanation) -> Mapping[str, Any]:
    """Return an explanation as JSON values; instants in UTC."""
    return asdict(told)


@click.command(
    epilog="""\b
Examples:
  sunbox explain                                 why is my car (not) charging?
  sunbox explain --at 14:30
  sunbox explain --at "yesterday 14:30" --loadpoint carport
  sunbox explain --at 2026-06-01T12:30:00Z --journal /var/lib/sunbox/journal --json
"""
)
@click.option("--at", "at_words", default="now", show_default=True, help=f"The moment: {WORDS}.")
@click.option("--loadpoint", "loadpoint_id", help="Id or number of one loadpoint; default all.")
@journal_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(
    at_words: str, loadpoint_id: str | None, config_path: Path | None, folder: Path | None, as_json: bool
) -> None:
    """Tell why a car is, or was, charging or not, from the journal. No device is contacted."""
    from sunbox.clock import SystemClock

    kept = open_journal(config_path, folder)
    zone = kept.settings.site.timezone
    now = SystemClock().now()
    at = moment(at_words, now, zone)
    found, gaps = explain_moment(kept, at, now, loadpoint_id)
    if as_json:
        click.echo(json.dumps([to_json(told) for told in found], indent=2, ensure_ascii=False, default=_iso))
        return
    for told in found:
        say(f"{told.loadpoint}, {at.astimezone(zone):%a %Y-%m-%d %H:%M:%S}", "bold")
        say(f"  {told.decision.text}", COLOURS.get(told.decision.kind, ""))
        for word, text in lines_of(told, zone):
            say(f"  {word:<16}{text}")
        if told.silent_s is not None:
            say(f"  nothing was recorded in the {span_words(told.silent_s)} before: the gateway did not run", WARNING)
    for gap in gaps:
        say(gap, WARNING, is_error=True)


def _iso(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON")
