"""Truth tables: what is done in each case, row by row. Each says which behaviour of evcc it mirrors and where ours differs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import HOUSE, NOON, SITE, Bench, Car, Ending, facts_of

from sunbox.core.commands import Cause, Command, CommandName, Outcome, ReadKind
from sunbox.core.events import VehicleRead
from sunbox.core.model import Availability, Charging, LoadpointMemory, Memory, Mode, Override, VehicleMemory, Wish
from sunbox.core.reasons import ReasonCode
from sunbox.core.settings import (
    Capabilities,
    CircuitSettings,
    LoadpointSettings,
    MeterSettings,
    PhaseSwitch,
    Settings,
    SiteSettings,
    VehicleSettings,
)
from sunbox.core.surplus import Balance, surplus_without_cars_w
from sunbox.core.wallbox import SetPoint

AMPS, START, STOP, PHASES = CommandName.SET_AMPS, CommandName.START, CommandName.STOP, CommandName.SET_PHASES
LOAD_W = 300.0
ONE_W, THREE_W = 6 * 230.0, 18 * 230.0
"""Least power on one phase and on three."""

SOCKET = Capabilities(min_a=6, max_a=16, max_phases=1, settle_s=3.0, start_settle_s=5.0)
SWITCHING = replace(SOCKET, max_phases=3, phase_switch=PhaseSwitch(gap_s=30.0, settle_s=5.0))


def settings_of(
    capabilities: Capabilities = SOCKET,
    *,
    site: SiteSettings = SITE,
    circuits: tuple[CircuitSettings, ...] = (),
    second: dict[str, object] | None = None,
    **loadpoint: object,
) -> Settings:
    """Return a site with a car at a socket that neither sleeps nor costs anything, or two of them."""
    delays = {"start_delay_s": 60.0, "stop_delay_s": 180.0, "min_run_s": 0.0, "min_pause_s": 0.0}
    rows = [("carport", "car", loadpoint)] + ([("garage", "second", second)] if second is not None else [])
    phases = capabilities.max_phases
    return Settings(
        site=site,
        meters=(HOUSE,),
        circuits=circuits,
        vehicles=tuple(
            VehicleSettings(id=car, name=car, capabilities=capabilities, phases=phases) for _, car, _ in rows
        ),
        loadpoints=tuple(
            LoadpointSettings(**{"id": name, "name": name, "vehicle_id": car, **delays, **own})  # type: ignore[arg-type]
            for name, car, own in rows
        ),
    )


def plain_car(**changes: object) -> Car:
    return Car(**{"is_awake": True, "amps_max_a": 16, "pilot_a": 16, **changes})  # type: ignore[arg-type]


def bench_of(
    settings: Settings | None = None,
    *,
    car: Car | None = None,
    mode: Mode = Mode.PV,
    charging_a: int = 0,
    surplus_w: float = 0.0,
    **options: object,
) -> Bench:
    """Return a bench in a mode, with a car that charges already with so many amps (0 = it does not), and that is known."""
    settings = settings or settings_of()
    car = car or plain_car()
    if charging_a:
        car.is_charging, car.amps_a = True, charging_a
    wish = Wish(mode=mode)
    memory = Memory(
        vehicles={"car": VehicleMemory(facts=replace(car.facts(NOON), latitude=None), read_at=NOON, phases=car.phases)},
        loadpoints={"carport": LoadpointMemory(wish=wish, was_charging=charging_a > 0)},
    )
    bench = Bench(settings=settings, car=car, memory=memory, load_w=LOAD_W, pv_w=LOAD_W + surplus_w, **options)  # type: ignore[arg-type]
    bench.sent.clear()
    return bench


def set_sun(bench: Bench, surplus_w: float) -> None:
    bench.pv_w = LOAD_W + surplus_w
    bench.load_w = LOAD_W
    if bench.pv_w < 0:
        bench.pv_w, bench.load_w = 0.0, LOAD_W - bench.pv_w


def read(bench: Bench, charging: Charging, **changes: object) -> None:
    """Have the car say how it is, as a driver does that reads it for nothing."""
    bench.at = bench.at.replace(microsecond=0)
    bench.advance(1.0)
    facts = facts_of(charging, bench.at, **changes)
    bench.feed(
        VehicleRead(
            at=bench.at,
            vehicle_id="car",
            exchange_id=None,
            what=ReadKind.DATA,
            availability=Availability.ONLINE,
            facts=facts,
        )
    )


def told(bench: Bench, device_id: str = "car") -> list[tuple[CommandName, int | None]]:
    return [(command.name, command.value) for command in bench.commands(device_id=device_id)]


# Status and mode ------------------------------------------------------------------------------------------------------

A, B, C = "A", "B", "C"


@pytest.mark.parametrize(
    ("status", "mode", "commands"),
    [
        (A, Mode.OFF, []),
        (A, Mode.NOW, []),
        (A, Mode.MIN_PV, []),
        (A, Mode.PV, []),
        (B, Mode.OFF, []),
        (B, Mode.NOW, [(START, None)]),  # it stands at 16 A
        (B, Mode.MIN_PV, [(AMPS, 6), (START, None)]),
        (B, Mode.PV, []),
        (C, Mode.OFF, [(STOP, None)]),
        (C, Mode.NOW, [(AMPS, 16)]),
        (C, Mode.MIN_PV, []),
        (C, Mode.PV, []),
    ],
)
def test_status_and_mode_at_zero_watts(status: str, mode: Mode, commands: list[tuple[CommandName, int | None]]) -> None:
    """TestUpdatePowerZero: the same, but where nothing changes nothing is sent (evcc repeats a stop to an empty socket)."""
    car = plain_car(is_plugged=status != A)
    bench = bench_of(car=car, mode=mode, charging_a=6 if status == C else 0, surplus_w=ONE_W if status == C else 0.0)
    bench.advance(1800)
    assert told(bench) == commands


# When it starts and stops ---------------------------------------------------------------------------------------------

ON, OFF = True, False


@pytest.mark.parametrize(
    ("charging_a", "sun", "expected"),
    [
        # off: it stays off below the minimum
        (0, [(600, 0.0)], OFF),
        (0, [(600, -400.0)], OFF),
        (0, [(1800, ONE_W - 1)], OFF),
        # and starts after its delay
        (0, [(55, ONE_W)], OFF),
        (0, [(80, ONE_W)], ON),
        (0, [(80, 16 * 230.0)], ON),
        # a gap takes back what it would have cost: after a deep one it begins anew
        (0, [(30, 2000.0), (10, -1000.0), (20, 2000.0)], OFF),
        (0, [(30, 2000.0), (10, -1000.0), (80, 2000.0)], ON),
        (0, [(30, 2000.0), (10, ONE_W - 100), (40, 2000.0)], ON),
        # on: a shortage is waited out at the minimum
        (10, [(100, 0.0)], ON),
        (10, [(400, 0.0)], OFF),
        (6, [(400, 0.0)], OFF),
        # it is the energy that counts: half of the shortage lasts twice as long
        (10, [(240, ONE_W / 2)], ON),
        (10, [(700, ONE_W / 2)], OFF),
        # and more import is not paid for by a shorter delay than the owner's
        (10, [(100, -5000.0)], ON),
        # sun in between pays back
        (10, [(100, 0.0), (100, 2 * ONE_W), (100, 0.0)], ON),
        (10, [(3600, ONE_W)], ON),
        (10, [(3600, 16 * 230.0)], ON),
    ],
)
def test_start_and_stop(charging_a: int, sun: list[tuple[float, float]], expected: bool) -> None:
    """TestPVHysteresis: evcc counts seconds, and one sample resets its timers; ours counts the energy missed, and imported."""
    bench = bench_of(charging_a=charging_a, surplus_w=charging_a * 230.0)
    if charging_a:
        bench.advance(60)
        assert bench.car.current_a == charging_a
    for seconds, surplus_w in sun:
        set_sun(bench, surplus_w)
        bench.advance(seconds)
    assert bench.car.is_charging is expected
    assert len(bench.commands(START)) <= 1
    assert len(bench.commands(STOP)) <= 1


@pytest.mark.parametrize(
    ("surplus_w", "amps_a"),
    [(16 * 230.0, 16), (5000.0, 16), (10 * 230.0 + 5, 10), (ONE_W + 5, 6), (ONE_W - 30, 6)],
)
def test_the_current_follows_within_half_a_minute(surplus_w: float, amps_a: int) -> None:
    """TestPVHysteresis, enabled: evcc raises in the next cycle, ours after two readings that allow it."""
    bench = bench_of(charging_a=10, surplus_w=2300.0)
    bench.advance(60)
    set_sun(bench, surplus_w)
    bench.advance(30)
    assert bench.car.current_a == amps_a


@pytest.mark.parametrize("status", [B, C])
@pytest.mark.parametrize(("phases", "min_a"), [(1, 6), (1, 8), (1, 16), (3, 6), (3, 10)])
def test_one_watt_below_the_minimum(status: str, phases: int, min_a: int) -> None:
    """TestPVHysteresisForStatusOtherThanC: no start at one watt too little; ours goes on, because a meter's noise is no reason to stop."""
    settings = settings_of(replace(SOCKET, max_phases=phases), min_a=min_a)
    minimum_w = min_a * phases * 230.0
    bench = bench_of(
        settings,
        car=plain_car(phases=phases),
        charging_a=min_a if status == C else 0,
        surplus_w=minimum_w if status == C else minimum_w - 1,
    )
    bench.advance(60)
    set_sun(bench, minimum_w - 1)
    bench.advance(1800)
    assert bench.car.is_charging is (status == C)
    assert bench.code is (ReasonCode.CHARGING_PV if status == C else ReasonCode.SURPLUS_LOW)


