"""The password before the faces of a port: who does not know it sees that something is alive here, and nothing else.

Guessing is slow: each wrong password makes the next guess from the same address wait longer, up to `LONGEST_DELAY_S`, and
guesses made at the same time wait for each other. The same wrong password again is no guess, so a program with an
outdated one is refused at once and slows nobody down.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import secrets
from collections import OrderedDict
from copy import copy
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sunbox.faces.answer import json_answer

HEALTH = "/healthz"

FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 8.0
FORGET_S = 600.0
"""After so long without a wrong password an address begins anew."""

MOST_WAITING = 8
"""Guesses that may wait per address; further ones are turned away unread."""

MOST_ADDRESSES = 1024
"""Of how many addresses wrong passwords are remembered; beyond, the one that was quiet longest is forgotten."""

MOST_WRONG = 4
"""How many wrong passwords of an address are recognised when they come again."""

_CHALLENGE = {"www-authenticate": 'Basic realm="sunbox", charset="UTF-8"'}
_ALLOWED = "HTTP Basic with any user name and the password of `faces.password`, or `Authorization: Bearer <password>`"


@dataclass(slots=True)
class _Guesser:
    """What an address has tried."""

    count: int = 0
    free_at_s: float = 0.0  #: loop time from which the next guess is looked at
    waiting: int = 0
    wrong: list[bytes] = field(default_factory=list)  #: digests, newest last


class Guard:
    """Lets requests through to `app` that carry the password (ASGI)."""

    def __init__(self, app: ASGIApp, password: str) -> None:
        self._app = app
        self._key = secrets.token_bytes(32)  # digests of one process say nothing about a password
        self._right = self._digest(password.encode())
        self._guessers: OrderedDict[str, _Guesser] = OrderedDict()

    def beside(self, app: ASGIApp) -> Guard:
        """Return the same guard before another app: what is guessed at one port slows guesses at all of them."""
        twin = copy(self)
        twin._app = app  # noqa: SLF001 - its own class
        return twin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = await self._judge(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif _is_health(scope) and "authorization" not in Headers(scope=scope):
            await self._tell_status(scope, receive, send)
        else:
            await refusal(scope, receive, send)

    async def _judge(self, scope: Scope) -> Response | None:
        """Return why a request is turned away, None if it may pass."""
        told = Headers(scope=scope).get("authorization")
        if told is None:
            return _refusal("a password is needed")
        password = password_from_header(told)
        if password is None:
            return _refusal("this is neither HTTP Basic nor a Bearer token")
        digest = self._digest(password)
        guesser = self._guesser(_address(scope))
        if digest in guesser.wrong:
            return _refusal("the password is wrong")
        if not await _wait_for_turn(guesser):
            return json_answer(
                429,
                {"error": "too many wrong passwords from this address", "allowed": "wait, then one at a time"},
                {"retry-after": f"{LONGEST_DELAY_S:.0f}"},
            )
        if hmac.compare_digest(digest, self._right):
            return None
        now_s = asyncio.get_running_loop().time()
        if now_s - guesser.free_at_s > FORGET_S:
            guesser.count = 0
        guesser.free_at_s = now_s + min(FIRST_DELAY_S * 2.0 ** min(guesser.count, 30), LONGEST_DELAY_S)
        guesser.count += 1
        guesser.wrong = [*guesser.wrong, digest][-MOST_WRONG:]
        self._keep(_address(scope), guesser)
        return _refusal("the password is wrong")

    def _guesser(self, address: str) -> _Guesser:
        """Return what is known of an address; nothing is kept of one that never was wrong."""
        return self._guessers.get(address) or _Guesser()

    def _keep(self, address: str, guesser: _Guesser) -> None:
        self._guessers[address] = guesser
        self._guessers.move_to_end(address)
        while len(self._guessers) > MOST_ADDRESSES:
            self._guessers.popitem(last=False)

    def _digest(self, password: bytes) -> bytes:
        return hmac.new(self._key, password, hashlib.sha256).digest()

    async def _tell_status(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the code and the one word of the health: enough for whoever watches over processes."""
        code = 503
        body = b""

        async def take(message: Message) -> None:
            nonlocal code, body
            if message["type"] == "http.response.start":
                code = message["status"]
            else:
                body += message.get("body", b"")

        await self._app(scope, receive, take)
        await json_answer(code, {"status": json.loads(body).get("status")})(scope, receive, send)


async def _wait_for_turn(guesser: _Guesser) -> bool:
    """Wait until the next guess of an address may be looked at; False if too many wait already."""
    loop = asyncio.get_running_loop()
    if guesser.free_at_s <= loop.time():
        return True
    if guesser.waiting >= MOST_WAITING:
        return False
    guesser.waiting += 1
    try:
        # again after each wait: of those who waited together, the first may have been wrong
        while (delay_s := guesser.free_at_s - loop.time()) > 0:  # noqa: ASYNC110 - an instant, not a state, is awaited
            await asyncio.sleep(delay_s)
    finally:
        guesser.waiting -= 1
    return True


def password_from_header(told: str) -> bytes | None:
    """Return the password that an `Authorization` header carries, None if it is no header of ours."""
    scheme, _, rest = told.partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return rest.encode("latin-1")  # as it came: header values are bytes
    if scheme.lower() != "basic":
        return None
    try:
        _user, colon, password = base64.b64decode(rest, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return password if colon else None


def _refusal(error: str) -> Response:
    return json_answer(401, {"error": error, "allowed": _ALLOWED}, _CHALLENGE)


def _is_health(scope: Scope) -> bool:
    path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
    return path in (HEALTH, HEALTH + "/") and scope["method"] in ("GET", "HEAD")


def _address(scope: Scope) -> str:
    """Return who asks; of an IPv6 address the network, because a machine there has as many addresses as it likes."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if address.version == 6:
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)
