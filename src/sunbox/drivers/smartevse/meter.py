"""A meter of a SmartEVSE as one of the site: of the mains, of the car, or of its circuit.

What the mains' meter measured is told with the box's own clock. It counts from when it was first seen to have changed, for
that clock may be wrong; a word that does not change any more grows old here as it does there.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from sunbox.clock import Clock
from sunbox.core.commands import Cause, ReadKind
from sunbox.core.effects import Read, Send
from sunbox.core.events import CommandEnded, MeterRead, ReadFailed
from sunbox.core.model import MeterReading
from sunbox.core.settings import MeterSettings
from sunbox.dialects.smartevse.reading import (
    circuit_of,
    currents_of,
    mains_of,
    mains_problem,
    meter_reading,
    power_of,
)
from sunbox.dialects.smartevse.wire import Document
from sunbox.dialects.smartevse.words import METER_TEXTS, Meter
from sunbox.drivers.base import Emit
from sunbox.drivers.exchange import Failed, refused_by_meter
from sunbox.drivers.outage import Outage
from sunbox.drivers.smartevse.client import Links
from sunbox.drivers.smartevse.settings import SmartEvseMeterSettings
from sunbox.drivers.smartevse.words import ADVICE
from sunbox.errors import SunboxError

CLOCKS_AGREE_S = 30.0
"""An instant of the box's clock counts if it is so near to now, and past."""

_IN_A_CIRCLE = (
    "sunbox itself tells it what flows (feeds_currents): a meter that goes round in a circle measures nothing"
)


class SmartEvseMeterDriver:
    """One meter of a box."""

    def __init__(self, meter: MeterSettings, settings: SmartEvseMeterSettings, links: Links, clock: Clock) -> None:
        self._meter = meter
        self._settings = settings
        self._link = links.to(settings.url, settings.timeout_s)
        self._clock = clock
        self._outage = Outage(meter.id)
        self._mark: int | None = None  #: the box's instant of its last measurement
        self._marked_at: datetime | None = None

    @property
    def device_id(self) -> str:
        """Return the id of the meter in the configuration."""
        return self._meter.id

    async def run(self, emit: Emit) -> None:
        """Poll for ever, at fixed instants: how long an answer takes does not shift the next one."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            emit(await self._poll())
            due_s = max(due_s + self._meter.interval_s, loop.time())
            await asyncio.sleep(due_s - loop.time())

    async def send(self, effect: Send) -> CommandEnded:
        """Refuse: a meter takes no commands."""
        return refused_by_meter(self._meter.id, effect, self._clock.now())

    async def read(self, effect: Read) -> MeterRead | ReadFailed:
        """Read once."""
        event = await self._poll()
        return replace(event, exchange_id=effect.exchange_id) if isinstance(event, ReadFailed) else event

    async def probe(self) -> str:
        """Read once, and return the reading as people read it.

        Raises:
            SunboxError: there is no reading; the text says why and what to do.
        """
        event = await self._poll()
        if isinstance(event, ReadFailed):
            advice = ADVICE.get(event.cause) if event.cause is not Cause.INVALID else None
            text = f"{self._meter.id} at {self._settings.url}: {event.detail}"
            raise SunboxError(f"{text}: {advice}" if advice else text)
        phases = event.reading.grid_phases_a or ()
        shown = ", ".join(f"{amps:.1f} A" for amps in phases)
        return f"{self._settings.measures} {event.reading.grid_w or 0.0:,.0f} W ({shown})"

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()

    async def _poll(self) -> MeterRead | ReadFailed:
        found = await self._link.read()
        if isinstance(found, Failed):
            return self._failed(found.cause, found.detail)
        reading = self._reading(found)
        if isinstance(reading, str):
            return self._failed(Cause.INVALID, reading)
        self._outage.worked()
        return MeterRead(at=self._clock.now(), meter_id=self._meter.id, reading=reading)

    def _reading(self, document: Document) -> MeterReading | str:
        """Return what it measured, or why there is nothing."""
        now, voltage_v = self._clock.now(), self._settings.voltage_v
        match self._settings.measures:
            case "ev":
                currents = currents_of(document)
                if currents is None:
                    return "it has no meter of the car, or that one does not answer (EV METER in its menu)"
                return meter_reading(now, currents, power_of(document, currents), voltage_v)
            case "circuit":
                currents = circuit_of(document)
                return (
                    "it has no meter of its circuit"
                    if currents is None
                    else meter_reading(now, currents, None, voltage_v)
                )
        if self._link.is_fed and document.read("settings.mains_meter") == METER_TEXTS[Meter.API]:
            return _IN_A_CIRCLE
        problem = mains_problem(document)
        currents = mains_of(document)
        if currents is None:
            return problem or "it tells no currents of the mains"
        measured_at = self._measured_at(document, now)
        if measured_at is None:
            return "its mains meter has not said anything yet"
        return meter_reading(measured_at, currents, None, voltage_v)

    def _measured_at(self, document: Document, now: datetime) -> datetime | None:
        """Return when the mains were measured: as first seen, and as its clock says where that can be true."""
        mark = document.read("phase_currents.last_data_update")
        if mark is None:
            return now
        if mark <= 0:
            return None
        if mark != self._mark or self._marked_at is None:
            self._mark, self._marked_at = mark, now
            age_s = now.timestamp() - mark
            if 0.0 <= age_s <= CLOCKS_AGREE_S:
                self._marked_at = datetime.fromtimestamp(mark, UTC)
        return min(self._marked_at, now)

    def _failed(self, cause: Cause, detail: str) -> ReadFailed:
        self._outage.failed(cause, detail)
        return ReadFailed(
            at=self._clock.now(),
            device_id=self._meter.id,
            exchange_id=None,
            what=ReadKind.DATA,
            cause=cause,
            detail=detail,
        )
