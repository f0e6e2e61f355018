"""A gateway as a go-eCharger at a real broker, from the owner's file on: started, told, killed, started again, stopped."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import httpx2
import pytest
from tests.e2e.processes import ANSWERS_WITHIN_S, Sunbox, free_ports, no_traceback, started
from tests.loopback import WITHIN_S
from tests.mqtt_broker import Mosquitto, mosquitto

from sunbox.cli.main import main
from sunbox.faces.goe.translation import serial_of

pytestmark = pytest.mark.slow

BASE = f"home/{serial_of('carport')}"
PASSWORD = "p:@ss/w#rd"

HOME = """\
site: {{timezone: Europe/Berlin}}
places: [{{name: Home, lat: 52.394, lon: 13.542, tags: [home, pv]}}]
meters: [{{id: evcc, driver: pushed}}]
vehicles:
  - {{id: one, driver: tesla, vin: LRW3F7EK4NC700000, proxy_url: "http://127.0.0.1:1", proxy_kind: ble}}
loadpoints: [{{id: carport, vehicle: one, mode: pv}}]
faces:
  port: {port}
  goe:
    - {{port: {goe}, surplus_meter: evcc, mqtt: {{url: "{url}", user: me, password: "{password}", prefix: home}}}}
    - {{port: {second}, name: Second}}
"""


@asynccontextmanager
async def watching(broker: Mosquitto) -> AsyncIterator[Any]:
    """Yield what waits until a topic has a payload, and the client."""
    async with aiomqtt.Client("127.0.0.1", broker.port, username="me", password=PASSWORD) as client:
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


class Place:
    """A folder with an owner's file, and what answers there."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.folder, self.broker = folder, broker
        self.port, self.goe, self.second = free_ports()
        text = HOME.format(port=self.port, goe=self.goe, second=self.second, url=broker.url, password=PASSWORD)
        (folder / "sunbox.yaml").write_text(text, encoding="utf-8")

    def ask(self, port: int, path: str) -> Any:
        return httpx2.get(f"http://127.0.0.1:{port}{path}", timeout=ANSWERS_WITHIN_S, trust_env=False).json()

    def site(self) -> Any:
        return self.ask(self.port, "/api/v1/site")

    def ready(self, sunbox: Sunbox) -> None:
        sunbox.until(lambda: self.ask(self.goe, "/api/status?filter=mcc")["mcc"])


def locked(folder: Path) -> tuple[str, ...]:
    """Return the lines of a broker that wants to know who comes."""
    program = shutil.which("mosquitto_passwd", path="/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    assert program is not None, "mosquitto_passwd is missing, which this test needs: apt-get install mosquitto"
    subprocess.run((program, "-c", "-b", str(folder / "users"), "me", PASSWORD), check=True)
    (folder / "users").chmod(0o600)
    return ("allow_anonymous false", f"password_file {folder / 'users'}")


def test_killed_it_leaves_its_will_and_what_it_was_told_outlives_it(tmp_path: Path) -> None:
    with mosquitto(tmp_path, *locked(tmp_path)) as broker:
        place = Place(tmp_path, broker)

        async def lives() -> None:
            async with watching(broker) as until:
                with started(tmp_path, "run") as sunbox:
                    await until("online", "true")
                    place.ready(sunbox)
                    await until.client.publish(f"{BASE}/lbr/set", "42", qos=1)
                    await until("lbr/result", "success")
                    ids = json.dumps({"pGrid": -2500, "pPv": 4000, "pAkku": 0})
                    await until.client.publish(f"{BASE}/ids/set", ids, qos=1)
                    await until("ids/result", "success")
                    assert place.site()["grid_w"] == -2500.0
                    assert place.ask(place.second, '/api/set?lbr=7&fna="Two"') == {"lbr": True, "fna": True}
                    # written down within seconds, whatever happens then
                    await asyncio.to_thread(
                        sunbox.until, lambda: b'"lbr":42' in stored(tmp_path) and b'"lbr":7' in stored(tmp_path)
                    )
                    sunbox.kill()
                    await until("online", "false")
                    killed = sunbox.printed
                with started(tmp_path, "run") as sunbox:
                    await until("online", "true")
                    place.ready(sunbox)
                    names = "/api/status?filter=lbr,fna"
                    assert place.ask(place.goe, names) == {"lbr": 42, "fna": "carport"}
                    assert place.ask(place.second, names) == {"lbr": 7, "fna": "Two"}
                    place.ask(place.goe, "/api/set?lbr=43")
                    assert sunbox.interrupt() == 0
                    await until("online", "false")
                    assert no_traceback(sunbox.printed)
                assert PASSWORD not in killed + sunbox.printed
            with started(tmp_path, "run") as sunbox:
                place.ready(sunbox)
                assert place.ask(place.goe, "/api/status?filter=lbr") == {"lbr": 43}, "at the end all of it is written"

        asyncio.run(lives())
        assert PASSWORD.encode() not in stored(tmp_path)


def stored(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("sunbox.db*")))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (("surplus_meter: evcc", "surplus_meter: house"), "there is no meter of driver pushed"),
        (('url: "mqtt', 'url: "http'), "mqtt.url: cannot be used (the broker: mqtt://host:port"),
        (("prefix: home", 'prefix: "a/#"'), "without + and #"),
        (
            ("name: Second", 'mqtt: {url: "mqtt://127.0.0.1:1", prefix: home/}'),
            "faces.goe[1].mqtt: carport is at this broker already",
        ),
        (("user: me, ", ""), "a password needs its `user`"),
    ],
)
def test_mistakes_in_the_file_are_told_without_its_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: tuple[str, str], told: str
) -> None:
    port, goe, second = free_ports()
    text = HOME.format(port=port, goe=goe, second=second, url="mqtt://127.0.0.1:1", password=PASSWORD)
    assert changed[0] in text
    (tmp_path / "sunbox.yaml").write_text(text.replace(*changed), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["check", "-c", str(tmp_path / "sunbox.yaml")])
    assert ended.value.code != 0
    said = "".join(capsys.readouterr())
    assert told in said
    assert PASSWORD not in said
