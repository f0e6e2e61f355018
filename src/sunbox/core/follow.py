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
from sunbox.core.reasons import ReasonCode
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
    before = [draft.loadpoints[stance.settings.id] for stance in group]
    reserved_w -= reserved_for(group)
    active: list[Stance] = []
    waiting: list[tuple[Stance, LoadpointState]] = []
    for stance, lp in zip(group, before, strict=True):
        if not stance.is_idle and (lp.set_point.charge or not stance.can.stops):
            active.append(stance)
        else:
            waiting.append((stance, lp))
    parts: dict[str, Draw | None] = {}
    for stance, part in zip(active, _parts(active, sun, reserved_w), strict=True):
        parts[stance.settings.id] = part
    starting: list[Stance] = []
    for stance, lp in waiting:
        parts[stance.settings.id] = _parts([*active, *starting, stance], sun, reserved_w)[-1]
        if not stance.is_idle and lp.missed_wh > 0.0:
            starting.append(stance)
    for stance, lp in zip(group, before, strict=True):
        after = _from_sun(draft, circuits, lp, stance, parts[stance.settings.id])
        place(draft, circuits, stance, after)
        sun = less(sun, after, stance)
    if starting and sun is not None:
        # Who is about to start is not forestalled by who comes after it.
        waiting_w = sum(
            stance.min_w for stance in starting if not draft.loadpoints[stance.settings.id].set_point.charge
        )
        sun = Draw(sun.low_w - waiting_w, sun.high_w - waiting_w)
    return sun, reserved_w


def reserved_for(stances: list[Stance]) -> float:
    """Return the power of the minimums that do not wait for the sun."""
    reserved_w = 0.0
    for stance in stances:
        if not stance.can.stops and not stance.is_idle:
            reserved_w += stance.min_w
    return reserved_w


WAITING_FOR_ROOM = (ReasonCode.FUSE, ReasonCode.SURPLUS_STARTING, ReasonCode.START_PRICE)
"""Why a loadpoint waits that needs nothing but room on its circuits, and the little while until a start is made."""


def waits_for_room(draft: Draft, stance: Stance) -> bool:
    """Return whether there is sun enough for a loadpoint that waits, once those beside it go down to their minimum."""
    lp = draft.loadpoints[stance.settings.id]
    if lp.reason.code not in WAITING_FOR_ROOM or draft.site.is_stale or lp.surplus_low_w is None:
        return False
    is_switchable = stance.fixed_phases is None and _phases_at_will(draft, stance)
    can = replace(stance.can, phases=1) if is_switchable else stance.can
    return lp.surplus_low_w + can.import_w - stance.extra_w >= can.start_need_w


def _parts(sharing: list[Stance], sun: Draw | None, reserved_w: float) -> list[Draw | None]:
    """Return the parts of the sun that each of several sharing it may regulate on."""
    if sun is None or not sharing:
        return [None] * len(sharing)
    if len(sharing) == 1:
        return [sun if reserved_w == 0.0 else Draw(sun.low_w - reserved_w, sun.high_w - reserved_w)]
    claims = [Claim(each.min_w, each.can.max_a * each.can.unit_w + each.extra_w) for each in sharing]
    low_w = fair_w(sun.low_w - reserved_w, claims)
    high_w = low_w if sun.low_w == sun.high_w else fair_w(sun.high_w - reserved_w, claims)
    return [Draw(low, high) for low, high in zip(low_w, high_w, strict=True)]


def _from_sun(
    draft: Draft, circuits: Circuits | None, lp: LoadpointState, stance: Stance, part: Draw | None
) -> LoadpointState:
    """Follow the sun, or go on without seeing it."""
    can = _fitting(draft, circuits, stance)
    if (why := unpaid(draft, stance, can)) is not None:
        return off(shown(lp, part), why)
    if (stopped := without_room(draft, lp, stance, can)) is not None:
        return shown(stopped, part)
    if stance.fixed_a is not None:
        can = replace(can, min_a=stance.fixed_a, max_a=stance.fixed_a)
    if draft.site.is_stale or part is None:
        return follow_blindly(draft, shown(lp, part), can, stale_s(draft) or 0.0)
    grid_at = draft.site.grid_at
    dt_s = (grid_at - lp.surplus_at).total_seconds() if grid_at is not None and lp.surplus_at is not None else 0.0
    dt_s = max(0.0, dt_s)
    low_w, high_w = _usable_w(draft, lp, stance, can, part)
    lp, can = _on_phases(draft, circuits, lp, stance, can, low_w, high_w, dt_s)
    after = decide_from_surplus(lp, can, low_w, high_w, draft.at, runs=stance.runs, dt_s=dt_s)
    if lp.set_point.charge and not after.set_point.charge and can.phases > 1 and _phases_at_will(draft, stance):
        few = within_room(circuits, _on(stance, 1))
        if stance.fixed_phases is None and high_w >= few.need_w:  # what is too little for three is not for one
            lp = _switched(lp, few, high_w)
            after = decide_from_surplus(lp, few, low_w, high_w, draft.at, runs=stance.runs, dt_s=0.0)
    is_fixed = stance.fixed_a is not None and after.set_point.charge
    return replace(
        after,
        is_acting=True,
        surplus_at=grid_at,
        surplus_low_w=part.low_w,
        surplus_high_w=part.high_w,
        reason=budget_reason(draft, stance.vehicle.id) if is_fixed else after.reason,
    )


def _usable_w(draft: Draft, lp: LoadpointState, stance: Stance, can: Range, part: Draw) -> tuple[float, float]:
    """Return both ends of the sun that there is for the current: with what may come from the grid beside, and from the battery.

    What the battery may add lets a car that charges keep its minimum.
    """
    beside_w = can.import_w - stance.extra_w
    low_w, high_w = part.low_w + beside_w, part.high_w + beside_w
    helps_w = bridge_w(draft.site, draft.settings.site) if lp.set_point.charge else 0.0
    if helps_w <= 0.0 or high_w >= (needed_w := can.share * can.min_w):
        return low_w, high_w
    return max(low_w, min(needed_w, low_w + helps_w)), min(needed_w, high_w + helps_w)


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
    low_w: float,
    high_w: float,
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
        phases = phases_to_start(few, many, low_w, may_rise=may_rise)
        return (lp if lp.lean is None else replace(lp, lean=None)), on(phases)
    now = on(min(lp.set_point.phases, most))
    other = on(most if now.phases == 1 else 1)
    if other.max_a < other.min_a:
        return lp, now
    if now.max_a < now.min_a:  # not even the minimum fits on these any more
        return _switched(lp, other, high_w), other
    lean = leaning(lp.lean, now, other, low_w, high_w, draft.at, dt_s)
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
    return _switched(lp, other, low_w if other.phases > now.phases else high_w), other


def _switched(lp: LoadpointState, to: Range, surplus_w: float) -> LoadpointState:
    set_point = SetPoint(charge=True, amps_a=to.best_a(surplus_w), phases=to.phases)
    return replace(
        lp, lean=None, set_point=set_point, scores={}, import_wh=0.0, short_since_at=None, raise_since_at=None
    )
