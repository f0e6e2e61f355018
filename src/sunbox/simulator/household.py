"""A made-up household, and the trace that it and a made-up sun make together. Everything follows from the seed."""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sunbox.simulator.sun import Roof, Sky, clear_sky_day_w, cloud_factors
from sunbox.simulator.trace import DAY_S, Trace

STEP_S = 10.0
POINTS = int(DAY_S / STEP_S)


@dataclass(frozen=True, slots=True)
class Habit:
    """Something that people switch on: how likely on a day, when (local hour, ± h), how long (min), how much (W).

    `duty` below 1 is a thermostat that cycles about once a minute, as a hob does.
    """

    chance: float
    hour: float
    spread_h: float
    minutes: tuple[float, float]
    power_w: tuple[float, float]
    duty: float = 1.0


WORKDAY: tuple[Habit, ...] = (
    Habit(0.95, 6.8, 0.3, (2.5, 4.0), (1900, 2200)),  # kettle
    Habit(0.7, 7.1, 0.3, (3.0, 6.0), (800, 1000)),  # toaster, coffee
    Habit(0.25, 12.5, 0.5, (15, 30), (1500, 2500), 0.55),  # lunch
    Habit(0.5, 15.5, 1.0, (2.5, 4.0), (1900, 2200)),  # kettle
    Habit(0.9, 18.5, 0.6, (25, 50), (2200, 3500), 0.6),  # hob
    Habit(0.35, 18.3, 0.5, (30, 60), (2000, 2600), 0.5),  # oven
    Habit(0.6, 20.0, 0.7, (2.5, 4.0), (1900, 2200)),  # kettle
    Habit(0.45, 20.3, 0.6, (18, 25), (1900, 2100)),  # dishwasher heats
    Habit(0.25, 10.5, 3.0, (15, 25), (1900, 2200)),  # washing machine heats
    Habit(0.9, 19.0, 0.8, (150, 270), (120, 220)),  # light, television
    Habit(0.9, 6.5, 0.4, (45, 90), (60, 140)),  # light
    Habit(0.25, 13.0, 4.0, (8, 15), (700, 900)),  # vacuum cleaner
)
WEEKEND: tuple[Habit, ...] = (
    Habit(0.95, 8.8, 0.6, (2.5, 4.0), (1900, 2200)),
    Habit(0.8, 9.2, 0.6, (4.0, 9.0), (800, 1000)),
    Habit(0.85, 12.3, 0.6, (30, 60), (2500, 4500), 0.6),
    Habit(0.5, 11.8, 0.6, (40, 80), (2000, 2600), 0.5),
    Habit(0.6, 15.0, 0.8, (2.5, 4.0), (1900, 2200)),
    Habit(0.7, 18.7, 0.7, (20, 40), (2000, 3200), 0.6),
    Habit(0.6, 10.0, 1.5, (15, 25), (1900, 2200)),
    Habit(0.5, 13.8, 0.8, (18, 25), (1900, 2100)),
    Habit(0.35, 10.7, 1.0, (12, 25), (700, 900)),
    Habit(0.95, 19.0, 1.0, (160, 300), (140, 260)),
)


def household_day_w(rng: random.Random, weekday: int, local_offset_s: float, base_w: float) -> array[float]:
    """Return the load in W of one block of 24 h in steps of `STEP_S`.

    `local_offset_s` is the local time of day at the beginning of the block, in s; `weekday` 0 = Monday.
    """
    loads_w = array("d", [base_w * rng.uniform(0.9, 1.1)]) * POINTS
    # a fridge: 80–110 W for a quarter of an hour, each three quarters
    at_s, fridge_w = -rng.uniform(0, 2700), rng.uniform(80, 110)
    while at_s < DAY_S:
        on_s = rng.uniform(700, 1100)
        _add(loads_w, at_s, on_s, fridge_w)
        at_s += on_s + rng.uniform(1500, 2300)
    for habit in WORKDAY if weekday < 5 else WEEKEND:
        happens, hour = rng.random() < habit.chance, rng.gauss(habit.hour, habit.spread_h / 2)
        length_s, power_w = 60 * rng.uniform(*habit.minutes), rng.uniform(*habit.power_w)
        if not happens:
            continue
        begin_s = (hour * 3600 - local_offset_s) % DAY_S
        if habit.duty >= 1:
            _add(loads_w, begin_s, length_s, power_w)
            continue
        end_s = begin_s + length_s
        while begin_s < end_s:
            cycle_s = rng.uniform(40, 90)
            _add(loads_w, begin_s, cycle_s * habit.duty, power_w)
            begin_s += cycle_s
    return loads_w


def _add(loads_w: array[float], begin_s: float, length_s: float, power_w: float) -> None:
    """Add a rectangle to the part of the day that it touches."""
    first, last = round(begin_s / STEP_S), round((begin_s + length_s) / STEP_S)
    for index in range(max(0, first), min(len(loads_w), max(first + 1, last))):
        loads_w[index] += power_w


class GeneratedTrace(Trace):
    """A made-up trace without end, one local day after the other, each from its own seed."""

    __slots__ = ("_base_w", "_block", "_loads_w", "_pvs_w", "_roof", "_seed", "_sky", "_timezone")

    def __init__(
        self,
        day: date,
        *,
        timezone: ZoneInfo,
        roof: Roof | None = None,
        sky: Sky = Sky.PARTLY_CLOUDY,
        base_w: float = 180.0,
        seed: int = 0,
    ) -> None:
        """Begin at local midnight of `day`. `base_w` is what the house takes when nobody does anything."""
        start_at = datetime.combine(day, time(), tzinfo=timezone).astimezone(UTC)
        super().__init__(start_at, start_at + timedelta(days=365))
        self._timezone = timezone
        self._roof = roof or Roof()
        self._sky = sky
        self._base_w = base_w
        self._seed = seed
        self._block: int | None = None
        self._pvs_w: array[float] = array("d")
        self._loads_w: array[float] = array("d")

    def _seek(self, t_s: float) -> None:
        block = int(t_s // DAY_S)
        if block != self._block:
            self._make(block)
        base_s = block * DAY_S
        index = min(POINTS - 1, int((t_s - base_s) / STEP_S))
        self._from_s = base_s + index * STEP_S
        self._until_s = self._from_s + STEP_S
        self._pv_w, self._load_w = self._pvs_w[index], self._loads_w[index]
        self._pv_per_s = (self._pvs_w[index + 1] - self._pv_w) / STEP_S
        self._load_per_s = (self._loads_w[index + 1] - self._load_w) / STEP_S

    def _make(self, block: int) -> None:
        """Make the block of 24 h with this number, and the first value of the next to lead over to."""
        start_at = self.start_at + timedelta(seconds=block * DAY_S)
        factors = cloud_factors(random.Random(f"{self._seed}/{block}/sky"), self._sky, POINTS + 1, STEP_S)
        clear_w = clear_sky_day_w(start_at, self._roof, POINTS + 1, STEP_S)
        self._pvs_w = array("d", (power_w * factor for power_w, factor in zip(clear_w, factors, strict=True)))
        self._loads_w = self._house(block)
        self._loads_w.append(self._loads_w[-1])
        self._block = block

    def _house(self, block: int) -> array[float]:
        # summer time moves the local day against the block
        local_at = (self.start_at + timedelta(seconds=block * DAY_S)).astimezone(self._timezone)
        offset_s = local_at.hour * 3600.0 + local_at.minute * 60.0
        noon_at = local_at + timedelta(hours=12)
        rng = random.Random(f"{self._seed}/{block}/house")
        return household_day_w(rng, noon_at.weekday(), offset_s, self._base_w)
