"""What requests to a car or a meter have cost, in words. What costs nothing has no words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Spend = Mapping[str, Any]


def _of(line: float | None, digits: int) -> str:
    return "" if line is None else f" of {line:.{digits}f}"


def _today(spend: Spend) -> str:
    return f"{spend['money_today']:.3f}{_of(spend.get('daily_line'), 3)}"


def _today_and_soft(spend: Spend) -> str:
    soft = spend.get("soft_line")
    return _today(spend) + ("" if soft is None else f", only what is needed from {soft:.3f} on")


def _projected(spend: Spend) -> str:
    return f"{spend['money_projected']:.2f}{_of(spend.get('per_month'), 2)}"


def _requests(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "none"


def _wakes(spend: Spend) -> str:
    line = spend.get("wakes_line")
    return f"{spend['wakes_today']}" + ("" if line is None else f" of {line}")


ROWS: tuple[tuple[str, Callable[[Spend], str]], ...] = (
    ("spent today", _today_and_soft),
    ("spent this month", lambda spend: f"{spend['money_this_month']:.2f}"),
    ("projected", _projected),
    ("requests today", lambda spend: _requests(spend["requests_today"])),
    ("requests this month", lambda spend: _requests(spend["requests_this_month"])),
    ("wakes today", _wakes),
)


def spend_rows(spend: Spend | None) -> list[tuple[str, str]]:
    """Return what was spent, row by row."""
    return [] if spend is None else [(words, show(spend)) for words, show in ROWS]


def spend_line(spend: Spend | None) -> str:
    """Return what was spent in one line, nothing for a car that costs nothing."""
    if spend is None:
        return ""
    this_month = f"{spend['money_this_month']:.2f}, projected {_projected(spend)}"
    return f"today {_today(spend)}, this month {this_month}, wakes today {_wakes(spend)}"


def meter_line(meter: Mapping[str, Any]) -> str:
    """Return what asking a meter has cost and how often it is asked in one line, nothing for one whose requests nobody counts."""
    spend = meter.get("spend")
    if spend is None:
        return ""
    today, month = _requests(spend["requests_today"]), _requests(spend["requests_this_month"])
    this_month = f"{spend['money_this_month']:.2f} ({month}), projected {_projected(spend)}"
    held_until = meter.get("held_until_at")
    pace = f"; asked every {meter['interval_s']:.0f} s" if held_until is None else f"; not asked before {held_until}"
    return f"today {_today(spend)} ({today}), this month {this_month}{pace if meter.get('is_cloud') else ''}"
