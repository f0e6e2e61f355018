"""Devices and a store in the hands of a test, and a gateway between them in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.core.bench import CAR, CARPORT, HOUSE, NOON, Car, settings_of

from sunbox.core.commands import ReadKind
from sunbox.core.effects import Read, Send
from sunbox.core.events import CommandEnded, MeterRead, ReadFailed, VehicleRead
from sunbox.core.model import Availability, LoadpointMemory, Memory, MeterReading, VehicleMemory
from sunbox.core.settings import Settings
from sunbox.core.wallbox import LoadpointSnapshot
from sunbox.drivers.base import Emit
from sunbox.errors import StoreError
from sunbox.gateway.gateway import Gateway
from sunbox.gateway.journal import Journal
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in


@dataclass
class StoreDouble:
    """Keeps memory in memory, slowly."""

    memory: Memory = field(default_factory=Memory)
    takes_s: float = 0.2
    is_full: bool = False
    saves: int = 0

    def load(self) -> Memory:
        return self.memory

    async def save(self, memory: Memory) -> None:
        await asyncio.sleep(self.takes_s)
        if self.is_full:
            raise StoreError("sunbox.db: cannot be written: disk full")
        vehicles: dict[str, VehicleMemory] = {**self.memory.vehicles, **memory.vehicles}
        loadpoints: dict[str, LoadpointMemory] = {**self.memory.loadpoints, **memory.loadpoints}
        self.memory = Memory(vehicles=vehicles, loadpoints=loadpoints)
        self.saves += 1


@dataclass
class CarDriver:
    """Drives the car of the bench; before a send it looks whether the store knows of it."""

    clock: LoopClock
    store: StoreDouble
    car: Car = field(default_factory=lambda: Car(is_awake=True))
    takes_s: float = 1.0
    breaks: list[str] = field(default_factory=list)  #: what the next calls do instead: "send" or "read" raise
    sent: list[Send] = field(default_factory=list)
    unknown_to_the_store: list[Send] = field(default_factory=list)
    most_at_once: int = 0
    at_once: int = 0
    is_closed: bool = False

    @property
    def device_id(self) -> str:
        return CAR.id

    async def run(self, emit: Emit) -> None:
        return

    async def send(self, effect: Send) -> CommandEnded:
        exchange = self.store.memory.vehicles[effect.device_id].exchange
        if exchange is None or (exchange.id, exchange.command) != (effect.exchange_id, effect.command):
            self.unknown_to_the_store.append(effect)
        self.sent.append(effect)
        await self._answer("send")
        self.car.pass_time(self.clock.now(), 0.0)
        outcome, cause = self.car.do(effect.command, self.clock.now())
        return CommandEnded(
            at=self.clock.now(),
            device_id=effect.device_id,
            exchange_id=effect.exchange_id,
            outcome=outcome,
            cause=cause,
        )

    async def read(self, effect: Read) -> VehicleRead | ReadFailed:
        await self._answer("read")
        self.car.pass_time(self.clock.now(), 0.0)
        is_data = effect.what is ReadKind.DATA
        return VehicleRead(
            at=self.clock.now(),
            vehicle_id=effect.device_id,
            exchange_id=effect.exchange_id,
            what=effect.what,
            availability=Availability.ONLINE if self.car.is_awake else Availability.ASLEEP,
            facts=self.car.facts(self.clock.now()) if is_data else None,
            billed=int(is_data),
        )

    async def probe(self) -> str:
        return "a double"

    async def close(self) -> None:
        self.is_closed = True

    async def _answer(self, what: str) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.takes_s)
            if what in self.breaks:
                self.breaks.remove(what)
                raise RuntimeError("a bug in a driver")
        finally:
            self.at_once -= 1


@dataclass
class MeterDriver:
    """Reads the truth every ten seconds, and takes what is pushed."""

    clock: LoopClock
    car: Car
    pv_w: float = 0.0
    is_closed: bool = False
    takes_reports: bool = True

    @property
    def device_id(self) -> str:
        return HOUSE.id

    async def run(self, emit: Emit) -> None:
        while True:
            emit(self.reading())
            await asyncio.sleep(HOUSE.interval_s)

    def reading(self) -> MeterRead:
        now = self.clock.now()
        reading = MeterReading(measured_at=now, grid_w=300.0 + self.car.draw_w - self.pv_w, pv_w=self.pv_w)
        return MeterRead(at=now, meter_id=HOUSE.id, reading=reading)

    async def send(self, effect: Send) -> CommandEnded:
        raise AssertionError("a meter takes no commands")

    async def read(self, effect: Read) -> VehicleRead | ReadFailed:
        raise AssertionError("a meter is polled")

    async def probe(self) -> str:
        return "a double"

    async def close(self) -> None:
        self.is_closed = True


@dataclass
class Rig:
    gateway: Gateway
    driver: CarDriver
    meter: MeterDriver
    store: StoreDouble
    clock: LoopClock
    task: asyncio.Task[None] | None = None

    @property
    def lp(self) -> LoadpointSnapshot:
        return self.gateway.snapshot().loadpoints[0]

    async def until(self, condition: Callable[[], bool], within_s: float = 300.0) -> None:
        for _ in range(round(2 * within_s)):
            if condition():
                return
            await asyncio.sleep(0.5)
        raise AssertionError(f"not within {within_s} s: {self.lp}")

    async def stop(self) -> BaseException | None:
        assert self.task is not None
        self.task.cancel()
        (result,) = await asyncio.gather(self.task, return_exceptions=True)
        return result


@asynccontextmanager
async def running(
    *, settings: Settings | None = None, journal: Journal | None = None, after: Rig | None = None
) -> AsyncIterator[Rig]:
    """Run a gateway; `after`: with the store, the clock and the car of one that has ended."""
    clock = after.clock if after is not None else LoopClock(NOON)
    store = after.store if after is not None else StoreDouble()
    driver = CarDriver(clock, store, after.driver.car if after is not None else Car(is_awake=True))
    meter = MeterDriver(clock, driver.car)
    gateway = Gateway(
        settings or settings_of(loadpoints=(CARPORT,)),
        {driver.device_id: driver, meter.device_id: meter},
        clock=clock,
        store=store,
        journal=journal or Journal(),
    )
    rig = Rig(gateway, driver, meter, store, clock)
    gateway.begin()
    rig.task = asyncio.create_task(gateway.run())
    try:
        yield rig
    finally:
        if not rig.task.done():
            await rig.stop()


def live(main: Callable[[], Awaitable[None]]) -> None:
    run_in(VirtualTimeLoop, main())  # type: ignore[arg-type]
