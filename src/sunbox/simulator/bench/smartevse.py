"""A SmartEVSE by its own law beside one that somebody else regulates: the scenarios, and what came of each second of them.

The scenarios are those of the golden traces of the firmware's own functions, the step of load at which its law falls to the
minimum, and two boxes behind one fuse. A step is what `sunbox simulate smartevse --script` takes; currents are 0.1 A per phase.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sunbox.dialects.smartevse.state import Setup
from sunbox.dialects.smartevse.words import Mode, Regime
from sunbox.simulator.smartevse_car import ToyCar
from sunbox.simulator.smartevse_charger import Currents, SmartEvse
from sunbox.simulator.smartevse_script import SCRIPT_SETUP, Step, run_script, steps_from_text
from sunbox.simulator.smartevse_sharing import SharedCircuit

NOMINAL_V = 230
GRACE_S = 12
"""For so long after a step of the house nobody can be expected to have acted: with a slow feed nobody knows of it yet."""
NEVER_S = 1_000_000
SETTLED_S = 20
"""From so long after a step on, what is left must be used."""


def _step(seconds: int, base_da: int | list[int], **more: Any) -> dict[str, Any]:
    """Return a step; one number is the current of each phase."""
    return {"seconds": seconds, "base_da": [base_da] * 3 if isinstance(base_da, int) else base_da, **more}


def _load_step(feed_s: int) -> list[dict[str, Any]]:
    return [_step(60, [30, 20, 10], mode=Mode.SMART, feed_s=feed_s), _step(120, [150, 20, 10])]


SCENARIOS: Mapping[str, list[dict[str, Any]]] = {
    "solar_basic": [
        _step(20, 0, mode=Mode.SOLAR, settings={"stop_timer": 1}),
        _step(240, [-60, -70, -60]),
        _step(120, -20),
        _step(240, 10),
        _step(200, -80),
    ],
    "solar_auto": [
        _step(300, -40, mode=Mode.SOLAR, settings={"enable_C2": 4, "stop_timer": 1}),
        _step(500, -120),
        _step(400, -30),
    ],
    "solar_drop_in_delay": [_step(10, -20, mode=Mode.SOLAR), _step(20, 20), _step(120, -20)],
    "solar_nostop": [_step(150, -80, mode=Mode.SOLAR, settings={"stop_timer": 0}), _step(300, 30)],
    "solar_battery": [_step(150, 0, mode=Mode.SOLAR, battery_da=300), _step(120, 0, battery_da=None)],
    "smart_basic": [
        _step(120, [30, 20, 10], mode=Mode.SMART),
        _step(60, [150, 20, 10]),
        _step(90, [230, 20, 10]),
        _step(200, [30, 20, 10]),
    ],
    "smart_hardshort": [
        _step(60, [30, 20, 10], mode=Mode.SMART),
        _step(120, [200, 20, 10]),
        _step(120, [30, 20, 10]),
    ],
    "smart_overload2x": [_step(60, [30, 20, 10], mode=Mode.SMART), _step(60, [510, 20, 10])],
    "smart_capacity": [
        _step(120, 20, mode=Mode.SMART, settings={"current_max_sum_mains": 30}),
        _step(60, 90),
        _step(120, 120),
        _step(150, 20),
    ],
    "smart_capacity_timer": [
        _step(120, 20, mode=Mode.SMART, settings={"current_max_sum_mains": 30, "max_sum_mains_timer": 1}),
        _step(150, 120),
        _step(150, 20),
    ],
    "load_step_2s": _load_step(2),
    "load_step_10s": _load_step(10),
}
"""By name. Those of the golden traces with their names; then a step of load of 12 A, told each 2 s and each 10 s."""


SUNNY = frozenset(name for name in SCENARIOS if name.startswith("solar_"))
"""Those in which the sun charges: they are judged by sun and import, the others by energy."""
STEPPED = frozenset(name for name in SCENARIOS if name.startswith("load_step_"))
ALMOST = 0.975
"""A garage may lose so much: a car that comes is seen within 10 s, and one more is given what another must let go of only
once that one must have obeyed (10 s). The law knows of cars at once, and trusts them to obey at once."""


def steps_of(name: str) -> tuple[Step, ...]:
    """Return the steps of a scenario."""
    return steps_from_text(json.dumps(SCENARIOS[name]))


def limits_of(steps: Sequence[Step]) -> Setup:
    """Return the box with what the first step sets: its limits hold for the whole scenario."""
    return replace(SCRIPT_SETUP, **steps[0].settings)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What stands at one box."""

    is_plugged: bool = True
    takes_da: int | None = None  #: the most that the car takes; None = all it is offered


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What house and cars do for some seconds, whoever regulates."""

    seconds: int
    base_da: Currents = (0, 0, 0)
    feed_s: int = 2  #: how often what flows at the mains is told
    battery_da: int | None = None  #: what charges the home battery, all phases together; None = not told
    cars: tuple[Behind, ...] = (Behind(),)


def turns_of(steps: Iterable[Step]) -> list[Turn]:
    """Return what house and car do in a scenario of one box."""
    return [
        Turn(
            seconds=step.seconds,
            base_da=step.base_da,
            feed_s=step.feed_s or NEVER_S,
            battery_da=step.battery_da,
            cars=(Behind(is_plugged=step.plugged),),
        )
        for step in steps
    ]


BOTH, FIRST, SECOND = (
    tuple(Behind(is_plugged=is_plugged) for is_plugged in cars) for cars in ((True, True), (True, False), (False, True))
)
CALM_DA: Currents = (30, 20, 10)

GARAGES: Mapping[str, list[Turn]] = {
    "two_at_once": [Turn(seconds=300, base_da=CALM_DA, cars=BOTH)],
    "two_one_later": [Turn(seconds=120, base_da=CALM_DA, cars=FIRST), Turn(seconds=240, base_da=CALM_DA, cars=BOTH)],
    "two_one_leaves": [Turn(seconds=180, base_da=CALM_DA, cars=BOTH), Turn(seconds=180, base_da=CALM_DA, cars=SECOND)],
    "two_one_takes_less": [Turn(seconds=300, base_da=CALM_DA, cars=(Behind(takes_da=70), Behind()))],
}
"""Two boxes behind one circuit of `CIRCUIT_A`, by name."""
CIRCUIT_A = 20


# --- what came of it -------------------------------------------------------------------------------------------------


class Second(NamedTuple):
    """What was true for one second."""

    base_da: Currents  #: of the house, - = export
    cars_da: tuple[Currents, ...]
    battery_da: int = 0  #: of the sun that charges a battery, and could charge a car

    @property
    def drawn_da(self) -> Currents:
        """Return what all cars take."""
        one, two, three = (sum(car[phase] for car in self.cars_da) for phase in range(3))
        return one, two, three

    @property
    def mains_da(self) -> Currents:
        """Return what flows at the mains."""
        one, two, three = (base + cars for base, cars in zip(self.base_da, self.drawn_da, strict=True))
        return one, two, three


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a scenario brought."""

    energy_wh: float
    imported_wh: float  #: of it, by the sum of the phases
    early_s: int  #: seconds in which cars took part in more than the mains may carry, within `GRACE_S` of a step of the house
    late_s: int  #: such seconds after that
    starts: int
    least_da: int  #: that a car took while it took anything
    most_da: int  #: that all took on one phase

    @property
    def overload_s(self) -> int:
        """Return all seconds of too much."""
        return self.early_s + self.late_s

    @property
    def solar_wh(self) -> float:
        """Return what was no import."""
        return self.energy_wh - self.imported_wh

    @property
    def net_wh(self) -> float:
        """Return what import leaves of the sun."""
        return self.solar_wh - self.imported_wh

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "energy_wh": round(self.energy_wh),
            "imported_wh": round(self.imported_wh),
            "overload_s": self.overload_s,
            "late_overload_s": self.late_s,
            "starts": self.starts,
            "least_a": self.least_da / 10,
            "most_a": self.most_da / 10,
        }


