"""What a car says of itself beyond the rules' needs, written and read again; and the words of TeslaBleHttpProxy."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.core.model import Availability, ChargeSchedule, VehicleDetails, VehicleFacts, Weekday
from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.table import CHARGE_SCHEDULES, VEHICLE_DATA_ENDPOINTS
from sunbox.dialects.tesla.wire import (
    DAY_BITS,
    DETAIL_TO_WIRE,
    DETAILS,
    KM_PER_MILE,
    MOST_SCHEDULES,
    SCHEDULE,
    document_from_wire,
    vehicle_from_wire,
)

AT = datetime(2025, 6, 21, 10, 0, tzinfo=UTC)
IDENTITY = envelopes.identity_of("LRW3F7EK4NC700000", "Model 3")
SECTIONS = ("charge_state", "drive_state", "vehicle_state", "climate_state", CHARGE_SCHEDULES)

MINUTES = st.integers(0, 1439)
SCHEDULES = st.builds(
    ChargeSchedule,
    id=st.integers(0, 2**53),
    name=st.text(st.characters(categories=["L", "N"]), max_size=20),
    days=st.sets(st.sampled_from(Weekday)).map(lambda days: tuple(day for day in Weekday if day in days)),
    starts=st.booleans(),
    start_min=MINUTES,
    ends=st.booleans(),
    end_min=MINUTES,
    is_once=st.booleans(),
    is_enabled=st.booleans(),
    latitude=st.none() | st.floats(-90, 90),
    longitude=st.none() | st.floats(-180, 180),
)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "float": st.integers(0, 10**9).map(lambda millionths: millionths / 1e6 * KM_PER_MILE),
    "int": st.integers(0, 100),
    "bool": st.booleans(),
    "str": st.text(st.characters(categories=["L", "N"]), max_size=20),
    "datetime": st.integers(946_684_800, 4_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC)),
    "tuple[ChargeSchedule, ...]": st.lists(SCHEDULES, max_size=4).map(tuple),
}
SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "speed_km_h": st.integers(0, 150).map(lambda miles: miles * KM_PER_MILE),
    "inside_c": st.integers(-600, 1000).map(lambda tenths: tenths / 10),
    "outside_c": st.integers(-600, 1000).map(lambda tenths: tenths / 10),
}


def details() -> st.SearchStrategy[VehicleDetails]:
    strategies = {
        entry.name: st.none() | SPECIAL.get(entry.name, VALUES[str(entry.type).removesuffix(" | None")])
        for entry in fields(VehicleDetails)
    }
    return st.builds(VehicleDetails, **strategies)


def written(facts: VehicleFacts) -> dict[str, Any]:
    body = json.dumps(envelopes.vehicle_to_wire(IDENTITY, facts, more={}, sections=SECTIONS), allow_nan=False)
    return dict(document_from_wire(body))


@given(told=details())
def test_details_are_written_as_they_are_read(told: VehicleDetails) -> None:
    again = vehicle_from_wire(written(VehicleFacts(measured_at=AT, details=told))).details
    for entry in fields(VehicleDetails):
        value = getattr(told, entry.name)
        expected = pytest.approx(value, abs=1e-5) if isinstance(value, float) else value
        assert getattr(again, entry.name) == expected, entry.name


def test_what_a_real_car_said_is_told_again_exactly() -> None:
    """Tesla's figures have at most six decimals, so that miles come back to the last of them."""
    wire = {"battery_range": 266.87, "est_battery_range": 275.04, "ideal_battery_range": 301.2, "charge_rate": 35.5}
    document = {"response": {"charge_state": wire, "vehicle_state": {"odometer": 6481.019279}}}
    response = written(vehicle_from_wire(document))["response"]
    assert {key: response["charge_state"][key] for key in wire} == wire
    assert response["vehicle_state"]["odometer"] == 6481.019279


def test_every_detail_has_one_key_and_each_way_of_writing_a_field() -> None:
    told = [field for keys in DETAILS.values() for field, _ in keys.values()]
    assert sorted(told) == sorted(entry.name for entry in fields(VehicleDetails))
    assert set(DETAIL_TO_WIRE) <= set(told)
    assert {name for name in told if "_km" in name} | {"is_port_latched", "schedules"} == set(DETAIL_TO_WIRE)


