"""The HTTP side of a go-eCharger, at the root of a port of its own. It serves whatever has a box of `dialects/goe`.

Codes, texts and types of answers are the device's: a failed set is 500 with JSON in `text/plain`, another method 405.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sunbox.dialects.goe.box import Readout
from sunbox.dialects.goe.legacy import legacy_from_status, setting_from_legacy
from sunbox.dialects.goe.query import MOST_QUERY_CHARS, filter_from_query, payload_from_query, settings_from_query
from sunbox.dialects.goe.wire import json_to_wire
from sunbox.faces.answer import FOREIGN_PAGE, is_foreign_page, json_answer

log = structlog.get_logger(__name__)

_JSON, _TEXT, _HTML = "application/json", "text/plain", "text/html"

NO_SUCH_PATH = "Nothing matches the given URI"
OTHER_METHOD = "Request method for this URI is not handled by server"
TOO_LONG = "URI is too long"
FAILED = "Server has encountered an unexpected error"
"""What the device's web server writes, word by word."""


class Charger(Protocol):
    """What the face serves. Nothing here waits: what takes time happens behind it."""

    def read(self, names: Iterable[str] = ()) -> Readout:
        """Return the values of some keys now, or of all if none is named."""
        ...

    def set(self, items: Iterable[tuple[str, str]]) -> dict[str, bool | str]:
        """Apply (key, JSON text) pairs as one bundle; return true or what is wrong, by key."""
        ...

    def has_api(self, switch: str) -> bool:
        """Return whether an API is there: `hai` v2, `hla` v1."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How it behaves on the wire. The defaults are a good server's; the device closes, cuts and lets any page read."""

    closes: bool = False  #: one request per connection
    piece_bytes: int | None = None  #: length of the chunks of an answer; None = in one piece, with its length
    any_origin: bool = False  #: pages of other sites may read and change


DEVICE_MANNERS = Manners(closes=True, piece_bytes=4096, any_origin=True)


def create_app(charger: Charger, manners: Manners | None = None) -> FastAPI:
    """Return the app of one charger's port."""
    app = FastAPI(title="goe", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    endpoint = GoeEndpoint(charger, manners or Manners())
    app.router.routes.append(Route("/{path:path}", endpoint))
    app.router.default = endpoint
    return app


class _Pieces(Response):
    """An answer of unknown length, in pieces."""

    def __init__(self, answer: Response, piece_bytes: int) -> None:
        super().__init__(status_code=answer.status_code, headers=dict(answer.headers), media_type=answer.media_type)
        del self.headers["content-length"]
        self._whole, self._piece_bytes = bytes(answer.body), piece_bytes

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        """Send it piece by piece (ASGI)."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for begin in range(0, len(self._whole), self._piece_bytes):
            piece = self._whole[begin : begin + self._piece_bytes]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class GoeEndpoint:
    """Answers every request of a port."""

    def __init__(self, charger: Charger, manners: Manners) -> None:
        self._charger = charger
        self._manners = manners
        self._headers = {"cache-control": "no-store"}
        if manners.any_origin:
            self._headers["access-control-allow-origin"] = "*"
        if manners.closes:
            self._headers["connection"] = "close"
        self._paths: Mapping[str, tuple[str, Callable[[str, Headers], Response]]] = {
            "/api/status": ("hai", self._status),
            "/api/set": ("hai", self._set),
            "/status": ("hla", self._legacy_status),
            "/mqtt": ("hla", self._legacy_set),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        try:
            response = self._answer(scope)
        except Exception:
            log.exception("goe_failed", path=scope["path"])
            response = self._text(500, FAILED)
        await self._send(response, scope, receive, send)

    def _send(self, response: Response, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        in_pieces = self._manners.piece_bytes is not None and response.status_code < 500
        whole = response if not in_pieces else _Pieces(response, self._manners.piece_bytes or 1)
        return whole(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        found = self._paths.get(scope["path"].removeprefix(scope.get("root_path", "")))
        if found is None:
            return self._text(404, NO_SUCH_PATH)
        switch, answer = found
        if not self._charger.has_api(switch):
            return self._text(404, NO_SUCH_PATH)
        if scope["method"] != "GET":
            return self._text(405, OTHER_METHOD, {"allow": "GET"})
        if len(scope["query_string"]) > MOST_QUERY_CHARS:
            return self._text(414, TOO_LONG)
        return answer(scope["query_string"].decode("utf-8", "replace"), Headers(scope=scope))

    def _status(self, query: str, _: Headers) -> Response:
        found = self._charger.read(filter_from_query(query))
        return self._json(found.code, found.values)

    def _set(self, query: str, headers: Headers) -> Response:
        items = settings_from_query(query)
        if items and self._is_foreign(headers):
            return json_answer(403, FOREIGN_PAGE)
        answers = self._charger.set(items)
        is_good = all(answer is True for answer in answers.values())
        return self._json(200 if is_good else 500, answers, _JSON if is_good else _TEXT)

    def _legacy_status(self, _: str, __: Headers) -> Response:
        return self._json(200, legacy_from_status(self._charger.read().values))

    def _legacy_set(self, query: str, headers: Headers) -> Response:
        """Set one key and tell all; what could not be set is seen by its old value, as clients of v1 expect."""
        payload = payload_from_query(query)
        if payload is not None:
            if self._is_foreign(headers):
                return json_answer(403, FOREIGN_PAGE)
            setting = setting_from_legacy(*payload, presets=self._charger.read(("clp",)).values.get("clp", []))
            if setting is not None:
                self._charger.set((setting,))
        return self._legacy_status(query, headers)

    def _is_foreign(self, headers: Headers) -> bool:
        return not self._manners.any_origin and is_foreign_page(headers)

    def _json(self, code: int, values: Mapping[str, object], media_type: str = _JSON) -> Response:
        # `text/plain` as the device writes it, without the charset that the framework would add
        return Response(json_to_wire(values), code, {**self._headers, "content-type": media_type})

    def _text(self, code: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
        return Response(text, code, {**self._headers, "content-type": _HTML, **(headers or {})})
