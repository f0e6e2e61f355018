"""What a settings document says about charging, in the core's words. Everything that is not told, or cannot be true, is None.

Keys are looked for, never versions. Nothing here waits or remembers; what takes two documents to see is the driver's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sunbox.core.model import ChargerReading, ChargerStatus, MeterReading
from sunbox.dialects.smartevse.state import LOAD_MASTER, MOST_MAINS_DA
from sunbox.dialects.smartevse.table import Json
from sunbox.dialects.smartevse.wire import Document
from sunbox.dialects.smartevse.words import (
    FAULT_TEXTS,
    METER_TEXTS,
    OLD_SIXTH_FAULT,
    Access,
    Contactor,
    Meter,
    Mode,
    Regime,
    State,
)

NOMINAL_V = 230.0
FLOWING_A = 0.5
"""Less on a phase is noise of the measurement."""
MOST_EV_DA = 1000
"""No box offers more than 80 A: a larger number is none of a car's."""
MOST_POWER_W = 60_000.0
MOST_RUN_S = 20 * 366 * 86_400

UPTIME = "uptime_s"
"""Where a document that was put together from topics has what only they tell."""

_MEANS_NOTHING = {"", FAULT_TEXTS[0].lower()}
_WANTS = {FAULT_TEXTS[1].lower(), FAULT_TEXTS[6].lower(), OLD_SIXTH_FAULT.lower()}
"""Words that say why it waits, and are no fault."""
_EV_METER_IS_SILENT = FAULT_TEXTS[4].lower()
_MAINS_METER_IS_SILENT = FAULT_TEXTS[2].lower()


def is_smartevse(document: Document) -> bool:
    """Return whether a document is one of a SmartEVSE: it tells a mode and a state."""
    return document.read("mode_id") is not None and document.read("evse.state_id") is not None


def reading_from_document(
    document: Document,
    at: datetime,
    *,
    can_switch: bool = True,
    wired_phases: int = 3,
    has_charged: bool = True,
) -> ChargerReading:
    """Return what a document says at `at`.

    Args:
        document: as it came, or put together from topics.
        at: when it was told.
        can_switch: its owner lets its phases be switched.
        wired_phases: that it is wired to, for a box that does not tell its phases.
        has_charged: it was seen charging this car: until then its counter still holds what the last one took.
    """
    status = status_of(document)
    offered_phases = phases_set_of(document)
    current_a = currents_of(document)
    is_estimated = current_a is None and document.state is State.C
    if is_estimated:
        current_a = offered_of(document, offered_phases or _told_phases(document) or wired_phases)
    session_wh = document.ev_charged_wh if has_ev_meter(document) else None
    return ChargerReading(
        measured_at=at,
        status=status,
        is_enabled=is_enabled(document),
        amps_set_a=amps_set_of(document),
        max_a=max_of(document),
        phases_set=offered_phases if can_switch else None,
        phases=None if current_a is None else sum(amps >= FLOWING_A for amps in current_a) or None,
        current_a=current_a,
        power_w=None if is_estimated or current_a is None else power_of(document, current_a),
        energy_session_wh=session_wh if has_charged and status is not ChargerStatus.A else None,
        energy_total_wh=_total_wh(document),
        told=word_of(document),
        holds=holds_of(document),
        started_at=_started_at(document, at),
        fault=fault_of(document),
    )


def _total_wh(document: Document) -> float | None:
    total_wh = document.ev_total_wh if has_ev_meter(document) else None
    return None if total_wh is None or total_wh < 0 else total_wh


def _started_at(document: Document, at: datetime) -> datetime | None:
    run_s = document.at(UPTIME)
    if not isinstance(run_s, int) or not 0 <= run_s <= MOST_RUN_S:
        return None
    return at - timedelta(seconds=run_s)


# --- state -----------------------------------------------------------------------------------------------------------

_STATUSES: dict[State, ChargerStatus] = {
    State.A: ChargerStatus.B,  # with a car: it is off
    State.B: ChargerStatus.B,
    State.C: ChargerStatus.C,
    State.D: ChargerStatus.C,  # with ventilation
    State.COMM_B: ChargerStatus.B,
    State.COMM_B_OK: ChargerStatus.B,
    State.COMM_C: ChargerStatus.B,
    State.COMM_C_OK: ChargerStatus.C,
    State.ACTIVATE: ChargerStatus.B,
    State.B1: ChargerStatus.B,
    State.C1: ChargerStatus.C,  # the contactor is closed until the car has stopped
    State.MODEM_REQUEST: ChargerStatus.B,
    State.MODEM_WAIT: ChargerStatus.B,
    State.MODEM_DONE: ChargerStatus.B,
    State.MODEM_DENIED: ChargerStatus.B,
}

_WITHDRAWN = frozenset({State.B1, State.C1, State.MODEM_DENIED})
"""States in which it offers no current although it is switched on."""


