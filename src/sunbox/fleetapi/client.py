"""One request after another to Tesla's energy endpoints, each with a token that is renewed when it is refused.

The requests themselves are written in `dialects/powerwall/table.py`; here they are only sent. Threads may share a client, and
processes the file: whoever finds the token refused takes the lock, reads the file again, and renews only if nobody else has.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx2
from pydantic import TypeAdapter, ValidationError

from sunbox.clock import Clock, SystemClock
from sunbox.core.commands import Cause
from sunbox.dialects.powerwall.table import BILLED_BELOW, Request, billed_at
from sunbox.dialects.tesla.login import advice
from sunbox.dialects.tesla.outcomes import WRONG_REGION, base_url_from_wire
from sunbox.dialects.tesla.table import TOKEN
from sunbox.dialects.tesla.wire import (
    Tokens,
    document_from_wire,
    read_failure_from_wire,
    refresh_to_wire,
    token_error_from_wire,
    tokens_from_wire,
)
from sunbox.drivers.tesla.by_hand import ByHandError, SentByHand
from sunbox.drivers.tesla.settings import BaseUrl, may_follow
from sunbox.fleetapi.config import ACCESS_TOKEN, AUDIENCE, CLIENT_ID, LOGGER, REFRESH_TOKEN, ConfigFile, FleetConfig
from sunbox.fleetapi.errors import (
    FleetApiError,
    FleetBusyError,
    FleetConfigError,
    FleetLoginError,
    FleetUnreachableError,
)
from sunbox.net.http import AnswerRefusedError, BlockingClientFactory, describe, was_sent

UNREGISTERED = 412
DONE_PERHAPS = "; it may have been done all the same: read it back"
ADVICE: Mapping[int, str] = {
    404: "`fleetapi sites` lists the account's sites",
    408: "the site was not reached; try again in some minutes",
}
"""What an HTTP code asks for here."""
LOG_IN_AGAIN = "log in again with `fleetapi setup`"


class FleetClient:
    """Requests of one login."""

    def __init__(self, file: ConfigFile, clients: BlockingClientFactory, clock: Clock | None = None) -> None:
        """Read the file.

        Raises:
            FleetConfigError: it is missing, or no configuration.
        """
        self._file = file
        self._clients = clients
        self._clock = clock or SystemClock()
        self._open: dict[str, httpx2.Client] = {}
        self._opening = threading.Lock()
        self._by_hand = SentByHand(file.path)
        self.config: FleetConfig = file.read()

    def send(self, request: Request) -> dict[str, Any]:
        """Return the JSON object of the answer.

        Where the token is refused, the file may have a newer one by now; where it has not, or that one is refused too, it is
        renewed, once. A request to the wrong region is sent to the right one, once.

        Raises:
            FleetApiError: there is none; its kinds say why.
        """
        token, is_fresh = self.config.access_token, False
        if not token:
            token, is_fresh = self._renewed("")
        response = self._exchange(request, token)
        while _is_token_refused(response) and not is_fresh:
            token, is_fresh = self._renewed(token)
            response = self._exchange(request, token)
        if response.status_code == WRONG_REGION and self._moved(response):
            response = self._exchange(request, self.config.access_token)
        if not response.is_success:
            raise _failure(response, is_write=request.body is not None)
        try:
            return dict(document_from_wire(response.content))
        except ValueError as error:
            after = DONE_PERHAPS if request.body is not None else ""
            raise FleetApiError(
                f"Tesla's answer is {error}; check {AUDIENCE} in {self._file.path}{after}", status=response.status_code
            ) from None

    def close(self) -> None:
        """Close the connections."""
        with self._opening:
            opened, self._open = self._open, {}
        for client in opened.values():
            client.close()

    def __del__(self) -> None:
        with contextlib.suppress(
            Exception
        ):  # scripts forget to close; at the end of Python there may be nothing left to do it with
            self.close()

    def _at(self, base_url: str) -> httpx2.Client:
        with self._opening:
            client = self._open.get(base_url)
            if client is None:
                client = self._open[base_url] = self._clients(self._checked(base_url))
            return client

    def _checked(self, base_url: str) -> str:
        """Return an address that tokens may be sent to.

        Raises:
            FleetConfigError: it is none.
        """
        try:
            return TypeAdapter(BaseUrl).validate_python(base_url)
        except ValidationError as error:
            why = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
            raise FleetConfigError(f"{self._file.path}: {base_url!r}: {why}") from None

    def _exchange(self, request: Request, token: str) -> httpx2.Response:
        row, base_url = request.row, self.config.audience
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        client = self._at(base_url)
        is_billed = True  # of what is broken off on its way, too
        try:
            response = client.request(
                row.method,
                request.path,
                params=dict(request.query) or None,
                json=None if request.body is None else dict(request.body),
                headers=headers,
            )
            is_billed = response.status_code < BILLED_BELOW
        except httpx2.TransportError as error:
            is_billed = error.status < BILLED_BELOW if isinstance(error, AnswerRefusedError) else was_sent(error)
            raise _unanswered(base_url, error, is_write=request.body is not None) from None
        finally:
            if is_billed:
                self._note(request)
        LOGGER.debug("%s %s: HTTP %d", row.method, request.path, response.status_code)
        return response

    def _note(self, request: Request) -> None:
        """List what Tesla may charge for, where a gateway reckons with this login."""
        about = billed_at(request.row.method, request.path)
        if about is None:
            return
        try:
            self._by_hand.add(*about, 1, self._clock.now())
        except ByHandError as error:
            LOGGER.warning("this request is not counted: %s", error)

    def _moved(self, response: httpx2.Response) -> bool:
        """Go where an answer 421 sends us, if tokens may be sent there, and keep it in the file."""
        url = base_url_from_wire(response.headers, response.content)
        if url is None or url == self.config.audience or not may_follow(self.config.audience, url):
            return False
        LOGGER.warning("the account is served at %s: that is kept in %s", url, self._file.path)
        key = AUDIENCE if AUDIENCE in self.config.document else "base_url"
        self.config = self._file.change(**{key: url})
        return True

    # tokens

    def _renewed(self, refused: str) -> tuple[str, bool]:
        """Return an access token other than the one that was refused, and whether it is new: else it is somebody else's.

        Raises:
            FleetApiError: there is none to be had.
        """
        with self._file.locked():
            stored = self._file.read()
            is_fresh = stored.access_token in {"", refused}
            if is_fresh:
                LOGGER.info("Token expired, refreshing token...")
                stored = self._file.write(_with_tokens(stored, self._trade(stored), self._clock))
            self.config = stored
        return stored.access_token, is_fresh

    def _trade(self, stored: FleetConfig) -> Tokens:
        client_id, refresh_token = stored.text(CLIENT_ID), stored.text(REFRESH_TOKEN)
        if not client_id or not refresh_token:
            raise FleetLoginError(f"{self._file.path} holds no login: {LOG_IN_AGAIN}")
        where = stored.auth_url
        try:
            response = self._at(where).request(TOKEN.method, TOKEN.path, data=refresh_to_wire(client_id, refresh_token))
        except httpx2.TransportError as error:
            raise _unanswered(where, error, is_write=False) from None
        if response.is_success:
            try:
                return tokens_from_wire(document_from_wire(response.content))
            except ValueError as error:
                raise FleetApiError(f"Tesla's token service: {error}", status=response.status_code) from None
        refused = token_error_from_wire(response.status_code, response.content)
        if refused.is_login_required:
            raise FleetLoginError(
                f"Tesla wants a new login ({refused.detail}): {LOG_IN_AGAIN}", status=response.status_code
            )
        raise FleetApiError(f"Tesla's token service: {refused.detail}; try again later", status=response.status_code)


def _with_tokens(stored: FleetConfig, given: Tokens, clock: Clock) -> dict[str, Any]:
    """Return the file with new tokens; what sunbox's token file tells of them is told only where it was."""
    fresh: dict[str, Any] = {**stored.document, ACCESS_TOKEN: given.access_token}
    if given.refresh_token is not None:
        fresh[REFRESH_TOKEN] = given.refresh_token
    if "expires_at" in fresh:
        fresh["expires_at"] = (clock.now() + timedelta(seconds=given.expires_in_s)).isoformat()
    if "previous_refresh_token" in fresh:
        fresh["previous_refresh_token"] = stored.text(REFRESH_TOKEN)
    return fresh


