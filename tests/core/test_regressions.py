"""What once went wrong: each of these was a bug."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import (
    CARPORT,
    HOUSE,
    NOON,
    SITE,
    TESLA,
    WORK,
    Bench,
    Car,
    Ending,
    after_s,
    charging_bench,
    facts_of,
    remembered,
    settings_of,
    two_cars,
    with_budget,
)
from tests.simulator.simple_worlds import steady

from sunbox.core.commands import Cause, CommandName, Outcome, ReadKind
from sunbox.core.draft import Draft
from sunbox.core.draw import draw_at, settles
from sunbox.core.economy import commands_today
from sunbox.core.events import CommandEnded, LimitSet, MeterRead, Tick, VehicleRead
from sunbox.core.headroom import draw_here
from sunbox.core.model import Availability, Charging, Draw, Limit, MeterReading, Mode, Override
from sunbox.core.reasons import ReasonCode
from sunbox.core.settings import MeterSettings
from sunbox.core.surplus import stale_after_s
from sunbox.core.wallbox import SetPoint
from sunbox.simulator.bench.site import SiteRun
from sunbox.simulator.bench.site import settings_of as site_settings_of
from sunbox.simulator.bench.site_car import SiteCar, Traits

AMPS, STOP, START = CommandName.SET_AMPS, CommandName.STOP, CommandName.START


def test_a_stop_after_a_restart_needs_no_money():
    """DESIGN 3.6: safety stops are never blocked by budgets. Restart (is_doubtful) + line reached: STOP needs a paid read first."""
    bench = charging_bench(settings=with_budget(per_month=0.061))  # line .0061: spent .006
    bench.restart()
    bench.pv_w = 0.0
    bench.ask(override=Override.STOP)
    bench.until(lambda: not bench.car.is_charging, 1200)


def test_a_stop_after_two_lost_ones_needs_no_money():
    bench = charging_bench(settings=with_budget(per_month=0.061))
    bench.endings += [Ending(STOP, Outcome.UNCONFIRMED, Cause.NO_ANSWER)] * 2
    bench.ask(override=Override.STOP)
    bench.until(lambda: not bench.car.is_charging, 1800)


def test_a_pushed_read_does_not_end_a_command_under_way():
    bench = charging_bench()
    bench.ask(amps_a=8)
    assert bench.vehicle.exchange is not None
    ex = bench.vehicle.exchange
    bench.feed(
        VehicleRead(
            at=bench.at, vehicle_id="car", exchange_id=None, what=ReadKind.STATE, availability=Availability.ONLINE
        )
    )
    assert bench.vehicle.exchange == ex


def test_amps_elsewhere_keep_to_the_hard_caps():
    car = Car(
        is_awake=True, is_charging=True, amps_a=10, amps_max_a=13, pilot_a=13, latitude=WORK.lat, longitude=WORK.lon
    )
    bench = Bench(car=car)
    bench.advance(10)
    bench.ask(amps_a=32)
    bench.advance(30)
    assert all((c.value or 0) <= 13 for c in bench.commands(AMPS)), bench.commands(AMPS)


def test_a_command_that_worked_proves_the_login():
    bench = charging_bench()
    bench.endings.append(Ending(AMPS, Outcome.NOT_DELIVERED, Cause.LOGIN_REQUIRED))
    bench.ask(amps_a=10)
    bench.until(lambda: bench.car.amps_a == 10)
    bench.advance(5)
    assert not bench.shown.vehicle.login_required


def test_blind_to_the_fuse_the_minimum_comes_when_the_grace_ends():
    settings = settings_of(site=replace(SITE, main_fuse_a=25.0))
    bench = Bench(settings=settings, car=Car(is_awake=True))
    bench.advance(15)
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: bench.car.current_a > 20, 120)
    bench.has_meter = False
    bench.advance(stale_after_s(HOUSE) + SITE.stale_grace_s + 15)
    assert bench.car.current_a == 5.0


def test_a_slow_meter_beside_it_does_not_hide_a_stale_one():
    slow = MeterSettings(id="cloud", interval_s=300.0)
    bench = charging_bench(settings=settings_of(meters=(HOUSE, slow)))
    bench.has_meter = False
    bench.advance(35)
    assert bench.lp.reason.code is ReasonCode.GRID_STALE_HOLD


def test_a_fast_meter_beside_it_does_not_shorten_the_grace():
    slow = MeterSettings(id="slow", interval_s=200.0)
    fast = MeterSettings(id="pv", interval_s=5.0)
    bench = charging_bench(settings=settings_of(meters=(slow, fast)))
    bench.meter()
    bench.has_meter = False
    # keep pv alive
    began = bench.at
    while (bench.at - began).total_seconds() < stale_after_s(slow) + 20:
        bench.advance(5)
        bench.feed(MeterRead(at=bench.at, meter_id="pv", reading=MeterReading(measured_at=bench.at, pv_w=4300.0)))
    assert bench.lp.reason.code is ReasonCode.GRID_STALE_HOLD, bench.lp.reason


def test_time_alone_raises_nothing():
    """DESIGN 3.1: integrals advance only with new readings; regulator: two readings in a row, unless they are far apart."""
    slow = replace(HOUSE, interval_s=15.0)
    bench = charging_bench(settings=settings_of(meters=(slow,)))
    bench.advance(120)
    bench.has_meter = False
    bench.pv_w = 300 + 30 * 230.0
    bench.meter()
    bench.advance(12)
    bench.feed(Tick(at=bench.at))
    assert bench.lp.set_point.amps_a == 17, bench.lp.set_point


def test_a_read_of_an_unknown_vehicle_is_an_error():
    bench = charging_bench()
    with pytest.raises(ValueError, match="nope"):
        bench.feed(
            VehicleRead(
                at=bench.at, vehicle_id="nope", exchange_id=None, what=ReadKind.STATE, availability=Availability.ONLINE
            )
        )


def test_a_command_of_an_unknown_vehicle_is_an_error():
    bench = charging_bench()
    with pytest.raises(ValueError, match="nope"):
        bench.feed(CommandEnded(at=bench.at, device_id="nope", exchange_id=1, outcome=Outcome.APPLIED))


def test_one_reading_is_one_piece_of_evidence():
    bench = charging_bench(settings=settings_of(meters=(HOUSE, replace(HOUSE, id="b"))))
    bench.endings.append(Ending(STOP, Outcome.UNCONFIRMED, Cause.NO_ANSWER))
    bench.ask(override=Override.STOP)
    bench.advance(2)
    assert bench.vehicle.doubt
    bench.meter_at = after_s(1000, bench.at)
    bench.advance(1)
    bench.meter(grid_w=300.0 - 4300.0, pv_w=4300.0)
    bench.feed(MeterRead(at=bench.at, meter_id="b", reading=MeterReading(measured_at=bench.at, grid_w=300.0)))
    assert bench.vehicle.doubt is not None


def test_the_fuse_does_not_wait_for_evidence():
    settings = settings_of(site=replace(SITE, main_fuse_a=25.0))
    bench = Bench(settings=settings, car=Car(is_awake=True))
    bench.advance(15)
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: bench.car.current_a > 20, 120)
    bench.advance(30)
    bench.endings.append(Ending(AMPS, Outcome.UNCONFIRMED, Cause.NO_ANSWER, is_done=True))
    bench.ask(amps_a=20)
    bench.advance(2)
    bench.load_w = 22 * 230.0
    t = bench.until(lambda: not bench.car.is_charging, 300)
    assert t < 25, t


def test_a_low_wish_starts_within_the_hard_cap():
    car = Car(is_awake=True, amps_max_a=4, pilot_a=4)
    bench = Bench(car=car)
    bench.advance(10)
    bench.ask(override=Override.CHARGE, amps_a=3)
    bench.advance(60)
    assert all((c.value or 0) <= 4 for c in bench.commands(AMPS)), bench.commands(AMPS)


def test_the_fuse_does_not_wait_for_evidence_of_a_lost_command():
    settings = settings_of(site=replace(SITE, main_fuse_a=25.0))
    bench = Bench(settings=settings, car=Car(is_awake=True))
    bench.advance(15)
    bench.ask(override=Override.CHARGE)
    bench.until(lambda: bench.car.current_a > 20, 120)
    bench.advance(30)
    bench.endings.append(Ending(AMPS, Outcome.UNCONFIRMED, Cause.NO_ANSWER, is_done=False))
    bench.ask(amps_a=10)
    bench.advance(2)
    bench.load_w = 22 * 230.0
    t = bench.until(lambda: not bench.car.is_charging, 300)
    assert t < 25, t


def test_a_stop_does_not_wait_for_evidence():
    bench = charging_bench()
    bench.endings.append(Ending(AMPS, Outcome.UNCONFIRMED, Cause.NO_ANSWER, is_done=False))
    bench.ask(amps_a=6)
    bench.advance(2)
    bench.ask(override=Override.STOP)
    t = bench.until(lambda: not bench.car.is_charging, 300)
    assert t < 15, t


@pytest.mark.parametrize(("fuse_a", "phases"), [(25.0, 1), (35.0, 3)])
def test_a_start_does_not_trip_over_its_own_current(fuse_a, phases):
    """A constant 300 W house: nothing is overloaded."""
    settings = settings_of(site=replace(SITE, main_fuse_a=fuse_a))
    car = Car(is_awake=True, phases=phases, amps_max_a=16 if phases == 3 else 32, pilot_a=16 if phases == 3 else 32)
    bench = Bench(settings=settings, car=car)
    bench.advance(15)
    bench.ask(override=Override.CHARGE)
    bench.advance(1800)
    assert len(bench.commands(START)) == 1
    assert not bench.commands(STOP)


def test_two_cars_share_one_fuse():
    s = two_cars()
    s = replace(s, site=replace(SITE, main_fuse_a=40.0))
    cars = {"car": Car(is_awake=True), "second": Car(is_awake=True)}
    bench = Bench(settings=s, cars=cars)
    bench.advance(15)
    bench.ask(override=Override.CHARGE, amps_a=30)
    bench.ask(override=Override.CHARGE, amps_a=30, loadpoint_id="garage")
    most = 0.0
    for _ in range(120):
        bench.advance(5)
        most = max(most, sum(c.current_a for c in cars.values()) + 300 / 230)
    assert most <= 40, most


def test_a_car_that_is_read_on_its_way_is_not_taken_to_have_arrived():
    """Some drivers read their car every few seconds, also between a command and what comes of it."""
    bench = charging_bench()
    bench.ask(amps_a=8)
    bench.until(lambda: bench.vehicle.memory.facts.amps_requested_a == 8)
    facts = replace(bench.car.facts(bench.at), actual_a=17.0, power_w=4000.0)
    bench.feed(read_of(facts, bench.at))
    assert bench.vehicle.memory.facts.actual_a == 8.0
    assert draw_at(bench.vehicle.steps, after_s(1, bench.at)) == Draw(8 * 230.0, 17 * 230.0)
    bench.advance(TESLA.settle_s)
    assert draw_at(bench.vehicle.steps, bench.at) == Draw(8 * 230.0, 8 * 230.0)
    bench.feed(read_of(replace(bench.car.facts(bench.at), actual_a=7.0), bench.at))  # and then its word counts again
    assert draw_at(bench.vehicle.steps, bench.at) == Draw(7 * 230.0, 7 * 230.0)


def read_of(facts, at):
    return VehicleRead(
        at=at, vehicle_id="car", exchange_id=None, what=ReadKind.DATA, availability=Availability.ONLINE, facts=facts
    )


def test_a_car_that_takes_more_than_it_is_allowed_is_allowed_less():
    """Some cars take 1.5 A more, whatever they are told: what they take is what the sun must carry."""
    bench = charging_bench(pv_w=4700.0)
    requested_a = bench.car.amps_a
    facts = replace(bench.car.facts(bench.at), actual_a=requested_a + 1.5)
    bench.feed(read_of(facts, bench.at))
    bench.load_w += 1.5 * 230
    bench.advance(60)
    assert bench.car.amps_a == requested_a - 2
    assert bench.vehicle.memory.facts.actual_a == requested_a - 2 + 1.5  # which it goes on doing
    bench.advance(300)
    assert bench.car.amps_a == requested_a - 2


def on_the_sun(pv_w, traits, *, limit_w=None, **loadpoint):
    """Return a site with one car under a steady sun, ten minutes later."""
    settings = site_settings_of([SiteCar("car", traits)], loadpoints={"car": loadpoint})
    site = SiteRun(steady(pv_w, 0.0), settings, [SiteCar("car", traits)])
    if limit_w is not None:
        site.feed(LimitSet(at=site.now, limit=Limit(max_w=limit_w)))
    site.run(600)
    return site


def test_a_car_of_two_phases_is_told_once_to_use_three():
    """The set-point went on with three phases, the car was found to use two, and each reading sent the switch again."""
    site = on_the_sun(6000.0, Traits(phases=2, offered=1, can_switch=True))
    switches = [sent.t_s for sent in site.sent if sent.command.name is CommandName.SET_PHASES]
    assert len(switches) == 1, switches
    assert site.state.loadpoints["car"].set_point == SetPoint(charge=True, amps_a=13, phases=2)


def test_what_was_granted_on_one_phase_is_no_grant_on_three():
    """Under an operator's limit a car that charged on one phase went on with the same amps on three."""
    site = on_the_sun(2400.0, Traits(offered=1, can_switch=True), limit_w=4200.0)
    site.run(900)
    assert site.lines[-1].draws_w["car"] == 2300.0
    site.shade(4.0)
    for _ in range(120):
        site.run(site.t_s + 10)
        set_point = site.state.loadpoints["car"].set_point
        assert set_point.amps_a * set_point.phases * 230 <= 4200.0, (site.t_s, set_point)


