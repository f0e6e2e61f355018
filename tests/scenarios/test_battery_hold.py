"""A Powerwall is kept out of a car that charges on purpose, and is in the end as its owner had it, or set it."""

from __future__ import annotations

import pytest
from tests.scenarios.held_home import RESERVE, HeldHome, at_held_home

from sunbox.core.model import Mode
from sunbox.dialects.powerwall.facts import Mode as BatteryMode


def test_it_is_held_while_the_car_charges_on_purpose_and_given_back_after() -> None:
    async def body(held: HeldHome) -> None:
        assert held.writes == []
        await held.charge()
        await held.until(lambda: held.reserve != RESERVE)
        assert held.reserve in (63, 64, 65)  # never above the charge
        assert held.reserve <= held.battery.app_soc_pct
        await held.sleep(600)
        soc_pct = held.battery.app_soc_pct
        await held.sleep(3600)
        assert held.battery.app_soc_pct >= soc_pct - 0.5
        assert held.battery.power_w < 100
        held.ask(Mode.OFF)
        await held.until(lambda: held.reserve == RESERVE)
        await held.sleep(900)
        assert len(held.writes) == 2
        assert held.problems == ()

    at_held_home(body)


@pytest.mark.parametrize("method", ["reserve", "backup"])
def test_either_method_gives_all_back(method: str) -> None:
    async def body(held: HeldHome) -> None:
        before = held.shown
        await held.charge()
        await held.until(lambda: held.shown != before)
        await held.sleep(300)
        if method == "backup":
            assert held.shown.mode is BatteryMode.BACKUP
            assert not held.shown.is_grid_charging
        assert held.battery.power_w < 100
        soc_pct = held.battery.app_soc_pct
        await held.sleep(1800)
        assert held.battery.app_soc_pct == pytest.approx(soc_pct, abs=0.5)  # neither emptied nor filled from the grid
        held.ask(Mode.OFF)
        await held.until(lambda: held.shown == before)
        await held.sleep(900)
        assert held.shown == before

    at_held_home(body, powerwall={"hold": method})
