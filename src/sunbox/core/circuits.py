"""Hard caps: fuse, cable, EVSE and vehicle limits hold whatever any request or plan says."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sunbox.core.model import VehicleFacts
from sunbox.core.settings import Capabilities, LoadpointSettings, SiteSettings
from sunbox.core.surplus import Balance


@dataclass(frozen=True, slots=True)
class Cap:
    """The highest current allowed, and what sets it (None = nothing but what was asked)."""

    amps_a: int
    why: str | None = None


def device_cap(loadpoint: LoadpointSettings, capabilities: Capabilities, facts: VehicleFacts | None) -> Cap:
    """Return the cap that loadpoint, cable, EVSE and vehicle set: the smallest of what is known."""
    cap = Cap(capabilities.max_a)
    if loadpoint.max_a is not None and loadpoint.max_a < cap.amps_a:
        cap = Cap(loadpoint.max_a, "the loadpoint's maximum")
    available = available_a(facts)
    if available is not None and available < cap.amps_a:
        cap = Cap(available, "what cable and car allow")
    return cap


def available_a(facts: VehicleFacts | None) -> int | None:
    """Return the most that cable, EVSE and car allow in A: the pilot if plugged and > 0, else the car's own maximum."""
    if facts is None:
        return None
    if facts.is_plugged and facts.pilot_a:
        return facts.pilot_a
    return facts.amps_requested_max_a


def fuse_cap(site: SiteSettings, balance: Balance, draw_low_w: float, phases: int, cap: Cap) -> Cap:
    """Return the cap after the main fuse.

    What others use is grid − car, at its most where the car's draw is at its least. With currents per phase the worst phase
    counts; without, all of the others' power is assumed on one of the car's phases.
    """
    if site.main_fuse_a is None or balance.is_stale or balance.grid_w is None:
        return cap
    car_a = draw_low_w / (phases * site.voltage_v)
    if balance.grid_phases_a is not None:
        others_a = max(balance.grid_phases_a) - car_a
    else:
        others_a = max(0.0, (balance.grid_w - draw_low_w) / site.voltage_v)
    left_a = max(0, math.floor(site.main_fuse_a - others_a + 1e-6))
    return Cap(left_a, f"the main fuse of {site.main_fuse_a:.0f} A") if left_a < cap.amps_a else cap
