"""The Powerwall's gateway at home, or pypowerwall's proxy before it: free, and as of this second.

What flows is read each time. The charge and whether there is a grid change slowly, and too many requests have brought gateways
down (pypowerwall), so they are read every half minute. A login holds until it is refused; one that is refused is not tried
again at once, and neither is anything after "too many requests".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from sunbox.clock import Clock
from sunbox.core.commands import Cause
from sunbox.core.model import MeterReading
from sunbox.dialects.powerwall import gateway
from sunbox.dialects.powerwall.facts import Island
from sunbox.dialects.tesla.outcomes import Failed
from sunbox.dialects.tesla.table import Endpoint
from sunbox.dialects.tesla.wire import document_from_wire
from sunbox.drivers.powerwall.settings import LocalSettings
from sunbox.drivers.tesla.secret_file import write_private
from sunbox.net.http import AnswerRefusedError, ClientFactory, describe, make_client, was_sent
from sunbox.net.pinning import PinnedContext, judge_by_file

SLOW_S = 30.0
"""How often charge and grid are read."""
ABSENT_S = 600.0
"""What is not there is asked for again so much later."""
PAUSE_S = 300.0
"""Rest after "too many requests", and after a login that was refused."""

CAUSES: dict[int, Cause] = {
    401: Cause.FORBIDDEN,
    403: Cause.FORBIDDEN,
    404: Cause.NOT_FOUND,
    429: Cause.RATE_LIMITED,
    503: Cause.RATE_LIMITED,
}


@dataclass(slots=True)
class _Slow:
    """Something that is read now and then."""

    value: Any = None
    due_at: datetime | None = None
    read_at: datetime | None = None


class HomeGateway:
    """Reads a gateway, with a login, or a proxy, without."""

    def __init__(
        self,
        url: str,
        login: LocalSettings | None,
        clients: ClientFactory,
        clock: Clock,
        *,
        pin: Path,
        timezone_name: str = "Etc/UTC",
    ) -> None:
        """Reach a gateway.

        Args:
            url: where it answers.
            login: None = a proxy, which asks for none.
            clients: makes HTTP clients.
            clock: the time of day.
            pin: the file that keeps the fingerprint of its certificate.
            timezone_name: what the gateway is told at the login.
        """
        self.url = url
        self._login = login
        self._clients = clients
        self._clock = clock
        self._pin = pin
        self._timezone_name = timezone_name
        self._client: httpx2.AsyncClient | None = None
        self._token: str | None = None
        self._requests: dict[str, httpx2.Request] = {}  #: with the login that they were made with
        self._is_logged_in = login is None
        self._rests: tuple[datetime, Failed] | None = None
        self._soc, self._island = _Slow(), _Slow()

    async def read(self) -> MeterReading | Failed:
        """Return what flows, how full the battery is, and whether there is a grid."""
        now = self._clock.now()
        if self._rests is not None:
            if now < self._rests[0]:
                return self._rests[1]
            self._rests = None
        told = await self._get(gateway.METERS)
        if isinstance(told, Failed):
            return told
        try:
            flows = gateway.flows_from_wire(told)
        except ValueError as error:
            return Failed(cause=Cause.BAD_ANSWER, detail=str(error), billed=0)
        soc_pct = await self._slowly(self._soc, gateway.SOE, gateway.soc_from_wire)
        island = await self._slowly(self._island, gateway.GRID_STATUS, gateway.island_from_wire)
        now = self._clock.now()
        told_at = flows.grid.measured_at
        pv_w = flows.solar.power_w
        return MeterReading(
            measured_at=now if told_at is None else min(told_at, now),
            grid_w=flows.grid.power_w,
            pv_w=None if pv_w is None else max(0.0, pv_w),
            battery_w=flows.battery.power_w,
            battery_soc_pct=soc_pct,
            is_off_grid=None if island in (None, Island.UNKNOWN) else island is Island.OFF_GRID,
        )

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None
        self._requests.clear()
        self._is_logged_in = self._login is None

    async def _slowly(self, slow: _Slow, row: Endpoint, parse: Any) -> Any:
        """Return something that is read now and then; what is not told is None, and what is too old too."""
        now = self._clock.now()
        if slow.due_at is None or now >= slow.due_at:
            told = await self._get(row)
            is_absent = isinstance(told, Failed) and told.cause in (Cause.NOT_FOUND, Cause.FORBIDDEN)
            slow.due_at = now + timedelta(seconds=ABSENT_S if is_absent else SLOW_S)
            if not isinstance(told, Failed):
                slow.value, slow.read_at = parse(told), now
        if slow.read_at is None or (now - slow.read_at).total_seconds() > 3 * SLOW_S:
            return None
        return slow.value

    async def _get(self, row: Endpoint) -> Any:
        """Return the JSON object of one path; a login that has ended is made anew once."""
        if not self._is_logged_in and (failed := await self._log_in()) is not None:
            return failed
        answer = await self._exchange("GET", self._path(row))
        if isinstance(answer, httpx2.Response) and answer.status_code in (401, 403) and self._login is not None:
            self._is_logged_in = False
            if (failed := await self._log_in()) is not None:
                return failed
            answer = await self._exchange("GET", self._path(row))
        if isinstance(answer, Failed):
            return answer
        if answer.status_code != httpx2.codes.OK:
            return self._refused(answer)
        try:
            return document_from_wire(answer.content)
        except ValueError as error:
            return Failed(cause=Cause.BAD_ANSWER, detail=str(error), billed=0)

    def _path(self, row: Endpoint) -> str:
        if self._login is not None:
            return row.path
        return next((path for path, name in gateway.PROXY_PATHS.items() if name == row.name), row.path)

    async def _log_in(self) -> Failed | None:
        """Log in; return why that failed."""
        login = self._login
        assert login is not None  # noqa: S101 - a proxy asks for none
        body = gateway.login_to_wire(login.password.get_secret_value(), login.email or "", self._timezone_name)
        self._token = None
        self._requests.clear()
        answer = await self._exchange(gateway.LOGIN.method, gateway.LOGIN.path, body)
        if isinstance(answer, Failed):
            return answer
        if answer.status_code != httpx2.codes.OK:
            failed = self._refused(answer)
            if failed.cause is Cause.FORBIDDEN:
                failed = Failed(
                    cause=failed.cause,
                    detail=f"the login was refused ({failed.detail})",
                    retry_after_s=PAUSE_S,
                    billed=0,
                )
                self._rest(failed)
            return failed
        try:
            token = document_from_wire(answer.content).get("token")
        except ValueError:
            token = None
        self._token = token if isinstance(token, str) and token.isprintable() else None
        self._is_logged_in = True
        return None

    def _refused(self, answer: httpx2.Response) -> Failed:
        status = answer.status_code
        cause = CAUSES.get(status, Cause.SERVER_ERROR if status >= 500 else Cause.BAD_ANSWER)
        failed = Failed(
            cause=cause,
            detail=f"HTTP {status} {answer.reason_phrase}".rstrip(),
            retry_after_s=PAUSE_S if cause is Cause.RATE_LIMITED else None,
            billed=0,
        )
        if cause is Cause.RATE_LIMITED:
            self._rest(failed)
        return failed

    def _rest(self, failed: Failed) -> None:
        self._rests = (self._clock.now() + timedelta(seconds=PAUSE_S), failed)

    async def _exchange(self, method: str, path: str, body: Any = None) -> httpx2.Response | Failed:
        client = self._client
        if client is None:
            client = self._client = self._made()
        request = self._requests.get(path)
        if request is None:
            headers = {} if self._token is None else {"authorization": f"Bearer {self._token}"}
            request = client.build_request(method, path, json=body, headers=headers)
            if body is None:
                self._requests[path] = request  # asked again and again
        try:
            return await client.send(request)
        except AnswerRefusedError as error:
            return Failed(cause=Cause.BAD_ANSWER, detail=describe(error), billed=0)
        except httpx2.TransportError as error:
            cause = Cause.NO_ANSWER if was_sent(error) else Cause.UNREACHABLE
            return Failed(cause=cause, detail=describe(error), billed=0)

    def _made(self) -> httpx2.AsyncClient:
        """Return a client; a gateway's certificate is its own making, so the first one that it shows is kept."""
        if not self.url.startswith("https:"):
            return self._clients(self.url)
        return make_client(self.url, verify=PinnedContext.make(judge_by_file(self._pin, write_private)))
