"""The generated part of docs/metrics.md. `python -m tests.faces.metrics_docs` writes it."""

from __future__ import annotations

from pathlib import Path

from tests.generated_docs import filled, table

from sunbox.faces.metrics.table import PARTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def fill(text: str) -> str:
    """Return the document with its generated part as the table has it."""
    rows = []
    for part in PARTS:
        for metric in part.metrics:
            labels = (*([] if part.label is None else [part.label]), *metric.labels)
            rows.append((f"`{metric.name}`", ", ".join(f"`{label}`" for label in labels), metric.help))
    return filled(text, {"metrics": table("metric | labels | what it tells", rows)}, DOCUMENT)


if __name__ == "__main__":
    DOCUMENT.write_text(fill(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
