"""Waking, looking, sessions, hands in the car's app, targets, budgets, silent meters, several loadpoints."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.core.bench import (
    CAR,
    HOUSE,
    NOON,
    SITE,
    WORK,
    Bench,
    Car,
    after_s,
    charging_bench,
    facts_of,
    remembered,
    settings_of,
    two_cars,
    with_budget,
)

from sunbox.core.commands import CommandName, ReadKind
from sunbox.core.model import Charging, Mode, Override
from sunbox.core.reasons import ReasonCode, render
from sunbox.core.resilience import WAKE as WAKE_BACKOFF
from sunbox.core.session import CAR_APP
from sunbox.core.surplus import stale_after_s
from sunbox.core.target import RESTART_BELOW_PCT
from sunbox.core.vehicle import CONTACT, WAKE_GIVE_UP_S, WAKE_POLLS_S, Situation
from sunbox.core.wallbox import Pending

START, STOP, AMPS, LIMIT, WAKE = (
    CommandName.START,
    CommandName.STOP,
    CommandName.SET_AMPS,
    CommandName.SET_LIMIT,
    CommandName.WAKE,
)
DEEP = {"is_awake": False, "wakes_after_s": None}


def state_calls(bench: Bench, since_s: float) -> list[float]:
    instants = [(at - NOON).total_seconds() for at, _, what in bench.reads if what is ReadKind.STATE]
    return [instant for instant in instants if instant > since_s]


# Waking ---------------------------------------------------------------------------------------------------------------


def test_a_start_wakes_once_then_reads_once_then_starts() -> None:
    bench = Bench()
    bench.advance(5)
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: bench.shown.is_flowing, 120)
    assert [command.name for command in bench.commands()] == [WAKE, AMPS, START]
    assert bench.data_reads() <= 2


def test_a_wake_is_followed_by_polls_and_given_up() -> None:
    bench = Bench(car=Car(**DEEP), reply_s=0.001)
    bench.advance(5)
    bench.ask(override=Override.CHARGE)
    bench.advance(WAKE_GIVE_UP_S + 30)
    (woken_s,) = bench.instants(WAKE)
    polls = [woken_s, *state_calls(bench, woken_s)]
    for wait_s, earlier, later in zip(WAKE_POLLS_S, polls, polls[1:], strict=False):
        assert later - earlier == pytest.approx(wait_s, abs=0.1)
    in_time = [poll - woken_s for poll in polls if poll - woken_s <= WAKE_GIVE_UP_S]
    assert len(in_time) == pytest.approx(len(WAKE_POLLS_S) + (WAKE_GIVE_UP_S - sum(WAKE_POLLS_S)) / 10, abs=1.5)
    assert bench.vehicle.wake is None
    assert bench.vehicle.memory.wake_failures == 1
    assert bench.code is ReasonCode.WAKE_FAILED


def test_wakes_that_bring_nothing_back_off() -> None:
    bench = Bench(car=Car(**DEEP))
    bench.advance(5)
    bench.ask(override=Override.CHARGE)
    bench.advance(4 * 3600)
    instants = bench.instants(WAKE)
    waits_s = [later - earlier for earlier, later in itertools.pairwise(instants)]
    assert 3 <= len(instants) <= 7
    for failures, wait_s in enumerate(waits_s, start=1):
        assert wait_s >= WAKE_BACKOFF.wait_s(failures)
    assert bench.data_reads() == 0


def test_a_car_that_wakes_forgets_the_failures() -> None:
    bench = Bench(car=Car(**DEEP))
    bench.advance(5)
    bench.ask(override=Override.CHARGE)
    bench.advance(120)
    bench.car.is_awake = True
    bench.until(lambda: bench.shown.is_flowing, 120)
    assert len(bench.commands(WAKE)) == 1
    assert bench.vehicle.memory.wake_failures == 0  # also one that came online by itself


def test_a_wake_that_works_forgets_those_that_did_not() -> None:
    bench = Bench(car=Car(**DEEP))
    bench.advance(5)
    bench.ask(override=Override.CHARGE)
    bench.advance(WAKE_GIVE_UP_S + 30)
    assert bench.vehicle.memory.wake_failures == 1
    bench.car.wakes_after_s = 8.0
    bench.until(lambda: bench.shown.is_flowing, WAKE_BACKOFF.wait_s(1) + 60)
    assert len(bench.commands(WAKE)) == 2
    assert bench.vehicle.memory.wake_failures == 0


def test_while_it_is_woken_it_says_so() -> None:
    bench = Bench()
    bench.advance(5)
    bench.ask(override=Override.CHARGE)
    bench.advance(3)
    assert (bench.code, bench.shown.pending) == (ReasonCode.WAKING, Pending.WAKING)


@pytest.mark.parametrize("wishes", [{"amps_a": 10}, {"override": Override.STOP}, {"mode": Mode.OFF}])
def test_what_does_not_wake(wishes: dict[str, object]) -> None:
    bench = Bench(memory=remembered(facts_of()))
    bench.advance(5)
    bench.ask(**wishes)
    bench.advance(3600)
    assert bench.commands() == []


def test_a_new_limit_wakes_a_plugged_car_once() -> None:
    bench = Bench(memory=remembered(facts_of()))
    bench.advance(5)
    bench.ask(target_soc_pct=70)
    bench.advance(3600)
    assert [command.name for command in bench.commands()] == [WAKE, LIMIT]
    assert bench.car.limit_soc_pct == 70


def test_a_new_limit_waits_for_an_unplugged_car_to_wake_by_itself() -> None:
    bench = Bench(car=Car(is_plugged=False), memory=remembered(facts_of(Charging.DISCONNECTED)))
    bench.advance(5)
    bench.ask(target_soc_pct=70)
    bench.advance(3600)
    assert bench.commands() == []
    bench.car.is_awake = True
    bench.advance(600)
    assert [command.name for command in bench.commands()] == [LIMIT]


def test_without_sun_a_sleeping_car_costs_nothing() -> None:
    bench = Bench()
    bench.advance(12 * 3600)
    assert bench.commands() == []
    assert bench.data_reads() == 0
    assert bench.money() == 0.0


def test_an_unplugged_car_is_left_asleep_in_the_sun() -> None:
    bench = Bench(car=Car(is_plugged=False), memory=remembered(facts_of(Charging.DISCONNECTED)), pv_w=6000.0)
    bench.advance(6 * 3600)
    assert bench.commands() == []
    assert bench.data_reads() == 0


def test_a_car_that_wakes_by_itself_is_read_once() -> None:
    bench = Bench(car=Car(is_plugged=False), memory=remembered(facts_of(Charging.DISCONNECTED)))
    bench.advance(300)
    bench.car.is_awake = True
    bench.until(lambda: bench.data_reads() == 1, 120)


# Sessions and hands ---------------------------------------------------------------------------------------------------


def see(bench: Bench, within_s: float = 7200.0) -> None:
    """Let time pass until the car's data has been read again."""
    reads = bench.data_reads()
    bench.until(lambda: bench.data_reads() > reads and bench.vehicle.exchange is None, within_s)


