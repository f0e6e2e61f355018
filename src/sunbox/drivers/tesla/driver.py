"""A Tesla: commands and reads when the core asks, nothing by itself. Every request is paid for or wakes, so nothing is polled."""

from __future__ import annotations

from sunbox.clock import Clock
from sunbox.core.commands import Cause, Outcome, ReadKind
from sunbox.core.effects import Read, Send
from sunbox.core.events import CommandEnded, ReadFailed, VehicleRead
from sunbox.core.model import Availability, VehicleFacts
from sunbox.dialects.tesla.orders import fields_to_wire
from sunbox.dialects.tesla.table import BY_CORE, VEHICLE, VEHICLE_DATA, Endpoint
from sunbox.dialects.tesla.wire import (
    Failed,
    availability_from_wire,
    document_from_wire,
    outcome_from_wire,
    read_failure_from_wire,
    vehicle_from_wire,
)
from sunbox.drivers.base import Emit
from sunbox.drivers.outage import Outage
from sunbox.drivers.tesla.client import Answered, TeslaClient, Unanswered
from sunbox.drivers.tesla.settings import TeslaVehicleSettings
from sunbox.drivers.tesla.tokens import TeslaAccount
from sunbox.errors import SunboxError
from sunbox.net.http import ClientFactory

ROWS: dict[ReadKind, Endpoint] = {ReadKind.STATE: VEHICLE, ReadKind.DATA: VEHICLE_DATA}

OUTAGES = frozenset(
    {
        Cause.LOGIN_REQUIRED,
        Cause.FORBIDDEN,
        Cause.NOT_FOUND,
        Cause.LIMIT_EXCEEDED,
        Cause.SERVER_ERROR,
        Cause.UNREACHABLE,
        Cause.NO_ANSWER,
        Cause.BAD_ANSWER,
    }
)
"""Causes that say Tesla cannot be used at present; all others are an ordinary day with a car."""

WHAT_TO_DO: dict[Cause, str] = {
    Cause.FORBIDDEN: "log in again with `sunbox setup tesla` and allow everything that is asked for",
    Cause.INVALID: "check `region` and `base_url` under `tesla:`",
    Cause.LIMIT_EXCEEDED: "raise the billing limit at developer.tesla.com",
    Cause.NOT_FOUND: "check the VIN, and that this car belongs to the account of the token file",
    Cause.RATE_LIMITED: "wait, and ask less often",
    Cause.UNREACHABLE: "check the internet connection and `base_url`",
}


class TeslaDriver:
    """One vehicle of an account."""

    def __init__(
        self,
        device_id: str,
        settings: TeslaVehicleSettings,
        account: TeslaAccount,
        clients: ClientFactory,
        clock: Clock,
    ) -> None:
        self._device_id = device_id
        self._vin = settings.vin
        self._client = TeslaClient(account, clients, settings.base_url)
        self._clock = clock
        self._outage = Outage(device_id)

    @property
    def device_id(self) -> str:
        """Return the id of the vehicle in the configuration."""
        return self._device_id

    async def run(self, emit: Emit) -> None:
        """Return at once: even the free state call is the core's to ask for."""

    async def send(self, effect: Send) -> CommandEnded:
        """Send one command and say how it ended."""
        row = BY_CORE[effect.command.name]
        answer = await self._client.call(row, self._vin, fields_to_wire(row, effect.command))
        if isinstance(answer, Unanswered):
            self._note(answer.cause, answer.detail)
            return CommandEnded(
                at=self._clock.now(),
                device_id=self._device_id,
                exchange_id=effect.exchange_id,
                outcome=Outcome.UNCONFIRMED if answer.was_sent else Outcome.NOT_DELIVERED,
                cause=answer.cause,
                detail=answer.detail,
                retry_after_s=answer.retry_after_s,
                billed=answer.billed,
            )
        ended = outcome_from_wire(row, answer.status, answer.headers, answer.body)
        self._note(ended.cause, ended.detail)
        return CommandEnded(
            at=self._clock.now(),
            device_id=self._device_id,
            exchange_id=effect.exchange_id,
            outcome=ended.outcome,
            cause=ended.cause,
            detail=ended.detail,
            retry_after_s=ended.retry_after_s,
            billed=answer.billed_before + ended.billed,
        )

    async def read(self, effect: Read) -> VehicleRead | ReadFailed:
        """Read the state (free, does not wake) or the data (paid, keeps it awake)."""
        row = ROWS[effect.what]
        answer = await self._client.call(row, self._vin)
        if isinstance(answer, Unanswered):
            failed = Failed(
                cause=answer.cause, detail=answer.detail, retry_after_s=answer.retry_after_s, billed=answer.billed
            )
        else:
            told = self._understood(row, answer)
            if not isinstance(told, Failed):
                self._note(None, "")
                availability, facts = told
                return VehicleRead(
                    at=self._clock.now(),
                    vehicle_id=self._device_id,
                    exchange_id=effect.exchange_id,
                    what=effect.what,
                    availability=availability,
                    facts=facts,
                    billed=_billed(row, answer, 1),
                )
            failed = told
        self._note(failed.cause, failed.detail)
        return ReadFailed(
            at=self._clock.now(),
            device_id=self._device_id,
            exchange_id=effect.exchange_id,
            what=effect.what,
            cause=failed.cause,
            detail=failed.detail,
            retry_after_s=failed.retry_after_s,
            billed=failed.billed,
        )

    async def probe(self) -> str:
        """Ask whether the car is awake, which is free and does not wake it.

        Raises:
            SunboxError: there is no such answer; the text says why and what to do.
        """
        answer = await self._client.call(VEHICLE, self._vin)
        if isinstance(answer, Unanswered):
            failed = Failed(cause=answer.cause, detail=answer.detail)
        else:
            told = self._understood(VEHICLE, answer)
            if not isinstance(told, Failed):
                return f"Tesla …{self._vin[-6:]} is {told[0].value}"
            failed = told
        advice = WHAT_TO_DO.get(failed.cause)
        text = f"Tesla …{self._vin[-6:]}: {failed.detail or failed.cause.value.replace('_', ' ')}"
        raise SunboxError(f"{text}: {advice}" if advice else text)

    async def close(self) -> None:
        """Close the connections of this vehicle and of its account."""
        await self._client.close()

    def _understood(self, row: Endpoint, answer: Answered) -> tuple[Availability, VehicleFacts | None] | Failed:
        """Return what an answer to a read says."""
        if 200 <= answer.status < 300:
            try:
                document = document_from_wire(answer.body)
                if row is VEHICLE:
                    return availability_from_wire(document), None
                return Availability.ONLINE, vehicle_from_wire(document, received_at=self._clock.now())
            except ValueError:
                pass  # said below, with what the body has to say
        failed = read_failure_from_wire(answer.status, answer.headers, answer.body)
        return Failed(
            cause=failed.cause,
            detail=failed.detail,
            retry_after_s=failed.retry_after_s,
            billed=_billed(row, answer, failed.billed),
        )

    def _note(self, cause: Cause | None, detail: str) -> None:
        if cause is not None and cause in OUTAGES:
            self._outage.failed(cause, detail)
        else:
            self._outage.worked()


def _billed(row: Endpoint, answer: Answered, last: int) -> int:
    return answer.billed_before + (0 if row.bills is None else last)
