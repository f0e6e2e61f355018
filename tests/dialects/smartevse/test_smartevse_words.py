"""The numbers and words of the dialect, and its tables: each path once per firmware, each with a reader."""

from __future__ import annotations

import pytest

from sunbox.dialects.smartevse.pilot import NO_OFFER, duty_of, offered_da
from sunbox.dialects.smartevse.profiles import PROFILES, Profile, rows_of
from sunbox.dialects.smartevse.readout import READERS
from sunbox.dialects.smartevse.state import Setup
from sunbox.dialects.smartevse.table import ON_MODEM, PATHS, ROWS, Kind
from sunbox.dialects.smartevse.words import (
    METER_TEXTS,
    STATE_LETTERS,
    STATE_TEXTS,
    Access,
    Fault,
    Meter,
    Mode,
    Regime,
    State,
    fault_id,
    mode_of,
    state_text,
    told_fault,
)


@pytest.mark.parametrize(
    ("access", "regime", "mode"),
    [
        (Access.OFF, Regime.SMART, 0),
        (Access.ON, Regime.NORMAL, 1),
        (Access.ON, Regime.SOLAR, 2),
        (Access.ON, Regime.SMART, 3),
        (Access.PAUSE, Regime.SOLAR, 4),
    ],
)
def test_two_numberings_of_the_mode(access: Access, regime: Regime, mode: int) -> None:
    assert mode_of(access, regime) == mode
    assert Setup(access=access, regime=regime).mode is Mode(mode)


@pytest.mark.parametrize(
    ("faults", "state", "text", "error"),
    [
        (Fault.NONE, State.C, "Charging", 0),
        (Fault.LESS_6A, State.B1, "Charging Stopped - No Power Available", 0),
        (Fault.LESS_6A | Fault.CT_NOCOMM, State.B1, "Charging Stopped - Communication Error", 0),
        (Fault.CT_NOCOMM, State.B1, "Charging Stopped", 2),
        (Fault.TEMP_HIGH, State.A, "Ready to Charge", 3),
        (Fault.EV_NOCOMM, State.A, "Ready to Charge", 4),
        (Fault.CIRCUIT_NOCOMM, State.A, "Ready to Charge", 7),
        (Fault.CT_NOCOMM | Fault.TEMP_HIGH, State.A, "Ready to Charge", 3),
    ],
)
def test_want_of_power_stands_in_the_state(faults: Fault, state: State, text: str, error: int) -> None:
    assert state_text(state, faults) == text
    assert told_fault(faults) == error


def test_lists() -> None:
    assert STATE_TEXTS.keys() == STATE_LETTERS.keys() == set(State)
    assert (METER_TEXTS[Meter.API], METER_TEXTS[Meter.HOMEWIZARD], int(Meter.API)) == ("API", "Homewizrd", 9)
    assert [fault_id(fault) for fault in Fault if fault] == list(range(1, 9))


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_no_firmware_has_a_path_twice(profile: Profile) -> None:
    paths = [row.path for row in rows_of(profile)]
    assert len(paths) == len(set(paths))


def test_every_path_but_a_modems_can_be_read() -> None:
    lacks = {row.path for row in ROWS if row.optional == ON_MODEM and len(PATHS[row.path]) == 1}
    assert PATHS.keys() - READERS.keys() == lacks
    assert READERS.keys() <= PATHS.keys()


def test_generations_differ_as_they_do() -> None:
    kinds = {name: {row.path: row.kind for row in rows_of(profile)} for name, profile in PROFILES.items()}
    assert [kinds[name]["evse.access"] for name in sorted(kinds)] == [
        Kind.INT,
        Kind.INT,
        Kind.BOOL,
        Kind.BOOL,
        Kind.INT,
    ]
    assert [("ev_meter.total_wh" in kinds[name]) for name in ("3.5", "3.6", "3.9", "3.10", "3.11")] == [
        False,
        False,
        False,
        True,
        True,
    ]
    assert "serialnr" not in kinds["3.5"]
    assert "settings.ledmode" in kinds["3.11"]
    assert "settings.ledmode" not in kinds["3.10"]
    assert "ocpp.mode" not in kinds["3.6"]


@pytest.mark.parametrize(
    ("current", "duty"),
    [(60, 102), (83, 141), (100, 169), (160, 272), (510, 870), (520, 868), (800, 983), (0, 102), (900, 102)],
)
def test_what_the_pilot_says_for_a_current(current: int, duty: int) -> None:
    assert duty_of(current) == duty


def test_what_a_pilot_offers_is_what_it_was_made_for() -> None:
    for current in range(60, 511):
        assert abs(offered_da(duty_of(current)) - current) <= 1
    assert [offered_da(duty) for duty in (0, 50, 101, NO_OFFER)] == [0, 0, 0, 0]
    assert offered_da(983) == 800
