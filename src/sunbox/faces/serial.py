"""The serial number of what a loadpoint is seen as: six digits made of its id, the same for ever and on every machine."""

from __future__ import annotations

import hashlib


def serial_of(loadpoint_id: str) -> str:
    """Return the serial number of a loadpoint's box: six digits, the same for ever."""
    digest = hashlib.sha256(loadpoint_id.encode()).digest()
    return str(100_000 + int.from_bytes(digest[:8]) % 900_000)
