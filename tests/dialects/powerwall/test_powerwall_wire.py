"""Every recorded answer is read: signs, units, and what is missing stays missing."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from powerwall_files import FIXTURES, needs_files, recorded

from sunbox.core.commands import Cause, RequestKind
from sunbox.dialects.powerwall import gateway, table, wire
from sunbox.dialects.powerwall.facts import ENERGY_COUNTERS, ExportRule, GridState, Island, LiveStatus, Mode
from sunbox.dialects.tesla.wire import read_failure_from_wire

READ_BY: dict[str, table.EnergyEndpoint] = {
    "backup_time_remaining": table.BACKUP_TIME_REMAINING,
    "calendar_history_energy_day_ha": table.CALENDAR_HISTORY,
    "calendar_history_energy_year_timdorr": table.CALENDAR_HISTORY,
    "calendar_history_power_timdorr": table.CALENDAR_HISTORY,
    "history_energy_week_timdorr": table.HISTORY,
    "history_power_timdorr": table.HISTORY,
    "live_status_powerwall_ha": table.LIVE_STATUS,
    "live_status_powerwall_pypowerwall": table.LIVE_STATUS,
    "live_status_solar_only_timdorr": table.LIVE_STATUS,
    "post_backup_since_2025-07": table.BACKUP,
    "post_grid_import_export_2026_unverified": table.GRID_IMPORT_EXPORT,
    "post_operation_since_2025-07": table.OPERATION,
    "post_updated_until_2025-07": table.BACKUP,
    "products": table.PRODUCTS,
    "programs_empty_timdorr": table.PROGRAMS,
    "rate_tariffs_timdorr": table.RATE_TARIFFS,
    "site_info_powerwall_ha": table.SITE_INFO,
    "site_info_powerwall_timdorr": table.SITE_INFO,
    "site_info_solar_only_timdorr": table.SITE_INFO,
    "site_status_battery_timdorr": table.SITE_STATUS,
    "site_status_solar_only_timdorr": table.SITE_STATUS,
    "tariff_content_v2_teslemetry": table.TARIFF_RATE,
    "tariff_rate_timdorr": table.TARIFF_RATE,
}
READ_OTHERWISE = {
    "error_401_expired", "error_403_forbidden", "error_412_not_registered", "error_500_upstream",
    "fleetapi_config_sample", "gateway_grid_status", "gateway_login_response", "gateway_meters_aggregates",
    "gateway_operation", "gateway_soe", "region",
}  # fmt: skip


@needs_files
def test_every_recording_is_read_by_something() -> None:
    assert {path.stem for path in FIXTURES.glob("*.json")} == READ_BY.keys() | READ_OTHERWISE


@needs_files
@pytest.mark.parametrize("name", sorted(READ_BY))
def test_each_recording_is_parsed_by_its_row(name: str) -> None:
    assert READ_BY[name].parser(recorded(name)) is not None


def live(name: str) -> LiveStatus:
    return wire.live_status_from_wire(recorded(f"live_status_{name}"))


@needs_files
@pytest.mark.parametrize("name", ["powerwall_ha", "powerwall_pypowerwall", "solar_only_timdorr"])
def test_what_flows_in_flows_out(name: str) -> None:
    seen = live(name)
    assert None not in (seen.solar_w, seen.grid_w, seen.battery_w, seen.load_w)
    assert seen.solar_w + seen.battery_w + seen.grid_w == pytest.approx(seen.load_w)  # type: ignore[operator]


@needs_files
def test_a_powerwall_that_discharges_has_a_positive_power() -> None:
    seen = live("powerwall_ha")
    assert (seen.solar_w, seen.battery_w, seen.grid_w, seen.load_w) == (1185.0, 5060.0, 0.0, 6245.0)
    assert seen.soc_pct == pytest.approx(95.505374)
    assert (seen.grid, seen.island) == (GridState.ACTIVE, Island.ON_GRID)
    assert seen.measured_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert (seen.energy_left_wh, seen.pack_energy_wh) == (None, None)
    assert seen.wall_connectors is not None
    assert [each.power_w for each in seen.wall_connectors] == [0.0, 0.0]
    assert live("powerwall_pypowerwall").measured_at == datetime(2024, 5, 12, 7, 18, 19, tzinfo=UTC)


@needs_files
def test_what_is_fed_into_the_grid_is_negative_and_no_battery_has_no_charge() -> None:
    seen = live("solar_only_timdorr")
    assert seen.grid_w == pytest.approx(-3202.85, abs=0.01)
    assert (seen.soc_pct, seen.energy_left_wh, seen.pack_energy_wh) == (None, None, None)
    assert (seen.grid, seen.island) == (GridState.UNKNOWN, Island.UNKNOWN)
    assert seen.is_backup_capable is None
    assert seen.wall_connectors is None


def test_what_is_missing_stays_missing() -> None:
    seen = wire.live_status_from_wire({"response": {"solar_power": 5, "timestamp": "2024-01-01T00:00:00Z"}})
    untold = {
        name: getattr(seen, name) for name in LiveStatus.__dataclass_fields__ if name not in ("solar_w", "measured_at")
    }
    assert {value for value in untold.values() if value is not None} == {GridState.UNKNOWN, Island.UNKNOWN}
    info = wire.site_info_from_wire({"response": {}})
    assert (info.reserve_pct, info.mode, info.may_charge_from_grid) == (None, Mode.UNKNOWN, None)


@pytest.mark.parametrize("bad", ["x", True, None, [], 1e300, float("nan"), float("inf"), -1e12, {}])
def test_what_cannot_be_a_power_is_none(bad: Any) -> None:
    told = {"response": dict.fromkeys(wire.LIVE_STATUS, bad)}
    seen = wire.live_status_from_wire(told)
    assert (seen.solar_w, seen.grid_w, seen.battery_w, seen.load_w, seen.measured_at) == (None,) * 5


@pytest.mark.parametrize("body", [{}, {"response": None}, {"response": ""}, {"response": []}, {"response": 3}])
def test_an_answer_without_an_object_is_refused(body: dict[str, Any]) -> None:
    for row in (table.LIVE_STATUS, table.SITE_INFO, table.SITE_STATUS, table.HISTORY):
        with pytest.raises(ValueError, match="no object in `response`"):
            row.parser(body)


@pytest.mark.parametrize(
    ("word", "island"),
    [
        ("on_grid", Island.ON_GRID),
        ("off_grid", Island.OFF_GRID),
        ("off_grid_intentional", Island.OFF_GRID),
        ("off_grid_unintentional_open_contactor", Island.OFF_GRID),
        ("island_status_unknown", Island.UNKNOWN),
        (7, Island.UNKNOWN),
    ],
)
def test_being_off_the_grid_is_told_by_the_beginning_of_the_word(word: object, island: Island) -> None:
    assert wire.island_of(word) is island


@needs_files
def test_a_site_tells_how_it_is_set() -> None:
    ha, timdorr = (wire.site_info_from_wire(recorded(f"site_info_powerwall_{name}")) for name in ("ha", "timdorr"))
    assert (ha.reserve_pct, ha.mode, ha.version, ha.batteries) == (0.0, Mode.SELF_CONSUMPTION, "23.44.0 eb113390", 2)
    assert (ha.nameplate_power_w, ha.nameplate_energy_wh) == (15000.0, 40500.0)
    assert ha.timezone_name is None  # it is ""
    assert (ha.may_charge_from_grid, ha.export_rule) == (False, ExportRule.SOLAR)
    assert (timdorr.may_charge_from_grid, timdorr.export_rule) == (True, ExportRule.EVERYTHING)
    assert (timdorr.reserve_pct, timdorr.off_grid_vehicle_reserve_pct, timdorr.vpp_reserve_pct) == (100.0, 75.0, None)
    solar = wire.site_info_from_wire(recorded("site_info_solar_only_timdorr"))
    assert (solar.has_battery, solar.reserve_pct, solar.mode) == (False, None, Mode.UNKNOWN)


def test_a_site_that_never_exports_is_so_whatever_the_rule() -> None:
    parts = {"non_export_configured": True, "customer_preferred_export_rule": "battery_ok"}
    assert wire.export_rule_of(parts) is ExportRule.NOTHING
    assert wire.export_rule_of({"customer_preferred_export_rule": "sometimes"}) is ExportRule.UNKNOWN


@needs_files
def test_vehicles_are_no_sites_and_an_empty_site_is_not_chosen() -> None:
    products = wire.products_from_wire(recorded("products"))
    assert [(each.site_id, each.name, each.has_battery) for each in products] == [
        (123456, "Energy Site", True),
        (98765, None, False),
    ]
    assert products[0].energy_left_wh == pytest.approx(23286.105)
    assert products[0].pack_energy_wh == 40804.0
    assert wire.chosen(products[::-1]) == products[0]
    assert wire.chosen(products[1:]) == products[1]
    assert wire.chosen(()) is None


@needs_files
def test_energies_are_watt_hours() -> None:
    (day,) = wire.history_from_wire(recorded("calendar_history_energy_day_ha")).energy
    assert len(ENERGY_COUNTERS) == 21
    assert (day.solar_energy_exported_wh, day.grid_energy_imported_wh) == (70940.0, 521.0)
    assert day.total_home_usage_wh == 20932.0
    assert day.began_at == datetime(2023, 6, 1, 8, tzinfo=UTC)
    (year,) = wire.history_from_wire(recorded("calendar_history_energy_year_timdorr")).energy
    assert (year.solar_energy_exported_wh, year.total_home_usage_wh) == (152680.0, None)
    (power,) = wire.history_from_wire(recorded("history_power_timdorr")).power
    assert (power.solar_w, power.grid_w) == (0.0, 0.0)


@needs_files
def test_the_time_that_a_backup_lasts_is_seconds() -> None:
    assert wire.backup_time_from_wire(recorded("backup_time_remaining")) == pytest.approx(7536.01, abs=0.01)


@needs_files
@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("updated_until_2025-07", 201, "Updated"),
        ("backup_since_2025-07", 200, "Backup reserve updated"),
        ("operation_since_2025-07", 200, "Operation mode updated"),
        ("grid_import_export_2026_unverified", None, None),
    ],
)
def test_writes_are_accepted_in_old_and_new_words(name: str, code: int | None, message: str | None) -> None:
    told = wire.write_from_wire(recorded(f"post_{name}"))
    assert (told.is_accepted, told.code, told.message) == (True, code, message)


@pytest.mark.parametrize(
    "body",
    [
        {"response": {"code": 400, "message": "no"}},
        {"response": {"CODE": 500}},
        {"response": {"result": False, "reason": "no"}},
        {"response": None, "error": "forbidden"},
    ],
)
def test_a_no_is_a_no_whatever_its_shape(body: dict[str, Any]) -> None:
    assert not wire.write_from_wire(body).is_accepted


@pytest.mark.parametrize("is_old", [True, False])
def test_replies_are_written_as_they_are_read(is_old: bool) -> None:
    assert wire.write_from_wire(wire.write_to_wire("Backup reserve updated", is_old=is_old)).is_accepted


@needs_files
@pytest.mark.parametrize(
    ("name", "status", "cause"),
    [
        ("401_expired", 401, Cause.LOGIN_REQUIRED),
        ("403_forbidden", 403, Cause.FORBIDDEN),
        ("412_not_registered", 412, Cause.INVALID),
        ("500_upstream", 500, Cause.SERVER_ERROR),
    ],
)
def test_errors_have_a_cause(name: str, status: int, cause: Cause) -> None:
    body = (FIXTURES / f"error_{name}.json").read_bytes()
    failure = read_failure_from_wire(status, {}, body)
    assert failure.cause is cause
    assert failure.detail


@needs_files
def test_the_region_is_read() -> None:
    assert wire.region_from_wire(recorded("region")).region == "eu"


@needs_files
def test_the_gateway_has_the_cloud_s_signs_and_its_own_scale() -> None:
    flows = gateway.flows_from_wire(recorded("gateway_meters_aggregates"))
    powers = {name: getattr(flows, name).power_w for name in ("solar", "battery", "grid", "load")}
    assert powers == {"solar": 6500.0, "battery": -3500.0, "grid": -2100.0, "load": 900.0}
    assert powers["solar"] + powers["battery"] + powers["grid"] == powers["load"]
    assert (flows.solar.exported_wh, flows.grid.imported_wh) == (257720.0, pytest.approx(887602.08, abs=0.01))
    assert flows.grid.measured_at == datetime(2021, 10, 17, 14, 23, 34, 290637, tzinfo=UTC)
    assert gateway.soc_from_wire(recorded("gateway_soe")) == pytest.approx(19.974, abs=0.001)
    assert gateway.island_from_wire(recorded("gateway_grid_status")) is Island.ON_GRID
    assert gateway.flows_from_wire(gateway.flows_to_wire(flows)) == flows


@pytest.mark.parametrize(("app", "stored"), [(0.0, 5.0), (20.0, 24.0), (100.0, 100.0)])
def test_the_app_hides_five_percent(app: float, stored: float) -> None:
    assert gateway.stored_pct(app) == pytest.approx(stored)
    assert gateway.app_pct(stored) == pytest.approx(app)


def test_rows_are_billed_as_dear_as_they_may_be() -> None:
    assert {row.bills for row in table.READS} == {RequestKind.DATA}
    assert {row.bills for row in table.WRITES} == {RequestKind.COMMAND}
    assert len({row.name for row in table.ENDPOINTS}) == len({(row.method, row.path) for row in table.ENDPOINTS})


def test_a_request_is_written_once_for_whoever_sends_it() -> None:
    asked = table.request_to_wire(table.BACKUP, 123456, fields={"backup_reserve_percent": 30})
    assert (asked.path, asked.body) == ("/api/1/energy_sites/123456/backup", {"backup_reserve_percent": 30})
    past = table.request_to_wire(
        table.CALENDAR_HISTORY, "1", query={"kind": "energy", "period": "day", "time_zone": None}
    )
    assert (past.query, past.body) == ({"kind": "energy", "period": "day"}, None)
    assert table.request_to_wire(table.LIVE_STATUS, "a/../b").path == "/api/1/energy_sites/a%2F..%2Fb/live_status"


@pytest.mark.parametrize(
    ("row", "fields", "words"),
    [
        (table.BACKUP, {"backup_reserve_percent": 101}, "allowed is a whole number from 0 to 100"),
        (table.BACKUP, {"backup_reserve_percent": 30.5}, "30.5"),
        (table.BACKUP, {"backup_reserve_percent": True}, "True"),
        (table.BACKUP, {}, "missing"),
        (table.OPERATION, {"default_real_mode": "scheduler"}, "allowed is self_consumption, autonomous, backup"),
        (table.STORM_MODE, {"enabled": 1}, "true or false"),
        (table.STORM_MODE, {"enabled": True, "loud": True}, "has no loud"),
        (table.GRID_IMPORT_EXPORT, {}, "nothing is said"),
        (table.TIME_OF_USE, {"tou_settings": "x"}, "an object"),
    ],
)
def test_what_is_not_allowed_is_not_sent(row: table.EnergyEndpoint, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        table.request_to_wire(row, 1, fields=fields)


def test_a_call_about_a_site_needs_one() -> None:
    with pytest.raises(ValueError, match="none is named"):
        table.request_to_wire(table.LIVE_STATUS)


KEYS = sorted(
    {
        *wire.LIVE_STATUS, *wire.SITE_INFO, *wire.PRODUCT, *wire.COMPONENTS, *ENERGY_COUNTERS,
        "response", "components", "user_settings", "time_series", "events", "duration", "code", "Code", "wall_connectors",
        "site", "battery", "instant_power", "percentage", "grid_status", "last_communication_time", "tariff_content_v2",
    }
)  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.datetimes().map(str)
    | st.sampled_from(KEYS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6) | VALUES.map(lambda value: {"response": value}))
def test_whatever_is_answered_is_read_or_refused(document: dict[str, Any]) -> None:
    parsers = [row.parser for row in table.ENDPOINTS]
    for parse in (*parsers, gateway.flows_from_wire, gateway.soc_from_wire, gateway.island_from_wire):
        with contextlib.suppress(ValueError):
            parse(document)
