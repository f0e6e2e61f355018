"""A simulated go-eCharger: contactor, phases, heat and a car behind the box that its clients see. Lives only in `advance`.

Once a second its logic looks at the settings, as the device's does. A start takes the car some 8 s and the contactor two
more; after a stop the contactor opens 3 s after the current is gone; a switch of phases opens it for `psmd`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sunbox.dialects.goe.box import Box, Readout
from sunbox.dialects.goe.decide import Behind, Pause
from sunbox.dialects.goe.profiles import STANDARD, Profile
from sunbox.dialects.goe.state import DEVICE, BoxState, Identity, first_state
from sunbox.dialects.goe.words import Fault, Force, Logic, PhaseMode
from sunbox.simulator import car_physics as physics
from sunbox.simulator.goe_heat import MOST_A, heat_limit_a, warmed_c
from sunbox.simulator.goe_surplus import SurplusLaw
from sunbox.simulator.reach import Asked, Reach
from sunbox.simulator.wallbox_car import BoxedCar, WallboxCar

LOGIC_S = 1.0
STILL_S, DRAWING_S = 10.0, 5.0
"""How long a step may be while nothing moves: of the box and a car without current, of a car that draws."""
CLOSE_S, OPEN_S = 2.0, 3.0
"""From the car's wish until the contactor closes; from the end of the current until it opens."""
BOOT_S = 20.0
"""How long it cannot be reached after a reboot."""
SWITCH_BLIP_S = 2.0
"""How long it pretends to be unplugged at the end of a switch of phases, if it does."""


