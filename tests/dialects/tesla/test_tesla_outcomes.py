"""How requests to Tesla end: the whole table of codes, words and texts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.core.commands import Cause, Outcome
from sunbox.dialects.tesla.outcomes import ble_outcome_from_wire
from sunbox.dialects.tesla.table import BY_NAME, COMMANDS, WAKE_UP
from sunbox.dialects.tesla.wire import Ended, Failed, outcome_from_wire, read_failure_from_wire

START, STOP, AMPS, LIMIT = (
    BY_NAME[name] for name in ("charge_start", "charge_stop", "set_charging_amps", "set_charge_limit")
)
APPLIED, ALREADY_SET, REFUSED = Outcome.APPLIED, Outcome.ALREADY_SET, Outcome.REFUSED
NOT_DELIVERED, UNCONFIRMED = Outcome.NOT_DELIVERED, Outcome.UNCONFIRMED


def envelope(**response: Any) -> bytes:
    return json.dumps({"response": response}).encode()


def error(text: str, description: str = "") -> bytes:
    return json.dumps({"response": None, "error": text, "error_description": description}).encode()


WORDS = [
    ("charge_start", "is_charging", ALREADY_SET, None, None),
    ("charge_start", "charging", ALREADY_SET, None, None),
    ("charge_start", "requested", APPLIED, None, None),
    ("charge_start", "complete", REFUSED, Cause.COMPLETE, None),
    ("charge_start", "disconnected", REFUSED, Cause.DISCONNECTED, None),
    ("charge_start", "no_power", REFUSED, Cause.NO_POWER, None),
    ("charge_start", "unsigned_cmds_hardlocked", REFUSED, Cause.UNSIGNED, None),
    ("charge_start", "could_not_wake_buses", NOT_DELIVERED, Cause.BUSY, 5.0),
    ("charge_start", "not_charging", REFUSED, Cause.REFUSED, None),
    ("charge_start", "a_new_word", REFUSED, Cause.REFUSED, None),
    ("charge_stop", "not_charging", ALREADY_SET, None, None),
    ("charge_stop", "is_charging", REFUSED, Cause.REFUSED, None),
    ("set_charging_amps", "disconnected", REFUSED, Cause.DISCONNECTED, None),
    ("set_charge_limit", "already_set", ALREADY_SET, None, None),
    ("charge_standard", "already_standard", ALREADY_SET, None, None),
    ("charge_max_range", "already_max_range", ALREADY_SET, None, None),
]


@pytest.mark.parametrize("key", ["reason", "string"])
@pytest.mark.parametrize("prefix", ["", "car could not execute command: "])
@pytest.mark.parametrize(("name", "word", "outcome", "cause", "retry_after_s"), WORDS)
def test_refusal_words(
    name: str, word: str, outcome: Outcome, cause: Cause | None, retry_after_s: float | None, prefix: str, key: str
) -> None:
    ended = outcome_from_wire(BY_NAME[name], 200, {}, envelope(result=False, **{key: prefix + word}))
    assert ended == Ended(outcome=outcome, cause=cause, detail=word, retry_after_s=retry_after_s, billed=1)


def test_plain_english_is_no_word() -> None:
    ended = outcome_from_wire(START, 200, {}, envelope(result=False, reason="could not complete the command"))
    assert (ended.outcome, ended.cause) == (REFUSED, Cause.REFUSED)
    ended = outcome_from_wire(START, 200, {}, envelope(result=False, reason="vehicle is charging"))
    assert ended.outcome is ALREADY_SET


def test_success_and_its_nested_form() -> None:
    assert outcome_from_wire(LIMIT, 200, {}, '{"response":{"reason":"","result":true}}') == Ended(outcome=APPLIED)
    nested = json.dumps({"response": {"response": {"result": True, "reason": ""}}})
    assert outcome_from_wire(LIMIT, 200, {}, nested) == Ended(outcome=APPLIED)


def test_waking_proves_nothing() -> None:
    body = envelope(vin="LRW3F7EK4NC700000", state="online")
    assert outcome_from_wire(WAKE_UP, 200, {}, body) == Ended(outcome=UNCONFIRMED)
    assert outcome_from_wire(WAKE_UP, 200, {}, b"") == Ended(outcome=UNCONFIRMED)


CODES = [
    (400, error("invalid_command"), REFUSED, Cause.INVALID, None),
    (400, error("invalid_field"), REFUSED, Cause.INVALID, None),
    (400, error("invalid_request"), REFUSED, Cause.INVALID, None),
    (400, error("invalid_auth_code"), REFUSED, Cause.INVALID, None),
    (400, error("invalid_redirect_url"), REFUSED, Cause.INVALID, None),
    (400, error("unauthorized_client"), REFUSED, Cause.INVALID, None),
    (401, error("token expired (401)"), NOT_DELIVERED, Cause.LOGIN_REQUIRED, None),
    (401, error("invalid bearer token"), NOT_DELIVERED, Cause.LOGIN_REQUIRED, None),
    (401, error("login_required"), NOT_DELIVERED, Cause.LOGIN_REQUIRED, None),
    (401, error("mobile_access_disabled"), REFUSED, Cause.FORBIDDEN, None),
    (402, b"", NOT_DELIVERED, Cause.LIMIT_EXCEEDED, 900.0),
    (403, error("account disabled: EXCEEDED_LIMIT"), NOT_DELIVERED, Cause.LIMIT_EXCEEDED, 900.0),
    (403, error("Unauthorized missing scopes"), REFUSED, Cause.FORBIDDEN, None),
    (403, error("unsupported vehicle"), REFUSED, Cause.FORBIDDEN, None),
    (403, b"<html><h1>Forbidden</h1></html>", REFUSED, Cause.FORBIDDEN, None),
    (403, error("Tesla Vehicle Command Protocol required, please refer to …"), REFUSED, Cause.UNSIGNED, None),
    (404, error("not_found"), REFUSED, Cause.NOT_FOUND, None),
    (405, error("vehicle is currently in service"), NOT_DELIVERED, Cause.IN_SERVICE, 60.0),
    (406, b"", REFUSED, Cause.INVALID, None),
    (408, error("vehicle unavailable: vehicle is offline or asleep"), NOT_DELIVERED, Cause.ASLEEP, None),
    (408, b'{"error":"timeout"}', NOT_DELIVERED, Cause.ASLEEP, None),
    (408, b'{"error":"vehicle unavailable: {:error=>\\"vehicle unavailable:\\"}"}', NOT_DELIVERED, Cause.ASLEEP, None),
    (412, b"", REFUSED, Cause.INVALID, None),
    (421, error("user out of region"), REFUSED, Cause.INVALID, None),
    (
        421,
        error("user out of region, use base URL: https://fleet-api.prd.eu.vn.cloud.tesla.com, see https://x"),
        REFUSED,
        Cause.INVALID,
        None,
    ),
    (422, error("invalid data"), REFUSED, Cause.INVALID, None),
    (423, error("account locked"), NOT_DELIVERED, Cause.LOGIN_REQUIRED, None),
    (424, b"", NOT_DELIVERED, Cause.SERVER_ERROR, None),
    (429, b"", NOT_DELIVERED, Cause.RATE_LIMITED, None),
    (451, b"", REFUSED, Cause.FORBIDDEN, None),
    (499, b"", UNCONFIRMED, Cause.SERVER_ERROR, None),
    (418, b"", REFUSED, Cause.INVALID, None),
    (500, error("upstream internal error"), NOT_DELIVERED, Cause.SERVER_ERROR, None),
    (500, error("vehicle unavailable: vehicle is offline or asleep"), NOT_DELIVERED, Cause.ASLEEP, None),
    (
        500,
        error("vehicle rejected request: your public key has not been paired with the vehicle"),
        REFUSED,
        Cause.UNSIGNED,
        None,
    ),
    (500, error("operation_timedout for txid 7"), UNCONFIRMED, Cause.SERVER_ERROR, None),
    (500, error("vehicle unavailable"), NOT_DELIVERED, Cause.ASLEEP, None),
    (500, error("context deadline exceeded"), UNCONFIRMED, Cause.SERVER_ERROR, None),
    (502, b"<html><body>Bad Gateway</body></html>", NOT_DELIVERED, Cause.SERVER_ERROR, None),
    (503, b"", NOT_DELIVERED, Cause.SERVER_ERROR, None),
    (504, b"", UNCONFIRMED, Cause.SERVER_ERROR, None),
    (540, error("device unexpected response"), UNCONFIRMED, Cause.SERVER_ERROR, None),
    (520, b"", UNCONFIRMED, Cause.SERVER_ERROR, None),
]


@pytest.mark.parametrize(("status", "body", "outcome", "cause", "retry_after_s"), CODES)
def test_codes(status: int, body: bytes, outcome: Outcome, cause: Cause, retry_after_s: float | None) -> None:
    ended = outcome_from_wire(AMPS, status, {}, body)
    billed = 1 if status < 500 else 0
    assert (ended.outcome, ended.cause, ended.retry_after_s, ended.billed) == (outcome, cause, retry_after_s, billed)
    assert ended.detail
    failed = read_failure_from_wire(status, {}, body)
    assert failed == Failed(cause=cause, detail=ended.detail, retry_after_s=retry_after_s, billed=billed)


DATE = {"Date": "Sat, 01 Jun 2024 10:00:00 GMT"}
RETRIES = [
    ({"Retry-After": "120"}, b"", 120.0),
    ({"retry-after": " 37829 "}, b"", 37829.0),
    ({"Retry-After": "Sat, 01 Jun 2024 10:05:00 GMT"}, b"", None),
    ({"Retry-After": "Sat, 01 Jun 2024 10:05:00 GMT", **DATE}, b"", 300.0),
    ({"Retry-After": "Sat, 01 Jun 2024 09:00:00 GMT", **DATE}, b"", 0.0),
    ({}, b"Retry in 37829 seconds", 37829.0),
    ({}, error("rate limited", "Retry in 7 seconds"), 7.0),
    ({"RateLimit-Reset": "33"}, b"", 33.0),
    ({"RateLimit-Reset": "1717236060", **DATE}, b"", 60.0),
    ({"RateLimit-Reset": "1717236060"}, b"", None),
    ({"Retry-After": "soon", "RateLimit-Reset": "9"}, b"", 9.0),
    ({"Retry-After": "-5"}, b"", None),
    ({"Retry-After": "nan"}, b"", None),
    ({}, b"<html>slow down</html>", None),
]


@pytest.mark.parametrize(("headers", "body", "expected_s"), RETRIES)
def test_when_to_ask_again(headers: dict[str, str], body: bytes, expected_s: float | None) -> None:
    ended = outcome_from_wire(AMPS, 429, headers, body)
    assert (ended.cause, ended.retry_after_s) == (Cause.RATE_LIMITED, expected_s)
    assert read_failure_from_wire(429, headers, body).retry_after_s == expected_s


def test_a_rate_limit_is_one_whatever_its_text_says() -> None:
    assert outcome_from_wire(AMPS, 429, {}, error("vehicle unavailable")).cause is Cause.RATE_LIMITED


def test_server_errors_may_carry_retry_after_and_refusals_never_do() -> None:
    assert outcome_from_wire(AMPS, 503, {"Retry-After": "30"}, b"").retry_after_s == 30.0
    assert outcome_from_wire(AMPS, 400, {"Retry-After": "30"}, b"").retry_after_s is None


def test_details_help() -> None:
    told = "user out of region, use base URL: https://fleet-api.prd.na.vn.cloud.tesla.com, see https://evil.example"
    assert "use base URL https://fleet-api.prd.na.vn.cloud.tesla.com" in outcome_from_wire(AMPS, 421, {}, told).detail
    elsewhere = "use base URL: https://fleet-api.tesla.com.evil.example"
    assert "use base URL https" not in outcome_from_wire(AMPS, 421, {}, elsewhere).detail
    assert "region" in outcome_from_wire(AMPS, 412, {}, b"").detail
    assert outcome_from_wire(AMPS, 502, {}, b"<html>x</html>").detail == "an HTML page"
    assert outcome_from_wire(AMPS, 503, {}, b"").detail == "HTTP 503"
    fields = json.dumps({"error": "invalid data", "messages": {"percent": ["too low"]}})
    assert outcome_from_wire(LIMIT, 422, {}, fields).detail == 'invalid data ({"percent": ["too low"]})'
    assert len(outcome_from_wire(AMPS, 500, {}, "x" * 10_000).detail) == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html/>",
        b"{}",
        b'{"response":null}',
        b'{"response":{"result":"yes"}}',
        b"\xff\xfe",
        b"[" * 9000,
    ],
)
def test_an_unreadable_success_is_unconfirmed(body: bytes) -> None:
    ended = outcome_from_wire(START, 200, {}, body)
    assert (ended.outcome, ended.cause, ended.billed) == (UNCONFIRMED, Cause.BAD_ANSWER, 1)
    assert read_failure_from_wire(200, {}, body).cause is Cause.BAD_ANSWER


def test_an_error_under_200_is_believed() -> None:
    body = error("vehicle unavailable: vehicle is offline or asleep")
    assert outcome_from_wire(START, 200, {}, body).cause is Cause.ASLEEP
    assert read_failure_from_wire(200, {}, body).cause is Cause.ASLEEP


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["response", "result", "reason", "string", "error", "error_description", "messages"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    endpoint=st.sampled_from([*COMMANDS, WAKE_UP]),
    status=st.integers(100, 999),
    headers=st.dictionaries(st.sampled_from(["Retry-After", "Date", "RateLimit-Reset"]) | st.text(), st.text()),
    body=json_values.map(json.dumps) | st.binary() | st.text(),
)
def test_nothing_raises(endpoint: Any, status: int, headers: dict[str, str], body: bytes | str) -> None:
    ended = outcome_from_wire(endpoint, status, headers, body)
    assert ended.billed == (1 if status < 500 else 0)
    assert ended.retry_after_s is None or ended.retry_after_s >= 0
    assert (ended.cause is None) == (
        ended.outcome in (APPLIED, ALREADY_SET) or (endpoint is WAKE_UP and status // 100 == 2)
    )
    assert len(ended.detail) <= 200
    assert isinstance(read_failure_from_wire(status, headers, body).cause, Cause)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 540])
def test_a_servers_error_does_not_prove_that_what_adds_was_not_done(status: int) -> None:
    add, remove = BY_NAME["add_charge_schedule"], BY_NAME["remove_charge_schedule"]
    for body in (b"", b"<html>Bad Gateway</html>", error("upstream internal error")):
        assert outcome_from_wire(add, status, {}, body).outcome is UNCONFIRMED
        assert ble_outcome_from_wire(add, status, body).outcome is UNCONFIRMED
    absolute = outcome_from_wire(remove, status, {}, b"").outcome
    assert absolute is (UNCONFIRMED if status in (504, 540) else NOT_DELIVERED)
    asleep = error("vehicle unavailable: vehicle is offline or asleep")
    assert outcome_from_wire(add, status, {}, asleep).outcome is NOT_DELIVERED  # this text does
