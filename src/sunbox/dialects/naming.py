"""How clients name a car, one rule for all dialects: the number of a loadpoint, its id, or the car's VIN."""

from __future__ import annotations

import re
from collections.abc import Callable

from sunbox.core.wallbox import LoadpointSnapshot, SiteSnapshot, VehicleSnapshot

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def find_by_name(site: SiteSnapshot, name: str) -> LoadpointSnapshot | None:
    """Return the loadpoint that `name` means.

    Args:
        site: what there is.
        name: the 1-based number of a loadpoint, its id, or a VIN in upper or lower case. A VIN means the loadpoint that
            holds the car now, else the first one that is meant for it.
    """
    if _NUMBER.fullmatch(name):
        number = int(name)
        for loadpoint in site.loadpoints:
            if loadpoint.number == number:
                return loadpoint
    for loadpoint in site.loadpoints:
        if loadpoint.id == name:
            return loadpoint
    return find_by_vehicle(site, lambda vehicle: has_vin(vehicle, name))


def find_by_vehicle(site: SiteSnapshot, is_it: Callable[[VehicleSnapshot], bool]) -> LoadpointSnapshot | None:
    """Return the loadpoint that holds a car now, else the first one that is meant for it."""
    meant = [loadpoint for loadpoint in site.loadpoints if loadpoint.vehicle is not None and is_it(loadpoint.vehicle)]
    return next((loadpoint for loadpoint in meant if loadpoint.is_plugged), meant[0] if meant else None)


def has_vin(vehicle: VehicleSnapshot, vin: str) -> bool:
    """Return whether a car has this VIN, in upper or lower case."""
    return bool(vehicle.vin) and str(vehicle.vin).upper() == vin.upper()
