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


def others_a(
    site: SiteSettings, balance: Balance, low_a: float, high_a: float, before_a: float | None, phases_w: float
) -> float | None:
    """Return what everything but the cars draws on the worst phase, in A; None while the grid is unknown or stale.

    With currents per phase the worst phase counts; without, all of the others' power is assumed on one of the cars' phases.
    While a car's own draw is only known as low_a … high_a (per phase), the others are taken to be what they were before, as far
    as the grid allows it: the rise of a start is the car's and not the house's.

    Args:
        site: voltage.
        balance: the grid now.
        low_a: least that the cars drew together per phase.
        high_a: most.
        before_a: the others when the draw was last known.
        phases_w: power in W that 1 A of the cars stands for in the sum of the phases (phases × voltage).
    """
    if balance.is_stale or balance.grid_w is None:
        return None

    def without(cars_a: float) -> float:
        if balance.grid_phases_a is not None:
            return max(balance.grid_phases_a) - cars_a
        grid_w = balance.grid_w or 0.0
        return max(0.0, (grid_w - cars_a * phases_w) / site.voltage_v)

    most_a = without(low_a)
    if before_a is None or low_a >= high_a:
        return most_a
    return min(most_a, max(without(high_a), before_a))


def fuse_cap(site: SiteSettings, free_a: float | None, cap: Cap) -> Cap:
    """Return the cap after the main fuse, of which the others (and the loadpoints served before) leave `free_a`."""
    if site.main_fuse_a is None or free_a is None:
        return cap
    left_a = max(0, math.floor(free_a + 1e-6))
    return Cap(left_a, f"the main fuse of {site.main_fuse_a:.0f} A") if left_a < cap.amps_a else cap
