"""Without a grid the home lives on its battery: nothing is charged from the sun, and the reason says so."""

from __future__ import annotations

import pytest
from tests.core.bench import NOON, Bench, after_s
from tests.core.test_surplus import BOTH, LIMIT_S
from tests.core.test_truth_tables import ONE_W, bench_of, plain_car

from sunbox.core.model import MeterReading, Mode, Override
from sunbox.core.reasons import ReasonCode, ReasonKind, render
from sunbox.core.state import MeterState
from sunbox.core.surplus import balance


def told(age_s: float, *, is_off_grid: bool | None) -> MeterState:
    return MeterState(reading=MeterReading(measured_at=after_s(-age_s), grid_w=0.0, is_off_grid=is_off_grid))


@pytest.mark.parametrize(
    ("first", "second", "is_off_grid"),
    [
        (None, None, None),
        (told(0, is_off_grid=None), None, None),
        (told(0, is_off_grid=True), None, True),
        (told(0, is_off_grid=False), told(0, is_off_grid=True), False),  # the order of the file
        (told(0, is_off_grid=None), told(0, is_off_grid=True), True),  # who does not say leaves it to the next
        (told(LIMIT_S + 1, is_off_grid=True), None, None),  # too old to be known
        (told(LIMIT_S + 1, is_off_grid=True), told(0, is_off_grid=False), False),
    ],
)
def test_the_first_fresh_meter_that_says_it_counts(
    first: MeterState | None, second: MeterState | None, is_off_grid: bool | None
) -> None:
    meters = {name: state for name, state in (("first", first), ("second", second)) if state is not None}
    assert balance(BOTH, meters, NOON).is_off_grid is is_off_grid


def cut_off(bench: Bench, seconds: float, *, is_off_grid: bool | None = True) -> None:
    """Live so long with a meter that says whether there is a grid."""
    bench.has_meter = False  # only this one speaks
    for _ in range(round(seconds / 5)):
        bench.advance(5.0)
        grid_w = bench.load_w + bench.car.draw_w - bench.pv_w
        bench.meter(grid_w=grid_w, pv_w=bench.pv_w, is_off_grid=is_off_grid)


@pytest.mark.parametrize("mode", [Mode.PV, Mode.MIN_PV])
def test_charging_from_the_sun_stops_and_the_reason_says_why(mode: Mode) -> None:
    bench = bench_of(mode=mode, charging_a=10, surplus_w=12 * 230.0)
    cut_off(bench, 60)
    assert not bench.car.is_charging
    assert bench.code is ReasonCode.OFF_GRID
    assert bench.shown.reason.kind is ReasonKind.WAITING
    assert "there is no grid" in render(bench.shown.reason)


@pytest.mark.parametrize("is_off_grid", [False, None])
def test_with_a_grid_or_without_a_word_it_goes_on(is_off_grid: bool | None) -> None:
    bench = bench_of(charging_a=10, surplus_w=12 * 230.0)
    cut_off(bench, 60, is_off_grid=is_off_grid)
    assert bench.car.is_charging


def test_it_starts_again_with_the_grid() -> None:
    bench = bench_of(surplus_w=2 * ONE_W)
    cut_off(bench, 600)
    assert not bench.car.is_charging
    cut_off(bench, 600, is_off_grid=False)
    assert bench.car.is_charging


def test_who_asks_for_charging_gets_it() -> None:
    now = bench_of(mode=Mode.NOW, charging_a=10)
    cut_off(now, 60)
    assert now.car.is_charging
    bench = bench_of()
    cut_off(bench, 60)
    bench.ask(override=Override.CHARGE)
    cut_off(bench, 60)
    assert bench.car.is_charging


def test_a_car_that_waits_for_its_own_time_is_left_to_it() -> None:
    car = plain_car(is_schedule_pending=True)
    bench = bench_of(car=car, surplus_w=2 * ONE_W)
    cut_off(bench, 60)
    assert bench.code is ReasonCode.OWN_SCHEDULE
