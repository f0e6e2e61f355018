"""What a test of a charger's driver holds in its hands, whatever the charger: what the driver said, and while it polls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sunbox.core.events import ChargerRead, Event, ReadFailed
from sunbox.core.model import ChargerReading
from sunbox.simulator.clock import VirtualTimeLoop, run_in


class ChargerPlace:
    """A driver, and what it has told."""

    driver: Any
    events: list[Event]

    @property
    def readings(self) -> list[ChargerReading]:
        return [event.reading for event in self.events if isinstance(event, ChargerRead)]

    @property
    def last(self) -> ChargerReading:
        return self.readings[-1]

    @property
    def failures(self) -> list[ReadFailed]:
        return [event for event in self.events if isinstance(event, ReadFailed)]

    @asynccontextmanager
    async def polling(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.driver.run(self.events.append))
        try:
            yield
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


P = TypeVar("P", bound=ChargerPlace)


def played(make: Callable[[], P], act: Callable[[P], Awaitable[None]]) -> None:
    """Run a test's act at a place, in virtual time."""

    async def main() -> None:
        scene = make()
        await act(scene)
        await scene.driver.close()

    run_in(VirtualTimeLoop, main())
