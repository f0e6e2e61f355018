"""From wish to set-point: what a loadpoint should do, and why. The first rule that applies decides."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core.belief import is_charging, phases_of, voltage_of
from sunbox.core.circuits import Cap, device_cap, fuse_cap, others_a
from sunbox.core.commands import RequestKind
from sunbox.core.connection import Whereabouts, home_of, whereabouts
from sunbox.core.economy import is_affordable
from sunbox.core.model import Charging, Draw, Mode, Override, Wish
from sunbox.core.prices import budget_reason, price_wh, start_price_wh
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.regulator import Range, decide_from_surplus
from sunbox.core.surplus import surplus_without_cars_w
from sunbox.core.values import replace
from sunbox.core.wallbox import SetPoint

if TYPE_CHECKING:
    from sunbox.core.draft import Draft
    from sunbox.core.settings import LoadpointSettings, VehicleSettings
    from sunbox.core.state import LoadpointState, VehicleState

ON_A_MINIMUM = "the car stays at its minimum"


def decide(draft: Draft, draws: dict[str, Draw]) -> None:
    """Set every loadpoint's set-point and reason. `draws` is what vehicles drew here when the grid was measured."""
    base_w = surplus_without_cars_w(draft.site, draft.settings.site.battery_priority_soc_pct)
    if base_w is not None:
        base_low_w = base_w + sum(draw.low_w for draw in draws.values())
        base_high_w = base_w + sum(draw.high_w for draw in draws.values())
    free_a = _free_a(draft, draws)
    for loadpoint in draft.settings.loadpoints:
        if loadpoint.vehicle_id is None:
            continue
        own = draws.get(loadpoint.vehicle_id, Draw(0.0, 0.0))
        surplus = None if base_w is None else Draw(base_low_w, base_high_w)
        before = draft.loadpoints[loadpoint.id]
        after = _decide_one(draft, loadpoint, before, surplus, free_a)
        after = _note_set_point(after)
        if after is not before:
            draft.loadpoints[loadpoint.id] = after
        # What this loadpoint may take is not there for the next one.
        if free_a is not None:
            takes = after.is_acting
            free_a -= after.set_point.amps_a if takes else own.high_w / _unit_w(draft, loadpoint)
        if base_w is not None and after.is_acting and after.set_point.charge:
            taken_w = after.set_point.amps_a * _unit_w(draft, loadpoint)
            base_low_w, base_high_w = base_low_w - taken_w, base_high_w - taken_w
        draft.wait_for(after.reason.changes_at)


def _unit_w(draft: Draft, loadpoint: LoadpointSettings) -> float:
    """Return the power in W of one ampere of a loadpoint's vehicle."""
    settings = draft.settings_of(loadpoint.vehicle_id or "")
    memory = draft.vehicles[settings.id].memory
    return phases_of(draft.settings, loadpoint, settings, memory) * voltage_of(draft.settings, memory)


def _free_a(draft: Draft, draws: dict[str, Draw]) -> float | None:
    """Return what the main fuse has left for cars, in A per phase; None without a fuse or a fresh grid reading."""
    site = draft.settings.site
    if site.main_fuse_a is None:
        return None
    low_a = high_a = total_w = 0.0
    for loadpoint in draft.settings.loadpoints:
        draw = draws.get(loadpoint.vehicle_id or "")
        if draw is None or draw.high_w <= 0:
            continue
        unit_w = _unit_w(draft, loadpoint)
        low_a, high_a, total_w = low_a + draw.low_w / unit_w, high_a + draw.high_w / unit_w, total_w + draw.high_w
    per_a_w = total_w / high_a if high_a > 0 else site.voltage_v
    others = others_a(site, draft.site, low_a, high_a, draft.others_a, per_a_w)
    if others is not None and low_a >= high_a:
        draft.others_a = others
    return None if others is None else site.main_fuse_a - others


def _note_set_point(after: LoadpointState) -> LoadpointState:
    if after.memory.was_charging == after.set_point.charge:
        return after
    return replace(after, memory=replace(after.memory, was_charging=after.set_point.charge))


