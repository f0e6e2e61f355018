"""Chargers that announce themselves on the loopback interface are found, and only they."""

from __future__ import annotations

import asyncio
import socket

import pytest
from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from sunbox.dialects.goe.mdns import SERVICES, serial_from_host
from sunbox.drivers.discovery import Found
from sunbox.drivers.goe.discovery import discover

LOOPBACK = ["127.0.0.1"]


def announced(service: str, name: str, serial: str, port: int = 80, address: str = "127.0.0.1") -> ServiceInfo:
    return ServiceInfo(
        service,
        f"{name}.{service}",
        port,
        addresses=[socket.inet_aton(address)],
        server=f"go-echarger_{serial}.local.",
        properties={"anything": "else"},
    )


def test_chargers_are_found_and_nothing_else() -> None:
    async def look() -> list[Found]:
        network = AsyncZeroconf(interfaces=LOOPBACK)
        infos = [
            announced(SERVICES[0], "Garage", "000001"),
            announced(SERVICES[1], "go-eCharger_000002", "000002", 8080, "127.0.0.2"),
            announced("_go-e_controller._tcp.local.", "Controller", "000003"),
        ]
        try:
            for info in infos:
                await (await network.async_register_service(info, strict=False, cooperating_responders=True))
            return await discover(20, enough=2, interfaces=LOOPBACK)
        finally:
            await network.async_close()

    assert asyncio.run(look()) == [
        Found("127.0.0.1", 80, "000001", "Garage", "goe"),
        Found("127.0.0.2", 8080, "000002", "go-eCharger_000002", "goe"),
    ]


def test_nobody_there_is_an_empty_list() -> None:
    assert asyncio.run(discover(0.05, interfaces=LOOPBACK)) == []


def test_the_line_to_write() -> None:
    assert Found("192.168.0.75", 80, "000001", "x", "goe").as_yaml("garage") == (
        '  - {id: garage, driver: goe, url: "http://192.168.0.75"}'
    )
    assert Found("192.168.0.75", 8080, None, "x", "goe").url == "http://192.168.0.75:8080"


@pytest.mark.parametrize(
    ("host", "serial"),
    [("go-echarger_000001.local.", "000001"), ("go-eCharger_123456", "123456"), ("printer.local.", None), ("", None)],
)
def test_serial(host: str, serial: str | None) -> None:
    assert serial_from_host(host) == serial
