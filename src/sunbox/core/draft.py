"""A working copy of the state within one step. Nothing outside the step sees it change."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sunbox.core.commands import KIND_OF, Command, CommandName, Exchange, ReadKind, RequestKind
from sunbox.core.economy import learned_wh, may_pay, spend_on, spend_with
from sunbox.core.effects import Effect, Read, Send
from sunbox.core.foresight import Outlook
from sunbox.core.model import Draw, LoadpointMemory, Spend, VehicleFacts, VehicleMemory, Wear
from sunbox.core.settings import LoadpointSettings, Settings, VehicleSettings, devices_of
from sunbox.core.state import LoadpointState, State, VehicleState
from sunbox.core.surplus import Balance, balance
from sunbox.core.values import replace


class Draft:
    """The state being worked on, the effects so far, and the next instant at which time alone matters."""

    __slots__ = (
        "_before",
        "_settings_of",
        "at",
        "began_at",
        "due_at",
        "effects",
        "grid_over_since_at",
        "grid_s",
        "house_w",
        "loadpoints",
        "memory",
        "meters",
        "next_id",
        "others",
        "others_w",
        "outlook",
        "settings",
        "site",
        "sun",
        "trend",
        "vehicles",
        "weighed_at",
    )

    def __init__(self, state: State, at: datetime) -> None:
        self._before = state
        self.settings: Settings = state.settings
        self._settings_of = devices_of(state.settings)
        self.began_at = state.began_at
        self.at = at
        self.meters = dict(state.meters)
        self.vehicles = dict(state.vehicles)
        self.loadpoints = dict(state.loadpoints)
        self.next_id = state.next_exchange_id
        self.others = state.others
        self.others_w = state.others_w
        self.memory = state.memory
        self.weighed_at = state.weighed_at
        self.trend = state.trend
        self.house_w = state.house_w
        self.grid_over_since_at = state.grid_over_since_at
        self.effects: list[Effect] = []
        self.due_at: datetime | None = None
        self.site: Balance
        self.grid_s: float  #: the instant of its grid reading, as the trend counts
        self.sun: Draw | None = None
        self.outlook: Outlook

    def wear_of(self, loadpoint_id: str) -> Wear:
        """Return what a loadpoint has done today."""
        wear = self.loadpoints[loadpoint_id].memory.wear
        today = self.today()
        return wear if wear is not None and wear.day == today else Wear(day=today)

    def today(self) -> date:
        """Return the site's own day."""
        return self.at.astimezone(self.settings.site.timezone).date()

    def freeze(self) -> State:
        """Return the state after the step."""
        return replace(
            self._before,
            at=self.at,
            meters=self.meters,
            vehicles=self.vehicles,
            loadpoints=self.loadpoints,
            next_exchange_id=self.next_id,
            others=self.others,
            others_w=self.others_w,
            memory=self.memory,
            sun=self.sun,
            weighed_at=self.weighed_at,
            trend=self.trend,
            house_w=self.house_w,
            grid_over_since_at=self.grid_over_since_at,
            due_at=self.due_at,
        )

    def weigh(self) -> None:
        """Take the site's balance from the meters as they are now."""
        self.site = balance(self.settings, self.meters, self.at)
        self.grid_s = 0.0 if self.site.grid_at is None else self.site.grid_at.timestamp()

    def wait_for(self, instant_at: datetime | None) -> None:
        """Ask to be called at an instant that is still to come."""
        if instant_at is not None and instant_at > self.at and (self.due_at is None or instant_at < self.due_at):
            self.due_at = instant_at

    def vehicle(self, vehicle_id: str, **changes: Any) -> VehicleState:
        """Replace fields of a vehicle's state and return it."""
        new = replace(self.vehicles[vehicle_id], **changes)
        self.vehicles[vehicle_id] = new
        return new

    def remember_vehicle(self, vehicle_id: str, **changes: Any) -> VehicleMemory:
        """Replace fields of a vehicle's memory and return it."""
        old = self.vehicles[vehicle_id]
        memory = replace(old.memory, **changes)
        self.vehicles[vehicle_id] = replace(old, memory=memory)
        return memory

    def loadpoint(self, loadpoint_id: str, **changes: Any) -> LoadpointState:
        """Replace fields of a loadpoint's state and return it."""
        new = replace(self.loadpoints[loadpoint_id], **changes)
        self.loadpoints[loadpoint_id] = new
        return new

    def remember_loadpoint(self, loadpoint_id: str, **changes: Any) -> LoadpointMemory:
        """Replace fields of a loadpoint's memory and return it."""
        old = self.loadpoints[loadpoint_id]
        memory = replace(old.memory, **changes)
        self.loadpoints[loadpoint_id] = replace(old, memory=memory)
        return memory

    def settings_of(self, vehicle_id: str) -> VehicleSettings:
        """Return the settings of a vehicle, or of a charger in the same terms."""
        return self._settings_of[vehicle_id]

    def facts_of(self, vehicle_id: str) -> VehicleFacts:
        """Return the facts of a vehicle that was read: one that never was is woken and read, and sent nothing else."""
        facts = self.vehicles[vehicle_id].memory.facts
        assert facts is not None  # noqa: S101 - read before the first command (`vehicle.reach`)
        return facts

    def holders_of(self, vehicle_id: str) -> list[LoadpointSettings]:
        """Return the loadpoints at which this is what is told to charge: a charger, or a vehicle that is its own."""
        return [lp for lp in self.settings.loadpoints if lp.device_id == vehicle_id]

    def spend_of(self, vehicle_id: str) -> Spend:
        """Return what a vehicle's requests have cost, as of now."""
        memory = self.vehicles[vehicle_id].memory
        budget = self.settings_of(vehicle_id).budget
        spend = spend_on(memory.spend, self.at, self.settings.site.timezone, budget)
        if spend is not memory.spend:
            shadow_wh = learned_wh(memory.shadow_wh, memory.spend, budget)
            self.remember_vehicle(vehicle_id, spend=spend, shadow_wh=shadow_wh)
        return spend

    def charge(self, vehicle_id: str, command: Command | None, read: ReadKind | None, billed: int) -> None:
        """Count `billed` paid requests of one exchange."""
        if billed <= 0:
            return
        from_kind = command.kind if command is not None else KIND_OF[read or ReadKind.DATA]
        price = self.settings_of(vehicle_id).capabilities.price
        self.remember_vehicle(vehicle_id, spend=spend_with(self.spend_of(vehicle_id), from_kind, billed, price))

    def send(self, vehicle_id: str, command: Command, attempt: int = 1, order_id: int | None = None) -> None:
        """Begin an exchange with a command; it is remembered, so that a restart knows of it."""
        pays = command.name is CommandName.STOP or self._may_pay(vehicle_id, command.kind)
        exchange = Exchange(
            id=self.next_id, command=command, sent_at=self.at, attempt=attempt, order_id=order_id, may_pay=pays
        )
        self.next_id += 1
        self.vehicle(vehicle_id, exchange=exchange, baseline_w=self.site.consumption_w)
        changes: dict[str, Any] = {"exchange": exchange}
        if command.name is CommandName.WAKE:
            spend = self.spend_of(vehicle_id)
            changes |= {"last_wake_at": self.at, "spend": replace(spend, wakes=spend.wakes + 1)}
        self.remember_vehicle(vehicle_id, **changes)
        self.effects.append(Send(device_id=vehicle_id, exchange_id=exchange.id, command=command, may_pay=pays))

    def read(self, vehicle_id: str, what: ReadKind, *, is_needed: bool = True) -> None:
        """Begin an exchange with a read; one of curiosity takes the free way or none, where there is one."""
        has_free_way = self.settings_of(vehicle_id).capabilities.has_free_way
        pays = (is_needed or not has_free_way) and self._may_pay(vehicle_id, KIND_OF[what])
        exchange = Exchange(id=self.next_id, read=what, sent_at=self.at, may_pay=pays)
        self.next_id += 1
        self.vehicle(vehicle_id, exchange=exchange)
        self.effects.append(Read(device_id=vehicle_id, exchange_id=exchange.id, what=what, may_pay=pays))

    def _may_pay(self, vehicle_id: str, kind: RequestKind) -> bool:
        """Return whether a request may take a way that is billed, if the free one fails."""
        settings = self.settings_of(vehicle_id)
        return may_pay(self.spend_of(vehicle_id), settings.budget, settings.capabilities, kind)
