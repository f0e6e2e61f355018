"""What stands behind the question mark: filters and settings, read as sloppily as clients write them. And JSON, read strictly."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_plus

from sunbox.dialects.goe.keys import Json

MOST_QUERY_CHARS = 8192
"""Longest query that is read. The device's own limit is not published; real filters have some 600 characters."""
MOST_VALUE_CHARS = 1024
"""Longest value of a setting. Not published either; schedules with seconds are known to be too long for the device."""
MOST_NESTING = 10
"""How deep JSON may be, the usual limit of the parser that the device has."""

TOO_LONG = "httpd_query_key_value() failed with ESP_ERR_HTTPD_RESULT_TRUNC"

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BETWEEN_KEYS = re.compile(r"""[\s,\[\]"']+""")


def _items(query: str) -> Iterator[tuple[str, str | None]]:
    """Yield the pieces of a query, decoded; None where there is no equals sign."""
    for piece in query.split("&"):
        if piece:
            key, equals, value = piece.partition("=")
            yield unquote_plus(key, errors="replace"), unquote_plus(value, errors="replace") if equals else None


def filter_from_query(query: str) -> tuple[str, ...]:
    """Return the keys that a status is asked for, each once; empty = all.

    Takes `filter=a,b`, also with `%2C`, `+` or blanks, and the older `filter=["a","b"]`. An empty filter is none. The
    first `filter` counts, other parameters do not.
    """
    text = next((value for key, value in _items(query) if key == "filter"), None) or ""
    return tuple(dict.fromkeys(word for word in _BETWEEN_KEYS.split(text) if word))


def settings_from_query(query: str) -> tuple[tuple[str, str], ...]:
    """Return the (key, JSON text) of a `/api/set`, in their order. A key without a value has an empty text."""
    return tuple((key, value or "") for key, value in _items(query))


def payload_from_query(query: str) -> tuple[str, str] | None:
    """Return (key, text) of an older `/mqtt?payload=amp=16`, None if there is none."""
    for name, value in _items(query):
        if name == "payload" and value:
            key, equals, text = value.partition("=")
            return (key.strip(), text.strip()) if equals else None
    return None


@dataclass(frozen=True, slots=True)
class BadJson:
    """Why a text is no JSON, in the words of the device's parser."""

    word: str


EMPTY, INCOMPLETE, INVALID, TOO_DEEP = map(BadJson, ("EmptyInput", "IncompleteInput", "InvalidInput", "TooDeep"))


def _refuse(_: str) -> Json:
    raise ValueError("NaN and Infinity are no JSON")


def json_from_text(text: str) -> Json | BadJson:
    """Return the value of a JSON text: one value, no NaN, no lone surrogates, not nested too deeply."""
    stripped = text.strip()
    if not stripped:
        return EMPTY
    if _depth(stripped) > MOST_NESTING:
        return TOO_DEEP
    try:
        value = json.loads(stripped, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except json.JSONDecodeError as error:
        is_cut = error.pos >= len(stripped) or "Unterminated" in error.msg
        return INCOMPLETE if is_cut else INVALID
    except (ValueError, RecursionError):
        return INVALID
    return value


def _depth(text: str) -> int:
    """Return the deepest nesting of brackets outside strings."""
    depth = deepest = 0
    for char in _STRING.sub("", text):
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest
