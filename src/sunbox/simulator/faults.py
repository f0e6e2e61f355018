"""What can go wrong on the way to a Tesla, as rows: kind, which requests it hits, what it may be told, how it answers.

A fault hits `count` requests (1 if nothing is said; null = until cleared), or all for `duration_s` simulated seconds.
`endpoint` narrows it to one call, `vehicle` to one car (its VIN or id in the cloud). What befalls Tesla's cloud befalls
signed commands too; what befalls the BLE proxy has kinds of its own (`ble_…`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sunbox.core.model import VehicleFacts
from sunbox.dialects.powerwall import table as energy
from sunbox.dialects.tesla import envelopes, proxies
from sunbox.dialects.tesla.table import BY_NAME, COMMANDS, TOKEN, VEHICLE, VEHICLE_DATA, VEHICLES, WAKE_UP

_COMMANDS = frozenset(row.name for row in COMMANDS)
_TO_CAR = _COMMANDS | {VEHICLE_DATA.name}
_ENERGY_WRITES = frozenset(row.name for row in energy.WRITES)
_ENERGY_READS = frozenset(row.name for row in energy.READS)
_TO_SITE = _ENERGY_WRITES | _ENERGY_READS
_PAID = _TO_CAR | {WAKE_UP.name} | _TO_SITE
_API = _PAID | {VEHICLE.name, VEHICLES.name, energy.PRODUCTS.name}
_BLE = proxies.BLE_COMMANDS | {proxies.BLE_WAKE_UP.name, proxies.BLE_DATA.name, proxies.BLE_STATE.name}
_ORDER = {name: place for place, name in enumerate((*BY_NAME, proxies.BLE_STATE.name, *energy.BY_NAME))}

SERVER_CODES = (500, 502, 503, 504, 540)
LONGEST_S = 100_000_000
"""Longest span that may be asked for: three years."""
LONGEST_DELAY_S = 120
MISSING_SCOPES = "Unauthorized missing scopes"
HTML_PAGE = "<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>{status}</h1><hr>edge</body></html>"


class Way(StrEnum):
    """How a request goes to a car."""

    PLAIN = "plain"  #: to Tesla's cloud, as it is
    SIGNED = "signed"  #: to Tesla's cloud, signed by tesla-http-proxy
    BLE = "ble"  #: over Bluetooth, by TeslaBleHttpProxy
    BLE_WAKE = "ble_wake"  #: what TeslaBleHttpProxy does by itself when the car sleeps


_CLOUD = frozenset({Way.PLAIN, Way.SIGNED})
_RADIO = frozenset({Way.BLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer in place of the real one. `body` is JSON unless it is a text."""

    status: int
    body: dict[str, Any] | str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kind:
    """One row."""

    hits: frozenset[str]  #: names of the calls
    help: str
    reply: Callable[[Fault], Reply] | None = None  #: None: the cloud knows what to do
    count: int | None = 1  #: if nothing is said
    options: frozenset[str] = frozenset()
    ways: frozenset[Way] = _CLOUD
    takes_s: float = 0.0  #: until it shows, over Bluetooth


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault under way."""

    kind: str
    endpoint: str | None = None
    vehicle: str | None = None
    left: int | None = 1  #: requests still to hit, None = no end
    until_at: datetime | None = None
    status: int = 503
    retry_after_s: int | None = None
    as_text: bool = False
    html: bool = False
    applied: bool = False
    text_only: bool = False
    delay_s: float = 0.0  #: until the answer is given, beyond what it takes anyway
    base_url: str = ""  #: of the region that serves the account
    age_s: int = 0  #: how much older than the fault stale data is
    frozen: dict[str, tuple[VehicleFacts, dict[str, dict[str, Any]]]] = field(default_factory=dict)
    """Stale data by VIN: the cars as they were when the fault began."""
    frozen_sites: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Stale answers of `live_status` by site."""

    def is_over(self, at: datetime) -> bool:
        """Return whether it hits nothing any more."""
        return self.left == 0 or (self.until_at is not None and at >= self.until_at)

    def to_json(self) -> dict[str, Any]:
        """Return it for people."""
        shown: dict[str, Any] = {"kind": self.kind, "left": self.left}
        if self.endpoint is not None:
            shown["endpoint"] = self.endpoint
        if self.vehicle is not None:
            shown["vehicle"] = self.vehicle
        if self.until_at is not None:
            shown["until"] = self.until_at.isoformat()
        return shown


def _answer(status: int, text: str) -> Callable[[Fault], Reply]:
    return lambda _: Reply(status=status, body=envelopes.error(text))


