"""The simulated SmartEVSE does what the firmware's own functions did, second by second; scripts say what is wrong with them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smartevse_traces import SCRIPTS, SMART, SOLAR, TRACES, needs_traces, step, trace_of

from sunbox.simulator.smartevse_script import KEYS, SETTINGS, ScriptError, run_script, steps_from_text


def run(*steps: dict[str, Any]) -> list[dict[str, Any]]:
    return list(run_script(steps_from_text(json.dumps(steps))))


def at(rows: list[dict[str, Any]], second: int) -> dict[str, Any]:
    return rows[second - 1]


def changes(rows: list[dict[str, Any]], key: str) -> list[tuple[int, Any]]:
    """Return when a column changed, and to what."""
    return [(now["t"], now[key]) for before, now in pairwise(rows) if now[key] != before[key]]


@needs_traces
@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_every_row_of_a_golden_trace_is_met(name: str) -> None:
    got, told = run(*SCRIPTS[name]), trace_of(name)
    assert len(got) == len(told)
    assert [list(row) for row in got[:1]] == [list(row) for row in told[:1]]  # the columns, in their order
    wrong = [(mine, its) for mine, its in zip(got, told, strict=True) if mine != its]
    assert wrong == []


@needs_traces
def test_there_is_a_script_for_every_trace() -> None:
    assert {path.stem for path in TRACES.glob("*.jsonl")} == SCRIPTS.keys()


# scenarios that the reference tells without a trace


def test_without_mains_data_it_stops_after_11_s_and_begins_again_with_them() -> None:
    rows = run(step(60, [30, 20, 10], **SMART), step(41, feed_s=None), step(20, feed_s=2))
    assert at(rows, 70)["state"] == "C"
    assert (at(rows, 71)["state"], at(rows, 71)["error_flags"], at(rows, 71)["charge_delay"]) == ("C1", 2, 15)
    assert at(rows, 101)["error_flags"] == 2
    assert at(rows, 102)["error_flags"] == 0
    assert [at(rows, second)["state"] for second in (102, 103, 104)] == ["B1", "B", "C"]


def test_normal_needs_no_mains_data() -> None:
    rows = run(step(60, mode=1, feed_s=None))
    assert (rows[-1]["state"], rows[-1]["charge_current"], rows[-1]["error_flags"]) == ("C", 160, 0)


def test_a_slow_feed_makes_it_fall_twice_for_one_step() -> None:
    rows = run(step(60, [30, 20, 10], feed_s=10, **SMART), step(120, [150, 20, 10]))
    steps = [value for second, value in changes(rows, "charge_current") if second > 60]
    assert steps[:2] == [100, 60]
    regained = next(row["t"] for row in rows[80:] if row["charge_current"] >= 95)
    assert 80 <= regained - 81 <= 120


def test_paused_before_the_car_comes_it_stays_in_a() -> None:
    rows = run(step(5, mode=4, plugged=False), step(10, plugged=True))
    assert (rows[-1]["state"], rows[-1]["access"], rows[-1]["ev_plugged"]) == ("A", 2, 1)


def test_a_full_car_is_woken_once_after_half_a_minute() -> None:
    rows = run(step(60, mode=1, ev_full=True))
    assert changes(rows, "state") == [(31, "Activate"), (34, "B")]
    assert at(rows, 31)["pwm"] == 0


def test_paused_while_it_wakes_a_car_it_does_not_charge_it() -> None:
    rows = run(step(31, mode=1, ev_full=True), step(20, mode=4, ev_full=False), step(3, mode=1))
    # the pause does not end the waking, and the offer that follows is no leave to charge
    assert changes(rows[30:], "state") == [(34, "B"), (52, "C")]
    assert {row["access"] for row in rows[31:51]} == {2}


@pytest.mark.parametrize("told", [{"temp_c": 66}, {"feed_s": None}], ids=["hot", "unfed"])
def test_an_error_while_it_waits_without_an_offer_starts_no_new_wait(told: dict[str, Any]) -> None:
    rows = run(step(40, **SMART), step(60, mode=4), step(30, **told))
    assert at(rows, 100)["state"] == "B1"
    assert {(row["state"], row["charge_delay"]) for row in rows[100:]} == {("B1", 0)}
    assert rows[-1]["error_flags"] != 0


def test_a_pending_switch_of_phases_outlives_the_unplugging() -> None:
    # told to be on one phase while it charges on three, then told to choose: NORMAL asks for three only where it finds one
    one = step(1, settings={"enable_C2": 1}, mode=1)
    auto = step(3, settings={"enable_C2": 4})
    rows = run(step(20, **SMART), one, auto, step(5, plugged=False), step(20, plugged=True))
    assert changes(rows, "state")[-3:] == [(25, "A"), (30, "B"), (32, "C")]
    assert (rows[-1]["nr_phases"], rows[-1]["c2"]) == (1, 0)


def test_smart_and_normal_go_back_to_three_phases() -> None:
    sunny = step(200, -40, settings={"enable_C2": 4}, **SOLAR)
    for mode in (1, 3):
        rows = run(sunny, step(60, 0, mode=mode))
        assert at(rows, 200)["nr_phases"] == 1
        # the mode stops the car first, for the contactors move only when charging begins
        assert [word for _, word in changes(rows[199:], "state")] == ["C1", "B1", "B", "C"]
        assert (rows[-1]["nr_phases"], rows[-1]["c2"]) == (3, 1)


def test_solar_off_closes_one_phase_in_the_sun_only() -> None:
    rows = run(step(60, 0, settings={"enable_C2": 2}, **SMART), step(200, -60, mode=2), step(60, 0, mode=3))
    assert (at(rows, 60)["c1"], at(rows, 60)["c2"]) == (1, 1)
    assert (at(rows, 255)["state"], at(rows, 255)["c2"]) == ("C", 0)
    assert (rows[-1]["state"], rows[-1]["c2"]) == ("C", 1)


def test_solar_forgets_an_override_and_takes_none() -> None:
    told = {"override_current": 80}
    rows = run(step(30, settings=told, mode=1), step(200, -80, mode=2, settings=told), step(60, 0, mode=3))
    assert at(rows, 30)["charge_current"] == 80
    assert rows[-1]["charge_current"] == 160


def test_more_than_twice_the_mains_stops_at_once() -> None:
    rows = run(step(60, [30, 20, 10], **SMART), step(10, [345, 20, 10]))
    assert (at(rows, 63)["state"], at(rows, 63)["error_flags"]) == ("C1", 1)


@pytest.mark.parametrize(("base", "step_da"), [(-4, 1), (-12, 5), (3, 0), (4, -1), (11, -5), (30, -45)])
def test_in_the_sun_each_measurement_moves_it_by_its_size(base: int, step_da: int) -> None:
    from sunbox.simulator.smartevse_law import sun_step_da

    total = {-4: -4, -12: -12, 3: 3, 4: 4, 11: 11, 30: 90}[base]
    assert sun_step_da(total, room_da=100) == step_da


def test_b1_while_it_is_on_takes_the_pilot_away_for_5_s() -> None:
    rows = run(step(200, -40, settings={"enable_C2": 4}, **SOLAR), step(20, 0, mode=3))
    assert changes(rows[199:], "state") == [(201, "C1"), (202, "B1"), (207, "B"), (208, "C")]
    paused = run(step(20, mode=1), step(10, mode=4), step(10, mode=1))
    assert changes(paused[19:], "state") == [(21, "C1"), (22, "B1"), (31, "B"), (32, "C")]


def test_always_off_is_one_phase_in_every_mode() -> None:
    for mode in (1, 2, 3):
        rows = run(step(120, -60, settings={"enable_C2": 1}, mode=mode))
        assert [rows[-1][name] for name in ("state", "nr_phases", "c1", "c2", "ev_phases")] == ["C", 1, 1, 0, 1]


def test_a_setting_of_the_contactor_waits_for_the_next_start() -> None:
    rows = run(step(20, mode=1), step(20, settings={"enable_C2": 1}), step(10, mode=4), step(20, mode=1))
    assert (at(rows, 40)["c2"], rows[-1]["c2"]) == (1, 0)


def test_a_script_that_says_nothing_charges_in_normal() -> None:
    rows = run({"seconds": 10})
    assert (rows[-1]["mode"], rows[-1]["access"], rows[-1]["charge_current"]) == (0, 1, 160)


def test_an_import_that_is_allowed_keeps_it_charging() -> None:
    rows = run(step(300, -30, settings={"solar_max_import": 9, "stop_timer": 1}, **SOLAR))
    assert rows[-1]["state"] == "C"
    assert abs(rows[-1]["isum"] - 90) <= 3
    assert rows[-1]["solar_stop_timer"] == 0


# anything that can be told

STEPS = st.lists(
    st.fixed_dictionaries(
        {"seconds": st.integers(0, 90)},
        optional={
            "base_da": st.lists(st.integers(-400, 400), min_size=3, max_size=3),
            "feed_s": st.sampled_from([None, 1, 2, 5, 10]),
            "mode": st.integers(0, 4),
            "plugged": st.booleans(),
            "ev_full": st.booleans(),
            "temp_c": st.integers(0, 90),
            "battery_da": st.none() | st.integers(-300, 300),
            "settings": st.fixed_dictionaries(
                {},
                optional={
                    "enable_C2": st.integers(0, 4),
                    "stop_timer": st.integers(0, 2),
                    "current_max_sum_mains": st.sampled_from([0, 10, 30, 75]),
                    "max_sum_mains_timer": st.integers(0, 2),
                    "override_current": st.sampled_from([0, 60, 83, 160]),
                    "solar_start_current": st.integers(0, 20),
                    "solar_max_import": st.integers(0, 20),
                },
            ),
        },
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_is_told_these_hold(steps: list[dict[str, Any]]) -> None:
    for row in run(*steps):
        assert 0 <= row["charge_current"] <= 160
        if row["state"] in ("A", "B1"):
            assert (row["c1"], row["c2"], row["pwm"]) == (0, 0, 1024)
        if row["state"] == "C":
            assert row["c1"] == 1
            assert 102 <= row["pwm"] <= 272
            assert row["charge_current"] >= 60
            assert row["access"] == 1
        assert row["c1"] >= row["c2"]
        assert row["ev_amps"] == 0 or row["ev_plugged"]
        assert 0 <= row["charge_delay"] <= 60
        assert 0 <= row["no_current"] <= 3


# bad scripts


def problems_of(text: str) -> list[str]:
    with pytest.raises(ScriptError) as caught:
        steps_from_text(text)
    return caught.value.problems


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"seconds": -1}, ["step 1", "'seconds'", "-1", "0 to 10000000"]),
        ({"seconds": True}, ["step 1", "'seconds'", "true"]),
        ({"seconds": 10_000_001}, ["step 1", "'seconds'", "10000001", "0 to 10000000"]),
        ({"seconds": float("nan")}, ["step 1", "'seconds'", "NaN", "whole numbers"]),
        ({"temp_c": float("inf")}, ["step 1", "'temp_c'", "Infinity", "-50 to 125"]),
        ({"base_da": [1, 2]}, ["step 1", "'base_da'", "[1, 2]", "three"]),
        ({"feed_s": 0}, ["step 1", "'feed_s'", "0", "null"]),
        ({"mode": 5}, ["step 1", "'mode'", "5", "0 (OFF)", "4 (PAUSE)"]),
        ({"plugged": 1}, ["step 1", "'plugged'", "1", "true and false"]),
        ({"modes": 1}, ["step 1", "'modes'", "allowed keys are seconds, base_da"]),
        ({"settings": {"stop_timer": 61}}, ["step 1", "'stop_timer'", "61", "0 to 60"]),
        ({"settings": {"nonsense": 1}}, ["step 1", "'nonsense'", "allowed keys are current_min"]),
        ({"settings": {"enable_C2": "auto"}}, ["step 1", "'enable_C2'", '"auto"', "4 (Auto)"]),
        ({"settings": {"override_current": 161}}, ["step 1", "'override_current'", "161", "60 to 160"]),
        ({"settings": {"current_max_sum_mains": 9}}, ["step 1", "9", "10 to 600, and 0"]),
        ({"settings": []}, ["step 1", "'settings'", "[]", "object"]),
    ],
)
def test_a_mistake_is_told_with_what_is_allowed(told: dict[str, Any], words: list[str]) -> None:
    (problem,) = problems_of(json.dumps([told]))
    assert [word for word in words if word not in problem] == []


def test_all_mistakes_are_told_at_once() -> None:
    assert len(problems_of('[{"seconds": "x", "mode": 9}, 3, {"temp_c": null}]')) == 4


@pytest.mark.parametrize("text", ["", "{", "{}", "3", "[]", "null", "[" * 100_000])
def test_what_is_no_list_of_steps_is_told(text: str) -> None:
    assert len(problems_of(text)) == 1


def test_words_do_as_well_as_numbers() -> None:
    by_words = [{"seconds": 9, "mode": "SMART", "settings": {"enable_C2": "Auto", "mains_meter": "API"}}]
    by_numbers = [{"seconds": 9, "mode": 3, "settings": {"enable_C2": 4, "mains_meter": 9}}]
    assert run(*by_words) == run(*by_numbers)


def test_an_empty_script_is_told_what_is_allowed() -> None:
    assert problems_of("[]") == ["the script is []: allowed is a list of at least one step, [{…}, {…}]"]


def test_a_step_without_seconds_has_no_rows() -> None:
    assert run({}) == []
    assert set(KEYS) == {
        *("seconds", "base_da", "feed_s", "settings", "mode", "plugged", "temp_c", "battery_da", "ev_full")
    }
    assert {"stop_timer", "enable_C2", "solar_max_import"} <= SETTINGS.keys()
