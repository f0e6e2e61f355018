"""TeslaLogger's API on the wire: every key in every state, values as `/get` writes them, values of commands."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.core.model import (
    Availability,
    ChargerStatus,
    Charging,
    Mode,
    Override,
    VehicleDetails,
    VehicleFacts,
)
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.wallbox import LoadpointSnapshot, Request, SetPoint, SiteSnapshot, VehicleSnapshot
from sunbox.dialects.teslalogger.car import Car, find_car
from sunbox.dialects.teslalogger.table import (
    BY_NAME,
    COMMANDS,
    COMMANDS_BY_NAME,
    KEYS,
    NOT_SENT,
    KeyType,
    Takes,
)
from sunbox.dialects.teslalogger.wire import (
    currentjson_to_wire,
    is_raw,
    not_allowed,
    parse_value,
    split_path,
    text_of,
    unknown_value,
    value_to_wire,
)
from sunbox.dialects.tlwb.wire import status_to_wire

VIN = "LRW3F7EK4NC700000"
AT = datetime(2025, 6, 21, 10, 30, tzinfo=UTC)
MEASURED_AT = datetime(2025, 6, 21, 10, 29, 48, 500_000, tzinfo=UTC)

DETAILS = VehicleDetails(
    range_km=301.234,
    range_ideal_km=320.0,
    charge_rate_km_h=14.5,
    left_to_charge_min=90,
    odometer_km=20512.346,
    speed_km_h=None,
    heading_deg=271,
    inside_c=24.5,
    outside_c=21.0,
    is_preconditioning=True,
    is_battery_heated=False,
    is_locked=False,
    is_guarded=True,
    is_port_open=True,
    version="2025.14.3 abc",
)

FACTS = VehicleFacts(
    measured_at=MEASURED_AT,
    charging=Charging.CHARGING,
    soc_pct=67,
    limit_soc_pct=90,
    amps_requested_a=13,
    actual_a=13.0,
    voltage_v=233.0,
    power_w=9000.0,
    phases=3,
    energy_added_wh=65_400.0,
    latitude=52.394,
    longitude=13.542,
    is_fast_charger=False,
    is_driving=False,
    details=DETAILS,
)


def vehicle_of(facts: VehicleFacts | None, **changes: Any) -> VehicleSnapshot:
    """Return the view that the gateway makes of what a car said."""
    vehicle = VehicleSnapshot(
        id="model3",
        name="Model 3",
        vin=VIN,
        availability=Availability.ONLINE,
        is_asleep=False,
        age_s=None if facts is None else 12.6,
        charging=Charging.UNKNOWN if facts is None else facts.charging,
        is_plugged=None if facts is None else facts.is_plugged,
        soc_pct=None if facts is None else facts.soc_pct,
        limit_soc_pct=None if facts is None else facts.limit_soc_pct,
        target_soc_pct=None,
        amps_requested_a=None if facts is None else facts.amps_requested_a,
        amps_requested_max_a=None,
        pilot_a=None,
        place="Home",
        place_tags=frozenset({"home", "pv"}),
        is_at_pv_place=True,
        is_at_fast_charger=False,
        login_required=False,
        spend=None,
        facts=facts,
    )
    return replace(vehicle, **changes)


def loadpoint_of(vehicle: VehicleSnapshot | None, **changes: Any) -> LoadpointSnapshot:
    loadpoint = LoadpointSnapshot(
        number=1,
        id="carport",
        name="Carport",
        mode=Mode.PV,
        override=Override.NONE,
        override_by=None,
        is_wished=True,
        version=1,
        is_settled=True,
        status=ChargerStatus.C,
        is_plugged=True,
        is_flowing=True,
        has_started=True,
        was_stopped=False,
        is_target_reached=False,
        is_pv_possible=True,
        amps_asked_a=None,
        set_point=SetPoint(charge=True, amps_a=13, phases=3),
        max_a=16,
        draw_a=13.0,
        voltage_v=233.0,
        phases=3,
        draw_w=9087.0,
        energy_added_wh=65_400.0,
        pending=None,
        reason=Reason(ReasonCode.MODE_OFF),
        vehicle=vehicle,
    )
    return replace(loadpoint, **changes)


IDLE: dict[str, Any] = {
    "status": ChargerStatus.B,
    "is_flowing": False,
    "draw_a": 0.0,
    "voltage_v": 1.0,
    "phases": 0,
    "draw_w": 0.0,
}
UNPLUGGED: dict[str, Any] = {**IDLE, "status": ChargerStatus.A, "is_plugged": False}
UNSEEN: dict[str, Any] = {**UNPLUGGED, "draw_a": None, "voltage_v": None, "draw_w": None, "energy_added_wh": None}

STOPPED = replace(FACTS, charging=Charging.STOPPED, actual_a=0.0, power_w=0.0, phases=None, voltage_v=1.0)
DISCONNECTED = replace(STOPPED, charging=Charging.DISCONNECTED, details=None, latitude=None, longitude=None)
ASLEEP: dict[str, Any] = {"availability": Availability.ASLEEP, "is_asleep": True}

CHARGING_CAR = Car(AT, loadpoint_of(vehicle_of(FACTS)), vehicle_of(FACTS))

STATES: dict[str, Car] = {
    "charging": CHARGING_CAR,
    "never seen": Car(
        AT,
        loadpoint_of(vehicle_of(None), **UNSEEN),
        vehicle_of(None, availability=Availability.UNKNOWN, place=None),
    ),
    "asleep": Car(AT, loadpoint_of(vehicle_of(STOPPED, **ASLEEP), **IDLE), vehicle_of(STOPPED, **ASLEEP)),
    "unplugged": Car(AT, loadpoint_of(vehicle_of(DISCONNECTED), **UNPLUGGED), vehicle_of(DISCONNECTED)),
    "at no loadpoint": Car(AT, None, vehicle_of(FACTS)),
    "at no loadpoint, idle": Car(AT, None, vehicle_of(STOPPED)),
    "at no loadpoint, never seen": Car(AT, None, vehicle_of(None, availability=Availability.UNKNOWN)),
    "a charger without a car": Car(AT, loadpoint_of(None), None),
    "nothing at all": Car(AT, None, None),
    "no numbers": Car(AT, loadpoint_of(None, draw_a=float("nan"), voltage_v=float("inf"), draw_w=float("nan")), None),
}

JSON_TYPES = {KeyType.BOOL: bool, KeyType.INT: int, KeyType.FLOAT: float, KeyType.TEXT: str}


@pytest.mark.parametrize("name", STATES)
def test_every_key_is_there_with_its_type_in_every_state(name: str) -> None:
    answer = currentjson_to_wire(STATES[name])
    assert list(answer) == [key.name for key in KEYS]
    body = json.dumps(answer, allow_nan=False)
    for key in KEYS:
        assert type(json.loads(body)[key.name]) is JSON_TYPES[key.type], key.name


DOCUMENTED = """
charging driving online sleeping falling_asleep plugged_in charge_port_door_open fast_charger_present battery_heater
is_preconditioning sentry_mode locked TLGeofenceIsHome TLGeofenceIsCharger TLGeofenceIsWork
| speed power charger_voltage charger_phases charger_phases_calc charger_actual_current charger_actual_current_calc
charge_current_request charger_power_calc_w charge_limit_soc heading trip_duration_sec open_windows open_doors frunk trunk
trip_max_speed trip_max_power
| odometer ideal_battery_range_km battery_range_km outside_temp battery_level charge_energy_added charger_power charge_rate_km
time_to_full_charge trip_kwh trip_avg_kwh trip_distance latitude longitude inside_temperature tpms_pressure_fr tpms_pressure_fl
tpms_pressure_rr tpms_pressure_rl active_route_energy_at_arrival active_route_km_to_arrival active_route_minutes_to_arrival
active_route_traffic_minutes_delay active_route_latitude active_route_longitude
| fast_charger_brand car_version trip_start trip_start_dt ts country_code state display_name software_update_status
software_update_version FatalError TLGeofence active_route_destination
"""
"""TeslaLogger's keys by type: true or false, integer, float, text."""


