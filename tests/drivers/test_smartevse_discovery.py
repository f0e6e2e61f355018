"""SmartEVSEs that announce themselves on the loopback interface are found among other web servers."""

from __future__ import annotations

import asyncio
import socket

import pytest
from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from sunbox.dialects.smartevse.mdns import SERVICES, serial_from_host
from sunbox.drivers.discovery import Found
from sunbox.drivers.smartevse.discovery import discover

LOOPBACK = ["127.0.0.1"]


def announced(name: str, port: int, address: str) -> ServiceInfo:
    return ServiceInfo(
        SERVICES[0], f"{name}.{SERVICES[0]}", port, addresses=[socket.inet_aton(address)], server=f"{name}.local."
    )


def test_boxes_are_found_and_nothing_else() -> None:
    async def look() -> list[Found]:
        network = AsyncZeroconf(interfaces=LOOPBACK)
        infos = [
            announced("SmartEVSE-1234", 80, "127.0.0.1"),
            announced("printer", 80, "127.0.0.3"),
            announced("smartevse-51446", 8080, "127.0.0.2"),
        ]
        try:
            for info in infos:
                await (await network.async_register_service(info, strict=False, cooperating_responders=True))
            return await discover(20, enough=2, interfaces=LOOPBACK)
        finally:
            await network.async_close()

    assert asyncio.run(look()) == [
        Found("127.0.0.1", 80, "1234", "SmartEVSE-1234", "smartevse"),
        Found("127.0.0.2", 8080, "51446", "smartevse-51446", "smartevse"),
    ]


def test_the_line_to_write() -> None:
    found = Found("192.168.0.76", 8080, "1234", "x", "smartevse")
    assert found.as_yaml("garage") == '  - {id: garage, driver: smartevse, url: "http://192.168.0.76:8080"}'


@pytest.mark.parametrize(
    ("host", "serial"),
    [("SmartEVSE-1234.local.", "1234"), ("smartevse-51446", "51446"), ("SmartEVSE.local.", None), ("", None)],
)
def test_serial(host: str, serial: str | None) -> None:
    assert serial_from_host(host) == serial
