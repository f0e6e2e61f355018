"""What is sent to a car, for every state it can be in, every mode and override, with and without sun. No command twice."""

from __future__ import annotations

import pytest
from tests.core.bench import Bench, Car

from sunbox.core.commands import CommandName
from sunbox.core.model import Mode, Override

OUT = Car(is_awake=True, is_plugged=False)
IDLE = Car(is_awake=True, amps_a=32)
RUNS = Car(is_awake=True, amps_a=32, is_charging=True)
FULL = Car(is_awake=True, amps_a=32, soc_pct=90.0)
STATES = {"out": OUT, "idle": IDLE, "runs": RUNS, "full": FULL}

START, STOP, AMPS = CommandName.START, CommandName.STOP, CommandName.SET_AMPS
NOTHING: list[CommandName] = []

ROWS: list[tuple[str, Mode, Override, bool, list[CommandName]]] = [
    # at night
    ("idle", Mode.OFF, Override.NONE, False, NOTHING),
    ("idle", Mode.NOW, Override.NONE, False, [START]),
    ("idle", Mode.PV, Override.NONE, False, NOTHING),
    ("runs", Mode.OFF, Override.NONE, False, [STOP]),
    ("runs", Mode.NOW, Override.NONE, False, NOTHING),
    ("runs", Mode.PV, Override.NONE, False, [STOP]),
    # in the sun
    ("idle", Mode.OFF, Override.NONE, True, NOTHING),
    ("idle", Mode.NOW, Override.NONE, True, [START]),
    ("idle", Mode.PV, Override.NONE, True, [AMPS, START]),
    ("runs", Mode.OFF, Override.NONE, True, [STOP]),
    ("runs", Mode.NOW, Override.NONE, True, NOTHING),
    # somebody's word is stronger than the mode
    *[("idle", mode, Override.STOP, sun, NOTHING) for mode in Mode for sun in (False, True)],
    *[("idle", mode, Override.CHARGE, sun, [START]) for mode in Mode for sun in (False, True)],
    *[("runs", mode, Override.STOP, sun, [STOP]) for mode in Mode for sun in (False, True)],
    *[("runs", mode, Override.CHARGE, sun, NOTHING) for mode in Mode for sun in (False, True)],
    # a car that cannot charge is never asked to
    *[("out", mode, override, sun, NOTHING) for mode in Mode for override in Override for sun in (False, True)],
    *[("full", mode, override, sun, NOTHING) for mode in Mode for override in Override for sun in (False, True)],
]


@pytest.mark.parametrize(("state", "mode", "override", "has_sun", "commands"), ROWS)
def test_what_is_sent(
    state: str, mode: Mode, override: Override, commands: list[CommandName], *, has_sun: bool
) -> None:
    car = STATES[state]
    bench = Bench(car=Car(**{name: getattr(car, name) for name in car.__dataclass_fields__}))
    bench.pv_w = 300.0 + 10 * 230.0 if has_sun else 0.0
    bench.ask(mode=mode, override=override)
    bench.advance(1200)
    assert [command.name for command in bench.commands()] == commands
    if commands:
        assert bench.car.is_charging is (commands[-1] is START)
