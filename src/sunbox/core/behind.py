"""A car behind a charger: which car it is, and what it is told.

The charger is what is told to charge; the car only says how full it is, keeps its limit, and is told to start when the charger
offers current and the car does not take it. A car that is known at several loadpoints is at one of them at most: a charger that a
car was plugged into when this one was plugged in has it, and the loadpoint at which it is its own charger is empty meanwhile.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core.belief import is_charging
from sunbox.core.connection import whereabouts
from sunbox.core.model import Charging
from sunbox.core.values import replace, unchanged
from sunbox.core.vehicle import ASLEEP, plan_look

if TYPE_CHECKING:
    from datetime import datetime

    from sunbox.core.draft import Draft
    from sunbox.core.model import LoadpointMemory, VehicleFacts
    from sunbox.core.settings import LoadpointSettings, Settings
    from sunbox.core.state import LoadpointState, State

TOGETHER_S = 120.0
"""Two that say within this time that a cable was put in speak of the same one."""

SETTLED_IN_S = 60.0
"""So soon after the beginning, or after the charger was silent, a cable may have been in for long."""


@unchanged
def pairs(settings: Settings) -> list[LoadpointSettings]:
    """Return the loadpoints with a charger and a car that may be behind it."""
    return [lp for lp in settings.loadpoints if lp.charger_id is not None and lp.vehicle_id is not None]


def charger_of(known: Draft | State, vehicle_id: str) -> LoadpointSettings | None:
    """Return the loadpoint with the charger that a car is plugged into; None = none, as far as is known."""
    if not known.settings.chargers:
        return None
    for loadpoint in pairs(known.settings):
        if loadpoint.vehicle_id == vehicle_id and known.loadpoints[loadpoint.id].memory.has_vehicle:
            return loadpoint
    return None


def is_at_charger(known: Draft | State, loadpoint: LoadpointSettings) -> bool:
    """Return whether the car that is its own charger here is plugged into a charger of another loadpoint."""
    if loadpoint.charger_id is not None or loadpoint.vehicle_id is None or not known.settings.chargers:
        return False
    return charger_of(known, loadpoint.vehicle_id) is not None


def car_of(loadpoint: LoadpointSettings, memory: LoadpointMemory) -> str:
    """Return the id of what tells the state of charge here: the car behind the charger, unless it is known to be another one."""
    if loadpoint.charger_id is None or loadpoint.vehicle_id is None or memory.has_vehicle is False:
        return loadpoint.device_id
    return loadpoint.vehicle_id


def recognise(draft: Draft) -> None:
    """Tell for each charger whether the car behind it is the one that is expected there, and what it proves of it."""
    for loadpoint in pairs(draft.settings):
        memory = draft.loadpoints[loadpoint.id].memory
        has = _has_vehicle(draft, loadpoint, memory)
        if has is not memory.has_vehicle:
            draft.remember_loadpoint(loadpoint.id, has_vehicle=has)
        if has is None and memory.session is not None:
            _look(draft, loadpoint.vehicle_id or "", memory.session.began_at)
        if has or memory.has_vehicle:
            _echo(draft, loadpoint)


def _has_vehicle(draft: Draft, loadpoint: LoadpointSettings, memory: LoadpointMemory) -> bool | None:
    """Return whether it is the expected car: None while that is open."""
    vehicle_id = loadpoint.vehicle_id or ""
    charger = draft.vehicles[loadpoint.device_id].memory.facts
    if memory.session is None:
        is_silent = charger is None or charger.is_plugged is None
        return memory.has_vehicle if is_silent else None
    if memory.has_vehicle is not None:
        return memory.has_vehicle and not _has_left(draft, loadpoint, memory.session.began_at)
    car = draft.vehicles[vehicle_id]
    facts, read_at = car.memory.facts, car.memory.read_at
    if facts is None or read_at is None or charger_of(draft, vehicle_id) is not None:
        return None if facts is None or read_at is None else False
    is_here = bool(facts.is_plugged) and _is_here(draft, loadpoint, facts) is not False
    began_at = memory.session.began_at
    if read_at >= began_at:
        return is_here
    is_unchanged = car.availability in ASLEEP and car.availability_at is not None and car.availability_at >= began_at
    if is_unchanged:  # who is plugged in is awake: it was in before, or it is another car
        was_in = (began_at - draft.began_at).total_seconds() < SETTLED_IN_S
        return is_here and (was_in or (began_at - read_at).total_seconds() < TOGETHER_S)
    return None


def _has_left(draft: Draft, loadpoint: LoadpointSettings, since_at: datetime) -> bool:
    """Return whether a car that was taken to be here has said since that it is not."""
    facts = draft.vehicles[loadpoint.vehicle_id or ""].memory.facts
    is_news = facts is not None and facts.measured_at >= since_at
    return is_news and facts is not None and _is_here(draft, loadpoint, facts) is False


def _is_here(draft: Draft, loadpoint: LoadpointSettings, facts: VehicleFacts) -> bool | None:
    return whereabouts(draft.settings, loadpoint, draft.settings_of(loadpoint.vehicle_id or ""), facts).is_here


def _look(draft: Draft, vehicle_id: str, since_at: datetime) -> None:
    """Have the car looked at, once: it was perhaps plugged in just now, and then it is awake."""
    car = draft.vehicles[vehicle_id]
    if car.availability_at is not None and car.availability_at >= since_at:
        return
    if car.state_due_at is None or car.state_due_at > draft.at or not car.is_doubtful:
        draft.vehicle(vehicle_id, is_doubtful=True, state_due_at=draft.at)


def _echo(draft: Draft, loadpoint: LoadpointSettings) -> None:
    """Take what the charger shows of the car as the car's own state, for nothing."""
    vehicle_id = loadpoint.vehicle_id or ""
    charger, car = draft.vehicles[loadpoint.device_id], draft.vehicles[vehicle_id]
    shown, facts = charger.memory.facts, car.memory.facts
    if shown is None or facts is None:
        return
    charging = facts.charging
    if shown.charging is Charging.DISCONNECTED:
        charging = Charging.DISCONNECTED
    elif shown.charging is Charging.CHARGING:
        charging = Charging.CHARGING
    elif is_charging(facts) and not (facts.charging is Charging.STARTING and is_charging(shown)):
        charging = Charging.STOPPED
    if charging is not facts.charging:
        amps = shown.actual_a if charging is Charging.CHARGING else 0.0
        now = replace(facts, charging=charging, actual_a=amps, power_w=None if amps else 0.0)
        draft.remember_vehicle(vehicle_id, facts=now)
        plan_look(draft, vehicle_id, facts)
    if car.steps is not charger.steps:
        draft.vehicle(vehicle_id, steps=charger.steps)


