"""What a charger's readings change: its own words taken as facts, and its silence.

A charger is read all the time by its driver, for nothing. What it says is true when it says it: it ends every doubt, and its
meter tells the draw. What it was told it may forget (a cable taken out, a reboot); the wish is kept here and told again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core import session
from sunbox.core.belief import phases_of, voltage_of
from sunbox.core.draw import became, draw_at
from sunbox.core.model import Availability, ChargerStatus, Charging, VehicleFacts
from sunbox.core.readings import note_facts
from sunbox.core.units import power_w
from sunbox.core.values import replace

if TYPE_CHECKING:
    from sunbox.core.draft import Draft
    from sunbox.core.events import ChargerRead, ReadFailed
    from sunbox.core.model import ChargerReading

IDLE_S = 60.0
"""A car that takes nothing for so long though it could is full, or does not want to; until then it is about to start."""

SILENT_S = 30.0
"""After so long without an answer nobody knows what a charger does."""

FLOWS_A = 0.5
"""Less current than this is a meter's noise."""

REBOOT_S = 20.0
"""A beginning that is later by more than this is another one: it is reckoned from a counter, and the way here takes time."""

FAULTS = (ChargerStatus.E, ChargerStatus.F)


def on_charger_read(draft: Draft, event: ChargerRead) -> None:
    """Take what a charger says."""
    charger_id, reading = event.charger_id, event.reading
    if reading.measured_at > draft.at:
        reading = replace(reading, measured_at=draft.at)
    vehicle = draft.vehicles[charger_id]
    before = vehicle.memory.facts
    if vehicle.memory.failures and not vehicle.memory.is_command_failing:
        draft.remember_vehicle(charger_id, failures=0, not_before_at=None, block_cause=None)
    is_first = vehicle.availability_at is None and vehicle.doubt is None
    draft.vehicle(charger_id, availability=Availability.ONLINE, availability_at=draft.at)
    facts = facts_of(reading, before)
    if is_first:
        session.note_hand_meanwhile(draft, charger_id, vehicle.memory.told, facts)
    note_facts(draft, charger_id, facts, may_be_hand=not _has_rebooted(reading, before))


def on_read_failed(draft: Draft, event: ReadFailed) -> None:
    """Take that a charger did not answer: it may still the next time, until it has been silent for too long."""
    memory = draft.vehicles[event.device_id].memory
    if memory.block_cause is not event.cause:
        draft.remember_vehicle(event.device_id, block_cause=event.cause)


def listen(draft: Draft) -> None:
    """Notice chargers that have fallen silent: they may go on as they did, or have stopped."""
    for device in draft.settings.chargers:
        vehicle = draft.vehicles[device.id]
        if vehicle.availability is not Availability.ONLINE or vehicle.availability_at is None:
            continue
        silent_at = vehicle.availability_at + timedelta(seconds=SILENT_S)
        if draft.at < silent_at:
            draft.wait_for(silent_at)
            continue
        most_w = max(draw_at(vehicle.steps, draft.at).high_w, _allowed_w(draft, device.id))
        steps = became(vehicle.steps, draft.at, 0.0, most_w)
        draft.vehicle(device.id, availability=Availability.UNKNOWN, steps=steps, settling=None)


def _allowed_w(draft: Draft, charger_id: str) -> float:
    """Return what a car may take that a charger was last seen offering current to."""
    memory = draft.vehicles[charger_id].memory
    facts = draft.facts_of(charger_id)
    if not facts.is_plugged or facts.charger is None or facts.charger.is_enabled is False:
        return 0.0
    settings = draft.settings_of(charger_id)
    phases = phases_of(draft.settings, None, settings, memory)
    amps = facts.amps_requested_a or settings.capabilities.max_a
    return power_w(amps, phases, voltage_of(draft.settings, memory))


def facts_of(reading: ChargerReading, before: VehicleFacts | None) -> VehicleFacts:
    """Return a charger's words in the terms in which all that charges is dealt with.

    Args:
        reading: what it says now.
        before: what it said before; of a charger that does not know its own state, or plays unplugged, that still holds.
    """
    amps = None if reading.current_a is None else max(reading.current_a)
    charging = _charging_of(reading, before, amps)
    flows = charging is Charging.CHARGING
    is_idle = charging in (Charging.STARTING, Charging.COMPLETE)
    since_at = before.idle_since_at if before is not None else None
    volts = _volts_of(reading)
    return VehicleFacts(
        measured_at=reading.measured_at,
        charging=charging,
        amps_requested_a=reading.amps_set_a,
        amps_requested_max_a=reading.max_a,
        actual_a=(reading.amps_set_a if amps is None else amps)
        if flows and not reading.is_switching
        else None
        if is_idle or flows
        else 0.0,
        voltage_v=volts,
        power_w=reading.power_w if flows else None if charging is Charging.STARTING else 0.0,
        phases=reading.phases if flows and reading.phases else None,
        phases_offered=reading.phases_set,
        energy_added_wh=reading.energy_session_wh,
        charger=reading,
        idle_since_at=(since_at or reading.measured_at) if is_idle else None,
    )


def _charging_of(reading: ChargerReading, before: VehicleFacts | None, amps: float | None) -> Charging:
    was = before.charging if before is not None else Charging.UNKNOWN
    flows = (amps or 0.0) >= FLOWS_A
    if reading.is_switching or reading.status is None:
        return was if not flows else Charging.CHARGING
    if reading.status is ChargerStatus.A:
        return Charging.DISCONNECTED
    if reading.status in FAULTS:
        return Charging.NO_POWER
    if reading.status is ChargerStatus.C and (flows or amps is None or was is Charging.CHARGING):
        return Charging.CHARGING
    if flows:  # it comes down
        return was if was in (Charging.CHARGING, Charging.STOPPED) else Charging.CHARGING
    if reading.is_enabled is False:
        return Charging.STOPPED
    since_at = before.idle_since_at if before is not None else None
    is_late = since_at is not None and (reading.measured_at - since_at).total_seconds() >= IDLE_S
    return Charging.COMPLETE if is_late or was is Charging.COMPLETE else Charging.STARTING


def _volts_of(reading: ChargerReading) -> float | None:
    """Return the voltage of the phases under load, or of all where nothing flows."""
    if reading.voltage_v is None:
        return None
    loaded = reading.current_a or (0.0, 0.0, 0.0)
    volts = [v for v, a in zip(reading.voltage_v, loaded, strict=True) if a >= FLOWS_A and v > 0.0]
    volts = volts or [v for v in reading.voltage_v if v > 0.0]
    return sum(volts) / len(volts) if volts else None


def _has_rebooted(reading: ChargerReading, before: VehicleFacts | None) -> bool:
    """Return whether it has begun anew since: then nobody told it what it forgot."""
    old = before.charger.started_at if before is not None and before.charger is not None else None
    if old is None or reading.started_at is None:
        return False
    return (reading.started_at - old).total_seconds() > REBOOT_S
