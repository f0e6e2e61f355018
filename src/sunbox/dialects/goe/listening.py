"""MQTT as a driver hears it: which key a topic is of, and how it is set and answered.

Source: the manufacturer's mqtt-de.md; goecharger/go-eCharger-API-v2 issues 109, 180, 231. Firmware before about 0.55 writes a
slash before everything, and `mtp` may end in several: what is heard tells where to write.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sunbox.dialects.goe.keys import Json
from sunbox.dialects.goe.query import MOST_VALUE_CHARS
from sunbox.dialects.goe.topics import RESULT, SUCCESS

SWITCH_ON_MQTT = (
    "switch on MQTT in the go-e app (Internet, Advanced settings) with this broker, and take the tick from 'read only'"
)

_MOST_CHARS = 64 * MOST_VALUE_CHARS
"""No honest value is longer."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a topic is about."""

    base: str  #: before the key, with its slash
    key: str
    is_result: bool = False  #: the answer to a setting; else the value


def topics_to_hear(prefix: str, serial: str) -> tuple[str, ...]:
    """Return what to subscribe to, with and without a slash before it."""
    bare = f"{prefix.strip('/')}/{serial}"
    return tuple(f"{slash}{bare}/{rest}" for slash in ("", "/") for rest in ("+", f"+/{RESULT}"))


def heard_from_topic(topic: str, prefix: str, serial: str) -> Heard | None:
    """Return what a topic is about, None if it is none of this charger's."""
    bare = f"{prefix.strip('/')}/{serial}/"
    slash = "/" if topic.startswith("/") else ""
    if not topic.startswith(slash + bare):
        return None
    key, _, rest = topic.removeprefix(slash + bare).partition("/")
    if not key or rest not in ("", RESULT):
        return None
    return Heard(slash + bare, key, is_result=rest == RESULT)


def value_from_payload(payload: bytes) -> tuple[Json] | None:
    """Return the value of a payload, as the only one of a tuple; None if it is no JSON."""
    if len(payload) > _MOST_CHARS:
        return None
    try:
        return (json.loads(payload),)
    except (ValueError, RecursionError):
        return None


def result_from_payload(payload: bytes) -> str | None:
    """Return None where a setting was taken, else the device's words."""
    text = payload[:400].decode("utf-8", "replace").strip()
    return None if text.strip('"') in (SUCCESS, "true") else text or "no words"
