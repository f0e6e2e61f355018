"""The account of a recorded day: what was there, what was captured, what was missed and why."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.recorded_days import BERLIN, FIRST, PRICE, Lived

from sunbox.app import possible_day, report_day
from sunbox.core.commands import RequestKind
from sunbox.core.effects import Effect
from sunbox.core.events import Event
from sunbox.core.reasons import ReasonCode
from sunbox.core.settings import SiteSettings
from sunbox.core.state import State
from sunbox.core.wallbox import DayReport, NotRecordedError
from sunbox.errors import JournalError
from sunbox.gateway.journal import Journal
from sunbox.gateway.recorded import read_record
from sunbox.gateway.replay import replay_file
from sunbox.gateway.report import CAUSES, Cause, cause_of, report_of
from sunbox.simulator.bench.site import SiteRun, settings_of
from sunbox.simulator.bench.site_car import SiteCar, Traits
from sunbox.simulator.household import GeneratedTrace


@pytest.fixture(scope="module")
def days(three_days: Lived) -> list[DayReport]:
    record = read_record(sorted(three_days.folder.iterdir()))
    return [report_of(record, FIRST + timedelta(days=number)) for number in range(3)]


def test_every_reason_has_its_cause() -> None:
    assert set(CAUSES) == set(ReasonCode)
    assert set(CAUSES.values()) | {Cause.UNKNOWN} == set(Cause)


def test_a_reason_of_another_version_and_no_record_are_told_as_such() -> None:
    assert cause_of(None, 1380.0, 5000.0) is Cause.UNKNOWN


def test_the_energy_is_what_it_truly_was(days: list[DayReport], three_days: Lived) -> None:
    truth = three_days.summary.cars["blue"]
    assert sum(day.charged_kwh for day in days) == pytest.approx(truth.charged_wh / 1000, rel=0.02)
    assert sum(day.solar_kwh for day in days) == pytest.approx(truth.solar_wh / 1000, rel=0.02)
    assert sum(day.usable_kwh for day in days) == pytest.approx(truth.usable_wh / 1000, rel=0.02)
    assert sum(day.commands for day in days) == three_days.commands
    assert sum(day.money for day in days) == pytest.approx(three_days.commands * PRICE[RequestKind.COMMAND], rel=0.02)


def test_what_was_there_was_captured_or_missed(days: list[DayReport]) -> None:
    for day in days:
        assert day.sun_kwh == pytest.approx(day.solar_kwh + sum(day.missed_kwh.values()), abs=0.02)
        assert day.charged_kwh == pytest.approx(day.solar_kwh + day.import_kwh + day.battery_kwh, abs=0.01)
        assert list(day.missed_kwh.values()) == sorted(day.missed_kwh.values(), reverse=True)


def test_each_cause_is_found_on_its_day(days: list[DayReport]) -> None:
    first, second, third = (day.missed_kwh for day in days)
    assert Cause.DELAY in first
    assert Cause.AWAY not in first
    assert second[Cause.AWAY] > 5.0  # five hours around noon
    assert second[Cause.AWAY] == max(second.values())
    assert third[Cause.ASKED] > 1.0  # stopped by hand for an hour
    assert days[1].usable_kwh < days[1].sun_kwh - 5.0


def test_a_silent_meter_is_a_gap(days: list[DayReport]) -> None:
    assert any("no grid reading" in gap and "16:" in gap for gap in days[1].gaps)
    assert days[1].hours == pytest.approx(23.5, abs=0.1)
    assert days[0].hours == pytest.approx(24.0, abs=0.1)


def test_the_oracle_is_better_and_not_by_far(three_days: Lived) -> None:
    record = read_record([min(three_days.folder.iterdir())])
    possible = possible_day(record, FIRST)
    assert possible is not None
    assert possible.share_pct is not None
    assert 70.0 < possible.share_pct < 100.5
    assert possible.weight == 5.0
    plain = report_of(record, FIRST)
    assert possible.commands <= plain.commands + 1
    assert possible.solar_kwh > plain.solar_kwh - 0.5


def test_a_day_that_was_not_recorded(three_days: Lived, tmp_path: Path) -> None:
    with pytest.raises(NotRecordedError, match="3 days, 2026-06-01 to 2026-06-03"):
        report_day(three_days.folder, date(2026, 7, 1))
    with pytest.raises(NotRecordedError, match="no journals"):
        report_day(tmp_path, FIRST)


@pytest.mark.parametrize("text", ["", "hello\n", '{"journal":1,"version":"0"}\n', '{"journal":2,"state":null}\n'])
def test_a_file_that_cannot_be_reckoned_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "2026-06-01.jsonl").write_text(text)
    with pytest.raises(JournalError, match=r"2026-06-01\.jsonl"):
        report_day(tmp_path, FIRST)


def test_two_cars_have_an_account_each(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    before: list[State | None] = [None]

    def watch(event: Event, state: State, effects: tuple[Effect, ...]) -> None:
        journal.add(before[0], event, state, effects)
        before[0] = state

    cars = [SiteCar(name, Traits(phases=1, offered=1, lag_s=5.0)) for name in ("blue", "red")]
    settings = settings_of(cars, site=SiteSettings(timezone=BERLIN), loadpoints={"blue": {"priority": 1}})
    run = SiteRun(GeneratedTrace(FIRST, timezone=BERLIN, seed=5), settings, cars, watch=watch, keeps_lines=False)
    run.run(14 * 3600.0)
    journal.close()
    report = report_of(read_record(sorted(tmp_path.iterdir())), FIRST)
    truth = run.summary()
    assert [row.id for row in report.loadpoints] == ["blue", "red"]
    for row in report.loadpoints:
        assert row.charged_kwh == pytest.approx(truth.cars[row.id].charged_wh / 1000, rel=0.03)
        assert row.commands == truth.cars[row.id].commands
    assert report.solar_kwh == pytest.approx(sum(row.solar_kwh for row in report.loadpoints), abs=0.01)
    assert report.sun_kwh == pytest.approx(report.solar_kwh + sum(report.missed_kwh.values()), abs=0.02)
    assert replay_file(min(tmp_path.iterdir())).first_difference is None
