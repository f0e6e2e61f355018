"""Terms on which somebody wants a loadpoint regulated: thresholds, a stop timer, a smallest current, a limit of the grid."""

from __future__ import annotations

import pytest
from tests.core.bench import WALLBOX, Bench, Box, Car, settings_of
from tests.core.test_core_chargers import box_bench, box_settings

from sunbox.core.asked import TERMS, TERMS_S, TERMS_W
from sunbox.core.model import AS_THE_FILE_SAYS, Mode, Override, Terms
from sunbox.core.reasons import ReasonCode, render
from sunbox.core.settings import ChargerSettings, LoadpointSettings
from sunbox.core.snapshot import snapshot
from sunbox.core.state import LoadpointState
from sunbox.core.values import replace
from sunbox.core.wallbox import Accepted, Rejected

V = 230.0
MIN_W = 6 * V
ONE_PHASE = replace(WALLBOX, phase_switch=None, max_phases=1)


def bench_of(terms: Terms, pv_w: float = 0.0, **changes: object) -> Bench:
    """Return a wallbox on one phase that follows the sun on these terms; the house takes 500 W."""
    settings = box_settings(ONE_PHASE, phases=1)
    bench = box_bench(Box(told=False, phases_set=None, car_phases=1), settings, pv_w=pv_w, load_w=500.0, **changes)
    assert isinstance(ask(bench, terms=terms), Accepted)
    return bench


def ask(bench: Bench, **wishes: object) -> Accepted | Rejected:
    return bench.ask(loadpoint_id="garage", **wishes)


def lp_of(bench: Bench) -> LoadpointState:
    return bench.state.loadpoints["garage"]


def sun(bench: Bench, surplus_w: float) -> None:
    bench.pv_w = 500.0 + surplus_w


def is_on(bench: Bench) -> bool:
    return lp_of(bench).set_point.charge


@pytest.mark.parametrize(
    ("terms", "surplus_w", "starts"),
    [
        (Terms(), 1370.0, False),
        (Terms(), 1390.0, True),
        (Terms(start_w=2300.0), 2290.0, False),
        (Terms(start_w=2300.0), 2310.0, True),
        (Terms(start_w=920.0), 910.0, False),
        (Terms(start_w=920.0), 930.0, True),
        (Terms(import_w=460.0), 910.0, False),
        (Terms(import_w=460.0), 930.0, True),
        (Terms(start_w=920.0, import_w=460.0), 910.0, False),  # what is fed in counts, not what may be drawn
        (Terms(start_w=920.0, import_w=460.0), 930.0, True),
        (Terms(min_a=8), 1830.0, False),
        (Terms(min_a=8), 1850.0, True),
    ],
)
def test_from_which_surplus_it_starts(terms: Terms, surplus_w: float, starts: bool) -> None:
    bench = bench_of(terms)
    sun(bench, surplus_w)
    bench.advance(300)
    assert is_on(bench) is starts


@pytest.mark.parametrize(
    ("terms", "surplus_w", "goes_on"),
    [
        (Terms(), 1300.0, False),
        (Terms(start_w=2300.0), 1450.0, True),  # a high threshold is for the start; the minimum carries on
        (Terms(start_w=2300.0), 1300.0, False),
        (Terms(start_w=920.0), 930.0, True),
        (Terms(start_w=920.0), 850.0, False),
        (Terms(import_w=460.0), 930.0, True),
        (Terms(import_w=460.0), 850.0, False),
    ],
)
def test_from_which_surplus_it_goes_on(terms: Terms, surplus_w: float, goes_on: bool) -> None:
    bench = bench_of(terms)
    sun(bench, 3000.0)
    bench.advance(300)
    assert is_on(bench)
    sun(bench, surplus_w)
    bench.advance(900)
    assert is_on(bench) is goes_on


def test_what_may_be_drawn_from_the_grid_is_drawn() -> None:
    bench = bench_of(Terms(import_w=920.0))
    sun(bench, 2300.0)
    bench.advance(300)
    assert lp_of(bench).set_point.amps_a == 14
    assert "with 920 W that may come from the grid" in render(lp_of(bench).reason)
    ask(bench, terms=AS_THE_FILE_SAYS)
    bench.advance(60)
    assert lp_of(bench).set_point.amps_a == 10


