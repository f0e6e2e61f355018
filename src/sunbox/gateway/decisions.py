"""Decision records: when one is kept, how it stands in a journal's line, and how records are read back quickly.

A decision is recorded when its code or set-point changes (not when only the numbers in its line do) and every five minutes;
each file and each start of the gateway begins with all of them. So what was in force at any instant stands at most five
minutes before it, and a range of days is read by parsing a few hundred lines a day and none of the meter's.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any

from sunbox.core.decisions import believed_draw, decision_of, shown_reason
from sunbox.core.draw import NOTHING, Steps
from sunbox.core.events import Began, Event, MeterRead
from sunbox.core.model import Draw, VehicleFacts
from sunbox.core.reasons import ReasonCode
from sunbox.core.state import State
from sunbox.core.wallbox import Decision, DecisionPage, DecisionQuery, Pending, SetPoint
from sunbox.gateway.days import days_between, days_in, head_problem, path_of

EVERY = timedelta(minutes=5)
"""A decision that does not change is recorded again after so long."""


@dataclass(slots=True)
class _Told:
    """What was last told of a loadpoint; the values of the core are frozen, so that the same object is the same value."""

    set_point: SetPoint
    acting: bool
    code: ReasonCode
    pending: Pending | None
    again_at: datetime  #: when it is told again although nothing changed


@dataclass(slots=True)
class _Drawn:
    """What was last made out of a car's draw."""

    steps: Steps | None  #: None = a later one of them was still to come
    facts: VehicleFacts | None
    draw: Draw


class Recorder:
    """Tells which records a step adds. Writer and replay keep one each, and both begin anew with each file and each `Began`."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget what was told: whoever reads on knows nothing of it."""
        self._told: dict[str, _Told] = {}
        self._drawn: dict[str, _Drawn] = {}

    def take(self, event: Event, after: State) -> tuple[dict[str, Decision], dict[str, Draw]]:
        """Return the decisions and the draws that are to be recorded with this event, by loadpoint."""
        if isinstance(event, Began):
            self.begin()
        decided: dict[str, Decision] = {}
        at = event.at
        for loadpoint in after.settings.loadpoints:
            lp = after.loadpoints[loadpoint.id]
            reason = shown_reason(after, loadpoint)
            told = self._told.get(loadpoint.id)
            if (
                told is not None
                and told.code is reason.code
                and told.pending is lp.pending
                and told.acting is lp.is_acting
                and at < told.again_at
                and told.set_point == lp.set_point
            ):
                continue
            self._told[loadpoint.id] = _Told(lp.set_point, lp.is_acting, reason.code, lp.pending, at + EVERY)
            draw = believed_draw(after, loadpoint, _grid_at(event, after))
            decided[loadpoint.id] = decision_of(after, loadpoint, reason, at, draw)
        if isinstance(event, MeterRead) and event.reading.grid_w is not None:
            return decided, self._changed_draws(event, after)
        return decided, {}

    def _changed_draws(self, event: MeterRead, after: State) -> dict[str, Draw]:
        """Return what the cars drew when the grid was measured, where it is not what it was at the reading before."""
        changed: dict[str, Draw] = {}
        at = event.reading.measured_at
        for loadpoint in after.settings.loadpoints:
            vehicle = after.vehicles.get(loadpoint.device_id)
            if vehicle is None:
                continue
            steps, facts = vehicle.steps, vehicle.memory.facts
            is_last = len(steps) < 2 or steps[-1].from_at <= at
            drawn = self._drawn.get(loadpoint.id)
            if drawn is not None and is_last and drawn.steps is steps and drawn.facts is facts:
                continue
            draw = believed_draw(after, loadpoint, min(at, event.at))
            if draw != (NOTHING if drawn is None else drawn.draw):
                changed[loadpoint.id] = draw
            self._drawn[loadpoint.id] = _Drawn(steps if is_last else None, facts, draw)
        return changed


def _grid_at(event: Event, after: State) -> datetime:
    """Return when the grid was last measured, for pairing a decision with the draw it reckoned with."""
    if isinstance(event, MeterRead) and event.reading.grid_w is not None:
        return min(event.reading.measured_at, event.at)
    return after.weighed_at or event.at


# In a line ------------------------------------------------------------------------------------------------------------

_PLAIN = tuple(
    field.name for field in fields(Decision) if field.name not in {"at", "loadpoint", "changes_at", "numbers"}
)
_VALUES = attrgetter(*_PLAIN)


