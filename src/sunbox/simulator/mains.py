"""What flows on each phase of a house's connection: sun and battery on all alike, the household more on one than on another."""

from __future__ import annotations

from dataclasses import dataclass

Amps = tuple[float, float, float]
"""Of L1, L2, L3, + = import."""

SHARES: tuple[float, float, float] = (0.5, 0.3, 0.2)
"""Of the household by phase: kitchen and living room are seldom on the same one. Plausible figures, no source has a house's own."""


def on_phases(each_a: float, phases: int) -> Amps:
    """Return a current on each of the first so many phases."""
    one, two, three = (each_a if phase < phases else 0.0 for phase in range(3))
    return one, two, three


@dataclass(frozen=True, slots=True)
class Supply:
    """A house's connection to the grid: 1 phase or 3."""

    phases: int = 3

    def currents_a(self, house_w: float, made_w: float, voltage_v: float) -> Amps:
        """Return the currents that a household causes, less what is made at home.

        Args:
            house_w: what the household takes.
            made_w: what sun and home battery give.
            voltage_v: phase to neutral.
        """
        if self.phases == 1:
            return on_phases((house_w - made_w) / voltage_v, 1)
        one, two, three = ((share * house_w - made_w / 3) / voltage_v for share in SHARES)
        return one, two, three


THREE_PHASES = Supply()
