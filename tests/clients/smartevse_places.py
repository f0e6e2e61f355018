"""The two places where clients of a SmartEVSE are tried: a Tesla behind the face, and a simulated box with a car."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import yaml
from client_sessions import Stage
from evcc_smartevse import SmartEvseCharger, exchange
from tests.scenarios.home import CarScenario, Home, living

from sunbox.dialects.smartevse.box import Box
from sunbox.dialects.smartevse.profiles import PROFILES
from sunbox.dialects.smartevse.state import Identity, Setup
from sunbox.faces.smartevse import LoadpointBox, SmartEvseFaceSettings, create_app
from sunbox.simulator.clock import LoopClock
from sunbox.simulator.smartevse_app import DEMO_SETUP, LiveSmartEvse, create_smartevse_app
from sunbox.simulator.tesla_cloud import CloudSettings

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)


@dataclass
class Place:
    """What a client speaks to, and the car behind it."""

    stage: Stage
    evcc: SmartEvseCharger = field(init=False)

    def __post_init__(self) -> None:
        self.evcc = SmartEvseCharger(self.stage.url)

    @property
    def urls(self) -> tuple[str, ...]:
        """Where its boxes are."""
        return (self.stage.url,)

    def amps(self) -> float:
        """Return what the car takes on a phase."""
        raise NotImplementedError

    async def live(self, seconds: float) -> None:
        raise NotImplementedError

    async def do(self, work: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """Return what a call of a client returns."""
        return await self.stage.call(lambda: work(*arguments, **more))

    async def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> Any:
        answer = await self.do(exchange, self.stage.url, method, path, headers or {})
        assert answer.code == 200
        return json.loads(answer.body)

    async def flows(self, amps_a: float, within_s: int = 180) -> None:
        """Wait until the car takes this current."""
        for _ in range(within_s):
            if self.amps() == amps_a:
                return
            await self.live(1)
        assert self.amps() == amps_a


@dataclass
class Garage(Place):
    """Simulated boxes, the first of them with a car that takes what it may on three phases."""

    boxes: tuple[LiveSmartEvse, ...]
    phases = 3
    c2_word = "Auto"  #: what `enable_C2=4` makes of it
    most_a = 16

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.stage.url, self.stage.side_url)

    @property
    def live_box(self) -> LiveSmartEvse:
        return self.boxes[0]

    def amps(self) -> float:
        self.live_box.sync()
        return self.live_box.car.current_da / 10

    async def live(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        for box in self.boxes:
            box.sync()


@dataclass
class Carport(Place):
    """A Tesla at home on one phase, whose gateway leaves deciding to others (`mode: off`)."""

    home: Home
    box: LoadpointBox
    phases = 1
    c2_word = "Not present"  #: a car has no contactor
    most_a = 32

    def amps(self) -> float:
        return round(self.home.truth()["current_a"])

    async def live(self, seconds: float) -> None:
        await self.home.sleep(seconds)


def at_garage(
    stage: Stage,
    body: Callable[[Garage], Awaitable[None]],
    profile: str = "3.11",
    setup: Setup = DEMO_SETUP,
    *,
    is_plugged: bool = False,
) -> None:
    """Run a test's body before two simulated boxes."""

    async def main() -> None:
        now = LoopClock(AT).now
        first = LiveSmartEvse(now, box=Box(PROFILES[profile]), setup=setup, is_plugged=is_plugged)
        other = LiveSmartEvse(now, box=Box(PROFILES[profile], Identity(serial=8670)), setup=setup)
        stage.app, stage.side_app = create_smartevse_app(first), create_smartevse_app(other)
        await body(Garage(stage, (first, other)))

    stage.run(main())


def at_carport(
    stage: Stage, body: Callable[[Carport], Awaitable[None]], profile: str = "3.11", *, is_fed: bool = False, **car: Any
) -> None:
    """Run a test's body before the face; the house has no meter of its own where it is fed."""
    own = {"port": 5002, "profile": profile}
    car = {"never_full": False, "soc_pct": 45.0, "charges_at_plug_in": False, "asleep": False, **car}

    def edit(text: str) -> str:
        document = yaml.safe_load(text)
        if is_fed:
            document["meters"] = []
        document["faces"]["smartevse"] = [own]
        return str(yaml.safe_dump(document))

    async def main() -> None:
        # the cloud answers at once, for time stands still while a client asks
        cloud = CloudSettings(slow_s=(0, 0), quick_s=(0, 0))
        async with living(car=CarScenario(**car), loadpoint={"mode": "off"}, cloud=cloud, edit=edit) as home:
            settings = SmartEvseFaceSettings.model_validate(own)
            box = LoadpointBox(home.gateway, settings, has_other_meter=not is_fed)
            stage.app = create_app(box)
            following = asyncio.create_task(box.follow())
            await home.sleep(30)
            try:
                await body(Carport(stage, home, box))
            finally:
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following

    stage.run(main())


def at_tesla(stage: Stage, body: Callable[[Any], Awaitable[None]], profile: str, *, is_fed: bool) -> None:
    at_carport(stage, body, profile, is_fed=is_fed)


def at_box(stage: Stage, body: Callable[[Any], Awaitable[None]], profile: str, *, is_fed: bool) -> None:
    at_garage(stage, body, profile, is_plugged=True)


PLACES = {"box": at_box, "tesla": at_tesla}
