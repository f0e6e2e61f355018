"""TeslaBleHttpProxy in front of simulated cars: the same paths as the Fleet API, over Bluetooth, without account or bill.

Whatever fails is HTTP 503 with a text. One radio carries one exchange at a time, each some seconds long. A command wakes the
car by itself; data of a sleeping car do so only with `wakeup=true`. A car that is not at home is not in range.

Source: `TeslaBleHttpProxy:internal/{api/handlers/tesla,ble/control/control,tesla/commands/*}.go`; words in `dialects/tesla/proxies.py`.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sunbox.clock import Clock
from sunbox.core.model import VehicleDetails
from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.proxies import (
    BLE_ASLEEP,
    BLE_BAD_BODY,
    BLE_COMMANDS,
    BLE_DATA,
    BLE_ENDPOINTS,
    BLE_NOT_MADE,
    BLE_NOT_WOKEN,
    BLE_OUT_OF_RANGE,
    BLE_REASON_DONE,
    BLE_REASON_QUEUED,
    BLE_STATE,
    BLE_UNKNOWN,
    BLE_UNKNOWN_SECTION,
    BLE_WAKE_UP,
    SIGNING_PREFIX,
)
from sunbox.dialects.tesla.table import COMMANDS, Endpoint, FieldType
from sunbox.simulator.bill import KEPT_REQUESTS, Received
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.car_schedule import FULL_DAYS, days_from_text
from sunbox.simulator.faults import BLE_PATIENCE_S, BLE_SCAN_S, DEADLINE, KINDS, Fault, Faults, Way
from sunbox.simulator.tesla_documents import facts_of, identity_of, names_of, sections_of
from sunbox.simulator.tesla_effects import EFFECTS, invalid_field
from sunbox.simulator.tesla_http import LostReply, json_of, pass_time

VERSION = "2.3.1-simulated"

SECTIONS = frozenset({*BLE_ENDPOINTS.split(";"), "charge_schedule_data"})
UNTOLD = frozenset(
    {"battery_heater_on", "not_enough_power_to_heat", "time_to_full_charge", "off_peak_charging_enabled"}
)
"""Keys of `charge_state` that the program does not pass on."""

AS_DONE: dict[str, frozenset[str]] = {
    "charge_start": frozenset({"is_charging", "complete"}),
    "charge_stop": frozenset({"not_charging"}),
}
"""Refusals that the program takes for success."""

DOING: dict[str, str] = {
    "charge_start": "failed to start charge",
    "charge_stop": "failed to stop charge",
    "set_charging_amps": "failed to set charging Amps to {charging_amps}",
    "set_charge_limit": "failed to set charge limit to {percent} %",
    "charge_port_door_open": "failed to open charge port",
    "charge_port_door_close": "failed to close charge port",
    BLE_WAKE_UP.name: BLE_NOT_WOKEN,
    BLE_DATA.name: "failed to get vehicle data",
    BLE_STATE.name: "failed to get body controller state",
}
"""How a failure of the car begins; others begin with `failed to execute` and their name."""

_ROWS: dict[str, Endpoint] = {row.name: row for row in COMMANDS if row.name in BLE_COMMANDS} | {
    BLE_WAKE_UP.name: BLE_WAKE_UP
}
_NUMBERS = frozenset({FieldType.INT, FieldType.FLOAT})


@dataclass(frozen=True, slots=True, kw_only=True)
class BleSettings:
    """How the BLE proxy behaves."""

    exchange_s: tuple[float, float] = (1.0, 4.0)  #: one exchange with an awake car
    queue_s: float = 1.0  #: until a command that nobody waits for is begun
    wake_patience_s: float = 90.0  #: longest wait for a car to wake
    cache_s: float = 0.0  #: how long data are answered from memory; newest versions of the program: 30
    hang_s: float = 180.0  #: how long a connection stays open whose answer never comes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One exchange with a car."""

    row: Endpoint
    vin: str
    work: Callable[[TeslaCar], str | dict[str, Any] | None]  #: a text = refused, an object = what is answered
    doing: str
    needs_awake: bool = True
    wakes: bool = True


