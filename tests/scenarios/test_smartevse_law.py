"""sunbox beside the law of a SmartEVSE, at the same box: the floors of `sunbox bench smartevse`."""

from __future__ import annotations

import pytest
from tests.simulator.smartevse_traces import SCRIPTS

from sunbox.cli.bench_smartevse import CHARGERS, LAW, NAMES, rows_of
from sunbox.simulator.bench.smartevse import GARAGES, SCENARIOS, STEPPED, by_law, limits_of, steps_of, used_pct

LONG = ("solar_auto", "solar_basic")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in NAMES])
def test_sunbox_is_not_worse_than_the_law_of_the_box(name: str) -> None:
    law, *ours = rows_of(name)
    assert (law.by, [row.by for row in ours]) == (LAW, list(CHARGERS))
    assert law.outcome.energy_wh > 0
    for row in ours:
        assert row.failings == (), row.by
        assert row.outcome.late_s == 0
        if name in STEPPED:
            assert row.used_pct is not None
            assert row.used_pct >= 95.0, row.by
        if name in GARAGES:
            assert row.outcome.most_da <= 200
            assert row.outcome.least_da >= 60
            assert row.outcome.starts == 2


@pytest.mark.parametrize(("name", "least_pct", "most_pct"), [("load_step_2s", 95, 100), ("load_step_10s", 60, 60)])
def test_the_law_falls_to_the_minimum_where_the_feed_is_slow(name: str, least_pct: float, most_pct: float) -> None:
    steps = steps_of(name)
    seconds = by_law(steps)
    assert least_pct <= used_pct(seconds, limits_of(steps)) <= most_pct
    assert (min(now.drawn_da[0] for now in seconds[80:]) == 60) is (name == "load_step_10s")


def test_the_scenarios_are_those_of_the_golden_traces() -> None:
    golden = {name: script for name, script in SCRIPTS.items() if name.startswith(("solar_", "smart_"))}
    assert {name: SCENARIOS[name] for name in golden} == golden
    assert set(SCENARIOS) - set(golden) == set(STEPPED)
