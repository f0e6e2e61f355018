"""Cars that can be reached for nothing, first or only: what is paid for all the same, what is not worth it; lines and wakes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import (
    CAR,
    HOME,
    NOON,
    TESLA,
    Bench,
    Car,
    after_s,
    facts_of,
    remembered,
    settings_of,
    with_budget,
)

from sunbox.core.commands import Cause, CommandName, ReadKind
from sunbox.core.draft import Draft
from sunbox.core.economy import SOFT_SHARE
from sunbox.core.events import ReadFailed
from sunbox.core.model import Charging, Override, VehicleDetails
from sunbox.core.prices import price_wh
from sunbox.core.reasons import ReasonCode, render
from sunbox.core.resilience import Breaker
from sunbox.core.settings import Budget, Settings
from sunbox.core.vehicle import CONTACT, UNKNOWN_AGAIN_S, Situation

START, STOP, WAKE = CommandName.START, CommandName.STOP, CommandName.WAKE


def with_free_way(per_month: float | None = None) -> Settings:
    car = replace(CAR, capabilities=replace(TESLA, has_free_way=True), budget=Budget(per_month=per_month))
    return settings_of(vehicles=(car,))


def free_bench(per_month: float | None = None, **changes: object) -> Bench:
    given: dict[str, object] = {"car": Car(is_awake=True), "pv_w": 4300.0, "has_free_way": True, **changes}
    return Bench(settings=with_free_way(per_month), **given)  # type: ignore[arg-type]


def charging(bench: Bench) -> Bench:
    bench.until(lambda: bench.shown.is_flowing and bench.shown.pending is None)
    bench.advance(60)
    return bench


def test_a_free_way_costs_nothing_and_is_not_priced() -> None:
    bench = charging(free_bench(per_month=0.0))
    assert bench.money() == 0.0
    bench.pv_w = 6000.0
    bench.until(lambda: bench.car.amps_a > 20, 120)  # no change of current is too dear
    bench.pv_w = 0.0
    bench.until(lambda: not bench.car.is_charging, 300)


def test_a_charging_car_is_looked_at_often_where_it_costs_nothing() -> None:
    bench = charging(free_bench())
    before = bench.data_reads()
    bench.advance(1200)
    assert bench.data_reads() - before == pytest.approx(
        1200 / (CONTACT[Situation.CHARGING].free_looks_s or (0.0,))[0], abs=1
    )


def test_what_is_needed_takes_the_paid_way_when_the_free_one_fails() -> None:
    bench = free_bench(is_free_way_open=False)
    charging(bench)
    assert bench.commands(START)
    assert bench.money() > 0.0


def test_curiosity_is_not_paid_for_and_holds_nothing_up() -> None:
    bench = charging(free_bench())
    bench.is_free_way_open = False
    spent = bench.money()
    bench.advance(1800)
    assert bench.money() == pytest.approx(spent)
    assert bench.vehicle.memory.not_before_at is None
    bench.ask(override=Override.STOP)
    bench.until(lambda: not bench.car.is_charging, 10)
    assert bench.money() > spent


def test_beyond_the_line_only_the_free_way_is_left_and_a_stop_pays() -> None:
    bench = charging(free_bench(per_month=0.0))
    bench.is_free_way_open = False
    bench.ask(override=Override.CHARGE, amps_a=8)
    bench.advance(60)
    assert bench.money() == 0.0
    assert bench.code is ReasonCode.RETRYING
    bench.ask(override=Override.STOP)
    bench.until(lambda: not bench.car.is_charging, 1000)


def test_a_look_that_is_needed_and_cannot_be_paid_waits() -> None:
    bench = free_bench(per_month=0.0, is_free_way_open=False, memory=remembered(facts_of()))
    bench.advance(600)
    assert 0 < bench.data_reads() < 10
    assert bench.money() == 0.0


def test_a_sleeping_car_is_woken_only_for_a_sun_that_lasts_be_it_free() -> None:
    bench = free_bench(car=Car(), pv_w=300.0 + 5 * 230.0 + 100.0, memory=remembered(facts_of()))
    waited_s = bench.until(lambda: bool(bench.commands(WAKE)), 600)
    assert waited_s > 100
    assert bench.shown.reason.code is not ReasonCode.BUDGET


def test_a_car_that_answered_from_near_is_at_home() -> None:
    facts = facts_of(latitude=None, longitude=None)
    away, near = (
        Bench(car=Car(is_awake=True, latitude=None, longitude=None), memory=remembered(each), pv_w=4300.0)
        for each in (facts, replace(facts, is_near=True))
    )
    assert not away.shown.is_pv_possible
    assert near.shown.is_pv_possible
    assert near.shown.vehicle is not None
    assert near.shown.vehicle.place == HOME.name


# Lines ----------------------------------------------------------------------------------------------------------------


def test_over_the_soft_line_no_car_is_woken_for_the_sun_but_for_a_person() -> None:
    bench = Bench(settings=with_budget(per_month=0.5), memory=remembered(facts_of()), pv_w=8000.0)
    # a day's hard line is 5 cents, its soft one 3.75: a wake of 2 cents fits into both, a second one only into the hard one
    bench.until(lambda: bool(bench.commands(WAKE)), 900)
    bench.until(lambda: bench.shown.is_flowing, 120)
    bench.car.is_charging = bench.car.is_awake = False
    bench.push(charging=Charging.STOPPED)
    spend = bench.vehicle.memory.spend
    assert spend is not None
    assert spend.money_today < SOFT_SHARE * 0.05
    bench.ask(override=Override.NONE)
    bench.advance(3600)
    assert len(bench.commands(WAKE)) == 1
    bench.ask(override=Override.CHARGE)
    bench.advance(120)
    assert len(bench.commands(WAKE)) == 2


def test_the_soft_line_explains_itself() -> None:
    bench = Bench(settings=with_budget(per_month=0.2), memory=remembered(facts_of()), pv_w=8000.0)
    bench.advance(1800)
    assert bench.commands() == []
    assert bench.code is ReasonCode.BUDGET
    assert "25 % are kept for what was begun" in render(bench.shown.reason)


def test_no_more_wakes_than_the_owner_allows() -> None:
    bench = Bench(settings=with_budget(wakes_per_day=1), memory=remembered(facts_of()), pv_w=6000.0)
    bench.until(lambda: bench.shown.is_flowing, 900)
    bench.ask(override=Override.STOP)
    bench.until(lambda: not bench.car.is_charging, 60)
    bench.car.is_awake = False
    bench.advance(600)
    bench.ask(override=Override.CHARGE)
    bench.advance(600)
    assert len(bench.commands(WAKE)) == 1
    assert "1 spent today, the daily line is 1 (wakes)" in render(bench.shown.reason)


def test_a_car_whose_state_is_in_no_known_word_is_not_asked_without_pause() -> None:
    bench = Bench(car=Car(is_unclear=True), memory=remembered(facts_of()), pv_w=6000.0)
    bench.ask(override=Override.CHARGE)
    bench.advance(600)
    states = [what for _, _, what in bench.reads if what is ReadKind.STATE]
    assert 10 <= len(states) <= 600 / UNKNOWN_AGAIN_S + 2


def test_a_way_that_failed_rests() -> None:
    breaker = Breaker()
    assert not breaker.is_resting(NOON)
    breaker = breaker.failed(NOON, 300.0)
    assert breaker.is_resting(after_s(299))
    assert not breaker.is_resting(after_s(300))


def test_what_a_reading_by_radio_does_not_tell_stays_known() -> None:
    told = VehicleDetails(version="2025.2", odometer_km=1000.0, inside_c=20.0)
    bench = Bench(car=Car(is_awake=True))
    bench.advance(30)
    bench.push(details=told)
    bench.advance(10)
    bench.push(details=VehicleDetails(inside_c=25.0), is_near=True)
    facts = bench.vehicle.memory.facts
    assert facts is not None
    assert facts.details == VehicleDetails(version="2025.2", odometer_km=1000.0, inside_c=25.0)
    bench.advance(10)
    bench.push(details=None, is_near=True)
    assert bench.vehicle.memory.facts is not None
    assert bench.vehicle.memory.facts.details == facts.details
    bench.advance(10)
    bench.push(details=VehicleDetails(inside_c=26.0))
    assert bench.vehicle.memory.facts.details == VehicleDetails(inside_c=26.0)


def test_a_car_that_is_out_of_range_is_looked_for_steadily() -> None:
    bench = free_bench(car=Car(is_awake=True))
    charging(bench)
    failed = ReadFailed(
        at=bench.at,
        device_id="car",
        exchange_id=None,
        what=ReadKind.STATE,
        cause=Cause.OUT_OF_RANGE,
        retry_after_s=120.0,
    )
    for _ in range(12):
        bench.feed(replace(failed, at=bench.at))
        assert bench.vehicle.memory.not_before_at == after_s(120.0, bench.at)
        bench.advance(60)


def test_what_costs_nothing_has_no_price_whatever_the_budget() -> None:
    car = replace(CAR, capabilities=replace(TESLA, price={}), budget=Budget(per_month=2.0))
    draft = Draft(Bench(settings=settings_of(vehicles=(car,))).state, NOON)
    assert price_wh(draft, "car") == 0.0
    counted = replace(car, budget=Budget(commands_per_day=10))
    draft = Draft(Bench(settings=settings_of(vehicles=(counted,))).state, NOON)
    assert price_wh(draft, "car") > 0.0
