"""Setting a decision down: on the loadpoint, on the circuits that carry it, and off the sun that is left."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core.circuits import Cap
from sunbox.core.headroom import draw_here, load_of
from sunbox.core.model import Draw
from sunbox.core.prices import budget_reason
from sunbox.core.reasons import Numbers, Reason, ReasonCode
from sunbox.core.stance import off, within
from sunbox.core.values import replace

if TYPE_CHECKING:
    from sunbox.core.circuits import Circuits, Load
    from sunbox.core.draft import Draft
    from sunbox.core.regulator import Range
    from sunbox.core.settings import LoadpointSettings
    from sunbox.core.stance import Stance
    from sunbox.core.state import LoadpointState


def shown(lp: LoadpointState, sun: Draw | None) -> LoadpointState:
    """Return the loadpoint with the surplus that it is decided on."""
    low_w, high_w = (sun.low_w, sun.high_w) if sun is not None else (None, None)
    return replace(lp, surplus_low_w=low_w, surplus_high_w=high_w)


def set_down(draft: Draft, after: LoadpointState, settings: LoadpointSettings) -> None:
    """Set what was decided; whether it charges survives a restart."""
    if after.memory.was_charging != after.set_point.charge:
        memory = replace(after.memory, was_charging=after.set_point.charge)
        if memory.was_charging:
            wear = draft.wear_of(settings.id)
            memory = replace(memory, wear=replace(wear, starts=wear.starts + 1))
        after = replace(after, memory=memory)
    draft.loadpoints[settings.id] = after
    draft.wait_for(after.reason.changes_at)


def less(sun: Draw | None, after: LoadpointState, stance: Stance) -> Draw | None:
    """Return the sun without what a loadpoint takes."""
    if sun is None or stance.is_idle or not after.set_point.charge:
        return sun
    taken_w = (after.set_point.amps_a + stance.extra_a) * after.set_point.phases * stance.can.voltage_v
    return Draw(sun.low_w - taken_w, sun.high_w - taken_w)


def hold(draft: Draft, circuits: Circuits, settings: LoadpointSettings, load: Load, amps: float) -> None:
    """Hold so much for a loadpoint, and never less than it may be drawing now: a change takes time."""
    drawn = load_of(draft, settings, draw_here(draft, settings, draft.at))
    circuits.hold(settings.id, load, max(amps, drawn.high_a))


def within_room(circuits: Circuits | None, stance: Stance) -> Range:
    """Return what a loadpoint can do within what its circuits have left for it."""
    if circuits is None:
        return stance.can
    room = circuits.room_for(stance.settings.id, stance.load(stance.can.phases))
    if room is not None and stance.extra_a:
        room = Cap(max(0, math.floor(room.amps_a - stance.extra_a)), room.why)
    return within(stance.can, room)


def place(draft: Draft, circuits: Circuits | None, stance: Stance, after: LoadpointState) -> None:
    """Set what was decided, and hold it on the circuits."""
    set_down(draft, after, stance.settings)
    if circuits is not None:
        set_point = after.set_point
        load = stance.load(set_point.phases if set_point.charge else 1)
        takes = set_point.charge and not stance.is_idle
        waits_a = max(stance.standby_a, circuits.kept.get(stance.settings.id, 0.0))
        hold(draft, circuits, stance.settings, load, set_point.amps_a + stance.extra_a if takes else waits_a)


def unpaid(draft: Draft, stance: Stance, can: Range) -> Reason | None:
    """Return the budget's reason where a car takes more than its cap and no change can be paid for: a stop always can."""
    if stance.fixed_a is None or stance.fixed_a <= can.hard_a:
        return None
    return budget_reason(draft, stance.vehicle.id)


def without_room(draft: Draft, lp: LoadpointState, stance: Stance, can: Range) -> LoadpointState | None:
    """Return the loadpoint stopped where not even the minimum fits, or has just not fitted; None where it may charge.

    After such a stop it pauses as after one for want of sun, and longer after many starts: a cooker that comes and goes does
    not wear its contactor. Whoever asks anew does not wait.
    """
    if can.max_a >= can.min_a and (lp.set_point.charge or lp.no_room_at is None):
        return None
    numbers: Numbers = {"what": can.cap_why or "the circuit", "left_a": can.max_a, "amps_a": can.min_a}
    if can.max_a < can.min_a:
        was_charging = lp.set_point.charge and stance.runs and not draft.vehicles[stance.vehicle.id].is_doubtful
        return replace(
            off(lp, Reason(ReasonCode.FUSE, numbers)), no_room_at=draft.at if was_charging else lp.no_room_at
        )
    assert lp.no_room_at is not None  # noqa: S101 - told above
    ends_at = lp.no_room_at + timedelta(seconds=can.patience * stance.settings.min_pause_s)
    if draft.at >= ends_at:
        return None
    clock = ends_at.astimezone(draft.settings.site.timezone).strftime("%H:%M:%S")
    numbers = {**numbers, "cap": f"; it was stopped for that, and goes on at {clock}"}
    return off(lp, Reason(ReasonCode.FUSE, numbers, ends_at))
