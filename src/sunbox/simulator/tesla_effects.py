"""What each charging command does to a simulated car, and what is wrong with a request's body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sunbox.dialects.tesla.table import Endpoint, Field, FieldType
from sunbox.simulator.car import MAX_LIMIT_PCT, STANDARD_LIMIT_PCT, TeslaCar
from sunbox.simulator.car_schedule import FULL_DAYS, SHORT_DAYS, Schedule, ScheduleMode, days_from_text

Effect = Callable[[TeslaCar, Mapping[str, Any]], str | None]
"""Changes the car; returns the word with which the car refuses, None if it does it."""


def _limit_to(limit_pct: int, already: str) -> Effect:
    def effect(car: TeslaCar, _: Mapping[str, Any]) -> str | None:
        return already if car.set_limit(limit_pct) else None

    return effect


def _schedule_charging(car: TeslaCar, body: Mapping[str, Any]) -> str | None:
    mode = ScheduleMode.START_AT if body["enable"] else ScheduleMode.OFF
    return car.set_schedule(Schedule(mode=mode, start_min=int(body.get("time", car.schedule.start_min))))


def _schedule_departure(car: TeslaCar, body: Mapping[str, Any]) -> str | None:
    if not body["enable"]:  # Tesla ignores the rest then
        return car.set_schedule(Schedule())
    old = car.schedule
    return car.set_schedule(
        Schedule(
            mode=ScheduleMode.DEPART_BY,
            start_min=old.start_min,
            departure_min=int(body.get("departure_time", old.departure_min)),
            preconditioning=body.get("preconditioning_enabled", False),
            preconditioning_weekdays_only=body.get("preconditioning_weekdays_only", False),
            off_peak=body.get("off_peak_charging_enabled", False),
            off_peak_weekdays_only=body.get("off_peak_charging_weekdays_only", False),
            off_peak_end_min=int(body.get("end_off_peak_time", old.off_peak_end_min)),
        )
    )


EFFECTS: dict[str, Effect] = {
    "charge_port_door_open": lambda car, _: car.open_port(),
    "charge_port_door_close": lambda car, _: car.close_port(),
    "charge_start": lambda car, _: car.start_charging(),
    "charge_stop": lambda car, _: car.stop_charging(),
    "charge_standard": _limit_to(STANDARD_LIMIT_PCT, "already_standard"),
    "charge_max_range": _limit_to(MAX_LIMIT_PCT, "already_max_range"),
    "set_charge_limit": lambda car, body: car.set_limit(int(body["percent"])),
    "set_charging_amps": lambda car, body: car.set_amps(int(body["charging_amps"])),
    "set_scheduled_charging": _schedule_charging,
    "set_scheduled_departure": _schedule_departure,
    "add_charge_schedule": lambda car, body: car.keep_schedule(dict(body)),
    "remove_charge_schedule": lambda car, body: car.drop_schedule(int(body["id"])),
}
"""One per row of `table.COMMANDS`."""


def invalid_field(endpoint: Endpoint, body: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a body by the fields of its row, None if nothing is; unknown fields are ignored."""
    for field in endpoint.fields:
        if field.name not in body or body[field.name] is None:
            if field.required:
                return f"{field.name}: required"
            continue
        wrong = _wrong(field, body[field.name])
        if wrong is not None:
            return f"{field.name}: {wrong}"
    return None


def _wrong(field: Field, value: Any) -> str | None:
    if field.type is FieldType.BOOL:
        return None if isinstance(value, bool) else "must be a boolean"
    if field.type is FieldType.OBJECT:
        return None if isinstance(value, dict) else "must be an object"
    if field.choices:
        return None if value in field.choices else f"must be one of {', '.join(field.choices)}"
    if field.type is FieldType.TEXT:
        if not isinstance(value, str) or len(value) > (field.high or 0):
            return f"must be a text of at most {field.high} characters"
        is_day = field.name != "days_of_week" or days_from_text(value, SHORT_DAYS | FULL_DAYS) is not None
        return None if is_day else f"must be {field.help}"
    if field.type is FieldType.FLOAT and isinstance(value, float):
        return None if (field.low or 0) <= value <= (field.high or 0) else f"must be from {field.low} to {field.high}"
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not is_whole:
        return "must be a whole number"
    if (field.low is not None and value < field.low) or (field.high is not None and value > field.high):
        return f"must be from {field.low} to {field.high}"
    return None
