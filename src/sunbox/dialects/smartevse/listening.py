"""A box as it is heard at a broker: its topics put together to a document, and the topics that parameters go to.

What topics do not tell (limits, the kinds of meters, the regime of a box that was never heard switched on) is missing in the document, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sunbox.dialects.smartevse.mqtt import OFFLINE, SET
from sunbox.dialects.smartevse.reading import UPTIME
from sunbox.dialects.smartevse.table import Json
from sunbox.dialects.smartevse.wire import integer_from_text
from sunbox.dialects.smartevse.words import (
    ACCESS_TOPIC_TEXTS,
    FAULT_TEXTS,
    REGIME_TOPIC_TEXTS,
    REGIMES,
    STATE_LETTERS,
    STATE_TEXTS,
    Mode,
)

MOST_PAYLOAD_BYTES = 512
LIFE = ("Mode", "State", "EVPlugState", "ChargeCurrentOverride")
"""Topics that must have been heard before anything is known."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one topic adds to the document, by path."""

    read: Callable[[str], Mapping[str, Json]]


def _text(path: str) -> Heard:
    return Heard(lambda payload: {path: payload})


def _number(path: str, *, per: int = 1) -> Heard:
    def read(payload: str) -> Mapping[str, Json]:
        number = integer_from_text(payload)
        return {path: number if per == 1 else number // per}

    return Heard(read)


def _read_mode(payload: str) -> Mapping[str, Json]:
    mode = next((mode for mode, text in REGIME_TOPIC_TEXTS.items() if text == payload), None)
    if mode is None:
        return {"mode": payload, "mode_id": -1}
    regime = REGIMES.get(mode)
    known: dict[str, Json] = {} if regime is None else {"evse.mode": int(regime)}
    return {"mode": mode.name, "mode_id": int(mode), **known}


def _read_access(payload: str) -> Mapping[str, Json]:
    access = next((access for access, text in ACCESS_TOPIC_TEXTS.items() if text == payload), None)
    return {} if access is None else {"evse.access": int(access)}


def _read_state(payload: str) -> Mapping[str, Json]:
    numbers = [int(state) for state, text in STATE_TEXTS.items() if text == payload]
    return {"evse.state": payload, "evse.state_id": numbers[0] if numbers else 255}


def _read_letter(payload: str) -> Mapping[str, Json]:
    state = next((state for state, text in STATE_LETTERS.items() if text == payload), None)
    return {} if state is None else {"evse.state_id": int(state)}


def _read_error(payload: str) -> Mapping[str, Json]:
    number = FAULT_TEXTS.index(payload) if payload in FAULT_TEXTS else 0
    return {"evse.error": payload, "evse.error_id": number}


def _read_plug(payload: str) -> Mapping[str, Json]:
    return {"car_connected": payload == "Connected"}


def _phases(topic: str, path: str) -> dict[str, Heard]:
    return {f"{topic}L{number}": _number(f"{path}.L{number}") for number in (1, 2, 3)}


TOPICS: Mapping[str, Heard] = {
    "Mode": Heard(_read_mode),
    "Access": Heard(_read_access),
    "State": Heard(_read_state),
    "StateID": Heard(_read_letter),
    "Error": Heard(_read_error),
    "EVPlugState": Heard(_read_plug),
    "ChargeCurrent": _number("settings.charge_current"),
    "ChargeCurrentOverride": _number("settings.override_current"),
    "MaxCurrent": _number("settings.current_max", per=10),
    "MaxSumMains": _number("settings.current_max_sum_mains"),
    "NrOfPhases": _number("evse.nrofphases"),
    "EnableC2": _text("settings.enable_C2"),
    "SolarStopTimer": _number("evse.solar_stop_timer"),
    **_phases("MainsCurrent", "phase_currents"),
    **_phases("EVCurrent", "ev_meter.currents"),
    **_phases("CircuitCurrent", "circuit_meter.currents"),
    "EVChargePower": _number("ev_meter.import_active_power"),
    "EVEnergyCharged": _number("ev_meter.charged_wh"),
    "EVTotalEnergyCharged": _number("ev_meter.total_wh"),
    "ESPTemp": _number("evse.temp"),
    "ESPUptime": _number(UPTIME),
    "LoadBl": _number("evse.loadbl"),
}
"""What is heard, by the name of the topic below the prefix."""


def prefixes_of(serial: str) -> tuple[str, str]:
    """Return what stands before the topics of a box whose prefix nobody chose: both are in the wild."""
    return f"SmartEVSE/{serial}", f"SmartEVSE-{serial}"


def topics_to_hear(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """Return what to subscribe to."""
    return tuple(f"{prefix}/+" for prefix in prefixes)


def name_of(topic: str, prefixes: tuple[str, ...]) -> tuple[str, str] | None:
    """Return (prefix, name) of a topic, None if it is no box's."""
    prefix, slash, name = topic.rpartition("/")
    return (prefix, name) if slash and prefix in prefixes else None


def text_of(payload: bytes) -> str | None:
    """Return a payload's text, None for what no box says."""
    if len(payload) > MOST_PAYLOAD_BYTES:
        return None
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None


def is_farewell(payload: bytes) -> bool:
    """Return whether topic `connected` says that the box is gone."""
    return payload == OFFLINE.encode()


def nested(values: Mapping[str, Json]) -> dict[str, Json]:
    """Return the document that has these values at their paths."""
    document: dict[str, Json] = {}
    for path, value in values.items():
        *above, name = path.split(".")
        inside = document
        for each in above:
            inside = inside.setdefault(each, {})
        inside[name] = value
    return document


def publication_of(name: str, text: str) -> tuple[str, str] | None:
    """Return (topic below the prefix, payload) that tells a parameter of POST /settings, None if none does."""
    if name == "mode":
        number = integer_from_text(text)
        return (f"{SET}Mode", REGIME_TOPIC_TEXTS[Mode(number)]) if number in set(Mode) else None
    topic = {
        "override_current": "CurrentOverride",
        "enable_C2": "EnableC2",
        "current_max_sum_mains": "CurrentMaxSumMains",
    }.get(name)
    return None if topic is None else (f"{SET}{topic}", text)


def currents_payload(currents_da: tuple[int, int, int]) -> tuple[str, str]:
    """Return (topic below the prefix, payload) that tells the currents of the mains."""
    return f"{SET}MainsMeter", ":".join(map(str, currents_da))
