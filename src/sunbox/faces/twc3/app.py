"""The HTTP side of a Wall Connector, for a port of its own: clients know its address only, so it is one loadpoint.

A real one cannot be told anything either: who reads here starts and stops the car through its own interface
(evcc `charger/twc3.go`: by the vehicle).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from sunbox.core.wallbox import LoadpointSnapshot, Wallbox
from sunbox.dialects.twc3.wire import vitals_to_wire
from sunbox.faces.answer import json_answer


@dataclass(slots=True)
class _Watch:
    """What the face has seen; a snapshot does not tell when the car was plugged in."""

    since_at: datetime | None = None
    plugged_at: datetime | None = None
    had_started: bool = False

    def look(self, loadpoint: LoadpointSnapshot, at: datetime) -> tuple[int, int]:
        """Take a look at `at`; return the age of the session and of the face, in s.

        A car that was replugged between two looks is noticed if the one before had charged: a session begins without that.
        """
        self.since_at = self.since_at or at
        is_another = self.had_started and not loadpoint.has_started
        if not loadpoint.is_plugged:
            self.plugged_at = None
        elif self.plugged_at is None or is_another:
            self.plugged_at = at
        self.had_started = loadpoint.has_started
        return _seconds(self.plugged_at or at, at), _seconds(self.since_at, at)


def _seconds(from_at: datetime, to_at: datetime) -> int:
    return max(0, int((to_at - from_at).total_seconds()))


def create_app(wallbox: Wallbox, loadpoint_id: str | None = None) -> FastAPI:
    """Return the app for a loadpoint, None = the first; what else is asked for is told in a shape of our own, not the framework's."""
    app = FastAPI(title="twc3", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    watch = _Watch()

    @app.get("/api/1/vitals")
    async def read_vitals() -> Response:
        """How the loadpoint is. Free: contacts no device."""
        site = wallbox.snapshot()
        loadpoint = next((row for row in site.loadpoints if loadpoint_id in (None, row.id)), None)
        if loadpoint is None:
            return json_answer(404, {"error": f"there is no loadpoint {loadpoint_id or ''}".rstrip()})
        session_s, uptime_s = watch.look(loadpoint, site.at)
        return json_answer(200, vitals_to_wire(loadpoint, session_s=session_s, uptime_s=uptime_s))

    app.add_exception_handler(HTTPException, _on_http_exception)
    return app


async def _on_http_exception(http: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    if error.status_code == 405:
        return json_answer(405, {"error": f"{http.method} is not allowed"}, {"allow": "GET"})
    return json_answer(error.status_code, {"error": "there is nothing here"})
