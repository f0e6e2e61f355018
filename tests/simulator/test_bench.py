"""The bench: the same home for everybody, coupled directly, and what it says of them."""

import csv
import math
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from simple_worlds import rows, steady

from sunbox.cli.bench import car_capabilities, run_policy
from sunbox.cli.day import DayOptions, run_days
from sunbox.core.commands import Cause, Command, CommandName, Outcome
from sunbox.core.effects import Send
from sunbox.core.model import Availability, Charging
from sunbox.core.settings import Capabilities, PhaseSwitch
from sunbox.drivers.tesla.settings import TeslaVehicleSettings, capabilities
from sunbox.simulator.bench import run
from sunbox.simulator.bench.cars import CommandedTesla, IdealCar
from sunbox.simulator.bench.engine import EngineRun, settings_for
from sunbox.simulator.bench.home import Home, SteppedClock
from sunbox.simulator.bench.report import Possible
from sunbox.simulator.bench.setup import PHASE_NAMES, SetUp, Tally
from sunbox.simulator.household import GeneratedTrace
from sunbox.simulator.oracle import weight_of
from sunbox.simulator.rivals import RIVALS
from sunbox.simulator.sun import Roof, Sky
from sunbox.simulator.trace import RecordedTrace, Trace, load_trace

BERLIN = ZoneInfo("Europe/Berlin")
DAY = date(2024, 6, 17)
MINUTES = 1440


def generated(sky: Sky, *, kwp: float = 10.0, seed: int = 1) -> GeneratedTrace:
    roof = Roof(latitude=52.394, longitude=13.542, kwp=kwp, tilt_deg=30, azimuth_deg=180)
    return GeneratedTrace(DAY, timezone=BERLIN, roof=roof, sky=sky, base_w=180, seed=seed)


def by_minutes(trace: Trace, hours: range = range(24)) -> RecordedTrace:
    """Return some hours of a generated day as a recorded trace."""
    lines = [60.0 * minute for minute in range(hours.start * 60, hours.stop * 60)]
    return rows(
        *((at_s - lines[0], *trace.at(at_s)) for at_s in lines), start_at=trace.start_at + timedelta(seconds=lines[0])
    )


NOON = by_minutes(generated(Sky.PARTLY_CLOUDY), range(9, 15))


# cars


def test_an_ideal_car_does_at_once_what_it_is_told():
    car = IdealCar(SetUp(phases=(3,), max_a=16))
    at = NOON.start_at
    assert car.max_power_w == 3 * 16 * 230
    assert car.obey(Command(CommandName.SET_AMPS, 10)) == (Outcome.APPLIED, None)
    assert car.draw_w == 0
    assert car.facts(at).charging is Charging.STOPPED
    assert car.obey(Command(CommandName.START)) == (Outcome.APPLIED, None)
    assert car.draw_w == 3 * 10 * 230
    assert car.obey(Command(CommandName.START)) == (Outcome.ALREADY_SET, None)
    assert (car.facts(at).actual_a, car.facts(at).phases) == (10.0, 3)
    assert car.obey(Command(CommandName.SET_AMPS, 32)) == (Outcome.APPLIED, None)
    assert car.truth() == {"charging": True, "amps_a": 16, "phases": 3, "draw_w": car.max_power_w}
    assert car.obey(Command(CommandName.STOP)) == (Outcome.APPLIED, None)
    assert car.draw_w == 0
    assert car.obey(Command(CommandName.WAKE)) == (Outcome.ALREADY_SET, None)


def test_a_switch_of_phases_under_way_costs_a_gap_and_goes_on_with_the_same_amps():
    car = IdealCar(SetUp(phases=(1, 3), max_a=16))
    assert (car.facts(NOON.start_at).phases_offered, car.facts(NOON.start_at).phases) == (3, None)
    assert car.obey(Command(CommandName.SET_PHASES, 1)) == (Outcome.APPLIED, None)
    assert not car.is_busy
    car.obey(Command(CommandName.SET_AMPS, 10))
    car.obey(Command(CommandName.START))
    assert (car.draw_w, car.facts(NOON.start_at).phases) == (10 * 230, 1)
    assert car.obey(Command(CommandName.SET_PHASES, 3)) == (Outcome.APPLIED, None)
    assert car.obey(Command(CommandName.SET_PHASES, 3)) == (Outcome.ALREADY_SET, None)
    for _ in range(29):
        car.advance(1.0)
        assert car.draw_w == 0
        assert car.is_busy
        facts = car.facts(NOON.start_at)
        assert (facts.charging, facts.phases, facts.phases_offered) == (Charging.STARTING, None, 3)
    car.advance(1.0)
    assert (car.draw_w, car.is_busy) == (3 * 10 * 230, False)
    assert (car.phase_switches, car.phase_gaps) == (1, 1)


