"""A right file becomes typed settings; a wrong one tells all its mistakes, each with place, value and advice."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from small_drivers import REGISTRY

from sunbox.app import REGISTRY as REAL
from sunbox.config import Registry, load
from sunbox.core.commands import RequestKind
from sunbox.core.model import Mode
from sunbox.core.settings import Budget, CircuitSettings, LoadpointSettings, PlaceSettings, SiteSettings
from sunbox.errors import ConfigError

GOOD = """\
site:
  name: Our house
  timezone: Europe/Berlin
  main_fuse_a: 35
places:
  - {name: Home, lat: 52.394, lon: 13.542, radius_m: 60, tags: [home, pv]}
  - {name: Work, lat: 52.5, lon: 13.4, tags: [work]}
car:
  account: secret/tokens.json
  wake_price: 0.5
  budget: {per_month: 2.00}
meters:
  - {id: house, driver: json, url: "http://192.168.0.20/em"}
  - {id: roof, driver: json, url: "http://192.168.0.21", interval_s: 2, kind: pv}
chargers:
  - {id: wall, driver: box, url: "http://192.168.0.75", name: Wallbox}
vehicles:
  - {id: model3, driver: car, vin: LRW3, capacity_kwh: 57.5, assume_place: Home, phases: auto}
  - {id: zoe, driver: free, vin: VF1}
loadpoints:
  - {id: carport, name: Carport, vehicle: model3, mode: off, min_a: 5, max_a: 16}
  - {id: garage, charger: wall, vehicle: zoe, phases: 3, place: Work}
faces:
  port: 5050
  box: [{loadpoint: carport, port: 5001}]
  broker: {url: "mqtt://127.0.0.1"}
