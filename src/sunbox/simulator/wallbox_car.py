"""A car at a wallbox, as far as the wallbox can tell: it takes what the pilot offers, after a while, until it has enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sunbox.simulator import car_physics as physics

LEAST_A = 6.0
START_S = 8.0
"""From the offer until the car asks for power."""


class BoxedCar(Protocol):
    """What a wallbox notices of any car."""

    @property
    def phases(self) -> int:
        """Return how many phases its on-board charger can use."""
        ...

    @property
    def is_plugged(self) -> bool:
        """Return whether the cable is in."""
        ...

    @property
    def current_a(self) -> float:
        """Return what it takes per phase that it uses."""
        ...

    @property
    def has_appetite(self) -> bool:
        """Return whether it would take power if it were offered."""
        ...

    @property
    def asks(self) -> bool:
        """Return whether it asks for power (state C of IEC 61851), so that the contactor closes."""
        ...

    def most_a(self, phases: int, /) -> float:
        """Return the most that it ever takes per phase, on so many phases."""
        ...

    def wanted_a(self, pilot_a: float) -> float:
        """Return the current that it is on its way to, if so much is offered."""
        ...

    def plug(self) -> None:
        """Put the cable in."""
        ...

    def unplug(self) -> None:
        """Take the cable out."""
        ...

    def lose_power(self) -> None:
        """Have the contactor opened under it at once."""
        ...

    def advance(self, dt_s: float, *, pilot_a: float, phases: int) -> None:
        """Live for `dt_s` seconds, offered `pilot_a` (0 = nothing) on so many closed contacts (0–3)."""
        ...

    def store(self, wall_wh: float, dt_s: float) -> None:
        """Have taken this energy at the wall in `dt_s` seconds."""
        ...


@dataclass(slots=True, kw_only=True)
class WallboxCar:
    """One car and its on-board charger. It has no cloud and cannot be told anything; a hand in its app is `wants_power`."""

    phases: int = 3  #: of its on-board charger
    max_a: float = 16.0  #: per phase
    capacity_wh: float = 60_000.0
    stored_wh: float = 30_000.0
    limit_pct: float = 80.0
    is_plugged: bool = False
    never_full: bool = False  #: its charge never rises above 60 % (for benchmarks)
    wants_power: bool = True  #: nobody stopped it in the car
    current_a: float = 0.0  #: per phase that it uses
    offered_s: float = 0.0  #: for how long it has been offered current

    @property
    def soc_pct(self) -> float:
        """Return the state of charge."""
        return 100.0 * self.stored_wh / self.capacity_wh

    @property
    def has_appetite(self) -> bool:
        """Return whether it would take power."""
        return self.is_plugged and self.wants_power and self.soc_pct < self.limit_pct

    @property
    def asks(self) -> bool:
        """Return whether it asks for power (state C): it was offered some for long enough and wants it."""
        return self.has_appetite and self.offered_s >= START_S

    def most_a(self, _: int, /) -> float:
        """Return the most that it ever takes per phase, however many there are."""
        return self.max_a

    def wanted_a(self, pilot_a: float) -> float:
        """Return the current that it is on its way to, if so much is offered."""
        if not self.asks or pilot_a < LEAST_A:
            return 0.0
        return physics.tapered_a(self.soc_pct, min(pilot_a, self.max_a))

    def plug(self) -> None:
        """Put the cable in."""
        self.is_plugged = True

    def unplug(self) -> None:
        """Take the cable out."""
        self.is_plugged = False

    def lose_power(self) -> None:
        """Have the contactor opened under it at once."""
        self.current_a, self.offered_s = 0.0, 0.0

    def advance(self, dt_s: float, *, pilot_a: float, phases: int) -> None:
        """Live for `dt_s` seconds.

        Args:
            dt_s: a second or less where something changes.
            pilot_a: what the wallbox offers; 0 = nothing.
            phases: closed contacts, 0–3.
        """
        self.offered_s = self.offered_s + dt_s if pilot_a >= LEAST_A and self.is_plugged else 0.0
        if not phases:
            self.current_a = 0.0
            return
        wanted_a = self.wanted_a(pilot_a)
        rise_a, fall_a = physics.RAMP_UP_A_PER_S * dt_s, physics.RAMP_DOWN_A_PER_S * dt_s
        self.current_a = min(max(wanted_a, self.current_a - fall_a), self.current_a + rise_a)

    def store(self, wall_wh: float, dt_s: float) -> None:
        """Put into the battery what is left of energy at the wall."""
        if wall_wh > 0:
            self.stored_wh += physics.into_battery_w(wall_wh * 3600.0 / dt_s) * dt_s / 3600.0
        if self.never_full:
            self.stored_wh = min(self.stored_wh, self.capacity_wh * physics.NEVER_FULL_PCT / 100.0)
