"""A whole site for scenarios and invariants: several cars, a home battery, fuses with meters, and everything that goes wrong.

    site = SiteRun(trace, settings_of(cars), cars, battery=BatteryParams())
    site.at(3600, lambda: site.unplug("blue"))
    site.run(7200)
    assert site.summary().cars["blue"].starts == 1

The core runs beside the world as on the bench. Times are seconds since the beginning of the trace. Each meter measures at its
interval and its reading arrives a delay later; powers and currents in it are exact, so that what a test sees is the rule's doing.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sunbox.core.commands import Cause, ReadKind, RequestKind
from sunbox.core.effects import Effect, HoldBattery, Read, Remember, Send
from sunbox.core.engine import answer, step
from sunbox.core.events import Began, CommandEnded, Event, MeterRead, ReadFailed, Requested, Tick, VehicleRead
from sunbox.core.model import Memory, MeterReading, Mode
from sunbox.core.settings import (
    CircuitSettings,
    LoadpointSettings,
    MeterSettings,
    Settings,
    SiteSettings,
    VehicleSettings,
)
from sunbox.core.state import State
from sunbox.core.wallbox import Accepted, Rejected, Request
from sunbox.simulator.battery import Battery, BatteryParams
from sunbox.simulator.bench.engine import answer_of
from sunbox.simulator.bench.home import METER, SteppedClock
from sunbox.simulator.bench.site_car import SITE_PHASES, Phases, SiteCar
from sunbox.simulator.bench.site_log import CarSummary, Edges, Line, Peaks, Sent, Summary
from sunbox.simulator.trace import Trace
from sunbox.simulator.world import Place, World

GRID = "grid"
"""Id of the meter at the grid connection."""
EVENLY: Phases = (1 / 3, 1 / 3, 1 / 3)
NO_AMPS: Phases = (0.0, 0.0, 0.0)

Action = Callable[[], Any]
Watch = Callable[[Event, State, tuple[Effect, ...]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Which phases things are on, as shares that sum to 1."""

    house: Phases = (0.5, 0.3, 0.2)
    pv: Phases = EVENLY
    battery: Phases = EVENLY
    loads: Phases = (1.0, 0.0, 0.0)  #: what is switched on with `switch_load`


class MeterFault(StrEnum):
    """How a meter can fail."""

    SILENT = "silent"  #: no reading comes
    UNREACHABLE = "unreachable"  #: no reading comes, and its driver says so
    FROZEN = "frozen"  #: it repeats its last measurement with its old time
    STUCK = "stuck"  #: it repeats its last measurement as if it were new
    NULL = "null"  #: it answers, and knows nothing


@dataclass(slots=True)
class _Meter:
    """A meter as it is now."""

    settings: MeterSettings
    fault: MeterFault | None = None
    late_s: float = 0.0  #: that its readings come later than usual
    last: MeterReading | None = None


def settings_of(
    cars: Sequence[SiteCar],
    *,
    site: SiteSettings | None = None,
    grid: Mapping[str, Any] | None = None,
    meters: Sequence[MeterSettings] = (),
    circuits: Sequence[CircuitSettings] = (),
    loadpoints: Mapping[str, Mapping[str, Any]] | None = None,
    vehicles: Mapping[str, Mapping[str, Any]] | None = None,
) -> Settings:
    """Return what the owner of these cars would have configured; everything else is the core's default.

    Each car has a loadpoint of the same name, in the order of the cars.

    Args:
        cars: at their sockets.
        site: default Berlin, and the core's defaults.
        grid: fields of `MeterSettings` for the meter at the grid connection, default each 10 s without delay.
        meters: those of circuits.
        circuits: as configured.
        loadpoints: by car, further fields of `LoadpointSettings`.
        vehicles: by car, further fields of `VehicleSettings`.
    """
    return Settings(
        site=site or SiteSettings(timezone=ZoneInfo("Europe/Berlin")),
        meters=(
            MeterSettings(**{"id": GRID, "interval_s": 10.0, **(grid or {})}),
            *(replace(meter, is_site=False) for meter in meters),
        ),
        circuits=tuple(circuits),
        vehicles=tuple(
            VehicleSettings(
                **{
                    "id": car.id,
                    "name": car.id,
                    "capabilities": car.traits.capabilities(),
                    "capacity_wh": car.traits.capacity_wh,
                    **(vehicles or {}).get(car.id, {}),
                }
            )
            for car in cars
        ),
        loadpoints=tuple(
            LoadpointSettings(
                **{"id": car.id, "name": car.id, "vehicle_id": car.id, **(loadpoints or {}).get(car.id, {})}
            )
            for car in cars
        ),
    )


