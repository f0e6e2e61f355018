"""sunbox itself on the bench: `core.engine.step` beside the world, without HTTP, asyncio or JSON between them."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sunbox.core.commands import Cause, ReadKind, RequestKind
from sunbox.core.effects import Effect, Read, Send
from sunbox.core.engine import step
from sunbox.core.events import Began, CommandEnded, Event, MeterRead, ReadFailed, Tick, VehicleRead
from sunbox.core.model import MeterReading
from sunbox.core.settings import (
    Budget,
    Capabilities,
    LoadpointSettings,
    MeterSettings,
    PhaseSwitch,
    Settings,
    SiteSettings,
    VehicleSettings,
)
from sunbox.core.state import State
from sunbox.core.values import replace
from sunbox.simulator.bench.cars import CommandedCar
from sunbox.simulator.bench.home import Home
from sunbox.simulator.bench.setup import MONEY_PER_KWH, SetUp, Tally
from sunbox.simulator.oracle import PHASE_GAP_S

METER_ID, VEHICLE_ID, LOADPOINT_ID = "meter", "car", "carport"

PROGRESS_S = 3600.0
"""How often (simulated time) progress is told."""

Progress = Callable[[float], None]


def settings_for(
    setup: SetUp,
    timezone: Any,
    capabilities: Capabilities,
    *,
    solar_share_pct: float = 100.0,
    loadpoint: Mapping[str, Any] | None = None,
) -> Settings:
    """Return what the owner of this home would have configured; everything else is the core's default.

    Args:
        setup: the home.
        timezone: of the site.
        capabilities: of the car, as a driver would declare them.
        solar_share_pct: least share of sun at which charging is worth it.
        loadpoint: further fields of `LoadpointSettings`.
    """
    return Settings(
        site=SiteSettings(
            timezone=timezone,
            voltage_v=setup.voltage_v,
            value_per_kwh=MONEY_PER_KWH if setup.command_price_wh > 0 else 0.0,
        ),
        meters=(meter_of(setup),),
        vehicles=(
            VehicleSettings(
                id=VEHICLE_ID,
                name="car",
                capabilities=replace(capabilities, phase_switch=switch_of(setup)),
                budget=Budget(commands_per_day=setup.commands_per_day),
                phases=max(setup.phases),
            ),
        ),
        loadpoints=(
            LoadpointSettings(
                id=LOADPOINT_ID,
                name=LOADPOINT_ID,
                vehicle_id=VEHICLE_ID,
                min_a=setup.min_a,
                max_a=setup.max_a,
                solar_share_pct=solar_share_pct,
                **(loadpoint or {}),
            ),
        ),
    )


def meter_of(setup: SetUp) -> MeterSettings:
    """Return the meter; where it is read seldom at times that is no reason to take it for silent."""
    meter = MeterSettings(id=METER_ID, interval_s=setup.meter_interval_s, delay_s=setup.meter_delay_s)
    return replace(meter, stale_after_s=max(meter.stale_after_s, 3 * (setup.dim_interval_s or 0.0)))


def switch_of(setup: SetUp) -> PhaseSwitch | None:
    """Return what the driver of a charger that switches phases would say of it."""
    return PhaseSwitch(gap_s=PHASE_GAP_S) if setup.has_auto_phases else None


class EngineRun:
    """The core at one home. `watch` sees every step, e.g. for a journal."""

    def __init__(
        self, home: Home, settings: Settings, watch: Callable[[Event, State, tuple[Effect, ...]], None] | None = None
    ) -> None:
        self._home = home
        self._watch = watch
        self._pending: list[tuple[float, int, Send | Read]] = []
        self._sent = 0
        self.state, effects = step(None, Began(at=home.at(0.0), settings=settings))
        self._take(0.0, effects)

    def run(self, length_s: float, progress: Progress) -> Tally:
        """Live until `length_s` and return what it was worth."""
        home, pending = self._home, self._pending
        told_s = meter_s = 0.0
        while True:
            answer_s = pending[0][0] if pending else math.inf
            due_at = self.state.due_at
            due_s = math.inf if due_at is None else (due_at - home.begins_at).total_seconds()
            t_s = min(meter_s, answer_s, due_s)
            if t_s >= length_s:
                break
            if answer_s <= t_s:
                home.go(t_s)
                event = self._answered(heapq.heappop(pending)[2])
            elif due_s <= t_s:
                home.go(t_s)
                event = Tick(at=home.now)
            else:
                home.wait(t_s)
                event = self._metered(t_s)
                meter_s = self._next_reading_s(t_s)
            self._feed(t_s, event)
            if t_s >= told_s:
                progress(t_s / length_s)
                told_s = t_s + PROGRESS_S
        progress(1.0)
        return home.close(length_s)

    def _next_reading_s(self, t_s: float) -> float:
        """Return when the meter is read next: always at a multiple of its interval."""
        setup = self._home.setup
        interval_s = setup.meter_interval_s
        if setup.dim_interval_s is not None and self._home.is_dim:
            interval_s *= max(1, setup.dim_interval_s // interval_s)
        return (round(t_s / setup.meter_interval_s) * setup.meter_interval_s) + interval_s

    def _feed(self, t_s: float, event: Event) -> None:
        self.state, effects = step(self.state, event)
        if effects:
            self._take(t_s, effects)
        if self._watch is not None:
            self._watch(event, self.state, effects)

    def _take(self, t_s: float, effects: tuple[Effect, ...]) -> None:
        """Have effects answered after the car's delay; what is remembered needs no answer."""
        for effect in effects:
            if isinstance(effect, Send | Read):
                self._sent += 1
                heapq.heappush(self._pending, (t_s + self._home.setup.car_delay_s, self._sent, effect))
                if isinstance(effect, Send) and effect.command.kind is RequestKind.COMMAND:
                    self._home.count_command(t_s)

    def _metered(self, t_s: float) -> MeterRead:
        sample = self._home.read_meter(t_s)
        home = self._home
        reading = MeterReading(measured_at=home.at(sample.t_s), grid_w=sample.grid_w, pv_w=sample.pv_w)
        return MeterRead(at=home.now, meter_id=METER_ID, reading=reading)

    def _answered(self, effect: Send | Read) -> Event:
        """Return what the car answers now; a command is carried out at this instant."""
        return answer_of(self._home.car, effect, self._home.now)


def answer_of(car: CommandedCar, effect: Send | Read, at: datetime) -> Event:
    """Return what a car answers at an instant; a command is carried out then."""
    if isinstance(effect, Send):
        outcome, cause = car.obey(effect.command)
        return CommandEnded(
            at=at, device_id=effect.device_id, exchange_id=effect.exchange_id, outcome=outcome, cause=cause
        )
    facts = car.facts(at) if effect.what is ReadKind.DATA else None
    if effect.what is ReadKind.DATA and facts is None:
        return ReadFailed(
            at=at, device_id=effect.device_id, exchange_id=effect.exchange_id, what=effect.what, cause=Cause.ASLEEP
        )
    return VehicleRead(
        at=at,
        vehicle_id=effect.device_id,
        exchange_id=effect.exchange_id,
        what=effect.what,
        availability=car.availability,
        facts=facts,
        billed=1 if effect.what is ReadKind.DATA else 0,
    )