def test_a_switch_counts_when_current_flows_on_it_as_the_oracle_counts():
    car = IdealCar(SetUp(phases=(1, 3), max_a=16))
    car.obey(Command(CommandName.START))
    car.obey(Command(CommandName.STOP))
    car.obey(Command(CommandName.SET_PHASES, 1))
    assert car.phase_switches == 0
    car.obey(Command(CommandName.START))
    assert (car.phase_switches, car.phase_gaps) == (1, 0)
    car.obey(Command(CommandName.SET_PHASES, 3))
    car.advance(10.0)
    car.obey(Command(CommandName.STOP))
    car.obey(Command(CommandName.START))  # the gap lasts all the same, and this is a start and no going on
    assert car.draw_w == 0
    car.advance(20.0)
    assert (car.draw_w, car.phase_switches, car.phase_gaps) == (3 * 16 * 230, 2, 0)


@pytest.mark.parametrize(("phases", "asked"), [((3,), 1), ((1,), 3), ((1, 3), 2)])
def test_phases_that_cannot_be_had_are_refused(phases, asked):
    car = IdealCar(SetUp(phases=phases))
    assert car.obey(Command(CommandName.SET_PHASES, asked)) == (Outcome.REFUSED, Cause.INVALID)
    assert car.facts(NOON.start_at).phases_offered == (3 if len(phases) > 1 else None)


def test_what_a_switch_costs_is_on_the_bill_and_is_no_start():
    setup = SetUp(phases=(1, 3), max_a=16)
    home = Home(steady(20_000, 0), IdealCar(setup), setup, SteppedClock(steady(0, 0).start_at), BERLIN)
    home.car.obey(Command(CommandName.START))
    for t_s, phases in ((3600, 1), (7200, 3)):
        home.go(t_s)
        home.car.obey(Command(CommandName.SET_PHASES, phases))
    tally = home.close(10_800)
    assert (tally.starts, tally.phase_switches) == (1, 2)
    full_w = 16 * 230
    least_wh = (3 * full_w * (3600 + 3570) + full_w * 3570) / 3600
    assert tally.solar_wh == pytest.approx(least_wh, abs=1.5 * full_w * 2 / 3600)


def test_who_switches_phases_is_told_so_and_who_does_not_is_not():
    can = settings_for(SetUp(phases=(1, 3), max_a=16), BERLIN, Capabilities())
    cannot = settings_for(SetUp(phases=(3,), max_a=16), BERLIN, Capabilities())
    assert can.vehicles[0].capabilities.phase_switch == PhaseSwitch(gap_s=30.0)
    assert (can.vehicles[0].phases, can.loadpoints[0].phases) == (3, None)
    assert cannot.vehicles[0].capabilities.phase_switch is None


def test_nobody_is_at_an_ideal_car():
    car = IdealCar(SetUp())
    car.obey(Command(CommandName.START))
    before = car.truth()
    for live in (car.plug, car.unplug, car.drive_off, car.arrive):
        live()
    car.advance(3600)
    assert (car.truth(), car.is_home, car.is_plugged) == (before, True, True)
    with pytest.raises(ValueError, match="soc_pct"):
        car.patch({"soc_pct": 90})


def test_a_tesla_without_its_cloud_still_sleeps_and_refuses():
    car = CommandedTesla(is_asleep=True, soc_pct=79.8)
    at = NOON.start_at
    assert car.obey(Command(CommandName.START)) == (Outcome.NOT_DELIVERED, Cause.ASLEEP)
    assert car.facts(at) is None
    assert car.availability is Availability.ASLEEP
    assert car.obey(Command(CommandName.WAKE)) == (Outcome.UNCONFIRMED, None)
    car.advance(61)
    assert car.obey(Command(CommandName.START)) == (Outcome.REFUSED, Cause.COMPLETE)
    assert car.obey(Command(CommandName.SET_LIMIT, 90)) == (Outcome.APPLIED, None)
    assert car.obey(Command(CommandName.SET_LIMIT, 90)) == (Outcome.ALREADY_SET, None)
    assert car.obey(Command(CommandName.SET_AMPS, 9)) == (Outcome.APPLIED, None)
    assert car.facts(at).amps_requested_a == 9
    car.unplug()
    assert car.obey(Command(CommandName.START)) == (Outcome.REFUSED, Cause.DISCONNECTED)