def _decide_one(
    draft: Draft, settings: LoadpointSettings, lp: LoadpointState, surplus: Draw | None, free_a: float | None
) -> LoadpointState:
    assert settings.vehicle_id is not None  # noqa: S101 - the caller skips the others
    vehicle = draft.vehicles[settings.vehicle_id]
    vehicle_settings = draft.settings_of(settings.vehicle_id)
    facts = vehicle.memory.facts
    wish = _expire(draft, lp.memory.wish)
    if wish is not lp.memory.wish:
        lp = replace(lp, memory=replace(lp.memory, wish=wish))
    low_w, high_w = (surplus.low_w, surplus.high_w) if surplus is not None else (None, None)
    lp = replace(lp, surplus_low_w=low_w, surplus_high_w=high_w)

    is_asked = wish.override is not Override.NONE
    if facts is None and not is_asked and wish.mode is Mode.OFF:
        return _leave(lp, Reason(ReasonCode.MODE_OFF))
    if facts is not None and facts.is_plugged is False:
        return _leave(lp, Reason(ReasonCode.NOT_PLUGGED))
    if facts is not None and facts.is_fast_charger and facts.is_plugged:
        return _leave(lp, Reason(ReasonCode.FAST_CHARGER))
    if wish.override is Override.STOP:
        return _off(lp, Reason(ReasonCode.STOPPED_BY, {"by": wish.override_by or "?"}, wish.override_until_at))
    reached = _target_reached(vehicle)
    if reached is not None and (is_asked or wish.mode is not Mode.OFF):
        where = whereabouts(draft.settings, settings, vehicle_settings, facts)
        return _off(lp, reached) if is_asked or where.is_here else _leave(lp, reached)

    can = _range(draft, settings, vehicle_settings, wish, free_a)
    fixed_a = _fixed_a(draft, vehicle_settings)
    if fixed_a is not None and fixed_a > can.hard_a:
        # The hard cap is below what the car takes, and no change can be paid for: a stop always can.
        return _off(lp, budget_reason(draft, vehicle_settings.id))
    if wish.override is Override.CHARGE:
        return _full(draft, lp, can, wish, Reason(ReasonCode.CHARGING_BY, {"by": wish.override_by or "?"}))
    where = whereabouts(draft.settings, settings, vehicle_settings, facts)
    away = _left_alone(draft, settings, where, wish) if facts is not None else None
    if away is not None:
        return _leave(lp, away)
    if wish.mode is Mode.OFF:
        return _off(lp, Reason(ReasonCode.MODE_OFF))
    if wish.mode is Mode.NOW:
        return _full(draft, lp, can, wish, Reason(ReasonCode.CHARGING_NOW))
    if fixed_a is not None:
        can = replace(can, min_a=fixed_a, max_a=fixed_a)
    after = _from_sun(draft, lp, can, surplus, runs=is_charging(facts))
    if fixed_a is not None and after.set_point.charge:
        return replace(after, reason=budget_reason(draft, vehicle_settings.id))
    return after


def _expire(draft: Draft, wish: Wish) -> Wish:
    if wish.override_until_at is None:
        return wish
    if draft.at < wish.override_until_at:
        draft.wait_for(wish.override_until_at)
        return wish
    return replace(wish, override=Override.NONE, override_by=None, override_until_at=None, version=wish.version + 1)


def _target_reached(vehicle: VehicleState) -> Reason | None:
    memory = vehicle.memory
    if not memory.target_reached or memory.facts is None or memory.target_soc_pct is None:
        return None
    return Reason(
        ReasonCode.TARGET_REACHED, {"soc_pct": memory.facts.soc_pct or 0, "target_pct": memory.target_soc_pct}
    )


def _left_alone(draft: Draft, settings: LoadpointSettings, where: Whereabouts, wish: Wish) -> Reason | None:
    """Return why the mode does not act where the car is, None if it acts."""
    if not where.is_known:
        return Reason(ReasonCode.PLACE_UNKNOWN)
    if not where.is_here:
        home = home_of(draft.settings, settings)
        return Reason(
            ReasonCode.AWAY,
            {"place": where.place.name if where.place else "no known place", "home": home.name if home else "?"},
        )
    if wish.mode is Mode.PV and not where.is_pv:
        return Reason(ReasonCode.NOT_PV_PLACE, {"place": where.place.name if where.place else "?"})
    return None


