"""What the main port serves: the faces side by side, each an app of its own under its prefix."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from sunbox.core.wallbox import Wallbox
from sunbox.faces import api, metrics, tesla, teslalogger, tlwb, ui


class MainApp:
    """Hands each request to the app whose prefix its path has, else to the page.

    Plain ASGI rather than a router over routers: a request for a status is most of the load, and comparing a few
    prefixes costs next to nothing.
    """

    def __init__(self, mounts: dict[str, ASGIApp], fallback: ASGIApp) -> None:
        self._mounts = tuple((prefix, prefix + "/", app) for prefix, app in mounts.items())
        self._fallback = fallback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
            return
        root_path = scope.get("root_path", "")
        path = scope["path"].removeprefix(root_path)
        for prefix, folder, app in self._mounts:
            if path.startswith(folder) or path == prefix:
                await app({**scope, "root_path": root_path + prefix}, receive, send)
                return
        await self._fallback(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    """Answer the server's start and end; the gateway's life is its own."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def create_main_app(wallbox: Wallbox, *, tesla_shape: tesla.Shape = tesla.Shape.SINGLE) -> ASGIApp:
    """Return the app of the main port; `tesla_shape` is that of `/api/1`, where clients leave no room for a prefix."""
    return MainApp(
        {
            "/tlwb": tlwb.create_app(wallbox),
            "/api/v1": api.create_app(wallbox),
            "/api/1": tesla.create_app(wallbox, tesla_shape),
            "/fleet/api/1": tesla.create_app(wallbox, tesla.Shape.SINGLE),
            "/ble/api/1": tesla.create_app(wallbox, tesla.Shape.DOUBLE),
            "/healthz": api.create_health_app(wallbox),
            "/metrics": metrics.create_app(wallbox),
            **teslalogger.create_apps(wallbox),
        },
        fallback=ui.create_app(),
    )
