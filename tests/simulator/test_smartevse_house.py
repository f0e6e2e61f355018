"""A SmartEVSE in the world: its draw counts once, its own meter sees the house per phase, people and faults come and go."""

from __future__ import annotations

from typing import Any

import pytest
from simple_worlds import START_AT, HandClock, steady

from sunbox.core.model import Charging
from sunbox.dialects.smartevse.words import Contactor, Fault, Mode, State
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.control import world_truth
from sunbox.simulator.mains import Supply
from sunbox.simulator.patch import PatchError, patch_world
from sunbox.simulator.scenario import (
    CarScenario,
    ChargerKind,
    ChargerScenario,
    MainsMeter,
    MeterScenario,
    Scenario,
    WallboxCarScenario,
    build_world,
)
from sunbox.simulator.smartevse_house import BOOT_S, HouseSmartEvse
from sunbox.simulator.wallbox import TeslaWallbox, Wallbox


class Place:
    """A world with SmartEVSEs, lived in by hand."""

    def __init__(self, *chargers: ChargerScenario, pv_w: float = 0.0, load_w: float = 500.0, **about: Any) -> None:
        self.clock = HandClock(START_AT)
        about.setdefault("cars", ())
        scenario = Scenario(chargers=chargers, meter=MeterScenario(noise_w=0.0), **about)
        self.world = build_world(scenario, self.clock, trace=steady(pv_w, load_w, start_at=self.clock.at))

    @property
    def box(self) -> HouseSmartEvse:
        charger = next(iter(self.world.chargers.values()))
        assert isinstance(charger, Wallbox | TeslaWallbox)
        assert isinstance(charger.charger, HouseSmartEvse)
        return charger.charger

    @property
    def tesla(self) -> TeslaCar:
        car = self.world.cars["model3"]
        assert isinstance(car, TeslaCar)
        return car

    @property
    def truth(self) -> dict[str, Any]:
        return world_truth(self.world)

    def tell(self, path: str = "/settings", **parameters: Any) -> Place:
        self.world.sync()
        assert self.box.post(path, {name: str(value) for name, value in parameters.items()}) is not None
        return self

    def says(self) -> dict[str, Any]:
        self.world.sync()
        answer = self.box.get("/settings")
        assert answer is not None
        assert isinstance(answer.reply, dict)
        return answer.reply

    def patch(self, **changes: Any) -> Place:
        patch_world(self.world, changes)
        return self

    def live(self, seconds: float) -> Place:
        self.clock.go(seconds)
        self.world.sync()
        return self

    def until(self, condition: Any, most_s: int = 120) -> int:
        for second in range(most_s):
            if condition():
                return second
            self.live(1)
        raise AssertionError(f"not within {most_s} s: {self.truth}")


def smartevse(**about: Any) -> ChargerScenario:
    return ChargerScenario(kind=ChargerKind.SMARTEVSE, **about)


GARAGE = smartevse(vehicle=WallboxCarScenario(never_full=False, soc_pct=20.0))


def with_tesla(**car: Any) -> Place:
    """A Tesla behind a box that is on, and which it was told to take."""
    about = {"never_full": False, "soc_pct": 20.0, "asleep": False, **car}
    place = Place(smartevse(car="model3", max_amps=32), cars=(CarScenario(**about),), phases=3)
    place.tesla.start_charging()
    return place


# --- a car of its own --------------------------------------------------------------------------------------------------


def test_its_car_is_a_car_of_the_world_and_counts_once() -> None:
    place = Place(GARAGE).live(3600)
    truth = place.truth
    assert truth["cars_w"] == truth["cars"]["garage"]["draw_w"] == truth["chargers"]["garage"]["draw_w"] > 10_000
    assert truth["grid_w"] == pytest.approx(truth["cars_w"] + 500, abs=0.2)
    assert truth["energy"]["import_wh"] == pytest.approx(truth["cars"]["garage"]["energy"]["charged_wh"] + 500, abs=0.2)


