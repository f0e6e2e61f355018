"""Queries and forms as clients write them, with bare values (`?16`), and foreign words as they are shown again."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote_plus

_SHOWN_CHARS = 40


def shown(text: str) -> str:
    """Return what a client sent, quoted and no longer than a line of a log can bear."""
    return repr(text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…")


def query_items(text: str) -> Iterable[tuple[str | None, str]]:
    """Yield (key, value) of a query or form; key None = a bare value. Empty pieces (`?`, `a&&b`) are nothing."""
    for piece in text.split("&"):
        if piece:
            key, equals, value = piece.partition("=")
            if equals:
                yield unquote_plus(key), unquote_plus(value)
            else:
                yield None, unquote_plus(key)
