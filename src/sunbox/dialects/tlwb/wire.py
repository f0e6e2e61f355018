"""tlwb on the wire: what a client sends → typed wishes, a loadpoint → the one answer."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sunbox.core.model import Mode, Override
from sunbox.core.reasons import ReasonCode, render
from sunbox.core.wallbox import LoadpointSnapshot, Request, SiteSnapshot
from sunbox.dialects.naming import find_by_name
from sunbox.dialects.query import query_items, shown
from sunbox.dialects.tlwb.table import (
    CONTROL,
    SET_AMPS,
    SET_MODE,
    SET_SOC,
    WAIT,
    Endpoint,
    Parameter,
    ParameterType,
    Status,
)

BY = "tlwb"
"""Who asks, in reasons ("stopped by tlwb")."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nothing of a request is applied, and what would have been right."""

    error: str
    allowed: str


# --- the answer ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One row of the truth table for `status`."""

    status: Status
    applies: Callable[[LoadpointSnapshot], bool]
    help: str


STATUS_ROWS: tuple[StatusRow, ...] = (
    StatusRow(Status.NOT_READY, lambda lp: not lp.is_plugged, "not plugged in, or never seen"),
    StatusRow(Status.CHARGING, lambda lp: lp.is_flowing, "current flows"),
    StatusRow(
        Status.STOPPED,
        lambda lp: lp.is_target_reached or lp.was_stopped,
        "the target is reached, or somebody stopped it since it was plugged in",
    ),
    StatusRow(
        Status.INTERRUPTED,
        lambda lp: lp.is_wished and lp.has_started,
        "charging is wished and was started since it was plugged in, and nothing flows (clouds, no power, fault, refusal)",
    ),
    StatusRow(Status.READY_PV, lambda lp: lp.is_pv_possible, "plugged in at a place for charging from the sun"),
    StatusRow(Status.READY, lambda _: True, "plugged in"),
)
"""First match wins. A plugged car that waits for its first sun is READY_PV, one that is being woken likewise."""


_WAITS = frozenset({Status.READY, Status.READY_PV, Status.INTERRUPTED})
_UNDECIDED = frozenset({Status.READY, Status.READY_PV})
_ANY_PLUGGED = frozenset(Status) - {Status.NOT_READY}