@pytest.mark.parametrize("step_s", [1, 7.3, 300])
def test_box_car_and_world_agree(step_s: float) -> None:
    place = Place(GARAGE, pv_w=4000)
    soc_pct = place.box.car.soc_pct
    orders = (
        {"enable_C2": 1, "override_current": 100},
        {"mode": 4},
        {"mode": 1},
        {"mode": 4, "enable_C2": 3},
        {"mode": 1, "override_current": 160},
    )
    for told in orders:
        for _ in range(int(600 / step_s)):
            place.live(step_s)
        place.tell(**told)
    place.live(600).tell(mode=4).live(60)
    ledger = place.world.total().cars["garage"]
    truth = place.truth["chargers"]["garage"]
    assert (truth["draw_w"], truth["phases"]) == (0, 0)
    assert truth["energy_wh"] == truth["session_wh"] == pytest.approx(ledger.charged_wh, rel=0.005, abs=10)
    assert (truth["phase_switches"], ledger.starts) == (2, 3)  # 3 → 1 → 3
    stored_wh = (place.box.car.soc_pct - soc_pct) / 100 * 60_000
    assert 0.8 * ledger.charged_wh < stored_wh < 0.95 * ledger.charged_wh


def test_how_often_one_looks_does_not_matter() -> None:
    seldom, often = Place(GARAGE, pv_w=4000), Place(GARAGE, pv_w=4000)
    for mode, amps in ((1, 80), (4, 100), (3, 120)):
        for place, step_s in ((seldom, 900.0), (often, 0.5)):
            for _ in range(int(900 / step_s)):
                place.live(step_s)
            place.tell(mode=mode, override_current=amps)
    one, other = seldom.truth["chargers"]["garage"], often.truth["chargers"]["garage"]
    assert one["energy_wh"] == pytest.approx(other["energy_wh"], rel=0.002, abs=5)
    assert (one["state"], one["mode"], one["mains_a"]) == (other["state"], other["mode"], other["mains_a"])


@pytest.mark.parametrize(
    ("box", "car", "most_w"),
    [
        ({"max_amps": 16}, {}, 3 * 16 * 227.6),
        ({"max_amps": 20}, {"max_amps": 32}, 3 * 20 * 227),
        ({"cable_amps": 13}, {}, 3 * 13 * 228.05),
        ({"supply_phases": 1}, {}, 16 * 227.6),
        ({}, {"phases": 1, "max_amps": 32}, 32 * 225.2),
    ],
    ids=str,
)
def test_the_most_is_what_box_and_car_are_built_for(box: dict[str, Any], car: dict[str, Any], most_w: float) -> None:
    vehicle = WallboxCarScenario(never_full=False, soc_pct=20, **car)
    place = Place(smartevse(vehicle=vehicle, main_amps=63, **box), pv_w=20_000)
    assert place.world.cars["garage"].max_power_w == pytest.approx(most_w)
    assert place.tell(mode=1).live(120).box.draw_w == pytest.approx(most_w)


def test_a_wish_takes_the_car_and_the_box_their_time() -> None:
    place = Place(smartevse(vehicle=WallboxCarScenario(plugged=False))).live(60)
    assert (place.says()["car_connected"], place.box.device.state) == (False, State.A)
    place.patch(charger={"plugged": True})
    assert 8 <= place.until(lambda: place.box.draw_w > 10_000, 60) <= 25
    place.tell(mode=4)
    assert place.until(lambda: place.box.device.state is State.B1) <= 3
    assert place.says()["car_connected"]
    assert not place.box.device.is_at_rest  # a delay runs
    assert place.live(60).box.device.is_at_rest
    place.live(3600).patch(charger={"plugged": False}).live(2)
    assert not place.says()["car_connected"]


# --- the house behind it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phases", "expected"),
    [(3, (2.5 - 10, 1.5 - 10, 1.0 - 10)), (1, (5.0 - 30, 0.0, 0.0))],
)
def test_a_house_loads_its_phases_unlike_and_the_sun_alike(phases: int, expected: tuple[float, float, float]) -> None:
    assert Supply(phases).currents_a(5 * 230, 30 * 230, 230.0) == pytest.approx(expected)


def test_its_own_meter_sees_the_house_and_the_other_cars_per_phase() -> None:
    place = Place(GARAGE, smartevse(id="drive"), load_w=2300, pv_w=6900).tell(mode=4).live(60)
    drive = place.world.cars["drive"]
    assert drive.draw_w > 10_000
    other_a = drive.draw_w / 3 / 230
    expected = [5 - 10 + other_a, 3 - 10 + other_a, 2 - 10 + other_a]
    assert place.truth["chargers"]["garage"]["mains_a"] == pytest.approx(expected, abs=0.11)
    assert place.says()["phase_currents"]["original_data"]["L1"] == pytest.approx(10 * expected[0], abs=1)
    place.patch(load={"w": 0}).live(600)
    currents = place.says()["phase_currents"]
    assert currents["L1"] == currents["L2"] == currents["L3"] > 0


