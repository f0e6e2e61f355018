"""A Tesla: commands and reads when the core asks, nothing by itself. Every request is paid for or wakes, so nothing is polled.

There may be several ways to the car (`commands:`), tried in the owner's order. The next one is taken only where it is proven
that this one did not reach the car: what may have been done is never sent by another way from here, the core decides that. A
way that failed rests for a while, so that each command does not wait for it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from sunbox.clock import Clock
from sunbox.core.commands import Cause, Outcome, ReadKind
from sunbox.core.effects import Read, Send
from sunbox.core.events import CommandEnded, ReadFailed, VehicleRead
from sunbox.core.resilience import Breaker
from sunbox.dialects.tesla.outcomes import Ended, Failed
from sunbox.drivers.base import Emit
from sunbox.drivers.outage import Outage
from sunbox.drivers.tesla.client import TeslaClient
from sunbox.drivers.tesla.settings import TeslaVehicleSettings, ways_in_order
from sunbox.drivers.tesla.tokens import TeslaAccount
from sunbox.drivers.tesla.ways import BleWay, FleetWay, SigningWay, Told, Way
from sunbox.errors import SunboxError
from sunbox.net.http import ClientFactory, make_client, trusting

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
"""Causes that say that a way cannot be used at present; all others are an ordinary day with a car."""

RESTS_S: dict[Cause, float] = {
    Cause.OUT_OF_RANGE: 120.0,
    Cause.UNREACHABLE: 300.0,  # as TeslaSolarCharger falls back from Bluetooth
    Cause.NO_ANSWER: 300.0,
    Cause.SERVER_ERROR: 300.0,
    Cause.BAD_ANSWER: 300.0,
    Cause.RATE_LIMITED: 300.0,
    Cause.LOGIN_REQUIRED: 300.0,
    Cause.LIMIT_EXCEEDED: 900.0,
    Cause.FORBIDDEN: 3600.0,
    Cause.NOT_FOUND: 3600.0,
    Cause.UNSIGNED: 86400.0,
    Cause.INVALID: 0.0,
}
"""Causes that are the way's and not the car's, and for how long it is not the first choice then, if there is another."""

WHAT_TO_DO: dict[Cause, str] = {
    Cause.FORBIDDEN: "log in again with `sunbox setup tesla` and allow everything that is asked for",
    Cause.INVALID: "check `region` and `base_url` under `tesla:`",
    Cause.LIMIT_EXCEEDED: "raise the billing limit at developer.tesla.com",
    Cause.NOT_FOUND: "check the VIN, and that this car belongs to the account of the token file",
    Cause.OUT_OF_RANGE: "bring the car near the Bluetooth proxy",
    Cause.RATE_LIMITED: "wait, and ask less often",
    Cause.UNREACHABLE: "check the internet connection, `base_url` and `proxy_url`",
    Cause.UNSIGNED: "this car takes signed commands only: add a proxy (`commands: [proxy, fleet]`, `proxy_url`)",
}


class TeslaDriver:
    """One vehicle of an account, or of none where it is only reached over Bluetooth."""

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
        self._clock = clock
        self._ways = tuple(_ways(device_id, settings, account, clients, clock))
        self._breakers: dict[tuple[Way, bool], Breaker] = {}  # of sending (True) and of reading
        names = [way.name for way in self._ways]
        self._outages = {
            way: Outage(device_id if len(names) == 1 else f"{device_id} by {way.name}") for way in self._ways
        }

    @property
    def device_id(self) -> str:
        """Return the id of the vehicle in the configuration."""
        return self._device_id

    async def run(self, emit: Emit) -> None:
        """Return at once: even the free state call is the core's to ask for."""

    async def send(self, effect: Send) -> CommandEnded:
        """Send one command and say how it ended: by one way, or by the next where this one did not reach the car."""
        ended = Ended(outcome=Outcome.NOT_DELIVERED, cause=Cause.UNREACHABLE, detail="no way to send it", billed=0)
        billed = 0
        for way in self._in_order(lambda way: way.can_send(effect.command), may_pay=effect.may_pay, is_send=True):
            ended = await way.send(effect.command)
            billed += ended.billed
            self._note(way, ended.cause, ended.detail, is_send=True)
            ended = replace(ended, detail=self._told_by(way, ended.detail))
            if ended.outcome not in (Outcome.NOT_DELIVERED, Outcome.REFUSED) or ended.cause not in RESTS_S:
                break
        return CommandEnded(
            at=self._clock.now(),
            device_id=self._device_id,
            exchange_id=effect.exchange_id,
            outcome=ended.outcome,
            cause=ended.cause,
            detail=ended.detail,
            retry_after_s=ended.retry_after_s,
            billed=billed,
        )

    async def read(self, effect: Read) -> VehicleRead | ReadFailed:
        """Read the state (free, does not wake) or the data (paid but over Bluetooth, keeps it awake)."""
        told: Told | Failed = Failed(cause=Cause.UNREACHABLE, detail="no way to read it", billed=0)
        billed = 0
        may_pay = effect.may_pay or effect.what is ReadKind.STATE
        for way in self._in_order(lambda way: way.can_read(), may_pay=may_pay, is_send=False):
            told = await way.read(effect.what)
            billed += told.billed
            if isinstance(told, Told):
                self._note(way, None, "", is_send=False)
                break
            self._note(way, told.cause, told.detail, is_send=False)
            told = replace(told, detail=self._told_by(way, told.detail))
            if told.cause not in RESTS_S:
                break
        if isinstance(told, Told):
            return VehicleRead(
                at=self._clock.now(),
                vehicle_id=self._device_id,
                exchange_id=effect.exchange_id,
                what=effect.what,
                availability=told.availability,
                facts=told.facts,
                billed=billed,
            )
        return ReadFailed(
            at=self._clock.now(),
            device_id=self._device_id,
            exchange_id=effect.exchange_id,
            what=effect.what,
            cause=told.cause,
            detail=told.detail,
            retry_after_s=told.retry_after_s,
            billed=billed,
        )

    async def probe(self) -> str:
        """Ask by each way whether the car is awake, which is free and does not wake it.

        Raises:
            SunboxError: no way brought an answer; the text says why and what to do.
        """
        lines: list[str] = []
        has_answered = False
        for way in self._ways:
            if not way.can_read():
                continue
            told = await way.read(ReadKind.STATE)
            if isinstance(told, Told):
                has_answered = True
                lines.append(self._told_by(way, f"Tesla …{self._vin[-6:]} is {told.availability.value}"))
                continue
            advice = WHAT_TO_DO.get(told.cause)
            text = self._told_by(way, f"Tesla …{self._vin[-6:]}: {told.detail or told.cause.value.replace('_', ' ')}")
            lines.append(f"{text}: {advice}" if advice else text)
        if not has_answered:
            raise SunboxError("; ".join(lines))
        return "; ".join(lines)

    async def close(self) -> None:
        """Close the connections of this vehicle and of its account."""
        for way in self._ways:
            await way.close()

    def _in_order(self, is_fit: Callable[[Way], bool], *, may_pay: bool, is_send: bool) -> list[Way]:
        """Return the ways in the owner's order, those that rest last."""
        fit = [way for way in self._ways if is_fit(way) and (may_pay or way.is_free)]
        now = self._clock.now()
        return sorted(fit, key=lambda way: self._breakers.get((way, is_send), Breaker()).is_resting(now))

    def _told_by(self, way: Way, detail: str) -> str:
        return f"{way.name}: {detail}" if len(self._ways) > 1 and detail else detail

    def _note(self, way: Way, cause: Cause | None, detail: str, *, is_send: bool) -> None:
        if cause is not None and cause in OUTAGES:
            self._outages[way].failed(cause, detail)
        else:
            self._outages[way].worked()
        rest_s = RESTS_S.get(cause, 0.0) if cause is not None else 0.0
        self._breakers[way, is_send] = Breaker().failed(self._clock.now(), rest_s) if rest_s else Breaker()


