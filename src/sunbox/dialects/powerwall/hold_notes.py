"""Noting what the site said and how writes ended: what is done of ours, what is on its way, and what the owner did."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sunbox.dialects.powerwall.hold_book import (
    MOST_BUT_FULL_PCT,
    Book,
    Entry,
    Part,
    Seen,
    Sent,
    Setting,
    with_entry,
    words_of,
)


def take(book: Book, seen: Seen) -> Book:
    """Note what the site said: what is done of ours, and what the owner did."""
    entries = tuple(_taken(entry, seen.value_of(entry.part)) for entry in book.entries)
    is_left = book.is_left or any(entry.is_left for entry in entries)
    return replace(book, entries=entries, is_left=is_left)


def _taken(entry: Entry, value: Setting | None) -> Entry:
    if value is None or value == entry.stands:
        return entry
    done = next((index for index, each in enumerate(entry.sent) if _is_made_of(entry.part, value, each.value)), None)
    if done is None:
        return replace(entry, stands=value, original=value, is_left=True, is_doubtful=False)
    told = entry.sent[done].value
    is_former = entry.sent[done].is_owners and told != entry.original
    # writes are done in the order in which they were sent: what went before this one is over
    entry = replace(entry, stands=value, sent=entry.sent[done + 1 :])
    if is_former:  # what the owner had before: set again by the owner, or what we sent last will follow
        return replace(entry, original=value, is_left=True, is_doubtful=True)
    if told != value:  # the site took less; what it took is what we told from now on
        entry = replace(
            entry,
            ours=value if entry.ours == told else entry.ours,
            original=value if entry.original == told else entry.original,
            aim=value if entry.aim == told else entry.aim,
            sent=tuple(replace(each, value=value) if each.value == told else each for each in entry.sent),
        )
    return entry


def _is_made_of(part: Part, value: Setting, told: Setting) -> bool:
    """Return whether a value is what the site makes of one that it was told."""
    if value == told:
        return True
    return part is Part.RESERVE and value == MOST_BUT_FULL_PCT and int(told) > MOST_BUT_FULL_PCT


def sent(book: Book, part: Part, *, is_taken: bool, may_be_done: bool, detail: str = "") -> Book:
    """Note how a write ended.

    Args:
        book: as it was made durable before.
        part: what was told.
        is_taken: the site said yes.
        may_be_done: it is not proven that nothing comes of it.
        detail: what it said.
    """
    entry = next(each for each in book.entries if each.part is part)
    if is_taken:
        return book
    if not may_be_done:
        entry = replace(entry, sent=entry.sent[:-1])
    return replace(
        with_entry(book, entry), problem=f"{words_of(part, entry.aim)} was not taken: {detail or 'no reason told'}"
    )


def not_sent(book: Book, part: Part) -> Book:
    """Note that a write never left: it counts as none."""
    entry = next(each for each in book.entries if each.part is part)
    entry = replace(entry, sent=entry.sent[:-1], tries=entry.tries - 1, tried_at=None)
    return replace(with_entry(book, entry), writes=max(0, book.writes - 1))


def set_by_owner(book: Book, part: Part, value: Setting, now: datetime) -> Book:
    """Note that the owner has told the site something, and is to have it: even where it is what the hold had told."""
    entries = tuple(
        replace(
            entry,
            original=value,
            is_left=True,
            is_doubtful=False,
            sent=(*entry.sent, Sent(value, now, is_owners=True)),
        )
        if entry.part is part
        else entry
        for entry in book.entries
    )
    return book if entries == book.entries else replace(book, entries=entries, is_left=True)


def moved(book: Book, by: timedelta) -> Book:
    """Return the same after the clock was put forward or back: what was sent a minute ago still was."""
    entries = tuple(
        replace(
            entry,
            sent=tuple(replace(each, at=each.at + by) for each in entry.sent),
            tried_at=None if entry.tried_at is None else entry.tried_at + by,
        )
        for entry in book.entries
    )
    return replace(book, entries=entries)
