"""The native API and the health over HTTP."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from wallbox_double import AT, CHARGING, WallboxDouble, make_loadpoint, make_meter, make_site, make_vehicle

from sunbox import __version__
from sunbox.core import wallbox as core
from sunbox.core.model import ChargeSchedule, Limit, MeterReading, Mode, Override, Terms
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.wallbox import Request
from sunbox.faces.api import schema
from sunbox.faces.main import create_main_app

JSON = {"content-type": "application/json"}
LOADPOINT_PATH = "/api/v1/loadpoints/carport"


def ask(wallbox: WallboxDouble, path: str, method: str = "GET", **how: Any) -> httpx2.Response:
    async def main() -> httpx2.Response:
        transport = httpx2.ASGITransport(create_main_app(wallbox), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:5000") as client:
            return await client.request(method, path, **how)

    return asyncio.run(main())


LEFT_OUT = {"facts"}
"""Where a car is, is nobody's business."""


@pytest.mark.parametrize(
    ("view", "snapshot"),
    [
        (schema.SiteView, core.SiteSnapshot),
        (schema.LoadpointView, core.LoadpointSnapshot),
        (schema.VehicleView, core.VehicleSnapshot),
        (schema.SpendView, core.SpendSnapshot),
        (schema.SetPointView, core.SetPoint),
        (schema.ScheduleView, ChargeSchedule),
    ],
)
def test_a_view_shows_all_of_its_snapshot(view: Any, snapshot: Any) -> None:
    shown = [field.name for field in dataclasses.fields(snapshot) if field.name not in LEFT_OUT]
    assert list(view.model_fields) == shown


def test_the_site() -> None:
    changes_at = AT + timedelta(seconds=45)
    numbers = {"surplus_w": 1500.0, "needed_w": 1380, "start_wh": 12, "missed_wh": 5}
    reason = Reason(ReasonCode.SURPLUS_STARTING, numbers, changes_at)
    wallbox = WallboxDouble(make_loadpoint(reason=reason))
    answer = ask(wallbox, "/api/v1/site")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    site = answer.json()
    assert site["at"] == "2025-06-21T10:30:00Z"
    assert (site["grid_w"], site["pv_w"], site["is_grid_stale"]) == (-820.0, 1250.0, False)
    (loadpoint,) = site["loadpoints"]
    assert loadpoint["reason"] == {
        "code": "surplus_starting",
        "kind": "waiting",
        "text": "waiting: surplus 1500 W ≥ 1380 W (? A × ? × ? V), starts after 12 Wh of that, 5 Wh so far",
        "numbers": numbers,
        "changes_at": "2025-06-21T10:30:45Z",
    }
    assert loadpoint["vehicle"] == site["vehicles"][0]
    assert loadpoint["vehicle"]["spend"] == {
        "money_today": 0.024,
        "money_this_month": 0.61,
        "money_projected": 1.83,
        "per_month": 2.0,
        "soft_line": 0.15,
        "daily_line": 0.2,
        "requests_today": {"command": 4, "data": 0, "wake": 1},
        "requests_this_month": {"command": 210, "data": 80, "wake": 12},
        "wakes_today": 1,
        "wakes_line": 8,
    }


def test_a_car_that_costs_nothing_has_no_spend() -> None:
    site = ask(WallboxDouble(make_loadpoint(vehicle=make_vehicle(spend=None))), "/api/v1/site").json()
    assert site["vehicles"][0]["spend"] is None


def test_a_meter_says_what_asking_it_has_cost() -> None:
    wallbox = WallboxDouble()
    until_at = AT + timedelta(hours=2)
    wallbox.site = make_site(
        make_loadpoint(), meters=(make_meter(), make_meter(id="roof", held_until_at=until_at, spend=None))
    )
    counted, plain = ask(wallbox, "/api/v1/site").json()["meters"]
    assert (counted["id"], counted["interval_s"], counted["held_until_at"]) == ("powerwall", 412.0, None)
    assert counted["spend"]["requests_this_month"] == {"data": 1150, "command": 10}
    assert (counted["spend"]["money_projected"], counted["spend"]["soft_line"]) == (4.9, None)
    assert (plain["spend"], plain["held_until_at"]) == (None, "2025-06-21T12:30:00Z")


