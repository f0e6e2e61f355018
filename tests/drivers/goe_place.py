"""A simulated go-eCharger with a driver that reaches it in process, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from charger_place import ChargerPlace, played

from sunbox.core.commands import Command, CommandName
from sunbox.core.effects import Send
from sunbox.core.events import CommandEnded, Event
from sunbox.core.model import MeterReading
from sunbox.dialects.goe.profiles import PROFILES
from sunbox.drivers.goe.driver import GoeDriver
from sunbox.drivers.goe.settings import GoeChargerSettings
from sunbox.net.http import client_factory
from sunbox.simulator.clock import LoopClock
from sunbox.simulator.goe_app import create_goe_app
from sunbox.simulator.goe_charger import GoeCharger

AT = datetime(2026, 6, 1, 10, tzinfo=UTC)
URL = "http://192.168.0.75"
START, STOP = Command(CommandName.START), Command(CommandName.STOP)


def amps(value: int) -> Command:
    return Command(CommandName.SET_AMPS, value)


def phases(value: int) -> Command:
    return Command(CommandName.SET_PHASES, value)


class Recorder:
    """Between driver and charger: what was asked and when, and, if a test wants, another answer."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.asked: list[tuple[float, str, dict[str, list[str]]]] = []
        self.instead: Callable[[str], tuple[int, str, bytes] | None] = lambda _: None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"].decode()
        self.asked.append((asyncio.get_running_loop().time(), scope["path"], parse_qs(query)))
        answer = self.instead(f"{scope['path']}?{query}")
        if answer is None:
            await self.app(scope, receive, send)
            return
        code, media_type, body = answer
        await send({"type": "http.response.start", "status": code, "headers": [(b"content-type", media_type.encode())]})
        await send({"type": "http.response.body", "body": body})

    @property
    def sets(self) -> list[dict[str, str]]:
        """Return what was told."""
        return [
            {key: values[0] for key, values in query.items()}
            for _, path, query in self.asked
            if path in ("/api/set", "/mqtt")
        ]


class Place(ChargerPlace):
    """A charger with a car, a recorder and a driver."""

    def __init__(self, *, profile: str = "055", charger: dict[str, Any] | None = None, **settings: Any) -> None:
        self.clock = LoopClock(AT)
        self.charger = GoeCharger(start_at=self.clock.now(), profile=PROFILES[profile], **(charger or {}))
        self.wire = Recorder(create_goe_app(self.charger, self.clock.now))
        self.settings = GoeChargerSettings(**({"url": URL} | settings))
        self.balance: MeterReading | None = None
        self.driver = GoeDriver(
            "garage",
            self.settings,
            client_factory(apps={URL: self.wire}),
            self.clock,
            balance=lambda: self.balance,
        )
        self.events: list[Event] = []

    async def send(self, command: Command) -> CommandEnded:
        return await self.driver.send(Send(device_id="garage", exchange_id=7, command=command))

    async def set_by_hand(self, **values: str) -> None:
        """Set keys at the charger itself."""
        self.sync()
        assert all(answer is True for answer in self.charger.set(values.items()).values())

    def sync(self) -> None:
        self.charger.advance(max(0.0, (self.clock.now() - self.charger.state.at).total_seconds()))


def play(act: Callable[[Place], Awaitable[None]], **place: Any) -> None:
    played(lambda: Place(**place), act)
