"""How the peers of sunbox charge from the sun: their published rules, written anew, on one car of whole amps.

These are the rules and not the programs: the thresholds, delays and intervals that their documentation and defaults name,
for one car, without a home battery, tariffs or phase switching. Every rule sees grid power and the car's own draw as they
were measured at the same instant, and says which current it wants now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple, Protocol

from sunbox.dialects.smartevse.state import Setup
from sunbox.dialects.smartevse.words import Access, Contactor, Fault, Meter, Regime, State
from sunbox.simulator.smartevse_car import ToyCar
from sunbox.simulator.smartevse_charger import CHARGE_DELAY_S, Currents, SmartEvse

OFF = 0
"""No charging, as a current."""


class Seen(NamedTuple):
    """What a rule goes by."""

    t_s: float
    grid_w: float  #: + = import
    draw_w: float  #: of the car, measured together with the grid
    set_a: int  #: what the rule has told the car; 0 = off
    min_a: int
    max_a: int
    phase_v: float  #: W per A: volts × phases
    phases: int

    @property
    def surplus_w(self) -> float:
        """Return what there is for the car, in W."""
        return self.draw_w - self.grid_w

    @property
    def fits(self) -> bool:
        """Return whether the surplus carries the least current."""
        return self.surplus_w >= self.min_a * self.phase_v

    def amps_a(self, power_w: float) -> int:
        """Return the whole amps that a power carries, at least the minimum and at most the maximum."""
        return max(self.min_a, min(self.max_a, int(power_w / self.phase_v + 1e-6)))


class Rival(Protocol):
    """One rule. It keeps its own timers; a new one is made for each run."""

    interval_s: ClassVar[float]
    """How often it decides; at most as often as the meter is read."""

    def decide(self, seen: Seen) -> int:
        """Return the current in A that it wants now, 0 = off."""
        ...


class Timer:
    """How long something has been so without a break."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    def has_lasted(self, is_so: bool, t_s: float, delay_s: float) -> bool:
        """Return whether it has been so for `delay_s`. One look at which it is not so begins anew."""
        if not is_so:
            self._since_s = None
            return False
        if self._since_s is None:
            self._since_s = t_s
        return t_s - self._since_s >= delay_s - 1e-6

    def reset(self) -> None:
        """Begin anew."""
        self._since_s = None


class Plain:
    """No delays at all: whole amps of what is left, off below the minimum."""

    interval_s: ClassVar[float] = 10.0

    def decide(self, seen: Seen) -> int:
        """Follow the surplus."""
        return seen.amps_a(seen.surplus_w) if seen.fits else OFF


class Evcc:
    """evcc: each 30 s; on after 60 s with enough, always with the minimum first; off after 180 s of import at the minimum.

    Source: the project's documentation and defaults (interval 30 s, `enable` 0 W / 1 min, `disable` 0 W / 3 min).
    """

    interval_s: ClassVar[float] = 30.0
    ENABLE_S, DISABLE_S = 60.0, 180.0
    THRESHOLD_W = 0.0
    HEADROOM_A = 2.0
    """A car that takes less than it may is believed to take at most so much more."""

    def __init__(self) -> None:
        self._timer = Timer()

    def decide(self, seen: Seen) -> int:
        """Correct the current by what the grid shows."""
        drawn_a = seen.draw_w / seen.phase_v
        effective_a = min(drawn_a + self.HEADROOM_A, seen.set_a) if seen.draw_w > 0 else 0.0
        target_a = max(0.0, effective_a - seen.grid_w / seen.phase_v)
        if seen.set_a == OFF:
            if self._timer.has_lasted(target_a >= seen.min_a, seen.t_s, self.ENABLE_S):
                self._timer.reset()
                return seen.min_a
            return OFF
        if target_a < seen.min_a:
            if self._timer.has_lasted(seen.grid_w >= self.THRESHOLD_W, seen.t_s, self.DISABLE_S):
                self._timer.reset()
                return OFF
            return seen.min_a
        self._timer.reset()
        return min(seen.max_a, int(target_a + 1e-6))


