"""Conversions and rounding, written once.

Signs: grid + = import; pv >= 0; battery + = discharging; charger >= 0 = into the car.
"""

from __future__ import annotations

import math
from datetime import timedelta
from functools import lru_cache

EARTH_RADIUS_M = 6_376_500.0
"""Radius that TeslaLogger's geofence uses (`Geofence.cs`), kept so that the same file matches the same places."""


@lru_cache(maxsize=1024)
def span(seconds_s: float) -> timedelta:
    """Return a span of time that settings or rules name: it comes again with every reading, and is kept rather than made anew."""
    return timedelta(seconds=seconds_s)


def power_w(amps_a: float, phases: int, voltage_v: float) -> float:
    """Return the power in W that `amps_a` per phase carry on `phases` phases at `voltage_v` phase to neutral."""
    return amps_a * phases * voltage_v


def amps_a(watts_w: float, phases: int, voltage_v: float) -> float:
    """Return the current in A per phase that carries `watts_w`; 0 where phases or voltage are not positive."""
    divisor = phases * voltage_v
    return watts_w / divisor if divisor > 0 else 0.0


def active_phases(reported: int | None, power_w: float | None, voltage_v: float | None, current_a: float | None) -> int:
    """Return how many phases carry current: 0 (idle), 1, 2 or 3.

    `reported` is the vehicle's own word in phases (1 or 3; None if it does not say). It decides, unless it is missing or
    contradicts `power_w` at 2 kW or more; then the formula of TeslaLogger's wallbox proposal with its missing brackets does:
    trunc((power + 500) / volts / amps), clamped to 1…3. (reference: `DBHelper.cs:CalculatePhases`; charger_power is whole kW,
    so the formula is wrong at low current and never overrides the word there.)
    """
    if not current_a or current_a <= 0:
        return 0
    computed = None
    if power_w is not None and voltage_v is not None and voltage_v > 0:
        computed = max(1, min(3, math.trunc((power_w + 500) / voltage_v / current_a)))
    if reported is None:
        if computed is None or not power_w:
            return 0 if computed is None else 1
        return computed
    if computed is not None and power_w is not None and power_w >= 2000:
        assert voltage_v is not None  # noqa: S101 - narrowed above
        told_w = reported * voltage_v * current_a
        # charger_power is truncated or rounded to whole kW: within 1 kW it is no contradiction
        if abs(told_w - power_w) > 1000:
            return computed
    return reported


def distance_m(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Return the great-circle distance in metres between two points given in degrees (haversine)."""
    phi_a, phi_b = math.radians(lat_a), math.radians(lat_b)
    half_lat, half_lon = (phi_b - phi_a) / 2, math.radians(lon_b - lon_a) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(phi_a) * math.cos(phi_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))
