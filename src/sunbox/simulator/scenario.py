"""What a simulated home is like, as a person writes it in a YAML file, and the world made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time
from enum import StrEnum
from functools import partial
from zoneinfo import ZoneInfo

from sunbox.clock import Clock
from sunbox.dialects.goe.profiles import PROFILES as GOE_PROFILES
from sunbox.dialects.goe.profiles import STANDARD as GOE_STANDARD
from sunbox.dialects.goe.state import Identity as GoeIdentity
from sunbox.dialects.smartevse.box import Box
from sunbox.dialects.smartevse.profiles import PROFILES as SMARTEVSE_PROFILES
from sunbox.dialects.smartevse.profiles import STANDARD as SMARTEVSE_STANDARD
from sunbox.dialects.smartevse.state import Identity as SmartEvseIdentity
from sunbox.dialects.smartevse.state import Setup
from sunbox.dialects.smartevse.words import Access, Contactor, Meter
from sunbox.simulator.battery import Battery, BatteryParams
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.goe_charger import GoeCharger
from sunbox.simulator.habits import HABITS, Outing, Presence
from sunbox.simulator.household import GeneratedTrace
from sunbox.simulator.meter import MeterFault, MeterParams
from sunbox.simulator.powerwall import make_powerwall
from sunbox.simulator.smartevse_house import HouseSmartEvse
from sunbox.simulator.sun import Roof, Sky
from sunbox.simulator.trace import Trace, load_trace
from sunbox.simulator.wallbox import Device, TeslaWallbox, Wallbox
from sunbox.simulator.wallbox_car import BoxedCar, WallboxCar
from sunbox.simulator.wallbox_tesla import BoxedTesla
from sunbox.simulator.world import Car, Place, World


class Season(StrEnum):
    """A time of year, for those who do not care for the date."""

    SPRING = "spring"
    SUMMER = "summer"
    AUTUMN = "autumn"
    WINTER = "winter"


SEASON_DAYS: dict[Season, date] = {
    # Mondays, so that a week begins with the simulation
    Season.SPRING: date(2024, 4, 15),
    Season.SUMMER: date(2024, 6, 17),
    Season.AUTUMN: date(2024, 10, 14),
    Season.WINTER: date(2024, 12, 16),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceScenario:
    """Where the home is."""

    name: str = "Home"
    latitude: float = 52.394
    longitude: float = 13.542
    timezone: str = "Europe/Berlin"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterScenario:
    """The grid meter."""

    delay_s: float = 0.0
    noise_w: float = 5.0
    resolution_w: float = 1.0
    has_time: bool = True
    fault: MeterFault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CarScenario:
    """One Tesla. What is None is the scenario's own."""

    id: str = "model3"
    name: str = "Model 3"
    vin: str | None = None  #: None = one of its own by its place in the list
    presence: Presence | None = None
    phases: int | None = None
    max_amps: int | None = None
    soc_pct: float = 45.0
    limit_pct: int = 80
    capacity_kwh: float = 60.0
    never_full: bool | None = None  #: None = where it is always at home (for benchmarks)
    charges_at_plug_in: bool = True
    ignores_low_amps: bool = False
    needs_signing: bool = False
    plugged: bool = True
    asleep: bool = True


class ChargerKind(StrEnum):
    """The wallboxes there are."""

    GOE = "goe"
    SMARTEVSE = "smartevse"


class MainsMeter(StrEnum):
    """Where a SmartEVSE knows from what flows at the house's connection."""

    SENSORBOX = "sensorbox"  #: its own, every 2 s
    API = "api"  #: it is told
    NONE = "none"


