"""JSON as Go's `encoding/json` decodes it into a struct: one number of the wrong kind, and the whole answer is lost.

What Go forgives (a key that is missing or null leaves the zero value) is noted, so that a test can say what must be there.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class GoDecodeError(Exception):
    """Go would not take this answer."""


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


class Kind(Enum):
    """Go's types, as far as they occur."""

    INT = "int"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT = "float64"
    BOOL = "bool"
    TEXT = "string"
    ANY = "any"
    LIST = "[]any"


_ZEROS: dict[Kind, Any] = {
    Kind.INT: 0,
    Kind.INT64: 0,
    Kind.UINT64: 0,
    Kind.FLOAT: 0.0,
    Kind.BOOL: False,
    Kind.TEXT: "",
    Kind.ANY: None,
    Kind.LIST: None,
}
_RANGES: dict[Kind, tuple[int, int]] = {
    Kind.INT: (-(2**63), 2**63 - 1),
    Kind.INT64: (-(2**63), 2**63 - 1),
    Kind.UINT64: (0, 2**64 - 1),
}
_WHOLE = re.compile(r"-?[0-9]+")
_PLAIN: dict[Kind, type] = {Kind.BOOL: bool, Kind.LIST: list}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A slice of structs."""

    each: Mapping[str, Any]


Struct = Mapping[str, "Kind | ListOf | Struct"]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What Go has in its struct afterwards, and the dotted names of the fields that stayed as they were."""

    value: dict[str, Any]
    absent: frozenset[str]

    def __getitem__(self, dotted: str) -> Any:
        value: Any = self.value
        for name in dotted.split("."):
            value = value[name]
        return value


def decode(text: bytes, struct: Struct) -> Decoded:
    """Return what becomes of an answer.

    Raises:
        GoDecodeError: it is no JSON, or has a value that does not fit into its field.
    """
    try:
        document = json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_refuse)
    except ValueError as error:
        raise GoDecodeError(f"no JSON: {error}") from error
    absent: set[str] = set()
    return Decoded(_struct(document, struct, "", absent), frozenset(absent))


def _refuse(name: str) -> Any:
    raise ValueError(f"invalid character in {name}")


def _struct(value: Any, struct: Struct, path: str, absent: set[str]) -> dict[str, Any]:
    if value is None:
        absent.add(path.removesuffix("."))
        value = {}
    if not isinstance(value, dict):
        raise GoDecodeError(f"cannot unmarshal {_name(value)} into {path or 'the answer'}")
    made: dict[str, Any] = {}
    for name, kind in struct.items():
        # a field takes its own name in any case of letters; the last one that stands there counts
        told = [item for key, item in value.items() if key.lower() == name.lower()]
        made[name] = _value(told[-1] if told else None, kind, path + name, absent)
    return made


def _value(value: Any, kind: Any, path: str, absent: set[str]) -> Any:
    if isinstance(kind, Mapping):
        return _struct(value, kind, path + ".", absent)
    if value is None:
        absent.add(path)
        return None if isinstance(kind, ListOf) else _ZEROS[kind]
    if isinstance(kind, ListOf):
        if not isinstance(value, list):
            raise GoDecodeError(f"cannot unmarshal {_name(value)} into {path} of type []struct")
        return [_struct(item, kind.each, f"{path}[{index}].", absent) for index, item in enumerate(value)]
    if not _fits(value, kind):
        raise GoDecodeError(f"cannot unmarshal {_name(value)} into {path} of type {kind.value}")
    if isinstance(value, _Number):
        return int(value) if kind in _RANGES else float(value)
    return value


def _fits(value: Any, kind: Kind) -> bool:
    if kind is Kind.ANY:
        return True
    if kind in _RANGES:
        low, high = _RANGES[kind]
        return isinstance(value, _Number) and bool(_WHOLE.fullmatch(value)) and low <= int(value) <= high
    if kind is Kind.FLOAT:
        return isinstance(value, _Number) and math.isfinite(float(value))
    if kind is Kind.TEXT:
        return isinstance(value, str) and not isinstance(value, _Number)
    return isinstance(value, _PLAIN[kind])


def _name(value: Any) -> str:
    return f"number {value}" if isinstance(value, _Number) else type(value).__name__
