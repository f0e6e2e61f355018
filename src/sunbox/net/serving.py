"""Serving: several ASGI apps on several addresses in one event loop, without touching signals (they are the app's).

All addresses are bound before the first one answers; what cannot be bound is one `ListenError` that names every mistake.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn

from sunbox.errors import ListenError
from sunbox.net.http import AsgiApp

KEEP_ALIVE_S = 75
"""How long an idle connection is kept, in seconds of the wall: longer than pollers wait between two polls."""

GRACE_S = 1.0
"""How long answers under way may take when serving ends, in seconds of the wall; then connections are closed."""

DATE_S = 1.0
"""How often the Date header is renewed, in seconds of the wall."""

BACKLOG = 128

OPEN_CONNECTIONS = "sunbox.open_connections"
"""Extension of the scope (ASGI): how many connections the server has open, idle ones and that of the request itself counted."""

_WHY: dict[int, str] = {
    errno.EADDRINUSE: "another program uses it; stop that one, or choose another port",
    errno.EACCES: "ports below 1024 need special rights; choose one from 1024 to 65535",
    errno.EADDRNOTAVAIL: "this machine has no such address; use 127.0.0.1 (this machine only) or 0.0.0.0 (everybody)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One app on one address. Port 0 takes any free one; `Bound` tells which."""

    app: AsgiApp
    host: str
    port: int
    tls: ssl.SSLContext | None = None  #: None = plain http
    most_connections: int | None = None  #: open at a time, idle ones counted; one more is closed without a word


