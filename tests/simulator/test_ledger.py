"""Where the energy went."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.simulator.ledger import CarLedger, DayLedger, Present, StartCounter, account, clipped_mean

WATTS = st.floats(-20_000, 20_000)


def numeric_mean(from_w: float, to_w: float, most_w: float) -> float:
    points = 20_000
    return (
        sum(max(0.0, min(most_w, from_w + (to_w - from_w) * (index + 0.5) / points)) for index in range(points))
        / points
    )


@pytest.mark.parametrize(
    ("from_w", "to_w", "most_w"),
    [
        (-100, -1, 50),
        (200, 300, 50),
        (10, 40, 50),
        (-100, 100, 50),
        (100, -100, 50),
        (-100, 100, 500),
        (20, 400, 50),
        (50, 50, 50),
        (0, 0, 0),
        (-1e-9, 1e-9, 5),
        (-3, 9, math.inf),
    ],
)
def test_the_mean_of_a_clipped_line(from_w, to_w, most_w):
    assert clipped_mean(from_w, to_w, most_w) == pytest.approx(numeric_mean(from_w, to_w, most_w), abs=1e-2)


@given(WATTS, WATTS, st.floats(0, 20_000))
def test_the_mean_of_a_clipped_line_is_symmetric_and_bounded(from_w, to_w, most_w):
    mean_w = clipped_mean(from_w, to_w, most_w)
    assert mean_w == clipped_mean(to_w, from_w, most_w)
    low_w, high_w = sorted((max(0.0, min(most_w, from_w)), max(0.0, min(most_w, to_w))))
    assert low_w - 1e-6 <= mean_w <= high_w + 1e-6


def booked(pv_w, house_w, *draws: tuple[float, float], battery_w: float = 0.0) -> tuple[DayLedger, list[CarLedger]]:
    ledgers = [CarLedger() for _ in draws]
    cars = [Present(ledger, *draw) for ledger, draw in zip(ledgers, draws, strict=True)]
    day = DayLedger(date(2024, 6, 17), cars=dict(zip("ab", ledgers, strict=False)))
    account(day, 3600.0, (pv_w, pv_w), (house_w, house_w), battery_w=battery_w, cars=cars)
    return day, ledgers


def test_one_car_with_more_sun_than_it_takes():
    day, (car,) = booked(5000, 1000, (3000, 7360))
    assert (car.charged_wh, car.solar_wh, car.import_wh, car.usable_wh) == (3000, 3000, 0, 4000)
    assert (day.export_wh, day.import_wh, day.pv_wh, day.house_wh) == (1000, 0, 5000, 1000)


def test_one_car_that_takes_more_than_the_sun_gives():
    day, (car,) = booked(3000, 1000, (5000, 7360))
    assert (car.charged_wh, car.solar_wh, car.import_wh, car.usable_wh) == (5000, 2000, 3000, 2000)
    assert (day.export_wh, day.import_wh) == (0, 3000)


def test_the_import_of_the_house_is_not_the_cars():
    day, (car,) = booked(0, 1000, (2000, 7360))
    assert (car.solar_wh, car.import_wh) == (0, 2000)
    assert day.import_wh == 3000


def test_more_sun_than_the_car_can_take_is_not_usable():
    _, (car,) = booked(12_000, 0, (7000, 7360))
    assert car.usable_wh == 7360


def test_an_unplugged_car_could_use_nothing():
    day, (car,) = booked(12_000, 0, (0, 0))
    assert (car.usable_wh, day.usable_wh) == (0, 0)


def test_two_cars_share_sun_and_import_by_their_draw_and_compete_for_the_usable():
    day, (one, other) = booked(5000, 1000, (4000, 4000), (2000, 4000))
    assert (one.solar_wh, one.import_wh) == pytest.approx((4000 * 4 / 6, 2000 * 4 / 6))
    assert (other.solar_wh, other.import_wh) == pytest.approx((4000 * 2 / 6, 2000 * 2 / 6))
    assert (one.usable_wh, other.usable_wh, day.usable_wh) == (4000, 4000, 4000)
    assert day.all_cars().usable_wh == 4000


def test_a_battery_gives_to_the_house_first_then_to_the_car():
    day, (car,) = booked(0, 1000, (3000, 7360), battery_w=2500)
    assert (car.solar_wh, car.battery_wh, car.import_wh) == (0, 1500, 1500)
    assert day.import_wh == 1500


def test_what_the_battery_takes_from_the_sun_was_usable_by_the_car():
    day, (car,) = booked(5000, 1000, (1000, 7360), battery_w=-3000)
    assert (car.solar_wh, car.usable_wh) == (1000, 4000)
    assert (day.import_wh, day.export_wh) == (0, 0)


def test_days_add_up():
    total = DayLedger(date(2024, 6, 17))
    for _ in range(3):
        day, (car,) = booked(5000, 1000, (3000, 7360))
        car.starts = 2
        total.add(day)
    assert total.elapsed_s == 3 * 3600
    assert total.cars["a"] == CarLedger(charged_wh=9000, solar_wh=9000, usable_wh=12_000, starts=6)


def test_a_start_is_counted_once_however_slow_and_not_after_a_short_break():
    counter = StartCounter(0.0)
    draws = [0, 50, 90, 150, 2000, 0, 0, 2000, 0, *[0] * 5, 60, 0, 200, 99, 101]
    assert [index for index, draw_w in enumerate(draws) if counter.has_started(1.0, draw_w)] == [3, 16]


def test_a_car_that_draws_at_the_beginning_has_not_started():
    counter = StartCounter(3000.0)
    assert not any(counter.has_started(1.0, 3000.0) for _ in range(5))
