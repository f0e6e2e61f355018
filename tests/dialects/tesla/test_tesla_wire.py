"""Vehicle documents and tokens: what is read, what is written, and that nothing weird raises."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.core.model import Availability, Charging, VehicleDetails, VehicleFacts
from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.wire import (
    AVAILABILITY_WORDS,
    CHARGE_STATE,
    CHARGING_WORDS,
    EPOCH_AT,
    Tokens,
    availability_from_wire,
    document_from_wire,
    refresh_to_wire,
    token_error_from_wire,
    tokens_from_wire,
    tokens_to_wire,
    vehicle_from_wire,
)

AT = datetime(2024, 6, 1, 10, 0, 0, 250_000, tzinfo=UTC)

# The fields of home-assistant/core:tests/components/tesla_fleet/fixtures/vehicle_data.json (shortened, coordinates replaced).
FIXTURE = json.loads("""
{"response":{"id":1234,"vehicle_id":1234,"vin":"LRWXF7EK4KC700000","access_type":"OWNER","state":"online",
"in_service":false,"id_s":"1234","api_version":71,
"charge_state":{"battery_heater_on":false,"battery_level":77,"battery_range":266.87,"charge_amps":16,
 "charge_current_request":16,"charge_current_request_max":16,"charge_enable_request":true,"charge_energy_added":0,
 "charge_limit_soc":80,"charge_limit_soc_max":100,"charge_limit_soc_min":50,"charge_limit_soc_std":80,
 "charge_miles_added_ideal":0,"charge_miles_added_rated":0,"charge_port_cold_weather_mode":false,
 "charge_port_color":"<invalid>","charge_port_door_open":true,"charge_port_latch":"Engaged","charge_rate":0,
 "charger_actual_current":0,"charger_phases":null,"charger_pilot_current":16,"charger_power":0,"charger_voltage":2,
 "charging_state":"Stopped","conn_charge_cable":"IEC","est_battery_range":275.04,"fast_charger_brand":"<invalid>",
 "fast_charger_present":false,"fast_charger_type":"ACSingleWireCAN","ideal_battery_range":266.87,
 "max_range_charge_counter":0,"minutes_to_full_charge":0,"not_enough_power_to_heat":null,
 "off_peak_charging_enabled":false,"off_peak_charging_times":"all_week","off_peak_hours_end_time":900,
 "preconditioning_enabled":false,"preconditioning_times":"all_week","scheduled_charging_mode":"Off",
 "scheduled_charging_pending":false,"scheduled_charging_start_time":null,"scheduled_charging_start_time_app":600,
 "scheduled_departure_time":1704837600,"scheduled_departure_time_minutes":480,"supercharger_session_trip_planner":false,
 "time_to_full_charge":0,"timestamp":1705707520649,"trip_charging":false,"usable_battery_level":77,
 "user_charge_enable_request":null},
"drive_state":{"gps_as_of":1701129612,"heading":185,"latitude":52.39,"longitude":13.54,"native_latitude":52.39,
 "native_location_supported":1,"native_longitude":13.54,"native_type":"wgs","power":0,"shift_state":null,"speed":null,
 "timestamp":1705707520649},
"vehicle_state":{"car_version":"2023.44.30.8 06f534d46010","odometer":6481.019,"is_user_present":false,"locked":true,
 "sentry_mode":false,"vehicle_name":"Test","timestamp":1705707520649},
"climate_state":{"inside_temp":29.8,"outside_temp":30,"is_preconditioning":false,"timestamp":1705707520649},
"vehicle_config":{"car_type":"model3","charge_port_type":"CCS","eu_vehicle":true,"utc_offset":36000,
 "timestamp":1705707520649}}}
