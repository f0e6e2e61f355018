"""The journal: every event with what was decided, so that any day can be replayed and explained.

One JSON object a line. Each day's file begins with a head that holds the version and the full state, so it replays alone;
then one line an event: its name, its fields, the effects, per loadpoint the decision where it is recorded (`decisions.py`), and
what the cars drew when the grid was measured, where that changed.
"""

from __future__ import annotations

import json
from collections import deque
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter

from sunbox import __version__
from sunbox.core import events
from sunbox.core.effects import Effect, HoldBattery, Read, Remember, Send
from sunbox.core.events import Event
from sunbox.core.model import Draw
from sunbox.core.state import State
from sunbox.core.wallbox import Decision, DecisionPage, DecisionQuery
from sunbox.gateway.days import FORMAT, PATTERN, path_of
from sunbox.gateway.decisions import Recorder, entry_of, page_of, read_decisions

EVENTS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind)
    for kind in (
        events.Began,
        events.Tick,
        events.MeterRead,
        events.Billed,
        events.ChargerRead,
        events.VehicleRead,
        events.ReadFailed,
        events.CommandEnded,
        events.Requested,
        events.LimitSet,
        events.Ordered,
    )
}
EFFECTS: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in (Send, Read, HoldBattery)}
STATE: TypeAdapter[State | None] = TypeAdapter(State | None)
MEMORY_S = 3600.0
MEMORY = timedelta(seconds=MEMORY_S)
MEMORY_LINES = 5000
"""Bounds of what is kept in memory: an hour, and never more lines than this."""

MEMORY_DECISIONS = 2000
"""So many decisions are kept in memory, for a gateway that writes no files: some days."""

_ENCODER = json.JSONEncoder(separators=(",", ":"))
"""Made once: `json.dumps` with other than its own separators makes one for each line."""


def head(state: State | None) -> str:
    """Return the first line of a file."""
    return _ENCODER.encode({"journal": FORMAT, "version": __version__, "state": STATE.dump_python(state, mode="json")})


def line_of(
    event: Event, effects: tuple[Effect, ...], decided: dict[str, Decision], draws: dict[str, Draw] | None = None
) -> str:
    """Return one event as a line. What is remembered follows from the event and is left out."""
    name = type(event).__name__
    entry: dict[str, Any] = {"event": name, "with": EVENTS[name].dump_python(event, mode="json", exclude_defaults=True)}
    told = effects_of(effects)
    if told:
        entry["effects"] = told
    if decided:
        entry["decided"] = decided_of(decided)
    if draws:
        entry["draws"] = draws_of(draws)
    return _ENCODER.encode(entry)


def effects_of(effects: tuple[Effect, ...]) -> list[Any]:
    """Return effects as JSON values."""
    return [
        [type(effect).__name__, EFFECTS[type(effect).__name__].dump_python(effect, mode="json", exclude_defaults=True)]
        for effect in effects
        if not isinstance(effect, Remember)
    ]


def decided_of(decided: dict[str, Decision]) -> dict[str, Any]:
    """Return decisions as JSON values."""
    return {id_: entry_of(decision) for id_, decision in decided.items()}


def draws_of(draws: dict[str, Draw]) -> dict[str, list[float]]:
    """Return draws as JSON values, in tenths of a watt."""
    return {id_: [round(draw.low_w, 1), round(draw.high_w, 1)] for id_, draw in draws.items()}


class Journal:
    """Keeps the last hour in memory and, with a folder, every day in a file.

    Args:
        folder: where the files `YYYY-MM-DD.jsonl` go; None = memory only.
        keep_days: older files are deleted when a new day begins.
    """

    def __init__(self, folder: Path | None = None, *, keep_days: int = 30) -> None:
        self._folder = folder
        self._keep_days = keep_days
        self._recent: deque[tuple[datetime, Event, tuple[Effect, ...]]] = deque(maxlen=MEMORY_LINES)
        self._decisions: deque[Decision] = deque(maxlen=MEMORY_DECISIONS)
        self._recorder = Recorder()
        self._file: IO[str] | None = None
        self._day_from_at = self._day_to_at = datetime.min.replace(tzinfo=UTC)  # of the file at hand: none yet

    @property
    def folder(self) -> Path | None:
        """Return where the files are, None = memory only."""
        return self._folder

    def flush(self) -> None:
        """Have what was added stand in the file."""
        if self._file is not None:
            self._file.flush()

    @property
    def path(self) -> Path | None:
        """Return the file being written."""
        return Path(self._file.name) if self._file is not None else None

    def add(self, before: State | None, event: Event, after: State, effects: tuple[Effect, ...]) -> None:
        """Take one step."""
        self._recent.append((event.at, event, effects))
        horizon_at = event.at - MEMORY
        while self._recent[0][0] < horizon_at:
            self._recent.popleft()
        if self._folder is not None:
            self._roll(before, after, event.at)
        decided, draws = self._recorder.take(event, after)
        self._decisions.extend(decided.values())
        if self._file is not None:
            self._file.write(line_of(event, effects, decided, draws) + "\n")
            if effects or decided or not isinstance(event, events.MeterRead):
                self._file.flush()

    def decisions(self, query: DecisionQuery) -> DecisionPage:
        """Return recorded decisions: from the files where there are some, else what is still in memory."""
        if self._folder is not None:
            return read_decisions(self._folder, query)
        kept = tuple(self._decisions)
        gaps: tuple[str, ...] = ()
        if not kept or kept[0].at > query.from_at:
            since = kept[0].at.isoformat(timespec="seconds") if kept else "now"
            gaps = (f"no files are written (journal.enabled: false); decisions are kept in memory since {since}",)
        return page_of(kept, query, gaps)

    def recent(self) -> list[str]:
        """Return the last hour as lines."""
        return [line_of(event, effects, {}) for _, event, effects in self._recent]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _roll(self, before: State | None, after: State, at: datetime) -> None:
        if self._day_from_at <= at < self._day_to_at or self._folder is None:
            return
        zone = after.settings.site.timezone
        today = at.astimezone(zone).date()
        self.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = path_of(self._folder, today)
        is_new = _drop_torn_line(path) == 0
        self._file = path.open("a", encoding="utf-8")
        path.chmod(0o600)
        self._day_from_at = datetime.combine(today, time(), zone).astimezone(UTC)
        self._day_to_at = datetime.combine(today + timedelta(days=1), time(), zone).astimezone(UTC)
        if is_new:
            self._file.write(head(before) + "\n")
            self._recorder.begin()  # each file can be read alone
        self._drop_old(today)

    def _drop_old(self, today: date) -> None:
        if self._folder is None:
            return
        oldest = (today - timedelta(days=self._keep_days)).isoformat()
        for path in self._folder.glob(PATTERN):
            if path.stem < oldest:
                path.unlink(missing_ok=True)


def _drop_torn_line(path: Path) -> int:
    """Remove the beginning of a line that a killed process left at the end of a file, and return the file's size."""
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        content = file.read()
        size = content.rfind(b"\n") + 1
        if size < len(content):
            file.truncate(size)
    return size
