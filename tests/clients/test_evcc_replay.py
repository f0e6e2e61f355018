"""evcc's drivers `tesla`, `tesla-ble`, `teslalogger` and `twc3` at the faces of a running gateway, over loopback.

Their requests are replayed as they stand on the wire, and the answers decoded as strictly as Go does. A simulated home goes
through every state that a car can be in, and each driver must make of it what is true.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from client_sessions import Stage, staged
from evcc_drivers import (
    TESLA_NEEDS,
    TWC3_NEEDS,
    AsleepError,
    BleVehicle,
    EvccError,
    GoHttp,
    LoggerVehicle,
    TeslaVehicle,
    Twc3Charger,
    Vehicle,
)
from tests.scenarios.home import CarScenario, Home, living

from sunbox.core.model import Charging
from sunbox.faces import twc3
from sunbox.simulator.tesla_cloud import CloudSettings
from sunbox.simulator.tesla_tokens import FIRST_ACCESS

VIN = "LRW3F7EK4NC700000"
WH_PER_MILE = 240.0
"""What the simulated car's range display assumes."""

T = TypeVar("T")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as made:
        yield made


def at_home(stage: Stage, body: Callable[[Home], Awaitable[None]], **about_car: Any) -> None:
    """Run a test's body at a home whose gateway leaves deciding to evcc (`mode: off`), as docs/tesla-face.md tells owners."""
    about = {"never_full": False, "soc_pct": 45.0, "asleep": False, "charges_at_plug_in": False, **about_car}

    async def main() -> None:
        # the cloud answers at once, for time stands still while evcc asks it
        cloud = CloudSettings(slow_s=(0, 0), quick_s=(0, 0))
        async with living(car=CarScenario(**about), loadpoint={"mode": "off"}, cloud=cloud) as home:
            stage.app = home.app
            stage.side_app = twc3.create_app(home.gateway)
            await home.sleep(30)
            await body(home)

    stage.run(main())


# --- the drivers, each with the addresses that its owner configures ------------------------------------------------------


def tesla(url: str) -> TeslaVehicle:
    """Return the vehicle `tesla`. evcc reads from Tesla only; here it reads from the face, which has the same answers."""
    return TeslaVehicle(GoHttp(url), GoHttp(url), VIN)


def tesla_ble(url: str) -> BleVehicle:
    return BleVehicle(GoHttp(f"{url}/ble"), VIN)


def teslalogger(url: str) -> LoggerVehicle:
    return LoggerVehicle(GoHttp(url))


VEHICLES: dict[str, Callable[[str], Any]] = {"tesla": tesla, "tesla-ble": tesla_ble, "teslalogger": teslalogger}

vehicles = pytest.mark.parametrize("make", VEHICLES.values(), ids=VEHICLES)


async def with_driver(stage: Stage, make: Callable[[str], T], work: Callable[[T], Any]) -> Any:
    """Return what a piece of work with a driver returns; connections are closed behind it."""

    def blocking() -> Any:
        driver = make(stage.url)
        try:
            return work(driver)
        finally:
            close(driver)

    return await stage.call(blocking)


def close(driver: Any) -> None:
    for name in ("http", "reading", "proxy"):
        connection = getattr(driver, name, None)
        if connection is not None:
            connection.close()


# --- states --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A state of the car: how to get there, and the status that each driver must see."""

    reach: Callable[[Home], Awaitable[None]]
    about_car: dict[str, Any]
    seen: str
    seen_by_charger: str | None = None  #: where charger and TeslaLogger tell it otherwise: they look at the current


async def as_it_is(_: Home) -> None:
    """Do nothing more."""


async def asleep(home: Home) -> None:
    await home.patch(car={"asleep": True})
    await home.until(lambda: home.gateway.snapshot().vehicles[0].is_asleep, 900)


async def wish_a_start(home: Home) -> None:
    answer = await home.client.post("/api/1/vehicles/1/command/charge_start")
    assert answer.json()["response"]["result"] is True


