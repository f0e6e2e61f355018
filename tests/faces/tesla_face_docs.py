"""The generated part of docs/tesla-face.md. `python tests/faces/tesla_face_docs.py` writes it."""

from __future__ import annotations

import re
from pathlib import Path

from sunbox.dialects.tesla.orders import ORDERS, allowed_of
from sunbox.dialects.tesla.table import COMMANDS, Endpoint, Field

DOCUMENT = Path(__file__).parents[2] / "docs" / "tesla-face.md"
_PART = re.compile(r"(<!-- commands: made from the table -->\n).*?(<!-- end of commands -->)", re.DOTALL)


def _field(field: Field) -> str:
    words = f"`{field.name}` {allowed_of(field)}"
    return words if field.required else f"[{words}]"


def _row(row: Endpoint) -> str:
    fields = "; ".join(_field(field) for field in row.fields)
    return f"| `{row.name}` | {fields} | {row.help} | {'order' if row.name in ORDERS else 'wish'} |"


def fill(text: str) -> str:
    """Return the document with its generated part as the table has it."""
    lines = [
        "| `POST …/command/` | fields, [not needed] | what it does | as |",
        "|---|---|---|---|",
        *map(_row, COMMANDS),
    ]
    return _PART.sub(lambda found: found[1] + "\n".join(lines) + "\n" + found[2], text)


if __name__ == "__main__":
    DOCUMENT.write_text(fill(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
