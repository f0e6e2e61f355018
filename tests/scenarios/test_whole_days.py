"""Whole days: what clients cost, what a commuter costs, what a journal replays."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.scenarios.home import Home, live, living
from tests.scenarios.site_days import june_file, needs_june

from sunbox.cli.day import DayOptions, run_days
from sunbox.gateway.replay import replay_file
from sunbox.simulator.habits import Presence
from sunbox.simulator.scenario import CarScenario, ChargerKind, Scenario, build_trace

pytestmark = pytest.mark.slow


async def _day(home: Home, seconds: int, *, watched: bool) -> dict[str, object]:
    if not watched:
        await home.sleep(seconds)
    for _ in range(seconds if watched else 0):
        assert b'"status"' in await home.peek("/tlwb/1/status")
        await home.sleep(1)
    return home.simulated.cloud.bill.to_json()


def test_a_client_that_reads_every_second_changes_nothing_on_the_bill() -> None:
    bills = []
    states = []
    for watched in (False, True):

        async def main(watched: bool = watched) -> None:
            scenario = Scenario(start="08:00", cars=(CarScenario(never_full=True),))
            async with living(scenario=scenario, trace=build_trace(scenario), start_at=scenario.start_at()) as home:
                bills.append(await _day(home, 8 * 3600, watched=watched))
                states.append(home.truth())

        live(main)
    assert bills[0]["total"]["command"] > 20
    assert bills[0] == bills[1]
    assert states[0] == states[1]


def test_a_commuters_week_is_cheap_and_lets_the_car_sleep() -> None:
    score = run_days(DayOptions(presence=Presence.COMMUTER, days=7), None)
    assert score.charged_kwh > 20
    assert score.import_kwh_per_30d < 25
    assert score.wakes_per_day < 3
    assert score.data_per_day < 25


@pytest.mark.parametrize("battery_kwh", [0.0, 10.0])
def test_a_days_journal_replays_to_the_same_decisions(tmp_path: Path, battery_kwh: float) -> None:
    run_days(DayOptions(journal=tmp_path, battery_kwh=battery_kwh), None)
    files = sorted(tmp_path.glob("*.jsonl"))
    assert files
    replays = [replay_file(path) for path in files]
    for replayed in replays:
        assert replayed.first_difference is None
        assert replayed.same_version
    assert sum(replayed.events for replayed in replays) > 8000


@needs_june
def test_a_go_e_switches_phases_by_itself_over_changeable_days_whatever_befalls_it() -> None:
    """Four of the fifteen recorded days, with what goes wrong in a usual week. All fifteen stand in docs/goe-charger.md."""
    options = DayOptions(charger=ChargerKind.GOE, phases=None, min_amps=6, days=4, troubles=True)
    score = run_days(options, str(june_file()))
    assert score.capture_pct >= 78
    assert score.import_kwh_per_30d <= 12
    assert score.phase_switches_per_day <= 6
    assert score.charged_kwh > 60


@needs_june
def test_a_smartevse_switches_phases_by_itself_over_a_changeable_day() -> None:
    """One of the fifteen recorded days. All fifteen stand in docs/smartevse-charger.md."""
    options = DayOptions(charger=ChargerKind.SMARTEVSE, phases=None, min_amps=6, days=1)
    score = run_days(options, str(june_file()))
    assert score.capture_pct >= 78
    assert score.import_kwh_per_30d <= 20
    assert score.charged_kwh > 20
