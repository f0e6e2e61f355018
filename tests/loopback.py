"""What tests on loopback share: how long they wait for what must come, ports that nobody else takes, an app that is served."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import threading
from collections.abc import Iterator
from typing import Any

from sunbox.net.http import AsgiApp
from sunbox.net.serving import Listener, serving

WITHIN_S = 60.0
"""How long a test waits for what must come, on the wall: far longer than it takes on a slow machine that has much to do."""

LOWEST, HIGHEST = 10_000, 30_000
"""Below the ports that systems give to whoever asks for any (Linux from 32768, others from 49152): found free, they stay it."""
SHARES = 10
"""Processes of one run of tests, each with a range of its own."""

_SHARE = (HIGHEST - LOWEST) // SHARES
_RANDOM = random.Random()  # not the shared one, which hypothesis turns back
_at = _RANDOM.randrange(_SHARE)


def free_ports(count: int) -> tuple[int, ...]:
    """Return ports that are free, one after the other, and were not returned before."""
    global _at  # noqa: PLW0603 - what was returned last
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % SHARES
    while True:
        _at = (_at + count) % (_SHARE - count)
        first = LOWEST + process * _SHARE + _at
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return tuple(range(first, first + count))


def free_port() -> int:
    """Return a port that is free."""
    return free_ports(1)[0]


@contextlib.contextmanager
def served(app: AsgiApp) -> Iterator[str]:
    """Serve an app from a thread of its own, as another process would; yields its URL."""
    ready = threading.Event()
    told: dict[str, Any] = {}

    async def serve() -> None:
        told["loop"], told["stop"] = asyncio.get_running_loop(), asyncio.Event()
        async with serving([Listener(app=app, host="127.0.0.1", port=0)]) as (bound,):
            told["url"] = bound.url
            ready.set()
            await told["stop"].wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(WITHIN_S)
    try:
        yield told["url"]
    finally:
        told["loop"].call_soon_threadsafe(told["stop"].set)
        thread.join(WITHIN_S)
