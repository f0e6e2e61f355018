"""A loadpoint in the terms of a SmartEVSE's box, and what its settings ask of a loadpoint. Pure tables and functions.

| box | asked of the loadpoint |
|---|---|
| OFF, PAUSE | override `stop`; its mode stays |
| NORMAL, SMART | override `charge`; its mode stays |
| SOLAR | mode `pv`, no override |
| `current_min`, `solar_start_current`, `solar_stop_time` | terms, once somebody has set them; until then the file and the energy rule hold |
| `solar_max_import`; in SOLAR and SMART `current_max_sum_mains` with its time | terms, where they are not 0 |
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sunbox.core.model import ChargerStatus, Mode, Override, Terms
from sunbox.core.reasons import ReasonCode
from sunbox.core.wallbox import LoadpointSnapshot, SiteSnapshot
from sunbox.dialects.smartevse.pilot import NO_OFFER, duty_of, offered_da
from sunbox.dialects.smartevse.reasons import fault_from_reason, state_from_reason
from sunbox.dialects.smartevse.state import Behind, BoxState, Setup
from sunbox.dialects.smartevse.words import Access, Contactor, Fault, Meter, Regime, State

MOST_A = 32
"""What is asked for where nothing limits the current: a wish cannot be taken back, only raised."""
LEAST_DA = 60
MOST_SETTING_A = 80
"""The dialect knows currents up to this."""
MOST_MAINS_A = 200
MOST_START_A, MOST_STOP_MIN, LEAST_SUM_A, MOST_SUM_A = 48, 60, 10, 600
UNKNOWN_MAX_A = 16
"""The most current of a car that nobody has seen yet, as in the sample of 3.11.1."""
NOMINAL_V = 230.0

SUN_MODES = frozenset({Mode.PV, Mode.MIN_PV})
PHASES = {Contactor.NOT_PRESENT: 3, Contactor.ALWAYS_OFF: 1, Contactor.ALWAYS_ON: 3, Contactor.AUTO: 0}
CONTACTORS = {None: Contactor.AUTO, 1: Contactor.ALWAYS_OFF, 3: Contactor.ALWAYS_ON}
"""`enable_C2` for phases that somebody asked for elsewhere, None = automatic."""


ONLY_IF_SET = frozenset({"current_min", "solar_start_current", "solar_stop_time"})
"""Settings whose defaults are no wish: sunbox knows better until somebody says so."""
OF_TERMS = ONLY_IF_SET | {"solar_max_import", "current_max_sum_mains", "max_sum_mains_time"}


@dataclass(frozen=True, slots=True)
class Intent:
    """What the settings of a box ask of its loadpoint. `limit_a` None = no limit; `phases` 0 = automatic."""

    override: Override
    limit_a: int | None
    phases: int
    terms: Terms

    def is_met(self, loadpoint: LoadpointSnapshot) -> bool:
        """Return whether the loadpoint charges, waits or stops as the box does; a mode may say the same as an override."""
        override, mode = loadpoint.override, loadpoint.mode
        if self.override is Override.STOP:
            return override is Override.STOP or (override is Override.NONE and mode is Mode.OFF)
        if self.override is Override.CHARGE:
            return override is Override.CHARGE or (override is Override.NONE and mode is Mode.NOW)
        return override is Override.NONE and mode in SUN_MODES


def intent_of(state: BoxState, names_set: AbstractSet[str] = frozenset()) -> Intent:
    """Return what a box's settings ask for now.

    Args:
        state: the box.
        names_set: which of `ONLY_IF_SET` somebody has set.
    """
    setup = state.setup
    override, limit_a = Override.CHARGE, _limit_a(setup)
    if setup.access is not Access.ON:
        override = Override.STOP
    elif state.duty is not None:
        offered_a = offered_da(state.duty) // 10
        override, limit_a = Override.CHARGE if offered_a else Override.STOP, offered_a or limit_a
    elif setup.regime is Regime.SOLAR:
        override = Override.NONE
    return Intent(override, limit_a, _phases_of(setup), terms_of(setup, names_set))


def terms_of(setup: Setup, names_set: AbstractSet[str]) -> Terms:
    """Return the terms that the settings ask for: currents are sums over the phases."""
    sum_a = 0 if setup.regime is Regime.NORMAL else setup.current_max_sum_mains
    return Terms(
        min_a=setup.current_min if "current_min" in names_set else None,
        start_w=setup.solar_start_current * NOMINAL_V if "solar_start_current" in names_set else None,
        import_w=setup.solar_max_import * NOMINAL_V,
        stop_after_s=setup.solar_stop_time * 60.0 if "solar_stop_time" in names_set else None,
        grid_max_w=sum_a * NOMINAL_V if sum_a else None,
        grid_grace_s=setup.max_sum_mains_time * 60.0 if sum_a else 0.0,
    )


def setup_on(setup: Setup, terms: Terms) -> tuple[Setup, frozenset[str]]:
    """Return the settings, and which of them count as set, that say the same as the terms, as nearly as they can."""
    known: dict[str, int | None] = {
        "current_min": terms.min_a,
        "solar_start_current": _amps(terms.start_w, MOST_START_A),
        "solar_stop_time": None if terms.stop_after_s is None else min(MOST_STOP_MIN, ceil(terms.stop_after_s / 60.0)),
    }
    changes: dict[str, Any] = {name: value for name, value in known.items() if value is not None}
    changes["solar_max_import"] = _amps(terms.import_w, MOST_START_A) or 0
    if setup.regime is not Regime.NORMAL:
        sum_a = _amps(terms.grid_max_w, MOST_SUM_A)
        changes["current_max_sum_mains"] = 0 if sum_a is None else max(LEAST_SUM_A, sum_a)
        if sum_a is not None:
            changes["max_sum_mains_time"] = min(MOST_STOP_MIN, ceil(terms.grid_grace_s / 60.0))
    return replace(setup, **changes), frozenset(name for name in ONLY_IF_SET if known[name] is not None)


def _amps(power_w: float | None, most_a: int) -> int | None:
    return None if power_w is None else min(most_a, round(power_w / NOMINAL_V))


def _limit_a(setup: Setup) -> int | None:
    return setup.override_da // 10 or None


def _phases_of(setup: Setup) -> int:
    if setup.contactor is Contactor.SOLAR_OFF:
        return 1 if setup.regime is Regime.SOLAR else 3
    return PHASES[setup.contactor]


def contactor_of(setup: Setup, phases_asked: int | None) -> Contactor:
    """Return `enable_C2` for phases that somebody asked for: what it is, if that asks for the same."""
    if _phases_of(setup) == (phases_asked or 0):
        return setup.contactor
    return CONTACTORS.get(phases_asked, Contactor.ALWAYS_ON)


def setup_after(setup: Setup, loadpoint: LoadpointSnapshot, *, has_pause: bool) -> Setup:
    """Return the settings of a box once somebody else has told its loadpoint to start, stop or change its mode."""
    override, mode = loadpoint.override, loadpoint.mode
    if override is Override.STOP or (override is Override.NONE and mode is Mode.OFF):
        if setup.access is not Access.ON:
            return setup
        return replace(setup, access=Access.PAUSE if has_pause else Access.OFF)
    if override is Override.NONE and mode in SUN_MODES:
        return replace(setup, access=Access.ON, regime=Regime.SOLAR)
    regime = Regime.NORMAL if setup.regime is Regime.SOLAR else setup.regime
    return replace(setup, access=Access.ON, regime=regime)


def limit_asked_a(loadpoint: LoadpointSnapshot, most_a: int) -> int | None:
    """Return the limit that somebody asked for, None where it is none."""
    asked_a = loadpoint.amps_asked_a
    return None if asked_a is None or asked_a >= most_a else asked_a


def most_a_of(loadpoint: LoadpointSnapshot) -> int:
    """Return a current that limits nothing."""
    return max(MOST_A, loadpoint.max_a or 0)


def current_max_of(loadpoint: LoadpointSnapshot) -> int:
    """Return `current_max`: the most that cable and car allow."""
    return max(6, min(MOST_SETTING_A, loadpoint.max_a or UNKNOWN_MAX_A))


def current_main_of(main_fuse_a: float | None) -> int:
    """Return `current_main`: the main fuse; without one the most that there is, for nothing is held to less."""
    return MOST_MAINS_A if main_fuse_a is None else max(10, min(MOST_MAINS_A, int(main_fuse_a)))


def is_here(loadpoint: LoadpointSnapshot) -> bool:
    """Return whether the car, plugged in or not, is not known to be somewhere else."""
    vehicle = loadpoint.vehicle
    return loadpoint.is_here is not False and not (vehicle is not None and vehicle.is_at_fast_charger)


def is_plugged_here(loadpoint: LoadpointSnapshot) -> bool:
    """Return whether a car is plugged in at this loadpoint: a cable somewhere else is not this box's."""
    return loadpoint.is_plugged and is_here(loadpoint)