@pytest.mark.parametrize(("surplus_w", "goes_on"), [(2000.0, ON), (ONE_W, ON), (800.0, OFF), (0.0, OFF)])
def test_after_a_switch_down_the_minimum_of_one_phase_decides(surplus_w: float, goes_on: bool) -> None:
    """TestPVHysteresisAfterPhaseSwitch: what counts after a switch is the power on the new phases; a car above it is not stopped."""
    bench = bench_of(
        settings_of(SWITCHING), car=plain_car(phases=3, phases_offered=3), charging_a=10, surplus_w=30 * 230.0
    )
    bench.advance(60)
    set_sun(bench, 2500.0)
    bench.until(lambda: bench.car.phases_offered == 1, 600)
    assert bench.car.is_charging
    set_sun(bench, surplus_w)
    bench.advance(1800)
    assert bench.car.is_charging is goes_on
    assert len(bench.commands(PHASES)) == 1


# Targets and sessions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("soc_pct", "was_charging", "expected"),
    [(85, False, ON), (85, True, ON), (89, True, ON), (90, True, OFF), (90, False, OFF), (95, False, OFF)],
)
def test_the_target_ends_and_allows_charging(soc_pct: int, was_charging: bool, expected: bool) -> None:
    """TestDisableAndEnableAtTargetSoc: the same at 90 %; ours asks the car for nothing it has not to be asked for."""
    bench = bench_of(
        car=plain_car(soc_pct=float(soc_pct), limit_soc_pct=100, capacity_wh=1e9),
        mode=Mode.NOW,
        charging_a=16 if was_charging else 0,
    )
    bench.ask(target_soc_pct=90)
    bench.advance(300)
    assert bench.car.is_charging is expected
    assert bench.code is (ReasonCode.CHARGING_NOW if expected else ReasonCode.TARGET_REACHED)


