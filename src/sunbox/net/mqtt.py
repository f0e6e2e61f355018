"""MQTT connections: one per face or driver, each with a last will of its own, kept up for ever.

`publish` never waits: what is retained is a state, of which only the newest per topic counts, so it waits for a broker that
is away; anything else is news, which nobody wants to hear later. `deliver` is for who must know whether it was taken, such
as a driver with a command. Whoever uses a connection runs `run` beside it; cancelled, it says good-bye and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self
from urllib.parse import unquote, urlsplit

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from sunbox.core.resilience import Backoff
from sunbox.net.http import tls_context, trusting

if TYPE_CHECKING:
    import aiomqtt

log = structlog.get_logger(__name__)

TIMEOUT_S = 10.0
"""How long the broker may take to answer anything."""
STOP_S = 2.0
"""How long saying good-bye may take."""
CANCEL_S = 0.05
KEEP_ALIVE_S = 60
RECONNECT = Backoff(1.0, 60.0)
STEADY_S = 30.0
"""A connection that lived so long has worked: after a shorter one the next try waits longer than the one before."""
MOST_WAITING = 2000
"""Topics that may wait for the broker; beyond, the one that waits longest is dropped."""
MOST_RECEIVED = 1000
"""Messages that may wait to be looked at; beyond, they are dropped."""
MOST_TOPIC_BYTES = 65_535
REFUSED = 128
"""From this code on a subscription was not granted."""
PORTS = {"mqtt": 1883, "mqtts": 8883}

_ADDRESS = "allowed is an address such as mqtt://192.168.0.5:1883 or mqtts://user:password@broker:8883"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where a broker is, and who connects. Shown without its password."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca: Path | None = None  #: whom to trust, instead of the authorities that browsers trust

    def __str__(self) -> str:
        """Return it for people and logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def broker_from_url(url: str) -> Broker:
    """Return the broker of `mqtt[s]://user:password@host:port`.

    Raises:
        ValueError: it is no such address; the text does not repeat it, for there may be a password in it.
    """
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        raise ValueError(_ADDRESS) from None
    if scheme not in PORTS or not host or port == 0:
        raise ValueError(_ADDRESS)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{_ADDRESS}, with nothing behind it; in a password write # as %23, / as %2F and ? as %3F")
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return Broker(host=host, port=port or PORTS[scheme], user=user, password=password, tls=scheme == "mqtts")


def _checked_url(url: SecretStr) -> SecretStr:
    broker_from_url(url.get_secret_value())
    return url