async def starting(home: Home) -> None:
    await wish_a_start(home)
    await home.until(lambda: home.gateway.snapshot().vehicles[0].charging is Charging.STARTING, 60)


async def charging(home: Home) -> None:
    await wish_a_start(home)
    await home.until(lambda: home.lp().is_flowing, 120)


async def unplugged(home: Home) -> None:
    await charging(home)
    await home.patch(car={"plugged": False})
    await home.until(lambda: not home.lp().is_plugged, 120)


async def complete(home: Home) -> None:
    await charging(home)
    await home.patch(car={"soc_pct": 80})
    await home.until(lambda: home.gateway.snapshot().vehicles[0].charging is Charging.COMPLETE, 120)


STATES: dict[str, State] = {
    "asleep": State(about_car={}, reach=asleep, seen="B"),
    "disconnected from the start": State(about_car={"plugged": False}, reach=as_it_is, seen="A"),
    "disconnected while charging": State(about_car={}, reach=unplugged, seen="A"),
    "plugged, idle": State(about_car={}, reach=as_it_is, seen="B"),
    "starting": State(about_car={}, reach=starting, seen="C", seen_by_charger="B"),
    "charging": State(about_car={}, reach=charging, seen="C"),
    "charging on three phases": State(about_car={"phases": 3}, reach=charging, seen="C"),
    "complete": State(about_car={}, reach=complete, seen="B"),
}

