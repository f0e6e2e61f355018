"""The home battery while a car charges on purpose: it is kept for the house, and given back after.

After a restart nothing is known for a moment: what cars draw, what the fuses leave. A hold that is remembered is not given back in
that moment, to be taken again in the next: each costs writes, and wears on whoever looks at the battery.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core.effects import HoldBattery
from sunbox.core.values import replace

if TYPE_CHECKING:
    from sunbox.core.draft import Draft
    from sunbox.core.model import Draw

KEPT_UNKNOWING_S = 300.0
"""For so long after the start a remembered hold is kept while something is not known: a car may never answer."""


def hold_battery(draft: Draft, draws: dict[str, Draw], *, is_on_purpose: bool) -> None:
    """Keep the battery for the house as long as a car charges on purpose, sun or not.

    Args:
        draft: what is known.
        draws: what the cars drew when the grid was measured.
        is_on_purpose: a car is to charge because somebody asked for it.
    """
    was_held, may_hold = draft.memory.is_battery_held, draft.settings.site.battery_hold
    is_held = may_hold and is_on_purpose and (draft.site.has_battery or was_held)
    if was_held and may_hold and not is_held and not _knows(draft, draws):
        until_at = draft.began_at + timedelta(seconds=KEPT_UNKNOWING_S)
        if draft.at < until_at:
            draft.wait_for(until_at)
            return
    if is_held != was_held:
        draft.memory = replace(draft.memory, is_battery_held=is_held)
        draft.effects.append(HoldBattery(is_held=is_held))


def _knows(draft: Draft, draws: dict[str, Draw]) -> bool:
    """Return whether all has been seen since the start by which it is decided who charges."""
    if draft.site.is_stale:
        return False
    meters = {circuit.meter for circuit in draft.settings.circuits if circuit.meter is not None}
    if any(meter not in draft.meters or draft.meters[meter].reading is None for meter in meters):
        return False
    for loadpoint in draft.settings.loadpoints:
        vehicle, draw = draft.vehicles[loadpoint.device_id], draws[loadpoint.device_id]
        if vehicle.availability_at is None or vehicle.is_doubtful or draw.low_w < draw.high_w:
            return False
    return True