def counts_now(loadpoint: LoadpointSnapshot, override: Override) -> bool:
    """Return whether start, stop and amps can be asked for: they shall not follow the car to another place.

    A car that was never seen may be plugged in here. A start for one that was seen unplugged is asked for as well:
    whoever starts has probably just plugged in, and the gateway has a look.
    """
    if is_plugged_here(loadpoint) or loadpoint.vehicle is None or loadpoint.vehicle.is_plugged is None:
        return True
    return is_here(loadpoint) and override is Override.CHARGE


def behind_of(loadpoint: LoadpointSnapshot, site: SiteSnapshot, state: BoxState) -> Behind:
    """Return what stands behind a box, but for what meters say."""
    setup, before = state.setup, state.behind
    plugged = is_plugged_here(loadpoint)
    flows = plugged and loadpoint.is_flowing
    goal, code = loadpoint.set_point, loadpoint.reason.code
    faults = fault_from_reason(code, flows=flows) if plugged else Fault.NONE
    if loadpoint.status in (ChargerStatus.E, ChargerStatus.F):
        faults |= Fault.RCM_TRIPPED
    if setup.mains_meter is Meter.API and setup.regime is not Regime.NORMAL and site.is_grid_stale:
        faults |= Fault.CT_NOCOMM
    shown = state_from_reason(
        code, is_plugged=plugged, flows=flows, charges=goal.charge, access=setup.access, regime=setup.regime
    )
    charge_da = goal.amps_a * 10 if plugged and goal.charge and goal.amps_a else before.charge_da
    offers = shown is State.C or (shown is State.B and goal.charge)
    duty = duty_of(max(LEAST_DA, charge_da)) if offers else NO_OFFER
    return replace(
        before,
        is_plugged=plugged,
        state=shown,
        faults=faults if setup.access is Access.ON else faults & ~Fault.LESS_6A,
        duty=duty if state.duty is None or not plugged else state.duty,
        charge_da=charge_da,
        solar_stop_s=_stops_in_s(loadpoint, site.at) if setup.regime is Regime.SOLAR and flows else 0,
        phases=(loadpoint.phases if flows else 0) or (goal.phases if goal.charge else 0) or before.phases,
    )


