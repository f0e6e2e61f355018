"""The simulated go-eCharger on the wire: the face of the dialect over the simulated box, with the device's manners and faults."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sunbox.dialects.goe.answers import BUSY
from sunbox.dialects.goe.box import Readout
from sunbox.faces.goe.app import DEVICE_MANNERS, create_app
from sunbox.simulator.goe_charger import GoeCharger
from sunbox.simulator.tesla_http import LostReply

HANG_S = 3600.0
"""How long a request hangs that cannot arrive."""

SETTING_PATHS = frozenset({"/api/set", "/mqtt"})
"""Requests that tell it something; all others only look."""


class LiveCharger:
    """A simulated charger that is brought up to the present whenever somebody looks."""

    def __init__(
        self, charger: GoeCharger, now: Callable[[], datetime], sync: Callable[[], None] | None = None
    ) -> None:
        """Serve a charger.

        Args:
            charger: lives here, unless `sync` is given.
            now: tells the time.
            sync: brings the world up to the present in which it lives.
        """
        self.charger = charger
        self._now = now
        self._sync = sync

    def sync(self) -> None:
        """Live on to the present."""
        if self._sync is not None:
            self._sync()
            return
        self.charger.advance(max(0.0, (self._now() - self.charger.state.at).total_seconds()))

    def read(self, names: Iterable[str] = ()) -> Readout:
        """Return what it says now."""
        self.sync()
        return self.charger.read(names)

    def set(self, items: Iterable[tuple[str, str]]) -> dict[str, bool | str]:
        """Tell it something."""
        self.sync()
        return self.charger.set(items)

    def has_api(self, switch: str) -> bool:
        """Return whether an API is switched on."""
        return self.charger.has_api(switch)


class GoeApp:
    """The charger's web server, as long as it can be reached (ASGI)."""

    def __init__(self, live: LiveCharger) -> None:
        self._live = live
        self._face: ASGIApp = create_app(live, DEVICE_MANNERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            self._live.sync()
            charger = self._live.charger
            if not charger.is_reachable:
                await LostReply(HANG_S)(scope, receive, send)
                return
            if scope["path"] in SETTING_PATHS:
                charger.asked.sets += 1
            else:
                charger.asked.reads += 1
            if charger.api_is_busy:
                await PlainTextResponse(BUSY, status_code=500)(scope, receive, send)
                return
        await self._face(scope, receive, send)


def create_goe_app(charger: GoeCharger, now: Callable[[], datetime], sync: Callable[[], None] | None = None) -> ASGIApp:
    """Return the app of a simulated charger's port; `sync` where it lives in a world."""
    return GoeApp(LiveCharger(charger, now, sync))
