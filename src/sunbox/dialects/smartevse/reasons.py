"""The gateway's reasons in state and error of a SmartEVSE: one row per reason, none left out.

A box knows few words, so some rows are the nearest there is:

- What comes from want of power (sun, fuse, budget, a dead socket) is LESS_6A, which the firmware shows behind the state: "Charging
  Stopped - No Power Available".
- What comes from a device that does not answer (car, charger, the maker's service) is EV_NOCOMM; from a meter CT_NOCOMM.
- A fault of the charger is RCM_TRIPPED: the one word that sends somebody to look at it.

In SOLAR a plugged car that waits for power shows B1, as on the device. In NORMAL and SMART it shows B: clients take B1 for
"switched off", and switch nothing on because the mode already is what they want.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sunbox.core.reasons import ReasonCode
from sunbox.dialects.smartevse.words import Access, Fault, Regime, State


@dataclass(frozen=True, slots=True)
class Words:
    """What is said for one reason about a car that is plugged in, while access is on."""

    held: State = State.B  #: in SOLAR, while the set-point is not to charge
    fault: Fault = Fault.NONE


_READY = Words()
_WAITS_FOR_POWER = Words(State.B1, Fault.LESS_6A)
_LEFT_ALONE = Words(State.B1)
_OUT_OF_REACH = Words(State.B, Fault.EV_NOCOMM)

WORDS: Mapping[ReasonCode, Words] = {
    ReasonCode.NEVER_SEEN: _READY,
    ReasonCode.NOT_PLUGGED: _READY,
    ReasonCode.AT_CHARGER: _LEFT_ALONE,
    ReasonCode.AWAY: _LEFT_ALONE,
    ReasonCode.PLACE_UNKNOWN: _LEFT_ALONE,
    ReasonCode.NOT_PV_PLACE: _LEFT_ALONE,
    ReasonCode.FAST_CHARGER: _LEFT_ALONE,
    ReasonCode.MODE_OFF: _LEFT_ALONE,
    ReasonCode.OWN_SCHEDULE: _READY,
    ReasonCode.OTHER_MANAGER: _READY,
    ReasonCode.STOPPED_BY: _LEFT_ALONE,
    ReasonCode.TARGET_REACHED: _READY,
    ReasonCode.COMPLETE: _READY,
    ReasonCode.CAR_IDLE: _READY,
    ReasonCode.CHARGING_NOW: _READY,
    ReasonCode.CHARGING_BY: _READY,
    ReasonCode.CHARGING_PV: _READY,
    ReasonCode.CHARGING_MINIMUM: _READY,
    ReasonCode.CHARGING_HELD: _READY,
    ReasonCode.CHARGING_GUARANTEED: _READY,
    ReasonCode.SURPLUS_LOW: _WAITS_FOR_POWER,
    ReasonCode.SURPLUS_STARTING: _WAITS_FOR_POWER,
    ReasonCode.START_PRICE: _WAITS_FOR_POWER,
    ReasonCode.GRID_STALE: Words(State.B1, Fault.CT_NOCOMM),
    ReasonCode.GRID_STALE_HOLD: Words(State.B1, Fault.CT_NOCOMM),
    ReasonCode.SUN_DOWN: _WAITS_FOR_POWER,
    ReasonCode.OFF_GRID: _WAITS_FOR_POWER,
    ReasonCode.FUSE: _WAITS_FOR_POWER,
    ReasonCode.WAKING: _READY,
    ReasonCode.WAKE_FAILED: _OUT_OF_REACH,
    ReasonCode.STARTING: _READY,
    ReasonCode.STOPPING: _LEFT_ALONE,
    ReasonCode.REFUSED: _READY,
    ReasonCode.NO_POWER: Words(State.B, Fault.LESS_6A),
    ReasonCode.RETRYING: _OUT_OF_REACH,
    ReasonCode.RATE_LIMITED: _OUT_OF_REACH,
    ReasonCode.LOGIN_REQUIRED: _OUT_OF_REACH,
    ReasonCode.BUDGET: _WAITS_FOR_POWER,
    ReasonCode.CHARGER_HOLDS: _READY,
    ReasonCode.CHARGER_SILENT: _OUT_OF_REACH,
    ReasonCode.CHARGER_FAULT: Words(State.B1, Fault.RCM_TRIPPED),
}


def fault_from_reason(code: ReasonCode, *, flows: bool) -> Fault:
    """Return what is wrong: a car that charges has power."""
    fault = WORDS[code].fault
    return fault & ~Fault.LESS_6A if flows else fault


def state_from_reason(
    code: ReasonCode, *, is_plugged: bool, flows: bool, charges: bool, access: Access, regime: Regime
) -> State:
    """Return what the box shows that it does.

    Args:
        code: the reason.
        is_plugged: there is a car.
        flows: it charges.
        charges: the set-point is to charge.
        access: of the box.
        regime: of the box.
    """
    if not is_plugged:
        return State.A
    if access is not Access.ON:
        return State.C1 if flows else State.B1
    if flows:
        return State.C
    return WORDS[code].held if regime is Regime.SOLAR and not charges else State.B
