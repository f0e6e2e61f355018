"""The made-up sun and household."""

import math
from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from sunbox.simulator.household import GeneratedTrace
from sunbox.simulator.sun import Roof, Sky, clear_sky_w, sun_position

BERLIN = ZoneInfo("Europe/Berlin")
SUMMER, WINTER = date(2024, 6, 17), date(2024, 12, 16)
HOUR_S, DAY_S = 3600, 86_400


def made(day: date = SUMMER, sky: Sky = Sky.CLEAR, seed: int = 1, **roof: float) -> GeneratedTrace:
    return GeneratedTrace(day, timezone=BERLIN, roof=Roof(**roof), sky=sky, seed=seed)


def kwh(trace: GeneratedTrace, index: int, from_s: float = 0, until_s: float = DAY_S) -> float:
    return sum(trace.at(t_s)[index] for t_s in range(int(from_s), int(until_s), 30)) * 30 / 3.6e6


@pytest.mark.parametrize(
    ("at", "place", "elevation_deg", "azimuth_deg"),
    [
        # from the almanac: declination +23.44° at the June solstice, -23.44° in December, 0° at the equinoxes;
        # culmination is at 90° - latitude + declination
        (datetime(2024, 6, 20, 11, 8, tzinfo=UTC), (52.394, 13.542), 90 - 52.394 + 23.44, 180),
        (datetime(2024, 12, 21, 11, 4, tzinfo=UTC), (52.394, 13.542), 90 - 52.394 - 23.44, 180),
        (datetime(2024, 3, 20, 12, 7, tzinfo=UTC), (0.0, 0.0), 90, None),
        (datetime(2024, 6, 20, 2, 3, tzinfo=UTC), (-33.9, 151.2), 90 - 33.9 - 23.44, 0),
        (datetime(2024, 3, 20, 6, 7, tzinfo=UTC), (0.0, 0.0), 0, 90),
    ],
)
def test_the_sun_stands_where_the_almanac_says(at, place, elevation_deg, azimuth_deg):
    elevation, azimuth = sun_position(at, *place)
    assert math.degrees(elevation) == pytest.approx(elevation_deg, abs=0.6)
    if azimuth_deg is not None:
        assert abs((math.degrees(azimuth) - azimuth_deg + 180) % 360 - 180) < 2


def test_a_clear_day_in_summer_and_in_winter():
    summer = made(SUMMER)
    assert kwh(summer, 0) == pytest.approx(69, abs=4)  # 6.5–7.3 kWh per kWp
    assert 12 < kwh(made(WINTER), 0) < 22
    assert summer.pv_w(1 * HOUR_S) == 0
    assert max(summer.pv_w(t_s) for t_s in range(0, DAY_S, 60)) < 9500


def test_the_roof_matters():
    assert kwh(made(kwp=5), 0) == pytest.approx(kwh(made(kwp=10), 0) / 2)
    east, west = made(azimuth_deg=90), made(azimuth_deg=270)
    noon_s = 13 * HOUR_S
    assert kwh(east, 0, 0, noon_s) > 1.3 * kwh(west, 0, 0, noon_s)
    assert kwh(west, 0, noon_s) > 1.3 * kwh(east, 0, noon_s)
    assert clear_sky_w(datetime(2024, 6, 20, 23, tzinfo=UTC), Roof()) == 0
    south = Roof(latitude=-33.9, longitude=151.2, azimuth_deg=0)
    assert clear_sky_w(datetime(2024, 12, 20, 2, tzinfo=UTC), south) > 7000


def test_skies_differ_as_their_names_say():
    sums = [kwh(made(sky=sky), 0) for sky in (Sky.CLEAR, Sky.PARTLY_CLOUDY, Sky.CLOUDY, Sky.OVERCAST)]
    assert sums == sorted(sums, reverse=True)
    assert sums[1] < 0.95 * sums[0]
    assert sums[3] < 0.3 * sums[0]
    mixed = made(sky=Sky.MIXED)
    days = [kwh(mixed, 0, day * DAY_S, (day + 1) * DAY_S) for day in range(14)]
    assert max(days) > 3 * min(days)


