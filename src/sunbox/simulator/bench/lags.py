"""How the controller bears late and rare readings and a slow car: the same days at many lags, and whether it swings.

A controller that reacts to what it has not seen the answer of swings, and the swing grows. So besides what each day was worth
there is a test without any weather: a constant surplus, one step of the house's load up, one down, and after each step the
set-point has to come to rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sunbox.core.effects import Effect
from sunbox.core.events import Event, MeterRead
from sunbox.core.settings import Capabilities
from sunbox.core.state import State
from sunbox.simulator.bench.cars import IdealCar
from sunbox.simulator.bench.engine import EngineRun, settings_for
from sunbox.simulator.bench.home import Home, SteppedClock
from sunbox.simulator.bench.run import SUNBOX, run_policy
from sunbox.simulator.bench.setup import SetUp, Tally
from sunbox.simulator.ledger import DAY_S
from sunbox.simulator.trace import RecordedTrace

INTERVALS_S = (1.0, 10.0, 60.0)
METER_DELAYS_S = (0.0, 10.0, 60.0)
CAR_DELAYS_S = (1.0, 10.0, 20.0)
DIM_INTERVAL_S = 10.0
"""How often a quicker meter is read while the car takes nothing and the surplus is less than its minimum.

That halves the time of a 1-s meter; a start may come 10 s later for it.
"""

MOST_STARTS = 8.0
NET_POINTS, NET_POINTS_LATE = 6.0, 8.0
"""How far net may lie from that at 10 s, and where a delay is a minute."""
LATE_S = 60.0


@dataclass(frozen=True, slots=True, order=True)
class Lag:
    """How late everything is."""

    interval_s: float
    meter_delay_s: float
    car_delay_s: float

    def of(self, setup: SetUp) -> SetUp:
        """Return a home with this lag."""
        return replace(
            setup,
            meter_interval_s=self.interval_s,
            meter_delay_s=self.meter_delay_s,
            car_delay_s=self.car_delay_s,
            dim_interval_s=DIM_INTERVAL_S,
        )

    @property
    def net_points(self) -> float:
        """Return how far net may lie from that at 10 s."""
        return NET_POINTS_LATE if max(self.interval_s, self.meter_delay_s) >= LATE_S else NET_POINTS

    def __str__(self) -> str:
        return f"meter each {self.interval_s:g} s, {self.meter_delay_s:g} s late, car {self.car_delay_s:g} s"


USUAL = Lag(10.0, 10.0, 10.0)
LAGS = tuple(
    Lag(interval_s, meter_s, car_s)
    for interval_s in INTERVALS_S
    for meter_s in METER_DELAYS_S
    for car_s in CAR_DELAYS_S
)


# swings

SURPLUS_W, HOUSE_W, STEP_W = 6000.0, 500.0, 2000.0
STEP_S = 3600.0
SETTLING_S = 900.0
"""After a step of the load: from the reading that shows it the set-point may look for its place for so long."""


@dataclass(frozen=True, slots=True)
class Swing:
    """How the set-point moves while nothing else does, in A, in the worst of the hours."""

    early_a: float  #: between highest and lowest in the first half of the time after settling
    late_a: float  #: the same in the second half
    reversals: int  #: changes of direction in all hours after settling

    @property
    def is_growing(self) -> bool:
        """Return whether it swings wider the longer it lasts; one ampere up or down is no swing."""
        return self.late_a > max(self.early_a, 1.0)


def swing_at(lag: Lag, setup: SetUp, timezone: ZoneInfo, capabilities: Capabilities) -> Swing:
    """Return how the set-point moves under a constant sun with two steps of the load, an hour each."""
    high_w = HOUSE_W + STEP_W
    start_at = datetime(2024, 6, 17, 9, tzinfo=UTC)
    trace = RecordedTrace(
        start_at,
        [0.0, STEP_S, STEP_S + 1, 2 * STEP_S, 2 * STEP_S + 1, 3 * STEP_S],
        [SURPLUS_W] * 6,
        [HOUSE_W, HOUSE_W, high_w, high_w, HOUSE_W, HOUSE_W],
    )
    told: list[tuple[float, int]] = []

    def watch(event: Event, state: State, _effects: tuple[Effect, ...]) -> None:
        if isinstance(event, MeterRead):
            (loadpoint,) = state.loadpoints.values()
            point = loadpoint.set_point
            told.append(((event.at - start_at).total_seconds(), point.amps_a if point.charge else 0))

    late = lag.of(setup)
    home = Home(trace, IdealCar(late), late, SteppedClock(start_at), timezone)
    EngineRun(home, settings_for(late, timezone, capabilities), watch).run(home.length_s, lambda _: None)
    halves: list[tuple[float, float]] = []
    reversals = 0
    for number in range(3):
        begin_s, end_s = number * STEP_S + SETTLING_S, (number + 1) * STEP_S
        middle_s = (begin_s + end_s) / 2
        early = [amps for t_s, amps in told if begin_s <= t_s < middle_s]
        late_ones = [amps for t_s, amps in told if middle_s <= t_s < end_s]
        halves.append((_width(early), _width(late_ones)))
        reversals += _reversals(early + late_ones)
    worst = max(halves, key=lambda half: (half[1] - half[0], half[1]))
    return Swing(*worst, reversals)


def _width(amps: Sequence[int]) -> float:
    return float(max(amps) - min(amps))


def _reversals(amps: Sequence[int]) -> int:
    """Return how often a sequence turns from rising to falling or back."""
    moves = [after - before for before, after in pairwise(amps) if after != before]
    return sum(one * other < 0 for one, other in pairwise(moves))


# days

DULL_WH = 1000.0
"""A day whose surplus is less than this is too dull to tell anybody from anybody."""


def days_of(trace: RecordedTrace, timezone: ZoneInfo) -> dict[date, RecordedTrace]:
    """Return the whole local days of a trace."""
    days: dict[date, RecordedTrace] = {}
    day = trace.start_at.astimezone(timezone).date()
    while (begins_at := datetime.combine(day, datetime.min.time(), timezone)) < trace.end_at:
        ends_at = datetime.combine(day + timedelta(days=1), datetime.min.time(), timezone)
        from_s, until_s = ((at - trace.start_at).total_seconds() for at in (begins_at, ends_at))
        if from_s >= -DAY_S / 4 and until_s <= (trace.end_at - trace.start_at).total_seconds() + DAY_S / 4:
            days[day] = trace.part(max(0.0, from_s), until_s)
        day += timedelta(days=1)
    return days


def chosen_days(days: Mapping[date, RecordedTrace], setup: SetUp) -> dict[str, date]:
    """Return the clear, the changeable and the dull one of some days.

    Clear is the day on which the sun moves least for what it gives, of those that give at least 80 % of the best day;
    changeable the one on which it moves most; dull the one with the least surplus that is still worth a charge.
    """
    moved, given, usable = {}, {}, {}
    for day, trace in days.items():
        suns_w = [trace.pv_w(float(t_s)) for t_s in range(0, int((trace.end_at - trace.start_at).total_seconds()), 60)]
        moved[day] = sum(abs(after - before) for before, after in pairwise(suns_w))
        given[day] = sum(suns_w) / 60.0
        usable[day] = _usable_wh(trace, setup)
    best_wh = max(given.values())
    return {
        "clear": min((day for day in days if given[day] >= 0.8 * best_wh), key=lambda day: moved[day] / given[day]),
        "changeable": max(days, key=lambda day: moved[day]),
        "dull": min((day for day in days if usable[day] >= DULL_WH), key=lambda day: usable[day]),
    }


def _usable_wh(trace: RecordedTrace, setup: SetUp) -> float:
    """Return the surplus above the car's minimum, by minutes."""
    least_w, most_w = setup.min_power_w, setup.max_power_w
    total_wh = 0.0
    for t_s in range(0, int((trace.end_at - trace.start_at).total_seconds()), 60):
        pv_w, load_w = trace.at(float(t_s))
        total_wh += min(pv_w - load_w, most_w) / 60.0 if pv_w - load_w >= least_w else 0.0
    return total_wh


