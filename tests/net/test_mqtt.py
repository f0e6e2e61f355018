"""MQTT connections, against a real broker: last will, reconnecting, newest per topic, good-bye; and nothing secret is told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs
from tests.loopback import WITHIN_S, free_port
from tests.mqtt_broker import Mosquitto, mosquitto

from sunbox.net import mqtt
from sunbox.net.mqtt import Broker, BrokerSettings, Delivery, Message, MqttConnection, Publication, broker_from_url
from sunbox.simulator.clock import run_in


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "RECONNECT", mqtt.Backoff(0.05, 0.2))


def go(body: Awaitable[None]) -> None:
    async def main() -> None:
        async with asyncio.timeout(2 * WITHIN_S):
            await body

    asyncio.run(main())


@asynccontextmanager
async def up(connection: MqttConnection) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(connection.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def witness(broker: Mosquitto, *topics: str) -> AsyncIterator[Callable[[], Awaitable[tuple[str, bytes, bool]]]]:
    """Subscribe with a client that is not ours; yields what waits for the next message."""
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        for topic in topics:
            await client.subscribe(topic, qos=1)
        messages = aiter(client.messages)

        async def following() -> tuple[str, bytes, bool]:
            async with asyncio.timeout(WITHIN_S):
                message = await anext(messages)
            assert isinstance(message.payload, bytes)
            return str(message.topic), message.payload, message.retain

        yield following


def connection(broker: Mosquitto, **about: Any) -> MqttConnection:
    return MqttConnection(broker_from_url(broker.url), **{"client_id": "test", **about})


def test_a_late_subscriber_sees_the_newest_of_each_topic(broker: Mosquitto) -> None:
    async def body() -> None:
        ours = connection(broker)
        for number in range(5):
            ours.publish(Publication("a/x", b"%d" % number))
        ours.publish(Publication("a/y", b"y"))
        ours.publish(Publication("a/news", b"lost", is_retained=False))
        async with witness(broker, "a/#") as early, up(ours):
            assert [await early(), await early()] == [("a/x", b"4", False), ("a/y", b"y", False)]
            async with witness(broker, "a/#") as late:
                assert [await late(), await late()] == [("a/x", b"4", True), ("a/y", b"y", True)]
                ours.publish(Publication("a/news", b"1", is_retained=False))
                ours.publish(Publication("a/news", b"2", is_retained=False))
                assert [await late(), await late()] == [("a/news", b"1", False), ("a/news", b"2", False)]

    go(body())


def test_leaving_says_good_bye_and_vanishing_leaves_the_will(broker: Mosquitto) -> None:
    async def body() -> None:
        ours = connection(broker, will=Publication("a/online", b"false"))
        async with witness(broker, "a/#") as seen:
            async with up(ours):
                ours.publish(Publication("a/online", b"true"))
                assert await seen() == ("a/online", b"true", False)
            assert await seen() == ("a/online", b"false", False)
            async with up(ours):
                ours.publish(Publication("a/online", b"true"))
                assert await seen() == ("a/online", b"true", False)
                assert ours._client is not None
                ours._client._client.socket().shutdown(socket.SHUT_RDWR)  # no DISCONNECT, as when the power fails
                assert await seen() == ("a/online", b"false", False)

    go(body())


def test_after_the_broker_came_back_everything_is_there_again(broker: Mosquitto) -> None:
    got: asyncio.Queue[Message] = asyncio.Queue()

    async def body() -> None:
        ours = connection(broker, subscriptions=("in/+",), on_message=got.put_nowait)

        def tell() -> None:
            ours.publish(Publication("a/x", b"again"))

        ours._on_connected = tell
        async with up(ours):
            await ours.connected()
            for _ in range(2):
                broker.stop()
                ours.publish(Publication("a/y", b"told while it was away"))
                assert await ours.deliver(Publication("a/z", b"")) is not Delivery.CONFIRMED
                broker.start()
                async with witness(broker, "a/#") as seen:
                    assert {(await seen())[0] for _ in range(2)} == {"a/x", "a/y"}
                async with aiomqtt.Client("127.0.0.1", broker.port) as other:
                    await other.publish("in/one", b"\xff\x00", qos=1)
                async with asyncio.timeout(WITHIN_S):
                    assert await got.get() == Message("in/one", b"\xff\x00", is_retained=False)

    with capture_logs() as logs:
        go(body())
    events = [(row["event"], row["log_level"]) for row in logs]
    assert ("mqtt_not_connected", "warning") in events
    assert events[-1] == ("mqtt_connected", "info")
    assert not any(row["log_level"] in ("error", "critical") for row in logs)


def test_who_must_know_is_told(broker: Mosquitto) -> None:
    async def body() -> None:
        ours = connection(broker)
        assert await ours.deliver(Publication("a/x", b"1")) is Delivery.NOT_SENT
        async with up(ours):
            await ours.connected()
            async with witness(broker, "a/#") as seen:
                assert await ours.deliver(Publication("a/x", b"1", is_retained=False)) is Delivery.CONFIRMED
                assert await seen() == ("a/x", b"1", False)

    go(body())


def test_a_listener_that_fails_is_no_end(broker: Mosquitto) -> None:
    got: list[str] = []
    enough = asyncio.Event()

    def fail(message: Message) -> None:
        got.append(message.topic)
        if len(got) == 2:
            enough.set()
        raise LookupError("its own mistake")

    async def body() -> None:
        ours = connection(broker, subscriptions=("in/#",), on_message=fail)
        async with up(ours):
            await ours.connected()
            async with aiomqtt.Client("127.0.0.1", broker.port) as other:
                await other.publish("in/1", b"")
                await other.publish("in/2", b"")
            await asyncio.wait_for(enough.wait(), WITHIN_S)
            assert ours.is_connected

    go(body())
    assert got == ["in/1", "in/2"]


def test_a_password_is_needed_and_never_told(tmp_path: Path) -> None:
    async def refused(url: str) -> MqttConnection:
        ours = MqttConnection(broker_from_url(url), client_id="test")
        async with up(ours):
            while not ours.trouble:  # noqa: ASYNC110 - it has no event for this
                await asyncio.sleep(0)
        return ours

    with capture_logs() as logs, mosquitto(tmp_path, "allow_anonymous false") as broker:

        async def body() -> None:
            ours = await refused(f"mqtt://me:s3cr%23t@127.0.0.1:{broker.port}")
            assert "authori" in ours.trouble.lower()

        go(body())
    assert [row["event"] for row in logs] == ["mqtt_not_connected"]
    assert "s3cr" not in str(logs)


def test_trouble_is_told_once(tmp_path: Path) -> None:
    async def body() -> None:
        tries = 0
        ours = MqttConnection(Broker(host="127.0.0.1", port=free_port()), client_id="test")
        connect = ours._connect

        async def counted(*arguments: Any) -> Any:
            nonlocal tries
            tries += 1
            return await connect(*arguments)

        ours._connect = counted  # type: ignore[method-assign]
        async with up(ours):
            while tries < 4:  # noqa: ASYNC110 - it has no event for this
                await asyncio.sleep(0)
        assert "refused" in ours.trouble.lower()

    with capture_logs() as logs:
        go(body())
    assert len(logs) == 1


def test_whoever_never_answers_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "TIMEOUT_S", 0.1)

    async def body() -> None:
        began: asyncio.Queue[None] = asyncio.Queue()
        ends: asyncio.Queue[bytes] = asyncio.Queue()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            began.put_nowait(None)
            heard = await reader.read()  # to its end: it was closed
            writer.close()
            ends.put_nowait(heard)

        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            ours = MqttConnection(Broker(host="127.0.0.1", port=port), client_id="test")
            async with up(ours):
                tries_with_a_word = 0
                while tries_with_a_word < 2:  # a slow machine's time may be over before it has said one
                    await began.get()
                    tries_with_a_word += b"MQTT" in await asyncio.wait_for(ends.get(), WITHIN_S)
                await began.get()
            # cancelled in the middle of a try, it hangs up too
            await asyncio.wait_for(ends.get(), WITHIN_S)

    go(body())


def test_too_much_is_dropped_from_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "MOST_WAITING", 3)

    async def body() -> None:
        ours = MqttConnection(Broker(host="127.0.0.1", port=1), client_id="test")
        for name in "abcd":
            ours.publish(Publication(name, b""))
        ours.publish(Publication("b", b"newer"))
        assert [each.topic for each in ours._waiting.values()] == ["c", "d", "b"]

    with capture_logs() as logs:
        asyncio.run(body())
    assert [row["event"] for row in logs] == ["mqtt_dropped"]


def test_pace() -> None:
    async def body() -> None:
        pace = mqtt._Pace(10.0, 5)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for _ in range(25):
            await pace.turn()
        assert loop.time() - began_s == pytest.approx(2.0)

    from sunbox.simulator.clock import VirtualTimeLoop

    run_in(VirtualTimeLoop, body())


@pytest.mark.parametrize("topic", ["", "a/+/b", "a/#", "a\0", "x" * 70_000, "\ud800"])
def test_bad_topics(topic: str) -> None:
    with pytest.raises(ValueError, match="allowed is"):
        Publication(topic, b"")


ADDRESSES = [
    ("mqtt://10.0.0.1", Broker(host="10.0.0.1", port=1883)),
    ("mqtt://me@broker:1", Broker(host="broker", port=1, user="me")),
    ("mqtts://me:p%40%3A%2F%23@[::1]/", Broker(host="::1", port=8883, user="me", password="p@:/#", tls=True)),
]


@pytest.mark.parametrize(("url", "broker"), ADDRESSES)
def test_addresses(url: str, broker: Broker) -> None:
    assert broker_from_url(url) == broker
    assert BrokerSettings.model_validate({"url": url}).broker == broker
    assert "p@:/#" not in f"{broker}{broker!r}"


WRONG = [
    {"url": "http://secret@x"},
    {"url": "mqtt://"},
    {"url": "mqtt://x:0"},
    {"url": "mqtt://x:secret"},
    {"url": "mqtt://me:secret#1@x"},
    {"url": "mqtt://x/secret"},
    {"url": "mqtt://me:secret@x", "password": "secret"},
    {"url": "mqtt://me@x", "user": "secret"},
    {"url": "mqtt://x", "password": "secret"},
    {"url": "mqtt://x", "ca": Path("secret.pem")},
]


@pytest.mark.parametrize("raw", WRONG, ids=str)
def test_wrong_settings_are_told_without_their_secrets(raw: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        BrokerSettings.model_validate(raw)
    assert "secret" not in str(raised.value)


def test_user_and_password_beside_the_address() -> None:
    told = BrokerSettings.model_validate({"url": "mqtts://x", "user": "me", "password": "a#b", "ca": Path("ca.pem")})
    assert told.broker == Broker(host="x", port=8883, user="me", password="a#b", tls=True, ca=Path("ca.pem"))
    assert "a#b" not in repr(told)
