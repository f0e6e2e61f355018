"""What the people do with a car: when it leaves, when it returns, what it has used. Seeded, week after week."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum


class Presence(StrEnum):
    """The habits there are."""

    ALWAYS = "always"  #: at home and plugged in, day and night
    COMMUTER = "commuter"  #: to work Monday to Friday, sometimes a trip at the weekend


class Move(StrEnum):
    """What happens to the car."""

    LEAVE = "leave"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Outing:
    """One move at an instant. `used_kwh` is what the trip took, told when it ends."""

    at: datetime
    move: Move
    used_kwh: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommuterParams:
    """A commuter's week, in local time. Jitter is gaussian, cut off at twice its size."""

    leave: time = time(7, 45)
    back: time = time(17, 15)
    jitter_min: float = 10.0
    day_kwh: tuple[float, float] = (5.0, 9.0)  #: 25 to 45 km at about 0.2 kWh/km
    trip_chance: float = 0.35  #: per weekend day
    trip_kwh: tuple[float, float] = (6.0, 22.0)


def always(_seed: int, _timezone: tzinfo, _from_at: datetime) -> Iterator[Outing]:
    """Never leave."""
    return iter(())


def commuter(seed: int, timezone: tzinfo, from_at: datetime, params: CommuterParams | None = None) -> Iterator[Outing]:
    """Leave and return as a commuter does, for ever, beginning with the first departure after `from_at`."""
    params = params or CommuterParams()
    day = from_at.astimezone(timezone).date()
    while True:
        outing = _day(random.Random(f"{seed}/{day.isoformat()}/commuter"), timezone, day, params)
        if outing and outing[0].at > from_at:
            yield from outing
        day += timedelta(days=1)


def _day(rng: random.Random, timezone: tzinfo, day: date, params: CommuterParams) -> tuple[Outing, Outing] | None:
    """Return departure and return of one day, None when the car stays."""

    def at(local: datetime) -> datetime:
        jitter_min = max(-2 * params.jitter_min, min(2 * params.jitter_min, rng.gauss(0.0, params.jitter_min)))
        # whole seconds keep the world's steps aligned
        moved_at = local.replace(tzinfo=timezone) + timedelta(seconds=round(60 * jitter_min))
        return moved_at.astimezone(UTC)

    if day.weekday() < 5:
        leave_at, back_at = at(datetime.combine(day, params.leave)), at(datetime.combine(day, params.back))
        used_kwh = rng.uniform(*params.day_kwh)
    elif rng.random() < params.trip_chance:
        leave = datetime.combine(day, time(9)) + timedelta(minutes=rng.uniform(0, 300))
        leave_at = at(leave.replace(microsecond=0))
        back_at = leave_at + timedelta(minutes=round(rng.uniform(90, 360)))
        used_kwh = rng.uniform(*params.trip_kwh)
    else:
        return None
    return Outing(leave_at, Move.LEAVE), Outing(back_at, Move.RETURN, round(used_kwh, 2))


HABITS: dict[Presence, Callable[[int, tzinfo, datetime], Iterator[Outing]]] = {
    Presence.ALWAYS: always,
    Presence.COMMUTER: commuter,
}
