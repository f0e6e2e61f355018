"""What a car says of itself beyond the rules' needs, written and read again; and the words of TeslaBleHttpProxy."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.core.model import Availability, VehicleDetails, VehicleFacts
from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.wire import DETAIL_TO_WIRE, DETAILS, KM_PER_MILE, document_from_wire, vehicle_from_wire

AT = datetime(2025, 6, 21, 10, 0, tzinfo=UTC)
IDENTITY = envelopes.identity_of("LRW3F7EK4NC700000", "Model 3")
SECTIONS = ("charge_state", "drive_state", "vehicle_state", "climate_state")

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "float": st.integers(0, 10**9).map(lambda millionths: millionths / 1e6 * KM_PER_MILE),
    "int": st.integers(0, 100),
    "bool": st.booleans(),
    "str": st.text(st.characters(categories=["L", "N"]), max_size=20),
    "datetime": st.integers(946_684_800, 4_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC)),
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
    assert {name for name in told if "_km" in name} | {"is_port_latched"} == set(DETAIL_TO_WIRE)


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
