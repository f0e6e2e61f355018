"""Telling a box what flows at the mains, for its own guard of the fuses (`feeds_currents`).

Each measurement is told once, as the box takes each word for news; one that is still good is told again before the box gives
up on it (11 s), and as soon as the box was told another current, which it obeys in SMART only at its next news. What is too old
is not told at all: then the box falls back by itself, and says so.

The law of the box subtracts from what it hears what it offers *now*. Told of a measurement from before a change of its current
it counts the change twice, and falls to 6 A for want of nothing. So it is told what was measured, less what the car took then,
plus what the car takes now or as soon as the box obeys.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
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
KNOWN_S = 15.0
"""What the car took is known for so long after it was read: between two readings of a box there are at most 10 s."""
FOLLOWS_S = 6.0
"""So long a car may take to follow another offer (IEC 61851: 5 s), and may draw anything between the old and the new one."""
KEPT_S = 120.0
MOST_A = 80.0
"""What any box offers at most."""
WAITS_S = 4.0
"""So long a measurement waits for a command that is under way, so that the box hears of both together."""

Amps = tuple[float, float, float]
"""Per phase."""


@dataclass(frozen=True, slots=True)
class _Draw:
    """What a document said about the car."""

    at: datetime
    current_a: Amps
    told_a: float | None  #: the current that the box was told, which it offers at most
    may_begin: bool  #: nothing flows yet, and may at any moment

    @property
    def most_a(self) -> Amps:
        """Return the most that the car takes until the box is read again."""
        begins_a = (self.told_a or MOST_A) if self.may_begin else 0.0
        one, two, three = (max(amps, begins_a) for amps in self.current_a)
        return one, two, three

    @property
    def next_a(self) -> Amps:
        """Return what the car takes as soon as the box obeys."""
        if self.told_a is None:
            return self.current_a
        one, two, three = (min(amps, self.told_a) for amps in self.current_a)
        return one, two, three


class Taken:
    """What the car took lately."""

    def __init__(self) -> None:
        self._draws: deque[_Draw] = deque()
        self._commanded_at: datetime | None = None

    @property
    def told_a(self) -> float | None:
        """Return the current that the box was told, as it last said."""
        return self._draws[-1].told_a if self._draws else None

    def note(self, at: datetime, current_a: Amps, told_a: float | None, *, may_begin: bool = False) -> None:
        """Take note of a document."""
        self._draws.append(_Draw(at, current_a, told_a, may_begin))
        while (at - self._draws[0].at).total_seconds() > KEPT_S:
            self._draws.popleft()

    def expect(self, at: datetime, told_a: float) -> None:
        """Take note that the box took another current: it will offer no more, and says so when it is read."""
        if self._draws:
            last = self._draws[-1]
            self.note(at, last.current_a, told_a or None, may_begin=last.may_begin)

    def command(self, at: datetime) -> None:
        """Take note that the box is told something: until it is read, what the car takes is not known."""
        self._commanded_at = at

    def next_a(self, now: datetime) -> Amps | None:
        """Return what the car takes as soon as the box obeys, None where that is not known."""
        known = self._known(now)
        return None if known is None else known.next_a

    def span_a(self, at: datetime) -> tuple[Amps, Amps] | None:
        """Return the least and the most that the car may have taken at an instant, None where that is not known."""
        known = self._known(at)
        if known is None:
            return None
        since_at = at - timedelta(seconds=FOLLOWS_S)
        before = next((draw for draw in reversed(self._draws) if draw.at <= since_at), known)
        meant = [before, *(draw for draw in self._draws if since_at < draw.at <= at)]
        return _of_each(min, [draw.next_a for draw in meant]), _of_each(max, [draw.most_a for draw in meant])

    def _known(self, at: datetime) -> _Draw | None:
        """Return what was last said at an instant, None where that is too old, or the box was told something since."""
        known = next((draw for draw in reversed(self._draws) if draw.at <= at), None)
        if known is None or (at - known.at).total_seconds() > KNOWN_S:
            return None
        if self._commanded_at is not None and known.at <= self._commanded_at < at:
            return None
        return known


class Feeder:
    """Feeds one box."""

    def __init__(
        self,
        device_id: str,
        balance: Callable[[], MeterReading | None],
        clock: Clock,
        link: Link,
        taken: Taken,
        commanding: asyncio.Lock,
    ) -> None:
        """Feed a box.

        Args:
            device_id: its id in the configuration.
            balance: tells what flows at the site.
            clock: the time of day.
            link: the way to it.
            taken: what its car took lately.
            commanding: held while the box is told something else.
        """
        self._log = structlog.get_logger(__name__).bind(device=device_id)
        self._balance = balance
        self._clock = clock
        self._link = link
        self._taken = taken
        self._commanding = commanding
        self._told_at: datetime | None = None
        self._told_s = float("-inf")
        self._told_a: float | None = None  #: the current that the box was told when it last heard of the mains
        self._others_a: Amps | None = None  #: what all but its car drew, when that was last known
        self._reason: str | None = None  #: why it does not listen, by its document
        self._word: str | None = None  #: by its answer
        self._problem: str | None = None  #: as logged

    async def run(self) -> None:
        """Tell it for ever."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            await self._wait()
            await self.feed()
            due_s = max(due_s + LOOKS_S, loop.time())
            await asyncio.sleep(due_s - loop.time())

    async def _wait(self) -> None:
        """Let a command that is under way end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAITS_S), self._commanding:
                pass

    async def feed(self) -> None:
        """Tell it once, if there is something to tell."""
        balance, now = self._balance(), self._clock.now()
        if balance is None or balance.grid_w is None:
            return
        if now - balance.measured_at > timedelta(seconds=STALE_S):
            return
        now_s, told_a = asyncio.get_running_loop().time(), self._taken.told_a
        is_told = balance.measured_at == self._told_at and told_a == self._told_a
        if is_told and now_s - self._told_s < AGAIN_S:
            return
        found = await self._link.tell_currents(currents_to_wire(self._soon_a(balance, now)))
        if isinstance(found, Failed):
            return  # the readings tell that it does not answer
        self._told_at, self._told_s, self._told_a = balance.measured_at, now_s, told_a
        self._word = found
        self._note()

    def _soon_a(self, balance: MeterReading, now: datetime) -> Amps:
        """Return what will flow at the mains as soon as the box obeys: what all else drew, and what its car takes then."""
        measured_a = phases_of(balance)
        span_a, next_a = self._taken.span_a(balance.measured_at), self._taken.next_a(now)
        if span_a is None or next_a is None:
            return measured_a
        if balance.grid_phases_a is None:
            span_a, next_a = (_spread(span_a[0]), _spread(span_a[1])), _spread(next_a)
        most_a, least_a = (_less(measured_a, drawn_a) for drawn_a in span_a)
        others_a = most_a
        if most_a == least_a:
            self._others_a = others_a
        elif self._others_a is not None:  # the change is the car's as far as the meter allows
            one, two, three = (
                min(most, max(least, before))
                for most, least, before in zip(most_a, least_a, self._others_a, strict=True)
            )
            others_a = one, two, three
        return others_a[0] + next_a[0], others_a[1] + next_a[1], others_a[2] + next_a[2]

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


def phases_of(balance: MeterReading) -> Amps:
    """Return the currents per phase; of a meter that tells power alone, a third of it on each."""
    if balance.grid_phases_a is not None:
        return balance.grid_phases_a
    each_a = (balance.grid_w or 0.0) / NOMINAL_V / 3
    return each_a, each_a, each_a


def _of_each(limit: Callable[[list[float]], float], draws: list[Amps]) -> Amps:
    """Return the least or the most of several draws, phase by phase."""
    one, two, three = (limit([draw[phase] for draw in draws]) for phase in range(3))
    return one, two, three


def _spread(current_a: Amps) -> Amps:
    each_a = sum(current_a) / 3
    return each_a, each_a, each_a


def _less(measured_a: Amps, drawn_a: Amps) -> Amps:
    return measured_a[0] - drawn_a[0], measured_a[1] - drawn_a[1], measured_a[2] - drawn_a[2]
