"""The numbers of the dialect that have names. Numbers that no list here has are values too: they stay plain integers."""

from __future__ import annotations

from enum import IntEnum


class Car(IntEnum):
    """Key `car`."""

    UNKNOWN = 0
    IDLE = 1  #: no car is plugged in
    CHARGING = 2
    WAIT_CAR = 3  #: plugged in, waits for somebody or something
    COMPLETE = 4  #: has charged and is still plugged in; also after a pause
    ERROR = 5
    INITIALIZING = 6  #: firmware 60.4 and later


class Force(IntEnum):
    """Key `frc`."""

    NEUTRAL = 0  #: scheduler, prices, surplus and trip decide
    OFF = 1
    ON = 2


class Logic(IntEnum):
    """Key `lmo`."""

    BASIC = 3
    ECO = 4  #: prices and PV surplus
    TRIP = 5  #: a certain energy until a certain time


class PhaseMode(IntEnum):
    """Key `psm`. Firmware 051 knows no AUTO."""

    AUTO = 0
    ONE = 1
    THREE = 2


class Access(IntEnum):
    """Key `acs`."""

    OPEN = 0
    WAIT = 1  #: charges only within a transaction (`trx`)
    EVCMS = 2


class ButtonLock(IntEnum):
    """Keys `bac` and `sdp` since 055; before, true was NEVER and false ALWAYS."""

    ALWAYS = 0
    CAR_CONNECTED = 1
    CAR_CHARGING = 2
    NEVER = 3


class ModelStatus(IntEnum):
    """Key `modelStatus`: why it charges or not. 21 and 25 are not assigned; newer firmware has numbers that nobody documents."""

    NO_CHARGE_CONTROLLER = 0
    OVERTEMPERATURE = 1
    ACCESS_CONTROL = 2
    FORCED_ON = 3
    FORCED_OFF = 4
    SCHEDULER = 5
    ENERGY_LIMIT = 6
    PRICE_LOW = 7
    TRIP_TEST_CHARGE = 8
    TRIP_NOT_ENOUGH_TIME = 9
    TRIP = 10
    TRIP_NO_CLOCK = 11
    PV_SURPLUS = 12
    FALLBACK_V2_DEFAULT = 13
    FALLBACK_V2_SCHEDULER = 14
    FALLBACK_DEFAULT = 15
    FALLBACK_V2_PRICE = 16
    FALLBACK_PRICE = 17
    TRIP_DONE = 18
    KEEP_ALIVE = 19
    PAUSE_NOT_ALLOWED = 20
    SIMULATED_UNPLUG = 22
    PHASE_SWITCH = 23
    MIN_PAUSE = 24
    ERROR = 26
    LOAD_MANAGEMENT = 27
    OCPP = 28
    RECONNECT_DELAY = 29
    ADAPTER_BLOCKING = 30
    UNDERFREQUENCY = 31
    UNBALANCED_LOAD = 32
    DISCHARGING_BATTERY = 33
    GRID_MONITORING = 34
    OCPP_FALLBACK = 35
    FLOOR = 36
    OCPP_INOPERABLE = 37
    UNDERVOLTAGE = 38
    ZERO_SETPOINT = 39
    INITIALIZING = 40
    FAILSAFE_LIMIT = 41


CHARGING_STATUSES = frozenset(
    {
        ModelStatus.FORCED_ON,
        ModelStatus.PRICE_LOW,
        ModelStatus.TRIP_TEST_CHARGE,
        ModelStatus.TRIP_NOT_ENOUGH_TIME,
        ModelStatus.TRIP,
        ModelStatus.TRIP_NO_CLOCK,
        ModelStatus.PV_SURPLUS,
        ModelStatus.FALLBACK_V2_DEFAULT,
        ModelStatus.FALLBACK_V2_SCHEDULER,
        ModelStatus.FALLBACK_DEFAULT,
        ModelStatus.KEEP_ALIVE,
        ModelStatus.PAUSE_NOT_ALLOWED,
        ModelStatus.DISCHARGING_BATTERY,
    }
)
"""Those that allow charging; with any other it waits."""

WIDELY_KNOWN_STATUSES = frozenset(ModelStatus(number) for number in (*range(21), 22, 23, 24))
"""What clients with a closed list know (`goe` 0.3.2); a face says nothing else."""


class Fault(IntEnum):
    """Key `err`, with one number per meaning: two lists are in use, which agree up to 10 (see `FAULTS_*`)."""

    NONE = 0
    FI_AC = 1
    FI_DC = 2
    PHASE = 3
    OVERVOLTAGE = 4
    OVERCURRENT = 5
    DIODE = 6
    PP_INVALID = 7
    GROUND_INVALID = 8
    CONTACTOR_STUCK = 9
    CONTACTOR_MISSING = 10
    FI_UNKNOWN = 11
    UNKNOWN = 12
    OVERTEMPERATURE = 13
    NO_COMMUNICATION = 14
    LOCK_STUCK_OPEN = 15
    LOCK_STUCK_LOCKED = 16
    CP_INVALID = 18
    RDC_SELF_TEST = 23


_COMMON_FAULTS = {number: Fault(number) for number in range(11)}

FAULTS_UNTIL_58: dict[int, Fault] = {
    **_COMMON_FAULTS,
    11: Fault.FI_UNKNOWN,
    12: Fault.UNKNOWN,
    13: Fault.OVERTEMPERATURE,
    14: Fault.NO_COMMUNICATION,
    15: Fault.LOCK_STUCK_OPEN,
    16: Fault.LOCK_STUCK_LOCKED,
}
"""`err` as the key table of the manufacturer has it (apikeys-en); 20 to 24 are reserved."""

FAULTS_SINCE_59: dict[int, Fault] = {
    **_COMMON_FAULTS,
    12: Fault.LOCK_STUCK_OPEN,
    13: Fault.LOCK_STUCK_LOCKED,
    14: Fault.FI_UNKNOWN,
    15: Fault.UNKNOWN,
    16: Fault.OVERTEMPERATURE,
    17: Fault.NO_COMMUNICATION,
    18: Fault.CP_INVALID,
    23: Fault.RDC_SELF_TEST,
}
"""`err` as the exports of firmware 59.4 and 60.x have it."""
