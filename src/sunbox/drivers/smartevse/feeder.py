"""Telling a box what flows at the mains, for its own guard of the fuses (`feeds_currents`).

Each measurement is told once, as the box takes each word for news; one that is still good is told again before the box gives
up on it (11 s). What is too old is not told at all: then the box falls back by itself, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from sunbox.clock import Clock
from sunbox.core.model import MeterReading
from sunbox.dialects.smartevse.reading import NOMINAL_V, currents_to_wire, listening_problem
from sunbox.dialects.smartevse.wire import Document
from sunbox.drivers.exchange import Failed
from sunbox.drivers.smartevse.client import Link

LOOKS_S = 2.0
"""How often it is looked whether there is something new: its law runs as often."""
AGAIN_S = 7.0
"""After so long the same is told again; with the next look and a slow answer it is within 11 s."""
STALE_S = 30.0
"""What is older says nothing about now."""


class Feeder:
    """Feeds one box."""

    def __init__(self, device_id: str, balance: Callable[[], MeterReading | None], clock: Clock, link: Link) -> None:
        self._log = structlog.get_logger(__name__).bind(device=device_id)
        self._balance = balance
        self._clock = clock
        self._link = link
        self._told_at: datetime | None = None
        self._told_s = float("-inf")
        self._reason: str | None = None  #: why it does not listen, by its document
        self._word: str | None = None  #: by its answer
        self._problem: str | None = None  #: as logged

    async def run(self) -> None:
        """Tell it for ever."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            await self.feed()
            due_s = max(due_s + LOOKS_S, loop.time())
            await asyncio.sleep(due_s - loop.time())

    async def feed(self) -> None:
        """Tell it once, if there is something to tell."""
        balance = self._balance()
        if balance is None or balance.grid_w is None:
            return
        if self._clock.now() - balance.measured_at > timedelta(seconds=STALE_S):
            return
        now_s = asyncio.get_running_loop().time()
        if balance.measured_at == self._told_at and now_s - self._told_s < AGAIN_S:
            return
        found = await self._link.tell_currents(currents_to_wire(phases_of(balance)))
        if isinstance(found, Failed):
            return  # the readings tell that it does not answer
        self._told_at, self._told_s = balance.measured_at, now_s
        self._word = found
        self._note()

    def look_at(self, document: Document) -> None:
        """Say what keeps the box from listening, once."""
        self._reason = listening_problem(document)
        self._note()

    def _note(self) -> None:
        problem = self._reason or self._word
        if (problem is None) is (self._problem is None):
            return
        if problem is not None:
            self._log.warning("currents ignored", detail=problem)
        else:
            self._log.info("currents followed")
        self._problem = problem


def phases_of(balance: MeterReading) -> tuple[float, float, float]:
    """Return the currents per phase; of a meter that tells power alone, a third of it on each."""
    if balance.grid_phases_a is not None:
        return balance.grid_phases_a
    each_a = (balance.grid_w or 0.0) / NOMINAL_V / 3
    return each_a, each_a, each_a
