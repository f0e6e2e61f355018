"""`sunbox whatif`: recorded days lived again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sunbox.app import REGISTRY
from sunbox.cli.whatif import files_of, happened, home_of
from sunbox.config.changes import change
from sunbox.core.commands import RequestKind
from sunbox.core.model import Mode, Override
from sunbox.errors import ConfigError, SunboxError
from sunbox.gateway.recorded import read_record, settings_in
from sunbox.simulator.bench.again import live_again


@pytest.fixture(scope="module")
def record(three_days):
    return read_record(sorted(three_days.folder.iterdir()))


def changed(settings, *changes):
    return change(settings, changes, path=None, registry=REGISTRY)


# The settings ---------------------------------------------------------------------------------------------------------


def test_a_key_changes_its_setting_and_nothing_else(record):
    recorded = record.settings
    old, new = changed(recorded, "loadpoints[0].start_delay_s=30", "blue.solar_share_pct=50", "site.voltage_v=235")
    assert old is recorded
    assert old.loadpoints[0].start_delay_s == 120.0
    loadpoint = new.loadpoints[0]
    assert (loadpoint.start_delay_s, loadpoint.solar_share_pct, new.site.voltage_v) == (30.0, 50.0, 235.0)
    assert (new.vehicles, new.meters, loadpoint.name) == (old.vehicles, old.meters, "Carport")


def test_modes_and_budgets_are_settings_too(record):
    _, new = changed(record.settings, "loadpoints.blue.mode=off", "vehicles[0].budget.commands_per_day=48")
    assert new.loadpoints[0].mode is Mode.OFF
    assert new.vehicles[0].budget.commands_per_day == 48


def test_what_a_meter_may_cost_is_one_too(record):
    (house,) = record.settings.meters
    priced = replace(house, is_cloud=True, price={RequestKind.DATA: 0.002, RequestKind.COMMAND: 0.001})
    _, new = changed(replace(record.settings, meters=(priced,)), f"{house.id}.budget.per_month=5")
    (meter,) = new.meters
    assert (meter.budget.per_month, meter.price) == (5.0, priced.price)
    at_home = replace(priced, is_cloud=False)  # of which only a hold costs
    _, new = changed(replace(record.settings, meters=(at_home,)), f"{house.id}.interval_s=7")
    assert new.meters == (replace(at_home, interval_s=7.0),)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            "blue.strat_delay_s=3",
            r"--set loadpoints\[0\]\.strat_delay_s: there is no such key; did you mean start_delay_s",
        ),
        ("blue.start_delay_s=9999", r"--set loadpoints\[0\]\.start_delay_s: 9999 is above 3600 s"),
        ("blue.start_delay_s=soon", r"--set loadpoints\[0\]\.start_delay_s: 'soon'"),
        ("blue.min_a=3", r"--set loadpoints\[0\]\.min_a: 3 is below 6 A"),
        ("blue.mode=pvv", "did you mean pv"),
        ("loadpoints[4].min_a=8", r"loadpoints\[4\] is not there; there are 1: blue"),
        ("loadpoints.red.min_a=8", r"loadpoints\.red is not there"),
        ("red.min_a=8", "there is no such"),
        ("min_a=8", "write a key of the configuration"),
        ("blue.min_a", "write a key of the configuration"),
        ("blue..min_a=8", "write a key of the configuration"),
        ("blue.min_a={a: 1}", "the value is no number, word, true or false"),
        ("site=3", "write a key of the configuration"),
        ("site.name.x=3", r"--set site\.name: a map is"),
    ],
)
def test_a_wrong_key_or_value_is_told_as_in_the_file(record, asked, told):
    with pytest.raises(ConfigError, match=told):
        changed(record.settings, asked)


FILE = """\
site: {timezone: Europe/Berlin}
places: [{name: Home, lat: 52.394, lon: 13.542, tags: [home, pv]}]
meters: [{id: house, driver: http, url: "http://192.168.0.20/em", grid_w: "$.grid"}]
vehicles: [{id: blue, driver: tesla, vin: LRW3F7EK4NC700000}]
loadpoints: [{id: carport, vehicle: blue, start_delay_s: 90}]
"""


def test_a_file_is_changed_where_one_is_named(record, tmp_path):
    path = tmp_path / "sunbox.yaml"
    path.write_text(FILE)
    asked = ["tesla.budget.commands_per_day=48", "carport.stop_delay_s=60"]
    old, new = change(record.settings, asked, path=path, registry=REGISTRY)
    assert (old.loadpoints[0].start_delay_s, new.loadpoints[0].start_delay_s) == (90.0, 90.0)
    assert (old.vehicles[0].budget.commands_per_day, new.vehicles[0].budget.commands_per_day) == (None, 48)
    assert (old.loadpoints[0].stop_delay_s, new.loadpoints[0].stop_delay_s) == (20.0, 60.0)
    with pytest.raises(ConfigError, match=r"--set tesla\.budget\.per_day: there is no such key"):
        change(record.settings, ["tesla.budget.per_day=1"], path=path, registry=REGISTRY)


# Living again ---------------------------------------------------------------------------------------------------------


def test_the_same_settings_bring_about_what_happened(record):
    real = happened(record)
    again = live_again(home_of(record), record.settings)
    assert again.charged_kwh == pytest.approx(real.charged_kwh, rel=0.05)
    assert again.solar_kwh == pytest.approx(real.solar_kwh, rel=0.05)
    assert abs(again.starts - real.starts) <= 0.4 * real.starts


def test_the_home_is_the_records(record):
    home = home_of(record)
    assert [(move.is_plugged, move.room_wh) for move in home.moves] == [(True, None), (False, None), (True, None)]
    assert [request.override for _, request in home.requests] == [None, Override.STOP, Override.NONE]
    assert home.interval_s == 10.0
    assert home.cars["blue"].max_a == 32


def test_a_car_takes_no_more_than_it_took_until_it_was_full(record):
    home = home_of(record)
    (plug, *_) = home.moves
    full = live_again(replace(home, moves=[replace(plug, room_wh=5000.0)]), record.settings)
    assert full.charged_kwh == pytest.approx(5.0, abs=0.1)
    away = live_again(replace(home, moves=[]), record.settings)
    assert (away.charged_kwh, away.starts) == (0.0, 0)


def test_waiting_longer_brings_less(record):
    home = home_of(record)
    _, late = changed(record.settings, "blue.start_delay_s=3600")
    now, later = live_again(home, record.settings), live_again(home, late)
    assert later.charged_kwh < now.charged_kwh
    assert later.starts <= now.starts


# The command ----------------------------------------------------------------------------------------------------------


def test_the_difference_is_printed_beside_what_happened(run, three_days):
    path = min(three_days.folder.iterdir())
    ran = run("whatif", "--journal", path, "--set", "blue.solar_share_pct=50")
    assert ran.code == 0
    assert "old, simulated" in ran.out
    assert "difference" in ran.out
    assert "off the record" in ran.out


def test_it_can_be_json(run, three_days):
    path = min(three_days.folder.iterdir())
    told = json.loads(run("whatif", "--journal", path, "--set", "blue.start_delay_s=120", "--json").out)
    assert told["old"] == told["new"]
    assert told["recorded"]["charged_kwh"] == pytest.approx(told["old"]["charged_kwh"], rel=0.05)
    assert told["days"] == 1.0


def test_a_mistake_is_told_before_anything_is_lived(run, three_days, tmp_path):
    ran = run("whatif", "--journal", three_days.folder, "--set", "blue.bla=1")
    assert (ran.code, "there is no such key" in ran.err) == (2, True)
    assert "there is no journal in it" in run("whatif", "--journal", tmp_path, "--set", "blue.min_a=8").err
    assert "no such file or folder" in run("whatif", "--journal", tmp_path / "x", "--set", "blue.min_a=8").err


def test_files_and_folders_are_journals(three_days, tmp_path):
    files = sorted(three_days.folder.iterdir())
    assert files_of([three_days.folder]) == files
    assert files_of([files[0], three_days.folder]) == files
    with pytest.raises(SunboxError):
        files_of([tmp_path])
    assert settings_in(files[0]).loadpoints[0].id == "blue"