class GoeCharger(Reach):
    """One charger with, perhaps, a car. The attributes are what is true; what it says is read through `read`."""

    def __init__(
        self,
        *,
        start_at: datetime,
        profile: Profile = STANDARD,
        identity: Identity | None = None,
        car: BoxedCar | None = None,
        supply_phases: int = 3,
        voltage_v: float = 230.0,
        ambient_c: float = 20.0,
        cable_a: int = 32,
        installation_a: int | None = None,
        unplugs_at_switch: bool = False,
    ) -> None:
        """Begin with everything as delivered.

        Args:
            start_at: the instant, UTC.
            profile: generation of firmware.
            identity: who it says that it is.
            car: the car that may be plugged in.
            supply_phases: 1 or 3, of the house connection.
            voltage_v: phase to neutral, without load.
            ambient_c: temperature around it.
            cable_a: limit of the cable.
            installation_a: most that the house connection carries, which `ama` is set to; default what the box is built for.
            unplugs_at_switch: it ends a switch of phases with a simulated unplugging, as some firmware does.
        """
        self.box = Box(profile, DEVICE)
        self._state = first_state(start_at, identity)
        self.car: BoxedCar = car or WallboxCar()
        self.installation_a: int = min(installation_a or MOST_A, self._state.values["ama"])
        self._state = self.box.settle(
            self._state, {"ama": self.installation_a, "amp": min(self._state.values["amp"], self.installation_a)}
        )
        self.supply_phases, self.voltage_v, self.cable_a = supply_phases, voltage_v, cable_a
        self.ambient_c, self.temperature_c = ambient_c, ambient_c
        self.unplugs_at_switch = unplugs_at_switch
        self.has_adapter = False
        self.fault = Fault.NONE
        self.closed_phases = 0
        self.law = SurplusLaw()
        self.asked = Asked()
        self.phase_switches = 0
        self._last_flowing = 0
        self._pause: Pause | None = None
        self._pause_s = self._close_s = self._open_s = 0.0
        self._blip_s = 0.0
        self._logic_s = 0.0
        self._owed_s = 0.0  #: how long the car has lived on while the box only stood there
        self._compared: BoxState | None = None
        self._is_told_anew = False
        self._settle_behind()

    # what its clients do

    def read(self, names: Iterable[str] = ()) -> Readout:
        """Return what it says."""
        self._settle()
        return self.box.read(self._state, names)

    def set(self, items: Iterable[tuple[str, str]]) -> dict[str, bool | str]:
        """Be told (key, JSON text) pairs; the effect comes with the next look of the logic."""
        self._settle()
        judged = self.box.judge(self._state, items)
        boots = self._state.boots
        self._state = self.box.settle(self._state, judged.good)
        if self._state.boots != boots:
            self._fall_down()
        return judged.answers

    def has_api(self, switch: str) -> bool:
        """Return whether an API is switched on."""
        return self.box.has_api(self._state, switch)

    # what people and the world do

    def plug(self) -> None:
        """Plug the car in."""
        self.car.plug()
        self._notice_cable()

    def unplug(self) -> None:
        """Pull the cable; the contactor is open before it is out."""
        self.car.unplug()
        self._notice_cable()

    def reboot(self) -> None:
        """Lose power for a moment."""
        self._settle()
        self._state = self.box.rebooted(self._state, self._state.at)
        self._fall_down()

    def lose_force(self) -> None:
        """Forget start and stop, as real ones were seen to do."""
        self._settle()
        self._state = self.box.settle(self._state, {"frc": int(Force.NEUTRAL)})

    @property
    def state(self) -> BoxState:
        """Return what the box knows now."""
        self._settle()
        return self._state

    @property
    def draw_w(self) -> float:
        """Return what it takes from the house."""
        return self._state.behind.power_w

    @property
    def used_phases(self) -> int:
        """Return on how many phases its car draws."""
        return min(self.closed_phases, self.car.phases) or 1

    @property
    def is_busy(self) -> bool:
        """Return whether something moves quickly, so that steps must be short."""
        return bool(
            self._pause is not None
            or self.is_down
            or self.car.is_plugged != self._state.behind.is_plugged
            or (self.car.is_plugged and self._is_moving)
        )

    @property
    def _is_moving(self) -> bool:
        """Return whether the car, the contactor or the logic are on their way to something."""
        if self.fault is not self._state.behind.fault or self._state.values["su"]:
            return True
        if self._state is not self._compared:
            self._compared, self._is_told_anew = self._state, self.box.offer(self._state) != self._offer
        if self._is_told_anew:
            return True
        if not self.closed_phases:
            return self._offer.is_allowed and self.car.has_appetite
        if not self._wants_closed() or self.closed_phases != self._wanted_phases():
            return True
        return abs(self.car.wanted_a(self._offer.amps_a) - self.car.current_a) > 0.01

    @property
    def most_a(self) -> int:
        """Return the most that cable and installation let it offer, A per phase."""
        return min(self.cable_a, self.installation_a)

    @property
    def most_power_w(self) -> float:
        """Return the most AC power that box and car are built for, in W, on whatever phases."""
        options = {1, self.supply_phases}
        return max(self._power_w(phases, min(self.most_a, self.car.most_a(phases))) for phases in options)

    def _power_w(self, phases: int, current_a: float) -> float:
        return min(phases, self.car.phases) * current_a * physics.sagged_v(self.voltage_v, current_a)

    @property
    def offered_a(self) -> int:
        """Return what it offers the car now, A per phase; 0 = nothing."""
        return self._offer.amps_a if self._is_offering() else 0

    # time

    def advance(self, dt_s: float) -> None:
        """Live for `dt_s` seconds."""
        left_s = dt_s
        while left_s > 1e-9:
            self._notice_cable()
            longest_s = self._longest_step_s()
            step_s = min(left_s, longest_s)
            if longest_s > LOGIC_S:
                self._stand(step_s)
                if self._owed_s >= STILL_S:
                    self._settle()
            else:
                self._settle()
                self._step(step_s)
            left_s -= step_s

    def _settle(self) -> None:
        """Have the box be where its car is, in time and about the cable."""
        if self._owed_s > 0:
            dt_s, self._owed_s = self._owed_s, 0.0
            self._think(dt_s)
            self._count(dt_s)
        self._notice_cable()

    def _stand(self, dt_s: float) -> None:
        """Live on with nothing that moves: the car does it at once, the box now and then."""
        self.recover(dt_s)
        self._feed(dt_s, self.draw_w)
        self._owed_s += dt_s

    def _longest_step_s(self) -> float:
        """Return for how long nothing can happen but by the clock's minutes and what warms, fills or is counted."""
        logic_s = LOGIC_S - self._logic_s
        values = self._state.values
        if self.is_busy or self.law.is_on or (self.car.is_plugged and SurplusLaw.is_followed(values)):
            return logic_s
        if self.draw_w <= 0:
            return STILL_S
        # what limits energy is looked at each second
        return logic_s if values["dwo"] is not None or values["lmo"] == Logic.TRIP else DRAWING_S

    def _step(self, dt_s: float) -> None:
        self.recover(dt_s)
        flowing_w = self.draw_w
        self._think(dt_s)
        self._run_contactor(dt_s)
        self._feed(dt_s, flowing_w)
        self._count_switches()
        self._count(dt_s)

    def _think(self, dt_s: float) -> None:
        """Run the logic, once a second at most."""
        self._logic_s += dt_s
        if self._logic_s >= LOGIC_S - 1e-9:
            self._logic_s = 0.0
            if not self.is_down:
                self.law.advance(self._state, max(dt_s, LOGIC_S))
                self._look()

    def _look(self) -> None:
        """See what the settings let the car have."""
        self._offer, self._compared = self.box.offer(self._state), None

    def _feed(self, dt_s: float, flowing_w: float) -> None:
        self.car.advance(dt_s, pilot_a=self.offered_a, phases=self.closed_phases)
        self.car.store(flowing_w * dt_s / 3600.0, dt_s)  # as the box counts, by what flowed until now

    def _count(self, dt_s: float) -> None:
        """Have the box see and count it, and get warm."""
        self.temperature_c = warmed_c(self.temperature_c, self.ambient_c, self.car.current_a, self.closed_phases, dt_s)
        self._state = self.box.advanced(self._state, self._behind(), self._state.at + timedelta(seconds=dt_s))

    def _is_offering(self) -> bool:
        # the least pause is the box's to judge: a forced start overrules it
        is_held = self._pause not in (None, Pause.MIN_PAUSE)
        return self._offer.is_allowed and not is_held and not self.is_down and self.fault is Fault.NONE

    def _wanted_phases(self) -> int:
        mode = self._offer.phase_mode
        wanted = {PhaseMode.ONE: 1, PhaseMode.THREE: 3}.get(mode, 3)
        if mode is PhaseMode.AUTO and SurplusLaw.is_followed(self._state.values):
            wanted = self.law.phases
        return min(wanted, self.supply_phases)

    def _wants_closed(self) -> bool:
        return self._is_offering() and self.car.asks

    def _run_contactor(self, dt_s: float) -> None:
        """Close, open and pause, in their own time."""
        if self._pause is not None:
            self._hold(dt_s)
        elif self._state.values["su"] and self.car.is_plugged:
            self._begin(Pause.SIMULATED_UNPLUG, self._state.values["sumd"] / 1000)
        elif self.closed_phases and self.closed_phases != self._wanted_phases() and self._wants_closed():
            self._begin(Pause.PHASE_SWITCH, self._state.values["psmd"] / 1000)
        if self.closed_phases:
            is_over = not self._wants_closed() and self.car.current_a <= 0
            self._open_s = self._open_s + dt_s if is_over else 0.0
            if self._open_s >= OPEN_S:
                self.closed_phases = 0
                if self._pause is None and not self._offer.is_allowed and self._state.values["mcpd"] > 0:
                    self._begin(Pause.MIN_PAUSE, self._state.values["mcpd"] / 1000)
        else:
            self._close_s = self._close_s + dt_s if self._wants_closed() else 0.0
            if self._close_s >= CLOSE_S:
                self.closed_phases, self._open_s, self._pause = self._wanted_phases(), 0.0, None

    def _begin(self, pause: Pause, seconds: float) -> None:
        self._pause, self._pause_s, self._close_s = pause, seconds, 0.0

    def _hold(self, dt_s: float) -> None:
        """Let a pause go on; it counts from the open contactor."""
        if self.closed_phases:
            return
        self._pause_s -= dt_s
        if self._pause_s > 0:
            return
        was_switch, self._pause = self._pause is Pause.PHASE_SWITCH, None
        if was_switch and self.unplugs_at_switch:
            self._begin(Pause.SIMULATED_UNPLUG, SWITCH_BLIP_S)

    def _fall_down(self) -> None:
        """Boot: the contactor drops, nothing is offered, nobody answers."""
        self.down_s, self._pause = BOOT_S, None
        self._drop_contactor()
        self.law = SurplusLaw()
        self._settle_behind()

    def _drop_contactor(self) -> None:
        self.closed_phases, self._close_s = 0, 0.0
        self.car.lose_power()

    def _notice_cable(self) -> None:
        """See that the car was plugged in, or is gone, whoever did it."""
        if self.car.is_plugged == self._state.behind.is_plugged:
            return
        if not self.car.is_plugged:
            self._drop_contactor()
            self._pause = None
        self._settle_behind()

    def _count_switches(self) -> None:
        """Count when current flows on another number of phases than it flowed on last."""
        if self.car.current_a <= 0:
            return
        flowing = min(self.closed_phases, self.car.phases)
        self.phase_switches += flowing != self._last_flowing and self._last_flowing > 0
        self._last_flowing = flowing

    def _settle_behind(self) -> None:
        owed_s, self._owed_s = self._owed_s, 0.0
        self._state = self.box.advanced(self._state, self._behind(), self._state.at + timedelta(seconds=owed_s))
        self._look()

    def _behind(self) -> Behind:
        """Return what the box sees of it."""
        flowing = min(self.closed_phases, self.car.phases)
        amps = [self.car.current_a if phase < flowing else 0.0 for phase in range(3)]
        volts = [physics.sagged_v(self.voltage_v, each) for each in amps]
        follows = SurplusLaw.is_followed(self._state.values) and self.law.is_on
        return Behind(
            is_plugged=self.car.is_plugged,
            is_charging=self.closed_phases > 0,
            volts_v=(volts[0], volts[1], volts[2]),
            amps_a=(amps[0], amps[1], amps[2]),
            closed=(self.closed_phases > 0, self.closed_phases > 1, self.closed_phases > 2),
            supplied=(True, self.supply_phases > 1, self.supply_phases > 2),
            fault=self.fault,
            cable_a=self.cable_a if self.car.is_plugged else None,
            has_adapter=self.has_adapter,
            temperatures_c=(round(self.temperature_c, 3), round(self.temperature_c + 5.0, 3)),
            temperature_limit_a=heat_limit_a(self.temperature_c),
            rssi_dbm=None if self.no_wifi_s > 0 else -60,
            pause=self._pause,
            eco=self.law.status,
            surplus_limit_a=self.law.amps_a if follows else None,
        )