def test_whole_numbers_are_written_as_such() -> None:
    told = VehicleDetails(range_km=100 * KM_PER_MILE, speed_km_h=50.0, charge_rate_km_h=0.0)
    response = written(VehicleFacts(measured_at=AT, details=told))["response"]
    charge = response["charge_state"]
    assert [(value, type(value)) for value in (charge["battery_range"], charge["charge_rate"])] == [
        (100, int),
        (0, int),
    ]
    assert (response["drive_state"]["speed"], type(response["drive_state"]["speed"])) == (31, int)


def test_without_details_there_are_no_more_sections() -> None:
    response = envelopes.vehicle_to_wire(IDENTITY, VehicleFacts(measured_at=AT), more={})["response"]
    assert {name for name in response if name.endswith("_state")} == {"charge_state", "drive_state"}
    assert "battery_range" not in response["charge_state"]


NOON: dict[str, Any] = {
    "id": 1752393600,
    "name": "Noon",
    "days_of_week": 62,
    "start_enabled": True,
    "start_time": 660,
    "end_enabled": False,
    "end_time": 0,
    "one_time": False,
    "enabled": True,
    "latitude": 52.394,
    "longitude": 13.542,
}
WORKDAYS = (Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI)


def schedules_of(told: Any) -> tuple[ChargeSchedule, ...] | None:
    """Return what is read of a document whose list of schedules is `told`."""
    document = {"response": {"charge_state": {}, CHARGE_SCHEDULES: {"charge_schedules": told}}}
    details = vehicle_from_wire(json.loads(json.dumps(document))).details
    assert details is not None
    return details.schedules


def test_the_schedules_of_a_car() -> None:
    assert schedules_of([NOON]) == (
        ChargeSchedule(
            id=1752393600,
            name="Noon",
            days=WORKDAYS,
            starts=True,
            start_min=660,
            end_min=0,
            is_enabled=True,
            latitude=52.394,
            longitude=13.542,
        ),
    )
    assert [DAY_BITS[day] for day in (Weekday.SUN, Weekday.MON, Weekday.SAT)] == [1, 2, 64]
    assert set(SCHEDULE) == set(NOON)
    assert CHARGE_SCHEDULES in VEHICLE_DATA_ENDPOINTS.split(";")


@pytest.mark.parametrize("told", [None, "none", 5, {}, {"0": NOON}, True])
def test_a_car_that_does_not_tell_its_schedules(told: Any) -> None:
    assert schedules_of(told) is None
    assert vehicle_from_wire({"response": {"charge_state": {}}}).details == VehicleDetails()
    assert vehicle_from_wire({"response": {"charge_state": {}, CHARGE_SCHEDULES: told}}).details == VehicleDetails()


def test_a_car_without_schedules_says_so() -> None:
    assert schedules_of([]) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": "7"},
        {"id": -1},
        {"days_of_week": 128},
        {"days_of_week": "Mon"},
        {"days_of_week": None},
        {"start_enabled": "yes"},
        {"start_enabled": None},
        {"start_time": 1440},
        {"start_time": None},
        {"end_enabled": True, "end_time": "noon"},
        {"enabled": 1},
    ],
    ids=str,
)
def test_a_broken_entry_is_left_out_and_the_others_stay(changes: dict[str, Any]) -> None:
    told = schedules_of([{**NOON, **changes}, None, 7, [], {**NOON, "id": 8}])
    assert told is not None
    assert [schedule.id for schedule in told] == [8]


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"name": None}, {"name": ""}),
        ({"name": "x" * 81}, {"name": ""}),
        ({"one_time": None}, {"is_once": False}),
        ({"latitude": 91}, {"latitude": None}),
        ({"end_time": None}, {"end_min": None}),  # it does not end
        ({"start_enabled": False, "start_time": None}, {"starts": False, "start_min": None}),
        ({"days_of_week": 0}, {"days": ()}),
        ({"days_of_week": 127}, {"days": tuple(Weekday)}),
    ],
    ids=str,
)
def test_what_an_entry_may_lack(changes: dict[str, Any], kept: dict[str, Any]) -> None:
    told = schedules_of([{**NOON, **changes}])
    assert told is not None
    (schedule,) = told
    assert {name: getattr(schedule, name) for name in kept} == kept


