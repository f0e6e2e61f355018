"""The go-eCharger at a real broker: what a client sees and says there, Home Assistant's integration first of all."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tests.loopback import WITHIN_S
from tests.mqtt_broker import Mosquitto, mosquitto
from wallbox_double import CHARGING, WallboxDouble, make_loadpoint

from sunbox.core.model import Mode, Override
from sunbox.dialects.goe.discovery import ENTITIES
from sunbox.dialects.goe.table import BY_NAME
from sunbox.dialects.goe.wire import fits
from sunbox.faces.goe import GoeFaceSettings, LoadpointBox
from sunbox.faces.goe import mqtt as goe_mqtt
from sunbox.faces.goe.mqtt import GoeMqtt
from sunbox.faces.goe.translation import serial_of
from sunbox.net import mqtt
from sunbox.net.mqtt import Message, Publication, broker_from_url

SERIAL = serial_of("carport")
BASE = f"go-eCharger/{SERIAL}"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "RECONNECT", mqtt.Backoff(0.05, 0.2))
    monkeypatch.setattr(goe_mqtt, "GATHERS_S", 0.0)


class HomeAssistant:
    """A client as syssi/homeassistant-goecharger-mqtt 0.26.0 is one: QoS 1, plain payloads, nothing retained."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self._messages = aiter(client.messages)
        self.seen: dict[str, str] = {}

    async def subscribe(self, *topics: str) -> None:
        for topic in topics:
            await self._client.subscribe(topic, qos=1)

    async def next(self) -> tuple[str, str, bool]:
        async with asyncio.timeout(WITHIN_S):
            message = await anext(self._messages)
        assert isinstance(message.payload, bytes)
        told = str(message.topic), message.payload.decode(), message.retain
        self.seen[told[0]] = told[1]
        return told

    async def until(self, topic: str, payload: str | None = None) -> str:
        if payload is not None and self.seen.get(topic) == payload:
            return payload
        while True:
            found, told, _ = await self.next()
            if found == topic and payload in (None, told):
                return told

    async def set(self, key: str, payload: str | bytes, *, retain: bool = False) -> None:
        await self._client.publish(f"{BASE}/{key}/set", payload, qos=1, retain=retain)

    async def told(self, key: str, payload: str | bytes) -> str:
        """Set a key and return the result."""
        await self.set(key, payload)
        return await self.until(f"{BASE}/{key}/result")


class Rig:
    """A loadpoint's box at a broker."""

    def __init__(self, broker: Mosquitto, prefix: str = "go-eCharger", **loadpoint: Any) -> None:
        self.wallbox = WallboxDouble(make_loadpoint(**loadpoint))
        self.box = LoadpointBox(self.wallbox, GoeFaceSettings(port=5001))
        self.mqtt = GoeMqtt(self.box, broker_from_url(broker.url), prefix=prefix)
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
    async def client(self, *topics: str) -> AsyncIterator[HomeAssistant]:
        async with aiomqtt.Client("127.0.0.1", self._port) as client:
            made = HomeAssistant(client)
            await made.subscribe(*topics)
            yield made


