"""The files of a journal: one a local day, each beginning with a head that says who wrote it and how."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

FORMAT = 2
"""Raised where older lines would be misread. 2: decisions are records of their own, and draws are told."""

PATTERN = "????-??-??.jsonl"


def path_of(folder: Path, day: date) -> Path:
    """Return the file of a local day."""
    return folder / f"{day.isoformat()}.jsonl"


def days_in(folder: Path) -> list[date]:
    """Return the days of which a folder has files, in order."""
    days: list[date] = []
    for path in folder.glob(PATTERN):
        try:
            days.append(date.fromisoformat(path.stem))
        except ValueError:
            continue
    return sorted(days)


def days_between(first: date, last: date) -> Iterator[date]:
    """Yield the days from the first to the last."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def head_problem(path: Path, line: bytes | str) -> str | None:
    """Return why a file with this first line cannot be read, None if it can."""
    try:
        head = json.loads(line)
    except ValueError:
        head = None
    if not isinstance(head, dict) or "journal" not in head:
        return f"{path}:1: is not a journal of sunbox (format {FORMAT} expected)"
    if head["journal"] != FORMAT:
        return (
            f"{path}:1: was written in format {head['journal']} by sunbox {head.get('version', '?')}; this one reads "
            f"format {FORMAT}: use the sunbox that wrote it"
        )
    return None


def spoken(days: list[date]) -> str:
    """Return in words which days there are."""
    if not days:
        return "there are no journals"
    if len(days) == 1:
        return f"there is {days[0].isoformat()} alone"
    return f"there are {len(days)} days, {days[0].isoformat()} to {days[-1].isoformat()}"
