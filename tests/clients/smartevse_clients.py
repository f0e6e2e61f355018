"""What other people's clients of a SmartEVSE put on the wire, byte by byte, and what they make of the answers.

| client | source | document that it needs |
|---|---|---|
| Home Assistant's integration | `dingo35/ha-SmartEVSEv3` 1.1.4, its recorded requests; fields from `__init__.py` and `const.py` | kWh, PAUSE (3.8 to 3.9) |
| TeslaLogger's meter | `bassmaster187/TeslaLogger` `ElectricityMeterSmartEVSE3.cs` | kWh (before 3.10) |
| Victron | `quokka2020/victron_smartevse` `web_interface.go`, `smartevse.go` | Wh, `ocpp` (from 3.10) |
| the dual charger | `bitosome/smartevse-dual-charger` `controller.py` | any |
| feeders and hands | the firmware's own files for Home Assistant, ESPHome and Node-RED; curl | any |

evcc's is in `evcc_smartevse.py`.
"""

from __future__ import annotations

import ast
import http.client
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from evcc_drivers import GIVES_UP_S
from evcc_smartevse import exchange
from go_json import Decoded, Kind, Struct, decode

SHARED = Path(os.environ.get("SUNBOX_SHARED", Path(__file__).parents[2].parent / "shared"))
HA_LOG = SHARED / "fixtures" / "smartevse" / "ha_client_log.txt"

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    code: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A connection on which requests go out as they are written here, header by header."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.host = address.netloc
        self._socket = socket.create_connection((address.hostname or "", address.port or 80), GIVES_UP_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def ask(self, method: str, target: str, headers: Headers, body: bytes = b"") -> Reply:
        """Send a request with these headers and no other, and return its answer."""
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
        self._socket.sendall("\r\n".join(lines).encode() + body)
        response = http.client.HTTPResponse(self._socket, method=method)
        try:
            response.begin()
            return Reply(response.status, response.read())
        finally:
            response.close()


def ask_once(url: str, method: str, target: str, headers: Headers, body: bytes = b"") -> Reply:
    """Send one request on a connection of its own."""
    with Wire(url) as wire:
        return wire.ask(method, target, [("Host", wire.host), *headers], body)


class Kept:
    """A connection that is kept and opened anew when the server has closed it, as pools of clients do."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._wire: Wire | None = None

    def ask(self, method: str, target: str, headers: Headers) -> Reply:
        if self._wire is None:
            self._wire = Wire(self._url)
        wire = self._wire
        try:
            return wire.ask(method, target, [("Host", wire.host), *headers])
        except (http.client.RemoteDisconnected, ConnectionError):
            self.close()
            self._wire = Wire(self._url)
            return self._wire.ask(method, target, [("Host", wire.host), *headers])

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None


# --- Home Assistant ----------------------------------------------------------------------------------------------------

C2_WORDS = frozenset({"Not present", "Always Off", "Solar Off", "Always On", "Auto"})
MODE_IDS = frozenset(range(5))

HA_FIELDS: Mapping[str, tuple[type, ...]] = {
    "version": (str,),
    "serialnr": (int,),
    "mode": (str,),
    "mode_id": (int,),
    "car_connected": (bool,),
    "evse.temp": (int,),
    "evse.access": (int,),
    "evse.mode": (int,),
    "evse.loadbl": (int,),
    "evse.solar_stop_timer": (int,),
    "evse.state": (str,),
    "evse.state_id": (int,),
    "evse.error": (str,),
    "evse.error_id": (int,),
    "settings.charge_current": (int,),
    "settings.override_current": (int,),
    "settings.current_min": (int,),
    "settings.current_max": (int,),
    "settings.current_main": (int,),
    "settings.current_max_circuit": (int,),
    "settings.current_max_sum_mains": (int,),
    "settings.solar_max_import": (int,),
    "settings.solar_start_current": (int,),
    "settings.solar_stop_time": (int,),
    "settings.enable_C2": (str,),
    "settings.mains_meter": (str,),
    "settings.starttime": (int,),
    "home_battery.current": (int,),
    "home_battery.last_update": (int,),
    "ev_meter.import_active_power": (int, float),
    **{f"ev_meter.currents.{name}": (int,) for name in ("TOTAL", "L1", "L2", "L3")},
    **{f"phase_currents.{name}": (int,) for name in ("TOTAL", "L1", "L2", "L3")},
    "phase_currents.last_data_update": (int,),
}
"""What it reads of every document; a field that is missing takes the rest of its block with it."""
HA_ENERGIES: Mapping[str, tuple[type, ...]] = {
    "ev_meter.total_kwh": (int, float),
    "ev_meter.charged_kwh": (int, float),
    "ev_meter.import_active_energy": (int, float),
    "ev_meter.export_active_energy": (int, float),
    "mains_meter.import_active_energy": (int, float),
    "mains_meter.export_active_energy": (int, float),
}
"""What it reads besides, and takes for kWh."""


def at(document: Any, dotted: str) -> Any:
    """Return what stands at a path.

    Raises:
        KeyError: it is not there.
    """
    for name in dotted.split("."):
        document = document[name]
    return document


def odd_fields(document: Any, fields: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """Return what is not of its type; a truth value is no number."""
    found = {path: at(document, path) for path in fields}
    return {path: value for path, value in found.items() if type(value) not in fields[path]}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it was recorded."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: str

    def send(self, url: str) -> Reply:
        """Send it again, header by header, on a connection of its own, to another host."""
        with Wire(url) as wire:
            headers = [(name, wire.host if name == "Host" else value) for name, value in self.headers.items()]
            return wire.ask(self.method, self.target, headers, self.body.encode())


def recorded_by_home_assistant() -> list[Recorded]:
    lines = HA_LOG.read_text("utf-8").splitlines()
    return [Recorded(*ast.literal_eval(line)) for line in lines if line]


# --- TeslaLogger -------------------------------------------------------------------------------------------------------


class TeslaLogger:
    """The electricity meter `smartevse3`: .NET's WebClient, and JSON of which each value is looked up by name."""

    def __init__(self, url: str) -> None:
        self._kept = Kept(url)
        self.close = self._kept.close

    def _document(self) -> Any:
        reply = self._kept.ask("GET", "/settings", [("Connection", "Keep-Alive")])
        assert reply.code == 200
        return reply.json

    def _number(self, dotted: str) -> float | None:
        """Return a number as `Double.Parse` reads its text; None where an exception is logged."""
        try:
            value = at(self._document(), dotted)
        except (KeyError, TypeError):
            return None
        return float(str(value)) if type(value) in (int, float) else None

    def vehicle_kwh(self) -> float | None:
        return self._number("ev_meter.import_active_energy")

    def utility_kwh(self) -> float | None:
        return self._number("mains_meter.import_active_energy")

    def is_charging(self) -> bool:
        state_id = at(self._document(), "evse.state_id")
        assert type(state_id) is int
        return state_id == 2

    def version(self) -> str:
        version = self._document()["version"]
        assert type(version) is str
        return version


# --- Victron -----------------------------------------------------------------------------------------------------------

VICTRON_JSON = {"Accept": "application/json", "Content-Type": "application/json"}
VICTRON: Struct = {
    "serialnr": Kind.INT,
    "version": Kind.TEXT,
    "mode_id": Kind.INT,
    "mqtt": {"topic_prefix": Kind.TEXT},
    "settings": {"current_min": Kind.FLOAT, "current_max": Kind.FLOAT, "charge_current": Kind.FLOAT},
    "ev_meter": {"total_wh": Kind.FLOAT, "charged_wh": Kind.FLOAT},
    "ocpp": dict.fromkeys(
        ("mode", "backend_url", "cb_id", "auth_key", "auto_auth", "auto_auth_idtag", "status"), Kind.TEXT
    ),
}

VICTRON_NUMBERS = (
    *("EVCurrentL1", "EVCurrentL2", "EVCurrentL3", "MaxCurrent", "ChargeCurrent", "EVChargePower"),
    *("EVEnergyCharged", "EVTotalEnergyCharged", "ESPTemp"),
)
"""Topics that it reads as numbers."""
VICTRON_STATES = frozenset({"Charging", "Charging Stopped", "Connected to EV", "Ready to Charge", "Stop Charging"})
"""What it knows of the topic `State`; every other word is logged, and taken for a car that is plugged in."""


@dataclass(frozen=True, slots=True)
class Victron:
    """Go's `net/http` without keep-alive and without compression; only 200 is success, and its JSON must fit, also a POST's."""

    url: str

    def settings(self) -> Decoded:
        return self._ask("GET", "/settings")

    def set_ocpp_auto_start(self, value: int) -> Decoded:
        return self._ask("POST", f"/settings?ocpp_update=1&ocpp_auto_auth={value}")

    def _ask(self, method: str, target: str) -> Decoded:
        answer = exchange(self.url, method, target, VICTRON_JSON, takes_gzip=False)
        assert answer.code == 200
        return decode(answer.body, VICTRON)


# --- the dual charger --------------------------------------------------------------------------------------------------

HOME_ASSISTANT = "HomeAssistant/2026.3.1 aiohttp/3.13.3 Python/3.14"
MODES = {"OFF": "Off", "NORMAL": "Normal", "SOLAR": "Solar", "SMART": "Smart", "PAUSE": "Pause"}
NUMBERS = {"Off": 0, "Smart": 3}


@dataclass(frozen=True, slots=True)
class Status:
    """What the dual charger knows of a box."""

    is_connected: bool
    state: str
    mode: str
    charge_a: float
    max_a: float
    override_a: float
    error: str


@dataclass(slots=True)
class DualCharger:
    """Home Assistant's aiohttp: connections are kept, bodies are empty texts, any status below 400 is success."""

    urls: Sequence[str]
    _kept: list[Kept] = field(init=False)

    def __post_init__(self) -> None:
        self._kept = [Kept(url) for url in self.urls]

    def close(self) -> None:
        for kept in self._kept:
            kept.close()

    def statuses(self) -> list[Status]:
        return [self._status(kept) for kept in self._kept]

    def apply(self, active: int | None) -> list[str]:
        """Set one box to SMART, the others to OFF, and every override to none; return what was sent."""
        sent = []
        for number, (kept, status) in enumerate(zip(self._kept, self.statuses(), strict=True)):
            wanted = "Smart" if number == active else "Off"
            parameters = {}
            if status.mode != wanted:
                parameters["mode"] = NUMBERS[wanted]
            if status.override_a > 0:
                parameters["disable_override_current"] = 1
            if parameters:
                sent.append(self._post(kept, "/settings", parameters))
        return sent

    def push_currents(self, amps: Sequence[float]) -> None:
        for kept in self._kept:
            self._post(kept, "/currents", _phases(amps))

    def push_ev_meter(self, amps: Sequence[float], power_w: float, imported_kwh: float, exported_kwh: float) -> None:
        energies = {
            "import_active_power": round(power_w),
            "import_active_energy": round(imported_kwh * 1000),
            "export_active_energy": round(exported_kwh * 1000),
        }
        for kept in self._kept:
            self._post(kept, "/ev_meter", _phases(amps) | energies)

    def _status(self, kept: Kept) -> Status:
        reply = kept.ask("GET", "/settings", self._headers())
        assert reply.code < 400
        told = reply.json
        assert odd_fields(told, {"car_connected": (bool,), "evse.connected": (bool,), "mode_id": (int,)}) == {}
        assert odd_fields(told, {"mode": (str,), "evse.state": (str,), "evse.error": (str,)}) == {}
        deciamps = {"settings.charge_current": (int,), "settings.override_current": (int,)}
        assert odd_fields(told, {**deciamps, "settings.current_max": (int,)}) == {}
        assert MODES[told["mode"]] == list(MODES.values())[told["mode_id"]]
        evse, settings = told["evse"], told["settings"]
        return Status(
            is_connected=told["car_connected"] or evse["connected"],
            state=evse["state"],
            mode=MODES[told["mode"]],
            charge_a=settings["charge_current"] / 10,
            max_a=settings["current_max"],
            override_a=settings["override_current"] / 10,
            error=evse["error"],
        )

    def _post(self, kept: Kept, path: str, parameters: Mapping[str, int]) -> str:
        about = [*self._headers(), ("Content-Length", "0"), ("Content-Type", "text/plain; charset=utf-8")]
        target = f"{path}?{urlencode(parameters)}"
        assert kept.ask("POST", target, about).code < 400
        return target

    @staticmethod
    def _headers() -> Headers:
        return [("User-Agent", HOME_ASSISTANT), ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate, br")]


def _phases(amps: Sequence[float]) -> dict[str, int]:
    return {f"L{number}": round(each * 10) for number, each in enumerate(amps, 1)}


# --- feeders and hands -------------------------------------------------------------------------------------------------

JSON_BODY = b"{}"


@dataclass(frozen=True, slots=True)
class Hand:
    """Who posts now and then: a connection each, and whatever body the program at hand makes."""

    url: str

    def rest_command(self, target: str) -> Reply:
        """Post as Home Assistant's `rest_command` with a payload does, which the firmware's own file writes."""
        about = [("User-Agent", HOME_ASSISTANT), ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate, br")]
        about += [("Content-Type", "application/json"), ("Content-Length", str(len(JSON_BODY)))]
        return ask_once(self.url, "POST", target, about, JSON_BODY)

    def esphome(self, amps: Sequence[float]) -> Reply:
        """Post the mains as ESPHome's `http_request.post` does: `%.0f` of tenths, which may be -0."""
        told = "&".join(f"L{number}={each * 10:.0f}" for number, each in enumerate(amps, 1))
        about = [("User-Agent", "ESPHome/2026.1 (https://esphome.io)"), ("Content-Length", "0")]
        return ask_once(self.url, "POST", f"/currents?{told}", about)

    def node_red(self, battery_da: int) -> Reply:
        """Post the home battery as Node-RED's flow does."""
        about = [("user-agent", "got (https://github.com/sindresorhus/got)"), ("content-length", "0")]
        about += [("accept-encoding", "gzip, deflate, br"), ("Connection", "close")]
        return ask_once(self.url, "POST", f"/currents?battery_current={battery_da}", about)

    def curl(self, target: str, form: str | None = None) -> Reply:
        """Post as `curl -X POST` does, without any length, or with `-d`, whose body no box reads."""
        about = [("User-Agent", "curl/8.5.0"), ("Accept", "*/*")]
        body = b"" if form is None else form.encode()
        if form is not None:
            about += [("Content-Length", str(len(body))), ("Content-Type", "application/x-www-form-urlencoded")]
        return ask_once(self.url, "POST", target, about, body)
