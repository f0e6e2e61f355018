"""A recorded home as a trace: what the sun left at each grid reading, without the cars, as straight lines between them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sunbox.simulator.trace import RecordedTrace

DOUBT_W = 300.0
"""Where a car's draw is known less well than this, the lines before and after are drawn on."""
BRIDGED_S = 300.0
"""So far; where the draw is unknown for longer, the middle of what it may have been counts."""
HOLE_S = 120.0
"""After so long without a reading nothing is known: no sun until the next one."""

DARK_W, DARK_STEP_S = -50.0, 240.0
"""Below this surplus a point every so often is enough."""


@dataclass(slots=True)
class Point:
    """The site at one grid reading."""

    at: datetime
    surplus_w: float  #: for cars, what they drew themselves included
    pv_w: float | None = None
    doubt_w: float = 0.0  #: how wide the interval is in which the cars' draw lies


def trace_of(points: Sequence[Point]) -> RecordedTrace:
    """Return the trace of at least two readings, in the order of time.

    Raises:
        ValueError: there are fewer.
    """
    if len(points) < 2:
        raise ValueError(f"{len(points)} readings: at least 2 are needed")
    start_at = points[0].at
    times_s, pvs_w, loads_w = array("d"), array("d"), array("d")

    def put(t_s: float, surplus_w: float, pv_w: float | None) -> None:
        if times_s and t_s <= times_s[-1]:
            return
        sun_w = max(0.0, surplus_w) if pv_w is None else max(0.0, pv_w, surplus_w)
        times_s.append(t_s)
        pvs_w.append(sun_w)
        loads_w.append(sun_w - surplus_w)

    for point in _thinned(_settled(points)):
        t_s = (point.at - start_at).total_seconds()
        if times_s and t_s - times_s[-1] > BRIDGED_S + HOLE_S:
            put(times_s[-1] + HOLE_S, 0.0, 0.0)
            put(t_s - 1.0, 0.0, 0.0)
        put(t_s, point.surplus_w, point.pv_w)
    return RecordedTrace(start_at, times_s, pvs_w, loads_w)


def _thinned(points: Iterable[Point]) -> Iterable[Point]:
    """Yield the points, at night only one every few minutes: how little there is then makes no difference to any car."""
    held: Point | None = None
    kept_at: datetime | None = None
    for point in points:
        is_dark = point.surplus_w < DARK_W
        if is_dark and kept_at is not None and (point.at - kept_at).total_seconds() < DARK_STEP_S:
            held = point
            continue
        if not is_dark and held is not None:
            yield held
        held = None
        kept_at = point.at if is_dark else None
        yield point
    if held is not None:
        yield held


def _settled(points: Sequence[Point]) -> Iterable[Point]:
    """Yield the points, without those in doubt between two that are near each other and sure."""
    doubtful: list[Point] = []
    last: Point | None = None
    for point in points:
        if point.doubt_w > DOUBT_W:
            doubtful.append(point)
            continue
        if last is None or (point.at - last.at).total_seconds() > BRIDGED_S:
            yield from doubtful
        doubtful = []
        yield point
        last = point
    yield from doubtful
