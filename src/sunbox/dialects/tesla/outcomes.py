"""How a request to Tesla ended: HTTP code, headers and body become one of the core's outcomes with its cause.

HTTP 200 is no success: `response.result` says. The refusal word comes bare (`is_charging`), prefixed by the signing proxy
(`car could not execute command: is_charging`) or under `string` instead of `reason`. Bodies may be HTML or plain text.
Sources: Tesla's "Conventions" page, `vehicle-command:pkg/proxy/proxy.go`, TWCManager `Vehicle/TeslaAPI.py`,
home-assistant `tesla_fleet/helpers.py`, TeslaMate (900 s after EXCEEDED_LIMIT).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from sunbox.core.commands import Cause, Outcome
from sunbox.dialects.tesla import proxies
from sunbox.dialects.tesla.table import WAKE_UP, Endpoint

DETAIL_CHARS = 200
"""Longest detail kept: enough for Tesla's own texts, too short for a page."""

APPLIED, ALREADY_SET, REFUSED = Outcome.APPLIED, Outcome.ALREADY_SET, Outcome.REFUSED
NOT_DELIVERED, UNCONFIRMED = Outcome.NOT_DELIVERED, Outcome.UNCONFIRMED


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended. `billed` counts requests that Tesla charges for (every answer below 500)."""

    outcome: Outcome
    cause: Cause | None = None
    detail: str = ""
    retry_after_s: float | None = None
    billed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Why a read brought nothing."""

    cause: Cause
    detail: str = ""
    retry_after_s: float | None = None
    billed: int = 1


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row: what a word, text or code says."""

    outcome: Outcome
    cause: Cause | None = None
    retry_after_s: float | None = None


BUSY_RETRY_S = 5.0  #: TWCManager waits 5 s after could_not_wake_buses
LIMIT_RETRY_S = 900.0  #: EXCEEDED_LIMIT carries no Retry-After; TeslaMate waits 15 min
SERVICE_RETRY_S = 60.0

WORDS: tuple[tuple[str, str | None, Meaning], ...] = (
    ("is_charging", "charge_start", Meaning(ALREADY_SET)),
    ("charging", "charge_start", Meaning(ALREADY_SET)),
    ("requested", None, Meaning(APPLIED)),
    ("not_charging", "charge_stop", Meaning(ALREADY_SET)),
    ("already_set", None, Meaning(ALREADY_SET)),
    ("already_standard", None, Meaning(ALREADY_SET)),
    ("already_max_range", None, Meaning(ALREADY_SET)),
    ("complete", None, Meaning(REFUSED, Cause.COMPLETE)),
    ("disconnected", None, Meaning(REFUSED, Cause.DISCONNECTED)),
    ("no_power", None, Meaning(REFUSED, Cause.NO_POWER)),
    ("could_not_wake_buses", None, Meaning(NOT_DELIVERED, Cause.BUSY, BUSY_RETRY_S)),
    ("unsigned_cmds_hardlocked", None, Meaning(REFUSED, Cause.UNSIGNED)),
)
"""Refusal word, the endpoint that it is said by (None = any), meaning. `requested`: stored, though not yet drawing."""

TEXTS: tuple[tuple[str, Meaning], ...] = (
    ("vehicle command protocol required", Meaning(REFUSED, Cause.UNSIGNED)),
    ("public key has not been paired", Meaning(REFUSED, Cause.UNSIGNED)),
    ("unsigned_cmds_hardlocked", Meaning(REFUSED, Cause.UNSIGNED)),
    ("exceeded_limit", Meaning(NOT_DELIVERED, Cause.LIMIT_EXCEEDED, LIMIT_RETRY_S)),
    ("could_not_wake_buses", Meaning(NOT_DELIVERED, Cause.BUSY, BUSY_RETRY_S)),
    ("mobile_access_disabled", Meaning(REFUSED, Cause.FORBIDDEN)),
    ("login_required", Meaning(NOT_DELIVERED, Cause.LOGIN_REQUIRED)),
    ("offline or asleep", Meaning(NOT_DELIVERED, Cause.ASLEEP)),
    ("vehicle unavailable", Meaning(NOT_DELIVERED, Cause.ASLEEP)),
    ("context deadline exceeded", Meaning(UNCONFIRMED, Cause.SERVER_ERROR)),
    ("operation_timedout", Meaning(UNCONFIRMED, Cause.SERVER_ERROR)),
)
"""Part of an error text (lower case), whatever the code: the signing proxy turns 408 and 503 into 500. First match wins."""

BLE_TEXTS: tuple[tuple[str, Meaning], ...] = (
    (proxies.BLE_OUT_OF_RANGE, Meaning(NOT_DELIVERED, Cause.OUT_OF_RANGE)),
    (proxies.BLE_NOT_CONNECTED, Meaning(NOT_DELIVERED, Cause.UNREACHABLE)),
    (proxies.BLE_NO_HANDSHAKE, Meaning(NOT_DELIVERED, Cause.UNREACHABLE)),
    (proxies.BLE_NOT_WOKEN, Meaning(NOT_DELIVERED, Cause.ASLEEP)),
    (proxies.BLE_ASLEEP, Meaning(NOT_DELIVERED, Cause.ASLEEP)),
    (proxies.BLE_SLEEP_UNKNOWN, Meaning(NOT_DELIVERED, Cause.ASLEEP)),
    (proxies.BLE_NO_KEY, Meaning(REFUSED, Cause.FORBIDDEN)),
    *((text, Meaning(REFUSED, Cause.INVALID)) for text in proxies.BLE_WRONG),
)
"""Beginning of what TeslaBleHttpProxy says → meaning: with these nothing has reached the car's charging."""

