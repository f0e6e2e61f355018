"""Tesla's side in small: bodies as recorded (vehicle ids masked), an account in a folder, and a place to answer from."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from sunbox.clock import Clock
from sunbox.drivers.tesla.driver import TeslaDriver
from sunbox.drivers.tesla.settings import TeslaAccountSettings, TeslaVehicleSettings
from sunbox.drivers.tesla.tokens import TeslaAccount
from sunbox.net.http import ClientFactory, make_client

EPOCH = datetime(2026, 6, 1, 12, tzinfo=UTC)
VIN = "LRW3F7EK4NC700000"
BASE, AUTH = "http://127.0.0.1:5100", "http://127.0.0.1:5101"

SUMMARY = {
    "id": 1492931520123456,
    "vehicle_id": 1689012345,
    "vin": VIN,
    "color": None,
    "access_type": "OWNER",
    "display_name": "Rote Zora",
    "option_codes": None,
    "granular_access": {"hide_private": False},
    "tokens": ["4f993c5b9e2b937b", "7a3153b1bbb48a96"],
    "state": "asleep",
    "in_service": False,
    "id_s": "1492931520123456",
    "calendar_enabled": True,
    "api_version": None,
    "backseat_token": None,
    "backseat_token_updated_at": None,
}
VEHICLE_DATA = SUMMARY | {
    "state": "online",
    "charge_state": {
        "battery_level": 42,
        "charge_amps": 16,
        "charge_current_request": 16,
        "charge_current_request_max": 16,
        "charge_energy_added": 0.98,
        "charge_limit_soc": 80,
        "charge_limit_soc_min": 50,
        "charger_actual_current": 16,
        "charger_phases": 2,
        "charger_pilot_current": 16,
        "charger_power": 11,
        "charger_voltage": 229,
        "charging_state": "Charging",
        "fast_charger_present": False,
        "timestamp": 1780315195123,
    },
    "drive_state": {"latitude": 52.394, "longitude": 13.542, "shift_state": None, "timestamp": 1780315195123},
}
DONE = {"response": {"result": True, "reason": ""}}
ASLEEP = {"response": None, "error": "vehicle unavailable: vehicle is offline or asleep", "error_description": ""}
EXPIRED = {"response": None, "error": "token expired (401)", "error_description": ""}


class Clockwork:
    """A clock that a test turns."""

    def __init__(self, at: datetime = EPOCH) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def token_file(folder: Path, **changes: Any) -> Path:
    path = folder / "tokens.json"
    content = {
        "access_token": "access-1",
        "refresh_token": "refresh-1",
        "expires_at": (EPOCH + timedelta(hours=8)).isoformat(),
        "client_id": "our-app",
    } | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    path.chmod(0o600)
    return path


def settings(path: Path, **changes: Any) -> TeslaAccountSettings:
    return TeslaAccountSettings(**{"account": path, "base_url": BASE, "auth_url": AUTH} | changes)


class Cloud:
    """Answers requests, and remembers them. `rules` go first; tokens rotate as Tesla's do, the previous one in its grace."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.rules: list[Callable[[httpx2.Request], httpx2.Response | None]] = []
        self.good_access = {"access-1"}
        self.good_refresh = {"refresh-1"}
        self.count = 1

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        for rule in self.rules:
            answer = rule(request)
            if answer is not None:
                return answer
        if request.url.path == "/oauth2/v3/token":
            return self.token(request)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.good_access:
            return httpx2.Response(401, json=EXPIRED)
        if request.url.path.endswith("/vehicle_data"):
            return httpx2.Response(200, json={"response": VEHICLE_DATA})
        if request.method == "GET" or request.url.path.endswith("/wake_up"):
            return httpx2.Response(200, json={"response": SUMMARY})
        return httpx2.Response(200, json=DONE)

    def token(self, request: httpx2.Request) -> httpx2.Response:
        form = dict(urllib.parse.parse_qsl(request.content.decode()))
        assert form["grant_type"] == "refresh_token"
        if form["refresh_token"] not in self.good_refresh:
            return httpx2.Response(
                401, json={"error": "login_required", "error_description": "The refresh_token is invalid"}
            )
        self.count += 1
        fresh = f"refresh-{self.count}"
        self.good_refresh = {form["refresh_token"], fresh}
        self.good_access.add(f"access-{self.count}")
        return httpx2.Response(
            200,
            json={"access_token": f"access-{self.count}", "refresh_token": fresh, "expires_in": 28800},
        )

    @property
    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path.rpartition('/')[2]}" for request in self.requests]

    @property
    def clients(self) -> ClientFactory:
        return lambda base_url: make_client(base_url, transport=httpx2.MockTransport(self))


def account(cloud: Cloud, path: Path, clock: Clock | None = None, **changes: Any) -> TeslaAccount:
    return TeslaAccount(settings(path, **changes), cloud.clients, clock or Clockwork())


def tesla(cloud: Cloud, path: Path, clock: Clock | None = None) -> TeslaDriver:
    clock = clock or Clockwork()
    return TeslaDriver("zora", TeslaVehicleSettings(vin=VIN), account(cloud, path, clock), cloud.clients, clock)