def test_unplugging_ends_start_stop_and_amps_but_not_the_target() -> None:
    bench = charging_bench()
    bench.ask(override=Override.CHARGE, amps_a=10, target_soc_pct=70)
    bench.advance(60)
    assert bench.lp.memory.session is not None
    assert bench.lp.memory.session.has_started
    bench.car.is_plugged = bench.car.is_charging = False
    bench.until(lambda: bench.lp.memory.session is None, 3600)
    assert (bench.wish.override, bench.wish.amps_a, bench.wish.mode) == (Override.NONE, None, Mode.PV)
    assert bench.vehicle.memory.target_soc_pct == 70
    assert bench.code is ReasonCode.NOT_PLUGGED


def test_a_missed_unplug_is_recognised_by_the_energy_counter() -> None:
    bench = charging_bench(car=Car(is_awake=True, energy_added_wh=20_000.0))
    bench.ask(override=Override.CHARGE)
    bench.advance(60)
    assert bench.lp.memory.session is not None
    began_at = bench.lp.memory.session.began_at
    bench.car.energy_added_wh = 0.0
    see(bench)
    assert bench.lp.memory.session.began_at > began_at
    assert bench.wish.override is Override.NONE


def test_a_counter_that_goes_on_is_the_same_session() -> None:
    bench = charging_bench()
    bench.ask(override=Override.CHARGE)
    session = bench.lp.memory.session
    see(bench)
    assert bench.lp.memory.session == session
    assert bench.wish.override is Override.CHARGE


