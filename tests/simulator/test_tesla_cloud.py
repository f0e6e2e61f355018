"""The simulated cloud: tokens, states, waking, data, commands, limits and the bill."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import httpx2
import pytest
from cloud_bench import START_AT, VIN, Desk, at_the_desk

from sunbox.core.commands import RequestKind
from sunbox.core.model import Charging
from sunbox.dialects.tesla.login import challenge_of, scopes_from_token
from sunbox.dialects.tesla.table import COMMANDS, ENDPOINTS, PRICES, SCOPES, TOKEN
from sunbox.dialects.tesla.wire import vehicle_from_wire
from sunbox.simulator.bill import KEPT_REQUESTS, Bill, Received
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.tesla_answers import ANSWERS
from sunbox.simulator.tesla_cloud import CloudSettings, create_app
from sunbox.simulator.tesla_effects import EFFECTS
from sunbox.simulator.tesla_login import Application
from sunbox.simulator.tesla_tokens import FIRST_ACCESS, FIRST_REFRESH

OK = {"response": {"result": True, "reason": ""}}


def refused(word: str) -> dict[str, Any]:
    return {"response": {"result": False, "reason": word}}


def test_every_row_is_served() -> None:
    assert set(ANSWERS) == {row.name for row in ENDPOINTS if row is not TOKEN}
    assert set(EFFECTS) == {row.name for row in COMMANDS}


# tokens


def test_the_previous_refresh_token_is_good_until_the_new_one_is_used() -> None:
    async def body(desk: Desk) -> None:
        first = (await desk.refresh(FIRST_REFRESH)).json()
        assert (first["expires_in"], first["token_type"]) == (28800, "Bearer")
        # the owner died before saving it, twice
        again = (await desk.refresh(FIRST_REFRESH)).json()
        assert again["refresh_token"] != first["refresh_token"]
        last = (await desk.refresh(FIRST_REFRESH)).json()
        # using the new refresh token ends the old one, and what else came of it
        assert (await desk.refresh(last["refresh_token"])).status_code == 200
        for spent in (FIRST_REFRESH, again["refresh_token"]):
            answer = await desk.refresh(spent)
            assert (answer.status_code, answer.json()["error"]) == (401, "login_required")

    at_the_desk(body)


def test_using_the_new_access_token_ends_the_previous_refresh_token_too() -> None:
    async def body(desk: Desk) -> None:
        new = (await desk.refresh(FIRST_REFRESH)).json()
        assert (await desk.get("/api/1/vehicles", token=new["access_token"])).status_code == 200
        assert (await desk.refresh(FIRST_REFRESH)).status_code == 401
        assert (await desk.refresh(new["refresh_token"])).status_code == 200

    at_the_desk(body)


def test_the_strict_switch_makes_refresh_tokens_single_use() -> None:
    async def body(desk: Desk) -> None:
        new = (await desk.refresh(FIRST_REFRESH)).json()
        answer = await desk.refresh(FIRST_REFRESH)
        assert (answer.status_code, answer.json()["error"]) == (401, "login_required")
        assert (await desk.refresh(new["refresh_token"])).status_code == 200

    at_the_desk(body, settings=CloudSettings(strict_refresh=True))


def test_access_tokens_expire_and_wrong_ones_are_refused() -> None:
    async def body(desk: Desk) -> None:
        assert (await desk.get("/api/1/vehicles")).status_code == 200
        for token in ("nonsense", ""):
            answer = await desk.get("/api/1/vehicles", token=token)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid bearer token")
        assert (await desk.client.get("/api/1/vehicles")).status_code == 401
        await asyncio.sleep(8 * 3600)
        answer = await desk.get("/api/1/vehicles")
        assert (answer.status_code, answer.json()["error"]) == (401, "token expired (401)")
        new = (await desk.refresh(FIRST_REFRESH)).json()
        assert (await desk.get("/api/1/vehicles", token=new["access_token"])).status_code == 200

    at_the_desk(body)


BACK = "https://x.test/back"
VERIFIER = "a-verifier-that-nobody-else-knows"


async def open_page(desk: Desk, **changes: str) -> httpx2.Response:
    """Open the login page as a browser does."""
    query = {
        "response_type": "code",
        "client_id": "c",
        "redirect_uri": BACK,
        "scope": SCOPES,
        "state": "s",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    return await desk.client.get("/oauth2/v3/authorize", params={**query, **changes})


async def come_back(desk: Desk, **changes: str) -> dict[str, list[str]]:
    """Return what the browser is sent back with."""
    answer = await open_page(desk, **changes)
    assert answer.status_code == 302
    address, _, query = answer.headers["location"].partition("?")
    assert address == BACK
    return parse_qs(query)


async def trade(desk: Desk, code: str, **changes: str) -> httpx2.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": "c",
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": BACK,
        "audience": "https://fleet-api.test",
    }
    return await desk.client.post("/oauth2/v3/token", data={**form, **changes})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "abc"}, "invalid_auth_code"),
        ({"redirect_uri": "https://elsewhere.test"}, "invalid_redirect_url"),
        ({"code_verifier": "guessed"}, "invalid_request"),
        ({"audience": ""}, "invalid_request"),
        ({"client_id": ""}, "unauthorized_client"),
        ({"client_id": "another"}, "invalid_auth_code"),
    ],
)
def test_a_code_is_good_for_the_login_that_asked_for_it(changes: dict[str, str], error: str) -> None:
    async def body(desk: Desk) -> None:
        (code,) = (await come_back(desk))["code"]
        answer = await trade(desk, changes.pop("code", code), **changes)
        assert (answer.status_code >= 400, answer.json()["error"]) == (True, error)

    at_the_desk(body)


def test_a_code_is_good_once_and_not_for_long() -> None:
    async def body(desk: Desk) -> None:
        (code,), (late,) = [(await come_back(desk))["code"] for _ in range(2)]
        assert (await trade(desk, code)).status_code == 200
        assert (await trade(desk, code)).json()["error"] == "invalid_auth_code"
        await asyncio.sleep(121)
        assert (await trade(desk, late)).json()["error"] == "invalid_auth_code"

    at_the_desk(body)


def test_an_application_has_its_id_its_secret_and_its_address() -> None:
    async def body(desk: Desk) -> None:
        for wrong in ({"client_id": "other"}, {"redirect_uri": "https://other.test"}):
            page = await open_page(desk, **wrong)
            assert (page.status_code, f"this {next(iter(wrong))}" in page.text) == (400, True)
        (code,) = (await come_back(desk))["code"]
        for secret in ({}, {"client_secret": "wrong"}):
            assert (await trade(desk, code, **secret)).json()["error"] == "unauthorized_client"
        assert (await trade(desk, code, client_secret="right")).status_code == 200

    application = Application(client_id="c", client_secret="right", redirect_uri=BACK)
    at_the_desk(body, settings=CloudSettings(application=application))


def test_what_the_browser_is_sent_back_with() -> None:
    async def body(desk: Desk) -> None:
        assert await come_back(desk, response_type="token") == {"error": ["invalid_request"], "state": ["s"]}
        assert await come_back(desk, code_challenge_method="plain") == {"error": ["invalid_request"], "state": ["s"]}

    at_the_desk(body)

    async def denied(desk: Desk) -> None:
        assert (await come_back(desk))["error"] == ["access_denied"]

    at_the_desk(denied, settings=CloudSettings(denies_login=True))


def test_a_login_has_the_scopes_that_were_asked_for_and_allowed() -> None:
    async def body(desk: Desk) -> None:
        asked = "openid vehicle_device_data vehicle_cmds"
        (code,) = (await come_back(desk, scope=asked))["code"]
        tokens = (await trade(desk, code)).json()
        assert scopes_from_token(tokens["access_token"]) == {"openid", "vehicle_device_data"}
        assert tokens["refresh_token"] is None
        assert (await desk.get("/api/1/vehicles", token=tokens["access_token"])).status_code == 200
        path = f"/api/1/vehicles/{VIN}/wake_up"
        assert (await desk.post(path, token=tokens["access_token"])).status_code == 403

    allowed = frozenset(SCOPES.split()) - {"vehicle_cmds", "vehicle_charging_cmds"}
    at_the_desk(body, settings=CloudSettings(scopes=allowed))


def test_an_application_that_is_not_registered_is_told_so() -> None:
    async def body(desk: Desk) -> None:
        answer = await desk.get("/api/1/vehicles")
        assert answer.status_code == 412
        assert "must be registered in the current region" in answer.json()["error"]

    at_the_desk(body, settings=CloudSettings(is_registered=False))


def test_logging_in_with_a_code_and_other_grants() -> None:
    async def body(desk: Desk) -> None:
        code = (await come_back(desk))["code"][0]
        tokens = (await trade(desk, code)).json()
        assert (await desk.get("/api/1/vehicles", token=tokens["access_token"])).status_code == 200
        assert scopes_from_token(tokens["access_token"]) == frozenset(SCOPES.split())
        renewed = (await desk.refresh(tokens["refresh_token"])).json()
        assert scopes_from_token(renewed["access_token"]) == frozenset(SCOPES.split())
        assert (await desk.client.post("/oauth2/v3/token", data={"grant_type": "password"})).status_code == 400

    at_the_desk(body)


# reading


def test_reads_by_vin_and_by_id() -> None:
    async def body(desk: Desk) -> None:
        listed = (await desk.get("/api/1/vehicles")).json()
        assert listed["count"] == 1
        (row,) = listed["response"]
        for name in (VIN, row["id_s"]):
            assert (await desk.get(f"/api/1/vehicles/{name}")).json() == {"response": row}
        answer = await desk.get("/api/1/vehicles/5YJ3E1EA7KF000000")
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
        region = (await desk.get("/api/1/users/region")).json()["response"]
        assert region == {"region": "eu", "fleet_api_base_url": "http://127.0.0.1:5100"}
        assert (await desk.client.get("/status")).text == "ok"

    at_the_desk(body)


@pytest.mark.parametrize("separator", [";", "%3B"])
def test_only_the_endpoints_asked_for(separator: str) -> None:
    async def body(desk: Desk) -> None:
        whole = (await desk.data()).json()["response"]
        assert {"charge_state", "drive_state", "vehicle_state", "vehicle_config", "climate_state"} <= set(whole)
        assert "latitude" not in whole["drive_state"]
        some = (await desk.data(separator.join(["charge_state", "location_data"]))).json()
        assert "vehicle_state" not in some["response"]
        facts = vehicle_from_wire(some)
        assert (facts.latitude, facts.longitude) == desk.car.home
        age_s = (desk.clock.now() - facts.measured_at).total_seconds()
        assert 0 <= age_s < 0.5

    at_the_desk(body)


def test_without_the_scope_drive_state_is_missing_entirely() -> None:
    async def body(desk: Desk) -> None:
        assert "drive_state" not in (await desk.data("drive_state;location_data;charge_state")).json()["response"]

    at_the_desk(body, settings=CloudSettings(shows_location=False))


def test_a_sleeping_car_answers_408_and_wakes_in_its_own_time() -> None:
    async def body(desk: Desk) -> None:
        for answer in (await desk.data(), await desk.command("charge_start")):
            assert answer.status_code == 408
            assert answer.json()["error"] == "vehicle unavailable: vehicle is offline or asleep"
        assert await desk.state() == "asleep"
        assert (await desk.wake()).json()["response"]["state"] == "asleep"
        began_at = desk.clock.now()
        while await desk.state() == "asleep":  # noqa: ASYNC110 - asking is what is tried
            await asyncio.sleep(1)
        assert 8 <= (desk.clock.now() - began_at).total_seconds() <= 62
        assert (await desk.data()).status_code == 200

    at_the_desk(body, car={"is_asleep": True})


def test_the_other_path_of_wake_up() -> None:
    async def body(desk: Desk) -> None:
        assert (await desk.command("wake_up")).json()["response"]["vin"] == VIN
        desk.sync()
        assert desk.car.is_waking
        assert desk.billed() == {"wake": 1}

    at_the_desk(body, car={"is_asleep": True})


def test_the_free_state_call_does_not_keep_it_awake_and_paid_ones_do() -> None:
    async def minutes(desk: Desk, count: int, *, is_paid: bool) -> None:
        for _ in range(count):
            await asyncio.sleep(60)
            await (desk.data() if is_paid else desk.state())

    async def body(desk: Desk) -> None:
        await minutes(desk, 40, is_paid=True)
        assert await desk.state() == "online"
        await minutes(desk, 16, is_paid=False)
        assert await desk.state() == "asleep"

    at_the_desk(body)


# commands


def test_a_whole_charge() -> None:
    async def body(desk: Desk) -> None:
        assert (await desk.command("set_charging_amps", charging_amps=10)).json() == OK
        assert (await desk.command("charge_start")).json() == OK
        await asyncio.sleep(60)
        assert (await desk.command("charge_start")).json() == refused("is_charging")
        facts = vehicle_from_wire((await desk.data("charge_state")).json())
        assert (facts.charging, facts.actual_a, facts.power_w, facts.phases) == (Charging.CHARGING, 10, 7000, 3)
        assert (await desk.command("charge_stop")).json() == OK
        assert (await desk.command("charge_stop")).json() == refused("not_charging")
        assert (await desk.command("set_charge_limit", percent=60)).json() == OK
        assert (await desk.command("set_charge_limit", percent=60)).json() == refused("already_set")
        assert (await desk.command("charge_standard")).json() == OK
        assert (await desk.command("charge_standard")).json() == refused("already_standard")
        assert (await desk.command("charge_max_range")).json() == OK
        assert (await desk.command("charge_max_range")).json() == refused("already_max_range")

    at_the_desk(body, car={"phases": 3})


def test_refusals_of_an_unplugged_and_of_a_full_car() -> None:
    async def body(desk: Desk) -> None:
        assert (await desk.command("charge_start")).json() == refused("complete")
        desk.car.unplug()
        assert (await desk.command("charge_start")).json() == refused("disconnected")
        assert (await desk.command("set_charging_amps", charging_amps=8)).json() == refused("disconnected")

    at_the_desk(body, car={"soc_pct": 80})


BAD_BODIES = [
    ("set_charge_limit", {}, "percent: required"),
    ("set_charge_limit", {"percent": None}, "percent: required"),
    ("set_charge_limit", {"percent": 49}, "percent: must be from 50 to 100"),
    ("set_charge_limit", {"percent": 101}, "percent: must be from 50 to 100"),
    ("set_charge_limit", {"percent": "75"}, "percent: must be a whole number"),
    ("set_charge_limit", {"percent": 75.5}, "percent: must be a whole number"),
    ("set_charging_amps", {"charging_amps": True}, "charging_amps: must be a whole number"),
    ("set_charging_amps", {"charging_amps": -1}, "charging_amps: must be from 0 to 48"),
    ("set_scheduled_charging", {"time": 60}, "enable: required"),
    ("set_scheduled_charging", {"enable": 1, "time": 60}, "enable: must be a boolean"),
    ("set_scheduled_departure", {"enable": True, "departure_time": 1440}, "departure_time: must be from 0 to 1439"),
]


@pytest.mark.parametrize(("name", "given", "wrong"), BAD_BODIES)
def test_bad_fields(name: str, given: dict[str, Any], wrong: str) -> None:
    async def body(desk: Desk) -> None:
        before = desk.car.truth()
        answer = await desk.command(name, **given)
        assert answer.status_code == 400
        assert answer.json() == {"response": None, "error": "invalid_field", "error_description": wrong}
        assert desk.car.truth() == before

    at_the_desk(body)


def test_bad_bodies_and_unknown_calls() -> None:
    async def body(desk: Desk) -> None:
        headers = {"Authorization": f"Bearer {FIRST_ACCESS}"}
        path = f"/api/1/vehicles/{VIN}/command/charge_start"
        typed = {**headers, "Content-Type": "application/json; charset=utf-8"}
        for raw in (b"{", b"[]", b"\xff", b"[" * 9000):
            answer = await desk.client.post(path, content=raw, headers=typed)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        answer = await desk.client.post(path, content=b"a=1", headers={**headers, "Content-Type": "text/plain"})
        assert answer.status_code == 406
        answer = await desk.command("honk_horn")
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_command")
        assert (await desk.get("/api/1/nothing")).status_code == 404
        assert (await desk.client.post(path, headers=headers)).json() == OK  # nothing in it is fine

    at_the_desk(body)


def test_in_service() -> None:
    async def body(desk: Desk) -> None:
        desk.car.patch({"in_service": True})
        answer = await desk.command("charge_start")
        assert (answer.status_code, answer.json()["error"]) == (405, "vehicle is currently in service")
        assert (await desk.get(f"/api/1/vehicles/{VIN}")).json()["response"]["in_service"] is True

    at_the_desk(body)


# time and limits


def test_answers_take_their_time_and_the_same_time_for_a_seed() -> None:
    def times_s(seed: int) -> list[float]:
        taken: list[float] = []

        async def body(desk: Desk) -> None:
            for call in (desk.state, desk.data, lambda: desk.command("charge_start"), desk.wake):
                before_at = desk.clock.now()
                await call()
                taken.append((desk.clock.now() - before_at).total_seconds())

        at_the_desk(body, seed=seed)
        return taken

    for seed in range(5):
        taken = times_s(seed)
        assert taken == times_s(seed)
        assert all(0.1 <= each_s <= 0.5 for each_s in taken[:2])
        assert all(0.2 <= each_s <= 1.5 for each_s in taken[2:])


@pytest.mark.parametrize(("kind", "limit"), [("data", 60), ("command", 30), ("wake", 3)])
def test_rate_limits(kind: str, limit: int) -> None:
    async def body(desk: Desk) -> None:
        async def once() -> Any:
            return await {"data": desk.data, "command": lambda: desk.command("charge_stop"), "wake": desk.wake}[kind]()

        codes = [(await once()).status_code for _ in range(limit)]
        assert codes == [200] * limit
        answer = await once()
        assert answer.status_code == 429
        wait_s = int(answer.headers["Retry-After"])
        assert 1 <= wait_s <= 60
        assert answer.headers["RateLimit-Limit"] == str(limit)
        await asyncio.sleep(wait_s)
        assert (await once()).status_code == 200
        assert (await desk.get("/api/1/vehicles")).status_code == 200
        assert desk.billed()[kind] == limit + 2  # the 429 is billed as well

    at_the_desk(body, settings=CloudSettings(slow_s=(0.01, 0.01), quick_s=(0.01, 0.01)))


# the bill


def test_the_bill_counts_by_class_and_keeps_no_secrets() -> None:
    async def body(desk: Desk) -> None:
        await desk.refresh(FIRST_REFRESH)
        await desk.get("/api/1/vehicles")
        await desk.state()
        await desk.data()
        await desk.command("set_charging_amps", charging_amps=9)
        await desk.wake()
        truth = desk.cloud.truth()
        total = truth["bill"]["total"]
        assert {kind: total[kind] for kind in ("state", "data", "command", "wake", "received")} == {
            "state": 1,
            "data": 1,
            "command": 1,
            "wake": 1,
            "received": 6,
        }
        assert total["dollars"] == pytest.approx(0.002 + 0.001 + 0.02)
        assert total["calls"]["token"] == 1
        assert truth["bill"]["days"] == {"2024-06-01": total}
        assert truth["faults"] == []
        last = truth["requests"][-2]
        assert last["at"].startswith("2024-06-01T08:00:0")
        assert {key: last[key] for key in last if key != "at"} == {
            "method": "POST",
            "path": f"/api/1/vehicles/{VIN}/command/set_charging_amps",
            "endpoint": "set_charging_amps",
            "kind": "command",
            "body": {"charging_amps": 9},
            "status": 200,
            "billed": True,
        }
        shown = json.dumps(truth)
        assert FIRST_REFRESH not in shown
        assert FIRST_ACCESS not in shown

    at_the_desk(body)


def received(at: datetime, kind: RequestKind | None = RequestKind.COMMAND, *, is_billed: bool = True) -> Received:
    return Received(
        at=at, method="POST", path="/x", endpoint="x", kind=kind, body=None, status=200, is_billed=is_billed
    )


def test_the_bill_has_the_local_day_and_a_thousand_requests() -> None:
    bill = Bill(ZoneInfo("Europe/Berlin"))
    bill.add(received(datetime(2024, 6, 1, 21, 59, tzinfo=UTC)))
    bill.add(received(datetime(2024, 6, 1, 22, 0, tzinfo=UTC), RequestKind.WAKE))
    bill.add(received(datetime(2024, 6, 1, 22, 1, tzinfo=UTC), is_billed=False))
    bill.add(received(datetime(2024, 6, 1, 22, 2, tzinfo=UTC), None))
    assert list(bill.days) == ["2024-06-01", "2024-06-02"]
    assert bill.days["2024-06-01"].dollars == PRICES[RequestKind.COMMAND]
    assert bill.days["2024-06-02"].dollars == PRICES[RequestKind.WAKE]
    assert (bill.count(RequestKind.COMMAND), bill.count(RequestKind.WAKE), bill.total.received) == (1, 1, 4)
    for _ in range(KEPT_REQUESTS + 5):
        bill.add(received(START_AT))
    assert len(bill.requests) == KEPT_REQUESTS


def test_the_app_alone() -> None:
    clock = type("Noon", (), {"now": staticmethod(lambda: START_AT)})()
    app = create_app(clock, [TeslaCar(now=clock.now)])
    paths = {getattr(route, "path", "") for route in app.routes}
    assert {row.path for row in ENDPOINTS} <= paths
