"""The world over time."""

from datetime import UTC, date, datetime, timedelta

import pytest
from simple_worlds import START_AT, HandClock, SimpleCar, rows, steady, steady_world

from sunbox.simulator.battery import Battery, BatteryParams
from sunbox.simulator.habits import Move, Outing
from sunbox.simulator.meter import MeterParams
from sunbox.simulator.trace import RecordedTrace
from sunbox.simulator.world import World


def wavy(start_at: datetime = START_AT) -> RecordedTrace:
    """Return a trace with a new slope each minute."""
    return rows(
        *((60.0 * n, 2500 + 2500 * ((n * 7) % 5 - 2) / 2, 300 + (n * 13) % 700) for n in range(1440)), start_at=start_at
    )


def test_the_sums_of_an_hour():
    car = SimpleCar(draw_w=2000)
    world, clock = steady_world(3000, 500, car)
    clock.go(3600)
    world.sync()
    total = world.total()
    assert total.elapsed_s == 3600
    assert (total.pv_wh, total.house_wh, total.export_wh, total.import_wh) == pytest.approx((3000, 500, 500, 0))
    ledger = total.cars["car"]
    assert (ledger.charged_wh, ledger.solar_wh, ledger.import_wh, ledger.usable_wh) == pytest.approx(
        (2000, 2000, 0, 2500)
    )
    assert ledger.starts == 0
    assert car.lived_s == pytest.approx(3600)


def test_it_does_not_matter_how_often_somebody_looks():
    def life(step_s: float, battery: Battery | None = None) -> tuple[list[float], str]:
        clock, car = HandClock(), SimpleCar()
        world = World(clock, wavy(), cars=[car], battery=battery, meter=MeterParams(noise_w=3, delay_s=10), seed=4)
        answers = []
        for minute in range(120):
            for _ in range(int(60 / step_s)):
                clock.go(step_s)
                world.sync()
            car.ramp_to(1000.0 * ((minute * 3) % 7) if minute % 4 else 0.0)
            answers.append(world.meter.answer()[1].decode())
        total = world.total()
        ledger = total.cars["car"]
        sums = [total.pv_wh, total.import_wh, total.export_wh, ledger.charged_wh, ledger.solar_wh, ledger.usable_wh]
        return [*sums, ledger.starts, ledger.import_wh], "\n".join(answers)

    sums, answers = life(60)
    assert sums[3] > 2000
    for step_s in (1, 2, 10, 30):
        other_sums, other_answers = life(step_s)
        assert other_sums == pytest.approx(sums, rel=1e-9)
        assert other_answers == answers
    # within a second a ramp is taken as its mean
    other_sums, other_answers = life(0.25)
    assert other_sums == pytest.approx(sums, rel=3e-4)
    assert other_answers == answers
    sums, answers = life(60, Battery(BatteryParams()))
    other_sums, other_answers = life(1, Battery(BatteryParams()))
    assert other_sums == pytest.approx(sums, rel=1e-9)
    assert other_answers == answers


def test_the_same_seed_and_calls_give_the_same_bytes_another_seed_others():
    def life(seed: int) -> list[bytes]:
        clock, car = HandClock(), SimpleCar()
        world = World(clock, wavy(), cars=[car], battery=Battery(BatteryParams()), seed=seed)
        seen = []
        for _ in range(200):
            clock.go(10)
            seen.append(world.meter.answer()[1])
        return seen

    assert life(1) == life(1)
    assert life(1) != life(2)


def test_steps_are_short_while_a_car_is_busy():
    car = SimpleCar()
    world, clock = steady_world(9000, 0, car)
    clock.go(10)
    world.sync()
    car.ramp_to(4000)
    clock.go(50)
    world.sync()
    # the ramp lasts 4 s at 2000 W on average, then 46 s at 4000 W
    assert world.total().cars["car"].charged_wh == pytest.approx((4 * 2000 + 46 * 4000) / 3600)
    assert world.total().cars["car"].starts == 1


def test_time_that_stands_still_or_goes_back_changes_nothing():
    world, clock = steady_world(3000, 500, SimpleCar(draw_w=1000))
    world.sync()
    clock.go(10)
    world.sync()
    clock.go(-5)
    world.sync()
    assert world.total().elapsed_s == pytest.approx(10)
    assert world.t_s == pytest.approx(10)


