"""What evcc's drivers `tesla`, `tesla-ble`, `teslalogger` and `twc3` put on the wire, and what they make of the answers.

Requests are written byte by byte as Go's `net/http` writes them. Sources: evcc `vehicle/tesla/*.go`, `charger/twc3.go`,
`plugin/http.go`, the templates `tesla-ble` and `teslalogger`, `evcc-io/tesla-proxy-client` with its ancestor `bogosj/tesla`.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from go_json import Decoded, Kind, ListOf, Struct, decode

GIVES_UP_S = 60.0
"""evcc gives up after 10 s; a slow machine is no failure of the gateway."""

TESLA_KM_PER_MILE, TEMPLATE_KM_PER_MILE = 1.609344, 1.60934


class EvccError(Exception):
    """evcc takes a request for failed; the text is what it would log."""


class AsleepError(EvccError):
    """evcc knows that the car sleeps (its `api.ErrAsleep`)."""


# --- the wire ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status as Go's `Response.Status` has it, and the body."""

    status: str
    body: bytes

    @property
    def code(self) -> int:
        return int(self.status[:3])


class GoHttp:
    """A connection of Go's HTTP client: kept alive, one request at a time."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._prefix = address.netloc, address.path
        self._socket = socket.create_connection((address.hostname or "", address.port or 80), GIVES_UP_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Send a request and return its answer. `body` None = Go was given none to send (a GET)."""
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", f"Host: {self._host}", "User-Agent: Go-http-client/1.1"]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in sorted((headers or {}).items())]
        lines.append("Accept-Encoding: gzip")
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + (body or b""))
        response = http.client.HTTPResponse(self._socket, method=method)
        try:
            response.begin()
            told = response.read()
            assert response.getheader("content-encoding") is None
            assert not response.will_close, "the connection is not kept alive"
        finally:
            response.close()
        return Answer(f"{response.status} {response.reason}", told)


# --- vehicles ----------------------------------------------------------------------------------------------------------


class Vehicle(Protocol):
    """What evcc can ask of a vehicle."""

    def status(self) -> str:
        """Return A, B or C."""
        ...

    def soc_pct(self) -> float: ...

    def limit_soc_pct(self) -> int: ...

    def range_km(self) -> int: ...

    def max_current_a(self) -> float:
        """Return the current that the car was told."""
        ...

    def enable(self, *, enable: bool) -> None:
        """Start or stop charging."""
        ...

    def set_max_current(self, amps_a: int) -> None: ...

    def wake_up(self) -> None: ...


STATUS_WORDS = {"Charging": "C", "Stopped": "B", "NoPower": "B", "Complete": "B"}
"""`charging_state` → status; every other word, `Starting` too, is A."""

