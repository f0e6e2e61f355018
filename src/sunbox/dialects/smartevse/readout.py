"""The document of a box: each path's value from what the box knows, in the keys, order and units of a firmware."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sunbox.dialects.smartevse.profiles import Profile, rows_of
from sunbox.dialects.smartevse.state import BoxState, Identity
from sunbox.dialects.smartevse.table import BEFORE_3_8, Json, Kind, Row
from sunbox.dialects.smartevse.words import (
    CONTACTOR_TEXTS,
    FAULT_TEXTS,
    METER_TEXTS,
    OLD_SIXTH_FAULT,
    RFID_READERS,
    STATE_TEXTS,
    Access,
    Fault,
    Meter,
    Mode,
    fault_id,
    state_text,
    told_fault,
)

NOWHERE = object()
"""A key that is left out."""


@dataclass(frozen=True, slots=True)
class View:
    """What a value is made from."""

    state: BoxState
    identity: Identity
    profile: Profile

    def energy(self, energy_wh: int) -> Json:
        """Return an energy in the unit of the firmware."""
        return energy_wh if self.profile.has_watt_hours else _kilo(energy_wh)

    def told_energy(self, energy_wh: int) -> Json:
        """Return an energy that newer firmware leaves out while it is 0."""
        return NOWHERE if not energy_wh and self.profile.omits_no_energy else self.energy(energy_wh)

    @property
    def fault_text(self) -> str:
        """Return `evse.error`."""
        number = told_fault(self.state.behind.faults)
        if number == 6 and self.profile.number <= BEFORE_3_8:
            return OLD_SIXTH_FAULT
        return FAULT_TEXTS[number]

    @property
    def has_circuit_meter(self) -> bool:
        """Return whether there is one."""
        return self.state.setup.circuit_meter is not Meter.DISABLED


Read = Callable[[View], Json]


def read_document(state: BoxState, identity: Identity, profile: Profile) -> dict[str, Json]:
    """Return the whole document."""
    view, document = View(state, identity, profile), dict[str, Json]()
    for row in rows_of(profile):
        value = _value(row, view)
        if value is not NOWHERE:
            *above, name = row.path.split(".")
            inside = document
            for each in above:
                inside = inside.setdefault(each, {})
            inside[name] = value
    return document


def _value(row: Row, view: View) -> Json:
    value = READERS[row.path](view)
    if row.path == "evse.access" and row.kind is Kind.BOOL:
        return value == Access.ON
    return value


def _kilo(value: int) -> Json:
    """Return thousandths as a number that is whole where it can be, as the firmware writes it."""
    return value // 1000 if value % 1000 == 0 else value / 1000


def _unix(at: datetime | None) -> int:
    return 0 if at is None else int(at.timestamp())


def _seconds_lit(view: View) -> int:
    until = view.state.lit_until
    return 0 if until is None else max(0, round((until - view.state.at).total_seconds()))


def _reader(view: View) -> str:
    return RFID_READERS[view.state.rfid_reader]


def _last_card(view: View) -> Json:
    if not view.state.rfid_reader:
        return NOWHERE
    return view.state.rfid_read or "00000000000000"


def _mqtt(name: str, default: Json) -> Read:
    return lambda view: view.state.mqtt.get(name, default)


def _ocpp(name: str, default: Json) -> Read:
    return lambda view: view.state.ocpp.get(name, default)


def _circuit(read: Read) -> Read:
    return lambda view: read(view) if view.has_circuit_meter else NOWHERE


def _phase(number: int, currents: Callable[[View], tuple[int, int, int]]) -> Read:
    return lambda view: currents(view)[number]


def _currents(path: str, currents: Callable[[View], tuple[int, int, int]]) -> dict[str, Read]:
    return {
        f"{path}.TOTAL": lambda view: sum(currents(view)),
        **{f"{path}.L{number + 1}": _phase(number, currents) for number in range(3)},
    }


def _color(name: str, part: int) -> Read:
    return lambda view: view.state.colors[name][part]


def _topic_prefix(view: View) -> str:
    return f"SmartEVSE/{view.identity.serial}"


def _mode_text(view: View) -> str:
    return Mode(view.state.setup.mode).name


def _charges_on(number: int) -> Read:
    return lambda view: view.state.behind.ev_da[number] > 0


READERS: dict[str, Read] = {
    "version": lambda view: view.profile.version,
    "serialnr": lambda view: view.identity.serial,
    "mode": _mode_text,
    "mode_id": lambda view: int(view.state.setup.mode),
    "car_connected": lambda view: view.state.behind.is_plugged,
    "wifi.status": lambda _: "WL_CONNECTED",
    "wifi.ssid": lambda view: view.identity.ssid,
    "wifi.rssi": lambda view: view.identity.rssi_dbm,
    "wifi.bssid": lambda view: view.identity.bssid,
    "eth.present": lambda _: False,
    "eth.connected": lambda _: False,
    "eth.has_ip": lambda _: False,
    "eth.ip": lambda _: NOWHERE,
    "eth.mac": lambda _: NOWHERE,
    "evse.temp": lambda view: view.state.behind.temp_c,
    "evse.temp_max": lambda view: view.state.setup.temp_max,
    "evse.connected": lambda view: view.state.behind.is_plugged,
    "evse.access": lambda view: int(view.state.setup.access),
    "evse.mode": lambda view: int(view.state.setup.regime),
    "evse.loadbl": lambda view: view.state.setup.loadbl,
    "evse.pwm": lambda view: view.state.behind.duty,
    "evse.custombutton": lambda view: view.state.is_custom,
    "evse.solar_stop_timer": lambda view: view.state.behind.solar_stop_s,
    "evse.state": lambda view: state_text(view.state.behind.state, view.state.behind.faults),
    "evse.state_id": lambda view: int(view.state.behind.state),
    "evse.error": lambda view: view.fault_text,
    "evse.error_id": lambda view: told_fault(view.state.behind.faults),
    "evse.rfidreader": _reader,
    "evse.nrofphases": lambda view: view.state.behind.phases,
    "evse.rfid": lambda view: view.state.rfid,
    "evse.rfid_lastread": _last_card,
    "settings.charge_current": lambda view: view.state.behind.charge_da,
    "settings.override_current": lambda view: view.state.setup.override_da,
    "settings.current_min": lambda view: view.state.setup.current_min,
    "settings.current_max": lambda view: view.state.setup.current_max,
    "settings.current_main": lambda view: view.state.setup.current_main,
    "settings.current_max_circuit": lambda view: view.state.setup.current_max_circuit,
    "settings.current_max_sum_mains": lambda view: view.state.setup.current_max_sum_mains,
    "settings.max_sum_mains_time": lambda view: view.state.setup.max_sum_mains_time,
    "settings.solar_max_import": lambda view: view.state.setup.solar_max_import,
    "settings.solar_start_current": lambda view: view.state.setup.solar_start_current,
    "settings.solar_stop_time": lambda view: view.state.setup.solar_stop_time,
    "settings.enable_C2": lambda view: CONTACTOR_TEXTS[view.state.setup.contactor],
    "settings.modem": lambda _: "Not present",
    "settings.mains_meter": lambda view: METER_TEXTS[view.state.setup.mains_meter],
    "settings.starttime": lambda view: _unix(view.state.start_at),
    "settings.stoptime": lambda view: _unix(view.state.stop_at),
    "settings.repeat": lambda view: int(view.state.repeats),
    "settings.lcdlock": lambda view: int(view.state.is_lcd_locked),
    "settings.lock": lambda _: 0,
    "settings.cablelock": lambda view: int(view.state.is_cable_locked),
    "settings.ledmode": lambda _: 0,
    "settings.capacity_mode": lambda view: int(view.state.setup.capacity),
    "settings.intervals": lambda view: [
        {"start": start_min, "power": power_w} for start_min, power_w in view.state.intervals
    ],
    "mqtt.host": _mqtt("host", ""),
    "mqtt.port": _mqtt("port", 1883),
    "mqtt.topic_prefix": lambda view: view.state.mqtt.get("topic_prefix", _topic_prefix(view)),
    "mqtt.username": _mqtt("username", ""),
    "mqtt.password_set": lambda view: bool(view.state.mqtt_password),
    "mqtt.tls": _mqtt("tls", default=False),
    "mqtt.status": _mqtt("status", "Disconnected"),
    "mqtt.smartevse_server": lambda _: False,
    "ocpp.mode": _ocpp("mode", "Disabled"),
    "ocpp.backend_url": _ocpp("backend_url", ""),
    "ocpp.cb_id": _ocpp("cb_id", ""),
    "ocpp.auth_key": _ocpp("auth_key", ""),
    "ocpp.auto_auth": _ocpp("auto_auth", "Disabled"),
    "ocpp.auto_auth_idtag": _ocpp("auto_auth_idtag", ""),
    "ocpp.status": lambda _: "Disconnected",
    "home_battery.current": lambda view: view.state.behind.battery_da,
    "home_battery.last_update": lambda view: _unix(view.state.behind.battery_at),
    "ev_meter.description": lambda view: METER_TEXTS[view.state.setup.ev_meter],
    "ev_meter.address": lambda view: view.identity.ev_address,
    "ev_meter.host": lambda _: NOWHERE,
    "ev_meter.import_active_power": lambda view: view.energy(view.state.behind.ev_power_w),
    "ev_meter.total_kwh": lambda view: view.energy(view.state.behind.ev_total_wh),
    "ev_meter.charged_kwh": lambda view: view.energy(view.state.behind.ev_charged_wh),
    "ev_meter.total_wh": lambda view: view.state.behind.ev_total_wh,
    "ev_meter.charged_wh": lambda view: view.state.behind.ev_charged_wh,
    **_currents("ev_meter.currents", lambda view: view.state.behind.ev_da),
    "ev_meter.import_active_energy": lambda view: view.told_energy(view.state.behind.ev_imported_wh),
    "ev_meter.export_active_energy": lambda view: view.told_energy(view.state.behind.ev_exported_wh),
    "mains_meter.host": lambda _: NOWHERE,
    "mains_meter.import_active_energy": lambda view: view.told_energy(view.state.behind.mains_imported_wh),
    "mains_meter.export_active_energy": lambda view: view.told_energy(view.state.behind.mains_exported_wh),
    "circuit_meter.description": _circuit(lambda view: METER_TEXTS[view.state.setup.circuit_meter]),
    "circuit_meter.address": _circuit(lambda _: 13),
    "circuit_meter.host": lambda _: NOWHERE,
    **{
        path: _circuit(read)
        for path, read in _currents("circuit_meter.currents", lambda view: view.state.behind.circuit_da).items()
    },
    **_currents("phase_currents", lambda view: view.state.behind.mains_da),
    "phase_currents.last_data_update": lambda view: _unix(view.state.behind.mains_at),
    **{f"phase_currents.charging_L{number + 1}": _charges_on(number) for number in range(3)},
    **_currents("phase_currents.original_data", lambda view: view.state.behind.told_mains_da),
    "backlight.timer": _seconds_lit,
    "backlight.status": lambda view: "ON" if _seconds_lit(view) else "OFF",
    **{
        f"color.{name}.{part}": _color(name, number)
        for name in ("off", "normal", "smart", "solar", "custom")
        for number, part in enumerate("RGB")
    },
}
"""How each path is read; builds with a modem are nobody's profile."""


def topic_state_text(view: View) -> str:
    """Return topic State: without what is wrong."""
    return STATE_TEXTS[view.state.behind.state]


def topic_fault_text(faults: Fault) -> str:
    """Return topic Error: want of power is one here."""
    return FAULT_TEXTS[fault_id(faults)]
