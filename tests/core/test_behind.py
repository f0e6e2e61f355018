"""A car behind a charger: which one it is, what it is told, and at which of its loadpoints it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import (
    BOX,
    CARPORT,
    WORK,
    Bench,
    Box,
    Car,
    facts_of,
    remembered,
    settings_of,
)

from sunbox.core.commands import Command, CommandName
from sunbox.core.decisions import believed_draw
from sunbox.core.draft import Draft
from sunbox.core.draw import NOTHING
from sunbox.core.headroom import draw_here
from sunbox.core.model import ChargerStatus, Charging, LoadpointMemory, Mode, Override, Wish
from sunbox.core.reasons import ReasonCode
from sunbox.core.settings import LoadpointSettings, Settings
from sunbox.core.snapshot import snapshot
from sunbox.core.wallbox import LoadpointSnapshot

START, STOP, LIMIT = CommandName.START, CommandName.STOP, CommandName.SET_LIMIT
GARAGE = LoadpointSettings(id="garage", name="Garage", charger_id="box", vehicle_id="car")
WORKSHOP = LoadpointSettings(id="workshop", name="Workshop", charger_id="other", vehicle_id="car")
C = ChargerStatus.C


def behind_settings(*others: LoadpointSettings, garage: LoadpointSettings = GARAGE) -> Settings:
    chargers = (BOX, replace(BOX, id="other"))
    used = {row.charger_id for row in (garage, *others)}
    return settings_of(loadpoints=(garage, *others), chargers=tuple(row for row in chargers if row.id in used))


def home(*others: LoadpointSettings, is_plugged: bool = True, pv_w: float = 0.0, **car: object) -> Bench:
    """Return a bench with a Tesla that is awake, alone or plugged in at the garage's box."""
    given = {"is_awake": True, "phases": 3, "is_plugged": is_plugged, **car}
    tesla = Car(**given)  # type: ignore[arg-type]
    boxes = {"box": Box(told=False, is_plugged=is_plugged, car=tesla)}
    if WORKSHOP in others:
        boxes["other"] = Box(told=False, is_plugged=False)
    bench = Bench(settings=behind_settings(*others), car=tesla, boxes=boxes, pv_w=pv_w)
    bench.advance(20)
    return bench


def plug(bench: Bench) -> None:
    """Plug the car in at the garage."""
    bench.car.is_plugged = bench.car.is_awake = True
    bench.boxes["box"].plug()
    bench.advance(20)


def at(bench: Bench, loadpoint_id: str) -> LoadpointSnapshot:
    return next(row for row in snapshot(bench.state, bench.at).loadpoints if row.id == loadpoint_id)


def has(bench: Bench, loadpoint_id: str = "garage") -> bool | None:
    return bench.state.loadpoints[loadpoint_id].memory.has_vehicle


# Which car it is ------------------------------------------------------------------------------------------------------------


def test_a_car_that_says_that_it_is_plugged_in_when_the_box_does_is_the_one() -> None:
    bench = home(is_plugged=False)
    assert has(bench) is None
    before = bench.data_reads()
    plug(bench)
    assert has(bench) is True
    assert bench.data_reads() == before + 1
    shown = at(bench, "garage")
    assert shown.vehicle is not None
    assert (shown.vehicle.soc_pct, shown.is_plugged) == (50, True)


def test_a_strange_car_binds_to_none() -> None:
    bench = home(is_plugged=False)
    bench.boxes["box"].car = None
    bench.boxes["box"].plug()
    bench.advance(30)
    assert has(bench) is False
    assert at(bench, "garage").vehicle is None
    bench.pv_w = 6000.0
    bench.advance(120)
    assert at(bench, "garage").is_flowing
    assert bench.commands(device_id="car") == []


def test_a_car_that_is_plugged_in_elsewhere_is_not_here() -> None:
    bench = home(is_plugged=False, latitude=WORK.lat, longitude=WORK.lon)
    bench.car.is_plugged = True
    bench.boxes["box"].plug()
    bench.advance(30)
    assert has(bench) is False


def test_a_car_that_sleeps_while_a_cable_is_put_in_is_another_one() -> None:
    bench = home(is_plugged=False)
    bench.advance(200)
    bench.car.is_awake = False
    bench.boxes["box"].plug()
    bench.advance(90)
    assert has(bench) is False


