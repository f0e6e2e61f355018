"""What a recorded day brought, and what was missed and why: the energy of each reading, booked to the decision in force."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple

from sunbox.core.commands import RequestKind
from sunbox.core.reasons import ReasonCode
from sunbox.core.wallbox import DayReport, Decision, LoadpointDay, PossibleDay
from sunbox.gateway.recorded import Asked, CarRange, Record, Sample, Seen, driven

HELD_MOST_S = 120.0
"""A reading counts for so long at most: what came after it is not known."""


class Cause(StrEnum):
    """Why sun was missed."""

    DELAY = "waiting_to_last"  #: there was enough, but it had to last first
    TOO_LOW = "below_minimum"  #: less than a car needs to charge
    LAG = "steps_and_lag"  #: whole amps, and the time that meter, car and rules take
    PRICE = "price_or_budget"  #: a command would have cost more than it brings, or the budget was spent
    AWAY = "car_away"  #: or unplugged, or never seen
    WAKING = "waking"
    ASKED = "asked_for"  #: somebody stopped it, or asked for other amps
    FULL = "car_full"
    STALE = "meter_stale"
    OFF_GRID = "off_grid"  #: the home lived on its battery
    FUSE = "fuse"
    FAULT = "fault"  #: the car or its service did not do it
    UNKNOWN = "not_recorded"


CAUSES: dict[ReasonCode, Cause] = {
    ReasonCode.NEVER_SEEN: Cause.AWAY,
    ReasonCode.NOT_PLUGGED: Cause.AWAY,
    ReasonCode.AT_CHARGER: Cause.AWAY,
    ReasonCode.AWAY: Cause.AWAY,
    ReasonCode.PLACE_UNKNOWN: Cause.AWAY,
    ReasonCode.NOT_PV_PLACE: Cause.AWAY,
    ReasonCode.FAST_CHARGER: Cause.AWAY,
    ReasonCode.OWN_SCHEDULE: Cause.ASKED,
    ReasonCode.OTHER_MANAGER: Cause.ASKED,
    ReasonCode.MODE_OFF: Cause.ASKED,
    ReasonCode.STOPPED_BY: Cause.ASKED,
    ReasonCode.TARGET_REACHED: Cause.FULL,
    ReasonCode.COMPLETE: Cause.FULL,
    ReasonCode.CHARGING_NOW: Cause.ASKED,
    ReasonCode.CHARGING_BY: Cause.ASKED,
    ReasonCode.CHARGING_PV: Cause.LAG,
    ReasonCode.CHARGING_MINIMUM: Cause.LAG,
    ReasonCode.CHARGING_HELD: Cause.PRICE,
    ReasonCode.CHARGING_GUARANTEED: Cause.LAG,
    ReasonCode.SURPLUS_LOW: Cause.TOO_LOW,
    ReasonCode.SURPLUS_STARTING: Cause.DELAY,
    ReasonCode.START_PRICE: Cause.PRICE,
    ReasonCode.GRID_STALE: Cause.STALE,
    ReasonCode.SUN_DOWN: Cause.TOO_LOW,
    ReasonCode.OFF_GRID: Cause.OFF_GRID,
    ReasonCode.GRID_STALE_HOLD: Cause.STALE,
    ReasonCode.FUSE: Cause.FUSE,
    ReasonCode.WAKING: Cause.WAKING,
    ReasonCode.WAKE_FAILED: Cause.WAKING,
    ReasonCode.STARTING: Cause.LAG,
    ReasonCode.STOPPING: Cause.LAG,
    ReasonCode.REFUSED: Cause.FAULT,
    ReasonCode.NO_POWER: Cause.FAULT,
    ReasonCode.CAR_IDLE: Cause.FULL,
    ReasonCode.CHARGER_HOLDS: Cause.FAULT,
    ReasonCode.CHARGER_SILENT: Cause.FAULT,
    ReasonCode.CHARGER_FAULT: Cause.FAULT,
    ReasonCode.RETRYING: Cause.FAULT,
    ReasonCode.RATE_LIMITED: Cause.FAULT,
    ReasonCode.LOGIN_REQUIRED: Cause.FAULT,
    ReasonCode.BUDGET: Cause.PRICE,
}
"""Every reason there is. A record may come from a version that knew others: those are `UNKNOWN`."""

_CAUSE_OF: dict[str, Cause] = {code.value: cause for code, cause in CAUSES.items()}


def cause_of(decision: Decision | None, needed_w: float, surplus_w: float) -> Cause:
    """Return why sun was missed under a decision.

    Args:
        decision: in force, None if none is recorded.
        needed_w: least power with which the car charges.
        surplus_w: what there was at this reading.
    """
    if decision is None:
        return Cause.UNKNOWN
    cause = _CAUSE_OF.get(decision.code, Cause.UNKNOWN)
    # It stays "too low" until the next reading has arrived: what comes in between is lag.
    return Cause.LAG if cause is Cause.TOO_LOW and surplus_w >= needed_w else cause


class _Account:
    """One loadpoint's day, in Wh."""

    def __init__(self) -> None:
        self.charged_wh = self.solar_wh = self.battery_wh = self.import_wh = 0.0
        self.missed_wh: dict[Cause, float] = {}


class Span(NamedTuple):
    """A sample and for how long it counts."""

    sample: Sample
    hours: float


def spans_of(samples: Sequence[Sample], from_at: datetime, to_at: datetime) -> list[Span]:
    """Return the samples within a time, each with how long it holds; a gap holds nothing."""
    spans: list[Span] = []
    first, last = (bisect_left(samples, at, key=attrgetter("at")) for at in (from_at, to_at))
    for number in range(first, last):
        sample = samples[number]
        next_at = samples[number + 1].at if number + 1 < len(samples) else sample.at
        held_s = min(HELD_MOST_S, (min(next_at, to_at) - sample.at).total_seconds())
        if held_s > 0:
            spans.append(Span(sample, held_s / 3600.0))
    return spans


