"""What we take a vehicle to be doing: its facts as last read, brought up to date by what was proven since."""

from __future__ import annotations

from sunbox.core.commands import Command, CommandName
from sunbox.core.model import ChargerReading, Charging, VehicleFacts, VehicleMemory
from sunbox.core.settings import LoadpointSettings, Settings, VehicleSettings
from sunbox.core.units import power_w
from sunbox.core.values import replace

LOADED_V = (90.0, 300.0)
"""A phase voltage outside of this is no voltage under load (idle cars report 1–2 V)."""


ON = (Charging.CHARGING, Charging.STARTING)


def is_charging(facts: VehicleFacts | None) -> bool:
    """Return whether the vehicle charges or is about to."""
    return facts is not None and facts.charging in ON


def is_flowing(facts: VehicleFacts | None) -> bool:
    """Return whether current flows."""
    return facts is not None and facts.charging is Charging.CHARGING and bool(facts.actual_a)


def phases_of(
    settings: Settings, loadpoint: LoadpointSettings | None, vehicle: VehicleSettings, memory: VehicleMemory
) -> int:
    """Return the phases it charges with now: the car's own, and no more than are offered."""
    own = own_phases_of(settings, loadpoint, vehicle, memory)
    offered = memory.facts.phases_offered if memory.facts is not None else None
    return own if offered is None else min(own, offered)


def own_phases_of(
    settings: Settings, loadpoint: LoadpointSettings | None, vehicle: VehicleSettings, memory: VehicleMemory
) -> int:
    """Return the phases that the car uses if it is offered all: learned, else configured, else told by a current above 16 A, else the site's.

    Too many on doubt: then it starts later and with less. A vehicle never seen counts as one of one phase, so that it is
    looked at as soon as there is sun for any.
    """
    if memory.phases is not None:
        return memory.phases
    if vehicle.phases is not None:
        return vehicle.phases
    if loadpoint is not None and loadpoint.phases is not None:
        return loadpoint.phases
    if memory.facts is None or _is_guessed_one(vehicle, memory.facts):
        return 1
    return min(settings.site.phases, vehicle.capabilities.max_phases)


def _is_guessed_one(vehicle: VehicleSettings, facts: VehicleFacts) -> bool:
    """Return whether a car is taken for one of one phase because of its current: above 16 A most European cars are."""
    is_car = facts.charger is None and vehicle.capabilities.phase_switch is None
    return facts.amps_requested_max_a is not None and facts.amps_requested_max_a > 16 and is_car


def phases_at_most(
    settings: Settings, loadpoint: LoadpointSettings, vehicle: VehicleSettings, memory: VehicleMemory
) -> int:
    """Return the phases that it may turn out to use: more than is believed only where that is a guess."""
    believed = phases_of(settings, loadpoint, vehicle, memory)
    is_known = memory.phases or vehicle.phases or loadpoint.phases
    if is_known or memory.facts is None or not _is_guessed_one(vehicle, memory.facts):
        return believed
    return min(settings.site.phases, vehicle.capabilities.max_phases)


def voltage_of(settings: Settings, memory: VehicleMemory) -> float:
    """Return the phase voltage under load: learned, else the site's nominal one."""
    return memory.voltage_v or settings.site.voltage_v


def draw_w(facts: VehicleFacts | None, phases: int, voltage_v: float) -> float:
    """Return what the vehicle draws if it does what we believe, in W."""
    if not is_charging(facts) or facts is None:
        return 0.0
    if facts.charger is not None and facts.power_w is not None:  # it measures
        return facts.power_w
    current_a = facts.actual_a or float(facts.amps_requested_a or 0)
    return power_w(current_a, phases, voltage_v)


def holds_itself(facts: VehicleFacts) -> bool:
    """Return whether a charger that was told to charge does not, for a reason of its own: telling it again changes nothing."""
    charger = facts.charger
    return charger is not None and charger.told is True and charger.is_enabled is False


def is_offer(facts: VehicleFacts) -> bool:
    """Return whether what flows is not measured, but what a charger offers: a car takes its time to follow."""
    return facts.charger is not None and facts.charging is Charging.CHARGING and facts.charger.power_w is None


def after(facts: VehicleFacts, command: Command) -> VehicleFacts:
    """Return the facts once a command has been proven done."""
    match command.name:
        case CommandName.START:
            facts = replace(facts, charger=_told(facts.charger, is_to_charge=True))
            if is_charging(facts):
                return facts
            return replace(facts, charging=Charging.STARTING, actual_a=float(facts.amps_requested_a or 0), power_w=None)
        case CommandName.STOP:
            was_on = is_on(facts) and facts.is_plugged
            facts = replace(facts, charger=_told(facts.charger, is_to_charge=False), idle_since_at=None)
            if not was_on:
                return facts
            return replace(facts, charging=Charging.STOPPED, actual_a=0.0, power_w=0.0)
        case CommandName.SET_AMPS:
            new = replace(facts, amps_requested_a=command.value)
            if not is_charging(new):
                return new
            return replace(new, actual_a=_current_after(facts, command.value or 0), power_w=None)
        case CommandName.SET_LIMIT:
            new = replace(facts, limit_soc_pct=command.value)
            has_room = facts.soc_pct is not None and command.value is not None and command.value > facts.soc_pct
            if facts.charging is not Charging.COMPLETE or not has_room:
                return new
            # A plugged car that was full goes on by itself when its limit is raised.
            return replace(new, charging=Charging.STARTING, actual_a=float(facts.amps_requested_a or 0), power_w=None)
        case CommandName.SET_PHASES:
            return replace(facts, phases_offered=command.value, phases=None, power_w=None)
        case _:  # a wake changes nothing by itself
            return facts


def _told(charger: ChargerReading | None, *, is_to_charge: bool) -> ChargerReading | None:
    return None if charger is None else replace(charger, is_enabled=is_to_charge, told=is_to_charge)


def is_on(facts: VehicleFacts) -> bool:
    """Return whether it charges, or would as soon as the car wants to: a charger that offers current."""
    return is_charging(facts) or (facts.charger is not None and facts.charger.is_enabled is True)


def _current_after(facts: VehicleFacts, wanted_a: int) -> float:
    """Return the current after a new request: a car that took clearly less than it might goes on taking that."""
    return min(facts.actual_a or 0.0, float(wanted_a)) if takes_less(facts) else wanted_a + extra_a(facts)


EXTRA_A = (0.5, 3.0)
"""A car that takes more than it is allowed by less than this has rounded; by more, it is on its way to another current."""


def extra_a(facts: VehicleFacts | None) -> float:
    """Return how much more current a car takes than it is allowed: some take 1.5 A more, whatever they are told."""
    if facts is None or facts.charging is not Charging.CHARGING:
        return 0.0
    if facts.actual_a is None or facts.amps_requested_a is None:
        return 0.0
    more_a = facts.actual_a - facts.amps_requested_a
    return more_a if EXTRA_A[0] <= more_a <= EXTRA_A[1] else 0.0


def takes_less(facts: VehicleFacts | None) -> bool:
    """Return whether a car that charges takes clearly less than it might."""
    return (
        facts is not None
        and facts.charging is Charging.CHARGING
        and facts.actual_a is not None
        and facts.amps_requested_a is not None
        and facts.actual_a < facts.amps_requested_a - 1.5
    )
