"""Logging in at Tesla's cloud: the page that a browser opens, the codes that it sends back, and what each is good for.

A code is good once, for two minutes, for the application and the redirect URI that asked for it, and only together with the
verifier whose hash was in the page's address (PKCE, RFC 7636). There is no form: the person who logs in has agreed already, or
not (`denies`).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.login import ACCESS_DENIED, CHALLENGE_METHOD, challenge_of
from sunbox.simulator.faults import Reply

CODE_LASTS_S = 120.0
"""Tesla's is not known; `invalid_auth_code` "likely means the code is expired" (its document on third-party tokens)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What developer.tesla.com knows of the application; None = anything goes."""

    client_id: str | None = None
    client_secret: str | None = None  #: None = it has none, as open-source applications
    redirect_uri: str | None = None

    def knows(self, form: Mapping[str, str]) -> bool:
        """Return whether a form names this application and has its secret."""
        named = form.get("client_id", "")
        return (
            bool(named) and self.client_id in {None, named} and self.client_secret in {None, form.get("client_secret")}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a code stands for."""

    client_id: str
    redirect_uri: str
    challenge: str  #: "" = none was sent
    scopes: frozenset[str]
    until_at: datetime


class LoginPage:
    """The page and its codes."""

    def __init__(self, seed: int, application: Application, allowed: frozenset[str], *, denies: bool = False) -> None:
        """Begin without codes. `allowed` are the scopes that the person agrees to, `denies` has them agree to nothing."""
        self._rng = random.Random(f"{seed}/login")
        self._application, self._allowed, self._denies = application, allowed, denies
        self._codes: dict[str, Granted] = {}

    def knows(self, form: Mapping[str, str]) -> bool:
        """Return whether a form names the application and has its secret."""
        return self._application.knows(form)

    def open(self, query: Mapping[str, str], at: datetime) -> Reply:
        """Return what the browser gets: it is sent on to the application's own address, or shown what is wrong."""
        named, redirect_uri = query.get("client_id", ""), query.get("redirect_uri", "")
        if not named or self._application.client_id not in {None, named}:
            return _page("We don't recognize this client_id. Please use the client_id found in your app details.")
        if not urlsplit(redirect_uri).scheme or self._application.redirect_uri not in {None, redirect_uri}:
            return _page("We don't recognize this redirect_uri. Please use the redirect_uri found in your app details.")
        back = {key: query[key] for key in ("state",) if key in query}
        challenge = query.get("code_challenge", "")
        if query.get("response_type") != "code" or (
            challenge and query.get("code_challenge_method") != CHALLENGE_METHOD
        ):
            return _sent_to(redirect_uri, {"error": envelopes.INVALID_REQUEST, **back})
        if self._denies:
            return _sent_to(redirect_uri, {"error": ACCESS_DENIED, "error_description": "the user said no", **back})
        code = f"EU_{self._rng.getrandbits(128):032x}"
        self._codes = {key: other for key, other in self._codes.items() if at < other.until_at}
        self._codes[code] = Granted(
            client_id=named,
            redirect_uri=redirect_uri,
            challenge=challenge,
            scopes=self._allowed & frozenset(query.get("scope", "").split()),
            until_at=at + timedelta(seconds=CODE_LASTS_S),
        )
        return _sent_to(redirect_uri, {"code": code, **back})

    def trade(self, form: Mapping[str, str], at: datetime) -> Granted | Reply:
        """Return what the code of a form stands for, or the refusal. A code is worth nothing after any try."""
        if not self._application.knows(form):
            words = "We don't recognize this client_id and client_secret combination."
            return _refused(401, envelopes.UNAUTHORIZED_CLIENT, words)
        granted = self._codes.pop(form.get("code", ""), None)
        if granted is None or at >= granted.until_at or granted.client_id != form["client_id"]:
            return _refused(400, envelopes.INVALID_AUTH_CODE, "the code is unknown, used or expired")
        if granted.redirect_uri != form.get("redirect_uri"):
            return _refused(400, envelopes.INVALID_REDIRECT, "not the redirect_uri that asked for the code")
        if granted.challenge and challenge_of(form.get("code_verifier", "")) != granted.challenge:
            return _refused(400, envelopes.INVALID_REQUEST, "Invalid code_verifier")
        if not form.get("audience"):
            return _refused(400, envelopes.INVALID_REQUEST, "audience")
        return granted


def _page(text: str) -> Reply:
    return Reply(status=400, body=f"<!DOCTYPE html><html><body><h1>Error has occurred</h1><p>{text}</p></body></html>")


def _sent_to(redirect_uri: str, query: Mapping[str, str]) -> Reply:
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return Reply(status=302, body="", headers={"Location": f"{redirect_uri}{joint}{urlencode(query)}"})


def _refused(status: int, error: str, description: str) -> Reply:
    return Reply(status=status, body={"error": error, "error_description": description})
