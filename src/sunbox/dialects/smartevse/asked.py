"""What people type about a box, checked before anything is sent, by trying it on a box like theirs.

The parameters are worked off by the same tables as those that clients tell (`settings.py`): what would be refused, or not be
heard, is not sent. Numbers must be numbers here, while the device reads a word as 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, tzinfo

from sunbox.dialects.smartevse.profiles import STANDARD, Profile
from sunbox.dialects.smartevse.replies import NOT_HEARD, SHOWN, results_from_reply
from sunbox.dialects.smartevse.settings import PARAMETERS, TIME_FORMAT, tell_settings
from sunbox.dialects.smartevse.state import Identity, Setup, first_state
from sunbox.dialects.smartevse.table import Json
from sunbox.dialects.smartevse.wire import Document
from sunbox.dialects.smartevse.words import CONTACTOR_TEXTS, Access, Contactor, Mode, Regime

ALLOWED: Mapping[str, str] = {
    **{parameter.name: parameter.allowed for parameter in PARAMETERS},
    "starttime": "a local time such as 2026-06-01T23:00, still to come, together with mode=1, 2 or 3",
    "stoptime": "a local time such as 2026-06-02T06:00, after starttime and together with it",
    "repeat": "0 or 1, together with stoptime",
    "mqtt_port": "0–65535",
    "mqtt_tls": "0, 1",
    "ocpp_mode": "0, 1",
    "ocpp_auto_auth": "0, 1",
}
"""What each parameter may be, in words."""

DANGEROUS: Mapping[str, str] = {"override_pwm": "moves the pilot past all that guards car and cable"}
"""Parameters that nobody tells by mistake."""

_NUMBERS = frozenset(
    {parameter.name for parameter in PARAMETERS if parameter.name != "intervals"}
    | {"mqtt_update", "mqtt_port", "mqtt_tls", "ocpp_mode", "ocpp_auto_auth", "repeat"}
)
_RANGES: Mapping[str, tuple[int, int]] = {
    "mqtt_port": (0, 65_535),
    "mqtt_tls": (0, 1),
    "ocpp_mode": (0, 1),
    "ocpp_auto_auth": (0, 1),
}
"""What the device itself does not look at."""
_TIMES = frozenset({"starttime", "stoptime"})
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")
_SECRETS = frozenset({"ocpp.auth_key"})
_HIDDEN = "***"


def problem_with_name(name: str) -> str | None:
    """Return why a parameter is none that is known, None if it is."""
    return None if name in SHOWN else f"{name!r} is no known parameter"


def text_from_word(name: str, text: str) -> str:
    """Return a parameter as it is sent: words of modes and of the second contactor stand for their numbers."""
    words = {}
    if name == "mode":
        words = {mode.name.lower(): str(int(mode)) for mode in Mode}
    if name == "enable_C2":
        words = {word.lower(): str(int(contactor)) for contactor, word in CONTACTOR_TEXTS.items()}
    return words.get(text.lower(), text)


def problem_with_text(name: str, text: str, others: Mapping[str, str]) -> str | None:
    """Return why a parameter cannot be told at all, with what is allowed; None if it can, as far as is known without the box."""
    problem = problem_with_name(name)
    if problem is not None:
        return problem
    if name in _NUMBERS and not _NUMBER.fullmatch(text):
        return f"{name}: {text!r} is no whole number; allowed: {_allowed(name)}"
    if name in _RANGES and not _RANGES[name][0] <= int(text) <= _RANGES[name][1]:
        return f"{name}: {text} is not allowed; allowed: {_allowed(name)}"
    if name in _TIMES:
        try:
            datetime.strptime(text, TIME_FORMAT)  # noqa: DTZ007 - only looked at
        except ValueError:
            return f"{name}: {text!r} is no time; allowed: {_allowed(name)}"
    needs = {"starttime": "mode", "stoptime": "starttime", "repeat": "stoptime"}.get(name)
    if needs is not None and needs not in others:
        return f"{name} is not heard without {needs}; allowed: {_allowed(name)}"
    if name == "starttime" and text_from_word("mode", others["mode"]) in ("0", "4"):
        return f"starttime needs a mode that charges; allowed: {_allowed(name)}"
    if name == "intervals":
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return f"intervals: {text!r} is no JSON; allowed: {_allowed(name)}"
    return None


def problem_at(document: Document, told: Mapping[str, str], now: datetime, zone: tzinfo) -> str | None:
    """Return why a box as this document shows it would not take the parameters of one request, None if it would.

    They are tried together, for what a mode or a limit among them allows or forbids counts for the others.

    Args:
        document: what the box says.
        told: the parameters.
        now: the instant; a start that is past delays nothing.
        zone: by whose clock start and stop are told.
    """
    tried = {name: text for name, text in told.items() if not name.startswith(("mqtt_", "ocpp_"))}
    contactor = tried.get("enable_C2")
    if contactor is not None and contactor not in {str(int(each)) for each in Contactor}:
        return f"enable_C2: {contactor} is not allowed; allowed: {_allowed('enable_C2')}"
    setup = _setup_of(document)
    if (intervals := tried.pop("intervals", None)) is not None:
        heard = tell_settings(first_state(now, setup), {"intervals": intervals}, Identity(), STANDARD)
        if not heard.state.intervals and intervals.replace(" ", "") != "[]":
            return f"intervals; allowed: {_allowed('intervals')}"
    heard = tell_settings(first_state(now, setup, zone=zone), tried, Identity(), _profile_of(document))
    reply = heard.reply or {}
    results = results_from_reply(reply, tried)
    for name, text in tried.items():
        word = "that is past, or not after the start" if name in _TIMES and reply.get(name) == 0 else results[name]
        if word is not None:
            reason = "in SOLAR it is not heard" if name == "override_current" and word == NOT_HEARD else word
            return f"{name}: {text}: {reason}; allowed: {_allowed(name)}"
    return None


def _allowed(name: str) -> str:
    return ALLOWED.get(name, "any text")


def _profile_of(document: Document) -> Profile:
    """Return the newest generation, or where PAUSE is not known one without it; what a firmware does not know, it says itself."""
    has_pause = not isinstance(document.at("evse.access"), bool)
    return STANDARD if has_pause else replace(STANDARD, number=(3, 7, 4))


def _setup_of(document: Document) -> Setup:
    """Return the settings that what is allowed depends on, as far as they are told."""
    setup = Setup()
    regime, access = document.regime, document.access
    kind = document.mains_meter
    return replace(
        setup,
        regime=regime if isinstance(regime, Regime) else setup.regime,
        access=access if isinstance(access, Access) else setup.access,
        current_min=document.read("settings.current_min") or setup.current_min,
        current_max=document.read("settings.current_max") or 80,
        loadbl=document.read("evse.loadbl") or 0,
        mains_meter=setup.mains_meter if kind is None else kind,
    )


def requests_of(parameters: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the parameters as requests: those of the broker go alone, for nothing else counts beside them."""
    broker = {name: text for name, text in parameters.items() if name.startswith("mqtt_")}
    others = {name: text for name, text in parameters.items() if name not in broker}
    if any(name.startswith("ocpp_") for name in others):
        others["ocpp_update"] = "1"
    if others:
        yield others
    if broker:
        yield {**broker, "mqtt_update": "1"}


def shown(path: str, value: Json) -> Json:
    """Return a value as it may be shown to anybody."""
    return _HIDDEN if path in _SECRETS and value else value


def hidden(document: Mapping[str, Json], before: str = "") -> dict[str, Json]:
    """Return a whole document as it may be shown to anybody."""
    return {
        name: hidden(value, f"{before}{name}.") if isinstance(value, dict) else shown(f"{before}{name}", value)
        for name, value in document.items()
    }
