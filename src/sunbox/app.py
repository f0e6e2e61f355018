"""The composition root: configuration → store, drivers, gateway, faces; and the order in which they start and stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import structlog

from sunbox.clock import Clock
from sunbox.config.loader import Config
from sunbox.config.registry import DriverKind, FaceKind, Registry
from sunbox.core.model import MeterReading
from sunbox.core.settings import MeterSettings
from sunbox.core.surplus import balance as balance_of
from sunbox.core.wallbox import DayReport, Notebook, NotRecordedError, PossibleDay, Wallbox
from sunbox.dialects.powerwall.hold_book import words_of
from sunbox.dialects.powerwall.hold_kept import book_from_json
from sunbox.dialects.tlwb.geofence import parse_geofence
from sunbox.drivers.base import Driver
from sunbox.drivers.goe.driver import GoeDriver
from sunbox.drivers.goe.settings import GoeChargerSettings
from sunbox.drivers.goe.settings import capabilities as goe_capabilities
from sunbox.drivers.http.driver import HttpMeterDriver
from sunbox.drivers.http.settings import HttpMeterSettings
from sunbox.drivers.powerwall.cloud import CloudSite
from sunbox.drivers.powerwall.driver import PowerwallDriver
from sunbox.drivers.powerwall.holder import Holder
from sunbox.drivers.powerwall.home import HomeGateway
from sunbox.drivers.powerwall.settings import PowerwallMeterSettings
from sunbox.drivers.powerwall.settings import needs_account as powerwall_needs_account
from sunbox.drivers.pushed.driver import PushedMeterDriver
from sunbox.drivers.pushed.settings import PushedMeterSettings
from sunbox.drivers.smartevse.client import Links
from sunbox.drivers.smartevse.driver import SmartEvseDriver
from sunbox.drivers.smartevse.meter import SmartEvseMeterDriver
from sunbox.drivers.smartevse.settings import SmartEvseMeterSettings, SmartEvseSettings
from sunbox.drivers.smartevse.settings import capabilities as smartevse_capabilities
from sunbox.drivers.tesla.by_hand import SentByHand
from sunbox.drivers.tesla.client import TeslaClient
from sunbox.drivers.tesla.driver import TeslaDriver
from sunbox.drivers.tesla.settings import TeslaAccountSettings, TeslaVehicleSettings, capabilities, needs_account
from sunbox.drivers.tesla.tokens import TeslaAccount
from sunbox.faces import goe, smartevse, tesla, twc3
from sunbox.faces.guard import Guard
from sunbox.faces.main import create_main_app
from sunbox.gateway.days import days_in, path_of, spoken
from sunbox.gateway.gateway import Gateway
from sunbox.gateway.journal import Journal
from sunbox.gateway.recorded import Record, driven, read_record
from sunbox.gateway.report import bounds_of, is_able, report_of
from sunbox.net.http import AsgiApp, ClientFactory
from sunbox.net.serving import Bound, Listener, serving
from sunbox.store.memory_store import MemoryStore

log = structlog.get_logger(__name__)

REGISTRY = Registry(
    meters={
        "http": DriverKind(HttpMeterSettings),
        "pushed": DriverKind(PushedMeterSettings),
        "smartevse": DriverKind(SmartEvseMeterSettings),
        "powerwall": DriverKind(PowerwallMeterSettings, needs_account=powerwall_needs_account, account="tesla"),
    },
    chargers={
        "goe": DriverKind(GoeChargerSettings, goe_capabilities),
        "smartevse": DriverKind(SmartEvseSettings, smartevse_capabilities),
    },
    vehicles={"tesla": DriverKind(TeslaVehicleSettings, capabilities, needs_account)},
    accounts={"tesla": TeslaAccountSettings},
    faces={
        "tesla": FaceKind(tesla.TeslaFaceSettings),
        "twc3": FaceKind(twc3.Twc3Settings, is_list=True),
        "goe": FaceKind(goe.GoeFaceSettings, is_list=True),
        "smartevse": FaceKind(smartevse.SmartEvseFaceSettings, is_list=True, own_meter=smartevse.own_meter),
    },
    parse_geofence=parse_geofence,
)
"""Every driver and face that brings keys of its own to the configuration file."""


BOOKS = "powerwall/"
"""What the names begin with under which the books of holds are kept."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A gateway and what it was put together from."""

    gateway: Gateway
    store: MemoryStore
    accounts: tuple[TeslaAccount, ...]

    async def close(self) -> None:
        """Release what the gateway does not own."""
        for account in self.accounts:
            await account.close()
        self.store.close()


