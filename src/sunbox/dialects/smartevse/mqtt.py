"""MQTT of the dialect as tables: topics that a box publishes, those it hears, and what it tells Home Assistant.

Source: dingo35/SmartEVSE-3.5, `esp32.cpp` (mqttPublishData, mqtt_receive_callback, SetupMQTTClient). Nothing here connects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sunbox.dialects.smartevse.posts import tell_color
from sunbox.dialects.smartevse.profiles import Profile
from sunbox.dialects.smartevse.readout import View, topic_fault_text, topic_state_text
from sunbox.dialects.smartevse.settings import Telling, set_access, switch_to
from sunbox.dialects.smartevse.state import (
    MOST_MAINS_DA,
    BoxState,
    Identity,
    SetDuty,
    TellBattery,
    TellCircuit,
    TellEv,
    TellMains,
    Told,
)
from sunbox.dialects.smartevse.table import V3_10, V3_11, Json, Version
from sunbox.dialects.smartevse.wire import begins_with_number, integer_from_text
from sunbox.dialects.smartevse.words import (
    ACCESS_TOPIC_TEXTS,
    CONTACTOR_TEXTS,
    REGIME_TOPIC_TEXTS,
    REGIMES,
    STATE_LETTERS,
    Access,
    Contactor,
    Meter,
    Mode,
    Regime,
)

EVERY_S = 11
"""How often everything is published; after a change at the next second."""
KEEP_ALIVE_S = 15
CONNECTED = "connected"
"""Topic of the last will."""
ONLINE, OFFLINE = "online", "offline"
SET = "Set/"
MOST_EV_DA = 1000
MOST_PREFIX_BYTES = 200


def default_prefix(identity: Identity) -> str:
    """Return what stands before all topics unless somebody set it."""
    return f"SmartEVSE/{identity.serial}"


def prefix_of(state: BoxState, identity: Identity) -> str:
    """Return what stands before all topics."""
    return str(state.mqtt.get("topic_prefix", default_prefix(identity)))


def prefix_problem(prefix: str) -> str | None:
    """Return why a text cannot stand before topics, None if it can."""
    if not prefix.strip("/") or any(char in prefix for char in "+#\0") or len(prefix.encode()) > MOST_PREFIX_BYTES:
        return f"allowed are 1 to {MOST_PREFIX_BYTES} bytes without + and #, such as SmartEVSE/1234"
    return None


# --- published -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic that a box publishes, below its prefix."""

    name: str
    read: Callable[[View], str | int | None]  #: None = it is not published now
    help: str
    unit: str = ""
    is_retained: bool = False
    since: Version = (0, 0, 0)


def _setup(name: str) -> Callable[[View], int]:
    return lambda view: int(getattr(view.state.setup, name))


def _color(name: str) -> Callable[[View], str]:
    return lambda view: ",".join(map(str, view.state.colors[name]))


def _mains(number: int) -> Callable[[View], int | None]:
    return lambda view: view.state.behind.mains_da[number] if view.state.setup.mains_meter else None


def _ev(number: int) -> Callable[[View], int | None]:
    return lambda view: view.state.behind.ev_da[number] if view.state.setup.ev_meter else None


def _circuit(number: int) -> Callable[[View], int | None]:
    return lambda view: view.state.behind.circuit_da[number] if view.state.setup.circuit_meter else None


def _of_ev(name: str) -> Callable[[View], int | None]:
    return lambda view: int(getattr(view.state.behind, name)) if view.state.setup.ev_meter else None


def _of_mains(name: str) -> Callable[[View], int | None]:
    return lambda view: (getattr(view.state.behind, name) or None) if view.state.setup.mains_meter else None


def _topic(
    name: str,
    read: Callable[[View], str | int | None],
    help: str,  # noqa: A002 - the field's name
    unit: str = "",
    *,
    kept: bool = False,
    since: Version = (0, 0, 0),
) -> Topic:
    """Return a row."""
    return Topic(name=name, read=read, help=help, unit=unit, is_retained=kept, since=since)


_DA = "0.1 A"

