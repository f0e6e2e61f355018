"""A loadpoint as a SmartEVSE at a real broker: topics, settings, last will, and what Home Assistant is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from structlog.testing import capture_logs
from tests.mqtt_broker import Mosquitto, mosquitto
from wallbox_double import CHARGING, WallboxDouble, make_loadpoint

from sunbox.core.model import Mode, Override
from sunbox.dialects.smartevse.mqtt import ENTITIES, HEARD, TOPICS
from sunbox.dialects.smartevse.profiles import STANDARD
from sunbox.faces.serial import serial_of
from sunbox.faces.smartevse import LoadpointBox, SmartEvseFaceSettings
from sunbox.faces.smartevse import mqtt as smartevse_mqtt
from sunbox.faces.smartevse.mqtt import SmartEvseMqtt
from sunbox.net import mqtt

WITHIN_S = 20.0
SERIAL = serial_of("carport")
BASE = f"SmartEVSE/{SERIAL}"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "RECONNECT", mqtt.Backoff(0.05, 0.2))
    monkeypatch.setattr(smartevse_mqtt, "GATHERS_S", 0.01)


class Client:
    """Somebody at the broker."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self._messages = aiter(client.messages)
        self.seen: dict[str, tuple[str, bool]] = {}

    async def until(self, topic: str, payload: str | None = None) -> str:
        """Wait until a topic says something, from now on."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                message = await anext(self._messages)
                assert isinstance(message.payload, bytes)
                told = message.payload.decode()
                self.seen[str(message.topic)] = (told, bool(message.retain))
                if str(message.topic) == topic and payload in (None, told):
                    return told

    async def set(self, name: str, payload: str | bytes, *, retain: bool = False) -> None:
        await self._client.publish(f"{BASE}/Set/{name}", payload, qos=1, retain=retain)


class Rig:
    """A loadpoint's box at a broker."""

    def __init__(
        self, broker: Mosquitto, own: dict[str, Any] | None = None, prefix: str | None = None, **loadpoint: Any
    ) -> None:
        self.wallbox = WallboxDouble(make_loadpoint(**loadpoint))
        at = {"url": broker.url, "prefix": prefix}
        self.own = SmartEvseFaceSettings.model_validate(
            {"port": 5002, "mains_meter": "house", "mqtt": at, **(own or {})}
        )
        assert self.own.mqtt is not None
        self.box = LoadpointBox(self.wallbox, self.own)
        self.mqtt = SmartEvseMqtt(self.box, self.own.mqtt.broker, url="http://192.168.0.9:5002")
        self._port = broker.port

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.box.follow()), asyncio.create_task(self.mqtt.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def client(self, *topics: str) -> AsyncIterator[Client]:
        async with aiomqtt.Client("127.0.0.1", self._port) as client:
            made = Client(client)
            for topic in topics:
                await client.subscribe(topic, qos=1)
            yield made


def go(body: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(60):
            await body()

    asyncio.run(main())


LAST = [topic.name for topic in TOPICS][-1]


def test_every_topic_is_told_and_what_is_retained_waits_for_who_comes_late(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smartevse_mqtt, "EVERY_S", 3600.0)

    async def body() -> None:
        rig = Rig(broker, **CHARGING)
        async with rig.client(f"{BASE}/#") as early, rig.up():
            await early.until(f"{BASE}/{LAST}")
            told = {topic.removeprefix(f"{BASE}/"): payload for topic, (payload, _) in early.seen.items()}
            silent = {"RFIDLastRead", "MainsImportActiveEnergy", "MainsExportActiveEnergy"}
            silent |= {f"CircuitCurrentL{phase}" for phase in (1, 2, 3)}
            assert {topic.name for topic in TOPICS} - set(told) == silent
            assert told["connected"] == "online"
            assert (told["Mode"], told["Access"], told["State"], told["StateID"]) == ("Solar", "Allow", "Charging", "C")
            assert (told["ChargeCurrent"], told["EVCurrentL1"], told["EVChargePower"]) == ("130", "130", "3029")
            assert (told["MaxCurrent"], told["EVPlugState"], told["Error"]) == ("160", "Connected", "None")
            assert told["LEDColorSolar"] == "255,170,0"
            assert not any(is_retained for _, is_retained in early.seen.values())
            # a broker keeps nothing empty, which the pin of the maker's app is
            names = [topic.name for topic in TOPICS if topic.is_retained and told.get(topic.name)]
            kept = {f"{BASE}/{name}" for name in names}
            async with rig.client(f"{BASE}/#") as late:
                while missing := sorted(kept - set(late.seen)):
                    await late.until(missing[0])
                assert {topic for topic, (_, is_retained) in late.seen.items() if is_retained} >= kept
                assert not {f"{BASE}/MainsCurrentL1", f"{BASE}/ESPUptime"} & set(late.seen)

    go(body)


SETTINGS = [
    ("Mode", "Normal", "Mode", "Normal"),
    ("Mode", "Pause", "Mode", "Pause"),
    ("Mode", "Off", "Access", "Deny"),
    ("Mode", "Smart", "Mode", "Smart"),
    ("CurrentMaxSumMains", "40", "MaxSumMains", "40"),
    ("MainsMeter", "50:40:30", "MainsCurrentL2", "40"),
    ("MainsMeter", "50:40:30:2000:7777", "MainsImportActiveEnergy", "7777"),
    ("EVMeter", "10:11:12:700:5000", "EVCurrentL3", "12"),
    ("EVMeter", "10:11:12:700:5000", "EVTotalEnergyCharged", "5000"),
    ("HomeBatteryCurrent", "-25", "HomeBatteryCurrent", "-25"),
    ("CableLock", "1", "CableLock", "1"),
    ("CustomButton", "On", "CustomButton", "On"),
    ("ColorSolar", "1,2,3", "LEDColorSolar", "1,2,3"),
]


@pytest.mark.parametrize(("name", "payload", "topic", "told"), SETTINGS, ids=[f"{row[0]}={row[1]}" for row in SETTINGS])
def test_a_setting_is_seen_in_its_topic(broker: Mosquitto, name: str, payload: str, topic: str, told: str) -> None:
    async def body() -> None:
        rig = Rig(broker)
        async with rig.client(f"{BASE}/{topic}", f"{BASE}/{LAST}") as client, rig.up():
            await client.until(f"{BASE}/{LAST}")
            await client.set(name, payload)
            await client.until(f"{BASE}/{topic}", told)

    go(body)


def test_what_homey_and_victron_send_drives_the_loadpoint(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker, mode=Mode.OFF)
        async with rig.client(f"{BASE}/#") as client, rig.up():
            await client.until(f"{BASE}/Mode", "Off")
            await client.set("CurrentOverride", "90")
            await client.until(f"{BASE}/ChargeCurrentOverride", "90")
            await client.set("Mode", "Normal")
            await client.until(f"{BASE}/Mode", "Normal")
            request = rig.wallbox.requests[-1]
            assert (request.override, rig.wallbox.loadpoint("carport").amps_asked_a) == (Override.CHARGE, 9)
            rig.wallbox.apply_wishes("carport")
            await client.until(f"{BASE}/State", "Charging")
            await client.set("MainsMeter", "83:-20:10")
            await client.until(f"{BASE}/MainsCurrentL1", "83")
            assert rig.wallbox.readings[-1][1].grid_phases_a == (8.3, -2.0, 1.0)
            await client.set("Mode", "Solar")
            await client.until(f"{BASE}/Mode", "Solar")
            assert rig.wallbox.loadpoint("carport").mode is Mode.PV
            await client.set("Mode", "Pause")
            await client.until(f"{BASE}/Access", "Pause")
            assert rig.wallbox.loadpoint("carport").override is Override.STOP

    go(body)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("Mode", "normal"),
        ("Mode", b"\xff\xfe"),
        ("CurrentOverride", "50"),
        ("MainsMeter", "1:2"),
        ("MainsMeter", "2000:0:0"),
        ("EVMeter", "1000:0:0:0:0"),
        ("EnableC2", "Auto"),
        ("CPPWMOverride", "500"),
        ("Nonsense", "1"),
        ("ColorOff", "1,2"),
        ("RFID", "112233445566"),
        ("Mode", b"Normal" * 1000),
    ],
)
def test_bad_settings_change_nothing(broker: Mosquitto, name: str, payload: str | bytes) -> None:
    async def body() -> None:
        rig = Rig(broker)
        async with rig.client(f"{BASE}/CustomButton") as client, rig.up():
            await client.until(f"{BASE}/CustomButton", "Off")
            before = rig.box.state()
            await client.set(name, payload)
            await client.set("CustomButton", "On")
            await client.until(f"{BASE}/CustomButton", "On")
            assert (rig.box.state().setup, rig.box.state().colors) == (before.setup, before.colors)
            assert rig.wallbox.requests == []
            assert rig.wallbox.readings == []

    go(body)


