"""The native API's JSON. A view has the fields of the snapshot that it shows (a test holds them together).

Units are in the names; grid + = import, battery + = discharging; null = never known. Instants are UTC.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt

from sunbox.core.model import Availability, ChargerStatus, Charging, Mode, Override, Weekday
from sunbox.core.reasons import Reason, ReasonCode, ReasonKind, render
from sunbox.core.wallbox import Pending

Watts = Annotated[float | None, Field(description="W")]


class View(BaseModel):
    """What all views have in common: they are made from the attributes of a snapshot."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class ReasonView(View):
    """Why: the code, what sort of state it explains, the line to read, its numbers, and when time alone changes it."""

    code: ReasonCode
    kind: ReasonKind
    text: str
    numbers: dict[str, float | int | str]
    changes_at: datetime | None


def _reason_view(reason: Any) -> Any:
    if not isinstance(reason, Reason):
        return reason
    return ReasonView(
        code=reason.code,
        kind=reason.kind,
        text=render(reason),
        numbers=dict(reason.numbers),
        changes_at=reason.changes_at,
    )


class SetPointView(View):
    """What was decided."""

    charge: bool
    amps_a: int
    phases: int


class SpendView(View):
    """What paid requests have cost, in money, and where the lines are. Days and months are the site's own."""

    money_today: float
    money_this_month: float
    money_projected: Annotated[float, Field(description="of the whole month, if it goes on like this")]
    per_month: Annotated[float | None, Field(description="the owner's budget; null = unlimited")]
    soft_line: Annotated[
        float | None,
        Field(description="of today: beyond it only what is needed is paid for; null = unlimited, and of a meter"),
    ]
    daily_line: Annotated[
        float | None, Field(description="of today: beyond it nothing is paid for but stops; null = unlimited")
    ]
    requests_today: Annotated[dict[str, int], Field(description="billed, by kind: data, command, wake")]
    requests_this_month: Annotated[dict[str, int], Field(description="billed, by kind")]
    wakes_today: Annotated[int, Field(description="sent, billed or not")]
    wakes_line: Annotated[int | None, Field(description="most of a day; null = unlimited")]


class MeterView(View):
    """A meter, and what asking it has cost."""

    id: str
    age_s: Annotated[float | None, Field(description="of its last reading; null = never read")]
    is_cloud: Annotated[bool, Field(description="asked only while a car is connected and the sun is up")]
    interval_s: Annotated[float, Field(description="how often it is read; more where its budget would not last")]
    held_until_at: Annotated[datetime | None, Field(description="not asked before, for the sake of its budget")]
    spend: Annotated[SpendView | None, Field(description="null = its requests are not counted")]


class VehicleView(View):
    """A vehicle as last known."""

    id: str
    name: str
    vin: str | None
    availability: Availability
    is_asleep: bool
    age_s: Annotated[float | None, Field(description="since its data was read")]
    charging: Charging
    is_plugged: bool | None
    soc_pct: int | None
    limit_soc_pct: Annotated[int | None, Field(description="the car's own charge limit")]
    target_soc_pct: Annotated[int | None, Field(description="the wish")]
    amps_requested_a: int | None
    amps_requested_max_a: int | None
    pilot_a: Annotated[int | None, Field(description="what the charger offers the car")]
    place: Annotated[str | None, Field(description="null = unknown, or nowhere special")]
    place_tags: list[str]
    is_at_pv_place: bool
    is_at_fast_charger: bool
    login_required: bool
    spend: SpendView | None


class ScheduleView(View):
    """A schedule that a car keeps. Minutes are after its local midnight."""

    id: int
    name: str
    days: tuple[Weekday, ...]
    starts: Annotated[bool, Field(description="it begins to charge at start_min")]
    start_min: int | None
    ends: Annotated[bool, Field(description="it stops at end_min")]
    end_min: int | None
    is_once: bool
    is_enabled: bool
    latitude: Annotated[float | None, Field(description="of the place where it applies")]
    longitude: float | None


class SchedulesView(View):
    """The schedules that a car keeps, as it told them last."""

    vehicle_id: str
    age_s: Annotated[float | None, Field(description="since the car's data was read; null = never")]
    schedules: Annotated[
        tuple[ScheduleView, ...] | None, Field(description="null = it did not tell; empty = it keeps none")
    ]


class CommandView(View):
    """What came of a command to a car."""

    vehicle_id: str
    command: str
    result: Annotated[bool, Field(description="false = it was not done, and will not be by itself")]
    is_settled: Annotated[bool, Field(description="false = accepted, and still under way")]
    reason: str


class TermsView(View):
    """On which terms somebody wants a loadpoint regulated. Null and 0 = as the file says."""

    min_a: int | None
    start_w: Watts
    import_w: float
    stop_after_s: float | None
    grid_max_w: Watts
    grid_grace_s: float


