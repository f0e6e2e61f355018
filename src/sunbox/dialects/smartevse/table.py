"""`GET /settings` as rows: every key that any firmware from 3.5 on says, in its order, with type, unit and versions.

Source: the `doc[...]` lines of every tag of dingo35/SmartEVSE-3.5 and of SmartEVSE/SmartEVSE-3, and recorded documents.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = Any
"""None, bool, int, float, str, or lists and dicts of them."""

Version = tuple[int, int, int]

_VERSION = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,4}))?", re.IGNORECASE)


def version_from_wire(text: object) -> Version | None:
    """Return the number that `version` tells; None for what people built themselves, which tells a time."""
    found = _VERSION.match(text) if isinstance(text, str) else None
    return None if found is None else (int(found[1]), int(found[2]), int(found[3] or 0))


class Kind(StrEnum):
    """JSON type of a key."""

    TEXT = "string"
    INT = "integer"
    NUMBER = "number"
    BOOL = "bool"
    ARRAY = "array"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One key. The same path may have several rows, of different firmware."""

    path: str  #: with points
    kind: Kind
    help: str
    unit: str = ""
    since: Version = (0, 0, 0)
    until: Version | None = None  #: the last firmware that has it
    optional: str = ""  #: when it is there, if not always
    words: tuple[str, ...] = ()

    def is_known_to(self, version: Version) -> bool:
        """Return whether that firmware has it."""
        return self.since <= version and (self.until is None or version <= self.until)

    def fits(self, value: Json) -> bool:
        """Return whether a value has the row's type."""
        return FITS[self.kind](value)


_BEYOND = 2**63
"""No number of a device is as large; one that is none (NaN) is not below it either."""

FITS: Mapping[Kind, Callable[[Json], bool]] = {
    Kind.TEXT: lambda value: isinstance(value, str),
    Kind.INT: lambda value: isinstance(value, int) and not isinstance(value, bool) and abs(value) < _BEYOND,
    Kind.NUMBER: lambda value: isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _BEYOND,
    Kind.BOOL: lambda value: isinstance(value, bool),
    Kind.ARRAY: lambda value: isinstance(value, list),
}

_T, _I, _N, _B = Kind.TEXT, Kind.INT, Kind.NUMBER, Kind.BOOL
_DA, _A, _MIN, _S = "0.1 A", "A", "min", "s"

V3_5_DEV: Version = (3, 4, 99)
"""What was built on the way to 3.5.0."""
V3_6: Version = (3, 6, 0)
V3_6_9: Version = (3, 6, 9)
V3_6_10: Version = (3, 6, 10)
V3_7: Version = (3, 7, 0)
V3_7_4: Version = (3, 7, 4)
V3_8: Version = (3, 8, 0)
V3_8_5: Version = (3, 8, 5)
V3_9_1: Version = (3, 9, 1)
V3_10: Version = (3, 10, 0)
V3_10_3: Version = (3, 10, 3)
V3_11: Version = (3, 11, 0)
V3_11_1: Version = (3, 11, 1)
BEFORE_3_8: Version = (3, 7, 999)
BEFORE_3_10: Version = (3, 9, 999)


def _row(path: str, kind: Kind, help: str, unit: str = "", **more: Any) -> Row:  # noqa: A002 - the field's name
    return Row(path=path, kind=kind, help=help, unit=unit, **more)


def _currents(path: str, help: str, **more: Any) -> tuple[Row, ...]:  # noqa: A002 - the field's name
    return tuple(_row(f"{path}.{name}", _I, help, _DA, **more) for name in ("TOTAL", "L1", "L2", "L3"))


ON_WIFI = "while WiFi is connected"
ON_READER = "with an RFID reader"
ON_MODEM = "builds with a modem"
ON_HOST = "where the meter has one"
ON_CIRCUIT = "with a circuit meter"
ON_OCPP = "builds with OCPP"
ON_ENERGY = "since 3.10.3 only if it is not 0"
ON_ETHERNET = "while it is connected"

TOP: tuple[Row, ...] = (
    _row("version", _T, "firmware, or when it was built"),
    _row("serialnr", _I, "serial number", since=V3_6),
    _row("mode", _T, "what it is set to", words=("OFF", "NORMAL", "SOLAR", "SMART", "PAUSE", "N/A")),
    _row("mode_id", _I, "the same as a number: 0 OFF, 1 NORMAL, 2 SOLAR, 3 SMART, 4 PAUSE, -1 N/A"),
    _row("car_connected", _B, "a car is plugged in, whatever the state says"),
    _row("wifi.status", _T, "WL_CONNECTED, …"),
    _row("wifi.ssid", _T, "name of the network", optional=ON_WIFI),
    _row("wifi.rssi", _I, "signal", "dBm", optional=ON_WIFI),
    _row("wifi.bssid", _T, "access point", optional=ON_WIFI),
    _row("eth.present", _B, "has Ethernet", since=V3_10_3),
    _row("eth.connected", _B, "has a link", since=V3_10_3),
    _row("eth.has_ip", _B, "has an address", since=V3_10_3),
    _row("eth.ip", _T, "its address", since=V3_10_3, optional=ON_ETHERNET),
    _row("eth.mac", _T, "its hardware's address", since=V3_10_3, optional=ON_ETHERNET),
)

