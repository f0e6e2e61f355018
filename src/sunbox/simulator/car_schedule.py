"""The car's own schedule: start charging at a time of day, or so that it is ready for a departure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from sunbox.dialects.tesla.orders import DAYS

READY_MARGIN_S = 900.0
"""How much earlier than needed the car is ready."""

_TIMES = {True: "weekdays", False: "all_week"}

_GROUPS = {"all": 127, "weekdays": 62}
SHORT_DAYS: dict[str, int] = {day.lower(): 1 << place for place, day in enumerate(DAYS)}
FULL_DAYS: dict[str, int] = {
    day: 1 << place
    for place, day in enumerate(("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"))
}
"""Days of the week as bits (`vehicle-command:pkg/proxy/command.go`): Tesla's cloud knows both, the BLE proxy whole names."""


def days_from_text(text: str, names: Mapping[str, int]) -> int | None:
    """Return days of the week as bits, from `All`, `Weekdays` or names with commas between; None if one is unknown."""
    bits = 0
    for part in text.lower().split(","):
        bit = ({**names, **_GROUPS}).get(part.strip())
        if bit is None:
            return None
        bits |= bit
    return bits


class ScheduleMode(StrEnum):
    """The words of `scheduled_charging_mode`."""

    OFF = "Off"
    START_AT = "StartAt"
    DEPART_BY = "DepartBy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What was set. Minutes count from the car's local midnight."""

    mode: ScheduleMode = ScheduleMode.OFF
    start_min: int = 0
    departure_min: int = 480
    preconditioning: bool = False
    preconditioning_weekdays_only: bool = False
    off_peak: bool = False
    off_peak_weekdays_only: bool = False
    off_peak_end_min: int = 900

    def start_at(self, after_at: datetime, timezone: tzinfo, needed_s: float) -> datetime | None:
        """Return the next instant after `after_at` at which charging begins, None if nothing is planned.

        Args:
            after_at: UTC.
            timezone: the car's.
            needed_s: how long charging will take; counts where a departure is planned.
        """
        if self.mode is ScheduleMode.OFF:
            return None
        if self.mode is ScheduleMode.START_AT:
            return self._next(self.start_min, after_at, timezone, 0.0)
        ready_min = self.off_peak_end_min if self.off_peak else self.departure_min
        return self._next(ready_min, after_at, timezone, needed_s + READY_MARGIN_S)

    def departure_at(self, after_at: datetime, timezone: tzinfo) -> datetime:
        """Return the next departure after `after_at`."""
        return self._next(self.departure_min, after_at, timezone, 0.0)

    def _next(self, minutes: int, after_at: datetime, timezone: tzinfo, before_s: float) -> datetime:
        local = after_at.astimezone(timezone).replace(hour=0, minute=0, second=0, microsecond=0)
        days = 0
        while True:
            day = local + timedelta(days=days)
            at = day.replace(hour=minutes // 60, minute=minutes % 60).astimezone(after_at.tzinfo)
            at -= timedelta(seconds=before_s)
            if at > after_at:
                return at
            days += 1

    def to_wire(self, at: datetime, timezone: tzinfo, start_at: datetime | None, *, pending: bool) -> dict[str, Any]:
        """Return the schedule's fields of `charge_state`. `start_at` is when charging will begin."""
        departure_at = self.departure_at(at, timezone)
        starts = self.mode is ScheduleMode.START_AT and start_at is not None
        return {
            "scheduled_charging_mode": self.mode.value,
            "scheduled_charging_pending": pending,
            "scheduled_charging_start_time": round(start_at.timestamp()) if starts and start_at is not None else None,
            "scheduled_charging_start_time_app": self.start_min,
            "scheduled_departure_time": round(departure_at.timestamp()),
            "scheduled_departure_time_minutes": self.departure_min,
            "preconditioning_enabled": self.preconditioning,
            "preconditioning_times": _TIMES[self.preconditioning_weekdays_only],
            "off_peak_charging_enabled": self.off_peak,
            "off_peak_charging_times": _TIMES[self.off_peak_weekdays_only],
            "off_peak_hours_end_time": self.off_peak_end_min,
        }
