"""What a status says about charging, in the core's words. Everything that is not told, or cannot be true, is None.

`POLLED` are the keys that this needs. Nothing here waits or remembers; what takes two statuses to see (a blip that outlasts the
switch of phases, a clock that trembles) is the driver's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sunbox.core.model import ChargerReading, ChargerStatus
from sunbox.dialects.goe.decide import ADAPTER_A
from sunbox.dialects.goe.keys import Firmware
from sunbox.dialects.goe.quirks import NO_QUIRKS, Quirk
from sunbox.dialects.goe.wire import Energies, Status, is_number
from sunbox.dialects.goe.words import Car, Fault, Force, Logic, ModelStatus, PhaseMode

ESSENTIAL: tuple[str, ...] = ("car", "frc", "alw", "amp", "err", "nrg", "wh", "eto", "rbt", "modelStatus")
"""So many as the oldest firmware takes."""

POLLED: tuple[str, ...] = (
    *ESSENTIAL,
    *(
        "acs",
        "trx",
        "psm",
        "fsp",
        "pnp",
        "pha",
        "ama",
        "amt",
        "cbl",
        "adi",
        "var",
        "tcl",
        "loe",
        "loa",
        "dwo",
        "fwv",
        "typ",
    ),
)
"""What is read again and again."""

PRECONDITIONS: tuple[str, ...] = ("lmo", "fup", "acp")
"""What is read beside it where the charger follows the surplus that it is told."""

IDENTITY: tuple[str, ...] = ("sse", "fna", *PRECONDITIONS)
"""What is asked beside it at the start and by a probe."""

AMX = "v1:amx"
"""The current of API v1 that is not stored, as `legacy.py` keeps it."""

MOST_RUN_MS = 20 * 366 * 86_400_000
"""No box is older."""

FLOWING_A = 0.5
"""Less on a phase is noise of the measurement."""

LEAST_MAINS_V = 80.0
MOST_CURRENT_A = 80.0

_SLACK_W = 250.0
_LEAST_SHARE, _MOST_SHARE = 0.4, 1.2
"""Power is so much of volts times amps; firmware until 052 tells each phase in steps of 100 W."""

SWITCHING = frozenset({ModelStatus.SIMULATED_UNPLUG, ModelStatus.PHASE_SWITCH})

_LIMITING = frozenset({"cablecurrentlimit", "currentlimitmax", "temperaturecurrentlimit", "unsymetrycurrentlimit"})
"""Members of `cll` that limit whatever was asked for."""


def reading_from_status(
    status: Status,
    at: datetime,
    *,
    firmware: Firmware | None = None,
    quirks: frozenset[Quirk] = NO_QUIRKS,
    can_switch: bool = True,
) -> ChargerReading:
    """Return what a status says at `at`.

    Args:
        status: as it came, of API v2 or translated from v1.
        at: when it was told.
        firmware: of the device, where the status does not name it.
        quirks: of the device.
        can_switch: its owner lets its phases be switched.
    """
    energies = energies_of(status, quirks)
    is_idle = status.car is Car.IDLE
    return ChargerReading(
        measured_at=at,
        status=status_of(status, firmware),
        is_enabled=is_enabled(status),
        amps_set_a=amps_set_of(status),
        max_a=max_of(status, quirks),
        phases_set=phases_set_of(status) if can_switch else None,
        phases=phases_of(status, energies),
        current_a=None if energies is None else energies.amps_a,
        voltage_v=voltages_of(status),
        power_w=None if energies is None else energies.total_w,
        # some keep what the last car took until the next one comes
        energy_session_wh=None if is_idle else status.read("wh"),
        energy_total_wh=status.read("eto"),
        told=TOLD.get(status.force) if status.force is not None else None,
        holds=holds_of(status),
        is_switching=status.model_status in SWITCHING,
        started_at=_started_at(status, at),
        fault=fault_of(status, firmware),
    )


def _started_at(status: Status, at: datetime) -> datetime | None:
    since_boot_ms = status.read("rbt")
    if since_boot_ms is None or not 0 <= since_boot_ms <= MOST_RUN_MS:
        return None
    return at - timedelta(milliseconds=since_boot_ms)


# --- state -----------------------------------------------------------------------------------------------------------

_STATUSES: dict[Car, ChargerStatus] = {
    Car.IDLE: ChargerStatus.A,
    Car.CHARGING: ChargerStatus.C,
    Car.WAIT_CAR: ChargerStatus.B,
    Car.COMPLETE: ChargerStatus.B,  # after a pause as well: it says nothing about the car's battery
    Car.ERROR: ChargerStatus.E,
}


def status_of(status: Status, firmware: Firmware | None = None) -> ChargerStatus | None:
    """Return the state as in IEC 61851, None while the box does not know it (`car` null, 0, 6 or a number nobody knows).

    A fault makes E of a car that is plugged in and does not charge. One that charges does so whatever `err` says: old
    firmware keeps numbers there that are none.
    """
    found = None if status.car is None else _STATUSES.get(status.car)
    if found is ChargerStatus.B:
        fault = status.fault(firmware)
        if fault not in (None, Fault.NONE) or status.model_status is ModelStatus.ERROR:
            return ChargerStatus.E
    return found


def is_enabled(status: Status) -> bool | None:
    """Return whether it offers current, or would as soon as a car asks.

    `alw` says so, but for two moments: `frc` 1 counts before the logic has looked at it, and a switch of phases says no only
    for its pause.
    """
    if status.force is Force.OFF:
        return False
    if status.model_status in SWITCHING:
        return True
    allowed = status.read("alw")
    if allowed is not None:
        return bool(allowed)
    return True if status.force is Force.ON else None


TOLD: dict[Force, bool] = {Force.OFF: False, Force.ON: True}
"""What `frc` says that it was told; neutral is what it falls back to, which is nobody's word."""


