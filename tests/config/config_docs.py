"""What docs/configuration.md says of the keys: `python tests/config/config_docs.py` writes the part that the models know."""

from __future__ import annotations

from pathlib import Path

from sunbox.app import REGISTRY
from sunbox.config.reference import markdown

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
BEGIN, END = "<!-- reference: made from the models -->", "<!-- end of reference -->"


def with_reference(text: str) -> str:
    """Return the document with its reference as the models have it now."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{markdown(REGISTRY)}{END}{tail}"


if __name__ == "__main__":
    DOCUMENT.write_text(with_reference(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
