"""Surplus to set-point: what current is worth it, when a change is worth its command, when to start and when to stop.

The surplus is an interval, because the car's own draw is: raising needs the low end, lowering the high end. A command acts
late: what counts is the surplus by then, as far as its slope tells (`trend.py`).

*Worth.* Charging with P at a surplus S is worth min(P, S) − w · max(0, P − S): sun counts once, import counts w-fold. From the
share of sun that the owner asks for (100 % = sun only) follows w, and from w the share of a further ampere that must be sun.
Where the surplus cannot be told (clouds), a reserve is kept: import must not be likelier than 1 / (1 + w).

*Regret.* A change of current has a price in Wh (`economy.py`; 0 for free transports). What the present current loses against
the best one adds up, and as much is expected to go on for a while; when both have the price together, the change is made.

*Starting and stopping* count energy: a start after as much sun was missed as the minimum takes in `start_delay_s`, a stop after
as much was imported as it takes in `stop_delay_s`, and more where commands are dear.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log

from sunbox.core.reasons import Numbers, Reason, ReasonCode
from sunbox.core.state import LoadpointState, Scores
from sunbox.core.units import power_w, span
from sunbox.core.values import replace
from sunbox.core.wallbox import SetPoint

RAISE_AFTER_S = 9.0
"""How long more must have been possible before the current is raised: two readings of a 10-s meter in a row, one of a slow one."""

WEIGHT_MOST = 3.5
"""Import counts at most so many times as much as sun: with sun only, seven ninths of the last ampere must be sun."""

RESERVE, DEAR_RESERVE = 1.8, 3.9
"""How many times the reserve that errors of the usual spread ask for is kept; more where a change must be paid for, as a level
that was chosen then stays for longer than the spread is measured over."""

STOP_MOST_WH = 100.0
"""Most import at one cloud edge, whatever the delay."""

PATIENT_MOST_WH = 30.0
"""Most that patience alone lets be imported at one cloud edge."""

DEAR_PATIENCE, DEAR_COMMANDS, DEAR_MOST_WH = 1.8, 5.0, 35.0
"""Where commands must be paid for, a stop waits for more: so many times the owner's own delay, and what so many commands cost
(stop, start, the changes around them) if import counts as it does, but no more than so much."""

START_GOES_ON_S = 90.0
"""And so long from a start on: the current takes a while to flow."""

GOES_ON_S = 60.0
"""For so long what is seen now is expected to go on, where a command must be paid for."""

READING_MOST_S = 120.0
"""A longer gap between readings counts as this long."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """What the loadpoint can do now, and what it is asked for."""

    min_a: int
    max_a: int
    phases: int
    voltage_v: float
    start_delay_s: float
    stop_delay_s: float
    share: float = 1.0  #: of the power that must be sun, 0–1
    price_wh: float = 0.0  #: of a change of current
    start_price_wh: float = 0.0  #: what must have been missed before a start
    min_run_s: float = 0.0  #: no stop for want of sun sooner after a start
    min_pause_s: float = 0.0  #: no start sooner after a stop
    patience: float = 1.0  #: by how much longer it goes on at the minimum, because there were many starts today
    tolerance_w: float = 50.0  #: shortage that does not yet lower the current: the noise of meters
    overhead_w: float = 0.0  #: of the power that is worth nothing
    ahead_w: float = 0.0  #: by how much the surplus will have changed when a command acts
    spread_w: float = 0.0  #: by how much that is wrong, on average
    set_a: int | None = None  #: what the car is set to while it is off: a start with it needs no change
    stops: bool = True  #: False: stays at the minimum (min_pv)
    start_w: float | None = None  #: surplus with which a start is made, whatever the minimum takes
    import_w: float = 0.0  #: what may be drawn from the grid beside; the surplus is told with it
    stop_after_s: float | None = None  #: at the minimum it goes on so long without enough sun; 0 = for ever
    cap_why: str | None = None
    hard_a: int = 1000  #: hard cap, whatever was asked

    @property
    def unit_w(self) -> float:
        """Return the power of one ampere."""
        return self.phases * self.voltage_v

    @property
    def min_w(self) -> float:
        """Return the least power that charging takes."""
        return power_w(self.min_a, self.phases, self.voltage_v)

    @property
    def own_need_w(self) -> float:
        """Return the surplus from which the minimum is worth it."""
        return self.share * self.min_w + self.overhead_w

    @property
    def start_need_w(self) -> float:
        """Return the surplus from which a start is worth it."""
        return self.own_need_w if self.start_w is None else self.start_w + self.import_w

    @property
    def need_w(self) -> float:
        """Return the surplus from which it is worth it to go on: a threshold below the minimum is one in both directions."""
        own_need_w = self.own_need_w
        return own_need_w if self.start_w is None else min(own_need_w, self.start_need_w)

    @property
    def pauses(self) -> bool:
        """Return whether charging ends for want of sun."""
        return self.stops and self.stop_after_s != 0.0

    @property
    def start_wh(self) -> float:
        """Return the sun that must have been missed before a start, whatever commands cost."""
        return self.start_need_w * self.start_delay_s / 3600.0

    @property
    def own_stop_wh(self) -> float:
        """Return the shortage that the owner lets add up before a stop."""
        patience = DEAR_PATIENCE if self.price_wh > 0 else 1.0
        return min(STOP_MOST_WH, patience * self.share * self.min_w * self.stop_delay_s / 3600.0)

    @property
    def stop_wh(self) -> float:
        """Return the shortage that is followed by a stop, whatever else."""
        dear_wh = min(DEAR_MOST_WH, DEAR_COMMANDS * self.price_wh / (1.0 + self.weight))
        return min(STOP_MOST_WH, self.own_stop_wh + dear_wh)

    def seen_w(self, surplus_w: float) -> float:
        """Return a measured surplus as a current is chosen for it: where it goes, less a reserve of half of it at most."""
        weight = self.weight
        if weight <= 1.0 or surplus_w <= 0:
            return surplus_w + self.ahead_w
        reserve = DEAR_RESERVE if self.price_wh > 0 else RESERVE
        reserve_w = reserve * self.spread_w * log((1.0 + weight) / 2.0)
        return surplus_w + self.ahead_w - min(reserve_w, surplus_w / 2)

    @property
    def candidates(self) -> range | tuple[int, ...]:
        """Return the currents that can be set, off included where it may stop."""
        currents = range(self.min_a, self.max_a + 1)
        return (0, *currents) if self.pauses else currents

    @property
    def weight(self) -> float:
        """Return how many times import counts."""
        return WEIGHT_MOST if self.share >= 1.0 else min(WEIGHT_MOST, self.share / (1.0 - self.share))

    def best_a(self, surplus_w: float) -> int:
        """Return the current that is worth most at a surplus: each further ampere must be sun by w / (1 + w)."""
        weight = self.weight
        amps = int(surplus_w / self.unit_w + 1.0 / (1.0 + weight) + 1e-6) if surplus_w > 0 else 0
        return max(self.min_a, min(self.max_a, amps))

    def start_a(self, surplus_w: float) -> int:
        """Return the current to start with: what fits, or what the car is set to where a change would not pay."""
        fitting_a = self.fitting_a(surplus_w)
        if self.set_a is None or self.price_wh <= 0 or not self.min_a <= self.set_a <= self.max_a:
            return fitting_a
        set_w = self.worth_w(self.set_a, surplus_w)
        gain_wh = (self.worth_w(fitting_a, surplus_w) - set_w) * START_GOES_ON_S / 3600.0
        return self.set_a if set_w > 0 and gain_wh < self.price_wh else fitting_a

    def fitting_a(self, surplus_w: float) -> int:
        """Return the whole amps for which a start is made, from the minimum up to the maximum."""
        amps = int(surplus_w / self.unit_w + (1.0 - self.share) + 1e-6) if surplus_w > 0 else 0
        return max(self.min_a, min(self.max_a, amps))

    def worth_w(self, amps: int, surplus_w: float) -> float:
        """Return what charging with so many amps is worth at a surplus, in W."""
        used_w = amps * self.unit_w
        sun_w = min(used_w, max(0.0, surplus_w))
        return sun_w - self.weight * (used_w - sun_w) - self.overhead_w


def decide_from_surplus(
    lp: LoadpointState, can: Range, low_w: float, high_w: float, at: datetime, *, runs: bool, dt_s: float
) -> LoadpointState:
    """Return the loadpoint with the set-point, integrals and reason that a grid reading with this surplus asks for.

    Args:
        lp: the loadpoint before.
        can: its range.
        low_w: low end of the surplus in W, the car's own draw included.
        high_w: high end.
        at: now.
        runs: the car charges already. Until it does (it is being woken or started) the set-point follows the surplus freely.
        dt_s: seconds since the last reading; 0 = the same reading again: integrals stand still.
    """
    dt_s = min(dt_s, READING_MOST_S)
    if not lp.set_point.charge:
        return _while_paused(lp, can, low_w, at, dt_s)
    if runs:
        return _while_charging(lp, can, low_w, high_w, at, dt_s)
    return _while_starting(lp, can, low_w, at, dt_s)


def _while_starting(lp: LoadpointState, can: Range, low_w: float, at: datetime, dt_s: float) -> LoadpointState:
    """Follow the surplus while nothing flows yet; call the start off when it is gone."""
    if can.stops and low_w < can.need_w - can.tolerance_w:
        return _while_paused(replace(lp, set_point=SetPoint(phases=can.phases)), can, low_w, at, dt_s)
    return _started(lp, can, low_w)


def _started(lp: LoadpointState, can: Range, low_w: float, at: datetime | None = None) -> LoadpointState:
    """Charge with what there is; `at` is when a start is made."""
    start_a = can.start_a(min(low_w, can.seen_w(low_w)))
    return replace(
        lp,
        set_point=SetPoint(charge=True, amps_a=start_a, phases=can.phases),
        missed_wh=0.0,
        switched_at=at or lp.switched_at,
        scores={},
        import_wh=0.0,
        short_since_at=None,
        raise_since_at=None,
        reason=_charging(ReasonCode.CHARGING_PV, can, start_a, low_w),
    )


def _while_paused(lp: LoadpointState, can: Range, low_w: float, at: datetime, dt_s: float) -> LoadpointState:
    """Start once enough was missed: much sun starts sooner than little, a gap in it takes back what it would have cost."""
    if not can.stops:
        return _started(lp, can, low_w, at)
    need_w = can.start_need_w
    gain_w = low_w if low_w >= need_w else can.weight * (low_w - need_w)
    missed_wh = max(0.0, lp.missed_wh + gain_w * dt_s / 3600.0)
    changes_at = None
    code = ReasonCode.SURPLUS_LOW
    numbers = _needs(can, low_w, need_w)
    if low_w >= need_w:
        pause_ends_at = at if lp.switched_at is None else lp.switched_at + span(can.min_pause_s)
        start_wh = can.start_wh
        will_last = low_w + can.ahead_w >= need_w
        if will_last and missed_wh >= max(start_wh, can.start_price_wh) and at >= pause_ends_at:
            return _started(lp, can, low_w, at)
        left_wh = start_wh - missed_wh
        code = ReasonCode.START_PRICE if left_wh <= 0 < can.start_price_wh - missed_wh else ReasonCode.SURPLUS_STARTING
        numbers |= {"missed_wh": missed_wh, "start_wh": start_wh, "price_wh": can.start_price_wh}
        if code is ReasonCode.SURPLUS_STARTING:
            changes_at = max(pause_ends_at, at + timedelta(seconds=max(0.0, left_wh) * 3600.0 / max(1.0, low_w)))
    return replace(
        lp,
        set_point=_set_point(lp, None, can.phases),
        missed_wh=missed_wh,
        scores={},
        import_wh=0.0,
        short_since_at=None,
        reason=Reason(code, numbers, changes_at),
    )


def _while_charging(
    lp: LoadpointState, can: Range, low_w: float, high_w: float, at: datetime, dt_s: float
) -> LoadpointState:
    now_a = min(max(lp.set_point.amps_a, can.min_a), can.max_a)
    need_w = can.need_w
    imported_wh = lp.import_wh
    if dt_s > 0:
        imported_wh = max(0.0, imported_wh + min(can.min_w, need_w - high_w) * dt_s / 3600.0)
    short_since_at = (lp.short_since_at or at) if high_w < need_w - can.tolerance_w else None
    seen_low_w = can.seen_w(low_w)
    seen_high_w = seen_low_w if low_w == high_w else can.seen_w(high_w)
    new_a, scores, raise_since_at, raise_to_a = _next_current(lp, can, now_a, seen_low_w, seen_high_w, at, dt_s)
    new_a, pays_to_stop = max(new_a, can.min_a), new_a == 0
    stop_wh, stops_at = 0.0, None
    if short_since_at is not None:
        stop_wh = can.own_stop_wh if pays_to_stop else can.stop_wh
        stop_wh = max(stop_wh, min(PATIENT_MOST_WH, can.patience * stop_wh))
        if can.stop_after_s:
            stops_at = short_since_at + timedelta(seconds=can.stop_after_s)
        is_over = imported_wh >= stop_wh if can.stop_after_s is None else stops_at is not None and at >= stops_at
        has_run = lp.switched_at is None or (at - lp.switched_at).total_seconds() >= can.min_run_s
        if is_over and has_run and can.pauses:
            return replace(
                lp,
                set_point=SetPoint(phases=can.phases),
                missed_wh=0.0,
                switched_at=at,
                scores={},
                import_wh=0.0,
                short_since_at=None,
                raise_since_at=None,
                reason=Reason(ReasonCode.SURPLUS_LOW, _needs(can, high_w, need_w)),
            )
    if short_since_at is not None and new_a == can.min_a:
        reason = _minimum(can, high_w, at, stops_at, {"import_wh": imported_wh, "stop_wh": stop_wh})
    else:
        reason = _current(can, new_a, low_w if new_a > now_a else high_w, scores)
    return replace(
        lp,
        set_point=_set_point(lp, new_a, can.phases),
        import_wh=imported_wh,
        short_since_at=short_since_at,
        missed_wh=0.0,
        scores=scores,
        raise_since_at=raise_since_at,
        raise_to_a=raise_to_a,
        reason=reason,
    )


def _set_point(lp: LoadpointState, amps: int | None, phases: int) -> SetPoint:
    """Return the set-point to charge with so many amps, None = not at all; the one before where it says the same."""
    was, charge, amps = lp.set_point, amps is not None, amps or 0
    if was.amps_a == amps and was.phases == phases and was.charge is charge:
        return was
    return SetPoint(charge=charge, amps_a=amps, phases=phases)


def _minimum(can: Range, surplus_w: float, at: datetime, stops_at: datetime | None, so_far: Numbers) -> Reason:
    """Return why it goes on at the minimum without enough sun, and for how long."""
    if not can.pauses:
        keeper = "a stop timer of 0" if can.stops else "mode min_pv"
        return _charging(ReasonCode.CHARGING_GUARANTEED, can, can.min_a, surplus_w, more={"keeper": keeper})
    if stops_at is None:
        return _charging(ReasonCode.CHARGING_MINIMUM, can, can.min_a, surplus_w, more=so_far)
    stop_s = can.stop_after_s or 0.0
    so_far = {"stop_s": stop_s, "short_s": stop_s - (stops_at - at).total_seconds()}
    return _charging(ReasonCode.CHARGING_MINIMUM, can, can.min_a, surplus_w, max(at, stops_at), more=so_far)


def _current(can: Range, amps: int, surplus_w: float, scores: Scores) -> Reason:
    """Return why it charges with so many amps: for the sun, or because a better current is not worth its command yet."""
    if scores and scores[best_a := _best_of(scores)] > 0.05 * can.price_wh:
        more = {"best_a": best_a, "lost_wh": scores[best_a], "price_wh": can.price_wh}
        return _charging(ReasonCode.CHARGING_HELD, can, amps, surplus_w, more=more)
    return _charging(ReasonCode.CHARGING_PV, can, amps, surplus_w)


def _needs(can: Range, surplus_w: float, needed_w: float) -> dict[str, float | int | str]:
    """Return the arithmetic of what is needed to start or to go on."""
    numbers: dict[str, float | int | str] = {
        "surplus_w": surplus_w,
        "needed_w": needed_w,
        "amps_a": can.min_a,
        "phases": can.phases,
        "voltage_v": can.voltage_v,
    }
    if can.share < 1.0:
        numbers["share"] = f", of which {100 * can.share:.0f} % must be sun"
    if can.overhead_w > 0.0:
        numbers["share"] = f"{numbers.get('share', '')}, and {can.overhead_w:.0f} W that the car needs for itself"
    if can.start_w is not None and needed_w != can.own_need_w:
        numbers["share"] = f"{numbers.get('share', '')}, and {can.start_w:.0f} W was asked for"
    return _with_import(numbers, can)


def _with_import(numbers: dict[str, float | int | str], can: Range) -> dict[str, float | int | str]:
    """Say how much of the surplus is none."""
    if can.import_w > 0.0:
        numbers["share"] = f"{numbers.get('share', '')}, with {can.import_w:.0f} W that may come from the grid"
    return numbers


def _next_current(
    lp: LoadpointState, can: Range, now_a: int, low_w: float, high_w: float, at: datetime, dt_s: float
) -> tuple[int, Scores, datetime | None, int]:
    """Return the current to charge with (0 = stop), and what is added up towards the next change."""
    if can.price_wh > 0:
        if dt_s <= 0:  # the same reading again
            return now_a, lp.scores, None, 0
        scores, change_a = _scored(can, lp.scores, now_a, low_w, high_w, dt_s)
        return (now_a, scores, None, 0) if change_a is None else (change_a, {}, None, 0)
    if high_w < now_a * can.unit_w - can.tolerance_w and can.best_a(high_w) < now_a:
        return can.best_a(high_w), {}, None, 0
    if dt_s <= 0:
        return now_a, {}, lp.raise_since_at, lp.raise_to_a
    if (possible_a := can.best_a(low_w)) <= now_a:
        return now_a, {}, None, 0
    since_at = lp.raise_since_at or at - timedelta(seconds=dt_s / 2.0)  # it began between two readings
    to_a = min(possible_a, lp.raise_to_a) if lp.raise_since_at is not None else possible_a
    if (at - since_at).total_seconds() >= RAISE_AFTER_S:
        return to_a, {}, None, 0
    return now_a, {}, since_at, to_a


def _scored(
    can: Range, scores: Scores, now_a: int, low_w: float, high_w: float, dt_s: float
) -> tuple[Scores, int | None]:
    """Return per current what it would have gained over the present one since it began to gain, in Wh, and the one to change to.

    A cumulative sum that starts anew whenever it falls below nothing: a level that the gaps between the clouds do not
    carry loses again what it gained, one that they carry does not. A change pays when what was gained, and what is gained now
    if it goes on, have its price together.
    """
    hours = dt_s / 3600.0
    goes_on_h = min(GOES_ON_S, 6.0 * dt_s) / 3600.0
    unit_w, weight = can.unit_w, can.weight
    low_w, high_w = max(0.0, low_w), max(0.0, high_w)
    now_w = now_a * unit_w
    now_low_w = now_w if low_w >= now_w else low_w - weight * (now_w - low_w)
    now_high_w = now_w if high_w >= now_w else high_w - weight * (now_w - high_w)
    new: Scores = {}
    best_a, most_wh = None, can.price_wh
    for amps in can.candidates:
        if amps == now_a:
            continue
        used_w = amps * unit_w
        if amps > now_a:
            gain_w = (used_w if low_w >= used_w else low_w - weight * (used_w - low_w)) - now_low_w
        else:
            gain_w = (used_w if high_w >= used_w else high_w - weight * (used_w - high_w)) - now_high_w
        score = scores.get(amps, 0.0) + gain_w * hours
        if score > 0:
            new[amps] = score
            if (worth_wh := score + gain_w * goes_on_h) >= most_wh and (best_a is None or worth_wh > most_wh):
                best_a, most_wh = amps, worth_wh
    return new, best_a


def _best_of(scores: Scores) -> int:
    """Return the current with the highest score, the smallest of several; 0 also where there is none."""
    return max(sorted(scores), key=scores.__getitem__, default=0)


def _charging(
    code: ReasonCode,
    can: Range,
    amps: int,
    surplus_w: float,
    changes_at: datetime | None = None,
    more: Numbers | None = None,
) -> Reason:
    """Return why it charges with so many amps, with the arithmetic that all such reasons have, and `more`."""
    numbers: dict[str, float | int | str] = {
        "amps_a": amps,
        "surplus_w": surplus_w,
        "used_w": power_w(amps, can.phases, can.voltage_v),
        "phases": can.phases,
        "voltage_v": can.voltage_v,
    }
    if can.share < 1.0:
        numbers["share"] = f", {100 * can.share:.0f} % must be sun"
    numbers = _with_import(numbers, can)
    if can.cap_why is not None and amps >= can.max_a:
        numbers["cap"] = f" (limited to {can.max_a} A by {can.cap_why})"
    if more is not None:
        numbers |= more
    return Reason(code, numbers, changes_at)
