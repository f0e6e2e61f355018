"""A Tesla seen as a SmartEVSE, through a real gateway in a simulated home; what is claimed is checked on the car."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from tests.scenarios.home import NOON, CarScenario, Home, live, living

from sunbox.app import REGISTRY
from sunbox.config.loader import load
from sunbox.core.commands import RequestKind
from sunbox.core.model import Mode, Override
from sunbox.core.wallbox import Request
from sunbox.dialects.smartevse.query import parameters_from_query
from sunbox.faces.smartevse import LoadpointBox, SmartEvseFaceSettings

BERLIN = ZoneInfo("Europe/Berlin")


@dataclass
class Wall:
    """A home with the face before it."""

    home: Home
    box: LoadpointBox

    def post(self, target: str) -> Any:
        path, _, query = target.partition("?")
        answer = self.box.post(path, parameters_from_query(query))
        assert answer is not None
        return answer.reply

    def look(self, path: str) -> Any:
        answer = self.box.get("/settings")
        assert answer is not None
        value = answer.reply
        for name in path.split("."):
            value = value[name]
        return value

    def amps(self) -> int:
        return round(self.home.truth()["current_a"])

    def draw_w(self) -> float:
        return float(self.home.truth()["draw_w"])

    async def until_amps(self, amps: int, within_s: float = 120) -> float:
        return await self.home.until(lambda: self.amps() == amps, within_s)

    async def until_charging(self, within_s: float = 600) -> float:
        return await self.home.until(lambda: self.look("evse.state_id") == 2, within_s)


@asynccontextmanager
async def walled(
    own: dict[str, Any] | None = None, *, site: dict[str, Any] | None = None, **about: Any
) -> AsyncIterator[Wall]:
    """Yield a wall. `site` are further keys of the site, `circuits` those above it, the last one feeds it; fed, the house has no meter of its own."""
    car = {"never_full": False, "soc_pct": 45.0, "asleep": False, "charges_at_plug_in": False, **about.pop("car", {})}
    is_fed, circuits = about.pop("is_fed", False), about.pop("circuits", [])
    face = {"port": 5002, **(own or {})}

    def edit(text: str) -> str:
        document = yaml.safe_load(text)
        if is_fed:
            document["meters"] = []
        document["site"] |= site or {}
        document["circuits"] = circuits
        if circuits:
            document["loadpoints"][0]["circuit"] = circuits[-1]["id"]
        document["faces"]["smartevse"] = [face]
        return str(yaml.safe_dump(document))

    async with living(car=CarScenario(**car), edit=edit, **about) as home:
        config = load(home.folder / "sunbox.yaml", REGISTRY)
        (settings,) = config.faces.by_name["smartevse"]
        assert isinstance(settings, SmartEvseFaceSettings)
        box = LoadpointBox(
            home.gateway,
            settings,
            BERLIN,
            home.gateway.notebook("smartevse/test"),
            main_fuse_a=config.settings.site.main_fuse_a,
            has_other_meter=not is_fed,
        )
        wall = Wall(home, box)
        following = asyncio.create_task(box.follow())
        try:
            await home.sleep(30)
            yield wall
            assert not following.done(), "it follows to the end"
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


def at_wall(body: Callable[[Wall], Awaitable[None]], own: dict[str, Any] | None = None, **about: Any) -> None:
    async def main() -> None:
        async with walled(own, **about) as wall:
            await body(wall)

    live(main)


def test_a_sleeping_tesla_charges_stops_and_follows_the_sun() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        assert home.car.is_asleep
        assert wall.look("mode_id") == 0
        assert wall.post("/settings?override_current=80") == {"override_current": 80}
        assert wall.post("/settings?mode=1") == {"mode": "1"}
        assert (wall.look("mode_id"), wall.look("settings.override_current")) == (1, 80)
        seen: list[int] = []

        def is_charging() -> bool:
            state = wall.look("evse.state_id")
            seen.append(state)
            return bool(state == 2)

        assert await home.until(is_charging, 120) < 90
        assert set(seen) <= {0, 1, 2}, "never 9 or 10 while it is switched on"
        await wall.until_amps(8)
        assert home.count(RequestKind.WAKE) == 1
        await home.sleep(60)
        assert (wall.look("settings.charge_current"), wall.look("ev_meter.currents.L1")) == (80, 80)
        assert abs(wall.look("ev_meter.import_active_power") - wall.draw_w()) < 0.1 * wall.draw_w()

        wall.post("/settings?mode=4")
        assert wall.look("evse.state_id") in (9, 10)
        await home.until(lambda: wall.draw_w() == 0, 60)
        await home.sleep(30)
        assert (wall.look("mode_id"), wall.look("evse.state_id"), wall.look("car_connected")) == (4, 9, True)
        assert home.lp().override is Override.STOP
        assert home.lp().mode is Mode.OFF, "a stop never changes the mode"

        # the sun: 4300 W less 300 W of the house are 17 A on one phase, of which it takes what it may
        assert wall.post("/settings?mode=2") == {"mode": "2"}
        assert (home.lp().mode, home.lp().override) == (Mode.PV, Override.NONE)
        await wall.until_charging(900)
        await home.sleep(300)
        assert wall.amps() > 10, "the limit of 8 A is gone"
        assert abs(home.gateway.snapshot().grid_w or 0) < 400
        assert (wall.look("mode"), wall.look("settings.override_current")) == ("SOLAR", 0)
        assert wall.post("/settings?override_current=100") is None

    at_wall(body, car={"asleep": True}, loadpoint={"mode": "off"}, pv_w=4300.0)


def test_currents_drive_it_in_smart_within_the_mains() -> None:
    """Nothing measures this house but a feeder that posts the currents each 5 s."""

    async def body(wall: Wall) -> None:
        home = wall.home
        assert wall.look("settings.mains_meter") == "API"
        assert wall.look("settings.current_main") == 20
        base_da = [30, 20, 10]
        most: list[float] = []

        async def feed(seconds: float) -> None:
            for _ in range(int(seconds / 5)):
                car_da = [round(home.truth()["current_a"] * 10) if home.truth()["draw_w"] > 100 else 0, 0, 0]
                one, two, three = (base + car for base, car in zip(base_da, car_da, strict=True))
                reply = wall.post(f"/currents?L1={one}&L2={two}&L3={three}")
                assert reply == {
                    "original": {"L1": one, "L2": two, "L3": three},
                    "L1": one,
                    "L2": two,
                    "L3": three,
                    "TOTAL": one + two + three,
                }
                most.append(one / 10)
                await home.sleep(5)

        await feed(30)
        assert wall.look("phase_currents.TOTAL") == 60
        wall.post("/settings?mode=3")
        await feed(120)
        assert (wall.look("mode_id"), wall.look("evse.state_id")) == (3, 2)
        assert wall.amps() == 17, "with 3 A of the house all of 20 A"
        base_da[0] += 70
        most.clear()
        await feed(120)
        assert wall.amps() == 10
        assert max(most[6:]) <= 20.0
        wall.post("/settings?override_current=70")
        await feed(60)
        assert wall.amps() == 7
        wall.post("/settings?disable_override_current=1")
        base_da[0] = 30
        await feed(120)
        assert wall.amps() == 17
        # the feeder falls silent: nobody knows what flows through the fuse, so it is held, and then the least
        await home.sleep(60)
        assert (wall.look("mode_id"), wall.look("evse.error"), wall.amps()) == (3, "Communication Error", 17)
        await home.until(lambda: wall.amps() < 6, 180)
        await feed(120)
        assert (wall.amps(), wall.look("evse.error_id")) == (17, 0)

    at_wall(body, is_fed=True, site={"main_fuse_a": 20}, loadpoint={"mode": "off"})


@dataclass
class Feeder:
    """Who posts the currents of a house of which nothing else is measured, and looks what its fuse carries."""

    wall: Wall
    base_da: list[int]
    most_a: float = 0.0

    def house_a(self) -> float:
        """Return what the fuse of the car's phase carries."""
        return self.base_da[0] / 10 + (float(self.wall.home.truth()["current_a"]) if self.wall.draw_w() > 100 else 0.0)

    async def feed(self, seconds: int, every_s: int, beside: Sequence[str] = ()) -> None:
        """Post every so many seconds, and before it what is no measurement."""
        self.most_a = 0.0
        for second in range(seconds):
            if second % every_s == 0:
                for told in beside:
                    self.wall.post(f"/currents?{told}")
                one, two, three = round(self.house_a() * 10), self.base_da[1], self.base_da[2]
                self.wall.post(f"/currents?L1={one}&L2={two}&L3={three}")
            await self.wall.home.sleep(1)
            self.most_a = max(self.most_a, self.house_a())


