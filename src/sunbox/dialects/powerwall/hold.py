"""Keeping a Powerwall from feeding a car, and giving it back as it was: the rules, as one pure state machine.

Tesla has no command for it. What can be told is a reserve as high as the charge, or the mode `backup` (which fills the battery
from the grid unless that is forbidden first). Both are the owner's own settings, so each is noted with its original before it is
first changed, and given back; what the owner sets meanwhile is the new original.

A write that is accepted proves nothing: it is done at once, after 45 minutes, or never (powerwall2#34, pypowerwall#259). So what
was sent counts as *on its way* until the site tells it, or for `LATE_S`; only then is anything settled. A value that was neither
there before nor sent by us is the owner's.

`next_step` tells what to do; `hold_notes.py` notes what was read and written, in the `Book` (`hold_book.py`) that must survive
(`hold_kept.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sunbox.dialects.powerwall.facts import Mode
from sunbox.dialects.powerwall.hold_book import (
    Book,
    Entry,
    Manner,
    Method,
    Part,
    Seen,
    Sent,
    Setting,
    with_entry,
    words_of,
)

LATE_S = 3600.0
"""After so long a write that is still not to be seen is lost: 45 minutes were seen in the mode `autonomous`."""
RESEND_AFTER_S = 180.0
MOST_TRIES = 3
"""One write and two repeats towards one goal; then it is reported."""
ROUND_S = 3600.0
"""What was not given back after that is tried again so much later, however many writes that takes."""
FRESH_S = 20.0
"""Nothing is written that was not read so shortly before: the owner may have been there."""
LOOKS_S = (30.0, 60.0, 120.0, 180.0, 240.0, 300.0)
"""Ages of a write at which it is looked for; later on every `LATER_LOOK_S`."""
LATER_LOOK_S = 300.0
WATCH_S = 600.0
"""While the battery is held, or cannot be, so often is looked at it."""
EFFECT_S = 180.0
"""So long after a hold is told the battery must have stopped discharging."""
IDLE_W = 100.0
"""Less discharge than this is none."""
FALLS_SHORT_PCT = 1.0
"""A reserve that came late is lowered when the charge is so far below it: else it would be filled from the grid."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until then (None = until something else is wanted)."""

    book: Book
    until_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """Read the site."""

    book: Book
    flows: bool = False  #: what flows, too


@dataclass(frozen=True, slots=True)
class Write:
    """Make `book` durable, then tell the site."""

    book: Book
    part: Part
    value: Setting


Step = Rest | Look | Write


def next_step(book: Book, manner: Manner, *, is_wanted: bool, seen: Seen | None, now: datetime, today: date) -> Step:
    """Return what is to be done now.

    Args:
        book: what was noted.
        manner: how to hold.
        is_wanted: the battery should be held.
        seen: what the site said last, None = nothing yet; `take` has noted it.
        now: the instant.
        today: the site's own day, for the limit of writes.
    """
    if seen is not None and seen.at > now:
        seen = None  # the clock was put back: nobody knows how old that is
    book = _not_ahead(book, now)
    if book.day != today:
        book = replace(book, day=today, writes=0)
    if manner.method is Method.OFF:
        is_wanted, book = False, replace(book, by_hand=False)
    if not is_wanted and book.is_left:
        book = replace(book, is_left=False)
    if not book.entries:
        if not is_wanted:
            return Rest(replace(book, problem=None, note=None))
        begun = _begin(book, manner, seen, now)
        if not isinstance(begun, Book):
            return begun
        book = begun
    return _go_on(_without_lost(book, seen), manner, is_wanted=is_wanted, seen=seen, now=now)


def why_not(seen: Seen, manner: Manner) -> str | None:
    """Return why the battery is not held as things are, None if it may be."""
    if seen.is_off_grid:
        return "there is no grid"
    if seen.is_storm_watched:
        return "storm watch has the battery"
    if seen.is_serving_grid:
        return "the battery serves the grid"
    if seen.mode is Mode.AUTONOMOUS and not manner.in_autonomous:
        return "the battery follows a tariff (mode autonomous); hold_in_autonomous: true holds it all the same"
    return None


def _begin(book: Book, manner: Manner, seen: Seen | None, now: datetime) -> Book | Rest | Look:
    """Note how all is and what will be changed; nothing is written yet."""
    later = now + timedelta(seconds=WATCH_S)
    if book.is_left:
        return Rest(replace(book, note="the owner changed it meanwhile, and has the last word"), later)
    if seen is None or not _is_fresh(seen, now) or not seen.has_flows:
        return Look(book, flows=True)
    if (why := why_not(seen, manner)) is not None:
        return Rest(replace(book, note=why), later)
    planned = _plan(manner, seen)
    if isinstance(planned, str):
        return Rest(replace(book, note=planned), later)
    if not _may_write(book, manner, 2 * len(planned) - 1):
        return Rest(replace(book, problem=_spent(manner)), later)
    incomplete = next((each for each in planned if each.part is Part.RESERVE), None)
    note = None
    if incomplete is not None and _is_above(incomplete, seen):
        note = f"a reserve of {incomplete.ours} % is the most; what is above it may still go into the car"
    return replace(book, entries=planned, note=note, problem=None)