def test_the_keys_are_teslaloggers() -> None:
    words = dict(zip(KeyType, (part.split() for part in DOCUMENTED.split("|")), strict=True))
    assert {(key.name, key.type) for key in KEYS} == {(name, kind) for kind in KeyType for name in words[kind]}
    assert len(BY_NAME) == len(KEYS)


def test_a_car_that_charges() -> None:
    answer = currentjson_to_wire(CHARGING_CAR)
    shown = {name: value for name, value in answer.items() if value != BY_NAME[name].neutral}
    assert shown == {
        "charging": True,
        "online": True,
        "plugged_in": True,
        "odometer": 20512.35,
        "ideal_battery_range_km": 320.0,
        "battery_range_km": 301.23,
        "outside_temp": 21.0,
        "battery_level": 67.0,
        "charger_voltage": 233,
        "charger_phases": 2,
        "charger_phases_calc": 3,
        "charger_actual_current": 13,
        "charger_actual_current_calc": 13,
        "charge_current_request": 13,
        "charge_energy_added": 65.4,
        "charger_power": 9.09,
        "charger_power_calc_w": 9087,
        "charge_rate_km": 14.5,
        "charge_port_door_open": True,
        "time_to_full_charge": 1.5,
        "car_version": "2025.14.3 abc",
        "ts": "2025-06-21T10:30:00Z",
        "latitude": 52.394,
        "longitude": 13.542,
        "charge_limit_soc": 90,
        "inside_temperature": 24.5,
        "is_preconditioning": True,
        "sentry_mode": True,
        "state": "online",
        "display_name": "Model 3",
        "heading": 271,
        "locked": False,
        "TLGeofence": "Home",
        "TLGeofenceIsHome": True,
    }


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("never seen", {"plugged_in": False, "charging": False, "state": "", "locked": True, "TLGeofence": "-"}),
        ("never seen", {"battery_level": 0.0, "charge_limit_soc": 0, "display_name": "Model 3", "trip_start": "00:00"}),
        ("asleep", {"sleeping": True, "online": False, "state": "asleep", "plugged_in": True, "battery_level": 67.0}),
        ("asleep", {"charging": False, "charger_phases": 0, "charger_voltage": 1, "odometer": 20512.35}),
        ("unplugged", {"plugged_in": False, "charging": False, "online": True, "odometer": 0.0, "locked": True}),
        ("at no loadpoint", {"plugged_in": True, "charging": True, "charger_phases": 2, "charger_phases_calc": 3}),
        ("at no loadpoint", {"charger_actual_current": 13, "charger_power": 9.0, "charge_energy_added": 65.4}),
        ("at no loadpoint, idle", {"plugged_in": True, "charging": False, "charger_power": 0.0}),
        ("a charger without a car", {"plugged_in": True, "charging": True, "display_name": "Carport"}),
        ("no numbers", {"charger_voltage": 0, "charger_actual_current": 0, "charger_power": 0.0}),
    ],
)
def test_what_is_told_in_other_states(state: str, expected: dict[str, Any]) -> None:
    answer = currentjson_to_wire(STATES[state])
    assert {name: answer[name] for name in expected} == expected


