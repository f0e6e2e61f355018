"""The Powerwall as a meter against the simulated cloud and the simulated gateway at home."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr, ValidationError
from tests.powerwall_home import SITE, Energy, at_home, make_energy

from sunbox.core.commands import Cause, ReadKind, RequestKind
from sunbox.core.effects import Read
from sunbox.core.events import Event, MeterRead, ReadFailed
from sunbox.core.model import MeterReading
from sunbox.core.settings import MeterSettings
from sunbox.drivers.powerwall.cloud import CloudSite
from sunbox.drivers.powerwall.driver import PowerwallDriver
from sunbox.drivers.powerwall.home import HomeGateway
from sunbox.drivers.powerwall.settings import LocalSettings, PowerwallMeterSettings
from sunbox.drivers.tesla.client import TeslaClient
from sunbox.drivers.tesla.secret_file import write_private
from sunbox.drivers.tesla.settings import TeslaAccountSettings
from sunbox.drivers.tesla.tokens import TeslaAccount
from sunbox.errors import SunboxError
from sunbox.net.http import client_factory, make_client
from sunbox.net.pinning import PinnedContext, fingerprint, judge_by_file
from sunbox.net.serving import Listener, serving
from sunbox.simulator.powerwall_gateway import PASSWORD
from sunbox.simulator.tesla_tokens import FIRST_REFRESH

METER = MeterSettings(id="powerwall", interval_s=5.0)
READ = Read(device_id="powerwall", exchange_id=7, what=ReadKind.DATA)


def through_cloud(home: Energy, folder: Path, site: int = SITE) -> PowerwallDriver:
    tokens = folder / "tokens.json"
    if not tokens.exists():
        tokens.touch(mode=0o600)
        tokens.write_text(json.dumps({"refresh_token": FIRST_REFRESH, "client_id": "simulated"}))
    clients = client_factory(apps={"http://tesla.test": home.cloud.app})
    settings = TeslaAccountSettings(account=tokens, base_url="http://tesla.test", auth_url="http://tesla.test")
    account = TeslaAccount(settings, clients, home.cloud.clock)
    cloud = CloudSite(site, TeslaClient(account, clients), home.cloud.clock)
    return PowerwallDriver(METER, site=cloud, home=None, holder=None, clock=home.cloud.clock)


def at_gateway(home: Energy, folder: Path, *, password: str = PASSWORD, is_proxy: bool = False) -> PowerwallDriver:
    login = None if is_proxy else LocalSettings(url="http://gateway.test", password=SecretStr(password))
    gateway = HomeGateway(
        "http://gateway.test",
        login,
        client_factory(apps={"http://gateway.test": home.gateway.app}),
        home.cloud.clock,
        pin=folder / "pin",
    )
    return PowerwallDriver(METER, site=None, home=gateway, holder=None, clock=home.cloud.clock)


def check_reading(home: Energy, reading: MeterReading) -> None:
    """Compare a reading with the world: signs, units, and the app's scale of the charge."""
    sample = home.world.sample_at(home.world.t_s)
    assert reading.grid_w == pytest.approx(sample.grid_w, abs=1)
    assert reading.pv_w == pytest.approx(sample.pv_w, abs=1)
    assert reading.battery_w == pytest.approx(sample.battery_w, abs=1)
    assert reading.battery_soc_pct == pytest.approx(home.battery.app_soc_pct, abs=0.2)
    assert reading.is_off_grid is False


def run_home(body: Callable[[Energy], Awaitable[None]], **options: Any) -> None:
    async def lived(home: Energy) -> None:
        await home.live(60)
        await body(home)

    at_home(lived, **options)


