"""Which car a path names, and what it says of itself: all from memory, no car is contacted for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sunbox.core.model import Availability, Charging, VehicleDetails
from sunbox.core.wallbox import LoadpointSnapshot, SiteSnapshot, VehicleSnapshot
from sunbox.dialects.naming import find_by_vehicle, has_vin
from sunbox.dialects.tesla import envelopes
from sunbox.faces.tesla.shapes import Document

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")

SHOWN_CHARGING: dict[Charging, Charging] = {Charging.STARTING: Charging.CHARGING}
"""Clients take a word that they do not know for "no car is there" (evcc `vehicle/tesla/provider.go`)."""


def identity_of(vehicle: VehicleSnapshot) -> envelopes.Identity:
    """Return who a car is; its id stands for a VIN that the configuration does not tell."""
    return envelopes.identity_of(vehicle.vin or vehicle.id, vehicle.name)


def find_vehicle(site: SiteSnapshot, name: str) -> VehicleSnapshot | None:
    """Return the car that a path names: by id, VIN, 1-based number in the configuration, or the `id` that the list tells."""
    number = int(name) if _NUMBER.fullmatch(name) else 0
    by_id = (vehicle for vehicle in site.vehicles if vehicle.id == name)
    by_vin = (vehicle for vehicle in site.vehicles if has_vin(vehicle, name))
    by_number = (vehicle for index, vehicle in enumerate(site.vehicles, start=1) if index == number)
    by_tesla = (vehicle for vehicle in site.vehicles if identity_of(vehicle).id == number)
    return next((vehicle for found in (by_id, by_vin, by_number, by_tesla) for vehicle in found), None)


def loadpoint_of(site: SiteSnapshot, vehicle: VehicleSnapshot) -> LoadpointSnapshot | None:
    """Return the loadpoint that holds a car, else the first one that is meant for it."""
    return find_by_vehicle(site, lambda each: each.id == vehicle.id)


def _availability(vehicle: VehicleSnapshot) -> Availability:
    """Return whether it can be talked to; cars that sleep are `offline` to Tesla since firmware 2024.20."""
    return Availability.ASLEEP if vehicle.is_asleep else vehicle.availability


def summary_of(vehicle: VehicleSnapshot) -> dict[str, Any]:
    """Return what the list shows of a car."""
    return envelopes.summary_to_wire(identity_of(vehicle), _availability(vehicle))


def document_of(vehicle: VehicleSnapshot, sections: Iterable[str]) -> Document | None:
    """Return `vehicle_data` as last read, None if it never was."""
    facts = vehicle.facts
    if facts is None:
        return None
    shown = replace(
        facts,
        charging=SHOWN_CHARGING.get(facts.charging, facts.charging),
        details=facts.details or VehicleDetails(),  # the keys are there, whatever is known
    )
    whole = envelopes.vehicle_to_wire(
        identity_of(vehicle),
        shown,
        more={"vehicle_state": {"vehicle_name": vehicle.name}},
        sections=sections,
        availability=_availability(vehicle),
    )
    document: Document = whole["response"]
    return document


def body_controller_of(vehicle: VehicleSnapshot) -> Document:
    """Return what is known without talking to the car's computer."""
    return envelopes.body_controller_to_wire(vehicle.facts, vehicle.availability)
