"""Reads a scenario from YAML: every mistake at once, each with its line, its value and what is allowed.

Values are taken as they are written (`off` is a word, `06:00` a time), so YAML 1.1's surprises do not happen.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date, time
from enum import EnumMeta
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from sunbox.errors import ConfigError
from sunbox.simulator.scenario import Scenario, charger_problems

LIMITS: Mapping[str, tuple[float, float]] = {
    "latitude": (-90, 90),
    "longitude": (-180, 180),
    "delay_s": (0, 120),
    "noise_w": (0, 1e6),
    "resolution_w": (0.001, 1e5),
    "max_amps": (5, 32),
    "soc_pct": (0, 100),
    "limit_pct": (50, 100),
    "capacity_kwh": (1, 1e6),
    "seed": (0, 2**31),
    "kwp": (0, 10_000),
    "tilt_deg": (0, 90),
    "azimuth_deg": (0, 360),
    "base_w": (0, 1e6),
    "voltage_v": (90, 280),
    "battery_kwh": (0, 10_000),
    "battery_max_w": (0, 1e7),
    "battery_soc_pct": (0, 100),
    "ambient_c": (-40, 60),
    "cable_amps": (6, 32),
    "ChargerScenario.max_amps": (6, 32),
    "main_amps": (10, 200),
    "WallboxCarScenario.max_amps": (6, 32),
    "WallboxCarScenario.limit_pct": (1, 100),
    "powerwalls": (0, 20),
}
"""Least and most, by the name of the field, where needed with its class."""


class _Wrong(Exception):  # noqa: N818 - caught within this file, never seen
    """A value that is not allowed; the text says what is."""


def _time_text(text: str) -> str:
    time.fromisoformat(text)
    return text


def _zone_text(text: str) -> str:
    ZoneInfo(text)
    return text


def _vin_text(text: str) -> str:
    if len(text) != 17 or not (text.isascii() and text.isalnum()):
        raise ValueError
    return text


def _id_text(text: str) -> str:
    if not text or not text.replace("-", "").replace("_", "").isalnum():
        raise ValueError
    return text


CHOICES: Mapping[str, tuple[int, ...]] = {"phases": (1, 3), "supply_phases": (1, 3)}
"""All that is allowed, by the name of the field."""

_TEXTS: Mapping[str, tuple[Callable[[str], str], str]] = {
    "start": (_time_text, "a local time, e.g. 06:00"),
    "vin": (_vin_text, "17 letters and digits"),
    "id": (_id_text, "letters, digits, - and _"),
    "timezone": (_zone_text, "a name of the time zone database, e.g. Europe/Berlin"),
}
"""Words that mean something: how they are checked, and what is allowed."""

_NUMBERS: Mapping[type, str] = {int: "a whole number", float: "a number"}
_BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}
_NULLS = frozenset({"", "~", "null", "none"})


def load_scenario(path: Path | str) -> Scenario:
    """Read a scenario; a trace's path is taken relative to the file.

    Raises:
        ConfigError: all that is wrong with it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read ({error}); allowed is a YAML file"]) from error
    scenario = parse_scenario(text, str(path))
    if scenario.trace is not None:
        scenario = replace(scenario, trace=str(path.parent / scenario.trace))
    return scenario