EVSE: tuple[Row, ...] = (
    _row("evse.temp", _I, "temperature inside", "°C"),
    _row("evse.temp_max", _I, "limit of it", "°C"),
    _row("evse.connected", _B, "as car_connected"),
    _row("evse.access", _B, "switched on", until=BEFORE_3_8),
    _row("evse.access", _I, "0 off, 1 on, 2 pause", since=V3_8),
    _row("evse.mode", _I, "0 Normal, 1 Smart, 2 Solar: kept while it is off"),
    _row("evse.loadbl", _I, "0 alone, 1 master, 2–8 node"),
    _row("evse.pwm", _I, "pilot, of 1024; 1024 = no offer"),
    _row("evse.custombutton", _B, "the button of the owner", since=V3_7),
    _row("evse.solar_stop_timer", _I, "until it stops for want of sun; 0 = it does not", _S),
    _row("evse.state", _T, "what it does; without power what is wrong stands behind"),
    _row("evse.state_id", _I, "the same as a number"),
    _row("evse.error", _T, "what is wrong"),
    _row("evse.error_id", _I, "the same as a number"),
    _row("evse.rfidreader", _T, "what the reader of cards does", since=V3_8_5),
    _row("evse.nrofphases", _I, "phases", since=V3_9_1),
    _row("evse.rfid", _T, "what was read last, in words"),
    _row("evse.rfid_lastread", _T, "the card that was read last", since=V3_6, optional=ON_READER),
)

SETTINGS: tuple[Row, ...] = (
    _row("settings.charge_current", _I, "offered; keeps its last value while it does not charge", _DA),
    _row("settings.override_current", _I, "asked for; 0 = nothing", _DA),
    _row("settings.current_min", _I, "least per phase", _A),
    _row("settings.current_max", _I, "most per phase", _A),
    _row("settings.current_main", _I, "most at the mains, per phase", _A),
    _row("settings.current_max_circuit", _I, "most on the circuit, per phase", _A, since=V3_5_DEV),
    _row("settings.current_max_sum_mains", _I, "most at the mains, all phases; 0 = no limit, once 600", _A),
    _row("settings.max_sum_mains_time", _I, "how long that may be exceeded", _MIN, since=V3_6_10),
    _row("settings.solar_max_import", _I, "import for which it still charges in the sun, all phases", _A),
    _row("settings.solar_start_current", _I, "export from which it charges in the sun, all phases", _A),
    _row("settings.solar_stop_time", _I, "how long it goes on without sun; 0 = for ever", _MIN),
    _row("settings.enable_C2", _T, "Not present, Always Off, Solar Off, Always On, Auto; written as 0–4"),
    _row("settings.modem", _T, "modem", until=V3_6_9),
    _row("settings.modem", _T, "modem", since=V3_6_10, optional=ON_MODEM),
    _row("settings.mains_meter", _T, "kind of the mains' meter"),
    _row("settings.starttime", _I, "when it will be switched on, unix time; 0 = not", _S),
    _row("settings.stoptime", _I, "when it will be switched off", _S),
    _row("settings.repeat", _I, "1 = every day"),
    _row("settings.lcdlock", _I, "1 = its buttons are locked", since=V3_7_4),
    _row("settings.lock", _I, "kind of the cable's lock", since=V3_8_5),
    _row("settings.cablelock", _I, "1 = the cable stays locked", since=V3_8_5),
    _row("settings.ledmode", _I, "how it lights", since=V3_10_3),
    _row("settings.capacity_mode", _I, "0 Disabled, 1 Fixed, 2 Interval, 3 Flanders", since=V3_11),
    _row("settings.intervals", Kind.ARRAY, "limits by the time of day: {start min, power W}", since=V3_11),
    _row("settings.required_evccid", _T, "car that is let in", since=V3_6_10, optional=ON_MODEM),
)

EV_STATE: tuple[Row, ...] = (
    _row("ev_state.initial_soc", _I, "at the start; -1 = unknown", "%", optional=ON_MODEM),
    _row("ev_state.remaining_soc", _I, "left", "%", optional=ON_MODEM),
    _row("ev_state.full_soc", _I, "when the car says that it is full", "%", optional=ON_MODEM),
    _row("ev_state.energy_capacity", _I, "of the battery", "Wh", optional=ON_MODEM),
    _row("ev_state.energy_request", _I, "asked for", "Wh", optional=ON_MODEM),
    _row("ev_state.computed_soc", _I, "now, as computed", "%", optional=ON_MODEM),
    _row("ev_state.evccid", _T, "who the car is", optional=ON_MODEM),
    _row("ev_state.time_until_full", _I, "until full", _S, optional=ON_MODEM),
)

