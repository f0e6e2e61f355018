"""`sunbox bench pv`: what it prints, and what it refuses."""

import json

import pytest

from sunbox.cli.bench import POLICIES, WITH_AUTO_PHASES
from sunbox.simulator.rivals import RIVALS

KEYS = [
    "policy",
    "solar_share_pct",
    "capture_pct",
    "import_kwh_per_30d",
    "net_pct",
    "net_after_price_pct",
    "starts_per_day",
    "phase_switches_per_day",
    "commands_per_day",
    "oracle_capture_pct",
    "oracle_import_kwh_per_30d",
]


@pytest.fixture
def trace(tmp_path):
    """Return six hours: sun, a cloud, sun."""
    path = tmp_path / "day.csv"
    lines = ["time,pv_w_per_kwp,load_w"]
    for minute in range(360):
        pv_w = 100 if 150 <= minute < 200 else 500 + minute % 60
        lines.append(f"2024-06-17T{8 + minute // 60:02}:{minute % 60:02}:00Z,{pv_w},400")
    path.write_text("\n".join(lines))
    return path


def told(run, *words):
    ran = run("bench", "pv", *words, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_json_has_exactly_these_keys(run, trace):
    answer = told(run, "--trace", trace, "--solar-share", "100", "--solar-share", "50")
    assert list(answer) == ["set_up", "rows"]
    assert all(list(row) == KEYS for row in answer["rows"])
    assert [(row["policy"], row["solar_share_pct"]) for row in answer["rows"]] == [
        ("sunbox", 100.0),
        ("sunbox", 50.0),
        *((name, None) for name in RIVALS),
        ("oracle", 100.0),
        ("oracle", 50.0),
    ]


def test_the_home_is_what_was_asked_for(run, trace):
    words = ("--kwp", "5", "--phases", "3", "--max-amps", "20", "--min-amps", "8", "--commands-per-day", "48")
    times = ("--meter-interval", "5", "--meter-delay", "2", "--car-delay", "3", "--command-price-wh", "5")
    answer = told(run, "--trace", trace, "--policy", "plain", *words, *times)
    assert answer["set_up"] == {
        "traces": [str(trace)],
        "kwp": 5.0,
        "phases": "3",
        "min_amps": 8,
        "max_amps": 20,
        "voltage_v": 230.0,
        "meter_interval_s": 5.0,
        "meter_delay_s": 2.0,
        "car_delay_s": 3.0,
        "commands_per_day": 48,
        "command_price_wh": 5.0,
        "left_out": [],
    }


@pytest.mark.parametrize(("phases", "most_a"), [("1", 32), ("3", 16), ("auto", 16)])
def test_the_most_follows_from_the_phases(run, trace, phases, most_a):
    answer = told(run, "--trace", trace, "--phases", phases, "--policy", "oracle")
    assert answer["set_up"]["max_amps"] == most_a
    assert answer["set_up"]["commands_per_day"] == "unlimited"


def test_the_price_of_commands_is_taken_off(run, trace):
    (row,) = told(run, "--trace", trace, "--policy", "evcc", "--command-price-wh", "100")["rows"]
    assert row["net_after_price_pct"] < row["net_pct"] < row["capture_pct"]


def test_the_oracle_keeps_the_budget(run, trace):
    (row,) = told(run, "--trace", trace, "--policy", "oracle", "--commands-per-day", "8")["rows"]
    (free,) = told(run, "--trace", trace, "--policy", "oracle")["rows"]
    assert row["commands_per_day"] == pytest.approx(8)
    assert free["commands_per_day"] > 8
    assert row["net_pct"] < free["net_pct"]


def test_two_traces_are_twice_the_time(run, trace):
    once, twice = (told(run, *["--trace", trace] * count, "--policy", "evcc")["rows"][0] for count in (1, 2))
    assert twice == once


def test_traces_may_differ_in_length_and_in_steps(run, trace, tmp_path):
    quick = tmp_path / "seconds.csv"
    lines = [f"2024-06-18T10:{second // 60:02}:{second % 60:02}Z,{2000 + second},300" for second in range(1800)]
    quick.write_text("\n".join(["time,pv_w,load_w", *lines]))
    (both,) = told(run, "--trace", trace, "--trace", quick, "--policy", "plain")["rows"]
    one, other = (told(run, "--trace", each, "--policy", "plain")["rows"][0] for each in (trace, quick))
    low, high = sorted((one["capture_pct"], other["capture_pct"]))
    assert low < both["capture_pct"] < high


def test_who_cannot_switch_phases_is_left_out_and_that_is_said(run, trace):
    ran = run("bench", "pv", "--trace", trace, "--phases", "auto", "--json")
    answer = json.loads(ran.out)
    assert set(answer["set_up"]["left_out"]) == set(POLICIES) - WITH_AUTO_PHASES
    assert {row["policy"] for row in answer["rows"]} == WITH_AUTO_PHASES
    assert not WITH_AUTO_PHASES & set(RIVALS)
    assert "do not switch phases" in ran.err


def test_the_table_has_every_policy_and_says_what_its_columns_mean(run, trace):
    ran = run("bench", "pv", "--trace", trace)
    assert ran.code == 0
    assert all(policy in ran.out for policy in POLICIES)
    assert "÷ usable surplus" in ran.out
    assert "10 kWp, phases 1, 6-32 A, unlimited commands a day" in ran.out
    assert ran.err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--trace"),
        (("--trace", "nowhere.csv"), "there is no such file"),
        (("--trace", "day.csv", "--policy", "nobody"), "openwb"),
        (("--trace", "day.csv", "--phases", "2"), "auto"),
        (("--trace", "day.csv", "--commands-per-day", "0"), "neither a number from 1"),
        (("--trace", "day.csv", "--min-amps", "20", "--max-amps", "10"), "more than the most"),
        (("--trace", "day.csv", "--solar-share", "101"), "101"),
        (("--trace", "day.csv", "--meter-interval", "0"), "0"),
        (("--trace", "day.csv", "--solar-share", "nan"), "0<=x<=100"),
        (("--trace", "day.csv", "--kwp", "nan"), "0.1<=x<=1000"),
    ],
)
def test_a_wrong_word_is_explained(run, trace, monkeypatch, words, said):
    monkeypatch.chdir(trace.parent)
    ran = run("bench", "pv", *words)
    assert ran.code != 0
    assert said in ran.err
    assert ran.out == ""


def test_a_box_by_its_own_law_and_by_sunbox(run):
    ran = run("bench", "smartevse", "--scenario", "load_step_10s", "--json")
    assert ran.code == 0, ran.err
    law, *ours = json.loads(ran.out)
    assert (law["by"], law["used_pct"], law["failings"]) == ("box law", 60.0, [])
    assert [(row["by"], row["used_pct"], row["failings"]) for row in ours] == [
        ("sunbox", 100.0, []),
        ("sunbox, NORMAL", 100.0, []),
    ]
    assert all(row["energy_wh"] > law["energy_wh"] and row["overload_s"] <= law["overload_s"] for row in ours)


def test_the_box_in_a_table(run):
    ran = run("bench", "smartevse", "--scenario", "solar_drop_in_delay")
    assert ran.code == 0, ran.err
    assert "imported Wh" in ran.out
    assert ran.out.count("solar_drop_in_delay") == 3


def test_a_scenario_that_is_not_there(run):
    ran = run("bench", "smartevse", "--scenario", "night")
    assert ran.code == 2
    assert "load_step_10s" in ran.err
