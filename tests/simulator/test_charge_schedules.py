"""A car that lives by the charge schedules of newer firmware, and what it tells of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cloud_bench import Desk, at_the_desk
from hypothesis import given
from hypothesis import strategies as st

from sunbox.core.model import Charging
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.car_charge_schedules import ChargeSchedule, schedule_from_body
from sunbox.simulator.tesla_documents import sections_of

START_AT = datetime(2024, 6, 1, 8, 0, tzinfo=UTC)  # a Saturday, 10:00 in Berlin
BERLIN = ZoneInfo("Europe/Berlin")


def a_car(**about: Any) -> TeslaCar:
    return TeslaCar(**{"now": lambda: START_AT, **about})


def body(**about: Any) -> dict[str, Any]:
    usual = {
        "lat": 52.394,
        "lon": 13.542,
        "days_of_week": "All",
        "start_enabled": True,
        "start_time": 11 * 60,
        "end_enabled": False,
        "enabled": True,
        "id": 7,
    }
    return usual | about


def live_until(car: TeslaCar, hour: float, day: int = 0) -> None:
    """Live until an hour of Berlin's clock, `day` days later."""
    until_at = START_AT + timedelta(days=day, hours=hour - 10)
    while car.at < until_at:
        car.advance(min(60.0, (until_at - car.at).total_seconds()))


def is_charging(car: TeslaCar) -> bool:
    return car.charging in (Charging.STARTING, Charging.CHARGING)


def charge_state(car: TeslaCar) -> dict[str, Any]:
    return sections_of(car)["charge_state"]


def test_it_starts_and_ends_at_its_times_and_wakes_for_it() -> None:
    car = a_car(is_asleep=True, capacity_wh=100_000, soc_pct=10)
    car.keep_schedule(body(end_enabled=True, end_time=12 * 60))
    live_until(car, 10.99)
    assert not is_charging(car)
    live_until(car, 11.05)
    assert is_charging(car)
    assert not car.is_asleep
    live_until(car, 11.95)
    assert is_charging(car)
    live_until(car, 12.05)
    assert car.charging is Charging.STOPPED
    live_until(car, 11.05, day=1)
    assert is_charging(car)


def test_one_without_an_end_goes_on() -> None:
    car = a_car(capacity_wh=100_000, soc_pct=10)
    car.keep_schedule(body())
    live_until(car, 15)
    assert is_charging(car)


def test_one_with_an_end_alone_only_stops() -> None:
    car = a_car(capacity_wh=100_000, soc_pct=10, is_plugged=False)
    car.keep_schedule(body(start_enabled=False, end_enabled=True, end_time=12 * 60))
    car.plug()
    assert is_charging(car)
    assert charge_state(car)["scheduled_charging_pending"] is False
    live_until(car, 12.05)
    assert car.charging is Charging.STOPPED


@pytest.mark.parametrize(
    "about",
    [
        {"enabled": False},
        {"start_enabled": False},
        {"days_of_week": "Weekdays"},  # it is a Saturday
        {"days_of_week": "Sun,Fri"},
        {"lat": 52.405},  # 1.2 km north
        {"lon": 13.56},  # 1.2 km east
    ],
)
def test_one_that_is_not_meant_does_nothing(about: dict[str, Any]) -> None:
    car = a_car()
    car.keep_schedule(body(**about))
    live_until(car, 23)
    assert car.charging is Charging.STOPPED


@pytest.mark.parametrize("about", [{"days_of_week": "Sat"}, {"days_of_week": "Friday, saturday"}, {"lat": 52.4}])
def test_one_that_is_meant_does_it(about: dict[str, Any]) -> None:
    car = a_car()
    car.keep_schedule(body(**about))
    live_until(car, 11.1)
    assert is_charging(car)


def test_plugged_in_before_its_time_it_waits_and_says_so() -> None:
    car = a_car(is_plugged=False, soc_pct=20)
    car.keep_schedule(body())
    assert charge_state(car)["scheduled_charging_pending"] is False
    car.plug()
    assert car.charging is Charging.STOPPED
    told = charge_state(car)
    assert told["scheduled_charging_pending"] is True
    assert told["scheduled_charging_mode"] == "StartAt"
    assert told["scheduled_charging_start_time"] == (START_AT + timedelta(hours=1)).timestamp()
    live_until(car, 11.1)
    assert is_charging(car)
    assert charge_state(car)["scheduled_charging_pending"] is False
    car.drop_schedule(7)
    car.unplug()
    car.plug()
    assert is_charging(car)


def test_plugged_in_within_its_time_it_charges_at_once() -> None:
    car = a_car(is_plugged=False, soc_pct=20)
    car.keep_schedule(body(start_time=22 * 60, end_enabled=True, end_time=10 * 60 + 30))  # since yesterday's evening
    car.plug()
    assert is_charging(car)
    live_until(car, 10.6)
    assert car.charging is Charging.STOPPED
    assert charge_state(car)["scheduled_charging_pending"] is True


