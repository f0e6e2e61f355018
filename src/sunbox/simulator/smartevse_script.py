"""A simulated SmartEVSE by a script: steps in virtual time with a toy house and car, and one row of what is true a second.

A step is a JSON object; each key is optional and holds until a later step changes it. What a row has is what the golden
traces of the firmware's own functions have.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sunbox.dialects.smartevse.state import Setup
from sunbox.dialects.smartevse.words import (
    CONTACTOR_TEXTS,
    METER_TEXTS,
    REGIMES,
    STATE_LETTERS,
    Access,
    Meter,
    Mode,
    Regime,
)
from sunbox.errors import ConfigError
from sunbox.simulator.smartevse_car import ToyCar
from sunbox.simulator.smartevse_charger import SmartEvse

SCRIPT_SETUP = Setup(mains_meter=Meter.API, current_max=16, access=Access.ON)
"""The box that a script begins with: on, in NORMAL, fed by hand; everything else as the firmware comes."""

BATTERY_EVERY_S = 5
"""How often a home battery's current is told."""
MOST_SECONDS = 10_000_000
MOST_FEED_S = 3600
MOST_DA = 32_767


class ScriptError(ConfigError):
    """A script is wrong; every mistake names its step, key, value and what is allowed."""


class _Wrong(Exception):  # noqa: N818 - caught within this file, never seen
    """What is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What holds for some seconds. None = as before."""

    seconds: int = 0
    base_da: tuple[int, int, int] = (0, 0, 0)
    feed_s: int | None = 2
    settings: Mapping[str, int] = field(default_factory=dict)  #: fields of `Setup` that change now
    mode: Mode | None = None  #: that is switched to now
    plugged: bool = True
    temp_c: int = 25
    battery_da: int | None = None
    ev_full: bool = False


# --- reading a script ------------------------------------------------------------------------------------------------


