"""`sunbox explain`: why a car was charging or not, told like a person would."""

from __future__ import annotations

import json
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sunbox.cli.explain import CHANGES, UNKNOWN, explain_at, would_change
from sunbox.cli.recorded import day_of, moment, span_words
from sunbox.core.reasons import TEMPLATES, ReasonCode
from sunbox.core.wallbox import Decision
from sunbox.errors import SunboxError

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 6, 10, 14, 0, tzinfo=BERLIN)  # a Wednesday


def test_every_reason_has_what_would_change_it():
    assert set(CHANGES) == set(ReasonCode)


@pytest.mark.parametrize("code", list(ReasonCode))
def test_it_speaks_of_numbers_that_the_reason_has(code):
    def names(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert names(CHANGES[code]) <= names(TEMPLATES[code].text)


@pytest.mark.parametrize(
    ("words", "local"),
    [
        ("now", "2026-06-10 14:00:00"),
        ("13:30", "2026-06-10 13:30:00"),
        ("9:05", "2026-06-10 09:05:00"),
        ("13:30:15", "2026-06-10 13:30:15"),
        ("today 08:00", "2026-06-10 08:00:00"),
        ("Yesterday 14:30", "2026-06-09 14:30:00"),
        ("monday 14:30", "2026-06-08 14:30:00"),
        ("wednesday 10:00", "2026-06-10 10:00:00"),
        ("2026-06-01 14:30", "2026-06-01 14:30:00"),
        ("2026-06-01T14:30:20", "2026-06-01 14:30:20"),
        ("2026-06-01T12:30:00Z", "2026-06-01 14:30:00"),
        ("2026-06-01T12:30:00+00:00", "2026-06-01 14:30:00"),
        ("20 min ago", "2026-06-10 13:40:00"),
        ("2 hours ago", "2026-06-10 12:00:00"),
        ("3 d ago", "2026-06-07 14:00:00"),
    ],
)
def test_moments_as_people_say_them(words, local):
    assert f"{moment(words, NOW, BERLIN).astimezone(BERLIN):%Y-%m-%d %H:%M:%S}" == local


@pytest.mark.parametrize(
    "words", ["", "noon", "25:00", "14:60", "somewhen 14:30", "2026-13-01 10:00", "1430", "3 moons ago"]
)
def test_what_is_no_moment_is_said_with_what_would_be(words):
    with pytest.raises(SunboxError, match="is no moment; write one such as"):
        moment(words, NOW, BERLIN)


def test_the_future_is_not_known():
    with pytest.raises(SunboxError, match=r"still to come, it is 2026-06-10 14:00 at home; yesterday 15:00\?"):
        moment("15:00", NOW, BERLIN)
    with pytest.raises(SunboxError, match="still to come"):
        moment("2027-01-01 10:00", NOW, BERLIN)


def test_days_and_durations():
    assert day_of("tuesday", NOW.date()).isoformat() == "2026-06-09"
    assert day_of("today", NOW.date()) == NOW.date()
    assert day_of("someday", NOW.date()) is None
    assert [span_words(s) for s in (40, 720, 11_100, 185_000)] == ["40 s", "12 min", "3 h 05 min", "2 d 3 h"]


# One moment -----------------------------------------------------------------------------------------------------------


def row(minutes, **changes):
    base = Decision(
        at=NOW.astimezone(UTC) + timedelta(minutes=minutes),
        loadpoint="blue",
        charge=False,
        amps_a=0,
        phases=1,
        acting=True,
        code="surplus_low",
        kind="waiting",
        numbers={"needed_w": 1380.0, "delay_s": 60.0},
        text="paused",
        changes_at=None,
        pending=None,
        mode="pv",
        override="none",
        surplus_low_w=500,
        surplus_high_w=500,
        grid_w=-500,
        draw_low_w=0,
        draw_high_w=0,
    )
    return replace(base, **changes)


CHARGING = {"charge": True, "amps_a": 6, "code": "charging_pv", "kind": "charging", "text": "charging 6 A"}


def test_since_when_what_was_before_and_what_came_next():
    rows = [
        row(-30, text="paused first"),
        row(-25),
        row(-20, **CHARGING, pending="starting"),
        row(-19, **CHARGING),
        row(-14, **CHARGING),
        row(-4, text="paused again"),
    ]
    told = explain_at(rows, rows[4].at + timedelta(seconds=30))
    assert told.decision is rows[4]
    assert told.since_at == rows[2].at
    assert told.before is rows[1]
    assert told.before_since_at == rows[0].at
    assert told.after is rows[5]
    assert told.silent_s is None
    assert "to charge no → yes" in told.changed
    assert "current 0 A → 6 A" in told.changed
    first = explain_at(rows, rows[0].at)
    assert (first.before, first.is_since_known, first.changed) == (None, False, ())
    assert explain_at(rows, rows[0].at - timedelta(seconds=1)) is None


def test_a_silence_is_told():
    assert explain_at([row(-60)], NOW).silent_s == 3600


def test_what_would_change_it_has_the_numbers():
    assert would_change(row(0)) == "a surplus of 1380 W that lasts"
    assert would_change(row(0, numbers={})) == "a surplus of ? W that lasts"
    assert would_change(row(0, code="of_tomorrow")) == UNKNOWN


# The command ----------------------------------------------------------------------------------------------------------


def test_a_moment_of_the_record_is_told(run, fifteen_days):
    ran = run("explain", "--journal", fifteen_days, "--at", "2026-06-03 12:30")
    assert (ran.code, ran.err) == (0, "")
    assert "blue, Wed 2026-06-03 12:30:00" in ran.out
    assert "stopped by tlwb" in ran.out
    assert "since" in ran.out
    assert "12:00:01 (29 min)" in ran.out  # the car needs a second to stop
    assert "override stop" in ran.out
    assert "stopping: stopped by tlwb" in ran.out  # what it was before
    assert "lifting the stop" in ran.out
    assert "13:00:00" in ran.out  # what came next


def test_it_can_be_json(run, fifteen_days):
    ran = run("explain", "--journal", fifteen_days, "--at", "2026-06-02T10:00:00Z", "--loadpoint", "1", "--json")
    (told,) = json.loads(ran.out)
    assert told["loadpoint"] == "blue"
    assert told["decision"]["code"] == "not_plugged"
    assert told["at"] == "2026-06-02T10:00:00+00:00"
    assert told["would_change"] == "plugging the car in"
    assert datetime.fromisoformat(told["since_at"]) < datetime.fromisoformat(told["at"])


def test_what_is_not_there_is_said(run, fifteen_days, tmp_path):
    unknown = run("explain", "--journal", fifteen_days, "--at", "2026-06-03 12:30", "--loadpoint", "red")
    assert (unknown.code, "known are blue" in unknown.err) == (1, True)
    other_day = run("explain", "--journal", fifteen_days, "--at", "2026-05-03 12:30")
    assert "there is no journal of 2026-05-03; there are 15 days, 2026-06-01 to 2026-06-15" in other_day.err
    assert "there is no such folder" in run("explain", "--journal", tmp_path / "none").err
    assert "there is no journal in it" in run("explain", "--journal", tmp_path).err
    assert "still to come" in run("explain", "--journal", fifteen_days, "--at", "2999-01-01 10:00").err
    no_file = run("explain", "-c", tmp_path / "sunbox.yaml")
    assert (no_file.code, "there is no such file" in no_file.err) == (2, True)


def test_a_journal_that_is_not_written_is_said(run, tmp_path):
    (tmp_path / "sunbox.yaml").write_text("site: {timezone: Europe/Berlin}\njournal: {enabled: false}\n")
    assert "journal.enabled is false" in run("explain", "-c", tmp_path / "sunbox.yaml").err


def test_the_folder_is_found_by_the_configuration(run, fifteen_days, tmp_path):
    (tmp_path / "sunbox.yaml").write_text(f"site: {{timezone: Europe/Berlin}}\njournal: {{folder: {fifteen_days}}}\n")
    assert run("explain", "-c", tmp_path / "sunbox.yaml", "--at", "2026-06-03 12:30").code == 0
