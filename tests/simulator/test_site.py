"""A site of several cars: what they do to its phases, its meters and its energy."""

import pytest
from simple_worlds import START_AT, rows, steady

from sunbox.core.commands import Cause, Command, CommandName, Outcome
from sunbox.core.events import MeterRead, Requested, VehicleRead
from sunbox.core.model import Charging, Mode, Override
from sunbox.core.settings import CircuitSettings, MeterSettings, PhaseSwitch
from sunbox.core.wallbox import Accepted, Rejected, Request
from sunbox.simulator.battery import BatteryParams
from sunbox.simulator.bench.site import GRID, MeterFault, SiteRun, Wiring, settings_of
from sunbox.simulator.bench.site_car import SiteCar, Traits
from sunbox.simulator.bench.site_log import Edges

START, STOP = Command(CommandName.START), Command(CommandName.STOP)


def amps(value):
    return Command(CommandName.SET_AMPS, value)


def phases(value):
    return Command(CommandName.SET_PHASES, value)


def live(car, seconds):
    """Let it live second by second and return its current after each."""
    return [car.advance(1.0) or car.current_a for _ in range(seconds)]


# cars


def test_a_car_uses_no_more_phases_than_it_has_and_those_it_is_wired_to():
    for used, first, expected in ((1, 1, (10, 0, 0)), (2, 2, (0, 10, 10)), (2, 3, (10, 0, 10)), (3, 2, (10, 10, 10))):
        car = SiteCar("car", Traits(phases=used, first_phase=first))
        car.obey(amps(10))
        car.obey(START)
        assert car.phases_a() == expected
        assert car.draw_w == used * 10 * 230
        assert car.facts(START_AT).phases == used


def test_a_car_may_take_more_than_it_is_allowed_or_less():
    more = SiteCar("more", Traits(phases=1, extra_a=1.5))
    more.obey(amps(6))
    more.obey(START)
    assert more.current_a == 7.5
    assert more.max_power_w == 17.5 * 230
    less = SiteCar("less", Traits(phases=3, most_w=3 * 230 * 8))
    less.obey(START)
    assert less.current_a == pytest.approx(8)
    assert less.max_power_w == 3 * 230 * 8
    coarse = SiteCar("coarse", Traits(step_a=4))
    coarse.obey(START)
    coarse.obey(amps(11))
    assert coarse.current_a == 8


def test_a_slow_car_waits_and_then_follows_by_and_by_but_stops_at_once():
    car = SiteCar("car", Traits(lag_s=3, ramp_a_per_s=4))
    car.obey(amps(10))
    car.obey(START)
    assert car.is_busy
    assert live(car, 6) == [0, 0, 4, 8, 10, 10]
    assert not car.is_busy
    car.obey(amps(6))
    car.obey(STOP)
    assert live(car, 4) == [10, 10, 0, 0]


def test_a_switch_under_way_is_a_gap_and_a_car_may_hang_after_it():
    car = SiteCar("car", Traits(can_switch=True, gap_s=5, hang_s=3))
    assert car.obey(phases(1)) == (Outcome.APPLIED, None)
    car.obey(START)
    assert car.facts(START_AT).phases_offered == 1
    assert car.obey(phases(3)) == (Outcome.APPLIED, None)
    car.obey(amps(9))
    assert live(car, 8) == [0] * 7 + [9]
    assert (car.used_phases, car.phase_switches, car.phase_gaps) == (3, 1, 1)