TOPICS: tuple[Topic, ...] = (
    _topic(
        "Mode", lambda view: REGIME_TOPIC_TEXTS[view.state.setup.mode], "Off, Normal, Smart, Solar, Pause", kept=True
    ),
    _topic("Access", lambda view: ACCESS_TOPIC_TEXTS[view.state.setup.access], "Deny, Allow, Pause", kept=True),
    _topic("State", topic_state_text, "what it does, without what is wrong", kept=True),
    _topic(
        "StateID", lambda view: STATE_LETTERS[view.state.behind.state], "A, B, C, B1, C1, …", kept=True, since=V3_11
    ),
    _topic("Error", lambda view: topic_fault_text(view.state.behind.faults), "what is wrong, or None", kept=True),
    _topic(
        "EVPlugState",
        lambda view: "Connected" if view.state.behind.is_plugged else "Disconnected",
        "Connected, Disconnected",
        kept=True,
    ),
    _topic("ChargeCurrent", lambda view: view.state.behind.charge_da, "offered", _DA, kept=True),
    _topic("ChargeCurrentOverride", _setup("override_da"), "asked for", _DA, kept=True),
    _topic("MaxCurrent", lambda view: view.state.setup.current_max * 10, "most", _DA, kept=True),
    _topic("MaxSumMains", _setup("current_max_sum_mains"), "most of all phases of the mains", "A", kept=True),
    _topic("MaxSumMainsTime", _setup("max_sum_mains_time"), "how long that may be exceeded", "min", kept=True),
    _topic("NrOfPhases", lambda view: view.state.behind.phases, "phases", kept=True),
    _topic("EnableC2", lambda view: CONTACTOR_TEXTS[view.state.setup.contactor], "the second contactor", kept=True),
    _topic("RFID", lambda view: view.state.rfid, "what was read last, in words", kept=True),
    _topic(
        "RFIDLastRead",
        lambda view: view.state.rfid_read if view.state.rfid_reader else None,
        "the card that was read last",
        kept=True,
    ),
    _topic("SolarStopTimer", lambda view: view.state.behind.solar_stop_s, "until it stops for want of sun", "s"),
    _topic("MainsCurrentL1", _mains(0), "of the mains", _DA),
    _topic("MainsCurrentL2", _mains(1), "of the mains", _DA),
    _topic("MainsCurrentL3", _mains(2), "of the mains", _DA),
    _topic("MainsImportActiveEnergy", _of_mains("mains_imported_wh"), "if it is not 0", "Wh"),
    _topic("MainsExportActiveEnergy", _of_mains("mains_exported_wh"), "if it is not 0", "Wh"),
    _topic("EVCurrentL1", _ev(0), "into the car", _DA),
    _topic("EVCurrentL2", _ev(1), "into the car", _DA),
    _topic("EVCurrentL3", _ev(2), "into the car", _DA),
    _topic("EVImportActiveEnergy", _of_ev("ev_imported_wh"), "into cars, of all time", "Wh"),
    _topic("EVExportActiveEnergy", _of_ev("ev_exported_wh"), "out of cars, of all time", "Wh"),
    _topic("EVChargePower", _of_ev("ev_power_w"), "power", "W"),
    _topic("EVEnergyCharged", _of_ev("ev_charged_wh"), "since plug-in", "Wh", kept=True),
    _topic("EVTotalEnergyCharged", _of_ev("ev_total_wh"), "of all time", "Wh"),
    _topic("CircuitCurrentL1", _circuit(0), "of the circuit", _DA, since=V3_11),
    _topic("CircuitCurrentL2", _circuit(1), "of the circuit", _DA, since=V3_11),
    _topic("CircuitCurrentL3", _circuit(2), "of the circuit", _DA, since=V3_11),
    _topic("HomeBatteryCurrent", lambda view: view.state.behind.battery_da, "+ = it charges", _DA),
    _topic("CustomButton", lambda view: "On" if view.state.is_custom else "Off", "On, Off"),
    _topic("CustomButtonPressTime", lambda _: 0, "how long it was pressed", "ms"),
    *(
        _topic(f"LEDColor{name.capitalize()}", _color(name), "R,G,B", kept=True)
        for name in ("off", "normal", "smart", "solar", "custom")
    ),
    _topic("CableLock", lambda view: int(view.state.is_cable_locked), "1 = the cable stays locked", kept=True),
    _topic("OCPP", lambda view: str(view.state.ocpp.get("mode", "Disabled")), "Disabled, Enabled", kept=True),
    _topic("OCPPConnection", lambda _: "Disconnected", "Connected, Disconnected"),
    _topic("WiFiSSID", lambda view: view.identity.ssid, "name of the network", kept=True),
    _topic("WiFiBSSID", lambda view: view.identity.bssid, "access point", kept=True),
    _topic("WiFiRSSI", lambda view: view.identity.rssi_dbm, "signal", "dBm"),
    _topic("ESPTemp", lambda view: view.state.behind.temp_c, "temperature inside", "°C"),
    _topic(
        "ESPUptime",
        lambda view: int((view.state.at - view.state.booted_at).total_seconds()),
        "since it booted",
        "s",
    ),
    _topic("LoadBl", _setup("loadbl"), "0 alone, 1 master, 2–8 node", kept=True),
    _topic("PairingPin", lambda _: "", "for the maker's app", kept=True, since=V3_10),
)
"""In the order in which they are published."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: whole topic, text, and whether the broker keeps it."""

    topic: str
    payload: str
    is_retained: bool = False