def _range(
    draft: Draft,
    settings: LoadpointSettings,
    vehicle_settings: VehicleSettings,
    wish: Wish,
    free_a: float | None,
) -> Range:
    """Return what the loadpoint can do now: hard caps, the asked amps as upper bound, the lowered minimum of an explicit wish."""
    capabilities = vehicle_settings.capabilities
    vehicle = draft.vehicles[vehicle_settings.id]
    phases = phases_of(draft.settings, settings, vehicle_settings, vehicle.memory)
    cap = device_cap(settings, capabilities, vehicle.memory.facts)
    cap = fuse_cap(draft.settings.site, free_a, cap)
    hard_a = cap.amps_a
    change_wh = price_wh(draft, vehicle_settings.id)
    min_a = settings.min_a if settings.min_a is not None else capabilities.min_a
    if wish.amps_a is not None and wish.amps_a < min_a:
        if capabilities.low_min_a is not None and not vehicle.memory.low_amps_refused:
            min_a = max(wish.amps_a, capabilities.low_min_a)
        cap = Cap(min(min_a, cap.amps_a), ON_A_MINIMUM if vehicle.memory.low_amps_refused else cap.why)
    elif wish.amps_a is not None and wish.amps_a < cap.amps_a:
        cap = Cap(wish.amps_a, "what was asked")
    return Range(
        min_a=min_a,
        max_a=cap.amps_a,
        phases=phases,
        voltage_v=voltage_of(draft.settings, vehicle.memory),
        start_delay_s=settings.start_delay_s,
        stop_delay_s=settings.stop_delay_s,
        share=settings.solar_share_pct / 100.0,
        price_wh=change_wh,
        start_price_wh=start_price_wh(draft, vehicle_settings.id, change_wh),
        stop_price_wh=3.0 * change_wh,
        stops=wish.mode is not Mode.MIN_PV,
        cap_why=cap.why,
        hard_a=hard_a,
    )


def _fixed_a(draft: Draft, vehicle: VehicleSettings) -> int | None:
    """Return the current that a charging vehicle has, where no change of it can be paid for; None where it can."""
    facts = draft.vehicles[vehicle.id].memory.facts
    if facts is None or not is_charging(facts) or not facts.amps_requested_a:
        return None
    if is_affordable(draft.spend_of(vehicle.id), vehicle.budget, vehicle.capabilities, RequestKind.COMMAND):
        return None
    return facts.amps_requested_a


def _full(draft: Draft, lp: LoadpointState, can: Range, wish: Wish, base: Reason) -> LoadpointState:
    """Charge with what was asked, or with all there is, within the hard caps."""
    amps = can.max_a
    stale_s = _stale_s(draft)
    if stale_s is not None and draft.settings.site.main_fuse_a is not None:
        # Blind to the fuse: never more than now, and the minimum after the grace time.
        grace_s = draft.settings.site.stale_grace_s
        held_a = lp.set_point.amps_a if lp.set_point.charge and stale_s < grace_s else can.min_a
        if stale_s < grace_s:
            draft.wait_for(draft.at + timedelta(seconds=grace_s - stale_s))
        amps = min(amps, max(held_a, can.min_a))
    if amps < can.min_a:
        fuse_a = draft.settings.site.main_fuse_a or 0.0
        return _off(lp, Reason(ReasonCode.FUSE, {"fuse_a": fuse_a, "left_a": amps, "amps_a": can.min_a}))
    asked_a = wish.amps_a
    numbers = {"amps_a": amps, **base.numbers}
    if asked_a is not None and asked_a != amps:
        numbers["cap"] = f" (asked for {asked_a} A, limited by {can.cap_why or 'the grid meter being silent'})"
    set_point = SetPoint(charge=True, amps_a=amps, phases=can.phases)
    return replace(
        lp,
        set_point=set_point,
        is_acting=True,
        reason=Reason(base.code, numbers, wish.override_until_at),
        enough_since_at=None,
        scores={},
        import_wh=0.0,
        raise_since_at=None,
    )


