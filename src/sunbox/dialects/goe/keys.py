"""What a key is: one row of the table, its JSON type, its limits, and the firmware that has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = Any
"""None, bool, int, float, str, or lists and dicts of them."""

Firmware = tuple[int, int]
"""Major and minor number, comparable: `053.1` is (53, 1)."""

NEWEST: Firmware = (9999, 0)
"""What a firmware counts as that has not said its number."""

_FIRMWARE = re.compile(r"\s*([0-9]{1,4})(?:\.([0-9]{1,4}))?")


def firmware_from_wire(fwv: object) -> Firmware | None:
    """Return the firmware that a key `fwv` names (`"053.1"`, `"60.5"`, `"35.6-1-ga0d44e5"`, 36.3), None if it says nothing."""
    found = _FIRMWARE.match(fwv if isinstance(fwv, str) else repr(fwv) if isinstance(fwv, float) else "")
    return None if found is None else (int(found[1]), int(found[2] or 0))


class Access(StrEnum):
    """Who may do what with a key."""

    R = "R"
    W = "W"
    RW = "R/W"


class Kind(StrEnum):
    """JSON type of a key."""

    BOOL = "bool"
    INT = "integer"
    NUMBER = "number"
    TEXT = "string"
    ARRAY = "array"
    OBJECT = "object"
    ANY = "any"


class Category(StrEnum):
    """The manufacturer's categories."""

    CONSTANT = "Constant"
    STATUS = "Status"
    CONFIG = "Config"
    OTHER = "Other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key. What needs more than a type and a range is checked by `settings.py`."""

    name: str
    access: Access
    kind: Kind
    category: Category
    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    words: Mapping[int, str] = field(default_factory=dict)  #: its numbers, where they are an enumeration
    nullable: bool = False
    since: Firmware = (51, 0)
    until: Firmware | None = None  #: the last firmware that has it
    writable_since: Firmware | None = None  #: read-only before
    default: Json = None  #: what a device that was told nothing answers
    is_secret: bool = False  #: reads as true or false, never as the text
    is_in_source: bool = False  #: one of the 90 keys of the document that sunbox began with
    max_chars: int | None = None

    @property
    def is_readable(self) -> bool:
        """Return whether a status has it."""
        return self.access is not Access.W

    def is_writable(self, firmware: Firmware) -> bool:
        """Return whether that firmware lets it be set."""
        return self.access is not Access.R and (self.writable_since is None or firmware >= self.writable_since)

    def is_known_to(self, firmware: Firmware) -> bool:
        """Return whether that firmware has it."""
        return self.since <= firmware and (self.until is None or firmware <= self.until)

    @property
    def allowed(self) -> str:
        """Return range or enumeration in words."""
        if self.words:
            return ", ".join(f"{number} {word}" for number, word in self.words.items())
        if self.low is not None and self.high is not None:
            return f"{self.low:g}–{self.high:g}"
        return f"at most {self.max_chars} characters" if self.max_chars else ""


_ACCESSES = {"R": Access.R, "W": Access.W, "RW": Access.RW}
_CATEGORIES = {"C": Category.CONSTANT, "S": Category.STATUS, "G": Category.CONFIG, "O": Category.OTHER}


def row(  # noqa: D417 - the rest are the fields of a Key
    name: str,
    use: str,
    kind: Kind,
    help: str,  # noqa: A002 - the field's name
    default: Json = None,
    *,
    span: tuple[float, float] | None = None,
    since: str = "051",
    until: str | None = None,
    writable_since: str | None = None,
    **more: Any,
) -> Key:
    """Return a row.

    Args:
        name: the key.
        use: access and category in short: `R:S`, `RW:G`, `W:O`, … (C Constant, S Status, G Config, O Other).
        kind: JSON type.
        help: what it is, in English, one line.
        default: see `Key`.
        span: least and most.
        since: first firmware.
        until: last firmware.
        writable_since: first firmware that lets it be set.
    """
    access, _, category = use.partition(":")
    low, high = span or ((min(more["words"]), max(more["words"])) if more.get("words") else (None, None))
    return Key(
        name=name,
        access=_ACCESSES[access],
        kind=kind,
        category=_CATEGORIES[category],
        help=help,
        default=default,
        low=low,
        high=high,
        since=firmware_from_wire(since) or (0, 0),
        until=firmware_from_wire(until),
        writable_since=firmware_from_wire(writable_since),
        **more,
    )
