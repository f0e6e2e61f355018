"""The HTTP side of a SmartEVSE, at the root of a port of its own. It serves whatever has a box of `dialects/smartevse`.

Codes, texts and types of answers are the device's: a refused setting is 200 with a word in it, another method is 404.
Parameters are those of the query; a body is never read, so a POST without a length is answered at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sunbox.dialects.smartevse.box import Answer
from sunbox.dialects.smartevse.profiles import Profile
from sunbox.dialects.smartevse.query import MOST_QUERY_BYTES, parameters_from_query
from sunbox.dialects.smartevse.table import V3_7
from sunbox.dialects.smartevse.wire import document_to_wire
from sunbox.faces.answer import FOREIGN_PAGE, MAX_BODY_BYTES, is_foreign_page, json_answer
from sunbox.net.serving import open_connections_of

log = structlog.get_logger(__name__)

_JSON, _TEXT = "application/json", "text/plain"

NOT_FOUND = "Not found\n"
BUSY = "Server busy, retry shortly"
TOO_LONG = "URI too long\n"
FAILED = "Internal server error\n"
"""What the device's web server writes."""

MOST_CONNECTIONS = 8
"""How many may be open, idle ones counted; while there are more, a request is told that it is busy."""
MOST_ACCEPTED = MOST_CONNECTIONS + 1
"""How many the server is to take at all: a further one is closed without a word (`net/serving.py`)."""
PIECE_BYTES = 1460
"""Length of the pieces in which newer firmware answers."""
LINE_END = b"\r\n"
ENDS_WITH_LINE = ("/color_", "/cablelock", "/power_day")
"""Paths whose JSON always has its length, and ends with a line."""


class Served(Protocol):
    """What the face serves. Nothing here waits: what takes time happens behind it."""

    @property
    def profile(self) -> Profile:
        """Return the generation of firmware that it is."""
        ...

    def get(self, path: str) -> Answer | None:
        """Return what a GET is answered, None if there is nothing."""
        ...

    def post(self, path: str, parameters: Mapping[str, str]) -> Answer | None:
        """Apply the parameters of a POST as one bundle; return what it is answered, None if there is nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How it behaves on the wire. The defaults are a good server's; the device is open to pages of other sites."""

    any_origin: bool = False  #: pages of other sites may change things; they cannot read, for there are no CORS headers


DEVICE_MANNERS = Manners(any_origin=True)


def create_app(served: Served, manners: Manners | None = None) -> FastAPI:
    """Return the app of one box's port."""
    app = FastAPI(title="smartevse", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    endpoint = SmartEvseEndpoint(served, manners or Manners())
    app.router.routes.append(Route("/{path:path}", endpoint))
    app.router.default = endpoint
    return app


class _Pieces(Response):
    """JSON of unknown length, in pieces, as since 3.11.1."""

    def __init__(self, body: bytes) -> None:
        super().__init__(status_code=200, media_type=_JSON)
        del self.headers["content-length"]
        self._whole = body

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        """Send it piece by piece (ASGI)."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for begin in range(0, len(self._whole), PIECE_BYTES):
            piece = self._whole[begin : begin + PIECE_BYTES]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class SmartEvseEndpoint:
    """Answers every request of a port."""

    def __init__(self, served: Served, manners: Manners) -> None:
        self._served = served
        self._manners = manners
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        self._under_way += 1
        try:
            response = self._respond(scope)
            if has_large_body(Headers(scope=scope)):
                response.headers["connection"] = "close"  # nobody waits for the rest of it
            await response(scope, receive, send)
        finally:
            self._under_way -= 1

    def _respond(self, scope: Scope) -> Response:
        # where nobody counts connections, each request has one
        if (open_connections_of(scope) or self._under_way) > MOST_CONNECTIONS:
            return Response(BUSY, 503, {"connection": "close"}, media_type=_TEXT)
        try:
            return self._answer(scope)
        except Exception:
            log.exception("smartevse_failed", path=scope["path"])
            return Response(FAILED, 500, media_type=_TEXT)

    def _answer(self, scope: Scope) -> Response:
        path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
        query = scope["query_string"]
        if len(query) > MOST_QUERY_BYTES:
            return Response(TOO_LONG, 414, media_type=_TEXT)
        is_post = scope["method"] == "POST" or path == "/reboot"  # which asks for no method
        if is_post and not self._manners.any_origin and is_foreign_page(Headers(scope=scope)):
            return json_answer(403, FOREIGN_PAGE)
        if is_post:
            profile = self._served.profile
            parameters = parameters_from_query(query.decode("utf-8", "replace"), empty_counts=profile.number >= V3_7)
            answer = self._served.post(path, parameters)
        else:
            answer = self._served.get(path) if scope["method"] == "GET" else None
        if answer is None:
            return Response(NOT_FOUND, 404, media_type=_TEXT)
        return self._written(path, answer, knows_pieces=scope.get("http_version") != "1.0")

    def _written(self, path: str, answer: Answer, *, knows_pieces: bool) -> Response:
        if isinstance(answer.reply, str):
            return Response(answer.reply, answer.code, media_type=_TEXT)
        body = document_to_wire(answer.reply)
        if self._served.profile.is_chunked and not path.startswith(ENDS_WITH_LINE):
            return _Pieces(body) if knows_pieces else Response(body, answer.code, media_type=_JSON)
        return Response(body + LINE_END, answer.code, media_type=_JSON)


def has_large_body(headers: Headers) -> bool:
    """Return whether a request says that it has more than a small body, or does not say how much."""
    length = headers.get("content-length", "0")
    return "transfer-encoding" in headers or not length.isdecimal() or int(length[:12]) > MAX_BODY_BYTES
