"""A journal read as a record of the site: at each grid reading what the sun left, what the cars drew, and what was decided.

Nothing is run again: readings, decisions and draws stand in the lines. What a car drew is an interval; it is bounded by what the
site used then, as the core does, and its middle counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sunbox.core.belief import own_phases_of, voltage_of
from sunbox.core.charger import facts_of
from sunbox.core.circuits import device_cap
from sunbox.core.commands import KIND_OF, Command, CommandName, ReadKind, RequestKind
from sunbox.core.decisions import is_at
from sunbox.core.events import Began, Requested
from sunbox.core.evidence import NOISE_W
from sunbox.core.model import ChargerReading, Charging, Draw, MeterReading, VehicleFacts, VehicleMemory, Wish
from sunbox.core.reasons import ReasonCode
from sunbox.core.settings import LoadpointSettings, Settings, SiteSettings, VehicleSettings, as_own_chargers
from sunbox.core.state import MeterState
from sunbox.core.surplus import balance, surplus_without_cars_w
from sunbox.core.values import replace
from sunbox.core.wallbox import Decision
from sunbox.errors import JournalError
from sunbox.gateway.days import head_problem
from sunbox.gateway.decisions import decision_from
from sunbox.gateway.journal import EVENTS, STATE

FACTS: TypeAdapter[VehicleFacts] = TypeAdapter(VehicleFacts)
READING: TypeAdapter[ChargerReading] = TypeAdapter(ChargerReading)

HOLE = timedelta(minutes=5)
"""A longer time without a grid reading is a gap in the record."""

FULL = frozenset({ReasonCode.COMPLETE.value, ReasonCode.TARGET_REACHED.value, ReasonCode.CAR_IDLE.value})
ABSENT = frozenset(
    {
        ReasonCode.NOT_PLUGGED.value,
        ReasonCode.AT_CHARGER.value,
        ReasonCode.AWAY.value,
        ReasonCode.FAST_CHARGER.value,
    }
)


@dataclass(slots=True)
class Seen:
    """A loadpoint at one grid reading."""

    draw_low_w: float
    draw_high_w: float
    decision: (
        Decision | None
    )  #: the last record; the code and set-point are as then, the numbers up to five minutes older
    is_plugged: bool | None  #: a car is plugged in here; None = not known yet
    is_full: bool  #: it is at its limit or target

    @property
    def draw_w(self) -> float:
        """Return the middle of the interval."""
        return (self.draw_low_w + self.draw_high_w) / 2

    @property
    def doubt_w(self) -> float:
        """Return how wide the interval is."""
        return self.draw_high_w - self.draw_low_w


@dataclass(slots=True)
class Sample:
    """The site when the grid was measured."""

    at: datetime
    base_w: float  #: what was left for cars beside what they drew
    grid_w: float
    pv_w: float | None
    battery_w: float  #: + = discharging; 0 where none is measured
    seen: tuple[Seen, ...]  #: per loadpoint, in the order of the settings

    @property
    def surplus_w(self) -> float:
        """Return what was there for cars."""
        return self.base_w + sum(row.draw_w for row in self.seen)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was sent to a car, or one that was billed."""

    at: datetime
    loadpoint: int
    kind: RequestKind
    count: int


@dataclass(frozen=True, slots=True)
class CarRange:
    """What a loadpoint's car can take."""

    min_a: int
    max_a: int
    phases: int
    voltage_v: float

    @property
    def max_w(self) -> float:
        """Return the most, in W."""
        return self.max_a * self.phases * self.voltage_v

    @property
    def min_w(self) -> float:
        """Return the least with which it charges, in W."""
        return self.min_a * self.phases * self.voltage_v


@dataclass(slots=True, kw_only=True)
class Record:
    """Some days of a journal."""

    settings: Settings  #: as of the last of them
    samples: list[Sample]
    sent: list[Asked]
    billed: list[Asked]
    requests: list[Requested]
    wishes: dict[str, Wish]  #: per loadpoint at the beginning
    cars: tuple[CarRange, ...]  #: per loadpoint
    measures_phases: bool = False  #: the grid meter told the current of each phase
    gaps: list[str] = field(default_factory=list)


def driven(settings: Settings) -> tuple[LoadpointSettings, ...]:
    """Return the loadpoints that are reckoned: all of them."""
    return settings.loadpoints


