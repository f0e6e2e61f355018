"""The HTTP side of the face, to be mounted at `/api/1`. Paths, fields and words come from `dialects/tesla`.

Reads come from memory and never contact a car; commands change the wish of the car's loadpoint, or are ordered once, and are
answered at once. One endpoint takes every path and method, so that mistakes are told in Tesla's own shape, too.
"""

from __future__ import annotations

import structlog
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sunbox.core.asked import WISHES
from sunbox.core.commands import Command
from sunbox.core.wallbox import Rejected, VehicleSnapshot, Wallbox
from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.table import (
    BODY_CONTROLLER_STATE,
    COMMANDS,
    VEHICLE,
    VEHICLE_DATA,
    VEHICLES,
    WAKE_UP,
    Endpoint,
)
from sunbox.faces.answer import FOREIGN_PAGE, BodyTooLargeError, is_foreign_page, json_answer, read_body, unless_gone
from sunbox.faces.tesla import cars
from sunbox.faces.tesla.commands import (
    BY,
    command_from_body,
    order_ended,
    refused_at_once,
    rejected,
    request_from_command,
    wish_ended,
)
from sunbox.faces.tesla.shapes import SHAPES, Call, Ended, Shape, Shown, Told, Wrong

log = structlog.get_logger(__name__)

WAIT_S = 25.0
"""`?wait=true` answers then at the latest: clients give up after 30 s (evcc's template `tesla-ble`)."""

_SHOWN_CHARS = 80
_ROOT = "/api/1/"
_COMMAND = "command/"
_VEHICLE = VEHICLE.path.removeprefix(_ROOT) + "/"

ROWS: dict[str, Endpoint] = {
    row.path.removeprefix(_ROOT).removeprefix(_VEHICLE): row
    for row in (VEHICLE_DATA, BODY_CONTROLLER_STATE, WAKE_UP, *COMMANDS)
} | {"": VEHICLE, _COMMAND + WAKE_UP.name: WAKE_UP}
"""What may stand behind `vehicles/{vehicle}/`. Proxies have `wake_up` among the commands."""

_WAIT: dict[str, bool] = {"true": True, "1": True, "false": False, "0": False, "": False}


def create_app(wallbox: Wallbox, shape: Shape = Shape.SINGLE) -> FastAPI:
    """Return the sub-app; nothing of the framework's own error shapes can be seen through it."""
    app = FastAPI(title="tesla", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    endpoint = TeslaEndpoint(wallbox, shape)
    app.router.routes.append(Route("/{path:path}", endpoint))
    app.router.default = endpoint  # the prefix itself, which has no path below it
    return app


class TeslaEndpoint:
    """Answers every request below its prefix."""

    def __init__(self, wallbox: Wallbox, shape: Shape) -> None:
        self._wallbox = wallbox
        self._write = SHAPES[shape]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        try:
            call, told = await self._answer(scope, receive)
        except ClientDisconnect:
            return
        except Exception:
            log.exception("tesla_failed", path=scope["path"][:_SHOWN_CHARS])
            call, told = Call(name=""), Wrong(500, "the gateway failed; its log has the details")
        if isinstance(told, Wrong) or (isinstance(told, Ended) and not told.result):
            _note(scope, call, told)
        await self._respond(call, told)(scope, receive, send)

    def _respond(self, call: Call, told: Told) -> Response:
        status, body = self._write(call, told)
        allow = told.allow if isinstance(told, Wrong) else None
        return json_answer(status, body, None if allow is None else {"allow": allow})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Call, Told]:
        path = str(scope.get("path_params", {}).get("path", "")).removesuffix("/")
        collection, _, below = path.partition("/")
        name, _, rest = below.partition("/")
        call = Call(name=rest.rpartition("/")[2][:_SHOWN_CHARS] or VEHICLES.name)
        if collection != VEHICLES.name:
            return call, Wrong(404, envelopes.NOT_FOUND, f"there is no {path[:_SHOWN_CHARS]!r}")
        if not name:
            return call, _not_allowed(scope, VEHICLES) or self._list()
        row = ROWS.get(rest)
        if row is None:
            return call, _unknown(rest)
        vehicle = cars.find_vehicle(self._wallbox.snapshot(), name)
        if vehicle is None:
            return call, Wrong(404, envelopes.NOT_FOUND, f"there is no vehicle {name[:_SHOWN_CHARS]!r}")
        call = Call(name=row.name, vin=cars.identity_of(vehicle).vin)
        return call, _not_allowed(scope, row) or await self._about(row, vehicle, HttpRequest(scope, receive))

    async def _about(self, row: Endpoint, vehicle: VehicleSnapshot, http: HttpRequest) -> Told:
        """Answer a request about one car."""
        if row.method == "GET":
            return _shown(row, vehicle, http)
        if is_foreign_page(http.headers):
            return Wrong(403, FOREIGN_PAGE["error"], f"allowed: {FOREIGN_PAGE['allowed']}")
        try:
            command = command_from_body(row, await read_body(http))
        except BodyTooLargeError:
            return Wrong(400, envelopes.INVALID_REQUEST, "the body is too long")
        if isinstance(command, Wrong):
            return command
        if row is WAKE_UP:
            return _woken(vehicle, http)
        asked = http.query_params.get("wait", "").lower()
        if asked not in _WAIT:
            return Wrong(400, envelopes.INVALID_FIELD, f"wait: {asked[:40]!r} is not allowed, but true or false")
        return await self._carry_out(command, vehicle, http.receive if _WAIT[asked] else None)

    def _list(self) -> Told:
        return Shown([cars.summary_of(vehicle) for vehicle in self._wallbox.snapshot().vehicles])

    async def _carry_out(self, command: Command, vehicle: VehicleSnapshot, receive: Receive | None) -> Told:
        """Wish or order what a command says; with `receive` the end is waited for, as long as the client stays."""
        if command.name in WISHES:
            return await self._wish(command, vehicle, receive)
        verdict = self._wallbox.order(vehicle.id, command, BY)
        if isinstance(verdict, Rejected):
            return rejected(verdict)
        if receive is None:
            return Ended(result=True)
        return order_ended(await unless_gone(self._wallbox.order_ended(vehicle.id, verdict.version, WAIT_S), receive))

    async def _wish(self, command: Command, vehicle: VehicleSnapshot, receive: Receive | None) -> Told:
        loadpoint = cars.loadpoint_of(self._wallbox.snapshot(), vehicle)
        why_not = refused_at_once(command, vehicle, loadpoint)
        if why_not is not None or loadpoint is None:
            return Ended(result=False, reason=why_not or "")
        verdict = self._wallbox.request(request_from_command(loadpoint, command))
        if isinstance(verdict, Rejected):
            return rejected(verdict)
        if receive is None:
            return Ended(result=True)
        if not await unless_gone(self._wallbox.settled(loadpoint.id, verdict.version, WAIT_S), receive):
            return Ended(result=True)
        after = next(row for row in self._wallbox.snapshot().loadpoints if row.id == loadpoint.id)
        return wish_ended(command, after.reason)


