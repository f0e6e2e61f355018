"""A simulated SmartEVSE with a driver that reaches it in process, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from charger_place import ChargerPlace, played

from sunbox.core.commands import Command, CommandName
from sunbox.core.effects import Send
from sunbox.core.events import CommandEnded, Event
from sunbox.core.model import MeterReading
from sunbox.dialects.smartevse.box import Box
from sunbox.dialects.smartevse.profiles import PROFILES
from sunbox.dialects.smartevse.state import Setup
from sunbox.dialects.smartevse.words import Access, Meter
from sunbox.drivers.smartevse.client import Links
from sunbox.drivers.smartevse.driver import SmartEvseDriver
from sunbox.drivers.smartevse.settings import SmartEvseSettings
from sunbox.net.http import client_factory
from sunbox.simulator.clock import LoopClock
from sunbox.simulator.smartevse_app import LiveSmartEvse, create_smartevse_app
from sunbox.simulator.tesla_http import LostReply

AT = datetime(2026, 6, 1, 10, tzinfo=UTC)
URL = "http://192.168.0.76"
START, STOP = Command(CommandName.START), Command(CommandName.STOP)
SETUP = Setup(mains_meter=Meter.API, ev_meter=Meter.API, current_max=16, access=Access.OFF)


def amps(value: int) -> Command:
    return Command(CommandName.SET_AMPS, value)


def phases(value: int) -> Command:
    return Command(CommandName.SET_PHASES, value)


class Recorder:
    """Between driver and box: what was asked and when, and, if a test wants, another answer or none."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.asked: list[tuple[float, str, str, dict[str, list[str]]]] = []
        self.headers: list[dict[bytes, bytes]] = []
        self.instead: Callable[[str, str], tuple[int, str, bytes] | None] = lambda *_: None
        self.is_silent = False
        self.under_way = self.most_under_way = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"].decode()
        self.asked.append((asyncio.get_running_loop().time(), scope["method"], scope["path"], parse_qs(query)))
        self.headers.append(dict(scope["headers"]))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.is_silent:
                await LostReply(3600.0)(scope, receive, send)
                return
            answer = self.instead(scope["method"], f"{scope['path']}?{query}")
            if answer is None:
                await self.app(scope, receive, send)
                return
            code, media_type, body = answer
            headers = [(b"content-type", media_type.encode())]
            await send({"type": "http.response.start", "status": code, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        finally:
            self.under_way -= 1

    @property
    def sets(self) -> list[dict[str, str]]:
        """Return what was told by /settings."""
        return self.told("/settings")

    def told(self, path: str) -> list[dict[str, str]]:
        return [
            {key: values[0] for key, values in query.items()}
            for _, method, asked, query in self.asked
            if method == "POST" and asked == path
        ]

    @property
    def reads(self) -> int:
        return sum(method == "GET" for _, method, *_ in self.asked)


class Place(ChargerPlace):
    """A box with a car, a recorder and a driver."""

    def __init__(
        self,
        *,
        profile: str = "3.11",
        setup: Setup = SETUP,
        changes: dict[str, Any] | None = None,
        plugged: bool = True,
        **settings: Any,
    ) -> None:
        self.clock = LoopClock(AT)
        self.box = LiveSmartEvse(
            self.clock.now,
            box=Box(PROFILES[profile]),
            setup=replace(setup, **(changes or {})),
            is_plugged=plugged,
        )
        self.wire = Recorder(create_smartevse_app(self.box))
        self.settings = SmartEvseSettings(**({"url": URL} | settings))
        self.balance: MeterReading | None = None
        self.links = Links(client_factory(apps={URL: self.wire}))
        self.driver = SmartEvseDriver(
            "garage",
            self.settings,
            client_factory(apps={URL: self.wire}),
            self.clock,
            links=self.links,
            balance=lambda: self.balance,
        )
        self.events: list[Event] = []

    async def send(self, command: Command) -> CommandEnded:
        return await self.driver.send(Send(device_id="garage", exchange_id=7, command=command))

    def by_hand(self, **parameters: Any) -> Any:
        """Set parameters at the box itself."""
        answer = self.box.post("/settings", {name: str(value) for name, value in parameters.items()})
        assert answer is not None
        return answer.reply

    def plug(self, *, is_plugged: bool = True) -> None:
        self.box.sync()
        self.box.car.is_plugged = is_plugged

    @property
    def document(self) -> dict[str, Any]:
        answer = self.box.get("/settings")
        assert answer is not None
        return dict(answer.reply)


def play(act: Callable[[Place], Awaitable[None]], **place: Any) -> None:
    played(lambda: Place(**place), act)
