"""What we take a car to be doing once a command was proven."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import CAR, CARPORT, NOON, facts_of, settings_of

from sunbox.core.belief import after, draw_w, extra_a, is_charging, is_flowing, phases_of, voltage_of
from sunbox.core.commands import Command, CommandName
from sunbox.core.model import Charging, VehicleFacts, VehicleMemory

START = Command(CommandName.START)
STOP = Command(CommandName.STOP)
WAKE = Command(CommandName.WAKE)
CHARGES = (Charging.CHARGING, Charging.STARTING)


def amps(value: int) -> Command:
    return Command(CommandName.SET_AMPS, value)


def limit(value: int) -> Command:
    return Command(CommandName.SET_LIMIT, value)


@pytest.mark.parametrize("charging", list(Charging))
def test_each_command_after_each_state(charging: Charging) -> None:
    facts = facts_of(charging)
    runs = charging in CHARGES
    started = after(facts, START)
    assert started.charging is (charging if runs else Charging.STARTING)
    assert started.actual_a == (facts.actual_a if runs else 16.0)
    stopped = after(facts, STOP)
    assert stopped.charging is (Charging.STOPPED if runs else charging)
    assert stopped.actual_a == 0.0
    changed = after(facts, amps(10))
    assert changed.amps_requested_a == 10
    assert changed.charging is charging
    assert changed.actual_a == (10.0 if runs else facts.actual_a)
    assert after(facts, WAKE) == facts
    assert after(facts, limit(90)).limit_soc_pct == 90


@pytest.mark.parametrize("command", [START, STOP, WAKE, amps(10), limit(60)])
@pytest.mark.parametrize("charging", list(Charging))
def test_a_command_proven_twice_changes_nothing_more(charging: Charging, command: Command) -> None:
    once = after(facts_of(charging), command)
    assert after(once, command) == once


@pytest.mark.parametrize(
    ("limit_pct", "soc_pct", "charging"),
    [
        (90, 80, Charging.STARTING),
        (80, 80, Charging.COMPLETE),
        (50, 80, Charging.COMPLETE),
        (90, None, Charging.COMPLETE),
    ],
)
def test_a_higher_limit_makes_room_in_a_complete_car(limit_pct: int, soc_pct: int | None, charging: Charging) -> None:
    facts = facts_of(Charging.COMPLETE, soc_pct=soc_pct)
    assert after(facts, limit(limit_pct)).charging is charging


@pytest.mark.parametrize(
    ("asked_a", "took_a", "wanted_a", "takes_a"),
    [(16, 16.0, 10, 10.0), (16, 9.0, 12, 9.0), (16, 9.0, 6, 6.0), (16, 15.0, 20, 20.0), (32, 16.0, 24, 16.0)],
)
def test_a_car_that_took_clearly_less_goes_on_taking_that(
    asked_a: int, took_a: float, wanted_a: int, takes_a: float
) -> None:
    facts = facts_of(Charging.CHARGING, amps_requested_a=asked_a, actual_a=took_a)
    assert after(facts, amps(wanted_a)).actual_a == takes_a


@pytest.mark.parametrize(
    ("facts", "charges", "flows", "watts_w"),
    [
        (None, False, False, 0.0),
        (facts_of(), False, False, 0.0),
        (facts_of(Charging.CHARGING), True, True, 3680.0),
        (facts_of(Charging.CHARGING, actual_a=0.0), True, False, 3680.0),
        (facts_of(Charging.STARTING, actual_a=None, amps_requested_a=10), True, False, 2300.0),
        (facts_of(Charging.COMPLETE), False, False, 0.0),
    ],
)
def test_what_is_believed_to_flow(facts: VehicleFacts | None, watts_w: float, *, charges: bool, flows: bool) -> None:
    assert (is_charging(facts), is_flowing(facts)) == (charges, flows)
    assert draw_w(facts, 1, 230.0) == watts_w


SETTINGS = settings_of()


@pytest.mark.parametrize(
    ("learned", "configured", "wired", "most_a", "phases"),
    [
        (1, 3, 3, 16, 1),
        (None, 1, 3, 16, 1),
        (None, None, 1, 16, 1),
        (None, None, None, 32, 1),  # above 16 A a European car charges on one phase
        (None, None, None, 16, 3),  # in doubt too many: it starts later and with less
    ],
)
def test_the_phases_a_car_charges_with(
    learned: int | None, configured: int | None, wired: int | None, most_a: int, phases: int
) -> None:
    memory = VehicleMemory(facts=facts_of(amps_requested_max_a=most_a), phases=learned)
    vehicle, loadpoint = replace(CAR, phases=configured), replace(CARPORT, phases=wired)
    assert phases_of(SETTINGS, loadpoint, vehicle, memory) == phases


def test_phases_of_a_car_never_seen_and_the_voltage() -> None:
    assert phases_of(SETTINGS, None, CAR, VehicleMemory()) == 1  # looked at as soon as there is sun for any car
    one_phase = settings_of(site=replace(SETTINGS.site, phases=1))
    assert phases_of(one_phase, None, CAR, VehicleMemory()) == 1
    assert voltage_of(SETTINGS, VehicleMemory()) == 230.0
    assert voltage_of(SETTINGS, VehicleMemory(voltage_v=241.0)) == 241.0
    assert facts_of(Charging.UNKNOWN, at=NOON).is_plugged is None


@pytest.mark.parametrize(
    ("charging", "requested_a", "actual_a", "more_a"),
    [
        (Charging.CHARGING, 10, 11.5, 1.5),
        (Charging.CHARGING, 10, 10.4, 0.0),  # rounded
        (Charging.CHARGING, 10, 14.0, 0.0),  # on its way down
        (Charging.CHARGING, 10, 9.0, 0.0),
        (Charging.CHARGING, 10, None, 0.0),
        (Charging.CHARGING, None, 10.0, 0.0),
        (Charging.STARTING, 10, 11.5, 0.0),
    ],
)
def test_what_a_car_takes_beyond_what_it_is_allowed(
    charging: Charging, requested_a: int | None, actual_a: float | None, more_a: float
) -> None:
    assert extra_a(replace(facts_of(charging), amps_requested_a=requested_a, actual_a=actual_a)) == more_a
    assert extra_a(None) == 0.0
