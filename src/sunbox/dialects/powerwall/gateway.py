"""The Powerwall's own gateway at home: its paths, its login, and what it says, both ways.

Signs are those of the cloud. The charge is not: the gateway tells what is stored, Tesla's app (and the cloud) keeps the lowest
5 % to itself, so that 0 % there is 5 % here. sunbox has the app's everywhere.
Sources: jasonacox/pypowerwall `pwsimulator/stub.py` (recorded answers), vloschiavo/powerwall2 (paths, words of the grid).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sunbox.dialects.powerwall.facts import Island
from sunbox.dialects.tesla.table import Endpoint

HIDDEN_PCT = 5.0
"""What the app does not show."""


def app_pct(stored_pct: float) -> float:
    """Return the app's charge (or reserve) for what is stored, never below 0."""
    return max(0.0, (stored_pct - HIDDEN_PCT) / (1 - HIDDEN_PCT / 100))


def stored_pct(app: float) -> float:
    """Return what is stored for the app's charge (or reserve)."""
    return app * (1 - HIDDEN_PCT / 100) + HIDDEN_PCT


def _get(name: str, path: str, help_text: str) -> Endpoint:
    return Endpoint(name=name, method="GET", path=path, help=help_text)


LOGIN = Endpoint(name="login", method="POST", path="/api/login/Basic", help="get a token and cookies")
METERS = _get("aggregates", "/api/meters/aggregates", "what flows at each place, and what flowed since the beginning")
SOE = _get("soe", "/api/system_status/soe", "what is stored, in %")
GRID_STATUS = _get("grid_status", "/api/system_status/grid_status", "whether the grid is there")
OPERATION = _get("operation", "/api/operation", "mode and reserve; only installers may change them")
SITE_NAME = _get("site_name", "/api/site_info/site_name", "name and time zone of the site")
STATUS = _get("status", "/api/status", "who the gateway is")

ENDPOINTS: tuple[Endpoint, ...] = (METERS, SOE, GRID_STATUS, OPERATION, SITE_NAME, STATUS)
WIRED: frozenset[str] = frozenset({METERS.name, SOE.name, GRID_STATUS.name})
"""All that a Powerwall 3 answers on its wired network."""
OPEN: frozenset[str] = frozenset({STATUS.name})
"""What is told without a login."""

PROXY_PATHS: dict[str, str] = {"/aggregates": METERS.name, "/soe": SOE.name}
"""pypowerwall's proxy (port 8675) passes these on under shorter names, without a login."""

AUTH_COOKIE, USER_COOKIE = "AuthCookie", "UserRecord"
CUSTOMER = "customer"
"""User name of owners; the password is the last five characters of the one on the gateway's label."""

GRID_WORDS: dict[str, Island] = {
    "SystemGridConnected": Island.ON_GRID,
    "SystemIslandedActive": Island.OFF_GRID,
    "SystemTransitionToGrid": Island.OFF_GRID,
    "SystemTransitionToIsland": Island.OFF_GRID,
    "SystemIslandedReady": Island.OFF_GRID,
    "SystemMicroGridFaulted": Island.OFF_GRID,
    "SystemWaitForUser": Island.OFF_GRID,
}
"""`grid_status`; other words are UNKNOWN."""

PLACES: dict[str, str] = {"site": "grid", "battery": "battery", "load": "load", "solar": "solar"}
"""What the gateway calls each place, and what sunbox calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What flows at one place. Signs: grid + = import, battery + = discharging."""

    power_w: float | None = None
    exported_wh: float | None = None  #: out of the place: of the battery what it gave, of the grid what was fed in
    imported_wh: float | None = None
    voltage_v: float | None = None
    measured_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """What flows at every place; a place that is not told has nothing."""

    grid: Flow = Flow()
    battery: Flow = Flow()
    load: Flow = Flow()
    solar: Flow = Flow()


def login_to_wire(password: str, email: str, timezone_name: str) -> dict[str, Any]:
    """Return the body of a login."""
    return {
        "username": CUSTOMER,
        "password": password,
        "email": email,
        "clientInfo": {"timezone": timezone_name},
    }


def flows_from_wire(document: Mapping[str, Any]) -> Flows:
    """Return what flows.

    Raises:
        ValueError: it tells of no place at all.
    """
    if not any(isinstance(document.get(place), Mapping) for place in PLACES):
        raise ValueError(f"the answer has none of {', '.join(PLACES)}")
    return Flows(**{name: _flow(document.get(place)) for place, name in PLACES.items()})


def _flow(told: object) -> Flow:
    if not isinstance(told, Mapping):
        return Flow()
    return Flow(
        power_w=_number(told.get("instant_power"), -1e7, 1e7),
        exported_wh=_number(told.get("energy_exported"), 0, 1e12),
        imported_wh=_number(told.get("energy_imported"), 0, 1e12),
        voltage_v=_number(told.get("instant_average_voltage"), 0, 1000),
        measured_at=_instant(told.get("last_communication_time")),
    )


def soc_from_wire(document: Mapping[str, Any]) -> float | None:
    """Return the charge on the app's scale, None where it is not told."""
    stored = _number(document.get("percentage"), 0, 100)
    return None if stored is None else app_pct(stored)


def island_from_wire(document: Mapping[str, Any]) -> Island:
    """Return whether the home runs by itself."""
    word = document.get("grid_status")
    return GRID_WORDS.get(word, Island.UNKNOWN) if isinstance(word, str) else Island.UNKNOWN


def flow_to_wire(flow: Flow) -> dict[str, Any]:
    """Return what the gateway says of one place."""
    power_w, voltage_v = flow.power_w or 0.0, flow.voltage_v or 0.0
    current_a = power_w / voltage_v if voltage_v else 0.0
    at = "0001-01-01T00:00:00Z" if flow.measured_at is None else flow.measured_at.isoformat()
    return {
        "last_communication_time": at,
        "instant_power": power_w,
        "instant_reactive_power": 0,
        "instant_apparent_power": abs(power_w),
        "frequency": 50,
        "energy_exported": flow.exported_wh,
        "energy_imported": flow.imported_wh,
        "instant_average_voltage": voltage_v,
        "instant_average_current": current_a,
        "i_a_current": 0,
        "i_b_current": 0,
        "i_c_current": 0,
        "last_phase_voltage_communication_time": "0001-01-01T00:00:00Z",
        "last_phase_power_communication_time": "0001-01-01T00:00:00Z",
        "timeout": 1500000000,
        "num_meters_aggregated": 1,
        "instant_total_current": current_a,
    }


def flows_to_wire(flows: Flows) -> dict[str, Any]:
    """Return what flows, as the gateway tells it."""
    return {place: flow_to_wire(getattr(flows, name)) for place, name in PLACES.items()}


def _number(value: object, low: float, high: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if low <= value <= high else None


def _instant(value: object) -> datetime | None:
    """Return an instant; the gateway tells nanoseconds, and the year 1 for never."""
    if not isinstance(value, str) or value.startswith("0001"):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
