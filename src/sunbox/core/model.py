"""What is known, and what is wished: the nouns of the core.

`None` means "not known" and never means zero. Facts carry the instant at which they were true.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from sunbox.core.commands import Cause, Command, Exchange, RequestKind


class Mode(StrEnum):
    """What a loadpoint does by itself."""

    OFF = "off"
    NOW = "now"
    MIN_PV = "min_pv"  #: never below the minimum, more with sun
    PV = "pv"


class Override(StrEnum):
    """A start or stop by somebody, beside the mode."""

    NONE = "none"
    STOP = "stop"
    CHARGE = "charge"


class ChargerStatus(StrEnum):
    """As in IEC 61851."""

    A = "A"  #: not connected
    B = "B"  #: connected
    C = "C"  #: charging
    E = "E"  #: fault
    F = "F"  #: fault


class Availability(StrEnum):
    """Whether a vehicle can be talked to."""

    ONLINE = "online"
    ASLEEP = "asleep"
    OFFLINE = "offline"  #: firmware since 2024.20 reports sleeping cars so; treated as asleep
    UNKNOWN = "unknown"


class Charging(StrEnum):
    """What a vehicle says about its charging."""

    DISCONNECTED = "disconnected"
    STOPPED = "stopped"
    STARTING = "starting"
    CHARGING = "charging"
    COMPLETE = "complete"
    NO_POWER = "no_power"
    CALIBRATING = "calibrating"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReading:
    """What a meter measured, in W; grid + = import, battery + = discharging, pv >= 0. None = it does not measure that."""

    measured_at: datetime
    grid_w: float | None = None
    pv_w: float | None = None
    battery_w: float | None = None
    battery_soc_pct: float | None = None
    grid_phases_a: tuple[float, float, float] | None = None  #: per phase, + = import
    is_off_grid: bool | None = None  #: there is no grid, and the home lives on its battery; None = it does not say


class Weekday(StrEnum):
    """A day of the week."""

    SUN = "sun"
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeSchedule:
    """A schedule that a vehicle keeps: when it charges by itself on some days at a place. Minutes are after its local midnight."""

    id: int
    name: str = ""
    days: tuple[Weekday, ...] = ()
    starts: bool = False  #: it begins to charge at `start_min`
    start_min: int | None = None
    ends: bool = False  #: it stops at `end_min`
    end_min: int | None = None
    is_once: bool = False
    is_enabled: bool = False
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleDetails:
    """What a vehicle said of itself that no rule needs: only shown. None = it did not say."""

    range_km: float | None = None  #: as its display tells it
    range_ideal_km: float | None = None
    range_estimated_km: float | None = None
    usable_soc_pct: int | None = None
    limit_soc_standard_pct: int | None = None  #: to which `LIMIT_STANDARD` sets the limit
    limit_soc_max_pct: int | None = None
    charge_rate_km_h: float | None = None
    left_to_charge_min: int | None = None
    odometer_km: float | None = None
    speed_km_h: float | None = None
    heading_deg: int | None = None
    inside_c: float | None = None
    outside_c: float | None = None
    is_preconditioning: bool | None = None
    is_battery_heated: bool | None = None
    is_locked: bool | None = None
    is_guarded: bool | None = None  #: sentry mode
    is_port_open: bool | None = None
    is_port_latched: bool | None = None
    version: str | None = None  #: of its software
    schedule_mode: str | None = None  #: its own words: Off, StartAt, DepartBy
    schedule_start_min: int | None = None  #: after its local midnight
    schedule_departure_min: int | None = None
    schedules: tuple[ChargeSchedule, ...] | None = None  #: of newer software; () = it keeps none


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleFacts:
    """What a vehicle said of itself at `measured_at`."""

    measured_at: datetime
    charging: Charging = Charging.UNKNOWN
    soc_pct: int | None = None
    limit_soc_pct: int | None = None
    limit_soc_min_pct: int | None = None
    amps_requested_a: int | None = None  #: the car's own setting
    amps_requested_max_a: int | None = None  #: most that cable and car allow
    pilot_a: int | None = None  #: what the EVSE offers
    actual_a: float | None = None
    voltage_v: float | None = None  #: phase to neutral; 1–2 V when idle
    power_w: float | None = None  #: whole kW, in W
    phases: int | None = None  #: 1 or 3; None if it does not say
    phases_offered: int | None = None  #: 1 or 3, where the EVSE can switch between them
    energy_added_wh: float | None = None
    latitude: float | None = None
    longitude: float | None = None
    is_fast_charger: bool | None = None
    is_driving: bool | None = None
    is_schedule_pending: bool | None = None  #: it is plugged in and waits for a time of its own
    schedule_at: datetime | None = None  #: when it will start by itself, if it says
    charger: ChargerReading | None = None  #: of a charger: its own words
    idle_since_at: datetime | None = None  #: of a charger: since when it has offered current that no car takes
    is_near: bool = False  #: it answered over a radio that reaches a few metres: it stands where the radio is
    details: VehicleDetails | None = None

    @property
    def is_plugged(self) -> bool | None:
        """Return whether a cable is in, None if the vehicle does not say."""
        if self.charging is Charging.UNKNOWN:
            return None
        return self.charging is not Charging.DISCONNECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerReading:
    """What a charger (EVSE) said of itself at `measured_at`. None = it did not say."""

    measured_at: datetime
    status: ChargerStatus | None = None  #: None = it does not know itself
    is_enabled: bool | None = None  #: it offers current, or would as soon as a car asks for it
    amps_set_a: int | None = None  #: the current that it was told to offer
    max_a: int | None = None  #: most that cable, installation and heat allow now, whatever it was told
    phases_set: int | None = None  #: 1 or 3, as it is switched; None = it cannot be switched
    phases: int | None = None  #: on which current flows
    current_a: tuple[float, float, float] | None = None  #: per phase, into the car
    voltage_v: tuple[float, float, float] | None = None  #: per phase, to neutral
    power_w: float | None = None  #: into the car
    energy_session_wh: float | None = None  #: since plug-in
    energy_total_wh: float | None = None
    told: bool | None = None  #: what it was last told: to charge, or not to; None = nothing, it goes by its own rules
    holds: str | None = None  #: why it offers nothing, in its own word
    is_switching: bool = False  #: it switches phases, or plays unplugged: `status` is a blip of its own
    started_at: datetime | None = None  #: when it booted; what it was told before may be forgotten
    fault: str | None = None  #: its own word


@dataclass(frozen=True, slots=True)
class Draw:
    """What goes into the car at an instant, as an interval in W. Equal ends = known."""

    low_w: float
    high_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms somebody wants a loadpoint regulated, until it is told otherwise. None and 0 = as the file says.

    Powers are sums over the phases. The terms are those that a SmartEVSE lets its owner set; any face may offer them.
    """

    min_a: int | None = None  #: smallest current it charges with; never below the device's own
    start_w: float | None = None  #: surplus with which a start from the sun is made, whatever the minimum takes
    import_w: float = 0.0  #: what charging from the sun may draw from the grid beside
    stop_after_s: float | None = None  #: without enough sun it goes on at the minimum so long; 0 = for ever
    grid_max_w: float | None = None  #: most that the site may draw from the grid because of this loadpoint
    grid_grace_s: float = 0.0  #: beyond that, it goes on at the minimum so long