@dataclass(frozen=True, slots=True)
class _Ended:
    """How an exchange ended."""

    problem: str | None = None  #: None = done
    response: dict[str, Any] | None = None
    is_lost: bool = False  #: the answer never comes


class BleProxy:
    """The program beside the cars. `app` is the ASGI application, `requests` what came, the newest last."""

    def __init__(
        self,
        clock: Clock,
        cars: Iterable[TeslaCar],
        *,
        sync: Callable[[], None] = lambda: None,
        faults: Faults | None = None,
        settings: BleSettings | None = None,
        seed: int = 0,
    ) -> None:
        """Begin with nothing under way.

        Args:
            clock: tells the time.
            cars: all that have its key.
            sync: brings the cars to the present; called before each look at one.
            faults: what goes wrong.
            settings: how it behaves.
            seed: of how long exchanges take.
        """
        self.settings = settings or BleSettings()
        self.requests: deque[Received] = deque(maxlen=KEPT_REQUESTS)
        self._clock = clock
        self._cars = {car.vin: car for car in cars}
        self._sync = sync
        self._faults = faults or Faults()
        self._rng = random.Random(f"{seed}/ble-proxy")
        self._radio = asyncio.Lock()
        self._queued: set[asyncio.Task[_Ended]] = set()
        self._cache: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
        self.app = Starlette(
            routes=[
                Route("/api/proxy/1/version", self._version, methods=["GET"]),
                Route("/api/1/vehicles/{vin}/command/{command}", self._command, methods=["POST"]),
                Route("/api/1/vehicles/{vin}/vehicle_data", self._data, methods=["GET"]),
                Route("/api/1/vehicles/{vin}/body_controller_state", self._state, methods=["GET"]),
            ]
        )

    # requests

    async def _version(self, _: Request) -> Response:
        return JSONResponse(envelopes.twice({"version": VERSION}, vin="", command="", reason=BLE_REASON_DONE))

    async def _command(self, request: Request) -> Response:
        name, vin = request.path_params["command"], request.path_params["vin"]
        came_at = self._clock.now()
        raw = await request.body()
        read = _read_command(name, raw)
        if isinstance(read, str):
            return self._answer(request, came_at, name, None, _Ended(problem=read))
        row, body = read

        def work(car: TeslaCar) -> str | None:
            word = EFFECTS[name](car, body) if row is not BLE_WAKE_UP else None
            return None if word is None or word in AS_DONE.get(name, ()) else SIGNING_PREFIX + word

        doing = DOING.get(name, f"failed to execute {name}").format_map(body)
        task = _Task(row=row, vin=vin, work=work, doing=doing)
        if _query(request).get("wait") == "true":
            return self._answer(request, came_at, name, body, await self._exchange(task))
        queued = asyncio.create_task(self._later(task))
        self._queued.add(queued)  # the loop itself holds tasks only weakly
        queued.add_done_callback(self._queued.discard)
        return self._answer(request, came_at, name, body, _Ended(), reason=BLE_REASON_QUEUED)

    async def _later(self, task: _Task) -> _Ended:
        await pass_time(self.settings.queue_s)
        return await self._exchange(task)

    async def _data(self, request: Request) -> Response:
        came_at = self._clock.now()
        vin, query = request.path_params["vin"], _query(request)
        asked = (query.get("endpoints") or BLE_ENDPOINTS).split(";")
        unknown = next((section for section in asked if section not in SECTIONS), None)
        if unknown is not None:
            return self._answer(
                request, came_at, BLE_DATA.name, None, _Ended(problem=f"{BLE_UNKNOWN_SECTION} '{unknown}'")
            )
        kept = self._kept(vin, asked)
        if kept is not None:
            return self._answer(request, came_at, BLE_DATA.name, None, _Ended(response=kept))

        def work(car: TeslaCar) -> dict[str, Any]:
            told = data_to_wire(car, asked)
            until_s = self._clock.now().timestamp() + self.settings.cache_s
            self._cache.update({(vin, name): (until_s, section) for name, section in told.items()})
            return told

        is_waking = query.get("wakeup") == "true"
        task = _Task(row=BLE_DATA, vin=vin, work=work, doing=DOING[BLE_DATA.name], wakes=is_waking)
        return self._answer(request, came_at, BLE_DATA.name, None, await self._exchange(task))

    def _kept(self, vin: str, asked: list[str]) -> dict[str, Any] | None:
        """Return the data from memory, None if any of them is missing or too old."""
        now_s = self._clock.now().timestamp()
        kept = {name: self._cache.get((vin, name), (0.0, {})) for name in asked}
        is_fresh = all(until_s > now_s for until_s, _ in kept.values())
        return {name: section for name, (_, section) in kept.items()} if is_fresh else None

    async def _state(self, request: Request) -> Response:
        came_at = self._clock.now()
        task = _Task(
            row=BLE_STATE,
            vin=request.path_params["vin"],
            work=body_controller_to_wire,
            doing=DOING[BLE_STATE.name],
            needs_awake=False,
        )
        return self._answer(request, came_at, BLE_STATE.name, None, await self._exchange(task))

    def _answer(
        self,
        request: Request,
        came_at: datetime,
        name: str,
        body: Mapping[str, Any] | None,
        ended: _Ended,
        *,
        reason: str = BLE_REASON_DONE,
    ) -> Response:
        """Return the answer of a request, and note it."""
        is_done = ended.problem is None
        status = 200 if is_done else 503
        self.requests.append(
            Received(
                at=came_at,
                method=request.method,
                path=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
                endpoint=name,
                kind=None,
                body=dict(body) if body else None,
                status=None if ended.is_lost else status,
                is_billed=False,
            )
        )
        if ended.is_lost:
            return LostReply(self.settings.hang_s)
        vin = request.path_params["vin"]
        told = reason if ended.problem is None else ended.problem
        document = envelopes.twice(ended.response, vin=vin, command=name, result=is_done, reason=told)
        return JSONResponse(document, status_code=status)

    # the radio

    async def _exchange(self, task: _Task) -> _Ended:
        """Talk to a car, when the radio is free."""
        async with self._radio:
            self._sync()
            car = self._cars.get(task.vin)
            names = frozenset() if car is None else names_of(car)
            fault = self._faults.take(task.row.name, names, self._clock.now(), Way.BLE)
            problem = None if fault is None else _problem(fault, task)
            if fault is not None and problem is not None and not fault.applied:
                await pass_time(KINDS[fault.kind].takes_s)
                return _Ended(problem=problem)
            if car is None or not car.is_home:  # no such car, or its beacon is not heard
                await pass_time(BLE_SCAN_S)
                return _Ended(problem=f"{BLE_OUT_OF_RANGE}: {DEADLINE}")
            ended = await self._talk(car, task, names)
            if fault is None:
                return ended
            if problem is not None:
                await pass_time(KINDS[fault.kind].takes_s)
                return _Ended(problem=problem)
            return replace(ended, is_lost=True)

    async def _talk(self, car: TeslaCar, task: _Task, names: frozenset[str]) -> _Ended:
        await pass_time(self._rng.uniform(*self.settings.exchange_s))
        self._sync()
        if task.needs_awake:
            if car.is_asleep and not task.wakes:
                return _Ended(problem=BLE_ASLEEP)
            is_only_wake = task.row is BLE_WAKE_UP  # answered by the body controller, which does not wait for the rest
            if not await self._is_awake(car, names, waits=not is_only_wake):
                return _Ended(problem=f"{BLE_NOT_WOKEN}: {DEADLINE}")
            car.contact()
        result = task.work(car)
        if isinstance(result, str):
            return _Ended(problem=f"{task.doing}: {result}")
        return _Ended(response=result)

    async def _is_awake(self, car: TeslaCar, names: frozenset[str], *, waits: bool) -> bool:
        """Wake a car if it sleeps, which takes as long as it takes, and return whether it is awake then, or is told to be."""
        if not car.is_asleep:
            return True
        if self._faults.take(BLE_WAKE_UP.name, names, self._clock.now(), Way.BLE_WAKE) is not None:
            await pass_time(BLE_PATIENCE_S)
            return False
        car.wake()
        if not waits:
            return True
        for _ in range(round(self.settings.wake_patience_s)):
            await asyncio.sleep(1.0)
            self._sync()
            if not car.is_asleep:
                return True
        return False


