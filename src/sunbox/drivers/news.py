"""What of a charger's readings is worth telling: that nothing has changed is told now and then only, as a sign of life."""

from __future__ import annotations

from sunbox.core.events import ChargerRead, ReadFailed
from sunbox.core.model import ChargerReading
from sunbox.core.values import replace

TELLS_S = 15.0
"""After so long it is told that nothing has changed."""


class News:
    """Remembers what was told last."""

    def __init__(self) -> None:
        self._told: ChargerReading | None = None

    def is_in(self, event: ChargerRead | ReadFailed) -> bool:
        """Return whether an event tells anything; it is then taken as told."""
        if isinstance(event, ReadFailed):
            self._told = None
            return True
        told = self._told
        is_late = told is None or (event.at - told.measured_at).total_seconds() >= TELLS_S
        if told is not None and not is_late and replace(event.reading, measured_at=told.measured_at) == told:
            return False
        self.take(event)
        return True

    def take(self, event: ChargerRead) -> None:
        """Take a reading as told, whether it was news or not."""
        self._told = event.reading
