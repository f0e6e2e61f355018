"""Meters behind a service that counts requests: asked only while a car is connected and the sun is up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.core.bench import CARPORT, HOME, HOUSE, NOON, Bench, Car, after_s, facts_of, remembered, settings_of

from sunbox.core.commands import Cause, ReadKind
from sunbox.core.effects import Effect, Read, Remember
from sunbox.core.engine import step
from sunbox.core.events import Began, Event, MeterRead, ReadFailed, Tick, VehicleRead
from sunbox.core.meters import LOOK_FOR_SUN_S
from sunbox.core.model import Availability, Charging, Memory, MeterReading
from sunbox.core.reasons import ReasonCode, render
from sunbox.core.settings import LoadpointSettings, MeterSettings
from sunbox.core.snapshot import snapshot
from sunbox.core.state import State
from sunbox.core.sun import is_up

CLOUD = MeterSettings(id="cloud", interval_s=60.0, is_cloud=True)
MIDNIGHT = datetime(2026, 6, 1, 22, 30, tzinfo=UTC)


class Service:
    """A core with one meter that is asked for; answers at once, or not at all."""

    def __init__(self, *, at: datetime = NOON, plugged: bool | None = True, **about: object) -> None:
        self.at = at
        self.asked: list[datetime] = []
        self.retry_after_s: float | None = None
        self.is_dead = False
        self.billed = 0
        #: of the car, which answers nothing else
        self.availability = Availability.ASLEEP if plugged is None else None
        self.remembered = Memory()
        given = {"meters": (CLOUD,), **about}
        charging = Charging.STOPPED if plugged else Charging.DISCONNECTED
        memory = remembered(None if plugged is None else facts_of(charging, at - timedelta(hours=1)))
        self.state: State
        self.began = Began(at=at, settings=settings_of(**given), memory=memory)  # type: ignore[arg-type]
        self.feed(self.began)

    def feed(self, event: Event) -> None:
        before = None if isinstance(event, Began) else self.state
        self.state, effects = step(before, event)
        self._take(effects)

    def _take(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, Remember):
                self.remembered = replace(self.remembered, meters={**self.remembered.meters, **effect.memory.meters})
            is_look = isinstance(effect, Read) and effect.device_id == "car" and effect.what is ReadKind.STATE
            if is_look and self.availability is not None:
                told = VehicleRead(
                    at=self.at,
                    vehicle_id="car",
                    exchange_id=effect.exchange_id,  # type: ignore[union-attr]
                    what=ReadKind.STATE,
                    availability=self.availability,
                )
                self.feed(told)
            if isinstance(effect, Read) and effect.device_id == "cloud":
                assert effect.what is ReadKind.DATA
                self.asked.append(self.at)
                self._answer()

    def _answer(self) -> None:
        if self.is_dead:
            return
        if self.retry_after_s is not None:
            failed = ReadFailed(
                at=self.at,
                device_id="cloud",
                exchange_id=1,
                what=ReadKind.DATA,
                cause=Cause.RATE_LIMITED,
                retry_after_s=self.retry_after_s,
                billed=self.billed,
            )
            self.feed(failed)
            return
        reading = MeterReading(measured_at=self.at, grid_w=300.0)
        self.feed(MeterRead(at=self.at, meter_id="cloud", reading=reading, billed=self.billed))

    def advance(self, seconds: float) -> None:
        end_at = self.at + timedelta(seconds=seconds)
        while self.state.due_at is not None and self.state.due_at <= end_at:
            self.at = max(self.at, self.state.due_at)
            self.feed(Tick(at=self.at))
        self.at = end_at


def test_it_is_asked_at_its_interval_while_a_car_is_connected_by_day() -> None:
    service = Service()
    service.advance(600)
    assert [(at - NOON).total_seconds() for at in service.asked] == [60.0 * number for number in range(11)]
    assert snapshot(service.state, service.at).grid_w == 300.0


def test_it_is_not_asked_without_a_car() -> None:
    service = Service(plugged=False)
    service.advance(6 * 3600)
    assert service.asked == []


@pytest.mark.parametrize("loadpoints", [(), (replace(CARPORT, place="Home"),), (replace(CARPORT, place="Work"),)])
def test_it_is_not_asked_for_a_car_that_is_connected_elsewhere(loadpoints: tuple[LoadpointSettings, ...]) -> None:
    service = Service(loadpoints=loadpoints)  # the car is at home
    service.advance(3600)
    assert bool(service.asked) is (loadpoints[:1] == (replace(CARPORT, place="Home"),))


def test_it_is_not_asked_while_the_sun_is_down_and_that_is_said() -> None:
    service = Service(at=MIDNIGHT)
    service.advance(3600)
    assert service.asked == []
    reason = snapshot(service.state, service.at).loadpoints[0].reason
    assert reason.code is ReasonCode.SUN_DOWN
    assert "sun is down" in render(reason)
    service.advance(8 * 3600)
    first_at = service.asked[0]
    assert is_up(first_at, HOME.lat, HOME.lon)
    assert not is_up(first_at - timedelta(seconds=LOOK_FOR_SUN_S + 1), HOME.lat, HOME.lon)


def test_it_is_asked_without_a_place_by_the_sun_of_central_europe() -> None:
    service = Service(places=())
    service.advance(60)
    assert len(service.asked) == 2


def test_one_that_does_not_answer_is_asked_no_more_often() -> None:
    service = Service()
    service.is_dead = True
    service.advance(600)
    assert len(service.asked) == 11


def test_one_that_asks_to_wait_is_left_alone_for_so_long() -> None:
    service = Service()
    service.advance(60)
    service.retry_after_s = 900.0
    service.advance(60)
    asked = len(service.asked)
    service.retry_after_s = None
    service.advance(899)
    assert len(service.asked) == asked
    service.advance(60)
    assert len(service.asked) == asked + 1


def test_a_failure_of_one_that_was_never_asked_is_noted() -> None:
    service = Service(plugged=False)
    service.retry_after_s = 900.0
    service._answer()
    assert service.state.meters["cloud"].cause is Cause.RATE_LIMITED
    assert service.state.meters["cloud"].due_at is None


def test_a_plain_meter_beside_it_is_nobodys_to_ask_for_and_is_not_at_rest_at_night() -> None:
    bench = Bench(
        settings=settings_of(meters=(HOUSE, CLOUD)), memory=remembered(facts_of(at=MIDNIGHT)), at=MIDNIGHT, car=Car()
    )
    bench.has_meter = False
    bench.advance(3600)
    assert bench.code is ReasonCode.GRID_STALE


@pytest.mark.parametrize(
    ("at", "lat", "lon", "up"),
    [
        (datetime(2026, 6, 1, 10, tzinfo=UTC), 52.4, 13.5, True),
        (datetime(2026, 6, 1, 23, tzinfo=UTC), 52.4, 13.5, False),
        (datetime(2026, 6, 1, 3, 30, tzinfo=UTC), 52.4, 13.5, True),
        (datetime(2026, 12, 21, 6, 30, tzinfo=UTC), 52.4, 13.5, False),
        (datetime(2026, 12, 21, 8, 0, tzinfo=UTC), 52.4, 13.5, True),
        (datetime(2026, 6, 21, 0, tzinfo=UTC), 78.0, 15.0, True),
        (datetime(2026, 12, 21, 12, tzinfo=UTC), 78.0, 15.0, False),
        (datetime(2026, 6, 1, 2, tzinfo=UTC), -33.9, 151.2, True),
    ],
)
def test_where_the_sun_is_up(at: datetime, lat: float, lon: float, *, up: bool) -> None:
    assert is_up(at, lat, lon) is up


def test_a_car_that_is_connected_later_has_it_asked_at_once() -> None:
    service = Service(plugged=False)
    service.advance(3600)
    vehicle = service.state.vehicles["car"]
    memory = replace(vehicle.memory, facts=facts_of(at=after_s(3600)))
    service.state = replace(service.state, vehicles={"car": replace(vehicle, memory=memory)})
    service.feed(Tick(at=service.at))
    assert len(service.asked) == 1
