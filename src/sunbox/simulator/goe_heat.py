"""How warm a wallbox gets, and what it lets through when it is hot. Plausible figures; no source has the device's own."""

from __future__ import annotations

import math

from sunbox.dialects.goe.decide import LEAST_A

WARM_S = 900.0
"""How slowly it warms (time constant)."""
HEAT_C = 30.0
"""How much warmer 32 A on three phases make it in the end."""
DERATES_FROM_C, HOT_C = 60.0, 80.0
MOST_A = 32


def heat_limit_a(temperature_c: float) -> int:
    """Return the most current at a temperature: 32 A up to 60 °C, less up to 80 °C, then none."""
    if temperature_c >= HOT_C:
        return 0
    share = min(1.0, (HOT_C - temperature_c) / (HOT_C - DERATES_FROM_C))
    return max(LEAST_A, math.floor(MOST_A * share))


def warmed_c(temperature_c: float, ambient_c: float, current_a: float, phases: int, dt_s: float) -> float:
    """Return the temperature after `dt_s` seconds with a current per phase on so many phases."""
    load = (current_a / MOST_A) ** 2 * phases / 3
    target_c = ambient_c + HEAT_C * load
    return temperature_c + (target_c - temperature_c) * (1.0 - math.exp(-dt_s / WARM_S))
