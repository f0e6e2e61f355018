"""A go-eCharger over a broker: it tells each change of a key by itself, so reading is remembering what was heard.

What is retained may be old: it counts as long as the charger is heard live, which it is every second (`rbt`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping

from sunbox.core.commands import Cause
from sunbox.dialects.goe.keys import NEWEST, Firmware, Json
from sunbox.dialects.goe.listening import (
    SWITCH_ON_MQTT,
    heard_from_topic,
    result_from_payload,
    topics_to_hear,
    value_from_payload,
)
from sunbox.dialects.goe.quirks import NO_QUIRKS, Quirk, quirks_of
from sunbox.dialects.goe.table import BY_NAME
from sunbox.dialects.goe.topics import SET
from sunbox.dialects.goe.wire import Status
from sunbox.drivers.exchange import Failed
from sunbox.drivers.goe.settings import GoeChargerSettings
from sunbox.net.mqtt import Delivery, Message, MqttConnection, Publication

SILENT_S = 30.0
"""A charger that was not heard for so long is away."""
RESULT_S = 6.0
"""How long it may take to answer a setting."""
MOST_KEYS = 1000
"""It has some 400; who sends more is none."""


class MqttLink:
    """One charger at a broker."""

    def __init__(self, device_id: str, settings: GoeChargerSettings) -> None:
        self._settings = settings
        assert settings.mqtt is not None  # noqa: S101 - the settings' validator
        assert settings.serial is not None  # noqa: S101
        self._prefix, self._serial = settings.mqtt_prefix, settings.serial
        self._connection = MqttConnection(
            settings.mqtt.broker,
            client_id=f"sunbox-{device_id}-{self._serial}",
            subscriptions=topics_to_hear(self._prefix, self._serial),
            on_message=self._hear,
            on_connected=self._forget,
        )
        self._running: asyncio.Task[None] | None = None
        self._raw: dict[str, Json] = {}
        self._base: str | None = None
        self._heard_s: float | None = None
        self._is_heard = asyncio.Event()
        self._results: dict[str, asyncio.Future[str | None]] = {}

    @property
    def firmware(self) -> Firmware | None:
        """Return the firmware, None as long as it has not said."""
        return Status(self._raw).firmware

    @property
    def quirks(self) -> frozenset[Quirk]:
        """Return the quirks of the device."""
        typ = self._raw.get("typ")
        return quirks_of(self.firmware, typ if isinstance(typ, str) else "") if self._raw else NO_QUIRKS

    @property
    def name(self) -> str:
        """Return what people call this way."""
        return "MQTT"

    def can_set(self, name: str) -> bool:
        """Return whether a key with a row can be set by this way."""
        return BY_NAME[name].is_writable(self.firmware or NEWEST)

    def is_as_told(self, status: Status, name: str, value: Json) -> bool | None:
        """Return whether a key reads as it was set, None if that is not told."""
        return bool(status.raw[name] == value) if name in status.raw else None

    async def read(self, names: Iterable[str] = ()) -> Status | Failed:
        """Return what was heard; waits a moment for the first word."""
        if self._running is None:
            self._running = asyncio.create_task(self._connection.run(), name=self._serial)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.timeout_s):
                await self._is_heard.wait()
        failed = self._failed()
        if failed is not None:
            return failed
        wanted = tuple(names)
        return Status({name: self._raw[name] for name in wanted if name in self._raw} if wanted else dict(self._raw))

    async def set(self, values: Mapping[str, str]) -> dict[str, str | None] | Failed:
        """Set key by key, and wait for each answer."""
        found = await self.read()
        if isinstance(found, Failed) or self._base is None:
            return found if isinstance(found, Failed) else self._silent()
        results: dict[str, str | None] = {}
        for name, text in values.items():
            answer = self._results[name] = asyncio.get_running_loop().create_future()
            try:
                topic = f"{self._base}{name}/{SET}"
                delivery = await self._connection.deliver(Publication(topic, text.encode(), is_retained=False))
                if delivery is Delivery.NOT_SENT:
                    return Failed(
                        cause=Cause.UNREACHABLE,
                        detail=self._connection.trouble or "no broker",
                        is_maybe_done=bool(results),
                    )
                async with asyncio.timeout(RESULT_S):
                    results[name] = await answer
            except TimeoutError:
                return Failed(
                    cause=Cause.NO_ANSWER, detail=f"it does not answer to {name}; {SWITCH_ON_MQTT}", is_maybe_done=True
                )
            finally:
                self._results.pop(name, None)
        return results

    async def close(self) -> None:
        """Leave the broker."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    def _hear(self, message: Message) -> None:
        heard = heard_from_topic(message.topic, self._prefix, self._serial)
        if heard is None:
            return
        if heard.is_result:
            waiting = self._results.get(heard.key)
            if waiting is not None and not waiting.done() and not message.is_retained:
                waiting.set_result(result_from_payload(message.payload))
            return
        value = value_from_payload(message.payload)
        if value is None or (heard.key not in self._raw and len(self._raw) >= MOST_KEYS):
            return
        self._raw[heard.key] = value[0]
        if not message.is_retained:
            self._base = heard.base
            self._heard_s = asyncio.get_running_loop().time()
            if "car" in self._raw:
                self._is_heard.set()

    def _forget(self) -> None:
        """Count nothing as known that was heard over an earlier connection: what counts still is retained."""
        self._raw.clear()
        self._heard_s = None
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
            detail=f"the broker is there, and charger {self._serial} is not heard below {self._prefix}; {SWITCH_ON_MQTT}",
        )
