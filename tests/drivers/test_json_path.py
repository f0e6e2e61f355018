"""Paths into JSON: parse, print, look up."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.drivers.http.path import look_up, path_from_text, path_to_text

NAMES = st.text(min_size=1, max_size=8).filter(lambda name: not ("'" in name and '"' in name))
PATHS = st.lists(NAMES | st.integers(0, 999_999), max_size=6).map(tuple)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$", ()),
        ("$.power", ("power",)),
        ("$.a.b[0].c", ("a", "b", 0, "c")),
        ("$[2][0]", (2, 0)),
        ("$.em:0.total_act_power", ("em:0", "total_act_power")),  # Shelly
        ("$.StatusSNS.SML.Power_curr", ("StatusSNS", "SML", "Power_curr")),  # Tasmota
        ("$.Body.Data['0'].PowerReal_P_Sum", ("Body", "Data", "0", "PowerReal_P_Sum")),  # Fronius
        ("$['1-0:16.7.0*255'].value", ("1-0:16.7.0*255", "value")),  # OBIS code
        ('$["it\'s"]', ("it's",)),
        ("$.höhe.π", ("höhe", "π")),
    ],
)
def test_paths_of_real_meters(text: str, path: tuple[str | int, ...]) -> None:
    assert path_from_text(text) == path


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("power", "begins with"),
        ("", "begins with"),
        ("$power", "character 2"),
        ("$.", "character 2"),
        ("$.a..b", "character 4"),
        ("$.a[-1]", "character 4"),
        ("$.a[x]", "character 4"),
        ("$.a[*]", "character 4"),
        ("$.a[0", "character 4"),
        ("$.a b", "character 4"),
        ("$.a['']", "character 4"),
        ("$.a[1234567]", "character 4"),
    ],
)
def test_wrong_paths_say_where(text: str, where: str) -> None:
    with pytest.raises(ValueError, match=where):
        path_from_text(text)


@given(PATHS)
def test_what_is_printed_is_parsed_back(path: tuple[str | int, ...]) -> None:
    assert path_from_text(path_to_text(path)) == path


@given(st.text(max_size=30))
def test_any_text_is_a_path_or_a_clear_error(text: str) -> None:
    try:
        path = path_from_text(text)
    except ValueError:
        with pytest.raises(ValueError, match=re.escape(repr(text))):
            path_from_text(text)
    else:
        assert path_from_text(path_to_text(path)) == path


def paths_of(document: Any, here: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], Any]:
    """Return every path of a document with its value, by walking it."""
    found = {here: document}
    children: Any = []
    if isinstance(document, dict):
        children = document.items()
    elif isinstance(document, list):
        children = enumerate(document)
    for step, value in children:
        found |= paths_of(value, (*here, step))
    return found


@given(DOCUMENTS, PATHS)
def test_looks_up_what_walking_finds(document: Any, other: tuple[str | int, ...]) -> None:
    found = paths_of(document)
    for path, value in found.items():
        assert look_up(document, path) is value
    assert look_up(document, other) is found.get(other)