def outcome_of(seconds: Sequence[Second], limits: Setup) -> Outcome:
    """Return what became of it. Each step of the house begins a new time of grace."""
    energy_ws = imported_ws = 0.0
    early_s = late_s = starts = calm_s = 0
    idle: tuple[Currents, ...] = tuple((0, 0, 0) for _ in seconds[0].cars_da)
    before = Second(seconds[0].base_da, idle)
    for now in seconds:
        calm_s = calm_s + 1 if now.base_da == before.base_da else 0
        drawn_da, sum_da = sum(now.drawn_da), sum(now.mains_da)
        energy_ws += drawn_da / 10 * NOMINAL_V
        imported_ws += max(0, min(drawn_da, sum_da - now.battery_da)) / 10 * NOMINAL_V
        if is_overloaded(now, limits):
            early_s, late_s = (early_s + 1, late_s) if calm_s < GRACE_S else (early_s, late_s + 1)
        starts += sum(any(car) and not any(was) for car, was in zip(now.cars_da, before.cars_da, strict=True))
        before = now
    return Outcome(
        energy_wh=energy_ws / 3600,
        imported_wh=imported_ws / 3600,
        early_s=early_s,
        late_s=late_s,
        starts=starts,
        least_da=min((max(car) for now in seconds for car in now.cars_da if any(car)), default=0),
        most_da=max(max(now.drawn_da) for now in seconds),
    )


