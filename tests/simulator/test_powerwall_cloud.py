"""The simulated energy endpoints: physics, what writes do and when, and everything that goes wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.powerwall_home import SITE, START_AT, Energy, at_home

from sunbox.core.commands import RequestKind
from sunbox.dialects.powerwall import table, wire
from sunbox.dialects.powerwall.facts import Island, Mode
from sunbox.simulator.energy_answers import ANSWERS
from sunbox.simulator.patch import PatchError
from sunbox.simulator.tesla_cloud import CloudSettings


async def flows(home: Energy) -> tuple[float, float, float, float]:
    told = await home.told("live_status")
    return told["solar_power"], told["battery_power"], told["grid_power"], told["load_power"]


def test_every_row_is_answered() -> None:
    assert {row.name for row in table.ENDPOINTS} <= set(ANSWERS)


def test_the_sun_fills_the_battery_and_the_powers_balance() -> None:
    async def body(home: Energy) -> None:
        await home.live(60)
        solar, battery, grid, load = await flows(home)
        assert (solar, load) == (6000.0, 1000.0)
        assert battery == pytest.approx(-5000, abs=5)  # charging
        assert solar + battery + grid == pytest.approx(load)
        before = home.battery.app_soc_pct
        await home.live(3600)
        assert home.battery.app_soc_pct > before + 10

    at_home(body)


def test_at_night_it_carries_the_house_down_to_the_reserve() -> None:
    async def body(home: Energy) -> None:
        await home.live(60)
        _, battery, grid, load = await flows(home)
        assert (battery, grid, load) == (pytest.approx(2000, abs=5), pytest.approx(0, abs=5), 2000.0)
        await home.live(6 * 3600)
        told = await home.told("live_status")
        assert told["percentage_charged"] == pytest.approx(20, abs=0.1)
        assert told["battery_power"] == 0
        assert told["grid_power"] == 2000

    at_home(body, pv_w=0.0, load_w=2000.0)


@pytest.mark.parametrize(("is_allowed", "battery_w"), [(True, -3400.0), (False, 0.0)])
def test_below_a_raised_reserve_it_charges_from_the_grid_if_it_may(is_allowed: bool, battery_w: float) -> None:
    async def body(home: Energy) -> None:
        await home.post("grid_import_export", disallow_charge_from_grid_with_solar_installed=not is_allowed)
        await home.post("backup", backup_reserve_percent=70)
        await home.live(60)
        _, battery, grid, _ = await flows(home)
        assert battery == pytest.approx(battery_w, abs=10)
        assert grid == pytest.approx(1000 - battery_w, abs=10)
        components = (await home.told("site_info"))["components"]
        assert wire.may_charge_from_grid(components) is is_allowed
        await home.live(3 * 3600)
        assert home.battery.app_soc_pct == pytest.approx(70 if is_allowed else 50, abs=0.2)

    at_home(body, pv_w=0.0)


def test_a_reserve_at_the_charge_holds_the_battery() -> None:
    async def body(home: Energy) -> None:
        await home.post("backup", backup_reserve_percent=50)
        await home.live(60)
        _, battery, grid, _ = await flows(home)
        assert (battery, grid) == (pytest.approx(0, abs=100), pytest.approx(4000, abs=100))

    at_home(body, pv_w=0.0, load_w=4000.0)


def test_backup_mode_keeps_everything_and_tells_the_reserve_that_was_set() -> None:
    async def body(home: Energy) -> None:
        await home.post("operation", default_real_mode="backup")
        info = await home.told("site_info")
        assert (info["default_real_mode"], info["backup_reserve_percent"]) == ("backup", 20)
        await home.live(60)
        assert home.battery.power_w == pytest.approx(-6600, abs=10)

    at_home(body, pv_w=0.0)


@pytest.mark.parametrize(
    ("policy", "asked", "kept"),
    [
        ("free", 90, 90),
        ("80-or-100", 90, 80),
        ("80-or-100", 100, 100),
        ("80-or-100", 80, 80),
        ("80-or-100", 81, 80),
        ("cap-80", 100, 80),
        ("cap-80", 0, 0),
    ],
)
def test_what_becomes_of_a_high_reserve(policy: str, asked: int, kept: int) -> None:
    async def body(home: Energy) -> None:
        home.patch(powerwall={"reserve_policy": policy})
        assert wire.write_from_wire((await home.post("backup", backup_reserve_percent=asked)).json()).is_accepted
        assert (await home.told("site_info"))["backup_reserve_percent"] == kept

    at_home(body)


@pytest.mark.parametrize(("apply_s", "seen_after_s"), [(0, 0), (45, 45), (900, 900), (None, None)])
def test_changes_come_when_they_please(apply_s: float | None, seen_after_s: float | None) -> None:
    async def body(home: Energy) -> None:
        home.patch(powerwall={"apply_s": apply_s})
        assert (await home.post("backup", backup_reserve_percent=40)).status_code == 200
        if seen_after_s:
            await home.live(seen_after_s - 2)
            assert (await home.told("site_info"))["backup_reserve_percent"] == 20
            await home.live(3)
        if seen_after_s is None:
            await home.live(7200)
        assert (await home.told("site_info"))["backup_reserve_percent"] == (20 if seen_after_s is None else 40)

    at_home(body)


def test_a_change_may_be_told_and_not_done() -> None:
    async def body(home: Energy) -> None:
        home.patch(powerwall={"acts": False})
        await home.post("backup", backup_reserve_percent=100)
        await home.live(60)
        assert (await home.told("site_info"))["backup_reserve_percent"] == 100
        assert home.battery.power_w == pytest.approx(3000, abs=10)

    at_home(body, pv_w=0.0, load_w=3000.0)


@pytest.mark.parametrize(
    ("style", "backup", "operation"),
    [("old", "code", "code"), ("new", "Code", "Code"), ("mixed", "Code", "code")],
)
def test_writes_are_answered_in_either_style(style: str, backup: str, operation: str) -> None:
    async def body(home: Energy) -> None:
        home.patch(powerwall={"reply_style": style})
        first = (await home.post("backup", backup_reserve_percent=30)).json()["response"]
        second = (await home.post("operation", default_real_mode="autonomous")).json()["response"]
        assert (backup in first, operation in second) == (True, True)

    at_home(body)


def test_the_other_writes_are_seen_too() -> None:
    async def body(home: Energy) -> None:
        await home.post("storm_mode", enabled=True)
        await home.post("off_grid_vehicle_charging_reserve", off_grid_vehicle_charging_reserve_percent=70)
        await home.post("grid_import_export", customer_preferred_export_rule="pv_only")
        await home.post("time_of_use_settings", tou_settings={"tariff_content_v2": {"name": "T"}})
        info = wire.site_info_from_wire((await home.get("site_info")).json())
        assert info.is_storm_mode_enabled is True
        assert info.off_grid_vehicle_reserve_pct == 70
        assert info.export_rule.value == "pv_only"
        assert (await home.told("tariff_rate"))["tariff_content_v2"] == {"name": "T"}
        assert (await home.post("command", command_type="grpc_command")).status_code == 200
        assert home.battery.acting.mode is Mode.SELF_CONSUMPTION

    at_home(body)


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("backup", {"backup_reserve_percent": 101}, 500),
        ("backup", {"backup_reserve_percent": -1}, 400),
        ("backup", {"backup_reserve_percent": "30"}, 400),
        ("backup", {}, 400),
        ("operation", {"default_real_mode": "party"}, 400),
        ("storm_mode", {"enabled": "yes"}, 400),
        ("time_of_use_settings", {"tou_settings": 3}, 400),
        ("nonsense", {}, 404),
    ],
)
def test_wrong_writes_are_refused(name: str, body: dict[str, Any], status: int) -> None:
    async def story(home: Energy) -> None:
        answer = await home.post(name, **body)
        assert answer.status_code == status
        if status == 500:
            assert answer.json()["error"] == "upstream internal error"
        assert home.battery.shown.reserve_pct == 20

    at_home(story)


def test_the_time_of_a_sample_is_told() -> None:
    async def body(home: Energy) -> None:
        home.patch(powerwall={"sample_s": 30, "delay_s": 20})
        await home.live(100)
        seen = wire.live_status_from_wire((await home.get("live_status")).json())
        assert seen.measured_at == START_AT + timedelta(seconds=70)

    at_home(body)


def test_stale_status_repeats_itself_with_its_old_time() -> None:
    async def body(home: Energy) -> None:
        await home.live(10)
        home.patch(faults=[{"kind": "stale_status", "age_s": 300}])
        first = await home.told("live_status")
        await home.live(600)
        assert await home.told("live_status") == first
        assert datetime.fromisoformat(first["timestamp"]).astimezone(UTC) == START_AT - timedelta(seconds=290)
        home.patch(clear_faults=True)
        assert await home.told("live_status") != first

    at_home(body)


def test_without_the_grid_it_is_an_island() -> None:
    async def body(home: Energy) -> None:
        await home.live(30)
        home.patch(powerwall={"is_grid_down": True})
        seen = wire.live_status_from_wire((await home.get("live_status")).json())
        assert (seen.island, seen.grid.value, seen.grid_w) == (Island.OFF_GRID, "Inactive", 0.0)
        assert seen.solar_w + seen.battery_w == pytest.approx(seen.load_w)  # type: ignore[operator]
        await home.live(600)
        home.patch(powerwall={"is_grid_down": False})
        (event,) = (await home.told("calendar_history", kind="backup", period="day"))["events"]
        assert event["duration"] == pytest.approx(600_000, abs=1500)

    at_home(body)


def test_a_storm_fills_it_if_the_owner_wants() -> None:
    async def body(home: Energy) -> None:
        home.patch(powerwall={"is_storm_watched": True})
        assert home.battery.kept_pct == 20
        await home.post("storm_mode", enabled=True)
        assert (await home.told("live_status"))["storm_mode_active"] is True
        assert home.battery.kept_pct == 100

    at_home(body)


def test_the_day_s_energies_add_up() -> None:
    async def body(home: Energy) -> None:
        await home.live(2 * 3600)
        day = wire.history_from_wire((await home.get("calendar_history", kind="energy", period="day")).json())
        assert len(day.energy) == 24
        solar = sum(each.solar_energy_exported_wh or 0 for each in day.energy)
        assert solar == pytest.approx(12_000, rel=0.01)
        for each in day.energy:
            used = each.total_home_usage_wh
            assert used == pytest.approx(
                each.consumer_energy_imported_from_grid_wh  # type: ignore[operator]
                + each.consumer_energy_imported_from_solar_wh
                + each.consumer_energy_imported_from_battery_wh,
                abs=0.01,
            )
        (week,) = wire.history_from_wire(
            (await home.get("calendar_history", kind="energy", period="week")).json()
        ).energy
        assert week.solar_energy_exported_wh == pytest.approx(solar, abs=1)
        powers = wire.history_from_wire((await home.get("history", kind="power")).json()).power
        assert {each.solar_w for each in powers} == {6000.0}
        remaining = await home.told("backup_time_remaining")
        assert remaining["time_remaining_hours"] > 1

    at_home(body)


def test_products_have_the_site_and_an_empty_one() -> None:
    async def body(home: Energy) -> None:
        products = wire.products_from_wire((await home.get("products")).json())
        assert [each.site_id for each in products] == [SITE, 98765]
        assert products[0].pack_energy_wh == 27_000
        told = await home.told("live_status")
        assert "energy_left" not in told
        home.patch(powerwall={"tells_energy": True, "tells_wall_connectors": False})
        told = await home.told("live_status")
        assert told["energy_left"] > 0
        assert told["wall_connectors"] is None

    at_home(body)


@pytest.mark.parametrize(
    ("fault", "name", "status"),
    [
        ("no_object", "live_status", 200),
        ("incomplete", "live_status", 408),
        ("site_gone", "site_info", 404),
        ("unregistered", "live_status", 412),
        ("unpaid", "live_status", 402),
        ("token_expired", "live_status", 401),
        ("missing_scopes", "live_status", 403),
        ("wrong_region", "site_info", 421),
        ({"kind": "rate_limited", "retry_after_s": 30}, "live_status", 429),
        ({"kind": "server_error", "status": 500}, "live_status", 500),
        ({"kind": "server_error", "status": 504, "vehicle": str(SITE)}, "live_status", 504),
        ("html_ok", "live_status", 200),
        ("limit_exceeded", "site_info", 403),
    ],
)
def test_reads_fail_in_every_way(fault: Any, name: str, status: int) -> None:
    async def body(home: Energy) -> None:
        home.patch(faults=[fault])
        answer = await home.get(name)
        assert answer.status_code == status
        if status == 429:
            assert answer.headers["retry-after"] == "30"
        with pytest.raises(ValueError, match=r".+"):
            table.BY_NAME[name].parser(answer.json())

    at_home(body)


def test_writes_may_be_ignored_or_refused() -> None:
    async def body(home: Energy) -> None:
        home.patch(faults=["write_ignored", "write_refused"])
        ignored = await home.post("backup", backup_reserve_percent=30)
        assert wire.write_from_wire(ignored.json()).is_accepted
        assert (await home.told("site_info"))["backup_reserve_percent"] == 20
        refused = await home.post("backup", backup_reserve_percent=30)
        assert not wire.write_from_wire(refused.json()).is_accepted
        await home.post("backup", backup_reserve_percent=30)
        assert (await home.told("site_info"))["backup_reserve_percent"] == 30

    at_home(body)


def test_energy_calls_are_on_the_bill_and_limited() -> None:
    async def body(home: Energy) -> None:
        for _ in range(60):
            assert (await home.get("live_status")).status_code == 200
        limited = await home.get("live_status")
        assert limited.status_code == 429
        assert limited.headers["ratelimit-reset"]
        assert home.cloud.bill.count(RequestKind.DATA) == 61
        assert (await home.post("backup", backup_reserve_percent=30)).status_code == 200
        assert home.cloud.bill.count(RequestKind.COMMAND) == 1

    at_home(body)


@pytest.mark.parametrize(("scope", "reads", "writes"), [("energy_device_data", 403, 200), ("energy_cmds", 200, 403)])
def test_each_scope_opens_its_own(scope: str, reads: int, writes: int) -> None:
    settings = CloudSettings(scopes=frozenset({"energy_device_data", "energy_cmds", "offline_access"}) - {scope})

    async def body(home: Energy) -> None:
        assert (await home.get("live_status")).status_code == reads
        assert (await home.post("backup", backup_reserve_percent=30)).status_code == writes

    at_home(body, settings=settings)


def test_registering_ends_412() -> None:
    async def body(home: Energy) -> None:
        assert (await home.get("live_status")).status_code == 412
        form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s", "scope": table.SCOPES}
        partner = (await home.client.post("/oauth2/v3/token", data=form)).json()
        assert partner.get("refresh_token") is None
        headers = {"authorization": f"Bearer {partner['access_token']}"}
        for body in ({}, {"domain": "example.com"}):
            answer = await home.client.post("/api/1/partner_accounts", json=body, headers=headers)
            assert answer.status_code == (200 if body else 400)
        assert (await home.get("live_status")).status_code == 200

    at_home(body, settings=CloudSettings(is_registered=False))


@pytest.mark.parametrize(
    "wrong",
    [{"apply_s": -1}, {"reserve_policy": "none"}, {"acts": 1}, {"delay_s": 1e6}, {"colour": "red"}, {"sample_s": None}],
)
def test_wrong_manners_are_refused(wrong: dict[str, Any]) -> None:
    async def body(home: Energy) -> None:
        with pytest.raises(PatchError):
            home.patch(powerwall=wrong)

    at_home(body)


def test_the_gateway_wants_a_login_and_tells_this_second() -> None:
    async def body(home: Energy) -> None:
        await home.live(100)
        assert (await home.local.get("/api/meters/aggregates")).status_code == 401
        wrong = await home.local.post("/api/login/Basic", json={"username": "customer", "password": "no"})
        assert wrong.status_code == 401
        login = await home.local.post("/api/login/Basic", json={"username": "customer", "password": "12345"})
        token = login.json()["token"]
        flows_now = (await home.local.get("/api/meters/aggregates")).json()  # by the cookies
        assert flows_now["battery"]["instant_power"] == pytest.approx(-5000, abs=5)
        assert flows_now["solar"]["instant_power"] == 6000
        home.local.cookies.clear()
        headers = {"authorization": f"Bearer {token}"}
        soe = (await home.local.get("/api/system_status/soe", headers=headers)).json()["percentage"]
        assert soe == pytest.approx(0.95 * home.battery.app_soc_pct + 5)
        home.patch(powerwall={"is_grid_down": True, "is_wired": True})
        word = (await home.local.get("/api/system_status/grid_status", headers=headers)).json()["grid_status"]
        assert word == "SystemIslandedActive"
        assert (await home.local.get("/api/operation", headers=headers)).status_code == 404
        home.gateway.forget_logins()
        assert (await home.local.get("/api/system_status/soe", headers=headers)).status_code == 401
        assert (await home.local.get("/soe")).json()["percentage"] == pytest.approx(soe, abs=0.1)

    at_home(body)
