"""The ways to a Tesla: the Fleet API, a signing proxy before it, and a proxy that reaches the car over Bluetooth.

Each takes a command or a read and says how it ended, in the core's words, and what was charged for it. Which way is taken,
and when another one, is the driver's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import httpx2

from sunbox.clock import Clock
from sunbox.core.commands import Cause, Command, Outcome, ReadKind
from sunbox.core.model import Availability, VehicleFacts
from sunbox.dialects.tesla.orders import fields_to_wire
from sunbox.dialects.tesla.outcomes import Ended, Failed, ble_outcome_from_wire, outcome_from_wire
from sunbox.dialects.tesla.proxies import BLE_COMMANDS, BLE_STATE, ble_fields, ble_query, ble_row
from sunbox.dialects.tesla.table import BY_CORE, VEHICLE, VEHICLE_DATA, WAKE_UP, Endpoint
from sunbox.dialects.tesla.wire import (
    availability_from_wire,
    ble_availability_from_wire,
    ble_vehicle_from_wire,
    document_from_wire,
    read_failure_from_wire,
    vehicle_from_wire,
)
from sunbox.drivers.tesla.client import Answered, TeslaClient, Unanswered
from sunbox.net.http import AnswerRefusedError, ClientFactory, describe, was_sent

ROWS: dict[ReadKind, Endpoint] = {ReadKind.STATE: VEHICLE, ReadKind.DATA: VEHICLE_DATA}

BLE_TOTAL_S = 30.0
"""Longest exchange over Bluetooth: it may scan, connect three times and retry (evcc's template waits as long)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a read brought. `facts` None: only whether it sleeps."""

    availability: Availability
    facts: VehicleFacts | None
    billed: int = 0


class Way(Protocol):
    """One way to one vehicle."""

    name: str  #: as the owner writes it under `commands`
    is_free: bool  #: nothing that goes this way is ever charged for

    def can_send(self, command: Command, /) -> bool:
        """Return whether this kind of command goes this way at all."""
        ...

    def can_read(self) -> bool:
        """Return whether reads go this way."""
        ...

    async def send(self, command: Command) -> Ended:
        """Send one command and say how it ended. Never raises for what a network or a service does."""
        ...

    async def read(self, what: ReadKind) -> Told | Failed:
        """Read once and say what came. Never raises for what a network or a service does."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class FleetWay:
    """Tesla's Fleet API."""

    name = "fleet"
    is_free = False

    def __init__(self, client: TeslaClient, vin: str, clock: Clock) -> None:
        self._client = client
        self._vin = vin
        self._clock = clock

    def can_send(self, _: Command, /) -> bool:
        """Return True: it takes all."""
        return True

    def can_read(self) -> bool:
        """Return True."""
        return True

    async def send(self, command: Command) -> Ended:
        """Send one command."""
        row = BY_CORE[command.name]
        answer = await self._client.call(row, self._vin, fields_to_wire(row, command))
        if isinstance(answer, Unanswered):
            return ended_without_answer(answer)
        ended = outcome_from_wire(row, answer.status, answer.headers, answer.body)
        return replace(ended, billed=answer.billed_before + ended.billed)

    async def read(self, what: ReadKind) -> Told | Failed:
        """Read the state (free, does not wake) or the data (paid, keeps it awake)."""
        row = ROWS[what]
        answer = await self._client.call(row, self._vin)
        if isinstance(answer, Unanswered):
            return Failed(
                cause=answer.cause, detail=answer.detail, retry_after_s=answer.retry_after_s, billed=answer.billed
            )
        if 200 <= answer.status < 300:
            try:
                document = document_from_wire(answer.body)
                availability, facts = Availability.ONLINE, None
                if row is VEHICLE:
                    availability = availability_from_wire(document)
                else:
                    facts = vehicle_from_wire(document, received_at=self._clock.now())
                return Told(availability=availability, facts=facts, billed=_billed(row, answer, 1))
            except ValueError:
                pass  # said below, with what the body has to say
        failed = read_failure_from_wire(answer.status, answer.headers, answer.body)
        return replace(failed, billed=_billed(row, answer, failed.billed))

    async def close(self) -> None:
        """Close the connections of this vehicle and of its account."""
        await self._client.close()


def _billed(row: Endpoint, answer: Answered, last: int) -> int:
    return answer.billed_before + (0 if row.bills is None else last)


def ended_without_answer(answer: Unanswered) -> Ended:
    """Return how a command ended that was not answered."""
    return Ended(
        outcome=Outcome.UNCONFIRMED if answer.was_sent else Outcome.NOT_DELIVERED,
        cause=answer.cause,
        detail=answer.detail,
        retry_after_s=answer.retry_after_s,
        billed=answer.billed,
    )


class SigningWay(FleetWay):
    """A proxy that signs commands (`tesla-http-proxy`). Wakes and reads need no signature, they go to Tesla directly."""

    name = "proxy"

    def can_send(self, command: Command, /) -> bool:
        """Return whether it is one that is signed."""
        return BY_CORE[command.name] is not WAKE_UP

    def can_read(self) -> bool:
        """Return False."""
        return False

    async def send(self, command: Command) -> Ended:
        """Send one command. What Tesla said with another code comes as 500: where it may have charged, it is taken to have."""
        ended = await super().send(command)
        may_be_billed = ended.cause is Cause.ASLEEP or ended.outcome is Outcome.UNCONFIRMED
        return replace(ended, billed=1) if may_be_billed and not ended.billed else ended


class BleWay:
    """A proxy near the car that talks to it over Bluetooth (TeslaBleHttpProxy): no account, no charge."""

    name = "proxy"
    is_free = True

    def __init__(self, clients: ClientFactory, base_url: str, vin: str, clock: Clock) -> None:
        self._clients = clients
        self._base_url = base_url
        self._client: httpx2.AsyncClient | None = None
        self._vin = vin
        self._clock = clock

    def can_send(self, command: Command, /) -> bool:
        """Return whether the program knows it."""
        row = BY_CORE[command.name]
        return row is WAKE_UP or row.name in BLE_COMMANDS

    def can_read(self) -> bool:
        """Return True."""
        return True

    async def send(self, command: Command) -> Ended:
        """Send one command and wait until the car has answered it."""
        row = ble_row(BY_CORE[command.name])
        answer = await self._exchange(row, ble_fields(fields_to_wire(BY_CORE[command.name], command)))
        if isinstance(answer, Unanswered):
            return ended_without_answer(answer)
        return ble_outcome_from_wire(row, answer.status, answer.body)

    async def read(self, what: ReadKind) -> Told | Failed:
        """Read whether it sleeps (does not wake it), or what it says (fails while it sleeps)."""
        row = BLE_STATE if what is ReadKind.STATE else ble_row(VEHICLE_DATA)
        answer = await self._exchange(row)
        if isinstance(answer, Unanswered):
            return Failed(cause=answer.cause, detail=answer.detail, billed=0)
        if 200 <= answer.status < 300:
            try:
                document = document_from_wire(answer.body)
                if row is BLE_STATE:
                    return Told(availability=ble_availability_from_wire(document), facts=None)
                facts = ble_vehicle_from_wire(document, received_at=self._clock.now())
                return Told(availability=Availability.ONLINE, facts=facts)
            except ValueError:
                pass  # said below
        ended = ble_outcome_from_wire(row, answer.status, answer.body)
        return Failed(
            cause=ended.cause or Cause.BAD_ANSWER, detail=ended.detail, retry_after_s=ended.retry_after_s, billed=0
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _exchange(self, row: Endpoint, fields: dict[str, object] | None = None) -> Answered | Unanswered:
        if self._client is None:
            self._client = self._clients(self._base_url)
        try:
            response = await self._client.request(
                row.method,
                row.path.format(vehicle=self._vin),
                params=ble_query(row),
                json=fields if row.method == "POST" else None,
                timeout=httpx2.Timeout(BLE_TOTAL_S, connect=5.0),
                extensions={"total_s": BLE_TOTAL_S},
            )
        except httpx2.TransportError as error:
            is_sent = was_sent(error)
            cause = Cause.NO_ANSWER if is_sent else Cause.UNREACHABLE
            if isinstance(error, AnswerRefusedError):
                cause = Cause.BAD_ANSWER
            return Unanswered(was_sent=is_sent, cause=cause, detail=describe(error))
        return Answered(status=response.status_code, headers=response.headers, body=response.content, billed_before=0)
