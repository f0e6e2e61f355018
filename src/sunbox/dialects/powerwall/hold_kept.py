"""A hold's book as it is kept over a restart, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from sunbox.dialects.powerwall.hold_book import Book, Entry, Part, Sent, Setting


def book_to_json(book: Book) -> dict[str, Any]:
    """Return a book as it is kept."""
    return {
        "entries": [
            {
                "part": entry.part.value,
                "original": entry.original,
                "ours": entry.ours,
                "stands": entry.stands,
                "sent": [
                    {"value": each.value, "at": each.at.isoformat(), "is_owners": each.is_owners} for each in entry.sent
                ],
                "aim": entry.aim,
                "tries": entry.tries,
                "tried_at": None if entry.tried_at is None else entry.tried_at.isoformat(),
                "is_left": entry.is_left,
                "is_doubtful": entry.is_doubtful,
            }
            for entry in book.entries
        ],
        "by_hand": book.by_hand,
        "is_left": book.is_left,
        "day": None if book.day is None else book.day.isoformat(),
        "writes": book.writes,
    }


def book_from_json(kept: Mapping[str, Any] | None) -> Book:
    """Return a book as it was kept, an empty one where there is none.

    Raises:
        ValueError: it cannot be read.
    """
    if kept is None:
        return Book()
    try:
        return Book(
            entries=tuple(_entry_from_json(row) for row in kept["entries"]),
            by_hand=kept["by_hand"] is True,
            is_left=kept["is_left"] is True,
            day=None if kept["day"] is None else date.fromisoformat(kept["day"]),
            writes=int(kept["writes"]),
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"what was noted of the hold cannot be read ({error!r})") from None


def _entry_from_json(row: Mapping[str, Any]) -> Entry:
    part = Part(row["part"])

    def setting(value: int | str | bool) -> Setting:
        if type(value) is not _TYPES[part]:
            raise ValueError(f"{part.value} is {value!r}")
        return value

    return Entry(
        part=part,
        original=setting(row["original"]),
        ours=setting(row["ours"]),
        stands=setting(row["stands"]),
        sent=tuple(
            Sent(setting(each["value"]), _instant(each["at"]), each["is_owners"] is True) for each in row["sent"]
        ),
        aim=None if row["aim"] is None else setting(row["aim"]),
        tries=int(row["tries"]),
        tried_at=None if row["tried_at"] is None else _instant(row["tried_at"]),
        is_left=row["is_left"] is True,
        is_doubtful=row.get("is_doubtful") is True,
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


_TYPES: dict[Part, type] = {Part.RESERVE: int, Part.GRID_CHARGING: bool, Part.MODE: str}
