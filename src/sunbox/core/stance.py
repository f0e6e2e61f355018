"""What a loadpoint is in for before any power is weighed: nothing, all it can get, or the sun. The first rule that applies decides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sunbox.core.behind import car_of, is_at_charger
from sunbox.core.belief import extra_a, is_charging, phases_of, takes_less, voltage_of
from sunbox.core.circuits import Cap, Load, device_cap, least_a
from sunbox.core.commands import CommandName, RequestKind
from sunbox.core.connection import Whereabouts, home_of, whereabouts
from sunbox.core.economy import is_affordable
from sunbox.core.model import Availability, Charging, Mode, Override, Wish
from sunbox.core.prices import price_wh, start_price_wh
from sunbox.core.reasons import Numbers, Reason, ReasonCode
from sunbox.core.regulator import Range
from sunbox.core.replies import settle_s_of
from sunbox.core.session import MEDDLED_KEPT, MEDDLED_WITHIN_S, meddled_until
from sunbox.core.values import replace, unchanged
from sunbox.core.vehicle import wake_again_at
from sunbox.core.wallbox import SetPoint

if TYPE_CHECKING:
    from datetime import datetime

    from sunbox.core.draft import Draft
    from sunbox.core.model import VehicleFacts, VehicleMemory
    from sunbox.core.settings import LoadpointSettings, Settings, VehicleSettings
    from sunbox.core.state import LoadpointState, VehicleState

ON_A_MINIMUM = "the car stays at its minimum"

TAKES_MORE_A = 2
"""A car that takes less than it may is offered so much more than it takes: it must not jump when it wakes to it (evcc's figure)."""


@dataclass(frozen=True, kw_only=True)  # not slotted: it is replaced with every reading (values.py)
class Stance:
    """A loadpoint that charges if power is there."""

    settings: LoadpointSettings
    vehicle: VehicleSettings
    facts: VehicleFacts | None
    wish: Wish
    can: Range
    full: Reason | None = None  #: why it takes all it can get; None = it follows the sun
    fixed_a: int | None = None  #: the current it has, where no change can be paid for
    runs: bool = False
    extra_a: float = 0.0  #: that it takes beyond the current it is allowed
    is_idle: bool = (
        False  #: it could not use any power now: full, refused, without power, out of reach; others have its share
    )

    @property
    def standby_a(self) -> float:
        """Return the current that may begin to flow without another word: a charger offers its minimum to a car that takes nothing."""
        charger = self.facts.charger if self.facts is not None else None
        return float(self.can.min_a) if self.is_idle and charger is not None and charger.is_enabled else 0.0

    @property
    def fixed_phases(self) -> int | None:
        """Return the phases that somebody decided on, None where the sun decides."""
        wired, asked = self.settings.phases, self.wish.phases
        if asked is None or wired is None:
            return asked or wired
        return min(asked, wired)

    @property
    def extra_w(self) -> float:
        """Return the power that it takes beyond what it is allowed."""
        return self.extra_a * self.can.unit_w

    @property
    def min_w(self) -> float:
        """Return the least power with which it charges."""
        return self.can.min_w + self.extra_w

    def load(self, phases: int = 1) -> Load:
        """Return it as a load on the circuits, on the phases it uses now or on `phases`, whatever is more."""
        return Load(
            phases=max(self.can.phases, phases), first_phase=self.settings.first_phase, voltage_v=self.can.voltage_v
        )


def stance_of(draft: Draft, settings: LoadpointSettings, lp: LoadpointState) -> Stance | LoadpointState:
    """Return what the loadpoint is in for, or the loadpoint as decided where power does not matter."""
    vehicle_settings = draft.settings_of(settings.device_id)
    vehicle = draft.vehicles[vehicle_settings.id]
    memory = vehicle.memory
    facts = memory.facts
    wish = _expire(draft, lp.memory.wish)
    if wish is not lp.memory.wish:
        lp = draft.loadpoints[settings.id] = replace(lp, memory=replace(lp.memory, wish=wish))
    is_asked = wish.override is not Override.NONE
    if facts is None and not is_asked and wish.mode is Mode.OFF:
        return leave(lp, Reason(ReasonCode.MODE_OFF))
    if facts is not None and facts.is_plugged is False:
        return leave(lp, Reason(ReasonCode.NOT_PLUGGED))
    if is_at_charger(draft, settings):
        return leave(lp, Reason(ReasonCode.AT_CHARGER))
    if facts is not None and facts.is_fast_charger and facts.is_plugged:
        return leave(lp, Reason(ReasonCode.FAST_CHARGER))
    if wish.override is Override.STOP:
        return off(lp, Reason(ReasonCode.STOPPED_BY, {"by": wish.override_by or "?"}, wish.override_until_at))
    usual = _usual(draft.settings, settings, vehicle_settings, memory, wish)
    reached = _target_reached(draft.vehicles[car_of(settings, lp.memory)])
    if reached is not None and (is_asked or wish.mode is not Mode.OFF):
        return off(lp, reached) if is_asked or usual.is_here else leave(lp, reached)
    full: Reason | None = None
    if wish.override is Override.CHARGE:
        full = Reason(ReasonCode.CHARGING_BY, {"by": wish.override_by or "?"})
    else:
        if usual.away is not None:
            return leave(lp, usual.away)
        if wish.mode is Mode.OFF:
            return off(lp, Reason(ReasonCode.MODE_OFF))
        if wish.mode is Mode.NOW:
            full = Reason(ReasonCode.CHARGING_NOW)
        elif (waits := _own_schedule(draft, settings, facts)) is not None:
            return leave(lp, waits)
        elif draft.site.is_off_grid:
            return off(lp, Reason(ReasonCode.OFF_GRID))
        elif facts is not None and usual.stance.runs and (full := _meddled(draft, lp)) is not None:
            wish = replace(wish, amps_a=facts.amps_requested_a)
            usual = _usual(draft.settings, settings, vehicle_settings, memory, wish)
    return replace(
        usual.stance,
        can=_range_now(draft, usual),
        full=full,
        fixed_a=_fixed_a(draft, usual.stance),
        is_idle=_is_idle(draft, vehicle),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What changes with the car, its owner and the file only: not with the time, the sun and the money."""

    is_here: bool | None  #: at the loadpoint's place; None = not known
    away: Reason | None  #: why the mode does not act where the car is
    stance: Stance
    settle_s: float


@unchanged
def _usual(
    settings: Settings, loadpoint: LoadpointSettings, vehicle: VehicleSettings, memory: VehicleMemory, wish: Wish
) -> Usual:
    facts = memory.facts
    where = whereabouts(settings, loadpoint, vehicle, facts)
    stance = Stance(
        settings=loadpoint,
        vehicle=vehicle,
        facts=facts,
        wish=wish,
        can=_own_range(settings, loadpoint, vehicle, memory, wish),
        runs=is_charging(facts),
        extra_a=extra_a(facts),
    )
    away = _left_alone(settings, loadpoint, where, wish) if facts is not None else None
    return Usual(is_here=where.is_here, away=away, stance=stance, settle_s=settle_s_of(vehicle, memory))


SCHEDULE_AHEAD_S = 24 * 3600.0
"""A schedule for another day does not forbid the sun of this one."""

SCHEDULE_GRACE_S = 300.0
"""A car that has not begun so long after its own time does not wait for it any more."""


def _own_schedule(draft: Draft, settings: LoadpointSettings, facts: VehicleFacts | None) -> Reason | None:
    """Return why a car that waits for a time of its own is left waiting; None if it does not wait."""
    if facts is None or not facts.is_schedule_pending or not settings.respect_schedule or is_charging(facts):
        return None
    begins_at = facts.schedule_at
    if begins_at is None:
        return Reason(ReasonCode.OWN_SCHEDULE, {"start": "it does not say when"})
    over_at = begins_at + timedelta(seconds=SCHEDULE_GRACE_S)
    waits_at = begins_at - timedelta(seconds=SCHEDULE_AHEAD_S)
    if draft.at < waits_at:
        draft.wait_for(waits_at)
        return None
    if draft.at >= over_at:
        return None
    draft.wait_for(over_at)
    return Reason(ReasonCode.OWN_SCHEDULE, {"start": _clock(draft, begins_at)}, begins_at)


def _meddled(draft: Draft, lp: LoadpointState) -> Reason | None:
    """Return why the current is left to somebody else who sets it again and again; None if nobody does."""
    until_at = meddled_until(lp.memory.session, draft.at)
    if until_at is None:
        return None
    numbers: Numbers = {"times": MEDDLED_KEPT, "hours": MEDDLED_WITHIN_S / 3600.0, "until": _clock(draft, until_at)}
    return Reason(ReasonCode.OTHER_MANAGER, numbers, until_at)


def _clock(draft: Draft, at: datetime) -> str:
    return at.astimezone(draft.settings.site.timezone).strftime("%H:%M")


def _is_idle(draft: Draft, vehicle: VehicleState) -> bool:
    memory = vehicle.memory
    if memory.facts is None or is_charging(memory.facts):
        return False
    if memory.facts.charger is not None and vehicle.availability is not Availability.ONLINE:
        return True
    if memory.facts.charging in (Charging.COMPLETE, Charging.NO_POWER) or CommandName.START in vehicle.refused:
        return True
    for until_at in (vehicle.start_retry_at, memory.not_before_at, wake_again_at(vehicle)):
        if until_at is not None and draft.at < until_at:
            return True
    return False


def _expire(draft: Draft, wish: Wish) -> Wish:
    if wish.override_until_at is None:
        return wish
    if draft.at < wish.override_until_at:
        draft.wait_for(wish.override_until_at)
        return wish
    return replace(wish, override=Override.NONE, override_by=None, override_until_at=None, version=wish.version + 1)


def _target_reached(vehicle: VehicleState) -> Reason | None:
    memory = vehicle.memory
    if not memory.target_reached or memory.facts is None or memory.target_soc_pct is None:
        return None
    return Reason(
        ReasonCode.TARGET_REACHED, {"soc_pct": memory.facts.soc_pct or 0, "target_pct": memory.target_soc_pct}
    )


def _left_alone(settings: Settings, loadpoint: LoadpointSettings, where: Whereabouts, wish: Wish) -> Reason | None:
    """Return why the mode does not act where the car is, None if it acts."""
    if not where.is_known:
        return Reason(ReasonCode.PLACE_UNKNOWN)
    if not where.is_here:
        home = home_of(settings, loadpoint)
        return Reason(
            ReasonCode.AWAY,
            {"place": where.place.name if where.place else "no known place", "home": home.name if home else "?"},
        )
    if wish.mode is Mode.PV and not where.is_pv:
        return Reason(ReasonCode.NOT_PV_PLACE, {"place": where.place.name if where.place else "?"})
    return None


def _range_now(draft: Draft, usual: Usual) -> Range:
    """Return what the loadpoint can do by itself, now: for a price, and with a sun that goes somewhere."""
    stance, outlook = usual.stance, draft.outlook
    own, vehicle_id = stance.can, stance.vehicle.id
    change_wh = price_wh(draft, vehicle_id)
    return replace(
        own,
        stop_delay_s=max(own.stop_delay_s, draft.site.news_s),  # a cloud that is gone when it is told of stops nothing
        price_wh=change_wh,
        start_price_wh=start_price_wh(draft, vehicle_id, change_wh, own.min_w),
        patience=_patience(draft, stance.settings),
        ahead_w=outlook.ahead_w(usual.settle_s),
        spread_w=outlook.spread_w,
    )


def _own_range(
    settings: Settings, loadpoint: LoadpointSettings, vehicle: VehicleSettings, memory: VehicleMemory, wish: Wish
) -> Range:
    """Return what the loadpoint can do by itself: device caps, the amps asked for as upper bound, the lowered minimum of a wish."""
    capabilities, facts = vehicle.capabilities, memory.facts
    cap = device_cap(loadpoint, capabilities, facts)
    hard_a = cap.amps_a
    if takes_less(facts) and facts is not None:
        most_a = math.ceil(facts.actual_a or 0.0) + TAKES_MORE_A
        cap = Cap(most_a, "what the car takes") if most_a < cap.amps_a else cap
    terms = wish.terms
    min_a = least_a(loadpoint, capabilities, terms)
    if wish.amps_a is not None and wish.amps_a < min_a:
        if capabilities.low_min_a is not None and not memory.low_amps_refused:
            min_a = max(wish.amps_a, capabilities.low_min_a)
        cap = Cap(min(min_a, cap.amps_a), ON_A_MINIMUM if memory.low_amps_refused else cap.why)
    elif wish.amps_a is not None and wish.amps_a < cap.amps_a:
        cap = Cap(wish.amps_a, "what was asked")
    return Range(
        min_a=min_a,
        max_a=max(cap.amps_a, min(min_a, hard_a)),
        phases=phases_of(settings, loadpoint, vehicle, memory),
        voltage_v=voltage_of(settings, memory),
        start_delay_s=loadpoint.start_delay_s,
        stop_delay_s=loadpoint.stop_delay_s,
        share=loadpoint.solar_share_pct / 100.0,
        stops=wish.mode is not Mode.MIN_PV,
        min_run_s=loadpoint.min_run_s,
        min_pause_s=loadpoint.min_pause_s,
        tolerance_w=settings.site.tolerance_w,
        overhead_w=loadpoint.overhead_w,
        set_a=facts.amps_requested_a if facts is not None else None,
        cap_why=cap.why,
        hard_a=hard_a,
        start_w=terms.start_w,
        import_w=terms.import_w,
        stop_after_s=terms.stop_after_s,
    )


FREE_STARTS, MORE_PATIENCE = 6, 2.0
"""So many starts a day are taken easily; each further one makes it go on at the minimum so many times as long."""


def _patience(draft: Draft, settings: LoadpointSettings) -> float:
    """Return how many times longer than usual it goes on at the minimum for the contactor's sake."""
    wear = draft.loadpoints[settings.id].memory.wear
    if wear is None or wear.starts <= FREE_STARTS:
        return 1.0
    return float(MORE_PATIENCE ** min(6, max(0, draft.wear_of(settings.id).starts - FREE_STARTS)))


def within(can: Range, room: Cap | None) -> Range:
    """Return what can be done within the room that the circuits leave."""
    if room is None:
        return can
    why = room.why if room.amps_a < can.max_a else can.cap_why
    return replace(can, max_a=min(can.max_a, room.amps_a), cap_why=why, hard_a=min(can.hard_a, room.amps_a))


def _fixed_a(draft: Draft, stance: Stance) -> int | None:
    """Return the current that a charging vehicle has, where no change of it can be paid for; None where it can."""
    facts, vehicle = stance.facts, stance.vehicle
    if facts is None or not stance.runs or not facts.amps_requested_a:
        return None
    if is_affordable(draft.spend_of(vehicle.id), vehicle.budget, vehicle.capabilities, RequestKind.COMMAND):
        return None
    return facts.amps_requested_a


def off(lp: LoadpointState, reason: Reason) -> LoadpointState:
    """Decide that the loadpoint does not charge."""
    return _rest(lp, reason, is_acting=True)


def leave(lp: LoadpointState, reason: Reason) -> LoadpointState:
    """Decide nothing: whatever the car does is not ours to change."""
    return _rest(lp, reason, is_acting=False)


def _rest(lp: LoadpointState, reason: Reason, *, is_acting: bool) -> LoadpointState:
    if (
        lp.reason == reason
        and lp.is_acting is is_acting
        and not lp.set_point.charge
        and lp.missed_wh == 0.0
        and not lp.scores
        and lp.import_wh == 0.0
        and lp.short_since_at is None
    ):
        return lp
    return replace(
        lp,
        set_point=SetPoint(phases=lp.set_point.phases),
        is_acting=is_acting,
        reason=reason,
        missed_wh=0.0,
        scores={},
        import_wh=0.0,
        short_since_at=None,
        raise_since_at=None,
    )


def is_wished(wish: Wish, vehicle: VehicleState) -> bool:
    """Return whether mode and override ask for charging and the target is not reached."""
    if wish.override is Override.STOP or vehicle.memory.target_reached:
        return False
    return wish.override is Override.CHARGE or wish.mode is not Mode.OFF


def is_complete(vehicle: VehicleState) -> bool:
    """Return whether the car says it is at its own limit."""
    facts = vehicle.memory.facts
    return facts is not None and facts.charging is Charging.COMPLETE and not is_charging(facts)
