"""Deciding without a grid reading: never ramp up, hold for a grace time, the minimum for as long again, stop. Only `now` goes on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sunbox.core.meters import why_blind
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.stance import off
from sunbox.core.values import replace
from sunbox.core.wallbox import SetPoint

if TYPE_CHECKING:
    from sunbox.core.draft import Draft
    from sunbox.core.regulator import Range
    from sunbox.core.state import LoadpointState

FIRST_READING_S = 30.0
"""How long the first reading may take."""


def stale_s(draft: Draft) -> float | None:
    """Return for how long the grid data has been stale in s, None while it is fresh.

    Where nothing tells how old it may be, it may be half a minute old; before the first reading the start counts as one.
    """
    return _since_s(draft, draft.site.fresh_until_at) if draft.site.is_stale else None


def _old_s(draft: Draft) -> float | None:
    """Return the same for a fuse: it does not wait for a meter that is asked rarely for the sake of its budget."""
    old_at = draft.site.old_at
    is_old = draft.site.is_stale or (old_at is not None and draft.at > old_at)
    return _since_s(draft, old_at) if is_old else None


def _since_s(draft: Draft, over_at: datetime | None) -> float:
    since_at = over_at or _seen_at(draft) + timedelta(seconds=FIRST_READING_S)
    return max(0.0, (draft.at - since_at).total_seconds())


def _seen_at(draft: Draft) -> datetime:
    """Return when the grid was last measured, also where its meter has answered since then and knew nothing."""
    return draft.site.grid_at or draft.weighed_at or draft.began_at


def follow_blindly(draft: Draft, lp: LoadpointState, can: Range, blind_s: float) -> LoadpointState:
    """Go on without sun to be seen: hold for the grace time, then the minimum, then stop (unless the minimum is guaranteed)."""
    site = draft.settings.site
    age_s = (draft.at - _seen_at(draft)).total_seconds()
    stops_s = 2.0 * site.stale_grace_s
    if can.stops and (not lp.set_point.charge or blind_s >= stops_s):
        return off(lp, why_blind(draft, age_s))
    is_grace = blind_s < site.stale_grace_s
    amps = min(lp.set_point.amps_a, can.max_a) if is_grace and lp.set_point.charge else can.min_a
    amps = max(amps, can.min_a)
    next_s = site.stale_grace_s if is_grace else stops_s
    return replace(
        lp,
        set_point=SetPoint(charge=True, amps_a=amps, phases=can.phases),
        is_acting=True,
        raise_since_at=None,
        reason=Reason(
            ReasonCode.GRID_STALE_HOLD,
            {"amps_a": amps, "age_s": age_s},
            draft.at + timedelta(seconds=next_s - blind_s) if blind_s < next_s else None,
        ),
    )


def safe_a(draft: Draft, lp: LoadpointState, can: Range) -> int:
    """Return the current of who charges without regard to the sun: blind to the fuse, never more than now, and then the minimum."""
    blind_s = _old_s(draft)
    if blind_s is None or draft.settings.site.main_fuse_a is None:
        return can.max_a
    grace_s = draft.settings.site.stale_grace_s
    if blind_s >= grace_s:
        return min(can.max_a, can.min_a)
    draft.wait_for(draft.at + timedelta(seconds=grace_s - blind_s))
    held_a = lp.set_point.amps_a if lp.set_point.charge else can.min_a
    return min(can.max_a, max(held_a, can.min_a))
