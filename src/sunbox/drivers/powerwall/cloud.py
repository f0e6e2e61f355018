"""One energy site through Tesla's cloud: reads that are kept for a moment, writes and what is known of their end, and the bill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2

from sunbox.clock import Clock
from sunbox.core.commands import Cause, RequestKind
from sunbox.dialects.powerwall import table
from sunbox.dialects.powerwall.facts import LiveStatus, Product, SiteInfo
from sunbox.dialects.powerwall.table import BILLED_BELOW, EnergyEndpoint, request_to_wire
from sunbox.dialects.tesla.outcomes import Failed, read_failure_from_wire
from sunbox.dialects.tesla.wire import document_from_wire
from sunbox.drivers.tesla.client import Answered, TeslaClient, Unanswered

KEPT_S = 5.0
"""An answer is good for so long: who asks again meanwhile costs nothing (pypowerwall's habit)."""

NOT_NOW = frozenset({Cause.RATE_LIMITED, Cause.LIMIT_EXCEEDED, Cause.LOGIN_REQUIRED, Cause.BUSY})
"""Refusals that are the service's and not the site's: as if it had never been sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How telling the site something ended."""

    is_taken: bool  #: it said yes, which proves nothing
    may_be_done: bool  #: something may come of it
    was_sent: bool = True  #: it came as far as the site
    failed: Failed | None = None


class CloudSite:
    """One site."""

    def __init__(self, site: int, client: TeslaClient, clock: Clock) -> None:
        self.site = site
        self.billed: Counter[RequestKind] = Counter()  #: requests that Tesla may charge for, since the start
        self.tell_billed: Callable[[RequestKind, int], None] | None = None  #: is told of each, whoever wanted it
        self._client = client
        self._clock = clock
        self._kept: dict[str, tuple[datetime, Any]] = {}

    async def live(self) -> LiveStatus | Failed:
        """Return what flows."""
        found = await self._read(table.LIVE_STATUS)
        assert isinstance(found, LiveStatus | Failed)  # noqa: S101 - the row's parser
        return found

    async def info(self) -> SiteInfo | Failed:
        """Return how it is set."""
        found = await self._read(table.SITE_INFO)
        assert isinstance(found, SiteInfo | Failed)  # noqa: S101 - the row's parser
        return found

    async def products(self) -> tuple[Product, ...] | Failed:
        """Return the account's sites, which is free."""
        found: tuple[Product, ...] | Failed = await self._read(table.PRODUCTS)
        return found

    async def write(self, row: EnergyEndpoint, fields: Mapping[str, Any]) -> Written:
        """Tell the site something."""
        self._kept.clear()
        request = request_to_wire(row, self.site, fields=fields)
        answer = await self._client.call(row, str(self.site), request.body)
        self._count(row, answer)
        if isinstance(answer, Unanswered):
            failed = Failed(
                cause=answer.cause, detail=answer.detail, retry_after_s=answer.retry_after_s, billed=answer.billed
            )
            return Written(is_taken=False, may_be_done=answer.was_sent, was_sent=answer.was_sent, failed=failed)
        if answer.status != httpx2.codes.OK:
            failed = read_failure_from_wire(answer.status, answer.headers, answer.body)
            if failed.cause in NOT_NOW:
                return Written(is_taken=False, may_be_done=False, was_sent=False, failed=failed)
            return Written(is_taken=False, may_be_done=_may_be_done(answer.status), failed=failed)
        try:
            reply = row.parser(document_from_wire(answer.body))
        except ValueError:
            return Written(is_taken=True, may_be_done=True)  # 200 with nothing to read: reading back tells
        if reply.is_accepted:
            return Written(is_taken=True, may_be_done=True)
        failed = Failed(cause=Cause.REFUSED, detail=reply.message or f"code {reply.code}")
        may_be_done = reply.code is not None and _may_be_done(reply.code)
        return Written(is_taken=False, may_be_done=may_be_done, failed=failed)

    def forget(self) -> None:
        """Have the next read ask the site."""
        self._kept.clear()

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def _read(self, row: EnergyEndpoint) -> Any:
        kept = self._kept.get(row.name)
        now = self._clock.now()
        if kept is not None and (now - kept[0]).total_seconds() < KEPT_S:
            return kept[1]
        answer = await self._client.call(row, str(self.site))
        self._count(row, answer)
        if isinstance(answer, Unanswered):
            return Failed(
                cause=answer.cause, detail=answer.detail, retry_after_s=answer.retry_after_s, billed=answer.billed
            )
        if answer.status != httpx2.codes.OK:
            return read_failure_from_wire(answer.status, answer.headers, answer.body)
        try:
            found = row.parser(document_from_wire(answer.body))
        except ValueError as error:
            return Failed(cause=Cause.BAD_ANSWER, detail=str(error))
        self._kept[row.name] = (self._clock.now(), found)
        return found

    def _count(self, row: EnergyEndpoint, answer: Answered | Unanswered) -> None:
        """Count what may be billed: every answer below 500."""
        if row.bills is None:
            return
        if isinstance(answer, Unanswered):
            count = answer.billed
        else:
            count = answer.billed_before + (answer.status < BILLED_BELOW)
        self.billed[row.bills] += count
        if count and self.tell_billed is not None:
            self.tell_billed(row.bills, count)


def _may_be_done(code: int) -> bool:
    """Return whether something may come of a write in spite of this answer: only a plain refusal says no."""
    return code == httpx2.codes.REQUEST_TIMEOUT or not 400 <= code < BILLED_BELOW
