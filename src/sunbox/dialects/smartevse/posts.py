"""The other requests that change something: currents, meters, colours, locks, cards; with the firmware's own answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sunbox.dialects.smartevse.state import (
    BATTERY_LASTS_S,
    QUARTERS,
    BoxState,
    Order,
    Reboot,
    SetDuty,
    TellBattery,
    TellEv,
    TellMains,
    Told,
)
from sunbox.dialects.smartevse.table import Json
from sunbox.dialects.smartevse.wire import begins_with_number, integer_from_text
from sunbox.dialects.smartevse.words import Meter, State

PHASES = ("L1", "L2", "L3")
ENERGIES = ("import_active_energy", "export_active_energy", "import_active_power")
NO_SLAVE = "not allowed on slave"
REBOOTS = "Device will reboot in 5 seconds..."
REBOOTS_LATER = "Reboot scheduled: Device will reboot 5 seconds after the EV stops charging..."
QUARTER_S = 900

_HEX = re.compile(r"[0-9a-fA-F]*")


def _numbers(parameters: Mapping[str, str], names: tuple[str, ...]) -> tuple[int, ...] | None:
    """Return some parameters as numbers, None unless all are there."""
    if any(name not in parameters for name in names):
        return None
    return tuple(integer_from_text(parameters[name]) for name in names)


def _are_numbers(parameters: Mapping[str, str], names: tuple[str, ...]) -> bool:
    """Return whether none of these is a word, which is answered as 0."""
    return all(begins_with_number(parameters[name]) for name in names)


def _three(numbers: tuple[int, ...]) -> tuple[int, int, int]:
    one, two, three = numbers
    return one, two, three


def tell_currents(state: BoxState, parameters: Mapping[str, str]) -> Told:
    """Apply a POST /currents: the home battery, and the mains if they are told this way."""
    reply: dict[str, Json] = {}
    orders: list[Order] = []
    setup, behind = state.setup, state.behind
    battery_da, battery_at = behind.battery_da, behind.battery_at
    if "battery_current" in parameters:
        if setup.is_node:
            reply["battery_current"] = NO_SLAVE
        else:
            battery_da, battery_at = integer_from_text(parameters["battery_current"]), state.at
            reply["battery_current"] = battery_da
            orders.append(TellBattery(battery_da, begins_with_number(parameters["battery_current"])))
    told = _numbers(parameters, PHASES)
    if setup.mains_meter is Meter.API and told is not None:
        if setup.is_node:
            reply["TOTAL"] = NO_SLAVE
        else:
            original_da = _three(told)
            mains_da = without_battery(state, original_da, battery_da, battery_at)
            orders.append(TellMains(original_da, _are_numbers(parameters, PHASES)))
            reply["original"] = dict(zip(PHASES, original_da, strict=True))
            reply |= dict(zip(PHASES, mains_da, strict=True))
            reply["TOTAL"] = sum(mains_da)
    return Told(state=state, reply=reply or None, orders=tuple(orders))


def without_battery(
    state: BoxState, irms_da: tuple[int, int, int], battery_da: int, battery_at: datetime | None
) -> tuple[int, int, int]:
    """Return the currents of the mains as the law sees them: without what charges the home battery, while that is known."""
    is_fresh = battery_at is not None and state.at - battery_at < timedelta(seconds=BATTERY_LASTS_S)
    return state.setup.without_battery(irms_da, battery_da if is_fresh else 0)


def tell_ev_meter(state: BoxState, parameters: Mapping[str, str]) -> Told:
    """Apply a POST /ev_meter, if the car's meter is told this way. Names stayed kwh, the values are Wh."""
    if state.setup.ev_meter is not Meter.API:
        return Told(state=state)
    meter: dict[str, Json] = {}
    orders: list[Order] = []
    currents = _numbers(parameters, PHASES)
    if currents is not None:
        orders.append(TellEv(currents_da=_three(currents), are_numbers=_are_numbers(parameters, PHASES)))
        meter["currents"] = {**dict(zip(PHASES, currents, strict=True)), "TOTAL": sum(currents)}
    energies = _numbers(parameters, ENERGIES)
    if energies is not None:
        imported_wh, exported_wh, power_w = energies
        orders.append(TellEv(power_w=power_w, imported_wh=imported_wh, exported_wh=exported_wh))
        total_wh = imported_wh - exported_wh
        started_wh = state.behind.ev_total_wh - state.behind.ev_charged_wh
        meter |= {
            "import_active_power": power_w,
            "import_active_energy": imported_wh,
            "export_active_energy": exported_wh,
            "total_kwh": total_wh,
            "charged_kwh": total_wh - started_wh,
        }
    return Told(state=state, reply={"ev_meter": meter} if meter else None, orders=tuple(orders))


