"""What an account may do at the simulated cloud: its region, its scopes, its bill, its limits; and answers from elsewhere."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx2
import pytest
from cloud_bench import VIN, Desk, at_the_desk

from sunbox.core.commands import RequestKind
from sunbox.core.model import Charging
from sunbox.dialects.powerwall import table as energy
from sunbox.dialects.tesla.table import BASE_URLS, COMMANDS
from sunbox.simulator.bill import Bill, Received
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.tesla_cloud import CloudSettings, TeslaCloud
from sunbox.simulator.tesla_limits import ALL_SCOPES, NEEDED_SCOPES
from sunbox.simulator.tesla_tokens import FIRST_ACCESS

OTHER = "http://127.0.0.1:5200"
HEADERS = {"Authorization": f"Bearer {FIRST_ACCESS}"}
REGION_TEXT = f"user out of region, use base URL: {OTHER}, see https://"
QUICK = {"slow_s": (0.01, 0.01), "quick_s": (0.01, 0.01)}


# region


@pytest.mark.parametrize("text_only", [False, True])
def test_an_account_of_another_region_is_sent_there_until_that_is_cleared(text_only: bool) -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "wrong_region", "text_only": text_only}])
        for answer in (await desk.get("/api/1/vehicles"), await desk.data(), await desk.command("charge_start")):
            assert answer.status_code == 421
            assert answer.json()["error"].startswith(REGION_TEXT)
            assert answer.headers.get("Alt-Svc") == (None if text_only else f"h2={OTHER}")
        region = (await desk.get("/api/1/users/region")).json()["response"]
        assert region == {"region": "na", "fleet_api_base_url": OTHER}
        assert desk.car.charging is Charging.STOPPED
        desk.cloud.clear_faults()
        assert (await desk.data()).status_code == 200
        region = (await desk.get("/api/1/users/region")).json()["response"]
        assert region == {"region": "eu", "fleet_api_base_url": "http://127.0.0.1:5100"}

    at_the_desk(body, settings=CloudSettings(other_base_url=OTHER))


def test_the_other_region_is_tesla_s_own_if_nothing_is_said() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults(["wrong_region"])
        answer = await desk.get("/api/1/vehicles")
        assert answer.headers["Alt-Svc"] == f"h2={BASE_URLS['na']}"

    at_the_desk(body)


def test_a_cloud_may_know_from_the_beginning_that_the_account_is_elsewhere() -> None:
    async def body(desk: Desk) -> None:
        assert (await desk.get("/api/1/vehicles", token="nonsense")).status_code == 401
        answer = await desk.get("/api/1/vehicles")
        assert (answer.status_code, answer.headers["Alt-Svc"]) == (421, f"h2={OTHER}")
        region = (await desk.get("/api/1/users/region")).json()["response"]
        assert region == {"region": "eu", "fleet_api_base_url": OTHER}

    settings = CloudSettings(region="na", other_region="eu", other_base_url=OTHER, is_account_elsewhere=True)
    at_the_desk(body, settings=settings)


# scopes


def without(*scopes: str) -> CloudSettings:
    return CloudSettings(scopes=ALL_SCOPES - set(scopes))


async def codes(desk: Desk) -> tuple[int, int, int, int]:
    answers = (await desk.state_call(), await desk.data(), await desk.command("charge_start"), await desk.wake())
    for answer in answers:
        if answer.status_code == 403:
            assert answer.json()["error"] == "Unauthorized missing scopes"
    listed, data, command, wake = (answer.status_code for answer in answers)
    return listed, data, command, wake


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ((), (200, 200, 200, 200)),
        (("vehicle_cmds", "vehicle_charging_cmds"), (200, 200, 403, 403)),
        (("vehicle_cmds",), (200, 200, 200, 200)),
        (("vehicle_charging_cmds",), (200, 200, 200, 200)),
        (("vehicle_device_data",), (403, 403, 200, 200)),
    ],
)
def test_a_login_without_a_scope(missing: tuple[str, ...], expected: tuple[int, int, int, int]) -> None:
    async def body(desk: Desk) -> None:
        assert await codes(desk) == expected

    at_the_desk(body, settings=without(*missing))


def test_every_command_needs_a_scope() -> None:
    of_cars = {row.name for row in COMMANDS} | {"vehicle", "vehicles", "vehicle_data", "wake_up"}
    assert of_cars | {row.name for row in energy.ENDPOINTS} == set(NEEDED_SCOPES)


def test_without_the_scope_of_the_location_drive_state_is_missing() -> None:
    async def body(desk: Desk) -> None:
        assert "drive_state" not in (await desk.data("drive_state;location_data;charge_state")).json()["response"]

    at_the_desk(body, settings=without("vehicle_location"))


def test_scopes_that_there_are_not() -> None:
    with pytest.raises(ValueError, match="scopes: vehicle_magic; allowed are energy_cmds, "):
        CloudSettings(scopes=frozenset({"vehicle_magic", "vehicle_cmds"}))


def test_scopes_may_be_lost_on_the_way() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults(["missing_scopes"])
        assert await codes(desk) == (403, 403, 403, 403)
        desk.cloud.clear_faults()
        desk.cloud.add_faults([{"kind": "missing_scopes", "endpoint": "charge_start"}])
        assert await codes(desk) == (200, 200, 403, 200)

    at_the_desk(body)


# the billing limit


def test_at_the_limit_everything_paid_is_refused_and_no_longer_billed() -> None:
    async def body(desk: Desk) -> None:
        for _ in range(5):
            assert (await desk.data()).status_code == 200
        dollars = desk.cloud.bill.total.dollars
        assert dollars == pytest.approx(0.01)
        for answer in (await desk.data(), await desk.command("charge_start"), await desk.wake()):
            assert (answer.status_code, answer.json()["error"]) == (403, "account disabled: EXCEEDED_LIMIT")
            assert "Retry-After" not in answer.headers
        signed = await desk.post(f"/signing-proxy/api/1/vehicles/{VIN}/command/charge_start")
        assert (signed.status_code, signed.json()["error"]) == (403, "account disabled: EXCEEDED_LIMIT")
        assert desk.car.charging is Charging.STOPPED
        assert desk.cloud.bill.total.dollars == dollars
        last = desk.cloud.truth()["requests"][-1]
        assert (last["status"], last["billed"]) == (403, False)
        for answer in (await desk.get("/api/1/vehicles"), await desk.state_call()):
            assert answer.status_code == 200

    at_the_desk(body, settings=CloudSettings(billing_limit_dollars=0.01))


def test_a_new_month_opens_it_again() -> None:
    async def body(desk: Desk) -> None:
        for _ in range(2):
            assert (await desk.command("charge_stop")).status_code == 200
        assert (await desk.command("charge_stop")).status_code == 403
        await asyncio.sleep((until_at - desk.clock.now()).total_seconds() - 60)
        desk.token = (await desk.refresh("simulated-refresh")).json()["access_token"]
        assert (await desk.command("charge_stop")).status_code == 403
        await asyncio.sleep(60)
        assert (await desk.state_call()).status_code == 200
        assert (await desk.wake()).status_code == 200  # beyond the limit: it was not reached before
        assert (await desk.wake()).status_code == 403
        months = desk.cloud.truth()["bill"]["months"]
        assert {month: row["dollars"] for month, row in months.items()} == {"2024-06": 0.002, "2024-07": 0.02}

    until_at = datetime(2024, 6, 30, 22, 0, tzinfo=UTC)  # midnight in Berlin
    settings = CloudSettings(billing_limit_dollars=0.002)
    at_the_desk(body, settings=settings, car={"is_asleep": False}, start_at=until_at - timedelta(hours=9))


def test_the_month_is_the_account_s_own() -> None:
    bill = Bill(ZoneInfo("Europe/Berlin"))
    before_at, after_at = datetime(2024, 6, 30, 21, 59, tzinfo=UTC), datetime(2024, 6, 30, 22, 0, tzinfo=UTC)
    for at, kind in ((before_at, RequestKind.DATA), (after_at, RequestKind.COMMAND)):
        bill.add(
            Received(at=at, method="GET", path="/", endpoint="x", kind=kind, body=None, status=200, is_billed=True)
        )
    assert (bill.month_dollars(before_at), bill.month_dollars(after_at)) == (0.002, 0.001)
    assert bill.month_dollars(datetime(2024, 8, 1, tzinfo=UTC)) == 0.0


# limits per minute


def test_every_paid_answer_tells_what_is_left_of_the_minute() -> None:
    async def body(desk: Desk) -> None:
        told = [(await desk.data()).headers for _ in range(2)]
        await asyncio.sleep(30)
        told += [(await desk.command("charge_stop")).headers, (await desk.data()).headers]
        rows = [(row["RateLimit-Limit"], row["RateLimit-Remaining"], row["RateLimit-Reset"]) for row in told]
        assert rows == [("60", "59", "60"), ("60", "58", "60"), ("30", "29", "60"), ("60", "57", "30")]
        assert "RateLimit-Limit" not in (await desk.state_call()).headers
        desk.cloud.add_faults(["rate_limited"])  # without Retry-After it tells nothing at all
        assert not [name for name in (await desk.data()).headers if "limit" in name.lower()]

    at_the_desk(body, settings=CloudSettings(**QUICK))


def test_limits_are_per_device() -> None:
    async def main() -> None:
        clock = LoopClock(datetime(2024, 6, 1, 8, 0, tzinfo=UTC))
        vins = ("LRW3F7EK4NC700000", "LRW3F7EK4NC700001")
        cars = [TeslaCar(id=vin, vin=vin, now=clock.now) for vin in vins]
        cloud = TeslaCloud(clock, cars, settings=CloudSettings(**QUICK))
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(cloud.app), base_url="http://tesla.test", headers=HEADERS
        ) as client:

            async def stop(vin: str) -> httpx2.Response:
                return await client.post(f"/api/1/vehicles/{vin}/command/charge_stop", json={})

            for _ in range(30):
                assert (await stop(vins[0])).status_code == 200
            refused = await stop(vins[0])
            assert refused.status_code == 429
            assert refused.headers["RateLimit-Remaining"] == "0"
            assert refused.headers["RateLimit-Reset"] == refused.headers["Retry-After"]
            assert (await stop(vins[1])).headers["RateLimit-Remaining"] == "29"

    run_in(VirtualTimeLoop, main())


# answers from elsewhere


def test_a_slow_answer_comes_late_and_the_command_was_carried_out_before() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "slow", "delay_s": 120, "endpoint": "charge_start"}, "slow"])
        assert await desk.is_silent(desk.command("charge_start"), 100)
        assert desk.car.charging is not Charging.STOPPED
        began_at = desk.clock.now()
        assert (await desk.data()).status_code == 200
        assert 30 <= (desk.clock.now() - began_at).total_seconds() <= 31
        assert desk.billed() == {"command": 1, "data": 1}

    at_the_desk(body)


@pytest.mark.parametrize("applied", [False, True])
def test_a_page_with_200(applied: bool) -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "html_ok", "applied": applied}])
        answer = await desk.command("charge_start")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert answer.text.startswith("<!DOCTYPE html>")
        assert (desk.car.charging is Charging.STARTING) is applied
        assert desk.billed() == {"command": 1}
        assert (await desk.data()).json()["response"]["vin"] == VIN

    at_the_desk(body)


def test_a_proxy_that_blocks() -> None:
    async def body(desk: Desk) -> None:
        desk.cloud.add_faults([{"kind": "forbidden_page", "endpoint": "set_charging_amps", "count": None}])
        answer = await desk.command("set_charging_amps", charging_amps=8)
        assert (answer.status_code, answer.headers["Content-Type"]) == (403, "text/html; charset=utf-8")
        assert "<h1>Forbidden</h1>" in answer.text
        assert desk.car.amps_a != 8
        assert (await desk.command("charge_start")).status_code == 200

    at_the_desk(body)


def test_pages_and_late_answers_through_the_signing_proxy() -> None:
    async def body(desk: Desk) -> None:
        path = f"/signing-proxy/api/1/vehicles/{VIN}/command/charge_stop"
        desk.cloud.add_faults(["html_ok", "forbidden_page", "slow"])
        page, forbidden, late = [await desk.post(path) for _ in range(3)]
        assert (page.status_code, page.json()["error"]) == (500, "unable to parse server response")
        assert (forbidden.status_code, forbidden.headers["Content-Type"]) == (403, "text/plain; charset=utf-8")
        assert (late.status_code, late.json()["error"]) == (500, "context deadline exceeded")
        assert desk.billed() == {"command": 3}

    at_the_desk(body)