journal: {folder: log, keep_days: 7}
store: sqlite:///state/sunbox.db
"""


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="sunbox.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


def problems(path, registry=REGISTRY, environ=None):
    with pytest.raises(ConfigError) as caught:
        load(path, registry, environ or {})
    return [problem.removeprefix(str(path) + ":") for problem in caught.value.problems]


def test_a_right_file_becomes_settings(write, tmp_path):
    write("{}", "secret/tokens.json").chmod(0o600)
    config = load(write(GOOD), REGISTRY, {})
    settings = config.settings
    assert settings.site.timezone == ZoneInfo("Europe/Berlin")
    assert (settings.site.name, settings.site.main_fuse_a, settings.site.voltage_v) == ("Our house", 35.0, 230.0)
    assert settings.places[0] == PlaceSettings(
        name="Home", lat=52.394, lon=13.542, radius_m=60.0, tags=frozenset({"home", "pv"})
    )
    assert settings.places[1].radius_m == 50.0
    assert [(meter.id, meter.interval_s) for meter in settings.meters] == [("house", 10.0), ("roof", 2.0)]
    model3, zoe = settings.vehicles
    assert (model3.name, model3.vin, model3.capacity_wh, model3.phases) == ("model3", "LRW3", 57_500.0, None)
    assert model3.budget == Budget(per_month=2.0, wakes_per_day=8)
    assert list(model3.capabilities.price.values()) == [0.5]
    assert zoe.budget == Budget()
    assert settings.chargers[0].name == "Wallbox"
    carport, garage = settings.loadpoints
    assert (carport.vehicle_id, carport.charger_id, carport.mode, carport.min_a) == ("model3", None, Mode.OFF, 5)
    assert (garage.charger_id, garage.vehicle_id, garage.phases, garage.place) == ("wall", "zoe", 3, "Work")
    assert (garage.name, garage.mode, garage.start_delay_s, garage.stop_delay_s) == ("garage", Mode.PV, 30.0, 20.0)
    assert config.accounts["car"].account == tmp_path / "secret/tokens.json"
    assert [(meter.id, meter.driver, meter.settings.url) for meter in config.meters][1] == (
        "roof",
        "json",
        "http://192.168.0.21",
    )
    assert (config.faces.listen, config.faces.port, config.faces.is_loopback) == ("127.0.0.1", 5050, True)
    assert config.faces.by_name["box"][0].port == 5001
    assert config.faces.by_name["broker"][0].url == "mqtt://127.0.0.1"
    assert (config.journal.folder, config.journal.keep_days) == (tmp_path / "log", 7)
    assert config.store_path == tmp_path / "state/sunbox.db"
    assert config.warnings == ()


def test_an_empty_file_is_all_defaults_and_some_warnings(write, tmp_path):
    config = load(write(""), REGISTRY, {"TZ": "Europe/Paris"})
    assert config.settings.site.timezone == ZoneInfo("Europe/Paris")
    assert config.store_path == tmp_path / "sunbox.db"
    assert config.journal.folder == tmp_path / "journal"
    assert config.accounts == {}
    told = "\n".join(config.warnings)
    assert "Europe/Paris" in told
    assert "no meter is written" in told
    assert "no loadpoint is written" in told


def test_a_meter_that_is_read_rarely_should_not_stand_first(write):
    meters = "meters:\n  - {id: far, driver: power, url: x, cloud: true}\n  - {id: near, driver: power, url: y}\n"
    config = load(write(meters), REGISTRY, {})
    assert [meter.is_cloud for meter in config.settings.meters] == [True, False]
    assert "far stands first and is read rarely" in "\n".join(config.warnings)
    config = load(write(meters.replace("cloud: true", "cloud: false")), REGISTRY, {})
    assert "stands first" not in "\n".join(config.warnings)


NOTHING = {RequestKind.DATA: 0.0, RequestKind.COMMAND: 0.0}
COSTS = [
    ("", "driver: powerwall, site: 1", NOTHING, Budget(per_month=2.0, wakes_per_day=8)),
    ("tesla: {budget: {per_month: 7}}", "driver: powerwall, site: 1", NOTHING, Budget(per_month=7.0, wakes_per_day=8)),
    (
        "tesla: {budget: {per_month: 7}}",
        "driver: powerwall, site: 1, prices: {data: 0.002}, budget: {per_month: 5, burst: 2}",
        {RequestKind.DATA: 0.002, RequestKind.COMMAND: 0.0},
        Budget(per_month=5.0, burst=2.0, wakes_per_day=8),
    ),
    (
        "",
        'driver: powerwall, site: 1, proxy: "http://192.168.0.9:8675", prices: {command: 0.001}',
        {RequestKind.DATA: 0.0, RequestKind.COMMAND: 0.001},
        Budget(per_month=2.0, wakes_per_day=8),
    ),
    ("", 'driver: powerwall, proxy: "http://192.168.0.9:8675"', {}, Budget(per_month=2.0, wakes_per_day=8)),
    ("", 'driver: http, url: "http://192.168.0.9/em", grid_w: $.w', {}, Budget()),
    ("", 'driver: http, url: "http://192.168.0.9/em", grid_w: $.w, cloud: true', NOTHING, Budget()),
]


@pytest.mark.parametrize(("account", "meter", "price", "budget"), COSTS)
def test_what_asking_a_meter_costs_and_may_cost(write, account, meter, price, budget):
    config = load(write(f"{account}\nmeters:\n  - {{id: m, {meter}}}\n"), REAL, {})
    (found,) = config.settings.meters
    assert found.price == price
    assert found.budget == budget


def test_keys_with_nothing_behind_them_are_not_written(write):
    text = "site:\n  name:\n  timezone: Europe/Berlin\nplaces:\nfaces:\n  box:\njournal:\n  enabled:\n"
    config = load(write(text), REGISTRY, {})
    assert config.settings.site.name == "Home"
    assert config.journal.folder is not None


def test_the_journal_can_stay_in_memory(write):
    assert load(write("journal: {enabled: false}"), REGISTRY, {}).journal.folder is None


def test_an_account_without_keys_is_made_for_a_vehicle_that_needs_it(write, tmp_path):
    text = "vehicles:\n  - {id: a, driver: car, vin: X}\nloadpoints:\n  - {id: l, vehicle: a, mode: now}\n"
    config = load(write(text), REGISTRY, {})
    assert config.accounts["car"].account == tmp_path / "tokens.json"
    assert config.settings.vehicles[0].budget == Budget(per_month=2.0, wakes_per_day=8)


NEW_HOME = """\
site:
  timezone: Europe/Berlin
  unbalanced_a: 20
  target_grid_w: -80
  tolerance_w: 30
  battery_priority_soc_pct: 40
  battery_buffer_soc_pct: 80
  battery_charge_max_w: 5000
  battery_hold: true
meters:
  - {id: house, driver: json, url: x}
  - {id: yard-meter, driver: json, url: x}
chargers:
  - {id: wall, driver: box, url: x}
vehicles:
  - {id: zoe, driver: free, vin: VF1}
circuits:
  - {id: garage, parent: yard, max_w: 11000}
  - {id: yard, max_a: 25.5, max_w: 15000, meter: yard-meter, safe_a: 8}
loadpoints:
  - id: left
    charger: wall
    circuit: garage
    mode: min_pv
    first_phase: 2
    priority: 3
    min_run_s: 300
    min_pause_s: 240
    overhead_w: 250
    phase_up_delay_s: 90
    phase_down_delay_s: 45
    phase_switches_per_session: 0
  - {id: right, vehicle: zoe, circuit: yard}
