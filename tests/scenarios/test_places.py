"""Only at home: what the modes and a person's word may do where the car is."""

from __future__ import annotations

from tests.scenarios.home import CarScenario, live, living

from sunbox.core.reasons import ReasonCode
from sunbox.simulator.tesla_cloud import CloudSettings

AWAKE = CarScenario(never_full=False, asleep=False, soc_pct=45.0)
FAR = {"lat": 48.1, "lon": 11.6}


def test_away_the_modes_leave_the_car_alone_but_a_word_by_name_acts() -> None:
    async def main() -> None:
        async with living(pv_w=5000, car=AWAKE) as home:
            await home.patch(car={**FAR, "charging": True})
            await home.sleep(900)
            assert home.truth()["charging"] == "charging"  # somebody else's socket, somebody else's sun
            status = await home.tlwb("/status")
            assert (status["pv"], status["status"]) == (False, 3)
            await home.tlwb("/control?0&wait=30")
            assert home.truth()["charging"] == "stopped"
            await home.tlwb("?control=1&set_amps=10&wait=60")
            await home.until(lambda: home.truth()["current_a"] == 10, 120)

    live(main)


def test_what_a_car_elsewhere_draws_is_not_added_to_this_sites_surplus() -> None:
    async def main() -> None:
        async with living(pv_w=3000, load_w=300, car=AWAKE) as home:
            await home.patch(car={**FAR, "charging": True})
            await home.sleep(900)
            assert home.lp().reason.code is ReasonCode.AWAY
            site = home.gateway.snapshot()
            assert site.surplus_w is not None
            assert site.grid_w is not None
            assert abs(site.surplus_w + site.grid_w) < 30  # -grid alone, whatever the car says it draws

    live(main)


def test_without_a_location_the_sun_waits_for_assume_place() -> None:
    async def main() -> None:
        async with living(pv_w=5000, car=AWAKE, cloud=CloudSettings(shows_location=False)) as home:
            await home.sleep(900)
            status = await home.tlwb("/status")
            assert (status["pv"], status["status"]) == (False, 1)
            assert home.lp().reason.code is ReasonCode.PLACE_UNKNOWN
            assert "assume_place" in status["reason"]
            assert home.count("command") == 0

    live(main)


def test_with_assume_place_the_sun_charges_without_a_location() -> None:
    async def main() -> None:
        assume = lambda text: text.replace("  vin:", "  assume_place: Home\n  vin:")  # noqa: E731
        async with living(pv_w=5000, car=AWAKE, cloud=CloudSettings(shows_location=False), edit=assume) as home:
            await home.until(lambda: home.lp().is_flowing, 400)
            assert (await home.tlwb("/status"))["pv"] is True

    live(main)


def test_home_alone_is_no_pv_place() -> None:
    async def main() -> None:
        only_home = lambda text: text.replace("  - pv\n", "")  # noqa: E731
        async with living(pv_w=5000, car=AWAKE, edit=only_home) as home:
            await home.sleep(600)
            status = await home.tlwb("/status")
            assert (status["pv"], status["status"]) == (False, 1)
            assert home.lp().reason.code is ReasonCode.NOT_PV_PLACE
            await home.tlwb("/set_mode?now")
            await home.until(lambda: home.lp().is_flowing, 120)

    live(main)