VEHICLES: Struct = {
    "response": ListOf({"vin": Kind.TEXT, "display_name": Kind.TEXT, "id": Kind.INT64, "state": Kind.TEXT}),
    "count": Kind.INT,
}
REGION: Struct = {"response": {"region": Kind.TEXT, "fleet_api_base_url": Kind.TEXT}}
WOKEN: Struct = {
    "response": {
        "id": Kind.INT64,
        "vehicle_id": Kind.UINT64,
        "vin": Kind.TEXT,
        "display_name": Kind.TEXT,
        "option_codes": Kind.TEXT,
        "tokens": Kind.LIST,
        "state": Kind.TEXT,
        "id_s": Kind.TEXT,
        "calendar_enabled": Kind.BOOL,
        "access_type": Kind.TEXT,
        "in_service": Kind.BOOL,
        "api_version": Kind.INT,
    }
}
COMMANDED: Struct = {
    "response": {"result": Kind.BOOL, "reason": Kind.TEXT},
    "error": Kind.TEXT,
    "error_description": Kind.TEXT,
}
VEHICLE_DATA: Struct = {
    "response": {
        **dict(WOKEN["response"]),  # type: ignore[arg-type]
        "charge_state": {
            "battery_heater_on": Kind.BOOL,
            "battery_level": Kind.INT,
            "battery_range": Kind.FLOAT,
            "charge_amps": Kind.INT,
            "charge_current_request": Kind.INT,
            "charge_current_request_max": Kind.INT,
            "charge_energy_added": Kind.FLOAT,
            "charge_limit_soc": Kind.INT,
            "charge_limit_soc_max": Kind.INT,
            "charge_limit_soc_min": Kind.INT,
            "charge_limit_soc_std": Kind.INT,
            "charge_port_door_open": Kind.BOOL,
            "charge_port_latch": Kind.TEXT,
            "charge_rate": Kind.FLOAT,
            "charger_actual_current": Kind.INT,
            "charger_phases": Kind.INT,
            "charger_pilot_current": Kind.INT,
            "charger_power": Kind.INT,
            "charger_voltage": Kind.INT,
            "charging_state": Kind.TEXT,
            "est_battery_range": Kind.FLOAT,
            "fast_charger_present": Kind.BOOL,
            "ideal_battery_range": Kind.FLOAT,
            "minutes_to_full_charge": Kind.INT,
            "scheduled_charging_pending": Kind.BOOL,
            "scheduled_charging_start_time": Kind.INT64,
            "scheduled_departure_time_minutes": Kind.INT,
            "time_to_full_charge": Kind.FLOAT,
            "timestamp": Kind.INT64,
            "usable_battery_level": Kind.INT,
        },
        "climate_state": {
            "inside_temp": Kind.FLOAT,
            "is_preconditioning": Kind.BOOL,
            "outside_temp": Kind.FLOAT,
            "timestamp": Kind.INT64,
        },
        "drive_state": {
            "gps_as_of": Kind.INT64,
            "heading": Kind.INT,
            "latitude": Kind.FLOAT,
            "longitude": Kind.FLOAT,
            "power": Kind.INT,
            "shift_state": Kind.ANY,
            "speed": Kind.FLOAT,
            "timestamp": Kind.INT64,
        },
        "vehicle_state": {
            "car_version": Kind.TEXT,
            "locked": Kind.BOOL,
            "odometer": Kind.FLOAT,
            "sentry_mode": Kind.BOOL,
            "timestamp": Kind.INT64,
            "vehicle_name": Kind.TEXT,
        },
    },
    "error": Kind.TEXT,
    "error_description": Kind.TEXT,
}
"""Every field with the type that Go gives it; evcc reads a part of them, but one wrong type loses all."""

TESLA_NEEDS = frozenset(
    {
        "response.charge_state.usable_battery_level",
        "response.charge_state.charging_state",
        "response.charge_state.charge_energy_added",
        "response.charge_state.battery_range",
        "response.charge_state.charge_limit_soc",
        "response.charge_state.charge_amps",
        "response.charge_state.minutes_to_full_charge",
        "response.vehicle_state.odometer",
        "response.climate_state.is_preconditioning",
    }
)
"""What evcc reads of `VEHICLE_DATA`. Go would take a missing one for zero, and evcc with it."""


def _accept_200(answer: Answer) -> Answer:
    """Return a success, as `tesla-proxy-client` and evcc's `apiError` tell one.

    Raises:
        AsleepError: the text says that the car sleeps.
        EvccError: any other failure.
    """
    if answer.code == 200:
        return answer
    told = decode(answer.body, {"error": Kind.TEXT})["error"] if answer.body.startswith(b"{") else ""
    if answer.status.endswith("408 Request Timeout") or "vehicle is offline or asleep" in told:
        raise AsleepError(answer.status)
    raise EvccError(told or answer.status)


@dataclass(frozen=True, slots=True)
class TeslaVehicle:
    """evcc's vehicle `tesla`: reads from Tesla itself, commands to `commandProxy`; both are Fleet API paths."""

    reading: GoHttp
    proxy: GoHttp
    vin: str
    token: str = "ey.tesla.token"

    def _get(self, path: str, struct: Struct) -> Decoded:
        return decode(_accept_200(self.reading.send("GET", path, self._headers())).body, struct)

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/json",
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
        }

    def region(self) -> Decoded:
        """Return where the account's cars are served."""
        return self._get("/api/1/users/region", REGION)

    def vehicles(self) -> Decoded:
        """Return the account's cars; evcc takes the one with its VIN."""
        return self._get("/api/1/vehicles", VEHICLES)

    def data(self) -> Decoded:
        """Return everything, as evcc reads it once for all that it asks."""
        decoded = self._get(f"/api/1/vehicles/{self.vin}/vehicle_data", VEHICLE_DATA)
        if decoded["error"]:
            raise EvccError(decoded["error"])
        return decoded

    def status(self) -> str:
        return STATUS_WORDS.get(self.data()["response.charge_state.charging_state"], "A")

    def soc_pct(self) -> float:
        return float(self.data()["response.charge_state.usable_battery_level"])

    def limit_soc_pct(self) -> int:
        return int(self.data()["response.charge_state.charge_limit_soc"])

    def range_km(self) -> int:
        return int(TESLA_KM_PER_MILE * self.data()["response.charge_state.battery_range"])

    def max_current_a(self) -> float:
        return float(self.data()["response.charge_state.charge_amps"])

    def odometer_km(self) -> float:
        return float(TESLA_KM_PER_MILE * self.data()["response.vehicle_state.odometer"])

    def wake_up(self) -> None:
        decode(_accept_200(self.reading.send("POST", self._path("wake_up"), self._headers(), b"")).body, WOKEN)

    def enable(self, *, enable: bool) -> None:
        try:
            self._command("charge_start" if enable else "charge_stop", b"")
        except AsleepError:
            if enable:
                raise
        except EvccError as error:
            if not enable or str(error) not in ("complete", "is_charging"):
                raise

    def set_max_current(self, amps_a: int) -> None:
        self._command("set_charging_amps", b'{"charging_amps": %d}' % amps_a)

    def _path(self, rest: str) -> str:
        return f"/api/1/vehicles/{self.vin}/{rest}"

    def _command(self, name: str, body: bytes) -> None:
        headers = {**self._headers(), "X-Authorization": "Bearer proxy"}
        answer = _accept_200(self.proxy.send("POST", self._path(f"command/{name}"), headers, body))
        told = decode(answer.body, COMMANDED)
        if not told["response.result"] and told["response.reason"]:
            raise EvccError(told["response.reason"])


