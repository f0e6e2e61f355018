"""What the HTTP faces of the main port have in common: JSON answers, limits on bodies, and pages of other sites kept out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive

T = TypeVar("T")

MAX_BODY_BYTES = 16_384
"""More than any request of these faces needs; a larger body is refused before it fills the memory."""

_HEADERS = {"cache-control": "no-store"}  # a GET may change something here, and a state is never worth keeping


class BodyTooLargeError(Exception):
    """A client sends more than `MAX_BODY_BYTES`."""


def json_answer(code: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer in JSON, UTF-8, never cached."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return Response(content, code, _HEADERS if headers is None else {**_HEADERS, **headers}, "application/json")


async def read_body(request: HttpRequest) -> bytes:
    """Return the body of a request.

    Raises:
        BodyTooLargeError: there is more than `MAX_BODY_BYTES` of it.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLargeError
    return bytes(body)


async def unless_gone(waited_for: Awaitable[T], receive: Receive) -> T | None:
    """Wait for something, but no longer than the client does, whose request was read; None = the client went away first.

    Leaves nothing running behind.
    """
    waiting, leaving = asyncio.ensure_future(waited_for), asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        leaving.cancel()
        await asyncio.gather(waiting, leaving, return_exceptions=True)
    return None if waiting.cancelled() else waiting.result()  # a failure is not to be taken for an answer


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # the (empty) body of the request comes first


def is_foreign_page(headers: Headers) -> bool:
    """Return whether a browser says that a page of another site makes this request.

    Browsers tell so by `Sec-Fetch-Site: cross-site` (to https and loopback addresses) and by an `Origin` of another
    host (to all addresses, but not for plain GETs such as images). Another port of the same host is no other site: the
    page of an energy manager on the same machine may use the gateway. Programs send neither header.
    """
    if headers.get("sec-fetch-site") == "cross-site":
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).hostname != urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        return True


FOREIGN_PAGE = {
    "error": "a page of another site may not change anything here",
    "allowed": "the gateway's own page, another page of the same host, or a program",
}
