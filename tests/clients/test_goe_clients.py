"""Real clients from PyPI at a Tesla and at a simulated go-eCharger, over loopback; results are checked on the car.

- `goe` 0.3.2 reads only, with closed enumerations and strict times.
- `goechargerv2` 0.2.2 speaks v2. It takes A, V and W for those of v1, a tenth or a hundredth of
  them; with `None` it sends a set without any key.
- `goecharger` 0.1.0 speaks v1, where everything is text.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from client_sessions import Stage, plain_environment, program_of, running, staged
from goe_places import PLACES, Body, Place


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as made:
        yield made


Play = Callable[[str, Body], None]


@pytest.fixture(params=PLACES)
def play(request: pytest.FixtureRequest, stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Return what runs a test's body with a client, at one of the places."""

    def run(client: str, body: Body) -> None:
        with running(client, tmp_path_factory.mktemp(client)) as process:
            PLACES[request.param](stage, process, body)

    return run


def test_goechargerv2(play: Play) -> None:
    async def body(place: Place) -> None:
        told = await place.call("request_status")
        assert (told["charger_err"], told["phase_switch_mode"]) == ("OK", 2)
        await place.call("set_max_current", 11)
        await place.call("set_force_charging", True)
        await place.flows(11)
        await asyncio.sleep(30)
        told = await place.call("request_status")
        assert (told["charger_force_charging"], told["charging_allowed"]) == ("on", "on")
        assert (told["charger_max_current"], told["i_l1"]) == (11, 1.1)
        assert told["car_status"] == "Car is charging"
        for mode in (1, 2, 0):
            await place.call("set_phase", mode)
        await asyncio.sleep(120)
        await place.call("set_access_control", 1)
        await place.flows(0)
        await place.call("set_transaction", 0)
        await place.flows(11)
        await place.call("set_transaction", None)
        await place.flows(11)
        await place.call("set_access_control", 0)
        await place.call("set_force_charging", False)
        await place.flows(0)
        told = await place.call("request_status")
        assert (told["charger_force_charging"], told["charging_allowed"]) == ("off", "off")
        assert told["energy_since_car_connected"] > 100
        with pytest.raises(ValueError, match="amp: failed: Value 3 exceeds range"):
            await place.call("set_max_current", 3)
        assert place.wakes() <= 1

    play("goechargerv2", body)


def test_goecharger_v1(play: Play) -> None:
    async def body(place: Place) -> None:
        told = await place.call("requestStatus")
        assert (told["charger_err"], told["wifi"], told["charge_limit"]) == ("OK", "connected", 0)
        assert (await place.call("setMaxCurrent", 10))["charger_max_current"] == 10
        assert (await place.call("setAllowCharging", True))["allow_charging"] == "on"
        await place.flows(10)
        await asyncio.sleep(30)
        told = await place.call("requestStatus")
        assert (told["car_status"], told["i_l1"]) == ("charging", pytest.approx(10))
        assert (await place.call("setTmpMaxCurrent", 14))["charger_max_current"] == 14
        await place.flows(14)
        assert (await place.call("setAbsoluteMaxCurrent", 7))["charger_absolute_max_current"] == 7
        await place.flows(7)
        await place.call("setLedBrightness", 20)
        await place.call("setStandbyColor", 0x102030)
        await place.call("setButtonCurrentValue", 1, 8)
        assert (await place.call("setChargeLimit", 9.5))["charge_limit"] == 9.5
        assert (await place.call("setAutoStop", False))["charge_limit"] == 0
        assert (await place.call("setAllowCharging", False))["allow_charging"] == "off"
        await place.flows(0)
        assert place.wakes() <= 1

    play("goecharger", body)


def test_goe_reads_every_component(play: Play) -> None:
    async def body(place: Place) -> None:
        for _ in range(2):
            meta = await place.call("get_meta")
            assert meta
            assert await place.call("get_time")
            config = await place.call("get_config")
            assert config["energy_limit"] is None
            status = await place.call("get_status")
            assert not status["allowed_to_charge_now"]
            assert status["error"] is None
            assert status["energies"]["power_total"] == 0
            stats = await place.call("get_stats")
            assert stats["energy_total_wh"] == 0
            await asyncio.sleep(60)
        assert place.wakes() == 0

    play("goe", body)


COMPONENTS = ("meta", "time", "config", "charging_status", "stats")


def test_goe_on_the_command_line(play: Play, tmp_path: Path) -> None:
    """Its own program: every component, alone and together, and raw keys."""

    async def body(place: Place) -> None:
        host = place.stage.url.removeprefix("http://")

        async def told(*words: str) -> str:
            program = [str(program_of("goe", "goe")), "-h", host, *words]
            environment = plain_environment(tmp_path)
            run = partial(
                subprocess.run, program, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
            )
            done = await place.stage.call(run)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
            return str(done.stdout)

        for component in COMPONENTS:
            assert await told("charger", component)
        together = await told("charger", *COMPONENTS)
        assert all(word in together for word in ("energy_total_wh", "allowed_to_charge_now"))
        assert "'amp': 16" in await told("json", "amp", "car")
        assert "'frc'" in await told("json")
        assert place.wakes() == 0

    play("goe", body)