def open_drivers(
    config: Config,
    clients: ClientFactory,
    clock: Clock,
    balance: Callable[[], MeterReading | None] | None = None,
    notebook: Callable[[str], Notebook] | None = None,
) -> tuple[dict[str, Driver], tuple[TeslaAccount, ...]]:
    """Return the drivers by device id, and the accounts that some of them share.

    Args:
        config: the owner's file, checked.
        clients: makes HTTP clients.
        clock: the time of day.
        balance: tells what flows at the site, for devices with a surplus logic of their own.
        notebook: opens what a driver keeps over a restart, by a name; None = whoever would need one does without.
    """
    drivers: dict[str, Driver] = {}
    meters: dict[str, MeterSettings] = {meter.id: meter for meter in config.settings.meters}
    boxes = Links(clients)
    accounts: tuple[TeslaAccount, ...] = ()
    account_settings = cast("TeslaAccountSettings", config.accounts.get("tesla") or TeslaAccountSettings())
    account = TeslaAccount(account_settings, clients, clock)
    if config.vehicles or any(isinstance(device.settings, PowerwallMeterSettings) for device in config.meters):
        accounts = (account,)
    for device in config.meters:
        if isinstance(device.settings, PowerwallMeterSettings):
            drivers[device.id] = _powerwall(
                config, meters[device.id], device.settings, account, clients, clock, notebook
            )
            continue
        if device.driver == "pushed":
            drivers[device.id] = PushedMeterDriver(device.id, clock)
            continue
        if device.driver == "smartevse":
            of_box = cast("SmartEvseMeterSettings", device.settings)
            drivers[device.id] = SmartEvseMeterDriver(meters[device.id], of_box, boxes, clock)
            continue
        own = cast("HttpMeterSettings", device.settings)
        drivers[device.id] = HttpMeterDriver(meters[device.id], own, clients, clock)
    for device in config.chargers:
        if device.driver == "smartevse":
            box = cast("SmartEvseSettings", device.settings)
            drivers[device.id] = SmartEvseDriver(device.id, box, clients, clock, links=boxes, balance=balance)
            continue
        charger = cast("GoeChargerSettings", device.settings)
        drivers[device.id] = GoeDriver(device.id, charger, clients, clock, balance=balance)
    for device in config.vehicles:
        vehicle = cast("TeslaVehicleSettings", device.settings)
        drivers[device.id] = TeslaDriver(device.id, vehicle, account, clients, clock)
    return drivers, accounts


def _powerwall(
    config: Config,
    meter: MeterSettings,
    own: PowerwallMeterSettings,
    account: TeslaAccount,
    clients: ClientFactory,
    clock: Clock,
    notebook: Callable[[str], Notebook] | None,
) -> PowerwallDriver:
    """Return a Powerwall: read as its owner says, and held through the cloud."""
    timezone = config.settings.site.timezone
    site = None if own.site is None else CloudSite(own.site, TeslaClient(account, clients), clock)
    url = own.proxy if own.local is None else own.local.url
    home = None
    if url is not None:
        pin = config.store_path.with_name(f"{meter.id}.fingerprint")
        home = HomeGateway(url, own.local, clients, clock, pin=pin, timezone_name=timezone.key)
    holder = None
    if site is not None and notebook is not None:
        # by the site's number, so that another name for the meter, or another site behind it, loses and mistakes nothing
        book = notebook(f"{BOOKS}site/{site.site}")
        former = notebook(f"{BOOKS}{meter.id}")  # as it was named before
        if not _is_open(book) and _is_open(former):
            book = former
        if own.can_hold or _is_open(book):  # what was held is given back, whatever is written now
            holder = Holder(meter.id, site, own.manner, book, clock, timezone)
    return PowerwallDriver(
        meter,
        site=site,
        home=home,
        holder=holder,
        clock=clock,
        tells_at_start=own.can_hold and holder is not None and config.settings.site.battery_hold,
        by_hand=None if site is None else SentByHand(account.path),
    )