@pytest.mark.parametrize("every_s", [2, 5, 10])
def test_what_a_reading_proved_of_the_house_is_not_taken_for_the_cars_rise(every_s: int) -> None:
    """While a command is under way nobody knows what of the mains is the car's: it does not swing beyond the fuse for that."""

    async def body(wall: Wall) -> None:
        feeder = Feeder(wall, [0, 20, 10])
        wall.post("/settings?mode=3")
        await feeder.feed(180, every_s)
        assert wall.amps() == 20
        for sinks_s in (5, 8, 11, 14):  # the house takes more again while the car is about to take what it left
            for base_da, seconds in ((80, 120), (0, sinks_s)):
                feeder.base_da[0] = base_da
                await feeder.feed(seconds, every_s)
            feeder.base_da[0] = 140
            await feeder.feed(30, every_s)
            await feeder.feed(120, every_s)
            assert feeder.most_a <= 20.1
            assert feeder.house_a() == pytest.approx(20.0, abs=0.1)

    at_wall(body, is_fed=True, site={"main_fuse_a": 20}, loadpoint={"mode": "off"})


NO_MEASUREMENTS = (
    *("L1=unavailable&L2=unavailable&L3=unavailable", "L1=&L2=&L3=", "L1=nan&L2=0&L3=0", "L1=-99999&L2=0&L3=0"),
    *("L1=0&L2=0", "battery_current=unavailable", "battery_current=-327680"),
)