def test_below_the_target_again_it_goes_on_only_some_way_below() -> None:
    """TestDisableAndEnableAtTargetSoc: evcc restarts one percent below its limit, ours three: who leaves the heating on is not topped up all day."""
    bench = bench_of(car=plain_car(soc_pct=90.0, limit_soc_pct=100, capacity_wh=1e9), mode=Mode.NOW)
    bench.ask(target_soc_pct=90)
    bench.advance(60)
    for soc_pct, expected in ((89, OFF), (88, OFF), (87, ON)):
        bench.car.soc_pct = float(soc_pct)
        read(bench, Charging.STOPPED, soc_pct=soc_pct, limit_soc_pct=100)
        bench.advance(60)
        assert bench.car.is_charging is expected


S, P, U = Charging.STOPPED, Charging.CHARGING, Charging.DISCONNECTED


@pytest.mark.parametrize(
    ("statuses", "is_plugged", "has_started", "override"),
    [
        ([U], False, False, Override.NONE),
        ([S], True, False, Override.NONE),
        ([P], True, True, Override.NONE),  # from nothing to charging: plugged in and started, in this order
        ([U, S], True, False, Override.NONE),
        ([U, P], True, True, Override.NONE),
        ([S, P], True, True, Override.CHARGE),  # nobody here started it: somebody in the car's app did
        ([P, S], True, True, Override.STOP),
        ([P, U], False, False, Override.NONE),  # stopped and unplugged, in this order: nothing of the session is left
        ([P, S, U], False, False, Override.NONE),
        ([P, U, S], True, False, Override.NONE),
        ([S, U, P], True, True, Override.NONE),
        ([P, S, P], True, True, Override.CHARGE),
    ],
)
def test_what_a_change_of_status_begins_and_ends(
    statuses: list[Charging], is_plugged: bool, has_started: bool, override: Override
) -> None:
    """loadpoint_status_test: connect comes before start, stop before disconnect; ours also takes a start nobody asked for as a person's word."""
    away = settings_of(replace(SOCKET, is_location_bound=True))  # so that nothing is sent
    bench = Bench(away, has_meter=False, reply_s=1e6)
    for status in statuses:
        read(bench, status)
    session = bench.lp.memory.session
    assert (session is not None) is is_plugged
    assert (session is not None and session.has_started) is has_started
    assert bench.wish.override is override
    assert not bench.sent