def _is_open(book: Notebook) -> bool:
    """Return whether something is still to be given back, or it cannot be told."""
    kept = book.load()
    return kept is not None and kept.get("entries") != []


def _tell_left_behind(store: MemoryStore, opened: set[str]) -> None:
    """Say which Powerwall was held and is not in the configuration any more: nobody gives it back."""
    for name in store.notebooks(BOOKS):
        if name in opened or not _is_open(store.notebook(name)):
            continue
        try:
            entries = book_from_json(store.notebook(name).load()).entries
        except ValueError:
            entries = ()
        was = ", ".join(words_of(each.part, each.original) for each in entries) or "cannot be read"
        log.warning(
            "a Powerwall was held and is not in the configuration any more: set it as it was in Tesla's app",
            powerwall=name.removeprefix(BOOKS),
            it_was=was,
        )


@dataclass(slots=True)
class _Site:
    """What flows at the site, for drivers that tell their device: they are opened before there is a gateway."""

    gateway: Gateway | None = None

    def balance(self) -> MeterReading | None:
        """Return it as known now, None where the grid is not measured."""
        if self.gateway is None:
            return None
        known = self.gateway.snapshot()
        if known.grid_w is None or known.grid_age_s is None:
            return None
        state = self.gateway.state
        return MeterReading(
            measured_at=known.at - timedelta(seconds=known.grid_age_s),
            grid_w=known.grid_w,
            pv_w=known.pv_w,
            battery_w=known.battery_w,
            grid_phases_a=balance_of(state.settings, state.meters, known.at).grid_phases_a,
        )


def compose(config: Config, clients: ClientFactory, clock: Clock, *, is_virtual: bool = False) -> Composed:
    """Put a gateway together; nothing runs or is contacted yet.

    Args:
        config: the owner's file, checked.
        clients: makes HTTP clients.
        clock: the time of day.
        is_virtual: time is virtual, so that no thread may work beside the loop.

    Raises:
        StoreError: what must survive cannot be read.
    """
    site = _Site()
    store = MemoryStore(config.store_path, is_inline=is_virtual)
    opened: set[str] = set()

    def notebook(name: str) -> Notebook:
        opened.add(name)
        return store.notebook(name)

    drivers, accounts = open_drivers(config, clients, clock, site.balance, notebook)
    _tell_left_behind(store, opened)
    journal = Journal(config.journal.folder, keep_days=config.journal.keep_days)
    gateway = Gateway(
        config.settings,
        drivers,
        clock=clock,
        store=store,
        journal=journal,
        report=report_day,
        is_inline=is_virtual,
    )
    site.gateway = gateway
    return Composed(gateway, store, accounts)


@asynccontextmanager
async def running(
    config: Config, clients: ClientFactory, clock: Clock, *, is_virtual: bool = False
) -> AsyncIterator[Gateway]:
    """Run a gateway while the body runs; then let requests under way end and keep what they ended as."""
    composed = compose(config, clients, clock, is_virtual=is_virtual)
    try:
        composed.gateway.begin()
        task = asyncio.create_task(composed.gateway.run(), name="gateway")
        try:
            yield composed.gateway
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    finally:
        await composed.close()


