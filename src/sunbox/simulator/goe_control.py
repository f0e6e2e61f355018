"""A simulated go-eCharger seen from outside: everything true of it, and what may be changed or befall it, as rows.

The rows are those of `GET /world` and `PATCH /world`; what befalls it by itself (`troubles.py`) is written in them too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sunbox.dialects.goe.words import Fault
from sunbox.simulator.allowed import BOOL, integer, number
from sunbox.simulator.goe_car import WallboxCar
from sunbox.simulator.goe_charger import GoeCharger

if TYPE_CHECKING:
    from sunbox.simulator.wallbox import Wallbox

LONGEST_S = 1_000_000
"""Longest time without network that may be asked for: eleven days."""
FAULTS: Mapping[str, Fault] = {fault.name.lower(): fault for fault in Fault if fault is not Fault.NONE}


@dataclass(frozen=True, slots=True)
class BoxRow:
    """One key of a box."""

    allowed: str
    is_allowed: Callable[[Any], bool]
    apply: Callable[[GoeCharger, Any], None]


@dataclass(frozen=True, slots=True)
class CarRow:
    """One key of the car that a box has of its own."""

    allowed: str
    is_allowed: Callable[[Any], bool]
    apply: Callable[[Wallbox, Any], None]


def _is_phases(value: Any) -> bool:
    return type(value) is int and value in (1, 3)


def _is_fault(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value in FAULTS)


_TRUE: tuple[str, Callable[[Any], bool]] = ("true", lambda value: value is True)
_PHASES: tuple[str, Callable[[Any], bool]] = ("1 or 3", _is_phases)
_FAULT: tuple[str, Callable[[Any], bool]] = (f"null or one of {', '.join(FAULTS)}", _is_fault)


def _set(name: str) -> Callable[[GoeCharger, Any], None]:
    return lambda charger, value: setattr(charger, name, value)


def _set_of_car(name: str) -> Callable[[Wallbox, Any], None]:
    return lambda box, value: setattr(box.car, name, value)


def _set_fault(charger: GoeCharger, name: str | None) -> None:
    charger.fault = Fault.NONE if name is None else FAULTS[name]


def _reboot(charger: GoeCharger, _: bool) -> None:
    charger.reboot()


def _lose_wifi(charger: GoeCharger, seconds: float) -> None:
    charger.lose_wifi(float(seconds))


def _be_busy(charger: GoeCharger, seconds: float) -> None:
    charger.be_busy(float(seconds))


def _lose_force(charger: GoeCharger, _: bool) -> None:
    charger.lose_force()


def _set_capacity(box: Wallbox, capacity_wh: float) -> None:
    share = box.car.stored_wh / box.car.capacity_wh
    box.car.capacity_wh, box.car.stored_wh = capacity_wh, share * capacity_wh


def _set_soc(box: Wallbox, soc_pct: float) -> None:
    box.car.stored_wh = box.car.capacity_wh * soc_pct / 100.0
    box.car.store(0.0, 1.0)  # one that is never full stays below


def _set_home(box: Wallbox, is_home: bool) -> None:
    if is_home and not box.is_home:
        box.arrive()
    elif not is_home:
        box.drive_off()


def _set_plugged(box: Wallbox, is_plugged: bool) -> None:
    if is_plugged:
        box.plug()
    else:
        box.unplug()


BOX_ROWS: dict[str, BoxRow] = {
    "supply_phases": BoxRow(*_PHASES, _set("supply_phases")),
    "cable_a": BoxRow(*integer(6, 32), _set("cable_a")),
    "adapter": BoxRow(*BOOL, _set("has_adapter")),
    "unplugs_at_switch": BoxRow(*BOOL, _set("unplugs_at_switch")),
    "ambient_c": BoxRow(*number(-40, 90), _set("ambient_c")),
    "temperature_c": BoxRow(*number(-40, 150), _set("temperature_c")),
    "fault": BoxRow(*_FAULT, _set_fault),
    "busy_s": BoxRow(*number(0, LONGEST_S), _be_busy),
    "lose_wifi_s": BoxRow(*number(0, LONGEST_S), _lose_wifi),
    "lose_force": BoxRow(*_TRUE, _lose_force),
    "reboot": BoxRow(*_TRUE, _reboot),
}
"""What may be changed of any box, in the order in which it is applied."""

CAR_ROWS: dict[str, CarRow] = {
    "capacity_wh": CarRow(*number(1000, 1e9), _set_capacity),
    "never_full": CarRow(*BOOL, _set_of_car("never_full")),
    "phases": CarRow(*_PHASES, _set_of_car("phases")),
    "max_a": CarRow(*integer(6, 32), _set_of_car("max_a")),
    "soc_pct": CarRow(*number(0, 100), _set_soc),
    "limit_pct": CarRow(*number(1, 100), _set_of_car("limit_pct")),
    "wants_power": CarRow(*BOOL, _set_of_car("wants_power")),
    "home": CarRow(*BOOL, _set_home),
    "plugged": CarRow(*BOOL, _set_plugged),
}
"""What may be changed of the car that a box has of its own, in the order in which it is applied."""


def check(changes: Any, keys: Iterable[str]) -> None:
    """Raise ValueError, with what is allowed, where a change is wrong."""
    known = tuple(keys)
    is_object = isinstance(changes, dict)
    if not is_object:
        raise ValueError(f"{changes!r}; allowed is an object with any of {', '.join(known)}")
    for key, value in changes.items():
        if key not in known:
            raise ValueError(f"{key}: unknown; allowed are {', '.join(known)}")
        row = BOX_ROWS.get(key) or CAR_ROWS[key]
        if not row.is_allowed(value):
            raise ValueError(f"{key}: {value!r}; allowed is {row.allowed}")


def apply_to_box(charger: GoeCharger, changes: Mapping[str, Any]) -> None:
    """Change what is true of a box; `changes` were checked."""
    for key, row in BOX_ROWS.items():
        if key in changes:
            row.apply(charger, changes[key])


def apply_to_car(box: Wallbox, changes: Mapping[str, Any]) -> None:
    """Change what is true of the car of a box; `changes` were checked."""
    for key, row in CAR_ROWS.items():
        if key in changes:
            row.apply(box, changes[key])


def box_truth(charger: GoeCharger) -> dict[str, Any]:
    """Return everything true of a box, as JSON."""
    state = charger.state
    return {
        "serial": state.values["sse"],
        "firmware": charger.box.profile.fwv,
        "plugged": charger.car.is_plugged,
        "phases": charger.closed_phases,
        "offered_a": charger.offered_a,
        "current_a": round(charger.car.current_a, 2),
        "draw_w": round(charger.draw_w, 1),
        "energy_wh": round(state.total_wh, 1),
        "session_wh": round(state.session_wh, 1),
        "phase_switches": charger.phase_switches,
        "supply_phases": charger.supply_phases,
        "cable_a": charger.cable_a,
        "installation_a": charger.installation_a,
        "adapter": charger.has_adapter,
        "unplugs_at_switch": charger.unplugs_at_switch,
        "ambient_c": charger.ambient_c,
        "temperature_c": round(charger.temperature_c, 1),
        "fault": None if charger.fault is Fault.NONE else charger.fault.name.lower(),
        "reachable": charger.is_reachable,
        "busy": charger.api_is_busy,
        "boots": state.boots,
        "told": {key: state.values[key] for key in ("frc", "amp", "psm", "acs", "trx", "dwo", "lmo", "fup")},
        "requests": {"reads": charger.asked.reads, "sets": charger.asked.sets},
    }


def car_truth(charger: GoeCharger, car: WallboxCar) -> dict[str, Any]:
    """Return everything true of the car that a box has of its own, as JSON."""
    return {
        "plugged": car.is_plugged,
        "wants_power": car.wants_power,
        "soc_pct": round(car.soc_pct, 3),
        "limit_pct": car.limit_pct,
        "current_a": round(car.current_a, 2),
        "draw_w": round(charger.draw_w, 1),
        "phases": car.phases,
        "max_a": car.max_a,
        "capacity_wh": car.capacity_wh,
        "never_full": car.never_full,
    }
