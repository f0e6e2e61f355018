"""The keys of the file that belong to sunbox itself, with defaults, limits and one line of explanation each.

Drivers and faces add their own keys to an item (`registry.py`). Values are checked as written: `"5"` is a word, not a number.
The docstrings below are what `sunbox check`, the JSON schema and docs/configuration.md say about a key.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from sunbox.core.model import Mode
from sunbox.core.settings import PlaceSettings

DEFAULT_PLACE = PlaceSettings(name="", lat=0.0, lon=0.0)

Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class Part(BaseModel):
    """A map of the file."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def _word(word: str) -> BeforeValidator:
    """Return a validator that lets `word` stand for None."""
    return BeforeValidator(lambda value: None if value == word else value)


def _nullable(word: str, schema: dict[str, Any]) -> WithJsonSchema:
    """Return the JSON schema of a value that may also be `word`."""
    return WithJsonSchema({"anyOf": [{"const": word}, schema]})


Money = Annotated[
    float | None, Field(ge=0), _word("unlimited"), _nullable("unlimited", {"type": "number", "minimum": 0})
]
Count = Annotated[
    int | None, Field(ge=0), _word("unlimited"), _nullable("unlimited", {"type": "integer", "minimum": 0})
]
Phases = Annotated[
    int | None, Field(ge=1, le=3), _word("auto"), _nullable("auto", {"type": "integer", "minimum": 1, "maximum": 3})
]


class SitePart(Part):
    """The house: one grid connection."""

    name: Annotated[str, Field(min_length=1, max_length=60)] = "Home"
    """What people call it."""
    timezone: str | None = None
    """Where days begin and end, such as Europe/Berlin; default: the machine's own."""
    voltage_v: Annotated[float, Field(ge=100, le=260)] = 230.0
    """Phase to neutral, until a car has measured it."""
    phases: Annotated[int, Field(ge=1, le=3)] = 3
    """Phases of the grid connection."""
    main_fuse_a: Annotated[float | None, Field(gt=0, le=1000)] = None
    """Main fuse per phase; charging never takes the house above it. Not written: no limit is known."""
    unbalanced_a: Annotated[float | None, Field(gt=0, le=100)] = None
    """Most that one phase may draw more than another because of the cars: 20 in Germany. Not written: no limit."""
    target_grid_w: Annotated[float, Field(ge=-5000, le=5000)] = 0.0
    """What the modes `pv` and `min_pv` regulate the grid to: -100 keeps an export of 100 W, 100 allows that much import."""
    tolerance_w: Annotated[float, Field(ge=0, le=1000)] = 50.0
    """Shortage that is not worth a change of current: the noise of meters."""
    battery_priority_soc_pct: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Below this charge the home battery comes before the car."""
    battery_buffer_soc_pct: Annotated[float | None, Field(ge=0, le=100)] = None
    """From this charge on the home battery may bridge clouds for a car that charges from the sun. Not written: never."""
    battery_charge_max_w: Annotated[float | None, Field(gt=0, le=100_000)] = None
    """Most that the home battery takes: sun beyond it is the car's, even below the battery's priority."""
    battery_hold: bool = False
    """Whether the home battery is kept from feeding a car that charges fast because somebody asked for it."""
    value_per_kwh: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Money that a kWh of sun in the car is worth more than one fed in: a paid request is made when it brings more than it
    costs. 0 = only the budget counts."""
    stale_grace_s: Annotated[float, Field(ge=0, le=3600)] = 120.0
    """How long charging goes on unchanged without a fresh grid reading; then comes the minimum for as long again, then the
    stop."""


class PlacePart(Part):
    """A circle on the map."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """What people call it; loadpoints and vehicles refer to it."""
    lat: Annotated[float, Field(ge=-90, le=90)]
    """Latitude in degrees."""
    lon: Annotated[float, Field(ge=-180, le=180)]
    """Longitude in degrees."""
    radius_m: Annotated[float, Field(ge=1, le=100_000)] = DEFAULT_PLACE.radius_m
    """The car is at the place while it is nearer than this to its middle."""
    tags: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]] = Field(default_factory=list)
    """What the place is: `home`, `pv` (charging from the sun is allowed here; `tlwb` means the same), `work`, `charger`, …"""


class GeofencePart(Part):
    """Places from a file in TeslaLogger's format; its flag `+tlwb` is the tag `pv`."""

    geofence: Annotated[str, Field(min_length=1)]
    """The file, relative to this one."""