class LoadpointView(View):
    """A place to charge: its mode, what is wished, what is so, and why."""

    number: Annotated[int, Field(description="1-based")]
    id: str
    name: str
    mode: Mode
    override: Override
    override_by: str | None
    is_wished: Annotated[bool, Field(description="mode and override ask for charging and the target is not reached")]
    version: Annotated[int, Field(description="of the wish")]
    is_settled: Annotated[bool, Field(description="nothing is under way or about to be sent")]
    status: Annotated[
        ChargerStatus, Field(description="IEC 61851: A not connected, B connected, C charging, E F fault")
    ]
    is_plugged: bool
    is_flowing: bool
    has_started: Annotated[bool, Field(description="since it was plugged in")]
    was_stopped: Annotated[bool, Field(description="by a person or program, since it was plugged in")]
    is_target_reached: bool
    is_pv_possible: bool
    amps_asked_a: int | None
    set_point: SetPointView
    max_a: int | None
    draw_a: Annotated[float | None, Field(description="per phase")]
    voltage_v: float | None
    phases: int
    draw_w: Watts
    energy_added_wh: float | None
    pending: Pending | None
    reason: Annotated[ReasonView, BeforeValidator(_reason_view)]
    vehicle: VehicleView | None
    is_here: Annotated[bool | None, Field(description="the car stands at this loadpoint's place; null = not known")]
    phases_asked: Annotated[int | None, Field(description="1 or 3; null = automatic")]
    can_switch_phases: Annotated[bool, Field(description="between one phase and three")]
    energy_total_wh: Annotated[float | None, Field(description="of all sessions, where a charger counts it")]
    terms: Annotated[TermsView, Field(description="asked for")]


class LimitView(View):
    """What the grid operator allows all cars together."""

    max_w: float
    until_at: Annotated[datetime | None, Field(description="null = until it is lifted")]
    by: str


class SiteView(View):
    """Everything that can be shown, at `at`."""

    at: datetime
    name: str
    grid_w: Annotated[float | None, Field(description="+ = import")]
    pv_w: Watts
    battery_w: Annotated[float | None, Field(description="+ = discharging")]
    battery_soc_pct: float | None
    house_w: Annotated[float | None, Field(description="without the cars")]
    limit: LimitView | None
    is_grid_stale: bool
    grid_age_s: float | None
    surplus_w: Watts
    loadpoints: tuple[LoadpointView, ...]
    vehicles: tuple[VehicleView, ...]
    problems: Annotated[tuple[str, ...], Field(description="that devices have beside charging")] = ()
    grid_phases_a: Annotated[tuple[float, float, float] | None, Field(description="+ = import; null = not measured")]
    meters: tuple[MeterView, ...] = ()


class DecisionView(View):
    """A recorded decision: when its code or set-point changed, and every five minutes."""

    at: datetime
    loadpoint: Annotated[str, Field(description="its id")]
    charge: bool
    amps_a: int
    phases: int
    acting: Annotated[bool, Field(description="false = the car is left alone")]
    code: str
    kind: str
    numbers: dict[str, float | int | str]
    text: Annotated[str, Field(description="the line of arithmetic")]
    changes_at: Annotated[datetime | None, Field(description="when time alone would change it")]
    pending: str | None
    mode: str
    override: str
    surplus_low_w: Watts
    surplus_high_w: Watts
    grid_w: Annotated[float | None, Field(description="+ = import")]
    draw_low_w: Watts
    draw_high_w: Watts


class DecisionsView(View):
    """Recorded decisions, the oldest first."""

    decisions: tuple[DecisionView, ...]
    gaps: Annotated[tuple[str, ...], Field(description="what is missing among them, in words")]
    is_cut: Annotated[bool, Field(description="there were more than the limit; these are the newest")]


class LoadpointDayView(View):
    """What a recorded day brought at one loadpoint."""

    id: str
    charged_kwh: float
    solar_kwh: float
    battery_kwh: Annotated[float, Field(description="from the home battery")]
    import_kwh: float
    missed_kwh: Annotated[dict[str, float], Field(description="by cause, the largest first")]
    commands: int
    wakes: int
    data_reads: int
    money: float


class PossibleDayView(View):
    """What somebody who knew the whole day could have done with as many commands and no delay."""

    solar_kwh: float
    import_kwh: float
    commands: float
    share_pct: Annotated[float | None, Field(description="of its solar - weight × import that was reached")]
    weight: Annotated[float, Field(description="how many times import counts")]


class DayReportView(View):
    """A recorded day."""

    day: date
    hours: Annotated[float, Field(description="that the record covers")]
    sun_kwh: Annotated[float, Field(description="surplus within the cars' maximum, whether they were there or not")]
    usable_kwh: Annotated[float, Field(description="the part of it while a car was plugged in and not full")]
    charged_kwh: float
    solar_kwh: float
    battery_kwh: float
    import_kwh: float
    missed_kwh: dict[str, float]
    commands: int
    money: float
    possible: PossibleDayView | None
    loadpoints: tuple[LoadpointDayView, ...]
    gaps: tuple[str, ...]


