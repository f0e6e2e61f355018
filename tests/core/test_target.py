"""Targets of the state of charge: the car's own limit, the soft ones below it, and when to look."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import CAR, TESLA, facts_of

from sunbox.core.model import Charging
from sunbox.core.target import (
    DEFAULT_CAPACITY_WH,
    RESTART_BELOW_PCT,
    is_reached,
    is_soft,
    limit_to_send_pct,
    wait_s,
)

NO_LIMIT = replace(TESLA, stops_at_limit_soc=False)


@pytest.mark.parametrize(
    ("target_pct", "limit_pct", "soft"),
    [(None, None, False), (1, 50, True), (49, 50, True), (50, 50, False), (80, 80, False), (100, 100, False)],
)
def test_a_target_below_the_cars_lowest_limit_is_soft(
    target_pct: int | None, limit_pct: int | None, *, soft: bool
) -> None:
    assert limit_to_send_pct(target_pct, TESLA) == limit_pct
    assert is_soft(target_pct, TESLA) is soft


@pytest.mark.parametrize("target_pct", [1, 50, 80, 100])
def test_without_a_limit_of_its_own_every_target_is_soft(target_pct: int) -> None:
    assert limit_to_send_pct(target_pct, NO_LIMIT) is None
    assert is_soft(target_pct, NO_LIMIT)


@pytest.mark.parametrize(
    ("soc_pct", "was_reached", "reached"),
    [
        (29, False, False),
        (30, False, True),
        (31, False, True),
        (29, True, True),
        (30 - RESTART_BELOW_PCT + 1, True, True),
        (30 - RESTART_BELOW_PCT, True, False),
        (0, True, False),
    ],
)
def test_the_hysteresis_of_a_soft_target(soc_pct: int, *, was_reached: bool, reached: bool) -> None:
    assert is_reached(30, soc_pct, was_reached=was_reached) is reached


def test_when_to_look_at_a_car_that_nears_its_target() -> None:
    facts = facts_of(Charging.CHARGING, soc_pct=20)
    full_s = wait_s(CAR, facts, 30, 0.0, 3680.0)
    assert full_s is not None
    assert 0.9 < full_s / (0.1 * DEFAULT_CAPACITY_WH / 3680.0 * 3600.0) < 1.15
    assert wait_s(CAR, facts, 30, 3000.0, 3680.0) == pytest.approx(full_s - 3000.0 / 3680.0 * 3600.0)
    small_s = wait_s(replace(CAR, capacity_wh=DEFAULT_CAPACITY_WH / 2), facts, 30, 0.0, 3680.0)
    assert small_s == pytest.approx(full_s / 2)
    assert wait_s(CAR, facts, 20, 0.0, 3680.0) == 0.0
    assert wait_s(CAR, facts, 30, 1e6, 3680.0) == 0.0
    assert wait_s(CAR, facts, 30, 0.0, 0.0) is None
    assert wait_s(CAR, replace(facts, soc_pct=None), 30, 0.0, 3680.0) is None
