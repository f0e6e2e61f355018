"""All that a box knows, as frozen values: its settings, who it is, what stands behind it, and what is to be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo

from sunbox.dialects.smartevse.pilot import NO_OFFER
from sunbox.dialects.smartevse.table import Json
from sunbox.dialects.smartevse.words import (
    NO_RFID,
    Access,
    Capacity,
    Contactor,
    Fault,
    Meter,
    Mode,
    Regime,
    State,
    mode_of,
)

LOAD_ALONE, LOAD_MASTER = 0, 1
MOST_BOXES = 8
"""A master and seven nodes."""
MAINS_LASTS_S, CIRCUIT_LASTS_S, EV_METER_LASTS_S, BATTERY_LASTS_S = 11, 20, 64, 60
"""How long what a meter said counts."""
MOST_MAINS_DA = 2000
"""What the device itself believes of a mains' meter."""
MOST_DA = 800
"""No more is offered, whatever is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The settings that its law obeys. A plain number is in A, `_da` in tenths of it. Defaults: of the firmware."""

    access: Access = Access.OFF
    regime: Regime = Regime.NORMAL
    current_min: int = 6
    current_max: int = 13
    current_main: int = 25
    current_max_circuit: int = 16
    current_max_sum_mains: int = 0  #: of all phases; 0 = no limit
    max_sum_mains_time: int = 0  #: min that it may be exceeded; 0 = not at all
    solar_start_current: int = 4  #: export of all phases above which it starts
    solar_max_import: int = 0  #: import of all phases that charging may cause
    solar_stop_time: int = 10  #: min; 0 = never stops
    override_da: int = 0  #: 0 = none; forgotten at boot
    contactor: Contactor = Contactor.ALWAYS_ON
    temp_max: int = 65  #: °C
    loadbl: int = LOAD_ALONE
    mains_meter: Meter = Meter.DISABLED
    ev_meter: Meter = Meter.DISABLED
    circuit_meter: Meter = Meter.DISABLED
    cable_a: int | None = None  #: limit of the cable in a socket; None = the cable is fixed
    capacity: Capacity = Capacity.DISABLED
    is_grid_relay_open: bool = False  #: the grid operator limits the sum

    @property
    def mode(self) -> Mode:
        """Return `mode_id`."""
        return mode_of(self.access, self.regime)

    @property
    def is_node(self) -> bool:
        """Return whether another box decides for it."""
        return self.loadbl > LOAD_MASTER

    @property
    def is_master(self) -> bool:
        """Return whether it decides for others."""
        return self.loadbl == LOAD_MASTER

    @property
    def counts_circuit(self) -> bool:
        """Return whether the limit of the circuit holds."""
        if self.is_master:
            return True
        return self.loadbl == LOAD_ALONE and bool(self.circuit_meter) and self.regime is not Regime.NORMAL

    def without_battery(self, irms_da: tuple[int, int, int], battery_da: int) -> tuple[int, int, int]:
        """Return the currents of the mains without what charges a battery, which counts in the sun only."""
        if self.regime is not Regime.SOLAR:
            return irms_da
        one, two, three = irms_da
        if self.contactor is Contactor.ALWAYS_OFF:
            return one - battery_da, two, three
        third_da = battery_da // 3 if battery_da >= 0 else -(-battery_da // 3)
        return one - third_da, two - third_da, three - third_da

    def takes(self, regime: Regime) -> bool:
        """Return whether it can be switched to: without a meter of the mains there is nothing to regulate by."""
        return self.is_node or self.mains_meter is not Meter.DISABLED or regime is Regime.NORMAL

    def stops_for(self, regime: Regime, phases: int) -> bool:
        """Return whether a car must stop for a switch to a regime, because the phases change with it."""
        crosses = (self.regime is Regime.SOLAR) != (regime is Regime.SOLAR)
        if self.contactor is Contactor.SOLAR_OFF:
            return crosses
        return self.contactor is Contactor.AUTO and crosses and self.regime is Regime.SOLAR and phases == 1

    def switched_to(self, regime: Regime, *, is_delayed: bool) -> Setup:
        """Return the settings after a switch to a regime, which switches on as well, or off until a start time."""
        if not self.takes(regime):
            return self
        override_da = 0 if regime is Regime.SOLAR else self.override_da
        access = Access.OFF if is_delayed else Access.ON
        return replace(self, access=access, regime=regime, override_da=override_da)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the box says that it is."""

    serial: int = 1234
    ssid: str = "net"
    rssi_dbm: int = -60
    bssid: str = "AA:BB:CC:DD:EE:FF"
    ev_address: int = 12

    def __post_init__(self) -> None:
        if not 0 <= self.serial <= 999_999:
            raise ValueError(f"SmartEVSE serial {self.serial}: allowed are 0 to 999999")

    @property
    def host(self) -> str:
        """Return its name in the network."""
        return f"SmartEVSE-{self.serial}"


ZERO = (0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What stands behind a box at one instant: the seam between the document and a box's law, or a loadpoint."""

    is_plugged: bool = False
    state: State = State.A
    faults: Fault = Fault.NONE
    duty: int = NO_OFFER
    charge_da: int = 0
    solar_stop_s: int = 0
    phases: int = 3
    temp_c: int = 25
    mains_da: tuple[int, int, int] = ZERO  #: without what charges the home battery
    told_mains_da: tuple[int, int, int] = ZERO
    mains_at: datetime | None = None
    circuit_da: tuple[int, int, int] = ZERO
    battery_da: int = 0  #: + = it charges
    battery_at: datetime | None = None
    ev_da: tuple[int, int, int] = ZERO
    ev_power_w: int = 0
    ev_total_wh: int = 0
    ev_charged_wh: int = 0  #: since plug-in
    ev_exported_wh: int = 0
    mains_imported_wh: int = 0
    mains_exported_wh: int = 0

    @property
    def ev_imported_wh(self) -> int:
        """Return what went into cars; of it comes off what came out of them."""
        return self.ev_total_wh + self.ev_exported_wh


