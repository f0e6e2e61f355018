"""A real client, `tesla-fleet-api` 1.5.0 from PyPI, against the face over loopback. Its errors derive from BaseException."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import uvicorn
from tesla_fleet_api import TeslaFleetApi
from tesla_fleet_api.const import VehicleDataEndpoint
from tesla_fleet_api.exceptions import InvalidField, VehicleOffline
from wallbox_double import AT, VIN, WallboxDouble, make_loadpoint, make_vehicle

from sunbox.core.commands import Command, CommandName
from sunbox.core.model import Charging, Override, VehicleFacts
from sunbox.faces.main import create_main_app

FACTS = VehicleFacts(measured_at=AT, charging=Charging.STOPPED, soc_pct=67, latitude=52.39, longitude=13.54)
DONE = {"result": True, "reason": ""}


@asynccontextmanager
async def client_of(box: WallboxDouble, prefix: str) -> AsyncIterator[Any]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_main_app(box), log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}{prefix}"
            async with aiohttp.ClientSession() as session:
                yield TeslaFleetApi(session=session, access_token="any", server=url).vehicles.specific(VIN)
        finally:
            server.should_exit = True
            await serving


def run(box: WallboxDouble, prefix: str, work: Callable[[Any], Awaitable[None]]) -> None:
    async def main() -> None:
        async with client_of(box, prefix) as vehicle:
            await work(vehicle)

    with asyncio.Runner() as runner:
        runner.run(main())


@pytest.mark.parametrize("prefix", ["", "/fleet"])
def test_reads_and_commands(prefix: str) -> None:
    box = WallboxDouble(make_loadpoint(vehicle=make_vehicle(facts=FACTS)))

    async def work(vehicle: Any) -> None:
        listed = (await vehicle.list())["response"]
        assert (await vehicle.vehicle())["response"] == listed[0]
        asked = [VehicleDataEndpoint.CHARGE_STATE, VehicleDataEndpoint.LOCATION_DATA]
        data = (await vehicle.vehicle_data(asked))["response"]
        assert (data["charge_state"]["battery_level"], data["drive_state"]["latitude"]) == (67, 52.39)
        assert (await vehicle.wake_up())["response"]["state"] == "online"
        for done in (
            await vehicle.set_charging_amps(11),
            await vehicle.set_charge_limit(75),
            await vehicle.charge_start(),
            await vehicle.charge_stop(),
            await vehicle.charge_port_door_open(),
            await vehicle.set_scheduled_charging(enable=True, time=1410),
            await vehicle.set_scheduled_departure(enable=True, departure_time=540),
            await vehicle.add_charge_schedule(
                days_of_week="Weekdays", enabled=True, lat=52.39, lon=13.54, start_time=60, one_time=True
            ),
            await vehicle.remove_charge_schedule(id=7),
        ):
            assert done["response"] == DONE
        with pytest.raises(InvalidField):
            await vehicle.set_charge_limit(30)

    run(box, prefix, work)
    wishes = [(row.amps_a, row.target_soc_pct, row.override) for row in box.requests]
    assert wishes == [(11, None, None), (None, 75, None), (None, None, Override.CHARGE), (None, None, Override.STOP)]
    orders = [command.name for _, command, _ in box.orders]
    assert orders == [
        CommandName.OPEN_PORT,
        CommandName.SCHEDULE_CHARGING,
        CommandName.SCHEDULE_DEPARTURE,
        CommandName.ADD_SCHEDULE,
        CommandName.REMOVE_SCHEDULE,
    ]
    assert box.orders[-1][1] == Command(CommandName.REMOVE_SCHEDULE, details=(("id", 7),))


def test_a_car_that_was_never_read() -> None:
    box = WallboxDouble(make_loadpoint(vehicle=make_vehicle(facts=None)))

    async def work(vehicle: Any) -> None:
        with pytest.raises(VehicleOffline):
            await vehicle.vehicle_data()

    run(box, "", work)
