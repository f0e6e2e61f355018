"""Values on the wire, both directions: numbers as C reads them, and a document as it came, with nothing lost.

A document may be cut off (a log line, a short buffer): all that came whole before the cut is read. What a table does not
have, or what has another type than its row, stays where it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sunbox.dialects.smartevse.table import PATHS, Json, Row, Version, version_from_wire
from sunbox.dialects.smartevse.words import (
    CONTACTOR_TEXTS,
    METER_TEXTS,
    NO_STATE,
    Access,
    Contactor,
    Meter,
    Mode,
    Regime,
    State,
)

_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")
_INT_LOW, _INT_HIGH = -(2**31), 2**31 - 1

_Word = TypeVar("_Word")


# --- one value -------------------------------------------------------------------------------------------------------


def integer_from_text(text: str) -> int:
    """Return a number as C's `atol` reads it: what stands first, 0 if that is none; `80.0` is 80."""
    found = _NUMBER.match(text)
    return 0 if found is None else max(_INT_LOW, min(_INT_HIGH, int(found[1][:20])))


def begins_with_number(text: str) -> bool:
    """Return whether there is a number for `atol` to read; else its 0 is a word such as `unavailable`, or nothing at all."""
    return _NUMBER.match(text) is not None


def amps_to_da(amps_a: float) -> int:
    """Return amps in tenths, rounded down; a car never gets more than was asked."""
    return int(amps_a * 10 + 1e-9)


def da_to_amps(current_da: float) -> float:
    """Return amps."""
    return current_da / 10


def document_to_wire(document: Mapping[str, Json] | None) -> bytes:
    """Return an answer's body: compact; None is what the device says when no parameter was known to it."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


# --- a document ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Document:
    """A settings document as it came. Readers by presence, never by version; None = it does not say."""

    raw: Mapping[str, Json]
    text: str = ""
    is_whole: bool = True  #: False: it was cut off

    def at(self, path: str) -> Json:
        """Return what stands at a path, of whatever type; None if nothing does."""
        found: Json = self.raw
        for name in path.split("."):
            if not isinstance(found, dict) or name not in found:
                return None
            found = found[name]
        return found

    def read(self, path: str) -> Json:
        """Return what stands at a path if it has a type that any firmware gives it, else None."""
        value = self.at(path)
        return value if any(row.fits(value) for row in PATHS.get(path, ())) else None

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the paths of all values, in their order."""
        return tuple(path for path, _ in leaves(self.raw))

    @property
    def unknown_paths(self) -> frozenset[str]:
        """Return the paths that no table has."""
        return frozenset(path for path in self.paths if path not in PATHS)

    @property
    def odd_paths(self) -> frozenset[str]:
        """Return the paths whose value has another type than any row."""
        return frozenset(path for path in self.paths if path in PATHS and self.read(path) is None)

    @property
    def version(self) -> Version | None:
        """Return the firmware, None for what people built themselves."""
        return version_from_wire(self.at("version"))

    @property
    def mode(self) -> Mode | int | None:
        """Return the mode."""
        return _word(Mode, self.read("mode_id"))

    @property
    def regime(self) -> Regime | int | None:
        """Return the mode that is kept while it is off."""
        return _word(Regime, self.read("evse.mode"))

    @property
    def access(self) -> Access | int | None:
        """Return whether it is switched on, in the numbers of 3.8 and later."""
        value = self.read("evse.access")
        return Access(value) if isinstance(value, bool) else _word(Access, value)

    @property
    def state(self) -> State | int | None:
        """Return what it does."""
        number = self.read("evse.state_id")
        return None if number == NO_STATE else _word(State, number)

    @property
    def contactor(self) -> Contactor | None:
        """Return how phases are switched, None for words that no list has."""
        return _by_text(CONTACTOR_TEXTS, self.read("settings.enable_C2"))

    @property
    def mains_meter(self) -> Meter | None:
        """Return the kind of the mains' meter, None for words that no list has."""
        return _by_text(METER_TEXTS, self.read("settings.mains_meter"))

    @property
    def ev_power_w(self) -> float | None:
        """Return the power into the car, whatever the unit was."""
        return self._in_thousandths("ev_meter.import_active_power")

    @property
    def ev_total_wh(self) -> float | None:
        """Return the energy of all time, whatever the unit was."""
        return self._energy_wh("ev_meter.total")

    @property
    def ev_charged_wh(self) -> float | None:
        """Return the energy since plug-in, whatever the unit was."""
        return self._energy_wh("ev_meter.charged")

    def energy_wh(self, path: str) -> float | None:
        """Return one of the `…_active_energy`, whatever the unit was."""
        return self._in_thousandths(path)

    @property
    def has_kilowatt_hours(self) -> bool:
        """Return whether it is of the time of kWh, by the keys that only that time has."""
        return self.at("ev_meter.total_kwh") is not None

    def _in_thousandths(self, path: str) -> float | None:
        value = self.read(path)
        if value is None:
            return None
        return value * 1000.0 if self.has_kilowatt_hours else float(value)

    def _energy_wh(self, path: str) -> float | None:
        whole = self.read(f"{path}_wh")
        kilo = self.read(f"{path}_kwh")
        return float(whole) if whole is not None else None if kilo is None else kilo * 1000.0


