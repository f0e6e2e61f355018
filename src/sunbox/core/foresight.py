"""The surplus as far as the sun tells more of it than the grid: while a command is under way, and until the next one acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sunbox.core.model import Draw
from sunbox.core.trend import seen

if TYPE_CHECKING:
    from sunbox.core.draft import Draft

AHEAD_MOST_S = 60.0
"""No slope at the edge of a cloud goes on for longer."""


def observed(draft: Draft, surplus: Draw) -> Draw:
    """Return the surplus, cars included, narrowed by what the sun's own power tells, and note where it is going.

    While a command is under way the cars' draw is only known as an interval. The sun and the house do not depend on it: the
    house is taken to use what it did when the draw was last known, as far as the interval allows.
    """
    site = draft.site
    low_w, high_w = surplus.low_w, surplus.high_w
    sun_w = site.pv_w if site.pv_at == site.grid_at else None
    if sun_w is not None and not site.has_battery:
        if low_w >= high_w:
            draft.house_w = sun_w - low_w
        elif draft.house_w is not None:
            low_w = high_w = max(low_w, min(high_w, sun_w - draft.house_w))
    if site.grid_at is not None and (sun_w is not None or low_w >= high_w):
        power_w = low_w if sun_w is None else sun_w
        draft.trend = seen(draft.trend, site.grid_at.timestamp(), power_w, is_sun=sun_w is not None)
    return Draw(low_w, high_w)


def ahead_w(draft: Draft, settle_s: float) -> float:
    """Return by how much the surplus will have changed when a command acts, and until the next one could, on average."""
    grid_at, trend = draft.site.grid_at, draft.trend
    if grid_at is None or trend.at_s != grid_at.timestamp():
        return 0.0
    age_s = (draft.at - grid_at).total_seconds()
    interval_s = trend.at_s - trend.samples[-2][0] if len(trend.samples) > 1 else 0.0
    return trend.ahead_w(min(AHEAD_MOST_S, age_s + settle_s + interval_s / 2))
