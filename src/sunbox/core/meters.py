"""Meters behind a service that counts or bills requests: they are asked for, and only while a reading is of use.

That is while a car is connected and the sun is up. All other meters are polled by their drivers.

*A car of which nobody knows* whether it is connected is woken by lasting sun alone, and the sun must be seen for that: as long as
one sleeps that could be woken, they are asked, but seldom.

*Budget.* What the month may still cost is spread evenly over the daylight that it has left, so where that is short each reading
waits longer for the next. Longer than `LONGEST_S` none waits, as by older readings nobody can charge: then the hours around noon
get what there is, and the rest of the day nothing. At the line of the day, or the month, nothing is asked. Holding a battery and
giving it back is counted as well, but never held back: nobody asks here for that.
"""

from __future__ import annotations

import calendar
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sunbox.core.commands import KIND_OF, ReadKind, RequestKind
from sunbox.core.connection import home_of, whereabouts
from sunbox.core.economy import allowance, daily_line, days_left, spend_on, spend_with, spend_with_late
from sunbox.core.effects import Read
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.stance import is_wished
from sunbox.core.state import MeterState
from sunbox.core.sun import after_noon_s, daylight_s, is_up
from sunbox.core.values import replace
from sunbox.core.vehicle import ASLEEP, can_pay, wake_again_at

if TYPE_CHECKING:
    from sunbox.core.draft import Draft
    from sunbox.core.events import Billed, ReadFailed
    from sunbox.core.model import Spend
    from sunbox.core.settings import LoadpointSettings, MeterSettings

LOOK_FOR_SUN_S = 300.0
"""While the sun is down and a car is connected, so often is looked whether it is up."""

SELDOM_S = 300.0
"""Between two looks for sun that would be worth waking a car of which nobody knows how it is."""

LONGEST_S = 900.0
"""Most that the wait for the next reading is stretched."""

DUST = 1e-9
"""Of sums of thousandths."""


def ask(draft: Draft) -> None:
    """Ask those that are due."""
    rare = [meter for meter in draft.settings.meters if meter.is_cloud]
    if not rare:
        return
    is_connected = _is_any_connected(draft)
    if is_connected is False:
        return
    if not is_sun_up(draft):
        draft.wait_for(draft.at + timedelta(seconds=LOOK_FOR_SUN_S))
        return
    for meter in rare:
        _ask(draft, meter, is_seldom=is_connected is None)


def _ask(draft: Draft, meter: MeterSettings, *, is_seldom: bool) -> None:
    state = draft.meters.get(meter.id) or MeterState()
    is_news = state.is_seldom and not is_seldom  # a car has turned out to be connected
    if state.due_at is None or draft.at >= state.due_at or is_news:
        held_until_at, wait_s = _pace(draft, meter, SELDOM_S if is_seldom else 0.0)
        if held_until_at is None:
            draft.effects.append(Read(device_id=meter.id, exchange_id=draft.next_id, what=ReadKind.DATA))
            draft.next_id += 1
        state = replace(
            state,
            due_at=held_until_at or draft.at + timedelta(seconds=wait_s),
            interval_s=wait_s if wait_s > meter.interval_s else None,
            held_until_at=held_until_at,
            is_seldom=is_seldom,
        )
        draft.meters[meter.id] = state
    draft.wait_for(state.due_at)


def _pace(draft: Draft, meter: MeterSettings, least_s: float) -> tuple[datetime | None, float]:
    """Return until when a meter is not asked, None = it is asked now, and then how long until the next time."""
    wait_s = max(least_s, meter.interval_s)
    price = meter.price.get(RequestKind.DATA, 0.0)
    spend = spend_of(draft, meter)
    month, line = allowance(spend, meter.budget), daily_line(spend, meter.budget)
    if price <= 0.0 or month is None or line is None:
        return None, wait_s
    count = int((month - spend.money_this_month + DUST) / price)
    if count < 1:
        return _next_month(draft, spend.day), wait_s
    if spend.money_today + price > line + DUST:
        return spend.day_ends_at, wait_s
    lat, lon = _whose_sun(draft)
    days = days_left(spend.day)
    even_s = daylight_s(draft.at, days, lat, lon) / count
    longest_s = max(LONGEST_S, wait_s)
    if even_s <= longest_s:
        return None, max(wait_s, even_s)
    half_s = count * longest_s / days / 2.0
    past_s = after_noon_s(draft.at, lat, lon)
    if past_s > half_s:
        return spend.day_ends_at, longest_s
    if past_s < -half_s - 1.0:
        return draft.at - timedelta(seconds=past_s + half_s), longest_s
    return None, longest_s


def _next_month(draft: Draft, day: date) -> datetime:
    """Return when the next month begins."""
    first = day.replace(day=calendar.monthrange(day.year, day.month)[1]) + timedelta(days=1)
    return datetime.combine(first, datetime.min.time(), draft.settings.site.timezone).astimezone(draft.at.tzinfo)


def spend_of(draft: Draft, meter: MeterSettings) -> Spend:
    """Return what a meter's requests have cost, as of now."""
    state = draft.meters.get(meter.id)
    spend = None if state is None else state.memory.spend
    return spend_on(spend, draft.at, draft.settings.site.timezone, meter.budget)


