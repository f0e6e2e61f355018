"""Who offers a service in this network, as devices tell by multicast DNS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

_RESOLVE_MS = 2000

T = TypeVar("T")


class CannotListenError(Exception):
    """This machine cannot listen; the text says why."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A service that somebody offers."""

    host: str  #: its address
    port: int
    server: str  #: name of the machine in the network
    name: str  #: of the service, printable

    @property
    def url(self) -> str:
        """Return where it is, as a web address."""
        return f"http://{self.host}" + ("" if self.port == 80 else f":{self.port}")


async def browse(
    services: Sequence[str],
    take: Callable[[Offer], T | None],
    wait_s: float,
    *,
    enough: int | None = None,
    interfaces: Sequence[str] | None = None,
) -> list[T]:
    """Listen for some seconds; return what `take` made of what was offered, once per address.

    Args:
        services: whose names to listen for.
        take: makes something of an offer, None of what is another device's.
        wait_s: for how long.
        enough: stop as soon as there are so many.
        interfaces: addresses of this machine to listen on; None = all.

    Raises:
        CannotListenError: this machine cannot listen.
    """
    # nobody who does not look for devices needs 10 MB for it
    from zeroconf import InterfaceChoice  # noqa: PLC0415
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf  # noqa: PLC0415

    try:
        network = AsyncZeroconf(interfaces=InterfaceChoice.All if interfaces is None else list(interfaces))
    except OSError as error:
        raise CannotListenError(error.strerror or str(error)) from None
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def hear(service_type: str, name: str, **_: Any) -> None:
        heard.put_nowait((service_type, name))

    found: dict[tuple[str, int], T] = {}
    browser = AsyncServiceBrowser(network.zeroconf, list(services), handlers=[hear])
    try:
        async with asyncio.timeout(wait_s):
            while enough is None or len(found) < enough:
                service_type, name = await heard.get()
                info = AsyncServiceInfo(service_type, name)
                if await info.async_request(network.zeroconf, _RESOLVE_MS):
                    offer = _offer_of(info, name.removesuffix(f".{service_type}"))
                    taken = None if offer is None else take(offer)
                    if offer is not None and taken is not None:
                        found[offer.host, offer.port] = taken
    except TimeoutError:
        pass
    finally:
        await browser.async_cancel()
        await network.async_close()
    return list(found.values())


def _offer_of(info: Any, name: str) -> Offer | None:
    """Return what was told about a service, None without an address."""
    addresses = [text for text in info.parsed_addresses() if ":" not in text] or [
        f"[{text}]" for text in info.parsed_addresses() if not text.lower().startswith("fe80")
    ]
    if not addresses or not info.port:
        return None
    printable = "".join(char if char.isprintable() else " " for char in name)[:80]
    return Offer(host=addresses[0], port=info.port, server=info.server or "", name=printable)
