"""A meter behind a service that counts requests, through the real driver: read only while a car is connected and the sun is up."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.powerwall_home import SITE
from tests.scenarios.held_home import RESERVE, HeldHome, at_held_home
from tests.scenarios.home import live, living

from sunbox.core.commands import RequestKind
from sunbox.core.model import Mode
from sunbox.core.reasons import ReasonCode
from sunbox.core.wallbox import SpendSnapshot
from sunbox.drivers.tesla.by_hand import SentByHand
from sunbox.simulator.scenario import CarScenario, Scenario

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


UNSEEN = Scenario(
    powerwalls=1,
    battery_soc_pct=99.0,
    cars=(CarScenario(never_full=False, soc_pct=45.0, asleep=True, charges_at_plug_in=False),),
)
"""A Powerwall through the cloud as the only meter, and a car that sleeps and was never seen."""


def test_a_sleeping_car_that_was_never_seen_is_woken_by_lasting_sun_alone() -> None:
    async def main() -> None:
        async with living(scenario=UNSEEN, pv_w=300.0, start_at=MORNING, powerwall={}) as home:
            await home.sleep(3 * 3600)
            assert home.truth()["state"] == "asleep"
            assert (home.count(RequestKind.WAKE), home.calls().get("vehicle_data", 0)) == (0, 0)
            assert home.calls()["live_status"] <= 3 * 12 + 1  # seldom
            await home.patch(sun={"pv_w": 6000.0})
            await home.until(lambda: home.lp().is_flowing, 1500)
            assert home.count(RequestKind.WAKE) == 1
            seldom = home.calls()["live_status"]
            await home.sleep(1800)
            assert home.calls()["live_status"] - seldom >= 28  # and now at its own pace

    live(main)


def test_nobody_looks_for_sun_by_night_or_for_a_car_that_is_to_be_left_alone() -> None:
    async def main() -> None:
        async with living(scenario=UNSEEN, pv_w=0.0, start_at=NIGHT, powerwall={}) as home:
            await home.sleep(3 * 3600)
            assert "live_status" not in home.calls()
        off = {"mode": "off"}
        async with living(scenario=UNSEEN, pv_w=6000.0, start_at=MORNING, powerwall={}, loadpoint=off) as home:
            await home.sleep(3 * 3600)
            assert "live_status" not in home.calls()
            assert home.count(RequestKind.WAKE) == 0

    live(main)


PRICED = {"prices": {"data": 0.002, "command": 0.001}, "budget": {"per_month": 5}}


def spend_of(held: HeldHome) -> SpendSnapshot:
    (meter,) = held.home.gateway.snapshot().meters
    assert meter.spend is not None
    return meter.spend


def is_as_billed(held: HeldHome) -> bool:
    """Return whether the meter has counted what the simulated cloud was asked about the site, request by request."""
    calls = held.home.calls()
    data = calls.get("live_status", 0) + calls.get("site_info", 0)
    counted = {"data": data, "command": calls.get("backup", 0)}
    spend = spend_of(held)
    assert spend.money_this_month == pytest.approx(0.002 * data + 0.001 * counted["command"])
    return spend.requests_this_month == {kind: count for kind, count in counted.items() if count}


def test_all_that_is_asked_of_the_site_is_on_the_meters_own_bill_also_over_a_stop() -> None:
    async def body(held: HeldHome) -> None:
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE)
        await held.sleep(1800)
        assert is_as_billed(held)
        assert held.home.calls()["backup"] == 1
        await held.home.stop_gateway()  # which gives the battery back
        await held.home.start_gateway()
        held.ask(Mode.OFF)
        await held.sleep(600)
        assert held.home.calls()["backup"] >= 2
        assert is_as_billed(held)
        car = held.home.gateway.snapshot().vehicles[0].spend
        assert car is not None
        assert car.money_this_month < 0.1  # is no car's

    at_held_home(body, powerwall=PRICED)


def test_what_is_sent_by_hand_is_on_the_meters_bill_once_whenever_the_gateway_is_killed() -> None:
    async def body(held: HeldHome) -> None:
        listed = SentByHand(held.home.folder / "tokens.json")
        asked = spend_of(held).requests_this_month

        def send(number: int) -> None:
            for _ in range(number):
                listed.add(SITE, RequestKind.COMMAND, 1, held.home.clock.now())

        async def counted() -> int:
            await held.sleep(70)
            spend = spend_of(held)
            assert spend.money_this_month == pytest.approx(
                sum(PRICED["prices"][kind] * count for kind, count in spend.requests_this_month.items())
            )
            return spend.requests_this_month.get("command", 0) - asked.get("command", 0)

        send(2)
        assert await counted() == 2
        await held.home.kill_gateway()
        send(3)  # while it is down
        await held.home.start_gateway()
        assert await counted() == 5
        for seconds in (0, 1, 59, 61):
            await held.home.kill_gateway()
            await held.home.start_gateway()
            await held.sleep(seconds)
        assert await counted() == 5
        send(1)
        await held.home.stop_gateway()
        listed.path.unlink()  # somebody tidies up: one is lost, and none comes twice
        await held.home.start_gateway()
        await held.sleep(1)
        send(1)
        assert await counted() == 6

    at_held_home(body, powerwall=PRICED)


def test_a_hold_is_given_back_whatever_the_budget_says() -> None:
    async def body(held: HeldHome) -> None:
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE)
        spend, reads = spend_of(held), held.home.calls()["live_status"]
        assert spend.money_this_month > 0.004  # more than it may be
        await held.sleep(1800)
        assert held.home.lp().is_flowing
        held.ask(Mode.OFF)
        await held.until(lambda: held.reserve == RESERVE)
        await held.sleep(900)
        assert held.problems == ()
        watched = held.home.calls()["live_status"] - reads
        assert watched < 20  # the hold's own looks; as a meter it is not asked
        held.ask(Mode.PV)
        await held.sleep(900)
        assert held.home.lp().reason.code is ReasonCode.BUDGET
        (meter,) = held.home.gateway.snapshot().meters
        assert meter.held_until_at is not None

    at_held_home(body, pv_w=3000.0, powerwall={**PRICED, "budget": {"per_month": 0.004}})
