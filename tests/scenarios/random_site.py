"""Sites as owners may have them, drawn by Hypothesis, and what may happen at them: the machine behind `test_invariants.py`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.scenarios.site_checks import Checks, Setup, WatchedSite

from sunbox.core.commands import CommandName, RequestKind
from sunbox.core.events import LimitSet
from sunbox.core.model import Limit, Mode, Override
from sunbox.core.settings import Budget, CircuitSettings, MeterSettings, SiteSettings
from sunbox.simulator.battery import BatteryParams
from sunbox.simulator.bench.site import EVENLY, MeterFault, Wiring, settings_of
from sunbox.simulator.bench.site_car import SiteCar, Traits
from sunbox.simulator.trace import RecordedTrace

PEAK_W = 12_000.0
"""What the sun gives when nothing shades it."""
HOUSE_W = 400.0
CARS = ("blue", "red", "green")
BERLIN = ZoneInfo("Europe/Berlin")

MINUTES = st.sampled_from((1, 1, 1, 1, 2, 2, 3, 10))
SUNS = st.sampled_from((0.0, 0.0, 0.1, 0.15, 0.25, 0.4, 0.6, 0.8, 1.0)) | st.floats(0.0, 1.0)
NUMBERS = st.integers(0, 2)

PLAIN_TRAITS = st.builds(
    Traits,
    phases=st.sampled_from((1, 1, 2, 3)),
    offered=st.sampled_from((3, 3, 1)),
    can_switch=st.booleans(),
    first_phase=st.integers(1, 3),
    max_a=st.sampled_from((16, 16, 32, 10)),
    lag_s=st.sampled_from((0.0, 0.0, 5.0, 20.0)),
    delay_s=st.sampled_from((1.0, 1.0, 5.0)),
    told_each_s=st.sampled_from((60.0, 60.0, 30.0)),
)
ODD_TRAITS = st.builds(
    replace,
    PLAIN_TRAITS,
    extra_a=st.sampled_from((0.0, 0.0, 1.5)),
    step_a=st.sampled_from((1, 1, 2)),
    most_w=st.sampled_from((math.inf, math.inf, 3000.0)),
    starts_by_itself=st.sampled_from((False, False, True)),
    hang_s=st.sampled_from((0.0, 0.0, 40.0)),
    capacity_wh=st.sampled_from((None, None, 20_000.0)),
    told_each_s=st.sampled_from((60.0, 30.0, None)),
)
LOADPOINT = st.fixed_dictionaries(
    {"mode": st.sampled_from((Mode.PV, Mode.PV, Mode.PV, Mode.MIN_PV, Mode.NOW, Mode.OFF))},
    optional={
        "max_a": st.sampled_from((8, 13)),
        "min_a": st.sampled_from((7, 8)),
        "priority": st.integers(0, 2),
        "start_delay_s": st.sampled_from((0.0, 30.0, 120.0)),
        "stop_delay_s": st.sampled_from((30.0, 300.0)),
        "solar_share_pct": st.sampled_from((50.0, 80.0)),
        "min_run_s": st.sampled_from((0.0, 300.0)),
        "min_pause_s": st.sampled_from((0.0, 300.0)),
        "phase_switches_per_session": st.sampled_from((2, 4)),
        "phase_up_delay_s": st.sampled_from((0.0, 300.0)),
        "phase_down_delay_s": st.sampled_from((0.0, 120.0)),
    },
)
SUN_LOADPOINT = st.builds(lambda fields: {**fields, "mode": Mode.PV}, LOADPOINT)
BUDGET = st.builds(
    Budget,
    commands_per_day=st.none() | st.sampled_from((6, 20, 48)),
    per_month=st.none() | st.sampled_from((0.2, 2.0)),
)
SITE = st.fixed_dictionaries(
    {},
    optional={
        "target_grid_w": st.sampled_from((-200.0, 100.0)),
        "stale_grace_s": st.sampled_from((0.0, 60.0)),
        "value_per_kwh": st.sampled_from((0.0, 0.2)),
    },
)
FUSES = st.fixed_dictionaries(
    {}, optional={"main_fuse_a": st.sampled_from((20.0, 25.0, 35.0, 63.0)), "unbalanced_a": st.just(20.0)}
)
CIRCUITS = st.lists(
    st.builds(
        CircuitSettings,
        id=st.just("yard"),
        max_a=st.none() | st.sampled_from((16.0, 24.0, 40.0)),
        max_w=st.none() | st.sampled_from((5000.0, 11_000.0)),
        meter=st.none() | st.just("yard"),
        safe_a=st.sampled_from((6, 8)),
    ),
    max_size=1,
)
BATTERY = st.builds(
    BatteryParams,
    capacity_wh=st.sampled_from((3000.0, 10_000.0)),
    max_charge_w=st.sampled_from((2500.0, 5000.0)),
    max_discharge_w=st.sampled_from((2500.0, 5000.0)),
    soc_pct=st.sampled_from((6.0, 50.0, 90.0)),
)
BATTERY_WISHES = st.fixed_dictionaries(
    {},
    optional={
        "battery_priority_soc_pct": st.sampled_from((40.0, 80.0)),
        "battery_buffer_soc_pct": st.sampled_from((30.0, 85.0)),
        "battery_charge_max_w": st.sampled_from((2500.0, 5000.0)),
        "battery_hold": st.just(True),
    },
)
METER = st.fixed_dictionaries(
    {"interval_s": st.sampled_from((60.0, 60.0, 30.0, 10.0)), "delay_s": st.sampled_from((0.0, 0.0, 10.0))}
)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a family of random sites is made of: the fewer things, the better what happens is seen."""

    cars: int = 3  #: most
    traits: Any = PLAIN_TRAITS
    loadpoint: Any = LOADPOINT
    site: Any = SITE
    fuses: Any = field(default_factory=lambda: st.just({}))
    circuits: Any = field(default_factory=lambda: st.just([]))
    battery: Any = field(default_factory=st.none)
    battery_wishes: Any = field(default_factory=lambda: st.just({}))
    budget: Any = field(default_factory=lambda: st.just(Budget()))
    measures_phases: Any = field(default_factory=lambda: st.just(True))
    has_faults: bool = False