STATUSES_BY_REASON: dict[ReasonCode, frozenset[Status]] = {
    ReasonCode.NEVER_SEEN: frozenset({Status.NOT_READY}),
    ReasonCode.NOT_PLUGGED: frozenset({Status.NOT_READY}),
    ReasonCode.AT_CHARGER: frozenset({Status.NOT_READY}),
    # elsewhere: no car here, or one that is left alone whatever it does
    ReasonCode.AWAY: frozenset(Status),
    ReasonCode.PLACE_UNKNOWN: _ANY_PLUGGED,
    ReasonCode.OWN_SCHEDULE: _ANY_PLUGGED,
    ReasonCode.NOT_PV_PLACE: _ANY_PLUGGED,
    ReasonCode.FAST_CHARGER: _ANY_PLUGGED,
    # not wished: stopped if somebody said so since plug-in, else ready; still charging until the stop has arrived
    ReasonCode.MODE_OFF: _UNDECIDED | {Status.STOPPED, Status.CHARGING},
    ReasonCode.STOPPED_BY: frozenset({Status.STOPPED, Status.CHARGING}),
    ReasonCode.TARGET_REACHED: frozenset({Status.STOPPED, Status.CHARGING}),
    ReasonCode.COMPLETE: frozenset({Status.STOPPED, Status.CHARGING}),
    ReasonCode.CHARGING_NOW: frozenset({Status.CHARGING}),
    ReasonCode.CHARGING_BY: frozenset({Status.CHARGING}),
    ReasonCode.CHARGING_PV: frozenset({Status.CHARGING}),
    ReasonCode.CHARGING_MINIMUM: frozenset({Status.CHARGING}),
    ReasonCode.CHARGING_HELD: frozenset({Status.CHARGING}),
    ReasonCode.CHARGING_GUARANTEED: frozenset({Status.CHARGING}),
    ReasonCode.OTHER_MANAGER: frozenset({Status.CHARGING}),
    ReasonCode.GRID_STALE_HOLD: frozenset({Status.CHARGING}),
    # wished, and held back: interrupted once it has been started since plug-in, else ready
    # (also for a car that was never seen: it is woken for a look when the sun lasts)
    ReasonCode.SURPLUS_LOW: _WAITS | {Status.NOT_READY},
    ReasonCode.SURPLUS_STARTING: _WAITS | {Status.NOT_READY},
    ReasonCode.START_PRICE: _WAITS | {Status.NOT_READY},
    ReasonCode.GRID_STALE: _WAITS,
    ReasonCode.SUN_DOWN: _WAITS,
    ReasonCode.OFF_GRID: _WAITS,
    ReasonCode.FUSE: _WAITS,
    ReasonCode.WAKING: _WAITS,
    ReasonCode.WAKE_FAILED: _WAITS,
    ReasonCode.STARTING: _WAITS,
    ReasonCode.NO_POWER: _WAITS,
    ReasonCode.CHARGER_HOLDS: _WAITS,
    ReasonCode.CAR_IDLE: frozenset({Status.STOPPED}),
    # what it does is as last known
    ReasonCode.CHARGER_SILENT: frozenset(Status),
    ReasonCode.CHARGER_FAULT: frozenset(Status),
    # a command is under way, in trouble or held back, whichever it is
    ReasonCode.STOPPING: _ANY_PLUGGED,
    ReasonCode.REFUSED: _ANY_PLUGGED,
    ReasonCode.RETRYING: frozenset(Status),
    ReasonCode.RATE_LIMITED: frozenset(Status),
    ReasonCode.LOGIN_REQUIRED: frozenset(Status),
    ReasonCode.BUDGET: _ANY_PLUGGED,
}
"""Which `status` can stand beside each reason: total over `ReasonCode`, so that a new reason finds its words here."""


def decide_status(loadpoint: LoadpointSnapshot) -> Status:
    """Return the number `status`: the first row that applies."""
    return next(row.status for row in STATUS_ROWS if row.applies(loadpoint))


def _whole(value: float | None) -> int | None:
    return None if value is None or not math.isfinite(value) else round(value)


def _plain(value: float | None) -> float | None:
    """Return a plain number of at most 2 decimals, an int where it is whole."""
    if value is None or not math.isfinite(value):
        return None
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def status_to_wire(loadpoint: LoadpointSnapshot) -> dict[str, int | float | str | bool | None]:
    """Return the whole answer, in the order of `table.FIELDS`."""
    vehicle = loadpoint.vehicle
    target_soc_pct = amps_requested_a = None
    if vehicle is not None:
        target_soc_pct = vehicle.limit_soc_pct if vehicle.target_soc_pct is None else vehicle.target_soc_pct
        amps_requested_a = vehicle.amps_requested_a
    elif loadpoint.set_point.amps_a > 0:
        amps_requested_a = loadpoint.set_point.amps_a  # a charger without a known car: what it was told last
    energy_wh = loadpoint.energy_added_wh
    return {
        "status": int(decide_status(loadpoint)),
        "soc": None if vehicle is None else vehicle.soc_pct,
        "targetsoc": target_soc_pct,
        "targetamp": amps_requested_a if loadpoint.amps_asked_a is None else loadpoint.amps_asked_a,
        "maxamp": loadpoint.max_a,
        "amps": _plain(loadpoint.draw_a),
        "volts": _whole(loadpoint.voltage_v),
        "power": _whole(loadpoint.draw_w),
        "phases": loadpoint.phases,
        "energy": None if energy_wh is None else _plain(energy_wh / 1000),
        "control": 1 if loadpoint.is_wished else 0,
        "mode": loadpoint.mode.value,
        "pv": loadpoint.is_pv_possible,
        "pending": None if loadpoint.pending is None else loadpoint.pending.value,
        "asleep": None if vehicle is None else vehicle.is_asleep,
        "age": None if vehicle is None else _whole(vehicle.age_s),
        "reason": render(loadpoint.reason),
    }


# --- which car -------------------------------------------------------------------------------------------------------


