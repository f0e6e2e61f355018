"""What the device decides by itself: may the car charge and why, with how much, and what state the car is in. Truth tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from sunbox.dialects.goe.keys import Json
from sunbox.dialects.goe.words import CHARGING_STATUSES, Access, Car, Fault, Force, Logic, ModelStatus, PhaseMode

LEAST_A = 6
"""IEC 61851 knows no less."""
ADAPTER_A = 16


class Pause(Enum):
    """Why it holds charging back for a moment whatever is wished."""

    SIMULATED_UNPLUG = ModelStatus.SIMULATED_UNPLUG
    PHASE_SWITCH = ModelStatus.PHASE_SWITCH
    MIN_PAUSE = ModelStatus.MIN_PAUSE


@dataclass(frozen=True, kw_only=True)  # not slotted: it keeps what it was asked for once
class Behind:
    """What stands behind a box at one instant: the seam between the keys and a car, or a loadpoint with one.

    The box asks for nothing else, and tells nothing but its `Offer`. A simulated device fills this from its physics, a
    loadpoint's box from a snapshot of the gateway.

    Phases are L1, L2, L3. `is_plugged` None = nobody knows, which a box says as null: who does not want that says False.
    """

    is_plugged: bool | None = False
    is_charging: bool = False  #: the contactor is closed and the car takes power, or is about to: key `car` 2
    volts_v: tuple[float, float, float] = (230.0, 230.0, 230.0)  #: before the contactor; also while idle
    amps_a: tuple[float, float, float] = (0.0, 0.0, 0.0)
    powers_w: tuple[float, float, float] | None = None  #: None = volts × amps
    closed: tuple[bool, bool, bool] = (False, False, False)  #: contactor
    supplied: tuple[bool, bool, bool] = (True, True, True)  #: phases of the house connection
    session_wh: float | None = None  #: since plug-in; None = the box counts itself
    total_wh: float | None = None  #: of all time; None = the box counts itself
    fault: Fault = Fault.NONE
    cable_a: int | None = None  #: limit of the cable that is plugged in
    has_adapter: bool = False
    temperatures_c: tuple[float, ...] = (25.0, 30.0)
    temperature_limit_a: int = 32  #: 0 = too hot to charge
    load_limit_a: int | None = None  #: what load balancing grants; None = there is none
    surplus_limit_a: int | None = None  #: what the surplus is enough for, while charging follows it
    frequency_hz: float = 50.0
    rssi_dbm: int | None = -60
    pause: Pause | None = None
    eco: ModelStatus | None = None  #: under `lmo` 4: what surplus or prices say now, and why; None = they say nothing
    told: ModelStatus | None = None  #: what is shown where the box leaves deciding to it; None = what the box says

    @cached_property
    def phase_powers_w(self) -> tuple[float, float, float]:
        """Return what flows into the car, per phase."""
        if self.powers_w is not None:
            return self.powers_w
        one, two, three = (volts * amps for volts, amps in zip(self.volts_v, self.amps_a, strict=True))
        return one, two, three

    @cached_property
    def power_w(self) -> float:
        """Return what flows into the car."""
        return sum(self.phase_powers_w)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a box lets the car have: what stands behind it acts on this."""

    is_allowed: bool
    amps_a: int  #: most per phase; 0 if not allowed
    phase_mode: PhaseMode
    status: ModelStatus  #: why


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the decision about charging depends on."""

    values: Mapping[str, Json]  #: settings, as stored
    behind: Behind
    session_wh: float
    scheduled: bool | None  #: what the scheduler says; None = nothing
    was_allowed: bool = False

    @property
    def is_over_limit(self) -> bool:
        """Return whether the energy limit of the session is reached."""
        limit_wh = self.values["dwo"]
        return limit_wh is not None and self.session_wh >= limit_wh

    @property
    def logic(self) -> int:
        """Return `lmo`."""
        return int(self.values["lmo"])


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One row of the truth table for `modelStatus`."""

    status: ModelStatus
    applies: Callable[[Case], bool]
    help: str