def _from_sun(draft: Draft, lp: LoadpointState, can: Range, surplus: Draw | None, *, runs: bool) -> LoadpointState:
    """Charge from the sun alone."""
    if can.max_a < can.min_a:
        fuse_a = draft.settings.site.main_fuse_a or 0.0
        return _off(lp, Reason(ReasonCode.FUSE, {"fuse_a": fuse_a, "left_a": can.max_a, "amps_a": can.min_a}))
    stale_s = _stale_s(draft)
    if stale_s is not None or surplus is None:
        return _on_stale_grid(draft, lp, can, stale_s or 0.0)
    grid_at = draft.site.grid_at
    dt_s = (grid_at - lp.surplus_at).total_seconds() if grid_at is not None and lp.surplus_at is not None else 0.0
    after = decide_from_surplus(lp, can, surplus.low_w, surplus.high_w, draft.at, runs=runs, dt_s=max(0.0, dt_s))
    return replace(after, is_acting=True, surplus_at=grid_at)


def _on_stale_grid(draft: Draft, lp: LoadpointState, can: Range, stale_s: float) -> LoadpointState:
    """Never ramp up blindly: hold for the grace time, then the minimum, then stop."""
    site = draft.settings.site
    age_s = _grid_age_s(draft)
    stops_s = site.stale_grace_s + can.stop_delay_s
    if not lp.set_point.charge or stale_s >= stops_s:
        return _off(lp, Reason(ReasonCode.GRID_STALE, {"age_s": age_s}))
    amps = min(lp.set_point.amps_a, can.max_a) if stale_s < site.stale_grace_s else can.min_a
    next_s = site.stale_grace_s if stale_s < site.stale_grace_s else stops_s
    return replace(
        lp,
        set_point=SetPoint(charge=True, amps_a=max(amps, can.min_a), phases=can.phases),
        is_acting=True,
        raise_since_at=None,
        reason=Reason(
            ReasonCode.GRID_STALE_HOLD,
            {"amps_a": amps, "age_s": age_s},
            draft.at + timedelta(seconds=next_s - stale_s),
        ),
    )


def _stale_s(draft: Draft) -> float | None:
    """Return for how long the grid data has been stale in s, None while it is fresh.

    Where nothing has measured the grid since the start, the start counts as a reading.
    """
    if not draft.site.is_stale:
        return None
    since_at = draft.site.fresh_until_at or draft.began_at + timedelta(seconds=FIRST_READING_S)
    return max(0.0, (draft.at - since_at).total_seconds())


FIRST_READING_S = 30.0
"""How long the first reading may take."""


def _grid_age_s(draft: Draft) -> float:
    return (draft.at - (draft.site.grid_at or draft.began_at)).total_seconds()


def _off(lp: LoadpointState, reason: Reason) -> LoadpointState:
    """Decide that the loadpoint does not charge."""
    return _rest(lp, reason, is_acting=True)


def _leave(lp: LoadpointState, reason: Reason) -> LoadpointState:
    """Decide nothing: whatever the car does is not ours to change."""
    return _rest(lp, reason, is_acting=False)


def _rest(lp: LoadpointState, reason: Reason, *, is_acting: bool) -> LoadpointState:
    if (
        lp.reason == reason
        and lp.is_acting is is_acting
        and not lp.set_point.charge
        and lp.enough_since_at is None
        and not lp.scores
        and lp.import_wh == 0.0
    ):
        return lp
    return replace(
        lp,
        set_point=SetPoint(phases=lp.set_point.phases),
        is_acting=is_acting,
        reason=reason,
        enough_since_at=None,
        scores={},
        import_wh=0.0,
        raise_since_at=None,
    )


def is_wished(wish: Wish, vehicle: VehicleState) -> bool:
    """Return whether mode and override ask for charging and the target is not reached."""
    if wish.override is Override.STOP or vehicle.memory.target_reached:
        return False
    return wish.override is Override.CHARGE or wish.mode is not Mode.OFF


def is_complete(vehicle: VehicleState) -> bool:
    """Return whether the car says it is at its own limit."""
    facts = vehicle.memory.facts
    return facts is not None and facts.charging is Charging.COMPLETE and not is_charging(facts)
