"""What a box answers to POST /settings, by parameter: taken, or in its own words not. 200 comes either way, and proves nothing.

Which key of the document shows what a parameter did stands here as well: a setting counts when it reads back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from sunbox.dialects.smartevse.settings import NEEDS_OCPP, NOT_ALLOWED
from sunbox.dialects.smartevse.table import Json
from sunbox.dialects.smartevse.wire import Document, integer_from_text
from sunbox.dialects.smartevse.words import CONTACTOR_TEXTS, Contactor

_ABSENT = object()
_TIMES = frozenset({"starttime", "stoptime"})
"""Told as a local time, shown as unix time."""
_ITS_DEFAULT = {"mqtt_topic_prefix": "", "mqtt_port": "0"}
"""What has it take a value of its own."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Where a parameter is seen."""

    reply: str = ""  #: key of the answer, "" = it has none
    path: str = ""  #: in the document, "" = nowhere


SHOWN: Mapping[str, Shown] = {
    "backlight": Shown("Backlight"),
    "current_min": Shown("current_min", "settings.current_min"),
    "capacity_mode": Shown("capacity_mode", "settings.capacity_mode"),
    "intervals": Shown("", "settings.intervals"),
    "current_max_sum_mains": Shown("current_max_sum_mains", "settings.current_max_sum_mains"),
    "max_sum_mains_timer": Shown("max_sum_mains_time", "settings.max_sum_mains_time"),
    "disable_override_current": Shown("disable_override_current", "settings.override_current"),
    "custombutton": Shown("custombutton", "evse.custombutton"),
    "mode": Shown("mode", "mode_id"),
    "starttime": Shown("starttime", "settings.starttime"),
    "stoptime": Shown("stoptime", "settings.stoptime"),
    "repeat": Shown("repeat", "settings.repeat"),
    "enable_C2": Shown("settings.enable_C2", "settings.enable_C2"),
    "stop_timer": Shown("stop_timer", "settings.solar_stop_time"),
    "override_current": Shown("override_current", "settings.override_current"),
    "solar_start_current": Shown("solar_start_current", "settings.solar_start_current"),
    "solar_max_import": Shown("solar_max_import", "settings.solar_max_import"),
    "override_pwm": Shown("override_pwm", "evse.pwm"),
    "lcdlock": Shown("lcdlock", "settings.lcdlock"),
    "cablelock": Shown("cablelock", "settings.cablelock"),
    "mqtt_host": Shown("mqtt_host", "mqtt.host"),
    "mqtt_port": Shown("mqtt_port", "mqtt.port"),
    "mqtt_topic_prefix": Shown("mqtt_topic_prefix", "mqtt.topic_prefix"),
    "mqtt_username": Shown("mqtt_username", "mqtt.username"),
    "mqtt_password": Shown("mqtt_password_set", "mqtt.password_set"),
    "mqtt_tls": Shown("mqtt_tls", "mqtt.tls"),
    "mqtt_ca_cert": Shown("mqtt_ca_cert_set"),
    "ocpp_mode": Shown("ocpp_mode", "ocpp.mode"),
    "ocpp_backend_url": Shown("ocpp_backend_url", "ocpp.backend_url"),
    "ocpp_cb_id": Shown("ocpp_cb_id", "ocpp.cb_id"),
    "ocpp_auth_key": Shown("ocpp_auth_key", "ocpp.auth_key"),
    "ocpp_auto_auth": Shown("ocpp_auto_auth", "ocpp.auto_auth"),
    "ocpp_auto_auth_idtag": Shown("ocpp_auto_auth_idtag", "ocpp.auto_auth_idtag"),
    "mqtt_update": Shown(),
    "ocpp_update": Shown(),
}
"""Every parameter of POST /settings."""

NOT_HEARD = "it does not hear that now, or does not know it"


def query_to_wire(parameters: Mapping[str, str]) -> str:
    """Return parameters as they stand behind the question mark."""
    return urlencode(parameters)


def reply_from_wire(body: bytes) -> Json:
    """Return an answer's JSON; what is none is its text."""
    text = body.decode("utf-8", "replace").strip()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def results_from_reply(reply: Json, parameters: Mapping[str, str]) -> dict[str, str | None]:
    """Return by parameter None where it was taken, else why not."""
    return {name: _result(reply, name) for name in parameters}


def _result(reply: Json, name: str) -> str | None:
    shown = SHOWN.get(name, Shown(name))
    if not shown.reply:
        return None
    found: Json = reply
    for part in shown.reply.split("."):
        found = found.get(part, _ABSENT) if isinstance(found, dict) else _ABSENT
    if found is _ABSENT:
        return NOT_HEARD
    if name == "stop_timer":
        return None if found is True else NOT_ALLOWED
    return str(found) if found in (NOT_ALLOWED, NEEDS_OCPP) else None


def is_as_told(document: Document, name: str, text: str) -> bool | None:
    """Return whether a parameter reads back as it was told, None where no document shows it."""
    path = SHOWN.get(name, Shown()).path
    told = document.at(path) if path else None
    if told is None or name in _TIMES or text == _ITS_DEFAULT.get(name):
        return None
    wanted: Json = WANTED[name](text) if name in WANTED else text if isinstance(told, str) else integer_from_text(text)
    if isinstance(told, bool):
        return told is bool(wanted)
    return bool(told == wanted)


def _contactor_text(text: str) -> Json:
    number = integer_from_text(text)
    return CONTACTOR_TEXTS[Contactor(number)] if number in set(Contactor) else text


def _json(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _switched(text: str) -> str:
    return "Enabled" if integer_from_text(text) else "Disabled"


WANTED = {
    "disable_override_current": lambda _: 0,
    "enable_C2": _contactor_text,
    "intervals": _json,
    "custombutton": lambda text: integer_from_text(text) > 0,
    "mqtt_password": bool,
    "mqtt_tls": lambda text: text == "1",
    "ocpp_mode": _switched,
    "ocpp_auto_auth": _switched,
}
"""What the document shows for a parameter's text, where that is not the text or its number."""
