"""Every charging command against the simulated cloud: what comes before it, and what it changes about the car."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from charging_clients import VIN

from sunbox.core.model import Charging
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.clock import LoopClock
from sunbox.simulator.tesla_cloud import CloudSettings, TeslaCloud

SCHEDULE: dict[str, Any] = {
    "days_of_week": "All",
    "enabled": True,
    "end_enabled": False,
    "lat": 52.4,
    "lon": 13.5,
    "start_enabled": True,
    "start_time": 60,
    "id": 7,
}


def nothing(_: TeslaCar) -> None:
    """Leave the car as it is."""


def charge(car: TeslaCar) -> None:
    """Have the car charge."""
    assert car.start_charging() is None
    for _ in range(30):
        car.advance(1.0)
    assert car.charging is Charging.CHARGING


def open_port(car: TeslaCar) -> None:
    """Have no cable in an open port."""
    car.unplug()
    car.open_port()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One command; `look` tells what it changes, to `expected`."""

    look: Callable[[TeslaCar], Any]
    expected: Any
    arguments: Mapping[str, Any] = field(default_factory=dict)
    before: Callable[[TeslaCar], Any] = nothing


CASES: dict[str, Case] = {
    "charge_port_door_open": Case(before=TeslaCar.unplug, look=lambda car: car.is_port_open, expected=True),
    "charge_port_door_close": Case(before=open_port, look=lambda car: car.is_port_open, expected=False),
    "charge_start": Case(look=lambda car: car.charging, expected=Charging.STARTING),
    "charge_stop": Case(before=charge, look=lambda car: car.charging, expected=Charging.STOPPED),
    "charge_standard": Case(before=lambda car: car.set_limit(90), look=lambda car: car.limit_pct, expected=80),
    "charge_max_range": Case(look=lambda car: car.limit_pct, expected=100),
    "set_charge_limit": Case(arguments={"percent": 75}, look=lambda car: car.limit_pct, expected=75),
    "set_charging_amps": Case(arguments={"charging_amps": 11}, look=lambda car: car.amps_a, expected=11),
    "set_scheduled_charging": Case(
        arguments={"enable": True, "time": 1410}, look=lambda car: car.schedule.start_min, expected=1410
    ),
    "set_scheduled_departure": Case(
        arguments={
            "enable": True,
            "departure_time": 540,
            "off_peak_charging_enabled": True,
            "end_off_peak_time": 450,
        },
        look=lambda car: car.schedule.off_peak_end_min,
        expected=450,
    ),
    "add_charge_schedule": Case(arguments=SCHEDULE, look=lambda car: car.kept_schedules, expected={7: SCHEDULE}),
    "remove_charge_schedule": Case(
        before=lambda car: car.keep_schedule({"id": 7}),
        arguments={"id": 7},
        look=lambda car: car.kept_schedules,
        expected={},
    ),
}


@dataclass
class Bench:
    """A cloud with one car: the truth beside what a client sees. Nothing passes but what a test lets pass."""

    car: TeslaCar
    cloud: TeslaCloud

    async def live(self, seconds: int) -> None:
        """Let time pass, for the car too."""
        for _ in range(seconds):
            await asyncio.sleep(1)
            self.car.advance(1.0)


def make_bench(**about_car: Any) -> Bench:
    """Return a cloud that answers at once; its time is the loop's."""
    clock = LoopClock(datetime(2024, 6, 1, 8, 0, tzinfo=UTC))
    car = TeslaCar(vin=VIN, now=clock.now, **about_car)
    return Bench(car, TeslaCloud(clock, [car], settings=CloudSettings(slow_s=(0, 0), quick_s=(0, 0))))