"""


def test_circuits_and_limits_become_settings(write):
    config = load(write(NEW_HOME), REGISTRY, {})
    assert config.warnings == ()
    assert config.settings.site == SiteSettings(
        timezone=ZoneInfo("Europe/Berlin"),
        unbalanced_a=20.0,
        target_grid_w=-80.0,
        tolerance_w=30.0,
        battery_priority_soc_pct=40.0,
        battery_buffer_soc_pct=80.0,
        battery_charge_max_w=5000.0,
        battery_hold=True,
    )
    assert config.settings.circuits == (
        CircuitSettings(id="garage", parent="yard", max_w=11_000.0),
        CircuitSettings(id="yard", max_a=25.5, max_w=15_000.0, meter="yard-meter", safe_a=8),
    )
    assert config.settings.loadpoints[0] == LoadpointSettings(
        id="left",
        name="left",
        charger_id="wall",
        mode=Mode.MIN_PV,
        circuit="garage",
        first_phase=2,
        priority=3,
        min_run_s=300.0,
        min_pause_s=240.0,
        overhead_w=250.0,
        phase_up_delay_s=90.0,
        phase_down_delay_s=45.0,
        phase_switches_per_session=0,
    )


def test_what_is_not_written_is_what_the_core_takes_for_granted(write):
    text = "site: {timezone: UTC}\nvehicles: [{id: c, driver: free, vin: x}]\ncircuits: [{id: y, max_a: 9}]\n"
    settings = load(write(text + "loadpoints: [{id: a, vehicle: c, circuit: y}]"), REGISTRY, {}).settings
    assert settings.site == SiteSettings(timezone=ZoneInfo("UTC"))
    assert settings.circuits == (CircuitSettings(id="y", max_a=9.0),)
    assert settings.loadpoints == (LoadpointSettings(id="a", name="a", vehicle_id="c", circuit="y"),)


def test_what_is_safe_unseen_is_never_more_than_a_small_fuse_carries(write):
    (circuit,) = load(write("circuits: [{id: a, max_a: 5.5}]"), REGISTRY, {}).settings.circuits
    assert circuit.safe_a == 5


BUDGETS = [
    ("car: {budget: {per_month: unlimited}}", "", Budget(wakes_per_day=8)),
    ("car: {budget: {per_month: 0}}", "", Budget(per_month=0.0, wakes_per_day=8)),
    (
        "car: {budget: {per_month: 3}}",
        ", budget: {commands_per_day: 9}",
        Budget(per_month=2.0, commands_per_day=9, wakes_per_day=8),
    ),
    ("", ", budget: {per_month: unlimited, burst: 2}", Budget(burst=2.0, wakes_per_day=8)),
    ("", ", budget: {per_month: unlimited, wakes_per_day: unlimited}", Budget()),
]


@pytest.mark.parametrize(("account", "own", "budget"), BUDGETS)
def test_a_vehicle_has_its_own_budget_or_its_accounts(write, account, own, budget):
    text = f"{account}\nvehicles:\n  - {{id: a, driver: car, vin: X{own}}}\n"
    assert load(write(text), REGISTRY, {}).settings.vehicles[0].budget == budget


def test_places_come_from_a_geofence_file_in_its_stead(write):
    write("Alpha bad Omega", "fence.csv")
    text = "places:\n  - {name: First, lat: 1, lon: 1}\n  - geofence: fence.csv\n  - {name: Last, lat: 1, lon: 1}\n"
    config = load(write(text), REGISTRY, {})
    assert [place.name for place in config.settings.places] == ["First", "Alpha", "bad", "Omega", "Last"]
    assert any("places[1].geofence: fence.csv:2: no comma" in warning for warning in config.warnings)


CAR = "vehicles: [{id: c, driver: car, vin: x}]\n"

MISTAKES = [
    (
        "site: {voltage_v: 23}",
        "1:19 site.voltage_v: 23 is below 100 V; allowed is 100 to 260 V (phase to neutral, until",
    ),
    ("site: {main_fuse_a: 0}", "1:21 site.main_fuse_a: 0 is not above 0 A; allowed is more than 0 to 1000 A"),
    ("site: {phases: 4}", "1:16 site.phases: 4 is above 3; allowed is 1 to 3"),
    ("site: {phases: 2.5}", "1:16 site.phases: 2.5 is not a whole number"),
    ("site: {phases: '3'}", "1:16 site.phases: '3' is not a whole number, without quotes"),
    ("site: {phases: true}", "1:16 site.phases: true is not a whole number"),
    ("site: {voltage_v: .nan}", "1:19 site.voltage_v: nan is not a finite number"),
    ("site: {name: 5}", "1:14 site.name: 5 is not a word; put it in quotes"),
    ("site: {name: ''}", "1:14 site.name: '' is too short; allowed is 1 to 60 characters"),
    ("site: {main_fuse: 35}", "1:8 site.main_fuse: there is no such key; did you mean main_fuse_a?"),
    ("site: {zzz: 1}", "1:8 site.zzz: there is no such key; known are battery_buffer_soc_pct, "),
    ("site: [1]", "1:7 site: a list is not a map"),
    (
        "site: {timezone: Europe/Berlim}",
        "1:18 site.timezone: 'Europe/Berlim' is no time zone; did you mean Europe/Berlin?",
    ),
    ("site: {timezone: Mars}", "1:18 site.timezone: 'Mars' is no time zone; "),
    ("vehicels: []", "1:1 vehicels: there is no such key; did you mean vehicles?"),
    ("[1]", "1:1: a list is not a map"),
    ("places: {name: Home}", "1:9 places: a map is not a list: items that begin with -"),
    ("places: [5]", "1:10 places[0]: 5 is not a map"),
    ("places: [{name: H, lat: 95, lon: 1}]", "1:25 places[0].lat: 95 is above 90; allowed is -90 to 90 (latitude in"),
    ("places: [{name: H, lat: 5}]", "1:10 places[0].lon: is missing; allowed is -180 to 180 (longitude in degrees)"),
    ("places: [{name: H, lat: 5, lon: 1, tags: home}]", "1:42 places[0].tags: 'home' is not a list"),
    ("places: [{name: H, lat: 5, lon: 1, tags: [3]}]", "1:43 places[0].tags[0]: 3 is not a word"),
    ("places: [{geofence: gone.csv}]", "gone.csv cannot be read: No such file or directory"),
    (
        "places: [{name: H, lat: 5, lon: 1}, {name: H, lat: 6, lon: 1}]",
        "1:37 places[1]: there are two places named 'H'; rename one",
    ),
    ("meters: [{id: a, url: x}]", "1:10 meters[0].driver: is missing (which driver reaches it)"),
    (
        "meters: [{id: a, driver: jsn, url: x}]",
        "1:26 meters[0].driver: 'jsn' is no driver of meters; known are json, power; did you mean json?",
    ),
    ("meters: [{id: a, driver: [x], url: x}]", "1:26 meters[0].driver: a list is not a word"),
    ("meters: [{id: A b, driver: json, url: x}]", "1:15 meters[0].id: 'A b' is not allowed (its name in this file"),
    ("meters: [{id: a, driver: json}]", "1:10 meters[0].url: is missing (where it answers)"),
    ("meters: [{id: a, driver: json, ulr: x}]", "1:32 meters[0].ulr: there is no such key; did you mean url?"),
    ("meters: [{id: a, driver: json, url: x, kind: gird}]", "'gird' is none of grid, pv; did you mean grid?"),
    ("meters: [{id: a, driver: json, url: nowhere, kind: pv}]", "1:10 meters[0]: a pv meter is somewhere"),
    ("meters: [{id: a, driver: json, url: x, interval_s: 0.2}]", "meters[0].interval_s: 0.2 is below "),
    ("meters: [{id: a, driver: json, url: x, login: {usr: y}}]", "meters[0].login.usr: there is no such key; did you"),
    (
        "meters: [{id: a, driver: json, url: x}]\nchargers: [{id: a, driver: box, url: x}]",
        "2:17 chargers[0].id: the id a stands twice (first in line 1); rename one",
    ),
    (
        "vehicles: [{id: a, driver: car, vin: x}, {id: b, driver: car, vin: X}]",
        "vehicles[1].vin: this car is written twice (first in line 1); it may have several loadpoints",
    ),
    (
        "vehicles: [{id: a, driver: car, vin: x, assume_place: Hom}]\nplaces: [{name: Home, lat: 1, lon: 1}]",
        "1:55 vehicles[0].assume_place: there is no place 'Hom'; known are Home; did you mean Home?",
    ),
    ("car: {budget: {per_mnth: 2}}", "1:16 car.budget.per_mnth: there is no such key; did you mean per_month?"),
    ("car: {budget: {per_month: -1}}", "1:27 car.budget.per_month: -1 is below 0; allowed is 0 or more"),
    ("car: {budget: {per_month: never}}", "1:27 car.budget.per_month: 'never' is not a number"),
    (
        "meters: [{id: m, driver: power, url: x, prices: {data: 0.002}}]",
        "1:49 meters[0].prices: nothing is paid for m, which is read at home; leave it out, or write cloud: true",
    ),
    (
        "meters: [{id: m, driver: power, url: x, budget: {per_month: 5}}]",
        "1:49 meters[0].budget: nothing is paid for m, which is read at home",
    ),
    (
        "meters: [{id: m, driver: power, url: x, cloud: true, prices: {data: -1}}]",
        "1:69 meters[0].prices.data: -1 is below 0; allowed is 0 to 100",
    ),
    (
        "meters: [{id: m, driver: power, url: x, cloud: true, prices: {wake: 1}}]",
        "1:63 meters[0].prices.wake: there is no such key; known are command, data",
    ),
    ("car: {acount: x}", "1:7 car.acount: there is no such key; did you mean account?"),
    ("car: 5", "1:6 car: 5 is not a map"),
    ("loadpoints: [{id: a}]", "1:14 loadpoints[0]: has neither vehicle nor charger; add one (vehicles: none)"),
    ("loadpoints: [{id: a, vehicle: b}]", "1:31 loadpoints[0].vehicle: there is no vehicle 'b'; known are none"),
    ("loadpoints: [{id: a, charger: b}]", "1:31 loadpoints[0].charger: there is no charger 'b'; known are none"),
    ("loadpoints: [{id: 1a, charger: b}]", "loadpoints[0].id: '1a' is not allowed"),
    ("loadpoints: [{id: a, mode: pvv}]", "loadpoints[0].mode: 'pvv' is none of off, now, min_pv, pv; did you mean pv?"),
    ("loadpoints: [{id: a, phases: four}]", "loadpoints[0].phases: 'four' is not a whole number"),
    ("loadpoints: [{id: a, place: X}]", "loadpoints[0].place: there is no place 'X'; known are none"),
    (
        "loadpoints: [{id: a, min_a: 16, max_a: 10}]",
        "1:29 loadpoints[0].min_a: 16 A is more than max_a, 10 A; lower it, or raise max_a",
    ),
    (
        "vehicles: [{id: c, driver: car, vin: x}]\nloadpoints: [{id: a, vehicle: c, min_a: 3}]",
        "2:41 loadpoints[0].min_a: 3 is below 5 A (the least that c charges with); use 5 or more",
    ),
    (
        "vehicles: [{id: c, driver: car, vin: x}]\nloadpoints: [{id: a, vehicle: c, min_a: 20}]",
        "2:41 loadpoints[0].min_a: 20 is above 16 A (the most that c charges with); use less",
    ),
    (
        "chargers: [{id: c, driver: box, url: x}]\nloadpoints: [{id: a, charger: c}, {id: b, charger: c}]",
        "2:52 loadpoints[1].charger: c is already at loadpoint a; remove one of them",
    ),
    (
        "vehicles: [{id: c, driver: car, vin: x}]\nloadpoints: [{id: a, vehicle: c}, {id: b, vehicle: c}]",
        "2:52 loadpoints[1].vehicle: c is already at loadpoint a; remove one of them",
    ),
    (
        "site: {battery_priority_soc_pct: 50, battery_buffer_soc_pct: 40}",
        "1:62 site.battery_buffer_soc_pct: 40 % is below battery_priority_soc_pct, 50 %: below that the battery gives",
    ),
    (
        "site: {battery_hold: 1}",
        "1:22 site.battery_hold: 1 is not true or false (whether the home battery is kept from",
    ),
    (
        "site: {battery_charge_max_w: 0}",
        "site.battery_charge_max_w: 0 is not above 0 W; allowed is more than 0 to 100000 W",
    ),
    (
        "site: {unbalanced_a: 0}",
        "1:22 site.unbalanced_a: 0 is not above 0 A; allowed is more than 0 to 100 A (most that one",
    ),
    ("site: {target_grid_w: 6000}", "1:23 site.target_grid_w: 6000 is above 5000 W; allowed is -5000 to 5000 W"),
    ("site: {target_grid_w: -5001}", "1:23 site.target_grid_w: -5001 is below -5000 W"),
    ("site: {tolerance_w: -1}", "1:21 site.tolerance_w: -1 is below 0 W; allowed is 0 to 1000 W"),
    (
        "site: {value_per_kwh: 11}",
        "1:23 site.value_per_kwh: 11 is above 10; allowed is 0 to 10 (money that a kWh of sun in the car is worth more than",
    ),
    ("loadpoints: [{id: a, priority: -1}]", "1:32 loadpoints[0].priority: -1 is below 0; allowed is 0 to 100"),
    ("loadpoints: [{id: a, priority: high}]", "loadpoints[0].priority: 'high' is not a whole number"),
    ("loadpoints: [{id: a, min_run_s: 5000}]", "loadpoints[0].min_run_s: 5000 is above 3600 s; allowed is 0 to 3600 s"),
    ("loadpoints: [{id: a, phase_up_delay: 9}]", "there is no such key; did you mean phase_up_delay_s?"),
    ("loadpoints: [{id: a, first_phase: 4}]", "1:35 loadpoints[0].first_phase: 4 is above 3; allowed is 1 to 3"),
    (
        "site: {phases: 1}\nloadpoints: [{id: a, first_phase: 2}]",
        "2:35 loadpoints[0].first_phase: there is no phase 2: the site has 1 phase (site.phases); leave it out",
    ),
    (
        "site: {phases: 1}\nloadpoints: [{id: a, phases: 3}]",
        "2:30 loadpoints[0].phases: 3 is too many: the site has 1 phase (site.phases); lower it, or write site.phases",
    ),
    ("loadpoints: [{id: a, circuit: b}]", "1:31 loadpoints[0].circuit: there is no circuit 'b'; known are none"),
    ("circuits: {id: a}", "1:11 circuits: a map is not a list"),
    (
        "circuits: [{max_a: 5}]",
        "1:12 circuits[0].id: is missing (its name, to which loadpoints and other circuits refer",
    ),
    (
        "circuits: [{id: a}]",
        "1:12 circuits[0]: has neither max_a nor max_w; write what its fuse carries, such as max_a: 20",
    ),
    ("circuits: [{id: a, max_a: 0}]", "1:27 circuits[0].max_a: 0 is not above 0 A; allowed is more than 0 to 1000 A"),
    ("circuits: [{id: a, max_A: 5}]", "1:20 circuits[0].max_A: there is no such key; did you mean max_a?"),
    (
        "circuits: [{id: yard, max_a: 9}, {id: b, max_w: 9000, parent: yrad}]",
        "1:63 circuits[1].parent: there is no circuit 'yrad'; known are yard, b; did you mean yard?",
    ),
    ("circuits: [{id: a, max_a: 9, meter: m}]", "1:37 circuits[0].meter: there is no meter 'm'; known are none"),
    (
        "meters: [{id: m, driver: json, url: x}]\ncircuits: [{id: a, max_a: 9, meter: n}]",
        "2:37 circuits[0].meter: there is no meter 'n'; known are m",
    ),
    (
        "meters: [{id: m, driver: json, url: x}]\ncircuits: [{id: a, max_a: 9, meter: m}, {id: b, max_a: 9, meter: m}]",
        "2:66 circuits[1].meter: m already measures another circuit (line 2); one meter measures one place",
    ),
    (
        "meters: [{id: m, driver: power, url: x, pv_w: y}]\ncircuits: [{id: a, max_a: 9, meter: m}]",
        "2:37 circuits[0].meter: m has no grid_w: write there what flows through the circuit, + = to the cars",
    ),
    (
        "circuits: [{id: a, max_a: 9, safe_a: 10}]",
        "1:38 circuits[0].safe_a: 10 A is more than max_a, 9 A; lower it to what is safe unseen",
    ),
    (
        "circuits: [{id: a, max_a: 9, parent: a}]",
        "1:38 circuits[0].parent: a would feed itself: a → a; leave out the parent",
    ),
    (
        "circuits: [{id: x, max_a: 9, parent: a}, {id: a, max_a: 9, parent: b}, {id: b, max_a: 9, parent: a}]",
        "1:68 circuits[1].parent: a would feed itself: a → b → a; leave out the parent of the one at the main fuse",
    ),
    (
        "chargers: [{id: a, driver: box, url: x}]\ncircuits: [{id: a, max_a: 9}]",
        "2:17 circuits[0].id: the id a stands twice (first in line 1); rename one",
    ),
    (
        "circuits: [{id: a, max_a: 9}, {id: a, max_a: 8}]",
        "1:36 circuits[1].id: the id a stands twice (first in line 1); rename one",
    ),
    (
        CAR + "circuits: [{id: y, max_a: 9}]\nloadpoints: [{id: a, vehicle: c, min_a: 10, circuit: y}]",
        "3:41 loadpoints[0].min_a: 10 A is more than circuit y allows, 9 A on one phase: it could never charge; lower it",
    ),
    (
        CAR
        + "circuits: [{id: y, max_w: 1000}, {id: z, parent: y, max_a: 9}]\nloadpoints: [{id: a, vehicle: c, circuit: z}]",
        "3:43 loadpoints[0].circuit: needs 5 A at least, more than circuit y with its 1000 W allows, 4.3 A on one phase",
    ),
    (
        CAR + "site: {main_fuse_a: 4}\nloadpoints: [{id: a, vehicle: c}]",
        "3:19 loadpoints[0].id: needs 5 A at least, more than the main fuse allows, 4 A on one phase: it could never charge",
    ),
    (
        CAR + "site: {main_fuse_a: 8}\nloadpoints: [{id: a, vehicle: c, min_a: 10}]",
        "3:41 loadpoints[0].min_a: 10 A is more than the main fuse allows, 8 A on one phase",
    ),
    (
        CAR + "site: {unbalanced_a: 4}\nloadpoints: [{id: a, vehicle: c, phases: 1}]",
        "3:42 loadpoints[0].phases: needs 5 A at least, more than site.unbalanced_a allows, 4 A on one phase",
    ),
    ("faces: {listen: 0.0.0.0}", "1:17 faces.listen: '0.0.0.0' can be reached by other machines; add faces.password"),
    ("faces: {port: 70000}", "1:15 faces.port: 70000 is above 65535; allowed is 1 to 65535"),
    ("faces: {password: short}", "1:19 faces.password: is too short; allowed is at least 8 characters"),
    ("faces: {brokr: {}}", "1:9 faces.brokr: there is no such key; did you mean broker?"),
    ("faces: {box: {loadpoint: a}}", "1:14 faces.box: a map is not a list"),
    ("faces: {broker: [1]}", "1:17 faces.broker: a list is not a map"),
    ("faces: {box: [{loadpoint: a, port: 5001}]}", "1:27 faces.box[0].loadpoint: there is no loadpoint 'a'; known are"),
    (
        "faces: {box: [{loadpoint: a, port: 5000}]}",
        "1:36 faces.box[0].port: 5000 is already taken by faces.port; use another port",
    ),
    ("faces: 5", "1:8 faces: 5 is not a map"),
    ("journal: {keep_days: 0}", "1:22 journal.keep_days: 0 is below 1 days; allowed is 1 to 3650 days"),
    ("journal: {enabled: on}", "1:20 journal.enabled: 'on' is not true or false"),
    ("store: postgres://x", "1:8 store: 'postgres://x' is no store; write sqlite:///FILE, such as sqlite:///sunbox.db"),
    ("store: 5", "1:8 store: 5 is no store"),
    ("store: 'postgres://me:geheim@host'", "1:8 store: 'postgres://…@host' is no store"),
    ("a: [", "1:5: while parsing a flow node"),
    ("site: {name: a}\nsite: {name: b}", "2:1: site stands twice (first in line 1); remove one"),
]


@pytest.mark.parametrize(("text", "problem"), MISTAKES, ids=[problem[:60] for _, problem in MISTAKES])
def test_a_mistake_is_told_with_place_value_and_advice(write, text, problem):
    found = problems(write(text))
    assert any(problem in line for line in found), found


ALL_AT_ONCE = """\
site:
  timezone: Europe/Berlim
  voltage_v: 23