def messages_of(state: BoxState, identity: Identity, profile: Profile) -> tuple[Message, ...]:
    """Return everything that a box publishes now."""
    view, prefix = View(state, identity, profile), prefix_of(state, identity)
    known = [topic for topic in TOPICS if topic.since <= profile.number]
    values = [(topic, topic.read(view)) for topic in known]
    return tuple(
        Message(f"{prefix}/{topic.name}", str(value), topic.is_retained) for topic, value in values if value is not None
    )


def last_will(state: BoxState, identity: Identity) -> Message:
    """Return what the broker says when the box is gone."""
    return Message(f"{prefix_of(state, identity)}/{CONNECTED}", OFFLINE, is_retained=True)


def greeting(state: BoxState, identity: Identity) -> Message:
    """Return what a box says first."""
    return Message(f"{prefix_of(state, identity)}/{CONNECTED}", ONLINE, is_retained=True)


# --- heard -----------------------------------------------------------------------------------------------------------

_FIELDS = re.compile(r"\s*[+-]?[0-9]{1,9}(?![0-9])(?::\s*[+-]?[0-9]{1,9}(?![0-9]))*", re.ASCII)


def hear(state: BoxState, name: str, payload: str, identity: Identity, profile: Profile) -> Told:
    """Apply one `Set/…` message; bad values and names that nobody knows change nothing. There is no answer."""
    telling = Telling(state, {"": payload}, identity, profile)
    heard = HEARD.get(name)
    if heard is not None and heard.since <= profile.number:
        heard.tell(telling, payload)
    return Told(state=telling.state, orders=tuple(telling.orders))


def _fields(payload: str) -> tuple[int, ...]:
    """Return the whole numbers between colons with which it begins, as C's `sscanf` reads them."""
    found = _FIELDS.match(payload)
    return () if found is None else tuple(map(int, found[0].split(":")))


def _hear_mode(telling: Telling, payload: str) -> None:
    mode = next((mode for mode, text in REGIME_TOPIC_TEXTS.items() if text == payload), None)
    if mode is None or (mode is Mode.PAUSE and not telling.profile.has_pause):
        return
    if mode in REGIMES:
        switch_to(telling, REGIMES[mode])
    else:
        set_access(telling, Access.PAUSE if mode is Mode.PAUSE else Access.OFF)


def _hear_override(telling: Telling, payload: str) -> None:
    setup, number = telling.state.setup, integer_from_text(payload)
    is_good = number == 0 or setup.current_min * 10 <= number <= setup.current_max * 10
    if is_good and not setup.is_node and setup.regime is not Regime.SOLAR:
        telling.configure(override_da=number)


def _hear_sum(telling: Telling, payload: str) -> None:
    number = integer_from_text(payload)
    if (number == 0 or 10 <= number <= 600) and not telling.state.setup.is_node:
        telling.configure(current_max_sum_mains=number)


def _hear_mains(telling: Telling, payload: str) -> None:
    fields, setup = _fields(payload), telling.state.setup
    if setup.mains_meter is not Meter.API or setup.is_node or len(fields) not in (3, 5):
        return
    one, two, three = fields[:3]
    if all(abs(each) < MOST_MAINS_DA for each in (one, two, three)):
        telling.orders.append(TellMains((one, two, three)))
        if len(fields) == 5 and fields[4] >= 0:  # all of it is import
            behind = replace(telling.state.behind, mains_imported_wh=fields[4], mains_exported_wh=0)
            telling.change(behind=behind)


def _hear_ev(telling: Telling, payload: str) -> None:
    fields = _fields(payload)
    if telling.state.setup.ev_meter is not Meter.API or len(fields) != 5:
        return
    one, two, three, power_w, energy_wh = fields
    has_currents = all(0 <= each < MOST_EV_DA for each in (one, two, three))  # -1 says that they are not known
    if has_currents or power_w >= 0 or energy_wh >= 0:
        telling.orders.append(
            TellEv(
                currents_da=(one, two, three) if has_currents else None,
                power_w=power_w if power_w >= 0 else None,
                imported_wh=energy_wh if energy_wh >= 0 else None,
            )
        )


