"""The contact policy: when a vehicle is asked how it is, woken, or left asleep.

The free state call neither wakes nor keeps awake, so it comes first and often. A data read costs money and keeps the car
awake, so it is made for a reason: the table `CONTACT`. A wake is the dearest request of all: once per need, then a long back-off.

Sources: HA's tesla_fleet (wake once, then poll at 5, 10, 15 s), TeslaMate (15 minutes idle, then 21 minutes of silence so
that it can fall asleep), both as described in their code and docs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sunbox.core import target
from sunbox.core.belief import draw_w, is_charging, phases_of, voltage_of
from sunbox.core.commands import Command, CommandName, ReadKind, RequestKind
from sunbox.core.draw import draw_at
from sunbox.core.economy import is_affordable
from sunbox.core.model import Availability, Charging, VehicleFacts
from sunbox.core.resilience import WAKE
from sunbox.core.state import WakeAttempt
from sunbox.core.values import replace

if TYPE_CHECKING:
    from sunbox.core.draft import Draft
    from sunbox.core.state import VehicleState

NIGHT_PV_W = 30.0
FRESH_S = 75.0
"""How long a vehicle counts as online after it was last seen so."""

WAKE_POLLS_S = (5.0, 5.0, 5.0, 10.0)
"""Waits between the polls after a wake; the last one repeats."""

WAKE_GIVE_UP_S = 90.0

UNKNOWN_AGAIN_S = 10.0
"""Before a car whose state is in no known word is asked again."""

ASLEEP_ANSWERS_WAKE = 2
"""408 is also seen on cars that are awake: only when the state call says online and the second one still comes, wake it once."""

ASLEEP = (Availability.ASLEEP, Availability.OFFLINE)
"""Firmware since 2024.20 reports sleeping cars as offline: both must be woken."""


class Situation(StrEnum):
    """How a vehicle is, as far as asking it is concerned."""

    ASLEEP = "asleep"
    ASLEEP_AT_NIGHT = "asleep, and the sun is down"
    UNPLUGGED = "awake, not plugged in"
    DRIVING = "driving"
    PLUGGED = "awake, plugged in, waiting"
    CHARGING = "charging"
    BLIND = "charging without a meter that would show its end"
    NEAR_TARGET = "charging, near a target that only sunbox keeps"


@dataclass(frozen=True, slots=True)
class Asks:
    """One row: what may be asked, and how often while nothing changes."""

    state_s: float  #: between two free state calls
    looks_s: tuple[float, ...]  #: before the next data read, the last one repeats; () = it is not read
    free_looks_s: tuple[float, ...] | None = None  #: the same where a read costs nothing, if it differs


CONTACT: dict[Situation, Asks] = {
    Situation.ASLEEP: Asks(60.0, ()),
    Situation.ASLEEP_AT_NIGHT: Asks(300.0, ()),
    Situation.UNPLUGGED: Asks(60.0, (120.0, 600.0, 1080.0, 1800.0, 3600.0)),
    Situation.DRIVING: Asks(60.0, (600.0,)),
    Situation.PLUGGED: Asks(60.0, (1500.0, 1800.0, 3600.0)),
    Situation.CHARGING: Asks(300.0, (3600.0,), (120.0,)),
    Situation.BLIND: Asks(300.0, (600.0,), (60.0,)),
    Situation.NEAR_TARGET: Asks(300.0, (target.LOOK_AGAIN_S,)),
}
"""The contact policy. What somebody wants done is not in it: for that a vehicle is woken and read as needed (`reach`).

A read keeps a car awake for about a quarter of an hour, so where nothing happens the waits soon are longer. An unplugged car that
is still awake 18 minutes after a read was used since, perhaps plugged in; a drive must not end in sleep before it was seen where.
One that charges is awake anyway: commands and the grid tell more of it than the state call.
"""


def situation_of(draft: Draft, vehicle: VehicleState, facts: VehicleFacts | None) -> Situation:
    """Return which row of the table applies to a vehicle with these facts."""
    if vehicle.availability in ASLEEP:
        is_night = draft.site.pv_w is not None and draft.site.pv_w < NIGHT_PV_W
        return Situation.ASLEEP_AT_NIGHT if is_night else Situation.ASLEEP
    if is_charging(facts):
        return Situation.CHARGING if draft.site.consumption_w is not None else Situation.BLIND
    if facts is not None and facts.is_driving:
        return Situation.DRIVING
    return Situation.PLUGGED if facts is not None and facts.is_plugged else Situation.UNPLUGGED


def plan_look(draft: Draft, vehicle_id: str, before: VehicleFacts | None) -> None:
    """Set when the vehicle's data is read next, after it was read just now."""
    vehicle = draft.vehicles[vehicle_id]
    facts = draft.facts_of(vehicle_id)
    capabilities = draft.settings_of(vehicle_id).capabilities
    is_free = capabilities.has_free_way or not capabilities.price.get(RequestKind.DATA)
    row = CONTACT[situation_of(draft, replace(vehicle, availability=Availability.ONLINE), facts)]
    waits_s = row.free_looks_s if is_free and row.free_looks_s is not None else row.looks_s
    unchanged = before is not None and before.charging is facts.charging and before.is_driving is facts.is_driving
    wait_s = waits_s[0]
    if unchanged:
        wait_s = next((longer for longer in waits_s if longer > vehicle.data_wait_s), waits_s[-1])
    if facts.charging is Charging.STARTING and not (before is not None and before.charging is Charging.STARTING):
        wait_s = draft.settings_of(vehicle_id).capabilities.start_settle_s
    due_at = draft.at + timedelta(seconds=wait_s)
    draft.vehicle(vehicle_id, data_due_at=due_at, data_wait_s=wait_s)


