"""Following the sun: the loadpoints of one priority share what is there; each decides its phases, then its current.

Before the regulator sees the sun, what the battery may add is added; where the grid cannot be seen, `blind.py` decides instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sunbox.core.allocation import Claim, fair_w
from sunbox.core.belief import own_phases_of
from sunbox.core.blind import follow_blindly, stale_s
from sunbox.core.circuits import Circuits
from sunbox.core.model import Draw
from sunbox.core.phases import Rules, is_worth, leaning, phases_to_start
from sunbox.core.placing import less, place, shown, unpaid, within_room, without_room
from sunbox.core.prices import budget_reason
from sunbox.core.regulator import Range, decide_from_surplus
from sunbox.core.stance import Stance, off
from sunbox.core.surplus import bridge_w
from sunbox.core.values import replace
from sunbox.core.wallbox import SetPoint

if TYPE_CHECKING:
    from sunbox.core.draft import Draft
    from sunbox.core.state import LoadpointState


def follow(
    draft: Draft, circuits: Circuits | None, group: list[Stance], sun: Draw | None, reserved_w: float
) -> tuple[Draw | None, float]:
    """Decide for loadpoints of one priority, and return the sun that they leave and what is reserved for minimums after them.

    Those who charge share what is there; who waits reckons with their going down to the minimum.
    """
    before = {stance.settings.id: draft.loadpoints[stance.settings.id] for stance in group}
    active = [
        stance
        for stance in group
        if not stance.is_idle and (before[stance.settings.id].set_point.charge or not stance.can.stops)
    ]
    starting: list[Stance] = []
    reserved_w -= sum(stance.min_w for stance in group if not stance.can.stops and not stance.is_idle)
    parts: list[Draw | None] = []
    for stance in group:
        sharing = active if stance in active else [*active, *starting, stance]
        parts.append(_part(sharing, stance, sun, reserved_w))
        if stance not in active and not stance.is_idle and before[stance.settings.id].missed_wh > 0.0:
            starting.append(stance)
    for stance, part in zip(group, parts, strict=True):
        after = _from_sun(draft, circuits, shown(before[stance.settings.id], part), stance, part)
        place(draft, circuits, stance, after)
        sun = less(sun, after, stance)
    if sun is not None and starting:
        # Who is about to start is not forestalled by who comes after it.
        waiting_w = sum(
            stance.min_w for stance in starting if not draft.loadpoints[stance.settings.id].set_point.charge
        )
        sun = Draw(sun.low_w - waiting_w, sun.high_w - waiting_w)
    return sun, reserved_w


def _part(sharing: list[Stance], stance: Stance, sun: Draw | None, reserved_w: float) -> Draw | None:
    """Return the part of the sun that one of several sharing it may regulate on."""
    if sun is None:
        return None
    if len(sharing) == 1:
        return sun if reserved_w == 0.0 else Draw(sun.low_w - reserved_w, sun.high_w - reserved_w)
    claims = [Claim(min_w=each.min_w, max_w=each.can.max_a * each.can.unit_w + each.extra_w) for each in sharing]
    number = sharing.index(stance)
    low_w = fair_w(sun.low_w - reserved_w, claims)[number]
    return Draw(low_w, fair_w(sun.high_w - reserved_w, claims)[number])


def _from_sun(
    draft: Draft, circuits: Circuits | None, lp: LoadpointState, stance: Stance, part: Draw | None
) -> LoadpointState:
    """Follow the sun, or go on without seeing it."""
    can = _fitting(draft, circuits, stance)
    if (why := unpaid(draft, stance, can)) is not None:
        return off(lp, why)
    if (stopped := without_room(draft, lp, stance, can)) is not None:
        return stopped
    if stance.fixed_a is not None:
        can = replace(can, min_a=stance.fixed_a, max_a=stance.fixed_a)
    blind_s = stale_s(draft)
    if blind_s is not None or part is None:
        return follow_blindly(draft, lp, can, blind_s or 0.0)
    grid_at = draft.site.grid_at
    dt_s = (grid_at - lp.surplus_at).total_seconds() if grid_at is not None and lp.surplus_at is not None else 0.0
    dt_s = max(0.0, dt_s)
    beside_w = can.import_w - stance.extra_w
    part = _bridged(draft, lp, can, Draw(part.low_w + beside_w, part.high_w + beside_w))
    lp, can = _on_phases(draft, circuits, lp, stance, can, part, dt_s)
    after = decide_from_surplus(lp, can, part.low_w, part.high_w, draft.at, runs=stance.runs, dt_s=dt_s)
    if lp.set_point.charge and not after.set_point.charge and can.phases > 1 and _phases_at_will(draft, stance):
        few = within_room(circuits, _on(stance, 1))
        if stance.fixed_phases is None and part.high_w >= few.need_w:  # what is too little for three is not for one
            lp = _switched(lp, few, part.high_w)
            after = decide_from_surplus(lp, few, part.low_w, part.high_w, draft.at, runs=stance.runs, dt_s=0.0)
    after = replace(after, is_acting=True, surplus_at=grid_at)
    if stance.fixed_a is not None and after.set_point.charge:
        return replace(after, reason=budget_reason(draft, stance.vehicle.id))
    return after


def _bridged(draft: Draft, lp: LoadpointState, can: Range, part: Draw) -> Draw:
    """Return the sun with what the battery may add, so that a car that charges keeps its minimum."""
    helps_w = bridge_w(draft.site, draft.settings.site) if lp.set_point.charge else 0.0
    needed_w = can.share * can.min_w
    if helps_w <= 0.0 or part.high_w >= needed_w:
        return part
    return Draw(max(part.low_w, min(needed_w, part.low_w + helps_w)), min(needed_w, part.high_w + helps_w))


def _phases_at_will(draft: Draft, stance: Stance) -> int:
    """Return the most phases that can be had by switching; 0 where they cannot be switched, or the car uses one anyway."""
    if stance.vehicle.capabilities.phase_switch is None or stance.facts is None or not stance.facts.phases_offered:
        return 0
    most = own_phases_of(draft.settings, stance.settings, stance.vehicle, draft.vehicles[stance.vehicle.id].memory)
    return most if most > 1 else 0


def on_all_phases(draft: Draft, circuits: Circuits | None, stance: Stance) -> Range:
    """Return the range on all the phases that can be had: who takes all he can get wants those too."""
    most = _phases_at_will(draft, stance)
    phases = most if stance.fixed_phases is None else min(most, stance.fixed_phases)
    wide = stance if phases in (0, stance.can.phases) else _on(stance, phases)
    return _fitting(draft, circuits, wide)


def _fitting(draft: Draft, circuits: Circuits | None, stance: Stance) -> Range:
    """Return the range within the circuits; on one phase where not even the minimum of more fits, and they can be switched."""
    can = within_room(circuits, stance)
    is_too_wide = can.max_a < can.min_a and can.phases > 1 and stance.fixed_phases is None
    return within_room(circuits, _on(stance, 1)) if is_too_wide and _phases_at_will(draft, stance) else can


def _on(stance: Stance, phases: int) -> Stance:
    return replace(stance, can=replace(stance.can, phases=phases))


def _on_phases(
    draft: Draft,
    circuits: Circuits | None,
    lp: LoadpointState,
    stance: Stance,
    can: Range,
    part: Draw,
    dt_s: float,
) -> tuple[LoadpointState, Range]:
    """Return the loadpoint and its range on the phases that the sun is worth."""
    most = _phases_at_will(draft, stance)
    if not most:
        return lp, can

    session = lp.memory.session
    takes_a = session.takes_a if session is not None else None

    def on(phases: int) -> Range:
        if phases == can.phases:
            return can
        other = within_room(circuits, _on(stance, phases))
        return other if takes_a is None else replace(other, max_a=min(other.max_a, takes_a))

    fixed = stance.fixed_phases
    if fixed is not None:
        return lp, on(min(most, fixed))
    ups = draft.wear_of(stance.settings.id).ups
    most_ups = stance.settings.phase_switches_per_session // 2
    if not lp.set_point.charge:
        few, many = on(1), on(most)
        may_rise = (can.phases > 1 or ups < most_ups) and many.max_a >= many.min_a
        phases = phases_to_start(few, many, part.low_w, may_rise=may_rise)
        return (lp if lp.lean is None else replace(lp, lean=None)), on(phases)
    now = on(min(lp.set_point.phases, most))
    other = on(most if now.phases == 1 else 1)
    if other.max_a < other.min_a:
        return lp, now
    if now.max_a < now.min_a:  # not even the minimum fits on these any more
        return _switched(lp, other, part.high_w), other
    lean = leaning(lp.lean, now, other, part.low_w, part.high_w, draft.at, dt_s)
    switch = stance.vehicle.capabilities.phase_switch
    assert switch is not None  # noqa: S101 - most would be 0
    rules = Rules(
        gap_s=switch.gap_s,
        up_delay_s=stance.settings.phase_up_delay_s,
        down_delay_s=stance.settings.phase_down_delay_s,
        most_ups=most_ups,
    )
    if now.phases > 1:  # fewer phases are there to be had instead of a stop: their delay counts
        now = replace(now, stop_delay_s=max(now.stop_delay_s, rules.down_delay_s))
    if lean is None or not is_worth(lean, now, other, rules, ups, draft.at):
        return replace(lp, lean=lean), now
    return _switched(lp, other, part.low_w if other.phases > now.phases else part.high_w), other


def _switched(lp: LoadpointState, to: Range, surplus_w: float) -> LoadpointState:
    set_point = SetPoint(charge=True, amps_a=to.best_a(surplus_w), phases=to.phases)
    return replace(
        lp, lean=None, set_point=set_point, scores={}, import_wh=0.0, short_since_at=None, raise_since_at=None
    )
