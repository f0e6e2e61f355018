"""The numbers of the dialect that have names, and the words that the firmware says for them.

Source: dingo35/SmartEVSE-3.5, v3.11.1, `src/main_c.h`, `src/main.cpp`, `src/meter.cpp`. Numbers that no list here has are
values too: they stay plain integers.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Mode(IntEnum):
    """`mode_id` of the document and `mode` of a request; `evse.mode` numbers its three by `Regime`."""

    OFF = 0
    NORMAL = 1
    SOLAR = 2
    SMART = 3
    PAUSE = 4


class Regime(IntEnum):
    """`evse.mode`, the mode that is kept while access is off: SMART and SOLAR the other way round than in `Mode`."""

    NORMAL = 0
    SMART = 1
    SOLAR = 2

    @property
    def mode(self) -> Mode:
        """Return it in the numbers of a request."""
        return _MODES[self]


_MODES = {Regime.NORMAL: Mode.NORMAL, Regime.SMART: Mode.SMART, Regime.SOLAR: Mode.SOLAR}
REGIMES: dict[Mode, Regime] = {mode: regime for regime, mode in _MODES.items()}
"""The modes that a regime has; OFF and PAUSE are access."""


class Access(IntEnum):
    """`evse.access`; a bool before 3.8.0, which knew no PAUSE."""

    OFF = 0
    ON = 1
    PAUSE = 2


def mode_of(access: Access, regime: Regime) -> Mode:
    """Return `mode_id`."""
    return {Access.OFF: Mode.OFF, Access.PAUSE: Mode.PAUSE}.get(access, regime.mode)


class State(IntEnum):
    """`evse.state_id`."""

    A = 0
    B = 1
    C = 2
    D = 3
    COMM_B = 4
    COMM_B_OK = 5
    COMM_C = 6
    COMM_C_OK = 7
    ACTIVATE = 8
    B1 = 9  #: plugged in, no current offered
    C1 = 10  #: told to stop, waits for the car
    MODEM_REQUEST = 11
    MODEM_WAIT = 12
    MODEM_DONE = 13
    MODEM_DENIED = 14


STATE_TEXTS: dict[State, str] = {
    State.A: "Ready to Charge",
    State.B: "Connected to EV",
    State.C: "Charging",
    State.D: "D",
    State.COMM_B: "Request State B",
    State.COMM_B_OK: "State B OK",
    State.COMM_C: "Request State C",
    State.COMM_C_OK: "State C OK",
    State.ACTIVATE: "Activate",
    State.B1: "Charging Stopped",
    State.C1: "Stop Charging",
    State.MODEM_REQUEST: "Modem Setup",
    State.MODEM_WAIT: "Modem Request",
    State.MODEM_DONE: "Modem Done",
    State.MODEM_DENIED: "Modem Denied",
}

STATE_LETTERS: dict[State, str] = {
    State.A: "A",
    State.B: "B",
    State.C: "C",
    State.D: "D",
    State.COMM_B: "COMM_B",
    State.COMM_B_OK: "COMM_B_OK",
    State.COMM_C: "COMM_C",
    State.COMM_C_OK: "COMM_C_OK",
    State.ACTIVATE: "Activate",
    State.B1: "B1",
    State.C1: "C1",
    State.MODEM_REQUEST: "MODEM_REQ",
    State.MODEM_WAIT: "MODEM_WAIT",
    State.MODEM_DONE: "MODEM_DONE",
    State.MODEM_DENIED: "MODEM_DENIED",
}
"""Topic StateID."""

NO_STATE = 255
NO_STATE_TEXT = "NOSTATE"


class Fault(IntFlag):
    """The error flags inside; the document tells the highest one."""

    NONE = 0
    LESS_6A = 1
    CT_NOCOMM = 2
    TEMP_HIGH = 4
    EV_NOCOMM = 8
    RCM_TRIPPED = 16
    RCM_TEST = 32
    CIRCUIT_NOCOMM = 64
    FLASH = 128


FAULT_TEXTS: tuple[str, ...] = (
    "None",
    "No Power Available",
    "Communication Error",
    "Temperature High",
    "EV Meter Comm Error",
    "RCM Tripped",
    "RCM Test",
    "Test IO",  # of the circuit meter, as the firmware prints it
    "Flash Error",
)
"""By `error_id`."""

OLD_SIXTH_FAULT = "Waiting for Solar"
"""What 6 meant up to 3.7."""


def fault_id(faults: Fault) -> int:
    """Return `error_id`: the place of the highest flag, from 1; 0 = none."""
    return int(faults).bit_length()


def state_text(state: State, faults: Fault) -> str:
    """Return `evse.state`: without power, what is wrong stands behind it."""
    text = STATE_TEXTS[state]
    return f"{text} - {FAULT_TEXTS[fault_id(faults)]}" if faults & Fault.LESS_6A else text


def told_fault(faults: Fault) -> int:
    """Return `evse.error_id`: without power there is no error, for it stands in the state."""
    return 0 if faults & Fault.LESS_6A else fault_id(faults)


class Contactor(IntEnum):
    """`enable_C2`: what the second contactor, which adds L2 and L3, may do."""

    NOT_PRESENT = 0
    ALWAYS_OFF = 1
    SOLAR_OFF = 2
    ALWAYS_ON = 3
    AUTO = 4


CONTACTOR_TEXTS: dict[Contactor, str] = {
    Contactor.NOT_PRESENT: "Not present",
    Contactor.ALWAYS_OFF: "Always Off",
    Contactor.SOLAR_OFF: "Solar Off",
    Contactor.ALWAYS_ON: "Always On",
    Contactor.AUTO: "Auto",
}


class Meter(IntEnum):
    """Kinds of meters."""

    DISABLED = 0
    SENSORBOX = 1
    PHOENIX_CONTACT = 2
    FINDER_7E = 3
    EASTRON3P = 4
    EASTRON3P_INV = 5
    ABB = 6
    SOLAREDGE = 7
    WAGO = 8
    API = 9
    EASTRON1P = 10
    FINDER_7M = 11
    SINOTIMER = 12
    HOMEWIZARD = 13
    SCHNEIDER = 14
    CHINT3P = 15
    CARLO_GAVAZZI = 16
    CHINT1P = 17
    UNUSED = 18
    CUSTOM = 19


METER_TEXTS: dict[Meter, str] = dict(
    zip(
        Meter,
        (
            "Disabled",
            "Sensorbox",
            "Phoenix C",
            "Finder 7E",
            "Eastron3P",
            "InvEastrn",
            "ABB",
            "SolarEdge",
            "WAGO",
            "API",
            "Eastron1P",
            "Finder 7M",
            "Sinotimer",
            "Homewizrd",
            "Schneider",
            "Chint 3P",
            "C.Gavazzi",
            "Chint 1P",
            "Unused 4",
            "Custom",
        ),
        strict=True,
    )
)


class Capacity(IntEnum):
    """`capacity_mode`, since 3.11.0: where the limit of the sum comes from."""

    DISABLED = 0
    FIXED = 1
    INTERVAL = 2
    FLANDERS = 3


REGIME_TOPIC_TEXTS: dict[Mode, str] = {mode: mode.name.capitalize() for mode in Mode}
"""What topic Mode says and `Set/Mode` takes, letter by letter."""

ACCESS_TOPIC_TEXTS: dict[Access, str] = {Access.OFF: "Deny", Access.ON: "Allow", Access.PAUSE: "Pause"}

RFID_READERS: tuple[str, ...] = ("Disabled", "EnableAll", "EnableOne", "Learn", "Delete", "DeleteAll", "Rmt/OCPP")
"""`evse.rfidreader`, by number."""

NO_RFID = "Not Installed"
