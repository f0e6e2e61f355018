"""The golden traces of the firmware's own functions, if at hand (`SUNBOX_SHARED`), and the scripts of their scenarios."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("SUNBOX_SHARED", Path(__file__).parents[3] / "shared"))
TRACES = SHARED / "fixtures" / "smartevse" / "traces"

needs_traces = pytest.mark.skipif(
    not TRACES.is_dir() and not os.environ.get("CI"),  # in CI a missing file is a failure
    reason="the golden traces are not at hand (SUNBOX_SHARED)",
)

NORMAL, SOLAR, SMART = {"mode": 1}, {"mode": 2}, {"mode": 3}


def step(seconds: int, base: int | list[int] = 0, **more: Any) -> dict[str, Any]:
    """Return a step; one number is the current of each phase."""
    return {"seconds": seconds, "base_da": [base] * 3 if isinstance(base, int) else base, **more}


SCRIPTS: dict[str, list[dict[str, Any]]] = {
    "solar_basic": [
        step(20, settings={"stop_timer": 1}, **SOLAR),
        step(240, [-60, -70, -60]),
        step(120, -20),
        step(240, 10),
        step(200, -80),
    ],
    "solar_auto": [
        step(300, -40, settings={"enable_C2": 4, "stop_timer": 1}, **SOLAR),
        step(500, -120),
        step(400, -30),
    ],
    "solar_drop_in_delay": [step(10, -20, **SOLAR), step(20, 20), step(120, -20)],
    "solar_nostop": [step(150, -80, settings={"stop_timer": 0}, **SOLAR), step(300, 30)],
    "solar_battery": [step(150, battery_da=300, **SOLAR), step(120, battery_da=None)],
    "smart_basic": [
        step(120, [30, 20, 10], **SMART),
        step(60, [150, 20, 10]),
        step(90, [230, 20, 10]),
        step(200, [30, 20, 10]),
    ],
    "smart_hardshort": [step(60, [30, 20, 10], **SMART), step(120, [200, 20, 10]), step(120, [30, 20, 10])],
    "smart_overload2x": [step(60, [30, 20, 10], **SMART), step(60, [510, 20, 10])],
    "smart_capacity": [
        step(120, 20, settings={"current_max_sum_mains": 30}, **SMART),
        step(60, 90),
        step(120, 120),
        step(150, 20),
    ],
    "smart_capacity_timer": [
        step(120, 20, settings={"current_max_sum_mains": 30, "max_sum_mains_timer": 1}, **SMART),
        step(150, 120),
        step(150, 20),
    ],
    "normal_override": [
        step(30, **NORMAL),
        step(10, settings={"override_current": 83}),
        step(20, mode=4),
        step(30, **NORMAL),
        step(20, mode=0),
        step(5, plugged=False),
        step(30, plugged=True, **NORMAL),
        step(10, ev_full=True),
        step(5, plugged=False),
    ],
    "temp_high": [step(30, **NORMAL), step(20, temp_c=66), step(10, temp_c=56), step(30, temp_c=54)],
}
"""The scenarios as the traces' README tells them."""


def trace_of(name: str) -> list[dict[str, Any]]:
    """Return the rows of a trace."""
    return [json.loads(line) for line in (TRACES / f"{name}.jsonl").read_text("utf-8").splitlines()]
