"""`sunbox status` against the real native API over loopback."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.faces.wallbox_double import CHARGING, WallboxDouble, make_loadpoint, make_meter, make_vehicle
from tests.loopback import served

from sunbox.core.model import Override
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.faces.guard import Guard
from sunbox.faces.main import create_main_app


@pytest.fixture
def show(run):
    def show_wallbox(*loadpoints, words=(), **changes):
        wallbox = WallboxDouble(*loadpoints)
        wallbox.site = replace(wallbox.site, **changes)
        with served(create_main_app(wallbox)) as url:
            return run("status", "--url", url, *words)

    return show_wallbox


def row(ran, head):
    (line,) = [line for line in ran.out.splitlines() if line.strip().startswith(head)]
    return line


def test_the_flows_of_the_house_are_shown(show):
    ran = show(grid_w=-820.0, pv_w=1250.0, battery_w=500.0, battery_soc_pct=80.0, house_w=None)
    assert ran.code == 0
    assert "1.25 kW" in row(ran, "sun")
    assert "820 W export" in row(ran, "grid")
    assert "500 W discharging, 80 %" in row(ran, "battery")
    assert "–" in row(ran, "house")


def test_old_readings_are_called_old(show):
    assert "(old: 95 s)" in row(show(is_grid_stale=True, grid_age_s=95.0), "grid")
    assert "(old)" in row(show(is_grid_stale=True, grid_age_s=None, grid_w=None), "grid")


def test_no_battery_no_line(show):
    assert "battery" not in show(battery_w=None, battery_soc_pct=None).out


def test_a_loadpoint_is_shown_with_its_reason(show):
    line = row(show(make_loadpoint(**CHARGING)), "1")
    for words in ("Carport", "Model 3", "67 % of 90 %", "pv", "3.03 kW", "charging 13 A: surplus 3100 W ≥ 3029 W"):
        assert words in line


def test_a_sleeping_car_an_override_and_a_target_are_told(show):
    vehicle = make_vehicle(is_asleep=True, target_soc_pct=40, soc_pct=None)
    reason = Reason(ReasonCode.STOPPED_BY, {"by": "[red]tlwb"})
    line = row(show(make_loadpoint(override=Override.STOP, vehicle=vehicle, reason=reason)), "1")
    assert "Model 3 (asleep)" in line
    assert "pv + stop" in line
    assert "stopped by [red]tlwb" in line  # text of others is no markup


def test_a_loadpoint_without_car(show):
    assert row(show(make_loadpoint(vehicle=None, draw_w=None)), "1").count("–") == 3


def test_what_requests_have_cost_is_told_of_cars_that_cost_something(show):
    told = "requests to Model 3: today 0.024 of 0.200, this month 0.61, projected 1.83 of 2.00, wakes today 1 of 8"
    assert told in show().out.splitlines()
    assert "requests to" not in show(make_loadpoint(vehicle=make_vehicle(spend=None))).out


def test_what_a_meter_has_cost_is_told_where_it_is_counted(show):
    told = (
        "requests to the meter powerwall: today 0.086 of 0.450 (42 data, 2 command), this month 2.31 (1150 data, 10 command), "
        "projected 4.90 of 5.00"
    )
    until_at = datetime(2025, 6, 21, 12, 30, tzinfo=UTC)
    out = " ".join(show(meters=(make_meter(),)).out.split())
    assert f"{told}; asked every 412 s" in out
    out = " ".join(show(meters=(make_meter(held_until_at=until_at),)).out.split())
    assert f"{told}; not asked before 2025-06-21T12:30:00Z" in out
    assert out.endswith("12:30:00Z")
    out = " ".join(show(meters=(make_meter(is_cloud=False),)).out.split())
    assert out.endswith(told)
    assert "meter" not in show(meters=(make_meter(spend=None),)).out


def test_no_loadpoint_is_said(show):
    assert "No loadpoint" in show(loadpoints=()).out


def test_json_is_the_answer_of_the_api(show):
    ran = show(words=["--json"])
    site = json.loads(ran.out)
    assert site["loadpoints"][0]["reason"]["code"] == "surplus_low"
    assert site["grid_w"] == -820.0


def test_no_gateway_says_how_to_start_one(run):
    ran = run("status", "--url", "http://127.0.0.1:9")
    assert ran.code == 1
    assert "no gateway answers at http://127.0.0.1:9; start one with `sunbox run" in ran.err


@pytest.mark.parametrize("password", [None, "wrong password"])
def test_a_password_that_is_missing_or_wrong_is_said(run, monkeypatch, password):
    if password is not None:
        monkeypatch.setenv("SUNBOX_PASSWORD", password)
    with served(Guard(create_main_app(WallboxDouble()), "right password")) as url:
        ran = run("status", "--url", url)
    assert ran.code == 1
    assert f"{url} asks for a password" in ran.err
    assert "wrong password" not in ran.err


def test_the_right_password_opens(run, monkeypatch):
    monkeypatch.setenv("SUNBOX_PASSWORD", "right password")
    with served(Guard(create_main_app(WallboxDouble()), "right password")) as url:
        assert run("status", "--url", url).code == 0


def other_program(status, body):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b"", "answers 404; is it a sunbox gateway?"),
        (200, b"<html>", "its answer is no site"),
        (200, b"[]", "its answer is no site"),
        (200, b'{"loadpoints": 5}', "its answer is no site"),
    ],
)
def test_another_program_is_recognised(run, status, body, words):
    with served(other_program(status, body)) as url:
        ran = run("status", "--url", url)
    assert ran.code == 1
    assert words in ran.err
