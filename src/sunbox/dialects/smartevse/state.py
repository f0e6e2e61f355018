"""What an owner has set on a box, as one frozen value, and who the box is."""

from __future__ import annotations

from dataclasses import dataclass

from sunbox.dialects.smartevse.words import Access, Capacity, Contactor, Meter, Mode, Regime, mode_of

LOAD_ALONE, LOAD_MASTER = 0, 1
MOST_BOXES = 8
"""A master and seven nodes."""
MOST_DA = 800
"""No more is offered, whatever is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The settings that its law obeys. A plain number is in A, `_da` in tenths of it. Defaults: of the firmware."""

    access: Access = Access.OFF
    regime: Regime = Regime.NORMAL
    current_min: int = 6
    current_max: int = 13
    current_main: int = 25
    current_max_circuit: int = 16
    current_max_sum_mains: int = 0  #: of all phases; 0 = no limit
    max_sum_mains_time: int = 0  #: min that it may be exceeded; 0 = not at all
    solar_start_current: int = 4  #: export of all phases above which it starts
    solar_max_import: int = 0  #: import of all phases that charging may cause
    solar_stop_time: int = 10  #: min; 0 = never stops
    override_da: int = 0  #: 0 = none; forgotten at boot
    contactor: Contactor = Contactor.ALWAYS_ON
    temp_max: int = 65  #: °C
    loadbl: int = LOAD_ALONE
    mains_meter: Meter = Meter.DISABLED
    ev_meter: Meter = Meter.DISABLED
    circuit_meter: Meter = Meter.DISABLED
    cable_a: int | None = None  #: limit of the cable in a socket; None = the cable is fixed
    capacity: Capacity = Capacity.DISABLED
    is_grid_relay_open: bool = False  #: the grid operator limits the sum

    @property
    def mode(self) -> Mode:
        """Return `mode_id`."""
        return mode_of(self.access, self.regime)

    @property
    def is_node(self) -> bool:
        """Return whether another box decides for it."""
        return self.loadbl > LOAD_MASTER

    @property
    def is_master(self) -> bool:
        """Return whether it decides for others."""
        return self.loadbl == LOAD_MASTER

    @property
    def counts_circuit(self) -> bool:
        """Return whether the limit of the circuit holds."""
        if self.is_master:
            return True
        return self.loadbl == LOAD_ALONE and bool(self.circuit_meter) and self.regime is not Regime.NORMAL
