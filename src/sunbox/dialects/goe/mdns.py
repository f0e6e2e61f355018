"""How go-eChargers name themselves in a network (multicast DNS).

Source: goecharger/go-eCharger-API-v2 issue 108. Names of services are longer than the standard allows.
"""

from __future__ import annotations

import re

SERVICES: tuple[str, ...] = ("_go-e_go-eCharger._tcp.local.", "_go-e_go-eCharger_V4._tcp.local.")
"""What they offer; a go-eController (`_go-e_controller`) is none of them."""

_SERIAL = re.compile(r"go-e[-_]?charger[_-](\w{4,16})", re.IGNORECASE)


def serial_from_host(host: str) -> str | None:
    """Return the serial number in a host name such as `go-echarger_000001.local.`, None if there is none."""
    found = _SERIAL.match(host.partition(".")[0])
    return None if found is None else found[1]
