"""A SmartEVSE at an MQTT broker: everything is told every 11 s and soon after a change, and settings below `Set/` are taken.

Settings that a broker kept (published with the retain flag) are not carried out: each new connection would bring an old wish back.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from sunbox.dialects.smartevse.mqtt import (
    CONNECTED,
    EVERY_S,
    KEEP_ALIVE_S,
    OFFLINE,
    ONLINE,
    SET,
    discovery_of,
    messages_of,
)
from sunbox.dialects.smartevse.state import BoxState
from sunbox.faces.smartevse.loadpoint_box import LoadpointBox
from sunbox.net.mqtt import Broker, Message, MqttConnection, Publication

log = structlog.get_logger(__name__)

GATHERS_S = 1.0
"""What changes within a second is told at once, as the device's clock has it."""
QUICK = ("Mode", "Access", "State", "StateID", "Error", "EVPlugState", "ChargeCurrentOverride", "EnableC2")
"""Topics whose change is told before the next turn."""
TICKING = "SolarStopTimer"
"""Told each second while it runs."""
MOST_PAYLOAD_BYTES = 2048


class SmartEvseMqtt:
    """One box at one broker.

    Args:
        box: what is told.
        broker: where.
        url: where the box's own page would be, for Home Assistant.
        speed: how many times as fast as the wall the loop's time runs.
    """

    def __init__(self, box: LoadpointBox, broker: Broker, *, url: str = "", speed: float = 1.0) -> None:
        self._box = box
        self._url = url
        self._prefix = box.prefix
        self._told: dict[str, str] = {}
        self._discovered: dict[str, str] = {}
        self._heard = asyncio.Event()
        self._has_warned = False
        self._connection = MqttConnection(
            broker,
            client_id=self._prefix,
            will=Publication(f"{self._prefix}/{CONNECTED}", OFFLINE.encode()),
            subscriptions=(f"{self._prefix}/{SET}#",),
            on_message=self._take,
            on_connected=self._begin,
            on_gone=lambda: box.note_broker(is_connected=False),
            keep_alive_s=KEEP_ALIVE_S,
            speed=speed,
        )

    @property
    def connection(self) -> MqttConnection:
        """Return the connection."""
        return self._connection

    async def run(self) -> None:
        """Tell and take until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._connection.run())
            group.create_task(self._tell_for_ever())

    # inside

    def _begin(self) -> None:
        """Begin anew at a broker that may know nothing."""
        self._box.note_broker(is_connected=True)
        self._connection.publish(Publication(f"{self._prefix}/{CONNECTED}", ONLINE.encode()))
        self._discovered = {}
        self._tell()

    async def _tell_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        told_s = loop.time()
        while True:
            await self._wait(told_s + EVERY_S - loop.time())
            try:
                if loop.time() - told_s >= EVERY_S or self._heard.is_set() or self._is_news():
                    self._heard.clear()
                    told_s = loop.time()
                    self._tell()
                else:
                    self._tick()
            except Exception:
                log.exception("smartevse_mqtt_failed", prefix=self._prefix)

    async def _wait(self, most_s: float) -> None:
        """Wait until something may have changed, a second at least, for it comes in crowds; at most until the next turn."""
        if self._box.state().behind.solar_stop_s:
            most_s = min(most_s, GATHERS_S)
        waiting = [asyncio.ensure_future(each) for each in (self._box.changed(), self._heard.wait())]
        try:
            await asyncio.wait(waiting, timeout=max(0.0, most_s), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
        if most_s > GATHERS_S:
            await asyncio.sleep(GATHERS_S)

    def _state(self) -> BoxState:
        """Return the box as it is, under the topics of this connection, whatever was told of another one."""
        state = self._box.state()
        return replace(state, mqtt={**state.mqtt, "topic_prefix": self._prefix})

    def _messages(self) -> dict[str, Publication]:
        found = messages_of(self._state(), self._box.identity, self._box.profile)
        return {
            each.topic: Publication(each.topic, each.payload.encode(), is_retained=each.is_retained) for each in found
        }

    def _is_news(self) -> bool:
        messages = self._messages()
        topics = [f"{self._prefix}/{name}" for name in QUICK]
        return any(topic in messages and self._told.get(topic) != messages[topic].payload.decode() for topic in topics)

    def _tell(self) -> None:
        """Publish everything."""
        if not self._connection.is_connected:
            return
        self._tell_discovery()
        messages = self._messages()
        self._told = {topic: each.payload.decode() for topic, each in messages.items()}
        for each in messages.values():
            self._connection.publish(each)

    def _tell_discovery(self) -> None:
        """Publish what Home Assistant finds, where it is new: the most current is known when the car is."""
        found = discovery_of(self._state(), self._box.identity, self._box.profile, self._url)
        for each in found:
            if self._discovered.get(each.topic) != each.payload:
                self._connection.publish(Publication(each.topic, each.payload.encode(), is_retained=each.is_retained))
        self._discovered = {each.topic: each.payload for each in found}

    def _tick(self) -> None:
        if self._connection.is_connected and self._box.state().behind.solar_stop_s:
            self._connection.publish(self._messages()[f"{self._prefix}/{TICKING}"])

    def _take(self, message: Message) -> None:
        """Carry out a setting; there is no answer."""
        if message.is_retained:
            if not self._has_warned:
                self._has_warned = True
                log.warning(
                    "smartevse_setting_was_retained", topic=message.topic, hint="publish settings without retain"
                )
            return
        if len(message.payload) > MOST_PAYLOAD_BYTES:
            return
        name = message.topic.removeprefix(f"{self._prefix}/{SET}")
        self._box.hear(name, message.payload.decode("utf-8", "replace"))
        self._heard.set()