class OpenWB:
    """openWB 2: each 10 s; on after 30 s with 1.5 kW per phase; aims at 115 W of import; off after 60 s at the minimum.

    Source: `control_range` 0…230 W, `switch_on_threshold` 1500 W per phase / 30 s, `switch_off_threshold` 0 W / 60 s,
    `nominal_difference` 1 A, at most 5 A (and the difference) more or less at a time, seen from the measured current.
    """

    interval_s: ClassVar[float] = 10.0
    RANGE_W = (0.0, 230.0)
    ON_W_PER_PHASE, ON_S = 1500.0, 30.0
    OFF_W, OFF_S = 0.0, 60.0
    DIFFERENCE_A, STEP_A = 1, 5

    def __init__(self) -> None:
        self._on, self._off = Timer(), Timer()

    def decide(self, seen: Seen) -> int:
        """Take what is left and the middle of the control range."""
        spare_w = seen.surplus_w + sum(self.RANGE_W) / 2
        drawn_a = seen.draw_w / seen.phase_v
        if seen.set_a == OFF:
            self._off.reset()
            is_on = self._on.has_lasted(spare_w >= self.ON_W_PER_PHASE * seen.phases, seen.t_s, self.ON_S)
            return self._stepped(seen, seen.amps_a(spare_w), drawn_a) if is_on else OFF
        self._on.reset()
        is_low = drawn_a <= seen.min_a + self.DIFFERENCE_A and seen.draw_w > 0
        if self._off.has_lasted(is_low and seen.grid_w > self.OFF_W, seen.t_s, self.OFF_S):
            return OFF
        wanted_a = self._stepped(seen, seen.amps_a(spare_w), drawn_a)
        is_within = self.RANGE_W[0] <= seen.grid_w <= self.RANGE_W[1]
        is_small = wanted_a - seen.set_a <= (self.RANGE_W[1] - self.RANGE_W[0]) / seen.phase_v
        return seen.set_a if is_within and wanted_a > seen.set_a and is_small else wanted_a

    def _stepped(self, seen: Seen, wanted_a: int, drawn_a: float) -> int:
        """Return the wanted current, no further from the measured one than a step; a start begins with the minimum."""
        if seen.draw_w <= 0:
            return seen.min_a if seen.set_a == OFF else seen.set_a
        step_a = self.STEP_A + self.DIFFERENCE_A
        return max(seen.min_a, min(seen.max_a, max(int(drawn_a - step_a), min(int(drawn_a + step_a), wanted_a))))


class OpenEms:
    """OpenEMS (EVSE controller): stays on or off for 300 s at least; up by at most 3 % a second, down at once.

    Source: hysteresis of 300 s, limiter of the rise 3 %/s with the minimum as first step, rounded down to whole amps. Its
    cycle is 1 s; here it decides with each reading of a 10-s meter, which spares it one command per amp of a rise.
    """

    interval_s: ClassVar[float] = 10.0
    HOLD_S = 300.0
    RISE_PER_S = 1.03

    def __init__(self) -> None:
        self._changed_s = float("-inf")
        self._limit_a = 0.0
        self._before_s = 0.0

    def decide(self, seen: Seen) -> int:
        """Take what is left, unless it was switched lately."""
        passed_s, self._before_s = seen.t_s - self._before_s, seen.t_s
        may_switch = seen.t_s - self._changed_s >= self.HOLD_S - 1e-6
        is_on = seen.fits if may_switch else seen.set_a != OFF
        if is_on is not (seen.set_a != OFF):
            self._changed_s = seen.t_s
            self._limit_a = float(seen.min_a)
            return seen.min_a if is_on else OFF
        if not is_on:
            return OFF
        wanted_a = max(float(seen.min_a), min(float(seen.max_a), seen.surplus_w / seen.phase_v))
        self._limit_a = min(wanted_a, self._limit_a * self.RISE_PER_S**passed_s)
        return int(self._limit_a + 1e-6)


class TeslaSolarCharger:
    """TeslaSolarCharger: each 30 s; on after 5 min with enough, off after 5 min without; no change within 25 s of the last.

    Source: `UpdateIntervalSeconds` 30, `SkipPowerChangesOnLastAdjustmentNewerThanSeconds` 25, `MinutesUntilSwitchOn` and
    `MinutesUntilSwitchOff` 5, `PowerBuffer` 0.
    """

    interval_s: ClassVar[float] = 30.0
    SWITCH_S = 300.0
    SKIP_S = 25.0

    def __init__(self) -> None:
        self._timer = Timer()
        self._changed_s = float("-inf")

    def decide(self, seen: Seen) -> int:
        """Follow the surplus between the minimum and the maximum."""
        is_on = seen.set_a != OFF
        if self._timer.has_lasted(seen.fits is not is_on, seen.t_s, self.SWITCH_S):
            self._timer.reset()
            is_on = not is_on
        elif seen.t_s - self._changed_s < self.SKIP_S:
            return seen.set_a
        wanted_a = seen.amps_a(seen.surplus_w) if is_on else OFF
        if wanted_a != seen.set_a:
            self._changed_s = seen.t_s
        return wanted_a