class BrokerSettings(BaseModel):
    """An MQTT broker, as an owner writes it."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )

    url: Annotated[SecretStr, AfterValidator(_checked_url)]
    """The broker: `mqtt://host:port`, or `mqtts://` for TLS; user and password may stand before the host."""
    user: Annotated[str, Field(min_length=1)] | None = None
    """User, if it does not stand in the address."""
    password: SecretStr | None = None
    """Password, if it does not stand in the address."""
    ca: Path | None = None
    """Certificate of the broker or of its authority (a file), if no authority that browsers trust has signed it."""

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        told = broker_from_url(self.url.get_secret_value())
        if self.user is not None and told.user is not None:
            raise ValueError("write the user in `url` or as `user`, not both")
        if self.password is not None and told.password is not None:
            raise ValueError("write the password in `url` or as `password`, not both")
        if (self.password is not None or told.password is not None) and not (self.user or told.user):
            raise ValueError("a password needs its `user`")
        if self.ca is not None and not told.tls:
            raise ValueError("`ca` is for mqtts:// addresses")
        return self

    @property
    def broker(self) -> Broker:
        """Return where it is and who connects."""
        told = broker_from_url(self.url.get_secret_value())
        password = self.password.get_secret_value() if self.password is not None else told.password
        return Broker(
            host=told.host, port=told.port, user=self.user or told.user, password=password, tls=told.tls, ca=self.ca
        )


@dataclass(frozen=True, slots=True)
class Publication:
    """What is to be published."""

    topic: str
    payload: bytes
    is_retained: bool = True

    def __post_init__(self) -> None:
        if not is_topic(self.topic):
            raise ValueError(
                f"MQTT topic {self.topic[:80]!r}: allowed is 1 to {MOST_TOPIC_BYTES} bytes without +, # and NUL"
            )


@dataclass(frozen=True, slots=True)
class Message:
    """What was published by somebody."""

    topic: str
    payload: bytes
    is_retained: bool  #: it was there before we subscribed


class Delivery(StrEnum):
    """How a message that must be taken ended."""

    CONFIRMED = "confirmed"  #: the broker has it
    UNCONFIRMED = "unconfirmed"  #: it may have it
    NOT_SENT = "not_sent"  #: it cannot have it


def is_topic(topic: str) -> bool:
    """Return whether a text can be published to."""
    try:
        size = len(topic.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= MOST_TOPIC_BYTES and not any(char in topic for char in "+#\0")


class MqttConnection:
    """One connection to a broker.

    Args:
        broker: where.
        client_id: who we are; a broker hangs up on whoever comes with the same.
        will: what the broker publishes when we are gone without a word, and what we publish when we leave.
        subscriptions: topics with wildcards, renewed with each connection.
        on_message: gets each message; quick, it holds up the others.
        on_connected: called after each connection, before anything is published: the broker may have forgotten everything.
        on_gone: called when a connection has ended, however.
        most_per_s: publications per second in the long run.
        burst: so many may go out at once.
        keep_alive_s: after how long without a word the broker looks whether we are there.
        speed: how many times as fast as the wall the loop's time runs.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        will: Publication | None = None,
        subscriptions: tuple[str, ...] = (),
        on_message: Callable[[Message], None] | None = None,
        on_connected: Callable[[], None] | None = None,
        on_gone: Callable[[], None] | None = None,
        most_per_s: float = 50.0,
        burst: int = 500,
        keep_alive_s: int = KEEP_ALIVE_S,
        speed: float = 1.0,
    ) -> None:
        self._keep_alive_s = keep_alive_s
        self._broker = broker
        self._client_id = client_id
        self._will = will
        self._subscriptions = subscriptions
        self._on_message = on_message
        self._on_connected = on_connected
        self._on_gone = on_gone
        self._pace = _Pace(most_per_s / speed, burst)
        self._speed = max(1.0, speed)
        self._waiting: dict[str | int, Publication] = {}
        self._is_waiting = asyncio.Event()
        self._number = 0
        self._client: aiomqtt.Client | None = None
        self._is_connected = asyncio.Event()
        self._deliveries: set[asyncio.Future[None]] = set()
        self._trouble: str | None = ""  #: as logged last; None while it is connected, "" before anything
        self._has_dropped = False
        self._log = log.bind(broker=str(broker), client=client_id)

    @property
    def is_connected(self) -> bool:
        """Return whether the broker is there."""
        return self._client is not None

    @property
    def trouble(self) -> str:
        """Return why it is not connected, in one line for people; empty if it is, or was not tried yet."""
        return self._trouble or ""

    async def connected(self) -> None:
        """Wait until the broker is there."""
        await self._is_connected.wait()

    def publish(self, publication: Publication) -> None:
        """Have it published soon. Of what is retained only the newest per topic counts; the rest is dropped without broker."""
        key: str | int = publication.topic
        if not publication.is_retained:
            if self._client is None:
                return
            self._number += 1
            key = self._number
        self._waiting.pop(key, None)  # the newest goes to the end: what changes all the time holds nothing up
        if len(self._waiting) >= MOST_WAITING:
            dropped = self._waiting.pop(next(iter(self._waiting)))
            if not self._has_dropped:
                self._has_dropped = True
                self._log.warning("mqtt_dropped", topic=dropped.topic[:200], waiting=MOST_WAITING)
        self._waiting[key] = publication
        self._is_waiting.set()

    async def deliver(self, publication: Publication) -> Delivery:
        """Publish it now, and say how that ended. Never raises for what a broker or network does."""
        client = self._client
        if client is None:
            return Delivery.NOT_SENT
        publishing = asyncio.ensure_future(
            client.publish(publication.topic, publication.payload, qos=1, retain=publication.is_retained)
        )
        self._deliveries.add(publishing)  # ended with the connection: the library would wait for its time-out
        try:
            await asyncio.wait((publishing,))
        finally:
            self._deliveries.discard(publishing)
            publishing.cancel()
        if publishing.cancelled() or isinstance(publishing.exception(), _failures()):
            return Delivery.UNCONFIRMED
        publishing.result()
        return Delivery.CONFIRMED

    async def run(self) -> None:
        """Stay connected until cancelled."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began_s = loop.time()
            try:
                await self._live()
            except _failures() as error:
                self._tell_trouble(_described(error))
            except Exception:
                # a bug here shall cost a connection, and nobody who waits for the next one
                log.exception("mqtt_failed", broker=str(self._broker), client=self._client_id)
                self._trouble = "it failed"
            failures = 1 if loop.time() - began_s >= STEADY_S * self._speed else failures + 1
            await asyncio.sleep(RECONNECT.wait_s(failures))

    # inside

    async def _live(self) -> None:
        """Connect and stay connected; ends in an error of the connection, or by being cancelled."""
        async with AsyncExitStack() as stack:
            client = await self._connect(stack)
            if self._subscriptions:
                granted = await client.subscribe([(topic, 1) for topic in self._subscriptions])
                codes: Sequence[Any] = granted  # numbers, or in MQTT 5 named ones
                for topic, code in zip(self._subscriptions, codes, strict=False):
                    if getattr(code, "value", code) >= REFUSED:
                        self._log.warning("mqtt_subscription_refused", topic=topic)
            self._welcome(client)
            tasks = (asyncio.create_task(self._send(client)), asyncio.create_task(self._receive(client)))
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            except asyncio.CancelledError:
                await self._end(tasks)
                await self._leave(client)
                raise
            finally:
                self._client = None
                self._is_connected.clear()
                for delivery in self._deliveries:
                    delivery.cancel()
                self._waiting = {key: each for key, each in self._waiting.items() if each.is_retained}
                await self._end(tasks)
                if self._on_gone is not None:
                    self._on_gone()

    @staticmethod
    async def _end(tasks: tuple[asyncio.Task[None], ...]) -> None:
        """End tasks. Again and again: the library may lose a cancellation that comes just as the broker answers."""
        while waiting := [task for task in tasks if not task.done()]:
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting, timeout=CANCEL_S)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connect(self, stack: AsyncExitStack) -> aiomqtt.Client:
        """Return a client that is connected; it is closed with the stack."""
        import aiomqtt  # noqa: PLC0415 - 50 ms and 15 MB that only who uses MQTT pays

        broker = self._broker
        will = self._will
        context: ssl.SSLContext | None = None
        if broker.tls:
            context = tls_context() if broker.ca is None else trusting(broker.ca)
        client = aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.user,
            password=broker.password,
            identifier=self._client_id,
            will=None if will is None else aiomqtt.Will(will.topic, will.payload, qos=1, retain=will.is_retained),
            clean_session=True,
            timeout=TIMEOUT_S * self._speed,
            keepalive=self._keep_alive_s,
            max_queued_incoming_messages=MOST_RECEIVED,
            tls_context=context,
        )
        connecting = asyncio.ensure_future(stack.enter_async_context(client))
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # a thread is at it, which cannot be cancelled: let it end, then the stack closes what it opened
            await asyncio.wait((connecting,), timeout=STOP_S * self._speed)
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            _hang_up(client)
            raise
        except BaseException:
            _hang_up(client)
            raise
        return client

    def _welcome(self, client: aiomqtt.Client) -> None:
        self._client = client
        self._is_connected.set()
        if self._trouble is not None:
            self._trouble = None
            self._log.info("mqtt_connected")
        self._has_dropped = False
        if self._on_connected is not None:
            self._on_connected()

    async def _send(self, client: aiomqtt.Client) -> None:
        while True:
            await self._is_waiting.wait()
            if not self._waiting:
                self._is_waiting.clear()
                continue
            key = next(iter(self._waiting))
            publication = self._waiting.pop(key)
            try:
                await self._pace.turn()
                # confirmed before the next one goes out: a slow broker slows us down and fills no buffer
                await client.publish(publication.topic, publication.payload, qos=1, retain=publication.is_retained)
            except BaseException:
                self._waiting.setdefault(key, publication)  # unless there is a newer one
                raise

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            payload = message.payload
            if self._on_message is None or not isinstance(payload, bytes | bytearray):
                continue
            try:
                self._on_message(Message(str(message.topic), bytes(payload), bool(message.retain)))
            except Exception:
                log.exception("mqtt_message_failed", broker=str(self._broker), topic=str(message.topic)[:200])

    async def _leave(self, client: aiomqtt.Client) -> None:
        """Say good-bye: whoever leaves properly leaves no will, so it says itself that it is gone."""
        if self._will is None:
            return
        with contextlib.suppress(TimeoutError, *_failures()):
            async with asyncio.timeout(STOP_S * self._speed):
                await client.publish(self._will.topic, self._will.payload, qos=1, retain=self._will.is_retained)

    def _tell_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._log.warning("mqtt_not_connected", why=trouble)


class _Pace:
    """Lets so many through per second in the long run, and a burst at once."""

    def __init__(self, most_per_s: float, burst: int) -> None:
        self._most_per_s, self._burst = most_per_s, float(burst)
        self._left = self._burst
        self._at_s: float | None = None

    async def turn(self) -> None:
        """Wait for one's turn."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        passed_s = 0.0 if self._at_s is None else now_s - self._at_s
        self._left, self._at_s = min(self._burst, self._left + passed_s * self._most_per_s), now_s
        self._left -= 1.0
        if self._left < 0.0:
            await asyncio.sleep(-self._left / self._most_per_s)


def _hang_up(client: aiomqtt.Client) -> None:
    """Close what a failed attempt left open: the library itself forgets a connection that was never answered."""
    client._client.disconnect()  # noqa: SLF001 - there is no other way to its socket


def _failures() -> tuple[type[Exception], ...]:
    """Return what a broker or network may raise."""
    import aiomqtt  # noqa: PLC0415 - see above

    return (aiomqtt.MqttError, OSError, ValueError)  # ValueError: what cannot be sent at all, such as a user of 70 kB


def _described(error: Exception) -> str:
    """Return one line for people; these errors repeat no secrets."""
    text = " ".join(str(error).split())[:200] or type(error).__name__
    return f"{text} ({error.__cause__})" if error.__cause__ is not None and "during" in text else text