def test_a_start_on_three_phases_needs_room_for_its_minimum():
    """With 8 A as the least, three phases were chosen under a limit that carries 6 A on them."""
    site = on_the_sun(12_000.0, Traits(offered=1, can_switch=True), limit_w=4200.0, min_a=8)
    assert max(line.draws_w["car"] for line in site.lines) == 16 * 230
    assert site.state.loadpoints["car"].set_point.phases == 1


def test_three_phases_without_room_become_one_that_has_it():
    """The same the other way round: it was paused for ever, though nothing flowed and one phase had room."""
    site = on_the_sun(12_000.0, Traits(offered=3, can_switch=True), limit_w=4200.0, min_a=8)
    assert site.lines[-1].draws_w["car"] == 16 * 230


def test_a_grant_is_taken_up_once_the_others_have_come_down():
    """A car that was granted what another still drew was started at once: for seconds both flowed through the fuse."""
    cars = [SiteCar("slow", Traits(phases=1, delay_s=8.0)), SiteCar("quick", Traits(phases=1))]
    settings = site_settings_of(
        cars,
        site=replace(SITE, main_fuse_a=20.0),
        loadpoints={
            "slow": {"first_phase": 1, "mode": Mode.NOW},
            "quick": {"first_phase": 1, "mode": Mode.OFF, "priority": 1},
        },
    )
    site = SiteRun(steady(0.0, 0.0), settings, cars)
    site.at(120, lambda: site.set_mode("quick", Mode.NOW))
    site.run(115)
    assert site.phases_a()[0] == 16.0
    site.run(300)
    assert [car.current_a for car in cars] == [6.0, 14.0]
    assert site.summary().peak_phases_a[0] <= 20.0, site.summary().peak_phases_a


