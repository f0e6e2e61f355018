"""What the grid tells about the cars for nothing, and what it does not tell."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import (
    CARPORT,
    HOME,
    NOON,
    WORK,
    Bench,
    Car,
    Ending,
    after_s,
    charging_bench,
    facts_of,
    remembered,
    settings_of,
    two_cars,
)

from sunbox.core.commands import Cause, CommandName, Outcome, ReadKind
from sunbox.core.events import MeterRead
from sunbox.core.evidence import HITS, NOISE_W, QUIET_AGAIN_S, UNEXPLAINED_LOOK
from sunbox.core.model import Charging, Draw, MeterReading, Mode, Override
from sunbox.core.reasons import ReasonCode
from sunbox.core.replies import EVIDENCE_S
from sunbox.core.settings import LoadpointSettings

AMPS, STOP = CommandName.SET_AMPS, CommandName.STOP


@pytest.mark.parametrize("sees_the_sun", [True, False])
def test_the_grid_alone_tells_nothing_of_what_the_site_uses(*, sees_the_sun: bool) -> None:
    """A stop whose reply was lost: the grid shows a step, which the sun may have made."""
    bench = charging_bench()
    bench.endings.append(Ending(STOP, Outcome.UNCONFIRMED, Cause.NO_ANSWER, is_done=True))
    bench.ask(override=Override.STOP)
    bench.has_meter = False
    bench.until(lambda: bench.vehicle.doubt is not None)
    for _ in range(HITS):
        bench.advance(5)
        grid_w = bench.load_w - bench.pv_w
        bench.meter(**{"grid_w": grid_w, "pv_w": bench.pv_w} if sees_the_sun else {"grid_w": grid_w})
    assert (bench.vehicle.doubt is None) is sees_the_sun
    assert bench.shown.is_settled is sees_the_sun
    assert bench.at < after_s(EVIDENCE_S, bench.sent[-1][0])


@pytest.mark.parametrize(("late_s", "settle_s"), [(0.0, None), (0.5, 6.0 + 0.1 * (0.5 - 6.0))])
def test_how_long_a_change_takes_is_learned_from_what_was_measured_after_it_alone(
    late_s: float, settle_s: float | None
) -> None:
    bench = charging_bench()
    bench.has_meter = False
    bench.ask(amps_a=8)
    bench.until(lambda: bench.vehicle.settling is not None)
    since_at = bench.vehicle.settling.since_at  # type: ignore[union-attr]
    bench.advance(2)
    reading = MeterReading(
        measured_at=after_s(late_s, since_at), grid_w=300.0 + 8 * 230.0 - bench.pv_w, pv_w=bench.pv_w
    )
    bench.feed(MeterRead(at=bench.at, meter_id="house", reading=reading))
    assert bench.vehicle.memory.settle_s == (None if settle_s is None else pytest.approx(settle_s))
    assert (bench.vehicle.settling is None) is (settle_s is not None)


@pytest.mark.parametrize(("loadpoints", "looks"), [((replace(CARPORT, mode=Mode.NOW),), 1), ((), 0)])
def test_a_draw_that_cannot_be_is_looked_into_where_the_car_is_ours_to_control(
    loadpoints: tuple[LoadpointSettings, ...], looks: int
) -> None:
    car = Car(is_awake=True, is_charging=True, amps_a=32)
    bench = Bench(settings=settings_of(loadpoints=loadpoints), car=car, has_meter=False)
    bench.advance(5)
    bench.push()
    reads = bench.data_reads()
    for _ in range(UNEXPLAINED_LOOK):
        assert bench.data_reads() == reads
        bench.advance(10)
        bench.meter(grid_w=300.0, pv_w=0.0)
    assert bench.data_reads() == reads + looks


# The sun --------------------------------------------------------------------------------------------------------------


def test_while_the_draw_is_not_known_the_sun_tells_the_surplus_once_the_house_is_known() -> None:
    bench = charging_bench()
    bench.has_meter = False
    bench.meter()
    bench.endings.append(Ending(AMPS, Outcome.UNCONFIRMED, Cause.NO_ANSWER, is_done=True))
    bench.ask(amps_a=8)
    bench.advance(5)
    bench.pv_w += 500.0
    bench.meter()
    assert bench.state.sun == Draw(4500.0, 4500.0)


def test_until_the_house_is_known_the_surplus_is_what_the_grid_tells() -> None:
    """Right after a restart: the car may draw nothing of what the site uses, or all of it."""
    bench = Bench(memory=remembered(facts_of(Charging.CHARGING)), has_meter=False, pv_w=1000.0)
    bench.meter(grid_w=3000.0, pv_w=1000.0)
    assert bench.state.sun == Draw(-3000.0, 1000.0 + NOISE_W)


# A charge that nobody here began --------------------------------------------------------------------------------------


def unseen(**about: object) -> Bench:
    """Return a bench whose car was just seen unplugged and stays awake."""
    bench = Bench(car=Car(is_awake=True, is_plugged=False, **about))  # type: ignore[arg-type]
    bench.until(lambda: bench.vehicle.memory.facts is not None)
    bench.advance(400)
    bench.reads.clear()
    return bench


def plug_in(bench: Bench) -> float:
    bench.car.is_plugged = bench.car.is_charging = True
    bench.car.energy_added_wh = 0.0
    return bench.until(lambda: bench.shown.is_plugged, 1800)


@pytest.mark.parametrize("amps_a", [5, 16, 32])
def test_a_plug_in_that_shows_in_the_grid_is_looked_into_at_once(amps_a: int) -> None:
    bench = unseen(amps_a=amps_a)
    assert plug_in(bench) < 60
    assert bench.data_reads() == 1
    bench.until(lambda: not bench.car.is_charging, 60)  # there is no sun: it is taken over at once


def test_a_car_that_was_away_and_comes_home_is_noticed_when_it_is_plugged_in() -> None:
    bench = unseen(latitude=WORK.lat, longitude=WORK.lon)
    assert bench.shown.reason.code is ReasonCode.NOT_PLUGGED
    bench.car.latitude, bench.car.longitude = HOME.lat, HOME.lon
    assert plug_in(bench) < 60


def test_a_start_by_hand_of_a_car_that_we_stopped_is_noticed_too() -> None:
    bench = charging_bench()
    bench.pv_w = 0.0
    bench.until(lambda: not bench.car.is_charging, 300)
    bench.advance(200)
    bench.reads.clear()
    bench.car.is_charging = True
    bench.until(lambda: bench.wish.override is Override.CHARGE, 60)
    assert bench.data_reads() == 1


@pytest.mark.parametrize("load_w", [300.0 + 2000.0, 300.0 + 6000.0])
def test_what_is_no_step_of_the_car_is_not_looked_into(load_w: float) -> None:
    bench = unseen(amps_a=16)  # 3680 W on one phase
    bench.load_w = load_w
    bench.advance(300)
    assert bench.data_reads() == 0


def test_an_oven_that_looks_like_the_car_costs_a_look_each_ten_minutes_at_most() -> None:
    bench = unseen(amps_a=16)
    for _ in range(20):
        bench.load_w = 300.0 + 3700.0
        bench.advance(60)
        bench.load_w = 300.0
        bench.advance(60)
    assert 1 <= bench.data_reads() <= 2400 / QUIET_AGAIN_S + 3


def test_a_car_that_sleeps_is_complete_or_elsewhere_draws_nothing() -> None:
    for about in ({"is_awake": False}, {"soc_pct": 80.0}, {"latitude": WORK.lat, "longitude": WORK.lon}):
        facts = Car(**{"is_awake": True, **about}).facts(NOON)  # type: ignore[arg-type]
        bench = Bench(car=Car(**{"is_awake": True, **about}), memory=remembered(facts))  # type: ignore[arg-type]
        bench.advance(600)
        bench.reads.clear()
        bench.load_w = 300.0 + 3700.0
        bench.advance(300)
        assert bench.data_reads() == 0, about


def test_what_another_car_does_is_not_taken_for_a_plug_in() -> None:
    cars = {"car": Car(is_awake=True, is_plugged=False), "second": Car(is_awake=True)}
    bench = Bench(settings=two_cars(), cars=cars, car=cars["car"], pv_w=0.0)
    bench.advance(760)
    bench.reads.clear()
    bench.ask(loadpoint_id="garage", override=Override.CHARGE, amps_a=16)
    bench.until(lambda: cars["second"].is_charging, 60)
    bench.advance(240)
    assert [id_ for _, id_, what in bench.reads if what is ReadKind.DATA] == ["second"]