Number = Annotated[StrictInt | StrictFloat, Field(ge=0, allow_inf_nan=False)]


class TermsWish(BaseModel):
    """How a loadpoint is regulated, in place of all terms before; what is left out is as the file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_a: Annotated[StrictInt | None, Field(description="smallest current it charges with")] = None
    start_w: Annotated[Number | None, Field(description="surplus with which a start from the sun is made")] = None
    import_w: Annotated[Number, Field(description="charging from the sun may draw so much from the grid beside")] = 0.0
    stop_after_s: Annotated[
        Number | None, Field(description="without enough sun it goes on at the minimum so long; 0 = for ever")
    ] = None
    grid_max_w: Annotated[Number | None, Field(description="most that the site may draw because of it")] = None
    grid_grace_s: Annotated[Number, Field(description="beyond that it goes on at the minimum so long")] = 0.0


class LoadpointWish(BaseModel):
    """What to change; what is left out stays as it is. All of it is applied, or nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode | None = None
    override: Annotated[Override | None, Field(description="charge, stop, or none to leave it to the mode")] = None
    amps_a: Annotated[StrictInt | None, Field(ge=3, le=32)] = None
    target_soc_pct: Annotated[StrictInt | None, Field(ge=1, le=100)] = None
    phases: Annotated[StrictInt | None, Field(description="1 or 3 where they can be switched; 0 = automatic")] = None
    terms: Annotated[TermsWish | None, Field(description="all of them; {} lifts them")] = None
    by: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,15}$", description="who asks; the reason names it")] = "api"


class LimitWish(BaseModel):
    """A limit of the grid operator (dimming) for all cars together, or null to lift it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_w: Annotated[StrictInt | StrictFloat | None, Field(ge=0, le=1e6, allow_inf_nan=False)]
    until_at: Annotated[AwareDatetime | None, Field(description="with an offset; left out = until it is lifted")] = None
    by: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,15}$", description="who says so")] = "api"


MOST_W = 1e6


class MeterReport(BaseModel):
    """What a meter measured that only its client can read: a meter of driver `pushed`. Left out or null = not measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grid_w: Annotated[
        StrictInt | StrictFloat | None, Field(ge=-MOST_W, le=MOST_W, allow_inf_nan=False, description="+ = import")
    ] = None
    pv_w: Annotated[StrictInt | StrictFloat | None, Field(ge=0, le=MOST_W, allow_inf_nan=False)] = None
    battery_w: Annotated[
        StrictInt | StrictFloat | None, Field(ge=-MOST_W, le=MOST_W, allow_inf_nan=False, description="+ = discharging")
    ] = None
    battery_soc_pct: Annotated[StrictInt | StrictFloat | None, Field(ge=0, le=100, allow_inf_nan=False)] = None
    measured_at: Annotated[AwareDatetime | None, Field(description="with an offset; left out = now")] = None


ALLOWED_REPORT: dict[str, str] = {
    "grid_w": "a number of watts from -1000000 to 1000000, + = import",
    "pv_w": "a number of watts from 0 to 1000000",
    "battery_w": "a number of watts from -1000000 to 1000000, + = discharging",
    "battery_soc_pct": "a number from 0 to 100",
    "measured_at": "an instant that is over with its offset, such as 2026-06-01T14:00:00+02:00",
}

ALLOWED_LIMIT: dict[str, str] = {
    "max_w": "a number of watts from 0 to 1000000, or null to lift the limit",
    "until_at": "an instant to come with its offset, such as 2026-06-01T14:00:00+02:00",
    "by": "a short word in lower case",
}

ALLOWED: dict[str, str] = {
    "mode": ", ".join(Mode),
    "override": ", ".join(Override),
    "amps_a": "an integer from 3 to 32",
    "target_soc_pct": "an integer from 1 to 100",
    "phases": "1, 3, or 0 for automatic",
    "terms": "an object with min_a, start_w, import_w, stop_after_s, grid_max_w, grid_grace_s: numbers from 0; {} lifts them",
    "by": "a short word in lower case",
}
"""What each field of a wish may be, in words, for people who sent something else."""

NESTED = frozenset({"terms"})
"""Fields with fields of their own."""


class ProblemView(View):
    """Why nothing was changed, and what would have been right."""

    error: str
    field: str | None
    value: str | None
    allowed: str | None


class HealthView(View):
    """Whether the gateway is well. It answers 200 while it runs; what it lacks stands in `problems`."""

    status: Annotated[str, Field(description="ok, or degraded")]
    version: str
    uptime_s: Annotated[float, Field(description="of the process, on the machine's own clock")]
    at: Annotated[datetime, Field(description="the site's time")]
    grid_age_s: float | None
    problems: tuple[str, ...]
