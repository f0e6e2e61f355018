"""Where Tesla draws the line: requests per device and minute, scopes of a login, and the region that serves an account."""

from __future__ import annotations

import math
from collections import deque
from datetime import datetime, timedelta

from sunbox.core.commands import RequestKind
from sunbox.dialects.powerwall import table as energy
from sunbox.dialects.tesla.table import COMMANDS, SCOPES, VEHICLE, VEHICLE_DATA, VEHICLES, WAKE_UP

RATE_WINDOW_S = 60.0
RATE_LIMITS: dict[RequestKind, int] = {RequestKind.DATA: 60, RequestKind.COMMAND: 30, RequestKind.WAKE: 3}
"""Requests per device and minute (tescmd `client.py`, citing Tesla's page)."""

ALL_SCOPES = frozenset(SCOPES.split()) | frozenset(energy.SCOPES.split())
LOCATION_SCOPE = "vehicle_location"
_READING = frozenset({"vehicle_device_data"})
_COMMANDING = frozenset({"vehicle_cmds", "vehicle_charging_cmds"})
NEEDED_SCOPES: dict[str, frozenset[str]] = {
    **dict.fromkeys((VEHICLES.name, VEHICLE.name, VEHICLE_DATA.name), _READING),
    **dict.fromkeys((WAKE_UP.name, *(row.name for row in COMMANDS)), _COMMANDING),
    energy.PRODUCTS.name: _READING | {energy.READ_SCOPE},
    **{row.name: frozenset({energy.READ_SCOPE}) for row in energy.READS},
    **{row.name: frozenset({energy.WRITE_SCOPE}) for row in energy.WRITES},
}
"""Any one of them lets a call through. Whether Tesla takes `vehicle_charging_cmds` alone for charging is not known; here it does."""


class RateLimits:
    """How many requests came for each device lately."""

    def __init__(self) -> None:
        self._recent: dict[tuple[str, RequestKind], deque[datetime]] = {}

    def take(self, device: str, kind: RequestKind, at: datetime) -> bool:
        """Count a request and return True, or return False: there are none left for this device."""
        recent = self._lately(device, kind, at)
        if len(recent) >= RATE_LIMITS[kind]:
            return False
        recent.append(at)
        return True

    def headers(self, device: str, kind: RequestKind, at: datetime) -> dict[str, str]:
        """Return what the headers of an answer say: the limit, what is left of it, and until when in seconds."""
        recent = self._lately(device, kind, at)
        spent_at = recent[0] if recent else at
        reset_s = RATE_WINDOW_S - (at - spent_at).total_seconds()
        return {
            "RateLimit-Limit": str(RATE_LIMITS[kind]),
            "RateLimit-Remaining": str(RATE_LIMITS[kind] - len(recent)),
            "RateLimit-Reset": str(math.ceil(reset_s)),
        }

    def _lately(self, device: str, kind: RequestKind, at: datetime) -> deque[datetime]:
        recent = self._recent.setdefault((device, kind), deque())
        horizon_at = at - timedelta(seconds=RATE_WINDOW_S)
        while recent and recent[0] <= horizon_at:
            recent.popleft()
        return recent
