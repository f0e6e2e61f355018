"""A login at Tesla: a person's word in a browser becomes tokens in the token file, and what they are good for is looked at.

What began waits in a file beside the token file (`tokens.json.login`, with the verifier, for an hour), so that a connection may
break, or a script may end, between opening the address and pasting what it led to. It goes when the login is done or given up.

The client secret is used once, for trading the code, and kept nowhere: renewals do without it. Nothing here is charged for.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from sunbox.clock import Clock
from sunbox.dialects.tesla.login import (
    VERIFIER_BYTES,
    Lack,
    ListedVehicle,
    LoginRequest,
    advice,
    authorize_url,
    code_from_pasted,
    code_to_wire,
    lacks,
    region_from_wire,
    scopes_from_token,
    vehicles_from_wire,
)
from sunbox.dialects.tesla.outcomes import is_tesla_url
from sunbox.dialects.tesla.table import AUTH_URLS, BASE_URLS, LOGIN_URLS, REGION, TOKEN, VEHICLES, Endpoint
from sunbox.dialects.tesla.wire import document_from_wire, read_failure_from_wire, tokens_from_wire
from sunbox.drivers.tesla.client import TeslaClient, Unanswered
from sunbox.drivers.tesla.secret_file import write_private
from sunbox.drivers.tesla.settings import Region, TeslaAccountSettings, may_follow
from sunbox.drivers.tesla.tokens import TeslaAccount, TeslaTokens, TokenFile
from sunbox.errors import SunboxError
from sunbox.net.http import ClientFactory, describe

PENDING_S = 3600.0
"""How long a login that began may be ended."""

READS_DATA = "vehicle_device_data"
"""The scope without which Tesla does not list the cars."""

ASKED: dict[Endpoint, str] = {REGION: "which region serves the account", VEHICLES: "for its cars"}


class LoginError(SunboxError):
    """A login did not come about; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPlan:
    """For what a login is, and where it happens. Addresses that are told stand for Tesla's own."""

    client_id: str
    redirect_uri: str
    scopes: str
    region: Region
    base_url: str | None = None
    auth_url: str | None = None
    client_secret: SecretStr | None = None  #: None = the application has none

    @property
    def login_url(self) -> str:
        """Return where the person logs in."""
        return self.auth_url or LOGIN_URLS[self.region]

    @property
    def token_url(self) -> str:
        """Return where tokens are got and renewed: applications without a secret stay with the page (TWCManager does so too)."""
        return self.auth_url or (LOGIN_URLS if self.client_secret is None else AUTH_URLS)[self.region]


