"""What the device's web server says when it does not simply answer: the body is read first, the code of the answer second.

Sources: goecharger/go-eCharger-API-v1 issues 64 and 66, goecharger/go-eCharger-API-v2 issues 4, 20, 27, 86, 287, 312.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from urllib.parse import quote

from sunbox.dialects.goe.keys import Json
from sunbox.dialects.goe.quirks import MOST_KEYS_IN_JSON, Quirk
from sunbox.dialects.goe.wire import Status, results_from_wire, status_from_wire
from sunbox.dialects.goe.words import Force, PhaseMode

BUSY = "couldn't take api lock in 3s, please try again later"
"""Its text, with code 500, while something else holds its memory."""

_BUSY = re.compile(rb"api lock|try again later", re.IGNORECASE)
_NO_SUCH_PATH = re.compile(rb"URI does not exist|matches the given URI", re.IGNORECASE)
_COUNTED = re.compile(rb"\s*(\d{1,3}) succeeded and (\d{1,3}) failed\s*")
_SNIFFED_BYTES = 400

SWITCH_ON_V2 = "switch on 'Allow access to the HTTP API v2' in the go-e app (Internet, Advanced settings)"
SWITCH_ON_V1 = "switch on 'Allow access to the HTTP API v1' in the go-e app (Internet, Advanced settings)"


class Trouble(StrEnum):
    """Why an answer has no status."""

    BUSY = "busy"  #: it has no time now, and did nothing
    SWITCHED_OFF = "switched_off"  #: its web server is there, the API is not
    FAILED = "failed"  #: a server error
    FORBIDDEN = "forbidden"
    MOVED = "moved"  #: it points elsewhere
    STRANGE = "strange"  #: no answer of a go-eCharger


def trouble_of(code: int, body: bytes) -> Trouble:
    """Return what is wrong with an answer whose body says nothing of what was asked."""
    head = body[:_SNIFFED_BYTES]
    if _BUSY.search(head):
        return Trouble.BUSY
    if code == 404 or _NO_SUCH_PATH.search(head):
        return Trouble.SWITCHED_OFF
    if code in (401, 403):
        return Trouble.FORBIDDEN
    if 300 <= code < 400:
        return Trouble.MOVED
    return Trouble.FAILED if code >= 500 else Trouble.STRANGE


def status_from_answer(code: int, body: bytes, asked: Iterable[str] = ()) -> Status | Trouble:
    """Return the status of an answer, whatever its code is as long as it has one of the keys that were asked for.

    Args:
        code: of the answer.
        body: of the answer.
        asked: keys; none = all, of which `car` is always one.
    """
    status = status_from_wire(body)
    if status is None or not any(name in status.raw for name in tuple(asked) or ("car",)):
        return trouble_of(code, body)
    return status


def results_from_answer(code: int, body: bytes, names: Iterable[str]) -> dict[str, str | None] | Trouble:
    """Return how each key of a set ended: None = taken, else the device's words; what it does not name is missing.

    Firmware until 050 only counts: then all were taken, or none says which one was not.
    """
    told = results_from_wire(body)
    wanted = tuple(names)
    if told is not None and any(name in told for name in wanted):
        return {name: told[name] for name in wanted if name in told}
    counted = _COUNTED.fullmatch(body[:_SNIFFED_BYTES])
    if counted is not None:
        words = None if int(counted[2]) == 0 else counted[0].decode().strip()
        return dict.fromkeys(wanted, words)
    return trouble_of(code, body)


def filter_to_wire(names: Iterable[str], quirks: frozenset[Quirk]) -> str:
    """Return what stands behind the question mark of a status request; no names = everything."""
    wanted = tuple(dict.fromkeys(names))
    if not wanted:
        return ""
    if Quirk.JSON_FILTER in quirks:
        return "filter=" + quote(json.dumps(wanted[:MOST_KEYS_IN_JSON], separators=(",", ":")), safe="")
    return "filter=" + ",".join(quote(name, safe="") for name in wanted)


def settings_to_wire(items: Mapping[str, str]) -> str:
    """Return what stands behind the question mark of a set: JSON texts, percent-encoded, a `+` and a `#` as well."""
    return "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in items.items())


def payload_to_wire(name: str, value: int) -> str:
    """Return what stands behind the question mark of a v1 setting."""
    return f"payload={quote(name, safe='')}={value}"


def is_as_told(status: Status, name: str, value: Json) -> bool | None:
    """Return whether a key reads as it was set, None if it does not read."""
    if name not in status.raw:
        return None
    return bool(status.raw[name] == value)


FORCED: Mapping[bool, Force] = {True: Force.ON, False: Force.OFF}
"""Start and stop."""

PHASE_MODES: Mapping[int, PhaseMode] = {1: PhaseMode.ONE, 3: PhaseMode.THREE}
"""Phases and their `psm`."""
