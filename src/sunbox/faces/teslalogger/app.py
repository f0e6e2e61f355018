"""The HTTP side of TeslaLogger's API, to be mounted at `/currentjson`, `/get` and `/command`.

As in TeslaLogger the method is not looked at, a mistake is mostly an empty body with 200, and what follows the number of a car
in `/currentjson` does no harm. Nothing here contacts a device. A command becomes a wish and is answered at once; whether the car
sleeps, and when it is woken, is the gateway's business: `wake_up` costs nothing, for it does nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sunbox.core.wallbox import Rejected, Wallbox
from sunbox.dialects.query import shown
from sunbox.dialects.teslalogger.car import find_car
from sunbox.dialects.teslalogger.table import BY_NAME, COMMANDS_BY_NAME
from sunbox.dialects.teslalogger.wire import (
    DONE,
    FAILED,
    NOT_FOUND,
    currentjson_to_wire,
    is_raw,
    not_allowed,
    parse_value,
    split_path,
    unknown_value,
    value_to_wire,
)
from sunbox.faces.answer import FOREIGN_PAGE, is_foreign_page, json_answer

log = structlog.get_logger(__name__)

_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json; charset=utf-8"
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the car it names, what follows in the path, and the query."""

    car_id: str
    rest: str
    query: str
    headers: Headers


Answer = Callable[[Wallbox, Asked], Response]


def _answer(body: str, code: int = 200, kind: str = _TEXT) -> Response:
    return Response(body.encode(), code, _HEADERS, kind)


def _answer_currentjson(wallbox: Wallbox, asked: Asked) -> Response:
    car = find_car(wallbox.snapshot(), asked.car_id)
    if car is None:
        return _answer(NOT_FOUND, 404)
    body = json.dumps(currentjson_to_wire(car), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _answer(body, kind=_JSON)


def _answer_get(wallbox: Wallbox, asked: Asked) -> Response:
    if not asked.rest:
        return _answer(NOT_FOUND, 404)
    car = find_car(wallbox.snapshot(), asked.car_id)
    if car is None:
        return _answer("")
    key, raw = BY_NAME.get(asked.rest), is_raw(asked.query)
    body = None if key is None else value_to_wire(key, car, raw=raw)
    if body is None:
        return _answer(unknown_value(asked.rest, asked.car_id))
    return _answer(body, kind=_TEXT if raw else _JSON)


def _answer_command(wallbox: Wallbox, asked: Asked) -> Response:
    if not asked.rest:
        return _answer(NOT_FOUND, 404)
    command = COMMANDS_BY_NAME.get(asked.rest)
    if command is None:
        log.info("teslalogger_not_allowed", command=shown(asked.rest))
        return _answer(not_allowed(asked.rest))
    car, value = find_car(wallbox.snapshot(), asked.car_id), parse_value(command, asked.query)
    if value is None or car is None or car.loadpoint is None:
        return _nothing_done(asked, "no such value" if value is None else "no car with this name at a loadpoint")
    if is_foreign_page(asked.headers):
        return json_answer(403, FOREIGN_PAGE)
    if command.make_request is not None:
        verdict = wallbox.request(command.make_request(car.loadpoint.id, value))
        if isinstance(verdict, Rejected):
            return _nothing_done(asked, f"allowed: {verdict.allowed}")
    return _answer(DONE)


def _nothing_done(asked: Asked, why: str) -> Response:
    """Answer with the empty body; only the log can tell what was wrong."""
    log.info("teslalogger_refused", car=shown(asked.car_id), command=asked.rest, query=shown(asked.query), why=why)
    return _answer("")


ANSWERS: dict[str, Answer] = {
    "/currentjson": _answer_currentjson,
    "/get": _answer_get,
    "/command": _answer_command,
}
"""Prefix → who answers below it."""


class TeslaLoggerApp:
    """Answers every request below one prefix (ASGI)."""

    def __init__(self, wallbox: Wallbox, answer: Answer) -> None:
        self._wallbox = wallbox
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the body of a request is not read."""
        if scope["type"] != "http":
            return
        try:
            # a browser's question whether it may ask is no command
            is_asking = scope["method"] == "OPTIONS"
            response = _answer("", 405) if is_asking else self._answer(self._wallbox, _asked(scope))
        except Exception:
            log.exception("teslalogger_failed", path=shown(scope["path"]))
            response = _answer(FAILED, 500)
        await response(scope, receive, send)


def _asked(scope: Scope) -> Asked:
    path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
    car_id, rest = split_path(path)
    return Asked(car_id, rest, scope["query_string"].decode("latin-1"), Headers(scope=scope))


def create_apps(wallbox: Wallbox) -> dict[str, ASGIApp]:
    """Return the apps by the prefix at which each is to be mounted."""
    return {prefix: TeslaLoggerApp(wallbox, answer) for prefix, answer in ANSWERS.items()}