# --- evcc's plugin `http`, of which templates are made -------------------------------------------------------------------

KNOWN_ERRORS: dict[bytes, type[EvccError]] = {b"ErrAsleep": AsleepError}
"""Whole bodies of failures for which evcc has an error of its own (`plugin/helper.go`)."""


def _accept_2xx(answer: Answer) -> bytes:
    if not 200 <= answer.code < 300:
        raise KNOWN_ERRORS.get(answer.body, EvccError)(f"unexpected status: {answer.status}")
    return answer.body


def jq(document: Any, path: str) -> Any:
    """Return what a path like `.a.b` finds.

    Raises:
        EvccError: it is null or missing, which evcc takes for a failure.
    """
    for name in path.split(".")[1:]:
        document = document.get(name) if isinstance(document, Mapping) else None
    if document is None:
        raise EvccError(f"{path}: null")
    return document


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EvccError(f"strconv.ParseFloat: parsing {value!r}")
    return float(value)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise EvccError(f"strconv.ParseBool: parsing {value!r}")
    return value


@dataclass(frozen=True, slots=True)
class BleVehicle:
    """evcc's template `tesla-ble`; each value is a request of its own. Its bodies have no Content-Type."""

    http: GoHttp
    vin: str

    def _read(self, name: str) -> Any:
        path = f"/api/1/vehicles/{self.vin}/vehicle_data?endpoints=charge_state"
        answer = self.http.send("GET", path, {"Cache-Control": "max-age=1, must-revalidate"})
        return jq(json.loads(_accept_2xx(answer)), f".response.response.charge_state.{name}")

    def status(self) -> str:
        return STATUS_WORDS.get(self._read("charging_state"), "A")

    def soc_pct(self) -> float:
        return _number(self._read("battery_level"))

    def limit_soc_pct(self) -> int:
        return int(_number(self._read("charge_limit_soc")))

    def range_km(self) -> int:
        return int(_number(self._read("battery_range")) * TEMPLATE_KM_PER_MILE)

    def max_current_a(self) -> float:
        return _number(self._read("charge_amps"))

    def wake_up(self) -> None:
        self._command("wake_up", b"true")

    def enable(self, *, enable: bool) -> None:
        self._command("charge_start" if enable else "charge_stop", b"true" if enable else b"false")

    def set_max_current(self, amps_a: int) -> None:
        self._command("set_charging_amps", b'{"charging_amps": %d}' % amps_a)

    def _command(self, name: str, body: bytes) -> None:
        _accept_2xx(self.http.send("POST", f"/api/1/vehicles/{self.vin}/command/{name}", body=body))


