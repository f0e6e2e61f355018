"""Where the sun's power is going: a rise or fall at the edge of a cloud lasts for tens of seconds, and a command acts late.

How far a slope may be trusted is not assumed but learned: each change over a span is compared with the change over the span
before it. Where one tells nothing about the next, nothing is extrapolated. What is then still missed, on average, is the
spread: nothing under a clear sky, much between clouds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SPAN_S = 20.0
"""Over so long a slope is measured, at least: longer than the noise of a 1-s meter, shorter than the edge of a cloud."""

SLOPE_MOST_S = 75.0
"""Over a longer span nothing is extrapolated: the edge of a cloud has passed by then."""

SPREAD_MOST_S = 45.0
"""Over a longer span nothing missed is learned: a reserve against what happens in a minute costs more sun than it saves import."""

KEEP_EACH_S = 5.0
"""Of faster readings one is kept in so long, and learned from."""

GAP_S = 150.0
"""A longer gap between readings begins anew."""

LEARN_S = 7200.0
"""Time constant with which it is learned how far a slope tells the next one."""

SPREAD_S = 600.0
"""Time constant of the spread: as long as a group of clouds."""

PRIOR_W = 100.0
"""Changes that count for the first guess, that half of a slope goes on."""

RELIANCE_FIRST, RELIANCE_MOST = 0.5, 1.2


@dataclass(frozen=True, slots=True)
class Trend:
    """What the readings so far tell of the next ones."""

    samples: tuple[tuple[float, float], ...] = ()  #: (s, W), the last two spans
    slope_w_per_s: float = 0.0  #: over the last span
    products: float = 0.0  #: mean of change × change before
    squares: float = 0.0  #: mean of change before, squared
    spread_root: float = 0.0  #: mean of the root of what is missed over a span
    at_s: float = 0.0  #: of the last reading

    @property
    def spread_w(self) -> float:
        """Return what is usually missed over a span, in W: what is missed seldom, however much, tells little of the usual."""
        return self.spread_root * self.spread_root

    @property
    def reliance(self) -> float:
        """Return the share of a slope that goes on."""
        prior = PRIOR_W * PRIOR_W
        learned = (self.products + RELIANCE_FIRST * prior) / (self.squares + prior)
        return min(RELIANCE_MOST, max(0.0, learned))

    def ahead_w(self, seconds: float) -> float:
        """Return by how much the power is expected to have changed `seconds` after the last reading."""
        return self.reliance * self.slope_w_per_s * seconds if self.slope_w_per_s else 0.0


def seen(trend: Trend, at_s: float, power_w: float, *, is_sun: bool) -> Trend:
    """Return the trend after a new reading.

    Args:
        trend: the trend before.
        at_s: instant of the reading, in s.
        power_w: what was measured.
        is_sun: it is the sun's power alone. Else the house switches in steps, which do not go on: then only a slope counts
            that both halves of the span agree on.
    """
    samples = trend.samples
    passed_s = at_s - trend.at_s
    if samples and not 0.0 < passed_s <= GAP_S:
        if passed_s == 0.0:
            return trend
        samples = ()
    elif samples and at_s - samples[-1][0] < KEEP_EACH_S - 0.5:
        return Trend(samples, trend.slope_w_per_s, trend.products, trend.squares, trend.spread_root, at_s)
    kept_s = at_s - samples[-1][0] if samples else 0.0
    old = older = None
    middle = samples[-1] if samples else None
    first = len(samples)  #: of those that are still of use
    while first and older is None:
        first -= 1
        sample = samples[first]
        if old is None:
            if at_s - sample[0] >= SPAN_S - 0.5:
                old = sample
            elif at_s - sample[0] <= SPAN_S / 2 + 0.5:
                middle = sample
        elif old[0] - sample[0] >= SPAN_S - 0.5:
            older = sample
    slope = 0.0
    products, squares, spread_root = trend.products, trend.squares, trend.spread_root
    if old is not None:
        span_s = at_s - old[0]
        slope = (power_w - old[1]) / span_s if span_s <= SLOPE_MOST_S else 0.0
        if not is_sun:
            slope = _agreed(slope, old, middle or old, at_s, power_w)
        if older is not None:
            change_w, before_w = power_w - old[1], (old[1] - older[1]) / (old[0] - older[0]) * span_s
            part = 1.0 - math.exp(-kept_s / LEARN_S)
            products += part * (change_w * before_w - products)
            squares += part * (before_w * before_w - squares)
            missed_w = abs(change_w - trend.reliance * before_w)
            if span_s <= SPREAD_MOST_S:
                spread_root += (1.0 - math.exp(-kept_s / SPREAD_S)) * (math.sqrt(missed_w) - spread_root)
    return Trend((*samples[first:], (at_s, power_w)), slope, products, squares, spread_root, at_s)


def _agreed(slope: float, old: tuple[float, float], middle: tuple[float, float], at_s: float, power_w: float) -> float:
    """Return the smaller of the slopes of both halves of a span, 0 where they differ in sign or there are no halves."""
    if not old[0] < middle[0] < at_s:
        return 0.0
    first = (middle[1] - old[1]) / (middle[0] - old[0])
    second = (power_w - middle[1]) / (at_s - middle[0])
    if first * second <= 0:
        return 0.0
    return math.copysign(min(abs(first), abs(second)), slope)
