"""How many cached tlwb statuses one core answers, in process: `python bench/tlwb.py [SECONDS]`.

Two figures: the app alone (the same scope again and again, as a server hands it over), and through a client
(`httpx2.ASGITransport`), which costs more than the app itself. The wallbox is the tests' double, whose snapshot is free;
the gateway's own snapshot comes on top.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import httpx2

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "faces"))

from wallbox_double import CHARGING, WallboxDouble, make_loadpoint

from sunbox.faces.main import create_main_app

PATH = "/tlwb/1/status"


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


def measure(seconds: float = 3.0) -> dict[str, float]:
    """Return requests per second by way of asking."""
    app = create_main_app(WallboxDouble(make_loadpoint(**CHARGING)))
    return {
        "tlwb status, app alone": asyncio.run(rate_of_app(app, seconds)),
        "tlwb status, through ASGITransport": asyncio.run(rate_of_client(app, seconds)),
    }


if __name__ == "__main__":
    for name, rate in measure(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0).items():
        print(f"{name}: {rate:,.0f} req/s")
