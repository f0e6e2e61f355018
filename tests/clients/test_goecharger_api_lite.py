"""A real client, `goecharger-api-lite` 1.5.1 from PyPI, at a Tesla and at a simulated go-eCharger, over loopback.

It is asked for all that it can do; the results are checked on the car. It runs with aiohttp 3.9.5: with later ones its own
constructor fails (no running event loop). An `&` in a text it does not escape, so none is tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from client_sessions import Client, Stage, running, staged
from goe_places import PLACES, Place


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as made:
        yield made


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running("goecharger-api-lite", tmp_path_factory.mktemp("lite")) as made:
        yield made


@pytest.mark.parametrize("place", PLACES)
def test_all_that_it_can_do(stage: Stage, process: Client, place: str) -> None:
    async def body(lite: Place) -> None:
        told = await lite.call("get_status")
        assert told["car_state"] in ("Idle", "WaitCar", "Complete")  # a car that was never seen is none
        assert (told["device_model"], told["error"], told["phase_mode"]) == ("22KW/32A", None, "three")
        assert len(await lite.call("get_status", [])) > 200
        await lite.call("set_ampere", 9)
        await lite.call("set_charging_mode", "ChargingMode.on")
        assert await lite.call("get_charging_mode") == {"charging_mode": "on"}
        await lite.flows(9)
        assert lite.wakes() <= 1
        await asyncio.sleep(30)
        told = await lite.call("get_status")
        assert (told["car_state"], told["ampere"], told["energy"]["current"]["L1"]) == ("Charging", 9, pytest.approx(9))
        assert told["energy"]["power"]["total"] > 1900
        await lite.call("set_ampere", 14)
        assert await lite.call("get_ampere") == {"ampere_allowed": 14}
        await lite.flows(14)
        await lite.call("set_absolute_max_current", 8)
        assert await lite.call("get_absolute_max_current") == {"ampere_device_maximum": 8}
        await lite.flows(8)
        for mode in ("one", "three", "auto"):
            await lite.call("set_phase_mode", f"PhaseMode.{mode}")
            assert await lite.call("get_phase_mode") == {"phase_mode": mode}
        await asyncio.sleep(120)
        await lite.call("set_cable_lock_mode", "CableLockMode.automatic")
        assert await lite.call("get_cable_lock_mode") == {"cable_lock_mode": "automatic"}
        await lite.call("set_key", "fna", "my wall")
        assert await lite.call("get_status", "fna") == {"fna": "my wall"}
        await lite.flows(8)
        so_far_wh = (await lite.call("get_status", "wh"))["wh"]
        await lite.call("set_charge_limit", so_far_wh + 100.0)
        assert await lite.call("get_charge_limit") == {"charge_limit": so_far_wh + 100.0}
        await lite.flows(0, 900)
        assert (await lite.call("get_status", ["modelStatus", "alw"])) == {"alw": False, "modelStatus": 6}
        await lite.call("set_charge_limit", None)
        await lite.flows(8)
        await lite.call("set_charging_mode", "ChargingMode.off")
        await lite.flows(0)
        await asyncio.sleep(30)
        assert (await lite.call("get_status", ["car", "err", "frc"])) == {
            "car_state": "Complete",
            "charging_mode": "off",
            "error": None,
        }
        for call in (("set_key", "alw", True), ("set_key", "amp", 99), ("set_key", "nope", 1)):
            with pytest.raises(ValueError, match="GoeCharger JSON data"):
                await lite.call(*call)
        assert lite.wakes() <= 1

    PLACES[place](stage, process, body)
