"""Single events at the edge of the core: meters and their clocks, what fails, what is nobody's."""

from __future__ import annotations

import pytest
from tests.core.bench import BOX, CARPORT, NOON, Bench, Car, after_s, charging_bench, settings_of

from sunbox.core.commands import Cause, ReadKind
from sunbox.core.events import MeterRead, ReadFailed
from sunbox.core.model import Availability, Charging, MeterReading, Mode, Override
from sunbox.core.settings import LoadpointSettings
from sunbox.core.snapshot import snapshot
from sunbox.core.wallbox import Accepted, Rejected

EMPTY = LoadpointSettings(id="garage", name="Garage", charger_id="box")


def read(bench: Bench, grid_w: float, at_s: float, *, measured_s: float | None = None, meter_id: str = "house") -> None:
    """Have a meter's reading arrive at an instant, measured then or at another."""
    reading = MeterReading(measured_at=after_s(at_s if measured_s is None else measured_s), grid_w=grid_w)
    bench.feed(MeterRead(at=after_s(at_s), meter_id=meter_id, reading=reading))


def test_a_reading_of_an_unknown_meter_is_an_error() -> None:
    bench = Bench()
    before = bench.state
    with pytest.raises(ValueError, match="there is no meter 'nope'"):
        read(bench, 1.0, 1.0, meter_id="nope")
    assert bench.state is before


@pytest.mark.parametrize("ahead_s", [0.0, 1.0, 7200.0])
def test_a_meter_whose_clock_is_ahead_measured_when_its_reading_came(ahead_s: float) -> None:
    bench = Bench(has_meter=False)
    read(bench, 500.0, 10.0, measured_s=10.0 + ahead_s)
    site = snapshot(bench.state, after_s(15.0))
    assert (site.grid_w, site.grid_age_s) == (500.0, 5.0)
    read(bench, 700.0, 20.0, measured_s=20.0 + ahead_s)
    assert snapshot(bench.state, after_s(20.0)).grid_w == 700.0
    assert snapshot(bench.state, after_s(100.0)).is_grid_stale


@pytest.mark.parametrize(("measured_s", "grid_w"), [(9.0, 500.0), (10.0, 700.0), (11.0, 700.0)])
def test_a_reading_that_was_overtaken_is_left_out(measured_s: float, grid_w: float) -> None:
    bench = Bench(has_meter=False)
    read(bench, 500.0, 10.0)
    read(bench, 700.0, 12.0, measured_s=measured_s)
    assert snapshot(bench.state, after_s(12.0)).grid_w == grid_w


def test_a_meter_that_cannot_be_read_counts_with_its_last_reading_until_that_is_too_old() -> None:
    bench = Bench(has_meter=False)
    failed = ReadFailed(at=NOON, device_id="house", exchange_id=None, what=ReadKind.DATA, cause=Cause.UNREACHABLE)
    bench.feed(failed)
    assert snapshot(bench.state, NOON).grid_w is None
    assert bench.state.meters["house"].cause is Cause.UNREACHABLE
    read(bench, 500.0, 10.0)
    assert bench.state.meters["house"].cause is None
    bench.feed(ReadFailed(at=after_s(20), device_id="house", exchange_id=None, what=ReadKind.DATA, cause=Cause.BUSY))
    site = snapshot(bench.state, after_s(20.0))
    assert (site.grid_w, site.grid_age_s, site.is_grid_stale) == (500.0, 10.0, False)
    assert bench.state.meters["house"].cause is Cause.BUSY
    assert snapshot(bench.state, after_s(60.0)).is_grid_stale


def test_a_charger_that_knows_no_car_has_no_target() -> None:
    bench = Bench(settings=settings_of(loadpoints=(CARPORT, EMPTY), chargers=(BOX,)))
    reply = bench.ask(loadpoint_id="garage", target_soc_pct=80)
    assert isinstance(reply, Rejected)
    assert reply.field == "target_soc_pct"
    assert isinstance(bench.ask(loadpoint_id="garage", mode=Mode.NOW), Accepted)
    assert isinstance(bench.ask(loadpoint_id="nowhere", mode=Mode.NOW), Rejected)


@pytest.mark.parametrize(("phases", "is_taken"), [(0, True), (1, True), (2, False), (3, True), (-1, False)])
def test_phases_are_one_or_three_or_left_to_the_sun(phases: int, is_taken: bool) -> None:
    bench = Bench()
    assert isinstance(bench.ask(phases=phases), Accepted if is_taken else Rejected)
    assert bench.wish.phases == (phases or None if is_taken else None)


@pytest.mark.parametrize(("override", "reads"), [(Override.CHARGE, 1), (Override.STOP, 0)])
def test_who_asks_an_unplugged_car_to_charge_has_probably_just_plugged_it_in(override: Override, reads: int) -> None:
    bench = Bench(car=Car(is_awake=True, is_plugged=False))
    bench.advance(10)
    assert bench.shown.vehicle.availability is Availability.ONLINE  # type: ignore[union-attr]
    before = bench.data_reads()
    bench.car.is_plugged = True
    bench.ask(override=override)
    bench.advance(5)
    assert bench.data_reads() == before + reads
    assert bench.shown.is_plugged is (reads > 0)
    bench.advance(60)
    assert bench.car.is_charging is (override is Override.CHARGE)


def test_an_unplugged_car_that_sleeps_is_not_woken_to_see_whether_it_was_plugged_in() -> None:
    bench = charging_bench()
    bench.car.is_plugged = bench.car.is_charging = False
    bench.until(lambda: bench.shown.vehicle.charging is Charging.DISCONNECTED, 3600)  # type: ignore[union-attr]
    bench.car.is_awake = False
    bench.advance(400)
    before = len(bench.sent)
    bench.ask(override=Override.CHARGE)
    bench.advance(600)
    assert len(bench.sent) == before
