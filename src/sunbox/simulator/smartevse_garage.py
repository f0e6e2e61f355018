"""Several live simulated SmartEVSEs that share a circuit, each with a face of its own: the first decides, the others ask it.

All live through the same seconds, whoever of them is looked at. The first measures the mains, with what all the cars take.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sunbox.dialects.smartevse.state import Setup
from sunbox.simulator.smartevse_app import MOST_MISSED_S, LiveSmartEvse
from sunbox.simulator.smartevse_charger import Currents, SmartEvse
from sunbox.simulator.smartevse_sharing import SharedCircuit


class LiveGarage:
    """Boxes on one circuit. Each is brought up to the present with all the others."""

    def __init__(self, boxes: Sequence[LiveSmartEvse], max_circuit_a: int = Setup().current_max_circuit) -> None:
        """Join boxes that have just begun.

        Args:
            boxes: at least two, the master first.
            max_circuit_a: what the circuit carries, per phase.

        Raises:
            ValueError: there are too many.
        """
        self.boxes = list(boxes)
        for box in self.boxes:
            box.device.change(current_max_circuit=max_circuit_a)
            box.garage = self
        self._devices: list[SmartEvse] = []
        self._join()
        for box in self.boxes:
            box.reach(box.state.at)

    def drawn_da(self) -> Currents:
        """Return what all cars take, per phase."""
        rows = [box.car.phase_currents_da(box.device) for box in self.boxes]
        return sum(row[0] for row in rows), sum(row[1] for row in rows), sum(row[2] for row in rows)

    def live_until(self, now: datetime) -> None:
        """Live on to an instant, in whole seconds."""
        missed_s = int((now - self.boxes[0].state.at).total_seconds())
        if missed_s <= 0:
            return
        lived_s = min(missed_s, MOST_MISSED_S)
        at = self.boxes[0].state.at + timedelta(seconds=missed_s - lived_s)
        for _ in range(lived_s):
            at += timedelta(seconds=1)
            for box in self.boxes:
                box.draw()
            for box in self.boxes:
                box.regulate(at)
            self._join()
        for box in self.boxes:
            box.reach(at)

    def _join(self) -> None:
        """Connect the bus, again after one of them has booted."""
        devices = [box.device for box in self.boxes]
        if [id(device) for device in devices] != [id(device) for device in self._devices]:
            SharedCircuit(devices[0], devices[1:])
            self._devices = devices