def leaves(document: Mapping[str, Json], before: str = "") -> Iterator[tuple[str, Json]]:
    """Yield path and value of all that is no object."""
    for name, value in document.items():
        path = f"{before}{name}"
        if isinstance(value, dict):
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def rows_missing(document: Document, rows: tuple[Row, ...]) -> frozenset[str]:
    """Return the paths that should be there and are not."""
    return frozenset(row.path for row in rows if not row.optional and document.at(row.path) is None)


def document_from_wire(body: bytes | str) -> Document | None:
    """Return the document in a body, as far as it goes; None if it is no object at all."""
    text = body if isinstance(body, str) else body.decode("utf-8", "replace")
    stripped = text.strip()
    if not stripped.startswith("{"):
        return None
    try:
        whole = json.loads(stripped)
    except (ValueError, RecursionError):
        found: dict[str, Json] = {}
        _read_object(stripped, 0, found, 0)
        return Document(found, text, is_whole=False)
    return Document(whole, text)


_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
_DEEPEST = 8
"""Documents are four deep."""


def _after_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()


def _read_object(text: str, begin: int, found: dict[str, Json], depth: int) -> int | None:
    """Read members into `found` while they are whole; return where the object ends, None if it is cut off."""
    at = _after_blank(text, begin + 1)
    while at < len(text) and text[at] != "}":
        try:
            key, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return None
        at = _after_blank(text, at)
        if not isinstance(key, str) or text[at : at + 1] != ":":
            return None
        at = _after_blank(text, at + 1)
        if text[at : at + 1] == "{" and depth < _DEEPEST:
            inside: dict[str, Json] = {}
            end = _read_object(text, at, inside, depth + 1)
            if inside or end is not None:
                found[key] = inside
            if end is None:
                return None
            at = end
        else:
            try:
                value, at = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError):
                return None
            behind = _after_blank(text, at)
            follows = text[behind : behind + 1]
            if follows not in (",", "}") and (follows or not isinstance(value, str | list)):
                return None  # more of a number may have been cut off
            found[key] = value
        at = _after_blank(text, at)
        if text[at : at + 1] == ",":
            at = _after_blank(text, at + 1)
        elif text[at : at + 1] != "}":
            return None
    return at + 1 if at < len(text) else None


def _word(words: Callable[[int], _Word], number: Json) -> _Word | int | None:
    """Return the word of a number; one that no list has stays a number."""
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    try:
        return words(number)
    except ValueError:
        return number


def _by_text(texts: Mapping[_Word, str], text: Json) -> _Word | None:
    return next((word for word, known in texts.items() if known == text), None)
