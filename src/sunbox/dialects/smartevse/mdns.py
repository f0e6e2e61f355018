"""How SmartEVSEs name themselves in a network (multicast DNS): web servers of a name that begins so, without further words.

Source: dingo35/SmartEVSE-3.5, `network_common.cpp`; dingo35/ha-SmartEVSEv3, `manifest.json`.
"""

from __future__ import annotations

import re

SERVICES: tuple[str, ...] = ("_http._tcp.local.",)

_SERIAL = re.compile(r"smartevse-([0-9]{1,8})", re.IGNORECASE)


def serial_from_host(host: str) -> str | None:
    """Return the serial number in a host name such as `SmartEVSE-1234.local.`, None if it is another device."""
    found = _SERIAL.fullmatch(host.partition(".")[0])
    return None if found is None else found[1]
