"""TeslaLogger's API on the wire: a car → its answers, a path and query → the car's name, a key, a command's value."""

from __future__ import annotations

import json
import re

from sunbox.dialects.query import query_items
from sunbox.dialects.tesla.wire import instant_to_wire
from sunbox.dialects.teslalogger.car import Car
from sunbox.dialects.teslalogger.table import KEYS, SWITCHES_ON, Command, Key, Takes, Value

DONE = '{"response":{"result":true,"reason":""}}'
"""Tesla's answer to a command that worked, which TeslaLogger passes on."""

FAILED = "NULL"
"""The body that stands for a failure inside."""

NOT_FOUND = "URL Not Found!"

_SHOWN_CHARS = 40
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")


def currentjson_to_wire(car: Car) -> dict[str, Value]:
    """Return the whole flat object, in the order of `table.KEYS`; every key, never null."""
    read = ((key, key.read(car)) for key in KEYS)
    return {key.name: key.neutral if value is None else value for key, value in read}


def text_of(value: Value) -> str:
    """Return a value as `/get` writes it: `True`, `16`, `67`, `65.4`."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def value_to_wire(key: Key, car: Car, *, raw: bool) -> str | None:
    """Return the body of `/get`, None if the value is not known.

    Args:
        key: which value.
        car: whose.
        raw: the bare text rather than JSON, in which the value is a text and `timestamp` the ms since 1970 of what the car said.
    """
    value = key.read(car)
    if value is None:
        return None
    if raw:
        return text_of(value)
    at = car.at if car.facts is None else car.facts.measured_at
    body = {"response": {"value": text_of(value), "timestamp": instant_to_wire(at)}}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def unknown_value(name: str, car_id: str) -> str:
    """Return what `/get` says of a value that is not there."""
    return (
        f"state {name[:_SHOWN_CHARS]} not found, was the car {car_id} awake since the last TeslaLogger restart"
        " or Car Thread restart?"
    )


def not_allowed(name: str) -> str:
    """Return what `/command` says of a command that is not sent."""
    return f"command {name[:_SHOWN_CHARS]} is not allowed"


def split_path(path: str) -> tuple[str, str]:
    """Return (car, rest) of what follows the first word of a path: `/1/battery_level` → `1`, `battery_level`."""
    car_id, _, rest = path.removeprefix("/").partition("/")
    return car_id, rest.removesuffix("/")


def is_raw(query: str) -> bool:
    """Return whether `/get` is asked for the bare text: the query is `raw` and nothing else."""
    return [value for _, value in query_items(query)] == ["raw"]


def parse_value(command: Command, query: str) -> int | None:
    """Return the value that a command takes, 0 for one that takes nothing; None = missing or wrong.

    Args:
        command: which command.
        query: as it stands behind the question mark: exactly one item whose key is ignored (`16`, `amps=16`).
    """
    if command.takes is Takes.NOTHING:
        return 0
    values = [value for _, value in query_items(query)]
    if len(values) != 1 or not values[0]:
        return None
    if command.takes is Takes.SWITCH:
        return int(values[0].lower() in SWITCHES_ON)
    return int(values[0]) if _INTEGER.fullmatch(values[0]) else None