def test_no_more_schedules_are_kept_than_a_car_has() -> None:
    told = schedules_of([{**NOON, "id": number} for number in range(100)])
    assert told is not None
    assert [schedule.id for schedule in told] == list(range(MOST_SCHEDULES))


def test_schedules_are_told_only_when_they_are_asked_for_and_known() -> None:
    def shown(details: VehicleDetails, *sections: str) -> dict[str, Any]:
        facts = VehicleFacts(measured_at=AT, details=details)
        document = envelopes.vehicle_to_wire(IDENTITY, facts, more={}, sections=sections)
        return dict(document["response"])

    known = VehicleDetails(schedules=schedules_of([NOON]))
    assert CHARGE_SCHEDULES not in shown(known)
    assert CHARGE_SCHEDULES not in shown(known, "charge_state")
    told = shown(known, CHARGE_SCHEDULES)
    assert told[CHARGE_SCHEDULES]["charge_schedules"] == [NOON]
    assert "charge_state" not in told
    assert vehicle_from_wire({"response": told}).details == known
    assert CHARGE_SCHEDULES not in shown(VehicleDetails(), CHARGE_SCHEDULES)
    assert shown(VehicleDetails(schedules=()), CHARGE_SCHEDULES)[CHARGE_SCHEDULES]["charge_schedules"] == []


def test_the_same_vin_has_the_same_numbers() -> None:
    assert envelopes.identity_of("LRW3F7EK4NC700000", "Model 3") == IDENTITY
    assert IDENTITY.id != envelopes.identity_of("LRW3F7EK4NC700001", "Model 3").id
    assert 10**14 <= IDENTITY.id < 2**53  # exact in JavaScript and in Go's float64


@pytest.mark.parametrize(("is_locked", "lock"), envelopes.LOCK_WORDS.items())
@pytest.mark.parametrize(("is_port_open", "port"), envelopes.CLOSURE_WORDS.items())
@pytest.mark.parametrize(("is_driving", "presence"), [(True, "PRESENT"), (False, "UNKNOWN"), (None, "UNKNOWN")])
def test_the_body_controller(
    is_locked: bool | None,
    lock: str | None,
    is_port_open: bool | None,
    port: str,
    is_driving: bool | None,
    presence: str,
) -> None:
    told = VehicleDetails(is_locked=is_locked, is_port_open=is_port_open)
    facts = VehicleFacts(measured_at=AT, is_driving=is_driving, details=told)
    assert envelopes.body_controller_to_wire(facts, Availability.ASLEEP) == {
        "closure_statuses": {"charge_port": port},
        "user_presence": f"VEHICLE_USER_PRESENCE_{presence}",
        "vehicle_lock_state": lock,
        "vehicle_sleep_status": "VEHICLE_SLEEP_STATUS_ASLEEP",
    }


def test_the_body_controller_of_a_car_that_was_never_read() -> None:
    nothing = envelopes.body_controller_to_wire(None, Availability.UNKNOWN)
    assert nothing == envelopes.body_controller_to_wire(VehicleFacts(measured_at=AT), Availability.UNKNOWN)
    assert set(envelopes.SLEEP_WORDS) == set(Availability)


def test_twice_nested() -> None:
    names = {"vin": "V", "command": "vehicle_data"}
    assert envelopes.twice(None, vin="V", command="x", result=False, reason="no", error="e") == {
        "response": {"result": False, "reason": "no", "vin": "V", "command": "x"},
        "error": "e",
    }
    inner = written(VehicleFacts(measured_at=AT, soc_pct=67))["response"]
    whole = envelopes.twice(inner, vin=names["vin"], command=names["command"])
    assert vehicle_from_wire(whole) == replace(vehicle_from_wire({"response": inner}), soc_pct=67)
