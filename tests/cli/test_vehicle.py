"""`sunbox vehicle` against the real native API over loopback."""

import json
from dataclasses import asdict, replace

import pytest
from test_status import served
from tests.faces.wallbox_double import WallboxDouble, make_loadpoint, make_vehicle

from sunbox.core.commands import Cause, CommandName, Outcome
from sunbox.core.model import Override
from sunbox.core.wallbox import OrderedEnd
from sunbox.faces.main import create_main_app

CAR = make_vehicle().id
DONE = OrderedEnd(outcome=Outcome.APPLIED, cause=None, detail="")


@pytest.fixture
def tell(run):
    def tell_car(*words, end=DONE, car=CAR, as_json=False, vehicle=None):
        wallbox = WallboxDouble(make_loadpoint(vehicle=vehicle or make_vehicle()))
        wallbox.order_end = end
        with served(create_main_app(wallbox)) as url:
            options = ["--json"] if as_json else []
            return wallbox, run("vehicle", "--url", url, *options, car, *words)

    return tell_car


@pytest.mark.parametrize(
    ("words", "name", "details"),
    [
        (("port", "open"), CommandName.OPEN_PORT, {}),
        (("port", "close"), CommandName.CLOSE_PORT, {}),
        (("standard",), CommandName.LIMIT_STANDARD, {}),
        (("max",), CommandName.LIMIT_MAX, {}),
        (("wake",), CommandName.WAKE, {}),
        (("schedule-charging", "off"), CommandName.SCHEDULE_CHARGING, {"enable": False}),
        (("schedule-charging", "23:30"), CommandName.SCHEDULE_CHARGING, {"enable": True, "time": 1410}),
        (("schedule-charging", "90"), CommandName.SCHEDULE_CHARGING, {"enable": True, "time": 90}),
        (("schedule-departure", "off"), CommandName.SCHEDULE_DEPARTURE, {"enable": False}),
        (
            (
                "schedule-departure",
                "07:30",
                "--precondition",
                "weekdays",
                "--off-peak",
                "all",
                "--off-peak-end",
                "6:00",
            ),
            CommandName.SCHEDULE_DEPARTURE,
            {
                "enable": True,
                "departure_time": 450,
                "preconditioning_enabled": True,
                "preconditioning_weekdays_only": True,
                "off_peak_charging_enabled": True,
                "off_peak_charging_weekdays_only": False,
                "end_off_peak_time": 360,
            },
        ),
        (("schedule", "remove", "7"), CommandName.REMOVE_SCHEDULE, {"id": 7}),
        (
            ("schedule", "add", "--days", "Mon,Tues", "--start", "1:00", "--lat", "52.4", "--lon", "13.5"),
            CommandName.ADD_SCHEDULE,
            {
                "lat": 52.4,
                "lon": 13.5,
                "days_of_week": "Mon,Tues",
                "start_enabled": True,
                "end_enabled": False,
                "enabled": True,
                "start_time": 60,
                "one_time": False,
            },
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_orders(tell, words, name, details):
    wallbox, ran = tell(*words)
    assert ran.code == 0, ran
    ((vehicle_id, command, _),) = wallbox.orders
    assert (vehicle_id, command.name, dict(command.details)) == (CAR, name, details)
    assert "is done" in ran.out


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [(("amps", "12"), "amps_a", 12), (("limit", "40"), "target_soc_pct", 40), (("stop",), "override", Override.STOP)],
)
def test_wishes(tell, words, field, value):
    wallbox, _ = tell(*words)
    assert [getattr(request, field) for request in wallbox.requests] == [value]


def test_what_was_not_done_is_said_and_ends_with_1(tell):
    end = OrderedEnd(outcome=Outcome.REFUSED, cause=Cause.REFUSED, detail="user_present")
    _, ran = tell("port", "open", end=end)
    assert ran.code == 1
    assert "charge_port_door_open was not done: user_present" in ran.out
    _, ran = tell("port", "open", end=end, as_json=True)
    assert (ran.code, json.loads(ran.out)["reason"]) == (1, "user_present")
    _, ran = tell("port", "open", end=None)
    assert (ran.code, "still under way" in ran.out) == (0, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("amps", "49"), "0<=x<=48"),
        (("schedule-charging", "24:00"), "no time of day"),
        (("schedule-charging", "7:5"), "no time of day"),
        (("schedule-departure", "7:00"), "say what for"),
        (("schedule-departure", "7:00", "--off-peak", "all"), "belong together"),
        (("schedule", "add", "--lat", "1", "--lon", "1"), "say when"),
        (("fly",), "No such command"),
    ],
)
def test_nothing_is_sent_that_is_wrong(tell, words, said):
    wallbox, ran = tell(*words)
    assert ran.code == 2
    assert said in ran.err
    assert (wallbox.orders, wallbox.requests) == ([], [])


def test_an_unknown_car_is_named(tell):
    for words in (("start",), ("data",)):
        _, ran = tell(*words, car="bike")
        assert ran.code == 1
        assert "no such vehicle" in ran.err or "there is no vehicle 'bike'" in ran.err
        assert CAR in ran.err


def test_what_is_known_is_shown_without_asking_the_car(tell):
    wallbox, ran = tell("data")
    assert ran.code == 0
    assert "67 %" in ran.out
    assert (wallbox.orders, wallbox.requests) == ([], [])
    _, ran = tell("data", as_json=True)
    assert json.loads(ran.out)["id"] == CAR


def test_what_was_spent_is_told_with_its_lines(tell):
    _, ran = tell("data")
    told = {line.strip() for line in ran.out.splitlines()}
    for words, value in (
        ("spent today", "0.024 of 0.200, only what is needed from 0.150 on"),
        ("spent this month", "0.61"),
        ("projected", "1.83 of 2.00"),
        ("requests today", "4 command, 1 wake"),
        ("requests this month", "210 command, 80 data, 12 wake"),
        ("wakes today", "1 of 8"),
    ):
        assert any(line.startswith(words) and line.endswith(f" {value}") for line in told), words
    _, ran = tell("data", as_json=True)
    assert json.loads(ran.out)["spend"] == asdict(make_vehicle().spend)


def test_without_lines_there_is_nothing_after_the_money(tell):
    free_of_lines = replace(
        make_vehicle().spend, per_month=None, soft_line=None, daily_line=None, wakes_line=None, requests_today={}
    )
    _, ran = tell("data", vehicle=make_vehicle(spend=free_of_lines))
    lines = [line.strip() for line in ran.out.splitlines()]
    for words, value in (("spent today", "0.024"), ("projected", "1.83"), ("requests today", "none"), ("wakes", "1")):
        assert any(line.startswith(words) and line.endswith(f" {value}") for line in lines), words


def test_of_a_car_that_costs_nothing_no_spend_is_told(tell):
    _, ran = tell("data", vehicle=make_vehicle(spend=None))
    assert (ran.code, "spent" in ran.out, "projected" in ran.out) == (0, False, False)
