"""What every driver is: it reaches one device, turns answers into events and carries out effects. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from sunbox.core.effects import Read, Send
from sunbox.core.events import Billed, ChargerRead, CommandEnded, Event, MeterRead, ReadFailed, VehicleRead

Emit = Callable[[Event], None]


@runtime_checkable
class BatteryHolder(Protocol):
    """A driver that can keep its home battery from feeding cars."""

    async def hold(self, *, is_held: bool) -> None:
        """Keep the battery back, or give it back as it was. Never raises for what a device or network does."""
        ...

    @property
    def problem(self) -> str | None:
        """Return what is wrong with that, in words; None while nothing is."""
        ...


@runtime_checkable
class SentByHand(Protocol):
    """A meter whose service is also asked and told things beside the gateway, and that knows of it."""

    def sent_by_hand(self, after: int) -> Sequence[Billed]:
        """Return what is listed behind the entry `after`. It reads a file, and raises SunboxError where it cannot."""
        ...


@runtime_checkable
class ReportedMeter(Protocol):
    """A meter whose readings clients push."""

    takes_reports: bool


class Driver(Protocol):
    """One device."""

    @property
    def device_id(self) -> str:
        """Return the id of the meter, charger or vehicle in the configuration."""
        ...

    async def run(self, emit: Emit) -> None:
        """Poll a free device for ever, emitting an event per reading or failure. Paid or sleeping devices return at once."""
        ...

    async def send(self, effect: Send) -> CommandEnded:
        """Send one command and say how it ended. Never raises for what a device or network does."""
        ...

    async def read(self, effect: Read) -> VehicleRead | MeterRead | ChargerRead | ReadFailed:
        """Read once and say what came. Never raises for what a device or network does."""
        ...

    async def probe(self) -> str:
        """Try the device for `sunbox check` without waking, changing or paying anything; return one line for people.

        Raises:
            SunboxError: it cannot be reached or used; the text says why and what to do.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
