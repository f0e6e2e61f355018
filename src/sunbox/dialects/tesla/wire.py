"""Tesla's wire, both ways: vehicle documents and tokens. Each key, word and unit stands here once.

Inwards everything is parsed, bounded and typed: an unknown word becomes UNKNOWN, a wrong type or an impossible number None.
The wire has whole kW, kWh, miles and milliseconds; the core has W, Wh, metres and instants.
Sources: Tesla's Fleet API documents, `home-assistant/core:tests/components/tesla_fleet/fixtures/vehicle_data.json` (shapes).
Ways in which commands end are in `outcomes.py`, whole answers of Tesla's side in `envelopes.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sunbox.core.model import Availability, ChargeSchedule, Charging, VehicleDetails, VehicleFacts, Weekday
from sunbox.core.values import replace
from sunbox.dialects.tesla.outcomes import Ended, Failed, outcome_from_wire, read_failure_from_wire
from sunbox.dialects.tesla.proxies import SLEEP_KEYS
from sunbox.dialects.tesla.table import CHARGE_SCHEDULES

__all__ = [
    "AVAILABILITY_WORDS",
    "CHARGE_STATE",
    "CHARGING_WORDS",
    "DETAILS",
    "DETAIL_TO_WIRE",
    "EPOCH_AT",
    "FACT_TO_WIRE",
    "KM_PER_MILE",
    "Ended",
    "Failed",
    "TokenRefused",
    "Tokens",
    "availability_from_wire",
    "ble_availability_from_wire",
    "ble_vehicle_from_wire",
    "document_from_wire",
    "instant_to_wire",
    "outcome_from_wire",
    "read_failure_from_wire",
    "refresh_to_wire",
    "token_error_from_wire",
    "tokens_from_wire",
    "tokens_to_wire",
    "vehicle_from_wire",
]

EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)

CHARGING_WORDS: dict[str, Charging] = {
    "Disconnected": Charging.DISCONNECTED,
    "Stopped": Charging.STOPPED,
    "Starting": Charging.STARTING,
    "Charging": Charging.CHARGING,
    "Complete": Charging.COMPLETE,
    "NoPower": Charging.NO_POWER,
    "Calibrating": Charging.CALIBRATING,
}
"""`charging_state` (`vehicle-command:vehicle.proto:ChargeState`). `Unknown` and null (right after waking) are UNKNOWN."""

AVAILABILITY_WORDS: dict[str, Availability] = {
    "online": Availability.ONLINE,
    "asleep": Availability.ASLEEP,
    "offline": Availability.OFFLINE,
}
"""`state` of a vehicle; `waking` and others were seen and are UNKNOWN."""

PHASES_FROM_WIRE: dict[int, int] = {1: 1, 2: 3, 3: 3}
"""`charger_phases`: 2 means three phases (TeslaPy#77, alandtse/tesla-api#493, TeslaLogger#684); null when idle."""
PHASES_TO_WIRE: dict[int, int] = {1: 1, 3: 2}

IS_DRIVING_WORDS: dict[str, bool] = {"P": False, "D": True, "R": True, "N": True}
"""`shift_state` → is driving; null = parked."""

EARLIEST_MS, LATEST_MS = 946_684_800_000, 4_102_444_800_000
"""Instants believed: the years 2000 to 2100."""


def _number(value: object, low: float, high: float) -> float | None:
    """Return a number within its bounds, else None. Compares first: NaN, infinities and giant integers fall out."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if low <= value <= high else None


def _float(low: float, high: float, scale: float = 1.0) -> Callable[[object], float | None]:
    def parse(value: object) -> float | None:
        number = _number(value, low, high)
        return None if number is None else number * scale

    return parse


def _int(low: int, high: int) -> Callable[[object], int | None]:
    def parse(value: object) -> int | None:
        number = _number(value, low, high)
        return None if number is None else round(number)

    return parse


def _charging(value: object) -> Charging:
    return CHARGING_WORDS.get(value, Charging.UNKNOWN) if isinstance(value, str) else Charging.UNKNOWN


def _phases(value: object) -> int | None:
    return PHASES_FROM_WIRE.get(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _seconds_to_wire(at: datetime) -> int:
    return (at - EPOCH_AT) // timedelta(seconds=1)


def _bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _seconds(value: object) -> datetime | None:
    number = _number(value, EARLIEST_MS / 1000, LATEST_MS / 1000)
    return None if number is None else EPOCH_AT + timedelta(seconds=round(number))


_CHARGING_TO_WIRE = {charging: word for word, charging in CHARGING_WORDS.items()}

CHARGE_STATE: dict[str, tuple[str, Callable[[object], Any]]] = {
    "charging_state": ("charging", _charging),
    "battery_level": ("soc_pct", _int(0, 100)),
    "charge_limit_soc": ("limit_soc_pct", _int(0, 100)),
    "charge_limit_soc_min": ("limit_soc_min_pct", _int(0, 100)),
    "charge_current_request": ("amps_requested_a", _int(0, 200)),
    "charge_current_request_max": ("amps_requested_max_a", _int(0, 200)),
    "charger_pilot_current": ("pilot_a", _int(0, 1000)),
    "charger_actual_current": ("actual_a", _float(0, 2000)),
    "charger_voltage": ("voltage_v", _float(0, 1500)),
    "charger_power": ("power_w", _float(0, 2000, 1000.0)),
    "charger_phases": ("phases", _phases),
    "charge_energy_added": ("energy_added_wh", _float(0, 2000, 1000.0)),
    "fast_charger_present": ("is_fast_charger", _bool),
    "scheduled_charging_pending": ("is_schedule_pending", _bool),
    "scheduled_charging_start_time": ("schedule_at", _seconds),
}
"""Key of `charge_state` → field of `VehicleFacts` and how it is read. kW and kWh become W and Wh."""

KM_PER_MILE = 1.609344


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= 80 and value.isprintable() else None


def _latch(value: object) -> bool | None:
    return value == "Engaged" if isinstance(value, str) else None


_MILES = _float(0, 10_000_000, KM_PER_MILE)

DAY_BITS: dict[Weekday, int] = {day: 1 << place for place, day in enumerate(Weekday)}
"""`days_of_week`: Sunday 1 to Saturday 64 (`vehicle-command:pkg/proxy/command.go`)."""


def _days(value: object) -> tuple[Weekday, ...] | None:
    bits = _int(0, 127)(value)
    return None if bits is None else tuple(day for day, bit in DAY_BITS.items() if bits & bit)


def _days_to_wire(days: tuple[Weekday, ...]) -> int:
    return sum(DAY_BITS[day] for day in days)


SCHEDULE: dict[str, tuple[str, Callable[[object], Any]]] = {
    "id": ("id", _int(0, 2**53)),
    "name": ("name", _text),
    "days_of_week": ("days", _days),
    "start_enabled": ("starts", _bool),
    "start_time": ("start_min", _int(0, 1439)),
    "end_enabled": ("ends", _bool),
    "end_time": ("end_min", _int(0, 1439)),
    "one_time": ("is_once", _bool),
    "enabled": ("is_enabled", _bool),
    "latitude": ("latitude", _float(-90, 90)),
    "longitude": ("longitude", _float(-180, 180)),
}
"""Key of an entry of `charge_schedules` → field of `ChargeSchedule` and how it is read."""

SCHEDULE_UNTOLD: dict[str, Any] = {"name": "", "is_once": False}
"""What counts where an entry does not tell it."""
SCHEDULE_MAY_LACK = frozenset({"start_min", "end_min", "latitude", "longitude"})

MOST_SCHEDULES = 32
"""More than a car keeps; further ones are left out."""


def _schedule(value: object) -> ChargeSchedule | None:
    """Return one entry, None if it does not tell when it charges."""
    if not isinstance(value, Mapping):
        return None
    known = {field: parse(value.get(key)) for key, (field, parse) in SCHEDULE.items()}
    known |= {field: untold for field, untold in SCHEDULE_UNTOLD.items() if known[field] is None}
    is_untimed = (known["starts"] and known["start_min"] is None) or (known["ends"] and known["end_min"] is None)
    is_broken = is_untimed or any(told is None for field, told in known.items() if field not in SCHEDULE_MAY_LACK)
    return None if is_broken else ChargeSchedule(**known)


def _schedules(value: object) -> tuple[ChargeSchedule, ...] | None:
    """Return the whole entries of a list, None if it is none."""
    if not isinstance(value, list):
        return None
    return tuple(schedule for schedule in map(_schedule, value) if schedule is not None)[:MOST_SCHEDULES]


def _schedules_to_wire(schedules: tuple[ChargeSchedule, ...]) -> list[dict[str, Any]]:
    return [
        {key: getattr(schedule, field) for key, (field, _) in SCHEDULE.items()}
        | {"days_of_week": _days_to_wire(schedule.days)}
        for schedule in schedules
    ]


DETAILS: dict[str, dict[str, tuple[str, Callable[[object], Any]]]] = {
    "charge_state": {
        "battery_range": ("range_km", _MILES),
        "ideal_battery_range": ("range_ideal_km", _MILES),
        "est_battery_range": ("range_estimated_km", _MILES),
        "usable_battery_level": ("usable_soc_pct", _int(0, 100)),
        "charge_limit_soc_std": ("limit_soc_standard_pct", _int(0, 100)),
        "charge_limit_soc_max": ("limit_soc_max_pct", _int(0, 100)),
        "charge_rate": ("charge_rate_km_h", _MILES),
        "minutes_to_full_charge": ("left_to_charge_min", _int(0, 100_000)),
        "battery_heater_on": ("is_battery_heated", _bool),
        "charge_port_door_open": ("is_port_open", _bool),
        "charge_port_latch": ("is_port_latched", _latch),
        "scheduled_charging_mode": ("schedule_mode", _text),
        "scheduled_charging_start_time_app": ("schedule_start_min", _int(0, 1439)),
        "scheduled_departure_time_minutes": ("schedule_departure_min", _int(0, 1439)),
    },
    "vehicle_state": {
        "odometer": ("odometer_km", _MILES),
        "locked": ("is_locked", _bool),
        "sentry_mode": ("is_guarded", _bool),
        "car_version": ("version", _text),
    },
    "climate_state": {
        "inside_temp": ("inside_c", _float(-60, 100)),
        "outside_temp": ("outside_c", _float(-60, 100)),
        "is_preconditioning": ("is_preconditioning", _bool),
    },
    "drive_state": {"speed": ("speed_km_h", _MILES), "heading": ("heading_deg", _int(0, 360))},
    CHARGE_SCHEDULES: {"charge_schedules": ("schedules", _schedules)},
}
"""Section and key → field of `VehicleDetails` and how it is read. Miles become km, seconds since 1970 an instant."""

FACT_TO_WIRE: dict[str, Callable[[Any], Any]] = {
    "charging": _CHARGING_TO_WIRE.get,
    "actual_a": round,
    "voltage_v": round,
    "power_w": lambda power_w: round(power_w / 1000.0),
    "phases": PHASES_TO_WIRE.get,
    "energy_added_wh": lambda energy_wh: round(energy_wh / 1000.0, 2),
    "schedule_at": _seconds_to_wire,
}
"""How a field of `VehicleFacts` is written where it is not written as it is."""


def _plain(value: float) -> int | float:
    """Return a number with the six decimals of Tesla's odometer; a whole one as int, as strict decoders want it."""
    rounded = round(value, 6)
    return int(rounded) if rounded == int(rounded) else rounded


def _miles_to_wire(value_km: float) -> int | float:
    return _plain(value_km / KM_PER_MILE)


_READ_BACK: dict[Callable[[object], Any], Callable[[Any], Any]] = {
    _MILES: _miles_to_wire,
    _latch: {True: "Engaged", False: "Disengaged"}.get,
    _schedules: _schedules_to_wire,
}
"""What writes that which another function reads."""

DETAIL_TO_WIRE: dict[str, Callable[[Any], Any]] = {
    **{field: _READ_BACK[parse] for keys in DETAILS.values() for field, parse in keys.values() if parse in _READ_BACK},
    "speed_km_h": lambda speed_km_h: round(speed_km_h / KM_PER_MILE),
}
"""How a field of `VehicleDetails` is written where it is not written as it is. The wire's speed is whole miles per hour."""

_SECTIONS = (
    *("charge_state", "drive_state", "vehicle_state", "climate_state", "vehicle_config", "gui_settings"),
    CHARGE_SCHEDULES,
)


def document_from_wire(body: bytes | str) -> Mapping[str, Any]:
    """Return the JSON object of a body.

    Raises:
        ValueError: the body is no JSON object.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError("not a JSON document") from error
    if not isinstance(document, Mapping):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a wrong body, not a wrong call
    return document


def _vehicle_body(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what stands inside `response`, or inside `response.response` (TeslaBleHttpProxy)."""
    body: object = document.get("response")
    if isinstance(body, Mapping) and isinstance(body.get("response"), Mapping):
        body = body["response"]
    if not isinstance(body, Mapping):
        raise ValueError("no vehicle document: `response` is missing")  # noqa: TRY004 - a wrong body, not a wrong call
    return body


def _section(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = body.get(name)
    return section if isinstance(section, Mapping) else {}


def _instant(value: object) -> datetime | None:
    milliseconds = _number(value, EARLIEST_MS, LATEST_MS)
    if milliseconds is None:
        return _seconds(value)  # as TeslaBleHttpProxy writes them
    return EPOCH_AT + timedelta(milliseconds=round(milliseconds))


def instant_to_wire(at: datetime) -> int:
    """Return an instant as Tesla's milliseconds since 1970."""
    return (at - EPOCH_AT) // timedelta(milliseconds=1)


def vehicle_from_wire(document: Mapping[str, Any], *, received_at: datetime | None = None) -> VehicleFacts:
    """Return what a `vehicle_data` answer says.

    Args:
        document: the whole body; `drive_state` may be missing (no location scope: fleet-telemetry#460).
        received_at: when it came; counts where the document has no instant of its own (1970 if neither is known).

    Raises:
        ValueError: it is not a vehicle document at all.
    """
    body = _vehicle_body(document)
    if not any(isinstance(body.get(name), Mapping) for name in _SECTIONS):
        raise ValueError("no vehicle document: it has none of " + ", ".join(_SECTIONS))
    charge, drive = _section(body, "charge_state"), _section(body, "drive_state")
    told_at = [_instant(_section(body, name).get("timestamp")) for name in _SECTIONS]
    measured_at = next((at for at in told_at if at is not None), received_at or EPOCH_AT)
    latitude = _number(drive.get("latitude"), -90.0, 90.0)
    longitude = _number(drive.get("longitude"), -180.0, 180.0)
    if latitude is None or longitude is None:
        latitude = longitude = None
    is_driving: bool | None = None
    if "shift_state" in drive:
        shift = drive["shift_state"]
        is_driving = False if shift is None else IS_DRIVING_WORDS.get(shift) if isinstance(shift, str) else None
    known = {field: parse(charge.get(key)) for key, (field, parse) in CHARGE_STATE.items()}
    details = {
        field: parse(_section(body, section).get(key))
        for section, keys in DETAILS.items()
        for key, (field, parse) in keys.items()
    }
    return VehicleFacts(
        measured_at=measured_at,
        latitude=latitude,
        longitude=longitude,
        is_driving=is_driving,
        details=VehicleDetails(**details),
        **known,
    )


def availability_from_wire(document: Mapping[str, Any]) -> Availability:
    """Return whether a vehicle can be talked to, from `GET /vehicles/{id}`, `vehicle_data` or `wake_up` (the old state).

    Raises:
        ValueError: it is not a vehicle document at all.
    """
    word = _vehicle_body(document).get("state")
    return AVAILABILITY_WORDS.get(word, Availability.UNKNOWN) if isinstance(word, str) else Availability.UNKNOWN


def ble_vehicle_from_wire(document: Mapping[str, Any], *, received_at: datetime) -> VehicleFacts:
    """Return what a `vehicle_data` answer of TeslaBleHttpProxy says: a 0 may be something that the car did not say.

    Raises:
        ValueError: it is not a vehicle document at all.
    """
    facts = vehicle_from_wire(document, received_at=received_at)
    unsaid = {name: None for name in BLE_ZERO_IS_NOTHING if getattr(facts, name) == 0}
    return replace(facts, is_near=True, **unsaid)


BLE_ZERO_IS_NOTHING = ("limit_soc_pct", "limit_soc_min_pct", "amps_requested_max_a", "pilot_a")


def ble_availability_from_wire(document: Mapping[str, Any]) -> Availability:
    """Return whether a vehicle sleeps, from TeslaBleHttpProxy's `body_controller_state`.

    Raises:
        ValueError: it is no such answer.
    """
    body = _vehicle_body(document)
    word = next((body[key] for key in SLEEP_KEYS if isinstance(body.get(key), str)), "")
    return BLE_SLEEP_WORDS.get(word, Availability.UNKNOWN)


BLE_SLEEP_WORDS: dict[str, Availability] = {
    "VEHICLE_SLEEP_STATUS_AWAKE": Availability.ONLINE,
    "VEHICLE_SLEEP_STATUS_ASLEEP": Availability.ASLEEP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What the token endpoint gives. The refresh token is single-use: keep the new one before using the access token."""

    access_token: str
    refresh_token: str | None
    expires_in_s: float

    def __repr__(self) -> str:
        return f"Tokens(expires_in_s={self.expires_in_s:.0f})"  # secrets never reach a log


def refresh_to_wire(client_id: str, refresh_token: str) -> dict[str, str]:
    """Return the form fields that trade a refresh token for new tokens."""
    return {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": refresh_token}


def tokens_to_wire(tokens: Tokens) -> dict[str, Any]:
    """Return the body of the token endpoint's answer."""
    return {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "expires_in": round(tokens.expires_in_s),
        "token_type": "Bearer",
    }


def is_sendable(token: str) -> bool:
    """Return whether a header can carry a token."""
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def tokens_from_wire(document: Mapping[str, Any]) -> Tokens:
    """Return the tokens of the token endpoint's answer; without `expires_in` they are taken to last 8 h.

    Raises:
        ValueError: it has no access token, or one that cannot be sent.
    """
    access, refresh = document.get("access_token"), document.get("refresh_token")
    if not isinstance(access, str) or not access:
        raise ValueError("the answer of the token endpoint has no access_token")
    if not is_sendable(access):
        raise ValueError("the answer of the token endpoint has an access_token that cannot be sent")
    expires_in_s = _number(document.get("expires_in"), 1, 366 * 86400)
    return Tokens(
        access_token=access,
        refresh_token=refresh if isinstance(refresh, str) and refresh else None,
        expires_in_s=8 * 3600.0 if expires_in_s is None else expires_in_s,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefused:
    """Why the token endpoint gave nothing."""

    is_login_required: bool  #: only a person can help; else it may be tried again
    detail: str


def token_error_from_wire(status: int, body: bytes | str) -> TokenRefused:
    """Return why the token endpoint refused: any 4xx but 408 and 429 says that the refresh token is worth nothing any more."""
    failure = read_failure_from_wire(status, {}, body)
    is_final = 400 <= status < 500 and status not in (408, 429)
    return TokenRefused(is_login_required=is_final, detail=failure.detail)
