"""A Powerwall as the home's meter: through Tesla's cloud when the core asks, or polled at home for nothing.

Its battery is held through the cloud, whichever way it is read: a gateway at home lets only installers change anything.
"""

from __future__ import annotations

import asyncio

import structlog

from sunbox.clock import Clock
from sunbox.core.commands import Cause, ReadKind, RequestKind
from sunbox.core.effects import Read, Send
from sunbox.core.events import Billed, CommandEnded, MeterRead, ReadFailed
from sunbox.core.model import MeterReading
from sunbox.core.settings import MeterSettings
from sunbox.dialects.powerwall.facts import LiveStatus
from sunbox.dialects.tesla.outcomes import Failed
from sunbox.drivers.base import Emit
from sunbox.drivers.exchange import refused_by_meter
from sunbox.drivers.outage import Outage
from sunbox.drivers.powerwall.cloud import CloudSite
from sunbox.drivers.powerwall.holder import Holder, reading_of
from sunbox.drivers.powerwall.home import HomeGateway
from sunbox.drivers.tesla.by_hand import ByHandError, SentByHand
from sunbox.errors import SunboxError

log = structlog.get_logger(__name__)

WHAT_TO_DO: dict[Cause, str] = {
    Cause.FORBIDDEN: "at home: check `password`; through the cloud: log in again with the scopes energy_device_data and energy_cmds",
    Cause.LOGIN_REQUIRED: "log in again with `sunbox setup tesla`",
    Cause.NOT_FOUND: "check `site`: `fleetapi sites` lists the account's",
    Cause.UNREACHABLE: "check the address, and that this machine reaches it",
    Cause.RATE_LIMITED: "wait, and ask less often (`interval_s`)",
}


