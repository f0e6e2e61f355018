"""The certificate of a simulated gateway is one: TLS libraries take it from those who trust it, and from nobody else."""

from __future__ import annotations

import asyncio
import ssl
import threading
from pathlib import Path

import httpx2
import pytest

from sunbox.dialects.tesla.keys import der, der_int, sign
from sunbox.net.http import trusting
from sunbox.net.serving import Listener, serving
from sunbox.simulator.certificate import self_signed, server_context

HOSTS = ("localhost", "127.0.0.1")


async def app(scope: object, receive: object, send: object) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"ok"})  # type: ignore[operator]


def ask(verify: ssl.SSLContext, name: str = "127.0.0.1") -> int:
    """Serve, and ask once."""
    told: dict[str, int] = {}

    async def main() -> None:
        tls = server_context("Gateway", HOSTS, seed=1)
        async with serving([Listener(app=app, host="127.0.0.1", port=0, tls=tls)]) as (bound,):
            assert bound.url.startswith("https://127.0.0.1:")
            async with httpx2.AsyncClient(verify=verify, trust_env=False) as client:
                told["status"] = (await client.get(bound.url.replace("127.0.0.1", name))).status_code

    asyncio.run(main())
    assert threading.active_count() >= 1
    return told["status"]


def test_whoever_trusts_it_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "gateway.pem"
    path.write_text(self_signed("Gateway", HOSTS, seed=1)[1])
    assert ask(trusting(path)) == 200
    assert ask(trusting(path), "localhost") == 200


def test_nobody_else_trusts_it(tmp_path: Path) -> None:
    path = tmp_path / "other.pem"
    path.write_text(self_signed("Gateway", HOSTS, seed=2)[1])
    for context in (ssl.create_default_context(), trusting(path)):
        with pytest.raises(httpx2.ConnectError):
            ask(context)


def test_the_same_seed_gives_the_same() -> None:
    assert self_signed("a", HOSTS, 3) == self_signed("a", HOSTS, 3)
    assert self_signed("a", HOSTS, 3) != self_signed("a", HOSTS, 4)


def test_a_signature_is_that_of_the_standard() -> None:
    # RFC 6979, A.2.5: SHA-256, message "sample"
    private = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    nonce = 0xA6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60
    r = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
    s = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
    assert sign(private, b"sample", nonce) == der(0x30, der_int(r), der_int(s))


@pytest.mark.parametrize(("size", "head"), [(0, "0400"), (127, "047f"), (128, "048180"), (256, "04820100")])
def test_lengths_are_written_as_short_as_they_can_be(size: int, head: str) -> None:
    assert der(0x04, bytes(size))[: -size or None].hex() == head