def foresee_target(draft: Draft, vehicle_id: str) -> None:
    """Bring the next look forward to when a charging car should be at its soft target."""
    vehicle = draft.vehicles[vehicle_id]
    settings = draft.settings_of(vehicle_id)
    facts, read_at, wanted = vehicle.memory.facts, vehicle.memory.read_at, vehicle.memory.target_soc_pct
    if facts is None or read_at is None or wanted is None or not target.is_soft(wanted, settings.capabilities):
        return
    phases = phases_of(draft.settings, None, settings, vehicle.memory)
    believed_w = draw_w(facts, phases, voltage_of(draft.settings, vehicle.memory))
    now_w = max(believed_w, draw_at(vehicle.steps, draft.at).low_w)  # a charger measures what the car behind it takes
    wait_s = target.wait_s(settings, facts, wanted, vehicle.energy_wh, now_w)
    if wait_s is None:
        return
    at = max(
        draft.at + timedelta(seconds=wait_s), read_at + timedelta(seconds=CONTACT[Situation.NEAR_TARGET].looks_s[0])
    )
    if vehicle.data_due_at is None or at < vehicle.data_due_at:
        draft.vehicle(vehicle_id, data_due_at=at)


def state_wait_s(draft: Draft, vehicle: VehicleState) -> float:
    """Return the wait before the next free state call while nothing is wanted of the vehicle."""
    if vehicle.wake is not None:
        return WAKE_POLLS_S[min(vehicle.wake.polls, len(WAKE_POLLS_S) - 1)]
    facts = vehicle.memory.facts
    if is_charging(facts) and not _is_surely_charging(vehicle):
        facts = None  # it may not any more
    return CONTACT[situation_of(draft, vehicle, facts)].state_s


def is_online(draft: Draft, vehicle: VehicleState) -> bool:
    """Return whether the vehicle was seen online so lately that a command may be sent; one that charges is."""
    if vehicle.availability is not Availability.ONLINE or vehicle.availability_at is None:
        return False
    return _is_surely_charging(vehicle) or not _is_old(draft, vehicle.availability_at)


def _is_surely_charging(vehicle: VehicleState) -> bool:
    return not vehicle.is_doubtful and vehicle.asleep_answers == 0 and is_charging(vehicle.memory.facts)


class Contact(StrEnum):
    """What came of wanting to talk to a vehicle."""

    READY = "ready"
    BUSY = "busy"  #: a read, a wake or a poll has begun or is under way
    ASLEEP = "asleep"  #: and not to be woken for this
    WAKE_LATER = "wake_later"  #: the last wake brought nothing
    NO_MONEY = "no_money"
    SILENT = "silent"  #: it does not answer, and there is nothing to be done about it


def reach(
    draft: Draft, vehicle_id: str, *, may_wake: bool, is_stop: bool = False, is_asked_for: bool = True
) -> Contact:
    """Make a vehicle ready for a command: look (free), wake if allowed, read if it may have been used meanwhile.

    A stop goes out also where the look before it cannot be paid for. A wake that nobody asked for keeps to the soft line.
    """
    vehicle = draft.vehicles[vehicle_id]
    if draft.settings_of(vehicle_id).capabilities.is_polled:
        return Contact.READY if vehicle.availability is Availability.ONLINE else Contact.SILENT
    if vehicle.wake is not None:
        return Contact.BUSY
    if is_online(draft, vehicle):
        if vehicle.asleep_answers == ASLEEP_ANSWERS_WAKE and may_wake:
            return _wake(draft, vehicle_id, is_needed=is_asked_for)
        if not vehicle.is_doubtful:
            return Contact.READY
        looked = _read_data(draft, vehicle_id)
        return Contact.READY if looked is Contact.NO_MONEY and is_stop else looked
    if vehicle.availability not in ASLEEP or vehicle.availability_at is None or _is_old(draft, vehicle.availability_at):
        if vehicle.availability is Availability.UNKNOWN and vehicle.availability_at is not None:
            again_at = vehicle.availability_at + timedelta(seconds=UNKNOWN_AGAIN_S)
            if draft.at < again_at:  # it was asked just now, and did not know
                draft.wait_for(again_at)
                return Contact.ASLEEP
        draft.read(vehicle_id, ReadKind.STATE)
        return Contact.BUSY
    if not may_wake:
        return Contact.ASLEEP
    return _wake(draft, vehicle_id, is_needed=is_asked_for)


