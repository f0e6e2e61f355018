"""`sunbox check`: every mistake at once, then each device is tried."""

import asyncio

import pytest

from sunbox.cli.check import Probed, probe_all
from sunbox.errors import SunboxError
from sunbox.simulator.clock import VirtualTimeLoop, run_in

GOOD = """\
site: {timezone: Europe/Berlin}
places: [{name: Home, lat: 52.4, lon: 13.5, tags: [home, pv]}]
meters: [{id: house, driver: http, url: "http://127.0.0.1:9/em", grid_w: "$.power"}]
vehicles: [{id: model3, driver: tesla, vin: LRW3F7EK4NC700000}]
loadpoints: [{id: carport, vehicle: model3}]
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "sunbox.yaml"
    path.write_text(GOOD)
    tokens = tmp_path / "tokens.json"
    tokens.write_text("{}")
    tokens.chmod(0o600)
    return path


def test_a_right_file_is_said_to_be_right(run, config):
    ran = run("check", "-c", config, "--offline")
    assert ran.code == 0
    assert "no mistakes" in ran.out
    assert "Devices" not in ran.out
    assert ran.err == ""


def test_all_mistakes_are_shown_with_place_and_count(run, config):
    config.write_text(GOOD.replace("Europe/Berlin", "Europe/Berlim").replace("lat: 52.4", "lat: 152.4"))
    ran = run("check", "-c", config)
    assert ran.code == 1
    assert f"{config}:1:18 site.timezone: 'Europe/Berlim' is no time zone; did you mean Europe/Berlin?" in ran.err
    assert f"{config}:2:28 places[0].lat: 152.4 is above 90" in ran.err
    assert "2 mistakes; nothing was tried." in ran.err
    assert ran.out == ""


def test_warnings_are_shown_and_do_no_harm(run, config):
    config.write_text(GOOD.replace("[home, pv]", "[home]"))
    ran = run("check", "-c", config, "--offline")
    assert ran.code == 0
    assert "no place has the tag pv" in ran.err


def test_devices_that_do_not_answer_are_shown(run, config):
    ran = run("check", "-c", config)
    assert ran.code == 1
    (meter,) = [line for line in ran.out.splitlines() if line.strip().startswith("house")]
    assert "failed" in meter
    assert "model3" in ran.out


def test_a_file_that_is_not_there(run, tmp_path):
    ran = run("check", "-c", tmp_path / "gone.yaml")
    assert ran.code == 1
    assert "there is no such file" in ran.err


class TriedDriver:
    """A driver that can only be tried."""

    def __init__(self, answer):
        self.answer = answer
        self.is_closed = False

    async def probe(self):
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close(self):
        self.is_closed = True


def test_devices_are_tried_side_by_side_and_closed():
    drivers = {
        "good": TriedDriver("grid 230 W"),
        "bad": TriedDriver(SunboxError("no answer: check the address")),
        "hanging": TriedDriver(None),
    }
    assert run_in(VirtualTimeLoop, probe_all(drivers, timeout_s=0.01)) == [
        Probed("good", is_good=True, text="grid 230 W"),
        Probed("bad", is_good=False, text="no answer: check the address"),
        Probed("hanging", is_good=False, text="no answer within 0.01 s"),
    ]
    assert all(driver.is_closed for driver in drivers.values())