@pytest.mark.parametrize(
    ("traits", "command", "cause"),
    [
        (Traits(), phases(1), Cause.INVALID),
        (Traits(can_switch=True), phases(2), Cause.INVALID),
        (Traits(), amps(5), Cause.INVALID),
        (Traits(), amps(17), Cause.INVALID),
        (Traits(refuses=frozenset({CommandName.START})), START, Cause.REFUSED),
        (Traits(capacity_wh=50_000, soc_pct=80, limit_pct=80), START, Cause.COMPLETE),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(traits, command, cause):
    car = SiteCar("car", traits)
    before = car.truth()
    assert car.obey(command) == (Outcome.REFUSED, cause)
    assert car.truth() == before


def test_a_battery_fills_tapers_and_is_full_and_goes_on_when_its_limit_is_raised():
    car = SiteCar("car", Traits(phases=1, capacity_wh=10_000, soc_pct=60, limit_pct=80, taper_from_pct=70))
    car.obey(START)
    currents = live(car, 7200)
    assert currents[0] == 16
    assert currents == sorted(currents, reverse=True)[: len(currents)]
    assert min(each for each in currents if each) == pytest.approx(6, abs=0.1)
    assert (currents[-1], car.facts(START_AT).charging, car.facts(START_AT).soc_pct) == (0, Charging.COMPLETE, 80)
    assert car.charged_wh == pytest.approx(2000, abs=1)
    car.obey(Command(CommandName.SET_LIMIT, 90))
    assert car.facts(START_AT).charging is Charging.CHARGING
    car.obey(STOP)
    assert car.facts(START_AT).charging is Charging.STOPPED


def test_a_cable_ends_a_charge_and_some_cars_begin_by_themselves():
    car = SiteCar("car", Traits(starts_by_itself=True, capacity_wh=50_000), is_plugged=False)
    assert car.obey(START) == (Outcome.REFUSED, Cause.DISCONNECTED)
    assert car.facts(START_AT).charging is Charging.DISCONNECTED
    car.plug()
    assert car.current_a == 16
    car.advance(3600)
    car.drive_off()
    assert (car.draw_w, car.is_home, car.is_plugged) == (0, False, False)
    car.arrive(10)
    car.plug()
    assert car.soc_pct == pytest.approx(50 + 100 * 3 * 16 * 230 / 50_000 - 20)
    assert car.charged_wh == 0
    with pytest.raises(ValueError, match="soc_pct"):
        car.patch({"soc_pct": 9})


def test_a_driver_says_what_a_socket_can_do():
    assert Traits(can_switch=True).capabilities().phase_switch == PhaseSwitch(gap_s=30)
    assert Traits(offered=1).capabilities().max_phases == 1
    assert Traits().capabilities().phase_switch is None


# the site


def site_of(*cars, pv_w=5000.0, load_w=600.0, trace=None, **options):
    """Return a site whose loadpoints are off, so that only what a test does happens."""
    words = {key: options.pop(key) for key in ("grid", "meters", "circuits", "site") if key in options}
    loadpoints = {car.id: {"mode": Mode.OFF, **options.pop("loadpoints", {}).get(car.id, {})} for car in cars}
    settings = settings_of(cars, loadpoints=loadpoints, **words)
    return SiteRun(trace or steady(pv_w, load_w), settings, cars, **options)


def read_by(site):
    """Return the readings by meter, with the instant at which they came."""
    came = {}

    def watch(event, _state, _effects):
        if isinstance(event, MeterRead):
            came.setdefault(event.meter_id, []).append((site_t(event.at), event.reading))

    def site_t(at):
        return (at - START_AT).total_seconds()

    return came, watch


def test_currents_per_phase_add_up_to_the_grid_power():
    came, watch = read_by(None)
    blue = SiteCar("blue", Traits(phases=1, first_phase=2))
    site = site_of(blue, pv_w=3000, load_w=690, wiring=Wiring(house=(1, 0, 0), pv=(0, 0, 1)), watch=watch, battery=None)
    site.request("blue", mode=Mode.NOW)
    site.run(100)
    line = site.lines[-1]
    assert line.grid_phases_a == pytest.approx((3, 16, -3000 / 230))
    assert line.grid_w == pytest.approx(690 + 16 * 230 - 3000)
    assert sum(line.grid_phases_a) * 230 == pytest.approx(line.grid_w)
    _, reading = came[GRID][-1]
    assert reading.grid_phases_a == pytest.approx(line.grid_phases_a)
    assert (reading.grid_w, reading.pv_w, reading.battery_w) == (pytest.approx(line.grid_w), 3000, None)
    assert site.summary().peak_phases_a == pytest.approx((3, 16, 0))
    assert site.summary().peak_unbalanced_a == 16


def test_a_meter_may_know_nothing_but_the_grid():
    came, watch = read_by(None)
    site = site_of(SiteCar("blue"), measures_pv=False, measures_phases=False, battery=BatteryParams(), watch=watch)
    site.run(20)
    _, reading = came[GRID][-1]
    assert reading.grid_w is not None
    assert (reading.pv_w, reading.battery_w, reading.battery_soc_pct, reading.grid_phases_a) == (None,) * 4


def test_a_circuit_meter_sees_what_hangs_from_it():
    came, watch = read_by(None)
    cars = [SiteCar("blue", Traits(phases=1)), SiteCar("red", Traits(phases=1)), SiteCar("green", Traits(phases=1))]
    circuits = (
        CircuitSettings(id="yard", max_a=40, meter="yard"),
        CircuitSettings(id="shed", parent="yard", max_a=20, meter="shed"),
    )
    meters = [MeterSettings(id=each, interval_s=5) for each in ("yard", "shed")]
    settings = settings_of(
        cars,
        meters=meters,
        circuits=circuits,
        loadpoints={
            "blue": {"mode": Mode.OFF, "circuit": "shed"},
            "red": {"mode": Mode.OFF, "circuit": "yard"},
            "green": {"mode": Mode.OFF},
        },
    )
    site = SiteRun(steady(0, 0), settings, cars, watch=watch)
    for car, current in (("blue", 6), ("red", 7), ("green", 8)):
        site.cars[car].obey(amps(current))
        site.cars[car].is_charging = True
        site.cars[car].advance(0)
    site.switch_load(460, "shed")
    assert site.circuit_a("shed") == pytest.approx((8, 0, 0))
    assert site.circuit_a("yard") == pytest.approx((15, 0, 0))
    assert site.phases_a() == pytest.approx((23, 0, 0))
    site.run(4)
    assert came["yard"][0][1].grid_phases_a == pytest.approx((15, 0, 0))
    assert came["shed"][0][1].grid_w == pytest.approx(8 * 230)
    assert site.summary().peak_circuits_a["yard"] == pytest.approx((15, 0, 0))
    site.switch_load(0, "shed")
    assert site.circuit_a("shed") == site.circuit_a("yard") == (0, 0, 0)  # their loadpoints are off


def test_readings_are_late_and_say_when_they_were_true():
    came, watch = read_by(None)
    trace = rows((0, 0, 0), (1000, 1000, 0), (2000, 1000, 0))
    site = site_of(SiteCar("blue"), trace=trace, grid={"interval_s": 20, "delay_s": 7}, watch=watch)
    site.at(100, lambda: site.delay(25))
    site.at(200, site.heal)
    site.run(300)
    for came_s, reading in came[GRID]:
        measured_s = (reading.measured_at - START_AT).total_seconds()
        assert came_s - measured_s == pytest.approx(32 if 100 <= measured_s < 200 else 7)
        assert reading.pv_w == pytest.approx(measured_s)


def test_a_meter_fails_as_meters_do():
    came, watch = read_by(None)
    site = site_of(SiteCar("blue"), trace=rows((0, 0, 0), (1000, 1000, 0)), watch=watch)
    for number, fault in enumerate(MeterFault):
        site.at(100 * number + 95, lambda fault=fault: site.fail(fault))
        site.at(100 * number + 145, site.heal)
    site.run(700)
    by_fault = {
        fault: [each for each in came[GRID] if 100 * number + 95 <= each[0] < 100 * number + 145]
        for number, fault in enumerate(MeterFault)
    }
    assert by_fault[MeterFault.SILENT] == by_fault[MeterFault.UNREACHABLE] == []
    frozen, stuck = by_fault[MeterFault.FROZEN], by_fault[MeterFault.STUCK]
    assert {round(reading.pv_w) for _, reading in frozen} == {290}
    assert len({reading.measured_at for _, reading in frozen}) == 1
    assert {round(reading.pv_w) for _, reading in stuck} == {390}
    assert len({reading.measured_at for _, reading in stuck}) == len(stuck) == 5
    assert {reading.grid_w for _, reading in by_fault[MeterFault.NULL]} == {None}


def test_the_home_battery_feeds_a_car_by_itself_and_that_is_told():
    site = site_of(SiteCar("blue", Traits(phases=1)), pv_w=0, load_w=0, battery=BatteryParams(capacity_wh=5000))
    site.request("blue", mode=Mode.NOW)
    site.run(7200)
    blue = site.summary().cars["blue"]
    assert blue.battery_wh == pytest.approx(2250 * 0.90**0.5, rel=0.01)
    assert blue.import_wh == pytest.approx(blue.charged_wh - blue.battery_wh)
    assert (site.lines[-1].battery_w, site.lines[-1].battery_soc_pct) == (pytest.approx(0), pytest.approx(5))


def test_the_energy_of_a_site_adds_up():
    cars = [SiteCar("blue", Traits(phases=1)), SiteCar("red", Traits(phases=2))]
    site = site_of(*cars, pv_w=6000, load_w=500)
    for car in cars:
        site.request(car.id, mode=Mode.NOW)
    site.run(3600)
    total = site.summary()
    assert sum(car.solar_wh for car in total.cars.values()) == pytest.approx(5500, rel=0.02)
    drawn_wh = sum(car.charged_wh for car in total.cars.values())
    assert total.import_wh - total.export_wh == pytest.approx(drawn_wh + 500 - 6000)
    assert [car.starts for car in total.cars.values()] == [1, 1]
    assert total.cars["blue"].commands == sum(sent.car == "blue" for sent in site.sent) > 0
    assert all(sent.outcome is not None for sent in site.sent)


def test_an_edge_is_import_without_a_pause():
    edges = Edges()
    for import_wh in (0, 10, 20, 20.01, 50, 60, 61):
        edges.note(import_wh, 36)
    assert edges.largest_wh == pytest.approx(50 - 20.01 + 10 + 1)


def test_cables_requests_and_changes_come_when_they_are_due():
    seen = []

    def watch(event, _state, _effects):
        if isinstance(event, Requested | VehicleRead):
            seen.append(event)

    blue = SiteCar("blue", is_plugged=False)
    site = site_of(blue, watch=watch)
    site.at(50, lambda: site.plug("blue"))
    site.at(60, lambda: site.set_mode("blue", Mode.NOW))
    site.at(100, lambda: site.change("blue", refuses=frozenset({CommandName.STOP})))
    site.at(200, lambda: site.set_mode("blue", Mode.OFF))
    site.at(300, lambda: site.change("blue", refuses=frozenset()))
    site.at(300, lambda: site.unplug("blue"))
    site.at(310, lambda: site.feed(Requested(at=site.now, request=Request(loadpoint_id="blue", by="x", amps_a=9))))
    site.run(55)
    assert [event.facts.charging for event in seen if isinstance(event, VehicleRead) and event.facts][-1:] == [
        Charging.STOPPED
    ]
    site.run(150)
    assert blue.current_a == 16
    site.run(400)
    assert (Outcome.REFUSED, CommandName.STOP) in {(sent.outcome, sent.command.name) for sent in site.sent}
    assert not blue.is_charging
    assert len([event for event in seen if isinstance(event, Requested)]) == 3


def test_a_request_that_cannot_be_is_answered_so():
    site = site_of(SiteCar("blue"))
    assert isinstance(site.request("blue", amps_a=99), Rejected)
    assert isinstance(site.request("blue", override=Override.CHARGE), Accepted)


def test_a_restart_keeps_what_was_remembered_and_loses_the_answer_under_way():
    site = site_of(SiteCar("blue", Traits(delay_s=5)))
    site.set_mode("blue", Mode.NOW)
    site.run(60)
    assert site.state.loadpoints["blue"].memory.wish.mode is Mode.NOW
    site.set_mode("blue", Mode.OFF)
    assert site.sent[-1].outcome is None
    site.restart()
    assert site.state.loadpoints["blue"].memory.wish.mode is Mode.OFF
    site.run(70)
    assert not site.cars["blue"].is_charging


def test_shade_takes_the_sun_away():
    site = site_of(SiteCar("blue"), pv_w=4000, load_w=0)
    site.at(95, lambda: site.shade(0.25))
    site.run(200)
    assert {line.pv_w for line in site.lines} == {4000, 1000}


def test_the_same_again_is_the_same():
    def again():
        cars = [SiteCar("blue", Traits(can_switch=True)), SiteCar("red", Traits(phases=1, lag_s=8, ramp_a_per_s=2))]
        site = SiteRun(
            rows((0, 0, 300), (3600, 9000, 300), (5000, 1000, 300), (7200, 6000, 300)),
            settings_of(cars),
            cars,
            battery=BatteryParams(),
        )
        site.run(7200)
        return site.lines, site.sent, site.summary()

    assert again() == again()
