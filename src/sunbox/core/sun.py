"""Where the sun is: enough of astronomy to know how much of a day's sun has passed. Source: NOAA's short formulas."""

from __future__ import annotations

import math
from datetime import datetime, timedelta


def is_up(at: datetime, latitude: float, longitude: float) -> bool:
    """Return whether the sun is above the horizon. Arguments as of `share_of_day`."""
    hour_angle, half_day, _ = _angles(at, latitude, longitude)
    return abs(hour_angle) < half_day


def daylight_s(at: datetime, days: int, latitude: float, longitude: float) -> float:
    """Return for how long the sun will be up: on what is left of this day, and on all that follow until there were `days`.

    Further arguments as of `share_of_day`.
    """
    hour_angle, half_day, _ = _angles(at, latitude, longitude)
    up = max(0.0, half_day - max(hour_angle, -half_day))
    for number in range(1, days):
        up += 2.0 * _angles(at + timedelta(days=number), latitude, longitude)[1]
    return up * HALF_TURN_S / math.pi


def after_noon_s(at: datetime, latitude: float, longitude: float) -> float:
    """Return for how long the sun has been past its highest, negative = it is still to come. Arguments as of `share_of_day`."""
    return _angles(at, latitude, longitude)[0] * HALF_TURN_S / math.pi


HALF_TURN_S = 43200.0
"""In which the sun's hour angle grows by a half turn."""


def _angles(at: datetime, latitude: float, longitude: float) -> tuple[float, float, float]:
    """Return the sun's hour angle (0 at noon), half the day's length as an angle, and the declination, in radians."""
    day = at.timetuple().tm_yday
    angle = 2.0 * math.pi * (day - 81) / 364.0
    declination = math.radians(23.45) * math.sin(angle)
    equation_min = 9.87 * math.sin(2 * angle) - 7.53 * math.cos(angle) - 1.5 * math.sin(angle)
    minutes = at.hour * 60.0 + at.minute + at.second / 60.0 + 4.0 * longitude + equation_min
    hour_angle = math.radians(((minutes / 4.0 - 180.0) + 180.0) % 360.0 - 180.0)
    phi = math.radians(latitude)
    cosine = -math.tan(phi) * math.tan(declination) if abs(latitude) < 89.9 else -math.copysign(2.0, declination * phi)
    return hour_angle, math.acos(max(-1.0, min(1.0, cosine))), declination


def share_of_day(at: datetime, latitude: float, longitude: float) -> float:
    """Return which share of a cloudless day's sun (sine of its height over the horizon, added up) has passed, 0–1.

    Args:
        at: an instant, UTC-aware.
        latitude: degrees, north +.
        longitude: degrees, east +.
    """
    hour_angle, half_day, declination = _angles(at, latitude, longitude)
    phi = math.radians(latitude)
    if half_day <= 0.0:
        return 1.0 if hour_angle > 0 else 0.0

    def passed(angle_now: float) -> float:
        return math.sin(phi) * math.sin(declination) * (angle_now + half_day) + math.cos(phi) * math.cos(
            declination
        ) * (math.sin(angle_now) + math.sin(half_day))

    clipped = max(-half_day, min(half_day, hour_angle))
    return max(0.0, min(1.0, passed(clipped) / passed(half_day)))