def _integer(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise _Wrong(f"allowed are whole numbers from {low} to {high}")

    return read


def _integer_or(zero: int, low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if value == zero and not isinstance(value, bool):
            return zero
        try:
            return _integer(low, high)(value)
        except _Wrong as wrong:
            raise _Wrong(f"{wrong}, and {zero}") from None

    return read


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _Wrong("allowed are true and false")


def _or_null(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read_or_null(value: Any) -> Any:
        try:
            return None if value is None else read(value)
        except _Wrong as wrong:
            raise _Wrong(f"{wrong}, and null") from None

    return read_or_null


def _word(texts: Mapping[Any, str]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        for number, text in texts.items():
            if value == text or (value == int(number) and not isinstance(value, bool)):
                return number
        raise _Wrong("allowed are " + ", ".join(f"{int(number)} ({text})" for number, text in texts.items()))

    return read


def _phases(value: Any) -> tuple[int, int, int]:
    if isinstance(value, list) and len(value) == 3:
        read = _integer(-MOST_DA, MOST_DA)
        one, two, three = (read(each) for each in value)
        return one, two, three
    raise _Wrong(f"allowed are three whole numbers from {-MOST_DA} to {MOST_DA}, 0.1 A, one per phase")


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise _Wrong(f"allowed is an object with some of: {', '.join(SETTINGS)}")


KEYS: Mapping[str, Callable[[Any], Any]] = {
    "seconds": _integer(0, MOST_SECONDS),
    "base_da": _phases,
    "feed_s": _or_null(_integer(1, MOST_FEED_S)),
    "settings": _object,
    "mode": _word({mode: mode.name for mode in Mode}),
    "plugged": _flag,
    "temp_c": _integer(-50, 125),
    "battery_da": _or_null(_integer(-MOST_DA, MOST_DA)),
    "ev_full": _flag,
}
"""The keys of a step."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting of a script: the field of the box it is, and how it is read."""

    field: str
    read: Callable[[Any], int]


_MINUTES = _integer(0, 60)
_AMPS = _integer(0, 48)

SETTINGS: Mapping[str, SettingRow] = {
    "current_min": SettingRow("current_min", _integer(6, 16)),
    "current_max": SettingRow("current_max", _integer(6, 80)),
    "current_main": SettingRow("current_main", _integer(10, 200)),
    "current_max_circuit": SettingRow("current_max_circuit", _integer(10, 160)),
    "current_max_sum_mains": SettingRow("current_max_sum_mains", _integer_or(0, 10, 600)),
    "max_sum_mains_timer": SettingRow("max_sum_mains_time", _MINUTES),
    "max_sum_mains_time": SettingRow("max_sum_mains_time", _MINUTES),
    "solar_start_current": SettingRow("solar_start_current", _AMPS),
    "solar_max_import": SettingRow("solar_max_import", _AMPS),
    "stop_timer": SettingRow("solar_stop_time", _MINUTES),
    "solar_stop_time": SettingRow("solar_stop_time", _MINUTES),
    "enable_C2": SettingRow("contactor", _word(CONTACTOR_TEXTS)),
    "override_current": SettingRow("override_da", _integer_or(0, 60, 800)),
    "disable_override_current": SettingRow("override_da", lambda _: 0),
    "temp_max": SettingRow("temp_max", _integer(40, 75)),
    "mains_meter": SettingRow("mains_meter", _word(METER_TEXTS)),
}
"""Settings by their names in a request or in the document. A is their unit, `override_current` has 0.1 A."""


def steps_from_text(text: str) -> tuple[Step, ...]:
    """Return the steps of a script.

    Raises:
        ScriptError: it is wrong, with all mistakes at once.
    """
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScriptError([f"the script is no JSON: {error}"]) from None
    if not isinstance(told, list) or not told:
        raise ScriptError([f"the script is {_shown(told)}: allowed is a list of at least one step, [{{…}}, {{…}}]"])
    problems: list[str] = []
    steps: list[Step] = []
    now, limits = Step(), SCRIPT_SETUP
    for number, each in enumerate(told, start=1):
        if not isinstance(each, dict):
            problems.append(f"step {number} is {_shown(each)}: allowed is an object with some of: {', '.join(KEYS)}")
            continue
        now, limits = _step(number, each, now, limits, problems)
        steps.append(now)
    if problems:
        raise ScriptError(problems)
    return tuple(steps)


def _step(number: int, told: dict[str, Any], before: Step, limits: Setup, problems: list[str]) -> tuple[Step, Setup]:
    changes = _read(f"step {number}", told, KEYS, problems)
    rows = {name: row.read for name, row in SETTINGS.items()}
    settings = _read(f"step {number}, settings", changes.pop("settings", {}), rows, problems)
    changed = {SETTINGS[name].field: value for name, value in settings.items()}
    limits = replace(limits, **changed)
    least_da, most_da = limits.current_min * 10, limits.current_max * 10
    if changed.get("override_da") and not least_da <= limits.override_da <= most_da:
        problems.append(
            f"step {number}, settings, key 'override_current', value {limits.override_da}: allowed are whole numbers "
            f"from {least_da} to {most_da} (current_min and current_max in 0.1 A), and 0"
        )
    return replace(before, **{"mode": None, **changes}, settings=changed), limits


def _read(
    where: str, told: dict[str, Any], rows: Mapping[str, Callable[[Any], Any]], problems: list[str]
) -> dict[str, Any]:
    """Return what each key of an object says; what is wrong is added to the problems."""
    found: dict[str, Any] = {}
    for name, value in told.items():
        if name not in rows:
            problems.append(f"{where}, key {name!r}, value {_shown(value)}: allowed keys are {', '.join(rows)}")
            continue
        try:
            found[name] = rows[name](value)
        except _Wrong as wrong:
            problems.append(f"{where}, key {name!r}, value {_shown(value)}: {wrong}")
    return found


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:60] + "…"


# --- running it ------------------------------------------------------------------------------------------------------


def run_script(steps: Sequence[Step]) -> Iterator[dict[str, Any]]:
    """Yield one row per second of the steps."""
    box, car = SmartEvse(SCRIPT_SETUP), ToyCar()
    at_s = 0
    for step in steps:
        _begin(step, box, car)
        for _ in range(step.seconds):
            # the battery is told at its own pace, which begins with the script
            if step.battery_da is not None and at_s % BATTERY_EVERY_S == 0:
                box.measure_battery(step.battery_da)
            at_s += 1
            yield _second(at_s, step, box, car)


def _begin(step: Step, box: SmartEvse, car: ToyCar) -> None:
    """Tell box and car what the step changes, in the order of a request: limits, mode, all else."""
    override_da = step.settings.get("override_da")
    box.change(**{name: value for name, value in step.settings.items() if name != "override_da"})
    if step.mode is not None and step.mode is not box.setup.mode:
        if step.mode in REGIMES:
            box.set_regime(REGIMES[step.mode])
        else:
            box.set_access(Access.PAUSE if step.mode is Mode.PAUSE else Access.OFF)
    if override_da is not None and box.setup.regime is not Regime.SOLAR:
        box.change(override_da=override_da)
    box.temp_c, car.is_plugged, car.is_full = step.temp_c, step.plugged, step.ev_full


def _second(at_s: int, step: Step, box: SmartEvse, car: ToyCar) -> dict[str, Any]:
    box.feel(car.pilot(box.duty))
    car.draw(box)
    currents_da = car.phase_currents_da(box)
    one, two, three = (base_da + car_da for base_da, car_da in zip(step.base_da, currents_da, strict=True))
    phases = box.phases
    is_fed = step.feed_s is not None and at_s % step.feed_s == 0
    if is_fed and box.setup.mains_meter is not Meter.DISABLED:
        box.measure_mains((one, two, three))
    box.tick()
    law = box.law
    return {
        "t": at_s,
        "mains": [one, two, three],
        "ev_plugged": int(car.is_plugged),
        "ev_phases": phases,
        "ev_amps": car.current_da / 10,
        "mode": int(box.setup.regime),
        "access": int(box.setup.access),
        "state": STATE_LETTERS[box.state],
        "state_id": int(box.state),
        "error_flags": int(box.faults),
        "charge_current": box.charge_da,
        "iset": law.set_point_da,
        "isum": law.sum_da,
        "solar_stop_timer": law.solar_stop_s,
        "max_sum_timer": law.max_sum_s,
        "charge_delay": box.charge_delay_s,
        "no_current": law.short,
        "nr_phases": law.phases,
        "c1": int(box.is_closed[0]),
        "c2": int(box.is_closed[1]),
        "pwm": box.duty,
    }
