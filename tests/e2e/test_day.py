"""`sunbox day` as a script uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.e2e.processes import no_traceback, run

pytestmark = pytest.mark.slow

KEYS = [
    "days",
    "charged_kwh",
    "solar_kwh",
    "capture_pct",
    "battery_pct",
    "import_kwh_per_30d",
    "net_pct",
    "starts_per_day",
    "phase_switches_per_day",
    "commands_per_day",
    "wakes_per_day",
    "data_per_day",
    "dollars_per_month",
]


def test_day_prints_json_alone_and_its_journal_replays(tmp_path: Path) -> None:
    done = run(tmp_path, "day", "--json", "--days", "0.45", "--journal", "kept")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert list(told) == KEYS
    assert told["days"] == 0.45
    assert told["charged_kwh"] > 0
    assert told["wakes_per_day"] > 0
    assert done.stderr == ""
    for journal in (tmp_path / "kept").iterdir():
        replayed = run(tmp_path, "replay", str(journal))
        assert (replayed.returncode, "all the same" in replayed.stdout) == (0, True), replayed.stdout


def test_a_trace_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,pv_w\nnever,0\n", encoding="utf-8")
    done = run(tmp_path, "day", "--trace", "a.csv")
    assert done.returncode != 0
    assert "a.csv" in done.stderr
    assert no_traceback(done.stderr)