def test_a_feeder_whose_meter_is_away_drives_nothing_into_the_fuse() -> None:
    async def body(wall: Wall) -> None:
        feeder = Feeder(wall, [120, 20, 10])
        wall.post("/settings?mode=3")
        await feeder.feed(120, 5, NO_MEASUREMENTS)
        assert (wall.amps(), wall.look("evse.error_id")) == (8, 0)
        # nothing but words: as if nothing were posted
        for _ in range(60):
            for told in NO_MEASUREMENTS:
                wall.post(f"/currents?{told}")
            await wall.home.sleep(5)
            assert wall.amps() <= 8
        assert (wall.look("evse.error"), wall.amps()) == ("Communication Error", 5)
        await feeder.feed(120, 5)
        assert (wall.amps(), wall.look("evse.error_id")) == (8, 0)

    at_wall(body, is_fed=True, site={"main_fuse_a": 20}, loadpoint={"mode": "off"})


WORDS = (
    "",
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "-1",
    "60",
    "80.0",
    "160",
    "320",
    "1000",
    "1024",
    "9" * 30,
    "abc",
    "2026-06-01T12:00",
)
STORM = {
    "/settings": (
        *("mode", "override_current", "disable_override_current", "current_min", "current_max_sum_mains", "enable_C2"),
        *("starttime", "stoptime", "repeat", "override_pwm", "capacity_mode", "solar_start_current", "stop_timer"),
    ),
    "/modem": ("pwm", "override_pwm"),
    "/currents": ("L1", "L2", "L3", "battery_current"),
    "/ev_meter": ("L1", "L2", "L3", "import_active_power", "import_active_energy", "export_active_energy"),
    "/reboot": (),
}
HEARD_WORDS = {
    "Mode": ("Off", "Normal", "Solar", "Smart", "Pause", "normal"),
    "CurrentOverride": ("60", "160", "320", "321", "-1"),
    "CPPWMOverride": ("1000", "870", "100", "-1", "0"),
    "MainsMeter": ("-999:-999:-999", "0:0:0"),
}


