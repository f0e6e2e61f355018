"""Virtual and scaled time, both as event loops: product code waits through asyncio only, and so never knows.

* `VirtualTimeLoop`: nothing waits. When no callback is ready, time jumps to the next timer; a day costs what it computes.
* `ScaledTimeLoop`: time runs `speed` times as fast as the wall; real sockets work.
* `LoopClock`: the `Clock` whose day runs with the loop.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

SOCKET_GRACE_S = 0.002
"""How long (wall seconds) virtual time waits for an open socket before it jumps: loopback answers well within."""


class _VirtualSelector(selectors.DefaultSelector):
    """Asks the kernel what is ready, and where nothing is, moves the loop's time instead of sleeping."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.holds = 0  #: threads that must end before time may move

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; where nothing is within `timeout` loop seconds, let them pass at once."""
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if timeout is None or self.holds:
            # only a thread, a socket or a signal can go on: the wall waits, virtual time stands still
            return super().select(None)
        keys = self.get_map().values()
        if len(keys) == 1:  # the loop's own wake-up pipe
            ready = super().select(0)
        elif any(key.events & selectors.EVENT_WRITE for key in keys):
            # a connection being made or a full send buffer: time runs as on the wall, so that time-outs still end it
            began_s = time.monotonic()
            ready = super().select(timeout)
            self.now_s += min(timeout, time.monotonic() - began_s)
            return ready
        else:
            ready = super().select(min(SOCKET_GRACE_S, timeout))
        if not ready:
            self.now_s += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time starts at 0 and jumps to the next timer when nothing is ready.

    A job given to `run_in_executor` holds the clock until it has ended; other threads do so inside `hold()`. An open
    socket is given `SOCKET_GRACE_S` of wall time before each jump, so that loopback traffic is never jumped over; a
    far peer may be: use in-process transports for what has to be exact.
    """

    def __init__(self) -> None:
        self._virtual = _VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Return the virtual time in s since the loop was made."""
        return self._virtual.now_s

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep virtual time from moving while the body runs, e.g. around the wait for a thread."""
        self._virtual.holds += 1
        try:
            yield
        finally:
            self._virtual.holds -= 1

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]  # typeshed's variadic signature
        """Run `func` in a thread; virtual time stands still until it has ended."""
        self._virtual.holds += 1
        try:
            future = super().run_in_executor(executor, func, *args)
        except BaseException:
            self._virtual.holds -= 1
            raise
        future.add_done_callback(self._release)
        return future

    def _release(self, _: asyncio.Future[Any]) -> None:
        self._virtual.holds -= 1


class _ScaledSelector(selectors.DefaultSelector):
    """Sleeps `1 / speed` of the loop's seconds."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready within `timeout` loop seconds."""
        return super().select(timeout if timeout is None or timeout <= 0 else timeout / self._speed)


class ScaledTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time starts at 0 and runs `speed` times as fast as the wall."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._began_s = time.monotonic()
        super().__init__(_ScaledSelector(speed))
        if not (0 < speed < math.inf):
            self.close()
            raise ValueError(f"speed {speed!r}: allowed is a number above 0 (1 = real time)")

    def time(self) -> float:
        """Return the scaled time in s since the loop was made."""
        return (time.monotonic() - self._began_s) * self.speed


class LoopClock:
    """A `Clock` that reads `epoch` when it is made and then goes with the loop's time."""

    def __init__(self, epoch: datetime, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Begin at `epoch` (aware). Without `loop` the running loop is taken."""
        if epoch.tzinfo is None:
            raise ValueError(f"epoch {epoch.isoformat()}: allowed is an instant with its offset from UTC")
        self._loop = loop if loop is not None else asyncio.get_running_loop()
        self._epoch = epoch.astimezone(UTC)
        self._began_s = self._loop.time()

    def now(self) -> datetime:
        """Return the instant, UTC-aware."""
        return self._epoch + timedelta(seconds=self._loop.time() - self._began_s)


def run_in(loop_factory: Callable[[], asyncio.AbstractEventLoop], coro: Coroutine[Any, Any, T]) -> T:
    """Run `coro` to its end in a new loop of `loop_factory`, e.g. `run_in(VirtualTimeLoop, main())`."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(coro)
