"""Surplus to set-point: what current is worth it, when a change is worth its command, when to start and when to stop.

The surplus is an interval, because the car's own draw is: raising needs the low end, lowering the high end.

*Worth.* Charging with P at a surplus S is worth min(P, S) − w · max(0, P − S): sun counts once, import counts w-fold. From the
share of sun that the owner asks for (100 % = sun only) follows w, and from w the share of a further ampere that must be sun.

*Regret.* A change of current has a price in Wh (`economy.py`; 0 for free transports). What the present current loses against
the best one adds up; when it has lost the price, the change is made, to the current that would have been best since the loss
began. Nobody who does not know the future does better than twice the best in the worst case (ski rental).

*Stopping* counts import: at the minimum, when it has added up to as much as `stop_delay_s` of full shortage.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.state import LoadpointState, Scores
from sunbox.core.units import power_w
from sunbox.core.values import replace
from sunbox.core.wallbox import SetPoint

RAISE_AFTER_S = 9.0
"""How long more must have been possible before the current is raised: two readings of a 10-s meter in a row."""

SLACK_W = 50.0
"""Shortage that does not yet lower the current: the noise of meters, not worth a command."""

WEIGHT_MOST = 8.0
"""Import counts at most so many times as much as sun: with sun only, eight ninths of the last ampere must be sun."""

STOP_MOST_WH = 120.0
"""Most import at one cloud edge, whatever the delay."""

READING_MOST_S = 120.0
"""A longer gap between readings counts as this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
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
    stop_price_wh: float = 0.0  #: what must have been lost before a stop
    stops: bool = True  #: False: stays at the minimum (min_pv)
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
    def candidates(self) -> range | tuple[int, ...]:
        """Return the currents that can be set, off included where it may stop."""
        currents = range(self.min_a, self.max_a + 1)
        return (0, *currents) if self.stops else currents

    @property
    def weight(self) -> float:
        """Return how many times import counts."""
        return WEIGHT_MOST if self.share >= 1.0 else min(WEIGHT_MOST, self.share / (1.0 - self.share))

    def best_a(self, surplus_w: float) -> int:
        """Return the current that is worth most at a surplus: each further ampere must be sun by w / (1 + w)."""
        weight = self.weight
        amps = int(surplus_w / self.unit_w + 1.0 / (1.0 + weight) + 1e-6) if surplus_w > 0 else 0
        return max(self.min_a, min(self.max_a, amps))

    def fitting_a(self, surplus_w: float) -> int:
        """Return the whole amps for which a start is made, from the minimum up to the maximum."""
        amps = int(surplus_w / self.unit_w + (1.0 - self.share) + 1e-6) if surplus_w > 0 else 0
        return max(self.min_a, min(self.max_a, amps))

    def worth_w(self, amps: int, surplus_w: float) -> float:
        """Return what charging with so many amps is worth at a surplus, in W."""
        used_w = amps * self.phases * self.voltage_v
        if surplus_w >= used_w:
            return used_w
        sun_w = max(0.0, surplus_w)
        return sun_w - self.weight * (used_w - sun_w)


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
    if can.stops and low_w < can.share * can.min_w - SLACK_W:
        return _while_paused(replace(lp, set_point=SetPoint(phases=can.phases)), can, low_w, at, dt_s)
    start_a = can.fitting_a(low_w)
    return replace(
        lp,
        set_point=SetPoint(charge=True, amps_a=start_a, phases=can.phases),
        scores={},
        import_wh=0.0,
        raise_since_at=None,
        reason=_charging(ReasonCode.CHARGING_PV, can, start_a, low_w, None),
    )


def _while_paused(lp: LoadpointState, can: Range, low_w: float, at: datetime, dt_s: float) -> LoadpointState:
    numbers: dict[str, float | int | str] = {
        "surplus_w": low_w,
        "needed_w": can.share * can.min_w,
        "amps_a": can.min_a,
        "phases": can.phases,
        "voltage_v": can.voltage_v,
        "delay_s": can.start_delay_s,
    }
    if can.share < 1.0:
        numbers["share"] = f", of which {100 * can.share:.0f} % must be sun"
    if can.stops and low_w < can.share * can.min_w:
        return replace(
            lp,
            set_point=SetPoint(phases=can.phases),
            enough_since_at=None,
            scores={},
            import_wh=0.0,
            reason=Reason(ReasonCode.SURPLUS_LOW, numbers),
        )
    since_at = lp.enough_since_at or at
    starts_at = since_at + timedelta(seconds=can.start_delay_s)
    start_a = can.fitting_a(low_w)
    scores: Scores = {}
    missed_wh = 0.0
    if can.price_wh > 0:
        scores = _scored(can, lp.scores, 0, low_w, low_w, dt_s)
        missed_wh = max(scores.values(), default=0.0)
        start_a = max(can.min_a, min(_best_of(scores) or start_a, can.max_a))
    if can.stops and (at < starts_at or missed_wh < can.start_price_wh):
        if at >= starts_at:
            numbers |= {"missed_wh": missed_wh, "price_wh": can.start_price_wh}
        code = ReasonCode.SURPLUS_STARTING if at < starts_at else ReasonCode.START_PRICE
        return replace(
            lp,
            set_point=SetPoint(phases=can.phases),
            enough_since_at=since_at,
            scores=scores,
            reason=Reason(code, numbers, starts_at if at < starts_at else None),
        )
    return replace(
        lp,
        set_point=SetPoint(charge=True, amps_a=start_a, phases=can.phases),
        enough_since_at=None,
        scores={},
        import_wh=0.0,
        raise_since_at=None,
        reason=_charging(ReasonCode.CHARGING_PV, can, start_a, low_w, None),
    )


