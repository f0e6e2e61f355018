"""Which SmartEVSEs are in this network, as they tell by multicast DNS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sunbox.dialects.smartevse.mdns import SERVICES, serial_from_host
from sunbox.errors import SunboxError
from sunbox.net.browse import CannotListenError, Offer, browse

WAIT_S = 4.0


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """One box."""

    host: str  #: its address
    port: int
    serial: str
    name: str  #: as it calls itself

    @property
    def url(self) -> str:
        """Return what stands in the configuration."""
        return f"http://{self.host}" + ("" if self.port == 80 else f":{self.port}")

    def as_yaml(self, device_id: str) -> str:
        """Return the line to write below `chargers:`."""
        return f'  - {{id: {device_id}, driver: smartevse, url: "{self.url}"}}'


async def discover(
    wait_s: float = WAIT_S, *, enough: int | None = None, interfaces: Sequence[str] | None = None
) -> list[Found]:
    """Listen for some seconds.

    Args:
        wait_s: for how long.
        enough: stop as soon as there are so many.
        interfaces: addresses of this machine to listen on; None = all.

    Raises:
        SunboxError: this machine cannot listen; the text says why.
    """
    try:
        return sorted(await browse(SERVICES, _box_of, wait_s, enough=enough, interfaces=interfaces))
    except CannotListenError as error:
        raise SunboxError(
            f"this machine cannot listen for chargers ({error}); look up the charger's address in the "
            "router, and write it as `url`"
        ) from None


def _box_of(offer: Offer) -> Found | None:
    """Return the box that a web server is of, None if it is another device's."""
    serial = serial_from_host(offer.server) or serial_from_host(offer.name)
    return None if serial is None else Found(host=offer.host, port=offer.port, serial=serial, name=offer.name)
