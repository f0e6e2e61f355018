"""Which go-eCharger are in this network, as they tell by multicast DNS."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sunbox.dialects.goe.mdns import SERVICES, serial_from_host
from sunbox.errors import SunboxError

WAIT_S = 4.0
"""Real ones answer within two seconds; WiFi loses some of what is sent to all."""

_RESOLVE_MS = 2000


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """One charger."""

    host: str  #: its address
    port: int
    serial: str | None
    name: str  #: as it calls itself

    @property
    def url(self) -> str:
        """Return what stands in the configuration."""
        return f"http://{self.host}" + ("" if self.port == 80 else f":{self.port}")

    def as_yaml(self, device_id: str) -> str:
        """Return the line to write below `chargers:`."""
        return f'  - {{id: {device_id}, driver: goe, url: "{self.url}"}}'


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
    # nobody who does not look for chargers needs 10 MB for it
    from zeroconf import InterfaceChoice  # noqa: PLC0415
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf  # noqa: PLC0415

    try:
        network = AsyncZeroconf(interfaces=InterfaceChoice.All if interfaces is None else list(interfaces))
    except OSError as error:
        raise SunboxError(
            f"this machine cannot listen for chargers ({error.strerror or error}); look up the charger's address in the "
            "router, and write it as `url`"
        ) from None
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def hear(service_type: str, name: str, **_: Any) -> None:
        heard.put_nowait((service_type, name))

    found: dict[tuple[str, int], Found] = {}
    browser = AsyncServiceBrowser(network.zeroconf, list(SERVICES), handlers=[hear])
    try:
        async with asyncio.timeout(wait_s):
            while enough is None or len(found) < enough:
                service_type, name = await heard.get()
                info = AsyncServiceInfo(service_type, name)
                if await info.async_request(network.zeroconf, _RESOLVE_MS):
                    charger = _charger_of(info, name.removesuffix(f".{service_type}"))
                    if charger is not None:
                        found[charger.host, charger.port] = charger
    except TimeoutError:
        pass
    finally:
        await browser.async_cancel()
        await network.async_close()
    return sorted(found.values())


def _charger_of(info: Any, name: str) -> Found | None:
    """Return a charger of what was told about it, None without an address."""
    addresses = [text for text in info.parsed_addresses() if ":" not in text] or [
        f"[{text}]" for text in info.parsed_addresses() if not text.lower().startswith("fe80")
    ]
    if not addresses or not info.port:
        return None
    serial = serial_from_host(info.server or "") or serial_from_host(name)
    return Found(host=addresses[0], port=info.port, serial=serial, name=_printable(name))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:80]