def read_record(paths: Iterable[Path], progress: Callable[[float], None] = lambda _: None) -> Record:
    """Read files of a journal, oldest first.

    Raises:
        JournalError: a file is missing, none of sunbox's, or of another format; or there is no grid reading at all.
    """
    reader = _Reader()
    files = sorted(paths, key=lambda path: path.name)
    for number, path in enumerate(files):
        try:
            with path.open("rb") as lines:
                reader.read(path, lines)
        except OSError as error:
            raise JournalError(f"{path}: cannot be opened: {error.strerror}") from error
        progress((number + 1) / len(files))
    return reader.record(files)


def settings_in(path: Path) -> Settings:
    """Return the settings with which a file begins.

    Raises:
        JournalError: it is missing, none of sunbox's, of another format, or tells none.
    """
    reader = _Reader()
    try:
        with path.open("rb") as lines:
            reader.head(path, next(lines, b""))
            for line in lines:
                if reader.settings is not None:
                    break
                if line.startswith(b'{"event":"Began"') and line.endswith(b"\n"):
                    reader.line(json.loads(line))
    except OSError as error:
        raise JournalError(f"{path}: cannot be opened: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise JournalError(f"{path}: its settings cannot be read by this version") from error
    if reader.settings is None:
        raise JournalError(f"{path}: is empty, the gateway has not begun in it")
    return reader.settings


class _Reader:
    """Goes through the lines of one file after another."""

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self.neutral: SiteSettings  #: without the bias that the owner wants: what was there, not what was left there
        self.meters: dict[str, MeterState] = {}
        self.facts: dict[str, VehicleFacts] = {}
        self.memories: dict[str, VehicleMemory] = {}
        self.decisions: dict[str, Decision] = {}
        self.draws: dict[str, Draw] = {}
        self.kinds: dict[tuple[str, int], RequestKind] = {}  #: of the exchanges under way
        self.wishes: dict[str, Wish] = {}
        self.samples: list[Sample] = []
        self.sent: list[Asked] = []
        self.billed: list[Asked] = []
        self.requests: list[Requested] = []
        self.most_a: dict[str, int] = {}
        self.gaps: list[str] = []
        self.measures_phases = False
        self.plugged: dict[str, bool] = {}
        self.take: dict[str, Callable[[dict[str, Any], datetime], None]] = {
            "Began": self.began,
            "VehicleRead": self.vehicle_read,
            "ChargerRead": self.charger_read,
            "ReadFailed": self.read_failed,
            "CommandEnded": self.command_ended,
            "Requested": self.requested,
        }

    def read(self, path: Path, lines: Any) -> None:
        """Take one file. A line that cannot be read is left out and told."""
        self.head(path, next(lines, b""))
        unreadable = 0
        for line in lines:
            if not line.endswith(b"\n"):  # being written, or torn by a death
                continue
            try:
                self.line(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):  # ValidationError is a ValueError
                unreadable += 1
        if unreadable:
            self.gaps.append(f"{path.name}: {unreadable} lines cannot be read")

    def head(self, path: Path, line: bytes) -> None:
        """Take up the state with which a file begins."""
        problem = head_problem(path, line)
        if problem is not None:
            raise JournalError(problem)
        # each file tells its decisions and draws anew
        self.decisions.clear()
        self.draws.clear()
        try:
            state = STATE.validate_python(json.loads(line)["state"], strict=False)
        except (ValidationError, KeyError) as error:
            raise JournalError(f"{path}:1: the state cannot be read by this version") from error
        if state is None:
            return
        self.set_up(state.settings, {id_: lp.memory.wish for id_, lp in state.loadpoints.items()})
        self.meters = dict(state.meters)
        for id_, vehicle in state.vehicles.items():
            self.memories[id_] = vehicle.memory
            if vehicle.memory.facts is not None:
                self.know(id_, vehicle.memory.facts)

    def set_up(self, settings: Settings, wishes: dict[str, Wish]) -> None:
        settings = self.settings = as_own_chargers(settings)
        self.neutral = replace(settings.site, target_grid_w=0.0)
        for loadpoint in driven(settings):
            self.wishes.setdefault(loadpoint.id, wishes.get(loadpoint.id) or Wish(mode=loadpoint.mode))

    def line(self, entry: dict[str, Any]) -> None:
        """Take one event with what came of it."""
        event, told = entry["event"], entry["with"]
        at = datetime.fromisoformat(told["at"])
        if (take := self.take.get(event)) is not None:
            take(told, at)
        for id_, decided in entry.get("decided", {}).items():
            self.decisions[id_] = decision_from(at, id_, decided)
        for id_, (low_w, high_w) in entry.get("draws", {}).items():
            self.draws[id_] = Draw(low_w, high_w)
        for name, effect in entry.get("effects", ()):
            self.effect(name, effect, at)
        if event == "MeterRead":
            self.meter_read(told, at)

    def began(self, told: dict[str, Any], _at: datetime) -> None:
        event: Began = EVENTS["Began"].validate_python(told, strict=False)
        self.set_up(event.settings, {id_: row.wish for id_, row in event.memory.loadpoints.items()})
        self.meters, self.kinds = {}, {}
        self.draws.clear()
        self.decisions.clear()
        for id_, memory in event.memory.vehicles.items():
            self.memories[id_] = memory
            if memory.facts is not None:
                self.know(id_, memory.facts)

    def meter_read(self, told: dict[str, Any], at: datetime) -> None:
        settings = self.settings
        if settings is None:
            return
        reading = told["reading"]
        measured_at = min(at, datetime.fromisoformat(reading["measured_at"]))
        self.meters[told["meter_id"]] = MeterState(
            reading=MeterReading(
                measured_at=measured_at,
                grid_w=reading.get("grid_w"),
                pv_w=reading.get("pv_w"),
                battery_w=reading.get("battery_w"),
                battery_soc_pct=reading.get("battery_soc_pct"),
            )
        )
        self.measures_phases = self.measures_phases or reading.get("grid_phases_a") is not None
        site = balance(settings, self.meters, at)
        if reading.get("grid_w") is None or site.grid_at != measured_at or site.grid_w is None:
            return
        if self.samples and measured_at <= self.samples[-1].at:
            return
        base_w = surplus_without_cars_w(site, self.neutral)
        if base_w is None:
            return
        consumption_w = site.consumption_w
        most_w = None if consumption_w is None else max(0.0, consumption_w + NOISE_W)
        self.samples.append(
            Sample(
                at=measured_at,
                base_w=base_w,
                grid_w=site.grid_w,
                pv_w=site.pv_w,
                battery_w=site.battery_w or 0.0,
                seen=tuple(self.seen(loadpoint, most_w) for loadpoint in driven(settings)),
            )
        )

    def seen(self, loadpoint: LoadpointSettings, most_w: float | None) -> Seen:
        draw = self.draws.get(loadpoint.id)
        low_w, high_w = (0.0, 0.0) if draw is None else (draw.low_w, draw.high_w)
        if most_w is not None and high_w > most_w:
            high_w = most_w
            low_w = min(low_w, high_w)
        decision = self.decisions.get(loadpoint.id)
        code = decision.code if decision is not None else ""
        is_plugged = False if code in ABSENT else self.plugged.get(loadpoint.id)
        facts = self.facts.get(loadpoint.device_id)
        is_full = code in FULL or (facts is not None and facts.charging is Charging.COMPLETE)
        return Seen(low_w, high_w, decision, is_plugged, is_full)

    def know(self, vehicle_id: str, facts: VehicleFacts) -> None:
        """Take what a car says of itself."""
        self.facts[vehicle_id] = facts
        settings = self.settings
        if settings is None:
            return
        for loadpoint in driven(settings):
            if loadpoint.vehicle_id != vehicle_id:
                continue
            is_here = is_at(settings, loadpoint, facts) is not False and not facts.is_fast_charger
            if facts.is_plugged is not None:
                self.plugged[loadpoint.id] = facts.is_plugged and is_here
            if facts.is_plugged and is_here:
                able = _vehicle_of(settings, loadpoint).capabilities
                most_a = device_cap(loadpoint, able, facts).amps_a
                self.most_a[loadpoint.id] = max(most_a, self.most_a.get(loadpoint.id, 0))

    def vehicle_read(self, told: dict[str, Any], at: datetime) -> None:
        if told.get("facts") is not None:
            self.know(told["vehicle_id"], FACTS.validate_python(told["facts"], strict=False))
        self.bill(told["vehicle_id"], KIND_OF[ReadKind(told["what"])], told.get("billed", 0), at)

    def charger_read(self, told: dict[str, Any], _at: datetime) -> None:
        reading = READING.validate_python(told["reading"], strict=False)
        self.know(told["charger_id"], facts_of(reading, self.facts.get(told["charger_id"])))

    def read_failed(self, told: dict[str, Any], at: datetime) -> None:
        self.bill(told["device_id"], KIND_OF[ReadKind(told["what"])], told.get("billed", 0), at)

    def command_ended(self, told: dict[str, Any], at: datetime) -> None:
        kind = self.kinds.pop((told["device_id"], told["exchange_id"]), RequestKind.COMMAND)
        self.bill(told["device_id"], kind, told.get("billed", 1), at)

    def requested(self, told: dict[str, Any], _at: datetime) -> None:
        self.requests.append(EVENTS["Requested"].validate_python(told, strict=False))

    def effect(self, name: str, effect: dict[str, Any], at: datetime) -> None:
        if name != "Send":
            return
        command = effect["command"]
        kind = Command(CommandName(command["name"])).kind
        self.kinds[effect["device_id"], effect["exchange_id"]] = kind
        if (number := self.number_of(effect["device_id"])) is not None:
            self.sent.append(Asked(at, number, kind, 1))

    def bill(self, device_id: str, kind: RequestKind, count: int, at: datetime) -> None:
        number = self.number_of(device_id)
        if count > 0 and number is not None:
            self.billed.append(Asked(at, number, kind, count))

    def number_of(self, device_id: str) -> int | None:
        """Return the loadpoint to which a car's requests are counted: its first."""
        rows = () if self.settings is None else driven(self.settings)
        return next((number for number, row in enumerate(rows) if row.vehicle_id == device_id), None)

    def record(self, files: list[Path]) -> Record:
        """Return what was read."""
        settings = self.settings
        if settings is None or not self.samples:
            where = f"{files[0]} … {files[-1].name}" if len(files) > 1 else str(files[0]) if files else "no file"
            raise JournalError(f"{where}: there is no grid reading in it, nothing can be reckoned")
        count = len(driven(settings))
        if count == 0:
            raise JournalError(f"{files[-1]}: there is no loadpoint in it, nothing can be reckoned")
        # another number of loadpoints before a change of the configuration cannot be compared with what came after it
        samples = [sample for sample in self.samples if len(sample.seen) == count]
        if len(samples) < len(self.samples):
            self.gaps.append(f"until {samples[0].at.isoformat(timespec='minutes')} there were other loadpoints")
        _backfill(samples, count)
        for before, after in pairwise(samples):
            if after.at - before.at > HOLE:
                zone = settings.site.timezone
                from_at, to_at = before.at.astimezone(zone), after.at.astimezone(zone)
                self.gaps.append(f"{from_at:%Y-%m-%d %H:%M} to {to_at:%m-%d %H:%M}: no grid reading")
        return Record(
            settings=settings,
            samples=samples,
            sent=self.sent,
            billed=self.billed,
            requests=self.requests,
            wishes=self.wishes,
            cars=tuple(self.car(settings, row, samples, number) for number, row in enumerate(driven(settings))),
            measures_phases=self.measures_phases,
            gaps=self.gaps,
        )

    def car(self, settings: Settings, loadpoint: LoadpointSettings, samples: list[Sample], number: int) -> CarRange:
        """Return what a loadpoint's car can take, as far as the record tells it."""
        vehicle = _vehicle_of(settings, loadpoint)
        able = vehicle.capabilities
        memory = self.memories.get(vehicle.id) or VehicleMemory(facts=self.facts.get(vehicle.id))
        set_phases = [
            row.decision.phases
            for sample in samples
            if (row := sample.seen[number]).decision is not None and row.decision.charge
        ]
        return CarRange(
            min_a=loadpoint.min_a if loadpoint.min_a is not None else able.min_a,
            max_a=self.most_a.get(loadpoint.id) or device_cap(loadpoint, able, None).amps_a,
            phases=max(set_phases, default=own_phases_of(settings, loadpoint, vehicle, memory)),
            voltage_v=voltage_of(settings, memory),
        )


def _vehicle_of(settings: Settings, loadpoint: LoadpointSettings) -> VehicleSettings:
    return next(row for row in settings.vehicles if row.id == loadpoint.vehicle_id)


def _backfill(samples: list[Sample], count: int) -> None:
    """Take a car that was not seen yet to have been as it was when it was first seen."""
    for number in range(count):
        first = next((s.seen[number].is_plugged for s in samples if s.seen[number].is_plugged is not None), False)
        for sample in samples:
            if sample.seen[number].is_plugged is not None:
                break
            sample.seen[number].is_plugged = first