class ChargeHQ:
    """ChargeHQ: off after 6 min below the minimum, on again 15 min after that at the earliest.

    Source: chargehq.net/kb, how frequently solar charging will start and stop. Its interval is not published: 60 s here.
    """

    interval_s: ClassVar[float] = 60.0
    STOP_S, PAUSE_S = 360.0, 900.0

    def __init__(self) -> None:
        self._timer = Timer()
        self._stopped_s = float("-inf")

    def decide(self, seen: Seen) -> int:
        """Follow the surplus, with patience at both ends."""
        if seen.set_a == OFF:
            is_on = seen.fits and seen.t_s - self._stopped_s >= self.PAUSE_S - 1e-6
            return seen.amps_a(seen.surplus_w) if is_on else OFF
        if self._timer.has_lasted(not seen.fits, seen.t_s, self.STOP_S):
            self._timer.reset()
            self._stopped_s = seen.t_s
            return OFF
        return seen.amps_a(seen.surplus_w)


class SmartEvseSolar:
    """A SmartEVSE in SOLAR: its law itself (`smartevse_law.py`), each 2 s, with the settings that it comes with.

    It starts above 4 A of export 60 s after a stop, moves by 0.1 to 0.5 A a reading, and stops after 10 min of import at the
    minimum. It hears each new reading once, as currents of three equal phases, and the same again before it would give up. It
    offers tenths; the car takes the whole amps of them. Its mains' fuse is out of reach here.
    """

    interval_s: ClassVar[float] = 2.0
    AGAIN_S = 10.0

    def __init__(self) -> None:
        self._box = SmartEvse()
        self._car = ToyCar()
        self._heard: tuple[float, float] | None = None
        self._heard_s = 0.0
        self._lived_s: float | None = None

    def decide(self, seen: Seen) -> int:
        """Live on to now, and return the whole amps of what is offered."""
        if self._lived_s is None:
            self._box = SmartEvse(self._setup(seen))
            self._lived_s = seen.t_s
        passed_s = round(seen.t_s - self._lived_s)
        self._lived_s = seen.t_s
        heard = seen.grid_w, seen.draw_w
        if heard != self._heard or seen.t_s - self._heard_s >= self.AGAIN_S:
            self._heard, self._heard_s = heard, seen.t_s
            self._box.measure_mains(currents_of(seen.grid_w, seen.phase_v / seen.phases))
        if not self._is_waiting():
            for _ in range(passed_s):
                self._box.feel(self._car.pilot(self._box.duty))
                self._car.draw(self._box)
                self._box.tick()
        return max(seen.min_a, self._box.charge_da // 10) if self._box.state is State.C else OFF

    def _is_waiting(self) -> bool:
        """Return whether it waits for the sun, and a second more changes nothing."""
        box = self._box
        has_waited = box.state is State.B1 and box.charge_delay_s == CHARGE_DELAY_S
        return has_waited and bool(box.faults & Fault.LESS_6A) and not box.law.has_room()

    @staticmethod
    def _setup(seen: Seen) -> Setup:
        return Setup(
            mains_meter=Meter.API,
            access=Access.ON,
            regime=Regime.SOLAR,
            current_min=seen.min_a,
            current_max=seen.max_a,
            current_main=200,
            contactor=Contactor.ALWAYS_OFF if seen.phases == 1 else Contactor.ALWAYS_ON,
        )


def currents_of(grid_w: float, voltage_v: float) -> Currents:
    """Return a power as currents of three phases, 0.1 A, whose sum is exact."""
    sum_da = round(10 * grid_w / voltage_v)
    each_da = sum_da // 3
    return sum_da - 2 * each_da, each_da, each_da


RIVALS: dict[str, Callable[[], Rival]] = {
    "plain": Plain,
    "evcc": Evcc,
    "openwb": OpenWB,
    "openems": OpenEms,
    "teslasolarcharger": TeslaSolarCharger,
    "chargehq": ChargeHQ,
    "smartevse": SmartEvseSolar,
}
"""By the name of the policy."""
