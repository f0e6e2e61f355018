"""What the native API tells of the record: decisions and days."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from typing import Any

import pytest
from test_api_face import ask
from wallbox_double import AT, WallboxDouble

from sunbox.core import wallbox as core
from sunbox.core.wallbox import DayReport, Decision, DecisionPage, LoadpointDay, PossibleDay
from sunbox.faces.api import schema

DECISION = Decision(
    at=AT,
    loadpoint="carport",
    charge=False,
    amps_a=0,
    phases=1,
    acting=True,
    code="surplus_low",
    kind="waiting",
    numbers={"surplus_w": 820.0},
    text="paused: surplus 820 W",
    changes_at=None,
    pending=None,
    mode="pv",
    override="none",
    surplus_low_w=820.0,
    surplus_high_w=820.0,
    grid_w=-820.0,
    draw_low_w=0.0,
    draw_high_w=0.0,
)
ROW = LoadpointDay(
    id="carport",
    charged_kwh=10.0,
    solar_kwh=9.0,
    battery_kwh=0.0,
    import_kwh=1.0,
    missed_kwh={"below_minimum": 2.0},
    commands=30,
    wakes=1,
    data_reads=12,
    money=0.07,
)
REPORT = DayReport(
    day=date(2025, 6, 21),
    hours=24.0,
    sun_kwh=11.0,
    usable_kwh=11.0,
    charged_kwh=10.0,
    solar_kwh=9.0,
    battery_kwh=0.0,
    import_kwh=1.0,
    missed_kwh={"below_minimum": 2.0},
    commands=30,
    money=0.07,
    possible=PossibleDay(solar_kwh=10.0, import_kwh=0.1, commands=30.0, share_pct=91.0, weight=5.0),
    loadpoints=(ROW,),
    gaps=("2025-06-21 10:00 to 06-21 11:00: no grid reading",),
)


@pytest.mark.parametrize(
    ("view", "value"),
    [
        (schema.DecisionView, core.Decision),
        (schema.DecisionsView, core.DecisionPage),
        (schema.DayReportView, core.DayReport),
        (schema.LoadpointDayView, core.LoadpointDay),
        (schema.PossibleDayView, core.PossibleDay),
    ],
)
def test_a_view_shows_all_of_its_value(view: Any, value: Any) -> None:
    assert list(view.model_fields) == [field.name for field in dataclasses.fields(value)]


def test_the_last_day_is_told_unless_something_else_is_asked() -> None:
    wallbox = WallboxDouble()
    wallbox.page = DecisionPage((DECISION,), gaps=("something is missing",), is_cut=True)
    answer = ask(wallbox, "/api/v1/decisions")
    assert answer.status_code == 200
    told = answer.json()
    assert told["gaps"] == ["something is missing"]
    assert told["is_cut"] is True
    (row,) = told["decisions"]
    assert (row["at"], row["code"], row["text"]) == ("2025-06-21T10:30:00Z", "surplus_low", "paused: surplus 820 W")
    (query,) = wallbox.queries
    assert (query.from_at, query.to_at, query.in_force) == (AT - timedelta(days=1), AT, False)
    assert (query.loadpoint_id, query.limit) == (None, 500)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("at=2025-06-21T10:00:00Z", (-1800, -1800, True, None, 500)),
        ("at=2025-06-21T12:00:00%2B02:00&loadpoint=1", (-1800, -1800, True, "carport", 500)),
        ("at=2025-06-21T12:00:00+02:00", (-1800, -1800, True, None, 500)),
        ("from=2025-06-21T09:30:00Z&limit=7", (-3600, 0, False, None, 7)),
        ("from=2025-06-20T10:30:00Z&to=2025-06-20T11:30:00Z", (-86_400, -82_800, False, None, 500)),
        ("to=2025-06-20T10:30:00Z&loadpoint=carport", (-172_800, -86_400, False, "carport", 500)),
    ],
)
def test_what_can_be_asked(words: str, expected: tuple[Any, ...]) -> None:
    wallbox = WallboxDouble()
    assert ask(wallbox, f"/api/v1/decisions?{words}").status_code == 200
    (query,) = wallbox.queries
    from_s, to_s = ((at - AT).total_seconds() for at in (query.from_at, query.to_at))
    assert (from_s, to_s, query.in_force, query.loadpoint_id, query.limit) == expected


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("at=noon", "at"),
        ("at=2025-06-21T10:00:00", "at"),
        ("at=2025-06-21T11:00:00Z", "at"),
        ("at=0001-01-01T00:00:00Z", "at"),
        ("at=2025-06-21T10:00:00Z&from=2025-06-21T09:00:00Z", "from"),
        ("from=2025-06-21T10:00:00Z&to=2025-06-21T09:00:00Z", "from"),
        ("from=2025-01-01T10:00:00Z", "from"),
        ("from=2025-13-01T10:00:00Z", "from"),
        ("to=", "to"),
        ("limit=0", "limit"),
        ("limit=5001", "limit"),
        ("limit=-1", "limit"),
        ("limit=%C2%B2", "limit"),
        ("limit=99999999999999", "limit"),
        ("limit=3&limit=4", "limit"),
        ("loadpoint=garage", "loadpoint"),
        ("since=now", "since"),
    ],
)
def test_a_mistake_is_told_in_the_apis_own_words(words: str, field: str) -> None:
    wallbox = WallboxDouble()
    answer = ask(wallbox, f"/api/v1/decisions?{words}")
    assert answer.status_code == 400
    problem = answer.json()
    assert set(problem) == {"error", "field", "value", "allowed"}
    assert problem["field"] == field
    assert problem["allowed"]
    assert wallbox.queries == []


def test_a_day_is_told() -> None:
    wallbox = WallboxDouble()
    wallbox.days = {None: REPORT, REPORT.day: REPORT}
    for path in ("/api/v1/report", "/api/v1/report?day=2025-06-21"):
        told = ask(wallbox, path).json()
        assert told["day"] == "2025-06-21"
        assert told["possible"]["share_pct"] == 91.0
        assert told["missed_kwh"] == {"below_minimum": 2.0}
        assert told["loadpoints"][0]["id"] == "carport"


@pytest.mark.parametrize(
    "words", ["day=today", "day=2025-02-30", "day=20250621", "day=", "day=2025-06-21&day=2025-06-20"]
)
def test_what_is_no_day(words: str) -> None:
    answer = ask(WallboxDouble(), f"/api/v1/report?{words}")
    assert (answer.status_code, answer.json()["field"]) == (400, "day")


def test_a_day_that_was_not_recorded() -> None:
    answer = ask(WallboxDouble(), "/api/v1/report?day=2020-01-01")
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("there is no journal of 2020-01-01")
    assert ask(WallboxDouble(), "/api/v1/report?date=2020-01-01").status_code == 400
