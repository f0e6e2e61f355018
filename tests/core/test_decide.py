"""Corners of deciding: what cannot be paid for, who is idle on a circuit, a fuse that gets tight on three phases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.core.bench import (
    BOX,
    CAR,
    CARPORT,
    HOME,
    NOON,
    SITE,
    Bench,
    Box,
    Car,
    after_s,
    charging_bench,
    settings_of,
    two_cars,
)

from sunbox.core.commands import CommandName
from sunbox.core.events import LimitSet
from sunbox.core.model import Limit, Mode, Wear
from sunbox.core.phases import Rules, is_worth
from sunbox.core.reasons import ReasonCode
from sunbox.core.regulator import Range
from sunbox.core.settings import Budget, Capabilities, CircuitSettings, LoadpointSettings, MeterSettings, PhaseSwitch
from sunbox.core.state import Lean

STOP, PHASES = CommandName.STOP, CommandName.SET_PHASES
SWITCHING = Capabilities(
    min_a=6, max_a=16, phase_switch=PhaseSwitch(gap_s=30.0, settle_s=5.0), settle_s=3.0, start_settle_s=5.0
)


def test_a_loadpoint_without_a_car_decides_nothing() -> None:
    """A charger without a car: nothing is decided for it, and nothing of the others' sun is kept for it."""
    empty = LoadpointSettings(id="garage", name="Garage", charger_id="box", priority=9)
    settings = settings_of(loadpoints=(empty, CARPORT), chargers=(BOX,))
    bench = Bench(settings=settings, car=Car(is_awake=True), boxes={"box": Box(is_plugged=False)}, pv_w=4300.0)
    bench.advance(300)
    assert bench.car.current_a == 17.0
    assert not bench.state.loadpoints["garage"].set_point.charge


@pytest.mark.parametrize("mode", [Mode.NOW, Mode.PV])
def test_what_no_command_can_lower_any_more_is_stopped(mode: Mode) -> None:
    """A car takes more than its circuit carries, and the day's commands are spent: a stop can always be paid for."""
    car = replace(CAR, budget=Budget(commands_per_day=2))
    loadpoint = replace(CARPORT, mode=mode)
    bench = Bench(
        settings=settings_of(vehicles=(car,), loadpoints=(loadpoint,)), car=Car(is_awake=True, amps_a=5), pv_w=7000.0
    )
    bench.until(lambda: bench.car.current_a >= 16.0, 1800)
    bench.advance(60)
    while len(bench.commands()) < 2:
        bench.ask(amps_a=20 - len(bench.commands()))
        bench.advance(60)
    bench.feed(LimitSet(at=bench.at, limit=Limit(max_w=2300.0, by="grid operator")))
    bench.advance(5)
    assert not bench.car.is_charging
    bench.advance(600)
    assert not bench.car.is_charging
    assert bench.code is ReasonCode.BUDGET
    assert [command.name for command in bench.commands()][2:] == [STOP]


def test_a_full_car_holds_nothing_of_a_circuit() -> None:
    settings = two_cars()
    loadpoints = tuple(replace(each, mode=Mode.NOW) for each in settings.loadpoints)
    settings = replace(settings, site=replace(SITE, main_fuse_a=20.0), loadpoints=loadpoints)
    cars = {"car": Car(is_awake=True, soc_pct=80.0), "second": Car(is_awake=True)}
    bench = Bench(settings=settings, cars=cars)
    bench.advance(600)
    assert (cars["car"].current_a, cars["second"].current_a) == (0.0, 18.0)


def test_a_limit_that_three_phases_do_not_fit_in_leads_to_one_and_back() -> None:
    vehicle = replace(CAR, capabilities=SWITCHING, phases=3)
    bench = charging_bench(
        settings=settings_of(vehicles=(vehicle,)),
        car=Car(is_awake=True, phases=3, phases_offered=3, amps_max_a=16, pilot_a=16),
        pv_w=9000.0,
    )
    assert bench.car.draw_w == 12 * 690.0
    bench.feed(LimitSet(at=bench.at, limit=Limit(max_w=4100.0, by="grid operator")))
    bench.advance(60)
    assert (bench.car.phases_offered, bench.car.current_a) == (1, 16.0)
    assert not bench.commands(STOP)
    bench.feed(LimitSet(at=bench.at, limit=None))
    bench.advance(900)
    assert bench.car.phases_offered == 3
    assert len(bench.commands(PHASES)) == 2


