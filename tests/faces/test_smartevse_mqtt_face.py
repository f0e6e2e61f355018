"""A loadpoint as a SmartEVSE at a real broker: topics, settings, last will, and what Home Assistant is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from re import fullmatch
from typing import Any

import aiomqtt
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from tests.loopback import WITHIN_S
from tests.mqtt_broker import Mosquitto, mosquitto
from wallbox_double import CHARGING, WallboxDouble, make_loadpoint

from sunbox.core.model import Mode, Override
from sunbox.dialects.smartevse.mqtt import ENTITIES, HEARD, TOPICS
from sunbox.dialects.smartevse.profiles import STANDARD
from sunbox.faces.serial import serial_of
from sunbox.faces.smartevse import LoadpointBox, SmartEvseFaceSettings
from sunbox.faces.smartevse import mqtt as smartevse_mqtt
from sunbox.faces.smartevse.mqtt import SmartEvseMqtt
from sunbox.faces.smartevse.settings import SmartEvseMqttSettings
from sunbox.net import mqtt

VICTRON_NUMBERS = (
    *("EVCurrentL1", "EVCurrentL2", "EVCurrentL3", "MaxCurrent", "ChargeCurrent", "EVChargePower"),
    *("EVEnergyCharged", "EVTotalEnergyCharged", "ESPTemp"),
)
"""Topics that `quokka2020/victron_smartevse` reads as numbers (its `smartevse.go`)."""
VICTRON_STATES = {"Charging", "Charging Stopped", "Connected to EV", "Ready to Charge", "Stop Charging"}
"""What it knows of the topic `State`."""
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
        async with asyncio.timeout(2 * WITHIN_S):
            await body()

    asyncio.run(main())


LAST = [topic.name for topic in TOPICS][-1]

WHOLE, MAYBE_NEGATIVE, COLOR = r"[0-9]+", r"-?[0-9]+", r"[0-9]{1,3},[0-9]{1,3},[0-9]{1,3}"
PAYLOADS = {
    "Mode": "Off|Normal|Smart|Solar|Pause",
    "Access": "Deny|Allow|Pause",
    "State": "Ready to Charge|Connected to EV|Charging|Charging Stopped|Stop Charging",
    "StateID": "A|B|C|B1|C1",
    "Error": "None|No Power Available|Communication Error|Temperature High|EV Meter Comm Error|RCM Tripped",
    "EVPlugState": "Connected|Disconnected",
    "ChargeCurrent": WHOLE,
    "ChargeCurrentOverride": WHOLE,
    "MaxCurrent": WHOLE,
    "MaxSumMains": WHOLE,
    "MaxSumMainsTime": WHOLE,
    "NrOfPhases": "1|3",
    "EnableC2": "Not present|Always Off|Solar Off|Always On|Auto",
    "RFID": "Not Installed|Ready to read card|Present",
    "SolarStopTimer": WHOLE,
    **{f"MainsCurrentL{phase}": MAYBE_NEGATIVE for phase in (1, 2, 3)},
    "MainsImportActiveEnergy": WHOLE,
    "MainsExportActiveEnergy": WHOLE,
    **{f"EVCurrentL{phase}": WHOLE for phase in (1, 2, 3)},
    "EVImportActiveEnergy": WHOLE,
    "EVExportActiveEnergy": WHOLE,
    "EVChargePower": WHOLE,
    "EVEnergyCharged": WHOLE,
    "EVTotalEnergyCharged": WHOLE,
    "HomeBatteryCurrent": MAYBE_NEGATIVE,
    "CustomButton": "On|Off",
    "CustomButtonPressTime": WHOLE,
    **{f"LEDColor{name}": COLOR for name in ("Off", "Normal", "Smart", "Solar", "Custom")},
    "CableLock": "0|1",
    "OCPP": "Disabled|Enabled",
    "OCPPConnection": "Disconnected|Connected",
    "WiFiSSID": ".*",
    "WiFiBSSID": "([0-9A-F]{2}:){5}[0-9A-F]{2}|",
    "WiFiRSSI": MAYBE_NEGATIVE,
    "ESPTemp": MAYBE_NEGATIVE,
    "ESPUptime": WHOLE,
    "LoadBl": "[0-8]",
    "PairingPin": "[0-9]*",
}
"""What each topic says here, to the letter."""
NEVER = frozenset({"RFIDLastRead", *(f"CircuitCurrentL{phase}" for phase in (1, 2, 3))})
"""Topics of what a loadpoint does not have: a reader of cards, a meter of the circuit."""


def test_every_topic_is_told_and_what_is_retained_waits_for_who_comes_late(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smartevse_mqtt, "EVERY_S", 3600.0)
    assert {topic.name for topic in TOPICS} == PAYLOADS.keys() | NEVER

    async def body() -> None:
        rig = Rig(broker, **CHARGING)
        async with rig.client(f"{BASE}/#") as early, rig.up():
            await early.until(f"{BASE}/{LAST}")
            # what is told only once it is not 0
            assert not {f"{BASE}/MainsImportActiveEnergy", f"{BASE}/MainsExportActiveEnergy"} & set(early.seen)
            await early.set("MainsMeter", "50:40:30:2000:7777")
            await early.until(f"{BASE}/MainsImportActiveEnergy", "7777")
            await early.until(f"{BASE}/{LAST}")
            told = {topic.removeprefix(f"{BASE}/"): payload for topic, (payload, _) in early.seen.items()}
            # with five fields all energy is import, so that nothing is ever exported
            silent = NEVER | {"MainsExportActiveEnergy"}
            assert PAYLOADS.keys() - told.keys() == silent - NEVER
            assert told.keys() - PAYLOADS.keys() == {"connected", "Set/MainsMeter"}
            odd = {name: told[name] for name in PAYLOADS.keys() - silent if not fullmatch(PAYLOADS[name], told[name])}
            assert odd == {}
            assert told["connected"] == "online"
            assert (told["Mode"], told["Access"], told["State"], told["StateID"]) == ("Solar", "Allow", "Charging", "C")
            assert (told["ChargeCurrent"], told["EVCurrentL1"], told["EVChargePower"]) == ("130", "130", "3029")
            assert (told["MaxCurrent"], told["EVPlugState"], told["Error"]) == ("160", "Connected", "None")
            assert [told[f"MainsCurrentL{phase}"] for phase in (1, 2, 3)] == ["50", "40", "30"]
            assert told["LEDColorSolar"] == "255,170,0"
            assert not any(is_retained for _, is_retained in early.seen.values())
            # a broker keeps nothing empty, which the pin of the maker's app is
            names = [topic.name for topic in TOPICS if topic.is_retained and told.get(topic.name)]
            async with rig.client(f"{BASE}/#") as late:
                await late.set("Nonsense", "retained ones come before this")
                await late.until(f"{BASE}/Set/Nonsense")
                kept = {topic for topic, (_, is_retained) in late.seen.items() if is_retained}
                assert kept == {f"{BASE}/{name}" for name in (*names, "connected")}

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
    *((f"Color{name}", "1,2,3", f"LEDColor{name}", "1,2,3") for name in ("Off", "Normal", "Smart", "Solar", "Custom")),
]
ELSEWHERE = {"CurrentOverride", "EnableC2", "CPPWMOverride"}
"""Settings that are tried below, for they want another loadpoint or other settings."""
UNHEARD = {"RFID", "CircuitMeter"}
"""Settings of what a loadpoint does not have; nothing comes of them."""


def test_all_settings_are_tried() -> None:
    assert {row[0] for row in SETTINGS} | ELSEWHERE | UNHEARD == set(HEARD)


def test_a_setting_is_seen_in_its_topic(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker)
        async with rig.client(f"{BASE}/#") as client, rig.up():
            await client.until(f"{BASE}/{LAST}")
            for name, payload, topic, told in SETTINGS:
                await client.set(name, payload)
                await client.until(f"{BASE}/{topic}", told)

    go(body)


def test_phases_are_set_where_the_charger_can_switch_them(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker, can_switch_phases=True, mode=Mode.OFF)
        async with rig.client(f"{BASE}/EnableC2") as client, rig.up():
            await client.until(f"{BASE}/EnableC2", "Auto")
            for payload, word, phases in (("1", "Always Off", 1), ("Always On", "Always On", 3), ("4", "Auto", 0)):
                await client.set("EnableC2", payload)
                await client.until(f"{BASE}/EnableC2", word)
                assert rig.wallbox.requests[-1].phases == phases

    go(body)


def test_the_pilot_is_held_by_opt_in_alone(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker, {"modem": True}, mode=Mode.OFF)
        async with rig.client(f"{BASE}/#") as client, rig.up():
            await client.until(f"{BASE}/{LAST}")
            await client.set("Mode", "Normal")
            await client.until(f"{BASE}/Mode", "Normal")
            await client.set("CPPWMOverride", "512")
            await client.set("CustomButton", "On")
            await client.until(f"{BASE}/CustomButton", "On")
            assert rig.wallbox.loadpoint("carport").amps_asked_a == 30, "half of the time is 30 A"

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
            # what Victron reads: numbers, and words of a state that it knows
            while not client.seen.keys() >= {f"{BASE}/{name}" for name in VICTRON_NUMBERS}:
                await client.until(f"{BASE}/{LAST}")
            numbers = [client.seen[f"{BASE}/{name}"][0] for name in VICTRON_NUMBERS]
            assert [float(number) >= 0 for number in numbers] == [True] * 9
            assert client.seen[f"{BASE}/State"][0] in VICTRON_STATES
            assert client.seen[f"{BASE}/EVPlugState"][0] == "Connected"
            assert client.seen[f"{BASE}/connected"][0] == "online"

    go(body)


BAD: tuple[tuple[str, str | bytes], ...] = (
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
    ("CircuitMeter", "1:2:3"),
    ("MainsMeter", "1:2:3:4"),
    ("EVMeter", "1:2:3"),
    ("CurrentMaxSumMains", "601"),
    ("CurrentOverride", "9999999999999999999999"),
    ("Mode", b"Normal" * 1000),
)


def test_bad_settings_change_nothing(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker)
        async with rig.client(f"{BASE}/CustomButton") as client, rig.up():
            await client.until(f"{BASE}/CustomButton", "Off")
            before = rig.box.state()
            for name, payload in BAD:
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

        async def heard_late() -> set[str]:
            async with rig.client("homeassistant/#", f"{BASE}/Set/Nonsense") as late:
                await late.set("Nonsense", "retained ones come before this")
                await late.until(f"{BASE}/Set/Nonsense")
                return {topic for topic, (_, is_retained) in late.seen.items() if is_retained}

        assert await heard_late() == set(found), "kept for a Home Assistant that starts later"
        assert found[f"homeassistant/sensor/{BASE}-ChargeCurrent/config"] == {
            "name": "Charge Current",
            "object_id": f"{BASE}-ChargeCurrent",
            "default_entity_id": f"sensor.smartevse_{SERIAL}_chargecurrent",
            "unique_id": f"{BASE}-ChargeCurrent",
            "state_topic": f"{BASE}/ChargeCurrent",
            "availability_topic": f"{BASE}/connected",
            "device": {
                "model": "SmartEVSE v3",
                "identifiers": BASE,
                "name": BASE,
                "manufacturer": "Stegen",
                "configuration_url": "http://192.168.0.9:5002",
                "sw_version": STANDARD.version,
            },
            "device_class": "current",
            "state_class": "measurement",
            "unit_of_measurement": "A",
            "value_template": "{{ value | int / 10 }}",
        }
        override = found[f"homeassistant/number/{BASE}-ChargeCurrentOverride/config"]
        assert (override["min"], override["max"], override["command_template"]) == (0, 16, "{{ value | int * 10 }}")
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


def test_home_assistants_slider_goes_as_far_as_the_car_that_has_come(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes longer than the most that was known at first is not told to be impossible for ever."""
    monkeypatch.setattr(smartevse_mqtt, "EVERY_S", 0.2)

    async def body() -> None:
        rig = Rig(broker, max_a=None)
        slider = f"homeassistant/number/{BASE}-ChargeCurrentOverride/config"
        async with rig.client("homeassistant/#", f"{BASE}/MaxCurrent") as client, rig.up():
            assert json.loads(await client.until(slider))["max"] == 16
            await client.until(f"{BASE}/MaxCurrent", "160")
            client.seen.clear()
            rig.wallbox.change("carport", max_a=32)
            assert json.loads(await client.until(slider))["max"] == 32
            await client.until(f"{BASE}/MaxCurrent", "320")
            assert [topic for topic in client.seen if topic.startswith("homeassistant")] == [slider], (
                "nothing else is new"
            )

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
                if f"homeassistant/select/{BASE}-Mode/config" not in client.seen:  # whoever is late gets it last
                    await client.until(f"homeassistant/select/{BASE}-Mode/config")
        assert rig.box.get("/settings").reply["mqtt"]["status"] == "Disconnected"  # type: ignore[union-attr]

    go(body)


