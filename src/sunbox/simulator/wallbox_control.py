"""What may be changed of a wallbox of the world and of the car that it has of its own, as rows: keys, limits, effects.

The rows are those of `PATCH /world`; what befalls a wallbox by itself (`troubles.py`) is written in them too. Those of a kind
of box stand beside it (`goe_control.py`, `smartevse_control.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sunbox.simulator.allowed import BOOL, integer, number
from sunbox.simulator.wallbox_car import WallboxCar

if TYPE_CHECKING:
    from sunbox.simulator.wallbox import Wallbox

LONGEST_S = 1_000_000
"""Longest time without network that may be asked for: eleven days."""


@dataclass(frozen=True, slots=True)
class BoxRow:
    """One key of a box."""

    allowed: str
    is_allowed: Callable[[Any], bool]
    apply: Callable[[Any, Any], None]  #: to a box of its kind


@dataclass(frozen=True, slots=True)
class CarRow:
    """One key of the car that a box has of its own."""

    allowed: str
    is_allowed: Callable[[Any], bool]
    apply: Callable[[Wallbox, Any], None]


@dataclass(frozen=True, slots=True)
class BoxKind:
    """What is special about a kind of box."""

    rows: Mapping[str, BoxRow]  #: what may be changed of it, in the order in which it is applied
    truth: Callable[[Any], dict[str, Any]]  #: everything true of it, as JSON


def _is_phases(value: Any) -> bool:
    return type(value) is int and value in (1, 3)


TRUE: tuple[str, Callable[[Any], bool]] = ("true", lambda value: value is True)
PHASES: tuple[str, Callable[[Any], bool]] = ("1 or 3", _is_phases)


def set_of_box(name: str) -> Callable[[Any, Any], None]:
    """Return what sets an attribute of a box."""
    return lambda charger, value: setattr(charger, name, value)


def call_of_box(name: str) -> Callable[[Any, Any], None]:
    """Return what has something befall a box for some seconds."""
    return lambda charger, seconds: getattr(charger, name)(float(seconds))


def _set_of_car(name: str) -> Callable[[Wallbox, Any], None]:
    return lambda box, value: setattr(box.car, name, value)


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


CAR_ROWS: dict[str, CarRow] = {
    "capacity_wh": CarRow(*number(1000, 1e9), _set_capacity),
    "never_full": CarRow(*BOOL, _set_of_car("never_full")),
    "phases": CarRow(*PHASES, _set_of_car("phases")),
    "max_a": CarRow(*integer(6, 32), _set_of_car("max_a")),
    "soc_pct": CarRow(*number(0, 100), _set_soc),
    "limit_pct": CarRow(*number(1, 100), _set_of_car("limit_pct")),
    "wants_power": CarRow(*BOOL, _set_of_car("wants_power")),
    "home": CarRow(*BOOL, _set_home),
    "plugged": CarRow(*BOOL, _set_plugged),
}
"""What may be changed of the car that a box has of its own, in the order in which it is applied."""


def check(changes: Any, kind: BoxKind, keys: Iterable[str]) -> None:
    """Raise ValueError, with what is allowed, where a change is wrong."""
    known = tuple(keys)
    is_object = isinstance(changes, dict)
    if not is_object:
        raise ValueError(f"{changes!r}; allowed is an object with any of {', '.join(known)}")
    for key, value in changes.items():
        if key not in known:
            raise ValueError(f"{key}: unknown; allowed are {', '.join(known)}")
        row = kind.rows.get(key) or CAR_ROWS[key]
        if not row.is_allowed(value):
            raise ValueError(f"{key}: {value!r}; allowed is {row.allowed}")


def apply_to_box(charger: Any, kind: BoxKind, changes: Mapping[str, Any]) -> None:
    """Change what is true of a box; `changes` were checked."""
    for key, row in kind.rows.items():
        if key in changes:
            row.apply(charger, changes[key])


def apply_to_car(box: Wallbox, changes: Mapping[str, Any]) -> None:
    """Change what is true of the car of a box; `changes` were checked."""
    for key, row in CAR_ROWS.items():
        if key in changes:
            row.apply(box, changes[key])


def car_truth(car: WallboxCar, draw_w: float) -> dict[str, Any]:
    """Return everything true of the car that a box has of its own, as JSON."""
    return {
        "plugged": car.is_plugged,
        "wants_power": car.wants_power,
        "soc_pct": round(car.soc_pct, 3),
        "limit_pct": car.limit_pct,
        "current_a": round(car.current_a, 2),
        "draw_w": round(draw_w, 1),
        "phases": car.phases,
        "max_a": car.max_a,
        "capacity_wh": car.capacity_wh,
        "never_full": car.never_full,
    }
