"""How a SmartEVSE finds the current for each box: the firmware's own law, to the tenth of an ampere.

Facts from dingo35/SmartEVSE-3.5 (HEAD 2d95cf08, main.cpp: IsCurrentAvailable, CalcBalancedCurrent) as its behaviour was
described and traced; sizes are integers of 0.1 A, and quotients are cut as in C. Import is positive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from sunbox.dialects.smartevse.state import MOST_BOXES, MOST_DA, Setup
from sunbox.dialects.smartevse.words import Contactor, Meter, Regime, State

SOLAR_START_S = 40
"""How long a box that starts in the sun stays at the minimum."""
SHORTEST_SOLAR_S = 30
"""Until one phase is tried, where the shortage is large or no stop time is set."""
UP_S, UP_AT_S, DOWN_AT_S = 63, 3, 2
"""How long there must be enough for three phases; at how many seconds left the phases are switched."""
GRID_RELAY_DA = 180
"""What the grid operator's relay leaves, sum of all phases."""
MOST_SHORTAGES = 2
"""How many measurements in a row may be short before all are stopped."""


def cut(value: int, by: int) -> int:
    """Return a quotient cut towards zero."""
    return value // by if value >= 0 else -(-value // by)


class Switch(Enum):
    """A switch of phases that is done at the next closing of the contactor."""

    NONE = 0
    TO_ONE = 1
    TO_THREE = 3


