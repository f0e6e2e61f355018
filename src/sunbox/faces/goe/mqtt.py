"""A go-eCharger at an MQTT broker: what has changed is told, retained, and settings are taken and answered.

It serves whatever has a box of `dialects/goe`, beside HTTP or without it. Settings that a broker kept (published with the
retain flag) are not carried out: each new connection would bring an old wish back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog

from sunbox.dialects.goe.discovery import announcements
from sunbox.dialects.goe.topics import (
    CALM_S,
    PREFIX,
    READ_ONLY,
    Told,
    Topics,
    due,
    result_to_payload,
    text_from_payload,
)
from sunbox.faces.goe.app import Charger
from sunbox.net.mqtt import Broker, Message, MqttConnection, Publication

log = structlog.get_logger(__name__)

GATHERS_S = 0.2
"""What changes within this is looked at once."""


class FollowedCharger(Charger, Protocol):
    """A charger that tells when it may have changed."""

    async def changed(self) -> None:
        """Wait until a key may have another value than before, other than by time alone."""
        ...

    def note(self, **values: object) -> None:
        """Take note of keys that the face itself knows: how its connections are."""
        ...


class GoeMqtt:
    """One charger at one broker.

    Args:
        charger: what is told.
        broker: where.
        prefix: begin of the topics.
        instance: tells this face from others that show the same charger at the same broker.
        speed: how many times as fast as the wall the loop's time runs.
    """

    def __init__(
        self, charger: FollowedCharger, broker: Broker, *, prefix: str = PREFIX, instance: str = "", speed: float = 1.0
    ) -> None:
        self._charger = charger
        self._broker = broker
        serial = str(charger.read(("sse",)).values["sse"])
        self._topics = Topics(serial, prefix)
        self._told = Told()
        self._announced: Mapping[str, bytes] = {}
        self._has_warned = False
        self._connection = MqttConnection(
            broker,
            client_id=f"go-echarger_{serial}{instance}",
            will=Publication(self._topics.online, b"false"),
            subscriptions=(self._topics.settings,),
            on_message=self._take,
            on_connected=self._begin,
            on_gone=lambda: self._charger.note(mcc=False),
            speed=speed,
        )

    @property
    def connection(self) -> MqttConnection:
        """Return the connection."""
        return self._connection

    async def run(self) -> None:
        """Tell and take until cancelled."""
        prefix = self._topics.prefix
        self._charger.note(
            mce=True, mcs=True, mcu=str(self._broker), mtp=None if prefix == PREFIX else self._topics.base + "/"
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._connection.run())
            group.create_task(self._tell_for_ever())

    # inside

    def _begin(self) -> None:
        """Begin anew at a broker that may know nothing."""
        self._told, self._announced = Told(), {}
        self._charger.note(mcc=True, mlr=None, mcca=self._charger.read(("rbt",)).values["rbt"])
        self._connection.publish(Publication(self._topics.online, b"true"))
        self._tell()

    async def _tell_for_ever(self) -> None:
        while True:
            wait_s = CALM_S
            try:
                wait_s = self._tell()
            except Exception:
                log.exception("goe_mqtt_failed", serial=self._topics.serial)
            try:
                async with asyncio.timeout(wait_s):
                    await self._charger.changed()
                await asyncio.sleep(GATHERS_S)
            except TimeoutError:
                continue

    def _tell(self) -> float:
        """Publish what has changed; return how long until there is something by time alone."""
        if not self._connection.is_connected:
            return CALM_S
        values = self._charger.read().values
        now_s = asyncio.get_running_loop().time()
        found = due(self._told, values, now_s)
        self._told = found.told
        for key, payload in found.payloads.items():
            self._connection.publish(Publication(self._topics.of(key), payload))
        self._announce(values)
        return CALM_S if found.next_s is None else max(0.0, min(CALM_S, found.next_s - now_s))

    def _announce(self, values: Mapping[str, object]) -> None:
        """Have Home Assistant find it, or no more."""
        topic = values.get("mht")
        wanted = (
            announcements(self._topics, values, topic if isinstance(topic, str) else None) if values.get("mhe") else {}
        )
        gone = {topic: b"" for topic in self._announced if topic not in wanted}
        for topic_, payload in {**gone, **wanted}.items():
            if self._announced.get(topic_) != payload:
                self._connection.publish(Publication(topic_, payload))
        self._announced = wanted

    def _take(self, message: Message) -> None:
        """Carry out a setting, and answer."""
        key = self._topics.key_to_set(message.topic)
        if key is None:
            return
        if message.is_retained:
            if not self._has_warned:
                self._has_warned = True
                log.warning("goe_setting_was_retained", topic=message.topic, hint="publish settings without retain")
            return
        text = text_from_payload(message.payload)
        if self._charger.read(("mcr",)).values.get("mcr") is True:
            result = f"{key}: {READ_ONLY}".encode()
        else:
            answers = self._charger.set(((key, text),))
            result = result_to_payload(key, answers.get(key, "no answer"), text)
        self._connection.publish(Publication(self._topics.result(key), result, is_retained=False))
