"""A simulated SmartEVSE: pilot, contactors, clocks and errors around the law, second by second, as the firmware's tasks run.

Facts from dingo35/SmartEVSE-3.5 (HEAD 2d95cf08, main.cpp: the 10 ms block, Timer1S_singlerun, setState, setMode, setAccess),
as its behaviour was described and traced. A second is: what it is told, then `feel` (the pilot, all second long), then what
is measured, then `tick`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from sunbox.dialects.smartevse.pilot import NO_OFFER, OFF, RELEASED, duty_of
from sunbox.dialects.smartevse.state import (
    BATTERY_LASTS_S,
    CIRCUIT_LASTS_S,
    EV_METER_LASTS_S,
    MAINS_LASTS_S,
    ZERO,
    Setup,
)
from sunbox.dialects.smartevse.words import Access, Fault, Meter, Regime, State
from sunbox.simulator.smartevse_law import MOST_SHORTAGES, Law, Switch

CHARGE_DELAY_S, STOP_DELAY_S, WAIT_DELAY_S = 60, 15, 3
C1_S = 6
"""How long the car has to stop before the contactors are opened."""
PILOT_AWAY_S = 5
ACTIVATE_AFTER_S, ACTIVATE_S = 30, 3
ACTIVATED = 255
FIRST_TURN_S, TURN_S = 5, 2
"""When the law is asked first after the start, and how often then."""
COOL_C = 10
"""By how much it must be cooler than the limit before it charges again."""


Currents = tuple[int, int, int]
"""Of L1, L2, L3, 0.1 A."""


class Pilot(Enum):
    """What the car makes of the pilot's voltage."""

    V12 = 12  #: no car
    V9 = 9  #: a car
    V6 = 6  #: a car that wants to charge
    ODD = 0


def _nothing() -> None:
    """Have nobody to talk with."""