def test_it_sees_a_step_of_load_within_two_seconds_and_keeps_the_fuses() -> None:
    place = Place(smartevse(vehicle=GARAGE.vehicle, main_amps=20)).tell(mode=3).live(120)
    assert place.box.car.current_a == pytest.approx(16, abs=0.2)
    place.patch(load={"w": 5 * 2300})
    assert place.until(lambda: place.box.device.irms_da[0] > 250) <= 2
    place.until(lambda: max(place.box.device.irms_da) <= 200 or place.box.draw_w == 0, 30)


def test_one_that_is_set_to_api_knows_only_what_it_is_told() -> None:
    place = Place(smartevse(mains=MainsMeter.API, vehicle=GARAGE.vehicle)).live(60)
    assert place.truth["chargers"]["garage"]["mains_a"] == [0, 0, 0]
    place.tell(mode=3).live(30)
    assert place.box.device.faults & Fault.CT_NOCOMM
    for second in range(60):
        if second % 5 == 0:
            place.tell("/currents", L1=30, L2=20, L3=10)
        place.live(1)
    assert place.truth["chargers"]["garage"]["mains_a"] == [3, 2, 1]
    assert place.box.draw_w > 10_000
    place.live(30)
    assert (place.box.draw_w, bool(place.box.device.faults & Fault.CT_NOCOMM)) == (0, True)


def test_its_own_law_follows_the_sun_of_the_world() -> None:
    place = Place(smartevse(max_amps=16, vehicle=GARAGE.vehicle), pv_w=7000).tell(mode=2, enable_C2=3)
    place.live(600)
    assert place.box.draw_w == pytest.approx(6400, abs=400)
    assert place.truth["chargers"]["garage"]["mode"] == "solar"


# --- what befalls it ---------------------------------------------------------------------------------------------------


def test_a_reboot_drops_the_contactor_forgets_the_current_and_keeps_the_mode() -> None:
    place = Place(GARAGE).tell(mode=3, override_current=80).live(600).patch(charger={"reboot": True})
    truth = place.truth["chargers"]["garage"]
    assert (place.truth["cars_w"], truth["reachable"], truth["boots"]) == (0, False, 2)
    place.live(BOOT_S - 1)
    assert not place.box.is_reachable
    place.live(1)
    assert place.box.is_reachable
    place.until(lambda: place.box.draw_w > 10_000, 60)
    assert (place.box.device.setup.override_da, place.says()["mode"]) == (0, "SMART")


def test_one_that_is_asked_to_boot_waits_for_the_car() -> None:
    place = Place(GARAGE).live(60).tell("/reboot").live(60)
    assert place.box.boots == 1
    place.tell(mode=4).live(15)
    assert (place.box.boots, place.box.is_reachable) == (2, False)


def test_everything_of_it_can_be_changed() -> None:
    place = Place(GARAGE).live(60)
    changes = {
        "soc_pct": 70, "limit_pct": 75, "wants_power": False, "phases": 1, "max_a": 10, "capacity_wh": 40_000,
        "temp_c": 80, "supply_phases": 1, "mode": "smart", "never_full": False,
    }  # fmt: skip
    place.patch(charger=changes)
    truth = {**place.truth["chargers"]["garage"], **place.truth["cars"]["garage"]}
    assert {key: truth[key] for key in changes if key != "phases"} == {
        key: value for key, value in changes.items() if key != "phases"
    }
    assert place.live(10).truth["chargers"]["garage"]["faults"] == ["temp_high"]
    place.patch(charger={"temp_c": 20, "lose_wifi_s": 60, "busy_s": 30, "lose_mains_s": 30, "wants_power": True})
    truth = place.truth["chargers"]["garage"]
    assert (truth["reachable"], truth["busy"]) == (False, True)
    assert place.live(20).truth["chargers"]["garage"]["faults"] == ["ct_nocomm"]
    assert (
        place.live(41).truth["chargers"]["garage"] | {"reachable": True, "busy": False, "faults": []}
        == (place.truth["chargers"]["garage"])
    )


