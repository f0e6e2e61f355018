"""Values on the wire, both directions: what fits a key, and a status as it came, with nothing lost.

A driver reads real devices with `status_from_wire`; face and simulated device check what they are told with `problem_with`.
What a list does not have reads as unknown and keeps its number; what does not fit its row stays where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property
from typing import TypeVar

from sunbox.dialects.goe.keys import Firmware, Json, Key, Kind, firmware_from_wire
from sunbox.dialects.goe.profiles import fault_from_wire
from sunbox.dialects.goe.table import BUTTON_LOCKS, BY_NAME
from sunbox.dialects.goe.words import Access, ButtonLock, Car, Fault, Force, Logic, ModelStatus, PhaseMode

NRG_LENGTH = 16
_LARGEST = 1.7976931348623157e308  # of a float

_Word = TypeVar("_Word", bound=IntEnum)


# --- one value -------------------------------------------------------------------------------------------------------


def is_integer(value: Json) -> bool:
    """Return whether a value is a whole number; `16.0` is one, true is none."""
    return is_number(value) and value == value // 1


def is_number(value: Json) -> bool:
    """Return whether a value is a finite number, in the range of a float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


_FITS: dict[Kind, Callable[[Json], bool]] = {
    Kind.BOOL: lambda value: isinstance(value, bool),
    Kind.INT: is_integer,
    Kind.NUMBER: is_number,
    Kind.TEXT: lambda value: isinstance(value, str),
    Kind.ARRAY: lambda value: isinstance(value, list),
    Kind.OBJECT: lambda value: isinstance(value, dict),
    Kind.ANY: lambda _: True,
}

_CALLED = {
    Kind.BOOL: "bool",
    Kind.INT: "integer",
    Kind.NUMBER: "number",
    Kind.TEXT: "string",
    Kind.ARRAY: "array",
    Kind.OBJECT: "object",
}


def fits(key: Key, value: Json) -> bool:
    """Return whether a value that was read has the key's type. Null fits where the key may be null.

    Of a secret most devices say only whether there is one; some show a text.
    """
    if value is None:
        return key.nullable
    if key.is_secret:
        return isinstance(value, bool | str)
    if key.name in BUTTON_LOCKS and isinstance(value, bool):
        return True
    return _FITS[key.kind](value)


def problem_with(key: Key, value: Json, *, low: float | None = None, high: float | None = None) -> str | None:
    """Return why a value cannot be written, None if it can, by type and range of the row.

    Args:
        key: what is written.
        value: what to.
        low: another lower end than the row's, for devices that allow less.
        high: another upper end.
    """
    if value is None and key.nullable:
        return None
    if key.name in BUTTON_LOCKS and isinstance(value, bool):
        return None
    if not _FITS[key.kind](value):
        return f"value must be {_CALLED[key.kind]}"
    if isinstance(value, str) and key.max_chars is not None and len(value) > key.max_chars:
        return f"value has more than {key.max_chars} characters"
    low, high = key.low if low is None else low, key.high if high is None else high
    if low is not None and high is not None and is_number(value) and not low <= value <= high:
        return f"Value {text_of_number(value)} exceeds range {low:g} to {high:g}"
    if key.words and is_integer(value) and int(value) not in key.words:
        return f"Value {text_of_number(value)} is none of {', '.join(map(str, key.words))}"
    return None


def text_of_number(value: float) -> str:
    """Return a number as the device writes it: whole ones without a point."""
    return str(int(value)) if is_integer(value) and abs(value) < 1e15 else repr(value)


def plain(value: Json) -> Json:
    """Return a number that is whole as an integer, as the device writes it; anything else as it is."""
    return int(value) if isinstance(value, float) and is_integer(value) and abs(value) < 1e15 else value


