"""What evcc's charger `go-e` puts on the wire, and what it makes of the answers. Sources: evcc `charger/go-e.go`, `charger/go-e/`."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from evcc_drivers import GIVES_UP_S, Answer, EvccError
from go_json import Decoded, GoDecodeError, Kind, ListOf, Struct, decode

STATUS: Struct = {
    "car": Kind.INT,
    "alw": Kind.BOOL,
    "nrg": Kind.LIST,
    "eto": Kind.UINT64,
    "wh": Kind.FLOAT,
    "trx": Kind.INT,  # a pointer: null is known as such
    "cards": ListOf({"name": Kind.TEXT, "energy": Kind.FLOAT, "cardId": Kind.BOOL}),
}
V1: Struct = {
    "car": Kind.TEXT,
    "alw": Kind.TEXT,
    "amp": Kind.TEXT,
    "eto": Kind.TEXT,
    "dws": Kind.TEXT,
    "nrg": Kind.LIST,
}


@dataclass(slots=True)
class GoeV2:
    """The charger `go-e` as evcc runs it: asks for `alw` first, and speaks v1 for ever if that fails."""

    url: str
    is_v2: bool = True

    def start(self) -> GoeV2:
        """Find out which generation it is."""
        try:
            decode(self._get("/api/status?filter=alw"), STATUS)
        except (EvccError, GoDecodeError):
            self.is_v2 = False
        return self

    def read(self) -> Decoded:
        """Return one poll."""
        told = decode(self._get("/api/status?filter=alw,car,eto,nrg,wh,trx,cards"), STATUS)
        assert len(told["nrg"]) == 16, "evcc leaves the meter alone"
        assert str not in {type(each) for each in told["nrg"]}, "cannot unmarshal string into float64"
        return told

    def status(self) -> str:
        """Return A, B or C.

        Raises:
            EvccError: a state that evcc does not know.
        """
        car = self.read()["car"]
        try:
            return {1: "A", 2: "C", 3: "B", 4: "B"}[car]
        except KeyError:
            raise EvccError(f"car unknown result: {car}") from None

    def enabled(self) -> bool:
        return bool(self.read()["alw"])

    def enable(self, *, enable: bool) -> None:
        self._set(f"frc={2 if enable else 1}")

    def set_max_current(self, amps_a: int) -> None:
        self._set(f"amp={amps_a}")

    def set_phases(self, phases: int) -> None:
        self._set(f"psm={2 if phases == 3 else 1}")

    def power_w(self) -> float:
        return float(self.read()["nrg"][11])

    def currents_a(self) -> tuple[float, ...]:
        return tuple(float(amps) for amps in self.read()["nrg"][4:7])

    def _set(self, setting: str) -> None:
        """Send a setting; the answer must be a JSON object."""
        if not isinstance(json.loads(self._get(f"/api/set?{setting}")), dict):
            raise EvccError("cannot unmarshal into map")

    def _get(self, path: str) -> bytes:
        answer = exchange(self.url, path)
        if not 200 <= answer.code < 300:
            raise EvccError(f"unexpected status: {answer.status}")
        return answer.body


@dataclass(slots=True)
class GoeV1:
    """The same for the older API."""

    url: str

    def read(self) -> Decoded:
        return decode(exchange(self.url, "/status").body, V1)

    def status(self) -> str:
        return {"1": "A", "2": "C", "3": "B", "4": "B"}[self.read()["car"]]

    def enable(self, *, enable: bool) -> Decoded:
        return decode(exchange(self.url, f"/mqtt?payload=alw={int(enable)}").body, V1)

    def set_max_current(self, amps_a: int) -> Decoded:
        return decode(exchange(self.url, f"/mqtt?payload=amx={amps_a}").body, V1)

    def power_w(self) -> float:
        return float(self.read()["nrg"][11]) * 10


def exchange(url: str, path: str, method: str = "GET") -> Answer:
    """Return the answer to a request, byte by byte as evcc logged one (evcc-io/evcc issue 2644)."""
    address = urlsplit(url)
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {address.netloc}",
        "User-Agent: Go-http-client/1.1",
        "Accept: application/json",
        "Accept-Encoding: gzip",
    ]
    with socket.create_connection((address.hostname or "", address.port or 80), GIVES_UP_S) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        try:
            return Answer(f"{response.status} {response.reason}", response.read())
        finally:
            response.close()
