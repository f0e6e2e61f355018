"""`sunbox vehicle` against the real native API over loopback."""

import json
import re
from dataclasses import asdict, replace

import pytest
from tests.faces.wallbox_double import SCHEDULES, WallboxDouble, make_facts, make_loadpoint, make_vehicle
from tests.loopback import served

from sunbox.cli.vehicle import schedule, schedule_row
from sunbox.core.commands import Cause, CommandName, Outcome
from sunbox.core.model import Override, Weekday
from sunbox.core.wallbox import OrderedEnd
from sunbox.dialects.tesla.table import BY_CORE
from sunbox.faces.api import vehicles
from sunbox.faces.main import create_main_app

CAR = make_vehicle().id
ADD_SCHEDULE = BY_CORE[CommandName.ADD_SCHEDULE]
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
        (
            (
                *("schedule", "add", "--id", "7", "--days", "Weekdays", "--start", "11:00", "--end", "15:30"),
                *("--name", "Noon", "--once", "--off", "--lat", "52.4", "--lon", "13.5"),
            ),
            CommandName.ADD_SCHEDULE,
            {
                "lat": 52.4,
                "lon": 13.5,
                "days_of_week": "Weekdays",
                "start_enabled": True,
                "end_enabled": True,
                "enabled": False,
                "start_time": 660,
                "end_time": 930,
                "id": 7,
                "one_time": True,
                "name": "Noon",
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
def test_wishes(tell, monkeypatch, words, field, value):
    monkeypatch.setattr(vehicles, "WAIT_S", 0.05)  # nobody carries them out here
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
        (("schedule", "add", "--start", "1:00", "--lat", "91", "--lon", "1"), "-90<=x<=90"),
        (("schedule", "list", "7"), "unexpected extra argument"),
        (("fly",), "No such command"),
    ],
)
def test_nothing_is_sent_that_is_wrong(tell, words, said):
    wallbox, ran = tell(*words)
    assert ran.code == 2
    assert said in ran.err
    assert (wallbox.orders, wallbox.requests) == ([], [])


def test_a_name_that_is_too_long_is_told_by_the_gateway(tell):
    words = ("schedule", "add", "--start", "1:00", "--lat", "1", "--lon", "1", "--name", "x" * 65)
    wallbox, ran = tell(*words)
    assert (ran.code, wallbox.orders) == (1, [])
    assert "model3: name: " in ran.err
    assert "allowed: a text of at most 64 characters" in ran.err


def test_every_field_of_a_schedule_can_be_given():
    options = {option for parameter in schedule.commands["add"].params for option in parameter.opts}
    asked = {field.name for field in ADD_SCHEDULE.fields}
    told_by = {
        "days_of_week": "--days",
        "start_enabled": "--start",
        "start_time": "--start",
        "end_enabled": "--end",
        "end_time": "--end",
        "enabled": "--on",
        "one_time": "--once",
    }
    assert {told_by.get(name, f"--{name}") for name in asked} == options


def cells(ran, first):
    (line,) = [line for line in ran.out.splitlines() if line.strip().startswith(first)]
    return re.split(r" {2,}", line.strip())


def test_the_schedules_that_a_car_keeps_are_listed(tell):
    wallbox, ran = tell("schedule", "list", vehicle=make_vehicle(facts=make_facts(), age_s=720.0))
    assert ran.code == 0, ran
    assert "schedules of model3, read 12 min ago" in ran.out
    assert cells(ran, "id") == ["id", "name", "days", "from", "until", "once", "is"]
    assert cells(ran, "7") == ["7", "Noon", "weekdays", "11:00", "13:00", "–", "on"]
    assert cells(ran, "1752393600") == ["1752393600", "–", "Sun, Wed", "01:05", "–", "yes", "off"]
    assert (wallbox.orders, wallbox.requests) == ([], [])


@pytest.mark.parametrize(
    ("days", "words"),
    [(Weekday, "every day"), (("sat", "sun"), "weekends"), ((), "–"), (("mon", "sat", "sun"), "Mon, Sat, Sun")],
)
def test_days_in_words(days, words):
    row = asdict(replace(SCHEDULES[0], days=tuple(days)))
    assert schedule_row(row)[2] == words


@pytest.mark.parametrize("words", [("schedule", "list", "--json"), ("schedule", "list")])
def test_schedules_as_json(tell, words):
    car = make_vehicle(facts=make_facts())
    _, ran = tell(*words, vehicle=car, as_json="--json" not in words)
    told = json.loads(ran.out)
    assert (ran.code, told["vehicle_id"], told["age_s"]) == (0, CAR, 12.3)
    assert [row["id"] for row in told["schedules"]] == [7, 1752393600]
    assert told["schedules"][0]["latitude"] == 52.394
    _, ran = tell("schedule", "list", "--json", vehicle=make_vehicle(facts=None))
    assert (ran.code, json.loads(ran.out)["schedules"]) == (0, None)


def test_a_car_without_schedules_and_one_that_did_not_tell(tell):
    _, ran = tell("schedule", "list", vehicle=make_vehicle(facts=make_facts(())))
    assert (ran.code, ran.out.strip()) == (0, "model3 keeps no schedules (read 0 min ago)")
    _, ran = tell("schedule", "list", vehicle=make_vehicle(facts=make_facts(None)))
    assert ran.code == 1
    assert "model3 has not told its schedules (read 0 min ago)" in ran.err
    assert "if it sleeps, `sunbox vehicle model3 wake` wakes and reads it" in ran.err
    _, ran = tell("schedule", "list", vehicle=make_vehicle(facts=None, age_s=None))
    assert (ran.code, "(never read)" in ran.err) == (1, True)


def test_an_unknown_car_is_named(tell):
    for words in (("start",), ("data",), ("schedule", "list")):
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
    _, ran = tell("data", "--json")
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
