"""The simulated home with wallboxes: its ports, the configuration that its owner writes, its score, what befalls it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
import yaml

from sunbox.cli.day import DayOptions
from sunbox.cli.home import (
    METER_PORT,
    TESLA_PORT,
    WORLD_PORT,
    SimulatedHome,
    build_home,
    charger_urls_of,
    config_document,
    ports_of_chargers,
)
from sunbox.net.http import AppTransport
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.goe_control import BOX_ROWS
from sunbox.simulator.scenario import (
    CarScenario,
    ChargerKind,
    ChargerScenario,
    MainsMeter,
    Scenario,
    WallboxCarScenario,
)
from sunbox.simulator.smartevse_control import BOX_ROWS as SMARTEVSE_ROWS
from sunbox.simulator.troubles import AT_GOE, AT_SMARTEVSE

TWO = Scenario(
    start="08:00",
    chargers=(
        ChargerScenario(car="model3"),
        ChargerScenario(id="drive", vehicle=WallboxCarScenario(phases=1, never_full=False)),
    ),
)


def at_home(body: Callable[[SimulatedHome, dict[int, Any]], Awaitable[None]], scenario: Scenario = TWO) -> None:
    """Run a test's body at a home in virtual time, with its apps by port."""

    async def main() -> None:
        home = build_home(scenario, LoopClock(scenario.start_at()))
        await body(home, home.apps(tesla_port=TESLA_PORT, meter_port=METER_PORT, world_port=WORLD_PORT))

    run_in(VirtualTimeLoop, main())


def client_of(app: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url="http://box", transport=AppTransport(app))


def document_of(home: SimulatedHome, **about: Any) -> dict[str, Any]:
    document = config_document(home, tesla_url="http://tesla", meter_url="http://meter", **about)
    return yaml.safe_load(yaml.safe_dump(document))


def test_the_first_of_a_kind_is_beside_the_cloud_and_the_others_behind_the_meter() -> None:
    goe, smartevse = ChargerKind.GOE, ChargerKind.SMARTEVSE
    assert ports_of_chargers(5100, ()) == []
    assert ports_of_chargers(5100, (goe,)) == [5101]
    assert ports_of_chargers(5100, (smartevse,)) == [5102]
    assert ports_of_chargers(6100, (goe, goe, goe)) == [6101, 6105, 6106]
    assert ports_of_chargers(6100, (smartevse, goe, smartevse, goe)) == [6102, 6101, 6105, 6106]


def test_each_is_served_and_lives_in_the_one_world() -> None:
    async def body(home: SimulatedHome, apps: dict[int, Any]) -> None:
        assert sorted(apps) == [5100, 5101, 5104, 5105, 5199]
        async with client_of(apps[5101]) as garage, client_of(apps[5105]) as drive, client_of(apps[5199]) as world:
            await asyncio.sleep(60)
            assert (await drive.get("/api/status?filter=car,sse,fna")).json() == {
                "car": 2, "sse": "100002", "fna": "drive"
            }  # fmt: skip
            assert (await drive.get("/api/set?frc=1")).json() == {"frc": True}
            await drive.get("/mqtt?payload=amp=10")
            await asyncio.sleep(30)
            assert (await garage.get("/api/status?filter=car,sse")).json() == {"car": 3, "sse": "100001"}
            truth = (await world.get("/world")).json()
            assert truth["chargers"]["drive"]["requests"] == {"reads": 1, "sets": 2}
            assert truth["chargers"]["drive"]["told"]["amp"] == 10
            assert truth["cars"]["drive"]["draw_w"] == 0
            assert (await world.patch("/world", json={"chargers": {"drive": {"reboot": True}}})).status_code == 200
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(drive.get("/api/status?filter=car"), 5)
            assert truth["chargers"]["drive"]["requests"]["reads"] == 1  # it did not get that one
            figures = home.score()
            assert figures.commands_per_day == pytest.approx(2 / figures.days, rel=0.1)

    at_home(body)