@pytest.mark.parametrize(("sun_w", "stops"), [(2500.0, False), (500.0, True)])
def test_what_is_too_little_for_three_phases_is_followed_on_one_before_it_stops(sun_w: float, stops: bool) -> None:
    vehicle = replace(CAR, capabilities=SWITCHING, phases=3)
    bench = charging_bench(
        settings=settings_of(vehicles=(vehicle,), loadpoints=(replace(CARPORT, phase_down_delay_s=1e6),)),
        car=Car(is_awake=True, phases=3, phases_offered=3, amps_max_a=16, pilot_a=16),
        pv_w=9000.0,
    )
    bench.pv_w = sun_w
    bench.until(lambda: bench.car.phases_offered == 1 or not bench.car.is_charging, 1800)
    assert bench.lp.set_point.charge is not stops
    assert bool(bench.commands(STOP)) is stops


def test_a_circuit_with_a_meter_and_no_limit_in_watts() -> None:
    circuit = CircuitSettings(id="yard", max_a=16.0, meter="sub")
    settings = settings_of(loadpoints=(replace(CARPORT, circuit="yard", mode=Mode.NOW, first_phase=1),))
    settings = replace(
        settings,
        circuits=(circuit,),
        meters=(*settings.meters, MeterSettings(id="sub", interval_s=10.0, is_site=False)),
    )
    bench = Bench(settings=settings, car=Car(is_awake=True))
    for _ in range(30):
        bench.circuit("sub", (6.0, 0.0, 0.0), 1)
        bench.advance(10)
    assert bench.car.current_a == 10.0


def test_what_a_car_takes_beyond_counts_on_its_fuse() -> None:
    settings = settings_of(site=replace(SITE, main_fuse_a=20.0), loadpoints=(replace(CARPORT, mode=Mode.NOW),))
    bench = Bench(settings=settings, car=Car(is_awake=True, extra_a=1.5))
    bench.advance(3600)
    assert bench.car.current_a + 300 / 230 <= 20.0
    assert bench.car.current_a >= 16.0


def test_pv_mode_at_a_home_that_is_no_place_for_sun() -> None:
    home = replace(HOME, tags=frozenset({"home"}))
    bench = Bench(settings=settings_of(places=(home,)), car=Car(is_awake=True), pv_w=4300.0)
    bench.until(lambda: bench.code is ReasonCode.NOT_PV_PLACE)
    bench.advance(600)
    assert not bench.sent or {command.name for command in bench.commands()} == {CommandName.WAKE}
    bench.ask(mode=Mode.NOW)
    bench.until(lambda: bench.car.is_charging)


@pytest.mark.parametrize(("ups", "waited_s", "gain_wh", "expected"), [
    (0, 200.0, 100.0, True),
    (0, 100.0, 100.0, False),  # not long enough
    (0, 200.0, 60.0, False),  # less than twice what the gap costs
    (1, 200.0, 110.0, False),  # the next one costs 1.7 times as much
    (1, 200.0, 120.0, True),
    (3, 9e4, 9e4, False),  # and there are only so many
])  # fmt: skip
def test_when_a_switch_up_is_worth_it(ups: int, waited_s: float, gain_wh: float, expected: bool) -> None:
    one = Range(min_a=6, max_a=16, phases=1, voltage_v=230.0, start_delay_s=60.0, stop_delay_s=180.0)
    three = replace(one, phases=3)
    rules = Rules(gap_s=30.0, up_delay_s=120.0, down_delay_s=60.0, most_ups=3)
    lean = Lean(phases=3, since_at=NOON, gain_wh=gain_wh)
    assert is_worth(lean, one, three, rules, ups, after_s(waited_s)) is expected
    down = Lean(phases=1, since_at=NOON, gain_wh=gain_wh)
    assert is_worth(down, three, one, rules, 99, after_s(waited_s)) is (gain_wh > 69.0 and waited_s >= 60.0)


@pytest.mark.parametrize(("starts", "ago", "wh"), [(6, 0, 6.4), (7, 0, 12.8), (99, 0, 30.0), (99, 1, 6.4)])
def test_after_many_starts_of_a_day_it_goes_on_at_the_minimum_for_longer(starts: int, ago: int, wh: float) -> None:
    """Six starts a day are taken easily, each further one makes it wait twice as long, up to 30 Wh of import."""
    bench = charging_bench(pv_w=4000.0)
    wear = Wear(day=NOON.date() - timedelta(days=ago), starts=starts)
    lp = bench.state.loadpoints["carport"]
    loadpoints = {"carport": replace(lp, memory=replace(lp.memory, wear=wear))}
    bench.state = replace(bench.state, loadpoints=loadpoints)
    bench.pv_w = 900.0
    stop_wh = 0.0
    while bench.lp.set_point.charge:
        bench.advance(10)
        if "stop_wh" in bench.lp.reason.numbers:
            stop_wh = float(bench.lp.reason.numbers["stop_wh"])
    assert stop_wh == pytest.approx(wh, abs=0.2)
