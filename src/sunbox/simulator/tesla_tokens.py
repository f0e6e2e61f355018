"""Tokens that rotate as Tesla's do.

Each refresh gives a new refresh token. The one before it stays good until the new one, or an access token that came with it,
is used for the first time: whoever dies between receiving and saving can still log in. The strict switch ends that: a refresh
token is single-use at once, and using it again means that a person must log in.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.wire import Tokens

FIRST_REFRESH, FIRST_ACCESS = "simulated-refresh", "simulated-access"
"""The tokens that the simulated account begins with."""


@dataclass(slots=True)
class _Grant:
    parent: str | None  #: refresh token that this one was traded for, until this one is used


class TokenStore:
    """All tokens of one account."""

    def __init__(self, seed: int, began_at: datetime, *, lasts_s: float = 8 * 3600.0, is_strict: bool = False) -> None:
        self.lasts_s, self.is_strict = lasts_s, is_strict
        self._rng = random.Random(f"{seed}/tokens")
        self._count = 0
        self._grants: dict[str, _Grant] = {FIRST_REFRESH: _Grant(None)}
        self._access: dict[str, tuple[str | None, datetime]] = {}
        self._remember(FIRST_ACCESS, None, began_at)

    def _remember(self, access: str, refresh: str | None, at: datetime) -> None:
        # expired ones are forgotten after another life time, so that the store does not grow for ever
        horizon_at = at - timedelta(seconds=self.lasts_s)
        self._access = {token: row for token, row in self._access.items() if row[1] > horizon_at}
        self._access[access] = (refresh, at + timedelta(seconds=self.lasts_s))

    def log_in(self, at: datetime) -> Tokens:
        """Return the tokens of a fresh login."""
        return self._issue(None, at)

    def _issue(self, parent: str | None, at: datetime) -> Tokens:
        self._count += 1
        tail = f"{self._count}-{self._rng.getrandbits(64):016x}"
        access, refresh = f"access-{tail}", f"refresh-{tail}"
        self._grants[refresh] = _Grant(parent)
        self._remember(access, refresh, at)
        return Tokens(access_token=access, refresh_token=refresh, expires_in_s=self.lasts_s)

    def refresh(self, refresh_token: str, at: datetime) -> Tokens | None:
        """Return new tokens for a refresh token, None if it is worth nothing (login required)."""
        if refresh_token not in self._grants:
            return None
        self._used(refresh_token)
        if self.is_strict:
            del self._grants[refresh_token]
            return self._issue(None, at)
        return self._issue(refresh_token, at)

    def _used(self, refresh_token: str) -> None:
        """Note that a refresh token reached its owner: the one before it ends, and with it what else came of that one."""
        grant = self._grants.get(refresh_token)
        if grant is None or grant.parent is None:
            return
        parent, grant.parent = grant.parent, None
        self._grants = {token: other for token, other in self._grants.items() if parent not in (token, other.parent)}

    def refusal(self, authorization: str | None, at: datetime) -> str | None:
        """Return Tesla's words for a bad Authorization header, None for a good one (which counts as use)."""
        scheme, _, token = (authorization or "").partition(" ")
        row = self._access.get(token.strip()) if scheme.lower() == "bearer" else None
        if row is None:
            return envelopes.INVALID_TOKEN
        refresh, expires_at = row
        if at >= expires_at:
            return envelopes.TOKEN_EXPIRED
        if refresh is not None:
            self._used(refresh)
        return None
