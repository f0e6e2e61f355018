"""The energy endpoints as `tesla-fleet-api` 1.5.0 from PyPI asks them: a second witness of the simulated Powerwall."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from charging_clients import FleetApi, RaisedError
from client_sessions import running, staged
from tests.powerwall_home import HOME, SITE, Energy, make_energy

from sunbox.dialects.powerwall.facts import ExportRule, Mode
from sunbox.simulator.clock import LoopClock
from sunbox.simulator.tesla_cloud import CloudSettings


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetApi]:
    with staged() as stage, running("tesla-fleet-api", tmp_path_factory.mktemp("fleet-api")) as process:
        yield FleetApi(stage, process)


Body = Callable[[Energy, Callable[..., Awaitable[Any]]], Awaitable[None]]


@pytest.fixture
def play(client: FleetApi) -> Callable[..., None]:
    def run(body: Body, settings: CloudSettings | None = None) -> None:
        async def main() -> None:
            home = make_energy(clock=LoopClock(HOME.start_at()), settings=settings)
            home.patch(sun={"pv_w": 6000.0}, load={"w": 1000.0})
            client.stage.app = home.cloud.app
            await home.live(60)

            async def ask(name: str, **arguments: Any) -> Any:
                return await client.call("site", name, str(SITE), **arguments)

            await body(home, ask)
            await home.client.aclose()
            await home.local.aclose()

        client.stage.run(main())

    return run


def test_reads(client: FleetApi, play: Callable[..., None]) -> None:
    async def body(home: Energy, ask: Callable[..., Awaitable[Any]]) -> None:
        products = (await client.call("api", "products"))["response"]
        assert [each["energy_site_id"] for each in products] == [SITE, 98765]
        live = (await ask("live_status"))["response"]
        assert live["solar_power"] + live["battery_power"] + live["grid_power"] == pytest.approx(live["load_power"])
        assert (await ask("site_info"))["response"]["backup_reserve_percent"] == 20
        await home.live(3600)
        energy = (await ask("energy_history", period="day"))["response"]
        assert len(energy["time_series"]) == 13
        backup = (await ask("backup_history", period="day"))["response"]
        assert backup["events"] == []
        span = {"start_date": "2024-06-17T00:00:00+02:00", "end_date": "2024-06-18T00:00:00+02:00"}
        assert "charge_history" in (await ask("charge_history", **span))["response"]

    play(body)


@pytest.mark.parametrize(
    ("name", "arguments", "look", "expected"),
    [
        ("backup", {"backup_reserve_percent": 30}, "reserve_pct", 30),
        ("operation", {"default_real_mode": "autonomous"}, "mode", Mode.AUTONOMOUS),
        ("storm_mode", {"enabled": True}, "is_storm_mode_enabled", True),
        (
            "off_grid_vehicle_charging_reserve",
            {"off_grid_vehicle_charging_reserve_percent": 80},
            "off_grid_vehicle_reserve_pct",
            80,
        ),
        (
            "grid_import_export",
            {"disallow_charge_from_grid_with_solar_installed": True, "customer_preferred_export_rule": "pv_only"},
            "export_rule",
            ExportRule.SOLAR,
        ),
        ("time_of_use_settings", {"settings": {"name": "T"}}, "tariff", {"name": "T"}),
    ],
)
def test_writes(play: Callable[..., None], name: str, arguments: dict[str, Any], look: str, expected: Any) -> None:
    async def body(home: Energy, ask: Callable[..., Awaitable[Any]]) -> None:
        await ask(name, **arguments)
        assert getattr(home.battery.acting, look) == expected

    play(body)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("unregistered", "PreconditionFailed"),
        ("unpaid", "PaymentRequired"),
        ("missing_scopes", "Forbidden"),
        ({"kind": "rate_limited", "retry_after_s": 30}, "RateLimited"),
        ("site_gone", "NotFound"),
        ("token_expired", "OAuthExpired"),
    ],
)
def test_errors_are_those_that_the_client_knows(play: Callable[..., None], fault: Any, error: str) -> None:
    async def body(home: Energy, ask: Callable[..., Awaitable[Any]]) -> None:
        home.patch(faults=[fault])
        with pytest.raises(RaisedError) as raised:
            await ask("live_status")
        assert "TeslaFleetError" in raised.value.kinds
        assert raised.value.kinds[0] == error

    play(body)


def test_going_off_the_grid_through_the_cloud_does_nothing(play: Callable[..., None]) -> None:
    async def body(home: Energy, ask: Callable[..., Awaitable[Any]]) -> None:
        await ask("go_off_grid")
        assert (await ask("live_status"))["response"]["island_status"] == "on_grid"
        assert home.cloud.bill.total.calls["command"] == 1

    play(body)
