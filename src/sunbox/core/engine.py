"""`step(state, event) -> (state, effects)`: the only entry to the rules, and `answer` for what is asked.

Each step takes the event into what is known, makes the set-points, and reconciles them with reality. Nothing here waits,
looks at a clock or knows a brand.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sunbox.core import asked, behind, charger, dealings, meters, orders, readings, replies
from sunbox.core import vehicle as contact
from sunbox.core.belief import is_charging
from sunbox.core.commands import CommandName, RequestKind
from sunbox.core.decide import decide
from sunbox.core.draft import Draft
from sunbox.core.draw import Step, draw_at
from sunbox.core.effects import Effect, Remember
from sunbox.core.events import (
    Began,
    Billed,
    ChargerRead,
    CommandEnded,
    Event,
    LimitSet,
    MeterRead,
    Ordered,
    ReadFailed,
    Requested,
    VehicleRead,
)
from sunbox.core.evidence import on_reading, site_draws
from sunbox.core.model import LoadpointMemory, Memory, MeterMemory, Mode, Override, SiteMemory, VehicleMemory, Wish
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.reconcile import reconcile
from sunbox.core.settings import devices_of
from sunbox.core.state import Doubt, LoadpointState, MeterState, State, VehicleState
from sunbox.core.target import is_soft, limit_to_send_pct
from sunbox.core.values import replace
from sunbox.core.wallbox import Accepted, Rejected, Request, SetPoint

AMPS_HIGHEST_A = 32
PHASES_ASKED = (0, 1, 3)

JUST_AFTER = timedelta(milliseconds=1)
"""A reading is still fresh at the end of its time."""


def step(state: State | None, event: Event) -> tuple[State, tuple[Effect, ...]]:
    """Take one event.

    Raises:
        ValueError: the first event is not `Began`, or an event names a device that does not exist.
    """
    if isinstance(event, Began):
        state = _begin(event)
    elif state is None:
        raise ValueError("the first event must be Began")
    at = max(event.at, state.at)
    draft = Draft(state, at)
    if isinstance(event, MeterRead):  # nearly all that happens
        _know_meter(draft, event.meter_id)
        _take_meter(draft, event)
    else:
        _know_device(draft, event)
    draft.weigh()
    if state.settings.chargers:
        charger.listen(draft)
    if (apply := APPLY.get(type(event))) is not None:
        apply(draft, event)
    if state.settings.chargers:
        behind.recognise(draft)
    if draft.site.grid_at is not None and draft.site.grid_at != draft.weighed_at:
        draft.weighed_at = draft.site.grid_at
        on_reading(draft, draft.site.grid_at)
    _expire_limit(draft)
    meters.ask(draft)
    draws = site_draws(draft, draft.site.grid_at or at)
    decide(draft, draws)
    for vehicle_id, vehicle in draft.vehicles.items():
        if vehicle.memory.orders:
            orders.expire(draft, vehicle_id)
    for loadpoint in state.settings.loadpoints:
        reconcile(draft, loadpoint)
    for vehicle_id, vehicle in draft.vehicles.items():
        if vehicle.memory.orders and not draft.holders_of(vehicle_id):
            orders.serve(draft, vehicle_id)
    _wait_for_staleness(draft)
    remember = _remember(state if not isinstance(event, Began) else None, draft)
    effects = (remember, *draft.effects) if remember is not None else tuple(draft.effects)
    return draft.freeze(), effects


def _know_meter(draft: Draft, meter_id: str) -> None:
    if meter_id not in draft.meters and all(meter.id != meter_id for meter in draft.settings.meters):
        raise ValueError(f"there is no meter {meter_id!r}")


def _know_device(draft: Draft, event: Event) -> None:
    if isinstance(event, Billed):
        _know_meter(draft, event.meter_id)
    elif isinstance(event, VehicleRead | Ordered) and event.vehicle_id not in draft.vehicles:
        raise ValueError(f"there is no vehicle {event.vehicle_id!r}")
    elif isinstance(event, CommandEnded) and event.device_id not in draft.vehicles:
        raise ValueError(f"there is no vehicle {event.device_id!r}")
    elif isinstance(event, ChargerRead) and not _is_charger(draft, event.charger_id):
        raise ValueError(f"there is no charger {event.charger_id!r}")


def answer(state: State, request: Request) -> Accepted | Rejected:
    """Return whether a request can be taken; the version is the one that it will have made."""
    loadpoint = next((lp for lp in state.settings.loadpoints if lp.id == request.loadpoint_id), None)
    if loadpoint is None:
        allowed = ", ".join(lp.id for lp in state.settings.loadpoints)
        return Rejected("loadpoint_id", request.loadpoint_id, allowed)
    memory = state.loadpoints[loadpoint.id].memory
    capabilities = devices_of(state.settings)[loadpoint.device_id].capabilities
    low_a = capabilities.low_min_a or capabilities.min_a
    high_a = max(AMPS_HIGHEST_A, capabilities.max_a)
    if request.amps_a is not None and not low_a <= request.amps_a <= high_a:
        return Rejected("amps_a", str(request.amps_a), f"{low_a} to {high_a}")
    if request.target_soc_pct is not None and not 1 <= request.target_soc_pct <= 100:
        return Rejected("target_soc_pct", str(request.target_soc_pct), "1 to 100")
    if request.until_at is not None and request.until_at <= state.at:
        return Rejected("until_at", request.until_at.isoformat(), "an instant that is still to come")
    if request.target_soc_pct is not None and loadpoint.vehicle_id is None:
        return Rejected(
            "target_soc_pct", str(request.target_soc_pct), "a loadpoint with a vehicle, which says how full it is"
        )
    if request.phases is not None and request.phases not in PHASES_ASKED:
        return Rejected("phases", str(request.phases), "1, 3, or 0 for automatic")
    if request.terms is not None and (wrong := asked.wrong_terms(request.terms, capabilities)) is not None:
        return wrong
    car_id = loadpoint.vehicle_id or loadpoint.device_id
    is_new = _wish_after(memory.wish, request) != memory.wish or _is_new_target(state.vehicles[car_id], request)
    return Accepted(memory.wish.version + is_new)


def _begin(event: Began) -> State:
    settings = event.settings
    loadpoints: dict[str, LoadpointState] = {}
    for loadpoint in settings.loadpoints:
        memory = event.memory.loadpoints.get(loadpoint.id) or LoadpointMemory(wish=Wish(mode=loadpoint.mode))
        set_point = SetPoint(charge=memory.was_charging)
        loadpoints[loadpoint.id] = LoadpointState(
            memory=memory, set_point=set_point, reason=Reason(ReasonCode.NEVER_SEEN)
        )
    return State(
        memory=event.memory.site or SiteMemory(),
        settings=settings,
        began_at=event.at,
        at=event.at,
        meters={
            meter.id: MeterState(memory=event.memory.meters[meter.id])
            for meter in settings.meters
            if meter.id in event.memory.meters
        },
        vehicles={device_id: VehicleState() for device_id in devices_of(settings)},
        loadpoints=loadpoints,
    )


def _on_began(draft: Draft, event: Began) -> None:
    """Take up what was remembered: a command that was under way may or may not have been done."""
    for vehicle_id in draft.vehicles:
        memory = event.memory.vehicles.get(vehicle_id, VehicleMemory())
        exchange = memory.exchange
        draft.vehicle(vehicle_id, memory=replace(memory, exchange=None))
        known_ids = (*(order.id for order in memory.orders), *(() if exchange is None else (exchange.id,)))
        draft.next_id = max(draft.next_id, 1, *(known_id + 1 for known_id in known_ids))
        if memory.facts is None or memory.facts.is_plugged is not False:
            most_w = dealings.assumed_most_w(draft, vehicle_id)
            draft.vehicle(vehicle_id, steps=(Step(draft.at, 0.0, most_w),))
        command = exchange.command if exchange is not None else None
        draft.charge(
            vehicle_id, command, None, 0 if command is None else 1
        )  # its answer is lost; it may be on the bill
        if exchange is not None and exchange.order_id is not None:
            orders.on_restart(draft, vehicle_id, exchange.order_id)
        elif command is not None and command.name is not CommandName.WAKE:
            doubt = Doubt(command=command, since_at=draft.at, until_at=draft.at, attempt=1)
            draft.vehicle(vehicle_id, doubt=doubt)


def _take_meter(draft: Draft, event: MeterRead) -> None:
    if event.billed:
        meters.charge(draft, event.meter_id, RequestKind.DATA, event.billed)
    reading = event.reading
    if reading.measured_at > event.at:  # a meter's clock that is ahead of ours
        reading = replace(reading, measured_at=event.at)
    before = draft.meters.get(event.meter_id) or MeterState()
    if before.reading is not None and reading.measured_at < before.reading.measured_at:
        return  # an older reading that was overtaken
    draft.meters[event.meter_id] = replace(before, reading=reading, cause=None)


def _on_meter(draft: Draft, event: MeterRead) -> None:
    """Integrate what went into the cars since their data was read, at the most; it only decides when to look again."""
    del event
    for vehicle_id, vehicle in draft.vehicles.items():
        if vehicle.memory.target_soc_pct is None or not is_charging(vehicle.memory.facts):
            continue
        since_at = vehicle.energy_at or draft.at
        high_w = draw_at(vehicle.steps, draft.at).high_w
        added_wh = high_w * (draft.at - since_at).total_seconds() / 3600.0
        draft.vehicle(vehicle_id, energy_wh=vehicle.energy_wh + added_wh, energy_at=draft.at)
        contact.foresee_target(draft, vehicle_id)


def _on_billed(draft: Draft, event: Billed) -> None:
    meters.take_bill(draft, event)


def _on_read_failed(draft: Draft, event: ReadFailed) -> None:
    if _is_charger(draft, event.device_id):
        charger.on_read_failed(draft, event)
        return
    if event.device_id in draft.vehicles:
        readings.on_read_failed(draft, event)
        return
    meters.note_failed(draft, event)


def _on_requested(draft: Draft, event: Requested) -> None:
    """Change the wish. What was refused may be asked again, because now something has changed."""
    request = event.request
    loadpoint = next(lp for lp in draft.settings.loadpoints if lp.id == request.loadpoint_id)
    vehicle_id, car_id = loadpoint.device_id, loadpoint.vehicle_id or loadpoint.device_id
    memory = draft.loadpoints[loadpoint.id].memory
    wish = _wish_after(memory.wish, request)
    has_target = _is_new_target(draft.vehicles[car_id], request)
    if wish == memory.wish and not has_target:
        return
    session = memory.session
    if session is not None and (request.override is not None or request.mode is not None):
        is_stop = request.override is Override.STOP or (request.override is None and request.mode is Mode.OFF)
        is_stop = is_stop or (request.override is Override.NONE and request.mode is Mode.OFF)
        session = replace(session, was_stopped=is_stop)
    draft.remember_loadpoint(loadpoint.id, wish=replace(wish, version=wish.version + 1), session=session)
    draft.loadpoint(loadpoint.id, no_room_at=None)
    if has_target:
        _set_target(draft, car_id, request.target_soc_pct)
    vehicle = draft.vehicles[vehicle_id]
    if request.amps_a is not None and vehicle.memory.low_amps_refused:
        draft.remember_vehicle(vehicle_id, low_amps_refused=False)
    changes: dict[str, Any] = {"refused": {}, "start_retry_at": None, "starts_failed": 0}
    if car_id != vehicle_id:
        draft.vehicle(car_id, **changes)
    if request.amps_a is not None:
        changes["low_amps"] = None
    facts = vehicle.memory.facts
    if (
        wish.override is Override.CHARGE
        and facts is not None
        and facts.is_plugged is False
        and contact.is_online(draft, vehicle)
    ):
        changes["is_doubtful"] = True  # somebody who asks for a start has probably just plugged in
    draft.vehicle(vehicle_id, **changes)


def _set_target(draft: Draft, car_id: str, target_pct: int | None) -> None:
    vehicle, capabilities = draft.vehicles[car_id], draft.settings_of(car_id).capabilities
    limit_pct = limit_to_send_pct(target_pct, capabilities)
    is_so = vehicle.memory.facts is not None and vehicle.memory.facts.limit_soc_pct == limit_pct
    draft.remember_vehicle(
        car_id, target_soc_pct=target_pct, target_reached=False, limit_sent_pct=limit_pct if is_so else None
    )
    draft.vehicle(car_id, energy_at=draft.at)
    readings.note_target(draft, car_id)
    if is_soft(target_pct, capabilities) and is_charging(vehicle.memory.facts):
        draft.vehicle(
            car_id, data_due_at=draft.at
        )  # how far it is by now was not counted: one look, then it is foreseen


def _wish_after(wish: Wish, request: Request) -> Wish:
    """Return the wish that a request makes; equal to the old one if it asks for what already is."""
    changes: dict[str, Any] = {}
    if request.mode is not None:
        changes["mode"] = request.mode
    if request.override is not None:
        is_none = request.override is Override.NONE
        changes["override"] = request.override
        if is_none or request.override is not wish.override:
            changes["override_by"] = None if is_none else request.by
        changes["override_until_at"] = None if is_none else request.until_at
    if request.amps_a is not None:
        changes["amps_a"] = request.amps_a
    if request.phases is not None:
        changes["phases"] = request.phases or None
    if request.terms is not None:
        changes["terms"] = request.terms
    return replace(wish, **changes) if changes else wish


def _is_new_target(vehicle: VehicleState, request: Request) -> bool:
    return request.target_soc_pct is not None and request.target_soc_pct != vehicle.memory.target_soc_pct


def _is_charger(draft: Draft, device_id: str) -> bool:
    return any(row.id == device_id for row in draft.settings.chargers)


def _on_limit_set(draft: Draft, event: LimitSet) -> None:
    draft.memory = replace(draft.memory, limit=event.limit)


def _expire_limit(draft: Draft) -> None:
    """Lift the grid operator's limit when its time is over."""
    limit = draft.memory.limit
    if limit is None or limit.until_at is None:
        return
    if draft.at >= limit.until_at:
        draft.memory = replace(draft.memory, limit=None)
    draft.wait_for(limit.until_at)


