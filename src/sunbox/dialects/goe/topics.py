"""MQTT as the device speaks it: one retained topic per key with the JSON of its value, `/set` to write, `/result` for the answer.

Source: the manufacturer's mqtt-de.md; the texts of `/result`: issues 109, 180 and 192 of goecharger/go-eCharger-API-v2. The
device publishes much of it every second, leaves no last will and takes settings only if key `mcr` is false; the topic
`online` is sunbox's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from sunbox.dialects.goe.keys import Json

PREFIX = "go-eCharger"
"""Begin of the topics; before about 0.55 the device wrote a slash before it."""
ONLINE = "online"
"""Topic in place of a key, no key has this name: true as long as the charger is connected."""
SET, RESULT = "set", "result"
SUCCESS = "success"
READ_ONLY = "mqtt is read-only (mcr)"

MOST_PREFIX_CHARS = 128
MOST_KEY_CHARS = 64
MOST_ECHO_CHARS = 200
"""So much of what cannot be a value is repeated in an answer."""

CALM_S = 5.0
"""Keys that change by themselves all the time are told so often at most."""
QUICK_S = 1.0
"""All others, which tell what somebody waits for, at most so often."""

CALM = frozenset(
    {
        *("rbt", "utc", "loc", "scaa", "inva", "lps"),
        *("nrg", "tpa", "wh", "eto", "etop", "cdi", "mmp", "cards", "fhz", "avgfhz", "rssi", "tma"),
        *("pvopt_averagePGrid", "pvopt_averagePPv", "pvopt_averagePAkku", "lpsc"),
    }
)


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one charger."""

    serial: str
    prefix: str = PREFIX

    @property
    def base(self) -> str:
        """Return what all of them begin with."""
        return f"{self.prefix.rstrip('/')}/{self.serial}"

    def of(self, key: str) -> str:
        """Return where a key is told."""
        return f"{self.base}/{key}"

    @property
    def online(self) -> str:
        """Return where is told whether it is there."""
        return self.of(ONLINE)

    @property
    def settings(self) -> str:
        """Return what to subscribe to for settings."""
        return f"{self.base}/+/{SET}"

    def result(self, key: str) -> str:
        """Return where a setting is answered."""
        return f"{self.of(key)}/{RESULT}"

    def key_to_set(self, topic: str) -> str | None:
        """Return the key that a topic sets, None if it sets none."""
        base, _, rest = topic.rpartition("/")
        key = base.removeprefix(self.base + "/")
        is_one = rest == SET and key != base and key and "/" not in key and len(key) <= MOST_KEY_CHARS
        return key if is_one else None


def prefix_problem(prefix: str) -> str | None:
    """Return why topics cannot begin with this, None if they can."""
    has_name = bool(prefix.strip("/"))
    if not has_name or len(prefix) > MOST_PREFIX_CHARS or any(char in "+#" or ord(char) < 32 for char in prefix):
        return f"allowed are 1 to {MOST_PREFIX_CHARS} characters without + and #, such as {PREFIX} or home/{PREFIX}"
    return None


def value_to_payload(value: Json) -> bytes:
    """Return what is published of a value: its JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def text_from_payload(payload: bytes) -> str:
    """Return the JSON text of a setting; what is no UTF-8 is no JSON either."""
    return payload.decode("utf-8", "replace")


_INVALID = "tried to set api key with invalid json "
_MUST_BE = "failed: value must be "


def result_to_payload(key: str, answer: bool | str, text: str) -> bytes:
    """Return what is published of an answer: MQTT has words of its own for success and for what is no value of the key."""
    if answer is True:
        return SUCCESS.encode()
    echo = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:MOST_ECHO_CHARS])
    told = str(answer)
    why = told.removeprefix(f"{key}: ").removesuffix(f" ({text})")
    if why.startswith(_INVALID):
        return f"invalid json {why.removeprefix(_INVALID)}: {echo}".encode()
    if why.startswith(_MUST_BE):
        return f"value must be {why.removeprefix(_MUST_BE)} {echo}".encode()
    return (told if why == told else f"{key}: {why} ({echo})").encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Told:
    """What was published of each key, and when, in seconds of any clock."""

    payloads: Mapping[str, bytes] = field(default_factory=dict)
    at_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be published now."""

    payloads: Mapping[str, bytes]  #: by key
    told: Told  #: afterwards
    next_s: float | None  #: when something that has changed already may be told; None = nothing waits


def due(told: Told, values: Mapping[str, Json], now_s: float) -> Due:
    """Return which of the values have changed and may be told now. A key that is gone is told as null."""
    new: dict[str, bytes] = {}
    next_s: float | None = None
    for key in {**dict.fromkeys(told.payloads), **values}:
        payload = value_to_payload(values.get(key))
        if told.payloads.get(key) == payload:
            continue
        at_s = told.at_s.get(key)
        free_s = now_s if at_s is None else at_s + (CALM_S if key in CALM else QUICK_S)
        if free_s <= now_s:
            new[key] = payload
        else:
            next_s = free_s if next_s is None else min(next_s, free_s)
    if not new:
        return Due({}, told, next_s)
    after = Told({**told.payloads, **new}, {**told.at_s, **dict.fromkeys(new, now_s)})
    return Due(new, after, next_s)