AS_THE_FILE_SAYS = Terms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What people and programs want of a loadpoint. It changes by requests only (and by unplugging)."""

    mode: Mode
    override: Override = Override.NONE
    override_by: str | None = None
    override_until_at: datetime | None = None
    amps_a: int | None = None  #: set-point under now/charge, upper bound in the PV modes
    phases: int | None = None  #: 1 or 3 where they can be switched; None = as the file says, else as the sun does
    terms: Terms = AS_THE_FILE_SAYS
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """From plug-in to unplug."""

    began_at: datetime
    has_started: bool = False  #: charging was started at least once
    was_stopped: bool = False  #: the last word of a person or program was stop
    meddled_at: tuple[datetime, ...] = ()  #: the last times somebody else changed the current
    takes_a: int | None = None  #: all that the car took when it might have taken more; None = it has not been seen to


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """Paid requests of one vehicle or meter, counted by kind: today and this month in the site's own days."""

    day: date
    day_ends_at: datetime
    today: dict[RequestKind, int] = field(default_factory=dict)
    this_month: dict[RequestKind, int] = field(default_factory=dict)
    money_today: float = 0.0
    money_this_month: float = 0.0
    carried: int = 0  #: commands that earlier days left over; at most one day's worth
    wakes: int = 0  #: sent today, billed or not
    since: date | None = None  #: first day of this month that was counted; None = its first


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A one-shot command that waits for the car."""

    id: int
    command: Command
    by: str
    since_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleMemory:
    """What must survive of a vehicle."""

    facts: VehicleFacts | None = None  #: as last read, brought up to date by proven commands
    read_at: datetime | None = None  #: when its data was last read
    target_soc_pct: int | None = None  #: the wish, 1–100
    target_reached: bool = False  #: the soft target (1–49) was reached; no restart until 3 points below
    limit_sent_pct: int | None = None  #: the charge limit that we set last, proven
    spend: Spend | None = None
    not_before_at: datetime | None = None  #: rate limit or back-off: nothing paid before
    block_cause: Cause | None = None
    failures: int = 0  #: in a row, of requests that did not get through
    is_command_failing: bool = False  #: what did not get through was a command: no read proves that the next one will
    last_wake_at: datetime | None = None
    wake_failures: int = 0
    login_required: bool = False
    exchange: Exchange | None = None  #: the command under way
    orders: tuple[Order, ...] = ()  #: one-shot commands that wait, the oldest first
    phases: int | None = None  #: learned
    voltage_v: float | None = None  #: learned under load
    shadow_wh: float | None = None  #: learned: the shadow price of a command with which a day begins
    settle_s: float | None = None  #: learned: from the answer to a change of current until the draw has settled
    low_amps_refused: bool = False  #: it stays at its minimum when asked for less
    told: bool | None = None  #: of a charger whose facts are not kept: what it said last that it was told


@dataclass(frozen=True, slots=True, kw_only=True)
class Wear:
    """What a loadpoint did on a day of the site that wears contactors."""

    day: date
    starts: int = 0
    ups: int = 0  #: switches to more phases


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadpointMemory:
    """What must survive of a loadpoint."""

    wish: Wish
    session: Session | None = None
    was_charging: bool = False  #: the set-point was to charge
    has_vehicle: bool | None = None  #: with a charger: its vehicle is what is plugged in; None = not known (yet)
    wear: Wear | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What the grid operator allows all cars together, for a time."""

    max_w: float
    until_at: datetime | None = None  #: None = until it is lifted
    by: str = "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteMemory:
    """What must survive of the site."""

    limit: Limit | None = None
    is_battery_held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterMemory:
    """What must survive of a meter."""

    spend: Spend | None = None  #: None = nothing was counted yet
    last_entry: int = 0  #: of what somebody sent by hand, all up to this entry is in the spend


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What must survive a restart. The store keeps one row per vehicle, loadpoint and meter, and for the site; None = no news."""

    site: SiteMemory | None = None

    vehicles: dict[str, VehicleMemory] = field(default_factory=dict)
    loadpoints: dict[str, LoadpointMemory] = field(default_factory=dict)
    meters: dict[str, MeterMemory] = field(default_factory=dict)