# everybody at the same home


def test_under_a_constant_sun_the_plain_rule_loses_only_its_first_seconds():
    trace = steady(3000, 490)  # 10.9 A
    tally = run_policy("plain", [trace], setup=SetUp())
    late_wh = 10 * 230 * 10 / 3600  # the car's delay; the first reading is not late
    assert tally.commands == 2
    assert tally.starts == 1
    assert tally.import_wh == 0
    assert tally.solar_wh == pytest.approx(10 * 230 * tally.elapsed_s / 3600 - late_wh)
    assert tally.usable_wh == pytest.approx(2510 * tally.elapsed_s / 3600)
    assert tally.days == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize("delay_s", [0.0, 10.0, 60.0])
def test_what_is_late_costs_sun_on_the_way_up_and_import_on_the_way_down(delay_s):
    trace = rows((0, 0, 0), (3600, 0, 0), (3601, 3000, 0), (7200, 3000, 0), (7201, 0, 0), (10_800, 0, 0))
    tally = run_policy("plain", [trace], setup=SetUp(meter_delay_s=delay_s, car_delay_s=20))
    late_s = delay_s + 20
    assert tally.import_wh == pytest.approx(13 * 230 * late_s / 3600, abs=12 * 13 * 230 / 3600)
    assert tally.solar_wh == pytest.approx(13 * 230 * (3600 - late_s) / 3600, abs=12 * 13 * 230 / 3600)


def test_a_meter_that_is_read_seldom_is_seen_seldom():
    trace = rows((0, 0, 0), (3600, 0, 0), (3601, 3000, 0), (7200, 3000, 0), (7201, 0, 0), (10_800, 0, 0))
    seldom = run_policy("plain", [trace], setup=SetUp(meter_interval_s=600, meter_delay_s=0, car_delay_s=0))
    often = run_policy("plain", [trace], setup=SetUp(meter_interval_s=1, meter_delay_s=0, car_delay_s=0))
    assert seldom.import_wh == pytest.approx(0, abs=13 * 230 * 601 / 3600)
    assert seldom.solar_wh < often.solar_wh - 0.8 * 13 * 230 * 600 / 3600


def test_commands_are_counted_on_local_days():
    home = Home(NOON, IdealCar(SetUp()), SetUp(), SteppedClock(NOON.start_at), BERLIN)
    begins_s = (NOON.start_at.astimezone(BERLIN).hour) * 3600
    for t_s in (0.0, 86_399.0 - begins_s, 86_401.0 - begins_s, 86_402.0 - begins_s):
        home.count_command(t_s)
    assert home.tally.commands_by_day == {DAY: 2, DAY + timedelta(days=1): 2}
    assert home.tally.most_commands_on_a_day == 2


def test_the_engine_charges_and_is_billed():
    tally = run_policy("sunbox", [NOON])
    assert 60 < tally.capture_pct <= 100
    assert tally.net_pct < tally.capture_pct
    assert tally.commands > 10
    assert tally.net_after_price_pct(5) == pytest.approx(tally.net_pct - 500 * tally.commands / tally.usable_wh)
    assert tally.most_commands_on_a_day == tally.commands


def test_a_budget_holds_back_all_but_stops():
    sent = []

    def watch(_event: object, _state: object, effects: tuple[object, ...]) -> None:
        sent.extend(effect.command.name for effect in effects if isinstance(effect, Send))

    setup = SetUp(commands_per_day=4)
    home = Home(NOON, IdealCar(setup), setup, SteppedClock(NOON.start_at), BERLIN)
    tally = EngineRun(home, settings_for(setup, BERLIN, car_capabilities(setup)), watch).run(
        home.length_s, lambda _: None
    )
    assert tally.commands == len(sent)
    assert len([name for name in sent if name is not CommandName.STOP]) <= 8  # at most twice the mean on one day


@pytest.mark.parametrize("policy", ["sunbox", *RIVALS])
def test_the_same_again_is_the_same(policy):
    assert run_policy(policy, [NOON]) == run_policy(policy, [NOON])


