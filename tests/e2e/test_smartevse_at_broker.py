"""A gateway as a SmartEVSE at a real broker, from the owner's file on: started, told, killed, started again, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import httpx2
import pytest
from tests.e2e.processes import ANSWERS_WITHIN_S, free_ports, no_traceback, started
from tests.loopback import WITHIN_S
from tests.mqtt_broker import Mosquitto, mosquitto

from sunbox.cli.main import main
from sunbox.faces.serial import serial_of

pytestmark = pytest.mark.slow

BASE = f"SmartEVSE/{serial_of('carport')}"

HOME = """\
site: {{timezone: Europe/Berlin}}
places: [{{name: Home, lat: 52.394, lon: 13.542, tags: [home, pv]}}]
vehicles:
  - {{id: one, driver: tesla, vin: LRW3F7EK4NC700000, proxy_url: "http://127.0.0.1:1", proxy_kind: ble}}
loadpoints: [{{id: carport, vehicle: one, mode: pv}}]
faces:
  port: {port}
  smartevse:
    - {{port: {first}, mqtt: {{url: "{url}"}}}}
    - {{port: {second}, profile: "3.6", serial: 7}}
"""


@asynccontextmanager
async def watching(broker: Mosquitto) -> AsyncIterator[Any]:
    """Yield what waits until a topic has a payload, and the client."""
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(f"{BASE}/#", qos=1)
        messages = aiter(client.messages)

        async def until(topic: str, payload: str) -> None:
            async with asyncio.timeout(WITHIN_S):
                async for message in messages:
                    assert isinstance(message.payload, bytes)
                    if (str(message.topic), message.payload.decode()) == (f"{BASE}/{topic}", payload):
                        return

        until.client = client  # type: ignore[attr-defined]
        yield until


def ask(port: int, path: str, method: str = "GET") -> Any:
    return httpx2.request(method, f"http://127.0.0.1:{port}{path}", timeout=ANSWERS_WITHIN_S, trust_env=False).json()


def stored(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("sunbox.db*")))


def test_killed_it_leaves_its_will_and_what_it_was_told_outlives_it(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        port, first, second = free_ports()
        text = HOME.format(port=port, first=first, second=second, url=broker.url)
        (tmp_path / "sunbox.yaml").write_text(text, encoding="utf-8")

        async def lives() -> None:
            async with watching(broker) as until:
                with started(tmp_path, "run") as sunbox:
                    await until("connected", "online")
                    await until.client.publish(f"{BASE}/Set/MainsMeter", "50:40:30", qos=1)
                    await until("MainsCurrentL1", "50")
                    site = ask(port, "/api/v1/site")
                    assert site["grid_w"] == pytest.approx(12 * 230)
                    reply = ask(first, "/currents?L1=10&L2=0&L3=0", "POST")
                    assert reply["TOTAL"] == 10
                    assert ask(first, "/settings?max_sum_mains_timer=7", "POST") == {"max_sum_mains_time": 7}
                    assert ask(second, "/settings?max_sum_mains_timer=8", "POST") == {"max_sum_mains_time": 8}
                    assert ask(second, "/settings?stop_timer=9", "POST") == {"stop_timer": True}
                    await asyncio.to_thread(
                        sunbox.until,
                        lambda: all(f'"max_sum_mains_time":{number}'.encode() in stored(tmp_path) for number in (7, 8)),
                    )
                    assert ask(first, "/settings")["settings"]["solar_stop_time"] == 9  # both are one loadpoint
                    sunbox.kill()
                    await until("connected", "offline")
                async with watching(broker) as until_late:
                    await until_late("connected", "offline")  # kept for who comes later
                with started(tmp_path, "run") as sunbox:
                    await until("connected", "online")
                    told = await asyncio.to_thread(ask, first, "/settings")
                    assert (told["settings"]["max_sum_mains_time"], told["mqtt"]["host"]) == (7, "127.0.0.1")
                    assert told["settings"]["solar_stop_time"] == 9
                    older = await asyncio.to_thread(ask, second, "/settings")
                    assert (older["settings"]["max_sum_mains_time"], older["settings"]["solar_stop_time"]) == (8, 9)
                    assert (older["serialnr"], older["version"]) == (7, "v3.6.10")
                    assert sunbox.interrupt() == 0
                    await until("connected", "offline")
                    assert no_traceback(sunbox.printed)

        asyncio.run(lives())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (("serial: 7", "mains_meter: house"), "there is no meter of driver pushed"),
        (("serial: 7", "ev_meter: house"), "there is no meter of driver pushed"),
        (("serial: 7", "serial: 1000000"), "serial"),
        (('profile: "3.6"', 'profile: "3.8"'), "'3.8' is none of 3.5, 3.6, 3.9, 3.10, 3.11"),
        (("serial: 7", 'mqtt: {url: "mqtt://127.0.0.1:1"}'), f"{BASE} is at this broker already"),
        (
            ("serial: 7", f'serial: 7, mqtt: {{url: "mqtt://127.0.0.1:1", prefix: {BASE}/}}'),
            "is at this broker already",
        ),
        (('url: "mqtt', 'prefix: "a/#", url: "mqtt'), "without + and #"),
    ],
)
def test_mistakes_in_the_file_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: tuple[str, str], told: str
) -> None:
    port, first, second = free_ports()
    text = HOME.format(port=port, first=first, second=second, url="mqtt://127.0.0.1:1")
    assert changed[0] in text
    (tmp_path / "sunbox.yaml").write_text(text.replace(*changed), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["check", "-c", str(tmp_path / "sunbox.yaml")])
    assert ended.value.code != 0
    assert told in "".join(capsys.readouterr())
