"""How the simulated charger follows the surplus that it is told by `ids`. The real law is not published; this is an honest one.

It uses the device's own parameters: starts at `fst`, stops `sh` below after at least `fmt`, switches to three phases above
`spl3` and back `psh` below, each when wished for `mpwst` and at least `mptwt` after the last switch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sunbox.dialects.goe.keys import Json
from sunbox.dialects.goe.state import BoxState
from sunbox.dialects.goe.words import Force, Logic, ModelStatus, PhaseMode

VOLTAGE_V = 230.0
LEAST_A = 6


@dataclass(slots=True)
class SurplusLaw:
    """What it wants now, and since when."""

    is_on: bool = False
    phases: int = 1
    amps_a: int = LEAST_A
    on_s: float = 0.0  #: since it began
    wished_s: float = 0.0  #: since it wishes the other number of phases
    since_switch_s: float = 1e9
    free_w: float = 0.0  #: at the last reading
    told_at: datetime | None = None  #: when that was

    @staticmethod
    def is_followed(values: Mapping[str, Json]) -> bool:
        """Return whether the settings let the surplus decide."""
        return bool(values["lmo"] == Logic.ECO and values["fup"] and values["frc"] == Force.NEUTRAL)

    @property
    def status(self) -> ModelStatus | None:
        """Return what it says to the box."""
        return ModelStatus.PV_SURPLUS if self.is_on else None

    def advance(self, state: BoxState, dt_s: float) -> None:
        """Decide anew; what is not told, or too old, is no surplus."""
        values, surplus = state.values, state.surplus
        self.since_switch_s += dt_s
        if not self.is_followed(values) or surplus is None or not surplus.is_fresh(state.at):
            self.is_on, self.on_s, self.wished_s = False, 0.0, 0.0
            return
        if surplus.at != self.told_at:
            # what it draws now belongs to this reading only; a battery that discharges is no sun
            battery_w = max(0.0, surplus.battery_w or 0.0)
            self.told_at = surplus.at
            self.free_w = state.behind.power_w - surplus.grid_w + values["pgt"] - battery_w
        free_w = self.free_w
        self.on_s = self.on_s + dt_s if self.is_on else 0.0
        if self.is_on:
            is_held = self.on_s * 1000 < values["fmt"]
            self.is_on = is_held or free_w >= values["fst"] - values["sh"]
        else:
            self.is_on = free_w >= values["fst"]
        self._choose_phases(values, free_w, dt_s)
        self.amps_a = max(LEAST_A, int(free_w / (VOLTAGE_V * self.phases)))

    def _choose_phases(self, values: Mapping[str, Json], free_w: float, dt_s: float) -> None:
        fixed = {PhaseMode.ONE: 1, PhaseMode.THREE: 3}.get(values["psm"])
        if fixed is not None:
            self.phases = fixed
            return
        line_w = values["spl3"] if self.phases == 1 else values["spl3"] - values["psh"]
        wished = 3 if free_w >= line_w else 1
        self.wished_s = self.wished_s + dt_s if wished != self.phases else 0.0
        is_lasting = self.wished_s * 1000 >= values["mpwst"]
        if is_lasting and self.since_switch_s * 1000 >= values["mptwt"]:
            self.phases, self.wished_s, self.since_switch_s = wished, 0.0, 0.0