def test_a_stop_in_the_cars_app_holds() -> None:
    bench = charging_bench()
    version = bench.wish.version
    bench.car.is_charging = False
    see(bench)
    assert (bench.wish.override, bench.wish.override_by) == (Override.STOP, CAR_APP)
    assert bench.wish.mode is Mode.PV
    assert bench.wish.version > version
    before = len(bench.commands(START))
    bench.advance(3600)
    assert len(bench.commands(START)) == before
    bench.ask(override=Override.NONE)
    bench.until(lambda: bench.car.is_charging, 300)


def test_a_start_in_the_cars_app_holds() -> None:
    bench = Bench(car=Car(is_awake=True))
    bench.advance(30)
    bench.car.is_charging = True
    see(bench)
    assert (bench.wish.override, bench.wish.override_by) == (Override.CHARGE, CAR_APP)
    bench.advance(900)
    assert bench.car.is_charging


def test_a_reading_that_says_nothing_of_the_cable_ends_and_begins_no_session() -> None:
    bench = charging_bench()
    bench.ask(override=Override.CHARGE)
    session = bench.lp.memory.session
    assert session is not None
    bench.push(charging=Charging.UNKNOWN)
    assert (bench.lp.memory.session, bench.wish.override) == (session, Override.CHARGE)
    bench = Bench()
    bench.push(charging=Charging.UNKNOWN)
    assert bench.lp.memory.session is None


@pytest.mark.parametrize(
    ("before", "now", "is_new"),
    [
        ({"energy_added_wh": 20_000.0}, {"energy_added_wh": 0.0}, True),
        ({"energy_added_wh": 20_000.0}, {"energy_added_wh": 19_950.0}, False),  # rounded
        ({"energy_added_wh": None}, {"energy_added_wh": 0.0}, False),
        ({"energy_added_wh": 20_000.0}, {"energy_added_wh": None}, False),
        # whether it was plugged in before is not known
        ({"energy_added_wh": 20_000.0, "charging": Charging.UNKNOWN}, {"energy_added_wh": 0.0}, False),
    ],
)
def test_only_a_counter_that_began_anew_tells_of_a_missed_unplug(
    before: dict[str, object], now: dict[str, object], *, is_new: bool
) -> None:
    bench = Bench(has_meter=False)
    bench.push()
    began_at = bench.lp.memory.session.began_at  # type: ignore[union-attr]
    for facts in (before, now):
        bench.at = after_s(60, bench.at)
        bench.push(**facts)
    assert (bench.lp.memory.session.began_at > began_at) is is_new  # type: ignore[union-attr]


def test_our_own_start_and_stop_are_no_hand() -> None:
    bench = charging_bench()
    bench.pv_w = 0.0
    bench.until(lambda: not bench.car.is_charging, 600)
    bench.advance(3600)
    bench.pv_w = 4300.0
    bench.until(lambda: bench.car.is_charging, 600)
    bench.advance(2 * 3600)
    assert bench.wish.override is Override.NONE


def test_an_explicit_stop_is_remembered_in_the_session_and_a_cloud_is_not() -> None:
    bench = charging_bench()
    bench.pv_w = 0.0
    bench.until(lambda: not bench.car.is_charging, 600)
    assert not bench.shown.was_stopped
    bench.ask(override=Override.STOP)
    assert bench.shown.was_stopped
    bench.ask(override=Override.CHARGE)
    assert not bench.shown.was_stopped


def test_an_override_until_an_instant_lifts_itself() -> None:
    bench = charging_bench()
    bench.ask(override=Override.STOP, until_at=after_s(1800, bench.at))
    version = bench.wish.version
    bench.until(lambda: not bench.car.is_charging, 60)
    bench.advance(1700)
    assert not bench.car.is_charging
    bench.advance(120)
    assert bench.wish.override is Override.NONE
    assert bench.wish.override_until_at is None
    assert bench.wish.version == version + 1
    bench.until(lambda: bench.car.is_charging, 200)