def holds_of(status: Status) -> str | None:
    """Return in words why it offers nothing, by `modelStatus`; None if it does, or does not say."""
    if is_enabled(status) is not False or status.model_status is None:
        return None
    return status.model_status.name.lower().replace("_", " ")


def fault_of(status: Status, firmware: Firmware | None = None) -> str | None:
    """Return the fault in words, None if there is none, it is not told, or it does not keep a car from charging."""
    number = status.read("err")
    if not number or status.car is Car.CHARGING:
        return None
    fault = status.fault(firmware)
    return f"err {number}" if fault is None else fault.name.lower().replace("_", " ")


# --- current and phases ----------------------------------------------------------------------------------------------


def amps_set_of(status: Status) -> int | None:
    """Return the current that it was told: over v1 the one that is not stored counts, if there is one."""
    passing = status.raw.get(AMX)
    if isinstance(passing, str) and passing.isascii() and passing.isdigit() and 6 <= int(passing) <= 32:
        return int(passing)
    told = status.read("amp")
    return None if told is None else int(told)


def max_of(status: Status, quirks: frozenset[Quirk] = NO_QUIRKS) -> int | None:
    """Return the most current that it can offer, whatever it was told: `amp` has no part in it."""
    limits = [limit for limit in (_limit(status, name) for name in ("ama", "cbl")) if limit]  # 0 = not known
    limits += [limit for limit in (_limit(status, name) for name in ("amt", "tcl")) if limit is not None]
    if status.read("loe"):
        granted = _limit(status, "loa")
        limits += [] if granted is None else [granted]
    if status.raw.get("var") == 11 or (status.read("adi") and Quirk.ADAPTER_MEANS_NOTHING not in quirks):
        limits.append(ADAPTER_A)
    members = status.read("cll")
    if isinstance(members, dict):
        limits += [int(told) for name, told in members.items() if name.lower() in _LIMITING and is_number(told)]
    return min(limits, default=None)


def _limit(status: Status, name: str) -> int | None:
    told = status.read(name)
    return None if told is None or told < 0 else int(told)


def phases_set_of(status: Status) -> int | None:
    """Return to how many phases it is switched: as `psm` forces it; with auto, as `fsp` says that it came out.

    Where `fsp` is missing, auto is what flows (`pnp`), or not known. A box that is supplied with one phase cannot be switched.
    """
    supply = _supply_phases(status)
    if supply == 1:
        return None
    mode = status.phase_mode
    if mode is PhaseMode.ONE:
        return 1
    if mode is PhaseMode.THREE:
        return 3
    if mode is None:
        return None
    is_single = status.read("fsp")
    if is_single is not None:
        return 1 if is_single else 3
    flowing = status.read("pnp")
    return None if not flowing else 1 if flowing == 1 else 3


