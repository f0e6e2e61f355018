"""A SmartEVSE: read for ever, told what the core wants, and read back. It decides nothing and keeps no wish.

Start is the base mode (SMART or NORMAL), stop is PAUSE, the current is its override, phases are its second contactor. Mode and
contactor are stored in its flash, so they are written only where they are not so already; the override is not stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sunbox.clock import Clock
from sunbox.core.commands import Cause, Command, CommandName, Outcome
from sunbox.core.events import ChargerRead, CommandEnded, ReadFailed
from sunbox.core.model import ChargerReading, ChargerStatus, MeterReading
from sunbox.core.resilience import Backoff
from sunbox.dialects.smartevse.reading import (
    PHASE_CONTACTORS,
    is_mains_meter_silent,
    is_override,
    listening_problem,
    phases_set_of,
    reading_from_document,
    word_of,
)
from sunbox.dialects.smartevse.replies import is_as_told, query_to_wire
from sunbox.dialects.smartevse.table import Json
from sunbox.dialects.smartevse.wire import Document
from sunbox.dialects.smartevse.words import METER_TEXTS, Access, Contactor, Meter, Mode, Regime, State
from sunbox.drivers.charger import ChargerDriver
from sunbox.drivers.exchange import Failed
from sunbox.drivers.polling import is_flowing, loop_s, read_back
from sunbox.drivers.smartevse.client import HttpLink, Link, Links
from sunbox.drivers.smartevse.feeder import Feeder, Taken
from sunbox.drivers.smartevse.mqtt_link import MqttLink
from sunbox.drivers.smartevse.settings import SmartEvseSettings
from sunbox.drivers.smartevse.words import ADVICE, METER_FAULT_LEFT, told_of
from sunbox.errors import SunboxError
from sunbox.net.http import ClientFactory

BACK_S = 1.0
"""How long it is waited before reading back: topics are published once a second."""
READS_BACK = 3
LETS_GO_S = 15.0
"""So long a car may take to stop: after 6 s the box opens its contactor anyway."""
SWITCHES_S = 45.0
"""So long after a switch of phases, a car that does not charge yet is about to."""
NOTHING_A = (0.0, 0.0, 0.0)

FLASH = frozenset({"mode", "enable_C2"})
"""Parameters that it stores each time that it is told them."""
IGNORED = Backoff(5.0, 60.0)
"""How long it is not told again what it took and did not do."""
LATE_S = 60.0
"""What it does so long after it seemed to ignore it, it does by that word; for so long nobody's hand is seen in it."""
IGNORED_TIMES = 3
"""A start that it did not do so often is waited with for longer, and people are told."""
UNSWITCHED_S = 1800.0
"""For so long after its second contactor could not be set, a car that charges is not stopped for it again."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The last document."""

    document: Document
    at: datetime


@dataclass(frozen=True, slots=True)
class _Ignored:
    """That it was told something, and by its own document did not do it."""

    parameters: Mapping[str, str]
    times: int
    at_s: float  #: when it was last told
    until_s: float  #: it is not told again before


