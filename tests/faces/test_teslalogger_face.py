"""TeslaLogger's API over HTTP: bodies, content types, what changes something and what does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import httpx2
import pytest
import structlog
from wallbox_double import AT, CHARGING, VIN, WallboxDouble, make_loadpoint, make_vehicle

from sunbox.core import model
from sunbox.core.model import Override, VehicleDetails, VehicleFacts
from sunbox.core.wallbox import Accepted, Rejected, Request
from sunbox.dialects.teslalogger.table import COMMANDS, KEYS, NOT_SENT
from sunbox.faces.main import create_main_app

TEXT = "text/plain; charset=utf-8"
JSON = "application/json; charset=utf-8"
DONE = '{"response":{"result":true,"reason":""}}'
CAR = {
    "facts": VehicleFacts(
        measured_at=AT,
        charging=model.Charging.STOPPED,
        soc_pct=67,
        details=VehicleDetails(range_km=301.2, odometer_km=20512.0, is_preconditioning=False, is_guarded=True),
    )
}

T = TypeVar("T")


def run(wallbox: WallboxDouble, work: Callable[[httpx2.AsyncClient], Awaitable[T]]) -> T:
    async def main() -> T:
        transport = httpx2.ASGITransport(create_main_app(wallbox))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:5000") as client:
            return await work(client)

    return asyncio.run(main())


def ask(wallbox: WallboxDouble, path: str, method: str = "GET", **how: Any) -> httpx2.Response:
    return run(wallbox, lambda client: client.request(method, path, **how))


def a_wallbox() -> WallboxDouble:
    return WallboxDouble(make_loadpoint(vehicle=make_vehicle(**CAR)))


# --- reading ---


@pytest.mark.parametrize("car", ["1", "carport", "model3", VIN, VIN.lower()])
@pytest.mark.parametrize("end", ["", "/", "/jsonstring"])
def test_currentjson(car: str, end: str) -> None:
    wallbox = a_wallbox()
    answer = ask(wallbox, f"/currentjson/{car}{end}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == JSON
    assert answer.headers["cache-control"] == "no-store"
    assert list(answer.json()) == [key.name for key in KEYS]
    assert answer.json()["battery_level"] == 67
    assert wallbox.requests == []


def test_a_float_has_a_point_even_if_it_is_whole() -> None:
    body = ask(a_wallbox(), "/currentjson/1").text
    assert '"battery_level":67.0,' in body
    assert '"charge_limit_soc":90,' in body


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_the_method_is_not_looked_at(method: str) -> None:
    assert ask(a_wallbox(), "/currentjson/1", method).status_code == 200
    wallbox = a_wallbox()
    assert ask(wallbox, "/command/1/charge_start", method).status_code == 200
    assert [request.override for request in wallbox.requests] == [Override.CHARGE]


@pytest.mark.parametrize(
    "path",
    [
        "/currentjson",
        "/currentjson/",
        "/currentjson/2",
        "/currentjson/0",
        "/currentjson/" + "1" * 5000,
        "/currentjson/None",
        "/get",
        "/get/",
        "/get/1",
        "/get/1/",
        "/command",
        "/command/1",
        "/command/1/",
    ],
)
def test_what_is_not_there(path: str) -> None:
    answer = ask(a_wallbox(), path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == TEXT
    assert answer.text == "URL Not Found!"


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/get/1/battery_level", JSON, '{"response":{"value":"67","timestamp":1750501800000}}'),
        (f"/get/{VIN}/battery_level", JSON, '{"response":{"value":"67","timestamp":1750501800000}}'),
        ("/get/1/sentry_mode", JSON, '{"response":{"value":"True","timestamp":1750501800000}}'),
        ("/get/1/battery_level?raw", TEXT, "67"),
        ("/get/model3/plugged_in?raw", TEXT, "True"),
        ("/get/1/battery_range_km/?raw", TEXT, "301.2"),
        ("/get/1/display_name?raw", TEXT, "Model 3"),
        (
            "/get/1/soc",
            TEXT,
            "state soc not found, was the car 1 awake since the last TeslaLogger restart or Car Thread restart?",
        ),
        (
            "/get/carport/outside_temp?raw",
            TEXT,
            (
                "state outside_temp not found, was the car carport awake since the last TeslaLogger restart"
                " or Car Thread restart?"
            ),
        ),
        ("/get/2/battery_level", TEXT, ""),
        ("/get/2/soc?raw", TEXT, ""),
        ("/get/5YJSA1E26HF000337/battery_level", TEXT, ""),
        (f"/get/{'x' * 5000}/battery_level", TEXT, ""),
    ],
)
def test_one_value(path: str, kind: str, body: str) -> None:
    wallbox = a_wallbox()
    answer = ask(wallbox, path)
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, kind, body)
    assert wallbox.requests == []


def test_a_long_name_of_a_value_is_not_repeated_at_length() -> None:
    assert len(ask(a_wallbox(), "/get/1/" + "x" * 5000).text) < 200


def test_a_car_that_no_loadpoint_is_meant_for_can_be_looked_at_only() -> None:
    wallbox = a_wallbox()
    guest = make_vehicle(id="guest", name="Guest", vin="5YJSA1E26HF000337", soc_pct=41)
    wallbox.site = replace(wallbox.site, vehicles=(*wallbox.site.vehicles, guest))
    assert ask(wallbox, "/currentjson/guest").json()["battery_level"] == 41
    assert ask(wallbox, "/get/5yjsa1e26hf000337/display_name?raw").text == "Guest"
    answer = ask(wallbox, "/command/guest/charge_start")
    assert (answer.status_code, answer.content) == (200, b"")
    assert wallbox.requests == []


# --- commands ---


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        ("charge_start", {"override": Override.CHARGE}),
        ("charge_start?wait=1&x", {"override": Override.CHARGE}),
        ("charge_start/", {"override": Override.CHARGE}),
        ("charge_stop", {"override": Override.STOP}),
        ("charge_start_stop?1", {"override": Override.CHARGE}),
        ("charge_start_stop?ON", {"override": Override.CHARGE}),
        ("charge_start_stop?x=True", {"override": Override.CHARGE}),
        ("charge_start_stop?0", {"override": Override.STOP}),
        ("charge_start_stop?nonsense", {"override": Override.STOP}),
        ("set_charge_limit?80", {"target_soc_pct": 80}),
        ("set_charge_limit?percent=80", {"target_soc_pct": 80}),
        ("set_charging_amps?16", {"amps_a": 16}),
        ("set_charging_amps?amps=16", {"amps_a": 16}),
    ],
)
@pytest.mark.parametrize("car", ["1", "carport", "model3", VIN, VIN.lower()])
def test_a_command_is_one_wish(car: str, path: str, wish: dict[str, Any]) -> None:
    wallbox = a_wallbox()
    answer = ask(wallbox, f"/command/{car}/{path}")
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, TEXT, DONE)
    assert wallbox.requests == [Request(loadpoint_id="carport", by="teslalogger", **wish)]


def test_wake_up_asks_for_nothing() -> None:
    wallbox = a_wallbox()
    before = wallbox.site
    assert ask(wallbox, "/command/1/wake_up").text == DONE
    assert (wallbox.requests, wallbox.site) == ([], before)


@pytest.mark.parametrize(
    "path",
    [
        "1/set_charging_amps",
        "1/set_charging_amps?",
        "1/set_charging_amps?amps=",
        "1/set_charging_amps?sixteen",
        "1/set_charging_amps?16.5",
        "1/set_charging_amps?16&17",
        "1/set_charging_amps?amps=16&wait=3",
        "1/set_charging_amps?33",
        "1/set_charging_amps?-16",
        "1/set_charging_amps?" + "9" * 5000,
        "1/set_charge_limit",
        "1/set_charge_limit?0",
        "1/set_charge_limit?101",
        "1/charge_start_stop",
        "1/charge_start_stop?1&1",
        "2/charge_start",
        "2/wake_up",
        "0/charge_stop",
        "5YJSA1E26HF000337/charge_start",
        "x" * 5000 + "/charge_start",
    ],
)
def test_a_mistake_is_an_empty_body_and_changes_nothing(path: str) -> None:
    class Strict(WallboxDouble):
        """As the gateway: numbers out of range are rejected."""

        def request(self, request: Request) -> Accepted | Rejected:
            if request.amps_a is not None and not 3 <= request.amps_a <= 32:
                return Rejected("amps_a", str(request.amps_a), "3 to 32")
            if request.target_soc_pct is not None and not 1 <= request.target_soc_pct <= 100:
                return Rejected("target_soc_pct", str(request.target_soc_pct), "1 to 100")
            return super().request(request)

    wallbox = Strict()
    before = wallbox.site
    answer = ask(wallbox, f"/command/{path}")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, TEXT, b"")
    assert (wallbox.requests, wallbox.site) == ([], before)


@pytest.mark.parametrize("path", ["1/set_charging_amps?", "1/", "x", "1/charge_start_stop?1&"])
def test_what_was_wrong_stands_in_the_log_and_is_bounded(path: str) -> None:
    path = path + "y" * 3000 + ("/charge_start" if path == "x" else "")
    with structlog.testing.capture_logs() as lines:
        ask(a_wallbox(), f"/command/{path}")
    assert len(lines) == 1
    assert len(str(lines[0])) < 300


@pytest.mark.parametrize("command", [*NOT_SENT, "honk_horn", "CHARGE_START", "charge_start/now", "charge_start_stop=1"])
@pytest.mark.parametrize("car", ["1", "2"])
def test_what_is_not_sent(car: str, command: str) -> None:
    wallbox = a_wallbox()
    answer = ask(wallbox, f"/command/{car}/{command}?1")
    assert (answer.status_code, answer.headers["content-type"]) == (200, TEXT)
    assert answer.text == f"command {command} is not allowed"
    assert wallbox.requests == []


def test_a_long_command_is_not_repeated_at_length() -> None:
    answer = ask(a_wallbox(), "/command/1/" + "x" * 5000)
    assert answer.text == f"command {'x' * 40} is not allowed"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://example.org"}, {"origin": "null"}]
)
def test_a_page_of_another_site_changes_nothing_but_may_look(
    headers: dict[str, str], method: str, command: Any
) -> None:
    wallbox = a_wallbox()
    answer = ask(wallbox, command.example, method, headers=headers)
    assert answer.status_code == 403
    assert wallbox.requests == []
    assert ask(wallbox, "/currentjson/1", headers=headers).status_code == 200


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_example_of_the_table_works_for_a_page_of_the_same_host_too(command: Any) -> None:
    headers = {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:7070"}
    assert ask(a_wallbox(), command.example, headers=headers).text == DONE
    assert ask(a_wallbox(), command.example).text == DONE


@pytest.mark.parametrize("path", ["/currentjson/1", "/get/1/soc", "/command/1/charge_start"])
def test_a_failure_is_told_without_internals(path: str) -> None:
    class Broken(WallboxDouble):
        def snapshot(self) -> Any:
            raise RuntimeError("secret detail")

    answer = ask(Broken(), path)
    assert (answer.status_code, answer.text) == (500, "NULL")


def test_behind_a_proxy_that_adds_a_prefix() -> None:
    async def main() -> list[tuple[int, str]]:
        app = create_main_app(a_wallbox())

        async def behind(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "root_path": "/sun", "path": "/sun" + scope["path"]}, receive, send)

        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(behind), base_url="http://localhost") as client:
            paths = ("/get/1/battery_level?raw", "/command/1/wake_up", "/get")
            answers = [await client.get(path) for path in paths]
            return [(answer.status_code, answer.text) for answer in answers]

    assert asyncio.run(main()) == [(200, "67"), (200, DONE), (404, "URL Not Found!")]


# --- evcc's template `teslalogger`, as it asks ---

EVCC_READS = {
    "battery_level": float,
    "plugged_in": bool,
    "charging": bool,
    "battery_range_km": float,
    "odometer": float,
    "is_preconditioning": bool,
    "charge_current_request": float,
    "charge_limit_soc": float,
}
"""jq expression (without its point) → what evcc makes of the result. It never makes a bool of a number or a text."""


async def evcc_reads(client: httpx2.AsyncClient) -> dict[str, Any]:
    """Read as evcc does: one GET for each value, null is a mistake, a number is a number and a bool is a bool."""
    values = {}
    for name, kind in EVCC_READS.items():
        answer = await client.get("/currentjson/1")
        assert answer.status_code == 200
        value = json.loads(answer.content)[name]
        assert type(value) in ((bool,) if kind is bool else (int, float)), name
        values[name] = kind(value)
    return values


def evcc_status(values: dict[str, Any]) -> str:
    return "A" if not values["plugged_in"] else "C" if values["charging"] else "B"


async def evcc_sends(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.json() == {"response": {"result": True, "reason": ""}}


def test_evcc_charges_a_sleeping_car() -> None:
    wallbox = WallboxDouble(make_loadpoint(vehicle=make_vehicle(is_asleep=True, **CAR)))

    async def work(client: httpx2.AsyncClient) -> list[tuple[str, float]]:
        seen = []
        for paths in (
            (),
            ("/command/1/wake_up", "/command/1/charge_start_stop?true", "/command/1/set_charging_amps?10"),
            ("/command/1/set_charging_amps?12",),
            ("/command/1/charge_start_stop?false",),
        ):
            for path in paths:
                await evcc_sends(client, path)
            wallbox.apply_wishes("carport")
            values = await evcc_reads(client)
            seen.append((evcc_status(values), values["charge_current_request"]))
        return seen

    assert run(wallbox, work) == [("B", 13), ("C", 10), ("C", 12), ("B", 12)]
    assert [(request.override, request.amps_a) for request in wallbox.requests] == [
        (Override.CHARGE, None),
        (None, 10),
        (None, 12),
        (Override.STOP, None),
    ]


def test_evcc_looks_at_a_car_that_was_never_seen() -> None:
    unseen = make_vehicle(is_plugged=None, soc_pct=None, limit_soc_pct=None, amps_requested_a=None, age_s=None)
    wallbox = WallboxDouble(make_loadpoint(vehicle=unseen, is_plugged=False, draw_a=None, voltage_v=None))
    values = run(wallbox, evcc_reads)
    assert evcc_status(values) == "A"
    assert set(values.values()) == {0}


def test_a_car_that_charges_is_in_status_c() -> None:
    wallbox = WallboxDouble(make_loadpoint(vehicle=make_vehicle(**CAR), **CHARGING))
    assert evcc_status(run(wallbox, evcc_reads)) == "C"
