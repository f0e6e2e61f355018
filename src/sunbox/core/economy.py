"""What requests have cost, and whether the next one may be paid for.

The hard line: over it nothing paid is sent until the next local day, except a stop. The line of a day is `burst` times an even
share of what the month has left, and never more than what it has left. The soft line is below it: what lies between is kept for
what somebody asked for and for going on with what was begun, so over it there are no looks of curiosity and no wakes for the sun.
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo

from sunbox.core.commands import RequestKind
from sunbox.core.model import Spend
from sunbox.core.settings import Budget, Capabilities
from sunbox.core.values import replace


def spend_on(spend: Spend | None, at: datetime, timezone: tzinfo, budget: Budget | None = None) -> Spend:
    """Return the spend as of `at`: counts of a day and of a month begin anew with the site's own day and month.

    Where the budget is a number of commands, what a day leaves over is carried to the next, up to one day's worth.
    """
    if spend is not None and at < spend.day_ends_at:
        return spend
    today = at.astimezone(timezone).date()
    ends_at = datetime.combine(today + timedelta(days=1), datetime.min.time(), timezone).astimezone(UTC)
    if spend is None or (spend.day.year, spend.day.month) != (today.year, today.month):
        since = today if spend is None else None
        return Spend(day=today, day_ends_at=ends_at, carried=_carried(spend, today, budget), since=since)
    carried = _carried(spend, today, budget)
    return replace(spend, day=today, day_ends_at=ends_at, today={}, money_today=0.0, carried=carried, wakes=0)


def _carried(spend: Spend | None, today: date, budget: Budget | None) -> int:
    if spend is None or budget is None or budget.commands_per_day is None:
        return 0
    left = spend.carried + budget.commands_per_day * (today - spend.day).days - commands_today(spend)
    return max(0, min(left, budget.commands_per_day))


def commands_line(spend: Spend, budget: Budget) -> int | None:
    """Return how many commands today may take; None = unlimited."""
    return None if budget.commands_per_day is None else budget.commands_per_day + spend.carried


def spend_with(spend: Spend, kind: RequestKind, count: int, price: Mapping[RequestKind, float]) -> Spend:
    """Return the spend with `count` more requests of a kind."""
    money = count * price.get(kind, 0.0)
    return replace(
        spend,
        today={**spend.today, kind: spend.today.get(kind, 0) + count},
        this_month={**spend.this_month, kind: spend.this_month.get(kind, 0) + count},
        money_today=spend.money_today + money,
        money_this_month=spend.money_this_month + money,
    )


def spend_with_late(
    spend: Spend, kind: RequestKind, count: int, price: Mapping[RequestKind, float], sent_on: date
) -> Spend:
    """Return the spend with `count` more requests of a kind, of which it is heard late: they are of the day `sent_on`.

    What was sent on an earlier day is of that month alone, and in an earlier month of none that is still reckoned.
    """
    if sent_on >= spend.day:
        return spend_with(spend, kind, count, price)
    if (sent_on.year, sent_on.month) != (spend.day.year, spend.day.month):
        return spend
    since = spend.since if spend.since is None else min(spend.since, sent_on)
    more = spend_with(spend, kind, count, price)
    return replace(more, today=spend.today, money_today=spend.money_today, since=since)


def allowance(spend: Spend, budget: Budget) -> float | None:
    """Return what this month may cost, in money; None = unlimited. A month that was begun in has its days' share only."""
    if budget.per_month is None or spend.since is None:
        return budget.per_month
    days = calendar.monthrange(spend.day.year, spend.day.month)[1]
    return budget.per_month * (days - spend.since.day + 1) / days


def daily_line(spend: Spend, budget: Budget) -> float | None:
    """Return the most that today may cost in all, in money; None = unlimited."""
    month = allowance(spend, budget)
    if month is None:
        return None
    left = max(0.0, month - (spend.money_this_month - spend.money_today))
    return min(left, budget.burst * left / days_left(spend.day))


SOFT_SHARE = 0.75
"""Where the soft line is, as a share of the hard one."""


def soft_line(spend: Spend, budget: Budget) -> float | None:
    """Return what today may cost before only what is needed is paid for, in money; None = unlimited."""
    line = daily_line(spend, budget)
    return None if line is None else SOFT_SHARE * line


