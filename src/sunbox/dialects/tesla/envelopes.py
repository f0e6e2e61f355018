"""Tesla's answers, written: what its cloud (simulated, or shown by a face) says, in its field names and types."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sunbox.core.model import Availability, VehicleDetails, VehicleFacts
from sunbox.dialects.tesla.table import CHARGE_SCHEDULES
from sunbox.dialects.tesla.wire import (
    AVAILABILITY_WORDS,
    CHARGE_STATE,
    DETAIL_TO_WIRE,
    DETAILS,
    EPOCH_AT,
    FACT_TO_WIRE,
    instant_to_wire,
)

ASLEEP = "vehicle unavailable: vehicle is offline or asleep"
TOKEN_EXPIRED = "token expired (401)"  # noqa: S105 - an error text
INVALID_TOKEN = "invalid bearer token"  # noqa: S105 - an error text
LOGIN_REQUIRED = "login_required"
EXCEEDED_LIMIT = "account disabled: EXCEEDED_LIMIT"
UNSIGNED = (
    "Tesla Vehicle Command Protocol required, please refer to the documentation here: "
    "https://developer.tesla.com/docs/fleet-api#2023-10-09-rest-api-vehicle-commands-endpoint-deprecation-warning"
)
NOT_PAIRED = "vehicle rejected request: your public key has not been paired with the vehicle"
IN_SERVICE = "vehicle is currently in service"
NOT_FOUND = "not_found"
INVALID_COMMAND = "invalid_command"
INVALID_FIELD = "invalid_field"
INVALID_REQUEST = "invalid_request"
INVALID_AUTH_CODE = "invalid_auth_code"
INVALID_REDIRECT = "invalid_redirect_url"
UNAUTHORIZED_CLIENT = "unauthorized_client"
UNREGISTERED = (
    "Account {client} must be registered in the current region {base_url}, please see "
    "https://developer.tesla.com/docs/fleet-api/endpoints/partner-endpoints#register"
)
"""Error texts of Tesla's cloud."""

LOCATION_KEYS = frozenset(
    {
        "latitude",
        "longitude",
        "native_latitude",
        "native_longitude",
        "native_location_supported",
        "native_type",
        "gps_as_of",
    }
)
"""Keys of `drive_state` that are there only when `location_data` was asked for (firmware since 2023.38)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a vehicle is."""

    id: int
    vehicle_id: int
    vin: str
    name: str
    api_version: int = 71
    in_service: bool = False


def identity_of(vin: str, name: str, *, in_service: bool = False) -> Identity:
    """Return who a vehicle is whose numbers nobody told: they come from its VIN, so that they stay the same."""
    number = zlib.crc32(vin.encode())
    return Identity(
        id=100_000_000_000_000 + number,
        vehicle_id=1_000_000_000 + number % 1_000_000_000,
        vin=vin,
        name=name,
        in_service=in_service,
    )


def success() -> dict[str, Any]:
    """Return the answer to a command that was carried out."""
    return {"response": {"result": True, "reason": ""}}


def refused(word: str) -> dict[str, Any]:
    """Return the answer to a command that the car refused (HTTP 200 all the same)."""
    return {"response": {"result": False, "reason": word}}


def error(text: str, description: str = "") -> dict[str, Any]:
    """Return an error body."""
    return {"response": None, "error": text, "error_description": description}


def summary_to_wire(identity: Identity, availability: Availability) -> dict[str, Any]:
    """Return what `GET /vehicles/{id}` and `wake_up` have inside `response`."""
    words = {known: word for word, known in AVAILABILITY_WORDS.items()}
    return {
        "id": identity.id,
        "vehicle_id": identity.vehicle_id,
        "vin": identity.vin,
        "color": None,
        "access_type": "OWNER",
        "display_name": identity.name,
        "option_codes": None,
        "granular_access": {"hide_private": False},
        "tokens": None,
        "state": words.get(availability, "unknown"),
        "in_service": identity.in_service,
        "id_s": str(identity.id),
        "calendar_enabled": True,
        "api_version": identity.api_version,
        "backseat_token": None,
        "backseat_token_updated_at": None,
    }


