"""A simulated SmartEVSE that lives: its document, what it is told, and the firmware's tasks, second by second.

What stands before it is a car; what flows at the mains is for those to say who put it somewhere (`smartevse_app.py` alone,
`smartevse_house.py` in the world).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from sunbox.dialects.smartevse.box import Answer, Box
from sunbox.dialects.smartevse.profiles import Profile
from sunbox.dialects.smartevse.state import (
    EV_METER_LASTS_S,
    ZERO,
    Behind,
    BoxState,
    Configure,
    Order,
    Reboot,
    SetAccess,
    SetDuty,
    SwitchTo,
    TellBattery,
    TellCircuit,
    TellEv,
    TellMains,
)
from sunbox.dialects.smartevse.words import Capacity, Meter, State
from sunbox.simulator.smartevse_capacity import NOMINAL_V, MonthlyPeak, limit_a
from sunbox.simulator.smartevse_charger import Currents, Pilot, SmartEvse

FEED_S = 2
"""How often its own meter measures the mains."""
EV_WORDS = ("currents_da", "power_w", "imported_wh", "exported_wh")
REBOOT_S = 5
"""How long after it was asked to it boots anew."""


class Guest(Protocol):
    """A car before a box."""

    @property
    def is_plugged(self) -> bool:
        """Return whether the cable is in."""
        ...

    def pilot(self, duty: int) -> Pilot:
        """Return what it makes of the pilot."""
        ...

    def draw(self, box: SmartEvse) -> None:
        """Live for a second, and take what is offered."""
        ...

    def phase_currents_da(self, box: SmartEvse) -> Currents:
        """Return what it takes, per phase."""
        ...


class SmartEvseLife:
    """One box and what is before and behind it. What it says is as of the last `reach`."""

    def __init__(self, state: BoxState, box: Box, guest: Guest) -> None:
        """Begin as `state` says, with a car before it."""
        self.box, self.state, self.guest = box, state, guest
        self.device = SmartEvse(state.setup)
        self.feeds_ev = True  #: the car's meter is its own, until a client tells what it measures
        self._imported_ws = self._exported_ws = 0.0  #: of the mains
        self._peak = MonthlyPeak()
        self._reboot_in_s: int | None = None
        self._has_rebooted = False
        self._mains_at: datetime | None = None
        self._battery_at: datetime | None = None
        self._told_ev = TellEv()
        self._energy_ws = 0.0
        self._charged_from_ws = 0.0
        self._was_plugged = guest.is_plugged

    @property
    def profile(self) -> Profile:
        """Return the generation of firmware."""
        return self.box.profile

    @property
    def power_w(self) -> float:
        """Return what the car takes."""
        return sum(self.guest.phase_currents_da(self.device)) * NOMINAL_V / 10

    # clients

    def get(self, path: str) -> Answer | None:
        """Return what a GET is answered."""
        return self.box.get(self.state, path)

    def post(self, path: str, parameters: Mapping[str, str]) -> Answer | None:
        """Apply a POST."""
        found = self.box.post(self.state, path, parameters)
        if found is None:
            return None
        told, answer = found
        self._obey(told.state, told.orders)
        return answer

    # time

    def live_until(self, at: datetime) -> None:
        """Live through the second that ends at `at`."""
        self.draw()
        self.regulate(at)

    def draw(self) -> None:
        """Let the car take for a second what it is offered."""
        device, guest = self.device, self.guest
        is_plugged = guest.is_plugged
        if is_plugged and not self._was_plugged:
            self._charged_from_ws = self._energy_ws
        self._was_plugged = is_plugged
        device.feel(guest.pilot(device.duty))
        guest.draw(device)

    def regulate(self, at: datetime) -> None:
        """Measure, count, and have the law decide, at the end of that second."""
        device = self.device
        if self.feeds_ev:
            device.ev_left_s = EV_METER_LASTS_S
        self.measure(at)
        self._limit_sum(at)
        if self.feeds_ev:
            self._energy_ws += self.power_w
        device.tick()
        self._count_down()
        if self._is_due(at):
            self.reach(at)

    def measure(self, at: datetime) -> None:
        """Have what flows at the mains be measured, if it is, at `at`."""

    def measure_mains(self, mains_da: Currents, at: datetime) -> None:
        """Take what its own meter measures at the mains."""
        self.device.measure_mains(mains_da)
        self._mains_at = at

    def count_mains(self, sum_da: int) -> None:
        """Count a second of what flows at the mains."""
        power_w = sum_da / 10 * NOMINAL_V
        self._imported_ws += max(0.0, power_w)
        self._exported_ws += max(0.0, -power_w)

    def reach(self, at: datetime) -> None:
        """Bring what it says to an instant that the device has reached."""
        told = self.box.advanced(self.state, self._behind(), at)
        self._obey(self.box.rebooted(told.state) if self._has_rebooted else told.state, told.orders)
        self._has_rebooted = False

    def boot(self) -> None:
        """Begin anew; mode and access stay."""
        self._reboot_in_s, self._has_rebooted = None, True
        self.device = SmartEvse(replace(self.device.setup, override_da=0))

    @property
    def counts_mains(self) -> bool:
        """Return whether its meter of the mains counts energy by itself; what a client feeds says itself what it counts."""
        return False

    @property
    def due_at(self) -> datetime | None:
        """Return when something is to be done that the box itself knows."""
        return min((due for due in (self.state.start_at, self.state.stop_at) if due is not None), default=None)

    def _is_due(self, at: datetime) -> bool:
        due_at = self.due_at
        return self._has_rebooted or (due_at is not None and due_at <= at)

    def _limit_sum(self, at: datetime) -> None:
        """Let a capacity mode set the limit of the sum."""
        capacity = self.device.setup.capacity
        if capacity in (Capacity.INTERVAL, Capacity.FLANDERS):
            local = at.astimezone(self.state.zone)
            amps_a = limit_a(capacity, self.state.intervals, self._peak, local, self._imported_ws / 3600)
            if amps_a is not None and amps_a != self.device.setup.current_max_sum_mains:
                self.device.change(current_max_sum_mains=amps_a)

    def _count_down(self) -> None:
        """Reboot when it is time; a car that charges is waited for."""
        if self._reboot_in_s is None or self.device.state is State.C:
            return
        self._reboot_in_s -= 1
        if self._reboot_in_s <= 0:
            self.boot()

    # what it is told

    def _obey(self, state: BoxState, orders: tuple[Order, ...]) -> None:
        self.state = state
        for order in orders:
            self._do(order)
        self._settle()

    def _do(self, order: Order) -> None:
        device = self.device
        match order:
            case SwitchTo(regime, is_delayed):
                device.set_regime(regime, is_delayed=is_delayed)
            case SetAccess(access):
                device.set_access(access)
            case Configure(changes):
                device.change(**changes)
            case TellMains(currents_da):
                self.measure_mains(currents_da, self.state.at)
            case TellBattery(current_da):
                device.measure_battery(current_da)
                self._battery_at = self.state.at
            case TellCircuit(currents_da):
                device.measure_circuit(currents_da)
            case TellEv():
                self._tell_ev(order)
            case SetDuty(duty):
                device.hold_duty(duty)
            case Reboot():
                self._reboot_in_s = REBOOT_S

    def _tell_ev(self, told: TellEv) -> None:
        """Take what is told for all that its meter says from now on; what is not told stays as it was."""
        self.feeds_ev, self.device.ev_left_s = False, EV_METER_LASTS_S
        heard = {name: value for name in EV_WORDS if (value := getattr(told, name)) is not None}
        is_first = self._told_ev.imported_wh is None
        self._told_ev = replace(self._told_ev, **heard)
        if told.imported_wh is not None:
            charged_ws = self._energy_ws - self._charged_from_ws
            self._energy_ws = (told.imported_wh - (self._told_ev.exported_wh or 0)) * 3600.0
            if is_first:  # a counter that begins elsewhere has charged nothing
                self._charged_from_ws = self._energy_ws - charged_ws

    def _settle(self) -> None:
        self.state = replace(self.state, setup=self.device.setup, behind=self._behind())

    def _behind(self) -> Behind:
        device, told_ev = self.device, self._told_ev
        ev_da = self.guest.phase_currents_da(device) if self.feeds_ev else told_ev.currents_da or ZERO
        ev_power_w = self.power_w if self.feeds_ev else told_ev.power_w or 0
        has_meter = self.state.setup.ev_meter is not Meter.DISABLED
        behind = self.state.behind
        return replace(
            behind,
            is_plugged=self.guest.is_plugged,
            state=device.state,
            faults=device.faults,
            duty=device.duty,
            charge_da=device.charge_da,
            solar_stop_s=device.solar_stop_s,
            phases=device.law.phases,
            temp_c=device.temp_c,
            mains_da=device.mains_da,
            told_mains_da=device.irms_da,
            mains_at=self._mains_at,
            mains_imported_wh=int(self._imported_ws / 3600) if self.counts_mains else behind.mains_imported_wh,
            mains_exported_wh=int(self._exported_ws / 3600) if self.counts_mains else behind.mains_exported_wh,
            battery_da=device.battery_da,
            battery_at=self._battery_at,
            ev_da=ev_da if has_meter else ZERO,
            ev_power_w=int(ev_power_w) if has_meter else 0,
            ev_total_wh=int(self._energy_ws / 3600) if has_meter else 0,
            ev_charged_wh=int((self._energy_ws - self._charged_from_ws) / 3600) if has_meter else 0,
            ev_exported_wh=told_ev.exported_wh or 0,
        )
