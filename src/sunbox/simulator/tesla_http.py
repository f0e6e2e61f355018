"""HTTP around simulated Teslas: answers as responses, answers that never come, latency, and bodies that are no JSON."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from sunbox.simulator.faults import Reply


class LostReply(Response):
    """An answer that never comes: the connection hangs until the client gives up, then breaks off."""

    def __init__(self, hang_s: float) -> None:
        super().__init__(status_code=200)
        self._hang_s = hang_s

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Wait for the client to go away."""
        try:
            async with asyncio.timeout(self._hang_s):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            # A promised body that does not come makes any server cut the connection.
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


async def pass_time(seconds: float) -> None:
    """Let time pass."""
    if seconds > 0:
        await asyncio.sleep(seconds)


def response_of(reply: Reply) -> Response:
    """Return a reply as a response: a text as it is (a page if it looks like one), anything else as JSON."""
    headers = dict(reply.headers)
    if isinstance(reply.body, str):
        media_type = "text/html" if reply.body.startswith("<") else "text/plain"
        return PlainTextResponse(reply.body, status_code=reply.status, headers=headers, media_type=media_type)
    return JSONResponse(reply.body, status_code=reply.status, headers=headers)


def json_of(raw: bytes) -> Any:
    """Return the JSON document of a body.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(raw)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
