"""Commands to cars on the native API: Tesla's names and parameters, whatever the car."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.types import Receive

from sunbox.core.asked import WISHES, is_order_done, is_wish_done, request_of
from sunbox.core.commands import Command, CommandName, Outcome
from sunbox.core.reasons import render
from sunbox.core.wallbox import OrderedEnd, Rejected, SiteSnapshot, VehicleSnapshot, Wallbox
from sunbox.dialects.naming import find_by_vehicle, has_vin
from sunbox.dialects.tesla.orders import Wrong, allowed_of, order_from_wire
from sunbox.dialects.tesla.table import COMMANDS, WAKE_UP, Endpoint, Field
from sunbox.faces.answer import unless_gone
from sunbox.faces.api.schema import CommandView, SchedulesView, ScheduleView

BY = "api"
WAIT_S = 25.0
TARGET_LOW_PCT = 1
"""Below the car's own least limit the gateway stops the charge itself."""


def _with_low_targets(row: Endpoint) -> Endpoint:
    if row.core is not CommandName.SET_LIMIT:
        return row
    return replace(row, fields=tuple(replace(field, low=TARGET_LOW_PCT) for field in row.fields))


ROWS: dict[str, Endpoint] = {row.name: _with_low_targets(row) for row in (*COMMANDS, WAKE_UP)}


def words_of(row: Endpoint) -> str:
    """Return the parameters of a command in words, for the description of the API."""
    if not row.fields:
        return f"`{row.name}`: {row.help}"
    return f"`{row.name}`: {row.help}; " + ", ".join(_words(field) for field in row.fields)


def _words(field: Field) -> str:
    return f"{field.name}{'' if field.required else ' (optional)'}: {allowed_of(field)}"


DESCRIPTION = "\n".join(f"* {words_of(row)}" for row in ROWS.values())


def find_vehicle(site: SiteSnapshot, name: str) -> VehicleSnapshot | None:
    """Return a vehicle by its id or its VIN."""
    return next((row for row in site.vehicles if row.id == name or has_vin(row, name)), None)


def schedules_of(vehicle: VehicleSnapshot) -> SchedulesView:
    """Return the schedules that a car told when its data was read last."""
    details = None if vehicle.facts is None else vehicle.facts.details
    told = None if details is None else details.schedules
    views = None if told is None else tuple(ScheduleView.model_validate(schedule) for schedule in told)
    return SchedulesView(vehicle_id=vehicle.id, age_s=vehicle.age_s, schedules=views)


def parsed(row: Endpoint, body: bytes) -> Command | Wrong:
    """Return the command that a body asks for; an empty one has no parameters."""
    try:
        document: Any = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        return Wrong("body", "no JSON", "a JSON object")
    if not isinstance(document, Mapping):
        return Wrong("body", type(document).__name__, "a JSON object")
    return order_from_wire(row, document)


async def carry_out(
    wallbox: Wallbox, vehicle: VehicleSnapshot, row: Endpoint, command: Command, receive: Receive | None
) -> CommandView | Rejected:
    """Wish or order what a command says; with `receive` its end is waited for, 25 s at most and while the client stays."""
    if command.name in WISHES:
        return await _wish(wallbox, vehicle, row, command, receive)
    verdict = wallbox.order(vehicle.id, command, BY)
    if isinstance(verdict, Rejected):
        return verdict
    end = None
    if receive is not None:
        end = await unless_gone(wallbox.order_ended(vehicle.id, verdict.version, WAIT_S), receive)
    return _told(vehicle, row, end)


def _told(vehicle: VehicleSnapshot, row: Endpoint, end: OrderedEnd | None) -> CommandView:
    if end is None:
        return CommandView(vehicle_id=vehicle.id, command=row.name, result=True, is_settled=False, reason="")
    result = is_order_done(end.outcome)
    why = end.detail or (end.cause.value if end.cause is not None else "")
    reason = "" if result else why or end.outcome.value
    if end.outcome is Outcome.UNCONFIRMED:
        reason = f"it may have been done: {why or 'no answer came'}"
    return CommandView(vehicle_id=vehicle.id, command=row.name, result=result, is_settled=True, reason=reason)


async def _wish(
    wallbox: Wallbox, vehicle: VehicleSnapshot, row: Endpoint, command: Command, receive: Receive | None
) -> CommandView | Rejected:
    loadpoint = find_by_vehicle(wallbox.snapshot(), lambda each: each.id == vehicle.id)
    if loadpoint is None:
        return Rejected("vehicle_id", vehicle.id, "a vehicle at a loadpoint: this one is at none")
    value = next((int(value) for _, value in command.details), None)
    verdict = wallbox.request(request_of(command.name, value, loadpoint_id=loadpoint.id, by=BY))
    if isinstance(verdict, Rejected):
        return verdict
    is_settled = False
    if receive is not None:
        is_settled = bool(await unless_gone(wallbox.settled(loadpoint.id, verdict.version, WAIT_S), receive))
    after = next(each for each in wallbox.snapshot().loadpoints if each.id == loadpoint.id)
    result = is_wish_done(command.name, after.reason) if is_settled else True
    reason = render(after.reason)
    return CommandView(vehicle_id=vehicle.id, command=row.name, result=result, is_settled=is_settled, reason=reason)
