"""Which go-eCharger are in this network, as they tell by multicast DNS."""

from __future__ import annotations

from collections.abc import Sequence

from sunbox.dialects.goe.mdns import SERVICES, serial_from_host
from sunbox.drivers.discovery import WAIT_S, Found, find
from sunbox.net.browse import Offer


async def discover(
    wait_s: float = WAIT_S, *, enough: int | None = None, interfaces: Sequence[str] | None = None
) -> list[Found]:
    """Listen for some seconds (`drivers/discovery.py`)."""
    return await find(SERVICES, _charger_of, wait_s, enough=enough, interfaces=interfaces)


def _charger_of(offer: Offer) -> Found:
    """Return the charger that a service is of."""
    serial = serial_from_host(offer.server) or serial_from_host(offer.name)
    return Found(host=offer.host, port=offer.port, serial=serial, name=offer.name, driver="goe")
