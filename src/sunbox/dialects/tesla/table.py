"""Tesla's Fleet API as rows: every call that sunbox makes, simulates, counts or shows stands here once.

Source: Tesla's charging commands document, `vehicle-command:pkg/proxy/command.go` (parameter names), Tesla's billing page
(classes and prices). The wire is miles, whole kW and kWh; `wire.py` converts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sunbox.core.commands import CommandName, RequestKind


class FieldType(StrEnum):
    """JSON type of a body field."""

    INT = "int"
    BOOL = "bool"
    FLOAT = "float"
    TEXT = "text"
    OBJECT = "object"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a request body."""

    name: str
    type: FieldType
    required: bool = False
    low: int | None = None
    high: int | None = None  #: of a number; of a text its length
    choices: tuple[str, ...] = ()  #: of a text; none = any
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One call. `path` has `{vehicle}` (id or VIN). `bills` None = free. `core` is the core's command that it carries out."""

    name: str
    method: str
    path: str
    help: str
    bills: RequestKind | None = None
    fields: tuple[Field, ...] = ()
    core: CommandName | None = None
    additive: bool = False  #: repeating it adds again, so it is never repeated blindly


_COMMAND_PATH = "/api/1/vehicles/{vehicle}/command/"


def _command(
    name: str, help_text: str, *fields: Field, core: CommandName | None = None, additive: bool = False
) -> Endpoint:
    return Endpoint(
        name=name,
        method="POST",
        path=_COMMAND_PATH + name,
        help=help_text,
        bills=RequestKind.COMMAND,
        fields=fields,
        core=core,
        additive=additive,
    )


_INT, _BOOL, _FLOAT, _TEXT = FieldType.INT, FieldType.BOOL, FieldType.FLOAT, FieldType.TEXT


def _minutes(name: str) -> Field:
    return Field(name=name, type=_INT, low=0, high=1439, help="minutes after the car's local midnight")


TOKEN = Endpoint(name="token", method="POST", path="/oauth2/v3/token", help="exchange or refresh tokens")
AUTHORIZE = Endpoint(
    name="authorize", method="GET", path="/oauth2/v3/authorize", help="where a person logs in, with a browser"
)
REGION = Endpoint(name="region", method="GET", path="/api/1/users/region", help="which region serves this account")
VEHICLES = Endpoint(name="vehicles", method="GET", path="/api/1/vehicles", help="the account's vehicles", bills=None)
VEHICLE = Endpoint(
    name="vehicle", method="GET", path="/api/1/vehicles/{vehicle}", help="awake or asleep; does not wake", bills=None
)
VEHICLE_DATA = Endpoint(
    name="vehicle_data",
    method="GET",
    path="/api/1/vehicles/{vehicle}/vehicle_data",
    help="everything about an awake vehicle; keeps it awake",
    bills=RequestKind.DATA,
)
WAKE_UP = Endpoint(
    name="wake_up",
    method="POST",
    path="/api/1/vehicles/{vehicle}/wake_up",
    help="wake the vehicle; answers at once with the old state",
    bills=RequestKind.WAKE,
    core=CommandName.WAKE,
)

BODY_CONTROLLER_STATE = Endpoint(
    name="body_controller_state",
    method="GET",
    path="/api/1/vehicles/{vehicle}/body_controller_state",
    help="locked, asleep, port open; TeslaBleHttpProxy's own, not of the Fleet API",
)

