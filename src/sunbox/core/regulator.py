"""Surplus to set-point: start after the surplus has lasted, follow it down at once and up with care, stop after it fell short.

The surplus is an interval, because the car's own draw is. Raising needs the low end, lowering the high end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.state import LoadpointState
from sunbox.core.units import amps_a, power_w
from sunbox.core.wallbox import SetPoint

RAISE_AFTER_S = 9.0
"""How long more must have been possible before the current is raised: two readings of a 10-s meter in a row."""

SLACK_W = 80.0
"""Shortage that does not yet lower the current: the noise of meters, not worth a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What the loadpoint can do now."""

    min_a: int
    max_a: int
    phases: int
    voltage_v: float
    start_delay_s: float
    stop_delay_s: float
    cap_why: str | None = None

    @property
    def min_w(self) -> float:
        """Return the least power that charging takes."""
        return power_w(self.min_a, self.phases, self.voltage_v)

    def fitting_a(self, surplus_w: float) -> int:
        """Return the whole amps that a surplus carries, from 0 up to the maximum."""
        return max(0, min(self.max_a, int(amps_a(surplus_w, self.phases, self.voltage_v) + 1e-6)))


def decide_from_surplus(
    lp: LoadpointState, can: Range, low_w: float, high_w: float, at: datetime, *, runs: bool
) -> LoadpointState:
    """Return the loadpoint with the set-point, timers and reason that a new grid reading with this surplus asks for.

    `runs`: the car charges already. Until it does (it is being woken or started) the set-point follows the surplus freely.
    """
    if not lp.set_point.charge:
        return _while_paused(lp, can, low_w, at)
    if runs:
        return _while_charging(lp, can, low_w, high_w, at)
    return _while_starting(lp, can, low_w, at)


def _while_starting(lp: LoadpointState, can: Range, low_w: float, at: datetime) -> LoadpointState:
    """Follow the surplus while nothing flows yet; call the start off when it is gone."""
    if low_w < can.min_w - SLACK_W:
        return _while_paused(replace(lp, set_point=SetPoint(phases=can.phases)), can, low_w, at)
    start_a = max(can.min_a, can.fitting_a(low_w))
    return replace(
        lp,
        set_point=SetPoint(charge=True, amps_a=start_a, phases=can.phases),
        short_since_at=None,
        raise_since_at=None,
        reason=_charging(ReasonCode.CHARGING_PV, can, start_a, low_w, None),
    )


def _while_paused(lp: LoadpointState, can: Range, low_w: float, at: datetime) -> LoadpointState:
    numbers = {
        "surplus_w": low_w,
        "needed_w": can.min_w,
        "amps_a": can.min_a,
        "phases": can.phases,
        "voltage_v": can.voltage_v,
        "delay_s": can.start_delay_s,
    }
    if low_w < can.min_w:
        return replace(
            lp,
            set_point=SetPoint(phases=can.phases),
            enough_since_at=None,
            short_since_at=None,
            reason=Reason(ReasonCode.SURPLUS_LOW, numbers),
        )
    since_at = lp.enough_since_at or at
    starts_at = since_at + timedelta(seconds=can.start_delay_s)
    if at < starts_at:
        return replace(
            lp,
            set_point=SetPoint(phases=can.phases),
            enough_since_at=since_at,
            reason=Reason(ReasonCode.SURPLUS_STARTING, numbers, starts_at),
        )
    start_a = max(can.min_a, can.fitting_a(low_w))
    return replace(
        lp,
        set_point=SetPoint(charge=True, amps_a=start_a, phases=can.phases),
        enough_since_at=None,
        short_since_at=None,
        raise_since_at=None,
        reason=_charging(ReasonCode.CHARGING_PV, can, start_a, low_w, None),
    )


def _while_charging(lp: LoadpointState, can: Range, low_w: float, high_w: float, at: datetime) -> LoadpointState:
    if high_w < can.min_w - SLACK_W:
        since_at = lp.short_since_at or at
        stops_at = since_at + timedelta(seconds=can.stop_delay_s)
        if at >= stops_at:
            numbers = {
                "surplus_w": high_w,
                "needed_w": can.min_w,
                "amps_a": can.min_a,
                "phases": can.phases,
                "voltage_v": can.voltage_v,
            }
            return replace(
                lp,
                set_point=SetPoint(phases=can.phases),
                short_since_at=None,
                enough_since_at=None,
                raise_since_at=None,
                reason=Reason(ReasonCode.SURPLUS_LOW, numbers),
            )
        return replace(
            lp,
            set_point=SetPoint(charge=True, amps_a=can.min_a, phases=can.phases),
            short_since_at=since_at,
            raise_since_at=None,
            reason=_charging(ReasonCode.CHARGING_MINIMUM, can, can.min_a, high_w, stops_at),
        )
    now_a = min(max(lp.set_point.amps_a, can.min_a), can.max_a)
    used_w = power_w(now_a, can.phases, can.voltage_v)
    raise_since_at: datetime | None = None
    raise_to_a = 0
    new_a = now_a
    if high_w < used_w - SLACK_W:
        new_a = max(can.min_a, can.fitting_a(high_w))
    elif (possible_a := can.fitting_a(low_w)) > now_a:
        raise_since_at = lp.raise_since_at or at
        raise_to_a = min(possible_a, lp.raise_to_a) if lp.raise_since_at else possible_a
        if (at - raise_since_at).total_seconds() >= RAISE_AFTER_S:
            new_a, raise_since_at = raise_to_a, None
    return replace(
        lp,
        set_point=SetPoint(charge=True, amps_a=new_a, phases=can.phases),
        short_since_at=None,
        raise_since_at=raise_since_at,
        raise_to_a=raise_to_a,
        reason=_charging(ReasonCode.CHARGING_PV, can, new_a, low_w if new_a > now_a else high_w, None),
    )


def _charging(code: ReasonCode, can: Range, amps: int, surplus_w: float, changes_at: datetime | None) -> Reason:
    numbers: dict[str, float | int | str] = {
        "amps_a": amps,
        "surplus_w": surplus_w,
        "used_w": power_w(amps, can.phases, can.voltage_v),
        "phases": can.phases,
        "voltage_v": can.voltage_v,
        "delay_s": can.stop_delay_s,
    }
    if can.cap_why is not None and amps >= can.max_a:
        numbers["cap"] = f" (limited to {can.max_a} A by {can.cap_why})"
    return Reason(code, numbers, changes_at)
