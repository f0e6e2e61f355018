"""HTTP clients: bounded in time and size, quiet, and honest about whether a request may have arrived."""

from __future__ import annotations

import asyncio
import gzip
import logging
from datetime import UTC, datetime

import httpx2
import pytest

from sunbox import __version__
from sunbox.net.http import (
    MAX_ANSWER_BYTES,
    AnswerRefusedError,
    AppTransport,
    Timeouts,
    client_factory,
    describe,
    make_client,
    tls_context,
    was_sent,
)
from sunbox.net.serving import Listener, serving
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in

EPOCH = datetime(2026, 6, 1, tzinfo=UTC)


def answers(body: bytes, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()):
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body})

    return app


async def echoes(scope, receive, send) -> None:
    """Answer with what was asked."""
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            break
    lines = [f"{scope['method']} {scope['path']} {scope['query_string'].decode()}", body.decode()]
    lines += [f"{name.decode()}: {value.decode()}" for name, value in scope["headers"]]
    scope["path"] = "/spoilt"  # a router may do so; the next request must not see it
    await answers("\n".join(lines).encode())(scope, receive, send)


async def never_answers(scope, receive, send) -> None:
    await asyncio.Event().wait()


async def hangs_up(scope, receive, send) -> None:
    return


def test_in_process_and_loopback_requests_look_the_same() -> None:
    async def ask(client: httpx2.AsyncClient) -> list[str]:
        request = client.build_request("POST", "/a%20b?x=1;2", json={"n": 5})
        first, second = await client.send(request), await client.send(request)
        assert first.text == second.text
        return [line for line in first.text.splitlines() if not line.startswith("host:")]

    async def main() -> None:
        async with client_factory(apps={"http://127.0.0.1:5100/": echoes})("http://127.0.0.1:5100") as inside:
            in_process = await ask(inside)
        async with (
            serving([Listener(app=echoes, host="127.0.0.1", port=0)]) as (bound,),
            client_factory()(bound.url) as outside,
        ):
            assert await ask(outside) == in_process
        assert in_process[:2] == ["POST /a b x=1;2", '{"n":5}']
        assert f"user-agent: sunbox/{__version__}" in in_process
        assert "accept-encoding: identity" in in_process

    asyncio.run(main())


def test_only_the_named_origins_stay_in_process() -> None:
    async def main() -> None:
        factory = client_factory(apps={"http://127.0.0.1:1": answers(b"inside")})
        async with factory("http://127.0.0.1:1/prefix") as inside, factory("http://127.0.0.1:2") as outside:
            assert (await inside.get("/x")).text == "inside"
            with pytest.raises(httpx2.ConnectError) as caught:
                await outside.get("/x")
            assert not was_sent(caught.value)
            assert describe(caught.value).startswith("no connection")

    asyncio.run(main())


def test_no_answer_ends_after_the_time_allowed_and_may_have_been_sent() -> None:
    async def main() -> float:
        clock = LoopClock(EPOCH)
        async with make_client("http://x", transport=AppTransport(never_answers)) as client:
            with pytest.raises(httpx2.ReadTimeout) as caught:
                await client.get("/")
            assert was_sent(caught.value)
            assert describe(caught.value) == "no answer within the time allowed (15 s)"
        return (clock.now() - EPOCH).total_seconds()

    assert run_in(VirtualTimeLoop, main()) == pytest.approx(15.0)


def test_a_request_may_bring_its_own_time() -> None:
    async def main() -> float:
        clock = LoopClock(EPOCH)
        async with make_client("http://x", transport=AppTransport(never_answers)) as client:
            with pytest.raises(httpx2.ReadTimeout):
                await client.get("/", extensions={"total_s": 2.0})
        return (clock.now() - EPOCH).total_seconds()

    assert run_in(VirtualTimeLoop, main()) == pytest.approx(2.0)