def is_plugged(document: Document) -> bool | None:
    """Return whether a car is plugged in, None if that is not known.

    State A is told as well while it is off with a car; then `car_connected` says so. In every other state there is a car,
    also while it takes the pilot away for some seconds, which looks as if it were gone.
    """
    state = document.state
    if isinstance(state, State) and state is not State.A:
        return True
    told = document.read("car_connected")
    if told is None:
        told = document.read("evse.connected")
    return bool(told) if told is not None else False if state is State.A else None


def status_of(document: Document) -> ChargerStatus | None:
    """Return the state as in IEC 61851; None for one that no list has, or that it does not know itself.

    A fault makes E of a car that is plugged in and is offered nothing.
    """
    state = document.state
    if not isinstance(state, State):
        return None
    if not is_plugged(document):
        return ChargerStatus.A
    found = _STATUSES[state]
    is_withheld = state in _WITHDRAWN or state is State.A
    return ChargerStatus.E if found is ChargerStatus.B and is_withheld and fault_of(document) else found


def is_enabled(document: Document) -> bool | None:
    """Return whether it offers current, or would as soon as a car asks."""
    if document.access is None:
        return None
    if document.access != Access.ON or document.state in _WITHDRAWN:
        return False
    return not (document.state is State.A and fault_of(document))


def word_of(document: Document) -> bool | None:
    """Return what it was told: OFF and PAUSE not to charge, NORMAL and SMART to; SOLAR and a start time are its own rules."""
    if document.read("settings.starttime") and document.access != Access.ON:
        return None
    if document.mode in (Mode.OFF, Mode.PAUSE):
        return False
    return True if document.mode in (Mode.NORMAL, Mode.SMART) else None


def trouble_of(document: Document) -> str | None:
    """Return its own words for what is wrong or missing, None if nothing is. Without power they stand behind the state."""
    text = document.read("evse.error")
    if text is not None and text.strip().lower() not in _MEANS_NOTHING:
        return str(text).strip().lower()
    number = document.read("evse.error_id")
    if number:
        return FAULT_TEXTS[number].lower() if 0 < number < len(FAULT_TEXTS) else f"error {number}"
    _, _, behind = (document.read("evse.state") or "").partition(" - ")
    return behind.strip().lower() or None


def fault_of(document: Document) -> str | None:
    """Return the fault in words, None if there is none, or it does not keep a car from charging."""
    trouble = trouble_of(document)
    return None if trouble in _WANTS or document.state is State.C else trouble


def holds_of(document: Document) -> str | None:
    """Return in its own words why it offers nothing although it is switched on."""
    if document.access != Access.ON or is_enabled(document) is not False:
        return None
    return trouble_of(document) or "it waits before it goes on"


# --- current and phases ----------------------------------------------------------------------------------------------


