"""A trace cut into steps, with what each state of charging would bring in each of them: what the oracle reckons with."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

from sunbox.simulator.bench.setup import SetUp
from sunbox.simulator.ledger import DAY_S, clipped_mean
from sunbox.simulator.trace import Trace

STEP_S = 10.0
"""Between two instants at which the oracle may change its mind: as often as a usual meter is read."""

HOUR_S = 3600.0


class Course:
    """One trace. Its states are off and then the currents; for automatic phases all on one phase and then all on three.

    So there are two states "off" then: what was wired last.
    """

    def __init__(self, trace: Trace, setup: SetUp, *, length_s: float | None = None, step_s: float = STEP_S) -> None:
        """Cut the trace into steps.

        Args:
            trace: sun and house.
            setup: the car's currents, phases and voltage.
            length_s: of the trace, default all.
            step_s: between two instants at which something may be changed.
        """
        amps_a = [0, *range(setup.min_a, setup.max_a + 1)]
        self.phases = [phases for phases in setup.phases for _ in amps_a]
        self.powers_w = [phases * amps * setup.voltage_v for phases in setup.phases for amps in amps_a]
        self.group = len(amps_a)  #: states on the same phases
        self.step_s = step_s
        self.usable_wh = 0.0
        self.hours: list[float] = []
        self.solar_wh: list[list[float]] = []  #: by step, then by state
        whole_s = (trace.end_at - trace.start_at).total_seconds()
        self._cut(trace, whole_s if length_s is None else min(length_s, whole_s), setup.max_power_w)

    def _cut(self, trace: Trace, length_s: float, max_power_w: float) -> None:
        """Fill the tables. Neighbours without any surplus become one step, in which only off makes sense."""
        was_dark, t_s = False, 0.0
        while t_s < length_s:
            end_s = min(length_s, (floor(t_s / self.step_s + 1e-9) + 1) * self.step_s)
            pieces = _pieces(trace, t_s, end_s)
            hours = (end_s - t_s) / HOUR_S
            t_s = end_s
            if was_dark and not pieces:
                self.hours[-1] += hours
                continue
            was_dark = not pieces
            self.hours.append(hours)
            self.solar_wh.append([_within_wh(pieces, power_w) for power_w in self.powers_w])
            self.usable_wh += _within_wh(pieces, max_power_w)

    def gains_wh(self, weight: float) -> list[list[float]]:
        """Return solar - weight × import by step and state, in Wh."""
        both = 1.0 + weight
        costs_w = [weight * power_w for power_w in self.powers_w]
        return [
            [both * solar_wh - cost_w * hours for solar_wh, cost_w in zip(row, costs_w, strict=True)]
            for hours, row in zip(self.hours, self.solar_wh, strict=True)
        ]


Piece = tuple[float, float, float]
"""A straight line: hours, W at its beginning, W at its end."""


def _pieces(trace: Trace, from_s: float, to_s: float) -> list[Piece]:
    """Return the surplus between two instants as straight lines, without those that have none."""
    pieces: list[Piece] = []
    t_s = from_s
    while t_s < to_s:
        end_s = max(min(trace.straight_until_s(t_s), to_s), t_s + 1e-6)
        pv_w, load_w = trace.at(t_s)
        begin_w = pv_w - load_w
        pv_w, load_w = trace.at((t_s + end_s) / 2)  # not at the end, which may belong to the next line
        finish_w = 2 * (pv_w - load_w) - begin_w
        if begin_w > 0 or finish_w > 0:
            pieces.append(((end_s - t_s) / HOUR_S, begin_w, finish_w))
        t_s = end_s
    return pieces


def _within_wh(pieces: list[Piece], most_w: float) -> float:
    """Return how much of the surplus lies below a power, in Wh."""
    return sum(hours * clipped_mean(begin_w, finish_w, most_w) for hours, begin_w, finish_w in pieces)


def courses_of(
    traces: Sequence[Trace], setup: SetUp, *, days: float | None = None, step_s: float = STEP_S
) -> list[Course]:
    """Return the traces, or their first `days`, cut into steps."""
    length_s = None if days is None else days * DAY_S
    return [Course(trace, setup, length_s=length_s, step_s=step_s) for trace in traces]
