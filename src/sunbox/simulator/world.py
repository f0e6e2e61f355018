"""The simulated world: one site with sun, house, battery, meter and cars, brought up to the present when somebody looks.

Nothing runs in the background. `sync` takes the world from where it was to `clock.now()` in steps: 1 s (on whole
seconds) while a car is busy or a battery regulates, up to 5 s while a car draws, up to 60 s else, and never over the
end of a straight piece of the trace, a midnight, or somebody's departure. Within a step energies are exact, so that
it does not matter how often `sync` is called.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sunbox.clock import Clock
from sunbox.simulator.battery import Battery
from sunbox.simulator.habits import Move, Outing
from sunbox.simulator.ledger import CarLedger, DayLedger, Present, StartCounter, account
from sunbox.simulator.mains import THREE_PHASES, Amps, Supply, on_phases
from sunbox.simulator.meter import MAX_DELAY_S, Meter, MeterParams, Sample
from sunbox.simulator.trace import Trace

BUSY_STEP_S = 1.0
DRAWING_STEP_S = 5.0
IDLE_STEP_S = 60.0


class Car(Protocol):
    """A car as the world sees it; `car.py` has the Tesla."""

    @property
    def id(self) -> str:
        """Return its name in the world."""
        ...

    @property
    def draw_w(self) -> float:
        """Return the AC power that it takes now, in W."""
        ...

    @property
    def used_phases(self) -> int:
        """Return on how many phases it draws, 1–3, the first of the house's."""
        ...

    @property
    def is_busy(self) -> bool:
        """Return whether something moves quickly (start, ramp, waking), so that steps must be short."""
        ...

    @property
    def max_power_w(self) -> float:
        """Return the most AC power it can take at its socket, in W."""
        ...

    @property
    def is_home(self) -> bool:
        """Return whether it stands at the site."""
        ...

    @property
    def is_plugged(self) -> bool:
        """Return whether the cable is in."""
        ...

    def advance(self, dt_s: float) -> None:
        """Live for `dt_s` seconds."""
        ...

    def truth(self) -> dict[str, Any]:
        """Return everything true of it, as JSON."""
        ...

    def patch(self, changes: dict[str, Any]) -> None:
        """Change what is true of it, all or nothing.

        Raises:
            ValueError: an unknown key or a bad value; the text says what is allowed.
        """
        ...

    def plug(self) -> None:
        """Put the cable in."""
        ...

    def unplug(self) -> None:
        """Take the cable out."""
        ...

    def drive_off(self) -> None:
        """Leave."""
        ...

    def arrive(self, used_kwh: float = 0.0) -> None:
        """Come home, having used `used_kwh`."""
        ...


class Charger(Protocol):
    """A wallbox as the world sees it; `wallbox.py` has them. It lives together with the car that stands at it."""

    @property
    def id(self) -> str:
        """Return its name in the world."""
        ...

    @property
    def car_id(self) -> str:
        """Return the name of the car of the world that uses it; what flows counts as that car's."""
        ...

    @property
    def is_busy(self) -> bool:
        """Return whether something moves quickly in it, so that steps must be short."""
        ...

    def advance(self, dt_s: float) -> None:
        """Live for `dt_s` seconds, and have its car live."""
        ...

    def box_truth(self) -> dict[str, Any]:
        """Return everything true of it, as JSON."""
        ...

    def check(self, changes: Any) -> None:
        """Raise ValueError, with what is allowed, where changes are wrong."""
        ...

    def change(self, changes: dict[str, Any]) -> None:
        """Change what is true of it; `changes` were checked."""
        ...


class Cloud(Protocol):
    """A maker's cloud that is attached to the world, so that `GET /world` shows it and faults can be put into it."""

    def truth(self) -> dict[str, Any]:
        """Return bill, faults and the last requests, as JSON."""
        ...

    def validate_faults(self, faults: list[Any]) -> None:
        """Raise ValueError, with what is allowed, when one of the faults is wrong."""
        ...

    def add_faults(self, faults: list[Any]) -> None:
        """Have these faults happen."""
        ...

    def clear_faults(self) -> None:
        """Have no fault happen any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the site is."""

    name: str = "Home"
    latitude: float = 52.394
    longitude: float = 13.542
    timezone: ZoneInfo = ZoneInfo("Europe/Berlin")  # noqa: RUF009 - immutable


@dataclass(slots=True)
class Shift:
    """What somebody changed about a quantity of the trace: `fixed_w` rules, else trace × `factor` + `extra_w`."""

    factor: float = 1.0
    extra_w: float = 0.0
    fixed_w: float | None = None

    def of(self, traced_w: float) -> float:
        """Return the quantity in W, never below 0."""
        return self.fixed_w if self.fixed_w is not None else max(0.0, traced_w * self.factor + self.extra_w)

    @property
    def is_none(self) -> bool:
        """Return whether the trace stands as it is."""
        return self.fixed_w is None and self.factor == 1.0 and self.extra_w == 0.0


