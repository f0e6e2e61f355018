"""What each call of Tesla's cloud does with an account's cars, once it has come through login, limits and faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sunbox.core.model import Availability
from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.table import COMMANDS, REGION, VEHICLE, VEHICLE_DATA, VEHICLES, WAKE_UP, Endpoint
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.energy_site import EnergySite
from sunbox.simulator.faults import Fault, Reply
from sunbox.simulator.tesla_documents import ASKED_BY_NAME, facts_of, identity_of, sections_of
from sunbox.simulator.tesla_effects import EFFECTS, invalid_field


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the answers may look at."""

    cars: tuple[TeslaCar, ...]
    seems_online: Callable[[TeslaCar], bool]  #: a fault has the state call say so
    shows_location: bool
    home: Callable[[], tuple[str, str]]  #: region that serves the account, and its base URL
    sites: tuple[EnergySite, ...] = ()
    lists_vehicles: bool = True  #: among the products
    register: Callable[[str], None] = lambda _: None
    is_registered: Callable[[], bool] = lambda: True

    def is_old_api_gone(self) -> bool:
        """Return whether energy calls that Tesla does not document are answered with 404."""
        return any(site.manner.is_old_api_gone for site in self.sites)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that has come through."""

    row: Endpoint
    account: Account
    vehicle: TeslaCar | None = None
    site: EnergySite | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    fault: Fault | None = None
    is_signed: bool = False

    @property
    def car(self) -> TeslaCar:
        """Return the car of a call whose path names one."""
        assert self.vehicle is not None  # noqa: S101 - answered with 404 before
        return self.vehicle

    @property
    def energy_site(self) -> EnergySite:
        """Return the site of a call whose path names one."""
        assert self.site is not None  # noqa: S101 - answered with 404 before
        return self.site

    def is_hit_by(self, kind: str) -> bool:
        """Return whether a fault of this kind hits it."""
        return self.fault is not None and self.fault.kind == kind


def ok(body: dict[str, Any]) -> Reply:
    """Return a success."""
    return Reply(status=200, body=body)


def failed(status: int, text: str, description: str = "") -> Reply:
    """Return an error in Tesla's envelope."""
    return Reply(status=status, body=envelopes.error(text, description))


def answer(call: Call) -> Reply:
    """Carry out a call and return its answer."""
    if call.row.fields:
        wrong = invalid_field(call.row, call.body)
        if wrong is not None:
            return failed(400, envelopes.INVALID_FIELD, wrong)
    return ANSWERS[call.row.name](call)


def _region(call: Call) -> Reply:
    region, base_url = call.account.home()
    return ok(envelopes.one({"region": region, "fleet_api_base_url": base_url}))


def summary_of(account: Account, car: TeslaCar) -> dict[str, Any]:
    """Return a car as the account's lists have it."""
    availability = Availability.ONLINE if account.seems_online(car) else car.availability
    return envelopes.summary_to_wire(identity_of(car), availability)


def _list(call: Call) -> Reply:
    return ok(envelopes.many([summary_of(call.account, car) for car in call.account.cars]))


def _summary(call: Call) -> Reply:
    return ok(envelopes.one(summary_of(call.account, call.car)))


def _data(call: Call) -> Reply:
    car = call.car
    if car.is_asleep:
        return failed(408, envelopes.ASLEEP)
    car.contact()
    facts, sections = facts_of(car), sections_of(car)
    if call.fault is not None and car.vin in call.fault.frozen:
        facts, sections = call.fault.frozen[car.vin]
        facts = replace(facts, measured_at=facts.measured_at - timedelta(seconds=call.fault.age_s))
    asked = [part for part in call.query.get("endpoints", "").split(";") if part]
    more = {name: fields for name, fields in sections.items() if name in asked or name not in ASKED_BY_NAME}
    document = envelopes.vehicle_to_wire(identity_of(car), facts, more=more, sections=asked)
    if not call.account.shows_location:
        document["response"].pop("drive_state", None)
    return ok(document)


def _wake(call: Call) -> Reply:
    before = summary_of(call.account, call.car)  # it answers with the old state
    if not call.is_hit_by("no_wake"):
        call.car.wake()
    return ok(envelopes.one(before))


def _command(call: Call) -> Reply:
    if call.car.needs_signing and not call.is_signed:
        return failed(403, envelopes.UNSIGNED)  # the cloud knows: the car is not asked
    if call.car.is_asleep:
        return failed(408, envelopes.ASLEEP)
    call.car.contact()
    word = EFFECTS[call.row.name](call.car, call.body)
    return ok(envelopes.success() if word is None else envelopes.refused(word))


ANSWERS: dict[str, Callable[[Call], Reply]] = {
    REGION.name: _region,
    VEHICLES.name: _list,
    VEHICLE.name: _summary,
    VEHICLE_DATA.name: _data,
    WAKE_UP.name: _wake,
    **{row.name: _command for row in COMMANDS},
}
"""One per row of the table, but for the token endpoint."""
