"""Mistakes in words: where, which key, which value, what is allowed and what to do.

`sunbox.yaml:12:7 loadpoints[0].max_a: 99 is above 80 A; allowed is 1 to 80 A (largest current per phase …)`
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from sunbox.config.yaml12 import Document, Mark, Path

UNITS: dict[str, str] = {
    "a": "A",
    "v": "V",
    "w": "W",
    "wh": "Wh",
    "kwh": "kWh",
    "s": "s",
    "m": "m",
    "pct": "%",
    "days": "days",
}
"""The unit that the last part of a key's name stands for."""

_LONGEST_VALUE = 40


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake, or one thing worth a warning. Sorts by its place in the file."""

    mark: Mark
    where: str
    text: str

    def render(self, file: str) -> str:
        """Return the line that people read."""
        where = f" {self.where}" if self.where else ""
        return f"{file}:{self.mark.line}:{self.mark.column}{where}: {self.text}"


def path_text(path: Path) -> str:
    """Return `loadpoints[0].min_a`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean volts?` or nothing."""
    known = list(known)
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[close[0]]}?" if close else ""


def listing(words: Iterable[str]) -> str:
    """Return `a, b, c`, or `none` where there is nothing."""
    return ", ".join(words) or "none"


def contains(annotation: Any, wanted: type) -> bool:
    """Return whether a field's annotation is the wanted type, or has it among its alternatives."""
    if annotation is wanted:
        return True
    if typing.get_origin(annotation) in {typing.Union, types.UnionType, typing.Annotated}:
        return any(contains(part, wanted) for part in typing.get_args(annotation))
    return False


def is_secret(annotation: Any) -> bool:
    """Return whether secrets stand anywhere in a field, so that nothing of it may be shown."""
    return annotation is SecretStr or any(is_secret(part) for part in typing.get_args(annotation))


def shown(value: Any) -> str:
    """Return a value as people may see it: short, without a password in a URL, and never the content of a map or list."""
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = re.sub(r"//[^/@\s]*@", "//…@", str(value))
    if len(text) > _LONGEST_VALUE:
        text = text[: _LONGEST_VALUE - 1] + "…"
    return f"'{text}'" if isinstance(value, str) else text


def unit_of(name: str) -> str:
    """Return ` A` for `min_a`, nothing for a name without a unit, such as `value_per_kwh`, which is money."""
    unit = UNITS.get(name.rpartition("_")[2], "") if "_" in name and "_per_" not in name else ""
    return f" {unit}" if unit else ""


def allowed_text(name: str, info: FieldInfo) -> str:
    """Return the limits of a number, such as `1 to 80 A`."""
    low = next((bound for bound in info.metadata if isinstance(bound, Ge | Gt)), None)
    high = next((bound for bound in info.metadata if isinstance(bound, Le | Lt)), None)
    lows = {Ge: lambda bound: f"{bound.ge:g}", Gt: lambda bound: f"more than {bound.gt:g}"}
    highs = {Le: lambda bound: f"{bound.le:g}", Lt: lambda bound: f"less than {bound.lt:g}"}
    low_text = lows[type(low)](low) if low else ""
    high_text = highs[type(high)](high) if high else ""
    unit = unit_of(name)
    if low and high:
        return f"{low_text} to {high_text}{unit}"
    if low:
        return f"{low_text}{unit}{' or more' if isinstance(low, Ge) else ''}"
    return f"{high_text}{unit}{' or less' if isinstance(high, Le) else ''}" if high else ""


def meaning_of(info: FieldInfo) -> str:
    """Return what a key means, on one line."""
    return " ".join((info.description or "").split())


def length_text(info: FieldInfo) -> str:
    """Return the limits of a text's length, such as `1 to 60 characters`."""
    low = next((bound.min_length for bound in info.metadata if isinstance(bound, MinLen)), None)
    high = next((bound.max_length for bound in info.metadata if isinstance(bound, MaxLen)), None)
    if low is not None and high is not None:
        return f"{low} to {high} characters"
    return f"at least {low} characters" if low is not None else f"at most {high} characters"


Words = Callable[[ErrorDetails, str], str]

_TYPE_WORDS: dict[str, str] = {
    "int_type": "a whole number, without quotes",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number, without quotes, with a point",
    "float_parsing": "a number with a point",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a word; put it in quotes if it looks like a number",
    "list_type": "a list: items that begin with -",
    "tuple_type": "a list: items that begin with -",
    "set_type": "a list: items that begin with -",
    "frozen_set_type": "a list: items that begin with -",
    "dict_type": "a map: lines of key: value",
    "model_type": "a map: lines of key: value",
    "model_attributes_type": "a map: lines of key: value",
}

_WORDS: dict[str, Words] = {
    "missing": lambda _error, _name: "is missing",
    "greater_than_equal": lambda error, name: f"{shown(error['input'])} is below {error['ctx']['ge']:g}{unit_of(name)}",
    "greater_than": lambda error, name: f"{shown(error['input'])} is not above {error['ctx']['gt']:g}{unit_of(name)}",
    "less_than_equal": lambda error, name: f"{shown(error['input'])} is above {error['ctx']['le']:g}{unit_of(name)}",
    "less_than": lambda error, name: f"{shown(error['input'])} is not below {error['ctx']['lt']:g}{unit_of(name)}",
    "string_too_short": lambda error, _name: f"{shown(error['input'])} is too short",
    "string_too_long": lambda error, _name: f"{shown(error['input'])} is too long",
    "too_short": lambda _error, _name: "is too short",
    "too_long": lambda _error, _name: "is too long",
}

_SECRET_WORDS: dict[str, str] = {"string_too_short": "is too short", "too_short": "is too short"}

_LENGTHS = {"string_too_short", "string_too_long", "too_short", "too_long"}


def from_validation(
    error: ValidationError, model: type[BaseModel], raw: Any, path: Path, document: Document
) -> list[Problem]:
    """Return the mistakes that a model found in `raw`, which stands at `path`."""
    found: dict[str, Problem] = {}
    for detail in error.errors(include_url=False):
        loc, siblings, info = _follow(model, raw, detail)
        where = (*path, *loc)
        mark = document.value_mark(where)
        if detail["type"] == "extra_forbidden":
            mark = document.key_mark(where)
        found.setdefault(path_text(where), Problem(mark, path_text(where), _text(detail, loc, siblings, info)))
    return list(found.values())


def _follow(
    model: type[BaseModel], raw: Any, detail: ErrorDetails
) -> tuple[Path, dict[str, FieldInfo], FieldInfo | None]:
    """Return the part of a location that stands in the file, the keys known around it, and its field.

    A location also names the alternatives of a union, which nobody wrote.
    """
    loc: list[str | int] = []
    owner: type[BaseModel] | None = model
    siblings: dict[str, FieldInfo] = {}
    info: FieldInfo | None = None
    for part in detail["loc"]:
        is_there = (isinstance(raw, dict) and part in raw) or (
            isinstance(raw, list) and isinstance(part, int) and part < len(raw)
        )
        if not is_there and detail["type"] != "missing":
            break
        loc.append(part)
        raw = raw[part] if is_there else None
        if isinstance(part, str):
            siblings = _fields(owner) if owner is not None else {}
            if owner is not None or info is None or not is_secret(info.annotation):  # a map of secrets stays one inside
                info = siblings.get(part)
            owner = model_in(info.annotation) if info is not None else None
    return tuple(loc), siblings, info


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    by_key = dict(model.model_fields)
    by_key.update({info.alias: info for info in model.model_fields.values() if info.alias})
    return by_key


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model in a field's annotation, if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in typing.get_args(annotation) if (model := model_in(part)) is not None), None)


def _text(detail: ErrorDetails, loc: Path, siblings: dict[str, FieldInfo], info: FieldInfo | None) -> str:
    name = next((part for part in reversed(loc) if isinstance(part, str)), "")
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _no_such_key(name, list(siblings))
    if info is not None and is_secret(info.annotation):
        text = _SECRET_WORDS.get(kind, "cannot be used" if kind != "missing" else "is missing")
    elif kind in _TYPE_WORDS:
        text = f"{shown(detail['input'])} is not {_TYPE_WORDS[kind]}"
    elif kind in _WORDS:
        text = _WORDS[kind](detail, name)
    elif kind in {"enum", "literal_error"}:
        options = re.findall(r"'([^']*)'", str(detail["ctx"]["expected"]))
        text = f"{shown(detail['input'])} is none of {listing(options)}{did_you_mean(str(detail['input']), options)}"
    elif kind in {"value_error", "assertion_error"}:
        words = detail["msg"].partition(", ")[2] or detail["msg"]
        said = isinstance(detail["input"], dict | list) or str(detail["input"]) in words
        text = words if said else f"{shown(detail['input'])}: {words}"
    else:
        text = f"{shown(detail['input'])} is not allowed"
    return text + _hint(kind, name, info)


def _hint(kind: str, name: str, info: FieldInfo | None) -> str:
    """Return what is allowed and what the key means."""
    if info is None:
        return ""
    limits = length_text(info) if kind in _LENGTHS else allowed_text(name, info)
    meaning = meaning_of(info).replace("`", "").rstrip(".")
    return (f"; allowed is {limits}" if limits else "") + (f" ({meaning[:1].lower()}{meaning[1:]})" if meaning else "")


def _no_such_key(key: str, known: Sequence[str]) -> str:
    return f"there is no such key{did_you_mean(key, known) or f'; known are {listing(sorted(known))}'}"


def unknown_keys(raw: dict[str, Any], known: Sequence[str], path: Path, document: Document) -> list[Problem]:
    """Return a mistake for each key that nothing knows."""
    return [
        Problem(
            document.key_mark((*path, key)),
            path_text((*path, key)),
            _no_such_key(key, known),
        )
        for key in raw
        if key not in known
    ]


def relative_to(folder: FilePath, text: str) -> FilePath:
    """Return a path as the owner means it: relative to the folder of the file, `~` is the home folder."""
    return folder / FilePath(text).expanduser()