def json_to_wire(values: Mapping[str, Json]) -> bytes:
    """Return an answer's body: compact, UTF-8."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


@cache
def _members(words: type[_Word]) -> Mapping[int, _Word]:
    return {int(word): word for word in words}


# --- a status --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Energies:
    """Key `nrg`: per phase L1–L3. V, A, W, %."""

    volts_v: tuple[float, float, float]
    amps_a: tuple[float, float, float]
    powers_w: tuple[float, float, float]
    total_w: float
    power_factors_pct: tuple[float, float, float]
    neutral_v: float = 0.0
    neutral_w: float = 0.0
    neutral_factor_pct: float = 0.0


def energies_from_wire(value: Json) -> Energies | None:
    """Return what `nrg` says, None if it is not exactly 16 numbers."""
    if not isinstance(value, list) or len(value) != NRG_LENGTH or not all(map(is_number, value)):
        return None
    numbers = [float(each) for each in value]
    return Energies(
        volts_v=(numbers[0], numbers[1], numbers[2]),
        neutral_v=numbers[3],
        amps_a=(numbers[4], numbers[5], numbers[6]),
        powers_w=(numbers[7], numbers[8], numbers[9]),
        neutral_w=numbers[10],
        total_w=numbers[11],
        power_factors_pct=(numbers[12], numbers[13], numbers[14]),
        neutral_factor_pct=numbers[15],
    )


def energies_to_wire(energies: Energies) -> list[float]:
    """Return `nrg`: exactly 16 numbers, at most 3 decimals."""
    numbers = (
        *energies.volts_v,
        energies.neutral_v,
        *energies.amps_a,
        *energies.powers_w,
        energies.neutral_w,
        energies.total_w,
        *energies.power_factors_pct,
        energies.neutral_factor_pct,
    )
    return [plain(round(number, 3)) for number in numbers]


@dataclass(frozen=True)  # not slotted: it keeps what it was asked for once
class Status:
    """An answer of a device, whole or filtered."""

    raw: Mapping[str, Json]  #: all of it, as it came

    @property
    def unknown_keys(self) -> frozenset[str]:
        """Return the keys that no row describes."""
        return frozenset(self.raw) - BY_NAME.keys()

    @property
    def odd_keys(self) -> frozenset[str]:
        """Return the keys whose value is not what their row says; `read` treats them as not told."""
        return frozenset(name for name in self.raw.keys() & BY_NAME.keys() if not fits(BY_NAME[name], self.raw[name]))

    def read(self, name: str) -> Json:
        """Return the value of a key with a row, None if it was not told, is null or does not fit."""
        value = self.raw.get(name)
        key = BY_NAME[name]
        if value is None or not fits(key, value):
            return None
        return int(value) if key.kind is Kind.INT and not isinstance(value, bool) and not key.is_secret else value

    def _word(self, name: str, words: type[_Word]) -> _Word | None:
        value = self.read(name)
        return _members(words).get(value) if isinstance(value, int) else None

    @property
    def firmware(self) -> Firmware | None:
        """Return the number of the firmware."""
        return firmware_from_wire(self.raw.get("fwv"))

    @cached_property
    def car(self) -> Car | None:
        """Return the state of the car; None also for a number that nobody knows."""
        return self._word("car", Car)

    @cached_property
    def force(self) -> Force | None:
        """Return `frc`."""
        return self._word("frc", Force)

    @property
    def logic(self) -> Logic | None:
        """Return `lmo`."""
        return self._word("lmo", Logic)

    @property
    def phase_mode(self) -> PhaseMode | None:
        """Return `psm`."""
        return self._word("psm", PhaseMode)

    @property
    def access(self) -> Access | None:
        """Return `acs`."""
        return self._word("acs", Access)

    @cached_property
    def model_status(self) -> ModelStatus | None:
        """Return why it charges or not; None also for a number that nobody knows."""
        return self._word("modelStatus", ModelStatus)

    @cached_property
    def energies(self) -> Energies | None:
        """Return `nrg`."""
        return energies_from_wire(self.raw.get("nrg"))

    def fault(self, firmware: Firmware | None = None) -> Fault | None:
        """Return what `err` means, by the firmware that the status names or else the given one."""
        number = self.read("err")
        return None if number is None else fault_from_wire(number, self.firmware or firmware)

    def button_lock(self, name: str) -> ButtonLock | None:
        """Return `bac` or `sdp`, whichever form it has."""
        value = self.read(name)
        if isinstance(value, bool):
            return ButtonLock.NEVER if value else ButtonLock.ALWAYS
        return self._word(name, ButtonLock)


def status_from_wire(body: bytes) -> Status | None:
    """Return the status of a body, whatever the code of the answer was; None if it is no JSON object."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return Status(document) if isinstance(document, dict) else None


def results_from_wire(body: bytes) -> dict[str, str | None] | None:
    """Return how each key of a set ended (None = done, else the device's words), None if the body does not say."""
    status = status_from_wire(body)
    if status is None:
        return None
    return {key: None if told is True else str(told) for key, told in status.raw.items()}
