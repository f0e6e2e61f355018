"""MQTT of the dialect: every topic once, what `Set/…` takes and ignores, and what Home Assistant is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbox.dialects.smartevse.mqtt import (
    ENTITIES,
    HEARD,
    TOPICS,
    default_prefix,
    discovery_of,
    greeting,
    hear,
    last_will,
    messages_of,
)
from sunbox.dialects.smartevse.profiles import PROFILES, STANDARD
from sunbox.dialects.smartevse.state import (
    Behind,
    BoxState,
    Configure,
    Identity,
    Order,
    SetAccess,
    SetDuty,
    Setup,
    SwitchTo,
    TellBattery,
    TellCircuit,
    TellEv,
    TellMains,
    first_state,
)
from sunbox.dialects.smartevse.words import Access, Contactor, Fault, Meter, Regime, State

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)
WHO = Identity(serial=8669)
SETUP = Setup(mains_meter=Meter.API, ev_meter=Meter.API, current_max=16, access=Access.ON, regime=Regime.SMART)
STATE = first_state(AT, SETUP)

RETAINED = {
    *("Mode", "Access", "State", "StateID", "Error", "EVPlugState", "ChargeCurrent", "ChargeCurrentOverride"),
    *("MaxCurrent", "MaxSumMains", "MaxSumMainsTime", "NrOfPhases", "EnableC2", "RFID", "RFIDLastRead"),
    *("EVEnergyCharged", "LEDColorOff", "LEDColorNormal", "LEDColorSmart", "LEDColorSolar", "LEDColorCustom"),
    *("CableLock", "OCPP", "WiFiSSID", "WiFiBSSID", "LoadBl", "PairingPin"),
}


def published(state: BoxState = STATE, profile: str = "3.11") -> dict[str, str]:
    messages = messages_of(state, WHO, PROFILES[profile])
    assert all(message.topic.startswith("SmartEVSE/8669/") for message in messages)
    return {message.topic.removeprefix("SmartEVSE/8669/"): message.payload for message in messages}


def test_names_are_there_once_and_kept_as_listed() -> None:
    names = [topic.name for topic in TOPICS]
    assert len(names) == len(set(names))
    assert {topic.name for topic in TOPICS if topic.is_retained} == RETAINED


def test_what_is_published_of_a_box_without_power() -> None:
    behind = Behind(
        is_plugged=True,
        state=State.B1,
        faults=Fault.LESS_6A,
        charge_da=60,
        mains_da=(100, 50, 30),
        ev_da=(1, 2, 3),
        mains_imported_wh=5,
    )
    told = published(replace(STATE, behind=behind, at=AT + timedelta(seconds=90)))
    assert told["Mode"] == "Smart"
    assert told["Access"] == "Allow"
    assert told["State"] == "Charging Stopped"
    assert told["StateID"] == "B1"
    assert told["Error"] == "No Power Available"
    assert told["EVPlugState"] == "Connected"
    assert (told["ChargeCurrent"], told["MaxCurrent"]) == ("60", "160")
    assert (told["MainsCurrentL1"], told["EVCurrentL3"], told["ESPUptime"]) == ("100", "3", "90")
    assert told["MainsImportActiveEnergy"] == "5"
    assert "MainsExportActiveEnergy" not in told
    assert "RFIDLastRead" not in told
    assert told["LEDColorSolar"] == "255,170,0"


def test_meters_that_are_not_there_say_nothing() -> None:
    told = published(first_state(AT))
    assert not {name for name in told if name.startswith(("MainsCurrent", "EVCurrent", "CircuitCurrent", "EVCharge"))}
    assert "StateID" not in published(profile="3.10")


def test_the_prefix_is_the_owners() -> None:
    assert default_prefix(WHO) == "SmartEVSE/8669"
    own = replace(STATE, mqtt={"topic_prefix": "garage"})
    assert messages_of(own, WHO, STANDARD)[0].topic == "garage/Mode"
    will, hello = last_will(own, WHO), greeting(own, WHO)
    assert (will.topic, will.payload, will.is_retained) == ("garage/connected", "offline", True)
    assert (hello.topic, hello.payload, hello.is_retained) == ("garage/connected", "online", True)


@pytest.mark.parametrize(
    ("name", "payload", "orders"),
    [
        ("Mode", "Off", (SetAccess(Access.OFF),)),
        ("Mode", "Normal", (SwitchTo(Regime.NORMAL),)),
        ("Mode", "Solar", (SwitchTo(Regime.SOLAR),)),
        ("Mode", "Smart", (SwitchTo(Regime.SMART),)),
        ("Mode", "Pause", (SetAccess(Access.PAUSE),)),
        ("Mode", "smart", ()),
        ("Mode", "3", ()),
        ("CurrentOverride", "83", (Configure({"override_da": 83}),)),
        ("CurrentOverride", "0", (Configure({"override_da": 0}),)),
        ("CurrentOverride", "59", ()),
        ("CurrentMaxSumMains", "30", (Configure({"current_max_sum_mains": 30}),)),
        ("CurrentMaxSumMains", "9", ()),
        ("MainsMeter", "100:-50:30", (TellMains((100, -50, 30)),)),
        ("MainsMeter", "100:50:30:4140:7", (TellMains((100, 50, 30)),)),
        ("MainsMeter", "2000:0:0", ()),
        ("MainsMeter", "1:2", ()),
        ("MainsMeter", "1:2:x", ()),
        (
            "EVMeter",
            "100:50:30:4140:7000",
            (TellEv(currents_da=(100, 50, 30), power_w=4140, imported_wh=7000),),
        ),
        ("EVMeter", "1:2:3:-1:-1", (TellEv(currents_da=(1, 2, 3)),)),
        ("EVMeter", "1:2:3", ()),
        # currents that cannot be, or are not known, take nothing else with them
        ("EVMeter", "-1:-1:-1:4:5", (TellEv(power_w=4, imported_wh=5),)),
        ("EVMeter", "1000:2:3:4:-1", (TellEv(power_w=4),)),
        ("EVMeter", "-1:2:3:-1:-1", ()),
        # what stands behind the numbers does not count, such as the end of a line
        ("MainsMeter", "50:40:30\n", (TellMains((50, 40, 30)),)),
        ("MainsMeter", " 50: -40:+30", (TellMains((50, -40, 30)),)),
        ("MainsMeter", "50.0:40.0:30.0", ()),
        ("MainsMeter", "50:40:", ()),
        ("MainsMeter", "50:40:9999999999", ()),
        ("MainsMeter", "50:40:x", ()),
        ("MainsMeter", "", ()),
        ("MainsMeter", "５:4:3", ()),
        ("HomeBatteryCurrent", "unavailable", (TellBattery(0, is_number=False),)),
        ("HomeBatteryCurrent", "8.7A", (TellBattery(8),)),
        ("CircuitMeter", "1:2:3", ()),
        ("HomeBatteryCurrent", "-30", (TellBattery(-30),)),
        ("EnableC2", "Auto", (Configure({"contactor": Contactor.AUTO}),)),
        ("EnableC2", "1", (Configure({"contactor": Contactor.ALWAYS_OFF}),)),
        ("EnableC2", "5", ()),
        ("CPPWMOverride", "-1", (SetDuty(None),)),
        ("CPPWMOverride", "512", (SetDuty(512),)),
        ("CPPWMOverride", "1025", ()),
        ("Nonsense", "1", ()),
    ],
)
def test_what_is_heard(name: str, payload: str, orders: tuple[Order, ...]) -> None:
    assert hear(STATE, name, payload, WHO, STANDARD).orders == orders


def test_what_is_kept_in_the_box() -> None:
    assert hear(STATE, "CableLock", "1", WHO, STANDARD).state.is_cable_locked
    assert not hear(STATE, "CableLock", "yes", WHO, STANDARD).state.is_cable_locked
    assert hear(STATE, "CustomButton", "On", WHO, STANDARD).state.is_custom
    assert hear(STATE, "ColorSolar", "1,2,3", WHO, STANDARD).state.colors["solar"] == (1, 2, 3)
    for bad in ("1,2", "1,2,256", "1,2,x", "²,2,3"):
        assert hear(STATE, "ColorSolar", bad, WHO, STANDARD).state == STATE
    reader = replace(STATE, rfid_reader=1)
    assert hear(reader, "RFID", "112233445566", WHO, STANDARD).state.rfid_read == "112233445566"
    assert hear(STATE, "RFID", "112233445566", WHO, STANDARD).state == STATE
    circuit = replace(STATE, setup=replace(SETUP, circuit_meter=Meter.API))
    assert hear(circuit, "CircuitMeter", "1:2:3", WHO, STANDARD).orders == (TellCircuit((1, 2, 3)),)
    energy = hear(STATE, "MainsMeter", "1:2:3:4:99", WHO, STANDARD).state.behind
    assert (energy.mains_imported_wh, energy.mains_exported_wh) == (99, 0)


def test_a_pending_start_blocks_the_mode() -> None:
    armed = replace(STATE, start_at=AT + timedelta(hours=1))
    assert hear(armed, "Mode", "Normal", WHO, STANDARD).orders == (SwitchTo(Regime.NORMAL, is_delayed=True),)


@given(st.sampled_from(sorted(HEARD)), st.text(max_size=30) | st.integers(-3000, 3000).map(str))
def test_whatever_is_heard_the_box_stays_sane(name: str, payload: str) -> None:
    told = hear(STATE, name, payload, WHO, STANDARD)
    assert told.reply is None
    assert messages_of(told.state, WHO, STANDARD)


def test_home_assistant_is_told_of_a_current() -> None:
    messages = {message.topic: message for message in discovery_of(STATE, WHO, STANDARD, "http://1.2.3.4")}
    message = messages["homeassistant/sensor/SmartEVSE/8669-ChargeCurrent/config"]
    assert message.is_retained
    assert json.loads(message.payload) == {
        "name": "Charge Current",
        "object_id": "SmartEVSE/8669-ChargeCurrent",
        "default_entity_id": "sensor.smartevse_8669_chargecurrent",
        "unique_id": "SmartEVSE/8669-ChargeCurrent",
        "state_topic": "SmartEVSE/8669/ChargeCurrent",
        "availability_topic": "SmartEVSE/8669/connected",
        "device": {
            "model": "SmartEVSE v3",
            "identifiers": "SmartEVSE/8669",
            "name": "SmartEVSE/8669",
            "manufacturer": "Stegen",
            "configuration_url": "http://1.2.3.4",
            "sw_version": "v3.11.1",
        },
        "device_class": "current",
        "state_class": "measurement",
        "unit_of_measurement": "A",
        "value_template": "{{ value | int / 10 }}",
    }


def test_home_assistant_is_told_of_what_can_be_set() -> None:
    told = {
        message.topic.split("/")[1] + " " + message.topic.rsplit("-", 1)[1].removesuffix("/config"): json.loads(
            message.payload
        )
        for message in discovery_of(STATE, WHO, STANDARD, "http://1.2.3.4")
    }
    assert told["select Mode"]["options"] == ["Off", "Normal", "Smart", "Solar", "Pause"]
    assert told["select Mode"]["command_topic"] == "SmartEVSE/8669/Set/Mode"
    override = told["number ChargeCurrentOverride"]
    assert (override["min"], override["max"]) == (0, 16)
    assert override["command_template"] == "{{ value | int * 10 }}"
    assert told["text LEDColorSolar"]["command_topic"] == "SmartEVSE/8669/Set/ColorSolar"


def test_every_entity_has_its_topic_and_command() -> None:
    topics = {topic.name for topic in TOPICS}
    assert {entity.topic or entity.suffix for entity in ENTITIES} <= topics
    assert {entity.command for entity in ENTITIES if entity.command} <= HEARD.keys()