@pytest.mark.parametrize(
    ("command", "before", "now"),
    [(START, Charging.STOPPED, Charging.CHARGING), (STOP, Charging.CHARGING, Charging.STOPPED)],
)
def test_what_our_own_command_did_is_nobodys_hand(command: CommandName, before: Charging, now: Charging) -> None:
    """The same, where the driver reads the car before the command's answer is there."""
    bench = bench_of(charging_a=6 if command is STOP else 0, surplus_w=ONE_W if command is STOP else 3000.0)
    read(bench, before)
    if command is STOP:
        set_sun(bench, -500.0)
    bench.until(lambda: bench.commands(command), 900)
    bench.reply_s = 600.0
    bench.hold_replies()
    read(bench, now)
    assert bench.wish.override is Override.NONE


# Phases ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "wired", "offered", "charging_a", "surplus_w", "circuit_w", "phases_after", "charges"),
    [
        # free to choose, nothing flows: the choice is made at the start
        (3, None, 3, 0, ONE_W - 100, None, 3, OFF),
        (3, None, 3, 0, ONE_W + 50, None, 1, ON),
        (3, None, 1, 0, ONE_W + 50, None, 1, ON),
        (3, None, 3, 0, THREE_W - 500, None, 1, ON),
        (3, None, 1, 0, 1.2 * THREE_W, None, 3, ON),
        (3, None, 3, 0, 1.2 * THREE_W, None, 3, ON),
        (3, None, 1, 0, 11_000.0, None, 3, ON),
        # up, under way: only where one phase is not enough
        (3, None, 1, 6, ONE_W + 50, None, 1, ON),
        (3, None, 1, 16, 16 * 230.0, None, 1, ON),
        (3, None, 1, 16, 16 * 230.0 + 50, None, 1, ON),
        (3, None, 1, 16, THREE_W + 500, None, 3, ON),
        (3, None, 1, 6, 11_000.0, None, 3, ON),
        # down, under way: only where three are too much
        (3, None, 3, 16, 11_000.0, None, 3, ON),
        (3, None, 3, 6, THREE_W + 50, None, 3, ON),
        (3, None, 3, 6, THREE_W - 800, None, 1, ON),
        (3, None, 3, 16, 2000.0, None, 1, ON),
        (3, None, 3, 16, ONE_W + 50, None, 1, ON),
        # fixed by the owner
        (3, 1, 1, 0, 11_000.0, None, 1, ON),
        (3, 1, 3, 0, 11_000.0, None, 1, ON),
        (3, 1, 3, 16, 11_000.0, None, 1, ON),
        (3, 1, 1, 16, 11_000.0, None, 1, ON),
        (3, 3, 3, 0, 2000.0, None, 3, OFF),
        (3, 3, 1, 0, 11_000.0, None, 3, ON),
        (3, 3, 3, 16, 11_000.0, None, 3, ON),
        # a car with one phase is never switched
        (1, None, 1, 0, 11_000.0, None, 1, ON),
        (1, None, 3, 0, 11_000.0, None, 3, ON),
        (1, None, 3, 16, 2000.0, None, 3, ON),
        (1, None, 1, 16, 11_000.0, None, 1, ON),
        # a circuit that cannot carry the minimum of three phases, and one that just can
        (3, None, 1, 0, 11_000.0, THREE_W - 1, 1, ON),
        (3, None, 1, 0, 11_000.0, THREE_W, 3, ON),
        (3, None, 1, 16, 11_000.0, THREE_W - 1, 1, ON),
        (3, None, 1, 16, 11_000.0, THREE_W, 3, ON),
        (3, None, 3, 0, 11_000.0, THREE_W - 1, 1, ON),
        (3, None, 3, 16, 11_000.0, THREE_W - 1, 1, ON),
        (3, 3, 3, 0, 11_000.0, THREE_W - 1, 3, OFF),
        (3, None, 1, 0, 11_000.0, ONE_W - 1, 1, OFF),
        (3, None, 1, 0, 11_000.0, ONE_W, 1, ON),
    ],
)
def test_one_phase_or_three(
    own: int,
    wired: int | None,
    offered: int,
    charging_a: int,
    surplus_w: float,
    circuit_w: float | None,
    phases_after: int,
    charges: bool,
) -> None:
    """The phase table: as in evcc up only beyond one phase and down only below three; ours by gain against the price of the gap."""
    circuits = (CircuitSettings(id="yard", max_w=circuit_w),) if circuit_w is not None else ()
    settings = settings_of(SWITCHING, circuits=circuits, phases=wired, circuit="yard" if circuits else None)
    car = plain_car(phases=own, phases_offered=offered)
    bench = bench_of(settings, car=car, charging_a=charging_a, surplus_w=surplus_w)
    bench.advance(1800)
    assert (bench.car.phases_offered, bench.car.is_charging) == (phases_after, charges)
    assert len(bench.commands(PHASES)) == (phases_after != offered)
    if circuit_w is not None:
        assert bench.car.draw_w <= circuit_w


