"""`sunbox report`: a recorded day for people."""

import json

from sunbox.cli.report import CAUSE_WORDS
from sunbox.gateway.report import Cause


def test_every_cause_has_its_words():
    assert set(CAUSE_WORDS) == set(Cause)


def test_the_newest_day_is_told_unless_another_is_asked_for(run, three_days):
    newest = run("report", "--journal", three_days.folder)
    assert newest.code == 0
    assert "Wednesday 2026-06-03" in newest.out
    assert "somebody stopped it, or asked for other amps" in newest.out
    assert "% of what was possible" in newest.out
    second = run("report", "2026-06-02", "--journal", three_days.folder)
    assert "the car was away or unplugged" in second.out
    assert "gap: 2026-06-02 1" in second.out


def test_it_can_be_json(run, three_days):
    told = json.loads(run("report", "2026-06-01", "--journal", three_days.folder, "--json").out)
    assert told["day"] == "2026-06-01"
    assert told["charged_kwh"] > 5
    assert 50 < told["possible"]["share_pct"] <= 100.5
    assert [row["id"] for row in told["loadpoints"]] == ["blue"]
    assert set(told["missed_kwh"]) <= set(Cause)


def test_days_that_are_none(run, three_days):
    assert "is no day; write one such as today" in run("report", "someday", "--journal", three_days.folder).err
    missing = run("report", "2026-05-01", "--journal", three_days.folder)
    assert (missing.code, "3 days, 2026-06-01 to 2026-06-03" in missing.err) == (1, True)
