"""A go-eCharger: read for ever, told what the core wants, and read back. It decides nothing and keeps no wish.

What a charger forgot (`frc` falls back at unplugging and at a reboot) is seen by the next reading; telling it again is the
core's. A key is written only where it is not so already.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sunbox.clock import Clock
from sunbox.core.commands import Cause, Command, CommandName, Outcome
from sunbox.core.events import ChargerRead, CommandEnded, ReadFailed
from sunbox.core.model import ChargerReading, ChargerStatus, MeterReading
from sunbox.dialects.goe.answers import FORCED, PHASE_MODES, SWITCH_ON_V2
from sunbox.dialects.goe.keys import Json
from sunbox.dialects.goe.quirks import Quirk
from sunbox.dialects.goe.reading import IDENTITY, POLLED, PRECONDITIONS, reading_from_status
from sunbox.dialects.goe.wire import Status
from sunbox.dialects.goe.words import Access, ModelStatus
from sunbox.drivers.charger import ChargerDriver
from sunbox.drivers.exchange import Failed
from sunbox.drivers.goe.client import HttpLink, Link
from sunbox.drivers.goe.feeder import Feeder
from sunbox.drivers.goe.mqtt_link import MqttLink
from sunbox.drivers.goe.settings import GoeChargerSettings
from sunbox.drivers.goe.words import ADVICE, told_of
from sunbox.drivers.polling import read_back
from sunbox.net.http import ClientFactory

LOGIC_S = 1.2
"""How long it is waited before reading back: its logic looks at its settings once a second."""
READS_BACK = 2
BLIP_S = 10.0
"""For so long after a switch of phases, a car that is gone is the charger's own doing."""

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


class GoeDriver(ChargerDriver):
    """One charger."""

    _link: Link
    _feeder: Feeder | None

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
        super().__init__(device_id, clock, interval_s=settings.interval_s, address=settings.address, advice=ADVICE)
        self._settings = settings
        self._link = link or (MqttLink(device_id, settings) if settings.api == "mqtt" else HttpLink(settings, clients))
        self._feeder = Feeder(device_id, balance, clock, self._link) if settings.feeds_surplus and balance else None
        self._polled = POLLED if self._feeder is None else (*POLLED, *PRECONDITIONS)
        self._known: _Known | None = None
        self._switch_at: datetime | None = None

    async def probe(self) -> str:
        """Read once, and return who it is and what it does.

        Raises:
            SunboxError: it cannot be used; the text says why and what to do.
        """
        status = await self.read_keys((*POLLED, *IDENTITY))
        return told_of(status, self._reading(status), self._settings, self._link)

    # --- keys, for people ----------------------------------------------------------------------------------------

    async def read_keys(self, names: tuple[str, ...] = ()) -> Status:
        """Read some keys, or all of them.

        Raises:
            SunboxError: they cannot be read; the text says why and what to do.
        """
        return self._brought(await self._link.read(names))

    async def set_keys(self, values: Mapping[str, str]) -> dict[str, str | None]:
        """Set keys to JSON texts; return by key None where it was taken, else why not, in the charger's words.

        Raises:
            SunboxError: it cannot be told, or it is not known whether it was; the text says why and what to do.
        """
        return self._brought(await self._link.set(values), is_set=True)

    # --- reading -------------------------------------------------------------------------------------------------

    async def _poll(self) -> ChargerRead | ReadFailed:
        is_first = self._known is None
        found = await self._link.read((*self._polled, *IDENTITY) if is_first else self._polled)
        if isinstance(found, Failed):
            return self._polling.failed(found)
        if self._feeder is not None:
            self._feeder.look_at(found)
        return self._polling.read(self._reading(found))

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
        return replace(reading, started_at=self._polling.steady(reading.started_at))

    # --- telling -------------------------------------------------------------------------------------------------

    async def _tell(self, command: Command) -> CommandEnded:
        wanted = _wanted(command)
        if wanted is None:
            return self._polling.ended(Outcome.REFUSED, Cause.INVALID, f"a go-eCharger knows no {command.name.value}")
        if command.name is CommandName.SET_PHASES:
            if not self._link.can_set("psm"):
                return self._polling.ended(
                    Outcome.REFUSED, Cause.INVALID, f"API v1 cannot switch phases; {SWITCH_ON_V2}"
                )
            if not self._settings.can_switch_phases:
                return self._polling.ended(
                    Outcome.REFUSED, Cause.INVALID, "switch_phases is false, or it is wired to one phase"
                )
        known = self._known
        is_fresh = known is not None and self._polling.is_fresh(known.at)
        if known is None or (not is_fresh and not self._open(known.status, command, wanted)):
            found = await self._read_told()
            if isinstance(found, Failed):
                return self._not_told(found)
            known = self._known
        open_values = wanted if known is None else self._open(known.status, command, wanted)
        if not open_values:
            return self._polling.ended(Outcome.ALREADY_SET)
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
            return self._not_told(sent)
        if not isinstance(sent, Failed):
            refused = [words for words in sent.values() if words is not None]
            if refused:
                # one request may have done a part: the next reading tells
                self._known = None
                return self._polling.ended(Outcome.REFUSED, Cause.REFUSED, "; ".join(refused))
        is_deaf = Quirk.MQTT_IGNORES_WRITES in self._link.quirks and self._settings.api == "mqtt"
        found = await read_back(
            self._read_told,
            lambda status: all(self._link.is_as_told(status, name, value) for name, value in values.items()),
            sent if isinstance(sent, Failed) else None,
            times=READS_BACK,
            every_s=LOGIC_S,
            doubt="; its firmware ignores settings over MQTT: update it, or reach it over HTTP" if is_deaf else "",
        )
        if not isinstance(found, Failed):
            return self._polling.ended(Outcome.APPLIED, detail=_but(found, values))
        self._known = None  # what is not known is read before the next command
        return self._polling.ended(Outcome.UNCONFIRMED, found.cause, found.detail)

    async def _read_told(self) -> Status | Failed:
        """Read once, and let it be known at once."""
        found = await self._link.read(POLLED)
        if not isinstance(found, Failed):
            self._tell_reading(found)
        return found

    def _tell_reading(self, status: Status) -> None:
        self._polling.tell(self._reading(status))


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