def open_connections_of(scope: Mapping[str, Any]) -> int | None:
    """Return how many connections the server of a request has open, None where no server of this module does."""
    found = (scope.get("extensions") or {}).get(OPEN_CONNECTIONS)
    return None if found is None else int(found["count"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """An address that is being served."""

    host: str
    port: int
    is_tls: bool = False

    @property
    def url(self) -> str:
        """Return it as people type it."""
        scheme, host = "https" if self.is_tls else "http", f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"


class _Server(uvicorn.Server):
    """A server that leaves signals alone, says when it answers, sleeps until it is told to end, and ends quietly."""

    def __init__(self, listener: Listener, speed: float) -> None:
        tls = listener.tls
        super().__init__(
            uvicorn.Config(
                self._answer,
                host=listener.host,
                port=listener.port,
                interface="asgi3",
                lifespan="off",
                log_config=None,
                access_log=False,
                ws="none",
                proxy_headers=False,  # nobody's word about who asks is taken
                server_header=False,
                backlog=BACKLOG,
                ssl_context_factory=None if tls is None else lambda *_: tls,
                timeout_keep_alive=math.ceil(KEEP_ALIVE_S * speed),
            )
        )
        self.is_answering = asyncio.Event()
        self._app = listener.app
        self._most_connections = listener.most_connections
        self._is_ending = asyncio.Event()
        self._tick_s = DATE_S * speed
        self._grace_s = GRACE_S * speed

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them as they are."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        if self._most_connections is not None:
            self.config.http_protocol_class = _at_most(self._most_connections, self.config.http_protocol_class)
        await super().startup(sockets)
        self.is_answering.set()

    async def main_loop(self) -> None:
        """Wait for the end. uvicorn's own loop looks ten times per second, and at 600-fold speed 6,000 times."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._tick_s):
                    await self._is_ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish answers under way, hang up on endless ones, and last cancel what goes on all the same.

        uvicorn's own cancels endless answers (a page that is open) with a traceback each; seeing their client hang up is
        what such answers are made for.
        """
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()  # idle ones now, the others after their answer
        await self._wait_for_answers()
        for connection in list(state.connections):
            connection.transport.close()
        await self._wait_for_answers()
        for task in state.tasks:
            task.cancel()
        await self._wait_for_answers()
        for connection in list(state.connections):
            connection.transport.abort()  # its client takes nothing any more
        await asyncio.sleep(0)

    def end(self) -> None:
        """Take no more requests and finish those under way."""
        self.should_exit = True
        self._is_ending.set()

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        extensions = scope.setdefault("extensions", {})
        extensions[OPEN_CONNECTIONS] = {"count": len(self.server_state.connections)}
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if not self.should_exit:
                raise
            # cancelled by `shutdown`, its client is gone: there is nobody to tell, and nothing to tell a log

    async def _wait_for_answers(self) -> None:
        if self.server_state.tasks:
            await asyncio.wait(set(self.server_state.tasks), timeout=self._grace_s)


def _at_most(most: int, protocol: Any) -> Any:
    """Return a protocol of uvicorn's that takes so many connections, and waits no longer for a first request than for the next."""

    def connection_made(self: Any, transport: asyncio.Transport) -> None:
        protocol.connection_made(self, transport)
        if len(self.connections) > most:
            transport.close()
        else:
            loop, wait_s = asyncio.get_running_loop(), self.timeout_keep_alive
            self.timeout_keep_alive_task = loop.call_later(wait_s, self.timeout_keep_alive_handler)

    return type("CountedProtocol", (protocol,), {"connection_made": connection_made})


@contextlib.asynccontextmanager
async def serving(listeners: Sequence[Listener], *, speed: float = 1.0) -> AsyncIterator[tuple[Bound, ...]]:
    """Serve while the body runs; it gets the bound addresses in the order of `listeners`.

    Args:
        listeners: what is served where.
        speed: how many times as fast as the wall the loop's time runs; time-outs of connections count on the wall.

    Raises:
        ListenError: an address cannot be bound; then nothing is served.
    """
    sockets = bind_all(listeners)
    servers = [_Server(listener, speed) for listener in listeners]
    bounds = tuple(
        Bound(host=listener.host, port=on[0].getsockname()[1], is_tls=listener.tls is not None)
        for listener, on in zip(listeners, sockets, strict=True)
    )
    failure: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(server.serve(on)) for server, on in zip(servers, sockets, strict=True)]
            try:
                for server in servers:
                    await server.is_answering.wait()
                yield bounds
            except Exception as error:  # noqa: BLE001 - raised below, as it is and not inside an exception group
                failure = error
            finally:
                for server in servers:
                    server.end()
                # also when the body was cancelled: answers under way are finished
                await asyncio.wait(tasks)
    finally:
        _close(sockets)
    if failure is not None:
        raise failure


def bind_all(listeners: Sequence[Listener]) -> list[list[socket.socket]]:
    """Bind every address; a host name may stand for several (localhost is 127.0.0.1 and ::1).

    Raises:
        ListenError: with one line per address that cannot be bound; all sockets are closed again.
    """
    sockets: list[list[socket.socket]] = []
    problems: list[str] = []
    for listener in listeners:
        try:
            sockets.append(_bind(listener.host, listener.port))
        except (OSError, OverflowError, UnicodeError) as error:
            problems.append(f"cannot serve on {listener.host} port {listener.port}: {_why(error)}")
    if problems:
        _close(sockets)
        raise ListenError("\n".join(problems))
    return sockets


def _why(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "this host name is unknown; use 127.0.0.1 (this machine only) or 0.0.0.0 (everybody)"
    if isinstance(error, OverflowError):
        return "allowed are ports from 1 to 65535, and 0 for any free one"
    if isinstance(error, OSError) and error.errno in _WHY:
        return _WHY[error.errno]
    return str(error)


def _bind(host: str, port: int) -> list[socket.socket]:
    found = list(
        dict.fromkeys(socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE))
    )
    bound: list[socket.socket] = []
    missing: OSError | None = None
    for family, kind, protocol, _, address in found:
        # port 0: the free port of the first address serves the others too
        taken = bound[0].getsockname()[1] if bound else port
        try:
            bound.append(_listen((family, kind, protocol), (address[0], taken, *address[2:]), is_dual=host == "::"))
        except OSError as error:
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                _close([bound])
                raise
            missing = error  # localhost has an IPv6 address even where the machine has no IPv6
    if missing is not None and not bound:
        raise missing
    return bound


def _listen(kind: tuple[int, int, int], address: tuple[object, ...], *, is_dual: bool) -> socket.socket:
    listening = socket.socket(*kind)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind[0] == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if is_dual else 1)
        listening.bind(address)
        # Listening at once: of two programs that bind the same port, the second is told here and not later
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def _close(sockets: Sequence[Sequence[socket.socket]]) -> None:
    for bound in sockets:
        for listening in bound:
            listening.close()