def test_a_car_of_which_nothing_is_known_may_be_the_one() -> None:
    bench = home(is_unclear=True)
    assert has(bench) is None
    shown = at(bench, "garage").vehicle
    assert shown is not None
    assert shown.soc_pct is None


@pytest.mark.parametrize("was_plugged", [True, False])
def test_after_a_restart_a_sleeping_car_is_where_it_was(was_plugged: bool) -> None:
    """The box says that a cable is in, the car sleeps: it was in before, if the car says that it is plugged in."""
    facts = facts_of(Charging.STOPPED if was_plugged else Charging.DISCONNECTED)
    bench = Bench(
        settings=behind_settings(),
        car=Car(is_awake=False, is_plugged=was_plugged),
        boxes={"box": Box(told=False)},
        memory=replace(remembered(facts, phases=3), loadpoints={}),
    )
    bench.advance(90)
    assert has(bench) is was_plugged
    assert bench.data_reads() == 0


def test_a_sleeping_car_that_was_plugged_in_long_before_the_cable_here_is_elsewhere() -> None:
    bench = home(CARPORT, is_plugged=False)
    bench.car.is_plugged = True  # at the carport
    bench.advance(200)
    bench.car.is_awake = False
    bench.advance(200)
    assert at(bench, "carport").is_plugged
    bench.boxes["box"].car = None
    bench.boxes["box"].plug()
    bench.advance(90)
    assert has(bench) is False
    assert at(bench, "carport").is_plugged


def test_what_is_remembered_of_the_car_here_survives_a_restart() -> None:
    bench = home()
    assert has(bench) is True
    bench.car.is_awake = False
    bench.restart()
    bench.advance(1)
    assert has(bench) is True


def test_a_box_that_does_not_know_whether_a_cable_is_in_forgets_no_car() -> None:
    bench = home()
    bench.state = replace(
        bench.state,
        loadpoints={
            "garage": replace(
                bench.state.loadpoints["garage"], memory=LoadpointMemory(wish=Wish(mode=Mode.PV), has_vehicle=True)
            )
        },
        vehicles={
            **bench.state.vehicles,
            "box": replace(bench.state.vehicles["box"], memory=replace(bench.state.vehicles["box"].memory, facts=None)),
        },
    )
    bench.boxes["box"].is_unclear = True
    bench.advance(10)
    assert has(bench) is True


def test_a_car_that_says_from_elsewhere_is_not_here_any_more() -> None:
    bench = home()
    bench.push(latitude=WORK.lat, longitude=WORK.lon)
    assert has(bench) is False
    bench.advance(10)
    assert has(bench) is False


# At which loadpoint ---------------------------------------------------------------------------------------------------------


def test_a_car_at_the_box_is_not_at_its_own_loadpoint_and_draws_once() -> None:
    bench = home(CARPORT, is_plugged=False)
    plug(bench)
    bench.pv_w = 6000.0
    bench.until(lambda: at(bench, "garage").is_flowing)
    bench.advance(60)
    carport, garage = at(bench, "carport"), at(bench, "garage")
    assert (carport.status, carport.is_plugged, carport.draw_w) == (ChargerStatus.A, False, 0.0)
    assert carport.reason.code is ReasonCode.AT_CHARGER
    assert garage.status is C
    assert garage.draw_w == bench.boxes["box"].draw_w
    assert believed_draw(bench.state, CARPORT, bench.at) == NOTHING
    assert draw_here(Draft(bench.state, bench.at), CARPORT, bench.at) == NOTHING
    assert bench.state.sun is not None
    assert bench.state.sun.low_w == pytest.approx(5700.0, abs=50.0)
    assert STOP not in {command.name for command in bench.commands()}


def test_a_car_at_its_own_loadpoint_charges_there() -> None:
    bench = home(CARPORT, is_plugged=False)
    bench.car.is_plugged = True
    bench.advance(200)
    bench.pv_w = 6000.0
    bench.until(lambda: at(bench, "carport").is_flowing)
    assert has(bench) is None
    assert at(bench, "garage").status is ChargerStatus.A


def test_amps_asked_for_at_the_own_loadpoint_are_not_the_boxs_business() -> None:
    bench = home(CARPORT, pv_w=6000.0)
    bench.until(lambda: at(bench, "garage").is_flowing)
    bench.ask(loadpoint_id="carport", amps_a=7, override=Override.CHARGE)
    bench.advance(120)
    assert CommandName.SET_AMPS not in {command.name for command in bench.commands()}


