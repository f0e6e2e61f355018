"""The Tesla driver against recorded answers: outcome, cause and bill of everything that can come back."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs
from tesla_wire import ASLEEP, EPOCH, EXPIRED, VIN, Cloud, tesla, token_file

from sunbox.core.commands import Cause, Command, CommandName, Outcome, ReadKind, RequestKind
from sunbox.core.effects import Read, Send
from sunbox.core.events import CommandEnded, ReadFailed, VehicleRead
from sunbox.core.model import Availability, Charging
from sunbox.drivers.tesla.settings import TeslaAccountSettings, TeslaPrices, TeslaVehicleSettings, capabilities
from sunbox.errors import SunboxError
from sunbox.net.http import MAX_ANSWER_BYTES

START = Command(CommandName.START)
EXPIRED_AT = (EPOCH - timedelta(hours=1)).isoformat()


def send(cloud: Cloud, path: Path, command: Command = START) -> CommandEnded:
    async def main() -> CommandEnded:
        driver = tesla(cloud, path)
        try:
            return await driver.send(Send(device_id="zora", exchange_id=7, command=command))
        finally:
            await driver.close()

    ended = asyncio.run(main())
    assert (ended.device_id, ended.exchange_id, ended.at) == ("zora", 7, EPOCH)
    return ended


def read(cloud: Cloud, path: Path, what: ReadKind) -> VehicleRead | ReadFailed:
    async def main() -> VehicleRead | ReadFailed:
        driver = tesla(cloud, path)
        try:
            return await driver.read(Read(device_id="zora", exchange_id=8, what=what))
        finally:
            await driver.close()

    event = asyncio.run(main())
    assert (event.exchange_id, event.what, event.at) == (8, what, EPOCH)
    return event


def failing(answer: httpx2.Response | Exception) -> Cloud:
    def rule(_: httpx2.Request) -> httpx2.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    cloud = Cloud()
    cloud.rules.append(rule)
    return cloud


# --- commands --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "path", "body"),
    [
        (START, "/command/charge_start", {}),
        (Command(CommandName.STOP), "/command/charge_stop", {}),
        (Command(CommandName.SET_AMPS, 16), "/command/set_charging_amps", {"charging_amps": 16}),
        (Command(CommandName.SET_LIMIT, 80), "/command/set_charge_limit", {"percent": 80}),
    ],
)
def test_commands_on_the_wire(tmp_path: Path, command: Command, path: str, body: dict[str, int]) -> None:
    cloud = Cloud()
    ended = send(cloud, token_file(tmp_path), command)
    assert (ended.outcome, ended.cause, ended.billed) == (Outcome.APPLIED, None, 1)
    (request,) = cloud.requests
    assert (request.method, request.url.path) == ("POST", f"/api/1/vehicles/{VIN}{path}")
    assert json.loads(request.content) == body
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer access-1"


def test_to_be_heard_is_not_to_be_awake(tmp_path: Path) -> None:
    ended = send(Cloud(), token_file(tmp_path), Command(CommandName.WAKE))
    assert (ended.outcome, ended.cause, ended.billed) == (Outcome.UNCONFIRMED, None, 1)


@pytest.mark.parametrize(
    ("answer", "outcome", "cause", "retry_after_s", "billed"),
    [
        ((200, {"response": {"result": False, "reason": "is_charging"}}), Outcome.ALREADY_SET, None, None, 1),
        (
            (200, {"response": {"result": False, "reason": "car could not execute command: complete"}}),
            Outcome.REFUSED,
            Cause.COMPLETE,
            None,
            1,
        ),
        ((200, "<html>hello</html>"), Outcome.UNCONFIRMED, Cause.BAD_ANSWER, None, 1),
        ((408, ASLEEP), Outcome.NOT_DELIVERED, Cause.ASLEEP, None, 1),
        ((429, "Retry in 37829 seconds"), Outcome.NOT_DELIVERED, Cause.RATE_LIMITED, 37829.0, 1),
        ((429, {"error": "slow down"}), Outcome.NOT_DELIVERED, Cause.RATE_LIMITED, None, 1),
        (
            (403, {"error": "account disabled: EXCEEDED_LIMIT"}),
            Outcome.NOT_DELIVERED,
            Cause.LIMIT_EXCEEDED,
            900.0,
            1,
        ),
        ((500, ASLEEP), Outcome.NOT_DELIVERED, Cause.ASLEEP, None, 0),
        ((503, "<html>busy</html>"), Outcome.NOT_DELIVERED, Cause.SERVER_ERROR, None, 0),
        ((504, {"error": "upstream"}), Outcome.UNCONFIRMED, Cause.SERVER_ERROR, None, 0),
    ],
)
def test_answers_to_commands(
    tmp_path: Path,
    answer: tuple[int, Any],
    outcome: Outcome,
    cause: Cause | None,
    retry_after_s: float | None,
    billed: int,
) -> None:
    status, body = answer
    content = body if isinstance(body, str) else json.dumps(body)
    ended = send(failing(httpx2.Response(status, content=content.encode())), token_file(tmp_path))
    assert (ended.outcome, ended.cause, ended.retry_after_s, ended.billed) == (outcome, cause, retry_after_s, billed)


@pytest.mark.parametrize(
    ("error", "outcome", "cause", "billed"),
    [
        (httpx2.ConnectError("[Errno -2] Name or service not known"), Outcome.NOT_DELIVERED, Cause.UNREACHABLE, 0),
        (httpx2.ConnectTimeout(""), Outcome.NOT_DELIVERED, Cause.UNREACHABLE, 0),
        (httpx2.PoolTimeout(""), Outcome.NOT_DELIVERED, Cause.UNREACHABLE, 0),
        (httpx2.ReadTimeout("15 s"), Outcome.UNCONFIRMED, Cause.NO_ANSWER, 1),
        (httpx2.WriteTimeout(""), Outcome.UNCONFIRMED, Cause.NO_ANSWER, 1),
        (httpx2.ReadError(""), Outcome.UNCONFIRMED, Cause.NO_ANSWER, 1),
        (httpx2.WriteError(""), Outcome.UNCONFIRMED, Cause.NO_ANSWER, 1),
        (httpx2.RemoteProtocolError("closed"), Outcome.UNCONFIRMED, Cause.NO_ANSWER, 1),
    ],
)
def test_network_errors_of_commands(
    tmp_path: Path, error: httpx2.TransportError, outcome: Outcome, cause: Cause, billed: int
) -> None:
    cloud = failing(error)
    ended = send(cloud, token_file(tmp_path))
    assert (ended.outcome, ended.cause, ended.billed) == (outcome, cause, billed)
    assert len(cloud.requests) == 1  # the core decides about repeating


def test_an_answer_that_is_refused_leaves_the_command_unconfirmed_and_billed(tmp_path: Path) -> None:
    cloud = failing(httpx2.Response(200, content=b"x" * (MAX_ANSWER_BYTES + 1)))
    ended = send(cloud, token_file(tmp_path))
    assert (ended.outcome, ended.cause, ended.billed) == (Outcome.UNCONFIRMED, Cause.BAD_ANSWER, 1)


# --- tokens on the way -----------------------------------------------------------------------------------------------


def test_a_refused_token_is_renewed_once_and_both_requests_are_billed(tmp_path: Path) -> None:
    cloud = Cloud()
    cloud.good_access.clear()
    ended = send(cloud, token_file(tmp_path))
    assert (ended.outcome, ended.billed) == (Outcome.APPLIED, 2)
    assert cloud.paths == ["POST charge_start", "POST token", "POST charge_start"]


def test_twice_refused_ends(tmp_path: Path) -> None:
    cloud = Cloud()

    def refuse(request: httpx2.Request) -> httpx2.Response | None:
        return None if request.url.path.endswith("token") else httpx2.Response(401, json=EXPIRED)

    cloud.rules.append(refuse)
    ended = send(cloud, token_file(tmp_path))
    assert (ended.outcome, ended.cause, ended.billed) == (Outcome.NOT_DELIVERED, Cause.LOGIN_REQUIRED, 2)
    assert cloud.paths == ["POST charge_start", "POST token", "POST charge_start"]


def test_lost_after_the_renewal_is_unconfirmed_and_counts_both(tmp_path: Path) -> None:
    cloud = Cloud()
    cloud.good_access.clear()

    def lose_second(request: httpx2.Request) -> httpx2.Response | None:
        if len(cloud.requests) == 3:
            raise httpx2.ReadTimeout("15 s")
        return None

    cloud.rules.append(lose_second)
    ended = send(cloud, token_file(tmp_path))
    assert (ended.outcome, ended.cause, ended.billed) == (Outcome.UNCONFIRMED, Cause.NO_ANSWER, 2)


def test_a_renewal_that_fails_after_a_refusal_bills_the_refusal(tmp_path: Path) -> None:
    cloud = Cloud()
    cloud.good_access.clear()
    cloud.good_refresh.clear()
    ended = send(cloud, token_file(tmp_path))
    assert (ended.outcome, ended.cause, ended.billed) == (Outcome.NOT_DELIVERED, Cause.LOGIN_REQUIRED, 1)
    assert "sunbox setup tesla" in ended.detail


def test_a_renewal_that_fails_before_sends_and_bills_nothing(tmp_path: Path) -> None:
    cloud = Cloud()
    cloud.rules.append(lambda _: httpx2.Response(429, headers={"retry-after": "30"}))
    ended = send(cloud, token_file(tmp_path, expires_at=EXPIRED_AT))
    assert (ended.outcome, ended.cause, ended.retry_after_s, ended.billed) == (
        Outcome.NOT_DELIVERED,
        Cause.RATE_LIMITED,
        30.0,
        0,
    )
    assert cloud.paths == ["POST token"]


def test_a_missing_token_file_is_a_cause_and_no_exception(tmp_path: Path) -> None:
    ended = send(Cloud(), tmp_path / "none.json")
    assert (ended.outcome, ended.cause, ended.billed) == (Outcome.NOT_DELIVERED, Cause.LOGIN_REQUIRED, 0)
    failed = read(Cloud(), tmp_path / "none.json", ReadKind.DATA)
    assert isinstance(failed, ReadFailed)
    assert failed.cause is Cause.LOGIN_REQUIRED


def test_a_401_that_no_token_helps_against_renews_nothing(tmp_path: Path) -> None:
    cloud = failing(httpx2.Response(401, json={"error": "mobile_access_disabled"}))
    ended = send(cloud, token_file(tmp_path))
    assert (ended.outcome, ended.cause, ended.billed) == (Outcome.REFUSED, Cause.FORBIDDEN, 1)
    assert cloud.paths == ["POST charge_start"]


# --- reads -----------------------------------------------------------------------------------------------------------


def test_the_state_call_is_free(tmp_path: Path) -> None:
    cloud = Cloud()
    event = read(cloud, token_file(tmp_path), ReadKind.STATE)
    assert isinstance(event, VehicleRead)
    assert (event.availability, event.facts, event.billed) == (Availability.ASLEEP, None, 0)
    assert cloud.requests[0].content == b""
    assert cloud.requests[0].url.path == f"/api/1/vehicles/{VIN}"


def test_data_is_read_with_its_sections_and_billed(tmp_path: Path) -> None:
    cloud = Cloud()
    event = read(cloud, token_file(tmp_path), ReadKind.DATA)
    assert isinstance(event, VehicleRead)
    assert (event.vehicle_id, event.availability, event.billed) == ("zora", Availability.ONLINE, 1)
    facts = event.facts
    assert facts is not None
    assert (facts.charging, facts.soc_pct, facts.actual_a, facts.power_w) == (Charging.CHARGING, 42, 16, 11_000)
    assert (facts.latitude, facts.phases) == (52.394, 3)
    assert facts.measured_at == datetime(2026, 6, 1, 11, 59, 55, 123000, tzinfo=UTC)
    sections = cloud.requests[0].url.params["endpoints"].split(";")
    assert {"charge_state", "drive_state", "location_data"} <= set(sections)


@pytest.mark.parametrize("what", list(ReadKind))
@pytest.mark.parametrize(
    ("answer", "cause", "charged"),
    [
        (httpx2.Response(408, json=ASLEEP), Cause.ASLEEP, 1),
        (httpx2.Response(429, text="Retry in 60 seconds"), Cause.RATE_LIMITED, 1),
        (httpx2.Response(404, json={"error": "not_found"}), Cause.NOT_FOUND, 1),
        (httpx2.Response(500, json=ASLEEP), Cause.ASLEEP, 0),
        (httpx2.Response(503, text="<html>"), Cause.SERVER_ERROR, 0),
        (httpx2.Response(200, text="<html>"), Cause.BAD_ANSWER, 1),
        (httpx2.Response(200, json={"response": None}), Cause.BAD_ANSWER, 1),
        (httpx2.Response(200, json=[]), Cause.BAD_ANSWER, 1),
        (httpx2.ConnectError("no route"), Cause.UNREACHABLE, 0),
        (httpx2.ReadTimeout("15 s"), Cause.NO_ANSWER, 1),
    ],
)
def test_reads_that_bring_nothing(
    tmp_path: Path, what: ReadKind, answer: httpx2.Response | Exception, cause: Cause, charged: int
) -> None:
    event = read(failing(answer), token_file(tmp_path), what)
    assert isinstance(event, ReadFailed)
    assert (event.device_id, event.cause) == ("zora", cause)
    assert event.billed == (charged if what is ReadKind.DATA else 0)  # the state call is free


def test_a_renewal_during_a_read_bills_both(tmp_path: Path) -> None:
    cloud = Cloud()
    cloud.good_access.clear()
    event = read(cloud, token_file(tmp_path), ReadKind.DATA)
    assert isinstance(event, VehicleRead)
    assert event.billed == 2


# --- the rest --------------------------------------------------------------------------------------------------------


def test_nothing_is_polled(tmp_path: Path) -> None:
    async def main() -> None:
        driver = tesla(Cloud(), token_file(tmp_path))
        assert driver.device_id == "zora"
        await asyncio.wait_for(driver.run(lambda _: pytest.fail("it polls")), 60)

    asyncio.run(main())


def test_says_once_that_tesla_is_gone_and_once_that_it_is_back(tmp_path: Path) -> None:
    cloud = Cloud()
    answers = iter(
        [None, httpx2.ConnectError("x"), httpx2.ConnectError("x"), None, None, httpx2.Response(408, json=ASLEEP)]
    )

    def rule(_: httpx2.Request) -> httpx2.Response | None:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cloud.rules.append(rule)

    async def main() -> None:
        driver = tesla(cloud, token_file(tmp_path))
        for _ in range(6):
            await driver.send(Send(device_id="zora", exchange_id=1, command=START))

    with capture_logs() as logs:
        asyncio.run(main())
    assert [entry["event"] for entry in logs] == ["device unavailable", "device available again"]


def probe(cloud: Cloud, path: Path) -> str:
    async def main() -> str:
        driver = tesla(cloud, path)
        try:
            return await driver.probe()
        finally:
            await driver.close()

    return asyncio.run(main())


def test_probe_asks_for_the_state_only(tmp_path: Path) -> None:
    cloud = Cloud()
    assert probe(cloud, token_file(tmp_path)) == "Tesla …700000 is asleep"
    assert cloud.paths == [f"GET {VIN}"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx2.Response(404, json={"error": "not_found"}), "check the VIN"),
        (httpx2.Response(403, json={"error": "Unauthorized missing scopes"}), "allow everything"),
        (
            httpx2.Response(421, json={"error": "use base URL: https://fleet-api.prd.na.vn.cloud.tesla.com, see"}),
            "fleet-api.prd.na",
        ),
        (httpx2.ConnectError("[Errno -2] Name or service not known"), "check the internet connection"),
        (httpx2.Response(200, text="hello"), "hello"),
    ],
)
def test_probe_says_what_to_do(tmp_path: Path, answer: httpx2.Response | Exception, words: str) -> None:
    with pytest.raises(SunboxError) as caught:
        probe(failing(answer), token_file(tmp_path))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert VIN not in str(caught.value)


def test_probe_without_tokens_says_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(SunboxError, match="sunbox setup tesla"):
        probe(Cloud(), tmp_path / "none.json")


def test_capabilities() -> None:
    can = capabilities(TeslaVehicleSettings(vin=VIN))
    assert (can.min_a, can.low_min_a, can.max_a, can.limit_soc_min_pct) == (5, 3, 32, 50)
    assert can.sleeps
    assert can.is_location_bound
    assert can.stops_at_limit_soc
    assert can.price == {
        RequestKind.STATE: 0.0,
        RequestKind.DATA: 0.002,
        RequestKind.COMMAND: 0.001,
        RequestKind.WAKE: 0.02,
        RequestKind.SIGNAL: 1 / 150_000,
    }
    cheap = TeslaAccountSettings(prices=TeslaPrices(wake=0.0))
    assert capabilities(TeslaVehicleSettings(vin=VIN, max_a=48), cheap).price[RequestKind.WAKE] == 0
    assert capabilities(TeslaVehicleSettings(vin=VIN, max_a=48), cheap).max_a == 48


@pytest.mark.parametrize(
    ("model", "settings", "words"),
    [
        (TeslaVehicleSettings, {"vin": "LRW3F7EK4NC70000"}, "is no VIN"),
        (TeslaVehicleSettings, {"vin": "LRW3F7EK4NC70000O"}, "without I, O and Q"),
        (TeslaVehicleSettings, {"vin": VIN, "max_a": 4}, "max_a"),
        (TeslaVehicleSettings, {"vin": VIN, "colour": "red"}, "colour"),
        (TeslaAccountSettings, {"base_url": "http://fleet-api.prd.eu.vn.cloud.tesla.com"}, "use https"),
        (TeslaAccountSettings, {"base_url": "fleet-api"}, "allowed is an address"),
        (TeslaAccountSettings, {"auth_url": "https://me:pw@x.example"}, "bare address"),
        (TeslaAccountSettings, {"region": "mars"}, "region"),
        (TeslaAccountSettings, {"prices": {"wake": -1}}, "wake"),
        (TeslaAccountSettings, {"client_id": ""}, "client_id"),
    ],
)
def test_wrong_settings_say_what_is_allowed(model: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model(**settings)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:5100", "http://192.168.0.9:8080/", "http://[fd00::1]", "http://pi", "http://pi.local"]
)
def test_plain_http_is_for_the_house(url: str) -> None:
    assert TeslaAccountSettings(base_url=url).base_url == url.rstrip("/")


def test_settings_stay_light() -> None:
    import subprocess
    import sys

    code = "import sys, sunbox.drivers.tesla.settings, sunbox.drivers.http.settings; print('httpx2' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
