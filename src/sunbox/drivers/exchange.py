"""What drivers share: a request that brought nothing, as a value, and a pace at which requests go out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import httpx2

from sunbox.core.commands import Cause, Outcome
from sunbox.core.effects import Send
from sunbox.core.events import CommandEnded
from sunbox.net.http import AnswerRefusedError, describe, was_sent

T = TypeVar("T")


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


async def exchanged(exchange: Callable[[], Awaitable[T]], pace: Pace, *, is_set: bool) -> T | Failed:
    """Return what an exchange over HTTP brought, or why it brought nothing.

    A charger may close a connection without a word, as it is used again or because it has too many: reading twice does no harm.
    """
    for is_last in (is_set, True):
        async with pace:
            try:
                return await exchange()
            except AnswerRefusedError as error:
                return Failed(cause=Cause.BAD_ANSWER, detail=describe(error), is_maybe_done=is_set)
            except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError) as error:
                if is_last:
                    return Failed(cause=Cause.NO_ANSWER, detail=describe(error), is_maybe_done=is_set)
            except httpx2.TransportError as error:
                sent = was_sent(error)
                return Failed(
                    cause=Cause.NO_ANSWER if sent else Cause.UNREACHABLE,
                    detail=describe(error),
                    is_maybe_done=is_set and sent,
                )
    raise AssertionError  # the loop's last round returns


def refused_by_meter(device_id: str, effect: Send, at: datetime) -> CommandEnded:
    """Return how a command to a meter ends."""
    return CommandEnded(
        at=at,
        device_id=device_id,
        exchange_id=effect.exchange_id,
        outcome=Outcome.REFUSED,
        cause=Cause.INVALID,
        detail="a meter takes no commands",
        billed=0,
    )
