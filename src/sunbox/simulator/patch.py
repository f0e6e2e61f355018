"""A change of the world, asked for in JSON: read and checked as a whole first, carried out after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sunbox.simulator.battery import BatteryParams
from sunbox.simulator.meter import MAX_DELAY_S, MeterFault, MeterParams
from sunbox.simulator.powerwall import MOST_APPLY_S, Manner, Powerwall, ReplyStyle, ReservePolicy
from sunbox.simulator.world import Car, World

Change = Callable[[], None]


class PatchError(ValueError):
    """What was asked for is wrong; `allowed` says what would have been right."""

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


ACTIONS: dict[str, Callable[[Car], None]] = {
    "plug": lambda car: car.plug(),
    "unplug": lambda car: car.unplug(),
    "drive_off": lambda car: car.drive_off(),
    "arrive": lambda car: car.arrive(),
}
ACTION_PATCHES: dict[str, dict[str, Any]] = {"fall_asleep": {"asleep": True}}
"""Actions that are a change of what is true of the car."""


@dataclass(frozen=True, slots=True)
class _CarPatch:
    """A change of what is true of a car. It can refuse, and then has changed nothing."""

    car: Car
    wanted: dict[str, Any]

    def __call__(self) -> None:
        try:
            self.car.patch(self.wanted)
        except ValueError as error:
            raise PatchError(f"car {self.car.id}: {error}", str(error)) from error


def patch_world(world: World, body: Any) -> None:
    """Change the world at the present instant, all or nothing.

    Raises:
        PatchError: nothing was changed.
    """
    world.sync()
    wanted = _object(body, "the body", tuple(_PARTS))
    changes: list[Change] = []
    for key, part in _PARTS.items():
        if key in wanted:
            changes.extend(part(world, wanted[key]))
    # only a car can still refuse, whole: there is at most one such change, and it comes first
    changes.sort(key=lambda change: not isinstance(change, _CarPatch))
    if sum(isinstance(change, _CarPatch) for change in changes) > 1:
        raise PatchError("several cars are to be changed at once", "one car a request; actions of several are fine")
    for change in changes:
        change()


def _object(value: Any, name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return `value` as an object that has none but these keys."""
    if not isinstance(value, dict):
        raise PatchError(f"{name} is {value!r}", f"an object with any of {', '.join(keys)}")
    for key in value:
        if key not in keys:
            raise PatchError(f"{name} has an unknown key {key!r}", f"any of {', '.join(keys)}")
    return value


