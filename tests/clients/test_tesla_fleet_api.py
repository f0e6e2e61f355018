"""A real client, `tesla-fleet-api` 1.5.0 from PyPI, against the simulated cloud over loopback: it witnesses the simulator.

Its `TeslaFleetError` derives from BaseException, so an `except Exception` would let it pass.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import uvicorn
from tesla_fleet_api import TeslaFleetApi
from tesla_fleet_api.const import VehicleDataEndpoint
from tesla_fleet_api.exceptions import (
    InvalidField,
    OAuthExpired,
    RateLimited,
    TeslaFleetError,
    VehicleOffline,
)

from sunbox.core.model import Charging
from sunbox.dialects.tesla.table import COMMANDS
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.tesla_cloud import CloudSettings, TeslaCloud
from sunbox.simulator.tesla_tokens import FIRST_ACCESS

VIN = "LRW3F7EK4NC700000"


class HandClock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.at = datetime(2024, 6, 1, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@dataclass
class Bench:
    """The client's view and the truth side by side."""

    api: TeslaFleetApi
    car: TeslaCar
    cloud: TeslaCloud
    clock: HandClock

    def live(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.at += timedelta(seconds=1)
            self.car.advance(1.0)

    @property
    def vehicle(self) -> Any:
        return self.api.vehicles.specific(VIN)


@asynccontextmanager
async def served(access_token: str = FIRST_ACCESS, **about_car: Any) -> AsyncIterator[Bench]:
    clock = HandClock()
    car = TeslaCar(vin=VIN, now=clock.now, **about_car)
    cloud = TeslaCloud(clock, [car], settings=CloudSettings(slow_s=(0, 0), quick_s=(0, 0)))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(cloud.app, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with aiohttp.ClientSession() as session:
                yield Bench(TeslaFleetApi(session=session, access_token=access_token, server=url), car, cloud, clock)
        finally:
            server.should_exit = True
            await serving


def run(body: Callable[[Bench], Awaitable[None]], access_token: str = FIRST_ACCESS, **about_car: Any) -> None:
    async def main() -> None:
        async with served(access_token, **about_car) as bench:
            await body(bench)

    with asyncio.Runner() as runner:
        runner.run(main())


def test_reads_list_state_data_and_region() -> None:
    async def body(bench: Bench) -> None:
        listed = (await bench.vehicle.list())["response"]
        assert [(row["vin"], row["state"], row["display_name"]) for row in listed] == [(VIN, "online", "Model 3")]
        state = (await bench.vehicle.vehicle())["response"]
        assert state == listed[0]
        asked = [VehicleDataEndpoint.CHARGE_STATE, VehicleDataEndpoint.LOCATION_DATA]
        data = (await bench.vehicle.vehicle_data(asked))["response"]
        assert data["charge_state"]["battery_level"] == 50
        assert data["charge_state"]["charging_state"] == "Stopped"
        assert (data["drive_state"]["latitude"], data["drive_state"]["longitude"]) == bench.car.home
        assert "vehicle_state" not in data
        everything = (await bench.vehicle.vehicle_data())["response"]
        assert everything["vehicle_state"]["vehicle_name"] == "Model 3"
        assert "latitude" not in everything["drive_state"]
        assert (await bench.api.user.region())["response"]["region"] == "eu"
        assert await bench.api.status() == "ok"

    run(body)


def test_wakes_a_sleeping_car() -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(VehicleOffline):
            await bench.vehicle.vehicle_data()
        with pytest.raises(VehicleOffline):
            await bench.vehicle.charge_start()
        assert (await bench.vehicle.vehicle())["response"]["state"] == "asleep"
        assert (await bench.vehicle.wake_up())["response"]["state"] == "asleep"  # the old state, at once
        bench.live(60)
        assert (await bench.vehicle.vehicle())["response"]["state"] == "online"
        assert (await bench.vehicle.vehicle_data())["response"]["state"] == "online"
        counted = bench.cloud.bill.total.to_json()
        assert {key: counted[key] for key in ("data", "command", "wake")} == {"data": 2, "command": 1, "wake": 1}

    run(body, is_asleep=True)


DONE = {"result": True, "reason": ""}


def charge(car: TeslaCar) -> None:
    assert car.start_charging() is None
    for _ in range(30):
        car.advance(1.0)
    assert car.charging is Charging.CHARGING


def nothing(_: TeslaCar) -> None:
    """Leave the car as it is."""


ROWS: dict[str, tuple[Callable[[TeslaCar], None], dict[str, Any], str, Any]] = {
    "charge_port_door_open": (TeslaCar.unplug, {}, "is_port_open", True),
    "charge_port_door_close": (lambda car: (car.unplug(), car.open_port()), {}, "is_port_open", False),
    "charge_start": (nothing, {}, "charging", Charging.STARTING),
    "charge_stop": (charge, {}, "charging", Charging.STOPPED),
    "charge_standard": (lambda car: car.set_limit(90), {}, "limit_pct", 80),
    "charge_max_range": (nothing, {}, "limit_pct", 100),
    "set_charge_limit": (nothing, {"percent": 75}, "limit_pct", 75),
    "set_charging_amps": (nothing, {"charging_amps": 11}, "amps_a", 11),
    "set_scheduled_charging": (nothing, {"enable": True, "time": 1410}, "schedule.start_min", 1410),
    "set_scheduled_departure": (
        nothing,
        {"enable": True, "departure_time": 540, "off_peak_charging_enabled": True, "end_off_peak_time": 450},
        "schedule.off_peak_end_min",
        450,
    ),
    "add_charge_schedule": (
        nothing,
        {"days_of_week": "All", "enabled": True, "lat": 52.4, "lon": 13.5, "start_time": 60, "id": 7},
        "kept_schedules",
        {
            7: {
                "days_of_week": "All",
                "enabled": True,
                "end_enabled": False,
                "lat": 52.4,
                "lon": 13.5,
                "start_enabled": True,
                "start_time": 60,
                "id": 7,
            }
        },
    ),
    "remove_charge_schedule": (lambda car: car.keep_schedule({"id": 7}), {"id": 7}, "kept_schedules", {}),
}
"""Command → what comes before, its arguments, what it changes about the car, and to what."""


def test_every_charging_command_is_tried() -> None:
    assert list(ROWS) == [row.name for row in COMMANDS]


@pytest.mark.parametrize("name", ROWS)
def test_each_charging_command_has_its_effect(name: str) -> None:
    before, arguments, attribute, expected = ROWS[name]

    async def body(bench: Bench) -> None:
        before(bench.car)
        where: Any = bench.car
        *path, last = attribute.split(".")
        for part in path:
            where = getattr(where, part)
        assert getattr(where, last) != expected
        assert (await getattr(bench.vehicle, name)(**arguments))["response"] == DONE
        where = bench.car
        for part in path:
            where = getattr(where, part)
        assert getattr(where, last) == expected
        assert bench.cloud.bill.total.calls[name] == 1

    run(body)


def test_schedules_are_seen_in_charge_state() -> None:
    async def body(bench: Bench) -> None:
        await bench.vehicle.set_scheduled_charging(enable=True, time=1410)
        charge_state = (await bench.vehicle.vehicle_data())["response"]["charge_state"]
        assert charge_state["scheduled_charging_mode"] == "StartAt"
        assert charge_state["scheduled_charging_pending"] is True
        at = datetime.fromtimestamp(charge_state["scheduled_charging_start_time"], UTC)
        assert at == datetime(2024, 6, 1, 21, 30, tzinfo=UTC)  # 23:30 in Berlin
        await bench.vehicle.set_scheduled_departure(enable=True, departure_time=540, preconditioning_enabled=True)
        charge_state = (await bench.vehicle.vehicle_data())["response"]["charge_state"]
        assert charge_state["scheduled_charging_mode"] == "DepartBy"
        assert charge_state["scheduled_departure_time_minutes"] == 540
        assert charge_state["preconditioning_enabled"] is True

    run(body)


def test_charging_is_seen_in_charge_state() -> None:
    async def body(bench: Bench) -> None:
        await bench.vehicle.charge_start()
        assert (await bench.vehicle.charge_start())["response"] == {"result": False, "reason": "requested"}
        bench.live(40)
        assert (await bench.vehicle.charge_start())["response"] == {"result": False, "reason": "is_charging"}
        charge_state = (await bench.vehicle.vehicle_data())["response"]["charge_state"]
        shown = {key: charge_state[key] for key in ("charging_state", "charger_actual_current", "charger_phases")}
        assert shown == {"charging_state": "Charging", "charger_actual_current": 16, "charger_phases": 2}
        assert charge_state["charger_power"] == 11
        assert isinstance(charge_state["charger_power"], int)
        assert charge_state["charger_voltage"] == 228

    run(body, phases=3)


def test_errors_are_those_that_the_client_knows() -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(InvalidField):
            await bench.vehicle.set_charge_limit(percent=30)
        with pytest.raises(InvalidField):
            await bench.vehicle.set_charging_amps(charging_amps="16")
        for _ in range(3):
            await bench.vehicle.wake_up()
        with pytest.raises(RateLimited) as limited:
            await bench.vehicle.wake_up()
        assert limited.value.data == {"reset": "60", "after": "60"}

    run(body)


def test_an_expired_and_a_wrong_token() -> None:
    async def expired(bench: Bench) -> None:
        bench.clock.at += timedelta(hours=8)
        with pytest.raises(OAuthExpired):
            await bench.vehicle.vehicle()

    async def wrong(bench: Bench) -> None:
        with pytest.raises(TeslaFleetError):
            await bench.vehicle.vehicle()

    run(expired)
    run(wrong, access_token="nonsense")
