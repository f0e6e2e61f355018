"""A simulated SmartEVSE in the world: any car of it before the box, the house behind it. Lives only in `advance`.

The device lives in whole seconds; where nothing goes on and no clock runs, they pass at once. Its own meter of the mains (the
transformers of a Sensorbox) sees what flows per phase every 2 s; one that is set to API knows only what it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sunbox.dialects.smartevse.box import Answer, Box
from sunbox.dialects.smartevse.pilot import NO_OFFER, OFF, offered_da
from sunbox.dialects.smartevse.state import ZERO, Setup, first_state
from sunbox.dialects.smartevse.words import Access, Meter, Mode, State
from sunbox.simulator import car_physics as physics
from sunbox.simulator.mains import Amps, Supply
from sunbox.simulator.reach import Asked, Reach
from sunbox.simulator.smartevse_charger import Currents, Pilot, SmartEvse
from sunbox.simulator.smartevse_life import FEED_S, SmartEvseLife
from sunbox.simulator.wallbox_car import BoxedCar

STILL_S = 10
"""How long a step of a car may be at a box that rests."""
BOOT_S = 20
"""How long it cannot be reached after it lost power."""
LOOKS_S = 4
"""So long after it was told something or changed, all of it moves: its law runs every 2 s."""
FAR_S = 61.0
"""No step of the world is as long: a start or stop time that is further away matters to none."""

BUTTON: Mapping[str, Mode] = {mode.name.lower(): mode for mode in Mode}
"""What a hand at the box itself may choose."""


class BoxGuest:
    """A car of the world as a SmartEVSE knows it: by the pilot's voltage and by what it takes."""

    def __init__(self, car: BoxedCar, supply: Supply) -> None:
        self.car, self.supply = car, supply

    @property
    def is_plugged(self) -> bool:
        """Return whether the cable is in."""
        return self.car.is_plugged

    def pilot(self, duty: int) -> Pilot:  # noqa: ARG002 - it has seen it in its own time
        """Return what it makes of the pilot: it lets go when its current has ended."""
        if not self.car.is_plugged:
            return Pilot.V12
        return Pilot.V6 if self.car.asks or self.car.current_a > 0 else Pilot.V9

    def draw(self, box: SmartEvse) -> None:
        """Live for a second, and take what is offered."""
        flowed_w = power_w(self, box)
        self.car.advance(1.0, pilot_a=offered_a(box), phases=self.closed(box))
        self.car.store(flowed_w / 3600.0, 1.0)

    def closed(self, box: SmartEvse) -> int:
        """Return how many phases reach it."""
        return min(box.phases, self.supply.phases)

    def flowing(self, box: SmartEvse) -> int:
        """Return how many of them it uses."""
        return min(self.closed(box), self.car.phases)

    def phase_currents_da(self, box: SmartEvse) -> Currents:
        """Return what it takes, per phase."""
        flowing, each_da = self.flowing(box), round(self.car.current_a * 10)
        one, two, three = (each_da if phase < flowing else 0 for phase in range(3))
        return one, two, three


def offered_a(box: SmartEvse) -> float:
    """Return what a box offers now, A per phase; 0 = nothing."""
    if not OFF < box.duty < NO_OFFER:
        return 0.0
    return (offered_da(box.duty) if box.is_duty_held else box.charge_da) / 10


def power_w(guest: BoxGuest, box: SmartEvse, nominal_v: float = 230.0) -> float:
    """Return what flows into a car."""
    current_a = guest.car.current_a
    return guest.flowing(box) * current_a * physics.sagged_v(nominal_v, current_a)


