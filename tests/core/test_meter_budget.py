"""What asking a meter costs: counted, kept over a restart, spread over the daylight of the month, and never beyond the lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from tests.core.bench import BERLIN, BOX, HOUSE, NOON, after_s, facts_of, settings_of
from tests.core.test_cloud_meters import CLOUD, MIDNIGHT, Service

from sunbox.core.commands import Cause, ReadKind, RequestKind
from sunbox.core.engine import step
from sunbox.core.events import Began, Billed, MeterRead, ReadFailed, Tick
from sunbox.core.meters import LONGEST_S
from sunbox.core.model import Availability, Memory, MeterMemory, MeterReading, Mode, Override, Spend
from sunbox.core.reasons import ReasonCode, render
from sunbox.core.settings import Budget, LoadpointSettings, MeterSettings
from sunbox.core.snapshot import snapshot
from sunbox.core.sun import after_noon_s, daylight_s
from sunbox.core.wallbox import MeterSnapshot

PRICE = {RequestKind.DATA: 0.002, RequestKind.COMMAND: 0.001}
JUNE = datetime(2026, 6, 1, 0, tzinfo=BERLIN).astimezone(UTC)
JULY = datetime(2026, 7, 1, 0, tzinfo=BERLIN).astimezone(UTC)
MONTH_S = (JULY - JUNE).total_seconds()
LAT, LON = 52.394, 13.542


def paid(per_month: float | None, *, burst: float = 3.0, **changes: object) -> MeterSettings:
    budget = Budget(per_month=per_month, burst=burst)
    return replace(CLOUD, price=PRICE, budget=budget, **changes)  # type: ignore[arg-type]


def service_of(meter: MeterSettings, *, at: datetime = NOON, **about: object) -> Service:
    service = Service(at=at, meters=(meter,), **about)  # type: ignore[arg-type]
    service.billed = 1
    return service


def shown(service: Service) -> MeterSnapshot:
    return snapshot(service.state, service.at).meters[0]


def spend_of(service: Service) -> Spend:
    spend = service.state.meters["cloud"].memory.spend
    assert spend is not None
    return spend


def spent(money: float, *, today: float = 0.0, at: datetime = NOON) -> dict[str, MeterMemory]:
    day = at.astimezone(BERLIN).date()
    ends_at = datetime.combine(day + timedelta(days=1), datetime.min.time(), BERLIN).astimezone(UTC)
    return {"cloud": MeterMemory(spend=Spend(day=day, day_ends_at=ends_at, money_today=today, money_this_month=money))}


def with_memory(meter: MeterSettings, meters: dict[str, MeterMemory], at: datetime = NOON) -> Service:
    service = service_of(meter, at=at)
    service.asked.clear()
    service.feed(replace(service.began, memory=replace(service.began.memory, meters=meters)))
    return service


# Counting -------------------------------------------------------------------------------------------------------------


def test_each_request_is_counted_and_remembered_also_what_costs_nothing() -> None:
    for price in (PRICE, dict.fromkeys(PRICE, 0.0)):
        service = service_of(replace(CLOUD, price=price))
        service.advance(600)
        count = len(service.asked)
        assert count == 11
        # the first answer came before this bench billed
        assert spend_of(service).this_month == {RequestKind.DATA: count - 1}
        assert spend_of(service).money_this_month == pytest.approx((count - 1) * price[RequestKind.DATA])
        assert service.remembered.meters["cloud"].spend == spend_of(service)
        found = shown(service).spend
        assert found is not None
        assert found.requests_today == {"data": count - 1}
        assert (found.soft_line, found.wakes_line, found.per_month) == (None, None, None)


def test_a_meter_whose_requests_nobody_counts_has_no_spend() -> None:
    service = Service()
    service.advance(600)
    assert shown(service) == MeterSnapshot(
        id="cloud", age_s=0.0, is_cloud=True, interval_s=60.0, held_until_at=None, spend=None
    )
    assert service.remembered.meters == {}
    assert snapshot(Service(plugged=False).state, NOON).meters[0].age_s is None


def test_a_failure_and_a_reading_that_was_overtaken_cost_as_well() -> None:
    service = service_of(paid(None))
    service.retry_after_s = 120.0
    service.advance(60)
    assert spend_of(service).this_month == {RequestKind.DATA: 1}
    old = MeterReading(measured_at=after_s(-60), grid_w=0.0)
    service.feed(MeterRead(at=service.at, meter_id="cloud", reading=old, billed=2))
    assert spend_of(service).this_month == {RequestKind.DATA: 3}
    failed = ReadFailed(
        at=service.at, device_id="nobody", exchange_id=1, what=ReadKind.DATA, cause=Cause.NO_ANSWER, billed=1
    )
    service.feed(failed)
    assert "cloud" in service.state.meters
    assert spend_of(service).this_month == {RequestKind.DATA: 3}


def test_what_a_hold_needs_is_counted_and_never_held_back() -> None:
    service = with_memory(paid(5.0), spent(5.0))
    for kind, count in ((RequestKind.COMMAND, 2), (RequestKind.DATA, 4)):
        service.feed(Billed(at=service.at, meter_id="cloud", kind=kind, count=count))
    assert spend_of(service).this_month == {RequestKind.COMMAND: 2, RequestKind.DATA: 4}
    assert spend_of(service).money_this_month == pytest.approx(5.010)
    assert service.asked == []
    with pytest.raises(ValueError, match="there is no meter 'other'"):
        service.feed(Billed(at=service.at, meter_id="other", kind=RequestKind.DATA, count=1))


def test_a_meter_that_was_never_read_is_counted_too() -> None:
    service = service_of(paid(5.0), plugged=False)
    service.feed(Billed(at=service.at, meter_id="cloud", kind=RequestKind.COMMAND, count=1))
    assert service.remembered.meters["cloud"].spend == spend_of(service)


def by_hand(service: Service, entry: int, sent_at: datetime | None, count: int = 1) -> None:
    service.feed(
        Billed(at=service.at, meter_id="cloud", kind=RequestKind.DATA, count=count, entry=entry, sent_at=sent_at)
    )


def test_what_was_sent_by_hand_counts_once_and_is_remembered_with_its_entry() -> None:
    service = service_of(paid(5.0), plugged=False)
    for entry in (3, 4, 4, 3):
        by_hand(service, entry, service.at)
    assert spend_of(service).this_month == {RequestKind.DATA: 2}
    assert service.remembered.meters["cloud"] == MeterMemory(spend=spend_of(service), last_entry=4)
    # after a restart the list is read anew
    service.feed(Began(at=service.at, settings=service.state.settings, memory=service.remembered))
    by_hand(service, 4, service.at)
    assert spend_of(service).this_month == {RequestKind.DATA: 2}
    assert spend_of(service).money_this_month == pytest.approx(0.004)


def test_what_was_sent_by_hand_while_the_gateway_was_down_is_of_its_own_day() -> None:
    service = service_of(paid(5.0), plugged=False, at=NOON + timedelta(days=3))
    yesterday = service.at - timedelta(days=1)
    by_hand(service, 1, yesterday, count=2)
    assert spend_of(service).day == yesterday.astimezone(BERLIN).date()
    by_hand(service, 2, service.at + timedelta(days=3))  # a clock that runs fast
    by_hand(service, 3, None)
    by_hand(service, 4, yesterday)
    assert spend_of(service).day == service.at.astimezone(BERLIN).date()
    assert spend_of(service).today == {RequestKind.DATA: 2}
    assert spend_of(service).this_month == {RequestKind.DATA: 5}


def test_a_restart_forgets_nothing_and_a_meter_that_is_gone_is_left_out() -> None:
    service = service_of(paid(5.0))
    service.advance(3600)
    before = spend_of(service)
    meters = {**service.remembered.meters, "gone": MeterMemory()}
    state, _ = step(None, Began(at=service.at, settings=service.state.settings, memory=Memory(meters=meters)))
    assert set(state.meters) == {"cloud"}
    assert state.meters["cloud"].memory.spend == before


# The pace -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("per_month", "price"), [(None, 0.002), (100.0, 0.002), (5.0, 0.0)])
def test_enough_money_changes_nothing(per_month: float | None, price: float) -> None:
    service = service_of(replace(paid(per_month), price={RequestKind.DATA: price}))
    service.advance(600)
    assert len(service.asked) == 11
    assert shown(service).interval_s == 60.0


def gaps(service: Service) -> list[float]:
    """Return the waits between two readings of one day."""
    instants = service.asked
    found = [(b - a).total_seconds() for a, b in pairwise(instants)]
    return [gap for gap in found if gap < 4 * 3600]


def test_money_that_is_short_lasts_for_the_daylight_of_the_month() -> None:
    service = service_of(paid(5.0), at=JUNE)
    service.advance(MONTH_S)
    assert 4.8 <= spend_of(service).money_this_month <= 5.0
    waits_s = gaps(service)
    assert min(waits_s) > 600  # 2500 readings for 500 hours of sun
    assert max(waits_s) < LONGEST_S
    assert shown(service).interval_s == pytest.approx(waits_s[-1], rel=0.01) or shown(service).held_until_at
    days = {at.astimezone(BERLIN).date() for at in service.asked}
    assert len(days) == 30


def test_money_for_less_than_a_quarter_of_an_hour_is_kept_for_noon() -> None:
    service = service_of(paid(1.0), at=JUNE)
    service.advance(MONTH_S)
    assert 0.9 <= spend_of(service).money_this_month <= 1.0
    assert set(gaps(service)) == {LONGEST_S}
    from_noon_s = [abs(after_noon_s(at, LAT, LON)) for at in service.asked]
    assert max(from_noon_s) < 3 * 3600  # 16 readings a day, and at the end of the month what was left over
    assert len({at.astimezone(BERLIN).date() for at in service.asked}) == 30


def test_before_and_after_the_hours_around_noon_the_reason_says_why_nothing_is_read() -> None:
    service = service_of(paid(1.0), at=JUNE)
    service.advance(8 * 3600)
    (meter,) = snapshot(service.state, service.at).meters
    assert meter.held_until_at is not None
    assert meter.held_until_at - service.at < timedelta(hours=5)
    reason = snapshot(service.state, service.at).loadpoints[0].reason
    assert reason.code is ReasonCode.BUDGET
    assert reason.changes_at == meter.held_until_at
    assert "of the meter cloud, the rest is kept for the sun around noon); free again at 1" in render(reason)
    service.advance((meter.held_until_at - service.at).total_seconds() + 1)
    assert len(service.asked) == 1
    assert shown(service).held_until_at is None
    assert shown(service).interval_s == LONGEST_S
    service.advance(6 * 3600)
    assert shown(service).held_until_at == JUNE + timedelta(days=1)


def test_an_interval_that_is_longer_by_itself_is_the_longest() -> None:
    service = service_of(paid(0.5, interval_s=3600.0), at=JUNE)
    service.advance(86_400)
    assert set(gaps(service)) == {3600.0}
    assert len(service.asked) < 10


@pytest.mark.parametrize(
    ("today", "month", "until", "words"),
    [
        (0.5, 1.0, JUNE + timedelta(days=1), "0.500 spent today, the daily line is 0.450 (money, of the meter cloud)"),
        (0.0, 5.0, JULY, "free again at 2026-07-01 00:00"),
        (0.0, 4.9985, JULY, "0.000 spent today, the daily line is 0.000 (money"),
    ],
)
def test_at_the_line_it_is_not_asked_and_the_grid_is_stale(
    today: float, month: float, until: datetime, words: str
) -> None:
    service = with_memory(paid(5.0), spent(month, today=today))
    service.advance(600)
    assert service.asked == []
    found = snapshot(service.state, service.at)
    assert (found.grid_w, found.is_grid_stale) == (None, True)
    assert found.meters[0].held_until_at == until
    reason = found.loadpoints[0].reason
    assert reason.code is ReasonCode.BUDGET
    assert words in render(reason)
    service.advance((until - service.at).total_seconds() + 12 * 3600)
    assert service.asked
    assert service.asked[0] >= until


def test_beside_a_meter_that_should_answer_the_budget_explains_nothing() -> None:
    service = service_of(paid(5.0))
    service.feed(
        replace(
            service.began,
            settings=settings_of(meters=(paid(5.0), HOUSE)),
            memory=replace(service.began.memory, meters=spent(5.0)),
        )
    )
    service.advance(600)
    assert snapshot(service.state, service.at).loadpoints[0].reason.code is ReasonCode.GRID_STALE


def test_what_is_read_rarely_is_fresh_until_the_next_is_half_a_wait_late() -> None:
    service = service_of(paid(5.0))
    wait_s = shown(service).interval_s
    assert wait_s > 600
    service.is_dead = True
    service.advance(1.5 * wait_s - 1)
    assert snapshot(service.state, service.at).is_grid_stale is False
    service.advance(2)
    assert snapshot(service.state, service.at).is_grid_stale is True


@pytest.mark.parametrize(
    ("main_fuse_a", "age_s", "is_full"), [(35.0, 60.0, True), (35.0, 900.0, False), (None, 900.0, True)]
)
def test_a_fuse_does_not_wait_for_a_meter_that_is_asked_rarely(
    main_fuse_a: float | None, age_s: float, *, is_full: bool
) -> None:
    service = service_of(paid(5.0))
    settings = settings_of(meters=(paid(5.0),), site=replace(service.state.settings.site, main_fuse_a=main_fuse_a))
    memory = service.began.memory
    wish = replace(memory.loadpoints["carport"].wish, mode=Mode.NOW)
    lp = replace(memory.loadpoints["carport"], wish=wish)
    service.feed(replace(service.began, settings=settings, memory=replace(memory, loadpoints={"carport": lp})))
    service.is_dead = True
    service.advance(age_s)
    found = snapshot(service.state, service.at)
    assert found.is_grid_stale is False
    assert found.loadpoints[0].set_point.amps_a == (32 if is_full else 5)


@pytest.mark.parametrize("days", [1, 2, 30])
def test_the_daylight_that_is_left(days: int) -> None:
    noon_at, night_at = datetime(2026, 6, 1, 11, 4, tzinfo=UTC), datetime(2026, 6, 1, 22, tzinfo=UTC)
    assert daylight_s(noon_at, days, LAT, LON) == pytest.approx((8.2 + 16.4 * (days - 1)) * 3600, rel=0.03)
    assert daylight_s(night_at, days, LAT, LON) == pytest.approx(16.4 * (days - 1) * 3600, rel=0.03)
    assert abs(after_noon_s(noon_at, LAT, LON)) < 120


# A car that nobody knows -----------------------------------------------------------------------------------------------


def unknown(at: datetime = NOON, meter: MeterSettings = CLOUD, **changes: object) -> Service:
    """Return a service for a home whose car was never seen, with these changes to what is remembered of it."""
    service = Service(at=at, plugged=None, meters=(meter,))
    memory = service.began.memory
    vehicle = replace(memory.vehicles["car"], **changes)  # type: ignore[arg-type]
    service.asked.clear()
    service.feed(replace(service.began, memory=replace(memory, vehicles={"car": vehicle})))
    return service


def test_for_a_car_that_nobody_knows_it_is_asked_seldom_by_day() -> None:
    service = unknown()
    service.advance(3600)
    assert len(service.asked) == 13
    assert snapshot(service.state, service.at).is_grid_stale is False
    night = unknown(at=MIDNIGHT)
    night.advance(3600)
    assert night.asked == []


def test_for_a_car_that_does_not_say_whether_it_is_connected_too() -> None:
    service = Service()
    facts = replace(facts_of(), charging=type(facts_of().charging).UNKNOWN)
    memory = service.began.memory
    vehicle = replace(memory.vehicles["car"], facts=facts)
    service.asked.clear()
    service.feed(replace(service.began, memory=replace(memory, vehicles={"car": vehicle})))
    service.advance(3600)
    assert len(service.asked) == 13


def test_once_it_turns_out_to_be_connected_it_is_asked_at_once() -> None:
    service = unknown()
    service.advance(30)
    assert len(service.asked) == 1
    vehicle = service.state.vehicles["car"]
    memory = replace(vehicle.memory, facts=facts_of(at=service.at))
    service.state = replace(service.state, vehicles={"car": replace(vehicle, memory=memory)})
    service.feed(Tick(at=service.at))
    assert len(service.asked) == 2
    service.advance(60)
    assert len(service.asked) == 3


@pytest.mark.parametrize("availability", [Availability.ONLINE, Availability.UNKNOWN])
def test_it_is_not_asked_for_one_that_does_not_sleep_and_will_say_how_it_is(availability: Availability) -> None:
    service = Service(plugged=None)
    service.asked.clear()
    service.availability = availability
    service.feed(service.began)
    service.advance(1800)
    assert service.asked == []


def test_a_charger_that_did_not_speak_yet_is_not_asked_for() -> None:
    service = Service(
        vehicles=(),
        chargers=(BOX,),
        loadpoints=(LoadpointSettings(id="carport", name="Carport", charger_id="box"),),
        meters=(CLOUD,),
    )
    service.advance(1800)
    assert service.asked == []


def test_it_is_not_asked_for_one_that_would_not_be_woken() -> None:
    soon = after_s(7200)
    for changes in (
        {"wake_failures": 9, "last_wake_at": NOON},
        {"not_before_at": soon, "block_cause": Cause.LOGIN_REQUIRED},
        {"target_reached": True, "target_soc_pct": 40},
    ):
        service = unknown(**changes)
        service.advance(1800)
        assert service.asked == [], changes
    service = unknown(not_before_at=after_s(1800))
    service.advance(3600)
    assert service.asked[0] == after_s(1800)
    for wish in ({"mode": Mode.OFF}, {"override": Override.STOP}):
        service = Service(plugged=None)
        lp = service.began.memory.loadpoints["carport"]
        lp = replace(lp, wish=replace(lp.wish, **wish))
        service.asked.clear()
        service.feed(replace(service.began, memory=replace(service.began.memory, loadpoints={"carport": lp})))
        service.advance(1800)
        assert service.asked == [], wish


def test_it_is_not_asked_where_no_wake_can_be_paid_for() -> None:
    settings = settings_of(meters=(CLOUD,))
    car = replace(settings.vehicles[0], budget=Budget(wakes_per_day=0))
    service = Service(plugged=None, vehicles=(car,))
    service.advance(3600)
    assert service.asked == []
