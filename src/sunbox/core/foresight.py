"""The surplus as far as the sun tells more of it than the grid: while a command is under way, and until the next one acts."""

from __future__ import annotations

from dataclasses import dataclass
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
    grid_at = site.grid_at
    low_w, high_w = surplus.low_w, surplus.high_w
    sun_w = site.pv_w if site.pv_at == grid_at else None
    if sun_w is not None and not site.has_battery:
        if low_w >= high_w:
            draft.house_w = sun_w - low_w
        elif draft.house_w is not None:
            low_w = high_w = max(low_w, min(high_w, sun_w - draft.house_w))
    if grid_at is not None and (sun_w is not None or low_w >= high_w):
        power_w = low_w if sun_w is None else sun_w
        draft.trend = seen(draft.trend, draft.grid_s, power_w, is_sun=sun_w is not None)
    return surplus if low_w == surplus.low_w and high_w == surplus.high_w else Draw(low_w, high_w)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Where the surplus is going, as far as that is the same for all loadpoints."""

    w_per_s: float
    spread_w: float  #: by how much that is wrong, on average
    age_s: float = 0.0  #: of the last reading
    interval_s: float = 0.0  #: between the last two

    def ahead_w(self, settle_s: float) -> float:
        """Return by how much the surplus will have changed when a command acts, and until the next one could, on average."""
        return self.w_per_s * min(AHEAD_MOST_S, self.age_s + settle_s + self.interval_s / 2)


def outlook(draft: Draft) -> Outlook:
    """Return where the surplus is going: nowhere as far as is known, unless the trend knows the last reading."""
    grid_at, trend = draft.site.grid_at, draft.trend
    if grid_at is None or trend.at_s != draft.grid_s:
        return Outlook(0.0, trend.spread_w)
    interval_s = trend.at_s - trend.samples[-2][0] if len(trend.samples) > 1 else 0.0
    return Outlook(trend.ahead_w(1.0), trend.spread_w, (draft.at - grid_at).total_seconds(), interval_s)
