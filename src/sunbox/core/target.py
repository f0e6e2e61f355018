"""State-of-charge targets: 50–100 % are the car's own limit, 1–49 % are kept by the gateway with the car's 50 % as a safety net."""

from __future__ import annotations

from sunbox.core.model import VehicleFacts
from sunbox.core.settings import Capabilities, VehicleSettings

RESTART_BELOW_PCT = 3
"""After a soft target was reached charging restarts only this far below it."""

DEFAULT_CAPACITY_WH = 60_000.0
"""Assumed where the owner gave none; only decides when to look again, never when to stop."""

CHARGE_EFFICIENCY = 0.92
"""High on purpose: looking a little early costs one read, looking late overshoots."""

LOOK_AGAIN_S = 60.0
"""Shortest time between two looks at a car that nears its target."""


def limit_to_send_pct(target_pct: int | None, capabilities: Capabilities) -> int | None:
    """Return the charge limit that belongs to a target, None without a target or where the device has no limit."""
    if target_pct is None or not capabilities.stops_at_limit_soc:
        return None
    return max(target_pct, capabilities.limit_soc_min_pct)


def is_soft(target_pct: int | None, capabilities: Capabilities) -> bool:
    """Return whether the gateway itself must stop at the target."""
    if target_pct is None:
        return False
    return not capabilities.stops_at_limit_soc or target_pct < capabilities.limit_soc_min_pct


def is_reached(target_pct: int, soc_pct: int, *, was_reached: bool) -> bool:
    """Return whether a soft target counts as reached, with its hysteresis."""
    if soc_pct >= target_pct:
        return True
    return was_reached and soc_pct > target_pct - RESTART_BELOW_PCT


def wait_s(
    vehicle: VehicleSettings, facts: VehicleFacts, target_pct: int, energy_wh: float, draw_w: float
) -> float | None:
    """Return in how many s a charging car is expected at a soft target, so that one read then finds it there.

    None if it does not draw.

    `energy_wh` went in since the facts were read, `draw_w` goes in now. The car reports whole percent, so up to one
    percent may already be there unseen.
    """
    if facts.soc_pct is None or draw_w <= 0:
        return None
    capacity_wh = vehicle.capacity_wh or DEFAULT_CAPACITY_WH
    missing_wh = max(0.0, target_pct - facts.soc_pct - 0.5) / 100.0 * capacity_wh / CHARGE_EFFICIENCY
    return max(0.0, missing_wh - energy_wh) / draw_w * 3600.0
