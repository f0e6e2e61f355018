"""The simulated go-eCharger, told and pulled about at random: what must hold whatever happens to it.

`SUNBOX_HYPOTHESIS=ci` looks longer.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sunbox.dialects.goe.decide import Pause
from sunbox.dialects.goe.profiles import STANDARD
from sunbox.dialects.goe.table import BY_NAME
from sunbox.dialects.goe.wire import fits
from sunbox.simulator.goe_charger import GoeCharger
from sunbox.simulator.wallbox_car import WallboxCar

IS_CI = os.environ.get("SUNBOX_HYPOTHESIS") == "ci"

AT = datetime(2024, 6, 17, 10, tzinfo=UTC)

TOLD = st.one_of(
    st.tuples(st.just("amp"), st.integers(6, 32).map(str)),
    st.tuples(st.just("frc"), st.integers(0, 2).map(str)),
    st.tuples(st.just("psm"), st.integers(0, 2).map(str)),
    st.tuples(st.just("lmo"), st.integers(3, 5).map(str)),
    st.tuples(st.just("acs"), st.integers(0, 1).map(str)),
    st.tuples(st.just("trx"), st.sampled_from(["null", "0", "1"])),
    st.tuples(st.just("dwo"), st.sampled_from(["null", "0", "50", "500"])),
    st.tuples(st.just("tcl"), st.sampled_from(["null", "0", "7", "20"])),
    st.tuples(st.just("fup"), st.sampled_from(["true", "false"])),
    st.tuples(st.just("acp"), st.sampled_from(["true", "false"])),
    st.tuples(st.just("su"), st.just("true")),
    st.tuples(st.just("psmd"), st.sampled_from(["0", "3000"])),
    st.tuples(st.just("ids"), st.integers(-9000, 3000).map(lambda watts: f'{{"pGrid":{watts}}}')),
)

STOPS_WITHIN_S = 12.0
"""The logic's second, the ramp and the contactor."""


class ChargerMachine(RuleBasedStateMachine):
    """One charger and its car."""

    def __init__(self) -> None:
        super().__init__()
        self.car = WallboxCar(stored_wh=40_000.0)
        self.charger = GoeCharger(start_at=AT, profile=STANDARD, car=self.car)
        self.forbidden_s = 0.0
        self.total_wh = 0.0

    def told(self, *names: str) -> list[object]:
        values = self.charger.read(names).values
        return [values[name] for name in names]

    @rule(items=st.lists(TOLD, min_size=1, max_size=3))
    def tell(self, items: list[tuple[str, str]]) -> None:
        assert set(self.charger.set(items).values()) == {True}

    @rule(seconds=st.sampled_from([0.3, 1, 4, 15, 40]))
    def live(self, seconds: float) -> None:
        left_s = seconds
        while left_s > 1e-9:
            step_s = min(1.0, left_s)
            self.charger.advance(step_s)
            left_s -= step_s
            self.forbidden_s = 0.0 if self.told("alw")[0] else self.forbidden_s + step_s
            if self.forbidden_s > STOPS_WITHIN_S:
                assert self.charger.draw_w == 0

    @precondition(lambda self: not self.car.is_plugged)
    @rule()
    def plug(self) -> None:
        self.charger.plug()

    @precondition(lambda self: self.car.is_plugged)
    @rule()
    def unplug(self) -> None:
        self.charger.unplug()
        assert self.told("car", "frc", "trx") == [1, 0, None]

    @rule()
    def reboot(self) -> None:
        self.charger.reboot()

    @rule(temperature_c=st.sampled_from([20.0, 72.0, 90.0]))
    def warm(self, temperature_c: float) -> None:
        self.charger.temperature_c = temperature_c

    @invariant()
    def every_value_has_its_type(self) -> None:
        values = self.charger.read().values
        assert {name for name, value in values.items() if not fits(BY_NAME[name], value)} == set()

    @invariant()
    def it_tells_the_truth(self) -> None:
        car, alw, acu, nrg, pnp = self.told("car", "alw", "acu", "nrg", "pnp")
        assert car in {1, 2, 3, 4}
        seems_unplugged = self.charger.state.behind.pause is Pause.SIMULATED_UNPLUG
        assert (car == 1) == (not self.car.is_plugged or seems_unplugged)
        assert isinstance(nrg, list)
        assert abs(nrg[11] - self.charger.draw_w) < 0.01
        assert (self.car.current_a > 0) == (pnp != 0)
        assert acu is None or (alw and acu >= 6)
        if self.charger.draw_w > 0:
            assert car == 2 or seems_unplugged

    @invariant()
    def energy_is_never_lost(self) -> None:
        (eto,) = self.told("eto")
        assert isinstance(eto, int)
        assert eto >= self.total_wh
        self.total_wh = eto


TestCharger = ChargerMachine.TestCase
TestCharger.settings = settings(max_examples=400 if IS_CI else 40, stateful_step_count=25, deadline=None)