def tell_color(state: BoxState, name: str, parameters: Mapping[str, str]) -> Told:
    """Apply a POST /color_…: all three parts, each from 0 to 255, or nothing."""
    parts = _numbers(parameters, ("R", "G", "B"))
    if parts is None or not all(0 <= part <= 255 for part in parts):
        return Told(state=state, reply={})
    changed = replace(state, colors={**state.colors, name: _three(parts)})
    return Told(state=changed, reply={"color": {name: dict(zip("RGB", parts, strict=True))}})


def tell_cable_lock(state: BoxState, parameters: Mapping[str, str]) -> Told:
    """Apply a POST /cablelock: a parameter `1` locks, anything else does not."""
    is_locked = "1" in parameters
    return Told(state=replace(state, is_cable_locked=is_locked), reply={"cablelock": int(is_locked)})


def tell_rfid(state: BoxState, parameters: Mapping[str, str]) -> Told:
    """Apply a POST /rfid: a card of 6 or 7 bytes, as if it were held to the reader."""
    if not state.rfid_reader:
        return Told(state=state, reply={"rfid_status": "RFID reader not enabled"})
    card = parameters.get("rfid")
    if card is None:
        return Told(state=state, reply={"rfid_status": "Missing rfid parameter"})
    if not _HEX.fullmatch(card):
        return Told(state=state, reply={"rfid_status": "Invalid RFID hex string"})
    if len(card) not in (12, 14):
        return Told(state=state, reply={"rfid_status": "Invalid RFID length"})
    changed = replace(state, rfid="Present", rfid_read=card)
    return Told(state=changed, reply={"rfid": card, "rfid_status": "Present"})


MOST_PERMILLE = 1000


def tell_modem(state: BoxState, parameters: Mapping[str, str]) -> Told:
    """Apply a POST /modem as the first document has it; no firmware does.

    `pwm` from 0 to 1000 ‰, or `override_pwm` of 1024; -1 gives the pilot back.
    """
    reply: dict[str, Json] = {}
    orders: list[Order] = []
    for name, most in (("pwm", MOST_PERMILLE), ("override_pwm", 1024)):
        if name in parameters and not orders:
            number = integer_from_text(parameters[name])
            if number <= most:
                duty = None if number < 0 else number * 1024 // most
                state = replace(state, duty=duty)
                orders.append(SetDuty(duty))
                reply[name] = number
    return Told(state=state, reply=reply or None, orders=tuple(orders))


def tell_reboot(state: BoxState) -> tuple[Told, int, str]:
    """Return what a /reboot does, its code and its text."""
    told = Told(state=state, orders=(Reboot(),))
    return (told, 202, REBOOTS_LATER) if state.behind.state is State.C else (told, 200, REBOOTS)


def power_day(state: BoxState) -> dict[str, Json]:
    """Return the answer to GET /power_day: a power per quarter of an hour, oldest first."""
    local = state.at.astimezone(state.zone)
    begin = local.replace(minute=local.minute // 15 * 15, second=0, microsecond=0)
    times = [begin - timedelta(seconds=QUARTER_S * (QUARTERS - number)) for number in range(QUARTERS)]
    rows = zip(times, state.powers_w, strict=True)
    return {"power_day": [{"time": f"{at:%H:%M}", "power": power_w} for at, power_w in rows]}
