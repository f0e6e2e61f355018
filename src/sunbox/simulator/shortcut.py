"""Pages of the simulated home that are asked for ten thousand times a day, straight from those who know the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Page = Callable[[Request], Awaitable[Response]]


class Shortcut:
    """An app some of whose pages, asked for by GET, are answered without its layers; all else goes through them."""

    def __init__(self, app: ASGIApp, pages: Mapping[str, Page]) -> None:
        """Answer pages, by their path; what answers them raises nothing that a layer would turn into an answer."""
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        page = self._pages.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if page is None:
            await self._app(scope, receive, send)
            return
        answer = await page(Request(scope, receive, send))
        await answer(scope, receive, send)
