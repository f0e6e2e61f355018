"""What each energy call of Tesla's cloud does, once it has come through login, limits and faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sunbox.dialects.powerwall import table, wire
from sunbox.dialects.powerwall.facts import ExportRule, Mode
from sunbox.dialects.powerwall.table import EnergyEndpoint
from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.table import Endpoint
from sunbox.simulator.energy_site import EnergySite
from sunbox.simulator.faults import Reply
from sunbox.simulator.powerwall import Powerwall, ReplyStyle
from sunbox.simulator.tesla_answers import Call, failed, ok, summary_of
from sunbox.simulator.tesla_effects import invalid_field

EMPTY_SITE: dict[str, Any] = {
    "energy_site_id": 98765,
    "components": {"battery": False, "solar": False, "grid": False, "load_meter": False, "market_type": "residential"},
}
"""A site where nothing is, as accounts have them."""

UPSTREAM = "upstream internal error"

TARIFFS = (
    {"tariffID": "SIM-FLAT", "description": "One price", "utility": "Simulated", "country": "DE", "state": "BE"},
    {"tariffID": "SIM-TOU", "description": "Time of use", "utility": "Simulated", "country": "DE", "state": "BE"},
)


def answer_energy(call: Call) -> Reply:
    """Carry out a call and return its answer."""
    row = call.row
    if row is table.BACKUP and isinstance(told := call.body.get("backup_reserve_percent"), int) and told > 100:
        return failed(500, UPSTREAM)  # evcc#13420
    wrong = invalid_field(row, call.body) if row.fields else None
    if wrong is not None:
        return failed(400, envelopes.INVALID_FIELD, wrong)
    if isinstance(row, EnergyEndpoint):
        if "{site}" in row.path and call.is_hit_by("site_gone"):
            return failed(404, envelopes.NOT_FOUND)
        if not row.is_documented and call.account.is_old_api_gone():
            return failed(404, envelopes.NOT_FOUND)
        for field in row.query:
            if field.required and field.name not in call.query:
                return failed(400, envelopes.INVALID_REQUEST, f"{field.name} is required")
            if field.choices and call.query.get(field.name, field.choices[0]) not in field.choices:
                return failed(400, envelopes.INVALID_REQUEST, f"{field.name} must be one of {', '.join(field.choices)}")
    return ANSWERS[row.name](call)


def _products(call: Call) -> Reply:
    account = call.account
    cars = [summary_of(account, car) for car in account.cars] if account.lists_vehicles else []
    sites = [site.product() for site in account.sites]
    return ok(envelopes.many([*cars, *sites, *([EMPTY_SITE] if account.sites else [])]))


def _of_site(make: Callable[[EnergySite], Mapping[str, Any]]) -> Callable[[Call], Reply]:
    return lambda call: ok(envelopes.one(dict(make(call.energy_site))))


def _live_status(call: Call) -> Reply:
    frozen = None if call.fault is None else call.fault.frozen_sites.get(call.energy_site.settings.site_id)
    return ok(frozen or wire.live_status_to_wire(call.energy_site.live_status()))


def _history(call: Call) -> Reply:
    try:
        return ok(envelopes.one(call.energy_site.history(call.query)))
    except ValueError as error:
        return failed(400, envelopes.INVALID_REQUEST, str(error))


def _tariff(site: EnergySite) -> Mapping[str, Any]:
    tariff = None if site.battery is None else site.battery.shown.tariff
    return {} if tariff is None else {"tariff_content_v2": tariff}


Change = Callable[[Mapping[str, Any]], dict[str, Any]]


def _import_export(body: Mapping[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if body.get(wire.DISALLOW_GRID_CHARGING) is not None:
        changed["is_grid_charging"] = not body[wire.DISALLOW_GRID_CHARGING]
    if body.get(wire.EXPORT_RULE) is not None:
        changed["export_rule"] = ExportRule(body[wire.EXPORT_RULE])
    return changed


CHANGES: dict[str, Change] = {
    table.BACKUP.name: lambda body: {"reserve_pct": int(body["backup_reserve_percent"])},
    table.OPERATION.name: lambda body: {"mode": Mode(body["default_real_mode"])},
    table.GRID_IMPORT_EXPORT.name: _import_export,
    table.OFF_GRID_RESERVE.name: lambda body: {
        "off_grid_vehicle_reserve_pct": int(body["off_grid_vehicle_charging_reserve_percent"])
    },
    table.STORM_MODE.name: lambda body: {"is_storm_mode_enabled": body["enabled"]},
    table.TIME_OF_USE.name: lambda body: {"tariff": body["tou_settings"].get("tariff_content_v2")},
    table.COMMAND.name: lambda _: {},  # going off the grid through the cloud is accepted and does nothing
}
"""What each write changes of how the battery is set."""


def _write(call: Call) -> Reply:
    battery: Powerwall | None = call.energy_site.battery
    if battery is None:
        return failed(400, envelopes.INVALID_REQUEST, "the site has no battery")
    if call.is_hit_by("write_refused"):
        return ok({"response": {"Message": "not allowed", "Code": 400}})
    changed = CHANGES[call.row.name](call.body)
    if changed:
        battery.tell(is_ignored=call.is_hit_by("write_ignored"), **changed)
    style = battery.manner.reply_style
    # mixed: as one write was in the old words while another had the new ones already (TeslaPy#171)
    is_old = style is ReplyStyle.OLD or (style is ReplyStyle.MIXED and call.row is not table.BACKUP)
    message = call.row.message if isinstance(call.row, EnergyEndpoint) else ""
    return ok(wire.write_to_wire(message, is_old=is_old))


def _register(call: Call) -> Reply:
    domain = str(call.body["domain"])
    call.account.register(domain)
    return ok(envelopes.one({"account_id": "simulated", "domain": domain, "public_key": "04" + "ab" * 64}))


def _key(call: Call) -> Reply:
    if not call.account.is_registered():
        return failed(404, envelopes.NOT_FOUND)
    return ok(envelopes.one({"public_key": "04" + "ab" * 64}))


ANSWERS: dict[str, Callable[[Call], Reply]] = {
    table.PRODUCTS.name: _products,
    table.LIVE_STATUS.name: _live_status,
    table.SITE_INFO.name: _of_site(EnergySite.site_info),
    table.SITE_STATUS.name: _of_site(EnergySite.summary),
    table.CALENDAR_HISTORY.name: _history,
    table.HISTORY.name: _history,
    table.TELEMETRY_HISTORY.name: _of_site(lambda _: {"charge_history": []}),
    table.BACKUP_TIME_REMAINING.name: _of_site(lambda site: {"time_remaining_hours": site.backup_time_s() / 3600.0}),
    table.PROGRAMS.name: _of_site(lambda _: {"programs": []}),
    table.TARIFF_RATE.name: _of_site(_tariff),
    table.SAVINGS_FORECAST.name: _of_site(lambda _: {}),
    table.RATE_TARIFFS.name: lambda _: ok(envelopes.many([dict(row) for row in TARIFFS])),
    **{row.name: _write for row in table.WRITES},
    table.PARTNER_ACCOUNTS.name: _register,
    table.PARTNER_KEY.name: _key,
}
"""One per row of the energy table, and of the two about the application itself."""

PARTNER_ROWS: tuple[Endpoint, ...] = (table.PARTNER_ACCOUNTS, table.PARTNER_KEY)
