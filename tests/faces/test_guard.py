"""Nobody gets through without the password, and guessing it is slow. In virtual time."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from wallbox_double import WallboxDouble

from sunbox.app import serving_faces
from sunbox.config.loader import FacesConfig
from sunbox.faces.guard import (
    FIRST_DELAY_S,
    FORGET_S,
    LONGEST_DELAY_S,
    MOST_ADDRESSES,
    MOST_WAITING,
    Guard,
    password_from_header,
)
from sunbox.faces.main import create_main_app
from sunbox.simulator.clock import VirtualTimeLoop, run_in

PASSWORD = "sun & shade ☀: 8"


def basic(password: str, user: str = "") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Door:
    """A guarded app, and clients at any address before it."""

    def __init__(self, app: Any = None) -> None:
        self.guard = Guard(app or create_main_app(WallboxDouble()), PASSWORD)

    async def ask(
        self,
        path: str = "/api/v1/site",
        told: str | None = None,
        at: str = "192.0.2.7",
        method: str = "GET",
        **how: Any,
    ) -> httpx2.Response:
        transport = httpx2.ASGITransport(self.guard, client=(at, 40000))
        headers = {} if told is None else {"authorization": told.encode()}
        async with httpx2.AsyncClient(transport=transport, base_url="http://gateway:5000") as client:
            return await client.request(method, path, headers=headers, **how)


def live(main: Callable[[], Awaitable[None]]) -> None:
    run_in(VirtualTimeLoop, main())  # type: ignore[arg-type]


async def timed(asking: Awaitable[httpx2.Response]) -> tuple[int, float]:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    return (await asking).status_code, loop.time() - began_s


@pytest.mark.parametrize(
    "told", [basic(PASSWORD), basic(PASSWORD, "ada"), f"Bearer {PASSWORD}", f"bearer   {PASSWORD} "]
)
@pytest.mark.parametrize("path", ["/", "/ui/app.js", "/api/v1/site", "/tlwb/1/status", "/healthz"])
def test_the_password_opens_everything(told: str, path: str) -> None:
    async def main() -> None:
        assert (await Door().ask(path, told)).status_code == 200

    live(main)


@pytest.mark.parametrize(
    "told",
    [
        None,
        "",
        PASSWORD,
        "Bearer",
        "Bearer wrong",
        f"Bearer {PASSWORD}x",
        f"Bearer {PASSWORD[:-1]}",
        f"Digest {PASSWORD}",
        "Basic",
        "Basic *",
        "Basic " + base64.b64encode(PASSWORD.encode().replace(b":", b"")).decode(),
        basic("", PASSWORD),
        basic(PASSWORD.upper()),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/tlwb/1/control?1"), ("GET", "/nothing")])
def test_whoever_does_not_know_it_gets_nothing(told: str | None, method: str, path: str) -> None:
    async def main() -> None:
        wallbox = WallboxDouble()
        answer = await Door(create_main_app(wallbox)).ask(path, told, method=method)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Basic realm="sunbox", charset="UTF-8"'
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert set(answer.json()) == {"error", "allowed"}
        assert wallbox.requests == []

    live(main)


def test_a_colon_may_stand_in_a_password() -> None:
    assert password_from_header(basic("a:b", "ada")) == b"a:b"


def test_the_health_without_a_password_is_one_word() -> None:
    async def main() -> None:
        door = Door()
        answer = await door.ask("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert set((await door.ask("/healthz", basic(PASSWORD))).json()) > {"status", "version", "problems"}
        assert (await door.ask("/healthz", basic("wrong"))).status_code == 401
        assert (await door.ask("/healthz", method="POST")).status_code == 401
        assert (await door.ask("/healthz/more")).status_code == 401

    live(main)


def test_the_health_of_a_broken_gateway_without_a_password() -> None:
    class Broken(WallboxDouble):
        def snapshot(self) -> Any:
            raise RuntimeError("broken")

    async def main() -> None:
        answer = await Door(create_main_app(Broken())).ask("/healthz")
        assert (answer.status_code, answer.json()) == (503, {"status": "failed"})

    live(main)


def test_each_wrong_password_makes_the_next_one_wait_longer() -> None:
    async def main() -> None:
        door = Door()
        took = [await timed(door.ask(told=basic(f"guess {number}"))) for number in range(8)]
        assert [code for code, _ in took] == [401] * 8
        expected = [0.0, *(min(FIRST_DELAY_S * 2**number, LONGEST_DELAY_S) for number in range(7))]
        assert [seconds for _, seconds in took] == pytest.approx(expected)
        # the right one waits too, and then there is nothing to wait for
        assert await timed(door.ask(told=basic(PASSWORD))) == (200, pytest.approx(LONGEST_DELAY_S))
        assert await timed(door.ask(told=basic(PASSWORD))) == (200, 0.0)

    live(main)


def test_guesses_at_the_same_time_wait_for_each_other() -> None:
    async def main() -> None:
        door = Door()
        most = MOST_WAITING + 6
        took = await asyncio.gather(*(timed(door.ask(told=basic(f"guess {number}"))) for number in range(most)))
        codes = [code for code, _ in took]
        assert (codes.count(401), codes.count(429)) == (1 + MOST_WAITING, most - 1 - MOST_WAITING)
        waited = sorted(seconds for code, seconds in took if code == 401)
        steps = [later - sooner for sooner, later in itertools.pairwise(waited)]
        assert steps == pytest.approx(
            [min(FIRST_DELAY_S * 2**number, LONGEST_DELAY_S) for number in range(MOST_WAITING)]
        )

    live(main)


def test_nobody_can_tell_the_right_password_by_its_speed() -> None:
    async def main() -> None:
        door = Door()
        await door.ask(told=basic("guess"))
        right, wrong = await asyncio.gather(
            timed(door.ask(told=basic(PASSWORD))), timed(door.ask(told=basic("another")))
        )
        assert right == (200, pytest.approx(FIRST_DELAY_S))
        assert wrong == (401, pytest.approx(FIRST_DELAY_S))

    live(main)


def test_an_outdated_password_slows_nobody_down() -> None:
    async def main() -> None:
        door = Door()
        await door.ask(told=basic("last year's"))
        await asyncio.sleep(1)
        for _ in range(50):
            assert await timed(door.ask(told=basic("last year's"))) == (401, 0.0)
            assert await timed(door.ask(told=basic(PASSWORD))) == (200, 0.0)

    live(main)


def test_who_asks_without_a_password_does_not_guess() -> None:
    async def main() -> None:
        door = Door()
        for _ in range(20):
            assert await timed(door.ask()) == (401, 0.0)
        assert await timed(door.ask(told=basic(PASSWORD))) == (200, 0.0)

    live(main)


def test_addresses_do_not_wait_for_each_other_but_a_network_is_one() -> None:
    async def main() -> None:
        door = Door()
        await door.ask(told=basic("wrong"), at="192.0.2.7")
        assert await timed(door.ask(told=basic(PASSWORD), at="192.0.2.8")) == (200, 0.0)
        assert (await timed(door.ask(told=basic(PASSWORD), at="::ffff:192.0.2.7")))[1] > 0
        await door.ask(told=basic("wrong"), at="2001:db8::1")
        assert (await timed(door.ask(told=basic("other"), at="2001:db8::ffff:2")))[1] > 0
        assert (await timed(door.ask(told=basic("other"), at="2001:db8:0:1::2")))[1] == 0.0

    live(main)


def test_an_address_is_forgiven_in_time() -> None:
    async def main() -> None:
        door = Door()
        for number in range(6):
            await door.ask(told=basic(f"guess {number}"))
        await asyncio.sleep(LONGEST_DELAY_S + FORGET_S + 1)
        await door.ask(told=basic("a slip"))
        assert await timed(door.ask(told=basic(PASSWORD))) == (200, pytest.approx(FIRST_DELAY_S))

    live(main)


def test_what_is_remembered_is_bounded() -> None:
    async def main() -> None:
        door = Door()
        for number in range(MOST_ADDRESSES + 50):
            await door.ask(told=basic("wrong"), at=f"198.18.{number // 250}.{number % 250}")
        assert len(door.guard._guessers) == MOST_ADDRESSES
        for number in range(20):
            await door.ask(told=basic(f"guess {number}"), at="192.0.2.7")
        assert len(door.guard._guessers["192.0.2.7"].wrong) < 10
        assert PASSWORD not in repr(vars(door.guard))

    live(main)


def test_the_servers_start_and_a_websocket() -> None:
    async def main() -> None:
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> dict[str, Any]:
            return {"type": "lifespan.shutdown"}

        door = Door()
        await door.guard({"type": "lifespan"}, receive, send)
        await door.guard({"type": "websocket", "path": "/healthz", "headers": []}, receive, send)
        assert sent == [{"type": "lifespan.shutdown.complete"}, {"type": "websocket.close", "code": 1008}]

    live(main)


@pytest.mark.parametrize(("password", "code"), [(None, 200), (PASSWORD, 401)])
def test_the_composition_puts_it_before_the_faces(password: str | None, code: int) -> None:
    from pydantic import SecretStr

    class Served:
        faces = FacesConfig(
            listen="127.0.0.1", port=0, password=None if password is None else SecretStr(password), by_name={}
        )

    async def main() -> None:
        async with (
            serving_faces(WallboxDouble(), Served()) as (main,),  # type: ignore[arg-type]
            httpx2.AsyncClient(base_url=main.bound.url, trust_env=False) as client,
        ):
            assert (await client.get("/api/v1/site")).status_code == code
            if password is not None:
                told = basic(password)
                assert (await client.get("/api/v1/site", headers={"authorization": told})).status_code == 200

    asyncio.run(main())
