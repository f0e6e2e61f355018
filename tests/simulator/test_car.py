"""The simulated Tesla's physics, sleep, people and schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunbox.core.model import Availability, Charging
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.car_physics import into_battery_w
from sunbox.simulator.car_schedule import Schedule, ScheduleMode
from sunbox.simulator.tesla_documents import facts_of, sections_of

START_AT = datetime(2024, 6, 1, 8, 0, tzinfo=UTC)  # 10:00 in Berlin


def a_car(**about: Any) -> TeslaCar:
    return TeslaCar(**{"now": lambda: START_AT, **about})


def live(car: TeslaCar, seconds: float, step_s: float = 1.0) -> None:
    while seconds > 1e-9:
        car.advance(min(step_s, seconds))
        seconds -= step_s


def charging_car(**about: Any) -> TeslaCar:
    car = a_car(**about)
    assert car.start_charging() is None
    live(car, 30)
    assert car.charging is Charging.CHARGING
    return car


def test_starting_takes_seconds_and_the_current_ramps() -> None:
    car = a_car(phases=3)
    assert car.start_charging() is None
    assert (car.charging, car.draw_w, car.is_busy) == (Charging.STARTING, 0.0, True)
    live(car, 4)
    assert car.draw_w == 0.0
    live(car, 5)
    assert car.charging is Charging.CHARGING
    assert 0 < car.current_a < 16
    assert car.is_busy
    live(car, 8)
    assert car.current_a == 16
    assert not car.is_busy
    car.set_amps(6)
    assert car.is_busy
    live(car, 1)
    assert car.current_a == 6
    car.stop_charging()
    assert car.charging is Charging.STOPPED
    live(car, 1)
    assert car.draw_w == 0.0


def test_the_start_delay_depends_on_the_seed_alone() -> None:
    def delay_s(seed: int) -> int:
        car = a_car(seed=seed)
        car.start_charging()
        seconds = 0
        while car.charging is Charging.STARTING:
            car.advance(1.0)
            seconds += 1
        return seconds

    delays = [delay_s(seed) for seed in range(30)]
    assert delays == [delay_s(seed) for seed in range(30)]
    assert set(delays) == {5, 6, 7, 8}


@pytest.mark.parametrize(("phases", "amps_a", "power_w"), [(1, 32, 7206), (3, 16, 10925)])
def test_on_board_limits(phases: int, amps_a: int, power_w: float) -> None:
    car = charging_car(phases=phases)
    assert (car.available_a, car.current_a) == (amps_a, amps_a)
    assert car.draw_w == pytest.approx(power_w, abs=1)
    assert car.max_power_w == car.draw_w
    car.set_amps(48)
    assert car.amps_a == amps_a


def test_the_pilot_limits() -> None:
    car = charging_car(pilot_a=10)
    assert car.current_a == 10
    facts = facts_of(car)
    assert (facts.pilot_a, facts.amps_requested_max_a, facts.amps_requested_a) == (10, 10, 10)


def test_efficiency_falls_at_low_power() -> None:
    assert into_battery_w(1400) / 1400 == pytest.approx(0.76)
    assert into_battery_w(11_000) / 11_000 == pytest.approx(0.90)
    shares = [into_battery_w(power_w) / power_w for power_w in (700, 1400, 3000, 7000, 11_000)]
    assert shares == sorted(shares)
    assert into_battery_w(0) == into_battery_w(100) == 0.0


def test_energy_adds_up() -> None:
    car = charging_car(phases=3, soc_pct=40)
    before_wh, before_pct = car.added_wh, car.soc_pct
    live(car, 3600, 5.0)
    added_wh = into_battery_w(car.draw_w)
    assert car.added_wh - before_wh == pytest.approx(added_wh)
    assert car.soc_pct - before_pct == pytest.approx(100 * added_wh / 60_000)
    facts = facts_of(car)
    assert facts.energy_added_wh == car.added_wh
    assert facts.soc_pct == round(car.soc_pct)


def test_it_stops_by_itself_at_the_limit_and_goes_on_when_that_is_raised() -> None:
    car = charging_car(phases=3, soc_pct=79.4)
    live(car, 180)
    assert (car.charging, car.draw_w) == (Charging.COMPLETE, 0.0)
    assert car.start_charging() == "complete"
    assert car.set_limit(80) == "already_set"
    assert car.set_limit(90) is None
    assert car.charging is Charging.STARTING
    live(car, 30)
    assert car.draw_w > 10_000
    assert car.set_limit(50) is None
    assert car.charging is Charging.COMPLETE
    live(car, 1)
    assert car.draw_w == 0.0


def test_a_start_above_the_limit_is_complete() -> None:
    car = a_car(soc_pct=85)
    assert car.start_charging() == "complete"
    assert car.charging is Charging.COMPLETE


def test_it_tapers_when_nearly_full() -> None:
    car = charging_car(phases=3, soc_pct=89.8, limit_pct=100)
    full_w = car.draw_w
    powers_w = []
    while car.charging is Charging.CHARGING:
        live(car, 300, 5.0)
        powers_w.append(car.draw_w)
    assert powers_w[0] <= full_w
    assert powers_w == sorted(powers_w, reverse=True)
    assert powers_w[-2] < 0.2 * full_w
    assert (car.charging, car.soc_pct) == (Charging.COMPLETE, pytest.approx(100, abs=0.05))


def test_what_it_says_while_charging_on_three_phases() -> None:
    facts = facts_of(charging_car(phases=3))
    assert (facts.phases, facts.actual_a, facts.voltage_v) == (3, 16.0, 228.0)
    assert facts.charging is Charging.CHARGING


def test_what_it_says_while_idle() -> None:
    facts = facts_of(a_car())
    assert (facts.phases, facts.actual_a, facts.power_w) == (None, 0.0, 0.0)
    assert facts.voltage_v in (1.0, 2.0)
    assert (facts.is_driving, facts.is_fast_charger) == (False, False)


def test_below_5_a_it_must_be_told_twice_and_only_while_charging() -> None:
    car = charging_car()
    car.set_amps(3)
    assert car.amps_a == 5
    car.set_amps(3)
    assert car.amps_a == 3
    live(car, 3)
    assert (car.current_a, facts_of(car).actual_a) == (3.0, 3.0)
    car.set_amps(4)
    assert car.amps_a == 4
    car.set_amps(10)
    car.set_amps(4)
    assert car.amps_a == 5
    car.stop_charging()
    car.set_amps(3)
    car.set_amps(3)
    assert car.amps_a == 5


def test_some_cars_stay_at_5_a() -> None:
    car = charging_car(ignores_low_amps=True)
    for _ in range(4):
        car.set_amps(3)
    assert car.amps_a == 5


def test_a_new_plug_in_forgets_low_currents() -> None:
    car = charging_car()
    car.set_amps(3)
    car.set_amps(3)
    car.unplug()
    car.plug()
    assert car.amps_a == 5
    live(car, 20)
    car.set_amps(3)
    assert car.amps_a == 5


def test_0_a_pauses_without_stopping() -> None:
    car = charging_car()
    car.set_amps(0)
    live(car, 2)
    assert (car.charging, car.draw_w) == (Charging.CHARGING, 0.0)
    car.set_amps(8)
    live(car, 5)
    assert car.current_a == 8


def test_refusals() -> None:
    car = a_car(is_plugged=False)
    assert car.start_charging() == "disconnected"
    assert car.stop_charging() == "not_charging"
    assert car.set_amps(10) == "disconnected"
    car = a_car()
    assert car.stop_charging() == "not_charging"
    assert car.start_charging() is None
    assert car.start_charging() == "requested"
    live(car, 20)
    assert car.start_charging() == "is_charging"


def test_a_dead_socket_and_its_return() -> None:
    car = charging_car()
    car.patch({"evse_power": False})
    assert (car.charging, car.draw_w) == (Charging.NO_POWER, 0.0)
    assert car.start_charging() == "no_power"
    live(car, 3600, 10)
    assert car.is_asleep
    car.patch({"evse_power": True})
    live(car, 30)
    assert (car.charging, car.is_asleep) == (Charging.CHARGING, False)


def seconds_until(car: TeslaCar, is_so: Any, at_most_s: int = 4000) -> int:
    for second in range(at_most_s):
        if is_so():
            return second
        car.advance(1.0)
    raise AssertionError("never")


def test_it_falls_asleep_after_minutes_without_contact() -> None:
    for seed in range(10):
        car = a_car(seed=seed)
        assert 660 <= seconds_until(car, lambda car=car: car.is_asleep) <= 901
        assert car.availability is Availability.ASLEEP


def test_contact_keeps_it_awake() -> None:
    car = a_car()
    for _ in range(30):
        live(car, 300)
        car.contact()
    assert not car.is_asleep
    live(car, 901)
    assert car.is_asleep


def test_a_charging_car_does_not_sleep() -> None:
    car = charging_car(never_full=True)
    live(car, 7200, 5)
    assert not car.is_asleep
    car.fall_asleep()
    assert not car.is_asleep


def test_waking_takes_10_to_60_s_and_is_seen_as_asleep_until_then() -> None:
    for seed in range(20):
        car = a_car(is_asleep=True, seed=seed)
        car.wake()
        assert (car.is_asleep, car.is_waking, car.is_busy) == (True, True, True)
        car.advance(5)
        car.wake()  # asking again changes nothing
        assert 5 <= seconds_until(car, lambda car=car: not car.is_asleep) <= 56
        assert car.availability is Availability.ONLINE
        assert not car.is_busy


def test_a_sleeping_car_may_be_called_offline() -> None:
    assert a_car(is_asleep=True, sleeps_as=Availability.OFFLINE).availability is Availability.OFFLINE


def test_sleeping_draws_nothing_at_the_socket_and_little_from_the_battery() -> None:
    asleep, awake = a_car(is_asleep=True), a_car()
    for car in (asleep, awake):
        live(car, 600)
        assert car.draw_w == 0.0
    assert 0 < 50 - asleep.soc_pct < 0.002
    assert 50 - awake.soc_pct > 0.04


def test_plugging_in_wakes_and_charges() -> None:
    car = a_car(is_plugged=False, is_asleep=True)
    car.plug()
    assert (car.is_plugged, car.is_asleep, car.charging) == (True, False, Charging.STARTING)
    live(car, 600)
    assert car.added_wh > 0
    car.unplug()
    assert (car.charging, car.draw_w) == (Charging.DISCONNECTED, 0.0)
    car.plug()
    assert car.added_wh == 0.0


def test_some_wait_to_be_told() -> None:
    car = a_car(is_plugged=False, charges_at_plug_in=False)
    car.plug()
    assert car.charging is Charging.STOPPED


def test_a_full_car_is_complete_at_plug_in() -> None:
    car = a_car(is_plugged=False, soc_pct=90)
    car.plug()
    assert car.charging is Charging.COMPLETE


def test_driving() -> None:
    car = charging_car()
    car.drive_off()
    assert (car.is_home, car.is_plugged, car.is_driving, car.draw_w) == (False, False, True, 0.0)
    assert facts_of(car).is_driving
    assert sections_of(car)["drive_state"]["speed"] == 31
    car.plug()
    assert not car.is_plugged  # there is no socket under way
    live(car, 600, 10)
    assert car.position != car.home
    live(car, 1200, 10)
    assert not car.is_driving
    live(car, 1200, 10)
    assert car.is_asleep
    before_wh, before_km = car.stored_wh, car.odometer_km
    car.arrive(9.0)
    assert (car.is_home, car.is_asleep, car.position) == (True, False, car.home)
    assert before_wh - car.stored_wh == pytest.approx(9000)
    assert car.odometer_km == pytest.approx(before_km + 50)


def test_never_full() -> None:
    car = charging_car(phases=3, soc_pct=59.9, never_full=True)
    live(car, 7200, 5)
    assert (car.charging, car.soc_pct) == (Charging.CHARGING, 60.0)
    assert car.added_wh > 15_000
    assert a_car(soc_pct=90, never_full=True).soc_pct == 60.0


def test_unlocking_the_cable_ends_charging() -> None:
    car = charging_car()
    assert car.open_port() is None
    assert (car.charging, car.is_latched, car.is_port_open) == (Charging.STOPPED, False, True)
    assert car.close_port() is None
    assert (car.is_latched, car.is_port_open) == (True, True)
    car.unplug()
    assert car.open_port() is None
    assert car.is_port_open
    assert car.close_port() is None
    assert not car.is_port_open


def test_it_starts_at_its_scheduled_time_and_wakes_for_it() -> None:
    car = a_car()
    car.set_schedule(Schedule(mode=ScheduleMode.START_AT, start_min=11 * 60))
    assert car.schedule_due_at == START_AT + timedelta(hours=1)
    live(car, 3590, 10)
    assert (car.charging, car.is_asleep) == (Charging.STOPPED, True)
    live(car, 30)
    assert (car.charging, car.is_asleep) == (Charging.CHARGING, False)
    assert car.schedule_due_at == START_AT + timedelta(days=1, hours=1)


def test_with_a_schedule_it_waits_at_plug_in() -> None:
    car = a_car(is_plugged=False)
    car.set_schedule(Schedule(mode=ScheduleMode.START_AT, start_min=0))
    car.plug()
    assert car.charging is Charging.STOPPED
    assert sections_of(car)["charge_state"]["scheduled_charging_pending"] is True


def test_it_is_ready_for_a_departure() -> None:
    car = a_car(phases=3, soc_pct=60)
    car.set_schedule(Schedule(mode=ScheduleMode.DEPART_BY, departure_min=18 * 60))
    departure_at = START_AT + timedelta(hours=8)
    live(car, (departure_at - START_AT).total_seconds(), 5)
    assert (car.charging, car.soc_pct) == (Charging.COMPLETE, pytest.approx(80, abs=0.1))


def test_a_schedule_off_plans_nothing() -> None:
    car = a_car()
    car.set_schedule(Schedule(mode=ScheduleMode.START_AT, start_min=660))
    car.set_schedule(Schedule())
    assert car.schedule_due_at is None


def test_truth_can_be_changed() -> None:
    car = a_car()
    car.patch({"soc_pct": 33, "limit_pct": 70, "amps_a": 12, "phases": 3, "pilot_a": 11, "never_full": False})
    truth = car.truth()
    assert {key: truth[key] for key in ("soc_pct", "limit_pct", "amps_a", "phases", "pilot_a")} == {
        "soc_pct": 33.0,
        "limit_pct": 70,
        "amps_a": 11,
        "phases": 3,
        "pilot_a": 11,
    }
    car.patch({"charging": True})
    live(car, 30)
    assert car.truth()["charging"] == "charging"
    car.patch({"charging": False, "asleep": True})
    assert car.truth()["state"] == "asleep"
    car.patch({"home": False, "asleep": True})
    assert (car.truth()["home"], car.truth()["driving"], car.truth()["state"]) == (False, False, "asleep")
    car.patch({"home": True, "plugged": True, "lat": 48.0, "lon": 11.0, "in_service": True})
    truth = car.truth()
    assert (truth["plugged"], truth["lat"], truth["lon"], truth["in_service"]) == (True, 48.0, 11.0, True)
    car.patch({"plugged": False, "asleep": False, "ignores_low_amps": True, "charges_at_plug_in": False})
    assert car.truth()["plugged"] is False


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"colour": "red"}, "colour: unknown; allowed are phases"),
        ({"soc_pct": 101}, "soc_pct: 101; allowed is a number from 0 to 100"),
        ({"soc_pct": True}, "soc_pct: True"),
        ({"soc_pct": float("nan")}, "soc_pct: nan"),
        ({"limit_pct": 40}, "limit_pct: 40; allowed is a whole number from 50 to 100"),
        ({"phases": 2}, "phases: 2; allowed is 1 or 3"),
        ({"phases": [1]}, "phases"),
        ({"plugged": "yes"}, "plugged: 'yes'; allowed is true or false"),
        ({"plugged": True, "home": False}, "the car is away"),
        ({"plugged": False, "charging": True}, "not plugged in"),
        ({"charging": True, "asleep": True}, "a charging car does not sleep"),
        ({"soc_pct": 12, "limit_pct": None}, "limit_pct: None"),
    ],
)
def test_a_wrong_change_changes_nothing(changes: dict[str, Any], match: str) -> None:
    car = a_car()
    before = car.truth()
    with pytest.raises(ValueError, match=match):
        car.patch(changes)
    assert car.truth() == before


def test_a_charging_car_cannot_be_put_to_sleep() -> None:
    car = charging_car()
    with pytest.raises(ValueError, match="a charging car does not sleep"):
        car.patch({"asleep": True})


def test_setting_the_soc_of_a_complete_car_has_it_go_on() -> None:
    car = a_car(soc_pct=85)
    car.start_charging()
    car.patch({"soc_pct": 50})
    assert car.charging is Charging.STARTING


moves = st.one_of(
    st.tuples(st.just("set_amps"), st.integers(0, 48)),
    st.tuples(st.just("set_limit"), st.integers(50, 100)),
    st.tuples(st.just("arrive"), st.floats(0, 80)),
    st.tuples(st.just("advance"), st.floats(0.01, 60)),
    st.tuples(
        st.sampled_from(
            [
                "start_charging",
                "stop_charging",
                "wake",
                "contact",
                "open_port",
                "close_port",
                "plug",
                "unplug",
                "drive_off",
                "fall_asleep",
                "rouse",
            ]
        ),
        st.none(),
    ),
)


@settings(deadline=None)
@given(steps=st.lists(moves, max_size=60), phases=st.sampled_from([1, 3]), seed=st.integers(0, 5))
def test_whatever_happens_the_car_stays_a_car(steps: list[tuple[str, Any]], phases: int, seed: int) -> None:
    car = a_car(phases=phases, seed=seed)
    for name, value in steps:
        if value is None:
            getattr(car, name)()
        else:
            getattr(car, name)(value)
        assert 0 <= car.soc_pct <= 100.01
        assert 0 <= car.current_a <= car.onboard_a
        assert 0 <= car.draw_w <= car.max_power_w
        assert car.is_plugged == (car.charging is not Charging.DISCONNECTED)
        assert not (car.is_asleep and car.is_active)
        assert not (car.is_plugged and not car.is_home)
        if car.draw_w > 0:
            assert car.is_plugged
        assert facts_of(car).is_plugged == car.is_plugged
        assert sections_of(car)["charge_state"]["time_to_full_charge"] >= 0
        assert car.truth()["state"] in ("online", "asleep")