@pytest.mark.parametrize("mode", ["off", "pause", "normal", "smart", "solar"])
def test_a_hand_at_the_box_chooses_its_mode(mode: str) -> None:
    place = Place(GARAGE, pv_w=9000).live(60).patch(charger={"mode": mode}).live(30)
    assert place.says()["mode"] == mode.upper()
    assert (place.box.draw_w > 0) is (mode in ("normal", "smart", "solar"))
    assert place.box.device.setup.mode is Mode[mode.upper()]


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({"charger": {"unplugs_at_switch": True}}, "lose_mains_s"),
        ({"charger": {"mode": "eco"}}, "one of off, normal, solar, smart, pause"),
        ({"charger": {"mode": 1}}, "one of off"),
        ({"charger": {"reboot": False}}, "true"),
        ({"charger": {"temp_c": 20.5}}, "a whole number"),
        ({"charger": {"plugged": True, "home": False}}, "home: true"),
    ],
    ids=str,
)
def test_what_is_wrong_changes_nothing(changes: dict[str, Any], allowed: str) -> None:
    place = Place(GARAGE).live(60)
    before = place.truth
    with pytest.raises(PatchError) as caught:
        place.patch(sun={"pv_w": 9}, **changes)
    assert allowed in caught.value.allowed
    assert place.truth == before


# --- a Tesla behind it ----------------------------------------------------------------------------------------------------


def agree(place: Place) -> float:
    """Return the draw, after a look at whether all tell the same of it."""
    truth = place.truth
    draw_w = truth["cars"]["model3"]["draw_w"]
    box = truth["chargers"]["garage"]
    assert draw_w == box["draw_w"] == truth["cars_w"]
    assert (draw_w > 0) <= (box["phases"] > 0)
    return float(draw_w)


def test_a_tesla_charges_through_the_box_and_counts_once() -> None:
    place = with_tesla()
    assert place.until(lambda: agree(place) > 10_900) <= 25
    place.live(3600).tell(mode=4).live(60)
    assert (agree(place), place.tesla.charging) == (0, Charging.NO_POWER)
    truth = place.truth
    assert truth["chargers"]["garage"]["energy_wh"] == pytest.approx(
        truth["cars"]["model3"]["energy"]["charged_wh"], abs=5
    )
    assert truth["chargers"]["garage"]["car"] == "model3"


def test_it_takes_the_lower_of_order_and_offer_in_whole_amperes() -> None:
    place = with_tesla().tell(mode=1, override_current=89).live(60)
    assert place.tesla.current_a == 8
    place.tesla.set_amps(6)
    assert place.live(20).tesla.current_a == 6
    place.tesla.set_amps(16)
    assert place.tell(override_current=160).live(20).tesla.current_a == 16


def test_a_tesla_that_is_stopped_takes_nothing_of_what_is_offered() -> None:
    place = with_tesla().live(60)
    place.tesla.stop_charging()
    place.live(3600)
    assert (agree(place), place.box.device.state) == (0, State.B)
    assert place.tesla.start_charging() is None
    assert place.until(lambda: agree(place) > 10_000) < 25


def test_a_switch_of_phases_interrupts_a_tesla_and_goes_on() -> None:
    place = with_tesla().live(60).tell(mode=4, enable_C2=1).live(10).tell(mode=1).live(30)
    assert (place.box.closed_phases, place.tesla.charging, place.tesla.current_a) == (1, Charging.CHARGING, 32)
    assert place.box.device.setup.contactor is Contactor.ALWAYS_OFF
    place.tell(mode=4, enable_C2=3).live(10).tell(mode=1).live(30)
    assert (place.tesla.current_a, place.box.phase_switches) == (16, 2)


def test_a_tesla_is_unplugged_and_plugged_in_by_its_people() -> None:
    place = with_tesla().live(60).patch(car={"action": "unplug"}).live(2)
    assert (agree(place), place.says()["car_connected"]) == (0, False)
    place.live(60).patch(car={"action": "plug"})
    place.until(lambda: agree(place) > 10_000, 40)
    place.patch(car={"action": "drive_off"}).live(2)
    assert (place.says()["car_connected"], place.truth["cars_w"]) == (False, 0)


def test_a_reboot_interrupts_a_tesla() -> None:
    place = with_tesla().live(60).patch(charger={"reboot": True})
    assert (agree(place), place.tesla.charging) == (0, Charging.NO_POWER)
    assert place.until(lambda: agree(place) > 10_000) > BOOT_S
