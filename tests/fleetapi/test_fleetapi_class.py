"""The class: values with their signs, what costs a request, what fails and how, and many who share one login."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fleet_bench import Bench
from tests.loopback import WITHIN_S
from tests.powerwall_home import SITE, served_home

from sunbox.clock import Clock, SystemClock
from sunbox.drivers.tesla.settings import TeslaAccountSettings
from sunbox.drivers.tesla.tokens import TeslaAccount
from sunbox.fleetapi import (
    FleetAPI,
    FleetApiError,
    FleetBusyError,
    FleetConfigError,
    FleetLoginError,
    FleetRefusedError,
    FleetUnreachableError,
)
from sunbox.fleetapi.config import ConfigFile
from sunbox.fleetapi.legacy import PUBLIC
from sunbox.fleetapi.legacy import FleetAPI as OldFleetAPI
from sunbox.net.http import client_factory
from sunbox.simulator.tesla_cloud import CloudSettings


def test_powers_have_signs_and_cost_one_request(bench: Bench) -> None:
    with FleetAPI(bench.path) as fleet:
        solar, battery, grid, load = (
            fleet.solar_power(),
            fleet.battery_power(),
            fleet.grid_power(),
            fleet.load_power(),
        )
        assert (solar, load) == (6000, 1000)
        assert battery == pytest.approx(-5000, abs=5)  # charging
        assert None not in (solar, battery, grid)
        assert solar + battery + grid == pytest.approx(load)  # type: ignore[operator]
        assert fleet.battery_level() == pytest.approx(50, abs=1)
        assert bench.calls() == ["live_status"]
        fleet.battery_level(force=True)
        assert bench.calls() == ["live_status"]


def test_what_is_kept_is_not_kept_for_ever(bench: Bench) -> None:
    with FleetAPI(bench.path, pwcacheexpire=0) as fleet:
        fleet.solar_power()
        fleet.grid_power()
        assert bench.calls() == ["live_status", "live_status"]


def test_what_is_set_is_read_anew(bench: Bench) -> None:
    with FleetAPI(bench.path) as fleet:
        assert fleet.get_battery_reserve() == 20
        assert fleet.set_battery_reserve(30) == {"response": {"Message": "Backup reserve updated", "Code": 200}}
        assert fleet.get_battery_reserve() == 30
        fleet.set_operating_mode("autonomous")
        assert fleet.get_operating_mode() == "autonomous"
        fleet.set_grid_charging("off")
        assert fleet.get_grid_charging() is False
        fleet.set_grid_export("pv_only")
        assert fleet.get_grid_export() == "pv_only"


def test_energies_come_from_the_list_where_the_site_does_not_tell(bench: Bench) -> None:
    with FleetAPI(bench.path) as fleet:
        assert fleet.total_pack_energy() == 27_000
        assert fleet.energy_left() == pytest.approx(bench.home.battery.energy_wh, abs=1)
        assert bench.calls() == ["live_status", "products"]
    bench.home.patch(powerwall={"tells_energy": True})
    with FleetAPI(bench.path) as fleet:
        assert fleet.total_pack_energy() == 27_000
        assert bench.calls() == ["live_status"]


def test_the_first_site_with_a_battery_is_taken(bench: Bench) -> None:
    bench.write(site_id="")
    with FleetAPI(bench.path) as fleet:
        assert fleet.site_id == SITE
        assert fleet.firmware_version() == "25.18.4 1a2b3c4d"
        assert fleet.site_name() == "Energy Site"
    bench.write(site_id=str(SITE))
    assert FleetAPI(bench.path).site_id == SITE
    assert FleetAPI(bench.path, site_id="98765").site_id == "98765"


def test_any_call_may_be_polled(bench: Bench) -> None:
    with FleetAPI(bench.path) as fleet:
        assert fleet.poll()["count"] == 2
        assert fleet.poll(f"api/1/energy_sites/{SITE}/live_status")["response"]["solar_power"] == 6000
        fleet.poll(f"/api/1/energy_sites/{SITE}/backup", "POST", {"backup_reserve_percent": 33})
        assert bench.home.battery.shown.reserve_pct == 33
        for wrong in ("https://example.com/x", "//example.com/x"):
            with pytest.raises(ValueError, match="allowed is a path"):
                fleet.poll(wrong)
        with pytest.raises(ValueError, match="GET or POST"):
            fleet.poll(action="DELETE")


def test_history(bench: Bench) -> None:
    bench.clock.at += timedelta(hours=1)
    with FleetAPI(bench.path) as fleet:
        told = fleet.get_calendar_history("energy", "day", time_zone="Europe/Berlin")
        assert sum(each["solar_energy_exported"] for each in told["time_series"]) == pytest.approx(6100, rel=0.01)
        assert fleet.get_history("power")["time_series"]
        assert fleet.get_calendar_history("backup", None)["events"] == []
        with pytest.raises(ValueError, match="allowed is power, energy"):
            fleet.get_history("weather")
        assert fleet.get_backup_time_remaining()["time_remaining_hours"] > 0


NOT_ALLOWED: list[tuple[str, Any]] = [
    ("set_battery_reserve", 101),
    ("set_battery_reserve", -1),
    ("set_battery_reserve", 30.5),
    ("set_battery_reserve", "30"),
    ("set_battery_reserve", True),
    ("set_operating_mode", "party"),
    ("set_grid_charging", "perhaps"),
    ("set_grid_charging", 3),
    ("set_grid_export", "sometimes"),
]


@pytest.mark.parametrize(("name", "value"), NOT_ALLOWED)
def test_what_is_not_allowed_is_not_sent(bench: Bench, name: str, value: Any) -> None:
    with FleetAPI(bench.path) as fleet, pytest.raises(ValueError, match="allowed is"):
        getattr(fleet, name)(value)
    assert getattr(OldFleetAPI(bench.path), name)(value) is False
    assert bench.calls() == []


FAILS: list[tuple[Any, type[FleetApiError], str]] = [
    ("site_gone", FleetApiError, "Code 404"),
    ("unregistered", FleetApiError, "not registered"),
    ("missing_scopes", FleetApiError, "log in again and allow everything"),
    ("login_required", FleetLoginError, "fleetapi setup"),
    ({"kind": "rate_limited", "retry_after_s": 30}, FleetBusyError, "again in 30 s"),
    ({"kind": "server_error", "status": 503}, FleetApiError, "Code 503"),
    ("no_object", FleetApiError, "nothing in `response`"),
    ("html_ok", FleetApiError, "not a JSON document"),
    ("forbidden_page", FleetApiError, "Code 403"),
    ("unpaid", FleetApiError, "method of payment"),
]


@pytest.mark.parametrize(("fault", "kind", "words"), FAILS)
def test_failures_are_exceptions_that_say_what_to_do(
    bench: Bench, fault: Any, kind: type[FleetApiError], words: str
) -> None:
    bench.home.patch(faults=[fault])
    with FleetAPI(bench.path) as fleet:
        with pytest.raises(kind, match=words) as raised:
            fleet.get_live_status()
        if isinstance(raised.value, FleetBusyError):
            assert raised.value.retry_after_s == 30
    bench.home.patch(clear_faults=True, faults=[fault])
    assert OldFleetAPI(bench.path).get_live_status() is None


def test_nobody_there(bench: Bench) -> None:
    bench.write(AUDIENCE="http://127.0.0.1:9")
    with FleetAPI(bench.path) as fleet, pytest.raises(FleetUnreachableError, match="no connection") as raised:
        fleet.solar_power()
    assert raised.value.was_sent is False


def test_a_setting_may_be_refused(bench: Bench) -> None:
    bench.home.patch(faults=["write_refused"])
    with FleetAPI(bench.path) as fleet, pytest.raises(FleetRefusedError, match=r"not allowed \(code 400\)"):
        fleet.set_battery_reserve(30)


@pytest.mark.parametrize("answer", ["status", "info"])
def test_what_the_site_does_not_tell_is_none(bench: Bench, answer: str) -> None:
    bench.write(site_id=98765)
    with FleetAPI(bench.path) as fleet, pytest.raises(FleetApiError, match="Code 404"):
        fleet.get_live_status() if answer == "status" else fleet.get_site_info()


def test_the_old_class_has_every_function_and_no_other(bench: Bench) -> None:
    old = OldFleetAPI(str(bench.path))
    assert {"poll", "get_sites", "getsites", "solar_power", "set_battery_reserve"} <= set(PUBLIC) <= set(dir(old))
    assert old.solar_power() == 6000
    assert old.site_id == SITE
    with pytest.raises(AttributeError, match="no attribute 'sing'"):
        old.sing()
    nobody = OldFleetAPI(bench.folder / "none")
    assert (nobody.solar_power(), nobody.set_battery_reserve(30), nobody.site_id) == (None, None, None)


# the login


def in_threads(count: int, work: Callable[[], Any]) -> list[Any]:
    """Return what several threads got that began at once."""
    barrier = threading.Barrier(count)

    def go() -> Any:
        barrier.wait(WITHIN_S)
        return work()

    with ThreadPoolExecutor(count) as pool:
        return [each.result() for each in [pool.submit(go) for _ in range(count)]]


def strict(tmp_path: Path) -> Any:
    return served_home(CloudSettings(slow_s=(0, 0), quick_s=(0.0, 0.02), strict_refresh=True))


def test_many_threads_renew_once(tmp_path: Path) -> None:
    with strict(tmp_path) as (url, home, clock):
        bench = Bench(url, home, clock, tmp_path)
        bench.write()
        clock.at += timedelta(hours=9)
        with FleetAPI(bench.path, pwcacheexpire=0) as fleet:
            assert in_threads(8, fleet.solar_power) == [6000] * 8
        assert home.cloud.bill.total.calls["token"] == 1
        assert bench.read()["refresh_token"].startswith("refresh-")
        assert bench.path.stat().st_mode & 0o777 == 0o600


def test_many_programs_renew_once(tmp_path: Path) -> None:
    with strict(tmp_path) as (url, home, clock):
        bench = Bench(url, home, clock, tmp_path)
        bench.write()
        made = [FleetAPI(bench.path) for _ in range(6)]  # each read the file before
        clock.at += timedelta(hours=9)
        left = iter(made)
        assert in_threads(6, lambda: next(left).solar_power()) == [6000] * 6
        assert home.cloud.bill.total.calls["token"] == 1
        for each in made:
            each.close()


def test_the_gateway_s_account_and_scripts_share_one_login(tmp_path: Path) -> None:
    """Either begins with the other's file, and a refresh token that is good once is never used twice."""
    with strict(tmp_path) as (url, home, clock):
        bench = Bench(url, home, clock, tmp_path)
        bench.write()
        settings = TeslaAccountSettings(account=bench.path, client_id="cid", base_url=url, auth_url=url)

        async def renew_as_account(at: Clock) -> str:
            account = TeslaAccount(settings, client_factory(), at)
            try:
                return await account.renew(bench.read()["access_token"])
            finally:
                await account.close()

        with FleetAPI(bench.path, pwcacheexpire=0) as fleet:
            for _ in range(3):
                asyncio.run(renew_as_account(clock))
                assert bench.read()["expires_at"]
                assert fleet.solar_power() == 6000
                clock.at += timedelta(hours=9)
                assert fleet.solar_power() == 6000  # it renews
        document = bench.read()
        assert document["site_id"] == SITE
        assert document["CLIENT_SECRET"] == "secret"
        assert document["previous_refresh_token"] != document["refresh_token"]


