"""From surplus to set-point: start after it has lasted, down at once, up with care, stop after it fell short."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.bench import NOON, after_s

from sunbox.core.model import LoadpointMemory, Mode, Wish
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.regulator import RAISE_AFTER_S, Range, decide_from_surplus
from sunbox.core.state import LoadpointState
from sunbox.core.wallbox import SetPoint

CAN = Range(min_a=6, max_a=16, phases=1, voltage_v=230.0, start_delay_s=60.0, stop_delay_s=180.0)
MIN_W = CAN.min_w
SLACK_W = CAN.tolerance_w


def loadpoint(amps_a: int = 0) -> LoadpointState:
    return LoadpointState(
        memory=LoadpointMemory(wish=Wish(mode=Mode.PV)),
        set_point=SetPoint(charge=amps_a > 0, amps_a=amps_a),
        reason=Reason(ReasonCode.NEVER_SEEN),
    )


def follow(
    lp: LoadpointState,
    readings: list[tuple[float, float]],
    *,
    can: Range = CAN,
    runs: bool | None = None,
    spread_w: float = 0.0,
) -> tuple[LoadpointState, list[int]]:
    """Return the loadpoint after readings of (instant in s, surplus in W), and the amps after each (0 = not charging)."""
    amps = []
    before_s: float | None = None
    for seconds, surplus_w in readings:
        does_run = lp.set_point.charge if runs is None else runs
        low_w, high_w = surplus_w - spread_w, surplus_w + spread_w
        dt_s = 1.0 if before_s is None else seconds - before_s
        before_s = seconds
        lp = decide_from_surplus(lp, can, low_w, high_w, after_s(seconds), runs=does_run, dt_s=dt_s)
        amps.append(lp.set_point.amps_a if lp.set_point.charge else 0)
    return lp, amps


def every(step_s: float, start_s: float, end_s: float, surplus_w: float) -> list[tuple[float, float]]:
    return [(start_s + n * step_s, surplus_w) for n in range(int((end_s - start_s) / step_s) + 1)]


def test_nothing_starts_without_enough() -> None:
    for surplus_w in (-5000.0, 0.0, MIN_W - 1):
        lp, amps = follow(loadpoint(), every(10, 0, 600, surplus_w))
        assert not any(amps)
        assert lp.reason.code is ReasonCode.SURPLUS_LOW


@pytest.mark.parametrize(
    ("surplus_w", "start_a", "after_s_"),
    [(MIN_W, 6, 60), (2299.0, 9, 40), (2300.0, 10, 40), (3680.0, 16, 30), (9000.0, 16, 10)],
)
def test_a_start_takes_what_the_minimum_takes_in_the_delay_and_goes_straight_to_what_there_is(
    surplus_w: float, start_a: int, after_s_: int
) -> None:
    _, amps = follow(loadpoint(), every(10, 0, after_s_, surplus_w))
    assert amps == [0] * (after_s_ // 10) + [start_a]


def test_a_start_tells_when_it_will_be() -> None:
    lp, _ = follow(loadpoint(), [(0, MIN_W), (10, MIN_W)])
    assert lp.reason.code is ReasonCode.SURPLUS_STARTING
    assert lp.reason.changes_at == after_s(59)
    assert lp.reason.numbers["start_wh"] == pytest.approx(23.0)
    assert lp.reason.numbers["missed_wh"] == pytest.approx(MIN_W * 11 / 3600)


def test_a_gap_takes_back_what_was_missed() -> None:
    readings = [*every(10, 0, 40, MIN_W), (50, 0.0), *every(10, 60, 120, MIN_W)]
    _, amps = follow(loadpoint(), readings)
    assert amps == [0] * 11 + [6, 6]  # the whole delay anew


def test_a_dip_of_a_few_watts_does_not_begin_anew() -> None:
    readings = [*every(10, 0, 40, MIN_W), (50, MIN_W - 20), *every(10, 60, 80, MIN_W)]
    _, amps = follow(loadpoint(), readings)
    assert amps == [0] * 7 + [6, 6]


def test_no_start_into_a_fall() -> None:
    can = replace(CAN, ahead_w=-500.0)
    _, amps = follow(loadpoint(), every(10, 0, 120, MIN_W + 400), can=can)
    assert not any(amps)


def test_a_pause_and_a_run_last_their_least_time() -> None:
    can = replace(CAN, min_run_s=300.0, min_pause_s=300.0, stop_delay_s=10.0)
    lp, amps = follow(loadpoint(), [*every(10, 0, 100, MIN_W), *every(10, 110, 600, -500.0)], can=can)
    began = amps.index(6)
    assert amps.index(0, began) == began + 30
    stopped_at = lp.switched_at
    assert stopped_at is not None
    lp, amps = follow(lp, every(10, 610, 900, 9000.0), can=can)
    started_at = lp.switched_at
    assert started_at is not None
    assert (started_at - stopped_at).total_seconds() == 300.0


def test_what_the_car_burns_itself_must_be_there_too() -> None:
    can = replace(CAN, overhead_w=300.0)
    _, amps = follow(loadpoint(), every(10, 0, 300, MIN_W + 299), can=can)
    assert not any(amps)
    _, amps = follow(loadpoint(), every(10, 0, 300, MIN_W + 300), can=can)
    assert amps[-1] == 7


def test_min_pv_starts_at_once_and_never_stops() -> None:
    can = replace(CAN, stops=False)
    _, amps = follow(loadpoint(), every(10, 0, 900, -3000.0), can=can)
    assert set(amps) == {6}


def test_a_fall_is_met_before_it_has_happened_and_a_rise_too() -> None:
    _, amps = follow(loadpoint(10), [(0, 2300.0)], can=replace(CAN, ahead_w=-460.0))
    assert amps == [8]
    _, amps = follow(loadpoint(10), [(0, 2300.0), (10, 2300.0)], can=replace(CAN, ahead_w=460.0))
    assert amps == [10, 12]


def test_between_clouds_a_reserve_is_kept_where_import_is_dear() -> None:
    cloudy = replace(CAN, spread_w=330.0)
    _, amps = follow(loadpoint(10), [(0, 2300.0)], can=cloudy)
    assert amps == [8]
    _, amps = follow(loadpoint(10), [(0, 2300.0)], can=replace(cloudy, share=0.5))
    assert amps == [10]


def test_with_dear_commands_a_start_leaves_the_car_as_it_is_set_if_that_is_near() -> None:
    can = replace(CAN, price_wh=50.0, start_price_wh=0.0)
    _, amps = follow(loadpoint(), every(10, 0, 60, 9 * 230.0), can=replace(can, set_a=8))
    assert amps[-1] == 8
    _, amps = follow(loadpoint(), every(10, 0, 60, 16 * 230.0), can=replace(can, set_a=6))
    assert amps[-1] == 16
    _, amps = follow(loadpoint(), every(10, 0, 60, 6 * 230.0), can=replace(can, set_a=16))
    assert amps[-1] == 6


def test_a_start_that_knows_only_an_interval_takes_the_low_end() -> None:
    lp, amps = follow(loadpoint(), every(10, 0, 120, 2000.0), spread_w=700.0)
    assert not any(amps)
    assert lp.reason.code is ReasonCode.SURPLUS_LOW


@pytest.mark.parametrize(
    ("surplus_w", "amps_a"),
    [
        (16 * 230.0, 16),
        (16 * 230.0 - SLACK_W, 16),  # the noise of meters is no command
        (16 * 230.0 - SLACK_W - 1, 16),  # of the last ampere more is sun than its import would cost
        (16 * 230.0 - 52, 15),
        (10 * 230.0 + 1, 10),
        (MIN_W + 1, 6),
        (MIN_W - SLACK_W, 6),
        (0.0, 6),  # the minimum while the stop delay runs
        (-9000.0, 6),
    ],
)
def test_down_at_once(surplus_w: float, amps_a: int) -> None:
    _, amps = follow(loadpoint(16), [(0, surplus_w)])
    assert amps == [amps_a]


def test_down_takes_the_high_end_and_up_the_low_end() -> None:
    _, amps = follow(loadpoint(10), every(10, 0, 60, 2300.0), spread_w=1000.0)
    assert set(amps) == {10}


def test_up_after_two_readings() -> None:
    _, amps = follow(loadpoint(6), every(10, 0, 20, 12 * 230.0))
    assert amps == [6, 12, 12]


def test_up_only_as_far_as_all_readings_allowed() -> None:
    _, amps = follow(loadpoint(6), [(0, 9 * 230.0), (10, 16 * 230.0)])
    assert amps == [6, 9]
    _, amps = follow(loadpoint(6), [(0, 16 * 230.0), (10, 9 * 230.0)])
    assert amps == [6, 9]


def test_a_reading_without_more_resets_the_raise() -> None:
    _, amps = follow(loadpoint(6), [(0, 3000.0), (RAISE_AFTER_S - 1, 6 * 230.0), (RAISE_AFTER_S + 1, 3000.0)])
    assert amps == [6, 6, 6]


def test_fast_readings_do_not_hurry_a_raise() -> None:
    _, amps = follow(loadpoint(6), every(1, 0, 12, 3000.0))
    assert amps.index(13) == RAISE_AFTER_S


def test_one_reading_of_a_slow_meter_is_enough_for_a_raise() -> None:
    _, amps = follow(loadpoint(6), [(0, 6 * 230.0), (60, 12 * 230.0)])
    assert amps == [6, 12]


def test_a_stop_takes_its_delay_where_nothing_is_left() -> None:
    lp, amps = follow(loadpoint(16), every(10, 0, 180, -2000.0))
    assert amps == [6] * 18 + [0]
    assert lp.reason.code is ReasonCode.SURPLUS_LOW


def test_a_stop_counts_import_and_so_takes_longer_where_some_sun_is_left() -> None:
    _, amps = follow(loadpoint(16), every(10, 0, 600, MIN_W / 2))
    assert 35 <= amps.index(0) <= 38  # half the shortage, twice the time


def test_the_minimum_tells_what_ends_it() -> None:
    lp, _ = follow(loadpoint(16), [(0, 500.0), (10, 400.0)])
    assert lp.reason.code is ReasonCode.CHARGING_MINIMUM
    assert 0 < lp.reason.numbers["import_wh"] < lp.reason.numbers["stop_wh"]


def test_sun_above_the_minimum_pays_back_what_was_imported() -> None:
    readings = [*every(10, 0, 120, 0.0), *every(10, 130, 260, 2 * MIN_W), *every(10, 270, 430, 0.0)]
    _, amps = follow(loadpoint(6), readings)
    assert 0 not in amps


def test_half_sun_is_enough_where_that_is_asked_for() -> None:
    can = replace(CAN, share=0.5)
    _, amps = follow(loadpoint(), every(10, 0, 60, MIN_W / 2), can=can)
    assert amps[-1] == 6
    _, amps = follow(loadpoint(6), every(10, 0, 900, MIN_W / 2), can=can)
    assert set(amps) == {6}


def test_a_dear_command_waits_until_what_it_brings_has_paid_for_it() -> None:
    can = replace(CAN, price_wh=20.0)
    _, amps = follow(loadpoint(6), every(10, 0, 300, 12 * 230.0), can=can)
    raised = next(n for n, now in enumerate(amps) if now > 6)
    assert amps[raised] == 12
    assert raised == 1  # 6 A × 230 V = 1380 W go on for a minute: 23 Wh
    _, amps = follow(loadpoint(6), every(10, 0, 300, 8 * 230.0), can=can)
    assert amps.index(8) == 10  # 460 W: 8 Wh in a minute, 12 Wh lost in 94 s


def test_gaps_between_clouds_are_not_worth_a_dear_command() -> None:
    can = replace(CAN, price_wh=60.0)
    flicker = [(10.0 * n, 16 * 230.0 if n % 3 == 0 else 7 * 230.0) for n in range(120)]
    _, amps = follow(loadpoint(6), flicker, can=can)
    assert max(amps) == 7


def test_import_pays_for_a_dear_command_sooner_than_sun() -> None:
    can = replace(CAN, price_wh=20.0)
    _, amps = follow(loadpoint(16), every(10, 0, 300, 10 * 230.0), can=can)
    assert amps.index(10) < 5


def test_within_the_slack_a_car_at_its_minimum_goes_on() -> None:
    _, amps = follow(loadpoint(6), every(10, 0, 900, MIN_W - SLACK_W))
    assert set(amps) == {6}


def test_until_current_flows_the_set_point_follows_freely_and_is_called_off() -> None:
    lp, amps = follow(loadpoint(10), [(0, 16 * 230.0), (1, 7 * 230.0), (2, 12 * 230.0)], runs=False)
    assert amps == [16, 7, 12]
    _, amps = follow(lp, [(3, MIN_W - SLACK_W - 1), (4, 3000.0)], runs=False)
    assert amps == [0, 0]  # and the whole delay begins anew


def test_a_stopped_car_needs_the_whole_start_delay_again() -> None:
    _, amps = follow(loadpoint(6), [*every(10, 0, 180, 0.0), *every(10, 190, 220, 3000.0)])
    assert amps[-4:] == [0, 0, 13, 13]


def test_a_smaller_cap_lowers_at_once_and_says_so() -> None:
    can = replace(CAN, max_a=8, cap_why="a test")
    lp, amps = follow(loadpoint(16), [(0, 9000.0)], can=can)
    assert amps == [8]
    assert "a test" in str(lp.reason.numbers["cap"])


def test_three_phases_need_three_times_as_much() -> None:
    can = replace(CAN, phases=3)
    _, amps = follow(loadpoint(), every(10, 0, 60, 3 * MIN_W - 1), can=can)
    assert not any(amps)
    _, amps = follow(loadpoint(), every(10, 0, 60, 3 * 10 * 230.0), can=can)
    assert amps[-1] == 10


@given(
    st.integers(0, 16).filter(lambda amps: amps == 0 or amps >= 6),
    st.lists(
        st.tuples(st.floats(0.5, 120), st.floats(-2e4, 2e4), st.floats(0, 3000), st.booleans()), min_size=1, max_size=40
    ),
)
def test_set_points_stay_in_range_and_are_carried_by_the_surplus(
    amps_a: int, readings: list[tuple[float, float, float, bool]]
) -> None:
    lp = loadpoint(amps_a)
    at = NOON
    for wait_s, low_w, spread_w, runs in readings:
        at = after_s(wait_s, at)
        before = lp.set_point
        lp = decide_from_surplus(lp, CAN, low_w, low_w + spread_w, at, runs=runs, dt_s=wait_s)
        now = lp.set_point
        if not now.charge:
            assert now.amps_a == 0
            continue
        assert CAN.min_a <= now.amps_a <= CAN.max_a
        if not before.charge or now.amps_a > max(before.amps_a, CAN.min_a):
            assert now.amps_a * 230.0 <= low_w + SLACK_W + 1
        if before.charge and runs and now.amps_a < before.amps_a:
            assert before.amps_a > CAN.max_a or low_w + spread_w < before.amps_a * 230.0 - SLACK_W
