"""Several simulated SmartEVSEs on one circuit: together they never take more than it has, and each has the minimum or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunbox.dialects.smartevse.pilot import offered_da
from sunbox.dialects.smartevse.state import Setup
from sunbox.dialects.smartevse.words import Access, Fault, Meter, Regime, State
from sunbox.simulator.smartevse_car import ToyCar
from sunbox.simulator.smartevse_charger import Currents, SmartEvse
from sunbox.simulator.smartevse_sharing import SharedCircuit


class Garage:
    """Boxes that share, each with a car, behind one house."""

    def __init__(self, boxes: int, *, circuit_a: int = 20, regime: Regime = Regime.NORMAL) -> None:
        setup = Setup(
            mains_meter=Meter.API,
            current_max=16,
            current_max_circuit=circuit_a,
            access=Access.ON,
            regime=regime,
            current_main=25,
        )
        self.boxes = [SmartEvse(setup) for _ in range(boxes)]
        self.circuit = SharedCircuit(self.boxes[0], self.boxes[1:])
        self.cars = [ToyCar() for _ in range(boxes)]
        self.base_da: Currents = (0, 0, 0)
        self.at_s = 0
        self.most_da = 0

    def live(self, seconds: int) -> None:
        for _ in range(seconds):
            self.at_s += 1
            for box, car in zip(self.boxes, self.cars, strict=True):
                box.feel(car.pilot(box.duty))
                car.draw(box)
            drawn = [car.phase_currents_da(box) for box, car in zip(self.boxes, self.cars, strict=True)]
            one, two, three = (self.base_da[phase] + sum(currents[phase] for currents in drawn) for phase in range(3))
            self.most_da = max(self.most_da, *(sum(currents[phase] for currents in drawn) for phase in range(3)))
            if self.at_s % 2 == 0:
                self.boxes[0].measure_mains((one, two, three))
            for box in self.boxes:
                box.tick()

    @property
    def currents_da(self) -> list[int]:
        return [car.current_da for car in self.cars]


def test_two_share_20_a_equally() -> None:
    garage = Garage(2)
    garage.live(60)
    assert [box.state for box in garage.boxes] == [State.C, State.C]
    assert garage.currents_da == [100, 100]
    assert garage.most_da <= 200
    assert [box.setup.loadbl for box in garage.boxes] == [1, 2]


def test_who_takes_less_leaves_it_to_the_others() -> None:
    garage = Garage(3, circuit_a=40)
    garage.boxes[1].change(current_max=8)
    garage.live(90)
    assert garage.currents_da == [160, 80, 160]


def test_a_third_car_waits_until_there_is_room() -> None:
    garage = Garage(3, circuit_a=16)
    garage.live(90)
    assert sorted(garage.currents_da) == [0, 80, 80]
    waiting = next(box for box, car in zip(garage.boxes, garage.cars, strict=True) if not car.current_da)
    assert waiting.faults == Fault.LESS_6A
    charging = next(car for car in garage.cars if car.current_da)
    charging.is_plugged = False
    garage.live(120)
    assert sorted(garage.currents_da) == [0, 80, 80]
    assert garage.most_da <= 160


def test_a_master_that_waits_for_room_lets_its_nodes_charge() -> None:
    garage = Garage(3, circuit_a=16)
    garage.cars[0].is_plugged = False
    garage.live(60)
    garage.cars[0].is_plugged = True
    garage.live(60)
    assert garage.currents_da == [0, 80, 80]
    assert garage.boxes[0].faults == Fault.LESS_6A


def test_the_stop_time_in_the_sun_ends_it_for_all() -> None:
    garage = Garage(2, circuit_a=40, regime=Regime.SOLAR)
    for box in garage.boxes:
        box.change(solar_stop_time=1)
    garage.base_da = (-200, -200, -200)
    garage.live(240)
    assert [box.state for box in garage.boxes] == [State.C, State.C]
    garage.base_da = (0, 0, 0)
    garage.live(90)
    assert [box.state for box in garage.boxes] == [State.B1, State.B1]
    assert [box.faults for box in garage.boxes] == [Fault.LESS_6A, Fault.LESS_6A]


def test_a_node_waits_anew_when_the_sun_goes_while_it_waits() -> None:
    garage = Garage(2, circuit_a=40, regime=Regime.SOLAR)
    garage.cars[0].is_plugged = False
    garage.live(30)
    garage.base_da = (-80, -80, -80)
    garage.live(30)
    node = garage.boxes[1]
    assert (node.faults, node.state) == (Fault.NONE, State.B1)
    garage.base_da = (0, 0, 0)
    garage.live(4)
    assert node.faults == Fault.LESS_6A
    assert node.charge_delay_s > 55


def test_smart_shares_what_the_mains_have_left() -> None:
    garage = Garage(2, circuit_a=40, regime=Regime.SMART)
    garage.live(120)
    garage.base_da = (100, 0, 0)
    garage.live(30)
    assert sum(garage.currents_da) == 150
    garage.base_da = (240, 0, 0)
    garage.live(30)
    assert garage.currents_da == [0, 0]
    assert [box.faults for box in garage.boxes] == [Fault.LESS_6A, Fault.LESS_6A]
    garage.base_da = (0, 0, 0)
    garage.live(150)
    assert min(garage.currents_da) >= 60


def test_a_mode_goes_from_any_box_to_all() -> None:
    garage = Garage(2, circuit_a=40)
    garage.live(20)
    garage.boxes[1].set_regime(Regime.SMART)
    garage.live(5)
    assert [box.setup.regime for box in garage.boxes] == [Regime.SMART, Regime.SMART]
    garage.boxes[0].set_regime(Regime.NORMAL)
    garage.live(5)
    assert [box.setup.regime for box in garage.boxes] == [Regime.NORMAL, Regime.NORMAL]


def test_a_node_without_its_master_stops() -> None:
    garage = Garage(2)
    garage.live(60)
    garage.circuit.is_cut = [True]
    garage.live(14)
    node = garage.boxes[1]
    assert node.faults & Fault.CT_NOCOMM
    assert garage.currents_da[1] == 0
    # the master takes it for empty then
    garage.live(10)
    assert garage.currents_da[0] == 160
    garage.circuit.is_cut = [False]
    garage.live(120)
    assert garage.currents_da == [100, 100]


def test_there_are_no_more_than_eight() -> None:
    with pytest.raises(ValueError, match="at most 7"):
        SharedCircuit(SmartEvse(), [SmartEvse() for _ in range(8)])


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 4),
    st.sampled_from([10, 16, 20, 32, 40]),
    st.sampled_from(list(Regime)),
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(-200, 200), st.integers(1, 60)), max_size=8),
)
def test_whatever_comes_and_goes(
    boxes: int, circuit_a: int, regime: Regime, events: list[tuple[int, bool, int, int]]
) -> None:
    garage = Garage(boxes, circuit_a=circuit_a, regime=regime)
    for index, is_plugged, base_da, seconds in events:
        garage.cars[index % boxes].is_plugged = is_plugged
        garage.base_da = (base_da, 0, 0)
        garage.live(seconds)
        for box in garage.boxes:
            # two that join in one round: the second has no share before the next one, and its pilot says the least
            assert box.state is not State.C or offered_da(box.duty) >= 60
    garage.live(10)
    # a car that joins is offered its share at once, the others hear theirs within the same turn
    assert garage.most_da <= circuit_a * 10 + 60