CODES: dict[int, Meaning] = {
    400: Meaning(REFUSED, Cause.INVALID),
    401: Meaning(NOT_DELIVERED, Cause.LOGIN_REQUIRED),
    402: Meaning(NOT_DELIVERED, Cause.LIMIT_EXCEEDED, LIMIT_RETRY_S),
    403: Meaning(REFUSED, Cause.FORBIDDEN),
    404: Meaning(REFUSED, Cause.NOT_FOUND),
    405: Meaning(NOT_DELIVERED, Cause.IN_SERVICE, SERVICE_RETRY_S),
    406: Meaning(REFUSED, Cause.INVALID),
    408: Meaning(NOT_DELIVERED, Cause.ASLEEP),
    412: Meaning(REFUSED, Cause.INVALID),
    421: Meaning(REFUSED, Cause.INVALID),
    422: Meaning(REFUSED, Cause.INVALID),
    423: Meaning(NOT_DELIVERED, Cause.LOGIN_REQUIRED),
    424: Meaning(NOT_DELIVERED, Cause.SERVER_ERROR),
    429: Meaning(NOT_DELIVERED, Cause.RATE_LIMITED),
    451: Meaning(REFUSED, Cause.FORBIDDEN),
    499: Meaning(UNCONFIRMED, Cause.SERVER_ERROR),
    500: Meaning(NOT_DELIVERED, Cause.SERVER_ERROR),
    502: Meaning(NOT_DELIVERED, Cause.SERVER_ERROR),
    503: Meaning(NOT_DELIVERED, Cause.SERVER_ERROR),
    504: Meaning(UNCONFIRMED, Cause.SERVER_ERROR),
    540: Meaning(UNCONFIRMED, Cause.SERVER_ERROR),
}
"""HTTP code → meaning. After 504 and 540 the command may have run."""

_EXPLAINED: dict[int, str] = {
    412: "this application is not registered in the account's region",
    421: "wrong region",
    423: "the account is locked",
}
_OTHER_4XX = Meaning(REFUSED, Cause.INVALID)
_OTHER_5XX = Meaning(UNCONFIRMED, Cause.SERVER_ERROR)
_UNREADABLE = Meaning(UNCONFIRMED, Cause.BAD_ANSWER)

_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,6})?")
_RETRY_TEXT = re.compile(r"retry in (\d{1,9}) second", re.IGNORECASE)
_BASE_URL = re.compile(r"use base url:\s*(https?://[^\s,;\"'<>]+)", re.IGNORECASE)
_ALTERNATIVE = re.compile(r"\bh2=\"?(https?://[^\s,;\"]+)", re.IGNORECASE)
_TOKENS = re.compile(r"[a-z0-9_]+")


