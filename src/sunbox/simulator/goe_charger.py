"""A simulated go-eCharger: contactor, phases, heat and a car behind the box that its clients see. Lives only in `advance`.

Once a second its logic looks at the settings, as the device's does. A start takes the car some 8 s and the contactor two
more; after a stop the contactor opens 3 s after the current is gone; a switch of phases opens it for `psmd`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sunbox.dialects.goe.box import Box, Readout
from sunbox.dialects.goe.decide import Behind, Pause
from sunbox.dialects.goe.profiles import STANDARD, Profile
from sunbox.dialects.goe.state import DEVICE, Identity, first_state
from sunbox.dialects.goe.words import Fault, Force, PhaseMode
from sunbox.simulator import car_physics as physics
from sunbox.simulator.goe_car import WallboxCar
from sunbox.simulator.goe_heat import heat_limit_a, warmed_c
from sunbox.simulator.goe_surplus import SurplusLaw

LOGIC_S = 1.0
STILL_S = 10.0
"""How long a step may be without a car."""
CLOSE_S, OPEN_S = 2.0, 3.0
"""From the car's wish until the contactor closes; from the end of the current until it opens."""
BOOT_S = 20.0
"""How long it cannot be reached after a reboot."""
SWITCH_BLIP_S = 2.0
"""How long it pretends to be unplugged at the end of a switch of phases, if it does."""


