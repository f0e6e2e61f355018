"""Commands with a body, both ways: what a client may write into it, and what is sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sunbox.core.commands import ONE_SHOTS, Command, Detail
from sunbox.dialects.tesla.table import COMMANDS, Endpoint, Field, FieldType

DAYS = ("Sun", "Mon", "Tues", "Wed", "Thurs", "Fri", "Sat")
DAY_GROUPS = ("All", "Weekdays")
"""Words of `days_of_week` (`vehicle-command:pkg/proxy/command.go`)."""

ORDERS: dict[str, Endpoint] = {row.name: row for row in COMMANDS if row.core in ONE_SHOTS}
"""The commands that are sent once as they are; the others change the wish."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A body that cannot be sent: which field, its value, what is allowed."""

    field: str
    value: str
    allowed: str


def fields_to_wire(row: Endpoint, command: Command) -> dict[str, Any]:
    """Return the body of a command."""
    if command.name in ONE_SHOTS:
        return dict(command.details)
    return {field.name: command.value for field in row.fields[:1]}


def order_from_wire(row: Endpoint, body: Mapping[str, Any]) -> Command | Wrong:
    """Return the command that a body asks for. Numbers may be written as text, unknown fields are mistakes."""
    assert row.core is not None  # noqa: S101 - rows of ORDERS have one
    known = {field.name: field for field in row.fields}
    for name in body:
        if name not in known:
            return Wrong(str(name)[:40], str(body[name])[:40], f"one of {', '.join(known)}" if known else "no fields")
    details: list[tuple[str, Detail]] = []
    for field in row.fields:
        value = body.get(field.name)
        if value is None:
            if field.required:
                return Wrong(field.name, "nothing", allowed_of(field))
            continue
        parsed = _parsed(field, value)
        if parsed is None:
            return Wrong(field.name, str(value)[:40], allowed_of(field))
        details.append((field.name, parsed))
    return Command(row.core, details=tuple(details))


def allowed_of(field: Field) -> str:
    """Return in words what a field may be."""
    if field.type is FieldType.BOOL:
        return "true or false"
    if field.name == "days_of_week":
        return f"{', '.join(DAY_GROUPS)}, or of {','.join(DAYS)}"
    if field.type is FieldType.TEXT:
        return f"a text of at most {field.high} characters"
    what = "a whole number" if field.type is FieldType.INT else "a number"
    words = f"{what} from {field.low} to {field.high}"
    return f"{words} ({field.help})" if field.help else words


def _parsed(field: Field, value: object) -> Detail | None:
    match field.type:
        case FieldType.BOOL:
            words = {"true": True, "false": False}
            return value if isinstance(value, bool) else words.get(value.lower()) if isinstance(value, str) else None
        case FieldType.TEXT:
            return _text(field, value)
        case _:
            return _number(field, value)


def _text(field: Field, value: object) -> str | None:
    if not isinstance(value, str) or len(value) > (field.high or 0) or not value.isprintable():
        return None
    if field.name != "days_of_week" or value in DAY_GROUPS:
        return value
    days = [day.strip() for day in value.split(",")]
    return ",".join(days) if all(day in DAYS for day in days) and len(set(days)) == len(days) else None


def _number(field: Field, value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number) or not (field.low or 0) <= number <= (field.high or 0):
        return None
    if field.type is FieldType.FLOAT:
        return number
    return int(number) if number.is_integer() else None