def test_what_its_owner_writes() -> None:
    async def body(home: SimulatedHome, _: dict[int, Any]) -> None:
        document = document_of(home, loadpoint={"phases": "auto"})
        assert document["chargers"] == [
            {"id": "garage", "driver": "goe", "url": "http://127.0.0.1:5101"},
            {"id": "drive", "driver": "goe", "url": "http://127.0.0.1:5105"},
        ]
        # the Tesla has no socket of its own
        assert document["loadpoints"] == [
            {"id": "garage", "charger": "garage", "vehicle": "model3", "mode": "pv", "phases": "auto"},
            {"id": "drive", "charger": "drive", "mode": "pv", "phases": "auto"},
        ]
        assert [car["id"] for car in document["vehicles"]] == ["model3"]
        urls = charger_urls_of(home, 6100)
        assert document_of(home, charger_urls=urls)["chargers"][1]["url"] == "http://127.0.0.1:6105"

    at_home(body)


def test_a_home_without_a_tesla_needs_no_account_and_one_without_a_wallbox_is_as_ever() -> None:
    async def alone(home: SimulatedHome, _: dict[int, Any]) -> None:
        document = document_of(home)
        assert not {"tesla", "vehicles"} & set(document)
        await asyncio.sleep(3600)
        figures = home.score()
        assert (figures.starts_per_day, figures.dollars_per_month) == (24, 0)

    at_home(alone, Scenario(cars=(), chargers=(ChargerScenario(),)))

    async def as_ever(home: SimulatedHome, apps: dict[int, Any]) -> None:
        document = document_of(home)
        assert "chargers" not in document
        assert document["loadpoints"] == [{"id": "carport", "vehicle": "model3", "mode": "pv"}]
        assert sorted(apps) == [5100, 5104, 5199]

    at_home(as_ever, Scenario(cars=(CarScenario(),)))


def test_everything_that_befalls_a_wallbox_does() -> None:
    async def body(home: SimulatedHome, _: dict[int, Any]) -> None:
        await asyncio.sleep(60)
        for row in AT_GOE:
            assert set(row.fault) <= set(BOX_ROWS)
            home.befall(row.fault)
        boxes = [each.charger for each in home.chargers.values()]
        assert [(box.state.boots, box.is_reachable, box.api_is_busy) for box in boxes] == [(2, False, True)] * 2
        task = asyncio.create_task(home.trouble(AT_GOE, seed=1))
        for _ in range(7):  # days
            await asyncio.sleep(86_400)
            if has_all := all(box.state.boots > 2 for box in boxes):
                break
        task.cancel()
        assert has_all

    at_home(body)


SMARTEVSES = Scenario(
    start="08:00",
    chargers=(
        ChargerScenario(kind=ChargerKind.SMARTEVSE, car="model3"),
        ChargerScenario(id="drive"),
        ChargerScenario(id="yard", kind=ChargerKind.SMARTEVSE, mains=MainsMeter.API, supply_phases=1),
    ),
)


def test_smartevses_are_served_beside_go_es_and_count_what_they_are_told() -> None:
    async def body(home: SimulatedHome, apps: dict[int, Any]) -> None:
        assert sorted(apps) == [5100, 5101, 5102, 5104, 5105, 5199]
        assert document_of(home)["chargers"] == [
            {"id": "garage", "driver": "smartevse", "url": "http://127.0.0.1:5102"},
            {"id": "drive", "driver": "goe", "url": "http://127.0.0.1:5101"},
            {"id": "yard", "driver": "smartevse", "url": "http://127.0.0.1:5105", "phases": 1, "feeds_currents": True},
        ]
        async with client_of(apps[5105]) as yard, client_of(apps[5199]) as world:
            await asyncio.sleep(60)
            assert (await yard.post("/settings?mode=4")).json() == {"mode": "4"}
            assert (await yard.post("/currents?L1=10&L2=0&L3=0")).status_code == 200
            told = (await yard.get("/settings")).json()
            assert (told["mode"], told["phase_currents"]["L1"]) == ("PAUSE", 10)
            truth = (await world.get("/world")).json()["chargers"]["yard"]
            assert (truth["mode"], truth["requests"]) == ("pause", {"reads": 1, "sets": 1, "feeds": 1})
            await world.patch("/world", json={"chargers": {"yard": {"busy_s": 60}}})
            assert (await yard.get("/settings")).status_code == 503
            await world.patch("/world", json={"chargers": {"yard": {"lose_wifi_s": 60}}})
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(yard.get("/settings"), 5)

    at_home(body, SMARTEVSES)


