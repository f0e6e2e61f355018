"""Two real clients, `tesla-fleet-api` and `tescmd`, at the Tesla face of a running gateway: what they ask for becomes a wish or
an order, and reaches the simulated car.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from charging_cases import SCHEDULE
from charging_clients import DONE, STRANGER, VIN, ChargingClient, FleetApi, Said, TesCmd, tescmd_settings
from client_sessions import Stage, running, staged
from tests.scenarios.home import CarScenario, Home, living

from sunbox.core.commands import Command, CommandName
from sunbox.core.model import Charging, Override
from sunbox.core.wallbox import Accepted, Rejected, Request, Wallbox
from sunbox.dialects.tesla.table import BY_NAME, COMMANDS
from sunbox.faces.main import create_main_app
from sunbox.simulator.car import TeslaCar

PREFIXES = ("", "/fleet")


@dataclass
class Notes:
    """The gateway as its faces see it; what is wished and ordered is noted."""

    wallbox: Wallbox
    requests: list[Request] = field(default_factory=list)
    orders: list[tuple[str, Command, str]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wallbox, name)

    def request(self, request: Request) -> Accepted | Rejected:
        self.requests.append(request)
        return self.wallbox.request(request)

    def order(self, vehicle_id: str, command: Command, by: str) -> Accepted | Rejected:
        self.orders.append((vehicle_id, command, by))
        return self.wallbox.order(vehicle_id, command, by)


@contextmanager
def fleet_api(folder: Path, prefix: str) -> Iterator[tuple[Stage, ChargingClient]]:
    with staged() as stage, running("tesla-fleet-api", folder) as process:
        yield stage, FleetApi(stage, process, prefix, token="any")


@contextmanager
def tescmd(folder: Path, prefix: str) -> Iterator[tuple[Stage, ChargingClient]]:
    with staged() as stage:
        variables = tescmd_settings(folder, stage.url + prefix, TESLA_ACCESS_TOKEN="any")
        with running("tescmd", folder, variables) as process:
            yield stage, TesCmd(stage, process)


MAKERS = {"tesla-fleet-api": fleet_api, "tescmd": tescmd}

Standing = tuple[Stage, ChargingClient]


@pytest.fixture(
    scope="module",
    params=[(name, prefix) for name in MAKERS for prefix in PREFIXES],
    ids=lambda param: f"{param[0]}{param[1]}",
)
def standing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """Have each client before each of the addresses."""
    name, prefix = request.param
    with MAKERS[name](tmp_path_factory.mktemp(name), prefix) as made:
        yield made


Body = Callable[[Home, ChargingClient, Notes], Awaitable[None]]


def play(standing: Standing, body: Body, settle_s: float = 30.0, **about_car: Any) -> None:
    """Run a test's body at a home of its own, where the gateway charges only because somebody asks for it."""
    stage, client = standing
    about = {"never_full": False, "soc_pct": 45.0, "asleep": False, "charges_at_plug_in": False, **about_car}

    async def main() -> None:
        async with living(car=CarScenario(**about), loadpoint={"mode": "off"}) as home:
            notes = Notes(home.gateway)
            stage.app = create_main_app(notes)
            await home.sleep(settle_s)
            await body(home, client, notes)

    stage.run(main())


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command: what the car is like before and when it has had its effect, and the wish, None = an order."""

    name: str
    look: Callable[[TeslaCar], Any]
    expected: Any
    arguments: Mapping[str, Any] = field(default_factory=dict)
    wish: Mapping[str, Any] | None = None


ONCE_A_WEEKDAY = {**SCHEDULE, "days_of_week": "Weekdays", "one_time": True}

STEPS = (
    Step(
        name="charge_start",
        wish={"override": Override.CHARGE},
        look=lambda car: car.charging,
        expected=Charging.CHARGING,
    ),
    Step(
        name="set_charging_amps",
        arguments={"charging_amps": 11},
        wish={"amps_a": 11},
        look=lambda car: (car.charging, round(car.current_a)),
        expected=(Charging.CHARGING, 11),
    ),
    Step(
        name="set_charge_limit",
        arguments={"percent": 75},
        wish={"target_soc_pct": 75},
        look=lambda car: car.limit_pct,
        expected=75,
    ),
    Step(
        name="charge_stop", wish={"override": Override.STOP}, look=lambda car: car.charging, expected=Charging.STOPPED
    ),
    Step(name="charge_max_range", look=lambda car: car.limit_pct, expected=100),
    Step(name="charge_standard", look=lambda car: car.limit_pct, expected=80),
    Step(name="charge_port_door_open", look=lambda car: car.is_latched, expected=False),
    Step(name="charge_port_door_close", look=lambda car: car.is_latched, expected=True),
    Step(
        name="set_scheduled_charging",
        arguments={"enable": True, "time": 1410},
        look=lambda car: car.schedule.start_min,
        expected=1410,
    ),
    Step(
        name="set_scheduled_departure",
        arguments={
            "enable": True,
            "departure_time": 540,
            "off_peak_charging_enabled": True,
            "end_off_peak_time": 450,
        },
        look=lambda car: (car.schedule.departure_min, car.schedule.off_peak_end_min),
        expected=(540, 450),
    ),
    Step(
        name="add_charge_schedule",
        arguments=ONCE_A_WEEKDAY,
        look=lambda car: car.kept_schedules,
        expected={7: ONCE_A_WEEKDAY},
    ),
    Step(name="remove_charge_schedule", arguments={"id": 7}, look=lambda car: car.kept_schedules, expected={}),
)
"""In an order in which each has something to do."""


def test_every_charging_command_is_tried() -> None:
    assert {step.name for step in STEPS} == {row.name for row in COMMANDS}


def test_every_command_becomes_a_wish_or_an_order_and_reaches_the_car(standing: Standing) -> None:
    async def body(home: Home, client: ChargingClient, notes: Notes) -> None:
        for step in STEPS:
            notes.requests.clear()
            notes.orders.clear()
            assert step.look(home.car) != step.expected, step.name
            assert await client.send(step.name, step.arguments) == DONE, step.name
            if step.wish is not None:
                assert notes.requests == [Request(loadpoint_id="carport", by="tesla", **step.wish)]
                assert notes.orders == []
            else:
                assert notes.requests == []
                ((vehicle_id, command, by),) = notes.orders
                assert (vehicle_id, command.name, by) == ("model3", BY_NAME[step.name].core, "tesla")
                assert dict(command.details).items() >= step.arguments.items()
            await home.until(lambda step=step: step.look(home.car) == step.expected, 180)
            calls = home.calls()
            assert calls[step.name] == 1
            await home.sleep(30)  # nobody takes it back
            assert (step.look(home.car), home.calls()[step.name]) == (step.expected, 1), step.name

    play(standing, body)


def test_a_car_is_seen_without_being_contacted(standing: Standing) -> None:
    async def body(home: Home, client: ChargingClient, notes: Notes) -> None:
        before = home.calls()
        assert [(row["vin"], row["display_name"], row["state"]) for row in await client.listed()] == [
            (VIN, "model3", "online")
        ]
        assert await client.state() == "online"
        data = await client.data("charge_state", "location_data")
        assert isinstance(data, dict)
        charge, drive = data["charge_state"], data["drive_state"]
        assert (charge["battery_level"], charge["charging_state"], charge["charge_limit_soc"]) == (45, "Stopped", 80)
        assert (drive["latitude"], drive["longitude"]) == home.car.home
        assert "vehicle_state" not in data
        everything = await client.data()
        assert isinstance(everything, dict)
        assert everything["vehicle_state"]["vehicle_name"] == "model3"  # the configuration has no other
        assert "latitude" not in everything["drive_state"]
        assert await client.wake() == "online"
        assert home.calls() == before
        assert (notes.requests, notes.orders) == ([], [])

    play(standing, body)


def test_a_sleeping_car_is_not_woken_by_a_look_and_charges_when_asked_to(standing: Standing) -> None:
    async def body(home: Home, client: ChargingClient, _: Notes) -> None:
        never_read = await client.data()
        assert isinstance(never_read, Said)
        assert never_read.error in ("VehicleOffline", "vehicle_asleep")
        assert await client.state() == "asleep"
        assert await client.wake() == "asleep"
        await home.sleep(300)
        assert (home.count("wake"), home.count("data"), home.truth()["state"]) == (0, 0, "asleep")
        assert await client.send("charge_start", {}) == DONE
        await home.until(lambda: home.car.charging is Charging.CHARGING, 180)
        assert home.count("wake") == 1
        assert await client.state() == "online"

    play(standing, body, asleep=True)


def test_a_start_without_a_cable_is_refused(standing: Standing) -> None:
    async def body(home: Home, client: ChargingClient, notes: Notes) -> None:
        assert await client.send("charge_start", {}) == Said(result=False, reason="disconnected")
        assert (notes.requests, notes.orders) == ([], [])
        data = await client.data("charge_state")
        assert isinstance(data, dict)
        assert data["charge_state"]["charging_state"] == "Disconnected"
        assert await client.send("charge_stop", {}) == DONE  # there is nothing that it could not do
        await home.sleep(60)
        assert home.count("command") == 0

    play(standing, body, plugged=False)


BAD: tuple[tuple[str, Mapping[str, Any], str], ...] = (
    ("set_charge_limit", {"percent": 30}, "percent: '30' is not allowed"),
    ("set_charging_amps", {"charging_amps": 49}, "charging_amps: '49' is not allowed"),
    ("set_scheduled_charging", {"enable": True, "time": 1440}, "time: '1440' is not allowed"),
    ("add_charge_schedule", {**SCHEDULE, "lat": 91}, "lat: '91' is not allowed"),
    ("remove_charge_schedule", {"id": -1}, "id: '-1' is not allowed"),
)


def test_a_value_out_of_range_is_told_and_changes_nothing(standing: Standing) -> None:
    async def body(home: Home, client: ChargingClient, notes: Notes) -> None:
        for name, arguments, about in BAD:
            send = client.send_raw if isinstance(client, TesCmd) else client.send  # tescmd's own words refuse some
            told = await send(name, arguments)
            assert told.error in ("InvalidField", "TeslaAPIError")
            assert "invalid_field" in told.about
            assert about in told.about
        await home.sleep(60)
        assert (notes.requests, notes.orders, home.count("command")) == ([], [], 0)

    play(standing, body)


def test_a_stranger_and_what_is_not_a_command(standing: Standing) -> None:
    async def body(home: Home, client: ChargingClient, notes: Notes) -> None:
        for told in (
            await client.send("charge_start", {}, STRANGER),
            await client.send("charge_max_range", {}, STRANGER),
            await client.data(vin=STRANGER),
        ):
            assert isinstance(told, Said)
            assert told.error in ("NotFound", "TeslaAPIError")
            assert "not_found" in told.about
        assert re.search("NotFound|not_found", await client.state(STRANGER))
        if isinstance(client, TesCmd):  # the library has no method for what is no command
            assert "invalid_command" in (await client.send_raw("self_destruct", {"now": True})).about
        assert (notes.requests, notes.orders, home.count("command")) == ([], [], 0)

    play(standing, body)


def test_the_car_may_be_named_by_its_vin_in_small_letters_and_by_its_number(standing: Standing) -> None:
    async def body(_: Home, client: ChargingClient, notes: Notes) -> None:
        assert VIN.lower() != VIN
        for name in (VIN.lower(), "1", "model3"):
            assert await client.send("charge_port_door_open", {}, name) == DONE
        assert [(vehicle, command.name) for vehicle, command, _ in notes.orders] == [
            ("model3", CommandName.OPEN_PORT)
        ] * 3

    play(standing, body)


def test_too_many_orders_are_told(standing: Standing) -> None:
    async def body(home: Home, client: ChargingClient, _: Notes) -> None:
        told = [await client.send("charge_port_door_open", {}) for _ in range(9)]
        assert told[0] == DONE
        assert told[-1].error in ("InvalidField", "TeslaAPIError")
        assert "orders" in told[-1].about
        assert home.count("command") == 0  # time stood still while they came

    play(standing, body, asleep=True)
