"""All that can happen to the core. A closed vocabulary; each event carries the instant `at` (UTC) at which it reached the gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sunbox.core.commands import Cause, Command, Outcome, ReadKind, RequestKind
from sunbox.core.model import Availability, ChargerReading, Limit, Memory, MeterReading, VehicleFacts
from sunbox.core.settings import Settings
from sunbox.core.wallbox import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """The gateway has started. `memory` is what the store kept; a command that was under way is now Unconfirmed."""

    at: datetime
    settings: Settings
    memory: Memory = field(default_factory=Memory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The instant of `due_at` has come."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterRead:
    """A meter was read (or pushed a reading)."""

    at: datetime
    meter_id: str
    reading: MeterReading
    billed: int = 0  #: requests for data that its service may charge for


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """A meter's service was asked or told something for which nobody awaits an event: a hold of its battery, say."""

    at: datetime
    meter_id: str
    kind: RequestKind
    count: int
    entry: int | None = None  #: its number in the list of what somebody sent by hand; each counts once
    sent_at: datetime | None = None  #: of such an entry: it may have waited for the gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerRead:
    """A charger was read, or told how it is by itself."""

    at: datetime
    charger_id: str
    reading: ChargerReading


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleRead:
    """A vehicle answered a read: `facts` is None for the free state call.

    `billed` counts the requests that the maker charges for (every answer below 500), in the class of `what`.
    """

    at: datetime
    vehicle_id: str
    exchange_id: int | None
    what: ReadKind
    availability: Availability
    facts: VehicleFacts | None = None
    billed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFailed:
    """A read brought nothing. `device_id` is a meter, a charger or a vehicle."""

    at: datetime
    device_id: str
    exchange_id: int | None
    what: ReadKind
    cause: Cause
    detail: str = ""
    retry_after_s: float | None = None
    billed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEnded:
    """A command ended as one of the five outcomes."""

    at: datetime
    device_id: str
    exchange_id: int
    outcome: Outcome
    cause: Cause | None = None
    detail: str = ""
    retry_after_s: float | None = None
    billed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """Somebody asked for something, and it was acceptable (`engine.answer`)."""

    at: datetime
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSet:
    """The grid operator limits what all cars take together, or lifts that (`limit` None)."""

    at: datetime
    limit: Limit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """Somebody ordered a one-shot command, and it was acceptable (`orders.answer_order`)."""

    at: datetime
    vehicle_id: str
    command: Command
    by: str


Event = (
    Began
    | Tick
    | MeterRead
    | Billed
    | ChargerRead
    | VehicleRead
    | ReadFailed
    | CommandEnded
    | Requested
    | LimitSet
    | Ordered
)