@pytest.mark.parametrize("wish", [{}, {"amps_asked_a": 9}])
@pytest.mark.parametrize("target", [{}, {"target_soc_pct": 40}])
@pytest.mark.parametrize("state", ["charging", "asleep", "unplugged"])
def test_the_numbers_are_those_of_tlwb(state: str, wish: dict[str, Any], target: dict[str, Any]) -> None:
    car = STATES[state]
    assert car.loadpoint is not None
    assert car.vehicle is not None
    vehicle = replace(car.vehicle, **target)
    loadpoint = replace(car.loadpoint, vehicle=vehicle, **wish)
    ours, theirs = currentjson_to_wire(Car(AT, loadpoint, vehicle)), status_to_wire(loadpoint)
    assert ours["battery_level"] == theirs["soc"]
    assert ours["charge_limit_soc"] == theirs["targetsoc"]
    assert ours["charge_current_request"] == theirs["targetamp"]
    assert ours["charger_actual_current"] == theirs["amps"]
    assert ours["charger_voltage"] == theirs["volts"]
    assert ours["charger_power_calc_w"] == theirs["power"]
    assert ours["charger_phases_calc"] == theirs["phases"]
    assert ours["charge_energy_added"] == theirs["energy"]
    assert ours["charging"] == (theirs["status"] == 3)
    assert ours["plugged_in"] == (theirs["status"] != 0)


