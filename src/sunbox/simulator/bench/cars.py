"""Cars that a controller can command without a cloud between: one without opinions, and the Tesla of `sunbox day`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from sunbox.core.commands import Cause, Command, CommandName, Outcome
from sunbox.core.model import Availability, Charging, VehicleFacts
from sunbox.core.units import power_w
from sunbox.simulator.bench.setup import SetUp
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.oracle import PHASE_GAP_S
from sunbox.simulator.tesla_documents import facts_of
from sunbox.simulator.world import Car

Ended = tuple[Outcome, Cause | None]
"""How a command ended, and why it did not simply succeed."""

SOC_PCT, LIMIT_PCT = 50, 80


class CommandedCar(Car, Protocol):
    """A car of the world that is told what to do by function calls."""

    @property
    def availability(self) -> Availability:
        """Return whether it can be talked to."""
        ...

    @property
    def phase_switches(self) -> int:
        """Return how often current flowed on another number of phases than the time before."""
        ...

    @property
    def phase_gaps(self) -> int:
        """Return how often it went on by itself after a switch under way: that is no start."""
        ...

    def obey(self, command: Command) -> Ended:
        """Carry out a command now."""
        ...

    def facts(self, at: datetime) -> VehicleFacts | None:
        """Return what it says of itself at `at`; None while it sleeps."""
        ...


class IdealCar:
    """A car that is always at home, never full, never asleep, and does what it is told at once and exactly.

    Where its phases can be switched, a switch under way costs a gap without current; then it goes on with the same amps.
    """

    id = "car"
    is_home = True
    is_plugged = True
    availability = Availability.ONLINE

    def __init__(self, setup: SetUp) -> None:
        self._setup = setup
        self.phases = setup.phases[-1]  #: that it is offered, and uses when current flows
        self.max_power_w = setup.max_power_w
        self.amps_a = setup.max_a
        self.is_charging = False
        self.draw_w = 0.0
        self.phase_switches = 0
        self.phase_gaps = 0
        self._gap_s = 0.0  #: that is left of a gap
        self._is_resuming = False  #: it goes on by itself when the gap is over
        self._flowed_phases = 0  #: on which current flowed last; 0 = it never did

    @property
    def used_phases(self) -> int:
        """Return on how many phases it draws."""
        return self.phases

    @property
    def is_busy(self) -> bool:
        """Return whether a gap is under way."""
        return self._gap_s > 0

    def obey(self, command: Command) -> Ended:
        """Carry out a command now."""
        before = (self.is_charging, self.amps_a, self.phases)
        match command.name:
            case CommandName.START:
                self.is_charging = True
            case CommandName.STOP:
                self.is_charging = self._is_resuming = False
            case CommandName.SET_AMPS:
                self.amps_a = min(command.value or 0, self._setup.max_a)
            case CommandName.SET_PHASES:
                if not self._setup.has_auto_phases or command.value not in self._setup.phases:
                    return Outcome.REFUSED, Cause.INVALID
                if command.value != self.phases and self.is_charging:
                    self._is_resuming = self._is_resuming or self.draw_w > 0
                    self._gap_s = PHASE_GAP_S
                self.phases = command.value
            case _:
                pass
        self._flow()
        has_changed = before != (self.is_charging, self.amps_a, self.phases)
        return (Outcome.APPLIED if has_changed else Outcome.ALREADY_SET), None

    def _flow(self) -> None:
        """Take what it is offered now."""
        if not self.is_charging or self._gap_s > 0:
            self.draw_w = 0.0
            return
        self.draw_w = power_w(self.amps_a, self.phases, self._setup.voltage_v)
        self.phase_switches += self._flowed_phases not in (0, self.phases)
        self._flowed_phases = self.phases

    def facts(self, at: datetime) -> VehicleFacts:
        """Return what it says of itself at `at`."""
        flows = self.draw_w > 0
        is_paused = Charging.STARTING if self.is_charging else Charging.STOPPED
        return VehicleFacts(
            measured_at=at,
            charging=Charging.CHARGING if flows else is_paused,
            soc_pct=SOC_PCT,
            limit_soc_pct=LIMIT_PCT,
            amps_requested_a=self.amps_a,
            amps_requested_max_a=self._setup.max_a,
            pilot_a=self._setup.max_a,
            actual_a=float(self.amps_a) if flows else 0.0,
            voltage_v=self._setup.voltage_v if flows else 1.0,
            power_w=self.draw_w,
            phases=self.phases if flows else None,
            phases_offered=self.phases if self._setup.has_auto_phases else None,
            is_fast_charger=False,
            is_driving=False,
        )

    def advance(self, dt_s: float) -> None:
        """Live for `dt_s` seconds: nothing changes by itself but the end of a gap."""
        if self._gap_s <= 0:
            return
        self._gap_s -= dt_s
        if self._gap_s <= 1e-6:
            self._gap_s = 0.0
            self.phase_gaps += self._is_resuming
            self._is_resuming = False
            self._flow()

    def truth(self) -> dict[str, Any]:
        """Return everything true of it, as JSON."""
        return {"charging": self.is_charging, "amps_a": self.amps_a, "phases": self.phases, "draw_w": self.draw_w}

    def patch(self, changes: dict[str, Any]) -> None:
        """Refuse: nobody is at this car."""
        raise ValueError(f"{', '.join(changes)}: nothing of this car can be changed from outside")

    def plug(self) -> None:
        """Stay plugged in."""

    def unplug(self) -> None:
        """Stay plugged in."""

    def drive_off(self) -> None:
        """Stay at home."""

    def arrive(self, used_kwh: float = 0.0) -> None:
        """Be at home."""


WORDS: dict[str, Ended] = {
    "complete": (Outcome.REFUSED, Cause.COMPLETE),
    "disconnected": (Outcome.REFUSED, Cause.DISCONNECTED),
    "no_power": (Outcome.REFUSED, Cause.NO_POWER),
    "requested": (Outcome.ALREADY_SET, None),
    "is_charging": (Outcome.ALREADY_SET, None),
    "not_charging": (Outcome.ALREADY_SET, None),
    "already_set": (Outcome.ALREADY_SET, None),
}
"""What a Tesla says when it does not do something, by its word."""


class CommandedTesla(TeslaCar):
    """The Tesla of `sunbox day`, with its ramp, its sagging voltage and its sleep, without its cloud."""

    phase_switches = 0
    phase_gaps = 0

    def obey(self, command: Command) -> Ended:
        """Carry out a command now."""
        if command.name is CommandName.WAKE:
            self.wake()
            return Outcome.UNCONFIRMED, None
        if self.is_asleep:
            return Outcome.NOT_DELIVERED, Cause.ASLEEP
        self.contact()
        word = _TESLA_DOES[command.name](self, command.value or 0)
        return (Outcome.APPLIED, None) if word is None else WORDS[word]

    def facts(self, at: datetime) -> VehicleFacts | None:  # noqa: ARG002 - it has its own clock
        """Return what it says of itself; None while it sleeps."""
        if self.is_asleep:
            return None
        self.contact()
        return facts_of(self)


_TESLA_DOES: dict[CommandName, Callable[[TeslaCar, int], str | None]] = {
    CommandName.START: lambda car, _: car.start_charging(),
    CommandName.STOP: lambda car, _: car.stop_charging(),
    CommandName.SET_AMPS: lambda car, value: car.set_amps(value),
    CommandName.SET_LIMIT: lambda car, value: car.set_limit(value),
}