def test_numbers_that_are_none_become_null() -> None:
    wallbox = WallboxDouble()
    wallbox.site = make_site(make_loadpoint(draw_w=float("nan")), grid_w=float("inf"))
    site = json.loads(ask(wallbox, "/api/v1/site").content)
    assert site["grid_w"] is None
    assert site["loadpoints"][0]["draw_w"] is None


@pytest.mark.parametrize("name", ["carport", "1"])
def test_one_loadpoint(name: str) -> None:
    wallbox = WallboxDouble(make_loadpoint(**CHARGING))
    loadpoint = ask(wallbox, f"/api/v1/loadpoints/{name}").json()
    assert loadpoint == ask(wallbox, "/api/v1/site").json()["loadpoints"][0]
    assert (loadpoint["status"], loadpoint["draw_w"], loadpoint["set_point"]) == (
        "C",
        3029.0,
        {"charge": True, "amps_a": 13, "phases": 1},
    )


@pytest.mark.parametrize(
    ("body", "request_made"),
    [
        ({"mode": "now"}, Request(loadpoint_id="carport", by="api", mode=Mode.NOW)),
        (
            {"override": "charge", "amps_a": 32, "by": "page"},
            Request(loadpoint_id="carport", by="page", override=Override.CHARGE, amps_a=32),
        ),
        (
            {"mode": "pv", "override": "none", "amps_a": None, "target_soc_pct": 1},
            Request(loadpoint_id="carport", by="api", mode=Mode.PV, override=Override.NONE, target_soc_pct=1),
        ),
        (
            {"terms": {"min_a": 8, "start_w": 1500, "stop_after_s": 0}},
            Request(loadpoint_id="carport", by="api", terms=Terms(min_a=8, start_w=1500, stop_after_s=0)),
        ),
        ({"terms": {}}, Request(loadpoint_id="carport", by="api", terms=Terms())),
    ],
)
def test_a_wish_is_one_request_and_answers_the_loadpoint(body: dict[str, Any], request_made: Request) -> None:
    wallbox = WallboxDouble()
    answer = ask(wallbox, LOADPOINT_PATH, "POST", json=body)
    assert answer.status_code == 200
    assert wallbox.requests == [request_made]
    assert answer.json()["version"] == wallbox.loadpoint("carport").version


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"mode": "sun"}, ("mode", "sun", "off, now, min_pv, pv")),
        ({"override": 1}, ("override", "1", "none, stop, charge")),
        ({"amps_a": 2}, ("amps_a", "2", "an integer from 3 to 32")),
        ({"amps_a": 33}, ("amps_a", "33", "an integer from 3 to 32")),
        ({"amps_a": "16"}, ("amps_a", "16", "an integer from 3 to 32")),
        ({"amps_a": 16.0}, ("amps_a", "16.0", "an integer from 3 to 32")),
        ({"amps_a": True}, ("amps_a", "True", "an integer from 3 to 32")),
        ({"mode": "now", "target_soc_pct": 101}, ("target_soc_pct", "101", "an integer from 1 to 100")),
        ({"mode": "now", "by": "Somebody Else"}, ("by", "Somebody Else", "a short word in lower case")),
        ({"terms": {"start": 1}}, ("terms.start", None, schema.ALLOWED["terms"])),
        ({"terms": {"min_a": 8.5}}, ("terms.min_a", "8.5", schema.ALLOWED["terms"])),
        ({"amps": 16}, ("amps", None, "mode, override, amps_a, target_soc_pct, phases, terms, by")),
        ([], (None, None, "mode, override, amps_a, target_soc_pct, phases, terms, by")),
        ("x", (None, None, "mode, override, amps_a, target_soc_pct, phases, terms, by")),
    ],
)
def test_a_mistake_is_told_and_nothing_is_applied(body: Any, problem: tuple[str | None, str | None, str]) -> None:
    wallbox = WallboxDouble()
    answer = ask(wallbox, LOADPOINT_PATH, "POST", json=body)
    assert answer.status_code == 400
    told = answer.json()
    assert (told["field"], told["value"], told["allowed"]) == problem
    assert told["error"]
    assert wallbox.requests == []


@pytest.mark.parametrize(
    "how",
    [
        {"content": "{", "headers": JSON},
        {"content": "", "headers": JSON},
        {"content": b"\xff", "headers": JSON},
        {"content": " " * 20_000, "headers": JSON},
        {"content": '{"mode":"now"}', "headers": {"content-type": "text/plain"}},
        {"data": {"mode": "now"}},
        {},
    ],
)
def test_a_body_that_is_no_json_object(how: dict[str, Any]) -> None:
    wallbox = WallboxDouble()
    answer = ask(wallbox, LOADPOINT_PATH, "POST", **how)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "field", "value", "allowed"}
    assert wallbox.requests == []


