"""The meter that answers JSON over HTTP: what becomes of each answer, and when it asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from structlog.testing import capture_logs

from sunbox.core.commands import Cause, Command, CommandName, Outcome, ReadKind
from sunbox.core.effects import Read, Send
from sunbox.core.events import Event, MeterRead, ReadFailed
from sunbox.core.settings import MeterSettings
from sunbox.drivers.http.driver import HttpMeterDriver, instant_from_wire
from sunbox.drivers.http.settings import HttpMeterSettings
from sunbox.errors import SunboxError
from sunbox.net.http import client_factory, make_client
from sunbox.net.serving import Listener, serving
from sunbox.simulator.clock import LoopClock, ScaledTimeLoop, VirtualTimeLoop, run_in

EPOCH = datetime(2026, 6, 1, 12, tzinfo=UTC)
URL = "http://192.168.0.20/rpc/EM.GetStatus?id=0"

SHELLY_3EM = b"""{"id":0,"a_current":4.029,"a_voltage":236.1,"a_act_power":951.2,"n_current":null,
"total_current":11.083,"total_act_power":2484.782,"total_aprt_power":2486.7,"user_calibrated_phase":[]}"""
TASMOTA_SML = b"""{"StatusSNS":{"Time":"2026-06-01T13:59:58","SML":{"Total_in":12345.678,"Power_curr":-1840}}}"""
FRONIUS = b"""{"Body":{"Data":{"Inverters":{"1":{"DT":1,"P":6210,"SOC":71.3}},"Site":{"Mode":"bidirectional",
"P_Akku":-2048.5,"P_Grid":-3120.4,"P_Load":-1041.1,"P_PV":6210.0}}},"Head":{"Timestamp":"2026-06-01T13:59:57+02:00"}}"""

Handler = Callable[[httpx2.Request], httpx2.Response]


def meter(
    handler: Handler | bytes | dict[str, Any],
    *,
    interval_s: float = 5.0,
    delay_s: float = 0.0,
    **settings: Any,
) -> HttpMeterDriver:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if callable(handler):
            return handler(request)
        return httpx2.Response(200, content=handler if isinstance(handler, bytes) else json.dumps(handler).encode())

    if not {"grid_w", "pv_w", "battery_w", "battery_soc_pct"} & settings.keys():
        settings["grid_w"] = "$.w"
    return HttpMeterDriver(
        MeterSettings(id="house", interval_s=interval_s, delay_s=delay_s),
        HttpMeterSettings(**{"url": URL} | settings),
        lambda base_url: make_client(base_url, transport=httpx2.MockTransport(answer)),
        LoopClock(EPOCH),
    )


def run_for(seconds: float, make: Callable[[], HttpMeterDriver]) -> list[MeterRead | ReadFailed]:
    events: list[Any] = []

    async def main() -> None:
        driver = make()
        try:
            async with asyncio.timeout(seconds):
                await driver.run(events.append)
        except TimeoutError:
            await driver.close()

    run_in(VirtualTimeLoop, main())
    return events


def one(make: Callable[[], HttpMeterDriver]) -> MeterRead | ReadFailed:
    events = run_for(0.001, make)
    assert len(events) == 1
    return events[0]


def reading(make: Callable[[], HttpMeterDriver]):
    event = one(make)
    assert isinstance(event, MeterRead), event
    return event.reading


def failure(make: Callable[[], HttpMeterDriver]) -> ReadFailed:
    event = one(make)
    assert isinstance(event, ReadFailed), event
    assert (event.device_id, event.exchange_id, event.what, event.billed) == ("house", None, ReadKind.DATA, 0)
    return event


# --- what answers become ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "phases_a"),
    [
        ({"w": 1, "a": 4, "b": -2.5, "c": 0}, (4.0, -2.5, 0.0)),
        ({"w": 1, "a": 4, "b": None, "c": 0}, None),
        ({"w": 1}, None),
    ],
)
def test_currents_of_the_phases_are_told_together_or_not_at_all(body, phases_a):
    read = reading(lambda: meter(body, grid_w="$.w", grid_l1_a="$.a", grid_l2_a="$.b", grid_l3_a="$.c"))
    assert read.grid_phases_a == phases_a


def test_shelly_3em() -> None:
    read = reading(lambda: meter(SHELLY_3EM, grid_w="$.total_act_power", pv_w="$.pv"))
    assert read.grid_w == pytest.approx(2484.782)
    assert read.pv_w is None
    assert read.measured_at == EPOCH


def test_tasmota_with_time_that_has_no_offset_counts_as_measured_on_arrival_less_the_delay() -> None:
    read = reading(
        lambda: meter(TASMOTA_SML, delay_s=2.0, grid_w="$.StatusSNS.SML.Power_curr", time="$.StatusSNS.Time")
    )
    assert read.grid_w == -1840
    assert read.measured_at == EPOCH - timedelta(seconds=2)


def test_fronius_with_its_own_instant_and_battery_sign() -> None:
    site = "$.Body.Data.Site"
    read = reading(
        lambda: meter(
            FRONIUS,
            grid_w=f"{site}.P_Grid",
            pv_w=f"{site}.P_PV",
            battery_w={"path": f"{site}.P_Akku"},
            battery_soc_pct="$.Body.Data.Inverters['1'].SOC",
            time="$.Head.Timestamp",
        )
    )
    assert (read.grid_w, read.pv_w, read.battery_w, read.battery_soc_pct) == (-3120.4, 6210.0, -2048.5, 71.3)
    assert read.measured_at == datetime(2026, 6, 1, 11, 59, 57, tzinfo=UTC)


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ({"path": "$.w", "scale": 1000}, 1500.0),
        ({"path": "$.w", "scale": 1000, "invert": True}, -1500.0),
        ({"path": "$.w", "scale": 1000, "offset": -20}, 1480.0),
        ({"path": "$.w", "scale": 1000, "offset": -20.0, "invert": True}, -1480.0),
    ],
)
def test_scale_offset_and_sign(quantity: dict[str, Any], expected: float) -> None:
    assert reading(lambda: meter({"w": 1.5}, grid_w=quantity)).grid_w == pytest.approx(expected)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", '"12.5"', '"null"', "null", "true", "[]", "{}"])
def test_what_is_no_number_is_unknown_and_never_zero(value: str) -> None:
    body = f'{{"w": {value}, "pv": 5}}'.encode()
    read = reading(lambda: meter(body, grid_w="$.w", pv_w="$.pv"))
    assert read.grid_w is None
    assert read.pv_w == 5
    assert failure(lambda: meter(body)).cause is Cause.BAD_ANSWER


def test_standby_of_an_inverter_counts_as_no_sun() -> None:
    assert reading(lambda: meter({"w": -7}, pv_w="$.w")).pv_w == 0


@pytest.mark.parametrize(
    ("settings", "value", "words"),
    [
        ({"grid_w": "$.w"}, 1_000_001, "wrong path or `scale`"),
        ({"grid_w": "$.w"}, -1e300, "impossible"),
        ({"grid_w": "$.w"}, 10**400, "impossible"),
        ({"battery_w": "$.w"}, -2e6, "impossible"),
        ({"battery_soc_pct": "$.w"}, 101, "battery_soc_pct"),
        ({"pv_w": "$.w"}, -3000, "wrong sign"),
    ],
)
def test_impossible_numbers_fail(settings: dict[str, Any], value: float, words: str) -> None:
    failed = failure(lambda: meter({"w": value}, **settings))
    assert failed.cause is Cause.BAD_ANSWER
    assert words in failed.detail


@pytest.mark.parametrize(
    "body", [b"", b"<html>login</html>", b"[" * 100_000, b"\xff\xfe", b"5", b"null", b'{"w": 1', b'{"other": 1}']
)
def test_answers_that_are_no_reading_fail(body: bytes) -> None:
    assert failure(lambda: meter(body)).cause is Cause.BAD_ANSWER


@given(st.binary(max_size=200) | st.recursive(st.none() | st.floats() | st.integers() | st.text(), st.lists).map(repr))
def test_any_bytes_are_a_reading_or_a_failure(body: bytes | str) -> None:
    raw = body.encode() if isinstance(body, str) else body
    event = one(lambda: meter(raw, grid_w="$", time="$"))
    assert isinstance(event, MeterRead | ReadFailed)


@pytest.mark.parametrize(
    ("status", "headers", "cause", "words"),
    [
        (401, {}, Cause.FORBIDDEN, "401"),
        (403, {}, Cause.FORBIDDEN, "403"),
        (404, {}, Cause.NOT_FOUND, "404"),
        (429, {"retry-after": "30"}, Cause.RATE_LIMITED, "429"),
        (500, {}, Cause.SERVER_ERROR, "500"),
        (503, {}, Cause.SERVER_ERROR, "503"),
        (302, {"location": "http://192.168.0.20/login?key=1"}, Cause.BAD_ANSWER, "http://192.168.0.20/login; write"),
        (418, {}, Cause.BAD_ANSWER, "418"),
    ],
)
def test_http_codes(status: int, headers: dict[str, str], cause: Cause, words: str) -> None:
    failed = failure(lambda: meter(lambda _: httpx2.Response(status, headers=headers, content=b'{"w": 1}')))
    assert failed.cause is cause
    assert words in failed.detail
    assert "key" not in failed.detail


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (httpx2.ConnectError("refused"), Cause.UNREACHABLE),
        (httpx2.ConnectTimeout(""), Cause.UNREACHABLE),
        (httpx2.ReadTimeout(""), Cause.NO_ANSWER),
        (httpx2.RemoteProtocolError("closed"), Cause.NO_ANSWER),
    ],
)
def test_network_errors(error: httpx2.TransportError, cause: Cause) -> None:
    def fail(_: httpx2.Request) -> httpx2.Response:
        raise error

    assert failure(lambda: meter(fail)).cause is cause


def test_a_connection_that_was_closed_while_idle_is_asked_again_once() -> None:
    asked = 0

    def closes_first(_: httpx2.Request) -> httpx2.Response:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise httpx2.RemoteProtocolError("Server disconnected without sending a response.")
        return httpx2.Response(200, content=b'{"w": 1}')

    assert reading(lambda: meter(closes_first)).grid_w == 1
    assert asked == 2


# --- instants --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (1_780_315_200, EPOCH),
        (1_780_315_200_000, EPOCH),
        (1_780_315_200.5, EPOCH + timedelta(seconds=0.5)),
        ("2026-06-01T12:00:00Z", EPOCH),
        ("2026-06-01T14:00:00+02:00", EPOCH),
        ("2026-06-01T12:00:00", None),
        ("1780315200", None),
        ("soon", None),
        ("0001-01-01T00:00:00+23:00", None),
        (True, None),
        (0, None),
        (-5, None),
        (1e300, None),
        (None, None),
        ({}, None),
    ],
)
def test_instants(told: Any, expected: datetime | None) -> None:
    assert instant_from_wire(told) == expected


def test_an_instant_to_come_counts_as_now() -> None:
    read = reading(lambda: meter({"w": 1, "t": "2026-06-01T13:00:00Z"}, grid_w="$.w", time="$.t"))
    assert read.measured_at == EPOCH


# --- when it asks ----------------------------------------------------------------------------------------------------


def test_polls_without_drift_however_long_answers_take() -> None:
    async def slow(_: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(1.7)
        return httpx2.Response(200, content=b'{"w": 1}')

    events = run_for(60, lambda: meter(slow, interval_s=5.0))  # type: ignore[arg-type]
    assert [(event.at - EPOCH).total_seconds() for event in events] == pytest.approx(
        [5 * poll + 1.7 for poll in range(12)]
    )


def test_an_answer_longer_than_the_interval_puts_no_polls_in_a_queue() -> None:
    asked_at: list[float] = []

    async def slow_once(_: httpx2.Request) -> httpx2.Response:
        asked_at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(12.0 if len(asked_at) == 1 else 0.0)
        return httpx2.Response(200, content=b'{"w": 1}')

    run_for(30, lambda: meter(slow_once, interval_s=5.0))  # type: ignore[arg-type]
    assert asked_at == pytest.approx([0, 12, 17, 22, 27])


def test_waits_as_long_as_a_meter_asks_for() -> None:
    asked_at: list[float] = []

    async def busy_once(_: httpx2.Request) -> httpx2.Response:
        asked_at.append(asyncio.get_running_loop().time())
        if len(asked_at) == 1:
            return httpx2.Response(429, headers={"retry-after": "20"})
        return httpx2.Response(200, content=b'{"w": 1}')

    run_for(31, lambda: meter(busy_once, interval_s=5.0))  # type: ignore[arg-type]
    assert asked_at == pytest.approx([0, 20, 25, 30])


def test_own_time_out() -> None:
    async def never(_: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(1000)
        raise AssertionError("it is over before")

    events = run_for(9, lambda: meter(never, interval_s=5.0, timeout_s=2.0))  # type: ignore[arg-type]
    assert [(event.at - EPOCH).total_seconds() for event in events] == pytest.approx([2, 7])


def test_says_once_that_it_is_gone_and_once_that_it_is_back() -> None:
    polls = 0

    def flaky(_: httpx2.Request) -> httpx2.Response:
        nonlocal polls
        polls += 1
        if 3 <= polls <= 8:
            raise httpx2.ConnectError("refused")
        return httpx2.Response(200, content=b'{"w": 1}')

    with capture_logs() as logs:
        events = run_for(59, lambda: meter(flaky))
    assert sum(isinstance(event, ReadFailed) for event in events) == 6
    assert [(entry["event"], entry["log_level"], entry["device"]) for entry in logs] == [
        ("device unavailable", "warning", "house"),
        ("device available again", "info", "house"),
    ]


# --- the request -----------------------------------------------------------------------------------------------------


def test_sends_what_the_owner_wrote_and_logs_none_of_it() -> None:
    seen: list[httpx2.Request] = []

    def take(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(401)

    with capture_logs() as logs:
        failed = failure(
            lambda: meter(take, method="POST", headers={"X-Key": "key-secret"}, user="me", password="pass-secret")
        )
    request = seen[0]
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["x-key"] == "key-secret"
    assert request.headers["authorization"] == "Basic bWU6cGFzcy1zZWNyZXQ="
    assert "secret" not in repr(logs) + repr(failed)


def test_repr_of_settings_hides_secrets() -> None:
    settings = HttpMeterSettings(
        url=URL,
        grid_w="$.w",  # type: ignore[arg-type]
        user="me",
        password="pass-secret",  # type: ignore[arg-type]
        headers={"x-key": "key-secret"},  # type: ignore[dict-item]
    )
    assert "secret" not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "192.168.0.20", "grid_w": "$.w"}, "allowed is an address"),
        ({"url": "ftp://x/y", "grid_w": "$.w"}, "allowed is an address"),
        ({"url": "http://me:pw@x/y", "grid_w": "$.w"}, "not inside the address"),
        ({"url": URL}, "write at least one of grid_w, pv_w, battery_w, battery_soc_pct, grid_l1_a"),
        ({"url": URL, "grid_w": "$.w", "grid_l2_a": "$.b"}, "write grid_l1_a, grid_l3_a too"),
        ({"url": URL, "grid_w": "total"}, "begins with"),
        ({"url": URL, "grid_w": {"path": "$.a[x]"}}, "character 4"),
        ({"url": URL, "grid_w": {"path": "$.w", "factor": 2}}, "factor"),
        ({"url": URL, "grid_w": {"path": "$.w", "scale": float("nan")}}, "finite"),
        ({"url": URL, "grid_w": "$.w", "time": "now"}, "begins with"),
        ({"url": URL, "grid_w": "$.w", "password": "x"}, "needs its `user`"),
        ({"url": URL, "grid_w": "$.w", "method": "DELETE"}, "method"),
        ({"url": URL, "grid_w": "$.w", "headers": {"a b": "x"}}, "no name of a header"),
        ({"url": URL, "grid_w": "$.w", "timeout_s": 0}, "timeout_s"),
        ({"url": URL, "grid_w": "$.w", "colour": "red"}, "colour"),
    ],
)
def test_wrong_settings_say_what_is_allowed(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpMeterSettings(**settings)
    assert words in str(caught.value)


# --- probe, and what a meter does not do -----------------------------------------------------------------------------


def test_probe_tells_the_reading() -> None:
    async def main() -> str:
        driver = meter({"g": -1234.4, "soc": 55}, grid_w="$.g", pv_w="$.pv", battery_soc_pct="$.soc")
        line = await driver.probe()
        await driver.close()
        return line

    assert run_in(VirtualTimeLoop, main()) == "grid -1,234 W, battery 55 % (not in the answer: pv_w)"


def test_probe_says_what_to_do() -> None:
    async def main() -> None:
        driver = meter(lambda _: httpx2.Response(404), url="http://192.168.0.20/em?key=secret")
        with pytest.raises(SunboxError) as caught:
            await driver.probe()
        assert str(caught.value) == ("house at http://192.168.0.20/em: HTTP 404 Not Found: check the path in `url`")

    run_in(VirtualTimeLoop, main())


def test_takes_no_commands_and_is_read_when_asked() -> None:
    async def main() -> None:
        driver = meter({"w": 1})
        assert driver.device_id == "house"
        ended = await driver.send(Send(device_id="house", exchange_id=7, command=Command(CommandName.START)))
        assert (ended.exchange_id, ended.outcome, ended.billed) == (7, Outcome.REFUSED, 0)
        event = await driver.read(Read(device_id="house", exchange_id=8, what=ReadKind.DATA))
        assert isinstance(event, MeterRead)
        assert event.reading.grid_w == 1.0
        failed = await meter(lambda _: httpx2.Response(429, headers={"retry-after": "60"})).read(
            Read(device_id="house", exchange_id=9, what=ReadKind.DATA)
        )
        assert isinstance(failed, ReadFailed)
        assert (failed.exchange_id, failed.cause, failed.retry_after_s) == (9, Cause.RATE_LIMITED, 60.0)
        assert (event.billed, failed.billed) == (1, 1)  # the service has counted both

        def refuse(request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ConnectError("refused", request=request)

        never = await meter(refuse).read(Read(device_id="house", exchange_id=10, what=ReadKind.DATA))
        assert isinstance(never, ReadFailed)
        assert never.billed == 0

    run_in(VirtualTimeLoop, main())


def test_one_behind_a_service_is_not_polled() -> None:
    async def main() -> None:
        driver = meter({"w": 1})
        driver._meter = replace(driver._meter, is_cloud=True)
        events: list[Event] = []
        await driver.run(events.append)
        assert events == []

    run_in(VirtualTimeLoop, main())


def test_over_loopback_on_a_fast_clock() -> None:
    """At 100-fold speed a poll of 5 s comes every 50 ms of wall: real sockets, no failure, no drift."""
    speed = 100.0
    polls = 12

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]})
        await send({"type": "http.response.body", "body": b'{"w": 7}'})

    async def main() -> list[Any]:
        events: list[Any] = []
        enough = asyncio.Event()

        def take(event: Any) -> None:
            events.append(event)
            if len(events) == polls:
                enough.set()

        async with serving([Listener(app=app, host="127.0.0.1", port=0)], speed=speed) as (bound,):
            driver = HttpMeterDriver(
                MeterSettings(id="house", interval_s=5.0),
                HttpMeterSettings(url=f"{bound.url}/em", grid_w="$.w"),  # type: ignore[arg-type]
                client_factory(speed=speed),
                LoopClock(EPOCH),
            )
            task = asyncio.create_task(driver.run(take))
            await enough.wait()
            task.cancel()
            await asyncio.wait([task])
            await driver.close()
        return events

    events = run_in(lambda: ScaledTimeLoop(speed), main())
    assert [getattr(event, "reading", None) and event.reading.grid_w for event in events] == [7.0] * polls
