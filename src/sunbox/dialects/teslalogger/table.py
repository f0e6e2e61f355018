"""TeslaLogger's API as rows: the keys of `/currentjson`, which `/get` knows by the same names, and the commands.

Source: TeslaLogger's WebServer and CurrentJSON, master of 2025, as clients see them. Units are TeslaLogger's: km, km/h, kW, kWh,
°C. A key is never left out and never null, because clients take both for a mistake: what is not known has the neutral value
of its type.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sunbox.core.model import Availability, Override
from sunbox.core.wallbox import Request
from sunbox.dialects.tesla.wire import PHASES_TO_WIRE
from sunbox.dialects.teslalogger.car import Car

BY = "teslalogger"
"""Who asks, in reasons ("stopped by teslalogger")."""

Value = bool | int | float | str
"""What a key can have in JSON."""

# --- what can be read ------------------------------------------------------------------------------------------------


class KeyType(StrEnum):
    """JSON type of a key. A float has a point, always: `67.0`."""

    BOOL = "true or false"
    INT = "integer"
    FLOAT = "float"
    TEXT = "text"


_NEUTRAL: dict[KeyType, Value] = {KeyType.BOOL: False, KeyType.INT: 0, KeyType.FLOAT: 0.0, KeyType.TEXT: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: `read` returns its value in `unit`, None if it is not known."""

    name: str
    type: KeyType
    unit: str = ""
    read: Callable[[Car], Value | None]
    help: str
    unknown: Value | None = None  #: what stands for "not known" if not the neutral value of the type

    @property
    def neutral(self) -> Value:
        """Return what stands for "not known"."""
        return _NEUTRAL[self.type] if self.unknown is None else self.unknown


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _bool(name: str, read: Callable[[Car], bool | None], help_: str, *, unknown: bool | None = None) -> Key:
    return Key(name=name, type=KeyType.BOOL, read=read, help=help_, unknown=unknown)


def _int(name: str, unit: str, read: Callable[[Car], float | None], help_: str) -> Key:
    def whole(car: Car) -> int | None:
        value = _finite(read(car))
        return None if value is None else round(value)

    return Key(name=name, type=KeyType.INT, unit=unit, read=whole, help=help_)


def _float(name: str, unit: str, read: Callable[[Car], float | None], help_: str, *, decimals: int = 2) -> Key:
    def plain(car: Car) -> float | None:
        value = _finite(read(car))
        return None if value is None else round(float(value), decimals)

    return Key(name=name, type=KeyType.FLOAT, unit=unit, read=plain, help=help_)


def _text(name: str, read: Callable[[Car], str | None], help_: str, *, unknown: str | None = None) -> Key:
    return Key(name=name, type=KeyType.TEXT, read=read, help=help_, unknown=unknown)


def _never(_: Car) -> None:
    return None


def _is_tagged(tag: str) -> Callable[[Car], bool]:
    return lambda car: car.vehicle is not None and tag in car.vehicle.place_tags


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_online(car: Car) -> bool | None:
    if car.vehicle is None or car.vehicle.availability is Availability.UNKNOWN:
        return None
    return car.vehicle.availability is Availability.ONLINE


def _is_asleep(car: Car) -> bool | None:
    return None if _is_online(car) is None or car.vehicle is None else car.vehicle.is_asleep


def _state(car: Car) -> str | None:
    return None if _is_online(car) is None or car.vehicle is None else car.vehicle.availability.value


def _soc_pct(car: Car) -> int | None:
    return None if car.vehicle is None else car.vehicle.soc_pct


def _kilo(value: float | None) -> float | None:
    return None if value is None else value / 1000.0


def _phases_as_tesla(car: Car) -> int | None:
    return None if car.phases is None else PHASES_TO_WIRE.get(car.phases, car.phases)


def _left_h(car: Car) -> float | None:
    left_min = car.details.left_to_charge_min
    return None if left_min is None else left_min / 60.0


def _display_name(car: Car) -> str | None:
    if car.vehicle is not None:
        return car.vehicle.name
    return None if car.loadpoint is None else car.loadpoint.name


def _trouble(car: Car) -> str | None:
    is_locked_out = car.vehicle is not None and car.vehicle.login_required
    return "the account must be logged in again (sunbox setup tesla)" if is_locked_out else None


_UNKNOWN = "not known to sunbox"

