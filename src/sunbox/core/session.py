"""From plug-in to unplug, and hands that act beside us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sunbox.core.belief import is_charging, is_flowing
from sunbox.core.model import Charging, Override, Session, VehicleFacts
from sunbox.core.values import replace

if TYPE_CHECKING:
    from sunbox.core.draft import Draft

CAR_APP = "the car's own app"


def note_reading(
    draft: Draft, vehicle_id: str, before: VehicleFacts | None, now: VehicleFacts, *, was_sure: bool
) -> None:
    """Begin and end sessions, and notice a hand in the car's app, from two readings of a vehicle.

    `was_sure`: the facts before were ours to rely on (read, or proven by commands, with nobody at the car since).
    """
    for loadpoint in draft.holders_of(vehicle_id):
        memory = draft.loadpoints[loadpoint.id].memory
        session = memory.session
        if now.is_plugged is False:
            if session is not None or memory.wish.override is not Override.NONE or memory.wish.amps_a is not None:
                end(draft, loadpoint.id)
            continue
        if now.is_plugged is None:
            continue
        if session is None or _was_replugged(before, now):
            if session is not None:
                end(draft, loadpoint.id)
            session = Session(began_at=draft.at)
        elif was_sure and before is not None:
            session = _note_hand(draft, loadpoint.id, session, before, now)
        was_begun = (
            before is not None and before.charging is Charging.STARTING and now.charging is not Charging.STARTING
        )
        if (is_flowing(now) or was_begun) and not session.has_started:
            session = replace(session, has_started=True)
        if draft.loadpoints[loadpoint.id].memory.session != session:
            draft.remember_loadpoint(loadpoint.id, session=session)


def end(draft: Draft, loadpoint_id: str) -> None:
    """End a session: start, stop and amps of clients end with it, the mode alone rules again."""
    wish = draft.loadpoints[loadpoint_id].memory.wish
    wish = replace(wish, override=Override.NONE, override_by=None, override_until_at=None, amps_a=None)
    draft.remember_loadpoint(loadpoint_id, session=None, wish=wish, was_charging=False)
    draft.loadpoint(loadpoint_id, missed_wh=0.0, scores={}, import_wh=0.0, raise_since_at=None)


def _was_replugged(before: VehicleFacts | None, now: VehicleFacts) -> bool:
    """Return whether the cable was out meanwhile: the energy counter of the session has begun anew."""
    if before is None or before.is_plugged is not True:
        return False
    if before.energy_added_wh is None or now.energy_added_wh is None:
        return False
    return now.energy_added_wh < before.energy_added_wh - 100.0


def _note_hand(draft: Draft, loadpoint_id: str, session: Session, before: VehicleFacts, now: VehicleFacts) -> Session:
    """Take a start or stop that nobody here asked for as a person's word in the car's app; return the session with it.

    Only where the facts leave no other reading: it flowed and was stopped below its limit, or it had been stopped and charges.
    """
    wish = draft.loadpoints[loadpoint_id].memory.wish
    by_hand: Override | None = None
    if before.charging is Charging.CHARGING and now.charging is Charging.STOPPED:
        by_hand = Override.STOP
    elif before.charging is Charging.STOPPED and is_charging(now) and before.limit_soc_pct == now.limit_soc_pct:
        by_hand = Override.CHARGE
    if by_hand is None or by_hand is wish.override:
        return session
    wish = replace(
        wish, override=by_hand, override_by=CAR_APP, override_until_at=None, amps_a=None, version=wish.version + 1
    )
    session = replace(session, was_stopped=by_hand is Override.STOP)
    draft.remember_loadpoint(loadpoint_id, wish=wish, session=session)
    return session