def is_able(row: Seen) -> bool:
    """Return whether a car could have charged: plugged in here and not full. One that draws is not full, whatever was said."""
    return bool(row.is_plugged) and not (row.is_full and row.draw_high_w <= 0)


def report_of(record: Record, day: date, possible: PossibleDay | None = None) -> DayReport:
    """Return the account of one local day of a record."""
    from_at, to_at = bounds_of(record, day)
    spans = spans_of(record.samples, from_at, to_at)
    accounts = [_Account() for _ in record.cars]
    sun_wh = usable_wh = 0.0
    for sample, hours in spans:
        surplus_w = max(0.0, sample.surplus_w)
        sun_wh += min(surplus_w, sum(car.max_w for car in record.cars)) * hours
        able_w = sum(car.max_w for car, row in zip(record.cars, sample.seen, strict=True) if is_able(row))
        usable_wh += min(surplus_w, able_w) * hours
        _book(accounts, record.cars, sample, surplus_w, hours)
    rows = [_loadpoint_day(record, number, account, from_at, to_at) for number, account in enumerate(accounts)]
    return DayReport(
        day=day,
        hours=round(sum(span.hours for span in spans), 2),
        sun_kwh=_kwh(sun_wh),
        usable_kwh=_kwh(usable_wh),
        charged_kwh=_kwh(sum(account.charged_wh for account in accounts)),
        solar_kwh=_kwh(sum(account.solar_wh for account in accounts)),
        battery_kwh=_kwh(sum(account.battery_wh for account in accounts)),
        import_kwh=_kwh(sum(account.import_wh for account in accounts)),
        missed_kwh=_in_order(accounts),
        commands=sum(row.commands for row in rows),
        money=round(sum(row.money for row in rows), 4),
        possible=possible,
        loadpoints=tuple(rows),
        gaps=tuple(record.gaps),
    )


def bounds_of(record: Record, day: date) -> tuple[datetime, datetime]:
    """Return when a local day of the site begins and ends."""
    zone = record.settings.site.timezone
    return (
        datetime.combine(day, datetime.min.time(), zone),
        datetime.combine(day + timedelta(days=1), datetime.min.time(), zone),
    )


def _book(accounts: list[_Account], cars: Sequence[CarRange], sample: Sample, surplus_w: float, hours: float) -> None:
    """Book one reading: what flowed by its source, what was missed by its cause. Several cars share in proportion."""
    drawn_w = sum(row.draw_w for row in sample.seen)
    if drawn_w <= 0 and surplus_w <= 0:
        return
    solar_w = min(drawn_w, surplus_w)
    import_w = min(drawn_w - solar_w, max(0.0, sample.grid_w))
    battery_w = min(drawn_w - solar_w - import_w, max(0.0, sample.battery_w))
    import_w = drawn_w - solar_w - battery_w
    rooms_w = [max(0.0, car.max_w - row.draw_w) for car, row in zip(cars, sample.seen, strict=True)]
    room_w = sum(rooms_w)
    missed_w = min(surplus_w - solar_w, room_w)
    for account, car, row, own_w in zip(accounts, cars, sample.seen, rooms_w, strict=True):
        if drawn_w > 0:
            part = row.draw_w / drawn_w * hours
            account.charged_wh += drawn_w * part
            account.solar_wh += solar_w * part
            account.battery_wh += battery_w * part
            account.import_wh += import_w * part
        if missed_w > 0 and own_w > 0:
            cause = cause_of(row.decision, car.min_w, surplus_w)
            account.missed_wh[cause] = account.missed_wh.get(cause, 0.0) + missed_w * own_w / room_w * hours


def _loadpoint_day(record: Record, number: int, account: _Account, from_at: datetime, to_at: datetime) -> LoadpointDay:
    loadpoint = driven(record.settings)[number]
    vehicle = next(row for row in record.settings.vehicles if row.id == loadpoint.vehicle_id)

    def within(rows: Sequence[Asked]) -> list[Asked]:
        return [row for row in rows if row.loadpoint == number and from_at <= row.at < to_at]

    sent, billed = within(record.sent), within(record.billed)
    price = vehicle.capabilities.price
    return LoadpointDay(
        id=loadpoint.id,
        charged_kwh=_kwh(account.charged_wh),
        solar_kwh=_kwh(account.solar_wh),
        battery_kwh=_kwh(account.battery_wh),
        import_kwh=_kwh(account.import_wh),
        missed_kwh=_in_order([account]),
        commands=sum(row.kind is RequestKind.COMMAND for row in sent),
        wakes=sum(row.kind is RequestKind.WAKE for row in sent),
        data_reads=sum(row.count for row in billed if row.kind is RequestKind.DATA),
        money=round(sum(price.get(row.kind, 0.0) * row.count for row in billed), 4),
    )


def _in_order(accounts: Sequence[_Account]) -> dict[str, float]:
    """Return what was missed by cause, the largest first, without what is next to nothing."""
    total: dict[Cause, float] = {}
    for account in accounts:
        for cause, energy_wh in account.missed_wh.items():
            total[cause] = total.get(cause, 0.0) + energy_wh
    kwh: Mapping[str, float] = {cause.value: _kwh(energy_wh) for cause, energy_wh in total.items()}
    return {cause: value for cause, value in sorted(kwh.items(), key=lambda item: -item[1]) if value > 0}


def _kwh(energy_wh: float) -> float:
    return round(energy_wh / 1000.0, 3)
