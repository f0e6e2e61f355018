"""What a car draws, as an interval that depends on the instant.

Regulating on what was offered makes a 1-s meter with a 10-s car swing; taking the last measured draw lags. So the draw is
kept as steps in time, and each grid reading is paired with the step that held when it was measured. Between a command and
its settled response the step spans old and new.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sunbox.core.model import Draw

KEEP_S = 180.0
"""How long past steps are kept: longer than any meter's delay."""

NOTHING = Draw(0.0, 0.0)

HAIR = timedelta(microseconds=1)
"""A command begins to act after it was sent: a meter that measured at that very instant saw none of it."""


@dataclass(frozen=True, slots=True)
class Step:
    """From `from_at` on the draw lies in low_w … high_w."""

    from_at: datetime
    low_w: float
    high_w: float


Steps = tuple[Step, ...]


def draw_at(steps: Steps, instant_at: datetime) -> Draw:
    """Return the draw at an instant; before the first step it is the first step's, without steps nothing is known but zero."""
    if not steps:
        return NOTHING
    for step in reversed(steps):  # the present is asked for most
        if step.from_at <= instant_at:
            return Draw(step.low_w, step.high_w)
    return Draw(steps[0].low_w, steps[0].high_w)


def became(steps: Steps, at: datetime, low_w: float, high_w: float) -> Steps:
    """Return the steps with the draw known to be low_w … high_w from `at` on (whatever was expected later is dropped)."""
    kept = [step for step in steps if step.from_at < at]
    horizon_at = at - timedelta(seconds=KEEP_S)
    while len(kept) > 1 and kept[1].from_at <= horizon_at:
        kept.pop(0)
    kept.append(Step(at, low_w, high_w))
    return tuple(kept)


def changing(steps: Steps, at: datetime, to_w: float) -> Steps:
    """Return the steps while a command to draw `to_w` is under way: anything between old and new."""
    from_at = at + HAIR
    now = draw_at(steps, from_at)
    return became(steps, from_at, min(now.low_w, to_w), max(now.high_w, to_w))


def settles(steps: Steps, at: datetime, to_w: float, settle_s: float) -> Steps:
    """Return the steps once a command to draw `to_w` was proven at `at`: settled `settle_s` later."""
    spanning = changing(steps, at, to_w)
    return (*spanning, Step(at + timedelta(seconds=settle_s), to_w, to_w))


def scaled(steps: Steps, factor: float) -> Steps:
    """Return the steps once the draw turned out to be `factor` times what was believed: since when, nobody knows."""
    low, high = min(1.0, factor), max(1.0, factor)
    return tuple(Step(step.from_at, step.low_w * low, step.high_w * high) for step in steps)


def follows(steps: Steps, at: datetime, to_w: float, settle_s: float) -> Steps:
    """Return the steps once `to_w` was seen to be offered at `at`: a change that is being settled to it already goes on."""
    is_expected = bool(steps) and at < steps[-1].from_at and (steps[-1].low_w, steps[-1].high_w) == (to_w, to_w)
    return steps if is_expected else settles(steps, at, to_w, settle_s)