def test_an_override_that_ends_while_the_gateway_is_dead_is_lifted_when_it_begins() -> None:
    bench = charging_bench()
    bench.ask(override=Override.STOP, until_at=after_s(600, bench.at))
    bench.advance(60)
    bench.at = after_s(3600, bench.at)
    bench.restart()
    assert bench.wish.override is Override.NONE


# Targets --------------------------------------------------------------------------------------------------------------


def test_a_soft_target_is_met_with_the_cars_limit_as_a_net() -> None:
    bench = Bench(car=Car(is_awake=True, soc_pct=24.0))
    bench.advance(5)
    bench.ask(override=Override.CHARGE, target_soc_pct=30)
    bench.until(lambda: bench.car.is_charging, 120)
    assert bench.car.limit_soc_pct == 50
    bench.until(lambda: not bench.car.is_charging, 4 * 3600)
    assert 30 <= bench.car.soc_pct < 31
    assert bench.code is ReasonCode.TARGET_REACHED
    assert bench.data_reads() <= 8
    assert len(bench.commands(LIMIT)) == 1
    bench.advance(7200)
    assert len(bench.commands(STOP)) == len(bench.commands(START)) == 1


def test_a_target_that_is_met_already_sets_the_limit_and_does_not_start() -> None:
    bench = Bench(car=Car(is_awake=True, soc_pct=45.0))
    bench.advance(5)
    bench.ask(override=Override.CHARGE, target_soc_pct=40)
    bench.advance(1800)
    assert bench.car.limit_soc_pct == 50
    assert bench.commands(START) == []


def test_no_restart_until_well_below_the_target() -> None:
    bench = Bench(car=Car(is_awake=True, soc_pct=40.0))
    bench.advance(5)
    bench.ask(override=Override.CHARGE, target_soc_pct=40)
    bench.car.soc_pct = 40.0 - RESTART_BELOW_PCT + 1
    bench.advance(7200)
    assert bench.commands(START) == []
    bench.car.soc_pct = 40.0 - RESTART_BELOW_PCT
    bench.until(lambda: bench.car.is_charging, 2 * 3600)


def test_a_new_target_restarts_at_once() -> None:
    bench = Bench(car=Car(is_awake=True, soc_pct=40.0))
    bench.advance(5)
    bench.ask(override=Override.CHARGE, target_soc_pct=40)
    bench.advance(600)
    bench.ask(target_soc_pct=45)
    bench.until(lambda: bench.car.is_charging, 120)


@pytest.mark.parametrize(("soc_pct", "is_foreseen"), [(29, True), (None, False)])
def test_when_a_soft_target_is_reached_is_foreseen_from_the_cars_own_percent(
    soc_pct: int | None, *, is_foreseen: bool
) -> None:
    bench = Bench(car=Car(is_awake=True, is_charging=True, amps_a=32), memory=remembered(None, mode=Mode.NOW))
    bench.ask(target_soc_pct=30)
    bench.meter()
    bench.push(soc_pct=soc_pct)
    bench.meter()
    look_at = after_s(CONTACT[Situation.CHARGING].looks_s[0], bench.at)
    assert bench.vehicle.data_due_at is not None
    assert (bench.vehicle.data_due_at < look_at) is is_foreseen


def test_a_limit_changed_in_the_cars_app_ends_the_target() -> None:
    bench = charging_bench()
    bench.ask(target_soc_pct=60)
    bench.until(lambda: bench.car.limit_soc_pct == 60, 60)
    bench.car.limit_soc_pct = 90
    see(bench)
    assert bench.vehicle.memory.target_soc_pct is None
    bench.advance(3600)
    assert bench.car.limit_soc_pct == 90


def test_a_car_at_its_own_limit_is_left_there() -> None:
    bench = Bench(car=Car(is_awake=True, soc_pct=79.8), pv_w=4300.0)
    bench.until(lambda: bench.code is ReasonCode.COMPLETE, 4000)
    starts = len(bench.commands(START))
    bench.advance(3600)
    assert len(bench.commands(START)) == starts
    assert bench.shown.is_target_reached


