"""Several served SmartEVSEs on one circuit: they live together, whoever is asked, and share what it carries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sunbox.dialects.smartevse.box import Box
from sunbox.dialects.smartevse.query import parameters_from_query
from sunbox.dialects.smartevse.state import Identity
from sunbox.simulator.smartevse_app import LiveSmartEvse
from sunbox.simulator.smartevse_garage import LiveGarage

BEGIN = datetime(2026, 6, 1, 10, tzinfo=UTC)


class Yard:
    """A garage and its clock."""

    def __init__(self, boxes: int = 2, circuit_a: int = 20) -> None:
        self.at = BEGIN
        self.lives = [
            LiveSmartEvse(lambda: self.at, box=Box(identity=Identity(serial=number)), is_plugged=True)
            for number in range(1, boxes + 1)
        ]
        self.garage = LiveGarage(self.lives, circuit_a)
        self.most_da = 0

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.at += timedelta(seconds=1)
            self.lives[-1].sync()
            self.most_da = max(self.most_da, *self.garage.drawn_da())

    def look(self, number: int, path: str) -> Any:
        answer = self.lives[number].get("/settings")
        assert answer is not None
        value = answer.reply
        for name in path.split("."):
            value = value[name]
        return value

    def post(self, number: int, target: str) -> Any:
        path, _, query = target.partition("?")
        answer = self.lives[number].post(path, parameters_from_query(query))
        assert answer is not None
        return answer.reply

    @property
    def currents_da(self) -> list[int]:
        return [live.car.current_da for live in self.lives]


def test_two_boxes_share_20_a() -> None:
    yard = Yard()
    yard.wait(60)
    assert yard.currents_da == [100, 100]
    assert [yard.look(number, "evse.loadbl") for number in (0, 1)] == [1, 2]
    assert [yard.look(number, "serialnr") for number in (0, 1)] == [1, 2]
    yard.lives[0].car.is_plugged = False
    yard.wait(60)
    assert yard.currents_da == [0, 160]
    assert yard.most_da <= 200


def test_the_mains_are_measured_with_all_cars() -> None:
    yard = Yard(circuit_a=40)
    yard.lives[0].base_da = (30, 20, 10)
    yard.post(0, "/settings?mode=3")
    yard.wait(120)
    total_a = sum(yard.currents_da) / 10
    assert yard.look(0, "phase_currents.L1") == pytest.approx(30 + 10 * total_a, abs=10)
    assert total_a <= 25 - 3 + 0.1, "the main fuse of 25 A carries both"
    assert yard.look(1, "mode") == "SMART", "a mode goes to all"


def test_a_node_cannot_be_told_a_current() -> None:
    yard = Yard()
    yard.wait(30)
    assert yard.post(1, "/settings?override_current=100") == {"override_current": "Value not allowed!"}


@pytest.mark.parametrize("number", [0, 1])
def test_they_share_again_after_a_reboot(number: int) -> None:
    yard = Yard()
    yard.wait(60)
    yard.lives[number].car.is_full = True
    yard.wait(30)
    yard.post(number, "/reboot")
    yard.wait(30)
    yard.lives[number].car.is_full = False
    yard.wait(120)
    assert yard.currents_da == [100, 100]


def test_a_long_absence_is_lived_through_together() -> None:
    yard = Yard()
    yard.at += timedelta(hours=3)
    assert yard.look(1, "evse.state_id") == 2
    assert yard.lives[0].state.at == yard.lives[1].state.at == yard.at


def test_there_are_at_most_eight() -> None:
    with pytest.raises(ValueError, match="at most 7"):
        Yard(9)
