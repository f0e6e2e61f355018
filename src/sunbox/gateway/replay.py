"""Run a journal again: the same version decides the same, another version shows where it first differs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sunbox import __version__
from sunbox.core.engine import step
from sunbox.core.state import State
from sunbox.errors import JournalError
from sunbox.gateway.days import head_problem
from sunbox.gateway.decisions import Recorder
from sunbox.gateway.journal import EVENTS, STATE, decided_of, draws_of, effects_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of it. `first_difference` is text for people, None where all is the same."""

    events: int
    decisions: int
    version: str
    same_version: bool
    first_difference: str | None


def replay_file(path: Path | str) -> Replayed:
    """Replay one day's file.

    Raises:
        JournalError: the file is missing, is no journal, or has a line that cannot be read.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8") as lines:
            return _replay(path, lines)
    except OSError as error:
        raise JournalError(f"{path}: cannot be opened: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise JournalError(f"{path}: is not a journal of sunbox (not text)") from error


def _replay(path: Path, lines: Any) -> Replayed:
    first = next(lines, "")
    problem = head_problem(path, first)
    if problem is not None:
        raise JournalError(problem)
    head = _parse(path, 1, first)
    version = str(head.get("version"))
    try:
        state = STATE.validate_python(head.get("state"), strict=False)
    except ValidationError as error:
        raise JournalError(f"{path}:1: the state cannot be read by this version: {error.errors()[0]['msg']}") from error
    recorder = Recorder()
    count = decided = 0
    difference: str | None = None
    for number, text in enumerate(lines, start=2):
        if not text.endswith("\n"):  # the process was stopped while it wrote this line
            break
        entry = _parse(path, number, text)
        state, differs = _replay_line(path, number, entry, state, recorder)
        count += 1
        decided += len(entry.get("effects", ())) + len(entry.get("decided", ()))
        if differs is not None and difference is None:
            difference = differs
            break
    return Replayed(
        events=count,
        decisions=decided,
        version=version,
        same_version=version == __version__,
        first_difference=difference,
    )


def _replay_line(
    path: Path, number: int, entry: dict[str, Any], state: State | None, recorder: Recorder
) -> tuple[State, str | None]:
    name = entry.get("event")
    adapter = EVENTS.get(str(name))
    if adapter is None:
        raise JournalError(f"{path}:{number}: unknown event {name!r}; known: {', '.join(EVENTS)}")
    try:
        event = adapter.validate_python(entry.get("with"), strict=False)
        after, effects = step(state, event)
    except (ValidationError, ValueError) as error:
        raise JournalError(f"{path}:{number}: {name} cannot be replayed: {error}") from error
    decided, draws = recorder.take(event, after)
    for what, was, is_ in (
        ("effects", entry.get("effects", []), effects_of(effects)),
        ("decided", entry.get("decided", {}), decided_of(decided)),
        ("draws", entry.get("draws", {}), draws_of(draws)),
    ):
        if was != is_:
            difference = f"{path}:{number} {event.at.isoformat()} {name}: {what}\n  was {json.dumps(was)}\n  now {json.dumps(is_)}"
            return after, difference
    return after, None


def _parse(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        entry = json.loads(text)
    except json.JSONDecodeError as error:
        raise JournalError(f"{path}:{number}: is not a journal of sunbox: {error.msg}") from error
    if not isinstance(entry, dict):
        raise JournalError(f"{path}:{number}: is not a journal of sunbox: an object was expected")
    return entry
