"""One phase or three: which the sun is worth, and when a switch is worth its gap.

On one phase little sun is enough to charge, on three there is no ceiling in the middle of the day. What the other number of
phases would gain adds up, in Wh, and the switch is made when it has gained twice what the gap costs, and for a while: less sun
counts soon (`phase_down_delay_s`), more sun later (`phase_up_delay_s`). Each further step up within a day costs more than
the one before, and there are only so many: contactors and cars wear. While nothing flows the choice is free, and made anew.

The cap per session and the slow way up are those of EVerest's EnergyManager, the reckoning is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sunbox.core.regulator import Range
from sunbox.core.state import Lean

START_MARGIN = 1.1
"""A start on three phases takes so many times the power of their minimum: on one phase it can be followed further down."""


GAPS = 2.0
"""A switch must have gained so many times what its gap loses: as likely as not, the way back is paid soon as well."""

DEARER = 1.7
"""Each step up costs so many times as much as the one before it on that day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the owner and the device say about switching."""

    gap_s: float
    up_delay_s: float
    down_delay_s: float
    most_ups: int


def leaning(
    lean: Lean | None, now: Range, other: Range, low_w: float, high_w: float, at: datetime, dt_s: float
) -> Lean | None:
    """Return what the other number of phases has gained over the present one, None while it gains nothing.

    Args:
        lean: what it had gained before.
        now: what can be done on the present phases.
        other: and on the others.
        low_w: low end of the surplus; it counts for more phases.
        high_w: high end; it counts for fewer.
        at: now.
        dt_s: seconds since the last reading.
    """
    surplus_w = low_w if other.phases > now.phases else high_w
    gain_w = _best_w(other, surplus_w) - _best_w(now, surplus_w)
    before_wh = lean.gain_wh if lean is not None and lean.phases == other.phases else 0.0
    gain_wh = before_wh + gain_w * dt_s / 3600.0
    if gain_wh <= 0.0 and gain_w <= 0.0:
        return None
    since_at = lean.since_at if lean is not None and before_wh > 0.0 else at
    return Lean(phases=other.phases, since_at=since_at, gain_wh=max(0.0, gain_wh))


def _best_w(can: Range, surplus_w: float) -> float:
    """Return what charging is worth on these phases at best, in W; where it may stop, that is nothing at the least."""
    worth_w = can.worth_w(can.best_a(surplus_w), surplus_w)
    return max(0.0, worth_w) if can.stops else worth_w


def price_wh(now: Range, other: Range, rules: Rules, ups: int) -> float:
    """Return what must have been gained before a switch: the sun that the gap loses, there and back, and more for each step up so far."""
    shift_w = max(now.min_w, other.min_w)
    return GAPS * rules.gap_s * shift_w / 3600.0 * float(DEARER ** min(ups, 10))


def is_worth(lean: Lean, now: Range, other: Range, rules: Rules, ups: int, at: datetime) -> bool:
    """Return whether to switch under way."""
    is_up = other.phases > now.phases
    if is_up and ups >= rules.most_ups:
        return False
    delay_s = rules.up_delay_s if is_up else rules.down_delay_s
    if (at - lean.since_at).total_seconds() < delay_s:
        return False
    return lean.gain_wh >= price_wh(now, other, rules, ups if is_up else 0)


def phases_to_start(few: Range, many: Range, low_w: float, *, may_rise: bool) -> int:
    """Return the phases with which a start is made."""
    if may_rise and low_w >= START_MARGIN * many.min_w * many.share:
        return many.phases
    return few.phases