@pytest.mark.parametrize(
    ("mode", "circuit_w", "phases_after"),
    [(Mode.NOW, None, 3), (Mode.NOW, THREE_W, 3), (Mode.NOW, THREE_W - 1, 1), (Mode.MIN_PV, None, 1)],
)
def test_phases_where_the_sun_is_not_asked(mode: Mode, circuit_w: float | None, phases_after: int) -> None:
    """Fast charging takes all phases and a guaranteed minimum one, as in evcc."""
    circuits = (CircuitSettings(id="yard", max_w=circuit_w),) if circuit_w is not None else ()
    settings = settings_of(SWITCHING, circuits=circuits, circuit="yard" if circuits else None)
    bench = bench_of(settings, car=plain_car(phases=3, phases_offered=4 - phases_after), mode=mode)
    bench.advance(1800)
    assert bench.car.is_charging
    assert bench.car.phases_offered == phases_after
    assert len(bench.commands(PHASES)) == 1


@pytest.mark.parametrize(
    ("delay", "waits_s"), [({"phase_up_delay_s": 300.0}, 300.0), ({"phase_up_delay_s": 900.0}, 900.0)]
)
def test_a_switch_up_takes_its_delay(delay: dict[str, float], waits_s: float) -> None:
    """Timer cases: evcc has the delays of start and stop for it, ours its own."""
    bench = bench_of(
        settings_of(SWITCHING, **delay), car=plain_car(phases=3, phases_offered=1), charging_a=16, surplus_w=16 * 230.0
    )
    bench.advance(60)
    set_sun(bench, 11_000.0)
    bench.advance(waits_s - 10)
    assert not bench.commands(PHASES)
    bench.advance(60)
    assert bench.commands(PHASES) == [Command(PHASES, 3)]


def test_one_dark_reading_resets_a_switch_up() -> None:
    """Timer cases: a reading on the wrong side resets the wait, as in evcc, where it takes back what was gained."""
    settings = settings_of(SWITCHING, phase_up_delay_s=120.0)
    bench = bench_of(settings, car=plain_car(phases=3, phases_offered=1), charging_a=16, surplus_w=16 * 230.0)
    bench.advance(60)
    for _ in range(20):
        set_sun(bench, THREE_W + 300.0)
        bench.advance(60)
        set_sun(bench, 16 * 230.0 - 1500.0)
        bench.advance(60)
    assert not bench.commands(PHASES)


