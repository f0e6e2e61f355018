"""The peers' published rules as truth tables: thresholds, delays, first current, steps."""

from random import Random

import pytest

from sunbox.simulator.rivals import (
    OFF,
    RIVALS,
    ChargeHQ,
    Evcc,
    OpenEms,
    OpenWB,
    Plain,
    Seen,
    SmartEvseSolar,
    TeslaSolarCharger,
    currents_of,
)

PHASE_V = 230.0


class Play:
    """A rule at a car that does at once what it is told; the surplus is set by hand."""

    def __init__(self, rule, *, phases: int = 1, min_a: int = 6, max_a: int = 32) -> None:
        self.rule, self.phases, self.min_a, self.max_a = rule, phases, min_a, max_a
        self.t_s, self.set_a = 0.0, OFF

    def see(self, surplus_w: float, *, draw_w: float | None = None) -> int:
        """Let the rule decide at the next interval."""
        per_a = PHASE_V * self.phases
        draw_w = self.set_a * per_a if draw_w is None else draw_w
        seen = Seen(self.t_s, draw_w - surplus_w, draw_w, self.set_a, self.min_a, self.max_a, per_a, self.phases)
        self.set_a = self.rule.decide(seen)
        self.t_s += self.rule.interval_s
        return self.set_a

    def for_s(self, seconds: float, surplus_w: float) -> list[int]:
        """Return what it wants during so many seconds."""
        return [self.see(surplus_w) for _ in range(round(seconds / self.rule.interval_s))]

    def until(self, wanted, surplus_w: float, most_s: float = 3600.0) -> float:
        """Return after how many seconds of this surplus it wants something."""
        began_s = self.t_s
        while not wanted(self.see(surplus_w)):
            assert self.t_s - began_s < most_s
        return self.t_s - self.rule.interval_s - began_s


def is_on(amps_a: int) -> bool:
    return amps_a != OFF


def is_off(amps_a: int) -> bool:
    return amps_a == OFF


# how long a surplus that is far from the limit has to last before it starts and stops, and with what it starts
@pytest.mark.parametrize(
    ("name", "start_s", "first_a", "stop_s"),
    [
        ("plain", 0, 13, 0),
        ("evcc", 60, 6, 180),
        ("openwb", 30, 6, 60),
        ("openems", 0, 6, 0),  # the last switch was long ago
        ("teslasolarcharger", 300, 13, 300),
        ("chargehq", 0, 13, 360),
    ],
)
def test_starts_and_stops_after_its_delays(name, start_s, first_a, stop_s):
    play = Play(RIVALS[name]())
    assert play.until(is_on, 3000) == start_s
    assert play.set_a == first_a
    play.for_s(1200, 3000)
    assert play.set_a == 13
    play.see(300)  # falls to the minimum, or stops where it has no patience
    seconds = play.rule.interval_s + play.until(is_off, 300) if play.set_a else 0
    # openWB waits until it sees the car at its minimum
    assert seconds == stop_s + (play.rule.interval_s if name == "openwb" else 0)


@pytest.mark.parametrize("name", RIVALS)
@pytest.mark.parametrize("phases", [1, 3])
def test_never_between_off_and_the_minimum_and_never_above_the_maximum(name, phases):
    play = Play(RIVALS[name](), phases=phases, max_a=16)
    for step in range(2000):
        amps_a = play.see((step * 7919 % 13_000) - 1000.0 if step % 40 else 12_000.0)
        assert amps_a == OFF or 6 <= amps_a <= 16


@pytest.mark.parametrize("name", ["plain", "evcc", "openwb", "openems", "teslasolarcharger", "chargehq"])
def test_a_steady_surplus_ends_in_a_steady_current(name):
    play = Play(RIVALS[name]())
    wanted = play.for_s(3600, 20.7 * PHASE_V)
    assert len(set(wanted[-20:])) == 1
    assert wanted[-1] == (21 if name == "openwb" else 20)  # openWB aims at 115 W of import


def test_evcc_begins_its_wait_anew_after_one_sample_on_the_wrong_side():
    play = Play(Evcc())
    play.see(3000)
    play.see(3000)
    play.see(0)
    assert play.until(is_on, 3000) == 60
    play.for_s(120, 0)  # 90 s of the 180 have passed
    play.see(1500)
    assert play.set_a == 6
    assert play.until(is_off, 0) == 180


def test_evcc_at_the_minimum_stays_while_it_does_not_import():
    play = Play(Evcc(), min_a=6)
    play.for_s(120, 3000)
    assert play.for_s(1200, 6 * PHASE_V + 1)[-1] == 6