class _Pending(BaseModel):
    """A login that began."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    client_id: str
    redirect_uri: str
    scopes: str
    login_url: str
    state: str
    verifier: str = Field(repr=False)
    until_at: AwareDatetime


class TeslaLogin:
    """One login, from the address to the saved tokens."""

    def __init__(self, file: TokenFile, plan: LoginPlan, clients: ClientFactory, clock: Clock) -> None:
        self._file = file
        self._plan = plan
        self._clients = clients
        self._clock = clock
        self._path = file.path.with_name(f"{file.path.name}.login")
        self._pending: _Pending | None = None

    def begin(self) -> str:
        """Return the address to be opened: that of the login for the same that began before, if it did not end yet.

        Raises:
            LoginError: nothing can be written beside the token file, so that the tokens could not be saved either.
        """
        kept = self._kept()
        self._pending = kept or _Pending(
            client_id=self._plan.client_id,
            redirect_uri=self._plan.redirect_uri,
            scopes=self._plan.scopes,
            login_url=self._plan.login_url,
            state=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(VERIFIER_BYTES),
            until_at=self._clock.now() + timedelta(seconds=PENDING_S),
        )
        if kept is None:
            try:
                write_private(self._path, self._pending.model_dump_json())
            except OSError as error:
                raise LoginError(
                    f"{self._path.parent} cannot be written to ({error.strerror or type(error).__name__}), so the login could "
                    "not be kept: make the folder, let the user who runs sunbox write to it, or name another with --tokens"
                ) from None
        return authorize_url(self._plan.login_url, self._request(self._pending))

    def forget(self) -> None:
        """Give the login up: nothing of it stays."""
        self._path.unlink(missing_ok=True)

    def code(self, pasted: str) -> str:
        """Return the code in what was pasted.

        Raises:
            LoginError: there is none to be used.
        """
        assert self._pending is not None  # noqa: S101 - begin comes first
        try:
            return code_from_pasted(pasted, self._pending.state)
        except ValueError as error:
            raise LoginError(str(error)) from None

    async def finish(self, code: str) -> TeslaTokens:
        """Trade a code for tokens and save them. Who renews the old ones at the same time is waited for.

        Raises:
            LoginError: Tesla refuses, or does not answer; the token file is as it was.
            TokenError: the tokens cannot be saved; the token file is as it was.
        """
        assert self._pending is not None  # noqa: S101 - begin comes first
        plan = self._plan
        async with self._file.locked():
            asked_at = self._clock.now()
            given = tokens_from_wire(await self._trade(self._request(self._pending), code))
            if given.refresh_token is None:
                raise LoginError("Tesla gave no refresh token, so the login would end soon: allow offline access, too")
            tokens = TeslaTokens(
                access_token=given.access_token,
                refresh_token=given.refresh_token,
                expires_at=asked_at + timedelta(seconds=given.expires_in_s),
                client_id=plan.client_id,
                region=plan.region,
                base_url=plan.base_url,
                auth_url=None if plan.token_url == AUTH_URLS[plan.region] else plan.token_url,
                redirect_uri=plan.redirect_uri,
            )
            self._file.write(tokens)
        self.forget()
        return tokens

    async def _trade(self, request: LoginRequest, code: str) -> dict[str, Any]:
        secret = self._plan.client_secret
        form = code_to_wire(
            request,
            code,
            audience=BASE_URLS[self._plan.region],
            client_secret=None if secret is None else secret.get_secret_value(),
        )
        client = self._clients(self._plan.token_url)
        try:
            response = await client.request(TOKEN.method, TOKEN.path, data=form)
        except httpx2.TransportError as error:
            raise LoginError(
                f"Tesla's token service ({self._plan.token_url}): {describe(error)}; check the internet connection, then run "
                "the same again"
            ) from None
        finally:
            await client.aclose()
        if not response.is_success:
            raise LoginError(
                _refusal("Tesla's token service", response.status_code, response.headers, response.content)
            )
        try:
            document = dict(document_from_wire(response.content))
            tokens_from_wire(document)
        except ValueError as error:
            raise LoginError(f"Tesla's token service: {error}; check --auth-url, or try again later") from None
        return document

    def _kept(self) -> _Pending | None:
        """Return the login that began before, None if there is none for the same, or it is too old."""
        try:
            kept = _Pending.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return None
        plan = self._plan
        is_same = (kept.client_id, kept.redirect_uri, kept.scopes, kept.login_url) == (
            plan.client_id,
            plan.redirect_uri,
            plan.scopes,
            plan.login_url,
        )
        return kept if is_same and self._clock.now() < kept.until_at else None

    @staticmethod
    def _request(pending: _Pending) -> LoginRequest:
        return LoginRequest(
            client_id=pending.client_id,
            redirect_uri=pending.redirect_uri,
            scopes=pending.scopes,
            state=pending.state,
            verifier=pending.verifier,
        )


def _refusal(who: str, status: int, headers: Any, body: bytes) -> str:
    detail = read_failure_from_wire(status, headers, body).detail
    told = detail if detail and detail != f"HTTP {status}" else "no reason given"
    what = advice(detail, status)
    return f"{who} answers {status} ({told})" + (f": {what}" if what else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a login is good for."""

    tokens: TeslaTokens
    base_url: str  #: where the vehicles answer
    granted: frozenset[str] | None  #: None = the token does not tell
    lacks: tuple[Lack, ...]
    vehicles: tuple[ListedVehicle, ...] | None  #: None = not allowed to be listed
    notes: tuple[str, ...]


