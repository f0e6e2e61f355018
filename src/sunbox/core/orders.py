"""One-shot commands of a person or program: the charge port, the car's own limits and schedules.

They are no wish: nothing is held to them. A wake is done when the car is awake and read; it is only sent to one that sleeps.
Each is sent once, within five minutes, and the car is woken for it. What was proven not delivered is tried again in that time,
also after a restart; what may have been done is not, since some of them add.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core import vehicle as contact
from sunbox.core.commands import KEEPS, ONE_SHOTS, SCHEDULING, Cause, CommandName, Outcome
from sunbox.core.model import Order
from sunbox.core.state import OrderEnd
from sunbox.core.values import replace
from sunbox.core.vehicle import Contact
from sunbox.core.wallbox import Accepted, Rejected

if TYPE_CHECKING:
    from sunbox.core.commands import Command
    from sunbox.core.draft import Draft
    from sunbox.core.events import CommandEnded, Ordered
    from sunbox.core.settings import Settings
    from sunbox.core.state import State, VehicleState

EXPIRES_S = 300.0
MOST_ORDERS = 8
"""So many wait at most, for each vehicle; and so many ends are remembered."""

LIMIT_MAX_PCT = 100


def answer_order(state: State, vehicle_id: str, command: Command) -> Accepted | Rejected:
    """Return whether an order can be taken; the version is its number."""
    settings: Settings = state.settings
    vehicle = state.vehicles.get(vehicle_id)
    if vehicle is None:
        return Rejected("vehicle_id", vehicle_id, ", ".join(each.id for each in settings.vehicles))
    if command.name not in ONE_SHOTS:
        return Rejected("command", command.name.value, ", ".join(sorted(name.value for name in ONE_SHOTS)))
    if len(vehicle.memory.orders) >= MOST_ORDERS:
        return Rejected("command", command.name.value, f"fewer than {MOST_ORDERS} orders waiting for the car")
    return Accepted(state.next_exchange_id)


def on_ordered(draft: Draft, event: Ordered) -> None:
    """Take an order."""
    vehicle = draft.vehicles[event.vehicle_id]
    order = Order(id=draft.next_id, command=event.command, by=event.by, since_at=draft.at)
    draft.next_id += 1
    draft.remember_vehicle(event.vehicle_id, orders=(*vehicle.memory.orders, order))


def expire(draft: Draft, vehicle_id: str) -> None:
    """End what has waited for too long and was not sent; the one under way ends by its answer."""
    vehicle = draft.vehicles[vehicle_id]
    under_way = vehicle.exchange.order_id if vehicle.exchange is not None else None
    for order in vehicle.memory.orders:
        ends_at = order.since_at + timedelta(seconds=EXPIRES_S)
        if draft.at < ends_at or order.id == under_way:
            draft.wait_for(ends_at)
            continue
        cause = draft.vehicles[vehicle_id].memory.block_cause or Cause.EXPIRED
        _end(draft, vehicle_id, order, OrderEnd(order_id=order.id, outcome=Outcome.NOT_DELIVERED, cause=cause))


def deliver(draft: Draft, vehicle_id: str) -> Contact | None:
    """Send the order that has waited longest, or do what is needed first; None = there is none, or it has to wait."""
    vehicle = draft.vehicles[vehicle_id]
    memory = vehicle.memory
    if not memory.orders or vehicle.exchange is not None:
        return None
    if memory.not_before_at is not None and draft.at < memory.not_before_at:
        draft.wait_for(memory.not_before_at)
        return None
    order = memory.orders[0]
    reached = contact.reach(draft, vehicle_id, may_wake=True)
    if reached is not Contact.READY:
        return reached
    if order.command.name is CommandName.WAKE:
        _end(draft, vehicle_id, order, OrderEnd(order_id=order.id, outcome=Outcome.APPLIED))
        return deliver(draft, vehicle_id)
    if not contact.can_pay(draft, vehicle_id, order.command.kind):
        return Contact.NO_MONEY
    draft.send(vehicle_id, order.command, order_id=order.id)
    return Contact.BUSY


def serve(draft: Draft, vehicle_id: str) -> None:
    """Deliver to a vehicle that no loadpoint deals with; it is looked after only as long as an order waits."""
    if deliver(draft, vehicle_id) is not None and draft.vehicles[vehicle_id].exchange is None:
        contact.poll(draft, vehicle_id)


def on_restart(draft: Draft, vehicle_id: str, order_id: int) -> None:
    """End the order that was under way when the gateway was stopped: it may have been done, and is not sent again."""
    order = next((each for each in draft.vehicles[vehicle_id].memory.orders if each.id == order_id), None)
    if order is not None:
        end = OrderEnd(order_id=order_id, outcome=Outcome.UNCONFIRMED, cause=Cause.RESTARTED)
        _end(draft, vehicle_id, order, end)
        _note(draft, vehicle_id, order.command.name, is_proven=False)


def on_order_ended(draft: Draft, event: CommandEnded, order_id: int) -> bool:
    """Take the end of an order; return whether the car answered it."""
    vehicle = draft.vehicles[event.device_id]
    order = next((each for each in vehicle.memory.orders if each.id == order_id), None)
    if order is not None and event.outcome is not Outcome.NOT_DELIVERED:
        end = OrderEnd(order_id=order.id, outcome=event.outcome, cause=event.cause, detail=event.detail)
        _end(draft, event.device_id, order, end)
        if event.outcome is not Outcome.REFUSED:
            _note(draft, event.device_id, order.command.name, is_proven=event.outcome is not Outcome.UNCONFIRMED)
    return event.outcome in (Outcome.APPLIED, Outcome.ALREADY_SET, Outcome.REFUSED)


def _note(draft: Draft, vehicle_id: str, name: CommandName, *, is_proven: bool) -> None:
    """Take what an order changed of what is known: a limit set by hand is no longer ours."""
    if name in SCHEDULING:
        draft.vehicle(vehicle_id, data_due_at=draft.at, data_wait_s=0.0)
    if name in KEEPS:
        return
    vehicle = draft.vehicles[vehicle_id]
    draft.remember_vehicle(vehicle_id, target_soc_pct=None, target_reached=False, limit_sent_pct=None)
    facts = vehicle.memory.facts
    if name is CommandName.LIMIT_MAX and is_proven and facts is not None:
        draft.remember_vehicle(vehicle_id, facts=replace(facts, limit_soc_pct=LIMIT_MAX_PCT))
    else:
        draft.vehicle(vehicle_id, data_due_at=draft.at)  # what its own standard is, only the car knows


def _end(draft: Draft, vehicle_id: str, order: Order, end: OrderEnd) -> None:
    vehicle = draft.vehicles[vehicle_id]
    draft.remember_vehicle(vehicle_id, orders=tuple(each for each in vehicle.memory.orders if each is not order))
    draft.vehicle(vehicle_id, order_ends=(*vehicle.order_ends, end)[-MOST_ORDERS:])


def end_of(vehicle: VehicleState, order_id: int) -> OrderEnd | None:
    """Return how an order ended, None while it has not."""
    return next((end for end in vehicle.order_ends if end.order_id == order_id), None)