# --- what a request asks for -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SwitchTo:
    """Charge by a regime, at once or when the start time has come."""

    regime: Regime
    is_delayed: bool = False


@dataclass(frozen=True, slots=True)
class SetAccess:
    """Switch on, off or to pause."""

    access: Access


@dataclass(frozen=True, slots=True)
class Configure:
    """Settings without an effect of their own."""

    changes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TellMains:
    """The currents of the mains, 0.1 A."""

    currents_da: tuple[int, int, int]
    are_numbers: bool = True  #: False = one was told as a word, which the device takes for 0


@dataclass(frozen=True, slots=True)
class TellBattery:
    """The current of the home battery, 0.1 A, + = it charges."""

    current_da: int
    is_number: bool = True  #: False = it was told as a word, which the device takes for 0


@dataclass(frozen=True, slots=True)
class TellCircuit:
    """The currents of the circuit, 0.1 A."""

    currents_da: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TellEv:
    """What the meter of the car says; None = nothing about it."""

    currents_da: tuple[int, int, int] | None = None
    power_w: int | None = None
    imported_wh: int | None = None
    exported_wh: int | None = None
    are_numbers: bool = True  #: False = a current was told as a word, which the device takes for 0


@dataclass(frozen=True, slots=True)
class SetDuty:
    """Take the pilot out of the law's hands; None gives it back, 0 switches it off."""

    duty: int | None


@dataclass(frozen=True, slots=True)
class Reboot:
    """Begin anew, once no car charges."""


Order = SwitchTo | SetAccess | Configure | TellMains | TellBattery | TellCircuit | TellEv | SetDuty | Reboot
"""What stands behind the box has to do, in this order."""


# --- the box ---------------------------------------------------------------------------------------------------------

Color = tuple[int, int, int]

COLORS: Mapping[str, Color] = {
    "off": (0, 0, 0),
    "normal": (0, 255, 0),
    "smart": (0, 255, 0),
    "solar": (255, 170, 0),
    "custom": (0, 0, 255),
}
"""As they are delivered: custom is the blue of the firmware."""

QUARTERS = 96
"""Powers of a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxState:
    """A box at one instant."""

    at: datetime
    booted_at: datetime
    zone: tzinfo = UTC  #: whose clock start and stop are told by
    setup: Setup = field(default_factory=Setup)
    behind: Behind = field(default_factory=Behind)
    start_at: datetime | None = None
    stop_at: datetime | None = None
    repeats: bool = False
    lit_until: datetime | None = None
    colors: Mapping[str, Color] = field(default_factory=lambda: dict(COLORS))
    is_custom: bool = False
    is_lcd_locked: bool = False
    is_cable_locked: bool = False
    intervals: tuple[tuple[int, int], ...] = ()  #: (min of the day, W)
    mqtt: Mapping[str, Json] = field(default_factory=dict)
    mqtt_password: str = field(default="", repr=False)
    has_mqtt_ca: bool = False
    ocpp: Mapping[str, Json] = field(default_factory=dict)
    duty: int | None = None  #: the pilot in somebody's hands
    rfid_reader: int = 0
    rfid: str = NO_RFID
    rfid_read: str = ""
    powers_w: tuple[int, ...] = (0,) * QUARTERS  #: per quarter of an hour, oldest first


def first_state(at: datetime, setup: Setup | None = None, *, zone: tzinfo = UTC) -> BoxState:
    """Return a box as it comes out of its carton, or with some settings."""
    return BoxState(at=at, booted_at=at, zone=zone, setup=setup or Setup())


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a request does: the state after it, what it is answered, and what is to be done behind the box."""

    state: BoxState
    reply: Json = None  #: None is `null`
    orders: tuple[Order, ...] = ()
