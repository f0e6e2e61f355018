"""The generated parts of docs/tlwb.md. `python -m tests.dialects.tlwb.tlwb_docs` writes them."""

from __future__ import annotations

from pathlib import Path

from tests.generated_docs import filled, table

from sunbox.core.reasons import TEMPLATES, ReasonCode, ReasonKind
from sunbox.dialects.tlwb.geofence import TAGS_BY_FLAG
from sunbox.dialects.tlwb.table import ENDPOINTS, ERRORS, FIELDS, PARAMETERS, WAIT
from sunbox.dialects.tlwb.wire import STATUS_ROWS, STATUSES_BY_REASON

DOCUMENT = Path(__file__).parents[3] / "docs" / "tlwb.md"


def _added(is_addition: bool) -> str:
    return "sunbox" if is_addition else "proposal"


def make_parts() -> dict[str, str]:
    """Return each generated part by its name."""
    return {
        "endpoints": table(
            "call | takes | what it does | from",
            (
                (
                    f"`{row.example}`",
                    ", ".join(f"`{parameter.name}`" for parameter in (*row.named, *filter(None, [row.value]), WAIT)),
                    row.help,
                    _added(row.is_addition),
                )
                for row in ENDPOINTS
            ),
        ),
        "parameters": table(
            "parameter | allowed | unit | meaning | from",
            (
                (f"`{row.name}`", row.allowed.partition(": ")[2], row.unit, row.help, _added(row.is_addition))
                for row in PARAMETERS
            ),
        ),
        "fields": table(
            "field | type | unit | range | meaning | source | null | from",
            (
                (
                    f"`{row.name}`",
                    row.type.value,
                    row.unit,
                    row.range,
                    row.help,
                    row.source,
                    "if not known" if row.nullable else "never",
                    _added(row.is_addition),
                )
                for row in FIELDS
            ),
        ),
        "status": table("`status` | when", ((int(row.status), row.help) for row in STATUS_ROWS)),
        "reasons": table(
            "kind | `reason` | `status` beside it",
            (
                (
                    kind.value,
                    f"`{TEMPLATES[code].text}`",
                    ", ".join(str(int(status)) for status in sorted(STATUSES_BY_REASON[code])),
                )
                for kind in ReasonKind
                for code in ReasonCode
                if TEMPLATES[code].kind is kind
            ),
        ),
        "errors": table("code | why", ((row.code, row.help) for row in ERRORS)),
        "flags": table("flag | tag of the place", ((f"`+{flag}`", f"`{tag}`") for flag, tag in TAGS_BY_FLAG.items())),
    }


def fill(text: str) -> str:
    """Return the document with its generated parts made anew."""
    return filled(text, make_parts(), DOCUMENT)


if __name__ == "__main__":
    DOCUMENT.write_text(fill(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
