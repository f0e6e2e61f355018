"""A wallbox in memory that keeps the promises of `core/wallbox.py`: wishes change, versions count, waiting ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from sunbox.core.commands import Command
from sunbox.core.model import (
    Availability,
    ChargerStatus,
    ChargeSchedule,
    Charging,
    Limit,
    MeterReading,
    Mode,
    Override,
    VehicleDetails,
    VehicleFacts,
    Weekday,
)
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.wallbox import (
    Accepted,
    DayReport,
    DecisionPage,
    DecisionQuery,
    LoadpointSnapshot,
    MeterSnapshot,
    NotRecordedError,
    OrderedEnd,
    Pending,
    Rejected,
    Request,
    SetPoint,
    SiteSnapshot,
    SpendSnapshot,
    VehicleSnapshot,
)

AT = datetime(2025, 6, 21, 10, 30, tzinfo=UTC)
VIN = "LRW3F7EK4NC700000"


def make_vehicle(**changes: Any) -> VehicleSnapshot:
    vehicle = VehicleSnapshot(
        id="model3",
        name="Model 3",
        vin=VIN,
        availability=Availability.ONLINE,
        is_asleep=False,
        age_s=12.3,
        charging=Charging.STOPPED,
        is_plugged=True,
        soc_pct=67,
        limit_soc_pct=90,
        target_soc_pct=None,
        amps_requested_a=13,
        amps_requested_max_a=16,
        pilot_a=16,
        place="Home",
        place_tags=frozenset({"home", "pv"}),
        is_at_pv_place=True,
        is_at_fast_charger=False,
        login_required=False,
        spend=SpendSnapshot(
            money_today=0.024,
            money_this_month=0.61,
            money_projected=1.83,
            per_month=2.0,
            soft_line=0.15,
            daily_line=0.2,
            requests_today={"command": 4, "data": 0, "wake": 1},
            requests_this_month={"command": 210, "data": 80, "wake": 12},
            wakes_today=1,
            wakes_line=8,
        ),
    )
    return replace(vehicle, **changes)


SCHEDULES = (
    ChargeSchedule(
        id=7,
        name="Noon",
        days=(Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI),
        starts=True,
        start_min=660,
        ends=True,
        end_min=780,
        is_enabled=True,
        latitude=52.394,
        longitude=13.542,
    ),
    ChargeSchedule(id=1752393600, days=(Weekday.SUN, Weekday.WED), starts=True, start_min=65, end_min=0, is_once=True),
)


def make_facts(schedules: tuple[ChargeSchedule, ...] | None = SCHEDULES) -> VehicleFacts:
    """Return what a car said that tells its schedules, or does not (None)."""
    return VehicleFacts(measured_at=AT, details=VehicleDetails(schedules=schedules))


def make_loadpoint(**changes: Any) -> LoadpointSnapshot:
    """Return a loadpoint that is plugged in at home and waits for the sun."""
    loadpoint = LoadpointSnapshot(
        number=1,
        id="carport",
        name="Carport",
        mode=Mode.PV,
        override=Override.NONE,
        override_by=None,
        is_wished=True,
        version=3,
        is_settled=True,
        status=ChargerStatus.B,
        is_plugged=True,
        is_flowing=False,
        has_started=False,
        was_stopped=False,
        is_target_reached=False,
        is_pv_possible=True,
        amps_asked_a=None,
        set_point=SetPoint(),
        max_a=16,
        draw_a=0.0,
        voltage_v=2.0,
        phases=0,
        draw_w=0.0,
        energy_added_wh=0.0,
        pending=None,
        reason=Reason(
            ReasonCode.SURPLUS_LOW,
            {"surplus_w": 820.0, "needed_w": 1380, "amps_a": 6, "phases": 1, "voltage_v": 230},
        ),
        vehicle=make_vehicle(),
    )
    return replace(loadpoint, **changes)


CHARGING: dict[str, Any] = {
    "status": ChargerStatus.C,
    "is_flowing": True,
    "has_started": True,
    "set_point": SetPoint(charge=True, amps_a=13, phases=1),
    "draw_a": 13.0,
    "voltage_v": 233.0,
    "phases": 1,
    "draw_w": 3029.0,
    "energy_added_wh": 65_400.0,
    "reason": Reason(
        ReasonCode.CHARGING_PV, {"amps_a": 13, "surplus_w": 3100.0, "used_w": 3029, "phases": 1, "voltage_v": 233}
    ),
}
"""What makes the loadpoint above the example of the proposal."""


def make_meter(**changes: Any) -> MeterSnapshot:
    meter = MeterSnapshot(
        id="powerwall",
        age_s=37.0,
        is_cloud=True,
        interval_s=412.0,
        held_until_at=None,
        spend=SpendSnapshot(
            money_today=0.086,
            money_this_month=2.31,
            money_projected=4.9,
            per_month=5.0,
            soft_line=None,
            daily_line=0.45,
            requests_today={"data": 42, "command": 2},
            requests_this_month={"data": 1150, "command": 10},
            wakes_today=0,
            wakes_line=None,
        ),
    )
    return replace(meter, **changes)


def make_site(*loadpoints: LoadpointSnapshot, **changes: Any) -> SiteSnapshot:
    vehicles = {row.vehicle.id: row.vehicle for row in loadpoints if row.vehicle is not None}
    site = SiteSnapshot(
        at=AT,
        name="Home",
        grid_w=-820.0,
        pv_w=1250.0,
        battery_w=0.0,
        battery_soc_pct=80.0,
        house_w=430.0,
        limit=None,
        is_grid_stale=False,
        grid_age_s=4.0,
        surplus_w=820.0,
        loadpoints=loadpoints,
        vehicles=tuple(vehicles.values()),
    )
    return replace(site, **changes)


class NotebookDouble:
    """Keeps one document, as JSON as it would be on disk."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.saves = 0
        self.saved = asyncio.Event()
        self.fails: Exception | None = None

    def load(self) -> Any:
        return None if self.text is None else json.loads(self.text)

    async def save(self, document: Any) -> None:
        if self.fails is not None:
            raise self.fails
        self.text = json.dumps(document, allow_nan=False)
        self.saves += 1
        self.saved.set()