class World:
    """Everything that is true. Read `t_s`, `sample_at`, `days` after `sync`."""

    def __init__(
        self,
        clock: Clock,
        trace: Trace,
        *,
        cars: Iterable[Car] = (),
        chargers: Iterable[Charger] = (),
        battery: Battery | None = None,
        meter: MeterParams | None = None,
        habits: Mapping[str, Iterator[Outing]] | None = None,
        place: Place | None = None,
        voltage_v: float = 230.0,
        seed: int = 0,
    ) -> None:
        """Begin at `clock.now()`. `habits` gives the outings per car id; `voltage_v` is phase to neutral.

        The car of each of `chargers` is one of `cars` too.
        """
        self.clock = clock
        self.trace = trace
        self.cars: dict[str, Car] = {car.id: car for car in cars}
        self.chargers: dict[str, Charger] = {charger.id: charger for charger in chargers}
        self._lives: dict[str, Callable[[float], None]] = {car.id: car.advance for car in self.cars.values()}
        self._lives |= {charger.car_id: charger.advance for charger in self.chargers.values()}
        self.battery = battery
        self.place = place or Place()
        self.voltage_v = voltage_v
        self.seed = seed
        self.sun, self.load = Shift(), Shift()
        self.clouds: dict[str, Cloud] = {}
        self.watch: Callable[[float, float, float, float, float], None] | None = None
        """Is told of each step: its beginning, its length, and its mean powers of sun, all loads and battery."""
        self.began_at = clock.now().astimezone(UTC)
        self.t_s = self._began_s = (self.began_at - trace.start_at).total_seconds()
        self._starts = {car.id: StartCounter(car.draw_w) for car in self.cars.values()}
        self._habits = {car_id: outings for car_id, outings in (habits or {}).items() if car_id in self.cars}
        self._outings: list[tuple[float, str, Outing]] = []
        for car_id in self._habits:
            self._queue_outing(car_id)
        self.days: list[DayLedger] = []
        self._begin_day()
        self._history: deque[Sample] = deque((self._sample(),))
        self.meter = Meter(meter or MeterParams(), self, seed)

    def attach(self, name: str, cloud: Cloud) -> None:
        """Show `cloud` in the world under `name`."""
        self.clouds[name] = cloud

    def at(self, t_s: float) -> datetime:
        """Return the instant `t_s` after the beginning of the trace, UTC."""
        return self.trace.start_at.astimezone(UTC) + timedelta(seconds=t_s)

    def total(self) -> DayLedger:
        """Return the sum of all days so far."""
        total = DayLedger(self.days[0].day)
        for day in self.days:
            total.add(day)
        return total

    def sync(self) -> None:
        """Bring everything up to the present."""
        self.live_until((self.clock.now() - self.trace.start_at).total_seconds())

    def live_until(self, t_s: float) -> None:
        """Bring everything up to `t_s`, which is the present of the clock."""
        if t_s > self.t_s:
            self._advance(t_s)

    def sample_at(self, t_s: float) -> Sample:
        """Return the site as it was at `t_s`, between two samples on a straight line."""
        newer = self._history[-1]
        if t_s >= newer.t_s:  # a jump at this moment matters to nobody who asks for what was before
            newer = self._now_sample()
            if t_s >= newer.t_s:
                return newer
        for older in reversed(self._history):
            if older.t_s <= t_s:
                share = (t_s - older.t_s) / (newer.t_s - older.t_s)
                return Sample(
                    t_s,
                    older.pv_w + share * (newer.pv_w - older.pv_w),
                    older.house_w + share * (newer.house_w - older.house_w),
                    older.cars_w + share * (newer.cars_w - older.cars_w),
                    older.battery_w + share * (newer.battery_w - older.battery_w),
                    newer.battery_soc_pct,
                )
            newer = older
        return self._history[0]

    def mains_besides(self, car_id: str, at: datetime, supply: Supply = THREE_PHASES) -> Amps:
        """Return what flows at the house's connection per phase, + = import, without what one car takes.

        Args:
            car_id: that car.
            at: not before the present of the world.
            supply: how the house is connected.
        """
        pv_w, house_w = self._power_at((at - self.began_at).total_seconds() + self._began_s)
        battery_w = 0.0 if self.battery is None else self.battery.power_w
        currents_a = supply.currents_a(house_w, pv_w + battery_w, self.voltage_v)
        for car in self.cars.values():
            if car.id != car_id and car.is_home and car.draw_w > 0:
                phases = min(car.used_phases, supply.phases)
                drawn_a = on_phases(car.draw_w / phases / self.voltage_v, phases)
                currents_a = tuple(map(sum, zip(currents_a, drawn_a, strict=True)))  # type: ignore[assignment]
        return currents_a

    def _power_at(self, t_s: float) -> tuple[float, float]:
        """Return (pv, house) in W at `t_s`, as trace and people will have it."""
        pv_w, house_w = self.trace.at(t_s)
        return self.sun.of(pv_w), self.load.of(house_w)

    def _sample(self) -> Sample:
        pv_w, house_w = self._power_at(self.t_s)
        cars_w = self._cars_w()
        if self.battery is None:
            return Sample(self.t_s, pv_w, house_w, cars_w)
        return Sample(self.t_s, pv_w, house_w, cars_w, self.battery.power_w, self.battery.soc_pct)

    def _cars_w(self) -> float:
        cars_w = 0.0
        for car in self.cars.values():
            if car.is_home:
                cars_w += car.draw_w
        return cars_w

    def _now_sample(self) -> Sample:
        """Return the present; a jump since the last step (a command, a patch) becomes part of the history."""
        sample = self._sample()
        if sample != self._history[-1]:
            self._history.append(sample)
        return sample

    def _begin_day(self) -> None:
        local_at = self.at(self.t_s).astimezone(self.place.timezone)
        midnight = datetime.combine(local_at.date() + timedelta(days=1), time(), tzinfo=self.place.timezone)
        self._midnight_s = (midnight - self.trace.start_at).total_seconds()
        self.days.append(DayLedger(local_at.date(), cars={car_id: CarLedger() for car_id in self.cars}))

    def _queue_outing(self, car_id: str) -> None:
        outing = next(self._habits[car_id], None)
        if outing is not None:
            at_s = (outing.at - self.trace.start_at).total_seconds()
            self._outings.append((max(at_s, self.t_s), car_id, outing))
            self._outings.sort(key=lambda row: row[:2])

    def _move_cars(self) -> None:
        """Have those cars leave and return whose time has come."""
        while self._outings and self._outings[0][0] <= self.t_s:
            _, car_id, outing = self._outings.pop(0)
            car = self.cars[car_id]
            if outing.move is Move.LEAVE:
                car.unplug()
                car.drive_off()
            elif not car.is_home:
                car.arrive(outing.used_kwh)
                car.plug()
            self._queue_outing(car_id)

    def _advance(self, until_s: float) -> None:
        """Live from `t_s` to `until_s`, step by step."""
        trace, battery, history = self.trace, self.battery, self._history
        cars = tuple((car, self._lives[car.id]) for car in self.cars.values())
        boxes = (box for box in self.chargers.values() if box.id not in self.cars)
        movers: tuple[Car | Charger, ...] = (*self.cars.values(), *boxes)
        self._move_cars()
        pv_w, house_w, cars_w = self._now_sample()[1:4]
        is_traced = self.sun.is_none and self.load.is_none
        while self.t_s < until_s:
            t_s = self.t_s
            step_s = IDLE_STEP_S
            if cars_w > 0:
                step_s = DRAWING_STEP_S
            if battery is not None:
                step_s = BUSY_STEP_S
            else:
                for mover in movers:
                    if mover.is_busy:
                        step_s = BUSY_STEP_S
            end_s = min((t_s // step_s + 1) * step_s, trace.straight_until_s(t_s), self._midnight_s, until_s)
            if self._outings and self._outings[0][0] < end_s:
                end_s = self._outings[0][0]
            if end_s <= t_s:  # two ends within a rounding error of each other
                end_s = min(until_s, t_s + 1e-3)
            dt_s = end_s - t_s
            day = self.days[-1]
            present: list[Present] = []
            cars_w = mean_w = 0.0
            for car, live in cars:
                is_home = car.is_home
                from_w = car.draw_w
                live(dt_s)
                if not is_home:
                    continue
                to_w = car.draw_w
                cars_w += to_w
                draw_w = (from_w + to_w) / 2
                mean_w += draw_w
                ledger = day.cars[car.id]
                present.append(Present(ledger, draw_w, car.max_power_w if car.is_plugged else 0.0))
                if self._starts[car.id].has_started(dt_s, to_w):
                    ledger.starts += 1
            pv_end_w, house_end_w = trace.at(end_s) if is_traced else self._power_at(end_s)
            battery_w, soc_pct = 0.0, None
            if battery is not None:
                battery.advance(dt_s, mean_w + (house_w + house_end_w - pv_w - pv_end_w) / 2)
                battery_w, soc_pct = battery.power_w, battery.soc_pct
            account(day, dt_s, (pv_w, pv_end_w), (house_w, house_end_w), battery_w=battery_w, cars=present)
            if self.watch is not None:
                load_w = mean_w + (house_w + house_end_w) / 2
                self.watch(t_s, dt_s, (pv_w + pv_end_w) / 2, load_w, battery_w)
            pv_w, house_w = pv_end_w, house_end_w
            self.t_s = end_s
            history.append(Sample(end_s, pv_w, house_w, cars_w, battery_w, soc_pct))
            if end_s >= self._midnight_s:
                self._begin_day()
            if self._outings and self._outings[0][0] <= end_s:
                self._move_cars()
                pv_w, house_w, cars_w = self._now_sample()[1:4]
        while len(history) > 2 and history[1].t_s < until_s - MAX_DELAY_S:
            history.popleft()
