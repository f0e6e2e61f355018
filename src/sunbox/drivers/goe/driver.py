"""A go-eCharger: read for ever, told what the core wants, and read back. It decides nothing and keeps no wish.

What a charger forgot (`frc` falls back at unplugging and at a reboot) is seen by the next reading; telling it again is the
core's. A key is written only where it is not so already.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sunbox.clock import Clock
from sunbox.core.commands import Cause, Command, CommandName, Outcome, ReadKind
from sunbox.core.effects import Read, Send
from sunbox.core.events import ChargerRead, CommandEnded, ReadFailed
from sunbox.core.model import ChargerReading, ChargerStatus, MeterReading
from sunbox.core.resilience import Backoff
from sunbox.dialects.goe.answers import FORCED, PHASE_MODES, SWITCH_ON_V2
from sunbox.dialects.goe.keys import Json
from sunbox.dialects.goe.quirks import Quirk
from sunbox.dialects.goe.reading import FLOWING_A, IDENTITY, POLLED, PRECONDITIONS, reading_from_status
from sunbox.dialects.goe.wire import Status
from sunbox.dialects.goe.words import Access, ModelStatus
from sunbox.drivers.base import Emit
from sunbox.drivers.exchange import Failed
from sunbox.drivers.goe.client import HttpLink, Link
from sunbox.drivers.goe.feeder import Feeder
from sunbox.drivers.goe.mqtt_link import MqttLink
from sunbox.drivers.goe.settings import GoeChargerSettings
from sunbox.drivers.goe.words import advice_for, told_of
from sunbox.drivers.news import News
from sunbox.drivers.outage import Outage
from sunbox.errors import SunboxError
from sunbox.net.http import ClientFactory

FAST_S = 1.0
"""How often it is read while the effect of a command is awaited."""
FAST_FOR_S = 20.0
"""For how long at most."""
IDLE_S = 10.0
"""How often it is read while no car is there, or none may charge."""
FRESH_S = 2.5
"""How old a reading may be to prove that something is so already."""
LOGIC_S = 1.2
"""How long it is waited before reading back: its logic looks at its settings once a second."""
READS_BACK = 2
BLIP_S = 10.0
"""For so long after a switch of phases, a car that is gone is the charger's own doing."""
TREMBLES_S = 10.0
"""The instant of its boot, computed anew with each reading, differs by less than this."""

BUSY_BACKOFF = Backoff(5.0, 60.0)
SILENT_BACKOFF = Backoff(5.0, 30.0)
"""How long it is left alone after failures in a row: nobody wants to wait long for a charger that is back."""

_WHAT_IS_OFF = {
    ModelStatus.ACCESS_CONTROL: "it waits for a card",
    ModelStatus.ENERGY_LIMIT: "its energy limit `dwo` is reached",
    ModelStatus.OVERTEMPERATURE: "it is too hot",
    ModelStatus.ERROR: "it has a fault",
    ModelStatus.LOAD_MANAGEMENT: "its load balancing holds it back",
    ModelStatus.OCPP: "its OCPP server holds it back",
}


@dataclass(frozen=True, slots=True)
class _Known:
    """The last status."""

    status: Status
    at: datetime


@dataclass(frozen=True, slots=True)
class _Awaited:
    """The effect of a command, for which it is read faster."""

    is_seen: Callable[[ChargerReading], bool]
    until_s: float


