"""A Tesla seen as a go-eCharger, through a real gateway in a simulated home; what is claimed is checked on the car."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import yaml
from tests.scenarios.home import NOON, CarScenario, Home, live, living

from sunbox.core.commands import RequestKind
from sunbox.core.model import Mode, Override
from sunbox.core.wallbox import Request
from sunbox.faces.goe import GoeFaceSettings, LoadpointBox

WATCHED = ("alw", "car", "acu", "nrg", "frc", "modelStatus", "err", "pnp", "wh", "eto")


@dataclass
class Wall:
    """A home with the face before it."""

    home: Home
    box: LoadpointBox

    def get(self, *names: str) -> Any:
        values = self.box.read(names).values
        assert set(values) == set(names)
        return values[names[0]] if len(names) == 1 else tuple(values[name] for name in names)

    def set(self, **keys: Any) -> dict[str, bool | str]:
        return self.box.set(tuple((name, json.dumps(value)) for name, value in keys.items()))

    def tell(self, **keys: Any) -> None:
        assert self.set(**keys) == dict.fromkeys(keys, True)

    def draw_w(self) -> float:
        return float(self.home.truth()["draw_w"])

    async def until_car(self, state: int, within_s: float = 600) -> float:
        return await self.home.until(lambda: self.get("car") == state, within_s)


@asynccontextmanager
async def walled(profile: str = "055", **about: Any) -> AsyncIterator[Wall]:
    car = {"never_full": False, "soc_pct": 45.0, "asleep": False, "charges_at_plug_in": False, **about.pop("car", {})}
    async with living(car=CarScenario(**car), **about) as home:
        wall = Wall(home, LoadpointBox(home.gateway, GoeFaceSettings(port=5001, profile=profile)))  # type: ignore[arg-type]
        following = asyncio.create_task(wall.box.follow())
        try:
            await home.sleep(30)
            yield wall
            assert not following.done(), "it follows to the end"
        finally:
            following.cancel()


def at_wall(body: Callable[[Wall], Awaitable[None]], **about: Any) -> None:
    async def main() -> None:
        async with walled(**about) as wall:
            await body(wall)

    live(main)


def test_a_sleeping_tesla_is_started_with_one_wake() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        assert home.car.is_asleep
        assert (wall.get("alw"), wall.get("frc")) == (False, 0)
        wall.tell(frc=2)
        # the wish is seen at once, the car follows in its own time
        assert wall.get("alw", "frc", "modelStatus") == (True, 2, 3)
        assert wall.get("car") in (1, 3)
        assert wall.get("nrg")[11] == 0
        seen = []

        def is_charging() -> bool:
            alw, car, nrg = wall.get("alw", "car", "nrg")
            seen.append(car)
            assert alw
            assert (nrg[11] > 0) == (car == 2)
            return bool(car == 2)

        waited_s = await home.until(is_charging, 120)
        assert waited_s < 90
        assert [state for n, state in enumerate(seen) if n == 0 or state != seen[n - 1]] in ([1, 3, 2], [3, 2], [1, 2])
        assert home.count(RequestKind.WAKE) == 1
        await home.sleep(60)
        nrg = wall.get("nrg")
        assert len(nrg) == 16
        assert abs(nrg[11] - wall.draw_w()) < 0.1 * wall.draw_w()
        assert wall.get("pnp") == sum(amps > 0 for amps in nrg[4:7])
        assert wall.get("err") == 0
        await home.sleep(600)
        assert wall.get("wh") > 300
        assert wall.get("eto") == int(wall.get("wh"))
        assert home.count(RequestKind.WAKE) == 1

    at_wall(body, car={"asleep": True}, loadpoint={"mode": "off"})


def test_amps_stop_and_neutral() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.tell(amp=8, frc=2)
        await wall.until_car(2)
        await home.until(lambda: round(wall.home.truth()["current_a"]) == 8, 60)
        wall.tell(amp=13)
        assert wall.get("amp", "acu") == (13, 13)
        await home.until(lambda: round(wall.home.truth()["current_a"]) == 13, 60)
        wall.tell(ama=10)
        await home.until(lambda: round(wall.home.truth()["current_a"]) == 10, 60)
        assert wall.get("amp", "ama", "acu") == (13, 10, 10)
        wall.tell(frc=1)
        assert wall.get("alw", "acu", "modelStatus") == (False, None, 4)
        await wall.until_car(4, 120)
        assert wall.draw_w() == 0
        assert home.lp().override is Override.STOP
        wall.tell(frc=0)
        assert home.lp().override is Override.NONE
        assert wall.get("lmo", "fup", "acp") == (4, True, True)
        # handed back to the sun, which is not there
        await home.sleep(300)
        assert (wall.draw_w(), wall.get("alw"), wall.get("modelStatus")) == (0, False, 17)

    at_wall(body, loadpoint={"mode": "pv"})


def test_the_sun_takes_over_after_neutral() -> None:
    async def body(wall: Wall) -> None:
        wall.tell(frc=1)
        await wall.home.sleep(600)
        assert wall.draw_w() == 0
        wall.tell(frc=0)
        await wall.until_car(2, 900)
        assert wall.get("alw", "modelStatus") == (True, 12)
        assert wall.get("acu") == wall.home.lp().set_point.amps_a

    at_wall(body, pv_w=3500.0, loadpoint={"mode": "pv"})


def test_the_logic_is_the_mode() -> None:
    async def body(wall: Wall) -> None:
        for told, mode in (
            ({"lmo": 3}, Mode.NOW),
            ({"lmo": 4}, Mode.OFF),  # it was off: eco without surplus
            ({"fup": True}, Mode.PV),
            ({"lmo": 3}, Mode.NOW),
            ({"lmo": 4}, Mode.PV),
            ({"acp": False}, Mode.MIN_PV),
            ({"fup": False}, Mode.OFF),
            ({"fup": True, "acp": True}, Mode.PV),
        ):
            wall.tell(**told)
            assert wall.home.lp().mode is mode
        for mode, echoed in ((Mode.NOW, 3), (Mode.PV, 4)):
            wall.home.gateway.request(Request(loadpoint_id=wall.home.lp().id, by="api", mode=mode))
            assert wall.get("lmo") == echoed
        (text,) = wall.set(lmo=5).values()
        assert text == "lmo: failed: Value 5 is not one of 3, 4 (5)"
        assert wall.home.lp().mode is Mode.PV

    at_wall(body, loadpoint={"mode": "off"})


def test_a_bundle_is_one_request() -> None:
    async def body(wall: Wall) -> None:
        version = wall.home.lp().version
        wall.tell(acs=1, lmo=3, frc=2, amp=9, trx=0)
        lp = wall.home.lp()
        assert (lp.version, lp.mode, lp.override, lp.amps_asked_a) == (version + 1, Mode.NOW, Override.CHARGE, 9)

    at_wall(body, loadpoint={"mode": "off"})


def test_bad_keys_stand_alone() -> None:
    async def body(wall: Wall) -> None:
        version = wall.home.lp().version
        answers = wall.box.set((("amp", "5"), ("frc", "2"), ("alw", "true"), ("nope", "1"), ("psm", "1")))
        assert answers["amp"] == "amp: failed: Value 5 exceeds range 6 to 32 (5)"
        assert answers["alw"] == "alw: tried to set api key without setter (true)"
        assert str(answers["nope"]).startswith("nope: ")
        assert (answers["frc"], answers["psm"]) == (True, True)
        lp = wall.home.lp()
        assert (lp.version, lp.override, lp.amps_asked_a) == (version + 1, Override.CHARGE, None)
        assert wall.get("psm") == 1

    at_wall(body, loadpoint={"mode": "off"})


def test_a_start_outlives_the_cable() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.tell(amp=7, frc=2)
        await wall.until_car(2)
        await home.patch(car={"plugged": False})
        await wall.until_car(1, 1200)
        assert (home.lp().override, home.lp().amps_asked_a) == (Override.NONE, None)
        assert wall.get("alw", "frc", "amp") == (True, 2, 7)
        await home.patch(car={"plugged": True})
        await wall.until_car(2, 7200)
        assert (home.lp().override, home.lp().amps_asked_a) == (Override.CHARGE, 7)
        await home.until(lambda: round(home.truth()["current_a"]) == 7, 60)

    at_wall(body, loadpoint={"mode": "off"})


def test_a_stop_without_a_car_holds_the_next_one_back() -> None:
    """What evcc does at its end of a session; on a real one `frc` falls back to neutral with the cable."""

    async def body(wall: Wall) -> None:
        home = wall.home
        await wall.until_car(2, 900)
        await home.patch(car={"plugged": False})
        await wall.until_car(1, 1200)
        wall.tell(frc=1)
        assert home.lp().override is Override.NONE
        for _ in range(20):
            assert wall.get("alw", "frc") == (False, 1)
            await home.sleep(60)
        await home.patch(car={"plugged": True})
        await home.until(lambda: wall.get("car") == 3, 7200)
        assert wall.get("alw", "frc") == (False, 1)
        assert home.lp().override is Override.STOP
        await home.sleep(900)
        assert wall.draw_w() == 0
        wall.tell(frc=0)
        await wall.until_car(2, 900)

    at_wall(body, pv_w=6000.0, loadpoint={"mode": "pv"})


def test_somebody_elses_word_is_shown_and_counts() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.tell(acs=1)
        assert wall.get("alw", "modelStatus") == (False, 2)
        home.gateway.request(Request(loadpoint_id=home.lp().id, by="tlwb", override=Override.CHARGE, amps_a=11))
        assert wall.get("frc", "alw", "amp", "trx") == (2, True, 11, 0)
        await wall.until_car(2)
        home.gateway.request(Request(loadpoint_id=home.lp().id, by="tlwb", override=Override.NONE))
        assert wall.get("frc") == 0
        await home.sleep(60)
        assert home.lp().override is Override.NONE

    at_wall(body, loadpoint={"mode": "pv"})


def test_energy_limit_and_access_stop_the_car() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.tell(acs=1, lmo=3)
        await home.sleep(120)
        assert (wall.draw_w(), wall.get("car"), wall.get("modelStatus")) == (0, 3, 2)
        wall.tell(trx=0, dwo=500)
        await wall.until_car(2)
        took_s = await home.until(lambda: wall.get("modelStatus") == 6, 3600)
        assert took_s > 100
        await wall.until_car(4, 120)
        await home.sleep(60)
        assert wall.draw_w() == 0
        assert 500 <= wall.get("wh") < 600
        wall.tell(dwo=None)
        await wall.until_car(2)

    at_wall(body, loadpoint={"mode": "off"})


def test_a_temporary_limit_lapses() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.tell(amp=14, frc=2)
        await wall.until_car(2)
        wall.tell(tcl=6)
        await home.until(lambda: round(home.truth()["current_a"]) == 6, 60)
        await home.sleep(640)
        await home.until(lambda: round(home.truth()["current_a"]) == 14, 60)
        assert wall.get("tcl", "acu") == (None, 14)

    at_wall(body, loadpoint={"mode": "off"})


def test_the_scheduler_holds_the_car_back() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        day = {"begin": {"hour": 10, "minute": 0}, "end": {"hour": 11, "minute": 0}}
        none = {"begin": {"hour": 0, "minute": 0}, "end": {"hour": 0, "minute": 0}}
        # not between 12:00 and 13:00 in summer
        summer = {end: {"hour": day[end]["hour"] + 2, "minute": 0} for end in day}
        wall.tell(lmo=3, sch_week={"control": 2, "ranges": [summer, none]})
        await home.sleep(300)
        assert (wall.draw_w(), wall.get("modelStatus"), wall.get("frc")) == (0, 5, 0)
        await wall.until_car(2, 3600)
        assert wall.home.clock.now() >= NOON.replace(hour=11)

    at_wall(body, loadpoint={"mode": "off"})


def test_looking_costs_nothing() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        assert home.car.is_asleep
        before = {kind: home.count(kind) for kind in (RequestKind.DATA, RequestKind.WAKE, RequestKind.COMMAND)}
        for _ in range(200):
            wall.get(*WATCHED)
            wall.box.read()
            await home.sleep(5)
        assert {kind: home.count(kind) for kind in before} == before
        assert home.car.is_asleep

    at_wall(body, car={"asleep": True}, loadpoint={"mode": "pv"})


def test_every_key_has_a_value_of_its_type() -> None:
    async def body(wall: Wall) -> None:
        told = wall.box.read().values
        assert len(told) > 200
        assert json.loads(json.dumps(told)) == told
        assert (len(told["sse"]), told["var"], told["adi"], told["typ"]) == (6, 22, False, "go-eCharger")
        assert told["loc"].startswith(f"{NOON.year}-06-01T12:0")  # the owner's time zone
        assert told["rbt"] == 30_000
        again = LoadpointBox(wall.home.gateway, GoeFaceSettings(port=5001))
        assert again.read(("sse",)).values["sse"] == told["sse"]

    at_wall(body, loadpoint={"mode": "off"})


def test_what_was_set_here_does_not_follow_the_car_to_another_place() -> None:
    async def body(wall: Wall) -> None:
        home = wall.home
        wall.tell(frc=2)
        await wall.until_car(2)
        await home.patch(car={"plugged": False})
        await wall.until_car(1, 1200)
        assert wall.get("alw", "frc") == (True, 2)
        await home.patch(car={"lat": 48.1, "lon": 11.6, "plugged": True})
        await home.until(lambda: home.lp().is_plugged, 7200)
        assert home.lp().is_here is False
        await home.sleep(600)
        assert (home.lp().override, wall.get("car"), wall.get("frc")) == (Override.NONE, 1, 2)
        assert home.truth()["draw_w"] == 0

    at_wall(body, loadpoint={"mode": "pv"})


def test_the_surplus_that_an_energy_manager_tells_drives_the_car() -> None:
    """Nothing measures this house but a client that writes `ids` each 5 s; when it falls silent, charging ends."""

    def edit(text: str) -> str:
        document = yaml.safe_load(text)
        document["meters"] = [{"id": "manager", "driver": "pushed"}]
        return str(yaml.safe_dump(document))

    async def main() -> None:
        car = CarScenario(never_full=False, soc_pct=45.0, asleep=False, charges_at_plug_in=False)
        async with living(car=car, pv_w=4300.0, loadpoint={"mode": "pv"}, edit=edit) as home:
            box = LoadpointBox(home.gateway, GoeFaceSettings(port=5001, surplus_meter="manager"))  # type: ignore[arg-type]
            following = asyncio.create_task(box.follow())

            async def feed(seconds: float) -> None:
                for _ in range(int(seconds / 5)):
                    grid_w = 300.0 + home.truth()["draw_w"] - 4300.0
                    ids = json.dumps({"pGrid": grid_w, "pPv": 4300.0, "pAkku": 0.0})
                    assert box.set((("ids", ids),)) == {"ids": True}
                    await home.sleep(5)

            await home.sleep(300)
            assert (home.truth()["draw_w"], box.read(("modelStatus",)).values) == (0, {"modelStatus": 17})
            await feed(400)
            assert 3000 < home.truth()["draw_w"] < 4100
            told = box.read(("modelStatus", "alw", "car")).values
            assert told == {"alw": True, "car": 2, "modelStatus": 12}
            await home.sleep(900)
            assert home.truth()["draw_w"] == 0
            # without the wish to follow the sun it is stored, and no meter
            assert box.set((("fup", "false"),)) == {"fup": True}
            await feed(120)
            assert home.gateway.snapshot().is_grid_stale
            assert box.read(("pgrid",)).values["pgrid"] is not None
            following.cancel()

    live(main)