def _stops_in_s(loadpoint: LoadpointSnapshot, at: datetime) -> int:
    """Return when charging without sun ends, as far as that is known."""
    reason = loadpoint.reason
    if reason.code is not ReasonCode.CHARGING_MINIMUM or reason.changes_at is None:
        return 0
    return max(0, (reason.changes_at - at) // timedelta(seconds=1))


def currents_of(power_w: float, phases_a: tuple[float, float, float] | None = None) -> tuple[int, int, int]:
    """Return what goes through the mains, 0.1 A: as measured, else a power as currents whose sum is right."""
    if phases_a is not None:
        one_a, two_a, three_a = phases_a
        return round(one_a * 10), round(two_a * 10), round(three_a * 10)
    total_da = round(power_w / NOMINAL_V * 10)
    one, rest = divmod(total_da, 3)
    return one + (rest > 0), one + (rest > 1), one


def draw_da_of(loadpoint: LoadpointSnapshot) -> tuple[int, int, int]:
    """Return what flows into the car on each phase, 0.1 A."""
    if not (is_plugged_here(loadpoint) and loadpoint.is_flowing):
        return 0, 0, 0
    amps_da = round((loadpoint.draw_a or 0.0) * 10)
    phases = max(1, min(3, loadpoint.phases))
    return amps_da, amps_da if phases > 1 else 0, amps_da if phases > 2 else 0