async def look_around(path: Path, told: TeslaAccountSettings | None, clients: ClientFactory, clock: Clock) -> Seen:
    """Look at what the login in a token file is good for: its scopes, its region (which is followed and kept) and its cars.

    Args:
        path: the token file.
        told: addresses that stand for Tesla's own.
        clients: makes HTTP clients.
        clock: the time of day.

    Raises:
        LoginError: Tesla refuses, or does not answer.
        TokenError: there is no login, or a new one is needed.
    """
    file = TokenFile(path)
    settings = TeslaAccountSettings(
        account=path,
        base_url=told.base_url if told is not None else None,
        auth_url=told.auth_url if told is not None else None,
    )
    account = TeslaAccount(settings, clients, clock)
    first = TeslaClient(account, clients)
    try:
        granted = scopes_from_token(await account.access_token())
        region, named = region_from_wire(await _ask(first, REGION))
        tokens, base_url, notes = await _follow(file, settings.base_url, region, named)
        vehicles: tuple[ListedVehicle, ...] | None = None
        if granted is None or READS_DATA in granted:
            second = TeslaClient(account, clients, base_url)
            try:
                vehicles = vehicles_from_wire(await _ask(second, VEHICLES))
            except ValueError as error:
                raise LoginError(f"Tesla ({base_url}): {error}; check --base-url, or try again later") from None
            finally:
                await second.close()
    finally:
        await first.close()
    return Seen(
        tokens=tokens,
        base_url=base_url,
        granted=granted,
        lacks=() if granted is None else lacks(granted),
        vehicles=vehicles,
        notes=notes,
    )


async def _ask(client: TeslaClient, row: Endpoint) -> dict[str, Any]:
    who = f"Tesla, asked {ASKED[row]},"
    answer = await client.call(row, "")
    if isinstance(answer, Unanswered):
        raise LoginError(f"{who} gives no answer: {answer.detail}")
    if not 200 <= answer.status < 300:
        raise LoginError(_refusal(who, answer.status, answer.headers, answer.body))
    try:
        return dict(document_from_wire(answer.body))
    except ValueError as error:
        raise LoginError(f"{who} answers what cannot be used ({error}); check --base-url, or try again later") from None


async def _follow(
    file: TokenFile, told_url: str | None, region: str | None, named: str | None
) -> tuple[TeslaTokens, str, tuple[str, ...]]:
    """Keep the region that Tesla names and go where it is; a proxy in the house is not left for Tesla's own address.

    Returns:
        What the token file holds now, where the vehicles answer, and what is worth to be told.
    """
    async with file.locked():
        stored = file.read()
        settled: Region | None = region or stored.region  # type: ignore[assignment]  # one of BASE_URLS
        told = told_url or stored.base_url
        own = BASE_URLS.get(settled or "")
        url, notes = told, list[str]()
        if named is not None and named != told:
            if is_tesla_url(named) and (told is None or is_tesla_url(told)):
                url = None if named == own else named
            elif told is not None and not is_tesla_url(named) and may_follow(told, named):
                url = named
            elif told is None or not is_tesla_url(named):
                notes.append(f"{named}, where the answer points for this account, is not Tesla's: it is not followed")
        if region is not None and stored.region is not None and region != stored.region:
            notes.append(f"the account lives in region {region}, not {stored.region}: that is kept")
        where = url or own
        if where is None:
            raise LoginError(
                "Tesla does not say which region serves the account; log in again with --region na, eu or cn"
            )
        kept = stored.base_url if url == told_url else url
        if (settled, kept) != (stored.region, stored.base_url):
            stored = stored.model_copy(update={"region": settled, "base_url": kept})
            file.write(stored)
    return stored, where, tuple(notes)
