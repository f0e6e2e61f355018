"""The journal: every event with what was decided, so that any day can be replayed and explained.

One JSON object a line. Each day's file begins with a head that holds the version and the full state, so it replays alone;
then one line an event: its name, its fields, the effects, and per loadpoint the decision where it changed.
"""

from __future__ import annotations

import json
from collections import deque
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter

from sunbox import __version__
from sunbox.core import events
from sunbox.core.effects import Effect, Read, Remember, Send
from sunbox.core.events import Event
from sunbox.core.reasons import render
from sunbox.core.state import State

EVENTS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind)
    for kind in (
        events.Began,
        events.Tick,
        events.MeterRead,
        events.VehicleRead,
        events.ReadFailed,
        events.CommandEnded,
        events.Requested,
    )
}
EFFECTS: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in (Send, Read)}
STATE: TypeAdapter[State | None] = TypeAdapter(State | None)
FORMAT = 1

MEMORY_S = 3600.0
MEMORY_LINES = 5000
"""Bounds of what is kept in memory: an hour, and never more lines than this."""

Decision = tuple[bool, int, int, bool, str, str | None]


def decisions_of(state: State) -> dict[str, Decision]:
    """Return per loadpoint: charge, amps, phases, whether it acts, the reason's line, what is pending."""
    return {
        id_: (
            lp.set_point.charge,
            lp.set_point.amps_a,
            lp.set_point.phases,
            lp.is_acting,
            render(lp.held_by or lp.reason),
            lp.pending.value if lp.pending is not None else None,
        )
        for id_, lp in state.loadpoints.items()
    }


def head(state: State | None) -> str:
    """Return the first line of a file."""
    return json.dumps(
        {"journal": FORMAT, "version": __version__, "state": STATE.dump_python(state, mode="json")},
        separators=(",", ":"),
    )


def line_of(event: Event, effects: tuple[Effect, ...], decisions: dict[str, Decision]) -> str:
    """Return one event as a line. What is remembered follows from the event and is left out."""
    name = type(event).__name__
    entry: dict[str, Any] = {"event": name, "with": EVENTS[name].dump_python(event, mode="json", exclude_defaults=True)}
    told = effects_of(effects)
    if told:
        entry["effects"] = told
    if decisions:
        entry["decided"] = decisions
    return json.dumps(entry, separators=(",", ":"))


def effects_of(effects: tuple[Effect, ...]) -> list[Any]:
    """Return effects as JSON values."""
    return [
        [type(effect).__name__, EFFECTS[type(effect).__name__].dump_python(effect, mode="json", exclude_defaults=True)]
        for effect in effects
        if not isinstance(effect, Remember)
    ]


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
        self._last: dict[str, Decision] = {}
        self._file: IO[str] | None = None
        self._day: date | None = None

    @property
    def path(self) -> Path | None:
        """Return the file being written."""
        return Path(self._file.name) if self._file is not None else None

    def add(self, before: State | None, event: Event, after: State, effects: tuple[Effect, ...]) -> None:
        """Take one step."""
        self._recent.append((event.at, event, effects))
        horizon_at = event.at - timedelta(seconds=MEMORY_S)
        while self._recent[0][0] < horizon_at:
            self._recent.popleft()
        if self._folder is None:
            return
        self._roll(before, after, event.at)
        if isinstance(event, events.Began):
            self._last = {}  # each decision is told anew: whoever replays knows no more than this process
        now = decisions_of(after)
        changed = {id_: decision for id_, decision in now.items() if self._last.get(id_) != decision}
        self._last = now
        if self._file is not None:
            self._file.write(line_of(event, effects, changed) + "\n")
            if effects or not isinstance(event, events.MeterRead):
                self._file.flush()

    def recent(self) -> list[str]:
        """Return the last hour as lines."""
        return [line_of(event, effects, {}) for _, event, effects in self._recent]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _roll(self, before: State | None, after: State, at: datetime) -> None:
        today = at.astimezone(after.settings.site.timezone).date()
        if today == self._day or self._folder is None:
            return
        self.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{today.isoformat()}.jsonl"
        is_new = _drop_torn_line(path) == 0
        self._file = path.open("a", encoding="utf-8")
        path.chmod(0o600)
        self._day = today
        if is_new:
            self._file.write(head(before) + "\n")
            self._last = decisions_of(before) if before is not None else {}
        self._drop_old(today)

    def _drop_old(self, today: date) -> None:
        if self._folder is None:
            return
        oldest = (today - timedelta(days=self._keep_days)).isoformat()
        for path in self._folder.glob("????-??-??.jsonl"):
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
