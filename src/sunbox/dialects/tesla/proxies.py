"""The two programs through which a Tesla can be reached besides the plain Fleet API: how they differ from it.

*signing*: `tesla-http-proxy` (TLS only) signs commands and forwards the rest. Its answers are the Fleet API's, with refusals as
`{"response":{"result":false,"string":"car could not execute command: …"}}` and Tesla's 408 and 503 both as HTTP 500. Tesla
charges for what it forwards.

*ble*: TeslaBleHttpProxy reaches the car over Bluetooth: no account, no cloud, free. Commands answer at once unless
`?wait=true`, wake the car by themselves, and anything but a success is HTTP 503 with a text. Data is nested twice, its
timestamps are seconds, fields that are not known read 0, and there is neither `state` nor a location.

Sources: `vehicle-command:pkg/proxy/proxy.go`; `TeslaBleHttpProxy:internal/{api/handlers/tesla,ble/control/control,
api/models/statesConverter,tesla/commands/charge_schedule}.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sunbox.core.commands import CommandName
from sunbox.dialects.tesla.orders import DAYS
from sunbox.dialects.tesla.table import BODY_CONTROLLER_STATE, COMMANDS, VEHICLE_DATA, WAKE_UP, Endpoint


class ProxyKind(StrEnum):
    """Which program a proxy is."""

    BLE = "ble"
    SIGNING = "signing"


BLE_WAKE_UP = Endpoint(
    name="wake_up",
    method="POST",
    path="/api/1/vehicles/{vehicle}/command/wake_up",
    help="wake the vehicle",
    core=CommandName.WAKE,
)
BLE_DATA = Endpoint(
    name=VEHICLE_DATA.name,
    method="GET",
    path=VEHICLE_DATA.path,
    help="what an awake vehicle says; fails while it sleeps",
)
BLE_STATE = BODY_CONTROLLER_STATE
"""Whether it sleeps: neither wakes it nor keeps it awake."""

BLE_ENDPOINTS = "charge_state;climate_state"
"""Sections that every version of the program knows; another one makes older versions refuse the whole request."""

BLE_REASON_DONE = "The command was successfully processed."
BLE_REASON_QUEUED = "The command was successfully received and will be processed shortly."
BLE_OUT_OF_RANGE = "Vehicle is not in range"
BLE_NOT_CONNECTED = "failed to connect to vehicle"
BLE_NO_HANDSHAKE = "failed to perform handshake with vehicle"
BLE_NOT_WOKEN = "failed to wake up car"
BLE_ASLEEP = "vehicle is sleeping"
BLE_SLEEP_UNKNOWN = "vehicle sleep status unknown"
BLE_NO_KEY = "BleControl is not initialized. Maybe private.pem is missing."
BLE_UNKNOWN = "unrecognized vehicle command"
BLE_NOT_MADE = "not implemented"
BLE_UNKNOWN_SECTION = "unrecognized state category"
BLE_BAD_BODY = "Failed to decode body"
BLE_WRONG = (
    BLE_UNKNOWN,
    BLE_NOT_MADE,
    BLE_UNKNOWN_SECTION,
    BLE_BAD_BODY,
    "unrecognized command",
    "not supported via BLE",
    "missing '",
    "expected '",
    "invalid '",
    "unknown day",
    "days_of_week",
    "start_time is required",
    "end_time is required",
    "id missing in body",
)
"""Beginnings of what the program says in `reason`."""

SIGNING_BAD_VIN = "expected 17-character VIN in path (do not user Fleet API ID)"
SIGNING_PREFIX = "car could not execute command: "
SIGNING_NO_TOKEN = "client did not provide an OAuth token"  # noqa: S105 - an error text
SIGNING_TIMEOUT_S = 10.0
"""How long the program itself waits for Tesla; then it answers 500."""

SLEEP_KEYS = ("vehicle_sleep_status", "vehicleSleepStatus")
"""Newer and older versions."""

_DAY_NAMES = dict(
    zip(DAYS, ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"), strict=True)
)


def ble_row(row: Endpoint) -> Endpoint:
    """Return the row of the program that stands for one of the Fleet API's."""
    return {WAKE_UP: BLE_WAKE_UP, VEHICLE_DATA: BLE_DATA}.get(row, row)


def ble_query(row: Endpoint) -> dict[str, str] | None:
    """Return what is written behind the path: commands are waited for, but for the wake, which takes its time."""
    if row in (BLE_STATE, BLE_WAKE_UP):
        return None
    return {"endpoints": BLE_ENDPOINTS} if row is BLE_DATA else {"wait": "true"}


def ble_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a command's body as the program wants it: whole names of days."""
    days = fields.get("days_of_week")
    if not isinstance(days, str):
        return dict(fields)
    return {**fields, "days_of_week": ",".join(_DAY_NAMES.get(day, day) for day in days.split(","))}


BLE_COMMANDS = frozenset(row.name for row in COMMANDS) - {"set_scheduled_departure"}
"""What the program can do in its newest version; older ones refuse the schedules, too."""
