"""The HTTP side of a SmartEVSE: query and nothing else, the device's codes, texts and lengths, and what it turns away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.loopback import WITHIN_S

from sunbox.dialects.smartevse.box import Answer, Box
from sunbox.dialects.smartevse.profiles import PROFILES, Profile
from sunbox.dialects.smartevse.query import MOST_QUERY_BYTES
from sunbox.dialects.smartevse.state import Setup, first_state
from sunbox.dialects.smartevse.words import Meter, Mode
from sunbox.faces.smartevse.app import (
    BUSY,
    DEVICE_MANNERS,
    MOST_ACCEPTED,
    MOST_CONNECTIONS,
    NOT_FOUND,
    Manners,
    create_app,
)
from sunbox.net.serving import Bound, Listener, serving
from sunbox.simulator.smartevse_app import LiveSmartEvse, listener_of

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Got:
    """What came back."""

    code: int
    headers: dict[str, str]
    body: bytes
    pieces: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Port:
    """A box at the face, asked with raw bytes."""

    def __init__(self, profile: str = "3.11", manners: Manners = DEVICE_MANNERS) -> None:
        self.box = Box(PROFILES[profile])
        self.state = first_state(AT, Setup(mains_meter=Meter.API))
        self.app = create_app(self, manners)

    @property
    def profile(self) -> Profile:
        return self.box.profile

    def get(self, path: str) -> Answer | None:
        return self.box.get(self.state, path)

    def post(self, path: str, parameters: Mapping[str, str]) -> Answer | None:
        found = self.box.post(self.state, path, parameters)
        if found is None:
            return None
        self.state = found[0].state
        return found[1]

    def ask(
        self, path: str, query: str | bytes = b"", method: str = "GET", *, http: str = "1.1", **headers: str
    ) -> Got:
        return asyncio.run(self.asked(path, query, method, http=http, **headers))

    async def asked(
        self,
        path: str,
        query: str | bytes = b"",
        method: str = "GET",
        *,
        wait: Any = None,
        http: str = "1.1",
        **headers: str,
    ) -> Got:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            raise AssertionError("the body is read")

        async def send(message: Any) -> None:
            if wait is not None:
                await wait.wait()
            sent.append(message)

        names = {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "http_version": http,
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode() if isinstance(query, str) else query,
            "headers": [(name.encode(), value.encode()) for name, value in names.items()],
        }
        await self.app(scope, receive, send)
        start, *bodies = sent
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        pieces = [message.get("body", b"") for message in bodies]
        return Got(start["status"], told, b"".join(pieces), len([piece for piece in pieces if piece]))


def test_newer_firmware_answers_in_pieces_and_older_with_a_length() -> None:
    new = Port().ask("/settings")
    assert (new.code, new.headers["content-type"]) == (200, "application/json")
    assert "content-length" not in new.headers
    assert new.pieces > 1
    assert not new.body.endswith(b"\n")
    old = Port("3.10").ask("/settings")
    assert old.headers["content-length"] == str(len(old.body))
    assert old.body.endswith(b"}\r\n")


def test_a_client_of_http_1_0_knows_no_pieces() -> None:
    got = Port().ask("/settings", http="1.0")
    assert got.headers["content-length"] == str(len(got.body))
    assert got.body.endswith(b"}")


@pytest.mark.parametrize(
    ("path", "query", "body"),
    [
        ("/color_off", "R=0&G=0&B=255", b'{"color":{"off":{"R":0,"G":0,"B":255}}}\r\n'),
        ("/color_off", "R=0", b"{}\r\n"),
        ("/cablelock", "1=", b'{"cablelock":1}\r\n'),
        ("/settings", "nonsense=1", b"null"),
        ("/settings", "", b"null"),
        ("/settings", "mode=3", b'{"mode":"3"}'),
        ("/settings", "current_min=99", b'{"current_min":"Value not allowed!"}'),
        ("/currents", "L1=1&L2=2", b"null"),
        ("/reboot", "", b"Device will reboot in 5 seconds..."),
    ],
)
def test_bodies_to_the_letter(path: str, query: str, body: bytes) -> None:
    got = Port().ask(path, query, "POST")
    assert (got.code, got.body) == (200, body)


def test_a_post_is_answered_without_looking_at_its_body() -> None:
    """Port.asked fails if the body is read, so a length is not waited for."""
    port = Port()
    got = port.ask("/settings", "mode=1", "POST", content_type="application/json")
    assert got.json == {"mode": "1"}
    assert port.state.setup.mode is Mode.NORMAL
    assert port.ask("/settings", "", "POST", content_type="application/x-www-form-urlencoded").json is None


@pytest.mark.parametrize(
    ("headers", "closes"),
    [
        ({}, False),
        ({"content_length": "2"}, False),
        ({"content_length": "16385"}, True),
        ({"content_length": "9" * 5000}, True),
        ({"content_length": "x"}, True),
        ({"transfer_encoding": "chunked"}, True),
    ],
)
def test_nobody_waits_for_the_rest_of_a_large_body(headers: dict[str, str], closes: bool) -> None:
    got = Port().ask("/settings", "mode=1", "POST", **headers)
    assert got.json == {"mode": "1"}
    assert (got.headers.get("connection") == "close") == closes


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/settings"),
        ("DELETE", "/settings"),
        ("GET", "/color_off"),
        ("GET", "/currents"),
        ("POST", "/modem"),
        ("POST", "/power_day"),
        ("GET", "/"),
        ("GET", "/settings/"),
        ("POST", "/nonsense"),
    ],
)
def test_what_is_not_there(method: str, path: str) -> None:
    got = Port().ask(path, "", method)
    assert (got.code, got.body.decode()) == (404, NOT_FOUND)


def test_reboot_asks_for_no_method() -> None:
    assert Port().ask("/reboot").code == 200


def test_what_came_later_is_not_there_before() -> None:
    assert Port("3.10").ask("/power_day").code == 404
    assert Port().ask("/power_day").body.endswith(b"]}\r\n")
    assert Port("3.9").ask("/rfid", "", "POST").code == 404
    assert Port().ask("/rfid", "", "POST").json == {"rfid_status": "RFID reader not enabled"}


def test_the_ninth_at_a_time_is_turned_away() -> None:
    async def main() -> list[Got]:
        port, gate = Port(), asyncio.Event()
        waiting = [asyncio.create_task(port.asked("/settings", wait=gate)) for _ in range(MOST_CONNECTIONS)]
        await asyncio.sleep(0)
        ninth = await port.asked("/settings")
        gate.set()
        return [ninth, *(await asyncio.gather(*waiting)), await port.asked("/settings")]

    ninth, *others = asyncio.run(main())
    assert (ninth.code, ninth.body.decode(), ninth.headers["connection"]) == (503, BUSY, "close")
    assert ninth.headers["content-type"].startswith("text/plain")
    assert {got.code for got in others} == {200}


ASKED = b"GET /settings HTTP/1.1\r\nHost: box\r\n\r\n"
TOLD = b"POST /settings?mode=1 HTTP/1.1\r\nHost: box\r\n\r\n"


class Wire:
    """A connection that somebody leaves open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, bound: Bound) -> Wire:
        return cls(*await asyncio.open_connection(bound.host, bound.port))

    async def ask(self, request: bytes = ASKED) -> bytes:
        """Return head and body of an answer in pieces, or of one after which the server hangs up; nothing of none."""
        self._writer.write(request)
        async with asyncio.timeout(WITHIN_S):
            got = b""
            while not got.endswith(b"0\r\n\r\n") and (more := await self._reader.read(65536)):
                got += more
            return got

    async def ended(self) -> bytes:
        """Return what still comes until the server hangs up."""
        async with asyncio.timeout(WITHIN_S):
            return await self._reader.read()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def test_idle_connections_count_as_the_device_counts_them() -> None:
    """Eight that are kept open and ask nothing are all that a ninth needs to be turned away, and a tenth gets no word."""

    async def main() -> None:
        port = Port()
        door = Listener(app=port.app, host="127.0.0.1", port=0, most_connections=MOST_ACCEPTED)
        async with serving([door]) as (bound,):
            eight = [await Wire.to(bound) for _ in range(MOST_CONNECTIONS)]
            for wire in (eight[0], eight[-1], eight[0]):
                assert (await wire.ask()).startswith(b"HTTP/1.1 200 ")
            ninth = await Wire.to(bound)
            busy = await ninth.ask(TOLD)
            head, _, body = busy.partition(b"\r\n\r\n")
            assert (head.split(b"\r\n")[0], body) == (b"HTTP/1.1 503 Service Unavailable", BUSY.encode())
            assert b"connection: close" in head.lower()
            assert b"content-type: text/plain" in head.lower()
            assert await ninth.ended() == b""
            assert port.state.setup.mode is Mode.OFF, "it did nothing"
            await ninth.close()
            # with nine of them open, who was there before is turned away too, and the next is closed without a word
            assert (await eight[1].ask()).startswith(b"HTTP/1.1 200 ")
            ninth, tenth = await Wire.to(bound), await Wire.to(bound)
            assert await tenth.ended() == b""
            assert (await eight[2].ask()).startswith(b"HTTP/1.1 503 ")
            for wire in (*eight, ninth, tenth):
                await wire.close()
            is_free = False
            while not is_free:  # as soon as the server has seen who has hung up
                wire = await Wire.to(bound)
                is_free = (await wire.ask()).startswith(b"HTTP/1.1 200 ")
                await wire.close()

    asyncio.run(main())


