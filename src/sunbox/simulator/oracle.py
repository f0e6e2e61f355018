"""The oracle: what somebody could have done who knew the whole day beforehand, with so many commands and no delay.

A dynamic program over the steps of a course. Its states are "off" and each whole current (for automatic phases, each on
either number of phases); staying in a state is free, changing it costs the price of one command. So the value of a state is

    value(state) = gain(state) + max(value before(state), best value before of any state - price)

which takes one pass over the states per step. The price is a Lagrange multiplier: sweeping it gives the corners of the
upper hull of (commands, value), and above the straight line between two corners nothing is possible.

The oracle is kinder to itself than any car: a start with any current is one command, and everything happens at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import inf

from sunbox.simulator.course import Course

PHASE_GAP_S = 30.0
"""For how long nothing flows when the phases are switched under way."""
FREE_WH = 1e-6
"""A price that decides between equals only: fewer commands for the same value."""
MOST_CORNERS = 40
TOLERANCE = 1e-5
"""A corner counts as above a line from this share of the usable energy on."""
DEAREST = 5.0
GAP = -1
"""The state between two numbers of phases: nothing flows."""


@dataclass(frozen=True, slots=True)
class Corner:
    """The best at one price."""

    value_wh: float  #: solar - weight × import
    solar_wh: float
    import_wh: float
    commands: int
    starts: int
    phase_switches: int


NOTHING = Corner(0.0, 0.0, 0.0, 0, 0, 0)
"""Never charge: no commands."""


@dataclass(frozen=True, slots=True)
class Best:
    """What is possible with a number of commands: on the line between two corners of the hull."""

    value_wh: float
    solar_wh: float
    import_wh: float
    commands: float
    starts: float
    phase_switches: float


def weight_of(solar_share_pct: float) -> float:
    """Return how dear import is to somebody who charges when at least this share is sun: at the margin the two are even.

    At 50 % a kWh imported weighs as much as a kWh of sun; from 83 % on it weighs 5-fold.
    """
    return min(DEAREST, solar_share_pct / max(1e-9, 100.0 - solar_share_pct))


class Oracle:
    """The best on one or several courses, for one weight of import. What was reckoned once is kept."""

    def __init__(self, courses: Sequence[Course], weight: float) -> None:
        self.weight = weight
        self.usable_wh = sum(course.usable_wh for course in courses)
        self._courses = courses
        self._gains = [course.gains_wh(weight) for course in courses]
        self._corners: dict[float, Corner] = {}

    def at_price(self, price_wh: float) -> Corner:
        """Return the best where each command costs `price_wh`."""
        price_wh = max(price_wh, FREE_WH)
        corner = self._corners.get(price_wh)
        if corner is None:
            corner = NOTHING
            for course, gains in zip(self._courses, self._gains, strict=True):
                corner = _sum(corner, _corner(course, _states(course, gains, price_wh), self.weight))
            self._corners[price_wh] = corner
        return corner

    def with_commands(self, commands: float) -> Best:
        """Return the best with at most so many commands in all."""
        most = self.at_price(0.0)
        if commands >= most.commands:
            return _between(most, most, most.commands)
        known = [NOTHING, *self._corners.values()]
        left = max((each for each in known if each.commands <= commands), key=lambda each: each.commands)
        right = min((each for each in known if each.commands > commands), key=lambda each: each.commands)
        for _ in range(MOST_CORNERS):
            price_wh = (right.value_wh - left.value_wh) / (right.commands - left.commands)
            middle = self.at_price(price_wh)
            above_wh = (middle.value_wh - left.value_wh) - price_wh * (middle.commands - left.commands)
            if above_wh <= TOLERANCE * self.usable_wh:
                break
            if middle.commands > commands:
                right = middle
            else:
                left = middle
        return _between(left, right, commands)


def _between(left: Corner, right: Corner, commands: float) -> Best:
    """Return the point on the line between two corners."""
    span = right.commands - left.commands
    share = (commands - left.commands) / span if span else 0.0
    values = {each.name: getattr(left, each.name) for each in fields(Corner)}
    return Best(**{name: value + share * (getattr(right, name) - value) for name, value in values.items()})


def _sum(one: Corner, other: Corner) -> Corner:
    return Corner(
        one.value_wh + other.value_wh,
        one.solar_wh + other.solar_wh,
        one.import_wh + other.import_wh,
        one.commands + other.commands,
        one.starts + other.starts,
        one.phase_switches + other.phase_switches,
    )


def _states(course: Course, gains: list[list[float]], price_wh: float) -> list[int]:
    """Return the best state for each step."""
    has_auto_phases = len(course.powers_w) > course.group
    return _states_of_two(course, gains, price_wh) if has_auto_phases else _states_of_one(course, gains, price_wh)


def _first_values(course: Course, price_wh: float) -> list[float]:
    """Return the values before the first step: it is entered from off, and another state has its price."""
    return [-price_wh if power_w else 0.0 for power_w in course.powers_w]


def _states_of_one(course: Course, gains: list[list[float]], price_wh: float) -> list[int]:
    """Return the best state for each step where the phases are fixed. Staying wins a tie."""
    values = _first_values(course, price_wh)
    before: list[tuple[list[float], float]] = []
    for row in gains:
        floor_wh = max(values) - price_wh
        before.append((values, floor_wh))
        # a call of max() for each state would double the time
        values = [(value if value >= floor_wh else floor_wh) + gain for value, gain in zip(values, row, strict=True)]  # noqa: FURB136
    state = values.index(max(values))
    states: list[int] = []
    for was, floor_wh in reversed(before):
        states.append(state)
        if was[state] < floor_wh:
            state = was.index(max(was))
    states.reverse()
    return states


def _states_of_two(course: Course, gains: list[list[float]], price_wh: float) -> list[int]:
    """Return the best state for each step where either number of phases can be had.

    Who switches stands still for a gap of whole steps: what he enters after it he decided before it, for one command.
    """
    gap = max(1, round(PHASE_GAP_S / course.step_s))
    group = course.group
    values = _first_values(course, price_wh)
    before: list[list[float]] = []
    bests = deque([(-inf, -inf)] * gap)  # of the last steps: what those who switched then had
    for row in gains:
        before.append(values)
        best_one, best_three = max(values[:group]), max(values[group:])
        came_one, came_three = bests.popleft()
        bests.append((best_one, best_three))
        floors = [max(best_one, came_three) - price_wh] * group + [max(best_three, came_one) - price_wh] * group
        values = [
            (value if value >= floor_wh else floor_wh) + gain  # noqa: FURB136
            for value, floor_wh, gain in zip(values, floors, row, strict=True)
        ]
    return _traced_back(before, values.index(max(values)), price_wh, gap, group)


def _traced_back(before: list[list[float]], state: int, price_wh: float, gap: int, group: int) -> list[int]:
    """Return the states that led to `state`, found from the values before each step; staying wins a tie."""
    states = [GAP] * len(before)
    halves = (range(group), range(group, 2 * group))
    number = len(before) - 1
    while number >= 0:
        states[number] = state
        was = before[number]
        near = max(halves[state >= group], key=was.__getitem__)
        best_wh, came, steps = was[state], state, 1
        if was[near] - price_wh > best_wh:
            best_wh, came = was[near] - price_wh, near
        if number >= gap:
            earlier = before[number - gap]
            far = max(halves[state < group], key=earlier.__getitem__)
            if earlier[far] - price_wh > best_wh:
                came, steps = far, 1 + gap
        state = came
        number -= steps
    return states


def _corner(course: Course, states: list[int], weight: float) -> Corner:
    """Return what a sequence of states brings, and the commands it takes."""
    solar_wh = import_wh = 0.0
    commands = starts = switches = 0
    before, phases_before, was_on = GAP, 0, False
    for number, state in enumerate(states):
        if state == GAP:
            continue
        power_w, phases = course.powers_w[state], course.phases[state]
        is_on = power_w > 0
        if state != before and (before != GAP or is_on):
            commands += 1
            starts += is_on and not was_on
        if is_on:
            switches += phases_before not in (0, phases)
            phases_before = phases
            sun_wh = course.solar_wh[number][state]
            solar_wh += sun_wh
            import_wh += power_w * course.hours[number] - sun_wh
        before, was_on = state, is_on
    return Corner(solar_wh - weight * import_wh, solar_wh, import_wh, commands, starts, switches)
