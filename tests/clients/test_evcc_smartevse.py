"""evcc's charger `smart-evse` at a simulated SmartEVSE over loopback: start, stop, amps, phases, with Go's strict types."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from client_sessions import Stage, staged
from evcc_drivers import EvccError
from evcc_smartevse import MAY_BE_ABSENT
from go_json import GoDecodeError
from smartevse_clients import Hand
from smartevse_places import Garage, at_garage


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as made:
        yield made


@pytest.mark.parametrize("mode", [1, 3], ids=["normal", "smart"])
def test_a_whole_session_of_evcc(stage: Stage, mode: int) -> None:
    async def body(garage: Garage) -> None:
        evcc = garage.evcc
        evcc.mode = mode
        await garage.do(evcc.start)
        assert (evcc.has_meter, evcc.has_phases) == (True, True)
        assert await garage.do(evcc.status) == "A"
        await garage.do(evcc.enable, enable=False)
        garage.live_box.car.is_plugged = True
        await garage.live(30)
        # plugged in while it is paused: state A, only car_connected tells
        assert (await garage.do(evcc.status), await garage.do(evcc.enabled)) == ("B", False)
        await garage.do(evcc.set_max_current, 6)
        await garage.do(evcc.enable, enable=True)
        await garage.live(20)
        assert (await garage.do(evcc.status), await garage.do(evcc.enabled)) == ("C", True)
        assert garage.amps() == 6
        await garage.do(evcc.set_max_current, 8.7)
        await garage.live(60)
        assert garage.amps() == 8.7
        assert await garage.do(evcc.currents_a) == (8.7, 8.7, 8.7)
        assert await garage.do(evcc.power_w) == 6003
        assert 0.05 < await garage.do(evcc.energy_kwh) < 0.2
        await garage.do(evcc.set_phases, 1)
        await garage.live(40)
        assert await garage.do(evcc.currents_a) == (8.7, 0, 0)
        await garage.do(evcc.enable, enable=False)
        await garage.live(5)
        told = await garage.do(evcc.read)
        assert (told["mode_id"], told["evse.state_id"], told["car_connected"]) == (4, 9, True)
        assert (await garage.do(evcc.status), await garage.do(evcc.enabled)) == ("B", False)
        assert garage.amps() == 0
        assert told.absent <= MAY_BE_ABSENT
        garage.live_box.car.is_plugged = False
        await garage.live(2)
        assert await garage.do(evcc.status) == "A"
        with pytest.raises(EvccError, match="invalid current"):
            await garage.do(evcc.set_max_current, 5.9)

    at_garage(stage, body)


def test_an_older_document_is_nothing_for_evcc(stage: Stage) -> None:
    async def body(garage: Garage) -> None:
        with pytest.raises(GoDecodeError, match=r"evse[.]access"):
            await garage.do(garage.evcc.start)

    at_garage(stage, body, "3.6")


def test_a_feeder_drives_it(stage: Stage) -> None:
    """ESPHome's feeder posts the mains' currents; the law obeys them."""

    async def body(garage: Garage) -> None:
        hand = Hand(stage.url)
        await garage.ask("POST", "/settings?mode=3")
        for _ in range(60):
            mains_a = 15 + garage.amps()
            reply = (await garage.do(hand.esphome, (mains_a, 2, -0.04))).json
            assert reply["TOTAL"] == round(mains_a * 10) + 20
            await garage.live(2)
        # a quarter of less than 0.4 A is nothing, so it ends just below 25 A at the mains
        assert garage.amps() == 9.7
        await garage.live(12)
        told = await garage.ask("GET", "/settings")
        assert (told["evse"]["error"], told["evse"]["error_id"]) == ("Communication Error", 2)

    at_garage(stage, body, is_plugged=True)
