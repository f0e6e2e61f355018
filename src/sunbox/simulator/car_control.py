"""A simulated car seen from outside: everything true of it, and what may be changed, as rows of key, allowed values and effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sunbox.core.model import Charging
from sunbox.simulator.allowed import BOOL, integer, number

if TYPE_CHECKING:
    from sunbox.simulator.car import TeslaCar


@dataclass(frozen=True, slots=True)
class Row:
    """One key."""

    allowed: str
    is_allowed: Callable[[Any], bool]
    apply: Callable[[TeslaCar, Any], None]


def _set(name: str) -> Callable[[TeslaCar, Any], None]:
    return lambda car, value: setattr(car, name, value)


def _set_soc(car: TeslaCar, soc_pct: float) -> None:
    car.set_soc(soc_pct)


def _set_limit(car: TeslaCar, limit_pct: int) -> None:
    car.set_limit(limit_pct)


def _set_amps(car: TeslaCar, amps_a: int) -> None:
    car.amps_a = min(amps_a, car.most_told_a)


def _set_plugged(car: TeslaCar, is_plugged: bool) -> None:
    if is_plugged:
        car.plug()
    else:
        car.unplug()


def _set_home(car: TeslaCar, is_home: bool) -> None:
    if is_home and not car.is_home:
        car.arrive()
    elif not is_home:
        car.drive_off()


def _set_asleep(car: TeslaCar, is_asleep: bool) -> None:
    if is_asleep:
        car.park()
        car.fall_asleep()
    else:
        car.rouse()


def _set_charging(car: TeslaCar, is_charging: bool) -> None:
    if is_charging:
        car.rouse()
        car.start_charging()
    else:
        car.stop_charging()


def _set_phases(car: TeslaCar, phases: int) -> None:
    car.set_phases(phases)


def _set_pilot(car: TeslaCar, pilot_a: int) -> None:
    car.set_socket(replace(car.socket, pilot_a=pilot_a))


def _set_power(car: TeslaCar, has_power: bool) -> None:
    car.set_socket(replace(car.socket, has_power=has_power))


def _set_latitude(car: TeslaCar, degrees: float) -> None:
    car.home = (float(degrees), car.home[1])


def _set_longitude(car: TeslaCar, degrees: float) -> None:
    car.home = (car.home[0], float(degrees))


ROWS: dict[str, Row] = {
    "phases": Row("1 or 3", lambda value: type(value) is int and value in (1, 3), _set_phases),
    "pilot_a": Row(*integer(0, 32), _set_pilot),
    "evse_power": Row(*BOOL, _set_power),
    "never_full": Row(*BOOL, _set("never_full")),
    "ignores_low_amps": Row(*BOOL, _set("ignores_low_amps")),
    "charges_at_plug_in": Row(*BOOL, _set("charges_at_plug_in")),
    "needs_signing": Row(*BOOL, _set("needs_signing")),
    "in_service": Row(*BOOL, _set("is_in_service")),
    "lat": Row(*number(-90, 90), _set_latitude),
    "lon": Row(*number(-180, 180), _set_longitude),
    "soc_pct": Row(*number(0, 100), _set_soc),
    "limit_pct": Row(*integer(50, 100), _set_limit),
    "home": Row(*BOOL, _set_home),
    "plugged": Row(*BOOL, _set_plugged),
    "amps_a": Row(*integer(0, 32), _set_amps),
    "charging": Row(*BOOL, _set_charging),
    "asleep": Row(*BOOL, _set_asleep),
}
"""The keys, in the order in which they are applied: socket and battery before the people, sleep last."""


def apply_patch(car: TeslaCar, changes: dict[str, Any]) -> None:
    """Change what is true of a car, all or nothing.

    Raises:
        ValueError: an unknown key or a bad value; the text says what is allowed.
    """
    for key, value in changes.items():
        row = ROWS.get(key)
        if row is None:
            raise ValueError(f"{key}: unknown; allowed are {', '.join(ROWS)}")
        if not row.is_allowed(value):
            raise ValueError(f"{key}: {value!r}; allowed is {row.allowed}")
    if "pilot_a" in changes and car.is_boxed:
        raise ValueError("pilot_a: its wallbox decides what it offers; allowed is to tell that one")
    if changes.get("plugged") is True and not changes.get("home", car.is_home):
        raise ValueError("plugged: the car is away; allowed is false, or home: true with it")
    if changes.get("charging") is True and not _will_be_plugged(car, changes):
        raise ValueError("charging: the car is not plugged in; allowed is false, or plugged: true with it")
    if changes.get("asleep") is True and _will_charge(car, changes):
        raise ValueError("asleep: a charging car does not sleep; allowed is false, or charging: false with it")
    for key, row in ROWS.items():
        if key in changes:
            row.apply(car, changes[key])


def _will_be_plugged(car: TeslaCar, changes: dict[str, Any]) -> bool:
    """Return whether the cable is in once these changes are made."""
    return changes.get("plugged", car.is_plugged) is True and changes.get("home", True) is True


def _will_charge(car: TeslaCar, changes: dict[str, Any]) -> bool:
    """Return whether the car charges once these changes are made."""
    if "charging" in changes:
        return bool(changes["charging"])
    if not _will_be_plugged(car, changes):
        return False
    is_plugging = changes.get("plugged") is True and not car.is_plugged
    return car.charging in (Charging.STARTING, Charging.CHARGING) or (is_plugging and car.charges_at_plug_in)


def car_truth(car: TeslaCar) -> dict[str, Any]:
    """Return everything true of it, as JSON."""
    latitude, longitude = car.position
    return {
        "vin": car.vin,
        "name": car.name,
        "state": car.availability.value,
        "waking": car.is_waking,
        "home": car.is_home,
        "driving": car.is_driving,
        "lat": round(latitude, 5),
        "lon": round(longitude, 5),
        "plugged": car.is_plugged,
        "charging": car.charging.value,
        "soc_pct": round(car.soc_pct, 3),
        "limit_pct": car.limit_pct,
        "amps_a": car.amps_a,
        "max_a": car.available_a,
        "pilot_a": car.socket.pilot_a,
        "evse_power": car.socket.has_power,
        "phases": car.socket.phases,
        "current_a": round(car.current_a, 2),
        "voltage_v": round(car.voltage_v, 1),
        "draw_w": round(car.draw_w, 1),
        "energy_added_wh": round(car.added_wh, 1),
        "capacity_wh": car.capacity_wh,
        "never_full": car.never_full,
        "needs_signing": car.needs_signing,
        "in_service": car.is_in_service,
        "schedule": car.schedule.mode.value,
        "charge_schedules": [schedule.to_wire() for schedule in car.charge_schedules],
    }
