"""A SmartEVSE's box is found in the network by its name, as Home Assistant's integration looks for it; who cannot announce goes on."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs
from tests.loopback import WITHIN_S
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from sunbox.faces.smartevse.mdns import SERVICE, announce

LOOPBACK = "127.0.0.1"


def test_it_is_found_by_its_serial_number() -> None:
    async def main() -> None:
        announcing = asyncio.create_task(announce("SmartEVSE-4711", 5002, LOOPBACK))
        network = AsyncZeroconf(interfaces=[LOOPBACK])
        try:
            async with asyncio.timeout(WITHIN_S):
                info = AsyncServiceInfo(SERVICE, f"SmartEVSE-4711.{SERVICE}")
                while not await info.async_request(network.zeroconf, 3000):
                    pass
            assert (info.server, info.port) == ("SmartEVSE-4711.local.", 5002)
            assert info.parsed_addresses() == [LOOPBACK]
        finally:
            announcing.cancel()
            await asyncio.gather(announcing, return_exceptions=True)
            await network.async_close()

    asyncio.run(main())


def test_a_machine_that_cannot_is_no_error() -> None:
    with capture_logs() as logs:
        asyncio.run(announce("SmartEVSE-4711", 5002, "no address"))
    assert [line["event"] for line in logs] == ["smartevse_not_announced"]
