"""The simulated home of the bench: the world of `sunbox day`, brought from instant to instant by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sunbox.simulator.bench.cars import CommandedCar
from sunbox.simulator.bench.setup import SetUp, Tally
from sunbox.simulator.meter import MeterParams, Sample
from sunbox.simulator.trace import Trace
from sunbox.simulator.world import Place, World

METER = MeterParams(noise_w=0.0)


class SteppedClock:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """Return the instant, UTC-aware."""
        return self._at

    def move_to(self, at: datetime) -> None:
        """Be at `at`."""
        self._at = at


class Home:
    """One site with one car. Times are seconds since the beginning of the trace."""

    def __init__(self, trace: Trace, car: CommandedCar, setup: SetUp, clock: SteppedClock, timezone: ZoneInfo) -> None:
        self.setup = setup
        self.car = car
        self.timezone = timezone
        self.begins_at = trace.start_at.astimezone(UTC)
        self.now = self.begins_at  #: how far it was brought
        self.length_s = (trace.end_at - trace.start_at).total_seconds()
        self.tally = Tally()
        self._clock = clock
        self._world = World(
            clock, trace, cars=(car,), meter=METER, place=Place(timezone=timezone), voltage_v=setup.voltage_v
        )
        self._day: date = self.begins_at.astimezone(timezone).date()
        self._day_ends_s = 0.0
        self._seek_day(0.0)

    def at(self, t_s: float) -> datetime:
        """Return the instant of `t_s`, UTC."""
        return self.begins_at + timedelta(seconds=t_s)

    def go(self, t_s: float) -> None:
        """Live until `t_s`."""
        self.now = self.at(t_s)
        self._clock.move_to(self.now)
        self._world.live_until(t_s)

    def wait(self, t_s: float) -> None:
        """Be at `t_s`, for a reading of the meter; where that shows what has been lived already, the world goes on later.

        Until a command comes the car goes on by itself.
        """
        if t_s - self.setup.meter_delay_s >= self._world.t_s:
            self.go(t_s)
        else:
            self.now = self.at(t_s)
            self._clock.move_to(self.now)

    def read_meter(self, t_s: float) -> Sample:
        """Return what the meter says at `t_s`: the site as it was a delay ago."""
        return self._world.sample_at(max(0.0, t_s - self.setup.meter_delay_s))

    @property
    def is_dim(self) -> bool:
        """Return whether the car takes nothing, and could take nothing from what the house leaves of the sun now."""
        if self.car.draw_w > 0:
            return False
        pv_w, load_w = self._world.trace.at((self.now - self.begins_at).total_seconds())
        return pv_w - load_w < self.setup.min_power_w

    def count_command(self, t_s: float) -> None:
        """Count a command that is sent at `t_s`."""
        if t_s >= self._day_ends_s:
            self._seek_day(t_s)
        self.tally.count_command(self._day)

    def close(self, length_s: float) -> Tally:
        """Live until the end and return what the time was worth."""
        self.go(length_s)
        total = self._world.total()
        car = total.all_cars()
        tally = self.tally
        tally.elapsed_s, tally.starts = total.elapsed_s, car.starts - self.car.phase_gaps
        tally.phase_switches = self.car.phase_switches
        tally.solar_wh, tally.import_wh, tally.usable_wh = car.solar_wh, car.import_wh, car.usable_wh
        return tally

    def _seek_day(self, t_s: float) -> None:
        self._day = self.at(t_s).astimezone(self.timezone).date()
        midnight_at = datetime.combine(self._day + timedelta(days=1), datetime.min.time(), self.timezone)
        self._day_ends_s = (midnight_at - self.begins_at).total_seconds()
