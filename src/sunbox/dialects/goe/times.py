"""Time as the device tells it: daylight saving by its own rules, `utc` and `loc`, and the weekly scheduler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from sunbox.dialects.goe.keys import Json
from sunbox.dialects.goe.table import SCHEDULES
from sunbox.dialects.goe.wire import is_integer

_SUNDAY = 6


def _sunday(year: int, month: int, nth: int, hour: int) -> datetime:
    """Return the nth (from 1; -1 = last) Sunday of a month at an hour, without zone."""
    if nth < 0:
        after = datetime(year + month // 12, month % 12 + 1, 1, hour)  # noqa: DTZ001 - wall time of a rule
        day = after - timedelta(days=1)
        return day - timedelta(days=(day.weekday() - _SUNDAY) % 7)
    day = datetime(year, month, 1, hour)  # noqa: DTZ001 - wall time of a rule
    return day + timedelta(days=(_SUNDAY - day.weekday()) % 7 + 7 * (nth - 1))


def _is_european_summer(utc: datetime, _: datetime) -> bool:
    return _sunday(utc.year, 3, -1, 1) <= utc < _sunday(utc.year, 10, -1, 1)


def _is_us_summer(_: datetime, local: datetime) -> bool:
    # both changes are at 2:00 on the wall, the one in autumn by summer's clock
    return _sunday(local.year, 3, 2, 2) <= local < _sunday(local.year, 11, 1, 1)


def _is_australian_summer(_: datetime, local: datetime) -> bool:
    return not _sunday(local.year, 4, 1, 2) <= local < _sunday(local.year, 10, 1, 2)


_IS_SUMMER: dict[int, Callable[[datetime, datetime], bool]] = {
    1: _is_european_summer,
    2: _is_us_summer,
    3: _is_australian_summer,
}


def local_offset_min(at: datetime, tof_min: int, tds: int) -> int:
    """Return local time minus UTC in minutes: the zone `tof`, and an hour more in the summer of `tds`."""
    utc = at.astimezone(UTC).replace(tzinfo=None)
    is_summer = _IS_SUMMER.get(tds)
    summer = is_summer is not None and is_summer(utc, utc + timedelta(minutes=tof_min))
    return tof_min + (60 if summer else 0)


def local_time(at: datetime, values: Mapping[str, Json]) -> datetime:
    """Return the time on the wall, without zone."""
    return at.astimezone(UTC).replace(tzinfo=None) + timedelta(
        minutes=local_offset_min(at, values["tof"], values["tds"])
    )


def time_to_wire(wall: datetime, *, split: bool) -> str:
    """Return a time without zone: ISO 8601, or with the microseconds `split` in two as older firmware does."""
    text = wall.isoformat(timespec="microseconds")
    return f"{text[:-3]}.{text[-3:]}" if split else text


def zone_to_wire(offset_min: int) -> str:
    """Return what stands behind local time: ` +01:00`."""
    sign, minutes = ("-" if offset_min < 0 else "+"), abs(offset_min)
    return f" {sign}{minutes // 60:02d}:{minutes % 60:02d}"


# --- the scheduler ---------------------------------------------------------------------------------------------------

RANGES = 2
DISABLED, INSIDE, OUTSIDE = 0, 1, 2
CONTROLS = range(5)
"""`control`; 3 and 4 (allow or block charging from the grid only) came with 59.4 and act on surplus, not here."""


def _minute_from_wire(value: Json) -> int | None:
    if not isinstance(value, dict) or not all(is_integer(value.get(name)) for name in ("hour", "minute")):
        return None
    hour, minute = int(value["hour"]), int(value["minute"])
    is_time = 0 <= hour <= 24 and 0 <= minute <= 59 and hour * 60 + minute <= 24 * 60
    return hour * 60 + minute if is_time else None


def schedule_problem(value: Json) -> str | None:
    """Return why a value is no schedule, None if it is one."""
    if not isinstance(value, dict) or value.get("control") not in CONTROLS or isinstance(value["control"], bool):
        return "control must be 0 to 4"
    ranges = value.get("ranges")
    if not isinstance(ranges, list) or len(ranges) != RANGES:
        return f"ranges must be an array of {RANGES}"
    for each in ranges:
        if not isinstance(each, dict) or any(_minute_from_wire(each.get(end)) is None for end in ("begin", "end")):
            return "each range needs begin and end with hour and minute"
    return None


def schedule_from_wire(value: Json) -> Json:
    """Return a schedule without what the device does not keep."""
    return {
        "control": int(value["control"]),
        "ranges": [
            {end: {unit: int(each[end][unit]) for unit in ("hour", "minute")} for end in ("begin", "end")}
            for each in value["ranges"]
        ],
    }


def is_scheduled(values: Mapping[str, Json], wall: datetime) -> bool | None:
    """Return whether the scheduler allows charging at a time on the wall, None where it has no say.

    A range that ends before it begins goes over midnight of the same day; one that ends where it begins is empty.
    """
    schedule = values[SCHEDULES[max(0, wall.weekday() - 4)]]
    if schedule["control"] not in (INSIDE, OUTSIDE):
        return None
    minute = wall.hour * 60 + wall.minute
    inside: bool = False
    for each in schedule["ranges"]:
        begin, end = (int(each[name]["hour"]) * 60 + int(each[name]["minute"]) for name in ("begin", "end"))
        inside = inside or (begin <= minute < end if begin <= end else minute >= begin or minute < end)
    return inside is (schedule["control"] == INSIDE)
