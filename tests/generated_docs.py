"""Parts of documents that are made from tables of the code: rows as Markdown, and their place between two comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path


def table(head: str, rows: Iterable[Iterable[object]]) -> str:
    """Return a table; `head` are its columns between bars."""
    columns = head.split("|")
    lines = ["| " + " | ".join(column.strip() for column in columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def filled(text: str, parts: Mapping[str, str], document: Path, *, made_from: str = "table") -> str:
    """Return a document with its generated parts made anew.

    Raises:
        ValueError: it lacks one.
    """
    for name, part in parts.items():
        begin, end = f"<!-- {name}: made from the {made_from} -->", f"<!-- end of {name} -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"{document.name} has no part {name!r}")
        text = pattern.sub(lambda _, whole=f"{begin}\n{part}\n{end}": whole, text)
    return text
