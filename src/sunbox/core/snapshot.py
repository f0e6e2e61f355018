"""The state as faces see it: a pure view, made when read."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from sunbox.core.behind import car_of, is_at_charger
from sunbox.core.belief import draw_w, is_charging, is_flowing, phases_of, voltage_of
from sunbox.core.charger import FAULTS
from sunbox.core.circuits import available_a
from sunbox.core.connection import whereabouts
from sunbox.core.economy import daily_line, projected, soft_line, spend_on
from sunbox.core.model import ChargerStatus, Charging, Spend, VehicleFacts
from sunbox.core.reasons import Reason, ReasonCode, render
from sunbox.core.settings import Budget, LoadpointSettings, MeterSettings, VehicleSettings, devices_of
from sunbox.core.stance import is_complete, is_wished
from sunbox.core.state import LoadpointState, MeterState, State, VehicleState
from sunbox.core.surplus import balance
from sunbox.core.values import replace
from sunbox.core.vehicle import ASLEEP
from sunbox.core.wallbox import LoadpointSnapshot, MeterSnapshot, SiteSnapshot, SpendSnapshot, VehicleSnapshot

M = TypeVar("M", float, float | None)


def snapshot(state: State, now: datetime) -> SiteSnapshot:
    """Return the site as known at `now`."""
    site = balance(state.settings, state.meters, now)
    loadpoints = tuple(
        _loadpoint(state, number, loadpoint, now) for number, loadpoint in enumerate(state.settings.loadpoints, start=1)
    )
    vehicles = tuple(_vehicle(state, vehicle, now) for vehicle in state.settings.vehicles)
    cars_w = 0.0
    for lp in loadpoints:
        cars_w += lp.draw_w or 0.0
    return SiteSnapshot(
        at=now,
        name=state.settings.site.name,
        grid_w=site.grid_w,
        pv_w=site.pv_w,
        battery_w=site.battery_w if site.has_battery else None,
        battery_soc_pct=site.battery_soc_pct,
        house_w=None if site.consumption_w is None else max(0.0, site.consumption_w - cars_w),
        limit=state.memory.limit,
        is_grid_stale=site.is_stale,
        grid_age_s=None if site.grid_at is None else (now - site.grid_at).total_seconds(),
        surplus_w=None if state.sun is None else state.sun.low_w,
        loadpoints=loadpoints,
        vehicles=vehicles,
        grid_phases_a=site.grid_phases_a,
        meters=tuple(_meter(state, meter, now) for meter in state.settings.meters),
    )


def _meter(state: State, settings: MeterSettings, now: datetime) -> MeterSnapshot:
    meter = state.meters.get(settings.id) or MeterState()
    held_until_at = meter.held_until_at
    spend = None
    if settings.price:
        counted = spend_on(meter.memory.spend, now, state.settings.site.timezone)
        spend = _spend_of(state, counted, settings.budget, now, is_meter=True)
    return MeterSnapshot(
        id=settings.id,
        age_s=None if meter.reading is None else (now - meter.reading.measured_at).total_seconds(),
        is_cloud=settings.is_cloud,
        interval_s=meter.interval_s or settings.interval_s,
        held_until_at=held_until_at if held_until_at is not None and now < held_until_at else None,
        spend=spend,
    )


def _vehicle(state: State, settings: VehicleSettings, now: datetime) -> VehicleSnapshot:
    vehicle = state.vehicles[settings.id]
    memory = vehicle.memory
    facts = memory.facts
    loadpoint = next((lp for lp in state.settings.loadpoints if lp.vehicle_id == settings.id), None)
    where = whereabouts(state.settings, loadpoint, settings, facts) if loadpoint is not None else None
    return VehicleSnapshot(
        id=settings.id,
        name=settings.name,
        vin=settings.vin,
        availability=vehicle.availability,
        is_asleep=vehicle.availability in ASLEEP,
        age_s=None if memory.read_at is None else (now - memory.read_at).total_seconds(),
        charging=facts.charging if facts is not None else Charging.UNKNOWN,
        is_plugged=facts.is_plugged if facts is not None else None,
        soc_pct=facts.soc_pct if facts is not None else None,
        limit_soc_pct=facts.limit_soc_pct if facts is not None else None,
        target_soc_pct=memory.target_soc_pct,
        amps_requested_a=facts.amps_requested_a if facts is not None else None,
        amps_requested_max_a=facts.amps_requested_max_a if facts is not None else None,
        pilot_a=facts.pilot_a if facts is not None else None,
        place=where.place.name if where is not None and where.place is not None else None,
        place_tags=where.place.tags if where is not None and where.place is not None else frozenset(),
        is_at_pv_place=where is not None and where.is_pv,
        is_at_fast_charger=bool(facts is not None and facts.is_fast_charger),
        login_required=memory.login_required,
        spend=_spend(state, settings, vehicle, now),
        facts=facts,
    )


def _spend(state: State, settings: VehicleSettings, vehicle: VehicleState, now: datetime) -> SpendSnapshot | None:
    if not settings.capabilities.price:
        return None
    counted = spend_on(vehicle.memory.spend, now, state.settings.site.timezone)
    return _spend_of(state, counted, settings.budget, now)


def _spend_of(state: State, spend: Spend, budget: Budget, now: datetime, *, is_meter: bool = False) -> SpendSnapshot:
    return SpendSnapshot(
        money_today=_money(spend.money_today),
        money_this_month=_money(spend.money_this_month),
        money_projected=_money(projected(spend, budget, now, state.settings.site.timezone)),
        per_month=budget.per_month,
        soft_line=_money(soft_line(spend, budget)) if not is_meter else None,
        daily_line=_money(daily_line(spend, budget)),
        requests_today={kind.value: count for kind, count in spend.today.items()},
        requests_this_month={kind.value: count for kind, count in spend.this_month.items()},
        wakes_today=spend.wakes,
        wakes_line=budget.wakes_per_day if not is_meter else None,
    )


def _money(amount: M) -> M:
    """Return an amount without the dust that sums of thousandths leave."""
    return amount if amount is None else round(amount, 6)


def _loadpoint(state: State, number: int, settings: LoadpointSettings, now: datetime) -> LoadpointSnapshot:
    lp = state.loadpoints[settings.id]
    vehicle_settings = devices_of(state.settings)[settings.device_id]
    vehicle = state.vehicles[settings.device_id]
    is_gone = is_at_charger(state, settings)
    facts = vehicle.memory.facts
    if is_gone and facts is not None:
        facts = replace(facts, charging=Charging.DISCONNECTED)
    car_id = car_of(settings, lp.memory)
    car = state.vehicles[car_id]
    shown = _shown_car(state, settings, car_id, now)
    wish, session = lp.memory.wish, lp.memory.session
    flows = is_flowing(facts)
    where = whereabouts(state.settings, settings, vehicle_settings, facts)
    phases = phases_of(state.settings, settings, vehicle_settings, vehicle.memory) if flows else 0
    voltage_v = voltage_of(state.settings, vehicle.memory)
    is_plugged = bool(facts is not None and facts.is_plugged)
    shown_v = facts.voltage_v if facts is not None else None
    return LoadpointSnapshot(
        number=number,
        id=settings.id,
        name=settings.name,
        mode=wish.mode,
        override=wish.override,
        override_by=wish.override_by,
        is_wished=is_wished(wish, car),
        version=wish.version,
        is_settled=lp.pending is None,
        status=_status(facts, flows=flows),
        is_plugged=is_plugged,
        is_flowing=flows,
        has_started=session is not None and session.has_started,
        was_stopped=session is not None and session.was_stopped,
        is_target_reached=is_plugged and (car.memory.target_reached or is_complete(vehicle)),
        is_pv_possible=is_plugged and where.is_pv and not (facts is not None and facts.is_fast_charger),
        amps_asked_a=wish.amps_a,
        phases_asked=wish.phases,
        terms=wish.terms,
        can_switch_phases=vehicle_settings.capabilities.phase_switch is not None and settings.phases != 1,
        set_point=lp.set_point,
        max_a=available_a(facts),
        draw_a=None if facts is None else (facts.actual_a or 0.0) if flows else 0.0,
        voltage_v=voltage_v if flows else shown_v,
        phases=phases,
        draw_w=None if facts is None else draw_w(facts, phases, voltage_v) if flows else 0.0,
        energy_added_wh=facts.energy_added_wh if facts is not None else None,
        energy_total_wh=facts.charger.energy_total_wh if facts is not None and facts.charger is not None else None,
        pending=lp.pending,
        reason=reason_of(lp, vehicle),
        vehicle=shown,
        is_here=where.is_here,
    )


def _shown_car(state: State, settings: LoadpointSettings, car_id: str, now: datetime) -> VehicleSnapshot | None:
    """Return the car that is shown at a loadpoint; None where a charger has none, or a strange one."""
    if settings.charger_id == car_id:
        return None
    return _vehicle(state, devices_of(state.settings)[car_id], now)


def _status(facts: VehicleFacts | None, *, flows: bool) -> ChargerStatus:
    charger = facts.charger if facts is not None else None
    if charger is not None and charger.status in FAULTS:
        return charger.status
    if flows:
        return ChargerStatus.C
    return ChargerStatus.B if facts is not None and facts.is_plugged else ChargerStatus.A


WAITING_FOR_SUN = (ReasonCode.SURPLUS_LOW, ReasonCode.SURPLUS_STARTING, ReasonCode.START_PRICE)


def reason_of(lp: LoadpointState, vehicle: VehicleState) -> Reason:
    """Return the reason that people are told: what holds the set-point back comes before why it was made."""
    if lp.held_by is not None:
        return lp.held_by
    if vehicle.memory.facts is None and lp.reason.code not in WAITING_FOR_SUN:
        return Reason(ReasonCode.NEVER_SEEN)
    facts = vehicle.memory.facts
    if lp.is_acting and not lp.set_point.charge and is_charging(facts):
        return Reason(ReasonCode.STOPPING, {"why": render(lp.reason)})
    return lp.reason