def outcome_from_wire(endpoint: Endpoint, status: int, headers: Mapping[str, str], body: bytes | str) -> Ended:
    """Return how a command ended. Never raises, whatever the body is."""
    if not 200 <= status < 300:
        return _unless_it_adds(endpoint, _failed(status, headers, body))
    if endpoint is WAKE_UP:
        # It answers at once with the old state, and to have been heard is not to be awake.
        return Ended(outcome=UNCONFIRMED)
    text, document = _read(body)
    response = document.get("response") if isinstance(document, Mapping) else None
    if isinstance(response, Mapping) and isinstance(response.get("response"), Mapping):
        response = response["response"]
    result = response.get("result") if isinstance(response, Mapping) else None
    if not isinstance(response, Mapping) or not isinstance(result, bool):
        meaning = _by_text(text) or _UNREADABLE
        return _ended(meaning, _detail(text, document) or "no result in the answer")
    if result:
        return Ended(outcome=APPLIED)
    told = response.get("reason") or response.get("string")
    reason = _line(told) if isinstance(told, str) else ""
    meaning = _by_word(endpoint, reason) or _by_text(reason) or Meaning(REFUSED, Cause.REFUSED)
    return _ended(meaning, reason.rpartition(": ")[2])


def ble_outcome_from_wire(endpoint: Endpoint, status: int, body: bytes | str) -> Ended:
    """Return how a command ended that went through TeslaBleHttpProxy, which bills nothing. Never raises."""
    text, document = _read(body)
    response = document.get("response") if isinstance(document, Mapping) else None
    result = response.get("result") if isinstance(response, Mapping) else None
    if not isinstance(response, Mapping) or not isinstance(result, bool):
        meaning = CODES.get(status, _UNREADABLE) if not 200 <= status < 300 else _UNREADABLE
        return _unless_it_adds(
            endpoint, replace(_ended(meaning, _detail(text, document) or f"HTTP {status}"), billed=0)
        )
    if result:
        # It only queues a wake, and to have been heard is not to be awake.
        return Ended(outcome=UNCONFIRMED if endpoint.core is WAKE_UP.core else APPLIED, billed=0)
    reason = _line(str(response.get("reason") or ""))
    meaning = (
        next((each for start, each in BLE_TEXTS if reason.lower().startswith(start.lower())), None)
        or _by_word(endpoint, reason)
        or _by_text(reason)
        or Meaning(UNCONFIRMED, Cause.SERVER_ERROR)
    )
    return replace(_ended(meaning, reason), billed=0)


def _unless_it_adds(endpoint: Endpoint, ended: Ended) -> Ended:
    """Return the end of a command; a server's error does not prove that one which adds was not done, so it is not repeated."""
    if endpoint.additive and ended.outcome is NOT_DELIVERED and ended.cause is Cause.SERVER_ERROR:
        return replace(ended, outcome=UNCONFIRMED)
    return ended


def read_failure_from_wire(status: int, headers: Mapping[str, str], body: bytes | str) -> Failed:
    """Return why a read brought nothing; a 2xx whose body could not be used is BAD_ANSWER. Never raises."""
    if 200 <= status < 300:
        text, document = _read(body)
        meaning = _by_text(text) if isinstance(document, Mapping) and not document.get("response") else None
        cause = meaning.cause if meaning is not None else None
        return Failed(cause=cause or Cause.BAD_ANSWER, detail=_detail(text, document), billed=1)
    ended = _failed(status, headers, body)
    cause = ended.cause or Cause.BAD_ANSWER
    return Failed(cause=cause, detail=ended.detail, retry_after_s=ended.retry_after_s, billed=ended.billed)


def _failed(status: int, headers: Mapping[str, str], body: bytes | str) -> Ended:
    """Return what an HTTP code other than 2xx says; its text may know better than its number."""
    text, document = _read(body)
    fallback = CODES.get(status, _OTHER_5XX if status >= 500 else _OTHER_4XX)
    # A rate limit is one, whatever the text around it says.
    meaning = fallback if status == 429 else _by_text(text) or fallback
    detail = _detail(text, document)
    if status == WRONG_REGION and (url := base_url_from_wire(headers, text)) and is_tesla_url(url):
        detail = f"use base URL {url}"
    if status in _EXPLAINED:
        detail = f"{_EXPLAINED[status]}: {detail}" if detail else _EXPLAINED[status]
    ended = _ended(meaning, detail or f"HTTP {status}")
    return replace(ended, retry_after_s=_retry_after_s(meaning, headers, text), billed=1 if status < 500 else 0)


