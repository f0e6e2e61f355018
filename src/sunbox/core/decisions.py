"""What is recorded of a state: each loadpoint's decision with its reason, and what its car is believed to draw."""

from __future__ import annotations

from datetime import datetime

from sunbox.core.behind import is_at_charger
from sunbox.core.connection import whereabouts
from sunbox.core.draw import NOTHING, draw_at
from sunbox.core.model import Draw, VehicleFacts
from sunbox.core.reasons import Reason, render
from sunbox.core.settings import LoadpointSettings, Settings, devices_of
from sunbox.core.snapshot import reason_of
from sunbox.core.state import State
from sunbox.core.surplus import balance
from sunbox.core.wallbox import Decision


def shown_reason(state: State, loadpoint: LoadpointSettings) -> Reason:
    """Return the reason that people are told for a loadpoint."""
    lp = state.loadpoints[loadpoint.id]
    vehicle = state.vehicles.get(loadpoint.device_id)
    return (lp.held_by or lp.reason) if vehicle is None else reason_of(lp, vehicle)


def believed_draw(state: State, loadpoint: LoadpointSettings, instant_at: datetime) -> Draw:
    """Return what the loadpoint's car drew at this site at an instant, as it is believed now. A car elsewhere draws nothing."""
    vehicle = state.vehicles.get(loadpoint.device_id)
    if vehicle is None or is_at_charger(state, loadpoint):
        return NOTHING
    draw = draw_at(vehicle.steps, instant_at)
    if draw.high_w <= 0:
        return draw
    is_here = is_at(state.settings, loadpoint, vehicle.memory.facts)
    return Draw(draw.low_w if is_here else 0.0, 0.0 if is_here is False else draw.high_w)


def is_at(settings: Settings, loadpoint: LoadpointSettings, facts: VehicleFacts | None) -> bool | None:
    """Return whether the loadpoint's vehicle, which said this of itself, is at the loadpoint's place; None = not known."""
    vehicle = devices_of(settings)[loadpoint.device_id]
    return whereabouts(settings, loadpoint, vehicle, facts).is_here


def decision_of(state: State, loadpoint: LoadpointSettings, reason: Reason, at: datetime, draw: Draw) -> Decision:
    """Return a loadpoint's decision with everything that explains it."""
    lp = state.loadpoints[loadpoint.id]
    wish = lp.memory.wish
    return Decision(
        at=at,
        loadpoint=loadpoint.id,
        charge=lp.set_point.charge,
        amps_a=lp.set_point.amps_a,
        phases=lp.set_point.phases,
        acting=lp.is_acting,
        code=reason.code.value,
        kind=reason.kind.value,
        numbers={key: _short(value) for key, value in reason.numbers.items()},
        text=render(reason),
        changes_at=reason.changes_at,
        pending=None if lp.pending is None else lp.pending.value,
        mode=wish.mode.value,
        override=wish.override.value,
        surplus_low_w=_whole(lp.surplus_low_w),
        surplus_high_w=_whole(lp.surplus_high_w),
        grid_w=_whole(balance(state.settings, state.meters, at).grid_w),
        draw_low_w=_whole(draw.low_w),
        draw_high_w=_whole(draw.high_w),
    )


def _short(value: float | str) -> float | int | str:
    return round(value, 1) if isinstance(value, float) else value


def _whole(value: float | None) -> float | None:
    return None if value is None else round(value)
