"""Running until told to stop: signals, time that runs faster, and what is said at start and end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from sunbox.simulator.clock import ScaledTimeLoop, run_in

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_until_stopped(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]], *, speed: float = 1.0) -> None:
    """Run `main(stop)` where `stop` is set by Ctrl-C or SIGTERM; a second signal ends at once.

    Args:
        main: returns when it has stopped cleanly.
        speed: how many times as fast as the wall time runs.
    """
    factory: Callable[[], asyncio.AbstractEventLoop]
    factory = asyncio.new_event_loop if speed == 1.0 else lambda: ScaledTimeLoop(speed)
    run_in(factory, _guarded(main))


async def _guarded(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(main(stop))

    def on_signal() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        await task
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def set_up_logs(*, is_verbose: bool = False, is_quiet: bool = False, is_silent: bool = False) -> None:
    """Log to standard error: what an owner may want to know, everything, warnings or errors alone; as JSON where nobody watches."""
    import logging
    import sys

    import structlog

    level = logging.DEBUG if is_verbose else logging.WARNING if is_quiet else logging.INFO
    level = logging.ERROR if is_silent else level
    is_watched = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if not is_watched else structlog.dev.set_exc_info,
            structlog.dev.ConsoleRenderer() if is_watched else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
