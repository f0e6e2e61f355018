"""Carries out what the rules of `dialects/powerwall/hold.py` say: reads the site, tells it, and keeps the book.

The book is durable before each write. It is read anew for each round, because `sunbox battery` may have written in it; and what
another process has written in the middle of one is never written over: that round ends, and the next begins with it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

import structlog

from sunbox.clock import Clock
from sunbox.core.model import MeterReading
from sunbox.core.resilience import Backoff
from sunbox.core.wallbox import Notebook
from sunbox.dialects.powerwall import hold_notes, table
from sunbox.dialects.powerwall.facts import LiveStatus
from sunbox.dialects.powerwall.hold import Look, Rest, Write, next_step
from sunbox.dialects.powerwall.hold_book import Book, Manner, Method, Part, Seen, Setting, seen_of
from sunbox.dialects.powerwall.hold_kept import book_from_json, book_to_json
from sunbox.dialects.powerwall.table import EnergyEndpoint
from sunbox.dialects.powerwall.wire import DISALLOW_GRID_CHARGING
from sunbox.dialects.tesla.outcomes import Failed
from sunbox.drivers.powerwall.cloud import CloudSite
from sunbox.errors import SunboxError

log = structlog.get_logger(__name__)

AGAIN = Backoff(30.0, 600.0)
"""Waits after what did not get through."""
STOP_S = 10.0
"""How long giving back may take when the gateway stops."""
READ_BACK_S = 1.0
BOOK_S = 60.0
"""So often the book is looked into while nothing else is to be done: somebody may hold the battery by hand."""
LINGER_S = 60.0
"""A hold goes on for so long after nobody wants it any more: a car that pauses, or a restart, is not worth two writes."""

WRITES: dict[Part, tuple[EnergyEndpoint, Callable[[Setting], dict[str, Any]]]] = {
    Part.RESERVE: (table.BACKUP, lambda value: {"backup_reserve_percent": value}),
    Part.MODE: (table.OPERATION, lambda value: {"default_real_mode": value}),
    Part.GRID_CHARGING: (table.GRID_IMPORT_EXPORT, lambda value: {DISALLOW_GRID_CHARGING: not value}),
}
"""How each part is told."""

MOST_WAIT_S = 3600.0
"""No answer makes it wait longer than this: the battery is to be given back."""
JUMP_S = 60.0
"""So far apart from the time that passed, the clock has been put."""

Show = Callable[[LiveStatus], None]


class _ChangedError(SunboxError):
    """Another process has written in the book."""


class Holder:
    """Holds the battery of one site, and gives it back."""

    def __init__(
        self,
        device_id: str,
        site: CloudSite,
        manner: Manner,
        notebook: Notebook,
        clock: Clock,
        timezone: tzinfo,
    ) -> None:
        """Begin with what the notebook has; nothing is read or told before `run`.

        Args:
            device_id: of the meter.
            site: what is told.
            manner: how.
            notebook: keeps the book.
            clock: the time of day.
            timezone: whose days the limit of writes counts.
        """
        self._id = device_id
        self._site = site
        self._manner = manner
        self._notebook = notebook
        self._clock = clock
        self._timezone = timezone
        self._log = log.bind(device=device_id)
        self._is_wanted: bool | None = None  #: None = nobody has said yet
        self._lingers_until_s: float | None = None  #: by the loop's time, which nobody puts, as below
        self._has_run = False
        self._wake = asyncio.Event()
        self._seen: Seen | None = None
        self._failures = 0
        self._not_before_s: float | None = None
        self._unreadable: str | None = None
        self._unsaved: str | None = None  #: why the book at hand is not the one that is kept
        self._told_at: tuple[datetime, float] | None = None  #: what the clock and the loop said last
        self._known: Mapping[str, Any] | None = None  #: the book as it was read or written last
        self.book = self._kept(Book())

    @property
    def problem(self) -> str | None:
        """Return what is wrong with the hold."""
        why = self._unreadable or self._unsaved or self.book.problem
        return None if why is None else f"{self._id}: {why}"

    @property
    def can_hold(self) -> bool:
        """Return whether it may also be held, and not only given back."""
        return self._manner.method is not Method.OFF

    def want(self, *, is_held: bool) -> None:
        """Take note of what the core wants."""
        if not is_held and self._is_wanted is not False:
            self._lingers_until_s = _loop_s() + LINGER_S
        self._is_wanted = is_held
        self._wake.set()

    async def run(self, show: Show = lambda _: None) -> None:
        """Do what is due, for ever; `show` is told what flows whenever it was read for the hold."""
        self._has_run = True
        while True:
            self._wake.clear()
            try:
                wait_s = None if self._is_wanted is None else await self.round(show)
            except Exception:
                log.exception("the hold failed", device=self._id)
                wait_s = self._failed(None)
            wait_s = BOOK_S if wait_s is None else min(wait_s, BOOK_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    async def close(self) -> None:
        """Give the battery back, if this held it for the core; what is not proven by then is looked after at the next start."""
        if not self._has_run:
            return
        self._has_run = False
        self._is_wanted, self._lingers_until_s = False, None
        self._not_before_s = None
        if not self._kept(self.book).entries:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self.round()
                if self.book.entries and not self.book.by_hand:
                    await asyncio.sleep(READ_BACK_S)
                    await self.look(flows=False)
                    await self.round()

    async def by_hand(self, *, is_held: bool) -> None:
        """Note what somebody at the command line wants, and do what is due now."""
        book = replace(self._kept(self.book), by_hand=is_held)
        if is_held and self._unreadable is not None:
            raise SunboxError(self._unreadable)
        try:
            await self._keep(book)
            self._unreadable = None
        except _ChangedError:
            raise
        except SunboxError as error:
            if is_held:
                raise
            self._unsaved = _cannot_be_noted(error)  # it is given back all the same
        self.book = book
        self._is_wanted, self._lingers_until_s = bool(self._is_wanted), None
        await self.round()

    async def forget_hand(self) -> None:
        """Note that nothing came of a hold by hand."""
        self.book = replace(self._kept(self.book), by_hand=False)
        await self._keep(self.book)

    async def set_by_owner(self, part: Part, value: Setting) -> None:
        """Note what the owner has told the site at the command line: it is given back as that."""
        before = self._kept(self.book)
        self.book = hold_notes.set_by_owner(before, part, value, self._clock.now())
        if self.book is not before and self._unreadable is None:
            await self._keep(self.book)

    async def round(self, show: Show = lambda _: None) -> float | None:
        """Do all that is due now; return for how many seconds nothing will be, None = until something else is wanted."""
        self.book = self._kept(self.book)
        if self._unreadable is not None:
            return None  # what was changed is not known, and not to be written over
        while True:
            now = self._clock.now()
            await self._follow_clock(now)
            if self._not_before_s is not None and _loop_s() < self._not_before_s:
                return self._not_before_s - _loop_s()
            lingers_s = self._lingers_s()
            step = next_step(
                self.book,
                self._manner,
                is_wanted=self._is_wanted is True or self.book.by_hand or lingers_s is not None,
                seen=self._seen,
                now=now,
                today=now.astimezone(self._timezone).date(),
            )
            if not await self._note(step.book, is_needed=isinstance(step, Write) and not _gives_back(step)):
                return self._failed(None)
            match step:
                case Rest(until_at=until_at):
                    rest_s = None if until_at is None else max(0.0, (until_at - self._clock.now()).total_seconds())
                    return min((each for each in (rest_s, lingers_s) if each is not None), default=None)
                case Look(flows=flows):
                    if (wait_s := await self.look(flows=flows, show=show)) is not None:
                        return wait_s
                case Write():
                    if (wait_s := await self._write(step)) is not None:
                        return wait_s

    async def _follow_clock(self, now: datetime) -> None:
        """Move all instants with a clock that was put forward or back, as one without a battery is at the start."""
        loop_s = _loop_s()
        told_at, self._told_at = self._told_at, (now, loop_s)
        if told_at is None:
            return
        by = now - told_at[0] - timedelta(seconds=loop_s - told_at[1])
        if abs(by.total_seconds()) <= JUMP_S:
            return
        self._log.info("the clock was put", by_s=by.total_seconds())
        self._seen = None
        await self._note(hold_notes.moved(self.book, by))

    def _lingers_s(self) -> float | None:
        """Return for how long a hold goes on that nobody wants any more, None where it does not."""
        left_s = 0.0 if self._lingers_until_s is None else self._lingers_until_s - _loop_s()
        return None if left_s <= 0 or self._is_wanted or not self.book.entries else left_s

    async def look(self, *, flows: bool, show: Show = lambda _: None) -> float | None:
        """Read the site; return how long to wait where that failed."""
        self._site.forget()
        info = await self._site.info()
        live = await self._site.live() if flows and not isinstance(info, Failed) else None
        for told in (info, live):
            if isinstance(told, Failed):
                self._log.info("the site could not be read for the hold", cause=told.cause.value, detail=told.detail)
                return self._failed(told.retry_after_s)
        assert not isinstance(info, Failed)  # noqa: S101 - looked at above
        if isinstance(live, LiveStatus):
            show(live)
        self._failures, self._not_before_s = 0, None
        self._seen = seen_of(self._clock.now(), info, live if isinstance(live, LiveStatus) else None)
        if not await self._note(hold_notes.take(self.book, self._seen)):
            return self._failed(None)  # what was seen is not noted, so nothing may be done by it
        return None

    async def _write(self, step: Write) -> float | None:
        row, fields_of = WRITES[step.part]
        self._log.info("telling the Powerwall", what=step.part.value, value=step.value)
        written = await self._site.write(row, fields_of(step.value))
        if not written.was_sent:
            await self._note(hold_notes.not_sent(self.book, step.part))
        else:
            detail = "" if written.failed is None else written.failed.detail or written.failed.cause.value
            await self._note(
                hold_notes.sent(
                    self.book, step.part, is_taken=written.is_taken, may_be_done=written.may_be_done, detail=detail
                )
            )
        if written.is_taken:
            return None
        return self._failed(None if written.failed is None else written.failed.retry_after_s)

    def _failed(self, retry_after_s: float | None) -> float:
        """Return how long to wait after what did not get through."""
        self._failures += 1
        wait_s = max(AGAIN.wait_s(self._failures), min(retry_after_s or 0.0, MOST_WAIT_S))
        self._not_before_s = _loop_s() + wait_s
        return wait_s

    def _kept(self, book: Book) -> Book:
        """Return the book as it is kept, with what is not kept of the one at hand."""
        known, found = self._known, self._notebook.load()
        if found == known and self._unsaved is not None:
            return book  # what could not be written is known here alone
        if found != known:
            self._seen = None  # whoever wrote in it has told the site something since
        try:
            if found is None and known is not None:
                raise ValueError("what was noted of the hold cannot be read any more")  # noqa: TRY301
            self._known = found
            kept = book_from_json(found)
        except ValueError as error:
            if self._unreadable is None:
                self._log.error("hold_unreadable", error=str(error))
            self._unreadable = f"{error}; set reserve and mode in Tesla's app, then run `sunbox battery release`"
            return book
        self._unreadable = self._unsaved = None
        return replace(kept, problem=book.problem, note=book.note)

    async def _note(self, book: Book, *, is_needed: bool = False) -> bool:
        """Take a book, and make it durable where something that must survive has changed; return whether to go on by it.

        What cannot be written, on a full disk, is known here alone from then on: that is enough to give the battery back, and
        where `is_needed` it is not taken.
        """
        before, self.book = self.book, book
        if book.problem != before.problem and book.problem is not None:
            self._log.warning("the battery's hold has a problem", problem=book.problem)
        if book.note != before.note and book.note is not None:
            self._log.info("the battery is not held, or not wholly", why=book.note)
        if book_to_json(book) == book_to_json(before) and self._unsaved is None:
            return True
        if bool(book.entries) != bool(before.entries):
            self._log.info("the battery is held" if book.entries else "the battery is as its owner had it")
        try:
            await self._keep(book)
        except _ChangedError:
            self._log.info("the battery's book was changed meanwhile")
            self.book = self._kept(before)
            return False
        except SunboxError as error:
            if self._unsaved is None:
                self._log.warning("the battery's book cannot be written", error=str(error))
            self._unsaved = _cannot_be_noted(error)
            if is_needed:
                self.book = before
            return not is_needed
        self._unsaved = None
        return True

    async def _keep(self, book: Book) -> None:
        if self._notebook.load() != self._known:
            raise _ChangedError("the gateway is changing the hold just now; try again")
        written = book_to_json(book)
        await self._notebook.save(written)
        self._known = written


def _loop_s() -> float:
    return asyncio.get_running_loop().time()


def _gives_back(step: Write) -> bool:
    return next(each for each in step.book.entries if each.part is step.part).original == step.value


def _cannot_be_noted(error: SunboxError) -> str:
    return f"what is changed cannot be noted ({error}), so the battery is given back, and not held"


def reading_of(live: LiveStatus, now: datetime) -> MeterReading:
    """Return what flows as a meter's reading; a site cannot have measured what is still to come."""
    return MeterReading(
        measured_at=now if live.measured_at is None else min(live.measured_at, now),
        grid_w=live.grid_w,
        pv_w=None if live.solar_w is None else max(0.0, live.solar_w),
        battery_w=live.battery_w,
        battery_soc_pct=live.soc_pct,
        is_off_grid=live.is_off_grid,
    )
