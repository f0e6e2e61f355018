"""A wallbox in the world: its draw counts once; box, car and world agree; people and faults come and go."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from simple_worlds import START_AT, HandClock, steady

from sunbox.core.model import Charging
from sunbox.simulator.car import TeslaCar
from sunbox.simulator.control import world_truth
from sunbox.simulator.goe_charger import BOOT_S, GoeCharger
from sunbox.simulator.habits import Presence
from sunbox.simulator.patch import PatchError, patch_world
from sunbox.simulator.scenario import (
    CarScenario,
    ChargerScenario,
    MeterScenario,
    Scenario,
    WallboxCarScenario,
    build_world,
)
from sunbox.simulator.tesla_documents import facts_of
from sunbox.simulator.wallbox import TeslaWallbox, Wallbox


class Place:
    """A world with wallboxes, lived in by hand."""

    def __init__(self, *chargers: ChargerScenario, pv_w: float = 0.0, **about: Any) -> None:
        self.clock = HandClock(about.pop("start_at", START_AT))
        about.setdefault("cars", ())
        scenario = Scenario(chargers=chargers, meter=MeterScenario(noise_w=0.0), **about)
        self.world = build_world(scenario, self.clock, trace=steady(pv_w, 500, start_at=self.clock.at))

    @property
    def box(self) -> GoeCharger:
        charger = next(iter(self.world.chargers.values()))
        assert isinstance(charger, Wallbox | TeslaWallbox)
        return charger.charger

    @property
    def tesla(self) -> TeslaCar:
        car = self.world.cars["model3"]
        assert isinstance(car, TeslaCar)
        return car

    @property
    def truth(self) -> dict[str, Any]:
        return world_truth(self.world)

    def tell(self, **settings: str) -> Place:
        self.world.sync()
        assert set(self.box.set(settings.items()).values()) == {True}
        return self

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

    def says(self, *names: str) -> tuple[Any, ...]:
        values = self.box.read(names).values
        return tuple(values[name] for name in names)


GARAGE = ChargerScenario(vehicle=WallboxCarScenario(never_full=False, soc_pct=20.0))


def with_tesla(box: dict[str, Any] | None = None, **car: Any) -> Place:
    """A Tesla behind a box that is allowed to charge, and does, unless `car` says otherwise."""
    about = {"never_full": False, "soc_pct": 20.0, "asleep": False, **car}
    place = Place(ChargerScenario(car="model3", **(box or {})), cars=(CarScenario(**about),), phases=3)
    place.tesla.start_charging()
    return place


# --- a car of its own --------------------------------------------------------------------------------------------------


def test_its_car_is_a_car_of_the_world_and_counts_once() -> None:
    place = Place(GARAGE).live(3600)
    truth = place.truth
    assert truth["cars_w"] == truth["cars"]["garage"]["draw_w"] == truth["chargers"]["garage"]["draw_w"] > 10_000
    assert truth["grid_w"] == pytest.approx(truth["cars_w"] + 500, abs=0.2)
    assert truth["energy"]["import_wh"] == pytest.approx(truth["cars"]["garage"]["energy"]["charged_wh"] + 500, abs=0.2)


@pytest.mark.parametrize("step_s", [1, 7.3, 10, 300])
def test_box_car_and_world_agree_to_the_watt_hours_of_a_step(step_s: float) -> None:
    place = Place(GARAGE, pv_w=4000)
    wh = place.box.car.soc_pct
    told = [("psm", "1"), ("amp", "10"), ("frc", "1"), ("frc", "2"), ("psm", "2"), ("amp", "16"), ("frc", "1")]
    for key, value in told:
        for _ in range(int(600 / step_s)):
            place.live(step_s)
        place.tell(**{key: value})
    place.live(60)
    ledger = place.world.total().cars["garage"]
    truth = place.truth["chargers"]["garage"]
    assert truth["draw_w"] == 0
    assert truth["energy_wh"] == pytest.approx(ledger.charged_wh, abs=3)
    assert ledger.solar_wh + ledger.import_wh == pytest.approx(ledger.charged_wh)
    # 1 → 3 phases; what it began on is no switch
    assert (truth["phase_switches"], ledger.starts) == (2, 4)
    stored_wh = (place.box.car.soc_pct - wh) / 100 * 60_000
    assert 0.8 * ledger.charged_wh < stored_wh < 0.95 * ledger.charged_wh


def test_how_often_one_looks_does_not_matter() -> None:
    seldom, often = Place(GARAGE, pv_w=4000), Place(GARAGE, pv_w=4000)
    for _ in range(3):
        for place, step_s in ((seldom, 900.0), (often, 0.5)):
            for _ in range(int(900 / step_s)):
                place.live(step_s)
            place.tell(amp="12", psm="1")
    one, other = seldom.world.total(), often.world.total()
    assert one.cars["garage"].charged_wh == pytest.approx(other.cars["garage"].charged_wh, abs=3)
    assert seldom.truth["chargers"]["garage"]["energy_wh"] == pytest.approx(
        often.truth["chargers"]["garage"]["energy_wh"], abs=3
    )


@pytest.mark.parametrize(
    ("box", "car", "most_w"),
    [
        ({}, {}, 3 * 16 * 227.6),
        ({}, {"max_amps": 32}, 3 * 32 * 225.2),
        ({"max_amps": 20}, {"max_amps": 32}, 3 * 20 * 227),
        ({"cable_amps": 13}, {}, 3 * 13 * 228.05),
        ({"supply_phases": 1}, {}, 16 * 227.6),
        ({}, {"phases": 1, "max_amps": 32}, 32 * 225.2),
    ],
    ids=str,
)
def test_the_most_is_what_box_and_car_are_built_for(box: dict[str, Any], car: dict[str, Any], most_w: float) -> None:
    vehicle = WallboxCarScenario(never_full=False, soc_pct=20, **car)
    place = Place(ChargerScenario(vehicle=vehicle, **box), pv_w=30_000)
    assert place.world.cars["garage"].max_power_w == pytest.approx(most_w)
    place.tell(amp="32", frc="1", psm="1").live(3600)  # what it is told to does not lessen what it could use
    assert place.world.total().usable_wh == pytest.approx(min(most_w, 29_500), rel=1e-6)
    place.tell(frc="2", psm="2").live(60)
    assert place.box.draw_w == pytest.approx(most_w)


def test_a_tesla_can_use_more_amps_on_one_phase() -> None:
    assert with_tesla({"supply_phases": 1}).tesla.max_power_w == pytest.approx(32 * 225.2)
    assert with_tesla().tesla.max_power_w == pytest.approx(3 * 16 * 227.6)


def test_people_plug_drive_and_return() -> None:
    place = Place(GARAGE).live(600)
    place.patch(car={"action": "unplug"})
    assert (place.says("car", "frc"), place.truth["cars_w"]) == ((1, 0), 0)
    assert place.live(60).world.total().cars["garage"].usable_wh == 0
    place.patch(car={"action": "drive_off"}).live(60)
    with pytest.raises(PatchError, match="away"):
        place.patch(car={"action": "plug"})
    place.patch(car={"action": "arrive"}).patch(car={"action": "plug"})
    assert place.world.total().cars["garage"].starts == 1
    place.until(lambda: place.says("car") == (2,), 20)
    assert place.live(10).world.total().cars["garage"].starts == 2


def test_a_commuters_wallbox_car_leaves_and_returns() -> None:
    place = Place(GARAGE, presence=Presence.COMMUTER)
    plugged = [place.live(1800).box.car.is_plugged for _ in range(5 * 48)]
    assert sum(before != after for before, after in pairwise(plugged)) >= 6
    assert place.box.car.soc_pct <= 80.1


def test_a_car_that_is_never_full_is_never_full() -> None:
    place = Place(ChargerScenario(vehicle=WallboxCarScenario(soc_pct=55)))
    place.live(24 * 3600)
    assert place.box.car.soc_pct == pytest.approx(60)
    assert place.world.total().cars["garage"].charged_wh == pytest.approx(24 * 3 * 16 * 227.6, rel=1e-3)


def test_a_reboot_drops_the_contactor_and_comes_back() -> None:
    place = Place(GARAGE).live(600).patch(charger={"reboot": True})
    truth = place.truth
    assert (truth["cars_w"], truth["chargers"]["garage"]["reachable"]) == (0, False)
    assert truth["chargers"]["garage"]["boots"] == 2
    place.live(BOOT_S - 1)
    assert not place.box.is_reachable
    place.live(1)
    assert place.until(lambda: place.truth["cars_w"] > 10_000, 60) < 30


# --- what is changed from outside -----------------------------------------------------------------------------------------


def test_everything_of_it_can_be_changed() -> None:
    place = Place(GARAGE).live(60)
    changes = {
        "soc_pct": 70, "limit_pct": 75, "wants_power": False, "phases": 1, "max_a": 10, "capacity_wh": 40_000,
        "ambient_c": 35, "temperature_c": 50, "supply_phases": 1, "cable_a": 20, "adapter": True,
        "unplugs_at_switch": True, "fault": "fi_dc", "never_full": False,
    }  # fmt: skip
    place.patch(charger=changes)
    truth = {**place.truth["chargers"]["garage"], **place.truth["cars"]["garage"]}
    box_phases = place.truth["chargers"]["garage"]["phases"]
    assert {key: truth[key] for key in changes} == changes
    assert box_phases == 3
    assert place.live(10).says("car", "err", "alw") == (5, 2, False)
    place.patch(charger={"fault": None, "lose_wifi_s": 60, "busy_s": 30})
    truth = place.truth["chargers"]["garage"]
    assert (truth["fault"], truth["reachable"], truth["busy"]) == (None, False, True)
    truth = place.live(59).truth["chargers"]["garage"]
    assert (truth["reachable"], truth["busy"]) == (False, False)
    assert place.live(1).truth["chargers"]["garage"]["reachable"]
    place.tell(frc="1").patch(charger={"lose_force": True})
    assert place.truth["chargers"]["garage"]["told"]["frc"] == 0
    place.patch(chargers={"garage": {"plugged": False}})
    assert place.says("car") == (1,)


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({"charger": {"colour": 1}}, "supply_phases"),
        ({"charger": {"soc_pct": 120}}, "a number from 0 to 100"),
        ({"charger": {"soc_pct": True}}, "a number"),
        ({"charger": {"fault": "flood"}}, "fi_ac"),
        ({"charger": {"reboot": False}}, "true"),
        ({"charger": {"plugged": True, "home": False}}, "home: true"),
        ({"charger": 5}, "an object"),
        ({"chargers": {"cellar": {}}}, "garage"),
        ({"cars": {"garage": {"limit_pct": "much"}}}, "a number from 1 to 100"),
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


def test_a_world_without_a_wallbox_and_one_with_several() -> None:
    with pytest.raises(PatchError, match="0 chargers"):
        Place(cars=(CarScenario(),)).patch(charger={"reboot": True})
    place = Place(GARAGE, ChargerScenario(id="drive"))
    with pytest.raises(PatchError, match="2 chargers") as caught:
        place.patch(charger={"reboot": True})
    assert "garage, drive" in caught.value.allowed
    place.patch(chargers={"garage": {"soc_pct": 30}, "drive": {"plugged": False}})
    assert place.truth["cars"]["garage"]["soc_pct"] == 30


def test_the_car_is_the_tesla_where_there_is_one() -> None:
    place = Place(GARAGE, cars=(CarScenario(),)).patch(car={"soc_pct": 33})
    assert place.tesla.soc_pct == pytest.approx(33)


# --- a Tesla behind it ----------------------------------------------------------------------------------------------------


def agree(place: Place) -> float:
    """Return the draw, after a look at whether all tell the same of it."""
    truth = place.truth
    draw_w = truth["cars"]["model3"]["draw_w"]
    box = truth["chargers"]["garage"]
    assert draw_w == box["draw_w"] == truth["cars_w"] == pytest.approx(place.says("nrg")[0][11], abs=0.1)
    assert (draw_w > 0) <= (box["phases"] > 0)
    return float(draw_w)


def test_a_tesla_charges_through_the_box_and_counts_once() -> None:
    place = with_tesla()
    assert place.tesla.charging is Charging.NO_POWER  # the box has not looked yet
    seconds = place.until(lambda: agree(place) > 10_900)
    assert 8 <= seconds <= 25
    place.live(3600).tell(frc="1").live(60)
    assert agree(place) == 0
    truth = place.truth
    assert truth["chargers"]["garage"]["energy_wh"] == pytest.approx(
        truth["cars"]["model3"]["energy"]["charged_wh"], abs=2
    )
    assert place.tesla.added_wh == pytest.approx(0.9 * truth["cars"]["model3"]["energy"]["charged_wh"], rel=0.02)
    assert truth["chargers"]["garage"]["car"] == "model3"


def test_what_is_not_offered_is_not_taken_and_what_is_offered_again_is() -> None:
    place = with_tesla().live(60).tell(frc="1").live(10)
    assert (place.tesla.charging, place.says("car", "alw")) == (Charging.NO_POWER, (4, False))
    assert facts_of(place.tesla).pilot_a == 0
    assert place.tesla.start_charging() == "no_power"
    place.tell(frc="2", amp="8")
    place.until(lambda: agree(place) > 5000)
    assert facts_of(place.tesla).pilot_a == 8
    assert place.live(10).tesla.current_a == 8
    place.tell(amp="16").live(10)
    assert place.tesla.current_a == 16  # a lower offer was no order to stay there


def test_a_tesla_that_is_stopped_takes_nothing_of_what_is_offered() -> None:
    place = with_tesla().live(60)
    place.tesla.stop_charging()
    place.live(10)
    assert (agree(place), place.says("car", "alw", "pnp")) == (0, (4, True, 0))
    place.live(3600)
    assert agree(place) == 0
    assert place.tesla.start_charging() is None
    assert place.until(lambda: agree(place) > 10_000) < 25


def test_a_tesla_at_its_limit_takes_nothing() -> None:
    place = with_tesla(soc_pct=79.0, limit_pct=80)
    place.until(lambda: place.tesla.charging is Charging.COMPLETE, 600)
    assert place.live(10).says("car", "alw") == (4, True)
    assert agree(place) == 0
    place.tesla.set_limit(90)
    place.until(lambda: agree(place) > 10_000)


@pytest.mark.parametrize(("told_a", "offered_a", "flows_a"), [(5, 16, 5), (16, 6, 6), (10, 12, 10), (32, 32, 16)])
def test_the_lower_of_order_and_offer_flows(told_a: int, offered_a: int, flows_a: int) -> None:
    place = with_tesla().tell(amp=str(offered_a)).live(60)
    place.tesla.set_amps(told_a)
    place.live(20)
    assert place.tesla.current_a == flows_a
    assert agree(place) == pytest.approx(3 * flows_a * (230 - 0.15 * flows_a), abs=0.1)
    facts = facts_of(place.tesla)
    assert facts.amps_requested_a == min(told_a, facts.amps_requested_max_a or 0)


def test_a_switch_of_phases_interrupts_a_tesla_and_goes_on() -> None:
    place = with_tesla().tell(amp="32").live(60).tell(psm="1")
    seen = []
    for _ in range(60):
        place.live(1)
        seen.append((agree(place) > 0, place.tesla.charging, place.box.closed_phases))
    assert (False, Charging.NO_POWER, 0) in seen
    assert seen[-1] == (True, Charging.CHARGING, 1)
    assert place.tesla.current_a == 32  # one phase carries more
    place.tell(psm="2").live(60)
    assert (place.tesla.current_a, place.box.phase_switches) == (16, 2)


def test_a_tesla_of_one_phase_uses_one() -> None:
    place = with_tesla(phases=1).tell(amp="32").live(60)
    assert agree(place) == pytest.approx(32 * 225.2, abs=0.1)
    assert place.says("pnp") == (1,)


def test_a_tesla_is_unplugged_and_plugged_in_by_its_people() -> None:
    place = with_tesla().live(60).tell(frc="1").live(10)
    place.patch(car={"action": "unplug"})
    assert (agree(place), place.says("car", "frc")) == (0, (1, 0))
    place.live(60).patch(car={"action": "plug"})
    assert place.says("car") == (3,)
    place.until(lambda: agree(place) > 10_000, 40)
    place.patch(car={"action": "drive_off"})
    assert (place.says("car"), place.truth["cars_w"]) == ((1,), 0)
    assert place.live(7200).box.state.total_wh > 0


def test_a_reboot_interrupts_a_tesla() -> None:
    place = with_tesla().live(60).patch(charger={"reboot": True})
    assert (agree(place), place.tesla.charging) == (0, Charging.NO_POWER)
    assert place.until(lambda: agree(place) > 10_000) > BOOT_S


def test_what_the_box_decides_cannot_be_changed_of_its_tesla() -> None:
    place = with_tesla()
    with pytest.raises(PatchError, match="wallbox decides"):
        place.patch(car={"pilot_a": 10})
    with pytest.raises(PatchError, match="model3"):
        place.patch(charger={"soc_pct": 10})
    place.patch(charger={"cable_a": 10}, car={"soc_pct": 40}).live(60)
    assert place.tesla.current_a == 10