def test_a_slow_trickle_ends_too() -> None:
    """Each piece comes within the read time-out; the whole does not."""

    async def trickles(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b".", "more_body": True})
            await asyncio.sleep(0.02)

    async def main(total_s: float) -> bool:
        factory = client_factory(timeouts=Timeouts(total_s=total_s))
        async with (
            serving([Listener(app=trickles, host="127.0.0.1", port=0)]) as (bound,),
            factory(bound.url) as client,
        ):
            with pytest.raises(httpx2.TransportError) as caught:
                await client.get("/")
            return isinstance(caught.value, httpx2.ReadTimeout) and was_sent(caught.value)

    # a slow machine may need longer to get as far as the first piece
    assert any(asyncio.run(main(total_s)) for total_s in (0.3, 3.0, 30.0))


def test_a_closed_connection_may_have_been_a_request() -> None:
    async def main() -> None:
        async with make_client("http://x", transport=AppTransport(hangs_up)) as client:
            with pytest.raises(httpx2.RemoteProtocolError) as caught:
                await client.get("/")
            assert was_sent(caught.value)
            assert describe(caught.value).startswith("the connection was closed before an answer came")

    asyncio.run(main())


@pytest.mark.parametrize("over_network", [False, True])
def test_too_long_an_answer_is_refused(over_network: bool) -> None:
    async def check(client: httpx2.AsyncClient) -> None:
        with pytest.raises(AnswerRefusedError, match="longer than") as caught:
            await client.get("/")
        assert caught.value.status == 200
        assert was_sent(caught.value)

    async def main() -> None:
        app = answers(b"x" * (MAX_ANSWER_BYTES + 1))
        if not over_network:
            async with make_client("http://x", transport=AppTransport(app)) as client:
                await check(client)
            return
        async with serving([Listener(app=app, host="127.0.0.1", port=0)]) as (bound,), make_client(bound.url) as client:
            await check(client)

    asyncio.run(main())


def test_an_answer_of_the_longest_length_is_taken() -> None:
    async def main() -> None:
        app = answers(b"x" * MAX_ANSWER_BYTES)
        async with serving([Listener(app=app, host="127.0.0.1", port=0)]) as (bound,), make_client(bound.url) as client:
            assert len((await client.get("/")).content) == MAX_ANSWER_BYTES

    asyncio.run(main())


def test_a_compressed_answer_is_refused_unpacked_by_nobody() -> None:
    async def main() -> None:
        bomb = answers(gzip.compress(b"0" * 10_000_000), headers=((b"content-encoding", b"gzip"),))
        async with (
            serving([Listener(app=bomb, host="127.0.0.1", port=0)]) as (bound,),
            make_client(bound.url) as client,
        ):
            with pytest.raises(AnswerRefusedError, match="compressed"):
                await client.get("/")

    asyncio.run(main())


def test_redirects_are_told_and_not_followed() -> None:
    async def main() -> None:
        app = answers(b"", status=302, headers=((b"location", b"http://elsewhere/"),))
        async with make_client("http://x", transport=AppTransport(app)) as client:
            assert (await client.get("/")).status_code == 302

    asyncio.run(main())


def test_nothing_of_a_request_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with make_client("http://x", transport=AppTransport(answers(b"body-secret"))) as client:
            await client.get("/path-secret?query-secret", headers={"authorization": "header-secret"})

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
    assert "secret" not in caplog.text


def test_one_tls_context_serves_all_and_plain_clients_trust_nobody() -> None:
    assert tls_context() is tls_context()

    async def main() -> None:
        async with make_client("http://127.0.0.1:9") as client:
            context = client._transport._inner._pool._ssl_context  # type: ignore[attr-defined]
            assert context is not tls_context()
            assert context.get_ca_certs() == []
            assert context.check_hostname
        async with make_client("https://127.0.0.1:9") as client:
            assert client._transport._inner._pool._ssl_context is tls_context()  # type: ignore[attr-defined]

    asyncio.run(main())


def test_time_outs_grow_with_the_speed_only_where_the_wall_would_be_too_short() -> None:
    ordinary = Timeouts()
    assert ordinary.at_speed(1) == ordinary
    assert ordinary.at_speed(3) == ordinary
    fast = ordinary.at_speed(600)
    assert (fast.connect_s, fast.total_s) == (600, 600)
    assert Timeouts(total_s=0.3).at_speed(1).total_s == pytest.approx(0.3)
