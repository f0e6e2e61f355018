"""Filters and settings as clients write them, and whatever else may arrive: never a traceback, never half a value."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sunbox.dialects.goe.box import Box
from sunbox.dialects.goe.profiles import PROFILES, STANDARD, Profile
from sunbox.dialects.goe.query import (
    EMPTY,
    INCOMPLETE,
    INVALID,
    MOST_VALUE_CHARS,
    TOO_DEEP,
    TOO_LONG,
    BadJson,
    filter_from_query,
    json_from_text,
    payload_from_query,
    settings_from_query,
)
from sunbox.dialects.goe.settings import judge
from sunbox.dialects.goe.state import DEVICE, first_state
from sunbox.dialects.goe.table import BY_NAME, KEYS
from sunbox.dialects.goe.wire import fits, json_to_wire

STATE = first_state(datetime(2024, 6, 17, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ()),
        ("filter=", ()),
        ("filter=alw,car,eto", ("alw", "car", "eto")),
        ("filter=alw%2Ccar%2Ceto", ("alw", "car", "eto")),
        ("filter=alw,+car,+eto", ("alw", "car", "eto")),
        ("filter=alw+car", ("alw", "car")),
        ('filter=["rfb","alw"]', ("rfb", "alw")),
        ("filter=%5B%22rfb%22%2C%20%22alw%22%5D", ("rfb", "alw")),
        ("filter=alw,alw", ("alw",)),
        ("filter=,alw,,", ("alw",)),
        ("filter=[]", ()),
        ("other=1&filter=alw&filter=car", ("alw",)),
        ("filter", ()),
        ("filter=%FF,alw", ("\ufffd", "alw")),
    ],
)
def test_filters(query: str, names: tuple[str, ...]) -> None:
    assert filter_from_query(query) == names


@pytest.mark.parametrize(
    ("query", "items"),
    [
        ("", ()),
        ("amp=16", (("amp", "16"),)),
        ("acs=1&lmo=3&frc=2", (("acs", "1"), ("lmo", "3"), ("frc", "2"))),
        ("fna=%22my+gw%22", (("fna", '"my gw"'),)),
        ('fna="my%20gw"', (("fna", '"my gw"'),)),
        ("ids=%7B%22pGrid%22:-13%7D", (("ids", '{"pGrid":-13}'),)),
        ("cid=%22%23FF0000%22", (("cid", '"#FF0000"'),)),
        ("amp", (("amp", ""),)),
        ("dwo=3.14&&", (("dwo", "3.14"),)),
        ("fna=a=b", (("fna", "a=b"),)),
    ],
)
def test_settings(query: str, items: tuple[tuple[str, str], ...]) -> None:
    assert settings_from_query(query) == items


@pytest.mark.parametrize(
    ("query", "payload"),
    [
        ("payload=amp=16", ("amp", "16")),
        ("payload=alw%3D1", ("alw", "1")),
        ("payload=amp", None),
        ("payload=", None),
        ("", None),
        ("amp=16", None),
    ],
)
def test_payloads(query: str, payload: tuple[str, str] | None) -> None:
    assert payload_from_query(query) == payload


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16", 16),
        (" true ", True),
        ("null", None),
        ('"a"', "a"),
        ("", EMPTY),
        ("  ", EMPTY),
        ('"', INCOMPLETE),
        ('{"a":', INCOMPLETE),
        ("[1,", INCOMPLETE),
        ("mqtt://x", INVALID),
        ("16 17", INVALID),
        ("NaN", INVALID),
        ("-Infinity", INVALID),
        ('"\\ud800"', INVALID),
        ('"a\nb"', INVALID),
        ("1e999", INVALID),
        ("9" * 5000, INVALID),
        ("[" * 11, TOO_DEEP),
        ('"[[[[[[[[[[[[["', "[[[[[[[[[[[[["),
    ],
)
def test_json(text: str, value: Any) -> None:
    assert json_from_text(text) == value


WORDS = [
    (("amp", "5"), "amp: failed: Value 5 exceeds range 6 to 32 (5)"),
    (("amp", "0"), "amp: failed: Value 0 exceeds range 6 to 32 (0)"),
    (("amp", "16.5"), "amp: failed: value must be integer (16.5)"),
    (("amp", '"16"'), 'amp: failed: value must be integer ("16")'),
    (("amp", "true"), "amp: failed: value must be integer (true)"),
    (("amp", "null"), "amp: failed: value must be integer (null)"),
    (("alw", "true"), "alw: tried to set api key without setter (true)"),
    (("cid", '"'), 'cid: tried to set api key with invalid json IncompleteInput (")'),
    (("cid", '"red"'), 'cid: failed: value must be string #RRGGBB ("red")'),
    (("mcu", "mqtt://x"), "mcu: tried to set api key with invalid json InvalidInput (mqtt://x)"),
    (("amp", ""), "amp: tried to set api key with invalid json EmptyInput ()"),
    (("grp", "1"), "grp: tried to set unknown api key (1)"),
    (("lmo", "2"), "lmo: failed: Value 2 exceeds range 3 to 5 (2)"),
    (("dwo", "-1"), "dwo: failed: Value -1 exceeds range 0 to 1e+09 (-1)"),
    (("clp", "[]"), "clp: failed: value must be 1 to 5 integers from 6 to 32 ([])"),
    (("ids", "{}"), "ids: failed: pGrid must be a number ({})"),
    (("ids", "1"), "ids: failed: value must be object (1)"),
    (("wifis", "[1]"), "wifis: failed: entries must be objects ([1])"),
    (("sch_week", '{"control":9}'), 'sch_week: failed: control must be 0 to 4 ({"control":9})'),
    (("fna", f'"{"x" * MOST_VALUE_CHARS}"'), TOO_LONG),
    (("fna", f'"{"x" * 65}"'), f'fna: failed: value has more than 64 characters ("{"x" * 65}")'),
    (("amp", "1" + "0" * 400), f"amp: failed: value must be integer (1{'0' * 400})"),
    (("dwo", "1" + "0" * 400), f"dwo: failed: value must be number (1{'0' * 400})"),
    (("amp", "1e308"), "amp: failed: Value 1e+308 exceeds range 6 to 32 (1e308)"),
    (("amp", "16.0"), True),
    (("dwo", "null"), True),
    (("dwo", "3.14"), True),
    (("tcl", "null"), True),
    (("lot", '{"amp":30,"ts":17}'), True),
    (("lot", '{"amp":"x"}'), 'lot: failed: members must be numbers out of amp, dyn, sta, ts ({"amp":"x"})'),
    (("lot", '{"x":1}'), 'lot: failed: members must be numbers out of amp, dyn, sta, ts ({"x":1})'),
    (("map", "[true,2,3]"), "map: failed: value must be 3 integers from 1 to 3 ([true,2,3])"),
    (("map", "[3,1,2]"), True),
]


@pytest.mark.parametrize(("item", "answer"), WORDS, ids=[f"{item[0]}={item[1][:12]}" for item, _ in WORDS])
def test_each_key_is_answered_as_the_device_words_it(item: tuple[str, str], answer: bool | str) -> None:
    assert judge((item,), STANDARD).answers == {item[0]: answer}


def test_good_keys_apply_beside_bad_ones() -> None:
    judged = judge((("mce", "true"), ("amp", "99"), ("frc", "2"), ("mcu", "x")), STANDARD)
    assert judged.good == {"mce": True, "frc": 2}
    assert [answer is True for answer in judged.answers.values()] == [True, False, True, False]
    assert not judged.is_good


def test_a_key_that_comes_twice_counts_as_told_last() -> None:
    assert judge((("amp", "10"), ("amp", "12")), STANDARD).good == {"amp": 12}
    assert judge((("amp", "10"), ("amp", "99")), STANDARD).good == {}


def test_with_11_kw_no_current_is_above_16_a() -> None:
    judged = judge((("amp", "20"), ("ama", "16"), ("lof", "20")), STANDARD, 11)
    assert judged.good == {"ama": 16}
    assert judged.answers["amp"] == "amp: failed: Value 20 exceeds range 6 to 16 (20)"


def test_whole_numbers_are_kept_as_such() -> None:
    told = (("clp", "[6.0,32]"), ("amp", "16.0"), ("dwo", "500.0"), ("lot", '{"amp":30.0}'))
    assert repr(judge(told, STANDARD).good) == "{'clp': [6, 32], 'amp': 16, 'dwo': 500, 'lot': {'amp': 30}}"


def test_no_password_is_kept() -> None:
    told = (("mcu", '"mqtt://me:s3cret@host:1883"'), ("wak", '"s3cret"'), ("pass", '"s3cret"'), ("cak", '"s3cret"'))
    wifis = ("wifis", '[{},{"ssid":"home","key":"s3cret"}]')
    box = Box(STANDARD, DEVICE)
    judged = box.judge(STATE, (*told, wifis))
    assert judged.is_good
    assert "s3cret" not in repr(judged.good)
    state = box.settle(STATE, judged.good)
    assert "s3cret" not in repr(state)
    values = box.read(state).values
    assert values["mcu"] == "mqtt://me:****@host:1883"
    assert [wifi["key"] for wifi in values["wifis"]][:3] == [False, True, False]
    assert (values["wak"], values["cak"]) == (False, False)


# --- whatever may arrive ---------------------------------------------------------------------------------------------

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=12,
)
names = st.sampled_from([key.name for key in KEYS]) | st.text(max_size=12)
texts = documents.map(json.dumps) | st.text(max_size=60) | st.integers(-10, 50).map(str)
profiles = st.sampled_from(list(PROFILES.values()))


@given(st.lists(st.tuples(names, texts), max_size=20), profiles)
@example([("key" + str(n), str(n)) for n in range(200)], STANDARD)
@example([("sch_week", '{"control":true,"ranges":[{},{}]}')], STANDARD)
@example([("wifis", '[{"key":null}]')], STANDARD)
@example([("cards", '[{"name":null}]')], STANDARD)
@example([("lot", '{"amp":null}')], STANDARD)
@example([("map", "[true,2,3]")], STANDARD)
def test_whatever_is_set_is_answered_and_what_is_kept_fits(items: list[tuple[str, str]], profile: Profile) -> None:
    box = Box(profile, DEVICE)
    judged = box.judge(STATE, items)
    assert set(judged.answers) == {name for name, _ in items}
    assert all(answer is True or isinstance(answer, str) for answer in judged.answers.values())
    assert set(judged.good) == {name for name, answer in judged.answers.items() if answer is True}
    changed = box.settle(STATE, judged.good)
    values = box.read(changed).values
    assert {name for name, value in values.items() if not fits(BY_NAME[name], value)} == set()
    untouched = box.read(STATE).values.keys() - judged.good.keys()
    computed = {"alw", "acu", "acui", "cll", "modelStatus", "lck", "loc", "lto", "loa", "lmsc", "alwt", "fsp", "tsss"}
    computed |= {"cards", "pgrid", "ppv", "pakku", "inva", "lpsc", "rbc", "lrr"} if judged.good else set()
    computed |= {name for name in values if name.startswith(("pvopt", "c0", "c1", "c2", "c3", "c4", "c5"))}
    computed |= {name for name in values if name.startswith(("c6", "c7", "c8", "c9"))}
    before = box.read(STATE).values
    assert {name for name in untouched - computed if values[name] != before[name]} == set()
    json_to_wire(judged.answers)  # strict JSON in UTF-8, whatever was told
    json_to_wire(values)


@given(st.binary(max_size=300) | st.text(max_size=200).map(quote).map(str.encode))
@example(b"filter=" + b"a," * 4000)
@example(b"\xff\xfe=\x00&%ff%00=%")
def test_whatever_stands_behind_the_question_mark_is_read(raw: bytes) -> None:
    query = raw.decode("utf-8", "replace")
    names = filter_from_query(query)
    assert all(names)
    assert len(set(names)) == len(names)
    items = settings_from_query(query)
    json_to_wire(judge(items, STANDARD).answers)
    payload_from_query(query)


@given(st.sampled_from([key for key in KEYS if key.is_writable((60, 4))]), documents)
def test_a_value_arrives_as_it_was_quoted(key: Any, value: Any) -> None:
    text = json.dumps(value)
    assert settings_from_query(f"{key.name}={quote_plus(text)}") == ((key.name, text),)
    assert settings_from_query(f"{key.name}={quote(text)}") == ((key.name, text),)


@given(st.text(max_size=100))
def test_a_text_is_json_or_it_is_said_why_not(text: str) -> None:
    value = json_from_text(text)
    if not isinstance(value, BadJson):
        assert json.loads(json_to_wire({"value": value}))["value"] == value