def _may_start(facts: VehicleFacts | None) -> bool:
    """Return whether a car would charge if it were told to."""
    return (
        facts is not None and not facts.is_schedule_pending and facts.charging in (Charging.STOPPED, Charging.NO_POWER)
    )


def _is_unknown(lp: LoadpointState, facts: VehicleFacts | None) -> bool:
    """Return whether nobody knows whose car this is because the expected one was never seen."""
    return facts is None and lp.memory.has_vehicle is None


WAITS_S = 20.0
"""So long a car may take by itself to answer an offer of current."""


def needs_a_start(draft: Draft, loadpoint: LoadpointSettings) -> bool:
    """Return whether the car must be told to take what the charger offers; one that was never seen must be looked at for it."""
    lp = draft.loadpoints[loadpoint.id]
    shown = draft.vehicles[loadpoint.device_id].memory.facts
    facts = draft.vehicles[loadpoint.vehicle_id or ""].memory.facts
    if not lp.set_point.charge or shown is None or shown.charger is None or not shown.charger.is_enabled:
        return False
    if shown.idle_since_at is None or not (_may_start(facts) if lp.memory.has_vehicle else _is_unknown(lp, facts)):
        return False
    waits_until_at = shown.idle_since_at + timedelta(seconds=WAITS_S)
    draft.wait_for(waits_until_at)
    return draft.at >= waits_until_at