class WallboxDouble:
    """A wallbox without devices. `apply_wishes` stands for the world that carries out what was asked."""

    def __init__(self, *loadpoints: LoadpointSnapshot) -> None:
        self.site = make_site(*(loadpoints or (make_loadpoint(),)))
        self.requests: list[Request] = []
        self.orders: list[tuple[str, Command, str]] = []
        self.order_end: OrderedEnd | None = None  #: how every order ends; None = not in time
        self.readings: list[tuple[str, MeterReading]] = []
        self.notebooks: dict[str, NotebookDouble] = {}
        self.page = DecisionPage(())
        self.queries: list[DecisionQuery] = []
        self.days: dict[date | None, DayReport] = {}
        self.snapshots = 0  #: how often somebody looked
        self.waiting = 0  #: how many wait at present
        self.somebody_waits = asyncio.Event()
        self._change: asyncio.Event | None = None

    def snapshot(self) -> SiteSnapshot:
        self.snapshots += 1
        return self.site

    def loadpoint(self, loadpoint_id: str) -> LoadpointSnapshot:
        return next(row for row in self.site.loadpoints if row.id == loadpoint_id)

    def change(self, loadpoint_id: str, **changes: Any) -> None:
        """Make something so, and tell who waits."""
        changed = replace(self.loadpoint(loadpoint_id), **changes)
        rows = tuple(changed if row.id == loadpoint_id else row for row in self.site.loadpoints)
        self.site = replace(self.site, loadpoints=rows)
        if self._change is not None:
            self._change.set()
            self._change = None

    def request(self, request: Request) -> Accepted | Rejected:
        try:
            loadpoint = self.loadpoint(request.loadpoint_id)
        except StopIteration:
            ids = ", ".join(row.id for row in self.site.loadpoints)
            return Rejected("loadpoint_id", request.loadpoint_id, ids)
        if loadpoint.max_a == 0 and request.amps_a is not None:
            return Rejected("amps_a", str(request.amps_a), "nothing while the charger is locked")
        self.requests.append(request)
        wish: dict[str, Any] = {}
        if request.mode is not None:
            wish["mode"] = request.mode
        if request.override is not None:
            wish["override"] = request.override
            wish["override_by"] = None if request.override is Override.NONE else request.by
        if request.amps_a is not None:
            wish["amps_asked_a"] = request.amps_a
        if request.phases is not None:
            wish["phases_asked"] = request.phases or None
        if request.terms is not None:
            wish["terms"] = request.terms
        if request.target_soc_pct is not None and loadpoint.vehicle is not None:
            wish["vehicle"] = replace(loadpoint.vehicle, target_soc_pct=request.target_soc_pct)
        wished = replace(loadpoint, **wish)
        if wished == loadpoint:  # the same wish again changes nothing
            return Accepted(loadpoint.version)
        version = loadpoint.version + 1
        is_wished = wished.override is Override.CHARGE or (
            wished.override is Override.NONE and wished.mode is not Mode.OFF
        )
        pending = {Override.CHARGE: Pending.STARTING, Override.STOP: Pending.STOPPING}.get(wished.override)
        self.change(loadpoint.id, **wish, version=version, is_wished=is_wished, is_settled=False, pending=pending)
        return Accepted(version)

    def order(self, vehicle_id: str, command: Command, by: str) -> Accepted | Rejected:
        if len(self.orders) >= 8:
            return Rejected("command", command.name.value, "fewer than 8 orders waiting for the car")
        self.orders.append((vehicle_id, command, by))
        return Accepted(100 + len(self.orders))

    async def order_ended(self, vehicle_id: str, version: int, timeout_s: float) -> OrderedEnd | None:
        assert version == 100 + len(self.orders)
        return self.order_end

    def limit(self, limit: Limit | None) -> None:
        self.site = replace(self.site, limit=limit)

    def notebook(self, name: str) -> NotebookDouble:
        return self.notebooks.setdefault(name, NotebookDouble())

    def apply_wishes(self, loadpoint_id: str) -> None:
        """Carry out what is wished of a loadpoint."""
        loadpoint = self.loadpoint(loadpoint_id)
        done: dict[str, Any] = {"is_settled": True, "pending": None}
        if loadpoint.override is Override.CHARGE:
            amps_a = loadpoint.amps_asked_a or 16
            done |= CHARGING | {
                "set_point": SetPoint(charge=True, amps_a=amps_a, phases=1),
                "draw_a": float(amps_a),
                "draw_w": amps_a * 233.0,
                "was_stopped": False,
                "reason": Reason(ReasonCode.CHARGING_BY, {"amps_a": amps_a, "by": loadpoint.override_by or "?"}),
            }
        elif loadpoint.override is Override.STOP or loadpoint.mode is Mode.OFF:
            by = loadpoint.override_by
            done |= {
                "status": ChargerStatus.B,
                "is_flowing": False,
                "was_stopped": loadpoint.override is Override.STOP,
                "set_point": SetPoint(),
                "draw_a": 0.0,
                "draw_w": 0.0,
                "phases": 0,
                "reason": Reason(ReasonCode.STOPPED_BY, {"by": by}) if by else Reason(ReasonCode.MODE_OFF),
            }
        self.change(loadpoint_id, **done)

    def report(self, meter_id: str, reading: MeterReading) -> None:
        if meter_id != "house":
            raise KeyError(meter_id)
        self.readings.append((meter_id, reading))
        self.site = replace(self.site, grid_w=reading.grid_w)

    async def changed(self) -> None:
        if self._change is None:
            self._change = asyncio.Event()
        await self._change.wait()

    async def settled(self, loadpoint_id: str, version: int, timeout_s: float) -> bool:
        self.waiting += 1
        self.somebody_waits.set()
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    loadpoint = self.loadpoint(loadpoint_id)
                    if loadpoint.version >= version and loadpoint.is_settled:
                        return True
                    await self.changed()
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1
            if self.waiting == 0:
                self.somebody_waits.clear()

    async def decisions(self, query: DecisionQuery) -> DecisionPage:
        self.queries.append(query)
        return self.page

    async def day_report(self, day: date | None) -> DayReport:
        if day not in self.days:
            raise NotRecordedError(f"there is no journal of {day}; there are no journals")
        return self.days[day]
