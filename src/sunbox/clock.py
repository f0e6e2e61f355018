"""The only source of the time of day. Waiting goes through asyncio, whose loop may be virtual or scaled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the instant, UTC-aware."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the instant, UTC-aware."""
        return datetime.now(UTC)
