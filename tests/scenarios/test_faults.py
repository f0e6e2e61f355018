"""Every fault of the simulated world: how many requests it costs, how the command ends, what people are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.scenarios.home import CarScenario, Home, live, living

from sunbox.core.commands import RequestKind
from sunbox.core.reasons import ReasonCode


async def charging(home: Home, pv_w: float = 4000.0) -> None:
    """Bring the home to charging from the sun, settled."""
    await home.patch(sun={"pv_w": pv_w})
    await home.until(lambda: home.lp().is_flowing and home.lp().pending is None, 400)
    await home.sleep(60)


def paid(home: Home) -> dict[str, int]:
    return {kind.value: home.count(kind) for kind in (RequestKind.COMMAND, RequestKind.DATA, RequestKind.WAKE)}


def since(home: Home, before: dict[str, int]) -> dict[str, int]:
    return {kind: count - before[kind] for kind, count in paid(home).items()}


def code(home: Home) -> ReasonCode:
    return home.lp().reason.code


def test_asleep_while_believed_online_takes_the_wake_path() -> None:
    """A 408 forgets that the car was online: free state call first, then a retry; no second wake, no storm."""

    async def main() -> None:
        async with living(car=CarScenario(never_full=False, asleep=False)) as home:
            await home.sleep(40)
            before = paid(home)
            await home.patch(faults=[{"kind": "asleep", "count": 1}])
            await home.tlwb("/control?1&wait=120")
            await home.until(lambda: home.lp().is_flowing, 60)
            assert since(home, before)["wake"] == 0
            assert since(home, before)["command"] <= 4  # amps, its repeat, start

    live(main)


def test_408_although_online_is_followed_by_one_wake_and_a_back_off() -> None:
    async def main() -> None:
        async with living(car=CarScenario(never_full=False, asleep=False)) as home:
            await home.sleep(40)
            before = paid(home)
            await home.patch(faults=[{"kind": "asleep_while_online", "duration_s": 600}])
            await home.tlwb("/control?1")
            await home.sleep(590)
            spent = since(home, before)
            assert spent["wake"] == 1
            assert spent["command"] <= 10
            assert home.lp().pending is not None
            await home.until(lambda: home.lp().is_flowing, 900)

    live(main)


@pytest.mark.parametrize(
    ("fault", "waits_s"),
    [
        ({"kind": "rate_limited", "retry_after_s": 120}, 120),
        ({"kind": "rate_limited", "retry_after_s": 120, "as_text": True}, 120),
        ({"kind": "rate_limited"}, 300),
    ],
)
def test_429_waits_exactly_as_long_as_asked(fault: dict[str, Any], waits_s: float) -> None:
    async def main() -> None:
        async with living(car=CarScenario(never_full=False, asleep=False)) as home:
            await home.sleep(40)
            await home.patch(faults=[{**fault, "endpoint": "set_charging_amps"}])
            before = paid(home)
            await home.tlwb("?control=1&set_amps=10")
            await home.sleep(20)
            assert code(home) is ReasonCode.RATE_LIMITED
            assert since(home, before) == {"command": 1, "data": 0, "wake": 0}
            await home.sleep(waits_s - 30)
            assert since(home, before)["command"] == 1
            await home.until(lambda: home.lp().is_flowing, 120)
            assert since(home, before) == {"command": 3, "data": 1, "wake": 0}

    live(main)


def test_a_rate_limit_survives_a_restart() -> None:
    async def main() -> None:
        async with living(car=CarScenario(never_full=False, asleep=False)) as home:
            await home.sleep(40)
            await home.patch(faults=[{"kind": "rate_limited", "retry_after_s": 600, "endpoint": "set_charging_amps"}])
            await home.tlwb("?control=1&set_amps=10")
            await home.sleep(20)
            before = paid(home)
            await home.kill_gateway()
            await home.start_gateway()
            await home.sleep(500)
            assert since(home, before) == {"command": 0, "data": 0, "wake": 0}
            assert code(home) is ReasonCode.RATE_LIMITED
            await home.until(lambda: home.lp().is_flowing, 300)

    live(main)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_5xx_is_retried_with_back_off_and_costs_nothing(status: int) -> None:
    async def main() -> None:
        async with living(car=CarScenario(never_full=False, asleep=False)) as home:
            await home.sleep(40)
            await home.patch(
                faults=[{"kind": "server_error", "status": status, "count": 3, "endpoint": "charge_start"}]
            )
            before = paid(home)
            await home.tlwb("/control?1")
            await home.until(lambda: code(home) is ReasonCode.RETRYING, 30)
            took_s = await home.until(lambda: home.lp().is_flowing, 120)
            assert took_s > 5 + 10 + 20 - 10
            assert since(home, before)["command"] <= 2  # amps and the start that worked: 5xx is not billed
            assert home.calls()["charge_start"] == 4

    live(main)


def test_504_may_have_run_and_is_repeated_once_at_most_before_a_read() -> None:
    async def main() -> None:
        async with living(car=CarScenario(never_full=False, asleep=False)) as home:
            await home.sleep(40)
            await home.patch(
                faults=[{"kind": "server_error", "status": 504, "count": 5, "endpoint": "set_charge_limit"}]
            )
            before = paid(home)
            await home.tlwb("/set_soc?70")
            await home.sleep(120)
            assert home.calls()["set_charge_limit"] <= 6
            assert since(home, before)["data"] >= 1
            await home.until(lambda: home.truth()["limit_pct"] == 70, 900)

    live(main)


def test_a_lost_reply_after_applying_is_proven_by_the_grid_alone() -> None:
    async def main() -> None:
        async with living() as home:
            await charging(home)
            before = paid(home)
            starts = home.calls().get("charge_stop", 0)
            await home.patch(faults=[{"kind": "lost_reply", "endpoint": "charge_stop"}])
            await home.tlwb("/control?0")
            await home.until(lambda: home.lp().pending is None, 120)
            assert home.truth()["charging"] == "stopped"
            assert (await home.tlwb("/status"))["status"] == 4
            assert home.calls()["charge_stop"] == starts + 1
            assert since(home, before) == {"command": 1, "data": 0, "wake": 0}

    live(main)


def test_a_lost_request_is_repeated_once() -> None:
    async def main() -> None:
        async with living() as home:
            await charging(home)
            await home.patch(faults=[{"kind": "lost_request", "endpoint": "charge_stop"}])
            await home.tlwb("/control?0")
            await home.until(lambda: home.truth()["charging"] == "stopped", 180)
            await home.until(lambda: home.lp().pending is None, 60)
            assert home.calls()["charge_stop"] == 2
            assert (await home.tlwb("/status"))["status"] == 4

    live(main)


def test_stale_data_proves_nothing() -> None:
    """Frozen vehicle data neither changes what we know nor is read again and again."""

    async def main() -> None:
        async with living() as home:
            await charging(home)
            await home.patch(faults=[{"kind": "stale_data", "duration_s": 3 * 3600, "count": 100}])
            before = paid(home)
            await home.patch(car={"soc_pct": 60})
            await home.sleep(3 * 3600)
            assert since(home, before)["data"] <= 12
            assert home.lp().is_flowing

    live(main)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("limit_exceeded", ReasonCode.RATE_LIMITED),
        ("unsigned", ReasonCode.REFUSED),
        ("no_power", ReasonCode.NO_POWER),
    ],
)
def test_refusals_are_told_and_not_repeated(kind: str, expected: ReasonCode) -> None:
    async def main() -> None:
        async with living(car=CarScenario(never_full=False, asleep=False)) as home:
            await home.sleep(40)
            await home.patch(faults=[{"kind": kind, "count": 1000}])
            before = paid(home)
            await home.tlwb("/control?1")
            await home.sleep(600)
            assert code(home) is expected
            assert sum(since(home, before).values()) <= 4
            await home.sleep(6 * 3600)
            assert sum(since(home, before).values()) <= 40

    live(main)


def test_login_required_is_told_and_costs_nothing() -> None:
    async def main() -> None:
        async with living(car=CarScenario(never_full=False, asleep=False)) as home:
            await home.sleep(40)
            await home.patch(faults=[{"kind": "login_required", "count": 10000}])
            before = paid(home)
            await home.tlwb("/control?1")
            await home.sleep(120)
            assert code(home) is ReasonCode.LOGIN_REQUIRED
            await home.sleep(12 * 3600)
            assert sum(since(home, before).values()) < 100

    live(main)


def test_busy_is_asked_again_after_a_moment() -> None:
    async def main() -> None:
        async with living(car=CarScenario(never_full=False, asleep=False)) as home:
            await home.sleep(40)
            await home.patch(faults=[{"kind": "busy", "count": 2, "endpoint": "charge_start"}])
            await home.tlwb("/control?1")
            await home.until(lambda: home.lp().is_flowing, 60)
            assert home.calls()["charge_start"] == 3

    live(main)


def test_a_wake_that_never_works_is_tried_again_late() -> None:
    async def main() -> None:
        async with living() as home:
            await home.sleep(10)
            await home.patch(faults=[{"kind": "no_wake", "count": 1000}])
            await home.tlwb("/control?1")
            await home.sleep(150)
            status = await home.tlwb("/status")
            assert code(home) is ReasonCode.WAKE_FAILED
            assert status["status"] in (0, 1, 2)
            assert home.count("wake") == 1
            await home.sleep(6 * 3600)
            assert home.count("wake") <= 7
            assert home.count("command") == 0

    live(main)


def test_proxy_500_that_means_asleep() -> None:
    async def main() -> None:
        async with living(car=CarScenario(never_full=False, asleep=False)) as home:
            await home.sleep(40)
            await home.patch(faults=[{"kind": "proxy_asleep", "count": 1}])
            await home.tlwb("/control?1")
            await home.until(lambda: home.lp().is_flowing, 120)
            assert home.count("wake") == 0

    live(main)


@pytest.mark.parametrize("kind", ["stale", "http_500", "hang", "null"])
def test_a_silent_grid_meter_never_ramps_up_and_stops_after_a_while(kind: str) -> None:
    async def main() -> None:
        async with living() as home:
            await charging(home)
            amps = home.lp().set_point.amps_a
            await home.patch(meter={"fault": kind})
            await home.patch(sun={"pv_w": 9000})
            await home.sleep(100)
            assert home.truth()["amps_a"] <= amps
            await home.until(lambda: home.truth()["amps_a"] == 5, 200)
            await home.until(lambda: home.truth()["charging"] == "stopped", 400)
            await home.until(lambda: code(home) is ReasonCode.GRID_STALE, 10)
            await home.patch(meter={"fault": None})
            await home.until(lambda: home.lp().is_flowing, 300)

    live(main)


KILL_AT_S = (1.0, 3.0, 12.0, 35.0, 55.0, 60.0, 60.8, 61.2, 62.0, 70.0, 85.0)


@pytest.mark.parametrize("after_s", KILL_AT_S)
@pytest.mark.parametrize("wish", ["?control=1&set_amps=12&set_soc=70", "?control=1&set_soc=30"])
def test_killed_at_any_time_the_wish_goes_on_without_a_new_login(after_s: float, wish: str) -> None:
    async def main() -> None:
        car = CarScenario(never_full=False, soc_pct=28.0, capacity_kwh=60)
        async with living(car=car) as home:
            await home.tlwb(wish)
            await home.sleep(after_s)
            await home.kill_gateway()
            await home.sleep(20)
            await home.start_gateway()
            done: Callable[[], bool]
            if "30" in wish:
                done = lambda: home.truth()["charging"] == "stopped" and home.truth()["soc_pct"] >= 29.5  # noqa: E731
            else:
                done = lambda: home.lp().is_flowing and home.truth()["amps_a"] == 12 and home.lp().pending is None  # noqa: E731
            await home.until(done, 2 * 3600)
            assert home.truth()["limit_pct"] == (50 if "30" in wish else 70)
            assert home.count("wake") <= 2
            assert not home.lp().vehicle.login_required
            assert home.lp().vehicle.target_soc_pct == (30 if "30" in wish else 70)

    live(main)


def test_a_hand_in_the_cars_app_is_respected() -> None:
    async def main() -> None:
        async with living() as home:
            await charging(home)
            await home.patch(car={"charging": False})
            await home.until(lambda: home.lp().override == "stop", 2000)
            assert home.lp().override_by == "the car's own app"
            await home.sleep(3600)
            assert home.truth()["charging"] == "stopped"
            assert (await home.tlwb("/status"))["status"] == 4

    live(main)
