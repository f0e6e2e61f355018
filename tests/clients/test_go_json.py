"""The strict decoder is as strict as Go's, and not stricter."""

from __future__ import annotations

import pytest
from go_json import Decoded, GoDecodeError, Kind, ListOf, Struct, decode

STRUCT: Struct = {
    "count": Kind.INT,
    "big": Kind.UINT64,
    "level": Kind.FLOAT,
    "is_on": Kind.BOOL,
    "name": Kind.TEXT,
    "more": Kind.ANY,
    "alerts": Kind.LIST,
    "inner": {"session_s": Kind.INT64},
    "rows": ListOf({"vin": Kind.TEXT}),
}


def test_what_fits() -> None:
    text = (
        b'{"count": -3, "big": 18446744073709551615, "level": 7, "is_on": true, "name": "7", "more": [1], '
        b'"alerts": [], "inner": {"session_s": 9}, "rows": [{"vin": "X"}], "unknown": {"of": "no interest"}}'
    )
    decoded = decode(text, STRUCT)
    assert decoded.absent == frozenset()
    assert (decoded["count"], decoded["big"], decoded["level"]) == (-3, 2**64 - 1, 7.0)
    assert (decoded["is_on"], decoded["name"], decoded["alerts"], decoded["inner.session_s"]) == (True, "7", [], 9)
    assert decoded["rows"] == [{"vin": "X"}]


@pytest.mark.parametrize("text", [b"{}", b'{"count": null, "inner": null, "rows": null}', b"null"])
def test_what_is_missing_or_null_stays_zero_and_is_noticed(text: bytes) -> None:
    decoded = decode(text, STRUCT)
    assert (decoded["count"], decoded["level"], decoded["is_on"], decoded["name"]) == (0, 0.0, False, "")
    assert (decoded["inner.session_s"], decoded["rows"]) == (0, None)
    assert {"count", "big", "level", "is_on", "name", "inner.session_s", "rows"} <= decoded.absent


@pytest.mark.parametrize("text", [b'{"COUNT": 5}', b'{"count": 4, "Count": 5}'])
def test_names_match_in_any_case(text: bytes) -> None:
    assert decode(text, STRUCT)["count"] == 5


@pytest.mark.parametrize(
    "text",
    [
        b'{"count": 1.0}',
        b'{"count": 1e2}',
        b'{"count": "1"}',
        b'{"count": true}',
        b'{"count": 9223372036854775808}',
        b'{"count": []}',
        b'{"big": -1}',
        b'{"level": "7.5"}',
        b'{"level": 1e999}',
        b'{"level": NaN}',
        b'{"is_on": 1}',
        b'{"is_on": "true"}',
        b'{"name": 7}',
        b'{"name": false}',
        b'{"alerts": {}}',
        b'{"inner": []}',
        b'{"inner": {"session_s": 0.5}}',
        b'{"rows": {}}',
        b'{"rows": [{"vin": 1}]}',
        b"[]",
        b"1",
        b"",
        b"{",
        b"<html>",
    ],
)
def test_what_does_not_fit_loses_the_whole_answer(text: bytes) -> None:
    with pytest.raises(GoDecodeError):
        decode(text, STRUCT)


def test_an_answer_is_read_by_dotted_names() -> None:
    assert Decoded({"a": {"b": 1}}, frozenset())["a.b"] == 1
