"""A real client, `goecharger-api-lite` 1.5.1 from PyPI, at a Tesla and at a simulated go-eCharger, over loopback.

It is asked for all that it can do; the results are checked on the car. It runs with aiohttp 3.9.5: with later ones its own
constructor fails (no running event loop). An `&` in a text it does not escape, so none is tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from client_sessions import Client, Stage, running, staged
from tests.scenarios.home import CarScenario, living

from sunbox.core.commands import RequestKind
from sunbox.faces.goe import GoeFaceSettings, LoadpointBox, create_app
from sunbox.simulator.clock import LoopClock
from sunbox.simulator.goe_app import LiveCharger, create_goe_app
from sunbox.simulator.goe_charger import GoeCharger
from sunbox.simulator.tesla_cloud import CloudSettings

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)


@dataclass
class Lite:
    """The client, and the car behind what it speaks to."""

    stage: Stage
    process: Client
    current_a: Callable[[], float]
    wakes: Callable[[], int] = lambda: 0

    async def call(self, name: str, *arguments: Any) -> Any:
        """Return what a call returned; its error as an exception."""
        answer = await self.stage.ask(
            self.process, host=self.stage.url.removeprefix("http://"), call=name, **{"with": arguments}
        )
        if "raised" in answer:
            raise ValueError(answer["raised"])
        return answer["returned"]

    async def flows(self, amps_a: int, within_s: int = 180) -> None:
        """Wait until the car takes this current."""
        for _ in range(within_s):
            await asyncio.sleep(1)
            if round(self.current_a()) == amps_a:
                return
        assert self.current_a() == amps_a


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as made:
        yield made


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running("goecharger-api-lite", tmp_path_factory.mktemp("lite")) as made:
        yield made


Body = Callable[[Lite], Awaitable[None]]


def at_tesla(stage: Stage, process: Client, body: Body) -> None:
    async def main() -> None:
        cloud = CloudSettings(slow_s=(0, 0), quick_s=(0, 0))
        car = CarScenario(never_full=False, soc_pct=45.0, charges_at_plug_in=False, asleep=True)
        async with living(car=car, loadpoint={"mode": "off"}, cloud=cloud) as home:
            box = LoadpointBox(home.gateway, GoeFaceSettings(port=5001))
            stage.app = create_app(box)
            following = asyncio.create_task(box.follow())
            await home.sleep(30)
            await body(
                Lite(
                    stage,
                    process,
                    current_a=lambda: float(home.truth()["current_a"]),
                    wakes=lambda: home.count(RequestKind.WAKE),
                )
            )
            following.cancel()

    stage.run(main())


def at_charger(stage: Stage, process: Client, body: Body) -> None:
    async def main() -> None:
        clock = LoopClock(AT)
        charger = GoeCharger(start_at=clock.now())
        live = LiveCharger(charger, clock.now)
        stage.app = create_goe_app(charger, clock.now)
        charger.plug()
        charger.set((("frc", "1"),))

        def current_a() -> float:
            live.sync()
            return charger.car.current_a

        await asyncio.sleep(30)
        await body(Lite(stage, process, current_a))

    stage.run(main())


@pytest.mark.parametrize("place", [at_tesla, at_charger], ids=["tesla", "charger"])
def test_all_that_it_can_do(stage: Stage, process: Client, place: Callable[[Stage, Client, Body], None]) -> None:
    async def body(lite: Lite) -> None:
        told = await lite.call("get_status")
        assert told["car_state"] in ("Idle", "WaitCar", "Complete")  # a car that was never seen is none
        assert (told["device_model"], told["error"], told["phase_mode"]) == ("22KW/32A", None, "three")
        assert len(await lite.call("get_status", [])) > 200
        await lite.call("set_ampere", 9)
        await lite.call("set_charging_mode", "ChargingMode.on")
        assert await lite.call("get_charging_mode") == {"charging_mode": "on"}
        await lite.flows(9)
        assert lite.wakes() <= 1
        await asyncio.sleep(30)
        told = await lite.call("get_status")
        assert (told["car_state"], told["ampere"], told["energy"]["current"]["L1"]) == ("Charging", 9, pytest.approx(9))
        assert told["energy"]["power"]["total"] > 1900
        await lite.call("set_ampere", 14)
        assert await lite.call("get_ampere") == {"ampere_allowed": 14}
        await lite.flows(14)
        await lite.call("set_absolute_max_current", 8)
        assert await lite.call("get_absolute_max_current") == {"ampere_device_maximum": 8}
        await lite.flows(8)
        for mode in ("one", "three", "auto"):
            await lite.call("set_phase_mode", f"PhaseMode.{mode}")
            assert await lite.call("get_phase_mode") == {"phase_mode": mode}
        await asyncio.sleep(120)
        await lite.call("set_cable_lock_mode", "CableLockMode.automatic")
        assert await lite.call("get_cable_lock_mode") == {"cable_lock_mode": "automatic"}
        await lite.call("set_key", "fna", "my wall")
        assert await lite.call("get_status", "fna") == {"fna": "my wall"}
        await lite.flows(8)
        so_far_wh = (await lite.call("get_status", "wh"))["wh"]
        await lite.call("set_charge_limit", so_far_wh + 100.0)
        assert await lite.call("get_charge_limit") == {"charge_limit": so_far_wh + 100.0}
        await lite.flows(0, 900)
        assert (await lite.call("get_status", ["modelStatus", "alw"])) == {"alw": False, "modelStatus": 6}
        await lite.call("set_charge_limit", None)
        await lite.flows(8)
        await lite.call("set_charging_mode", "ChargingMode.off")
        await lite.flows(0)
        await asyncio.sleep(30)
        assert (await lite.call("get_status", ["car", "err", "frc"])) == {
            "car_state": "Complete",
            "charging_mode": "off",
            "error": None,
        }
        for call in (("set_key", "alw", True), ("set_key", "amp", 99), ("set_key", "nope", 1)):
            with pytest.raises(ValueError, match="GoeCharger JSON data"):
                await lite.call(*call)
        assert lite.wakes() <= 1

    place(stage, process, body)
