"""From wish to set-point: what each loadpoint should do, and why, all from the same measurement.

First who is in for what (`stance.py`), then what the circuits grant to those who charge anyway, then the sun, by priority
(`allocation.py`): phases, current, start and stop (`phases.py`, `regulator.py`).
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from sunbox.core.battery import hold_battery
from sunbox.core.blind import safe_a
from sunbox.core.circuits import Circuits, Want, grant
from sunbox.core.follow import follow, on_all_phases, reserved_for, waits_for_room
from sunbox.core.foresight import observed, outlook
from sunbox.core.headroom import circuits_now, draw_here, load_of
from sunbox.core.model import Draw
from sunbox.core.placing import hold, less, place, set_down, shown, unpaid, without_room
from sunbox.core.reasons import Reason
from sunbox.core.regulator import Range
from sunbox.core.stance import Stance, off, stance_of
from sunbox.core.surplus import surplus_without_cars_w
from sunbox.core.values import replace
from sunbox.core.wallbox import SetPoint

if TYPE_CHECKING:
    from sunbox.core.draft import Draft
    from sunbox.core.state import LoadpointState


def decide(draft: Draft, draws: dict[str, Draw]) -> None:
    """Set every loadpoint's set-point and reason. `draws` is what vehicles drew here when the grid was measured."""
    sun = draft.sun = _sun(draft, draws)
    draft.outlook = outlook(draft)
    circuits = circuits_now(draft, draws)
    stances: list[Stance] = []
    for settings in draft.settings.loadpoints:
        stance = stance_of(draft, settings, draft.loadpoints[settings.id])
        if isinstance(stance, Stance):
            stances.append(stance)
            continue
        set_down(draft, shown(stance, sun), settings)
        if circuits is not None:
            hold(draft, circuits, settings, load_of(draft, settings, Draw(0.0, 0.0)), 0.0)
    if circuits is not None:
        _grant(draft, circuits, stances)
    followers: list[Stance] = []
    for stance in stances:
        if stance.full is None:
            followers.append(stance)
            continue
        can = on_all_phases(draft, circuits, stance)
        after = _full(draft, shown(draft.loadpoints[stance.settings.id], sun), stance, can, stance.full)
        place(draft, circuits, stance, after)
        sun = less(sun, after, stance)
    reserved_w = reserved_for(followers)
    for group in _by_priority(draft, followers):
        sun, reserved_w = follow(draft, circuits, group, sun, reserved_w)
    if draft.settings.site.battery_hold or draft.memory.is_battery_held:
        on_purpose = (stance.settings.id for stance in stances if stance.full is not None)
        hold_battery(draft, draws, is_on_purpose=any(draft.loadpoints[id_].set_point.charge for id_ in on_purpose))


def _sun(draft: Draft, draws: dict[str, Draw]) -> Draw | None:
    """Return the surplus of the site with what the cars drew added back; None while it is not known."""
    base_w = surplus_without_cars_w(draft.site, draft.settings.site)
    if base_w is None:
        return None
    low_w = high_w = base_w
    for draw in draws.values():
        low_w, high_w = low_w + draw.low_w, high_w + draw.high_w
    return observed(draft, Draw(low_w, high_w))


def _by_priority(draft: Draft, stances: list[Stance]) -> list[list[Stance]]:
    """Return who follows the sun in the order of service, those of one priority together."""
    if len(stances) < 2:
        return [stances] if stances else []
    ranked = sorted(stances, key=lambda stance: _rank(draft, stance))
    return [list(group) for _, group in groupby(ranked, key=lambda stance: stance.settings.priority)]


def _rank(draft: Draft, stance: Stance) -> tuple[int, bool]:
    """Return the order of service: higher priority first, then who charges already; the file decides ties."""
    return -stance.settings.priority, not draft.loadpoints[stance.settings.id].set_point.charge


# Circuits -------------------------------------------------------------------------------------------------------------


def _grant(draft: Draft, circuits: Circuits, stances: list[Stance]) -> None:
    """Have the circuits hold for each what it asks for, and at least what it draws.

    Who follows the sun asks for what it has, and who waits while there is sun enough for its minimum: else the first to charge
    would keep a circuit for itself, however much sun is fed in.
    """
    wants = []
    for stance in sorted(stances, key=lambda stance: _rank(draft, stance)):
        set_point = draft.loadpoints[stance.settings.id].set_point
        if stance.is_idle and not (stance.standby_a and set_point.charge):
            continue
        if stance.is_idle:
            want_a = stance.can.min_a
        elif stance.full is not None:
            want_a = stance.can.max_a
        elif set_point.charge or not stance.can.stops:
            want_a = min(stance.can.max_a, max(set_point.amps_a, stance.can.min_a))
        elif waits_for_room(draft, stance):
            want_a = min(stance.can.max_a, stance.can.min_a)
        else:
            continue
        more_a = math.ceil(stance.extra_a)
        if not set_point.charge and any(_may_exceed(draft, each) for each in stances):
            more_a += 1  # else who has its grant to the ampere leaves a little less than the minimum, and nobody moves
        wants.append(
            Want(
                loadpoint_id=stance.settings.id,
                load=stance.load(),
                min_a=min(stance.can.min_a, want_a) + more_a,
                want_a=want_a + more_a,
                priority=stance.settings.priority,
            )
        )
    grant(circuits, wants)
    for stance in stances:
        loadpoint_id = stance.settings.id
        held_a = circuits.held.get(loadpoint_id, 0.0)
        # Of his grant he keeps what he has; a rise waits until the others have come down.
        set_point = draft.loadpoints[loadpoint_id].set_point
        circuits.granted[loadpoint_id] = min(held_a, set_point.amps_a + math.ceil(stance.extra_a))
        if not set_point.charge:
            circuits.kept[loadpoint_id] = held_a
        hold(draft, circuits, stance.settings, stance.load(), held_a)


def _may_exceed(draft: Draft, stance: Stance) -> bool:
    """Return whether a loadpoint that charges draws, or may draw, somewhat more than it was told."""
    set_point = draft.loadpoints[stance.settings.id].set_point
    if not set_point.charge:
        return False
    drawn = load_of(draft, stance.settings, draw_here(draft, stance.settings, draft.at))
    return drawn.high_a > set_point.amps_a + stance.extra_a


# All there is ---------------------------------------------------------------------------------------------------------


def _full(draft: Draft, lp: LoadpointState, stance: Stance, can: Range, base: Reason) -> LoadpointState:
    """Charge with what was asked, or with all there is, within the hard caps."""
    if (why := unpaid(draft, stance, can)) is not None:
        return off(lp, why)
    if (stopped := without_room(draft, lp, stance, can)) is not None:
        return stopped
    amps = safe_a(draft, lp, can)
    asked_a = stance.wish.amps_a
    numbers = {"amps_a": amps, **base.numbers}
    if asked_a is not None and asked_a != amps:
        numbers["cap"] = f" (asked for {asked_a} A, limited by {can.cap_why or 'the grid meter being silent'})"
    elif asked_a is None and can.cap_why is not None:
        numbers["cap"] = f" (limited by {can.cap_why})"
    return replace(
        lp,
        set_point=SetPoint(charge=True, amps_a=amps, phases=can.phases),
        is_acting=True,
        reason=Reason(base.code, numbers, stance.wish.override_until_at),
        missed_wh=0.0,
        scores={},
        import_wh=0.0,
        short_since_at=None,
        raise_since_at=None,
    )
