"""Logging in with Tesla: the address that a person opens, what comes back, what was granted, and what each refusal means.

Sources: Tesla's documents on third-party and open-source tokens, RFC 6749 and 7636; refusals as other projects met them
(timdorr/tesla-api#691: `Invalid code_verifier`; vehicle-command#18, #134; home-assistant/core#124875).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from sunbox.dialects.tesla.table import AUTHORIZE, BASE_URLS, SCOPES

CHALLENGE_METHOD = "S256"
ACCESS_DENIED = "access_denied"

VERIFIER_BYTES = 64
"""Random bytes of a verifier: as text 86 characters, the length that Tesla is known to take (timdorr/tesla-api#691)."""

OFFLINE_ACCESS = "offline_access"
"""The scope that brings a refresh token."""

LONGEST_PASTED = 8192
LONGEST_TOKEN = 16_384
_CODE = re.compile(r"[A-Za-z0-9._~+/=-]{6,2048}")
_SCOPE = re.compile(r"[a-z0-9_.:-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRequest:
    """What a login is asked for. The verifier is a secret: with it the code is worth tokens."""

    client_id: str
    redirect_uri: str
    scopes: str
    state: str
    verifier: str

    def __repr__(self) -> str:
        return f"LoginRequest(client_id={self.client_id!r})"


def challenge_of(verifier: str) -> str:
    """Return what is shown of a verifier before it is told (RFC 7636, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def authorize_url(login_url: str, request: LoginRequest) -> str:
    """Return the address that a person opens in a browser."""
    query = {
        "response_type": "code",
        "client_id": request.client_id,
        "redirect_uri": request.redirect_uri,
        "scope": request.scopes,
        "state": request.state,
        "code_challenge": challenge_of(request.verifier),
        "code_challenge_method": CHALLENGE_METHOD,
        "prompt_missing_scopes": "true",
    }
    return f"{login_url}{AUTHORIZE.path}?{urlencode(query, quote_via=quote)}"


def code_from_pasted(pasted: str, state: str) -> str:
    """Return the code in the address that a browser ended at, or the code itself.

    Raises:
        ValueError: there is none to be used; the text says why and what to do.
    """
    text = pasted.strip().strip("'\"")
    if len(text) > LONGEST_PASTED:
        raise ValueError(f"{len(text)} characters were pasted; an address has at most {LONGEST_PASTED}")
    if not ("://" in text or "=" in text.partition("&")[0].rstrip("=")):
        if _CODE.fullmatch(text):
            return text
        raise ValueError("this is neither an address nor a code; paste the whole address that the browser ended at")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("this is no address; paste the whole address that the browser ended at") from None
    query = parse_qs(parts.query or parts.fragment or ("" if "://" in text else text))
    told = {key: values[0] for key, values in query.items()}
    if parts.path.endswith(AUTHORIZE.path):
        raise ValueError("this is the address to be opened; paste the one that the browser ends at after the login")
    if "error" in told:
        detail = ": ".join(_printable(told[key]) for key in ("error", "error_description") if told.get(key))
        raise ValueError(f"Tesla sent the browser back with {detail}: {advice(detail) or 'log in again'}")
    if "code" not in told:
        raise ValueError("this address has no code=…; paste the whole address that the browser ended at")
    if told.get("state") != state:
        raise ValueError(
            "its state is not the one of this login, so the address belongs to another one, or somebody made it up: "
            "open the address that is shown here, and paste what that leads to"
        )
    if not _CODE.fullmatch(told["code"]):
        raise ValueError("its code has characters that no code has; paste the whole address, unchanged")
    return told["code"]


def code_to_wire(request: LoginRequest, code: str, *, audience: str, client_secret: str | None) -> dict[str, str]:
    """Return the form fields that trade a code for tokens."""
    form = {
        "grant_type": "authorization_code",
        "client_id": request.client_id,
        "code": code,
        "code_verifier": request.verifier,
        "audience": audience,
        "redirect_uri": request.redirect_uri,
    }
    return form if client_secret is None else {**form, "client_secret": client_secret}


def scopes_from_token(access_token: str) -> frozenset[str] | None:
    """Return the scopes that an access token says it has (unverified: it is ours to look at), None if it does not tell."""
    parts = access_token.split(".")
    if len(parts) != 3 or len(access_token) > LONGEST_TOKEN:
        return None
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    told = payload.get("scp") if isinstance(payload, Mapping) else None
    words = told.split() if isinstance(told, str) else told
    if not isinstance(words, list):
        return None
    return frozenset(word for word in words if isinstance(word, str) and _SCOPE.fullmatch(word))


@dataclass(frozen=True, slots=True)
class Lack:
    """What does not work without any of some scopes."""

    scopes: frozenset[str]
    words: str


LACKS: tuple[Lack, ...] = (
    Lack(
        frozenset({"vehicle_device_data"}),
        "no data: sunbox sees neither the cars nor whether they are plugged in, and does nothing with them",
    ),
    Lack(
        frozenset({"vehicle_cmds", "vehicle_charging_cmds"}),
        "no commands: sunbox can watch, and neither wake nor start nor stop a car",
    ),
    Lack(frozenset({"vehicle_cmds"}), "a car may refuse to be woken, and its charge port to open"),
    Lack(frozenset({"vehicle_charging_cmds"}), "a car may refuse to start, stop and to set amps and limit"),
    Lack(
        frozenset({"vehicle_location"}),
        "a car does not say where it is: write `assume_place` at the vehicle, or it is left alone as not at home",
    ),
)
"""The first row that applies to a scope is told. Whether charging needs both kinds of commands is not known for certain."""


def lacks(granted: frozenset[str]) -> tuple[Lack, ...]:
    """Return what will not work, worst first."""
    found: list[Lack] = []
    for lack in LACKS:
        if not lack.scopes & granted and not any(lack.scopes <= other.scopes for other in found):
            found.append(lack)
    return tuple(found)


def region_from_wire(document: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the region that serves an account (None = one that is not known) and its base URL (None = not told)."""
    response = document.get("response")
    told = response if isinstance(response, Mapping) else {}
    region, url = told.get("region"), told.get("fleet_api_base_url")
    known = region if isinstance(region, str) and region in BASE_URLS else None
    return known, url.rstrip("/") if isinstance(url, str) and url else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedVehicle:
    """A car as the account's list has it."""

    vin: str
    name: str
    state: str


MOST_VEHICLES = 100
LONGEST_WORDS = 60
"""Of a car's name (as in the configuration), and of what an error says."""

_VIN = re.compile(r"[A-HJ-NPR-Z0-9]{17}")


def vehicles_from_wire(document: Mapping[str, Any]) -> tuple[ListedVehicle, ...]:
    """Return the account's cars.

    Raises:
        ValueError: it is no list of vehicles.
    """
    response = document.get("response")
    if not isinstance(response, list):
        raise ValueError("the answer has no list of vehicles")  # noqa: TRY004 - a wrong body, not a wrong call
    return tuple(
        ListedVehicle(
            vin=row["vin"], name=_printable(row.get("display_name")), state=_printable(row.get("state")) or "unknown"
        )
        for row in response[:MOST_VEHICLES]
        if isinstance(row, Mapping) and isinstance(row.get("vin"), str) and _VIN.fullmatch(row["vin"])
    )


def _printable(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return "".join(each for each in " ".join(value.split()) if each.isprintable())[:LONGEST_WORDS]


_STALE_CODE = "the code is used up or too old; open the address again, and paste what it leads to at once"
_APPLICATION = (
    "check the client ID, and the client secret if the application has one, at developer.tesla.com "
    "(--client-id, --client-secret-file)"
)
_REDIRECT = (
    "the redirect URI must be one of the application's Allowed Redirect URIs at developer.tesla.com, to the letter "
    "(--redirect-uri)"
)
_NEW_LOGIN = "Tesla wants a new login: the password was changed, access was taken back, or the login was used by another program too"
_REGISTER = (
    "the application is not registered in this region. Once per region: put its public key on its domain, and have "
    "POST /api/1/partner_accounts called with a partner token; docs/tesla.md, Log in, has the steps"
)

ADVICE: tuple[tuple[str, str], ...] = (
    (ACCESS_DENIED, "access was not allowed at Tesla; log in again and allow what is asked for"),
    ("invalid_auth_code", _STALE_CODE),
    ("invalid_grant", _STALE_CODE),
    (
        "code_verifier",
        "the code belongs to another login; open the address that is shown here and paste what it leads to",
    ),
    ("redirect_ur", _REDIRECT),
    ("_client", _APPLICATION),
    ("client_id", _APPLICATION),
    (
        "invalid_scope",
        "tick these scopes for the application at developer.tesla.com, or ask for fewer with --scopes",
    ),
    ("missing scopes", "log in again and allow everything that is asked for"),
    ("must be registered", _REGISTER),
    ("exceeded_limit", "the billing limit is reached; raise it at developer.tesla.com"),
    ("mobile_access_disabled", "switch on Allow Mobile Access in the car: Controls, Safety"),
    ("login_required", _NEW_LOGIN),
)
"""Part of an error text (lower case) → what it means and what to do. The first match is told."""

ADVICE_BY_CODE: dict[int, str] = {
    401: "the login is not valid any more; log in again",
    402: "Tesla wants a method of payment; add one at developer.tesla.com",
    403: "log in again and allow everything that is asked for",
    412: _REGISTER,
    421: "the account lives in another region; log in again with --region na, eu or cn",
    423: "the account is locked; see to it at tesla.com",
    429: "too many requests; try again in some minutes",
}
ADVICE_5XX = "Tesla's service has trouble; try again in some minutes"


def advice(detail: str, status: int | None = None) -> str:
    """Return what a refusal means and what to do, nothing where that is not known."""
    lower = detail.lower()
    known = next((words for part, words in ADVICE if part in lower), "")
    if known or status is None:
        return known
    return ADVICE_BY_CODE.get(status, ADVICE_5XX if status >= 500 else "")


def scopes_in(text: str) -> str:
    """Return scopes as Tesla wants them.

    Raises:
        ValueError: one is no scope, or the one is missing that nothing lasts without.
    """
    words = list(dict.fromkeys(text.replace(",", " ").split()))
    wrong = next((word for word in words if not _SCOPE.fullmatch(word)), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} is no scope; write words such as {SCOPES}")
    if OFFLINE_ACCESS not in words:
        raise ValueError(f"{OFFLINE_ACCESS} is missing; without it the login ends after 8 hours; add it")
    return " ".join(words)
