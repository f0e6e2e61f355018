"""Tesla's answers, written: what its cloud (simulated, or shown by a face) says, in its field names and types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sunbox.core.model import Availability, VehicleFacts
from sunbox.dialects.tesla.wire import AVAILABILITY_WORDS, CHARGE_STATE, EPOCH_AT, FACT_TO_WIRE, instant_to_wire

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


def vehicle_to_wire(
    identity: Identity,
    facts: VehicleFacts,
    *,
    more: Mapping[str, Mapping[str, Any]],
    sections: Iterable[str] = (),
) -> dict[str, Any]:
    """Return a whole `vehicle_data` answer.

    Args:
        identity: who it is.
        facts: what is known; unknown fields are null.
        more: further fields by section (they win over the facts); a section exists if it is named here, charge_state and
            drive_state always do.
        sections: the `endpoints` asked for; empty = all but the location.
    """
    stamp = instant_to_wire(facts.measured_at)
    charge = {key: _to_wire(facts, field) for key, (field, _) in CHARGE_STATE.items()}
    drive = {
        "gps_as_of": (facts.measured_at - EPOCH_AT) // timedelta(seconds=1),
        "heading": 185,
        "latitude": facts.latitude,
        "longitude": facts.longitude,
        "native_latitude": facts.latitude,
        "native_location_supported": 1,
        "native_longitude": facts.longitude,
        "native_type": "wgs",
        "power": 0,
        "shift_state": "D" if facts.is_driving else None,
        "speed": None,
    }
    asked = set(sections)
    if "location_data" not in asked:
        drive = {key: value for key, value in drive.items() if key not in LOCATION_KEYS}
    whole: dict[str, Mapping[str, Any]] = {**more}
    whole["charge_state"] = {**charge, **more.get("charge_state", {})}
    whole["drive_state"] = {**drive, **more.get("drive_state", {})}
    # The location comes inside drive_state, so asking for it alone brings drive_state too.
    wanted = asked | {"drive_state"} if "location_data" in asked else asked
    shown = {
        name: {**dict(sorted(fields.items())), "timestamp": stamp}
        for name, fields in sorted(whole.items())
        if not asked or name in wanted
    }
    return {"response": {**summary_to_wire(identity, Availability.ONLINE), **shown}}


def _to_wire(facts: VehicleFacts, field: str) -> Any:
    value = getattr(facts, field)
    if value is None:
        return None
    write = FACT_TO_WIRE.get(field)
    return value if write is None else write(value)
