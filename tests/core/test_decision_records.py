"""What is recorded of a state: decisions with their reasons, and what cars are believed to draw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.core.bench import (
    BOX,
    CARPORT,
    NOON,
    WORK,
    Bench,
    Box,
    Car,
    after_s,
    charging_bench,
    facts_of,
    remembered,
    settings_of,
)

from sunbox.core.decisions import believed_draw, decision_of, is_at, shown_reason
from sunbox.core.model import Charging, Draw, Override
from sunbox.core.reasons import Reason, ReasonCode
from sunbox.core.settings import LoadpointSettings

EMPTY = LoadpointSettings(id="garage", name="Garage", charger_id="box")
NOTHING = Draw(0.0, 0.0)
UNSURE = Draw(0.0, 32 * 230.0)
AT_WORK = {"latitude": WORK.lat, "longitude": WORK.lon}
UNKNOWN = {"latitude": None, "longitude": None}


def test_the_reason_that_is_shown_is_what_holds_back_before_why_it_was_decided() -> None:
    bench = Bench()
    bench.advance(5)
    bench.ask(override=Override.CHARGE)
    bench.advance(3)
    assert bench.lp.reason.code is ReasonCode.CHARGING_BY
    assert shown_reason(bench.state, CARPORT) == bench.shown.reason
    assert shown_reason(bench.state, CARPORT).code is ReasonCode.WAKING


def test_a_loadpoint_without_a_car_shows_its_own_reason() -> None:
    bench = Bench(
        settings=settings_of(loadpoints=(CARPORT, EMPTY), chargers=(BOX,)), boxes={"box": Box(is_plugged=False)}
    )
    assert shown_reason(bench.state, EMPTY).code is ReasonCode.CHARGER_SILENT
    bench.advance(1)
    assert shown_reason(bench.state, EMPTY).code is ReasonCode.NOT_PLUGGED
    assert believed_draw(bench.state, EMPTY, after_s(1)) == NOTHING


@pytest.mark.parametrize(
    ("charging", "place", "is_here", "draw"),
    [
        (Charging.CHARGING, {}, True, UNSURE),
        (Charging.CHARGING, AT_WORK, False, NOTHING),
        (Charging.CHARGING, UNKNOWN, None, UNSURE),
        (Charging.DISCONNECTED, {}, True, NOTHING),
    ],
)
def test_only_a_car_that_may_be_here_draws_here(
    charging: Charging, place: dict[str, Any], is_here: bool | None, draw: Draw
) -> None:
    """Right after a restart: until it has been looked at, a car that is plugged in may draw anything."""
    facts = facts_of(charging, **place)
    state = Bench(memory=remembered(facts), has_meter=False).state
    assert is_at(state.settings, CARPORT, facts) is is_here
    assert believed_draw(state, CARPORT, NOON) == draw


@pytest.mark.parametrize(("is_place_known", "low_w"), [(True, 17 * 230.0), (False, 0.0)])
def test_a_car_that_charges_somewhere_may_charge_here(low_w: float, *, is_place_known: bool) -> None:
    bench = charging_bench()
    if not is_place_known:
        bench.car.latitude = bench.car.longitude = None
    bench.until(lambda: bench.vehicle.memory.facts.latitude == bench.car.latitude, 3600)  # type: ignore[union-attr]
    assert believed_draw(bench.state, CARPORT, bench.at) == Draw(low_w, 17 * 230.0)


def test_the_draw_is_the_one_of_the_instant_that_is_asked_for() -> None:
    bench = charging_bench()
    before_at = bench.at
    bench.ask(override=Override.STOP)
    bench.until(lambda: not bench.car.is_charging)
    bench.advance(30)
    assert believed_draw(bench.state, CARPORT, before_at) == Draw(17 * 230.0, 17 * 230.0)
    assert believed_draw(bench.state, CARPORT, bench.at) == NOTHING


def test_a_decision_has_everything_that_explains_it() -> None:
    bench = charging_bench()
    reason = Reason(ReasonCode.CHARGING_PV, {"surplus_w": 3999.96, "amps_a": 17, "cap": "!"}, after_s(99))
    decision = decision_of(bench.state, CARPORT, reason, bench.at, Draw(3910.4, 3910.6))
    assert (decision.at, decision.loadpoint) == (bench.at, "carport")
    assert (decision.charge, decision.amps_a, decision.phases, decision.acting) == (True, 17, 1, True)
    assert (decision.code, decision.kind, decision.changes_at) == ("charging_pv", "charging", after_s(99))
    assert decision.numbers == {"surplus_w": 4000.0, "amps_a": 17, "cap": "!"}
    assert decision.text.startswith("charging 17 A: surplus 4000 W")
    assert decision.pending is None
    assert (decision.mode, decision.override) == ("pv", "none")
    assert (decision.surplus_low_w, decision.surplus_high_w) == (4000, 4000)
    assert (decision.grid_w, decision.draw_low_w, decision.draw_high_w) == (-90, 3910, 3911)


def test_what_is_not_known_is_not_recorded_as_zero() -> None:
    bench = Bench(has_meter=False, car=Car(is_awake=True))
    bench.advance(5)
    bench.ask(override=Override.CHARGE)
    decision = decision_of(bench.state, CARPORT, shown_reason(bench.state, CARPORT), bench.at, NOTHING)
    assert (decision.surplus_low_w, decision.surplus_high_w, decision.grid_w) == (None, None, None)
    assert (decision.draw_low_w, decision.override, decision.pending) == (0, "charge", "starting")


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"numbers": {}, "text": "", "grid_w": 1.0, "draw_low_w": 0.0, "at": after_s(60)}, True),
        ({"charge": False}, False),
        ({"amps_a": 6}, False),
        ({"phases": 3}, False),
        ({"acting": False}, False),
        ({"code": "charging_held"}, False),
        ({"pending": "setting_amps"}, False),
    ],
)
def test_numbers_alone_make_no_other_decision(changes: dict[str, Any], *, is_same: bool) -> None:
    bench = charging_bench()
    decision = decision_of(bench.state, CARPORT, bench.lp.reason, bench.at, NOTHING)
    assert (replace(decision, **changes).gist == decision.gist) is is_same