def _is_token_refused(response: httpx2.Response) -> bool:
    if response.status_code != httpx2.codes.UNAUTHORIZED:
        return False
    return read_failure_from_wire(401, response.headers, response.content).cause is Cause.LOGIN_REQUIRED


def _failure(response: httpx2.Response, *, is_write: bool) -> FleetApiError:
    """Return what an HTTP code other than 2xx says."""
    status = response.status_code
    failure = read_failure_from_wire(status, response.headers, response.content)
    what = advice(failure.detail, status).replace(
        "log in again with --region na, eu or cn", LOG_IN_AGAIN
    ) or ADVICE.get(status, "")
    if status == UNREGISTERED:
        what = "run `fleetapi setup` again and answer y: it registers the application in this region"
    text = f"Code {status}: {failure.detail}" + (f"; {what}" if what else "")
    if failure.cause is Cause.RATE_LIMITED:
        after_s = failure.retry_after_s
        wait = "" if after_s is None else f" (again in {after_s:.0f} s)"
        return FleetBusyError(f"{text}{wait}", status=status, retry_after_s=after_s)
    if failure.cause is Cause.LOGIN_REQUIRED:
        return FleetLoginError(f"Code {status}: {failure.detail}: {LOG_IN_AGAIN}", status=status)
    is_done_perhaps = is_write and (status >= BILLED_BELOW or failure.cause is Cause.NO_ANSWER)
    return FleetApiError(f"{text}{DONE_PERHAPS}" if is_done_perhaps else text, status=status)


def _unanswered(base_url: str, error: httpx2.TransportError, *, is_write: bool) -> FleetUnreachableError:
    is_sent = was_sent(error)
    after = DONE_PERHAPS if is_write and is_sent else ""
    return FleetUnreachableError(f"{base_url}: {describe(error)}{after}", was_sent=is_sent)


def object_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands in `response`.

    Raises:
        FleetApiError: it is no object, as Tesla is known to answer at times.
    """
    response = document.get("response")
    if not isinstance(response, dict):
        raise FleetApiError("Tesla's answer has nothing in `response`; try again")
    return response
