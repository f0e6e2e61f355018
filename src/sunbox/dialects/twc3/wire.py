"""A loadpoint in the words of a Wall Connector's `GET /api/1/vitals`.

Only fields that the gateway knows and clients read are written: numbers where a Wall Connector has numbers, never null, since
strict decoders know the types only. Sources: evcc `charger/twc3.go` (fields, types, split phase),
`home-assistant/core:homeassistant/components/tesla_wall_connector` (words of `evse_state`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from typing import Any

from sunbox.core.model import ChargerStatus
from sunbox.core.wallbox import LoadpointSnapshot

NOMINAL_V = 230.0
"""Told as voltage of the grid while nobody measures it; a car that does not charge says 1 to 2 V."""
LOWEST_GRID_V = 90.0
CONFIGURED = 5
"""`config_status` of a Wall Connector that is set up."""

PHASES = ("A", "B", "C")


class EvseState(IntEnum):
    """`evse_state`."""

    NOT_CONNECTED = 1
    READY = 4
    ERROR = 7
    FINISHED = 8
    WAITING_FOR_CAR = 9
    CHARGING = 11


STATES: tuple[tuple[EvseState, Callable[[LoadpointSnapshot], bool]], ...] = (
    (EvseState.ERROR, lambda row: row.status in (ChargerStatus.E, ChargerStatus.F)),
    (EvseState.NOT_CONNECTED, lambda row: not row.is_plugged),
    (EvseState.CHARGING, lambda row: row.is_flowing),
    (EvseState.FINISHED, lambda row: row.is_target_reached),
    (EvseState.WAITING_FOR_CAR, lambda row: row.set_point.charge),
    (EvseState.READY, lambda _: True),
)
"""First match wins."""


def vitals_to_wire(loadpoint: LoadpointSnapshot, *, session_s: int, uptime_s: int) -> dict[str, Any]:
    """Return the whole answer.

    Args:
        loadpoint: what is shown.
        session_s: since the car was plugged in; clients take a smaller number than before for another car.
        uptime_s: since the Wall Connector that is played began.
    """
    if loadpoint.is_here is False:  # what hangs on another socket does not hang on this one
        loadpoint = replace(loadpoint, is_plugged=False, is_flowing=False, draw_a=0.0, voltage_v=None)
    measured_v = loadpoint.voltage_v
    grid_v = measured_v if measured_v is not None and measured_v >= LOWEST_GRID_V else NOMINAL_V
    flowing_a = (loadpoint.draw_a or 0.0) if loadpoint.is_flowing else 0.0
    live = [loadpoint.is_flowing and index < loadpoint.phases for index in range(len(PHASES))]
    return {
        "contactor_closed": loadpoint.is_flowing,
        "vehicle_connected": loadpoint.is_plugged,
        "session_s": session_s,
        "grid_v": float(grid_v),
        "vehicle_current_a": float(flowing_a),
        **{f"current{name}_a": flowing_a if on else 0.0 for name, on in zip(PHASES, live, strict=True)},
        **{f"voltage{name}_v": float(grid_v) if on else 0.0 for name, on in zip(PHASES, live, strict=True)},
        "uptime_s": uptime_s,
        "session_energy_wh": round(loadpoint.energy_added_wh or 0.0, 3),
        "config_status": CONFIGURED,
        "evse_state": int(next(state for state, applies in STATES if applies(loadpoint))),
        "current_alerts": [],
    }