def go(body: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(2 * WITHIN_S):
            await body()

    asyncio.run(main())


def test_home_assistants_sequence(broker: Mosquitto) -> None:
    """Discovery by retained `var`, states by topic with QoS 1, plain payloads to `/set`, a sensor on `+/result`."""

    async def body() -> None:
        rig = Rig(broker)
        async with rig.client("go-eCharger/+/var", "/go-eCharger/+/var") as finder, rig.up():
            topic, payload, _ = await finder.next()
            assert (topic, payload) == (f"{BASE}/var", "22")
            serial = topic.split("/")[1]
            assert len(serial) == 6
            assert serial.isdigit()
            keys = (
                "car",
                "alw",
                "amp",
                "frc",
                "lmo",
                "psm",
                "nrg",
                "eto",
                "wh",
                "trx",
                "dwo",
                "acs",
                "ust",
                "ama",
                "lop",
                "pgt",
            )
            async with rig.client(f"{BASE}/+") as early:
                while not early.seen.keys() >= {f"{BASE}/{key}" for key in keys}:
                    await early.next()
            async with rig.client(*(f"{BASE}/{key}" for key in keys), f"{BASE}/+/result") as client:
                for _ in keys:
                    assert (await client.next())[2], "retained: a late subscriber sees it"
                told = {topic.rpartition("/")[2]: json.loads(text) for topic, text in client.seen.items()}
                assert told.keys() == set(keys)
                assert (told["car"], told["frc"], told["amp"], len(told["nrg"])) == (3, 0, 16, 16)
                assert all(fits(BY_NAME[key], value) for key, value in told.items())
                # selects, numbers and switches
                for key, payload in (
                    ("lmo", "3"), ("lmo", "4"), ("ust", "2"), ("frc", "2"), ("trx", "null"), ("trx", "0"), ("psm", "1"),
                    ("amp", "10"), ("ama", "16"), ("dwo", "null"), ("dwo", "5000"), ("lop", "50"), ("pgt", "-200"),
                    ("fup", "false"), ("fup", "true"), ("acs", "0"),
                ):  # fmt: skip
                    assert await client.told(key, payload) == "success", key
                await client.until(f"{BASE}/pgt", "-200")
                assert rig.box.read(("amp", "frc", "dwo", "psm")).values == {"amp": 10, "frc": 2, "dwo": 5000, "psm": 1}
                loadpoint = rig.wallbox.loadpoint("carport")
                assert (loadpoint.override, loadpoint.amps_asked_a, loadpoint.mode) == (Override.CHARGE, 10, Mode.PV)

    go(body)


def test_every_key_is_there_for_a_late_subscriber_and_changes_are_told(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker)
        async with rig.up():
            expected = set(rig.box.read().values)
            async with rig.client(f"{BASE}/+") as client:
                while not client.seen.keys() >= {f"{BASE}/{key}" for key in expected} | {f"{BASE}/online"}:
                    await client.next()
                assert client.seen[f"{BASE}/online"] == "true"
                for topic, text in client.seen.items():
                    key = topic.rpartition("/")[2]
                    assert key == "online" or fits(BY_NAME[key], json.loads(text)), key
                assert json.loads(client.seen[f"{BASE}/mcc"]) is True
                rig.wallbox.change("carport", **CHARGING)
                changed = {f"{BASE}/car": "2", f"{BASE}/alw": "true", f"{BASE}/modelStatus": "12"}
                while any(client.seen.get(topic) != text for topic, text in changed.items()):
                    await client.next()

    go(body)


REFUSED = [
    ("amp", b"5", "amp: failed: Value 5 exceeds range 6 to 32 (5)"),
    ("alw", b"false", "alw: tried to set api key without setter (false)"),
    ("fna", b"new_name", "invalid json InvalidInput: new_name"),
    ("fna", b'"new', 'invalid json IncompleteInput: "new'),
    ("fna", b"0", "value must be string 0"),
    ("amp", b"", "invalid json EmptyInput: "),
    ("amp", b"\xff\xfe", "invalid json InvalidInput: \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
    ("fna", b'"a\x00\x07b"', 'invalid json InvalidInput: "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"'),
    ("nokey", b"1", "nokey: tried to set unknown api key (1)"),
    ("\N{SNOWMAN} x", b"1", "\N{SNOWMAN} x: tried to set unknown api key (1)"),
    ("online", b"false", "online: tried to set unknown api key (false)"),
    ("fna", b'"' + b"x" * 100_000 + b'"', "httpd_query_key_value() failed with ESP_ERR_HTTPD_RESULT_TRUNC"),
    ("amp", b"[" * 5000, "httpd_query_key_value() failed with ESP_ERR_HTTPD_RESULT_TRUNC"),
    ("amp", b"[" * 500, "invalid json TooDeep: " + "[" * 200),
    ("ids", b'{"pPv":1}', 'ids: failed: pGrid must be a number ({"pPv":1})'),
    ("ids", b"12", "value must be object 12"),
]


def test_what_cannot_be_set_is_answered_as_the_device_answers(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker)
        async with rig.up(), rig.client(f"{BASE}/+/result") as client:
            await rig.mqtt.connection.connected()
            before = rig.box.read(("amp", "fna")).values
            for key, payload, result in REFUSED:
                assert await client.told(key, payload) == result, (key, payload[:20])
            await client._client.publish(f"{BASE}/a/b/set", "1")  # no key: nobody's
            await client._client.publish(f"{BASE}/{'x' * 1000}/set", "1")
            assert await client.told("amp", "7") == "success"
            assert before == {**rig.box.read(("amp", "fna")).values, "amp": before["amp"]}
            assert rig.wallbox.loadpoint("carport").amps_asked_a == 7

    with capture_logs() as logs:
        go(body)
    assert [row["event"] for row in logs if row["log_level"] in ("error", "critical")] == []


def test_an_old_wish_that_the_broker_kept_is_not_carried_out(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker)
        async with rig.client(f"{BASE}/online") as client:
            await client.set("frc", "2", retain=True)
            async with rig.up():
                await client.until(f"{BASE}/online", "true")
                await client.subscribe(f"{BASE}/+/result")
                assert await client.told("lbr", "20") == "success"
        assert rig.wallbox.requests == []

    with capture_logs() as logs:
        go(body)
    assert [row["event"] for row in logs if row["log_level"] == "warning"] == ["goe_setting_was_retained"]


def test_surplus_comes_as_an_object(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker)
        async with rig.up(), rig.client(f"{BASE}/ids/result", f"{BASE}/pgrid") as client:
            await client.until(f"{BASE}/pgrid", "null")
            assert await client.told("ids", '{"pGrid": -1500.5, "pPv": 3000, "pAkku": 0}') == "success"
            await client.until(f"{BASE}/pgrid", "-1500.5")

    go(body)


def test_when_settings_are_locked_they_are_refused_and_it_says_so(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker)
        rig.box.set((("mcr", "true"),))
        async with rig.up(), rig.client(f"{BASE}/+/result") as client:
            await rig.mqtt.connection.connected()
            assert await client.told("amp", "8") == "amp: mqtt is read-only (mcr)"
            assert rig.wallbox.requests == []

    go(body)


def test_online_is_true_while_it_is_and_false_when_it_leaves_or_vanishes(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker)
        async with rig.client(f"{BASE}/online") as client:
            async with rig.up():
                assert await client.until(f"{BASE}/online") == "true"
                live = rig.mqtt.connection._client
                assert live is not None
                live._client.socket().shutdown(socket.SHUT_RDWR)  # no DISCONNECT
                assert await client.until(f"{BASE}/online") == "false"
                assert await client.until(f"{BASE}/online") == "true"
            assert await client.until(f"{BASE}/online") == "false"
        async with rig.client(f"{BASE}/online") as late:
            assert await late.next() == (f"{BASE}/online", "false", True)

    go(body)


def test_a_broker_that_forgot_everything_is_told_everything(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker)
        async with rig.up():
            await rig.mqtt.connection.connected()
            broker.stop()
            rig.box.set((("fna", '"While it was away"'),))
            broker.start()
            async with rig.client(f"{BASE}/+", f"{BASE}/+/result") as client:
                while f"{BASE}/var" not in client.seen or f"{BASE}/fna" not in client.seen:
                    await client.next()
                assert client.seen[f"{BASE}/fna"] == '"While it was away"'
                assert await client.told("amp", "9") == "success"

    go(body)


def test_another_prefix(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker, prefix="/home/go-eCharger/")
        async with rig.client(f"/home/go-eCharger/{SERIAL}/+") as client, rig.up():
            await client.until(f"/home/go-eCharger/{SERIAL}/mtp", f'"/home/go-eCharger/{SERIAL}/"')

    go(body)


def test_home_assistants_own_discovery_comes_and_goes_with_mhe(broker: Mosquitto) -> None:
    async def body() -> None:
        rig = Rig(broker)
        async with rig.up(), rig.client("homeassistant/#", "ha/#", f"{BASE}/+/result") as client:
            await rig.mqtt.connection.connected()
            assert await client.told("mhe", "true") == "success"
            while len(client.seen) < len(ENTITIES) + 1:
                await client.next()
            told = {
                topic: json.loads(text) for topic, text in client.seen.items() if topic.startswith("homeassistant/")
            }
            assert len({each["unique_id"] for each in told.values()}) == len(ENTITIES)
            number = told[f"homeassistant/number/go-eCharger_{SERIAL}/amp/config"]
            assert (number["state_topic"], number["command_topic"]) == (f"{BASE}/amp", f"{BASE}/amp/set")
            assert number["availability_topic"] == f"{BASE}/online"
            await client.set("mht", '"ha"')
            while sum(topic.startswith("ha/") for topic in client.seen) < len(ENTITIES):
                await client.next()
            assert all(text == "" for topic, text in client.seen.items() if topic.startswith("homeassistant/"))
            await client.set("mhe", "false")
            while any(text for topic, text in client.seen.items() if topic.startswith("ha/")):
                await client.next()

    go(body)


KEYS = st.sampled_from([*sorted(BY_NAME), "online", "", "a b", "set"]) | st.text(
    st.characters(exclude_characters="+#/\0", exclude_categories=["Cs"]), max_size=70
)
PAYLOADS = (
    st.binary(max_size=60)
    | st.sampled_from([b"null", b"true", b"1e999", b"-0", b'"x"', b"[]", b"{}", b"NaN", b'{"pGrid":1}', b"[" * 2000])
    | st.integers(-(2**70), 2**70).map(lambda number: str(number).encode())
)


@given(st.lists(st.tuples(KEYS, PAYLOADS, st.booleans()), max_size=20))
def test_whatever_is_published_is_answered_in_the_shape_of_the_device(messages: list[tuple[str, bytes, bool]]) -> None:
    wallbox = WallboxDouble(make_loadpoint())
    box = LoadpointBox(wallbox, GoeFaceSettings(port=5001))
    ours = GoeMqtt(box, broker_from_url("mqtt://127.0.0.1:1"))
    answers: list[Publication] = []
    ours.connection.publish = answers.append  # type: ignore[method-assign]
    for key, payload, is_retained in messages:
        before, count = box.read().values, len(answers)
        ours._take(Message(f"{BASE}/{key}/set", payload, is_retained))
        told = answers[count:]
        assert len(told) == (0 if is_retained or not 1 <= len(key) <= 64 else 1)
        if told:
            assert (told[0].topic, told[0].is_retained) == (f"{BASE}/{key}/result", False)
            assert 0 < len(told[0].payload.decode()) < 400
            if told[0].payload != b"success":
                assert box.read().values == before, "what was refused is as it was"
    assert json.loads(json.dumps(box.read().values, allow_nan=False)) == box.read().values
