"""Tesla's Fleet API over HTTP, in front of simulated cars: tokens, states, data, waking, the charging commands, and the bill.

Behaviour: Tesla's documents as collected from clients that meet the real one (TWCManager, home-assistant, TeslaMate,
TeslaPy, `vehicle-command`). Routes are made from the rows of `dialects/tesla/table.py`.

A request goes: latency out, login, region, scopes, bill, vehicle, rate limit, fault, body, car, latency back; then it is on the bill.

Two programs stand beside it and reach the same cars: TeslaBleHttpProxy below `/ble-proxy`, tesla-http-proxy below
`/signing-proxy`.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from sunbox.clock import Clock
from sunbox.core.commands import RequestKind
from sunbox.dialects.powerwall import table as energy
from sunbox.dialects.powerwall import wire as energy_wire
from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.table import AUTHORIZE, BASE_URLS, ENDPOINTS, REGION, TOKEN, VEHICLE, WAKE_UP, Endpoint
from sunbox.dialects.tesla.wire import tokens_to_wire
from sunbox.simulator.bill import BILLED_BELOW, Bill, Received
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.energy_answers import ANSWERS as ENERGY_ANSWERS
from sunbox.simulator.energy_answers import PARTNER_ROWS, answer_energy
from sunbox.simulator.energy_site import EnergySite
from sunbox.simulator.faults import (
    KINDS,
    MISSING_SCOPES,
    Fault,
    Faults,
    Reply,
    Way,
    fault_from_json,
    out_of_region,
)
from sunbox.simulator.tesla_answers import Account, Call, answer, failed, ok
from sunbox.simulator.tesla_ble_proxy import BleProxy, BleSettings
from sunbox.simulator.tesla_documents import facts_of, names_of, sections_of
from sunbox.simulator.tesla_http import LostReply, json_of, pass_time, response_of
from sunbox.simulator.tesla_limits import ALL_SCOPES, LOCATION_SCOPE, NEEDED_SCOPES, RateLimits
from sunbox.simulator.tesla_login import Application, LoginPage
from sunbox.simulator.tesla_signing_proxy import SigningProxy
from sunbox.simulator.tesla_tokens import TokenStore

WAKE_ALIAS_PATH = "/api/1/vehicles/{vehicle}/command/wake_up"
"""Not Tesla's, but several clients and proxies use it."""

SIGNED_PATH = "/api/1/vehicles/{vehicle}/signed_command"
"""Where the signing proxy posts a command to."""

BLE_PROXY, SIGNING_PROXY = "/ble-proxy", "/signing-proxy"
"""Where the two programs stand: what follows is their own path."""