@dataclass(frozen=True, slots=True)
class LoggerVehicle:
    """evcc's template `teslalogger`; each value is a request of its own, and every command is a GET."""

    http: GoHttp
    id: int = 1

    def _read(self, name: str) -> Any:
        return jq(json.loads(_accept_2xx(self.http.send("GET", f"/currentjson/{self.id}"))), f".{name}")

    def status(self) -> str:
        if not _switch(self._read("plugged_in")):
            return "A"
        return "C" if _switch(self._read("charging")) else "B"

    def soc_pct(self) -> float:
        return _number(self._read("battery_level"))

    def limit_soc_pct(self) -> int:
        return int(_number(self._read("charge_limit_soc")))

    def range_km(self) -> int:
        return int(_number(self._read("battery_range_km")))

    def max_current_a(self) -> float:
        return _number(self._read("charge_current_request"))

    def odometer_km(self) -> float:
        return _number(self._read("odometer"))

    def is_preconditioning(self) -> bool:
        return _switch(self._read("is_preconditioning"))

    def wake_up(self) -> None:
        self._command("wake_up")

    def enable(self, *, enable: bool) -> None:
        self._command(f"charge_start_stop?{'true' if enable else 'false'}")

    def set_max_current(self, amps_a: int) -> None:
        self._command(f"set_charging_amps?{amps_a}")

    def _command(self, rest: str) -> None:
        _accept_2xx(self.http.send("GET", f"/command/{self.id}/{rest}"))


# --- the charger `twc3` -------------------------------------------------------------------------------------------------

VITALS: Struct = {
    "contactor_closed": Kind.BOOL,
    "vehicle_connected": Kind.BOOL,
    "session_s": Kind.INT64,
    "grid_v": Kind.FLOAT,
    "grid_hz": Kind.FLOAT,
    "vehicle_current_a": Kind.FLOAT,
    "currentA_a": Kind.FLOAT,
    "currentB_a": Kind.FLOAT,
    "currentC_a": Kind.FLOAT,
    "currentN_a": Kind.FLOAT,
    "voltageA_v": Kind.FLOAT,
    "voltageB_v": Kind.FLOAT,
    "voltageC_v": Kind.FLOAT,
    "relay_coil_v": Kind.FLOAT,
    "pcba_temp_c": Kind.FLOAT,
    "handle_temp_c": Kind.FLOAT,
    "mcu_temp_c": Kind.FLOAT,
    "uptime_s": Kind.INT,
    "input_thermopile_uv": Kind.FLOAT,
    "prox_v": Kind.FLOAT,
    "pilot_high_v": Kind.FLOAT,
    "pilot_low_v": Kind.FLOAT,
    "session_energy_wh": Kind.FLOAT,
    "config_status": Kind.INT,
    "evse_state": Kind.INT,
    "current_alerts": Kind.LIST,
}
TWC3_NEEDS = frozenset(
    {
        *("contactor_closed", "vehicle_connected", "session_s", "session_energy_wh", "grid_v"),
        *(f"current{phase}_a" for phase in "ABC"),
        *(f"voltage{phase}_v" for phase in "ABC"),
    }
)
SPLIT_PHASE_WITHIN_V = 25.0


@dataclass(frozen=True, slots=True)
class Twc3Charger:
    """evcc's charger `twc3`: it looks at the Wall Connector, and starts and stops the vehicle."""

    http: GoHttp
    vehicle: Vehicle

    def vitals(self) -> Decoded:
        """Return what a Wall Connector tells of itself."""
        answer = self.http.send("GET", "/api/1/vitals", {"Accept": "application/json"})
        return decode(_accept_2xx(answer), VITALS)

    def status(self) -> str:
        vitals = self.vitals()
        return "C" if vitals["contactor_closed"] else "B" if vitals["vehicle_connected"] else "A"

    def currents_a(self) -> tuple[float, ...]:
        vitals = self.vitals()
        currents = tuple(vitals[f"current{phase}_a"] for phase in "ABC")
        return (currents[0] + currents[1], 0.0, 0.0) if _is_split_phase(vitals) else currents

    def power_w(self) -> float:
        vitals = self.vitals()
        phases = "AB" if _is_split_phase(vitals) else "ABC"
        is_closed = vitals["contactor_closed"]
        return float(sum(vitals[f"current{phase}_a"] * vitals[f"voltage{phase}_v"] for phase in phases) * is_closed)

    def charged_kwh(self) -> float:
        return float(self.vitals()["session_energy_wh"] / 1000)

    def connected_s(self) -> int:
        return int(self.vitals()["session_s"])

    def enable(self, *, enable: bool) -> None:
        """Start or stop the vehicle; to stop one that is not there is nothing to do."""
        if enable or self.status() != "A":
            self.vehicle.enable(enable=enable)

    def set_max_current(self, amps_a: int) -> None:
        self.vehicle.set_max_current(amps_a)


def _is_split_phase(vitals: Decoded) -> bool:
    return bool(abs(vitals["voltageC_v"] - vitals["grid_v"] / 2) < SPLIT_PHASE_WITHIN_V)
