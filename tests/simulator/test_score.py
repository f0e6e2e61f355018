"""The figures of `sunbox day`."""

from datetime import date

import pytest

from sunbox.core.commands import RequestKind
from sunbox.simulator.bill import Counts
from sunbox.simulator.ledger import CarLedger, DayLedger
from sunbox.simulator.score import BillCounts, score


def two_days() -> DayLedger:
    car = CarLedger(charged_wh=30_000, solar_wh=27_000, battery_wh=1500, import_wh=3000, usable_wh=36_000, starts=9)
    return DayLedger(date(2024, 6, 17), elapsed_s=2 * 86_400, usable_wh=36_000, cars={"car": car})


def test_every_figure():
    figures = score(two_days(), BillCounts(commands=100, wakes=3, data=40, dollars=0.22, phase_switches=5)).to_json()
    assert figures == {
        "days": 2,
        "charged_kwh": 30,
        "solar_kwh": 27,
        "capture_pct": 75,
        "battery_pct": 5,
        "import_kwh_per_30d": 45,
        "net_pct": pytest.approx(66.67),
        "starts_per_day": 4.5,
        "phase_switches_per_day": 2.5,
        "commands_per_day": 50,
        "wakes_per_day": 1.5,
        "data_per_day": 20,
        "dollars_per_month": 3.3,
    }


def test_the_length_can_be_given():
    figures = score(two_days(), BillCounts(commands=30), days=3)
    assert (figures.days, figures.commands_per_day, figures.import_kwh_per_30d) == (3, 10, 30)


def test_without_sun_there_is_no_share():
    figures = score(DayLedger(date(2024, 6, 17), elapsed_s=3600), BillCounts())
    assert (figures.capture_pct, figures.battery_pct, figures.net_pct) == (None, None, None)
    assert figures.charged_kwh == 0


def test_no_time_is_no_score():
    with pytest.raises(ValueError, match="allowed is more than 0"):
        score(DayLedger(date(2024, 6, 17)), BillCounts())


def test_counts_come_from_the_clouds_bill():
    counts = Counts()
    counts.billed |= {RequestKind.COMMAND: 5, RequestKind.WAKE: 2, RequestKind.DATA: 7, RequestKind.STATE: 99}
    assert BillCounts.of(counts) == BillCounts(commands=5, wakes=2, data=7, dollars=counts.dollars)
    assert counts.dollars > 0