def _number(value: Any, name: str, low: float, high: float) -> float:
    """Return `value` as a number within its limits."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise PatchError(f"{name} is {value!r}", f"a number, {low:g} to {high:g}")
    return float(value)


def _sun(world: World, value: Any) -> list[Change]:
    if value is None:
        value = {"factor": None, "pv_w": None}
    wanted = _object(value, "sun", ("factor", "pv_w"))
    changes: list[Change] = []
    if "factor" in wanted:
        factor = 1.0 if wanted["factor"] is None else _number(wanted["factor"], "sun factor", 0, 100)
        changes.append(lambda: setattr(world.sun, "factor", factor))
    if "pv_w" in wanted:
        fixed_w = None if wanted["pv_w"] is None else _number(wanted["pv_w"], "sun pv_w", 0, 1e7)
        changes.append(lambda: setattr(world.sun, "fixed_w", fixed_w))
    return changes


def _load(world: World, value: Any) -> list[Change]:
    if value is None:
        value = {"extra_w": None, "w": None}
    wanted = _object(value, "load", ("w", "extra_w"))
    changes: list[Change] = []
    if "extra_w" in wanted:
        extra_w = 0.0 if wanted["extra_w"] is None else _number(wanted["extra_w"], "load extra_w", -1e7, 1e7)
        changes.append(lambda: setattr(world.load, "extra_w", extra_w))
    if "w" in wanted:
        fixed_w = None if wanted["w"] is None else _number(wanted["w"], "load w", 0, 1e7)
        changes.append(lambda: setattr(world.load, "fixed_w", fixed_w))
    return changes


_BATTERY_LIMITS: Mapping[str, tuple[float, float]] = {
    "soc_pct": (0, 100),
    "reserve_pct": (0, 100),
    "max_charge_w": (0, 1e7),
    "max_discharge_w": (0, 1e7),
    "lag_s": (0, 3600),
}


def _battery(world: World, value: Any) -> list[Change]:
    battery = world.battery
    if battery is None:
        raise PatchError("there is no home battery", "a world with battery_kwh in its scenario")
    wanted = {
        key: _number(each, f"battery {key}", *_BATTERY_LIMITS[key])
        for key, each in _object(value, "battery", tuple(_BATTERY_LIMITS)).items()
    }
    soc_pct = wanted.pop("soc_pct", None)
    params: BatteryParams = replace(battery.params, **wanted)
    changes: list[Change] = [lambda: setattr(battery, "params", params)]
    if soc_pct is not None:
        changes.append(lambda: battery.set_soc_pct(soc_pct))
    return changes


_MANNER_WORDS: Mapping[str, type[ReservePolicy | ReplyStyle]] = {
    "reserve_policy": ReservePolicy,
    "reply_style": ReplyStyle,
}
_MANNER_NUMBERS: Mapping[str, tuple[float, float]] = {
    "apply_s": (0, MOST_APPLY_S),
    "sample_s": (0, MAX_DELAY_S / 2),
    "delay_s": (0, MAX_DELAY_S / 2),
}


def _powerwall(world: World, value: Any) -> list[Change]:
    battery = world.battery
    if not isinstance(battery, Powerwall):
        raise PatchError("there is no Powerwall", "a world with powerwalls in its scenario")
    wanted = dict(_object(value, "powerwall", tuple(Manner.__slots__)))
    for key, each in wanted.items():
        if key in _MANNER_WORDS:
            words = _MANNER_WORDS[key]
            if each not in list(words):
                raise PatchError(f"powerwall {key} is {each!r}", ", ".join(words))
            wanted[key] = words(each)
        elif key in _MANNER_NUMBERS:
            if not (each is None and key == "apply_s"):
                wanted[key] = _number(each, f"powerwall {key}", *_MANNER_NUMBERS[key])
        elif not isinstance(each, bool):
            raise PatchError(f"powerwall {key} is {each!r}", "true or false")
    return [lambda: battery.behave(**wanted)]


def _meter(world: World, value: Any) -> list[Change]:
    if value is None:
        value = {"fault": None}
    wanted = dict(_object(value, "meter", ("fault", "delay_s", "noise_w", "resolution_w", "has_time")))
    if wanted.get("fault") is not None:
        if wanted["fault"] not in list(MeterFault):
            raise PatchError(f"meter fault is {wanted['fault']!r}", f"{', '.join(MeterFault)}, or null for none")
        wanted["fault"] = MeterFault(wanted["fault"])
    for key, low, high in (("delay_s", 0.0, MAX_DELAY_S), ("noise_w", 0.0, 1e6), ("resolution_w", 1e-3, 1e5)):
        if key in wanted:
            wanted[key] = _number(wanted[key], f"meter {key}", low, high)
    if not isinstance(wanted.get("has_time", True), bool):
        raise PatchError(f"meter has_time is {wanted['has_time']!r}", "true or false")
    params: MeterParams = replace(world.meter.params, **wanted)
    return [lambda: world.meter.change(params)]


def _car(world: World, value: Any) -> list[Change]:
    # a car that is there for its wallbox only is not what is meant where there is another
    cars = [car_id for car_id in world.cars if car_id not in world.chargers] or list(world.cars)
    if len(cars) != 1:
        raise PatchError(f"there are {len(cars)} cars", f'"cars": an object by id: {", ".join(world.cars)}')
    return _cars(world, {cars[0]: value})


def _cars(world: World, value: Any) -> list[Change]:
    changes: list[Change] = []
    for car_id, wanted in _object(value, "cars", tuple(world.cars)).items():
        changes.extend(_one_car(world.cars[car_id], wanted))
    return changes


def _charger(world: World, value: Any) -> list[Change]:
    if len(world.chargers) != 1:
        allowed = (
            f'"chargers": an object by id: {", ".join(world.chargers)}' if world.chargers else "a world with chargers"
        )
        raise PatchError(f"there are {len(world.chargers)} chargers", allowed)
    return _chargers(world, {next(iter(world.chargers)): value})


def _chargers(world: World, value: Any) -> list[Change]:
    changes: list[Change] = []
    for charger_id, wanted in _object(value, "chargers", tuple(world.chargers)).items():
        charger = world.chargers[charger_id]
        try:
            charger.check(wanted)
        except ValueError as error:
            raise PatchError(f"charger {charger_id}: {error}", str(error)) from error
        changes.append(lambda charger=charger, wanted=wanted: charger.change(wanted))  # type: ignore[misc]
    return changes


def _one_car(car: Car, value: Any) -> list[Change]:
    if not isinstance(value, dict):
        raise PatchError(f"car {car.id} is {value!r}", "an object with what shall be true of it, or an action")
    wanted = dict(value)
    changes: list[Change] = []
    if "action" in wanted:
        name = wanted.pop("action")
        if not isinstance(name, str) or (name not in ACTIONS and name not in ACTION_PATCHES):
            raise PatchError(f"car {car.id} action is {name!r}", ", ".join((*ACTIONS, *ACTION_PATCHES)))
        if name == "plug" and not car.is_home:
            raise PatchError(f"car {car.id} is away and cannot be plugged in", "arrive first")
        wanted |= ACTION_PATCHES.get(name, {})
        if name in ACTIONS:
            changes.append(lambda: ACTIONS[name](car))
    if wanted:
        changes.append(_CarPatch(car, wanted))
    return changes


def _faults(world: World, value: Any) -> list[Change]:
    if not isinstance(value, list):
        raise PatchError(f"faults is {value!r}", "a list of objects")
    if not world.clouds:
        raise PatchError("there is no cloud to fail", "a world with a Tesla")
    clouds = list(world.clouds.values())
    for cloud in clouds:
        try:
            cloud.validate_faults(value)
        except ValueError as error:
            raise PatchError(f"faults: {error}", str(error)) from error
    return [lambda cloud=cloud: cloud.add_faults(value) for cloud in clouds]  # type: ignore[misc]


def _clear_faults(world: World, value: Any) -> list[Change]:
    if value is not True:
        raise PatchError(f"clear_faults is {value!r}", "true")
    return [cloud.clear_faults for cloud in world.clouds.values()]


_PARTS: dict[str, Callable[[World, Any], list[Change]]] = {
    # in the order in which they are carried out: old faults go before new ones come
    "clear_faults": _clear_faults,
    "car": _car,
    "cars": _cars,
    "charger": _charger,
    "chargers": _chargers,
    "sun": _sun,
    "load": _load,
    "battery": _battery,
    "powerwall": _powerwall,
    "meter": _meter,
    "faults": _faults,
}
