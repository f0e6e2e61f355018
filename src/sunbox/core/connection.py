"""Where a vehicle is, and what its place allows."""

from __future__ import annotations

from dataclasses import dataclass

from sunbox.core.model import VehicleFacts
from sunbox.core.settings import LoadpointSettings, PlaceSettings, Settings, VehicleSettings
from sunbox.core.units import distance_m
from sunbox.core.values import unchanged

PV_TAGS = frozenset({"pv", "tlwb"})
"""Tags that allow charging from the sun; `tlwb` is the flag of TeslaLogger's geofence file."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a vehicle is: `place` None with `is_known` = nowhere special."""

    place: PlaceSettings | None
    is_known: bool
    is_here: bool | None  #: at the loadpoint's place; None = not known
    is_pv: bool  #: charging from the sun is possible there


def place_at(settings: Settings, latitude: float, longitude: float) -> PlaceSettings | None:
    """Return the nearest place whose radius covers a point in degrees, None if there is none."""
    best: PlaceSettings | None = None
    best_m = 0.0
    for place in settings.places:
        away_m = distance_m(latitude, longitude, place.lat, place.lon)
        if away_m < place.radius_m and (best is None or away_m < best_m):
            best, best_m = place, away_m
    return best


def home_of(settings: Settings, loadpoint: LoadpointSettings) -> PlaceSettings | None:
    """Return the loadpoint's place: the one it names, else the first tagged home."""
    if loadpoint.place is not None:
        return _named(settings, loadpoint.place)
    return next((place for place in settings.places if "home" in place.tags), None)


@unchanged
def whereabouts(
    settings: Settings, loadpoint: LoadpointSettings, vehicle: VehicleSettings, facts: VehicleFacts | None
) -> Whereabouts:
    """Return where a vehicle is, seen from a loadpoint. A vehicle that does not move with us is always here."""
    home = home_of(settings, loadpoint)
    if not vehicle.capabilities.is_location_bound:
        return Whereabouts(home, is_known=True, is_here=True, is_pv=True)
    if facts is not None and facts.latitude is not None and facts.longitude is not None:
        place = place_at(settings, facts.latitude, facts.longitude)
    elif facts is not None and facts.is_near and home is not None:
        place = home
    elif vehicle.assume_place is not None:
        place = _named(settings, vehicle.assume_place)
    else:
        return Whereabouts(None, is_known=False, is_here=None, is_pv=False)
    is_pv = place is not None and bool(place.tags & PV_TAGS)
    # A place tagged pv is this site's sun unless the loadpoint was given a place of its own.
    is_here = place is not None and (place is home or (loadpoint.place is None and is_pv))
    return Whereabouts(place, is_known=True, is_here=is_here, is_pv=is_pv)


def _named(settings: Settings, name: str) -> PlaceSettings | None:
    return next((place for place in settings.places if place.name == name), None)