@dataclass(slots=True, kw_only=True)
class Law:
    """What the law knows. Index 0 is the box itself, 1 to 7 the nodes of a master."""

    setup: Setup
    states: list[State] = field(default_factory=lambda: [State.A] * MOST_BOXES)
    balanced_da: list[int] = field(default_factory=lambda: [0] * MOST_BOXES)
    most_da: list[int] = field(default_factory=lambda: [0] * MOST_BOXES)
    charging_s: list[int] = field(default_factory=lambda: [0] * MOST_BOXES)
    charge_da: int = 0  #: most that this box may have
    set_point_da: int = 0  #: for all boxes together
    sum_da: int = 0  #: of the mains
    highest_da: int = 0  #: phase of the mains
    circuit_da: int = 0  #: highest phase of the circuit
    is_new: bool = False  #: the mains were measured since the law last looked
    short: int = 0  #: measurements in a row that were too high even at the minimum
    solar_stop_s: int = 0
    max_sum_s: int = 0
    phases: int = 3
    switch: Switch = Switch.NONE
    must_stop: bool = False  #: the phases are to be switched: the car must stop first

    @property
    def charging(self) -> list[int]:
        """Return who charges."""
        return [index for index, state in enumerate(self.states) if state is State.C]

    @property
    def is_single(self) -> bool:
        """Return whether the second contactor stays open."""
        solar = self.setup.regime is Regime.SOLAR
        return {
            Contactor.ALWAYS_OFF: True,
            Contactor.SOLAR_OFF: solar,
            Contactor.AUTO: self.phases == 1,
        }.get(self.setup.contactor, False)

    # may one more start?

    def has_room(self) -> bool:
        """Return whether one more box could have the minimum, if all were lowered to it."""
        setup, charging = self.setup, self.charging
        least_da, total_da = setup.current_min * 10, sum(self.balanced_da[index] for index in charging)
        if setup.regime is Regime.SOLAR and not self._has_sun(len(charging), total_da):
            return False
        boxes = min(len(charging) + 1, MOST_BOXES)
        is_normal = setup.regime is Regime.NORMAL
        if not is_normal and boxes * least_da + self.highest_da - total_da > setup.current_main * 10:
            return False
        circuit_da = max(0, self.circuit_da - total_da)
        if setup.counts_circuit and boxes * least_da + circuit_da > setup.current_max_circuit * 10:
            return False
        limit_da = setup.current_max_sum_mains * 10
        phases = 1 if self.is_single or setup.is_master else 3
        return is_normal or not limit_da or phases * boxes * least_da + self.sum_da <= limit_da

    def _has_sun(self, charging: int, total_da: int) -> bool:
        least_da = charging * self.setup.current_min * 10
        if not charging:
            return self.sum_da < -10 * self.setup.solar_start_current
        return least_da <= total_da and self.sum_da <= 10 * self.setup.solar_max_import + total_da - least_da

    # how much for each?

    def balance(self, *, is_joining: bool = False) -> None:
        """Find the current for each box anew.

        Args:
            is_joining: a box is about to charge, so it is no turn of the regulation.
        """
        setup, charging = self.setup, self.charging
        self.charge_da = self.most_da[0] = self._own_limit_da()
        total_da = sum(self.balanced_da[index] for index in charging)
        base_da = self.highest_da - total_da
        circuit_base_da = max(0, self.circuit_da - total_da)
        self.must_stop = is_limited = False
        if setup.regime is Regime.NORMAL:
            own_da = setup.current_max_circuit * 10 - circuit_base_da
            self.set_point_da = own_da if setup.is_master else self.charge_da
            if self.phases != 3:
                self.switch = Switch.TO_THREE
        else:
            self._choose_by_sun()
            room_da, is_limited = self._room_da()
            self._regulate(room_da, len(charging), is_joining=is_joining)
            if setup.regime is Regime.SMART and is_joining and charging:
                self._share_with_newcomer(base_da, circuit_base_da)
        caps_da = self._caps_da(base_da, circuit_base_da)
        self.set_point_da = min([self.set_point_da, *caps_da])
        if setup.is_grid_relay_open:
            self.set_point_da = min(self.set_point_da, cut(GRID_RELAY_DA, 1 if self.is_single else 3))
        if charging and (self.is_new or setup.regime is Regime.NORMAL):
            least_da = len(charging) * setup.current_min * 10
            if self.set_point_da < least_da:
                self.set_point_da = least_da
                self._endure(len(charging), caps_da, is_limited=is_limited)
            else:
                self._enjoy()
            self.set_point_da = min(self.set_point_da, sum(self.most_da[index] for index in charging))
            # who has just been told to stop for a switch of phases keeps what it had
            self._distribute(charging if not self.must_stop else [index for index in charging if index], total_da)
        if not charging:
            self.solar_stop_s = self.max_sum_s = self.short = 0
        self.is_new = False

    def _own_limit_da(self) -> int:
        setup = self.setup
        if setup.override_da:
            return setup.override_da  # heeds no cable
        if setup.cable_a is not None and self.states[0] is State.C:
            return min(setup.current_max, setup.cable_a) * 10
        return setup.current_max * 10

    def check_phases(self) -> None:
        """Ask for the phases that settings and mode want: at once while no car is there, else at the next closing."""
        setup = self.setup
        if setup.contactor is not Contactor.AUTO or setup.regime is Regime.SOLAR:
            wanted = 1 if self.is_single else 3
        elif setup.regime is Regime.SMART:
            wanted = 3
        else:
            return  # in NORMAL each turn asks for three
        if wanted == self.phases:
            self.switch = Switch.NONE
        elif self.states[0] is State.A and setup.contactor is not Contactor.AUTO:
            self.phases = wanted
        else:
            self.switch = Switch.TO_ONE if wanted == 1 else Switch.TO_THREE

    def _choose_by_sun(self) -> None:
        """Before it begins, ask for three phases where there is sun for them, and 1 A more each to regulate with."""
        setup = self.setup
        if setup.regime is not Regime.SOLAR or setup.contactor is not Contactor.AUTO or self.states[0] is not State.B:
            return
        wanted = 3 if -self.sum_da >= 30 * setup.current_min + 30 else 1
        if wanted != self.phases:
            self.switch = Switch.TO_ONE if wanted == 1 else Switch.TO_THREE

    def _room_da(self) -> tuple[int, bool]:
        """Return how much more (or less) there may be, and whether the sum of the phases is too high."""
        setup = self.setup
        room_da = setup.current_main * 10 - self.highest_da
        if setup.counts_circuit and setup.circuit_meter:
            room_da = min(room_da, setup.current_max_circuit * 10 - self.circuit_da)
        if not setup.current_max_sum_mains:
            return room_da, False
        excess_da = setup.current_max_sum_mains * 10 - self.sum_da
        if excess_da >= 0:
            self.max_sum_s = 0
        return min(room_da, cut(excess_da, 3)), excess_da < 0

    def _regulate(self, room_da: int, charging: int, *, is_joining: bool) -> None:
        is_solar = self.setup.regime is Regime.SOLAR
        if not is_joining:
            if self.is_new:
                if room_da <= 0:
                    self.set_point_da += room_da
                elif not is_solar:
                    self.set_point_da += cut(room_da, 4)
            self.set_point_da = max(0, min(MOST_DA, self.set_point_da))
        if is_solar and charging and room_da > 0 and self.is_new:
            self.set_point_da += sun_step_da(self._import_da, room_da)

    @property
    def _import_da(self) -> int:
        return self.sum_da - 10 * self.setup.solar_max_import

    def _share_with_newcomer(self, base_da: int, circuit_base_da: int) -> None:
        setup = self.setup
        limits_da = [setup.current_main * 10 - base_da, setup.current_max_circuit * 10 - circuit_base_da]
        if setup.current_max_sum_mains:
            limits_da.append(cut(setup.current_max_sum_mains * 10 - self.sum_da, 3))
        self.set_point_da = min(limits_da)

    def _caps_da(self, base_da: int, circuit_base_da: int) -> list[int]:
        """Return the limits that nothing may exceed."""
        setup = self.setup
        caps_da = []
        if setup.mains_meter is not Meter.DISABLED and setup.regime is not Regime.NORMAL:
            caps_da.append(setup.current_main * 10 - base_da)
        if setup.counts_circuit:
            caps_da.append(setup.current_max_circuit * 10 - circuit_base_da)
        return caps_da

    def _endure(self, charging: int, caps_da: list[int], *, is_limited: bool) -> None:
        """Deal with less than the minimum for all: all are at the minimum now, and time runs."""
        setup = self.setup
        if setup.regime is Regime.SOLAR:
            self._miss_sun(charging)
        is_hard = any(self.set_point_da > cap_da for cap_da in caps_da)
        is_hard = is_hard or (is_limited and not setup.max_sum_mains_time)
        if is_hard and self.switch is not Switch.TO_ONE:
            self.short += 1
        elif is_limited and setup.max_sum_mains_time and not self.max_sum_s:
            self.max_sum_s = setup.max_sum_mains_time * 60

    def _miss_sun(self, charging: int) -> None:
        setup, import_da = self.setup, self._import_da
        could_switch = self.phases == 3 and setup.contactor is Contactor.AUTO
        # below it, a stop would free so much that it starts again at once
        would_restart = self.sum_da <= (charging * setup.current_min - setup.solar_start_current) * 10
        if import_da <= 0 or (would_restart and not could_switch):
            self.solar_stop_s = 0
        elif could_switch and self.states[0] is State.C:
            if not self.solar_stop_s:
                is_small = import_da < 10 * setup.current_min
                self.solar_stop_s = (setup.solar_stop_time * 60 if is_small else 0) or SHORTEST_SOLAR_S
            if self.solar_stop_s <= DOWN_AT_S:
                self.switch, self.must_stop, self.solar_stop_s = Switch.TO_ONE, True, 0
        elif not self.solar_stop_s:
            self.solar_stop_s = setup.solar_stop_time * 60

    def _enjoy(self) -> None:
        """Deal with enough: perhaps there is enough for three phases."""
        setup = self.setup
        is_at_most = self.set_point_da + 8 >= setup.current_max * 10
        is_auto = setup.regime is Regime.SOLAR and setup.contactor is Contactor.AUTO
        if not (is_auto and self.phases == 1 and is_at_most and self.states[0] is State.C):
            self.solar_stop_s = self.max_sum_s = self.short = 0
            return
        gap = 3 * (setup.current_min + 1) - setup.current_max
        if -self.sum_da <= 10 * (gap if gap >= 0 else 3):
            self.solar_stop_s = 0
            return
        self.solar_stop_s = self.solar_stop_s or UP_S
        if self.solar_stop_s <= UP_AT_S:
            self.switch, self.must_stop, self.solar_stop_s = Switch.TO_THREE, True, 0

    def _distribute(self, boxes: list[int], total_da: int) -> None:
        """Share the set-point: those that start in the sun get the minimum, those that can take less get that, the rest equally."""
        left_da, unset = self.set_point_da, list(boxes)
        while unset:
            average_da = cut(left_da, len(unset))
            found = next((each for each in unset if self._is_starting(each) or average_da >= self.most_da[each]), None)
            if found is None:
                break
            if self._is_starting(found):
                self.balanced_da[found] = self.setup.current_min * 10
                self.set_point_da = total_da
            else:
                self.balanced_da[found] = self.most_da[found]
            left_da -= self.balanced_da[found]
            unset.remove(found)
        while unset:
            self.balanced_da[unset[0]] = cut(left_da, len(unset))
            left_da -= self.balanced_da[unset.pop(0)]

    def _is_starting(self, index: int) -> bool:
        return self.setup.regime is Regime.SOLAR and self.charging_s[index] < SOLAR_START_S


def sun_step_da(import_da: int, room_da: int) -> int:
    """Return by how much a measurement of the sum moves the set-point in the sun."""
    if import_da < 0:
        return 5 if import_da < -10 and room_da > 10 else 1
    if import_da > 20:
        return -cut(import_da, 2)
    return -5 if import_da > 10 else -1 if import_da > 3 else 0
