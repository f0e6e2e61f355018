"""tlwb on the wire: the truth table, the fields, the parsing."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sunbox.core.model import Availability, ChargerStatus, Charging, Mode, Override
from sunbox.core.reasons import TEMPLATES, Reason, ReasonCode, ReasonKind
from sunbox.core.wallbox import LoadpointSnapshot, Pending, SetPoint, SiteSnapshot, VehicleSnapshot
from sunbox.dialects.tlwb.table import BY_ACTION, ENDPOINTS, FIELDS, FieldType, Status
from sunbox.dialects.tlwb.wire import (
    NOTHING,
    STATUS_ROWS,
    STATUSES_BY_REASON,
    Problem,
    Wishes,
    decide_status,
    find_loadpoint,
    parse_form,
    parse_query,
    request_from_wishes,
    status_to_wire,
)

VIN = "LRW3F7EK4NC700000"

VEHICLE = VehicleSnapshot(
    id="model3",
    name="Model 3",
    vin=VIN,
    availability=Availability.ONLINE,
    is_asleep=False,
    age_s=12.6,
    charging=Charging.CHARGING,
    is_plugged=True,
    soc_pct=67,
    limit_soc_pct=90,
    target_soc_pct=None,
    amps_requested_a=13,
    amps_requested_max_a=16,
    pilot_a=16,
    place="Home",
    place_tags=frozenset({"home", "pv"}),
    is_at_pv_place=True,
    is_at_fast_charger=False,
    login_required=False,
    spend=None,
)

LOADPOINT = LoadpointSnapshot(
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
    set_point=SetPoint(charge=True, amps_a=13, phases=1),
    max_a=16,
    draw_a=13.0,
    voltage_v=233.0,
    phases=1,
    draw_w=3029.0,
    energy_added_wh=65_400.0,
    pending=None,
    reason=Reason(ReasonCode.CHARGING_NOW, {"amps_a": 13}),
    vehicle=VEHICLE,
)

NEVER_SEEN = replace(
    LOADPOINT,
    status=ChargerStatus.A,
    is_plugged=False,
    is_flowing=False,
    has_started=False,
    is_pv_possible=False,
    set_point=SetPoint(),
    max_a=None,
    draw_a=None,
    voltage_v=None,
    phases=0,
    draw_w=None,
    energy_added_wh=None,
    reason=Reason(ReasonCode.NEVER_SEEN),
    vehicle=replace(
        VEHICLE,
        age_s=None,
        availability=Availability.UNKNOWN,
        charging=Charging.UNKNOWN,
        is_plugged=None,
        soc_pct=None,
        limit_soc_pct=None,
        amps_requested_a=None,
        amps_requested_max_a=None,
        pilot_a=None,
        place=None,
        is_at_pv_place=False,
    ),
)


def site_of(*loadpoints: LoadpointSnapshot) -> SiteSnapshot:
    return SiteSnapshot(
        limit=None,
        at=datetime(2025, 6, 21, tzinfo=UTC),
        name="Home",
        grid_w=None,
        pv_w=None,
        battery_w=None,
        battery_soc_pct=None,
        house_w=None,
        is_grid_stale=True,
        grid_age_s=None,
        surplus_w=None,
        loadpoints=loadpoints,
        vehicles=(),
    )


# --- status ---


def status_by_the_issue(
    is_plugged: bool,
    is_flowing: bool,
    is_target_reached: bool,
    was_stopped: bool,
    is_wished: bool,
    has_started: bool,
    is_pv_possible: bool,
) -> int:
    """The rule as it was asked for, written a second time as nested questions."""
    if not is_plugged:
        return 0
    if is_flowing:
        return 3
    if is_target_reached or was_stopped:
        return 4
    if is_wished and has_started:
        return 5
    return 2 if is_pv_possible else 1


FACTS = (
    "is_plugged",
    "is_flowing",
    "is_target_reached",
    "was_stopped",
    "is_wished",
    "has_started",
    "is_pv_possible",
)


def test_status_is_right_for_every_combination_of_facts() -> None:
    seen = set()
    for values in itertools.product((False, True), repeat=len(FACTS)):
        facts = dict(zip(FACTS, values, strict=True))
        status = decide_status(replace(LOADPOINT, **facts))
        assert status == status_by_the_issue(**facts), facts
        seen.add(status)
    assert seen == set(Status)


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"is_plugged": False, "is_flowing": False}, 0),
        ({}, 3),
        ({"was_stopped": True}, 3),  # still flows: the stop is on its way
        ({"is_flowing": False, "is_target_reached": True}, 4),
        ({"is_flowing": False, "was_stopped": True, "is_wished": False}, 4),
        ({"is_flowing": False}, 5),  # clouds
        ({"is_flowing": False, "has_started": False}, 2),  # waits for its first sun
        ({"is_flowing": False, "has_started": False, "pending": Pending.WAKING}, 2),
        ({"is_flowing": False, "has_started": False, "is_pv_possible": False, "pending": Pending.WAKING}, 1),
        ({"is_flowing": False, "is_wished": False, "is_pv_possible": False}, 1),
    ],
)
def test_status_in_words_of_the_issue(facts: dict[str, Any], status: int) -> None:
    assert decide_status(replace(LOADPOINT, **facts)) == status


def test_the_last_row_always_applies_and_each_status_has_one_row() -> None:
    assert STATUS_ROWS[-1].applies(NEVER_SEEN)
    assert sorted(row.status for row in STATUS_ROWS) == list(Status)


def test_every_reason_has_its_statuses() -> None:
    assert set(STATUSES_BY_REASON) == set(ReasonCode)
    for code, statuses in STATUSES_BY_REASON.items():
        assert statuses, code
        kind = TEMPLATES[code].kind
        if kind is ReasonKind.CHARGING:
            assert statuses == {Status.CHARGING}, code
        if kind is ReasonKind.STOPPED:
            assert Status.STOPPED in statuses, code
            assert Status.INTERRUPTED not in statuses, code
        if kind is ReasonKind.FAULT:
            assert statuses >= {Status.READY, Status.READY_PV, Status.INTERRUPTED}, code


# --- fields ---


def test_the_example_of_the_proposal() -> None:
    assert json.dumps(status_to_wire(LOADPOINT)) == (
        '{"status": 3, "soc": 67, "targetsoc": 90, "targetamp": 13, "maxamp": 16, "amps": 13, "volts": 233, '
        '"power": 3029, "phases": 1, "energy": 65.4, "control": 1, "mode": "pv", "pv": true, "pending": null, '
        '"asleep": false, "age": 13, "reason": "charging 13 A: mode is now"}'
    )


def test_a_car_that_was_never_seen_has_nulls_and_all_fields() -> None:
    assert status_to_wire(NEVER_SEEN) == {
        "status": 0,
        "soc": None,
        "targetsoc": None,
        "targetamp": None,
        "maxamp": None,
        "amps": None,
        "volts": None,
        "power": None,
        "phases": 0,
        "energy": None,
        "control": 1,
        "mode": "pv",
        "pv": False,
        "pending": None,
        "asleep": False,
        "age": None,
        "reason": "waiting: the car has not been seen yet",
    }


def test_wishes_come_before_what_the_car_says() -> None:
    vehicle = replace(VEHICLE, target_soc_pct=30)
    wire = status_to_wire(replace(LOADPOINT, amps_asked_a=20, vehicle=vehicle, pending=Pending.SETTING_AMPS))
    assert (wire["targetamp"], wire["targetsoc"], wire["maxamp"]) == (20, 30, 16)
    assert wire["pending"] == "setting_amps"


def test_control_is_what_is_wished() -> None:
    assert status_to_wire(replace(LOADPOINT, is_wished=False))["control"] == 0


def test_a_charger_without_a_known_car() -> None:
    wire = status_to_wire(replace(LOADPOINT, vehicle=None))
    assert (wire["soc"], wire["targetsoc"], wire["targetamp"], wire["asleep"], wire["age"]) == (
        None,
        None,
        13,
        None,
        None,
    )
    assert status_to_wire(replace(LOADPOINT, vehicle=None, set_point=SetPoint()))["targetamp"] is None


@pytest.mark.parametrize(
    ("facts", "field", "value"),
    [
        ({"draw_a": 12.0}, "amps", 12),
        ({"draw_a": 12.875}, "amps", 12.88),
        ({"draw_a": 0.0}, "amps", 0),
        ({"voltage_v": 229.6}, "volts", 230),
        ({"draw_w": 3028.7}, "power", 3029),
        ({"energy_added_wh": 65_404.0}, "energy", 65.4),
        ({"energy_added_wh": 65_406.0}, "energy", 65.41),
        ({"energy_added_wh": 0.0}, "energy", 0),
        ({"draw_w": float("nan")}, "power", None),
        ({"draw_a": float("inf")}, "amps", None),
    ],
)
def test_numbers_are_plain(facts: dict[str, Any], field: str, value: float | None) -> None:
    wire = status_to_wire(replace(LOADPOINT, **facts))
    assert wire[field] == value
    assert type(wire[field]) is type(value)


JSON_TYPES: dict[FieldType, tuple[type, ...]] = {
    FieldType.INT: (int,),
    FieldType.NUMBER: (int, float),
    FieldType.BOOL: (bool,),
    FieldType.TEXT: (str,),
}

MAYBE_FLOAT = st.none() | st.floats(min_value=-1e7, max_value=1e7)
MAYBE_INT = st.none() | st.integers(0, 100)


@given(
    draw_a=MAYBE_FLOAT,
    voltage_v=MAYBE_FLOAT,
    draw_w=MAYBE_FLOAT,
    energy_added_wh=MAYBE_FLOAT,
    amps_asked_a=MAYBE_INT,
    max_a=MAYBE_INT,
    pending=st.none() | st.sampled_from(Pending),
    mode=st.sampled_from(Mode),
    vehicle=st.none() | st.builds(lambda soc, age: replace(VEHICLE, soc_pct=soc, age_s=age), MAYBE_INT, MAYBE_FLOAT),
    reason=st.builds(Reason, st.sampled_from(ReasonCode)),
)
def test_every_answer_is_as_the_table_says(**facts: Any) -> None:
    wire = status_to_wire(replace(LOADPOINT, **facts))
    assert list(wire) == [field.name for field in FIELDS]
    for field in FIELDS:
        value = wire[field.name]
        if value is None:
            assert field.nullable, field.name
        else:
            assert type(value) in JSON_TYPES[field.type], field.name
    json.dumps(wire, allow_nan=False)


# --- which car ---

TWO = site_of(
    replace(NEVER_SEEN, vehicle=VEHICLE),
    replace(LOADPOINT, number=2, id="garage"),
    replace(LOADPOINT, number=3, id="street", vehicle=None),
)


@pytest.mark.parametrize(
    ("car_id", "loadpoint_id"),
    [
        ("1", "carport"),
        ("3", "street"),
        ("garage", "garage"),
        (VIN, "garage"),  # it holds the car now
        (VIN.lower(), "garage"),
    ],
)
def test_a_car_is_found(car_id: str, loadpoint_id: str) -> None:
    found = find_loadpoint(TWO, car_id)
    assert isinstance(found, LoadpointSnapshot)
    assert found.id == loadpoint_id


def test_a_vin_that_no_loadpoint_holds_means_its_first() -> None:
    site = site_of(replace(NEVER_SEEN, vehicle=VEHICLE), replace(NEVER_SEEN, vehicle=VEHICLE, number=2, id="garage"))
    found = find_loadpoint(site, VIN)
    assert isinstance(found, LoadpointSnapshot)
    assert found.id == "carport"


def test_the_number_comes_before_an_id_that_looks_like_one() -> None:
    site = site_of(replace(LOADPOINT, id="2"), replace(LOADPOINT, number=2, id="1"))
    found = find_loadpoint(site, "2")
    assert isinstance(found, LoadpointSnapshot)
    assert found.number == 2


@pytest.mark.parametrize("car_id", ["", "0", "4", "01", "+1", "-1", "1.0", "１", "Garage", "999999999999", "x" * 300])
def test_an_unknown_car_is_a_problem_that_names_the_known(car_id: str) -> None:
    found = find_loadpoint(TWO, car_id)
    assert isinstance(found, Problem)
    assert found.allowed == "1 or carport, 2 or garage, 3 or street, or a VIN"
    assert VIN not in found.allowed
    assert len(found.error) < 80


# --- requests ---

ALL, STATUS, CONTROL, AMPS, SOC, MODE = (
    BY_ACTION[action] for action in ("", "status", "control", "set_amps", "set_soc", "set_mode")
)


@pytest.mark.parametrize(
    ("endpoint", "query", "wishes"),
    [
        (STATUS, "", NOTHING),
        (STATUS, "wait=30", Wishes(wait_s=30)),
        (STATUS, "&", NOTHING),
        (ALL, "", NOTHING),
        (ALL, "control=1&set_amps=16&set_soc=55", Wishes(control=1, amps_a=16, target_soc_pct=55)),
        (ALL, "set_soc=1&wait=0", Wishes(target_soc_pct=1)),
        (ALL, "set%5Famps=%31%36", Wishes(amps_a=16)),
        (CONTROL, "1", Wishes(control=1)),
        (CONTROL, "0", Wishes(control=0)),
        (CONTROL, "control=0", Wishes(control=0)),
        (AMPS, "16", Wishes(amps_a=16)),
        (AMPS, "amps=16", Wishes(amps_a=16)),
        (AMPS, "=16", Wishes(amps_a=16)),
        (AMPS, "control=16", Wishes(amps_a=16)),  # the key is ignored, whatever it is
        (AMPS, "16&wait=30", Wishes(amps_a=16, wait_s=30)),
        (AMPS, "wait=30&16", Wishes(amps_a=16, wait_s=30)),
        (AMPS, "016", Wishes(amps_a=16)),
        (AMPS, "3", Wishes(amps_a=3)),
        (AMPS, "32", Wishes(amps_a=32)),
        (SOC, "100", Wishes(target_soc_pct=100)),
        (MODE, "off", Wishes(mode=Mode.OFF)),
        (MODE, "mode=now", Wishes(mode=Mode.NOW)),
        (MODE, "pv&wait=120", Wishes(mode=Mode.PV, wait_s=120)),
    ],
)
def test_what_is_understood(endpoint: Any, query: str, wishes: Wishes) -> None:
    assert parse_query(endpoint, query) == wishes


@pytest.mark.parametrize(
    ("endpoint", "query", "error"),
    [
        (STATUS, "16", "unknown parameter '16'"),
        (STATUS, "control=1", "unknown parameter 'control'"),
        (STATUS, "wait", "wait: no value"),
        (STATUS, "wait=", "wait: no value"),
        (STATUS, "wait=121", "wait: '121' is not allowed"),
        (STATUS, "wait=-1", "wait: '-1' is not allowed"),
        (STATUS, "wait=1&wait=1", "wait: given more than once"),
        (ALL, "16", "unknown parameter '16'"),
        (ALL, "amps=16", "unknown parameter 'amps'"),
        (ALL, "Control=1", "unknown parameter 'Control'"),
        (ALL, "set_mode=pv", "unknown parameter 'set_mode'"),
        (ALL, "control=1&control=1", "control: given more than once"),
        (ALL, "control=1&set_amps=33", "set_amps: '33' is not allowed"),
        (ALL, "control=on", "control: 'on' is not allowed"),
        (CONTROL, "", "control: no value"),
        (CONTROL, "2", "control: '2' is not allowed"),
        (CONTROL, "true", "control: 'true' is not allowed"),
        (AMPS, "wait=30", "set_amps: no value"),
        (AMPS, "16=", "set_amps: no value"),
        (AMPS, "16&16", "set_amps: given more than once"),
        (AMPS, "16&wait", "wait: no value"),
        (AMPS, "2", "set_amps: '2' is not allowed"),
        (AMPS, "+16", "set_amps: ' 16' is not allowed"),
        (AMPS, "%2B16", "set_amps: '+16' is not allowed"),
        (AMPS, "-16", "set_amps: '-16' is not allowed"),
        (AMPS, "16.0", "set_amps: '16.0' is not allowed"),
        (AMPS, "1e1", "set_amps: '1e1' is not allowed"),
        (AMPS, "1_6", "set_amps: '1_6' is not allowed"),
        (AMPS, "16%0A", "set_amps: '16\\n' is not allowed"),
        (AMPS, "0x10", "set_amps: '0x10' is not allowed"),
        (AMPS, quote("１６"), "set_amps: '１６' is not allowed"),
        (AMPS, "9" * 5000, f"set_amps: '{'9' * 40}…' is not allowed"),
        (SOC, "0", "set_soc: '0' is not allowed"),
        (SOC, "101", "set_soc: '101' is not allowed"),
        (MODE, "PV", "set_mode: 'PV' is not allowed"),
        (MODE, "", "set_mode: no value"),
    ],
)
def test_what_is_turned_down(endpoint: Any, query: str, error: str) -> None:
    problem = parse_query(endpoint, query)
    assert isinstance(problem, Problem)
    assert problem.error == error
    assert problem.allowed


def test_a_problem_says_what_would_have_been_right() -> None:
    assert parse_query(AMPS, "99") == Problem("set_amps: '99' is not allowed", "set_amps: an integer from 3 to 32")
    assert parse_query(MODE, "x") == Problem("set_mode: 'x' is not allowed", "set_mode: one of off, now, min_pv, pv")
    unknown = parse_query(ALL, "x=1")
    assert isinstance(unknown, Problem)
    assert unknown.allowed == (
        "control: an integer from 0 to 1; set_amps: an integer from 3 to 32; set_soc: an integer from 1 to 100; "
        "wait: an integer from 0 to 120"
    )


def test_a_form_comes_after_the_query_and_is_one_request_with_it() -> None:
    assert parse_form(AMPS, "", "16") == Wishes(amps_a=16)
    assert parse_form(AMPS, "wait=5", "amps=16") == Wishes(amps_a=16, wait_s=5)
    assert parse_form(ALL, "control=1", "set_amps=16") == Wishes(control=1, amps_a=16)
    assert parse_form(AMPS, "16", "") == Wishes(amps_a=16)
    assert parse_form(AMPS, "16", "16") == Problem("set_amps: given more than once", AMPS.value.allowed)
    assert parse_form(ALL, "control=1", "control=0") == Problem(
        "control: given more than once", "control: " + ("an integer from 0 to 1")
    )


@given(st.sampled_from(ENDPOINTS), st.text())
@example(AMPS, "16\n")
@example(ALL, "%FF%FE=%ZZ")
def test_any_query_is_a_wish_in_range_or_a_problem(endpoint: Any, query: str) -> None:
    answer = parse_query(endpoint, query)
    if isinstance(answer, Problem):
        assert answer.error
        assert answer.allowed
        assert len(answer.error) < 300
    else:
        assert answer.control in (None, 0, 1)
        assert answer.amps_a is None or 3 <= answer.amps_a <= 32
        assert answer.target_soc_pct is None or 1 <= answer.target_soc_pct <= 100
        assert 0 <= answer.wait_s <= 120
        assert answer.is_change == (endpoint.value is not None or answer != Wishes(wait_s=answer.wait_s))


@given(st.integers())
def test_integers_are_taken_in_their_range_only(value: int) -> None:
    answer = parse_query(AMPS, str(value))
    if 3 <= value <= 32:
        assert answer == Wishes(amps_a=value)
    else:
        assert isinstance(answer, Problem)


@given(
    control=st.none() | st.integers(0, 1),
    amps=st.none() | st.integers(3, 32),
    soc=st.none() | st.integers(1, 100),
    wait=st.none() | st.integers(0, 120),
    order=st.randoms(use_true_random=False),
)
def test_the_combined_form_is_read_back_in_any_order(
    control: int | None, amps: int | None, soc: int | None, wait: int | None, order: Any
) -> None:
    given_items = {"control": control, "set_amps": amps, "set_soc": soc, "wait": wait}
    items = [f"{key}={value}" for key, value in given_items.items() if value is not None]
    order.shuffle(items)
    wishes = Wishes(control=control, amps_a=amps, target_soc_pct=soc, wait_s=wait or 0)
    assert parse_query(ALL, "&".join(items)) == wishes


# --- wishes for the gateway ---


@pytest.mark.parametrize(
    ("wishes", "override", "mode"),
    [
        (Wishes(control=1), Override.CHARGE, None),
        (Wishes(control=0), Override.STOP, None),
        (Wishes(amps_a=16), None, None),
        (Wishes(mode=Mode.PV), Override.NONE, Mode.PV),
        (Wishes(mode=Mode.OFF), Override.NONE, Mode.OFF),
    ],
)
def test_control_is_an_override_and_a_mode_lifts_it(
    wishes: Wishes, override: Override | None, mode: Mode | None
) -> None:
    request = request_from_wishes("carport", wishes)
    assert (request.loadpoint_id, request.by) == ("carport", "tlwb")
    assert (request.override, request.mode, request.amps_a) == (override, mode, wishes.amps_a)


def test_one_bundle_for_everything() -> None:
    request = request_from_wishes("carport", Wishes(control=1, amps_a=16, target_soc_pct=55, wait_s=9))
    assert (request.override, request.amps_a, request.target_soc_pct, request.mode) == (Override.CHARGE, 16, 55, None)
