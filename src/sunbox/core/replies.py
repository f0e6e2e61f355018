"""What the five ends of commands change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core import orders, session
from sunbox.core import vehicle as contact
from sunbox.core.belief import after, draw_w, is_charging, phases_of, voltage_of
from sunbox.core.commands import Cause, Command, CommandName, Outcome
from sunbox.core.dealings import draw_as_believed, hold_off, note_asleep_answer
from sunbox.core.draw import changing, settles
from sunbox.core.model import Availability, Charging
from sunbox.core.state import Doubt, Settling
from sunbox.core.values import replace

if TYPE_CHECKING:
    from sunbox.core.draft import Draft
    from sunbox.core.events import CommandEnded
    from sunbox.core.model import VehicleFacts, VehicleMemory
    from sunbox.core.settings import VehicleSettings


EVIDENCE_S = 45.0
"""How long the grid may take to show whether an unconfirmed command was carried out."""


def on_command_ended(draft: Draft, event: CommandEnded) -> None:
    """Take the end of a command."""
    vehicle = draft.vehicles[event.device_id]
    exchange = vehicle.exchange
    if exchange is None or exchange.id != event.exchange_id or exchange.command is None:
        return  # an answer to something given up long ago
    command = exchange.command
    draft.charge(event.device_id, command, None, event.billed)
    draft.vehicle(event.device_id, exchange=None)
    draft.remember_vehicle(event.device_id, exchange=None)
    if command.name is CommandName.WAKE:
        _wake_ended(draft, event)
        return
    if exchange.order_id is not None:
        _order_ended(draft, event, exchange.order_id)
        return
    match event.outcome:
        case Outcome.APPLIED | Outcome.ALREADY_SET:
            proven(draft, event.device_id, command)
            _delivered(draft, event.device_id)
        case Outcome.REFUSED:
            _refused(draft, event.device_id, command, event)
            _delivered(draft, event.device_id)
        case Outcome.NOT_DELIVERED:
            draw_as_believed(draft, event.device_id)
            _not_delivered(draft, event)
        case _:  # unconfirmed
            _unconfirmed(draft, event.device_id, command, exchange.attempt)


def _not_delivered(draft: Draft, event: CommandEnded) -> None:
    if event.cause is Cause.ASLEEP:
        note_asleep_answer(draft, event.device_id, of_command=True)
    else:
        hold_off(draft, event.device_id, event.cause, event.retry_after_s, of_command=True)


def _order_ended(draft: Draft, event: CommandEnded, order_id: int) -> None:
    """An order changes neither the draw nor what is refused of the wish."""
    if orders.on_order_ended(draft, event, order_id):
        _delivered(draft, event.device_id)
    elif event.outcome is Outcome.NOT_DELIVERED:
        _not_delivered(draft, event)


def proven(draft: Draft, vehicle_id: str, command: Command) -> None:
    """Take a command as done."""
    vehicle = draft.vehicles[vehicle_id]
    facts = draft.facts_of(vehicle_id)
    settings = draft.settings_of(vehicle_id)
    changes = {name: entry for name, entry in vehicle.refused.items() if name is not command.name}
    vehicle = draft.vehicle(vehicle_id, doubt=None, refused=changes)
    new = after(facts, command)
    if new != facts:
        draft.remember_vehicle(vehicle_id, facts=new)
    memory = draft.vehicles[vehicle_id].memory
    phases = phases_of(draft.settings, None, settings, memory)
    to_w = draw_w(new, phases, voltage_of(draft.settings, memory))
    match command.name:
        case CommandName.START:
            settle_s = settings.capabilities.start_settle_s
            draft.vehicle(vehicle_id, data_due_at=draft.at + timedelta(seconds=settle_s), data_wait_s=0.0)
        case CommandName.STOP:
            settle_s = settings.capabilities.settle_s
            contact.plan_look(draft, vehicle_id, None)  # it may be unplugged awake, and nothing else would tell
        case CommandName.SET_LIMIT:
            draft.remember_vehicle(vehicle_id, limit_sent_pct=command.value)
            draft.vehicle(vehicle_id, refused={}, start_retry_at=None)
            if not is_charging(new) or is_charging(facts):
                return
            settle_s = settings.capabilities.start_settle_s
            draft.vehicle(vehicle_id, data_due_at=draft.at + timedelta(seconds=settle_s), data_wait_s=0.0)
        case CommandName.SET_PHASES:
            switch = settings.capabilities.phase_switch
            settle_s = switch.gap_s + switch.settle_s if switch is not None else settings.capabilities.settle_s
            switched_at = draft.at + timedelta(seconds=settle_s)
            draft.vehicle(vehicle_id, steps=changing(vehicle.steps, draft.at, 0.0), switched_at=switched_at)
        case _:
            settle_s = settle_s_of(settings, memory)
            _watch_settling(draft, vehicle_id, facts, to_w)
            if vehicle.low_amps is not None and vehicle.low_amps.sent >= 2:
                # Some cars ignore what is below their minimum: one look tells.
                draft.vehicle(vehicle_id, data_due_at=draft.at + timedelta(seconds=settle_s), data_wait_s=0.0)
    vehicle = draft.vehicles[vehicle_id]
    if vehicle.switched_at is not None:  # a switch of phases goes on while the current is changed
        settle_s = max(settle_s, (vehicle.switched_at - draft.at).total_seconds())
    draft.vehicle(vehicle_id, steps=settles(vehicle.steps, draft.at, to_w, settle_s))


def settle_s_of(settings: VehicleSettings, memory: VehicleMemory) -> float:
    """Return how long the draw takes to settle after the answer to a change of current: learned, else as the driver declares."""
    return memory.settle_s if memory.settle_s is not None else settings.capabilities.settle_s


SETTLING_LEAST_W = 600.0
"""A smaller step does not stand out against what a house does by itself."""


def _watch_settling(draft: Draft, vehicle_id: str, before: VehicleFacts, to_w: float) -> None:
    """Have the next grid readings tell how long a change of current takes."""
    vehicle = draft.vehicles[vehicle_id]
    phases = phases_of(draft.settings, None, draft.settings_of(vehicle_id), vehicle.memory)
    expected_w = to_w - draw_w(before, phases, voltage_of(draft.settings, vehicle.memory))
    is_clear = vehicle.baseline_w is not None and abs(expected_w) >= SETTLING_LEAST_W
    settling = None
    if is_clear and vehicle.baseline_w is not None and before.charging is Charging.CHARGING:
        settling = Settling(since_at=draft.at, baseline_w=vehicle.baseline_w, expected_w=expected_w)
    if settling is not None or vehicle.settling is not None:
        draft.vehicle(vehicle_id, settling=settling)


def _delivered(draft: Draft, vehicle_id: str) -> None:
    """Note that the vehicle answered: it is online and nothing stands in the way."""
    memory = draft.vehicles[vehicle_id].memory
    if memory.failures or memory.not_before_at or memory.login_required:
        draft.remember_vehicle(
            vehicle_id,
            failures=0,
            not_before_at=None,
            block_cause=None,
            is_command_failing=False,
            login_required=False,
        )
    draft.vehicle(vehicle_id, availability=Availability.ONLINE, availability_at=draft.at, asleep_answers=0)


def _wake_ended(draft: Draft, event: CommandEnded) -> None:
    """A wake proves nothing: the car is polled. One that was not even delivered is waited out."""
    vehicle_id = event.device_id
    if event.outcome in (Outcome.NOT_DELIVERED, Outcome.REFUSED):
        memory = draft.vehicles[vehicle_id].memory
        draft.vehicle(vehicle_id, wake=None)
        if event.outcome is Outcome.REFUSED:
            draft.remember_vehicle(vehicle_id, wake_failures=memory.wake_failures + 1)
        hold_off(draft, vehicle_id, event.cause, event.retry_after_s)
        return
    wait_s = contact.WAKE_POLLS_S[0]
    draft.vehicle(vehicle_id, state_due_at=draft.at + timedelta(seconds=wait_s))


def _refused(draft: Draft, vehicle_id: str, command: Command, event: CommandEnded) -> None:
    """Take a refusal: it may tell what the car is, and is not repeated until something changes."""
    vehicle = draft.vehicles[vehicle_id]
    facts = draft.facts_of(vehicle_id)
    told = {
        Cause.COMPLETE: Charging.COMPLETE,
        Cause.DISCONNECTED: Charging.DISCONNECTED,
        Cause.NO_POWER: Charging.NO_POWER,
    }
    said = told.get(event.cause) if event.cause is not None else None
    if said is not None:
        new = replace(facts, charging=said, actual_a=0.0, power_w=0.0)
        draft.remember_vehicle(vehicle_id, facts=new)
        session.note_reading(draft, vehicle_id, facts, new, was_sure=False)
        contact.plan_look(draft, vehicle_id, None)
    word = event.detail or (event.cause.value if event.cause is not None else "refused")
    draft.vehicle(vehicle_id, doubt=None, refused={**vehicle.refused, command.name: (command, word)})
    draw_as_believed(draft, vehicle_id)


def _unconfirmed(draft: Draft, vehicle_id: str, command: Command, attempt: int) -> None:
    """Nobody knows whether it was done: wait for free evidence, then repeat once, then read."""
    vehicle = draft.vehicles[vehicle_id]
    facts = draft.facts_of(vehicle_id)
    phases = phases_of(draft.settings, None, draft.settings_of(vehicle_id), vehicle.memory)
    voltage_v = voltage_of(draft.settings, vehicle.memory)
    to_w = draw_w(after(facts, command), phases, voltage_v)
    expected_w = to_w - draw_w(facts, phases, voltage_v)
    draft.vehicle(vehicle_id, steps=changing(vehicle.steps, draft.at, to_w))
    baseline_w = vehicle.baseline_w
    can_show = abs(expected_w) >= 400.0 and baseline_w is not None
    draft.vehicle(
        vehicle_id,
        availability_at=draft.at,
        doubt=Doubt(
            command=command,
            since_at=draft.at,
            until_at=draft.at + timedelta(seconds=EVIDENCE_S if can_show else 5.0),
            attempt=attempt,
            baseline_w=baseline_w,
            expected_w=expected_w,
        ),
    )
    if attempt >= 2:
        draft.vehicle(vehicle_id, is_doubtful=True)
        hold_off(draft, vehicle_id, Cause.NO_ANSWER, None, of_command=True)
