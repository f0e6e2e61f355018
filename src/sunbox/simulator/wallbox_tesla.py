"""A Tesla as the wallbox before it knows it: the box offers current and closes its contactor, the Tesla decides what it takes.

Whether it starts, how much it wants and when it has enough is the Tesla's own business (`car.py`), whoever told it.
"""

from __future__ import annotations

from sunbox.core.model import Charging
from sunbox.simulator.car import TeslaCar


class BoxedTesla:
    """The box's view of one Tesla, which lives as long as the box does."""

    def __init__(self, tesla: TeslaCar) -> None:
        self.tesla = tesla
        self.lose_power()

    @property
    def phases(self) -> int:
        """Return how many phases its on-board charger can use."""
        return self.tesla.onboard_phases

    @property
    def is_plugged(self) -> bool:
        """Return whether the cable of this box is in it."""
        return self.tesla.is_plugged and self.tesla.is_home

    @property
    def current_a(self) -> float:
        """Return what it takes per phase that it uses."""
        return self.tesla.current_a

    @property
    def asks(self) -> bool:
        """Return whether it asks for power."""
        return self.is_plugged and self.tesla.charging in (Charging.STARTING, Charging.CHARGING)

    @property
    def has_appetite(self) -> bool:
        """Return whether it would take power if it were offered: it waits for it, or asks already."""
        return self.asks or (self.is_plugged and self.tesla.charging is Charging.NO_POWER)

    def most_a(self, phases: int, /) -> float:
        """Return the most that it ever takes per phase, on so many phases."""
        return self.tesla.onboard_limit_a(min(phases, self.phases))

    def wanted_a(self, pilot_a: float) -> float:
        """Return the current that it is on its way to, if so much is offered."""
        return min(int(pilot_a), self.tesla.wanted_a) if self.asks else 0.0

    def plug(self) -> None:
        """Put the cable in."""
        self.tesla.plug()

    def unplug(self) -> None:
        """Take the cable out."""
        self.tesla.unplug()

    def lose_power(self) -> None:
        """Have the contactor opened under it at once."""
        self.tesla.follow_box(pilot_a=0, phases=0)

    def advance(self, dt_s: float, *, pilot_a: float, phases: int) -> None:
        """Live for `dt_s` seconds, offered `pilot_a` on so many closed contacts; it takes whole amperes."""
        self.tesla.follow_box(pilot_a=int(pilot_a), phases=phases)
        self.tesla.advance(dt_s)

    def store(self, wall_wh: float, dt_s: float) -> None:
        """Do nothing: it counts itself what it takes."""
