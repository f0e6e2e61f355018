"""What a document says about charging, in the core's words: recorded ones, and one row for each thing that can be told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smartevse_files import FIXTURES, needs_files

from sunbox.core.model import ChargerReading, ChargerStatus
from sunbox.dialects.smartevse.listening import TOPICS, nested
from sunbox.dialects.smartevse.reading import (
    currents_to_wire,
    is_override,
    is_plugged,
    listening_problem,
    mains_of,
    mains_problem,
    phases_set_of,
    reading_from_document,
)
from sunbox.dialects.smartevse.replies import NOT_HEARD, SHOWN, is_as_told, results_from_reply
from sunbox.dialects.smartevse.settings import PARAMETERS
from sunbox.dialects.smartevse.table import PATHS
from sunbox.dialects.smartevse.wire import Document, document_from_wire
from sunbox.dialects.smartevse.words import State

AT = datetime(2026, 6, 1, 10, tzinfo=UTC)
A, B, C, E = ChargerStatus.A, ChargerStatus.B, ChargerStatus.C, ChargerStatus.E

CHARGING: dict[str, Any] = {
    "mode_id": 3,
    "car_connected": True,
    "evse.access": 1,
    "evse.mode": 1,
    "evse.loadbl": 0,
    "evse.state": "Charging",
    "evse.state_id": 2,
    "evse.error": "None",
    "evse.error_id": 0,
    "evse.nrofphases": 3,
    "settings.charge_current": 100,
    "settings.override_current": 100,
    "settings.current_min": 6,
    "settings.current_max": 16,
    "settings.current_max_circuit": 13,
    "settings.enable_C2": "Always On",
    "settings.mains_meter": "API",
    "settings.starttime": 0,
    "ev_meter.description": "Eastron3P",
    "ev_meter.import_active_power": 6900,
    "ev_meter.total_wh": 10_000,
    "ev_meter.charged_wh": 500,
    "ev_meter.currents.L1": 100,
    "ev_meter.currents.L2": 100,
    "ev_meter.currents.L3": 100,
    "phase_currents.L1": 1,
    "phase_currents.L2": 2,
    "phase_currents.L3": 3,
    "phase_currents.last_data_update": 1,
    "phase_currents.original_data.L1": 50,
    "phase_currents.original_data.L2": -20,
    "phase_currents.original_data.L3": 0,
}
OFF = {"mode_id": 4, "evse.access": 2, "evse.state": "Ready to Charge", "evse.state_id": 0}
B1 = {"evse.state": "Charging Stopped", "evse.state_id": 9}
NO_POWER = {"evse.state": "Charging Stopped - No Power Available", "evse.state_id": 9}


def doc(changes: dict[str, Any]) -> Document:
    return Document(nested({path: value for path, value in (CHARGING | changes).items() if value is not ...}))


def read(changes: dict[str, Any], **more: Any) -> ChargerReading:
    return reading_from_document(doc(changes), AT, **more)


@pytest.mark.parametrize(
    ("changes", "status", "is_enabled", "told", "holds", "fault"),
    [
        ({}, C, True, True, None, None),
        ({"car_connected": False} | OFF, A, False, False, None, None),
        (OFF, B, False, False, None, None),
        ({**OFF, "mode_id": 0, "evse.access": 0}, B, False, False, None, None),
        ({**OFF, "mode_id": 0, "evse.access": False}, B, False, False, None, None),
        ({**OFF, "settings.starttime": 1_780_000_000}, B, False, None, None, None),
        ({"evse.state": "Connected to EV", "evse.state_id": 1}, B, True, True, None, None),
        ({"evse.state_id": 1, "evse.access": True}, B, True, True, None, None),
        ({"evse.state_id": 1, "mode_id": 2, "evse.mode": 2}, B, True, None, None, None),
        ({"evse.state_id": 0, "car_connected": False}, A, True, True, None, None),
        (B1, B, False, True, "it waits before it goes on", None),
        ({**B1, "car_connected": False}, B, False, True, "it waits before it goes on", None),  # the pilot is away
        (NO_POWER, B, False, True, "no power available", None),
        (
            {"evse.state_id": 10, "evse.state": "Stop Charging - No Power Available"},
            C,
            False,
            True,
            "no power available",
            None,
        ),
        ({**B1, "evse.error": "Waiting for Solar", "evse.error_id": 6}, B, False, True, "waiting for solar", None),
        (
            {**B1, "evse.error": "Temperature High", "evse.error_id": 3},
            E,
            False,
            True,
            "temperature high",
            "temperature high",
        ),
        ({**OFF, "evse.error": "RCM Tripped", "evse.error_id": 5}, E, False, False, None, "rcm tripped"),
        ({**OFF, "car_connected": False, "evse.error": "Flash Error"}, A, False, False, None, "flash error"),
        (
            {"evse.state": "Charging Stopped - Communication Error", "evse.state_id": 9},
            E,
            False,
            True,
            "communication error",
            "communication error",
        ),
        ({**B1, "evse.error": ..., "evse.error_id": 42}, E, False, True, "error 42", "error 42"),
        ({"evse.error": "EV Meter Comm Error", "evse.error_id": 4}, C, True, True, None, None),
        ({"evse.state_id": 6}, B, True, True, None, None),
        ({"evse.state_id": 7}, C, True, True, None, None),
        ({"evse.state_id": 3}, C, True, True, None, None),
        ({"evse.state_id": 11}, B, True, True, None, None),
        ({"evse.state_id": 255}, None, True, True, None, None),
        ({"evse.state_id": 77}, None, True, True, None, None),
        ({"evse.state_id": ...}, None, True, True, None, None),
        ({"evse.access": ..., "mode_id": ...}, C, None, None, None, None),
        ({"mode_id": -1}, C, True, None, None, None),
    ],
    ids=str,
)
def test_state(changes, status, is_enabled, told, holds, fault) -> None:
    reading = read(changes)
    found = (reading.status, reading.is_enabled, reading.told, reading.holds, reading.fault)
    assert found == (status, is_enabled, told, holds, fault)


@pytest.mark.parametrize(
    ("changes", "amps_set_a", "max_a"),
    [
        ({}, 10, 16),
        ({"settings.override_current": 83}, 9, 16),
        ({"settings.override_current": 0}, 16, 16),
        ({"settings.override_current": ...}, None, 16),
        ({"mode_id": 2, "evse.mode": 2, "settings.override_current": 0}, None, 16),
        ({**OFF, "evse.mode": 2, "settings.override_current": 0}, None, 16),
        ({"evse.loadbl": 1}, 10, 13),
        ({"settings.current_max": ...}, 10, None),
    ],
    ids=str,
)
def test_current(changes, amps_set_a, max_a) -> None:
    reading = read(changes)
    assert (reading.amps_set_a, reading.max_a) == (amps_set_a, max_a)


@pytest.mark.parametrize(
    ("override", "amps", "is_so"), [(100, 10, True), (101, 10, False), (0, 16, True), (0, 10, False), (160, 16, True)]
)
def test_what_is_told_already(override: int, amps: int, is_so: bool) -> None:
    assert is_override(doc({"settings.override_current": override}), amps) is is_so
    assert not is_override(doc({"settings.override_current": override, "evse.mode": 2}), amps)


@pytest.mark.parametrize(
    ("changes", "phases_set"),
    [
        ({}, 3),
        ({"settings.enable_C2": "Not present"}, None),
        ({"settings.enable_C2": "Perhaps"}, None),
        ({"settings.enable_C2": "Always Off", "evse.nrofphases": ...}, 1),
        ({"settings.enable_C2": "Always Off"}, 3),  # not yet: it charges
        ({"settings.enable_C2": "Always Off"} | B1, 1),
        ({"settings.enable_C2": "Solar Off"}, 3),
        ({"settings.enable_C2": "Solar Off", "evse.mode": 2} | B1, 1),
        ({"settings.enable_C2": "Auto", "evse.nrofphases": 1} | B1, 3),
        ({"settings.enable_C2": "Auto", "evse.mode": 2, "evse.nrofphases": 1} | B1, 1),
    ],
    ids=str,
)
def test_phases(changes, phases_set) -> None:
    assert phases_set_of(doc(changes)) == phases_set
    assert read(changes, can_switch=False).phases_set is None


NO_METER = {"ev_meter.description": "Disabled", **{f"ev_meter.currents.L{number}": 0 for number in (1, 2, 3)}}


@pytest.mark.parametrize(
    ("changes", "current_a", "power_w", "phases"),
    [
        ({}, (10, 10, 10), 6900, 3),
        (
            {"ev_meter.import_active_power": 6.9, "ev_meter.total_wh": ..., "ev_meter.total_kwh": 10},
            (10, 10, 10),
            6900,
            3,
        ),
        ({"ev_meter.import_active_power": 0}, (10, 10, 10), 6900, 3),  # it is told currents alone
        ({"ev_meter.import_active_power": -50}, (10, 10, 10), 0, 3),
        ({"ev_meter.currents.L2": 0, "ev_meter.currents.L3": 1}, (10, 0, 0.1), 6900, 1),
        ({"ev_meter.currents.L1": -3}, (0, 10, 10), 6900, 2),
        ({"ev_meter.currents.L1": 32_767}, (10, 10, 10), None, 3),
        (NO_METER, (10, 10, 10), None, 3),
        ({**NO_METER, "evse.nrofphases": 1}, (10, 0, 0), None, 1),
        ({**NO_METER, "evse.nrofphases": ..., "settings.enable_C2": "Always Off"}, (10, 0, 0), None, 1),
        ({**NO_METER} | B1, None, None, None),
        ({"evse.error": "EV Meter Comm Error", "evse.error_id": 4}, (10, 10, 10), None, 3),
    ],
    ids=str,
)
def test_draw(changes, current_a, power_w, phases) -> None:
    reading = read(changes)
    assert reading.current_a == current_a
    assert reading.power_w == (None if power_w is None else pytest.approx(power_w))
    assert reading.phases == phases


def test_energy() -> None:
    reading = read({})
    assert (reading.energy_session_wh, reading.energy_total_wh) == (500, 10_000)
    assert read({}, has_charged=False).energy_session_wh is None
    assert read({"car_connected": False} | OFF).energy_session_wh is None
    assert read(NO_METER).energy_total_wh is None
    old = {
        "ev_meter.total_wh": ...,
        "ev_meter.charged_wh": ...,
        "ev_meter.total_kwh": 10.5,
        "ev_meter.charged_kwh": 0.5,
    }
    assert (read(old).energy_session_wh, read(old).energy_total_wh) == (500, 10_500)


def test_mains() -> None:
    assert mains_of(doc({})) == (5.0, -2.0, 0.0)
    assert mains_of(doc({f"phase_currents.original_data.L{number}": ... for number in (1, 2, 3)})) == (0.1, 0.2, 0.3)
    assert mains_problem(doc({"settings.mains_meter": "Disabled", "phase_currents.last_data_update": 0})) is not None
    assert mains_problem(doc({"evse.error": "Communication Error", "evse.error_id": 2})) is not None
    assert mains_of(doc({"phase_currents.original_data.L1": 99_999, "phase_currents.L1": 99_999})) is None


def test_listening() -> None:
    assert listening_problem(doc({})) is None
    assert "API" in (listening_problem(doc({"settings.mains_meter": "Sensorbox"})) or "")
    assert "node" in (listening_problem(doc({"evse.loadbl": 2})) or "")
    assert currents_to_wire((12.04, -3.05, 1e9)) == (120, -30, 1999)


def test_state_a_without_the_newer_key() -> None:
    bare = {"car_connected": ..., "evse.connected": ...}
    assert is_plugged(doc({**OFF, **bare})) is False
    assert is_plugged(doc({"evse.state_id": 1, **bare})) is True
    assert is_plugged(doc({"evse.state_id": 255, **bare})) is None


@needs_files
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("settings_v3.5dev_2024-01_docs.json", (A, False, False, 16, 16, None, None)),
        ("settings_v3.6.10_teslalogger.json", (C, True, True, 10, 16, 6800, None)),
        ("settings_v3.10.0_victron_raw.json", (B, False, None, None, 13, 0, "no power available")),
        ("settings_v3.11.1_COMPOSED_from_source.json", (C, True, True, 9, 16, 5727, None)),
        ("settings_v3.10.2_issue132.partial.txt", (A, False, False, 8, 14, None, None)),
        ("settings_v3.7.2_ha-issue37_evnocomm.partial.txt", (A, False, False, 10, 25, None, None)),
        (
            "settings_v3.9.2_issue281_c2auto_b1.partial.txt",
            (B, False, None, None, 25, None, "it waits before it goes on"),
        ),
    ],
)
def test_recorded_documents(name: str, expected) -> None:
    found = document_from_wire((FIXTURES / name).read_bytes())
    assert found is not None
    reading = reading_from_document(found, AT)
    status, is_enabled, told, amps_a, max_a, power_w, holds = expected
    assert (reading.status, reading.is_enabled, reading.told) == (status, is_enabled, told)
    assert (reading.amps_set_a, reading.max_a, reading.holds) == (amps_a, max_a, holds)
    if power_w is not None:
        assert reading.power_w == pytest.approx(power_w, abs=0.01)


VALUES = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=8)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(PATHS)), VALUES, max_size=30))
def test_nonsense_is_read_without_an_error(told: dict[str, Any]) -> None:
    odd = Document(nested({path: value for path, value in told.items() if path.count(".") or path in PATHS}))
    reading_from_document(odd, AT)
    mains_of(odd)
    listening_problem(odd)


# --- replies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1" * 400, "-" + "1" * 400, "-5"])
@pytest.mark.parametrize("key", ["total_wh", "total_kwh", "charged_wh", "import_active_power"])
def test_a_number_that_is_none_is_not_told(key: str, number: str) -> None:
    start = '{"mode_id":3,"evse":{"state_id":2,"access":1},"settings":{"current_max":-1,"override_current":0},'
    document = document_from_wire(start + f'"ev_meter":{{"description":"API","{key}":{number}}}}}')
    assert document is not None
    reading = reading_from_document(document, AT)
    assert (reading.energy_total_wh, reading.power_w, reading.amps_set_a) == (None, None, None)


def test_every_parameter_has_a_place_where_it_is_seen() -> None:
    assert {parameter.name for parameter in PARAMETERS} <= SHOWN.keys()
    assert {shown.path for shown in SHOWN.values() if shown.path} <= PATHS.keys()


@pytest.mark.parametrize(
    ("reply", "told", "results"),
    [
        ({"mode": "3"}, {"mode": "3"}, {"mode": None}),
        ({"mode": "Value not allowed!"}, {"mode": "4"}, {"mode": "Value not allowed!"}),
        (None, {"override_current": "100"}, {"override_current": NOT_HEARD}),
        ("<html>", {"mode": "1"}, {"mode": NOT_HEARD}),
        ({"settings": {"enable_C2": "Auto"}}, {"enable_C2": "4"}, {"enable_C2": None}),
        ({"stop_timer": False}, {"stop_timer": "61"}, {"stop_timer": "Value not allowed!"}),
        ({"Backlight": 1}, {"backlight": "1"}, {"backlight": None}),
        ({"max_sum_mains_time": 3}, {"max_sum_mains_timer": "3"}, {"max_sum_mains_timer": None}),
        (None, {"intervals": "[]"}, {"intervals": None}),
    ],
    ids=str,
)
def test_replies(reply, told, results) -> None:
    assert results_from_reply(reply, told) == results


@pytest.mark.parametrize(
    ("name", "text", "is_so"),
    [
        ("mode", "3", True),
        ("mode", "1", False),
        ("enable_C2", "3", True),
        ("enable_C2", "4", False),
        ("override_current", "100", True),
        ("override_current", "100.0", True),
        ("disable_override_current", "1", False),
        ("starttime", "2026-01-01T10:00", None),
        ("backlight", "1", None),
        ("nonsense", "1", None),
    ],
)
def test_reading_back(name: str, text: str, is_so) -> None:
    assert is_as_told(doc({}), name, text) is is_so


def test_topics_lead_to_paths_of_the_document() -> None:
    own = {"uptime_s"}
    for name, topic in TOPICS.items():
        for text in ("1", "Smart", "Allow", "Charging", "C", "None", "Connected"):
            assert set(topic.read(text)) <= PATHS.keys() | own, name
    assert {topic.read("C").get("evse.state_id") for topic in [TOPICS["StateID"]]} == {int(State.C)}