class SmartEvse:
    """One box, with what is true of it as attributes. A car is whatever sets `pilot`; a house whatever measures."""

    def __init__(self, setup: Setup | None = None) -> None:
        self.law = Law(setup=setup or Setup())
        self.faults = Fault.NONE
        self.charge_delay_s = 0
        self.duty = NO_OFFER
        self.is_duty_held = False
        self.is_closed = [False, False]  #: contactors C1 and C2
        self.temp_c = 25
        self.irms_da: Currents = ZERO  #: of the mains, as measured
        self.mains_da: Currents = ZERO  #: as the law sees it: without what charges a battery
        self.battery_da, self.battery_left_s = 0, 0
        self.mains_left_s, self.circuit_left_s, self.ev_left_s = MAINS_LASTS_S, CIRCUIT_LASTS_S, EV_METER_LASTS_S
        self.new_regime: Regime | None = None  #: a node was switched to it, and the master does not know yet
        self.must_all_stop = False  #: its latest turn found no power for anybody
        self.before_turn: Callable[[], None] = _nothing  #: where a master talks with its nodes
        self.after_turn: Callable[[], None] = _nothing
        self._c1_s = self._pilot_away_s = self._activated_s = 0
        self._activate_in_s = ACTIVATED
        self._is_pilot_away = False
        self._turn_in_s = FIRST_TURN_S

    # what it is

    @property
    def setup(self) -> Setup:
        """Return its settings."""
        return self.law.setup

    @property
    def state(self) -> State:
        """Return what it does."""
        return self.law.states[0]

    @property
    def charge_da(self) -> int:
        """Return what is offered; it keeps its last value when there is no charging."""
        return self.law.balanced_da[0]

    @property
    def phases(self) -> int:
        """Return how many phases are closed."""
        return 0 if not self.is_closed[0] else 3 if self.is_closed[1] else 1

    @property
    def is_at_rest(self) -> bool:
        """Return whether it offers nothing and none of its clocks runs: seconds change nothing until it is told something.

        What its own meters tell all the time is no news.
        """
        law, setup = self.law, self.setup
        clocks = self.charge_delay_s, self._pilot_away_s, self._activated_s, law.solar_stop_s, law.max_sum_s
        waits = (
            setup.mains_meter is Meter.API and self.mains_left_s,
            bool(setup.circuit_meter) and self.circuit_left_s,
            self.battery_left_s,
        )
        is_hot = self.temp_c > setup.temp_max
        is_still = self.state in (State.A, State.B1) and not self.is_closed[0] and not self._is_pilot_away
        is_told = is_hot is bool(self.faults & Fault.TEMP_HIGH) and not self.faults & Fault.LESS_6A
        return is_still and is_told and not any(clocks) and not any(waits)

    @property
    def solar_stop_s(self) -> int:
        """Return `solar_stop_timer`."""
        return self.law.solar_stop_s

    # what it is told

    def change(self, **settings: object) -> None:
        """Change settings that have no effect of their own; the law sees them at its next turn."""
        self.law.setup = replace(self.setup, **settings)  # type: ignore[arg-type]

    def set_access(self, access: Access) -> None:
        """Switch on, off or to pause."""
        self.change(access=access)
        if access is not Access.ON:
            self.withdraw(from_states=(State.B, State.C))

    def set_regime(self, regime: Regime, *, is_delayed: bool = False) -> None:
        """Choose NORMAL, SMART or SOLAR, which switches on as well.

        Args:
            regime: which.
            is_delayed: a start time is set, so it switches off.
        """
        setup = self.setup
        if not setup.takes(regime):
            return
        self.set_access(Access.OFF if is_delayed else Access.ON)
        if setup.stops_for(regime, self.law.phases) and self.state in (State.B, State.C):
            self.withdraw()
        self.law.check_phases()  # still by what it was
        if regime is Regime.SMART:
            self.faults &= ~Fault.LESS_6A
            self.law.solar_stop_s = self.law.max_sum_s = 0
        self.charge_delay_s = 0
        self.law.setup = setup.switched_to(regime, is_delayed=is_delayed)
        if setup.is_node and setup.regime is not regime:
            self.new_regime = regime

    def measure_mains(self, irms_da: Currents) -> None:
        """Be told the currents of the mains, + = import."""
        self.irms_da, self.mains_left_s = irms_da, MAINS_LASTS_S
        self.see_mains()

    def see_mains(self) -> None:
        """Work out what the mains would be without the battery."""
        battery_da = self.battery_da if self.battery_left_s > 0 else 0
        self.mains_da = self.setup.without_battery(self.irms_da, battery_da)
        law = self.law
        law.sum_da, law.highest_da, law.is_new = sum(self.mains_da), max(self.mains_da), True

    def measure_circuit(self, irms_da: Currents) -> None:
        """Be told the currents of the circuit."""
        self.law.circuit_da, self.circuit_left_s = max(irms_da), CIRCUIT_LASTS_S

    def measure_battery(self, battery_da: int) -> None:
        """Be told the current of the home battery, + = it charges."""
        self.battery_da, self.battery_left_s = battery_da, BATTERY_LASTS_S

    def hold_duty(self, duty: int | None) -> None:
        """Take the pilot out of the law's hands; None gives it back, at the least until the law's next turn."""
        self.is_duty_held = duty is not None
        self.duty = RELEASED if duty is None else duty

    # the pilot

    def feel(self, pilot: Pilot) -> None:
        """Live through the 10 ms tasks of a second in which the pilot stays as it is."""
        while True:
            before = (self.state, self.faults, self._is_pilot_away)
            self._feel_once(pilot)
            if before == (self.state, self.faults, self._is_pilot_away):
                return

    def _feel_once(self, pilot: Pilot) -> None:
        if self.state in (State.A, State.COMM_B, State.B1):
            self._feel_idle(pilot)
        if self.state is State.COMM_B_OK:
            self._enter_b()
        if self.state in (State.B, State.COMM_C):
            self._feel_b(pilot)
        if self.state is State.C1 and pilot in (Pilot.V12, Pilot.V9):
            self.enter(State.A if pilot is Pilot.V12 else State.B1)
        if self.state is State.ACTIVATE and not self._activated_s:
            self.enter(State.B)
            self._activate_in_s = ACTIVATED
        if self.state is State.COMM_C_OK:
            self.enter(State.C)
        if self.state is State.C and pilot is not Pilot.V6:
            self.enter(State.A if pilot is Pilot.V12 else State.B)

    def _feel_idle(self, pilot: Pilot) -> None:
        """Look for a car, or whether it may begin."""
        if self._is_pilot_away:
            self._is_pilot_away = self._pilot_away_s > 0
        elif pilot is Pilot.V12:
            if self.state is not State.A:
                self.enter(State.A)
            self.charge_delay_s = 0
        elif pilot is Pilot.V9 and self.setup.access is Access.ON and self.state is not State.COMM_B:
            if self.faults or self.charge_delay_s:
                if self.state is not State.B1:
                    self.enter(State.B1)
            elif self.setup.is_node:
                self.enter(State.COMM_B)
            elif self.law.has_room():
                self.law.balanced_da[0] = self._first_da()
                self._enter_b()
            else:
                self.faults |= Fault.LESS_6A

    def _first_da(self) -> int:
        cable_a, setup = self.setup.cable_a, self.setup
        is_thin = cable_a is not None and setup.current_max > cable_a
        return (cable_a or 0) * 10 if is_thin else setup.current_min * 10

    def _enter_b(self) -> None:
        self.enter(State.B)
        self._activate_in_s = ACTIVATE_AFTER_S

    def _feel_b(self, pilot: Pilot) -> None:
        if pilot is Pilot.V12:
            self.enter(State.A)
        elif pilot is Pilot.V6 and not self.faults and not self.charge_delay_s and self.setup.access is Access.ON:
            if self.setup.is_node:
                if self.state is not State.COMM_C:
                    self.enter(State.COMM_C)
            elif self.law.has_room():
                self.law.balanced_da[0] = self.setup.current_min * 10
                self.law.balance(is_joining=True)
                self.enter(State.C)
            else:
                self.faults |= Fault.LESS_6A
        elif pilot is Pilot.V9 and self._activate_in_s == 0:
            self.enter(State.ACTIVATE)

    def enter(self, state: State) -> None:
        """Go to a state, with all that belongs to it."""
        before = self.state
        if state in (State.A, State.B1):
            self.duty, self.is_closed = NO_OFFER, [False, False]
        if state is State.A:
            self.faults &= ~Fault.LESS_6A
            self.charge_delay_s, self.law.charging_s[0] = 0, 0
        elif state is State.B1:
            self.charge_delay_s = self.charge_delay_s or WAIT_DELAY_S
            if before is not State.B1 and self.setup.access is Access.ON and not self._is_pilot_away:
                self._is_pilot_away, self._pilot_away_s = True, PILOT_AWAY_S
        elif state is State.B:
            self.law.check_phases()
            self.is_closed = [False, False]
        elif state is State.C:
            self._activate_in_s = ACTIVATED
            self._close()
        elif state is State.C1:
            self.duty, self._c1_s, self.charge_delay_s = NO_OFFER, C1_S, STOP_DELAY_S
        elif state is State.ACTIVATE:
            self.duty, self._activated_s = OFF, ACTIVATE_S
        self.law.states[0] = state

    def _close(self) -> None:
        """Close the contactors, on the phases that were asked for."""
        law = self.law
        if law.switch is not Switch.NONE:
            law.phases = law.switch.value
        self.is_closed = [True, not law.is_single]
        law.phases, law.switch = 1 if law.is_single else 3, Switch.NONE
        law.solar_stop_s = law.max_sum_s = 0

    def withdraw(self, from_states: tuple[State, ...] | None = None) -> None:
        """Take the power away: a car that charges is told to stop, one that waits waits without an offer."""
        state = self.state
        if state is State.A or (from_states is not None and state not in from_states):
            return
        if state is State.C:
            self.enter(State.C1)
        elif state not in (State.C1, State.B1):
            self.enter(State.B1)

    # the clocks

    def tick(self) -> None:
        """Live through the task of a second, at its end."""
        law = self.law
        if self._activate_in_s != ACTIVATED:
            self._activate_in_s = max(0, self._activate_in_s - 1)
        self._activated_s = max(0, self._activated_s - 1)
        if self.state is State.C1:
            if self._c1_s:
                self._c1_s -= 1
            else:
                self.enter(State.B1)
        if law.solar_stop_s:
            law.solar_stop_s -= 1
            if not law.solar_stop_s:
                self._run_out()
        self._pilot_away_s = max(0, self._pilot_away_s - 1)
        self.battery_left_s = max(0, self.battery_left_s - 1)
        law.charging_s = [
            seconds + 1 if state is State.C else 0 for seconds, state in zip(law.charging_s, law.states, strict=True)
        ]
        self._turn_in_s -= 1
        if not self._turn_in_s:
            self._turn_in_s = TURN_S
            if not self.setup.is_node:
                self.take_turn()
        if law.max_sum_s:
            law.max_sum_s -= 1
            if not law.max_sum_s:
                self._run_out()
        self.charge_delay_s = max(0, self.charge_delay_s - 1)
        self._check_power()
        self._check_meters()
        if self.temp_c > self.setup.temp_max and not self.faults & Fault.TEMP_HIGH:
            self.faults |= Fault.TEMP_HIGH
            self.withdraw()
        if self.faults & Fault.LESS_6A:
            self.withdraw()
            self.charge_delay_s = CHARGE_DELAY_S

    def take_turn(self) -> None:
        """Let the law regulate, and offer what it says."""
        law, setup = self.law, self.setup
        self.before_turn()
        law.balance()
        if law.must_stop:
            self.enter(State.C1)
        is_overloaded = law.highest_da > 20 * setup.current_main
        self.must_all_stop = setup.regime is not Regime.NORMAL and (law.short > MOST_SHORTAGES or is_overloaded)
        if self.must_all_stop:
            self.faults |= Fault.LESS_6A
            law.short = 0
        if self.state in (State.B, State.C) and not self.is_duty_held:
            self.duty = duty_of(self.charge_da)
        self.after_turn()

    def _run_out(self) -> None:
        if self.state is State.C:
            self.enter(State.C1)
        self.faults |= Fault.LESS_6A

    def _check_power(self) -> None:
        """See whether there is power again, or no more while it waits for the sun."""
        setup = self.setup
        if setup.temp_max - COOL_C > self.temp_c:
            self.faults &= ~Fault.TEMP_HIGH
        if setup.is_node:
            return
        has_room = self.law.has_room()
        if self.charge_delay_s and setup.regime is Regime.SOLAR and not has_room:
            self.faults |= Fault.LESS_6A
        if has_room:
            self.faults &= ~Fault.LESS_6A

    def _check_meters(self) -> None:
        """See whether what must be measured is still told."""
        setup = self.setup
        counts = setup.regime is not Regime.NORMAL
        if setup.mains_meter is Meter.DISABLED and not setup.is_node:
            self.mains_left_s = MAINS_LASTS_S
        else:
            self.mains_left_s = self._waited(self.mains_left_s, Fault.CT_NOCOMM, counts=counts or setup.is_node)
        if setup.circuit_meter is Meter.DISABLED:
            self.circuit_left_s = CIRCUIT_LASTS_S
        else:
            self.circuit_left_s = self._waited(self.circuit_left_s, Fault.CIRCUIT_NOCOMM, counts=counts)
        if setup.ev_meter is Meter.DISABLED:
            self.ev_left_s = EV_METER_LASTS_S
        else:
            self.ev_left_s = self._waited(self.ev_left_s, Fault.EV_NOCOMM, counts=counts)

    def _waited(self, left_s: int, fault: Fault, *, counts: bool) -> int:
        """Wait another second for a meter; return how long its last word still counts."""
        if not left_s and counts and not self.faults & fault:
            self.faults |= fault
            self.withdraw()
        elif left_s:
            left_s -= 1
        if left_s:
            self.faults &= ~fault
        return left_s