def _plan(manner: Manner, seen: Seen) -> tuple[Entry, ...] | str:
    """Return what is to be changed, in this order, or why nothing is."""
    if seen.mode is Mode.BACKUP:
        return "the mode backup holds it already"
    if manner.method is Method.BACKUP:
        if seen.mode not in (Mode.SELF_CONSUMPTION, Mode.AUTONOMOUS):
            return "its mode is none that it could be given back"
        if seen.may_charge_from_grid is None:
            return "the site does not tell whether the battery may be charged from the grid, which the mode backup would do"
        own = _entry(Part.MODE, seen.mode.value, Mode.BACKUP.value)
        return (_entry(Part.GRID_CHARGING, True, False), own) if seen.may_charge_from_grid else (own,)
    if seen.reserve_pct is None or seen.soc_pct is None:
        return "the site does not tell its reserve"
    highest = manner.policy.highest(seen.soc_pct)
    if highest <= seen.reserve_pct:
        return "its reserve holds it already"
    if manner.policy.highest(seen.reserve_pct) != seen.reserve_pct:
        return f"its reserve of {seen.reserve_pct} % is one that the site would not take back (reserve_policy)"
    return (_entry(Part.RESERVE, seen.reserve_pct, highest),)


def _entry(part: Part, original: Setting, ours: Setting) -> Entry:
    return Entry(part=part, original=original, ours=ours, stands=original)


def _go_on(book: Book, manner: Manner, *, is_wanted: bool, seen: Seen | None, now: datetime) -> Step:
    is_left = any(entry.is_left for entry in book.entries)
    if is_wanted and not is_left and seen is not None and not seen.has_flows:
        return Look(book, flows=True)  # whether it may be held is told by what flows
    why = None if seen is None or not is_wanted else why_not(seen, manner)
    is_held = is_wanted and not is_left and why is None
    if why is not None:
        book = replace(book, note=why)
    for entry in book.entries if is_held else reversed(book.entries):
        goal = entry.ours if is_held else entry.original
        if entry.aim != goal:
            entry = replace(entry, aim=goal, tries=0)  # noqa: PLW2901 - the same one, with a new goal
            book = with_entry(book, entry)
        if entry.is_settled(goal) if is_held else entry.is_over():
            continue
        flows = is_wanted and not is_left
        return _towards(book, manner, entry, goal, is_held=is_held, flows=flows, seen=seen, now=now)
    if not is_held:
        over = replace(book, entries=(), is_left=is_left and is_wanted, problem=None, note=book.note if why else None)
        return Rest(over, now + timedelta(seconds=WATCH_S) if is_wanted else None)
    return _watch(book, manner, seen, now)


def _towards(
    book: Book,
    manner: Manner,
    entry: Entry,
    goal: Setting,
    *,
    is_held: bool,
    flows: bool,
    seen: Seen | None,
    now: datetime,
) -> Step:
    """Go on with one setting that is not as it should be."""
    is_open = entry.will_be != goal or entry.stands != goal
    age_s = math.inf if entry.tried_at is None else (now - entry.tried_at).total_seconds()
    if entry.tries == 0:
        is_due = entry.will_be != goal
    elif entry.tries < MOST_TRIES:
        is_due = is_open and age_s >= RESEND_AFTER_S
    else:
        if is_open and age_s >= RESEND_AFTER_S:
            book = replace(book, problem=_not_applied(entry, goal))
        is_due = is_open and not is_held and age_s >= ROUND_S
    if not is_due or entry.is_waited_for:
        return _look_later(book, entry, seen, now, flows=flows)
    if seen is None or not _is_fresh(seen, now):
        return Look(book, flows=flows)
    if is_held and not _may_write(book, manner, len(book.entries)):
        book = replace(book, problem=_spent(manner))
        return _look_later(book, entry, seen, now, flows=flows)
    if is_held:
        entry = _fitted(entry, manner, seen)
        goal = entry.ours
        if entry.is_settled(goal):  # there is nothing left to keep
            return Rest(with_entry(book, entry), now + timedelta(seconds=WATCH_S))
    return _writing(book, entry, goal, now)


def _fitted(entry: Entry, manner: Manner, seen: Seen) -> Entry:
    """Return the same with a reserve that is not above the charge, which has fallen since it was planned."""
    if entry.part is not Part.RESERVE or seen.soc_pct is None:
        return entry
    fitting = max(int(entry.original), manner.policy.highest(seen.soc_pct))
    return replace(entry, ours=fitting, aim=fitting) if fitting < int(entry.ours) else entry


def _writing(book: Book, entry: Entry, goal: Setting, now: datetime) -> Write:
    tries = 0 if entry.tries >= MOST_TRIES else entry.tries
    after = replace(entry, sent=(*entry.sent, Sent(goal, now, goal == entry.original)), tries=tries + 1, tried_at=now)
    return Write(replace(with_entry(book, after), writes=book.writes + 1), entry.part, goal)


