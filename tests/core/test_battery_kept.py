"""A hold of the home battery over a restart: it is given back by who knows, and not in the moment before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import (
    BOX,
    CARPORT,
    HOUSE,
    NOON,
    SITE,
    Bench,
    Box,
    Car,
    LoadpointSettings,
    facts_of,
    remembered,
    settings_of,
)

from sunbox.core.battery import KEPT_UNKNOWING_S
from sunbox.core.model import Charging, Memory, Mode, Override, SiteMemory
from sunbox.core.settings import CircuitSettings, MeterSettings, Settings

HOLDS = replace(SITE, battery_hold=True)
HELD = SiteMemory(is_battery_held=True)
GARAGE = LoadpointSettings(id="carport", name="Carport", charger_id="box", vehicle_id="car")


def held_bench(settings: Settings, car: Car, box: Box | None = None) -> Bench:
    """Return a bench whose car charges on purpose, with the battery held."""
    bench = Bench(
        settings=settings,
        car=car,
        boxes={} if box is None else {"box": box},
        memory=remembered(facts_of(), phases=car.phases),
        battery_w=0.0,
        battery_soc_pct=60.0,
    )
    bench.advance(60)
    bench.ask(mode=Mode.NOW, amps_a=13)
    bench.advance(300)
    assert bench.shown.is_flowing
    assert bench.holds == [True]
    bench.holds.clear()
    return bench


@pytest.mark.parametrize("phases", [1, 3])
@pytest.mark.parametrize("main_fuse_a", [None, 25.0, 60.0])
@pytest.mark.parametrize("has_box", [True, False])
def test_it_is_kept_while_nobody_knows_what_the_fuse_leaves(
    phases: int, main_fuse_a: float | None, *, has_box: bool
) -> None:
    car = Car(is_awake=True, phases=phases)
    site = replace(HOLDS, main_fuse_a=main_fuse_a)
    if has_box:
        bench = held_bench(settings_of(site=site, loadpoints=(GARAGE,), chargers=(BOX,)), car, Box(car=car))
    else:
        bench = held_bench(settings_of(site=site), car)
    bench.restart()
    bench.advance(600)
    assert bench.shown.is_flowing
    assert bench.holds == []
    bench.restart()
    bench.ask(mode=Mode.OFF)
    bench.advance(60)
    assert bench.holds == [False]


def test_it_is_kept_until_the_meter_of_a_circuit_is_read() -> None:
    meters = (HOUSE, MeterSettings(id="sub", interval_s=10.0, is_site=False))
    fuse = CircuitSettings(id="fuse", max_a=25, meter="sub", safe_a=0)
    settings = settings_of(site=HOLDS, meters=meters, loadpoints=(replace(CARPORT, circuit="fuse"),))
    bench = Bench(
        settings=replace(settings, circuits=(fuse,)),
        car=Car(is_awake=True, is_charging=True, amps_a=13),
        memory=replace(remembered(facts_of(Charging.CHARGING), override=Override.CHARGE, was_charging=True), site=HELD),
        battery_w=0.0,
        battery_soc_pct=60.0,
    )
    bench.advance(60)
    assert not bench.lp.set_point.charge
    assert bench.holds == []
    for _ in range(20):
        bench.circuit("sub", (0.0, 0.0, 0.0), 1)
        bench.advance(10)
    assert bench.shown.is_flowing
    assert bench.holds == []


@pytest.mark.parametrize(
    ("car", "has_meter"), [(Car(is_unclear=True), True), (Car(), True), (Car(is_awake=True), False)]
)
def test_what_is_never_known_is_not_waited_for_longer_than_five_minutes(car: Car, *, has_meter: bool) -> None:
    bench = Bench(
        settings=settings_of(site=HOLDS),
        car=car,
        memory=replace(remembered(facts_of()), site=HELD),
        has_meter=has_meter,
    )
    bench.advance(KEPT_UNKNOWING_S - 1)
    assert bench.holds == []
    bench.advance(2)
    assert bench.holds == [False]
    bench.advance(600)
    assert bench.holds == [False]


@pytest.mark.parametrize(
    ("memory", "site"),
    [
        (replace(remembered(facts_of()), site=HELD), SITE),  # the owner does not want it any more
        (Memory(site=HELD), replace(HOLDS, name="Home")),
    ],
)
def test_what_is_known_is_done_at_once(memory: Memory, site: object) -> None:
    bench = Bench(settings=settings_of(site=site), car=Car(is_awake=True), memory=memory)  # type: ignore[arg-type]
    bench.advance(30)
    assert bench.holds == [False]
    assert bench.at < NOON.replace(minute=5)
