"""Whatever sun, house, cars, people and faults do at a site, these hold. `SUNBOX_HYPOTHESIS=ci` looks longer."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.scenarios import random_site
from tests.scenarios.random_site import Kind, RandomSite, setups, site_of
from tests.scenarios.site_checks import Checks, Setup, WatchedSite

from sunbox.simulator.bench.site_log import Summary

IS_CI = os.environ.get("SUNBOX_HYPOTHESIS") == "ci"


def profile(runs: int) -> settings:
    """Return how long is looked: so many runs of 100 rules in CI, a quarter of them with half the rules elsewhere."""
    return settings(
        max_examples=runs if IS_CI else max(4, runs // 4),
        stateful_step_count=100 if IS_CI else 50,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class OneCar(RandomSite):
    """One car of any kind that does as it is told."""

    kind = Kind(cars=1)


class OddCar(RandomSite):
    """One car that takes more or less than it may, hangs, refuses, starts by itself, under a meter that fails."""

    kind = Kind(cars=1, traits=random_site.ODD_TRAITS, budget=random_site.BUDGET, has_faults=True)


class SeveralCars(RandomSite):
    """Several cars, one sun, a main fuse and circuits."""

    kind = Kind(fuses=random_site.FUSES, circuits=random_site.CIRCUITS)


class SeveralSunCars(RandomSite):
    """Several cars that all begin with the sun."""

    kind = Kind(loadpoint=random_site.SUN_LOADPOINT, fuses=random_site.FUSES)


class SeveralOddCars(RandomSite):
    """Everything that may go wrong with several cars at once."""

    kind = Kind(
        cars=2,
        traits=random_site.ODD_TRAITS,
        fuses=random_site.FUSES,
        circuits=random_site.CIRCUITS,
        budget=random_site.BUDGET,
        measures_phases=st.booleans(),
        has_faults=True,
    )


class BatteryAndCars(RandomSite):
    """A home battery with a will of its own."""

    kind = Kind(cars=2, battery=random_site.BATTERY, battery_wishes=random_site.BATTERY_WISHES)


class TestOneCar(OneCar.TestCase):  # type: ignore[name-defined]
    settings = profile(64)


class TestOddCar(OddCar.TestCase):  # type: ignore[name-defined]
    settings = profile(56)


class TestSeveralCars(SeveralCars.TestCase):  # type: ignore[name-defined]
    settings = profile(24)


class TestSeveralSunCars(SeveralSunCars.TestCase):  # type: ignore[name-defined]
    settings = profile(20)


class TestSeveralOddCars(SeveralOddCars.TestCase):  # type: ignore[name-defined]
    settings = profile(24)


class TestBatteryAndCars(BatteryAndCars.TestCase):  # type: ignore[name-defined]
    settings = profile(12)


# Days told twice ------------------------------------------------------------------------------------------------------

HALF_HOURS = st.lists(st.sampled_from((0.05, 0.1, 0.2, 0.35, 0.6, 0.9)), min_size=10, max_size=10)
SWITCHED = st.lists(st.sampled_from((0.0, 0.0, 2000.0)), min_size=10, max_size=10)


def lived(site: WatchedSite, suns: list[float], loads_w: list[float]) -> Summary:
    """Return what a day of half hours under these suns and loads came to."""
    for number, (sun, load_w) in enumerate(zip(suns, loads_w, strict=True)):
        site.at(1800.0 * number, partial(site.shade, sun))
        site.at(1800.0 * number + 400.0, partial(site.switch_load, load_w))
    site.run(1800.0 * len(suns))
    return site.summary()


@given(
    setup=setups(replace(SeveralSunCars.kind, site=st.just({}))),
    priorities=st.permutations((0, 1, 2)),
    suns=HALF_HOURS,
    loads_w=SWITCHED,
)
@profile(8)
def test_the_order_in_the_file_settles_ties_and_nothing_else(
    setup: Setup, priorities: list[int], suns: list[float], loads_w: list[float]
) -> None:
    ranked = [{**fields, "priority": rank} for fields, rank in zip(setup.loadpoints, priorities, strict=True)]
    setup = replace(setup, loadpoints=ranked)
    there, back = (
        lived(site_of(setup, Checks(), is_reversed=is_reversed), suns, loads_w) for is_reversed in (False, True)
    )
    for car_id, car in there.cars.items():
        assert back.cars[car_id].charged_wh == pytest.approx(car.charged_wh, abs=1.0), car_id
        assert back.cars[car_id].commands == car.commands, car_id


@given(
    setup=setups(replace(OneCar.kind, loadpoint=st.just({}), site=st.just({}))),
    suns=HALF_HOURS,
    factor=st.sampled_from((1.05, 1.3, 2.0)),
)
@profile(16)
def test_more_sun_never_charges_less(setup: Setup, suns: list[float], factor: float) -> None:
    calm = [0.0] * len(suns)
    setup = replace(setup, begins_at_h=7, price=0.0)
    little = lived(site_of(setup, Checks()), suns, calm).cars["blue"].charged_wh
    much = lived(site_of(setup, Checks()), [sun * factor for sun in suns], calm).cars["blue"].charged_wh
    assert much >= 0.97 * little, f"{little:.0f} Wh became {much:.0f} Wh with {factor} times the sun"
