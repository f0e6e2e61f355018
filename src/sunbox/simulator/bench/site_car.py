"""Cars with habits, each at a socket of its own: what real ones do that an ideal one does not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sunbox.core.commands import Cause, Command, CommandName, Outcome
from sunbox.core.model import Availability, Charging, VehicleFacts
from sunbox.core.settings import Capabilities, PhaseSwitch
from sunbox.simulator.bench.cars import SOC_PCT, Ended

SITE_PHASES = 3
INSTANT_S = 1e-6
"""Two instants this near are one."""

Phases = tuple[float, float, float]
"""Something per phase of the site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a car and its socket are like. The defaults are a car of 11 kW that does at once and exactly what it is told."""

    phases: int = 3  #: that it uses, of those that it is offered
    offered: int = 3  #: phases of its socket at the beginning, 1 or 3
    can_switch: bool = False  #: its socket can offer one phase or three
    first_phase: int = 1  #: phase of the site that its socket's first phase is wired to, 1–3
    min_a: int = 6
    max_a: int = 16
    extra_a: float = 0.0  #: what it takes beyond the current it is allowed
    step_a: int = 1  #: it follows in steps of so many amps, rounded down
    lag_s: float = 0.0  #: from a command until it begins to follow
    ramp_a_per_s: float = math.inf  #: how fast it follows; a stop is at once
    most_w: float = math.inf  #: most that it takes whatever it is offered
    capacity_wh: float | None = None  #: None = never full
    soc_pct: float = SOC_PCT
    limit_pct: int = 100
    taper_from_pct: float = 100.0  #: from here on it takes less and less, down to its minimum when full
    starts_by_itself: bool = False  #: at plug-in
    gap_s: float = 30.0  #: without current when phases are switched under way
    hang_s: float = 0.0  #: for so long after a gap it does not charge, whatever it is told
    refuses: frozenset[CommandName] = frozenset()
    delay_s: float = 1.0  #: from a command or a question until the answer
    told_each_s: float | None = 30.0  #: how often its driver reads it for nothing; None = only when asked

    def capabilities(self) -> Capabilities:
        """Return what its driver would declare."""
        return Capabilities(
            min_a=self.min_a,
            max_a=self.max_a,
            max_phases=3 if self.can_switch else self.offered,
            phase_switch=PhaseSwitch(gap_s=self.gap_s) if self.can_switch else None,
        )


class SiteCar:
    """One car at its socket. `traits` may be replaced while it lives."""

    availability = Availability.ONLINE

    def __init__(self, car_id: str, traits: Traits | None = None, *, is_plugged: bool = True) -> None:
        """Begin plugged in, unless told otherwise, and not charging unless that is its habit."""
        self.id = car_id
        self.traits = traits or Traits()
        self.voltage_v = 230.0
        self.is_home = True
        self.is_plugged = False
        self.is_charging = False  #: it was told to charge and not to stop
        self.amps_a = self.traits.max_a
        self.offered = self.traits.offered
        self.limit_pct = self.traits.limit_pct
        self.current_a = 0.0  #: per phase that it uses, at this instant
        self.charged_wh = 0.0  #: since it was plugged in
        self.soc_pct = self.traits.soc_pct
        self.phase_switches = 0
        self.phase_gaps = 0
        self._gap_s = 0.0  #: that is left of a gap and of hanging after it
        self._wait_s = 0.0  #: until it begins to follow
        self._is_resuming = False
        self._flowed_phases = 0
        if is_plugged:
            self.plug()

    # what the world sees

    @property
    def used_phases(self) -> int:
        """Return the phases on which it charges when it does."""
        return min(self.traits.phases, self.offered)

    @property
    def draw_w(self) -> float:
        """Return the power that it takes now."""
        return self.current_a * self.used_phases * self.voltage_v

    @property
    def max_power_w(self) -> float:
        """Return the most that it can take here."""
        traits = self.traits
        phases = min(traits.phases, SITE_PHASES if traits.can_switch else self.offered)
        return min(traits.most_w, (traits.max_a + traits.extra_a) * phases * self.voltage_v)

    @property
    def is_busy(self) -> bool:
        """Return whether it is on its way to another current."""
        return self._gap_s > 0 or self._wait_s > 0 or self.current_a != self._wanted_a()

    @property
    def is_full(self) -> bool:
        """Return whether it is at its limit."""
        return self.soc_pct >= self.limit_pct

    def phases_a(self) -> Phases:
        """Return its current on each phase of the site."""
        amps = [0.0, 0.0, 0.0]
        for number in range(self.used_phases):
            amps[(self.traits.first_phase - 1 + number) % SITE_PHASES] = self.current_a
        return (amps[0], amps[1], amps[2])

    def advance(self, dt_s: float) -> None:
        """Live for `dt_s` seconds."""
        if self.current_a > 0:
            energy_wh = self.draw_w * dt_s / 3600.0
            self.charged_wh += energy_wh
            if self.traits.capacity_wh is not None:
                self.soc_pct = min(100.0, self.soc_pct + 100.0 * energy_wh / self.traits.capacity_wh)
        if self._gap_s > 0:
            self._gap_s -= dt_s
            if self._gap_s > INSTANT_S:
                return
            self._gap_s = 0.0
        if self._wait_s > 0:
            self._wait_s -= dt_s
            if self._wait_s > INSTANT_S:
                return
            self._wait_s = 0.0
        self._follow(dt_s)

    def truth(self) -> dict[str, Any]:
        """Return everything true of it, as JSON."""
        return {
            "plugged": self.is_plugged,
            "charging": self.is_charging,
            "amps_a": self.amps_a,
            "offered_phases": self.offered,
            "current_a": self.current_a,
            "soc_pct": self.soc_pct,
            "draw_w": self.draw_w,
        }

    def patch(self, changes: dict[str, Any]) -> None:
        """Refuse: what it is like changes with `traits`."""
        raise ValueError(f"{', '.join(changes)}: nothing of this car can be changed from outside")

    def plug(self) -> None:
        """Put the cable in: a new charge."""
        self.is_plugged = True
        self.charged_wh = 0.0
        self.is_charging = self.traits.starts_by_itself
        self._aim()

    def unplug(self) -> None:
        """Take the cable out."""
        self.is_plugged = self.is_charging = False
        self._stand_still()

    def drive_off(self) -> None:
        """Leave."""
        self.unplug()
        self.is_home = False

    def arrive(self, used_kwh: float = 0.0) -> None:
        """Come home."""
        self.is_home = True
        if self.traits.capacity_wh is not None:
            self.soc_pct = max(0.0, self.soc_pct - 100_000.0 * used_kwh / self.traits.capacity_wh)

    # what a controller sees

    def obey(self, command: Command) -> Ended:
        """Carry out a command now."""
        if command.name in self.traits.refuses:
            return Outcome.REFUSED, Cause.REFUSED
        before = (self.is_charging, self.amps_a, self.offered, self.limit_pct)
        cause = self._do(command.name, command.value or 0)
        if cause is not None:
            return Outcome.REFUSED, cause
        if before == (self.is_charging, self.amps_a, self.offered, self.limit_pct):
            return Outcome.ALREADY_SET, None
        self._aim()
        return Outcome.APPLIED, None

    def _do(self, name: CommandName, value: int) -> Cause | None:
        """Change what it was told, or return why that cannot be."""
        traits = self.traits
        match name:
            case CommandName.START:
                if not self.is_plugged:
                    return Cause.DISCONNECTED
                if self.is_full:
                    return Cause.COMPLETE
                self.is_charging = True
            case CommandName.STOP:
                self.is_charging = False
            case CommandName.SET_AMPS:
                if not traits.min_a <= value <= traits.max_a:
                    return Cause.INVALID
                self.amps_a = value
            case CommandName.SET_LIMIT:
                self.limit_pct = value
            case CommandName.SET_PHASES:
                if not traits.can_switch or value not in (1, 3):
                    return Cause.INVALID
                if value != self.offered and self.is_charging:
                    self._begin_gap()
                self.offered = value
            case CommandName.WAKE:
                pass
        return None

    def facts(self, at: datetime) -> VehicleFacts:
        """Return what it says of itself at `at`; its current to a tenth of an ampere."""
        flows = self.current_a > 0
        return VehicleFacts(
            measured_at=at,
            charging=self._charging(flows=flows),
            soc_pct=int(self.soc_pct),
            limit_soc_pct=self.limit_pct,
            amps_requested_a=self.amps_a,
            amps_requested_max_a=self.traits.max_a,
            pilot_a=self.traits.max_a if self.is_plugged else None,
            actual_a=round(self.current_a, 1),
            voltage_v=self.voltage_v if flows else 1.0,
            power_w=round(self.draw_w),
            phases=self.used_phases if flows else None,
            phases_offered=self.offered if self.traits.can_switch else None,
            energy_added_wh=round(self.charged_wh),
            is_fast_charger=False,
            is_driving=False,
        )

    def _charging(self, *, flows: bool) -> Charging:
        if not self.is_plugged:
            return Charging.DISCONNECTED
        if self.is_full:
            return Charging.COMPLETE
        if not self.is_charging:
            return Charging.STOPPED
        return Charging.CHARGING if flows else Charging.STARTING

    # how current comes and goes

    def _wanted_a(self) -> float:
        """Return the current that it would take if it were quick."""
        traits = self.traits
        if not self.is_charging or self.is_full or self._gap_s > 0:
            return 0.0
        most_a = traits.most_w / (self.used_phases * self.voltage_v)
        wanted_a = min(self.amps_a // traits.step_a * traits.step_a + traits.extra_a, most_a)
        if self.soc_pct <= traits.taper_from_pct:
            return wanted_a
        left = (self.limit_pct - self.soc_pct) / (self.limit_pct - traits.taper_from_pct)
        return min(wanted_a, traits.min_a + (traits.max_a - traits.min_a) * left)

    def _aim(self) -> None:
        """Begin to follow what it was told: after its lag, unless it is waiting already. Stops wait as well."""
        if self.traits.lag_s > 0 and self._wait_s <= 0 and self._gap_s <= 0 and self.current_a != self._wanted_a():
            self._wait_s = self.traits.lag_s
        elif self._wait_s <= 0:
            self._follow(0.0)
        self._is_resuming = self._is_resuming and self.is_charging

    def _follow(self, dt_s: float) -> None:
        """Take a step towards what it wants."""
        wanted_a = self._wanted_a()
        step_a = self.traits.ramp_a_per_s * dt_s if math.isfinite(self.traits.ramp_a_per_s) else math.inf
        if wanted_a == 0 or abs(wanted_a - self.current_a) <= step_a:
            self.current_a = wanted_a
        else:
            self.current_a += math.copysign(step_a, wanted_a - self.current_a)
        if self.current_a > 0:
            self.phase_switches += self._flowed_phases not in (0, self.used_phases)
            self._flowed_phases = self.used_phases
            self.phase_gaps += self._is_resuming
            self._is_resuming = False

    def _begin_gap(self) -> None:
        self._is_resuming = self.current_a > 0 or self._is_resuming
        self._stand_still()
        self._gap_s = self.traits.gap_s + self.traits.hang_s

    def _stand_still(self) -> None:
        self.current_a = self._gap_s = self._wait_s = 0.0
