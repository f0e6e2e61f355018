"""The generated parts of docs/teslalogger.md. `python tests/dialects/teslalogger/teslalogger_docs.py` writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from sunbox.dialects.teslalogger.table import COMMANDS, KEYS, NOT_SENT, Key

DOCUMENT = Path(__file__).parents[3] / "docs" / "teslalogger.md"


def _table(head: str, rows: Iterable[Iterable[object]]) -> str:
    columns = head.split("|")
    lines = ["| " + " | ".join(column.strip() for column in columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _unknown(key: Key) -> str:
    return "" if key.unknown is None else f"`{json.dumps(key.unknown)}`"


def make_parts() -> dict[str, str]:
    """Return each generated part by its name."""
    return {
        "keys": _table(
            "key | type | unit | meaning | while not known",
            ((f"`{key.name}`", key.type.value, key.unit, key.help, _unknown(key)) for key in KEYS),
        ),
        "commands": _table(
            "call | takes | what it does", ((f"`{row.example}`", row.takes.value, row.help) for row in COMMANDS)
        ),
        "refused": "\n".join(f"- `{name}`" for name in NOT_SENT),
    }


def fill(text: str) -> str:
    """Return the document with its generated parts made anew."""
    for name, part in make_parts().items():
        begin, end = f"<!-- {name}: made from the table -->", f"<!-- end of {name} -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"{DOCUMENT.name} has no part {name!r}")
        text = pattern.sub(lambda _, whole=f"{begin}\n{part}\n{end}": whole, text)
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(fill(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
