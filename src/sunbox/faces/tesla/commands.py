"""Commands: from a body to a wish or an order, and from what became of it to Tesla's words."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sunbox.core.asked import is_order_done, is_wish_done, request_of
from sunbox.core.commands import Command, CommandName, Outcome
from sunbox.core.model import Availability
from sunbox.core.reasons import Reason, ReasonCode, render
from sunbox.core.wallbox import LoadpointSnapshot, OrderedEnd, Rejected, Request, VehicleSnapshot
from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.orders import Wrong as WrongField
from sunbox.dialects.tesla.orders import order_from_wire
from sunbox.dialects.tesla.outcomes import DETAIL_CHARS
from sunbox.dialects.tesla.table import BY_CORE, Endpoint
from sunbox.faces.tesla.shapes import Ended, Wrong

BY = "tesla"

DISCONNECTED = "disconnected"
"""Tesla's word for "there is no cable in the car"."""

_FIELDS: dict[str, CommandName] = {"amps_a": CommandName.SET_AMPS, "target_soc_pct": CommandName.SET_LIMIT}
"""Fields of a request that the gateway may turn down, by the command whose only field they came in."""


def command_from_body(row: Endpoint, body: bytes) -> Command | Wrong:
    """Return what a body asks for.

    It is an object in JSON, whatever its Content-Type. Nothing, `true`, `false` and `null` are an object without fields: evcc
    sends `true` and `false` with commands that need none.
    """
    try:
        document = json.loads(body) if body.strip() else {}
        if document is None or isinstance(document, bool):
            document = {}
        if not isinstance(document, Mapping):
            return Wrong(400, envelopes.INVALID_REQUEST, "the body is no JSON object")
        command = order_from_wire(row, document)
    except (ValueError, RecursionError):
        return Wrong(400, envelopes.INVALID_REQUEST, "the body is not JSON")
    return _wrong(command) if isinstance(command, WrongField) else command


def _wrong(wrong: WrongField) -> Wrong:
    return Wrong(400, envelopes.INVALID_FIELD, f"{wrong.field}: {wrong.value!r} is not allowed, but {wrong.allowed}")


def request_from_command(loadpoint: LoadpointSnapshot, command: Command) -> Request:
    """Return the wish of a command that is one."""
    value = next((value for _, value in command.details if isinstance(value, int)), None)
    return request_of(command.name, value, loadpoint_id=loadpoint.id, by=BY)


def refused_at_once(command: Command, vehicle: VehicleSnapshot, loadpoint: LoadpointSnapshot | None) -> str | None:
    """Return why a wish cannot be taken as things are, None if it can."""
    if loadpoint is None:
        return f"{vehicle.id} is at no loadpoint of this gateway"
    if command.name is CommandName.START and vehicle.is_plugged is False and not _may_be_plugged_by_now(vehicle):
        return DISCONNECTED
    return None


SURE_S = 60.0


def _may_be_plugged_by_now(vehicle: VehicleSnapshot) -> bool:
    """Return whether an unplugged car may have been plugged in since it was read: only one that is awake."""
    return vehicle.availability is Availability.ONLINE and (vehicle.age_s is None or vehicle.age_s > SURE_S)


def rejected(verdict: Rejected) -> Wrong:
    """Return what the gateway turned down, in the client's words."""
    name = _FIELDS.get(verdict.field)
    field = BY_CORE[name].fields[0].name if name is not None else verdict.field
    return _wrong(WrongField(field, verdict.value[:40], verdict.allowed))


# --- what became of it ------------------------------------------------------------------------------------------------

_WORDS: dict[ReasonCode, str] = {
    ReasonCode.NOT_PLUGGED: DISCONNECTED,
    ReasonCode.AT_CHARGER: DISCONNECTED,
    ReasonCode.COMPLETE: "complete",
    ReasonCode.TARGET_REACHED: "complete",
    ReasonCode.NO_POWER: "no_power",
    ReasonCode.CAR_IDLE: "complete",
    ReasonCode.LOGIN_REQUIRED: envelopes.LOGIN_REQUIRED,
}
"""Reasons for which Tesla has a word; the others are told as people read them."""


def wish_ended(command: Command, reason: Reason) -> Ended:
    """Return what became of a wish once nothing is under way for its loadpoint any more."""
    return (
        Ended(result=True)
        if is_wish_done(command.name, reason)
        else Ended(result=False, reason=_word(reason)[:DETAIL_CHARS])
    )


def _word(reason: Reason) -> str:
    if reason.code is ReasonCode.REFUSED:
        return str(reason.numbers.get("word", ReasonCode.REFUSED.value))
    return _WORDS.get(reason.code) or render(reason)


def order_ended(end: OrderedEnd | None) -> Ended:
    """Return what became of an order, None = it has not ended yet."""
    if end is None:
        return Ended(result=True)
    if is_order_done(end.outcome):
        return Ended(result=True, reason="" if end.outcome is not Outcome.UNCONFIRMED else end.outcome.value)
    cause = end.cause.value if end.cause is not None else end.outcome.value
    return Ended(result=False, reason=(end.detail or cause)[:DETAIL_CHARS])
