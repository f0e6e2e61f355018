"""Where the power is going: slopes are trusted as far as they have gone on before."""

from __future__ import annotations

import pytest

from sunbox.core.trend import Trend, seen


def follow(powers_w: list[float], *, step_s: float = 10.0, is_sun: bool = True, trend: Trend | None = None) -> Trend:
    trend = trend or Trend()
    for power_w in powers_w:
        trend = seen(trend, trend.at_s + step_s, power_w, is_sun=is_sun)
    return trend


@pytest.mark.parametrize("step_s", [1.0, 5.0, 10.0, 20.0])
def test_a_steady_fall_goes_on_whatever_the_meter(step_s: float) -> None:
    falling = follow([5000.0 - 20.0 * step_s * n for n in range(int(200 / step_s) + 3)], step_s=step_s)
    assert falling.slope_w_per_s == pytest.approx(-20.0)
    assert falling.ahead_w(20.0) < -200.0
    assert len(falling.samples) <= 12


@pytest.mark.parametrize(("step_s", "sees"), [(60.0, True), (90.0, False)])
def test_a_slow_meter_sees_the_day_but_no_edge(step_s: float, *, sees: bool) -> None:
    falling = follow([9000.0 - 1000.0 * n for n in range(8)], step_s=step_s)
    assert (falling.ahead_w(20.0) < 0.0) is sees


def test_what_a_slow_meter_misses_is_no_reason_for_a_reserve() -> None:
    clouds = [5000.0 if n // 3 % 2 else 3000.0 for n in range(100)]
    assert follow(clouds).spread_w > 100.0
    assert follow(clouds, step_s=60.0).spread_w == 0.0


@pytest.mark.parametrize("step_s", [1.0, 10.0, 60.0])
def test_a_single_step_is_no_spread(step_s: float) -> None:
    trend = follow([3000.0] * 60 + [6000.0] * 10, step_s=step_s)
    assert trend.spread_w < 60.0


def test_what_never_goes_on_is_not_extrapolated() -> None:
    flicker = follow([5000.0 if n // 2 % 2 else 3000.0 for n in range(400)])
    assert flicker.reliance == 0.0
    assert flicker.ahead_w(20.0) == 0.0
    assert flicker.spread_w > 1000.0


def test_a_clear_sky_has_no_spread() -> None:
    assert follow([3000.0 + n for n in range(200)]).spread_w < 5.0


def test_a_kettle_is_no_slope() -> None:
    trend = follow([3000.0] * 10, is_sun=False)
    for power_w in (1000.0, 1000.0, 1000.0):
        trend = follow([power_w], is_sun=False, trend=trend)
        assert trend.slope_w_per_s == 0.0


def test_a_fall_that_both_halves_of_a_span_show_is_one_without_a_meter_of_the_sun() -> None:
    trend = follow([3000.0, 2900.0, 2800.0, 2600.0], is_sun=False)
    assert trend.slope_w_per_s == pytest.approx(-10.0)
    assert follow([2700.0], is_sun=False, trend=trend).slope_w_per_s == 0.0


def test_the_same_reading_again_changes_nothing_and_a_gap_begins_anew() -> None:
    trend = follow([3000.0, 2900.0, 2800.0, 2700.0])
    assert seen(trend, trend.at_s, 0.0, is_sun=True) is trend
    later = seen(trend, trend.at_s + 600.0, 0.0, is_sun=True)
    assert later.slope_w_per_s == 0.0
    assert len(later.samples) == 1


@pytest.mark.parametrize(("step_s", "sees"), [(10.0, True), (20.0, False)])
def test_a_span_without_a_reading_between_its_ends_tells_nothing_without_a_meter_of_the_sun(
    step_s: float, *, sees: bool
) -> None:
    powers_w = [3000.0 - 10.0 * step_s * n for n in range(6)]
    assert (follow(powers_w, step_s=step_s, is_sun=False).slope_w_per_s < 0.0) is sees
    assert follow(powers_w, step_s=step_s).slope_w_per_s == pytest.approx(-10.0)
