"""The generated part of docs/metrics.md. `python tests/faces/metrics_docs.py` writes it."""

from __future__ import annotations

import re
from pathlib import Path

from sunbox.faces.metrics.table import PARTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
_PART = re.compile(r"(<!-- metrics: made from the table -->\n).*?(<!-- end of metrics -->)", re.DOTALL)


def fill(text: str) -> str:
    """Return the document with its generated part as the table has it."""
    lines = ["| metric | labels | what it tells |", "|---|---|---|"]
    for part in PARTS:
        for metric in part.metrics:
            labels = (*([] if part.label is None else [part.label]), *metric.labels)
            lines.append(f"| `{metric.name}` | {', '.join(f'`{label}`' for label in labels)} | {metric.help} |")
    return _PART.sub(lambda found: found[1] + "\n".join(lines) + "\n" + found[2], text)


if __name__ == "__main__":
    DOCUMENT.write_text(fill(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
