"""The toy car in front of a simulated SmartEVSE: it takes what is offered at once, and lets go a second later."""

from __future__ import annotations

from sunbox.dialects.smartevse.pilot import NO_OFFER, OFF
from sunbox.simulator.smartevse_charger import Currents, Pilot, SmartEvse


class ToyCar:
    """A car without a battery. Its current is a whole number of 0.1 A, of each phase that is closed."""

    def __init__(self) -> None:
        self.is_plugged = True
        self.is_full = False
        self.current_da = 0
        self.takes_da: int | None = None  #: the most that it takes of an offer; None = all

    def pilot(self, duty: int) -> Pilot:
        """Return what it makes of the pilot: it asks while there is an offer, and until its current has ended."""
        if not self.is_plugged:
            return Pilot.V12
        if self.is_full:
            return Pilot.V9
        return Pilot.V6 if OFF < duty < NO_OFFER or self.current_da else Pilot.V9

    def draw(self, box: SmartEvse) -> None:
        """Take what is offered."""
        asks = self.is_plugged and not self.is_full and OFF < box.duty < NO_OFFER
        most_da = box.charge_da if self.takes_da is None else min(box.charge_da, self.takes_da)
        self.current_da = most_da if asks and box.phases else 0

    def phase_currents_da(self, box: SmartEvse) -> Currents:
        """Return what it takes, per phase."""
        one, two, three = (self.current_da if phase < box.phases else 0 for phase in range(3))
        return one, two, three
