"""HTTP clients: made in one place, so that every request has time-outs, a size limit, no redirects and no secret in a log.

`ClientFactory` is what drivers get: given a base URL it returns a client. `client_factory(apps=…)` routes chosen base URLs
to ASGI apps in this process (simulated days, tests); everything else goes out through the network.

A client raises `httpx2.TransportError` and its kinds only. `was_sent` tells the two that matter for a command apart.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2

from sunbox import __version__

MAX_ANSWER_BYTES = 2_000_000
"""Longest answer that is taken. The largest honest one, a Tesla's full data, is below 50 kB."""

MIN_REAL_S = 1.0
"""A loopback answer gets at least this much of the wall's time, however fast the loop's time runs."""

USER_AGENT = f"sunbox/{__version__}"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
ClientFactory = Callable[[str], httpx2.AsyncClient]
BlockingClientFactory = Callable[[str], httpx2.Client]

# Their request lines carry VINs and query secrets, their debug lines whole headers.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a request may take, in seconds of the loop. `total_s` covers all of it, from asking to the last byte."""

    connect_s: float = 5.0
    read_s: float = 15.0  #: between two pieces of the answer
    write_s: float = 10.0
    pool_s: float = 5.0
    total_s: float = 15.0

    def at_speed(self, speed: float) -> Timeouts:
        """Return these for a loop whose time runs `speed` times as fast as the wall: each at least `MIN_REAL_S` of wall."""
        least_s = MIN_REAL_S * speed if speed > 1 else 0.0
        return replace(self, **{name: max(getattr(self, name), least_s) for name in self.__slots__})


DEFAULT_TIMEOUTS = Timeouts()


class AnswerRefusedError(httpx2.TransportError):
    """An answer came, and it is not taken: too long, or compressed although that was not offered."""

    def __init__(self, message: str, *, request: httpx2.Request, status: int) -> None:
        super().__init__(message, request=request)
        self.status = status


def was_sent(error: httpx2.TransportError) -> bool:
    """Return whether the device may have received the request: False only where that is proven impossible."""
    return not isinstance(
        error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
    )


def describe(error: httpx2.TransportError) -> str:
    """Return one line for people: what happened, without headers, bodies or query."""
    kinds: tuple[tuple[type[httpx2.TransportError], str], ...] = (
        (httpx2.ConnectTimeout, "no connection within the time allowed"),
        (httpx2.ConnectError, "no connection"),
        (httpx2.PoolTimeout, "all connections are busy"),
        (httpx2.TimeoutException, "no answer within the time allowed"),
        (AnswerRefusedError, "answer refused"),
        (httpx2.RemoteProtocolError, "the connection was closed before an answer came"),
        (httpx2.NetworkError, "the connection broke"),
    )
    if isinstance(error, httpx2.LocalProtocolError):
        return "the request cannot be sent as it is"  # its own words would show the headers, with a token perhaps
    what = next((text for kind, text in kinds if isinstance(error, kind)), type(error).__name__)
    why = str(error)
    return f"{what} ({why})" if why else what


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Return the one TLS context: loading the authorities costs 20 ms and 5 MB, so it is made at the first https client."""
    return httpx2.create_ssl_context()


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return a TLS context that trusts one certificate (or authority) and nobody else; it is read when the client is made.

    Raises:
        OSError: it cannot be read, or is none.
    """
    return ssl.create_default_context(cafile=str(certificate))


class LimitedTransport(httpx2.AsyncBaseTransport):
    """Bounds what another transport may do: `total_s` for the whole exchange and `MAX_ANSWER_BYTES` for the answer.

    A request's extension `total_s` replaces the client's. The answer is read to its end here: devices do not stream.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, total_s: float) -> None:
        self._inner = inner
        self._total_s = total_s

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Carry out one request.

        Raises:
            httpx2.TransportError: no complete and acceptable answer came.
        """
        total_s = request.extensions.get("total_s", self._total_s)
        try:
            async with asyncio.timeout(total_s):
                response = await self._inner.handle_async_request(request)
                await _read_within_limits(request, response)
        except TimeoutError as error:
            raise httpx2.ReadTimeout(f"{total_s:g} s", request=request) from error
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


