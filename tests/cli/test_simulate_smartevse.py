"""`sunbox simulate smartevse --script`: rows on standard output, mistakes named; and `sunbox simulate` stays as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sunbox.cli.demo import DEFAULT_KINDS, simulated_home
from sunbox.simulator.scenario import ChargerKind

STEPS = [
    {"seconds": 10, "mode": 3, "base_da": [30, 20, 10], "settings": {"stop_timer": 1}},
    {"seconds": 5, "plugged": False},
]


def test_a_script_prints_a_row_a_second(run, tmp_path):
    path = tmp_path / "steps.json"
    path.write_text(json.dumps(STEPS))
    ran = run("simulate", "smartevse", "--script", path)
    assert (ran.code, ran.err) == (0, "")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert [row["t"] for row in rows] == list(range(1, 16))
    assert [row["state"] for row in rows[4:6]] == ["B", "C"]
    assert rows[-1]["state"] == "A"
    assert list(rows[0]) == [
        *("t", "mains", "ev_plugged", "ev_phases", "ev_amps", "mode", "access", "state", "state_id", "error_flags"),
        *("charge_current", "iset", "isum", "solar_stop_timer", "max_sum_timer", "charge_delay", "no_current"),
        *("nr_phases", "c1", "c2", "pwm"),
    ]


def test_a_bad_script_names_step_key_value_and_what_is_allowed(run, tmp_path):
    path = tmp_path / "steps.json"
    path.write_text('[{"seconds": 1}, {"seconds": "x", "settings": {"stop_timer": 99}, "colour": 1}]')
    ran = run("simulate", "smartevse", "--script", path)
    assert (ran.code, ran.out) == (2, "")
    keys = "seconds, base_da, feed_s, settings, mode, plugged, temp_c, battery_da, ev_full"
    assert ran.err.splitlines() == [
        "step 2, key 'seconds', value \"x\": allowed are whole numbers from 0 to 10000000",
        f"step 2, key 'colour', value 1: allowed keys are {keys}",
        "step 2, settings, key 'stop_timer', value 99: allowed are whole numbers from 0 to 60",
    ]


@pytest.mark.parametrize("text", [None, b"\xff\xfe", b"", b"{"])
def test_a_file_that_cannot_be_read_is_told(run, tmp_path, text):
    path = tmp_path / "steps.json"
    if text is not None:
        path.write_bytes(text)
    ran = run("simulate", "smartevse", "--script", path)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert ran.err.startswith(("cannot read", "the script is no JSON"))


def test_options_of_the_home_are_not_for_a_device(run):
    ran = run("simulate", "--speed", "10", "smartevse", "--script", "x.json")
    assert ran.code == 2
    assert "--speed is for the home; options of smartevse stand behind it" in ran.err


def test_the_home_is_still_simulated_without_a_name(run):
    assert "--scenario FILE" in run("simulate", "--help").out
    ran = run("simulate", "--scenario", "gone.yaml")
    assert ran.code == 2
    assert "gone.yaml" in ran.err


def test_the_home_has_the_wallboxes_that_are_asked_for() -> None:
    both = simulated_home((ChargerKind.SMARTEVSE, ChargerKind.GOE, ChargerKind.SMARTEVSE))
    assert [(each.id, each.kind.value) for each in both.chargers] == [("drive", "smartevse"), ("garage", "goe")]
    assert [each.kind for each in simulated_home(DEFAULT_KINDS).chargers] == [ChargerKind.GOE]


def test_a_scenario_names_its_own_wallboxes(run: Any) -> None:
    ran = run("simulate", "--scenario", "home.yaml", "--charger", "smartevse")
    assert ran.code == 2
    assert "--charger" in ran.err
    assert "leave one of them out" in ran.err
