"""The first things a newcomer does, through the tlwb face, against the simulated car."""

from __future__ import annotations

from tests.scenarios.home import CarScenario, Scenario, live, living


def test_control_1_on_a_sleeping_car_wakes_once_and_charges() -> None:
    async def main() -> None:
        async with living() as home:
            await home.sleep(5)
            assert home.truth()["state"] == "asleep"
            status = await home.tlwb("/control?1")
            assert status["status"] in (0, 1, 2)
            assert status["pending"] == "waking" or status["pending"] == "starting"
            await home.until(lambda: home.lp().is_flowing, 180)
            status = await home.tlwb("/status")
            assert status["status"] == 3
            assert status["pending"] is None
            assert status["amps"] == 32
            assert home.count("wake") == 1
            assert home.calls()["charge_start"] == 1
            assert home.calls().get("set_charging_amps", 0) <= 1
            assert home.truth()["charging"] == "charging"

            status = await home.tlwb("/control?0&wait=30")
            assert status["status"] == 4
            assert home.truth()["charging"] == "stopped"
            assert home.calls()["charge_stop"] == 1
            before = home.simulated.cloud.bill.count
            counts = [before(kind) for kind in ("command", "data", "wake")]
            for _ in range(20):
                assert (await home.tlwb("/control?0"))["status"] == 4
                await home.sleep(30)
            assert [before(kind) for kind in ("command", "data", "wake")] == counts

    live(main)


def test_sun_wakes_the_car_and_clouds_leave_it_asleep() -> None:
    async def main() -> None:
        async with living(pv_w=0) as home:
            await home.sleep(1800)
            assert home.count("wake") == 0
            assert home.count("data") == 0
            await home.patch(sun={"pv_w": 4000})
            await home.until(lambda: home.lp().is_flowing, 300)
            assert home.count("wake") == 1
            assert home.lp().set_point.amps_a in (
                15,
                16,
            )  # (4000 - 300) // 230, less a reserve under a sky that has just changed
            await home.sleep(120)
            await home.patch(sun={"pv_w": 200})
            await home.until(lambda: not home.lp().is_flowing, 400)
            status = await home.tlwb("/status")
            assert status["status"] == 5
            assert "surplus" in status["reason"]
            await home.until(lambda: home.truth()["state"] == "asleep", 3600)
            await home.sleep(6 * 3600)
            assert home.count("wake") == 1
            assert home.truth()["state"] == "asleep"

    live(main)


def test_set_soc_30_sets_the_limit_to_50_and_stops_at_30() -> None:
    async def main() -> None:
        car = CarScenario(never_full=False, soc_pct=24.0, capacity_kwh=60)
        async with living(car=car) as home:
            await home.sleep(5)
            await home.tlwb("?control=1&set_soc=30")
            await home.until(lambda: home.lp().is_flowing, 180)
            assert home.truth()["limit_pct"] == 50
            took_s = await home.until(lambda: home.truth()["charging"] == "stopped", 4 * 3600)
            assert took_s > 600
            assert 29.5 <= home.truth()["soc_pct"] < 30.6  # the car reports whole percent
            status = await home.tlwb("/status")
            assert (status["status"], status["targetsoc"], status["soc"]) == (4, 30, 30)
            assert "target" in status["reason"]
            assert home.count("data") <= 8
            assert home.calls()["charge_stop"] == 1
            assert home.calls()["set_charge_limit"] == 1

    live(main)


def test_set_soc_already_there_sets_the_limit_and_does_not_start() -> None:
    async def main() -> None:
        async with living() as home:  # at 45 %
            await home.sleep(5)
            await home.tlwb("?control=1&set_soc=40")
            await home.until(lambda: home.truth()["limit_pct"] == 50, 180)
            await home.sleep(900)
            assert home.calls().get("charge_start", 0) == 0
            assert (await home.tlwb("/status"))["status"] == 4

    live(main)


