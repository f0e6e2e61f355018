"""What must hold at every step of any site, each as a check of its own whose message names the numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from sunbox.core.belief import is_charging
from sunbox.core.commands import Command, CommandName, Outcome, RequestKind
from sunbox.core.economy import commands_line, daily_line
from sunbox.core.effects import Effect, Send
from sunbox.core.engine import step
from sunbox.core.events import Began, CommandEnded, Event, LimitSet, MeterRead, Requested, VehicleRead
from sunbox.core.foresight import AHEAD_MOST_S
from sunbox.core.model import Charging, Mode, Override, Wish
from sunbox.core.reasons import ReasonCode
from sunbox.core.regulator import WEIGHT_MOST
from sunbox.core.settings import Budget, CircuitSettings, LoadpointSettings
from sunbox.core.state import LoadpointState, State
from sunbox.core.surplus import balance
from sunbox.gateway.journal import STATE
from sunbox.simulator.battery import BatteryParams
from sunbox.simulator.bench.site import GRID, SiteRun
from sunbox.simulator.bench.site_car import Phases, SiteCar, Traits

EDGE_WH = 150.0
"""Most that a cloud edge may cost once the car could have been told."""
AMPS_GAP_S = 10.0
SURE_S = 60.0
"""Over which a car tells by itself how it is, at the latest."""
SUN_MODES = (Mode.PV, Mode.MIN_PV)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A site as its owner has it."""

    traits: list[Traits]
    loadpoints: list[dict[str, Any]]
    knows_wiring: bool
    site: dict[str, Any]
    fuses: dict[str, Any]
    circuits: list[CircuitSettings]
    battery: BatteryParams | None
    battery_wishes: dict[str, Any]
    budget: Budget
    price: float
    grid: dict[str, float]
    measures_phases: bool
    begins_at_h: int
    is_evenly_wired: bool


class WatchedSite(SiteRun):
    """A site whose every measurement is known to its checks as it truly was."""

    def __init__(self, *args: Any, checks: Checks, **options: Any) -> None:
        self.checks = checks
        super().__init__(*args, **options)

    def cars_a(self) -> Phases:
        """Return what all cars draw now per phase."""
        return self._cars_a(self.cars)

    def _note(self, dt_s: float, *powers: Any) -> None:
        super()._note(dt_s, *powers)
        self.checks.note_measured(self, dt_s, powers[3])


@dataclass(slots=True)
class Stretch:
    """Import of one car without a pause."""

    import_wh: float = 0.0  #: before it
    battery_wh: float = 0.0  #: before it, from the home battery
    wh: float = 0.0
    allowed_wh: float = 0.0


