"""The HTTP side of tlwb, to be mounted at `/tlwb`. Paths, parameters and words come from `dialects/tlwb`.

One endpoint takes every path and method, so that each answer, also for mistakes, has the dialect's own shape.
"""

from __future__ import annotations

import structlog
from fastapi import FastAPI
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sunbox.core.wallbox import Rejected, Wallbox
from sunbox.dialects.tlwb.table import BY_ACTION, METHODS, SET_AMPS, SET_MODE, SET_SOC, Endpoint
from sunbox.dialects.tlwb.wire import (
    Problem,
    Wishes,
    find_loadpoint,
    parse_form,
    parse_query,
    request_from_wishes,
    status_to_wire,
)
from sunbox.faces.answer import FOREIGN_PAGE, BodyTooLargeError, is_foreign_page, json_answer, read_body, unless_gone

log = structlog.get_logger(__name__)

_FORM = "application/x-www-form-urlencoded"
_PARAMETERS_BY_FIELD = {"amps_a": SET_AMPS.name, "target_soc_pct": SET_SOC.name, "mode": SET_MODE.name}
"""The names that clients know for the fields of a request that the gateway may turn down."""


def create_app(wallbox: Wallbox) -> FastAPI:
    """Return the sub-app; nothing of the framework's own error shapes can be seen through it."""
    app = FastAPI(title="tlwb", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    endpoint = TlwbEndpoint(wallbox)
    app.router.routes.append(Route("/{path:path}", endpoint))
    app.router.default = endpoint  # `/tlwb` itself, which has no path below it
    return app


class TlwbEndpoint:
    """Answers every request below `/tlwb`."""

    def __init__(self, wallbox: Wallbox) -> None:
        self._wallbox = wallbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        try:
            response = await self._answer(scope, receive)
        except Exception:
            log.exception("tlwb_failed", path=scope["path"])
            response = json_answer(500, {"error": "the gateway failed; its log has the details", "allowed": None})
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        path = str(scope.get("path_params", {}).get("path", ""))
        car_id, _, action = path.removesuffix("/").partition("/")
        endpoint = BY_ACTION.get(action)
        if endpoint is None:
            known = ", ".join(known for known in BY_ACTION if known)
            return _refusal(404, Problem(f"there is no {action[:40]!r}", known))
        method = scope["method"]
        if method not in METHODS:
            allowed = ", ".join(METHODS)
            return json_answer(405, {"error": f"{method} is not allowed", "allowed": allowed}, {"allow": allowed})
        found = find_loadpoint(self._wallbox.snapshot(), car_id)
        if isinstance(found, Problem):
            return _refusal(404, found)
        wishes = await _read_wishes(endpoint, scope, receive)
        if isinstance(wishes, Problem):
            return _refusal(400, wishes)
        version = found.version
        if wishes.is_change:
            if is_foreign_page(HttpRequest(scope).headers):
                return json_answer(403, FOREIGN_PAGE)
            verdict = self._wallbox.request(request_from_wishes(found.id, wishes))
            if isinstance(verdict, Rejected):
                name = _PARAMETERS_BY_FIELD.get(verdict.field, verdict.field)
                return _refusal(400, Problem(f"{name}: {verdict.value!r} is not allowed", verdict.allowed))
            version = verdict.version
        if wishes.wait_s > 0:
            await unless_gone(self._wallbox.settled(found.id, version, wishes.wait_s), receive)
        if wishes.is_change or wishes.wait_s > 0 or method == "POST":
            # by id: while a request waited, the car (and so its VIN) may have moved to another loadpoint
            loadpoint_id = found.id
            found = next(row for row in self._wallbox.snapshot().loadpoints if row.id == loadpoint_id)
        return json_answer(200, status_to_wire(found))


def _refusal(code: int, problem: Problem) -> Response:
    return json_answer(code, {"error": problem.error, "allowed": problem.allowed})


async def _read_wishes(endpoint: Endpoint, scope: Scope, receive: Receive) -> Wishes | Problem:
    query = scope["query_string"].decode("latin-1")
    if scope["method"] != "POST":
        return parse_query(endpoint, query)
    request = HttpRequest(scope, receive)
    try:
        body = await read_body(request)
    except BodyTooLargeError:
        return Problem("the form is too long", endpoint.allowed)
    kind = request.headers.get("content-type", _FORM).partition(";")[0].strip().lower()
    if body and kind != _FORM:
        return Problem(f"the body is {kind[:40]!r}", _FORM)
    return parse_form(endpoint, query, body.decode("latin-1"))