def test_what_the_gateway_rejects() -> None:
    answer = ask(WallboxDouble(make_loadpoint(max_a=0)), LOADPOINT_PATH, "POST", json={"amps_a": 16})
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "amps_a: '16' is not allowed",
        "field": "amps_a",
        "value": "16",
        "allowed": "nothing while the charger is locked",
    }


def test_a_page_of_another_site_changes_nothing() -> None:
    wallbox = WallboxDouble()
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://example.org"}):
        assert ask(wallbox, LOADPOINT_PATH, "POST", json={"mode": "now"}, headers=headers).status_code == 403
    assert wallbox.requests == []


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/api/v1/loadpoints/9", 404),
        ("POST", "/api/v1/loadpoints/9", 404),
        ("GET", "/api/v1/loadpoints", 404),
        ("GET", "/api/v1", 404),
        ("GET", "/api/v1/", 404),
        ("GET", "/api/v1/site/", 404),
        ("GET", "/api/v1/docs", 404),
        ("GET", "/api", 404),
        ("DELETE", LOADPOINT_PATH, 405),
        ("POST", "/api/v1/site", 405),
    ],
)
def test_other_paths_and_methods_answer_json(method: str, path: str, code: int) -> None:
    answer = ask(WallboxDouble(), path, method)
    assert answer.status_code == code
    assert answer.headers["content-type"] == "application/json"
    assert "error" in answer.json()
    assert "detail" not in answer.json()
    assert ("allow" in answer.headers) == (code == 405)


class Broken(WallboxDouble):
    def snapshot(self) -> Any:
        raise RuntimeError("secret detail")


def test_a_failure_is_told_without_internals() -> None:
    answer = ask(Broken(), "/api/v1/site")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["error"] == "the gateway failed; its log has the details"


def test_it_describes_itself() -> None:
    document = ask(WallboxDouble(), "/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/api/v1"}]
    assert set(document["paths"]) == {
        "/site",
        "/loadpoints/{loadpoint_id}",
        "/vehicles/{vehicle_id}/command/{name}",
        "/vehicles/{vehicle_id}/schedules",
        "/decisions",
        "/limit",
        "/meters/{meter_id}",
        "/report",
    }
    assert "HTTPValidationError" not in document["components"]["schemas"]
    wish = document["paths"]["/loadpoints/{loadpoint_id}"]["post"]["requestBody"]["content"]["application/json"]
    assert set(wish["schema"]["properties"]) == set(schema.ALLOWED)
    references = set(find_references(document))
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references <= known


def find_references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in find_references(value)]
    if isinstance(node, list):
        return [found for value in node for found in find_references(value)]
    return []


def test_every_field_of_a_wish_has_its_words() -> None:
    assert list(schema.ALLOWED) == list(schema.LoadpointWish.model_fields)


# --- health ---


@pytest.mark.parametrize("path", ["/healthz", "/healthz/"])
def test_health_when_all_is_well(path: str) -> None:
    answer = ask(WallboxDouble(), path)
    assert answer.status_code == 200
    health = answer.json()
    assert health.pop("uptime_s") >= 0
    assert health == {
        "status": "ok",
        "version": __version__,
        "at": "2025-06-21T10:30:00Z",
        "grid_age_s": 4.0,
        "problems": [],
    }