def setups(kind: Kind) -> st.SearchStrategy[Setup]:
    """Return the sites of a kind."""
    return st.builds(
        Setup,
        traits=st.lists(kind.traits, min_size=1, max_size=kind.cars),
        loadpoints=st.lists(kind.loadpoint, min_size=kind.cars, max_size=kind.cars),
        knows_wiring=st.booleans(),
        site=kind.site,
        fuses=kind.fuses,
        circuits=kind.circuits,
        battery=kind.battery,
        battery_wishes=kind.battery_wishes,
        budget=kind.budget,
        price=st.sampled_from((0.0, 0.001)),
        grid=METER,
        measures_phases=kind.measures_phases,
        begins_at_h=st.sampled_from((7, 7, 21)),
        is_evenly_wired=st.booleans(),
    )


def site_of(setup: Setup, checks: Checks, *, is_reversed: bool = False) -> WatchedSite:
    """Return the site that a setup describes, watched by checks, with its loadpoints as drawn or in reversed order."""
    cars = [SiteCar(car_id, traits) for car_id, traits in zip(CARS, setup.traits, strict=False)]
    loadpoints = {}
    for car in cars:
        number = CARS.index(car.id)
        fields = setup.loadpoints[number]
        wired = {"first_phase": car.traits.first_phase} if setup.knows_wiring else {}
        hangs = {"circuit": setup.circuits[0].id} if setup.circuits and number < 2 else {}
        loadpoints[car.id] = {**fields, **wired, **hangs}
    vehicles = {
        car.id: {
            "budget": setup.budget,
            "capabilities": replace(
                car.traits.capabilities(),
                price={RequestKind.COMMAND: setup.price, RequestKind.DATA: 2 * setup.price} if setup.price else {},
            ),
        }
        for car in cars
    }
    settings = settings_of(
        cars[::-1] if is_reversed else cars,
        site=SiteSettings(timezone=BERLIN, **setup.site, **setup.fuses, **setup.battery_wishes),
        grid=setup.grid,
        meters=[MeterSettings(id=each.meter, interval_s=30.0) for each in setup.circuits if each.meter],
        circuits=setup.circuits,
        loadpoints=loadpoints,
        vehicles=vehicles,
    )
    starts_at = datetime(2024, 6, 17, setup.begins_at_h, tzinfo=UTC)
    trace = RecordedTrace(starts_at, [0.0, 172_800.0], [PEAK_W, PEAK_W], [HOUSE_W, HOUSE_W])
    house = EVENLY if setup.is_evenly_wired else (0.5, 0.3, 0.2)
    return WatchedSite(
        trace,
        settings,
        cars,
        checks=checks,
        battery=setup.battery,
        wiring=Wiring(house=house),
        measures_phases=setup.measures_phases,
        watch=checks.see,
    )


