"""The generated parts of docs/powerwall.md: the class from its docstrings, the differences and the calls from their tables.

`python -m tests.fleetapi.powerwall_docs` writes them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.generated_docs import filled

from sunbox.dialects.powerwall.table import ENDPOINTS, EnergyEndpoint, allowed_of
from sunbox.fleetapi import FleetAPI, errors
from sunbox.fleetapi.differences import DIFFERENCES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "powerwall.md"


def _signature(function: Callable[..., Any]) -> str:
    parameters = [
        each for each in inspect.signature(function).parameters.values() if each.name not in ("self", "clients")
    ]
    shown = []
    for each in parameters:
        has_default = each.default is not inspect.Parameter.empty
        shown.append(f"{each.name}={each.default!r}" if has_default else each.name)
    return ", ".join(shown)


def _returns(function: Callable[..., Any]) -> str:
    told = str(inspect.signature(function).return_annotation)
    return told if told not in ("None", "Self") else ""


def _text(docstring: str) -> str:
    """Return a docstring as Markdown: what it says, then its arguments as a list."""
    clean = inspect.cleandoc(docstring)
    head, _, rest = clean.partition("\n\nArgs:\n")
    arguments, _, raises = rest.partition("\n\nRaises:\n")
    if "\n\nRaises:\n" in head:
        head, _, raises = head.partition("\n\nRaises:\n")
    parts = [head]
    for word, lines in (("", arguments), ("Raises", raises)):
        rows = [re.sub(r"^    (\w+): ", r"- `\1`: ", line) for line in lines.splitlines() if line.strip()]
        if rows and word:
            parts.append(f"{word}:")
        if rows:
            parts.append("\n".join(row if row.startswith("- ") else "  " + row.strip() for row in rows))
    return "\n\n".join(parts)


def reference() -> str:
    """Return the class, function by function."""
    made = [
        _text(inspect.getdoc(FleetAPI) or ""),
        f"### `FleetAPI({_signature(FleetAPI.__init__)})`",
        re.sub(r"^- `clients`.*\n", "", _text(inspect.getdoc(FleetAPI.__init__) or ""), flags=re.MULTILINE),
    ]
    for name, value in vars(FleetAPI).items():
        if name.startswith("_"):
            continue
        if isinstance(value, property):
            made += [f"### `{name}`", _text(inspect.getdoc(value) or "")]
        elif callable(value):
            returned = _returns(value)
            heading = f"### `{name}({_signature(value)})`" + (f" → `{returned}`" if returned else "")
            made += [heading, _text(inspect.getdoc(value) or "")]
    return "\n\n".join(made) + "\n"


def failures() -> str:
    """Return the tree of errors."""
    tree = (errors.__doc__ or "").partition("\n\n")[2].partition("\n\n")[0]
    return f"```\n{tree}\n```\n"


def differences() -> str:
    """Return the table of what differs on purpose."""
    lines = ["| what | pypowerwall | here |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {row.about} | {row.theirs} | {row.ours} |" for row in DIFFERENCES)]) + "\n"


def _fields(row: EnergyEndpoint) -> str:
    return "; ".join(f"`{field.name}`: {allowed_of(field)}" for field in (*row.fields, *row.query))


def calls() -> str:
    """Return the table of calls."""
    lines = ["| call | what it does | takes |", "|---|---|---|"]
    for row in ENDPOINTS:
        mark = "" if row.is_documented else " (not documented by Tesla)"
        lines.append(f"| {row.method} `{row.path}` | {row.help}{mark} | {_fields(row)} |")
    return "\n".join(lines) + "\n"


PARTS: dict[str, Callable[[], str]] = {
    "class": reference,
    "errors": failures,
    "differences": differences,
    "calls": calls,
}


def fill(text: str) -> str:
    """Return the document with its generated parts as the code has them."""
    parts = {name: make().removesuffix("\n") for name, make in PARTS.items()}
    return filled(text, parts, DOCUMENT, made_from="code")


if __name__ == "__main__":
    DOCUMENT.write_text(fill(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