class PowerwallDriver:
    """One site.

    Args:
        meter: what the core knows of it.
        site: through the cloud, None = there is none.
        home: at home, None = it is read through the cloud.
        holder: holds its battery, None = it cannot.
        clock: the time of day.
        tells_at_start: it is read once when the gateway starts, so that the core knows of the battery by night, too.
        by_hand: the list of what is sent to its account by hand; None = nobody reckons.
    """

    def __init__(
        self,
        meter: MeterSettings,
        *,
        site: CloudSite | None,
        home: HomeGateway | None,
        holder: Holder | None,
        clock: Clock,
        tells_at_start: bool = False,
        by_hand: SentByHand | None = None,
    ) -> None:
        self.site = site
        self.holder = holder
        self._meter = meter
        self._home = home
        self._clock = clock
        self._tells_at_start = tells_at_start
        self._by_hand = by_hand
        self._outage = Outage(meter.id)

    @property
    def device_id(self) -> str:
        """Return the id of the meter in the configuration."""
        return self._meter.id

    @property
    def problem(self) -> str | None:
        """Return what is wrong with holding its battery."""
        return None if self.holder is None else self.holder.problem

    async def run(self, emit: Emit) -> None:
        """Poll what is free, and hold and give back the battery, for ever."""

        def show(live: LiveStatus) -> None:
            if self._home is None:
                now = self._clock.now()
                emit(MeterRead(at=now, meter_id=self._meter.id, reading=reading_of(live, now)))

        def count(kind: RequestKind, number: int) -> None:
            emit(Billed(at=self._clock.now(), meter_id=self._meter.id, kind=kind, count=number))

        if self.site is not None:
            self.site.tell_billed = count
            self._make_list()
        async with asyncio.TaskGroup() as group:
            if self._home is not None:
                group.create_task(self._poll(emit), name=self._meter.id)
            elif self._tells_at_start:
                group.create_task(self._tell(emit), name=self._meter.id)
            if self.holder is not None:
                group.create_task(self.holder.run(show), name=f"{self._meter.id}: hold")

    def sent_by_hand(self, after: int) -> list[Billed]:
        """Return what was sent to the site by hand, of all that is listed behind the entry `after`.

        Raises:
            ByHandError: the list cannot be read.
        """
        if self._by_hand is None or self.site is None:
            return []
        entries = self._by_hand.after(self.site.site, after)
        now, meter_id = self._clock.now(), self._meter.id
        return [
            Billed(at=now, meter_id=meter_id, kind=each.kind, count=each.count, entry=each.number, sent_at=each.sent_at)
            for each in entries
        ]

    def is_by_hand(self) -> None:
        """Have all that is asked and told from now on be listed: somebody does it without the gateway."""

        def note(kind: RequestKind, number: int) -> None:
            assert self.site is not None  # noqa: S101 - it tells
            assert self._by_hand is not None  # noqa: S101 - looked at below
            try:
                self._by_hand.add(self.site.site, kind, number, self._clock.now())
            except ByHandError as error:
                log.warning("what is sent by hand is not counted", error=str(error))

        if self._by_hand is not None and self.site is not None:
            self._make_list()
            self.site.tell_billed = note

    def _make_list(self) -> None:
        if self._by_hand is None:
            return
        try:
            self._by_hand.make(self._clock.now())
        except ByHandError as error:
            log.warning("what is sent by hand will not be counted", error=str(error))

    async def hold(self, *, is_held: bool) -> None:
        """Keep the battery back, or give it back as it was; that is done beside whoever asks."""
        if self.holder is not None:
            self.holder.want(is_held=is_held)

    async def send(self, effect: Send) -> CommandEnded:
        """Refuse: a meter takes no commands."""
        return refused_by_meter(self._meter.id, effect, self._clock.now())

    async def read(self, effect: Read) -> MeterRead | ReadFailed:
        """Read once."""
        return self._event(await self._told(), effect.exchange_id)

    async def probe(self) -> str:
        """Read at home, or look for the site in the account's list, which is free; return one line for people.

        Raises:
            SunboxError: it cannot be read; the text says why and what to do.
        """
        if self._home is not None:
            told = await self._home.read()
            where = f"{self._meter.id} at {self._home.url}"
            if isinstance(told, Failed):
                raise SunboxError(advised(where, told))
            return f"{where}: {_words(told)}"
        assert self.site is not None  # noqa: S101 - one of both there is
        where = f"{self._meter.id}: site {self.site.site}"
        listed = await self.site.products()
        if isinstance(listed, Failed):
            raise SunboxError(advised(where, listed))
        found = next((each for each in listed if each.site_id == self.site.site), None)
        if found is None:
            known = ", ".join(str(each.site_id) for each in listed) or "none"
            raise SunboxError(f"{where} is not in the account; it has: {known}")
        soc = "" if found.soc_pct is None else f", battery {found.soc_pct:.0f} %"
        return f"{where} ({found.name or 'without a name'}){soc}"

    async def close(self) -> None:
        """Give the battery back, and close the connections."""
        if self.holder is not None:
            await self.holder.close()
        if self._home is not None:
            await self._home.close()
        if self.site is not None:
            await self.site.close()

    async def _poll(self, emit: Emit) -> None:
        """Poll at fixed instants: how long an answer takes does not shift the next one."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            told = await self._told()
            emit(self._event(told, None))
            due_s += self._meter.interval_s
            if isinstance(told, Failed) and told.retry_after_s is not None:
                due_s = max(due_s, loop.time() + told.retry_after_s)
            due_s = max(due_s, loop.time())  # what was missed is not made up for
            await asyncio.sleep(due_s - loop.time())

    async def _tell(self, emit: Emit) -> None:
        emit(self._event(await self._told(), None))

    async def _told(self) -> MeterReading | Failed:
        if self._home is not None:
            return await self._home.read()
        assert self.site is not None  # noqa: S101 - one of both there is
        live = await self.site.live()
        if isinstance(live, Failed):
            return live
        reading = reading_of(live, self._clock.now())
        if reading.grid_w is None and reading.pv_w is None and reading.battery_w is None:
            return Failed(cause=Cause.BAD_ANSWER, detail="the site tells nothing of what flows")
        return reading

    def _event(self, told: MeterReading | Failed, exchange_id: int | None) -> MeterRead | ReadFailed:
        now = self._clock.now()
        if not isinstance(told, Failed):
            self._outage.worked()
            return MeterRead(at=now, meter_id=self._meter.id, reading=told)
        self._outage.failed(told.cause, told.detail)
        return ReadFailed(
            at=now,
            device_id=self._meter.id,
            exchange_id=exchange_id,
            what=ReadKind.DATA,
            cause=told.cause,
            detail=told.detail,
            retry_after_s=told.retry_after_s,  # what was billed is told by the site itself, whoever wanted it
        )


def advised(where: str, failed: Failed) -> str:
    """Return why something failed, and what to do."""
    text = f"{where}: {failed.detail or failed.cause.value.replace('_', ' ')}"
    advice = WHAT_TO_DO.get(failed.cause)
    return f"{text}: {advice}" if advice else text


def _words(reading: MeterReading) -> str:
    """Return a reading in words."""
    told = {"grid": reading.grid_w, "sun": reading.pv_w, "battery": reading.battery_w}
    parts = [f"{name} {value:.0f} W" for name, value in told.items() if value is not None]
    if reading.battery_soc_pct is not None:
        parts.append(f"charge {reading.battery_soc_pct:.0f} %")
    return ", ".join(parts) or "it tells nothing of what flows"
