"""What may stand in the file, told by the models that check it: as JSON schema for editors, as Markdown for people."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from enum import Enum
from pathlib import Path as FilePath
from typing import Any, Literal

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema
from pydantic_core import PydanticUndefined

from sunbox.config.model import (
    STORE_DEFAULT,
    STORE_MEANING,
    AccountPart,
    BudgetPart,
    ChargerPart,
    CircuitPart,
    DevicePart,
    FacesPart,
    GeofencePart,
    JournalPart,
    LoadpointPart,
    MeterPart,
    PlacePart,
    SitePart,
    VehiclePart,
)
from sunbox.config.problems import allowed_text, is_secret, meaning_of, model_in
from sunbox.config.registry import Registry

DEVICE_PARTS: dict[str, type[DevicePart]] = {"meters": MeterPart, "chargers": ChargerPart, "vehicles": VehiclePart}


def json_schema(registry: Registry) -> dict[str, Any]:
    """Return the JSON schema of the whole file."""
    fixed: dict[str, type[BaseModel]] = {
        "site": SitePart,
        "faces": FacesPart,
        "journal": JournalPart,
    }
    lists: dict[str, list[type[BaseModel]]] = {
        "places": [PlacePart, GeofencePart],
        "circuits": [CircuitPart],
        "loadpoints": [LoadpointPart],
    }
    models: list[type[BaseModel]] = [*fixed.values(), *(model for group in lists.values() for model in group)]
    models += [AccountPart, *registry.accounts.values(), *DEVICE_PARTS.values()]
    models += [kind.settings for kinds in _kinds(registry).values() for kind in kinds.values()]
    models += [face.settings for face in registry.faces.values()]
    by_model, shared = models_json_schema([(model, "validation") for model in dict.fromkeys(models)])
    definitions = shared.get("$defs", {})

    def whole(*parts: type[BaseModel], **fixed_keys: Any) -> dict[str, Any]:
        """Return one map that takes the keys of several models."""
        properties: dict[str, Any] = {}
        required: list[str] = []
        for part in parts:
            name = by_model[(part, "validation")]["$ref"].rpartition("/")[2]
            properties = {**definitions[name].get("properties", {}), **properties}
            required += [key for key in definitions[name].get("required", []) if key not in required]
        properties |= fixed_keys
        result: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**result, "required": required} if required else result

    properties: dict[str, Any] = {section: whole(model) for section, model in fixed.items()}
    for name, face in registry.faces.items():
        instance = whole(face.settings)
        properties["faces"]["properties"][name] = {"type": "array", "items": instance} if face.is_list else instance
    for section, group in lists.items():
        options = [whole(model) for model in group]
        properties[section] = {"type": "array", "items": options[0] if len(options) == 1 else {"anyOf": options}}
    for section, kinds in _kinds(registry).items():
        options = [whole(DEVICE_PARTS[section], kind.settings, driver={"const": name}) for name, kind in kinds.items()]
        properties[section] = {"type": "array", "items": {"anyOf": options} if options else False}
    for name, model in registry.accounts.items():
        properties[name] = whole(AccountPart, model)
    properties["store"] = {"type": "string", "default": STORE_DEFAULT, "description": STORE_MEANING}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sunbox.yaml",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": definitions,
    }


def markdown(registry: Registry) -> str:
    """Return every key with its meaning, default and limits."""
    parts = [
        _section("site", SitePart),
        _section("places", PlacePart),
        _section("places, from a file", GeofencePart),
    ]
    parts += [_sections(name, AccountPart, model) for name, model in registry.accounts.items()]
    parts.append(_section("budget", BudgetPart))
    for section, kinds in _kinds(registry).items():
        parts.append(_sections(section, DEVICE_PARTS[section]))
        parts += [_sections(f"{section}, driver {name}", kind.settings) for name, kind in kinds.items()]
    parts.append(_section("circuits", CircuitPart))
    parts.append(_section("loadpoints", LoadpointPart))
    parts.append(_section("faces", FacesPart))
    parts += [_sections(f"faces.{name}", face.settings) for name, face in registry.faces.items()]
    parts.append(_section("journal", JournalPart))
    parts.append(f"### store\n\n{STORE_MEANING} Default: `{STORE_DEFAULT}`.\n")
    return "\n".join(parts)


def _kinds(registry: Registry) -> dict[str, Mapping[str, Any]]:
    return {"meters": registry.meters, "chargers": registry.chargers, "vehicles": registry.vehicles}


def _sections(title: str, *models: type[BaseModel]) -> str:
    """Return the section of a part and those of the maps inside it; the budget has its own."""
    inside: dict[type[BaseModel], list[str]] = {}
    for model in models:
        for key, info in model.model_fields.items():
            nested = model_in(info.annotation)
            if nested is not None and nested is not BudgetPart:
                inside.setdefault(nested, []).append(key)
    rows = [
        _section(title, *models),
        *(_section(f"{title}: {', '.join(keys)}", nested) for nested, keys in inside.items()),
    ]
    return "\n".join(rows)


def _section(title: str, *models: type[BaseModel]) -> str:
    """Return a heading, what the part is, and a table of its keys."""
    head = f"### {title}\n\n{_first_line(models[-1])}\n"
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    seen: set[str] = set()
    for model in models:
        for key, info in model.model_fields.items():
            if key in seen:
                continue
            seen.add(key)
            meaning = meaning_of(info).replace("|", "\\|")
            rows.append(f"| `{info.alias or key}` | {_value_text(key, info)} | {_default_text(info)} | {meaning} |")
    return head + "\n" + "\n".join(rows) + "\n"


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")


def _value_text(key: str, info: FieldInfo) -> str:
    words = [word for part in info.metadata for word in _words_of(part)]
    told = [part.json_schema_input_type for part in info.metadata if hasattr(part, "json_schema_input_type")]
    annotation = next((written for written in told if written is not PydanticUndefined), info.annotation)
    limits = allowed_text(key, info)
    return ", ".join([_type_text(annotation), *([limits] if limits else []), *(f"`{word}`" for word in words)])


def _words_of(part: Any) -> list[str]:
    """Return the words that a value may be instead of a number (model.py notes them in its JSON schema)."""
    schema = getattr(part, "json_schema", None) or {}
    return [option["const"] for option in schema.get("anyOf", []) if "const" in option]


_TYPE_TEXTS: dict[Any, str] = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
    SecretStr: "secret",
    FilePath: "file",
}


def _type_text(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type_text(arguments[0])
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(_type_text(part) for part in arguments if part is not type(None))
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in arguments)
    if origin is list or origin is tuple:
        return f"list of {_type_text(arguments[0])}"
    if origin is dict:
        return "map of secrets" if is_secret(annotation) else "map"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "map"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    return _TYPE_TEXTS.get(annotation, "value")


def _default_text(info: FieldInfo) -> str:
    if info.is_required():
        return "**needed**"
    default = info.default
    if default is None or default is PydanticUndefined or isinstance(default, BaseModel):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{getattr(default, 'value', default)}`"