class SmartEvseDriver(ChargerDriver):
    """One box."""

    _link: Link
    _feeder: Feeder | None

    def __init__(
        self,
        device_id: str,
        settings: SmartEvseSettings,
        clients: ClientFactory,
        clock: Clock,
        *,
        link: Link | None = None,
        links: Links | None = None,
        balance: Callable[[], MeterReading | None] | None = None,
    ) -> None:
        """Reach a box.

        Args:
            device_id: its id in the configuration.
            settings: what its owner wrote.
            clients: makes HTTP clients.
            clock: the time of day.
            link: another way than the settings'.
            links: those to boxes over HTTP, which their meters use too.
            balance: tells what flows at the site, for a box that is fed with it (`feeds_currents`), or waits for it in NORMAL.
        """
        super().__init__(device_id, clock, interval_s=settings.interval_s, address=settings.address, advice=ADVICE)
        self._settings = settings
        self._link = link or _link_of(device_id, settings, links or Links(clients))
        self._taken = Taken()
        feeder = Feeder(device_id, balance, clock, self._link, self._taken, self._commanding) if balance else None
        self._feeder = feeder if settings.feeds_currents else None
        self._waker = None if settings.feeds_currents else feeder  #: for one that is told once only, to end a fault
        if isinstance(self._link, HttpLink):
            self._link.is_fed = settings.feeds_currents
        self._known: _Known | None = None
        self._before: ChargerReading | None = None
        self._has_charged = False
        self._next_a: int | None = None
        self._is_switching = False
        self._switch_until_s = float("-inf")
        self._ignored: dict[str, _Ignored] = {}  #: by what it was told
        self._late_until_s = float("-inf")
        self._unswitched: tuple[float, str] | None = (
            None  #: until when its second contactor is not tried again, and why
        )

    async def probe(self) -> str:
        """Read once, and return who it is and what it does.

        Raises:
            SunboxError: it cannot be used; the text says why and what to do.
        """
        document = await self.read_document()
        return told_of(document, self._reading(document), self._settings, self._link.name)

    # --- for people ----------------------------------------------------------------------------------------------

    async def read_document(self) -> Document:
        """Return all that it says.

        Raises:
            SunboxError: it cannot be read; the text says why and what to do.
        """
        return self._brought(await self._link.read())

    async def set_parameters(self, parameters: Mapping[str, str]) -> dict[str, str | None]:
        """Tell parameters; return by name None where it was taken, else why not.

        Raises:
            SunboxError: it cannot be told, or it is not known whether it was; the text says why and what to do.
        """
        return self._brought(await self._link.tell(parameters), is_set=True)

    async def post(self, path: str, parameters: Mapping[str, str]) -> Json:
        """Send a POST, and return its answer.

        Raises:
            SunboxError: there is no HTTP, or no answer; the text says why and what to do.
        """
        if not isinstance(self._link, HttpLink):
            raise SunboxError(f"{self._device_id}: that needs HTTP; write its `url`, and leave api out")
        return self._brought(await self._link.post(path, parameters), is_set=True)

    # --- reading -------------------------------------------------------------------------------------------------

    async def _poll(self) -> ChargerRead | ReadFailed:
        found = await self._link.read()
        if isinstance(found, Failed):
            return self._polling.failed(found)
        if self._feeder is not None:
            self._feeder.look_at(found)
        elif found.regime == Regime.NORMAL:
            await self._end_meter_fault(found)
        return self._polling.read(self._reading(found))

    def _reading(self, document: Document) -> ChargerReading:
        """Return what a document says, and take note of it."""
        now = self._clock.now()
        self._known = _Known(document, now)
        reading = reading_from_document(
            document,
            now,
            can_switch=self._settings.can_switch_phases and self._unswitched_word is None,
            wired_phases=self._settings.phases,
            has_charged=self._has_charged,
        )
        may_begin = not is_flowing(reading) and word_of(document) is True and reading.status is not ChargerStatus.A
        self._taken.note(now, reading.current_a or NOTHING_A, _told_a(document), may_begin=may_begin)
        before, self._before = self._before, reading
        was_charging = before is not None and before.status is ChargerStatus.C
        if reading.status is ChargerStatus.A:
            self._has_charged = False
        elif reading.status is ChargerStatus.C and was_charging:
            self._has_charged = True  # its counter begins anew with state C, a moment before or after it is told
        if self._is_late(document):
            reading = replace(reading, told=None)
        if reading.told is True:
            self._next_a = None  # somebody else has started it
        if reading.fault is not None and document.regime == Regime.NORMAL and is_mains_meter_silent(document):
            reading = replace(reading, fault=METER_FAULT_LEFT)
        if document.mode is Mode.SMART and is_mains_meter_silent(document) and self._base(document) is Mode.NORMAL:
            reading = replace(reading, told=None)  # a start in NORMAL is needed, and mends it
        if self._next_a is not None and reading.is_enabled is False:
            reading = replace(reading, amps_set_a=self._next_a)
        reading = replace(reading, started_at=self._polling.steady(reading.started_at))
        return self._while_switching(reading)

    def _is_late(self, document: Document) -> bool:
        """Return whether it may do only now what it was told before and seemed to ignore."""
        now_s = loop_s()
        recent = [each for each in self._ignored.values() if "mode" in each.parameters and now_s - each.at_s < LATE_S]
        if any(_is_all_told(document, each.parameters) for each in recent):
            self._late_until_s = now_s + LATE_S
            self._ignored.clear()
        return now_s < self._late_until_s

    def _while_switching(self, reading: ChargerReading) -> ChargerReading:
        """Return a reading as it is meant while the driver itself stops and starts it for other phases."""
        if not self._is_switching and loop_s() >= self._switch_until_s:
            return reading
        if not self._is_switching and (reading.status is ChargerStatus.C or reading.told is False):
            self._switch_until_s = float("-inf")
            return replace(reading, told=None) if reading.told is True else reading
        return replace(reading, is_switching=True, is_enabled=True, told=None, holds=None)

    # --- telling -------------------------------------------------------------------------------------------------

    async def _tell(self, command: Command) -> CommandEnded:
        """Tell a command by what is known; where that says that nothing is to be done, or is all too old, it is read before."""
        known = self._known
        is_fresh = known is not None and self._polling.is_fresh(known.at)
        if known is not None and (is_fresh or command.name is not CommandName.SET_PHASES):
            ended = await self._tell_at(known.document, command)
            if is_fresh or ended.outcome is not Outcome.ALREADY_SET:
                return ended
        found = await self._read_told()
        if isinstance(found, Failed):
            return self._not_told(found)
        return await self._tell_at(found, command)

    async def _tell_at(self, document: Document, command: Command) -> CommandEnded:
        match command:
            case Command(name=CommandName.START):
                return await self._start(document)
            case Command(name=CommandName.STOP):
                return await self._stop(document)
            case Command(name=CommandName.SET_AMPS, value=int(amps_a)):
                return await self._set_amps(document, amps_a)
            case Command(name=CommandName.SET_PHASES, value=(1 | 3) as phases):
                return await self._set_phases(document, phases)
            case _:
                return self._polling.ended(Outcome.REFUSED, Cause.INVALID, f"a SmartEVSE knows no {command.name.value}")

    async def _start(self, document: Document) -> CommandEnded:
        base = self._base(document)
        if base is Mode.SMART and document.read("settings.mains_meter") == METER_TEXTS[Meter.DISABLED]:
            words = "it has no mains meter and ignores SMART; write base_mode: normal"
            return self._polling.ended(Outcome.REFUSED, Cause.INVALID, words)
        is_waiting = word_of(document) is None and document.mode is not Mode.SOLAR
        if document.mode is base and not is_waiting:
            return self._polling.ended(Outcome.ALREADY_SET)
        wanted = {"mode": str(int(base))}
        if self._next_a is not None:
            wanted["override_current"] = str(self._next_a * 10)
        if base is Mode.NORMAL:
            await self._end_meter_fault(document)
        if self._feeder is not None:
            await self._feeder.feed()  # started with old news of the mains it may find no power, and wait for a minute
        ended = await self._write(wanted)
        if ended.outcome is Outcome.APPLIED:
            self._next_a = None
        if ended.outcome is Outcome.UNCONFIRMED and self._has_ignored(wanted, IGNORED_TIMES):
            return replace(ended, outcome=Outcome.NOT_DELIVERED)
        return ended

    async def _end_meter_fault(self, document: Document) -> None:
        """Tell a box that nobody feeds what flows, if that is known: NORMAL goes without it, but does not end a fault for want of it."""
        is_waiting = is_mains_meter_silent(document) and listening_problem(document) is None
        if self._waker is not None and is_waiting:
            await self._waker.feed()

    def _base(self, document: Document) -> Mode:
        """Return the mode in which it charges: SMART keeps its own guard of the fuses."""
        if self._settings.base_mode != "auto":
            return Mode[self._settings.base_mode.upper()]
        kind = document.read("settings.mains_meter")
        # topics do not name the kind; those of the mains are published only where there is a meter
        has_meter = (
            document.at("phase_currents.L1") is not None if kind is None else kind != METER_TEXTS[Meter.DISABLED]
        )
        return Mode.SMART if has_meter else Mode.NORMAL

    async def _stop(self, document: Document) -> CommandEnded:
        if word_of(document) is False:
            return self._polling.ended(Outcome.ALREADY_SET)
        # before 3.8 there is no PAUSE, and access is no number
        is_old = isinstance(document.at("evse.access"), bool)
        ended = await self._write({"mode": str(int(Mode.OFF if is_old else Mode.PAUSE))})
        if ended.outcome is Outcome.REFUSED and not is_old:
            return await self._write({"mode": str(int(Mode.OFF))})
        return ended

    async def _set_amps(self, document: Document, amps_a: int) -> CommandEnded:
        if is_override(document, amps_a):
            self._next_a = None
            return self._polling.ended(Outcome.ALREADY_SET)
        wanted = {"override_current": str(amps_a * 10)}
        if document.regime is Regime.SOLAR and document.access == Access.ON:
            return await self._write({"mode": str(int(self._base(document))), **wanted}, _allowed_amps(document))
        if document.regime is not Regime.SOLAR:
            ended = await self._write(wanted, _allowed_amps(document))
            is_deaf = document.regime is None and document.access != Access.ON  # topics do not tell what it was left in
            if not (is_deaf and ended.outcome is Outcome.UNCONFIRMED):
                return ended
        return self._set_next_amps(document, amps_a)

    def _set_next_amps(self, document: Document, amps_a: int) -> CommandEnded:
        """Keep a current for the start: left in SOLAR it hears none, and to leave it is to start, so both are told together."""
        low_a, high_a = document.read("settings.current_min") or 0, document.read("settings.current_max")
        if amps_a < low_a or (high_a is not None and amps_a > high_a):
            return self._polling.ended(Outcome.REFUSED, Cause.REFUSED, f"{amps_a} A{_allowed_amps(document)}")
        if self._next_a == amps_a:
            return self._polling.ended(Outcome.ALREADY_SET)
        self._next_a = amps_a
        self._tell_reading(document)
        return self._polling.ended(
            Outcome.APPLIED, detail="it is told with the next start: in SOLAR it hears no current"
        )

    # --- phases --------------------------------------------------------------------------------------------------

    async def _set_phases(self, document: Document, phases: int) -> CommandEnded:
        if not self._settings.can_switch_phases:
            return self._polling.ended(
                Outcome.REFUSED, Cause.INVALID, "switch_phases is false, or it is wired to one phase"
            )
        if document.contactor is Contactor.NOT_PRESENT:
            return self._polling.ended(Outcome.REFUSED, Cause.INVALID, "it has no second contactor (`enable_C2`)")
        contactor = PHASE_CONTACTORS[phases]
        # the contactor of one that charges stays where it is, whatever is set
        if phases_set_of(document) == phases and (document.contactor is contactor or document.state is not State.C):
            return self._polling.ended(Outcome.ALREADY_SET)
        wanted = {} if document.contactor is contactor else {"enable_C2": str(int(contactor))}
        if document.access != Access.ON or document.state not in (State.C, State.COMM_C, State.COMM_C_OK, State.C1):
            return await self._write(wanted)
        if wanted and self._unswitched_word is not None:
            return self._polling.ended(Outcome.REFUSED, Cause.REFUSED, self._unswitched_word)
        self._is_switching = True
        try:
            return await self._switch_while_charging(document, wanted)
        finally:
            self._is_switching = False
            self._switch_until_s = loop_s() + SWITCHES_S

    @property
    def _unswitched_word(self) -> str | None:
        """Return why its second contactor could not be set lately: so long it counts as one without."""
        return None if self._unswitched is None or loop_s() >= self._unswitched[0] else self._unswitched[1]

    async def _switch_while_charging(self, document: Document, wanted: Mapping[str, str]) -> CommandEnded:
        """Stop it, set its second contactor, which moves at the next start, and start it again as it was."""
        mode = document.mode if document.mode in (Mode.NORMAL, Mode.SMART) else self._base(document)
        stopped = await self._stop(document)
        if stopped.outcome not in (Outcome.APPLIED, Outcome.ALREADY_SET):
            return stopped
        await self._let_go()
        switched = await self._write(wanted) if wanted else self._polling.ended(Outcome.APPLIED)
        if switched.outcome is Outcome.REFUSED or (switched.cause is Cause.BAD_ANSWER and self._has_ignored(wanted, 2)):
            self._unswitched = loop_s() + UNSWITCHED_S, switched.detail
        started = await self._write({"mode": str(int(mode))})
        if started.outcome is not Outcome.APPLIED:
            return replace(started, outcome=Outcome.UNCONFIRMED, detail=f"it is not started again: {started.detail}")
        return switched

    async def _let_go(self) -> None:
        """Wait until it has opened its contactors."""
        until_s = loop_s() + LETS_GO_S
        while loop_s() < until_s:
            await asyncio.sleep(BACK_S)
            found = await self._read_told()
            if not isinstance(found, Failed) and found.state not in (State.C, State.C1, State.D):
                return

    # --- writing -------------------------------------------------------------------------------------------------

    async def _write(self, parameters: Mapping[str, str], allowed: str = "") -> CommandEnded:
        """Tell parameters in one request, and read them back. What it ignores is not written to its flash again and again."""
        told = query_to_wire(parameters)
        ignored = self._ignored.get(told)
        is_paced = ignored is not None and loop_s() < ignored.until_s
        self._taken.command(self._clock.now())
        sent = {} if is_paced else await self._link.tell(parameters)
        if isinstance(sent, Failed) and not sent.is_maybe_done:
            return self._not_told(sent)
        if not isinstance(sent, Failed):
            refused = [f"{name}: {words}" for name, words in sent.items() if words is not None]
            if refused:
                self._known = None  # one request may have done a part: the next reading tells
                return self._polling.ended(Outcome.REFUSED, Cause.REFUSED, "; ".join(refused) + allowed)
            await self._feed_with(parameters.get("override_current"))
        seen: list[bool] = []

        def is_so(document: Document) -> bool:
            seen.append(_is_all_told(document, parameters))
            return seen[-1]

        failed = sent if isinstance(sent, Failed) else None
        found = await read_back(self._read_told, is_so, failed, times=READS_BACK, every_s=BACK_S)
        if seen and seen[-1]:
            self._ignored.pop(told, None)
        elif seen and not is_paced and FLASH & parameters.keys():
            times = 1 if ignored is None else ignored.times + 1
            wait_s = IGNORED.wait_s(times - 1) if times > 1 else 0.0
            self._ignored[told] = _Ignored(parameters, times, loop_s(), loop_s() + wait_s)
        if not isinstance(found, Failed):
            return self._polling.ended(Outcome.APPLIED)
        self._known = None  # what is not known is read before the next command
        return self._polling.ended(Outcome.UNCONFIRMED, found.cause, found.detail)

    def _has_ignored(self, parameters: Mapping[str, str], times: int) -> bool:
        ignored = self._ignored.get(query_to_wire(parameters))
        return ignored is not None and ignored.times >= times

    async def _read_told(self) -> Document | Failed:
        """Read once, and let it be known at once."""
        found = await self._link.read()
        if not isinstance(found, Failed):
            self._tell_reading(found)
        return found

    async def _feed_with(self, override: str | None) -> None:
        """Tell a box that is fed what flows at once: in SMART it obeys another current at its next news of the mains."""
        if self._feeder is not None and override is not None:
            self._taken.expect(self._clock.now(), int(override) / 10)
            await self._feeder.feed()

    def _tell_reading(self, document: Document) -> None:
        self._polling.tell(self._reading(document))


def _link_of(device_id: str, settings: SmartEvseSettings, links: Links) -> Link:
    if settings.api == "mqtt":
        return MqttLink(device_id, settings)
    return links.to(settings.url or "", settings.timeout_s)


def _is_all_told(document: Document, parameters: Mapping[str, str]) -> bool:
    return all(is_as_told(document, name, text) for name, text in parameters.items())


def _told_a(document: Document) -> float | None:
    """Return the current that it was told, which it offers at most; None where it was told none."""
    told_da = document.read("settings.override_current")
    return told_da / 10 if told_da else None


def _allowed_amps(document: Document) -> str:
    low_a, high_a = document.read("settings.current_min"), document.read("settings.current_max")
    return "" if low_a is None or high_a is None else f"; allowed: {low_a} to {high_a} A"
