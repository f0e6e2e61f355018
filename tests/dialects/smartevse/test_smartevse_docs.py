"""docs/smartevse-settings.md says what the tables say, and its examples are answered as it shows."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from smartevse_docs import DOCUMENT, fill

from sunbox.dialects.smartevse.box import Box
from sunbox.dialects.smartevse.query import parameters_from_query
from sunbox.dialects.smartevse.state import Setup, first_state
from sunbox.dialects.smartevse.words import Meter
from sunbox.simulator.smartevse_script import run_script, steps_from_text

TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_generated_parts_are_those_of_the_tables() -> None:
    assert fill(TEXT) == TEXT, "run: python -m tests.dialects.smartevse.smartevse_docs"


def test_examples_are_answered_as_shown() -> None:
    found = re.findall(r"'http://[^/]+(/\w+)\?(\S+)' +# (\{.*\}|null)", TEXT)
    assert len(found) >= 6
    box, state = Box(), first_state(datetime(2024, 6, 17, tzinfo=UTC), Setup(mains_meter=Meter.API, current_max=16))
    for path, query, reply in found:
        answered = box.post(state, path, parameters_from_query(query))
        assert answered is not None
        state = answered[0].state
        assert answered[1].reply == json.loads(reply), query


def test_the_script_runs() -> None:
    (script,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    rows = list(run_script(steps_from_text(script)))
    assert rows[-1]["t"] == 150
    assert rows[59]["charge_current"] == 160
    assert rows[-1]["charge_current"] == 100
