"""What a vehicle's readings change, and readings that brought nothing."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core import session
from sunbox.core import vehicle as contact
from sunbox.core.belief import LOADED_V, draw_w, is_charging, is_flowing, own_phases_of, phases_of, voltage_of
from sunbox.core.commands import Cause, ReadKind
from sunbox.core.dealings import draw_as_believed, hold_off, note_asleep_answer
from sunbox.core.draw import became, draw_at, scaled
from sunbox.core.model import Availability, Charging, VehicleDetails, VehicleFacts, VehicleMemory
from sunbox.core.resilience import START
from sunbox.core.state import LowAmps
from sunbox.core.target import is_reached, is_soft
from sunbox.core.units import active_phases
from sunbox.core.values import replace

if TYPE_CHECKING:
    from sunbox.core.commands import Exchange
    from sunbox.core.draft import Draft
    from sunbox.core.events import ReadFailed, VehicleRead
    from sunbox.core.state import VehicleState


EXPECTED_STALE_S = 60.0
"""Wait before a car whose data is older than what we know is read again."""


CURIOUS_AGAIN_S = 600.0
"""Wait before the next look that is only worth a free way, after one that brought nothing."""


FREE_TO_DISPROVE = (Cause.LOGIN_REQUIRED, Cause.UNREACHABLE, Cause.NO_ANSWER, Cause.SERVER_ERROR)
"""What the free state call would suffer from as well."""


def on_vehicle_read(draft: Draft, event: VehicleRead) -> None:
    """Take an answer to a read."""
    vehicle_id = event.vehicle_id
    draft.charge(vehicle_id, None, event.what, event.billed)
    before = draft.vehicles[vehicle_id]
    _end_exchange(draft, vehicle_id, event.exchange_id)
    _read_went_through(draft, vehicle_id, before.memory, event.what)
    _note_availability(draft, vehicle_id, event.availability)
    if event.what is ReadKind.DATA:
        if event.facts is not None:
            note_facts(draft, vehicle_id, event.facts)
        else:
            hold_off(draft, vehicle_id, Cause.BAD_ANSWER, None)
    state_due_at = draft.at + timedelta(seconds=contact.state_wait_s(draft, draft.vehicles[vehicle_id]))
    draft.vehicle(vehicle_id, state_due_at=state_due_at)


def _end_exchange(draft: Draft, vehicle_id: str, exchange_id: int | None) -> None:
    """End the read under way if this is its answer; what was pushed or comes late ends nothing."""
    exchange = draft.vehicles[vehicle_id].exchange
    if exchange is not None and exchange.id == exchange_id:
        draft.vehicle(vehicle_id, exchange=None)


def _read_went_through(draft: Draft, vehicle_id: str, memory: VehicleMemory, what: ReadKind) -> None:
    """Forget failures that this answer disproves: a free call proves the login, a paid one all but a failing command."""
    if memory.login_required:
        draft.remember_vehicle(vehicle_id, login_required=False)
    if memory.failures == 0 or memory.is_command_failing:
        return
    if what is ReadKind.DATA or memory.block_cause in FREE_TO_DISPROVE:
        draft.remember_vehicle(vehicle_id, failures=0, not_before_at=None, block_cause=None)


def on_read_failed(draft: Draft, event: ReadFailed) -> None:
    """Take a read of a vehicle that brought nothing."""
    draft.charge(event.device_id, None, event.what, event.billed)
    exchange = draft.vehicles[event.device_id].exchange
    _end_exchange(draft, event.device_id, event.exchange_id)
    vehicle = draft.vehicles[event.device_id]
    if _was_curiosity(vehicle, exchange, event):
        # The free way failed, and this was not worth the other one: what is worth it must not wait.
        due_at = draft.at + timedelta(seconds=CURIOUS_AGAIN_S)
        draft.vehicle(event.device_id, data_due_at=due_at, data_wait_s=CURIOUS_AGAIN_S)
        return
    if event.cause is Cause.ASLEEP:
        note_asleep_answer(draft, event.device_id)
        if vehicle.asleep_answers == 0 and vehicle.wake is None:
            return  # the free state call tells at once whether it sleeps
    else:
        hold_off(draft, event.device_id, event.cause, event.retry_after_s)
    wait_s = max(contact.CONTACT[contact.Situation.ASLEEP].state_s, event.retry_after_s or 0.0)
    if vehicle.wake is not None:
        wait_s = contact.WAKE_POLLS_S[-1]
    draft.vehicle(event.device_id, state_due_at=draft.at + timedelta(seconds=wait_s))


def _was_curiosity(vehicle: VehicleState, exchange: Exchange | None, event: ReadFailed) -> bool:
    """Return whether this was a look that nothing waits for."""
    is_its = exchange is not None and exchange.id == event.exchange_id and not exchange.may_pay
    return is_its and not vehicle.is_doubtful and event.cause is not Cause.ASLEEP


def _note_availability(draft: Draft, vehicle_id: str, availability: Availability) -> None:
    vehicle = draft.vehicles[vehicle_id]
    was = vehicle.availability
    vehicle = draft.vehicle(vehicle_id, availability=availability, availability_at=draft.at)
    if availability is Availability.ONLINE:
        if vehicle.memory.wake_failures:
            draft.remember_vehicle(vehicle_id, wake_failures=0)
        if vehicle.wake is not None:
            draft.vehicle(vehicle_id, wake=None)
        elif was in contact.ASLEEP:
            # Somebody is at the car: it may have been plugged in, unplugged or driven.
            draft.vehicle(vehicle_id, is_doubtful=True)
    elif availability in contact.ASLEEP:
        if vehicle.wake is not None:
            draft.vehicle(vehicle_id, wake=replace(vehicle.wake, polls=vehicle.wake.polls + 1))
        facts = vehicle.memory.facts
        if facts is not None and is_charging(facts):  # a sleeping car does not charge
            stopped = replace(facts, charging=Charging.STOPPED, actual_a=0.0, power_w=0.0)
            draft.remember_vehicle(vehicle_id, facts=stopped)
        draft.vehicle(
            vehicle_id, data_due_at=None, data_wait_s=0.0, doubt=None, steps=became(vehicle.steps, draft.at, 0.0, 0.0)
        )


def note_facts(draft: Draft, vehicle_id: str, facts: VehicleFacts, *, may_be_hand: bool = True) -> None:
    """Take a full reading; not `may_be_hand`: nobody's hand is seen in what has changed."""
    vehicle = draft.vehicles[vehicle_id]
    before = vehicle.memory.facts
    if before is not None and facts.measured_at <= before.measured_at:
        # The service repeats what it said before: it proves nothing about now.
        wait_s = max(EXPECTED_STALE_S, min(2 * vehicle.data_wait_s, 3600.0))
        draft.vehicle(
            vehicle_id, is_doubtful=False, data_due_at=draft.at + timedelta(seconds=wait_s), data_wait_s=wait_s
        )
        return
    facts = _with_what_was_known(before, facts)
    is_ours = (
        vehicle.exchange is not None and vehicle.exchange.command is not None
    )  # done perhaps, and not answered yet
    was_sure = may_be_hand and not vehicle.is_doubtful and vehicle.doubt is None and before is not None and not is_ours
    session.note_reading(draft, vehicle_id, before, facts, was_sure=was_sure)
    _note_limit(draft, vehicle_id, facts)
    _adopt(draft, vehicle_id, facts)
    _learn(draft, vehicle_id, facts)
    _note_failed_start(draft, vehicle_id, before, facts)
    if before is not None and _is_on_its_way(draft, vehicle_id, before, facts):
        # What it draws at this instant is neither what it drew nor what it will: the expectation stands until it has settled.
        expected_a = float(facts.amps_requested_a or 0) if before.actual_a is None else before.actual_a
        facts = replace(facts, actual_a=expected_a, power_w=None)
        draft.remember_vehicle(vehicle_id, facts=facts, read_at=draft.at)
    else:
        read_at = vehicle.memory.read_at
        draft.remember_vehicle(vehicle_id, facts=facts, read_at=draft.at)
        draw_as_believed(draft, vehicle_id)
        if is_flowing(before) and is_flowing(facts) and read_at is not None and read_at < draft.began_at:
            # It charged before the gateway began and does so now: what the grid showed in between had its draw in it.
            now = draw_at(draft.vehicles[vehicle_id].steps, draft.at)
            draft.vehicle(vehicle_id, steps=became((), draft.began_at, now.low_w, now.high_w))
    note_target(draft, vehicle_id)
    draft.vehicle(
        vehicle_id,
        is_doubtful=False,
        doubt=None,
        refused={} if _is_news(before, facts) else vehicle.refused,
        asleep_answers=0,
        unexplained=0,
        energy_wh=0.0,
        energy_at=draft.at,
        low_amps=_low_amps_seen(draft, vehicle_id, facts),
    )
    contact.plan_look(draft, vehicle_id, before)