def projected(spend: Spend, budget: Budget, at: datetime, timezone: tzinfo) -> float:
    """Return what the month will have cost, in money, if it goes on as it has so far and no further than the budget allows.

    Of today, what it has cost counts, and for the rest of it the mean of the days before: so a day that has just begun is not
    taken for one that costs nothing, and the figure does not jump at midnight.
    """
    days_before = (spend.day - (spend.since or spend.day.replace(day=1))).days
    before = spend.money_this_month - spend.money_today
    today = spend.money_today
    if days_before:
        today += (1.0 - share_of_day(spend, at, timezone)) * before / days_before
    total = (before + today) * (1.0 + (days_left(spend.day) - 1) / (days_before + 1))
    most = allowance(spend, budget)
    return total if most is None else max(spend.money_this_month, min(total, most))


def share_of_day(spend: Spend, at: datetime, timezone: tzinfo) -> float:
    """Return how much of the spend's day is over, 0 … 1; days have 23 to 25 hours."""
    begins_at = datetime.combine(spend.day, datetime.min.time(), timezone).astimezone(UTC)
    return min(1.0, max(0.0, (at - begins_at) / (spend.day_ends_at - begins_at)))


def is_affordable(
    spend: Spend, budget: Budget, capabilities: Capabilities, kind: RequestKind, *, is_needed: bool = True
) -> bool:
    """Return whether one more request of a kind stays within the lines: the soft one unless it `is_needed`."""
    if kind is RequestKind.WAKE and budget.wakes_per_day is not None and spend.wakes >= budget.wakes_per_day:
        return False
    return capabilities.has_free_way or may_pay(spend, budget, capabilities, kind, is_needed=is_needed)


def may_pay(
    spend: Spend, budget: Budget, capabilities: Capabilities, kind: RequestKind, *, is_needed: bool = True
) -> bool:
    """Return whether one more billed request of a kind stays within the lines."""
    price = capabilities.price.get(kind, 0.0)
    line = daily_line(spend, budget) if is_needed else soft_line(spend, budget)
    if line is not None and price > 0 and spend.money_today + price > line + 1e-9:
        return False
    most = commands_line(spend, budget)
    if most is None or kind not in COUNTED:
        return True
    return commands_today(spend) < most


COUNTED = (RequestKind.COMMAND, RequestKind.WAKE)
"""What counts as a command where the budget is a number of commands."""


def commands_today(spend: Spend) -> int:
    """Return the number of commands and wakes sent today."""
    return sum(spend.today.get(kind, 0) for kind in COUNTED)


def days_left(day: date) -> int:
    """Return how many days the month has left, with this one."""
    return calendar.monthrange(day.year, day.month)[1] - day.day + 1


FIRST_WH = 90.0
"""Shadow price of a command with which the first day of a budget begins, in Wh."""


LEARN = 0.7
"""How strongly a day that cost more, or less, than its even share moves the price with which the next one begins."""

AIM = 0.9
"""Share of an even day that a day aims at: what it leaves is there for a changeable one."""

LEARNED_LEAST_WH, LEARNED_MOST_WH = 2.0, 300.0


def learned_wh(base_wh: float | None, day: Spend | None, budget: Budget) -> float | None:
    """Return the shadow price in Wh with which the day after `day` begins; None where nothing was spent or no budget is set."""
    share = None if day is None or not day.today else share_used(day, budget, of_even_day=True)
    if share is None:
        return base_wh
    moved_wh = (base_wh or FIRST_WH) * math.exp(LEARN * max(-1.0, min(1.0, share / AIM - 1.0)))
    return min(LEARNED_MOST_WH, max(LEARNED_LEAST_WH, moved_wh))


def share_used(spend: Spend, budget: Budget, *, of_even_day: bool = False) -> float | None:
    """Return which share of a day's budget has been spent; None without a budget.

    Args:
        spend: the day.
        budget: the hard lines.
        of_even_day: measure commands against an even day, without what earlier days left over; then more than 1 is possible.
    """
    shares: list[float] = []
    most = budget.commands_per_day if of_even_day else commands_line(spend, budget)
    if most:
        shares.append(commands_today(spend) / most)
    line = daily_line(spend, budget)
    if line is not None:
        shares.append(spend.money_today / line * budget.burst if line > 0 else 1.0)
    return max(shares) if shares else None
