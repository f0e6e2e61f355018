"""Where a SmartEVSE's limit of the sum of the mains comes from in its capacity modes: the time of day, or the month's peak.

Facts from dingo35/SmartEVSE-3.5 (`meter.cpp`, UpdateCapacity): a margin of 100 W, 230 V; in Flanders the highest average of a
quarter of an hour in a month is paid for, from 2500 W on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sunbox.dialects.smartevse.words import Capacity

MARGIN_W, NOMINAL_V = 100, 230
LEAST_PEAK_W = 2500
QUARTER_S = 900
LEAST_A = 1


def interval_limit_a(intervals: Sequence[tuple[int, int]], local: datetime) -> int | None:
    """Return the limit of the interval that runs now, None if there is none; before the first, the day's last goes on."""
    if not intervals:
        return None
    minute = local.hour * 60 + local.minute
    ordered = sorted(intervals)
    begun = [power_w for start_min, power_w in ordered if start_min <= minute]
    return amps_of(begun[-1] if begun else ordered[-1][1])


def amps_of(power_w: float) -> int:
    """Return the amps, sum of the phases, that leave a margin below a power."""
    return max(0, int((power_w - MARGIN_W) / NOMINAL_V))


@dataclass(slots=True)
class MonthlyPeak:
    """What the quarters of this month took."""

    peak_w: float = LEAST_PEAK_W
    month: int = 0
    quarter: int = -1
    began_wh: float = 0.0

    def limit_a(self, local: datetime, imported_wh: float) -> int:
        """Return the limit for what is left of this quarter.

        Args:
            local: the time on the wall.
            imported_wh: of the mains, of all time.
        """
        if local.month != self.month:
            self.month, self.peak_w = local.month, LEAST_PEAK_W
        quarter = local.hour * 4 + local.minute // 15
        if quarter != self.quarter:
            if self.quarter >= 0:
                self.peak_w = max(self.peak_w, (imported_wh - self.began_wh) * 3600 / QUARTER_S)
            self.quarter, self.began_wh = quarter, imported_wh
        left_s = QUARTER_S - (local.minute % 15 * 60 + local.second)
        left_wh = self.peak_w * QUARTER_S / 3600 - (imported_wh - self.began_wh)
        return max(LEAST_A, amps_of(left_wh * 3600 / left_s))


def limit_a(
    capacity: Capacity, intervals: Sequence[tuple[int, int]], peak: MonthlyPeak, local: datetime, imported_wh: float
) -> int | None:
    """Return the limit that a capacity mode sets now, None if it sets none."""
    if capacity is Capacity.INTERVAL:
        return interval_limit_a(intervals, local)
    return peak.limit_a(local, imported_wh) if capacity is Capacity.FLANDERS else None
