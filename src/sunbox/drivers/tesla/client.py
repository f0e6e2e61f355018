"""One call to Tesla: the row of the table, the bearer token, one renewal when it is refused, and an exact count of the bill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from sunbox.core.commands import Cause
from sunbox.dialects.tesla.outcomes import WRONG_REGION, base_url_from_wire
from sunbox.dialects.tesla.table import VEHICLE_DATA, VEHICLE_DATA_ENDPOINTS, Endpoint
from sunbox.dialects.tesla.wire import read_failure_from_wire
from sunbox.drivers.tesla.settings import may_follow
from sunbox.drivers.tesla.tokens import TeslaAccount, TokenError
from sunbox.net.http import AnswerRefusedError, ClientFactory, describe, was_sent

QUERIES: dict[Endpoint, dict[str, str]] = {VEHICLE_DATA: {"endpoints": VEHICLE_DATA_ENDPOINTS}}
"""What is written behind the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer came, whatever it says."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    billed_before: int  #: requests of this call that were charged for before this answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """No answer came."""

    was_sent: bool  #: the vehicle may have done it
    cause: Cause
    detail: str
    retry_after_s: float | None = None
    billed: int = 0


class TeslaClient:
    """Calls about one account's vehicles at one address."""

    def __init__(
        self, account: TeslaAccount, clients: ClientFactory, base_url: str | None = None, *, is_proxy: bool = False
    ) -> None:
        """`base_url` None = the account's, which is looked up at the first call, because its file may not exist before.

        What a proxy says of regions is its own business: who went to Tesla instead would go unsigned.
        """
        self._account = account
        self._clients = clients
        self._base_url = base_url
        self._is_proxy = is_proxy
        self._url: str | None = None  #: where it is now
        self._client: httpx2.AsyncClient | None = None

    async def call(self, row: Endpoint, vin: str, fields: Mapping[str, Any] | None = None) -> Answered | Unanswered:
        """Carry out one row of a table for one vehicle, or for the energy site of this number.

        A refused access token is renewed, and a request to the wrong region is sent to the right one: the request is repeated
        once, and both are charged for.
        """
        price = 0 if row.bills is None else 1
        try:
            token = await self._account.access_token()
            answer = await self._exchange(row, vin, fields, token, billed_before=0)
        except TokenError as error:
            return _without_token(error, billed=0)
        if not isinstance(answer, Answered):
            return answer
        billed = price
        try:
            if answer.status == WRONG_REGION:
                if not await self._moved(answer):
                    return answer
            elif self._is_stale(answer):
                token = await self._account.renew(token)
            else:
                return answer
        except TokenError as error:
            return _without_token(error, billed=billed)
        return await self._exchange(row, vin, fields, token, billed_before=billed)

    @staticmethod
    def _is_stale(answer: Answered) -> bool:
        """Return whether the access token was refused; at other times it is right, and something else is not allowed."""
        if answer.status != httpx2.codes.UNAUTHORIZED:
            return False
        return read_failure_from_wire(answer.status, answer.headers, answer.body).cause is Cause.LOGIN_REQUIRED

    async def _moved(self, answer: Answered) -> bool:
        """Go where an answer 421 sends us, if that is Tesla's; return whether there is another address now."""
        url = base_url_from_wire(answer.headers, answer.body)
        now_url = self._url or ""
        if self._is_proxy or url is None or url == now_url or not may_follow(now_url, url):
            return False
        if self._client is not None:
            await self._client.aclose()
        self._url, self._client = url, None
        if self._base_url is None:
            await self._account.moved_to(url)
        return True

    async def close(self) -> None:
        """Close the connection. The account is closed too: its vehicles end together."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None
        await self._account.close()

    async def _exchange(
        self,
        row: Endpoint,
        vin: str,
        fields: Mapping[str, Any] | None,
        token: str,
        *,
        billed_before: int,
    ) -> Answered | Unanswered:
        if self._client is None:
            self._url = self._url or self._base_url or self._account.base_url()
            self._client = self._clients(self._url)
        try:
            response = await self._client.request(
                row.method,
                row.path.format(vehicle=vin, site=vin),
                params=QUERIES.get(row),
                json=None if row.method == "GET" else dict(fields or {}),  # a POST without JSON is answered 406
                headers={"authorization": f"Bearer {token}"},
            )
        except AnswerRefusedError as error:
            billed = 1 if row.bills is not None and error.status < 500 else 0
            return Unanswered(
                was_sent=True, cause=Cause.BAD_ANSWER, detail=describe(error), billed=billed_before + billed
            )
        except httpx2.TransportError as error:
            is_sent = was_sent(error)
            return Unanswered(
                was_sent=is_sent,
                cause=Cause.NO_ANSWER if is_sent else Cause.UNREACHABLE,
                detail=describe(error),
                # what may have arrived may have been charged for
                billed=billed_before + (1 if is_sent and row.bills is not None else 0),
            )
        return Answered(
            status=response.status_code,
            headers=response.headers,
            body=response.content,
            billed_before=billed_before,
        )


def _without_token(error: TokenError, *, billed: int) -> Unanswered:
    return Unanswered(
        was_sent=False, cause=error.cause, detail=str(error), retry_after_s=error.retry_after_s, billed=billed
    )