def test_days_are_local_days():
    clock = HandClock(datetime(2024, 6, 17, 21, 0, tzinfo=UTC))  # 23:00 in Berlin
    world = World(clock, steady(1000, 0), cars=[SimpleCar()])
    clock.go(26 * 3600)
    world.sync()
    assert [(day.day, day.elapsed_s) for day in world.days] == [
        (date(2024, 6, 17), 3600),
        (date(2024, 6, 18), 86_400),
        (date(2024, 6, 19), 3600),
    ]
    assert world.days[1].cars["car"].usable_wh == pytest.approx(24_000)


def test_a_car_that_is_away_or_unplugged_uses_nothing():
    car = SimpleCar()
    world, clock = steady_world(3000, 0, car)
    car.unplug()
    clock.go(3600)
    world.sync()
    car.plug()
    clock.go(3600)
    world.sync()
    car.drive_off()
    car.draw(50_000)  # at a fast charger somewhere
    clock.go(3600)
    world.sync()
    ledger = world.total().cars["car"]
    assert (ledger.usable_wh, ledger.charged_wh, ledger.starts) == (pytest.approx(3000), 0, 0)
    assert world.sample_at(world.t_s).grid_w == -3000
    assert world.total().import_wh == 0


def test_habits_move_the_car_at_their_instants():
    car = SimpleCar()
    outings = iter(
        (
            Outing(START_AT + timedelta(minutes=10, seconds=30), Move.LEAVE),
            Outing(START_AT + timedelta(minutes=50), Move.RETURN, 7.5),
        )
    )
    clock = HandClock()
    world = World(clock, steady(3600, 0), cars=[car], habits={"car": outings})
    clock.go(630)
    world.sync()
    assert car.moves == [("unplug",), ("drive_off",)]
    clock.go(3600 - 630)
    world.sync()
    assert car.moves[2:] == [("arrive", 7.5), ("plug",)]
    assert world.total().cars["car"].usable_wh == pytest.approx(630 + 600)


def test_a_return_of_a_car_that_somebody_brought_home_does_nothing():
    car = SimpleCar()
    outings = iter((Outing(START_AT + timedelta(minutes=1), Move.RETURN, 7.5),))
    clock = HandClock()
    world = World(clock, steady(0, 0), cars=[car], habits={"car": outings})
    clock.go(600)
    world.sync()
    assert car.moves == []


def test_a_battery_makes_the_grid_zero_and_the_cars_share_is_told_apart():
    car = SimpleCar(draw_w=2000)
    world, clock = steady_world(1500, 500, car, battery=Battery(BatteryParams(lag_s=2, soc_pct=50)))
    clock.go(1800)
    world.sync()
    sample = world.sample_at(world.t_s)
    assert sample.grid_w == pytest.approx(0, abs=1)
    assert sample.battery_w == pytest.approx(1000, abs=1)
    ledger = world.total().cars["car"]
    assert (ledger.solar_wh, ledger.battery_wh) == pytest.approx((500, 500), rel=0.01)


def test_what_people_change_about_sun_and_load_holds_from_then_on():
    world, clock = steady_world(3000, 500)
    clock.go(60)
    world.sync()
    world.sun.factor, world.load.extra_w = 0.5, 1000
    assert world.sample_at(world.t_s)[1:3] == (1500, 1500)
    assert world.sample_at(world.t_s - 1)[1:3] == (3000, 500)
    world.sun.fixed_w, world.load.fixed_w = 7000, 0
    clock.go(60)
    world.sync()
    assert world.sample_at(world.t_s).grid_w == -7000
    assert world.total().pv_wh == pytest.approx((3000 + 7000) / 60)
    world.load.fixed_w, world.load.extra_w = None, -900
    assert world.sample_at(world.t_s).house_w == 0


def test_the_past_is_kept_for_the_latest_meter_and_not_much_longer():
    car = SimpleCar()
    world, clock = steady_world(0, 500, car, meter=MeterParams(delay_s=120, noise_w=0))
    for second in range(1000):
        car.ramp_to(1000 * (second % 3))
        clock.go(1)
        world.sync()
    assert world.sample_at(world.t_s - 120).t_s == pytest.approx(880)
    assert len(world._history) < 400
