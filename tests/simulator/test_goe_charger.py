"""The simulated go-eCharger: contactor, phases, heat, surplus, faults, and that its counters agree with its physics."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sunbox.dialects.goe.profiles import PROFILES
from sunbox.dialects.goe.words import Fault
from sunbox.simulator.car_physics import into_battery_w
from sunbox.simulator.goe_charger import BOOT_S, GoeCharger
from sunbox.simulator.goe_control import box_truth
from sunbox.simulator.goe_heat import heat_limit_a
from sunbox.simulator.wallbox_car import WallboxCar

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)


class Bench:
    """A charger that is told things and lives on second by second."""

    def __init__(self, profile: str = "055", car: dict[str, Any] | None = None, **about: Any) -> None:
        self.car = WallboxCar(**(car or {}))
        self.charger = GoeCharger(start_at=AT, profile=PROFILES[profile], car=self.car, **about)

    def set(self, **settings: str) -> Bench:
        answers = self.charger.set(settings.items())
        assert set(answers.values()) <= {True}, answers
        return self

    def __getitem__(self, name: str) -> Any:
        return self.charger.read((name,)).values[name]

    def __call__(self, *names: str) -> tuple[Any, ...]:
        return tuple(self[name] for name in names)

    def live(self, seconds: float) -> Bench:
        self.charger.advance(seconds)
        return self

    def course(self, seconds: int, *names: str) -> list[tuple[Any, ...]]:
        """Return what it says each second, each change once."""
        seen = [self(*names)]
        for _ in range(seconds):
            now = self.live(1)(*names)
            if now != seen[-1]:
                seen.append(now)
        return seen

    def until(self, name: str, value: Any, most_s: int = 120) -> int:
        """Return after how many seconds a key has a value."""
        for second in range(most_s):
            if self[name] == value:
                return second
            self.live(1)
        raise AssertionError(f"{name} is {self[name]} after {most_s} s")


def charging(**about: Any) -> Bench:
    bench = Bench(**about)
    bench.charger.plug()
    bench.until("car", 2)
    return bench.live(20)


def test_a_start_takes_its_time() -> None:
    bench = Bench().set(frc="1")
    bench.charger.plug()
    assert bench.live(30)("car", "alw", "acu") == (3, False, None)
    bench.set(frc="2")
    assert bench("alw", "car") == (True, 3)  # the wish is there at once, the car is not
    assert 9 <= bench.until("car", 2) <= 15
    assert bench.live(10)("pnp", "acu") == (3, 16)
    assert bench["nrg"][11] == pytest.approx(3 * 16 * 227.6, abs=1)


def test_after_a_stop_it_is_complete_a_few_seconds_later() -> None:
    bench = charging().set(frc="1")
    assert bench("alw", "car") == (False, 2)
    assert 2 <= bench.until("car", 4) <= 6
    assert bench("nrg", "modelStatus")[0][4:12] == [0] * 8
    assert bench("modelStatus", "pnp") == (4, 0)


def test_amps_follow_within_seconds() -> None:
    bench = charging().set(amp="10").live(4)
    assert bench["nrg"][4:7] == [10, 10, 10]
    bench.set(amp="32").live(10)
    assert bench["nrg"][4] == 16  # the car takes no more
    assert bench["acu"] == 32


def test_frc_falls_back_to_neutral_when_it_is_unplugged() -> None:
    bench = charging().set(frc="1").live(10)
    bench.charger.unplug()
    assert bench("car", "frc", "alw", "pnp") == (1, 0, True, 0)
    assert bench["wh"] > 0
    bench.charger.plug()
    assert bench.until("car", 2) < 20
    assert bench["wh"] < 1


@pytest.mark.parametrize("to", [1, 2])
def test_a_switch_of_phases_pauses_and_goes_on_by_itself(to: int) -> None:
    bench = charging().set(psm=str(3 - to)).live(60).set(psm=str(to))
    course = bench.course(60, "car", "modelStatus", "pnp")
    before, after = (3, 1) if to == 1 else (1, 3)
    assert course[0] == (2, 15, before)
    assert (4, 23, 0) in course
    assert course[-1] == (2, 15, after)
    assert bench["fsp"] == (to == 1)
    assert bench["rbt"] - bench["lfspt"] < 45_000
    pauses = [state for state in course if state[1] == 23]
    assert {state[0] for state in pauses} == {2, 4}


def test_some_show_a_simulated_unplugging_in_it() -> None:
    bench = charging(unplugs_at_switch=True)
    wh = bench.set(psm="1")["wh"]
    course = bench.course(60, "car", "modelStatus")
    assert (1, 22) in course
    assert course[-1] == (2, 15)
    assert bench["wh"] > wh  # it is still the same session


def test_the_pause_lasts_as_long_as_told() -> None:
    def pause_s(psmd: str) -> int:
        bench = charging().set(psmd=psmd, psm="1")
        bench.until("modelStatus", 23)
        return bench.until("modelStatus", 15)

    assert pause_s("30000") - pause_s("10000") == 20


def test_unplugging_is_simulated_once() -> None:
    bench = charging().set(su="true")
    assert (1, 22, False) in bench.course(40, "car", "modelStatus", "su")
    assert bench("car", "su") == (2, False)


def test_the_least_pause_holds_but_for_a_forced_start() -> None:
    bench = charging().set(mcpd="60000", frc="1").live(10).set(frc="0")
    assert bench("modelStatus", "alw", "car") == (24, False, 4)
    assert 40 < bench.until("alw", True) < 60
    assert bench.until("car", 2) < 20
    bench.set(frc="1").live(10).set(frc="2")
    assert bench["modelStatus"] == 3
    assert bench.until("car", 2) < 20
    assert bench.set(frc="0").live(5)["modelStatus"] == 15


def test_energy_agrees_with_the_battery() -> None:
    bench = charging(car={"stored_wh": 20_000.0})
    stored_wh, wh = bench.car.stored_wh, bench["wh"]
    bench.live(3600)
    wall_wh = bench["wh"] - wh
    assert wall_wh == pytest.approx(3 * 16 * 227.6, abs=1)
    assert bench.car.stored_wh - stored_wh == pytest.approx(into_battery_w(wall_wh), rel=1e-3)
    assert bench["eto"] == int(bench["wh"])
    assert bench["tpa"] == pytest.approx(bench["nrg"][11], abs=1)


def test_steps_of_any_length_are_the_same() -> None:
    long, short = charging(), charging()
    long.live(600)
    for _ in range(1200):
        short.live(0.5)
    assert short["wh"] == pytest.approx(long["wh"], rel=1e-3)
    assert short["car"] == long["car"]


def test_a_full_car_takes_nothing_and_a_limit_of_energy_holds() -> None:
    full = Bench(car={"stored_wh": 50_000.0})
    full.charger.plug()
    assert full.live(60)("car", "alw") == (3, True)
    bench = charging().set(dwo="500")
    bench.until("car", 4, 400)
    assert bench("modelStatus", "alw") == (6, False)
    assert 500 <= bench["wh"] < 510
    assert bench.set(dwo="null").until("car", 2) < 20
    ending = charging(car={"stored_wh": 47_950.0})
    ending.until("car", 4, 600)
    assert ending("alw", "modelStatus") == (True, 15)


def test_a_car_with_one_phase_uses_one() -> None:
    bench = charging(car={"phases": 1, "max_a": 32.0}).set(amp="32").live(20)
    assert (bench["pnp"], bench["nrg"][4:7]) == (1, [32, 0, 0])
    assert bench["pha"] == [True, True, True, True, True, True]
    single = charging(supply_phases=1)
    assert (single["pnp"], single["pha"]) == (1, [True, False, False, True, False, False])
    assert single["nrg"][:3] == [pytest.approx(227.6), 0, 0]


def test_heat_lowers_the_current_and_then_stops() -> None:
    assert [heat_limit_a(c) for c in (20, 60, 70, 79.9, 80)] == [32, 32, 16, 6, 0]
    bench = charging(ambient_c=50.0)
    bench.charger.temperature_c = 72.0
    assert bench.live(5)["amt"] < 16
    assert bench["acu"] == bench["amt"]
    bench.charger.temperature_c = 95.0
    assert bench.live(10)("modelStatus", "alw", "car") == (1, False, 4)


def test_a_reboot_in_mid_charge() -> None:
    bench = charging().set(frc="2", amp="12").live(5)
    bench.charger.reboot()
    assert not bench.charger.is_reachable
    assert bench("rbc", "frc", "amp") == (2, 0, 12)
    assert bench.charger.draw_w == 0
    bench.live(BOOT_S)
    assert bench.charger.is_reachable
    assert bench.until("car", 2) < 20
    assert bench["wh"] > 0  # it remembers the session
    assert bench.set(rst="true")["rbc"] == 3


def test_wifi_and_lock_come_back_and_charging_goes_on() -> None:
    bench = charging()
    bench.charger.lose_wifi(600)
    assert not bench.charger.is_reachable
    assert bench.live(599)["nrg"][11] > 10_000
    assert bench.live(1).charger.is_reachable
    bench.charger.be_busy(5)
    assert bench.live(4).charger.api_is_busy
    assert not bench.live(1).charger.api_is_busy


def test_frc_that_is_lost_and_a_fault() -> None:
    bench = charging().set(frc="1").live(10)
    bench.charger.lose_force()
    assert bench("frc", "alw") == (0, True)
    assert bench.until("car", 2) < 20
    bench.charger.fault = Fault.FI_DC
    assert bench.live(10)("car", "err", "alw") == (5, 2, False)
    assert bench.charger.draw_w == 0


def test_a_locked_one_waits_for_a_card() -> None:
    bench = Bench().set(acs="1")
    bench.charger.plug()
    assert bench.live(30)("car", "modelStatus", "alw") == (3, 2, False)
    bench.set(trx="0")
    assert bench.until("car", 2) < 20


# --- surplus ---------------------------------------------------------------------------------------------------------


def fed(bench: Bench, sun_w: float, seconds: int) -> Bench:
    """Let a house feed it: what the sun gives and nobody takes flows out."""
    for _ in range(seconds // 5):
        grid_w = bench.charger.draw_w - sun_w
        bench.set(ids=f'{{"pGrid":{grid_w:.0f},"pPv":{sun_w:.0f}}}').live(5)
    return bench


def eco(**about: Any) -> Bench:
    bench = Bench(**about).set(lmo="4", fup="true", psm="1")
    bench.charger.plug()
    return bench


def test_it_follows_the_surplus_that_it_is_told() -> None:
    bench = fed(eco(), 1000, 60)
    assert bench("modelStatus", "alw", "car") == (17, False, 3)
    fed(bench, 3000, 60)
    assert bench("modelStatus", "car") == (12, 2)
    assert bench["nrg"][11] == pytest.approx(2900, abs=200)
    fed(bench, 900, 200)
    assert bench["car"] == 2  # the least time of charging
    fed(bench, 900, 200)
    assert bench("modelStatus", "car") == (17, 4)


def test_surplus_that_is_not_told_any_more_counts_for_ten_seconds() -> None:
    bench = fed(eco(), 3000, 60).live(4)
    assert bench["modelStatus"] == 12
    assert bench.live(15)("modelStatus", "alw") == (17, False)


@pytest.mark.parametrize(
    ("setting", "value"), [("fup", "false"), ("lmo", "3"), ("frc", "1"), ("frc", "2")], ids=lambda word: word
)
def test_surplus_is_taken_and_ignored_where_something_else_decides(setting: str, value: str) -> None:
    bench = fed(eco().set(**{setting: value}), 3000, 60)
    assert bench["modelStatus"] != 12


def test_auto_phases_follow_a_lasting_surplus() -> None:
    bench = eco().set(psm="0", mpwst="60000", mptwt="120000")
    assert fed(bench, 3000, 120)("pnp", "modelStatus") == (1, 12)
    assert fed(bench, 8000, 200)["pnp"] == 3
    assert bench["nrg"][11] == pytest.approx(8000, abs=800)
    assert fed(bench, 3000, 300)["pnp"] == 1


def test_a_battery_that_discharges_is_no_sun() -> None:
    bench = eco()
    for _ in range(12):
        bench.set(ids='{"pGrid":-3000,"pPv":1000,"pAkku":3000}').live(5)
    assert bench["modelStatus"] == 17


def test_what_is_true_can_be_told() -> None:
    truth = box_truth(charging().charger)
    assert (truth["plugged"], truth["phases"], truth["current_a"], truth["offered_a"]) == (True, 3, 16, 16)
