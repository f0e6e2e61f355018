"""A simulated go-eCharger seen from outside: everything true of it, and what may be changed or befall it, as rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sunbox.dialects.goe.words import Fault
from sunbox.simulator.allowed import BOOL, integer, number
from sunbox.simulator.goe_charger import GoeCharger
from sunbox.simulator.wallbox_control import LONGEST_S, PHASES, TRUE, BoxKind, BoxRow, call_of_box, set_of_box

FAULTS: Mapping[str, Fault] = {fault.name.lower(): fault for fault in Fault if fault is not Fault.NONE}


def _is_fault(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value in FAULTS)


_FAULT: tuple[str, Callable[[Any], bool]] = (f"null or one of {', '.join(FAULTS)}", _is_fault)


def _set_fault(charger: GoeCharger, name: str | None) -> None:
    charger.fault = Fault.NONE if name is None else FAULTS[name]


def _reboot(charger: GoeCharger, _: bool) -> None:
    charger.reboot()


def _lose_force(charger: GoeCharger, _: bool) -> None:
    charger.lose_force()


BOX_ROWS: dict[str, BoxRow] = {
    "supply_phases": BoxRow(*PHASES, set_of_box("supply_phases")),
    "cable_a": BoxRow(*integer(6, 32), set_of_box("cable_a")),
    "adapter": BoxRow(*BOOL, set_of_box("has_adapter")),
    "unplugs_at_switch": BoxRow(*BOOL, set_of_box("unplugs_at_switch")),
    "ambient_c": BoxRow(*number(-40, 90), set_of_box("ambient_c")),
    "temperature_c": BoxRow(*number(-40, 150), set_of_box("temperature_c")),
    "fault": BoxRow(*_FAULT, _set_fault),
    "busy_s": BoxRow(*number(0, LONGEST_S), call_of_box("be_busy")),
    "lose_wifi_s": BoxRow(*number(0, LONGEST_S), call_of_box("lose_wifi")),
    "lose_force": BoxRow(*TRUE, _lose_force),
    "reboot": BoxRow(*TRUE, _reboot),
}
"""What may be changed of it, in the order in which it is applied."""


def box_truth(charger: GoeCharger) -> dict[str, Any]:
    """Return everything true of a box, as JSON."""
    state = charger.state
    return {
        "serial": state.values["sse"],
        "firmware": charger.box.profile.fwv,
        "plugged": charger.car.is_plugged,
        "phases": charger.closed_phases,
        "offered_a": charger.offered_a,
        "current_a": round(charger.car.current_a, 2),
        "draw_w": round(charger.draw_w, 1),
        "energy_wh": round(state.total_wh, 1),
        "session_wh": round(state.session_wh, 1),
        "phase_switches": charger.phase_switches,
        "supply_phases": charger.supply_phases,
        "cable_a": charger.cable_a,
        "installation_a": charger.installation_a,
        "adapter": charger.has_adapter,
        "unplugs_at_switch": charger.unplugs_at_switch,
        "ambient_c": charger.ambient_c,
        "temperature_c": round(charger.temperature_c, 1),
        "fault": None if charger.fault is Fault.NONE else charger.fault.name.lower(),
        "reachable": charger.is_reachable,
        "busy": charger.api_is_busy,
        "boots": state.boots,
        "told": {key: state.values[key] for key in ("frc", "amp", "psm", "acs", "trx", "dwo", "lmo", "fup")},
        "requests": {"reads": charger.asked.reads, "sets": charger.asked.sets},
    }


KIND = BoxKind(BOX_ROWS, box_truth)
