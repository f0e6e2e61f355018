"""Several ways to one car: which is taken, when the next one is, what is never sent twice, and what is charged for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError
from tesla_wire import BASE, VIN, Clockwork, Cloud, account, token_file

from sunbox.core.commands import Cause, Command, CommandName, Outcome, ReadKind
from sunbox.core.effects import Read, Send
from sunbox.core.events import CommandEnded, ReadFailed, VehicleRead
from sunbox.core.model import Availability, Charging
from sunbox.dialects.tesla import proxies
from sunbox.drivers.tesla.driver import TeslaDriver
from sunbox.drivers.tesla.settings import TeslaVehicleSettings, capabilities, may_follow, needs_account, ways_in_order
from sunbox.errors import SunboxError
from sunbox.net.http import make_client

PROXY, SIGNER = "http://127.0.0.1:8080", "https://127.0.0.1:4443"
START, AMPS, WAKE = Command(CommandName.START), Command(CommandName.SET_AMPS, 9), Command(CommandName.WAKE)
ADD = Command(
    CommandName.ADD_SCHEDULE,
    details=(
        ("lat", 52.4),
        ("lon", 13.5),
        ("days_of_week", "Mon,Sat"),
        ("start_enabled", True),
        ("end_enabled", False),
        ("enabled", True),
        ("start_time", 60),
    ),
)
Answer = httpx2.Response | Exception
Rule = Callable[[httpx2.Request], Answer | None]


def ble(reason: str, *, result: bool = False, **more: Any) -> httpx2.Response:
    body = {"response": {"result": result, "reason": reason, "vin": VIN, "command": "x", **more}}
    return httpx2.Response(200 if result else 503, json=body)


def done() -> httpx2.Response:
    return ble(proxies.BLE_REASON_DONE, result=True)


class Paths:
    """The Fleet API and a proxy side by side: who was asked for what, in order."""

    def __init__(self, folder: Path, **about: Any) -> None:
        self.cloud = Cloud()
        self.clock = Clockwork()
        self.asked: list[str] = []
        self.requests: list[httpx2.Request] = []
        self.proxy: Rule = lambda _: done()
        self.tokens = folder / "tokens.json"
        settings = TeslaVehicleSettings(vin=VIN, **about)
        self.driver = TeslaDriver(
            "zora", settings, account(self.cloud, self.tokens, self.clock), self.client, self.clock
        )

    def client(self, base_url: str) -> httpx2.AsyncClient:
        is_proxy = base_url in (PROXY, SIGNER)

        def answer(request: httpx2.Request) -> httpx2.Response:
            self.requests.append(request)
            self.asked.append(f"{'proxy' if is_proxy else 'fleet'} {request.url.path.rpartition('/')[2]}")
            answer = self.proxy(request) if is_proxy else None
            if isinstance(answer, Exception):
                raise answer
            return answer or self.cloud(request)

        return make_client(base_url, transport=httpx2.MockTransport(answer))

    def send(self, command: Command, *, may_pay: bool = True) -> CommandEnded:
        return asyncio.run(self.driver.send(Send(device_id="zora", exchange_id=1, command=command, may_pay=may_pay)))

    def read(self, what: ReadKind, *, may_pay: bool = True) -> VehicleRead | ReadFailed:
        return asyncio.run(self.driver.read(Read(device_id="zora", exchange_id=1, what=what, may_pay=may_pay)))


def by_ble(folder: Path, **about: Any) -> Paths:
    token_file(folder)
    return Paths(folder, commands=["proxy", "fleet"], proxy_url=PROXY, **about)


# --- what the owner writes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "ways", "is_ble", "is_paid"),
    [
        ({}, ["fleet"], False, True),
        ({"proxy_url": PROXY}, ["proxy"], True, False),
        ({"proxy_url": SIGNER}, ["proxy", "fleet"], False, True),
        ({"proxy_url": PROXY, "proxy_kind": "signing"}, ["proxy", "fleet"], False, True),
        ({"proxy_url": SIGNER, "proxy_kind": "ble"}, ["proxy"], True, False),
        ({"proxy_url": PROXY, "commands": ["proxy", "fleet"]}, ["proxy", "fleet"], True, True),
        ({"proxy_url": SIGNER, "commands": ["fleet", "proxy"]}, ["fleet", "proxy"], False, True),
    ],
)
def test_ways_of_a_car(written: dict[str, Any], ways: list[str], *, is_ble: bool, is_paid: bool) -> None:
    settings = TeslaVehicleSettings(vin=VIN, **written)
    can = capabilities(settings)
    assert (ways_in_order(settings), settings.is_ble, needs_account(settings)) == (ways, is_ble, is_paid)
    assert bool(can.price) is is_paid
    assert can.has_free_way is (is_ble and ways == ["proxy", "fleet"])


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"commands": ["proxy"]}, "proxy_url is missing"),
        ({"commands": ["fleet", "fleet"]}, "twice"),
        ({"commands": []}, "at least 1"),
        ({"commands": ["radio"]}, "'proxy' or 'fleet'"),
        ({"proxy_kind": "ble"}, "write proxy_url too"),
        ({"proxy_ca": "cert.pem"}, "write proxy_url too"),
        ({"commands": ["fleet"], "proxy_url": PROXY}, "does not have proxy"),
        ({"proxy_url": "http://proxy.example.com"}, "use https"),
    ],
)
def test_what_does_not_fit_together_is_told(written: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        TeslaVehicleSettings(vin=VIN, **written)


# --- over Bluetooth --------------------------------------------------------------------------------------------------


def test_over_bluetooth_there_is_neither_account_nor_bill(tmp_path: Path) -> None:
    paths = Paths(tmp_path, proxy_url=PROXY)
    ended = paths.send(AMPS)
    assert (ended.outcome, ended.cause, ended.billed) == (Outcome.APPLIED, None, 0)
    (request,) = paths.requests
    assert request.url == f"{PROXY}/api/1/vehicles/{VIN}/command/set_charging_amps?wait=true"
    assert json.loads(request.content) == {"charging_amps": 9}
    assert "authorization" not in request.headers


def test_a_schedule_has_whole_names_of_days(tmp_path: Path) -> None:
    paths = Paths(tmp_path, proxy_url=PROXY)
    assert paths.send(ADD).outcome is Outcome.APPLIED
    assert json.loads(paths.requests[0].content)["days_of_week"] == "Monday,Saturday"


def test_a_wake_is_below_command_and_proves_nothing(tmp_path: Path) -> None:
    paths = Paths(tmp_path, proxy_url=PROXY)
    assert paths.send(WAKE).outcome is Outcome.UNCONFIRMED
    assert str(paths.requests[0].url) == f"{PROXY}/api/1/vehicles/{VIN}/command/wake_up"  # and is not waited for


@pytest.mark.parametrize(
    ("told", "outcome", "cause", "retry_after_s"),
    [
        ("Vehicle is not in range: context deadline exceeded", Outcome.NOT_DELIVERED, Cause.OUT_OF_RANGE, None),
        ("failed to connect to vehicle (A): hci0", Outcome.NOT_DELIVERED, Cause.UNREACHABLE, None),
        ("failed to perform handshake with vehicle (B): timeout", Outcome.NOT_DELIVERED, Cause.UNREACHABLE, None),
        ("failed to wake up car: timeout", Outcome.NOT_DELIVERED, Cause.ASLEEP, None),
        ("vehicle is sleeping", Outcome.NOT_DELIVERED, Cause.ASLEEP, None),
        ("vehicle sleep status unknown and wakeup not requested", Outcome.NOT_DELIVERED, Cause.ASLEEP, None),
        ("BleControl is not initialized. Maybe private.pem is missing.", Outcome.REFUSED, Cause.FORBIDDEN, None),
        ("unrecognized vehicle command: charge_start", Outcome.REFUSED, Cause.INVALID, None),
        ("not implemented", Outcome.REFUSED, Cause.INVALID, None),
        (
            "failed to start charge: car could not execute command: disconnected",
            Outcome.REFUSED,
            Cause.DISCONNECTED,
            None,
        ),
        ("failed to start charge: car could not execute command: is_charging", Outcome.ALREADY_SET, None, None),
        ("failed to start charge: context deadline exceeded", Outcome.UNCONFIRMED, Cause.SERVER_ERROR, None),
        ("failed to start charge: closed pipe", Outcome.UNCONFIRMED, Cause.SERVER_ERROR, None),
        ("", Outcome.UNCONFIRMED, Cause.SERVER_ERROR, None),
    ],
)
def test_what_the_bluetooth_proxy_says(
    tmp_path: Path, told: str, outcome: Outcome, cause: Cause | None, retry_after_s: float | None
) -> None:
    paths = Paths(tmp_path, proxy_url=PROXY)
    paths.proxy = lambda _: ble(told)
    ended = paths.send(START)
    assert (ended.outcome, ended.cause, ended.retry_after_s) == (outcome, cause, retry_after_s)
    assert (ended.billed, ended.detail) == (0, told)


@pytest.mark.parametrize(
    ("answer", "outcome", "cause"),
    [
        (httpx2.Response(200, content=b"<html>hello</html>"), Outcome.UNCONFIRMED, Cause.BAD_ANSWER),
        (httpx2.Response(200, json={"response": {"result": "yes"}}), Outcome.UNCONFIRMED, Cause.BAD_ANSWER),
        (httpx2.Response(404, content=b"404 page not found"), Outcome.REFUSED, Cause.NOT_FOUND),
        (httpx2.Response(502, content=b""), Outcome.NOT_DELIVERED, Cause.SERVER_ERROR),
        (httpx2.ConnectError("refused"), Outcome.NOT_DELIVERED, Cause.UNREACHABLE),
        (httpx2.ReadTimeout("30 s"), Outcome.UNCONFIRMED, Cause.NO_ANSWER),
    ],
)
def test_no_proxy_at_all(tmp_path: Path, answer: Answer, outcome: Outcome, cause: Cause) -> None:
    paths = Paths(tmp_path, proxy_url=PROXY)
    paths.proxy = lambda _: answer
    ended = paths.send(START)
    assert (ended.outcome, ended.cause, ended.billed) == (outcome, cause, 0)


@pytest.mark.parametrize(
    ("body", "availability"),
    [
        ({"vehicle_sleep_status": "VEHICLE_SLEEP_STATUS_ASLEEP"}, Availability.ASLEEP),
        ({"vehicle_sleep_status": "VEHICLE_SLEEP_STATUS_AWAKE"}, Availability.ONLINE),
        ({"vehicleSleepStatus": "VEHICLE_SLEEP_STATUS_AWAKE"}, Availability.ONLINE),
        ({"vehicle_sleep_status": "VEHICLE_SLEEP_STATUS_UNKNOWN"}, Availability.UNKNOWN),
        ({}, Availability.UNKNOWN),
    ],
)
def test_whether_it_sleeps_is_read_without_waking_it(
    tmp_path: Path, body: dict[str, str], availability: Availability
) -> None:
    paths = Paths(tmp_path, proxy_url=PROXY)
    paths.proxy = lambda _: ble("The request was successfully processed.", result=True, response=body)
    told = paths.read(ReadKind.STATE)
    assert isinstance(told, VehicleRead)
    assert (told.availability, told.facts, told.billed) == (availability, None, 0)
    assert str(paths.requests[0].url) == f"{PROXY}/api/1/vehicles/{VIN}/body_controller_state"


def test_data_over_bluetooth_is_near_and_zeros_may_be_nothing(tmp_path: Path) -> None:
    paths = Paths(tmp_path, proxy_url=PROXY)
    at_s = round((paths.clock.now() - timedelta(seconds=2)).timestamp())
    charge = {
        "timestamp": at_s,
        "charging_state": "Stopped",
        "battery_level": 42,
        "charge_limit_soc": 0,
        "charge_current_request": 16,
        "charge_current_request_max": 0,
        "charger_phases": 0,
        "charger_voltage": 0,
        "scheduled_charging_start_time": 0,
    }
    paths.proxy = lambda _: ble("ok", result=True, response={"charge_state": charge})
    told = paths.read(ReadKind.DATA)
    assert isinstance(told, VehicleRead)
    assert (told.availability, told.billed) == (Availability.ONLINE, 0)
    facts = told.facts
    assert facts is not None
    assert facts.measured_at == paths.clock.now() - timedelta(seconds=2)
    assert (facts.charging, facts.soc_pct, facts.amps_requested_a) == (Charging.STOPPED, 42, 16)
    assert (facts.limit_soc_pct, facts.amps_requested_max_a, facts.phases) == (None, None, None)
    assert (facts.is_near, facts.latitude) == (True, None)
    assert paths.requests[0].url.query == b"endpoints=charge_state%3Bclimate_state"


def test_a_sleeping_car_has_no_data(tmp_path: Path) -> None:
    paths = by_ble(tmp_path)
    paths.proxy = lambda _: ble("vehicle is sleeping")
    told = paths.read(ReadKind.DATA)
    assert isinstance(told, ReadFailed)
    assert (told.cause, told.billed) == (Cause.ASLEEP, 0)
    assert paths.asked == ["proxy vehicle_data"]  # it is the car's own doing, another way would not help


# --- the next way ----------------------------------------------------------------------------------------------------


def test_the_first_way_is_enough(tmp_path: Path) -> None:
    paths = by_ble(tmp_path)
    assert (paths.send(START).outcome, paths.asked) == (Outcome.APPLIED, ["proxy charge_start"])


@pytest.mark.parametrize("command", [START, AMPS, ADD])
@pytest.mark.parametrize(
    "answer", [ble("Vehicle is not in range: x"), ble("not implemented"), httpx2.ConnectError("refused")]
)
def test_what_did_not_reach_the_car_takes_the_next_way(tmp_path: Path, command: Command, answer: Answer) -> None:
    paths = by_ble(tmp_path)
    paths.proxy = lambda _: answer
    ended = paths.send(command)
    assert (ended.outcome, ended.billed) == (Outcome.APPLIED, 1)
    assert [asked.split()[0] for asked in paths.asked] == ["proxy", "fleet"]


@pytest.mark.parametrize("command", [START, AMPS, ADD])
@pytest.mark.parametrize("answer", [ble("failed to x: context deadline exceeded"), httpx2.ReadTimeout("30 s")])
def test_what_may_have_been_done_is_not_sent_again(tmp_path: Path, command: Command, answer: Answer) -> None:
    paths = by_ble(tmp_path)
    paths.proxy = lambda _: answer
    ended = paths.send(command)
    assert (ended.outcome, ended.billed, len(paths.asked)) == (Outcome.UNCONFIRMED, 0, 1)


def test_what_the_car_refused_is_refused(tmp_path: Path) -> None:
    paths = by_ble(tmp_path)
    paths.proxy = lambda _: ble("failed to start charge: car could not execute command: disconnected")
    ended = paths.send(START)
    assert (ended.cause, paths.asked) == (Cause.DISCONNECTED, ["proxy charge_start"])


def test_a_way_that_failed_rests_and_is_tried_again(tmp_path: Path) -> None:
    paths = by_ble(tmp_path)
    paths.proxy = lambda _: httpx2.ConnectError("refused")
    paths.send(START)
    paths.proxy = lambda _: done()
    paths.asked.clear()
    paths.send(AMPS)
    assert paths.asked == ["fleet set_charging_amps"]
    paths.clock.at += timedelta(seconds=301)
    paths.send(AMPS)
    assert paths.asked[1:] == ["proxy set_charging_amps"]
    paths.send(AMPS)
    assert paths.asked[2:] == ["proxy set_charging_amps"]


def test_one_that_rests_is_still_better_than_none(tmp_path: Path) -> None:
    paths = by_ble(tmp_path)
    paths.proxy = lambda _: httpx2.ConnectError("refused")
    paths.send(START)
    paths.proxy = lambda _: done()
    paths.asked.clear()
    assert paths.send(AMPS, may_pay=False).outcome is Outcome.APPLIED
    assert paths.asked == ["proxy set_charging_amps"]


def test_what_may_not_cost_anything_takes_the_free_way_or_none(tmp_path: Path) -> None:
    paths = by_ble(tmp_path)
    paths.proxy = lambda _: ble("Vehicle is not in range: x")
    ended, told = paths.send(START, may_pay=False), paths.read(ReadKind.DATA, may_pay=False)
    assert (ended.outcome, ended.cause, ended.billed) == (Outcome.NOT_DELIVERED, Cause.OUT_OF_RANGE, 0)
    assert isinstance(told, ReadFailed)
    assert told.cause is Cause.OUT_OF_RANGE
    assert paths.asked == ["proxy charge_start", "proxy vehicle_data"]
    state = paths.read(ReadKind.STATE, may_pay=False)  # which Tesla does not charge for
    assert isinstance(state, VehicleRead)
    assert (state.availability, state.billed) == (Availability.ASLEEP, 0)


def test_reads_take_the_next_way_too(tmp_path: Path) -> None:
    paths = by_ble(tmp_path)
    paths.proxy = lambda _: httpx2.ReadTimeout("30 s")
    told = paths.read(ReadKind.DATA)
    assert isinstance(told, VehicleRead)
    assert (told.billed, told.facts is not None and told.facts.is_near) == (1, False)
    assert paths.asked == ["proxy vehicle_data", "fleet vehicle_data"]


def test_when_all_fail_the_last_one_is_told_with_its_name(tmp_path: Path) -> None:
    paths = by_ble(tmp_path)
    paths.proxy = lambda _: ble("Vehicle is not in range: x")
    paths.cloud.rules.append(lambda _: httpx2.Response(503, json={"error": "upstream internal error"}))
    ended = paths.send(START)
    assert (ended.outcome, ended.cause) == (Outcome.NOT_DELIVERED, Cause.SERVER_ERROR)
    assert ended.detail == "fleet: upstream internal error"


# --- a signing proxy -------------------------------------------------------------------------------------------------


def by_signer(folder: Path, *ways: str) -> Paths:
    token_file(folder)
    return Paths(folder, proxy_url=SIGNER, **({"commands": list(ways)} if ways else {}))


def test_a_signing_proxy_gets_commands_and_tesla_the_rest(tmp_path: Path) -> None:
    paths = by_signer(tmp_path)
    paths.proxy = lambda _: httpx2.Response(200, json={"response": {"result": True, "reason": ""}})
    assert paths.send(START).billed == 1
    assert paths.send(WAKE).outcome is Outcome.UNCONFIRMED
    assert isinstance(paths.read(ReadKind.STATE), VehicleRead)
    assert isinstance(paths.read(ReadKind.DATA), VehicleRead)
    assert paths.asked == ["proxy charge_start", "fleet wake_up", f"fleet {VIN}", "fleet vehicle_data"]
    assert paths.requests[0].headers["authorization"] == "Bearer access-1"


@pytest.mark.parametrize(
    ("status", "body", "outcome", "cause", "billed"),
    [
        (
            200,
            {"response": {"result": False, "string": "car could not execute command: disconnected"}, "error": ""},
            Outcome.REFUSED,
            Cause.DISCONNECTED,
            1,
        ),
        (
            500,
            {"response": None, "error": "vehicle unavailable: vehicle is offline or asleep"},
            Outcome.NOT_DELIVERED,
            Cause.ASLEEP,
            1,  # Tesla said 408 to the proxy, and charges for it
        ),
        (500, {"error": "context deadline exceeded"}, Outcome.UNCONFIRMED, Cause.SERVER_ERROR, 1),
        (
            500,
            {"error": "vehicle rejected request: your public key has not been paired with the vehicle"},
            Outcome.REFUSED,
            Cause.UNSIGNED,
            0,
        ),
    ],
)
def test_what_a_signing_proxy_says(
    tmp_path: Path, status: int, body: dict[str, Any], outcome: Outcome, cause: Cause, billed: int
) -> None:
    paths = by_signer(tmp_path, "proxy")
    paths.proxy = lambda _: httpx2.Response(status, json=body)
    paths.cloud.rules.append(
        lambda request: (
            httpx2.Response(403, json={"error": "Tesla Vehicle Command Protocol required"})
            if request.method == "POST"
            else None
        )
    )
    ended = paths.send(START)
    assert (ended.outcome, ended.cause) == (outcome, cause)
    assert ended.billed == billed + (cause is Cause.UNSIGNED)  # then the plain way was tried


def test_a_car_that_wants_signatures_is_not_asked_in_vain_each_time(tmp_path: Path) -> None:
    paths = by_signer(tmp_path, "fleet", "proxy")
    paths.cloud.rules.append(
        lambda request: (
            httpx2.Response(403, json={"error": "Tesla Vehicle Command Protocol required, please refer"})
            if request.method == "POST"
            else None
        )
    )
    paths.proxy = lambda _: httpx2.Response(200, json={"response": {"result": True, "reason": ""}})
    assert [paths.send(AMPS).billed for _ in range(3)] == [2, 1, 1]
    paths.read(ReadKind.DATA)
    assert paths.send(AMPS).billed == 1  # that it can be read proves nothing about commands


# --- the wrong region ------------------------------------------------------------------------------------------------

ELSEWHERE = "http://127.0.0.1:5199"
TOLD = f"user out of region, use base URL: {ELSEWHERE}, see https://developer.tesla.com"


@pytest.mark.parametrize(
    ("headers", "text"),
    [({}, TOLD), ({"alt-svc": f"h2={ELSEWHERE}"}, "no"), ({"alt-svc": f'h2="{ELSEWHERE}"; ma=1'}, "")],
)
def test_the_right_region_is_followed_and_kept(tmp_path: Path, headers: dict[str, str], text: str) -> None:
    def rule(request: httpx2.Request) -> httpx2.Response | None:
        if str(request.url).startswith(BASE):
            return httpx2.Response(421, json={"error": text}, headers=headers)
        return None

    path = token_file(tmp_path, base_url=BASE)
    paths = Paths(tmp_path)
    paths.driver = TeslaDriver(
        "zora",
        TeslaVehicleSettings(vin=VIN),
        account(paths.cloud, path, paths.clock, base_url=None),
        paths.client,
        paths.clock,
    )
    paths.cloud.rules.append(rule)
    ended = paths.send(START)
    assert (ended.outcome, ended.billed) == (Outcome.APPLIED, 2)
    assert paths.send(AMPS).billed == 1
    assert json.loads(path.read_text())["base_url"] == ELSEWHERE
    assert path.stat().st_mode & 0o777 == 0o600
    assert [str(request.url).split("/api")[0] for request in paths.requests] == [BASE, ELSEWHERE, ELSEWHERE]


@pytest.mark.parametrize(
    "url",
    ["https://fleet-api.tesla.com.evil.example", "https://evil.example", "http://fleet-api.tesla.com", "nonsense"],
)
def test_tokens_go_nowhere_else(tmp_path: Path, url: str) -> None:
    token_file(tmp_path)
    paths = Paths(tmp_path)
    paths.cloud.rules.append(lambda _: httpx2.Response(421, json={"error": f"use base URL: {url}, see https://x"}))
    ended = paths.send(START)
    assert (ended.outcome, ended.cause, ended.billed, len(paths.asked)) == (Outcome.REFUSED, Cause.INVALID, 1, 1)


def test_it_is_not_followed_in_a_circle(tmp_path: Path) -> None:
    token_file(tmp_path)
    paths = Paths(tmp_path)
    paths.cloud.rules.append(lambda _: httpx2.Response(421, json={"error": TOLD}))
    assert (paths.send(START).billed, len(paths.asked)) == (2, 2)


@pytest.mark.parametrize(
    ("from_url", "to_url", "may"),
    [
        ("https://a.tesla.com", "https://b.tesla.cn", True),
        ("https://a.tesla.com", "http://b.tesla.com", False),
        ("https://a.tesla.com", "http://127.0.0.1:5100", False),
        ("http://127.0.0.1:5100", "http://192.168.0.9", True),
        ("http://127.0.0.1:5100", "https://evil.example", False),
        ("https://a.tesla.com", "https://user@b.tesla.com", False),
        ("", "https://eviltesla.com", False),
    ],
)
def test_where_an_answer_may_send_us(from_url: str, to_url: str, *, may: bool) -> None:
    assert may_follow(from_url, to_url) is may


def test_a_certificate_that_cannot_be_read_is_told_with_its_car(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    for path in (tmp_path / "none.pem", broken):
        with pytest.raises(SunboxError, match=r"zora: proxy_ca .* is no certificate that can be read"):
            Paths(tmp_path, proxy_url=SIGNER, proxy_ca=path)


def test_a_signing_proxy_is_not_left_for_the_right_region(tmp_path: Path) -> None:
    paths = by_signer(tmp_path, "proxy")
    paths.proxy = lambda _: httpx2.Response(421, json={"error": TOLD.replace("http://", "https://x.tesla.com/")})
    paths.send(START)
    assert paths.asked == ["proxy charge_start", "fleet charge_start"]  # the way behind it, not the address it names
    assert all("x.tesla.com" not in str(request.url) for request in paths.requests)
