"""The list of what was sent by hand: beside the token file, one entry per request, each of which counts once whoever is killed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sunbox.core.commands import RequestKind
from sunbox.dialects.powerwall import table
from sunbox.drivers.tesla.by_hand import KEPT, ByHandError, SentByHand, list_path

NOW = datetime(2024, 6, 17, 10, tzinfo=UTC)
DATA, COMMAND = RequestKind.DATA, RequestKind.COMMAND


@pytest.fixture
def listed(tmp_path: Path) -> SentByHand:
    made = SentByHand(tmp_path / "tokens.json")
    made.make(NOW)
    return made


def test_where_nobody_reckons_nothing_is_written(tmp_path: Path) -> None:
    listed = SentByHand(tmp_path / "tokens.json")
    listed.add(1, DATA, 1, NOW)
    assert listed.after(1, 0) == []
    assert list(tmp_path.iterdir()) == []


def test_entries_are_of_a_site_and_come_in_order(listed: SentByHand) -> None:
    for site, kind, count in ((1, DATA, 1), (2, DATA, 9), (1, COMMAND, 2)):
        listed.add(site, kind, count, NOW)
    first, second = listed.after(1, 0)
    assert (first.kind, first.count, first.sent_at) == (DATA, 1, NOW)
    assert (second.kind, second.count) == (COMMAND, 2)
    assert listed.after(1, first.number) == [second]
    assert listed.after(1, second.number) == []


def test_nobody_else_may_read_it(listed: SentByHand) -> None:
    assert listed.path.stat().st_mode & 0o777 == 0o600
    assert listed.path.name == "tokens.json.by-hand"


def test_a_number_is_never_given_twice_though_entries_and_the_list_go(listed: SentByHand) -> None:
    for _ in range(3):
        listed.add(1, DATA, 1, NOW)
    last = listed.after(1, 0)[-1].number
    later = NOW + KEPT + timedelta(seconds=1)
    listed.make(later)
    listed.add(1, DATA, 1, later)  # all the others are of no month that anybody reckons with
    (only,) = listed.after(1, 0)
    assert only.number > last
    listed.path.unlink()
    listed.make(later + timedelta(seconds=1))
    listed.add(1, DATA, 1, later)
    assert [each.number > only.number for each in listed.after(1, only.number)] == [True]


def test_whoever_was_killed_while_making_it_is_made_up_for(tmp_path: Path) -> None:
    listed = SentByHand(tmp_path / "tokens.json")
    listed.path.touch()
    assert listed.after(1, 0) == []
    listed.add(1, DATA, 1, NOW)
    assert len(listed.after(1, 0)) == 1


def test_many_write_at_once(listed: SentByHand) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: listed.add(1, DATA, 1, NOW), range(24)))
    numbers = [each.number for each in listed.after(1, 0)]
    assert len(set(numbers)) == 24


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    listed = SentByHand(tmp_path / "tokens.json")
    listed.path.write_text("nonsense, and longer than the head of a database" * 50)
    for use in (lambda: listed.add(1, DATA, 1, NOW), lambda: listed.after(1, 0)):
        with pytest.raises(ByHandError, match="by-hand"):
            use()
    with pytest.raises(ByHandError, match="cannot be made"):
        SentByHand(tmp_path / "nowhere" / "tokens.json").make(NOW)


def test_a_kind_that_is_not_known_is_left_out(listed: SentByHand) -> None:
    with listed._open() as database:
        database.execute(
            "INSERT INTO sent (site, kind, count, sent_at) VALUES (1, 'gift', 1, ?), (1, 'data', 1, ?)",
            (NOW.isoformat(), NOW.isoformat()),
        )
    assert [each.kind for each in listed.after(1, 0)] == [DATA]


def test_every_row_about_a_site_is_billed_as_the_table_says() -> None:
    for row in table.ENDPOINTS:
        path = row.path.format(site=123456)
        told = table.billed_at(row.method, path)
        if row.bills is None or "{site}" not in row.path:
            assert told is None, row.name
        else:
            assert told == (123456, row.bills), row.name
    assert table.billed_at("GET", "/api/1/energy_sites/123456/live_status?a=b") == (123456, DATA)
    for path in (
        "/api/1/vehicles/1/wake_up",
        "/api/1/energy_sites/123456",
        f"/api/1/energy_sites/{'9' * 40}/backup",
        "/",
    ):
        assert table.billed_at("POST", path) is None, path


def test_the_list_is_the_accounts() -> None:
    assert list_path(Path("a/b.json")) == Path("a/b.json.by-hand")
