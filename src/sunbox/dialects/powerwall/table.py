"""Tesla's energy endpoints as rows: every call that sunbox makes, simulates, counts or shows stands here once.

Sources: developer.tesla.com/docs/fleet-api/endpoints/energy, Teslemetry/python-tesla-fleet-api `energysite.py`,
tdorssers/TeslaPy `endpoints.json`. Rows without `is_documented` are of the older Owner API; through the Fleet API they may be 404.

Which class Tesla bills energy calls in is not told (its page hides it; home-assistant's documents say that they are free). Here
they count in the classes that they would have: reads as data, writes as commands. What those cost the owner says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sunbox.core.commands import RequestKind
from sunbox.dialects.powerwall import wire
from sunbox.dialects.powerwall.facts import ExportRule, Mode
from sunbox.dialects.tesla.table import Endpoint, Field, FieldType

READ_SCOPE, WRITE_SCOPE = "energy_device_data", "energy_cmds"
SCOPES = f"openid offline_access {READ_SCOPE} {WRITE_SCOPE}"
"""What a login for a Powerwall asks for."""

_SITES = "/api/1/energy_sites/"
_SITE_PATH = f"{_SITES}{{site}}"
_INT, _BOOL, _TEXT = FieldType.INT, FieldType.BOOL, FieldType.TEXT

Parser = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyEndpoint(Endpoint):
    """One call. `path` has `{site}`; `parser` reads the JSON of an answer and raises ValueError for what it cannot be."""

    parser: Parser
    query: tuple[Field, ...] = ()
    message: str = ""  #: of a write: what the answer says since July 2025
    is_documented: bool = True

    @property
    def is_write(self) -> bool:
        """Return whether it changes something."""
        return self.method != "GET"


def _read(
    name: str, help_text: str, parser: Parser, *query: Field, path: str | None = None, documented: bool = True
) -> EnergyEndpoint:
    return EnergyEndpoint(
        name=name,
        method="GET",
        path=path or f"{_SITE_PATH}/{name}",
        help=help_text,
        bills=RequestKind.DATA,
        parser=parser,
        query=query,
        is_documented=documented,
    )


def _write(name: str, help_text: str, message: str, *fields: Field, documented: bool = True) -> EnergyEndpoint:
    return EnergyEndpoint(
        name=name,
        method="POST",
        path=f"{_SITE_PATH}/{name}",
        help=help_text,
        bills=RequestKind.COMMAND,
        fields=fields,
        parser=wire.write_from_wire,
        message=message,
        is_documented=documented,
    )


def _percent(name: str, help_text: str) -> Field:
    return Field(name=name, type=_INT, required=True, low=0, high=100, help=help_text)


PERIODS = ("day", "week", "month", "year", "lifetime")
HISTORY_KINDS = ("power", "energy")
CALENDAR_KINDS = ("power", "soe", "energy", "backup", "self_consumption", "time_of_use_energy", "savings")


def _kind(kinds: tuple[str, ...]) -> Field:
    return Field(name="kind", type=_TEXT, required=True, high=40, choices=kinds, help="what is told")


_PERIOD = Field(name="period", type=_TEXT, high=20, choices=PERIODS, help="how much is told")
_SPAN = (
    Field(name="start_date", type=_TEXT, high=40, help="RFC 3339, with its zone"),
    Field(name="end_date", type=_TEXT, high=40, help="RFC 3339, with its zone"),
    Field(name="time_zone", type=_TEXT, high=64, help="name of the time zone database"),
)

PRODUCTS = EnergyEndpoint(
    name="products",
    method="GET",
    path="/api/1/products",
    help="the account's sites and vehicles",
    parser=wire.products_from_wire,
)
LIVE_STATUS = _read("live_status", "what flows now", wire.live_status_from_wire)
SITE_INFO = _read("site_info", "what the site is, and how it is set", wire.site_info_from_wire)
CALENDAR_HISTORY = _read(
    "calendar_history",
    "what was, by the calendar",
    wire.history_from_wire,
    _kind(CALENDAR_KINDS),
    _PERIOD,
    *_SPAN,
)
TELEMETRY_HISTORY = _read(
    "telemetry_history", "charging at wall connectors", wire.anything_from_wire, _kind(("charge",)), *_SPAN
)
HISTORY = _read(
    "history", "what was, until now", wire.history_from_wire, _kind(HISTORY_KINDS), _PERIOD, *_SPAN, documented=False
)
SITE_STATUS = _read("site_status", "the site in short", wire.site_status_from_wire, documented=False)
BACKUP_TIME_REMAINING = _read(
    "backup_time_remaining",
    "for how long the battery would carry the home",
    wire.backup_time_from_wire,
    documented=False,
)
PROGRAMS = _read("programs", "programmes that the site takes part in", wire.programs_from_wire, documented=False)
TARIFF_RATE = _read("tariff_rate", "the tariff that the site reckons with", wire.tariff_from_wire, documented=False)
SAVINGS_FORECAST = _read("savings_forecast", "what may be saved", wire.anything_from_wire, documented=False)
RATE_TARIFFS = _read(
    "rate_tariffs",
    "tariffs that may be chosen",
    wire.tariffs_from_wire,
    path=f"{_SITES}rate_tariffs",
    documented=False,
)

BACKUP = _write(
    "backup",
    "set the reserve in %",
    "Backup reserve updated",
    _percent("backup_reserve_percent", "not used but without the grid"),
)
OPERATION = _write(
    "operation",
    "set the mode",
    "Operation mode updated",
    Field(
        name="default_real_mode",
        type=_TEXT,
        required=True,
        high=40,
        choices=(Mode.SELF_CONSUMPTION.value, Mode.AUTONOMOUS.value, Mode.BACKUP.value),
        help="backup works, and Tesla documents the other two",
    ),
)
GRID_IMPORT_EXPORT = _write(
    "grid_import_export",
    "set what may go between battery and grid",
    "Grid import export updated",
    Field(name=wire.DISALLOW_GRID_CHARGING, type=_BOOL, help="true: the sun alone charges the battery"),
    Field(
        name=wire.EXPORT_RULE,
        type=_TEXT,
        high=40,
        choices=tuple(rule.value for rule in ExportRule if rule is not ExportRule.UNKNOWN),
        help="what may go out to the grid",
    ),
)
OFF_GRID_RESERVE = _write(
    "off_grid_vehicle_charging_reserve",
    "set what cars leave in the battery while there is no grid, in %",
    "Off grid vehicle charging reserve updated",
    _percent("off_grid_vehicle_charging_reserve_percent", "cars stop charging below"),
)
STORM_MODE = _write(
    "storm_mode",
    "have the battery filled before storms, or not",
    "Storm mode updated",
    Field(name="enabled", type=_BOOL, required=True),
)
TIME_OF_USE = _write(
    "time_of_use_settings",
    "set the tariff",
    "Time of use settings updated",
    Field(name="tou_settings", type=FieldType.OBJECT, required=True, help='{"tariff_content_v2": {…}}'),
)
COMMAND = _write(
    "command",
    "a message to the gateway; going off the grid this way is accepted and does nothing",
    "Command sent",
    Field(name="command_type", type=_TEXT, required=True, high=80),
    Field(name="command_properties", type=FieldType.OBJECT),
    documented=False,
)

WRITES: tuple[EnergyEndpoint, ...] = (
    BACKUP,
    OPERATION,
    GRID_IMPORT_EXPORT,
    OFF_GRID_RESERVE,
    STORM_MODE,
    TIME_OF_USE,
    COMMAND,
)
READS: tuple[EnergyEndpoint, ...] = (
    LIVE_STATUS,
    SITE_INFO,
    CALENDAR_HISTORY,
    TELEMETRY_HISTORY,
    HISTORY,
    SITE_STATUS,
    BACKUP_TIME_REMAINING,
    PROGRAMS,
    TARIFF_RATE,
    SAVINGS_FORECAST,
    RATE_TARIFFS,
)
ENDPOINTS: tuple[EnergyEndpoint, ...] = (PRODUCTS, *READS, *WRITES)
BY_NAME: dict[str, EnergyEndpoint] = {row.name: row for row in ENDPOINTS}

PARTNER_ACCOUNTS = Endpoint(
    name="partner_accounts",
    method="POST",
    path="/api/1/partner_accounts",
    help="register the application in a region, once",
    fields=(Field(name="domain", type=_TEXT, required=True, high=253),),
)
PARTNER_KEY = Endpoint(
    name="public_key",
    method="GET",
    path="/api/1/partner_accounts/public_key",
    help="the public key that is registered for a domain",
)
PUBLIC_KEY_PATH = "/.well-known/appspecific/com.tesla.3p.public-key.pem"
"""Where the public key must be on the application's own domain."""

