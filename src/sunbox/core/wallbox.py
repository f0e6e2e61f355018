"""The protocol that joins gateway and faces: see the site, ask for something, report a reading, wait for a change.

A face knows this file and nothing else of the gateway. Nothing here contacts a device.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from sunbox.core.commands import Cause, Command, Outcome
from sunbox.core.model import (
    AS_THE_FILE_SAYS,
    Availability,
    ChargerStatus,
    Charging,
    Limit,
    MeterReading,
    Mode,
    Override,
    Terms,
    VehicleFacts,
)
from sunbox.core.reasons import Numbers, Reason


class Pending(StrEnum):
    """What is being done for a loadpoint at this moment."""

    WAKING = "waking"
    STARTING = "starting"
    STOPPING = "stopping"
    SETTING_AMPS = "setting_amps"
    SETTING_LIMIT = "setting_limit"
    SETTING_PHASES = "setting_phases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One bundle of wishes for one loadpoint, applied in one event. What is None stays as it is.

    `override` NONE lifts start and stop. `amps_a` 3–32, `target_soc_pct` 1–100, `phases` 1, 3 or 0 = automatic
    (where a charger can switch them). `terms` replaces all of them; `Terms()` lifts them.
    """

    loadpoint_id: str
    by: str  #: who asks: "tlwb", "api", "cli", …
    mode: Mode | None = None
    override: Override | None = None
    until_at: datetime | None = None
    amps_a: int | None = None
    target_soc_pct: int | None = None
    phases: int | None = None
    terms: Terms | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The wish is taken; `version` is the wish version to wait for."""

    version: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing was changed: `field` had `value`, and `allowed` says what would have been right."""

    field: str
    value: str
    allowed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPoint:
    """What the pipeline decided for a loadpoint."""

    charge: bool = False
    amps_a: int = 0
    phases: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendSnapshot:
    """What paid requests have cost, in money, and where the lines are."""

    money_today: float
    money_this_month: float
    money_projected: float  #: for the whole month, if it goes on like this
    per_month: float | None  #: the owner's budget; None = unlimited
    soft_line: (
        float | None
    )  #: of today: beyond it only what is needed; None = unlimited, and of a meter, which has none
    daily_line: float | None  #: of today: beyond it only stops, and a battery's hold; None = unlimited
    requests_today: dict[str, int]
    requests_this_month: dict[str, int]
    wakes_today: int  #: sent, billed or not
    wakes_line: int | None  #: most of a day; None = unlimited


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSnapshot:
    """A meter, and what asking it has cost. `None` = never known."""

    id: str
    age_s: float | None  #: of its last reading
    is_cloud: bool  #: it is asked only while a car is connected and the sun is up
    interval_s: float  #: how often it is read then; longer than it was written where its budget would not last
    held_until_at: datetime | None  #: before then it is not asked, for the sake of its budget; None = it is
    spend: SpendSnapshot | None  #: None = its requests are not counted


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleSnapshot:
    """A vehicle as last known. `None` = never known."""

    id: str
    name: str
    vin: str | None
    availability: Availability
    is_asleep: bool
    age_s: float | None  #: since its data was read
    charging: Charging
    is_plugged: bool | None
    soc_pct: int | None
    limit_soc_pct: int | None
    target_soc_pct: int | None  #: the wish
    amps_requested_a: int | None
    amps_requested_max_a: int | None
    pilot_a: int | None
    place: str | None  #: None = unknown or nowhere special
    place_tags: frozenset[str]
    is_at_pv_place: bool
    is_at_fast_charger: bool
    login_required: bool
    spend: SpendSnapshot | None
    facts: VehicleFacts | None = None  #: all that it said of itself, brought up to date by proven commands


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadpointSnapshot:
    """One loadpoint, seen by its clients."""

    number: int  #: 1-based, in the order of the config
    id: str
    name: str
    mode: Mode
    override: Override
    override_by: str | None
    is_wished: bool  #: mode and override ask for charging, and the target is not reached
    version: int  #: of the wish
    is_settled: bool  #: nothing is under way or about to be sent for it
    status: ChargerStatus
    is_plugged: bool
    is_flowing: bool  #: current flows
    has_started: bool  #: since plug-in
    was_stopped: bool  #: explicitly, since plug-in
    is_target_reached: bool
    is_pv_possible: bool
    amps_asked_a: int | None
    set_point: SetPoint
    max_a: int | None  #: most that cable, EVSE and car allow now
    draw_a: float | None  #: per phase
    voltage_v: float | None
    phases: int
    draw_w: float | None
    energy_added_wh: float | None
    pending: Pending | None
    reason: Reason
    vehicle: VehicleSnapshot | None
    is_here: bool | None = None  #: the car stands at this loadpoint's place; None = not known
    phases_asked: int | None = None  #: None = automatic
    can_switch_phases: bool = False
    energy_total_wh: float | None = None  #: of all sessions, where a charger counts it
    terms: Terms = AS_THE_FILE_SAYS  #: asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSnapshot:
    """Everything a face may show, at `at`."""

    at: datetime
    name: str
    grid_w: float | None
    pv_w: float | None
    battery_w: float | None
    battery_soc_pct: float | None
    house_w: float | None  #: grid + pv + battery - cars
    limit: Limit | None  #: of the grid operator
    is_grid_stale: bool
    grid_age_s: float | None
    surplus_w: float | None
    loadpoints: tuple[LoadpointSnapshot, ...]
    vehicles: tuple[VehicleSnapshot, ...]
    problems: tuple[str, ...] = ()  #: that devices have beside charging, in words
    grid_phases_a: tuple[float, float, float] | None = None  #: per phase, + = import; None = not measured
    meters: tuple[MeterSnapshot, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided for one loadpoint, and why, as it was recorded.

    `code` and `kind` are words, not enums: a record may come from a version that knew others.
    """

    at: datetime
    loadpoint: str  #: its id
    charge: bool
    amps_a: int
    phases: int
    acting: bool  #: the set-point is carried out; False = the car is left alone
    code: str
    kind: str
    numbers: Numbers
    text: str  #: the line of arithmetic
    changes_at: datetime | None  #: when time alone would change it
    pending: str | None
    mode: str
    override: str
    surplus_low_w: float | None
    surplus_high_w: float | None
    grid_w: float | None  #: + = import
    draw_low_w: float | None  #: of the car, when the grid was measured
    draw_high_w: float | None

    @property
    def gist(self) -> tuple[bool, int, int, bool, str, str | None]:
        """Return what makes one decision another than the last: the numbers in its line do not."""
        return (self.charge, self.amps_a, self.phases, self.acting, self.code, self.pending)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionQuery:
    """Which records are wanted, from the newest back: those from `from_at` to `to_at` (both included).

    With `in_force` the one in force at `from_at` comes first, however old it is (within the day before).
    """

    from_at: datetime
    to_at: datetime
    in_force: bool = False
    loadpoint_id: str | None = None
    limit: int | None = None  #: at most so many, the newest


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """Records in the order of time, and in words what is missing among them."""

    decisions: tuple[Decision, ...]
    gaps: tuple[str, ...] = ()
    is_cut: bool = False  #: there were more than the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadpointDay:
    """What a recorded day brought at one loadpoint, in kWh; `missed_kwh` by cause, the largest first."""

    id: str
    charged_kwh: float
    solar_kwh: float
    battery_kwh: float  #: from the home battery
    import_kwh: float
    missed_kwh: dict[str, float]
    commands: int
    wakes: int
    data_reads: int
    money: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PossibleDay:
    """What somebody who knew the whole day could have done with as many commands and no delay."""

    solar_kwh: float
    import_kwh: float
    commands: float
    share_pct: float | None  #: of its solar - weight × import that was reached; None where nothing was possible
    weight: float  #: how many times import counts


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """A recorded day: what was there, what was captured, what was missed and why."""

    day: date
    hours: float  #: that the record covers
    sun_kwh: float  #: surplus of the house within the cars' maximum, whether they were there or not
    usable_kwh: float  #: the part of it while a car was plugged in here and not full
    charged_kwh: float
    solar_kwh: float
    battery_kwh: float
    import_kwh: float
    missed_kwh: dict[str, float]
    commands: int
    money: float
    possible: PossibleDay | None  #: None where it is not reckoned
    loadpoints: tuple[LoadpointDay, ...]
    gaps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedEnd:
    """How a one-shot command ended."""

    outcome: Outcome
    cause: Cause | None
    detail: str


class NotRecordedError(LookupError):
    """There is no record of what was asked for; the text says what there is."""


class Notebook(Protocol):
    """What one instance of a face keeps over a restart: one JSON document."""

    def load(self) -> Mapping[str, Any] | None:
        """Return what was kept, None if there is nothing, or nothing that can be read. Never raises: a face begins anew."""
        ...

    def save(self, document: Mapping[str, Any]) -> Awaitable[None]:
        """Keep this in place of what was kept: all of it, or after a failure what was there before.

        Raises:
            SunboxError: the disk is full or the file is gone.
        """
        ...


class Wallbox(Protocol):
    """What a face may do."""

    def snapshot(self) -> SiteSnapshot:
        """Return the site as it is now. Free: never contacts a device."""
        ...

    def request(self, request: Request) -> Accepted | Rejected:
        """Change the wish, all or nothing. Returns at once; see `settled`."""
        ...

    def order(self, vehicle_id: str, command: Command, by: str) -> Accepted | Rejected:
        """Have a one-shot command sent once, within five minutes; the version is the number to wait for (`order_ended`)."""
        ...

    def order_ended(self, vehicle_id: str, version: int, timeout_s: float) -> Awaitable[OrderedEnd | None]:
        """Wait until an order has ended, at most `timeout_s`; None when time ran out."""
        ...

    def limit(self, limit: Limit | None) -> None:
        """Have all cars together take no more than the grid operator allows; None lifts it."""
        ...

    def report(self, meter_id: str, reading: MeterReading) -> None:
        """Take a reading that a client pushes.

        Raises:
            KeyError: there is no such meter to which readings are pushed.
        """
        ...

    def notebook(self, name: str) -> Notebook:
        """Return what the face of this name keeps; each instance has a name of its own."""
        ...

    def changed(self) -> Awaitable[None]:
        """Wait until something a face shows may have changed."""
        ...

    def settled(self, loadpoint_id: str, version: int, timeout_s: float) -> Awaitable[bool]:
        """Wait until the wish of `version` is applied or refused, at most `timeout_s`; False when time ran out."""
        ...

    def decisions(self, query: DecisionQuery) -> Awaitable[DecisionPage]:
        """Return recorded decisions. Reads files beside the loop where there are some; never contacts a device."""
        ...

    def day_report(self, day: date | None) -> Awaitable[DayReport]:
        """Return what a recorded local day brought, None = today.

        Raises:
            NotRecordedError: there is no record of that day.
        """
        ...
