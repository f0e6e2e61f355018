"""How many cached tlwb statuses one core answers: `python bench/tlwb.py [SECONDS]`.

Three figures: the app alone (the same scope again and again, as a server hands it over), in process through a client
(`httpx2.ASGITransport`, which costs more than the app itself), and over loopback with keep-alive from a server process
that has one core for itself, counted per second of that process's CPU, so that others on the machine do not show; there
also how long an answer takes at 200 requests a second. The wallbox is the tests' double, whose snapshot is free; the
gateway's own snapshot comes on top.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "faces"))

from wallbox_double import CHARGING, WallboxDouble, make_loadpoint

from sunbox.faces.main import create_main_app

PATH = "/tlwb/1/status"
ASK = f"GET {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()
CONNECTIONS = 16
CALM_PER_S = 200


def make_app() -> Any:
    return create_main_app(WallboxDouble(make_loadpoint(**CHARGING)))


def make_scope() -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:5000"), (b"user-agent", b"bench"), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 5000),
    }


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def rate_of_app(app: Any, seconds: float) -> float:
    codes = set()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            codes.add(message["status"])

    count, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        for _ in range(100):
            await app(make_scope(), receive, send)
        count += 100
    assert codes == {200}, codes
    return count / spent


async def rate_of_client(app: Any, seconds: float) -> float:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1:5000") as client:
        count, began = 0, time.perf_counter()
        while (spent := time.perf_counter() - began) < seconds:
            for _ in range(20):
                assert (await client.get(PATH)).status_code == 200
            count += 20
        return count / spent


def serve(listening: socket.socket, core: int, make: Callable[[], Any]) -> None:
    """Serve on one core until the process is ended."""
    os.sched_setaffinity(0, {core})
    server = uvicorn.Server(uvicorn.Config(make(), lifespan="off", log_level="warning", access_log=False))
    asyncio.run(server.serve(sockets=[listening]))


class Keeper:
    """One connection that is kept; asks for the status and reads the whole answer."""

    def __init__(self, asks: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._asks, self._reader, self._writer = asks, reader, writer

    async def ask(self) -> None:
        self._writer.write(self._asks)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        _, _, rest = head.partition(b"content-length: ")
        await self._reader.readexactly(int(rest.split(b"\r\n", 1)[0]))

    def close(self) -> None:
        self._writer.close()


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def over_loopback(port: int, pid: int, seconds: float, asks: bytes) -> tuple[float, float]:
    """Return requests per CPU second of the server at full speed, and the 99th percentile in ms at `CALM_PER_S`."""
    keepers = [Keeper(asks, *await asyncio.open_connection("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    await asyncio.gather(*(keeper.ask() for keeper in keepers))
    count = 0
    before_s, began = cpu_s(pid), time.perf_counter()

    async def hurry(keeper: Keeper) -> None:
        nonlocal count
        while time.perf_counter() - began < seconds:
            await keeper.ask()
            count += 1

    await asyncio.gather(*(hurry(keeper) for keeper in keepers))
    rate = count / (cpu_s(pid) - before_s)

    took_ms = []
    began = time.perf_counter()
    for number in range(int(CALM_PER_S * seconds)):
        await asyncio.sleep(max(0.0, began + number / CALM_PER_S - time.perf_counter()))
        asked = time.perf_counter()
        await keepers[number % CONNECTIONS].ask()
        took_ms.append((time.perf_counter() - asked) * 1000)
    for keeper in keepers:
        keeper.close()
    return rate, sorted(took_ms)[int(len(took_ms) * 0.99)]


def measure_loopback(seconds: float, make: Callable[[], Any] = make_app, asks: bytes = ASK) -> tuple[float, float]:
    """Return requests per CPU second, and the 99th percentile in ms at `CALM_PER_S`, of an app and a request."""
    cores = sorted(os.sched_getaffinity(0))
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    # asyncio sets this on sockets that it has made itself; without it each answer waits 40 ms for an acknowledgement
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    process = multiprocessing.get_context("fork").Process(target=serve, args=(listening, cores[0], make), daemon=True)
    process.start()
    try:
        os.sched_setaffinity(0, set(cores[1:] or cores))
        return asyncio.run(over_loopback(listening.getsockname()[1], process.pid or 0, seconds, asks))
    finally:
        os.sched_setaffinity(0, cores)
        process.terminate()
        process.join()
        listening.close()


def measure(seconds: float = 3.0) -> dict[str, tuple[float, str]]:
    """Return each figure with its unit by its name."""
    rate, p99_ms = measure_loopback(seconds)
    app = make_app()
    return {
        "tlwb status, app alone": (asyncio.run(rate_of_app(app, seconds)), "req/s"),
        "tlwb status, through ASGITransport": (asyncio.run(rate_of_client(app, seconds)), "req/s"),
        "tlwb status, loopback with keep-alive": (rate, "req/s"),
        f"tlwb status, loopback at {CALM_PER_S} req/s, p99": (p99_ms, "ms"),
    }


if __name__ == "__main__":
    for name, (value, unit) in measure(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0).items():
        print(f"{name}: {value:,.0f} {unit}" if value >= 100 else f"{name}: {value:.2f} {unit}")