# the verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Borne:
    """What came of a lag."""

    lag: Lag
    tally: Tally
    swing: Swing

    def failings(self, usual: Tally) -> list[str]:
        """Return what is worse than allowed, beside what came of the usual lag on the same days."""
        tally, swing = self.tally, self.swing
        starts = tally.starts / tally.days
        points = usual.net_pct - tally.net_pct
        said = []
        if swing.is_growing:
            said.append(f"{self.lag}: swings from {swing.early_a:g} A to {swing.late_a:g} A")
        if starts > MOST_STARTS:
            said.append(f"{self.lag}: {starts:.1f} starts a day, allowed are {MOST_STARTS:g}")
        if points > self.lag.net_points:
            said.append(
                f"{self.lag}: net {tally.net_pct:.1f} %, {points:.1f} points less than {USUAL}; "
                f"allowed are {self.lag.net_points:g}"
            )
        return said


def tally_at(
    lag: Lag,
    traces: Sequence[RecordedTrace],
    setup: SetUp,
    timezone: ZoneInfo,
    capabilities: Capabilities,
    told: Callable[[float], None] = lambda _: None,
) -> Tally:
    """Return what sunbox made of some traces at a lag."""
    total = Tally()
    for number, trace in enumerate(traces, start=1):
        total.add(run_policy(SUNBOX, trace, lag.of(setup), timezone=timezone, capabilities=capabilities))
        told(number / len(traces))
    return total
