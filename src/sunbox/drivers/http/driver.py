"""Any meter that answers JSON over HTTP, polled for ever: free, so nobody has to ask for it.

Missing is never zero: what is not there, not a number, NaN or infinite is None; an answer without any number is a failure, and
so is one with an impossible number. A simulated day polls 8,640 times, so the request is built once and each quantity is
compiled to one row.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2

from sunbox.clock import Clock
from sunbox.core.commands import Cause, ReadKind
from sunbox.core.effects import Read, Send
from sunbox.core.events import CommandEnded, MeterRead, ReadFailed
from sunbox.core.model import MeterReading
from sunbox.core.settings import MeterSettings
from sunbox.drivers.base import Emit
from sunbox.drivers.exchange import refused_by_meter
from sunbox.drivers.http.path import JsonPath, look_up, path_from_text, path_to_text
from sunbox.drivers.http.settings import PHASES, QUANTITIES, HttpMeterSettings, Quantity
from sunbox.drivers.outage import Outage
from sunbox.errors import SunboxError
from sunbox.net.http import AnswerRefusedError, ClientFactory, describe, was_sent

MAX_POWER_W = 1e6
"""No house has a megawatt: a larger number is a wrong path or a wrong scale."""

MAX_CURRENT_A = 5000.0

PV_STANDBY_W = -100.0
"""An inverter may take so much at night, which counts as 0; a plant that takes more is measured with the wrong sign."""

LIMITS: dict[str, tuple[float, float]] = {
    "grid_w": (-MAX_POWER_W, MAX_POWER_W),
    "pv_w": (PV_STANDBY_W, MAX_POWER_W),
    "battery_w": (-MAX_POWER_W, MAX_POWER_W),
    "battery_soc_pct": (0.0, 100.0),
    **dict.fromkeys(PHASES, (-MAX_CURRENT_A, MAX_CURRENT_A)),
}

MS_FROM = 1e11
"""Seconds since 1970 reach this in the year 5138, so a larger instant is in milliseconds."""

CAUSES: dict[int, Cause] = {
    401: Cause.FORBIDDEN,
    403: Cause.FORBIDDEN,
    404: Cause.NOT_FOUND,
    429: Cause.RATE_LIMITED,
}

WHAT_TO_DO: dict[Cause, str] = {
    Cause.FORBIDDEN: "check `user`, `password` and `headers`",
    Cause.NOT_FOUND: "check the path in `url`",
    Cause.UNREACHABLE: "check the address, and that the meter is on and in this network",
    Cause.NO_ANSWER: "check the address, or allow more with `timeout_s`",
    Cause.BAD_ANSWER: "compare the paths with what the meter answers in a browser",
}


class BadAnswerError(Exception):
    """An answer that no reading can be made of; the text says why."""


class HttpMeterDriver:
    """One meter."""

    def __init__(
        self,
        meter: MeterSettings,
        settings: HttpMeterSettings,
        clients: ClientFactory,
        clock: Clock,
    ) -> None:
        self._meter = meter
        self._settings = settings
        self._clients = clients
        self._clock = clock
        self._delay = timedelta(seconds=meter.delay_s)
        self._rows = compile_rows(settings)
        self._time = None if settings.time is None else path_from_text(settings.time)
        self._outage = Outage(meter.id)
        self._client: httpx2.AsyncClient | None = None
        self._request: httpx2.Request | None = None

    @property
    def device_id(self) -> str:
        """Return the id of the meter in the configuration."""
        return self._meter.id

    async def run(self, emit: Emit) -> None:
        """Poll for ever, at fixed instants: how long an answer takes does not shift the next one.

        A meter behind a service that counts requests is only read when the core asks.
        """
        if self._meter.is_cloud:
            return
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            event = await self._poll()
            emit(event)
            due_s += self._meter.interval_s
            if isinstance(event, ReadFailed) and event.retry_after_s is not None:
                due_s = max(due_s, loop.time() + event.retry_after_s)
            now_s = loop.time()
            if due_s > now_s:
                await asyncio.sleep(due_s - now_s)
            else:
                due_s = now_s  # the answer took longer than the interval: what was missed is not made up for
                await asyncio.sleep(0)

    async def send(self, effect: Send) -> CommandEnded:
        """Refuse: a meter takes no commands."""
        return refused_by_meter(self._meter.id, effect, self._clock.now())

    async def read(self, effect: Read) -> MeterRead | ReadFailed:
        """Read once."""
        event = await self._poll()
        if isinstance(event, MeterRead):
            return replace(event, billed=1)
        billed = 0 if event.cause is Cause.UNREACHABLE else 1  # whatever reached the service may be counted there
        return replace(event, exchange_id=effect.exchange_id, billed=billed)

    async def probe(self) -> str:
        """Read once, and return the reading as people read it.

        Raises:
            SunboxError: there is no reading; the text says why and what to do.
        """
        event = await self._poll()
        if isinstance(event, MeterRead):
            told = [
                f"{name.rpartition('_')[0].replace('_soc', '').replace('_', ' ')} "
                f"{getattr(event.reading, name):,.0f} {'%' if name.endswith('_pct') else 'W'}"
                for name, *_ in self._rows
                if getattr(event.reading, name) is not None
            ]
            absent = [name for name, *_ in self._rows if getattr(event.reading, name) is None]
            return ", ".join(told) + (f" (not in the answer: {', '.join(absent)})" if absent else "")
        advice = WHAT_TO_DO.get(event.cause)
        text = f"{self._meter.id} at {_without_query(self._settings.url)}: {event.detail or event.cause.value}"
        raise SunboxError(f"{text}: {advice}" if advice else text)

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.aclose()
            self._client = self._request = None

    async def _poll(self) -> MeterRead | ReadFailed:
        """Read once."""
        try:
            response = await self._exchange()
        except AnswerRefusedError as error:
            return self._failed(Cause.BAD_ANSWER, describe(error))
        except httpx2.TransportError as error:
            return self._failed(Cause.NO_ANSWER if was_sent(error) else Cause.UNREACHABLE, describe(error))
        now = self._clock.now()
        if not response.is_success:
            status = response.status_code
            fallback = Cause.SERVER_ERROR if status >= 500 else Cause.BAD_ANSWER
            return self._failed(CAUSES.get(status, fallback), _explained(response), _retry_after_s(response))
        try:
            reading = self._reading(response.content, now)
        except BadAnswerError as error:
            return self._failed(Cause.BAD_ANSWER, str(error))
        self._outage.worked()
        return MeterRead(at=now, meter_id=self._meter.id, reading=reading)

    async def _exchange(self) -> httpx2.Response:
        if self._client is None or self._request is None:
            self._client, self._request = self._prepared()
        try:
            return await self._client.send(self._request)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
            # A meter may close an idle connection just when it is used again; reading twice does no harm
            return await self._client.send(self._request)

    def _prepared(self) -> tuple[httpx2.AsyncClient, httpx2.Request]:
        settings = self._settings
        parts = urlsplit(settings.url)
        client = self._clients(f"{parts.scheme}://{parts.netloc}")
        headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
        if settings.user is not None:
            password = settings.password.get_secret_value() if settings.password is not None else ""
            pair = base64.b64encode(f"{settings.user}:{password}".encode()).decode("ascii")
            headers["authorization"] = f"Basic {pair}"
        request = client.build_request(settings.method, settings.url, headers=headers)
        if settings.timeout_s is not None:
            request.extensions["timeout"] = httpx2.Timeout(settings.timeout_s).as_dict()
            request.extensions["total_s"] = settings.timeout_s
        return client, request

    def _reading(self, body: bytes, now: datetime) -> MeterReading:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise BadAnswerError("the answer is not JSON") from None
        values: dict[str, float] = {}
        for name, path, factor, summand, low, high in self._rows:
            value = look_up(document, path)
            # `type` and not `isinstance`: true is no number
            if type(value) is not float and type(value) is not int:
                continue
            try:
                value = value * factor + summand
            except OverflowError:
                raise BadAnswerError(f"{name} is impossible: it has hundreds of digits") from None
            if not math.isfinite(value):
                continue
            if not low <= value <= high:
                raise BadAnswerError(_impossible(name, value, low, high))
            values[name] = value
        if not values:
            wanted = ", ".join(f"{name} at {path_to_text(path)}" for name, path, *_ in self._rows)
            raise BadAnswerError(f"the answer has no number for {wanted}")
        if values.get("pv_w", 0.0) < 0.0:
            values["pv_w"] = 0.0  # what an inverter takes at night is the house's load
        told_at = None if self._time is None else instant_from_wire(look_up(document, self._time))
        # Whatever a meter's clock says, it cannot have measured what is still to come
        measured_at = now - self._delay if told_at is None else min(told_at, now)
        return MeterReading(
            measured_at=measured_at,
            grid_w=values.get("grid_w"),
            pv_w=values.get("pv_w"),
            battery_w=values.get("battery_w"),
            battery_soc_pct=values.get("battery_soc_pct"),
            grid_phases_a=_phases_of(values),
        )

    def _failed(self, cause: Cause, detail: str, retry_after_s: float | None = None) -> ReadFailed:
        self._outage.failed(cause, detail)
        return ReadFailed(
            at=self._clock.now(),
            device_id=self._meter.id,
            exchange_id=None,
            what=ReadKind.DATA,
            cause=cause,
            detail=detail,
            retry_after_s=retry_after_s,
        )


def _phases_of(values: dict[str, float]) -> tuple[float, float, float] | None:
    """Return the currents of the phases, None unless all are told."""
    told = [values.get(name) for name in PHASES]
    one, two, three = told
    return None if one is None or two is None or three is None else (one, two, three)


Row = tuple[str, JsonPath, float, float, float, float]
"""Quantity, where it stands, factor, summand, and the limits within which it is believed."""


def compile_rows(settings: HttpMeterSettings) -> tuple[Row, ...]:
    """Return the quantities that are measured, ready for reading."""
    rows: list[Row] = []
    for name in QUANTITIES:
        quantity: Quantity | None = getattr(settings, name)
        if quantity is not None:
            rows.append((name, path_from_text(quantity.path), quantity.factor, quantity.summand, *LIMITS[name]))
    return tuple(rows)


def instant_from_wire(value: Any) -> datetime | None:
    """Return an instant written as seconds or milliseconds since 1970 or as text with an offset, None for anything else."""
    try:
        if isinstance(value, str):
            told_at = datetime.fromisoformat(value)
            return told_at.astimezone(UTC) if told_at.tzinfo is not None else None
        if type(value) is int or type(value) is float:
            return datetime.fromtimestamp(value / 1000 if value > MS_FROM else value, UTC) if value > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _impossible(name: str, value: float, low: float, high: float) -> str:
    hint = "wrong sign? see `invert`" if name == "pv_w" and value < low else "wrong path or `scale`?"
    return f"{name} = {value:g} is impossible, believed is {low:g} to {high:g} ({hint})"


def _explained(response: httpx2.Response) -> str:
    status = f"HTTP {response.status_code} {response.reason_phrase}".rstrip()
    if response.has_redirect_location:
        return f"{status}: it sends us to {_without_query(response.headers['location'])}; write that address"
    return status


def _retry_after_s(response: httpx2.Response) -> float | None:
    told = response.headers.get("retry-after", "")
    return float(told) if told.isascii() and told.isdigit() and len(told) < 6 else None


def _without_query(url: str) -> str:
    """Return an address without what stands behind ?: keys are written there."""
    return url.partition("?")[0]
