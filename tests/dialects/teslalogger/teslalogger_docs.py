"""The generated parts of docs/teslalogger.md. `python -m tests.dialects.teslalogger.teslalogger_docs` writes them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.generated_docs import filled, table

from sunbox.dialects.teslalogger.table import COMMANDS, KEYS, NOT_SENT, Key

DOCUMENT = Path(__file__).parents[3] / "docs" / "teslalogger.md"


def _unknown(key: Key) -> str:
    return "" if key.unknown is None else f"`{json.dumps(key.unknown)}`"


def make_parts() -> dict[str, str]:
    """Return each generated part by its name."""
    return {
        "keys": table(
            "key | type | unit | meaning | while not known",
            ((f"`{key.name}`", key.type.value, key.unit, key.help, _unknown(key)) for key in KEYS),
        ),
        "commands": table(
            "call | takes | what it does", ((f"`{row.example}`", row.takes.value, row.help) for row in COMMANDS)
        ),
        "refused": "\n".join(f"- `{name}`" for name in NOT_SENT),
    }


def fill(text: str) -> str:
    """Return the document with its generated parts made anew."""
    return filled(text, make_parts(), DOCUMENT)


if __name__ == "__main__":
    DOCUMENT.write_text(fill(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