# Money ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [with_budget(commands_per_day=0), with_budget(per_month=0.0)], ids=["commands", "money"]
)
def test_at_the_line_nothing_but_a_stop_is_sent(settings: object) -> None:
    facts = facts_of(Charging.CHARGING)
    bench = Bench(settings=settings, car=Car(is_awake=True, is_charging=True), memory=remembered(facts))  # type: ignore[arg-type]
    bench.ask(override=Override.CHARGE, amps_a=8, target_soc_pct=90)
    bench.advance(600)
    assert bench.commands() == []
    assert bench.code is ReasonCode.BUDGET


def test_at_the_line_no_car_is_woken() -> None:
    bench = Bench(settings=with_budget(commands_per_day=0), memory=remembered(facts_of()), pv_w=6000.0)
    bench.advance(5)
    bench.ask(override=Override.CHARGE)
    bench.advance(600)
    assert bench.sent == []
    assert bench.code is ReasonCode.BUDGET


def test_a_stop_is_never_held_back_by_the_number_of_commands() -> None:
    bench = charging_bench(settings=with_budget(commands_per_day=2))
    bench.ask(amps_a=8)
    bench.advance(60)
    assert len(bench.commands()) == 2
    assert bench.code is ReasonCode.BUDGET
    bench.pv_w = 0.0
    bench.until(lambda: not bench.car.is_charging, 600)
    assert len(bench.commands()) == 3


def test_a_stop_is_never_held_back_by_money() -> None:
    spent = charging_bench(settings=with_budget(per_month=1.0)).money()
    bench = charging_bench(settings=with_budget(per_month=10 * spent + 0.001))
    bench.ask(override=Override.CHARGE, amps_a=8)
    bench.advance(60)
    assert bench.code is ReasonCode.BUDGET
    assert bench.money() == pytest.approx(spent)
    bench.ask(override=Override.STOP)
    bench.until(lambda: not bench.car.is_charging, 120)
    assert bench.money() > spent


def test_a_new_day_brings_new_money() -> None:
    bench = Bench(
        settings=with_budget(commands_per_day=1), car=Car(is_awake=True), at=datetime(2026, 6, 1, 21, 50, tzinfo=UTC)
    )
    bench.advance(5)
    bench.ask(override=Override.CHARGE, amps_a=8)
    bench.advance(300)
    assert bench.lp.held_by is not None
    assert bench.lp.held_by.changes_at == datetime(2026, 6, 1, 22, tzinfo=UTC)
    assert len(bench.commands()) == 1
    bench.until(lambda: len(bench.commands()) == 2, 600)
    assert bench.at >= datetime(2026, 6, 1, 22, tzinfo=UTC)


def test_a_free_call_is_counted_and_costs_nothing() -> None:
    bench = Bench()
    bench.advance(3600)
    assert len(bench.reads) > 10
    assert bench.money() == 0.0


# A silent meter -------------------------------------------------------------------------------------------------------


def test_a_silent_meter_holds_then_lowers_then_stops() -> None:
    bench = charging_bench()
    limit_s, grace_s, stop_s = stale_after_s(HOUSE), SITE.stale_grace_s, SITE.stale_grace_s
    bench.has_meter = False
    silent_at = bench.state.meters["house"].reading.measured_at  # type: ignore[union-attr]

    def at(seconds: float) -> None:
        bench.advance((after_s(seconds, silent_at) - bench.at).total_seconds())

    at(limit_s + grace_s - 5)
    assert bench.code is ReasonCode.GRID_STALE_HOLD
    assert bench.car.current_a == 17.0
    at(limit_s + grace_s + 15)
    assert bench.car.current_a == 5.0
    at(limit_s + grace_s + stop_s - 5)
    assert bench.car.is_charging
    at(limit_s + grace_s + stop_s + 15)
    assert not bench.car.is_charging
    assert bench.code is ReasonCode.GRID_STALE
    bench.advance(3600)
    assert not bench.car.is_charging


def test_a_meter_that_answers_and_knows_nothing_is_a_silent_one() -> None:
    bench = charging_bench()
    bench.has_meter = False
    codes = []
    for _ in range(60):
        bench.meter(pv_w=4000.0)
        bench.advance(10)
        codes.append((bench.code, bench.car.current_a))
    held, lowered = (ReasonCode.GRID_STALE_HOLD, 17.0), (ReasonCode.GRID_STALE_HOLD, 5.0)
    assert [codes.count(each) for each in (held, lowered)] == [pytest.approx(14, abs=2), pytest.approx(12, abs=2)]
    assert codes[-1] == (ReasonCode.GRID_STALE, 0.0)


