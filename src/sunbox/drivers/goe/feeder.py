"""Telling a charger what flows at the site, for owners who prefer its own surplus logic (`feeds_surplus`).

It answers true even where it ignores what it is told; so what it needs besides is looked at, and said once when it changes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta

import structlog

from sunbox.clock import Clock
from sunbox.core.model import MeterReading
from sunbox.dialects.goe.reading import preconditions_of, surplus_to_wire
from sunbox.dialects.goe.wire import Status
from sunbox.drivers.exchange import Failed
from sunbox.drivers.goe.client import Link

EVERY_S = 5.0
"""It forgets after 10 s."""
STALE_S = 30.0
"""What is older says nothing about now: the charger is told nothing and stops by itself."""


class Feeder:
    """Feeds one charger."""

    def __init__(self, device_id: str, balance: Callable[[], MeterReading | None], clock: Clock, link: Link) -> None:
        self._log = structlog.get_logger(__name__).bind(device=device_id)
        self._balance = balance
        self._clock = clock
        self._link = link
        self._problems: list[str] = []
        self._refusal: str | None = None

    async def run(self) -> None:
        """Tell it for ever."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            await self.feed()
            due_s = max(due_s + EVERY_S, loop.time())
            await asyncio.sleep(due_s - loop.time())

    async def feed(self) -> None:
        """Tell it once, if there is something to tell."""
        balance = self._balance()
        if balance is None or balance.grid_w is None:
            return
        if self._clock.now() - balance.measured_at > timedelta(seconds=STALE_S):
            return
        told = surplus_to_wire(balance.grid_w, balance.pv_w, balance.battery_w)
        found = await self._link.set({"ids": json.dumps(told, separators=(",", ":"))})
        refusal = None if isinstance(found, Failed) else found.get("ids")
        if refusal is not None and refusal != self._refusal:
            self._log.warning("surplus refused", detail=refusal)
        self._refusal = refusal

    def look_at(self, status: Status) -> None:
        """Say what keeps the charger from following, once."""
        problems = preconditions_of(status)
        if problems != self._problems:
            for problem in problems:
                self._log.warning("surplus ignored", detail=problem)
            if not problems:
                self._log.info("surplus followed")
            self._problems = problems
