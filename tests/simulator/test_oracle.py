"""The oracle knows everything: nobody beats it, more commands never hurt, and by brute force it is right."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simple_worlds import rows, steady

from sunbox.simulator.bench.setup import SetUp
from sunbox.simulator.course import Course
from sunbox.simulator.oracle import NOTHING, Oracle, weight_of
from sunbox.simulator.trace import RecordedTrace

HOUR_S = 3600.0


def cloudy(seed: int, minutes: int = 240, most_w: float = 9000.0) -> RecordedTrace:
    """Return clouds of all lengths over a house of 400 W."""
    rng = random.Random(seed)
    pv_w, lines = 0.0, []
    for minute in range(minutes):
        if rng.random() < 0.2:
            pv_w = rng.uniform(0, most_w)
        lines.append((60.0 * minute, pv_w, 400.0))
    return rows(*lines)


def oracle(trace: RecordedTrace, weight: float = 5.0, step_s: float = 60.0, **setup: object) -> Oracle:
    return Oracle([Course(trace, SetUp(**setup), step_s=step_s)], weight)


def test_the_weight_follows_from_the_share_of_sun():
    assert weight_of(50) == pytest.approx(1)
    assert weight_of(75) == pytest.approx(3)
    assert weight_of(100) == 5
    assert weight_of(0) == 0


def test_constant_sun_takes_one_command_and_no_import():
    corner = oracle(steady(2900, 500)).at_price(1.0)  # 10.4 A fit
    assert (corner.commands, corner.starts, corner.phase_switches) == (1, 1, 0)
    assert corner.import_wh == 0
    assert corner.solar_wh == pytest.approx(10 * 230 * 86_399 / HOUR_S)


def test_where_import_costs_as_much_as_sun_is_worth_it_rounds():
    course = Course(steady(3000, 500), SetUp())  # 10.87 A: the eleventh amp is mostly sun
    assert Oracle([course], 1.0).at_price(1.0).solar_wh == pytest.approx(course.usable_wh)
    assert course.usable_wh == pytest.approx(2500 * 86_399 / HOUR_S)


def test_without_enough_sun_it_stays_off():
    assert oracle(steady(1500, 500)).at_price(0.0) == NOTHING


def test_a_price_that_nothing_is_worth_leaves_the_car_alone():
    assert oracle(cloudy(1)).at_price(1e6) == NOTHING


def test_usable_is_what_the_ledger_calls_so():
    trace = rows((0, 0, 0), (3600, 8000, 0), (7200, 0, 0))
    course = Course(trace, SetUp(max_a=20))
    below_w = 4600.0
    over_wh = (8000 - below_w) * (8000 - below_w) / 8000  # of the triangle's 8000 Wh the tip is lost
    assert course.usable_wh == pytest.approx(8000 - over_wh)


@pytest.mark.parametrize("weight", [1.0, 5.0])
def test_more_commands_are_never_worse_and_gain_ever_less(weight):
    clever = oracle(cloudy(2), weight)
    most = clever.at_price(0.0).commands
    values = [clever.with_commands(count).value_wh for count in range(most + 3)]
    gains = [later - earlier for earlier, later in itertools.pairwise(values)]
    assert values[0] == 0
    assert all(gain >= -1e-6 for gain in gains)
    assert all(later <= earlier + 0.05 for earlier, later in itertools.pairwise(gains))
    assert values[-1] == values[most]


def test_each_corner_is_on_the_hull_and_worth_what_it_says():
    clever = oracle(cloudy(3))
    for price_wh in (0.0, 2.0, 10.0, 40.0, 200.0):
        corner = clever.at_price(price_wh)
        best = clever.with_commands(corner.commands)
        assert corner.value_wh == pytest.approx(corner.solar_wh - 5 * corner.import_wh)
        assert best.value_wh == pytest.approx(corner.value_wh, abs=0.05)


def test_several_courses_share_their_commands_where_they_pay_most():
    bright, dull = Course(cloudy(4), SetUp(), step_s=60), Course(cloudy(5, most_w=2500), SetUp(), step_s=60)
    both = Oracle([bright, dull], 5.0)
    apart = [Oracle([course], 5.0).with_commands(5).value_wh for course in (bright, dull)]
    assert both.usable_wh == pytest.approx(bright.usable_wh + dull.usable_wh)
    assert both.with_commands(10).value_wh >= sum(apart) - 1e-6


def brute_force(course: Course, weight: float, price_wh: float, gap: int | None) -> float:
    """Return the best value after price over all sequences of states; `gap` steps pass where the phases change."""
    gains = course.gains_wh(weight)
    group, count = course.group, len(course.powers_w)

    def best_from(number: int, state: int | None) -> float:
        if number >= len(gains):
            return 0.0
        values = []
        for new in range(count):
            is_first = state is None
            cost = 0.0 if new == state or (is_first and course.powers_w[new] == 0) else price_wh
            at = number
            if not is_first and gap is not None and new // group != state // group:
                at += gap
                if at >= len(gains):
                    continue
            values.append(gains[at][new] - cost + best_from(at + 1, new))
        return max(values, default=0.0)

    return best_from(0, None)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0, 4000), min_size=2, max_size=6),
    st.sampled_from([0.0, 1.0, 5.0, 20.0]),
    st.sampled_from([1.0, 5.0]),
)
def test_on_a_short_day_it_is_what_brute_force_finds(pvs_w, price_wh, weight):
    trace = rows(*((60.0 * number, pv_w, 0.0) for number, pv_w in enumerate(pvs_w)))
    course = Course(trace, SetUp(min_a=6, max_a=8), step_s=60.0)
    corner = Oracle([course], weight).at_price(price_wh)
    expected_wh = brute_force(course, weight, max(price_wh, 1e-6), None)
    assert corner.value_wh - max(price_wh, 1e-6) * corner.commands == pytest.approx(expected_wh, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0, 9000), min_size=3, max_size=5),
    st.sampled_from([0.0, 1.0, 20.0]),
    st.sampled_from([30.0, 15.0]),
)
def test_with_automatic_phases_too(pvs_w, price_wh, step_s):
    trace = rows(*((step_s * number, pv_w, 0.0) for number, pv_w in enumerate(pvs_w)))
    course = Course(trace, SetUp(phases=(1, 3), min_a=6, max_a=7), step_s=step_s)
    corner = Oracle([course], 5.0).at_price(price_wh)
    expected_wh = brute_force(course, 5.0, max(price_wh, 1e-6), round(30 / step_s))
    assert corner.value_wh - max(price_wh, 1e-6) * corner.commands == pytest.approx(expected_wh, abs=1e-6)


def test_a_bright_hour_between_two_dull_ones_is_worth_two_phase_switches():
    trace = rows((0, 2000, 0), (3600, 2000, 0), (3601, 9000, 0), (7200, 9000, 0), (7201, 2000, 0), (10_800, 2000, 0))
    setup = {"phases": (1, 3), "max_a": 16, "step_s": 10.0}
    corner = oracle(trace, **setup).at_price(5.0)
    assert (corner.starts, corner.phase_switches, corner.commands) == (1, 2, 3)
    assert oracle(trace, **setup).at_price(2000.0).phase_switches < 2


def test_what_was_reckoned_once_is_kept():
    clever = oracle(cloudy(6))
    assert clever.at_price(3.0) is clever.at_price(3.0)