@dataclass(frozen=True, slots=True)
class Door:
    """What one port serves, in words and as an app."""

    name: str
    port: int
    app: AsgiApp
    follow: Callable[[], Coroutine[Any, Any, None]] | None = None  #: runs beside it as long as it is open
    most_connections: int | None = None  #: open at a time; None = any number


@dataclass(frozen=True, slots=True)
class Served:
    """A door that is open, and where."""

    name: str
    bound: Bound


def _twc3_door(wallbox: Wallbox, own: twc3.Twc3Settings, _: Config) -> Door:
    of = own.loadpoint or "the first loadpoint"
    return Door(f"{of} as a Wall Connector (twc3)", own.port, twc3.create_app(wallbox, own.loadpoint))


def _goe_door(wallbox: Wallbox, own: goe.GoeFaceSettings, config: Config) -> Door:
    of = own.loadpoint or "the first loadpoint"
    box = goe.LoadpointBox(
        wallbox, own, config.settings.site.timezone, wallbox.notebook(_notebook_of(own, config, "goe"))
    )

    async def follow() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(box.follow())
            if own.mqtt is not None:
                from sunbox.faces.goe.mqtt import GoeMqtt

                mqtt = GoeMqtt(box, own.mqtt.broker, prefix=own.mqtt.prefix, instance=f"-{own.port}")
                group.create_task(mqtt.run())

    return Door(f"{of} as a go-eCharger (goe)", own.port, goe.create_app(box), follow)


def _smartevse_door(wallbox: Wallbox, own: smartevse.SmartEvseFaceSettings, config: Config) -> Door:
    of = own.loadpoint or "the first loadpoint"
    box = smartevse.LoadpointBox(
        wallbox,
        own,
        config.settings.site.timezone,
        wallbox.notebook(_notebook_of(own, config, "smartevse")),
        main_fuse_a=config.settings.site.main_fuse_a,
        has_other_meter=any(meter.is_site and meter.id != smartevse.OWN_METER for meter in config.settings.meters),
    )

    async def follow() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(box.follow())
            if own.mqtt is not None:
                from sunbox.faces.smartevse.mqtt import SmartEvseMqtt

                host = f"{box.identity.host}.local" if config.faces.listen in EVERYWHERE else config.faces.listen
                mqtt = SmartEvseMqtt(box, own.mqtt.broker, url=f"http://{host}:{own.port}")
                group.create_task(mqtt.run())
            if own.mdns and not config.faces.is_loopback:
                from sunbox.faces.smartevse.mdns import announce

                group.create_task(announce(box.identity.host, own.port, config.faces.listen))

    name = f"{of} as a SmartEVSE (smartevse)"
    return Door(name, own.port, smartevse.create_app(box), follow, smartevse.MOST_ACCEPTED)


EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


def _notebook_of(own: goe.GoeFaceSettings | smartevse.SmartEvseFaceSettings, config: Config, face: str) -> str:
    """Return the name of what a box keeps: by its loadpoint, and the how many-th of it that it is; ports may change."""
    first = config.settings.loadpoints[0].id
    of = own.loadpoint or first
    rows = cast("tuple[goe.GoeFaceSettings | smartevse.SmartEvseFaceSettings, ...]", config.faces.by_name[face])
    twins = [row for row in rows if (row.loadpoint or first) == of]
    number = next(index for index, row in enumerate(twins) if row is own)
    return f"{face}/{of}" if number == 0 else f"{face}/{of}/{number + 1}"


OWN_DOORS: dict[str, Callable[[Wallbox, Any, Config], Door]] = {
    "twc3": _twc3_door,
    "goe": _goe_door,
    "smartevse": _smartevse_door,
}
"""Faces that have a port of their own, by their name below `faces`."""