def test_a_setting_that_the_broker_kept_is_not_carried_out(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker)
        with capture_logs() as logs:
            async with rig.client(f"{BASE}/Mode") as client:
                await client.set("Mode", "Normal", retain=True)
                async with rig.up():
                    assert await client.until(f"{BASE}/Mode") == "Solar"
                    await client.set("Mode", "Pause")
                    await client.until(f"{BASE}/Mode", "Pause")
        assert [line["event"] for line in logs].count("smartevse_setting_was_retained") == 1

    go(body)


def test_home_assistant_is_told_everything_that_it_needs(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker)
        async with rig.client("homeassistant/#", f"{BASE}/{LAST}") as client, rig.up():
            await client.until(f"{BASE}/{LAST}")
            found = {
                topic: json.loads(text) for topic, (text, _) in client.seen.items() if topic.startswith("homeassistant")
            }
        assert len(found) == len([entity for entity in ENTITIES if entity.since <= STANDARD.number])
        mode = found[f"homeassistant/select/{BASE}-Mode/config"]
        assert mode["options"] == ["Off", "Normal", "Smart", "Solar", "Pause"]
        assert (mode["state_topic"], mode["command_topic"]) == (f"{BASE}/Mode", f"{BASE}/Set/Mode")
        assert mode["availability_topic"] == f"{BASE}/connected"
        assert mode["device"]["configuration_url"] == "http://192.168.0.9:5002"
        topics = {f"{BASE}/{topic.name}" for topic in TOPICS}
        for each in found.values():
            assert each["unique_id"] == each["object_id"]
            assert each["state_topic"].replace(" ", "") in topics
            command = each.get("command_topic")
            assert command is None or command.removeprefix(f"{BASE}/Set/") in HEARD

    go(body)


