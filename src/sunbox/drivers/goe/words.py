"""What `sunbox check` says about a go-eCharger, and what to do about its failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sunbox.core.commands import Cause
from sunbox.core.model import ChargerReading
from sunbox.dialects.goe.reading import preconditions_of
from sunbox.dialects.goe.wire import Status
from sunbox.dialects.goe.words import Access, Logic
from sunbox.drivers.charger import does_of
from sunbox.drivers.goe.settings import GoeChargerSettings

ADVICE: dict[Cause, str] = {
    Cause.UNREACHABLE: "check `url`, and that the charger is on and in this network (`sunbox charger discover` finds it)",
    Cause.NO_ANSWER: "if it stays so, restart the charger (its web server is known to hang), or allow more with `timeout_s`",
    Cause.BUSY: "wait, and let fewer programs ask it",
    Cause.BAD_ANSWER: "check `url` in a browser: /api/status?filter=car answers JSON",
    Cause.SERVER_ERROR: "restart the charger",
}
"""What to do about a failure, where its text does not say it."""


class _Way(Protocol):
    @property
    def name(self) -> str: ...


def told_of(status: Status, reading: ChargerReading, settings: GoeChargerSettings, way: _Way) -> str:
    """Return one line about a charger: who it is, what it does, and what its owner should know."""
    name, serial = status.read("fna") or "go-eCharger", status.read("sse")
    firmware = status.read("fwv") or "unknown"
    who = f"{name}{f' {serial}' if serial else ''}, firmware {firmware}, {way.name}"
    does = does_of(reading)
    return "; ".join([f"{who}: {does}", *problems_of(status, reading, settings)])


Check = tuple[Callable[[Status, ChargerReading, GoeChargerSettings], bool], str]

_CHECKS: tuple[Check, ...] = (
    (
        lambda _, reading, settings: reading.max_a is not None and reading.max_a < settings.max_a,
        "at most {max_a} A at present (installation limit `ama`, cable, adapter or heat)",
    ),
    (
        lambda status, _, __: status.access is not None and status.access is not Access.OPEN,
        "access control is on (`acs`): sunbox starts without a card",
    ),
    (
        lambda status, _, __: status.read("loe") is True,
        "its load balancing is on (`loe`) and may give it less than sunbox asks for",
    ),
    (
        lambda status, _, settings: status.logic is Logic.ECO and not settings.feeds_surplus,
        "its own eco mode is on (`lmo` 4): choose Basic in the go-e app, so that only one decides",
    ),
    (lambda status, _, __: status.read("dwo") is not None, "it has an energy limit (`dwo`) and stops at it"),
)


def problems_of(status: Status, reading: ChargerReading, settings: GoeChargerSettings) -> list[str]:
    """Return what an owner should know."""
    found = [text.format(max_a=reading.max_a) for applies, text in _CHECKS if applies(status, reading, settings)]
    return found + (preconditions_of(status) if settings.feeds_surplus else [])
