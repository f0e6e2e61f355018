"""The world and its meter over HTTP."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from simple_worlds import SimpleCar, steady

from sunbox.simulator.battery import Battery, BatteryParams
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.control import meter_app, world_app
from sunbox.simulator.meter import MeterParams
from sunbox.simulator.world import World

EPOCH = datetime(2024, 6, 17, 10, tzinfo=UTC)


class SimpleCloud:
    def __init__(self) -> None:
        self.faults: list[Any] = []

    def truth(self) -> dict[str, Any]:
        return {"bill": {"dollars": 0}, "faults": self.faults, "requests": []}

    def validate_faults(self, faults: list[Any]) -> None:
        for fault in faults:
            if fault != {"kind": "asleep"}:
                raise ValueError(f"kind: {fault!r}; allowed is asleep")

    def add_faults(self, faults: list[Any]) -> None:
        self.faults.extend(faults)

    def clear_faults(self) -> None:
        self.faults.clear()


class Rig:
    def __init__(self, *cars: SimpleCar, **options: Any) -> None:
        self.world = World(
            LoopClock(EPOCH),
            steady(3000, 500),
            cars=cars or (SimpleCar(),),
            meter=options.pop("meter", MeterParams(noise_w=0)),
            **options,
        )
        self.changes = 0
        self.app = world_app(self.world, self.changed)
        self.control = httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url="http://world")
        self.meter = httpx2.AsyncClient(transport=httpx2.ASGITransport(meter_app(self.world)), base_url="http://meter")

    def changed(self) -> None:
        self.changes += 1

    async def truth(self) -> dict[str, Any]:
        answer = await self.control.get("/world")
        assert answer.status_code == 200
        return answer.json()

    async def patch(self, body: Any, status: int = 200) -> dict[str, Any]:
        answer = await self.control.patch("/world", content=body if isinstance(body, bytes) else json.dumps(body))
        assert answer.status_code == status, answer.text
        return answer.json()


def live(story: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await story()

    run_in(VirtualTimeLoop, main())


def test_the_world_tells_everything():
    async def story() -> None:
        rig = Rig(SimpleCar(draw_w=1000), battery=Battery(BatteryParams()))
        rig.world.attach("tesla", SimpleCloud())
        await asyncio.sleep(3600)
        truth = await rig.truth()
        assert truth["time"] == "2024-06-17T11:00:00.000Z"
        assert truth["local_time"] == "2024-06-17T13:00:00+02:00"
        assert truth["sun"] == {"pv_w": 3000, "factor": 1, "fixed_pv_w": None}
        assert truth["load"] == {"w": 500, "extra_w": 0, "fixed_w": None}
        assert truth["grid_w"] == pytest.approx(0, abs=0.1)
        assert truth["battery"]["power_w"] == pytest.approx(-1500, abs=0.1)
        assert truth["cars"]["car"]["soc_pct"] == 50
        assert truth["cars"]["car"]["energy"] == {
            "charged_wh": 1000,
            "solar_wh": 1000,
            "battery_wh": 0,
            "import_wh": 0,
            "usable_wh": 2500,
            "starts": 0,
        }
        assert truth["energy"]["pv_wh"] == 3000
        assert truth["clouds"]["tesla"]["requests"] == []
        assert truth["meter"]["fault"] is None
        assert rig.changes == 0

    live(story)


def test_help_in_plain_words_and_other_methods():
    async def story() -> None:
        rig = Rig()
        answer = await rig.control.get("/")
        assert answer.headers["content-type"].startswith("text/plain")
        assert "PATCH /world" in answer.text
        assert (await rig.control.delete("/world")).status_code == 405
        assert (await rig.control.get("/nowhere")).status_code == 404

    live(story)


def test_sun_load_and_back():
    async def story() -> None:
        rig = Rig()
        truth = await rig.patch({"sun": {"pv_w": 6000}, "load": {"extra_w": 1000}})
        assert (truth["grid_w"], truth["sun"]["fixed_pv_w"], rig.changes) == (-4500, 6000, 1)
        truth = await rig.patch({"sun": {"pv_w": None, "factor": 0.5}, "load": {"w": 200, "extra_w": None}})
        assert (truth["sun"]["pv_w"], truth["load"]["w"], truth["grid_w"]) == (1500, 200, -1300)
        truth = await rig.patch({"sun": None, "load": None})
        assert truth["grid_w"] == -2500

    live(story)


def test_cars_by_id_by_shorthand_and_by_action():
    async def story() -> None:
        one = SimpleCar("one")
        rig = Rig(one)
        assert (await rig.patch({"car": {"soc_pct": 33}}))["cars"]["one"]["soc_pct"] == 33
        assert (await rig.patch({"cars": {"one": {"soc_pct": 34}}}))["cars"]["one"]["soc_pct"] == 34
        for action in ("unplug", "drive_off", "arrive", "plug"):
            await rig.patch({"car": {"action": action}})
        assert one.moves == [("unplug",), ("drive_off",), ("arrive", 0.0), ("plug",)]
        truth = await rig.patch({"car": {"action": "fall_asleep", "soc_pct": 60}})
        assert truth["cars"]["one"]["asleep"] is True
        assert truth["cars"]["one"]["soc_pct"] == 60

    live(story)


def test_a_car_that_is_away_is_not_plugged_in():
    async def story() -> None:
        car = SimpleCar()
        rig = Rig(car)
        await rig.patch({"car": {"action": "drive_off"}})
        assert (await rig.patch({"car": {"action": "plug"}, "sun": {"pv_w": 1}}, 400))["allowed"] == "arrive first"
        assert (car.moves, rig.world.sun.fixed_w) == ([("drive_off",)], None)

    live(story)


def test_battery_and_meter():
    async def story() -> None:
        rig = Rig(battery=Battery(BatteryParams()))
        truth = await rig.patch({"battery": {"soc_pct": 90, "max_charge_w": 1000, "reserve_pct": 20}})
        assert (truth["battery"]["soc_pct"], truth["battery"]["max_charge_w"], truth["battery"]["reserve_pct"]) == (
            90,
            1000,
            20,
        )
        truth = await rig.patch({"meter": {"delay_s": 5, "noise_w": 0, "resolution_w": 10, "has_time": False}})
        assert truth["meter"] == {
            "delay_s": 5,
            "noise_w": 0,
            "resolution_w": 10,
            "has_time": False,
            "fault": None,
        }
        assert (await rig.patch({"meter": {"fault": "http_500"}}))["meter"]["fault"] == "http_500"
        assert (await rig.meter.get("/meter")).status_code == 500
        assert (await rig.patch({"meter": None}))["meter"]["fault"] is None

    live(story)


def test_faults_are_handed_to_the_cloud():
    async def story() -> None:
        rig, cloud = Rig(), SimpleCloud()
        rig.world.attach("tesla", cloud)
        await rig.patch({"faults": [{"kind": "asleep"}]})
        assert cloud.faults == [{"kind": "asleep"}]
        # old faults go before new ones come, however it is written
        await rig.patch({"faults": [{"kind": "asleep"}], "clear_faults": True})
        assert cloud.faults == [{"kind": "asleep"}]
        assert "allowed is asleep" in (await rig.patch({"faults": [{"kind": "x"}]}, 400))["allowed"]
        await rig.patch({"clear_faults": True})
        assert cloud.faults == []

    live(story)


WRONG: dict[str, tuple[Any, str, str]] = {
    "no json": (b"{", "no JSON", "a JSON object"),
    "no text": (b"\xff\xfe{", "no JSON", "a JSON object"),
    "a list": ([1], "the body is [1]", "car, cars, charger"),
    "unknown": ({"moon": 1}, "unknown key 'moon'", "sun"),
    "sun": ({"sun": 5}, "sun is 5", "factor"),
    "sun key": ({"sun": {"w": 5}}, "unknown key 'w'", "pv_w"),
    "sun word": ({"sun": {"pv_w": "much"}}, "sun pv_w is 'much'", "0 to 1e+07"),
    "sun true": ({"sun": {"pv_w": True}}, "sun pv_w is True", "a number"),
    "sun negative": ({"sun": {"factor": -1}}, "sun factor is -1", "0 to 100"),
    "sun nan": (b'{"sun": {"pv_w": NaN}}', "sun pv_w is nan", "0 to 1e+07"),
    "load": ({"load": {"w": -1}}, "load w is -1", "0 to"),
    "battery": ({"battery": {"soc_pct": 50}}, "there is no home battery", "battery_kwh"),
    "meter fault": ({"meter": {"fault": "sad"}}, "meter fault is 'sad'", "stale, http_500, hang, null"),
    "meter delay": ({"meter": {"delay_s": 500}}, "meter delay_s is 500", "0 to 120"),
    "meter time": ({"meter": {"has_time": 1}}, "meter has_time is 1", "true or false"),
    "car": ({"car": 5}, "car car is 5", "an action"),
    "no such car": ({"cars": {"bus": {}}}, "unknown key 'bus'", "car"),
    "car key": ({"car": {"colour": "red"}}, "car car: colour: unknown", "soc_pct, asleep"),
    "car value": ({"car": {"soc_pct": 130}}, "soc_pct: 130", "0 to 100"),
    "car action": ({"car": {"action": "fly"}}, "action is 'fly'", "plug, unplug, drive_off, arrive, fall_asleep"),
    "car action list": ({"car": {"action": []}}, "action is []", "plug"),
    "faults": ({"faults": {}}, "faults is {}", "a list"),
    "no cloud": ({"faults": []}, "there is no cloud", "a world with a Tesla"),
    "clear": ({"clear_faults": 1}, "clear_faults is 1", "true"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("beside", [{}, {"sun": {"pv_w": 9000}, "load": {"w": 0}, "car": {"action": "unplug"}}])
def test_what_is_wrong_changes_nothing_and_says_what_is_allowed(case, beside):
    body, error, allowed = WRONG[case]
    if isinstance(body, dict):
        body = beside | body

    async def story() -> None:
        rig = Rig()
        before = await rig.truth()
        answer = await rig.patch(body, 400)
        assert set(answer) == {"error", "allowed"}
        assert error in answer["error"]
        assert allowed in answer["allowed"]
        assert await rig.truth() == before
        assert rig.changes == 0

    live(story)


def test_of_several_cars_one_is_changed_at_a_time():
    async def story() -> None:
        one, other = SimpleCar("one"), SimpleCar("other")
        rig = Rig(one, other)
        answer = await rig.patch({"cars": {"one": {"soc_pct": 1}, "other": {"soc_pct": 2}}}, 400)
        assert "one car a request" in answer["allowed"]
        assert (one.soc_pct, other.soc_pct) == (50, 50)
        answer = await rig.patch({"car": {"soc_pct": 1}}, 400)
        assert answer["allowed"] == '"cars": an object by id: one, other'
        await rig.patch({"cars": {"one": {"action": "unplug"}, "other": {"action": "unplug", "soc_pct": 2}}})
        assert (one.is_plugged, other.is_plugged, other.soc_pct) == (False, False, 2)

    live(story)


def test_the_meter_answers_on_both_paths():
    async def story() -> None:
        rig = Rig(SimpleCar(draw_w=700))
        await asyncio.sleep(12)
        for path in ("/", "/meter"):
            answer = await rig.meter.get(path)
            assert answer.headers["content-type"] == "application/json"
            assert answer.json() == {
                "time": "2024-06-17T10:00:12.000Z",
                "grid_w": -1800,
                "pv_w": 3000,
                "load_w": 1200,
            }

    live(story)


def test_a_hanging_meter_keeps_its_client_waiting():
    async def story() -> None:
        rig = Rig()
        await rig.patch({"meter": {"fault": "hang"}})
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await rig.meter.get("/meter")
        assert asyncio.get_running_loop().time() - began_s == 30
        assert (await rig.meter.get("/meter")).status_code == 500
        assert asyncio.get_running_loop().time() - began_s == 30 + 3600

    live(story)