@pytest.mark.parametrize("seed", [1, 2])
def test_no_storm_of_requests_makes_it_exceed_what_fuse_and_circuit_carry(seed: int) -> None:
    """Whatever is posted, and however fast, the car takes 13 A of its circuit at most, and what the house leaves of 20 A."""

    async def body(wall: Wall) -> None:
        dice, home = Random(seed), wall.home
        started = False
        for _ in range(60):
            for _ in range(dice.choice((1, 1, 2, 8))):
                if dice.random() < 0.3:
                    name = dice.choice(sorted(HEARD_WORDS))
                    wall.box.hear(name, dice.choice(HEARD_WORDS[name]))
                    continue
                path = dice.choice((*STORM, "/settings", "/settings"))
                names = dice.sample(STORM[path], min(len(STORM[path]), dice.randint(1, 5)))
                wall.box.post(path, {name: dice.choice(WORDS) for name in names})
            for _ in range(dice.choice((0, 2, 25))):
                await home.sleep(1)
                car_a = float(home.truth()["current_a"])
                started = started or car_a > 0
                assert car_a <= 13.1
                assert 0 <= wall.look("mode_id") <= 4
                assert wall.look("settings.override_current") in (0, *range(60, 321))
        assert started, "it was no storm in a glass of water"
        # and afterwards it is as good as new
        wall.post("/modem?override_pwm=-1")
        wall.post("/settings?mode=1&disable_override_current=1&enable_C2=0")
        await wall.until_amps(13, 600)
        await home.patch(load={"w": 2760.0})
        await wall.until_amps(8, 600)

    circuits = [{"id": "shed", "max_a": 13}]
    own, loadpoint = {"modem": True}, {"mode": "off"}
    at_wall(body, own, site={"main_fuse_a": 20}, circuits=circuits, loadpoint=loadpoint)


def test_currents_drive_it_in_the_sun_and_a_battery_that_charges_counts() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.post("/settings?mode=2")

        async def feed(seconds: float, export_w: float, battery_da: int = 0) -> None:
            for _ in range(int(seconds / 5)):
                grid_da = round((home.truth()["draw_w"] - export_w) / 230 * 10)
                battery = f"battery_current={battery_da}&" if battery_da else ""
                wall.post(f"/currents?{battery}L1={grid_da}&L2=0&L3=0")
                await home.sleep(5)

        await feed(300, 0.0)
        assert (wall.draw_w(), wall.look("evse.state_id")) == (0, 9)
        assert wall.look("evse.state") == "Charging Stopped - No Power Available"
        await feed(400, 3000.0)
        assert 2000 < wall.draw_w() < 3100
        assert wall.look("evse.state") == "Charging"
        await feed(300, 600.0, battery_da=100)
        assert wall.draw_w() > 2000, "600 W and what goes into the battery"
        assert wall.look("home_battery.current") == 100
        await home.sleep(900)
        assert wall.draw_w() == 0, "nothing is told any more"
        assert (wall.look("evse.error"), wall.look("evse.error_id")) == ("Communication Error", 2)

    at_wall(body, is_fed=True, loadpoint={"mode": "off"})


def test_a_house_with_a_meter_is_not_fed() -> None:
    async def body(wall: Wall) -> None:
        assert wall.look("settings.mains_meter") == "Custom"
        before = wall.home.gateway.snapshot().grid_w
        assert wall.post("/currents?L1=100&L2=100&L3=100") is None
        assert wall.home.gateway.snapshot().grid_w == before == 300.0
        assert wall.look("phase_currents.TOTAL") == 13
        assert wall.post("/settings?mode=3") == {"mode": "3"}
        assert wall.look("mode") == "SMART"

    at_wall(body, loadpoint={"mode": "off"})


def test_what_was_told_outlives_the_cable() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.post("/settings?override_current=70&mode=1")
        await wall.until_charging()
        await home.patch(car={"plugged": False})
        await home.until(lambda: wall.look("evse.state_id") == 0, 1200)
        assert (home.lp().override, home.lp().amps_asked_a) == (Override.NONE, None)
        assert (wall.look("mode_id"), wall.look("settings.override_current")) == (1, 70)
        await home.patch(car={"plugged": True})
        await wall.until_charging(7200)
        assert (home.lp().override, home.lp().amps_asked_a) == (Override.CHARGE, 7)
        await wall.until_amps(7)

    at_wall(body, loadpoint={"mode": "off"})


