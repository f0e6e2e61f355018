"""What is noted of a hold: what the owner decided, what the site said, what was changed, and what it is given back as."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from sunbox.dialects.powerwall.facts import LiveStatus, Mode, SiteInfo

MOST_BUT_FULL_PCT, FULL_PCT = 80, 100
"""Since firmware 25.18.4 a reserve is at most 80 %, or exactly 100 % (Teslemetry, evcc `meter/powerwall.go`, pypowerwall#322)."""


class Method(StrEnum):
    """By what a battery is held."""

    RESERVE = "reserve"
    BACKUP = "backup"
    OFF = "off"


class ReservePolicy(StrEnum):
    """What the site makes of a reserve above 80 %."""

    FREE = "free"
    EIGHTY_OR_HUNDRED = "80-or-100"
    CAP_80 = "cap-80"

    def highest(self, soc_pct: float) -> int:
        """Return the highest reserve that the site takes and that is not above the charge."""
        most = min(FULL_PCT, math.floor(soc_pct))
        if self is ReservePolicy.FREE or most <= MOST_BUT_FULL_PCT:
            return most
        return FULL_PCT if most == FULL_PCT and self is ReservePolicy.EIGHTY_OR_HUNDRED else MOST_BUT_FULL_PCT


class Part(StrEnum):
    """A setting of the owner's that is changed for a hold."""

    RESERVE = "reserve"
    GRID_CHARGING = "grid_charging"
    MODE = "mode"


Setting = int | str | bool
"""A reserve in %, a mode, or whether the battery may be charged from the grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What the owner decided about holding."""

    method: Method = Method.RESERVE
    policy: ReservePolicy = ReservePolicy.EIGHTY_OR_HUNDRED
    max_writes_per_day: int = 20
    in_autonomous: bool = False  #: also under a tariff's rules, which are slow and have plans of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the site said at `at`. None = it does not say; what flows is only asked where it matters."""

    at: datetime
    reserve_pct: int | None = None
    mode: Mode = Mode.UNKNOWN
    may_charge_from_grid: bool | None = None
    soc_pct: float | None = None
    battery_w: float | None = None
    is_storm_watched: bool | None = None
    is_serving_grid: bool | None = None
    is_off_grid: bool | None = None
    has_flows: bool = False  #: what flows was asked for

    def value_of(self, part: Part) -> Setting | None:
        """Return how a part is set."""
        if part is Part.RESERVE:
            return self.reserve_pct
        if part is Part.GRID_CHARGING:
            return self.may_charge_from_grid
        return None if self.mode is Mode.UNKNOWN else self.mode.value


@dataclass(frozen=True, slots=True)
class Sent:
    """A write that may still be done."""

    value: Setting
    at: datetime
    is_owners: bool = False  #: it gave back what the owner had set


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One setting that was changed, or is about to be."""

    part: Part
    original: Setting  #: what it is given back as
    ours: Setting  #: what it is while the battery is held
    stands: Setting  #: what the site said last
    sent: tuple[Sent, ...] = ()  #: on their way, the oldest first
    aim: Setting | None = None  #: towards which the tries count
    tries: int = 0
    tried_at: datetime | None = None
    is_left: bool = False  #: the owner changed it: it is not ours to hold any more
    is_doubtful: bool = (
        False  #: the original was one before, and may have come late of ours: what was sent since will tell
    )

    @property
    def will_be(self) -> Setting:
        """Return what it will be when all that is on its way is done."""
        return self.sent[-1].value if self.sent else self.stands

    def is_settled(self, goal: Setting) -> bool:
        """Return whether it is as it should be, and will be."""
        return self.stands == goal and self.will_be == goal

    @property
    def is_waited_for(self) -> bool:
        """Return whether another of the owner's values is on its way, which may be the last that the owner chose."""
        return self.is_doubtful and any(each.is_owners and each.value != self.original for each in self.sent)

    def is_over(self) -> bool:
        """Return whether it is given back, and nothing on its way can change that any more."""
        return self.stands == self.original and all(each.value == self.original for each in self.sent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What must survive: what was changed, and how it was."""

    entries: tuple[Entry, ...] = ()
    by_hand: bool = False  #: somebody asked for a hold at the command line
    is_left: bool = False  #: the owner changed something: no hold again before this one is over
    day: date | None = None
    writes: int = 0  #: on that day
    problem: str | None = None  #: what went wrong
    note: str | None = None  #: why it is not held, or not wholly


def seen_of(at: datetime, info: SiteInfo, live: LiveStatus | None = None) -> Seen:
    """Return what two answers of the cloud say for a hold."""
    settings = Seen(
        at=at,
        reserve_pct=None if info.reserve_pct is None else round(info.reserve_pct),
        mode=info.mode,
        may_charge_from_grid=info.may_charge_from_grid,
    )
    if live is None:
        return settings
    return replace(
        settings,
        soc_pct=live.soc_pct,
        battery_w=live.battery_w,
        is_storm_watched=live.is_storm_watched,
        is_serving_grid=live.is_serving_grid,
        is_off_grid=live.is_off_grid,
        has_flows=True,
    )


def with_entry(book: Book, entry: Entry) -> Book:
    """Return a book with an entry in place of the one about the same part."""
    return replace(book, entries=tuple(entry if each.part is entry.part else each for each in book.entries))


def words_of(part: Part, value: Setting | None) -> str:
    """Return how a part is set, in words."""
    if part is Part.RESERVE:
        return f"reserve {value} %"
    if part is Part.GRID_CHARGING:
        return f"charging from the grid {'allowed' if value else 'forbidden'}"
    return f"mode {value}"
