"""Hard caps: cable, EVSE, car and loadpoint; and the main fuse, with and without currents per phase."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import CARPORT, TESLA, facts_of

from sunbox.core.circuits import (
    Amps,
    Cap,
    Circuits,
    Fuse,
    Load,
    Want,
    available_a,
    device_cap,
    grant,
    others_of,
    others_w_of,
)
from sunbox.core.model import Charging, VehicleFacts

OUT = Charging.DISCONNECTED


@pytest.mark.parametrize(
    ("facts", "most_a"),
    [
        (None, None),
        (facts_of(pilot_a=16), 16),
        (facts_of(pilot_a=0, amps_requested_max_a=20), 20),
        (facts_of(pilot_a=None, amps_requested_max_a=20), 20),
        (facts_of(OUT, pilot_a=13, amps_requested_max_a=32), 32),  # a pilot without a cable says nothing
        (facts_of(pilot_a=None, amps_requested_max_a=None), None),
    ],
)
def test_what_cable_evse_and_car_allow(facts: VehicleFacts | None, most_a: int | None) -> None:
    assert available_a(facts) == most_a


@pytest.mark.parametrize(
    ("loadpoint_a", "device_a", "pilot_a", "cap_a"),
    [(None, 32, 32, 32), (16, 32, 32, 16), (None, 16, 32, 16), (20, 32, 13, 13), (40, 32, 48, 32)],
)
def test_the_smallest_known_cap_counts(loadpoint_a: int | None, device_a: int, pilot_a: int, cap_a: int) -> None:
    loadpoint, capabilities = replace(CARPORT, max_a=loadpoint_a), replace(TESLA, max_a=device_a)
    assert device_cap(loadpoint, capabilities, facts_of(pilot_a=pilot_a)).amps_a == cap_a


V = 230.0


def others(grid_w: float, phases_a: Amps | None = None, *loads: Load, before: Amps | None = None) -> Amps:
    return others_of(grid_w, phases_a, V, list(loads), before)[0]


def car(low_a: float, high_a: float | None = None, phases: int = 1, first_phase: int | None = None) -> Load:
    high_a = low_a if high_a is None else high_a
    return Load(phases=phases, first_phase=first_phase, voltage_v=V, low_a=low_a, high_a=high_a)


@pytest.mark.parametrize(
    ("grid_w", "phases_a", "load", "expected_a"),
    [
        # without currents per phase all that others use is assumed on one of the car's phases
        (2300.0, None, car(0.0), (10.0,) * 3),
        (2300.0, None, car(10.0), (0.0,) * 3),
        (6900.0, None, car(10.0), (20.0,) * 3),
        (-5000.0, None, car(0.0), (0.0,) * 3),  # export leaves the whole fuse, and not more
        (2300.0 + 3 * 16 * V, None, car(16.0, phases=3), (10.0,) * 3),
        # with them each phase counts for itself where the wiring is known, else the worst one for all
        (0.0, (10.0, -3.0, 20.0), car(0.0), (10.0, -3.0, 20.0)),
        (0.0, (26.0, 4.0, 4.0), car(16.0), (10.0,) * 3),
        (0.0, (26.0, 4.0, 30.0), car(16.0, first_phase=1), (10.0, 4.0, 30.0)),
        (0.0, (20.0, 18.0, 16.0), car(16.0, phases=3), (4.0, 2.0, 0.0)),
        (0.0, (20.0, 18.0, 16.0), car(10.0, phases=2, first_phase=3), (10.0, 18.0, 6.0)),
    ],
)
def test_what_the_others_draw(grid_w: float, phases_a: Amps | None, load: Load, expected_a: Amps) -> None:
    assert others(grid_w, phases_a, load) == pytest.approx(expected_a)


def test_of_two_cars_on_unknown_phases_only_the_smaller_is_taken_off() -> None:
    assert others(0.0, (20.0, 12.0, 0.0), car(16.0), car(10.0)) == (10.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("grid_w", "low_a", "high_a", "before_a", "expected_a"),
    [
        (V * 2, 0.0, 20.0, 2.0, 2.0),  # the car has not begun yet
        (V * 22, 0.0, 20.0, 2.0, 2.0),  # it has: the rise is its own
        (V * 32, 0.0, 20.0, 2.0, 12.0),  # more than it can be: a kettle
        (V * 12, 0.0, 20.0, None, 12.0),  # nothing known from before: the house's, on doubt
        (V * 1, 0.0, 20.0, 8.0, 1.0),  # the house takes less than before
    ],
)
def test_while_a_car_settles_the_others_are_what_they_were_as_far_as_the_grid_allows(
    grid_w: float, low_a: float, high_a: float, before_a: float | None, expected_a: float
) -> None:
    before = None if before_a is None else (before_a,) * 3
    found, is_certain = others_of(grid_w, None, V, [car(low_a, high_a)], before)
    assert found == pytest.approx((expected_a,) * 3)
    assert not is_certain


def want(name: str, want_a: int = 32, phases: int = 1, min_a: int = 6, priority: int = 0) -> Want:
    return Want(loadpoint_id=name, load=car(0.0, phases=phases), min_a=min_a, want_a=want_a, priority=priority)


def behind(left_a: float | None = None, left_w: float | None = None, safe_a: int | None = None) -> Circuits:
    fuse = Fuse(name="F", left_a=None if left_a is None else [left_a] * 3, left_w=left_w, safe_a=safe_a)
    return Circuits(fuses_of=dict.fromkeys("abc", (fuse,)))


@pytest.mark.parametrize(
    ("circuits", "wants", "granted"),
    [
        (behind(20.0), [want("a"), want("b")], {"a": 10, "b": 10}),  # fairly
        (behind(21.0), [want("a"), want("b")], {"a": 11, "b": 10}),
        (behind(20.0), [want("a", 8), want("b")], {"a": 8, "b": 12}),  # what one does not want is the other's
        (behind(20.0), [want("a", priority=1), want("b")], {"a": 14, "b": 6}),  # minimums first, then by priority
        (behind(11.0), [want("a"), want("b")], {"a": 11, "b": 0}),  # too little for both: the first keeps it
        (behind(5.0), [want("a"), want("b")], {"a": 0, "b": 0}),
        (behind(-3.0), [want("a")], {"a": 0}),
        (behind(left_w=4600.0), [want("a"), want("b", phases=3)], {"a": 20, "b": 0}),
        (behind(left_w=6900.0), [want("a", 8), want("b", 8, phases=3)], {"a": 8, "b": 7}),
        (behind(safe_a=7), [want("a"), want("b")], {"a": 7, "b": 7}),
        (behind(), [want("a", 16)], {"a": 16}),
    ],
)
def test_grants(circuits: Circuits, wants: list[Want], granted: dict[str, int]) -> None:
    grant(circuits, wants)
    assert circuits.held == granted


def test_a_circuit_within_a_circuit() -> None:
    garage, main = Fuse(name="garage", left_a=[16.0] * 3), Fuse(name="main", left_a=[35.0] * 3)
    circuits = Circuits(fuses_of={"a": (garage, main), "b": (garage, main), "c": (main,)})
    grant(circuits, [want("a"), want("b"), want("c")])
    assert circuits.held == {"a": 8, "b": 8, "c": 19}
    room = circuits.room_for("a", car(0.0))
    assert room == Cap(8, "garage")


def test_cars_on_known_phases_do_not_disturb_each_other() -> None:
    main = Fuse(name="main", left_a=[20.0, 20.0, 20.0])
    circuits = Circuits(fuses_of={"a": (main,), "b": (main,)})
    on_1, on_2 = car(0.0, first_phase=1), car(0.0, first_phase=2)
    circuits.hold("a", on_1, 20.0)
    assert circuits.room_for("b", on_2) == Cap(20, "main")
    assert circuits.room_for("b", on_1) == Cap(0, "main")


def test_the_limit_between_phases_binds_cars_that_do_not_use_all() -> None:
    circuits = Circuits(fuses_of={"a": ()}, unbalanced_a=20.0, total=[5.0, 0.0, 0.0])
    room = circuits.room_for("a", car(0.0, first_phase=1))
    assert room == Cap(15, "the limit of 20 A between phases")
    assert circuits.room_for("a", car(0.0, first_phase=2)) == Cap(20, "the limit of 20 A between phases")
    assert circuits.room_for("a", car(0.0, phases=3)) is None


def test_a_grant_on_one_phase_is_none_on_three() -> None:
    circuits = behind(left_w=4139.0)
    grant(circuits, [want("a", 16)])
    assert circuits.room_for("a", car(0.0, phases=3)) == Cap(5, "F")
    assert circuits.room_for("a", car(0.0)) == Cap(17, "F")  # to ask was not to hold
    assert circuits.fuses_of["a"][0].left_w == pytest.approx(4139.0 - 16 * V)


def test_the_nearest_limit_counts_where_phases_may_not_differ_by_much() -> None:
    for left_a, room in ((10.0, Cap(10, "F")), (40.0, Cap(20, "the limit of 20 A between phases"))):
        circuits = behind(left_a=left_a)
        circuits.unbalanced_a = 20.0
        assert circuits.room_for("a", car(0.0, first_phase=1)) == room


@pytest.mark.parametrize(
    ("grid_w", "load", "before_w", "expected"),
    [
        (4600.0, car(16.0), None, (920.0, True)),
        (-500.0, car(0.0), None, (-500.0, True)),
        (4600.0, car(0.0, 16.0), None, (4600.0, False)),
        (4600.0, car(0.0, 16.0), 920.0, (920.0, False)),  # the rise is the car's
        (6900.0, car(0.0, 16.0), 920.0, (3220.0, False)),  # as far as it can be
        (500.0, car(0.0, 16.0), 920.0, (500.0, False)),
    ],
)
def test_what_others_take_in_w(grid_w: float, load: Load, before_w: float | None, expected: tuple[float, bool]) -> None:
    assert others_w_of(grid_w, load.low_a * V, load.high_a * V, before_w) == expected
