"""How long a go-eCharger's face takes to answer: `python bench/goe.py [SECONDS]`.

A loadpoint that charges is asked over loopback with keep-alive, 200 times a second, by a server process that has one core
for itself: with the filter of evcc, and for every key. The wallbox is the tests' double, whose snapshot is free.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tlwb

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "faces"))

from wallbox_double import CHARGING, WallboxDouble, make_loadpoint

from sunbox.faces.goe import GoeFaceSettings, LoadpointBox, create_app

FILTERED = b"GET /api/status?filter=alw,car,eto,nrg,wh,trx,cards HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
FULL = b"GET /api/status HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


def make_app() -> Any:
    return create_app(LoadpointBox(WallboxDouble(make_loadpoint(**CHARGING)), GoeFaceSettings(port=5001)))


def measure(seconds: float, asks: bytes) -> tuple[float, float]:
    """Return requests per CPU second, and the 99th percentile in ms at 200 requests a second."""
    return tlwb.measure_loopback(seconds, make_app, asks)


if __name__ == "__main__":
    for name, asks in (("filtered", FILTERED), ("every key", FULL)):
        rate, p99_ms = measure(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0, asks)
        print(f"go-e status, {name}: {rate:,.0f} req/s of one core, p99 {p99_ms:.2f} ms at {tlwb.CALM_PER_S} req/s")