def data_to_wire(car: TeslaCar, asked: Iterable[str]) -> dict[str, Any]:
    """Return what the program tells of a car: seconds for timestamps, 0 for what is not known."""
    document = envelopes.vehicle_to_wire(identity_of(car), facts_of(car), more=sections_of(car))["response"]
    told = {}
    for name in asked:
        section = {key: 0 if value is None else value for key, value in document[name].items() if key not in UNTOLD}
        told[name] = {**section, "timestamp": section["timestamp"] // 1000}
    return told


def body_controller_to_wire(car: TeslaCar) -> dict[str, Any]:
    """Return what a car's body controller tells, also in its sleep."""
    details = VehicleDetails(is_port_open=car.is_port_open, is_locked=not car.is_driving)
    return envelopes.body_controller_to_wire(replace(facts_of(car), details=details), car.availability)


def _problem(fault: Fault, task: _Task) -> str | None:
    """Return the `reason` that a fault has the program give, None if it gives its real one."""
    make = KINDS[fault.kind].reply
    return None if make is None else str(make(fault).body).format(doing=task.doing)


def _query(request: Request) -> dict[str, str]:
    """Return the query as the program reads it: like all Go programs it drops a pair with a bare semicolon in it."""
    pairs = [pair for pair in request.url.query.split("&") if ";" not in pair]
    return dict(reversed(parse_qsl("&".join(pairs))))  # of a name given twice the first counts


def _read_command(name: str, raw: bytes) -> tuple[Endpoint, dict[str, Any]] | str:
    """Return a command's row and body, or what is wrong."""
    try:
        given = json_of(raw) if raw.strip() else {}
    except ValueError:
        return BLE_BAD_BODY
    if given is None or isinstance(given, bool):  # ioBroker and others send `true`
        given = {}
    if not isinstance(given, dict):
        return BLE_BAD_BODY
    row = _ROWS.get(name)
    if row is None:
        is_known = any(row.name == name for row in COMMANDS)
        return BLE_NOT_MADE if is_known else f"{BLE_UNKNOWN}: {name}"
    body: dict[str, Any] = {}
    for field in row.fields:
        value = given.get(field.name)
        if value is None:
            if field.required:
                return f"missing '{field.name}' in request body"
            continue
        body[field.name] = _number(value) if field.type in _NUMBERS else value
    if "days_of_week" in body:
        bits = _days(body["days_of_week"])
        if bits is None:
            return f"unknown day {body['days_of_week']!r} in days_of_week"
        body["days_of_week"] = bits
    wrong = invalid_field(row, {key: value for key, value in body.items() if key != "days_of_week"} | _shown_days(body))
    return (row, body) if wrong is None else f"invalid value of {wrong}"


def _shown_days(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the days as the row wants them; they were read before."""
    return {"days_of_week": "All"} if "days_of_week" in body else {}


def _days(value: object) -> int | None:
    """Return days as bits: they come as bits, or as All, Weekdays or full names."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value <= 127 else None
    return days_from_text(value, FULL_DAYS) if isinstance(value, str) else None


def _number(value: object) -> object:
    """Return a number that may have come as text; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number
