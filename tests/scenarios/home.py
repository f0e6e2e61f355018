"""A whole home for a test: world, Tesla's cloud, gateway and faces in one virtual-time loop, spoken to over HTTP as a user would."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from sunbox.app import Composed, compose
from sunbox.cli.home import (
    METER_PORT,
    TESLA_PORT,
    WORLD_PORT,
    SimulatedHome,
    build_home,
    config_document,
    local_url,
    write_config,
)
from sunbox.core.commands import RequestKind
from sunbox.core.wallbox import LoadpointSnapshot
from sunbox.faces.main import create_main_app
from sunbox.net.http import AppTransport, client_factory
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.scenario import CarScenario, MeterScenario, Scenario
from sunbox.simulator.tesla_cloud import CloudSettings
from sunbox.simulator.trace import Trace


class Weather(Trace):
    """Sun and house as the test says: constant until changed through the world."""

    def __init__(self, start_at: datetime, pv_w: float, load_w: float) -> None:
        super().__init__(start_at, datetime(2100, 1, 1, tzinfo=UTC))
        self._pair = (pv_w, load_w)

    def _seek(self, t_s: float) -> None:
        self._from_s, self._until_s = float("-inf"), float("inf")

    def at(self, t_s: float) -> tuple[float, float]:
        return self._pair

    def straight_until_s(self, t_s: float) -> float:
        return float("inf")


NOON = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


@dataclass
class Home:
    """What a test holds in its hands."""

    folder: Path
    simulated: SimulatedHome
    clock: LoopClock
    client: httpx2.AsyncClient
    world_client: httpx2.AsyncClient
    make: Callable[[], Composed]
    composed: Composed | None = None
    task: asyncio.Task[None] | None = None
    app: Any = None

    @property
    def gateway(self):
        assert self.composed is not None
        return self.composed.gateway

    @property
    def car(self):
        return next(iter(self.simulated.world.cars.values()))

    def truth(self) -> dict[str, Any]:
        self.simulated.world.sync()
        return self.car.truth()

    def lp(self) -> LoadpointSnapshot:
        return self.gateway.snapshot().loadpoints[0]

    def count(self, kind: RequestKind | str) -> int:
        return self.simulated.cloud.bill.count(RequestKind(kind))

    def calls(self) -> dict[str, int]:
        """Received requests by name of the call."""
        return dict(self.simulated.cloud.bill.to_json()["total"]["calls"])

    async def tlwb(self, path: str) -> dict[str, Any]:
        response = await self.client.get("/tlwb/1" + path)
        assert response.status_code == 200, response.text
        return response.json()

    async def peek(self, path: str) -> bytes:
        """GET straight from the app: for tests that do so very often."""
        body = bytearray()

        async def send(message: Any) -> None:
            body.extend(message.get("body", b""))

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [],
            "client": ("127.0.0.1", 1), "server": ("gateway", 80),
        }  # fmt: skip
        await self.app(scope, receive, send)
        return bytes(body)

    async def patch(self, **changes: Any) -> None:
        response = await self.world_client.patch("/world", json=changes)
        assert response.status_code == 200, response.text

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def until(self, condition: Callable[[], bool], within_s: float = 600.0) -> float:
        """Wait until something is true; return after how many seconds."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while not condition():
            assert loop.time() - began_s < within_s, f"not within {within_s} s; {self.lp()}"
            await asyncio.sleep(1.0)
        return loop.time() - began_s

    async def start_gateway(self) -> None:
        self.composed = self.make()
        self.composed.gateway.begin()
        self.task = asyncio.create_task(self.composed.gateway.run())
        self.app = create_main_app(self.composed.gateway)
        self.client = httpx2.AsyncClient(base_url="http://gateway", transport=AppTransport(self.app))

    async def stop_gateway(self) -> None:
        """Stop as by Ctrl-C."""
        assert self.task is not None
        assert self.composed is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.composed.close()

    async def kill_gateway(self) -> None:
        """Stop as by kill -9: nothing under way may end, nothing more is written."""
        assert self.task is not None
        assert self.composed is not None
        gateway = self.composed.gateway
        gateway.feed = lambda _: None  # type: ignore[method-assign]

        async def nothing(*_: Any) -> None:
            """Neither wait for what is under way nor give anything back."""

        gateway._stop = nothing  # type: ignore[method-assign]
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.composed.store.close()


@asynccontextmanager
async def living(
    *,
    pv_w: float = 0.0,
    load_w: float = 300.0,
    car: CarScenario | None = None,
    scenario: Scenario | None = None,
    start_at: datetime = NOON,
    loadpoint: dict[str, Any] | None = None,
    budget: dict[str, Any] | None = None,
    meter: dict[str, Any] | None = None,
    journal: bool = False,
    edit: Callable[[str], str] | None = None,
    cloud: CloudSettings | None = None,
    trace: Trace | None = None,
    powerwall: dict[str, Any] | None = None,
    site: dict[str, Any] | None = None,
) -> AsyncIterator[Home]:
    with tempfile.TemporaryDirectory(prefix="sunbox-test-") as name:
        folder = Path(name)
        clock = LoopClock(start_at)
        chosen = scenario or Scenario(cars=(car or CarScenario(never_full=False, soc_pct=45.0),))
        chosen = replace(chosen, meter=replace(chosen.meter, noise_w=0.0)) if scenario is None else chosen
        simulated = build_home(chosen, clock, trace=trace or Weather(start_at, pv_w, load_w), cloud=cloud)
        apps = simulated.apps(tesla_port=TESLA_PORT, meter_port=METER_PORT, world_port=WORLD_PORT)

        def make() -> Composed:
            document = config_document(
                simulated,
                tesla_url=local_url(TESLA_PORT),
                meter_url=local_url(METER_PORT),
                loadpoint=loadpoint,
                budget=budget or {"per_month": "unlimited"},
                meter=meter,
                journal=journal,
                powerwall=powerwall,
                site=site,
            )
            config = write_config(folder, document)
            if edit is not None:
                from sunbox.app import REGISTRY
                from sunbox.config.loader import load

                path = folder / "sunbox.yaml"
                path.write_text(edit(path.read_text()))
                config = load(path, REGISTRY)
            clients = client_factory(apps={local_url(port): app for port, app in apps.items()})
            return compose(config, clients, clock, is_virtual=True)

        world_client = httpx2.AsyncClient(base_url="http://world", transport=AppTransport(apps[WORLD_PORT]))
        home = Home(folder, simulated, clock, world_client, world_client, make)
        await home.start_gateway()
        try:
            yield home
        finally:
            if home.task is not None and not home.task.done():
                await home.stop_gateway()


def live(main: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine in virtual time."""
    run_in(VirtualTimeLoop, main())  # type: ignore[arg-type]


__all__ = ["NOON", "CarScenario", "Home", "MeterScenario", "Scenario", "live", "living"]
