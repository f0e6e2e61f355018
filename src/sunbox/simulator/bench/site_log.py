"""What a run of a site leaves behind: a line per reading, every command, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass, field

from sunbox.core.commands import Command, Outcome
from sunbox.core.reasons import ReasonCode
from sunbox.core.wallbox import SetPoint
from sunbox.simulator.bench.site_car import Phases

EDGE_W = 60.0
"""Import below this is no import: the controller's tolerance and a little more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The site when the grid meter measured, as it truly was, and what the controller had decided by then."""

    t_s: float
    pv_w: float
    house_w: float  #: without cars
    grid_w: float  #: + = import
    grid_phases_a: Phases
    battery_w: float  #: + = discharging
    battery_soc_pct: float | None
    draws_w: dict[str, float]  #: by car
    set_points: dict[str, SetPoint]  #: by loadpoint
    reasons: dict[str, ReasonCode]  #: by loadpoint


@dataclass(slots=True, kw_only=True)
class Sent:
    """A command, and how it ended; None while it is under way."""

    t_s: float
    car: str
    command: Command
    outcome: Outcome | None = None


@dataclass(slots=True)
class Edges:
    """The import of one car, cut into stretches without a pause: what each cloud edge cost."""

    largest_wh: float = 0.0
    _before_wh: float = 0.0
    _stretch_wh: float = 0.0

    def note(self, import_wh: float, dt_s: float) -> None:
        """Take the import so far; a time without import ends a stretch."""
        more_wh = import_wh - self._before_wh
        self._before_wh = import_wh
        self._stretch_wh = self._stretch_wh + more_wh if more_wh * 3600.0 > EDGE_W * dt_s else 0.0
        self.largest_wh = max(self.largest_wh, self._stretch_wh)


@dataclass(frozen=True, slots=True, kw_only=True)
class CarSummary:
    """One car over the whole time."""

    charged_wh: float
    solar_wh: float
    battery_wh: float  #: from the home battery
    import_wh: float
    usable_wh: float  #: surplus that it could have had if it had been alone
    starts: int
    commands: int
    phase_switches: int
    largest_edge_wh: float  #: most import in one go


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The site over the whole time."""

    elapsed_s: float
    import_wh: float  #: of the site, house and cars
    export_wh: float
    usable_wh: float  #: surplus that all cars together could have had
    cars: dict[str, CarSummary]
    peak_phases_a: Phases  #: most import per phase
    peak_circuits_a: dict[str, Phases]  #: the same by circuit meter
    peak_unbalanced_a: float  #: most that the cars took on one phase more than on another
    largest_edge_wh: float  #: most import of all cars together in one go


@dataclass(slots=True)
class Peaks:
    """The highest currents so far."""

    grid_a: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    circuits_a: dict[str, list[float]] = field(default_factory=dict)
    unbalanced_a: float = 0.0

    def note(self, grid_a: Phases, cars_a: Phases, circuits_a: dict[str, Phases]) -> None:
        """Take the currents of one instant."""
        self.grid_a = list(map(max, self.grid_a, grid_a))
        self.unbalanced_a = max(self.unbalanced_a, max(cars_a) - min(cars_a))
        for meter_id, amps in circuits_a.items():
            self.circuits_a[meter_id] = list(map(max, self.circuits_a.get(meter_id, amps), amps))