class HouseSmartEvse(Reach, SmartEvseLife):
    """One box with a car. The attributes are what is true; what it says is read through `get`."""

    def __init__(
        self,
        *,
        start_at: datetime,
        box: Box,
        setup: Setup,
        car: BoxedCar,
        supply_phases: int = 3,
        voltage_v: float = 230.0,
        temp_c: int = 25,
    ) -> None:
        """Begin.

        Args:
            start_at: the instant, UTC.
            box: generation of firmware, and who it says that it is.
            setup: its settings.
            car: the car that may be plugged in.
            supply_phases: 1 or 3, of the house connection.
            voltage_v: phase to neutral, without load.
            temp_c: what it measures in itself.
        """
        self.car = car
        self._guest = BoxGuest(car, Supply(supply_phases))
        self.voltage_v = voltage_v
        super().__init__(first_state(start_at, setup), box, self._guest)
        self.at = start_at
        self.device.temp_c = temp_c
        self.house: Callable[[datetime, Supply], Amps] = (
            _nothing  #: what flows at the mains without it; the world's to say
        )
        self.asked = Asked()
        self.boots = 1
        self.phase_switches = 0
        self._last_flowing = 0
        self._no_mains_s = 0.0
        self._owed_s = 0.0  #: less than a second that is still to be lived
        self._moved_s = 0  #: for how long it is still seen as moving
        self.reach(start_at)

    # what its clients do

    def get(self, path: str) -> Answer | None:
        """Return what a GET is answered."""
        self.look()
        return super().get(path)

    def post(self, path: str, parameters: Mapping[str, str]) -> Answer | None:
        """Apply a POST."""
        self.look()
        self._moved_s = LOOKS_S
        return super().post(path, parameters)

    def look(self) -> None:
        """Be at the present with all that it says."""
        if self.device.is_at_rest:
            self._measure_now()
        self.reach(self.at)

    # what people and the world do

    def plug(self) -> None:
        """Plug the car in."""
        self.car.plug()
        self._notice_cable()

    def unplug(self) -> None:
        """Pull the cable; the contactors are open before it is out."""
        self.car.unplug()
        self._notice_cable()

    def press(self, mode: str) -> None:
        """Have a hand at the box itself choose its mode (`BUTTON`)."""
        self.post("/settings", {"mode": str(int(BUTTON[mode]))})

    def reboot(self) -> None:
        """Lose power for a moment."""
        self.boot()
        self.reach(self.at)

    def boot(self) -> None:
        """Begin anew: the contactors drop, nothing is offered, nobody answers."""
        temp_c = self.device.temp_c
        super().boot()
        self.device.temp_c = temp_c
        self.boots += 1
        self.down_s = BOOT_S
        self.car.lose_power()

    def lose_mains(self, seconds: float) -> None:
        """Hear nothing of its own meter of the mains."""
        self._no_mains_s = seconds

    # what is true

    @property
    def supply_phases(self) -> int:
        """Return the phases of the house connection."""
        return self._guest.supply.phases

    @supply_phases.setter
    def supply_phases(self, phases: int) -> None:
        self._guest.supply = Supply(phases)

    @property
    def temp_c(self) -> int:
        """Return what it measures in itself."""
        return self.device.temp_c

    @temp_c.setter
    def temp_c(self, temp_c: int) -> None:
        self.device.temp_c = temp_c

    @property
    def has_own_mains_meter(self) -> bool:
        """Return whether a meter of its own measures the mains."""
        return self.device.setup.mains_meter not in (Meter.DISABLED, Meter.API)

    @property
    def closed_phases(self) -> int:
        """Return how many phases reach the car."""
        return self._guest.closed(self.device)

    @property
    def used_phases(self) -> int:
        """Return on how many phases the car draws."""
        return self._guest.flowing(self.device) or 1

    @property
    def offered_a(self) -> float:
        """Return what it offers the car now, A per phase; 0 = nothing."""
        return 0.0 if self.is_down else offered_a(self.device)

    @property
    def power_w(self) -> float:
        """Return what the car takes."""
        return power_w(self._guest, self.device, self.voltage_v)

    @property
    def draw_w(self) -> float:
        """Return what it takes from the house."""
        return self.power_w

    @property
    def energy_wh(self) -> float:
        """Return what went through it."""
        return self._energy_ws / 3600.0

    @property
    def session_wh(self) -> float:
        """Return what went into this car."""
        return (self._energy_ws - self._charged_from_ws) / 3600.0

    @property
    def most_power_w(self) -> float:
        """Return the most AC power that box and car are built for, in W, on whatever phases."""
        setup = self.device.setup
        most_a = min(setup.current_max, setup.cable_a or setup.current_max)
        options = {1, self.supply_phases}
        return max(self._most_w(phases, min(most_a, self.car.most_a(phases))) for phases in options)

    def _most_w(self, phases: int, current_a: float) -> float:
        return min(phases, self.car.phases) * current_a * physics.sagged_v(self.voltage_v, current_a)

    @property
    def is_busy(self) -> bool:
        """Return whether something moves quickly, so that steps must be short."""
        if self.is_down or self._moved_s > 0 or self.car.is_plugged != self._was_plugged or self._is_due_soon:
            return True
        if not self.car.is_plugged:
            return False
        device = self.device
        if not device.phases:
            return device.setup.access is Access.ON and self.car.has_appetite
        return device.state is not State.C or abs(self.car.wanted_a(offered_a(device)) - self.car.current_a) > 0.01

    @property
    def _is_due_soon(self) -> bool:
        due_at = self.due_at
        return due_at is not None and (due_at - self.at).total_seconds() <= FAR_S

    # time

    def advance(self, dt_s: float) -> None:
        """Live for `dt_s` seconds."""
        self.recover(dt_s)
        self._owed_s += dt_s
        while self._owed_s >= 1.0 - 1e-6:
            seconds = 1
            if self._rests:
                seconds = min(STILL_S, int(self._owed_s + 1e-6))
                self.at += timedelta(seconds=seconds)
                self.car.advance(seconds, pilot_a=0, phases=0)
            else:
                self.at += timedelta(seconds=1)
                self._live()
            self._owed_s = max(0.0, self._owed_s - seconds)

    def recover(self, dt_s: float) -> None:
        """Let time pass for what is away."""
        super().recover(dt_s)
        self._no_mains_s = max(0.0, self._no_mains_s - dt_s)

    @property
    def _rests(self) -> bool:
        """Return whether seconds change nothing, but in the car."""
        if self.is_down:
            return False
        is_off = not self.car.is_plugged or self.device.setup.access is not Access.ON
        is_seen = self.car.is_plugged == self._was_plugged and self._reboot_in_s is None and not self._is_due_soon
        return is_off and is_seen and self.car.current_a <= 0 and self.device.is_at_rest

    def _live(self) -> None:
        """Live through one second."""
        self._moved_s = max(0, self._moved_s - 1)
        if self.is_down:
            self.car.advance(1.0, pilot_a=0, phases=0)
            return
        device = self.device
        before = device.state, device.charge_da, device.phases
        self.live_until(self.at)
        if before != (device.state, device.charge_da, device.phases):
            self._moved_s = LOOKS_S
        self._count_switches()

    def measure(self, at: datetime) -> None:
        """Have its own meter measure the mains."""
        if at.second % FEED_S == 0:
            self._measure_now()

    def _measure_now(self) -> None:
        if self.has_own_mains_meter and self._no_mains_s <= 0:
            drawn_da = self._guest.phase_currents_da(self.device)
            house_a = self.house(self.at, self._guest.supply)
            one, two, three = (round(10 * amps) + da for amps, da in zip(house_a, drawn_da, strict=True))
            self.measure_mains((one, two, three), self.at)

    def _notice_cable(self) -> None:
        if not self.car.is_plugged and self.car.current_a > 0:
            self.car.lose_power()

    def _count_switches(self) -> None:
        """Count when current flows on another number of phases than it flowed on last."""
        if self.car.current_a <= 0:
            return
        flowing = self._guest.flowing(self.device)
        self.phase_switches += flowing != self._last_flowing and self._last_flowing > 0
        self._last_flowing = flowing


def _nothing(_: datetime, __: Supply) -> Amps:
    return ZERO
