"""The energy endpoints' wire, both ways: each key, word and unit stands here once.

Inwards everything is parsed, bounded and typed: an unknown word becomes UNKNOWN, what is missing or impossible None.
Sources: recorded answers of home-assistant/core, timdorr/tesla-api and pypowerwall; replies of writes as in tdorssers/TeslaPy#172
and bogosj/tesla#153 (`code` 201 until July 2025, `Code` 200 since, both at one time).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sunbox.dialects.powerwall.facts import (
    ENERGY_COUNTERS,
    BackupEvent,
    EnergySample,
    ExportRule,
    GridState,
    History,
    Island,
    LiveStatus,
    Mode,
    PowerSample,
    Product,
    Region,
    SiteInfo,
    SocSample,
    WallConnector,
    WriteReply,
)

Parse = Callable[[object], Any]

MOST_W, MOST_WH = 10_000_000.0, 1e12
"""Larger numbers are mistakes."""
LONGEST_TEXT = 200
MOST_ROWS = 20_000
"""Longest list that is read: a month of five-minute samples has 8,928."""

NO_PACK_WH = 1
"""`total_pack_energy` of a site without a battery (timdorr/tesla-api, solar only): then neither it nor the charge means anything."""

ACCEPTED_CODES = frozenset({200, 201})


# one value


def _number(value: object, low: float, high: float) -> float | None:
    """Return a number within its bounds, else None. Compares first: NaN, infinities and giant integers fall out."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if low <= value <= high else None


def _bounded(low: float, high: float) -> Parse:
    return lambda value: _number(value, low, high)


def _int(value: object) -> int | None:
    number = _number(value, -(2**53), 2**53)
    return None if number is None or not number.is_integer() else int(number)


def _bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
        return None
    return value or None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _mode(value: object) -> Mode:
    return next((mode for mode in Mode if mode.value == value), Mode.UNKNOWN)


def _export_rule(value: object) -> ExportRule:
    return next((rule for rule in ExportRule if rule.value == value), ExportRule.UNKNOWN)


def _grid(value: object) -> GridState:
    return next((state for state in GridState if state.value == value), GridState.UNKNOWN)


def island_of(value: object) -> Island:
    """Return whether the home runs by itself: the app knows more words that begin with `off_grid` than are documented."""
    if not isinstance(value, str):
        return Island.UNKNOWN
    if value == Island.ON_GRID.value:
        return Island.ON_GRID
    return Island.OFF_GRID if value.startswith(Island.OFF_GRID.value) else Island.UNKNOWN