def _hear_circuit(telling: Telling, payload: str) -> None:
    fields = _fields(payload)
    if telling.state.setup.circuit_meter is Meter.API and len(fields) == 3:
        one, two, three = fields
        telling.orders.append(TellCircuit((one, two, three)))


def _hear_battery(telling: Telling, payload: str) -> None:
    if not telling.state.setup.is_node:
        telling.orders.append(TellBattery(integer_from_text(payload), begins_with_number(payload)))


def _hear_contactor(telling: Telling, payload: str) -> None:
    found = next((each for each, text in CONTACTOR_TEXTS.items() if payload in (text, str(int(each)))), None)
    if found is not None:
        telling.configure(contactor=Contactor(found))


def _hear_cable_lock(telling: Telling, payload: str) -> None:
    telling.change(is_cable_locked=payload == "1")


def _hear_button(telling: Telling, payload: str) -> None:
    telling.change(is_custom=payload == "On")


def _hear_color(name: str) -> Callable[[Telling, str], None]:
    def hear_color(telling: Telling, payload: str) -> None:
        parts = payload.split(",")
        if len(parts) == 3 and all(part.strip().isdecimal() and part.isascii() for part in parts):
            telling.state = tell_color(telling.state, name, dict(zip("RGB", parts, strict=True))).state

    return hear_color


def _hear_card(telling: Telling, payload: str) -> None:
    if telling.state.rfid_reader and len(payload) in (12, 14) and re.fullmatch(r"[0-9a-fA-F]+", payload):
        telling.change(rfid="Present", rfid_read=payload)


def _hear_duty(telling: Telling, payload: str) -> None:
    number = integer_from_text(payload)
    if -1 <= number <= 1024:
        duty = None if number < 0 else number
        telling.change(duty=duty)
        telling.orders.append(SetDuty(duty))


@dataclass(frozen=True, slots=True)
class Heard:
    """One topic below `Set/`."""

    tell: Callable[[Telling, str], None]
    allowed: str
    since: Version = (0, 0, 0)


HEARD: Mapping[str, Heard] = {
    "Mode": Heard(_hear_mode, "Off, Normal, Solar, Smart, Pause, letter by letter"),
    "CurrentOverride": Heard(_hear_override, "0, 10 × current_min to 10 × current_max; not in Solar"),
    "CurrentMaxSumMains": Heard(_hear_sum, "0, 10–600 A"),
    "MainsMeter": Heard(_hear_mains, "L1:L2:L3 or L1:L2:L3:W:Wh; 0.1 A, -2000 < x < 2000; -1 = unknown"),
    "EVMeter": Heard(_hear_ev, "L1:L2:L3:W:Wh; 0.1 A, 0–999; -1 = unknown"),
    "CircuitMeter": Heard(_hear_circuit, "L1:L2:L3; 0.1 A", V3_11),
    "HomeBatteryCurrent": Heard(_hear_battery, "0.1 A, + = it charges"),
    "EnableC2": Heard(_hear_contactor, "0–4, or the word"),
    "CableLock": Heard(_hear_cable_lock, "1 locks, anything else does not"),
    "CustomButton": Heard(_hear_button, "On, anything else is off"),
    **{
        f"Color{name.capitalize()}": Heard(_hear_color(name), "R,G,B, each 0–255")
        for name in ("off", "normal", "smart", "solar", "custom")
    },
    "RFID": Heard(_hear_card, "12 or 14 hexadecimal digits"),
    "CPPWMOverride": Heard(_hear_duty, "-1, 0–1024"),
}


# --- Home Assistant --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One thing that Home Assistant shows."""

    name: str
    domain: str = "sensor"
    topic: str = ""  #: if it is not the name without blanks
    more: Mapping[str, Json] | None = None
    command: str = ""  #: topic below `Set/`
    since: Version = (0, 0, 0)

    @property
    def suffix(self) -> str:
        """Return the name without blanks."""
        return self.name.replace(" ", "")


_AMPS: dict[str, Json] = {
    "device_class": "current",
    "state_class": "measurement",
    "unit_of_measurement": "A",
    "value_template": "{{ value | int / 10 }}",
}
_WATTS: dict[str, Json] = {"device_class": "power", "state_class": "measurement", "unit_of_measurement": "W"}
_WATT_HOURS: dict[str, Json] = {
    "device_class": "energy",
    "state_class": "total_increasing",
    "unit_of_measurement": "Wh",
}
_SECONDS: dict[str, Json] = {"device_class": "duration", "state_class": "measurement", "unit_of_measurement": "s"}
MOST_AMPS = "most amps"
"""Stands for `current_max` where a number's end is told."""