""")


def document(charge: dict[str, Any] | None = None, drive: dict[str, Any] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"state": "online", "charge_state": {"timestamp": 1705707520649, **(charge or {})}}
    if drive is not None:
        body["drive_state"] = drive
    return {"response": body}


DETAILS_OF_FIXTURE = VehicleDetails(
    range_km=pytest.approx(429.5, abs=0.1),
    range_ideal_km=pytest.approx(429.5, abs=0.1),
    range_estimated_km=pytest.approx(442.6, abs=0.1),
    usable_soc_pct=77,
    limit_soc_standard_pct=80,
    limit_soc_max_pct=100,
    charge_rate_km_h=0.0,
    left_to_charge_min=0,
    odometer_km=pytest.approx(10430.2, abs=0.1),
    heading_deg=185,
    inside_c=29.8,
    outside_c=30.0,
    is_preconditioning=False,
    is_battery_heated=False,
    is_locked=True,
    is_guarded=False,
    is_port_open=True,
    is_port_latched=True,
    version="2023.44.30.8 06f534d46010",
    schedule_mode="Off",
    schedule_start_min=600,
    schedule_departure_min=480,
)


def test_a_real_document() -> None:
    expected = VehicleFacts(
        measured_at=datetime(2024, 1, 19, 23, 38, 40, 649_000, tzinfo=UTC),
        charging=Charging.STOPPED,
        soc_pct=77,
        limit_soc_pct=80,
        limit_soc_min_pct=50,
        amps_requested_a=16,
        amps_requested_max_a=16,
        pilot_a=16,
        actual_a=0.0,
        voltage_v=2.0,
        power_w=0.0,
        phases=None,
        energy_added_wh=0.0,
        latitude=52.39,
        longitude=13.54,
        is_fast_charger=False,
        is_driving=False,
        is_schedule_pending=False,
        details=DETAILS_OF_FIXTURE,
    )
    assert vehicle_from_wire(FIXTURE) == expected
    assert vehicle_from_wire({"response": FIXTURE}) == expected  # TeslaBleHttpProxy nests it twice
    assert availability_from_wire(FIXTURE) is Availability.ONLINE


def test_units() -> None:
    facts = vehicle_from_wire(
        document(
            {
                "charger_power": 11,
                "charge_energy_added": 12.34,
                "charger_voltage": 230,
                "charger_actual_current": 16,
                "charger_phases": 2,
                "charging_state": "Charging",
            }
        )
    )
    assert facts.energy_added_wh == pytest.approx(12340)
    assert (facts.power_w, facts.voltage_v, facts.actual_a, facts.phases) == (11000.0, 230.0, 16.0, 3)
    assert facts.charging is Charging.CHARGING


@pytest.mark.parametrize(
    ("wire", "phases"), [(None, None), (0, None), (1, 1), (2, 3), (3, 3), (4, None), ("2", None), (True, None)]
)
def test_phases(wire: Any, phases: int | None) -> None:
    assert vehicle_from_wire(document({"charger_phases": wire})).phases == phases


@pytest.mark.parametrize(
    ("wire", "charging"),
    [*CHARGING_WORDS.items(), ("Unknown", Charging.UNKNOWN), (None, Charging.UNKNOWN), (3, Charging.UNKNOWN)],
)
def test_charging_words(wire: Any, charging: Charging) -> None:
    facts = vehicle_from_wire(document({"charging_state": wire}))
    assert facts.charging is charging
    plugged = {Charging.UNKNOWN: None, Charging.DISCONNECTED: False}.get(charging, True)
    assert facts.is_plugged is plugged


def test_every_charging_state_has_a_word() -> None:
    assert set(CHARGING_WORDS.values()) == set(Charging) - {Charging.UNKNOWN}
    assert set(AVAILABILITY_WORDS.values()) == set(Availability) - {Availability.UNKNOWN}


@pytest.mark.parametrize(
    ("drive", "is_driving"),
    [
        (None, None),
        ({}, None),
        ({"shift_state": None}, False),
        ({"shift_state": "P"}, False),
        ({"shift_state": "D"}, True),
        ({"shift_state": "R"}, True),
        ({"shift_state": "N"}, True),
        ({"shift_state": "X"}, None),
        ({"shift_state": 7}, None),
        ({"shift_state": []}, None),
    ],
)
def test_driving(drive: dict[str, Any] | None, is_driving: bool | None) -> None:
    facts = vehicle_from_wire(document(drive=drive))
    assert facts.is_driving is is_driving
    assert facts.latitude is None


def test_half_a_location_is_none() -> None:
    facts = vehicle_from_wire(document(drive={"latitude": 52.0, "longitude": 181}))
    assert (facts.latitude, facts.longitude) == (None, None)


NO_NUMBERS = ("charging_state", "fast_charger_present", "scheduled_charging_pending")
WEIRD = [None, True, "16", [], {}, -1, 1e12, float("nan"), float("inf"), 10**400]


@pytest.mark.parametrize("value", WEIRD)
@pytest.mark.parametrize("key", [key for key in CHARGE_STATE if key not in NO_NUMBERS])
def test_weird_numbers_are_not_known(key: str, value: Any) -> None:
    field, _ = CHARGE_STATE[key]
    assert getattr(vehicle_from_wire(document({key: value})), field) is None


def test_the_instant_comes_from_wherever_there_is_one() -> None:
    assert vehicle_from_wire(document({"timestamp": "soon"}), received_at=AT).measured_at == AT
    assert vehicle_from_wire(document({"timestamp": None})).measured_at == EPOCH_AT
    elsewhere = document({"timestamp": 10**400}, drive={"timestamp": 1705707520649})
    assert vehicle_from_wire(elsewhere, received_at=AT).measured_at == vehicle_from_wire(FIXTURE).measured_at


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"response": None},
        {"response": []},
        {"response": {}},
        {"response": {"response": {}}},
        {"response": {"vin": "x"}},
    ],
)
def test_what_is_no_vehicle_is_said_to_be_none(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no vehicle document"):
        vehicle_from_wire(bad)


@pytest.mark.parametrize(
    ("word", "availability"),
    [
        *AVAILABILITY_WORDS.items(),
        ("waking", Availability.UNKNOWN),
        (None, Availability.UNKNOWN),
        ({}, Availability.UNKNOWN),
    ],
)
def test_availability(word: Any, availability: Availability) -> None:
    assert availability_from_wire({"response": {"state": word}}) is availability


def test_a_list_is_no_vehicle() -> None:
    with pytest.raises(ValueError, match="no vehicle document"):
        availability_from_wire({"response": [], "count": 0})


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", "3", b"\xff", b"[" * 9000])
def test_what_is_no_document_is_said_to_be_none(body: bytes | str) -> None:
    with pytest.raises(ValueError, match="not a JSON"):
        document_from_wire(body)


IDENTITY = envelopes.Identity(id=1, vehicle_id=2, vin="LRW3F7EK4NC700000", name="Model 3")

known = st.builds(
    VehicleFacts,
    measured_at=st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1)).map(  # noqa: DTZ001 - made aware below
        lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC)
    ),
    charging=st.sampled_from(Charging),
    soc_pct=st.none() | st.integers(0, 100),
    limit_soc_pct=st.none() | st.integers(50, 100),
    limit_soc_min_pct=st.none() | st.just(50),
    amps_requested_a=st.none() | st.integers(0, 48),
    amps_requested_max_a=st.none() | st.integers(0, 48),
    pilot_a=st.none() | st.integers(0, 48),
    actual_a=st.none() | st.integers(0, 48).map(float),
    voltage_v=st.none() | st.integers(0, 260).map(float),
    power_w=st.none() | st.integers(0, 250).map(lambda kw: kw * 1000.0),
    phases=st.sampled_from([None, 1, 3]),
    energy_added_wh=st.none() | st.integers(0, 9000).map(lambda units: units * 10.0),
    is_fast_charger=st.none() | st.booleans(),
    is_driving=st.booleans(),
)


@given(facts=known, location=st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180)))
def test_written_and_read_again(facts: VehicleFacts, location: tuple[float, float] | None) -> None:
    latitude, longitude = location or (None, None)
    facts = VehicleFacts(
        **{
            **{name: getattr(facts, name) for name in VehicleFacts.__dataclass_fields__},
            "latitude": latitude,
            "longitude": longitude,
        }
    )
    sections = ("charge_state", "location_data")
    body = json.dumps(envelopes.vehicle_to_wire(IDENTITY, facts, more={}, sections=sections))
    again = vehicle_from_wire(document_from_wire(body))
    assert again.energy_added_wh == (None if facts.energy_added_wh is None else pytest.approx(facts.energy_added_wh))
    for name in VehicleFacts.__dataclass_fields__:
        if name not in ("energy_added_wh", "details"):
            assert getattr(again, name) == getattr(facts, name)


def test_written_types_are_teslas() -> None:
    facts = VehicleFacts(
        measured_at=AT,
        charging=Charging.CHARGING,
        actual_a=15.7,
        voltage_v=227.6,
        power_w=10_700.0,
        phases=3,
        is_driving=True,
    )
    response = envelopes.vehicle_to_wire(IDENTITY, facts, more={"vehicle_state": {"locked": True}})["response"]
    charge, drive = response["charge_state"], response["drive_state"]
    assert (charge["charger_actual_current"], charge["charger_voltage"], charge["charger_power"]) == (16, 228, 11)
    assert all(isinstance(charge[key], int) for key in ("charger_actual_current", "charger_voltage", "charger_power"))
    assert (charge["charger_phases"], charge["charging_state"], charge["battery_level"]) == (2, "Charging", None)
    assert charge["timestamp"] == response["vehicle_state"]["timestamp"] == 1717236000250
    assert drive == {"heading": None, "power": 0, "shift_state": "D", "speed": None, "timestamp": 1717236000250}


def test_only_what_is_asked_for_is_shown() -> None:
    facts = VehicleFacts(measured_at=AT, latitude=52.0, longitude=13.0)
    more = {"vehicle_state": {"locked": True}, "gui_settings": {}}

    def shown(*sections: str) -> dict[str, Any]:
        whole: dict[str, Any] = envelopes.vehicle_to_wire(IDENTITY, facts, more=more, sections=sections)["response"]
        return {name: value for name, value in whole.items() if isinstance(value, dict) and "timestamp" in value}

    assert set(shown()) == {"charge_state", "drive_state", "vehicle_state", "gui_settings"}
    assert "latitude" not in shown()["drive_state"]
    assert set(shown("charge_state")) == {"charge_state"}
    assert set(shown("location_data")) == {"drive_state"}
    assert shown("location_data")["drive_state"]["latitude"] == 52.0
    assert shown("location_data")["drive_state"]["gps_as_of"] == 1717236000


def test_envelopes() -> None:
    assert envelopes.success() == {"response": {"result": True, "reason": ""}}
    assert envelopes.refused("complete") == {"response": {"result": False, "reason": "complete"}}
    assert envelopes.error("x", "y") == {"response": None, "error": "x", "error_description": "y"}
    summary = envelopes.summary_to_wire(IDENTITY, Availability.OFFLINE)
    assert (summary["id"], summary["id_s"], summary["state"], summary["in_service"]) == (1, "1", "offline", False)
    assert envelopes.many([summary]) == {"response": [summary], "count": 1}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["response", "charge_state", "drive_state", "state", "shift_state", "latitude", "longitude"]
            )
            | st.sampled_from(sorted(CHARGE_STATE))
            | st.just("timestamp"),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(charge=st.dictionaries(st.sampled_from([*CHARGE_STATE, "timestamp"]), json_values), drive=json_values)
def test_no_field_raises(charge: dict[str, Any], drive: Any) -> None:
    facts = vehicle_from_wire({"response": {"charge_state": charge, "drive_state": drive}})
    assert facts.soc_pct is None or 0 <= facts.soc_pct <= 100
    assert isinstance(facts.charging, Charging)


@given(st.dictionaries(st.sampled_from(["response", "error"]), json_values))
def test_any_document_is_read_or_said_to_be_none(anything: dict[str, Any]) -> None:
    for read in (vehicle_from_wire, availability_from_wire, tokens_from_wire):
        with suppress(ValueError):
            assert read(anything) is not None


def test_tokens() -> None:
    tokens = Tokens(access_token="a", refresh_token="r", expires_in_s=28800.0)
    assert tokens_from_wire(tokens_to_wire(tokens)) == tokens
    assert tokens_to_wire(tokens)["token_type"] == "Bearer"
    assert tokens_from_wire({"access_token": "a"}) == Tokens(access_token="a", refresh_token=None, expires_in_s=28800.0)
    assert "access" not in repr(tokens)
    assert refresh_to_wire("id", "r") == {"grant_type": "refresh_token", "client_id": "id", "refresh_token": "r"}
    with pytest.raises(ValueError, match="access_token"):
        tokens_from_wire({"error": "login_required"})


@pytest.mark.parametrize(
    ("status", "is_final"),
    [(400, True), (401, True), (403, True), (408, False), (429, False), (500, False), (503, False)],
)
def test_only_some_token_errors_need_a_person(status: int, is_final: bool) -> None:
    refused = token_error_from_wire(status, b'{"error":"login_required","error_description":"log in again"}')
    assert (refused.is_login_required, refused.detail) == (is_final, "login_required: log in again")