def _supply_phases(status: Status) -> int | None:
    """Return how many phases stand before the contactor, None if it does not tell."""
    told = status.read("pha")
    if not isinstance(told, list) or len(told) != 6 or not all(isinstance(each, bool) for each in told):
        return None
    return sum(told[3:]) or None


def phases_of(status: Status, energies: Energies | None) -> int | None:
    """Return on how many phases current flows, None if none does."""
    flowing = 0 if energies is None else sum(amps >= FLOWING_A for amps in energies.amps_a)
    if flowing:
        return flowing
    told = status.read("pnp")
    return int(told) if told and status.car is Car.CHARGING and energies is None else None


# --- energies --------------------------------------------------------------------------------------------------------


def voltages_of(status: Status) -> tuple[float, float, float] | None:
    """Return volts per phase; real also while idle, and None where no phase has mains."""
    energies = status.energies
    if energies is None or max(energies.volts_v) < LEAST_MAINS_V:
        return None
    return energies.volts_v


def energies_of(status: Status, quirks: frozenset[Quirk] = NO_QUIRKS) -> Energies | None:
    """Return what `nrg` says as far as it can be true, its total in `total_w`; None where it says nothing.

    The total is checked against volts times amps, for single-phase ones have been wrong (ISS 302); then the phases' sum counts.
    """
    told = status.energies
    if told is None or max(map(abs, told.amps_a)) > MOST_CURRENT_A:
        return None
    is_silent = not any(told.amps_a) and not any(told.powers_w) and not told.total_w
    if is_silent and status.car is Car.CHARGING and Quirk.ZEROS_WHILE_CHARGING in quirks:
        return None
    one, two, three = (max(0.0, amps) for amps in told.amps_a)
    return Energies(
        volts_v=told.volts_v,
        neutral_v=told.neutral_v,
        amps_a=(one, two, three),
        powers_w=told.powers_w,
        neutral_w=told.neutral_w,
        total_w=_total_w(told),
        power_factors_pct=told.power_factors_pct,
        neutral_factor_pct=told.neutral_factor_pct,
    )


def _total_w(told: Energies) -> float:
    apparent_w = sum(volts * max(0.0, amps) for volts, amps in zip(told.volts_v, told.amps_a, strict=True))
    if any(amps >= FLOWING_A for amps in told.amps_a) and apparent_w < LEAST_MAINS_V * FLOWING_A:
        return max(0.0, told.total_w)  # without volts there is nothing to check it against
    low_w, high_w = _LEAST_SHARE * apparent_w - _SLACK_W, _MOST_SHARE * apparent_w + _SLACK_W
    found_w = next((each_w for each_w in (told.total_w, sum(told.powers_w)) if low_w <= each_w <= high_w), apparent_w)
    return max(0.0, found_w)  # the total goes below zero for a moment at start and switch of phases (evcc 13378)


# --- its own surplus logic -------------------------------------------------------------------------------------------


def surplus_to_wire(grid_w: float, pv_w: float | None, battery_w: float | None) -> dict[str, float]:
    """Return the value of `ids`: grid + = import, battery + = discharging, as everywhere here; what is not known is left out."""
    told = {"pGrid": grid_w, "pPv": pv_w, "pAkku": battery_w}
    return {name: round(value, 1) for name, value in told.items() if value is not None}


def preconditions_of(status: Status) -> list[str]:
    """Return why a charger ignores the surplus that it is told, though it answers true; a key that is not told counts as right.

    Sources: goecharger/go-eCharger-API-v2 issues 208, 226, 326.
    """
    rows = (
        (status.read("fup") is False, "`fup` is false: switch on 'Use PV surplus' in the go-e app"),
        (status.logic not in (None, Logic.ECO), "`lmo` is not 4: choose Eco in the go-e app"),
        (
            status.force not in (None, Force.NEUTRAL),
            f"`frc` is {status.read('frc')}: a start or stop by hand holds; choose neutral",
        ),
        (status.read("acp") is False, "`acp` is false: it may not pause a charge; allow it in the go-e app"),
    )
    return [f"it ignores the surplus: {text}" for applies, text in rows if applies]
