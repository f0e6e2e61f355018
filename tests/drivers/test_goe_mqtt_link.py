"""The go-e driver over a real broker, with a simulated charger that publishes as the device does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiomqtt
import pytest
from pydantic import ValidationError
from tests.loopback import WITHIN_S, free_port
from tests.mqtt_broker import Mosquitto, ended, mosquitto

from sunbox.clock import SystemClock
from sunbox.core.commands import Cause, Command, CommandName, Outcome, ReadKind
from sunbox.core.effects import Read, Send
from sunbox.core.events import ChargerRead, CommandEnded, ReadFailed
from sunbox.core.model import ChargerStatus
from sunbox.dialects.goe.listening import heard_from_topic, result_from_payload, topics_to_hear, value_from_payload
from sunbox.drivers.goe import driver as driver_module
from sunbox.drivers.goe import mqtt_link
from sunbox.drivers.goe.driver import GoeDriver
from sunbox.drivers.goe.settings import GoeChargerSettings
from sunbox.net.http import client_factory
from sunbox.simulator.goe_charger import GoeCharger

SERIAL = "000001"
NEVER_PUBLISHED = frozenset({"fna", "ffna", "sse", "oem", "typ"})


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "LOGIC_S", 0.2)
    monkeypatch.setattr(mqtt_link, "RESULT_S", WITHIN_S)


class Device:
    """A charger that tells each key on a topic and takes settings."""

    def __init__(self, base: str, *, answers: bool = True, obeys: bool = True) -> None:
        self.charger = GoeCharger(start_at=datetime.now(UTC))
        self.charger.plug()
        self.base, self.answers, self.obeys = base, answers, obeys
        self.told: list[tuple[str, str]] = []
        self._turn = asyncio.Lock()

    async def tell(self, client: aiomqtt.Client) -> None:
        async with self._turn:  # what is older never comes later
            self.charger.advance(max(0.0, (datetime.now(UTC) - self.charger.state.at).total_seconds()))
            for key, value in self.charger.read().values.items():
                if key not in NEVER_PUBLISHED:
                    await client.publish(f"{self.base}/{key}", json.dumps(value), qos=1, retain=True)

    async def listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            key = str(message.topic).split("/")[-2]
            text = bytes(message.payload).decode()
            self.told.append((key, text))
            result = self.charger.set([(key, text)])[key] if self.obeys else True
            self.charger.advance(1.0)
            await self.tell(client)
            if self.answers:
                said = "success" if result is True else str(result)
                await client.publish(f"{self.base}/{key}/result", said, qos=1)


@asynccontextmanager
async def living(device: Device, broker: Mosquitto) -> AsyncIterator[None]:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(f"{device.base}/+/set", qos=1)
        listening = asyncio.create_task(device.listen(client))

        async def beat() -> None:
            while True:
                await device.tell(client)
                await asyncio.sleep(0.2)

        beating = asyncio.create_task(beat())
        try:
            yield
        finally:
            await ended(listening, beating)


def settings(url: str, patience_s: float) -> GoeChargerSettings:
    written = GoeChargerSettings.model_validate({"api": "mqtt", "mqtt": {"url": url}, "serial": SERIAL})
    return written.model_copy(update={"timeout_s": patience_s})  # an owner may write 4 s to 60 s


def go(act: Callable[[GoeDriver], Awaitable[None]], url: str, patience_s: float = WITHIN_S) -> None:
    async def main() -> None:
        driver = GoeDriver("garage", settings(url, patience_s), client_factory(), SystemClock())
        try:
            async with asyncio.timeout(2 * WITHIN_S):
                await act(driver)
        finally:
            await driver.close()

    asyncio.run(main())


async def send(driver: GoeDriver, name: CommandName, value: int | None = None) -> CommandEnded:
    return await driver.send(Send(device_id="garage", exchange_id=1, command=Command(name, value)))


async def read(driver: GoeDriver) -> ChargerRead | ReadFailed:
    return await driver.read(Read(device_id="garage", exchange_id=1, what=ReadKind.DATA))


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_charger_is_read_and_told_over_a_broker(broker: Mosquitto, slash: str) -> None:
    device = Device(f"{slash}go-eCharger/{SERIAL}")

    async def act(driver: GoeDriver) -> None:
        async with living(device, broker):
            event = await read(driver)
            assert isinstance(event, ChargerRead)
            assert event.reading.status is not ChargerStatus.A
            assert (await send(driver, CommandName.SET_AMPS, 10)).outcome is Outcome.APPLIED
            assert (await send(driver, CommandName.SET_AMPS, 10)).outcome is Outcome.ALREADY_SET
            assert (await send(driver, CommandName.STOP)).outcome is Outcome.APPLIED
            assert (await send(driver, CommandName.SET_PHASES, 1)).outcome is Outcome.APPLIED
            ended = await send(driver, CommandName.SET_AMPS, 5)
            assert (ended.outcome, ended.cause) == (Outcome.REFUSED, Cause.REFUSED)
            assert "exceeds range 6 to 32" in ended.detail
            event = await read(driver)
            assert isinstance(event, ChargerRead)
            assert (event.reading.amps_set_a, event.reading.is_enabled, event.reading.phases_set) == (10, False, 1)
            assert "MQTT" in await driver.probe()
        assert device.told == [("amp", "10"), ("frc", "1"), ("psm", "1"), ("amp", "5")]

    go(act, broker.url)


def test_success_that_is_none_is_not_confirmed(broker: Mosquitto) -> None:
    async def act(driver: GoeDriver) -> None:
        async with living(Device(f"go-eCharger/{SERIAL}", obeys=False), broker):
            assert (await send(driver, CommandName.SET_AMPS, 10)).outcome is Outcome.UNCONFIRMED

    go(act, broker.url)


def test_a_charger_that_is_only_remembered_by_the_broker_is_not_there(broker: Mosquitto) -> None:
    async def act(driver: GoeDriver) -> None:
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            await client.publish(f"go-eCharger/{SERIAL}/car", "2", qos=1, retain=True)
        event = await read(driver)
        while isinstance(event, ReadFailed) and event.cause is Cause.UNREACHABLE:  # the broker has not let it in yet
            event = await read(driver)
        assert isinstance(event, ReadFailed)
        assert event.cause is Cause.NO_ANSWER
        assert f"charger {SERIAL} is not heard" in event.detail
        assert (await send(driver, CommandName.START)).outcome is Outcome.NOT_DELIVERED

    go(act, broker.url, patience_s=1.0)


def test_without_a_broker() -> None:
    async def act(driver: GoeDriver) -> None:
        event = await read(driver)
        assert isinstance(event, ReadFailed)
        assert event.cause is Cause.UNREACHABLE

    go(act, f"mqtt://127.0.0.1:{free_port()}", patience_s=1.0)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"api": "mqtt"}, "write the broker"),
        ({"api": "mqtt", "serial": "000001"}, "write the broker"),
        ({}, "url is missing"),
        ({"url": "http://x", "mqtt": {"url": "mqtt://x"}}, "write api: mqtt"),
        ({"url": "http://x/api/status"}, "write the address alone"),
        ({"url": "192.168.0.75"}, "allowed is an address such as http://192.168.0.75"),
        ({"url": "http://me:pw@x"}, "bare address"),
        ({"url": "http://x", "interval_s": 0.5}, "greater than or equal to 1"),
        ({"url": "http://x", "api": "v1", "feeds_surplus": True}, "feeds_surplus needs API v2"),
    ],
    ids=str,
)
def test_what_is_written_wrongly_is_explained(written, words) -> None:
    with pytest.raises(ValidationError, match=words):
        GoeChargerSettings.model_validate(written)


@pytest.mark.parametrize(
    ("topic", "heard"),
    [
        ("go-eCharger/000001/car", ("go-eCharger/000001/", "car", False)),
        ("/go-eCharger/000001/car", ("/go-eCharger/000001/", "car", False)),
        ("go-eCharger/000001/amp/result", ("go-eCharger/000001/", "amp", True)),
        ("go-eCharger/000001/amp/set", None),
        ("go-eCharger/000002/car", None),
        ("go-eCharger/000001/", None),
        ("go-eCharger/000001", None),
        ("", None),
    ],
)
def test_topics(topic: str, heard) -> None:
    found = heard_from_topic(topic, "go-eCharger", "000001")
    assert (None if found is None else (found.base, found.key, found.is_result)) == heard
    assert len(topics_to_hear("/home/go-eCharger/", "000001")) == 4


def test_payloads() -> None:
    assert value_from_payload(b"null") == (None,)
    assert value_from_payload(b'"x"') == ("x",)
    assert value_from_payload(b"\xff") is None
    assert value_from_payload(b"[" * 50_000) is None
    assert value_from_payload(b"1" * 100_000) is None
    assert result_from_payload(b"success") is None
    assert result_from_payload(b"invalid json") == "invalid json"
    assert result_from_payload(b"") == "no words"
