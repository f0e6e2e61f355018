"""A Powerwall is kept out of a car that charges on purpose, and is in the end as its owner had it, or set it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from tests.scenarios.held_home import RESERVE, HeldHome, aims_at, at_held_home, kept, soon

from sunbox.cli import battery as command
from sunbox.cli.home import POWERWALL_METERS
from sunbox.core.model import Mode
from sunbox.core.reasons import ReasonCode
from sunbox.dialects.powerwall.facts import Mode as BatteryMode
from sunbox.drivers.powerwall.driver import PowerwallDriver
from sunbox.errors import SunboxError
from sunbox.simulator.powerwall import ReservePolicy
from sunbox.simulator.tesla_cloud import CloudSettings


def test_it_is_held_while_the_car_charges_on_purpose_and_given_back_after() -> None:
    async def body(held: HeldHome) -> None:
        assert held.writes == []
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE)
        assert held.reserve in (63, 64, 65)  # never above the charge
        assert held.reserve <= held.battery.app_soc_pct
        await held.sleep(600)
        soc_pct = held.battery.app_soc_pct
        await held.sleep(3600)
        assert held.battery.app_soc_pct >= soc_pct - 0.5
        assert held.battery.power_w < 100
        held.ask(Mode.OFF)
        await held.until(lambda: held.reserve == RESERVE)
        await held.sleep(900)
        assert len(held.writes) == 2
        assert held.problems == ()

    at_held_home(body)


@pytest.mark.parametrize("method", ["reserve", "backup"])
def test_either_method_gives_all_back(method: str) -> None:
    async def body(held: HeldHome) -> None:
        before = held.shown
        await held.charge()
        await held.until(lambda: held.shown != before)
        await held.sleep(300)
        if method == "backup":
            assert held.shown.mode is BatteryMode.BACKUP
            assert not held.shown.is_grid_charging
        assert held.battery.power_w < 100
        soc_pct = held.battery.app_soc_pct
        await held.sleep(1800)
        assert held.battery.app_soc_pct == pytest.approx(soc_pct, abs=0.5)  # neither emptied nor filled from the grid
        held.ask(Mode.OFF)
        await held.until(lambda: held.shown == before)
        await held.sleep(900)
        assert held.shown == before

    at_held_home(body, powerwall={"hold": method})


# Kill -9 ---------------------------------------------------------------------------------------------------------------

ENTERING: dict[str, Callable[[HeldHome], bool]] = {
    "noted": lambda held: bool(kept(held)["entries"]),
    "told": lambda held: len(held.writes) == 1,
    "done": lambda held: held.reserve != RESERVE,
}
GIVING_BACK: dict[str, Callable[[HeldHome], bool]] = {
    "noted": lambda held: aims_at(held, RESERVE),
    "told": lambda held: held.writes[-1][1] == {"backup_reserve_percent": RESERVE},
    "done": lambda held: held.reserve == RESERVE,
}


async def restart(held: HeldHome, down_s: float = 100.0) -> None:
    await held.home.kill_gateway()
    await held.sleep(down_s)
    await held.home.start_gateway()


async def is_as_before(held: HeldHome, reserve: int = RESERVE) -> None:
    """Wait until nothing is left to do, and see that it stays so."""
    await held.until(lambda: not kept(held)["entries"], 3 * 3600)
    assert held.reserve == reserve
    await held.sleep(3600)
    assert held.reserve == reserve
    assert held.shown.mode is BatteryMode.SELF_CONSUMPTION
    assert held.problems == ()


@pytest.mark.parametrize("apply_s", [0.0, 45.0, 900.0])
@pytest.mark.parametrize("point", sorted(ENTERING))
@pytest.mark.parametrize("goes_on", [True, False])
def test_killed_while_it_is_taken(point: str, apply_s: float, *, goes_on: bool) -> None:
    async def body(held: HeldHome) -> None:
        held.behave(apply_s=apply_s)
        held.ask(Mode.NOW)
        await soon(lambda: ENTERING[point](held), 3600)
        await restart(held)
        if goes_on:  # the car charges on, so it is held on
            await held.until(lambda: held.reserve != RESERVE, 3600)
            await held.sleep(600 + 2 * apply_s)  # what came late and too high is lowered
            assert held.reserve <= held.battery.app_soc_pct + 1.0
            assert held.reserve != RESERVE
        held.ask(Mode.OFF)
        await is_as_before(held)

    at_held_home(body)


@pytest.mark.parametrize("apply_s", [0.0, 45.0, 900.0])
@pytest.mark.parametrize("point", sorted(GIVING_BACK))
def test_killed_while_it_is_given_back(point: str, apply_s: float) -> None:
    async def body(held: HeldHome) -> None:
        held.behave(apply_s=apply_s)
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE, 3600)
        await held.sleep(600)
        held.ask(Mode.OFF)
        await soon(lambda: GIVING_BACK[point](held), 3600)
        await restart(held)
        await is_as_before(held)

    at_held_home(body)


@pytest.mark.parametrize("point", sorted(ENTERING))
@pytest.mark.parametrize("is_taken", [True, False])
def test_killed_and_down_for_longer_than_a_write_takes(point: str, *, is_taken: bool) -> None:
    async def body(held: HeldHome) -> None:
        held.ask(Mode.NOW)
        if not is_taken:
            await held.until(lambda: held.reserve != RESERVE)
            await held.sleep(600)
            held.ask(Mode.OFF)
        await soon(lambda: (ENTERING if is_taken else GIVING_BACK)[point](held), 3600)
        await held.home.kill_gateway()
        await held.sleep(5000)
        await held.home.start_gateway()
        held.ask(Mode.OFF)
        await is_as_before(held)

    at_held_home(body)


def test_killed_again_and_again() -> None:
    async def body(held: HeldHome) -> None:
        held.behave(apply_s=45.0)
        for seconds in (5, 20, 40, 61, 3, 130, 7, 33):
            held.ask(Mode.NOW)
            await held.sleep(seconds)
            await restart(held, 10.0)
        held.ask(Mode.OFF)
        await is_as_before(held)

    at_held_home(body)


@pytest.mark.parametrize("apply_s", [0.0, 45.0, 900.0])
def test_stopped_while_it_is_held(apply_s: float) -> None:
    async def body(held: HeldHome) -> None:
        held.behave(apply_s=apply_s)
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE, 3600)
        await held.sleep(300)
        await held.home.stop_gateway()
        assert len(held.writes) >= 2  # told at once; the gateway may never come back
        if apply_s == 0:
            assert held.reserve == RESERVE
        await held.sleep(1000)
        assert held.reserve == RESERVE
        await held.home.start_gateway()  # and the car charges on
        await held.until(lambda: held.reserve != RESERVE, 3600)
        held.ask(Mode.OFF)
        await is_as_before(held)

    at_held_home(body)


# The owner's hand --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("apply_s", [0.0, 45.0])
@pytest.mark.parametrize(
    ("reserve", "after_s"),
    [(10, 5.0), (35, 5.0), (80, 5.0), (10, 1200.0), (RESERVE, 1200.0), (35, 1200.0), (80, 1200.0)],
)
def test_what_the_owner_sets_meanwhile_stays(apply_s: float, reserve: int, after_s: float) -> None:
    async def body(held: HeldHome) -> None:
        held.behave(apply_s=apply_s)
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE, 3600)
        await held.sleep(after_s)
        held.owner(reserve_pct=reserve)
        await held.sleep(1800)
        assert held.reserve == reserve
        assert held.home.lp().is_flowing  # and it is not taken again while this charge lasts
        held.ask(Mode.OFF)
        await is_as_before(held, reserve)

    at_held_home(body)


def test_what_the_owner_sets_while_the_hold_is_on_its_way_is_given_back() -> None:
    async def body(held: HeldHome) -> None:
        held.behave(apply_s=900.0)
        await held.charge()
        await held.until(lambda: len(held.writes) == 1)
        held.owner(reserve_pct=35)  # at the gateway itself, before ours is done
        await held.sleep(400)
        held.ask(Mode.OFF)
        await held.until(lambda: held.reserve not in (RESERVE, 35), 3600)  # ours is done after all
        await held.until(lambda: held.reserve == 35, 3600)
        await is_as_before(held, 35)

    at_held_home(body)


def test_what_the_owner_sets_while_nothing_runs_stays() -> None:
    async def body(held: HeldHome) -> None:
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE)
        await held.home.kill_gateway()
        held.owner(reserve_pct=40)
        await held.sleep(600)
        await held.home.start_gateway()
        await held.sleep(900)
        held.ask(Mode.OFF)
        await is_as_before(held, 40)

    at_held_home(body)


def test_a_mode_that_the_owner_sets_meanwhile_stays_and_the_rest_is_given_back() -> None:
    async def body(held: HeldHome) -> None:
        await held.charge()
        await held.until(lambda: held.shown.mode is BatteryMode.BACKUP)
        held.owner(mode=BatteryMode.AUTONOMOUS)
        await held.until(lambda: held.shown.is_grid_charging, 2 * 3600)  # ours may still have been on its way
        await held.until(lambda: not kept(held)["entries"], 3600)
        await held.sleep(3600)
        assert (held.shown.mode, held.shown.reserve_pct) == (BatteryMode.AUTONOMOUS, RESERVE)

    at_held_home(body, powerwall={"hold": "backup"})


# Charges above 80 % ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("soc_pct", "wanted", "site", "reserve"),
    [
        (92.0, "80-or-100", "80-or-100", 80),
        (92.0, "cap-80", "cap-80", 80),
        (92.0, "free", "free", 91),
        (92.0, "free", "80-or-100", 80),  # the owner hoped for more than the site takes
        (100.0, "80-or-100", "80-or-100", 99),  # it has given a little already
        (78.4, "cap-80", "cap-80", 77),
    ],
)
def test_the_reserve_is_what_the_site_takes(soc_pct: float, wanted: str, site: str, reserve: int) -> None:
    async def body(held: HeldHome) -> None:
        held.behave(reserve_policy=ReservePolicy(site))
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE)
        assert held.reserve == pytest.approx(80 if wanted == "80-or-100" else reserve, abs=1)
        assert held.reserve <= held.battery.app_soc_pct
        await held.sleep(1200)
        asked = [body["backup_reserve_percent"] for name, body in held.writes if name == "backup"]
        assert max(asked) <= soc_pct
        assert len(asked) == 1  # what the site made of it is taken
        held.ask(Mode.OFF)
        await is_as_before(held)

    at_held_home(body, soc_pct, powerwall={"reserve_policy": wanted})


def test_a_reserve_of_the_owners_above_the_charge_is_left_alone() -> None:
    async def body(held: HeldHome) -> None:
        held.owner(reserve_pct=70, is_grid_charging=False)
        await held.charge()
        await held.sleep(1800)
        assert held.writes == []
        assert held.reserve == 70

    at_held_home(body)


# What the site does with it ------------------------------------------------------------------------------------------------------


def test_a_write_that_is_ignored_is_told_again() -> None:
    async def body(held: HeldHome) -> None:
        held.fault(kind="write_ignored", count=1)
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE)
        assert len(held.writes) == 2
        held.fault(kind="write_ignored", count=2)
        held.ask(Mode.OFF)
        await held.until(lambda: held.reserve == RESERVE, 1800)
        assert len(held.writes) == 5
        await is_as_before(held)

    at_held_home(body)


@pytest.mark.parametrize("kind", ["write_ignored", "write_refused"])
def test_what_is_never_done_is_told_three_times_and_reported(kind: str) -> None:
    async def body(held: HeldHome) -> None:
        held.fault(kind=kind, duration_s=1e6)
        await held.charge()
        await held.sleep(3600)
        assert len(held.writes) == 3
        (problem,) = held.problems
        assert "reserve" in problem
        health = (await held.home.client.get("/healthz")).json()
        assert (health["status"], problem in health["problems"]) == ("degraded", True)
        assert held.reserve == RESERVE
        held.ask(Mode.OFF)
        await held.sleep(5400)
        assert held.reserve == RESERVE
        assert not kept(held)["entries"]
        assert held.problems == ()

    at_held_home(body)


@pytest.mark.parametrize("kind", ["write_ignored", "write_refused"])
def test_what_is_not_given_back_is_reported_and_tried_again(kind: str) -> None:
    async def body(held: HeldHome) -> None:
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE)
        await held.sleep(300)
        held.fault(kind=kind, duration_s=3.0 * 3600)
        held.ask(Mode.OFF)
        await held.sleep(1500)
        assert held.reserve != RESERVE
        assert held.problems
        await held.until(lambda: held.reserve == RESERVE, 6 * 3600)
        assert len(held.writes) <= 20
        await is_as_before(held)

    at_held_home(body)


@pytest.mark.parametrize("apply_s", [45.0, 900.0, None])
def test_a_write_that_comes_late_or_never(apply_s: float | None) -> None:
    async def body(held: HeldHome) -> None:
        held.behave(apply_s=apply_s)
        await held.charge()
        await held.sleep(3600)
        if apply_s is not None:
            assert held.reserve != RESERVE
            assert held.reserve <= held.battery.app_soc_pct + 1.0
            assert held.problems == ()
        else:
            assert held.problems
        held.ask(Mode.OFF)
        await is_as_before(held)

    at_held_home(body, 80.0)


def test_a_battery_that_discharges_all_the_same_is_reported() -> None:
    async def body(held: HeldHome) -> None:
        held.behave(acts=False)
        await held.charge()
        await held.sleep(1800)
        assert len(held.writes) == 3
        (problem,) = held.problems
        assert "discharges all the same" in problem
        held.ask(Mode.OFF)
        await is_as_before(held)

    at_held_home(body)


# By hand, beside the gateway ----------------------------------------------------------------------------------------------------


async def by_hand(held: HeldHome, *, is_held: bool) -> None:
    """Do what `sunbox battery hold` and `release` do, as a process of its own."""
    other = held.home.make()
    driver = other.gateway._drivers["powerwall"]
    assert isinstance(driver, PowerwallDriver)
    try:
        await command._by_hand(driver, is_held=is_held)
    finally:
        await driver.close()
        await other.close()


def test_the_running_gateway_looks_after_a_hold_by_hand() -> None:
    async def body(held: HeldHome) -> None:
        held.fault(kind="write_ignored", count=1)
        await by_hand(held, is_held=True)
        assert held.reserve == RESERVE
        await held.until(lambda: held.reserve != RESERVE)
        held.behave(is_storm_watched=True)
        await held.until(lambda: held.reserve == RESERVE)
        held.behave(is_storm_watched=False)
        await held.until(lambda: held.reserve != RESERVE)
        await by_hand(held, is_held=False)
        await is_as_before(held)

    at_held_home(body)


@pytest.mark.parametrize("after_s", [0.0, 0.3, 0.7, 1.3, 2.5, 4.0])
def test_two_who_hold_it_at_once_lose_nothing(after_s: float) -> None:
    async def body(held: HeldHome) -> None:
        held.ask(Mode.NOW)
        await soon(lambda: bool(kept(held)["entries"]) or after_s == 0.0, 3600)
        await held.sleep(after_s)
        with contextlib.suppress(SunboxError):
            await by_hand(held, is_held=True)
        await held.sleep(130)
        held.ask(Mode.OFF)
        await held.sleep(60 - after_s)  # as it is given back for the car
        with contextlib.suppress(SunboxError):
            await by_hand(held, is_held=False)
        await held.sleep(60)
        await by_hand(held, is_held=False)
        await is_as_before(held)

    at_held_home(body, cloud=CloudSettings(slow_s=(0.5, 2.0), quick_s=(0.3, 1.0)))


# Not while … ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "manner", [{"is_storm_watched": True}, {"is_serving_grid": True}, {"is_grid_down": True}], ids=str
)
@pytest.mark.parametrize("later", [True, False])
def test_not_while_the_battery_is_needed_otherwise(manner: dict[str, bool], *, later: bool) -> None:
    async def body(held: HeldHome) -> None:
        if later:
            await held.charge()
            await held.until(lambda: held.reserve != RESERVE)
            held.behave(**manner)
            await held.until(lambda: held.reserve == RESERVE, 1800)
        else:
            held.behave(**manner)
            held.ask(Mode.NOW)
            await held.sleep(1800)
            assert held.writes == []
        held.behave(**dict.fromkeys(manner, False))
        await held.until(lambda: held.reserve != RESERVE, 1800)
        held.ask(Mode.OFF)
        await is_as_before(held)

    at_held_home(body)


@pytest.mark.parametrize(
    ("manner", "apply_s", "most"),
    [({"is_storm_watched": True}, 45.0, 1), ({"is_serving_grid": True}, 900.0, 3), ({"is_grid_down": True}, 0.0, 1)],
    ids=str,
)
def test_what_is_given_back_meanwhile_is_not_taken_again_before_that_is_over(
    manner: dict[str, bool], apply_s: float, most: int
) -> None:
    async def body(held: HeldHome) -> None:
        held.behave(apply_s=apply_s)
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE, 3600)
        await held.sleep(900)
        before = len(held.writes)
        held.behave(**manner)
        await held.sleep(3600)
        assert held.reserve == RESERVE
        told = [body["backup_reserve_percent"] for _, body in held.writes[before:]]
        assert set(told) == {RESERVE}
        assert len(told) <= most

    at_held_home(body)


@pytest.mark.parametrize("opted", [True, False])
def test_a_battery_under_a_tariff_is_only_held_where_its_owner_says_so(*, opted: bool) -> None:
    async def body(held: HeldHome) -> None:
        held.owner(mode=BatteryMode.AUTONOMOUS)
        await held.charge()
        await held.sleep(1200)
        assert (held.reserve != RESERVE) is opted
        held.ask(Mode.OFF)
        await held.sleep(1200)
        assert (held.reserve, held.shown.mode) == (RESERVE, BatteryMode.AUTONOMOUS)

    at_held_home(body, powerwall={"hold_in_autonomous": opted})


# The cloud ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "server_error"},
        {"kind": "lost_reply"},
        {"kind": "lost_request"},
        {"kind": "rate_limited", "retry_after_s": 600},
    ],
    ids=lambda fault: str(fault["kind"]),
)
@pytest.mark.parametrize("when", ["take", "give_back"])
def test_an_outage_of_the_cloud(fault: dict[str, object], when: str) -> None:
    async def body(held: HeldHome) -> None:
        if when == "take":
            held.fault(**fault, duration_s=3600)
            held.ask(Mode.NOW)
            await held.sleep(3600)
        await held.charge()
        # a car whose start came through was fed all the while: then there is nothing left to hold
        await held.until(lambda: held.reserve != RESERVE or held.battery.app_soc_pct < RESERVE + 1, 3600)
        if when == "give_back":
            await held.sleep(300)
            held.fault(**fault, duration_s=3600)
        held.ask(Mode.OFF)
        await held.sleep(4 * 3600)
        await is_as_before(held)

    at_held_home(body)


def test_the_writes_of_a_day_are_limited_and_giving_back_is_not() -> None:
    async def body(held: HeldHome) -> None:
        for _ in range(4):
            await held.charge()
            await held.sleep(300)
            held.ask(Mode.OFF)
            await held.sleep(900)
            assert held.reserve == RESERVE
        assert len(held.writes) == 4
        held.ask(Mode.NOW)
        await held.sleep(600)
        assert "max_writes_per_day" in held.problems[0]
        held.ask(Mode.OFF)
        await is_as_before(held)

    at_held_home(body, powerwall={"max_writes_per_day": 4})


def test_without_the_owners_wish_nothing_is_written() -> None:
    async def body(held: HeldHome) -> None:
        await held.charge()
        await held.sleep(1800)
        assert held.writes == []

    at_held_home(body, powerwall={"hold": "off"})


def test_it_is_held_by_night_too_when_its_meter_is_not_asked() -> None:
    async def body(held: HeldHome) -> None:
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE)
        held.ask(Mode.OFF)
        await is_as_before(held)

    at_held_home(body, start_at=datetime(2026, 6, 1, 22, tzinfo=UTC))


def test_a_powerwall_that_is_read_at_home_is_held_through_the_cloud() -> None:
    async def body(held: HeldHome) -> None:
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE)
        await held.sleep(600)
        held.ask(Mode.OFF)
        await is_as_before(held)
        calls = held.home.calls()
        assert calls["live_status"] < 10  # what flows is read at home

    at_held_home(body, powerwall=dict(POWERWALL_METERS["local"]))


@pytest.mark.parametrize("meter", sorted(POWERWALL_METERS))
def test_without_the_grid_the_sun_is_for_the_house(meter: str) -> None:
    async def body(held: HeldHome) -> None:
        held.ask(Mode.PV)
        await held.until(lambda: held.home.lp().is_flowing, 1800)
        held.behave(is_grid_down=True)
        await held.until(lambda: not held.home.lp().is_flowing, 300)
        assert held.home.lp().reason.code is ReasonCode.OFF_GRID
        held.behave(is_grid_down=False)
        await held.until(lambda: held.home.lp().is_flowing, 1800)
        assert held.writes == []

    at_held_home(body, 95.0, pv_w=7000.0, powerwall=dict(POWERWALL_METERS[meter]))