def _shown(row: Endpoint, vehicle: VehicleSnapshot, http: HttpRequest) -> Told:
    if row is VEHICLE:
        return Shown(cars.summary_of(vehicle))
    if row is BODY_CONTROLLER_STATE:
        return Shown(cars.body_controller_of(vehicle))
    endpoints = http.query_params.get("endpoints", "")
    document = cars.document_of(vehicle, [part for part in endpoints.split(";") if part])
    return Wrong(408, envelopes.ASLEEP) if document is None else Shown(document)


def _woken(vehicle: VehicleSnapshot, http: HttpRequest) -> Told:
    """Answer `wake_up` with the car as it is known, and do nothing: the gateway wakes it when something is wished of it.

    Waking costs money and battery, and Tesla's own answer shows the old state, too. Among the commands it has a result.
    """
    summary = cars.summary_of(vehicle)
    is_command = http.scope["path"].removesuffix("/").endswith(_COMMAND + WAKE_UP.name)
    return Ended(result=True, document=summary) if is_command else Shown(summary)


def _unknown(rest: str) -> Wrong:
    """Return what is wrong with the end of a path."""
    if rest.startswith(_COMMAND):
        return Wrong(400, envelopes.INVALID_COMMAND, f"there is no {rest.removeprefix(_COMMAND)[:_SHOWN_CHARS]!r}")
    return Wrong(404, envelopes.NOT_FOUND, f"there is no {rest[:_SHOWN_CHARS]!r}")


def _not_allowed(scope: Scope, row: Endpoint) -> Wrong | None:
    """Return what is wrong with a method, None if it is the row's."""
    method = scope["method"]
    if method == row.method:
        return None
    return Wrong(405, "method_not_allowed", f"{method[:20]} is not allowed, but {row.method}", allow=row.method)


def _note(scope: Scope, call: Call, told: Wrong | Ended) -> None:
    """Tell the log who was turned down, and why; reads come again and again, so they are told to those who look for it."""
    client = scope.get("client")
    tell = log.debug if scope["method"] == "GET" else log.info
    why = f"{told.error} {told.description}".strip() if isinstance(told, Wrong) else told.reason
    tell("tesla_refused", client=client[0] if client else None, call=call.name, vin=call.vin, why=why)
