"""A Powerwall home in virtual time: a world with a sun, a house and Powerwalls, Tesla's cloud, the gateway, and a client for both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2

from sunbox.clock import Clock
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.energy_site import EnergySite
from sunbox.simulator.patch import patch_world
from sunbox.simulator.powerwall import Powerwall
from sunbox.simulator.powerwall_gateway import PowerwallGateway
from sunbox.simulator.scenario import Scenario, build_world
from sunbox.simulator.tesla_cloud import CloudSettings, TeslaCloud
from sunbox.simulator.tesla_tokens import FIRST_ACCESS
from sunbox.simulator.world import World
from tests.loopback import served

SITE = 123456
HOME = Scenario(name="powerwall", day=date(2024, 6, 17), start="12:00", powerwalls=2, battery_soc_pct=50.0)


@dataclass
class Energy:
    """What a test holds."""

    world: World
    cloud: TeslaCloud
    site: EnergySite
    battery: Powerwall
    gateway: PowerwallGateway
    client: httpx2.AsyncClient
    local: httpx2.AsyncClient

    async def get(self, name: str, **query: str) -> httpx2.Response:
        path = "/api/1/products" if name == "products" else f"/api/1/energy_sites/{SITE}/{name}"
        return await self.client.get(path, params=query)

    async def told(self, name: str, **query: str) -> Any:
        answer = await self.get(name, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()["response"]

    async def post(self, name: str, **body: Any) -> httpx2.Response:
        return await self.client.post(f"/api/1/energy_sites/{SITE}/{name}", json=body)

    async def live(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.world.sync()

    def patch(self, **body: Any) -> None:
        patch_world(self.world, body)


def make_energy(
    scenario: Scenario = HOME, *, settings: CloudSettings | None = None, clock: Clock | None = None
) -> Energy:
    clock = clock or LoopClock(scenario.start_at())
    world = build_world(scenario, clock)
    battery = world.battery
    assert isinstance(battery, Powerwall)
    site = EnergySite(world)
    quick = settings or CloudSettings(slow_s=(0.0, 0.0), quick_s=(0.0, 0.0))
    cloud = TeslaCloud(clock, (), sites=(site,), sync=world.sync, settings=quick)
    world.attach("tesla", cloud)
    gateway = PowerwallGateway(site)
    headers = {"authorization": f"Bearer {FIRST_ACCESS}"}
    return Energy(
        world,
        cloud,
        site,
        battery,
        gateway,
        httpx2.AsyncClient(transport=httpx2.ASGITransport(cloud.app), base_url="http://tesla.test", headers=headers),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(gateway.app), base_url="http://gateway.test"),
    )


def at_home(
    body: Callable[[Energy], Awaitable[None]],
    *,
    pv_w: float | None = 6000.0,
    load_w: float | None = 1000.0,
    settings: CloudSettings | None = None,
    **scenario: Any,
) -> None:
    """Run `body` in virtual time; the sun and the house stand still unless told otherwise."""

    async def main() -> None:
        energy = make_energy(replace(HOME, **scenario), settings=settings)
        energy.patch(sun={"pv_w": pv_w}, load={"w": load_w})
        try:
            await body(energy)
        finally:
            await energy.client.aclose()
            await energy.local.aclose()

    run_in(VirtualTimeLoop, main())


START_AT = datetime(2024, 6, 17, 10, tzinfo=UTC)


class Standing:
    """A clock that a test turns."""

    def __init__(self, at: datetime = START_AT) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@contextmanager
def served_home(settings: CloudSettings | None = None) -> Iterator[tuple[str, Energy, Standing]]:
    """Serve a Powerwall home from a thread, as another process would; its time stands still unless it is turned."""
    clock = Standing()
    home = make_energy(settings=settings, clock=clock)
    home.patch(sun={"pv_w": 6000.0}, load={"w": 1000.0})
    clock.at += timedelta(seconds=60)
    home.world.sync()
    with served(home.cloud.app) as url:
        yield url, home, clock
