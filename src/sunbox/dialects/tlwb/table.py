"""TeslaLogger's proposed wallbox API (tlwb) as rows: endpoints, their parameters, and the fields of the one answer.

Source: TeslaLogger issue 1014 (the proposal; it was never built there). Fields and parameters of the proposal keep its
names, units and ranges; what sunbox adds is marked `is_addition`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from sunbox.core.model import Mode


class Status(IntEnum):
    """The number `status` of the answer."""

    NOT_READY = 0
    READY = 1
    READY_PV = 2
    CHARGING = 3
    STOPPED = 4
    INTERRUPTED = 5


class ParameterType(StrEnum):
    """What a parameter is on the wire."""

    INT = "integer"
    WORD = "word"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One value that a client may send. INT has `low` and `high`, WORD has `words`."""

    name: str
    type: ParameterType = ParameterType.INT
    low: int = 0
    high: int = 0
    words: tuple[str, ...] = ()
    unit: str = ""
    help: str
    is_addition: bool = False

    @property
    def allowed(self) -> str:
        """Return what a client may send, in words."""
        if self.type is ParameterType.WORD:
            return f"{self.name}: one of {', '.join(self.words)}"
        return f"{self.name}: an integer from {self.low} to {self.high}"


CONTROL = Parameter(name="control", low=0, high=1, help="1 starts charging, 0 stops it; the mode stays as it is")
SET_AMPS = Parameter(name="set_amps", low=3, high=32, unit="A", help="current per phase")
SET_SOC = Parameter(
    name="set_soc",
    low=1,
    high=100,
    unit="%",
    help="state of charge to reach; below 50 the car gets 50 as a safety net and sunbox stops it earlier",
)
SET_MODE = Parameter(
    name="set_mode",
    type=ParameterType.WORD,
    words=tuple(mode.value for mode in Mode),
    help="what sunbox does by itself; lifts an earlier start or stop",
    is_addition=True,
)
WAIT = Parameter(
    name="wait",
    low=0,
    high=120,
    unit="s",
    help="answer only when the wish is applied or refused, at the latest after this time",
    is_addition=True,
)

PARAMETERS: tuple[Parameter, ...] = (CONTROL, SET_AMPS, SET_SOC, SET_MODE, WAIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One path below `/tlwb/{carID}`.

    `value` is the one value it needs: bare (`?16`) or as one item whose key is ignored (`?amps=16`). `named` are the
    parameters it takes by name. Every endpoint takes `wait` as well.
    """

    action: str  #: what follows the car in the path; empty for the car itself
    value: Parameter | None = None
    named: tuple[Parameter, ...] = ()
    example: str
    help: str
    is_addition: bool = False

    @property
    def allowed(self) -> str:
        """Return what a client may send, in words."""
        taken = (*((self.value,) if self.value else ()), *self.named, WAIT)
        return "; ".join(parameter.allowed for parameter in taken)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(action="status", example="/tlwb/1/status", help="how the car is; changes nothing and contacts nobody"),
    Endpoint(action="control", value=CONTROL, example="/tlwb/1/control?1", help="start (1) or stop (0)"),
    Endpoint(action="set_amps", value=SET_AMPS, example="/tlwb/1/set_amps?16", help="set the current"),
    Endpoint(action="set_soc", value=SET_SOC, example="/tlwb/1/set_soc?55", help="set the target"),
    Endpoint(
        action="set_mode",
        value=SET_MODE,
        example="/tlwb/1/set_mode?pv",
        help="set the mode and lift an earlier start or stop",
        is_addition=True,
    ),
    Endpoint(
        action="",
        named=(CONTROL, SET_AMPS, SET_SOC),
        example="/tlwb/1?control=1&set_amps=16&set_soc=55",
        help="all at once; without a parameter the same as status",
    ),
)

BY_ACTION: dict[str, Endpoint] = {row.action: row for row in ENDPOINTS}

METHODS: tuple[str, ...] = ("GET", "POST")


class FieldType(StrEnum):
    """JSON type of a field of the answer."""

    INT = "integer"
    NUMBER = "number"
    BOOL = "true or false"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the answer. All fields are always present."""

    name: str
    type: FieldType
    unit: str = ""
    range: str = ""
    source: str  #: Tesla's name, or what it is made of
    help: str
    nullable: bool = False  #: null while it was never known
    is_addition: bool = False


_I, _N, _B, _T = FieldType.INT, FieldType.NUMBER, FieldType.BOOL, FieldType.TEXT

FIELDS: tuple[Field, ...] = (
    Field(name="status", type=_I, range="0–5", source="the table below", help="what the wallbox does"),
    Field(name="soc", type=_I, unit="%", range="0–100", source="battery_level", help="state of charge", nullable=True),
    Field(
        name="targetsoc",
        type=_I,
        unit="%",
        range="1–100",
        source="the wish, else charge_limit_soc",
        help="state of charge to reach",
        nullable=True,
    ),
    Field(
        name="targetamp",
        type=_I,
        unit="A",
        range="3–32 if asked for",
        source="the wish, else charge_current_request",
        help="current that was asked for",
        nullable=True,
    ),
    Field(
        name="maxamp",
        type=_I,
        unit="A",
        source="charger_pilot_current if plugged and > 0, else charge_current_request_max",
        help="most that can be had now",
        nullable=True,
    ),
    Field(
        name="amps",
        type=_N,
        unit="A",
        source="charger_actual_current",
        help="current per phase that flows",
        nullable=True,
    ),
    Field(name="volts", type=_I, unit="V", source="charger_voltage", help="phase to neutral", nullable=True),
    Field(name="power", type=_I, unit="W", source="phases × volts × amps", help="power into the car", nullable=True),
    Field(name="phases", type=_I, range="0–3", source="charger_phases", help="phases that carry current; 0 when idle"),
    Field(
        name="energy",
        type=_N,
        unit="kWh",
        source="charge_energy_added",
        help="energy added since charging began",
        nullable=True,
    ),
    Field(
        name="control",
        type=_I,
        range="0–1",
        source="mode, start and stop, target",
        help="1 if charging is wished at present",
        is_addition=True,
    ),
    Field(
        name="mode",
        type=_T,
        range=", ".join(SET_MODE.words),
        source="set_mode",
        help="what sunbox does by itself",
        is_addition=True,
    ),
    Field(
        name="pv",
        type=_B,
        source="the place's tag pv (in the geofence file: +tlwb)",
        help="true if charging from the sun is possible at this place",
        is_addition=True,
    ),
    Field(
        name="pending",
        type=_T,
        range="waking, starting, stopping, setting_amps, setting_limit",
        source="the command under way",
        help="what is being done now; null if nothing",
        nullable=True,
        is_addition=True,
    ),
    Field(
        name="asleep",
        type=_B,
        source="the free state call",
        help="true if the car sleeps; null without a car",
        nullable=True,
        is_addition=True,
    ),
    Field(
        name="age",
        type=_I,
        unit="s",
        source="timestamp",
        help="time since the car was read",
        nullable=True,
        is_addition=True,
    ),
    Field(name="reason", type=_T, source="the decision", help="why, in one line", is_addition=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """One way in which a request is turned down. Nothing of such a request is applied."""

    code: int
    help: str


ERRORS: tuple[ErrorRow, ...] = (
    ErrorRow(code=400, help="a bad, missing, repeated or unknown parameter"),
    ErrorRow(code=403, help="a web page of another site tried to change something"),
    ErrorRow(code=404, help="an unknown car or path"),
    ErrorRow(code=405, help="another method than GET and POST"),
    ErrorRow(code=500, help="a fault of sunbox; its log has the details"),
)
