"""`sunbox charger` against a simulated wallbox and the real native API, both over loopback."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.faces.wallbox_double import WallboxDouble, make_loadpoint
from tests.loopback import served

from sunbox.dialects.goe.profiles import PROFILES
from sunbox.drivers.goe import discovery
from sunbox.drivers.goe.discovery import Found
from sunbox.drivers.smartevse import discovery as smartevse_discovery
from sunbox.faces.main import create_main_app
from sunbox.simulator.goe_app import create_goe_app
from sunbox.simulator.goe_charger import GoeCharger

CONFIG = """
site: {{name: Home, timezone: Europe/Berlin}}
chargers:
  - {{id: garage, driver: goe, url: "{url}"}}
  - {{id: spare, driver: goe, url: "http://127.0.0.1:9"}}
vehicles:
  - {{id: model3, driver: tesla, vin: LRW3F7EK4NC700000}}
loadpoints:
  - {{id: {loadpoint}, charger: garage, vehicle: model3}}
"""


@pytest.fixture
def tell(run, tmp_path):
    """Run a command at a simulated wallbox; return it and what the command said."""

    def tell_charger(*words, profile="055", name="garage"):
        box = GoeCharger(start_at=datetime.now(UTC), profile=PROFILES[profile])
        path = tmp_path / "sunbox.yaml"
        with served(create_goe_app(box, lambda: datetime.now(UTC))) as url:
            path.write_text(CONFIG.format(url=url, loadpoint="carport"))
            return box, run("charger", "-c", path, name, *words)

    return tell_charger


def test_keys_are_shown_with_what_they_are(tell):
    _, ran = tell("keys")
    assert ran.code == 0, ran.err
    line = next(line for line in ran.out.splitlines() if line.split()[:1] == ["amp"])
    for words in ("16", "A", "current that is wished", "yes"):
        assert words in line
    assert "Idle" in next(line for line in ran.out.splitlines() if line.split()[:1] == ["car"])


def test_keys_as_json_are_all_of_them(tell):
    _, ran = tell("keys", "--json")
    told = json.loads(ran.out)
    assert len(told) > 150
    assert told["fwv"] == "055.5"


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_get_shows_what_is_asked_for(tell, profile):
    _, ran = tell("get", "--json", "amp", "car", profile=profile)
    assert json.loads(ran.out) == {"amp": 16, "car": 1}


def test_a_key_that_this_wallbox_does_not_tell(tell):
    _, ran = tell("get", "amp", "cus", profile="60.5-core")
    assert ran.code == 1
    assert "amp" in ran.out
    assert "garage does not tell: cus" in ran.err


def test_set_sets_and_reads_back(tell):
    box, ran = tell("set", "amp=10", 'fna="My garage + #1"', "dwo=null")
    assert ran.code == 0, ran.err
    assert "garage: amp is 10" in ran.out
    assert box.read(("amp", "fna", "dwo")).values == {"amp": 10, "fna": "My garage + #1", "dwo": None}


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["set", "ampp=10"], "'ampp' is no known key; did you mean amp"),
        (["set", "alw=true"], "alw (is the car allowed to charge now) can be read and not be set"),
        (["set", "amp=5"], "amp: Value 5 exceeds range 6 to 32; allowed: 6–32"),
        (["set", "amp=5.5"], "amp: value must be integer"),
        (["set", "fna=Garage"], "a text needs quotes: 'fna=\"Garage\"'"),
        (["set", "frc=3"], "allowed: 0 Neutral, 1 Off, 2 On"),
        (["set", "amp"], "'amp' is no setting; write KEY=JSON such as amp=10"),
        (["get", "delw"], "delw can be set and not be read"),
        (["get", "carr"], "did you mean car"),
        (["phases", "2"], "'2' is not one of 'auto', '1', '3'"),
        (["amps", "5"], "is not in the range 6<=x<=32"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_and_nothing_is_sent(run, words, hint):
    ran = run("charger", "garage", *words)
    assert ran.code == 2
    assert hint in ran.err


def test_force_lets_the_wallbox_judge(tell):
    box, ran = tell("set", "--force", "amp=5", "lbr=100", "zzz=1")
    assert ran.code == 1
    assert "amp: failed: Value 5 exceeds range 6 to 32 (5)" in ran.err
    assert "zzz: tried to set" in ran.err
    assert "garage: lbr is 100" in ran.out
    assert box.read(("amp", "lbr")).values == {"amp": 16, "lbr": 100}


def test_a_wallbox_that_is_not_there(tell):
    _, ran = tell("keys", name="spare")
    assert ran.code == 1
    assert "spare at http://127.0.0.1:9: no connection" in ran.err
    assert "sunbox charger discover" in ran.err


def test_a_name_that_is_not_in_the_configuration(tell):
    _, ran = tell("keys", name="gargae")
    assert ran.code == 1
    assert "there is no charger 'gargae'" in ran.err
    assert "there are: garage, spare" in ran.err


# --- through the gateway ---------------------------------------------------------------------------------------------


@pytest.fixture
def ask(run, tmp_path):
    def ask_gateway(*words, name="garage", loadpoint=None):
        shown = make_loadpoint()
        wallbox = WallboxDouble(shown)
        path = tmp_path / "sunbox.yaml"
        path.write_text(CONFIG.format(url="http://127.0.0.1:9", loadpoint=loadpoint or shown.id))
        with served(create_main_app(wallbox)) as url:
            return wallbox, run("charger", "-c", path, "--url", url, name, *words)

    return ask_gateway


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["on"], "override", "charge"),
        (["off"], "override", "stop"),
        (["amps", "10"], "amps_a", 10),
        (["phases", "1"], "phases", 1),
        (["phases", "3"], "phases", 3),
        (["phases", "auto"], "phases", 0),
    ],
    ids=str,
)
def test_wishes_go_to_the_gateway(ask, words, field, value):
    wallbox, ran = ask(*words)
    assert ran.code == 0, ran.err
    (request,) = wallbox.requests
    assert (getattr(request, field), request.by) == (value, "cli")


def test_status_is_its_loadpoint(ask):
    _, ran = ask("status")
    assert ran.code == 0, ran.err
    assert "Carport" in ran.out
    _, ran = ask("status", "--json")
    assert json.loads(ran.out)["name"] == "Carport"


def test_a_charger_without_loadpoint_and_another_gateway_are_said(ask):
    _, ran = ask("on", name="spare")
    assert ran.code == 1
    assert "no loadpoint has the charger spare" in ran.err
    _, ran = ask("status", loadpoint="elsewhere")
    assert ran.code == 1
    assert "has no loadpoint 'elsewhere'" in ran.err


# --- the network -----------------------------------------------------------------------------------------------------


@pytest.fixture
def discovered(monkeypatch):
    def answer(*found, boxes=()):
        async def listen(_):
            return list(found)

        async def listen_for_boxes(_):
            return list(boxes)

        monkeypatch.setattr(discovery, "discover", listen)
        monkeypatch.setattr(smartevse_discovery, "discover", listen_for_boxes)

    return answer


def test_discover_prints_the_lines_to_write(run, discovered):
    discovered(Found("192.168.0.75", 80, "000001", "Garage", "goe"))
    ran = run("charger", "discover")
    assert ran.out == 'chargers:\n  - {id: garage, driver: goe, url: "http://192.168.0.75"}   # Garage 000001\n'
    ran = run("charger", "discover", "--json")
    assert json.loads(ran.out) == [{"url": "http://192.168.0.75", "serial": "000001", "name": "Garage"}]


def test_discover_says_when_nobody_answered(run, discovered):
    discovered()
    ran = run("charger", "discover", "--seconds", "1")
    assert ran.code == 1
    assert "no go-eCharger and no SmartEVSE answered within 1 s" in ran.err


def test_discover_finds_smartevses_too(run, discovered):
    box = Found("192.168.0.76", 80, "1234", "SmartEVSE-1234", "smartevse")
    discovered(Found("192.168.0.75", 80, "000001", "Garage", "goe"), boxes=[box])
    ran = run("charger", "discover")
    assert '  - {id: charger2, driver: smartevse, url: "http://192.168.0.76"}   # SmartEVSE-1234\n' in ran.out
