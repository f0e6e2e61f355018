"""What the car and others do by themselves: its own schedule, a hand in its app, another manager; respected, and said so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.core.bench import (
    CARPORT,
    HOUSE,
    NOON,
    SITE,
    Bench,
    Car,
    Ending,
    after_s,
    charging_bench,
    facts_of,
    remembered,
    settings_of,
)

from sunbox.core.commands import Cause, CommandName, Outcome
from sunbox.core.model import Charging, Mode, Override
from sunbox.core.reasons import ReasonCode, ReasonKind, render
from sunbox.core.session import CAR_APP, CAR_SCHEDULE, MEDDLED_REST_S, OURS_S
from sunbox.core.settings import LoadpointSettings
from sunbox.core.stance import SCHEDULE_AHEAD_S, SCHEDULE_GRACE_S

START, STOP, AMPS = CommandName.START, CommandName.STOP, CommandName.SET_AMPS
AT_2 = NOON + timedelta(hours=2)


def waiting(begins_at: object = AT_2, *, mode: Mode = Mode.PV, loadpoint: LoadpointSettings = CARPORT) -> Bench:
    """Return a bench whose car is plugged in, awake, and waits for its own time, with all the sun there is."""
    facts = facts_of(is_schedule_pending=True, schedule_at=begins_at)
    bench = Bench(
        settings=settings_of(loadpoints=(loadpoint,)),
        car=Car(is_awake=True, is_schedule_pending=True, schedule_at=begins_at),  # type: ignore[arg-type]
        memory=remembered(facts, mode=mode),
        pv_w=8000.0,
    )
    bench.advance(600)
    return bench


@pytest.mark.parametrize("begins_at", [AT_2, None])
def test_a_car_that_waits_for_its_own_time_is_left_waiting(begins_at: object) -> None:
    bench = waiting(begins_at)
    assert bench.commands() == []
    assert bench.code is ReasonCode.OWN_SCHEDULE
    told = render(bench.shown.reason)
    assert ("14:00" if begins_at else "it does not say when") in told
    assert "respect_schedule: false" in told


def test_a_person_comes_before_the_cars_own_time() -> None:
    bench = waiting()
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: bench.car.is_charging, 60)


def test_so_does_mode_now() -> None:
    assert waiting(mode=Mode.NOW).car.is_charging


def test_an_owner_may_have_it_ignored() -> None:
    bench = waiting(loadpoint=replace(CARPORT, respect_schedule=False))
    assert bench.car.is_charging
    assert bench.wish.override is Override.NONE


def test_a_car_that_does_not_begin_at_its_time_does_not_wait_any_more() -> None:
    bench = waiting(after_s(900))
    bench.until(lambda: bench.car.is_charging, 900 + SCHEDULE_GRACE_S)
    assert bench.at >= after_s(900 + SCHEDULE_GRACE_S)


def test_a_schedule_for_another_day_does_not_forbid_the_sun_of_this_one() -> None:
    bench = waiting(after_s(SCHEDULE_AHEAD_S + 1800))
    assert bench.car.is_charging
    bench.car.is_charging = False
    bench.push(charging=Charging.STOPPED)
    bench.ask(override=Override.NONE)
    bench.pv_w = 0.0
    bench.advance(1800)
    assert bench.code is ReasonCode.OWN_SCHEDULE


@pytest.mark.parametrize("sleeps_before", [False, True])
def test_what_it_begins_at_its_own_time_goes_on_without_sun(*, sleeps_before: bool) -> None:
    bench = waiting(after_s(3600))
    bench.pv_w = 0.0
    bench.car.is_awake = not sleeps_before
    bench.advance(3000)
    bench.car.is_awake = bench.car.is_charging = True
    bench.car.is_schedule_pending = False
    bench.advance(3600)
    assert bench.car.is_charging
    assert (bench.wish.override, bench.wish.override_by) == (Override.CHARGE, CAR_SCHEDULE)
    assert bench.code is ReasonCode.CHARGING_BY
    assert CAR_SCHEDULE in render(bench.shown.reason)


def test_where_it_is_ignored_its_own_start_is_taken_over() -> None:
    facts = facts_of(is_schedule_pending=True, schedule_at=after_s(600))
    loadpoint = replace(CARPORT, respect_schedule=False)
    bench = Bench(settings=settings_of(loadpoints=(loadpoint,)), memory=remembered(facts), car=Car(is_awake=False))
    bench.advance(600)
    bench.car.is_awake = bench.car.is_charging = True
    bench.until(lambda: not bench.car.is_charging, 300)
    assert bench.wish.override is Override.NONE


def test_a_hand_counts_for_as_long_as_the_owner_says() -> None:
    loadpoint = replace(CARPORT, hand_lasts_s=1800.0)
    bench = charging_bench(settings=settings_of(loadpoints=(loadpoint,)))
    bench.car.is_charging = False
    bench.push()
    assert (bench.wish.override, bench.wish.override_by) == (Override.STOP, CAR_APP)
    assert bench.wish.override_until_at == after_s(1800, bench.at)
    bench.advance(1700)
    assert not bench.car.is_charging
    bench.until(lambda: bench.car.is_charging, 400)


# Another manager ------------------------------------------------------------------------------------------------------


def meddle(bench: Bench, amps_a: int) -> None:
    bench.advance(OURS_S + 30)
    bench.car.amps_a = amps_a
    bench.push()


def test_who_sets_the_current_again_and_again_is_not_fought() -> None:
    bench = charging_bench()
    for amps_a in (6, 25, 7):
        meddle(bench, amps_a)
    assert bench.code is ReasonCode.OTHER_MANAGER
    assert bench.shown.reason.kind is ReasonKind.CHARGING
    assert "set the current 3 times in 6 h" in render(bench.shown.reason)
    sent = len(bench.commands())
    bench.pv_w = 8000.0
    bench.advance(1800)
    assert len(bench.commands()) == sent
    assert bench.car.amps_a == 7
    bench.advance(MEDDLED_REST_S)
    assert bench.car.amps_a > 7
    assert bench.code is not ReasonCode.OTHER_MANAGER


def test_the_fuse_holds_against_another_manager_too() -> None:
    settings = settings_of(site=replace(SITE, main_fuse_a=20.0, phases=1), meters=(replace(HOUSE, interval_s=5.0),))
    bench = charging_bench(settings=settings)
    for amps_a in (6, 12, 14):
        meddle(bench, amps_a)
    assert bench.code is ReasonCode.OTHER_MANAGER
    bench.load_w, bench.pv_w = 3000.0, 0.0
    bench.until(lambda: bench.car.amps_a * 230 + bench.load_w <= 20 * 230 or not bench.car.is_charging, 60)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amps_max_a": 16}, "another cable"),
        ({"pilot_a": 16}, "another socket"),
        ({"is_charging": False}, "it does not charge"),
    ],
)
def test_a_current_that_changed_with_something_else_is_nobodys_doing(changes: dict[str, object], why: str) -> None:
    bench = charging_bench()
    bench.advance(OURS_S + 30)
    bench.car.amps_a -= 3
    for name, value in changes.items():
        setattr(bench.car, name, value)
    bench.push()
    session = bench.lp.memory.session
    assert session is not None
    assert session.meddled_at == (), why


def test_our_own_late_current_is_nobodys_doing() -> None:
    bench = charging_bench()
    bench.pv_w = 6000.0
    bench.until(lambda: bench.commands(AMPS)[-1].value == bench.car.amps_a and bench.car.amps_a > 20, 300)
    bench.push(amps_requested_a=10)
    session = bench.lp.memory.session
    assert session is not None
    assert session.meddled_at == ()


def test_changes_far_apart_are_a_person() -> None:
    bench = charging_bench()
    for amps_a in (6, 25, 7):
        meddle(bench, amps_a)
        bench.advance(4 * 3600.0)
        bench.car.soc_pct = 50.0
    assert bench.code is not ReasonCode.OTHER_MANAGER
    assert bench.vehicle.memory.facts is not None
    assert bench.vehicle.memory.facts.charging is Charging.CHARGING


def test_a_hand_that_does_what_is_wished_anyway_changes_no_wish() -> None:
    bench = charging_bench()
    bench.endings.append(Ending(STOP, Outcome.NOT_DELIVERED, Cause.RATE_LIMITED, retry_after_s=900.0))
    bench.ask(override=Override.STOP)
    bench.advance(10)
    bench.car.is_charging = False
    bench.push()
    assert (bench.wish.override, bench.wish.override_by) == (Override.STOP, "tlwb")
