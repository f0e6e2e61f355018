"""Logging in: what is asked, what comes back, and what each refusal means."""

from __future__ import annotations

import base64
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.dialects.tesla.login import (
    ADVICE,
    ADVICE_5XX,
    LACKS,
    LoginRequest,
    advice,
    challenge_of,
    code_from_pasted,
    code_to_wire,
    lacks,
    region_from_wire,
    scopes_from_token,
    scopes_in,
    vehicles_from_wire,
)
from sunbox.dialects.tesla.table import BASE_URLS, SCOPES

ALL = frozenset(SCOPES.split())
CODE_LETTERS = set(string.ascii_letters + string.digits + "._~+/=-")


def token(payload: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


def test_the_challenge_is_that_of_the_standard() -> None:
    """The example of RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


REQUEST = LoginRequest(
    client_id="app", redirect_uri="https://x.test/back", scopes=SCOPES, state="s", verifier="only-ours"
)


@pytest.mark.parametrize("secret", [None, "pssst"])
def test_a_code_is_traded_with_everything_that_belongs_to_it(secret: str | None) -> None:
    form = code_to_wire(REQUEST, "abcdef", audience=BASE_URLS["eu"], client_secret=secret)
    assert form.pop("client_secret", None) == secret
    assert form == {
        "grant_type": "authorization_code",
        "client_id": "app",
        "code": "abcdef",
        "code_verifier": "only-ours",
        "audience": BASE_URLS["eu"],
        "redirect_uri": "https://x.test/back",
    }
    assert "only-ours" not in repr(REQUEST)


@given(st.text(max_size=300))
def test_whatever_is_pasted_is_a_code_or_explained(text: str) -> None:
    try:
        code = code_from_pasted(text, "s")
    except ValueError as error:
        code = ""
        explained = str(error)
    assert explained.isprintable() if not code else set(code) <= CODE_LETTERS


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("https://[", "no address"),
        ("https://x.test/?error=access_denied%1b[31m&error_description=no%0ano", "access_denied"),
        ("https://x.test/?code=a%20b%20c%20d&state=s", "characters that no code has"),
        ("code=abcdef&state=other", "its state"),
    ],
)
def test_what_cannot_be_used(pasted: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        code_from_pasted(pasted, "s")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("code", ["NA_0123456789abcdef", "abcdef==", "a.b-c_d~e"])
def test_codes(code: str) -> None:
    assert code_from_pasted(code, "s") == code


@pytest.mark.parametrize(
    ("access_token", "scopes"),
    [
        (token({"scp": ["openid", "vehicle_cmds"]}), {"openid", "vehicle_cmds"}),
        (token({"scp": "openid vehicle_cmds"}), {"openid", "vehicle_cmds"}),
        (token({"scp": ["openid", 7, None, "white space", "X" * 100]}), {"openid"}),
        (token({"scp": []}), set()),
        (token({"scp": 7}), None),
        (token({}), None),
        (token([]), None),
        ("opaque", None),
        ("a.b.c", None),
        ("e30.é.c2ln", None),
        ("e30." + base64.urlsafe_b64encode(b"[" * 10_000).decode() + ".c2ln", None),
        (token({"scp": ["openid"], "more": "x" * 20_000}), None),
    ],
)
def test_scopes_of_a_token(access_token: str, scopes: set[str] | None) -> None:
    assert scopes_from_token(access_token) == scopes


def test_what_is_lacking_is_told_once() -> None:
    assert lacks(ALL) == ()
    both = lacks(ALL - {"vehicle_cmds", "vehicle_charging_cmds"})
    assert [sorted(lack.scopes) for lack in both] == [["vehicle_charging_cmds", "vehicle_cmds"]]
    assert {scope for lack in lacks(frozenset()) for scope in lack.scopes} == ALL - {"openid", "offline_access"}
    assert all(lack.scopes <= ALL for lack in LACKS)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"response": {"region": "eu", "fleet_api_base_url": "https://a.tesla.com/"}}, ("eu", "https://a.tesla.com")),
        ({"response": {"region": "mars", "fleet_api_base_url": ""}}, (None, None)),
        ({"response": {"region": 7, "fleet_api_base_url": 7}}, (None, None)),
        ({"response": None}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_the_region(document: dict[str, object], expected: tuple[str | None, str | None]) -> None:
    assert region_from_wire(document) == expected


def test_the_list_of_cars_takes_what_is_a_car() -> None:
    rows = [
        {"vin": "LRW3F7EK4NC700000", "display_name": " Rote\x1b[31m\nZora ", "state": "asleep"},
        {"vin": "LRWYGCEK0PC123456", "display_name": None, "state": None},
        {"vin": "short"},
        {"vin": 7},
        "nothing",
    ]
    first, second = vehicles_from_wire({"response": rows})
    assert (first.name, first.state) == ("Rote[31m Zora", "asleep")
    assert (second.name, second.state) == ("", "unknown")
    with pytest.raises(ValueError, match="no list of vehicles"):
        vehicles_from_wire({"response": None})


@pytest.mark.parametrize(
    ("detail", "status", "part"),
    [
        ("invalid_auth_code: expired", 400, "too old"),
        ("invalid_request: Invalid code_verifier", 400, "another login"),
        ("The 'redirect_uri' supplied is not registered for this 'client_id'.", 400, "--redirect-uri"),
        ("invalid_redirect_url", 400, "--redirect-uri"),
        ("unauthorized_client", 401, "--client-secret-file"),
        ("We don't recognize this client_id and client_secret combination", 401, "--client-id"),
        ("invalid_scope: The client is not allowed to access the requested resource.", 400, "--scopes"),
        ("Unauthorized missing scopes", 403, "allow everything"),
        ("Account x must be registered in the current region", 412, "partner_accounts"),
        ("", 412, "partner_accounts"),
        ("user out of region", 421, "--region"),
        ("login_required", 401, "password was changed"),
        ("account disabled: EXCEEDED_LIMIT", 403, "billing limit"),
        ("an HTML page", 502, "try again"),
    ],
)
def test_refusals_are_explained(detail: str, status: int, part: str) -> None:
    assert part in advice(detail, status)


def test_every_advice_can_be_reached() -> None:
    assert [advice(part) for part, _ in ADVICE] == [words for _, words in ADVICE]
    assert advice("something new", 418) == ""
    assert advice("something new") == ""
    assert advice("", 599) == ADVICE_5XX


def test_scopes_to_ask_for() -> None:
    assert scopes_in("openid,offline_access  openid") == "openid offline_access"
    with pytest.raises(ValueError, match="'OPENID' is no scope"):
        scopes_in("OPENID offline_access")
    with pytest.raises(ValueError, match="offline_access is missing"):
        scopes_in("openid")