def test_a_silent_meter_never_starts_or_raises_a_car() -> None:
    bench = Bench(car=Car(is_awake=True), has_meter=False)
    bench.advance(3600)
    assert bench.commands() == []
    bench.ask(mode=Mode.NOW)
    bench.until(lambda: bench.car.is_charging, 60)  # which needs no meter where there is no fuse to watch


def test_a_meter_that_comes_back_is_followed_again() -> None:
    bench = charging_bench()
    bench.has_meter = False
    bench.advance(stale_after_s(HOUSE) + SITE.stale_grace_s + 15)
    assert bench.car.current_a == 5.0
    bench.has_meter = True
    bench.meter_at = bench.at
    bench.until(lambda: bench.car.current_a == 17.0, 60)


def test_blind_to_the_fuse_a_wish_gets_the_minimum() -> None:
    settings = settings_of(site=replace(SITE, main_fuse_a=25.0))
    bench = Bench(settings=settings, car=Car(is_awake=True))
    bench.advance(15)
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: bench.car.current_a > 20, 120)
    bench.has_meter = False
    bench.until(lambda: bench.car.current_a == 5.0, stale_after_s(HOUSE) + SITE.stale_grace_s + 330)
    bench.advance(3600)
    assert bench.car.current_a == 5.0


def test_the_fuse_lowers_and_stops_a_wish_at_once() -> None:
    settings = settings_of(site=replace(SITE, main_fuse_a=25.0))
    bench = Bench(settings=settings, car=Car(is_awake=True))
    bench.advance(15)
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: bench.car.current_a > 20, 120)
    bench.advance(30)
    bench.load_w = 15 * 230.0
    bench.until(lambda: bench.car.current_a == 10.0, 40)
    bench.load_w = 22 * 230.0
    bench.until(lambda: not bench.car.is_charging, 40)
    assert bench.code is ReasonCode.FUSE
    bench.load_w = 230.0
    bench.until(lambda: bench.car.is_charging, 90)


def test_after_a_stop_at_the_fuse_it_pauses_and_longer_each_time_and_whoever_asks_does_not_wait() -> None:
    settings = settings_of(site=replace(SITE, main_fuse_a=20.0))
    bench = Bench(settings=settings, memory=remembered(facts_of(), mode=Mode.NOW), car=Car(is_awake=True), load_w=500.0)
    bench.advance(60)

    def cook(minutes: int) -> int:
        before = len(bench.commands(CommandName.START))
        for _ in range(minutes):
            bench.load_w = 4000.0
            bench.advance(30)
            bench.load_w = 500.0
            bench.advance(30)
        return len(bench.commands(CommandName.START)) - before

    assert cook(20) <= 10
    assert cook(60) <= 5
    bench.load_w = 4000.0
    bench.advance(30)
    bench.load_w = 500.0
    bench.advance(30)
    assert not bench.car.is_charging
    assert "it was stopped for that, and goes on at " in render(bench.lp.reason)
    bench.ask(override=Override.CHARGE)
    bench.advance(20)
    assert bench.car.is_charging


# Places ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.PV, Mode.NOW, Mode.OFF])
@pytest.mark.parametrize("is_charging", [False, True])
def test_a_car_elsewhere_is_left_alone(mode: Mode, *, is_charging: bool) -> None:
    car = Car(is_awake=True, is_charging=is_charging, latitude=WORK.lat, longitude=WORK.lon)
    bench = Bench(car=car, pv_w=6000.0)
    bench.ask(mode=mode)
    bench.advance(1800)
    assert bench.commands() == []
    assert bench.code in (ReasonCode.AWAY, ReasonCode.MODE_OFF)


def test_a_car_elsewhere_obeys_who_asks_for_it_by_name() -> None:
    bench = Bench(car=Car(is_awake=True, latitude=WORK.lat, longitude=WORK.lon))
    bench.advance(10)
    bench.ask(override=Override.CHARGE, amps_a=8)
    bench.until(lambda: bench.car.current_a == 8.0, 60)
    bench.ask(override=Override.STOP)
    bench.until(lambda: not bench.car.is_charging, 60)