def test_it_does_not_follow_the_car_to_another_place() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.post("/settings?mode=1")
        await wall.until_charging()
        await home.patch(car={"plugged": False})
        await home.until(lambda: not wall.look("car_connected"), 1200)
        await home.patch(car={"lat": 48.1, "lon": 11.6, "plugged": True})
        await home.until(lambda: home.lp().is_plugged, 7200)
        await home.sleep(600)
        assert (home.lp().override, wall.look("evse.state_id"), wall.look("mode_id")) == (Override.NONE, 0, 1)
        assert wall.draw_w() == 0

    at_wall(body, loadpoint={"mode": "pv"})


def test_a_start_time_charges_when_it_has_come() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        assert home.clock.now() > NOON  # 12:00 in Berlin
        reply = wall.post('/settings?mode=1&starttime="2026-06-01T12:30"&stoptime="2026-06-01T12:50"')
        assert list(reply) == ["stoptime", "starttime", "mode"]
        assert reply["starttime"] == int(NOON.timestamp()) + 1800
        assert (wall.look("mode_id"), home.lp().override) == (0, Override.STOP)
        await home.sleep(1700)
        assert wall.draw_w() == 0
        assert await wall.until_charging(200) < 180
        assert home.clock.now() >= NOON.replace(minute=30)
        assert wall.look("mode_id") == 1
        await home.until(lambda: wall.draw_w() == 0, 1300)
        assert home.clock.now() >= NOON.replace(minute=50)
        assert (wall.look("mode_id"), wall.look("settings.stoptime")) == (0, 0)

    at_wall(body, loadpoint={"mode": "off"})


def test_somebody_elses_word_is_shown_and_counts() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home

        def ask(**fields: Any) -> None:
            home.gateway.request(Request(loadpoint_id=home.lp().id, by="tlwb", **fields))

        ask(override=Override.CHARGE, amps_a=11)
        assert (wall.look("mode_id"), wall.look("settings.override_current")) == (1, 110)
        ask(override=Override.STOP)
        assert wall.look("mode_id") == 4
        ask(override=Override.NONE)
        assert wall.look("mode_id") == 2, "the mode is pv"
        ask(mode=Mode.MIN_PV)
        assert wall.look("mode_id") == 2
        await home.sleep(60)
        assert home.lp().mode is Mode.MIN_PV, "who wishes more of the sun is not overruled"
        ask(mode=Mode.OFF)
        assert wall.look("mode_id") == 4
        ask(mode=Mode.NOW)
        assert wall.look("mode_id") == 1
        await home.sleep(60)
        assert (home.lp().mode, home.lp().override) == (Mode.NOW, Override.NONE)

    at_wall(body, loadpoint={"mode": "pv"})


def test_the_modem_holds_the_current() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.post("/settings?mode=1")
        await wall.until_charging()
        assert wall.post("/modem?pwm=200") == {"pwm": 200}
        await wall.until_amps(12)
        assert wall.look("evse.pwm") == 204
        assert wall.post("/modem?pwm=50") == {"pwm": 50}
        await home.until(lambda: wall.draw_w() == 0, 60)
        assert home.lp().override is Override.STOP
        assert wall.look("mode_id") == 1
        wall.post("/settings?override_pwm=-1")
        await wall.until_charging()
        await wall.until_amps(32)

    at_wall(body, {"modem": True}, loadpoint={"mode": "off"})


def test_looking_costs_nothing() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        before = {kind: home.count(kind) for kind in (RequestKind.DATA, RequestKind.WAKE, RequestKind.COMMAND)}
        for _ in range(200):
            wall.box.get("/settings")
            await home.sleep(5)
        assert {kind: home.count(kind) for kind in before} == before
        assert home.car.is_asleep

    at_wall(body, car={"asleep": True}, loadpoint={"mode": "pv"})