COMMANDS: tuple[Endpoint, ...] = (
    _command("charge_port_door_open", "open the charge port, or unlock the cable", core=CommandName.OPEN_PORT),
    _command("charge_port_door_close", "close a motorised charge port", core=CommandName.CLOSE_PORT),
    _command("charge_start", "start charging", core=CommandName.START),
    _command("charge_stop", "stop charging", core=CommandName.STOP),
    _command(
        "charge_standard",
        "set the charge limit to the vehicle's standard (charge_limit_soc_std)",
        core=CommandName.LIMIT_STANDARD,
    ),
    _command("charge_max_range", "set the charge limit to 100 %", core=CommandName.LIMIT_MAX),
    _command(
        "set_charge_limit",
        "set the charge limit in %",
        Field(name="percent", type=_INT, required=True, low=50, high=100, help="charge limit in %"),
        core=CommandName.SET_LIMIT,
    ),
    _command(
        "set_charging_amps",
        "set the charging current in A",
        Field(name="charging_amps", type=_INT, required=True, low=0, high=48, help="current per phase in A"),
        core=CommandName.SET_AMPS,
    ),
    _command(
        "set_scheduled_charging",
        "start charging at a time of day",
        Field(name="enable", type=_BOOL, required=True),
        _minutes("time"),
        core=CommandName.SCHEDULE_CHARGING,
    ),
    _command(
        "set_scheduled_departure",
        "be ready at a time of day",
        Field(name="enable", type=_BOOL, required=True),
        _minutes("departure_time"),
        Field(name="preconditioning_enabled", type=_BOOL),
        Field(name="preconditioning_weekdays_only", type=_BOOL),
        Field(name="off_peak_charging_enabled", type=_BOOL),
        Field(name="off_peak_charging_weekdays_only", type=_BOOL),
        _minutes("end_off_peak_time"),
        core=CommandName.SCHEDULE_DEPARTURE,
    ),
    _command(
        "add_charge_schedule",
        "add a schedule, or change the one with this id",
        Field(
            name="lat", type=_FLOAT, required=True, low=-90, high=90, help="of the place where it applies, in degrees"
        ),
        Field(name="lon", type=_FLOAT, required=True, low=-180, high=180),
        Field(name="days_of_week", type=_TEXT, required=True, high=80, help="All, Weekdays, or days like Mon,Tues"),
        Field(name="start_enabled", type=_BOOL, required=True),
        Field(name="end_enabled", type=_BOOL, required=True),
        Field(name="enabled", type=_BOOL, required=True),
        _minutes("start_time"),
        _minutes("end_time"),
        Field(name="id", type=_INT, low=0, high=2**53, help="absent or 0 = a new one"),
        Field(name="one_time", type=_BOOL),
        Field(name="name", type=_TEXT, high=64),
        core=CommandName.ADD_SCHEDULE,
        additive=True,
    ),
    _command(
        "remove_charge_schedule",
        "remove a schedule",
        Field(name="id", type=_INT, required=True, low=0, high=2**53),
        core=CommandName.REMOVE_SCHEDULE,
    ),
)
"""The ten charging commands of Tesla's document, in its order, and the two that came later (firmware 2024.26)."""

ENDPOINTS: tuple[Endpoint, ...] = (TOKEN, REGION, VEHICLES, VEHICLE, VEHICLE_DATA, WAKE_UP, *COMMANDS)

BY_NAME: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS}
BY_CORE: dict[CommandName, Endpoint] = {row.core: row for row in ENDPOINTS if row.core is not None}

PRICES: dict[RequestKind, float] = {
    RequestKind.STATE: 0.0,
    RequestKind.DATA: 1 / 500,
    RequestKind.COMMAND: 1 / 1000,
    RequestKind.WAKE: 1 / 50,
    RequestKind.SIGNAL: 1 / 150_000,
}
"""Dollars per request (Tesla's billing page). Every answer below 500 is billed, also 408 and 429."""

BASE_URLS: dict[str, str] = {
    "na": "https://fleet-api.prd.na.vn.cloud.tesla.com",
    "eu": "https://fleet-api.prd.eu.vn.cloud.tesla.com",
    "cn": "https://fleet-api.prd.cn.vn.cloud.tesla.cn",
}
AUTH_URLS: dict[str, str] = {
    "na": "https://fleet-auth.prd.vn.cloud.tesla.com",
    "eu": "https://fleet-auth.prd.vn.cloud.tesla.com",
    "cn": "https://auth.tesla.cn",
}
LOGIN_URLS: dict[str, str] = {
    "na": "https://auth.tesla.com",
    "eu": "https://auth.tesla.com",
    "cn": "https://auth.tesla.cn",
}
"""Where a person logs in."""

SCOPES = "openid offline_access vehicle_device_data vehicle_location vehicle_cmds vehicle_charging_cmds"
CHARGE_SCHEDULES = "charge_schedule_data"
"""Section of `vehicle_data` that is there only when it is asked for by name; cars have it since firmware 2024.26."""

VEHICLE_DATA_ENDPOINTS = (
    f"charge_state;climate_state;drive_state;location_data;vehicle_state;vehicle_config;{CHARGE_SCHEDULES}"
)
"""All that is of use: a request costs the same whatever it asks for."""
