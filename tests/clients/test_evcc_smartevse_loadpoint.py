"""evcc's charger `smart-evse` at a Tesla, over loopback through a running gateway; results are checked on the car."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from client_sessions import Stage, staged
from evcc_drivers import EvccError
from evcc_smartevse import MAY_BE_ABSENT
from go_json import GoDecodeError
from smartevse_places import Carport, at_carport

from sunbox.core.commands import RequestKind


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as made:
        yield made


@pytest.mark.parametrize("mode", [1, 3], ids=["normal", "smart"])
def test_a_whole_session_of_evcc(stage: Stage, mode: int) -> None:
    async def body(carport: Carport) -> None:
        evcc, home = carport.evcc, carport.home
        evcc.mode = mode
        await carport.do(evcc.start)
        assert (evcc.has_meter, evcc.has_phases) == (True, False)
        assert (await carport.do(evcc.status), await carport.do(evcc.enabled)) == ("B", False)
        await carport.do(evcc.set_max_current, 6)
        await carport.do(evcc.enable, enable=True)
        for _ in range(60):  # never out of sync, whatever the car does
            assert await carport.do(evcc.enabled)
            if await carport.do(evcc.status) == "C":
                break
            await home.sleep(2)
        await home.sleep(30)
        assert carport.amps() == 6
        assert await carport.do(evcc.currents_a) == (6, 0, 0)
        await carport.do(evcc.set_max_current, 13.7)
        await home.until(lambda: carport.amps() == 13, 60)
        await home.sleep(30)
        assert await carport.do(evcc.power_w) == pytest.approx(home.truth()["draw_w"], rel=0.05)
        assert await carport.do(evcc.energy_kwh) > 0
        told = await carport.do(evcc.read)
        assert (told["settings.override_current"], told["settings.charge_current"]) == (137, 130)
        await carport.do(evcc.enable, enable=False)
        await home.until(lambda: home.truth()["draw_w"] == 0, 60)
        await home.sleep(30)
        told = await carport.do(evcc.read)
        assert (told["mode_id"], told["evse.state_id"], told["car_connected"]) == (4, 9, True)
        assert (await carport.do(evcc.status), await carport.do(evcc.enabled)) == ("B", False)
        assert told.absent <= MAY_BE_ABSENT
        await carport.do(evcc.enable, enable=True)
        await home.until(lambda: home.lp().is_flowing, 120)
        await home.patch(car={"plugged": False})
        await home.until(lambda: not home.lp().is_plugged, 1200)
        assert (await carport.do(evcc.status), await carport.do(evcc.enabled)) == ("A", True)
        await carport.do(evcc.enable, enable=False)
        assert not await carport.do(evcc.enabled)
        await home.patch(car={"plugged": True})
        await home.until(lambda: home.lp().is_plugged, 7200)
        await home.sleep(60)
        assert (await carport.do(evcc.status), await carport.do(evcc.enabled)) == ("B", False)
        assert home.truth()["draw_w"] == 0
        with pytest.raises(EvccError, match="invalid current"):
            await carport.do(evcc.set_max_current, 5.9)

    at_carport(stage, body)


def test_polls_leave_the_car_asleep_and_a_start_wakes_it_once(stage: Stage) -> None:
    async def body(carport: Carport) -> None:
        evcc, home = carport.evcc, carport.home
        await carport.do(evcc.start)
        for _ in range(20):
            await home.sleep(30)
            await carport.do(evcc.read)
        assert home.car.is_asleep
        assert [home.count(kind) for kind in (RequestKind.DATA, RequestKind.COMMAND, RequestKind.WAKE)] == [0, 0, 0]
        await carport.do(evcc.set_max_current, 16)
        await carport.do(evcc.enable, enable=True)
        await home.until(lambda: home.lp().is_flowing, 180)
        assert (await carport.do(evcc.status), home.count(RequestKind.WAKE)) == ("C", 1)

    at_carport(stage, body, asleep=True)


def test_an_older_document_is_nothing_for_evcc(stage: Stage) -> None:
    async def body(carport: Carport) -> None:
        with pytest.raises(GoDecodeError, match=r"evse[.]access"):
            await carport.do(carport.evcc.start)

    at_carport(stage, body, "3.6")