def test_who_leaves_says_so_and_a_prefix_of_ones_own_counts(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smartevse_mqtt, "EVERY_S", 0.2)

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


def test_its_will_speaks_for_it_when_the_line_is_cut(broker: Mosquitto) -> None:
    """Nothing is said at the end: the socket is gone from one moment to the next."""

    async def body() -> None:
        rig = Rig(broker)
        line = Line(broker.port)
        async with line.open() as port:
            rig.mqtt = SmartEvseMqtt(rig.box, SmartEvseMqttSettings(url=SecretStr(f"mqtt://127.0.0.1:{port}")).broker)
            async with rig.client(f"{BASE}/connected") as client, rig.up():
                await client.until(f"{BASE}/connected", "online")
                line.cut()
                await client.until(f"{BASE}/connected", "offline")
                async with rig.client(f"{BASE}/connected") as late:
                    await late.until(f"{BASE}/connected")
                    assert late.seen[f"{BASE}/connected"] == ("offline", True)
                line.mend()
                await client.until(f"{BASE}/connected", "online")

    go(body)


class Line:
    """A line to a broker that can be cut without a word to either end."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_cut = False
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """Yield the port at its near end."""
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            self.cut()
            server.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def mend(self) -> None:
        self._is_cut = False

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, far_writer]
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                sink.write(data)


def test_what_others_wish_is_told_before_the_next_turn(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smartevse_mqtt, "EVERY_S", 3600.0)

    async def body() -> None:
        rig = Rig(broker)
        async with rig.client(f"{BASE}/#") as client, rig.up():
            await client.until(f"{BASE}/{LAST}")
            rig.wallbox.change("carport", override=Override.STOP, override_by="tlwb", version=9)
            await client.until(f"{BASE}/Mode", "Pause")

    go(body)
