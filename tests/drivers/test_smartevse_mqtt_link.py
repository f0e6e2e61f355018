"""The SmartEVSE driver over a real broker, with a simulated box that publishes as the device does; and what an owner may write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import pytest
from pydantic import ValidationError
from tests.loopback import WITHIN_S, free_port
from tests.mqtt_broker import Mosquitto, mosquitto

from sunbox.clock import SystemClock
from sunbox.core.commands import Cause, Command, CommandName, Outcome, ReadKind
from sunbox.core.effects import Read, Send
from sunbox.core.events import ChargerRead, CommandEnded, ReadFailed
from sunbox.core.model import ChargerStatus, MeterReading
from sunbox.dialects.smartevse.box import Box
from sunbox.dialects.smartevse.mqtt import hear, last_will, messages_of
from sunbox.dialects.smartevse.profiles import PROFILES
from sunbox.dialects.smartevse.state import Setup
from sunbox.dialects.smartevse.words import Access, Meter, Regime
from sunbox.drivers.smartevse import driver as driver_module
from sunbox.drivers.smartevse import mqtt_link
from sunbox.drivers.smartevse.driver import SmartEvseDriver
from sunbox.drivers.smartevse.settings import SmartEvseMeterSettings, SmartEvseSettings, capabilities
from sunbox.net.http import client_factory
from sunbox.simulator.smartevse_app import LiveSmartEvse

MANY, FEW = 1200, 6
"""How often it reads back: as long as it takes, and where nothing is to be seen."""
SETUP = Setup(mains_meter=Meter.API, ev_meter=Meter.API, current_max=16, access=Access.OFF)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "BACK_S", 0.05)
    monkeypatch.setattr(driver_module, "READS_BACK", MANY)
    monkeypatch.setattr(mqtt_link, "FIRST_WORD_S", WITHIN_S)


class Device:
    """A box that publishes its topics and hears the others."""

    def __init__(self, prefix: str, *, profile: str = "3.11", setup: Setup = SETUP) -> None:
        begins = iter([datetime.now(UTC) - timedelta(seconds=3)])  # it has seen the car already
        self.live = LiveSmartEvse(
            lambda: next(begins, None) or datetime.now(UTC), box=Box(PROFILES[profile]), setup=setup, is_plugged=True
        )
        self.live.feeds_mains = False
        self.prefix = prefix
        self.heard: list[tuple[str, str]] = []
        self.has_heard = asyncio.Event()
        self._turn = asyncio.Lock()

    async def tell(self, client: aiomqtt.Client) -> None:
        async with self._turn:  # what is older never comes later
            self.live.sync()
            box = self.live.box
            for message in messages_of(self.live.state, box.identity, box.profile):
                name = message.topic.rpartition("/")[2]
                await client.publish(f"{self.prefix}/{name}", message.payload, retain=message.is_retained)

    async def listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            name = str(message.topic).rpartition("/Set/")[2]
            text = bytes(message.payload).decode()
            self.heard.append((name, text))
            self.has_heard.set()
            self.live.sync()
            told = hear(self.live.state, name, text, self.live.box.identity, self.live.box.profile)
            self.live._obey(told.state, told.orders)
            self.live.sync()
            await self.tell(client)


@asynccontextmanager
async def living(device: Device, broker: Mosquitto) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(f"{device.prefix}/Set/#", qos=1)
        listening = asyncio.create_task(device.listen(client))

        async def beat() -> None:
            while True:
                await device.tell(client)
                await asyncio.sleep(0.2)

        beating = asyncio.create_task(beat())
        try:
            yield client
        finally:
            # again and again: the library may lose a cancellation that comes just as the broker answers
            while waiting := [task for task in (listening, beating) if not task.done()]:
                for task in waiting:
                    task.cancel()
                await asyncio.wait(waiting, timeout=0.05)
            await asyncio.gather(listening, beating, return_exceptions=True)


def settings(url: str, **more) -> SmartEvseSettings:
    return SmartEvseSettings.model_validate({"api": "mqtt", "mqtt": {"url": url}, "serial": "1234", **more})


def go(act: Callable[[SmartEvseDriver], Awaitable[None]], url: str, balance=None, **more) -> None:
    async def main() -> None:
        driver = SmartEvseDriver("garage", settings(url, **more), client_factory(), SystemClock(), balance=balance)
        try:
            async with asyncio.timeout(2 * WITHIN_S):
                await act(driver)
        finally:
            await driver.close()

    asyncio.run(main())


async def send(driver: SmartEvseDriver, name: CommandName, value: int | None = None) -> CommandEnded:
    return await driver.send(Send(device_id="garage", exchange_id=1, command=Command(name, value)))


async def read(driver: SmartEvseDriver) -> ChargerRead | ReadFailed:
    return await driver.read(Read(device_id="garage", exchange_id=1, what=ReadKind.DATA))


async def read_until(
    driver: SmartEvseDriver, is_so: Callable[[ChargerRead | ReadFailed], bool]
) -> ChargerRead | ReadFailed:
    """Read until a reading is as is waited for: what was published comes one after the other."""
    while not is_so(event := await read(driver)):  # noqa: ASYNC110 - it has no event for this
        await asyncio.sleep(0.01)
    return event


@pytest.mark.parametrize("prefix", ["SmartEVSE/1234", "SmartEVSE-1234", "my/garage"])
@pytest.mark.parametrize("profile", ["3.9", "3.11"])
def test_a_box_is_read_and_told_over_a_broker(broker: Mosquitto, prefix: str, profile: str) -> None:
    device = Device(prefix, profile=profile)

    async def act(driver: SmartEvseDriver) -> None:
        async with living(device, broker):
            event = await read(driver)
            assert isinstance(event, ChargerRead)
            assert (event.reading.status, event.reading.told) == (ChargerStatus.B, False)
            assert event.reading.started_at is not None
            assert (await send(driver, CommandName.SET_AMPS, 10)).outcome is Outcome.APPLIED
            assert (await send(driver, CommandName.SET_AMPS, 10)).outcome is Outcome.ALREADY_SET
            assert (await send(driver, CommandName.SET_PHASES, 1)).outcome is Outcome.APPLIED
            assert (await send(driver, CommandName.START)).outcome is Outcome.APPLIED
            await read_until(driver, lambda event: isinstance(event, ChargerRead) and event.reading.is_enabled)
            assert (await send(driver, CommandName.START)).outcome is Outcome.ALREADY_SET
            event = await read(driver)
            assert isinstance(event, ChargerRead)
            reading = event.reading
            assert (reading.amps_set_a, reading.is_enabled, reading.phases_set, reading.max_a) == (10, True, 1, 16)
            assert (await send(driver, CommandName.STOP)).outcome is Outcome.APPLIED
            assert "MQTT" in await driver.probe()
        assert device.heard == [("CurrentOverride", "100"), ("EnableC2", "1"), ("Mode", "Smart"), ("Mode", "Pause")]

    go(act, broker.url, **({"mqtt_prefix": prefix} if prefix.startswith("my") else {}))


def test_what_is_not_taken_is_not_confirmed(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "READS_BACK", FEW)

    async def act(driver: SmartEvseDriver) -> None:
        async with living(Device("SmartEVSE/1234", setup=SETUP.switched_to(Regime.NORMAL, is_delayed=False)), broker):
            assert (await send(driver, CommandName.SET_AMPS, 5)).outcome is Outcome.UNCONFIRMED

    go(act, broker.url)


def test_left_in_solar_the_current_goes_with_the_start(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup(mains_meter=Meter.API, ev_meter=Meter.API, current_max=16, regime=Regime.SOLAR, access=Access.PAUSE)
    device = Device("SmartEVSE/1234", setup=setup)

    async def act(driver: SmartEvseDriver) -> None:
        async with living(device, broker):
            monkeypatch.setattr(driver_module, "READS_BACK", FEW)  # it hears no current
            assert (await send(driver, CommandName.SET_AMPS, 9)).outcome is Outcome.APPLIED
            monkeypatch.setattr(driver_module, "READS_BACK", MANY)
            assert (await send(driver, CommandName.START)).outcome is Outcome.APPLIED
            assert device.live.device.setup.override_da == 90

    go(act, broker.url)


def test_it_is_fed_over_the_broker(broker: Mosquitto) -> None:
    device = Device("SmartEVSE/1234")

    def balance() -> MeterReading:
        return MeterReading(measured_at=datetime.now(UTC), grid_w=2300.0, grid_phases_a=(4.0, -2.0, 8.0))

    async def act(driver: SmartEvseDriver) -> None:
        async with living(device, broker):
            running = asyncio.create_task(driver.run(lambda _: None))
            await device.has_heard.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert device.heard[0] == ("MainsMeter", "40:-20:80")
        assert device.live.device.irms_da == (40, -20, 80)

    go(act, broker.url, balance, feeds_currents=True)


def test_a_box_that_says_good_bye_or_is_only_remembered_is_not_there(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device("SmartEVSE/1234")

    async def act(driver: SmartEvseDriver) -> None:
        async with living(device, broker) as client:
            assert isinstance(await read(driver), ChargerRead)
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            will = last_will(device.live.state, device.live.box.identity)
            await client.publish(will.topic, will.payload, qos=1, retain=True)
        monkeypatch.setattr(mqtt_link, "FIRST_WORD_S", 0.5)
        event = await read_until(driver, lambda event: isinstance(event, ReadFailed))
        assert isinstance(event, ReadFailed)
        assert event.cause is Cause.NO_ANSWER
        assert "no SmartEVSE is heard below SmartEVSE/1234 or SmartEVSE-1234" in event.detail
        assert (await send(driver, CommandName.SET_PHASES, 1)).outcome is Outcome.NOT_DELIVERED

    go(act, broker.url)


def test_without_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_link, "FIRST_WORD_S", 0.5)

    async def act(driver: SmartEvseDriver) -> None:
        event = await read(driver)
        assert isinstance(event, ReadFailed)
        assert event.cause is Cause.UNREACHABLE

    go(act, f"mqtt://127.0.0.1:{free_port()}")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"api": "mqtt"}, "write the broker"),
        ({"api": "mqtt", "mqtt": {"url": "mqtt://x"}}, "and the box's serial"),
        ({}, "url is missing"),
        ({"url": "http://x", "mqtt": {"url": "mqtt://x"}}, "write api: mqtt"),
        ({"url": "http://x/settings"}, "write the address alone"),
        ({"url": "192.168.0.76"}, "allowed is an address such as http://192.168.0.76"),
        ({"url": "http://me:pw@x"}, "bare address"),
        ({"url": "http://x", "min_a": 10, "max_a": 8}, "write a min_a that is not above it"),
        ({"url": "http://x", "base_mode": "solar"}, "auto"),
    ],
    ids=str,
)
def test_what_is_written_wrongly_is_explained(written, words) -> None:
    with pytest.raises(ValidationError, match=words):
        SmartEvseSettings.model_validate(written)


def test_what_it_can_do() -> None:
    found = capabilities(SmartEvseSettings(url="http://x/", min_a=8, max_a=16))
    assert (found.min_a, found.max_a, found.max_phases, found.is_polled) == (8, 16, 3, True)
    assert found.phase_switch is not None
    assert capabilities(SmartEvseSettings(url="http://x", phases=1)).phase_switch is None
    assert capabilities(SmartEvseSettings(url="http://x", switch_phases=False)).phase_switch is None
    assert SmartEvseMeterSettings(url="http://x/").url == "http://x"