def test_a_simulated_box_is_served_to_as_many() -> None:
    async def main() -> None:
        live = LiveSmartEvse(lambda: AT)
        async with serving([listener_of(live, 0)]) as (bound,):
            wires = [await Wire.to(bound) for _ in range(MOST_ACCEPTED + 1)]
            assert await wires[-1].ended() == b""
            assert (await wires[0].ask()).endswith(BUSY.encode())
            for wire in wires:
                await wire.close()

    asyncio.run(main())


def test_too_long_a_query_is_not_read() -> None:
    port = Port()
    assert port.ask("/settings", "mode=1&x=" + "y" * MOST_QUERY_BYTES, "POST").code == 414
    assert port.state.setup.mode is Mode.OFF


def test_a_page_of_another_site_changes_nothing_unless_it_is_the_device() -> None:
    foreign = {"sec_fetch_site": "cross-site"}
    guarded = Port(manners=Manners())
    assert guarded.ask("/settings", "mode=1", "POST", **foreign).code == 403
    assert guarded.state.setup.mode is Mode.OFF
    assert guarded.ask("/settings", "mode=1", "POST").code == 200
    assert Port().ask("/settings", "mode=1", "POST", **foreign).code == 200


@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    st.sampled_from(["/settings", "/currents", "/ev_meter", "/color_off", "/cablelock", "/rfid", "/x"]),
    st.binary(max_size=80),
)
def test_any_query_is_answered(method: str, path: str, query: bytes) -> None:
    got = Port().ask(path, query, method)
    assert got.code in {200, 404}
    if got.code == 200:
        json.loads(got.body)
