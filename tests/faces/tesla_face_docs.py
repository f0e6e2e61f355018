"""The generated part of docs/tesla-face.md. `python -m tests.faces.tesla_face_docs` writes it."""

from __future__ import annotations

from pathlib import Path

from tests.generated_docs import filled, table

from sunbox.dialects.tesla.orders import ORDERS, allowed_of
from sunbox.dialects.tesla.table import COMMANDS, Endpoint, Field

DOCUMENT = Path(__file__).parents[2] / "docs" / "tesla-face.md"


def _field(field: Field) -> str:
    words = f"`{field.name}` {allowed_of(field)}"
    return words if field.required else f"[{words}]"


def _row(row: Endpoint) -> tuple[str, ...]:
    fields = "; ".join(_field(field) for field in row.fields)
    return f"`{row.name}`", fields, row.help, "order" if row.name in ORDERS else "wish"


def fill(text: str) -> str:
    """Return the document with its generated part as the table has it."""
    head = "`POST …/command/` | fields, [not needed] | what it does | as"
    return filled(text, {"commands": table(head, map(_row, COMMANDS))}, DOCUMENT)


if __name__ == "__main__":
    DOCUMENT.write_text(fill(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