@pytest.mark.parametrize("cause", [Cause.REFUSED, Cause.INVALID])
def test_a_switch_that_is_refused_is_asked_for_once(cause: Cause) -> None:
    """TestUpdatePhaseSwitchNotAvailable: asked once and not in every cycle; the car goes on with what it has."""
    bench = bench_of(
        settings_of(SWITCHING), car=plain_car(phases=3, phases_offered=1), charging_a=16, surplus_w=11_000.0
    )
    bench.endings += [Ending(PHASES, Outcome.REFUSED, cause)] * 9
    bench.advance(3000)
    assert len(bench.commands(PHASES)) <= 2
    assert bench.car.current_a == 16.0


# Circuits -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phases", "limits", "fuse_a", "amps_a"),
    [
        (1, {"max_w": ONE_W}, None, 6),
        (1, {"max_w": ONE_W - 1}, None, 0),
        (3, {"max_w": THREE_W}, None, 6),
        (3, {"max_w": THREE_W - 1}, None, 0),
        (1, {"max_a": 6.0}, None, 6),
        (1, {"max_a": 5.9}, None, 0),
        (3, {"max_a": 15.9}, None, 15),
        (3, {"max_a": 40.0}, None, 16),
        (3, {"max_a": 10.0, "max_w": 10 * 690.0 - 1}, None, 9),
        (3, {"max_a": 10.0, "max_w": 12 * 690.0}, None, 10),
        (1, {}, 6 + LOAD_W / 230, 6),
        (1, {}, 5.9 + LOAD_W / 230, 0),
        (1, {"max_a": 8.0}, 7.2 + LOAD_W / 230, 7),
    ],
)
@pytest.mark.parametrize("mode", [Mode.NOW, Mode.PV])
def test_a_circuit_at_its_edge(
    phases: int, limits: dict[str, float], fuse_a: float | None, amps_a: int, mode: Mode
) -> None:
    """Circuit limits at the last watt, as in evcc; ours hold per phase too, and for what others draw."""
    settings = settings_of(
        replace(SOCKET, max_phases=phases),
        site=replace(SITE, main_fuse_a=fuse_a),
        circuits=(CircuitSettings(id="yard", **limits),) if limits else (),  # type: ignore[arg-type]
        circuit="yard" if limits else None,
    )
    bench = bench_of(settings, car=plain_car(phases=phases), mode=mode, surplus_w=20_000.0)
    if fuse_a is not None:
        bench.pv_w = 0.0
        settings = replace(settings, site=replace(settings.site, target_grid_w=20_000.0))
        bench = bench_of(settings, car=plain_car(phases=phases), mode=mode, surplus_w=-LOAD_W)
    bench.advance(900)
    assert bench.car.current_a == amps_a
    if not amps_a:
        assert bench.code is ReasonCode.FUSE


@pytest.mark.parametrize(
    ("others_a", "first_phase", "amps_a"),
    [((4.0, 12.0, 0.0), 1, 12), ((4.0, 12.0, 0.0), 2, 0), ((4.0, 9.0, 0.0), 2, 7), ((4.0, 9.0, 0.0), None, 12)],
)
def test_a_circuits_meter_counts_what_others_draw(
    others_a: tuple[float, float, float], first_phase: int | None, amps_a: int
) -> None:
    """A circuit with a meter, per phase; evcc looks at the highest phase alone."""
    circuit = CircuitSettings(id="yard", max_a=16.0, max_w=9000.0, meter="sub")
    settings = settings_of(circuits=(circuit,), circuit="yard", first_phase=first_phase)
    settings = replace(settings, meters=(HOUSE, MeterSettings(id="sub", interval_s=10.0, is_site=False)))
    bench = bench_of(settings, mode=Mode.NOW)
    for _ in range(30):
        bench.circuit("sub", others_a, first_phase or 1)
        bench.advance(10)
    assert bench.car.current_a == amps_a


def test_a_start_is_the_cars_and_not_the_houses_where_a_circuit_is_limited_in_w() -> None:
    circuit = CircuitSettings(id="yard", max_w=4600.0, meter="sub")
    settings = settings_of(circuits=(circuit,), circuit="yard", first_phase=1)
    settings = replace(settings, meters=(HOUSE, MeterSettings(id="sub", interval_s=1.0, is_site=False)))
    bench = bench_of(settings, mode=Mode.NOW)
    for _ in range(120):
        bench.circuit("sub", (4.0, 0.0, 0.0), 1)
        bench.advance(1)
        bench.circuit("sub", (4.0, 0.0, 0.0), 1)
    assert bench.car.current_a == 16
    assert bench.commands(STOP) == []
    assert {command.value for command in bench.commands(CommandName.SET_AMPS)} <= {16}


