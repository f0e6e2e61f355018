"""Which chargers are in this network, as they tell by multicast DNS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sunbox.errors import SunboxError
from sunbox.net.browse import CannotListenError, Offer, browse

WAIT_S = 4.0
"""Real ones answer within two seconds; WiFi loses some of what is sent to all."""


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """One charger."""

    host: str  #: its address
    port: int
    serial: str | None
    name: str  #: as it calls itself
    driver: str

    @property
    def url(self) -> str:
        """Return what stands in the configuration."""
        return f"http://{self.host}" + ("" if self.port == 80 else f":{self.port}")

    def as_yaml(self, device_id: str) -> str:
        """Return the line to write below `chargers:`."""
        return f'  - {{id: {device_id}, driver: {self.driver}, url: "{self.url}"}}'


async def find(
    services: Sequence[str],
    take: Callable[[Offer], Found | None],
    wait_s: float,
    *,
    enough: int | None = None,
    interfaces: Sequence[str] | None = None,
) -> list[Found]:
    """Listen for some seconds.

    Args:
        services: whose names to listen for.
        take: makes a charger of an offer, None of what is another device's.
        wait_s: for how long.
        enough: stop as soon as there are so many.
        interfaces: addresses of this machine to listen on; None = all.

    Raises:
        SunboxError: this machine cannot listen; the text says why.
    """
    try:
        return sorted(await browse(services, take, wait_s, enough=enough, interfaces=interfaces))
    except CannotListenError as error:
        raise SunboxError(
            f"this machine cannot listen for chargers ({error}); look up the charger's address in the "
            "router, and write it as `url`"
        ) from None