class BudgetPart(Part):
    """Lines for paid requests. A stop is never held back."""

    per_month: Money = 2.0
    """Money per car and month, spread over the days that are left; `unlimited` for none."""
    commands_per_day: Count = None
    """Commands and wakes per car and day; default: as many as the money buys."""
    wakes_per_day: Count = 8
    """Most times a day that a sleeping car is woken, for whatever reason and however cheap it is; `unlimited` for no limit."""
    burst: Annotated[float, Field(ge=1, le=31)] = 3.0
    """A single day may cost this many times its even share of the month. From three quarters of that on there are no more looks
    of curiosity and no wakes for the sun."""


class MeterPricesPart(Part):
    """Money per request to the service behind a meter."""

    data: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Reading it."""
    command: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Telling it something: holding a battery, and giving it back."""


class AccountPart(Part):
    """An account with a maker; more keys come from its driver."""

    budget: BudgetPart = BudgetPart()
    """What its cars may cost."""


class CircuitPart(Part):
    """A fuse below the main one, and the loadpoints behind it; write `max_a`, `max_w` or both."""

    id: Id
    """Its name, to which loadpoints and other circuits refer: a small letter, then small letters, digits, - and _."""
    parent: str | None = None
    """The id of the circuit that feeds it; default: the main fuse."""
    max_a: Annotated[float | None, Field(gt=0, le=1000)] = None
    """Most current per phase that its fuse carries."""
    max_w: Annotated[float | None, Field(gt=0, le=500_000)] = None
    """Most power that it carries, all phases together."""
    meter: str | None = None
    """The id of the meter that measures it, and nothing else; default: none, as only cars are on it."""
    safe_a: Annotated[int, Field(ge=0, le=80)] = 6
    """Current per phase that each loadpoint on it may take while its meter is silent; 0 = none."""


class DevicePart(Part):
    """Something that a driver reaches; more keys come from the driver."""

    id: Id
    """Its name in this file and in every interface: a small letter, then small letters, digits, - and _."""
    driver: str
    """Which driver reaches it."""


class MeterPart(DevicePart):
    """A meter. The first meter in the file that has a fresh reading of a quantity counts for it."""

    interval_s: Annotated[float, Field(ge=0.5, le=3600)] = 5.0
    """How often it is read."""
    delay_s: Annotated[float, Field(ge=0, le=600)] = 0.0
    """How old a reading is when it arrives, where it carries no time of its own."""
    stale_after_s: Annotated[float, Field(ge=1, le=3600)] = 30.0
    """After this its last reading no longer counts (never less than three intervals)."""

    cloud: bool = False
    """Whether it is a service that counts or bills requests: then it is read only while a car is connected and the sun is up."""
    prices: MeterPricesPart | None = None
    """What requests to its service cost; default: nothing, but they are counted."""
    budget: BudgetPart | None = None
    """What its requests may cost, as for a car; default: the budget of its account, else none. Where that is short it is read
    less often, so that the money lasts for the daylight of the month; holding a battery is counted, and never held back."""


class ChargerPart(DevicePart):
    """A wallbox."""

    name: Annotated[str | None, Field(min_length=1, max_length=60)] = None
    """What people call it; default: its id."""


class VehiclePart(DevicePart):
    """A car."""

    name: Annotated[str | None, Field(min_length=1, max_length=60)] = None
    """What people call it; default: its id."""
    budget: BudgetPart | None = None
    """What its requests may cost; default: the budget of its account."""
    assume_place: str | None = None
    """The place that counts while the car does not tell its location."""
    capacity_kwh: Annotated[float | None, Field(gt=1, le=300)] = None
    """Usable energy of its battery; default: learned from charging."""
    phases: Phases = None
    """Phases that its charger on board uses; default `auto`: as the car says."""