class GoeCharger:
    """One charger with, perhaps, a car. The attributes are what is true; what it says is read through `read`."""

    def __init__(
        self,
        *,
        start_at: datetime,
        profile: Profile = STANDARD,
        identity: Identity | None = None,
        car: WallboxCar | None = None,
        supply_phases: int = 3,
        voltage_v: float = 230.0,
        ambient_c: float = 20.0,
        cable_a: int = 32,
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
            unplugs_at_switch: it ends a switch of phases with a simulated unplugging, as some firmware does.
        """
        self.box = Box(profile, DEVICE)
        self.state = first_state(start_at, identity)
        self.car = car or WallboxCar()
        self.supply_phases, self.voltage_v, self.cable_a = supply_phases, voltage_v, cable_a
        self.ambient_c, self.temperature_c = ambient_c, ambient_c
        self.unplugs_at_switch = unplugs_at_switch
        self.has_adapter = False
        self.fault = Fault.NONE
        self.closed_phases = 0
        self.law = SurplusLaw()
        self._pause: Pause | None = None
        self._pause_s = self._close_s = self._open_s = 0.0
        self._down_s = self._no_wifi_s = self._busy_s = 0.0
        self._blip_s = 0.0
        self._logic_s = 0.0
        self._offer = self.box.offer(self.state)
        self._settle_behind()

    # what its clients do

    def read(self, names: Iterable[str] = ()) -> Readout:
        """Return what it says."""
        return self.box.read(self.state, names)

    def set(self, items: Iterable[tuple[str, str]]) -> dict[str, bool | str]:
        """Be told (key, JSON text) pairs; the effect comes with the next look of the logic."""
        judged = self.box.judge(self.state, items)
        boots = self.state.boots
        self.state = self.box.settle(self.state, judged.good)
        if self.state.boots != boots:
            self._fall_down()
        return judged.answers

    def has_api(self, switch: str) -> bool:
        """Return whether an API is switched on."""
        return self.box.has_api(self.state, switch)

    # what people and the world do

    def plug(self) -> None:
        """Plug the car in."""
        self.car.is_plugged = True
        self._settle_behind()

    def unplug(self) -> None:
        """Pull the cable; the contactor is open before it is out."""
        self.car.is_plugged = False
        self.closed_phases, self.car.current_a, self.car.offered_s = 0, 0.0, 0.0
        self._pause = None
        self._settle_behind()

    def reboot(self) -> None:
        """Lose power for a moment."""
        self.state = self.box.rebooted(self.state, self.state.at)
        self._fall_down()

    def lose_wifi(self, seconds: float) -> None:
        """Lose the network; charging goes on."""
        self._no_wifi_s = seconds

    def be_busy(self, seconds: float) -> None:
        """Have no time for the API."""
        self._busy_s = seconds

    def lose_force(self) -> None:
        """Forget start and stop, as real ones were seen to do."""
        self.state = self.box.settle(self.state, {"frc": int(Force.NEUTRAL)})

    @property
    def is_reachable(self) -> bool:
        """Return whether requests arrive."""
        return self._down_s <= 0 and self._no_wifi_s <= 0

    @property
    def api_is_busy(self) -> bool:
        """Return whether it answers that it has no time."""
        return self._busy_s > 0

    @property
    def draw_w(self) -> float:
        """Return what it takes from the house."""
        return self.state.behind.power_w

    @property
    def is_busy(self) -> bool:
        """Return whether something moves quickly, so that steps must be short."""
        return bool(
            self._pause is not None
            or self._down_s > 0
            or (self.closed_phases and abs(self._target_a() - self.car.current_a) > 0.01)
            or (self._offer.is_allowed and self.car.has_appetite and not self.closed_phases)
            or (self.closed_phases and not self._wants_closed())
        )

    def truth(self) -> dict[str, Any]:
        """Return what is true, as JSON."""
        return {
            "is_plugged": self.car.is_plugged,
            "soc_pct": round(self.car.soc_pct, 2),
            "current_a": round(self.car.current_a, 2),
            "phases": self.closed_phases,
            "draw_w": round(self.draw_w, 1),
            "temperature_c": round(self.temperature_c, 1),
            "is_reachable": self.is_reachable,
        }

    # time

    def advance(self, dt_s: float) -> None:
        """Live for `dt_s` seconds."""
        left_s = dt_s
        while left_s > 1e-9:
            step_s = min(left_s, STILL_S if self._is_still else LOGIC_S - self._logic_s)
            self._step(step_s)
            left_s -= step_s

    @property
    def _is_still(self) -> bool:
        """Return whether nothing can happen but by the clock's minutes: no car, and nothing under way."""
        return not self.car.is_plugged and self._pause is None and self._down_s <= 0 and not self.law.is_on

    def _step(self, dt_s: float) -> None:
        at = self.state.at + timedelta(seconds=dt_s)
        self._down_s, self._no_wifi_s, self._busy_s = (
            max(0.0, left_s - dt_s) for left_s in (self._down_s, self._no_wifi_s, self._busy_s)
        )
        flowing_w = self.draw_w
        self._logic_s += dt_s
        if self._logic_s >= LOGIC_S - 1e-9:
            self._logic_s = 0.0
            if self._down_s <= 0:
                self.law.advance(self.state, max(dt_s, LOGIC_S))
                self._offer = self.box.offer(self.state)
        self._run_contactor(dt_s)
        pilot_a = self._offer.amps_a if self._is_offering() else 0
        self.car.advance(dt_s, pilot_a=pilot_a, phases=self.closed_phases)
        self.car.store(flowing_w * dt_s / 3600.0, dt_s)  # as the box counts, by what flowed until now
        self.temperature_c = warmed_c(self.temperature_c, self.ambient_c, self.car.current_a, self.closed_phases, dt_s)
        self.state = self.box.advanced(self.state, self._behind(), at)

    def _is_offering(self) -> bool:
        # the least pause is the box's to judge: a forced start overrules it
        is_held = self._pause not in (None, Pause.MIN_PAUSE)
        return self._offer.is_allowed and not is_held and self._down_s <= 0 and self.fault is Fault.NONE

    def _wanted_phases(self) -> int:
        mode = self._offer.phase_mode
        wanted = {PhaseMode.ONE: 1, PhaseMode.THREE: 3}.get(mode, 3)
        if mode is PhaseMode.AUTO and SurplusLaw.is_followed(self.state.values):
            wanted = self.law.phases
        return min(wanted, self.supply_phases)

    def _wants_closed(self) -> bool:
        return self._is_offering() and self.car.asks

    def _target_a(self) -> float:
        if not self._wants_closed():
            return 0.0
        return physics.tapered_a(self.car.soc_pct, min(float(self._offer.amps_a), self.car.max_a))

    def _run_contactor(self, dt_s: float) -> None:
        """Close, open and pause, in their own time."""
        if self._pause is not None:
            self._hold(dt_s)
        elif self.state.values["su"] and self.car.is_plugged:
            self._begin(Pause.SIMULATED_UNPLUG, self.state.values["sumd"] / 1000)
        elif self.closed_phases and self.closed_phases != self._wanted_phases() and self._wants_closed():
            self._begin(Pause.PHASE_SWITCH, self.state.values["psmd"] / 1000)
        if self.closed_phases:
            is_over = not self._wants_closed() and self.car.current_a <= 0
            self._open_s = self._open_s + dt_s if is_over else 0.0
            if self._open_s >= OPEN_S:
                self.closed_phases = 0
                if self._pause is None and not self._offer.is_allowed and self.state.values["mcpd"] > 0:
                    self._begin(Pause.MIN_PAUSE, self.state.values["mcpd"] / 1000)
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
        self._down_s, self._pause = BOOT_S, None
        self.closed_phases, self.car.current_a, self.car.offered_s = 0, 0.0, 0.0
        self.law = SurplusLaw()
        self._settle_behind()

    def _settle_behind(self) -> None:
        self.state = self.box.advanced(self.state, self._behind(), self.state.at)
        self._offer = self.box.offer(self.state)

    def _behind(self) -> Behind:
        """Return what the box sees of it."""
        flowing = min(self.closed_phases, self.car.phases)
        amps = [self.car.current_a if phase < flowing else 0.0 for phase in range(3)]
        volts = [physics.sagged_v(self.voltage_v, each) for each in amps]
        follows = SurplusLaw.is_followed(self.state.values) and self.law.is_on
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
            rssi_dbm=None if self._no_wifi_s > 0 else -60,
            pause=self._pause,
            eco=self.law.status,
            surplus_limit_a=self.law.amps_a if follows else None,
        )
