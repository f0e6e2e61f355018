"""What the commands that look back have in common: where the journal is, which moment is meant, and how it is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click

from sunbox.core.settings import Settings
from sunbox.errors import SunboxError

CONFIG_DEFAULT = Path("sunbox.yaml")

WORDS = "now, 14:30, yesterday 14:30, monday 14:30, 2026-06-01 14:30, 2026-06-01T12:30:00Z, or 20 min ago"
"""What a moment may be."""

DAY_WORDS = "today, yesterday, monday … sunday, or 2026-06-01"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
AGO_S = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600, "d": 86_400, "day": 86_400}


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder of journals, and the settings of its newest file."""

    folder: Path
    days: tuple[date, ...]
    settings: Settings


def journal_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which journal is meant."""
    command = click.option(
        "--journal",
        "folder",
        type=click.Path(path_type=Path),
        help="The folder of the journal; default: the one of the configuration.",
    )(command)
    return click.option(
        "-c",
        "--config",
        "config_path",
        type=click.Path(dir_okay=False, path_type=Path),
        help=f"The configuration file.  [default: {CONFIG_DEFAULT}]",
    )(command)


def open_journal(config_path: Path | None, folder: Path | None) -> Kept:
    """Return the journal that is meant.

    Raises:
        SunboxError: there is none; the text says what to do.
    """
    from sunbox.gateway.days import days_in, path_of
    from sunbox.gateway.recorded import settings_in

    if folder is None:
        from sunbox.app import REGISTRY
        from sunbox.config import load

        config = load(config_path or CONFIG_DEFAULT, REGISTRY)
        folder = config.journal.folder
        if folder is None:
            raise SunboxError(
                f"{config.path}: journal.enabled is false, nothing is written to files; "
                "ask the running gateway: GET /api/v1/decisions"
            )
    if not folder.is_dir():
        raise SunboxError(f"{folder}: there is no such folder; name the journal's with --journal")
    days = days_in(folder)
    if not days:
        raise SunboxError(f"{folder}: there is no journal in it (files such as 2026-06-01.jsonl)")
    return Kept(folder, tuple(days), settings_in(path_of(folder, days[-1])))


def moment(text: str, now: datetime, zone: Any) -> datetime:
    """Return the instant that a person means.

    Raises:
        SunboxError: it cannot be understood, or is still to come.
    """
    words = text.strip().lower()
    at = _instant(words, now.astimezone(zone))
    if at is None:
        raise SunboxError(f"--at: {text!r} is no moment; write one such as {WORDS}")
    if at > now:
        local = at.astimezone(zone)
        today = now.astimezone(zone)
        hint = f"; yesterday {local:%H:%M}?" if local.date() == today.date() else ""
        raise SunboxError(f"--at: {text!r} is still to come, it is {today:%Y-%m-%d %H:%M} at home{hint}")
    return at.astimezone(UTC)


def _instant(words: str, now: datetime) -> datetime | None:
    """Return the instant of some words, seen from the site's local time."""
    if words == "now":
        return now
    ago = re.fullmatch(r"(\d{1,6})\s*([a-z]+?)s?\s+ago", words)
    if ago is not None and ago[2] in AGO_S:
        return now - timedelta(seconds=int(ago[1]) * AGO_S[ago[2]])
    if re.match(r"\d{4}-\d{2}-\d{2}[t ]\d", words):
        try:
            at = datetime.fromisoformat(words.upper())
        except ValueError:
            return None
        return at if at.tzinfo is not None else at.replace(tzinfo=now.tzinfo)
    day_words, _, clock_words = words.rpartition(" ")
    clock = _clock(clock_words)
    day = now.date() if not day_words else day_of(day_words, now.date())
    return None if clock is None or day is None else datetime.combine(day, clock, now.tzinfo)


def _clock(text: str) -> time | None:
    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text) is None:
        return None
    try:
        return time.fromisoformat(text.zfill(5) if len(text) < 6 else text.zfill(8))
    except ValueError:
        return None


def day_of(words: str, today: date) -> date | None:
    """Return the day that some words mean, the last one of that name; None if they mean none."""
    words = words.strip().lower()
    if words in {"today", "yesterday"}:
        return today - timedelta(days=words == "yesterday")
    if words in WEEKDAYS:
        return today - timedelta(days=(today.weekday() - WEEKDAYS.index(words)) % 7)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", words) is None:
        return None
    try:
        return date.fromisoformat(words)
    except ValueError:
        return None


def span_words(seconds: float) -> str:
    """Return a duration for people: `40 s`, `12 min`, `3 h 05 min`, `2 d 3 h`."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24} h"