MAINS_METERS: Mapping[MainsMeter, Meter] = {
    MainsMeter.SENSORBOX: Meter.SENSORBOX,
    MainsMeter.API: Meter.API,
    MainsMeter.NONE: Meter.DISABLED,
}
PROFILE_NAMES: Mapping[ChargerKind, tuple[str, ...]] = {
    ChargerKind.GOE: tuple(GOE_PROFILES),
    ChargerKind.SMARTEVSE: tuple(SMARTEVSE_PROFILES),
}
"""Generations of firmware by kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WallboxCarScenario:
    """A car without a cloud, which knows nothing but its wallbox. What is None is the scenario's own."""

    capacity_kwh: float = 60.0
    soc_pct: float = 45.0
    limit_pct: int = 80
    phases: int = 3  #: of its on-board charger
    max_amps: int = 16
    presence: Presence | None = None
    never_full: bool | None = None  #: None = where it is always at home (for benchmarks)
    plugged: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerScenario:
    """One wallbox, and the car that uses it: a Tesla of `cars`, or one of its own."""

    id: str = "garage"
    kind: ChargerKind = ChargerKind.GOE
    profile: str | None = None  #: generation of firmware; None = a usual one of its kind
    supply_phases: int = 3  #: of the house connection
    max_amps: int = 32  #: that the house connection carries
    cable_amps: int = 32
    unplugs_at_switch: bool = False  #: of a go-e
    ambient_c: float = 20.0  #: around a go-e
    mains: MainsMeter = MainsMeter.SENSORBOX  #: of a SmartEVSE, as are those below
    main_amps: int = 35  #: that its own guard of the fuses keeps to
    has_second_contactor: bool = True
    has_car_meter: bool = True
    car: str | None = None  #: id of a Tesla
    vehicle: WallboxCarScenario | None = None  #: where `car` is None; None = a usual one


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One simulated home. Everything has a default: a summer's day with clouds and a Tesla at home."""

    name: str = "summer"
    seed: int = 1
    place: PlaceScenario = PlaceScenario()
    season: Season = Season.SUMMER
    day: date | None = None  #: first day, local; overrides `season`
    start: str = "06:00"  #: local time at which the simulation begins; a file's own beginning where there is a trace
    sky: Sky = Sky.PARTLY_CLOUDY
    trace: str | None = None  #: a CSV instead of the generated sun and house; relative to the scenario's file
    kwp: float = 10.0
    tilt_deg: float = 30.0
    azimuth_deg: float = 180.0
    base_w: float = 180.0
    voltage_v: float = 230.0
    phases: int = 1  #: of the socket, 1 or 3
    max_amps: int | None = None  #: that the socket offers; None = what the car takes, 32 on one phase, 16 on three
    battery_kwh: float = 0.0  #: 0 = none
    battery_max_w: float = 5000.0
    battery_soc_pct: float = 50.0
    powerwalls: int = 0  #: so many Powerwalls instead of that battery; battery_soc_pct is then the app's
    presence: Presence = Presence.ALWAYS
    meter: MeterScenario = MeterScenario()
    cars: tuple[CarScenario, ...] = field(default=(CarScenario(),))
    chargers: tuple[ChargerScenario, ...] = ()

    def first_day(self) -> date:
        """Return the local day on which it begins."""
        return self.day or SEASON_DAYS[self.season]

    def start_at(self) -> datetime:
        """Return the instant at which it begins, UTC, where no trace says otherwise."""
        local = datetime.combine(self.first_day(), time.fromisoformat(self.start), tzinfo=ZoneInfo(self.place.timezone))
        return local.astimezone(UTC)


def build_trace(scenario: Scenario) -> Trace:
    """Return the scenario's recorded or generated trace.

    Raises:
        TraceError: the file cannot be read.
    """
    timezone = ZoneInfo(scenario.place.timezone)
    if scenario.trace is not None:
        return load_trace(scenario.trace, timezone=timezone, kwp=scenario.kwp)
    roof = Roof(
        latitude=scenario.place.latitude,
        longitude=scenario.place.longitude,
        kwp=scenario.kwp,
        tilt_deg=scenario.tilt_deg,
        azimuth_deg=scenario.azimuth_deg,
    )
    return GeneratedTrace(
        scenario.first_day(),
        timezone=timezone,
        roof=roof,
        sky=scenario.sky,
        base_w=scenario.base_w,
        seed=scenario.seed,
    )