def _while_charging(
    lp: LoadpointState, can: Range, low_w: float, high_w: float, at: datetime, dt_s: float
) -> LoadpointState:
    now_a = min(max(lp.set_point.amps_a, can.min_a), can.max_a)
    imported_wh = lp.import_wh
    if dt_s > 0:
        short_w = min(can.min_w, can.share * can.min_w - high_w)
        imported_wh = max(0.0, imported_wh + short_w * dt_s / 3600.0)
    stop_wh = min(can.min_w * can.stop_delay_s / 3600.0, STOP_MOST_WH) * can.share
    is_short = high_w < can.share * can.min_w - SLACK_W
    new_a, scores, raise_since_at, raise_to_a = _next_current(lp, can, now_a, low_w, high_w, at, dt_s)
    if can.stops and ((is_short and imported_wh >= stop_wh) or new_a == 0):
        numbers: dict[str, float | int | str] = {
            "surplus_w": high_w,
            "needed_w": can.share * can.min_w,
            "amps_a": can.min_a,
            "phases": can.phases,
            "voltage_v": can.voltage_v,
        }
        return replace(
            lp,
            set_point=SetPoint(phases=can.phases),
            enough_since_at=None,
            scores={},
            import_wh=0.0,
            raise_since_at=None,
            reason=Reason(ReasonCode.SURPLUS_LOW, numbers),
        )
    shown_w = low_w if new_a > now_a else high_w
    if is_short and new_a == can.min_a:
        reason = _charging(ReasonCode.CHARGING_MINIMUM, can, new_a, high_w, None)
        reason = replace(reason, numbers={**reason.numbers, "import_wh": imported_wh, "stop_wh": stop_wh})
    elif scores and scores[best_a := _best_of(scores)] > 0.05 * can.price_wh:
        reason = _charging(ReasonCode.CHARGING_HELD, can, new_a, shown_w, None)
        more = {"best_a": best_a, "lost_wh": scores[best_a], "price_wh": can.price_wh}
        reason = replace(reason, numbers={**reason.numbers, **more})
    else:
        reason = _charging(ReasonCode.CHARGING_PV, can, new_a, shown_w, None)
    return replace(
        lp,
        set_point=SetPoint(charge=True, amps_a=new_a, phases=can.phases),
        import_wh=imported_wh,
        scores=scores,
        raise_since_at=raise_since_at,
        raise_to_a=raise_to_a,
        reason=reason,
    )


def _next_current(
    lp: LoadpointState, can: Range, now_a: int, low_w: float, high_w: float, at: datetime, dt_s: float
) -> tuple[int, Scores, datetime | None, int]:
    """Return the current to charge with (0 = stop), and what is added up towards the next change."""
    if can.price_wh > 0:
        scores = _scored(can, lp.scores, now_a, low_w, high_w, dt_s)
        best_a = _best_of(scores)
        price_wh = can.stop_price_wh if best_a == 0 else can.price_wh
        if scores and scores[best_a] >= price_wh:
            return best_a, {}, None, 0
        return now_a, scores, None, 0
    if high_w < now_a * can.unit_w - SLACK_W and can.best_a(high_w) < now_a:
        return can.best_a(high_w), {}, None, 0
    if dt_s <= 0:  # the same reading again
        return now_a, {}, lp.raise_since_at, lp.raise_to_a
    if (possible_a := can.best_a(low_w)) <= now_a:
        return now_a, {}, None, 0
    since_at = lp.raise_since_at or at
    to_a = min(possible_a, lp.raise_to_a) if lp.raise_since_at is not None else possible_a
    if (at - since_at).total_seconds() >= RAISE_AFTER_S:
        return to_a, {}, None, 0
    return now_a, {}, since_at, to_a


def _scored(can: Range, scores: Scores, now_a: int, low_w: float, high_w: float, dt_s: float) -> Scores:
    """Return per current what it would have gained over the present one since it began to gain, in Wh (0 A = off).

    A cumulative sum that starts anew whenever it falls below nothing: a level that the gaps between the clouds do not
    carry loses again what it gained, one that they carry does not.
    """
    if dt_s <= 0:
        return scores
    hours = dt_s / 3600.0
    now_low, now_high = can.worth_w(now_a, low_w), can.worth_w(now_a, high_w)
    new: Scores = {}
    for amps in can.candidates:
        if amps == now_a:
            continue
        gain_w = can.worth_w(amps, low_w) - now_low if amps > now_a else can.worth_w(amps, high_w) - now_high
        score = scores.get(amps, 0.0) + gain_w * hours
        if score > 0:
            new[amps] = score
    return new


def _best_of(scores: Scores) -> int:
    """Return the current with the highest score, the smallest of several; 0 also where there is none."""
    return max(sorted(scores), key=lambda amps: scores[amps], default=0)


def _charging(code: ReasonCode, can: Range, amps: int, surplus_w: float, changes_at: datetime | None) -> Reason:
    numbers: dict[str, float | int | str] = {
        "amps_a": amps,
        "surplus_w": surplus_w,
        "used_w": power_w(amps, can.phases, can.voltage_v),
        "phases": can.phases,
        "voltage_v": can.voltage_v,
    }
    if can.cap_why is not None and amps >= can.max_a:
        numbers["cap"] = f" (limited to {can.max_a} A by {can.cap_why})"
    return Reason(code, numbers, changes_at)
