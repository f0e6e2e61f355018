"""Every fault of the simulated cloud: which requests it hits, what is answered, done and billed, and how it is asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from cloud_bench import VIN, Desk, at_the_desk

from sunbox.core.commands import Cause, Outcome
from sunbox.core.model import Charging
from sunbox.dialects.tesla.table import BY_NAME
from sunbox.dialects.tesla.wire import outcome_from_wire, vehicle_from_wire
from sunbox.simulator.faults import KINDS, Way
from sunbox.simulator.tesla_tokens import FIRST_REFRESH

NOT_DELIVERED, REFUSED, UNCONFIRMED = Outcome.NOT_DELIVERED, Outcome.REFUSED, Outcome.UNCONFIRMED

ANSWERED = [
    ({"kind": "asleep"}, 408, NOT_DELIVERED, Cause.ASLEEP, None),
    ({"kind": "asleep_while_online"}, 408, NOT_DELIVERED, Cause.ASLEEP, None),
    ({"kind": "rate_limited", "retry_after_s": 120}, 429, NOT_DELIVERED, Cause.RATE_LIMITED, 120.0),
    (
        {"kind": "rate_limited", "retry_after_s": 37829, "as_text": True},
        429,
        NOT_DELIVERED,
        Cause.RATE_LIMITED,
        37829.0,
    ),
    ({"kind": "rate_limited"}, 429, NOT_DELIVERED, Cause.RATE_LIMITED, None),
    ({"kind": "server_error", "status": 500}, 500, NOT_DELIVERED, Cause.SERVER_ERROR, None),
    ({"kind": "server_error", "status": 502, "html": True}, 502, NOT_DELIVERED, Cause.SERVER_ERROR, None),
    ({"kind": "server_error"}, 503, NOT_DELIVERED, Cause.SERVER_ERROR, None),
    ({"kind": "server_error", "status": 504}, 504, UNCONFIRMED, Cause.SERVER_ERROR, None),
    ({"kind": "server_error", "status": 540}, 540, UNCONFIRMED, Cause.SERVER_ERROR, None),
    ({"kind": "limit_exceeded"}, 403, NOT_DELIVERED, Cause.LIMIT_EXCEEDED, 900.0),
    ({"kind": "unsigned"}, 403, REFUSED, Cause.UNSIGNED, None),
    ({"kind": "token_expired"}, 401, NOT_DELIVERED, Cause.LOGIN_REQUIRED, None),
    ({"kind": "proxy_asleep"}, 500, NOT_DELIVERED, Cause.ASLEEP, None),
    ({"kind": "in_service"}, 405, NOT_DELIVERED, Cause.IN_SERVICE, 60.0),
    ({"kind": "busy"}, 200, NOT_DELIVERED, Cause.BUSY, 5.0),
    ({"kind": "no_power"}, 200, REFUSED, Cause.NO_POWER, None),
]
SILENT = {"lost_reply", "lost_request", "stale_data", "login_required", "no_wake"}
ELSEWHERE = {"wrong_region", "missing_scopes", "slow", "html_ok", "forbidden_page"}
"""In test_cloud_account.py; those of the proxies with their own tests."""
OF_SITES = {
    *(
        "stale_status",
        "write_ignored",
        "write_refused",
        "no_object",
        "incomplete",
        "site_gone",
        "unregistered",
        "unpaid",
    ),
}
"""In test_powerwall_cloud.py."""


def test_every_kind_is_tried() -> None:
    plain = {name for name, kind in KINDS.items() if Way.PLAIN in kind.ways}
    assert {row[0]["kind"] for row in ANSWERED} | SILENT | ELSEWHERE | OF_SITES == plain


def outcome(answer: httpx2.Response) -> tuple[Outcome, Cause | None, float | None]:
    ended = outcome_from_wire(BY_NAME["charge_start"], answer.status_code, answer.headers, answer.content)
    return ended.outcome, ended.cause, ended.retry_after_s


@pytest.mark.parametrize(("fault", "status", "expected", "cause", "retry_after_s"), ANSWERED)
def test_one_command_is_hit_and_the_next_is_not(
    fault: dict[str, Any], status: int, expected: Outcome, cause: Cause, retry_after_s: float | None
) -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([fault])
        answer = await desk.command("charge_start")
        assert answer.status_code == status
        assert outcome(answer) == (expected, cause, retry_after_s)
        assert desk.car.charging is Charging.STOPPED
        assert desk.billed() == ({"command": 1} if status < 500 else {})
        assert desk.cloud.truth()["faults"] == []
        assert outcome(await desk.command("charge_start"))[0] is Outcome.APPLIED

    at_the_desk(body)


def test_a_lost_reply_was_carried_out_and_billed() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "lost_reply"}])
        assert await desk.is_silent(desk.command("charge_start"))
        assert desk.car.charging is Charging.STARTING
        assert desk.billed() == {"command": 1}
        last = desk.cloud.truth()["requests"][-1]
        assert (last["status"], last["billed"]) == (None, True)

    at_the_desk(body)


def test_a_lost_request_was_neither() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "lost_request"}])
        assert await desk.is_silent(desk.command("charge_start"))
        assert desk.car.charging is Charging.STOPPED
        assert desk.billed() == {}
        last = desk.cloud.truth()["requests"][-1]
        assert (last["status"], last["billed"]) == (None, False)

    at_the_desk(body)


def test_a_connection_whose_answer_was_lost_breaks_off_in_the_end() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "lost_reply"}])
        began_at = desk.clock.now()
        with pytest.raises(AssertionError):  # the transport's word for an answer that is never completed
            await desk.command("charge_start")
        assert 180 <= (desk.clock.now() - began_at).total_seconds() < 182

    at_the_desk(body)


def test_a_server_error_may_hide_that_the_command_was_carried_out() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "server_error", "status": 504, "applied": True}])
        assert (await desk.command("charge_start")).status_code == 504
        assert desk.car.charging is Charging.STARTING

    at_the_desk(body)


def test_408_while_the_state_call_says_online() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "asleep_while_online", "duration_s": 600}])
        for _ in range(3):
            assert await desk.state() == "online"
            assert (await desk.data()).status_code == 408
            assert (await desk.command("charge_start")).status_code == 408
        await asyncio.sleep(600)
        assert await desk.state() == "asleep"

    at_the_desk(body, car={"is_asleep": True})


def test_stale_data() -> None:
    async def body(desk: Desk) -> None:
        frozen_at = desk.clock.now()
        desk.cloud.add_faults([{"kind": "stale_data", "count": 2}, {"kind": "stale_data", "age_s": 3600}])
        await desk.command("charge_start")
        await asyncio.sleep(60)
        for age_s in (0, 0, 3600):
            facts = vehicle_from_wire((await desk.data()).json())
            assert facts.charging is Charging.STOPPED
            assert (frozen_at - facts.measured_at).total_seconds() == pytest.approx(age_s, abs=0.01)
        assert vehicle_from_wire((await desk.data()).json()).charging is Charging.CHARGING

    at_the_desk(body)


def test_waking_never_works() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults(["no_wake"])
        for _ in range(5):
            assert (await desk.wake()).status_code == 200
            await asyncio.sleep(120)
            assert await desk.state() == "asleep"
        desk.cloud.clear_faults()
        await desk.wake()
        await asyncio.sleep(60)
        assert await desk.state() == "online"

    at_the_desk(body, car={"is_asleep": True})


def test_a_login_is_required_until_that_is_cleared() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "login_required"}])
        for answer in (await desk.get("/api/1/vehicles"), await desk.data(), await desk.refresh(FIRST_REFRESH)):
            assert (answer.status_code, answer.json()["error"]) == (401, "login_required")
        desk.cloud.clear_faults()
        assert (await desk.refresh(FIRST_REFRESH)).status_code == 200

    at_the_desk(body)


def test_faults_can_be_narrowed_counted_and_timed() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults(
            [
                {"kind": "server_error", "endpoint": "vehicle", "count": 2},
                {"kind": "busy", "endpoint": "charge_stop", "vehicle": VIN},
                {"kind": "rate_limited", "endpoint": "vehicle_data", "duration_s": 30.5},
            ]
        )
        assert (await desk.command("charge_start")).json()["response"]["result"] is True
        codes = [(await desk.get(f"/api/1/vehicles/{VIN}")).status_code for _ in range(3)]
        assert codes == [503, 503, 200]
        assert (await desk.command("charge_stop")).json()["response"]["reason"] == "could_not_wake_buses"
        shown = desk.cloud.truth()["faults"]
        assert [(fault["kind"], fault["left"], fault["endpoint"]) for fault in shown] == [
            ("rate_limited", None, "vehicle_data")
        ]
        codes = [(await desk.data()).status_code for _ in range(3)]
        assert codes == [429, 429, 429]
        await asyncio.sleep(31)
        assert (await desk.data()).status_code == 200

    at_the_desk(body)


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        (3, "fault: 3; allowed is an object with a kind"),
        ({}, "kind: None; allowed is asleep, "),
        ("earthquake", "kind: 'earthquake'; allowed is asleep, "),
        ({"kind": ["asleep"]}, "kind: "),
        ({"kind": "asleep", "html": True}, "asleep: 'html'; allowed is count, duration_s, endpoint, kind, vehicle"),
        ({"kind": "no_wake", "endpoint": "charge_start"}, "no_wake.endpoint: 'charge_start'; allowed is wake_up"),
        ({"kind": "asleep", "endpoint": ["x"]}, "asleep.endpoint"),
        ({"kind": "asleep", "count": 0}, "asleep.count: 0; allowed is 1 and more, or null"),
        ({"kind": "asleep", "count": True}, "asleep.count: True"),
        ({"kind": "asleep", "duration_s": -1}, "asleep.duration_s: -1"),
        ({"kind": "asleep", "duration_s": float("inf")}, "asleep.duration_s: inf"),
        ({"kind": "asleep", "duration_s": 10**30}, "asleep.duration_s"),
        ({"kind": "asleep", "vehicle": 7}, "asleep.vehicle: 7"),
        ({"kind": "asleep", "vehicle": "X"}, f"asleep.vehicle: 'X'; allowed is {VIN}"),
        ({"kind": "server_error", "status": 404}, "server_error.status: 404; allowed is 500, 502, 503, 504, 540"),
        ({"kind": "rate_limited", "retry_after_s": -3}, "rate_limited.retry_after_s: -3"),
        ({"kind": "rate_limited", "as_text": "yes"}, "rate_limited.as_text: 'yes'"),
        ({"kind": "slow", "delay_s": 121}, "slow.delay_s: 121; allowed is seconds, at most 120"),
        ({"kind": "slow", "delay_s": -1}, "slow.delay_s: -1"),
        ({"kind": "slow", "delay_s": True}, "slow.delay_s: True"),
        ({"kind": "asleep", "delay_s": 3}, "asleep: 'delay_s'; allowed is "),
        ({"kind": "wrong_region", "text_only": 1}, "wrong_region.text_only: 1; allowed is true, false"),
        ({"kind": "ble_timeout", "endpoint": "vehicle"}, "ble_timeout.endpoint: 'vehicle'; allowed is vehicle_data, "),
        ({"kind": "stale_data", "age_s": 1.5}, "stale_data.age_s: 1.5"),
    ],
)
def test_wrong_faults_are_named_and_none_is_added(fault: Any, match: str) -> None:
    async def body(desk: Desk) -> None:
        with pytest.raises(ValueError, match=match):
            desk.cloud.validate_faults([{"kind": "asleep"}, fault])
        with pytest.raises(ValueError, match=match):
            desk.cloud.add_faults([{"kind": "asleep"}, fault])
        assert desk.cloud.truth()["faults"] == []

    at_the_desk(body)
