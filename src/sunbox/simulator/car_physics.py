"""What a Tesla's on-board charger and battery do, as plain functions. W, Wh, V, A, s, %."""

from __future__ import annotations

from dataclasses import dataclass

ONBOARD_MAX_A: dict[int, int] = {1: 32, 3: 16}
"""Most current per phase by number of phases (EU Model 3/Y: 7.4 kW on one phase, 11 kW on three)."""

LOW_POWER_W, LOW_SHARE = 1400.0, 0.76
HIGH_POWER_W, HIGH_SHARE = 11000.0, 0.90
"""Share of the wall power that reaches the battery. The car's electronics take a fixed power, which weighs most when little flows."""

_SLOPE = (HIGH_SHARE * HIGH_POWER_W - LOW_SHARE * LOW_POWER_W) / (HIGH_POWER_W - LOW_POWER_W)
ELECTRONICS_W = _SLOPE * LOW_POWER_W - LOW_SHARE * LOW_POWER_W

AWAKE_W, ASLEEP_W = 200.0, 5.0
"""What the car takes from its own battery while it does not charge."""

LINE_OHM = 0.15
"""Resistance from the meter to the car, per phase: the voltage sags with the current."""

RAMP_UP_A_PER_S, RAMP_DOWN_A_PER_S = 3.0, 40.0
START_DELAY_S = (4.0, 8.0)

TAPER_FROM_PCT, TAPER_SHARE_AT_FULL = 90.0, 0.12
LOWEST_TOLD_A = 5
"""Smallest current that the car takes when told once."""
NEVER_FULL_PCT = 60.0
"""Where a car that is never full stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """What the car is plugged into."""

    phases: int = 3
    voltage_v: float = 230.0
    pilot_a: int = 16  #: what the EVSE offers
    has_power: bool = True
    is_closed: bool = True  #: the contactor; a wallbox closes it when the car asks for power


def into_battery_w(wall_w: float) -> float:
    """Return what reaches the battery of `wall_w` at the wall."""
    return max(0.0, _SLOPE * wall_w - ELECTRONICS_W) if wall_w > 0 else 0.0


def sagged_v(voltage_v: float, current_a: float) -> float:
    """Return the voltage at the car under load."""
    return voltage_v - LINE_OHM * current_a


def wall_w(socket: Socket, current_a: float) -> float:
    """Return the AC power that `current_a` per phase carries."""
    return socket.phases * current_a * (socket.voltage_v - LINE_OHM * current_a)


def available_a(socket: Socket, onboard_max_a: int) -> int:
    """Return the most current that EVSE and car allow."""
    return min(socket.pilot_a, onboard_max_a)


def tapered_a(soc_pct: float, most_a: float) -> float:
    """Return the most current the battery takes: all below 90 %, then ever less."""
    if soc_pct <= TAPER_FROM_PCT:
        return most_a
    share = min(1.0, (soc_pct - TAPER_FROM_PCT) / (100.0 - TAPER_FROM_PCT))
    return most_a * (1.0 - share * (1.0 - TAPER_SHARE_AT_FULL))
