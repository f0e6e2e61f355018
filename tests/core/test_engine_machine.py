"""Whatever happens in whatever order, the rules of the core hold.

Hypothesis drives `step` with arbitrary events. `SUNBOX_HYPOTHESIS=ci` looks longer. A failure prints the steps to repeat it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.core.bench import (
    CAR,
    CARPORT,
    HOME,
    HOUSE,
    NOON,
    SITE,
    TESLA,
    WORK,
    after_s,
    facts_of,
    remembered,
    settings_of,
    two_cars,
    with_budget,
)

from sunbox.core.belief import after, is_charging
from sunbox.core.circuits import device_cap
from sunbox.core.commands import KIND_OF, Cause, CommandName, Outcome, ReadKind
from sunbox.core.economy import is_affordable, spend_on
from sunbox.core.effects import Effect, HoldBattery, Read, Remember, Send
from sunbox.core.engine import answer, step
from sunbox.core.events import Began, CommandEnded, Event, LimitSet, MeterRead, ReadFailed, Requested, Tick, VehicleRead
from sunbox.core.model import (
    Availability,
    Charging,
    Limit,
    Memory,
    MeterReading,
    Mode,
    Override,
    SiteMemory,
    VehicleFacts,
    Wish,
)
from sunbox.core.reasons import render
from sunbox.core.session import CAR_APP
from sunbox.core.settings import (
    CircuitSettings,
    LoadpointSettings,
    MeterSettings,
    PhaseSwitch,
    Settings,
    VehicleSettings,
)
from sunbox.core.snapshot import snapshot
from sunbox.core.state import State
from sunbox.core.wallbox import Accepted, Request
from sunbox.gateway.journal import STATE

IS_CI = os.environ.get("SUNBOX_HYPOTHESIS") == "ci"
PROFILE = hypothesis_settings(
    max_examples=170 if IS_CI else 50,
    stateful_step_count=80 if IS_CI else 50,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)

SWITCHING = replace(TESLA, max_a=16, phase_switch=PhaseSwitch(), low_min_a=None)
FUSED = two_cars()
FUSED = replace(
    FUSED,
    site=replace(FUSED.site, main_fuse_a=35.0, unbalanced_a=20.0, battery_hold=True, battery_buffer_soc_pct=40.0),
    meters=(HOUSE, MeterSettings(id="yard", is_site=False)),
    circuits=(
        CircuitSettings(id="yard", max_a=24.0, meter="yard"),
        CircuitSettings(id="shed", parent="yard", max_w=6000.0),
    ),
    vehicles=tuple(replace(each, capabilities=SWITCHING) for each in FUSED.vehicles),
    loadpoints=tuple(
        replace(each, circuit=circuit, priority=number, mode=mode)
        for number, (each, circuit, mode) in enumerate(
            zip(FUSED.loadpoints, ("shed", "yard"), (Mode.MIN_PV, Mode.PV), strict=True)
        )
    ),
)
SITES = (
    settings_of(),
    FUSED,
    settings_of(
        site=replace(SITE, battery_priority_soc_pct=30.0, battery_charge_max_w=2500.0, battery_hold=True),
        vehicles=(replace(CAR, capabilities=SWITCHING),),
    ),
    settings_of(site=replace(SITE, main_fuse_a=25.0), loadpoints=(replace(CARPORT, max_a=16, min_a=6),)),
    settings_of(
        site=replace(SITE, battery_priority_soc_pct=50.0),
        meters=(HOUSE, MeterSettings(id="cloud", interval_s=60.0)),
        vehicles=(replace(CAR, assume_place="Home", capabilities=replace(TESLA, max_a=16), capacity_wh=40_000.0),),
    ),
    with_budget(per_month=0.2),
    with_budget(commands_per_day=5),
    two_cars(),
)
MEMORIES = (
    Memory(),
    remembered(facts_of()),
    remembered(facts_of(Charging.CHARGING), was_charging=True),
    remembered(facts_of(Charging.CHARGING), mode=Mode.NOW, override=Override.CHARGE, target_soc_pct=40),
    remembered(facts_of(Charging.DISCONNECTED), phases=None),
    remembered(None),
    replace(remembered(facts_of(phases_offered=1)), site=SiteMemory(limit=Limit(max_w=4200.0), is_battery_held=True)),
)
POWERS = st.none() | st.sampled_from([0.0, -0.0, 300.0, -1380.0, -4000.0, 7000.0, 1e7, -1e7]) | st.floats(-12e3, 12e3)
WAITS = st.sampled_from(
    [0.0, 0.001, 1.0, 5.0, 9.0, 10.0, 31.0, 61.0, 181.0, 301.0, 901.0, 3601.0, 86_400.0, 40 * 86_400.0]
)
RETRIES = st.none() | st.sampled_from([0.0, 1.0, 120.0, 1e6])
FACTS = st.fixed_dictionaries(
    {
        "charging": st.sampled_from([*Charging, Charging.CHARGING, Charging.STOPPED]),
        "soc_pct": st.none() | st.integers(0, 100),
        "limit_soc_pct": st.none() | st.sampled_from([50, 60, 70, 80, 100]),
        "amps_requested_a": st.none() | st.integers(0, 48),
        "amps_requested_max_a": st.none() | st.sampled_from([0, 5, 10, 16, 32, 48]),
        "pilot_a": st.none() | st.sampled_from([0, 6, 13, 16, 32]),
        "actual_a": st.none() | st.sampled_from([0.0, 1.0, 5.0, 10.0, 16.0, 32.0]),
        "voltage_v": st.none() | st.sampled_from([0.0, 2.0, 110.0, 230.0, 245.0, 400.0]),
        "power_w": st.none() | st.sampled_from([0.0, 1000.0, 4000.0, 7000.0, 11_000.0]),
        "phases": st.none() | st.sampled_from([1, 2, 3]),
        "phases_offered": st.none() | st.sampled_from([1, 3]),
        "energy_added_wh": st.none() | st.sampled_from([0.0, 1000.0, 20_000.0]),
        "is_fast_charger": st.sampled_from([None, False, False, False, True]),
        "is_driving": st.sampled_from([None, False, True]),
    }
)
POINTS = st.sampled_from([(HOME.lat, HOME.lon)] * 4 + [(WORK.lat, WORK.lon), (0.0, 0.0), (None, None)])
DEVICES = st.sampled_from(["car", "second"])


def memory_of(state: State) -> Memory:
    return Memory(
        site=state.memory,
        vehicles={id_: vehicle.memory for id_, vehicle in state.vehicles.items()},
        loadpoints={id_: lp.memory for id_, lp in state.loadpoints.items()},
    )


class Core(RuleBasedStateMachine):
    """The core, the store beside it, and what is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.state: State | None = None
        self.at = NOON
        self.told: list[tuple[Event, tuple[Effect, ...]]] = []
        self.stored = Memory()
        self.under_way: dict[str, Send | Read] = {}

    # Feeding ----------------------------------------------------------------------------------------------------------

    @initialize(settings=st.sampled_from(SITES), memory=st.sampled_from(MEMORIES))
    def begin(self, settings: Settings, memory: Memory) -> None:
        self.stored = memory
        self.feed(Began(at=self.at, settings=settings, memory=memory))

    def feed(self, event: Event) -> None:
        before = self.state
        self.at = max(self.at, event.at)
        state, effects = step(before, event)
        self.told.append((event, effects))
        self.state = state
        self.remember(effects)
        for effect in effects:
            if isinstance(effect, Send | Read):
                assert effect.device_id not in self.under_way, "two exchanges with one vehicle"
                self.under_way[effect.device_id] = effect
        self.check_effects(state, effects)
        if before is not None and not isinstance(event, Began):
            self.check_wishes(before, state, event)
            self.check_money(before, state, event)

    def remember(self, effects: tuple[Effect, ...]) -> None:
        for position, effect in enumerate(effects):
            if isinstance(effect, Remember):
                assert position == 0
                self.stored = Memory(
                    site=effect.memory.site or self.stored.site,
                    vehicles={**self.stored.vehicles, **effect.memory.vehicles},
                    loadpoints={**self.stored.loadpoints, **effect.memory.loadpoints},
                )
            elif isinstance(effect, Send):
                exchange = self.stored.vehicles[effect.device_id].exchange
                assert exchange is not None
                assert (exchange.id, exchange.command) == (effect.exchange_id, effect.command)

    # What happens -----------------------------------------------------------------------------------------------------

    @rule(wait_s=WAITS)
    def time_passes(self, wait_s: float) -> None:
        self.feed(Tick(at=after_s(wait_s, self.at)))

    @rule(times=st.integers(1, 5))
    def the_timer_is_served(self, times: int) -> None:
        for _ in range(times):
            if self.state is not None and self.state.due_at is not None:
                self.feed(Tick(at=self.state.due_at))

    @rule(
        grid_w=POWERS,
        pv_w=POWERS,
        battery_w=POWERS,
        soc_pct=st.none() | st.floats(0, 100),
        phases_a=st.none() | st.tuples(*[st.floats(-60, 60)] * 3),
        number=st.integers(0, 1),
        wait_s=st.sampled_from([0.0, 1.0, 10.0]),
        age_s=st.sampled_from([0.0, 0.0, 5.0, 120.0, -60.0]),
    )
    def a_meter_is_read(
        self,
        grid_w: float | None,
        pv_w: float | None,
        battery_w: float | None,
        soc_pct: float | None,
        phases_a: tuple[float, float, float] | None,
        number: int,
        wait_s: float,
        age_s: float,
    ) -> None:
        assert self.state is not None
        meters = self.state.settings.meters
        at = after_s(wait_s, self.at)
        reading = MeterReading(
            measured_at=after_s(-age_s, at),
            grid_w=grid_w,
            pv_w=pv_w,
            battery_w=battery_w,
            battery_soc_pct=soc_pct,
            grid_phases_a=phases_a,
        )
        self.feed(MeterRead(at=at, meter_id=meters[number % len(meters)].id, reading=reading))

    @rule(
        surplus_w=st.sampled_from([-2000.0, 500.0, 1500.0, 2500.0, 4500.0, 4500.0, 9000.0]),
        times=st.integers(1, 25),
        is_served=st.booleans(),
    )
    def the_sun_lasts(self, surplus_w: float, times: int, *, is_served: bool) -> None:
        for _ in range(times):
            self.at = after_s(10, self.at)
            reading = MeterReading(measured_at=self.at, grid_w=-surplus_w, pv_w=max(0.0, surplus_w + 300))
            self.feed(MeterRead(at=self.at, meter_id="house", reading=reading))
            if is_served:
                self.all_goes_well(2)

    @rule(times=st.integers(1, 6))
    def all_goes_well(self, times: int) -> None:
        """What is under way ends as it should: commands are done, the car is awake, plugged in, at home and as believed."""
        assert self.state is not None
        for _ in range(times):
            for device, effect in sorted(self.under_way.items()):
                del self.under_way[device]
                self.at = after_s(1, self.at)
                if isinstance(effect, Send):
                    ended = Outcome.UNCONFIRMED if effect.command.name is CommandName.WAKE else Outcome.APPLIED
                    self.feed(CommandEnded(at=self.at, device_id=device, exchange_id=effect.exchange_id, outcome=ended))
                else:
                    self.feed(
                        VehicleRead(
                            at=self.at,
                            vehicle_id=device,
                            exchange_id=effect.exchange_id,
                            what=effect.what,
                            availability=Availability.ONLINE,
                            facts=self.as_believed(device, self.at) if effect.what is ReadKind.DATA else None,
                            billed=1,
                        )
                    )

    def as_believed(self, device: str, at: datetime) -> VehicleFacts:
        assert self.state is not None
        known = self.state.vehicles[device].memory.facts
        if known is None or not known.is_plugged:
            return facts_of(at=at)
        flows = known.charging in (Charging.CHARGING, Charging.STARTING)
        return replace(
            known,
            measured_at=at,
            charging=Charging.CHARGING if flows else known.charging,
            voltage_v=230.0 if flows else 2.0,
            phases=1,
        )

    @rule(cause=st.sampled_from(Cause))
    def a_meter_fails(self, cause: Cause) -> None:
        self.feed(ReadFailed(at=self.at, device_id="house", exchange_id=None, what=ReadKind.DATA, cause=cause))

    @precondition(lambda self: self.under_way)
    @rule(
        data=st.data(),
        is_done=st.booleans(),
        outcome=st.sampled_from(Outcome),
        cause=st.none() | st.sampled_from(Cause),
        retry_after_s=RETRIES,
        wait_s=st.sampled_from([0.0, 1.0, 30.0]),
        billed=st.integers(0, 2),
    )
    def an_exchange_ends(
        self,
        data: st.DataObject,
        outcome: Outcome,
        cause: Cause | None,
        retry_after_s: float | None,
        wait_s: float,
        billed: int,
        *,
        is_done: bool,
    ) -> None:
        effect = self.under_way.pop(data.draw(st.sampled_from(sorted(self.under_way))))
        at = after_s(wait_s, self.at)
        if isinstance(effect, Send):
            self.feed(
                CommandEnded(
                    at=at,
                    device_id=effect.device_id,
                    exchange_id=effect.exchange_id,
                    outcome=Outcome.APPLIED if is_done else outcome,
                    cause=None if is_done else cause,
                    retry_after_s=retry_after_s,
                    billed=billed,
                )
            )
        elif is_done or cause is None:
            self.feed(self.reading(data, at, effect.device_id, effect.exchange_id, effect.what, billed))
        else:
            self.feed(
                ReadFailed(
                    at=at,
                    device_id=effect.device_id,
                    exchange_id=effect.exchange_id,
                    what=effect.what,
                    cause=cause,
                    retry_after_s=retry_after_s,
                    billed=billed,
                )
            )

    @rule(data=st.data(), device=DEVICES, what=st.sampled_from(ReadKind))
    def a_car_is_read_unasked(self, data: st.DataObject, device: str, what: ReadKind) -> None:
        assert self.state is not None
        if device in self.state.vehicles and device not in self.under_way:
            self.feed(self.reading(data, self.at, device, None, what, 0))

    @rule(device=DEVICES, back=st.integers(1, 50), outcome=st.sampled_from(Outcome), cause=st.sampled_from(Cause))
    def an_answer_comes_long_after(self, device: str, back: int, outcome: Outcome, cause: Cause) -> None:
        assert self.state is not None
        if device not in self.state.vehicles:
            return
        before = self.state.vehicles[device].memory
        late_id = self.state.next_exchange_id - back
        current = self.state.vehicles[device].exchange
        if current is None or current.id != late_id:
            self.feed(
                CommandEnded(at=self.at, device_id=device, exchange_id=late_id, outcome=outcome, cause=cause, billed=1)
            )
            now = self.state.vehicles[device].memory
            assert (now.facts, now.failures, now.not_before_at) == (before.facts, before.failures, before.not_before_at)

    @rule(
        loadpoint_id=st.sampled_from(["carport", "garage"]),
        mode=st.none() | st.sampled_from(Mode),
        override=st.none() | st.sampled_from([*Override, Override.CHARGE]),
        until_s=st.none() | st.sampled_from([-5.0, 30.0, 600.0]),
        amps_a=st.none() | st.sampled_from([3, 4, 10]) | st.integers(1, 34),
        target_soc_pct=st.none() | st.integers(0, 101),
    )
    def somebody_asks(
        self,
        loadpoint_id: str,
        mode: Mode | None,
        override: Override | None,
        until_s: float | None,
        amps_a: int | None,
        target_soc_pct: int | None,
    ) -> None:
        assert self.state is not None
        request = Request(
            loadpoint_id=loadpoint_id,
            by="tlwb",
            mode=mode,
            override=override,
            until_at=None if until_s is None else after_s(until_s, self.at),
            amps_a=amps_a,
            target_soc_pct=target_soc_pct,
        )
        reply = answer(self.state, request)
        if not isinstance(reply, Accepted):
            return
        self.feed(Requested(at=self.at, request=request))
        wish = self.state.loadpoints[loadpoint_id].memory.wish
        assert wish.version == reply.version
        for asked, got in ((mode, wish.mode), (override, wish.override), (amps_a, wish.amps_a)):
            assert asked in (None, got)
        again = answer(self.state, request)
        assert again == reply
        memory = self.state.loadpoints[loadpoint_id].memory
        self.feed(Requested(at=self.at, request=request))
        assert self.state.loadpoints[loadpoint_id].memory == memory
        asked_of = next(entry.vehicle_id for entry in self.state.settings.loadpoints if entry.id == loadpoint_id)
        assert not [e for e in self.told[-1][1] if isinstance(e, Send | Read) and e.device_id == asked_of]

    @rule(
        max_w=st.none() | st.sampled_from([0.0, 1380.0, 4200.0, 1e5]), until_s=st.none() | st.sampled_from([-5.0, 30.0])
    )
    def the_grid_operator_speaks(self, max_w: float | None, until_s: float | None) -> None:
        until_at = None if until_s is None else after_s(until_s, self.at)
        limit = None if max_w is None else Limit(max_w=max_w, until_at=until_at)
        self.feed(LimitSet(at=self.at, limit=limit))

    @rule()
    def the_gateway_is_killed_and_begins_again(self) -> None:
        assert self.state is not None
        self.under_way.clear()
        wishes = {id_: lp.memory.wish for id_, lp in self.state.loadpoints.items()}
        limit = self.state.memory.limit
        self.feed(Began(at=self.at, settings=self.state.settings, memory=self.stored))
        for id_, wish in wishes.items():
            assert self.state.loadpoints[id_].memory.wish == wish
        assert self.state.memory.limit == limit

    @rule()
    def the_state_goes_through_json(self) -> None:
        loaded = STATE.validate_json(STATE.dump_json(self.state))
        assert loaded == self.state
        self.state = loaded

    def reading(
        self, data: st.DataObject, at: datetime, device: str, exchange_id: int | None, what: ReadKind, billed: int
    ) -> VehicleRead:
        assert self.state is not None
        facts: VehicleFacts | None = None
        if what is ReadKind.DATA:
            if data.draw(st.booleans(), label="as believed"):
                age_s = data.draw(st.sampled_from([0.0, 0.0, 0.0, 600.0]))
                facts = self.as_believed(device, after_s(-age_s, at))
            else:
                latitude, longitude = data.draw(POINTS)
                facts = VehicleFacts(measured_at=at, latitude=latitude, longitude=longitude, **data.draw(FACTS))
        return VehicleRead(
            at=at,
            vehicle_id=device,
            exchange_id=exchange_id,
            what=what,
            availability=data.draw(st.sampled_from([*Availability, Availability.ONLINE, Availability.ONLINE])),
            facts=facts,
            billed=billed,
        )

    # What always holds ------------------------------------------------------------------------------------------------

    def check_effects(self, state: State, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, Remember):
                continue
            if isinstance(effect, HoldBattery):
                assert effect.is_held is state.memory.is_battery_held
                assert state.settings.site.battery_hold or not effect.is_held, "held against the owner's word"
                continue
            settings = next(entry for entry in state.settings.vehicles if entry.id == effect.device_id)
            memory = state.vehicles[settings.id].memory
            kind = effect.command.kind if isinstance(effect, Send) else KIND_OF[effect.what]
            if settings.capabilities.price.get(kind, 0.0) > 0:
                assert memory.not_before_at is None or memory.not_before_at <= state.at, "paid while held off"
                is_stop = isinstance(effect, Send) and effect.command.name is CommandName.STOP
                spend = spend_on(memory.spend, state.at, state.settings.site.timezone)
                assert is_stop or is_affordable(spend, settings.budget, settings.capabilities, kind), "beyond the line"
            if isinstance(effect, Send):
                self.check_command(state, settings, effect)

    def check_command(self, state: State, settings: VehicleSettings, effect: Send) -> None:
        name, value = effect.command.name, effect.command.value
        facts = state.vehicles[settings.id].memory.facts
        if name in (CommandName.START, CommandName.SET_AMPS):
            assert facts is None or facts.is_plugged is not False, "sent to an unplugged car"
        if name is CommandName.SET_LIMIT:
            assert value is not None
            assert settings.capabilities.limit_soc_min_pct <= value <= 100
        elif name is CommandName.SET_PHASES:
            assert settings.capabilities.phase_switch is not None
            assert value in (1, 3)
        elif name is CommandName.SET_AMPS:
            assert value is not None
            loadpoint = self.loadpoint_of(state, settings.id)
            lp = state.loadpoints[loadpoint.id]
            assert value >= (settings.capabilities.low_min_a or settings.capabilities.min_a)
            cap_a = device_cap(loadpoint, settings.capabilities, facts).amps_a
            if lp.is_acting:
                assert value <= max(cap_a, settings.capabilities.min_a)
            else:
                assert lp.memory.wish.amps_a is not None
                assert value <= max(lp.memory.wish.amps_a, settings.capabilities.min_a)
            if facts is not None:
                assert after(facts, effect.command).amps_requested_a == value

    def check_wishes(self, before: State, now: State, event: Event) -> None:
        for id_, lp in now.loadpoints.items():
            was, is_ = before.loadpoints[id_].memory.wish, lp.memory.wish
            if was == is_ or isinstance(event, Requested):
                continue
            assert is_.mode is was.mode
            assert self.is_a_reason(was, is_, now.at, event), f"{event} changed {was} to {is_}"

    @staticmethod
    def is_a_reason(was: Wish, now: Wish, at: datetime, event: Event) -> bool:
        is_expired = was.override_until_at is not None and was.override_until_at <= at and now.override is Override.NONE
        is_by_hand = now.override_by == CAR_APP and isinstance(event, VehicleRead)
        has_ended = (
            now.override is Override.NONE and now.amps_a is None and isinstance(event, VehicleRead | CommandEnded)
        )
        return is_expired or is_by_hand or has_ended

    def check_money(self, before: State, now: State, event: Event) -> None:
        is_free = not isinstance(event, VehicleRead | ReadFailed | CommandEnded) or event.billed == 0
        is_free = is_free or (isinstance(event, VehicleRead | ReadFailed) and event.what is ReadKind.STATE)
        for id_, vehicle in now.vehicles.items():
            was, is_ = before.vehicles[id_].memory.spend, vehicle.memory.spend
            if is_free and is_ is not None and is_.money_this_month > 0:
                assert was is not None
                assert is_.money_this_month <= was.money_this_month

    @staticmethod
    def loadpoint_of(state: State, vehicle_id: str) -> LoadpointSettings:
        return next(entry for entry in state.settings.loadpoints if entry.vehicle_id == vehicle_id)

    @invariant()
    def the_store_knows_all_that_must_survive(self) -> None:
        if self.state is not None:
            assert self.stored == memory_of(self.state)

    @invariant()
    def exchanges_are_what_is_under_way(self) -> None:
        if self.state is None:
            return
        for id_, vehicle in self.state.vehicles.items():
            effect = self.under_way.get(id_)
            assert (vehicle.exchange.id if vehicle.exchange else None) == (effect.exchange_id if effect else None)
            assert vehicle.memory.exchange == (vehicle.exchange if isinstance(effect, Send) else None)

    @invariant()
    def set_points_are_in_range_and_explained(self) -> None:
        if self.state is None:
            return
        assert self.state.due_at is None or self.state.due_at > self.state.at
        for loadpoint in self.state.settings.loadpoints:
            lp = self.state.loadpoints[loadpoint.id]
            capabilities = next(v for v in self.state.settings.vehicles if v.id == loadpoint.vehicle_id).capabilities
            most_a = min(capabilities.max_a, loadpoint.max_a or capabilities.max_a)
            if lp.set_point.charge:
                assert (capabilities.low_min_a or capabilities.min_a) <= lp.set_point.amps_a <= most_a
                assert 1 <= lp.set_point.phases <= 3
            else:
                assert lp.set_point.amps_a == 0
            for reason in (lp.reason, lp.held_by):
                assert reason is None or not set("{}") & set(render(reason))
            surplus = (lp.surplus_low_w, lp.surplus_high_w)
            assert surplus == (None, None) or surplus[0] <= surplus[1] + 1e-6  # type: ignore[operator]

    @invariant()
    def nobody_exceeds_what_the_grid_operator_allows(self) -> None:
        if self.state is None or self.state.memory.limit is None:
            return
        promised_w = 0.0
        for loadpoint in self.state.settings.loadpoints:
            lp, vehicle = self.state.loadpoints[loadpoint.id], self.state.vehicles[loadpoint.vehicle_id or ""]
            if lp.set_point.charge and lp.is_acting and is_charging(vehicle.memory.facts):
                promised_w += lp.set_point.amps_a * lp.set_point.phases * (vehicle.memory.voltage_v or 230.0)
        assert promised_w <= self.state.memory.limit.max_w + 1e-6

    @invariant()
    def draws_are_intervals(self) -> None:
        if self.state is not None:
            for vehicle in self.state.vehicles.values():
                assert all(0 <= piece.low_w <= piece.high_w for piece in vehicle.steps)
                assert len(vehicle.steps) < 300

    @invariant()
    def a_look_at_it_changes_nothing(self) -> None:
        if self.state is None:
            return
        before = repr(self.state)
        for seconds in (0.0, 100.0, 1e5):
            shown = snapshot(self.state, after_s(seconds, self.state.at))
            assert len(shown.loadpoints) == len(self.state.settings.loadpoints)
        assert repr(self.state) == before

    def teardown(self) -> None:
        """The same events again give the same states and effects."""
        state: State | None = None
        for event, effects in self.told:
            state, again = step(state, event)
            assert again == effects
        assert state == self.state