def test_a_broker_that_was_away_is_told_everything_again(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker)
        async with rig.up():
            await rig.mqtt.connection.connected()
            assert rig.box.get("/settings").reply["mqtt"]["status"] == "Connected"  # type: ignore[union-attr]
            await asyncio.to_thread(broker.stop)
            await asyncio.to_thread(broker.start)
            async with rig.client(f"{BASE}/#", "homeassistant/#") as client:
                await client.until(f"{BASE}/connected", "online")
                await client.until(f"{BASE}/{LAST}")
                assert f"homeassistant/select/{BASE}-Mode/config" in client.seen
        assert rig.box.get("/settings").reply["mqtt"]["status"] == "Disconnected"  # type: ignore[union-attr]

    go(body)


def test_who_leaves_says_so_and_a_prefix_of_ones_own_counts(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker, prefix="home/wall/")
        async with rig.client("home/wall/#") as client:
            async with rig.up():
                await client.until("home/wall/connected", "online")
                await client.until(f"home/wall/{LAST}")
                told = rig.box.get("/settings")
                assert told is not None
                assert told.reply["mqtt"]["topic_prefix"] == "home/wall"
                assert told.reply["mqtt"]["port"] == broker.port
                # what a client stores about a broker is shown, and moves nothing
                rig.box.post("/settings", {"mqtt_update": "1", "mqtt_topic_prefix": "elsewhere", "mqtt_host": "other"})
                rig.box.post("/settings", {"custombutton": "1"})
                await client.until("home/wall/CustomButton", "On")
            await client.until("home/wall/connected", "offline")

    go(body)


def test_what_others_wish_is_told_before_the_next_turn(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smartevse_mqtt, "EVERY_S", 3600.0)

    async def body() -> None:
        rig = Rig(broker)
        async with rig.client(f"{BASE}/#") as client, rig.up():
            await client.until(f"{BASE}/{LAST}")
            rig.wallbox.change("carport", override=Override.STOP, override_by="tlwb", version=9)
            await client.until(f"{BASE}/Mode", "Pause")

    go(body)
