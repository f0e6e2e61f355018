"""What a SmartEVSE keeps when it is switched off, and its words for every reason."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.core.reasons import ReasonCode
from sunbox.dialects.smartevse.box import Box
from sunbox.dialects.smartevse.flash import KEPT, document_from_state, is_worth_keeping_soon, restored
from sunbox.dialects.smartevse.reasons import WORDS, fault_from_reason, state_from_reason
from sunbox.dialects.smartevse.state import BoxState, Setup, first_state
from sunbox.dialects.smartevse.words import Access, Contactor, Fault, Meter, Regime, State

AT = datetime(2026, 6, 1, 10, tzinfo=UTC)
TOLD = (
    ("/settings", {"mode": "3", "starttime": "2026-06-01T13:00", "stoptime": "2026-06-01T15:00", "repeat": "1"}),
    ("/settings", {"override_current": "83", "stop_timer": "7", "solar_start_current": "5", "solar_max_import": "6"}),
    (
        "/settings",
        {"current_min": "8", "current_max_sum_mains": "40", "max_sum_mains_timer": "3", "capacity_mode": "1"},
    ),
    ("/settings", {"enable_C2": "4", "lcdlock": "1", "cablelock": "1", "intervals": '[{"start": 60, "power": 4000}]'}),
    ("/settings", {"mqtt_update": "1", "mqtt_host": "broker", "mqtt_password": "secret", "mqtt_ca_cert": "x"}),
    ("/settings", {"ocpp_update": "1", "ocpp_mode": "1", "ocpp_auth_key": "secret", "ocpp_cb_id": "me"}),
    ("/color_solar", {"R": "1", "G": "2", "B": "3"}),
)


def told() -> BoxState:
    """Return a box that was told everything there is to keep."""
    box = Box(follows_document=True)
    state = first_state(AT, Setup(mains_meter=Meter.API))
    for path, parameters in TOLD:
        found = box.post(state, path, parameters)
        assert found is not None
        state = found[0].state
    return replace(state, behind=replace(state.behind, ev_total_wh=5000, ev_charged_wh=700))


def test_everything_that_was_told_is_kept_but_no_secret() -> None:
    state = told()
    document = json.loads(json.dumps(document_from_state(state)))
    assert "secret" not in json.dumps(document)
    found = restored(first_state(AT, Setup(mains_meter=Meter.API)), document)
    assert found.problems == ()
    box = Box()
    was, now = box.read(state), box.read(found.state)
    assert now["ocpp"].pop("auth_key") == "*"
    assert was["ocpp"].pop("auth_key") == "secret"
    assert now == was
    assert found.state.setup.contactor is Contactor.AUTO
    assert now["mqtt"]["password_set"] is True
    assert document_from_state(found.state) == document


def test_counters_alone_are_not_worth_a_write() -> None:
    state = told()
    counted = replace(state, behind=replace(state.behind, ev_total_wh=6000))
    assert not is_worth_keeping_soon(document_from_state(state), document_from_state(counted))
    assert is_worth_keeping_soon(document_from_state(state), document_from_state(replace(state, is_lcd_locked=False)))


@pytest.mark.parametrize("version", [None, 0, 2, "1", [], True])
def test_a_document_of_another_version_is_not_read(version: Any) -> None:
    state = first_state(AT)
    found = restored(state, {**document_from_state(told()), "version": version})
    if version is True:  # which equals 1 in Python
        return
    assert found.state == state
    assert len(found.problems) == 1


@pytest.mark.parametrize("name", sorted(KEPT))
@pytest.mark.parametrize("value", [-1, 10_000, "6", None, True, 6.5])
def test_what_a_setting_cannot_be_is_left_out_and_named(name: str, value: Any) -> None:
    document = document_from_state(told())
    document["settings"][name] = value
    found = restored(first_state(AT), document)
    assert [problem.partition(":")[0] for problem in found.problems] == [name]
    assert getattr(found.state.setup, name) == getattr(Setup(), name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(sorted(document_from_state(told()))), JSON)
def test_any_document_makes_a_box(name: str, value: Any) -> None:
    document = {**document_from_state(told()), name: value}
    state = restored(first_state(AT), document).state
    json.dumps(Box().read(replace(state, at=AT + timedelta(seconds=1))))
    json.dumps(document_from_state(state))


def test_every_reason_has_words() -> None:
    assert set(WORDS) == set(ReasonCode)


@pytest.mark.parametrize("code", sorted(ReasonCode))
def test_words_that_clients_rely_on(code: ReasonCode) -> None:
    for access in sorted(Access):
        for regime in sorted(Regime):
            for flows in (False, True):
                for charges in (False, True):
                    about: dict[str, Any] = {"flows": flows, "charges": charges, "access": access, "regime": regime}
                    assert state_from_reason(code, is_plugged=False, **about) is State.A
                    state = state_from_reason(code, is_plugged=True, **about)
                    if access is not Access.ON:
                        assert state is (State.C1 if flows else State.B1)
                    elif flows:
                        assert state is State.C
                    elif regime is not Regime.SOLAR:
                        assert state is State.B, "B1 would say that it is switched off"
                    else:
                        assert state in (State.B, State.B1)
    assert not fault_from_reason(code, flows=True) & Fault.LESS_6A
    if WORDS[code].fault & Fault.LESS_6A:
        assert code in {
            ReasonCode.SURPLUS_LOW,
            ReasonCode.SURPLUS_STARTING,
            ReasonCode.START_PRICE,
            ReasonCode.SUN_DOWN,
            ReasonCode.OFF_GRID,
            ReasonCode.FUSE,
            ReasonCode.NO_POWER,
            ReasonCode.BUDGET,
        }


DELAYS = [
    ("mode=1&starttime=2026-06-01T13:00", True),
    ('mode=1&starttime="2026-06-01T13:00"', True),
    ("mode=3&starttime='2026-06-01T13:00'", True),
    ('mode=1&starttime=""2026-06-01T13:00""', False),
    ("mode=1&starttime=2026-06-01T09:00", False),
    ("mode=2&starttime=2026-06-01T13:00", False),
    ("mode=0&starttime=2026-06-01T13:00", False),
    ("starttime=2026-06-01T13:00", False),
    ('mode=1&starttime="', False),
]


@pytest.mark.parametrize(("query", "waits"), DELAYS, ids=[query for query, _ in DELAYS])
def test_start_times_as_the_document_has_them(query: str, waits: bool) -> None:
    box = Box(follows_document=True)
    parameters = dict(each.split("=", 1) for each in query.split("&"))
    found = box.post(first_state(AT, Setup(mains_meter=Meter.API)), "/settings", parameters)
    assert found is not None
    state = found[0].state
    assert (state.start_at is not None) is waits
    if parameters.get("mode") in ("1", "2", "3"):
        assert state.setup.access is (Access.OFF if waits else Access.ON)
    # the device itself takes the quotes for no time at all
    assert Box().post(first_state(AT, Setup(mains_meter=Meter.API)), "/settings", parameters) is not None
