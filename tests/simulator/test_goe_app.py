"""The simulated go-eCharger on the wire: it lives with the clock, and fails as real ones do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx2
import pytest

from sunbox.dialects.goe.answers import BUSY
from sunbox.dialects.goe.profiles import PROFILES
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.goe_app import create_goe_app
from sunbox.simulator.goe_charger import BOOT_S, GoeCharger

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)

Body = Callable[[GoeCharger, httpx2.AsyncClient], Awaitable[None]]


def at_charger(body: Body, profile: str = "055") -> None:
    """Run a test's body at a charger in virtual time."""

    async def main() -> None:
        clock = LoopClock(AT)
        charger = GoeCharger(start_at=clock.now(), profile=PROFILES[profile])
        transport = httpx2.ASGITransport(create_goe_app(charger, clock.now))
        async with httpx2.AsyncClient(transport=transport, base_url="http://go-e", timeout=10) as client:
            await body(charger, client)

    run_in(VirtualTimeLoop, main())


def test_time_passes_between_requests() -> None:
    async def body(charger: GoeCharger, client: httpx2.AsyncClient) -> None:
        charger.plug()
        first = (await client.get("/api/status?filter=rbt,car,wh")).json()
        await asyncio.sleep(60)
        second = (await client.get("/api/status?filter=rbt,car,wh")).json()
        assert (first["car"], second["car"]) == (3, 2)
        assert second["rbt"] - first["rbt"] == 60_000
        assert second["wh"] > 100

    at_charger(body)


def test_without_network_and_while_booting_requests_hang() -> None:
    async def body(charger: GoeCharger, client: httpx2.AsyncClient) -> None:
        charger.lose_wifi(600)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get("/api/status?filter=car"), 10)
        await asyncio.sleep(600)
        assert (await client.get("/api/set?rst=true")).json() == {"rst": True}
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get("/api/status?filter=car"), 10)
        await asyncio.sleep(BOOT_S)
        assert (await client.get("/api/status?filter=rbc")).json() == {"rbc": 2}

    at_charger(body)


def test_a_busy_one_says_so_and_sets_nothing() -> None:
    async def body(charger: GoeCharger, client: httpx2.AsyncClient) -> None:
        charger.be_busy(30)
        answer = await client.get("/api/set?amp=10")
        assert (answer.status_code, answer.text) == (500, BUSY)
        await asyncio.sleep(30)
        assert (await client.get("/api/status?filter=amp")).json() == {"amp": 16}

    at_charger(body)


def test_it_has_the_manners_of_the_device() -> None:
    async def body(_: GoeCharger, client: httpx2.AsyncClient) -> None:
        answer = await client.get("/api/status")
        assert (answer.status_code, len(answer.json()) > 150) == (200, True)
        assert answer.headers["access-control-allow-origin"] == "*"
        incomplete = await client.get("/api/status?filter=alw,grp")
        assert (incomplete.status_code, incomplete.json()) == (400, {"alw": True})

    at_charger(body, "60.3")
