"""What a command is worth in Wh of sun: its money, and the shadow price of a budget that must last for the day.

*Money* becomes energy by what a kWh of sun in the car is worth (site setting).

*Budget.* Commands are spent along the sun: the price follows what is left of the day's commands for what is left of the day's
sun. A day that spends faster makes each further command dearer, one that spends slower cheaper; what a day begins with is
learned from the days before. Nothing but the past, the clock and the sun's position is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sunbox.core.commands import RequestKind
from sunbox.core.economy import FIRST_WH, SOFT_SHARE, commands_line, commands_today, daily_line, share_used
from sunbox.core.reasons import Numbers, Reason, ReasonCode
from sunbox.core.sun import share_of_day
from sunbox.core.vehicle import ASLEEP

if TYPE_CHECKING:
    from sunbox.core.draft import Draft

STEEPNESS = 1.0
"""How strongly the price follows the budget that is left for the sun that is left: half of it for all = twice as dear."""

MOST_WH = 600.0


def price_wh(draft: Draft, vehicle_id: str) -> float:
    """Return the price of one change of current in Wh."""
    capabilities, value_per_kwh = draft.settings_of(vehicle_id).capabilities, draft.settings.site.value_per_kwh
    if capabilities.has_free_way:
        return 0.0
    money = capabilities.price.get(RequestKind.COMMAND, 0.0)
    own_wh = 1000.0 * money / value_per_kwh if value_per_kwh > 0 else 0.0
    return max(own_wh, shadow_wh(draft, vehicle_id))


def start_price_wh(draft: Draft, vehicle_id: str, change_wh: float, min_w: float) -> float:
    """Return the price of a start with its stop (amps, start, stop, the look after it) and of the wake, if one is needed.

    Args:
        draft: what is known.
        vehicle_id: whose start.
        change_wh: the price of one change (`price_wh`).
        min_w: the least that it draws; a car is woken only for a sun that has lasted.
    """
    settings = draft.settings_of(vehicle_id)
    must_wake = settings.capabilities.sleeps and draft.vehicles[vehicle_id].availability in ASLEEP
    lasting_wh = min_w * WAKE_LASTS_S / 3600.0 if must_wake else 0.0
    if change_wh <= 0.0:
        return lasting_wh
    count = START_COMMANDS
    if must_wake:
        prices = settings.capabilities.price
        command = prices.get(RequestKind.COMMAND, 0.0)
        count += prices.get(RequestKind.WAKE, 0.0) / command if command > 0 else 1.0
    return max(lasting_wh, min(START_MOST_WH, count * change_wh))


WAKE_LASTS_S = 120.0
"""For so long the sun must have carried the minimum before a sleeping car is woken for it, be a wake as cheap as it may."""

START_MOST_WH = 120.0
"""Most that is missed before a start, however dear it is: a day without a start is worth nothing."""

START_COMMANDS = 0.25
"""Of a start with its amps and its stop: less than they are, because most surpluses that lasted a minute last on."""


def shadow_wh(draft: Draft, vehicle_id: str) -> float:
    """Return the shadow price of the day's budget in Wh per command; 0 without a budget."""
    settings = draft.settings_of(vehicle_id)
    budget = settings.budget
    if budget.commands_per_day is None and (
        budget.per_month is None or not settings.capabilities.price.get(RequestKind.COMMAND)
    ):
        return 0.0
    spend = draft.spend_of(vehicle_id)
    used = share_used(spend, budget) or 0.0
    place = next(iter(draft.settings.places), None)
    passed = share_of_day(draft.at, place.lat if place else 50.0, place.lon if place else 10.0)
    base_wh = draft.vehicles[vehicle_id].memory.shadow_wh or FIRST_WH
    left = max(0.01, 1.0 - used) / max(0.02, 1.0 - passed)
    return min(MOST_WH, base_wh / float(left**STEEPNESS))


def budget_reason(draft: Draft, vehicle_id: str) -> Reason:
    """Explain the hard line that was reached."""
    settings = draft.settings_of(vehicle_id)
    spend = draft.spend_of(vehicle_id)
    draft.wait_for(spend.day_ends_at)
    until = spend.day_ends_at.astimezone(draft.settings.site.timezone).strftime("%H:%M")
    count, wakes = commands_line(spend, settings.budget), settings.budget.wakes_per_day
    prices = settings.capabilities.price
    line = daily_line(spend, settings.budget) or 0.0
    if count is not None and commands_today(spend) >= count:
        numbers: Numbers = {"spent": commands_today(spend), "line": count, "unit": "commands", "until": until}
    elif wakes is not None and spend.wakes >= wakes:
        numbers = {"spent": spend.wakes, "line": wakes, "unit": "wakes", "until": until}
    else:
        unit = "money"
        if spend.money_today + prices.get(RequestKind.COMMAND, 0.0) <= line:
            unit = f"money, of which {100 * (1 - SOFT_SHARE):.0f} % are kept for what was begun"
        numbers = {"spent": f"{spend.money_today:.3f}", "line": f"{line:.3f}", "unit": unit, "until": until}
    return Reason(ReasonCode.BUDGET, numbers, spend.day_ends_at)