LINKS: tuple[Row, ...] = (
    _row("mqtt.host", _T, "broker"),
    _row("mqtt.port", _I, "its port"),
    _row("mqtt.topic_prefix", _T, "before all topics"),
    _row("mqtt.username", _T, "user there"),
    _row("mqtt.password_set", _B, "there is a password"),
    _row("mqtt.tls", _B, "encrypted", since=V3_10),
    _row("mqtt.status", _T, "Connected, Disconnected"),
    _row("mqtt.smartevse_server", _B, "the maker's app is allowed", since=V3_10),
    _row("ocpp.mode", _T, "Disabled, Enabled", since=V3_6_10, optional=ON_OCPP),
    _row("ocpp.backend_url", _T, "backend", since=V3_6_10, optional=ON_OCPP),
    _row("ocpp.cb_id", _T, "name there", since=V3_6_10, optional=ON_OCPP),
    _row("ocpp.auth_key", _T, "key there", since=V3_6_10, optional=ON_OCPP),
    _row("ocpp.auto_auth", _T, "Disabled, Enabled", since=V3_6_10, optional=ON_OCPP),
    _row("ocpp.auto_auth_idtag", _T, "card that it uses", since=V3_6_10, optional=ON_OCPP),
    _row("ocpp.status", _T, "Connected, Disconnected", since=V3_6_10, optional=ON_OCPP),
    _row("home_battery.current", _I, "+ = it charges", _DA),
    _row("home_battery.last_update", _I, "when that was told, unix time; 0 = never", _S),
)

METERS: tuple[Row, ...] = (
    _row("ev_meter.description", _T, "kind of the car's meter"),
    _row("ev_meter.address", _I, "on the bus"),
    _row("ev_meter.host", _T, "in the network", since=V3_11_1, optional=ON_HOST),
    _row("ev_meter.import_active_power", _N, "power", "kW", until=BEFORE_3_10),
    _row("ev_meter.import_active_power", _I, "power", "W", since=V3_10),
    _row("ev_meter.total_kwh", _N, "of all time", "kWh", until=BEFORE_3_10),
    _row("ev_meter.charged_kwh", _N, "since plug-in", "kWh", until=BEFORE_3_10),
    _row("ev_meter.total_wh", _I, "of all time", "Wh", since=V3_10),
    _row("ev_meter.charged_wh", _I, "since plug-in", "Wh", since=V3_10),
    *_currents("ev_meter.currents", "into the car"),
    _row("ev_meter.import_active_energy", _N, "of all time", "kWh", until=BEFORE_3_10),
    _row("ev_meter.export_active_energy", _N, "of all time", "kWh", until=BEFORE_3_10),
    _row("ev_meter.import_active_energy", _I, "of all time", "Wh", since=V3_10, optional=ON_ENERGY),
    _row("ev_meter.export_active_energy", _I, "of all time", "Wh", since=V3_10, optional=ON_ENERGY),
    _row("mains_meter.host", _T, "in the network", since=V3_8, optional=ON_HOST),
    _row("mains_meter.import_active_energy", _N, "of all time", "kWh", until=BEFORE_3_10),
    _row("mains_meter.export_active_energy", _N, "of all time", "kWh", until=BEFORE_3_10),
    _row("mains_meter.import_active_energy", _I, "of all time", "Wh", since=V3_10, optional=ON_ENERGY),
    _row("mains_meter.export_active_energy", _I, "of all time", "Wh", since=V3_10, optional=ON_ENERGY),
    _row("circuit_meter.description", _T, "kind of the circuit's meter", since=V3_11, optional=ON_CIRCUIT),
    _row("circuit_meter.address", _I, "on the bus", since=V3_11, optional=ON_CIRCUIT),
    _row("circuit_meter.host", _T, "in the network", since=V3_11_1, optional=ON_CIRCUIT),
    *_currents("circuit_meter.currents", "of the circuit", since=V3_11, optional=ON_CIRCUIT),
    *_currents("phase_currents", "of the mains, + = import, without what charges the home battery"),
    _row("phase_currents.last_data_update", _I, "when that was told, unix time", _S),
    *(
        _row(f"phase_currents.charging_{phase}", _B, "the car charges on it", until=V3_5_DEV)
        for phase in ("L1", "L2", "L3")
    ),
    *_currents("phase_currents.original_data", "as it was told"),
)

SHOW: tuple[Row, ...] = (
    _row("backlight.timer", _I, "how long it is still lit", _S),
    _row("backlight.status", _T, "OFF, ON, DIMMED"),
    *(
        _row(f"color.{name}.{part}", _I, "0–255", since=V3_7)
        for name in ("off", "normal", "smart", "solar", "custom")
        for part in ("R", "G", "B")
    ),
)

GROUPS: dict[str, tuple[Row, ...]] = {
    "Who it is, and its mode": TOP,
    "`evse`: what it does": EVSE,
    "`settings`": SETTINGS,
    "`ev_state`": EV_STATE,
    "`mqtt`, `ocpp`, `home_battery`": LINKS,
    "Meters": METERS,
    "Light": SHOW,
}
"""All rows, in the order of the document."""

ROWS: tuple[Row, ...] = tuple(row for group in GROUPS.values() for row in group)

PATHS: Mapping[str, tuple[Row, ...]] = {
    path: tuple(row for row in ROWS if row.path == path) for path in dict.fromkeys(row.path for row in ROWS)
}
"""Rows by path, in the order of the document."""
