"""From wish to set-point: what each loadpoint should do, and why, all from the same measurement.

First who is in for what (`stance.py`), then what the circuits grant to those who charge anyway, then the sun, by priority
(`allocation.py`): phases, current, start and stop (`phases.py`, `regulator.py`).
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from sunbox.core.allocation import Claim, fair_w
from sunbox.core.belief import own_phases_of
from sunbox.core.blind import follow_blindly, safe_a, stale_s
from sunbox.core.circuits import Circuits, Load, Want, grant
from sunbox.core.effects import HoldBattery
from sunbox.core.headroom import circuits_now, draw_here, load_of
from sunbox.core.model import Draw
from sunbox.core.phases import Rules, is_worth, leaning, phases_to_start
from sunbox.core.prices import budget_reason
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.regulator import Range, decide_from_surplus
from sunbox.core.stance import Stance, off, stance_of, within
from sunbox.core.surplus import bridge_w, surplus_without_cars_w
from sunbox.core.values import replace
from sunbox.core.wallbox import SetPoint

if TYPE_CHECKING:
    from sunbox.core.draft import Draft
    from sunbox.core.settings import LoadpointSettings
    from sunbox.core.state import LoadpointState


def decide(draft: Draft, draws: dict[str, Draw]) -> None:
    """Set every loadpoint's set-point and reason. `draws` is what vehicles drew here when the grid was measured."""
    sun = _sun(draft, draws)
    circuits = circuits_now(draft, draws)
    stances: list[Stance] = []
    for settings in draft.settings.loadpoints:
        if settings.vehicle_id is None:
            continue
        stance = stance_of(draft, settings, _shown(draft.loadpoints[settings.id], sun))
        if isinstance(stance, Stance):
            stances.append(stance)
            continue
        _set(draft, stance, settings)
        if circuits is not None:
            _hold(draft, circuits, settings, load_of(draft, settings, Draw(0.0, 0.0)), 0.0)
    if circuits is not None:
        _grant(draft, circuits, stances)
    followers: list[Stance] = []
    for stance in stances:
        if stance.full is None:
            followers.append(stance)
            continue
        can = _within(circuits, _on_all_phases(draft, stance))
        after = _full(draft, _shown(draft.loadpoints[stance.settings.id], sun), stance, can, stance.full)
        _decided(draft, circuits, stance, after)
        sun = _less(sun, after, can)
    if len(followers) > 1:
        followers.sort(key=lambda stance: _rank(draft, stance))
    reserved_w = sum(stance.can.min_w for stance in followers if not stance.can.stops)
    for _, group in groupby(followers, key=lambda stance: stance.settings.priority):
        sun, reserved_w = _follow(draft, circuits, list(group), sun, reserved_w)
    _hold_battery(draft, stances)


def _hold_battery(draft: Draft, stances: list[Stance]) -> None:
    """Keep the battery for the house as long as a car charges on purpose, sun or not."""
    is_held = (
        draft.settings.site.battery_hold
        and draft.site.has_battery
        and any(stance.full is not None and draft.loadpoints[stance.settings.id].set_point.charge for stance in stances)
    )
    if is_held != draft.memory.is_battery_held:
        draft.memory = replace(draft.memory, is_battery_held=is_held)
        draft.effects.append(HoldBattery(is_held=is_held))


def _sun(draft: Draft, draws: dict[str, Draw]) -> Draw | None:
    """Return the surplus of the site with what the cars drew added back; None while it is not known."""
    base_w = surplus_without_cars_w(draft.site, draft.settings.site)
    if base_w is None:
        return None
    low_w = high_w = base_w
    for draw in draws.values():
        low_w, high_w = low_w + draw.low_w, high_w + draw.high_w
    return Draw(low_w, high_w)


def _shown(lp: LoadpointState, sun: Draw | None) -> LoadpointState:
    """Return the loadpoint with the surplus that it is decided on."""
    low_w, high_w = (sun.low_w, sun.high_w) if sun is not None else (None, None)
    return replace(lp, surplus_low_w=low_w, surplus_high_w=high_w)


def _set(draft: Draft, after: LoadpointState, settings: LoadpointSettings) -> None:
    if after.memory.was_charging != after.set_point.charge:
        after = replace(after, memory=replace(after.memory, was_charging=after.set_point.charge))
    draft.loadpoints[settings.id] = after
    draft.wait_for(after.reason.changes_at)


def _less(sun: Draw | None, after: LoadpointState, can: Range) -> Draw | None:
    """Return the sun without what a loadpoint takes."""
    if sun is None or not after.is_acting or not after.set_point.charge:
        return sun
    taken_w = after.set_point.amps_a * after.set_point.phases * can.voltage_v
    return Draw(sun.low_w - taken_w, sun.high_w - taken_w)


