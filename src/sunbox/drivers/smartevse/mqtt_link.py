"""A SmartEVSE over a broker: it publishes everything every 11 s and after each change, so reading is remembering what was heard.

What is retained may be old: it counts as long as the box is heard live, and has not said that it is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from sunbox.core.commands import Cause
from sunbox.dialects.smartevse.listening import (
    LIFE,
    TOPICS,
    currents_payload,
    is_farewell,
    name_of,
    nested,
    publication_of,
    text_of,
    topics_to_hear,
)
from sunbox.dialects.smartevse.mqtt import CONNECTED
from sunbox.dialects.smartevse.table import Json
from sunbox.dialects.smartevse.wire import Document
from sunbox.drivers.exchange import Failed
from sunbox.drivers.smartevse.settings import SmartEvseSettings
from sunbox.net.mqtt import Delivery, Message, MqttConnection, Publication

SILENT_S = 35.0
"""A box that was not heard for so long, three of its rounds, is away."""
FIRST_WORD_S = 12.0
"""How long its first round may take."""
ROUND_S = 0.3
"""How long the topics of one round take to come."""


class MqttLink:
    """One box at a broker."""

    name = "MQTT"

    def __init__(self, device_id: str, settings: SmartEvseSettings) -> None:
        assert settings.mqtt is not None  # noqa: S101 - the settings' validator
        self._prefixes = settings.prefixes
        self._connection = MqttConnection(
            settings.mqtt.broker,
            client_id=f"sunbox-{device_id}",
            subscriptions=topics_to_hear(self._prefixes),
            on_message=self._hear,
            on_connected=self._forget,
        )
        self._running: asyncio.Task[None] | None = None
        self._values: dict[str, Json] = {}
        self._prefix: str | None = None
        self._live: set[str] = set()  #: what was heard of `LIFE` over this connection
        self._heard_s: float | None = None
        self._is_heard = asyncio.Event()

    async def read(self) -> Document | Failed:
        """Return what was heard; waits a moment for the first round."""
        if self._running is None:
            self._running = asyncio.create_task(self._connection.run(), name=self._prefixes[0])
        if not self._is_heard.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_WORD_S):
                    await self._is_heard.wait()
                    await asyncio.sleep(ROUND_S)
        return self._failed() or Document(nested(self._values))

    async def tell(self, parameters: Mapping[str, str]) -> dict[str, str | None] | Failed:
        """Tell one after the other; nothing is answered, so nothing is refused here but what has no topic."""
        found = await self.read()
        if isinstance(found, Failed):
            return found
        results: dict[str, str | None] = {}
        for name, text in parameters.items():
            publication = publication_of(name, text)
            if publication is None:
                results[name] = f"{name}: over MQTT it cannot be told"
                continue
            failed = await self._publish(*publication, is_maybe_done=bool(results))
            if failed is not None:
                return failed
            results[name] = None
        return results

    async def tell_currents(self, currents_da: tuple[int, int, int]) -> str | Failed | None:
        """Tell the currents of the mains; whether it listens is not said."""
        found = await self.read()
        if isinstance(found, Failed):
            return found
        return await self._publish(*currents_payload(currents_da), is_maybe_done=False)

    async def close(self) -> None:
        """Leave the broker."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    async def _publish(self, topic: str, payload: str, *, is_maybe_done: bool) -> Failed | None:
        publication = Publication(f"{self._prefix}/{topic}", payload.encode(), is_retained=False)
        delivery = await self._connection.deliver(publication)
        if delivery is Delivery.NOT_SENT:
            trouble = self._connection.trouble or "no broker"
            return Failed(cause=Cause.UNREACHABLE, detail=trouble, is_maybe_done=is_maybe_done)
        if delivery is Delivery.UNCONFIRMED:
            return Failed(cause=Cause.NO_ANSWER, detail="the broker did not confirm it", is_maybe_done=True)
        return None

    def _hear(self, message: Message) -> None:
        found = name_of(message.topic, self._prefixes)
        if found is None:
            return
        prefix, name = found
        if name == CONNECTED:
            if is_farewell(message.payload) and prefix in (self._prefix, None):
                self._gone()
            return
        topic, payload = TOPICS.get(name), text_of(message.payload)
        if topic is None or payload is None:
            return
        self._values |= topic.read(payload)
        if not message.is_retained:
            self._prefix = prefix
            self._heard_s = asyncio.get_running_loop().time()
            self._live.add(name)
            if self._live.issuperset(LIFE):
                self._is_heard.set()

    def _forget(self) -> None:
        """Count nothing as known that was heard over an earlier connection: what counts still is retained."""
        self._values.clear()
        self._gone()

    def _gone(self) -> None:
        self._heard_s = None
        self._live.clear()
        self._is_heard.clear()

    def _failed(self) -> Failed | None:
        if not self._connection.is_connected:
            return Failed(cause=Cause.UNREACHABLE, detail=self._connection.trouble or "the broker does not answer")
        if self._heard_s is None or asyncio.get_running_loop().time() - self._heard_s > SILENT_S:
            return self._silent()
        return None if self._is_heard.is_set() else self._silent()

    def _silent(self) -> Failed:
        return Failed(
            cause=Cause.NO_ANSWER,
            detail=(
                f"the broker is there, and no SmartEVSE is heard below {' or '.join(self._prefixes)}; "
                "its web page shows broker and prefix"
            ),
        )