BILLED_BELOW = 500
"""Answers with an HTTP code below may be billed, whatever they say."""

LONGEST_SITE = 18
"""Digits of a site's number."""


def billed_at(method: str, path: str) -> tuple[int, RequestKind] | None:
    """Return the site that a request is about and the class that it may be billed in; None = it is about none, and free."""
    site, _, call = path.removeprefix(_SITES).partition("/")
    is_number = site.isascii() and site.isdigit() and len(site) <= LONGEST_SITE
    if not path.startswith(_SITES) or not is_number or not call:
        return None
    return int(site), RequestKind.DATA if method == "GET" else RequestKind.COMMAND


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it is sent, whoever sends it."""

    row: Endpoint
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any] | None  #: None = no body


def request_to_wire(
    row: EnergyEndpoint,
    site: int | str | None = None,
    *,
    query: Mapping[str, Any] | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Request:
    """Return a call as a request.

    Args:
        row: the call.
        site: which site, for calls about one.
        query: what is written behind the path; None is left out.
        fields: the body; None is left out.

    Raises:
        ValueError: a value is not allowed; the text says what is.
    """
    if "{site}" in row.path and site is None:
        raise ValueError(f"{row.name} is about a site, and none is named")
    asked = _checked(row.name, row.query, query or {})
    told = _checked(row.name, row.fields, fields or {})
    if row.is_write and not told:
        raise ValueError(
            f"{row.name}: nothing is said; allowed is any of {', '.join(each.name for each in row.fields)}"
        )
    return Request(
        row=row,
        path=row.path.format(site=quote(str(site), safe="")),
        query={name: str(value) for name, value in asked.items()},
        body=told if row.is_write else None,
    )


def _checked(name: str, rows: tuple[Field, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    by_name = {row.name: row for row in rows}
    known = {key: value for key, value in given.items() if value is not None}
    for key in known:
        if key not in by_name:
            raise ValueError(f"{name} has no {key}; allowed is any of {', '.join(by_name) or 'nothing'}")
    for row in rows:
        if row.name not in known:
            if row.required:
                raise ValueError(f"{name}: {row.name} is missing; allowed is {allowed_of(row)}")
        elif not is_allowed(row, known[row.name]):
            raise ValueError(f"{name}: {row.name} is {known[row.name]!r}; allowed is {allowed_of(row)}")
    return known


def is_allowed(field: Field, value: object) -> bool:
    """Return whether a field may have a value."""
    match field.type:
        case FieldType.BOOL:
            return isinstance(value, bool)
        case FieldType.TEXT:
            is_text = isinstance(value, str) and len(value) <= (field.high or 0) and value.isprintable()
            return is_text and (not field.choices or value in field.choices)
        case FieldType.OBJECT:
            return isinstance(value, Mapping)
        case _:
            if isinstance(value, bool) or not isinstance(value, int if field.type is _INT else (int, float)):
                return False
            return (field.low is None or value >= field.low) and (field.high is None or value <= field.high)


def allowed_of(field: Field) -> str:
    """Return in words what a field may be."""
    if field.choices:
        return ", ".join(field.choices)
    match field.type:
        case FieldType.BOOL:
            return "true or false"
        case FieldType.TEXT:
            return f"a text of at most {field.high} characters"
        case FieldType.OBJECT:
            return f"an object {field.help}".strip()
        case _:
            return f"a whole number from {field.low} to {field.high}"