async def _read_within_limits(request: httpx2.Request, response: httpx2.Response) -> None:
    """Read an answer's body into memory and release its connection."""
    if response.is_closed:  # in memory already: it came from this process
        if len(response.content) > MAX_ANSWER_BYTES:
            raise _too_long(request, response)
        return
    stream = response.stream
    if not isinstance(stream, httpx2.AsyncByteStream):
        raise TypeError(f"{type(stream).__name__} cannot be read asynchronously")
    try:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise AnswerRefusedError(  # a few bytes may unpack into gigabytes; we asked for plain ones
                "it is compressed, which was not offered", request=request, status=response.status_code
            )
        pieces: list[bytes] = []
        length = 0
        async for piece in stream:
            length += len(piece)
            if length > MAX_ANSWER_BYTES:
                raise _too_long(request, response)
            pieces.append(piece)
    finally:
        await stream.aclose()
    response.stream = httpx2.ByteStream(b"".join(pieces))


def _too_long(request: httpx2.Request, response: httpx2.Response) -> AnswerRefusedError:
    return AnswerRefusedError(
        f"it is longer than {MAX_ANSWER_BYTES} bytes", request=request, status=response.status_code
    )


class AppTransport(httpx2.AsyncBaseTransport):
    """Hands requests to an ASGI app in this process.

    As `httpx2.ASGITransport` at a fifth of its cost, for a simulated day makes 10,000 requests. What a request says to the app
    is made once per request object, and a poller sends the same object again and again. What the app raises is raised here.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Carry out one request.

        Raises:
            httpx2.RemoteProtocolError: the app ended without an answer, as a server does that closes the connection.
        """
        scope = request.extensions.get("asgi_scope")
        if scope is None:
            scope = request.extensions["asgi_scope"] = _scope(request)
        body = await request.aread()
        is_received = False
        is_ended = asyncio.Event()
        status = 0
        headers: list[tuple[bytes, bytes]] = []
        pieces: list[bytes] = []

        async def receive() -> Message:
            nonlocal is_received
            if is_received:
                await is_ended.wait()
                return {"type": "http.disconnect"}
            is_received = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message.get("headers", ()))
            elif message["type"] == "http.response.body":
                pieces.append(message.get("body", b""))
                if not message.get("more_body", False):
                    is_ended.set()

        # Apps write into the scope (routers, middleware), so each call has its own
        await self._app(dict(scope), receive, send)
        if not status or not is_ended.is_set():
            raise httpx2.RemoteProtocolError("no complete answer", request=request)
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if any(name == b"content-encoding" for name, _ in headers):
            return httpx2.Response(status, headers=headers, content=body)
        return _Answer(status, headers, body)


class _Answer(httpx2.Response):
    """A plain answer that is in memory already.

    `httpx2.Response` sends a body that it is given through its decoders to itself, which costs more than the rest of a request.
    """

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        super().__init__(status, headers=headers, stream=httpx2.ByteStream(body))
        self._content = body
        self.is_stream_consumed = self.is_closed = True


def _scope(request: httpx2.Request) -> Scope:
    """Return what ASGI calls the scope of a request."""
    url = request.url
    raw_path, _, _ = url.raw_path.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": raw_path,
        "query_string": url.query,
        "server": (url.host, url.port),
        "client": ("127.0.0.1", 0),
        "root_path": "",
    }


