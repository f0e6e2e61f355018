"""The simulated SmartEVSE on the wire: it lives with the clock, obeys what it is told, and boots again when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from sunbox.dialects.smartevse.box import Box
from sunbox.dialects.smartevse.profiles import PROFILES, rows_of
from sunbox.dialects.smartevse.wire import document_from_wire, leaves, rows_missing
from sunbox.dialects.smartevse.words import Meter
from sunbox.simulator.clock import LoopClock, VirtualTimeLoop, run_in
from sunbox.simulator.smartevse_app import DEMO_SETUP, LiveSmartEvse, create_smartevse_app
from sunbox.simulator.smartevse_capacity import MonthlyPeak, interval_limit_a

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)


class Wire:
    """A client before a box."""

    def __init__(self, live: LiveSmartEvse, client: httpx2.AsyncClient) -> None:
        self.live, self._client = live, client

    async def look(self) -> dict[str, Any]:
        answer = await self._client.get("/settings")
        assert answer.status_code == 200
        document = answer.json()
        assert isinstance(document, dict)
        return document

    async def tell(self, path: str) -> Any:
        answer = await self._client.post(path)
        assert answer.status_code in {200, 202}
        return answer.json() if answer.headers["content-type"] == "application/json" else answer.text


def at_box(body: Callable[[Wire], Awaitable[None]], *, box: Box | None = None, **more: Any) -> None:
    """Run a test's body at a box in virtual time."""

    async def main() -> None:
        live = LiveSmartEvse(LoopClock(AT).now, box=box, is_plugged=True, **more)
        transport = httpx2.ASGITransport(create_smartevse_app(live))
        async with httpx2.AsyncClient(transport=transport, base_url="http://smartevse", timeout=10) as client:
            await body(Wire(live, client))

    run_in(VirtualTimeLoop, main())


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_it_charges_and_counts(profile: str) -> None:
    async def body(wire: Wire) -> None:
        await asyncio.sleep(3600)
        told = await wire.look()
        assert (told["mode"], told["evse"]["state"], told["car_connected"]) == ("NORMAL", "Charging", True)
        assert told["settings"]["charge_current"] == 160
        meter = told["ev_meter"]
        assert meter["currents"] == {"TOTAL": 480, "L1": 160, "L2": 160, "L3": 160}
        is_new = PROFILES[profile].has_watt_hours
        assert meter["import_active_power"] == (11_040 if is_new else 11.04)
        charged = meter["charged_wh"] if is_new else meter["charged_kwh"] * 1000
        assert 10_900 < charged < 11_040
        assert told["phase_currents"]["L1"] == 160

    at_box(body, box=Box(PROFILES[profile]))


def test_energy_begins_anew_with_each_car() -> None:
    async def body(wire: Wire) -> None:
        await asyncio.sleep(600)
        wire.live.sync()
        wire.live.car.is_plugged = False
        await asyncio.sleep(10)
        wire.live.sync()
        wire.live.car.is_plugged = True
        await asyncio.sleep(60)
        meter = (await wire.look())["ev_meter"]
        assert meter["charged_wh"] < 200
        assert meter["total_wh"] > 1800

    at_box(body)


def test_what_is_told_of_the_cars_meter_is_what_it_says() -> None:
    async def body(wire: Wire) -> None:
        await asyncio.sleep(600)
        before = (await wire.look())["ev_meter"]
        told = "L1=10&L2=11&L3=12&import_active_power=700&import_active_energy=50000&export_active_energy=10"
        reply = (await wire.tell(f"/ev_meter?{told}"))["ev_meter"]
        assert reply["total_kwh"] == 49_990, "in Wh, whatever it is called"
        await asyncio.sleep(30)
        meter = (await wire.look())["ev_meter"]
        assert meter["currents"] == {"TOTAL": 33, "L1": 10, "L2": 11, "L3": 12}
        assert (meter["import_active_power"], meter["total_wh"]) == (700, 49_990)
        assert (meter["import_active_energy"], meter["export_active_energy"]) == (50_000, 10)
        assert meter["charged_wh"] == before["charged_wh"], "a counter that begins elsewhere has charged nothing"
        await wire.tell("/ev_meter?import_active_power=700&import_active_energy=50300&export_active_energy=10")
        meter = (await wire.look())["ev_meter"]
        assert (meter["total_wh"], meter["charged_wh"]) == (50_290, before["charged_wh"] + 300)
        assert meter["currents"]["L2"] == 11
        await asyncio.sleep(70)
        assert (await wire.look())["evse"]["error_id"] == 0, "in NORMAL it is not missed"
        await wire.tell("/settings?mode=3")
        await asyncio.sleep(5)
        assert (await wire.look())["evse"]["error"] == "EV Meter Comm Error"

    at_box(body)


def test_a_start_time_switches_on_when_it_has_come() -> None:
    async def body(wire: Wire) -> None:
        reply = await wire.tell("/settings?mode=1&starttime=2024-06-17T11:00&stoptime=2024-06-17T11:30")
        assert list(reply) == ["stoptime", "starttime", "mode"]
        await asyncio.sleep(1800)
        told = await wire.look()
        assert (told["mode"], told["car_connected"], told["evse"]["state_id"]) == ("OFF", True, 0)
        await asyncio.sleep(1830)
        assert (await wire.look())["evse"]["state"] == "Charging"
        await asyncio.sleep(1800)
        told = await wire.look()
        assert (told["mode"], told["evse"]["state_id"], told["settings"]["stoptime"]) == ("OFF", 9, 0)

    at_box(body)