def test_a_car_that_needs_a_login_says_so() -> None:
    vehicle = vehicle_of(FACTS, login_required=True)
    assert "logged in again" in str(currentjson_to_wire(Car(AT, None, vehicle))["FatalError"])


# --- one value ---


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("battery_level", "67"),
        ("odometer", "20512.35"),
        ("charging", "True"),
        ("locked", "False"),
        ("charge_limit_soc", "90"),
        ("car_version", "2025.14.3 abc"),
        ("TLGeofence", "Home"),
        ("ts", "2025-06-21T10:30:00Z"),
    ],
)
def test_one_value(name: str, text: str) -> None:
    assert value_to_wire(BY_NAME[name], CHARGING_CAR, raw=True) == text
    body = json.loads(value_to_wire(BY_NAME[name], CHARGING_CAR, raw=False) or "")
    assert body == {"response": {"value": text, "timestamp": 1_750_501_788_500}}


@pytest.mark.parametrize("name", STATES)
def test_a_value_is_the_one_of_currentjson_or_not_there(name: str) -> None:
    car = STATES[name]
    answer = currentjson_to_wire(car)
    for key in KEYS:
        text = value_to_wire(key, car, raw=True)
        assert text == text_of(answer[key.name]) or (text is None and answer[key.name] == key.neutral), key.name


def test_a_name_in_quotes_is_still_json() -> None:
    car = Car(AT, None, vehicle_of(None, name='My "3"\n'))
    body = json.loads(value_to_wire(BY_NAME["display_name"], car, raw=False) or "")
    assert body["response"] == {"value": 'My "3"\n', "timestamp": 1_750_501_800_000}


def test_the_texts_that_are_documented() -> None:
    assert unknown_value("soc", "1") == (
        "state soc not found, was the car 1 awake since the last TeslaLogger restart or Car Thread restart?"
    )
    assert not_allowed("honk") == "command honk is not allowed"
    assert len(unknown_value("x" * 9999, "1")) < 200
    assert len(not_allowed("x" * 9999)) < 100


@pytest.mark.parametrize(
    ("query", "raw"),
    [("raw", True), ("x=raw", True), ("&raw&", True), ("", False), ("raw=1", False), ("raw&raw", False)],
)
def test_raw(query: str, raw: bool) -> None:
    assert is_raw(query) is raw


# --- paths, cars ---


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("", ("", "")),
        ("/", ("", "")),
        ("/1", ("1", "")),
        ("/1/", ("1", "")),
        ("/1/soc", ("1", "soc")),
        ("/1/soc/", ("1", "soc")),
        ("/1/a/b", ("1", "a/b")),
    ],
)
def test_paths(path: str, parts: tuple[str, str]) -> None:
    assert split_path(path) == parts


SECOND = vehicle_of(FACTS, id="modely", vin="XP7YGCEK0PB000001")
THIRD = vehicle_of(FACTS, id="old", vin="5YJSA1E26HF000337")
SITE = SiteSnapshot(
    at=AT,
    name="Home",
    grid_w=None,
    pv_w=None,
    battery_w=None,
    battery_soc_pct=None,
    house_w=None,
    limit=None,
    is_grid_stale=False,
    grid_age_s=None,
    surplus_w=None,
    loadpoints=(
        loadpoint_of(vehicle_of(FACTS)),
        loadpoint_of(SECOND, number=2, id="street", is_plugged=False),
        loadpoint_of(SECOND, number=3, id="garage"),
    ),
    vehicles=(vehicle_of(FACTS), SECOND, THIRD),
)


