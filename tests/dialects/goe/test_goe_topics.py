"""MQTT as the device speaks it: topics there and back, words of results, and how often a key is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.dialects.goe.discovery import ENTITIES, announcements
from sunbox.dialects.goe.table import BY_NAME
from sunbox.dialects.goe.topics import (
    CALM,
    CALM_S,
    QUICK_S,
    Told,
    Topics,
    due,
    prefix_problem,
    result_to_payload,
    text_from_payload,
)

TOPICS = Topics("123456")


@pytest.mark.parametrize(
    ("topic", "key"),
    [
        ("go-eCharger/123456/amp/set", "amp"),
        ("go-eCharger/123456/ö/set", "ö"),
        ("go-eCharger/123456/amp", None),
        ("go-eCharger/123456/amp/result", None),
        ("go-eCharger/123456//set", None),
        ("go-eCharger/123456/set", None),
        ("go-eCharger/123456/a/b/set", None),
        ("go-eCharger/123457/amp/set", None),
        ("/go-eCharger/123456/amp/set", None),
        ("set", None),
        ("", None),
        (f"go-eCharger/123456/{'x' * 65}/set", None),
    ],
)
def test_which_key_a_topic_sets(topic: str, key: str | None) -> None:
    assert TOPICS.key_to_set(topic) == key


@pytest.mark.parametrize("prefix", ["go-eCharger", "/go-eCharger", "home/garage/", "ä"])
def test_prefixes(prefix: str) -> None:
    assert prefix_problem(prefix) is None
    topics = Topics("000001", prefix)
    assert topics.base == f"{prefix.rstrip('/')}/000001"
    assert topics.key_to_set(f"{topics.of('amp')}/set") == "amp"


@pytest.mark.parametrize("prefix", ["", "/", "a/#", "+", "x" * 129, "a\0", "a\n"])
def test_wrong_prefixes(prefix: str) -> None:
    assert "such as go-eCharger" in (prefix_problem(prefix) or "")


def test_words_of_results() -> None:
    assert result_to_payload("amp", answer=True, text="6") == b"success"
    assert result_to_payload("amp", "amp: failed: Value 5 exceeds range 6 to 32 (5)", "5").startswith(
        b"amp: failed: Value 5"
    )
    assert result_to_payload("fna", "fna: failed: value must be string (0)", "0") == b"value must be string 0"
    incomplete = 'fna: tried to set api key with invalid json IncompleteInput ("x)'
    assert result_to_payload("fna", incomplete, '"x') == b'invalid json IncompleteInput: "x'


@given(st.binary(max_size=300), st.text(max_size=20))
def test_whatever_was_told_the_result_is_short_and_utf8(payload: bytes, answer: str) -> None:
    text = text_from_payload(payload)
    for each in (f"amp: failed: {answer} ({text})", answer, f"amp: tried to set api key with invalid json X ({text})"):
        assert len(result_to_payload("amp", each, text).decode()) < 300


def test_what_changes_all_the_time_is_told_now_and_then() -> None:
    first = due(Told(), {"car": 1, "rbt": 0, "nrg": [0]}, 100.0)
    assert first.payloads == {"car": b"1", "rbt": b"0", "nrg": b"[0]"}
    assert first.next_s is None
    same = due(first.told, {"car": 1, "rbt": 0, "nrg": [0]}, 200.0)
    assert (same.payloads, same.next_s) == ({}, None)
    soon = due(first.told, {"car": 2, "rbt": 500, "nrg": [0]}, 100.5)
    assert (soon.payloads, soon.next_s) == ({}, 100.0 + QUICK_S)
    later = due(soon.told, {"car": 2, "rbt": 1000, "nrg": [0]}, 101.0)
    assert (later.payloads, later.next_s) == ({"car": b"2"}, 100.0 + CALM_S)
    gone = due(later.told, {"car": 2, "nrg": [0]}, 105.0)
    assert gone.payloads == {"rbt": b"null"}


@given(
    st.lists(
        st.tuples(
            st.floats(0.01, 3), st.dictionaries(st.sampled_from(["car", "rbt", "amp", "utc"]), st.integers(0, 3))
        ),
        max_size=40,
    )
)
def test_no_key_is_told_too_often_and_each_change_is_told_in_the_end(steps: list[tuple[float, dict[str, int]]]) -> None:
    told, now_s, values = Told(), 0.0, dict[str, int]()
    last: dict[str, float] = {}
    for passed_s, changes in steps:
        now_s += passed_s
        values |= changes
        found = due(told, values, now_s)
        told = found.told
        for key in found.payloads:
            assert now_s - last.get(key, -9.0) >= (CALM_S if key in CALM else QUICK_S) - 1e-9
            last[key] = now_s
    while (found := due(told, values, now_s)).next_s is not None or found.payloads:
        told, now_s = found.told, max(now_s, found.next_s or now_s)
    assert {key: json.loads(payload) for key, payload in told.payloads.items()} == values


def test_calm_keys_are_keys() -> None:
    assert BY_NAME.keys() >= CALM
    assert {"car", "alw", "frc", "amp", "psm", "modelStatus", "err"}.isdisjoint(CALM)


def test_every_entity_shows_a_key_and_sets_only_what_can_be_set() -> None:
    values = {key: BY_NAME[key].default for key in BY_NAME}
    told = announcements(TOPICS, values, None)
    assert len(told) == len(ENTITIES) == len({entity.id for entity in ENTITIES})
    for entity in ENTITIES:
        assert BY_NAME[entity.key].is_readable
        assert not entity.is_settable or BY_NAME[entity.key].is_writable((55, 5))
    assert all(topic.startswith("homeassistant/") and topic.endswith("/config") for topic in told)
    assert announcements(TOPICS, {}, "x") == {}