def test_the_waiting_tells_what_was_asked_for() -> None:
    bench = bench_of(Terms(start_w=2300.0))
    sun(bench, 1600.0)
    bench.advance(60)
    assert "surplus 1600 W < 2300 W (6 A × 1 × 230 V, and 2300 W was asked for)" in render(lp_of(bench).reason)


def test_a_stop_timer_stops_after_its_time() -> None:
    bench = bench_of(Terms(stop_after_s=600.0))
    sun(bench, 3000.0)
    bench.advance(300)
    sun(bench, 0.0)
    bench.advance(590)
    reason = lp_of(bench).reason
    assert (reason.code, is_on(bench), lp_of(bench).set_point.amps_a) == (ReasonCode.CHARGING_MINIMUM, True, 6)
    assert reason.changes_at is not None
    assert 0 < (reason.changes_at - bench.at).total_seconds() <= 30
    assert "stops after 600 s of that, 5" in render(reason)
    bench.advance(30)
    assert (is_on(bench), bench.code) == (False, ReasonCode.SURPLUS_LOW)


def test_a_stop_timer_begins_anew_after_sun() -> None:
    bench = bench_of(Terms(stop_after_s=600.0))
    sun(bench, 3000.0)
    bench.advance(300)
    for _ in range(3):
        sun(bench, 0.0)
        bench.advance(500)
        sun(bench, 2000.0)
        bench.advance(60)
    assert is_on(bench)


def test_a_stop_timer_of_zero_never_stops() -> None:
    bench = bench_of(Terms(stop_after_s=0.0))
    sun(bench, 3000.0)
    bench.advance(300)
    sun(bench, -500.0)
    bench.advance(3600)
    assert (is_on(bench), bench.code) == (True, ReasonCode.CHARGING_GUARANTEED)
    assert "a stop timer of 0 keeps" in render(lp_of(bench).reason)
    ask(bench, terms=AS_THE_FILE_SAYS)
    bench.advance(120)
    assert not is_on(bench)


def test_a_stop_timer_of_zero_starts_with_the_sun_only() -> None:
    bench = bench_of(Terms(stop_after_s=0.0))
    bench.advance(900)
    assert not is_on(bench)


def test_a_minimum_holds_when_charging_on_purpose_too_and_never_below_the_device() -> None:
    bench = bench_of(Terms(min_a=10))
    ask(bench, mode=Mode.NOW, amps_a=6)
    bench.advance(30)
    assert lp_of(bench).set_point.amps_a == 10
    assert isinstance(ask(bench, terms=Terms(min_a=3)), Rejected)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (Terms(min_a=5), "min_a"),
        (Terms(min_a=17), "min_a"),
        (Terms(start_w=-1.0), "start_w"),
        (Terms(import_w=TERMS_W * 2), "import_w"),
        (Terms(stop_after_s=TERMS_S + 1), "stop_after_s"),
        (Terms(grid_max_w=float("nan")), "grid_max_w"),
        (Terms(grid_grace_s=-0.5), "grid_grace_s"),
    ],
)
def test_what_cannot_be_had_changes_nothing(terms: Terms, field: str) -> None:
    bench = bench_of(Terms(start_w=1000.0))
    verdict = ask(bench, mode=Mode.NOW, terms=terms)
    assert isinstance(verdict, Rejected)
    assert verdict.field == f"terms.{field}"
    assert (bench.shown.mode, bench.shown.terms) == (Mode.PV, Terms(start_w=1000.0))


def test_every_term_has_a_range() -> None:
    assert {*TERMS, "min_a"} == set(Terms.__slots__)


def test_terms_stay_when_the_cable_is_taken_out() -> None:
    bench = bench_of(Terms(start_w=1000.0), cars={"none": Car(is_plugged=False)})
    ask(bench, override=Override.CHARGE)
    bench.advance(30)
    bench.boxes["box"].is_plugged = False
    bench.advance(60)
    assert (bench.shown.override, bench.shown.terms) == (Override.NONE, Terms(start_w=1000.0))


# The limit of the grid ------------------------------------------------------------------------------------------------