def build_car(scenario: Scenario, number: int, clock: Clock) -> TeslaCar:
    """Return the car with this index in the scenario."""
    car = scenario.cars[number]
    phases = car.phases or scenario.phases
    presence = car.presence or scenario.presence
    return TeslaCar(
        id=car.id,
        name=car.name,
        vin=car.vin or f"LRW3F7EK4NC7{number:05d}",
        capacity_wh=1000 * car.capacity_kwh,
        soc_pct=car.soc_pct,
        phases=phases,
        pilot_a=car.max_amps or scenario.max_amps,
        limit_pct=car.limit_pct,
        lat=scenario.place.latitude,
        lon=scenario.place.longitude,
        never_full=presence is Presence.ALWAYS if car.never_full is None else car.never_full,
        charges_at_plug_in=car.charges_at_plug_in,
        ignores_low_amps=car.ignores_low_amps,
        needs_signing=car.needs_signing,
        is_plugged=car.plugged,
        is_asleep=car.asleep,
        voltage_v=scenario.voltage_v,
        timezone=ZoneInfo(scenario.place.timezone),
        now=clock.now,
        seed=scenario.seed,
    )


OWN_KEYS: Mapping[ChargerKind, tuple[str, ...]] = {
    ChargerKind.GOE: ("unplugs_at_switch", "ambient_c"),
    ChargerKind.SMARTEVSE: ("mains", "main_amps", "has_second_contactor", "has_car_meter"),
}
"""Keys that only one kind of wallbox has."""


def _kind_problems(charger: ChargerScenario) -> Iterator[str]:
    """Yield what does not fit the kind of a wallbox."""
    profiles = PROFILE_NAMES[charger.kind]
    if charger.profile is not None and charger.profile not in profiles:
        yield f"profile is {charger.profile!r}; allowed is any of {', '.join(profiles)}"
    for kind, keys in OWN_KEYS.items():
        for key in keys if kind is not charger.kind else ():
            if getattr(charger, key) != getattr(ChargerScenario(), key):
                yield f"{key} is for kind: {kind}; allowed is to leave it out"