def test_a_quoted_start_time_charges_at_once() -> None:
    async def body(wire: Wire) -> None:
        await wire.tell('/settings?mode=1&starttime="2024-06-17T11:00"')
        await asyncio.sleep(30)
        assert (await wire.look())["evse"]["state"] == "Charging"

    at_box(body)


def test_it_reboots_after_the_car_and_forgets_the_override() -> None:
    async def body(wire: Wire) -> None:
        await wire.tell("/settings?override_current=83")
        await asyncio.sleep(30)
        assert (await wire.tell("/reboot")).startswith("Reboot scheduled")
        await asyncio.sleep(30)
        assert (await wire.look())["settings"]["override_current"] == 83
        await wire.tell("/settings?mode=4")
        await asyncio.sleep(30)
        told = await wire.look()
        assert (told["settings"]["override_current"], told["mode"]) == (0, "PAUSE")
        assert (await wire.tell("/reboot")).startswith("Device will reboot")

    at_box(body)


def test_the_pilot_in_somebodys_hands() -> None:
    async def body(wire: Wire) -> None:
        await asyncio.sleep(30)
        assert await wire.tell("/settings?override_pwm=200") == {"override_pwm": 200}
        await asyncio.sleep(10)
        assert (await wire.look())["evse"]["pwm"] == 200
        await wire.tell("/settings?override_pwm=-1")
        await asyncio.sleep(10)
        assert (await wire.look())["evse"]["pwm"] == 272

    at_box(body, box=Box(has_modem=True))


def test_a_box_that_nobody_looked_at_for_a_week_is_as_of_now() -> None:
    async def body(wire: Wire) -> None:
        await asyncio.sleep(7 * 86_400)
        assert (await wire.look())["evse"]["state"] == "Charging"
        assert (wire.live.state.at - AT).days == 7

    at_box(body)


def test_without_meters_nothing_is_measured_and_nothing_missed() -> None:
    async def body(wire: Wire) -> None:
        await asyncio.sleep(120)
        assert await wire.tell("/currents?L1=1&L2=2&L3=3") is None
        told = await wire.look()
        assert (told["evse"]["state"], told["evse"]["error_id"]) == ("Charging", 0)
        assert (told["ev_meter"]["description"], told["ev_meter"]["total_wh"]) == ("Disabled", 0)

    at_box(body, setup=replace(DEMO_SETUP, mains_meter=Meter.DISABLED, ev_meter=Meter.DISABLED))


def test_an_interval_of_the_day_limits_the_sum() -> None:
    async def body(wire: Wire) -> None:
        query = 'capacity_mode=2&mode=3&intervals=[{"start":0,"power":5000},{"start":660,"power":9300}]'
        assert await wire.tell(f"/settings?{query}") == {"capacity_mode": 2, "mode": "3"}
        await asyncio.sleep(1800)
        told = await wire.look()
        assert told["settings"]["current_max_sum_mains"] == 21
        # 7 A on three phases are 21 A
        assert 60 <= told["settings"]["charge_current"] <= 70
        await asyncio.sleep(2400)
        told = await wire.look()
        assert told["settings"]["current_max_sum_mains"] == 40
        assert 120 <= told["settings"]["charge_current"] <= 133

    at_box(body)


def test_the_peak_of_the_month_is_not_exceeded() -> None:
    peak = MonthlyPeak()
    at, wh = datetime(2024, 6, 17, 10, 0, tzinfo=UTC), 0.0
    assert peak.limit_a(at, wh) == 10  # (2500 - 100) / 230
    # half of it used in five minutes leaves less for the other ten
    assert peak.limit_a(at + timedelta(minutes=5), wh + 312.5) == 7
    assert peak.limit_a(at + timedelta(minutes=10), wh + 700) == 1
    # what was exceeded is paid for, so the next quarters may take as much
    assert peak.limit_a(at + timedelta(minutes=15), wh + 1000) == 16
    assert peak.limit_a(datetime(2024, 7, 1, tzinfo=UTC), wh + 1000) == 10


@pytest.mark.parametrize(("hour", "amps"), [(0, 9), (5, 9), (6, 20), (22, 9)])
def test_before_the_first_interval_the_last_goes_on(hour: int, amps: int) -> None:
    local = datetime(2024, 6, 17, hour, 30, tzinfo=UTC)
    assert interval_limit_a(((1260, 2200), (360, 4750)), local) == amps
    assert interval_limit_a((), local) is None


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_it_says_what_its_firmware_says(profile: str) -> None:
    async def body(wire: Wire) -> None:
        await asyncio.sleep(100)
        answer = await wire._client.get("/settings")
        document = document_from_wire(answer.content)
        assert document is not None
        assert document.unknown_paths == document.odd_paths == frozenset()
        assert rows_missing(document, rows_of(PROFILES[profile])) == frozenset()
        told = [path for path, _ in leaves(answer.json())]
        assert told == [row.path for row in rows_of(PROFILES[profile]) if row.path in told], "in its order"

    at_box(body, box=Box(PROFILES[profile]))
