"""tesla-http-proxy in front of a simulated Tesla cloud: it signs commands, and forwards everything else as it came.

Of a signed command it tells less, and other, than Tesla told it: a sleeping car is HTTP 500, a refusal has its word under
`string`, and headers such as Retry-After are gone. Tesla bills what the program sends.

Source: `vehicle-command:pkg/proxy/{proxy,command}.go`, `pkg/connector/inet/inet.go`. (The program itself speaks TLS only and
calls nobody but Tesla; here it stands on the simulated cloud's port.)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.proxies import SIGNING_BAD_VIN, SIGNING_NO_TOKEN, SIGNING_PREFIX, SIGNING_TIMEOUT_S
from sunbox.dialects.tesla.table import COMMANDS, WAKE_UP, Endpoint, FieldType
from sunbox.simulator.car_schedule import FULL_DAYS, SHORT_DAYS, days_from_text
from sunbox.simulator.faults import DEADLINE, Reply
from sunbox.simulator.tesla_http import json_of

Serve = Callable[[Request, Endpoint, dict[str, Any]], Awaitable[Reply | None]]
"""Carries a signed command to Tesla; None = the answer never comes."""

VIN_CHARS = 17
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
COMMAND_PATH = "/api/1/vehicles/{vehicle}/command/{command}"

_ROWS: dict[str, Endpoint] = {row.name: row for row in (*COMMANDS, WAKE_UP)}
_TYPES: dict[FieldType, tuple[type, ...]] = {
    FieldType.INT: (int, float),
    FieldType.FLOAT: (int, float),
    FieldType.BOOL: (bool,),
    FieldType.TEXT: (str,),
}


class SigningProxy:
    """The program beside the cloud. `app` is the ASGI application."""

    def __init__(self, serve: Serve, forward: ASGIApp) -> None:
        """Begin with nothing under way. `forward` takes what is not signed."""
        self._serve = serve
        self._forward = forward
        self._turns: dict[str, asyncio.Lock] = {}
        self.app = Starlette(
            routes=[
                Route("/health", _health, methods=["GET"]),
                Route(COMMAND_PATH, self._command, methods=METHODS),
                Route("/{rest:path}", _Forwarding(forward)),
            ]
        )

    async def _command(self, request: Request) -> Response:
        vin = request.path_params["vehicle"]
        read = await _read(request)
        if isinstance(read, Reply):
            return _written(read)
        row, body = read
        reply: Reply | None = None
        try:
            async with asyncio.timeout(SIGNING_TIMEOUT_S), self._turns.setdefault(vin, asyncio.Lock()):
                reply = await self._serve(request, row, body)
                if reply is None:
                    await asyncio.sleep(SIGNING_TIMEOUT_S)  # at most: until the time is over
        except TimeoutError:
            reply = None
        return _written(Reply(status=500, body=_error(DEADLINE))) if reply is None else _told(reply)


class _Forwarding:
    """Forwards a request to the cloud as it came, but for the path that leads to this program."""

    def __init__(self, forward: ASGIApp) -> None:
        self._forward = forward

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _has_token(Request(scope)):
            await _written(Reply(status=403, body=_error(SIGNING_NO_TOKEN)))(scope, receive, send)
            return
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        kept = {key: scope[key] for key in scope if key not in ("path_params", "endpoint", "router", "app")}
        await self._forward({**kept, "path": path, "raw_path": path.encode(), "root_path": ""}, receive, send)


async def _health(_: Request) -> Response:
    return PlainTextResponse("OK")


def _has_token(request: Request) -> bool:
    return request.headers.get("authorization", "").startswith("Bearer ")


async def _read(request: Request) -> tuple[Endpoint, dict[str, Any]] | Reply:
    """Return the command that a request asks for, or what the program says without asking Tesla."""
    if not _has_token(request):
        return Reply(status=403, body=_error(SIGNING_NO_TOKEN))
    if len(request.path_params["vehicle"]) != VIN_CHARS:
        return Reply(status=404, body=_error(SIGNING_BAD_VIN))
    if request.method != "POST":
        return Reply(status=405, body=_error("Method Not Allowed"))
    raw = await request.body()
    try:
        body = (json_of(raw) or {}) if raw else {}
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return Reply(status=400, body="error occurred while parsing request parameters")
    row = _ROWS.get(request.path_params["command"])
    if row is None:
        return Reply(status=400, body=_error(envelopes.INVALID_COMMAND))
    wrong = _wrong(row, body)
    return (row, body) if wrong is None else Reply(status=400, body=_refused(wrong))


def _wrong(row: Endpoint, body: Mapping[str, Any]) -> str | None:
    """Return what the program finds wrong with parameters: their JSON types. The rest is left to the car."""
    for field in row.fields:
        if field.name not in body:
            if field.required:
                return f"missing {field.name} param"
            continue
        value = body[field.name]
        is_bool = isinstance(value, bool)
        if not isinstance(value, _TYPES[field.type]) or is_bool is not (field.type is FieldType.BOOL):
            return f"invalid {field.name} param"
    days = body.get("days_of_week")
    if isinstance(days, str) and days_from_text(days, SHORT_DAYS | FULL_DAYS) is None:
        return "invalid days_of_week param"
    return None


def _error(text: str) -> dict[str, Any]:
    return envelopes.error(text)


def _refused(word: str) -> dict[str, Any]:
    """Return a refusal in the program's words."""
    return {"response": {"result": False, "string": SIGNING_PREFIX + word}, "error": "", "error_description": ""}


def _told(reply: Reply) -> Response:
    """Return what the program makes of Tesla's answer to a signed command."""
    text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
    is_asleep = reply.status == 503 or (reply.status == 408 and "vehicle is offline" in text)
    if is_asleep:
        return _written(Reply(status=500, body=_error(envelopes.ASLEEP)))
    if reply.status != 200:
        return _written(Reply(status=reply.status, body=text))
    response = reply.body.get("response") if isinstance(reply.body, dict) else None
    if not isinstance(response, dict):  # the car's own error, or nothing that the program understands
        problem = reply.body.get("error") if isinstance(reply.body, dict) else "unable to parse server response"
        return _written(Reply(status=500, body=_error(str(problem))))
    if response.get("result") is False:
        return _written(Reply(status=200, body=_refused(response["reason"])))
    return JSONResponse(envelopes.success())


def _written(reply: Reply) -> Response:
    """Return an answer as the program writes it: all but a success go out as text/plain."""
    text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
    return PlainTextResponse(text + "\n", status_code=reply.status)
