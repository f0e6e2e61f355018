"""What Tesla would charge: every request counted by class, per local day and month and in all, and the last 1,000 of them."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from sunbox.core.commands import RequestKind
from sunbox.dialects.tesla.table import PRICES

KEPT_REQUESTS = 1000
BILLED_BELOW = 500
"""Every answer below is billed, also 408 and 429 (Tesla's billing page)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request. `status` None: the answer never came. Bodies hold no secrets."""

    at: datetime
    method: str
    path: str
    endpoint: str  #: name of its row, "" if there is none
    kind: RequestKind | None  #: None: free of charge and of limits (tokens, lists)
    body: Any
    status: int | None
    is_billed: bool
    vin: str | None = None  #: of the car that it is about

    def to_json(self) -> dict[str, Any]:
        """Return it for people."""
        return {
            "at": self.at.isoformat(timespec="milliseconds"),
            "method": self.method,
            "path": self.path,
            "endpoint": self.endpoint,
            "kind": "free" if self.kind is None else self.kind.value,
            "body": self.body,
            "status": self.status,
            "billed": self.is_billed,
        }


@dataclass(slots=True)
class Counts:
    """Billed requests by class, and all that came."""

    billed: dict[RequestKind, int] = field(default_factory=lambda: dict.fromkeys(RequestKind, 0))
    received: int = 0
    calls: Counter[str] = field(default_factory=Counter)  #: all that came, by name of the row

    @property
    def dollars(self) -> float:
        """Return what they cost in dollars."""
        return sum(count * PRICES[kind] for kind, count in self.billed.items())

    def add(self, request: Received) -> None:
        """Count one request."""
        self.received += 1
        self.calls[request.endpoint or "unknown"] += 1
        if request.is_billed and request.kind is not None:
            self.billed[request.kind] += 1

    def to_json(self) -> dict[str, Any]:
        """Return it for people. `state` is counted, and costs nothing."""
        counts: dict[str, Any] = {kind.value: count for kind, count in self.billed.items()}
        return {**counts, "received": self.received, "dollars": round(self.dollars, 6), "calls": dict(self.calls)}


class Bill:
    """The account's bill."""

    def __init__(self, timezone: tzinfo) -> None:
        self._timezone = timezone
        self.total = Counts()
        self.days: dict[str, Counts] = {}
        self.months: dict[str, Counts] = {}
        self.cars: dict[str, Counts] = {}  #: by VIN
        self.requests: deque[Received] = deque(maxlen=KEPT_REQUESTS)

    def add(self, request: Received) -> None:
        """Count one request on the local day on which it came."""
        self.requests.append(request)
        self.total.add(request)
        day = request.at.astimezone(self._timezone).date().isoformat()
        self.days.setdefault(day, Counts()).add(request)
        self.months.setdefault(day[:7], Counts()).add(request)
        if request.vin is not None:
            self.cars.setdefault(request.vin, Counts()).add(request)

    def month_dollars(self, at: datetime) -> float:
        """Return what the calendar month of an instant has cost so far."""
        month = self.months.get(at.astimezone(self._timezone).date().isoformat()[:7])
        return 0.0 if month is None else month.dollars

    def count(self, kind: RequestKind) -> int:
        """Return how many requests of a class were billed in all."""
        return self.total.billed[kind]

    def to_json(self) -> dict[str, Any]:
        """Return total, months and days."""
        return {
            "total": self.total.to_json(),
            "months": {month: counts.to_json() for month, counts in self.months.items()},
            "days": {day: counts.to_json() for day, counts in self.days.items()},
        }