def test_clouds_come_with_ramps_and_never_below_zero():
    trace = made(sky=Sky.PARTLY_CLOUDY)
    powers_w = [trace.pv_w(t_s) for t_s in range(8 * HOUR_S, 18 * HOUR_S, 10)]
    assert min(powers_w) > 0
    changes_w = [abs(after - before) for before, after in pairwise(powers_w)]
    # several passing clouds, each within tens of seconds, none like a switch of all the power
    assert sum(change_w > 500 for change_w in changes_w) > 20
    assert max(changes_w) < 5500


def test_a_house_lives():
    trace = made()
    week = [kwh(trace, 1, day * DAY_S, (day + 1) * DAY_S) for day in range(7)]
    assert all(5 < day_kwh < 18 for day_kwh in week)
    assert len({round(day_kwh, 3) for day_kwh in week}) == 7
    loads_w = [trace.load_w(t_s) for t_s in range(0, 7 * DAY_S, 30)]
    assert 150 < min(loads_w) < 210
    assert 3000 < max(loads_w) < 9000
    evening = sum(kwh(trace, 1, day * DAY_S + 17 * HOUR_S, day * DAY_S + 21 * HOUR_S) for day in range(5))
    night = sum(kwh(trace, 1, day * DAY_S + 1 * HOUR_S, day * DAY_S + 5 * HOUR_S) for day in range(5))
    assert evening > 2 * night


def test_the_house_keeps_local_time_through_the_change_of_clocks():
    # on 31 March 2024 a local day has 23 h: blocks of 24 h begin at 01:00 from then on
    before, after = (
        GeneratedTrace(date(2024, 3, 25), timezone=BERLIN),
        GeneratedTrace(date(2024, 4, 1), timezone=BERLIN),
    )
    before_s = (after.start_at - before.start_at).total_seconds()
    assert before_s == 7 * DAY_S - HOUR_S
    dinner = [
        kwh(before, 1, before_s + day * DAY_S + 17 * HOUR_S, before_s + day * DAY_S + 21 * HOUR_S) for day in range(5)
    ]
    supper = [
        kwh(before, 1, before_s + day * DAY_S + 22.5 * HOUR_S, before_s + day * DAY_S + 26 * HOUR_S) for day in range(5)
    ]
    assert sum(dinner) > 2 * sum(supper)


def test_everything_follows_from_the_seed_in_any_order():
    instants = [day * DAY_S + second for day in (0, 3, 1) for second in range(0, DAY_S, 977)]
    one, same, other = made(sky=Sky.MIXED), made(sky=Sky.MIXED), made(sky=Sky.MIXED, seed=2)
    values = [one.at(t_s) for t_s in instants]
    assert [same.at(t_s) for t_s in reversed(instants)] == values[::-1]
    assert [other.at(t_s) for t_s in instants] != values


def test_it_goes_on_in_straight_pieces_without_end():
    trace = made(sky=Sky.PARTLY_CLOUDY)
    t_s = 12 * HOUR_S + 3
    until_s = trace.straight_until_s(t_s)
    assert t_s < until_s <= t_s + 10
    middle = trace.at((t_s + until_s) / 2)[0]
    assert middle == pytest.approx((trace.at(t_s)[0] + trace.at(until_s)[0]) / 2)
    assert trace.pv_w(500 * DAY_S + 12 * HOUR_S) > 0


@pytest.mark.parametrize(
    "wrong", [{"latitude": 91}, {"longitude": -181}, {"kwp": -1}, {"tilt_deg": 91}, {"azimuth_deg": 361}]
)
def test_impossible_roofs_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} .*allowed is"):
        Roof(**wrong)