ENTITIES: tuple[Entity, ...] = (
    Entity(
        name="Mode",
        domain="select",
        command="Mode",
        more={"options": ["Off", "Normal", "Smart", "Solar", "Pause"]},
    ),
    Entity(name="Access"),
    Entity(name="State"),
    Entity(name="StateID", since=V3_11),
    Entity(name="Error"),
    Entity(name="EV Plug State"),
    Entity(name="Charge Current", more=_AMPS),
    Entity(
        name="Charge Current Override",
        domain="number",
        command="CurrentOverride",
        more={
            "min": 0,
            "max": MOST_AMPS,
            "mode": "slider",
            "command_template": "{{ value | int * 10 }}",
            **{name: value for name, value in _AMPS.items() if name != "state_class"},
        },
    ),
    Entity(name="Max Current", more=_AMPS),
    Entity(name="Solar Stop Timer", more=_SECONDS),
    Entity(
        name="EnableC2",
        domain="select",
        command="EnableC2",
        more={"options": list(CONTACTOR_TEXTS.values())},
    ),
    Entity(name="Custom Button", domain="select", command="CustomButton", more={"options": ["On", "Off"]}),
    Entity(name="Cable Lock", domain="select", command="CableLock", more={"options": ["1", "0"]}),
    *(Entity(name=f"Mains Current L{phase}", more=_AMPS) for phase in (1, 2, 3)),
    *(Entity(name=f"EV Current L{phase}", more=_AMPS) for phase in (1, 2, 3)),
    Entity(name="EV Charge Power", more=_WATTS),
    Entity(name="EV Energy Charged", more=_WATT_HOURS),
    Entity(name="EV Total Energy Charged", more=_WATT_HOURS),
    Entity(name="EV Import Active Energy", more=_WATT_HOURS),
    Entity(name="EV Export Active Energy", more=_WATT_HOURS),
    Entity(name="Home Battery Current", more=_AMPS),
    *(
        Entity(name=f"LED Color {name}", domain="text", command=f"Color{name}")
        for name in ("Off", "Normal", "Smart", "Solar", "Custom")
    ),
    Entity(name="RFID"),
    Entity(name="WiFi SSID"),
    Entity(name="WiFi BSSID"),
    Entity(
        name="WiFi RSSI",
        more={"device_class": "signal_strength", "state_class": "measurement", "unit_of_measurement": "dBm"},
    ),
    Entity(
        name="ESP Temp",
        more={"device_class": "temperature", "state_class": "measurement", "unit_of_measurement": "°C"},
    ),
    Entity(name="ESP Uptime", more=_SECONDS),
)


def discovery_of(state: BoxState, identity: Identity, profile: Profile, url: str) -> tuple[Message, ...]:
    """Return what is published, retained, so that Home Assistant finds everything.

    Args:
        state: the box.
        identity: who it is.
        profile: its firmware.
        url: where its web page is.
    """
    prefix = prefix_of(state, identity)
    device = {
        "model": "SmartEVSE v3",
        "identifiers": prefix,
        "name": prefix,
        "manufacturer": "Stegen",
        "configuration_url": url,
        "sw_version": profile.version,
    }
    return tuple(_discovery(entity, prefix, device, state) for entity in ENTITIES if entity.since <= profile.number)


def _discovery(entity: Entity, prefix: str, device: Mapping[str, Json], state: BoxState) -> Message:
    slug = re.sub(r"[^a-z0-9]", "_", prefix.lower())
    told: dict[str, Json] = {
        "name": entity.name,
        "object_id": f"{prefix}-{entity.suffix}",
        "default_entity_id": f"{entity.domain}.{slug}_{entity.suffix.lower()}",
        "unique_id": f"{prefix}-{entity.suffix}",
        "state_topic": f"{prefix}/{entity.topic or entity.suffix}",
        "availability_topic": f"{prefix}/{CONNECTED}",
        "device": device,
    }
    for name, value in (entity.more or {}).items():
        told[name] = state.setup.current_max if value == MOST_AMPS else value
    if entity.command:
        told["command_topic"] = f"{prefix}/{SET}{entity.command}"
    topic = f"homeassistant/{entity.domain}/{prefix}-{entity.suffix}/config"
    return Message(topic, json.dumps(told, ensure_ascii=False, separators=(",", ":")), is_retained=True)