WRONG_REGION = 421
TESLA_SUFFIXES = (".tesla.com", ".tesla.cn")


def is_tesla_url(url: str) -> bool:
    """Return whether an address is one of Tesla's own, so that tokens may be sent to it."""
    parts = urlsplit(url)
    is_bare = not parts.username and not parts.password
    return parts.scheme == "https" and is_bare and (parts.hostname or "").endswith(TESLA_SUFFIXES)


def base_url_from_wire(headers: Mapping[str, str], body: bytes | str) -> str | None:
    """Return the address that an answer 421 names, in `Alt-Svc` or in its text. Whether it may be trusted is not said here."""
    lower = {name.lower(): value for name, value in headers.items()}
    found = _ALTERNATIVE.search(lower.get("alt-svc", "")) or _BASE_URL.search(_read(body)[0])
    return found.group(1).rstrip("/.") if found else None


def _ended(meaning: Meaning, detail: str) -> Ended:
    return Ended(
        outcome=meaning.outcome, cause=meaning.cause, detail=detail[:DETAIL_CHARS], retry_after_s=meaning.retry_after_s
    )


def _by_word(endpoint: Endpoint, reason: str) -> Meaning | None:
    """Return the meaning of a refusal word: the whole last part, else the last token, else a token with an underscore.

    Words without underscore are also plain English (`could not complete the command`), so in the middle they do not count.
    """
    tokens = _TOKENS.findall(reason.lower())
    for word, said_by, meaning in WORDS:
        if said_by is not None and said_by != endpoint.name:
            continue
        if tokens and (tokens[-1] == word or ("_" in word and word in tokens)):
            return meaning
    return None


def _by_text(text: str) -> Meaning | None:
    lower = text.lower()
    return next((meaning for part, meaning in TEXTS if part in lower), None)


def _read(body: bytes | str) -> tuple[str, Any]:
    """Return a body as text and, where it is JSON, as document (else None)."""
    text = body.decode("utf-8", errors="replace") if isinstance(body, bytes) else body
    try:
        return text, json.loads(text)
    except (ValueError, RecursionError):
        return text, None


def _line(text: str) -> str:
    return " ".join(text.split())


def _detail(text: str, document: Any) -> str:
    """Return what an error body tells people, as one short line; a page tells nothing."""
    if isinstance(document, Mapping):
        parts = [document.get("error"), document.get("error_description"), document.get("message")]
        told = ": ".join(_line(part) for part in parts if isinstance(part, str) and part.strip())
        messages = document.get("messages")
        if isinstance(messages, Mapping) and messages:
            told = f"{told} ({_line(json.dumps(messages))})" if told else _line(json.dumps(messages))
        return told[:DETAIL_CHARS]
    line = _line(text[: DETAIL_CHARS * 4])
    return "an HTML page" if line.startswith("<") else line[:DETAIL_CHARS]


def _retry_after_s(meaning: Meaning, headers: Mapping[str, str], text: str) -> float | None:
    """Return after how many seconds to ask again: Retry-After, `Retry in N seconds`, RateLimit-Reset, the row's own."""
    if meaning.outcome is REFUSED:
        return None
    lower = {name.lower(): value for name, value in headers.items()}
    sent_at = _http_date(lower.get("date"))
    told = _header_s(lower.get("retry-after"), sent_at)
    if told is not None:
        return told
    if found := _RETRY_TEXT.search(text):
        return float(found.group(1))
    if meaning.cause is Cause.RATE_LIMITED:
        told = _header_s(lower.get("ratelimit-reset"), sent_at)
        if told is not None:
            return told
    return meaning.retry_after_s


def _header_s(value: str | None, sent_at: datetime | None) -> float | None:
    """Return seconds from a header that has seconds, seconds since 1970 or an HTTP date (both against the answer's Date)."""
    if value is None:
        return None
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    until_at = _http_date(value)
    if value.isascii() and value.isdigit() and len(value) == 10 and sent_at is not None:
        return max(0.0, float(value) - sent_at.timestamp())
    if until_at is None or sent_at is None:
        return None
    return max(0.0, (until_at - sent_at).total_seconds())


def _http_date(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return parsed if parsed.tzinfo is not None else None
