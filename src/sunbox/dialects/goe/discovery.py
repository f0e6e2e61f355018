"""How Home Assistant finds the charger by itself: one retained configuration per entity, as rows (key `mhe`, topic `mht`).

Format: MQTT discovery of Home Assistant. A client that knows the dialect, such as syssi/homeassistant-goecharger-mqtt, needs
none of it: it looks for the retained topic `<prefix>/<serial>/var`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sunbox.dialects.goe.keys import Json
from sunbox.dialects.goe.topics import PREFIX, Topics, value_to_payload
from sunbox.dialects.goe.words import Car, Force, Logic, PhaseMode

TOPIC = "homeassistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One entity."""

    id: str  #: unique within the charger
    component: str  #: kind of entity
    key: str
    name: str
    template: str = "{{ value_json }}"  #: of the key's JSON
    about: Mapping[str, Json] = field(default_factory=dict)  #: more of its configuration
    is_settable: bool = False


def _power(position: int) -> str:
    return f"{{{{ value_json[{position}] }}}}"


def _words(words: Mapping[int, str]) -> str:
    table = ", ".join(f"{number}: '{word}'" for number, word in words.items())
    return f"{{{{ {{{table}}}.get(value_json, 'unknown') }}}}"


def _numbers(words: Mapping[int, str]) -> str:
    table = ", ".join(f"'{word}': {number}" for number, word in words.items())
    return f"{{{{ {{{table}}}[value] }}}}"


CAR = {int(Car.IDLE): "idle", 2: "charging", 3: "waiting", 4: "complete", 5: "error"}
FORCE = {int(Force.NEUTRAL): "neutral", 1: "stop", 2: "charge"}
LOGIC = {int(Logic.BASIC): "basic", 4: "eco", 5: "trip"}
PHASES = {int(PhaseMode.AUTO): "auto", 1: "one", 2: "three"}

_W: Mapping[str, Json] = {"unit_of_measurement": "W", "device_class": "power", "state_class": "measurement"}
_A: Mapping[str, Json] = {"unit_of_measurement": "A", "device_class": "current", "state_class": "measurement"}
_V: Mapping[str, Json] = {"unit_of_measurement": "V", "device_class": "voltage", "state_class": "measurement"}
_WH: Mapping[str, Json] = {"unit_of_measurement": "Wh", "device_class": "energy", "state_class": "total_increasing"}


def _sensor(id_: str, key: str, name: str, about: Mapping[str, Json], template: str = "{{ value_json }}") -> Entity:
    return Entity(id=id_, component="sensor", key=key, name=name, about=about, template=template)


def _select(key: str, name: str, words: Mapping[int, str]) -> Entity:
    return Entity(
        id=key,
        component="select",
        key=key,
        name=name,
        template=_words(words),
        about={"options": list(words.values()), "command_template": _numbers(words)},
        is_settable=True,
    )


ENTITIES: tuple[Entity, ...] = (
    _sensor("car", "car", "Car", {"device_class": "enum", "options": [*CAR.values(), "unknown"]}, _words(CAR)),
    Entity(
        id="alw",
        component="binary_sensor",
        key="alw",
        name="Allowed to charge",
        template="{{ 'ON' if value_json else 'OFF' }}",
    ),
    _sensor("modelStatus", "modelStatus", "Reason", {}),
    _sensor("err", "err", "Error", {}),
    _sensor("power", "nrg", "Power", _W, _power(11)),
    *(_sensor(f"current_l{phase}", "nrg", f"Current L{phase}", _A, _power(3 + phase)) for phase in (1, 2, 3)),
    *(_sensor(f"voltage_l{phase}", "nrg", f"Voltage L{phase}", _V, _power(phase - 1)) for phase in (1, 2, 3)),
    _sensor("wh", "wh", "Energy since plugged in", _WH),
    _sensor("eto", "eto", "Energy", _WH),
    _sensor("acu", "acu", "Current allowed", _A),
    Entity(
        id="amp",
        component="number",
        key="amp",
        name="Current",
        about={"min": 6, "max": 32, "step": 1, "unit_of_measurement": "A", "device_class": "current"},
        is_settable=True,
    ),
    _select("frc", "Start and stop", FORCE),
    _select("lmo", "Logic", LOGIC),
    _select("psm", "Phases", PHASES),
    Entity(
        id="fup",
        component="switch",
        key="fup",
        name="Use the sun",
        template="{{ 'true' if value_json else 'false' }}",
        about={"payload_on": "true", "payload_off": "false", "state_on": "true", "state_off": "false"},
        is_settable=True,
    ),
)


def announcements(topics: Topics, values: Mapping[str, Json], topic: str | None) -> dict[str, bytes]:
    """Return what is to be retained where, so that Home Assistant shows the charger.

    Args:
        topics: of the charger.
        values: its keys.
        topic: key `mht`; None = the usual one.
    """
    prefix, node = (topic or TOPIC).strip("/"), f"{PREFIX}_{topics.serial}"
    device = {
        "identifiers": [node],
        "name": values.get("fna") or node,
        "manufacturer": values.get("oem"),
        "model": values.get("typ"),
        "sw_version": values.get("fwv"),
        "serial_number": topics.serial,
    }
    return {
        f"{prefix}/{entity.component}/{node}/{entity.id}/config": value_to_payload(
            {
                "name": entity.name,
                "unique_id": f"{node}_{entity.id}",
                "state_topic": topics.of(entity.key),
                "value_template": entity.template,
                "availability_topic": topics.online,
                "payload_available": "true",
                "payload_not_available": "false",
                "device": device,
                **({"command_topic": f"{topics.of(entity.key)}/set"} if entity.is_settable else {}),
                **entity.about,
            }
        )
        for entity in ENTITIES
        if entity.key in values
    }