_POWER = _bounded(-MOST_W, MOST_W)
_SOLAR = _bounded(-1000.0, MOST_W)  # an idle inverter takes some watts
_ENERGY = _bounded(0.0, MOST_WH)
_PERCENT = _bounded(0.0, 100.0)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def response_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what stands in `response`.

    Raises:
        ValueError: it is no object, as Tesla is known to answer at times (home-assistant guards against it).
    """
    response = document.get("response")
    if not isinstance(response, Mapping):
        raise ValueError("the answer has no object in `response`")  # noqa: TRY004 - a wrong body, not a wrong call
    return response


def _read(keys: Mapping[str, tuple[str, Parse]], told: Mapping[str, Any]) -> dict[str, Any]:
    return {field: parse(told.get(key)) for key, (field, parse) in keys.items()}


# live_status

LIVE_STATUS: dict[str, tuple[str, Parse]] = {
    "solar_power": ("solar_w", _SOLAR),
    "energy_left": ("energy_left_wh", _ENERGY),
    "total_pack_energy": ("pack_energy_wh", _ENERGY),
    "percentage_charged": ("soc_pct", _PERCENT),
    "backup_capable": ("is_backup_capable", _bool),
    "battery_power": ("battery_w", _POWER),
    "load_power": ("load_w", _POWER),
    "grid_status": ("grid", _grid),
    "grid_services_active": ("is_serving_grid", _bool),
    "grid_power": ("grid_w", _POWER),
    "grid_services_power": ("grid_services_w", _POWER),
    "generator_power": ("generator_w", _POWER),
    "island_status": ("island_word", _text),
    "storm_mode_active": ("is_storm_watched", _bool),
    "timestamp": ("measured_at", _instant),
}
"""Key of `live_status` → field of `LiveStatus` and how it is read."""

WALL_CONNECTOR: dict[str, tuple[str, Parse]] = {
    "din": ("din", _text),
    "wall_connector_state": ("state", _int),
    "wall_connector_fault_state": ("fault_state", _int),
    "wall_connector_power": ("power_w", _POWER),
}


def _wall_connectors(value: object) -> tuple[WallConnector, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(WallConnector(**_read(WALL_CONNECTOR, row)) for row in value[:100] if isinstance(row, Mapping))


def _without_pack(known: dict[str, Any]) -> dict[str, Any]:
    """Return the same without what a site says of a battery that it does not have."""
    pack_wh = known["pack_energy_wh"]
    if pack_wh is None or pack_wh > NO_PACK_WH:
        return known
    return {**known, "pack_energy_wh": None, "energy_left_wh": None, "soc_pct": None}


def live_status_from_wire(document: Mapping[str, Any]) -> LiveStatus:
    """Return what flows.

    Raises:
        ValueError: it is no such answer.
    """
    told = response_of(document)
    known = _without_pack(_read(LIVE_STATUS, told))
    return LiveStatus(
        **known,
        island=island_of(known["island_word"]),
        wall_connectors=_wall_connectors(told.get("wall_connectors")),
    )


# site_info

SITE_INFO: dict[str, tuple[str, Parse]] = {
    "site_name": ("name", _text),
    "backup_reserve_percent": ("reserve_pct", _PERCENT),
    "default_real_mode": ("mode", _mode),
    "version": ("version", _text),
    "battery_count": ("batteries", _int),
    "nameplate_power": ("nameplate_power_w", _ENERGY),
    "nameplate_energy": ("nameplate_energy_wh", _ENERGY),
    "installation_time_zone": ("timezone_name", _text),
    "off_grid_vehicle_charging_reserve_percent": ("off_grid_vehicle_reserve_pct", _PERCENT),
    "vpp_backup_reserve_percent": ("vpp_reserve_pct", _PERCENT),
}
USER_SETTINGS: dict[str, tuple[str, Parse]] = {"storm_mode_enabled": ("is_storm_mode_enabled", _bool)}
COMPONENTS: dict[str, tuple[str, Parse]] = {
    "battery": ("has_battery", _bool),
    "solar": ("has_solar", _bool),
    "storm_mode_capable": ("is_storm_mode_capable", _bool),
    "grid_services_enabled": ("is_grid_service_enabled", _bool),
    "off_grid_vehicle_charging_reserve_supported": ("takes_off_grid_vehicle_reserve", _bool),
}
DISALLOW_GRID_CHARGING = "disallow_charge_from_grid_with_solar_installed"
EXPORT_RULE = "customer_preferred_export_rule"
NON_EXPORT = "non_export_configured"


def may_charge_from_grid(components: Mapping[str, Any]) -> bool:
    """Return whether the battery may be charged from the grid: the flag says the opposite, and absent allows it."""
    return components.get(DISALLOW_GRID_CHARGING) is not True


def export_rule_of(components: Mapping[str, Any]) -> ExportRule:
    """Return what may go out: a site that was set up not to export never does; without a rule everything may."""
    if components.get(NON_EXPORT) is True:
        return ExportRule.NOTHING
    told = components.get(EXPORT_RULE)
    return ExportRule.EVERYTHING if told is None else _export_rule(told)


def site_info_from_wire(document: Mapping[str, Any]) -> SiteInfo:
    """Return what a site is.

    Raises:
        ValueError: it is no such answer.
    """
    told = response_of(document)
    components = told.get("components")
    parts = _object(components)
    return SiteInfo(
        **_read(SITE_INFO, told),
        **_read(USER_SETTINGS, _object(told.get("user_settings"))),
        **_read(COMPONENTS, parts),
        may_charge_from_grid=may_charge_from_grid(parts) if isinstance(components, Mapping) else None,
        export_rule=export_rule_of(parts) if isinstance(components, Mapping) else ExportRule.UNKNOWN,
    )


# products and site_status

PRODUCT: dict[str, tuple[str, Parse]] = {
    "energy_site_id": ("site_id", _int),
    "site_name": ("name", _text),
    "resource_type": ("kind", _text),
    "energy_left": ("energy_left_wh", _ENERGY),
    "total_pack_energy": ("pack_energy_wh", _ENERGY),
    "percentage_charged": ("soc_pct", _PERCENT),
    "battery_power": ("battery_w", _POWER),
}


def _product(row: Mapping[str, Any]) -> Product:
    known = _without_pack(_read(PRODUCT, row))
    parts = _object(row.get("components"))
    has = {field: parse(parts.get(key)) for key, (field, parse) in COMPONENTS.items() if field.startswith("has_")}
    if row.get("resource_type") == "battery":
        has["has_battery"] = True
    return Product(**known, **has)


def products_from_wire(document: Mapping[str, Any]) -> tuple[Product, ...]:
    """Return the energy sites of the account; vehicles are left out.

    Raises:
        ValueError: it is no list.
    """
    response = document.get("response")
    if not isinstance(response, list):
        raise ValueError("the answer has no list in `response`")  # noqa: TRY004 - a wrong body, not a wrong call
    rows = (row for row in response[:MOST_ROWS] if isinstance(row, Mapping))
    return tuple(product for product in map(_product, rows) if product.site_id is not None)


def site_status_from_wire(document: Mapping[str, Any]) -> Product:
    """Return a site's summary.

    Raises:
        ValueError: it is no such answer.
    """
    return _product(response_of(document))


def chosen(products: tuple[Product, ...]) -> Product | None:
    """Return the site that is meant where nobody says: the first with a battery, else the first."""
    return next((each for each in products if each.has_battery), products[0] if products else None)


# histories

_POWER_SAMPLE: dict[str, tuple[str, Parse]] = {
    "timestamp": ("began_at", _instant),
    "solar_power": ("solar_w", _SOLAR),
    "battery_power": ("battery_w", _POWER),
    "grid_power": ("grid_w", _POWER),
    "grid_services_power": ("grid_services_w", _POWER),
    "generator_power": ("generator_w", _POWER),
}
_ENERGY_SAMPLE: dict[str, tuple[str, Parse]] = {
    "timestamp": ("began_at", _instant),
    **{counter: (f"{counter}_wh", _ENERGY) for counter in ENERGY_COUNTERS},
}
_SOC_SAMPLE: dict[str, tuple[str, Parse]] = {"timestamp": ("at", _instant), "soe": ("soc_pct", _PERCENT)}
_BACKUP_EVENT: dict[str, tuple[str, Parse]] = {
    "timestamp": ("began_at", _instant),
    "duration": ("duration_s", lambda value: None if (ms := _number(value, 0, 1e15)) is None else ms / 1000.0),
}
"""`duration` is milliseconds (home-assistant, TeslaPy)."""


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [row for row in value[:MOST_ROWS] if isinstance(row, Mapping)] if isinstance(value, list) else []


def history_from_wire(document: Mapping[str, Any]) -> History:
    """Return what was: energies, powers, charges or times without the grid, whichever the answer has.

    Raises:
        ValueError: it is no such answer.
    """
    told = response_of(document)
    rows = _rows(told.get("time_series"))
    is_energy = any(counter in row for row in rows for counter in ENERGY_COUNTERS)
    is_power = not is_energy and any("solar_power" in row or "grid_power" in row for row in rows)
    is_soc = any("soe" in row for row in rows)
    return History(
        period=_text(told.get("period")),
        timezone_name=_text(told.get("installation_time_zone")),
        energy=tuple(EnergySample(**_read(_ENERGY_SAMPLE, row)) for row in rows) if is_energy else (),
        power=tuple(PowerSample(**_read(_POWER_SAMPLE, row)) for row in rows) if is_power else (),
        soc=tuple(SocSample(**_read(_SOC_SAMPLE, row)) for row in rows) if is_soc else (),
        backups=tuple(BackupEvent(**_read(_BACKUP_EVENT, row)) for row in _rows(told.get("events"))),
    )


# the rest


def backup_time_from_wire(document: Mapping[str, Any]) -> float | None:
    """Return for how many seconds the battery would carry the home as it is now.

    Raises:
        ValueError: it is no such answer.
    """
    hours = _number(response_of(document).get("time_remaining_hours"), 0.0, 100_000.0)
    return None if hours is None else hours * 3600.0


def programs_from_wire(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the programmes that the site takes part in, as they are told.

    Raises:
        ValueError: it is no such answer.
    """
    return tuple(_rows(response_of(document).get("programs")))