def test_a_car_is_at_one_box_at_most() -> None:
    bench = home(WORKSHOP)
    assert has(bench) is True
    bench.boxes["other"].plug()
    bench.advance(30)
    assert (has(bench), has(bench, "workshop")) == (True, False)


# What it is told ------------------------------------------------------------------------------------------------------------


def test_it_is_told_to_start_only_if_it_does_not_by_itself() -> None:
    bench = home(pv_w=6000.0)
    bench.until(lambda: at(bench, "garage").is_flowing)
    assert bench.commands(START) == [Command(START)]
    bench = home()
    bench.car.is_charging = True  # it takes what it is offered
    bench.pv_w = 6000.0
    bench.until(lambda: at(bench, "garage").is_flowing)
    assert bench.commands(START) == []


def test_a_sleeping_car_is_woken_once_for_what_the_box_offers() -> None:
    bench = home()
    bench.car.is_awake = False
    bench.advance(100)
    bench.pv_w = 6000.0
    bench.until(lambda: at(bench, "garage").is_flowing, within_s=900.0)
    assert len(bench.commands(CommandName.WAKE)) == 1
    assert bench.commands(START) == [Command(START)]


def test_who_waits_for_its_own_time_or_is_full_is_not_told() -> None:
    for car in ({"is_schedule_pending": True}, {"soc_pct": 80.0}):
        bench = home(pv_w=6000.0, **car)
        bench.advance(200)
        assert bench.commands(START) == []
        assert bench.state.loadpoints["garage"].held_by is not None


def test_nobody_is_started_for_a_stop() -> None:
    bench = home()
    bench.advance(300)
    assert bench.commands(START) == []


def test_the_charger_shows_what_the_car_does_for_nothing() -> None:
    bench = home(pv_w=6000.0)
    bench.until(lambda: at(bench, "garage").is_flowing)
    bench.advance(30)
    before = bench.data_reads()
    assert at(bench, "garage").vehicle.charging is Charging.CHARGING  # type: ignore[union-attr]
    bench.pv_w = 0.0
    bench.advance(120)
    assert at(bench, "garage").vehicle.charging is Charging.STOPPED  # type: ignore[union-attr]
    assert bench.data_reads() <= before + 1
    bench.car.is_plugged = False
    bench.boxes["box"].unplug()
    bench.advance(10)
    assert at(bench, "garage").vehicle.charging is Charging.DISCONNECTED  # type: ignore[union-attr]
    assert has(bench) is None


def test_while_it_charges_it_is_looked_at_seldom() -> None:
    bench = home(pv_w=6000.0, capacity_wh=600_000.0)
    bench.until(lambda: at(bench, "garage").is_flowing)
    before = bench.data_reads()
    bench.advance(3 * 3600)
    assert bench.data_reads() - before <= 4


def test_its_own_limit_is_set_and_stops_it() -> None:
    bench = home()
    bench.ask(loadpoint_id="garage", target_soc_pct=70)
    bench.advance(30)
    assert bench.commands(LIMIT) == [Command(LIMIT, 70)]
    assert at(bench, "garage").vehicle.target_soc_pct == 70  # type: ignore[union-attr]


def test_a_soft_target_stops_the_box() -> None:
    bench = home(soc_pct=32.0)
    bench.ask(loadpoint_id="garage", target_soc_pct=35)
    bench.pv_w = 6000.0
    bench.until(lambda: at(bench, "garage").is_flowing)
    bench.until(lambda: at(bench, "garage").reason.code is ReasonCode.TARGET_REACHED, within_s=3600.0)
    bench.advance(20)
    assert bench.boxes["box"].told is False
    assert bench.car.soc_pct == pytest.approx(35.0, abs=1.5)
    assert at(bench, "garage").is_target_reached


def test_orders_reach_the_car() -> None:
    bench = home()
    bench.order(Command(CommandName.OPEN_PORT))
    bench.advance(10)
    assert Command(CommandName.OPEN_PORT) in bench.commands()


def test_a_lost_car_is_no_reason_to_stop_the_box() -> None:
    bench = home(is_unclear=True, is_charging=True, pv_w=6000.0)
    bench.advance(200)
    assert at(bench, "garage").is_flowing
