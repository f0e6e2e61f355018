"""Recorded days lived again: the same sun, the same people, and other settings. Both lives are simulated, so that they compare.

The world is the record's: what the sun left without the cars, when each was plugged in, how much went in until it was full, and what
people asked for. The cars of this world are simpler than real ones: they are always awake and tell for nothing how they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from sunbox.core.commands import RequestKind
from sunbox.core.settings import MeterSettings, Settings, VehicleSettings
from sunbox.core.wallbox import Request
from sunbox.simulator.bench.site import GRID, SiteRun
from sunbox.simulator.bench.site_car import SiteCar, Traits
from sunbox.simulator.bench.site_log import Summary
from sunbox.simulator.recorded import Point, trace_of

CAPACITY_WH = 200_000.0
"""Of a car that will be full: more than any, so that what is left until then can be anything."""
DARK_INTERVAL_S = 60.0
"""How often the meter measures while there is less than half of what a start takes, and nothing is drawn."""
PART_S = 21_600.0
"""How often (simulated time) progress is told."""


@dataclass(frozen=True, slots=True)
class Move:
    """A cable goes in or out."""

    at: datetime
    vehicle_id: str
    is_plugged: bool
    room_wh: float | None = None  #: what goes in until it is full; None = it was never full


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedHome:
    """What a record says of a home, whatever its settings."""

    points: Sequence[Point]
    moves: Sequence[Move]
    requests: Sequence[tuple[datetime, Request]]
    cars: Mapping[str, Traits]  #: by vehicle id
    interval_s: float  #: between two readings of the grid meter
    measures_phases: bool  #: it told the current of each phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a life was worth, in kWh and money."""

    days: float
    charged_kwh: float
    solar_kwh: float
    import_kwh: float
    usable_kwh: float
    starts: int
    commands: int
    phase_switches: int
    money: float  #: for the commands
    by_car: Mapping[str, float] = field(default_factory=dict)  #: kWh charged


def settings_again(settings: Settings, home: RecordedHome) -> Settings:
    """Return settings as this world needs them: one meter, cars that are always here, awake, and as strong as they were."""
    first = next((meter for meter in settings.meters if meter.is_site), MeterSettings(id=GRID))
    used = [loadpoint for loadpoint in settings.loadpoints if loadpoint.vehicle_id in home.cars]
    return replace(
        settings,
        # the phases of the house are not known beyond what the meter told: a main fuse cannot be judged by them
        site=replace(settings.site, main_fuse_a=None) if home.measures_phases else settings.site,
        places=(),
        circuits=(),
        chargers=(),
        meters=(
            MeterSettings(
                id=GRID,
                interval_s=home.interval_s,
                delay_s=first.delay_s,
                stale_after_s=max(first.stale_after_s, 3.0 * DARK_INTERVAL_S + first.delay_s),
            ),
        ),
        vehicles=tuple(_vehicle(row, home.cars[row.id]) for row in settings.vehicles if row.id in home.cars),
        loadpoints=tuple(replace(row, charger_id=None, circuit=None, place=None) for row in used),
    )


def _vehicle(vehicle: VehicleSettings, traits: Traits) -> VehicleSettings:
    able = vehicle.capabilities
    price = able.price.get(RequestKind.COMMAND, 0.0)
    return replace(
        vehicle,
        capabilities=replace(
            able,
            sleeps=False,
            is_location_bound=False,
            stops_at_limit_soc=False,
            low_min_a=None,
            min_a=traits.min_a,
            max_a=traits.max_a,
            price={RequestKind.COMMAND: price} if price > 0 else {},
        ),
        phases=vehicle.phases or traits.phases,
    )


def live_again(home: RecordedHome, settings: Settings, progress: Callable[[float], None] = lambda _: None) -> Outcome:
    """Return what the recorded days are worth with these settings."""
    trace = trace_of(home.points)
    cars = {car_id: SiteCar(car_id, traits, is_plugged=False) for car_id, traits in home.cars.items()}
    ours = settings_again(settings, home)
    run = SiteRun(
        trace,
        ours,
        cars.values(),
        measures_phases=False,
        keeps_lines=False,
        dark_interval_s=DARK_INTERVAL_S,
        dark_below_w=_start_w(ours) / 2.0,
    )
    for move in home.moves:
        run.at((move.at - trace.start_at).total_seconds(), partial(_move, run, move))
    for at, request in home.requests:
        asked = replace(request, target_soc_pct=None)  # how full it became is in the moves
        if any(loadpoint.id == asked.loadpoint_id for loadpoint in ours.loadpoints):
            run.at((at - trace.start_at).total_seconds(), partial(_ask, run, asked))
    length_s = (trace.end_at - trace.start_at).total_seconds()
    done_s = 0.0
    while done_s < length_s:
        done_s = min(length_s, done_s + PART_S)
        run.run(done_s)
        progress(done_s / length_s)
    return _outcome(run.summary(), ours)


def _start_w(settings: Settings) -> float:
    """Return the least surplus with which anything is started, in W."""
    able = {row.id: row.capabilities for row in settings.vehicles}
    return min(
        row.solar_share_pct / 100.0 * (row.min_a or able[row.vehicle_id or ""].min_a) * settings.site.voltage_v
        for row in settings.loadpoints
    )


def _move(run: SiteRun, move: Move) -> None:
    if not move.is_plugged:
        run.unplug(move.vehicle_id)
        return
    car = run.cars[move.vehicle_id]
    room_wh = move.room_wh
    run.change(move.vehicle_id, capacity_wh=None if room_wh is None else CAPACITY_WH)
    car.soc_pct = car.traits.soc_pct if room_wh is None else 100.0 - 100.0 * room_wh / CAPACITY_WH
    run.plug(move.vehicle_id)


def _ask(run: SiteRun, asked: Request) -> None:
    run.request(
        asked.loadpoint_id,
        by=asked.by,
        mode=asked.mode,
        override=asked.override,
        until_at=asked.until_at,
        amps_a=asked.amps_a,
    )


def _outcome(summary: Summary, settings: Settings) -> Outcome:
    rows = summary.cars
    price = {row.id: row.capabilities.price.get(RequestKind.COMMAND, 0.0) for row in settings.vehicles}
    return Outcome(
        days=round(summary.elapsed_s / 86_400.0, 2),
        charged_kwh=_kwh(sum(row.charged_wh for row in rows.values())),
        solar_kwh=_kwh(sum(row.solar_wh for row in rows.values())),
        import_kwh=_kwh(sum(row.import_wh for row in rows.values())),
        usable_kwh=_kwh(summary.usable_wh),
        starts=sum(row.starts for row in rows.values()),
        commands=sum(row.commands for row in rows.values()),
        phase_switches=sum(row.phase_switches for row in rows.values()),
        money=round(sum(price[car_id] * row.commands for car_id, row in rows.items()), 3),
        by_car={car_id: _kwh(row.charged_wh) for car_id, row in rows.items()},
    )


def _kwh(energy_wh: float) -> float:
    return round(energy_wh / 1000.0, 2)