def test_everything_that_befalls_a_smartevse_does() -> None:
    async def body(home: SimulatedHome, _: dict[int, Any]) -> None:
        await asyncio.sleep(60)
        for row in AT_SMARTEVSE:
            assert set(row.fault) <= set(SMARTEVSE_ROWS)
            home.befall(row.fault)
        (box,) = (each.charger for each in home.chargers.values())
        assert (box.boots, box.is_reachable, box.api_is_busy) == (2, False, True)
        await asyncio.sleep(3600)
        assert home.score().starts_per_day > 0
        assert (box.is_reachable, box.api_is_busy) == (True, False)

    at_home(body, Scenario(cars=(), chargers=(ChargerScenario(kind=ChargerKind.SMARTEVSE),)))


@pytest.mark.parametrize(
    ("phases", "max_amps", "supply", "most_a"),
    [(1, None, 1, 32), (3, None, 3, 16), (None, None, 3, 16), (None, 32, 3, 32), (1, 20, 1, 20)],
)
@pytest.mark.parametrize(("kind", "troubles"), [(ChargerKind.GOE, AT_GOE), (ChargerKind.SMARTEVSE, AT_SMARTEVSE)])
def test_the_home_of_a_day(
    phases: int | None, max_amps: int | None, supply: int, most_a: int, kind: ChargerKind, troubles: Any
) -> None:
    options = DayOptions(charger=kind, phases=phases, max_amps=max_amps, min_amps=6, cars=2)
    scenario = options.scenario(None)
    assert scenario.cars == ()
    assert [(each.id, each.supply_phases, each.max_amps) for each in scenario.chargers] == [
        ("garage", supply, most_a), ("garage1", supply, most_a)
    ]  # fmt: skip
    expected = {"min_a": 6, "phases": phases or "auto"} | ({} if max_amps is None else {"max_a": max_amps})
    assert (options.loadpoint(), options.budget()) == (expected, None)
    assert options.kinds_of_trouble == troubles

    async def body(home: SimulatedHome, _: dict[int, Any]) -> None:
        car = home.world.cars["garage"]
        assert car.max_power_w == pytest.approx(supply * most_a * (230 - 0.15 * most_a))
        assert document_of(home, budget=options.budget())["loadpoints"][0]["charger"] == "garage"

    at_home(body, scenario)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--phases", "auto"), "--charger (goe or smartevse)"),
        (("--phases", "2"), "allowed are 1 and 3"),
        (("--charger", "goe", "--min-amps", "5"), "6 to 32"),
        (("--charger", "goe", "--max-amps", "40"), "6 to 32"),
        (("--charger", "goe", "--way", "ble"), "there are none"),
        (("--charger", "goe", "--per-month", "2"), "there are none"),
        (("--charger", "goe", "--commands-per-day", "9"), "there are none"),
        (("--charger", "smartevse", "--max-amps", "40"), "6 to 32"),
        (("--charger", "toaster"), "'goe', 'smartevse'"),
    ],
)
def test_options_that_do_not_fit(run: Any, words: tuple[str, ...], says: str) -> None:
    ran = run("day", *words)
    assert ran.code == 2
    assert says in ran.err
