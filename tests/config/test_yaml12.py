"""YAML as version 1.2 means it, with marks, and no way to blow up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.config.yaml12 import MAX_CHARACTERS, Mark, parse

SCALARS = [
    ("off", "off"),
    ("on", "on"),
    ("yes", "yes"),
    ("no", "no"),
    ("12:30", "12:30"),
    ("2026-06-01", "2026-06-01"),
    ("1_000", "1_000"),
    ("true", True),
    ("False", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("5", 5),
    ("-3", -3),
    ("012", 12),
    ("0x1F", 31),
    ("0o17", 15),
    ("1.5", 1.5),
    (".5", 0.5),
    ("1e3", 1000.0),
    ("-.inf", float("-inf")),
    ('"5"', "5"),
    ("''", ""),
    ("!!str 5", "5"),
    ("!!float 5", 5.0),
    ("nullify", "nullify"),
    ("trueish", "trueish"),
    ("1.2.3", "1.2.3"),
    ("0x", "0x"),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_mean_what_yaml_1_2_says(text, value):
    document = parse(f"key: {text}\n")
    assert document.faults == []
    assert document.value == {"key": value}
    assert type(document.value["key"]) is type(value)


def test_keys_stay_words():
    assert parse("on: 1\n5: 2\ntrue: 3\n").value == {"on": 1, "5": 2, "true": 3}


def test_every_key_and_value_has_its_place():
    document = parse("site:\n  name: Home\nplaces:\n  - {lat: 1, lon: 2}\n")
    assert document.keys[("site", "name")] == Mark(2, 3)
    assert document.values[("site", "name")] == Mark(2, 9)
    assert document.key_mark(("places", 0, "lon")) == Mark(4, 14)
    assert document.value_mark(("places", 0, "lon")) == Mark(4, 19)


def test_what_is_not_there_has_the_place_around_it():
    document = parse("site:\n  name: Home\n")
    assert document.value_mark(("site", "timezone")) == Mark(2, 3)
    assert document.key_mark(("meters", 0, "id")) == Mark(1, 1)


def test_each_key_that_stands_twice_is_told():
    document = parse("a: 1\nb: 2\na: 3\nb: 4\n")
    assert [(fault.mark, fault.text) for fault in document.faults] == [
        (Mark(3, 1), "a stands twice (first in line 1); remove one"),
        (Mark(4, 1), "b stands twice (first in line 2); remove one"),
    ]
    assert document.value == {"a": 1, "b": 2}


FAULTS = [
    ("a: [", 1, "expected the node content"),
    ("a: 1\n\tb: 2\n", 2, "indent with spaces, not with tabs"),
    ("url: http: //x", 1, "check the indentation"),
    ("a: 1\n---\nb: 2\n", 2, "expected a single document"),
    ("a: \x00", 1, "a character that YAML does not allow"),
    ("a: 1\nb: \x01", 2, "a character that YAML does not allow"),
    ("a: *nobody", 1, "undefined alias"),
    ("x: !!python/object:os.system y", 1, "is not used here"),
    ("x: !!int y", 1, "cannot be read as int"),
    ("x: !!bool 1", 1, "cannot be read as bool"),
    ("x: !!null 1", 1, "cannot be read as null"),
    ("x: " + "9" * 5000, 1, "cannot be read as int"),
    ("? [a]\n: 1", 1, "a key is one word"),
    ("[" * 1000, 1, "nested deeper than 24 levels"),
    ("a: &a [*a]", 1, "use fewer aliases"),
    ("a: 1\n" * MAX_CHARACTERS, 1, "longer than"),
]


@pytest.mark.parametrize(("text", "line", "words"), FAULTS, ids=[words for _, _, words in FAULTS])
def test_what_is_no_good_yaml_is_told_with_its_line(text, line, words):
    (fault, *_) = parse(text).faults
    assert fault.mark.line == line
    assert words in fault.text


def test_aliases_cannot_grow_a_file_beyond_measure():
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    (fault,) = parse("\n".join(rows)).faults
    assert "use fewer aliases" in fault.text


def test_an_alias_stands_for_its_anchor():
    assert parse("a: &place [1, 2]\nb: *place\n").value == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_is_nothing(text):
    document = parse(text)
    assert document.value is None
    assert document.faults == []


@given(st.text(alphabet=st.sampled_from(list("ab:-[]{}&*!?|>'\"# \n\t0.~,%@`\x00é")), max_size=80))
def test_any_text_gives_a_document_or_faults(text):
    document = parse(text)
    assert document.faults or document.value is None or isinstance(document.value, dict | list | str | int | float)
