"""Scenarios: read from YAML, made into worlds with a Tesla."""

from datetime import UTC, date, datetime, timedelta

import pytest
from simple_worlds import HandClock

from sunbox.errors import ConfigError
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.habits import Presence
from sunbox.simulator.meter import MeterFault
from sunbox.simulator.scenario import CarScenario, MeterScenario, Scenario, Season, build_trace, build_world
from sunbox.simulator.scenario_file import load_scenario, parse_scenario
from sunbox.simulator.sun import Sky
from sunbox.simulator.trace import RecordedTrace

WHOLE = """
name: a winter's week
seed: 7
place: {name: Hut, latitude: 47.05, longitude: 8.3, timezone: Europe/Zurich}
season: winter
day: 2024-12-09
start: 06:30          # a time, not YAML 1.1's 390
sky: mixed
kwp: 5.5
tilt_deg: 35
phases: 3
max_amps: 16
battery_kwh: 13.5
presence: commuter
meter: {delay_s: 10, has_time: off-by-one}
cars:
  - {id: model3, soc_pct: 30, limit_pct: 90, asleep: true}
  - id: model-y
    presence: always
    never_full: null
""".replace("off-by-one", "false")


def test_everything_can_be_said():
    scenario = parse_scenario(WHOLE)
    assert (scenario.seed, scenario.season, scenario.day) == (7, Season.WINTER, date(2024, 12, 9))
    assert (scenario.start, scenario.sky, scenario.kwp, scenario.phases) == ("06:30", Sky.MIXED, 5.5, 3)
    assert scenario.place.timezone == "Europe/Zurich"
    assert scenario.meter == MeterScenario(delay_s=10, has_time=False)
    assert scenario.cars == (
        CarScenario(id="model3", soc_pct=30, limit_pct=90, asleep=True),
        CarScenario(id="model-y", presence=Presence.ALWAYS),
    )
    assert scenario.start_at() == datetime(2024, 12, 9, 5, 30, tzinfo=UTC)


def test_nothing_has_to_be_said():
    assert parse_scenario("") == parse_scenario("# later\n") == Scenario()
    assert Scenario().start_at() == datetime(2024, 6, 17, 4, tzinfo=UTC)


def test_all_mistakes_come_at_once_with_line_value_and_what_is_allowed():
    text = """kwp: much
start: 26:30
day: 2024-05-32
colour: red
place: {timezone: Mars}
cars: [{id: a, soc_pct: 130, vin: short}, {id: a, presence: no}, {id: "b c"}]
meter: [1]
sky: off
seed: 1.5
phases: 2
kwp: 3
name:
battery_kwh: .nan
presence: [always]
"""
    with pytest.raises(ConfigError) as caught:
        parse_scenario(text, "home.yaml")
    expected = [
        ("home.yaml line 1: kwp is 'much'", "a number, 0 to 10000"),
        ("home.yaml line 2: start is '26:30'", "a local time, e.g. 06:00"),
        ("home.yaml line 3: day is '2024-05-32'", "a date, e.g. 2024-06-21 or null"),
        ("home.yaml line 4: colour: unknown", "kwp, tilt_deg"),
        ("home.yaml line 5: place.timezone is 'Mars'", "Europe/Berlin"),
        ("home.yaml line 6: cars[0].soc_pct is '130'", "a number, 0 to 100"),
        ("home.yaml line 6: cars[0].vin is 'short'", "17 letters and digits"),
        ("home.yaml line 6: cars[1].presence is 'no'", "always, commuter or null"),
        ("home.yaml line 6: cars[2].id is 'b c'", "letters, digits"),
        ("home.yaml line 6: cars: ids a, a", "each id once"),
        ("home.yaml line 7: meter", "delay_s, noise_w"),
        ("home.yaml line 8: sky is 'off'", "clear, partly_cloudy, cloudy, overcast, mixed"),
        ("home.yaml line 9: seed is '1.5'", "a whole number"),
        ("home.yaml line 10: phases is '2'", "1 or 3"),
        ("home.yaml line 11: kwp: written twice", "once"),
        ("home.yaml line 12: name is ''", "a word"),
        ("home.yaml line 13: battery_kwh is '.nan'", "a number"),
        ("home.yaml line 14: presence", "one value"),
    ]
    problems = caught.value.problems
    assert len(problems) == len(expected)
    for problem, (beginning, allowed) in zip(problems, expected, strict=True):
        assert problem.startswith(beginning)
        assert allowed in problem.split("allowed is")[1]


CHARGERS = """\
cars: [{id: model3}, {id: y}]
chargers:
  - {id: garage, car: model3, profile: "60.3", supply_phases: 1, max_amps: 16, cable_amps: 20, ambient_c: 30}
  - id: drive
    unplugs_at_switch: true
    vehicle: {capacity_kwh: 40, soc_pct: 20, limit_pct: 90, phases: 1, max_amps: 20, presence: commuter, plugged: false}
"""