def parse_scenario(text: str, name: str = "scenario") -> Scenario:
    """Read a scenario from YAML text; `name` is for messages.

    Raises:
        ConfigError: all that is wrong with it.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError([f"{name}: no YAML: {' '.join(str(error).split())}"]) from error
    if root is None:
        return Scenario()
    problems: list[str] = []
    found = _Problems(name, problems)
    scenario = _read_object(Scenario, root, "", found)
    if isinstance(scenario, Scenario) and not problems:
        _check_chargers(scenario, root, found)
    if problems:
        raise ConfigError(problems)
    assert isinstance(scenario, Scenario)  # noqa: S101 - no problems, hence made
    return scenario


def _check_chargers(scenario: Scenario, root: yaml.Node, problems: _Problems) -> None:
    """Tell what does not fit between wallboxes and cars."""
    nodes = {key.value: value for key, value in root.value}
    for index, text in charger_problems(scenario):
        problems.add(nodes["chargers"].value[index], f"chargers[{index}].{text}")
    if not scenario.cars and not scenario.chargers:
        problems.add(nodes["cars"], "cars: is empty; allowed is a list with at least one entry, or chargers")


class _Problems:
    """Collects what is wrong, with its line."""

    def __init__(self, name: str, rows: list[str]) -> None:
        self._name = name
        self.rows = rows

    def add(self, node: yaml.Node, text: str) -> None:
        """Note a mistake at `node`."""
        self.rows.append(f"{self._name} line {node.start_mark.line + 1}: {text}")


def _read_object(kind: type[Any], node: yaml.Node, path: str, problems: _Problems) -> Any:
    """Return a dataclass of `kind`, None where something is wrong."""
    known = [each.name for each in fields(kind)]
    if not isinstance(node, yaml.MappingNode):
        problems.add(node, f"{path or 'the file'}: allowed is a list of `key: value` with any of {', '.join(known)}")
        return None
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        where = f"{path}.{key}" if path else key
        if key not in known:
            problems.add(key_node, f"{where}: unknown; allowed is any of {', '.join(known)}")
        elif key in values:
            problems.add(key_node, f"{where}: written twice; allowed is once")
        else:
            values[key] = _read_value(hints[key], _rule(kind, key), value_node, where, problems)
    # defaults stand in for what is wrong: the caller throws the result away then
    return kind(**{key: value for key, value in values.items() if value is not _WRONG})


_WRONG = object()


def _rule(kind: type[Any], key: str) -> str:
    """Return the name under which the limits of a field are found."""
    own = f"{kind.__name__}.{key}"
    return own if own in LIMITS else key


def _read_value(hint: Any, key: str, node: yaml.Node, path: str, problems: _Problems) -> Any:
    """Return the value of one field, `_WRONG` where it is not allowed."""
    is_optional = get_origin(hint) is types.UnionType
    if is_optional:
        hint = next(each for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is tuple:
        if not isinstance(node, yaml.SequenceNode):
            problems.add(node, f"{path}: allowed is a list")
            return _WRONG
        rows = tuple(
            _read_object(get_args(hint)[0], each, f"{path}[{index}]", problems) for index, each in enumerate(node.value)
        )
        ids = [row.id for row in rows if row is not None]
        if len(set(ids)) < len(ids):
            problems.add(node, f"{path}: ids {', '.join(ids)}; allowed is each id once")
        return rows
    if is_dataclass(hint):
        return _read_object(hint, node, path, problems)  # type: ignore[arg-type]  # a class, not an instance
    if not isinstance(node, yaml.ScalarNode):
        problems.add(node, f"{path}: allowed is one value")
        return _WRONG
    text = str(node.value)
    if is_optional and node.style is None and text.lower() in _NULLS:
        return None
    try:
        return _read_scalar(hint, key, text)
    except _Wrong as wrong:
        problems.add(node, f"{path} is {text!r}; allowed is {wrong}{' or null' if is_optional else ''}")
        return _WRONG


def _read_scalar(hint: Any, key: str, text: str) -> Any:
    """Return `text` as a value of the type `hint`."""
    if isinstance(hint, EnumMeta):
        words = [str(member) for member in hint]  # type: ignore[var-annotated]
        if text not in words:
            raise _Wrong(", ".join(words))
        return hint(text)
    if hint is bool:
        if text.lower() not in _BOOLEANS:
            raise _Wrong("true or false")
        return _BOOLEANS[text.lower()]
    if hint is date:
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise _Wrong("a date, e.g. 2024-06-21") from None
    if key in CHOICES:
        if text not in map(str, CHOICES[key]):
            raise _Wrong(" or ".join(map(str, CHOICES[key])))
        return int(text)
    if hint in _NUMBERS:
        low, high = LIMITS[key]
        allowed = f"{_NUMBERS[hint]}, {low:.10g} to {high:.10g}"
        try:
            number = hint(text)
        except ValueError:
            raise _Wrong(allowed) from None
        if not (math.isfinite(number) and low <= number <= high):
            raise _Wrong(allowed)
        return number
    if key in _TEXTS:
        check, allowed = _TEXTS[key]
        try:
            return check(text)
        except (ValueError, ZoneInfoNotFoundError):
            raise _Wrong(allowed) from None
    if not text:
        raise _Wrong("a word")
    return text