@pytest.mark.parametrize("share", [100.0, 50.0])
@pytest.mark.parametrize(("kwp", "phases"), [(10.0, "1"), (4.0, "1"), (10.0, "3")])
def test_nobody_beats_the_oracle_with_as_many_commands(kwp, phases, share):
    trace = by_minutes(generated(Sky.PARTLY_CLOUDY, kwp=kwp, seed=3), range(7, 17))
    setup = SetUp(phases=PHASE_NAMES[phases], max_a=32 if phases == "1" else 16)
    possible = Possible([trace], setup)
    weight = weight_of(share)
    for policy in ("sunbox", *RIVALS):
        tally = run_policy(policy, [trace], setup=setup, solar_share_pct=share)
        assert tally.usable_wh == pytest.approx(possible.usable_wh)
        best = possible.oracle(share).with_commands(tally.commands)
        assert tally.solar_wh - weight * tally.import_wh <= best.value_wh + 1
        assert possible.below_pct(possible.row(policy, None, tally, setup, share), share) >= -0.1


def test_several_traces_add_up():
    one, other = (run_policy("evcc", [trace]) for trace in (NOON, steady(2500, 500)))
    both = run_policy("evcc", [NOON, steady(2500, 500)])
    assert both.solar_wh == pytest.approx(one.solar_wh + other.solar_wh)
    assert both.days == pytest.approx(one.days + other.days)
    assert both.commands == one.commands + other.commands == sum(both.commands_by_day.values())


def test_progress_is_told_and_ends_at_the_end():
    for policy in ("sunbox", "evcc"):
        told: list[float] = []
        run_policy(policy, [NOON, NOON], progress=told.append)
        assert told == sorted(told)
        assert told[-1] == 1.0
        assert len(told) > 10


def test_an_unknown_policy_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match="sunbox, plain, evcc"):
        run.run_policy("nobody", NOON, SetUp(), timezone=BERLIN)


def test_without_any_sun_there_is_nothing_to_share_out():
    tally = run_policy("plain", [steady(0, 500)], days=0.1)
    assert (tally.capture_pct, tally.net_pct, tally.commands, tally.import_kwh_per_30d) == (0, 0, 0, 0)
    assert (Tally().import_kwh_per_30d, Tally().commands_per_day) == (0, 0)
    possible = Possible([steady(0, 500)], SetUp(), days=0.1)
    row = possible.row("plain", None, tally, SetUp(), 100.0)
    assert (row.oracle_capture_pct, possible.below_pct(row, 100.0)) == (0, 0)


# beside `sunbox day`


def written(trace: Trace, path, minutes: int = MINUTES) -> str:
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("time", "pv_w", "load_w"))
        for minute in range(minutes):
            pv_w, load_w = trace.at(60.0 * minute)
            lines.writerow(((trace.start_at + timedelta(minutes=minute)).isoformat(), f"{pv_w:.1f}", f"{load_w:.1f}"))
    return str(path)


def beside_the_day(trace: Trace, setup: SetUp) -> Tally:
    """Run the engine with the car of `sunbox day`, which answers at once, ramps, sags and sleeps."""
    clock = SteppedClock(trace.start_at)
    car = CommandedTesla(
        phases=setup.phases[0],
        soc_pct=45.0,
        never_full=True,
        is_asleep=True,
        timezone=BERLIN,
        now=clock.now,
        seed=1,
    )
    home = Home(trace, car, setup, clock, BERLIN)
    able: Capabilities = replace(
        capabilities(TeslaVehicleSettings(vin="LRW3F7EK4NC700000", max_a=setup.max_a)), is_location_bound=False
    )
    settings = settings_for(setup, BERLIN, able)
    vehicle = replace(settings.vehicles[0], phases=None)  # to be learned, as there
    return EngineRun(home, replace(settings, vehicles=(vehicle,))).run(home.length_s, lambda _: None)


@pytest.mark.slow
@pytest.mark.parametrize("sky", [Sky.CLEAR, Sky.PARTLY_CLOUDY, Sky.CLOUDY])
def test_bench_and_day_agree_within_a_point_of_capture(tmp_path, sky):
    hours = range(8, 18)
    path = written(by_minutes(generated(sky, seed=2), hours), tmp_path / "day.csv", 60 * len(hours))
    day = run_days(DayOptions(traces=(path,), min_amps=6), path)
    tally = beside_the_day(load_trace(path, timezone=BERLIN), SetUp(car_delay_s=1.0))
    assert tally.usable_wh > 1000
    assert day.capture_pct == pytest.approx(tally.capture_pct, abs=1.0)
    assert day.import_kwh_per_30d == pytest.approx(tally.import_kwh_per_30d, abs=6.0 / day.days)
    assert math.isclose(day.days, tally.days, abs_tol=0.01)
