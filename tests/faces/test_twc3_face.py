"""A loadpoint as a Wall Connector Gen 3: the fields that evcc reads, with the types of its decoder."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from wallbox_double import AT, CHARGING, WallboxDouble, make_loadpoint

from sunbox.core.model import ChargerStatus
from sunbox.core.wallbox import SetPoint
from sunbox.dialects.twc3.wire import vitals_to_wire
from sunbox.faces import twc3

TYPES: dict[str, type] = {
    "contactor_closed": bool,
    "vehicle_connected": bool,
    "session_s": int,
    "grid_v": float,
    "vehicle_current_a": float,
    "currentA_a": float,
    "currentB_a": float,
    "currentC_a": float,
    "voltageA_v": float,
    "voltageB_v": float,
    "voltageC_v": float,
    "uptime_s": int,
    "session_energy_wh": float,
    "config_status": int,
    "evse_state": int,
    "current_alerts": list,
}


class Wall:
    """The face, asked again and again."""

    def __init__(self, which: str | None = None, **loadpoint: Any) -> None:
        self.box = WallboxDouble(make_loadpoint(**loadpoint))
        self.app = twc3.create_app(self.box, which)

    def get(self, path: str = "/api/1/vitals", method: str = "GET") -> httpx2.Response:
        async def main() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8081") as client:
                return await client.request(method, path)

        return asyncio.run(main())

    def vitals(self, after_s: float = 0, **changes: Any) -> dict[str, Any]:
        self.box.change("carport", **changes)
        self.box.site = replace(self.box.site, at=AT + timedelta(seconds=after_s))
        answer = self.get()
        assert answer.status_code == 200
        vitals: dict[str, Any] = answer.json()
        return vitals


def evcc_power_w(vitals: dict[str, Any]) -> float:
    """Return what evcc makes of it: Σ I·V, or the workaround for split phase."""
    if not vitals["contactor_closed"]:
        return 0.0
    assert abs(vitals["voltageC_v"] - vitals["grid_v"] / 2) >= 25  # no split phase is seen where there is none
    return sum(vitals[f"current{name}_a"] * vitals[f"voltage{name}_v"] for name in "ABC")


@pytest.mark.parametrize(
    "loadpoint",
    [
        {},
        CHARGING,
        {"is_plugged": False, "voltage_v": None, "draw_a": None, "energy_added_wh": None, "status": ChargerStatus.A},
    ],
)
def test_every_field_has_its_type(loadpoint: dict[str, Any]) -> None:
    assert {key: type(value) for key, value in Wall(**loadpoint).vitals().items()} == TYPES


@pytest.mark.parametrize("phases", [1, 2, 3])
def test_power_is_that_of_the_loadpoint(phases: int) -> None:
    vitals = Wall(**{**CHARGING, "phases": phases}).vitals()
    assert evcc_power_w(vitals) == pytest.approx(phases * 13 * 233)
    assert (vitals["session_energy_wh"], vitals["vehicle_current_a"], vitals["grid_v"]) == (65_400, 13, 233)


def test_an_idle_car_draws_nothing_and_its_voltage_is_not_the_grids() -> None:
    vitals = Wall(voltage_v=2.0).vitals()
    assert (evcc_power_w(vitals), vitals["grid_v"], vitals["voltageA_v"]) == (0, 230, 0)


@pytest.mark.parametrize(
    ("loadpoint", "closed", "connected", "state"),
    [
        ({"is_plugged": False}, False, False, 1),
        ({}, False, True, 4),
        ({"set_point": SetPoint(charge=True, amps_a=6)}, False, True, 9),
        (CHARGING, True, True, 11),
        ({"is_target_reached": True}, False, True, 8),
        ({"status": ChargerStatus.F}, False, True, 7),
    ],
)
def test_states(*, loadpoint: dict[str, Any], closed: bool, connected: bool, state: int) -> None:
    vitals = Wall(**loadpoint).vitals()
    assert (vitals["contactor_closed"], vitals["vehicle_connected"], vitals["evse_state"]) == (closed, connected, state)


def test_the_session_lasts_from_plug_in_to_unplug() -> None:
    wall = Wall()
    assert wall.vitals()["session_s"] == 0
    assert [wall.vitals(60)[key] for key in ("session_s", "uptime_s")] == [60, 60]
    assert wall.vitals(70, is_plugged=False)["session_s"] == 0
    assert wall.vitals(80, is_plugged=True)["session_s"] == 0
    assert [wall.vitals(95, has_started=True)[key] for key in ("session_s", "uptime_s")] == [15, 95]
    assert wall.vitals(99, has_started=False)["session_s"] == 0  # another car, plugged in while nobody looked
    assert wall.vitals(90)["session_s"] == 0  # a clock that was set back


def test_what_is_not_there() -> None:
    answer = Wall().get("/api/1/lifetime")
    assert (answer.status_code, answer.json()) == (404, {"error": "there is nothing here"})
    answer = Wall().get(method="POST")
    assert (answer.status_code, answer.json()) == (405, {"error": "POST is not allowed"})
    assert answer.headers["allow"] == "GET"
    answer = Wall("garage").get()
    assert (answer.status_code, answer.json()) == (404, {"error": "there is no loadpoint garage"})
    empty = Wall()
    empty.box.site = replace(empty.box.site, loadpoints=())
    assert empty.get().json() == {"error": "there is no loadpoint"}


def test_the_loadpoint_is_the_first_or_the_one_that_is_named() -> None:
    box = WallboxDouble(make_loadpoint(), make_loadpoint(id="garage", number=2, is_plugged=False))
    for which, is_connected in ((None, True), ("carport", True), ("garage", False)):
        wall = Wall(which)
        wall.app = twc3.create_app(box, which)
        assert wall.get().json()["vehicle_connected"] is is_connected


def test_looking_changes_nothing() -> None:
    wall = Wall()
    wall.vitals()
    assert (wall.box.requests, wall.box.orders) == ([], [])


def test_a_car_that_is_plugged_in_elsewhere_is_not_at_this_one() -> None:
    plugged = vitals_to_wire(make_loadpoint(**CHARGING, is_here=True), session_s=1, uptime_s=1)
    assert (plugged["vehicle_connected"], plugged["contactor_closed"]) == (True, True)
    elsewhere = vitals_to_wire(make_loadpoint(**CHARGING, is_here=False), session_s=1, uptime_s=1)
    assert (elsewhere["vehicle_connected"], elsewhere["contactor_closed"]) == (False, False)
    assert elsewhere["currentA_a"] == elsewhere["voltageA_v"] == 0.0
