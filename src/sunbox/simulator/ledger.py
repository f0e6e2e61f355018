"""Where the energy went: solar, battery and import per car and per day, and what could have been used.

Conventions, which the score rests on:

* *Surplus* is PV minus the house's load, never below 0. A home battery does not lessen it: what the battery stores
  although a car could have had it was not used by the car.
* *Solar* into a car is the integral of min(draw, surplus). The rest of the draw came from the home battery as far as it
  gave more than the house took, else from the grid: the car's *import*. Several cars share in proportion to their draw.
* *Usable* is the integral of min(surplus, the car's maximum) while it is at home and plugged in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from datetime import date

DAY_S = 86_400.0
START_W = 100.0
"""A car that draws more has started, W."""
START_PAUSE_S = 5.0
"""A car has stopped when it drew nothing for so long, s: shorter breaks are the same start."""


def clipped_mean(from_w: float, to_w: float, most_w: float) -> float:
    """Return the mean of a straight line from `from_w` to `to_w`, cut off below 0 and above `most_w`. Exact."""
    low_w, high_w = (from_w, to_w) if from_w <= to_w else (to_w, from_w)
    if high_w <= 0:
        return 0.0
    if low_w >= most_w:
        return most_w
    if low_w >= 0 and high_w <= most_w:
        return (low_w + high_w) / 2
    span_w = high_w - low_w
    if span_w < 1e-6:
        return max(0.0, min(most_w, (low_w + high_w) / 2))
    # integral over the line's values: a triangle between 0 and most_w, a rectangle above
    upper_w, lower_w = min(high_w, most_w), max(low_w, 0.0)
    area = (upper_w - lower_w) * (upper_w + lower_w) / 2
    if high_w > most_w:  # most_w is finite then
        area += (high_w - most_w) * most_w
    return area / span_w


@dataclass(slots=True)
class CarLedger:
    """Energy and starts of one car."""

    charged_wh: float = 0.0  #: AC energy into the car
    solar_wh: float = 0.0
    battery_wh: float = 0.0
    import_wh: float = 0.0
    usable_wh: float = 0.0
    starts: int = 0

    def add(self, other: CarLedger) -> None:
        """Add another ledger to this one."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(slots=True)
class DayLedger:
    """One local day, or the sum of several."""

    day: date
    elapsed_s: float = 0.0
    pv_wh: float = 0.0
    house_wh: float = 0.0
    import_wh: float = 0.0  #: of the whole site
    export_wh: float = 0.0
    usable_wh: float = 0.0  #: by all cars together
    cars: dict[str, CarLedger] = field(default_factory=dict)

    def add(self, other: DayLedger) -> None:
        """Add another day to this one."""
        for name in ("elapsed_s", "pv_wh", "house_wh", "import_wh", "export_wh", "usable_wh"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for car_id, car in other.cars.items():
            self.cars.setdefault(car_id, CarLedger()).add(car)

    def all_cars(self) -> CarLedger:
        """Return the sum over the cars; `usable_wh` is the site's, which is less where cars compete."""
        total = CarLedger()
        for car in self.cars.values():
            total.add(car)
        total.usable_wh = self.usable_wh
        return total


@dataclass(slots=True)
class Present:
    """One car during one step of the world."""

    ledger: CarLedger
    draw_w: float  #: mean over the step
    max_power_w: float  #: 0 when it is away or unplugged


class StartCounter:
    """Counts how often a car began to draw."""

    __slots__ = ("_zero_s",)

    def __init__(self, draw_w: float) -> None:
        self._zero_s = math.inf if draw_w < 1 else 0.0

    def has_started(self, dt_s: float, draw_w: float) -> bool:
        """Return whether the car, which draws `draw_w` at the end of `dt_s`, has started within."""
        if draw_w > START_W:
            started = self._zero_s >= START_PAUSE_S
            self._zero_s = 0.0
            return started
        if draw_w < 1:
            self._zero_s += dt_s
        return False


def account(
    day: DayLedger,
    dt_s: float,
    pv_w: tuple[float, float],
    house_w: tuple[float, float],
    *,
    battery_w: float,
    cars: list[Present],
) -> None:
    """Add one step to a day: `pv_w` and `house_w` at its beginning and end, the rest as means."""
    hours = dt_s / 3600.0
    from_w, to_w = pv_w[0] - house_w[0], pv_w[1] - house_w[1]
    day.elapsed_s += dt_s
    day.pv_wh += (pv_w[0] + pv_w[1]) / 2 * hours
    day.house_wh += (house_w[0] + house_w[1]) / 2 * hours
    total_w, most_w = 0.0, 0.0
    for car in cars:
        total_w += car.draw_w
        most_w += car.max_power_w
    export_w = battery_w - total_w
    day.export_wh += clipped_mean(from_w + export_w, to_w + export_w, math.inf) * hours
    day.import_wh += clipped_mean(-from_w - export_w, -to_w - export_w, math.inf) * hours
    if most_w > 0:
        usable_wh = clipped_mean(from_w, to_w, most_w) * hours
        day.usable_wh += usable_wh
        for car in cars:
            car.ledger.usable_wh += (
                usable_wh if car.max_power_w == most_w else clipped_mean(from_w, to_w, car.max_power_w) * hours
            )
    if total_w > 0:
        solar_w = clipped_mean(from_w, to_w, total_w)
        stored_w = 0.0
        if battery_w > 0:
            stored_w = min(total_w - solar_w, max(0.0, battery_w - clipped_mean(-from_w, -to_w, math.inf)))
        for car in cars:
            share = car.draw_w / total_w * hours
            ledger = car.ledger
            ledger.charged_wh += total_w * share
            ledger.solar_wh += solar_w * share
            ledger.battery_wh += stored_w * share
            ledger.import_wh += (total_w - solar_w - stored_w) * share
