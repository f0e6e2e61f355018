"""Keys about the device and its connections that came after the first document and that real clients read or write."""

from __future__ import annotations

from typing import Final

from sunbox.dialects.goe.keys import Key, Kind, row

_B, _I, _N, _T, _A, _O = Kind.BOOL, Kind.INT, Kind.NUMBER, Kind.TEXT, Kind.ARRAY, Kind.OBJECT
_UNTIL_602: Final = "60.2"
_MS: Final = "ms"

DEVICE: tuple[Key, ...] = (
    row("typ", "R:C", _T, "kind of device", "go-eCharger"),
    row("var", "R:C", _I, "variant", 22, words={11: "11 kW, 16 A", 22: "22 kW, 32 A"}, unit="kW"),
    row("oem", "R:C", _T, "manufacturer", "go-e"),
    row("dfam", "R:C", _T, "family of devices", "go-eCharger", since="59.4"),
    row("styp", "R:C", _T, "subtype of device", "", since="60.3"),
    row("fwc", "R:C", _T, "firmware of the charge controller", "10", until="58.99"),
    row("ccrv", "R:C", _T, "recommended firmware of the charge controller", "10", until="58.99"),
    row("ccu", "R:S", _O, "update of the charge controller", nullable=True, until="58.99"),
    row("ocu", "R:S", _A, "firmware that can be had", []),
    row("tab", "R:S", _I, "when it was booted, UTC, since 1970", 0, unit=_MS, since="055"),
    row("lto", "R:S", _I, "local time minus UTC", 0, unit=_MS, since="055"),
    row("tzt", "RW:G", _T, "time zone as the app names it", "", max_chars=64, since="055"),
    row("lse", "RW:G", _B, "LEDs off after a while", False),
    row("rst", "W:O", Kind.ANY, "boots it again, whatever the value"),
    row("rde", "RW:G", _B, "send the ids of cards", False),
    row("di1", "RW:G", _B, "digital input: one phase", False, since="055"),
    row("die", "RW:G", _B, "digital input is used", False, since="055"),
    row("dii", "RW:G", _B, "digital input is inverted", False, since="055"),
    row("pdi", "RW:G", _B, "protects the digital input", False, since="055"),
    row("pgr", "RW:G", _B, "protects the grid requirements", False, since="055"),
)

NETWORK: tuple[Key, ...] = (
    row("hai", "RW:G", _B, "HTTP API v2 is on", True),
    row("hla", "RW:G", _B, "HTTP API v1 is on", True, until=_UNTIL_602),
    row("hsa", "RW:G", _B, "the web app asks for a password", True),
    row("nif", "R:S", _T, "default route", "st"),
    row("dns", "R:S", _O, "name server", {"dns": "0.0.0.0"}),  # noqa: S104 - what the device writes for "none"
    row("wcb", "R:S", _T, "address of the access point", "", until=_UNTIL_602),
    row("wfb", "R:S", _A, "access points that failed", nullable=True, until=_UNTIL_602),
    row("wpb", "R:S", _A, "access points that will be tried", nullable=True, until=_UNTIL_602),
    row("wsc", "R:S", _I, "WiFi errors", 0),
    row("wsm", "R:S", _T, "WiFi error", "", until="58.99"),
    row("wda", "RW:G", _B, "own network is off while the cloud is connected", False),
    row("cwe", "RW:G", _B, "connection to the maker's cloud", False),
    row("cae", "RW:G", _B, "cloud API", False, until="60.4"),
    row("cak", "RW:G", _T, "key of the cloud API; never shown", False, is_secret=True, max_chars=64),
    row("cle", "R:S", _T, "cloud: last error", nullable=True, since="055"),
    row("data", "R:S", _T, "address of the diagrams", ""),
    row("dll", "R:S", _T, "address of the export", ""),
    row("mce", "RW:G", _B, "MQTT is on", False),
    row("mcu", "RW:G", _T, "MQTT: address of the broker; its password is never shown", "", max_chars=256),
    row("mcr", "RW:G", _B, "MQTT: read only", True),
    row("mtp", "RW:G", _T, "MQTT: begin of the topics; null for the usual one", nullable=True, max_chars=128),
    row("mhe", "RW:G", _B, "MQTT: Home Assistant finds it", False, since="055"),
    row(
        "mht",
        "RW:G",
        _T,
        "MQTT: topic of Home Assistant; null for the usual one",
        nullable=True,
        max_chars=128,
        since="055",
    ),
    row("mqg", "RW:G", _B, "MQTT: use the usual certificate authorities", False),
    row("mqcn", "RW:G", _B, "MQTT: do not check the name", False),
    row("mqss", "RW:G", _B, "MQTT: do not check the server", False),
    row("mcs", "R:S", _B, "MQTT has started", False),
    row("mcc", "R:S", _B, "MQTT is connected", False),
    row("mcca", "R:S", _I, "MQTT: since when, since boot", unit=_MS, nullable=True),
    row("mlr", "R:S", _T, "MQTT: last error", nullable=True),
    row("mlra", "R:S", _I, "MQTT: its age", unit=_MS, nullable=True),
    row("men", "RW:G", _B, "Modbus is on", False),
    row("msp", "RW:G", _I, "Modbus: port", 502, span=(1, 65_535), until="59.99"),
    row("msb", "RW:G", _B, "Modbus: swap bytes", False),
    row("msr", "RW:G", _B, "Modbus: swap registers", False),
    row("csa", "R:S", _B, "searches for controllers", False, since="055"),
    row("lcs", "R:S", _I, "when it searched for controllers, since boot", 0, unit=_MS, since="055"),
    row("ocppe", "RW:G", _B, "OCPP is on", False),
    row("ocppu", "RW:G", _T, "OCPP: address of the server", "", max_chars=256),
    row("ocpps", "R:S", _B, "OCPP has started", False),
    row("ocppc", "R:S", _B, "OCPP is connected", False),
    row("ocppca", "R:S", _I, "OCPP: since when, since boot", unit=_MS, nullable=True),
    row("ocppa", "R:S", _B, "OCPP: accepted by the server", False, since="055"),
    row("ocpph", "RW:G", _I, "OCPP: heartbeat", 3600, unit="s", span=(0, 86_400)),
    row("ocppi", "RW:G", _I, "OCPP: values are sent each", 0, unit="s", span=(0, 86_400)),
)