def test_elsewhere_it_charges_as_ever() -> None:
    car = a_car(is_plugged=False, soc_pct=20)
    car.keep_schedule(body(lat=48.1, lon=11.6))
    car.plug()
    assert is_charging(car)


@pytest.mark.parametrize("ends", [True, False])
def test_one_for_one_time_vanishes_once_it_was_used(ends: bool) -> None:
    car = a_car(soc_pct=20, is_plugged=False)
    car.keep_schedule(body(one_time=True, end_enabled=ends, end_time=13 * 60))
    live_until(car, 14)
    assert 7 in car.kept_schedules  # there was nothing to charge
    car.plug()
    live_until(car, 11.1, day=1)
    assert is_charging(car)
    assert (7 in car.kept_schedules) is ends
    live_until(car, 13.1, day=1)
    assert car.kept_schedules == {}
    assert car.charge_due_at is None


def test_it_does_not_matter_how_long_nobody_looked() -> None:
    car = a_car(soc_pct=20)
    car.keep_schedule(body(one_time=True, end_enabled=True, end_time=13 * 60))
    car.advance(2 * 86400.0)
    assert (car.charging, car.kept_schedules) == (Charging.STOPPED, {})


def test_a_full_car_is_left_alone() -> None:
    car = a_car(soc_pct=80)
    car.keep_schedule(body())
    live_until(car, 11.1)
    assert not is_charging(car)


def test_one_that_is_changed_counts_as_changed() -> None:
    car = a_car()
    car.keep_schedule(body())
    car.keep_schedule(body(start_time=12 * 60))
    live_until(car, 11.5)
    assert not is_charging(car)
    live_until(car, 12.1)
    assert is_charging(car)


def test_a_stop_and_a_start_at_the_same_instant_leave_it_charging() -> None:
    car = a_car(soc_pct=10, capacity_wh=100_000)
    car.keep_schedule(body(end_enabled=True, end_time=12 * 60))
    car.keep_schedule(body(id=8, start_time=12 * 60, end_enabled=True, end_time=13 * 60))
    live_until(car, 12.1)
    assert is_charging(car)
    live_until(car, 13.1)
    assert not is_charging(car)


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(1, 127), st.integers(0, 60 * 24 * 14))
def test_a_window_is_open_from_a_start_to_the_next_end(start_min: int, end_min: int, days: int, minutes: int) -> None:
    schedule = ChargeSchedule(
        id=1, days=days, starts=True, start_min=start_min, ends=True, end_min=end_min, is_enabled=True
    )
    at = START_AT + timedelta(minutes=minutes)
    moves = schedule.moves(at - timedelta(days=9), at, BERLIN)
    assert schedule.is_open(at, BERLIN) is moves[-1][1]


# at the cloud


def test_schedules_are_told_only_when_asked_for_by_name() -> None:
    async def story(desk: Desk) -> None:
        added = body(days_of_week="Mon,Tues", end_enabled=True, end_time=780, name="Noon", one_time=True)
        assert (await desk.command("add_charge_schedule", **added)).json()["response"]["result"] is True
        assert "charge_schedule_data" not in (await desk.data()).json()["response"]
        assert "charge_schedule_data" not in (await desk.data("charge_state")).json()["response"]
        answer = (await desk.data("charge_schedule_data")).json()["response"]
        assert "charge_state" not in answer
        told = answer["charge_schedule_data"]
        assert told.pop("timestamp") > START_AT.timestamp() * 1000
        assert told == {
            "charge_schedules": [
                {
                    "id": 7,
                    "name": "Noon",
                    "days_of_week": 6,
                    "start_enabled": True,
                    "start_time": 660,
                    "end_enabled": True,
                    "end_time": 780,
                    "one_time": True,
                    "enabled": True,
                    "latitude": 52.394,
                    "longitude": 13.542,
                }
            ],
            "charge_buffer": 0,
            "next_schedule": True,
            "show_schedule_complete_state": False,
        }
        assert desk.car.truth()["charge_schedules"] == told["charge_schedules"]
        await desk.command("remove_charge_schedule", id=7)
        told = (await desk.data("charge_schedule_data")).json()["response"]["charge_schedule_data"]
        assert (told["charge_schedules"], told["next_schedule"]) == ([], False)
        gone = await desk.command("remove_charge_schedule", id=7)
        assert gone.json()["response"]["reason"] == "schedule_not_found"

    at_the_desk(story)


@pytest.mark.parametrize("days", ["", "Mo", "Mon;Tues", "Everyday", 127, "x" * 81])
def test_days_that_are_none(days: Any) -> None:
    async def story(desk: Desk) -> None:
        answer = await desk.command("add_charge_schedule", **body(days_of_week=days))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_field")
        assert answer.json()["error_description"].startswith("days_of_week: must be ")
        assert desk.car.kept_schedules == {}

    at_the_desk(story)


def test_a_body_with_an_id_alone_is_a_schedule_that_does_nothing() -> None:
    assert schedule_from_body({"id": 7}) == ChargeSchedule(id=7)
