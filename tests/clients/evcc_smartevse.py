"""What evcc's charger `smart-evse` puts on the wire, and what it makes of the answers. Source: evcc `charger/smart-evse.go`."""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from evcc_drivers import GIVES_UP_S, Answer, EvccError
from go_json import Decoded, Kind, Struct, decode

SETTINGS: Struct = {
    "mode": Kind.TEXT,
    "mode_id": Kind.INT,
    "car_connected": Kind.BOOL,
    "evse": {
        "connected": Kind.BOOL,
        "access": Kind.INT,
        "mode": Kind.INT,
        "charge_timer": Kind.INT,  # no firmware since 1.5.5 has it
        "state": Kind.TEXT,
        "state_id": Kind.INT,
        "error": Kind.TEXT,
        "error_id": Kind.INT,
        "rfid": Kind.TEXT,
        "rfidreader": Kind.TEXT,
        "rfid_lastread": Kind.TEXT,
        "nrofphases": Kind.INT,
    },
    "settings": {
        "charge_current": Kind.INT,
        "override_current": Kind.INT,
        "current_min": Kind.INT,
        "current_max": Kind.INT,
        "current_main": Kind.INT,
        "enable_C2": Kind.TEXT,
    },
    "ev_meter": {
        "description": Kind.TEXT,
        "address": Kind.INT,
        "import_active_power": Kind.FLOAT,
        "total_wh": Kind.FLOAT,
        "charged_wh": Kind.FLOAT,
        "import_active_energy": Kind.FLOAT,
        "export_active_energy": Kind.FLOAT,
        "currents": {"TOTAL": Kind.FLOAT, "L1": Kind.FLOAT, "L2": Kind.FLOAT, "L3": Kind.FLOAT},
    },
}

MAY_BE_ABSENT = frozenset({"evse.rfid_lastread", "evse.charge_timer", "ev_meter.export_active_energy"})
"""What firmware leaves out: without a reader, never, and while it is 0; Go takes each for nothing."""

OFF, PAUSE = 0, 4
CHARGING = {2, 3, 6, 7, 10}
STOPPED = {9, 10}
ONE_PHASE, THREE_PHASES = 1, 3


@dataclass(slots=True)
class SmartEvseCharger:
    """The charger `smart-evse` as evcc runs it: one connection per request, bodies empty, replies unread."""

    url: str
    mode: int = 1  #: 3 with `chargeMode: smart`
    has_meter: bool = False
    has_phases: bool = False

    def start(self) -> SmartEvseCharger:
        """Look once at what it can do."""
        told = self.read()
        self.has_meter = told["ev_meter.description"] not in ("", "Disabled")
        self.has_phases = told["settings.enable_C2"] not in ("", "Not present")
        return self

    def read(self) -> Decoded:
        answer = self._ask("GET", "/settings", {"Accept": "application/json"})
        return decode(answer.body, SETTINGS)

    def status(self) -> str:
        told = self.read()
        if not told["car_connected"]:
            return "A"
        return "C" if told["evse.state_id"] in CHARGING else "B"

    def enabled(self) -> bool:
        told = self.read()
        return told["evse.state_id"] not in STOPPED and told["mode_id"] not in (OFF, PAUSE)

    def enable(self, *, enable: bool) -> None:
        mode = self.read()["mode_id"]
        if enable and mode != self.mode:
            self._set(f"mode={self.mode}")
        elif not enable and mode not in (OFF, PAUSE):
            self._set(f"mode={PAUSE}")

    def set_max_current(self, amps_a: float) -> None:
        if amps_a < 6:
            raise EvccError(f"invalid current {amps_a:.3g}")
        self._set(f"override_current={int(amps_a * 10)}")

    def set_phases(self, phases: int) -> None:
        was_enabled = self.enabled()
        if was_enabled:
            self.enable(enable=False)
        self._set(f"enable_C2={ONE_PHASE if phases == 1 else THREE_PHASES}")
        if was_enabled:
            self.enable(enable=True)

    def power_w(self) -> float:
        return float(self.read()["ev_meter.import_active_power"])

    def energy_kwh(self) -> float:
        return float(self.read()["ev_meter.import_active_energy"]) / 1000

    def currents_a(self) -> tuple[float, ...]:
        told = self.read()
        return tuple(float(told[f"ev_meter.currents.L{phase}"]) / 10 for phase in (1, 2, 3))

    def _set(self, setting: str) -> None:
        self._ask("POST", f"/settings?{setting}", {"Content-Type": "application/x-www-form-urlencoded"})

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        answer = exchange(self.url, method, path, headers)
        if not 200 <= answer.code < 300:
            raise EvccError(f"unexpected status: {answer.status}")
        return answer


def exchange(url: str, method: str, path: str, headers: dict[str, str], *, takes_gzip: bool = True) -> Answer:
    """Send one request as Go's `net/http` writes it, without keep-alive, and read the answer."""
    address = urlsplit(url)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address.netloc}", "User-Agent: Go-http-client/1.1"]
    if method == "POST":
        lines.append("Content-Length: 0")
    lines += [f"{name}: {value}" for name, value in sorted(headers.items())]
    lines += [*(["Accept-Encoding: gzip"] if takes_gzip else []), "Connection: close", "", ""]
    with socket.create_connection((address.hostname, address.port), timeout=GIVES_UP_S) as connection:
        connection.sendall("\r\n".join(lines).encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        return Answer(f"{response.status} {response.reason}", response.read())
