"""How long a car takes to follow a command is learned from what the grid shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import HOUSE, NOON, Bench, charging_bench, settings_of

from sunbox.core.commands import CommandName
from sunbox.core.model import Override

DECLARED_S = 6.0


def slow_bench(takes_s: float, *, changes: int = 6, kettle_w: float = 0.0) -> Bench:
    """Return a bench whose car was told to change its current so often and followed each time after `takes_s`."""
    bench = charging_bench(settings=settings_of(meters=(replace(HOUSE, interval_s=1.0),)))
    bench.has_meter = False
    for number in range(changes):
        before_w = bench.car.draw_w
        sent = len(bench.commands(CommandName.SET_AMPS))
        bench.ask(override=Override.CHARGE, amps_a=8 if number % 2 == 0 else 16)
        for second in range(60):
            told_s = 0.0 if len(bench.commands(CommandName.SET_AMPS)) == sent else bench.at.timestamp()
            follows = bool(told_s) and (bench.at - bench.sent[-1][0]).total_seconds() >= 1.0 + takes_s
            car_w = bench.car.draw_w if follows else before_w
            bench.meter(grid_w=bench.load_w + kettle_w * (second % 7) + car_w - bench.pv_w, pv_w=bench.pv_w)
            bench.advance(1.0)
    return bench


@pytest.mark.parametrize(("takes_s", "low_s", "high_s"), [(15.0, 12.0, 16.0), (6.0, 5.0, 7.0), (2.0, 2.0, 5.5)])
def test_the_settle_time_is_learned(takes_s: float, low_s: float, high_s: float) -> None:
    bench = slow_bench(takes_s, changes=12)
    learned_s = bench.vehicle.memory.settle_s
    assert low_s <= (DECLARED_S if learned_s is None else learned_s) <= high_s
    assert bench.at > NOON


def test_a_restless_house_teaches_nothing_absurd() -> None:
    learned_s = slow_bench(2.0, kettle_w=400.0).vehicle.memory.settle_s
    assert learned_s is None or learned_s <= 4 * DECLARED_S


def test_nothing_is_learned_from_a_car_that_never_seems_to_follow() -> None:
    assert slow_bench(1000.0, changes=2).vehicle.memory.settle_s is None