def _wake(draft: Draft, vehicle_id: str, *, is_needed: bool) -> Contact:
    """Wake the car unless the last wake brought nothing and is too near, or money is short."""
    vehicle = draft.vehicles[vehicle_id]
    again_at = wake_again_at(vehicle)
    if again_at is not None and draft.at < again_at:
        draft.wait_for(again_at)
        return Contact.WAKE_LATER
    if not can_pay(draft, vehicle_id, RequestKind.WAKE, is_needed=is_needed):
        return Contact.NO_MONEY
    draft.vehicle(
        vehicle_id,
        wake=WakeAttempt(since_at=draft.at),
        asleep_answers=vehicle.asleep_answers + bool(vehicle.asleep_answers),
    )
    draft.send(vehicle_id, Command(CommandName.WAKE))
    return Contact.BUSY


def wake_again_at(vehicle: VehicleState) -> datetime | None:
    """Return before when no further wake is tried, None if one may be tried now."""
    memory = vehicle.memory
    if memory.wake_failures == 0 or memory.last_wake_at is None:
        return None
    return memory.last_wake_at + timedelta(seconds=WAKE.wait_s(memory.wake_failures))


def poll(draft: Draft, vehicle_id: str) -> None:
    """Do what is due by time alone: follow a wake, call the state, read the data. Only if no exchange is under way."""
    if draft.settings_of(vehicle_id).capabilities.is_polled:
        return
    vehicle = draft.vehicles[vehicle_id]
    if vehicle.wake is not None and not _follow_wake(draft, vehicle_id, vehicle.wake):
        return
    vehicle = draft.vehicles[vehicle_id]
    if vehicle.wake is None and vehicle.availability is Availability.ONLINE:
        due_at = draft.at if vehicle.is_doubtful else vehicle.data_due_at
        if due_at is not None and draft.at >= due_at:
            if is_online(draft, vehicle):
                is_needed = vehicle.is_doubtful or vehicle.data_wait_s == 0.0  # after a command; else it is curiosity
                if _read_data(draft, vehicle_id, is_needed=is_needed) is Contact.BUSY:
                    return
            else:
                draft.read(vehicle_id, ReadKind.STATE)
                return
        else:
            draft.wait_for(due_at)
    state_due_at = vehicle.state_due_at
    if state_due_at is None or draft.at >= state_due_at:
        draft.read(vehicle_id, ReadKind.STATE)
    else:
        draft.wait_for(state_due_at)


def _follow_wake(draft: Draft, vehicle_id: str, wake: WakeAttempt) -> bool:
    """Poll a car that is being woken; return whether other business may go on."""
    vehicle = draft.vehicles[vehicle_id]
    if (draft.at - wake.since_at).total_seconds() >= WAKE_GIVE_UP_S:
        draft.vehicle(vehicle_id, wake=None)
        draft.remember_vehicle(vehicle_id, wake_failures=vehicle.memory.wake_failures + 1)
        return True
    if vehicle.state_due_at is None or draft.at >= vehicle.state_due_at:
        draft.read(vehicle_id, ReadKind.STATE)
    else:
        draft.wait_for(vehicle.state_due_at)
    return False


def can_pay(draft: Draft, vehicle_id: str, kind: RequestKind, *, is_needed: bool = True) -> bool:
    """Return whether one more request of a kind keeps to the vehicle's lines."""
    settings = draft.settings_of(vehicle_id)
    return is_affordable(draft.spend_of(vehicle_id), settings.budget, settings.capabilities, kind, is_needed=is_needed)


def _read_data(draft: Draft, vehicle_id: str, *, is_needed: bool = True) -> Contact:
    """Read the data now if it may be paid for."""
    if not can_pay(draft, vehicle_id, RequestKind.DATA, is_needed=is_needed):
        return Contact.NO_MONEY
    draft.read(vehicle_id, ReadKind.DATA, is_needed=is_needed)
    return Contact.BUSY


def _is_old(draft: Draft, instant_at: datetime) -> bool:
    return (draft.at - instant_at).total_seconds() > FRESH_S