def tariff_from_wire(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a tariff as it is told, new form (`tariff_content_v2`) or old.

    Raises:
        ValueError: it is no such answer.
    """
    told = response_of(document)
    inner = told.get("tariff_content_v2")
    return inner if isinstance(inner, Mapping) else told


def tariffs_from_wire(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the tariffs that may be chosen, as they are told.

    Raises:
        ValueError: it is no list.
    """
    response = document.get("response")
    if not isinstance(response, list):
        raise ValueError("the answer has no list in `response`")  # noqa: TRY004 - a wrong body, not a wrong call
    return tuple(_rows(response))


def anything_from_wire(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an answer whose shape nobody has told, as it is."""
    return document


def region_from_wire(document: Mapping[str, Any]) -> Region:
    """Return which region serves the account.

    Raises:
        ValueError: it is no such answer.
    """
    told = response_of(document)
    return Region(region=_text(told.get("region")), base_url=_text(told.get("fleet_api_base_url")))


def write_from_wire(document: Mapping[str, Any]) -> WriteReply:
    """Return what the answer 200 to a write says, in its old and its new words, whatever their capitals; never raises.

    No code counts as yes: an empty `response` was seen.
    """
    told = {str(key).lower(): value for key, value in _object(document.get("response")).items()}
    code = _int(told.get("code"))
    is_refused = told.get("result") is False or _text(document.get("error")) is not None
    message = _text(told.get("message")) or _text(told.get("reason")) or _text(document.get("error"))
    return WriteReply(
        is_accepted=not is_refused and (code is None or code in ACCEPTED_CODES), code=code, message=message
    )


# outwards

_WRITE: dict[Parse, Callable[[Any], Any]] = {_instant: lambda at: at.isoformat(timespec="seconds")}


def _written(keys: Mapping[str, tuple[str, Parse]], known: object, leave_out: frozenset[str]) -> dict[str, Any]:
    told = {}
    for key, (field, parse) in keys.items():
        value = getattr(known, field)
        if value is None and key in leave_out:
            continue
        told[key] = value if value is None or parse not in _WRITE else _WRITE[parse](value)
    return told


MAY_LACK = frozenset({"energy_left", "total_pack_energy", "percentage_charged", "backup_capable", "battery_power"})
"""Keys that are left out, not null, where they are not known."""


def live_status_to_wire(status: LiveStatus) -> dict[str, Any]:
    """Return the answer of `live_status`."""
    connectors = status.wall_connectors
    told = _written(LIVE_STATUS, status, MAY_LACK)
    told["wall_connectors"] = (
        None if connectors is None else [_written(WALL_CONNECTOR, each, frozenset()) for each in connectors]
    )
    return {"response": told}


def energy_sample_to_wire(sample: EnergySample) -> dict[str, Any]:
    """Return an entry of a history of energies; its time keeps its zone."""
    told = {key: getattr(sample, field) for key, (field, _) in _ENERGY_SAMPLE.items()}
    told["timestamp"] = None if sample.began_at is None else sample.began_at.isoformat(timespec="seconds")
    return told


def power_sample_to_wire(sample: PowerSample) -> dict[str, Any]:
    """Return an entry of a history of powers; its time keeps its zone."""
    return _written(_POWER_SAMPLE, sample, frozenset())


def write_to_wire(message: str, *, is_old: bool) -> dict[str, Any]:
    """Return the answer to a write, as until July 2025 or since."""
    return {"response": {"code": 201, "message": "Updated"} if is_old else {"Message": message, "Code": 200}}


assert {field.name for field in fields(LiveStatus)} == {  # noqa: S101 - a slip in the table above
    *(name for name, _ in LIVE_STATUS.values()),
    "island",
    "wall_connectors",
}