class LoadpointPart(Part):
    """A place to charge: a wallbox, or a car that is its own wallbox, and what is done there."""

    id: Id
    """Its name in every interface: a small letter, then small letters, digits, - and _."""
    name: Annotated[str | None, Field(min_length=1, max_length=60)] = None
    """What people call it; default: its id."""
    vehicle: str | None = None
    """The id of the car that charges here."""
    charger: str | None = None
    """The id of the wallbox; without one the car is its own."""
    mode: Annotated[Mode, Field(strict=False)] = Mode.PV
    """What it does by itself until somebody asks for something else."""
    min_a: Annotated[int | None, Field(ge=1, le=80)] = None
    """Smallest current per phase; default: the smallest that car and wallbox can do."""
    max_a: Annotated[int | None, Field(ge=1, le=80)] = None
    """Largest current per phase: what cable and fuse of this place carry; default: the most that car and wallbox can do."""
    place: str | None = None
    """Where it is; default: the first place tagged `home`."""
    phases: Phases = None
    """Phases that are wired here; default `auto`: as car and wallbox say."""
    first_phase: Annotated[int | None, Field(ge=1, le=3)] = None
    """Phase of the site that its first phase is wired to; default: not known, the worst phase counts."""
    circuit: str | None = None
    """The id of the circuit that feeds it; default: the main fuse alone."""
    priority: Annotated[int, Field(ge=0, le=100)] = 0
    """Loadpoints with a higher number get the sun first; those with the same share it."""
    start_delay_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Charging from the sun starts after the surplus has been enough for so long."""
    stop_delay_s: Annotated[float, Field(ge=0, le=3600)] = 20.0
    """It stops when the import of so long a time without any sun has added up; less shortage may last longer."""
    solar_share_pct: Annotated[float, Field(ge=1, le=100)] = 100.0
    """How much of the power in the modes `pv` and `min_pv` must be sun: 100 = sun only, 50 = charging goes on while at
    least half of it is."""
    min_run_s: Annotated[float, Field(ge=0, le=3600)] = 60.0
    """Charging from the sun goes on for at least so long, whatever the sun does."""
    min_pause_s: Annotated[float, Field(ge=0, le=3600)] = 60.0
    """Between two charges from the sun it pauses for at least so long."""
    overhead_w: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """What the car burns itself while it charges, such as 250: the more, the less a charge at low power is worth."""
    respect_schedule: bool = True
    """Whether a car that waits for its own schedule is left waiting; `false` charges it from the sun before."""
    hand_lasts_s: Annotated[float | None, Field(ge=60, le=604_800)] = None
    """For how long a start or stop in the car's own app counts; default: until the cable is taken out."""
    phase_up_delay_s: Annotated[float, Field(ge=0, le=3600)] = 240.0
    """It switches to more phases after the sun has been enough for them for so long."""
    phase_down_delay_s: Annotated[float, Field(ge=0, le=3600)] = 150.0
    """It switches to fewer phases after the sun has been too little for so long."""
    phase_switches_per_session: Annotated[int, Field(ge=0, le=100)] = 12
    """Most switches of phases on a day; each step up must gain 1.7 times as much as the one before."""


class FacesPart(Part):
    """Where clients and browsers reach the gateway; more keys come from the faces."""

    listen: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address to serve at. Any other than this machine itself asks for a password."""
    port: Annotated[int, Field(ge=1, le=65535)] = 5000
    """Port of the page, of every API that is a path, and of /metrics."""
    password: Annotated[SecretStr | None, Field(min_length=8)] = None
    """What clients must know; `file:…`, `env:…` or `credential:…` keeps it out of this file. At least 8 characters."""


class JournalPart(Part):
    """The record of everything that happened; any day of it can be replayed."""

    enabled: bool = True
    """Whether it is written to files; the last hour is kept in memory either way."""
    folder: Annotated[str, Field(min_length=1)] = "journal"
    """Where its files are, relative to this one."""
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """After so many days a file is removed."""


STORE_DEFAULT = "sqlite:///sunbox.db"

STORE_MEANING = "What must survive a restart, as `sqlite:///FILE`; the file is relative to this one."