KEYS: tuple[Key, ...] = (
    _bool("charging", lambda car: car.is_charging, "current flows"),
    _bool("driving", lambda car: None if car.facts is None else car.facts.is_driving, "it is on the road"),
    _bool("online", _is_online, "it can be talked to"),
    _bool("sleeping", _is_asleep, "it sleeps"),
    _bool("falling_asleep", _never, _UNKNOWN),
    _bool("plugged_in", lambda car: car.is_plugged, "a cable is in"),
    _int("speed", "km/h", lambda car: car.details.speed_km_h, "speed"),
    _int("power", "kW", _never, _UNKNOWN),
    _float("odometer", "km", lambda car: car.details.odometer_km, "odometer"),
    _float("ideal_battery_range_km", "km", lambda car: car.details.range_ideal_km, "range under ideal conditions"),
    _float("battery_range_km", "km", lambda car: car.details.range_km, "range as the car's display tells it"),
    _float("outside_temp", "°C", lambda car: car.details.outside_c, "temperature outside"),
    _float("battery_level", "%", _soc_pct, "state of charge"),
    _int("charger_voltage", "V", lambda car: car.voltage_v, "phase to neutral"),
    _int("charger_phases", "", _phases_as_tesla, "phases in Tesla's count: 1, or 2 for three phases; 0 when idle"),
    _int("charger_phases_calc", "", lambda car: car.phases, "phases that carry current, 0 to 3; 0 when idle"),
    _int("charger_actual_current", "A", lambda car: car.draw_a, "current per phase that flows"),
    _int("charger_actual_current_calc", "A", lambda car: car.draw_a, "the same"),
    _int("charge_current_request", "A", lambda car: car.amps_requested_a, "current that was asked for"),
    _float("charge_energy_added", "kWh", lambda car: _kilo(car.energy_added_wh), "energy added since charging began"),
    _float("charger_power", "kW", lambda car: _kilo(car.draw_w), "power into the car"),
    _int("charger_power_calc_w", "W", lambda car: car.draw_w, "the same in W"),
    _float("charge_rate_km", "km/h", lambda car: car.details.charge_rate_km_h, "range gained per hour"),
    _bool("charge_port_door_open", lambda car: car.details.is_port_open, "the flap is open"),
    _float("time_to_full_charge", "h", _left_h, "time until the car's own limit"),
    _text("fast_charger_brand", _never, _UNKNOWN),
    _bool(
        "fast_charger_present",
        lambda car: None if car.facts is None else car.facts.is_fast_charger,
        "it is at a fast charger",
    ),
    _text("car_version", lambda car: car.details.version, "version of its software"),
    _text("trip_start", _never, _UNKNOWN, unknown="00:00"),
    _text("trip_start_dt", _never, _UNKNOWN, unknown="0001-01-01T00:00:00Z"),
    _int("trip_max_speed", "km/h", _never, _UNKNOWN),
    _int("trip_max_power", "kW", _never, _UNKNOWN),
    _int("trip_duration_sec", "s", _never, _UNKNOWN),
    _float("trip_kwh", "kWh", _never, _UNKNOWN),
    _float("trip_avg_kwh", "Wh/km", _never, _UNKNOWN),
    _float("trip_distance", "km", _never, _UNKNOWN),
    _text("ts", lambda car: _instant(car.at), "when this was answered, UTC"),
    _float("latitude", "°", lambda car: None if car.facts is None else car.facts.latitude, "where it is", decimals=6),
    _float("longitude", "°", lambda car: None if car.facts is None else car.facts.longitude, "where it is", decimals=6),
    _int("charge_limit_soc", "%", lambda car: car.target_soc_pct, "state of charge to reach"),
    _float("inside_temperature", "°C", lambda car: car.details.inside_c, "temperature inside"),
    _bool("battery_heater", lambda car: car.details.is_battery_heated, "the battery is being heated"),
    _bool("is_preconditioning", lambda car: car.details.is_preconditioning, "the cabin is being heated or cooled"),
    _bool("sentry_mode", lambda car: car.details.is_guarded, "sentry mode is on"),
    _text("country_code", _never, _UNKNOWN),
    _text("state", _state, "online, asleep or offline"),
    _text("display_name", _display_name, "its name in the configuration"),
    _int("heading", "°", lambda car: car.details.heading_deg, "heading, 0 = north"),
    _text("software_update_status", _never, _UNKNOWN),
    _text("software_update_version", _never, _UNKNOWN),
    _text("active_route_destination", _never, _UNKNOWN),
    _float("active_route_energy_at_arrival", "%", _never, _UNKNOWN),
    _float("active_route_km_to_arrival", "km", _never, _UNKNOWN),
    _float("active_route_minutes_to_arrival", "min", _never, _UNKNOWN),
    _float("active_route_traffic_minutes_delay", "min", _never, _UNKNOWN),
    _float("active_route_latitude", "°", _never, _UNKNOWN),
    _float("active_route_longitude", "°", _never, _UNKNOWN),
    _int("open_windows", "", _never, _UNKNOWN),
    _int("open_doors", "", _never, _UNKNOWN),
    _int("frunk", "", _never, _UNKNOWN),
    _int("trunk", "", _never, _UNKNOWN),
    _bool("locked", lambda car: car.details.is_locked, "the doors are locked", unknown=True),
    _text("FatalError", _trouble, "why the car cannot be reached until somebody does something"),
    _float("tpms_pressure_fr", "bar", _never, _UNKNOWN),
    _float("tpms_pressure_fl", "bar", _never, _UNKNOWN),
    _float("tpms_pressure_rr", "bar", _never, _UNKNOWN),
    _float("tpms_pressure_rl", "bar", _never, _UNKNOWN),
    _text(
        "TLGeofence",
        lambda car: None if car.vehicle is None else car.vehicle.place,
        "name of the place; - if it is nowhere special",
        unknown="-",
    ),
    _bool("TLGeofenceIsHome", _is_tagged("home"), "the place has the tag home"),
    _bool("TLGeofenceIsCharger", _is_tagged("charger"), "the place has the tag charger"),
    _bool("TLGeofenceIsWork", _is_tagged("work"), "the place has the tag work"),
)
"""In TeslaLogger's order. `locked` is true and `trip_start…` a time while they are not known, as TeslaLogger has it."""

