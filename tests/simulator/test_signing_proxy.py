"""The simulated tesla-http-proxy: what it signs, how it words Tesla's answers, and that Tesla bills what it sends."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from cloud_bench import START_AT, VIN, Desk, at_the_desk

from sunbox.core.commands import Cause, Outcome
from sunbox.core.model import Charging
from sunbox.dialects.tesla.table import BY_NAME, COMMANDS
from sunbox.dialects.tesla.wire import outcome_from_wire
from sunbox.simulator.faults import KINDS, Way
from sunbox.simulator.tesla_cloud import CloudSettings
from sunbox.simulator.tesla_tokens import FIRST_ACCESS

CARS = f"/signing-proxy/api/1/vehicles/{VIN}"
OK = {"response": {"result": True, "reason": ""}}
TOKEN = {"Authorization": f"Bearer {FIRST_ACCESS}"}


async def signed(desk: Desk, name: str, **body: Any) -> httpx2.Response:
    return await desk.post(f"{CARS}/command/{name}", body)


def error(text: str) -> dict[str, Any]:
    return {"response": None, "error": text, "error_description": ""}


def refused(text: str) -> dict[str, Any]:
    return {"response": {"result": False, "string": text}, "error": "", "error_description": ""}


def outcome(answer: httpx2.Response) -> tuple[Outcome, Cause | None]:
    ended = outcome_from_wire(BY_NAME["charge_start"], answer.status_code, answer.headers, answer.content)
    return ended.outcome, ended.cause


def test_a_signed_command_is_carried_out_and_billed_once() -> None:
    async def body(desk: Desk) -> None:
        answer = await signed(desk, "charge_start")
        assert (answer.status_code, answer.json()) == (200, OK)
        assert desk.car.charging is Charging.STARTING
        assert desk.billed() == {"command": 1}
        (row,) = desk.cloud.truth()["requests"]
        assert (row["endpoint"], row["path"]) == ("charge_start", f"/api/1/vehicles/{VIN}/signed_command")

    at_the_desk(body)


def test_a_car_that_needs_signing_refuses_plain_commands_and_takes_signed_ones() -> None:
    async def body(desk: Desk) -> None:
        for row in COMMANDS:
            answer = await desk.command(row.name, **VALID.get(row.name, {}))
            assert answer.status_code == 403
            assert answer.json()["error"].startswith("Tesla Vehicle Command Protocol required")
        assert (await signed(desk, "charge_start")).json() == OK
        assert (await desk.wake()).status_code == 200
        assert (await desk.data()).status_code == 200
        desk.car.patch({"needs_signing": False})
        assert (await desk.command("charge_stop")).json() == OK

    at_the_desk(body, car={"needs_signing": True}, settings=CloudSettings(slow_s=(3, 3)))


VALID: dict[str, dict[str, Any]] = {
    "set_charge_limit": {"percent": 70},
    "set_charging_amps": {"charging_amps": 9},
    "set_scheduled_charging": {"enable": True, "time": 60},
    "set_scheduled_departure": {"enable": True, "departure_time": 480},
    "add_charge_schedule": {
        "lat": 52.394,
        "lon": 13.542,
        "days_of_week": "Mon,Tues",
        "start_enabled": True,
        "end_enabled": False,
        "enabled": True,
        "start_time": 60,
        "id": 7,
    },
    "remove_charge_schedule": {"id": 7},
}


def test_every_command_can_be_signed() -> None:
    async def body(desk: Desk) -> None:
        for row in COMMANDS:
            answer = await signed(desk, row.name, **VALID.get(row.name, {}))
            assert answer.status_code == 200, (row.name, answer.text)
        assert desk.billed() == {"command": len(COMMANDS)}

    at_the_desk(body, car={"needs_signing": True})


def test_the_unsigned_fault_hits_plain_commands_only() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "unsigned", "count": None}])
        assert (await desk.command("charge_start")).status_code == 403
        assert (await signed(desk, "charge_start")).json() == OK

    at_the_desk(body)


def test_a_refusal_has_its_word_under_string() -> None:
    async def body(desk: Desk) -> None:
        answer = await signed(desk, "charge_start")
        assert (answer.status_code, answer.json()) == (200, refused("car could not execute command: disconnected"))
        assert outcome(answer) == (Outcome.REFUSED, Cause.DISCONNECTED)

    at_the_desk(body, car={"is_plugged": False})


def test_a_sleeping_car_is_500_and_billed() -> None:
    async def body(desk: Desk) -> None:
        answer = await signed(desk, "charge_start")
        assert (answer.status_code, answer.json()) == (500, error("vehicle unavailable: vehicle is offline or asleep"))
        assert outcome(answer) == (Outcome.NOT_DELIVERED, Cause.ASLEEP)
        assert desk.billed() == {"command": 1}

    at_the_desk(body, car={"is_asleep": True})


def test_waking_through_it() -> None:
    async def body(desk: Desk) -> None:
        assert (await signed(desk, "wake_up")).json() == OK
        assert (await desk.post(f"{CARS}/wake_up")).json()["response"]["state"] == "asleep"  # forwarded
        await asyncio.sleep(60)
        assert await desk.state() == "online"
        assert desk.billed() == {"wake": 2, "state": 1}

    at_the_desk(body, car={"is_asleep": True})


def test_an_unpaired_car_until_that_is_cleared() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults(["not_paired"])
        for _ in range(2):
            answer = await signed(desk, "charge_start")
            text = "vehicle rejected request: your public key has not been paired with the vehicle"
            assert (answer.status_code, answer.json()) == (500, error(text))
            assert outcome(answer) == (Outcome.REFUSED, Cause.UNSIGNED)
        assert desk.car.charging is Charging.STOPPED
        assert (await desk.command("charge_start")).status_code == 200
        assert desk.billed() == {"command": 3}
        desk.cloud.clear_faults()
        assert (await signed(desk, "charge_stop")).status_code == 200

    at_the_desk(body)


def test_not_paired_is_the_only_kind_of_its_own() -> None:
    assert [name for name, kind in KINDS.items() if kind.ways == {Way.SIGNED}] == ["not_paired"]


@pytest.mark.parametrize(
    ("name", "given", "text"),
    [
        ("set_charging_amps", {}, "missing charging_amps param"),
        ("set_charging_amps", {"charging_amps": "7"}, "invalid charging_amps param"),
        ("set_charging_amps", {"charging_amps": True}, "invalid charging_amps param"),
        ("set_charge_limit", {"percent": None}, "invalid percent param"),
        ("set_scheduled_charging", {"enable": 1, "time": 60}, "invalid enable param"),
        ("add_charge_schedule", {**VALID["add_charge_schedule"], "days_of_week": "Mo"}, "invalid days_of_week param"),
    ],
)
def test_parameters_must_have_the_right_type(name: str, given: dict[str, Any], text: str) -> None:
    async def body(desk: Desk) -> None:
        answer = await signed(desk, name, **given)
        assert (answer.status_code, answer.json()) == (400, refused(f"car could not execute command: {text}"))
        assert desk.billed() == {}

    at_the_desk(body)


def test_what_it_does_not_even_send() -> None:
    async def body(desk: Desk) -> None:
        path = f"{CARS}/command/charge_start"
        bad_vin = "/signing-proxy/api/1/vehicles/100000000000000/command/charge_start"
        nothing = await desk.client.post(path, json={})
        assert (nothing.status_code, nothing.json()) == (403, error("client did not provide an OAuth token"))
        assert (await desk.client.get(f"{CARS}/vehicle_data")).status_code == 403
        answer = await desk.post(bad_vin)
        assert (answer.status_code, answer.json()["error"]) == (
            404,
            "expected 17-character VIN in path (do not user Fleet API ID)",
        )
        assert (await desk.get(path)).status_code == 405
        answer = await signed(desk, "honk_horn")
        assert (answer.status_code, answer.json()) == (400, error("invalid_command"))
        for raw in (b"{", b"[1]", b"3", b"[" * 9000):
            answer = await desk.client.post(path, content=raw, headers=TOKEN)
            assert (answer.status_code, answer.text) == (400, "error occurred while parsing request parameters\n")
        assert desk.cloud.truth()["requests"] == []
        assert (await desk.client.post(path, headers=TOKEN)).json() == OK

    at_the_desk(body)


def test_tesla_s_own_errors_come_through_without_their_headers() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "rate_limited", "retry_after_s": 60}])
        answer = await signed(desk, "charge_start")
        assert (answer.status_code, answer.json()["error"]) == (429, "too many requests")
        assert "Retry-After" not in answer.headers
        expired = await desk.post(f"{CARS}/command/charge_start", token="nonsense")
        assert (expired.status_code, expired.json()["error"]) == (401, "invalid bearer token")
        other = await desk.post("/signing-proxy/api/1/vehicles/5YJ3E1EA7KF000000/command/charge_start")
        assert (other.status_code, other.json()["error"]) == (404, "not_found")
        assert desk.billed() == {"command": 3}

    at_the_desk(body)


def test_it_waits_ten_seconds_for_tesla() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults(["lost_reply"])
        answer = await signed(desk, "charge_start")
        assert (answer.status_code, answer.json()) == (500, error("context deadline exceeded"))
        assert outcome(answer) == (Outcome.UNCONFIRMED, Cause.SERVER_ERROR)
        assert (desk.clock.now() - START_AT).total_seconds() == 10
        assert desk.car.charging is Charging.STARTING

    at_the_desk(body)


def test_commands_of_one_car_go_one_after_the_other() -> None:
    async def body(desk: Desk) -> None:
        await asyncio.gather(*(signed(desk, "charge_stop") for _ in range(3)))
        assert (desk.clock.now() - START_AT).total_seconds() == 6

    at_the_desk(body, settings=CloudSettings(slow_s=(2, 2)))


def test_everything_else_is_forwarded_as_it_came() -> None:
    async def body(desk: Desk) -> None:
        assert (await desk.client.get("/signing-proxy/health")).text == "OK"
        for path in ("/api/1/vehicles", f"/api/1/vehicles/{VIN}", "/api/1/users/region", "/api/1/nothing"):
            plain, through = await desk.get(path), await desk.get(f"/signing-proxy{path}")
            assert (through.status_code, through.json()) == (plain.status_code, plain.json())
        query = "vehicle_data?endpoints=charge_state%3Blocation_data"
        through = await desk.get(f"{CARS}/{query}")
        assert set(through.json()["response"]) >= {"charge_state", "drive_state"}
        assert "vehicle_state" not in through.json()["response"]
        desk.cloud.add_faults([{"kind": "rate_limited", "retry_after_s": 60}])
        assert (await desk.get(f"{CARS}/vehicle_data")).headers["Retry-After"] == "60"
        assert desk.cloud.truth()["requests"][-1]["path"] == f"/api/1/vehicles/{VIN}/vehicle_data"

    at_the_desk(body)
