"""What the face answers, before it has a shape; and the two shapes that clients know.

The Fleet API has everything in `.response`. TeslaBleHttpProxy has it in `.response.response`, beside `result`, `reason`, `vin`
and `command`, and its HTTP code says by 503 that a command was refused (`internal/api/handlers/tesla.go`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from sunbox.dialects.tesla import envelopes

Document = Mapping[str, Any]


class Shape(StrEnum):
    """How answers are nested."""

    SINGLE = "single"
    DOUBLE = "double"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What was asked for: the VIN as far as it is known, and the last word of the path."""

    name: str
    vin: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """Something to look at: one vehicle, or all."""

    document: Document | Sequence[Document]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of a command as far as it is known: taken or done, or refused with a word; `wake_up` shows the vehicle, too."""

    result: bool
    reason: str = ""
    document: Document | None = None


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a request was not understood; nothing was changed."""

    status: int
    error: str
    description: str = ""
    allow: str | None = None  #: methods, with a 405


Told = Shown | Ended | Wrong

_REFUSED_TWICE = 503
_SHOWN, _ACCEPTED = "shown from memory", "accepted"


def _single(_: Call, told: Told) -> tuple[int, Document]:
    match told:
        case Wrong():
            return told.status, envelopes.error(told.error, told.description)
        case Shown(document):
            return 200, envelopes.one(document) if isinstance(document, Mapping) else envelopes.many(document)
        case Ended(result=True):
            body = envelopes.success()["response"]
            return 200, envelopes.one({**(told.document or {}), **body, "reason": told.reason})
        case _:
            return 200, envelopes.refused(told.reason)


def _double(call: Call, told: Told) -> tuple[int, Document]:
    write = partial(envelopes.twice, vin=call.vin, command=call.name)
    match told:
        case Wrong(status, error, description):
            reason = f"{error}: {description}" if description else error
            return status, write(None, result=False, reason=reason, error=error, error_description=description)
        case Shown(document):
            return 200, write(document, reason=_SHOWN)
        case Ended(result=True):
            return 200, write(told.document, reason=told.reason or _ACCEPTED)
        case _:
            return _REFUSED_TWICE, write(None, result=False, reason=told.reason)


SHAPES: dict[Shape, Callable[[Call, Told], tuple[int, Document]]] = {Shape.SINGLE: _single, Shape.DOUBLE: _double}
"""How an answer becomes HTTP code and body."""
