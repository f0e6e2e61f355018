"""Requests to one go-eCharger over HTTP: one at a time, at most one a second, whoever asks; answers as values.

The body is read before the code, and a failure says whether the device may have done what it was told.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

import httpx2

from sunbox.core.commands import Cause
from sunbox.dialects.goe.answers import (
    SWITCH_ON_V1,
    SWITCH_ON_V2,
    Trouble,
    filter_to_wire,
    is_as_told,
    payload_to_wire,
    results_from_answer,
    settings_to_wire,
    status_from_answer,
)
from sunbox.dialects.goe.keys import NEWEST, Firmware, Json
from sunbox.dialects.goe.legacy import SETTABLE, setting_to_legacy, status_from_legacy
from sunbox.dialects.goe.quirks import NO_QUIRKS, Quirk, quirks_of
from sunbox.dialects.goe.table import BY_NAME
from sunbox.dialects.goe.wire import Status
from sunbox.drivers.exchange import Failed, Pace, exchanged
from sunbox.drivers.goe.settings import GoeChargerSettings
from sunbox.net.http import ClientFactory

GAP_S = 1.0
"""At least so long from one request to the next: more of them make real ones hang (evcc 2644)."""

AGAIN_S = 600.0
"""How often it is looked whether v2 was switched on, while v1 answers."""


MOST_KEPT = 8
"""So many requests are kept ready: the same one is sent 17,000 times a day."""


class Link(Protocol):
    """A way to a charger."""

    @property
    def firmware(self) -> Firmware | None:
        """Return the firmware, None as long as it has not said."""
        ...

    @property
    def quirks(self) -> frozenset[Quirk]:
        """Return the quirks of the device."""
        ...

    @property
    def name(self) -> str:
        """Return what people call this way."""
        ...

    def can_set(self, name: str) -> bool:
        """Return whether a key with a row can be set by this way."""
        ...

    async def read(self, names: Iterable[str] = ()) -> Status | Failed:
        """Read some keys, or all of them."""
        ...

    async def set(self, values: Mapping[str, str]) -> dict[str, str | None] | Failed:
        """Set keys to JSON texts; return by key None where it was taken, else the device's words."""
        ...

    def is_as_told(self, status: Status, name: str, value: Json) -> bool | None:
        """Return whether a key reads as it was set, None if that is not told."""
        ...

    async def close(self) -> None:
        """Release the connection."""
        ...


_CAUSES: dict[Trouble, Cause] = {
    Trouble.BUSY: Cause.BUSY,
    Trouble.SWITCHED_OFF: Cause.NOT_FOUND,
    Trouble.FAILED: Cause.SERVER_ERROR,
    Trouble.FORBIDDEN: Cause.FORBIDDEN,
    Trouble.MOVED: Cause.BAD_ANSWER,
    Trouble.STRANGE: Cause.BAD_ANSWER,
}

_UNTOUCHED = frozenset({Trouble.BUSY, Trouble.SWITCHED_OFF, Trouble.FORBIDDEN, Trouble.MOVED})
"""Answers after which nothing was done for certain."""


