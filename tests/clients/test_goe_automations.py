"""Home automations at a Tesla and at a simulated go-eCharger, by the requests that they make; results are checked on the car."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from client_sessions import Stage, staged
from evcc_goe import exchange
from goe_home_assistant import CONFIG, IDLE, IDLE_SURPLUS, IDLE_TIMES, STATES, Marq
from goe_places import PLACES, Body, Place

from sunbox.dialects.goe.profiles import STANDARD
from sunbox.dialects.goe.table import BY_NAME
from sunbox.dialects.goe.wire import fits


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as made:
        yield made


Play = Callable[[Body], None]


@pytest.fixture(params=sorted(PLACES))
def play(request: pytest.FixtureRequest, stage: Stage) -> Play:
    def run(body: Body) -> None:
        PLACES[request.param](stage, None, body)  # type: ignore[arg-type]  # no client's process: requests are made here

    return run


def check(told: dict[str, Any], asked: str) -> None:
    """Every key of the standard generation is there, with its type; those that nobody has are left out."""
    known = {
        name
        for name in asked.split(",")
        if name in BY_NAME and BY_NAME[name].is_readable and STANDARD.has(BY_NAME[name])
    }
    assert known <= told.keys() <= set(asked.split(","))
    assert {name for name, value in told.items() if not fits(BY_NAME[name], value)} == set()


def test_home_assistant_over_http(play: Play) -> None:
    async def body(place: Place) -> None:
        ours = Marq(place.stage.url)
        do = place.stage.call
        system = await do(ours.set_up)
        assert (len(system["sse"]), system["var"], system["typ"]) == (6, 22, "go-eCharger")
        assert await do(ours.start) == {}, "nothing is lowered to 16 A"
        check(ours.states, STATES)
        check(ours.config, CONFIG)
        assert len(ours.states) > 50
        assert len(ours.config) > 60
        assert (type(ours.states["car"]), len(ours.states["nrg"]), ours.states["adi"]) == (int, 16, False)
        # what its entities write
        for key, value in (
            ("acp", True),
            ("dwo", None),
            ("amp", 10),
            ("lmo", 3),
            ("psm", 1),
            ("ct", "default"),
            ("frc", 2),
        ):
            assert await do(lambda key=key, value=value: ours.write(key, value)), key
        await place.flows(10)
        await asyncio.sleep(30)
        told = await do(ours.update)
        assert (told["car"], told["modelStatus"], told["acu"], told["pnp"] > 0) == (2, 3, 10, True)
        assert round(told["nrg"][4]) == 10
        # surplus from Home Assistant's own sensors
        ids = {"pGrid": -34.0, "pPv": 2669.0, "pAkku": 0.0}
        assert await do(lambda: ours.write("ids", ids))
        told = await do(ours.update)
        assert (told["pgrid"], told["ppv"], told["pakku"]) == (-34, 2669, 0)
        assert told["inva"] < 5000
        await asyncio.sleep(15)
        assert (await do(ours.update))["pgrid"] is None
        # what is refused is not taken for done
        for key, value in (("amp", 5), ("alw", True), ("nope", 1), ("fna", "x" * 2000)):
            assert not await do(lambda key=key, value=value: ours.write(key, value)), key
        assert await do(lambda: ours.write("frc", 1))
        await place.flows(0)
        await asyncio.sleep(60)
        told = await do(ours.update)
        assert (told["car"], told["modelStatus"], told["acu"]) == (4, 4, None)
        assert told["wh"] > 20
        assert place.wakes() <= 1

    play(body)


def test_home_assistant_while_no_car_is_there(play: Play) -> None:
    """The short filter, and that it sees a car that comes."""

    async def body(place: Place) -> None:
        ours = Marq(place.stage.url)
        do = place.stage.call
        await do(ours.set_up)
        await do(ours.start)
        short = IDLE + IDLE_SURPLUS + IDLE_TIMES
        check(await do(lambda: ours._read(short)), short)
        ours.states = {"car": 1}  # as it knew it before
        told = await do(ours.update)
        assert told["car"] != 1 or len(told) < 30
        assert told["car"] == 1 or len(told) > 50, "a car came: it asks for all"

    play(body)


def ask(place: Place, path: str) -> Callable[[], Any]:
    def work() -> Any:
        answer = exchange(place.stage.url, path)
        return answer.code, json.loads(answer.body)

    return work


def test_openhab(play: Play) -> None:
    async def body(place: Place) -> None:
        do = place.stage.call
        names = "mod,psm,trx,alw,tma,wh,dwo,frc,nrg,awp,car,amp,err,cbl,eto,fwv"
        code, told = await do(ask(place, f"/api/status?filter={names}"))
        assert (code, told.keys()) == (200, set(names.split(",")))
        assert len(told["tma"]) >= 2
        assert None not in (told["alw"], told["car"], told["err"])
        for setting in ("amp=12", "psm=1", "dwo=null", "trx=0", "frc=2"):
            code, told = await do(ask(place, f"/api/set?{setting}"))
            assert (code, told) == (200, {setting.partition("=")[0]: True})
        await place.flows(12)
        assert (await do(ask(place, "/api/set?frc=1")))[0] == 200
        await place.flows(0)

    play(body)


def test_iobroker(play: Play) -> None:
    """MK-2001/ioBroker.go-e 1.0.42 and hombach/ioBroker.go-e-charger: v1 for the state, v2 for phases and surplus."""

    async def body(place: Place) -> None:
        do = place.stage.call
        code, told = await do(ask(place, "/status"))
        assert code == 200
        assert all(
            isinstance(told[key], str) for key in ("car", "alw", "amp", "amx", "err", "pha", "eto", "dws", "fwv")
        )
        assert (await do(ask(place, "/api/status?filter=psm")))[1] == {"psm": 2}
        assert (await do(ask(place, "/api/set?psm=1")))[1] == {"psm": True}
        # as it is, without any escapes
        assert (await do(ask(place, '/api/set?ids={"pGrid":-500,"pAkku":20}')))[1] == {"ids": True}
        assert (await do(ask(place, "/mqtt?payload=amx=9")))[1]["amp"] == "9"
        assert (await do(ask(place, "/mqtt?payload=alw=1")))[1]["alw"] == "1"
        await place.flows(9)
        names = "alw,acu,eto,amp,rbc,rbt,car,pha,fwv,nrg,psm,typ,trx,ast,rca"
        code, told = await do(ask(place, f"/api/status?filter={names}"))
        assert (code, set(names.split(",")) - told.keys()) == (200, {"ast", "rca"}), "names of v1 are left out"
        assert (await do(ask(place, "/mqtt?payload=amp=7")))[1]["amp"] == "7"
        await place.flows(7)
        assert (await do(ask(place, "/mqtt?payload=alw=0")))[1]["alw"] == "0"
        await place.flows(0)

    play(body)


def test_victron(play: Play) -> None:
    """vikt0rm/dbus-goecharger reads v2 and writes v1; the newer one writes v2 and pushes the surplus with each poll."""

    async def body(place: Place) -> None:
        do = place.stage.call
        told = (await do(ask(place, "/api/status?filter=sse,fwv")))[1]
        assert len(told["sse"]) == 6
        names = "nrg,eto,wh,alw,amp,ama,car,tmp,tma"
        told = (await do(ask(place, f"/api/status?filter={names}")))[1]
        assert isinstance(told["tma"][0], int | float)
        for payload in ("ama=16", "amp=8", "alw=1"):
            key, _, value = payload.partition("=")
            assert (await do(ask(place, f"/mqtt?payload={payload}")))[1][key] == value
        await place.flows(8)
        await asyncio.sleep(30)
        told = (await do(ask(place, "/api/status?filter=nrg,wh,eto,alw,amp,ama,car,tma,frc,cdi,lmo")))[1]
        assert (told["frc"], told["car"], told["cdi"]["type"]) == (2, 2, 0)
        for setting in ("amp=11", "ama=32", 'ids={"pGrid":-100.5,"pPv":900,"pAkku":0}', "frc=1"):
            assert (await do(ask(place, f"/api/set?{setting}")))[0] == 200
        await place.flows(0)

    play(body)
