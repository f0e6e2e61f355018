"""What commands are worth in Wh of sun."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.bench import CAR, NOON, PRICE, TESLA, Bench, Car, settings_of, with_budget

from sunbox.core.commands import RequestKind
from sunbox.core.draft import Draft
from sunbox.core.model import Availability
from sunbox.core.prices import START_COMMANDS, START_MOST_WH, start_price_wh
from sunbox.core.reasons import ReasonCode

WAKE_COMMANDS = PRICE[RequestKind.WAKE] / PRICE[RequestKind.COMMAND]
FREE_WAKE = {RequestKind.COMMAND: 0.001}
UNPRICED: dict[RequestKind, float] = {}


@pytest.mark.parametrize(
    ("availability", "sleeps", "price", "change_wh", "start_wh"),
    [
        (Availability.ONLINE, True, PRICE, 2.0, START_COMMANDS * 2.0),
        (Availability.UNKNOWN, True, PRICE, 2.0, START_COMMANDS * 2.0),
        (Availability.ASLEEP, True, PRICE, 2.0, (START_COMMANDS + WAKE_COMMANDS) * 2.0),
        (Availability.OFFLINE, True, PRICE, 2.0, (START_COMMANDS + WAKE_COMMANDS) * 2.0),
        (Availability.ASLEEP, False, PRICE, 2.0, START_COMMANDS * 2.0),  # it need not be woken
        (Availability.ASLEEP, True, FREE_WAKE, 2.0, START_COMMANDS * 2.0),
        (Availability.ASLEEP, True, UNPRICED, 2.0, (START_COMMANDS + 1.0) * 2.0),  # where only their number counts
        (Availability.ASLEEP, True, PRICE, 600.0, START_MOST_WH),
        (Availability.ASLEEP, True, PRICE, 0.0, 0.0),
    ],
)
def test_a_start_costs_the_wake_that_it_needs(
    availability: Availability, price: dict[RequestKind, float], change_wh: float, start_wh: float, *, sleeps: bool
) -> None:
    car = replace(CAR, capabilities=replace(TESLA, sleeps=sleeps, price=price))
    draft = Draft(Bench(settings=settings_of(vehicles=(car,))).state, NOON)
    draft.vehicle("car", availability=availability)
    assert start_price_wh(draft, "car", change_wh, 0.0) == pytest.approx(start_wh)


def test_a_sleeping_car_is_woken_for_more_sun_than_one_that_is_awake_is_started_for() -> None:
    settings = with_budget(commands_per_day=40)
    awake, asleep = (Bench(settings=settings, car=Car(is_awake=each), pv_w=1680.0) for each in (True, False))
    awake_s = awake.until(lambda: bool(awake.commands()))
    asleep.advance(2 * awake_s)
    assert asleep.commands() == []
    assert asleep.lp.reason.code is ReasonCode.START_PRICE
    asleep.until(lambda: bool(asleep.commands()), 3600)