def test_a_command_whose_answer_a_restart_lost_is_on_the_bill():
    """It may have been carried out: a budget that did not count it was exceeded by one command a restart."""
    bench = charging_bench(settings=with_budget(commands_per_day=10))
    before = commands_today(bench.vehicle.memory.spend)
    bench.ask(amps_a=8)
    assert bench.vehicle.exchange is not None
    bench.restart()
    assert commands_today(bench.vehicle.memory.spend) == before + 1


@pytest.mark.parametrize("interval_s", [1.0, 2.0, 5.0, 10.0])
@pytest.mark.parametrize("phases", [1, 3])
def test_a_start_on_more_phases_than_was_guessed_does_not_end_itself(interval_s: float, phases: int) -> None:
    """A car that may take 32 A is taken for one of one phase; on three its rise looked like the house's, and it was stopped for it."""
    settings = settings_of(
        site=replace(SITE, main_fuse_a=25.0),
        meters=(replace(HOUSE, interval_s=interval_s),),
    )
    memory = remembered(facts_of(), phases=None)
    bench = Bench(settings=settings, memory=memory, car=Car(is_awake=True, phases=phases), load_w=500.0)
    bench.advance(30)
    bench.ask(mode=Mode.NOW)
    bench.advance(300)
    assert [command.name for command in bench.commands()] == [CommandName.SET_AMPS, CommandName.START]
    assert bench.car.draw_w == 22 * phases * 230.0


