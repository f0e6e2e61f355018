"""Hard caps: cable, EVSE, car and loadpoint; and the main fuse, with and without currents per phase."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import CARPORT, NOON, SITE, TESLA, facts_of

from sunbox.core.circuits import Cap, available_a, device_cap, fuse_cap, others_a
from sunbox.core.model import Charging, VehicleFacts
from sunbox.core.surplus import Balance

OUT = Charging.DISCONNECTED


@pytest.mark.parametrize(
    ("facts", "most_a"),
    [
        (None, None),
        (facts_of(pilot_a=16), 16),
        (facts_of(pilot_a=0, amps_requested_max_a=20), 20),
        (facts_of(pilot_a=None, amps_requested_max_a=20), 20),
        (facts_of(OUT, pilot_a=13, amps_requested_max_a=32), 32),  # a pilot without a cable says nothing
        (facts_of(pilot_a=None, amps_requested_max_a=None), None),
    ],
)
def test_what_cable_evse_and_car_allow(facts: VehicleFacts | None, most_a: int | None) -> None:
    assert available_a(facts) == most_a


@pytest.mark.parametrize(
    ("loadpoint_a", "device_a", "pilot_a", "cap_a"),
    [(None, 32, 32, 32), (16, 32, 32, 16), (None, 16, 32, 16), (20, 32, 13, 13), (40, 32, 48, 32)],
)
def test_the_smallest_known_cap_counts(loadpoint_a: int | None, device_a: int, pilot_a: int, cap_a: int) -> None:
    loadpoint, capabilities = replace(CARPORT, max_a=loadpoint_a), replace(TESLA, max_a=device_a)
    assert device_cap(loadpoint, capabilities, facts_of(pilot_a=pilot_a)).amps_a == cap_a


def site_at(
    grid_w: float | None, phases_a: tuple[float, float, float] | None = None, *, is_stale: bool = False
) -> Balance:
    return Balance(grid_w, NOON, phases_a, None, 0.0, None, has_battery=False, is_stale=is_stale)


@pytest.mark.parametrize(
    ("site", "draw_w", "phases", "left_a"),
    [
        # without currents per phase all that others use is assumed on one of the car's phases
        (site_at(2300.0), 0.0, 1, 25),
        (site_at(2300.0), 2300.0, 1, 35),
        (site_at(6900.0), 2300.0, 1, 15),
        (site_at(-5000.0), 0.0, 1, 35),  # export leaves the whole fuse, and not more
        (site_at(2300.0 + 3 * 16 * 230.0), 3 * 16 * 230.0, 3, 25),
        # with them the worst phase counts
        (site_at(0.0, (10.0, -3.0, 20.0)), 0.0, 1, 15),
        (site_at(0.0, (26.0, 4.0, 4.0)), 16 * 230.0, 1, 25),
        (site_at(0.0, (20.0, 18.0, 16.0)), 3 * 16 * 230.0, 3, 31),
        (site_at(0.0, (50.0, 0.0, 0.0)), 0.0, 1, 0),  # overloaded by others: nothing is left
        (site_at(0.0, (24.9999999, 0.0, 0.0)), 0.0, 1, 10),
    ],
)
def test_the_main_fuse(site: Balance, draw_w: float, phases: int, left_a: int) -> None:
    car_a = draw_w / (phases * 230.0)
    others = others_a(SITE, site, car_a, car_a, None, phases * 230.0)
    assert others is not None
    cap = fuse_cap(replace(SITE, main_fuse_a=35.0), 35.0 - others, Cap(48))
    assert cap.amps_a == left_a
    assert cap.why is not None


@pytest.mark.parametrize("site", [site_at(None), site_at(9e4, is_stale=True)])
def test_nothing_is_known_of_the_fuse_without_a_fresh_grid_reading(site: Balance) -> None:
    assert others_a(SITE, site, 0.0, 0.0, 5.0, 230.0) is None
    assert fuse_cap(replace(SITE, main_fuse_a=35.0), None, Cap(16, "x")) == Cap(16, "x")


def test_a_fuse_that_leaves_more_than_the_cap_changes_nothing() -> None:
    assert fuse_cap(replace(SITE, main_fuse_a=63.0), 63.0, Cap(16, "x")) == Cap(16, "x")
    assert fuse_cap(SITE, 0.0, Cap(16)) == Cap(16)


@pytest.mark.parametrize(
    ("grid_w", "low_a", "high_a", "before_a", "others"),
    [
        (230.0 * 2, 0.0, 20.0, 2.0, 2.0),  # the car has not begun yet
        (230.0 * 22, 0.0, 20.0, 2.0, 2.0),  # it has: the rise is its own
        (230.0 * 32, 0.0, 20.0, 2.0, 12.0),  # more than it can be: a kettle
        (230.0 * 12, 0.0, 20.0, None, 12.0),  # nothing known from before: the house's, on doubt
        (230.0 * 1, 0.0, 20.0, 8.0, 1.0),  # the house takes less than before
    ],
)
def test_while_a_car_settles_the_others_are_what_they_were_as_far_as_the_grid_allows(
    grid_w: float, low_a: float, high_a: float, before_a: float | None, others: float
) -> None:
    found = others_a(SITE, site_at(grid_w), low_a, high_a, before_a, 230.0)
    assert found == pytest.approx(others)
