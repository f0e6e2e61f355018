"""Parameters: read from the query alone, never from a body; the first of a name counts."""

from __future__ import annotations

from sunbox.dialects.query import query_items

MOST_VALUE_BYTES = 2048
"""Of one value; a longer one is as if it were not there."""
MOST_QUERY_BYTES = 8192
"""A query that is longer is not read."""


def parameters_from_query(query: str, *, empty_counts: bool = True) -> dict[str, str]:
    """Return the parameters by name.

    Args:
        query: what stands behind the question mark.
        empty_counts: `?x=` is a parameter, as since 3.7.
    """
    found: dict[str, str] = {}
    for name, value in query_items(query):
        if name is None or name in found or len(value.encode()) >= MOST_VALUE_BYTES:
            continue
        if value or empty_counts:
            found[name] = value
    return found
