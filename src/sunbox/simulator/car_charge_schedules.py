"""The charge schedules of newer firmware (2024.26): by day of the week and place, with a start, an end, or both.

Fields and bits: `vehicle-command:pkg/vehicle/charge.go`, `common.proto:ChargeSchedule`. How near a car must stand is not told
anywhere; a kilometre is taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from sunbox.simulator.car_schedule import FULL_DAYS, SHORT_DAYS, days_from_text

NEAR_KM = 1.0
KM_PER_DEGREE = 111.2
WEEK = timedelta(days=8)
"""Longest until a schedule's next move, whatever clocks are set to in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeSchedule:
    """One schedule. Minutes count from the car's local midnight."""

    id: int
    name: str = ""
    days: int = 0  #: bits, Sunday 1 to Saturday 64
    starts: bool = False
    start_min: int = 0
    ends: bool = False
    end_min: int = 0
    one_time: bool = False
    is_enabled: bool = False
    latitude: float = 0.0
    longitude: float = 0.0

    def is_near(self, position: tuple[float, float]) -> bool:
        """Return whether it counts where a car stands."""
        north_km = (position[0] - self.latitude) * KM_PER_DEGREE
        east_km = (position[1] - self.longitude) * KM_PER_DEGREE * math.cos(math.radians(self.latitude))
        return math.hypot(north_km, east_km) <= NEAR_KM

    def moves(self, after_at: datetime, until_at: datetime, timezone: tzinfo) -> list[tuple[datetime, bool]]:
        """Return when it starts (True) and stops (False) charging after one instant up to another, in order."""
        if not self.is_enabled:
            return []
        moves: list[tuple[datetime, bool]] = []
        day = after_at.astimezone(timezone).date() - timedelta(days=2)
        last = until_at.astimezone(timezone).date()
        while day <= last:
            if self.days & _bit_of(day):
                if self.starts:
                    moves.append((_at(day, self.start_min, timezone), True))
                if self.ends:
                    moves.append((_at(self._end_day(day), self.end_min, timezone), False))
            day += timedelta(days=1)
        return sorted(move for move in moves if after_at < move[0] <= until_at)

    def is_open(self, at: datetime, timezone: tzinfo) -> bool:
        """Return whether an instant lies between its start and its end."""
        if not (self.starts and self.ends and self.is_enabled):
            return False
        today = at.astimezone(timezone).date()
        return any(
            self.days & _bit_of(day)
            and _at(day, self.start_min, timezone) <= at < _at(self._end_day(day), self.end_min, timezone)
            for day in (today - timedelta(days=1), today)
        )

    def _end_day(self, day: date) -> date:
        """Return the day on which it ends that begins on `day`: past midnight it is the next."""
        is_next = self.starts and self.end_min <= self.start_min
        return day + timedelta(days=1) if is_next else day

    def to_wire(self) -> dict[str, Any]:
        """Return it as `charge_schedule_data` tells it."""
        return {
            "id": self.id,
            "name": self.name,
            "days_of_week": self.days,
            "start_enabled": self.starts,
            "start_time": self.start_min,
            "end_enabled": self.ends,
            "end_time": self.end_min,
            "one_time": self.one_time,
            "enabled": self.is_enabled,
            "latitude": self.latitude,
            "longitude": self.longitude,
        }


def schedule_from_body(body: Mapping[str, Any]) -> ChargeSchedule:
    """Return the schedule that the body of `add_charge_schedule` asks for; days are words, or bits from the BLE proxy."""
    days = body.get("days_of_week", 0)
    return ChargeSchedule(
        id=int(body["id"]),
        name=body.get("name") or "",
        days=days if isinstance(days, int) else days_from_text(days, SHORT_DAYS | FULL_DAYS) or 0,
        starts=body.get("start_enabled", False),
        start_min=int(body.get("start_time") or 0),
        ends=body.get("end_enabled", False),
        end_min=int(body.get("end_time") or 0),
        one_time=body.get("one_time") or False,
        is_enabled=body.get("enabled", False),
        latitude=float(body.get("lat", 0.0)),
        longitude=float(body.get("lon", 0.0)),
    )


def next_start_at(schedules: Iterable[ChargeSchedule], after_at: datetime, timezone: tzinfo) -> datetime | None:
    """Return when the first of them starts charging after an instant, None if none ever does."""
    starts = (at for each in schedules for at, is_start in each.moves(after_at, after_at + WEEK, timezone) if is_start)
    return min(starts, default=None)


def next_move_at(schedules: Iterable[ChargeSchedule], after_at: datetime, timezone: tzinfo) -> datetime | None:
    """Return when the first of them starts or stops charging after an instant, None if none ever does."""
    moves = (at for each in schedules for at, _ in each.moves(after_at, after_at + WEEK, timezone)[:1])
    return min(moves, default=None)


def _bit_of(day: date) -> int:
    return 1 << day.isoweekday() % 7


def _at(day: date, minutes: int, timezone: tzinfo) -> datetime:
    return datetime.combine(day, time(minutes // 60, minutes % 60), tzinfo=timezone).astimezone(UTC)
