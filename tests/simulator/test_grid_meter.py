"""The grid meter: late, rounded, a little wrong, and sometimes broken."""

import json
import statistics

import pytest
from simple_worlds import START_AT, HandClock, SimpleCar, rows, steady_world

from sunbox.simulator.battery import Battery, BatteryParams
from sunbox.simulator.meter import MeterFault, MeterParams
from sunbox.simulator.world import World

EXACT = MeterParams(noise_w=0)


def answer(world: World) -> tuple[int, dict[str, object]]:
    status, body = world.meter.answer()
    return status, json.loads(body)


def test_what_it_says_without_a_battery():
    world, clock = steady_world(5000, 1200, SimpleCar(draw_w=2300), meter=EXACT)
    clock.go(7.25)
    assert answer(world) == (
        200,
        {"time": "2024-06-17T10:00:07.250Z", "grid_w": -1500, "pv_w": 5000, "load_w": 3500},
    )


def test_what_it_says_with_a_battery():
    battery = Battery(BatteryParams(lag_s=0, soc_pct=40))
    world, clock = steady_world(0, 800, meter=MeterParams(noise_w=0, has_time=False), battery=battery)
    clock.go(60)
    assert answer(world) == (
        200,
        {"grid_w": 0, "pv_w": 0, "battery_w": 800, "battery_soc_pct": 39.9, "load_w": 800},
    )


def test_a_late_meter_tells_the_world_as_it_was():
    clock = HandClock()
    car = SimpleCar()
    world = World(clock, rows((0, 0, 500), (600, 6000, 500)), cars=[car], meter=MeterParams(delay_s=10, noise_w=0))
    clock.go(100)
    world.sync()
    car.draw(3000)
    clock.go(9)
    status, reading = answer(world)
    assert (status, reading["time"]) == (200, "2024-06-17T10:01:39.000Z")
    assert (reading["grid_w"], reading["pv_w"]) == (500 - 990, 990)
    clock.go(1.5)
    _, reading = answer(world)
    assert (reading["grid_w"], reading["pv_w"]) == (3500 - 1005, 1005)


def test_a_late_meter_at_the_very_beginning_tells_the_beginning():
    world, _ = steady_world(1000, 400, meter=MeterParams(delay_s=60, noise_w=0))
    _, reading = answer(world)
    assert (reading["time"], reading["grid_w"]) == ("2024-06-17T10:00:00.000Z", -600)


def test_the_resolution_rounds():
    world, _ = steady_world(1234.567, 100, meter=MeterParams(noise_w=0, resolution_w=0.1))
    assert answer(world)[1]["grid_w"] == -1134.6
    world, _ = steady_world(1234.567, 100, meter=MeterParams(noise_w=0, resolution_w=100))
    assert answer(world)[1]["grid_w"] == -1100


def test_noise_is_small_seeded_and_the_same_however_often_it_is_asked():
    def grid_w(seed: int, step_s: float) -> dict[float, object]:
        world, clock = steady_world(0, 1000, seed=seed, meter=MeterParams(noise_w=5))
        seen = {}
        for _ in range(int(2000 / step_s)):
            clock.go(step_s)
            seen[(clock.at - START_AT).total_seconds()] = answer(world)[1]["grid_w"]
        return seen

    often, seldom = grid_w(1, 2.5), grid_w(1, 10)
    assert {t_s: often[t_s] for t_s in seldom} == seldom
    assert grid_w(2, 10) != seldom
    values = list(often.values())
    assert statistics.mean(values) == pytest.approx(1000, abs=1)
    assert statistics.stdev(values) == pytest.approx(4.5, abs=0.5)
    assert 990 <= min(values) < max(values) <= 1010


def test_a_stale_meter_repeats_itself_with_its_old_time():
    car = SimpleCar()
    world, clock = steady_world(0, 1000, car, meter=EXACT)
    clock.go(30)
    before = answer(world)
    world.meter.change(MeterParams(noise_w=0, fault=MeterFault.STALE))
    car.draw(2000)
    clock.go(300)
    assert answer(world) == before
    world.meter.change(MeterParams(noise_w=0, delay_s=1, fault=MeterFault.STALE))
    assert answer(world) == before
    world.meter.change(EXACT)
    assert answer(world)[1]["grid_w"] == 3000


def test_other_faults():
    world, _ = steady_world(0, 1000, meter=MeterParams(noise_w=0, fault=MeterFault.NULL))
    assert answer(world) == (
        200,
        {"time": "2024-06-17T10:00:00.000Z", "grid_w": None, "pv_w": None, "load_w": None},
    )
    world.meter.change(MeterParams(fault=MeterFault.HTTP_500))
    assert answer(world)[0] == 500


def test_a_meter_that_is_stale_from_the_beginning():
    world, clock = steady_world(0, 1000, meter=MeterParams(noise_w=0, fault=MeterFault.STALE))
    clock.go(100)
    assert answer(world)[1]["time"] == "2024-06-17T10:00:00.000Z"


@pytest.mark.parametrize("wrong", [{"delay_s": -1}, {"delay_s": 121}, {"noise_w": -1}, {"resolution_w": 0}])
def test_impossible_meters_are_refused(wrong):
    with pytest.raises(ValueError, match=f"meter {next(iter(wrong))} .*allowed is"):
        MeterParams(**wrong)
