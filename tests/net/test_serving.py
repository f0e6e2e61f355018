"""Serving several apps: clean start, clean stop, and mistakes that a person can read."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import closing

import httpx2
import pytest
from tests.loopback import WITHIN_S

from sunbox.errors import ListenError
from sunbox.net import serving as net_serving
from sunbox.net.http import make_client
from sunbox.net.serving import KEEP_ALIVE_S, Bound, Listener, open_connections_of, serving
from sunbox.simulator.clock import ScaledTimeLoop, run_in


def says(word: str):
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(word))]})
        await send({"type": "http.response.body", "body": word.encode()})

    return app


async def streams(scope, receive, send) -> None:
    """Send a piece every 10 ms for ever, as a page's live view does."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"piece\n", "more_body": True})
        await asyncio.sleep(0.01)


def free(word: str = "x", host: str = "127.0.0.1") -> Listener:
    return Listener(app=says(word), host=host, port=0)


async def fetch(bound: Bound) -> str:
    async with make_client(bound.url) as client:
        return (await client.get("/")).text


def test_serves_several_apps_and_tells_their_ports() -> None:
    async def main() -> None:
        async with serving([free("one"), free("two")]) as (one, two):
            assert one.port != two.port
            assert [await fetch(one), await fetch(two)] == ["one", "two"]
        with pytest.raises(httpx2.ConnectError):
            await fetch(one)

    asyncio.run(main())


def test_port_can_be_taken_again_at_once() -> None:
    async def main() -> None:
        async with serving([free()]) as (bound,):
            await fetch(bound)
        again = Listener(app=says("again"), host=bound.host, port=bound.port)
        async with serving([again]) as (second,):
            assert await fetch(second) == "again"

    asyncio.run(main())


def test_keeps_the_port_where_body_fails_and_raises_its_error_bare() -> None:
    async def main() -> None:
        async with serving([free()]):
            raise ValueError("the body's own")

    with pytest.raises(ValueError, match="the body's own"):
        asyncio.run(main())


def test_cancellation_ends_serving_cleanly() -> None:
    async def main() -> None:
        began = asyncio.Event()
        bounds: list[Bound] = []

        async def run() -> None:
            async with serving([free("still")]) as bound:
                bounds.extend(bound)
                began.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(run())
        await began.wait()
        async with make_client(bounds[0].url) as client:
            assert (await client.get("/")).text == "still"  # leaves an idle connection open
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(httpx2.ConnectError):
                await client.get("/")

    asyncio.run(main())


async def waits(scope, receive, send) -> None:
    """Wait for ever and look at nothing, as a request does that waits for the car."""
    await asyncio.Event().wait()


def telling(app):
    """Return an app and what is set once it was asked."""
    was_asked = asyncio.Event()

    async def asked(scope, receive, send) -> None:
        was_asked.set()
        await app(scope, receive, send)

    return asked, was_asked


async def watches(scope, receive, send) -> None:
    """Send pieces until the client is gone."""
    await receive()
    gone = asyncio.ensure_future(receive())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while not gone.done():
        await send({"type": "http.response.body", "body": b"piece\n", "more_body": True})
        await asyncio.wait([gone], timeout=0.01)


async def finishes(scope, receive, send) -> None:
    """Answer after a moment."""
    await asyncio.sleep(0.05)
    await says("finished")(scope, receive, send)


@pytest.mark.parametrize(("app", "has_begun"), [(streams, True), (watches, True), (waits, False)])
def test_an_endless_answer_does_not_hold_the_end_up(app, has_begun: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        door, was_asked = telling(app)
        async with asyncio.timeout(WITHIN_S), serving([Listener(app=door, host="127.0.0.1", port=0)]) as (bound,):
            reader, writer = await asyncio.open_connection(bound.host, bound.port)
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await (reader.readuntil(b"piece\n") if has_begun else was_asked.wait())
        writer.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert caplog.text == ""


def test_an_answer_under_way_is_finished(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_serving, "GRACE_S", WITHIN_S)

    async def main() -> bytes:
        door, was_asked = telling(finishes)
        async with serving([Listener(app=door, host="127.0.0.1", port=0)]) as (bound,):
            reader, writer = await asyncio.open_connection(bound.host, bound.port)
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await was_asked.wait()
        answer = await reader.read()
        writer.close()
        return answer

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(main()).endswith(b"finished")
    assert caplog.text == ""


def test_signals_are_left_alone() -> None:
    import signal

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    async def main() -> None:
        async with serving([free()]):
            assert (signal.getsignal(signal.SIGTERM)) == before[1]

    asyncio.run(main())
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("127.0.0.1", 70_000, "allowed are ports from 1 to 65535"),
        ("192.0.2.77", 0, "no such address"),
        ("no-such-host.invalid", 0, "host name is unknown"),
    ],
)
def test_addresses_that_cannot_be_served_say_why(host: str, port: int, words: str, monkeypatch) -> None:
    real = socket.getaddrinfo

    def without_dns(name, *args, **kwargs):
        if name.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", without_dns)

    async def main() -> None:
        async with serving([Listener(app=says("x"), host=host, port=port)]):
            pytest.fail("it serves")

    with pytest.raises(ListenError, match=words) as caught:
        asyncio.run(main())
    assert f"cannot serve on {host} port {port}" in str(caught.value)