class HttpLink:
    """The HTTP APIs of one charger."""

    def __init__(self, settings: GoeChargerSettings, clients: ClientFactory) -> None:
        self._settings = settings
        self._clients = clients
        self._client: httpx2.AsyncClient | None = None
        self._requests: dict[str, httpx2.Request] = {}
        self._pace = Pace(GAP_S)
        self._v1_until_s = float("inf") if settings.api == "v1" else 0.0
        self._firmware: Firmware | None = None
        self._typ = ""
        self._quirks = NO_QUIRKS

    @property
    def firmware(self) -> Firmware | None:
        """Return the firmware, None as long as it has not said."""
        return self._firmware

    @property
    def quirks(self) -> frozenset[Quirk]:
        """Return the quirks of the device."""
        return self._quirks

    @property
    def name(self) -> str:
        """Return what people call this way."""
        return "HTTP API v1" if self._is_v1 else "HTTP API v2"

    @property
    def _is_v1(self) -> bool:
        return asyncio.get_running_loop().time() < self._v1_until_s

    async def read(self, names: Iterable[str] = ()) -> Status | Failed:
        """Read some keys, or all of them. Where v2 is switched off, v1 is read instead, if the owner allows."""
        wanted = tuple(names)
        if self._is_v1:
            found = await self._read_v1()
            if isinstance(found, Failed) and found.cause is Cause.NOT_FOUND and self._settings.api == "auto":
                self._v1_until_s = 0.0
            return self._noted(found)
        found = await self._read_v2(wanted)
        if not isinstance(found, Failed) or found.cause is not Cause.NOT_FOUND or self._settings.api == "v2":
            return self._noted(found)
        older = await self._read_v1()
        if isinstance(older, Failed):
            return found
        self._v1_until_s = asyncio.get_running_loop().time() + AGAIN_S
        return self._noted(older)

    def can_set(self, name: str) -> bool:
        """Return whether a key with a row can be set by this way."""
        return name in SETTABLE if self._is_v1 else BY_NAME[name].is_writable(self._firmware or NEWEST)

    async def set(self, values: Mapping[str, str]) -> dict[str, str | None] | Failed:
        """Set keys to JSON texts; return by key None where it was taken, else the device's words."""
        if self._is_v1:
            return await self._set_v1(values)
        answer = await self._get("/api/set?" + settings_to_wire(values), is_set=True)
        if isinstance(answer, Failed):
            return answer
        found = results_from_answer(answer.status_code, answer.content, values)
        return self._in_trouble(found, answer, SWITCH_ON_V2, is_set=True) if isinstance(found, Trouble) else found

    def is_as_told(self, status: Status, name: str, value: Json) -> bool | None:
        """Return whether a key reads as it was set, None if that is not told."""
        if not self._is_v1:
            return is_as_told(status, name, value)
        found = setting_to_legacy(name, value, self._firmware)
        return None if found is None else found.is_told_by(status)

    async def close(self) -> None:
        """Release the connection."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _read_v2(self, wanted: tuple[str, ...]) -> Status | Failed:
        found = await self._read_filtered(wanted)
        is_helpless = isinstance(found, Failed) and found.cause in (Cause.BAD_ANSWER, Cause.SERVER_ERROR)
        if is_helpless and wanted and self._firmware is None:
            # firmware until 051.3 does not know this form of a filter; all keys tell what it is
            whole = await self._read_filtered(())
            return found if isinstance(whole, Failed) else whole
        return found

    async def _read_filtered(self, wanted: tuple[str, ...]) -> Status | Failed:
        answer = await self._get(_status_target(wanted, self._quirks))
        if isinstance(answer, Failed):
            return answer
        found = status_from_answer(answer.status_code, answer.content, wanted)
        return self._in_trouble(found, answer, SWITCH_ON_V2) if isinstance(found, Trouble) else found

    async def _read_v1(self) -> Status | Failed:
        answer = await self._get("/status")
        if isinstance(answer, Failed):
            return answer
        found = status_from_answer(answer.status_code, answer.content)
        if isinstance(found, Trouble):
            return self._in_trouble(found, answer, SWITCH_ON_V1)
        return status_from_legacy(found.raw)

    async def _set_v1(self, values: Mapping[str, str]) -> dict[str, str | None] | Failed:
        """Set key by key: what v1 answers is its status, which is compared by the reader."""
        results: dict[str, str | None] = {}
        for name, text in values.items():
            setting = setting_to_legacy(name, text, self._firmware)
            if setting is None:
                results[name] = f"{name}: API v1 cannot set it; {SWITCH_ON_V2}"
                continue
            answer = await self._get("/mqtt?" + payload_to_wire(setting.key, setting.value), is_set=True)
            if isinstance(answer, Failed):
                return answer
            found = status_from_answer(answer.status_code, answer.content)
            if isinstance(found, Trouble):
                return self._in_trouble(found, answer, SWITCH_ON_V1, is_set=True)
            results[name] = None
        return results

    def _noted(self, found: Status | Failed) -> Status | Failed:
        if isinstance(found, Status):
            typ = found.raw.get("typ")
            firmware, typ = found.firmware or self._firmware, typ if isinstance(typ, str) else self._typ
            if (firmware, typ) != (self._firmware, self._typ):
                self._firmware, self._typ = firmware, typ
                self._quirks = quirks_of(firmware, typ)
        return found

    async def _get(self, target: str, *, is_set: bool = False) -> httpx2.Response | Failed:
        return await exchanged(lambda: self._exchange(target), self._pace, is_set=is_set)

    async def _exchange(self, target: str) -> httpx2.Response:
        if self._client is None:
            parts = urlsplit(self._settings.url or "")
            self._client = self._clients(f"{parts.scheme}://{parts.netloc}")
            self._requests.clear()
        request = self._requests.get(target)
        if request is None:
            request = self._client.build_request("GET", f"{self._settings.url}{target}")
            request.extensions["timeout"] = httpx2.Timeout(self._settings.timeout_s).as_dict()
            request.extensions["total_s"] = self._settings.timeout_s
            if len(self._requests) >= MOST_KEPT:
                self._requests.clear()
            self._requests[target] = request
        return await self._client.send(request)

    def _in_trouble(self, trouble: Trouble, answer: httpx2.Response, switch_on: str, *, is_set: bool = False) -> Failed:
        code = answer.status_code
        words = {
            Trouble.BUSY: "it is busy",
            Trouble.SWITCHED_OFF: f"its API is switched off: {switch_on}",
            Trouble.FAILED: f"it answers {code}: {_begin_of(answer)}",
            Trouble.FORBIDDEN: f"it answers {code}; its API has no password: is there something in between?",
            Trouble.MOVED: f"it answers {code} and points elsewhere; write the address that answers itself as `url`",
            Trouble.STRANGE: f"what answers ({code}) is no go-eCharger, or its answer was cut off: {_begin_of(answer)}",
        }
        return Failed(cause=_CAUSES[trouble], detail=words[trouble], is_maybe_done=is_set and trouble not in _UNTOUCHED)


@functools.lru_cache(maxsize=MOST_KEPT)
def _status_target(wanted: tuple[str, ...], quirks: frozenset[Quirk]) -> str:
    query = filter_to_wire(wanted, quirks)
    return f"/api/status?{query}" if query else "/api/status"


def _begin_of(answer: httpx2.Response) -> str:
    """Return the first words of an answer, printable."""
    text = answer.content[:80].decode("utf-8", "replace")
    return repr("".join(char if char.isprintable() else " " for char in text).strip())
