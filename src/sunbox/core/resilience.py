"""Waiting before the next try, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from `first_s` up to `most_s`. Deterministic: there is one gateway per car, so no herd to spread."""

    first_s: float
    most_s: float

    def wait_s(self, failures: int) -> float:
        """Return the wait after `failures` failures in a row (1 = the first)."""
        return min(self.first_s * 2.0 ** min(max(failures - 1, 0), 30), self.most_s)


@dataclass(frozen=True, slots=True)
class Breaker:
    """One of several ways that failed rests, so that the next request takes another one at once; then it is tried again."""

    rests_until_at: datetime | None = None

    def is_resting(self, at: datetime) -> bool:
        """Return whether it should not be the first choice at `at`."""
        return self.rests_until_at is not None and at < self.rests_until_at

    def failed(self, at: datetime, rest_s: float) -> Breaker:
        """Return it after a failure."""
        return Breaker(at + timedelta(seconds=rest_s))


DELIVERY = Backoff(5.0, 900.0)
"""For requests that did not get through."""

WAKE = Backoff(300.0, 7200.0)
"""For wakes that brought nothing: the most expensive request there is."""

START = Backoff(120.0, 3600.0)
"""For starts that were taken and brought no current."""