def _rank(draft: Draft, stance: Stance) -> tuple[int, bool]:
    """Return the order of service: higher priority first, then who charges already; the file decides ties."""
    return -stance.settings.priority, not draft.loadpoints[stance.settings.id].set_point.charge


# Circuits -------------------------------------------------------------------------------------------------------------


def _grant(draft: Draft, circuits: Circuits, stances: list[Stance]) -> None:
    """Have the circuits hold for each what it asks for (who follows the sun: what it has), and at least what it draws."""
    wants = []
    for stance in sorted(stances, key=lambda stance: _rank(draft, stance)):
        set_point = draft.loadpoints[stance.settings.id].set_point
        if stance.full is not None:
            want_a = stance.can.max_a
        elif set_point.charge or not stance.can.stops:
            want_a = min(stance.can.max_a, max(set_point.amps_a, stance.can.min_a))
        else:
            continue
        wants.append(
            Want(
                loadpoint_id=stance.settings.id,
                load=stance.load(),
                min_a=min(stance.can.min_a, want_a),
                want_a=want_a,
                priority=stance.settings.priority,
            )
        )
    grant(circuits, wants)
    for stance in stances:
        _hold(draft, circuits, stance.settings, stance.load(), circuits.held.get(stance.settings.id, 0.0))


def _hold(draft: Draft, circuits: Circuits, settings: LoadpointSettings, load: Load, amps: float) -> None:
    """Hold so much for a loadpoint, and never less than it may be drawing now: a change takes time."""
    drawn = load_of(draft, settings, draw_here(draft, settings, draft.at))
    circuits.hold(settings.id, load, max(amps, drawn.high_a))


def _within(circuits: Circuits | None, stance: Stance) -> Range:
    if circuits is None:
        return stance.can
    return within(stance.can, circuits.room_for(stance.settings.id, stance.load(stance.can.phases)))


def _decided(draft: Draft, circuits: Circuits | None, stance: Stance, after: LoadpointState) -> None:
    """Set what was decided, and hold it on the circuits."""
    _set(draft, after, stance.settings)
    if circuits is not None:
        set_point = after.set_point
        load = stance.load(set_point.phases if set_point.charge else 1)
        _hold(draft, circuits, stance.settings, load, set_point.amps_a if set_point.charge else 0.0)


# All there is ---------------------------------------------------------------------------------------------------------


def _full(draft: Draft, lp: LoadpointState, stance: Stance, can: Range, base: Reason) -> LoadpointState:
    """Charge with what was asked, or with all there is, within the hard caps."""
    if (unpaid := _unpaid(draft, stance, can)) is not None:
        return off(lp, unpaid)
    amps = safe_a(draft, lp, can)
    if amps < can.min_a:
        return off(lp, _no_room(can))
    asked_a = stance.wish.amps_a
    numbers = {"amps_a": amps, **base.numbers}
    if asked_a is not None and asked_a != amps:
        numbers["cap"] = f" (asked for {asked_a} A, limited by {can.cap_why or 'the grid meter being silent'})"
    return replace(
        lp,
        set_point=SetPoint(charge=True, amps_a=amps, phases=can.phases),
        is_acting=True,
        reason=Reason(base.code, numbers, stance.wish.override_until_at),
        enough_since_at=None,
        scores={},
        import_wh=0.0,
        raise_since_at=None,
    )


def _unpaid(draft: Draft, stance: Stance, can: Range) -> Reason | None:
    """Return the budget's reason where a car takes more than its cap and no change can be paid for: a stop always can."""
    if stance.fixed_a is None or stance.fixed_a <= can.hard_a:
        return None
    return budget_reason(draft, stance.vehicle.id)


def _no_room(can: Range) -> Reason:
    return Reason(ReasonCode.FUSE, {"what": can.cap_why or "the circuit", "left_a": can.max_a, "amps_a": can.min_a})


# The sun --------------------------------------------------------------------------------------------------------------


def _follow(
    draft: Draft, circuits: Circuits | None, group: list[Stance], sun: Draw | None, reserved_w: float
) -> tuple[Draw | None, float]:
    """Decide for loadpoints of one priority, and return the sun that they leave and what is reserved for minimums after them.

    Those who charge share what is there; who waits reckons with their going down to the minimum.
    """
    before = {stance.settings.id: draft.loadpoints[stance.settings.id] for stance in group}
    active = [stance for stance in group if before[stance.settings.id].set_point.charge or not stance.can.stops]
    starting: list[Stance] = []
    reserved_w -= sum(stance.can.min_w for stance in group if not stance.can.stops)
    parts: list[Draw | None] = []
    for stance in group:
        sharing = active if stance in active else [*active, *starting, stance]
        parts.append(_part(sharing, stance, sun, reserved_w))
        if stance not in active and before[stance.settings.id].enough_since_at is not None:
            starting.append(stance)
    for stance, part in zip(group, parts, strict=True):
        after = _from_sun(draft, circuits, _shown(before[stance.settings.id], part), stance, part)
        _decided(draft, circuits, stance, after)
        sun = _less(sun, after, stance.can)
    if sun is not None and starting:
        # Who is about to start is not forestalled by who comes after it.
        waiting_w = sum(
            stance.can.min_w for stance in starting if not draft.loadpoints[stance.settings.id].set_point.charge
        )
        sun = Draw(sun.low_w - waiting_w, sun.high_w - waiting_w)
    return sun, reserved_w


