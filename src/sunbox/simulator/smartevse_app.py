"""The simulated SmartEVSE on the wire: the face of the dialect over box, law, toy car and house, brought up to the present."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from starlette.types import ASGIApp

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
    Setup,
    SwitchTo,
    TellBattery,
    TellCircuit,
    TellEv,
    TellMains,
    first_state,
)
from sunbox.dialects.smartevse.words import Access, Capacity, Meter, State
from sunbox.faces.smartevse.app import DEVICE_MANNERS, MOST_ACCEPTED, create_app
from sunbox.net.serving import Listener
from sunbox.simulator.smartevse_capacity import NOMINAL_V, MonthlyPeak, limit_a
from sunbox.simulator.smartevse_car import ToyCar
from sunbox.simulator.smartevse_charger import Currents, SmartEvse

FEED_S = 2
"""How often the house tells its mains' currents, as long as nobody else does."""
MOST_MISSED_S = 21_600
"""A box that nobody looked at for longer has lived through the last six hours only."""
REBOOT_S = 5
EV_WORDS = ("currents_da", "power_w", "imported_wh", "exported_wh")

DEMO_SETUP = Setup(mains_meter=Meter.API, ev_meter=Meter.API, current_max=16, access=Access.ON)
"""A box as clients like to find it."""