def test_wallboxes_are_as_their_scenario_says():
    world, _ = world_of(parse_scenario(CHARGERS))
    assert list(world.cars) == ["model3", "y", "drive"]
    garage, drive = (charger.box_truth() for charger in world.chargers.values())
    assert (garage["car"], garage["firmware"], garage["supply_phases"], garage["installation_a"]) == (
        "model3", "60.3", 1, 16
    )  # fmt: skip
    assert (garage["cable_a"], garage["ambient_c"], garage["told"]["amp"]) == (20, 30, 16)
    assert (drive["car"], drive["unplugs_at_switch"], drive["serial"]) == (None, True, "100002")
    truth = world.cars["drive"].truth()
    assert (truth["capacity_wh"], truth["soc_pct"], truth["limit_pct"], truth["phases"], truth["max_a"]) == (
        40_000, 20, 90, 1, 20
    )  # fmt: skip
    assert (truth["plugged"], truth["never_full"], truth["home"]) == (False, False, True)
    assert world.cars["model3"].max_power_w == pytest.approx(16 * 227.6)


SMARTEVSES = """\
cars: [{id: model3}]
chargers:
  - {id: garage, kind: smartevse, car: model3, profile: "3.6", mains: api, main_amps: 25, max_amps: 16, cable_amps: 13}
  - {id: drive, kind: smartevse, supply_phases: 1, has_second_contactor: false, has_car_meter: false, mains: none}
"""


def test_smartevses_are_as_their_scenario_says():
    world, _ = world_of(parse_scenario(SMARTEVSES))
    garage, drive = (charger.box_truth() for charger in world.chargers.values())
    assert (garage["car"], garage["firmware"], garage["serial"]) == ("model3", "v3.6.10", "1001")
    assert garage["told"] == {
        "override_current": 0,
        "enable_C2": "Always On",
        "current_max": 16,
        "current_main": 25,
        "mains_meter": "API",
        "ev_meter": "Eastron3P",
    }
    assert (drive["firmware"], drive["supply_phases"], drive["told"]["enable_C2"]) == ("v3.11.1", 1, "Not present")
    assert (drive["told"]["mains_meter"], drive["told"]["ev_meter"]) == ("Disabled", "Disabled")
    assert world.cars["model3"].max_power_w == pytest.approx(13 * (230 - 0.15 * 13))


@pytest.mark.parametrize(
    ("text", "where", "allowed"),
    [
        ("cars: []\n", "line 1: cars: is empty", "or chargers"),
        ("chargers:\n  - {id: model3}\n", "line 2: chargers[0].id is 'model3'", "no car has"),
        ("chargers:\n  - {car: y}\n", "line 2: chargers[0].car is 'y'", "any of model3"),
        ("cars: []\nchargers: [{car: y}]\n", "line 2: chargers[0].car is 'y'", "no car at all"),
        ("chargers: [{car: model3}, {id: b, car: model3}]\n", "line 1: chargers[1].car", "each car once"),
        ("chargers: [{car: model3, vehicle: {soc_pct: 5}}]\n", "line 1: chargers[0].has car", "one of them"),
        ("chargers: [{id: a}, {id: a}]\n", "line 1: chargers: ids a, a", "each id once"),
        ("chargers: [{kind: wallbe}]\n", "line 1: chargers[0].kind is 'wallbe'", "goe, smartevse"),
        ("chargers: [{kind: smartevse, profile: '60.3'}]\n", "line 1: chargers[0].profile is '60.3'", "3.5, 3.6"),
        ("chargers: [{kind: smartevse, ambient_c: 9}]\n", "line 1: chargers[0].ambient_c is for kind: goe", "leave it"),
        ("chargers: [{mains: api}]\n", "line 1: chargers[0].mains is for kind: smartevse", "leave it out"),
        ("chargers: [{mains: p1}]\n", "line 1: chargers[0].mains is 'p1'", "sensorbox, api, none"),
        ("chargers: [{main_amps: 5}]\n", "line 1: chargers[0].main_amps is '5'", "10 to 200"),
        ("chargers: [{profile: 9}]\n", "line 1: chargers[0].profile is '9'", "051, 055, 59.4"),
        ("chargers: [{max_amps: 5}]\n", "line 1: chargers[0].max_amps is '5'", "6 to 32"),
        ("chargers: [{supply_phases: 2}]\n", "line 1: chargers[0].supply_phases is '2'", "1 or 3"),
        ("chargers: [{vehicle: {max_amps: 40}}]\n", "line 1: chargers[0].vehicle.max_amps is '40'", "6 to 32"),
        ("chargers: [{vehicle: 3}]\n", "line 1: chargers[0].vehicle", "capacity_kwh, soc_pct"),
        ("chargers: [{colour: 3}]\n", "line 1: chargers[0].colour: unknown", "unplugs_at_switch"),
        ("chargers: garage\n", "line 1: chargers", "a list"),
    ],
)
def test_mistakes_about_wallboxes(text: str, where: str, allowed: str):
    with pytest.raises(ConfigError) as caught:
        parse_scenario(text, "home.yaml")
    (problem,) = caught.value.problems
    assert problem.startswith(f"home.yaml {where}")
    assert allowed in problem.split("allowed is")[1]


