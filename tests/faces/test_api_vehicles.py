"""Commands to cars on the native API: wishes and orders, good and bad."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from test_api_face import JSON, ask
from wallbox_double import AT, CHARGING, WallboxDouble, make_facts, make_loadpoint, make_site, make_vehicle

from sunbox.core.commands import Cause, Command, CommandName, Outcome
from sunbox.core.model import Override, VehicleFacts
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.wallbox import OrderedEnd, Request
from sunbox.dialects.tesla.table import COMMANDS

CAR = make_vehicle().id
PLACE = {"lat": 52.4, "lon": 13.5}
SCHEDULE = {**PLACE, "days_of_week": "Mon,Tues", "start_enabled": True, "end_enabled": False, "enabled": True}


def tell(wallbox: WallboxDouble, name: str, body: object = None, *, car: str = CAR, query: str = "") -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    return ask(wallbox, f"/api/v1/vehicles/{car}/command/{name}{query}", "POST", content=content, headers=JSON)


@pytest.mark.parametrize(("name", "body", "wish"), [
    ("charge_start", {}, {"override": Override.CHARGE}),
    ("charge_start", None, {"override": Override.CHARGE}),
    ("charge_stop", {}, {"override": Override.STOP}),
    ("set_charging_amps", {"charging_amps": 12}, {"amps_a": 12}),
    ("set_charging_amps", {"charging_amps": "12"}, {"amps_a": 12}),
    ("set_charge_limit", {"percent": 80}, {"target_soc_pct": 80}),
    ("set_charge_limit", {"percent": 30}, {"target_soc_pct": 30}),  # the gateway stops it there itself
])  # fmt: skip
def test_some_change_the_wish(name: str, body: object, wish: dict[str, Any]) -> None:
    wallbox = WallboxDouble()
    answer = tell(wallbox, name, body)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["vehicle_id"], told["command"], told["result"], told["is_settled"]) == (CAR, name, True, False)
    assert told["reason"].startswith("paused: surplus 820 W")
    assert wallbox.requests == [Request(loadpoint_id="carport", by="api", **wish)]
    assert wallbox.orders == []


@pytest.mark.parametrize(("name", "body", "command"), [
    ("charge_port_door_open", {}, Command(CommandName.OPEN_PORT)),
    ("charge_port_door_close", None, Command(CommandName.CLOSE_PORT)),
    ("charge_standard", {}, Command(CommandName.LIMIT_STANDARD)),
    ("charge_max_range", {}, Command(CommandName.LIMIT_MAX)),
    ("wake_up", {}, Command(CommandName.WAKE)),
    ("set_scheduled_charging", {"enable": True, "time": 90},
     Command(CommandName.SCHEDULE_CHARGING, details=(("enable", True), ("time", 90)))),
    ("set_scheduled_departure", {"enable": "false"}, Command(CommandName.SCHEDULE_DEPARTURE, details=(("enable", False),))),
    ("add_charge_schedule", SCHEDULE, Command(CommandName.ADD_SCHEDULE, details=tuple(SCHEDULE.items()))),
    ("remove_charge_schedule", {"id": 7}, Command(CommandName.REMOVE_SCHEDULE, details=(("id", 7),))),
])  # fmt: skip
def test_others_are_ordered_once(name: str, body: object, command: Command) -> None:
    wallbox = WallboxDouble()
    answer = tell(wallbox, name, body)
    assert (answer.status_code, answer.json()["is_settled"]) == (200, False)
    ((vehicle_id, ordered, by),) = wallbox.orders
    assert (vehicle_id, ordered.name, by) == (CAR, command.name, "api")
    assert dict(ordered.details) == dict(command.details)
    assert wallbox.requests == []


def test_there_is_a_test_for_each_command() -> None:
    marks = [*test_some_change_the_wish.pytestmark, *test_others_are_ordered_once.pytestmark]  # type: ignore[attr-defined]
    tried = {row[0] for mark in marks for row in mark.args[1]}
    assert tried >= {row.name for row in COMMANDS}


@pytest.mark.parametrize(("end", "result", "is_settled", "reason"), [
    (OrderedEnd(outcome=Outcome.APPLIED, cause=None, detail=""), True, True, ""),
    (OrderedEnd(outcome=Outcome.ALREADY_SET, cause=None, detail="already_standard"), True, True, ""),
    (OrderedEnd(outcome=Outcome.REFUSED, cause=Cause.REFUSED, detail="user_present"), False, True, "user_present"),
    (OrderedEnd(outcome=Outcome.NOT_DELIVERED, cause=Cause.EXPIRED, detail=""), False, True, "expired"),
    (OrderedEnd(outcome=Outcome.UNCONFIRMED, cause=None, detail=""), True, True, "it may have been done: no answer came"),
    (None, True, False, ""),
])  # fmt: skip
def test_who_waits_is_told_the_end(end: OrderedEnd | None, result: bool, is_settled: bool, reason: str) -> None:
    wallbox = WallboxDouble()
    wallbox.order_end = end
    told = tell(wallbox, "charge_port_door_open", query="?wait=true").json()
    assert (told["result"], told["is_settled"], told["reason"]) == (result, is_settled, reason)


@pytest.mark.parametrize(("changes", "result"), [
    ({**CHARGING}, True),
    ({"reason": Reason(ReasonCode.NOT_PLUGGED)}, False),
    ({"reason": Reason(ReasonCode.REFUSED, {"word": "no"})}, False),
])  # fmt: skip
def test_who_waits_for_a_start_is_told_whether_it_charges(changes: dict[str, Any], result: bool) -> None:
    wallbox = WallboxDouble(make_loadpoint(override=Override.CHARGE, override_by="api", is_wished=True, **changes))
    told = tell(wallbox, "charge_start", query="?wait=true").json()
    assert (told["result"], told["is_settled"]) == (result, True)


@pytest.mark.parametrize(("name", "body", "field"), [
    ("set_charging_amps", {}, "charging_amps"),
    ("set_charging_amps", {"charging_amps": 100}, "charging_amps"),
    ("set_charging_amps", {"charging_amps": True}, "charging_amps"),
    ("set_charging_amps", {"charging_amps": "1e999"}, "charging_amps"),
    ("set_charging_amps", {"charging_amps": 6.5}, "charging_amps"),
    ("set_charge_limit", {"percent": 0}, "percent"),
    ("set_scheduled_charging", {"enable": True, "time": 1440}, "time"),
    ("set_scheduled_charging", {"enable": 1}, "enable"),
    ("add_charge_schedule", {**SCHEDULE, "days_of_week": "Monday"}, "days_of_week"),
    ("add_charge_schedule", {**SCHEDULE, "lat": 91}, "lat"),
    ("charge_start", {"now": True}, "now"),
    ("charge_start", [], "body"),
    ("charge_start", 5, "body"),
])  # fmt: skip
def test_what_is_wrong_is_named_and_changes_nothing(name: str, body: object, field: str) -> None:
    wallbox = WallboxDouble()
    answer = tell(wallbox, name, body)
    assert answer.status_code == 400
    problem = answer.json()
    assert problem["field"] == field
    assert problem["allowed"]
    assert (wallbox.requests, wallbox.orders) == ([], [])


def test_unknown_cars_and_commands_bad_bodies_and_foreign_pages() -> None:
    wallbox = WallboxDouble()
    path = f"/api/v1/vehicles/{CAR}/command/charge_start"
    assert tell(wallbox, "charge_start", car="bike").status_code == 404
    assert tell(wallbox, "honk_horn").status_code == 404
    assert tell(wallbox, "charge_start", query="?wait=yes").json()["field"] == "wait"
    assert ask(wallbox, path, "POST", content=b"{", headers=JSON).status_code == 400
    assert ask(wallbox, path, "POST", content=b"x" * 100_000, headers=JSON).status_code == 400
    assert ask(wallbox, path, "POST", content=b"{}").status_code == 400  # a form needs no permission
    assert (
        ask(wallbox, path, "POST", content=b"{}", headers={**JSON, "origin": "https://example.org"}).status_code == 403
    )
    assert ask(wallbox, path).status_code == 405
    assert (wallbox.requests, wallbox.orders) == ([], [])


def schedules(car: str = CAR, **changes: Any) -> Any:
    wallbox = WallboxDouble(make_loadpoint(vehicle=make_vehicle(**changes)))
    answer = ask(wallbox, f"/api/v1/vehicles/{car}/schedules")
    assert (wallbox.requests, wallbox.orders) == ([], [])
    return answer


@pytest.mark.parametrize("name", [CAR, "LRW3F7EK4NC700000", "lrw3f7ek4nc700000"])
def test_the_schedules_that_a_car_keeps(name: str) -> None:
    answer = schedules(name, facts=make_facts())
    assert answer.status_code == 200
    told = answer.json()
    assert (told["vehicle_id"], told["age_s"]) == (CAR, 12.3)
    noon, once = told["schedules"]
    assert noon == {
        "id": 7,
        "name": "Noon",
        "days": ["mon", "tue", "wed", "thu", "fri"],
        "starts": True,
        "start_min": 660,
        "ends": True,
        "end_min": 780,
        "is_once": False,
        "is_enabled": True,
        "latitude": 52.394,
        "longitude": 13.542,
    }
    assert (once["days"], once["is_once"], once["latitude"]) == (["sun", "wed"], True, None)


def test_no_schedules_are_not_the_same_as_untold_ones() -> None:
    assert schedules(facts=make_facts(())).json()["schedules"] == []
    for facts in (make_facts(None), VehicleFacts(measured_at=AT), None):
        assert schedules(facts=facts).json()["schedules"] is None
    assert schedules(facts=None, age_s=None).json() == {"vehicle_id": CAR, "age_s": None, "schedules": None}


def test_schedules_of_a_car_that_is_not_there_and_other_methods() -> None:
    answer = schedules("bike")
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "there is no such vehicle", "field": "vehicle_id", "value": "bike", "allowed": CAR},
    )
    answer = ask(WallboxDouble(), f"/api/v1/vehicles/{CAR}/schedules", "POST", content=b"{}", headers=JSON)
    assert (answer.status_code, answer.json()["allowed"]) == (405, "GET")


def test_a_car_is_found_by_its_vin_and_one_at_no_loadpoint_takes_orders_only() -> None:
    spare = replace(make_vehicle(), id="spare", vin="5YJ3E7EB0KF000009")
    wallbox = WallboxDouble()
    wallbox.site = replace(make_site(make_loadpoint()), vehicles=(make_vehicle(), spare))
    assert tell(wallbox, "charge_port_door_open", car="5yj3e7eb0kf000009").status_code == 200
    assert [order[0] for order in wallbox.orders] == ["spare"]
    refused = tell(wallbox, "charge_start", car="spare")
    assert (refused.status_code, refused.json()["field"]) == (400, "vehicle_id")


def test_an_order_that_is_turned_down_is_a_mistake() -> None:
    wallbox = WallboxDouble()
    wallbox.orders = [(CAR, Command(CommandName.OPEN_PORT), "x")] * 8
    assert tell(wallbox, "charge_port_door_open").json()["allowed"].startswith("fewer than 8")
