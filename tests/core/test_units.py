"""Conversions: power and current, rounding, phases, distances."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.core.units import active_phases, amps_a, distance_m, power_w


@given(st.integers(1, 48), st.integers(1, 3), st.floats(90, 300))
def test_power_and_current_are_each_others_inverse(current_a: int, phases: int, voltage_v: float) -> None:
    assert amps_a(power_w(current_a, phases, voltage_v), phases, voltage_v) == pytest.approx(current_a)


@pytest.mark.parametrize(("phases", "voltage_v"), [(0, 230.0), (1, 0.0), (3, -1.0)])
def test_no_current_without_phases_or_voltage(phases: int, voltage_v: float) -> None:
    assert amps_a(1000.0, phases, voltage_v) == 0.0


@pytest.mark.parametrize(
    ("reported", "watts_w", "voltage_v", "current_a", "phases"),
    [
        (1, 7000.0, 230.0, 32.0, 1),
        (3, 11000.0, 230.0, 16.0, 3),
        (1, 0.0, 2.0, 0.0, 0),  # idle
        (3, None, None, None, 0),
        (None, 11000.0, 230.0, 16.0, 3),  # it does not say: the formula
        (None, 7000.0, 230.0, 31.0, 1),
        (None, 99000.0, 230.0, 16.0, 3),  # never more than three
        (None, 100.0, 230.0, 16.0, 1),  # never less than one
        (None, None, None, 16.0, 0),  # nothing to compute from
        (None, 0.0, 230.0, 5.0, 1),
        (3, 1000.0, 230.0, 5.0, 3),  # whole kW below 2 kW contradict nothing
        (3, 4000.0, 230.0, 16.0, 1),  # 11 kW said, 4 kW measured
        (1, 11000.0, 230.0, 16.0, 3),  # 3.7 kW said, 11 kW measured
        (1, 3000.0, 230.0, 16.0, 1),  # within the rounding of whole kW
        (1, 5000.0, 0.0, 16.0, 1),  # no voltage, no formula
    ],
)
def test_active_phases(
    reported: int | None, watts_w: float | None, voltage_v: float | None, current_a: float | None, phases: int
) -> None:
    assert active_phases(reported, watts_w, voltage_v, current_a) == phases


@given(
    st.none() | st.sampled_from([1, 3]),
    st.none() | st.floats(0, 3e4),
    st.none() | st.just(0.0) | st.floats(0.1, 500),
    st.none() | st.just(0.0) | st.floats(0.1, 100),
)
def test_active_phases_are_0_to_3(
    reported: int | None, watts_w: float | None, voltage_v: float | None, current_a: float | None
) -> None:
    assert active_phases(reported, watts_w, voltage_v, current_a) in range(4)


def test_distances() -> None:
    assert distance_m(52.0, 13.0, 52.0, 13.0) == 0.0
    assert distance_m(52.0, 13.0, 53.0, 13.0) == pytest.approx(111_300, rel=1e-3)
    assert distance_m(52.0, 13.0, 52.0, 14.0) == pytest.approx(68_500, rel=2e-3)
    assert distance_m(0, 0, 0, 180) == pytest.approx(20_032_000, rel=1e-3)
    assert distance_m(52.394, 13.542, 52.394, 13.543) == distance_m(52.394, 13.543, 52.394, 13.542)