def test_sunbox_s_own_token_file_will_do(bench: Bench) -> None:
    path = bench.folder / "tokens.json"
    old = bench.home.cloud.tokens.log_in(bench.home.cloud.settings.scopes, bench.clock.now())
    told = {
        "access_token": "stale",
        "refresh_token": old.refresh_token,
        "client_id": "simulated",
        "region": "eu",
        "base_url": bench.url,
        "auth_url": bench.url,
        "expires_at": "2024-06-17T10:00:00+00:00",
    }
    path.write_text(json.dumps(told))
    with FleetAPI(path) as fleet:
        assert fleet.solar_power() == 6000
    after = json.loads(path.read_text())
    assert after.keys() == told.keys()
    assert datetime.fromisoformat(after["expires_at"]) > SystemClock().now()
    assert after["refresh_token"] != old.refresh_token


def test_a_login_that_is_over_asks_for_a_new_one_and_stays_as_it_was(bench: Bench) -> None:
    bench.write(access_token="stale", refresh_token="worthless")
    before = bench.read()
    with FleetAPI(bench.path) as fleet, pytest.raises(FleetLoginError, match="log in again with `fleetapi setup`"):
        fleet.solar_power()
    assert bench.read() == before
    bench.write(access_token="", refresh_token="")
    with FleetAPI(bench.path) as fleet, pytest.raises(FleetLoginError, match="holds no login"):
        fleet.solar_power()


# the file


@pytest.mark.parametrize(
    ("text", "words"), [(None, "does not exist"), ("", "no JSON object"), ("[1]", "no JSON object"), ("{", "no JSON")]
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "x"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FleetConfigError, match=words):
        FleetAPI(path)


def test_a_file_that_others_may_read_is_closed_to_them(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.path.chmod(0o644)
    FleetAPI(bench.path).close()
    assert bench.path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_is_as_it_was(bench: Bench) -> None:
    file = ConfigFile(bench.folder / "none" / "x")
    with pytest.raises(FleetConfigError, match="cannot be written"):
        file.write({})
    with pytest.raises(FleetConfigError, match="cannot be made"), file.locked():
        pass


def test_no_secret_is_told(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    with FleetAPI(bench.path, debug=True) as fleet:
        bench.home.patch(faults=["token_expired"])
        fleet.solar_power()
        shown = repr(fleet._client.config) + repr(fleet)
    told = capsys.readouterr().err + shown
    assert "live_status: HTTP 200" in told
    document = bench.read()
    assert not [document[key] for key in ("access_token", "refresh_token", "CLIENT_SECRET") if document[key] in told]
