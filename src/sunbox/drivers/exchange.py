"""What drivers of wallboxes share: a request that brought nothing, as a value, and a pace at which requests go out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sunbox.core.commands import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A request that brought nothing."""

    cause: Cause
    detail: str
    is_maybe_done: bool = False  #: what was told may have been done


class Pace:
    """Lets one through at a time, and the next one no sooner than `gap_s` after it."""

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._lock = asyncio.Lock()
        self._free_s = 0.0

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        try:
            loop = asyncio.get_running_loop()
            if loop.time() < self._free_s:
                await asyncio.sleep(self._free_s - loop.time())
            self._free_s = loop.time() + self._gap_s
        except BaseException:
            self._lock.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