def _refusal(word: str) -> Callable[[Fault], Reply]:
    return lambda _: Reply(status=200, body=envelopes.refused(word))


def _rate_limited(fault: Fault) -> Reply:
    if fault.retry_after_s is None:
        return Reply(status=429, body=envelopes.error("too many requests"))
    if fault.as_text:
        return Reply(status=429, body=f"Retry in {fault.retry_after_s} seconds")
    headers = {"Retry-After": str(fault.retry_after_s)}
    return Reply(status=429, body=envelopes.error("too many requests"), headers=headers)


def _server_error(fault: Fault) -> Reply:
    if fault.html:
        return Reply(status=fault.status, body=HTML_PAGE.format(status=fault.status))
    return Reply(status=fault.status, body=envelopes.error("upstream internal error"))


def out_of_region(base_url: str, *, text_only: bool = False) -> Reply:
    """Return the answer to an account that another region serves; its header is what `tesla-http-proxy` follows."""
    text = f"user out of region, use base URL: {base_url}, see https://developer.tesla.com/docs/fleet-api"
    return Reply(status=421, body=envelopes.error(text), headers={} if text_only else {"Alt-Svc": f"h2={base_url}"})


def _page(status: int, title: str) -> Callable[[Fault], Reply]:
    return lambda _: Reply(status=status, body=HTML_PAGE.format(status=title))


def _ble(text: str) -> Callable[[Fault], Reply]:
    """Return the reply whose body is the BLE proxy's `reason`; `{doing}` stands for what it was about to do."""
    return lambda _: Reply(status=503, body=text)


BLE_SCAN_S, BLE_PATIENCE_S = 5.0, 15.0
"""How long the BLE proxy looks for a car's beacon, and how long it waits for an answer."""
DEADLINE = "context deadline exceeded"