def amps_set_of(document: Document) -> int | None:
    """Return the current that it was told, rounded up; without one it offers its most. SOLAR goes by the sun."""
    if document.regime == Regime.SOLAR or document.mode == Mode.SOLAR:
        return None
    told_da = document.read("settings.override_current")
    if told_da is None or told_da < 0:
        return None
    most_a: int | None = document.read("settings.current_max")
    return -(-int(told_da) // 10) if told_da else most_a if most_a is not None and most_a > 0 else None


def is_override(document: Document, amps_a: int) -> bool:
    """Return whether a current is what it was told; its most counts as told where nothing was."""
    if document.regime == Regime.SOLAR or document.mode == Mode.SOLAR:
        return False
    told_da = document.read("settings.override_current")
    return bool(told_da == amps_a * 10 or (told_da == 0 and document.read("settings.current_max") == amps_a))


def max_of(document: Document) -> int | None:
    """Return the most that it can offer, whatever it was told: a master keeps to its circuit as well."""
    limits = [document.read("settings.current_max")]
    if document.read("evse.loadbl") == LOAD_MASTER:
        limits.append(document.read("settings.current_max_circuit"))
    return min((limit for limit in limits if limit and limit > 0), default=None)


def phases_set_of(document: Document) -> int | None:
    """Return to how many phases it is switched, None for a box without a second contactor, or that does not say.

    While it charges the contactor stays as it is, whatever was set since.
    """
    contactor = document.contactor
    if contactor in (None, Contactor.NOT_PRESENT):
        return None
    told = _told_phases(document)
    if document.state is State.C and told is not None:
        return told
    is_solar = document.regime == Regime.SOLAR
    if contactor is Contactor.ALWAYS_OFF or (contactor is Contactor.SOLAR_OFF and is_solar):
        return 1
    if contactor is Contactor.AUTO and is_solar:
        return told
    return 3


def _told_phases(document: Document) -> int | None:
    told = document.read("evse.nrofphases")
    return told if told in (1, 3) else None


PHASE_CONTACTORS: dict[int, Contactor] = {1: Contactor.ALWAYS_OFF, 3: Contactor.ALWAYS_ON}
"""What the second contactor is told for a number of phases."""


def has_ev_meter(document: Document) -> bool:
    """Return whether a meter of the car is there and answers; without one everything of it reads 0."""
    kind = document.read("ev_meter.description")
    is_there = kind != METER_TEXTS[Meter.DISABLED] and kind != "" and isinstance(document.at("ev_meter"), dict)
    return is_there and not is_ev_meter_silent(document)


def is_ev_meter_silent(document: Document) -> bool:
    """Return whether it misses the word of the car's meter; ends as `is_mains_meter_silent` does."""
    return trouble_of(document) == _EV_METER_IS_SILENT


def currents_of(document: Document) -> tuple[float, float, float] | None:
    """Return what the car's meter measures per phase, None without one, or where it cannot be true."""
    if not has_ev_meter(document):
        return None
    told = _three(document, "ev_meter.currents", MOST_EV_DA)
    return None if told is None else (max(0.0, told[0]), max(0.0, told[1]), max(0.0, told[2]))


def offered_of(document: Document, phases: int) -> tuple[float, float, float] | None:
    """Return what is offered, on so many phases: of a box without a meter, what a car that charges takes at most."""
    offered_da = document.read("settings.charge_current")
    if offered_da is None or not 0 < offered_da < MOST_EV_DA:
        return None
    one, two, three = (offered_da / 10 if phase < phases else 0.0 for phase in range(3))
    return one, two, three


def power_of(document: Document, current_a: tuple[float, float, float]) -> float | None:
    """Return the power into the car; of a meter that tells currents alone, what they make at 230 V."""
    told_w = document.ev_power_w
    if told_w is None or abs(told_w) > MOST_POWER_W or (not told_w and max(current_a) >= FLOWING_A):
        return sum(current_a) * NOMINAL_V
    return max(0.0, told_w)


def _three(document: Document, path: str, most_da: int) -> tuple[float, float, float] | None:
    told: list[Json] = [document.read(f"{path}.{phase}") for phase in ("L1", "L2", "L3")]
    one, two, three = told
    if one is None or two is None or three is None or max(abs(one), abs(two), abs(three)) >= most_da:
        return None
    return one / 10, two / 10, three / 10


# --- its meters as meters of the site --------------------------------------------------------------------------------


def mains_of(document: Document) -> tuple[float, float, float] | None:
    """Return the currents at the mains per phase, + = import, as its meter told them: with what a battery does."""
    if mains_problem(document) is not None:
        return None
    return _three(document, "phase_currents.original_data", MOST_MAINS_DA) or _three(
        document, "phase_currents", MOST_MAINS_DA
    )


def mains_problem(document: Document) -> str | None:
    """Return why it knows nothing of the mains, None if it does."""
    kind = document.read("settings.mains_meter")
    if kind in (None, METER_TEXTS[Meter.DISABLED]) and not document.read("phase_currents.last_data_update"):
        return "it has no mains meter (MAINS MET in its menu)"
    return "its mains meter does not answer" if is_mains_meter_silent(document) else None


def is_mains_meter_silent(document: Document) -> bool:
    """Return whether it misses the word of its mains' meter, or as a node that of its master.

    The fault ends with the next word alone: a switch to NORMAL, which goes without a meter, does not end it
    (`main.cpp`, Timer1S_singlerun).
    """
    return trouble_of(document) == _MAINS_METER_IS_SILENT


def circuit_of(document: Document) -> tuple[float, float, float] | None:
    """Return the currents of its circuit's meter, None without one."""
    return _three(document, "circuit_meter.currents", MOST_MAINS_DA)


def meter_reading(
    at: datetime, currents_a: tuple[float, float, float], power_w: float | None, voltage_v: float
) -> MeterReading:
    """Return what a meter of the box measured, as one of the site: where it tells no power, what its currents make."""
    return MeterReading(
        measured_at=at,
        grid_w=sum(currents_a) * voltage_v if power_w is None else power_w,
        grid_phases_a=currents_a,
    )


def currents_to_wire(phases_a: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return currents in tenths, as a box is told them: within what it believes."""
    most_da = MOST_MAINS_DA - 1
    one, two, three = (max(-most_da, min(most_da, round(amps * 10))) for amps in phases_a)
    return one, two, three


def listening_problem(document: Document) -> str | None:
    """Return why a box does not listen to the currents of the mains, None if it does."""
    if (document.read("evse.loadbl") or 0) > LOAD_MASTER:
        return "it is a node of another SmartEVSE; let that one be told"
    if document.read("settings.mains_meter") not in (None, METER_TEXTS[Meter.API]):
        return f"its mains meter is {document.read('settings.mains_meter')}: choose API as MAINS MET in its menu"
    return None
