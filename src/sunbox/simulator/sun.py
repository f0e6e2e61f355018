"""A made-up sun: where it stands, what a clear sky gives, and clouds that pass.

Formulas from the literature, good to some per cent, which is enough for a home that does not exist:

* position: declination and equation of time as Fourier series (Spencer 1971),
* air mass: Kasten and Young 1989,
* direct beam: 1353 W/m² × 0.7^(air mass^0.678) (Meinel 1976); a tenth of it once more as diffuse light,
* module temperature: 30 K above the air at 1000 W/m²; -0.4 %/K; inverter, cables, dirt: 0.88 together.
"""

from __future__ import annotations

import math
import random
from array import array
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

SYSTEM_FACTOR = 0.88
GROUND_ALBEDO = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Roof:
    """Where the modules are and how they lie. Azimuth: 180 = south, 90 = east."""

    latitude: float = 52.394
    longitude: float = 13.542
    kwp: float = 10.0
    tilt_deg: float = 30.0
    azimuth_deg: float = 180.0

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("latitude", self.latitude, -90, 90),
            ("longitude", self.longitude, -180, 180),
            ("kwp", self.kwp, 0, 10_000),
            ("tilt_deg", self.tilt_deg, 0, 90),
            ("azimuth_deg", self.azimuth_deg, 0, 360),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} {value!r}: allowed is {low} to {high}")


class Sky(StrEnum):
    """What sort of day it is."""

    CLEAR = "clear"
    PARTLY_CLOUDY = "partly_cloudy"
    CLOUDY = "cloudy"
    OVERCAST = "overcast"
    MIXED = "mixed"  #: each day draws one of the others


@dataclass(frozen=True, slots=True)
class Clouds:
    """The clouds of a sort of day: how long they last and how far apart (log-normal median, s), how much they let through."""

    cloud_s: float
    gap_s: float
    through: tuple[float, float]
    haze: tuple[float, float]  #: what is left between the clouds


CLOUDS: dict[Sky, Clouds] = {
    Sky.CLEAR: Clouds(60, 40_000, (0.8, 0.95), (0.97, 1.0)),
    Sky.PARTLY_CLOUDY: Clouds(240, 700, (0.2, 0.6), (0.93, 1.0)),
    Sky.CLOUDY: Clouds(900, 300, (0.15, 0.5), (0.7, 0.9)),
    Sky.OVERCAST: Clouds(6000, 120, (0.08, 0.2), (0.25, 0.45)),
}
_MIX = (Sky.CLEAR, Sky.PARTLY_CLOUDY, Sky.PARTLY_CLOUDY, Sky.CLOUDY, Sky.OVERCAST)


def sun_position(at: datetime, latitude: float, longitude: float) -> tuple[float, float]:
    """Return (elevation, azimuth) of the sun in radians; azimuth clockwise from north."""
    at = at.astimezone(UTC)
    day_of_year = at.timetuple().tm_yday
    hours = at.hour + at.minute / 60 + at.second / 3600
    angle = 2 * math.pi * (day_of_year - 1 + (hours - 12) / 24) / 365
    declination = (
        0.006918
        - 0.399912 * math.cos(angle)
        + 0.070257 * math.sin(angle)
        - 0.006758 * math.cos(2 * angle)
        + 0.000907 * math.sin(2 * angle)
        - 0.002697 * math.cos(3 * angle)
        + 0.00148 * math.sin(3 * angle)
    )
    equation_min = 229.18 * (
        0.000075
        + 0.001868 * math.cos(angle)
        - 0.032077 * math.sin(angle)
        - 0.014615 * math.cos(2 * angle)
        - 0.040849 * math.sin(2 * angle)
    )
    solar_h = hours + longitude / 15 + equation_min / 60
    hour_angle = math.radians(15 * (solar_h - 12))
    phi = math.radians(latitude)
    sin_elevation = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(hour_angle)
    elevation = math.asin(max(-1.0, min(1.0, sin_elevation)))
    azimuth = math.pi + math.atan2(
        math.sin(hour_angle), math.cos(hour_angle) * math.sin(phi) - math.tan(declination) * math.cos(phi)
    )
    return elevation, azimuth % (2 * math.pi)


