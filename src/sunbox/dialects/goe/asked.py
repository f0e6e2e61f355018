"""What people type about keys, checked before anything is sent: whether there is such a key, whether it can be set, and to what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from sunbox.dialects.goe.keys import NEWEST, Firmware, Json, Kind
from sunbox.dialects.goe.query import BadJson, json_from_text
from sunbox.dialects.goe.table import BY_NAME
from sunbox.dialects.goe.wire import problem_with

_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@\s]*@")
_HIDDEN = "***"
_TELLING = frozenset({"cak", "dll"})
"""Keys without a row of a secret that open the owner's cloud account all the same."""


def problem_with_name(name: str) -> str | None:
    """Return why a key is none that is known, None if it is known."""
    return None if name in BY_NAME else f"{name!r} is no known key"


def problem_with_reading(names: Iterable[str]) -> str | None:
    """Return why keys cannot be read, None if they can."""
    for name in names:
        problem = problem_with_name(name)
        if problem is not None:
            return problem
        if not BY_NAME[name].is_readable:
            return f"{name} can be set and not be read"
    return None


def problem_with_setting(name: str, text: str, firmware: Firmware | None = None) -> str | None:
    """Return why a key cannot be set to a JSON text, with what is allowed; None if it can, as far as its row knows."""
    problem = problem_with_name(name)
    if problem is not None:
        return problem
    key = BY_NAME[name]
    if not key.is_writable(firmware or NEWEST):
        return f"{name} ({key.help}) can be read and not be set"
    allowed = f"; allowed: {key.allowed}" if key.allowed else ""
    value = json_from_text(text)
    if isinstance(value, BadJson):
        quoted = f"; a text needs quotes: '{name}={json.dumps(text)}'" if key.kind is Kind.TEXT else ""
        return f"{name}: {text!r} is no JSON ({value.word}){quoted or allowed}"
    wrong = problem_with(key, value)
    null = ", or null" if key.nullable else ""
    return None if wrong is None else f"{name}: {wrong}{allowed}{null if allowed else ''}"


def shown(name: str, value: Json) -> Json:
    """Return a value as it may be shown to anybody: without the secrets that some firmware tells."""
    key = BY_NAME.get(name)
    if isinstance(value, str) and value and (name in _TELLING or (key is not None and key.is_secret)):
        return _HIDDEN
    if isinstance(value, str):
        return _PASSWORD.sub(rf"\1:{_HIDDEN}@", value)
    if isinstance(value, dict):
        return {member: _hidden(member, told) for member, told in value.items()}
    if isinstance(value, list):
        return [shown(name, each) for each in value]
    return value


def _hidden(member: str, value: Json) -> Json:
    return _HIDDEN if member in ("key", "password") and isinstance(value, str) and value else value
