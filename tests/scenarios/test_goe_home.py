"""A go-eCharger through the whole gateway: the sun, its own troubles, hands at it, and a Tesla behind it. Checked on the box."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.scenarios.home import CarScenario, Home, MeterScenario, Scenario, live, living

from sunbox.core.commands import RequestKind
from sunbox.core.model import ChargerStatus, Charging, Mode, Override
from sunbox.core.reasons import ReasonCode
from sunbox.core.wallbox import Request
from sunbox.simulator.scenario import ChargerScenario, WallboxCarScenario

QUIET = MeterScenario(noise_w=0.0)


def at_box(body: Callable[[Home], Awaitable[None]], *, car: CarScenario | None = None, **about: Any) -> None:
    """Live at a home with one go-eCharger, and a car of its own or a Tesla behind it."""
    box = {name: about.pop(name) for name in ("profile", "unplugs_at_switch") if name in about}
    own = WallboxCarScenario(never_full=False, **about.pop("vehicle", {}))
    charger = ChargerScenario(**box, vehicle=own) if car is None else ChargerScenario(**box, car=car.id)
    scenario = Scenario(meter=QUIET, cars=() if car is None else (car,), chargers=(charger,))

    async def main() -> None:
        async with living(scenario=scenario, **about) as home:
            await home.sleep(30)
            await body(home)

    live(main)


def box(home: Home) -> Any:
    home.simulated.world.sync()
    return next(iter(home.simulated.chargers.values())).charger


def code(home: Home) -> ReasonCode:
    return home.lp().reason.code


def is_true(home: Home) -> bool:
    """Return whether what the gateway shows is what is so."""
    shown_w = home.lp().draw_w or 0.0
    return bool(abs(shown_w - box(home).draw_w) < 250.0)


def test_the_sun_charges_on_one_phase_then_on_three_and_stops() -> None:
    async def body(home: Home) -> None:
        assert home.lp().is_plugged
        assert box(home).draw_w == 0
        await home.patch(sun={"pv_w": 2800})
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(60)
        assert (home.lp().phases, home.lp().status) == (1, ChargerStatus.C)
        assert box(home).draw_w == pytest.approx(2500, abs=250)
        await home.patch(sun={"pv_w": 9000})
        await home.until(lambda: home.lp().phases == 3, within_s=900)
        await home.sleep(90)
        assert box(home).draw_w == pytest.approx(8700, abs=700)
        assert is_true(home)
        await home.patch(sun={"pv_w": 400})
        await home.until(lambda: not home.lp().is_flowing, within_s=900)
        await home.sleep(20)
        assert box(home).draw_w == 0
        assert code(home) is ReasonCode.SURPLUS_LOW
        assert box(home).phase_switches <= 4

    at_box(body)


@pytest.mark.parametrize("profile", ["051", "055", "59.4", "60.3", "60.5-core"])
def test_every_firmware_is_driven(profile: str) -> None:
    async def body(home: Home) -> None:
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(60)
        assert box(home).draw_w == pytest.approx(5200, abs=700)
        assert is_true(home)
        await home.patch(sun={"pv_w": 0})
        await home.until(lambda: box(home).draw_w == 0)

    at_box(body, profile=profile, pv_w=5500.0)


@pytest.mark.parametrize(
    ("trouble", "reasons"),
    [
        ({"busy_s": 60}, {ReasonCode.CHARGING_PV, ReasonCode.CHARGER_SILENT}),
        ({"reboot": True}, {ReasonCode.CHARGING_PV, ReasonCode.CHARGER_SILENT, ReasonCode.STARTING}),
        ({"lose_wifi_s": 600}, {ReasonCode.CHARGING_PV, ReasonCode.CHARGER_SILENT}),
        ({"lose_force": True}, {ReasonCode.CHARGING_PV}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("runs", [True, False])
def test_it_recovers_by_itself_from_its_own_troubles(
    trouble: dict[str, Any], reasons: set[ReasonCode], *, runs: bool
) -> None:
    async def body(home: Home) -> None:
        if runs:
            await home.until(lambda: home.lp().is_flowing)
            await home.sleep(120)
        before_w = box(home).draw_w
        await home.patch(charger=trouble)
        seen = set()
        for _ in range(700):
            await home.sleep(1)
            seen.add(code(home))
        assert box(home).draw_w == pytest.approx(before_w, abs=250)
        assert is_true(home)
        assert home.lp().override is Override.NONE
        if runs:
            assert seen <= reasons | {ReasonCode.CHARGING_HELD}
        else:
            assert seen <= {ReasonCode.SURPLUS_LOW, ReasonCode.STOPPING, ReasonCode.CHARGER_SILENT}
        if "reboot" not in trouble:
            assert (ReasonCode.CHARGER_SILENT in seen) is ("lose_force" not in trouble)

    at_box(body, pv_w=5500.0 if runs else 500.0)


def test_what_it_was_told_while_nobody_reached_it_is_done_when_it_is_back() -> None:
    async def body(home: Home) -> None:
        await home.until(lambda: home.lp().is_flowing)
        await home.patch(charger={"lose_wifi_s": 300})
        home.gateway.request(Request(loadpoint_id=home.lp().id, by="test", override=Override.STOP))
        await home.sleep(120)
        assert box(home).draw_w > 0
        assert code(home) is ReasonCode.CHARGER_SILENT
        await home.until(lambda: box(home).draw_w == 0)
        assert code(home) is ReasonCode.STOPPED_BY

    at_box(body, pv_w=5500.0)


def test_a_cable_taken_out_and_put_in_again_starts_nothing() -> None:
    async def body(home: Home) -> None:
        for _ in range(3):
            await home.patch(charger={"plugged": False})
            await home.sleep(60)
            assert home.lp().status is ChargerStatus.A
            await home.patch(charger={"plugged": True})
            for _ in range(60):
                await home.sleep(1)
                assert box(home).draw_w == 0
        assert home.lp().override is Override.NONE

    at_box(body, pv_w=300.0)


@pytest.mark.parametrize("unplugs", [True, False])
def test_a_switch_of_phases_is_no_unplugging(unplugs: bool) -> None:
    async def body(home: Home) -> None:
        await home.until(lambda: home.lp().is_flowing)
        home.gateway.request(Request(loadpoint_id=home.lp().id, by="test", amps_a=8))
        await home.patch(sun={"pv_w": 9000})
        await home.until(lambda: box(home).closed_phases == 1)
        before = box(home).phase_switches
        for _ in range(600):
            await home.sleep(1)
            assert home.lp().is_plugged
        assert box(home).phase_switches == before + 1
        assert home.lp().amps_asked_a == 8

    at_box(body, pv_w=2800.0, unplugs_at_switch=unplugs)


def test_a_hand_in_the_chargers_app_is_respected_until_it_is_unplugged() -> None:
    async def body(home: Home) -> None:
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(60)
        box(home).set([("frc", "1")])
        await home.sleep(120)
        assert (home.lp().override, home.lp().override_by) == (Override.STOP, "the charger's own app")
        assert box(home).draw_w == 0
        await home.patch(charger={"plugged": False})
        await home.sleep(30)
        await home.patch(charger={"plugged": True})
        await home.until(lambda: home.lp().is_flowing)

    at_box(body, pv_w=5500.0)


def test_its_own_limit_of_energy_holds_and_is_named() -> None:
    async def body(home: Home) -> None:
        box(home).set([("dwo", "200")])
        await home.patch(sun={"pv_w": 5500})
        await home.until(lambda: code(home) is ReasonCode.CHARGER_HOLDS, within_s=1200)
        assert home.lp().reason.numbers == {"why": "energy limit"}
        told = box(home).asked.sets
        await home.sleep(600)
        assert box(home).asked.sets == told

    at_box(body)


def test_a_full_car_takes_nothing_and_is_left_so() -> None:
    async def body(home: Home) -> None:
        await home.until(lambda: code(home) is ReasonCode.CAR_IDLE)
        await home.sleep(30)
        told = box(home).asked.sets
        await home.sleep(600)
        assert box(home).asked.sets == told
        assert home.lp().is_target_reached

    at_box(body, pv_w=5500.0, vehicle={"soc_pct": 80.0, "limit_pct": 80})


def test_it_is_asked_seldom_and_told_little() -> None:
    async def body(home: Home) -> None:
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(120)
        asked, told = box(home).asked.reads, box(home).asked.sets
        await home.sleep(3600)
        assert box(home).asked.reads - asked <= 3600 / 4
        assert box(home).asked.sets - told <= 10

    at_box(body, pv_w=5500.0)


def test_after_a_kill_it_goes_on_as_it_was() -> None:
    async def body(home: Home) -> None:
        await home.until(lambda: home.lp().is_flowing)
        home.gateway.request(Request(loadpoint_id=home.lp().id, by="test", mode=Mode.NOW, amps_a=9, phases=1))
        await home.until(lambda: box(home).closed_phases == 1)
        await home.sleep(90)
        await home.kill_gateway()
        await home.start_gateway()
        told = box(home).asked.sets
        await home.sleep(120)
        assert box(home).draw_w == pytest.approx(9 * 230, abs=100)
        assert box(home).asked.sets == told
        assert (home.lp().mode, home.lp().amps_asked_a, home.lp().phases_asked) == (Mode.NOW, 9, 1)

    at_box(body, pv_w=5500.0)


def test_a_stop_by_hand_while_the_gateway_is_dead_is_respected() -> None:
    async def body(home: Home) -> None:
        await home.until(lambda: home.lp().is_flowing)
        await home.sleep(60)
        await home.kill_gateway()
        box(home).set([("frc", "1")])
        await home.sleep(120)
        await home.start_gateway()
        for _ in range(120):
            await home.sleep(1)
            assert box(home).draw_w == 0
        assert (home.lp().override, home.lp().override_by) == (Override.STOP, "the charger's own app")

    at_box(body, pv_w=5500.0)


# A Tesla behind it ----------------------------------------------------------------------------------------------------------


def test_a_sleeping_tesla_behind_the_box_is_woken_at_most_once_and_charges_through_it() -> None:
    async def body(home: Home) -> None:
        assert home.car.is_asleep
        await home.patch(sun={"pv_w": 6000})
        await home.until(lambda: home.lp().is_flowing, within_s=900)
        await home.sleep(300)
        assert box(home).draw_w == pytest.approx(5700, abs=700)
        assert home.lp().draw_w == pytest.approx(box(home).draw_w, abs=250)
        assert home.count(RequestKind.WAKE) <= 1
        shown = home.lp().vehicle
        assert shown is not None
        assert (shown.charging, shown.soc_pct is not None) == (Charging.CHARGING, True)
        spent = home.count(RequestKind.DATA) + home.count(RequestKind.COMMAND)
        await home.sleep(3600)
        assert home.count(RequestKind.DATA) + home.count(RequestKind.COMMAND) - spent <= 3

    at_box(body, car=CarScenario(never_full=False, soc_pct=45.0, phases=3, charges_at_plug_in=True))


def test_a_target_below_its_own_least_limit_stops_the_box() -> None:
    async def body(home: Home) -> None:
        home.gateway.request(Request(loadpoint_id=home.lp().id, by="test", target_soc_pct=40))
        await home.patch(sun={"pv_w": 11_000})
        await home.until(lambda: home.lp().is_flowing, within_s=900)
        await home.until(lambda: code(home) is ReasonCode.TARGET_REACHED, within_s=7200)
        await home.until(lambda: box(home).draw_w == 0)
        assert home.truth()["soc_pct"] == pytest.approx(40, abs=1.5)

    at_box(body, car=CarScenario(never_full=False, soc_pct=37.0, phases=3))
