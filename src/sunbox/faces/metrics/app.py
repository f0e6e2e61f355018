"""The HTTP side of the metrics, to be mounted at `/metrics`. A scrape reads the snapshot and contacts no device."""

from __future__ import annotations

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sunbox.core.wallbox import Wallbox
from sunbox.faces.answer import json_answer

log = structlog.get_logger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The plain text format, which everybody reads; there are no names in the answer that would need a later one."""


def create_app(wallbox: Wallbox) -> ASGIApp:
    """Return the app."""

    def read_metrics() -> Response:
        # whoever is never scraped does without the library
        from sunbox.faces.metrics.exposition import exposition_of  # noqa: PLC0415

        content = exposition_of(wallbox.snapshot())
        return Response(content, headers={"cache-control": "no-store", "content-type": CONTENT_TYPE})

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))
        if path not in ("", "/"):
            response = json_answer(404, {"error": "there is nothing here"})
        elif method not in ("GET", "HEAD"):
            response = json_answer(405, {"error": f"{method} is not allowed"}, {"allow": "GET, HEAD"})
        else:
            try:
                response = read_metrics()
            except Exception:
                log.exception("metrics_failed")
                response = json_answer(500, {"error": "the gateway failed; its log has the details"})
        await response(scope, receive, send)

    return app
