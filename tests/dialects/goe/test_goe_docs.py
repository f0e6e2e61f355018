"""docs/goe-keys.md says what the table says, and its examples are answered as it shows."""

from __future__ import annotations

import json
import re

from goe_docs import DOCUMENT, fill

from sunbox.dialects.goe.keys import Access
from sunbox.dialects.goe.profiles import STANDARD
from sunbox.dialects.goe.query import filter_from_query, settings_from_query
from sunbox.dialects.goe.settings import judge
from sunbox.dialects.goe.table import BY_NAME, KEYS

TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_generated_parts_are_those_of_the_table() -> None:
    assert fill(TEXT) == TEXT, "run: python -m tests.dialects.goe.goe_docs"


def test_every_key_has_one_row() -> None:
    assert re.findall(r"^\| `(\w+)` \| (?:R|W|R/W) \|", TEXT, re.MULTILINE) == [key.name for key in KEYS]


def test_every_address_in_the_examples_is_understood() -> None:
    queries = re.findall(r"/api/(status|set)\?(\S+?)'", TEXT)
    assert len(queries) == 3
    for path, query in queries:
        if path == "status":
            assert set(filter_from_query(query)) <= BY_NAME.keys()
        else:
            assert judge(settings_from_query(query), STANDARD).is_good


def test_the_example_of_a_mistake_is_what_is_answered() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert judge((("amp", "5"), ("frc", "2")), STANDARD).answers == json.loads(block)


def test_write_only_keys_are_told_as_such() -> None:
    assert {key.name for key in KEYS if key.access is Access.W} == {"delw", "pass", "lrn", "del", "ids", "rst"}