states = pytest.mark.parametrize("state", STATES.values(), ids=STATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What evcc makes of a vehicle."""

    status: str
    soc_pct: float
    limit_soc_pct: int
    range_km: int
    max_current_a: float


def look(vehicle: Vehicle) -> Seen:
    return Seen(
        status=vehicle.status(),
        soc_pct=vehicle.soc_pct(),
        limit_soc_pct=vehicle.limit_soc_pct(),
        range_km=vehicle.range_km(),
        max_current_a=vehicle.max_current_a(),
    )


def true_range_km(home: Home) -> float:
    return float(home.car.stored_wh / WH_PER_MILE * 1.609344)


@states
@vehicles
def test_a_vehicle_is_seen_as_it_is(stage: Stage, make: Callable[[str], Any], state: State) -> None:
    async def body(home: Home) -> None:
        await state.reach(home)
        before, truth = home.calls(), home.truth()
        seen: Seen = await with_driver(stage, make, look)
        told = state.seen_by_charger if make is teslalogger and state.seen_by_charger else state.seen
        assert seen.status == told
        assert (seen.soc_pct, seen.limit_soc_pct) == (round(truth["soc_pct"]), truth["limit_pct"])
        assert seen.max_current_a == truth["amps_a"]
        assert seen.range_km == pytest.approx(true_range_km(home), abs=2)
        assert home.calls() == before

    at_home(stage, body, **state.about_car)


@states
def test_nothing_that_evcc_reads_of_tesla_is_missing(stage: Stage, state: State) -> None:
    async def body(home: Home) -> None:
        await state.reach(home)

        def work(vehicle: TeslaVehicle) -> Any:
            listed, data = vehicle.vehicles(), vehicle.data()
            return listed, data, vehicle.odometer_km()

        listed, data, odometer_km = await with_driver(stage, tesla, work)
        assert [(row["vin"], row["display_name"]) for row in listed["response"]] == [(VIN, "model3")]
        assert listed["count"] == 1
        assert data.absent & TESLA_NEEDS == set()
        assert data["error"] == ""
        assert data["response.charge_state.timestamp"] > 1_700_000_000_000
        assert odometer_km == pytest.approx(home.car.odometer_km, abs=0.01)
        # As with Tesla: without `endpoints` there is no location. evcc takes it for 0, 0.
        assert {"response.drive_state.latitude", "response.drive_state.longitude"} <= data.absent

    at_home(stage, body, **state.about_car)


@states
def test_nothing_that_evcc_reads_of_teslalogger_is_null(stage: Stage, state: State) -> None:
    async def body(home: Home) -> None:
        await state.reach(home)

        def work(vehicle: LoggerVehicle) -> Any:
            return vehicle.odometer_km(), vehicle.is_preconditioning(), look(vehicle)

        odometer_km, is_preconditioning, _ = await with_driver(stage, teslalogger, work)
        assert odometer_km == pytest.approx(home.car.odometer_km, abs=0.01)
        assert is_preconditioning is False

    at_home(stage, body, **state.about_car)


@states
def test_a_wall_connector_is_seen_as_it_is(stage: Stage, state: State) -> None:
    async def body(home: Home) -> None:
        await state.reach(home)
        before, truth = home.calls(), home.truth()

        def work(_: Any) -> Any:
            with GoHttp(stage.side_url) as connection:
                charger = Twc3Charger(connection, None)  # type: ignore[arg-type]
                return charger.status(), charger.vitals(), charger.currents_a(), charger.power_w()

        status, vitals, currents_a, power_w = await with_driver(stage, lambda _: None, work)
        assert status == (state.seen_by_charger or state.seen)
        assert vitals.absent & TWC3_NEEDS == set()
        flowing_a = round(truth["current_a"]) if status == "C" else 0
        phases = truth["phases"]
        assert currents_a == (flowing_a, *[flowing_a * (phases == 3)] * 2)
        assert power_w == pytest.approx(truth["draw_w"] if status == "C" else 0, rel=0.02)
        assert 200 < vitals["grid_v"] < 250
        assert home.calls() == before

    at_home(stage, body, **state.about_car)


# --- sequences -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_wall_connector", [False, True], ids=["alone", "at a Wall Connector"])
@vehicles
def test_evcc_charges_a_sleeping_car(stage: Stage, make: Callable[[str], Any], *, has_wall_connector: bool) -> None:
    """As its loadpoint does: current, start, wake while nothing is seen of it, other currents, stop."""

    async def body(home: Home) -> None:
        await asleep(home)
        statuses: list[str] = []

        async def do(work: Callable[[Any], Any]) -> Any:
            def at_charger(vehicle: Vehicle) -> Any:
                if not has_wall_connector:
                    return work(vehicle)
                with GoHttp(stage.side_url) as connection:
                    return work(Twc3Charger(connection, vehicle))

            return await with_driver(stage, make, at_charger)

        async def watch(until: str, within_s: int) -> None:
            for _ in range(within_s // 5):
                statuses.append(await do(lambda driver: driver.status()))
                if statuses[-1] == until:
                    return
                await home.sleep(5)
            raise AssertionError(statuses)

        assert await do(lambda driver: driver.status()) == "B"
        await do(lambda driver: driver.set_max_current(10))
        await do(lambda driver: driver.enable(enable=True))
        await with_driver(stage, make, lambda vehicle: vehicle.wake_up())
        await watch("C", 180)
        assert set(statuses) <= {"B", "C"}  # never as if the car were gone
        await home.until(lambda: home.lp().is_flowing, 60)
        assert (home.count("wake"), home.car.amps_a, home.calls()["charge_start"]) == (1, 10, 1)

        await do(lambda driver: driver.enable(enable=True))  # again, as evcc does when in doubt
        await do(lambda driver: driver.set_max_current(13))
        await home.until(lambda: round(home.car.current_a) == 13, 60)
        seen = await with_driver(stage, make, look)
        assert (seen.status, seen.max_current_a) == ("C", 13)
        assert home.calls()["charge_start"] == 1

        await do(lambda driver: driver.enable(enable=False))
        await watch("B", 60)
        await home.until(lambda: home.car.charging is Charging.STOPPED, 60)
        await do(lambda driver: driver.enable(enable=False))
        await home.sleep(60)
        assert (home.calls()["charge_start"], home.calls()["charge_stop"]) == (1, 1)

    at_home(stage, body)


@vehicles
def test_reads_leave_a_sleeping_car_asleep(stage: Stage, make: Callable[[str], Any]) -> None:
    """evcc reads every value in every cycle, also at night (evcc#25707)."""

    async def body(home: Home) -> None:
        await asleep(home)
        spent = (home.count("wake"), home.count("data"), home.count("command"))
        for _ in range(20):
            await with_driver(stage, make, look)
            await home.sleep(30)
        await with_driver(stage, make, lambda vehicle: vehicle.wake_up())
        await with_driver(stage, make, lambda vehicle: vehicle.enable(enable=False))  # nothing to stop: nothing is sent
        await home.sleep(300)
        assert (home.count("wake"), home.count("data"), home.count("command")) == spent
        assert home.truth()["state"] == "asleep"

    at_home(stage, body)


@pytest.mark.parametrize(("make", "is_told"), [(tesla, True), (tesla_ble, True), (teslalogger, False)])
def test_a_start_without_a_cable(stage: Stage, make: Callable[[str], Any], *, is_told: bool) -> None:
    """TeslaLogger answers 200 whatever becomes of a command, so evcc cannot be told there."""

    async def body(home: Home) -> None:
        def start(vehicle: Vehicle) -> str | None:
            try:
                vehicle.enable(enable=True)
            except EvccError as error:
                return str(error)
            return None

        told = await with_driver(stage, make, start)
        assert (told is not None) == is_told
        assert make is not tesla or told == "disconnected"
        await with_driver(stage, make, lambda vehicle: vehicle.enable(enable=False))
        await home.sleep(120)
        assert home.count("command") == 0

    at_home(stage, body, plugged=False)


@vehicles
def test_a_start_of_a_full_car_is_no_failure(stage: Stage, make: Callable[[str], Any]) -> None:
    async def body(home: Home) -> None:
        await complete(home)
        commands = home.count("command")
        await with_driver(stage, make, lambda vehicle: vehicle.enable(enable=True))
        await home.sleep(300)
        assert (await with_driver(stage, make, look)).status == "B"
        assert home.count("command") == commands  # a full car is not told again and again

    at_home(stage, body)


@pytest.mark.parametrize(("make", "failure"), [(tesla, AsleepError), (tesla_ble, EvccError)])
def test_a_car_that_was_never_read_is_a_failure_and_not_an_empty_car(
    stage: Stage, make: Callable[[str], Any], failure: type[EvccError]
) -> None:
    """For `tesla` it is the failure that evcc takes for a sleeping car; commands are taken all the same."""

    async def body(home: Home) -> None:
        def fail(vehicle: Vehicle) -> type[BaseException]:
            with pytest.raises(EvccError) as told:
                vehicle.status()
            return told.type

        def ask_once(_: Any) -> str:
            with GoHttp(stage.url) as connection:
                return connection.send("GET", f"/api/1/vehicles/{VIN}/vehicle_data").status

        assert await with_driver(stage, make, fail) is failure
        assert (
            await with_driver(stage, lambda _: None, ask_once) == "408 Request Timeout"
        )  # the words that evcc looks for
        await with_driver(stage, make, lambda vehicle: vehicle.enable(enable=True))
        await home.until(lambda: home.lp().is_flowing, 180)
        assert (await with_driver(stage, make, look)).status == "C"

    at_home(stage, body, asleep=True)


def test_teslaloggers_values_are_there_before_the_car_was_ever_read(stage: Stage) -> None:
    async def body(home: Home) -> None:
        seen = await with_driver(stage, teslalogger, look)
        assert seen == Seen(status="A", soc_pct=0, limit_soc_pct=0, range_km=0, max_current_a=0)
        await with_driver(stage, teslalogger, lambda vehicle: vehicle.enable(enable=True))
        await home.until(lambda: home.lp().is_flowing, 180)
        assert (await with_driver(stage, teslalogger, look)).status == "C"

    at_home(stage, body, asleep=True)


def test_a_session_at_a_wall_connector(stage: Stage) -> None:
    """Its seconds tell evcc one car from the next: they go on while it is plugged in, and begin again."""

    async def body(home: Home) -> None:
        async def session() -> tuple[int, float]:
            def work(_: Any) -> tuple[int, float]:
                with GoHttp(stage.side_url) as connection:
                    charger = Twc3Charger(connection, None)  # type: ignore[arg-type]
                    return charger.connected_s(), charger.charged_kwh()

            seen: tuple[int, float] = await with_driver(stage, lambda _: None, work)
            return seen

        assert (await session())[0] == 0
        await charging(home)
        before_s, _ = await session()
        await home.sleep(600)
        after_s, charged_kwh = await session()
        assert after_s == before_s + 600
        assert 0 < charged_kwh <= home.truth()["energy_added_wh"] / 1000
        await home.patch(car={"plugged": False})
        await home.until(lambda: not home.lp().is_plugged, 120)
        assert (await session())[0] == 0

    at_home(stage, body)


# --- evcc's vehicle `tesla` as it is configured: reading from Tesla, commands to the gateway ---------------------------------

CLOUD_STATES = {**STATES, "starting": State(about_car={}, reach=starting, seen="A")}
"""evcc takes Tesla's own `Starting` for "no car"; at the gateway's faces it does not come to that."""


@pytest.mark.parametrize("state", CLOUD_STATES.values(), ids=CLOUD_STATES)
def test_the_simulated_cloud_is_seen_as_it_is(stage: Stage, state: State) -> None:
    """The same decoder witnesses the simulator."""

    async def body(home: Home) -> None:
        await state.reach(home)
        stage.side_app = home.simulated.cloud.app

        def read(url: str) -> TeslaVehicle:
            return TeslaVehicle(GoHttp(stage.side_url), GoHttp(url), VIN, FIRST_ACCESS)

        def work(vehicle: TeslaVehicle) -> Any:
            assert vehicle.region()["response.fleet_api_base_url"].startswith("http://")
            assert [row["vin"] for row in vehicle.vehicles()["response"]] == [VIN]
            try:
                return look(vehicle), vehicle.data()
            except AsleepError:
                return None, None

        truth = home.truth()
        seen, data = await with_driver(stage, read, work)
        if truth["state"] == "asleep":
            assert seen is None
            return
        assert data.absent & TESLA_NEEDS == set()
        assert seen == Seen(
            status=state.seen,
            soc_pct=round(truth["soc_pct"]),
            limit_soc_pct=truth["limit_pct"],
            range_km=int(true_range_km(home)),
            max_current_a=truth["amps_a"],
        )

    at_home(stage, body, **state.about_car)


def test_evcc_reads_from_tesla_and_commands_the_gateway(stage: Stage) -> None:
    async def body(home: Home) -> None:
        stage.side_app = home.simulated.cloud.app

        def both(url: str) -> TeslaVehicle:
            return TeslaVehicle(GoHttp(stage.side_url), GoHttp(url), VIN, FIRST_ACCESS)

        await with_driver(stage, both, lambda vehicle: vehicle.set_max_current(8))
        await with_driver(stage, both, lambda vehicle: vehicle.enable(enable=True))
        await home.until(lambda: home.car.charging is Charging.CHARGING and round(home.car.current_a) == 8, 120)
        seen = await with_driver(stage, both, look)
        assert (seen.status, seen.max_current_a) == ("C", 8)
        await with_driver(stage, both, lambda vehicle: vehicle.enable(enable=False))
        await home.until(lambda: home.car.charging is Charging.STOPPED, 60)
        assert (await with_driver(stage, both, look)).status == "B"

    at_home(stage, body)
