"""A SmartEVSE through the whole gateway: the sun, its own guard of the fuses, its troubles, hands at it. Checked on the box."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from sunbox.app import REGISTRY, Composed, compose
from sunbox.config.loader import load
from sunbox.core.model import ChargerStatus, Mode, Override
from sunbox.core.reasons import ReasonCode
from sunbox.core.wallbox import LoadpointSnapshot, Request
from sunbox.dialects.smartevse.box import Box
from sunbox.dialects.smartevse.profiles import PROFILES
from sunbox.dialects.smartevse.state import Setup
from sunbox.dialects.smartevse.words import Access, Meter, Regime
from sunbox.net.http import client_factory
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.smartevse_app import LiveSmartEvse, create_smartevse_app
from sunbox.simulator.tesla_http import LostReply

NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)
BOX, METER = "http://192.168.0.76", "http://192.168.0.20"
SETUP = Setup(mains_meter=Meter.API, ev_meter=Meter.API, current_max=16, access=Access.ON)


@dataclass
class Home:
    """A house with sun, a box with a toy car, and a gateway."""

    clock: LoopClock
    box: LiveSmartEvse
    composed: Composed | None = None
    task: asyncio.Task[None] | None = None
    pv_w: float = 0.0
    load_w: float = 300.0
    is_silent: bool = False
    posts: int = 0
    flash: int = 0  #: requests that write mode or contactor

    @property
    def gateway(self) -> Any:
        assert self.composed is not None
        return self.composed.gateway

    def lp(self) -> LoadpointSnapshot:
        found: LoadpointSnapshot = self.gateway.snapshot().loadpoints[0]
        return found

    def code(self) -> ReasonCode:
        return self.lp().reason.code

    def weather(self, pv_w: float, load_w: float | None = None) -> None:
        self.box.sync()
        self.pv_w = pv_w
        self.load_w = self.load_w if load_w is None else load_w
        each_da = round((self.load_w - self.pv_w) / 3 / 23.0)
        self.box.base_da = (each_da, each_da, each_da)

    def phases_a(self) -> list[float]:
        self.box.sync()
        drawn = self.box.car.phase_currents_da(self.box.device)
        return [(base + amps) / 10 for base, amps in zip(self.box.base_da, drawn, strict=True)]

    @property
    def draw_w(self) -> float:
        self.box.sync()
        return sum(self.box.car.phase_currents_da(self.box.device)) * 23.0

    def by_hand(self, **parameters: Any) -> None:
        self.box.sync()
        assert self.box.post("/settings", {name: str(value) for name, value in parameters.items()}) is not None

    def plug(self, *, is_plugged: bool) -> None:
        self.box.sync()
        self.box.car.is_plugged = is_plugged

    async def sleep(self, seconds: float) -> None:
        """Live on; the box is looked at each second, as a world would."""
        for _ in range(int(seconds)):
            await asyncio.sleep(1)
            self.box.sync()

    async def until(self, condition: Callable[[], bool], within_s: float = 900.0) -> None:
        for _ in range(int(within_s)):
            if condition():
                return
            await self.sleep(1)
        raise AssertionError(f"not within {within_s} s: {self.lp()}")

    async def meter(self, scope: Any, receive: Any, send: Any) -> None:
        one, two, three = self.phases_a()
        body = json.dumps({"w": 230 * (one + two + three), "l": [one, two, three], "pv": self.pv_w}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    def served(self) -> Any:
        app = create_smartevse_app(self.box)

        async def serve(scope: Any, receive: Any, send: Any) -> None:
            if self.is_silent:
                await LostReply(3600.0)(scope, receive, send)
                return
            query = scope["query_string"]
            if scope["method"] == "POST" and scope["path"] == "/settings":
                self.posts += 1
                self.flash += b"mode=" in query or b"enable_C2=" in query
            await app(scope, receive, send)

        return serve


def config_of(**about: Any) -> dict[str, Any]:
    site = about.pop("site", {})
    meter = about.pop("meter", None) or {
        "driver": "http",
        "url": METER,
        "grid_w": "$.w",
        "pv_w": "$.pv",
        **{f"grid_l{number + 1}_a": f"$.l[{number}]" for number in range(3)},
    }
    return {
        "site": {"name": "Home", "timezone": "Europe/Berlin", **site},
        "meters": [{"id": "house", "interval_s": 5, **meter}],
        "chargers": [{"id": "garage", "driver": "smartevse", "url": BOX, "max_a": 16, **about}],
        "loadpoints": [{"id": "garage", "charger": "garage", "mode": "pv"}],
        "store": "sqlite:///sunbox.db",
        "journal": {"enabled": False},
    }


def at_box(
    body: Callable[[Home], Awaitable[None]],
    *,
    profile: str = "3.11",
    setup: Setup = SETUP,
    pv_w: float = 0.0,
    **about: Any,
) -> None:
    async def main() -> None:
        clock = LoopClock(NOON)
        box = LiveSmartEvse(clock.now, box=Box(PROFILES[profile]), setup=setup, is_plugged=True)
        home = Home(clock, box)
        home.weather(pv_w)
        with tempfile.TemporaryDirectory(prefix="sunbox-test-") as name:
            path = Path(name) / "sunbox.yaml"
            path.write_text(yaml.safe_dump(config_of(**about)))
            clients = client_factory(apps={BOX: home.served(), METER: home.meter})
            home.composed = compose(load(path, REGISTRY), clients, clock, is_virtual=True)
            home.gateway.begin()
            home.task = asyncio.create_task(home.gateway.run())
            try:
                await home.sleep(30)
                await body(home)
            finally:
                home.task.cancel()
                await asyncio.gather(home.task, return_exceptions=True)
                await home.composed.close()

    run_in(VirtualTimeLoop, main())


def test_the_sun_charges_on_one_phase_then_on_three_and_stops() -> None:
    async def body(home: Home) -> None:
        assert home.lp().is_plugged
        assert home.draw_w == 0
        home.weather(2800)
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(60)
        assert (home.lp().phases, home.lp().status) == (1, ChargerStatus.C)
        assert home.draw_w == pytest.approx(2500, abs=250)
        home.weather(9000)
        await home.until(lambda: home.draw_w > 6000)
        await home.sleep(90)
        assert home.draw_w == pytest.approx(8700, abs=700)
        assert home.lp().draw_w == pytest.approx(home.draw_w, abs=250)
        home.weather(400)
        await home.until(lambda: home.draw_w == 0)
        await home.sleep(20)
        assert home.code() is ReasonCode.SURPLUS_LOW
        assert home.lp().override is Override.NONE
        assert home.flash <= 16

    at_box(body)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_every_firmware_is_driven(profile: str) -> None:
    async def body(home: Home) -> None:
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(120)
        assert home.draw_w == pytest.approx(5200, abs=700)
        assert home.lp().draw_w == pytest.approx(home.draw_w, abs=250)
        home.weather(0)
        await home.until(lambda: home.draw_w == 0)
        assert home.lp().override is Override.NONE

    at_box(body, profile=profile, pv_w=5500.0)


@pytest.mark.parametrize("runs", [True, False])
def test_it_recovers_from_silence(*, runs: bool) -> None:
    async def body(home: Home) -> None:
        if runs:
            await home.until(lambda: home.lp().is_flowing)
            await home.sleep(120)
        before_w = home.draw_w
        home.is_silent = True
        seen = set()
        for _ in range(400):
            await home.sleep(1)
            seen.add(home.code())
        assert ReasonCode.CHARGER_SILENT in seen
        home.is_silent = False
        await home.sleep(120)
        assert home.draw_w == pytest.approx(before_w, abs=250)
        assert home.lp().override is Override.NONE

    at_box(body, pv_w=5500.0 if runs else 500.0)


def test_it_recovers_from_a_reboot_that_forgets_its_current() -> None:
    async def body(home: Home) -> None:
        home.gateway.request(Request(loadpoint_id="garage", by="test", mode=Mode.NOW, amps_a=8))
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(60)
        home.box.sync()
        home.box.device.change(override_da=0)
        await home.sleep(60)
        assert home.box.device.setup.override_da == 80
        assert home.lp().override is Override.NONE

    at_box(body)


def test_a_guard_that_stops_and_goes_on_is_nobodys_hand() -> None:
    """What the box holds back by itself is told as that, and its going on is no start by a person."""

    async def body(home: Home) -> None:
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(60)
        home.box.sync()
        base = home.box.base_da
        home.box.base_da = (300, -300, -300)
        await home.until(lambda: home.code() is ReasonCode.CHARGER_HOLDS)
        assert home.lp().reason.numbers == {"why": "no power available"}
        posts = home.posts
        await home.sleep(60)
        assert home.posts - posts <= 1
        home.box.sync()
        home.box.base_da = base
        await home.until(lambda: home.draw_w > 0)
        await home.sleep(60)
        assert home.lp().override is Override.NONE
        home.weather(0)
        await home.until(lambda: home.draw_w == 0)

    at_box(body, pv_w=5500.0)


def test_a_hand_at_the_box_is_respected_until_it_is_unplugged() -> None:
    async def body(home: Home) -> None:
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(60)
        home.by_hand(mode=4)
        await home.sleep(120)
        assert (home.lp().override, home.lp().override_by) == (Override.STOP, "the charger's own app")
        assert home.draw_w == 0
        home.plug(is_plugged=False)
        await home.sleep(30)
        home.plug(is_plugged=True)
        await home.until(lambda: home.lp().is_flowing)

    at_box(body, pv_w=5500.0)


def test_a_cable_taken_out_and_put_in_again_starts_nothing() -> None:
    async def body(home: Home) -> None:
        for _ in range(3):
            home.plug(is_plugged=False)
            await home.sleep(60)
            assert home.lp().status is ChargerStatus.A
            home.plug(is_plugged=True)
            for _ in range(60):
                await home.sleep(1)
                assert home.draw_w == 0
        assert home.lp().override is Override.NONE

    at_box(body, pv_w=300.0)


def test_a_start_asked_for_survives_the_counters_new_beginning() -> None:
    """The counter of the session still shows the last car until current flows."""

    async def body(home: Home) -> None:
        home.gateway.request(Request(loadpoint_id="garage", by="test", override=Override.CHARGE))
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(600)
        home.plug(is_plugged=False)
        await home.sleep(30)
        home.plug(is_plugged=True)
        await home.sleep(30)
        home.gateway.request(Request(loadpoint_id="garage", by="test", override=Override.CHARGE))
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(60)
        assert home.lp().override is Override.CHARGE
        assert home.draw_w > 0

    at_box(body)


def test_left_in_solar_by_its_owner_it_is_taken_over() -> None:
    async def body(home: Home) -> None:
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(120)
        assert home.draw_w == pytest.approx(5200, abs=700)
        assert home.box.device.setup.mode.name == "SMART"

    at_box(body, pv_w=5500.0, setup=replace(SETUP, access=Access.PAUSE, regime=Regime.SOLAR))


def test_it_writes_little_to_its_flash_on_a_sunny_hour_with_clouds() -> None:
    async def body(home: Home) -> None:
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(120)
        flash = home.flash
        for number in range(60):
            home.weather(5500 + (800 if number % 2 else -600))
            await home.sleep(60)
        assert home.flash == flash
        assert home.lp().is_flowing

    at_box(body, pv_w=5500.0, switch_phases=False)


def test_a_wish_that_stays_is_told_once() -> None:
    async def body(home: Home) -> None:
        home.gateway.request(Request(loadpoint_id="garage", by="test", mode=Mode.NOW, amps_a=9))
        await home.until(lambda: home.draw_w == pytest.approx(9 * 690, abs=100))
        await home.sleep(60)
        posts = home.posts
        await home.sleep(300)
        assert home.posts == posts

    at_box(body)


# feeding it, and its meter -----------------------------------------------------------------------------------------------


def test_a_box_that_is_fed_keeps_its_guard_and_falls_back_without_us() -> None:
    async def body(home: Home) -> None:
        home.box.feeds_mains = False
        home.gateway.request(Request(loadpoint_id="garage", by="test", mode=Mode.NOW, amps_a=16))
        await home.until(lambda: home.draw_w > 10_000)
        await home.sleep(60)
        assert home.box.device.irms_da == tuple(round(amps * 10) for amps in home.phases_a())
        home.weather(0, 3 * 230 * 15)
        await home.sleep(60)
        assert max(home.phases_a()) <= 25.5
        assert home.draw_w > 0

    at_box(body, feeds_currents=True)


def test_its_mains_meter_runs_the_site() -> None:
    async def body(home: Home) -> None:
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(120)
        assert home.draw_w == pytest.approx(5200, abs=700)
        assert home.gateway.snapshot().grid_w == pytest.approx(230 * sum(home.phases_a()), abs=100)

    at_box(body, pv_w=5500.0, meter={"driver": "smartevse", "url": BOX})


def test_a_step_of_load_leaves_the_car_what_there_is() -> None:
    """Where the firmware's own law falls to 6 A with a slow feed."""

    async def body(home: Home) -> None:
        home.gateway.request(Request(loadpoint_id="garage", by="test", mode=Mode.NOW, amps_a=16))
        home.box.feeds_mains = False
        home.box.sync()
        home.box.base_da = (30, 20, 10)
        await home.until(lambda: home.draw_w > 10_000)
        await home.sleep(60)
        home.box.sync()
        home.box.base_da = (150, 20, 10)
        await home.sleep(20)
        least_a = 99.0
        for _ in range(100):
            await home.sleep(1)
            assert max(home.phases_a()) <= 25.1
            least_a = min(least_a, home.draw_w / 690)
        assert least_a >= 0.95 * 10 - 0.5  # whole amperes

    at_box(body, site={"main_fuse_a": 25}, base_mode="normal")