BY_NAME: dict[str, Key] = {key.name: key for key in KEYS}

# --- what can be commanded -------------------------------------------------------------------------------------------


class Takes(StrEnum):
    """What value a command takes."""

    NOTHING = "nothing; a query is not looked at"
    NUMBER = "a whole number"
    SWITCH = "`1`, `true` or `on` for start in any case, anything else for stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command. `make_request` turns loadpoint id and value (switch: 1 or 0) into wishes, None if there is no wish."""

    name: str
    takes: Takes = Takes.NOTHING
    make_request: Callable[[str, int], Request] | None
    example: str
    help: str


def _start(loadpoint_id: str, _: int) -> Request:
    return Request(loadpoint_id=loadpoint_id, by=BY, override=Override.CHARGE)


def _stop(loadpoint_id: str, _: int) -> Request:
    return Request(loadpoint_id=loadpoint_id, by=BY, override=Override.STOP)


def _start_or_stop(loadpoint_id: str, value: int) -> Request:
    return (_start if value else _stop)(loadpoint_id, value)


def _set_limit(loadpoint_id: str, value: int) -> Request:
    return Request(loadpoint_id=loadpoint_id, by=BY, target_soc_pct=value)


def _set_amps(loadpoint_id: str, value: int) -> Request:
    return Request(loadpoint_id=loadpoint_id, by=BY, amps_a=value)


COMMANDS: tuple[Command, ...] = (
    Command(name="charge_start", make_request=_start, example="/command/1/charge_start", help="start"),
    Command(name="charge_stop", make_request=_stop, example="/command/1/charge_stop", help="stop"),
    Command(
        name="charge_start_stop",
        takes=Takes.SWITCH,
        make_request=_start_or_stop,
        example="/command/1/charge_start_stop?true",
        help="start or stop",
    ),
    Command(
        name="set_charge_limit",
        takes=Takes.NUMBER,
        make_request=_set_limit,
        example="/command/1/set_charge_limit?80",
        help="state of charge to reach, 1 to 100 %",
    ),
    Command(
        name="set_charging_amps",
        takes=Takes.NUMBER,
        make_request=_set_amps,
        example="/command/1/set_charging_amps?16",
        help="current per phase",
    ),
    Command(
        name="wake_up",
        make_request=None,
        example="/command/1/wake_up",
        help="says yes and does nothing: sunbox wakes the car by itself whenever charging needs it",
    ),
)
"""Those of TeslaLogger's commands that have to do with charging, and `wake_up`.

Energy managers send `wake_up` after a start that shows no effect yet. The start is a wish that sunbox carries out by itself,
with whatever waking that takes; a wake without such a wish would be paid for nothing, and only keep the car from sleeping.
"""

COMMANDS_BY_NAME: dict[str, Command] = {command.name: command for command in COMMANDS}

NOT_SENT: tuple[str, ...] = (
    "auto_conditioning_start",
    "auto_conditioning_stop",
    "auto_conditioning_start_stop",
    "auto_conditioning_toggle",
    "sentry_mode_on",
    "sentry_mode_off",
    "sentry_mode_on_off",
    "sentry_mode_toggle",
)
"""TeslaLogger's other commands. They are not about charging, so they are answered as if they were unknown."""

SWITCHES_ON: frozenset[str] = frozenset({"1", "true", "on"})
"""In lower case, what a switch takes for start."""