STATUS_ROWS: tuple[StatusRow, ...] = (
    StatusRow(
        ModelStatus.NO_CHARGE_CONTROLLER, lambda case: case.behind.is_plugged is None, "nobody knows what is plugged in"
    ),
    StatusRow(ModelStatus.ERROR, lambda case: case.behind.fault is not Fault.NONE, "a fault, see `err`"),
    StatusRow(ModelStatus.OVERTEMPERATURE, lambda case: case.behind.temperature_limit_a < LEAST_A, "too hot"),
    StatusRow(
        ModelStatus.ACCESS_CONTROL,
        lambda case: case.values["acs"] != Access.OPEN and case.values["trx"] is None,
        "`acs` is not 0 and there is no transaction",
    ),
    StatusRow(ModelStatus.FORCED_OFF, lambda case: case.values["frc"] == Force.OFF, "`frc` is 1"),
    StatusRow(ModelStatus.ENERGY_LIMIT, lambda case: case.is_over_limit, "`wh` has reached `dwo`"),
    StatusRow(
        ModelStatus.SIMULATED_UNPLUG,
        lambda case: case.behind.pause is Pause.SIMULATED_UNPLUG,
        "for the car it is unplugged",
    ),
    StatusRow(
        ModelStatus.PHASE_SWITCH, lambda case: case.behind.pause is Pause.PHASE_SWITCH, "the phases are switched"
    ),
    StatusRow(ModelStatus.FORCED_ON, lambda case: case.values["frc"] == Force.ON, "`frc` is 2"),
    StatusRow(ModelStatus.MIN_PAUSE, lambda case: case.behind.pause is Pause.MIN_PAUSE, "the least pause is not over"),
    StatusRow(ModelStatus.SCHEDULER, lambda case: case.scheduled is False, "the scheduler says no"),
    StatusRow(
        ModelStatus.TRIP_DONE,
        lambda case: case.logic == Logic.TRIP and case.session_wh >= case.values["ate"],
        "`lmo` is 5 and `wh` has reached `ate`",
    ),
    StatusRow(ModelStatus.TRIP, lambda case: case.logic == Logic.TRIP, "`lmo` is 5"),
    StatusRow(
        ModelStatus.PV_SURPLUS,
        lambda case: case.logic == Logic.ECO and case.behind.eco is ModelStatus.PV_SURPLUS,
        "`lmo` is 4, `fup` is true and there is enough surplus",
    ),
    StatusRow(
        ModelStatus.PRICE_LOW,
        lambda case: case.logic == Logic.ECO and case.behind.eco is ModelStatus.PRICE_LOW,
        "`lmo` is 4 and the price is low",
    ),
    StatusRow(
        ModelStatus.PAUSE_NOT_ALLOWED,
        lambda case: case.logic == Logic.ECO and not case.values["acp"] and case.was_allowed,
        "`lmo` is 4 and it would stop, but `acp` is false",
    ),
    StatusRow(
        ModelStatus.FALLBACK_PRICE, lambda case: case.logic == Logic.ECO, "`lmo` is 4, neither sun nor low price"
    ),
    StatusRow(ModelStatus.FALLBACK_V2_SCHEDULER, lambda case: case.scheduled is True, "the scheduler says yes"),
    StatusRow(ModelStatus.FALLBACK_DEFAULT, lambda _: True, "nothing is in the way"),
)
"""First match wins."""


LEFT_TO_BEHIND = frozenset(
    {
        ModelStatus.MIN_PAUSE,
        ModelStatus.TRIP_DONE,
        ModelStatus.TRIP,
        ModelStatus.PV_SURPLUS,
        ModelStatus.PRICE_LOW,
        ModelStatus.PAUSE_NOT_ALLOWED,
        ModelStatus.FALLBACK_PRICE,
        ModelStatus.FALLBACK_V2_SCHEDULER,
        ModelStatus.FALLBACK_DEFAULT,
    }
)
"""Statuses in which nobody has told the box anything definite: a loadpoint behind it knows better why it charges or not."""


def shown_status(status: ModelStatus, behind: Behind) -> ModelStatus:
    """Return what is shown when the box decided `status`."""
    return behind.told if behind.told is not None and status in LEFT_TO_BEHIND else status


def decide_status(case: Case) -> ModelStatus:
    """Return why the car may charge or not: the first row that applies."""
    return next(row.status for row in STATUS_ROWS if row.applies(case))


def may_charge(status: ModelStatus) -> bool:
    """Return whether a status allows charging."""
    return status in CHARGING_STATUSES


def limits_a(values: Mapping[str, Json], behind: Behind) -> dict[str, int]:
    """Return each limit of the current by its name in `cll`, A per phase."""
    adapter_a = ADAPTER_A if behind.has_adapter or values["var"] == 11 else None
    limits = {
        "requestedCurrent": values["amp"],
        "currentLimitMax": values["ama"],
        "cableCurrentLimit": behind.cable_a,
        "temperatureCurrentLimit": behind.temperature_limit_a,
        "temporaryCurrentLimit": values["tcl"],
        "surplusLimit": behind.surplus_limit_a,
        "loadBalancingLimit": behind.load_limit_a if values["loe"] else None,
        "adapterLimit": adapter_a,
    }
    return {name: int(limit_a) for name, limit_a in limits.items() if limit_a is not None}


def decide_car(behind: Behind, *, has_charged: bool) -> Car | None:
    """Return key `car`; None = null, nobody knows."""
    if behind.is_plugged is None:
        return None
    if behind.fault is not Fault.NONE:
        return Car.ERROR
    if not behind.is_plugged or behind.pause is Pause.SIMULATED_UNPLUG:
        return Car.IDLE
    if behind.is_charging:
        return Car.CHARGING
    return Car.COMPLETE if has_charged else Car.WAIT_CAR
