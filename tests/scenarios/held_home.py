"""A home with a Powerwall and a car that charges on purpose, for tests of the hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.scenarios.home import Home, live, living

from sunbox.core.model import Mode
from sunbox.core.wallbox import Request
from sunbox.dialects.powerwall import table
from sunbox.simulator.powerwall import Powerwall, Told
from sunbox.simulator.scenario import CarScenario, Scenario

RESERVE = 20
GATEWAY_S = 120.0
WRITES = {row.name for row in table.WRITES}


class HeldHome:
    """A home, and the owner's hand on its Powerwall."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.reserves_told: list[tuple[int, float]] = []

    @property
    def battery(self) -> Powerwall:
        battery = self.home.simulated.world.battery
        assert isinstance(battery, Powerwall)
        self.home.simulated.world.sync()
        return battery

    @property
    def shown(self) -> Told:
        return self.battery.shown

    @property
    def reserve(self) -> int:
        return self.shown.reserve_pct

    @property
    def writes(self) -> list[tuple[str, Any]]:
        """What the cloud was told, whatever came of it."""
        bill = self.home.simulated.cloud.bill
        return [(each.endpoint, each.body) for each in bill.requests if each.endpoint in WRITES]

    @property
    def problems(self) -> tuple[str, ...]:
        return self.home.gateway.snapshot().problems

    def ask(self, mode: Mode) -> None:
        self.home.gateway.request(Request(loadpoint_id="carport", by="test", mode=mode))

    async def charge(self) -> None:
        """Have the car charge on purpose, and flow; after an outage it may take a while."""
        self.ask(Mode.NOW)
        await self.home.until(lambda: self.home.lp().is_flowing, 3600)

    async def until(self, condition: Callable[[], bool], within_s: float = 900) -> float:
        return await self.home.until(condition, within_s)

    async def sleep(self, seconds: float) -> None:
        await self.home.sleep(seconds)

    def owner(self, **told: Any) -> None:
        """Have the owner set something in Tesla's app, which is done at once."""
        manner = self.battery.manner
        apply_s, manner.apply_s = manner.apply_s, 0.0
        self.battery.tell(**told)
        manner.apply_s = apply_s

    def behave(self, **changed: Any) -> None:
        self.battery.behave(**changed)

    def fault(self, **fault: Any) -> None:
        self.home.simulated.cloud.add_faults([fault])


@asynccontextmanager
async def held_home(
    soc_pct: float = 65.0, *, powerwall: dict[str, Any] | None = None, pv_w: float = 0.0, **options: Any
) -> AsyncIterator[HeldHome]:
    scenario = Scenario(
        powerwalls=1,
        battery_soc_pct=soc_pct,
        cars=(CarScenario(never_full=True, soc_pct=30.0, asleep=False, charges_at_plug_in=False),),
    )
    async with living(
        scenario=scenario,
        pv_w=pv_w,
        load_w=500.0,
        powerwall=powerwall or {},
        site={"battery_hold": True},
        loadpoint={"mode": "off"},
        **options,
    ) as home:
        held = HeldHome(home)
        await held.sleep(120)
        assert held.reserve == RESERVE
        yield held


def at_held_home(body: Callable[[HeldHome], Awaitable[None]], soc_pct: float = 65.0, **options: Any) -> None:
    async def main() -> None:
        async with held_home(soc_pct, **options) as held:
            await body(held)

    live(main)


def kept(held: HeldHome) -> dict[str, Any]:
    """Return the book as it is on the disk."""
    assert held.home.composed is not None
    store = held.home.composed.store
    (name,) = store.notebooks("powerwall/site/") or ("none",)
    return dict(store.notebook(name).load() or {"entries": []})


async def soon(condition: Callable[[], bool], within_s: float = 900) -> None:
    """Wait until something is true, looking twenty times a second: what the gateway does, it does within two minutes.

    What only comes later takes a Powerwall minutes, and is looked for once a second.
    """
    passed_s = 0.0
    while passed_s < within_s:
        if condition():
            return
        step_s = 0.05 if passed_s < GATEWAY_S else 1.0
        await asyncio.sleep(step_s)
        passed_s += step_s
    raise AssertionError(f"not within {within_s} s")


def aims_at(held: HeldHome, value: object) -> bool:
    return any(entry["aim"] == value and entry["sent"] for entry in kept(held)["entries"])