def test_set_amps_3_starts_at_5_and_is_sent_twice_once_charging() -> None:
    async def main() -> None:
        async with living() as home:
            await home.sleep(5)
            await home.tlwb("?control=1&set_amps=3")
            await home.until(lambda: home.truth()["current_a"] == 3, 300)
            names = [
                (r["endpoint"], (r.get("body") or {}).get("charging_amps"))
                for r in home.simulated.cloud.truth()["requests"]
                if r["endpoint"] in ("set_charging_amps", "charge_start")
            ]
            assert names == [
                ("set_charging_amps", 5),
                ("charge_start", None),
                ("set_charging_amps", 3),
                ("set_charging_amps", 3),
            ]
            await home.sleep(3600)
            assert home.calls()["set_charging_amps"] == 3
            assert (await home.tlwb("/status"))["amps"] == 3

    live(main)


def test_a_car_that_stays_at_5_is_reported_and_not_asked_again() -> None:
    async def main() -> None:
        car = CarScenario(never_full=False, ignores_low_amps=True)
        async with living(car=car) as home:
            await home.tlwb("?control=1&set_amps=3")
            await home.sleep(1200)
            assert home.calls()["set_charging_amps"] <= 4
            assert "stays at its minimum" in (await home.tlwb("/status"))["reason"]
            count = home.calls()["set_charging_amps"]
            await home.sleep(2 * 3600)
            assert home.calls()["set_charging_amps"] == count

    live(main)


def test_amps_to_an_unplugged_car_cause_no_request() -> None:
    async def main() -> None:
        car = CarScenario(never_full=False, plugged=False, asleep=False)
        async with living(car=car) as home:
            await home.sleep(30)
            assert (await home.tlwb("/status"))["status"] == 0
            paid = home.simulated.cloud.bill.total.dollars
            for amps in (6, 10, 16):
                status = await home.tlwb(f"/set_amps?{amps}&wait=20")
                assert status["targetamp"] == amps
            assert home.count("command") == 0
            assert home.count("wake") == 0
            assert home.simulated.cloud.bill.total.dollars == paid

    live(main)


def test_amps_to_a_sleeping_car_do_not_wake_it() -> None:
    async def main() -> None:
        async with living() as home:
            await home.tlwb("/set_amps?10")
            await home.tlwb("/control?0")
            await home.sleep(3600)
            assert home.count("wake") == 0
            assert home.count("command") == 0

    live(main)


def test_changed_amps_are_sent_at_once_and_equal_ones_never() -> None:
    async def main() -> None:
        async with living() as home:
            await home.tlwb("/control?1")
            await home.until(lambda: home.lp().is_flowing, 180)
            await home.sleep(60)
            count = home.calls().get("set_charging_amps", 0)
            for amps in (8, 9, 10, 11):  # within a second: the last wins
                await home.tlwb(f"/set_amps?{amps}")
            await home.sleep(15)
            assert home.truth()["amps_a"] == 11
            assert home.calls()["set_charging_amps"] <= count + 2
            count = home.calls()["set_charging_amps"]
            for _ in range(10):
                await home.tlwb("/set_amps?11")
                await home.sleep(11)
            assert home.calls()["set_charging_amps"] == count

    live(main)


def test_unplugging_ends_start_stop_and_amps_but_not_the_target() -> None:
    async def main() -> None:
        async with living() as home:
            await home.tlwb("?control=1&set_amps=10&set_soc=70")
            await home.until(lambda: home.lp().is_flowing, 180)
            await home.patch(car={"action": "unplug"})
            await home.until(lambda: not home.lp().is_plugged, 3600)
            status = await home.tlwb("/status")
            assert (status["status"], status["control"], status["targetsoc"]) == (0, 1, 70)
            assert home.lp().override == "none"
            assert home.lp().amps_asked_a is None

    live(main)


def test_charging_at_plug_in_at_night_is_stopped() -> None:
    async def main() -> None:
        car = CarScenario(never_full=False, plugged=False, asleep=False)
        async with living(car=car) as home:
            await home.sleep(60)
            await home.patch(car={"action": "plug"})
            await home.until(lambda: home.truth()["charging"] == "charging", 30)
            await home.until(lambda: home.truth()["charging"] == "stopped", 1300)
            await home.sleep(300)
            assert (await home.tlwb("/status"))["status"] in (1, 2, 5)

    live(main)


def test_reading_the_status_every_second_costs_nothing_and_lets_the_car_sleep() -> None:
    async def main() -> None:
        async with living() as home:
            await home.sleep(5)
            for _ in range(4 * 3600):
                await home.tlwb("/status")
                await home.sleep(1)
            assert home.simulated.cloud.bill.total.dollars == 0
            assert home.truth()["state"] == "asleep"

    live(main)