def make_client(
    base_url: str,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    verify: ssl.SSLContext | None = None,
) -> httpx2.AsyncClient:
    """Return a client for one device or service.

    Args:
        base_url: scheme, host, port and a path before every path.
        transport: instead of the network, e.g. `AppTransport` or `httpx2.MockTransport`.
        timeouts: in seconds of the loop.
        verify: whom to trust, instead of the authorities that browsers trust.
    """
    if transport is None:
        is_tls = base_url.lower().startswith("https:")
        transport = httpx2.AsyncHTTPTransport(
            # A client for a plain address trusts nobody: an https address given to it by mistake fails, unverified never
            verify=(verify or tls_context()) if is_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
            limits=httpx2.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=60.0),
        )
    return httpx2.AsyncClient(
        base_url=base_url,
        transport=LimitedTransport(transport, timeouts.total_s),
        timeout=httpx2.Timeout(
            connect=timeouts.connect_s, read=timeouts.read_s, write=timeouts.write_s, pool=timeouts.pool_s
        ),
        headers={"user-agent": USER_AGENT, "accept-encoding": "identity"},
        follow_redirects=False,
        trust_env=False,  # neither proxies nor .netrc: devices stand in the house
    )


class BlockingTransport(httpx2.BaseTransport):
    """As `LimitedTransport`, for programs that wait for each answer: scripts and one-off commands, never the gateway."""

    def __init__(self, inner: httpx2.BaseTransport, total_s: float) -> None:
        self._inner = inner
        self._total_s = total_s

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Carry out one request.

        Raises:
            httpx2.TransportError: no complete and acceptable answer came.
        """
        until_s = time.monotonic() + self._total_s
        response = self._inner.handle_request(request)
        stream = response.stream
        if not isinstance(stream, httpx2.SyncByteStream):
            raise TypeError(f"{type(stream).__name__} cannot be read")
        try:
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise AnswerRefusedError(
                    "it is compressed, which was not offered", request=request, status=response.status_code
                )
            pieces: list[bytes] = []
            length = 0
            for piece in stream:
                length += len(piece)
                if length > MAX_ANSWER_BYTES:
                    raise _too_long(request, response)
                if time.monotonic() > until_s:
                    raise httpx2.ReadTimeout(f"{self._total_s:g} s", request=request)
                pieces.append(piece)
        finally:
            stream.close()
        response.stream = httpx2.ByteStream(b"".join(pieces))
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def blocking_client(base_url: str, *, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> httpx2.Client:
    """Return a client that waits for each answer; threads may share it."""
    is_tls = base_url.lower().startswith("https:")
    transport = httpx2.HTTPTransport(
        verify=tls_context() if is_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False
    )
    return httpx2.Client(
        base_url=base_url,
        transport=BlockingTransport(transport, timeouts.total_s),
        timeout=httpx2.Timeout(
            connect=timeouts.connect_s, read=timeouts.read_s, write=timeouts.write_s, pool=timeouts.pool_s
        ),
        headers={"user-agent": USER_AGENT, "accept-encoding": "identity"},
        follow_redirects=False,
        trust_env=False,
    )


def client_factory(
    *,
    apps: Mapping[str, AsgiApp] | None = None,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    speed: float = 1.0,
) -> ClientFactory:
    """Return the factory that drivers get.

    Args:
        apps: origin (`http://host:port`) → ASGI app in this process that answers for it.
        timeouts: of every client, in seconds of the loop.
        speed: how many times as fast as the wall the loop's time runs, for clients that really use sockets.
    """
    by_origin = {_origin(origin): app for origin, app in (apps or {}).items()}
    over_network = timeouts.at_speed(speed)

    def make(base_url: str) -> httpx2.AsyncClient:
        app = by_origin.get(_origin(base_url))
        if app is None:
            return make_client(base_url, timeouts=over_network)
        return make_client(base_url, transport=AppTransport(app), timeouts=timeouts)

    return make


def _origin(url: str) -> tuple[str, str, int | None]:
    parsed = httpx2.URL(url)
    return (parsed.scheme, parsed.host, parsed.port)
