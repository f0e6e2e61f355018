"""tlwb over HTTP: every answer is the whole status or a problem in the dialect's own shape."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import pytest
from wallbox_double import CHARGING, VIN, WallboxDouble, make_loadpoint, make_vehicle

from sunbox.core.model import Mode, Override
from sunbox.core.wallbox import Request
from sunbox.dialects.tlwb.table import ENDPOINTS, FIELDS
from sunbox.faces.main import create_main_app

GOLDEN = (
    '{"status":3,"soc":67,"targetsoc":90,"targetamp":13,"maxamp":16,"amps":13,"volts":233,"power":3029,"phases":1,'
    '"energy":65.4,"control":1,"mode":"pv","pv":true,"pending":null,"asleep":false,"age":12,'
    '"reason":"charging 13 A: surplus 3100 W ≥ 3029 W (13 A × 1 × 233 V)"}'
)


T = TypeVar("T")


def run(wallbox: WallboxDouble, work: Callable[[httpx2.AsyncClient], Awaitable[T]]) -> T:
    async def main() -> T:
        transport = httpx2.ASGITransport(create_main_app(wallbox))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:5000") as client:
            return await work(client)

    return asyncio.run(main())


def ask(wallbox: WallboxDouble, path: str, method: str = "GET", **how: Any) -> httpx2.Response:
    return run(wallbox, lambda client: client.request(method, path, **how))


@pytest.mark.parametrize("path", ["/tlwb/1", "/tlwb/1/", "/tlwb/1/status", "/tlwb/1/status/", f"/tlwb/{VIN}/status"])
def test_the_whole_status(path: str) -> None:
    wallbox = WallboxDouble(make_loadpoint(**CHARGING))
    answer = ask(wallbox, path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.decode() == GOLDEN
    assert wallbox.requests == []


def test_a_sleeping_car_that_waits_for_the_sun() -> None:
    wallbox = WallboxDouble(
        make_loadpoint(vehicle=make_vehicle(is_asleep=True, age_s=5320.0), energy_added_wh=None, voltage_v=None)
    )
    assert ask(wallbox, "/tlwb/carport/status").content.decode() == (
        '{"status":2,"soc":67,"targetsoc":90,"targetamp":13,"maxamp":16,"amps":0,"volts":null,"power":0,"phases":0,'
        '"energy":null,"control":1,"mode":"pv","pv":true,"pending":null,"asleep":true,"age":5320,'
        '"reason":"paused: surplus 820 W < 1380 W (6 A × 1 × 230 V)"}'
    )


@pytest.mark.parametrize(
    ("path", "request_made"),
    [
        ("/tlwb/1/control?1", Request(loadpoint_id="carport", by="tlwb", override=Override.CHARGE)),
        ("/tlwb/1/control?0", Request(loadpoint_id="carport", by="tlwb", override=Override.STOP)),
        ("/tlwb/1/set_amps?16", Request(loadpoint_id="carport", by="tlwb", amps_a=16)),
        ("/tlwb/1/set_amps?amps=16", Request(loadpoint_id="carport", by="tlwb", amps_a=16)),
        ("/tlwb/1/set_soc?55", Request(loadpoint_id="carport", by="tlwb", target_soc_pct=55)),
        ("/tlwb/1/set_soc/?30", Request(loadpoint_id="carport", by="tlwb", target_soc_pct=30)),
        (
            "/tlwb/1?control=1&set_amps=16&set_soc=55",
            Request(loadpoint_id="carport", by="tlwb", override=Override.CHARGE, amps_a=16, target_soc_pct=55),
        ),
        (
            "/tlwb/1/set_mode?off",
            Request(loadpoint_id="carport", by="tlwb", mode=Mode.OFF, override=Override.NONE),
        ),
        (
            f"/tlwb/{VIN}/set_mode?now",
            Request(loadpoint_id="carport", by="tlwb", mode=Mode.NOW, override=Override.NONE),
        ),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_call_is_one_request_and_answers_the_status(path: str, request_made: Request, method: str) -> None:
    wallbox = WallboxDouble()
    answer = ask(wallbox, path, method)
    assert answer.status_code == 200
    assert list(answer.json()) == [field.name for field in FIELDS]
    assert wallbox.requests == [request_made]


def test_the_answer_has_the_wish_at_once() -> None:
    wallbox = WallboxDouble()
    status = ask(wallbox, "/tlwb/1?control=1&set_amps=20&set_soc=40").json()
    assert (status["control"], status["targetamp"], status["targetsoc"]) == (1, 20, 40)
    assert status["pending"] == "starting"


def test_start_and_stop_leave_the_mode_and_a_mode_lifts_them() -> None:
    wallbox = WallboxDouble()
    assert ask(wallbox, "/tlwb/1/control?0").json()["control"] == 0
    assert wallbox.loadpoint("carport").mode is Mode.PV
    status = ask(wallbox, "/tlwb/1/set_mode?now").json()
    assert (status["mode"], status["control"]) == ("now", 1)
    assert wallbox.loadpoint("carport").override is Override.NONE


def test_the_statuses_of_a_charge() -> None:
    wallbox = WallboxDouble()
    statuses = [ask(wallbox, "/tlwb/1/control?1").json()["status"]]
    wallbox.apply_wishes("carport")
    statuses.append(ask(wallbox, "/tlwb/1/control?0").json()["status"])
    wallbox.apply_wishes("carport")
    statuses.append(ask(wallbox, "/tlwb/1/status").json()["status"])
    assert statuses == [2, 3, 4]


@pytest.mark.parametrize(
    ("content", "path", "amps_a"),
    [("16", "/tlwb/1/set_amps", 16), ("amps=17", "/tlwb/1/set_amps?wait=0", 17), ("set_amps=18", "/tlwb/1", 18)],
)
@pytest.mark.parametrize("headers", [{}, {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}])
def test_a_form_body(content: str, path: str, amps_a: int, headers: dict[str, str]) -> None:
    wallbox = WallboxDouble()
    answer = ask(wallbox, path, "POST", content=content, headers=headers)
    assert answer.status_code == 200
    assert [request.amps_a for request in wallbox.requests] == [amps_a]


# --- what is turned down ---


@pytest.mark.parametrize(
    ("method", "path", "code", "error", "allowed"),
    [
        ("GET", "/tlwb/9", 404, "there is no car '9'", "1 or carport, or a VIN"),
        ("GET", "/tlwb/9/control?1", 404, "there is no car '9'", "1 or carport, or a VIN"),
        ("GET", "/tlwb", 404, "there is no car ''", "1 or carport, or a VIN"),
        ("GET", "/tlwb/", 404, "there is no car ''", "1 or carport, or a VIN"),
        ("GET", "/tlwb/1/start", 404, "there is no 'start'", "status, control, set_amps, set_soc, set_mode"),
        ("GET", "/tlwb/1/status/x", 404, "there is no 'status/x'", "status, control, set_amps, set_soc, set_mode"),
        ("PUT", "/tlwb/1/control?1", 405, "PUT is not allowed", "GET, POST"),
        ("DELETE", "/tlwb/1", 405, "DELETE is not allowed", "GET, POST"),
        ("OPTIONS", "/tlwb/1/status", 405, "OPTIONS is not allowed", "GET, POST"),
        ("GET", "/tlwb/1/control", 400, "control: no value", "control: an integer from 0 to 1"),
        ("GET", "/tlwb/1/set_amps?33", 400, "set_amps: '33' is not allowed", "set_amps: an integer from 3 to 32"),
        ("GET", "/tlwb/1/set_soc?0", 400, "set_soc: '0' is not allowed", "set_soc: an integer from 1 to 100"),
        ("GET", "/tlwb/1/set_mode?sun", 400, "set_mode: 'sun' is not allowed", "set_mode: one of off, now, min_pv, pv"),
        ("GET", "/tlwb/1/status?wait=121", 400, "wait: '121' is not allowed", "wait: an integer from 0 to 120"),
        ("POST", "/tlwb/1/set_amps", 400, "set_amps: no value", "set_amps: an integer from 3 to 32"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_applied(method: str, path: str, code: int, error: str, allowed: str) -> None:
    wallbox = WallboxDouble()
    answer = ask(wallbox, path, method)
    assert answer.status_code == code
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"error": error, "allowed": allowed}
    assert ("allow" in answer.headers) == (code == 405)
    assert wallbox.requests == []


def test_a_good_part_of_a_bad_request_is_not_applied() -> None:
    wallbox = WallboxDouble()
    assert ask(wallbox, "/tlwb/1?control=1&set_amps=16&set_soc=101").status_code == 400
    assert ask(wallbox, "/tlwb/1/set_amps?16", "POST", content="17").status_code == 400
    assert wallbox.requests == []


def test_what_the_gateway_rejects_is_told_in_the_clients_words() -> None:
    wallbox = WallboxDouble(make_loadpoint(max_a=0))
    answer = ask(wallbox, "/tlwb/1/set_amps?16")
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "set_amps: '16' is not allowed",
        "allowed": "nothing while the charger is locked",
    }


@pytest.mark.parametrize(
    ("how", "allowed"),
    [
        ({"json": {"amps": 16}}, "application/x-www-form-urlencoded"),
        ({"files": {"amps": b"16"}}, "application/x-www-form-urlencoded"),
        ({"content": "1" * 20_000}, "set_amps: an integer from 3 to 32; wait: an integer from 0 to 120"),
    ],
)
def test_a_body_that_is_no_form(how: dict[str, Any], allowed: str) -> None:
    wallbox = WallboxDouble()
    answer = ask(wallbox, "/tlwb/1/set_amps", "POST", **how)
    assert answer.status_code == 400
    assert answer.json()["allowed"] == allowed
    assert wallbox.requests == []


def test_head_changes_nothing() -> None:
    wallbox = WallboxDouble()
    assert ask(wallbox, "/tlwb/1/control?1", "HEAD").status_code == 405
    assert wallbox.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"origin": "https://example.org"},
        {"origin": "null"},
        {"origin": "http://["},
    ],
)
def test_a_page_of_another_site_changes_nothing_but_may_look(headers: dict[str, str]) -> None:
    wallbox = WallboxDouble()
    answer = ask(wallbox, "/tlwb/1/control?1", headers=headers)
    assert answer.status_code == 403
    assert set(answer.json()) == {"error", "allowed"}
    assert wallbox.requests == []
    assert ask(wallbox, "/tlwb/1/status", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:5000"},
        {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:7070"},
    ],
)
def test_the_address_bar_and_pages_of_the_same_host_may_change(headers: dict[str, str]) -> None:
    wallbox = WallboxDouble()
    assert ask(wallbox, "/tlwb/1/control?1", headers=headers).status_code == 200
    assert len(wallbox.requests) == 1


def test_a_failure_is_told_without_internals() -> None:
    class Broken(WallboxDouble):
        def snapshot(self) -> Any:
            raise RuntimeError("secret detail")

    answer = ask(Broken(), "/tlwb/1/status")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"error": "the gateway failed; its log has the details", "allowed": None}


# --- waiting ---


def test_wait_answers_when_the_wish_is_applied() -> None:
    wallbox = WallboxDouble()

    async def work(client: httpx2.AsyncClient) -> dict[str, Any]:
        asking = asyncio.create_task(client.get("/tlwb/1/control?1&wait=30"))
        await wallbox.somebody_waits.wait()
        assert not asking.done()
        wallbox.apply_wishes("carport")
        return json.loads((await asking).content)

    status = run(wallbox, work)
    assert (status["status"], status["pending"]) == (3, None)
    assert wallbox.waiting == 0


def test_wait_on_the_status_waits_for_an_earlier_wish() -> None:
    wallbox = WallboxDouble()

    async def work(client: httpx2.AsyncClient) -> int:
        await client.get("/tlwb/1/control?1")
        asking = asyncio.create_task(client.get("/tlwb/1/status?wait=30"))
        await wallbox.somebody_waits.wait()
        wallbox.apply_wishes("carport")
        return int((await asking).json()["status"])

    assert run(wallbox, work) == 3


def test_wait_returns_at_once_when_nothing_is_under_way() -> None:
    assert ask(WallboxDouble(), "/tlwb/1/status?wait=120").json()["status"] == 2


def test_wait_ends_when_the_time_is_up() -> None:
    class Impatient(WallboxDouble):
        async def settled(self, loadpoint_id: str, version: int, timeout_s: float) -> bool:
            assert timeout_s == 7
            return await super().settled(loadpoint_id, version, 0)

    assert ask(Impatient(), "/tlwb/1/control?1&wait=7").json()["pending"] == "starting"


def test_a_client_that_goes_away_leaves_nothing_running() -> None:
    wallbox = WallboxDouble()

    async def main() -> None:
        app = create_main_app(wallbox)
        gone = asyncio.Event()
        sent: list[Any] = []
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/tlwb/1/control",
            "query_string": b"1&wait=120",
            "headers": [],
            "root_path": "",
        }
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        answering = asyncio.create_task(app(scope, receive, send))
        await wallbox.somebody_waits.wait()
        gone.set()
        await answering
        assert wallbox.waiting == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

        answering = asyncio.create_task(app(scope, receive, send))  # and so does a server that shuts down
        asked = True
        gone.clear()
        await wallbox.somebody_waits.wait()
        answering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answering
        assert wallbox.waiting == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_a_failure_while_waiting_is_a_failure() -> None:
    class Broken(WallboxDouble):
        async def settled(self, loadpoint_id: str, version: int, timeout_s: float) -> bool:
            raise RuntimeError("secret detail")

    assert ask(Broken(), "/tlwb/1/status?wait=1").status_code == 500


def test_every_example_of_the_table_works() -> None:
    for endpoint in ENDPOINTS:
        assert ask(WallboxDouble(), endpoint.example).status_code == 200, endpoint.example