def doors_of(wallbox: Wallbox, config: Config) -> list[Door]:
    """Return what is to be served: the main port first, then each instance of the others; behind the password if there is one."""
    faces = config.faces
    (about_tesla,) = cast("tuple[tesla.TeslaFaceSettings, ...]", faces.by_name.get("tesla")) or (
        tesla.TeslaFaceSettings(),
    )
    doors = [Door("page and APIs", faces.port, create_main_app(wallbox, tesla_shape=about_tesla.shape))]
    doors += [make(wallbox, own, config) for name, make in OWN_DOORS.items() for own in faces.by_name.get(name, ())]
    if faces.password is None:
        return doors
    guard = Guard(doors[0].app, faces.password.get_secret_value())
    return [replace(door, app=guard.beside(door.app)) for door in doors]


@asynccontextmanager
async def serving_faces(gateway: Wallbox, config: Config, *, speed: float = 1.0) -> AsyncIterator[tuple[Served, ...]]:
    """Serve the faces while the body runs; it gets the open doors, that of the main port first.

    Raises:
        ListenError: an address cannot be served; the text names every one.
    """
    doors = doors_of(gateway, config)
    listeners = [
        Listener(app=door.app, host=config.faces.listen, port=door.port, most_connections=door.most_connections)
        for door in doors
    ]
    async with serving(listeners, speed=speed) as bounds:
        followers = [asyncio.create_task(door.follow(), name=door.name) for door in doors if door.follow is not None]
        try:
            yield tuple(Served(door.name, bound) for door, bound in zip(doors, bounds, strict=True))
        finally:
            for follower in followers:
                follower.cancel()
            await asyncio.gather(*followers, return_exceptions=True)


def report_day(folder: Path, day: date) -> DayReport:
    """Return the account of a recorded day, beside what the oracle would have made of it. Reads one file; takes some seconds.

    Raises:
        NotRecordedError: there is no file of that day.
        JournalError: it cannot be read.
    """
    path = path_of(folder, day)
    if not path.exists():
        raise NotRecordedError(f"there is no journal of {day.isoformat()}; {spoken(days_in(folder))}")
    record = read_record([path])
    return report_of(record, day, possible_day(record, day))


def possible_day(record: Record, day: date) -> PossibleDay | None:
    """Return what the oracle does on a recorded day with as many commands; None where no car was there or nothing was left.

    Several cars count as one that takes as much as all of them.
    """
    from sunbox.simulator.bench.setup import SetUp  # nobody who only runs a gateway needs the simulator
    from sunbox.simulator.course import Course
    from sunbox.simulator.oracle import Oracle, weight_of
    from sunbox.simulator.recorded import Point, trace_of

    from_at, to_at = bounds_of(record, day)
    points = [
        Point(sample.at, surplus_w, sample.pv_w, sum(row.doubt_w for row in sample.seen))
        if any(is_able(row) for row in sample.seen)
        else Point(sample.at, min(0.0, surplus_w), 0.0)
        for sample in record.samples
        if from_at <= sample.at < to_at
        for surplus_w in (sample.surplus_w,)
    ]
    if len(points) < 2:
        return None
    plain = report_of(record, day)
    phases = max(car.phases for car in record.cars)
    voltage_v = max(car.voltage_v for car in record.cars)
    setup = SetUp(
        phases=(phases,),
        min_a=min(car.min_a for car in record.cars),
        max_a=max(1, round(sum(car.max_w for car in record.cars) / (phases * voltage_v))),
        voltage_v=voltage_v,
    )
    weight = weight_of(driven(record.settings)[0].solar_share_pct)
    best = Oracle([Course(trace_of(points), setup)], weight).with_commands(plain.commands)
    reached_kwh = plain.solar_kwh - weight * plain.import_kwh
    return PossibleDay(
        solar_kwh=round(best.solar_wh / 1000.0, 3),
        import_kwh=round(best.import_wh / 1000.0, 3),
        commands=round(best.commands, 1),
        share_pct=round(100_000.0 * reached_kwh / best.value_wh, 1) if best.value_wh > 0 else None,
        weight=weight,
    )