def _with_what_was_known(before: VehicleFacts | None, now: VehicleFacts) -> VehicleFacts:
    """Return a reading by radio, which tells little, with the details that an earlier one told beside it."""
    if not now.is_near or before is None or before.details is None:
        return now
    details = now.details or VehicleDetails()
    known = {
        each.name: getattr(before.details, each.name)
        for each in fields(VehicleDetails)
        if getattr(details, each.name) is None
    }
    return replace(now, details=replace(details, **known))


def _is_on_its_way(draft: Draft, vehicle_id: str, before: VehicleFacts, now: VehicleFacts) -> bool:
    """Return whether a charging car was read while a change of its current that was proven has not settled yet."""
    memory, steps = draft.vehicles[vehicle_id].memory, draft.vehicles[vehicle_id].steps
    if not steps or steps[-1].from_at <= draft.at or now.actual_a == before.actual_a:
        return False
    if not is_charging(before) or now.charging is not Charging.CHARGING:
        return False
    if (now.amps_requested_a, now.phases_offered) != (before.amps_requested_a, before.phases_offered):
        return False
    span = draw_at(steps, draft.at)
    phases = phases_of(draft.settings, None, draft.settings_of(vehicle_id), memory)
    return span.low_w <= draw_w(now, phases, voltage_of(draft.settings, memory)) <= span.high_w