def _ways(
    device_id: str, settings: TeslaVehicleSettings, account: TeslaAccount, clients: ClientFactory, clock: Clock
) -> Iterator[Way]:
    """Yield the ways in the owner's order."""
    to_proxy = _trusting_its_own(device_id, settings, clients)
    for name in ways_in_order(settings):
        if name == "fleet":
            yield FleetWay(TeslaClient(account, clients, settings.base_url), settings.vin, clock)
        elif settings.is_ble:
            yield BleWay(to_proxy, settings.proxy_url or "", settings.vin, clock)
        else:
            yield SigningWay(TeslaClient(account, to_proxy, settings.proxy_url, is_proxy=True), settings.vin, clock)


def _trusting_its_own(device_id: str, settings: TeslaVehicleSettings, clients: ClientFactory) -> ClientFactory:
    """Return what makes clients for the proxy, which may have a certificate of its own making."""
    if settings.proxy_ca is None:
        return clients
    try:
        verify = trusting(settings.proxy_ca)
    except OSError as error:
        raise SunboxError(
            f"{device_id}: proxy_ca {settings.proxy_ca} is no certificate that can be read ({error.strerror or error}); "
            "write the path of the proxy's certificate (PEM)"
        ) from None
    return lambda base_url: make_client(base_url, verify=verify)
