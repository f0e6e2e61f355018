"""The two places where clients of a go-eCharger are tried: a Tesla behind the face, and a simulated charger with a car."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from client_sessions import Client, Stage
from tests.scenarios.home import CarScenario, living

from sunbox.core.commands import RequestKind
from sunbox.faces.goe import GoeFaceSettings, LoadpointBox, create_app
from sunbox.simulator.clock import LoopClock
from sunbox.simulator.goe_app import LiveCharger, create_goe_app
from sunbox.simulator.goe_charger import GoeCharger
from sunbox.simulator.tesla_cloud import CloudSettings

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)


@dataclass
class Place:
    """A client's process, and the car behind what it speaks to."""

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


Body = Callable[[Place], Awaitable[None]]


def at_tesla(stage: Stage, process: Client, body: Body) -> None:
    """Run a test's body before a sleeping Tesla, whose gateway leaves deciding to the client."""

    async def main() -> None:
        # the cloud answers at once, for time stands still while a client asks it
        cloud = CloudSettings(slow_s=(0, 0), quick_s=(0, 0))
        car = CarScenario(never_full=False, soc_pct=45.0, charges_at_plug_in=False, asleep=True)
        async with living(car=car, loadpoint={"mode": "off"}, cloud=cloud) as home:
            box = LoadpointBox(home.gateway, GoeFaceSettings(port=5001))
            stage.app = create_app(box)
            following = asyncio.create_task(box.follow())
            await home.sleep(30)
            await body(
                Place(
                    stage,
                    process,
                    current_a=lambda: float(home.truth()["current_a"]),
                    wakes=lambda: home.count(RequestKind.WAKE),
                )
            )
            following.cancel()

    stage.run(main())


def at_charger(stage: Stage, process: Client, body: Body) -> None:
    """Run a test's body before a simulated charger that was stopped."""

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
        await body(Place(stage, process, current_a))

    stage.run(main())


PLACES = {"tesla": at_tesla, "charger": at_charger}