class GoeDriver:
    """One charger."""

    def __init__(
        self,
        device_id: str,
        settings: GoeChargerSettings,
        clients: ClientFactory,
        clock: Clock,
        *,
        link: Link | None = None,
        balance: Callable[[], MeterReading | None] | None = None,
    ) -> None:
        """Reach a charger.

        Args:
            device_id: its id in the configuration.
            settings: what its owner wrote.
            clients: makes HTTP clients.
            clock: the time of day.
            link: another way than HTTP.
            balance: tells what flows at the site, for a charger that is fed with it (`feeds_surplus`).
        """
        self._device_id = device_id
        self._settings = settings
        self._clock = clock
        self._link: Link = link or (
            MqttLink(device_id, settings) if settings.api == "mqtt" else HttpLink(settings, clients)
        )
        self._outage = Outage(device_id)
        self._feeder = Feeder(device_id, balance, clock, self._link) if settings.feeds_surplus and balance else None
        self._polled = POLLED if self._feeder is None else (*POLLED, *PRECONDITIONS)
        self._emit: Emit | None = None
        self._known: _Known | None = None
        self._news = News()
        self._started_at: datetime | None = None
        self._boot_at: datetime | None = None
        self._switch_at: datetime | None = None
        self._failures = 0
        self._awaited: _Awaited | None = None
        self._hurry = asyncio.Event()

    @property
    def device_id(self) -> str:
        """Return the id of the charger in the configuration."""
        return self._device_id

    async def run(self, emit: Emit) -> None:
        """Poll for ever: faster while the effect of a command is awaited, slower without a car or an answer."""
        self._emit = emit
        async with asyncio.TaskGroup() as group:
            if self._feeder is not None:
                group.create_task(self._feeder.run(), name=self._device_id)
            while True:
                event = await self._poll()
                if self._news.is_in(event):
                    emit(event)
                self._hurry.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._wait_s(event)):
                        await self._hurry.wait()

    async def send(self, effect: Send) -> CommandEnded:
        """Tell it something and say how that ended, proven by reading back. Nothing is written that is so already."""
        ended = await self._tell(effect.command)
        if ended.outcome in (Outcome.APPLIED, Outcome.UNCONFIRMED):
            seen = _EFFECTS[effect.command.name]
            value = effect.command.value
            self._awaited = _Awaited(lambda reading: seen(reading, value), _loop_s() + FAST_FOR_S)
            self._hurry.set()
        return replace(ended, exchange_id=effect.exchange_id)

    async def read(self, effect: Read) -> ChargerRead | ReadFailed:
        """Read once."""
        event = await self._poll()
        return replace(event, exchange_id=effect.exchange_id) if isinstance(event, ReadFailed) else event

    async def probe(self) -> str:
        """Read once, and return who it is and what it does.

        Raises:
            SunboxError: it cannot be used; the text says why and what to do.
        """
        status = await self.read_keys((*POLLED, *IDENTITY))
        return told_of(status, self._reading(status), self._settings, self._link)

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()

    # --- keys, for people ----------------------------------------------------------------------------------------

    async def read_keys(self, names: tuple[str, ...] = ()) -> Status:
        """Read some keys, or all of them.

        Raises:
            SunboxError: they cannot be read; the text says why and what to do.
        """
        found = await self._link.read(names)
        if isinstance(found, Failed):
            raise SunboxError(self._why(found))
        return found

    async def set_keys(self, values: Mapping[str, str]) -> dict[str, str | None]:
        """Set keys to JSON texts; return by key None where it was taken, else why not, in the charger's words.

        Raises:
            SunboxError: it cannot be told, or it is not known whether it was; the text says why and what to do.
        """
        found = await self._link.set(values)
        if isinstance(found, Failed):
            doubt = "; whether it was done is not known: read it" if found.is_maybe_done else ""
            raise SunboxError(self._why(found) + doubt)
        return found

    def _why(self, failed: Failed) -> str:
        advice = advice_for(failed.cause)
        text = f"{self._device_id} at {self._settings.address}: {failed.detail}"
        return f"{text}: {advice}" if advice else text

    # --- reading -------------------------------------------------------------------------------------------------

    async def _poll(self) -> ChargerRead | ReadFailed:
        is_first = self._known is None
        found = await self._link.read((*self._polled, *IDENTITY) if is_first else self._polled)
        now = self._clock.now()
        if isinstance(found, Failed):
            self._failures += 1
            self._outage.failed(found.cause, found.detail)
            backoff = BUSY_BACKOFF if found.cause is Cause.BUSY else SILENT_BACKOFF
            return ReadFailed(
                at=now,
                device_id=self._device_id,
                exchange_id=None,
                what=ReadKind.DATA,
                cause=found.cause,
                detail=found.detail,
                retry_after_s=max(self._settings.interval_s, backoff.wait_s(self._failures)),
            )
        self._failures = 0
        self._outage.worked()
        if self._feeder is not None:
            self._feeder.look_at(found)
        return ChargerRead(at=now, charger_id=self._device_id, reading=self._reading(found))

    def _reading(self, status: Status) -> ChargerReading:
        """Return what a status says, and take note of it."""
        now = self._clock.now()
        self._known = _Known(status, now)
        reading = reading_from_status(
            status,
            now,
            firmware=self._link.firmware,
            quirks=self._link.quirks,
            can_switch=self._settings.can_switch_phases and self._link.can_set("psm"),
        )
        if reading.is_switching:
            self._switch_at = now
        elif (
            reading.status is ChargerStatus.A
            and self._switch_at is not None
            and now - self._switch_at < timedelta(seconds=BLIP_S)
        ):
            reading = replace(reading, is_switching=True)
        return replace(reading, started_at=self._steady(reading.started_at))

    def _steady(self, boot_at: datetime | None) -> datetime | None:
        """Return when it booted, the same instant again until it boots anew: what is computed trembles with the network."""
        if boot_at is None:
            return self._started_at
        if self._boot_at is None or abs((boot_at - self._boot_at).total_seconds()) > TREMBLES_S:
            self._started_at = boot_at
        self._boot_at = boot_at  # a clock that drifts is followed
        return self._started_at

    def _wait_s(self, event: ChargerRead | ReadFailed) -> float:
        if isinstance(event, ReadFailed):
            return event.retry_after_s or self._settings.interval_s
        awaited = self._awaited
        if awaited is not None:
            if _loop_s() < awaited.until_s and not awaited.is_seen(event.reading):
                return FAST_S
            self._awaited = None
        reading = event.reading
        is_still = reading.status is ChargerStatus.A or (reading.status is ChargerStatus.B and not reading.is_enabled)
        is_slow = is_still and not reading.is_switching
        return max(self._settings.interval_s, IDLE_S) if is_slow else self._settings.interval_s

    # --- telling -------------------------------------------------------------------------------------------------

    async def _tell(self, command: Command) -> CommandEnded:
        wanted = _wanted(command)
        if wanted is None:
            return self._ended(Outcome.REFUSED, Cause.INVALID, f"a go-eCharger knows no {command.name.value}")
        if command.name is CommandName.SET_PHASES:
            if not self._link.can_set("psm"):
                return self._ended(Outcome.REFUSED, Cause.INVALID, f"API v1 cannot switch phases; {SWITCH_ON_V2}")
            if not self._settings.can_switch_phases:
                return self._ended(
                    Outcome.REFUSED, Cause.INVALID, "switch_phases is false, or it is wired to one phase"
                )
        known = self._known
        is_fresh = known is not None and (self._clock.now() - known.at).total_seconds() <= FRESH_S
        if known is None or (not is_fresh and not self._open(known.status, command, wanted)):
            found = await self._link.read(POLLED)
            if isinstance(found, Failed):
                return self._ended(Outcome.NOT_DELIVERED, found.cause, found.detail)
            self._tell_reading(found)
            known = self._known
        open_values = wanted if known is None else self._open(known.status, command, wanted)
        if not open_values:
            return self._ended(Outcome.ALREADY_SET)
        return await self._write(open_values)

    def _open(self, status: Status, command: Command, wanted: Mapping[str, Json]) -> dict[str, Json]:
        """Return what is not so yet; a start without a card needs a transaction besides."""
        values = {
            name: value for name, value in wanted.items() if self._link.is_as_told(status, name, value) is not True
        }
        needs_card = status.access not in (None, Access.OPEN) and status.raw.get("trx", 0) is None
        if command.name is CommandName.START and needs_card and self._link.can_set("trx"):
            values["trx"] = 0
        return values

    async def _write(self, values: Mapping[str, Json]) -> CommandEnded:
        sent = await self._link.set({name: json.dumps(value) for name, value in values.items()})
        if isinstance(sent, Failed) and not sent.is_maybe_done:
            return self._ended(Outcome.NOT_DELIVERED, sent.cause, sent.detail)
        if not isinstance(sent, Failed):
            refused = [words for words in sent.values() if words is not None]
            if refused:
                # one request may have done a part: the next reading tells
                self._known = None
                return self._ended(Outcome.REFUSED, Cause.REFUSED, "; ".join(refused))
        detail = sent.detail if isinstance(sent, Failed) else "what it reads back is not what it was told"
        if Quirk.MQTT_IGNORES_WRITES in self._link.quirks and self._settings.api == "mqtt":
            detail += "; its firmware ignores settings over MQTT: update it, or reach it over HTTP"
        cause = sent.cause if isinstance(sent, Failed) else Cause.BAD_ANSWER
        for _ in range(READS_BACK):
            await asyncio.sleep(LOGIC_S)
            found = await self._link.read(POLLED)
            if isinstance(found, Failed):
                if not isinstance(sent, Failed):
                    cause, detail = found.cause, f"it took it, and could not be read back: {found.detail}"
                continue
            self._tell_reading(found)
            if all(self._link.is_as_told(found, name, value) for name, value in values.items()):
                return self._ended(Outcome.APPLIED, detail=_but(found, values))
        self._known = None  # what is not known is read before the next command
        return self._ended(Outcome.UNCONFIRMED, cause, detail)

    def _tell_reading(self, status: Status) -> None:
        """Let a reading made for a command be known at once."""
        reading = self._reading(status)
        self._outage.worked()
        self._failures = 0
        if self._emit is not None:
            event = ChargerRead(at=self._clock.now(), charger_id=self._device_id, reading=reading)
            self._news.take(event)
            self._emit(event)

    def _ended(self, outcome: Outcome, cause: Cause | None = None, detail: str = "") -> CommandEnded:
        retry_after_s = BUSY_BACKOFF.wait_s(1) if cause is Cause.BUSY else None
        return CommandEnded(
            at=self._clock.now(),
            device_id=self._device_id,
            exchange_id=0,
            outcome=outcome,
            cause=cause,
            detail=detail,
            retry_after_s=retry_after_s,
            billed=0,
        )


