"""Tokens of a Tesla account: kept in one file, renewed in time, never lost, never logged.

Refresh tokens rotate: each is good for one renewal. So new tokens are durable in the file *before* the new access token is
used, and the file keeps the refresh token that was traded in as `previous_refresh_token`. Wherever the process is killed, the
file then holds a token that still works, as long as Tesla accepts the previous one until the new one is first used:

    killed …                          the file has            the next start
    before the answer                 R1                      renews with R1
    after the answer, before saving   R1 (traded already)     renews with R1, which is still accepted
    after saving, before using R2     R2, previous R1         renews with R2; if refused, once with R1

Several processes may share the file (`sunbox check` beside `sunbox run`): a renewal holds a lock, and begins with reading the
file again, because the other one may have renewed already.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from sunbox.clock import Clock
from sunbox.core.commands import Cause
from sunbox.dialects.tesla.table import TOKEN
from sunbox.dialects.tesla.wire import (
    document_from_wire,
    is_sendable,
    read_failure_from_wire,
    refresh_to_wire,
    token_error_from_wire,
    tokens_from_wire,
)
from sunbox.drivers.tesla.secret_file import (
    LOCK_LOOK_S,
    LOCK_WAIT_S,
    close_to_others,
    lock_path,
    open_lock,
    try_lock,
    write_private,
)
from sunbox.drivers.tesla.settings import BaseUrl, Region, TeslaAccountSettings, addresses
from sunbox.errors import SunboxError
from sunbox.net.http import ClientFactory, describe, was_sent

RENEW_BEFORE_S = 60.0
"""An access token is renewed so long before it ends, so that none ends on its way."""

LOG_IN_AGAIN = "log in again with `sunbox setup tesla`"


class TokenError(SunboxError):
    """There is no access token to be had. Nothing was sent to a vehicle."""

    def __init__(self, message: str, cause: Cause, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.cause = cause
        self.retry_after_s = retry_after_s


class TeslaTokens(BaseModel):
    """What the token file holds."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    access_token: str = Field(default="", repr=False)
    refresh_token: str = Field(min_length=1, repr=False)
    previous_refresh_token: str | None = Field(default=None, repr=False)
    expires_at: AwareDatetime | None = None  #: None = not known: used until it is refused
    client_id: str | None = None
    region: Region | None = None
    base_url: BaseUrl | None = None
    auth_url: BaseUrl | None = None
    redirect_uri: str | None = None  #: of the login, so that the next one need not ask for it

    def is_usable(self, now: datetime) -> bool:
        """Return whether the access token will do for a request at `now`."""
        if not is_sendable(self.access_token):
            return False
        return self.expires_at is None or now < self.expires_at - timedelta(seconds=RENEW_BEFORE_S)


class TokenFile:
    """The file. Every write is complete or not at all; only the owner may read it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> TeslaTokens:
        """Return what the file holds; a file that others may read is closed to them first.

        Raises:
            TokenError: it is missing, not readable or not a token file; the text says what to do.
        """
        try:
            self._close_to_others()
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise TokenError(f"{self.path} does not exist: {LOG_IN_AGAIN}", Cause.LOGIN_REQUIRED) from None
        except (OSError, UnicodeDecodeError) as error:
            raise TokenError(
                f"{self.path} cannot be read ({_why(error)}): it must be a file of the user who runs sunbox, mode 0600",
                Cause.LOGIN_REQUIRED,
            ) from None
        try:
            return TeslaTokens.model_validate_json(text)
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}"
                for item in error.errors(include_input=False, include_context=False, include_url=False)
            )
            raise TokenError(f"{self.path} is no token file ({wrong}): {LOG_IN_AGAIN}", Cause.LOGIN_REQUIRED) from None

    def write(self, tokens: TeslaTokens) -> None:
        """Replace the file: written beside it, made durable, then renamed.

        Raises:
            TokenError: it cannot be written; the old file is untouched.
        """
        text = json.dumps(tokens.model_dump(mode="json", exclude_none=True), indent=2)
        try:
            write_private(self.path, f"{text}\n")
        except OSError as error:
            hint = (
                "mount its directory and not the single file"
                if error.errno == errno.EBUSY
                else "its directory must be writable and have room"
            )
            raise TokenError(f"{self.path} cannot be written ({_why(error)}): {hint}", Cause.BUSY) from None

    @contextlib.asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Hold the lock among all processes that use this file.

        Raises:
            TokenError: another process does not let go, or the lock cannot be made.
        """
        beside = lock_path(self.path)
        try:
            descriptor = open_lock(self.path)
        except OSError as error:
            raise TokenError(
                f"{beside} cannot be made ({_why(error)}): its directory must be writable", Cause.BUSY
            ) from None
        try:
            waited_s = 0.0
            while not try_lock(descriptor):
                if waited_s >= LOCK_WAIT_S:
                    raise TokenError(f"another process holds {beside} for {LOCK_WAIT_S:g} s", Cause.BUSY)
                await asyncio.sleep(LOCK_LOOK_S)
                waited_s += LOCK_LOOK_S
            yield
        finally:
            os.close(descriptor)

    def _close_to_others(self) -> None:
        mode = close_to_others(self.path)
        if mode is not None:
            structlog.get_logger(__name__).warning(
                "token file was open to other users; it is 0600 now", file=str(self.path), was=f"{mode:04o}"
            )


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


