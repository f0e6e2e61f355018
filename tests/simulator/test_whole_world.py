"""World, car and cloud together, over HTTP and in virtual time."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from sunbox.simulator.car import TeslaCar
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.control import world_app
from sunbox.simulator.scenario import Scenario, build_world
from sunbox.simulator.score import BillCounts, score
from sunbox.simulator.tesla_cloud import TeslaCloud
from sunbox.simulator.world import World


class Whole:
    def __init__(self, scenario: Scenario) -> None:
        clock = LoopClock(scenario.start_at())
        self.world: World = build_world(scenario, clock)
        cars = [car for car in self.world.cars.values() if isinstance(car, TeslaCar)]
        self.cloud = TeslaCloud(clock, cars, sync=self.world.sync, seed=scenario.seed)
        self.world.attach("tesla", self.cloud)
        self.control = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(world_app(self.world)), base_url="http://world"
        )

    async def patch(self, body: object, status: int = 200) -> dict[str, object]:
        answer = await self.control.patch("/world", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


def test_people_and_world_act_on_a_real_car():
    async def story() -> None:
        whole = Whole(Scenario())
        truth = await whole.patch({"car": {"asleep": False, "soc_pct": 40}, "sun": {"pv_w": 7000}, "load": {"w": 500}})
        assert truth["cars"]["model3"]["state"] == "online"
        await whole.patch({"car": {"action": "unplug"}})
        truth = await whole.patch({"car": {"action": "plug"}})
        assert truth["cars"]["model3"]["charging"] == "starting"
        await asyncio.sleep(60)
        truth = (await whole.control.get("/world")).json()
        car = truth["cars"]["model3"]
        assert car["charging"] == "charging"
        assert car["draw_w"] == pytest.approx(7206, abs=1)
        assert truth["grid_w"] == pytest.approx(7206 + 500 - 7000, abs=1)
        assert car["energy"]["starts"] == 1
        assert 0 < car["energy"]["import_wh"] < car["energy"]["solar_wh"]
        truth = await whole.patch({"car": {"action": "drive_off"}})
        assert truth["cars"]["model3"]["home"] is False
        assert truth["grid_w"] == pytest.approx(500 - 7000, abs=1)
        truth = await whole.patch({"car": {"action": "arrive"}})
        assert truth["cars"]["model3"]["home"] is True

    run_in(VirtualTimeLoop, story())


def test_a_sleeping_car_sleeps_and_faults_reach_its_cloud():
    async def story() -> None:
        whole = Whole(Scenario())
        truth = await whole.patch({"car": {"action": "fall_asleep"}, "faults": [{"kind": "asleep", "count": 2}]})
        assert truth["cars"]["model3"]["state"] == "asleep"
        assert truth["clouds"]["tesla"]["faults"] == [{"kind": "asleep", "left": 2}]
        wrong = await whole.patch({"car": {"soc_pct": 70}, "faults": [{"kind": "sad"}]}, 400)
        assert "rate_limited" in wrong["allowed"]
        wrong = await whole.patch({"sun": {"pv_w": 0}, "car": {"colour": 1}}, 400)
        assert "soc_pct" in wrong["allowed"]
        truth = await whole.patch({"clear_faults": True})
        assert truth["clouds"]["tesla"]["faults"] == []
        assert truth["cars"]["model3"]["soc_pct"] < 50
        assert truth["sun"]["fixed_pv_w"] is None

    run_in(VirtualTimeLoop, story())


def test_an_idle_day_wakes_nobody_and_costs_nothing():
    async def story() -> None:
        scenario = Scenario(start="00:00")
        whole = Whole(scenario)
        for _ in range(24 * 60):
            await asyncio.sleep(60)
            whole.world.meter.answer()
        car = whole.world.cars["model3"]
        assert isinstance(car, TeslaCar)
        assert car.is_asleep
        assert car.at - scenario.start_at() == timedelta(days=1)
        figures = score(whole.world.total(), BillCounts.of(whole.cloud.bill.total))
        assert (figures.days, figures.charged_kwh, figures.starts_per_day, figures.dollars_per_month) == (1, 0, 0, 0)
        assert figures.capture_pct == 0
        assert whole.world.total().usable_wh > 20_000

    run_in(VirtualTimeLoop, story())
