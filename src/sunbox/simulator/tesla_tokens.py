"""Tokens that rotate as Tesla's do.

Each refresh gives a new refresh token. The one before it stays good until the new one, or an access token that came with it,
is used for the first time: whoever dies between receiving and saving can still log in. The strict switch ends that: a refresh
token is single-use at once, and using it again means that a person must log in.

Access tokens look like Tesla's: a JWT whose payload tells the scopes of the login. Nobody can verify its signature.
"""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.login import OFFLINE_ACCESS
from sunbox.dialects.tesla.wire import Tokens
from sunbox.simulator.tesla_limits import ALL_SCOPES

FIRST_REFRESH, FIRST_ACCESS = "simulated-refresh", "simulated-access"
"""The tokens that the simulated account begins with."""

HEADER = {"alg": "RS256", "typ": "JWT", "kid": "simulated"}


@dataclass(slots=True)
class _Grant:
    parent: str | None  #: refresh token that this one was traded for, until this one is used
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Access:
    refresh: str | None  #: the refresh token that came with it
    until_at: datetime
    scopes: frozenset[str]


class TokenStore:
    """All tokens of one account."""

    def __init__(
        self,
        seed: int,
        began_at: datetime,
        *,
        lasts_s: float = 8 * 3600.0,
        is_strict: bool = False,
        scopes: frozenset[str] = ALL_SCOPES,
    ) -> None:
        """Begin with the first tokens; `scopes` are theirs."""
        self.lasts_s, self.is_strict = lasts_s, is_strict
        self._rng = random.Random(f"{seed}/tokens")
        self._count = 0
        self._grants: dict[str, _Grant] = {FIRST_REFRESH: _Grant(None, scopes)}
        self._access: dict[str, _Access] = {}
        self._remember(FIRST_ACCESS, None, scopes, began_at)

    def _remember(self, access: str, refresh: str | None, scopes: frozenset[str], at: datetime) -> None:
        # expired ones are forgotten after another life time, so that the store does not grow for ever
        horizon_at = at - timedelta(seconds=self.lasts_s)
        self._access = {token: row for token, row in self._access.items() if row.until_at > horizon_at}
        self._access[access] = _Access(refresh, at + timedelta(seconds=self.lasts_s), scopes)

    def log_in(self, scopes: frozenset[str], at: datetime) -> Tokens:
        """Return the tokens of a fresh login; without the scope for it there is none that lasts."""
        tokens = self._issue(None, scopes, at)
        return tokens if OFFLINE_ACCESS in scopes else replace(tokens, refresh_token=None)

    def partner(self, scopes: frozenset[str], at: datetime) -> Tokens:
        """Return a token of the application itself: it lasts as long as others, and cannot be renewed."""
        return replace(self._issue(None, scopes - {OFFLINE_ACCESS}, at), refresh_token=None)

    def _issue(self, parent: str | None, scopes: frozenset[str], at: datetime) -> Tokens:
        self._count += 1
        tail = f"{self._count}-{self._rng.getrandbits(64):016x}"
        until_at = at + timedelta(seconds=self.lasts_s)
        payload = {
            "scp": sorted(scopes),
            "iat": int(at.timestamp()),
            "exp": int(until_at.timestamp()),
            "jti": f"access-{tail}",
        }
        access, refresh = ".".join((_part(HEADER), _part(payload), _part(tail))), f"refresh-{tail}"
        self._grants[refresh] = _Grant(parent, scopes)
        self._remember(access, refresh, scopes, at)
        return Tokens(access_token=access, refresh_token=refresh, expires_in_s=self.lasts_s)

    def refresh(self, refresh_token: str, at: datetime) -> Tokens | None:
        """Return new tokens for a refresh token, None if it is worth nothing (login required)."""
        grant = self._grants.get(refresh_token)
        if grant is None:
            return None
        self._used(refresh_token)
        if self.is_strict:
            del self._grants[refresh_token]
            return self._issue(None, grant.scopes, at)
        return self._issue(refresh_token, grant.scopes, at)

    def _used(self, refresh_token: str) -> None:
        """Note that a refresh token reached its owner: the one before it ends, and with it what else came of that one."""
        grant = self._grants.get(refresh_token)
        if grant is None or grant.parent is None:
            return
        parent, grant.parent = grant.parent, None
        self._grants = {token: other for token, other in self._grants.items() if parent not in (token, other.parent)}

    def scopes_of(self, authorization: str | None) -> frozenset[str]:
        """Return what the token of an Authorization header may do."""
        row = self._row(authorization)
        return frozenset() if row is None else row.scopes

    def refusal(self, authorization: str | None, at: datetime) -> str | None:
        """Return Tesla's words for a bad Authorization header, None for a good one (which counts as use)."""
        row = self._row(authorization)
        if row is None:
            return envelopes.INVALID_TOKEN
        if at >= row.until_at:
            return envelopes.TOKEN_EXPIRED
        if row.refresh is not None:
            self._used(row.refresh)
        return None

    def _row(self, authorization: str | None) -> _Access | None:
        scheme, _, token = (authorization or "").partition(" ")
        return self._access.get(token.strip()) if scheme.lower() == "bearer" else None


def _part(value: object) -> str:
    """Return one of the three parts of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