def _wait_for_staleness(draft: Draft) -> None:
    """Be called when the grid reading in use becomes too old."""
    site = draft.site
    if site.is_stale or site.old_at is None or site.fresh_until_at is None:
        return
    draft.wait_for(site.old_at + JUST_AFTER)
    if site.fresh_until_at is not site.old_at:
        draft.wait_for(site.fresh_until_at + JUST_AFTER)


def _remember(before: State | None, draft: Draft) -> Remember | None:
    """Return the part of the memory that changed in this step."""
    vehicles: dict[str, VehicleMemory] = {}
    for vehicle_id, vehicle in draft.vehicles.items():
        old = before.vehicles[vehicle_id] if before is not None else None
        if old is vehicle or (old is not None and old.memory is vehicle.memory):
            continue
        memory = vehicle.memory
        if draft.settings_of(vehicle_id).capabilities.is_polled:
            # It says again how it is after a restart, and it says so all the time: that is not worth a write.
            memory = durable(memory)
            if old is not None and durable(old.memory) == memory:
                continue
        vehicles[vehicle_id] = memory
    loadpoints: dict[str, LoadpointMemory] = {}
    for loadpoint_id, loadpoint in draft.loadpoints.items():
        was = before.loadpoints[loadpoint_id] if before is not None else None
        if was is not loadpoint and (was is None or was.memory is not loadpoint.memory):
            loadpoints[loadpoint_id] = loadpoint.memory
    known: dict[str, MeterMemory] = {}
    for meter_id, meter in draft.meters.items():
        former = before.meters.get(meter_id) if before is not None else None
        if meter is former or meter.memory.spend is None:
            continue
        if former is None or former.memory is not meter.memory:
            known[meter_id] = meter.memory
    site = draft.memory if before is None or before.memory is not draft.memory else None
    if not vehicles and not loadpoints and not known and site is None:
        return None
    return Remember(memory=Memory(site=site, vehicles=vehicles, loadpoints=loadpoints, meters=known))


def durable(memory: VehicleMemory) -> VehicleMemory:
    """Return what is kept of a charger: not how it is, but what it was told, so that a hand is seen that told it otherwise."""
    charger_words = memory.facts.charger if memory.facts is not None else None
    told = memory.told if charger_words is None else charger_words.told
    return replace(memory, facts=None, read_at=None, told=told)


APPLY: dict[type[Any], Callable[[Draft, Any], None]] = {
    Began: _on_began,
    MeterRead: _on_meter,
    Billed: _on_billed,
    ChargerRead: charger.on_charger_read,
    VehicleRead: readings.on_vehicle_read,
    ReadFailed: _on_read_failed,
    CommandEnded: replies.on_command_ended,
    Requested: _on_requested,
    LimitSet: _on_limit_set,
    Ordered: orders.on_ordered,
}
"""What each event changes before anything is decided. `Tick` changes nothing: time alone has passed."""
