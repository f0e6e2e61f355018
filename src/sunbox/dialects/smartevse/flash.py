"""What a box keeps when it is switched off, as a JSON document, and back: settings, colours, start times and counters.

Of secrets only whether there is one. What a document has that a box cannot have is left out and named; a box begins in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sunbox.dialects.smartevse.settings import MOST_INTERVALS
from sunbox.dialects.smartevse.state import COLORS, BoxState, Color, Setup
from sunbox.dialects.smartevse.table import Json
from sunbox.dialects.smartevse.words import Access, Capacity, Contactor, Regime

VERSION = 1
"""Of the document. A newer one is not read: what its keys mean is not known here."""

KEPT: Mapping[str, tuple[int, int]] = {
    "access": (min(Access), max(Access)),
    "regime": (min(Regime), max(Regime)),
    "current_min": (6, 16),
    "current_max_sum_mains": (0, 600),
    "max_sum_mains_time": (0, 60),
    "solar_start_current": (0, 48),
    "solar_max_import": (0, 48),
    "solar_stop_time": (0, 60),
    "override_da": (0, 800),
    "contactor": (min(Contactor), max(Contactor)),
    "capacity": (min(Capacity), max(Capacity)),
}
"""Settings that are kept, and what they can be."""

ENUMS = {"access": Access, "regime": Regime, "contactor": Contactor, "capacity": Capacity}
SECRETS = frozenset({"auth_key"})
STAND_IN = "*"
"""Stands for a secret whose text is not kept."""
VOLATILE = frozenset({"status"})
MOST_CHARS = 2048
MOST_WH = 10**12


@dataclass(frozen=True, slots=True)
class Restored:
    """A box as it was, and what of the document could not be used."""

    state: BoxState
    problems: tuple[str, ...] = ()


def document_from_state(state: BoxState) -> dict[str, Json]:
    """Return what is to be kept of a box."""
    return {
        "version": VERSION,
        "settings": {name: int(getattr(state.setup, name)) for name in KEPT},
        "start_at": None if state.start_at is None else state.start_at.isoformat(),
        "stop_at": None if state.stop_at is None else state.stop_at.isoformat(),
        "repeats": state.repeats,
        "colors": {name: list(color) for name, color in state.colors.items()},
        "is_lcd_locked": state.is_lcd_locked,
        "is_cable_locked": state.is_cable_locked,
        "intervals": [list(each) for each in state.intervals],
        "mqtt": {name: value for name, value in state.mqtt.items() if name not in VOLATILE},
        "has_mqtt_password": bool(state.mqtt_password),
        "has_mqtt_ca": state.has_mqtt_ca,
        "ocpp": {name: (STAND_IN if value else "") if name in SECRETS else value for name, value in state.ocpp.items()},
        "counters": {"total_wh": state.behind.ev_total_wh, "charged_wh": state.behind.ev_charged_wh},
    }


def is_worth_keeping_soon(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """Return whether more than counters differ: those change all the time, and memory wears out."""
    return {**old, "counters": None} != {**new, "counters": None}


def restored(state: BoxState, document: Mapping[str, Json]) -> Restored:
    """Return a box that goes on where the document ends.

    Args:
        state: as delivered.
        document: what was kept, by whatever version; nothing of it is trusted.
    """
    version = document.get("version")
    if version != VERSION:
        return Restored(state, (f"version {str(version)[:20]}: this one reads {VERSION}",))
    setup, problems = _setup(state.setup, _part(document, "settings"))
    counters = _part(document, "counters")
    behind = replace(
        state.behind,
        ev_total_wh=_amount(counters.get("total_wh")),
        ev_charged_wh=_amount(counters.get("charged_wh")),
    )
    return Restored(
        replace(
            state,
            setup=setup,
            behind=behind,
            start_at=_instant(document.get("start_at")),
            stop_at=_instant(document.get("stop_at")),
            repeats=document.get("repeats") is True,
            colors={**state.colors, **_colors(_part(document, "colors"))},
            is_lcd_locked=document.get("is_lcd_locked") is True,
            is_cable_locked=document.get("is_cable_locked") is True,
            intervals=_intervals(document.get("intervals")),
            mqtt={**state.mqtt, **_values(_part(document, "mqtt"), MQTT_TYPES)},
            mqtt_password=STAND_IN if document.get("has_mqtt_password") is True else state.mqtt_password,
            has_mqtt_ca=document.get("has_mqtt_ca") is True,
            ocpp=_values(_part(document, "ocpp"), OCPP_TYPES),
        ),
        tuple(problems),
    )


MQTT_TYPES: Mapping[str, type] = {"host": str, "port": int, "topic_prefix": str, "username": str, "tls": bool}
OCPP_TYPES: Mapping[str, type] = dict.fromkeys(
    ("mode", "backend_url", "cb_id", "auth_key", "auto_auth", "auto_auth_idtag"), str
)


def _part(document: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    part = document.get(name)
    return part if isinstance(part, dict) else {}


def _setup(setup: Setup, told: Mapping[str, Json]) -> tuple[Setup, list[str]]:
    """Return the settings with those of the document, each by itself, and what was wrong."""
    good: dict[str, Json] = {}
    problems: list[str] = []
    for name, (least, most) in KEPT.items():
        if name not in told:
            continue
        number = told[name]
        if isinstance(number, int) and not isinstance(number, bool) and least <= number <= most:
            good[name] = ENUMS[name](number) if name in ENUMS else number
        else:
            problems.append(f"{name}: it cannot have this value")
    return replace(setup, **good), problems


def _colors(told: Mapping[str, Json]) -> dict[str, Color]:
    found: dict[str, Color] = {}
    for name in COLORS:
        parts = told.get(name)
        if isinstance(parts, list) and len(parts) == 3 and all(_is_within(part, 255) for part in parts):
            found[name] = (parts[0], parts[1], parts[2])
    return found


def _intervals(told: Json) -> tuple[tuple[int, int], ...]:
    rows = told if isinstance(told, list) and len(told) <= MOST_INTERVALS else []
    good = [row for row in rows if isinstance(row, list) and len(row) == 2]
    return tuple((row[0], row[1]) for row in good if _is_within(row[0], 24 * 60 - 1) and _is_within(row[1], 65_535))


def _values(told: Mapping[str, Json], types: Mapping[str, type]) -> dict[str, Json]:
    return {
        name: told[name]
        for name, kind in types.items()
        if type(told.get(name)) is kind and not (kind is str and len(told[name]) > MOST_CHARS)
    }


def _instant(told: Json) -> datetime | None:
    try:
        at = datetime.fromisoformat(told) if isinstance(told, str) else None
        return None if at is None or at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_within(value: Json, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _amount(value: Json) -> int:
    return int(value) if _is_within(value, MOST_WH) else 0