@pytest.mark.parametrize("text", ["[1, 2]", "just words", "a: [", "a: !!python/object:os.system x"])
def test_what_is_no_scenario_at_all(text):
    with pytest.raises(ConfigError, match=r"home\.yaml"):
        parse_scenario(text, "home.yaml")


def test_files_are_read_and_traces_lie_beside_them(tmp_path):
    (tmp_path / "sun.csv").write_text(
        "t,pv_w_per_kwp,load_w\n2024-05-01 12:00:00,500,300\n2024-05-01 12:01:00,500,300\n"
    )
    (tmp_path / "home.yaml").write_text("trace: sun.csv\nkwp: 4\n")
    scenario = load_scenario(tmp_path / "home.yaml")
    trace = build_trace(scenario)
    assert isinstance(trace, RecordedTrace)
    assert trace.start_at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert trace.at(0) == (2000, 300)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_scenario(tmp_path / "none.yaml")


def world_of(scenario: Scenario):
    clock = HandClock(scenario.start_at())
    return build_world(scenario, clock), clock


def test_a_world_is_as_its_scenario_says():
    scenario = parse_scenario(WHOLE + "  - {id: third, vin: 5YJ3E1EA7KF000316, plugged: false}\n")
    world, _ = world_of(scenario)
    assert world.battery is not None
    assert world.battery.params.capacity_wh == 13_500
    assert (world.meter.params.delay_s, world.meter.params.has_time) == (10, False)
    assert world.place.latitude == 47.05
    cars = world.cars
    assert list(cars) == ["model3", "model-y", "third"]
    first, second, third = cars.values()
    assert isinstance(first, TeslaCar)
    assert isinstance(second, TeslaCar)
    assert isinstance(third, TeslaCar)
    assert first.soc_pct == pytest.approx(30)
    assert (first.limit_pct, first.is_asleep, first.never_full) == (90, True, False)
    assert (second.never_full, second.is_plugged, third.is_plugged) == (True, True, False)
    assert first.max_power_w == pytest.approx(3 * 16 * 230, rel=0.02)
    assert (first.vin != second.vin, third.vin) == (True, "5YJ3E1EA7KF000316")
    assert first.truth()["lat"] == 47.05


def test_a_fault_from_the_beginning_and_a_socket_of_its_own():
    world, _ = world_of(
        Scenario(
            meter=MeterScenario(fault=MeterFault.NULL),
            max_amps=20,
            cars=(CarScenario(max_amps=10), CarScenario(id="b")),
        )
    )
    assert b'"grid_w": null' in world.meter.answer()[1]
    assert world.cars["model3"].max_power_w == pytest.approx(2300, rel=0.02)
    assert world.cars["b"].max_power_w == pytest.approx(4600, rel=0.02)


def test_a_commuters_week():
    world, clock = world_of(
        Scenario(presence=Presence.COMMUTER, cars=(CarScenario(charges_at_plug_in=False, asleep=False),))
    )
    car = world.cars["model3"]
    assert isinstance(car, TeslaCar)
    before_wh = car.stored_wh
    home_hours = 0
    for _ in range(5 * 24):
        clock.go(3600)
        world.sync()
        home_hours += car.is_home
    assert 60 <= home_hours <= 80
    assert 25_000 < before_wh - car.stored_wh < 60_000
    total = world.total()
    assert 0 < total.cars["model3"].usable_wh < 0.7 * total.pv_wh


def test_a_benchmark_car_charges_all_day_and_is_never_full():
    world, clock = world_of(Scenario(sky=Sky.CLEAR, start="00:00"))
    car = world.cars["model3"]
    assert isinstance(car, TeslaCar)
    car.rouse()
    assert car.start_charging() is None
    for _ in range(2 * 24):
        clock.go(3600)
        world.sync()
    ledger = world.total().cars["model3"]
    assert ledger.charged_wh == pytest.approx(48 * car.max_power_w, rel=0.01)
    assert ledger.solar_wh + ledger.import_wh == pytest.approx(ledger.charged_wh)
    assert ledger.solar_wh == pytest.approx(ledger.usable_wh, rel=0.01)
    assert ledger.starts == 1
    assert world.total().elapsed_s == timedelta(days=2).total_seconds()
    assert car.soc_pct <= 60


def test_powerwalls_are_a_battery_with_the_app_s_charge():
    scenario = parse_scenario("powerwalls: 2\nbattery_soc_pct: 20")

    battery = build_world(scenario, HandClock(scenario.start_at())).battery
    assert battery.params.capacity_wh == 27_000
    assert battery.soc_pct == pytest.approx(24)
    assert battery.app_soc_pct == pytest.approx(20)
    with pytest.raises(ConfigError, match="powerwalls is '99'; allowed is a whole number, 0 to 20"):
        parse_scenario("powerwalls: 99")