def is_overloaded(now: Second, limits: Setup) -> bool:
    """Return whether a phase that a car draws from, or the sum of all, carries more than it may."""
    phases = any(
        drawn_da > 0 and mains_da > 10 * limits.current_main
        for drawn_da, mains_da in zip(now.drawn_da, now.mains_da, strict=True)
    )
    most_da = 10 * limits.current_max_sum_mains
    return phases or (0 < most_da < sum(now.mains_da) and any(now.drawn_da))


def used_pct(seconds: Sequence[Second], limits: Setup) -> float:
    """Return the least share of what L1 has left that a car takes, from `SETTLED_S` after the house's step on, in %."""
    at_s = next(at_s for at_s, now in enumerate(seconds) if now.base_da != seconds[0].base_da)
    return min(
        100.0 * now.drawn_da[0] / min(10 * limits.current_max, 10 * limits.current_main - now.base_da[0])
        for now in seconds[at_s + SETTLED_S :]
    )


def failings(name: str, law: Outcome, ours: Outcome) -> list[str]:
    """Return in what sunbox is worse than the law of the box."""
    found = []
    if ours.overload_s > law.overload_s or ours.late_s > law.late_s:
        found.append(f"overload {ours.overload_s} s ({ours.late_s} late), the law {law.overload_s} ({law.late_s})")
    if ours.starts > law.starts:
        found.append(f"{ours.starts} starts, the law {law.starts}")
    if name in GARAGES:
        if ours.most_da > 10 * CIRCUIT_A:
            found.append(f"{ours.most_da / 10} A behind {CIRCUIT_A} A")
        if ours.least_da < 10 * SCRIPT_SETUP.current_min:
            found.append(f"{ours.least_da / 10} A is less than the least current")
    if name in SUNNY:
        if ours.solar_wh < law.solar_wh or ours.net_wh < law.net_wh:
            found.append(
                f"{ours.solar_wh:.0f} Wh of sun, net {ours.net_wh:.0f}, the law {law.solar_wh:.0f}, {law.net_wh:.0f}"
            )
    elif ours.energy_wh < (ALMOST if name in GARAGES else 1.0) * law.energy_wh:
        found.append(f"{ours.energy_wh:.0f} Wh, the law {law.energy_wh:.0f}")
    return found


# --- by its own law --------------------------------------------------------------------------------------------------


def by_law(steps: Sequence[Step]) -> list[Second]:
    """Return what a box does by its own law."""
    lived = (step for step in steps for _ in range(step.seconds))
    return [
        Second(step.base_da, (_drawn_da(row),), step.battery_da or 0)
        for step, row in zip(lived, run_script(steps), strict=True)
    ]


def _drawn_da(row: Mapping[str, Any]) -> Currents:
    current_da = round(10 * row["ev_amps"])
    one, two, three = (current_da if phase < row["ev_phases"] else 0 for phase in range(3))
    return one, two, three


def by_sharing(turns: Sequence[Turn]) -> list[Second]:
    """Return what two boxes do that share a circuit as master and node, in SMART."""
    boxes = [SmartEvse(garage_setup()) for _ in turns[0].cars]
    SharedCircuit(boxes[0], boxes[1:])
    toys = [ToyCar() for _ in boxes]
    found: list[Second] = []
    for turn in turns:
        for toy, behind in zip(toys, turn.cars, strict=True):
            toy.is_plugged, toy.takes_da = behind.is_plugged, behind.takes_da
        for _ in range(turn.seconds):
            for box, toy in zip(boxes, toys, strict=True):
                box.feel(toy.pilot(box.duty))
                toy.draw(box)
            now = Second(turn.base_da, tuple(toy.phase_currents_da(box) for box, toy in zip(boxes, toys, strict=True)))
            found.append(now)
            if len(found) % turn.feed_s == 0:
                boxes[0].measure_mains(now.mains_da)
            for box in boxes:
                box.tick()
    return found


def garage_setup() -> Setup:
    """Return a box of a garage: its circuit is what limits."""
    return replace(SCRIPT_SETUP, regime=Regime.SMART, current_main=50, current_max_circuit=CIRCUIT_A)
