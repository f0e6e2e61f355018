"""Recorded answers of real chargers lose nothing, and mean what their reporters said."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from goe_files import FIXTURES, needs_files

from sunbox.dialects.goe.legacy import KEPT, legacy_from_status, status_from_legacy
from sunbox.dialects.goe.wire import Status, results_from_wire, status_from_wire
from sunbox.dialects.goe.words import ButtonLock, Car, Fault, Force, ModelStatus, PhaseMode

pytestmark = needs_files

V2 = sorted(path.name for path in FIXTURES.glob("*.json") if not path.name.startswith("v1_"))
V1 = sorted(path.name for path in FIXTURES.glob("v1_*.json"))


def load(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text("utf-8"))


def status_of(name: str) -> Status:
    """Return the status in a file; messages of the web socket have it inside."""
    document = load(name)
    for inside in ("status", "values"):
        document = document.get(inside, document)
    status = status_from_wire(json.dumps(document).encode())
    assert status is not None
    return status


def test_there_are_recorded_answers() -> None:
    assert len(V2) >= 8
    assert len(V1) == 4


@pytest.mark.parametrize("name", V2)
def test_nothing_is_lost(name: str) -> None:
    status = status_of(name)
    told = load(name)
    for inside in ("status", "values"):
        told = told.get(inside, told)
    assert status.raw == told
    for key in status.raw.keys() - status.unknown_keys - status.odd_keys:
        value = status.read(key)
        assert value == status.raw[key]
        assert type(value) is type(status.raw[key])
    # a sibling of another maker writes two arrays as texts and two texts as numbers; all others fit their rows
    expected = {"fwv", "fwc", "pha", "wpb"} if name.startswith("wattpilot") else set()
    assert status.odd_keys == expected
    assert all(status.read(key) is None for key in expected)


def test_the_charging_one() -> None:
    status = status_of("v2_filtered_evcc_charging_3p_fw051_2021.json")
    assert status.car is Car.CHARGING
    energies = status.energies
    assert energies is not None
    assert (energies.volts_v, energies.amps_a) == ((228, 227, 229), (5.9, 5.9, 5.9))
    assert (energies.powers_w, energies.total_w, energies.neutral_factor_pct) == ((1300, 1300, 1300), 4140, 9)
    assert (status.read("eto"), status.read("wh"), status.read("trx")) == (66660, 21026.37, None)


def test_the_one_of_053() -> None:
    status = status_of("v2_status_from_mqtt_fw053.1_syssi.json")
    assert (status.car, status.force, status.phase_mode) == (Car.IDLE, Force.NEUTRAL, PhaseMode.THREE)
    assert (status.firmware, status.fault()) == ((53, 1), Fault.NONE)
    assert status.model_status is ModelStatus.FALLBACK_DEFAULT
    assert status.button_lock("bac") is ButtonLock.NEVER
    assert status.button_lock("sdp") is None


def test_the_core_waits_without_a_car_and_lacks_keys() -> None:
    status = status_of("v2_filtered_core_fw60.5_evcc32510.json")
    assert (status.car, status.model_status) == (Car.WAIT_CAR, ModelStatus.ACCESS_CONTROL)
    assert (status.read("acu"), status.read("cbl"), status.read("alw")) == (None, None, False)


def test_each_topic_of_the_capture_is_json() -> None:
    lines = (FIXTURES / "v2_mqtt_capture_fw053.1_syssi.log").read_text("utf-8").splitlines()
    told = {line.split(" ", 1)[0].rsplit("/", 1)[1]: json.loads(line.split(" ", 1)[1]) for line in lines if line}
    status = Status(told)
    assert len(told) > 60
    assert status.odd_keys == frozenset()
    assert told.keys() == status_of("v2_status_from_mqtt_fw053.1_syssi.json").raw.keys()


def test_the_raw_exchange_has_a_body_with_a_failure() -> None:
    text = (FIXTURES / "v2_http_exchange_raw.txt").read_text("utf-8")
    (body,) = re.findall(r"^\{\"cid\".*\}$", text, re.MULTILINE)
    assert results_from_wire(body.encode()) == {
        "cid": 'cid: tried to set api key with invalid json IncompleteInput (")'
    }


@pytest.mark.parametrize("name", V1)
def test_nothing_of_v1_is_lost(name: str) -> None:
    document = load(name)
    status = status_from_legacy(document)
    kept = {key.removeprefix(KEPT) for key in status.unknown_keys}
    assert all(status.raw[KEPT + key] == document[key] for key in kept)
    assert {"car", "alw", "eto", "nrg"} <= status.raw.keys()
    assert status.odd_keys == frozenset()
    read = {"dws", "ast", "alw", "eto", "nrg", "pha", "car", "amp", "fwv", "sse", "al1", "al5", "rbt", "rbc"}
    assert document.keys() <= kept | read | document.keys() - kept
    assert not kept & read


def test_v1_of_a_newer_device() -> None:
    status = status_from_legacy(load("v1_status_from_v3plus_hw_fw60.2_hombach.json"))
    assert (status.car, status.read("alw"), status.read("amp"), status.read("cbl")) == (Car.COMPLETE, False, 10, 32)
    assert status.read("eto") == 3_587_300
    assert status.read("wh") == pytest.approx(5644.886)
    assert status.read("pha") == [False, False, False, True, True, True]
    assert (status.read("clp"), status.read("dwo"), status.read("tof")) == ([6, 10, 12, 14, 16], None, 60)
    assert status.firmware == (60, 2)


def test_what_is_written_for_v1_reads_the_same(whole_status: dict[str, Any]) -> None:
    written = legacy_from_status(whole_status)
    known = load("v1_status_from_v3plus_hw_fw60.2_hombach.json")
    assert written.keys() == known.keys() | {"tma", "amt"}
    texts = {key for key, value in known.items() if isinstance(value, str)}
    assert {key for key in texts if not isinstance(written[key], str)} == set()
    status = status_from_legacy(written)
    for key in ("car", "alw", "amp", "ama", "pha", "clp", "cid", "tof", "trx", "acs"):
        assert status.raw.get(key) == whole_status[key], key
    assert status.read("wh") == pytest.approx(whole_status["wh"], abs=0.01)
    assert 0 <= whole_status["eto"] - status.read("eto") < 100
    assert status.energies is not None
    assert status.energies.total_w == pytest.approx(whole_status["nrg"][11], abs=10)
