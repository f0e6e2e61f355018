"""Several cars and one sun: fair parts, priorities, and what one cannot use."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import SITE, Bench, Car, after_s, two_cars

from sunbox.core.allocation import Claim, fair_w
from sunbox.core.commands import CommandName
from sunbox.core.events import LimitSet
from sunbox.core.model import Limit, Mode, Override
from sunbox.core.reasons import ReasonCode
from sunbox.core.settings import CircuitSettings, MeterSettings, Settings

START, STOP = CommandName.START, CommandName.STOP


def claims(*rows: tuple[float, float]) -> list[Claim]:
    return [Claim(min_w=min_w, max_w=max_w) for min_w, max_w in rows]


@pytest.mark.parametrize(
    ("left_w", "rows", "parts_w"),
    [
        (5000.0, [(1400, 3700)], [5000]),  # alone: all there is, also what is too little or too much
        (-300.0, [(1400, 3700)], [-300]),
        (5000.0, [(1400, 7400), (1400, 7400)], [2500, 2500]),
        (2900.0, [(1400, 7400), (1400, 7400)], [1450, 1450]),
        (2700.0, [(1400, 7400), (1400, 7400)], [1400, 1300]),  # not enough for two: the second lacks it
        (1000.0, [(1400, 7400), (1400, 7400)], [1000, -400]),
        (9000.0, [(1400, 2000), (1400, 7400)], [2000, 7000]),  # what one cannot use is the other's
        (9000.0, [(1400, 2000), (1400, 3000)], [6000, 3000]),  # what nobody can use
        (6000.0, [(1400, 7400), (4100, 11000)], [1650, 4350]),
        (9000.0, [(1400, 7400), (1400, 7400), (1400, 2000)], [3500, 3500, 2000]),
    ],
)
def test_fair_parts(left_w: float, rows: list[tuple[float, float]], parts_w: list[float]) -> None:
    assert fair_w(left_w, claims(*rows)) == pytest.approx(parts_w)


def bench_of(settings: Settings, pv_a: float, **cars: Car) -> Bench:
    given = {"car": Car(is_awake=True), "second": Car(is_awake=True), **cars}
    return Bench(settings=settings, cars=given, pv_w=300.0 + pv_a * 230.0)


def with_modes(first: Mode, second: Mode) -> Settings:
    s = two_cars()
    return replace(s, loadpoints=(replace(s.loadpoints[0], mode=first), replace(s.loadpoints[1], mode=second)))


def currents(bench: Bench) -> tuple[float, float]:
    return bench.cars["car"].current_a, bench.cars["second"].current_a


def test_where_the_sun_suffices_for_one_the_other_waits_and_nobody_takes_turns() -> None:
    bench = bench_of(two_cars(), 9.0)
    bench.advance(4 * 3600)
    assert sorted(currents(bench)) == [0.0, 9.0]
    assert sum(command.name in (START, STOP) for _, _, command in bench.sent) == 1


def test_a_second_car_starts_once_there_is_enough_for_both_minimums() -> None:
    bench = bench_of(two_cars(), 9.0)
    bench.advance(900)
    bench.pv_w = 300.0 + 12 * 230.0
    bench.advance(900)
    assert currents(bench) == (6.0, 6.0)


def test_the_command_that_makes_room_for_a_second_car_does_not_call_its_start_off() -> None:
    bench = bench_of(with_modes(Mode.PV, Mode.OFF), 12.0, second=Car(is_awake=True, amps_a=6))
    bench.advance(600)
    assert currents(bench) == (12.0, 0.0)
    bench.ask(mode=Mode.PV, loadpoint_id="garage")
    bench.advance(60)
    bench.meter()
    bench.meter()  # the same instant again: what was sent meanwhile is not in it
    bench.advance(600)
    assert currents(bench) == (6.0, 6.0)
    switched = [command.name for _, id_, command in bench.sent if id_ == "second" and command.name in (START, STOP)]
    assert switched == [START]


def test_a_full_car_leaves_its_share_at_once() -> None:
    bench = bench_of(two_cars(), 20.0, car=Car(is_awake=True, soc_pct=79.9, capacity_wh=20_000.0))
    bench.advance(900)
    bench.until(lambda: not bench.cars["car"].is_charging, 3600)
    bench.advance(2400)
    assert currents(bench) == (0.0, 20.0)


def test_a_car_that_takes_less_than_its_share_passes_the_rest_on() -> None:
    bench = bench_of(two_cars(), 30.0, car=Car(is_awake=True, amps_max_a=32, pilot_a=32, takes_a=8.0))
    bench.advance(2 * 3600)
    assert currents(bench)[0] == 8.0
    assert currents(bench)[1] >= 20.0
    assert max(c.value or 0 for c in bench.commands(CommandName.SET_AMPS)[1:]) <= 15


def test_min_pv_starts_at_once_at_its_minimum_and_follows_the_sun_above_it() -> None:
    bench = bench_of(with_modes(Mode.MIN_PV, Mode.OFF), 0.0)
    bench.until(lambda: bench.cars["car"].is_charging, 60)
    bench.advance(600)
    assert currents(bench) == (5.0, 0.0)
    bench.pv_w = 300.0 + 14 * 230.0
    bench.advance(300)
    assert currents(bench)[0] in (13.0, 14.0)
    bench.pv_w = 0.0
    bench.advance(3600)
    assert currents(bench) == (5.0, 0.0)
    assert not bench.commands(STOP)


def test_a_guaranteed_minimum_comes_off_the_others_sun() -> None:
    bench = bench_of(with_modes(Mode.MIN_PV, Mode.PV), 9.0)
    bench.advance(1800)
    assert currents(bench) == (9.0, 0.0)
    bench.pv_w = 300.0 + 12 * 230.0
    bench.advance(1800)
    assert sum(currents(bench)) == 12.0
    assert min(currents(bench)) >= 5.0


def test_min_pv_without_a_grid_reading_falls_to_the_minimum_and_stays() -> None:
    bench = bench_of(with_modes(Mode.MIN_PV, Mode.OFF), 14.0)
    bench.advance(600)
    bench.has_meter = False
    bench.advance(1800)
    assert currents(bench) == (5.0, 0.0)
    assert bench.code is ReasonCode.GRID_STALE_HOLD


# Fuses and limits -----------------------------------------------------------------------------------------------------


def test_two_cars_asked_for_all_share_a_fuse_fairly() -> None:
    s = two_cars()
    bench = bench_of(replace(s, site=replace(SITE, main_fuse_a=22.0)), 0.0)
    bench.pv_w, bench.load_w = 0.0, 460.0
    bench.advance(15)
    bench.ask(override=Override.CHARGE)
    bench.ask(override=Override.CHARGE, loadpoint_id="garage")
    most = 0.0
    for _ in range(120):
        bench.advance(5)
        most = max(most, sum(currents(bench)))
    assert currents(bench) == (10.0, 10.0)
    assert most <= 20.0


def test_an_overload_is_shed_with_the_next_measurement_the_last_first() -> None:
    s = two_cars()
    s = replace(
        s, site=replace(SITE, main_fuse_a=22.0), loadpoints=(replace(s.loadpoints[0], priority=1), s.loadpoints[1])
    )
    bench = bench_of(s, 0.0)
    bench.pv_w, bench.load_w = 0.0, 460.0
    bench.advance(15)
    bench.ask(override=Override.CHARGE)
    bench.ask(override=Override.CHARGE, loadpoint_id="garage")
    bench.advance(300)
    bench.load_w = 230.0 * 14
    bench.advance(12)
    assert currents(bench) == (8.0, 0.0)


def test_the_grid_operators_limit_holds_for_all_cars_together_and_ends_by_itself() -> None:
    bench = bench_of(with_modes(Mode.NOW, Mode.NOW), 40.0)
    bench.advance(300)
    assert sum(currents(bench)) > 60.0
    bench.feed(LimitSet(at=bench.at, limit=Limit(max_w=4200.0, until_at=after_s(1200, bench.at), by="grid")))
    bench.advance(15)
    assert sum(currents(bench)) <= 18.0
    assert "limit of 4200 W" in str(bench.lp.reason.numbers)
    bench.restart()
    bench.advance(600)
    assert 0.0 < sum(currents(bench)) <= 18.0
    bench.advance(900)
    assert sum(currents(bench)) > 60.0
    assert bench.state.memory.limit is None


def test_a_limit_can_be_lifted() -> None:
    bench = bench_of(with_modes(Mode.NOW, Mode.OFF), 40.0)
    bench.feed(LimitSet(at=bench.at, limit=Limit(max_w=0.0)))
    bench.advance(300)
    assert bench.code is ReasonCode.FUSE
    bench.feed(LimitSet(at=bench.at, limit=None))
    bench.advance(300)
    assert currents(bench)[0] == 32.0


def with_circuit(**changes: object) -> Settings:
    s = two_cars()
    circuit = CircuitSettings(id="garage", **{"max_a": 16.0, "meter": "sub", **changes})  # type: ignore[arg-type]
    return replace(
        s,
        circuits=(circuit,),
        meters=(*s.meters, MeterSettings(id="sub", interval_s=10.0, is_site=False)),
        loadpoints=tuple(replace(each, circuit="garage", mode=Mode.NOW) for each in s.loadpoints),
    )


def test_a_circuit_whose_meter_is_silent_leaves_each_its_safe_current() -> None:
    bench = bench_of(with_circuit(safe_a=7), 0.0)
    bench.advance(600)
    assert currents(bench) == (7.0, 7.0)
    assert "whose meter sub is silent" in str(bench.shown.reason.numbers) or bench.shown.set_point.amps_a == 7


def test_a_circuit_without_a_meter_carries_the_cars_alone() -> None:
    bench = bench_of(with_circuit(meter=None, max_w=4600.0), 0.0)
    bench.advance(600)
    assert currents(bench) == (8.0, 8.0)
    bench = bench_of(with_circuit(meter=None, max_a=None, max_w=4600.0), 0.0)
    bench.advance(600)
    assert currents(bench) == (10.0, 10.0)


def in_turn(
    sun_a: float,
    *,
    is_reversed: bool = False,
    override: Override = Override.NONE,
    extra_a: float = 0.0,
    **second: object,
) -> Bench:
    """Return a circuit of 20 A on which one car has charged alone from the sun for a while, before the other one may."""
    s = with_circuit(meter=None, max_a=20.0)
    first, later = (replace(each, mode=Mode.PV) for each in s.loadpoints)
    rows = (first, replace(later, **second))  # type: ignore[arg-type]
    s = replace(s, loadpoints=rows[::-1] if is_reversed else rows)
    greedy = {id_: Car(is_awake=True, extra_a=extra_a) for id_ in ("car", "second")}
    bench = bench_of(s, sun_a, **greedy)
    bench.ask(loadpoint_id=later.id, override=Override.STOP)
    bench.advance(900)
    first_a, later_a = currents(bench)
    assert later_a == 0.0
    assert min(20.0, sun_a) - 1.0 < first_a <= min(20.0, sun_a)
    bench.ask(loadpoint_id=later.id, override=override)
    bench.advance(900)
    return bench


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("priority", [0, 1])
def test_who_charged_first_from_the_sun_does_not_keep_a_circuit_for_himself(priority: int, is_reversed: bool) -> None:
    bench = in_turn(40.0, is_reversed=is_reversed, priority=priority)
    first_a, second_a = currents(bench)
    assert second_a >= 5.0
    assert first_a + second_a == 20.0


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize(("priority", "shares_a"), [(0, (10.0, 10.0)), (1, (5.0, 15.0))])
def test_who_is_told_to_charge_gets_his_share_of_a_circuit_that_another_had_from_the_sun(
    priority: int, shares_a: tuple[float, float], is_reversed: bool
) -> None:
    bench = in_turn(40.0, is_reversed=is_reversed, priority=priority, override=Override.CHARGE)
    assert currents(bench) == shares_a


@pytest.mark.parametrize("extra_a", [0.6, 1.0, 1.4])
def test_cars_that_take_more_than_they_may_share_a_circuit_too(extra_a: float) -> None:
    bench = in_turn(40.0, extra_a=extra_a)
    for _ in range(4):
        first_a, second_a = currents(bench)
        assert second_a >= 5.0 + extra_a
        assert 17.0 < first_a + second_a <= 20.0
        bench.advance(450)


def test_a_car_without_sun_of_its_own_takes_no_room_from_another() -> None:
    bench = in_turn(20.0, min_a=16)
    assert currents(bench) == (20.0, 0.0)
    assert bench.code is ReasonCode.CHARGING_PV


# The battery ----------------------------------------------------------------------------------------------------------


def test_the_battery_bridges_a_cloud_only_from_its_buffer_on() -> None:
    for soc_pct, still_a in ((90.0, 6.0), (70.0, 0.0)):
        s = two_cars()
        site = replace(SITE, battery_buffer_soc_pct=80.0)
        s = replace(s, site=site, loadpoints=(replace(s.loadpoints[0], min_a=6),))
        bench = bench_of(s, 10.0)
        bench.battery_w, bench.battery_soc_pct = 0.0, soc_pct
        bench.advance(600)
        bench.pv_w = 300.0 + 2 * 230.0
        for _ in range(120):
            bench.battery_w = max(0.0, bench.load_w + bench.cars["car"].draw_w - bench.pv_w)
            bench.advance(10)
        assert currents(bench)[0] == still_a


def test_charging_on_purpose_holds_the_battery_where_that_is_wished() -> None:
    s = two_cars()
    bench = bench_of(replace(s, site=replace(SITE, battery_hold=True)), 10.0)
    bench.battery_w, bench.battery_soc_pct = 0.0, 50.0
    bench.advance(900)
    assert bench.holds == []  # the sun alone
    bench.ask(override=Override.CHARGE)
    bench.advance(60)
    bench.restart()
    bench.advance(60)
    bench.ask(override=Override.NONE)
    bench.advance(60)
    assert bench.holds == [True, False]