def charger_problems(scenario: Scenario) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with wallboxes and their cars: the index of the wallbox, and words."""
    teslas = [car.id for car in scenario.cars]
    taken: set[str] = set()
    for index, charger in enumerate(scenario.chargers):
        for problem in _kind_problems(charger):
            yield index, problem
        if charger.car is None:
            if charger.id in teslas:
                yield index, f"id is {charger.id!r}, as a car's; allowed is a name that no car has"
            continue
        if charger.vehicle is not None:
            yield index, "has car and vehicle; allowed is one of them"
        if charger.car not in teslas:
            yield index, f"car is {charger.car!r}; allowed is any of {', '.join(teslas) or 'no car at all'}"
        elif charger.car in taken:
            yield index, f"car is {charger.car!r}, which stands at another one; allowed is each car once"
        taken.add(charger.car)


def build_charger(
    scenario: Scenario, number: int, clock: Clock, teslas: Mapping[str, TeslaCar]
) -> Wallbox | TeslaWallbox:
    """Return the wallbox with this index in the scenario, with its car."""
    own = scenario.chargers[number]
    vehicle = own.vehicle or WallboxCarScenario()
    plain = WallboxCar(
        phases=vehicle.phases,
        max_a=vehicle.max_amps,
        capacity_wh=1000 * vehicle.capacity_kwh,
        stored_wh=10 * vehicle.capacity_kwh * vehicle.soc_pct,
        limit_pct=vehicle.limit_pct,
        never_full=_stays(scenario, vehicle) if vehicle.never_full is None else vehicle.never_full,
        is_plugged=vehicle.plugged,
    )
    tesla = None if own.car is None else teslas[own.car]
    box = BOXES[own.kind](scenario, number, clock, plain if tesla is None else BoxedTesla(tesla))
    return Wallbox(own.id, box, plain) if tesla is None else TeslaWallbox(own.id, box, tesla)


def _goe(scenario: Scenario, number: int, clock: Clock, car: BoxedCar) -> GoeCharger:
    own = scenario.chargers[number]
    return GoeCharger(
        start_at=clock.now(),
        profile=GOE_PROFILES[own.profile or GOE_STANDARD.name],
        identity=GoeIdentity(serial=f"{100_001 + number}", name=own.id),
        car=car,
        supply_phases=own.supply_phases,
        voltage_v=scenario.voltage_v,
        ambient_c=own.ambient_c,
        cable_a=own.cable_amps,
        installation_a=own.max_amps,
        unplugs_at_switch=own.unplugs_at_switch,
    )


def _smartevse(scenario: Scenario, number: int, clock: Clock, car: BoxedCar) -> HouseSmartEvse:
    own = scenario.chargers[number]
    setup = Setup(
        access=Access.ON,
        current_max=own.max_amps,
        current_main=own.main_amps,
        mains_meter=MAINS_METERS[own.mains],
        ev_meter=Meter.EASTRON3P if own.has_car_meter else Meter.DISABLED,
        contactor=Contactor.ALWAYS_ON if own.has_second_contactor else Contactor.NOT_PRESENT,
        cable_a=own.cable_amps if own.cable_amps < own.max_amps else None,
    )
    profile = SMARTEVSE_PROFILES[own.profile or SMARTEVSE_STANDARD.name]
    return HouseSmartEvse(
        start_at=clock.now(),
        box=Box(profile, SmartEvseIdentity(serial=1001 + number)),
        setup=setup,
        car=car,
        supply_phases=own.supply_phases,
        voltage_v=scenario.voltage_v,
    )


BOXES: Mapping[ChargerKind, Callable[[Scenario, int, Clock, BoxedCar], Device]] = {
    ChargerKind.GOE: _goe,
    ChargerKind.SMARTEVSE: _smartevse,
}


def _stays(scenario: Scenario, vehicle: WallboxCarScenario) -> bool:
    return (vehicle.presence or scenario.presence) is Presence.ALWAYS


def build_world(scenario: Scenario, clock: Clock, *, trace: Trace | None = None) -> World:
    """Return the world of `scenario`, which begins at `clock.now()`; `trace` overrides the scenario's own.

    Raises:
        TraceError: the scenario's file cannot be read.
    """
    trace = trace or build_trace(scenario)
    place = Place(
        name=scenario.place.name,
        latitude=scenario.place.latitude,
        longitude=scenario.place.longitude,
        timezone=ZoneInfo(scenario.place.timezone),
    )
    battery: Battery | None = None
    if scenario.powerwalls > 0:
        battery = make_powerwall(scenario.powerwalls, soc_pct=scenario.battery_soc_pct)
    elif scenario.battery_kwh > 0:
        battery = Battery(
            BatteryParams(
                capacity_wh=1000 * scenario.battery_kwh,
                max_charge_w=scenario.battery_max_w,
                max_discharge_w=scenario.battery_max_w,
                soc_pct=scenario.battery_soc_pct,
            )
        )
    meter = MeterParams(**{each.name: getattr(scenario.meter, each.name) for each in fields(MeterScenario)})
    habits: dict[str, Iterator[Outing]] = {}
    for number, car in enumerate(scenario.cars):
        make_outings = HABITS[car.presence or scenario.presence]
        habits[car.id] = make_outings(scenario.seed * 1000 + number, place.timezone, clock.now())
    teslas = {car.id: build_car(scenario, number, clock) for number, car in enumerate(scenario.cars)}
    cars: dict[str, Car] = {**teslas}
    chargers = [build_charger(scenario, number, clock, teslas) for number in range(len(scenario.chargers))]
    for number, (own, charger) in enumerate(zip(scenario.chargers, chargers, strict=True)):
        if isinstance(charger, Wallbox):
            cars[charger.id] = charger
            presence = (own.vehicle or WallboxCarScenario()).presence or scenario.presence
            habits[charger.id] = HABITS[presence](scenario.seed * 1000 + 500 + number, place.timezone, clock.now())
    world = World(
        clock,
        trace,
        cars=cars.values(),
        chargers=chargers,
        battery=battery,
        meter=meter,
        habits=habits,
        place=place,
        voltage_v=scenario.voltage_v,
        seed=scenario.seed,
    )
    for charger in chargers:
        if isinstance(charger.charger, HouseSmartEvse):
            charger.charger.house = partial(world.mains_besides, charger.car_id)
    return world
