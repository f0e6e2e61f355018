"""What a device may be told: each key judged by itself, in the device's own words, before anything is applied."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sunbox.dialects.goe.keys import Json, Key, Kind
from sunbox.dialects.goe.keys_later import CARDS
from sunbox.dialects.goe.keys_source import EMPTY_WIFI, WIFIS
from sunbox.dialects.goe.profiles import Profile, keys_of
from sunbox.dialects.goe.query import MOST_VALUE_CHARS, TOO_LONG, BadJson, json_from_text
from sunbox.dialects.goe.table import BUTTON_LOCKS, COLORS, SCHEDULES
from sunbox.dialects.goe.times import schedule_from_wire, schedule_problem
from sunbox.dialects.goe.wire import is_integer, is_number, plain, problem_with

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.][0-9.]{1,9})?Z?")
_PASSWORD = re.compile(r"(://[^:/@]*):[^@]*@")
_AMPS = range(6, 33)
_INTEGER_ARRAYS = frozenset({"clp", "map"})
_TOTAL_MEMBERS = ("amp", "dyn", "sta", "ts")
MOST_PRESETS = 5
MOST_SURPLUS_W = 1e7


@dataclass(frozen=True, slots=True)
class Judged:
    """A bundle of settings: what can be applied, and what each key is answered."""

    good: dict[str, Json] = field(default_factory=dict)  #: as it is to be stored
    answers: dict[str, bool | str] = field(default_factory=dict)  #: true, or what is wrong

    @property
    def is_good(self) -> bool:
        """Return whether nothing was wrong."""
        return all(answer is True for answer in self.answers.values())

    def refuse(self, name: str, why: str, text: str) -> None:
        """Turn a key down that was good; what stands behind the box may do so before anything is applied."""
        self.good.pop(name, None)
        self.answers[name] = f"{name}: failed: {why} ({text})"


def judge(items: Iterable[tuple[str, str]], profile: Profile, variant: int = 22) -> Judged:
    """Judge the (key, JSON text) of a request. A key that comes twice counts as told last.

    Args:
        items: as they came.
        profile: whose keys and words.
        variant: key `var`: with 11 no current is above 16 A.
    """
    judged = Judged()
    keys = keys_of(profile)
    for name, text in items:
        found = _judge_one(keys.get(name), text, profile, variant)
        judged.good.pop(name, None)
        if isinstance(found, _Wrong):
            judged.answers[name] = f"{name}: {found.why} ({text})"
        elif isinstance(found, str):
            judged.answers[name] = found
        else:
            judged.good[name], judged.answers[name] = found.value, True
    return judged


@dataclass(frozen=True, slots=True)
class _Wrong:
    why: str


@dataclass(frozen=True, slots=True)
class _Right:
    value: Json


def _judge_one(key: Key | None, text: str, profile: Profile, variant: int) -> _Right | _Wrong | str:
    if len(text) > MOST_VALUE_CHARS:
        return TOO_LONG
    if key is None:
        return _Wrong("tried to set unknown api key")
    if not key.is_writable(profile.firmware):
        return _Wrong("tried to set api key without setter")
    value = json_from_text(text)
    if isinstance(value, BadJson):
        return _Wrong(f"tried to set api key with invalid json {value.word}")
    return _judge_value(key, value, profile, variant)


@dataclass(frozen=True, slots=True)
class Kept:
    """A value as it is stored."""

    value: Json


def kept(key: Key, value: Json, profile: Profile, variant: int) -> Kept | None:
    """Return a value that a box had stored, however long its text is; None if it cannot have had it. Of a secret: whether."""
    if key.is_secret:
        return Kept(value) if isinstance(value, bool) else None
    found = _judge_value(key, value, profile, variant)
    return Kept(found.value) if isinstance(found, _Right) else None


def _judge_value(key: Key, value: Json, profile: Profile, variant: int) -> _Right | _Wrong:
    name = key.name
    low = profile.least_phase_mode if name == "psm" else None
    high = 16 if variant == 11 and key.unit == "A" and key.high == 32 else None
    problem = problem_with(key, value, low=low, high=high)
    if problem is None and value is not None and name in _CHECKS:
        problem = _CHECKS[name](value)
    if problem is not None:
        return _Wrong(f"failed: {problem}")
    return _Right(_kept(key, value))


def _kept(key: Key, value: Json) -> Json:
    """Return a value as it is stored."""
    if key.name in SCHEDULES:
        return schedule_from_wire(value)
    if key.name in BUTTON_LOCKS and isinstance(value, bool):
        return 3 if value else 0
    if key.is_secret:
        return bool(value)  # the text itself is kept nowhere
    if key.name in _INTEGER_ARRAYS:
        return [int(each) for each in value]
    if isinstance(value, dict) and key.name == "lot":
        return {name: plain(told) for name, told in value.items()}
    if key.name == "wifis":
        return [_kept_wifi(entry) for entry in value]
    if isinstance(value, str) and "://" in value:
        return _PASSWORD.sub(r"\1:****@", value)
    return int(value) if key.kind is Kind.INT and value is not None else plain(value)


def _kept_wifi(entry: dict[str, Json]) -> dict[str, Json]:
    """Return a network as it is stored: of its key whether there is one. A key as it reads changes nothing."""
    kept = {name: value for name, value in entry.items() if name != "key"}
    if isinstance(entry.get("key"), str):
        kept["key"] = bool(entry["key"])
    return kept


# --- values that are more than one number ----------------------------------------------------------------------------


def _color_problem(value: Json) -> str | None:
    return None if _COLOR.fullmatch(value) else "value must be string #RRGGBB"


def _time_problem(value: Json) -> str | None:
    return None if _TIME.fullmatch(value) else "value must be string YYYY-MM-DDThh:mm:ss"


def _presets_problem(value: Json) -> str | None:
    if not 1 <= len(value) <= MOST_PRESETS or not all(is_integer(each) and each in _AMPS for each in value):
        return f"value must be 1 to {MOST_PRESETS} integers from {_AMPS[0]} to {_AMPS[-1]}"
    return None


def _mapping_problem(value: Json) -> str | None:
    is_mapping = len(value) == 3 and all(is_integer(each) and 1 <= each <= 3 for each in value)
    return None if is_mapping else "value must be 3 integers from 1 to 3"


def _surplus_problem(value: Json) -> str | None:
    if not is_number(value.get("pGrid")):
        return "pGrid must be a number"
    told = [value[name] for name in ("pGrid", "pPv", "pAkku") if value.get(name) is not None]
    if not all(is_number(each) and abs(each) <= MOST_SURPLUS_W for each in told):
        return f"pGrid, pPv and pAkku must be numbers up to {MOST_SURPLUS_W:g}"
    return None


def _total_problem(value: Json) -> str | None:
    if isinstance(value, dict) and not all(name in _TOTAL_MEMBERS and is_number(told) for name, told in value.items()):
        return f"members must be numbers out of {', '.join(_TOTAL_MEMBERS)}"
    amps = value.get("amp", 0) if isinstance(value, dict) else value
    return None if is_integer(amps) and 0 <= amps <= 10_000 else "value must be integer"


def _wifis_problem(value: Json) -> str | None:
    if len(value) > WIFIS:
        return f"array has more than {WIFIS} entries"
    for entry in value:
        if not isinstance(entry, dict):
            return "entries must be objects"
        for name, told in entry.items():
            if name not in EMPTY_WIFI:
                return f"unknown member {name}"
            is_kept_key = name == "key" and isinstance(told, bool)  # as it reads: written back, it changes nothing
            if not is_kept_key and type(told) is not type(EMPTY_WIFI[name]):
                return f"member {name} has the wrong type"
            if isinstance(told, str) and len(told) > 64:
                return f"member {name} is too long"
    return None


def _cards_problem(value: Json) -> str | None:
    if len(value) > CARDS:
        return f"array has more than {CARDS} entries"
    for entry in value:
        if not isinstance(entry, dict):
            return "entries must be objects"
        name, energy = entry.get("name", ""), entry.get("energy", 0)
        if not isinstance(name, str) or len(name) > 64 or not is_number(energy) or energy < 0:
            return "entries must have name and energy"
    return None


_CHECKS: Mapping[str, Callable[[Json], str | None]] = {
    **dict.fromkeys(COLORS, _color_problem),
    **dict.fromkeys(SCHEDULES, schedule_problem),
    "utc": _time_problem,
    "clp": _presets_problem,
    "map": _mapping_problem,
    "ids": _surplus_problem,
    "lot": _total_problem,
    "wifis": _wifis_problem,
    "cards": _cards_problem,
}