class Checks:
    """Looks at every step of a site, and at every measurement."""

    def __init__(self) -> None:
        self.site: WatchedSite | None = None
        self.setup: Setup
        self.before: State | None = None
        self.steps = 0
        self.told: list[tuple[Event, tuple[Effect, ...]]] = []
        self.told_from: bytes = b"null"
        self.others_a: dict[float, Phases] = {}  #: by instant of measurement, what all but the cars drew
        self.powers_changed_s = self.wish_changed_s = self.restarted_s = -1e9
        self.meter_bad_until_s = -1e9
        self.habits_changed_s: dict[str, float] = {}
        self.meter_is_well = True
        self.stretches: dict[str, Stretch] = defaultdict(Stretch)
        self.last: dict[str, dict[str, tuple[Command, Outcome | None]]] = defaultdict(dict)
        self.sent_today: Counter[tuple[str, Any]] = Counter()
        self.ups_today: Counter[tuple[str, Any]] = Counter()
        self.wishes: dict[str, Wish] = {}
        self.switched: dict[str, float] = {}  #: by loadpoint, when the sun last started or stopped it

    def begin(self, site: WatchedSite, setup: Setup) -> None:
        """Take the site that has just begun."""
        self.site, self.setup = site, setup
        self.before = site.state
        voltage_v = site.settings.site.voltage_v
        self.voltage_v = voltage_v
        self.loadpoints: dict[str, LoadpointSettings] = {each.id: each for each in site.settings.loadpoints}
        self.reaction_s = setup.grid["interval_s"] + setup.grid["delay_s"] + AMPS_GAP_S
        #: how long the whole chain from a change to the last car's current may take, a command under way included
        self.slowest_s = (
            self.reaction_s + max(2 * each.delay_s + each.lag_s for each in setup.traits) * len(setup.traits) + 30.0
        )

    # what happened outside ------------------------------------------------------------------------------------------

    def note_powers_change(self) -> None:
        """Sun or house have changed: an edge for every car that charges."""
        if self.site is None:
            return
        self.powers_changed_s = self.site.t_s
        for car in self.site.cars.values():
            self.stretches[car.id].allowed_wh += self._edge_wh(car)

    def _edge_wh(self, car: SiteCar) -> float:
        """Return what one edge may cost: what flows before anything can be done about it, and what the minimum may take."""
        traits, loadpoint = car.traits, self.loadpoints[car.id]
        learned_s = self.site.state.vehicles[car.id].memory.settle_s or 0.0 if self.site is not None else 0.0
        settle_s = max(25.0, learned_s) + (traits.gap_s + 15.0 if traits.can_switch else 0.0)
        late_s = self.reaction_s + 2 * traits.delay_s + traits.lag_s + settle_s
        phases = 3 if traits.can_switch else car.used_phases
        min_w = (max(traits.min_a, loadpoint.min_a or 0) + traits.extra_a) * phases * self.voltage_v
        return EDGE_WH + (max(car.draw_w, min_w) * late_s + min_w * loadpoint.min_run_s) / 3600.0

    def note_wish(self) -> None:
        """Somebody asks for something."""
        assert self.site is not None
        self.wish_changed_s = self.site.t_s

    def note_habit(self, car: SiteCar) -> None:
        """A car is plugged, unplugged, or like another one from now on."""
        assert self.site is not None
        self.habits_changed_s[car.id] = self.site.t_s

    def note_meter(self, *, is_well: bool) -> None:
        """The grid meter fails, or is well again."""
        assert self.site is not None
        if not self.meter_is_well or not is_well:
            self.meter_bad_until_s = self.site.t_s
        self.meter_is_well = is_well

    def note_restart(self) -> None:
        """The core is about to be killed."""
        assert self.site is not None
        self.restarted_s = self.site.t_s
        self.wishes = {lp_id: lp.memory.wish for lp_id, lp in self.site.state.loadpoints.items()}
        self.last.clear()
        self.switched.clear()

    def check_wishes_survived(self) -> None:
        """A wish survives a restart, unless its time was over."""
        assert self.site is not None
        for lp_id, wish in self.wishes.items():
            now = self.site.state.loadpoints[lp_id].memory.wish
            is_over = wish.override_until_at is not None and wish.override_until_at <= self.site.now
            assert now == wish or is_over, f"{lp_id}: {wish} became {now} by a restart"

    # each step ------------------------------------------------------------------------------------------------------

    def see(self, event: Event, state: State, effects: tuple[Effect, ...]) -> None:
        """Look at a step."""
        self.steps += 1
        before, self.before = self.before, state
        self._record(before, event, effects)
        if self.site is None or before is None:
            return
        if isinstance(event, CommandEnded):
            self._note_end(event)
        elif isinstance(event, VehicleRead):
            self._forget_what_was_undone(event)
        self.set_points_are_in_range(state)
        self.set_points_fit_the_circuits(state)
        self.set_points_fit_the_limit(state)
        if not isinstance(event, Began):
            self.nothing_rises_blindly(before, state, event)
            self.no_more_is_promised_than_there_is(before, state, event)
            self.starts_and_stops_keep_their_distance(before, state, event)
        for effect in effects:
            if isinstance(effect, Send):
                self.command_has_a_cause(before, state, effect)
                self.command_is_paid_for(before, state, effect)
                self.phases_are_switched_rarely(state, effect)
                self.rise_waits_for_the_fall(state, effect)
        self.currents_fit_the_circuits()

    def set_points_are_in_range(self, state: State) -> None:
        """Never between nothing and the minimum, never above what the car, its socket and its loadpoint allow."""
        assert self.site is not None
        for lp_id, lp in state.loadpoints.items():
            traits, settings = self.site.cars[lp_id].traits, self.loadpoints[lp_id]
            if not lp.set_point.charge:
                assert lp.set_point.amps_a == 0, f"{lp_id}: off with {lp.set_point.amps_a} A"
                continue
            amps = lp.set_point.amps_a
            assert amps >= traits.min_a, f"{lp_id}: {amps} A is below the minimum of {traits.min_a} A"
            most_a = min(traits.max_a, settings.max_a or traits.max_a)
            if lp.is_acting:
                assert amps <= most_a, f"{lp_id}: {amps} A is above {most_a} A ({lp.reason})"

    def _on(self, car: SiteCar, phases: int) -> tuple[int, ...]:
        """Return the indices of the site's phases that a car loads when it is offered so many."""
        used = min(car.traits.phases, phases, 3)
        return tuple((car.traits.first_phase - 1 + number) % 3 for number in range(used))

    def _promised_a(self, state: State, cars: set[str]) -> Phases:
        assert self.site is not None
        amps = [0.0, 0.0, 0.0]
        for lp_id in cars:
            lp = state.loadpoints[lp_id]
            if lp.set_point.charge and lp.is_acting and not self._is_out(state, lp_id):
                for phase in self._on(self.site.cars[lp_id], lp.set_point.phases):
                    amps[phase] += lp.set_point.amps_a
        return (amps[0], amps[1], amps[2])

    def _is_out(self, state: State, car_id: str) -> bool:
        """Return whether a car cannot charge now as far as the core knows: what it is promised is worth nothing to it."""
        vehicle = state.vehicles[car_id]
        facts = vehicle.memory.facts
        if facts is None or is_charging(facts):
            return False
        waits = (vehicle.start_retry_at, vehicle.memory.not_before_at)
        return (
            facts.charging in (Charging.COMPLETE, Charging.NO_POWER, Charging.DISCONNECTED)
            or CommandName.START in vehicle.refused
            or any(until_at is not None and state.at < until_at for until_at in waits)
        )

    def _others_now(self, state: State) -> Phases | None:
        """Return what all but the cars drew when the reading in use was measured; None while the core cannot know."""
        assert self.site is not None
        now = balance(state.settings, state.meters, state.at)
        if now.is_stale or now.grid_at is None:
            return None
        return self.others_a.get(round((now.grid_at - self.site.instant(0)).total_seconds(), 3))

    def _is_quiet(self, seconds: float) -> bool:
        """Return whether nothing was wrong for so long: no fault, no restart, no car with a new habit."""
        assert self.site is not None
        t_s = self.site.t_s
        last_s = max(self.restarted_s, self.meter_bad_until_s, *self.habits_changed_s.values(), -1e9)
        return self.meter_is_well and t_s - last_s > seconds and t_s > seconds

    def _is_plain(self) -> bool:
        """Return whether all cars do as they are told."""
        assert self.site is not None
        return all(
            not each.traits.refuses
            and each.traits.extra_a == 0
            and each.traits.step_a == 1
            and each.traits.most_w > each.max_power_w - 1
            and each.traits.capacity_wh is None
            and each.traits.hang_s == 0
            for each in self.site.cars.values()
        )

    def set_points_fit_the_circuits(self, state: State) -> None:
        """What is promised and what the house drew at the last reading stay within each fuse, at every step."""
        assert self.site is not None
        if not self._is_quiet(SURE_S) or not self._is_plain():
            return
        main_a = state.settings.site.main_fuse_a
        others = self._others_now(state) if main_a is not None else None
        if main_a is not None and others is not None:
            promised = self._promised_a(state, set(self.site.cars))
            for phase in range(3):
                total_a = promised[phase] + others[phase] if promised[phase] else 0.0
                assert total_a <= main_a + 0.1, (
                    f"L{phase + 1}: {promised} A promised, {others} A others, fuse of {main_a} A"
                )
        for circuit in state.settings.circuits:
            if circuit.max_a is None or circuit.meter is not None:
                continue
            cars = {each.id for each in state.settings.loadpoints if each.circuit == circuit.id}
            promised = self._promised_a(state, cars)
            assert max(promised) <= circuit.max_a, f"{promised} A promised behind a fuse of {circuit.max_a} A"

    def set_points_fit_the_limit(self, state: State) -> None:
        """All that is promised stays within what the grid operator allows, from the same instant on."""
        assert self.site is not None
        limit = state.memory.limit
        if limit is None or (limit.until_at is not None and limit.until_at <= state.at):
            return
        promised_w = {
            lp_id: lp.set_point.amps_a * len(self._on(self.site.cars[lp_id], lp.set_point.phases)) * self.voltage_v
            for lp_id, lp in state.loadpoints.items()
            if lp.set_point.charge and lp.is_acting and not self._is_out(state, lp_id)
        }
        assert sum(promised_w.values()) <= limit.max_w, f"{promised_w} W promised, {limit.max_w} W allowed"

    def currents_fit_the_circuits(self) -> None:
        """True currents stay within each fuse, save for as long as it takes to see and to tell that others have changed."""
        assert self.site is not None
        site, settings = self.site, self.site.settings
        if settings.site.main_fuse_a is None and not settings.circuits:
            return
        if site.t_s - self.powers_changed_s <= self.slowest_s or not self._is_quiet(2 * self.slowest_s + SURE_S):
            return
        if not self._is_plain():
            return
        cars_a = site.cars_a()
        main_a = settings.site.main_fuse_a
        if main_a is not None:
            amps = site.phases_a()
            over = [phase for phase in range(3) if amps[phase] > main_a + 0.1 and cars_a[phase] > 0]
            assert not over, f"{amps} A through a fuse of {main_a} A, {cars_a} A of it cars"

    def rise_waits_for_the_fall(self, state: State, effect: Send) -> None:
        """A car is told more only once the others have come down: what all may be drawing while it rises fits."""
        assert self.site is not None
        main_a = state.settings.site.main_fuse_a
        if main_a is None or effect.command.name not in (CommandName.START, CommandName.SET_AMPS):
            return
        car = self.site.cars[effect.device_id]
        to_a = effect.command.value if effect.command.name is CommandName.SET_AMPS else car.amps_a
        assert to_a is not None
        if effect.command.name is CommandName.SET_AMPS and (not car.is_charging or to_a <= car.current_a):
            return
        others = self._others_now(state)
        if others is None or not self._is_quiet(SURE_S) or not self._is_plain():
            return
        amps = [0.0, 0.0, 0.0]
        for each in self.site.cars.values():
            each_a = to_a if each is car else max(each.current_a, each.amps_a if each.is_charging else 0.0)
            for phase in self._on(each, each.offered):
                amps[phase] += each_a
        for phase in self._on(car, car.offered):
            total_a = amps[phase] + others[phase]
            assert total_a <= main_a + 0.1, (
                f"{effect.command} to {car.id}: {amps} A of cars, {others} A others, fuse of {main_a} A"
            )

    def nothing_rises_blindly(self, before: State, state: State, event: Event) -> None:
        """While the grid reading is too old no set-point that follows the sun rises, except to a minimum that is guaranteed."""
        assert self.site is not None
        if isinstance(event, Requested | LimitSet):
            return
        if not all(balance(each.settings, each.meters, state.at).is_stale for each in (before, state)):
            return
        for lp_id, lp in state.loadpoints.items():
            was, wish = before.loadpoints[lp_id], lp.memory.wish
            if wish.override is not Override.NONE or wish.mode not in SUN_MODES or was.memory.wish != wish:
                continue
            now_w, was_w = (each.set_point.amps_a * each.set_point.phases for each in (lp, was))
            if lp.set_point.amps_a <= was.set_point.amps_a and (now_w <= was_w or was.set_point.amps_a):
                continue
            least_a = max(self.site.cars[lp_id].traits.min_a, self.loadpoints[lp_id].min_a or 0)
            is_least = wish.mode is Mode.MIN_PV and lp.set_point.amps_a <= least_a
            is_adopted = isinstance(event, VehicleRead) and (state.at - state.began_at).total_seconds() < 180.0
            assert is_least or is_adopted, (
                f"{lp_id} rose from {was.set_point} to {lp.set_point} without seeing the grid"
            )

    def no_more_is_promised_than_there_is(self, before: State, state: State, event: Event) -> None:
        """What the followers of the sun are promised beyond their minimums is surplus, up to the last ampere's sixth.

        Each priority by itself, beside those above it: who comes after them and still runs at its minimum is about to stop,
        unless it never stops. Where one begins or switches its phases, those beside it make room for it with the next reading.
        """
        assert self.site is not None
        if not isinstance(event, MeterRead) or event.meter_id != GRID or state.sun is None or self._is_priced():
            return
        # a rise that is foreseen may be followed before it has come
        tolerance_w = 3 * max(0.0, state.trend.ahead_w(AHEAD_MOST_S) if state.trend.slope_w_per_s > 0 else 0.0)
        surplus_w = state.sun.high_w
        beyond_w: dict[int, float] = defaultdict(float)
        least_w: dict[int, float] = defaultdict(float)
        for lp_id, lp in state.loadpoints.items():
            loadpoint = self.loadpoints[lp_id]
            if not lp.set_point.charge or not lp.is_acting or self._is_out(state, lp_id):
                continue
            was = before.loadpoints[lp_id].set_point
            if loadpoint.solar_share_pct < 100 or not was.charge or was.phases != lp.set_point.phases:
                return
            unit_w = lp.set_point.phases * (state.vehicles[lp_id].memory.voltage_v or self.voltage_v)
            if not _follows(lp):
                surplus_w -= lp.set_point.amps_a * unit_w
                continue
            least_a = max(self.site.cars[lp_id].traits.min_a, loadpoint.min_a or 0)
            if lp.memory.wish.mode is Mode.MIN_PV:
                surplus_w -= least_a * unit_w
            else:
                least_w[loadpoint.priority] += least_a * unit_w
            beyond_w[loadpoint.priority] += (lp.set_point.amps_a - least_a) * unit_w
            tolerance_w += unit_w / (1 + WEIGHT_MOST) + state.settings.site.tolerance_w + 1
        for priority in sorted(beyond_w, reverse=True):
            surplus_w -= least_w[priority]
            told = {lp_id: lp.set_point for lp_id, lp in state.loadpoints.items()}
            assert beyond_w[priority] <= max(0.0, surplus_w) + tolerance_w or beyond_w[priority] == 0, (
                f"priority {priority}: {beyond_w[priority]:.0f} W beyond the minimums, {surplus_w:.0f} W there: {told}"
            )
            surplus_w -= beyond_w[priority]

    def starts_and_stops_keep_their_distance(self, before: State, state: State, event: Event) -> None:
        """The sun starts no car sooner than its pause after a stop, and stops none sooner than its run after a start."""
        assert self.site is not None
        for lp_id, lp in state.loadpoints.items():
            was, loadpoint = before.loadpoints[lp_id], self.loadpoints[lp_id]
            is_new = was.memory.wish != lp.memory.wish or isinstance(event, Requested | LimitSet)
            if is_new or not _is_sun_only(lp) or lp.memory.session is None or lp.memory.session != was.memory.session:
                self.switched.pop(lp_id, None)
                continue
            if was.set_point.charge == lp.set_point.charge:
                continue
            runs = is_charging(before.vehicles[lp_id].memory.facts)
            last_s = self.switched.get(lp_id)
            is_sun = lp.reason.code is (ReasonCode.CHARGING_PV if lp.set_point.charge else ReasonCode.SURPLUS_LOW)
            if lp.set_point.charge and is_sun and last_s is not None:
                waited_s = self.site.t_s - last_s
                assert waited_s >= loadpoint.min_pause_s, f"{lp_id} started {waited_s} s after a stop: {loadpoint}"
            elif not lp.set_point.charge and is_sun and runs and last_s is not None:
                ran_s = self.site.t_s - last_s
                assert ran_s >= loadpoint.min_run_s, f"{lp_id} stopped {ran_s} s after a start: {loadpoint}"
            if is_sun and (runs or lp.set_point.charge):
                self.switched[lp_id] = self.site.t_s
            else:
                self.switched.pop(lp_id, None)

    def _is_priced(self) -> bool:
        budget = self.setup.budget
        has_money = self.setup.price > 0 and self.setup.site.get("value_per_kwh", 0.0) > 0
        return budget.commands_per_day is not None or budget.per_month is not None or has_money

    # commands -------------------------------------------------------------------------------------------------------

    def _note_end(self, event: CommandEnded) -> None:
        for name, (command, outcome) in self.last[event.device_id].items():
            if outcome is None:
                self.last[event.device_id][name] = (command, event.outcome)

    def command_has_a_cause(self, before: State, state: State, effect: Send) -> None:
        """No command to an unplugged car, and none twice unless something has changed or is in doubt."""
        assert self.site is not None
        command, car_id = effect.command, effect.device_id
        facts = state.vehicles[car_id].memory.facts
        if command.name not in (CommandName.SET_LIMIT, CommandName.STOP, CommandName.WAKE):
            assert facts is None or facts.is_plugged is not False, f"{command} to {car_id}, which is unplugged"
        if command.name is CommandName.SET_AMPS:
            car = self.site.cars[car_id]
            assert command.value is not None
            assert car.traits.min_a <= command.value <= car.traits.max_a, f"{command} to {car_id}"
        group = "on" if command.name in (CommandName.START, CommandName.STOP) else command.name.value
        last = self.last[car_id].get(group)
        is_again = last is not None and last[0] == command and last[1] in (Outcome.APPLIED, Outcome.ALREADY_SET)
        doubt = before.vehicles[car_id].doubt
        if doubt is None or doubt.command != command:
            assert not is_again, f"{command} to {car_id} again, and no reading since then told otherwise: {facts}"
        self.last[car_id][group] = (command, None)

    def _forget_what_was_undone(self, event: VehicleRead) -> None:
        """A reading that tells that a command's effect is gone is cause enough for giving it again."""
        facts, last = event.facts, self.last[event.vehicle_id]
        if facts is None:
            return
        told = {
            CommandName.START: is_charging(facts),
            CommandName.STOP: not is_charging(facts),
            CommandName.SET_AMPS: facts.amps_requested_a,
            CommandName.SET_PHASES: facts.phases_offered,
        }
        for group, (command, _) in list(last.items()):
            if told.get(command.name) not in (True, command.value):
                del last[group]

    def command_is_paid_for(self, before: State, state: State, effect: Send) -> None:
        """A budget is never exceeded, except by a stop."""
        assert self.site is not None
        budget, car_id = self.setup.budget, effect.device_id
        day = state.at.astimezone(state.settings.site.timezone).date()
        is_stop = effect.command.name is CommandName.STOP
        spend = before.vehicles[car_id].memory.spend
        if budget.commands_per_day is not None and not is_stop:
            carried = spend.carried if spend is not None and spend.day == day else budget.commands_per_day
            line = budget.commands_per_day + carried
            sent = self.sent_today[car_id, day]
            assert sent < line, f"{effect.command} to {car_id}: the {sent + 1}th command of {line} on {day}"
        if spend is not None and spend.day == day and not is_stop and self.setup.price > 0:
            most = daily_line(spend, budget)
            cost = spend.money_today + self.setup.price
            assert most is None or cost <= most + 1e-9, f"{effect.command} to {car_id}: {cost} of {most} today"
            assert commands_line(spend, budget) is None or effect.command.kind in RequestKind
        self.sent_today[car_id, day] += 1

    def phases_are_switched_rarely(self, state: State, effect: Send) -> None:
        """Following the sun, phases go up at most half as often a day as switches are allowed."""
        assert self.site is not None
        if effect.command.name is not CommandName.SET_PHASES or (effect.command.value or 0) < 2:
            return
        lp, loadpoint = state.loadpoints[effect.device_id], self.loadpoints[effect.device_id]
        if (
            not _follows(lp)
            or self.site.t_s - self.wish_changed_s < 180.0
            or self.site.cars[lp_id := loadpoint.id].traits.refuses
        ):
            return
        day = state.at.astimezone(state.settings.site.timezone).date()
        most = loadpoint.phase_switches_per_session // 2
        self.ups_today[lp_id, day] += 1
        ups = self.ups_today[lp_id, day]
        assert ups <= most, f"{lp_id}: the {ups}th switch to three phases of {most} on {day}"

    # each measurement -----------------------------------------------------------------------------------------------

    def note_measured(self, site: WatchedSite, dt_s: float, phases_a: Phases) -> None:
        """Keep what was true at a measurement, and add up what the cars import."""
        cars_a = site.cars_a()
        others = (phases_a[0] - cars_a[0], phases_a[1] - cars_a[1], phases_a[2] - cars_a[2])
        self.others_a[round(site.t_s, 3)] = others
        if len(self.others_a) > 50:
            self.others_a.pop(next(iter(self.others_a)))
        if self.site is not None:
            self._no_edge_costs_much(dt_s)

    def _no_edge_costs_much(self, dt_s: float) -> None:
        """Sun only: an edge of a cloud costs little import, and below its buffer the home battery feeds no car."""
        assert self.site is not None
        site = self.site
        is_fair = self._is_quiet(180.0) and site.t_s - self.wish_changed_s > 180.0 and not self._is_priced()
        followers = [lp for lp in site.state.loadpoints.values() if lp.set_point.charge]
        is_fair = is_fair and all(_is_sun_only(lp) for lp in followers)
        is_fair = is_fair and all(self.loadpoints[each].solar_share_pct == 100 for each in site.cars)
        is_fair = is_fair and site.settings.site.target_grid_w <= 0
        buffer_pct = site.settings.site.battery_buffer_soc_pct
        helps = buffer_pct is not None and site.lines[-1].battery_soc_pct is not None
        helps = helps and (site.lines[-1].battery_soc_pct or 0) >= (buffer_pct or 0)
        for car_id, car in site.cars.items():
            stretch = self.stretches[car_id]
            ledgers = [day.cars[car_id] for day in site.world.days]
            import_wh = sum(ledger.import_wh for ledger in ledgers)
            battery_wh = sum(ledger.battery_wh for ledger in ledgers)
            more_wh = import_wh - stretch.import_wh + (0.0 if helps else battery_wh - stretch.battery_wh)
            stretch.import_wh, stretch.battery_wh = import_wh, battery_wh
            is_plain = not car.traits.refuses and car.traits.hang_s == 0
            tolerated_w = 60.0 + car.used_phases * self.voltage_v / (1 + WEIGHT_MOST) + site.settings.site.tolerance_w
            tolerated_w += car.traits.extra_a * car.used_phases * self.voltage_v
            if not is_fair or not is_plain or more_wh * 3600.0 <= tolerated_w * dt_s:
                stretch.wh = 0.0
                stretch.allowed_wh = self._edge_wh(car)
                continue
            stretch.wh += more_wh
            assert stretch.wh <= stretch.allowed_wh, (
                f"{car_id} imported {stretch.wh:.0f} Wh in one go, {stretch.allowed_wh:.0f} Wh are allowed"
            )

    # telling it again -----------------------------------------------------------------------------------------------

    KEEP = 300

    def _record(self, before: State | None, event: Event, effects: tuple[Effect, ...]) -> None:
        """Keep the last events, and the state before them as it would be in the journal."""
        if len(self.told) >= 2 * self.KEEP or not self.told or isinstance(event, Began):
            self.told_from = STATE.dump_json(None if isinstance(event, Began) else before)
            self.told = []
        self.told.append((event, effects))

    def replay(self) -> None:
        """The recorded events again, from the state as it was written: the same effects, and the same state byte for byte."""
        state = STATE.validate_json(self.told_from)
        for event, effects in self.told:
            state, again = step(state, event)
            assert again == effects, f"{event}: {effects} became {again}"
        assert STATE.dump_json(state) == STATE.dump_json(self.before), "another state in the end"


def _follows(lp: LoadpointState) -> bool:
    return lp.memory.wish.mode in SUN_MODES and lp.memory.wish.override is Override.NONE


def _is_sun_only(lp: LoadpointState) -> bool:
    return lp.memory.wish.mode is Mode.PV and lp.memory.wish.override is Override.NONE
