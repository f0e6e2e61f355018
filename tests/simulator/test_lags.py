"""The controller at 27 lags of meter and car: it must not swing, nor flap, nor lose much, on three quite different days."""

import os
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sunbox.cli.bench import car_capabilities, run_policy
from sunbox.simulator.bench.lags import (
    CAR_DELAYS_S,
    LAGS,
    METER_DELAYS_S,
    USUAL,
    Borne,
    Lag,
    Swing,
    _reversals,
    chosen_days,
    days_of,
    swing_at,
    tally_at,
)
from sunbox.simulator.bench.setup import SetUp, Tally
from sunbox.simulator.household import GeneratedTrace
from sunbox.simulator.sun import Roof, Sky
from sunbox.simulator.trace import RecordedTrace, load_trace

BERLIN = ZoneInfo("Europe/Berlin")
SETUP = SetUp()
ABLE = car_capabilities(SETUP)


JUNE = Path("data", "composite_june_days_01-15_1min.csv.gz")
"""Recorded days, where they are at hand; else weather that is made."""


@cache
def days() -> dict[str, RecordedTrace]:
    """Return a clear, a changeable and a dull day of June."""
    shared = Path(os.environ.get("SUNBOX_SHARED", Path(__file__).parents[3] / "shared"))
    found = days_of(load_trace(shared / JUNE, timezone=BERLIN, kwp=10.0), BERLIN) if shared.is_dir() else made_days()
    return {name: found[day] for name, day in chosen_days(found, SETUP).items()}


def made_days(count: int = 6) -> dict[date, RecordedTrace]:
    roof = Roof(latitude=52.394, longitude=13.542, kwp=10.0, tilt_deg=30, azimuth_deg=180)
    found = {}
    for number in range(1, count + 1):
        day, sky = date(2024, 6, number), (Sky.CLEAR, Sky.PARTLY_CLOUDY, Sky.CLOUDY)[number % 3]
        made = GeneratedTrace(day, timezone=BERLIN, roof=roof, sky=sky, base_w=180, seed=number)
        at_s = [60.0 * minute for minute in range(1440)]
        pairs = [made.at(t_s) for t_s in at_s]
        found[day] = RecordedTrace(made.start_at, at_s, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    return found


@cache
def tally_of(lag: Lag, names: tuple[str, ...]) -> Tally:
    return tally_at(lag, [days()[name] for name in names], SETUP, BERLIN, ABLE)


ALL = ("clear", "changeable", "dull")


def names_for(lag: Lag) -> tuple[str, ...]:
    """Return on which days a lag is tried: a meter read each second takes long, and clouds are what it is about.

    What is told a minute late loses more on a changeable day than it may on the three. Of a meter read each second the lags
    at the corners and in the middle live days; the others between them are tried without weather alone. `bench/lags.py` has
    each lag on fifteen days.
    """
    if lag.interval_s > 1:
        return ALL
    if (lag.meter_delay_s == METER_DELAYS_S[1]) != (lag.car_delay_s == CAR_DELAYS_S[1]):
        return ()
    return ("changeable",) if lag.meter_delay_s < 60 else ALL


@pytest.mark.slow
@pytest.mark.parametrize("lag", LAGS, ids=str)
def test_no_lag_makes_it_swing_flap_or_lose_much(lag):
    swing = swing_at(lag, SETUP, BERLIN, ABLE)
    assert not swing.is_growing
    if names := names_for(lag):
        borne = Borne(lag=lag, tally=tally_of(lag, names), swing=swing)
        assert borne.failings(tally_of(USUAL, names)) == []


def test_the_three_days_are_what_they_are_called():
    made = made_days()
    chosen = chosen_days(made, SETUP)
    assert {name: day.day % 3 for name, day in chosen.items()} == {"clear": 0, "changeable": 1, "dull": 2}


def test_days_are_local_and_whole():
    trace = made_days(1)[date(2024, 6, 1)]
    two = RecordedTrace(
        trace.start_at,
        [60.0 * minute for minute in range(2880)],
        [float(minute) for minute in range(2880)],
        [0.0] * 2880,
    )
    parts = days_of(two, BERLIN)
    assert [day.isoformat() for day in parts] == ["2024-06-01", "2024-06-02"]
    second = parts[date(2024, 6, 2)]
    assert second.start_at == trace.start_at + timedelta(days=1)
    assert (second.pv_w(0), second.pv_w(600)) == (1440, 1450)
    assert (second.end_at - second.start_at).total_seconds() == 1439 * 60


def test_a_meter_read_seldom_where_nothing_can_come_of_it_changes_nothing_that_counts():
    day = [made_days(2)[date(2024, 6, 1)].part(9 * 3600, 13 * 3600)]
    setup = SetUp(meter_interval_s=2)
    always = run_policy("sunbox", day, setup=setup)
    seldom = run_policy("sunbox", day, setup=replace(setup, dim_interval_s=10.0))
    assert always.solar_wh > 0
    assert seldom.net_pct == pytest.approx(always.net_pct, abs=0.5)
    assert seldom.usable_wh == pytest.approx(always.usable_wh)


def test_swings_are_told_from_steps():
    assert _reversals([6, 7, 7, 9, 9]) == 0
    assert _reversals([6, 8, 8, 6, 8]) == 2
    assert Swing(2.0, 5.0, 4).is_growing
    assert not Swing(5.0, 2.0, 4).is_growing
    assert not Swing(0.0, 1.0, 3).is_growing


def test_what_is_worse_than_allowed_is_said():
    usual = Tally(elapsed_s=86_400, solar_wh=9000, usable_wh=10_000, starts=2)
    bad = Tally(elapsed_s=86_400, solar_wh=8300, usable_wh=10_000, starts=9)
    said = Borne(lag=Lag(1, 0, 1), tally=bad, swing=Swing(1.0, 4.0, 3)).failings(usual)
    assert [each.partition(": ")[2] for each in said] == [
        "swings from 1 A to 4 A",
        "9.0 starts a day, allowed are 8",
        "net 83.0 %, 7.0 points less than meter each 10 s, 10 s late, car 10 s; allowed are 6",
    ]
    late = Borne(lag=Lag(60, 0, 1), tally=replace(bad, starts=8), swing=Swing(0.0, 0.0, 0))
    assert late.failings(usual) == []
