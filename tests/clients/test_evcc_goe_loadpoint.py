"""evcc's charger `go-e` at a Tesla, over loopback through a running gateway: probe, poll, amps, start, phases, stop, unplug.

The results are checked on the car. Types are as strict as Go's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from client_sessions import Stage, staged
from evcc_drivers import EvccError
from evcc_goe import GoeV1, GoeV2
from tests.scenarios.home import CarScenario, Home, living

from sunbox.core.commands import RequestKind
from sunbox.faces.goe import GoeFaceSettings, LoadpointBox, create_app
from sunbox.simulator.tesla_cloud import CloudSettings


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as made:
        yield made


Do = Callable[..., Awaitable[Any]]


def at_home(stage: Stage, body: Callable[[Home, GoeV2, Do], Awaitable[None]], **about_car: Any) -> None:
    """Run a test's body at a home whose gateway leaves deciding to evcc (`mode: off`)."""
    about = {"never_full": False, "soc_pct": 45.0, "charges_at_plug_in": False, **about_car}

    async def do(work: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        return await stage.call(lambda: work(*arguments, **more))

    async def main() -> None:
        # the cloud answers at once, for time stands still while evcc asks it
        cloud = CloudSettings(slow_s=(0, 0), quick_s=(0, 0))
        async with living(car=CarScenario(**about), loadpoint={"mode": "off"}, cloud=cloud) as home:
            box = LoadpointBox(home.gateway, GoeFaceSettings(port=5001))
            stage.app = create_app(box)
            following = asyncio.create_task(box.follow())
            await home.sleep(30)
            await body(home, GoeV2(stage.url), do)
            following.cancel()

    stage.run(main())


def test_a_whole_session(stage: Stage) -> None:
    async def body(home: Home, evcc: GoeV2, do: Do) -> None:
        await do(evcc.start)
        assert evcc.is_v2
        assert (await do(evcc.status), await do(evcc.enabled)) == ("B", False)
        # a start: the current first, then `frc`
        await do(evcc.set_max_current, 6)
        await do(evcc.enable, enable=True)
        for _ in range(60):  # never out of sync, whatever the car does
            assert await do(evcc.enabled)
            if await do(evcc.status) == "C":
                break
            await home.sleep(2)
        await home.sleep(30)
        assert await do(evcc.currents_a) == (6, 0, 0)
        assert round(home.truth()["current_a"]) == 6
        await do(evcc.set_max_current, 13)
        await home.until(lambda: round(home.truth()["current_a"]) == 13, 60)
        await home.sleep(30)
        assert await do(evcc.power_w) == pytest.approx(home.truth()["draw_w"], rel=0.05)
        # where phases cannot be switched it is taken and changes nothing
        await do(evcc.set_phases, 1)
        await do(evcc.set_phases, 3)
        await home.sleep(60)
        assert (await do(evcc.status), round(home.truth()["current_a"])) == ("C", 13)
        await do(evcc.enable, enable=False)
        assert not await do(evcc.enabled)
        await home.until(lambda: home.truth()["draw_w"] == 0, 60)
        await home.sleep(30)
        told = await do(evcc.read)
        assert (told["car"], told["trx"]) == (4, 0)
        assert told["eto"] == int(told["wh"]) > 50
        await do(evcc.enable, enable=True)
        await home.until(lambda: home.lp().is_flowing, 120)
        await do(evcc.enable, enable=False)
        assert home.count(RequestKind.WAKE) == 0

    at_home(stage, body, asleep=False)


def test_out_of_sync_never(stage: Stage) -> None:
    """evcc disables at the end of a session, and calls a charger that lets the next car charge out of sync."""

    async def body(home: Home, evcc: GoeV2, do: Do) -> None:
        await do(evcc.start)
        await do(evcc.enable, enable=True)
        await home.until(lambda: home.lp().is_flowing, 120)
        await home.patch(car={"plugged": False})
        await home.until(lambda: not home.lp().is_plugged, 600)
        assert (await do(evcc.status), await do(evcc.enabled)) == ("A", True)
        await do(evcc.enable, enable=False)
        for _ in range(10):
            assert (await do(evcc.status), await do(evcc.enabled)) == ("A", False)
            await home.sleep(30)
        await home.patch(car={"plugged": True})
        await home.until(lambda: home.lp().is_plugged, 7200)
        assert (await do(evcc.status), await do(evcc.enabled)) == ("B", False)

    at_home(stage, body, asleep=False)


def test_polls_leave_the_car_asleep_and_a_start_wakes_it_once(stage: Stage) -> None:
    async def body(home: Home, evcc: GoeV2, do: Do) -> None:
        await do(evcc.start)
        before = home.calls()
        for _ in range(60):
            await do(evcc.read)
        assert home.calls() == before
        for _ in range(20):
            await home.sleep(30)
            await do(evcc.read)
        assert home.car.is_asleep
        assert [home.count(kind) for kind in (RequestKind.DATA, RequestKind.COMMAND, RequestKind.WAKE)] == [0, 0, 0]
        await do(evcc.set_max_current, 16)
        await do(evcc.enable, enable=True)
        await home.until(lambda: home.lp().is_flowing, 180)
        assert (await do(evcc.status), home.count(RequestKind.WAKE)) == ("C", 1)

    at_home(stage, body, asleep=True)


def test_a_current_that_it_does_not_have_is_an_error_there(stage: Stage) -> None:
    async def body(home: Home, evcc: GoeV2, do: Do) -> None:
        with pytest.raises(EvccError, match="500"):
            await do(evcc.set_max_current, 5)
        assert home.lp().amps_asked_a is None

    at_home(stage, body, asleep=False)


def test_v1(stage: Stage) -> None:
    async def body(home: Home, _: GoeV2, do: Do) -> None:
        older = GoeV1(stage.url)
        assert await do(older.status) == "B"
        assert (await do(older.set_max_current, 10))["amp"] == "10"
        assert (await do(older.enable, enable=True))["alw"] == "1"
        await home.until(lambda: round(home.truth()["current_a"]) == 10, 120)
        await home.sleep(30)
        assert await do(older.status) == "C"
        assert await do(older.power_w) == pytest.approx(home.truth()["draw_w"], rel=0.05)
        assert (await do(older.enable, enable=False))["alw"] == "0"
        await home.until(lambda: home.truth()["draw_w"] == 0, 60)

    at_home(stage, body, asleep=False)
