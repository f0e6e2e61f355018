"""The site's balance: roles, order of meters, freshness; and what is left for cars."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import NOON, SITE, after_s, settings_of

from sunbox.core.model import MeterReading
from sunbox.core.settings import MeterSettings
from sunbox.core.state import MeterState
from sunbox.core.surplus import Balance, balance, bridge_w, stale_after_s, surplus_without_cars_w

FIRST = MeterSettings(id="first", interval_s=5.0)
SECOND = MeterSettings(id="second", interval_s=60.0)
LIMIT_S = stale_after_s(FIRST)
BOTH = settings_of(meters=(FIRST, SECOND))


def read(age_s: float = 0.0, **values: float) -> MeterState:
    reading = MeterReading(measured_at=after_s(-age_s), **values)  # type: ignore[arg-type]
    return MeterState(reading=reading)


@pytest.mark.parametrize(
    ("meter", "limit_s"),
    [
        (MeterSettings(id="m", interval_s=1.0), 30.0),
        (MeterSettings(id="m", interval_s=60.0), 180.0),
        (MeterSettings(id="m", interval_s=10.0, delay_s=40.0), 70.0),
        (MeterSettings(id="m", interval_s=5.0, stale_after_s=300.0), 300.0),
    ],
)
def test_a_reading_is_stale_after_three_intervals_and_its_delay_at_least(meter: MeterSettings, limit_s: float) -> None:
    assert stale_after_s(meter) == limit_s


def test_how_old_the_news_becomes_is_interval_and_delay_of_the_meter_in_use() -> None:
    late = MeterSettings(id="late", interval_s=60.0, delay_s=20.0)
    assert balance(settings_of(meters=(late,)), {"late": read(grid_w=1.0)}, NOON).news_s == 80.0
    assert balance(BOTH, {"first": read(LIMIT_S + 1, grid_w=1.0), "second": read(grid_w=2.0)}, NOON).news_s == 60.0
    assert balance(BOTH, {}, NOON).news_s == 0.0


def test_nothing_read_is_not_zero() -> None:
    site = balance(BOTH, {}, NOON)
    assert site.is_stale
    assert (site.grid_w, site.pv_w, site.consumption_w) == (None, None, None)
    assert surplus_without_cars_w(site, SITE) is None


@pytest.mark.parametrize(
    ("meters", "grid_w", "is_stale"),
    [
        ({"first": read(grid_w=1.0), "second": read(grid_w=2.0)}, 1.0, False),  # the order of the file
        ({"first": read(LIMIT_S, grid_w=1.0), "second": read(grid_w=2.0)}, 1.0, False),  # just fresh
        ({"first": read(LIMIT_S + 1, grid_w=1.0), "second": read(grid_w=2.0)}, 2.0, False),
        ({"first": read(pv_w=9.0), "second": read(grid_w=2.0)}, 2.0, False),
        ({"second": read(grid_w=2.0)}, 2.0, False),
        ({"first": read(LIMIT_S + 1, grid_w=1.0), "second": read(9999, grid_w=2.0)}, 1.0, True),  # the newest old one
        ({"first": read(9999, grid_w=1.0), "second": read(500, grid_w=2.0)}, 2.0, True),
        ({"first": MeterState()}, None, True),
    ],
)
def test_the_first_fresh_grid_reading_counts(
    meters: dict[str, MeterState], grid_w: float | None, *, is_stale: bool
) -> None:
    site = balance(BOTH, meters, NOON)
    assert (site.grid_w, site.is_stale) == (grid_w, is_stale)


def test_each_role_has_its_own_source() -> None:
    meters = {
        "first": read(grid_w=-500.0, pv_w=3000.0),
        "second": read(battery_w=-1000.0, battery_soc_pct=40.0, pv_w=1.0),
    }
    site = balance(BOTH, meters, NOON)
    assert (site.grid_w, site.pv_w, site.battery_w, site.battery_soc_pct) == (-500.0, 3000.0, -1000.0, 40.0)
    assert site.consumption_w == 1500.0


def test_a_stale_role_is_missing_and_not_zero() -> None:
    meters = {"first": read(grid_w=-500.0), "second": read(9999, pv_w=3000.0, battery_w=-1000.0)}
    site = balance(BOTH, meters, NOON)
    assert site.has_battery
    assert (site.pv_w, site.battery_w, site.consumption_w) == (None, None, None)


def test_without_a_battery_its_power_is_zero() -> None:
    site = balance(BOTH, {"first": read(grid_w=100.0, pv_w=200.0)}, NOON)
    assert (site.battery_w, site.has_battery, site.consumption_w) == (0.0, False, 300.0)


def at(
    grid_w: float | None,
    battery_w: float | None = 0.0,
    soc_pct: float | None = None,
    *,
    has_battery: bool = False,
    is_stale: bool = False,
) -> Balance:
    return Balance(grid_w, NOON, None, None, battery_w, soc_pct, has_battery=has_battery, is_stale=is_stale)


@pytest.mark.parametrize(
    ("site", "priority_pct", "surplus_w"),
    [
        (at(-2000.0), 0.0, 2000.0),
        (at(500.0), 0.0, -500.0),
        (at(None), 0.0, None),
        (at(-2000.0, is_stale=True), 0.0, None),
        # the car first: what goes into the battery counts
        (at(-100.0, -2000.0, 50.0, has_battery=True), 0.0, 2100.0),
        # the battery first, below its priority; at it, the car
        (at(-100.0, -2000.0, 49.9, has_battery=True), 50.0, 0.0),  # 100 W stay for it, so that it can take more
        (at(-900.0, -2000.0, 49.9, has_battery=True), 50.0, 800.0),
        (at(-100.0, -2000.0, 50.0, has_battery=True), 50.0, 2100.0),
        (at(-100.0, -2000.0, None, has_battery=True), 50.0, 0.0),  # unknown: the battery first
        # what a battery gives is never surplus
        (at(-100.0, 1500.0, 90.0, has_battery=True), 0.0, -1400.0),
        (at(0.0, 1500.0, 90.0, has_battery=True), 50.0, -1500.0),
        (at(-700.0, None, 90.0, has_battery=True), 0.0, 700.0),  # power unknown: nothing of it counts
    ],
)
def test_surplus_and_the_battery(site: Balance, priority_pct: float, surplus_w: float | None) -> None:
    assert surplus_without_cars_w(site, replace(SITE, battery_priority_soc_pct=priority_pct)) == surplus_w


@pytest.mark.parametrize(
    ("grid_w", "charging_w", "surplus_w"),
    [(-100.0, 2000.0, 0.0), (-100.0, 3000.0, 100.0), (-100.0, 3300.0, 400.0), (-2500.0, 3000.0, 2500.0)],
)
def test_what_a_full_speed_battery_cannot_take_is_the_cars(grid_w: float, charging_w: float, surplus_w: float) -> None:
    settings = replace(SITE, battery_priority_soc_pct=50.0, battery_charge_max_w=3000.0)
    assert surplus_without_cars_w(at(grid_w, -charging_w, 20.0, has_battery=True), settings) == surplus_w


@pytest.mark.parametrize(
    ("battery_w", "soc_pct", "helps_w"),
    [(900.0, 80.0, 900.0), (900.0, 79.9, 0.0), (-900.0, 95.0, 0.0), (900.0, None, 0.0), (None, 95.0, 0.0)],
)
def test_a_battery_helps_from_its_buffer_on(battery_w: float | None, soc_pct: float | None, helps_w: float) -> None:
    site = at(0.0, battery_w, soc_pct, has_battery=True)
    assert bridge_w(site, replace(SITE, battery_buffer_soc_pct=80.0)) == helps_w
    assert bridge_w(site, SITE) == 0.0


def test_a_target_other_than_zero_moves_the_surplus() -> None:
    assert surplus_without_cars_w(at(-2000.0), replace(SITE, target_grid_w=-300.0)) == 1700.0
    assert surplus_without_cars_w(at(-2000.0), replace(SITE, target_grid_w=100.0)) == 2100.0


def test_a_meter_of_a_circuit_says_nothing_of_the_site() -> None:
    settings = settings_of(meters=(replace(FIRST, is_site=False), SECOND))
    assert balance(settings, {"first": read(grid_w=1.0)}, NOON).grid_w is None


def test_of_two_meters_that_know_the_battery_the_first_one_counts() -> None:
    first, second = read(battery_w=500.0, battery_soc_pct=40.0), read(grid_w=1.0, battery_w=700.0, battery_soc_pct=60.0)
    site = balance(BOTH, {"first": first, "second": second}, NOON)
    assert (site.battery_w, site.battery_soc_pct, site.grid_w) == (500.0, 40.0, 1.0)