LOST = frozenset({"lost_reply", "lost_request"})
"""Faults whose answer never comes."""
NEVER_CAME = Reply(status=599, body="")
"""Stands for what Tesla never saw: no code of its own, and not billed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSettings:
    """How the cloud behaves."""

    slow_s: tuple[float, float] = (0.2, 1.5)  #: a command or wake, from request to answer
    quick_s: tuple[float, float] = (0.1, 0.5)  #: everything else
    hang_s: float = 180.0  #: how long a connection stays open whose answer never comes
    access_lasts_s: float = 8 * 3600.0
    strict_refresh: bool = False  #: a refresh token is worth nothing at once when used
    shows_location: bool = True  #: without it drive_state is missing entirely, as without the scope vehicle_location
    scopes: frozenset[str] = ALL_SCOPES  #: of the login: what the person agreed to, or will agree to
    application: Application = Application()  # noqa: RUF009 - immutable
    is_registered: bool = True  #: that application, in this region: else 412 to everything
    denies_login: bool = False  #: the person agrees to nothing at the login page
    region: str = "eu"
    other_region: str = "na"
    other_base_url: str = BASE_URLS["na"]  #: where the other region is; what 421 sends the client to
    is_account_elsewhere: bool = False  #: the other region serves the account: 421 to everything
    lists_vehicles: bool = True  #: among the products
    billing_limit_dollars: float | None = None  #: per calendar month; None = none
    ble: BleSettings = BleSettings()  # noqa: RUF009 - immutable

    def __post_init__(self) -> None:
        """Refuse scopes that there are not.

        Raises:
            ValueError: one of them is unknown; the text says what is allowed.
        """
        unknown = ", ".join(sorted(self.scopes - ALL_SCOPES))
        if unknown:
            raise ValueError(f"scopes: {unknown}; allowed are {', '.join(sorted(ALL_SCOPES))}")


class TeslaCloud:
    """The cloud of one account. `app` is the ASGI application."""

    def __init__(
        self,
        clock: Clock,
        cars: Iterable[TeslaCar],
        *,
        sites: Iterable[EnergySite] = (),
        sync: Callable[[], None] = lambda: None,
        settings: CloudSettings | None = None,
        timezone: tzinfo | None = None,
        base_url: str = "http://127.0.0.1:5100",
        seed: int = 0,
    ) -> None:
        """Begin with `FIRST_REFRESH` and `FIRST_ACCESS` as the account's tokens.

        Args:
            clock: tells the time.
            cars: the account's.
            sites: the account's homes with a Powerwall or Tesla's solar roof.
            sync: brings the cars to the present; called before each look at one.
            settings: how it behaves.
            timezone: whose days the bill counts; default Europe/Berlin.
            base_url: what `GET /api/1/users/region` names.
            seed: of latencies and tokens.
        """
        self.clock = clock
        self.cars = tuple(cars)
        self.settings = settings or CloudSettings()
        self.bill = Bill(timezone or ZoneInfo("Europe/Berlin"))
        self.faults = Faults()
        self.tokens = TokenStore(
            seed,
            clock.now(),
            lasts_s=self.settings.access_lasts_s,
            is_strict=self.settings.strict_refresh,
            scopes=self.settings.scopes,
        )
        self.login = LoginPage(seed, self.settings.application, self.settings.scopes, denies=self.settings.denies_login)
        self._sync = sync
        self._base_url = base_url
        self._rng = random.Random(f"{seed}/tesla-cloud")
        self._limits = RateLimits()
        self.sites = tuple(sites)
        self._by_site = {name: site for site in self.sites for name in site.names}
        self._has_registered = False
        self._by_name = {name: car for car in self.cars for name in names_of(car)}
        self._account = Account(
            cars=self.cars,
            seems_online=self._seems_online,
            shows_location=self.settings.shows_location and LOCATION_SCOPE in self.settings.scopes,
            home=self._home,
            sites=self.sites,
            lists_vehicles=self.settings.lists_vehicles,
            register=self._register,
            is_registered=self._is_registered,
        )
        self.ble = BleProxy(clock, self.cars, sync=sync, faults=self.faults, settings=self.settings.ble, seed=seed)
        self.signing = SigningProxy(self._serve_signed, self._forwarded)
        self.app = Starlette(routes=self._routes())

    # for the world

    def truth(self) -> dict[str, Any]:
        """Return bill, faults and the last requests, as JSON."""
        return {
            "bill": self.bill.to_json(),
            "faults": self.faults.to_json(self.clock.now()),
            "requests": [request.to_json() for request in self.bill.requests],
            "ble_requests": [request.to_json() for request in self.ble.requests],
        }

    def validate_faults(self, faults: list[Any]) -> None:
        """Raise ValueError, with what is allowed, when one of the faults is wrong."""
        for fault in faults:
            self._fault(fault)

    def add_faults(self, faults: list[Any]) -> None:
        """Have these faults happen, all or none.

        Raises:
            ValueError: one of them is wrong.
        """
        made = [self._fault(fault) for fault in faults]
        self._sync()
        for fault in made:
            if fault.kind == "stale_data":
                fault.frozen = {car.vin: (facts_of(car), sections_of(car)) for car in self.cars}
            if fault.kind == "stale_status":
                fault.frozen_sites = {site.settings.site_id: _aged_status(site, fault.age_s) for site in self.sites}
        self.faults.add(made)

    def clear_faults(self) -> None:
        """Have no fault happen any more."""
        self.faults.clear()

    def _fault(self, given: Any) -> Fault:
        fault = fault_from_json(given, self.clock.now())
        fault.base_url = self.settings.other_base_url
        if fault.vehicle is not None and fault.vehicle not in self._by_name and fault.vehicle not in self._by_site:
            allowed = ", ".join((*(car.vin for car in self.cars), *self._by_site))
            raise ValueError(f"{fault.kind}.vehicle: {fault.vehicle!r}; allowed is {allowed}")
        return fault

    def _seems_online(self, car: TeslaCar) -> bool:
        return self.faults.is_active("asleep_while_online", names_of(car), self.clock.now())

    # requests

    def _routes(self) -> list[BaseRoute]:
        rows = [*(row for row in ENDPOINTS if row is not TOKEN), *energy.ENDPOINTS, *PARTNER_ROWS]
        return [
            Route("/status", _status, methods=["GET"]),
            Route(energy.PUBLIC_KEY_PATH, _public_key, methods=["GET"]),
            Mount(BLE_PROXY, app=self.ble.app),
            Mount(SIGNING_PROXY, app=self.signing.app),
            Route(AUTHORIZE.path, self._authorize, methods=[AUTHORIZE.method]),
            Route(TOKEN.path, self._token, methods=[TOKEN.method]),
            *(Route(row.path, self._handler(row), methods=[row.method]) for row in rows),
            Route(WAKE_ALIAS_PATH, self._handler(WAKE_UP), methods=[WAKE_UP.method]),
            Route("/{rest:path}", self._unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ]

    async def _forwarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what the signing proxy forwards."""
        await self.app(scope, receive, send)

    def _handler(self, row: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Return the handler of a row."""

        async def handle(request: Request) -> Response:
            raw = await request.body()
            body, problem = _json_body(request, raw)
            reply = await self._serve(request, row, body, problem)
            return LostReply(self.settings.hang_s) if reply is None else response_of(reply)

        return handle

    async def _serve_signed(self, request: Request, row: Endpoint, body: dict[str, Any]) -> Reply | None:
        """Return what Tesla tells the signing proxy about a command; None = the answer never comes."""
        way = Way.SIGNED if row is not WAKE_UP else Way.PLAIN  # there is nothing to sign about waking
        return await self._serve(request, row, body, None, way)

    async def _serve(
        self, request: Request, row: Endpoint, body: Any, problem: Reply | None, way: Way = Way.PLAIN
    ) -> Reply | None:
        """Return the answer to a request; None = it never comes. Everything around what the call itself does."""
        came_at = self.clock.now()
        latency_s = self._rng.uniform(*(self.settings.slow_s if row.method == "POST" else self.settings.quick_s))
        await pass_time(latency_s / 2)
        self._sync()
        # Once the limit has disabled the application, nothing more is billed: else the bill would rise beyond it.
        is_billed = not self._is_disabled(row)
        car = self._by_name.get(request.path_params.get("vehicle", ""))
        site = self._by_site.get(request.path_params.get("site", ""))
        device = car.vin if car is not None else None if site is None else str(site.settings.site_id)
        reply, fault = self._refused(request, row, car, site), None
        if reply is None:
            names = _names(car) if site is None else site.names
            fault = self.faults.take(row.name, names, self.clock.now(), way)
            call = Call(
                row=row,
                account=self._account,
                vehicle=car,
                site=site,
                query=dict(request.query_params),
                body=body or {},
                fault=fault,
                is_signed=way is Way.SIGNED,
            )
            reply = self._reply(call, problem)
            if fault is None and device is not None and row.bills is not None:
                told = self._limits.headers(device, row.bills, self.clock.now())
                reply = replace(reply, headers={**reply.headers, **told})
        is_lost = fault is not None and fault.kind in LOST
        path = SIGNED_PATH.format(**request.path_params) if way is Way.SIGNED else request.url.path
        self._count(
            row,
            request,
            path,
            came_at,
            body or None,
            status=None if is_lost else reply.status,
            is_billed=is_billed and reply.status < BILLED_BELOW,
        )
        if is_lost:
            return None
        await pass_time(latency_s / 2 + (0.0 if fault is None else fault.delay_s))
        return reply

    def _reply(self, call: Call, problem: Reply | None) -> Reply:
        """Return the answer that is given, and carry the call out unless a fault is in the way."""
        if call.fault is None:
            return problem or _answer_to(call)
        if call.is_hit_by("lost_request"):
            return NEVER_CAME
        make = KINDS[call.fault.kind].reply
        real = problem or (_answer_to(call) if make is None or call.fault.applied else NEVER_CAME)
        return real if make is None else make(call.fault)

    def _refused(self, request: Request, row: Endpoint, car: TeslaCar | None, site: EnergySite | None) -> Reply | None:
        """Return why a request does not even reach the car or site: login, region, scopes, bill, vehicle, service, rate limit."""
        now_at = self.clock.now()
        text = self.tokens.refusal(request.headers.get("authorization"), now_at)
        if text is not None:
            return failed(401, text)
        if not self._is_registered() and row not in PARTNER_ROWS:
            client = self.settings.application.client_id or "of this application"
            return failed(412, envelopes.UNREGISTERED.format(client=client, base_url=self._base_url))
        if self.settings.is_account_elsewhere and row is not REGION:
            return out_of_region(self.settings.other_base_url)
        needed = NEEDED_SCOPES.get(row.name)
        if needed is not None and not needed & self.tokens.scopes_of(request.headers.get("authorization")):
            return failed(403, MISSING_SCOPES)
        if self._is_disabled(row):
            return failed(403, envelopes.EXCEEDED_LIMIT)
        if "site" in request.path_params:
            if site is None:
                return failed(404, envelopes.NOT_FOUND)
            return None if row.bills is None else self._rate_limit(str(site.settings.site_id), row.bills, now_at)
        if "vehicle" not in request.path_params:
            return None
        if car is None:
            return failed(404, envelopes.NOT_FOUND)
        if row.bills is None:
            return None
        if car.is_in_service:
            return failed(405, envelopes.IN_SERVICE)
        return self._rate_limit(car.vin, row.bills, now_at)

    def _rate_limit(self, device: str, kind: RequestKind, now_at: datetime) -> Reply | None:
        if self._limits.take(device, kind, now_at):
            return None
        headers = self._limits.headers(device, kind, now_at)
        headers["Retry-After"] = headers["RateLimit-Reset"]
        return Reply(status=429, body=envelopes.error("too many requests"), headers=headers)

    def _register(self, _domain: str) -> None:
        self._has_registered = True

    def _is_registered(self) -> bool:
        return self.settings.is_registered or self._has_registered

    def _home(self) -> tuple[str, str]:
        """Return the region that serves the account, and where it is."""
        if self.settings.is_account_elsewhere or self.faults.is_active("wrong_region", frozenset(), self.clock.now()):
            return self.settings.other_region, self.settings.other_base_url
        return self.settings.region, self._base_url

    def _is_disabled(self, row: Endpoint) -> bool:
        """Return whether a paid call is answered with EXCEEDED_LIMIT: the month's bill has reached the limit."""
        limit = self.settings.billing_limit_dollars
        if limit is None or row.bills is None:
            return False
        return self.bill.month_dollars(self.clock.now()) > limit - 1e-9  # sums of thousandths are not exact

    def _count(
        self,
        row: Endpoint,
        request: Request,
        path: str,
        at: datetime,
        body: Any,
        *,
        status: int | None,
        is_billed: bool,
    ) -> None:
        """Put a request on the bill: a lost answer was served and is billed, a lost request never came."""
        self.bill.add(
            Received(
                at=at,
                method=request.method,
                path=path.removeprefix(SIGNING_PROXY),
                endpoint=row.name,
                kind=row.bills or (RequestKind.STATE if row is VEHICLE else None),
                body=body,
                status=status,
                is_billed=is_billed,
                vin=car.vin if (car := self._by_name.get(request.path_params.get("vehicle", ""))) is not None else None,
            )
        )

    async def _authorize(self, request: Request) -> Response:
        came_at = self.clock.now()
        reply = self.login.open(dict(request.query_params), came_at)
        self._count(AUTHORIZE, request, AUTHORIZE.path, came_at, None, status=reply.status, is_billed=False)
        return response_of(reply)

    async def _token(self, request: Request) -> Response:
        came_at = self.clock.now()
        form = parse_qs((await request.body()).decode("utf-8", errors="replace"))
        await pass_time(self._rng.uniform(*self.settings.quick_s))
        reply = self._token_reply({key: values[0] for key, values in form.items()})
        shown = {key: form[key][0] for key in ("grant_type", "client_id") if key in form}
        self._count(
            TOKEN, request, TOKEN.path, came_at, shown, status=reply.status, is_billed=reply.status < BILLED_BELOW
        )
        return response_of(reply)

    def _token_reply(self, form: dict[str, str]) -> Reply:
        now_at = self.clock.now()
        fault = self.faults.take(TOKEN.name, frozenset(), now_at)
        if fault is not None:
            return Reply(status=401, body={"error": envelopes.LOGIN_REQUIRED, "error_description": "log in again"})
        match form.get("grant_type"):
            case "refresh_token":
                tokens = self.tokens.refresh(form.get("refresh_token", ""), now_at)
            case "client_credentials":
                if not self.login.knows(form):
                    return Reply(status=401, body={"error": envelopes.UNAUTHORIZED_CLIENT, "error_description": ""})
                scopes = frozenset(form.get("scope", "").split()) & self.settings.scopes
                tokens = self.tokens.partner(scopes, now_at)
            case "authorization_code":
                granted = self.login.trade(form, now_at)
                if isinstance(granted, Reply):
                    return granted
                tokens = self.tokens.log_in(granted.scopes, now_at)
            case _:
                return Reply(status=400, body={"error": envelopes.INVALID_REQUEST, "error_description": "grant_type"})
        if tokens is None:
            described = "the refresh token was used before or is unknown"
            return Reply(status=401, body={"error": envelopes.LOGIN_REQUIRED, "error_description": described})
        return ok(tokens_to_wire(tokens))

    async def _unknown(self, request: Request) -> Response:
        is_command = request.url.path.startswith("/api/1/vehicles/") and "/command/" in request.url.path
        status, text = (400, envelopes.INVALID_COMMAND) if is_command else (404, envelopes.NOT_FOUND)
        row = Endpoint(name="", method=request.method, path=request.url.path, help="no such call")
        self._count(row, request, row.path, self.clock.now(), None, status=status, is_billed=True)
        return response_of(failed(status, text))


def create_app(
    clock: Clock, cars: Iterable[TeslaCar], *, sync: Callable[[], None] = lambda: None, seed: int = 0
) -> Starlette:
    """Return the ASGI application of a cloud with its usual settings."""
    return TeslaCloud(clock, cars, sync=sync, seed=seed).app


def _names(car: TeslaCar | None) -> frozenset[str]:
    return frozenset() if car is None else names_of(car)


async def _status(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _public_key(_: Request) -> Response:
    """Stand for the owner's own domain, where Tesla looks for the public key."""
    return PlainTextResponse("-----BEGIN PUBLIC KEY-----\nc2ltdWxhdGVk\n-----END PUBLIC KEY-----\n")


def _answer_to(call: Call) -> Reply:
    return answer_energy(call) if call.row.name in ENERGY_ANSWERS else answer(call)


def _aged_status(site: EnergySite, age_s: int) -> dict[str, Any]:
    status = site.live_status()
    at = None if status.measured_at is None else status.measured_at - timedelta(seconds=age_s)
    return energy_wire.live_status_to_wire(replace(status, measured_at=at))


def _json_body(request: Request, raw: bytes) -> tuple[Any, Reply | None]:
    """Return a POST's JSON object ({} if it is empty) and, if it cannot be used, the answer that says so."""
    if request.method == "GET" or not raw:
        return {}, None
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return None, failed(406, "Content-Type must be application/json")
    try:
        body = json_of(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return None, failed(400, envelopes.INVALID_REQUEST, "the body is no JSON object")
    return body, None
