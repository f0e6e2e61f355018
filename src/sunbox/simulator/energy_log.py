"""What flowed where, in spans of five minutes: a site's history as Tesla tells it, and the gateway's counters.

Who took what from whom is decided each step as Tesla does: loads take from the sun first, then from the battery, last from the
grid; the battery takes what is left of the sun, then from the grid; what is left of sun and battery goes out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SPAN_S = 300
KEPT_SPANS = 400 * 288
"""A year and a month."""


@dataclass(slots=True)
class Span:
    """The energies of one span, in Wh."""

    solar_to_load: float = 0.0
    battery_to_load: float = 0.0
    grid_to_load: float = 0.0
    solar_to_battery: float = 0.0
    grid_to_battery: float = 0.0
    solar_to_grid: float = 0.0
    battery_to_grid: float = 0.0

    def add(self, other: Span) -> None:
        """Add another one. Written out: it is done twice in each second of a day."""
        self.solar_to_load += other.solar_to_load
        self.battery_to_load += other.battery_to_load
        self.grid_to_load += other.grid_to_load
        self.solar_to_battery += other.solar_to_battery
        self.grid_to_battery += other.grid_to_battery
        self.solar_to_grid += other.solar_to_grid
        self.battery_to_grid += other.battery_to_grid

    @property
    def solar_wh(self) -> float:
        """Return what the sun gave."""
        return self.solar_to_load + self.solar_to_battery + self.solar_to_grid

    @property
    def load_wh(self) -> float:
        """Return what was used."""
        return self.solar_to_load + self.battery_to_load + self.grid_to_load

    @property
    def given_wh(self) -> float:
        """Return what the battery gave."""
        return self.battery_to_load + self.battery_to_grid

    @property
    def taken_wh(self) -> float:
        """Return what the battery took."""
        return self.solar_to_battery + self.grid_to_battery

    @property
    def import_wh(self) -> float:
        """Return what came from the grid."""
        return self.grid_to_load + self.grid_to_battery

    @property
    def export_wh(self) -> float:
        """Return what went out."""
        return self.solar_to_grid + self.battery_to_grid


class EnergyLog:
    """The spans of a site, by their number since the beginning of the trace."""

    def __init__(self) -> None:
        self.spans: dict[int, Span] = {}
        self.total = Span()

    def note(self, t_s: float, dt_s: float, pv_w: float, load_w: float, battery_w: float) -> None:
        """Take in a step of the world."""
        hours = dt_s / 3600.0
        given_w, taken_w = max(0.0, battery_w), max(0.0, -battery_w)
        solar_to_load = min(pv_w, load_w)
        battery_to_load = min(given_w, load_w - solar_to_load)
        solar_to_battery = min(taken_w, pv_w - solar_to_load)
        step = Span(
            solar_to_load=solar_to_load * hours,
            battery_to_load=battery_to_load * hours,
            grid_to_load=(load_w - solar_to_load - battery_to_load) * hours,
            solar_to_battery=solar_to_battery * hours,
            grid_to_battery=(taken_w - solar_to_battery) * hours,
            solar_to_grid=(pv_w - solar_to_load - solar_to_battery) * hours,
            battery_to_grid=(given_w - battery_to_load) * hours,
        )
        number = int(t_s // SPAN_S)
        span = self.spans.get(number)
        if span is None:
            span = self.spans[number] = Span()
            if len(self.spans) > KEPT_SPANS:
                del self.spans[next(iter(self.spans))]
        span.add(step)
        self.total.add(step)

    def between(self, from_s: float, to_s: float, step_s: float) -> Iterable[tuple[float, Span]]:
        """Return sums of so many seconds that begin at `from_s`, those without any span left out."""
        sums: dict[int, Span] = {}
        for number, span in self.spans.items():
            t_s = number * SPAN_S
            if from_s <= t_s < to_s:
                sums.setdefault(int((t_s - from_s) // step_s), Span()).add(span)
        return [(from_s + index * step_s, sums[index]) for index in sorted(sums)]
