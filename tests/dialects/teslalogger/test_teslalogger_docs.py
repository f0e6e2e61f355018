"""docs/teslalogger.md says what the tables say, and its examples are understood."""

from __future__ import annotations

import json
import re

from teslalogger_docs import DOCUMENT, fill

from sunbox.dialects.teslalogger.table import BY_NAME, COMMANDS_BY_NAME
from sunbox.dialects.teslalogger.wire import DONE, parse_value

TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_generated_parts_are_those_of_the_tables() -> None:
    assert fill(TEXT) == TEXT, "run: python -m tests.dialects.teslalogger.teslalogger_docs"


def test_every_address_in_the_examples_is_understood() -> None:
    commands = re.findall(r"/command/1/(\w+)(?:\?([\w=]+))?(?=['`\s])", TEXT)
    assert len(commands) >= 8
    assert [row for row in commands if parse_value(COMMANDS_BY_NAME[row[0]], row[1]) is None] == []
    values = re.findall(r"/get/1/(\w+)", TEXT)
    assert values
    assert set(values) <= set(BY_NAME)


def test_the_answers_shown_are_json() -> None:
    shown = re.findall(r"`(\{\"response\".*?\})`", TEXT)
    assert [set(json.loads(text)["response"]) for text in shown] == [{"value", "timestamp"}, {"result", "reason"}]
    assert DONE in shown