@pytest.mark.parametrize(
    ("name", "loadpoint_id", "vehicle_id"),
    [
        ("1", "carport", "model3"),
        ("2", "street", "modely"),
        ("carport", "carport", "model3"),
        ("model3", "carport", "model3"),
        (VIN, "carport", "model3"),
        (VIN.lower(), "carport", "model3"),
        ("modely", "garage", "modely"),  # the one that holds it
        ("xp7ygcek0pb000001", "garage", "modely"),
        ("old", None, "old"),
        ("5yjsa1e26hf000337", None, "old"),
    ],
)
def test_which_car(name: str, loadpoint_id: str | None, vehicle_id: str) -> None:
    car = find_car(SITE, name)
    assert car is not None
    assert car.vehicle is not None
    assert (None if car.loadpoint is None else car.loadpoint.id, car.vehicle.id) == (loadpoint_id, vehicle_id)


@pytest.mark.parametrize("name", ["", "0", "4", "01", "Carport", "1.0", "None", "٣", "9" * 9999])
def test_no_such_car(name: str) -> None:
    assert find_car(SITE, name) is None
    without = replace(SITE.vehicles[2], vin=None)
    assert find_car(replace(SITE, loadpoints=(), vehicles=(without,)), name) is None


# --- commands ---


@pytest.mark.parametrize(
    ("name", "query", "value"),
    [
        ("charge_start", "", 0),
        ("charge_start", "whatever&more", 0),
        ("wake_up", "", 0),
        ("charge_start_stop", "1", 1),
        ("charge_start_stop", "true", 1),
        ("charge_start_stop", "TRUE", 1),
        ("charge_start_stop", "On", 1),
        ("charge_start_stop", "enable=true", 1),
        ("charge_start_stop", "0", 0),
        ("charge_start_stop", "false", 0),
        ("charge_start_stop", "start", 0),
        ("charge_start_stop", "", None),
        ("charge_start_stop", "enable=", None),
        ("charge_start_stop", "true&true", None),
        ("set_charging_amps", "16", 16),
        ("set_charging_amps", "amps=16", 16),
        ("set_charging_amps", "%31%36", 16),
        ("set_charging_amps", "-1", -1),
        ("set_charging_amps", "", None),
        ("set_charging_amps", "amps", None),
        ("set_charging_amps", "16.0", None),
        ("set_charging_amps", "16A", None),
        ("set_charging_amps", "16&17", None),
        ("set_charging_amps", "1" * 5000, None),
        ("set_charging_amps", "١٦", None),
        ("set_charge_limit", "80", 80),
        ("set_charge_limit", "80%25", None),
    ],
)
def test_values_of_commands(name: str, query: str, value: int | None) -> None:
    assert parse_value(COMMANDS_BY_NAME[name], query) == value


@given(st.sampled_from(COMMANDS), st.text())
def test_no_query_is_too_strange(command: Any, query: str) -> None:
    value = parse_value(command, query)
    assert value is None or isinstance(value, int)
    assert command.takes is Takes.NUMBER or value in {0, 1, None}


@pytest.mark.parametrize(
    ("name", "value", "wish"),
    [
        ("charge_start", 0, {"override": Override.CHARGE}),
        ("charge_stop", 0, {"override": Override.STOP}),
        ("charge_start_stop", 1, {"override": Override.CHARGE}),
        ("charge_start_stop", 0, {"override": Override.STOP}),
        ("set_charge_limit", 80, {"target_soc_pct": 80}),
        ("set_charging_amps", 16, {"amps_a": 16}),
    ],
)
def test_commands_become_wishes(name: str, value: int, wish: dict[str, Any]) -> None:
    make_request = COMMANDS_BY_NAME[name].make_request
    assert make_request is not None
    assert make_request("carport", value) == Request(loadpoint_id="carport", by="teslalogger", **wish)


def test_all_of_teslaloggers_commands_are_known_to_the_table() -> None:
    allowed = """auto_conditioning_start auto_conditioning_stop auto_conditioning_start_stop auto_conditioning_toggle
        sentry_mode_on sentry_mode_off sentry_mode_on_off sentry_mode_toggle wake_up set_charge_limit charge_start
        charge_stop charge_start_stop set_charging_amps"""
    assert {*COMMANDS_BY_NAME, *NOT_SENT} == set(allowed.split())
    assert not set(COMMANDS_BY_NAME) & set(NOT_SENT)
    assert [command.name for command in COMMANDS if command.make_request is None] == ["wake_up"]