class SiteRun:
    """The core at one site. Whatever happens is done with the methods, now or with `at`; `run` lives on."""

    def __init__(
        self,
        trace: Trace,
        settings: Settings,
        cars: Iterable[SiteCar],
        *,
        battery: BatteryParams | None = None,
        wiring: Wiring | None = None,
        measures_pv: bool = True,
        measures_phases: bool = True,
        keeps_lines: bool = True,
        dark_interval_s: float = 0.0,
        dark_below_w: float = 0.0,
        watch: Watch | None = None,
    ) -> None:
        """Begin with the trace.

        Args:
            trace: sun and house.
            settings: of the core; the meter `GRID` is at the grid connection, the others are those of circuits.
            cars: each has the id of a vehicle in the settings.
            battery: of the home, with its own control.
            wiring: what is on which phase.
            measures_pv: whether the meter at the grid connection tells PV and battery too.
            measures_phases: whether it tells the current of each phase.
            keeps_lines: whether the log of readings and the peaks are kept; without, weeks take little memory.
            dark_interval_s: the meters measure no more often than this while it is dark: the sun leaves too little and no car draws.
            dark_below_w: less than this is too little.
            watch: sees every step, e.g. for a journal.
        """
        self.cars = {car.id: car for car in cars}
        self.wiring = wiring or Wiring()
        self.settings = settings
        self.lines: list[Line] = []
        self.sent: list[Sent] = []
        self.holds: list[tuple[float, bool]] = []  #: when the battery was told to be held back, or let go
        self.memory = Memory()  #: what the store would have
        self.t_s = 0.0
        self._measures = (measures_pv, measures_phases)
        self._keeps_lines = keeps_lines
        self._dark = (dark_interval_s, dark_below_w)
        self._watch = watch
        self._clock = SteppedClock(trace.start_at)
        self._begins_at = trace.start_at.astimezone(UTC)
        for car in self.cars.values():
            car.voltage_v = settings.site.voltage_v
        self._home_battery = None if battery is None else Battery(battery)
        self.world = World(
            self._clock,
            trace,
            cars=self.cars.values(),
            battery=self._home_battery,
            meter=METER,
            place=Place(timezone=settings.site.timezone),
            voltage_v=settings.site.voltage_v,
        )
        self._meters = {meter.id: _Meter(meter) for meter in settings.meters}
        self._loads_w: dict[str, float] = {}  #: by meter, what is switched on behind it
        self._behind = _behind(settings)
        self._peaks = Peaks()
        self._edges = {car_id: Edges() for car_id in self.cars}
        self._all_edges = Edges()
        self._queue: list[tuple[float, int, Action]] = []
        self._queued = 0
        self._life = 0  #: of the core; a restart begins the next one
        self.state = self._begin()
        for meter_id in self._meters:
            self.at(0.0, partial(self._measure, meter_id))
        for car in self.cars.values():
            if car.traits.told_each_s is not None:
                self.at(0.0, partial(self._poll, car))

    @property
    def now(self) -> datetime:
        """Return the present, UTC."""
        return self.instant(self.t_s)

    def instant(self, t_s: float) -> datetime:
        """Return the instant of `t_s`, UTC."""
        return self._begins_at + timedelta(seconds=t_s)

    def run(self, until_s: float) -> None:
        """Live until `until_s`, and do everything that is due by then."""
        while True:
            due_at = self.state.due_at
            due_s = math.inf if due_at is None else max(self.t_s, (due_at - self._begins_at).total_seconds())
            next_s = self._queue[0][0]
            t_s = min(due_s, next_s)
            if t_s > until_s:
                break
            self._go(t_s)
            if next_s <= t_s:
                heapq.heappop(self._queue)[2]()
            else:
                self.feed(Tick(at=self.now))
        self._go(until_s)

    # what can happen

    def at(self, t_s: float, action: Action) -> None:
        """Have something happen at `t_s`, for example `lambda: site.feed(LimitSet(at=site.now, …))`."""
        self._queued += 1
        heapq.heappush(self._queue, (max(t_s, self.t_s), self._queued, action))

    def feed(self, event: Event) -> None:
        """Have the core take an event."""
        self.state, effects = step(self.state, event)
        self._take(effects)
        if self._watch is not None:
            self._watch(event, self.state, effects)

    def request(self, car: str, **wishes: Any) -> Accepted | Rejected:
        """Ask something of the loadpoint of a car, with fields of `Request`."""
        request = Request(**{"loadpoint_id": car, "by": "test", **wishes})
        answered = answer(self.state, request)
        if isinstance(answered, Accepted):
            self.feed(Requested(at=self.now, request=request))
        return answered

    def set_mode(self, car: str, mode: Mode) -> None:
        """Change the mode of the loadpoint of a car."""
        self.request(car, mode=mode)

    def plug(self, car: str) -> None:
        """Put the cable into a car; a driver that reads it for nothing tells it at once."""
        self.cars[car].plug()
        self._tell(self.cars[car])

    def unplug(self, car: str) -> None:
        """Take the cable out of a car."""
        self.cars[car].unplug()
        self._tell(self.cars[car])

    def change(self, car: str, **traits: Any) -> None:
        """Change what a car is like from now on."""
        self.cars[car].traits = replace(self.cars[car].traits, **traits)

    def switch_load(self, load_w: float, meter: str = GRID) -> None:
        """Switch something on behind a meter, in place of what was switched on there before; 0 = off."""
        self._loads_w[meter] = load_w
        self.world.load.extra_w = sum(self._loads_w.values())

    def shade(self, factor: float) -> None:
        """Have the sun give only so much of what the trace says; 1 = all of it."""
        self.world.sun.factor = factor

    def fail(self, fault: MeterFault, meter: str = GRID) -> None:
        """Have a meter fail from now on."""
        self._meters[meter].fault = fault

    def delay(self, late_s: float, meter: str = GRID) -> None:
        """Have the readings of a meter come later than usual from now on."""
        self._meters[meter].late_s = late_s

    def heal(self, meter: str = GRID) -> None:
        """Have a meter be well again."""
        self._meters[meter].fault = None
        self._meters[meter].late_s = 0.0

    def restart(self, settings: Settings | None = None) -> None:
        """Stop the core dead and start it again with what it remembered; what is under way is done, and not answered."""
        self.settings = settings or self.settings
        self._life += 1
        self.state = self._begin()

    # the core

    def _begin(self) -> State:
        began = Began(at=self.now, settings=self.settings, memory=self.memory)
        state, effects = step(None, began)
        self._take(effects)
        if self._watch is not None:
            self._watch(began, state, effects)
        return state

    def _take(self, effects: tuple[Effect, ...]) -> None:
        """Remember, and have the rest answered after the car's delay."""
        for effect in effects:
            if isinstance(effect, Remember):
                self.memory = Memory(
                    site=effect.memory.site or self.memory.site,
                    vehicles={**self.memory.vehicles, **effect.memory.vehicles},
                    loadpoints={**self.memory.loadpoints, **effect.memory.loadpoints},
                )
                continue
            if isinstance(effect, HoldBattery):
                self.holds.append((self.t_s, effect.is_held))
                continue
            car = self.cars[effect.device_id]
            sent = None
            if isinstance(effect, Send) and effect.command.kind is RequestKind.COMMAND:
                sent = Sent(t_s=self.t_s, car=car.id, command=effect.command)
                self.sent.append(sent)
            self.at(self.t_s + car.traits.delay_s, partial(self._answer, effect, sent, self._life))

    def _answer(self, effect: Send | Read, sent: Sent | None, life: int) -> None:
        """Have a car answer; what a core asked that was stopped meanwhile is done all the same."""
        event = answer_of(self.cars[effect.device_id], effect, self.now)
        self._note_peaks(self.phases_a())
        if sent is not None and isinstance(event, CommandEnded):
            sent.outcome = event.outcome
        if life == self._life:
            self.feed(event)

    def _poll(self, car: SiteCar) -> None:
        """Have a car's driver read it for nothing."""
        if car.traits.told_each_s is not None:
            self._tell(car)
            self.at(self.t_s + car.traits.told_each_s, lambda: self._poll(car))

    def _tell(self, car: SiteCar) -> None:
        if car.traits.told_each_s is not None:
            self.feed(
                VehicleRead(
                    at=self.now,
                    vehicle_id=car.id,
                    exchange_id=None,
                    what=ReadKind.DATA,
                    availability=car.availability,
                    facts=car.facts(self.now),
                )
            )

    # the world

    def _go(self, t_s: float) -> None:
        """Live until `t_s`."""
        if t_s > self.t_s:
            self.t_s = t_s
            self._clock.move_to(self.now)
            self.world.live_until(t_s)

    def phases_a(self) -> Phases:
        """Return the current at the grid connection now, per phase, + = import."""
        return self._grid_phases_a(*self._powers_w())

    def circuit_a(self, meter_id: str) -> Phases:
        """Return what flows through the meter of a circuit now, per phase: its cars, and what was switched on there."""
        behind = self._behind[meter_id]
        load_a = sum(self._loads_w.get(each, 0.0) for each in behind.meters) / self.settings.site.voltage_v
        cars_a = self._cars_a(behind.cars)
        return _each(lambda number: cars_a[number] + load_a * self.wiring.loads[number])

    def _powers_w(self) -> tuple[float, float, float]:
        """Return (pv, house, battery) now; battery + = discharging."""
        sample = self.world.sample_at(self.t_s)
        return sample.pv_w, sample.house_w, sample.battery_w

    def _cars_a(self, cars: Iterable[str]) -> Phases:
        amps = [0.0, 0.0, 0.0]
        for car_id in cars:
            car = self.cars[car_id]
            if car.current_a > 0 and car.is_home:
                for number, each in enumerate(car.phases_a()):
                    amps[number] += each
        return (amps[0], amps[1], amps[2])

    def _grid_phases_a(self, pv_w: float, house_w: float, battery_w: float) -> Phases:
        wiring, voltage_v = self.wiring, self.settings.site.voltage_v
        switched_w = sum(self._loads_w.values()) if self._loads_w else 0.0
        cars_a = self._cars_a(self.cars)
        return _each(
            lambda number: (
                cars_a[number]
                + (
                    (house_w - switched_w) * wiring.house[number]
                    + switched_w * wiring.loads[number]
                    - pv_w * wiring.pv[number]
                    - battery_w * wiring.battery[number]
                )
                / voltage_v
            )
        )

    def _measure(self, meter_id: str) -> None:
        """Have a meter measure, and its reading arrive a delay later; the grid meter's instant is a line in the log."""
        meter = self._meters[meter_id]
        self.at(self.t_s + self._next_s(meter.settings.interval_s), lambda: self._measure(meter_id))
        reading = self._read_grid(meter.settings.interval_s) if meter_id == GRID else self._read_circuit(meter_id)
        if meter.fault in (MeterFault.FROZEN, MeterFault.STUCK) and meter.last is not None:
            is_frozen = meter.fault is MeterFault.FROZEN
            reading = meter.last if is_frozen else replace(meter.last, measured_at=self.now)
        elif meter.fault is MeterFault.NULL:
            reading = MeterReading(measured_at=self.now)
        else:
            meter.last = reading
        if meter.fault is not MeterFault.SILENT:
            is_lost = meter.fault is MeterFault.UNREACHABLE
            self.at(
                self.t_s + meter.settings.delay_s + meter.late_s,
                lambda: self._arrive(meter_id, reading, is_lost=is_lost),
            )

    def _next_s(self, interval_s: float) -> float:
        """Return how long until a meter measures again."""
        dark_s, below_w = self._dark
        if dark_s <= interval_s:
            return interval_s
        sample = self.world.sample_at(self.t_s)
        is_dark = sample.pv_w - sample.house_w < below_w and sample.cars_w <= 0
        return dark_s if is_dark else interval_s

    def _arrive(self, meter_id: str, reading: MeterReading, *, is_lost: bool) -> None:
        if is_lost:
            self.feed(
                ReadFailed(
                    at=self.now, device_id=meter_id, exchange_id=None, what=ReadKind.DATA, cause=Cause.UNREACHABLE
                )
            )
        else:
            self.feed(MeterRead(at=self.now, meter_id=meter_id, reading=reading))

    def _read_grid(self, dt_s: float) -> MeterReading:
        """Return what the meter at the grid connection measures now, and note how everything is."""
        pv_w, house_w, battery_w = self._powers_w()
        phases_a = self._grid_phases_a(pv_w, house_w, battery_w)
        grid_w = sum(phases_a) * self.settings.site.voltage_v
        soc_pct = None if self._home_battery is None else self._home_battery.soc_pct
        if self._keeps_lines:
            self._note(dt_s, pv_w, house_w, grid_w, phases_a, battery_w)
        tells_all, tells_phases = self._measures
        has_battery = tells_all and soc_pct is not None
        return MeterReading(
            measured_at=self.now,
            grid_w=grid_w,
            pv_w=pv_w if tells_all else None,
            battery_w=battery_w if has_battery else None,
            battery_soc_pct=soc_pct if has_battery else None,
            grid_phases_a=phases_a if tells_phases else None,
        )

    def _read_circuit(self, meter_id: str) -> MeterReading:
        amps = self.circuit_a(meter_id)
        return MeterReading(measured_at=self.now, grid_w=sum(amps) * self.settings.site.voltage_v, grid_phases_a=amps)

    def _note(
        self, dt_s: float, pv_w: float, house_w: float, grid_w: float, phases_a: Phases, battery_w: float
    ) -> None:
        """Write a line, and what is highest so far."""
        self._note_peaks(phases_a)
        imports_wh = dict.fromkeys(self.cars, 0.0)
        for day in self.world.days:
            for car_id, ledger in day.cars.items():
                imports_wh[car_id] += ledger.import_wh
        for car_id, import_wh in imports_wh.items():
            self._edges[car_id].note(import_wh, dt_s)
        self._all_edges.note(sum(imports_wh.values()), dt_s)
        battery = self._home_battery
        loadpoints = self.state.loadpoints
        self.lines.append(
            Line(
                t_s=self.t_s,
                pv_w=pv_w,
                house_w=house_w,
                grid_w=grid_w,
                grid_phases_a=phases_a,
                battery_w=battery_w,
                battery_soc_pct=None if battery is None else battery.soc_pct,
                draws_w={car.id: car.draw_w for car in self.cars.values()},
                set_points={lp_id: lp.set_point for lp_id, lp in loadpoints.items()},
                reasons={lp_id: lp.reason.code for lp_id, lp in loadpoints.items()},
            )
        )

    def _note_peaks(self, phases_a: Phases) -> None:
        circuits_a = {meter_id: self.circuit_a(meter_id) for meter_id in self._behind}
        self._peaks.note(phases_a, self._cars_a(self.cars), circuits_a)

    def summary(self) -> Summary:
        """Return what it came to so far."""
        total = self.world.total()
        cars = {}
        for car_id, ledger in total.cars.items():
            car = self.cars[car_id]
            energies = {each.name: getattr(ledger, each.name) for each in fields(ledger) if each.name != "starts"}
            cars[car_id] = CarSummary(
                **energies,
                starts=ledger.starts - car.phase_gaps,
                commands=sum(sent.car == car_id for sent in self.sent),
                phase_switches=car.phase_switches,
                largest_edge_wh=self._edges[car_id].largest_wh,
            )
        peaks = self._peaks
        return Summary(
            elapsed_s=total.elapsed_s,
            import_wh=total.import_wh,
            export_wh=total.export_wh,
            usable_wh=total.usable_wh,
            cars=cars,
            peak_phases_a=_each(peaks.grid_a.__getitem__),
            peak_circuits_a={meter_id: _each(amps.__getitem__) for meter_id, amps in peaks.circuits_a.items()},
            peak_unbalanced_a=peaks.unbalanced_a,
            largest_edge_wh=self._all_edges.largest_wh,
        )


def _each(value_of: Callable[[int], float]) -> Phases:
    """Return a value for each phase."""
    first, second, third = (value_of(number) for number in range(SITE_PHASES))
    return (first, second, third)


@dataclass(slots=True)
class _Behind:
    """What is behind a meter: on its circuits, and on all that hang from them."""

    cars: set[str] = field(default_factory=set)
    meters: set[str] = field(default_factory=set)  #: itself and those further down


def _behind(settings: Settings) -> dict[str, _Behind]:
    """Return what is behind each circuit's meter."""
    circuits = {circuit.id: circuit for circuit in settings.circuits}
    behind: dict[str, _Behind] = {}
    for circuit in settings.circuits:
        cars = {lp.vehicle_id for lp in settings.loadpoints if lp.circuit == circuit.id and lp.vehicle_id is not None}
        above: CircuitSettings | None = circuit
        while above is not None:
            if above.meter is not None:
                at_meter = behind.setdefault(above.meter, _Behind())
                at_meter.cars |= cars
                at_meter.meters |= {circuit.meter} if circuit.meter is not None else set()
            above = circuits.get(above.parent) if above.parent is not None else None
    return behind