def _loop_s() -> float:
    return asyncio.get_running_loop().time()


def _wanted(command: Command) -> dict[str, Json] | None:
    """Return the keys that a command is, None if there are none."""
    match command.name:
        case CommandName.START | CommandName.STOP:
            return {"frc": int(FORCED[command.name is CommandName.START])}
        case CommandName.SET_AMPS if command.value is not None:
            return {"amp": command.value}
        case CommandName.SET_PHASES if command.value in PHASE_MODES:
            return {"psm": int(PHASE_MODES[command.value or 0])}
        case _:
            return None


def _but(status: Status, values: Mapping[str, Json]) -> str:
    """Return why a start that was taken lets no current flow, if it does not."""
    if values.get("frc") != FORCED[True] or status.read("alw") is not False:
        return ""
    why = None if status.model_status is None else _WHAT_IS_OFF.get(status.model_status)
    return f"it took it, but does not allow charging: {why}" if why else ""


def _is_flowing(reading: ChargerReading) -> bool:
    return reading.current_a is not None and max(reading.current_a) >= FLOWING_A


def _is_offered(reading: ChargerReading, value: int | None) -> bool:
    return not _is_flowing(reading) or (
        value is not None and reading.current_a is not None and abs(max(reading.current_a) - value) < 1.0
    )


_EFFECTS: Mapping[CommandName, Callable[[ChargerReading, int | None], bool]] = {
    CommandName.START: lambda reading, _: reading.status is ChargerStatus.C and _is_flowing(reading),
    CommandName.STOP: lambda reading, _: not _is_flowing(reading) and reading.status is not ChargerStatus.C,
    CommandName.SET_AMPS: _is_offered,
    CommandName.SET_PHASES: lambda reading, value: not reading.is_switching and reading.phases == value,
}
"""How a reading shows that a command has had its effect."""
