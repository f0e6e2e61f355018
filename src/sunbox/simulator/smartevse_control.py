"""A simulated SmartEVSE of the world seen from outside: everything true of it, and what may be changed or befall it, as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sunbox.dialects.smartevse.words import CONTACTOR_TEXTS, METER_TEXTS, STATE_LETTERS
from sunbox.simulator.allowed import integer, number
from sunbox.simulator.smartevse_house import BUTTON, HouseSmartEvse
from sunbox.simulator.wallbox_control import LONGEST_S, PHASES, TRUE, BoxKind, BoxRow, call_of_box, set_of_box


def _is_mode(value: Any) -> bool:
    return isinstance(value, str) and value in BUTTON


_MODE: tuple[str, Callable[[Any], bool]] = (f"one of {', '.join(BUTTON)}", _is_mode)


def _reboot(charger: HouseSmartEvse, _: bool) -> None:
    charger.reboot()


def _press(charger: HouseSmartEvse, mode: str) -> None:
    charger.press(mode)


BOX_ROWS: dict[str, BoxRow] = {
    "supply_phases": BoxRow(*PHASES, set_of_box("supply_phases")),
    "temp_c": BoxRow(*integer(-40, 150), set_of_box("temp_c")),
    "mode": BoxRow(*_MODE, _press),
    "busy_s": BoxRow(*number(0, LONGEST_S), call_of_box("be_busy")),
    "lose_wifi_s": BoxRow(*number(0, LONGEST_S), call_of_box("lose_wifi")),
    "lose_mains_s": BoxRow(*number(0, LONGEST_S), call_of_box("lose_mains")),
    "reboot": BoxRow(*TRUE, _reboot),
}
"""What may be changed of it, in the order in which it is applied."""


def box_truth(charger: HouseSmartEvse) -> dict[str, Any]:
    """Return everything true of it, as JSON."""
    charger.look()
    device, setup = charger.device, charger.device.setup
    return {
        "serial": str(charger.box.identity.serial),
        "firmware": charger.profile.version,
        "plugged": charger.car.is_plugged,
        "phases": charger.closed_phases,
        "offered_a": charger.offered_a,
        "current_a": round(charger.car.current_a, 2),
        "draw_w": round(charger.draw_w, 1),
        "energy_wh": round(charger.energy_wh, 1),
        "session_wh": round(charger.session_wh, 1),
        "phase_switches": charger.phase_switches,
        "supply_phases": charger.supply_phases,
        "temp_c": charger.temp_c,
        "mode": setup.mode.name.lower(),
        "state": STATE_LETTERS[device.state],
        "faults": [str(fault.name).lower() for fault in device.faults],
        "mains_a": [each_da / 10 for each_da in device.irms_da],
        "reachable": charger.is_reachable,
        "busy": charger.api_is_busy,
        "boots": charger.boots,
        "told": {
            "override_current": setup.override_da,
            "enable_C2": CONTACTOR_TEXTS[setup.contactor],
            "current_max": setup.current_max,
            "current_main": setup.current_main,
            "mains_meter": METER_TEXTS[setup.mains_meter],
            "ev_meter": METER_TEXTS[setup.ev_meter],
        },
        "requests": {"reads": charger.asked.reads, "sets": charger.asked.sets, "feeds": charger.asked.feeds},
    }


KIND = BoxKind(BOX_ROWS, box_truth)
