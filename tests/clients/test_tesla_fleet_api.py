"""A real client, `tesla-fleet-api` 1.5.0 from PyPI, against the simulated cloud over loopback: it witnesses the simulator.

Its `TeslaFleetError` derives from BaseException, so an `except Exception` would let it pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from charging_cases import CASES, Bench, make_bench
from charging_clients import DONE, STRANGER, VIN, FleetApi, RaisedError, Said
from client_sessions import running, staged

from sunbox.dialects.tesla.table import COMMANDS


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetApi]:
    with staged() as stage, running("tesla-fleet-api", tmp_path_factory.mktemp("fleet-api")) as process:
        yield FleetApi(stage, process)


Play = Callable[..., None]


@pytest.fixture
def play(client: FleetApi) -> Play:
    """Return what runs a test's body with a cloud of its own behind the client."""

    def run(body: Callable[[Bench, FleetApi], Awaitable[None]], token: str | None = None, **about_car: Any) -> None:
        async def main() -> None:
            bench = make_bench(**about_car)
            client.stage.app = bench.cloud.app
            await body(bench, client if token is None else replace(client, token=token))

        client.stage.run(main())

    return run


def test_reads_list_state_data_and_region(play: Play) -> None:
    async def body(bench: Bench, client: FleetApi) -> None:
        listed = (await client.call("vehicle", "list"))["response"]
        assert [(row["vin"], row["state"], row["display_name"]) for row in listed] == [(VIN, "online", "Model 3")]
        assert (await client.call("vehicle", "vehicle"))["response"] == listed[0]
        data = await client.data("charge_state", "location_data")
        assert isinstance(data, dict)
        assert data["charge_state"]["battery_level"] == 50
        assert data["charge_state"]["charging_state"] == "Stopped"
        assert (data["drive_state"]["latitude"], data["drive_state"]["longitude"]) == bench.car.home
        assert "vehicle_state" not in data
        everything = await client.data()
        assert isinstance(everything, dict)
        assert everything["vehicle_state"]["vehicle_name"] == "Model 3"
        assert "latitude" not in everything["drive_state"]
        assert (await client.call("user", "region"))["response"]["region"] == "eu"
        assert await client.call("api", "status") == "ok"

    play(body)


def test_wakes_a_sleeping_car(play: Play) -> None:
    async def body(bench: Bench, client: FleetApi) -> None:
        for attempt in (client.data(), client.send("charge_start", {})):
            told = await attempt
            assert isinstance(told, Said)
            assert told.error == "VehicleOffline"
        assert await client.state() == "asleep"
        assert await client.wake() == "asleep"  # the old state, at once
        await bench.live(60)
        assert await client.state() == "online"
        data = await client.data()
        assert isinstance(data, dict)
        assert data["state"] == "online"
        counted = bench.cloud.bill.total.to_json()
        assert {key: counted[key] for key in ("data", "command", "wake")} == {"data": 2, "command": 1, "wake": 1}

    play(body, is_asleep=True)


def test_every_charging_command_is_tried() -> None:
    assert list(CASES) == [row.name for row in COMMANDS]


@pytest.mark.parametrize("name", CASES)
def test_each_charging_command_has_its_effect(play: Play, name: str) -> None:
    case = CASES[name]

    async def body(bench: Bench, client: FleetApi) -> None:
        case.before(bench.car)
        assert case.look(bench.car) != case.expected
        assert await client.send(name, case.arguments) == DONE
        assert case.look(bench.car) == case.expected
        assert bench.cloud.bill.total.calls[name] == 1

    play(body)


def test_schedules_are_seen_in_charge_state(play: Play) -> None:
    async def body(_: Bench, client: FleetApi) -> None:
        async def charge_state() -> dict[str, Any]:
            seen: dict[str, Any] = (await client.call("vehicle", "vehicle_data"))["response"]["charge_state"]
            return seen

        assert await client.send("set_scheduled_charging", {"enable": True, "time": 1410}) == DONE
        charge = await charge_state()
        assert charge["scheduled_charging_mode"] == "StartAt"
        assert charge["scheduled_charging_pending"] is True
        at = datetime.fromtimestamp(charge["scheduled_charging_start_time"], UTC)
        assert at == datetime(2024, 6, 1, 21, 30, tzinfo=UTC)  # 23:30 in Berlin
        departure = {"enable": True, "departure_time": 540, "preconditioning_enabled": True}
        assert await client.send("set_scheduled_departure", departure) == DONE
        charge = await charge_state()
        assert charge["scheduled_charging_mode"] == "DepartBy"
        assert charge["scheduled_departure_time_minutes"] == 540
        assert charge["preconditioning_enabled"] is True

    play(body)


def test_charging_is_seen_in_charge_state(play: Play) -> None:
    async def body(bench: Bench, client: FleetApi) -> None:
        await client.send("charge_start", {})
        assert await client.send("charge_start", {}) == Said(result=False, reason="requested")
        await bench.live(40)
        assert await client.send("charge_start", {}) == Said(result=False, reason="is_charging")
        charge = (await client.call("vehicle", "vehicle_data"))["response"]["charge_state"]
        shown = {key: charge[key] for key in ("charging_state", "charger_actual_current", "charger_phases")}
        assert shown == {"charging_state": "Charging", "charger_actual_current": 16, "charger_phases": 2}
        assert charge["charger_power"] == 11
        assert isinstance(charge["charger_power"], int)
        assert charge["charger_voltage"] == 228

    play(body, phases=3)


def test_errors_are_those_that_the_client_knows(play: Play) -> None:
    async def body(_: Bench, client: FleetApi) -> None:
        assert (await client.send("set_charge_limit", {"percent": 30})).error == "InvalidField"
        assert (await client.send("set_charging_amps", {"charging_amps": "16"})).error == "InvalidField"
        assert (await client.send("charge_start", {}, STRANGER)).error == "NotFound"
        for _wake in range(3):
            await client.wake()
        with pytest.raises(RaisedError) as limited:
            await client.wake()
        assert limited.value.kinds[0] == "RateLimited"
        assert "Exception" not in limited.value.kinds
        assert limited.value.data == {"reset": "60", "after": "60"}

    play(body)


def test_an_expired_and_a_wrong_token(play: Play) -> None:
    async def expired(_: Bench, client: FleetApi) -> None:
        await asyncio.sleep(8 * 3600)
        with pytest.raises(RaisedError) as told:
            await client.call("vehicle", "vehicle")
        assert told.value.kinds[0] == "OAuthExpired"

    async def wrong(_: Bench, client: FleetApi) -> None:
        with pytest.raises(RaisedError) as told:
            await client.call("vehicle", "vehicle")
        assert "TeslaFleetError" in told.value.kinds

    play(expired)
    play(wrong, token="nonsense")