def test_every_taken_port_is_named_and_none_is_left_bound() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as one, closing(socket.create_server(("127.0.0.1", 0))) as two:
        ports = [one.getsockname()[1], two.getsockname()[1]]

        async def main() -> int:
            listeners = [Listener(app=says("x"), host="127.0.0.1", port=port) for port in ports]
            async with serving([free(), *listeners]):
                pytest.fail("it serves")

        with pytest.raises(ListenError) as caught:
            asyncio.run(main())
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    for line, port in zip(lines, ports, strict=True):
        assert f"port {port}: another program uses it" in line
        assert "choose another port" in line


def test_localhost_serves_both_families_on_one_free_port() -> None:
    async def main() -> None:
        async with serving([free("home", "localhost")]) as (bound,):
            assert await fetch(bound) == "home"

    asyncio.run(main())


def test_connections_survive_on_a_fast_clock() -> None:
    """At 2,000-fold speed 20 ms of wall are 40 s: idle connections must not be closed for that."""
    speed = 2000.0

    async def main() -> int:
        async with serving([free("fast")], speed=speed) as (bound,):
            reader, writer = await asyncio.open_connection(bound.host, bound.port)
            for _ in range(3):
                writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                answer = await reader.readuntil(b"fast")
                assert answer.startswith(b"HTTP/1.1 200")
                assert b"date:" in answer.lower()
                await asyncio.sleep(100)
            writer.close()
            return 3

    assert run_in(lambda: ScaledTimeLoop(speed), main()) == 3


async def counts(scope, receive, send) -> None:
    """Say how many connections are open."""
    await says(str(open_connections_of(scope)))(scope, receive, send)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Return the body of an answer."""
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))


def test_apps_know_how_many_connections_are_open_and_more_than_allowed_are_closed() -> None:
    async def main() -> None:
        door = Listener(app=counts, host="127.0.0.1", port=0, most_connections=2)
        async with serving([door, free("any")]) as (few, any_number), asyncio.timeout(WITHIN_S):
            wires = [await asyncio.open_connection(few.host, few.port) for _ in range(2)]
            for wire in reversed(wires):  # who came last first: when it is answered, all have been let in
                assert await ask(*wire) == b"2"
            reader, writer = await asyncio.open_connection(few.host, few.port)
            assert await reader.read() == b"", "one too many is closed without a word"
            for _, each in (*wires, (reader, writer)):
                each.close()
            many = [await asyncio.open_connection(any_number.host, any_number.port) for _ in range(12)]
            for wire in many:
                assert await ask(*wire) == b"any"
                wire[1].close()

    asyncio.run(main())


def test_who_takes_a_place_and_never_asks_loses_it() -> None:
    speed = 300.0

    async def main() -> float:
        loop = asyncio.get_running_loop()
        door = Listener(app=counts, host="127.0.0.1", port=0, most_connections=1)
        async with serving([door]) as (bound,), asyncio.timeout(WITHIN_S * speed):
            began_s = loop.time()
            reader, writer = await asyncio.open_connection(bound.host, bound.port)
            assert await reader.read() == b""
            writer.close()
            return loop.time() - began_s

    assert run_in(lambda: ScaledTimeLoop(speed), main()) >= KEEP_ALIVE_S


def test_addresses_read_as_people_type_them() -> None:
    assert Bound(host="::1", port=5000).url == "http://[::1]:5000"
    assert Bound(host="0.0.0.0", port=5000).url == "http://0.0.0.0:5000"  # noqa: S104 - only text
