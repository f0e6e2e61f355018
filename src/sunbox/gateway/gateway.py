"""The loop: observe, decide, act, remember, show.

The gateway owns the state. Every event goes through `feed`, at once and in order; effects are carried out in order, what must
survive is durable before anything is sent, and every request ends in an event. One timer wakes it when time alone matters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

import structlog

from sunbox.clock import Clock
from sunbox.core.commands import Cause, Command, Outcome, ReadKind
from sunbox.core.effects import Effect, HoldBattery, Read, Remember, Send
from sunbox.core.engine import answer, step
from sunbox.core.events import Began, CommandEnded, Event, LimitSet, MeterRead, Ordered, ReadFailed, Requested, Tick
from sunbox.core.model import Limit, Memory, MeterReading
from sunbox.core.orders import answer_order, end_of
from sunbox.core.settings import Settings
from sunbox.core.snapshot import snapshot
from sunbox.core.state import State
from sunbox.core.wallbox import (
    Accepted,
    DayReport,
    DecisionPage,
    DecisionQuery,
    Notebook,
    NotRecordedError,
    OrderedEnd,
    Rejected,
    Request,
    SiteSnapshot,
)
from sunbox.drivers.base import BatteryHolder, Driver, ReportedMeter, SentByHand
from sunbox.errors import JournalError, SunboxError
from sunbox.gateway.journal import Journal

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger(__name__)

REPORTS_KEPT = 31
"""So many days that are over are reckoned once only."""

ReportDay = Callable[[Path, date], DayReport]
"""Reckons a day from a folder of journals. It is handed over: what it compares the day with is no business of the gateway."""

BY_HAND_S = 60.0
"""How often it is looked for what was sent beside the gateway."""

STOP_GRACE_S = 20.0
"""How long a request under way may take to end when the gateway stops."""


class Store(Protocol):
    """Where `Memory` is kept."""

    def load(self) -> Memory:
        """Return what was remembered."""
        ...

    async def save(self, memory: Memory) -> None:
        """Make rows durable."""
        ...

    def notebook(self, name: str) -> Notebook:
        """Return what a face keeps."""
        ...


class Gateway:
    """The shell around the core; the `Wallbox` that faces talk to.

    Args:
        settings: what the owner decided.
        drivers: by device id.
        clock: the time of day.
        store: what must survive.
        journal: what happened.
        report: reckons a recorded day; None = it cannot be asked for.
        is_inline: files are read on the event loop itself (virtual time, where a thread would hold the clock).
    """

    def __init__(
        self,
        settings: Settings,
        drivers: Mapping[str, Driver],
        *,
        clock: Clock,
        store: Store,
        journal: Journal,
        report: ReportDay | None = None,
        is_inline: bool = False,
    ) -> None:
        self._settings = settings
        self._drivers = dict(drivers)
        self._holders = tuple(driver for driver in self._drivers.values() if isinstance(driver, BatteryHolder))
        self._by_hand = {id_: driver for id_, driver in self._drivers.items() if isinstance(driver, SentByHand)}
        self._clock = clock
        self._store = store
        self._journal = journal
        self._state: State | None = None
        self._batches: asyncio.Queue[tuple[Effect, ...]] = asyncio.Queue()
        self._requests: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: datetime | None = None
        self._changed = asyncio.Event()
        self._is_stopping = False
        self._report = report
        self._is_inline = is_inline
        self._reading = asyncio.Lock()  # one at a time: a client that asks again and again holds up itself alone
        self._reports: dict[date, DayReport] = {}
        self.faults = 0  #: events that could not be processed: a bug, shown as bad health

    @property
    def state(self) -> State:
        """Return the state.

        Raises:
            RuntimeError: the gateway has not begun.
        """
        if self._state is None:
            raise RuntimeError("the gateway has not begun")
        return self._state

    def begin(self) -> None:
        """Take up what was remembered. Nothing is sent before `run`."""
        self.feed(Began(at=self._clock.now(), settings=self._settings, memory=self._store.load()))

    async def run(self) -> None:
        """Poll, decide and act until cancelled; then let what is under way end, and keep its end."""
        if self._state is None:
            self.begin()
        if self._holders:
            # what was held when the last run ended is held on, or given back
            self._batches.put_nowait((HoldBattery(is_held=self.state.memory.is_battery_held),))
        actor = asyncio.create_task(self._act(), name="effects")
        polls = [asyncio.create_task(driver.run(self.feed), name=id_) for id_, driver in self._drivers.items()]
        if self._by_hand:
            polls.append(asyncio.create_task(self._take_by_hand(), name="sent by hand"))
        try:
            await asyncio.gather(actor, *polls)
            await asyncio.Event().wait()  # nothing polls: events come from requests and reads alone
        finally:
            await self._stop(actor, polls)

    def feed(self, event: Event) -> None:
        """Take one event: step, journal, effects, timer. A bug in the rules costs this event, not the house's regulation."""
        before = self._state
        try:
            after, effects = step(before, event)
        except Exception:
            if before is None:
                raise
            self.faults += 1
            log.exception("an event could not be processed", event_type=type(event).__name__)
            return
        self._state = after
        self._journal.add(before, event, after, effects)
        if effects:
            self._batches.put_nowait(effects)
        self._set_timer(after.due_at)
        self._changed.set()
        self._changed = asyncio.Event()

    # What faces may do ------------------------------------------------------------------------------------------------

    def snapshot(self) -> SiteSnapshot:
        """Return the site as it is now. Free: never contacts a device."""
        found = snapshot(self.state, self._clock.now())
        problems = tuple(each.problem for each in self._holders if each.problem is not None)
        return replace(found, problems=problems) if problems else found

    def request(self, request: Request) -> Accepted | Rejected:
        """Change the wish, all or nothing."""
        reply = answer(self.state, request)
        if isinstance(reply, Accepted):
            self.feed(Requested(at=self._clock.now(), request=request))
        return reply

    def order(self, vehicle_id: str, command: Command, by: str) -> Accepted | Rejected:
        """Have a one-shot command sent once."""
        reply = answer_order(self.state, vehicle_id, command)
        if isinstance(reply, Accepted):
            self.feed(Ordered(at=self._clock.now(), vehicle_id=vehicle_id, command=command, by=by))
        return reply

    async def order_ended(self, vehicle_id: str, version: int, timeout_s: float) -> OrderedEnd | None:
        """Wait until an order has ended; None when time ran out."""
        try:
            async with asyncio.timeout(timeout_s):
                while (end := end_of(self.state.vehicles[vehicle_id], version)) is None:
                    await self._changed.wait()
        except TimeoutError:
            return None
        return OrderedEnd(outcome=end.outcome, cause=end.cause, detail=end.detail)

    def limit(self, limit: Limit | None) -> None:
        """Have all cars together take no more than the grid operator allows; None lifts it."""
        self.feed(LimitSet(at=self._clock.now(), limit=limit))

    def report(self, meter_id: str, reading: MeterReading) -> None:
        """Take a reading that a client pushes.

        Raises:
            KeyError: there is no such meter to which readings are pushed.
        """
        driver = self._drivers.get(meter_id)
        if not isinstance(driver, ReportedMeter) or not driver.takes_reports:
            raise KeyError(meter_id)
        self.feed(MeterRead(at=self._clock.now(), meter_id=meter_id, reading=reading))

    def notebook(self, name: str) -> Notebook:
        """Return what the face of this name keeps."""
        return self._store.notebook(name)

    async def changed(self) -> None:
        """Wait until something a face shows may have changed."""
        await self._changed.wait()

    async def settled(self, loadpoint_id: str, version: int, timeout_s: float) -> bool:
        """Wait until the wish of `version` is applied or refused; False when time ran out."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self._is_settled(loadpoint_id, version):
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def decisions(self, query: DecisionQuery) -> DecisionPage:
        """Return recorded decisions, read beside the loop."""
        async with self._reading:
            return await self._beside(self._journal.decisions, query)

    async def day_report(self, day: date | None) -> DayReport:
        """Return what a recorded local day brought, None = today.

        Raises:
            NotRecordedError: there is no record of that day, or none that can be read.
        """
        today = self._clock.now().astimezone(self._settings.site.timezone).date()
        day = day or today
        if day > today:
            raise NotRecordedError(f"{day.isoformat()} is still to come; today is {today.isoformat()}")
        folder = self._journal.folder
        if folder is None or self._report is None:
            raise NotRecordedError("no day is recorded: the journal is kept in memory only (journal.enabled: false)")
        async with self._reading:
            if (known := self._reports.get(day)) is not None:
                return known
            self._journal.flush()
            try:
                found = await self._beside(self._report, folder, day)
            except JournalError as error:
                log.warning("journal_unreadable", error=str(error))
                raise NotRecordedError(f"the journal of {day.isoformat()} cannot be read; the log says why") from error
            if day < today:
                self._reports[day] = found
                while len(self._reports) > REPORTS_KEPT:
                    self._reports.pop(min(self._reports))
            return found

    async def _beside(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call what reads files: in a thread, or at once where time is virtual."""
        if self._is_inline:
            return function(*args, **kwargs)
        return await asyncio.to_thread(function, *args, **kwargs)

    def _is_settled(self, loadpoint_id: str, version: int) -> bool:
        lp = self.state.loadpoints[loadpoint_id]
        return lp.memory.wish.version >= version and lp.pending is None

    # Acting -----------------------------------------------------------------------------------------------------------

    def _set_timer(self, due_at: datetime | None) -> None:
        if self._timer is not None:
            if self._timer_at == due_at:
                return
            self._timer.cancel()
            self._timer = None
        self._timer_at = due_at
        if due_at is None or self._is_stopping:
            return
        delay_s = max(0.0, (due_at - self._clock.now()).total_seconds())
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick, due_at)

    def _tick(self, due_at: datetime) -> None:
        self._timer = None
        self.feed(Tick(at=max(self._clock.now(), due_at)))

    async def _act(self) -> None:
        """Carry out effects in order: what is remembered is durable before what follows it is begun."""
        while True:
            for effect in await self._batches.get():
                if isinstance(effect, Remember):
                    await self._store.save(effect.memory)
                elif not self._is_stopping:
                    act = self._hold(effect) if isinstance(effect, HoldBattery) else self._perform(effect)
                    task = asyncio.create_task(act)
                    self._requests.add(task)
                    task.add_done_callback(self._requests.discard)
            self._batches.task_done()

    async def _take_by_hand(self) -> None:
        """Count what was sent beside the gateway, while it was down and since. What is counted is kept with the last entry."""
        said: dict[str, str] = {}
        while True:
            for meter_id, driver in self._by_hand.items():
                meter = self.state.meters.get(meter_id)
                after = 0 if meter is None else meter.memory.last_entry
                try:
                    sent = await self._beside(driver.sent_by_hand, after)
                except SunboxError as error:
                    if said.get(meter_id) != str(error):
                        log.warning("what was sent by hand cannot be counted", error=str(error))
                    said[meter_id] = str(error)
                    continue
                for billed in sent:
                    self.feed(billed)
            await asyncio.sleep(BY_HAND_S)

    async def _hold(self, effect: HoldBattery) -> None:
        """Tell every battery that can be held back."""
        for holder in self._holders:
            try:
                await holder.hold(is_held=effect.is_held)
            except Exception:
                log.exception("a battery could not be held")

    async def _perform(self, effect: Send | Read) -> None:
        driver = self._drivers.get(effect.device_id)
        try:
            if driver is None:
                raise LookupError(f"no driver for {effect.device_id!r}")  # noqa: TRY301
            event: Event = await (driver.send(effect) if isinstance(effect, Send) else driver.read(effect))
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("a driver failed", device=effect.device_id)
            event = self._failed(effect)
        self.feed(event)

    def _failed(self, effect: Send | Read) -> Event:
        """Return the event for a driver that broke: the command may have been carried out."""
        if isinstance(effect, Send):
            return CommandEnded(
                at=self._clock.now(),
                device_id=effect.device_id,
                exchange_id=effect.exchange_id,
                outcome=Outcome.UNCONFIRMED,
                cause=Cause.BAD_ANSWER,
                detail="the driver failed",
            )
        return ReadFailed(
            at=self._clock.now(),
            device_id=effect.device_id,
            exchange_id=effect.exchange_id,
            what=effect.what if isinstance(effect, Read) else ReadKind.DATA,
            cause=Cause.BAD_ANSWER,
            detail="the driver failed",
        )

    async def _stop(self, actor: asyncio.Task[None], polls: list[asyncio.Task[None]]) -> None:
        """Begin nothing more, let requests under way end, and keep what they ended as."""
        self._is_stopping = True
        if self._timer is not None:
            self._timer.cancel()
        for task in polls:
            task.cancel()
        if self._requests:
            await asyncio.wait(self._requests, timeout=STOP_GRACE_S)
        for task in self._requests:
            task.cancel()
        await self._keep_last()
        actor.cancel()
        await asyncio.gather(actor, *polls, *self._requests, return_exceptions=True)
        for id_, driver in self._drivers.items():
            try:
                await driver.close()
            except Exception:
                log.exception("a driver could not be closed", device=id_)  # the next may have a battery to give back
        await self._keep_last()  # giving a battery back may have cost something
        self._journal.close()

    async def _keep_last(self) -> None:
        """Keep what is to be remembered, and do nothing else any more."""
        try:
            while not self._batches.empty():
                for effect in self._batches.get_nowait():
                    if isinstance(effect, Remember):
                        await self._store.save(effect.memory)
        except Exception:
            log.exception("what came last could not be stored")
