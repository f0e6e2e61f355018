"""A car as TeslaLogger's clients ask for it: what its loadpoint shows, and without one what it said of itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sunbox.core.belief import is_flowing
from sunbox.core.model import VehicleDetails, VehicleFacts
from sunbox.core.wallbox import LoadpointSnapshot, SiteSnapshot, VehicleSnapshot
from sunbox.dialects.naming import find_by_name, find_by_vehicle, has_vin

_NO_DETAILS = VehicleDetails()


@dataclass(frozen=True, slots=True)
class Car:
    """One car at `at`. At a loadpoint its numbers are the ones that tlwb shows; None = not known."""

    at: datetime
    loadpoint: LoadpointSnapshot | None
    vehicle: VehicleSnapshot | None

    @property
    def facts(self) -> VehicleFacts | None:
        """Return what the car said of itself."""
        return None if self.vehicle is None else self.vehicle.facts

    @property
    def details(self) -> VehicleDetails:
        """Return what else the car said; everything is None if it said nothing."""
        facts = self.facts
        return _NO_DETAILS if facts is None or facts.details is None else facts.details

    @property
    def is_plugged(self) -> bool | None:
        """Return whether a cable is in."""
        if self.vehicle is not None and self.vehicle.is_plugged is None:
            return None
        if self.loadpoint is not None:
            return self.loadpoint.is_plugged
        return None if self.vehicle is None else self.vehicle.is_plugged

    @property
    def is_charging(self) -> bool | None:
        """Return whether current flows."""
        if self.is_plugged is None:
            return None
        return is_flowing(self.facts) if self.loadpoint is None else self.loadpoint.is_flowing

    @property
    def draw_a(self) -> float | None:
        """Return the current per phase."""
        if self.loadpoint is not None:
            return self.loadpoint.draw_a
        facts = self.facts
        return None if facts is None else facts.actual_a if is_flowing(facts) else 0.0

    @property
    def voltage_v(self) -> float | None:
        """Return the voltage, phase to neutral."""
        if self.loadpoint is not None:
            return self.loadpoint.voltage_v
        return None if self.facts is None else self.facts.voltage_v

    @property
    def phases(self) -> int | None:
        """Return the phases that carry current, 0 when idle."""
        if self.is_charging is None:
            return None
        if self.loadpoint is not None:
            return self.loadpoint.phases
        return self.facts.phases if self.facts is not None and self.is_charging else 0

    @property
    def draw_w(self) -> float | None:
        """Return the power into the car."""
        if self.loadpoint is not None:
            return self.loadpoint.draw_w
        facts = self.facts
        return None if facts is None else facts.power_w if is_flowing(facts) else 0.0

    @property
    def energy_added_wh(self) -> float | None:
        """Return the energy added since charging began."""
        if self.loadpoint is not None:
            return self.loadpoint.energy_added_wh
        return None if self.facts is None else self.facts.energy_added_wh

    @property
    def amps_requested_a(self) -> int | None:
        """Return the current that was asked for: the wish, else the car's own setting."""
        if self.loadpoint is not None and self.loadpoint.amps_asked_a is not None:
            return self.loadpoint.amps_asked_a
        return None if self.vehicle is None else self.vehicle.amps_requested_a

    @property
    def target_soc_pct(self) -> int | None:
        """Return the state of charge to reach: the wish, else the car's own limit."""
        vehicle = self.vehicle
        if vehicle is None:
            return None
        return vehicle.limit_soc_pct if vehicle.target_soc_pct is None else vehicle.target_soc_pct


def find_car(site: SiteSnapshot, name: str) -> Car | None:
    """Return the car that `name` means.

    Args:
        site: what there is.
        name: as in tlwb the 1-based number of a loadpoint, its id, or a VIN; or the id of a vehicle. A vehicle that no
            loadpoint is meant for is found too: it can be looked at, not commanded.
    """
    loadpoint = find_by_name(site, name) or find_by_vehicle(site, lambda vehicle: vehicle.id == name)
    if loadpoint is not None:
        return Car(site.at, loadpoint, loadpoint.vehicle)
    for vehicle in site.vehicles:
        if vehicle.id == name or has_vin(vehicle, name):
            return Car(site.at, None, vehicle)
    return None
