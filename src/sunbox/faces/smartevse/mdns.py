"""`SmartEVSE-<serial>` by multicast DNS, by which Home Assistant's integration finds a box. Without it everything else works."""

from __future__ import annotations

import asyncio
import socket

import structlog

log = structlog.get_logger(__name__)

SERVICE = "_http._tcp.local."
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not listened on


async def announce(name: str, port: int, listen: str) -> None:
    """Announce a box until cancelled; a machine that cannot is no error.

    Args:
        name: `SmartEVSE-<serial>`.
        port: of its REST.
        listen: address that it is served at; everywhere: all of this machine.
    """
    # nobody who is not found this way needs 10 MB for it
    from zeroconf import InterfaceChoice, IPVersion, ServiceInfo  # noqa: PLC0415
    from zeroconf.asyncio import AsyncZeroconf  # noqa: PLC0415

    try:
        addresses = [_own_address()] if listen in EVERYWHERE else [listen]
        info = ServiceInfo(
            SERVICE,
            f"{name}.{SERVICE}",
            addresses=[socket.inet_aton(each) for each in addresses],
            port=port,
            server=f"{name}.local.",
        )
        network = AsyncZeroconf(
            interfaces=InterfaceChoice.Default if listen in EVERYWHERE else [listen], ip_version=IPVersion.V4Only
        )
    except (OSError, ValueError) as error:
        log.warning("smartevse_not_announced", name=name, why=str(error))
        return
    try:
        await network.async_register_service(info, allow_name_change=True)
        await asyncio.Event().wait()
    except (OSError, ValueError) as error:
        log.warning("smartevse_not_announced", name=name, why=str(error))
    finally:
        await network.async_close()


def _own_address() -> str:
    """Return the address by which this machine reaches others; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
