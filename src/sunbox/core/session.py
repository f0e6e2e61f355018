"""From plug-in to unplug, and hands that act beside us."""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

from sunbox.core.behind import is_at_charger
from sunbox.core.belief import is_charging, is_flowing, takes_less
from sunbox.core.model import Charging, Mode, Override, Session, VehicleFacts
from sunbox.core.values import replace

if TYPE_CHECKING:
    from datetime import datetime

    from sunbox.core.draft import Draft
    from sunbox.core.settings import LoadpointSettings

CAR_APP = "the car's own app"
CHARGER_APP = "the charger's own app"
CAR_SCHEDULE = "the car's own schedule"

MEDDLED_KEPT = 3
"""So many changes of the current by somebody else, and it is another manager and not a person."""

MEDDLED_WITHIN_S = 6 * 3600.0
MEDDLED_REST_S = 3600.0
"""Within so long a time; and for so long it is left to the other one."""

OURS_S = 60.0
"""A current that is read so soon after we set one may still be ours."""


def note_reading(
    draft: Draft, vehicle_id: str, before: VehicleFacts | None, now: VehicleFacts, *, was_sure: bool
) -> None:
    """Begin and end sessions, and notice a hand in the car's app, from two readings of a vehicle.

    `was_sure`: the facts before were ours to rely on (read, or proven by commands, with nobody at the car since).
    """
    for loadpoint in draft.holders_of(vehicle_id):
        memory = draft.loadpoints[loadpoint.id].memory
        session = memory.session
        if now.is_plugged is False or is_at_charger(draft, loadpoint):
            if session is not None or memory.wish.override is not Override.NONE or memory.wish.amps_a is not None:
                end(draft, loadpoint.id)
            continue
        if now.is_plugged is None:
            continue
        if session is None or _was_replugged(before, now):
            if session is not None:
                end(draft, loadpoint.id)
            session = Session(began_at=draft.at)
        elif before is not None and _is_scheduled_start(before, now):
            session = _overridden(draft, loadpoint, session, Override.CHARGE, CAR_SCHEDULE)
        elif was_sure and before is not None:
            session = _note_hand(draft, loadpoint, session, before, now)
            session = _note_meddling(draft, vehicle_id, session, before, now)
        was_begun = (
            before is not None and before.charging is Charging.STARTING and now.charging is not Charging.STARTING
        )
        if (is_flowing(now) or was_begun) and not session.has_started:
            session = replace(session, has_started=True)
        if (takes_a := _taken_a(session.takes_a, now)) != session.takes_a:
            session = replace(session, takes_a=takes_a)
        if draft.loadpoints[loadpoint.id].memory.session != session:
            draft.remember_loadpoint(loadpoint.id, session=session)


def _taken_a(before_a: int | None, now: VehicleFacts) -> int | None:
    """Return what is all that a car takes, until it takes more. On other phases it is likely to be the same."""
    if takes_less(now):
        return ceil(now.actual_a or 0.0)
    return None if before_a is not None and (now.actual_a or 0.0) > before_a else before_a


def end(draft: Draft, loadpoint_id: str) -> None:
    """End a session: start, stop and amps of clients end with it, the mode alone rules again."""
    wish = draft.loadpoints[loadpoint_id].memory.wish
    wish = replace(wish, override=Override.NONE, override_by=None, override_until_at=None, amps_a=None)
    draft.remember_loadpoint(loadpoint_id, session=None, wish=wish, was_charging=False)
    draft.loadpoint(loadpoint_id, missed_wh=0.0, scores={}, import_wh=0.0, short_since_at=None, raise_since_at=None)


def _was_replugged(before: VehicleFacts | None, now: VehicleFacts) -> bool:
    """Return whether the cable was out meanwhile: the energy counter of the session has begun anew."""
    if before is None or before.is_plugged is not True:
        return False
    if before.energy_added_wh is None or now.energy_added_wh is None:
        return False
    return now.energy_added_wh < before.energy_added_wh - 100.0


def _is_scheduled_start(before: VehicleFacts, now: VehicleFacts) -> bool:
    """Return whether a car that waited for its own time charges now: nobody here starts one that waits."""
    return bool(before.is_schedule_pending) and not is_charging(before) and is_charging(now)


