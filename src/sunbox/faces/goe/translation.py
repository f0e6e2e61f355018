"""A loadpoint in the terms of a go-eCharger's box, and what its settings ask of a loadpoint. Pure tables and functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sunbox.core.model import ChargerStatus, Mode, Override
from sunbox.core.wallbox import LoadpointSnapshot
from sunbox.dialects.goe.decide import LEAST_A, Behind
from sunbox.dialects.goe.keys import Json
from sunbox.dialects.goe.reasons import status_from_reason
from sunbox.dialects.goe.state import BoxState
from sunbox.dialects.goe.words import Fault, Force, Logic, ModelStatus, PhaseMode
from sunbox.faces.serial import serial_of as serial_of  # noqa: PLC0414 - part of what this module offers

MOST_A = 32
"""A go-eCharger knows no more."""
NOMINAL_V = 230.0
LOWEST_GRID_V = 90.0
"""A car that does not charge tells 1 to 2 V, which is not the grid's."""

FORCES = {Override.NONE: Force.NEUTRAL, Override.STOP: Force.OFF, Override.CHARGE: Force.ON}
OVERRIDES = {force: override for override, force in FORCES.items()}

HOLDING: frozenset[ModelStatus] = frozenset(
    {ModelStatus.FORCED_OFF, ModelStatus.ACCESS_CONTROL, ModelStatus.ENERGY_LIMIT, ModelStatus.SCHEDULER}
)
"""Statuses by which the box itself holds the car back, whatever the loadpoint's mode would do."""

OVERRIDE_KEYS = frozenset({"frc", "acs", "trx", "dwo", "sch_week", "sch_satur", "sch_sund"})
AMPS_KEYS = frozenset({"amp", "ama", "tcl"})
MODE_KEYS = frozenset({"lmo", "fup", "acp"})
PHASE_KEYS = frozenset({"psm"})

PHASES = {PhaseMode.AUTO: 0, PhaseMode.ONE: 1, PhaseMode.THREE: 3}
PHASE_MODES = {phases or None: mode for mode, phases in PHASES.items()}
"""The phases that are asked for, None = automatic, as `psm`."""

KEYS_BY_FIELD: Mapping[str, frozenset[str]] = {
    "override": OVERRIDE_KEYS,
    "amps_a": AMPS_KEYS,
    "mode": MODE_KEYS,
    "phases": PHASE_KEYS,
    "loadpoint_id": OVERRIDE_KEYS | AMPS_KEYS | MODE_KEYS | PHASE_KEYS,
}
"""The keys that make a field of a `Request`."""

MODE_VALUES: Mapping[Mode, Mapping[str, Json]] = {
    Mode.NOW: {"lmo": int(Logic.BASIC)},
    Mode.PV: {"lmo": int(Logic.ECO), "fup": True, "acp": True},
    Mode.MIN_PV: {"lmo": int(Logic.ECO), "fup": True, "acp": False},
    Mode.OFF: {"lmo": int(Logic.ECO), "fup": False},
}
"""The modes in the device's own keys: eco follows the surplus (`fup`), which pauses only where it may (`acp`); eco without
surplus waits for prices, which are not there."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What the settings of a box ask of its loadpoint."""

    override: Override
    amps_a: int
    mode: Mode


def intent_of(state: BoxState) -> Intent:
    """Return what a box's settings ask for now."""
    values = state.values
    override = Override.STOP if state.status in HOLDING else OVERRIDES[Force(values["frc"])]
    limits_a = (values["amp"], values["ama"], values["tcl"])
    return Intent(override, min(int(amps_a) for amps_a in limits_a if amps_a is not None), mode_of(values))


def mode_of(values: Mapping[str, Json]) -> Mode:
    """Return the mode that `lmo`, `fup` and `acp` mean."""
    if values["lmo"] == Logic.BASIC:
        return Mode.NOW
    if not values["fup"]:
        return Mode.OFF
    return Mode.PV if values["acp"] else Mode.MIN_PV


def is_here(loadpoint: LoadpointSnapshot) -> bool:
    """Return whether the car, plugged in or not, is not known to be somewhere else."""
    vehicle = loadpoint.vehicle
    return loadpoint.is_here is not False and not (vehicle is not None and vehicle.is_at_fast_charger)


def is_plugged_here(loadpoint: LoadpointSnapshot) -> bool:
    """Return whether a car is plugged in at this loadpoint: a cable somewhere else is not this box's."""
    return loadpoint.is_plugged and is_here(loadpoint)


def behind_of(loadpoint: LoadpointSnapshot, supply_phases: int) -> Behind:
    """Return a loadpoint as what stands behind a box.

    Args:
        loadpoint: as it is.
        supply_phases: how many phases there are, as far as was seen.
    """
    plugged = is_plugged_here(loadpoint)
    flows = plugged and loadpoint.is_flowing
    phases = max(1, min(3, loadpoint.phases)) if flows else 0
    measured_v = loadpoint.voltage_v
    volts = measured_v if measured_v is not None and measured_v >= LOWEST_GRID_V else NOMINAL_V
    amps_a = (loadpoint.draw_a or 0.0) if flows else 0.0
    power_w = loadpoint.draw_w if flows else None
    on = [index < phases for index in range(3)]
    goal = loadpoint.set_point
    follows = goal.charge and loadpoint.override is not Override.CHARGE and loadpoint.mode is not Mode.NOW
    return Behind(
        is_plugged=plugged,
        is_charging=flows,
        volts_v=(volts, volts, volts),
        amps_a=_by_phase(lambda index: amps_a if on[index] else 0.0),
        powers_w=None if power_w is None else _by_phase(lambda index: power_w / phases if on[index] else 0.0),
        closed=(on[0], on[1], on[2]),
        supplied=(True, supply_phases > 1, supply_phases > 2),
        fault=Fault.UNKNOWN if loadpoint.status in (ChargerStatus.E, ChargerStatus.F) else Fault.NONE,
        cable_a=loadpoint.max_a if plugged and (loadpoint.max_a or 0) >= LEAST_A else None,
        surplus_limit_a=max(LEAST_A, goal.amps_a) if goal.charge and goal.amps_a > 0 else None,
        eco=ModelStatus.PV_SURPLUS if follows else None,
        # without a car a real one shows what its settings would do
        told=status_from_reason(loadpoint.reason.code, charges=goal.charge, follows_sun=follows) if plugged else None,
    )


def _by_phase(value: Callable[[int], float]) -> tuple[float, float, float]:
    return value(0), value(1), value(2)


def amps_to_wire(amps_a: int) -> int:
    """Return amps as key `amp` can tell them."""
    return max(LEAST_A, min(MOST_A, amps_a))