def _is_news(before: VehicleFacts | None, now: VehicleFacts) -> bool:
    """Return whether a reading tells something that makes it worth asking again for what was refused."""
    if before is None:
        return True
    return (before.charging, before.limit_soc_pct, before.amps_requested_a, before.is_driving) != (
        now.charging,
        now.limit_soc_pct,
        now.amps_requested_a,
        now.is_driving,
    )


def note_target(draft: Draft, vehicle_id: str) -> None:
    """Latch or unlatch a soft target."""
    memory = draft.vehicles[vehicle_id].memory
    capabilities = draft.settings_of(vehicle_id).capabilities
    reached = False
    if (
        memory.target_soc_pct is not None
        and is_soft(memory.target_soc_pct, capabilities)
        and memory.facts is not None
        and memory.facts.soc_pct is not None
    ):
        reached = is_reached(memory.target_soc_pct, memory.facts.soc_pct, was_reached=memory.target_reached)
    if reached != memory.target_reached:
        draft.remember_vehicle(vehicle_id, target_reached=reached)


def _note_limit(draft: Draft, vehicle_id: str, facts: VehicleFacts) -> None:
    """A limit changed in the car's own app is a person's word: it ends our target."""
    memory = draft.vehicles[vehicle_id].memory
    if memory.limit_sent_pct is None or facts.limit_soc_pct is None or facts.limit_soc_pct == memory.limit_sent_pct:
        return
    draft.remember_vehicle(vehicle_id, limit_sent_pct=None, target_soc_pct=None, target_reached=False)


def _adopt(draft: Draft, vehicle_id: str, facts: VehicleFacts) -> None:
    """After a restart, go on from the current that the car has rather than from the minimum."""
    if not draft.vehicles[vehicle_id].is_doubtful or not is_charging(facts) or not facts.amps_requested_a:
        return
    for loadpoint in draft.holders_of(vehicle_id):
        set_point = draft.loadpoints[loadpoint.id].set_point
        if set_point.charge:
            draft.loadpoint(loadpoint.id, set_point=replace(set_point, amps_a=facts.amps_requested_a))


def _learn(draft: Draft, vehicle_id: str, facts: VehicleFacts) -> None:
    """Learn phases and voltage from a car under load."""
    if not is_flowing(facts) or facts.voltage_v is None or not LOADED_V[0] <= facts.voltage_v <= LOADED_V[1]:
        return
    phases = active_phases(facts.phases, facts.power_w, facts.voltage_v, facts.actual_a)
    memory = draft.vehicles[vehicle_id].memory
    if facts.phases_offered == 1:  # one phase is no news where no more are offered
        phases = memory.phases or 0
        if not phases and facts.voltage_v != memory.voltage_v:
            draft.remember_vehicle(vehicle_id, voltage_v=facts.voltage_v)
    if phases and (phases, facts.voltage_v) != (memory.phases, memory.voltage_v):
        believed = own_phases_of(draft.settings, None, draft.settings_of(vehicle_id), memory)
        draft.remember_vehicle(vehicle_id, phases=phases, voltage_v=facts.voltage_v)
        if (
            phases != believed and facts.phases_offered is None
        ):  # what it drew until now may have been believed as wrongly
            draft.vehicle(vehicle_id, steps=scaled(draft.vehicles[vehicle_id].steps, phases / believed))


def _note_failed_start(draft: Draft, vehicle_id: str, before: VehicleFacts | None, facts: VehicleFacts) -> None:
    """A start that was taken and brought no current is tried again later and later."""
    vehicle = draft.vehicles[vehicle_id]
    if is_flowing(facts):
        if vehicle.starts_failed:
            draft.vehicle(vehicle_id, starts_failed=0, start_retry_at=None)
        return
    if (
        before is None
        or before.charging is not Charging.STARTING
        or facts.charging
        in (
            Charging.COMPLETE,
            Charging.DISCONNECTED,
            Charging.STARTING,
        )
    ):
        return
    failed = vehicle.starts_failed + 1
    retry_at = draft.at + timedelta(seconds=START.wait_s(failed))
    draft.vehicle(vehicle_id, starts_failed=failed, start_retry_at=retry_at)


def _low_amps_seen(draft: Draft, vehicle_id: str, facts: VehicleFacts) -> LowAmps | None:
    """Judge whether a current below the minimum was really taken."""
    vehicle = draft.vehicles[vehicle_id]
    low = vehicle.low_amps
    if low is None or low.sent < 2 or not is_flowing(facts) or facts.actual_a is None:
        return low
    if facts.actual_a > low.value_a + 0.5:
        draft.remember_vehicle(vehicle_id, low_amps_refused=True)
    return low
