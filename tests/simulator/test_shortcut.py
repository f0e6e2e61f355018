"""Pages that are answered without an app's layers: the same pages, and nothing but them."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sunbox.net.http import AppTransport
from sunbox.simulator.shortcut import Shortcut


async def page(request: Request) -> Response:
    return PlainTextResponse(f"{request.method} {request.url.path}?{request.url.query}")


LAYERED = Starlette(routes=[Route("/page", page, methods=["GET"]), Route("/other", page, methods=["POST"])])


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/page?a=1", 200),
        ("HEAD", "/page", 200),
        ("POST", "/page", 405),
        ("POST", "/other", 200),
        ("GET", "/nowhere", 404),
    ],
)
def test_it_answers_as_the_app_does(method: str, target: str, status: int) -> None:
    async def answer(app: object) -> httpx2.Response:
        async with httpx2.AsyncClient(base_url="http://x", transport=AppTransport(app)) as client:  # type: ignore[arg-type]
            return await client.request(method, target)

    async def main() -> None:
        short, layered = await answer(Shortcut(LAYERED, {"/page": page})), await answer(LAYERED)
        assert short.status_code == layered.status_code == status
        assert (short.content, short.headers) == (layered.content, layered.headers)

    asyncio.run(main())