KINDS: dict[str, Kind] = {
    "asleep": Kind(_TO_CAR, "408 although it is awake", _answer(408, envelopes.ASLEEP)),
    "asleep_while_online": Kind(
        _TO_CAR, "408 to everything paid, while the state call says online", _answer(408, envelopes.ASLEEP)
    ),
    "rate_limited": Kind(
        _PAID,
        "429; retry_after_s goes into the header, or with as_text into the body",
        _rate_limited,
        options=frozenset({"retry_after_s", "as_text"}),
    ),
    "server_error": Kind(
        _API,
        "status 500, 502, 503, 504 or 540; html: a page; applied: the command is carried out all the same",
        _server_error,
        options=frozenset({"status", "html", "applied"}),
    ),
    "lost_reply": Kind(_PAID, "carried out, and the answer never comes"),
    "lost_request": Kind(_PAID, "not carried out, and no answer comes"),
    "stale_data": Kind(
        frozenset({VEHICLE_DATA.name}),
        "the data of when the fault began, age_s older still",
        options=frozenset({"age_s"}),
    ),
    "stale_status": Kind(
        frozenset({energy.LIVE_STATUS.name}),
        "live_status of when the fault began, age_s older still; until cleared",
        count=None,
        options=frozenset({"age_s"}),
    ),
    "write_ignored": Kind(_ENERGY_WRITES, "a Powerwall's change is accepted and never made"),
    "write_refused": Kind(_ENERGY_WRITES, "a Powerwall's change: 200 with Code 400"),
    "no_object": Kind(
        _ENERGY_READS, "200 with an empty text for `response`", lambda _: Reply(status=200, body={"response": ""})
    ),
    "incomplete": Kind(_ENERGY_READS, "408: Error incomplete data", _answer(408, "Error incomplete data")),
    "site_gone": Kind(_TO_SITE, "404: the site is gone, until cleared", count=None),
    "unregistered": Kind(
        _API,
        "412: the application is not registered in the region, until cleared",
        _answer(412, envelopes.UNREGISTERED.format(client="of this application", base_url="of the account")),
        count=None,
    ),
    "unpaid": Kind(
        _API, "402: Tesla wants a method of payment, until cleared", _answer(402, "payment required"), count=None
    ),
    "limit_exceeded": Kind(_PAID, "403: the billing limit is reached", _answer(403, envelopes.EXCEEDED_LIMIT)),
    "unsigned": Kind(
        _COMMANDS,
        "403: the car takes signed commands only",
        _answer(403, envelopes.UNSIGNED),
        ways=frozenset({Way.PLAIN}),
    ),
    "not_paired": Kind(
        _COMMANDS,
        "signed commands: 500, the car does not know the proxy's key, until cleared",
        # Tesla carries the car's own answer to the proxy with a 200, and bills it.
        _answer(200, envelopes.NOT_PAIRED),
        count=None,
        ways=frozenset({Way.SIGNED}),
    ),
    "wrong_region": Kind(
        _API,
        "421: another region serves the account, until cleared; text_only: without the header Alt-Svc",
        lambda fault: out_of_region(fault.base_url, text_only=fault.text_only),
        count=None,
        options=frozenset({"text_only"}),
    ),
    "missing_scopes": Kind(
        _API, "403: the login lacks a scope, until cleared", _answer(403, MISSING_SCOPES), count=None
    ),
    "slow": Kind(_API, "the answer comes delay_s later (30, at most 120)", options=frozenset({"delay_s"})),
    "html_ok": Kind(
        _API,
        "200 with a page instead of JSON; applied: the command is carried out all the same",
        _page(200, "Welcome"),
        options=frozenset({"applied"}),
    ),
    "forbidden_page": Kind(_API, "403 with a page, as of a proxy that blocks", _page(403, "Forbidden")),
    "token_expired": Kind(_API, "401: the access token has expired", _answer(401, envelopes.TOKEN_EXPIRED)),
    "login_required": Kind(
        _API | {TOKEN.name},
        "401, and new tokens are refused too, until cleared",
        _answer(401, envelopes.LOGIN_REQUIRED),
        count=None,
    ),
    "proxy_asleep": Kind(_TO_CAR, "500 with the text of a sleeping car", _answer(500, envelopes.ASLEEP)),
    "in_service": Kind(_TO_CAR, "405: the car is in service", _answer(405, envelopes.IN_SERVICE)),
    "busy": Kind(_COMMANDS, "refused with could_not_wake_buses", _refusal("could_not_wake_buses")),
    "no_wake": Kind(
        frozenset({WAKE_UP.name}),
        "wake_up is answered, the car sleeps on, until cleared; over Bluetooth it fails",
        count=None,
        ways=_CLOUD | {Way.BLE_WAKE},
    ),
    "no_power": Kind(frozenset({"charge_start"}), "refused with no_power", _refusal("no_power")),
    "ble_out_of_range": Kind(
        _BLE,
        "BLE proxy: it does not hear the car, though that is at home",
        _ble(f"{proxies.BLE_OUT_OF_RANGE}: {DEADLINE}"),
        ways=_RADIO,
        takes_s=BLE_SCAN_S,
    ),
    "ble_not_connected": Kind(
        _BLE,
        "BLE proxy: the car is heard, and takes no connection (others hold all it has)",
        _ble(f"{proxies.BLE_NOT_CONNECTED} (A): {DEADLINE}"),
        ways=_RADIO,
        takes_s=BLE_PATIENCE_S,
    ),
    "ble_no_handshake": Kind(
        _BLE,
        "BLE proxy: the car does not know the proxy's key, until cleared",
        _ble(f"{proxies.BLE_NO_HANDSHAKE} (A): {envelopes.NOT_PAIRED}"),
        count=None,
        ways=_RADIO,
    ),
    "ble_timeout": Kind(
        _BLE,
        "BLE proxy: no answer of the car in time; applied: it did it all the same",
        _ble(f"{{doing}}: {DEADLINE}"),
        options=frozenset({"applied"}),
        ways=_RADIO,
        takes_s=BLE_PATIENCE_S,
    ),
    "ble_lost_reply": Kind(_BLE, "BLE proxy: carried out, and the proxy's answer never comes", ways=_RADIO),
}

_COMMON = frozenset({"kind", "endpoint", "vehicle", "count", "duration_s"})


