"""docs/tlwb.md says what the tables say, and its examples are answered as it shows."""

from __future__ import annotations

import json
import re

from tlwb_docs import DOCUMENT, fill

from sunbox.dialects.tlwb.table import BY_ACTION, FIELDS
from sunbox.dialects.tlwb.wire import Problem, parse_query

TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_generated_parts_are_those_of_the_tables() -> None:
    assert fill(TEXT) == TEXT, "run: python -m tests.dialects.tlwb.tlwb_docs"


def test_every_address_in_the_examples_is_understood() -> None:
    addresses = re.findall(r"/tlwb/[\w]+(?:/(\w+))?(?:\?([\w=&]+))?(?=['\"`\s|])", TEXT)
    assert len(addresses) > 10
    problems = [
        (action, query) for action, query in addresses if isinstance(parse_query(BY_ACTION[action], query), Problem)
    ]
    assert problems == [("set_amps", "99")]  # the one that shows a mistake


def test_the_example_answer_has_all_fields() -> None:
    answers = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
    assert list(answers[0]) == [field.name for field in FIELDS]
    assert answers[1] == {
        "error": "set_amps: '99' is not allowed",
        "allowed": "set_amps: an integer from 3 to 32",
    }
