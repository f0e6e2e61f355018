"""Which SmartEVSEs are in this network, as they tell by multicast DNS."""

from __future__ import annotations

from collections.abc import Sequence

from sunbox.dialects.smartevse.mdns import SERVICES, serial_from_host
from sunbox.drivers.discovery import WAIT_S, Found, find
from sunbox.net.browse import Offer


async def discover(
    wait_s: float = WAIT_S, *, enough: int | None = None, interfaces: Sequence[str] | None = None
) -> list[Found]:
    """Listen for some seconds (`drivers/discovery.py`)."""
    return await find(SERVICES, _box_of, wait_s, enough=enough, interfaces=interfaces)


def _box_of(offer: Offer) -> Found | None:
    """Return the box that a web server is of, None if it is another device's."""
    serial = serial_from_host(offer.server) or serial_from_host(offer.name)
    if serial is None:
        return None
    return Found(host=offer.host, port=offer.port, serial=serial, name=offer.name, driver="smartevse")