def test_evcc_does_not_wind_up_while_a_car_takes_less_than_it_may():
    play = Play(Evcc())
    play.for_s(120, 3000)
    wanted = [play.see(7000, draw_w=8 * PHASE_V) for _ in range(5)]
    # 8 A drawn and 22 A exported: never more than the drawn current, the headroom and what is exported
    assert max(wanted) <= 8 + 2 + int((7000 - 8 * PHASE_V) / PHASE_V)


@pytest.mark.parametrize(
    ("phases", "surplus_w", "starts"), [(1, 1370, False), (1, 1390, True), (3, 4370, False), (3, 4390, True)]
)
def test_openwb_starts_at_1500_w_per_phase_less_its_aim(phases, surplus_w, starts):
    assert is_on(Play(OpenWB(), phases=phases).for_s(60, surplus_w)[-1]) is starts


def test_openwb_changes_by_a_step_at_a_time():
    play = Play(OpenWB())
    play.for_s(40, 7000)
    assert play.for_s(50, 7000) == [12, 18, 24, 30, 30]
    assert play.see(0) == 24


def test_openwb_raises_nothing_within_its_range():
    play = Play(OpenWB())
    play.for_s(600, 10.6 * PHASE_V)
    assert play.set_a == 11  # 92 W of import
    assert play.see(11.49 * PHASE_V - 100) == 11


def test_openems_stays_on_and_off_for_five_minutes():
    play = Play(OpenEms())
    assert play.see(3000) == 6
    assert play.until(is_off, 0) == 290  # it began 10 s before
    assert play.until(is_on, 3000) == 290


def test_openems_rises_by_three_percent_a_second_and_falls_at_once():
    play = Play(OpenEms())
    assert play.for_s(80, 32 * PHASE_V) == [6, 8, 10, 14, 19, 26, 32, 32]
    assert play.see(8.5 * PHASE_V) == 8


def test_teslasolarcharger_changes_nothing_within_25_s_of_a_change():
    rule = TeslaSolarCharger()
    play = Play(rule)
    play.for_s(330, 3000)
    assert play.set_a == 13
    play.see(2500)
    seen = Seen(play.t_s - 10, 0.0, 10 * PHASE_V, 10, 6, 32, PHASE_V, 1)
    assert rule.decide(seen._replace(grid_w=-1000.0)) == 10


def test_chargehq_waits_fifteen_minutes_after_a_stop():
    play = Play(ChargeHQ())
    assert play.see(3000) == 13
    play.until(is_off, 0)
    assert play.until(is_on, 3000) == 840  # the first look was 60 s after the stop


def test_chargehq_forgets_a_shortage_that_ended():
    play = Play(ChargeHQ())
    play.see(3000)
    play.for_s(300, 0)
    assert play.see(3000) == 13
    assert is_on(play.for_s(360, 0)[-1])


@pytest.mark.parametrize(("surplus_w", "amps_a"), [(1379, OFF), (1380, 6), (1609, 6), (1610, 7), (9000, 32)])
def test_plain_takes_the_whole_amps_that_fit(surplus_w, amps_a):
    assert Play(Plain()).see(surplus_w) == amps_a


# A SmartEVSE: its law itself


@pytest.mark.parametrize(("phases", "max_a"), [(1, 32), (3, 16)])
def test_a_smartevse_waits_a_minute_begins_with_the_minimum_and_imports_for_ten(phases, max_a):
    play = Play(SmartEvseSolar(), phases=phases, max_a=max_a)
    assert set(play.for_s(600, 900)) == {OFF}  # 4 A of export are asked for
    assert play.until(is_on, 1000) == pytest.approx(60, abs=6)
    assert play.set_a == 6
    rising = play.for_s(600, 5000 * phases)
    assert rising == sorted(rising)
    assert rising[-1] == max_a if phases == 3 else 20 <= rising[-1] <= 22
    assert play.until(is_off, -500) == pytest.approx(600, abs=40)
    assert play.until(is_on, 5000 * phases) == pytest.approx(70, abs=10)


class Sleepless(SmartEvseSolar):
    """The same, which lives through every second."""

    def _is_waiting(self):
        return False


@pytest.mark.parametrize("phases", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_a_smartevse_that_waits_for_the_sun_may_be_skipped(phases, seed):
    random = Random(seed)
    plays = [Play(rule(), phases=phases, max_a=16) for rule in (SmartEvseSolar, Sleepless)]
    for _ in range(40):
        surplus_w, seconds = random.choice([-2000, 0, 900, 1000, 1500, 4000, 12000]), random.choice([10, 60, 300, 900])
        one, other = (play.for_s(seconds, surplus_w) for play in plays)
        assert one == other


@pytest.mark.parametrize("grid_w", [-3000.0, -1.0, 0.0, 700.0, 12345.0])
def test_a_power_as_currents_of_three_phases(grid_w):
    told = currents_of(grid_w, 230.0)
    assert sum(told) == round(grid_w / 23)
    assert max(told) - min(told) <= 2
