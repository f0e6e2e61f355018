"""The simulated SmartEVSE on the wire: the face of the dialect over a box alone, with a toy car and house, or in the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sunbox.dialects.smartevse.box import Answer, Box
from sunbox.dialects.smartevse.state import ZERO, Order, Setup, TellMains, first_state
from sunbox.dialects.smartevse.words import Access, Meter
from sunbox.faces.smartevse.app import BUSY, DEVICE_MANNERS, MOST_ACCEPTED, create_app
from sunbox.net.serving import Listener
from sunbox.simulator.smartevse_car import ToyCar
from sunbox.simulator.smartevse_charger import Currents
from sunbox.simulator.smartevse_house import HouseSmartEvse
from sunbox.simulator.smartevse_life import FEED_S, SmartEvseLife
from sunbox.simulator.tesla_http import LostReply

MOST_MISSED_S = 21_600
"""A box that nobody looked at for longer has lived through the last six hours only."""
HANG_S = 3600.0
"""How long a request hangs that cannot arrive."""
FEEDS = frozenset({"/currents", "/ev_meter"})
"""Requests that tell it what is measured, and want nothing of it."""

DEMO_SETUP = Setup(mains_meter=Meter.API, ev_meter=Meter.API, current_max=16, access=Access.ON)
"""A box as clients like to find it."""


class Garage(Protocol):
    """Boxes that live together."""

    def live_until(self, now: datetime) -> None:
        """Bring all of them up to an instant."""
        ...

    def drawn_da(self) -> Currents:
        """Return what all their cars take, per phase."""
        ...


class LiveSmartEvse(SmartEvseLife):
    """A simulated box with a toy car and a house, which lives on to the present whenever somebody looks."""

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        box: Box | None = None,
        setup: Setup = DEMO_SETUP,
        base_da: Currents = ZERO,
        is_plugged: bool = False,
    ) -> None:
        """Begin.

        Args:
            now: tells the time.
            box: profile and identity.
            setup: its settings.
            base_da: what the house takes.
            is_plugged: the car is plugged in.
        """
        self.car = ToyCar()
        self.car.is_plugged = is_plugged
        super().__init__(first_state(now(), setup), box or Box(), self.car)
        self._now = now
        self.base_da = base_da
        self.feeds_mains = True  #: until a client does
        self.garage: Garage | None = None  #: with whom it shares a circuit

    def get(self, path: str) -> Answer | None:
        """Return what a GET is answered now."""
        self.sync()
        return super().get(path)

    def post(self, path: str, parameters: Mapping[str, str]) -> Answer | None:
        """Apply a POST."""
        self.sync()
        return super().post(path, parameters)

    def sync(self) -> None:
        """Live on to the present, in whole seconds; with all who share its circuit."""
        if self.garage is not None:
            self.garage.live_until(self._now())
            return
        missed_s = int((self._now() - self.state.at).total_seconds())
        if missed_s <= 0:
            return
        lived_s = min(missed_s, MOST_MISSED_S)
        at = self.state.at + timedelta(seconds=missed_s - lived_s)
        for _ in range(lived_s):
            at += timedelta(seconds=1)
            self.live_until(at)
        self.reach(at)

    def measure(self, at: datetime) -> None:
        """Have what flows at the mains be measured, and told as if by a client, as long as nobody else does."""
        if not self.feeds_mains or self.state.setup.is_node:
            return
        drawn_da = self.car.phase_currents_da(self.device) if self.garage is None else self.garage.drawn_da()
        one, two, three = (base + drawn for base, drawn in zip(self.base_da, drawn_da, strict=True))
        if at.second % FEED_S == 0 and self.device.setup.mains_meter is not Meter.DISABLED:
            self.measure_mains((one, two, three), at)
        self.count_mains(one + two + three)

    @property
    def counts_mains(self) -> bool:
        """Return whether its meter of the mains counts energy by itself."""
        return self.feeds_mains and self.state.setup.mains_meter is not Meter.DISABLED

    def _do(self, order: Order) -> None:
        if isinstance(order, TellMains):
            self.feeds_mains = False
        super()._do(order)


def create_smartevse_app(live: SmartEvseLife) -> ASGIApp:
    """Return the app of a simulated box's port."""
    return create_app(live, DEVICE_MANNERS)


def listener_of(live: SmartEvseLife, port: int, host: str = "127.0.0.1") -> Listener:
    """Return how a simulated box is served: to as many at a time as the device takes."""
    return Listener(app=create_smartevse_app(live), host=host, port=port, most_connections=MOST_ACCEPTED)


class HouseSmartEvseApp:
    """The web server of a box in the world, as long as it can be reached (ASGI)."""

    most_connections = MOST_ACCEPTED

    def __init__(self, charger: HouseSmartEvse, sync: Callable[[], None]) -> None:
        """Serve a box; `sync` brings the world that it lives in up to the present."""
        self._charger, self._sync = charger, sync
        self._face = create_smartevse_app(charger)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            self._sync()
            charger = self._charger
            if not charger.is_reachable:
                await LostReply(HANG_S)(scope, receive, send)
                return
            if scope["method"] != "POST":
                charger.asked.reads += 1
            elif scope["path"] in FEEDS:
                charger.asked.feeds += 1
            else:
                charger.asked.sets += 1
            if charger.api_is_busy:
                await PlainTextResponse(BUSY, 503, {"connection": "close"})(scope, receive, send)
                return
        await self._face(scope, receive, send)