@pytest.mark.parametrize("phases", [3, None])
def test_who_charges_over_a_restart_is_not_stopped_for_his_own_draw(phases: int | None) -> None:
    settings = settings_of(site=replace(SITE, main_fuse_a=25.0))
    before = facts_of(Charging.CHARGING, at=after_s(-600), phases=3, power_w=11000.0)
    memory = remembered(before, mode=Mode.NOW, phases=phases, was_charging=True)
    bench = Bench(settings=settings, memory=memory, car=Car(is_awake=True, phases=3, is_charging=True), load_w=500.0)
    bench.advance(120)
    assert [command.name for command in bench.commands()] == [CommandName.SET_AMPS]


def test_a_start_that_nobody_could_look_at_counts_as_guessed_after_a_while() -> None:
    """The house may not hide for ever behind what a car might draw."""
    settings = replace(with_budget(per_month=0.05), site=replace(SITE, main_fuse_a=25.0))  # a look cannot be paid for
    car = Car(is_awake=True, phases=3)
    bench = Bench(settings=settings, memory=remembered(facts_of(), phases=None), car=car, load_w=500.0)
    bench.advance(30)
    bench.ask(mode=Mode.NOW)
    bench.until(lambda: bench.car.is_charging)
    bench.advance(60)
    assert bench.car.is_charging
    bench.load_w = 9000.0
    bench.advance(120)
    assert bench.code is ReasonCode.FUSE


@pytest.mark.parametrize(("after_start_s", "factor"), [(30.0, 3.0), (79.0, 3.0), (81.0, 1.0)])
def test_phases_are_a_guess_for_so_long_only(after_start_s: float, factor: float) -> None:
    settings = settings_of(site=replace(SITE, main_fuse_a=25.0))
    starting = facts_of(Charging.STARTING, actual_a=16.0, power_w=None)
    draft = Draft(Bench(settings=settings, memory=remembered(starting, phases=None)).state, NOON)
    draft.vehicle("car", steps=settles((), NOON, 3680.0, TESLA.start_settle_s))
    draw = draw_here(draft, CARPORT, after_s(after_start_s))
    assert draw.high_w == pytest.approx(factor * 3680.0)