class TestCore(Core.TestCase):  # type: ignore[name-defined]
    settings = PROFILE


def test_a_state_continues_from_json_as_it_would_have() -> None:
    """A fixed walk: at each step the state that went through JSON decides the same."""
    values: dict[str, Any] = {"grid_w": -2500.0, "pv_w": 3000.0}
    state, _ = step(None, Began(at=NOON, settings=SITES[5], memory=MEMORIES[2]))
    at = NOON
    for number in range(300):
        at = after_s(10, at)
        values["grid_w"] = -2500.0 + (number % 40) * 150.0
        event: Event = MeterRead(at=at, meter_id="house", reading=MeterReading(measured_at=at, **values))
        if number % 9 == 4 and (exchange := state.vehicles["car"].exchange) is not None:
            if exchange.command is not None:
                event = CommandEnded(at=at, device_id="car", exchange_id=exchange.id, outcome=Outcome.APPLIED)
            else:
                event = VehicleRead(
                    at=at,
                    vehicle_id="car",
                    exchange_id=exchange.id,
                    what=exchange.read or ReadKind.STATE,
                    availability=Availability.ONLINE,
                    facts=facts_of(Charging.CHARGING, at=at) if exchange.read is ReadKind.DATA else None,
                )
        loaded = STATE.validate_json(STATE.dump_json(state))
        assert loaded == state
        state, effects = step(state, event)
        again, same = step(loaded, event)
        assert (again, same) == (state, effects)