def charge(draft: Draft, meter_id: str, kind: RequestKind, billed: int) -> None:
    """Count `billed` requests to a meter's service."""
    meter = next((each for each in draft.settings.meters if each.id == meter_id), None)
    if meter is None or billed <= 0:
        return
    state = draft.meters.get(meter_id) or MeterState()
    spend = spend_with(spend_of(draft, meter), kind, billed, meter.price)
    draft.meters[meter_id] = replace(state, memory=replace(state.memory, spend=spend))


def take_bill(draft: Draft, event: Billed) -> None:
    """Count what nobody awaits; an entry of the list of what was sent by hand once, and on the day when it was sent."""
    if event.entry is None:
        charge(draft, event.meter_id, event.kind, event.count)
        return
    meter = next(each for each in draft.settings.meters if each.id == event.meter_id)
    state = draft.meters.get(meter.id) or MeterState()
    if event.entry <= state.memory.last_entry:
        return
    sent_at = min(event.sent_at or draft.at, draft.at)  # who wrote it may have had another clock
    zone = draft.settings.site.timezone
    spend = spend_on(state.memory.spend, sent_at, zone, meter.budget)
    spend = spend_with_late(spend, event.kind, event.count, meter.price, sent_at.astimezone(zone).date())
    memory = replace(state.memory, spend=spend, last_entry=event.entry)
    draft.meters[meter.id] = replace(state, memory=memory)


def note_failed(draft: Draft, event: ReadFailed) -> None:
    """Take that a meter could not be read; one that is asked for is left alone for as long as it says."""
    charge(draft, event.device_id, KIND_OF[event.what], event.billed)
    state = replace(draft.meters.get(event.device_id) or MeterState(), cause=event.cause)
    if event.retry_after_s is not None and state.due_at is not None:
        due_at = max(state.due_at, draft.at + timedelta(seconds=event.retry_after_s))
        state = replace(state, due_at=due_at, is_seldom=False)
    draft.meters[event.device_id] = state


def why_blind(draft: Draft, age_s: float) -> Reason:
    """Return why there is no grid reading that is fresh enough."""
    if is_resting(draft):
        return Reason(ReasonCode.SUN_DOWN, {"age_s": age_s})
    held = [_held(draft, meter) for meter in draft.settings.meters if meter.is_site]
    reasons = [each for each in held if each is not None]
    return reasons[0] if reasons and len(reasons) == len(held) else Reason(ReasonCode.GRID_STALE, {"age_s": age_s})


def _held(draft: Draft, meter: MeterSettings) -> Reason | None:
    """Return why a meter is not asked for the sake of its budget, None where it is."""
    state = draft.meters.get(meter.id)
    if state is None or state.held_until_at is None:
        return None
    spend, zone = spend_of(draft, meter), draft.settings.site.timezone
    until = state.held_until_at.astimezone(zone)
    is_today = state.held_until_at <= spend.day_ends_at
    kept = ", the rest is kept for the sun around noon" if state.held_until_at < spend.day_ends_at else ""
    numbers = {
        "spent": f"{spend.money_today:.3f}",
        "line": f"{daily_line(spend, meter.budget) or 0.0:.3f}",
        "unit": f"money, of the meter {meter.id}{kept}",
        "until": until.strftime("%H:%M" if is_today else "%Y-%m-%d %H:%M"),
    }
    return Reason(ReasonCode.BUDGET, numbers, state.held_until_at)


def is_resting(draft: Draft) -> bool:
    """Return whether the grid is not measured because the sun is down."""
    grid = [meter for meter in draft.settings.meters if meter.is_site]
    return bool(grid) and all(meter.is_cloud for meter in grid) and not is_sun_up(draft)


def is_sun_up(draft: Draft) -> bool:
    """Return whether the sun is above the horizon at the site."""
    return is_up(draft.at, *_whose_sun(draft))


def _whose_sun(draft: Draft) -> tuple[float, float]:
    """Return latitude and longitude of the site: those of its first place, of central Europe if it has none."""
    place = next(iter(draft.settings.places), None)
    return (place.lat, place.lon) if place else (50.0, 10.0)


def _is_any_connected(draft: Draft) -> bool | None:
    """Return whether a car is connected at a loadpoint; None = not that anybody knew, and one that may be could be woken."""
    found: bool | None = False
    for loadpoint in draft.settings.loadpoints:
        facts = draft.vehicles[loadpoint.device_id].memory.facts
        is_plugged = facts.is_plugged if facts is not None else None
        if is_plugged is False:
            continue
        where = whereabouts(draft.settings, loadpoint, draft.settings_of(loadpoint.device_id), facts)
        if where.is_here is False and home_of(draft.settings, loadpoint) is not None:
            continue
        if is_plugged:
            return True
        if _would_be_charged(draft, loadpoint):
            found = None
    return found


def _would_be_charged(draft: Draft, loadpoint: LoadpointSettings) -> bool:
    """Return whether a car that nobody knows would be woken or started now if there were sun.

    One that was never seen is looked at for nothing first: awake, it is read and says how it is.
    """
    vehicle_id = loadpoint.device_id
    vehicle = draft.vehicles[vehicle_id]
    if draft.settings_of(vehicle_id).capabilities.is_polled:
        return False  # it says by itself how it is
    if vehicle.memory.facts is None and vehicle.availability not in ASLEEP:
        return False
    if not is_wished(draft.loadpoints[loadpoint.id].memory.wish, vehicle):
        return False
    for until_at in (wake_again_at(vehicle), vehicle.memory.not_before_at):
        if until_at is not None and draft.at < until_at:
            draft.wait_for(until_at)
            return False
    return can_pay(draft, vehicle_id, RequestKind.WAKE, is_needed=False)