places:
  - {name: Home, lat: 95, lon: "13.5"}
meters:
  - {id: house, driver: htp}
vehicles:
  - {id: model3, driver: car, vin: 3}
loadpoints:
  - {id: carport, vehicle: model3, mode: pvv, place: Home}
  - {id: carport, vehicle: model4, min_a: 3, max_a: 2}
faces: {listen: 0.0.0.0, port: true}
"""


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(write):
    found = problems(write(ALL_AT_ONCE))
    places = [tuple(int(number) for number in line.partition(" ")[0].split(":")[:2]) for line in found]
    assert places == sorted(places)
    assert [line.partition(" ")[2].partition(":")[0] for line in found] == [
        "site.timezone",
        "site.voltage_v",
        "places[0].lat",
        "places[0].lon",
        "meters[0].driver",
        "vehicles[0].vin",
        "loadpoints[0].mode",
        "loadpoints[1].id",
        "loadpoints[1].vehicle",
        "loadpoints[1].min_a",
        "faces.listen",
        "faces.port",
    ]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_one_mistake_brings_no_second_complaint_about_the_same_key(write, number):
    found = problems(write(MISTAKES[number][0]))
    where = [line.partition(": ")[0] for line in found]
    assert len(where) == len(set(where))


SECRETS = [
    ("geheim-geheim", {}, "geheim-geheim"),
    ("env:PASSWORD", {"PASSWORD": "geheim-geheim"}, "geheim-geheim"),
    ("file:password.txt", {}, "aus der Datei"),
    ("credential:pw", {"CREDENTIALS_DIRECTORY": "."}, "aus systemd"),
]


@pytest.mark.parametrize(("written", "environ", "value"), SECRETS)
def test_secrets_come_from_the_file_or_from_where_it_says(write, tmp_path, written, environ, value):
    write("aus der Datei\n", "password.txt")
    write("aus systemd\n", "pw")
    environ = {key: str(tmp_path) if text == "." else text for key, text in environ.items()}
    text = f"faces: {{listen: 0.0.0.0, password: '{written}'}}\n"
    text += f"meters: [{{id: a, driver: json, url: x, headers: {{key: '{written}'}}, login: {{user: u, password: '{written}'}}}}]"
    config = load(write(text), REGISTRY, environ)
    assert config.faces.password.get_secret_value() == value
    assert config.meters[0].settings.headers["key"].get_secret_value() == value
    assert config.meters[0].settings.login.password.get_secret_value() == value
    assert value not in repr(config)


REFERENCES = [
    ("env:NOPE", "1:19 faces.password: the environment variable NOPE is not set"),
    ("credential:x", "1:19 faces.password: the environment variable CREDENTIALS_DIRECTORY is not set"),
    ("file:gone", "1:19 faces.password: file:gone cannot be read: No such file or directory"),
    ("file:empty", "1:19 faces.password: file:empty is empty"),
    ("file:binary", "1:19 faces.password: file:binary cannot be read: it is not written in UTF-8"),
]


@pytest.mark.parametrize(("written", "problem"), REFERENCES)
def test_a_reference_that_leads_nowhere_is_the_only_complaint(write, tmp_path, written, problem):
    write("", "empty")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (found,) = problems(write(f"faces: {{password: '{written}', listen: 0.0.0.0}}"))
    assert problem in found


def test_no_secret_is_ever_shown(write):
    text = (
        "faces: {password: hushhus}\n"
        "meters: [{id: a, driver: json, url: x, headers: {key: 12345678901}, login: {password: [hushhush], user: u}}]\n"
    )
    found = "\n".join(problems(write(text)))
    assert "password" in found
    assert "hush" not in found
    assert "12345678901" not in found


def test_a_file_that_is_not_there_is_one_problem(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file"):
        load(tmp_path / "gone.yaml", REGISTRY, {})


def test_a_folder_or_binary_file_is_one_problem(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in (".", "binary"):
        with pytest.raises(ConfigError, match="cannot be read"):
            load(tmp_path / name, REGISTRY, {})


def test_geofence_files_need_a_parser(write):
    write("x", "fence.csv")
    (found,) = problems(write("places: [{geofence: fence.csv}]"), Registry())
    assert "write the place as name, lat, lon" in found


CAR_ROW = "vehicles: [{id: c, driver: car, vin: x}]\nloadpoints: [{id: a, vehicle: c"


def warnings(path):
    return "\n".join(load(path, REGISTRY, {"TZ": "UTC"}).warnings)


def test_a_warning_tells_that_nothing_says_where_the_sun_may_charge(write):
    no_pv = "places: [{name: Home, lat: 1, lon: 1, tags: [home]}]\n"
    assert "no place has the tag pv: c will not" in warnings(write(no_pv + CAR_ROW + "}]"))
    assert "tag pv" not in warnings(write(no_pv.replace("[home]", "[tlwb]") + CAR_ROW + "}]"))
    assert "tag pv" not in warnings(write(no_pv + CAR_ROW + ", mode: now}]"))


def test_a_warning_tells_an_account_file_that_others_can_read(write, tmp_path):
    path = write(CAR_ROW + "}]")
    tokens = tmp_path / "tokens.json"
    assert f"car.account: {tokens} is not there yet" in warnings(path)
    tokens.write_text("{}")
    tokens.chmod(0o644)
    assert f"run: chmod 600 {tokens}" in warnings(path)
    tokens.chmod(0o600)
    assert "tokens.json" not in warnings(path)


def test_a_warning_tells_devices_that_nothing_uses(write):
    found = warnings(write("vehicles: [{id: c, driver: free, vin: x}]\nchargers: [{id: w, driver: box, url: x}]"))
    assert "vehicles[0].id: c is at no loadpoint" in found
    assert "chargers[0].id: w is at no loadpoint" in found


YARD = "circuits: [{id: y, max_a: 10, meter: m}]\n"
METER = "meters: [{id: m, driver: json, url: x}]\n"
TWO_BOXES = "chargers: [{id: v, driver: box, url: x}, {id: w, driver: box, url: x}]\n"
BELOW = "circuits: [{id: z, parent: y, max_a: 20}, {id: y, max_a: 10}]\n"

OVERSIGHTS = [
    ("site: {phases: 1, unbalanced_a: 20}", "1:33 site.unbalanced_a: does nothing, as the site has one phase"),
    (
        METER + YARD,
        "1:9 meters: every meter is that of a circuit, none is the house's: nothing will charge from the sun",
    ),
    (METER.replace("x}", "x, pv_w: y}") + YARD, "1:46 meters[0].pv_w: does not count, as m is the meter of a circuit"),
    (METER + YARD, "2:17 circuits[0].id: y feeds no loadpoint; name it at one (circuit: y)"),
    ("circuits: [{id: y, max_a: 10, safe_a: 6}]", "1:39 circuits[0].safe_a: does nothing without a meter"),
    (
        TWO_BOXES + BELOW + "loadpoints: [{id: a, charger: v, circuit: y}, {id: b, charger: w, circuit: z}]",
        "2:58 circuits[1].max_a: a, b need 12 A at least to charge at the same time; they will take turns",
    ),
]


@pytest.mark.parametrize(("text", "warning"), OVERSIGHTS)
def test_a_warning_tells_limits_and_meters_that_are_probably_not_meant(write, text, warning):
    assert warning in warnings(write(text))


ENOUGH = [
    "{id: a, charger: v, phases: 1, first_phase: 1, circuit: y}, {id: b, charger: w, phases: 1, first_phase: 2, circuit: y}",
    "{id: a, charger: v, vehicle: c, circuit: y}, {id: b, vehicle: c, circuit: y}",
    "{id: a, charger: v, circuit: y}, {id: b, charger: w}",
]


@pytest.mark.parametrize("rows", ENOUGH)
def test_loadpoints_that_share_no_phase_no_car_or_no_circuit_take_no_turns(write, rows):
    assert "take turns" not in warnings(write(CAR + TWO_BOXES + BELOW + f"loadpoints: [{rows}]"))


@pytest.mark.parametrize(
    ("listen", "is_loopback"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("::", False), ("nas", False)]
)
def test_only_other_machines_need_a_password(write, listen, is_loopback):
    config = load(write(f"faces: {{listen: '{listen}', password: long enough}}"), REGISTRY, {})
    assert config.faces.is_loopback is is_loopback
    if not is_loopback:
        assert problems(write(f"faces: {{listen: '{listen}'}}"))


def test_the_home_folder_may_be_written_as_a_tilde(write):
    config = load(write("store: sqlite:///~/x.db"), REGISTRY, {})
    assert config.store_path == Path.home() / "x.db"