class TeslaAccount:
    """One account: addresses and a valid access token for all its vehicles."""

    def __init__(self, settings: TeslaAccountSettings, clients: ClientFactory, clock: Clock) -> None:
        self._settings = settings
        self._file = TokenFile(settings.account)
        self._clients = clients
        self._clock = clock
        self._log = structlog.get_logger(__name__)
        self._held: TeslaTokens | None = None
        self._unsaved: tuple[str, TeslaTokens] | None = None  # refresh token → what came for it: not durable, not used
        self._renewing: asyncio.Task[TeslaTokens] | None = None
        self._moved_to: str | None = None
        self._auth: httpx2.AsyncClient | None = None

    @property
    def path(self) -> Path:
        """Return the token file."""
        return self._file.path

    def base_url(self) -> str:
        """Return where the vehicles of this account answer.

        Raises:
            TokenError: neither the settings nor the token file tell.
        """
        return self._moved_to or self._address(0, "base_url")

    async def access_token(self) -> str:
        """Return an access token that will do for a request now.

        Raises:
            TokenError: there is none to be had.
        """
        held = self._held or self._file.read()
        if not held.is_usable(self._clock.now()):
            held = await self._renewed(held.access_token)
        self._held = held
        return held.access_token

    async def moved_to(self, base_url: str) -> None:
        """Take note that the vehicles of this account answer elsewhere, and keep it in the token file.

        Raises:
            TokenError: the file cannot be read or written.
        """
        self._moved_to = base_url
        self._log.warning("Tesla names another address for this account", base_url=base_url)
        async with self._file.locked():
            self._file.write(self._file.read().model_copy(update={"base_url": base_url}))
        self._held = None

    async def renew(self, refused: str) -> str:
        """Return another access token after `refused` was refused.

        Raises:
            TokenError: there is none to be had.
        """
        if self._held is not None and self._held.access_token not in {"", refused}:
            return self._held.access_token  # another vehicle's request has renewed meanwhile
        self._held = await self._renewed(refused)
        return self._held.access_token

    async def close(self) -> None:
        """End a renewal under way by finishing it (its answer must be saved), and close the connection."""
        if self._renewing is not None:
            await asyncio.wait([self._renewing])
            if not self._renewing.cancelled():
                self._renewing.exception()  # whoever waited for it has seen it, or nobody waits any more
            self._renewing = None
        if self._auth is not None:
            await self._auth.aclose()
            self._auth = None

    async def _renewed(self, stale: str) -> TeslaTokens:
        """Renew once for all who ask at the same time; it goes on when those who wait are cancelled."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew(stale))
        return await asyncio.shield(self._renewing)

    async def _renew(self, stale: str) -> TeslaTokens:
        async with self._file.locked():
            stored = self._file.read()
            if stored.access_token != stale and stored.is_usable(self._clock.now()):
                return stored
            if self._unsaved is None or self._unsaved[0] != stored.refresh_token:
                self._unsaved = (stored.refresh_token, await self._trade(stored))
            fresh = self._unsaved[1]
            self._file.write(fresh)
            self._unsaved = None
        self._log.info("access token renewed", expires_at=fresh.expires_at and fresh.expires_at.isoformat())
        return fresh

    async def _trade(self, stored: TeslaTokens) -> TeslaTokens:
        """Trade the refresh token, and where it is refused the previous one, for new tokens."""
        offered = [stored.refresh_token]
        if stored.previous_refresh_token not in {None, stored.refresh_token}:
            offered.append(str(stored.previous_refresh_token))
        refusal = ""
        for refresh_token in offered:
            asked_at = self._clock.now()
            response = await self._ask(stored, refresh_token)
            if response.is_success:
                try:
                    given = tokens_from_wire(document_from_wire(response.content))
                except ValueError as error:
                    raise TokenError(f"Tesla's token service: {error}", Cause.BAD_ANSWER) from None
                return stored.model_copy(
                    update={
                        "access_token": given.access_token,
                        "refresh_token": given.refresh_token or refresh_token,
                        "previous_refresh_token": refresh_token,
                        "expires_at": asked_at + timedelta(seconds=given.expires_in_s),
                    }
                )
            refused = token_error_from_wire(response.status_code, response.content)
            if not refused.is_login_required:
                failure = read_failure_from_wire(response.status_code, response.headers, response.content)
                raise TokenError(f"Tesla's token service: {refused.detail}", failure.cause, failure.retry_after_s)
            refusal = refusal or refused.detail
        raise TokenError(f"Tesla wants a new login ({refusal}): {LOG_IN_AGAIN}", Cause.LOGIN_REQUIRED)

    async def _ask(self, stored: TeslaTokens, refresh_token: str) -> httpx2.Response:
        client_id = self._settings.client_id or stored.client_id
        if client_id is None:
            raise TokenError(f"{self._file.path} has no client_id: {LOG_IN_AGAIN}", Cause.LOGIN_REQUIRED)
        if self._auth is None:
            self._auth = self._clients(self._address(1, "auth_url"))
        try:
            return await self._auth.request(TOKEN.method, TOKEN.path, data=refresh_to_wire(client_id, refresh_token))
        except httpx2.TransportError as error:
            cause = Cause.NO_ANSWER if was_sent(error) else Cause.UNREACHABLE
            raise TokenError(f"Tesla's token service: {describe(error)}", cause) from None

    def _address(self, index: int, name: str) -> str:
        told: str | None = getattr(self._settings, name)
        if told is not None:
            return told
        stored = self._held or self._file.read()
        told = getattr(stored, name)
        if told is not None:
            return told
        region = self._settings.region or stored.region
        if region is None:
            raise TokenError(
                f"the region of the account is not known: write `region: eu` (or na, cn) under `tesla:`, or {LOG_IN_AGAIN}",
                Cause.LOGIN_REQUIRED,
            )
        return addresses(region)[index]
