"""TeslaLogger's geofence file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.core.settings import PlaceSettings
from sunbox.dialects.tlwb.geofence import LineProblem, parse_geofence


def test_the_example_of_teslaloggers_manual() -> None:
    geofence = parse_geofence("My Home,52.394,13.542,,+home+scl:75\n")
    assert geofence.problems == ()
    assert geofence.places == (
        PlaceSettings(name="My Home", lat=52.394, lon=13.542, radius_m=50.0, tags=frozenset({"home"})),
    )


@pytest.mark.parametrize(
    ("line", "radius_m", "tags"),
    [
        ("A,1,2", 50.0, set()),
        ("A,1,2,", 50.0, set()),
        ("A,1,2,100", 100.0, set()),
        ("A,1,2,,+tlwb", 50.0, {"pv"}),
        ("A,1,2,60,+home+tlwb", 60.0, {"home", "pv"}),
        ("A,1,2,60, +work +charger ,", 60.0, {"work", "charger"}),
        ("A,1,2,,+nosleep+scl:80:A+occ:75+ocp:R->P+esm:+dsm:RND->P+cof:+hfl:5m+ccp+ccs+dnc", 50.0, set()),
        ("\ufeffA , -1.5 , +2.25 , 12.5", 12.5, set()),
    ],
)
def test_lines(line: str, radius_m: float, tags: set[str]) -> None:
    geofence = parse_geofence(line)
    assert geofence.problems == ()
    (place,) = geofence.places
    assert (place.name, place.radius_m, place.tags) == ("A", radius_m, tags)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("A", "a line is name,lat,lng[,radius][,flags], and a name has no comma"),
        ("Home, sweet,52.3,13.5,60", "lat: 'sweet' is not a number with a point, such as 52.394"),
        ("A,1,2,50,+home,more", "a line is name,lat,lng[,radius][,flags], and a name has no comma"),
        (",1,2", "the name is missing"),
        ("A,91,2", "lat: 91 is not between -90 and 90"),
        ("A,1,181", "lng: 181 is not between -180 and 180"),
        ("A,1,nan", "lng: 'nan' is not a number with a point, such as 52.394"),
        ("A,1e1,2", "lat: '1e1' is not a number with a point, such as 52.394"),
        ("A,１,2", "lat: '１' is not a number with a point, such as 52.394"),
        ("A,1,2,0", "radius: 0 is not between 1 and 100000"),
        ("A,1,2,-5", "radius: -5 is not between 1 and 100000"),
    ],
)
def test_a_bad_line_is_reported_and_the_others_count(line: str, error: str) -> None:
    geofence = parse_geofence(f"First,1,2\n\n{line}\r\nLast,3,4")
    assert [place.name for place in geofence.places] == ["First", "Last"]
    assert geofence.problems == (LineProblem(3, line, error),)


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ("+tlbw", "flags: +tlbw is unknown"),
        ("+tlwb:1", "flags: +tlwb:1 is unknown"),  # TeslaLogger compares it as it is
        ("+Home", "flags: +Home is unknown"),
        ("home", "flags: 'home' does not begin with +"),
    ],
)
def test_an_unknown_flag_is_reported_and_the_place_counts(flags: str, error: str) -> None:
    geofence = parse_geofence(f"A,1,2,,{flags}")
    assert [(place.name, place.tags) for place in geofence.places] == [("A", frozenset())]
    assert [problem.error for problem in geofence.problems] == [error]


@given(st.text())
def test_any_text_is_read_without_an_exception(text: str) -> None:
    geofence = parse_geofence(text)
    for place in geofence.places:
        assert -90 <= place.lat <= 90
        assert -180 <= place.lon <= 180
        assert place.radius_m >= 1


@given(st.floats(-90, 90), st.floats(-180, 180), st.integers(1, 100_000), st.sets(st.sampled_from(["home", "tlwb"])))
def test_what_is_written_is_read_back(lat: float, lon: float, radius_m: int, flags: set[str]) -> None:
    line = f"X,{lat:.7f},{lon:.7f},{radius_m},{''.join('+' + flag for flag in flags)}"
    geofence = parse_geofence(line)
    assert geofence.problems == ()
    (place,) = geofence.places
    assert place.lat == pytest.approx(lat, abs=1e-6)
    assert place.lon == pytest.approx(lon, abs=1e-6)
    assert place.radius_m == radius_m
    assert ("pv" in place.tags) == ("tlwb" in flags)
