"""A status in the core's words, row by row: what is not told, or cannot be true, is None."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from goe_files import FIXTURES, needs_files
from hypothesis import given
from hypothesis import strategies as st

from sunbox.core.model import ChargerReading, ChargerStatus
from sunbox.dialects.goe.legacy import status_from_legacy
from sunbox.dialects.goe.quirks import NO_QUIRKS, QUIRKS, Quirk, quirks_of
from sunbox.dialects.goe.reading import IDENTITY, POLLED, preconditions_of, reading_from_status
from sunbox.dialects.goe.table import BY_NAME
from sunbox.dialects.goe.wire import Status, status_from_wire

AT = datetime(2026, 6, 1, 10, tzinfo=UTC)
A, B, C, E = (ChargerStatus(letter) for letter in "ABCE")


def read(firmware=None, quirks=NO_QUIRKS, can_switch=True, **raw) -> ChargerReading:
    return reading_from_status(Status(raw), AT, firmware=firmware, quirks=quirks, can_switch=can_switch)


def nrg(*, volts=(230, 230, 230), amps=(0, 0, 0), watts=None, total=None):
    watts = [u * i for u, i in zip(volts, amps, strict=True)] if watts is None else watts
    return [*volts, 0, *amps, *watts, 0, sum(watts) if total is None else total, 100, 100, 100, 0]


def test_an_empty_answer_says_nothing() -> None:
    assert read() == ChargerReading(measured_at=AT)


def test_what_is_polled_has_a_row_and_can_be_read() -> None:
    assert all(BY_NAME[name].is_readable for name in POLLED)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ({"car": 1}, A),
        ({"car": 2}, C),
        ({"car": 3}, B),
        ({"car": 4}, B),
        ({"car": 4, "modelStatus": 4, "frc": 1}, B),
        ({"car": 4, "modelStatus": 23}, B),
        ({"car": 5}, E),
        ({"car": 5, "err": 0}, E),
        ({"car": 0}, None),
        ({"car": 6}, None),
        ({"car": 77}, None),
        ({"car": None}, None),
        ({"car": "2"}, None),
        ({"car": 3, "err": 8}, E),
        ({"car": 3, "err": None}, B),
        ({"car": 3, "err": 99}, B),
        ({"car": 3, "err": 12, "fwv": "60.3"}, E),
        ({"car": 4, "modelStatus": 26}, E),
        ({"car": 2, "err": 14}, C),
        ({"car": 1, "err": 9}, A),
    ],
    ids=str,
)
def test_status(raw, status) -> None:
    assert read(**raw).status is status


@pytest.mark.parametrize(
    ("raw", "is_enabled"),
    [
        ({"alw": True, "frc": 0}, True),
        ({"alw": True, "frc": 1}, False),
        ({"alw": False, "frc": 2}, False),
        ({"alw": False, "frc": 2, "modelStatus": 23}, True),
        ({"alw": False, "frc": 0, "modelStatus": 22}, True),
        ({"alw": False, "frc": 1, "modelStatus": 23}, False),
        ({"alw": None, "frc": 2}, True),
        ({"frc": 0}, None),
        ({"alw": "1"}, None),
    ],
    ids=str,
)
def test_enabled(raw, is_enabled) -> None:
    assert read(**raw).is_enabled is is_enabled


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ({"err": 0}, None),
        ({"err": None}, None),
        ({"err": 3}, "phase"),
        ({"err": 13, "fwv": "055.5"}, "overtemperature"),
        ({"err": 13, "fwv": "60.3"}, "lock stuck locked"),
        ({"err": 13}, "err 13"),
        ({"err": 99, "fwv": "60.3"}, "err 99"),
        ({"err": 14, "car": 2, "fwv": "01"}, None),
    ],
    ids=str,
)
def test_fault(raw, fault) -> None:
    assert read(**raw).fault == fault


def test_a_fault_is_read_by_the_firmware_that_is_known_from_before() -> None:
    assert read(firmware=(60, 3), err=16).fault == "overtemperature"
    assert read(firmware=(55, 5), err=16).fault == "lock stuck locked"


@pytest.mark.parametrize(
    ("raw", "max_a"),
    [
        ({"amp": 6}, None),
        ({"ama": 16, "amp": 6}, 16),
        ({"ama": 32, "cbl": 20}, 20),
        ({"ama": 32, "cbl": None}, 32),
        ({"ama": 32, "cbl": 0}, 32),
        ({"ama": 32, "adi": True}, 16),
        ({"ama": 32, "var": 11}, 16),
        ({"ama": 32, "tcl": 10}, 10),
        ({"ama": 32, "tcl": None}, 32),
        ({"ama": 32, "amt": 0}, 0),
        ({"ama": 32, "amt": 20}, 20),
        ({"ama": 32, "loe": True, "loa": 8}, 8),
        ({"ama": 32, "loe": False, "loa": 8}, 32),
        ({"ama": 32, "cll": {"cableCurrentLimit": 20, "requestedCurrent": 6, "minChargingCurrent": 6}}, 20),
        ({"ama": 32, "cll": None}, 32),
        ({"ama": 32, "cll": {"currentlimitmax": None}}, 32),
    ],
    ids=str,
)
def test_most_current(raw, max_a) -> None:
    assert read(**raw).max_a == max_a


def test_an_adapter_that_is_always_there_is_none() -> None:
    assert read(ama=32, adi=True, quirks=quirks_of((60, 5), "go-eCharger_Phoenix")).max_a == 32


ALL_SUPPLIED, ONE_SUPPLIED = [False] * 3 + [True] * 3, [False] * 3 + [True, False, False]


@pytest.mark.parametrize(
    ("raw", "phases_set"),
    [
        ({"psm": 1}, 1),
        ({"psm": 2}, 3),
        ({"psm": 2, "pha": ALL_SUPPLIED}, 3),
        ({"psm": 2, "pha": ONE_SUPPLIED}, None),
        ({"psm": 2, "pha": None}, 3),
        ({"psm": 0, "fsp": True}, 1),
        ({"psm": 0, "fsp": False, "pnp": 1}, 3),
        ({"psm": 0, "pnp": 1}, 1),
        ({"psm": 0, "pnp": 2}, 3),
        ({"psm": 0, "pnp": 0}, None),
        ({"psm": 0}, None),
        ({"psm": 7}, None),
        ({}, None),
    ],
    ids=str,
)
def test_phases_as_switched(raw, phases_set) -> None:
    assert read(**raw).phases_set == phases_set
    assert read(can_switch=False, **raw).phases_set is None


@pytest.mark.parametrize(
    ("told", "power_w", "phases"),
    [
        (nrg(amps=(16, 16, 16)), 11_040, 3),
        (nrg(amps=(16, 0, 0)), 3680, 1),
        (nrg(amps=(16, 0, 0), total=11_040), 3680, 1),
        (nrg(amps=(16, 0, 0), total=0), 3680, 1),
        (nrg(amps=(16, 0, 0), watts=(0, 0, 0)), 3680, 1),
        (nrg(amps=(5.9, 5.9, 5.9), watts=(1300, 1300, 1300), total=4140), 4140, 3),
        (nrg(total=-300), 0, None),
        (nrg(amps=(0.2, 0.2, 0.2)), 138, None),
        (nrg(volts=(0, 0, 0), amps=(6, 6, 6), watts=(0, 0, 0), total=4140), 4140, 3),
    ],
    ids=str,
)
def test_power_is_checked_against_volts_and_amps(told, power_w, phases) -> None:
    reading = read(car=2, nrg=told)
    assert (reading.power_w, reading.phases) == (pytest.approx(power_w), phases)


@pytest.mark.parametrize(
    "told",
    [None, [], [0] * 15, [0] * 17, ["0"] * 16, [None] * 16, {}, [float("nan")] * 16, nrg(amps=(4000, 0, 0))],
    ids=str,
)
def test_what_cannot_be_measured_is_not_known(told) -> None:
    reading = read(nrg=told)
    assert (reading.current_a, reading.power_w) == (None, None)


def test_currents_are_never_negative() -> None:
    assert read(nrg=nrg(amps=(-0.3, 0, 0))).current_a == (0, 0, 0)


def test_zeros_of_a_firmware_that_does_not_measure_are_not_known() -> None:
    quirks = quirks_of((60, 4), "go-eCharger_Phoenix")
    reading = read(car=2, nrg=nrg(), pnp=3, quirks=quirks)
    assert (reading.current_a, reading.power_w, reading.phases) == (None, None, 3)
    assert read(car=2, nrg=nrg(), pnp=3).power_w == 0
    assert read(car=4, nrg=nrg(), quirks=quirks).power_w == 0


def test_voltages_are_told_while_idle_and_not_where_there_is_no_mains() -> None:
    assert read(car=1, nrg=nrg()).voltage_v == (230, 230, 230)
    assert read(nrg=[15, 0, 0, 223, *[0] * 12]).voltage_v is None


def test_boot_and_energies() -> None:
    reading = read(car=2, rbt=60_000, wh=1234.5, eto=99)
    assert reading.started_at == AT - timedelta(minutes=1)
    assert (reading.energy_session_wh, reading.energy_total_wh) == (1234.5, 99)
    assert read(car=1, wh=709.8).energy_session_wh is None
    assert read(rbt=-1).started_at is None


@pytest.mark.parametrize(("number", "is_switching"), [(22, True), (23, True), (24, False), (4, False), (99, False)])
def test_switching(number, is_switching) -> None:
    assert read(car=4, modelStatus=number).is_switching is is_switching


def test_every_quirk_has_a_row_and_unknown_firmware_has_none_of_them() -> None:
    assert {row.quirk for row in QUIRKS} == set(Quirk)
    assert quirks_of(None) == NO_QUIRKS
    assert quirks_of((51, 3)) == {Quirk.JSON_FILTER}
    assert quirks_of((51, 4)) == NO_QUIRKS


def test_v1_tells_the_current_that_is_not_stored() -> None:
    told = {"car": "2", "amp": "16", "amx": "8", "alw": "1", "ama": "32"}
    reading = reading_from_status(status_from_legacy(told), AT)
    assert (reading.status, reading.amps_set_a, reading.is_enabled, reading.max_a) == (C, 8, True, 32)
    assert reading_from_status(status_from_legacy(told | {"amx": "0"}), AT).amps_set_a == 16


EXPECTED = {
    "v1_status_charging_fw01_akleber.json": {"status": C, "power_w": 5160, "phases": 3, "max_a": 32, "amps_set_a": 16},
    "v1_status_from_v3plus_hw_fw60.2_hombach.json": {"status": B, "is_enabled": False, "amps_set_a": 10, "max_a": 16},
    "v1_status_fw041_markusk.json": {"status": A, "power_w": 0},
    "v1_status_hw2_fw041_vikt0rm.json": {"status": B, "max_a": 16, "energy_total_wh": 366_000},
    "v2_filtered_core_fw60.5_evcc32510.json": {"status": B, "is_enabled": False, "power_w": None},
    "v2_filtered_evcc_charging_3p_fw051_2021.json": {"status": C, "power_w": 4140, "energy_session_wh": 21026.37},
    "v2_filtered_evcc_gemini_flex_idle_2024.json": {"status": A, "energy_session_wh": None, "energy_total_wh": 67_445},
    "v2_filtered_evcc_idle_complete_2022.json": {"status": B, "is_enabled": False, "power_w": 0},
    "v2_mock_openkfw.json": {"status": A, "amps_set_a": 10, "max_a": 16},
    "v2_status_from_mqtt_fw053.1_syssi.json": {"status": A, "phases_set": None, "voltage_v": None, "max_a": 16},
    "v2_ws_deltastatus_charging_issue80.json": {"status": None, "power_w": 11_730, "phases": 3},
    "v2_ws_fullstatus_parts_fw0.54_issue87.json": {"is_enabled": True, "energy_total_wh": 472_715},
    "wattpilot_example_values_fw36.3.json": {"status": A, "amps_set_a": 6, "phases_set": 3},
}


def load_status(name: str) -> Status:
    status = status_from_wire((FIXTURES / name).read_bytes())
    assert status is not None
    if name.startswith("v1_"):
        return status_from_legacy(status.raw)
    return Status(status.raw.get("status", status.raw.get("values", status.raw)))


@needs_files
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_recorded_statuses_read_as_they_were(name) -> None:
    reading = reading_from_status(load_status(name), AT)
    assert {field: getattr(reading, field) for field in EXPECTED[name]} == EXPECTED[name]


@needs_files
def test_every_recorded_status_is_expected() -> None:
    assert {path.name for path in FIXTURES.glob("*.json")} == set(EXPECTED)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1", "16", "-3"]),
    lambda inner: st.lists(inner, max_size=16) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
NAMES = st.sampled_from(
    [*POLLED, *IDENTITY, "amx", "ast", "dws", "stp", "al1", "al2", "al3", "al4", "al5", "cid", "uby"]
)


@given(st.dictionaries(NAMES, VALUES | st.lists(st.floats() | st.integers(), min_size=16, max_size=16)))
def test_nothing_that_a_device_says_breaks_the_reading(raw) -> None:
    for status in (Status(raw), status_from_legacy(raw)):
        quirks = quirks_of(status.firmware)
        reading = reading_from_status(status, AT, quirks=quirks)
        assert reading.power_w is None or 0 <= reading.power_w < float("inf")
        assert reading.started_at is None or reading.started_at <= AT
        assert reading.phases_set in (None, 1, 3)
        preconditions_of(status)