def test_a_gateway_that_lacks_something_is_alive_and_says_what() -> None:
    wallbox = WallboxDouble()
    vehicle = make_vehicle(login_required=True)
    wallbox.site = make_site(make_loadpoint(vehicle=vehicle), is_grid_stale=True, grid_age_s=612.4)
    answer = ask(wallbox, "/healthz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["problems"] == ["no grid reading for 612 s", "Model 3: the account must be logged in again"]


def test_a_gateway_that_cannot_tell_is_not_healthy() -> None:
    answer = ask(Broken(), "/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "failed", "version": __version__}


def test_health_takes_no_other_path_or_method() -> None:
    assert ask(WallboxDouble(), "/healthz/x").status_code == 404
    assert ask(WallboxDouble(), "/healthz", "POST").status_code == 405
    assert ask(WallboxDouble(), "/healthz", "HEAD").status_code == 200


# The grid operator's limit --------------------------------------------------------------------------------------------

LIMIT_PATH = "/api/v1/limit"


def test_a_limit_is_set_shown_and_lifted() -> None:
    wallbox = WallboxDouble()
    until = (wallbox.site.at + timedelta(hours=1)).isoformat()
    answer = ask(wallbox, LIMIT_PATH, "POST", json={"max_w": 4200, "until_at": until, "by": "netz"})
    assert answer.status_code == 200
    assert answer.json()["limit"]["max_w"] == 4200.0
    assert wallbox.site.limit == Limit(max_w=4200.0, until_at=wallbox.site.at + timedelta(hours=1), by="netz")
    answer = ask(wallbox, LIMIT_PATH, "POST", json={"max_w": None})
    assert answer.json()["limit"] is None
    assert wallbox.site.limit is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "max_w"),
        ({"max_w": -1}, "max_w"),
        ({"max_w": "4200"}, "max_w"),
        ({"max_w": True}, "max_w"),
        ({"max_w": 4200, "until_at": "tomorrow"}, "until_at"),
        ({"max_w": 4200, "until_at": "2026-06-01T14:00:00"}, "until_at"),
        ({"max_w": 4200, "until_at": "2001-06-01T14:00:00+02:00"}, "until_at"),
        ({"max_w": 4200, "for": 3}, "for"),
        ([], None),
    ],
)
def test_a_wrong_limit_changes_nothing_and_says_what_is_right(body: Any, field: str | None) -> None:
    wallbox = WallboxDouble()
    answer = ask(wallbox, LIMIT_PATH, "POST", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert answer.json()["allowed"]
    assert wallbox.site.limit is None


def test_a_foreign_page_sets_no_limit() -> None:
    wallbox = WallboxDouble()
    answer = ask(wallbox, LIMIT_PATH, "POST", json={"max_w": 0}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
    assert wallbox.site.limit is None


# Readings that clients push -------------------------------------------------------------------------------------------

METER_PATH = "/api/v1/meters/house"


def test_a_reading_is_pushed() -> None:
    wallbox = WallboxDouble()
    at = wallbox.site.at
    answer = ask(
        wallbox, METER_PATH, "POST", json={"grid_w": -1200, "pv_w": 3000.5, "battery_w": 0, "battery_soc_pct": 55}
    )
    assert (answer.status_code, answer.json()["grid_w"]) == (200, -1200.0)
    told = {"grid_w": -5, "measured_at": (at - timedelta(seconds=3)).isoformat()}
    assert ask(wallbox, METER_PATH, "POST", json=told).status_code == 200
    late = {"grid_w": 7, "measured_at": (at + timedelta(hours=1)).isoformat()}
    assert ask(wallbox, METER_PATH, "POST", json=late).status_code == 200
    assert wallbox.readings == [
        ("house", MeterReading(measured_at=at, grid_w=-1200.0, pv_w=3000.5, battery_w=0.0, battery_soc_pct=55.0)),
        ("house", MeterReading(measured_at=at - timedelta(seconds=3), grid_w=-5.0)),
        ("house", MeterReading(measured_at=at, grid_w=7.0)),  # nobody measures what is still to come
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ([], None),
        ({"grid_w": None}, None),
        ({"grid_w": "5"}, "grid_w"),
        ({"grid_w": True}, "grid_w"),
        ({"grid_w": 1e9}, "grid_w"),
        ({"pv_w": -1}, "pv_w"),
        ({"battery_soc_pct": 101}, "battery_soc_pct"),
        ({"grid_w": 1, "measured_at": "2026-06-01T12:00:00"}, "measured_at"),
        ({"power": 1}, "power"),
    ],
)
def test_a_wrong_reading_is_not_taken_and_says_what_is_right(body: Any, field: str | None) -> None:
    wallbox = WallboxDouble()
    answer = ask(wallbox, METER_PATH, "POST", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert answer.json()["allowed"]
    assert wallbox.readings == []


def test_a_meter_that_takes_no_readings() -> None:
    answer = ask(WallboxDouble(), "/api/v1/meters/roof", "POST", json={"grid_w": 1})
    assert (answer.status_code, answer.json()["value"]) == (404, "roof")
    foreign = {"origin": "http://elsewhere"}
    assert ask(WallboxDouble(), METER_PATH, "POST", json={"grid_w": 1}, headers=foreign).status_code == 403
