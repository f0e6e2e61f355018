"""A whole gateway in virtual time in front of simulated SmartEVSEs: the real core, and the real driver over its HTTP client."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from starlette.responses import JSONResponse

from sunbox.app import REGISTRY, running
from sunbox.config.loader import load
from sunbox.core.model import Mode
from sunbox.core.wallbox import Request
from sunbox.dialects.smartevse.state import Setup
from sunbox.dialects.smartevse.words import Access, Regime
from sunbox.net.http import AsgiApp, client_factory
from sunbox.simulator.bench.smartevse import NOMINAL_V, Second, Turn
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.smartevse_app import LiveSmartEvse, create_smartevse_app

NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)
WARM_UP_S = 60
"""So long gateway and box run before the first second, with nothing asked for."""
EARLY_S = 0.3
"""The meter is read so long before each second in which the law is fed, so that nothing changes at that very instant."""
METER_URL = "http://192.168.0.20"


def box_url(number: int) -> str:
    """Return where a box answers."""
    return f"http://192.168.0.{76 + number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What an owner writes, beside the addresses."""

    setup: Setup  #: of every box
    mode: Mode  #: that is switched to as the first second begins
    charger: Mapping[str, Any] = field(default_factory=dict)
    loadpoint: Mapping[str, Any] = field(default_factory=dict)
    circuit_a: float | None = None  #: behind the main fuse, for all boxes


def by_sunbox(turns: Sequence[Turn], wiring: Wiring) -> list[Second]:
    """Return what sunbox makes of it. It begins to run with the first second, as the box's own law does."""
    return run_in(VirtualTimeLoop, _live(turns, wiring))


class _House:
    """House, boxes and cars, second by second, and the meter at the mains."""

    def __init__(self, clock: LoopClock, first: Turn, wiring: Wiring) -> None:
        is_normal = wiring.charger.get("base_mode") == "normal"
        regime = Regime.NORMAL if is_normal else Regime.SMART
        setup = replace(wiring.setup, access=Access.PAUSE, regime=regime)  # as sunbox leaves a box
        self.boxes = [LiveSmartEvse(clock.now, setup=setup) for _ in first.cars]
        for box in self.boxes:
            box.feeds_mains = False
        self.turn = first
        self.begin(first)

    def begin(self, turn: Turn) -> None:
        """Go on with the next turn."""
        self.turn = turn
        for box, behind in zip(self.boxes, turn.cars, strict=True):
            box.base_da = turn.base_da
            box.car.is_plugged, box.car.takes_da = behind.is_plugged, behind.takes_da

    def now(self) -> Second:
        """Return what is true now."""
        for box in self.boxes:
            box.sync()
        drawn_da = tuple(box.car.phase_currents_da(box.device) for box in self.boxes)
        return Second(self.turn.base_da, drawn_da, self.turn.battery_da or 0)

    async def meter(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer what flows."""
        phases_a = [current_da / 10 for current_da in self.now().mains_da]
        battery_da = self.turn.battery_da
        battery_w = None if battery_da is None else -battery_da / 10 * NOMINAL_V
        told = {"w": NOMINAL_V * sum(phases_a), "l": phases_a, "battery_w": battery_w}
        await JSONResponse(told)(scope, receive, send)


async def _live(turns: Sequence[Turn], wiring: Wiring) -> list[Second]:
    clock = LoopClock(NOON)
    house = _House(clock, turns[0], wiring)
    apps: dict[str, AsgiApp] = {METER_URL: house.meter}
    apps |= {box_url(number): create_smartevse_app(box) for number, box in enumerate(house.boxes)}
    seconds: list[Second] = []
    with tempfile.TemporaryDirectory(prefix="sunbox-bench-") as name:
        path = Path(name) / "sunbox.yaml"
        path.write_text(yaml.safe_dump(config_of(turns, wiring)), encoding="utf-8")
        await asyncio.sleep(turns[0].feed_s - EARLY_S)
        async with running(load(path, REGISTRY), client_factory(apps=apps), clock, is_virtual=True) as gateway:
            await asyncio.sleep(WARM_UP_S - turns[0].feed_s + EARLY_S)
            for loadpoint in gateway.snapshot().loadpoints:
                gateway.request(Request(loadpoint_id=loadpoint.id, by="bench", mode=wiring.mode))
            for turn in turns:
                house.now()
                house.begin(turn)
                for _ in range(turn.seconds):
                    await asyncio.sleep(1)
                    seconds.append(house.now())
    return seconds


def config_of(turns: Sequence[Turn], wiring: Wiring) -> dict[str, Any]:
    """Return the file that the owner of such a home writes."""
    setup, first = wiring.setup, turns[0]
    names = [f"box{number + 1}" for number in range(len(first.cars))]
    meter = {"driver": "http", "url": METER_URL, "interval_s": first.feed_s, "grid_w": "$.w"}
    meter |= {f"grid_l{number + 1}_a": f"$.l[{number}]" for number in range(3)}
    if first.battery_da is not None:
        meter["battery_w"] = "$.battery_w"
    circuits: list[dict[str, Any]] = []
    if wiring.circuit_a is not None:
        circuits.append({"id": "circuit", "max_a": wiring.circuit_a})
    meters = [{"id": "house", **meter}]
    if setup.current_max_sum_mains:
        quantities = {key: value for key, value in meter.items() if key != "battery_w"}
        meters.append({"id": "mains", **quantities})
        circuits.append({"id": "circuit", "max_w": setup.current_max_sum_mains * NOMINAL_V, "meter": "mains"})
    return {
        "site": {"name": "Bench", "timezone": "Europe/Berlin", "main_fuse_a": setup.current_main},
        "meters": meters,
        "circuits": circuits,
        "chargers": [
            {"id": name, "driver": "smartevse", "url": box_url(number), "max_a": setup.current_max, **wiring.charger}
            for number, name in enumerate(names)
        ],
        "loadpoints": [
            {
                "id": name,
                "charger": name,
                "mode": "off",
                **({"circuit": "circuit"} if circuits else {}),
                **wiring.loadpoint,
            }
            for name in names
        ],
        "store": "sqlite:///sunbox.db",
        "journal": {"enabled": False},
    }