def _part(sharing: list[Stance], stance: Stance, sun: Draw | None, reserved_w: float) -> Draw | None:
    """Return the part of the sun that one of several sharing it may regulate on."""
    if sun is None:
        return None
    if len(sharing) == 1:
        return sun if reserved_w == 0.0 else Draw(sun.low_w - reserved_w, sun.high_w - reserved_w)
    claims = [Claim(min_w=each.can.min_w, max_w=each.can.max_a * each.can.unit_w) for each in sharing]
    number = sharing.index(stance)
    low_w = fair_w(sun.low_w - reserved_w, claims)[number]
    return Draw(low_w, fair_w(sun.high_w - reserved_w, claims)[number])


def _from_sun(
    draft: Draft, circuits: Circuits | None, lp: LoadpointState, stance: Stance, part: Draw | None
) -> LoadpointState:
    """Follow the sun, or go on without seeing it."""
    can = _within(circuits, stance)
    if (unpaid := _unpaid(draft, stance, can)) is not None:
        return off(lp, unpaid)
    if can.max_a < can.min_a:
        return off(lp, _no_room(can))
    if stance.fixed_a is not None:
        can = replace(can, min_a=stance.fixed_a, max_a=stance.fixed_a)
    blind_s = stale_s(draft)
    if blind_s is not None or part is None:
        return follow_blindly(draft, lp, can, blind_s or 0.0)
    grid_at = draft.site.grid_at
    dt_s = (grid_at - lp.surplus_at).total_seconds() if grid_at is not None and lp.surplus_at is not None else 0.0
    dt_s = max(0.0, dt_s)
    part = _bridged(draft, lp, can, part)
    lp, can = _on_phases(draft, circuits, lp, stance, can, part, dt_s)
    after = decide_from_surplus(lp, can, part.low_w, part.high_w, draft.at, runs=stance.runs, dt_s=dt_s)
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


# Phases ---------------------------------------------------------------------------------------------------------------


def _phases_at_will(draft: Draft, stance: Stance) -> int:
    """Return the most phases that can be had by switching; 0 where they cannot be switched, or the car uses one anyway."""
    if stance.vehicle.capabilities.phase_switch is None or stance.facts is None or not stance.facts.phases_offered:
        return 0
    most = own_phases_of(draft.settings, stance.settings, stance.vehicle, draft.vehicles[stance.vehicle.id].memory)
    return most if most > 1 else 0


def _on_all_phases(draft: Draft, stance: Stance) -> Stance:
    """Return the stance on all the phases that can be had: who takes all he can get wants those too."""
    most = _phases_at_will(draft, stance)
    phases = most if stance.settings.phases is None else min(most, stance.settings.phases)
    return stance if phases in (0, stance.can.phases) else replace(stance, can=replace(stance.can, phases=phases))


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

    def on(phases: int) -> Range:
        able = replace(stance, can=replace(stance.can, phases=phases))
        return can if phases == can.phases else _within(circuits, able)

    fixed = stance.settings.phases
    if fixed is not None:
        return lp, on(min(most, fixed))
    switches = lp.memory.switches
    ups = switches.ups if switches is not None and switches.day == draft.today() else 0
    most_ups = stance.settings.phase_switches_per_session // 2
    if not lp.set_point.charge:
        phases = phases_to_start(on(1), on(most), part.low_w, may_rise=can.phases > 1 or ups < most_ups)
        return (lp if lp.lean is None else replace(lp, lean=None)), on(phases)
    now = on(lp.set_point.phases)
    other = on(most if now.phases == 1 else 1)
    if other.max_a < other.min_a:
        return lp, now
    lean = leaning(lp.lean, now, other, part.low_w, part.high_w, draft.at, dt_s)
    switch = stance.vehicle.capabilities.phase_switch
    assert switch is not None  # noqa: S101 - most would be 0
    rules = Rules(
        gap_s=switch.gap_s,
        up_delay_s=stance.settings.phase_up_delay_s,
        down_delay_s=stance.settings.phase_down_delay_s,
        most_ups=most_ups,
    )
    if lean is None or not is_worth(lean, now, other, rules, ups, draft.at):
        return replace(lp, lean=lean), now
    surplus_w = part.low_w if other.phases > now.phases else part.high_w
    set_point = SetPoint(charge=True, amps_a=other.best_a(surplus_w), phases=other.phases)
    return replace(lp, lean=None, set_point=set_point, scores={}, import_wh=0.0, raise_since_at=None), other
