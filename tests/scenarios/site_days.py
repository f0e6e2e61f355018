"""Sites with several cars for scenarios: traces of a few lines, made-up skies, and a recorded month's days."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunbox.core.commands import CommandName
from sunbox.core.reasons import ReasonCode
from sunbox.simulator.bench.site import SiteRun, settings_of
from sunbox.simulator.bench.site_car import SiteCar
from sunbox.simulator.household import GeneratedTrace
from sunbox.simulator.sun import Roof, Sky
from sunbox.simulator.trace import RecordedTrace, Trace, load_trace

BEGINS_AT = datetime(2024, 6, 17, 10, tzinfo=UTC)
HOUR_S = 3600.0
V = 230.0


def course(*rows: tuple[float, float, float], begins_at: datetime = BEGINS_AT) -> RecordedTrace:
    """Return sun and house through points of (s, PV in W, house in W); between them both are straight lines."""
    seconds, pv_w, load_w = zip(*rows, strict=True)
    return RecordedTrace(begins_at, list(seconds), list(pv_w), list(load_w))


def steps(*rows: tuple[float, float], load_w: float = 300.0, until_s: float = 24 * HOUR_S) -> RecordedTrace:
    """Return a sun that jumps: (from s on, PV in W)."""
    points = [(0.0, rows[0][1], load_w)]
    for before, now in pairwise(rows):
        points += [(now[0] - 1.0, before[1], load_w), (now[0], now[1], load_w)]
    return course(*points, (until_s, rows[-1][1], load_w))


def waves(high_w: float, low_w: float, bright_s: float, dark_s: float, *, until_s: float = 6 * HOUR_S) -> RecordedTrace:
    """Return clouds that come and go by the clock, with hard edges."""
    rows = []
    at_s = 0.0
    while at_s < until_s:
        rows += [(at_s, high_w), (at_s + bright_s, low_w)]
        at_s += bright_s + dark_s
    return steps(*rows, until_s=at_s)


def made_day(sky: Sky = Sky.PARTLY_CLOUDY, *, seed: int = 1, kwp: float = 10.0) -> GeneratedTrace:
    """Return one made-up summer's day, midnight to midnight in Berlin."""
    return GeneratedTrace(date(2024, 6, 17), timezone=ZoneInfo("Europe/Berlin"), roof=Roof(kwp=kwp), sky=sky, seed=seed)


def june_file() -> Path:
    """Return where the recorded days are, if they are at hand."""
    shared = Path(os.environ.get("SUNBOX_SHARED", Path(__file__).parents[3] / "shared"))
    return shared / "data" / "composite_june_days_01-15_1min.csv.gz"


needs_june = pytest.mark.skipif(
    not june_file().exists() and not os.environ.get("CI"),  # in CI a missing file is a failure
    reason="the recorded June days are not at hand (SUNBOX_SHARED)",
)


@cache
def _june(kwp: float) -> RecordedTrace:
    return load_trace(june_file(), timezone=ZoneInfo("Europe/Berlin"), kwp=kwp)


def june_day(day: int, *, kwp: float = 10.0, from_h: int = 4, until_h: int = 20) -> RecordedTrace:
    """Return the recorded minutes of a day of June 2016, between two hours UTC."""
    june = _june(kwp)
    begins_s = ((day - 1) * 24 + from_h) * HOUR_S
    minutes = [60.0 * minute for minute in range((until_h - from_h) * 60 + 1)]
    pairs = [june.at(begins_s + at_s) for at_s in minutes]
    return RecordedTrace(
        june.start_at + timedelta(seconds=begins_s),
        minutes,
        [pv_w for pv_w, _ in pairs],
        [load_w for _, load_w in pairs],
    )


def run_of(
    trace: Trace,
    cars: Sequence[SiteCar],
    *,
    loadpoints: Mapping[str, Mapping[str, Any]] | None = None,
    every: Mapping[str, Any] | None = None,
    **options: Any,
) -> SiteRun:
    """Return a site with these cars; what `settings_of` takes goes there, the rest to `SiteRun`.

    Args:
        trace: sun and house.
        cars: at their loadpoints.
        loadpoints: what is special about some.
        every: what all loadpoints have.
        options: all others.
    """
    words = {name: options.pop(name) for name in ("grid", "meters", "circuits", "site", "vehicles") if name in options}
    own = loadpoints or {}
    return SiteRun(
        trace,
        settings_of(cars, loadpoints={car.id: {**(every or {}), **own.get(car.id, {})} for car in cars}, **words),
        cars,
        **options,
    )


def commands(site: SiteRun, name: CommandName, car: str = "car") -> list[float]:
    """Return when a command was sent to a car, in s."""
    return [sent.t_s for sent in site.sent if sent.car == car and sent.command.name is name]


def currents(site: SiteRun, car: str = "car", *, from_s: float = 0.0, until_s: float = float("inf")) -> list[float]:
    """Return the current of a car per phase at each reading, as it truly was."""
    own = site.cars[car]
    return [line.draws_w[car] / own.voltage_v / own.used_phases for line in site.lines if from_s <= line.t_s <= until_s]


def turns(amps: Sequence[float], *, least_a: float = 1.0) -> int:
    """Return how often a current turned from rising to falling or back, by at least so much: what swings turns often."""
    count, way, mark = 0, 0, amps[0]
    for now in amps:
        if way >= 0 and now <= mark - least_a:
            count += way > 0
            way, mark = -1, now
        elif way <= 0 and now >= mark + least_a:
            count += way < 0
            way, mark = 1, now
        elif (way > 0) is (now > mark) and way:
            mark = now
    return count


def reasons(site: SiteRun, car: str = "car", *, from_s: float = 0.0, until_s: float = float("inf")) -> set[ReasonCode]:
    """Return the reasons that were given."""
    return {line.reasons[car] for line in site.lines if from_s <= line.t_s <= until_s}


def imported_wh(site: SiteRun, from_s: float = 0.0, until_s: float = float("inf")) -> float:
    """Return what the site bought, from reading to reading."""
    lines = [line for line in site.lines if from_s <= line.t_s <= until_s]
    return sum(max(0.0, line.grid_w) * (after.t_s - line.t_s) for line, after in pairwise(lines)) / 3600.0


def charged_wh(site: SiteRun, car: str = "car", *, from_s: float = 0.0, until_s: float = float("inf")) -> float:
    """Return what went into a car, from reading to reading."""
    lines = [line for line in site.lines if from_s <= line.t_s <= until_s]
    return sum(line.draws_w[car] * (after.t_s - line.t_s) for line, after in pairwise(lines)) / 3600.0