def entry_of(decision: Decision) -> dict[str, Any]:
    """Return a decision as it stands in a line, below its loadpoint's id; the line has the instant. What is None is left out."""
    entry = {name: value for name, value in zip(_PLAIN, _VALUES(decision), strict=True) if value is not None}
    if decision.numbers:
        entry["numbers"] = dict(decision.numbers)
    if decision.changes_at is not None:
        entry["changes_at"] = decision.changes_at.isoformat()
    return entry


def decision_from(at: datetime, loadpoint_id: str, entry: dict[str, Any]) -> Decision:
    """Return the decision of a line's entry.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is none.
    """
    values: dict[str, Any] = {name: entry.get(name) for name in _PLAIN}
    missing = [name for name in ("charge", "amps_a", "phases", "acting", "code", "kind", "text") if name not in entry]
    if missing:
        raise ValueError(f"{', '.join(missing)}: missing")
    changes_at = entry.get("changes_at")
    return Decision(
        at=at,
        loadpoint=loadpoint_id,
        numbers=dict(entry.get("numbers") or {}),
        changes_at=None if changes_at is None else datetime.fromisoformat(changes_at),
        **values,
    )


def decisions_in(line: bytes | str) -> list[Decision]:
    """Return the decisions of one line of a journal.

    Raises:
        ValueError: the line cannot be read.
    """
    try:
        entry = json.loads(line)
        at = datetime.fromisoformat(entry["with"]["at"])
        return [decision_from(at, id_, decided) for id_, decided in entry["decided"].items()]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"is no record: {error}") from error


# Reading back ---------------------------------------------------------------------------------------------------------


def read_decisions(folder: Path, query: DecisionQuery) -> DecisionPage:
    """Return records of a folder of journals. Reads the files of the days in question alone, and parses few of their lines."""
    from_at = query.from_at - timedelta(days=1) if query.in_force else query.from_at
    gaps: list[str] = []
    found: list[Decision] = []
    # Files are named by the site's own day, which no time zone shifts by more than one.
    first, last = from_at.astimezone(UTC).date(), query.to_at.astimezone(UTC).date()
    there = days_in(folder)
    for day in there:
        if first - DAY <= day <= last + DAY:
            found += _read_day(path_of(folder, day), gaps)
    if not query.in_force:
        gaps += missing_days(there, first + DAY, last - DAY)
    return page_of(found, query, gaps)


DAY = timedelta(days=1)


def missing_days(there: Sequence[date], first: date, last: date) -> list[str]:
    """Return in words of which days from the first to the last there is no file, although the record had begun."""
    holes: list[list[date]] = []
    for day in days_between(max(first, there[0]) if there else first, last):
        if day in there:
            continue
        if holes and holes[-1][-1] == day - DAY:
            holes[-1].append(day)
        else:
            holes.append([day])
    return [
        f"{hole[0].isoformat()}{f' to {hole[-1].isoformat()}' if len(hole) > 1 else ''}: there is no journal"
        for hole in holes
    ]


def _read_day(path: Path, gaps: list[str]) -> Iterator[Decision]:
    """Yield the decisions of one file, in its order."""
    unreadable = 0
    try:
        with path.open("rb") as lines:
            problem = head_problem(path, next(lines, b""))
            if problem is not None:
                gaps.append(problem)
                return
            for line in lines:
                if b'"decided":' not in line or not line.endswith(b"\n"):  # a line being written has no end yet
                    continue
                try:
                    yield from decisions_in(line)
                except ValueError:
                    unreadable += 1
    except OSError as error:
        gaps.append(f"{path.name}: cannot be read: {error.strerror}")
    if unreadable:
        gaps.append(f"{path.name}: {unreadable} lines cannot be read")


def page_of(decisions: Iterable[Decision], query: DecisionQuery, gaps: Iterable[str] = ()) -> DecisionPage:
    """Return those records that a query asks for."""
    wanted = sorted(
        (row for row in decisions if query.loadpoint_id in {None, row.loadpoint} and row.at <= query.to_at),
        key=attrgetter("at"),
    )
    found: deque[Decision] = deque(maxlen=query.limit)
    earlier: dict[str, Decision] = {}
    count = 0
    for row in wanted:
        if row.at < query.from_at or (query.in_force and row.at == query.from_at):
            earlier[row.loadpoint] = row
        else:
            found.append(row)
            count += 1
    is_cut = query.limit is not None and count > query.limit
    in_force = tuple(earlier.values()) if query.in_force else ()
    return DecisionPage(decisions=(*in_force, *found), gaps=tuple(gaps), is_cut=is_cut)
