"""The simulated gateway of a Powerwall at home: the login, what flows, what is stored, whether the grid is there.

A login gives cookies and a token; either opens the rest. Everything is as of this second. The charge is on the gateway's scale, on
which the app's 0 % is 5 %. pypowerwall's proxy stands beside it: `/aggregates` and `/soe`, without a login.
"""

from __future__ import annotations

import random
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sunbox.dialects.powerwall import gateway
from sunbox.dialects.powerwall.facts import Island
from sunbox.dialects.tesla.table import Endpoint
from sunbox.simulator.certificate import server_context
from sunbox.simulator.energy_site import VERSION, EnergySite
from sunbox.simulator.meter import Sample
from sunbox.simulator.shortcut import Shortcut
from sunbox.simulator.tesla_http import json_of

GATEWAY_NAMES = ("teg", "powerwall", "localhost", "127.0.0.1", "::1")
"""Whom its certificate is for."""

PASSWORD = "12345"  # noqa: S105 - of a gateway that does not exist
"""The last five characters on the label of the simulated gateway."""

GRID_WORD = {Island.ON_GRID: "SystemGridConnected", Island.OFF_GRID: "SystemIslandedActive"}


@dataclass(frozen=True, slots=True)
class _Login:
    token: str
    cookie: str


class PowerwallGateway:
    """The gateway of one site. `app` is the ASGI application."""

    def __init__(self, site: EnergySite, *, password: str = PASSWORD, seed: int = 0) -> None:
        """Begin without anybody logged in."""
        self.site = site
        self.requests: list[str] = []  #: the last hundred paths
        self._password, self._seed = password, seed
        self._rng = random.Random(f"{seed}/gateway")
        self._logins: list[_Login] = []
        told = {row.path: self._handler(row) for row in gateway.ENDPOINTS}
        told |= {path: self._open(name) for path, name in gateway.PROXY_PATHS.items()}
        app = Starlette(
            routes=[
                Route(gateway.LOGIN.path, self._log_in, methods=["POST"]),
                *(Route(path, page, methods=["GET"]) for path, page in told.items()),
                Route("/{rest:path}", self._unknown, methods=["GET", "POST", "PUT", "DELETE"]),
            ]
        )
        self.app: ASGIApp = Shortcut(app, told)

    def tls(self) -> ssl.SSLContext:
        """Return how it is served: with a certificate that it made for itself."""
        return server_context("Tesla Energy Products", GATEWAY_NAMES, seed=self._seed)

    def forget_logins(self) -> None:
        """Have nobody be logged in any more, as after the gateway's restart."""
        self._logins.clear()

    def _note(self, request: Request) -> None:
        self.requests.append(f"{request.method} {request.scope['path']}")
        del self.requests[:-100]

    async def _log_in(self, request: Request) -> Response:
        self._note(request)
        told = _fields(await request.body())
        if not told:
            return _refused(400, "the body is neither a JSON object nor a form")
        if told.get("username") != gateway.CUSTOMER or told.get("password") != self._password:
            return _refused(401, "bad credentials")
        login = _Login(token=f"{self._rng.getrandbits(128):032x}==", cookie=f"{self._rng.getrandbits(128):032x}")
        self._logins = [*self._logins[-9:], login]
        answer = JSONResponse(
            {
                "email": told.get("email", ""),
                "firstname": "Tesla",
                "lastname": "Energy",
                "roles": ["Home_Owner"],
                "token": login.token,
                "provider": "Basic",
                "loginTime": self.site.world.clock.now().isoformat(),
            }
        )
        answer.set_cookie(gateway.AUTH_COOKIE, login.cookie, path="/")
        answer.set_cookie(gateway.USER_COOKIE, "simulated", path="/")
        return answer

    def _handler(self, row: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            self._note(request)
            if row.name not in gateway.OPEN and not self._is_known(request):
                return _refused(401, "Token Expired")
            if self.site.manner.is_wired and row.name not in gateway.WIRED:
                return _refused(404, "File Not Found")
            return self._tell(row.name)

        return handle

    def _open(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            self._note(request)
            return self._tell(name)

        return handle

    def _tell(self, name: str) -> Response:
        self.site.world.sync()
        return JSONResponse(TELLS[name](self.site))

    def _is_known(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and any(token.strip() == login.token for login in self._logins):
            return True
        cookie = request.cookies.get(gateway.AUTH_COOKIE)
        return any(cookie in {login.cookie, login.token} for login in self._logins)

    async def _unknown(self, request: Request) -> Response:
        self._note(request)
        return _refused(404, "File Not Found") if self._is_known(request) else _refused(401, "Token Expired")


def _fields(raw: bytes) -> dict[str, Any]:
    """Return what a body says: JSON, or a form, as pypowerwall sends it whatever its header says."""
    try:
        told = json_of(raw)
    except ValueError:
        told = {key: values[0] for key, values in parse_qs(raw.decode("utf-8", errors="replace")).items()}
    return told if isinstance(told, dict) else {}


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"code": status, "error": message, "message": message}, status_code=status)


def flows_of(site: EnergySite) -> gateway.Flows:
    """Return what flows in a site at this second."""
    world, total, battery = site.world, site.log.total, site.battery
    sample: Sample = world.sample_at(world.t_s)
    at, voltage_v = world.at(world.t_s), world.voltage_v
    pv_w, grid_w, battery_w = sample.pv_w, sample.grid_w, sample.battery_w
    if site.manner.is_grid_down:
        pv_w, grid_w = max(0.0, pv_w + min(0.0, grid_w)), 0.0

    def flow(power_w: float, exported_wh: float, imported_wh: float) -> gateway.Flow:
        return gateway.Flow(
            power_w=round(power_w, 2),
            exported_wh=round(exported_wh, 3),
            imported_wh=round(imported_wh, 3),
            voltage_v=voltage_v,
            measured_at=at,
        )

    counters = (0.0, 0.0) if battery is None else (battery.counters.given_wh, battery.counters.taken_wh)
    return gateway.Flows(
        grid=flow(grid_w, total.export_wh, total.import_wh),
        battery=flow(battery_w, *counters),
        load=flow(pv_w + grid_w + battery_w, 0.0, total.load_wh),
        solar=flow(pv_w, total.solar_wh, 0.0),
    )


def _soe(site: EnergySite) -> dict[str, Any]:
    return {"percentage": 0.0 if site.battery is None else site.battery.soc_pct}


def _grid_status(site: EnergySite) -> dict[str, Any]:
    island = Island.OFF_GRID if site.manner.is_grid_down else Island.ON_GRID
    return {"grid_status": GRID_WORD[island], "grid_services_active": site.manner.is_serving_grid}


def _operation(site: EnergySite) -> dict[str, Any]:
    if site.battery is None:
        return {}
    shown = site.battery.shown
    return {"real_mode": shown.mode.value, "backup_reserve_percent": gateway.stored_pct(shown.reserve_pct)}


def _status(site: EnergySite) -> dict[str, Any]:
    return {"din": site.settings.gateway_id, "version": VERSION, "device_type": "teg", "is_new": False}


TELLS: dict[str, Callable[[EnergySite], dict[str, Any]]] = {
    gateway.METERS.name: lambda site: gateway.flows_to_wire(flows_of(site)),
    gateway.SOE.name: _soe,
    gateway.GRID_STATUS.name: _grid_status,
    gateway.OPERATION.name: _operation,
    gateway.SITE_NAME.name: lambda site: {"site_name": site.settings.name, "timezone": site.timezone.key},
    gateway.STATUS.name: _status,
}
"""One per row of the gateway's table."""
