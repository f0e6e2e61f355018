"""Whole days: what clients cost, what a journal replays, what phases are switched."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests.scenarios.home import Home, live, living
from tests.scenarios.site_days import june_file, needs_june

from sunbox.cli.day import DayOptions, run_days
from sunbox.gateway.replay import replay_file
from sunbox.simulator.scenario import CarScenario, ChargerKind, Scenario, build_trace
from sunbox.simulator.score import Score

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
            scenario = Scenario(start="09:00", cars=(CarScenario(never_full=True),))
            async with living(scenario=scenario, trace=build_trace(scenario), start_at=scenario.start_at()) as home:
                bills.append(await _day(home, 3 * 3600, watched=watched))
                states.append(home.truth())

        live(main)
    assert bills[0]["total"]["command"] > 8
    assert bills[0] == bills[1]
    assert states[0] == states[1]


@pytest.mark.parametrize("battery_kwh", [0.0, 10.0])
def test_half_a_days_journal_replays_to_the_same_decisions(tmp_path: Path, battery_kwh: float) -> None:
    run_days(DayOptions(journal=tmp_path, battery_kwh=battery_kwh, days=0.6), None)
    files = sorted(tmp_path.glob("*.jsonl"))
    assert files
    replays = [replay_file(path) for path in files]
    for replayed in replays:
        assert replayed.first_difference is None
        assert replayed.same_version
    assert sum(replayed.events for replayed in replays) > 4000


FROM_H, UNTIL_H = 6, 20
"""Hours of a recorded day, by its own clock, in which the sun may suffice: the night is cheap for cars and dear for tests."""


def june_hours(folder: Path, day: int) -> str:
    """Write these hours of a recorded day to a file of their own, and return its path."""
    with gzip.open(june_file(), "rt", encoding="utf-8") as file:
        header, *rows = file.readlines()
    wanted = tuple(f"2016-06-{day:02} {hour:02}:" for hour in range(FROM_H, UNTIL_H))
    path = folder / f"june-{day}.csv"
    path.write_text(header + "".join(row for row in rows if row.startswith(wanted)), encoding="utf-8")
    return str(path)


def score_of(folder: Path, charger: ChargerKind, day: int, *, troubles: bool = False) -> Score:
    """Let a wallbox that may switch its phases live these hours."""
    path = june_hours(folder, day)
    options = DayOptions(charger=charger, traces=(path,), phases=None, min_amps=6, troubles=troubles)
    score = run_days(options, path)
    assert score.days == pytest.approx((UNTIL_H - FROM_H) / 24, abs=0.01)
    return score


@needs_june
def test_a_go_e_switches_phases_by_itself_over_changeable_days_whatever_befalls_it(tmp_path: Path) -> None:
    """Two of the fifteen recorded days, with what goes wrong in a usual week. All fifteen stand in docs/goe-charger.md."""
    scores = [score_of(tmp_path, ChargerKind.GOE, day, troubles=True) for day in (2, 3)]
    usable_kwh = sum(score.solar_kwh / score.capture_pct * 100 for score in scores if score.capture_pct)
    assert sum(score.solar_kwh for score in scores) >= 0.78 * usable_kwh > 0
    assert sum(score.import_kwh_per_30d * score.days for score in scores) <= 12 * len(scores)
    assert 0 < sum(score.phase_switches_per_day * score.days for score in scores) <= 6 * len(scores)
    assert sum(score.charged_kwh for score in scores) > 20


@needs_june
def test_a_smartevse_switches_phases_by_itself_over_a_changeable_day(tmp_path: Path) -> None:
    """One of the fifteen recorded days. All fifteen stand in docs/smartevse-charger.md."""
    score = score_of(tmp_path, ChargerKind.SMARTEVSE, 1)
    assert score.capture_pct is not None
    assert score.capture_pct >= 78
    assert score.import_kwh_per_30d * score.days <= 20
    assert score.charged_kwh > 20