def limited(grace_s: float = 0.0, load_w: float = 500.0) -> Bench:
    """Return a wallbox that charges on purpose, where the site shall draw 4600 W at most."""
    bench = bench_of(Terms(grid_max_w=4600.0, grid_grace_s=grace_s))
    bench.load_w = load_w
    ask(bench, mode=Mode.NOW)
    bench.advance(60)
    return bench


def test_the_site_draws_no_more_than_was_asked() -> None:
    bench = limited(load_w=2000.0)
    assert lp_of(bench).set_point.amps_a == 11  # 2600 W
    assert "limited by the limit of 4600 W on the grid" in render(lp_of(bench).reason)
    bench.load_w = 1500.0
    bench.advance(30)
    assert lp_of(bench).set_point.amps_a == 13
    bench.pv_w = 6000.0  # what the sun gives is no draw from the grid
    bench.advance(30)
    assert lp_of(bench).set_point.amps_a == 16


def test_where_the_minimum_does_not_fit_it_stops_and_comes_back() -> None:
    bench = limited(load_w=4000.0)
    assert (is_on(bench), bench.code) == (False, ReasonCode.FUSE)
    bench.load_w = 3000.0
    bench.advance(30)
    assert (is_on(bench), lp_of(bench).set_point.amps_a) == (True, 6)


def test_in_its_time_of_grace_it_goes_on_at_the_minimum() -> None:
    bench = limited(grace_s=600.0)
    assert lp_of(bench).set_point.amps_a == 16
    bench.load_w = 4000.0
    bench.advance(590)
    assert (is_on(bench), lp_of(bench).set_point.amps_a) == (True, 6)
    bench.advance(30)
    assert (is_on(bench), bench.code) == (False, ReasonCode.FUSE)
    bench.advance(900)
    assert not is_on(bench)  # no grace for a start
    bench.load_w = 500.0
    bench.advance(30)
    assert is_on(bench)


def test_a_grace_that_was_not_used_up_is_there_again() -> None:
    bench = limited(grace_s=600.0)
    for _ in range(3):
        bench.load_w = 4000.0
        bench.advance(500)
        bench.load_w = 500.0
        bench.advance(60)
    assert is_on(bench)


def test_nobody_sees_the_grid() -> None:
    bench = limited(load_w=500.0)
    bench.has_meter = False
    bench.advance(300)
    assert lp_of(bench).set_point.amps_a == 6


def test_lifting_the_limit_lifts_its_grace() -> None:
    bench = limited(grace_s=600.0)
    bench.load_w = 4000.0
    bench.advance(60)
    assert bench.state.grid_over_since_at is not None
    ask(bench, terms=AS_THE_FILE_SAYS)
    bench.advance(30)
    assert (bench.state.grid_over_since_at, lp_of(bench).set_point.amps_a) == (None, 16)
    assert bench.state.others_w == {}


def test_the_smallest_limit_of_several_holds_for_those_who_have_one() -> None:
    boxes = tuple(ChargerSettings(id=name, name=name, capabilities=ONE_PHASE) for name in ("one", "two", "free"))
    loadpoints = tuple(
        LoadpointSettings(id=f"at-{row.id}", name=row.id, charger_id=row.id, mode=Mode.NOW, phases=1) for row in boxes
    )
    settings = settings_of(vehicles=(), chargers=boxes, loadpoints=loadpoints)
    bench = Bench(
        settings=settings,
        boxes={row.id: Box(told=False, phases_set=None, car_phases=1) for row in boxes},
        cars={"none": Car(is_plugged=False)},
        load_w=500.0,
    )
    bench.advance(1)
    bench.ask(loadpoint_id="at-one", terms=Terms(grid_max_w=10000.0))
    bench.ask(loadpoint_id="at-two", terms=Terms(grid_max_w=9000.0))
    bench.advance(120)
    amps = [state.set_point.amps_a for state in bench.state.loadpoints.values()]
    assert amps[2] == 16
    assert sum(amps) * V + 500.0 <= 9000.0
    assert min(amps) >= 9


def test_currents_per_phase_are_shown() -> None:
    bench = bench_of(AS_THE_FILE_SAYS)
    assert snapshot(bench.state, bench.at).grid_phases_a is None
    bench.meter(grid_w=690.0, grid_phases_a=(1.0, 2.0, 0.0))
    assert snapshot(bench.state, bench.at).grid_phases_a == (1.0, 2.0, 0.0)
