"""Meters behind a service that counts or bills requests: they are asked for, and only while a reading is of use.

That is while a car is connected and the sun is up. All other meters are polled by their drivers.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core.commands import ReadKind
from sunbox.core.effects import Read
from sunbox.core.state import MeterState
from sunbox.core.sun import is_up
from sunbox.core.values import replace

if TYPE_CHECKING:
    from sunbox.core.draft import Draft
    from sunbox.core.events import ReadFailed
    from sunbox.core.settings import MeterSettings

LOOK_FOR_SUN_S = 300.0
"""While the sun is down and a car is connected, so often is looked whether it is up."""


def ask(draft: Draft) -> None:
    """Ask those that are due."""
    rare = [meter for meter in draft.settings.meters if meter.is_cloud]
    if not rare or not _is_any_car_connected(draft):
        return
    if not is_sun_up(draft):
        draft.wait_for(draft.at + timedelta(seconds=LOOK_FOR_SUN_S))
        return
    for meter in rare:
        _ask(draft, meter)


def _ask(draft: Draft, meter: MeterSettings) -> None:
    state = draft.meters.get(meter.id) or MeterState()
    if state.due_at is None or draft.at >= state.due_at:
        draft.effects.append(Read(device_id=meter.id, exchange_id=draft.next_id, what=ReadKind.DATA))
        draft.next_id += 1
        state = replace(state, due_at=draft.at + timedelta(seconds=meter.interval_s))
        draft.meters[meter.id] = state
    draft.wait_for(state.due_at)


def note_failed(draft: Draft, event: ReadFailed) -> None:
    """Take that a meter could not be read; one that is asked for is left alone for as long as it says."""
    state = replace(draft.meters.get(event.device_id) or MeterState(), cause=event.cause)
    if event.retry_after_s is not None and state.due_at is not None:
        state = replace(state, due_at=max(state.due_at, draft.at + timedelta(seconds=event.retry_after_s)))
    draft.meters[event.device_id] = state


def is_resting(draft: Draft) -> bool:
    """Return whether the grid is not measured because the sun is down."""
    grid = [meter for meter in draft.settings.meters if meter.is_site]
    return bool(grid) and all(meter.is_cloud for meter in grid) and not is_sun_up(draft)


def is_sun_up(draft: Draft) -> bool:
    """Return whether the sun is above the horizon at the site: at its first place, in central Europe if it has none."""
    place = next(iter(draft.settings.places), None)
    return is_up(draft.at, place.lat if place else 50.0, place.lon if place else 10.0)


def _is_any_car_connected(draft: Draft) -> bool:
    facts = (vehicle.memory.facts for vehicle in draft.vehicles.values())
    return any(each is not None and bool(each.is_plugged) for each in facts)
