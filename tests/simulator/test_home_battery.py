"""The home battery by itself."""

import math

import pytest

from sunbox.simulator.battery import Battery, BatteryParams


def run(battery: Battery, need_w: float, seconds: int) -> list[float]:
    powers_w = []
    for _ in range(seconds):
        battery.advance(1.0, need_w)
        powers_w.append(battery.power_w)
    return powers_w


def test_it_follows_the_need_with_its_lag():
    battery = Battery(BatteryParams(lag_s=3.0))
    powers_w = run(battery, 2000, 20)
    assert powers_w[2] == pytest.approx(2000 * (1 - math.exp(-1)))
    assert powers_w[-1] == pytest.approx(2000, rel=0.01)
    assert powers_w == sorted(powers_w)


def test_without_lag_it_follows_at_once():
    assert run(Battery(BatteryParams(lag_s=0)), -1500, 1) == [-1500]


def test_its_limits_hold():
    params = BatteryParams(max_charge_w=3000, max_discharge_w=2000, lag_s=0)
    assert run(Battery(params), 9000, 1) == [2000]
    assert run(Battery(params), -9000, 1) == [-3000]


def test_a_full_circle_loses_what_its_efficiency_says():
    battery = Battery(BatteryParams(capacity_wh=10_000, soc_pct=0, reserve_pct=0, round_trip_efficiency=0.81, lag_s=0))
    run(battery, -3600, 3600)
    assert battery.energy_wh == pytest.approx(3600 * 0.9)
    given_w = run(battery, 3600, 7200)
    assert sum(given_w) / 3600 == pytest.approx(3600 * 0.81)
    assert battery.soc_pct == pytest.approx(0, abs=1e-9)


def test_it_keeps_its_reserve_and_never_overflows():
    battery = Battery(BatteryParams(capacity_wh=100, soc_pct=50, reserve_pct=20, lag_s=2))
    run(battery, 3000, 600)
    assert battery.soc_pct == pytest.approx(20)
    assert battery.power_w == pytest.approx(0, abs=1e-6)
    run(battery, -3000, 600)
    assert battery.soc_pct == pytest.approx(100)
    assert battery.power_w == pytest.approx(0, abs=1e-6)


def test_below_its_reserve_it_only_charges():
    battery = Battery(BatteryParams(soc_pct=3, reserve_pct=10, lag_s=0))
    assert run(battery, 1000, 1) == [0]
    assert run(battery, -1000, 1) == [-1000]


@pytest.mark.parametrize(
    "wrong",
    [
        {"capacity_wh": 0},
        {"max_charge_w": -1},
        {"max_discharge_w": -1},
        {"round_trip_efficiency": 1.1},
        {"soc_pct": 101},
        {"reserve_pct": -1},
        {"lag_s": -1},
    ],
)
def test_impossible_batteries_are_refused(wrong):
    with pytest.raises(ValueError, match=f"battery {next(iter(wrong))} .*allowed is"):
        BatteryParams(**wrong)
