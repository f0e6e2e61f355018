"""Where a car is, and what its place allows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import CAR, CARPORT, HOME, TESLA, WORK, Bench, Car, facts_of, settings_of

from sunbox.core.connection import home_of, place_at, whereabouts
from sunbox.core.draft import Draft
from sunbox.core.evidence import site_draws
from sunbox.core.model import VehicleFacts
from sunbox.core.settings import LoadpointSettings, PlaceSettings, Settings

NOWHERE = {"latitude": 48.0, "longitude": 11.0}
AT_WORK = {"latitude": WORK.lat, "longitude": WORK.lon}
UNKNOWN = {"latitude": None, "longitude": None}
ALIAS = PlaceSettings(name="Aunt", lat=50.0, lon=10.0, tags=frozenset({"tlwb"}))
ALL = settings_of(places=(HOME, WORK, ALIAS))
AT_AUNT = {"latitude": 50.0, "longitude": 10.0}


def test_the_nearest_place_that_covers_a_point() -> None:
    small = replace(HOME, name="Garage", radius_m=20.0, lat=HOME.lat + 0.0001)
    settings = settings_of(places=(HOME, small, WORK))
    assert place_at(settings, HOME.lat, HOME.lon) is HOME
    assert place_at(settings, small.lat, small.lon) is small
    assert place_at(settings, HOME.lat + 0.0004, HOME.lon) is HOME  # 44 m
    assert place_at(settings, HOME.lat + 0.0006, HOME.lon) is None  # 67 m
    assert place_at(settings_of(places=()), HOME.lat, HOME.lon) is None


@pytest.mark.parametrize(
    ("settings", "named", "place"),
    [
        (ALL, None, HOME),
        (ALL, "Work", WORK),
        (settings_of(places=(WORK,)), None, None),
        (settings_of(places=(WORK,)), "Elsewhere", None),
    ],
)
def test_the_place_of_a_loadpoint(settings: Settings, named: str | None, place: PlaceSettings | None) -> None:
    assert home_of(settings, replace(CARPORT, place=named)) is place


@pytest.mark.parametrize(
    ("facts", "assumed", "named", "is_known", "is_here", "is_pv"),
    [
        (facts_of(), None, None, True, True, True),
        (facts_of(**AT_WORK), None, None, True, False, False),
        (facts_of(**AT_WORK), None, "Work", True, True, False),
        (facts_of(), None, "Work", True, False, True),
        (facts_of(**NOWHERE), None, None, True, False, False),
        (facts_of(**AT_AUNT), None, None, True, True, True),  # the alias, and a place tagged pv is this site's sun
        (facts_of(**AT_AUNT), None, "Home", True, False, True),
        (facts_of(**UNKNOWN), None, None, False, None, False),
        (None, None, None, False, None, False),
        (facts_of(**UNKNOWN), "Home", None, True, True, True),
        (None, "Home", None, True, True, True),
        (None, "Work", None, True, False, False),
        (None, "Elsewhere", None, True, False, False),
        (facts_of(**AT_WORK), "Home", None, True, False, False),  # what is known wins over what is assumed
        (facts_of(latitude=52.0, longitude=None), "Home", None, True, True, True),
    ],
)
def test_whereabouts(
    facts: VehicleFacts | None,
    assumed: str | None,
    named: str | None,
    *,
    is_known: bool,
    is_here: bool | None,
    is_pv: bool,
) -> None:
    where = whereabouts(ALL, replace(CARPORT, place=named), replace(CAR, assume_place=assumed), facts)
    assert (where.is_known, where.is_here, where.is_pv) == (is_known, is_here, is_pv)


def test_what_does_not_move_is_always_here() -> None:
    fixed = replace(CAR, capabilities=replace(TESLA, is_location_bound=False))
    where = whereabouts(ALL, CARPORT, fixed, facts_of(**NOWHERE))
    assert where.is_here
    assert where.is_pv


def test_a_car_that_may_charge_at_two_places_draws_where_it_is() -> None:
    """Which of its loadpoints stands first in the file tells nothing of where it is."""
    at_work = LoadpointSettings(id="work", name="Work", vehicle_id="car", place="Work")
    for loadpoints in ((CARPORT, at_work), (at_work, CARPORT)):
        bench = Bench(
            settings=settings_of(loadpoints=loadpoints), car=Car(is_awake=True, is_charging=True), pv_w=9000.0
        )
        bench.advance(60)
        draft = Draft(bench.state, bench.at)
        draft.weigh()
        assert site_draws(draft, bench.at)["car"].low_w == bench.car.draw_w
