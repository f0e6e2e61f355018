"""The hold's rules by themselves: step by step in a table, and against a site that is late, deaf or has an owner."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sunbox.dialects.powerwall.facts import GridState, Island, Mode
from sunbox.dialects.powerwall.hold import LATE_S, RESEND_AFTER_S, Look, Rest, Write, next_step
from sunbox.dialects.powerwall.hold_book import (
    Book,
    Entry,
    Manner,
    Method,
    Part,
    ReservePolicy,
    Seen,
    Sent,
    seen_of,
)
from sunbox.dialects.powerwall.hold_kept import book_from_json, book_to_json
from sunbox.dialects.powerwall.hold_notes import moved, not_sent, sent, set_by_owner, take
from sunbox.dialects.powerwall.wire import live_status_from_wire, site_info_from_wire

NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)
TODAY = date(2026, 6, 1)
EMPTY = Book()
SEEN = Seen(
    at=NOON,
    reserve_pct=20,
    mode=Mode.SELF_CONSUMPTION,
    may_charge_from_grid=True,
    soc_pct=65.9,
    battery_w=3000.0,
    is_storm_watched=False,
    is_serving_grid=False,
    is_off_grid=False,
    has_flows=True,
)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def step(
    book: Book = EMPTY, *, wanted: bool = True, seen: Seen | None = SEEN, at: datetime = NOON, **manner: Any
) -> Any:
    return next_step(book, Manner(**manner), is_wanted=wanted, seen=seen, now=at, today=TODAY)


@pytest.mark.parametrize(
    ("policy", "soc_pct", "highest"),
    [
        (ReservePolicy.FREE, 65.9, 65),
        (ReservePolicy.FREE, 92.3, 92),
        (ReservePolicy.FREE, 100.0, 100),
        (ReservePolicy.EIGHTY_OR_HUNDRED, 80.99, 80),
        (ReservePolicy.EIGHTY_OR_HUNDRED, 81.0, 80),
        (ReservePolicy.EIGHTY_OR_HUNDRED, 99.99, 80),
        (ReservePolicy.EIGHTY_OR_HUNDRED, 100.0, 100),
        (ReservePolicy.CAP_80, 100.0, 80),
        (ReservePolicy.CAP_80, 0.4, 0),
    ],
)
def test_the_highest_reserve_is_never_above_the_charge_and_one_that_the_site_takes(
    policy: ReservePolicy, soc_pct: float, highest: int
) -> None:
    assert policy.highest(soc_pct) == highest


@pytest.mark.parametrize(
    ("seen", "manner", "note"),
    [
        ({"is_off_grid": True}, {}, "there is no grid"),
        ({"is_storm_watched": True}, {}, "storm watch"),
        ({"is_serving_grid": True}, {}, "serves the grid"),
        ({"mode": Mode.AUTONOMOUS}, {}, "follows a tariff"),
        ({"mode": Mode.BACKUP}, {}, "the mode backup holds it already"),
        ({"mode": Mode.BACKUP}, {"method": Method.BACKUP}, "the mode backup holds it already"),
        ({"reserve_pct": 65}, {}, "its reserve holds it already"),
        ({"reserve_pct": 90, "soc_pct": 95.0}, {}, "its reserve holds it already"),  # 80 would be less
        ({"reserve_pct": 90, "soc_pct": 100.0}, {}, "would not take back"),
        ({"reserve_pct": None}, {}, "does not tell its reserve"),
        ({"soc_pct": None}, {}, "does not tell its reserve"),
        ({"mode": Mode.UNKNOWN}, {"method": Method.BACKUP}, "none that it could be given back"),
        ({"mode": Mode.SCHEDULER}, {"method": Method.BACKUP}, "none that it could be given back"),
        ({"may_charge_from_grid": None}, {"method": Method.BACKUP}, "does not tell whether"),
    ],
)
def test_why_it_is_not_held(seen: dict[str, Any], manner: dict[str, Any], note: str) -> None:
    done = step(seen=replace(SEEN, **seen), **manner)
    assert isinstance(done, Rest)
    assert done.book.entries == ()
    assert note in (done.book.note or "")
    assert done.until_at is not None


@pytest.mark.parametrize(
    ("seen", "manner", "part", "value"),
    [
        ({}, {}, Part.RESERVE, 65),
        ({"mode": Mode.UNKNOWN}, {}, Part.RESERVE, 65),
        ({"is_off_grid": None, "is_storm_watched": None, "is_serving_grid": None}, {}, Part.RESERVE, 65),
        ({"mode": Mode.AUTONOMOUS}, {"in_autonomous": True}, Part.RESERVE, 65),
        ({"soc_pct": 95.0}, {}, Part.RESERVE, 80),
        ({"soc_pct": 95.0}, {"policy": ReservePolicy.FREE}, Part.RESERVE, 95),
        ({}, {"method": Method.BACKUP}, Part.GRID_CHARGING, False),  # before the mode, which would fill it
        ({"may_charge_from_grid": False}, {"method": Method.BACKUP}, Part.MODE, "backup"),
    ],
)
def test_what_is_written_first(seen: dict[str, Any], manner: dict[str, Any], part: Part, value: object) -> None:
    done = step(seen=replace(SEEN, **seen), **manner)
    assert isinstance(done, Write)
    assert (done.part, done.value) == (part, value)
    entry = next(each for each in done.book.entries if each.part is part)
    assert entry.sent == (Sent(value, NOON),)  # what is kept has the write before it is made
    assert entry.original == SEEN.value_of(part)
    assert done.book.writes == 1


def test_a_reserve_that_leaves_something_says_so() -> None:
    assert "80 %" in (step(seen=replace(SEEN, soc_pct=95.0)).book.note or "")
    assert step().book.note is None


@pytest.mark.parametrize(
    ("seen", "flows"),
    [(None, True), (replace(SEEN, at=after(-21)), True), (replace(SEEN, has_flows=False), True)],
)
def test_nothing_is_written_that_was_not_just_read(seen: Seen | None, flows: bool) -> None:
    done = step(seen=seen)
    assert isinstance(done, Look)
    assert done.flows is flows


def test_nothing_is_wanted() -> None:
    assert step(wanted=False) == Rest(Book(day=TODAY))
    assert step(method=Method.OFF) == Rest(Book(day=TODAY))
    left = Book(is_left=True, problem="old", note="old")
    assert step(left, wanted=False) == Rest(Book(day=TODAY))


@pytest.mark.parametrize(("writes", "most", "is_held"), [(0, 2, True), (1, 2, False), (18, 20, True), (19, 20, False)])
def test_a_hold_keeps_a_write_for_giving_back(writes: int, most: int, is_held: bool) -> None:
    done = step(Book(day=TODAY, writes=writes), max_writes_per_day=most)
    assert isinstance(done, Write) is is_held
    if not is_held:
        assert "max_writes_per_day" in (done.book.problem or "")
    assert isinstance(step(Book(day=TODAY - timedelta(days=1), writes=99), max_writes_per_day=most), Write)


def held(**changes: Any) -> Book:
    """Return the book of a hold that was told and seen."""
    entry = Entry(part=Part.RESERVE, original=20, ours=65, stands=65, aim=65, tries=1, tried_at=NOON)
    return Book(entries=(replace(entry, **changes),), day=TODAY, writes=1)


@pytest.mark.parametrize(
    ("book", "value", "stands", "original", "ours", "left_over", "is_left"),
    [
        # nothing new
        (held(), 65, 65, 20, 65, (), False),
        (held(), None, 65, 20, 65, (), False),
        # ours is done
        (held(stands=20, sent=(Sent(65, NOON),)), 65, 65, 20, 65, (), False),
        # and still on its way
        (held(stands=20, sent=(Sent(65, NOON),)), 20, 20, 20, 65, (65,), False),
        # two of ours: they are done in their order
        (held(stands=20, sent=(Sent(65, NOON), Sent(20, NOON))), 65, 65, 20, 65, (20,), False),
        (held(sent=(Sent(64, NOON), Sent(20, NOON))), 20, 20, 20, 65, (), False),
        # the site takes 80 of what is above
        (held(stands=20, ours=91, aim=91, sent=(Sent(91, NOON),)), 80, 80, 20, 80, (), False),
        (held(original=85, sent=(Sent(85, NOON),)), 80, 80, 80, 65, (), False),
        # the owner
        (held(), 40, 40, 40, 65, (), True),
        (held(), 20, 20, 20, 65, (), True),  # back to what it was
        (held(stands=20, sent=(Sent(65, NOON),)), 40, 40, 40, 65, (65,), True),
        # back to what the owner had before, and we had given back
        (held(stands=20, sent=(Sent(30, NOON, is_owners=True), Sent(20, NOON))), 30, 30, 30, 65, (20,), True),
        # an older hold of ours that comes late
        (held(stands=20, sent=(Sent(70, NOON), Sent(65, NOON))), 70, 70, 20, 65, (65,), False),
    ],
)
def test_what_was_read_is_taken(
    book: Book,
    value: int | None,
    stands: int,
    original: int,
    ours: int,
    left_over: tuple[int, ...],
    is_left: bool,
) -> None:
    taken = take(book, replace(SEEN, reserve_pct=value))
    (entry,) = taken.entries
    assert (entry.stands, entry.original, entry.ours) == (stands, original, ours)
    assert tuple(each.value for each in entry.sent) == left_over
    assert (entry.is_left, taken.is_left) == (is_left, is_left)


def test_a_write_that_is_not_seen_is_told_three_times_and_then_reported() -> None:
    book, told = Book(), []
    for seconds in range(0, 4000, 10):
        seen = replace(SEEN, at=after(seconds))
        done = step(take(book, seen), seen=seen, at=after(seconds))
        book = done.book
        if isinstance(done, Write):
            told.append(seconds)
    assert told == [0, RESEND_AFTER_S, 2 * RESEND_AFTER_S]
    assert "told 3 times" in (book.problem or "")
    released = step(book, wanted=False, seen=replace(SEEN, at=after(4000)), at=after(4000))
    assert released == Rest(replace(released.book, entries=()))  # all of it is lost by now, and it is as it was


def test_how_often_it_is_looked() -> None:
    book, looked, seen = step().book, [], SEEN
    for seconds in range(1, 170):
        done = step(book, seen=seen, at=after(seconds))
        if isinstance(done, Look):
            looked.append(seconds)
            seen = replace(SEEN, at=after(seconds))
            book = take(done.book, seen)
    assert looked == [30, 60, 120]


def test_what_was_refused_is_no_longer_on_its_way_and_what_never_left_counts_as_none() -> None:
    book = step().book
    refused = sent(book, Part.RESERVE, is_taken=False, may_be_done=False, detail="not allowed")
    assert refused.entries[0].sent == ()
    assert refused.entries[0].tries == 1
    assert "not allowed" in (refused.problem or "")
    assert isinstance(step(refused, at=after(10)), Rest)  # not at once
    lost = sent(book, Part.RESERVE, is_taken=False, may_be_done=True)
    assert lost.entries[0].sent == book.entries[0].sent
    assert sent(book, Part.RESERVE, is_taken=True, may_be_done=True) == book
    unsent = not_sent(book, Part.RESERVE)
    assert (unsent.writes, unsent.entries[0].tries, unsent.entries[0].sent) == (0, 0, ())


@pytest.mark.parametrize(
    ("soc_pct", "battery_w", "lowered_to"),
    [
        (60.0, -1700.0, 60),  # filled from the grid because ours came late
        (64.5, -1700.0, None),
        (60.0, 5000.0, None),  # it does not live by it
        (60.0, None, None),
        (15.0, 0.0, 20),  # never below what it was
    ],
)
def test_a_reserve_above_the_charge_is_lowered(soc_pct: float, battery_w: float | None, lowered_to: int | None) -> None:
    seen = replace(SEEN, at=after(300), reserve_pct=65, soc_pct=soc_pct, battery_w=battery_w)
    done = step(take(held(), seen), seen=seen, at=after(300))
    assert (done.value if isinstance(done, Write) else None) == (lowered_to if battery_w != 5000.0 else 65)


@pytest.mark.parametrize(("tries", "is_told"), [(1, True), (2, True), (3, False)])
def test_a_battery_that_discharges_all_the_same(tries: int, is_told: bool) -> None:
    seen = replace(SEEN, at=after(300), reserve_pct=65, soc_pct=65.5, battery_w=5000.0)
    done = step(held(tries=tries), seen=seen, at=after(300))
    assert isinstance(done, Write) is is_told
    if not is_told:
        assert "discharges all the same" in (done.book.problem or "")
    early = step(held(tries=tries, tried_at=after(200)), seen=seen, at=after(300))
    assert isinstance(early, Rest)
    calm = step(replace(held(tries=3), problem="it was"), seen=replace(seen, battery_w=0.0), at=after(300))
    assert calm.book.problem is None
    above = step(held(tries=1), seen=replace(seen, soc_pct=70.0), at=after(300))
    assert isinstance(above, Rest)  # it may


def test_a_book_survives_being_kept_and_one_that_cannot_be_read_is_told() -> None:
    book = replace(held(sent=(Sent(65, NOON), Sent(20, NOON))), by_hand=True, is_left=True)
    kept = json.loads(json.dumps(book_to_json(book)))
    assert book_from_json(kept) == book
    backup = step(method=Method.BACKUP).book
    assert book_from_json(json.loads(json.dumps(book_to_json(backup)))) == backup
    assert book_from_json(None) == Book()
    for wrong in (
        {},
        {**kept, "entries": 7},
        {**kept, "entries": [{}]},
        {**kept, "day": "never"},
        {**kept, "entries": [{**kept["entries"][0], "original": "20"}]},
        {**kept, "entries": [{**kept["entries"][0], "original": True}]},
        {**kept, "entries": [{**kept["entries"][0], "part": "other"}]},
    ):
        with pytest.raises(ValueError, match=r".+"):
            book_from_json(wrong)


@pytest.mark.parametrize(
    ("island", "grid", "is_off_grid"),
    [
        ("on_grid", "Active", False),
        ("off_grid_unintentional", "Inactive", True),
        ("off_grid_intentional", "Active", True),
        ("island_status_unknown", "Unknown", None),
        ("island_status_unknown", "Inactive", True),
    ],
)
def test_what_the_cloud_says_for_a_hold(island: str, grid: str, is_off_grid: bool | None) -> None:
    live = live_status_from_wire(
        {"response": {"island_status": island, "grid_status": grid, "percentage_charged": 50.5}}
    )
    info = site_info_from_wire({"response": {"backup_reserve_percent": 20.4, "default_real_mode": "backup"}})
    seen = seen_of(NOON, info, live)
    assert (seen.reserve_pct, seen.mode, seen.soc_pct, seen.is_off_grid) == (20, Mode.BACKUP, 50.5, is_off_grid)
    assert (live.island is Island.UNKNOWN) == (island == "island_status_unknown")
    assert (live.grid is GridState.ACTIVE) == (grid == "Active")
    assert not seen_of(NOON, info).has_flows


def go_on(book: Book, at: datetime, reserve_pct: int, **more: Any) -> Any:
    """Look, and return what is to be done."""
    seen = replace(SEEN, at=at, reserve_pct=reserve_pct, battery_w=0.0)
    return step(take(book, seen), seen=seen, at=at, **more)


@pytest.mark.parametrize(
    ("reserves", "stays"),
    [([20, 40, 40], 40), ([20, 20, 20], 20), ([20, 33, 33], 33)],
    ids=["ours_came_late", "the_owner_chose_it_again", "the_owner_chose_anew"],
)
def test_a_former_value_of_the_owners_starts_no_war_with_what_is_on_its_way(reserves: list[int], stays: int) -> None:
    book = step(held(), wanted=False, seen=replace(SEEN, reserve_pct=65), at=NOON).book  # 20 is on its way
    done = go_on(book, after(120), 40, wanted=False)  # the owner chose 40 meanwhile
    assert (done.part, done.value) == (Part.RESERVE, 40)
    book = done.book
    for index, reserve_pct in enumerate(reserves):
        done = go_on(book, after(900 + 60 * index), reserve_pct, wanted=False)
        assert not isinstance(done, Write) or done.value == stays
        book = book_from_json(json.loads(json.dumps(book_to_json(done.book))))
    done = go_on(book, after(5000), stays, wanted=False)
    assert done.book.entries == ()


def test_a_reserve_that_is_told_again_fits_the_charge() -> None:
    book = step().book
    for soc_pct, told in ((63.2, 63), (20.5, 20)):
        seen = replace(SEEN, at=after(200), soc_pct=soc_pct)
        done = step(book, seen=seen, at=after(200))
        assert (done.part, done.value) == (Part.RESERVE, told)
    late = replace(SEEN, at=after(5000), soc_pct=12.0)  # it is lost, and there is nothing left to keep
    assert isinstance(step(take(book, late), seen=late, at=after(5000)), Rest)


def test_a_clock_that_is_put_back_stops_nothing() -> None:
    later = replace(SEEN, at=after(7200))
    assert isinstance(step(seen=later), Look)  # nobody knows how old that is
    book = held(sent=(Sent(20, after(7200), is_owners=True),), aim=20, tried_at=after(7200))
    book = step(book, wanted=False).book
    assert book.entries[0].tried_at == NOON
    done = go_on(book, after(RESEND_AFTER_S), 65, wanted=False)
    assert (done.part, done.value) == (Part.RESERVE, 20)
    (entry,) = moved(book, timedelta(hours=-1)).entries
    assert (entry.tried_at, entry.sent[0].at) == (after(-3600), after(-3600))


def test_the_very_value_of_a_hold_stays_where_its_owner_says_so() -> None:
    book = set_by_owner(held(), Part.RESERVE, 65, NOON)
    assert set_by_owner(book, Part.MODE, "backup", NOON) is book
    assert book.is_left
    for seconds in (60, 4000):
        done = go_on(book, after(seconds), 65, wanted=False)
        assert not isinstance(done, Write)
        book = done.book
    assert book.entries == ()


def test_what_is_not_to_be_held_any_more_is_not_held_by_hand_either() -> None:
    done = step(replace(held(), by_hand=True), seen=replace(SEEN, reserve_pct=65), method=Method.OFF)
    assert (done.value, done.book.by_hand) == (20, False)


# A site, and its owner ------------------------------------------------------------------------------------------------


@dataclass
class Site:
    """A site that does what it is told after a while, or not at all."""

    reserve_pct: int = 20
    mode: Mode = Mode.SELF_CONSUMPTION
    may_charge_from_grid: bool = True
    soc_pct: float = 65.0
    queue: list[tuple[datetime, Part, Any]] = field(default_factory=list)

    def settle(self, at: datetime) -> None:
        for _, part, value in [each for each in self.queue if each[0] <= at]:
            self.set(part, value)
        self.queue = [each for each in self.queue if each[0] > at]

    def set(self, part: Part, value: Any) -> None:
        if part is Part.RESERVE:
            self.reserve_pct = value
        elif part is Part.MODE:
            self.mode = Mode(value)
        else:
            self.may_charge_from_grid = value

    def seen(self, at: datetime) -> Seen:
        self.settle(at)
        return replace(
            SEEN,
            at=at,
            reserve_pct=self.reserve_pct,
            mode=self.mode,
            may_charge_from_grid=self.may_charge_from_grid,
            soc_pct=self.soc_pct,
            battery_w=0.0,
        )

    @property
    def settings(self) -> tuple[int, Mode, bool]:
        return self.reserve_pct, self.mode, self.may_charge_from_grid


@pytest.mark.parametrize("method", [Method.RESERVE, Method.BACKUP])
@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_it_is_in_the_end_as_its_owner_had_it_or_set_it(seed: int, method: Method) -> None:
    rng = random.Random(f"{seed}/{method}")
    site, kept = Site(), book_to_json(Book())
    manner = Manner(method=method)
    owners = site.settings  # what the owner wants
    apply_s = rng.choice([0.0, 45.0, 900.0])
    deaf = rng.choice([0.0, 0.2])
    book, seen, now, wanted = Book(), None, NOON, False
    ends_at = after(3 * 3600)
    while now < ends_at + timedelta(seconds=2 * LATE_S + 8 * 3600):
        site.settle(now)
        if now < ends_at:
            wanted = rng.random() < 0.5 if rng.random() < 0.05 else wanted
            if rng.random() < 0.01 and not site.queue:  # the owner's hand, held or not
                known = {value for entry in book.entries for value in (entry.original, entry.ours, entry.stands)}
                site.reserve_pct = rng.choice([each for each in range(1, 60) if each not in known])
                owners = site.reserve_pct, *owners[1:]
        else:
            wanted = False
        if rng.random() < 0.03 and now < ends_at:  # kill -9
            book, seen = book_from_json(json.loads(json.dumps(kept))), None
        for _ in range(6):
            done = next_step(book, manner, is_wanted=wanted, seen=seen, now=now, today=now.date())
            book, kept = done.book, book_to_json(done.book)
            if isinstance(done, Rest):
                break
            if isinstance(done, Look):
                seen = site.seen(now)
                book = take(book, seen)
                kept = book_to_json(book)
                continue
            assert not (done.part is Part.RESERVE and int(done.value) > site.soc_pct)
            if rng.random() < 0.05 and now < ends_at:  # killed before it left
                book, seen = book_from_json(json.loads(json.dumps(kept))), None
                break
            if rng.random() >= deaf:
                site.queue.append((now + timedelta(seconds=apply_s), done.part, done.value))
            book = sent(book, done.part, is_taken=True, may_be_done=True)
        now += timedelta(seconds=rng.choice([5, 15, 40]) if now < ends_at else 15)
    assert site.settings == owners
    assert book.entries == ()