def clear_sky_w(at: datetime, roof: Roof) -> float:
    """Return the AC power in W that `roof` gives at `at` under a clear sky."""
    elevation, azimuth = sun_position(at, roof.latitude, roof.longitude)
    if elevation <= 0:
        return 0.0
    elevation_deg = math.degrees(elevation)
    air_mass = 1 / (math.sin(elevation) + 0.50572 * math.pow(elevation_deg + 6.07995, -1.6364))
    beam = 1353 * math.pow(0.7, math.pow(air_mass, 0.678))
    diffuse = 0.1 * beam
    tilt = math.radians(roof.tilt_deg)
    incidence = math.sin(elevation) * math.cos(tilt) + math.cos(elevation) * math.sin(tilt) * math.cos(
        azimuth - math.radians(roof.azimuth_deg)
    )
    on_ground = beam * math.sin(elevation) + diffuse
    on_module = (
        beam * max(0.0, incidence)
        + diffuse * (1 + math.cos(tilt)) / 2
        + on_ground * GROUND_ALBEDO * (1 - math.cos(tilt)) / 2
    )
    season = math.cos(2 * math.pi * (at.timetuple().tm_yday - 200) / 365) * (1 if roof.latitude >= 0 else -1)
    module_c = 10 + 9 * season + 0.03 * on_module
    return max(0.0, roof.kwp * on_module * SYSTEM_FACTOR * (1 - 0.004 * (module_c - 25)))


def cloud_factors(rng: random.Random, sky: Sky, points: int, step_s: float) -> array[float]:
    """Return what the clouds of one day leave of the clear sky, at `points` instants `step_s` apart.

    Clouds come and go one after the other, with edges of 10–60 s; beside a cloud it is a little brighter than under a
    clear sky, as its rim reflects.
    """
    kind = CLOUDS[rng.choice(_MIX) if sky is Sky.MIXED else sky]
    haze = rng.uniform(*kind.haze)
    factors = array("d", [haze]) * points
    at_s = -rng.lognormvariate(math.log(kind.gap_s), 0.8) * rng.random()
    while at_s < points * step_s:
        cloud_s = rng.lognormvariate(math.log(kind.cloud_s), 0.7)
        edge_s = min(cloud_s / 2, rng.uniform(10, 60))
        through = min(haze, rng.uniform(*kind.through))
        rim = haze + (rng.uniform(0.0, 0.08) if haze > 0.6 else 0.0)
        wobble, phase = rng.uniform(0.0, 0.12), rng.uniform(0.0, 6.28)
        for index in range(max(0, int((at_s - 90) / step_s)), min(points, int((at_s + cloud_s + 90) / step_s) + 1)):
            inside_s = min(index * step_s - at_s, at_s + cloud_s - index * step_s)  # from the nearer edge inwards
            if inside_s <= 0:
                factors[index] = max(factors[index], haze + (rim - haze) * max(0.0, 1 + inside_s / 90))
            else:
                depth = min(1.0, inside_s / edge_s)
                under = through * (1 + wobble * math.sin(phase + index * step_s / 45))
                factors[index] = rim + (under - rim) * depth
        at_s += cloud_s + rng.lognormvariate(math.log(kind.gap_s), 0.8)
    return factors


def clear_sky_day_w(start_at: datetime, roof: Roof, points: int, step_s: float) -> list[float]:
    """Return the clear-sky power in W at `points` instants from `start_at`; computed each 5 min, straight between."""
    coarse_s = 300.0
    count = int(points * step_s / coarse_s) + 2
    coarse = [clear_sky_w(start_at + timedelta(seconds=index * coarse_s), roof) for index in range(count)]
    powers_w = []
    for point in range(points):
        index, rest_s = divmod(point * step_s, coarse_s)
        low_w, high_w = coarse[int(index)], coarse[int(index) + 1]
        powers_w.append(low_w + (high_w - low_w) * rest_s / coarse_s)
    return powers_w
