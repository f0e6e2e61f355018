"""Parameters: read from the query alone, never from a body; the first of a name counts, however it is written.

Source: mongoose, which serves since 3.6: `mg_http_var` compares names without their case and ends at the first, and a value that
`mg_url_decode` cannot read, or that is too long, is as if it were not there.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

MOST_VALUE_BYTES = 2048
"""Of one value; a longer one is as if it were not there."""
MOST_QUERY_BYTES = 8192
"""A query that is longer is not read."""

_WITH_CAPITALS = {name.lower(): name for name in ("enable_C2", "L1", "L2", "L3", "R", "G", "B")}
_BAD_ESCAPE = re.compile("%(?![0-9a-fA-F]{2})")


def parameters_from_query(query: str, *, empty_counts: bool = True) -> dict[str, str]:
    """Return the parameters by name.

    Args:
        query: what stands behind the question mark.
        empty_counts: `?x=` is a parameter, as since 3.7.
    """
    found: dict[str, str | None] = {}
    for piece in query.split("&"):
        written, equals, text = piece.partition("=")
        if not equals:
            continue
        lower = unquote_plus(written).lower()
        name = _WITH_CAPITALS.get(lower, lower)
        if name not in found:
            found[name] = None if _BAD_ESCAPE.search(text) else unquote_plus(text)
    return {
        name: value
        for name, value in found.items()
        if value is not None and len(value.encode()) < MOST_VALUE_BYTES and (value or empty_counts)
    }
