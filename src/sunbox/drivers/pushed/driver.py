"""A meter that nobody reads: what clients push goes to the gateway by `Wallbox.report`, and nothing is polled."""

from __future__ import annotations

from sunbox.clock import Clock
from sunbox.core.commands import Cause, Outcome
from sunbox.core.effects import Read, Send
from sunbox.core.events import CommandEnded, ReadFailed
from sunbox.drivers.base import Emit

NOTHING = "readings of this meter are pushed; it cannot be asked"


class PushedMeterDriver:
    """Stands where a driver is expected.

    Args:
        device_id: of the meter.
        clock: the time of day.
    """

    takes_reports = True

    def __init__(self, device_id: str, clock: Clock) -> None:
        self._id = device_id
        self._clock = clock

    @property
    def device_id(self) -> str:
        """Return the id of the meter."""
        return self._id

    async def run(self, emit: Emit) -> None:
        """Poll nothing."""

    async def send(self, effect: Send) -> CommandEnded:
        """Refuse: a meter takes no commands."""
        return CommandEnded(
            at=self._clock.now(),
            device_id=self._id,
            exchange_id=effect.exchange_id,
            outcome=Outcome.REFUSED,
            cause=Cause.NOT_FOUND,
            detail=NOTHING,
        )

    async def read(self, effect: Read) -> ReadFailed:
        """Say that there is nobody to ask."""
        return ReadFailed(
            at=self._clock.now(),
            device_id=self._id,
            exchange_id=effect.exchange_id,
            what=effect.what,
            cause=Cause.NOT_FOUND,
            detail=NOTHING,
        )

    async def probe(self) -> str:
        """Say what it waits for."""
        return f"waits for readings: POST /api/v1/meters/{self._id}, or a face that names it"

    async def close(self) -> None:
        """Release nothing."""