def _note_hand(
    draft: Draft, loadpoint: LoadpointSettings, session: Session, before: VehicleFacts, now: VehicleFacts
) -> Session:
    """Take a start or stop that nobody here asked for as a person's word in the car's app; return the session with it.

    Only where the facts leave no other reading: it flowed and was stopped below its limit, or it had been stopped and charges.
    """
    if now.charger is not None:
        return _note_hand_at_charger(draft, loadpoint, session, before, now)
    if before.charging is Charging.CHARGING and now.charging is Charging.STOPPED:
        return _overridden(draft, loadpoint, session, Override.STOP, CAR_APP)
    is_started = before.charging is Charging.STOPPED and is_charging(now)
    if is_started and before.limit_soc_pct == now.limit_soc_pct:
        return _overridden(draft, loadpoint, session, Override.CHARGE, CAR_APP)
    return session


def _note_hand_at_charger(
    draft: Draft, loadpoint: LoadpointSettings, session: Session, before: VehicleFacts, now: VehicleFacts
) -> Session:
    """Take it as a person's word when a charger says that it was told otherwise than we told it; return the session with it.

    Its word comes before its deed: what flows ends, or begins, some seconds later, or cannot at all. What it forgets or does by its
    own rules is nobody's word.
    """
    told = now.charger.told if now.charger is not None else None
    was_told = before.charger.told if before.charger is not None else None
    if told is was_told:
        return session
    if told is False and (was_told is True or before.charging is Charging.CHARGING):
        return _overridden(draft, loadpoint, session, Override.STOP, CHARGER_APP)
    if told is True and (was_told is False or before.charging is Charging.STOPPED):
        return _overridden(draft, loadpoint, session, Override.CHARGE, CHARGER_APP)
    return session


def note_hand_meanwhile(draft: Draft, charger_id: str, told: bool | None, now: VehicleFacts) -> None:
    """Take it as a person's word if a charger was told otherwise, while the gateway was not there, than it said before.

    Args:
        draft: the state.
        charger_id: the charger.
        told: what it had been told, to charge or not to; None = nothing.
        now: the first that it says since.
    """
    now_told = now.charger.told if now.charger is not None else None
    if told is None or now_told is None or now_told is told or not now.is_plugged:
        return
    if is_charging(now) is not now_told:
        return  # its word has had no effect
    override = Override.CHARGE if now_told else Override.STOP
    for loadpoint in draft.holders_of(charger_id):
        session = draft.loadpoints[loadpoint.id].memory.session
        if session is not None:
            _overridden(draft, loadpoint, session, override, CHARGER_APP)


def _overridden(draft: Draft, loadpoint: LoadpointSettings, session: Session, override: Override, by: str) -> Session:
    """Take a start or stop at the car as a wish, until the cable is taken out or for as long as the owner says."""
    wish = draft.loadpoints[loadpoint.id].memory.wish
    if override is wish.override:
        return session
    if by is CAR_SCHEDULE and (wish.mode is Mode.NOW or not loadpoint.respect_schedule):
        return session
    lasts_s = loadpoint.hand_lasts_s
    wish = replace(
        wish,
        override=override,
        override_by=by,
        override_until_at=None if lasts_s is None else draft.at + timedelta(seconds=lasts_s),
        amps_a=None,
        version=wish.version + 1,
    )
    session = replace(session, was_stopped=override is Override.STOP)
    draft.remember_loadpoint(loadpoint.id, wish=wish, session=session)
    return session


def _note_meddling(draft: Draft, vehicle_id: str, session: Session, before: VehicleFacts, now: VehicleFacts) -> Session:
    """Count changes of a charging car's current that nobody here made; a car that takes what its cable allows made none."""
    sent_at = draft.vehicles[vehicle_id].amps_sent_at
    least_a = draft.settings_of(
        vehicle_id
    ).capabilities.min_a  # below it some cars show another current than they were told
    amps = (before.amps_requested_a, now.amps_requested_a)
    is_ours = sent_at is not None and (draft.at - sent_at).total_seconds() < OURS_S
    if is_ours or None in amps or amps[0] == amps[1] or min(amps[0] or 0, amps[1] or 0) < least_a:
        return session
    if before.charging is not Charging.CHARGING or now.charging is not Charging.CHARGING:
        return session
    if before.amps_requested_max_a != now.amps_requested_max_a or before.pilot_a != now.pilot_a:
        return session
    return replace(session, meddled_at=(*session.meddled_at, draft.at)[-MEDDLED_KEPT:])


def meddled_until(session: Session | None, at: datetime) -> datetime | None:
    """Return until when the car is left to another manager, None if there is none."""
    if session is None or len(session.meddled_at) < MEDDLED_KEPT:
        return None
    first_at, last_at = session.meddled_at[0], session.meddled_at[-1]
    until_at = last_at + timedelta(seconds=MEDDLED_REST_S)
    is_one = (last_at - first_at).total_seconds() <= MEDDLED_WITHIN_S
    return until_at if is_one and at < until_at else None
