"""A meter behind a service that counts requests, through the real driver: read only while a car is connected and the sun is up."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.scenarios.home import live, living

from sunbox.core.reasons import ReasonCode
from sunbox.simulator.scenario import CarScenario

MORNING, NIGHT = datetime(2024, 6, 17, 8, tzinfo=UTC), datetime(2024, 6, 17, 23, tzinfo=UTC)
CLOUD = {"cloud": True, "interval_s": 60}


def test_it_is_read_from_the_moment_a_car_is_connected_and_charges_from_the_sun() -> None:
    async def main() -> None:
        car = CarScenario(never_full=False, soc_pct=45.0, plugged=False, asleep=False, charges_at_plug_in=False)
        async with living(pv_w=5000.0, car=car, start_at=MORNING, meter=CLOUD) as home:
            await home.sleep(1800)
            assert home.gateway.snapshot().grid_w is None  # nobody needs to know
            await home.patch(car={"asleep": True})
            await home.sleep(400)
            await home.patch(car={"asleep": False, "plugged": True})  # who plugs it in wakes it
            await home.until(lambda: home.gateway.snapshot().grid_w is not None, 300)
            await home.until(lambda: home.lp().is_flowing, 1200)
            age_s = home.gateway.snapshot().grid_age_s
            assert age_s is not None
            assert age_s <= 120

    live(main)


def test_at_night_it_is_left_alone_and_the_reason_says_so() -> None:
    async def main() -> None:
        async with living(start_at=NIGHT, meter=CLOUD, car=CarScenario(asleep=False)) as home:
            await home.sleep(1800)
            assert home.lp().is_plugged
            assert home.gateway.snapshot().grid_w is None
            assert home.lp().reason.code is ReasonCode.SUN_DOWN
            await home.sleep(5 * 3600)  # the sun has risen
            assert home.gateway.snapshot().grid_w is not None

    live(main)
