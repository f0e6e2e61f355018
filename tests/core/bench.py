"""A core on the bench: `step` driven by hand, with a house and cars that answer what they are sent. Nothing here is random."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sunbox.core.commands import Cause, Command, CommandName, Outcome, ReadKind, RequestKind
from sunbox.core.effects import Effect, HoldBattery, Read, Remember, Send
from sunbox.core.engine import answer, durable, step
from sunbox.core.events import (
    Began,
    ChargerRead,
    CommandEnded,
    Event,
    MeterRead,
    Ordered,
    ReadFailed,
    Requested,
    Tick,
    VehicleRead,
)
from sunbox.core.model import (
    Availability,
    ChargerReading,
    ChargerStatus,
    Charging,
    LoadpointMemory,
    Memory,
    MeterReading,
    Mode,
    Override,
    Session,
    VehicleFacts,
    VehicleMemory,
    Wish,
)
from sunbox.core.orders import answer_order
from sunbox.core.reasons import ReasonCode
from sunbox.core.settings import (
    Budget,
    Capabilities,
    ChargerSettings,
    LoadpointSettings,
    MeterSettings,
    PhaseSwitch,
    PlaceSettings,
    Settings,
    SiteSettings,
    VehicleSettings,
)
from sunbox.core.snapshot import snapshot
from sunbox.core.state import LoadpointState, State, VehicleState
from sunbox.core.wallbox import Accepted, LoadpointSnapshot, Rejected, Request

BOX_S = 5.0
"""Between two polls of a charger."""

NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
PRICE = {RequestKind.DATA: 0.002, RequestKind.COMMAND: 0.001, RequestKind.WAKE: 0.02}
HOME = PlaceSettings(name="Home", lat=52.394, lon=13.542, radius_m=60.0, tags=frozenset({"home", "pv"}))
WORK = PlaceSettings(name="Work", lat=52.5, lon=13.4, radius_m=100.0, tags=frozenset({"work"}))
TESLA = Capabilities(
    min_a=5,
    low_min_a=3,
    max_a=32,
    max_phases=3,
    sleeps=True,
    is_location_bound=True,
    stops_at_limit_soc=True,
    limit_soc_min_pct=50,
    settle_s=6.0,
    start_settle_s=20.0,
    price=PRICE,
)
CAR = VehicleSettings(id="car", name="Car", capabilities=TESLA)
CARPORT = LoadpointSettings(id="carport", name="Carport", vehicle_id="car")
WALLBOX = Capabilities(
    is_polled=True,
    min_a=6,
    max_a=16,
    phase_switch=PhaseSwitch(gap_s=20.0, settle_s=10.0),
    settle_s=3.0,
    start_settle_s=15.0,
)
BOX = ChargerSettings(id="box", name="Box", capabilities=WALLBOX)
SITE = SiteSettings(timezone=BERLIN)
HOUSE = MeterSettings(id="house", interval_s=10.0)


def after_s(seconds: float, at: datetime = NOON) -> datetime:
    return at + timedelta(seconds=seconds)


def settings_of(
    *,
    site: SiteSettings = SITE,
    vehicles: tuple[VehicleSettings, ...] = (CAR,),
    loadpoints: tuple[LoadpointSettings, ...] = (CARPORT,),
    meters: tuple[MeterSettings, ...] = (HOUSE,),
    places: tuple[PlaceSettings, ...] = (HOME, WORK),
    chargers: tuple[ChargerSettings, ...] = (),
) -> Settings:
    return Settings(
        site=site, places=places, meters=meters, vehicles=vehicles, chargers=chargers, loadpoints=loadpoints
    )


def two_cars() -> Settings:
    return settings_of(
        vehicles=(CAR, replace(CAR, id="second", name="Second")),
        loadpoints=(CARPORT, LoadpointSettings(id="garage", name="Garage", vehicle_id="second")),
    )


def with_budget(
    per_month: float | None = None, commands_per_day: int | None = None, wakes_per_day: int | None = None
) -> Settings:
    budget = Budget(per_month=per_month, commands_per_day=commands_per_day, wakes_per_day=wakes_per_day)
    return settings_of(vehicles=(replace(CAR, budget=budget),))


def facts_of(charging: Charging = Charging.STOPPED, at: datetime = NOON, **changes: object) -> VehicleFacts:
    """Return what a Tesla at home says, 50 % full, on one phase."""
    flows = charging is Charging.CHARGING
    amps_a = changes.get("amps_requested_a", 16)
    assert isinstance(amps_a, int)
    facts = VehicleFacts(
        measured_at=at,
        charging=charging,
        soc_pct=50,
        limit_soc_pct=80,
        amps_requested_a=amps_a,
        amps_requested_max_a=32,
        pilot_a=32 if charging is not Charging.DISCONNECTED else None,
        actual_a=float(amps_a) if flows else 0.0,
        voltage_v=230.0 if flows else 2.0,
        power_w=round(amps_a * 230 / 1000) * 1000.0 if flows else 0.0,
        phases=1 if flows else None,
        energy_added_wh=1000.0,
        latitude=HOME.lat,
        longitude=HOME.lon,
        is_fast_charger=False,
        is_driving=False,
    )
    return replace(facts, **changes)  # type: ignore[arg-type]


def remembered(
    facts: VehicleFacts | None,
    *,
    mode: Mode = Mode.PV,
    override: Override = Override.NONE,
    was_charging: bool = False,
    phases: int | None = 1,
    **changes: object,
) -> Memory:
    """Return a memory of one car at the carport."""
    session = Session(began_at=NOON) if facts is not None and facts.is_plugged else None
    wish = Wish(mode=mode, override=override, override_by=None if override is Override.NONE else "tlwb")
    vehicle = VehicleMemory(facts=facts, read_at=facts.measured_at if facts else None, phases=phases)
    return Memory(
        vehicles={"car": replace(vehicle, **changes)},  # type: ignore[arg-type]
        loadpoints={"carport": LoadpointMemory(wish=wish, session=session, was_charging=was_charging)},
    )


@dataclass
class Car:
    """A car that does what it is told, and says how it is."""

    is_awake: bool = False
    is_unclear: bool = False  #: whether it sleeps is said in no known word
    is_plugged: bool = True
    is_charging: bool = False
    soc_pct: float = 50.0
    limit_soc_pct: int = 80
    amps_a: int = 16
    amps_max_a: int = 32
    pilot_a: int = 32
    phases: int = 1  #: it can use
    phases_offered: int | None = None  #: by an EVSE that can switch
    capacity_wh: float = 60_000.0
    energy_added_wh: float = 1000.0
    latitude: float | None = HOME.lat
    longitude: float | None = HOME.lon
    is_fast_charger: bool = False
    has_power: bool = True
    takes_a: float | None = None  #: whatever it may
    extra_a: float = 0.0  #: that it takes beyond what it may
    stays_at_min: bool = False  #: asked for less than 5 A it takes 5 A
    wakes_after_s: float | None = 8.0
    wakes_at: datetime | None = None
    is_schedule_pending: bool | None = None
    schedule_at: datetime | None = None

    @property
    def current_a(self) -> float:
        if not self.is_charging:
            return 0.0
        asked_a = max(self.amps_a, 5) if self.stays_at_min else self.amps_a
        most_a = min(asked_a, self.amps_max_a, self.pilot_a)
        return float(most_a if self.takes_a is None else min(most_a, self.takes_a)) + self.extra_a

    @property
    def phases_used(self) -> int:
        return self.phases if self.phases_offered is None else min(self.phases, self.phases_offered)

    @property
    def draw_w(self) -> float:
        return self.current_a * self.phases_used * 230.0

    @property
    def charging(self) -> Charging:
        if not self.is_plugged:
            return Charging.DISCONNECTED
        if self.is_charging:
            return Charging.CHARGING
        if self.soc_pct >= self.limit_soc_pct:
            return Charging.COMPLETE
        return Charging.STOPPED if self.has_power else Charging.NO_POWER

    def pass_time(self, at: datetime, seconds: float) -> None:
        if self.wakes_at is not None and at >= self.wakes_at:
            self.is_awake, self.wakes_at = True, None
        added_wh = self.draw_w * seconds / 3600.0
        self.soc_pct += added_wh / self.capacity_wh * 100.0
        self.energy_added_wh += added_wh
        if self.soc_pct >= self.limit_soc_pct:
            self.is_charging = False

    def facts(self, at: datetime) -> VehicleFacts:
        return VehicleFacts(
            measured_at=at,
            charging=self.charging,
            soc_pct=int(self.soc_pct),
            limit_soc_pct=self.limit_soc_pct,
            amps_requested_a=self.amps_a,
            amps_requested_max_a=self.amps_max_a,
            pilot_a=self.pilot_a if self.is_plugged else None,
            actual_a=self.current_a,
            voltage_v=230.0 if self.is_charging else 2.0,
            power_w=round(self.draw_w / 1000) * 1000.0,
            phases=self.phases_used if self.is_charging else None,
            phases_offered=self.phases_offered,
            energy_added_wh=self.energy_added_wh,
            latitude=self.latitude,
            longitude=self.longitude,
            is_fast_charger=self.is_fast_charger,
            is_driving=False,
            is_schedule_pending=self.is_schedule_pending,
            schedule_at=self.schedule_at,
        )

    def do(self, command: Command, at: datetime) -> tuple[Outcome, Cause | None]:
        if command.name is CommandName.WAKE:
            if not self.is_awake and self.wakes_after_s is not None:
                self.wakes_at = after_s(self.wakes_after_s, at)
            return Outcome.UNCONFIRMED, None
        if not self.is_awake:
            return Outcome.NOT_DELIVERED, Cause.ASLEEP
        match command.name:
            case CommandName.START:
                if not self.is_plugged:
                    return Outcome.REFUSED, Cause.DISCONNECTED
                if self.soc_pct >= self.limit_soc_pct:
                    return Outcome.REFUSED, Cause.COMPLETE
                was, self.is_charging = self.is_charging, self.has_power
            case CommandName.STOP:
                was, self.is_charging = not self.is_charging, False
            case CommandName.SET_AMPS:
                was, self.amps_a = self.amps_a == command.value, command.value or 0
            case CommandName.SET_LIMIT:
                was, self.limit_soc_pct = self.limit_soc_pct == command.value, command.value or 0
            case CommandName.SET_PHASES:
                was, self.phases_offered = self.phases_offered == command.value, command.value or 1
            case CommandName.LIMIT_MAX:
                was, self.limit_soc_pct = self.limit_soc_pct == 100, 100
            case _:  # what it is ordered once leaves it as it is
                was = False
        return (Outcome.ALREADY_SET if was else Outcome.APPLIED), None


@dataclass
class Box:
    """A charger that does what it is told, forgets it with the cable, and says how it is; perhaps with one of the cars behind it."""

    is_plugged: bool = True
    told: bool | None = None  #: None = its own rule
    own_rule: bool = True  #: whether it offers current if nobody says anything
    holds: str | None = None  #: it offers nothing whatever it is told
    amps_a: int = 16
    max_a: int = 16
    phases_set: int | None = 3
    car_phases: int = 3
    wants: bool = True  #: the car takes what it is offered
    takes_a: float | None = None
    car: Car | None = None  #: which it is; then that decides whether it takes anything
    start_s: float = 8.0  #: from the offer until current flows
    gap_s: float = 10.0  #: without current at a switch of phases
    has_meter: bool = True
    is_silent: bool = False
    fault: str | None = None
    status: ChargerStatus | None = None  #: whatever is true
    is_unclear: bool = False  #: it does not know its own state
    is_switching: bool = False
    booted_at: datetime = NOON
    waits_s: float = 0.0
    energy_wh: float = 0.0

    @property
    def is_enabled(self) -> bool:
        if self.holds is not None or self.fault is not None:
            return False
        return self.own_rule if self.told is None else self.told

    @property
    def asks(self) -> bool:
        if not self.is_plugged or not self.is_enabled:
            return False
        return self.wants if self.car is None else self.car.is_charging

    @property
    def current_a(self) -> float:
        if not self.asks or self.waits_s > 0.0:
            return 0.0
        most_a = min(self.amps_a, self.max_a) if self.car is None else min(self.amps_a, self.max_a, self.car.amps_a)
        return float(most_a if self.takes_a is None else min(most_a, self.takes_a))

    @property
    def phases_used(self) -> int:
        own = self.car_phases if self.car is None else self.car.phases
        return own if self.phases_set is None else min(own, self.phases_set)

    @property
    def draw_w(self) -> float:
        return self.current_a * self.phases_used * 230.0

    def plug(self) -> None:
        self.is_plugged, self.energy_wh = True, 0.0

    def unplug(self) -> None:
        self.is_plugged, self.told = False, None

    def reboot(self, at: datetime) -> None:
        self.told, self.booted_at = None, at

    def pass_time(self, at: datetime, seconds: float) -> None:
        del at
        self.energy_wh += self.draw_w * seconds / 3600.0
        self.waits_s = max(0.0, self.waits_s - seconds) if self.asks else self.start_s
        if self.waits_s <= 0.0:
            self.is_switching = False
        if self.car is not None and self.is_plugged:
            self.car.pilot_a = min(self.amps_a, self.max_a) if self.current_a > 0.0 else 0

    def do(self, command: Command, at: datetime) -> tuple[Outcome, Cause | None]:
        del at
        if self.is_silent:
            return Outcome.NOT_DELIVERED, Cause.UNREACHABLE
        match command.name:
            case CommandName.START | CommandName.STOP:
                was, self.told = self.told, command.name is CommandName.START
                return (Outcome.ALREADY_SET if was is self.told else Outcome.APPLIED), None
            case CommandName.SET_AMPS:
                self.amps_a = command.value or 0
            case _:
                self.phases_set, self.is_switching = command.value, self.current_a > 0.0
                if self.is_switching:
                    self.waits_s = self.gap_s
        return Outcome.APPLIED, None

    def reading(self, at: datetime) -> ChargerReading:
        flows = self.current_a > 0.0
        status = ChargerStatus.C if flows else ChargerStatus.B if self.is_plugged else ChargerStatus.A
        amps = tuple(self.current_a if phase < self.phases_used else 0.0 for phase in range(3))
        return ChargerReading(
            measured_at=at,
            status=None if self.is_unclear else self.status or (ChargerStatus.E if self.fault else status),
            is_enabled=self.is_enabled,
            amps_set_a=self.amps_a,
            max_a=self.max_a,
            phases_set=self.phases_set,
            phases=self.phases_used if flows else None,
            current_a=(amps[0], amps[1], amps[2]) if self.has_meter else None,
            voltage_v=(230.0, 230.0, 230.0) if self.has_meter else None,
            power_w=self.draw_w if self.has_meter else None,
            energy_session_wh=self.energy_wh,
            energy_total_wh=1_000_000.0 + self.energy_wh,
            told=self.told,
            holds=self.holds,
            is_switching=self.is_switching,
            started_at=self.booted_at,
            fault=self.fault,
        )


@dataclass(frozen=True)
class Ending:
    """How the next command of a name ends, instead of what the car would say; `is_done`: the car carries it out."""

    name: CommandName
    outcome: Outcome
    cause: Cause | None = None
    is_done: bool = False
    retry_after_s: float | None = None
    detail: str = ""


@dataclass
class Bench:
    """The core, a house with a meter, and cars. `advance` lets time pass; what is sent and read is kept with its instant."""

    settings: Settings = field(default_factory=settings_of)
    car: Car = field(default_factory=Car)
    cars: dict[str, Car] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    boxes: dict[str, Box] = field(default_factory=dict)
    pv_w: float = 0.0
    load_w: float = 300.0
    battery_w: float | None = None  #: + = discharging
    battery_soc_pct: float | None = None
    at: datetime = NOON
    has_meter: bool = True
    reply_s: float = 1.0
    sent: list[tuple[datetime, str, Command]] = field(default_factory=list)
    reads: list[tuple[datetime, str, ReadKind]] = field(default_factory=list)
    holds: list[bool] = field(default_factory=list)
    endings: deque[Ending] = field(default_factory=deque)
    has_free_way: bool = False  #: a way that costs nothing is tried first …
    is_free_way_open: bool = True  #: … and works; else what may pay is billed, and what may not ends there
    state: State = field(init=False)
    _replies: list[tuple[datetime, Send | Read]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cars = self.cars or {"car": self.car}
        self.meter_at = self.box_at = self.at
        self.state, effects = step(None, Began(at=self.at, settings=self.settings, memory=self.memory))
        self._take(effects)

    # What is known ----------------------------------------------------------------------------------------------------

    @property
    def lp(self) -> LoadpointState:
        return self.state.loadpoints["carport"]

    @property
    def vehicle(self) -> VehicleState:
        return self.state.vehicles["car"]

    @property
    def wish(self) -> Wish:
        return self.lp.memory.wish

    @property
    def shown(self) -> LoadpointSnapshot:
        return snapshot(self.state, self.at).loadpoints[0]

    @property
    def code(self) -> ReasonCode:
        return self.shown.reason.code

    def commands(self, name: CommandName | None = None, device_id: str = "car") -> list[Command]:
        return [c for _, id_, c in self.sent if id_ == device_id and name in (None, c.name)]

    def instants(self, name: CommandName) -> list[float]:
        """Return when a command was sent, in s since the bench began."""
        return [(at - NOON).total_seconds() for at, _, command in self.sent if command.name is name]

    def data_reads(self) -> int:
        return sum(what is ReadKind.DATA for _, _, what in self.reads)

    def money(self) -> float:
        spend = self.vehicle.memory.spend
        return spend.money_today if spend is not None else 0.0

    # What happens -----------------------------------------------------------------------------------------------------

    def feed(self, event: Event) -> tuple[Effect, ...]:
        self.state, effects = step(self.state, event)
        self._take(effects)
        return effects

    def ask(self, **wishes: object) -> Accepted | Rejected:
        loadpoint_id = str(wishes.pop("loadpoint_id", "carport"))
        request = Request(loadpoint_id=loadpoint_id, by=str(wishes.pop("by", "tlwb")), **wishes)  # type: ignore[arg-type]
        reply = answer(self.state, request)
        if isinstance(reply, Accepted):
            self.feed(Requested(at=self.at, request=request))
        return reply

    def order(self, command: Command, vehicle_id: str = "car") -> Accepted | Rejected:
        reply = answer_order(self.state, vehicle_id, command)
        if isinstance(reply, Accepted):
            self.feed(Ordered(at=self.at, vehicle_id=vehicle_id, command=command, by="test"))
        return reply

    def meter(self, **values: object) -> tuple[Effect, ...]:
        """Read the meter now; without values it tells the truth."""
        behind = [box.car for box in self.boxes.values() if box.car is not None]
        cars_w = sum(car.draw_w for car in self.cars.values() if all(car is not each for each in behind))
        cars_w += sum(box.draw_w for box in self.boxes.values())
        grid_w = self.load_w + cars_w - self.pv_w - (self.battery_w or 0.0)
        truth = {
            "grid_w": grid_w,
            "pv_w": self.pv_w,
            "battery_w": self.battery_w,
            "battery_soc_pct": self.battery_soc_pct,
        }
        reading = MeterReading(measured_at=self.at, **(values or truth))  # type: ignore[arg-type]
        return self.feed(MeterRead(at=self.at, meter_id=self.settings.meters[0].id, reading=reading))

    def push(self, **facts: object) -> tuple[Effect, ...]:
        """Have the first car tell its data without having been asked."""
        car_id, car = next(iter(self.cars.items()))
        told = replace(car.facts(self.at), **facts)  # type: ignore[arg-type]
        event = VehicleRead(
            at=self.at,
            vehicle_id=car_id,
            exchange_id=None,
            what=ReadKind.DATA,
            availability=Availability.ONLINE,
            facts=told,
        )
        return self.feed(event)

    def circuit(self, meter_id: str, others_a: tuple[float, float, float], first_phase: int) -> tuple[Effect, ...]:
        """Read the meter of a circuit with the first car and others on it."""
        amps = list(others_a)
        car = next(iter(self.cars.values()))
        for number in range(car.phases_used):
            amps[(first_phase - 1 + number) % 3] += car.current_a
        phases_a = (amps[0], amps[1], amps[2])
        reading = MeterReading(measured_at=self.at, grid_w=sum(amps) * 230.0, grid_phases_a=phases_a)
        return self.feed(MeterRead(at=self.at, meter_id=meter_id, reading=reading))

    def hold_replies(self) -> None:
        """Have what is under way answered only after `reply_s` from now."""
        self._replies = [(after_s(self.reply_s, self.at), effect) for _, effect in self._replies]

    def advance(self, seconds: float) -> None:
        """Let time pass: the meter is read, the timer is served, cars answer."""
        end_at = after_s(seconds, self.at)
        while True:
            instants = [end_at]
            if self.has_meter and self.settings.meters:
                instants.append(self.meter_at)
            if self.state.due_at is not None:
                instants.append(self.state.due_at)
            instants += [at for at, _ in self._replies]
            if self.boxes:
                instants.append(self.box_at)
            next_at = max(min(instants), self.at)
            for device in (*self.cars.values(), *self.boxes.values()):
                device.pass_time(next_at, (next_at - self.at).total_seconds())
            self.at = next_at
            if next_at >= end_at:
                return
            if self._replies and self._replies[0][0] <= next_at:
                self._reply(self._replies.pop(0)[1])
            elif self.has_meter and self.meter_at <= next_at:
                self.meter_at = after_s(self.settings.meters[0].interval_s, next_at)
                self.meter()
            elif self.boxes and self.box_at <= next_at:
                self.box_at = after_s(BOX_S, next_at)
                self.poll()
            else:
                self.feed(Tick(at=next_at))

    def poll(self) -> None:
        """Have every charger tell how it is."""
        for box_id, box in self.boxes.items():
            if box.is_silent:
                cause = Cause.UNREACHABLE
                self.feed(ReadFailed(at=self.at, device_id=box_id, exchange_id=None, what=ReadKind.DATA, cause=cause))
            else:
                self.feed(ChargerRead(at=self.at, charger_id=box_id, reading=box.reading(self.at)))

    def until(self, condition: object, within_s: float = 600.0) -> float:
        """Let time pass until something is true; return after how many seconds."""
        assert callable(condition)
        began_at = self.at
        while not condition():
            assert (self.at - began_at).total_seconds() < within_s, f"not within {within_s} s: {self.shown}"
            self.advance(1.0)
        return (self.at - began_at).total_seconds()

    def restart(self) -> None:
        """Die and begin again with what was remembered; what was under way is never answered."""
        memory = Memory(
            site=self.state.memory,
            vehicles={
                id_: durable(vehicle.memory) if id_ in self.boxes else vehicle.memory
                for id_, vehicle in self.state.vehicles.items()
            },
            loadpoints={id_: lp.memory for id_, lp in self.state.loadpoints.items()},
        )
        self._replies.clear()
        self.state, effects = step(None, Began(at=self.at, settings=self.settings, memory=memory))
        self._take(effects)

    def _take(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, Remember):
                continue
            if isinstance(effect, HoldBattery):
                self.holds.append(effect.is_held)
                continue
            if isinstance(effect, Send):
                self.sent.append((self.at, effect.device_id, effect.command))
            else:
                self.reads.append((self.at, effect.device_id, effect.what))
            self._replies.append((after_s(self.reply_s, self.at), effect))

    def _reply(self, effect: Send | Read) -> None:
        car = self.cars.get(effect.device_id)
        if car is None:
            assert isinstance(effect, Send)
            self.feed(self._ended(self.boxes[effect.device_id], effect))
        elif self.has_free_way and not self.is_free_way_open and not effect.may_pay:
            self.feed(self._not_reached(effect))
        elif isinstance(effect, Send):
            self.feed(self._ended(car, effect))
        else:
            self.feed(self._was_read(car, effect))

    @property
    def _bills(self) -> int:
        return 0 if self.has_free_way and self.is_free_way_open else 1

    def _not_reached(self, effect: Send | Read) -> Event:
        about = {"at": self.at, "device_id": effect.device_id, "exchange_id": effect.exchange_id, "billed": 0}
        if isinstance(effect, Send):
            return CommandEnded(outcome=Outcome.NOT_DELIVERED, cause=Cause.OUT_OF_RANGE, **about)  # type: ignore[arg-type]
        return ReadFailed(what=effect.what, cause=Cause.OUT_OF_RANGE, **about)  # type: ignore[arg-type]

    def _ended(self, car: Car | Box, effect: Send) -> CommandEnded:
        ending = next((entry for entry in self.endings if entry.name is effect.command.name), None)
        if ending is None:
            outcome, cause = car.do(effect.command, self.at)
            ending = Ending(effect.command.name, outcome, cause)
        else:
            self.endings.remove(ending)
            if ending.is_done:
                car.do(effect.command, self.at)
        return CommandEnded(
            at=self.at,
            device_id=effect.device_id,
            exchange_id=effect.exchange_id,
            outcome=ending.outcome,
            cause=ending.cause,
            detail=ending.detail,
            retry_after_s=ending.retry_after_s,
            billed=self._bills if isinstance(car, Car) else 0,
        )

    @staticmethod
    def _availability(car: Car) -> Availability:
        if car.is_unclear:
            return Availability.UNKNOWN
        return Availability.ONLINE if car.is_awake else Availability.ASLEEP

    def _was_read(self, car: Car, effect: Read) -> VehicleRead | ReadFailed:
        if effect.what is ReadKind.DATA and not car.is_awake:
            return ReadFailed(
                at=self.at,
                device_id=effect.device_id,
                exchange_id=effect.exchange_id,
                what=effect.what,
                cause=Cause.ASLEEP,
                billed=self._bills,
            )
        is_data = effect.what is ReadKind.DATA
        return VehicleRead(
            at=self.at,
            vehicle_id=effect.device_id,
            exchange_id=effect.exchange_id,
            what=effect.what,
            availability=self._availability(car),
            facts=car.facts(self.at) if is_data else None,
            billed=self._bills if is_data else 0,
        )


def charging_bench(**changes: object) -> Bench:
    """Return a bench whose car charges from 4 kW of sun, settled."""
    given: dict[str, object] = {"car": Car(is_awake=True), "pv_w": 4300.0, **changes}
    bench = Bench(**given)  # type: ignore[arg-type]
    bench.until(lambda: bench.shown.is_flowing and bench.shown.pending is None)
    bench.advance(60)
    return bench
