"""Single keys of a configuration changed on the command line, with the file's own words for every mistake.

Where there is no file, one is written from recorded settings: its devices need no driver, since nothing is opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path as FilePath
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from sunbox.config.loader import load
from sunbox.config.model import (
    BudgetPart,
    ChargerPart,
    LoadpointPart,
    MeterPart,
    MeterPricesPart,
    Part,
    PlacePart,
    SitePart,
    VehiclePart,
)
from sunbox.config.problems import listing
from sunbox.config.registry import DriverKind, Registry
from sunbox.config.yaml12 import Path, parse
from sunbox.core.commands import RequestKind
from sunbox.core.settings import Budget, Capabilities, MeterSettings, Settings
from sunbox.core.values import replace
from sunbox.errors import ConfigError

T = TypeVar("T")

RECORDED = "recorded"
"""The driver of devices of which only the record is left."""

LISTS = ("loadpoints", "vehicles", "meters", "chargers")
"""Sections whose items may be named by their id alone: `carport.min_a`."""

KEY = "write a key of the configuration, such as loadpoints[0].start_delay_s=30, carport.min_a=8 or site.target_grid_w=-100"


class RecordedDevice(BaseModel):
    """A device of which nothing but its id matters."""

    id: str = ""


def change(
    recorded: Settings, changes: Sequence[str], *, path: FilePath | None, registry: Registry
) -> tuple[Settings, Settings]:
    """Return the settings before and after.

    Args:
        recorded: of the journal; they are what is changed where there is no file.
        changes: each `key=value`.
        path: the owner's file, None = there is none.
        registry: the drivers and faces there are, for the file.

    Raises:
        ConfigError: a key or value is wrong, or the file is.
    """
    if path is not None:
        before = load(path, registry).settings
        after = load(path, registry, changes=_pairs(changes, before)).settings
        return before, after
    text, ours = _written(recorded), _registry_of(recorded)
    name = FilePath("journal")
    base = load(name, ours, text=text).settings
    new = load(name, ours, text=text, changes=_pairs(changes, recorded)).settings
    return recorded, _transplant(recorded, base, new)


def _pairs(changes: Sequence[str], settings: Settings) -> list[tuple[Path, Any]]:
    """Return where each change goes, and its value as it would be read from a file."""
    pairs: list[tuple[Path, Any]] = []
    problems: list[str] = []
    for text in changes:
        key, equals, value = text.partition("=")
        path = _path(key.strip(), settings)
        if not equals or path is None:
            problems.append(f"--set {text}: {KEY}")
            continue
        document = parse(value)
        if document.faults or isinstance(document.value, dict | list):
            problems.append(f"--set {text}: the value is no number, word, true or false")
            continue
        problem = _missing_item(path, settings)
        if problem is not None:
            problems.append(f"--set {text}: {problem}")
            continue
        pairs.append((path, document.value))
    if problems:
        raise ConfigError(problems)
    return pairs


def _path(key: str, settings: Settings) -> Path | None:
    """Return the path of `loadpoints[0].min_a`, `loadpoints.carport.min_a` or `carport.min_a`."""
    parts: list[str | int] = []
    for part in key.split("."):
        match = re.fullmatch(r"([A-Za-z0-9_-]+)((?:\[\d{1,4}\])*)", part)
        if match is None:
            return None
        parts.append(match[1])
        parts += [int(number) for number in re.findall(r"\d+", match[2])]
    if len(parts) < 2:
        return None
    for section in LISTS:
        ids = [row.id for row in getattr(settings, section)]
        if parts[0] == section and parts[1] in ids:
            return (section, ids.index(cast("str", parts[1])), *parts[2:])
    for section in LISTS:
        ids = [row.id for row in getattr(settings, section)]
        if parts[0] in ids:
            return (section, ids.index(cast("str", parts[0])), *parts[1:])
    return tuple(parts)


def _missing_item(path: Path, settings: Settings) -> str | None:
    """Return what is wrong with an item that is not there."""
    if path[0] not in LISTS:
        return None
    rows = [row.id for row in getattr(settings, str(path[0]))]
    if isinstance(path[1], int) and path[1] < len(rows):
        return None
    what = f"[{path[1]}]" if isinstance(path[1], int) else f".{path[1]}"
    return f"{path[0]}{what} is not there; there are {len(rows)}: {listing(rows)}"


# A file for what was recorded -----------------------------------------------------------------------------------------


def _written(settings: Settings) -> str:
    """Return recorded settings as a configuration file. JSON is YAML; circuits need drivers that measure and are left out."""
    site = {**_keys(SitePart, settings.site), "timezone": settings.site.timezone.key}
    document = {
        "site": site,
        "places": [{**_keys(PlacePart, row), "tags": sorted(row.tags)} for row in settings.places],
        "meters": [{**_keys(MeterPart, row), "driver": RECORDED, **_costs(row)} for row in settings.meters],
        "chargers": [{**_keys(ChargerPart, row), "driver": RECORDED} for row in settings.chargers],
        "vehicles": [
            {
                **_keys(VehiclePart, row),
                "driver": RECORDED,
                "capacity_kwh": None if row.capacity_wh is None else row.capacity_wh / 1000.0,
                "budget": _budget(row.budget),
            }
            for row in settings.vehicles
        ],
        "loadpoints": [
            {**_keys(LoadpointPart, row), "vehicle": row.vehicle_id, "charger": row.charger_id, "circuit": None}
            for row in settings.loadpoints
        ],
    }
    return json.dumps(document)


def _budget(budget: Budget) -> dict[str, Any]:
    return {
        name: "unlimited" if (value := getattr(budget, name)) is None else value for name in BudgetPart.model_fields
    }


def _costs(meter: MeterSettings) -> dict[str, Any]:
    """Return what is written about the cost of a meter; nothing is, where it is read at home."""
    if not meter.is_cloud:
        return {"budget": None}
    prices = {name: meter.price.get(RequestKind(name), 0.0) for name in MeterPricesPart.model_fields}
    return {"cloud": True, "prices": prices, "budget": _budget(meter.budget)}


def _keys(part: type[Part], row: Any) -> dict[str, Any]:
    """Return those keys of a part that the settings have under the same name."""
    return {name: getattr(row, name) for name in part.model_fields if getattr(row, name, None) is not None}


def _registry_of(settings: Settings) -> Registry:
    able: dict[str, Capabilities] = {row.id: row.capabilities for row in settings.vehicles}
    able |= {row.id: row.capabilities for row in settings.chargers}
    kind = DriverKind(RecordedDevice, lambda device, _account: able[device.id])
    return Registry(meters={RECORDED: DriverKind(RecordedDevice)}, chargers={RECORDED: kind}, vehicles={RECORDED: kind})


def _transplant(old: T, base: T, new: T) -> T:
    """Return `old` with what differs between `base` and `new`: what the file has no words for stays as it was."""
    if base == new:
        return old
    if is_dataclass(old) and type(old) is type(base) is type(new):
        return replace(
            old,
            **{
                each.name: _transplant(getattr(old, each.name), getattr(base, each.name), getattr(new, each.name))
                for each in fields(old)
                if getattr(base, each.name) != getattr(new, each.name)
            },
        )
    if (
        isinstance(old, tuple)
        and isinstance(base, tuple)
        and isinstance(new, tuple)
        and len(old) == len(base) == len(new)
    ):
        return cast("T", tuple(_transplant(*three) for three in zip(old, base, new, strict=True)))
    return new
