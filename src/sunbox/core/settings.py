"""What an owner decided, typed and complete. `config/` makes it from the YAML file; nothing here has to be checked again."""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from sunbox.core.commands import RequestKind
from sunbox.core.model import Mode
from sunbox.core.values import replace, unchanged


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSwitch:
    """A device that can be told to charge on one phase or on three. It pauses and goes on by itself."""

    gap_s: float = 30.0  #: for how long no current flows when it is switched while charging
    settle_s: float = 15.0  #: from the end of the gap until the draw has settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a device can do, as its driver declares it. The core branches on these, never on a brand."""

    min_a: int = 6  #: smallest current it charges with
    low_min_a: int | None = (
        None  #: smallest current it can be talked into once charging (send twice), None = no such trick
    )
    max_a: int = 32
    step_a: int = 1
    max_phases: int = 3
    phase_switch: PhaseSwitch | None = None  #: None = it cannot
    is_polled: bool = False  #: its driver reads it all the time and tells: it is never asked
    sleeps: bool = False  #: it must be woken, and it should be left asleep
    is_location_bound: bool = False  #: it moves: only controlled at a place that allows it
    stops_at_limit_soc: bool = False  #: it has a charge limit of its own
    limit_soc_min_pct: int = 50
    settle_s: float = 12.0  #: from the answer to a command until the draw has settled
    start_settle_s: float = 25.0  #: from the answer to a start until the draw has settled
    price: dict[RequestKind, float] = field(default_factory=dict)  #: money per billed request; what is missing is free
    has_free_way: bool = False  #: a way that costs nothing is tried before one that is billed


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Hard lines for paid requests. None = unlimited. Stopping is never held back."""

    per_month: float | None = None  #: money; spread over the month: the daily line is `burst` times an even share
    commands_per_day: int | None = None
    wakes_per_day: int | None = None  #: however cheap they are
    burst: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSettings:
    """A circle on the map with tags such as home, pv (alias tlwb), work, charger."""

    name: str
    lat: float
    lon: float
    radius_m: float = 50.0
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSettings:
    """One meter. The order of meters is the order of preference per role."""

    id: str
    interval_s: float = 5.0
    delay_s: float = 0.0  #: how old a reading is when it arrives, where it carries no instant of its own
    stale_after_s: float = 30.0
    is_site: bool = True  #: it measures the site; False = a circuit below it
    is_cloud: bool = False  #: requests are counted or cost: asked only while a car is connected and the sun is up
    price: dict[RequestKind, float] = field(default_factory=dict)  #: money per request; empty = they are not counted
    budget: Budget = field(default_factory=Budget)  #: of its readings; what a hold needs is counted and never held back


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitSettings:
    """A fuse below the main one: circuits are a tree, and what one carries its parent carries too."""

    id: str
    parent: str | None = None  #: None = the main fuse
    max_a: float | None = None  #: per phase
    max_w: float | None = None  #: in all
    meter: str | None = None  #: id of the meter that measures it; None = only cars are on it
    safe_a: int = 6  #: what each loadpoint may take while the meter is silent


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleSettings:
    """One vehicle."""

    id: str
    name: str
    vin: str | None = None
    capabilities: Capabilities
    budget: Budget = field(default_factory=Budget)
    assume_place: str | None = None  #: place that counts while the location is unknown
    capacity_wh: float | None = None
    phases: int | None = None  #: phases it charges with; None = learned


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerSettings:
    """One charger (EVSE)."""

    id: str
    name: str
    capabilities: Capabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadpointSettings:
    """Charger + optional vehicle + mode; a vehicle without charger is its own charger. At least one of both is set."""

    id: str
    name: str
    vehicle_id: str | None = None
    charger_id: str | None = None
    mode: Mode = Mode.PV
    min_a: int | None = None  #: None = the device's
    max_a: int | None = None
    place: str | None = None  #: default: the first place tagged home
    phases: int | None = None  #: wired phases; None = what vehicle and charger say, switched where they can be
    first_phase: int | None = None  #: phase of the site, 1–3, that its first phase is wired to; None = not known
    circuit: str | None = None  #: that feeds it; None = the site's main fuse alone
    priority: int = 0  #: higher numbers get the sun first; equal ones share it
    start_delay_s: float = 30.0
    stop_delay_s: float = 20.0
    solar_share_pct: float = 100.0  #: of the power in the PV modes that must be sun; 100 = sun only
    min_run_s: float = 60.0  #: charging from the sun goes on for at least so long, whatever the sun does
    min_pause_s: float = 60.0  #: and pauses for at least so long
    overhead_w: float = 0.0  #: what the car itself burns while it charges: power that is worth nothing
    phase_up_delay_s: float = 240.0  #: more phases only after the sun has been enough for them for so long
    phase_down_delay_s: float = 150.0  #: fewer phases only after it has been too little for so long
    respect_schedule: bool = True  #: a car that waits for a time of its own is left waiting
    hand_lasts_s: float | None = (
        None  #: for how long a start or stop in the car's own app counts; None = until unplugged
    )
    phase_switches_per_session: int = 12  #: most on a day; each step up costs twice as much as the one before

    @property
    def device_id(self) -> str:
        """Return what is told to charge here: the charger, or the vehicle that is its own."""
        return self.charger_id or self.vehicle_id or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """One grid connection."""

    name: str = "Home"
    timezone: ZoneInfo
    voltage_v: float = 230.0
    phases: int = 3
    main_fuse_a: float | None = None
    unbalanced_a: float | None = None  #: most that one phase may draw more than another because of the cars
    target_grid_w: float = 0.0  #: what the PV modes regulate to: + = import, - = export
    tolerance_w: float = 50.0  #: shortage that is not worth a change: the noise of meters
    battery_priority_soc_pct: float = 0.0  #: below it the battery comes before the car
    battery_buffer_soc_pct: float | None = None  #: from it on the battery may bridge clouds for a charging car
    battery_charge_max_w: float | None = (
        None  #: what the battery can take; the rest is the car's even below its priority
    )
    battery_hold: bool = False  #: keep the battery from feeding cars that charge fast on purpose
    value_per_kwh: float = (
        0.0  #: money: what a kWh of sun in the car is worth more than one fed in; 0 = only budgets count
    )
    stale_grace_s: float = (
        120.0  #: how long the last set-point is held on stale grid data before falling to the minimum
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the core must know. Tuples keep the order of the file; numbers of loadpoints in faces are 1-based in it."""

    site: SiteSettings
    places: tuple[PlaceSettings, ...] = ()
    meters: tuple[MeterSettings, ...] = ()
    circuits: tuple[CircuitSettings, ...] = ()
    vehicles: tuple[VehicleSettings, ...] = ()
    chargers: tuple[ChargerSettings, ...] = ()
    loadpoints: tuple[LoadpointSettings, ...] = ()


@unchanged
def devices_of(settings: Settings) -> dict[str, VehicleSettings]:
    """Return everything that can be told to charge, by id: vehicles, and chargers in the same terms (no price, no place)."""
    chargers = (VehicleSettings(id=row.id, name=row.name, capabilities=row.capabilities) for row in settings.chargers)
    return {device.id: device for device in (*settings.vehicles, *chargers)}


def as_own_chargers(settings: Settings) -> Settings:
    """Return the same site with each charger as a vehicle that is its own: for whoever only reckons what was drawn where."""
    devices = devices_of(settings)
    loadpoints = tuple(replace(row, vehicle_id=row.device_id, charger_id=None) for row in settings.loadpoints)
    return replace(settings, vehicles=tuple(devices.values()), chargers=(), loadpoints=loadpoints)
