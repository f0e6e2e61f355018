"""What drivers of chargers share: reading one for ever, and faster while the effect of a command is awaited; how a command ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sunbox.clock import Clock
from sunbox.core.commands import Cause, Command, CommandName, Outcome, ReadKind
from sunbox.core.events import ChargerRead, CommandEnded, ReadFailed
from sunbox.core.model import ChargerReading, ChargerStatus
from sunbox.core.resilience import Backoff
from sunbox.drivers.base import Emit
from sunbox.drivers.exchange import Failed
from sunbox.drivers.news import News
from sunbox.drivers.outage import Outage

FAST_S = 1.0
"""How often it is read while the effect of a command is awaited."""
FAST_FOR_S = 20.0
"""For how long at most."""
IDLE_S = 10.0
"""How often it is read while no car is there, or none may charge."""
FRESH_S = 2.5
"""How old a reading may be to prove that something is so already."""
TREMBLES_S = 10.0
"""The instant of its boot, computed anew with each reading, differs by less than this."""
FLOWING_A = 0.5
"""A current that is one."""
NEAR_A = 1.0
"""A current that is less than this beside the one that was asked for is the one."""

BUSY_BACKOFF = Backoff(5.0, 60.0)
SILENT_BACKOFF = Backoff(5.0, 30.0)
"""How long it is left alone after failures in a row: nobody wants to wait long for a charger that is back."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Awaited:
    """The effect of a command, for which it is read faster."""

    command: Command
    until_s: float

    def is_seen_in(self, reading: ChargerReading) -> bool:
        return _EFFECTS[self.command.name](reading, self.command.value)


class Polling:
    """The events of one charger, and when it is read.

    Args:
        device_id: its id in the configuration.
        clock: the time of day.
        interval_s: how often it is read.
    """

    def __init__(self, device_id: str, clock: Clock, interval_s: float) -> None:
        self._device_id = device_id
        self._clock = clock
        self._interval_s = interval_s
        self._outage = Outage(device_id)
        self._emit: Emit | None = None
        self._news = News()
        self._started_at: datetime | None = None
        self._boot_at: datetime | None = None
        self._failures = 0
        self._awaited: _Awaited | None = None
        self._hurry = asyncio.Event()

    async def run(self, emit: Emit, poll: Callable[[], Awaitable[ChargerRead | ReadFailed]]) -> None:
        """Poll for ever: faster while the effect of a command is awaited, slower without a car or an answer."""
        self._emit = emit
        while True:
            event = await poll()
            if self._news.is_in(event):
                emit(event)
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s(event)):
                    await self._hurry.wait()

    def await_effect(self, command: Command, ended: CommandEnded) -> None:
        """Read faster until a command that was, or may have been, carried out shows its effect."""
        if ended.outcome in (Outcome.APPLIED, Outcome.UNCONFIRMED):
            self._awaited = _Awaited(command, loop_s() + FAST_FOR_S)
            self._hurry.set()

    def is_fresh(self, known_at: datetime) -> bool:
        """Return whether what was read then proves that something is so already."""
        return (self._clock.now() - known_at).total_seconds() <= FRESH_S

    # --- events --------------------------------------------------------------------------------------------------

    def read(self, reading: ChargerReading) -> ChargerRead:
        """Return a reading as an event."""
        self._failures = 0
        self._outage.worked()
        return ChargerRead(at=self._clock.now(), charger_id=self._device_id, reading=reading)

    def tell(self, reading: ChargerReading) -> None:
        """Let a reading made for a command be known at once."""
        event = self.read(reading)
        if self._emit is not None:
            self._news.take(event)
            self._emit(event)

    def failed(self, failed: Failed) -> ReadFailed:
        """Return a failure to read as an event."""
        self._failures += 1
        self._outage.failed(failed.cause, failed.detail)
        backoff = BUSY_BACKOFF if failed.cause is Cause.BUSY else SILENT_BACKOFF
        return ReadFailed(
            at=self._clock.now(),
            device_id=self._device_id,
            exchange_id=None,
            what=ReadKind.DATA,
            cause=failed.cause,
            detail=failed.detail,
            retry_after_s=max(self._interval_s, backoff.wait_s(self._failures)),
        )

    def ended(self, outcome: Outcome, cause: Cause | None = None, detail: str = "") -> CommandEnded:
        """Return how a command ended."""
        return CommandEnded(
            at=self._clock.now(),
            device_id=self._device_id,
            exchange_id=0,
            outcome=outcome,
            cause=cause,
            detail=detail,
            retry_after_s=BUSY_BACKOFF.wait_s(1) if cause is Cause.BUSY else None,
            billed=0,
        )

    def steady(self, boot_at: datetime | None) -> datetime | None:
        """Return when it booted, the same instant again until it boots anew: what is computed trembles with the network."""
        if boot_at is None:
            return self._started_at
        if self._boot_at is None or abs((boot_at - self._boot_at).total_seconds()) > TREMBLES_S:
            self._started_at = boot_at
        self._boot_at = boot_at  # a clock that drifts is followed
        return self._started_at

    def _wait_s(self, event: ChargerRead | ReadFailed) -> float:
        if isinstance(event, ReadFailed):
            return event.retry_after_s or self._interval_s
        awaited = self._awaited
        if awaited is not None:
            if loop_s() < awaited.until_s and not awaited.is_seen_in(event.reading):
                return FAST_S
            self._awaited = None
        reading = event.reading
        is_still = reading.status is ChargerStatus.A or (reading.status is ChargerStatus.B and not reading.is_enabled)
        may_go_on = reading.told is True and reading.holds is not None
        is_slow = is_still and not reading.is_switching and not may_go_on
        return max(self._interval_s, IDLE_S) if is_slow else self._interval_s


