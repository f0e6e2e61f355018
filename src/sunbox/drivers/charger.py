"""What all drivers of chargers are: read for ever, told one command at a time, and explained to people.

A driver of a kind of charger says how it is read (`_poll`) and told (`_tell`); it decides nothing and keeps no wish.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol, TypeVar

from sunbox.clock import Clock
from sunbox.core.commands import Cause, Command, Outcome
from sunbox.core.effects import Read, Send
from sunbox.core.events import ChargerRead, CommandEnded, ReadFailed
from sunbox.core.model import ChargerReading, ChargerStatus
from sunbox.drivers.base import Emit
from sunbox.drivers.exchange import Failed
from sunbox.drivers.polling import Polling, doubt_of
from sunbox.errors import SunboxError

T = TypeVar("T")


class Feeds(Protocol):
    """What tells a charger for ever what flows at the site."""

    async def run(self) -> None:
        """Tell it for ever."""
        ...


class Closes(Protocol):
    """The way to a charger."""

    async def close(self) -> None:
        """Close the connection."""
        ...


class ChargerDriver(ABC):
    """One charger."""

    _feeder: Feeds | None
    _link: Closes

    def __init__(
        self, device_id: str, clock: Clock, *, interval_s: float, address: str, advice: Mapping[Cause, str]
    ) -> None:
        """Drive a charger.

        Args:
            device_id: its id in the configuration.
            clock: the time of day.
            interval_s: how often it is read.
            address: where it is, for people.
            advice: what to do about a failure, where its text does not say it.
        """
        self._device_id = device_id
        self._clock = clock
        self._address = address
        self._advice = advice
        self._polling = Polling(device_id, clock, interval_s)
        self._commanding = asyncio.Lock()

    @property
    def device_id(self) -> str:
        """Return the id of the charger in the configuration."""
        return self._device_id

    async def run(self, emit: Emit) -> None:
        """Poll for ever: faster while the effect of a command is awaited, slower without a car or an answer."""
        async with asyncio.TaskGroup() as group:
            if self._feeder is not None:
                group.create_task(self._feeder.run(), name=self._device_id)
            await self._polling.run(emit, self._poll)

    async def send(self, effect: Send) -> CommandEnded:
        """Tell it something and say how that ended, proven by reading back. Nothing is written that is so already."""
        async with self._commanding:
            ended = await self._tell(effect.command)
        self._polling.await_effect(effect.command, ended)
        return replace(ended, exchange_id=effect.exchange_id)

    async def read(self, effect: Read) -> ChargerRead | ReadFailed:
        """Read once."""
        event = await self._poll()
        return replace(event, exchange_id=effect.exchange_id) if isinstance(event, ReadFailed) else event

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()

    @abstractmethod
    async def _poll(self) -> ChargerRead | ReadFailed:
        """Read once."""

    @abstractmethod
    async def _tell(self, command: Command) -> CommandEnded:
        """Tell a command, and say how that ended."""

    def _not_told(self, failed: Failed) -> CommandEnded:
        """Return how a command ended that never reached it."""
        return self._polling.ended(Outcome.NOT_DELIVERED, failed.cause, failed.detail)

    def _brought(self, found: T | Failed, *, is_set: bool = False) -> T:
        """Return what an exchange brought.

        Raises:
            SunboxError: nothing; the text says why, what to do, and of a setting whether it may have been done.
        """
        if not isinstance(found, Failed):
            return found
        text = f"{self._device_id} at {self._address}: {found.detail}"
        advice = self._advice.get(found.cause)
        text = f"{text}: {advice}" if advice else text
        raise SunboxError(text + doubt_of(found) if is_set else text)


_DOES: dict[ChargerStatus | None, str] = {
    ChargerStatus.A: "no car is plugged in",
    ChargerStatus.B: "a car is plugged in and does not charge",
    ChargerStatus.C: "charging",
    ChargerStatus.E: "a fault",
    None: "it does not know what is plugged in",
}


def does_of(reading: ChargerReading) -> str:
    """Return what a charger does, in a few words."""
    does = _DOES.get(reading.status, "")
    if reading.status is ChargerStatus.C and reading.power_w is not None:
        phases = f" on {reading.phases} phase{'' if reading.phases == 1 else 's'}" if reading.phases else ""
        does = f"charging with {reading.power_w / 1000:.1f} kW{phases}"
    return does if reading.fault is None else f"{does} ({reading.fault})"