def one(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer that holds one thing."""
    return {"response": dict(response)}


def many(responses: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an answer that holds a list."""
    return {"response": [dict(response) for response in responses], "count": len(responses)}


def twice(
    response: object, *, vin: str, command: str, result: bool = True, reason: str = "", **more: object
) -> dict[str, Any]:
    """Return an answer as TeslaBleHttpProxy nests it: `.response.response` has what the Fleet API has in `.response`.

    `reason` is there in good answers too; without a `response` (None) there is no inner one. `more` stands beside the outer.
    """
    outer = {"result": result, "reason": reason, "vin": vin, "command": command}
    return {"response": outer if response is None else {**outer, "response": response}, **more}


SLEEP_WORDS: dict[Availability, str] = {
    Availability.ONLINE: "VEHICLE_SLEEP_STATUS_AWAKE",
    Availability.ASLEEP: "VEHICLE_SLEEP_STATUS_ASLEEP",
    Availability.OFFLINE: "VEHICLE_SLEEP_STATUS_ASLEEP",
    Availability.UNKNOWN: "VEHICLE_SLEEP_STATUS_UNKNOWN",
}
LOCK_WORDS: dict[bool | None, str | None] = {
    True: "VEHICLELOCKSTATE_LOCKED",
    False: "VEHICLELOCKSTATE_UNLOCKED",
    None: None,
}
CLOSURE_WORDS: dict[bool | None, str] = {
    True: "CLOSURESTATE_OPEN",
    False: "CLOSURESTATE_CLOSED",
    None: "CLOSURESTATE_UNKNOWN",
}
PRESENCE_WORDS: dict[bool, str] = {True: "VEHICLE_USER_PRESENCE_PRESENT", False: "VEHICLE_USER_PRESENCE_UNKNOWN"}
"""Words of the body controller (`vehicle-command:vcsec.proto`). There is none for a lock that is not known."""


def body_controller_to_wire(facts: VehicleFacts | None, availability: Availability) -> dict[str, Any]:
    """Return what `body_controller_state` tells of a vehicle, None = it was never read."""
    details = (facts.details if facts is not None else None) or VehicleDetails()
    return {
        "closure_statuses": {"charge_port": CLOSURE_WORDS[details.is_port_open]},
        "user_presence": PRESENCE_WORDS[facts is not None and facts.is_driving is True],
        "vehicle_lock_state": LOCK_WORDS[details.is_locked],
        "vehicle_sleep_status": SLEEP_WORDS[availability],
    }


def vehicle_to_wire(
    identity: Identity,
    facts: VehicleFacts,
    *,
    more: Mapping[str, Mapping[str, Any]],
    sections: Iterable[str] = (),
    availability: Availability = Availability.ONLINE,
) -> dict[str, Any]:
    """Return a whole `vehicle_data` answer.

    Args:
        identity: who it is.
        facts: what is known; unknown fields are null. With details there are their sections, too. Whether it drives is
            told by `shift_state`, where null means parked: the key is missing if that is not known.
        more: further fields by section (they win over the facts); a section exists if it is named here, charge_state and
            drive_state always do.
        sections: the `endpoints` asked for; empty = all but the location and the charge schedules.
        availability: whether it can be talked to; Tesla's cloud answers only for a vehicle that is online.
    """
    stamp = instant_to_wire(facts.measured_at)
    told = _details_to_wire(facts)
    charge = {key: _to_wire(facts, field) for key, (field, _) in CHARGE_STATE.items()}
    charge["charge_amps"] = facts.amps_requested_a  # the same again under another name
    drive: dict[str, Any] = {
        "gps_as_of": (facts.measured_at - EPOCH_AT) // timedelta(seconds=1),
        "heading": None,
        "latitude": facts.latitude,
        "longitude": facts.longitude,
        "native_latitude": facts.latitude,
        "native_location_supported": 1,
        "native_longitude": facts.longitude,
        "native_type": "wgs",
        "power": 0,
        "shift_state": "D" if facts.is_driving else None,
        "speed": None,
        **told.pop("drive_state", {}),
    }
    if facts.is_driving is None:
        del drive["shift_state"]
    asked = set(sections)
    if CHARGE_SCHEDULES not in asked:
        told.pop(CHARGE_SCHEDULES, None)
    if "location_data" not in asked:
        drive = {key: value for key, value in drive.items() if key not in LOCATION_KEYS}
    charge |= told.pop("charge_state", {})
    known = {**told, "charge_state": charge, "drive_state": drive}
    whole = {name: {**known.get(name, {}), **more.get(name, {})} for name in (*known, *more)}
    # The location comes inside drive_state, so asking for it alone brings drive_state too.
    wanted = asked | {"drive_state"} if "location_data" in asked else asked
    shown = {
        name: {**dict(sorted(fields.items())), "timestamp": stamp}
        for name, fields in sorted(whole.items())
        if not asked or name in wanted
    }
    return {"response": {**summary_to_wire(identity, availability), **shown}}


def _to_wire(facts: VehicleFacts, field: str) -> Any:
    return _written(getattr(facts, field), FACT_TO_WIRE.get(field))


def _details_to_wire(facts: VehicleFacts) -> dict[str, dict[str, Any]]:
    """Return the further sections, and what the details add to those that are always there."""
    details = facts.details
    if details is None:
        return {}
    sections = {
        name: {key: _written(getattr(details, field), DETAIL_TO_WIRE.get(field)) for key, (field, _) in keys.items()}
        for name, keys in DETAILS.items()
    }
    if details.schedules is None:
        del sections[CHARGE_SCHEDULES]
    left_min = details.left_to_charge_min
    sections["charge_state"]["time_to_full_charge"] = None if left_min is None else round(left_min / 60, 2)
    return sections


def _written(value: Any, write: Callable[[Any], Any] | None) -> Any:
    return value if value is None or write is None else write(value)
