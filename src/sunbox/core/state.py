"""The whole state of the core: frozen values, replaced and never changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sunbox.core.circuits import Amps
from sunbox.core.commands import Cause, Command, CommandName, Exchange, Outcome
from sunbox.core.draw import Steps
from sunbox.core.model import (
    Availability,
    Draw,
    LoadpointMemory,
    MeterMemory,
    MeterReading,
    SiteMemory,
    VehicleMemory,
)
from sunbox.core.reasons import Reason
from sunbox.core.settings import Settings
from sunbox.core.trend import Trend
from sunbox.core.wallbox import Pending, SetPoint


@dataclass(frozen=True, kw_only=True)  # not slotted: it is replaced with every reading (values.py)
class MeterState:
    """A meter as last read."""

    reading: MeterReading | None = None
    cause: Cause | None = None  #: why the last attempt failed
    due_at: datetime | None = None  #: before then it is not asked, where it is asked for at all
    interval_s: float | None = None  #: the wait that led to `due_at`, where it is longer than its own interval
    held_until_at: datetime | None = None  #: before then it is not asked, for the sake of its budget
    is_seldom: bool = False  #: it was asked for a car that may be connected; for one that is, it is asked at once
    memory: MeterMemory = field(default_factory=MeterMemory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A command whose end is unknown: free evidence is awaited until `until_at`, then it is repeated once, then read."""

    command: Command
    since_at: datetime
    until_at: datetime
    attempt: int
    baseline_w: float | None = None  #: consumption of the site before it
    expected_w: float = 0.0  #: by how much the draw should have changed
    hits: int = 0  #: readings in a row that show it


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """A proven change of current whose response is watched for: how long did it take?"""

    since_at: datetime
    baseline_w: float  #: consumption of the site before it
    expected_w: float  #: by how much it should change
    not_yet_s: float = 0.0  #: so long after the answer it had not settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """What the site consumes beside a car that is awake and does not charge: a step as large as its charging is looked into."""

    level_w: float
    hits: int = 0  #: readings in a row that show such a step
    misses: int = 0  #: that show another one
    looked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeAttempt:
    """A wake under way: the car is polled by the free state call."""

    since_at: datetime
    polls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LowAmps:
    """Asking for less than the device's minimum: it takes two commands, some seconds apart, while charging."""

    value_a: int
    sent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEnd:
    """How an order ended."""

    order_id: int
    outcome: Outcome
    cause: Cause | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)  # not slotted: it is replaced with every reading (values.py)
class VehicleState:
    """A vehicle and all dealings with it."""

    memory: VehicleMemory = field(default_factory=VehicleMemory)
    availability: Availability = Availability.UNKNOWN
    availability_at: datetime | None = None
    exchange: Exchange | None = None
    steps: Steps = ()
    is_doubtful: bool = True  #: it may have been used since its data was read: read before deciding
    doubt: Doubt | None = None
    baseline_w: float | None = None  #: consumption of the site when the last command was sent
    settling: Settling | None = None
    switched_at: datetime | None = None  #: when the last switch of phases will be (or was) over
    quiet: Quiet | None = None
    wake: WakeAttempt | None = None
    refused: dict[CommandName, tuple[Command, str]] = field(default_factory=dict)
    asleep_answers: int = 0  #: 408 in a row
    state_due_at: datetime | None = None  #: next free state call
    data_due_at: datetime | None = None  #: next data read that is worth its price
    data_wait_s: float = 0.0  #: the wait that led to data_due_at, for backing off
    amps_sent_at: datetime | None = None
    low_amps: LowAmps | None = None
    unexplained: int = 0  #: grid readings in a row in which the believed draw could not be
    start_retry_at: datetime | None = None
    starts_failed: int = 0
    start_hits: int = 0  #: grid readings in a row that show a start
    energy_wh: float = 0.0  #: drawn since its data was read (high end), to foresee the target
    energy_at: datetime | None = None
    order_ends: tuple[OrderEnd, ...] = ()  #: of the last ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Lean:
    """The other number of phases, gaining over the present one."""

    phases: int
    since_at: datetime
    gain_wh: float


Scores = dict[int, float]
"""Current in A (0 = off) → what it would have gained over the present one since it began to gain, in Wh."""


@dataclass(frozen=True, kw_only=True)  # not slotted: it is replaced with every reading (values.py)
class LoadpointState:
    """A loadpoint: wish, set-point and why."""

    memory: LoadpointMemory
    set_point: SetPoint = field(default_factory=SetPoint)
    is_acting: bool = False  #: the set-point is carried out; False = the car is left alone
    reason: Reason  #: of the set-point
    held_by: Reason | None = None  #: what keeps the set-point from being carried out
    pending: Pending | None = None
    missed_wh: float = 0.0  #: of surplus that a start would have used
    switched_at: datetime | None = None  #: of the last start or stop from the sun
    no_room_at: datetime | None = None  #: when it was last stopped because not even the minimum fitted
    import_wh: float = 0.0  #: imported at the minimum since the surplus fell short
    short_since_at: datetime | None = None  #: since when it has fallen short
    scores: Scores = field(default_factory=dict)
    lean: Lean | None = None  #: towards the other number of phases
    surplus_at: datetime | None = None  #: of the grid reading that was last weighed
    raise_since_at: datetime | None = None
    raise_to_a: int = 0
    surplus_low_w: float | None = None
    surplus_high_w: float | None = None


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything. `due_at` is the next instant at which time alone changes something."""

    settings: Settings
    began_at: datetime
    at: datetime
    meters: dict[str, MeterState] = field(default_factory=dict)
    vehicles: dict[str, VehicleState] = field(default_factory=dict)
    loadpoints: dict[str, LoadpointState] = field(default_factory=dict)
    next_exchange_id: int = 1
    others: dict[str, Amps] = field(
        default_factory=dict
    )  #: by circuit ("" = main fuse): what all but the cars drew per phase when their draw was last known, more if proven since
    others_w: dict[str, float] = field(default_factory=dict)  #: the same in all, where a limit in W is held
    memory: SiteMemory = field(default_factory=SiteMemory)
    sun: Draw | None = None  #: surplus of the site with what the cars draw added back, None = not known now
    weighed_at: datetime | None = None  #: of the grid reading that was last weighed as evidence
    trend: Trend = field(default_factory=Trend)  #: of the sun's power, or of the surplus where nothing measures the sun
    grid_over_since_at: datetime | None = (
        None  #: since when not even minimums fit what somebody allows the site to import
    )
    house_w: float | None = None  #: what everything but the cars used when their draw was last known
    due_at: datetime | None = None