@pytest.mark.parametrize("make", [through_cloud, at_gateway])
@pytest.mark.parametrize("pv_w", [0.0, 6000.0])
def test_what_flows(make: Callable[[Energy, Path], PowerwallDriver], pv_w: float, tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        driver = make(home, tmp_path)
        event = await driver.read(READ)
        assert isinstance(event, MeterRead)
        check_reading(home, event.reading)
        assert event.reading.measured_at <= event.at
        home.patch(powerwall={"is_grid_down": True})
        await home.live(60)
        event = await driver.read(READ)
        assert isinstance(event, MeterRead)
        assert event.reading.is_off_grid is True
        assert event.reading.grid_w == 0
        await driver.close()

    run_home(body, pv_w=pv_w)


def test_the_clouds_own_time_counts(tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        driver = through_cloud(home, tmp_path)
        home.cloud.add_faults([{"kind": "stale_status", "age_s": 400, "duration_s": 60}])
        event = await driver.read(READ)
        assert isinstance(event, MeterRead)
        assert (event.at - event.reading.measured_at).total_seconds() == pytest.approx(400, abs=10)
        await driver.close()

    run_home(body)


def test_who_asks_twice_pays_once_and_all_is_counted(tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        driver = through_cloud(home, tmp_path)
        for _ in range(3):
            await driver.read(READ)
        assert driver.site is not None
        assert driver.site.billed[RequestKind.DATA] == 1
        await home.live(10)
        home.cloud.add_faults([{"kind": "server_error", "count": 1}])
        assert isinstance(await driver.read(READ), ReadFailed)
        await driver.read(READ)
        assert driver.site.billed[RequestKind.DATA] == home.cloud.bill.count(RequestKind.DATA) == 2
        await driver.close()

    run_home(body)


@pytest.mark.parametrize(
    ("fault", "cause", "retry_after_s"),
    [
        ({"kind": "rate_limited", "retry_after_s": 77}, Cause.RATE_LIMITED, 77),
        ({"kind": "server_error"}, Cause.SERVER_ERROR, None),
        ({"kind": "no_object"}, Cause.BAD_ANSWER, None),
        ({"kind": "lost_reply"}, Cause.NO_ANSWER, None),
        ({"kind": "missing_scopes"}, Cause.FORBIDDEN, None),
        ({"kind": "site_gone"}, Cause.NOT_FOUND, None),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)
def test_what_the_cloud_refuses(
    fault: dict[str, Any], cause: Cause, retry_after_s: float | None, tmp_path: Path
) -> None:
    async def body(home: Energy) -> None:
        driver = through_cloud(home, tmp_path)
        await driver.read(READ)
        await home.live(10)
        home.cloud.add_faults([{**fault, "duration_s": 100}])
        event = await driver.read(READ)
        assert isinstance(event, ReadFailed)
        assert (event.cause, event.retry_after_s, event.exchange_id) == (cause, retry_after_s, 7)
        home.cloud.clear_faults()
        await home.live(100)
        assert isinstance(await driver.read(READ), MeterRead)
        await driver.close()

    run_home(body)


def test_a_token_that_has_ended_is_renewed_in_the_shared_file(tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        one, other = through_cloud(home, tmp_path), through_cloud(home, tmp_path)
        assert isinstance(await one.read(READ), MeterRead)
        await home.live(9 * 3600)
        first, second = await asyncio.gather(one.read(READ), other.read(READ))
        assert isinstance(first, MeterRead)
        assert isinstance(second, MeterRead)
        assert home.cloud.bill.to_json()["total"]["calls"]["token"] == 2  # one writer: the other reads what it wrote
        await one.close()
        await other.close()

    run_home(body)


def test_it_is_looked_for_in_the_account_for_nothing(tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        driver = through_cloud(home, tmp_path)
        assert "Energy Site" in await driver.probe()
        assert home.cloud.bill.count(RequestKind.DATA) == 0
        with pytest.raises(SunboxError, match="it has: 123456, 98765"):
            await through_cloud(home, tmp_path, 7).probe()
        assert "sun 6000 W" in await at_gateway(home, tmp_path).probe()
        with pytest.raises(SunboxError, match=r"login was refused.*password"):
            await at_gateway(home, tmp_path, password="wrong").probe()

    run_home(body)


async def polled(driver: PowerwallDriver, home: Energy, seconds: float) -> list[Event]:
    events: list[Event] = []
    task = asyncio.create_task(driver.run(events.append))
    await home.live(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return events


@pytest.mark.parametrize("is_proxy", [True, False])
def test_at_home_it_is_polled_and_what_changes_slowly_is_read_now_and_then(*, is_proxy: bool, tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        driver = at_gateway(home, tmp_path, is_proxy=is_proxy)
        home.gateway.requests.clear()
        events = await polled(driver, home, 61)
        assert len(events) == 13
        assert all(isinstance(event, MeterRead) for event in events)
        last = events[-1]
        assert isinstance(last, MeterRead)
        assert last.reading.battery_soc_pct == pytest.approx(home.battery.app_soc_pct, abs=0.3)
        # pypowerwall's proxy passes the word about the grid on, the simulated one does not: then it is not known
        assert last.reading.is_off_grid is (None if is_proxy else False)
        flows = "/aggregates" if is_proxy else "/api/meters/aggregates"
        asked = [line.split()[1] for line in home.gateway.requests]
        assert asked.count(flows) == 13
        assert asked.count("/soe" if is_proxy else "/api/system_status/soe") == 3
        assert asked.count("/api/login/Basic") == (0 if is_proxy else 1)
        await driver.close()

    run_home(body)


def test_a_login_that_has_ended_is_made_anew_and_one_that_is_refused_is_not_tried_at_once(tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        driver = at_gateway(home, tmp_path)
        await driver.read(READ)
        home.gateway.forget_logins()
        assert isinstance(await driver.read(READ), MeterRead)
        await driver.close()
        wrong = at_gateway(home, tmp_path, password="wrong")
        home.gateway.requests.clear()
        events = await polled(wrong, home, 290)
        assert {event.cause for event in events if isinstance(event, ReadFailed)} == {Cause.FORBIDDEN}
        assert home.gateway.requests == ["POST /api/login/Basic"]
        await wrong.close()

    run_home(body)


def test_a_powerwall_3_on_its_wire_answers_enough(tmp_path: Path) -> None:
    async def body(home: Energy) -> None:
        home.patch(powerwall={"is_wired": True})
        event = await at_gateway(home, tmp_path).read(READ)
        assert isinstance(event, MeterRead)
        check_reading(home, event.reading)

    run_home(body)


def test_a_gateway_that_is_not_there(tmp_path: Path) -> None:
    async def main() -> None:
        home = make_energy()
        gateway = HomeGateway("http://127.0.0.1:9", None, client_factory(), home.cloud.clock, pin=tmp_path / "pin")
        driver = PowerwallDriver(METER, site=None, home=gateway, holder=None, clock=home.cloud.clock)
        event = await driver.read(READ)
        assert isinstance(event, ReadFailed)
        assert event.cause is Cause.UNREACHABLE
        await driver.close()

    asyncio.run(main())


# The certificate ------------------------------------------------------------------------------------------------------


def test_the_first_certificate_is_kept_and_another_one_refused_before_anything_is_sent(tmp_path: Path) -> None:
    pin = tmp_path / "powerwall.fingerprint"

    async def ask(url: str) -> int | str:
        client = make_client(url, verify=PinnedContext.make(judge_by_file(pin, write_private)))
        try:
            return (await client.get("/api/status")).status_code
        except httpx2.ConnectError as error:
            return str(error)
        finally:
            await client.aclose()

    async def main() -> None:
        home, other = make_energy(), make_energy()
        other.gateway._seed = 99
        certificates = [each.gateway.tls() for each in (home, other)]
        listeners = [
            Listener(app=each.gateway.app, host="127.0.0.1", port=0, tls=context)
            for each, context in zip((home, other), certificates, strict=True)
        ]
        async with serving(listeners) as (first, second):
            urls = [f"https://127.0.0.1:{bound.port}" for bound in (first, second)]
            assert await ask(urls[0]) == 200
            kept = pin.read_text()
            assert pin.stat().st_mode & 0o777 == 0o600
            assert kept.count(":") == 31
            assert await ask(urls[0]) == 200
            other.gateway.requests.clear()
            refused = await ask(urls[1])
            assert str(refused).startswith("it shows another certificate")
            assert str(pin) in str(refused)
            assert other.gateway.requests == []
            assert pin.read_text() == kept
            pin.unlink()
            assert await ask(urls[1]) == 200
            pin.unlink()
            pin.mkdir()
            assert "cannot be read" in str(await ask(urls[1]))

    asyncio.run(main())


def test_a_fingerprint_is_written_as_people_compare_it(tmp_path: Path) -> None:
    assert fingerprint(b"").startswith("E3:B0:C4:42")
    judge = judge_by_file(tmp_path / "no" / "folder", write_private)
    assert "must be writable" in (judge("AA") or "")
    assert PinnedContext.make(judge).verify_mode is ssl.CERT_NONE


# Settings ---------------------------------------------------------------------------------------------------------------

LOCAL = {"url": "https://192.168.0.40", "password": SecretStr("12345")}


@pytest.mark.parametrize(
    ("written", "interval_s", "cloud", "can_hold"),
    [
        ({"site": 1}, 60.0, True, True),
        ({"site": 1, "interval_s": 30.0}, 30.0, True, True),
        ({"local": LOCAL}, 5.0, False, False),
        ({"local": LOCAL, "site": 1}, 5.0, False, True),
        ({"local": LOCAL, "site": 1, "hold": "off"}, 5.0, False, False),
        ({"proxy": "http://192.168.0.9:8675", "interval_s": 2.0}, 2.0, False, False),
    ],
)
def test_where_it_is_read_decides_how_often(
    written: dict[str, Any], interval_s: float, cloud: bool, can_hold: bool
) -> None:
    settings = PowerwallMeterSettings.model_validate(written)
    assert (settings.interval_s, settings.cloud, settings.can_hold) == (interval_s, cloud, can_hold)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ({}, "write site"),
        ({"local": LOCAL, "proxy": "http://192.168.0.9:8675"}, "write one of them"),
        ({"site": 1, "interval_s": 5.0}, "10 to 3600"),
        ({"local": LOCAL, "interval_s": 1.0}, "greater than or equal to 2"),
        ({"local": {**LOCAL, "url": "http://example.com"}}, "outside the house"),
        ({"site": 1, "reserve_policy": "90"}, "80-or-100"),
    ],
)
def test_what_does_not_fit_is_told(written: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        PowerwallMeterSettings.model_validate(written)
