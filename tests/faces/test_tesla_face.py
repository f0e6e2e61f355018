"""The cars as Tesla's Fleet API (single `response`) and as TeslaBleHttpProxy (double): shapes, sequences of clients, mistakes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx2
import pytest
from structlog.testing import capture_logs
from wallbox_double import SCHEDULES, WallboxDouble, make_facts, make_loadpoint, make_vehicle

from sunbox.core.commands import Cause, Command, CommandName, Outcome
from sunbox.core.model import Availability, Charging, Override, VehicleDetails, VehicleFacts
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.wallbox import OrderedEnd, Request
from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.table import COMMANDS, VEHICLE_DATA_ENDPOINTS
from sunbox.dialects.tesla.wire import availability_from_wire, vehicle_from_wire
from sunbox.faces.main import create_main_app

VIN = "LRW3F7EK4NC700000"
ID = envelopes.identity_of(VIN, "Model 3").id
ALL = f"{VEHICLE_DATA_ENDPOINTS};climate_state"
MILE_KM = 1.609344

FACTS = VehicleFacts(
    measured_at=datetime(2025, 6, 21, 10, 29, 48, 250_000, tzinfo=UTC),
    charging=Charging.CHARGING,
    soc_pct=67,
    limit_soc_pct=90,
    limit_soc_min_pct=50,
    amps_requested_a=13,
    amps_requested_max_a=16,
    pilot_a=16,
    actual_a=13.0,
    voltage_v=233.0,
    power_w=9000.0,
    phases=3,
    energy_added_wh=6540.0,
    latitude=52.39,
    longitude=13.54,
    is_fast_charger=False,
    is_driving=False,
    is_schedule_pending=True,
    schedule_at=datetime(2025, 6, 21, 22, 0, tzinfo=UTC),
    details=VehicleDetails(
        range_km=266.87 * MILE_KM,
        range_ideal_km=266.87 * MILE_KM,
        range_estimated_km=275.04 * MILE_KM,
        usable_soc_pct=66,
        limit_soc_standard_pct=80,
        limit_soc_max_pct=100,
        charge_rate_km_h=35.0 * MILE_KM,
        left_to_charge_min=95,
        odometer_km=6481.019279 * MILE_KM,
        speed_km_h=None,
        heading_deg=185,
        inside_c=29.8,
        outside_c=30.0,
        is_preconditioning=False,
        is_battery_heated=False,
        is_locked=True,
        is_guarded=False,
        is_port_open=True,
        is_port_latched=True,
        version="2025.14.3",
        schedule_mode="StartAt",
        schedule_start_min=1320,
        schedule_departure_min=480,
        schedules=SCHEDULES,
    ),
)

T = TypeVar("T")


def wallbox(facts: VehicleFacts | None = FACTS, **changes: Any) -> WallboxDouble:
    return WallboxDouble(make_loadpoint(vehicle=make_vehicle(facts=facts, **changes)))


def run(box: WallboxDouble, work: Callable[[httpx2.AsyncClient], Awaitable[T]]) -> T:
    async def main() -> T:
        transport = httpx2.ASGITransport(create_main_app(box))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:5000") as client:
            return await work(client)

    return asyncio.run(main())


def ask(box: WallboxDouble, path: str, method: str = "GET", **how: Any) -> httpx2.Response:
    return run(box, lambda client: client.request(method, path, **how))


def post(box: WallboxDouble, path: str, content: str | bytes = b"", **how: Any) -> httpx2.Response:
    return ask(box, path, "POST", content=content, **how)


def is_untouched(box: WallboxDouble) -> bool:
    return box.requests == [] and box.orders == []


SINGLE = ["/api/1", "/fleet/api/1"]
PREFIXES = [*SINGLE, "/ble/api/1"]


def inner(prefix: str, answer: httpx2.Response) -> Any:
    """Return what the Fleet API has in `response`."""
    response = answer.json()["response"]
    return response["response"] if prefix.startswith("/ble") else response


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_is_written_is_read_again_as_it_was(prefix: str) -> None:
    box = wallbox()
    answer = ask(box, f"{prefix}/vehicles/{VIN}/vehicle_data?endpoints={ALL}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert vehicle_from_wire(answer.json()) == FACTS
    assert availability_from_wire(answer.json()) is Availability.ONLINE
    assert is_untouched(box)


def test_the_envelope_of_the_proxy() -> None:
    body = ask(wallbox(), f"/ble/api/1/vehicles/{VIN}/vehicle_data?endpoints=charge_state").json()
    assert set(body) == {"response"}
    outer = body["response"]
    assert set(outer) == {"result", "reason", "vin", "command", "response"}
    assert (outer["result"], outer["vin"], outer["command"]) == (True, VIN, "vehicle_data")
    charge = outer["response"]["charge_state"]
    told = {key: charge[key] for key in ("battery_level", "charge_amps", "charge_limit_soc", "battery_range")}
    assert told == {"battery_level": 67, "charge_amps": 13, "charge_limit_soc": 90, "battery_range": 266.87}


INTEGERS = [
    "battery_level",
    "charge_amps",
    "charge_current_request",
    "charge_current_request_max",
    "charge_limit_soc",
    "charge_limit_soc_max",
    "charge_limit_soc_min",
    "charge_limit_soc_std",
    "charger_actual_current",
    "charger_phases",
    "charger_pilot_current",
    "charger_power",
    "charger_voltage",
    "minutes_to_full_charge",
    "scheduled_charging_start_time",
    "timestamp",
    "usable_battery_level",
]


@pytest.mark.parametrize("facts", [FACTS, VehicleFacts(measured_at=FACTS.measured_at)])
def test_integers_are_integers_or_null(facts: VehicleFacts) -> None:
    document = ask(wallbox(facts), f"/api/1/vehicles/1/vehicle_data?endpoints={ALL}").json()["response"]
    charge = document["charge_state"]
    assert {
        key: value for key, value in charge.items() if key in INTEGERS and type(value) not in (int, type(None))
    } == {}
    assert set(INTEGERS) <= set(charge)
    assert document["drive_state"]["speed"] is None
    assert all(type(document[name]["timestamp"]) is int for name in document if name.endswith("_state"))
    assert type(document["drive_state"]["gps_as_of"]) is int
    assert (type(document["id"]), type(document["id_s"]), type(document["vin"])) == (int, str, str)


def test_miles_and_kilowatts() -> None:
    details = replace(FACTS.details or VehicleDetails(), speed_km_h=100.0)
    facts = replace(FACTS, details=details, power_w=10_700.0, actual_a=15.7, is_driving=True)
    document = ask(wallbox(facts), f"/api/1/vehicles/1/vehicle_data?endpoints={ALL}").json()["response"]
    charge, drive = document["charge_state"], document["drive_state"]
    assert (charge["charger_power"], charge["charger_actual_current"], charge["charger_phases"]) == (11, 16, 2)
    assert (charge["charge_energy_added"], charge["charge_rate"]) == (6.54, 35)
    assert (charge["minutes_to_full_charge"], charge["time_to_full_charge"]) == (95, 1.58)
    assert (charge["charge_port_latch"], charge["charge_port_door_open"]) == ("Engaged", True)
    assert (document["vehicle_state"]["odometer"], document["vehicle_state"]["vehicle_name"]) == (
        6481.019279,
        "Model 3",
    )
    assert (drive["speed"], drive["shift_state"]) == (62, "D")


def test_the_location_is_told_to_those_who_ask_for_it() -> None:
    plain = ask(wallbox(), f"/api/1/vehicles/{VIN}/vehicle_data").json()["response"]
    assert {"charge_state", "climate_state", "drive_state", "vehicle_state"} <= set(plain)
    assert "latitude" not in plain["drive_state"]
    asked = ask(wallbox(), f"/api/1/vehicles/{VIN}/vehicle_data?endpoints=location_data%3Bx").json()["response"]
    assert asked["drive_state"]["latitude"] == 52.39
    assert "charge_state" not in asked


@pytest.mark.parametrize("prefix", PREFIXES)
def test_schedules_are_told_to_those_who_ask_for_them_by_name(prefix: str) -> None:
    path = f"{prefix}/vehicles/{VIN}/vehicle_data"
    for query in ("", "?endpoints=charge_state%3Blocation_data"):
        assert "charge_schedule_data" not in inner(prefix, ask(wallbox(), path + query))
    told = inner(prefix, ask(wallbox(), f"{path}?endpoints=charge_schedule_data"))
    assert "charge_state" not in told
    noon, once = told["charge_schedule_data"]["charge_schedules"]
    assert noon == {
        "id": 7,
        "name": "Noon",
        "days_of_week": 62,
        "start_enabled": True,
        "start_time": 660,
        "end_enabled": True,
        "end_time": 780,
        "one_time": False,
        "enabled": True,
        "latitude": 52.394,
        "longitude": 13.542,
    }
    assert (once["id"], once["days_of_week"], once["one_time"]) == (1752393600, 9, True)
    none = inner(prefix, ask(wallbox(make_facts(())), f"{path}?endpoints=charge_schedule_data"))
    assert none["charge_schedule_data"]["charge_schedules"] == []
    for facts in (make_facts(None), replace(FACTS, details=None)):
        untold = inner(prefix, ask(wallbox(facts), f"{path}?endpoints=charge_schedule_data"))
        assert "charge_schedule_data" not in untold


def test_starting_is_shown_as_charging() -> None:
    answer = ask(wallbox(replace(FACTS, charging=Charging.STARTING)), "/api/1/vehicles/1/vehicle_data")
    assert answer.json()["response"]["charge_state"]["charging_state"] == "Charging"


def test_what_is_not_known_is_null_and_whether_it_drives_is_missing() -> None:
    facts = VehicleFacts(measured_at=FACTS.measured_at)
    answer = ask(wallbox(facts), f"/api/1/vehicles/1/vehicle_data?endpoints={ALL}")
    assert "shift_state" not in answer.json()["response"]["drive_state"]
    assert vehicle_from_wire(answer.json()) == replace(facts, details=VehicleDetails())


@pytest.mark.parametrize("name", ["model3", VIN, VIN.lower(), "1", str(ID)])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_which_car(prefix: str, name: str) -> None:
    answer = ask(wallbox(), f"{prefix}/vehicles/{name}")
    assert answer.status_code == 200
    assert (inner(prefix, answer)["id"], inner(prefix, answer)["vin"]) == (ID, VIN)


def test_the_list() -> None:
    box = WallboxDouble(
        make_loadpoint(vehicle=make_vehicle(facts=FACTS)),
        make_loadpoint(number=2, id="two", vehicle=make_vehicle(id="van", name="Van", vin=None, facts=None)),
    )
    body = ask(box, "/api/1/vehicles").json()
    assert body["count"] == 2
    assert [(row["vin"], row["display_name"], row["state"]) for row in body["response"]] == [
        (VIN, "Model 3", "online"),
        ("van", "Van", "online"),
    ]
    assert [row["id_s"] for row in body["response"]] == [str(row["id"]) for row in body["response"]]
    twice = ask(box, "/ble/api/1/vehicles/").json()["response"]
    assert (twice["result"], twice["command"]) == (True, "vehicles")
    assert twice["response"] == body["response"]
    assert ask(box, "/api/1/vehicles/2").json()["response"]["vin"] == "van"


@pytest.mark.parametrize(
    ("availability", "is_asleep", "word", "sleep"),
    [
        (Availability.ONLINE, False, "online", "VEHICLE_SLEEP_STATUS_AWAKE"),
        (Availability.ASLEEP, True, "asleep", "VEHICLE_SLEEP_STATUS_ASLEEP"),
        (Availability.OFFLINE, True, "asleep", "VEHICLE_SLEEP_STATUS_ASLEEP"),
        (Availability.UNKNOWN, False, "unknown", "VEHICLE_SLEEP_STATUS_UNKNOWN"),
    ],
)
def test_states(availability: Availability, *, is_asleep: bool, word: str, sleep: str) -> None:
    box = wallbox(availability=availability, is_asleep=is_asleep)
    for path in ("", "/vehicle_data"):
        answer = ask(box, f"/api/1/vehicles/{VIN}{path}")
        assert (answer.status_code, answer.json()["response"]["state"]) == (200, word)
    body = ask(box, f"/ble/api/1/vehicles/{VIN}/body_controller_state").json()["response"]
    assert body["response"] == {
        "closure_statuses": {"charge_port": "CLOSURESTATE_OPEN"},
        "user_presence": "VEHICLE_USER_PRESENCE_UNKNOWN",
        "vehicle_lock_state": "VEHICLELOCKSTATE_LOCKED",
        "vehicle_sleep_status": sleep,
    }


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_car_that_was_never_read(prefix: str) -> None:
    box = wallbox(None, availability=Availability.UNKNOWN)
    answer = ask(box, f"{prefix}/vehicles/{VIN}/vehicle_data")
    assert answer.status_code == 408
    assert answer.json()["error"] == "vehicle unavailable: vehicle is offline or asleep"
    if prefix in SINGLE:
        assert answer.json() == envelopes.error(envelopes.ASLEEP)
    assert ask(box, f"{prefix}/vehicles/{VIN}").status_code == 200
    assert inner(prefix, ask(box, f"{prefix}/vehicles/{VIN}/body_controller_state"))["vehicle_lock_state"] is None
    assert post(box, f"{prefix}/vehicles/{VIN}/command/charge_stop").status_code == 200


# --- commands ---------------------------------------------------------------------------------------------------------


def wished(**wish: Any) -> Request:
    return Request(loadpoint_id="carport", by="tesla", **wish)


def ordered(name: CommandName, **details: Any) -> Command:
    return Command(name, details=tuple(details.items()))


SCHEDULE = {
    "lat": 52.39,
    "lon": 13.54,
    "days_of_week": "Mon,Tues",
    "start_enabled": True,
    "end_enabled": False,
    "enabled": True,
    "start_time": 1320,
}

GOOD: dict[str, list[tuple[str, Request | Command]]] = {
    "charge_start": [
        (body, wished(override=Override.CHARGE)) for body in ("", "{}", "true", "false", "null", " {}\n", "{ }")
    ],
    "charge_stop": [(body, wished(override=Override.STOP)) for body in ("", "{}", "true", "false")],
    "set_charging_amps": [
        (body, wished(amps_a=16))
        for body in (
            '{"charging_amps":16}',
            '{"charging_amps":"16"}',
            '{"charging_amps":16.0}',
            '{\n\t"charging_amps": 16}',
        )
    ],
    "set_charge_limit": [
        ('{"percent":75}', wished(target_soc_pct=75)),
        ('{"percent":"75"}', wished(target_soc_pct=75)),
    ],
    "charge_port_door_open": [("", ordered(CommandName.OPEN_PORT)), ("true", ordered(CommandName.OPEN_PORT))],
    "charge_port_door_close": [("{}", ordered(CommandName.CLOSE_PORT))],
    "charge_standard": [("", ordered(CommandName.LIMIT_STANDARD))],
    "charge_max_range": [("", ordered(CommandName.LIMIT_MAX))],
    "set_scheduled_charging": [
        ('{"enable":true,"time":1410}', ordered(CommandName.SCHEDULE_CHARGING, enable=True, time=1410)),
        ('{"enable":"false"}', ordered(CommandName.SCHEDULE_CHARGING, enable=False)),
    ],
    "set_scheduled_departure": [
        (
            '{"enable":true,"departure_time":480,"preconditioning_enabled":false}',
            ordered(CommandName.SCHEDULE_DEPARTURE, enable=True, departure_time=480, preconditioning_enabled=False),
        )
    ],
    "add_charge_schedule": [(json.dumps(SCHEDULE), ordered(CommandName.ADD_SCHEDULE, **SCHEDULE))],
    "remove_charge_schedule": [('{"id":17}', ordered(CommandName.REMOVE_SCHEDULE, id=17))],
}
"""Bodies that a command may have, and what is asked of the gateway then."""

BAD: dict[str, list[str]] = {
    "charge_start": ['{"amps":3}', "[]", "1", '"true"', "{", "tru", "\udcff", "[" * 9000],
    "charge_stop": ['{"x":null}', "<xml/>"],
    "set_charging_amps": [
        "",
        "true",
        "16",
        "{}",
        '{"amps":16}',
        '{"charging_amps":16,"more":1}',
        '{"charging_amps":null}',
        '{"charging_amps":true}',
        '{"charging_amps":[16]}',
        '{"charging_amps":16.5}',
        '{"charging_amps":"a"}',
        '{"charging_amps":NaN}',
        '{"charging_amps":1e999}',
        '{"charging_amps":-1}',
        '{"charging_amps":49}',
        '{"charging_amps":%s}' % ("9" * 400),
        '{"charging_amps":%s}' % ("9" * 5000),
        "charging_amps=16",
    ],
    "set_charge_limit": ['{"percent":49}', '{"percent":101}', '{"percent":"75 %"}', "{}"],
    "charge_port_door_open": ['{"open":true}'],
    "charge_port_door_close": ["[1]"],
    "charge_standard": ['{"percent":80}'],
    "charge_max_range": ["not json"],
    "set_scheduled_charging": ["{}", '{"enable":1}', '{"enable":true,"time":1440}'],
    "set_scheduled_departure": ["true", '{"enable":true,"departure_time":"noon"}'],
    "add_charge_schedule": ["{}", json.dumps({**SCHEDULE, "lat": 91}), json.dumps({**SCHEDULE, "days_of_week": "Mo"})],
    "remove_charge_schedule": ["", '{"id":-1}', '{"id":"last"}'],
}
"""Bodies that a command may not have."""


def test_every_command_is_tried_well_and_badly() -> None:
    assert set(GOOD) == set(BAD) == {row.name for row in COMMANDS}


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/json", "authorization": "Bearer ey.x.y"}])
@pytest.mark.parametrize(("name", "body", "made"), [(name, *case) for name, cases in GOOD.items() for case in cases])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_good_command(prefix: str, name: str, body: str, made: Request | Command, headers: dict[str, str]) -> None:
    box = wallbox()
    answer = post(box, f"{prefix}/vehicles/{VIN}/command/{name}", body, headers=headers)
    assert answer.status_code == 200
    if prefix in SINGLE:
        assert answer.json() == {"response": {"result": True, "reason": ""}}
    else:
        assert answer.json() == {"response": {"result": True, "reason": "accepted", "vin": VIN, "command": name}}
    assert [*box.requests, *(command for _, command, _ in box.orders)] == [made]
    assert [(vehicle_id, by) for vehicle_id, _, by in box.orders] == [("model3", "tesla")] * len(box.orders)


@pytest.mark.parametrize(("name", "body"), [(name, body) for name, bodies in BAD.items() for body in bodies])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_bad_command_is_told_and_changes_nothing(prefix: str, name: str, body: str) -> None:
    box = wallbox()
    with capture_logs() as logs:
        answer = post(box, f"{prefix}/vehicles/{VIN}/command/{name}", body.encode("utf-8", errors="surrogateescape"))
    assert answer.status_code == 400
    told = answer.json()
    assert told["error"] in (envelopes.INVALID_FIELD, envelopes.INVALID_REQUEST)
    assert 0 < len(told["error_description"]) < 400
    if prefix in SINGLE:
        assert told == envelopes.error(told["error"], told["error_description"])
    else:
        assert (told["response"]["result"], told["response"]["command"]) == (False, name)
        assert told["response"]["reason"] == f"{told['error']}: {told['error_description']}"
    assert is_untouched(box)
    assert [(line["event"], line["client"], line["vin"]) for line in logs] == [("tesla_refused", "127.0.0.1", VIN)]
    assert len(str(logs)) < 800


@pytest.mark.parametrize(
    ("method", "path", "code", "error"),
    [
        ("POST", f"/vehicles/{VIN}/command/self_destruct", 400, "invalid_command"),
        ("POST", f"/vehicles/{VIN}/command/", 404, "not_found"),
        ("POST", f"/vehicles/{VIN}/honk", 404, "not_found"),
        ("GET", "/vehicles/5YJ3E1EA1JF000001/vehicle_data", 404, "not_found"),
        ("GET", "/vehicles/2", 404, "not_found"),
        ("GET", "/vehicles/0", 404, "not_found"),
        ("GET", "/vehicles/" + "9" * 5000, 404, "not_found"),
        ("POST", "/vehicles/2/command/charge_start", 404, "not_found"),
        ("GET", "", 404, "not_found"),
        ("GET", "/users/region", 404, "not_found"),
        ("GET", f"/vehicles/{VIN}/command/charge_start", 405, "method_not_allowed"),
        ("POST", f"/vehicles/{VIN}/vehicle_data", 405, "method_not_allowed"),
        ("PUT", "/vehicles", 405, "method_not_allowed"),
        ("POST", f"/vehicles/{VIN}/command/charge_start?wait=maybe", 400, "invalid_field"),
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_mistakes(prefix: str, method: str, path: str, code: int, error: str) -> None:
    box = wallbox()
    with capture_logs() as logs:
        answer = ask(box, prefix + path, method)
    assert (answer.status_code, answer.json()["error"]) == (code, error)
    assert ("allow" in answer.headers) == (code == 405)
    assert is_untouched(box)
    assert [line["log_level"] for line in logs] == ["debug" if method == "GET" else "info"]
    assert len(str(logs)) < 600


def test_an_oversized_body() -> None:
    box = wallbox()
    answer = post(box, f"/api/1/vehicles/{VIN}/command/charge_start", " " * 20_000)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert is_untouched(box)


def test_a_value_that_the_gateway_rejects_is_told_in_teslas_words() -> None:
    box = WallboxDouble(make_loadpoint(max_a=0, vehicle=make_vehicle(facts=FACTS)))
    answer = post(box, f"/api/1/vehicles/{VIN}/command/set_charging_amps", '{"charging_amps":16}')
    assert answer.status_code == 400
    assert answer.json() == envelopes.error(
        "invalid_field", "charging_amps: '16' is not allowed, but nothing while the charger is locked"
    )


def test_too_many_orders_are_refused() -> None:
    box = wallbox()
    answers = [post(box, "/api/1/vehicles/1/command/charge_port_door_open") for _ in range(9)]
    assert [answer.status_code for answer in answers] == [200] * 8 + [400]


@pytest.mark.parametrize(("prefix", "status"), [("/api/1", 200), ("/fleet/api/1", 200), ("/ble/api/1", 503)])
def test_a_start_without_a_cable(prefix: str, status: int) -> None:
    box = wallbox(replace(FACTS, charging=Charging.DISCONNECTED), is_plugged=False)
    answer = post(box, f"{prefix}/vehicles/{VIN}/command/charge_start", "true")
    assert answer.status_code == status
    told = answer.json()["response"]
    assert (told["result"], told["reason"]) == (False, "disconnected")
    assert is_untouched(box)
    assert post(box, f"{prefix}/vehicles/{VIN}/command/charge_stop", "false").status_code == 200


@pytest.mark.parametrize("is_plugged", [True, None])
def test_a_start_where_the_cable_is_in_or_not_known(is_plugged: bool | None) -> None:
    box = wallbox(is_plugged=is_plugged)
    assert post(box, f"/api/1/vehicles/{VIN}/command/charge_start").json() == envelopes.success()
    assert len(box.requests) == 1


def test_a_car_at_no_loadpoint_takes_orders_but_no_wishes() -> None:
    box = wallbox()
    box.site = replace(box.site, vehicles=(*box.site.vehicles, make_vehicle(id="van", vin=None, facts=FACTS)))
    for name, body in [("charge_start", ""), ("charge_stop", ""), ("set_charging_amps", '{"charging_amps":16}')]:
        answer = post(box, f"/api/1/vehicles/van/command/{name}", body)
        assert answer.status_code == 200
        assert answer.json() == envelopes.refused("van is at no loadpoint of this gateway")
    assert is_untouched(box)
    assert post(box, "/api/1/vehicles/van/command/charge_port_door_open").json() == envelopes.success()


def test_the_loadpoint_that_holds_the_car_is_meant() -> None:
    car = make_vehicle(facts=FACTS)
    box = WallboxDouble(
        make_loadpoint(is_plugged=False, vehicle=car), make_loadpoint(number=2, id="garage", vehicle=car)
    )
    post(box, f"/api/1/vehicles/{VIN}/command/charge_start")
    assert [request.loadpoint_id for request in box.requests] == ["garage"]


@pytest.mark.parametrize("body", ["", "true", "{}"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_wake_up_shows_the_car_and_does_nothing(prefix: str, body: str) -> None:
    box = wallbox(None, availability=Availability.ASLEEP, is_asleep=True)
    plain = post(box, f"{prefix}/vehicles/{VIN}/wake_up", body)
    command = post(box, f"{prefix}/vehicles/{VIN}/command/wake_up", body)
    assert (plain.status_code, command.status_code) == (200, 200)
    assert (inner(prefix, plain)["state"], inner(prefix, command)["state"]) == ("asleep", "asleep")
    assert command.json()["response"]["result"] is True
    assert is_untouched(box)


# --- waiting ----------------------------------------------------------------------------------------------------------


def waited(box: WallboxDouble, command: str, reason: Reason | None = None, body: str = "") -> dict[str, Any]:
    """Return what a command answers that waits while the wish is carried out, or held back for a reason."""

    async def work(client: httpx2.AsyncClient) -> dict[str, Any]:
        asking = asyncio.create_task(client.post(f"/api/1/vehicles/1/command/{command}?wait=true", content=body))
        await box.somebody_waits.wait()
        assert not asking.done()
        box.apply_wishes("carport")
        if reason is not None:
            box.change("carport", reason=reason)
        response: dict[str, Any] = (await asking).json()["response"]
        return response

    return run(box, work)


@pytest.mark.parametrize(
    ("command", "reason", "told"),
    [
        ("charge_start", None, (True, "")),
        ("charge_stop", None, (True, "")),
        (
            "charge_start",
            Reason(ReasonCode.REFUSED, {"word": "unsigned_cmds_hardlocked"}),
            (False, "unsigned_cmds_hardlocked"),
        ),
        ("charge_start", Reason(ReasonCode.COMPLETE, {"soc_pct": 80, "limit_pct": 80}), (False, "complete")),
        ("charge_start", Reason(ReasonCode.NOT_PLUGGED), (False, "disconnected")),
        ("charge_start", Reason(ReasonCode.FAST_CHARGER), (False, "left alone: at a fast charger")),
        ("charge_stop", Reason(ReasonCode.NO_POWER), (True, "")),
        ("charge_stop", Reason(ReasonCode.LOGIN_REQUIRED), (False, "login_required")),
    ],
)
def test_a_wish_that_is_waited_for(command: str, reason: Reason | None, told: tuple[bool, str]) -> None:
    response = waited(wallbox(), command, reason)
    assert (response["result"], response["reason"]) == told


def test_waiting_ends_in_time() -> None:
    class Impatient(WallboxDouble):
        async def settled(self, loadpoint_id: str, version: int, timeout_s: float) -> bool:
            assert timeout_s == 25.0
            return await super().settled(loadpoint_id, version, 0)

    box = Impatient(make_loadpoint(vehicle=make_vehicle(facts=FACTS)))
    answer = post(box, "/ble/api/1/vehicles/1/command/charge_start?wait=true", "true")
    assert (answer.status_code, answer.json()["response"]["result"]) == (200, True)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (None, (True, "")),
        (OrderedEnd(outcome=Outcome.APPLIED, cause=None, detail=""), (True, "")),
        (OrderedEnd(outcome=Outcome.ALREADY_SET, cause=None, detail="already_standard"), (True, "")),
        (OrderedEnd(outcome=Outcome.UNCONFIRMED, cause=Cause.NO_ANSWER, detail=""), (True, "unconfirmed")),
        (OrderedEnd(outcome=Outcome.REFUSED, cause=Cause.REFUSED, detail="cable_locked"), (False, "cable_locked")),
        (OrderedEnd(outcome=Outcome.NOT_DELIVERED, cause=Cause.EXPIRED, detail=""), (False, "expired")),
        (OrderedEnd(outcome=Outcome.NOT_DELIVERED, cause=None, detail=""), (False, "not_delivered")),
    ],
)
def test_an_order_that_is_waited_for(end: OrderedEnd | None, told: tuple[bool, str]) -> None:
    box = wallbox()
    box.order_end = end
    response = post(box, "/api/1/vehicles/1/command/charge_standard?wait=true").json()["response"]
    assert (response["result"], response["reason"]) == told


def test_a_client_that_goes_away_leaves_nothing_running() -> None:
    box = wallbox()

    async def main() -> None:
        messages = [{"type": "http.request", "body": b"true", "more_body": False}]
        gone = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(_: Any) -> None:
            pass

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/ble/api/1/vehicles/1/command/charge_start",
            "query_string": b"wait=true",
            "headers": [],
            "root_path": "",
        }
        answering = asyncio.create_task(create_main_app(box)(scope, receive, send))
        await box.somebody_waits.wait()
        gone.set()
        await answering
        assert box.waiting == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_a_client_that_goes_away_within_its_body_is_no_failure() -> None:
    box = wallbox()

    async def main() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            raise AssertionError(message)

        path = f"/api/1/vehicles/{VIN}/command/charge_start"
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": [], "root_path": ""}
        await create_main_app(box)(scope, receive, send)

    with capture_logs() as logs:
        asyncio.run(main())
    assert (logs, is_untouched(box)) == ([], True)


# --- who may ask ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://example.org"}])
@pytest.mark.parametrize("path", ["command/charge_start", "command/charge_port_door_open", "wake_up"])
def test_a_page_of_another_site_changes_nothing(path: str, headers: dict[str, str]) -> None:
    box = wallbox()
    answer = post(box, f"/api/1/vehicles/{VIN}/{path}", "true", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["response"] is None
    assert is_untouched(box)


def test_a_failure_is_told_without_internals() -> None:
    class Broken(WallboxDouble):
        def snapshot(self) -> Any:
            raise RuntimeError("secret detail")

    answer = ask(Broken(), "/api/1/vehicles")
    assert answer.status_code == 500
    assert answer.json() == envelopes.error("the gateway failed; its log has the details")


# --- clients ----------------------------------------------------------------------------------------------------------


def test_evccs_template_tesla_ble() -> None:
    """A cycle of evcc with `tesla-ble`: read, set the current, start, stop, wake; bodies without Content-Type."""
    box = wallbox(replace(FACTS, charging=Charging.STOPPED))
    base = f"/ble/api/1/vehicles/{VIN}"

    async def work(client: httpx2.AsyncClient) -> None:
        async def read() -> dict[str, Any]:
            headers = {"cache-control": "max-age=1, must-revalidate"}
            answer = await client.get(f"{base}/vehicle_data?endpoints=charge_state", headers=headers)
            charge: dict[str, Any] = answer.json()["response"]["response"]["charge_state"]
            return charge

        async def send(command: str, body: str) -> int:
            request = client.build_request("POST", f"{base}/command/{command}", content=body)
            assert "content-type" not in request.headers
            return int((await client.send(request)).status_code)

        charge = await read()
        wanted = ("battery_level", "charge_amps", "charge_limit_soc", "battery_range", "charging_state")
        assert [charge[key] for key in wanted] == [67, 13, 90, 266.87, "Stopped"]
        assert await send("wake_up", "true") == 200
        assert await send("set_charging_amps", '{"charging_amps": 6}') == 200
        assert await send("charge_start", "true") == 200
        box.change("carport", vehicle=make_vehicle(facts=replace(FACTS, charging=Charging.STARTING)))
        box.site = replace(box.site, vehicles=(make_vehicle(facts=replace(FACTS, charging=Charging.STARTING)),))
        assert (await read())["charging_state"] == "Charging"
        assert await send("charge_stop", "false") == 200

    run(box, work)
    assert box.requests == [wished(amps_a=6), wished(override=Override.CHARGE), wished(override=Override.STOP)]


def test_evccs_vehicle_tesla_with_a_command_proxy() -> None:
    """What `tesla-proxy-client` posts: no body for start and stop, Tesla's token and the proxy's, 200 is success."""
    box = wallbox()
    headers = {
        "authorization": "Bearer ey.tesla.token",
        "x-authorization": "Bearer proxy",
        "content-type": "application/json",
        "accept": "application/json",
    }
    base = f"/api/1/vehicles/{VIN}/command"

    async def work(client: httpx2.AsyncClient) -> list[Any]:
        started = await client.post(f"{base}/charge_start", headers=headers)
        amps = await client.post(f"{base}/set_charging_amps", headers=headers, content='{"charging_amps": 10}')
        stopped = await client.post(f"{base}/charge_stop", headers=headers)
        return [(answer.status_code, answer.json()) for answer in (started, amps, stopped)]

    assert run(box, work) == [(200, envelopes.success())] * 3
    assert box.requests == [wished(override=Override.CHARGE), wished(amps_a=10), wished(override=Override.STOP)]