# Priorities and the battery -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "second_car", "surplus_w", "currents"),
    [
        ({"priority": 1}, {"priority": 0}, {}, 2000.0, (8.0, 0.0)),
        ({"priority": 0}, {"priority": 1}, {}, 2000.0, (0.0, 8.0)),
        ({"priority": 1}, {"priority": 0}, {}, 16 * 230.0 + 1500.0, (16.0, 6.0)),
        ({"priority": 1}, {"priority": 0}, {}, 8000.0, (16.0, 16.0)),
        ({"priority": 0}, {"priority": 0}, {}, 2000.0, (8.0, 0.0)),
        ({"priority": 0}, {"priority": 0}, {}, 20 * 230.0, (10.0, 10.0)),
        # who cannot use anything reserves nothing
        ({"priority": 0}, {"priority": 1}, {"soc_pct": 80.0}, 2000.0, (8.0, 0.0)),
        ({"priority": 0}, {"priority": 1}, {"is_plugged": False}, 2000.0, (8.0, 0.0)),
        ({"priority": 0}, {"priority": 1}, {"takes_a": 6.0}, 16 * 230.0, (8.0, 6.0)),  # and 2 A by which it may wake
        ({"priority": 0}, {"priority": 1, "mode": Mode.OFF}, {}, 2000.0, (8.0, 0.0)),
        # what is guaranteed comes off first, whatever the priority
        ({"priority": 1}, {"priority": 0, "mode": Mode.MIN_PV}, {}, 2000.0, (0.0, 8.0)),
        ({"priority": 1}, {"priority": 0, "mode": Mode.MIN_PV}, {}, 14 * 230.0, (8.0, 6.0)),
    ],
)
def test_priorities(
    first: dict[str, object],
    second: dict[str, object],
    second_car: dict[str, object],
    surplus_w: float,
    currents: tuple[float, float],
) -> None:
    """prioritizer_test: the lower one waits, a full one reserves nothing; ours never takes turns among equals."""
    cars = {"car": plain_car(), "second": plain_car(**second_car)}
    bench = Bench(settings_of(**first, second=second), cars=cars, load_w=LOAD_W, pv_w=LOAD_W + surplus_w)
    bench.advance(1800)
    assert (cars["car"].current_a, cars["second"].current_a) == currents
    assert sum(len(bench.commands(STOP, name)) for name in cars) == 0


@pytest.mark.parametrize(
    ("soc_pct", "priority_pct", "grid_w", "battery_w", "surplus_w"),
    [
        # the car first
        (30.0, 0.0, 0.0, -2000.0, 2000.0),
        (30.0, 0.0, -500.0, -2000.0, 2500.0),
        (30.0, 0.0, 0.0, 2000.0, -2000.0),
        # the battery first: what it takes is not there, and 100 W are left for it so that it can take more
        (30.0, 50.0, 0.0, -2000.0, -100.0),
        (30.0, 50.0, -500.0, -2000.0, 400.0),
        (30.0, 50.0, 0.0, 2000.0, -2000.0),
        # at its mark the car is first again
        (50.0, 50.0, 0.0, -2000.0, 2000.0),
        (90.0, 50.0, -500.0, -2000.0, 2500.0),
        (90.0, 50.0, 0.0, 2000.0, -2000.0),
        (None, 50.0, 0.0, -2000.0, -100.0),  # not known: the battery first
    ],
)
def test_what_a_battery_leaves(
    soc_pct: float | None, priority_pct: float, grid_w: float, battery_w: float, surplus_w: float
) -> None:
    """The adjustment table of site_test: the same 100 W below the mark; ours counts what exceeds a battery's full power to the car (test_surplus)."""
    site = Balance(grid_w, NOON, None, None, battery_w, soc_pct, has_battery=True, is_stale=False)
    assert surplus_without_cars_w(site, replace(SITE, battery_priority_soc_pct=priority_pct)) == surplus_w


def test_a_set_point_says_nothing_where_nothing_charges() -> None:
    """What is shown of a loadpoint at rest is no current, whatever was charged with before."""
    bench = bench_of(charging_a=10, surplus_w=2300.0)
    bench.advance(60)
    bench.ask(override=Override.STOP)
    assert bench.lp.set_point == SetPoint(phases=bench.lp.set_point.phases)
