"""evcc's charger `go-e` at a simulated go-eCharger over loopback: probe, poll, amps, start, stop, phases, with Go's strict types.

The results are checked on the charger and its car, not on the replies. Once as the device, with its manners, and once as a
box that keeps the wish through an unplug, as a loadpoint does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from client_sessions import Stage, staged
from evcc_drivers import EvccError
from evcc_goe import GoeV1, GoeV2, exchange

from sunbox.dialects.goe.box import Box
from sunbox.dialects.goe.profiles import PROFILES, STANDARD
from sunbox.dialects.goe.state import LOADPOINT
from sunbox.faces.goe import create_app
from sunbox.simulator.clock import LoopClock
from sunbox.simulator.goe_app import LiveCharger, create_goe_app
from sunbox.simulator.goe_charger import GoeCharger

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as made:
        yield made


class Garage:
    """A charger on the stage, and evcc before it."""

    def __init__(self, stage: Stage, charger: GoeCharger, live: LiveCharger) -> None:
        self._stage, self.charger, self._live = stage, charger, live
        self.evcc = GoeV2(stage.url)

    async def do(self, work: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """Return what a call of evcc returns."""
        return await self._stage.call(lambda: work(*arguments, **more))

    async def live(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._live.sync()


def at_garage(
    stage: Stage, body: Callable[[Garage], Awaitable[None]], profile: str = "055", *, is_device: bool = True
) -> None:
    async def main() -> None:
        clock = LoopClock(AT)
        charger = GoeCharger(start_at=clock.now(), profile=PROFILES[profile])
        live = LiveCharger(charger, clock.now)
        if not is_device:
            charger.box = Box(STANDARD, LOADPOINT)
        stage.app = create_goe_app(charger, clock.now) if is_device else create_app(live)
        await body(Garage(stage, charger, live))

    stage.run(main())


@pytest.mark.parametrize("is_device", [True, False], ids=["device", "face"])
def test_a_whole_session(stage: Stage, is_device: bool) -> None:
    async def body(garage: Garage) -> None:
        evcc = garage.evcc
        await garage.do(evcc.start)
        assert evcc.is_v2
        assert await garage.do(evcc.status) == "A"
        await garage.do(evcc.enable, enable=False)
        garage.charger.plug()
        await garage.live(30)
        assert (await garage.do(evcc.status), await garage.do(evcc.enabled)) == ("B", False)
        # a start: the current first, then `frc`
        await garage.do(evcc.set_max_current, 6)
        await garage.do(evcc.enable, enable=True)
        assert await garage.do(evcc.enabled)
        await garage.live(20)
        assert await garage.do(evcc.status) == "C"
        assert await garage.do(evcc.currents_a) == (6, 6, 6)
        assert garage.charger.car.current_a == 6
        await garage.do(evcc.set_max_current, 13)
        await garage.live(10)
        assert await garage.do(evcc.power_w) == pytest.approx(garage.charger.draw_w, abs=1)
        assert garage.charger.car.current_a == 13
        # phases: nothing is stopped or started by evcc
        await garage.do(evcc.set_phases, 1)
        await garage.live(45)
        assert await garage.do(evcc.currents_a) == (13, 0, 0)
        assert (garage.charger.closed_phases, await garage.do(evcc.status)) == (1, "C")
        await garage.do(evcc.enable, enable=False)
        assert not await garage.do(evcc.enabled)
        await garage.live(10)
        told = await garage.do(evcc.read)
        assert (told["car"], told["trx"], garage.charger.draw_w) == (4, 0, 0)
        assert told.absent == {"trx"}
        assert told["eto"] == int(told["wh"]) > 50
        assert [card["name"] for card in told["cards"]] == ["n/a"] * 10
        garage.charger.unplug()
        assert await garage.do(evcc.status) == "A"
        # the device forgets `frc`, which evcc calls "out of sync"; a loadpoint does not
        assert await garage.do(evcc.enabled) == is_device

    at_garage(stage, body, is_device=is_device)


@pytest.mark.parametrize("profile", PROFILES)
def test_it_polls_every_generation(stage: Stage, profile: str) -> None:
    async def body(garage: Garage) -> None:
        await garage.do(garage.evcc.start)
        assert garage.evcc.is_v2
        garage.charger.plug()
        await garage.live(60)
        told = await garage.do(garage.evcc.read)
        assert (told["car"], told["alw"], float(told["nrg"][11])) == (2, True, pytest.approx(10_925, abs=1))

    at_garage(stage, body, profile)


def test_what_evcc_cannot_bear_is_an_error_there(stage: Stage) -> None:
    async def body(garage: Garage) -> None:
        with pytest.raises(EvccError, match="500"):
            await garage.do(garage.evcc.set_max_current, 5)
        garage.charger.be_busy(5)
        with pytest.raises(EvccError, match="500"):
            await garage.do(garage.evcc.status)
        await garage.live(5)
        answer = await garage.do(exchange, garage.evcc.url, "/api/set?amp=10", "PUT")
        assert (answer.code, answer.body) == (405, b"Request method for this URI is not handled by server")
        assert garage.charger.read(("amp",)).values == {"amp": 16}

    at_garage(stage, body)


def test_where_v2_is_off_it_falls_back_to_v1(stage: Stage) -> None:
    async def body(garage: Garage) -> None:
        garage.charger.set((("hai", "false"),))
        await garage.do(garage.evcc.start)
        assert not garage.evcc.is_v2
        older = GoeV1(garage.evcc.url)
        garage.charger.plug()
        await garage.live(30)
        assert await garage.do(older.status) == "C"
        assert (await garage.do(older.set_max_current, 10))["amp"] == "10"
        await garage.live(10)
        assert await garage.do(older.power_w) == pytest.approx(garage.charger.draw_w, abs=10)
        assert (await garage.do(older.enable, enable=False))["alw"] == "0"
        await garage.live(10)
        assert (await garage.do(older.status), garage.charger.draw_w) == ("B", 0)

    at_garage(stage, body)