class LiveSmartEvse:
    """A simulated box with a car and a house, which lives on to the present whenever somebody looks."""

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        box: Box | None = None,
        setup: Setup = DEMO_SETUP,
        base_da: Currents = ZERO,
        is_plugged: bool = False,
    ) -> None:
        """Begin.

        Args:
            now: tells the time.
            box: profile and identity.
            setup: its settings.
            base_da: what the house takes.
            is_plugged: the car is plugged in.
        """
        self._now = now
        self.box = box or Box()
        self.state = first_state(now(), setup)
        self.device = SmartEvse(setup)
        self.car = ToyCar()
        self.car.is_plugged = is_plugged
        self.base_da = base_da
        self.feeds_mains = self.feeds_ev = True  #: until a client does
        self._imported_ws = self._exported_ws = 0.0  #: of the mains
        self._peak = MonthlyPeak()
        self._reboot_in_s: int | None = None
        self._has_rebooted = False
        self._mains_at: datetime | None = None
        self._battery_at: datetime | None = None
        self._told_ev = TellEv()
        self._energy_ws = 0.0
        self._charged_from_ws = 0.0
        self._was_plugged = is_plugged

    @property
    def profile(self) -> Profile:
        """Return the generation of firmware."""
        return self.box.profile

    # clients

    def get(self, path: str) -> Answer | None:
        """Return what a GET is answered now."""
        self.sync()
        return self.box.get(self.state, path)

    def post(self, path: str, parameters: Mapping[str, str]) -> Answer | None:
        """Apply a POST."""
        self.sync()
        found = self.box.post(self.state, path, parameters)
        if found is None:
            return None
        told, answer = found
        self._obey(told.state, told.orders)
        return answer

    # time

    def sync(self) -> None:
        """Live on to the present, in whole seconds."""
        missed_s = int((self._now() - self.state.at).total_seconds())
        if missed_s <= 0:
            return
        lived_s = min(missed_s, MOST_MISSED_S)
        at = self.state.at + timedelta(seconds=missed_s - lived_s)
        for _ in range(lived_s):
            at += timedelta(seconds=1)
            self._second(at)
            if self._is_due(at):
                self._reach(at)
        self._reach(at)

    def _second(self, at: datetime) -> None:
        device, car = self.device, self.car
        if car.is_plugged and not self._was_plugged:
            self._charged_from_ws = self._energy_ws
        self._was_plugged = car.is_plugged
        device.feel(car.pilot(device.duty))
        car.draw(device)
        one, two, three = car.phase_currents_da(device)
        if self.feeds_mains and at.second % FEED_S == 0 and device.setup.mains_meter is not Meter.DISABLED:
            base = self.base_da
            device.measure_mains((base[0] + one, base[1] + two, base[2] + three))
            self._mains_at = at
        if self.feeds_ev:
            device.ev_left_s = EV_METER_LASTS_S
            self._energy_ws += (one + two + three) / 10 * NOMINAL_V
        if self.feeds_mains:
            self._count_mains(sum(self.base_da) + one + two + three)
        self._limit_sum(at)
        device.tick()
        self._count_down()

    def _count_mains(self, sum_da: int) -> None:
        power_w = sum_da / 10 * NOMINAL_V
        self._imported_ws += max(0.0, power_w)
        self._exported_ws += max(0.0, -power_w)

    def _limit_sum(self, at: datetime) -> None:
        """Let a capacity mode set the limit of the sum."""
        capacity = self.device.setup.capacity
        if capacity in (Capacity.INTERVAL, Capacity.FLANDERS):
            local = at.astimezone(self.state.zone)
            amps_a = limit_a(capacity, self.state.intervals, self._peak, local, self._imported_ws / 3600)
            if amps_a is not None and amps_a != self.device.setup.current_max_sum_mains:
                self.device.change(current_max_sum_mains=amps_a)

    def _is_due(self, at: datetime) -> bool:
        """Return whether something is to be done at an instant that the box itself knows."""
        dues = (self.state.start_at, self.state.stop_at)
        return self._has_rebooted or any(due is not None and due <= at for due in dues)

    def _reach(self, at: datetime) -> None:
        """Bring the box to an instant that the device has reached."""
        told = self.box.advanced(self.state, self._behind(), at)
        self._obey(self.box.rebooted(told.state) if self._has_rebooted else told.state, told.orders)
        self._has_rebooted = False

    def _count_down(self) -> None:
        """Reboot when it is time; a car that charges is waited for."""
        if self._reboot_in_s is None or self.device.state is State.C:
            return
        self._reboot_in_s -= 1
        if self._reboot_in_s <= 0:
            self._reboot_in_s, self._has_rebooted = None, True
            self.device = SmartEvse(replace(self.device.setup, override_da=0))

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
                self.feeds_mains = False
                device.measure_mains(currents_da)
                self._mains_at = self.state.at
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
        ev_da = self.car.phase_currents_da(device) if self.feeds_ev else told_ev.currents_da or ZERO
        ev_power_w = sum(ev_da) * NOMINAL_V // 10 if self.feeds_ev else told_ev.power_w or 0
        has_meter = self.state.setup.ev_meter is not Meter.DISABLED
        imported_wh, exported_wh = self._mains_energy_wh()
        return replace(
            self.state.behind,
            is_plugged=self.car.is_plugged,
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
            mains_imported_wh=imported_wh,
            mains_exported_wh=exported_wh,
            battery_da=device.battery_da,
            battery_at=self._battery_at,
            ev_da=ev_da if has_meter else ZERO,
            ev_power_w=ev_power_w if has_meter else 0,
            ev_total_wh=int(self._energy_ws / 3600) if has_meter else 0,
            ev_charged_wh=int((self._energy_ws - self._charged_from_ws) / 3600) if has_meter else 0,
            ev_exported_wh=told_ev.exported_wh or 0,
        )

    def _mains_energy_wh(self) -> tuple[int, int]:
        """Return what the mains' meter counted; one that a client feeds says itself what it counts."""
        behind = self.state.behind
        if not self.feeds_mains or self.state.setup.mains_meter is Meter.DISABLED:
            return behind.mains_imported_wh, behind.mains_exported_wh
        return int(self._imported_ws / 3600), int(self._exported_ws / 3600)


def create_smartevse_app(live: LiveSmartEvse) -> ASGIApp:
    """Return the app of a simulated box's port."""
    return create_app(live, DEVICE_MANNERS)


def listener_of(live: LiveSmartEvse, port: int, host: str = "127.0.0.1") -> Listener:
    """Return how a simulated box is served: to as many at a time as the device takes."""
    return Listener(app=create_smartevse_app(live), host=host, port=port, most_connections=MOST_ACCEPTED)