async def read_back(
    read: Callable[[], Awaitable[T | Failed]],
    is_so: Callable[[T], bool],
    sent: Failed | None,
    *,
    times: int,
    every_s: float,
    doubt: str = "",
) -> T | Failed:
    """Return the reading that proves what was told, else why nothing does.

    Args:
        read: reads once.
        is_so: whether a reading shows it.
        sent: the telling, where it failed and may have been done all the same.
        times: how often it is read at most.
        every_s: how long it is waited before each time.
        doubt: what else may be the reason.
    """
    cause = Cause.BAD_ANSWER if sent is None else sent.cause
    detail = ("what it reads back is not what it was told" if sent is None else sent.detail) + doubt
    for _ in range(times):
        await asyncio.sleep(every_s)
        found = await read()
        if isinstance(found, Failed):
            if sent is None:
                cause, detail = found.cause, f"it took it, and could not be read back: {found.detail}"
        elif is_so(found):
            return found
    return Failed(cause=cause, detail=detail)


def loop_s() -> float:
    """Return the time of the running loop."""
    return asyncio.get_running_loop().time()


def doubt_of(failed: Failed) -> str:
    """Return what to add for people where something may have been done."""
    return "; whether it was done is not known: read it" if failed.is_maybe_done else ""


def is_flowing(reading: ChargerReading) -> bool:
    """Return whether it measures a current."""
    return reading.current_a is not None and max(reading.current_a) >= FLOWING_A


def _is_offered(reading: ChargerReading, value: int | None) -> bool:
    return not is_flowing(reading) or (
        value is not None and reading.current_a is not None and abs(max(reading.current_a) - value) < NEAR_A
    )


_EFFECTS: Mapping[CommandName, Callable[[ChargerReading, int | None], bool]] = {
    CommandName.START: lambda reading, _: reading.status is ChargerStatus.C and is_flowing(reading),
    CommandName.STOP: lambda reading, _: not is_flowing(reading) and reading.status is not ChargerStatus.C,
    CommandName.SET_AMPS: _is_offered,
    CommandName.SET_PHASES: lambda reading, value: not reading.is_switching and reading.phases == value,
}
"""How a reading shows that a command has had its effect."""
