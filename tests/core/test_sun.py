"""How much of a day's sun has passed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sunbox.core.sun import share_of_day

BERLIN = (52.4, 13.5)


def on(month: int, day: int, hour: float, place: tuple[float, float] = BERLIN) -> float:
    return share_of_day(datetime(2026, month, day, tzinfo=UTC) + timedelta(hours=hour), *place)


@pytest.mark.parametrize("month", range(1, 13))
@pytest.mark.parametrize("place", [BERLIN, (-33.9, 151.2), (0.0, 0.0), (69.6, 18.9), (-78.0, 15.0), (90.0, 0.0)])
def test_the_share_grows_from_none_to_all_from_midnight_to_midnight(place: tuple[float, float], month: int) -> None:
    """By the sun's own clock, whose noon differs from the zone's by a quarter of an hour at most."""
    night_h, noon_h = -place[1] / 15.0, 12.0 - place[1] / 15.0
    shares = [on(month, 15, night_h + 0.3 + hours, place) for hours in range(24)]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(0.0, abs=0.05)
    assert shares[-1] == pytest.approx(1.0, abs=0.05)
    earlier, later = on(month, 15, noon_h - 0.3, place), on(month, 15, noon_h + 0.3, place)
    assert earlier < 0.5 < later


def test_a_day_in_berlin() -> None:
    """Sunrise at 2:43 UTC and sunset at 19:33 in June, 7:15 and 14:54 in December."""
    assert on(6, 21, 2.6) == 0.0
    assert 0.0 < on(6, 21, 3.0) < 0.01
    assert 0.99 < on(6, 21, 19.3) < on(6, 21, 19.7) == 1.0
    assert on(12, 21, 7.2) == 0.0
    assert 0.0 < on(12, 21, 7.6) < 0.01
    assert 0.99 < on(12, 21, 14.6) < on(12, 21, 15.0) == 1.0


@pytest.mark.parametrize(
    ("place", "month"), [((78.2, 15.6), 12), ((-77.8, 166.7), 6), ((90.0, 0.0), 12), ((-90.0, 0.0), 6)]
)
def test_without_a_sunrise_the_day_is_over_at_noon(place: tuple[float, float], month: int) -> None:
    noon_h = 12.0 - place[1] / 15.0
    assert [on(month, 21, noon_h + hours, place) for hours in (-11.0, -0.5, 0.5, 11.0)] == [0.0, 0.0, 1.0, 1.0]
