"""What requests have cost: the site's own days and months, hard lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.bench import BERLIN, PRICE, TESLA

from sunbox.core.commands import RequestKind
from sunbox.core.economy import (
    SOFT_SHARE,
    allowance,
    commands_today,
    daily_line,
    is_affordable,
    may_pay,
    projected,
    soft_line,
    spend_on,
    spend_with,
    spend_with_late,
)
from sunbox.core.model import Spend
from sunbox.core.settings import Budget

COMMAND, DATA, WAKE, STATE = RequestKind.COMMAND, RequestKind.DATA, RequestKind.WAKE, RequestKind.STATE


def berlin(*when: int) -> datetime:
    return datetime(*when, tzinfo=BERLIN).astimezone(UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("at", "day", "ends_at"),
    [
        (berlin(2026, 6, 1, 12), date(2026, 6, 1), datetime(2026, 6, 1, 22, tzinfo=UTC)),
        (datetime(2026, 6, 1, 22, tzinfo=UTC), date(2026, 6, 2), datetime(2026, 6, 2, 22, tzinfo=UTC)),
        (berlin(2026, 1, 31, 23, 59), date(2026, 1, 31), datetime(2026, 1, 31, 23, tzinfo=UTC)),
        # the clocks go forward on 29 March and back on 25 October 2026: days of 23 and 25 hours
        (berlin(2026, 3, 29, 0, 30), date(2026, 3, 29), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        (berlin(2026, 3, 29, 23, 30), date(2026, 3, 29), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        (berlin(2026, 10, 25, 0, 30), date(2026, 10, 25), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        (berlin(2026, 12, 31, 23, 30), date(2026, 12, 31), datetime(2026, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_a_day_is_the_sites_own(at: datetime, day: date, ends_at: datetime) -> None:
    spend = spend_on(None, at, BERLIN)
    assert (spend.day, spend.day_ends_at) == (day, ends_at)
    assert spend.money_today == spend.money_this_month == 0.0


def test_the_day_of_the_clock_change_is_an_hour_longer_or_shorter() -> None:
    for noon, hours in ((berlin(2026, 3, 29, 12), 23), (berlin(2026, 10, 25, 12), 25), (berlin(2026, 6, 1, 12), 24)):
        today = spend_on(None, noon, BERLIN)
        yesterday = spend_on(None, noon - timedelta(days=1), BERLIN)
        assert today.day_ends_at - yesterday.day_ends_at == timedelta(hours=hours)


def test_counts_begin_anew_with_the_day_and_with_the_month() -> None:
    spend = spend_with(spend_on(None, berlin(2026, 10, 30, 12), BERLIN), COMMAND, 3, PRICE)
    assert spend_on(spend, berlin(2026, 10, 30, 23, 59), BERLIN) is spend
    tomorrow = spend_on(spend, berlin(2026, 10, 31, 0), BERLIN)
    assert (tomorrow.today, tomorrow.money_today) == ({}, 0.0)
    assert (tomorrow.this_month, tomorrow.money_this_month) == ({COMMAND: 3}, spend.money_this_month)
    next_month = spend_on(tomorrow, berlin(2026, 11, 1, 0), BERLIN)
    assert (next_month.today, next_month.this_month, next_month.money_this_month) == ({}, {}, 0.0)


def test_the_same_month_of_another_year_is_another_month() -> None:
    spend = spend_with(spend_on(None, berlin(2026, 6, 1, 12), BERLIN), DATA, 9, PRICE)
    assert spend_on(spend, berlin(2027, 6, 1, 12), BERLIN).this_month == {}


def test_an_old_spend_is_not_brought_back_by_a_clock_that_went_back() -> None:
    spend = spend_with(spend_on(None, berlin(2026, 6, 2, 12), BERLIN), DATA, 9, PRICE)
    assert spend_on(spend, berlin(2026, 6, 1, 12), BERLIN) is spend


def test_each_kind_is_counted_and_priced() -> None:
    spend = spend_on(None, berlin(2026, 6, 1, 12), BERLIN)
    for kind, count in ((COMMAND, 2), (DATA, 1), (WAKE, 1), (STATE, 50)):
        spend = spend_with(spend, kind, count, PRICE)
    assert spend.today == spend.this_month == {COMMAND: 2, DATA: 1, WAKE: 1, STATE: 50}
    assert spend.money_today == pytest.approx(2 * PRICE[COMMAND] + PRICE[DATA] + PRICE[WAKE])
    assert commands_today(spend) == 3


def spent(today: float, month: float, day: int = 1) -> Spend:
    at = berlin(2026, 6, day, 12)
    begun = spend_on(None, at, BERLIN)
    return Spend(day=begun.day, day_ends_at=begun.day_ends_at, money_today=today, money_this_month=month)


@pytest.mark.parametrize(
    ("spend", "budget", "line"),
    [
        (spent(0, 0), Budget(), None),
        (spent(0, 0), Budget(per_month=3.0), 0.3),  # 3 × 3.00 / 30
        (spent(0.2, 0.2), Budget(per_month=3.0), 0.3),  # what today cost does not move today's line
        (spent(0, 0, day=30), Budget(per_month=3.0), 3.0),  # never more than what is left
        (spent(0, 2.4, day=30), Budget(per_month=3.0), 0.6),
        (spent(0, 5.0, day=15), Budget(per_month=3.0), 0.0),
        (spent(0, 0), Budget(per_month=3.0, burst=1.0), 0.1),
        (spent(0, 1.5, day=16), Budget(per_month=3.0), 0.3),
    ],
)
def test_the_line_of_a_day(spend: Spend, budget: Budget, line: float | None) -> None:
    assert daily_line(spend, budget) == (None if line is None else pytest.approx(line))


@pytest.mark.parametrize(
    ("money", "kind", "is_so"),
    [
        (0.299, COMMAND, True),  # just on the line
        (0.2995, COMMAND, False),
        (0.298, DATA, True),
        (0.299, DATA, False),
        (0.28, WAKE, True),
        (0.281, WAKE, False),
        (9.0, STATE, True),  # free
    ],
)
def test_the_hard_line_in_money(money: float, kind: RequestKind, *, is_so: bool) -> None:
    assert is_affordable(spent(money, money), Budget(per_month=3.0), TESLA, kind) is is_so


def test_the_hard_line_in_commands_counts_commands_and_wakes_only() -> None:
    budget = Budget(commands_per_day=2)
    spend = spend_on(None, berlin(2026, 6, 1, 12), BERLIN)
    spend = spend_with(spend_with(spend, DATA, 7, PRICE), COMMAND, 1, PRICE)
    assert is_affordable(spend, budget, TESLA, WAKE)
    spend = spend_with(spend, WAKE, 1, PRICE)
    assert not is_affordable(spend, budget, TESLA, COMMAND)
    assert not is_affordable(spend, budget, TESLA, WAKE)
    assert is_affordable(spend, budget, TESLA, DATA)


@given(
    st.lists(st.tuples(st.integers(0, 86_400 * 3), st.sampled_from([COMMAND, DATA, WAKE])), max_size=60),
    st.floats(0.1, 10),
)
def test_obeying_the_daily_line_obeys_the_month(waits: list[tuple[int, RequestKind]], per_month: float) -> None:
    budget = Budget(per_month=per_month)
    at = berlin(2026, 3, 20, 12)
    spend: Spend | None = None
    for wait_s, kind in waits:
        at += timedelta(seconds=wait_s)
        spend = spend_on(spend, at, BERLIN)
        if is_affordable(spend, budget, TESLA, kind):
            spend = spend_with(spend, kind, 1, PRICE)
        assert spend.money_this_month <= per_month + 1e-6
        assert at < spend.day_ends_at <= at + timedelta(hours=25)


def test_the_soft_line_is_for_what_is_not_needed() -> None:
    budget = Budget(per_month=30.0, burst=1.0)  # a dollar a day
    assert soft_line(spent(0.0, 0.0), budget) == pytest.approx(SOFT_SHARE)
    assert soft_line(spent(0.0, 0.0), Budget()) is None
    for money, is_needed, is_so in (
        (0.70, False, True),
        (0.749, False, False),
        (0.749, True, True),
        (0.999, True, False),
    ):
        spend = spent(money, money)
        assert is_affordable(spend, budget, TESLA, DATA, is_needed=is_needed) is is_so


def test_a_free_way_is_always_affordable_and_the_other_one_only_within_the_line() -> None:
    free = replace(TESLA, has_free_way=True)
    spend, budget = spent(1.0, 1.0), Budget(per_month=1.0)
    assert is_affordable(spend, budget, free, COMMAND)
    assert not may_pay(spend, budget, free, COMMAND)
    assert may_pay(spend, budget, free, STATE)


def test_no_more_wakes_than_a_day_may_have_however_cheap() -> None:
    budget = Budget(wakes_per_day=2)
    for capabilities in (TESLA, replace(TESLA, has_free_way=True), replace(TESLA, price={})):
        spend = replace(spent(0.0, 0.0), wakes=1)
        assert is_affordable(spend, budget, capabilities, WAKE)
        assert not is_affordable(replace(spend, wakes=2), budget, capabilities, WAKE)
        assert is_affordable(replace(spend, wakes=2), budget, capabilities, COMMAND)


def test_wakes_are_counted_by_the_day() -> None:
    spend = replace(spend_on(None, berlin(2026, 10, 30, 12), BERLIN), wakes=3)
    assert spend_on(spend, berlin(2026, 10, 30, 23), BERLIN).wakes == 3
    assert spend_on(spend, berlin(2026, 10, 31, 1), BERLIN).wakes == 0


@pytest.mark.parametrize(
    ("day", "since", "month", "budget", "expected"),
    [
        (10, None, 1.0, Budget(), 3.0),
        (30, None, 1.0, Budget(), 1.0),
        (1, None, 0.0, Budget(), 0.0),
        (10, date(2026, 6, 6), 1.0, Budget(), 5.0),  # counted since the 6th only
        (10, None, 1.0, Budget(per_month=2.0), 2.0),  # further than the budget it does not go
        (10, None, 2.5, Budget(per_month=2.0), 2.5),  # and what is spent is spent
    ],
)
def test_what_a_month_will_have_cost(
    day: int, since: date | None, month: float, budget: Budget, expected: float
) -> None:
    spend = replace(spent(0.0, month, day), since=since)
    assert projected(spend, budget, spend.day_ends_at, BERLIN) == pytest.approx(expected)


@pytest.mark.parametrize("budget", [Budget(), Budget(per_month=2.0)])
@pytest.mark.parametrize("since", [None, date(2026, 10, 20)])
def test_what_a_month_will_have_cost_does_not_jump_while_nothing_is_sent(budget: Budget, since: date | None) -> None:
    spend = replace(spend_with(spend_on(None, berlin(2026, 10, 22, 20), BERLIN), DATA, 100, PRICE), since=since)
    spend = spend_with(spend_on(spend, berlin(2026, 10, 23, 9), BERLIN), DATA, 20, PRICE)
    at = berlin(2026, 10, 23, 9)
    figures = []
    while at < berlin(2026, 10, 28):  # over midnights, and the day of 25 hours
        figures.append(projected(spend_on(spend, at, BERLIN), budget, at, BERLIN))
        at += timedelta(minutes=1)
    steps = [after - before for before, after in pairwise(figures)]
    assert all(-0.01 * figures[0] < step <= 1e-12 for step in steps)  # it falls slowly
    assert figures[-1] < figures[0]
    assert all(figure >= spend.money_this_month for figure in figures)


def test_what_a_month_will_have_cost_stays_where_it_is_while_each_hour_costs_the_same() -> None:
    at, spend, figures = berlin(2026, 6, 1, 0), None, []
    while at < berlin(2026, 7, 1):
        spend = spend_with(spend_on(spend, at, BERLIN), DATA, 1, PRICE)
        at += timedelta(hours=1)
        if (at - berlin(2026, 6, 2, 0)).total_seconds() >= 0:
            figures.append(projected(spend_on(spend, at, BERLIN), Budget(), at, BERLIN))
    assert figures.pop() == 0.0  # the next month
    assert figures == pytest.approx([720 * PRICE[DATA]] * (29 * 24))


def test_on_the_first_day_what_it_has_cost_is_what_a_day_costs() -> None:
    spend = spend_with(spend_on(None, berlin(2026, 10, 30, 9), BERLIN), DATA, 5, PRICE)
    for hour in (9, 23):
        assert projected(spend, Budget(), berlin(2026, 10, 30, hour), BERLIN) == pytest.approx(10 * PRICE[DATA])


def test_what_is_heard_of_late_is_of_its_own_day() -> None:
    today = spend_with(spend_on(None, berlin(2026, 6, 10, 12), BERLIN), DATA, 2, PRICE)
    same = spend_with_late(today, DATA, 1, PRICE, date(2026, 6, 10))
    assert same == spend_with(today, DATA, 1, PRICE)
    earlier = spend_with_late(today, COMMAND, 3, PRICE, date(2026, 6, 8))
    assert (earlier.today, earlier.money_today) == (today.today, today.money_today)
    assert earlier.this_month == {DATA: 2, COMMAND: 3}
    assert earlier.money_this_month == pytest.approx(today.money_this_month + 3 * PRICE[COMMAND])
    assert earlier.since == date(2026, 6, 8)  # counting began before
    assert spend_with_late(replace(today, since=None), DATA, 1, PRICE, date(2026, 6, 8)).since is None
    for other in (date(2026, 5, 31), date(2025, 6, 10)):
        assert spend_with_late(today, DATA, 1, PRICE, other) is today


def test_a_month_that_was_begun_in_has_its_days_share() -> None:
    spend, budget = replace(spent(0.0, 0.0, 16), since=date(2026, 6, 16)), Budget(per_month=2.0, burst=3.0)
    assert allowance(spend, budget) == pytest.approx(1.0)
    assert daily_line(spend, budget) == pytest.approx(3.0 * 1.0 / 15)
    assert projected(replace(spend, money_this_month=0.2), budget, spend.day_ends_at, BERLIN) == pytest.approx(1.0)
    assert allowance(replace(spend, since=None), budget) == 2.0
    assert allowance(spend, Budget()) is None


def test_a_month_that_was_begun_in_is_counted_from_its_first_counted_day() -> None:
    first = spend_on(None, berlin(2026, 10, 30, 12), BERLIN)
    assert first.since == date(2026, 10, 30)
    assert spend_on(first, berlin(2026, 10, 31, 12), BERLIN).since == date(2026, 10, 30)
    assert spend_on(first, berlin(2026, 11, 2, 12), BERLIN).since is None