def test_a_soft_target_set_while_charging_is_met_although_nothing_was_read_for_long() -> None:
    async def main() -> None:
        car = CarScenario(never_full=False, soc_pct=24.0, capacity_kwh=60)
        async with living(car=car) as home:
            await home.tlwb("/control?1")
            await home.until(lambda: home.lp().is_flowing, 180)
            await home.sleep(1500)  # five percent that nobody has looked at
            await home.tlwb("/set_soc?31")
            await home.until(lambda: home.truth()["charging"] == "stopped", 3600)
            assert 30.5 <= home.truth()["soc_pct"] < 31.6

    live(main)


def test_no_restart_until_three_points_below_the_soft_target() -> None:
    async def main() -> None:
        car = CarScenario(never_full=False, soc_pct=41.0, asleep=False)
        async with living(car=car, pv_w=6000) as home:
            await home.tlwb("/set_soc?40")
            await home.sleep(600)
            assert home.calls().get("charge_start", 0) == 0
            for soc_pct, starts in ((38.2, 0), (36.4, 1)):
                await home.patch(car={"soc_pct": soc_pct, "asleep": True})
                await home.sleep(70)
                await home.patch(car={"asleep": False})  # somebody is at the car: it is looked at
                await home.sleep(600)
                assert home.calls().get("charge_start", 0) == starts

    live(main)


def test_a_limit_changed_in_the_cars_app_ends_the_soft_target() -> None:
    async def main() -> None:
        car = CarScenario(never_full=False, soc_pct=24.0, asleep=False)
        async with living(car=car) as home:
            await home.tlwb("?control=1&set_soc=40&wait=60")
            await home.until(lambda: home.lp().is_flowing, 120)
            await home.patch(car={"limit_pct": 90})
            await home.until(lambda: home.lp().vehicle.target_soc_pct is None, 3 * 3600)
            await home.sleep(3600)
            assert home.truth()["limit_pct"] == 90
            assert (await home.tlwb("/status"))["targetsoc"] == 90

    live(main)


def test_battery_comes_first_below_its_priority() -> None:
    async def main() -> None:
        scenario = Scenario(battery_kwh=10.0, battery_soc_pct=40.0, cars=(CarScenario(never_full=False, asleep=False),))
        first = lambda text: text.replace("  timezone:", "  battery_priority_soc_pct: 50\n  timezone:")  # noqa: E731
        async with living(pv_w=4000, scenario=scenario, edit=first) as home:
            await home.sleep(900)
            assert not home.lp().is_flowing
            await home.until(lambda: home.lp().is_flowing, 2 * 3600)
            site = home.gateway.snapshot()
            assert site.battery_soc_pct is not None
            assert site.battery_soc_pct >= 49

    live(main)


def test_amps_beyond_what_the_car_allows_are_clamped_and_said() -> None:
    async def main() -> None:
        car = CarScenario(never_full=False, asleep=False, max_amps=13)
        async with living(car=car) as home:
            await home.sleep(30)
            status = await home.tlwb("?control=1&set_amps=32&wait=60")
            await home.until(lambda: home.lp().is_flowing, 60)
            assert home.truth()["amps_a"] == 13
            status = await home.tlwb("/status")
            assert (status["targetamp"], status["maxamp"]) == (32, 13)
            assert "asked for 32 A" in status["reason"]

    live(main)


def test_a_full_car_whose_limit_is_raised_at_night_does_not_charge_on_by_itself() -> None:
    async def main() -> None:
        car = CarScenario(never_full=False, soc_pct=60.0, limit_pct=60, asleep=False)
        async with living(car=car) as home:
            await home.sleep(60)
            assert home.truth()["charging"] in ("complete", "stopped")
            await home.tlwb("/set_soc?80&wait=60")
            await home.sleep(120)
            assert home.truth()["limit_pct"] == 80
            assert home.truth()["charging"] == "stopped"
            assert home.lp().override == "none"  # nobody's hand
            await home.sleep(3 * 3600)
            assert home.truth()["energy_added_wh"] < 100

    live(main)
