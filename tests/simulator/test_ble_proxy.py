"""The simulated TeslaBleHttpProxy: what it answers, how long it takes, what it wakes, and that it costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from cloud_bench import START_AT, VIN, Desk, at_the_desk

from sunbox.core.model import Charging
from sunbox.dialects.tesla.proxies import BLE_COMMANDS, BLE_ENDPOINTS, BLE_REASON_DONE, BLE_REASON_QUEUED
from sunbox.dialects.tesla.wire import vehicle_from_wire
from sunbox.simulator.faults import KINDS, Way
from sunbox.simulator.tesla_ble_proxy import BleSettings
from sunbox.simulator.tesla_cloud import CloudSettings

CARS = f"/ble-proxy/api/1/vehicles/{VIN}"
OUT_OF_RANGE = "Vehicle is not in range: context deadline exceeded"


async def command(desk: Desk, name: str, body: Any = None, *, wait: bool = True) -> httpx2.Response:
    return await desk.client.post(f"{CARS}/command/{name}", json=body or {}, params={"wait": "true"} if wait else {})


async def data(desk: Desk, **query: str) -> httpx2.Response:
    return await desk.client.get(f"{CARS}/vehicle_data", params=query)


def done(name: str, reason: str = BLE_REASON_DONE) -> dict[str, Any]:
    return {"response": {"result": True, "reason": reason, "vin": VIN, "command": name}}


def failed(name: str, reason: str) -> dict[str, Any]:
    return {"response": {"result": False, "reason": reason, "vin": VIN, "command": name}}


def seconds_since(desk: Desk, began_at: Any) -> float:
    return (desk.clock.now() - began_at).total_seconds()


def test_a_waited_command_is_carried_out_when_it_is_answered() -> None:
    async def body(desk: Desk) -> None:
        answer = await command(desk, "charge_start")
        assert (answer.status_code, answer.json()) == (200, done("charge_start"))
        assert desk.car.charging is Charging.STARTING
        assert 1 <= seconds_since(desk, START_AT) <= 4
        await asyncio.sleep(60)
        for name in ("charge_start", "charge_stop", "charge_stop"):  # is_charging and not_charging are no failures
            assert (await command(desk, name)).json() == done(name)
        assert desk.billed() == {}
        assert desk.cloud.truth()["requests"] == []
        shown = desk.cloud.truth()["ble_requests"]
        assert [(row["endpoint"], row["status"], row["billed"]) for row in shown] == [
            ("charge_start", 200, False),
            ("charge_start", 200, False),
            ("charge_stop", 200, False),
            ("charge_stop", 200, False),
        ]
        assert shown[0]["at"].startswith("2024-06-01T08:00:00.000")
        assert shown[0]["path"] == f"{CARS}/command/charge_start?wait=true"

    at_the_desk(body)


def test_a_full_car_that_is_told_to_start_is_a_success() -> None:
    async def body(desk: Desk) -> None:
        assert (await command(desk, "charge_start")).json() == done("charge_start")
        desk.sync()
        assert desk.car.charging is Charging.COMPLETE

    at_the_desk(body, car={"soc_pct": 80})


def test_a_command_that_nobody_waits_for_is_answered_at_once_whatever_comes_of_it() -> None:
    async def body(desk: Desk) -> None:
        answer = await command(desk, "charge_start", wait=False)
        assert (answer.status_code, answer.json()) == (200, done("charge_start", BLE_REASON_QUEUED))
        assert desk.clock.now() == START_AT
        assert desk.car.charging is Charging.STOPPED
        await asyncio.sleep(6)
        assert desk.car.charging is Charging.STARTING
        desk.car.unplug()
        assert (await command(desk, "charge_start", wait=False)).status_code == 200  # though it will be refused
        await asyncio.sleep(6)
        assert desk.car.charging is Charging.DISCONNECTED

    at_the_desk(body)


def test_one_radio_carries_one_exchange_at_a_time() -> None:
    async def body(desk: Desk) -> None:
        await asyncio.gather(*(command(desk, "charge_stop") for _ in range(4)))
        assert seconds_since(desk, START_AT) == 12

    at_the_desk(body, settings=CloudSettings(ble=BleSettings(exchange_s=(3, 3))))


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("charge_start", {}, "failed to start charge: car could not execute command: disconnected"),
        (
            "set_charging_amps",
            {"charging_amps": 8},
            "failed to set charging Amps to 8: car could not execute command: disconnected",
        ),
        (
            "set_charge_limit",
            {"percent": 80},
            "failed to set charge limit to 80 %: car could not execute command: already_set",
        ),
        ("charge_standard", {}, "failed to execute charge_standard: car could not execute command: already_standard"),
    ],
)
def test_a_refusal_is_503_with_the_word_at_its_end(name: str, given: dict[str, Any], reason: str) -> None:
    async def body(desk: Desk) -> None:
        answer = await command(desk, name, given)
        assert (answer.status_code, answer.json()) == (503, failed(name, reason))

    at_the_desk(body, car={"is_plugged": False})


SCHEDULE = {"lat": 52.394, "lon": 13.542, "start_enabled": True, "end_enabled": False, "enabled": True}

BAD: list[tuple[str, Mapping[str, Any], str]] = [
    ("honk_horn", {}, "unrecognized vehicle command: honk_horn"),
    ("set_scheduled_departure", {"enable": True}, "not implemented"),
    ("set_charging_amps", {}, "missing 'charging_amps' in request body"),
    ("set_charging_amps", {"charging_amps": "five"}, "invalid value of charging_amps: must be a whole number"),
    ("set_charging_amps", {"charging_amps": "inf"}, "invalid value of charging_amps: must be a whole number"),
    ("set_charge_limit", {"percent": "101"}, "invalid value of percent: must be from 50 to 100"),
    ("add_charge_schedule", {**SCHEDULE, "days_of_week": "Mon"}, "unknown day 'Mon' in days_of_week"),
    ("add_charge_schedule", {**SCHEDULE, "days_of_week": 128}, "unknown day 128 in days_of_week"),
    ("add_charge_schedule", {**SCHEDULE, "days_of_week": True}, "unknown day True in days_of_week"),
]


@pytest.mark.parametrize(("name", "given", "reason"), BAD)
def test_what_is_wrong_is_said_at_once(name: str, given: Mapping[str, Any], reason: str) -> None:
    async def body(desk: Desk) -> None:
        before = desk.car.truth()
        answer = await command(desk, name, given, wait=False)
        assert (answer.status_code, answer.json()) == (503, failed(name, reason))
        assert (desk.clock.now(), desk.car.truth()) == (START_AT, before)

    at_the_desk(body)


def test_bodies_may_be_nothing_or_a_word_and_must_not_be_broken() -> None:
    async def body(desk: Desk) -> None:
        path = f"{CARS}/command/charge_stop?wait=true"
        for raw in (b"", b"  ", b"true", b"false", b"null", b"{}"):
            assert (await desk.client.post(path, content=raw)).json() == done("charge_stop")
        for raw in (b"{", b"[]", b"3", b"\xff", b"[" * 9000):
            answer = await desk.client.post(path, content=raw)
            assert (answer.status_code, answer.json()) == (503, failed("charge_stop", "Failed to decode body"))

    at_the_desk(body)


def test_numbers_may_come_as_text() -> None:
    async def body(desk: Desk) -> None:
        assert (await command(desk, "set_charging_amps", {"charging_amps": "7"})).status_code == 200
        assert (await command(desk, "set_charge_limit", {"percent": "75"})).status_code == 200
        assert (desk.car.amps_a, desk.car.limit_pct) == (7, 75)

    at_the_desk(body)


@pytest.mark.parametrize(
    ("given", "bits"), [("All", 127), ("Weekdays", 62), ("Monday,Friday", 34), (" sunday , Saturday", 65), (34, 34)]
)
def test_days_are_whole_names_or_bits(given: str | int, bits: int) -> None:
    async def body(desk: Desk) -> None:
        schedule = {**SCHEDULE, "days_of_week": given, "start_time": 60, "id": 7}
        assert (await command(desk, "add_charge_schedule", schedule)).status_code == 200
        assert desk.car.kept_schedules[7]["days_of_week"] == bits
        assert (await command(desk, "remove_charge_schedule", {"id": 7})).status_code == 200
        assert desk.car.kept_schedules == {}

    at_the_desk(body)


def test_every_command_of_the_program_is_served() -> None:
    async def body(desk: Desk) -> None:
        for name in sorted(BLE_COMMANDS | {"wake_up"}):
            answer = await command(desk, name)
            assert "unrecognized" not in answer.json()["response"]["reason"]
            assert "not implemented" not in answer.json()["response"]["reason"]

    at_the_desk(body)


# data


def test_data_are_nested_twice_in_seconds_with_0_for_what_is_not_known() -> None:
    async def body(desk: Desk) -> None:
        answer = (await data(desk)).json()
        assert set(answer["response"]) == {"result", "reason", "vin", "command", "response"}
        inner = answer["response"]["response"]
        assert set(inner) == set(BLE_ENDPOINTS.split(";"))
        charge = inner["charge_state"]
        assert charge["charger_phases"] == 0
        assert None not in charge.values()
        assert "battery_heater_on" not in charge
        assert START_AT.timestamp() < charge["timestamp"] <= desk.clock.now().timestamp()
        facts = vehicle_from_wire(answer)
        assert (facts.charging, facts.soc_pct, facts.phases, facts.latitude) == (Charging.STOPPED, 50, None, None)
        await command(desk, "charge_start")
        await asyncio.sleep(60)
        only = (await data(desk, endpoints="charge_state")).json()["response"]["response"]
        assert set(only) == {"charge_state"}
        assert (only["charge_state"]["charger_phases"], only["charge_state"]["charger_actual_current"]) == (2, 16)

    at_the_desk(body, car={"phases": 3})


def test_the_schedules_can_be_asked_for() -> None:
    async def body(desk: Desk) -> None:
        schedule = {**SCHEDULE, "days_of_week": "Monday", "start_time": 60, "id": 7}
        await command(desk, "add_charge_schedule", schedule)
        told = (await data(desk, endpoints="charge_schedule_data")).json()["response"]["response"]
        assert set(told) == {"charge_schedule_data"}
        (row,) = told["charge_schedule_data"]["charge_schedules"]
        assert (row["id"], row["days_of_week"], row["start_time"]) == (7, 2, 60)
        assert START_AT.timestamp() < told["charge_schedule_data"]["timestamp"] <= desk.clock.now().timestamp()

    at_the_desk(body)


def test_a_section_that_it_does_not_know_fails_the_whole_request() -> None:
    async def body(desk: Desk) -> None:
        answer = await data(desk, endpoints="charge_state;drive_state")
        assert (answer.status_code, answer.json()) == (
            503,
            failed("vehicle_data", "unrecognized state category 'drive_state'"),
        )
        # a bare semicolon is no part of a query for a Go program: the pair is gone, the usual sections come
        bare = await desk.client.get(f"{CARS}/vehicle_data?endpoints=charge_state;drive_state")
        assert set(bare.json()["response"]["response"]) == {"charge_state", "climate_state"}

    at_the_desk(body)


def test_newest_versions_answer_data_from_memory_for_a_while() -> None:
    async def body(desk: Desk) -> None:
        first = (await data(desk)).json()
        await command(desk, "set_charge_limit", {"percent": 70})
        assert (await data(desk, endpoints="charge_state")).json()["response"]["response"] == {
            "charge_state": first["response"]["response"]["charge_state"]
        }
        await asyncio.sleep(30)
        assert vehicle_from_wire((await data(desk)).json()).limit_soc_pct == 70

    at_the_desk(body, settings=CloudSettings(ble=BleSettings(cache_s=30)))


# sleep


def test_a_command_wakes_the_car_by_itself_which_takes_its_time() -> None:
    async def body(desk: Desk) -> None:
        assert (await command(desk, "charge_start")).json() == done("charge_start")
        assert 11 <= seconds_since(desk, START_AT) <= 66
        assert not desk.car.is_asleep
        assert desk.billed() == {}

    at_the_desk(body, car={"is_asleep": True})


def test_data_of_a_sleeping_car_wake_it_only_when_told_to() -> None:
    async def body(desk: Desk) -> None:
        answer = await data(desk)
        assert (answer.status_code, answer.json()) == (503, failed("vehicle_data", "vehicle is sleeping"))
        await asyncio.sleep(120)
        desk.sync()
        assert desk.car.is_asleep
        assert (await data(desk, wakeup="true")).status_code == 200
        assert not desk.car.is_asleep

    at_the_desk(body, car={"is_asleep": True})


def test_the_body_controller_answers_in_the_sleep_and_neither_wakes_nor_keeps_awake() -> None:
    async def state(desk: Desk) -> dict[str, Any]:
        answer = await desk.client.get(f"{CARS}/body_controller_state")
        assert answer.status_code == 200
        inner: dict[str, Any] = answer.json()["response"]["response"]
        return inner

    async def body(desk: Desk) -> None:
        assert await state(desk) == {
            "closure_statuses": {"charge_port": "CLOSURESTATE_OPEN"},
            "user_presence": "VEHICLE_USER_PRESENCE_UNKNOWN",
            "vehicle_lock_state": "VEHICLELOCKSTATE_LOCKED",
            "vehicle_sleep_status": "VEHICLE_SLEEP_STATUS_AWAKE",
        }
        for _ in range(16):
            await asyncio.sleep(60)
            last = await state(desk)
        assert last["vehicle_sleep_status"] == "VEHICLE_SLEEP_STATUS_ASLEEP"

    at_the_desk(body)


def test_data_keep_it_awake() -> None:
    async def body(desk: Desk) -> None:
        for _ in range(40):
            await asyncio.sleep(60)
            assert (await data(desk)).status_code == 200

    at_the_desk(body)


def test_a_car_that_does_not_wake() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults(["no_wake"])
        for name in ("charge_start", "wake_up"):
            answer = await command(desk, name)
            assert answer.json() == failed(name, "failed to wake up car: context deadline exceeded")
        desk.cloud.clear_faults()
        assert (await command(desk, "wake_up")).json() == done("wake_up")
        assert desk.car.is_waking  # it is told to, and that is all that was waited for

    at_the_desk(body, car={"is_asleep": True})


# range and failures


def test_a_car_that_is_away_or_unknown_is_not_in_range() -> None:
    async def body(desk: Desk) -> None:
        other = "/ble-proxy/api/1/vehicles/5YJ3E1EA7KF000000/vehicle_data"
        assert (await desk.client.get(other)).json()["response"]["reason"] == OUT_OF_RANGE
        assert seconds_since(desk, START_AT) == 5
        desk.sync()
        desk.car.drive_off()
        assert (await command(desk, "charge_start")).json() == failed("charge_start", OUT_OF_RANGE)
        assert (await desk.client.get(f"{CARS}/body_controller_state")).status_code == 503

    at_the_desk(body)


FAULTS: list[tuple[str, str, float]] = [
    ("ble_out_of_range", OUT_OF_RANGE, 5),
    ("ble_not_connected", "failed to connect to vehicle (A): context deadline exceeded", 15),
    (
        "ble_no_handshake",
        (
            "failed to perform handshake with vehicle (A): "
            "vehicle rejected request: your public key has not been paired with the vehicle"
        ),
        0,
    ),
    ("ble_timeout", "failed to start charge: context deadline exceeded", 15),
]


def test_every_kind_of_the_radio_is_tried() -> None:
    assert {row[0] for row in FAULTS} | {"ble_lost_reply"} == {
        name for name, kind in KINDS.items() if Way.BLE in kind.ways
    }


@pytest.mark.parametrize(("kind", "reason", "takes_s"), FAULTS)
def test_one_exchange_fails_and_the_next_does_not(kind: str, reason: str, takes_s: float) -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": kind, "count": 1, "endpoint": "charge_start", "vehicle": VIN}])
        assert (await data(desk)).status_code == 200
        began_at = desk.clock.now()
        answer = await command(desk, "charge_start")
        assert (answer.status_code, answer.json()) == (503, failed("charge_start", reason))
        assert seconds_since(desk, began_at) == takes_s
        assert desk.car.charging is Charging.STOPPED
        assert (await command(desk, "charge_start")).status_code == 200

    at_the_desk(body)


def test_a_command_may_have_been_carried_out_though_no_answer_came_in_time() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "ble_timeout", "applied": True}])
        answer = await command(desk, "set_charge_limit", {"percent": 60})
        reason = "failed to set charge limit to 60 %: context deadline exceeded"
        assert answer.json() == failed("set_charge_limit", reason)
        assert desk.car.limit_pct == 60

    at_the_desk(body)


def test_a_lost_reply_of_the_proxy() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults(["ble_lost_reply"])
        assert await desk.is_silent(command(desk, "set_charge_limit", {"percent": 60}))
        assert desk.car.limit_pct == 60
        assert desk.cloud.truth()["ble_requests"][-1]["status"] is None

    at_the_desk(body)


def test_what_befalls_the_cloud_does_not_befall_the_radio() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "lost_request", "count": None}, {"kind": "ble_timeout", "count": None}])
        assert (await command(desk, "charge_start")).status_code == 503
        assert await desk.is_silent(desk.command("charge_start"))
        desk.cloud.clear_faults()
        assert (await command(desk, "charge_start")).status_code == 200

    at_the_desk(body)


def test_its_version_and_other_paths() -> None:
    async def body(desk: Desk) -> None:
        answer = (await desk.client.get("/ble-proxy/api/proxy/1/version")).json()["response"]
        assert answer["result"] is True
        assert isinstance(answer["response"]["version"], str)
        assert (await desk.client.get(CARS)).status_code == 404
        assert (await desk.client.get(f"{CARS}/command/charge_start")).status_code == 405

    at_the_desk(body)


def test_the_same_seed_takes_the_same_time() -> None:
    def times_s(seed: int) -> list[float]:
        taken: list[float] = []

        async def body(desk: Desk) -> None:
            for _ in range(4):
                began_at = desk.clock.now()
                await command(desk, "charge_stop")
                taken.append(seconds_since(desk, began_at))

        at_the_desk(body, seed=seed)
        return taken

    assert times_s(3) == times_s(3) != times_s(4)