class RandomSite(RuleBasedStateMachine):
    """A site, and everything that may happen at it; `checks` look at each step."""

    kind: ClassVar[Kind] = Kind()

    def __init__(self) -> None:
        super().__init__()
        self.checks = Checks()
        self.site: WatchedSite

    def live(self, minutes: int) -> None:
        """Go on with what has just changed."""
        self.site.run(self.site.t_s + 60.0 * minutes)

    def car(self, number: int) -> SiteCar:
        """Return one of the cars, whatever their number."""
        cars = list(self.site.cars.values())
        return cars[number % len(cars)]

    @initialize(data=st.data(), sun=SUNS)
    def begin(self, data: st.DataObject, sun: float) -> None:
        setup = data.draw(setups(self.kind), label="setup")
        self.site = site_of(setup, self.checks)
        self.checks.begin(self.site, setup)
        self.shade(sun)

    # What happens ---------------------------------------------------------------------------------------------------

    def shade(self, sun: float) -> None:
        self.checks.note_powers_change()
        self.site.shade(sun)

    @rule(sun=SUNS, minutes=MINUTES)
    def the_sun_changes(self, sun: float, minutes: int) -> None:
        self.shade(sun)
        self.live(minutes)

    @rule(suns=st.lists(SUNS, min_size=2, max_size=5), minutes=MINUTES)
    def clouds_pass(self, suns: list[float], minutes: int) -> None:
        for number, sun in enumerate(suns):
            self.site.at(self.site.t_s + 60.0 * minutes * number / len(suns), lambda sun=sun: self.shade(sun))
        self.live(minutes)

    @rule(load_w=st.sampled_from((0.0, 0.0, 1000.0, 2300.0, 4000.0)), minutes=MINUTES)
    def somebody_cooks(self, load_w: float, minutes: int) -> None:
        self.checks.note_powers_change()
        self.site.switch_load(load_w)
        self.live(minutes)

    @rule(minutes=MINUTES)
    def nothing_happens(self, minutes: int) -> None:
        self.live(minutes)

    @rule(
        number=NUMBERS,
        mode=st.none() | st.sampled_from((*Mode, Mode.PV, Mode.PV)),
        override=st.none() | st.sampled_from((*Override, Override.NONE)),
        until_s=st.none() | st.sampled_from((60.0, 600.0)),
        amps_a=st.none() | st.sampled_from((6, 10, 16, 32)),
        minutes=MINUTES,
    )
    def somebody_asks(
        self,
        number: int,
        mode: Mode | None,
        override: Override | None,
        until_s: float | None,
        amps_a: int | None,
        minutes: int,
    ) -> None:
        until_at = None if until_s is None else self.site.now + timedelta(seconds=until_s)
        self.checks.note_wish()
        self.site.request(self.car(number).id, mode=mode, override=override, until_at=until_at, amps_a=amps_a)
        self.live(minutes)

    @rule(number=NUMBERS, minutes=MINUTES)
    def all_is_left_to_the_sun(self, number: int, minutes: int) -> None:
        self.checks.note_wish()
        self.site.request(self.car(number).id, mode=Mode.PV, override=Override.NONE)
        self.live(minutes)

    @rule(number=NUMBERS, minutes=MINUTES)
    def a_cable_is_moved(self, number: int, minutes: int) -> None:
        car = self.car(number)
        self.checks.note_habit(car)
        if car.is_plugged:
            self.site.unplug(car.id)
        else:
            self.site.plug(car.id)
        self.live(minutes)

    @rule(
        number=NUMBERS,
        refuses=st.sampled_from(((), (), tuple(CommandName), (CommandName.START,), (CommandName.SET_AMPS,))),
        minutes=MINUTES,
    )
    def a_car_refuses(self, number: int, refuses: tuple[CommandName, ...], minutes: int) -> None:
        if not self.kind.has_faults:
            return
        car = self.car(number)
        self.site.change(car.id, refuses=frozenset(refuses))
        self.checks.note_habit(car)
        self.live(minutes)

    @rule(fault=st.none() | st.sampled_from(MeterFault), late_s=st.sampled_from((0.0, 0.0, 25.0)), minutes=MINUTES)
    def the_meter_fails(self, fault: MeterFault | None, late_s: float, minutes: int) -> None:
        if not self.kind.has_faults:
            return
        self.site.heal()
        if fault is None:
            self.site.delay(late_s)
        else:
            self.site.fail(fault)
        self.checks.note_meter(is_well=fault is None and late_s == 0.0)
        self.live(minutes)

    @rule(max_w=st.sampled_from((None, 4200.0, 8000.0)), until_s=st.none() | st.just(900.0), minutes=MINUTES)
    def the_grid_operator_speaks(self, max_w: float | None, until_s: float | None, minutes: int) -> None:
        until_at = None if until_s is None else self.site.now + timedelta(seconds=until_s)
        limit = None if max_w is None else Limit(max_w=max_w, until_at=until_at, by="test")
        self.checks.note_wish()
        self.site.feed(LimitSet(at=self.site.now, limit=limit))
        self.live(minutes)

    @rule(minutes=MINUTES)
    def it_is_killed_and_begins_again(self, minutes: int) -> None:
        self.checks.note_restart()
        self.site.restart()
        self.checks.check_wishes_survived()
        self.live(minutes)

    def teardown(self) -> None:
        """Tell it all again."""
        self.checks.replay()
