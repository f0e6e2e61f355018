"""Why a loadpoint does what it does: a closed set of codes, each with its kind and one line of arithmetic.

`render` turns a code and its numbers into the line that people read; `changes_at` is the instant at which time alone
would change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ReasonKind(StrEnum):
    """What sort of state a reason explains."""

    CHARGING = "charging"
    STARTING = "starting"
    WAITING = "waiting"
    STOPPED = "stopped"
    FAULT = "fault"


class ReasonCode(StrEnum):
    """Every reason there is."""

    NEVER_SEEN = "never_seen"
    NOT_PLUGGED = "not_plugged"
    AT_CHARGER = "at_charger"
    AWAY = "away"
    PLACE_UNKNOWN = "place_unknown"
    NOT_PV_PLACE = "not_pv_place"
    FAST_CHARGER = "fast_charger"
    MODE_OFF = "mode_off"
    OWN_SCHEDULE = "own_schedule"
    OTHER_MANAGER = "other_manager"
    STOPPED_BY = "stopped_by"
    TARGET_REACHED = "target_reached"
    COMPLETE = "complete"
    CHARGING_NOW = "charging_now"
    CHARGING_BY = "charging_by"
    CHARGING_PV = "charging_pv"
    CHARGING_MINIMUM = "charging_minimum"
    CHARGING_HELD = "charging_held"
    CHARGING_GUARANTEED = "charging_guaranteed"
    SURPLUS_LOW = "surplus_low"
    SURPLUS_STARTING = "surplus_starting"
    START_PRICE = "start_price"
    GRID_STALE = "grid_stale"
    GRID_STALE_HOLD = "grid_stale_hold"
    SUN_DOWN = "sun_down"
    OFF_GRID = "off_grid"
    FUSE = "fuse"
    WAKING = "waking"
    WAKE_FAILED = "wake_failed"
    STARTING = "starting"
    STOPPING = "stopping"
    REFUSED = "refused"
    NO_POWER = "no_power"
    CAR_IDLE = "car_idle"
    CHARGER_HOLDS = "charger_holds"
    CHARGER_SILENT = "charger_silent"
    CHARGER_FAULT = "charger_fault"
    RETRYING = "retrying"
    RATE_LIMITED = "rate_limited"
    LOGIN_REQUIRED = "login_required"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Template:
    """One row of the table below."""

    kind: ReasonKind
    text: str


_C, _S, _W, _X, _F = (
    ReasonKind.CHARGING,
    ReasonKind.STARTING,
    ReasonKind.WAITING,
    ReasonKind.STOPPED,
    ReasonKind.FAULT,
)

TEMPLATES: dict[ReasonCode, Template] = {
    ReasonCode.NEVER_SEEN: Template(_W, "waiting: the car has not been seen yet"),
    ReasonCode.NOT_PLUGGED: Template(_W, "not plugged in"),
    ReasonCode.AT_CHARGER: Template(_W, "the car is plugged in at the charger of another loadpoint"),
    ReasonCode.AWAY: Template(_W, "left alone: the car is at {place}, this loadpoint is at {home}"),
    ReasonCode.PLACE_UNKNOWN: Template(_W, "left alone: the car's location is unknown and no assume_place is set"),
    ReasonCode.NOT_PV_PLACE: Template(_W, "left alone: {place} has no tag pv"),
    ReasonCode.FAST_CHARGER: Template(_W, "left alone: at a fast charger"),
    ReasonCode.OWN_SCHEDULE: Template(
        _W,
        "left alone: the car waits for its own schedule ({start}); a start, or respect_schedule: false, comes before it",
    ),
    ReasonCode.OTHER_MANAGER: Template(
        _C, "charging {amps_a} A: left to whatever else set the current {times} times in {hours} h, until {until}{cap}"
    ),
    ReasonCode.MODE_OFF: Template(_X, "off: mode is off"),
    ReasonCode.STOPPED_BY: Template(_X, "stopped by {by}"),
    ReasonCode.TARGET_REACHED: Template(_X, "stopped: {soc_pct} % reaches the target of {target_pct} %"),
    ReasonCode.COMPLETE: Template(_X, "stopped: the car is at its own limit ({soc_pct} % of {limit_pct} %)"),
    ReasonCode.CHARGING_NOW: Template(_C, "charging {amps_a} A: mode is now{cap}"),
    ReasonCode.CHARGING_BY: Template(_C, "charging {amps_a} A: asked for by {by}{cap}"),
    ReasonCode.CHARGING_PV: Template(
        _C,
        "charging {amps_a} A: surplus {surplus_w} W {sign} {used_w} W ({amps_a} A × {phases} × {voltage_v} V){share}{cap}",
    ),
    ReasonCode.CHARGING_MINIMUM: Template(
        _C,
        "charging the minimum {amps_a} A: surplus {surplus_w} W < {used_w} W ({amps_a} A × {phases} × {voltage_v} V), "
        "stops after {ends}{cap}",
    ),
    ReasonCode.CHARGING_HELD: Template(
        _C,
        "charging {amps_a} A ({used_w} W): surplus {surplus_w} W would carry {best_a} A, a change pays after {price_wh} Wh, "
        "{lost_wh} Wh so far{cap}",
    ),
    ReasonCode.CHARGING_GUARANTEED: Template(
        _C,
        "charging the minimum {amps_a} A, which {keeper} keeps: surplus {surplus_w} W < {used_w} W "
        "({amps_a} A × {phases} × {voltage_v} V){cap}",
    ),
    ReasonCode.START_PRICE: Template(
        _W,
        "waiting: surplus {surplus_w} W ≥ {needed_w} W ({amps_a} A × {phases} × {voltage_v} V{share}), a start pays after "
        "{price_wh} Wh, {missed_wh} Wh missed so far",
    ),
    ReasonCode.SURPLUS_LOW: Template(
        _W, "paused: surplus {surplus_w} W < {needed_w} W ({amps_a} A × {phases} × {voltage_v} V{share})"
    ),
    ReasonCode.SURPLUS_STARTING: Template(
        _W,
        "waiting: surplus {surplus_w} W ≥ {needed_w} W ({amps_a} A × {phases} × {voltage_v} V{share}), starts after "
        "{start_wh} Wh of that, {missed_wh} Wh so far",
    ),
    ReasonCode.GRID_STALE: Template(_F, "paused: no grid reading for {age_s} s"),
    ReasonCode.SUN_DOWN: Template(_W, "paused: the sun is down, the meter is asked again when it is up"),
    ReasonCode.OFF_GRID: Template(_W, "paused: there is no grid, and the battery is for the house"),
    ReasonCode.GRID_STALE_HOLD: Template(_C, "charging {amps_a} A, not raised: no grid reading for {age_s} s{cap}"),
    ReasonCode.FUSE: Template(_W, "paused: {what} leaves {left_a} A, {amps_a} A are needed{cap}"),
    ReasonCode.WAKING: Template(_S, "waking the car (since {since_s} s)"),
    ReasonCode.WAKE_FAILED: Template(_F, "the car did not wake up; next try in {retry_s} s"),
    ReasonCode.STARTING: Template(_S, "starting with {amps_a} A"),
    ReasonCode.STOPPING: Template(_S, "stopping: {why}"),
    ReasonCode.REFUSED: Template(_F, "the car refused: {word}"),
    ReasonCode.NO_POWER: Template(_F, "plugged in, but the socket gives no power"),
    ReasonCode.CAR_IDLE: Template(
        _X, "offered {amps_a} A, and the car takes nothing: it is full, or does not want to charge now"
    ),
    ReasonCode.CHARGER_HOLDS: Template(_W, "told to charge, and the charger holds back by itself: {why}"),
    ReasonCode.CHARGER_SILENT: Template(_F, "the charger has not answered for {silent_s} s ({cause})"),
    ReasonCode.CHARGER_FAULT: Template(_F, "the charger reports a fault: {fault}"),
    ReasonCode.RETRYING: Template(_F, "{what} did not get through ({cause}); next try in {retry_s} s"),
    ReasonCode.RATE_LIMITED: Template(_F, "the maker's service asks to wait; next try in {retry_s} s ({cause})"),
    ReasonCode.LOGIN_REQUIRED: Template(_F, "the account must be logged in again (sunbox setup tesla)"),
    ReasonCode.BUDGET: Template(
        _W, "held back by the budget: {spent} spent today, the daily line is {line} ({unit}); free again at {until}"
    ),
}


Numbers = Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Reason:
    """A decision explained: the code, its numbers, and when time alone would change it (None = it would not)."""

    code: ReasonCode
    numbers: Numbers = field(default_factory=dict)
    changes_at: datetime | None = None

    @property
    def kind(self) -> ReasonKind:
        """Return the kind of the code."""
        return TEMPLATES[self.code].kind


def render(reason: Reason) -> str:
    """Return the one line that people read."""
    numbers = {key: (f"{value:.0f}" if isinstance(value, float) else value) for key, value in reason.numbers.items()}
    return TEMPLATES[reason.code].text.format_map(_Gaps(numbers, sign=_sign(reason.numbers), ends=_ends(numbers)))


def _sign(numbers: Numbers) -> str:
    """Return how the surplus compares with what is used: the last ampere need not be sun to its last watt."""
    surplus_w, used_w, amps = (numbers.get(key) for key in ("surplus_w", "used_w", "amps_a"))
    if not isinstance(surplus_w, int | float) or not isinstance(used_w, int | float) or surplus_w >= used_w:
        return "≥"
    return "≈" if isinstance(amps, int) and amps > 0 and used_w - surplus_w < used_w / amps else "<"


def _ends(numbers: Numbers) -> str:
    """Return after how much energy or time without enough sun it stops."""
    if "stop_s" in numbers:
        return f"{numbers['stop_s']} s of that, {numbers['short_s']} s so far"
    return f"{numbers.get('stop_wh', '?')} Wh of that, {numbers.get('import_wh', '?')} Wh so far"


APPENDED = ("cap", "share")
"""Explanations that are added where there is something to explain."""


class _Gaps(dict[str, float | int | str]):
    """Numbers by name; a missing appended explanation is nothing, any other gap is a question mark."""

    def __missing__(self, key: str) -> str:
        return "" if key in APPENDED else "?"
