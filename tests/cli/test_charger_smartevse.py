"""`sunbox charger` at a simulated SmartEVSE, over loopback."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.loopback import served

from sunbox.dialects.smartevse.box import Box
from sunbox.dialects.smartevse.profiles import PROFILES
from sunbox.dialects.smartevse.state import Setup
from sunbox.dialects.smartevse.words import Access, Contactor, Meter, Mode, Regime
from sunbox.simulator.smartevse_app import LiveSmartEvse, create_smartevse_app

CONFIG = """
site: {{name: Home, timezone: Europe/Berlin}}
chargers:
  - {{id: garage, driver: smartevse, url: "{url}"}}
  - {{id: spare, driver: smartevse, url: "http://127.0.0.1:9"}}
  - {{id: other, driver: goe, url: "http://127.0.0.1:9"}}
loadpoints:
  - {{id: garage, charger: garage}}
"""
SETUP = Setup(mains_meter=Meter.API, ev_meter=Meter.API, current_max=16, access=Access.OFF)


@pytest.fixture
def tell(run, tmp_path):
    """Run a command at a simulated box; return it and what the command said."""

    def tell_charger(*words, profile="3.11", name="garage", setup=SETUP):
        box = LiveSmartEvse(lambda: datetime.now(UTC), box=Box(PROFILES[profile]), setup=setup)
        path = tmp_path / "sunbox.yaml"
        with served(create_smartevse_app(box)) as url:
            path.write_text(CONFIG.format(url=url))
            return box, run("charger", "-c", path, name, *words)

    return tell_charger


def test_settings_are_shown_with_what_they_are(tell):
    _, ran = tell("settings")
    assert ran.code == 0, ran.err
    line = next(line for line in ran.out.splitlines() if line.split()[:1] == ["settings.override_current"])
    for words in ("0", "0.1 A", "asked for"):
        assert words in line


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_settings_as_json_are_the_whole_document(tell, profile):
    box, ran = tell("settings", "--json", profile=profile)
    told = json.loads(ran.out)
    answer = box.get("/settings")
    assert answer is not None
    assert told.keys() == dict(answer.reply).keys()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("mode=smart", "override_current=5"), "override_current: 5: Value not allowed!"),
        (("current_min=8", "override_current=70"), "override_current: 70: Value not allowed!"),
        (("mode=solar", "override_current=100"), "in SOLAR it is not heard"),
        (("mode=1", "starttime=2020-01-01T00:00"), "that is past"),
        (("mode=1", "starttime=2090-01-01T00:00", "stoptime=2089-01-01T00:00"), "not after the start"),
    ],
)
def test_a_bundle_is_tried_as_a_whole_before_it_is_sent(tell, words, problem):
    box, ran = tell("set", *words)
    assert ran.code == 1
    assert problem in ran.err
    assert box.device.setup == SETUP


def test_a_bundle_is_good_by_what_it_switches_to(tell):
    box, ran = tell("set", "override_current=100", "mode=normal", setup=replace(SETUP, regime=Regime.SOLAR))
    assert ran.code == 0, ran.err
    assert (box.device.setup.mode, box.device.setup.override_da) == (Mode.NORMAL, 100)


def test_set_sets_and_reads_back(tell):
    box, ran = tell(
        "set", "mode=smart", "override_current=100", "enable_C2=Auto", "stop_timer=5", "max_sum_mains_timer=3"
    )
    assert ran.code == 0, ran.err
    assert "garage: override_current is 100" in ran.out
    assert 'garage: enable_C2 is "Auto"' in ran.out
    setup = box.device.setup
    assert (setup.mode, setup.override_da, setup.contactor, setup.solar_stop_time) == (
        Mode.SMART,
        100,
        Contactor.AUTO,
        5,
    )


def test_the_broker_goes_alone(tell):
    box, ran = tell("set", "mqtt_host=192.168.0.5", "mqtt_port=1884", "mqtt_password=secret", "current_min=7")
    assert ran.code == 0, ran.err
    assert box.state.mqtt["host"] == "192.168.0.5"
    assert box.state.mqtt_password == "secret"
    assert box.device.setup.current_min == 7
    assert "secret" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["set", "overide_current=100"], 2, "did you mean override_current"),
        (["set", "override_current=ten"], 2, "'ten' is no whole number"),
        (["set", "mqtt_port=65536"], 2, "mqtt_port: 65536 is not allowed; allowed: 0–65535"),
        (["set", "mqtt_tls=2"], 2, "mqtt_tls: 2 is not allowed"),
        (["set", "ocpp_mode=-1"], 2, "ocpp_mode: -1 is not allowed"),
        (["set", "override_current"], 2, "is no setting; write KEY=VALUE"),
        (["set", "override_pwm=512"], 2, "moves the pilot"),
        (["set", "starttime=2030-01-01T10:00"], 2, "not heard without mode"),
        (["set", "mode=1", 'starttime="2030-01-01T10:00"'], 2, "is no time"),
        (["set", "mode=0", "starttime=2030-01-01T10:00"], 2, "a mode that charges"),
        (["set", "override_current=170"], 1, "allowed: 0, 10 × current_min"),
        (["set", "current_min=5"], 1, "allowed: 6–16 A"),
        (["set", "enable_C2=9"], 1, "enable_C2: 9 is not allowed"),
        (["set", "stop_timer=61"], 1, "allowed: 0–60 min"),
        (["set", "intervals=[1]"], 1, "intervals"),
        (["color", "off", "1", "2", "256"], 2, "is not in the range 0<=x<=255"),
        (["color", "pink", "1", "2", "3"], 2, "is not one of"),
        (["currents", "1", "2", "300"], 2, "is not in the range"),
        (["keys"], 1, "sunbox charger garage settings"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_and_nothing_is_changed(tell, words, code, hint):
    box, ran = tell(*words)
    assert (ran.code, hint in ran.err) == (code, True), ran.err
    assert box.device.setup == SETUP


def test_in_solar_a_current_is_not_heard_unless_the_mode_comes_with_it(tell):
    setup = Setup(mains_meter=Meter.API, regime=Regime.SOLAR, current_max=16, access=Access.ON)
    _, ran = tell("set", "override_current=100", setup=setup)
    assert ran.code == 1
    assert "in SOLAR it is not heard" in ran.err
    box, ran = tell("set", "override_current=100", "mode=3", setup=setup)
    assert ran.code == 0, ran.err
    assert box.device.setup.override_da == 100


def test_force_lets_the_box_judge(tell):
    box, ran = tell("set", "--force", "current_min=5", "zzz=1", "current_max_sum_mains=30")
    assert ran.code == 1
    assert "current_min: Value not allowed!" in ran.err
    assert "zzz: it does not hear that now, or does not know it" in ran.err
    assert box.device.setup.current_max_sum_mains == 30


def test_smart_without_a_meter_is_taken_and_reads_back_as_it_was(tell):
    setup = Setup(current_max=16)
    _, ran = tell("set", "mode=3", "--force", setup=setup)
    assert ran.code == 1
    assert "mode was taken, and reads back as 0" in ran.err


@pytest.mark.parametrize("setting", ['intervals=[{"start":0,"power":3000}]', "mqtt_tls=1"])
def test_what_its_firmware_does_not_show_is_not_called_taken(tell, setting):
    _, ran = tell("set", setting, profile="3.9")
    assert ran.code == 1
    assert "it does not show it, and its firmware may not know it" in ran.err
    _, ran = tell("set", setting)
    assert ran.code == 0, ran.err


def test_a_start_that_is_past_is_not_called_set(tell):
    _, ran = tell("set", "mode=1", "starttime=2020-01-01T00:00", "--force")
    assert ran.code == 1
    assert "starttime was taken, and reads back as 0" in ran.err


def test_the_prefix_that_a_box_chooses_itself_is_set(tell):
    _, ran = tell("set", "mqtt_topic_prefix=", "mqtt_port=0")
    assert ran.code == 0, ran.err
    assert 'mqtt_topic_prefix is "SmartEVSE-1234"' in ran.out


def test_colours(tell):
    box, ran = tell("color", "off", "0", "0", "255")
    assert ran.code == 0, ran.err
    assert box.state.colors["off"] == (0, 0, 255)
    _, ran = tell("color", "off", "0", "0", "255", profile="3.6")
    assert ran.code == 1


def test_currents_and_the_cars_meter_by_hand(tell):
    box, ran = tell("currents", "3.2", "2", "-1.5", "--battery", "-12")
    assert ran.code == 0, ran.err
    assert box.device.irms_da == (32, 20, -15)
    assert box.device.battery_da == -120
    assert "3.7 A" in ran.out
    box, ran = tell("ev-meter", "10", "9", "8", "--energy", "12000", "0", "6900")
    assert ran.code == 0, ran.err
    assert "27 A" in ran.out
    deaf = Setup(mains_meter=Meter.SENSORBOX, ev_meter=Meter.EASTRON3P)
    for words in (["currents", "1", "1", "1"], ["ev-meter", "1", "1", "1"]):
        _, ran = tell(*words, setup=deaf)
        assert ran.code == 1
        assert "choose API" in ran.err


def test_reboot(tell):
    _, ran = tell("reboot")
    assert "garage: Device will reboot in 5 seconds" in ran.out


def test_a_box_that_is_not_there_and_one_that_is_none(tell):
    _, ran = tell("settings", name="spare")
    assert ran.code == 1
    assert "spare at http://127.0.0.1:9: no connection" in ran.err
    _, ran = tell("settings", name="other")
    assert ran.code == 1
    assert "other is no SmartEVSE" in ran.err