def find_loadpoint(site: SiteSnapshot, car_id: str) -> LoadpointSnapshot | Problem:
    """Return the loadpoint that `car_id` names.

    Args:
        site: what there is.
        car_id: the 1-based number of a loadpoint, its id, or a VIN. A VIN means the loadpoint that holds the car now,
            else the first one that is meant for it.
    """
    found = find_by_name(site, car_id)
    if found is not None:
        return found
    known = ", ".join(f"{loadpoint.number} or {loadpoint.id}" for loadpoint in site.loadpoints)
    return Problem(f"there is no car {shown(car_id)}", f"{known}, or a VIN" if known else "no car is configured")


# --- the request -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What one request asks for. What is None was not asked for."""

    control: int | None = None  #: 1 start, 0 stop
    amps_a: int | None = None
    target_soc_pct: int | None = None
    mode: Mode | None = None
    wait_s: int = 0

    @property
    def is_change(self) -> bool:
        """Return whether anything is wished (a wait is not)."""
        return any(wish is not None for wish in (self.control, self.amps_a, self.target_soc_pct, self.mode))


NOTHING = Wishes()
"""A request that only looks."""

_INTEGER = re.compile(r"-?[0-9]{1,9}")


def _value(parameter: Parameter, text: str) -> int | str | Problem:
    if parameter.type is ParameterType.WORD:
        if text in parameter.words:
            return text
    elif _INTEGER.fullmatch(text) and parameter.low <= int(text) <= parameter.high:
        return int(text)
    return Problem(
        f"{parameter.name}: {shown(text)} is not allowed" if text else f"{parameter.name}: no value", parameter.allowed
    )


def _parse(endpoint: Endpoint, items: Iterable[tuple[str | None, str]]) -> Wishes | Problem:
    found: dict[str, int | str] = {}
    named = {parameter.name: parameter for parameter in (*endpoint.named, WAIT)}
    for key, text in items:
        if key is None and text == WAIT.name:
            return Problem(f"{WAIT.name}: no value", WAIT.allowed)
        parameter = named.get(key) if key is not None else None
        if parameter is None:
            parameter = endpoint.value
        if parameter is None:
            return Problem(f"unknown parameter {shown(text if key is None else key)}", endpoint.allowed)
        if parameter.name in found:
            return Problem(f"{parameter.name}: given more than once", parameter.allowed)
        value = _value(parameter, text)
        if isinstance(value, Problem):
            return value
        found[parameter.name] = value
    if endpoint.value is not None and endpoint.value.name not in found:
        return Problem(f"{endpoint.value.name}: no value", endpoint.value.allowed)
    if not found:
        return NOTHING
    mode = found.get(SET_MODE.name)
    return Wishes(
        control=_int(found.get(CONTROL.name)),
        amps_a=_int(found.get(SET_AMPS.name)),
        target_soc_pct=_int(found.get(SET_SOC.name)),
        mode=Mode(mode) if isinstance(mode, str) else None,
        wait_s=_int(found.get(WAIT.name)) or 0,
    )


def _int(value: int | str | None) -> int | None:
    return value if isinstance(value, int) else None


def parse_query(endpoint: Endpoint, query: str) -> Wishes | Problem:
    """Return what a GET asks for; `query` as it stands behind the question mark."""
    return _parse(endpoint, query_items(query))


def parse_form(endpoint: Endpoint, query: str, form: str) -> Wishes | Problem:
    """Return what a POST asks for: the query first, then the form body, together one request."""
    return _parse(endpoint, (*query_items(query), *query_items(form)))


def request_from_wishes(loadpoint_id: str, wishes: Wishes) -> Request:
    """Return the bundle for the gateway. A mode lifts an earlier start or stop; `control` leaves the mode alone."""
    override = None if wishes.mode is None else Override.NONE
    if wishes.control is not None:
        override = Override.CHARGE if wishes.control else Override.STOP
    return Request(
        loadpoint_id=loadpoint_id,
        by=BY,
        mode=wishes.mode,
        override=override,
        amps_a=wishes.amps_a,
        target_soc_pct=wishes.target_soc_pct,
    )