def _check(what: str, value: Any, *, is_allowed: bool, allowed: str) -> None:
    if not is_allowed:
        raise ValueError(f"{what}: {value!r}; allowed is {allowed}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def fault_from_json(given: Any, at: datetime) -> Fault:
    """Return the fault that a JSON object (or just the name of a kind) asks for, beginning at `at`.

    Raises:
        ValueError: it is wrong; the text says what is allowed.
    """
    row: dict[str, Any] = {"kind": given} if isinstance(given, str) else given
    _check("fault", given, is_allowed=isinstance(row, dict), allowed="an object with a kind, or the name of a kind")
    name = row.get("kind")
    _check("kind", name, is_allowed=isinstance(name, str) and name in KINDS, allowed=", ".join(KINDS))
    assert isinstance(name, str)  # noqa: S101 - narrowed above
    kind = KINDS[name]
    allowed_keys = _COMMON | kind.options
    for key in row:
        _check(f"{name}", key, is_allowed=key in allowed_keys, allowed=", ".join(sorted(allowed_keys)))
    endpoint, vehicle = row.get("endpoint"), row.get("vehicle")
    hits = ", ".join(sorted(kind.hits, key=_ORDER.__getitem__))
    is_hit = endpoint is None or (isinstance(endpoint, str) and endpoint in kind.hits)
    _check(f"{name}.endpoint", endpoint, is_allowed=is_hit, allowed=hits)
    _check(f"{name}.vehicle", vehicle, is_allowed=vehicle is None or isinstance(vehicle, str), allowed="a VIN or id")
    count, duration_s = row.get("count", kind.count), row.get("duration_s")
    _check(f"{name}.count", count, is_allowed=count is None or _is_whole(count, 1), allowed="1 and more, or null")
    is_span = duration_s is None or (_is_number(duration_s) and 0 < duration_s <= LONGEST_S)
    _check(f"{name}.duration_s", duration_s, is_allowed=is_span, allowed=f"seconds above 0, at most {LONGEST_S}")
    status, retry_after_s = row.get("status", 503), row.get("retry_after_s")
    codes = ", ".join(map(str, SERVER_CODES))
    _check(f"{name}.status", status, is_allowed=status in SERVER_CODES, allowed=codes)
    is_retry = retry_after_s is None or _is_whole(retry_after_s, 0)
    _check(f"{name}.retry_after_s", retry_after_s, is_allowed=is_retry, allowed="whole seconds, or null")
    age_s = row.get("age_s", 0)
    _check(f"{name}.age_s", age_s, is_allowed=_is_whole(age_s, 0) and age_s <= LONGEST_S, allowed="whole seconds")
    delay_s = row.get("delay_s", 30.0 if "delay_s" in kind.options else 0.0)
    is_delay = _is_number(delay_s) and 0 <= delay_s <= LONGEST_DELAY_S
    _check(f"{name}.delay_s", delay_s, is_allowed=is_delay, allowed=f"seconds, at most {LONGEST_DELAY_S}")
    for flag in ("as_text", "html", "applied", "text_only"):
        _check(
            f"{name}.{flag}", row.get(flag), is_allowed=isinstance(row.get(flag, False), bool), allowed="true, false"
        )
    is_timed_only = duration_s is not None and "count" not in row
    return Fault(
        kind=name,
        endpoint=endpoint,
        vehicle=vehicle,
        left=None if is_timed_only else count,
        until_at=None if duration_s is None else at + timedelta(seconds=duration_s),
        status=status,
        retry_after_s=retry_after_s,
        age_s=age_s,
        as_text=row.get("as_text", False),
        html=row.get("html", False),
        applied=row.get("applied", False),
        text_only=row.get("text_only", False),
        delay_s=float(delay_s),
    )


class Faults:
    """All faults under way, the oldest first."""

    def __init__(self) -> None:
        self._all: list[Fault] = []

    def add(self, faults: list[Fault]) -> None:
        """Have these happen too."""
        self._all.extend(faults)

    def clear(self) -> None:
        """Have none happen any more."""
        self._all.clear()

    def take(self, endpoint: str, vehicle: frozenset[str], at: datetime, way: Way = Way.PLAIN) -> Fault | None:
        """Return the fault that hits this request, counted, or None. `vehicle` holds all names of the car."""
        self._drop(at)
        for fault in self._all:
            kind = KINDS[fault.kind]
            if endpoint in kind.hits and way in kind.ways and self._fits(fault, endpoint, vehicle):
                if fault.left is not None:
                    fault.left -= 1
                return fault
        return None

    def is_active(self, kind: str, vehicle: frozenset[str], at: datetime) -> bool:
        """Return whether a fault of a kind is under way for a car."""
        self._drop(at)
        return any(fault.kind == kind and self._fits(fault, None, vehicle) for fault in self._all)

    def _drop(self, at: datetime) -> None:
        self._all = [fault for fault in self._all if not fault.is_over(at)]

    @staticmethod
    def _fits(fault: Fault, endpoint: str | None, vehicle: frozenset[str]) -> bool:
        fits_endpoint = endpoint is None or fault.endpoint is None or fault.endpoint == endpoint
        return fits_endpoint and (fault.vehicle is None or fault.vehicle in vehicle)

    def to_json(self, at: datetime) -> list[dict[str, Any]]:
        """Return them for people."""
        self._drop(at)
        return [fault.to_json() for fault in self._all]
