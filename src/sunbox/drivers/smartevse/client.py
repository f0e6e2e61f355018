"""Requests to one SmartEVSE over HTTP: one at a time, each on a connection of its own, whoever asks; answers as values.

It has eight connections for all its clients, and answers 200 to everything: the body says what was taken, and proves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

import httpx2

from sunbox.core.commands import Cause
from sunbox.dialects.smartevse.reading import is_smartevse
from sunbox.dialects.smartevse.replies import query_to_wire, reply_from_wire, results_from_reply
from sunbox.dialects.smartevse.table import Json
from sunbox.dialects.smartevse.wire import Document, document_from_wire
from sunbox.drivers.exchange import Failed, Pace, exchanged
from sunbox.net.http import ClientFactory

GAP_S = 0.5
"""At least so long from one request to the next."""
SHARED_S = 0.8
"""What was read so recently is not read again: charger and meter of a box ask the same."""

_HEADERS = {"accept": "application/json", "connection": "close"}
_CAUSES: dict[int, Cause] = {
    401: Cause.FORBIDDEN,
    403: Cause.FORBIDDEN,
    404: Cause.NOT_FOUND,
    429: Cause.BUSY,
    503: Cause.BUSY,
}
_UNTOUCHED = frozenset({Cause.FORBIDDEN, Cause.NOT_FOUND, Cause.BUSY})
"""Answers after which nothing was done for certain."""


class Link(Protocol):
    """A way to a box."""

    @property
    def name(self) -> str:
        """Return what people call this way."""
        ...

    async def read(self) -> Document | Failed:
        """Return what it says now."""
        ...

    async def tell(self, parameters: Mapping[str, str]) -> dict[str, str | None] | Failed:
        """Tell parameters of POST /settings; return by name None where it was taken, or is not answered, else why not."""
        ...

    async def tell_currents(self, currents_da: tuple[int, int, int]) -> str | Failed | None:
        """Tell the currents of the mains; return None where it listens, or does not say, else its word."""
        ...

    async def close(self) -> None:
        """Release the connection."""
        ...


class HttpLink:
    """The HTTP API of one box."""

    name = "HTTP"

    def __init__(self, url: str, clients: ClientFactory, timeout_s: float = 8.0) -> None:
        self._url = url
        self._clients = clients
        self._timeout_s = timeout_s
        self._client: httpx2.AsyncClient | None = None
        self._pace = Pace(GAP_S)
        self._reading = asyncio.Lock()
        self._last: tuple[float, Document] | None = None
        self.is_fed = False  #: sunbox itself tells it what flows at the mains

    async def read(self) -> Document | Failed:
        """Return what it says now; what was read a moment ago counts, unless it was told something since."""
        async with self._reading:
            if self._last is not None and asyncio.get_running_loop().time() - self._last[0] < SHARED_S:
                return self._last[1]
            answer = await self._request("GET", "/settings")
            if isinstance(answer, Failed):
                return answer
            document = document_from_wire(answer.content)
            if document is None or not is_smartevse(document):
                return Failed(
                    cause=Cause.BAD_ANSWER,
                    detail=f"what answers is no SmartEVSE, or its answer was cut off: {_begin_of(answer)}",
                )
            self._last = asyncio.get_running_loop().time(), document
            return document

    async def tell(self, parameters: Mapping[str, str]) -> dict[str, str | None] | Failed:
        """Tell parameters, all in one request."""
        found = await self.post("/settings", parameters)
        if isinstance(found, str):  # somebody else answers in its place, or it was cut off: no word of the box
            detail = f"what it answers is no JSON: {_printable(found)}"
            return Failed(cause=Cause.BAD_ANSWER, detail=detail, is_maybe_done=True)
        return found if isinstance(found, Failed) else results_from_reply(found, parameters)

    async def tell_currents(self, currents_da: tuple[int, int, int]) -> str | Failed | None:
        """Tell the currents of the mains; return None where it listens, else its word."""
        told = dict(zip(("L1", "L2", "L3"), map(str, currents_da), strict=True))
        found = await self.post("/currents", told, changes=False)
        if isinstance(found, Failed):
            return found
        if not isinstance(found, dict):
            return "it does not listen"
        total = found.get("TOTAL")
        return total if isinstance(total, str) else None

    async def post(self, path: str, parameters: Mapping[str, str], *, changes: bool = True) -> Json | Failed:
        """Send a POST; return its answer, JSON or text. Parameters go into the query: a body is not read."""
        query = f"?{query_to_wire(parameters)}" if parameters else ""
        if changes:
            self._last = None
        answer = await self._request("POST", f"{path}{query}")
        if changes:
            self._last = None
        return answer if isinstance(answer, Failed) else reply_from_wire(answer.content)

    async def close(self) -> None:
        """Release the connection."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _request(self, method: str, target: str) -> httpx2.Response | Failed:
        is_set = method == "POST"
        answer = await exchanged(lambda: self._exchange(method, target), self._pace, is_set=is_set)
        return answer if isinstance(answer, Failed) else _judged(answer, is_set=is_set)

    async def _exchange(self, method: str, target: str) -> httpx2.Response:
        if self._client is None:
            parts = urlsplit(self._url)
            self._client = self._clients(f"{parts.scheme}://{parts.netloc}")
        request = self._client.build_request(
            method, f"{self._url}{target}", headers=_HEADERS, content=b"" if method == "POST" else None
        )
        if method == "POST":
            request.headers["content-length"] = "0"  # it waits for a body of unknown length
        request.extensions["timeout"] = httpx2.Timeout(self._timeout_s).as_dict()
        request.extensions["total_s"] = self._timeout_s
        return await self._client.send(request)


class Links:
    """The links to boxes that charger and meters share."""

    def __init__(self, clients: ClientFactory) -> None:
        self._clients = clients
        self._links: dict[str, HttpLink] = {}

    def to(self, url: str, timeout_s: float) -> HttpLink:
        """Return the link to a box, the same one for the same address."""
        if url not in self._links:
            self._links[url] = HttpLink(url, self._clients, timeout_s)
        return self._links[url]


def _judged(answer: httpx2.Response, *, is_set: bool) -> httpx2.Response | Failed:
    """Return an answer that is one, else what is wrong with it."""
    code = answer.status_code
    if answer.is_success:
        return answer
    cause = _CAUSES.get(code, Cause.SERVER_ERROR if code >= 500 else Cause.BAD_ANSWER)
    words = {
        Cause.BUSY: "it is busy: it has eight connections for all its clients",
        Cause.FORBIDDEN: f"it answers {code}: {_begin_of(answer)}",
        Cause.NOT_FOUND: "it has no such page: is it a SmartEVSE v3?",
    }
    moved = f"it answers {code} and points elsewhere; write the address that answers itself as `url`"
    detail = words.get(cause) or (moved if 300 <= code < 400 else f"it answers {code}: {_begin_of(answer)}")
    return Failed(cause=cause, detail=detail, is_maybe_done=is_set and cause not in _UNTOUCHED)


def _begin_of(answer: httpx2.Response) -> str:
    """Return the first words of an answer, printable."""
    return _printable(answer.content[:80].decode("utf-8", "replace"))


def _printable(text: str) -> str:
    return repr("".join(char if char.isprintable() else " " for char in text[:80]).strip())
