"""A cloud in virtual time with one car that lives along, and a client in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from sunbox.simulator.car import TeslaCar
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.tesla_cloud import CloudSettings, TeslaCloud
from sunbox.simulator.tesla_tokens import FIRST_ACCESS

START_AT = datetime(2024, 6, 1, 8, 0, tzinfo=UTC)
VIN = "LRW3F7EK4NC700000"


@dataclass
class Desk:
    """What a test holds."""

    client: httpx2.AsyncClient
    cloud: TeslaCloud
    car: TeslaCar
    clock: LoopClock
    sync: Callable[[], None]
    token: str = FIRST_ACCESS

    def _headers(self, token: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token if token is None else token}"}

    async def get(self, path: str, *, token: str | None = None) -> httpx2.Response:
        return await self.client.get(path, headers=self._headers(token))

    async def post(self, path: str, body: Any = None, *, token: str | None = None) -> httpx2.Response:
        return await self.client.post(path, json=body or {}, headers=self._headers(token))

    async def state_call(self) -> httpx2.Response:
        return await self.get(f"/api/1/vehicles/{VIN}")

    async def state(self) -> str:
        return (await self.state_call()).json()["response"]["state"]

    async def data(self, endpoints: str = "") -> httpx2.Response:
        query = f"?endpoints={endpoints}" if endpoints else ""
        return await self.get(f"/api/1/vehicles/{VIN}/vehicle_data{query}")

    async def command(self, name: str, /, **body: Any) -> httpx2.Response:
        return await self.post(f"/api/1/vehicles/{VIN}/command/{name}", body)

    async def wake(self) -> httpx2.Response:
        return await self.post(f"/api/1/vehicles/{VIN}/wake_up")

    async def refresh(self, refresh_token: str) -> httpx2.Response:
        form = {"grant_type": "refresh_token", "client_id": "c", "refresh_token": refresh_token}
        return await self.client.post("/oauth2/v3/token", data=form)

    async def is_silent(self, call: Awaitable[Any], patience_s: float = 30.0) -> bool:
        """Return whether a call is still unanswered after `patience_s`."""
        try:
            async with asyncio.timeout(patience_s):
                await call
        except TimeoutError:
            return True
        return False

    def billed(self) -> dict[str, int]:
        return {kind.value: count for kind, count in self.cloud.bill.total.billed.items() if count}


def at_the_desk(
    body: Callable[[Desk], Awaitable[None]],
    *,
    settings: CloudSettings | None = None,
    car: Mapping[str, Any] | None = None,
    seed: int = 0,
    start_at: datetime = START_AT,
) -> None:
    """Run `body` in virtual time."""

    async def main() -> None:
        clock = LoopClock(start_at)
        tesla = TeslaCar(vin=VIN, now=clock.now, seed=seed, **(car or {}))
        lived_until = [clock.now()]

        def sync() -> None:
            while lived_until[0] < clock.now():
                step = min(timedelta(seconds=1), clock.now() - lived_until[0])
                tesla.advance(step.total_seconds())
                lived_until[0] += step

        cloud = TeslaCloud(clock, [tesla], sync=sync, settings=settings, seed=seed)
        transport = httpx2.ASGITransport(cloud.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://tesla.test") as client:
            await body(Desk(client, cloud, tesla, clock, sync))

    run_in(VirtualTimeLoop, main())
