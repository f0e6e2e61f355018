"""From set-point to commands: the fewest that bring reality there, one exchange per vehicle at a time.

There is no queue: the next command is decided when the last has ended. Nothing is sent that would change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core import orders, target
from sunbox.core import vehicle as contact
from sunbox.core.behind import is_at_charger, needs_a_start
from sunbox.core.belief import after, draw_w, holds_itself, is_charging, is_on, phases_of, voltage_of
from sunbox.core.charger import FAULTS
from sunbox.core.circuits import available_a, device_cap
from sunbox.core.commands import Cause, Command, CommandName
from sunbox.core.draw import changing
from sunbox.core.model import Availability, Charging, Mode, Override
from sunbox.core.prices import budget_reason
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.state import LowAmps
from sunbox.core.values import replace
from sunbox.core.vehicle import Contact
from sunbox.core.wallbox import Pending

if TYPE_CHECKING:
    from datetime import datetime

    from sunbox.core.draft import Draft
    from sunbox.core.model import VehicleFacts, Wish
    from sunbox.core.settings import Capabilities, LoadpointSettings, VehicleSettings
    from sunbox.core.state import LoadpointState, VehicleState
    from sunbox.core.wallbox import SetPoint

AMPS_GAP_S = 10.0
"""At most one change of the current in this time; the last wish wins."""

LOW_AMPS_GAP_S = 5.0
"""Between the two commands that bring a Tesla below its minimum (TWCManager)."""


@dataclass(frozen=True, slots=True)
class Action:
    """What would be sent next, and what people are told meanwhile."""

    command: Command
    pending: Pending | None
    may_wake: bool = False
    not_before_at: datetime | None = None
    is_asked_for: bool = True  #: by somebody, and not only by the sun


def reconcile(draft: Draft, loadpoint: LoadpointSettings) -> None:
    """Send at most one request for a loadpoint whose vehicle is its own charger, and say what is pending."""
    vehicle_id = loadpoint.device_id
    held_by: Reason | None = None
    action = next_action(draft, draft.loadpoints[loadpoint.id], draft.vehicles[vehicle_id], loadpoint)
    vehicle = draft.vehicles[vehicle_id]
    if vehicle.memory.orders and not _lowers(action, vehicle.memory.facts):
        orders.deliver(draft, vehicle_id)
    if draft.vehicles[vehicle_id].exchange is None:
        held_by = _act(draft, vehicle_id, action)
    if loadpoint.charger_id is not None and loadpoint.vehicle_id is not None:
        held_by = held_by or _tend(draft, loadpoint)
    _show(draft, loadpoint, action, held_by)


def _tend(draft: Draft, loadpoint: LoadpointSettings) -> Reason | None:
    """Deal with the car behind a charger: its limit, orders, a start where it does not take what is offered, a look now and then."""
    car_id = loadpoint.vehicle_id or ""
    vehicle = draft.vehicles[car_id]
    if vehicle.memory.orders:
        orders.deliver(draft, car_id)
    if draft.vehicles[car_id].exchange is not None:
        return None
    action = None
    facts = vehicle.memory.facts
    if facts is not None:
        action = _limit(vehicle, draft.settings_of(car_id).capabilities, facts)
    if action is None and needs_a_start(draft, loadpoint):
        is_asked = _is_asked_for(draft.loadpoints[loadpoint.id].memory.wish)
        start = Action(Command(CommandName.START), Pending.STARTING, True, vehicle.start_retry_at, is_asked)
        action = _unless_refused(vehicle, start)
    return _act(draft, car_id, action)


def _act(draft: Draft, vehicle_id: str, action: Action | None) -> Reason | None:
    """Do the one thing that is due; return what holds the action back, if anything does."""
    vehicle = draft.vehicles[vehicle_id]
    memory = vehicle.memory
    if memory.not_before_at is not None and draft.at < memory.not_before_at:
        draft.wait_for(memory.not_before_at)
        return _blocked(draft, vehicle) if action is not None or memory.login_required else None
    if (
        vehicle.doubt is not None
        and draft.at < vehicle.doubt.until_at
        and not _is_urgent(action, vehicle.doubt.command)
    ):
        draft.wait_for(vehicle.doubt.until_at)
        return None
    if action is not None:
        if action.not_before_at is not None and draft.at < action.not_before_at:
            draft.wait_for(action.not_before_at)
        else:
            is_stop = action.command.name is CommandName.STOP
            reached = contact.reach(
                draft, vehicle_id, may_wake=action.may_wake, is_stop=is_stop, is_asked_for=action.is_asked_for
            )
            if reached is Contact.READY:
                if is_stop or contact.can_pay(draft, vehicle_id, action.command.kind):
                    _send(draft, vehicle_id, action.command)
                    return None
                reached = Contact.NO_MONEY
            if draft.vehicles[vehicle_id].exchange is not None:
                return None
            if reached is Contact.NO_MONEY:
                contact.poll(draft, vehicle_id)
                return budget_reason(draft, vehicle_id)
            if reached is Contact.WAKE_LATER:
                contact.poll(draft, vehicle_id)
                again_at = contact.wake_again_at(vehicle)
                return Reason(ReasonCode.WAKE_FAILED, {"retry_s": _until_s(draft, again_at)}, again_at)
    contact.poll(draft, vehicle_id)
    return None


def _lowers(action: Action | None, facts: VehicleFacts | None) -> bool:
    """Return whether an action has the car take less: a fuse may be waiting for it, so nothing goes before it."""
    if action is None:
        return False
    name, value = action.command.name, action.command.value or 0
    if name is CommandName.SET_AMPS:
        return facts is None or value < (facts.amps_requested_a or 0)
    return name is CommandName.STOP or (name is CommandName.SET_PHASES and value == 1)


def _is_urgent(action: Action | None, doubted: Command) -> bool:
    """Return whether an action may not wait for evidence about another one: a stop, and less current."""
    if action is None or action.command == doubted:
        return False
    if action.command.name is CommandName.STOP:
        return True
    both_amps = action.command.name is CommandName.SET_AMPS is doubted.name
    return both_amps and (action.command.value or 0) < (doubted.value or 0)


def next_action(draft: Draft, lp: LoadpointState, vehicle: VehicleState, loadpoint: LoadpointSettings) -> Action | None:
    """Return the next command that would change something, None if reality is as it should be."""
    facts = vehicle.memory.facts
    settings = draft.settings_of(loadpoint.device_id)
    capabilities = settings.capabilities
    doubted = vehicle.doubt.command.name if vehicle.doubt is not None else None
    set_point = lp.set_point
    if facts is None:
        # Never seen: a start is the only thing worth finding out how it is.
        if not set_point.charge:
            return None
        start = _start(set_point.amps_a, capabilities, facts)
        return _unless_refused(vehicle, replace(start, is_asked_for=_is_asked_for(lp.memory.wish)))
    charges = is_on(facts)
    if lp.is_acting and not set_point.charge and (charges or doubted in (CommandName.START, CommandName.STOP)):
        return _unless_refused(vehicle, Action(Command(CommandName.STOP), Pending.STOPPING, may_wake=charges))
    if (action := _limit(vehicle, capabilities, facts)) is not None:
        return action
    if facts.is_plugged is False:
        return _lock(vehicle, facts, lp.memory.wish)
    if not lp.is_acting:
        if is_at_charger(draft, loadpoint):
            return None
        asked_a = lp.memory.wish.amps_a
        if charges and asked_a is not None and not facts.is_fast_charger:  # elsewhere, asked for by name
            cap_a = device_cap(loadpoint, capabilities, facts).amps_a
            return _amps(vehicle, capabilities, facts, min(asked_a, cap_a))
        return None
    if not set_point.charge:
        return None
    phases = _phases(draft, vehicle, settings, loadpoint, set_point)
    if charges and doubted is not CommandName.STOP:
        # Who takes nothing now may begin at any moment: with little.
        wanted_a = capabilities.min_a if facts.charging is Charging.COMPLETE else set_point.amps_a
        amps = _amps(vehicle, capabilities, facts, wanted_a)
        # Never more on more phases than was decided: less current first, and more only once there are fewer phases.
        is_less = amps is not None and (amps.command.value or 0) < (facts.amps_requested_a or 0)
        return amps if phases is None or is_less else phases
    if facts.charging is Charging.COMPLETE or holds_itself(facts):
        return None
    if phases is not None:
        return phases
    start = _start(set_point.amps_a, capabilities, facts, vehicle.start_retry_at)
    return _unless_refused(vehicle, replace(start, is_asked_for=_is_asked_for(lp.memory.wish)))


def _lock(vehicle: VehicleState, facts: VehicleFacts, wish: Wish) -> Action | None:
    """Return what keeps a charger from starting by itself when the next car is plugged in: many forget a stop with the cable."""
    charger = facts.charger
    if charger is None or charger.is_enabled is not True or charger.told is False or _is_asked_for(wish):
        return None
    return _unless_refused(vehicle, Action(Command(CommandName.STOP), None))


def _is_asked_for(wish: Wish) -> bool:
    """Return whether somebody wants it to charge now, sun or not."""
    return wish.override is Override.CHARGE or wish.mode is Mode.NOW


def _phases(
    draft: Draft, vehicle: VehicleState, settings: VehicleSettings, loadpoint: LoadpointSettings, set_point: SetPoint
) -> Action | None:
    """Return the switch to the phases that were decided, where they can be switched."""
    facts = vehicle.memory.facts
    if settings.capabilities.phase_switch is None or facts is None or facts.phases_offered is None:
        return None
    is_doubted = vehicle.doubt is not None and vehicle.doubt.command.name is CommandName.SET_PHASES
    wanted = 1 if set_point.phases == 1 else 3
    is_so = facts.phases_offered == wanted
    is_so = is_so or set_point.phases == phases_of(draft.settings, loadpoint, settings, vehicle.memory)
    if is_so and not is_doubted:
        return None
    command = Command(CommandName.SET_PHASES, wanted)
    return _unless_refused(vehicle, Action(command, Pending.SETTING_PHASES, may_wake=True))


def _start(
    amps: int, capabilities: Capabilities, facts: VehicleFacts | None, retry_at: datetime | None = None
) -> Action:
    """Return what starts charging: the current first, so that it begins with what there is."""
    start_a = max(amps, capabilities.min_a)
    if (most_a := available_a(facts)) is not None:
        start_a = min(start_a, max(most_a, 1))
    if facts is not None and facts.amps_requested_a != start_a:
        command = Command(CommandName.SET_AMPS, start_a)
    else:
        command = Command(CommandName.START)
    return Action(command, Pending.STARTING, may_wake=True, not_before_at=retry_at)


def _limit(vehicle: VehicleState, capabilities: Capabilities, facts: VehicleFacts) -> Action | None:
    """Return the charge limit to be sent. A wish for one wakes a plugged car; an unplugged one hears of it when it is awake."""
    wanted = target.limit_to_send_pct(vehicle.memory.target_soc_pct, capabilities)
    if wanted is None:
        return None
    is_doubted = vehicle.doubt is not None and vehicle.doubt.command.name is CommandName.SET_LIMIT
    if facts.limit_soc_pct == wanted and not is_doubted:
        return None
    if not facts.is_plugged and vehicle.availability is not Availability.ONLINE:
        return None
    action = Action(Command(CommandName.SET_LIMIT, wanted), Pending.SETTING_LIMIT, may_wake=bool(facts.is_plugged))
    return _unless_refused(vehicle, action)


def _amps(vehicle: VehicleState, capabilities: Capabilities, facts: VehicleFacts, wanted_a: int) -> Action | None:
    """Return the change of current for a car that charges."""
    is_low = wanted_a < capabilities.min_a
    if not is_low or vehicle.memory.low_amps_refused:
        wanted_a = max(wanted_a, capabilities.min_a)
        is_doubted = vehicle.doubt is not None and vehicle.doubt.command.name is CommandName.SET_AMPS
        if facts.amps_requested_a == wanted_a and not is_doubted:
            return None
        return _set_amps(vehicle, wanted_a, AMPS_GAP_S)
    # Below the minimum: twice, some seconds apart, and only once charging has been seen.
    if facts.charging is not Charging.CHARGING:
        return None
    low = vehicle.low_amps if vehicle.low_amps is not None and vehicle.low_amps.value_a == wanted_a else None
    sent = low.sent if low is not None else 0
    if sent >= 2:
        return None
    return _set_amps(vehicle, wanted_a, LOW_AMPS_GAP_S if sent == 1 else AMPS_GAP_S)


def _set_amps(vehicle: VehicleState, wanted_a: int, gap_s: float) -> Action | None:
    gap_at = None if vehicle.amps_sent_at is None else vehicle.amps_sent_at + timedelta(seconds=gap_s)
    action = Action(Command(CommandName.SET_AMPS, wanted_a), Pending.SETTING_AMPS, not_before_at=gap_at)
    return _unless_refused(vehicle, action)


def _unless_refused(vehicle: VehicleState, action: Action) -> Action | None:
    """Return the action unless the same command was refused and nothing has changed since."""
    entry = vehicle.refused.get(action.command.name)
    if entry is not None and entry[0] == action.command:
        return None
    return action


def _send(draft: Draft, vehicle_id: str, command: Command) -> None:
    """Send, and take the draw to be anything between old and new until it is proven."""
    vehicle = draft.vehicles[vehicle_id]
    facts = draft.facts_of(vehicle_id)
    doubt = vehicle.doubt
    attempt = doubt.attempt + 1 if doubt is not None and doubt.command.name is command.name else 1
    settings = draft.settings_of(vehicle_id)
    new = after(facts, command)
    phases = phases_of(draft.settings, None, settings, replace(vehicle.memory, facts=new))
    voltage_v = voltage_of(draft.settings, vehicle.memory)
    if is_charging(facts) or is_charging(new):
        steps = vehicle.steps
        if command.name is CommandName.SET_PHASES:
            steps = changing(steps, draft.at, 0.0)  # it pauses meanwhile
        draft.vehicle(vehicle_id, steps=changing(steps, draft.at, draw_w(new, phases, voltage_v)))
    if command.name is CommandName.SET_AMPS:
        low = vehicle.low_amps
        minimum_a = settings.capabilities.min_a
        if command.value is not None and command.value < minimum_a:
            sent = low.sent if low is not None and low.value_a == command.value else 0
            low = LowAmps(value_a=command.value, sent=sent + 1)
        else:
            low = None
        draft.vehicle(vehicle_id, amps_sent_at=draft.at, low_amps=low)
    if command.name is CommandName.SET_PHASES and (command.value or 0) > 1:
        _count_switch(draft, vehicle_id)
    draft.send(vehicle_id, command, attempt)


def _count_switch(draft: Draft, vehicle_id: str) -> None:
    """Remember a step up: there are only so many a day."""
    for loadpoint in draft.holders_of(vehicle_id):
        wear = draft.wear_of(loadpoint.id)
        draft.remember_loadpoint(loadpoint.id, wear=replace(wear, ups=wear.ups + 1))


def _show(draft: Draft, loadpoint: LoadpointSettings, action: Action | None, held_by: Reason | None) -> None:
    """Note what is pending and what holds it back."""
    vehicle = draft.vehicles[loadpoint.device_id]
    lp = draft.loadpoints[loadpoint.id]
    pending = _pending(vehicle, lp, action)
    reason = held_by or _standing(draft, loadpoint.device_id, vehicle, lp, pending)
    if pending is not lp.pending or (reason is not lp.held_by and reason != lp.held_by):
        draft.loadpoints[loadpoint.id] = replace(lp, pending=pending, held_by=reason)


PENDING_OF: dict[CommandName, Pending] = {
    CommandName.WAKE: Pending.WAKING,
    CommandName.START: Pending.STARTING,
    CommandName.STOP: Pending.STOPPING,
    CommandName.SET_AMPS: Pending.SETTING_AMPS,
    CommandName.SET_LIMIT: Pending.SETTING_LIMIT,
    CommandName.SET_PHASES: Pending.SETTING_PHASES,
}


def _pending(vehicle: VehicleState, lp: LoadpointState, action: Action | None) -> Pending | None:
    if vehicle.wake is not None:
        return Pending.WAKING
    if action is not None:
        return action.pending
    exchange = vehicle.exchange
    if exchange is not None and exchange.command is not None:
        return PENDING_OF.get(exchange.command.name)
    if vehicle.doubt is not None:
        return PENDING_OF[vehicle.doubt.command.name]
    facts = vehicle.memory.facts
    starts = lp.is_acting and lp.set_point.charge and facts is not None and facts.charging is Charging.STARTING
    return Pending.STARTING if starts else None


def _trouble(draft: Draft, vehicle: VehicleState) -> Reason | None:
    """Return what is wrong with a charger."""
    cause = vehicle.memory.block_cause.value if vehicle.memory.block_cause is not None else "no answer"
    if vehicle.availability is not Availability.ONLINE:
        since_at = vehicle.availability_at or draft.began_at
        return Reason(ReasonCode.CHARGER_SILENT, {"silent_s": (draft.at - since_at).total_seconds(), "cause": cause})
    charger = vehicle.memory.facts.charger if vehicle.memory.facts is not None else None
    if charger is not None and charger.status in FAULTS:
        return Reason(ReasonCode.CHARGER_FAULT, {"fault": charger.fault or charger.status.value})
    return None


def _standing(
    draft: Draft, device_id: str, vehicle: VehicleState, lp: LoadpointState, pending: Pending | None
) -> Reason | None:
    """Return what stands between set-point and reality, where it is not the set-point's own reason."""
    memory = vehicle.memory
    if memory.login_required:
        return Reason(ReasonCode.LOGIN_REQUIRED, {}, memory.not_before_at)
    if draft.settings_of(device_id).capabilities.is_polled and (trouble := _trouble(draft, vehicle)) is not None:
        return trouble
    if vehicle.wake is not None:
        return Reason(ReasonCode.WAKING, {"since_s": (draft.at - vehicle.wake.since_at).total_seconds()})
    facts = memory.facts
    if pending is Pending.STOPPING:
        return None
    if lp.is_acting and lp.set_point.charge and facts is not None and not is_charging(facts):
        if facts.charger is not None and facts.charging is Charging.COMPLETE:
            return Reason(ReasonCode.CAR_IDLE, {"amps_a": facts.amps_requested_a or 0})
        if facts.charger is not None and holds_itself(facts):
            return Reason(ReasonCode.CHARGER_HOLDS, {"why": facts.charger.holds or "it does not say why"})
        if facts.charging is Charging.COMPLETE:
            return Reason(ReasonCode.COMPLETE, {"soc_pct": facts.soc_pct or 0, "limit_pct": facts.limit_soc_pct or 0})
        if facts.charging is Charging.NO_POWER:
            return Reason(ReasonCode.NO_POWER, {}, vehicle.start_retry_at)
        for name in (CommandName.START, CommandName.SET_AMPS):
            if name in vehicle.refused:
                return Reason(ReasonCode.REFUSED, {"word": vehicle.refused[name][1]})
    if pending is Pending.STARTING:
        return Reason(ReasonCode.STARTING, {"amps_a": lp.set_point.amps_a})
    if vehicle.refused:
        name, (_, word) = next(iter(vehicle.refused.items()))
        return Reason(ReasonCode.REFUSED, {"word": f"{name.value}: {word}"})
    return None


def _blocked(draft: Draft, vehicle: VehicleState) -> Reason:
    memory = vehicle.memory
    if memory.login_required:
        return Reason(ReasonCode.LOGIN_REQUIRED, {}, memory.not_before_at)
    retry_s = _until_s(draft, memory.not_before_at)
    cause = memory.block_cause.value if memory.block_cause is not None else "?"
    if memory.block_cause in (Cause.RATE_LIMITED, Cause.LIMIT_EXCEEDED):
        return Reason(ReasonCode.RATE_LIMITED, {"retry_s": retry_s, "cause": cause}, memory.not_before_at)
    return Reason(
        ReasonCode.RETRYING, {"what": "the request", "retry_s": retry_s, "cause": cause}, memory.not_before_at
    )


def _until_s(draft: Draft, instant_at: datetime | None) -> float:
    return max(0.0, (instant_at - draft.at).total_seconds()) if instant_at is not None else 0.0
