"""What `sunbox check` says about a SmartEVSE, and what to do about its failures."""

from __future__ import annotations

from collections.abc import Callable

from sunbox.core.commands import Cause
from sunbox.core.model import ChargerReading
from sunbox.dialects.smartevse.reading import (
    has_ev_meter,
    is_ev_meter_silent,
    is_mains_meter_silent,
    listening_problem,
    mains_problem,
)
from sunbox.dialects.smartevse.state import LOAD_MASTER
from sunbox.dialects.smartevse.wire import Document
from sunbox.dialects.smartevse.words import METER_TEXTS, RFID_READERS, Contactor, Meter, Mode
from sunbox.drivers.charger import does_of
from sunbox.drivers.smartevse.settings import SmartEvseSettings

ADVICE: dict[Cause, str] = {
    Cause.UNREACHABLE: "check `url`, and that the box is on and in this network (`sunbox charger discover` finds it)",
    Cause.NO_ANSWER: "if it stays so, restart the box, or allow more with `timeout_s`",
    Cause.BUSY: "wait, and let fewer programs ask it",
    Cause.BAD_ANSWER: "check `url` in a browser: /settings answers JSON",
    Cause.NOT_FOUND: "check `url` in a browser: /settings answers JSON",
    Cause.SERVER_ERROR: "restart the box",
}
"""What to do about a failure, where its text does not say it."""


METER_FAULT_LEFT = (
    "communication error of its mains meter, which NORMAL does not end: tell it once what flows "
    "(`sunbox charger NAME currents`), or restart it"
)
"""The fault of a box in NORMAL whose meter was silent in another mode."""


def told_of(document: Document, reading: ChargerReading, settings: SmartEvseSettings, way: str) -> str:
    """Return one line about a box: who it is, what it does, and what its owner should know."""
    serial, version = document.read("serialnr"), document.read("version")
    who = f"SmartEVSE{f' {serial}' if serial else ''}{f', firmware {version}' if version else ''}, {way}"
    does = does_of(reading)
    mode = document.mode.name if isinstance(document.mode, Mode) else "unknown"
    return "; ".join([f"{who}: {does}, mode {mode}", *problems_of(document, reading, settings)])


_SILENT_MAINS = (
    "its mains meter ({mains_meter}) is silent, an error that stays in NORMAL: sunbox tells it once what flows where the meter is API "
    "and the site's grid is measured; else choose Disabled as MAINS MET and restart it"
)

Check = tuple[Callable[[Document, ChargerReading, SmartEvseSettings], bool], str]

_CHECKS: tuple[Check, ...] = (
    (
        lambda _, reading, settings: reading.max_a is not None and reading.max_a < settings.max_a,
        "it is set to {max_a} A at most",
    ),
    (
        lambda document, _, settings: (document.read("settings.current_min") or 0) > settings.min_a,
        "its least current (MIN in its menu) is {current_min} A; write min_a: {current_min}",
    ),
    (
        lambda document, _, __: (document.read("evse.loadbl") or 0) > LOAD_MASTER,
        "it is a node of another SmartEVSE and takes no current from sunbox: drive the master, or switch its load balancing off",
    ),
    (
        lambda document, _, __: document.read("evse.rfidreader") not in (None, RFID_READERS[0]),
        "it asks for a card: sunbox starts without one",
    ),
    (
        lambda document, _, __: document.mode is Mode.SOLAR,
        "its own solar mode is on: with a loadpoint, sunbox takes it over at its next word",
    ),
    (
        lambda document, _, settings: (
            settings.base_mode == "smart" and document.read("settings.mains_meter") == METER_TEXTS[Meter.DISABLED]
        ),
        "it has no mains meter and so no SMART: write base_mode: normal",
    ),
    (
        lambda document, _, settings: (
            not settings.feeds_currents
            and settings.base_mode != "normal"
            and document.read("settings.mains_meter") == METER_TEXTS[Meter.API]
            and mains_problem(document) is not None
        ),
        "its mains meter is API and nobody tells it what flows: write feeds_currents: true, or base_mode: normal",
    ),
    (
        lambda document, _, settings: (
            not settings.feeds_currents and settings.base_mode == "normal" and is_mains_meter_silent(document)
        ),
        _SILENT_MAINS,
    ),
    (
        lambda document, _, settings: (
            settings.can_switch_phases and document.contactor in (Contactor.SOLAR_OFF, Contactor.AUTO)
        ),
        "its second contactor ({contactor}) is switched by its own rules only in its solar mode; sunbox sets Always On or Always Off",
    ),
    (
        lambda document, _, __: document.at("ev_meter") is not None and not has_ev_meter(document),
        "it has no meter of the car: what it offers counts as what the car takes",
    ),
    (
        lambda document, _, __: is_ev_meter_silent(document),
        "its meter of the car is silent: mend it, or choose Disabled as EV METER and restart the box",
    ),
    (lambda document, _, __: bool(document.read("settings.starttime")), "a start time is set; a start now ends it"),
    (
        lambda document, _, __: bool(document.read("settings.current_max_sum_mains") not in (None, 0, 600)),
        "its limit of the mains' sum ({current_max_sum_mains} A) may hold it back",
    ),
)


def problems_of(document: Document, reading: ChargerReading, settings: SmartEvseSettings) -> list[str]:
    """Return what an owner should know."""
    words = {
        "max_a": reading.max_a,
        "current_min": document.read("settings.current_min"),
        "contactor": document.read("settings.enable_C2"),
        "current_max_sum_mains": document.read("settings.current_max_sum_mains"),
        "mains_meter": document.read("settings.mains_meter") or "unknown",
    }
    found = [text.format(**words) for applies, text in _CHECKS if applies(document, reading, settings)]
    deaf = listening_problem(document) if settings.feeds_currents else None
    return found if deaf is None else [*found, f"it does not listen to the currents of the mains: {deaf}"]