def test_at_a_fast_charger_nothing_is_sent() -> None:
    car = Car(is_awake=True, is_charging=True, is_fast_charger=True, latitude=WORK.lat, longitude=WORK.lon)
    bench = Bench(car=car)
    bench.advance(10)
    bench.ask(override=Override.STOP, amps_a=8)
    bench.advance(900)
    assert bench.commands() == []
    assert bench.code is ReasonCode.FAST_CHARGER


@pytest.mark.parametrize(("assumed", "code"), [(None, ReasonCode.PLACE_UNKNOWN), ("Home", ReasonCode.CHARGING_PV)])
def test_an_unknown_place(assumed: str | None, code: ReasonCode) -> None:
    settings = settings_of(vehicles=(replace(CAR, assume_place=assumed),))
    bench = Bench(settings=settings, car=Car(is_awake=True, latitude=None, longitude=None), pv_w=6000.0)
    bench.advance(600)
    assert bench.code is code


# Several loadpoints ---------------------------------------------------------------------------------------------------


def test_loadpoints_of_one_priority_share_fairly() -> None:
    cars = {"car": Car(is_awake=True, amps_max_a=20, pilot_a=20), "second": Car(is_awake=True)}
    bench = Bench(settings=two_cars(), cars=cars, pv_w=300.0 + 30 * 230.0)
    bench.advance(900)
    assert (cars["car"].current_a, cars["second"].current_a) == (15.0, 15.0)
    bench.pv_w = 300.0 + 50 * 230.0  # one can take 20 A: the other has the rest
    bench.advance(600)
    assert (cars["car"].current_a, cars["second"].current_a) == (20.0, 30.0)


def test_a_higher_priority_has_the_sun_first() -> None:
    s = two_cars()
    s = replace(s, loadpoints=(s.loadpoints[0], replace(s.loadpoints[1], priority=1)))
    cars = {"car": Car(is_awake=True), "second": Car(is_awake=True, amps_max_a=20, pilot_a=20)}
    bench = Bench(settings=s, cars=cars, pv_w=300.0 + 30 * 230.0)
    bench.advance(900)
    assert (cars["car"].current_a, cars["second"].current_a) == (10.0, 20.0)
    bench.pv_w = 300.0 + 22 * 230.0
    bench.advance(600)
    assert cars["second"].current_a == 20.0
    assert not cars["car"].is_charging


def test_what_one_loadpoint_leaves_is_not_promised_twice() -> None:
    cars = {"car": Car(is_awake=True), "second": Car(is_awake=True)}
    bench = Bench(settings=two_cars(), cars=cars, pv_w=300.0 + 8 * 230.0)
    for _ in range(60):
        bench.advance(10)
        assert sum(car.draw_w for car in cars.values()) <= 8 * 230.0 + 1
    assert cars["car"].current_a == 8.0


# What is looked at again although nothing is wanted ---------------------------------------------------------------------


@pytest.mark.parametrize("is_stopped_by_hand", [False, True])
def test_an_unplug_after_a_stop_is_noticed_though_the_car_stays_awake(*, is_stopped_by_hand: bool) -> None:
    bench = charging_bench()
    if is_stopped_by_hand:
        bench.ask(override=Override.STOP)
    else:
        bench.pv_w = 0.0
    bench.until(lambda: not bench.car.is_charging, 600)
    bench.car.is_plugged = False
    bench.until(lambda: not bench.shown.is_plugged, CONTACT[Situation.PLUGGED].looks_s[0] + 60)


def test_a_plug_in_after_a_start_that_was_refused_without_a_cable_is_noticed() -> None:
    bench = charging_bench()
    bench.pv_w = 0.0
    bench.until(lambda: not bench.car.is_charging, 600)
    bench.advance(60)
    bench.car.is_plugged = False
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: not bench.shown.is_plugged, 60)  # its refusal told
    bench.advance(300)
    bench.car.is_plugged = True
    bench.until(lambda: bench.shown.is_plugged, CONTACT[Situation.UNPLUGGED].looks_s[1] + 60)
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: bench.car.is_charging, 60)