def _look_later(book: Book, entry: Entry, seen: Seen | None, now: datetime, *, flows: bool) -> Step:
    """Look for what is on its way: soon at first, then less and less often."""
    since_at = entry.tried_at or (entry.sent[-1].at if entry.sent else now)
    seen_at = since_at if seen is None else max(since_at, seen.at)
    seen_s = (seen_at - since_at).total_seconds()
    next_s = next((each for each in LOOKS_S if each > seen_s), seen_s + LATER_LOOK_S)
    look_at = since_at + timedelta(seconds=next_s)
    return Look(book, flows=flows) if now >= look_at else Rest(book, look_at)


def _watch(book: Book, manner: Manner, seen: Seen | None, now: datetime) -> Step:
    """Keep an eye on a battery that is held: does it obey, and is its reserve still not above its charge?"""
    told_at = max((entry.tried_at for entry in book.entries if entry.tried_at is not None), default=None)
    wait_s = EFFECT_S if told_at is not None and now - told_at < timedelta(seconds=2 * EFFECT_S) else WATCH_S
    if seen is None or now >= seen.at + timedelta(seconds=wait_s):
        return Look(book, flows=True)
    entry = book.entries[-1]
    if (lower := _lower(entry, manner, seen)) is not None and _may_write(book, manner, len(book.entries)):
        if not _is_fresh(seen, now):
            return Look(book, flows=True)
        return _writing(book, replace(entry, ours=lower, aim=lower, tries=0), lower, now)
    discharges = seen.battery_w is not None and seen.battery_w > IDLE_W
    has_had_time = told_at is None or seen.at >= told_at + timedelta(seconds=EFFECT_S)
    if not discharges or not has_had_time or _is_above(entry, seen):
        return Rest(book if discharges else replace(book, problem=None), seen.at + timedelta(seconds=wait_s))
    if entry.tries < MOST_TRIES and _may_write(book, manner, len(book.entries)):
        return _writing(book, entry, entry.ours, now) if _is_fresh(seen, now) else Look(book, flows=True)
    problem = f"the site tells {words_of(entry.part, entry.ours)}, and the battery discharges all the same"
    return Rest(replace(book, problem=problem), seen.at + timedelta(seconds=WATCH_S))


def _is_above(entry: Entry, seen: Seen) -> bool:
    """Return whether the charge is so far above the reserve that the battery may discharge."""
    return (
        entry.part is Part.RESERVE and seen.soc_pct is not None and seen.soc_pct - float(entry.ours) > FALLS_SHORT_PCT
    )


def _lower(entry: Entry, manner: Manner, seen: Seen) -> int | None:
    """Return the reserve that fits, where the charge has fallen below ours before it was done."""
    if entry.part is not Part.RESERVE or seen.soc_pct is None or seen.soc_pct > float(entry.ours) - FALLS_SHORT_PCT:
        return None
    if seen.battery_w is None or seen.battery_w > IDLE_W:
        return None  # it does not live by it yet, or not at all
    fitting = max(int(entry.original), manner.policy.highest(seen.soc_pct))
    return fitting if fitting < int(entry.ours) else None


def _not_ahead(book: Book, now: datetime) -> Book:
    """Return the same with nothing that is still to come: the clock was put back, and nobody would wait for it."""

    def no_later(entry: Entry) -> Entry:
        return replace(
            entry,
            sent=tuple(replace(each, at=min(each.at, now)) for each in entry.sent),
            tried_at=None if entry.tried_at is None else min(entry.tried_at, now),
        )

    return replace(book, entries=tuple(no_later(entry) for entry in book.entries))


def _without_lost(book: Book, seen: Seen | None) -> Book:
    """Return the same without writes that will not be done any more: one that was not looked for since may have been done."""
    if seen is None:
        return book
    entries = tuple(
        replace(entry, sent=tuple(each for each in entry.sent if (seen.at - each.at).total_seconds() < LATE_S))
        if entry.sent and (seen.at - entry.sent[0].at).total_seconds() >= LATE_S
        else entry
        for entry in book.entries
    )
    return replace(book, entries=entries)


def _is_fresh(seen: Seen, now: datetime) -> bool:
    return (now - seen.at).total_seconds() <= FRESH_S


def _may_write(book: Book, manner: Manner, kept: int) -> bool:
    """Return whether one more write leaves enough of the day's for giving back what was changed."""
    return book.writes + 1 + kept <= manner.max_writes_per_day


def _spent(manner: Manner) -> str:
    return f"the {manner.max_writes_per_day} writes of a day are used up (max_writes_per_day)"


def _not_applied(entry: Entry, goal: Setting) -> str:
    return (
        f"{words_of(entry.part, goal)} was told {MOST_TRIES} times, and the site still tells "
        f"{words_of(entry.part, entry.stands)}"
    )