def test_a_gateway_that_begins_again_goes_on() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.post("/settings?override_current=90&mode=1&stop_timer=7")
        wall.post("/color_solar?R=1&G=2&B=3")
        await wall.until_charging()
        await home.sleep(120)
        energy_wh = wall.look("ev_meter.charged_wh")
        assert energy_wh > 50
        document = home.gateway.notebook("smartevse/test").load()
        assert document is not None
        again = Wall(
            home,
            LoadpointBox(
                home.gateway, SmartEvseFaceSettings(port=5002), BERLIN, home.gateway.notebook("smartevse/test")
            ),
        )
        version = home.lp().version
        assert (again.look("mode_id"), again.look("settings.override_current")) == (1, 90)
        assert (again.look("settings.solar_stop_time"), again.look("color.solar.B")) == (7, 3)
        assert again.look("ev_meter.charged_wh") >= energy_wh - 60
        assert home.lp().version == version, "it asks for nothing"

    at_wall(body, loadpoint={"mode": "off"})


def test_a_reboot_restarts_the_box_and_not_the_gateway() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.post("/settings?override_current=90&mode=1")
        await wall.until_charging()
        await home.sleep(120)
        answer = wall.box.post("/reboot", {})
        assert answer is not None
        assert answer.code == 202
        await home.sleep(60)
        assert wall.look("settings.override_current") == 90, "the car charges"
        wall.post("/settings?mode=4")
        await home.until(lambda: wall.draw_w() == 0, 60)
        await home.sleep(60)
        state = wall.box.state()
        assert (state.setup.override_da, state.behind.ev_charged_wh, wall.look("mode_id")) == (0, 0, 4)
        assert (state.at - state.booted_at).total_seconds() < 60

    at_wall(body, loadpoint={"mode": "off"})


def test_what_somebody_sets_for_the_sun_counts() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        # 4000 W are left; a start needs 20 A of export
        assert wall.post("/settings?mode=2&solar_start_current=20&stop_timer=2") == {
            "mode": "2",
            "solar_start_current": 20,
            "stop_timer": True,
        }
        await home.sleep(900)
        assert wall.draw_w() == 0
        wall.post("/settings?solar_start_current=15")
        await wall.until_charging(600)
        # then the sun goes, and two minutes later it stops
        await home.patch(sun={"pv_w": 300.0})
        await home.until(
            lambda: wall.look("settings.solar_stop_time") == 2 and wall.look("evse.solar_stop_timer") > 0, 60
        )
        assert wall.draw_w() > 1000
        lasted_s = await home.until(lambda: wall.draw_w() == 0, 300)
        assert 100 < lasted_s < 180

    at_wall(body, loadpoint={"mode": "off"}, pv_w=4300.0)


def test_a_stop_timer_of_zero_keeps_the_least_that_is_allowed() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.post("/settings?mode=2&stop_timer=0&current_min=8&solar_max_import=2")
        await wall.until_charging(600)
        await home.sleep(300)
        assert 300 < (home.gateway.snapshot().grid_w or 0) < 500, "2 A are drawn beside the sun"
        await home.patch(sun={"pv_w": 0.0})
        await home.sleep(1800)
        assert (wall.amps(), wall.look("evse.state_id"), wall.look("evse.solar_stop_timer")) == (8, 2, 0)

    at_wall(body, loadpoint={"mode": "off"}, pv_w=4300.0)


def test_the_sum_of_the_mains_is_held_but_not_in_normal() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.post("/settings?mode=3&current_max_sum_mains=13&max_sum_mains_timer=5")
        await wall.until_charging(600)
        await home.sleep(60)
        assert wall.amps() == 11, "of 2990 W 300 are the house's"
        await home.patch(load={"w": 2000.0})
        await home.sleep(120)
        assert wall.amps() == 5, "it goes on with the car's least for five minutes"
        await home.until(lambda: wall.draw_w() == 0, 300)
        await home.sleep(120)
        assert wall.draw_w() == 0
        wall.post("/settings?mode=1")
        await home.until(lambda: wall.amps() == 16, 300)
        await home.patch(load={"w": 300.0})
        wall.post("/settings?mode=3")
        await home.until(lambda: wall.amps() == 11, 120)

    at_wall(body, loadpoint={"mode": "off"})
