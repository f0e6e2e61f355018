"""Decision records: when they are kept, how they stand in a line, and how they are read back."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from test_journal import OFF, Writer
from tests.core.bench import NOON, after_s
from tests.recorded_days import CAR, FIRST, Lived
from tests.scenarios.home import live, living

from sunbox.core import effects, events
from sunbox.core.events import Tick
from sunbox.core.wallbox import Decision, DecisionQuery, NotRecordedError
from sunbox.gateway.days import FORMAT, days_in, path_of, spoken
from sunbox.gateway.decisions import EVERY, decision_from, decisions_in, entry_of, read_decisions
from sunbox.gateway.journal import EFFECTS, EVENTS, Journal
from sunbox.gateway.recorded import settings_in
from sunbox.gateway.replay import replay_file

SOME = Decision(
    at=NOON,
    loadpoint="carport",
    charge=True,
    amps_a=6,
    phases=1,
    acting=True,
    code="charging_pv",
    kind="charging",
    numbers={"amps_a": 6, "surplus_w": 1500.0},
    text="charging 6 A",
    changes_at=after_s(60),
    pending="setting_amps",
    mode="pv",
    override="none",
    surplus_low_w=1490,
    surplus_high_w=1500,
    grid_w=-20,
    draw_low_w=1380,
    draw_high_w=1380,
)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def all_of(folder: Path, **changes: Any) -> DecisionQuery:
    days = days_in(folder)
    begins = datetime.combine(days[0], datetime.min.time(), UTC) - timedelta(days=1)
    ends = datetime.combine(days[-1], datetime.min.time(), UTC) + timedelta(days=1)
    return DecisionQuery(**{"from_at": begins, "to_at": ends, **changes})


# Keeping --------------------------------------------------------------------------------------------------------------


def test_all_that_can_happen_and_all_that_can_be_asked_has_its_line() -> None:
    assert {kind.__name__ for kind in get_args(events.Event)} == set(EVENTS)
    assert {kind.__name__ for kind in get_args(effects.Effect)} - {"Remember"} == set(EFFECTS)


def test_numbers_alone_make_no_record_and_five_minutes_do(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.feed(OFF)  # nothing is decided anew from here on, whatever the meter says
    for number in range(100):
        writer.meter(10, grid_w=-1000.0 - 10 * number)
    told = [line["with"]["at"] for line in lines_of(writer.close())[3:] if "decided" in line]
    assert [datetime.fromisoformat(at) - NOON for at in told] == [EVERY * number for number in (1, 2, 3)]


def test_a_record_has_what_explains_it(three_days: Lived) -> None:
    found = read_decisions(three_days.folder, all_of(three_days.folder)).decisions
    charging = [row for row in found if row.code == "charging_pv" and row.draw_low_w]
    assert charging
    row = charging[len(charging) // 2]
    assert (row.loadpoint, row.kind, row.mode, row.override, row.acting) == (CAR, "charging", "pv", "none", True)
    assert row.text.startswith(f"charging {row.amps_a} A: surplus")
    assert row.numbers["amps_a"] == row.amps_a
    assert row.surplus_low_w is not None
    assert row.surplus_high_w is not None
    assert row.surplus_low_w <= row.surplus_high_w
    assert row.grid_w is not None
    assert row.draw_high_w == pytest.approx(row.amps_a * 230, abs=230 * 12)
    waiting = next(row for row in found if row.code == "surplus_starting")
    assert waiting.changes_at is not None
    assert waiting.at < waiting.changes_at <= waiting.at + timedelta(seconds=130)


def test_records_are_a_small_part_of_the_lines(three_days: Lived) -> None:
    for path in three_days.folder.iterdir():
        lines = lines_of(path)[1:]
        told = [line for line in lines if "decided" in line]
        assert len(lines) > 8000
        assert 280 < len(told) < 0.15 * len(lines)


def test_what_a_car_draws_is_told_where_it_changed(three_days: Lived) -> None:
    lines = [line for path in sorted(three_days.folder.iterdir()) for line in lines_of(path)[1:]]
    draws = [line["draws"][CAR] for line in lines if "draws" in line]
    assert 10 < len(draws) < 0.15 * len(lines)
    assert all(low_w <= high_w for low_w, high_w in draws)
    assert all(line["event"] == "MeterRead" for line in lines if "draws" in line)


def test_each_day_alone_decides_the_same_again(three_days: Lived) -> None:
    for path in sorted(three_days.folder.iterdir()):
        replayed = replay_file(path)
        assert replayed.first_difference is None
        assert replayed.decisions > 280


def test_other_draws_are_a_difference(three_days: Lived, tmp_path: Path) -> None:
    text = min(three_days.folder.iterdir()).read_text()
    path = tmp_path / "2026-06-01.jsonl"
    path.write_text(text.replace('"draws":{"blue":[', '"draws":{"blue":[1', 1))
    assert ": draws" in str(replay_file(path).first_difference)


# In a line ------------------------------------------------------------------------------------------------------------


def test_a_decision_comes_back_from_its_entry() -> None:
    bare = replace(SOME, numbers={}, changes_at=None, pending=None, surplus_low_w=None, grid_w=None)
    for decision in (SOME, bare):
        entry = json.loads(json.dumps(entry_of(decision)))
        assert decision_from(decision.at, "carport", entry) == decision
    assert set(entry_of(SOME)) == {field.name for field in fields(Decision)} - {"at", "loadpoint"}
    assert "pending" not in entry_of(bare)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "{}",
        '{"with": {"at": "noon"}, "decided": {}}',
        '{"with": {"at": "2026-06-01T10:00:00Z"}, "decided": {"carport": {}}}',
        '{"with": {"at": "2026-06-01T10:00:00Z"}, "decided": {"carport": [true, 6]}}',
    ],
)
def test_what_is_no_record_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decisions_in(line)


# Reading back ---------------------------------------------------------------------------------------------------------


def test_fifteen_days_are_read_in_order(fifteen_days: Path) -> None:
    page = read_decisions(fifteen_days, all_of(fifteen_days))
    assert page.gaps == ()
    assert not page.is_cut
    assert len(page.decisions) > 15 * 280
    instants = [row.at for row in page.decisions]
    assert instants == sorted(instants)
    assert len({at.astimezone(UTC).date() for at in instants}) == 16  # local days, two of them at their ends


def test_a_range_a_loadpoint_and_a_limit(fifteen_days: Path) -> None:
    from_at = datetime(2026, 6, 5, 10, tzinfo=UTC)
    to_at = from_at + timedelta(hours=2)
    page = read_decisions(fifteen_days, DecisionQuery(from_at=from_at, to_at=to_at))
    assert page.decisions
    assert all(from_at <= row.at <= to_at for row in page.decisions)
    few = read_decisions(fifteen_days, DecisionQuery(from_at=from_at, to_at=to_at, limit=3))
    assert few.decisions == page.decisions[-3:]
    assert few.is_cut
    other = read_decisions(fifteen_days, DecisionQuery(from_at=from_at, to_at=to_at, loadpoint_id="other"))
    assert other.decisions == ()


def test_what_was_in_force_is_the_last_record_before(fifteen_days: Path) -> None:
    at = datetime(2026, 6, 3, 22, 0, 1, tzinfo=UTC)  # just after midnight at home
    (row,) = read_decisions(fifteen_days, DecisionQuery(from_at=at, to_at=at, in_force=True)).decisions
    assert at - timedelta(minutes=5) <= row.at <= at


def test_torn_lines_missing_days_and_other_formats_are_told(fifteen_days: Path, tmp_path: Path) -> None:
    for path in fifteen_days.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path_of(tmp_path, FIRST + timedelta(days=4)).unlink()
    path_of(tmp_path, FIRST + timedelta(days=5)).unlink()
    old = path_of(tmp_path, FIRST + timedelta(days=7))
    old.write_text(old.read_text().replace(f'{{"journal":{FORMAT},', '{"journal":1,', 1))
    torn = path_of(tmp_path, FIRST + timedelta(days=9))
    torn.write_bytes(torn.read_bytes()[:-20] + b'\n{"decided":\n' + b'{"event":"Tick","with":{"at":"2026-06')
    page = read_decisions(tmp_path, all_of(tmp_path))
    assert any("2026-06-05 to 2026-06-06: there is no journal" in gap for gap in page.gaps)
    assert any("format 1" in gap and "use the sunbox that wrote it" in gap for gap in page.gaps)
    assert any(gap.startswith("2026-06-10.jsonl: ") and "cannot be read" in gap for gap in page.gaps)
    days = {row.at.astimezone(UTC).date() for row in page.decisions}
    assert FIRST + timedelta(days=9) in days
    assert FIRST + timedelta(days=12) in days


def test_without_files_the_memory_answers_and_says_since_when() -> None:
    writer = Writer(None)
    writer.feed(OFF)
    for _ in range(40):
        writer.meter(10)
    writer.feed(Tick(at=writer.at))
    query = DecisionQuery(from_at=NOON - timedelta(days=1), to_at=writer.at)
    page = writer.journal.decisions(query)
    assert len(page.decisions) >= 3
    assert "kept in memory since" in page.gaps[0]
    assert writer.journal.decisions(replace(query, from_at=writer.at)).gaps == ()
    assert "since now" in Journal().decisions(query).gaps[0]


def test_days_are_spoken_of() -> None:
    assert spoken([]) == "there are no journals"
    assert spoken([FIRST]) == "there is 2026-06-01 alone"
    assert spoken([FIRST, FIRST + timedelta(days=1)]) == "there are 2 days, 2026-06-01 to 2026-06-02"


def test_a_file_tells_its_settings(three_days: Lived) -> None:
    for path in three_days.folder.iterdir():
        assert [row.id for row in settings_in(path).loadpoints] == [CAR]


# The gateway ----------------------------------------------------------------------------------------------------------


def test_a_running_gateway_tells_its_decisions_and_its_day() -> None:
    async def main() -> None:
        async with living(pv_w=4000.0, journal=True) as home:
            await home.until(lambda: home.lp().is_flowing, 400)
            await home.sleep(1800)
            now = home.gateway.state.at
            page = await home.gateway.decisions(DecisionQuery(from_at=now - timedelta(hours=3), to_at=now))
            codes = [row.code for row in page.decisions]
            assert "surplus_starting" in codes
            assert codes[-1] == home.lp().reason.code
            report = await home.gateway.day_report(None)
            assert report.charged_kwh > 0.5
            assert report.possible is not None
            with pytest.raises(NotRecordedError, match="still to come"):
                await home.gateway.day_report(report.day + timedelta(days=1))
            with pytest.raises(NotRecordedError, match="there is no journal of"):
                await home.gateway.day_report(report.day - timedelta(days=1))

    live(main)


def test_a_gateway_without_files_has_no_days() -> None:
    async def main() -> None:
        async with living(pv_w=4000.0) as home:
            await home.sleep(600)
            with pytest.raises(NotRecordedError, match=r"journal\.enabled"):
                await home.gateway.day_report(None)

    live(main)
