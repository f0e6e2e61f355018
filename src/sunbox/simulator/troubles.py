"""What goes wrong in a usual week with a maker's cloud or a wallbox: a few faults a day, seeded, by day when it matters."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of trouble: how often it comes, and the fault that it is.

    One with a `kind` is a cloud's (`faults.KINDS`), another a change of each wallbox (`BOX_ROWS` of its kind).
    """

    per_week: float
    fault: dict[str, Any] = field(default_factory=dict)


FROM_H, UNTIL_H = 6.0, 21.0
"""Local hours within which it comes: at night nobody would notice."""

OVER_CLOUD: tuple[Trouble, ...] = (
    Trouble(3, {"kind": "asleep"}),
    Trouble(1, {"kind": "asleep_while_online", "duration_s": 120}),
    Trouble(1, {"kind": "rate_limited", "retry_after_s": 60}),
    Trouble(1, {"kind": "rate_limited", "retry_after_s": 120, "as_text": True}),
    Trouble(1, {"kind": "rate_limited"}),
    Trouble(3, {"kind": "server_error", "status": 503}),
    Trouble(2, {"kind": "server_error", "status": 500, "html": True}),
    Trouble(2, {"kind": "server_error", "status": 504, "applied": True}),
    Trouble(1, {"kind": "server_error", "status": 504}),
    Trouble(1, {"kind": "server_error", "status": 540}),
    Trouble(3, {"kind": "lost_reply"}),
    Trouble(2, {"kind": "slow", "delay_s": 25}),
    Trouble(1, {"kind": "html_ok", "applied": True}),
    Trouble(2, {"kind": "busy"}),
    Trouble(2, {"kind": "token_expired"}),
    Trouble(1, {"kind": "proxy_asleep"}),
    Trouble(1, {"kind": "in_service"}),
    Trouble(1, {"kind": "stale_data"}),
)
OVER_BLUETOOTH: tuple[Trouble, ...] = (
    Trouble(5, {"kind": "ble_out_of_range"}),
    Trouble(4, {"kind": "ble_not_connected"}),
    Trouble(2, {"kind": "ble_timeout"}),
    Trouble(2, {"kind": "ble_timeout", "applied": True}),
    Trouble(2, {"kind": "ble_lost_reply"}),
    Trouble(1, {"kind": "ble_out_of_range", "duration_s": 1800}),
)
AT_GOE: tuple[Trouble, ...] = (
    Trouble(7, {"busy_s": 5}),
    Trouble(3, {"busy_s": 60}),
    Trouble(2, {"reboot": True}),
    Trouble(2, {"lose_wifi_s": 600}),
    Trouble(4, {"lose_wifi_s": 20}),
    Trouble(3, {"lose_force": True}),
)
AT_SMARTEVSE: tuple[Trouble, ...] = (
    Trouble(7, {"busy_s": 5}),
    Trouble(3, {"busy_s": 60}),
    Trouble(2, {"reboot": True}),
    Trouble(2, {"lose_wifi_s": 600}),
    Trouble(4, {"lose_wifi_s": 20}),
    Trouble(2, {"lose_mains_s": 30}),
)


def troubles(
    seed: int, timezone: tzinfo, from_at: datetime, until_at: datetime, kinds: tuple[Trouble, ...] = OVER_CLOUD
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Yield what goes wrong from one instant to another, in the order of time: each kind about as often as it says."""
    day = from_at.astimezone(timezone).date()
    while datetime.combine(day, time(), timezone) < until_at:
        for at, fault in sorted(_of_day(seed, timezone, day, kinds), key=lambda row: row[0]):
            if from_at <= at < until_at:
                yield at, fault
        day += timedelta(days=1)


def _of_day(
    seed: int, timezone: tzinfo, day: date, kinds: tuple[Trouble, ...]
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    rng = random.Random(f"{seed}/{day.isoformat()}/troubles")
    midnight = datetime.combine(day, time(), timezone).astimezone(UTC)
    for kind in kinds:
        count = int(kind.per_week // 7) + (rng.random() < (kind.per_week % 7) / 7)
        for _ in range(count):
            yield midnight + timedelta(hours=rng.uniform(FROM_H, UNTIL_H)), kind.fault
