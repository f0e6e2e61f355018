"""The 90 keys of the document that sunbox began with, in its order, which is the order of a device's answer.

Source: the key table of goecharger/go-eCharger-API-v2 as of firmware 051, put right where later tables and real devices
disagree: `err` has its own enumeration, `psm` has 0, `bac` and `sdp` are numbers since 055, `lbr` and `trx` can be set.
`until` 58 marks what the exports of firmware 59.4 and later leave out, `until` 60.2 what 60.3 leaves out.
"""

from __future__ import annotations

from typing import Any, Final

from sunbox.dialects.goe.keys import Json, Key, Kind, row
from sunbox.dialects.goe.words import FAULTS_UNTIL_58, Access, ButtonLock, Car, Force, Logic, PhaseMode

_B, _I, _N, _T, _A, _O = Kind.BOOL, Kind.INT, Kind.NUMBER, Kind.TEXT, Kind.ARRAY, Kind.OBJECT
_OLD: Final = "58.99"
_UNTIL_602: Final = "60.2"

OPEN_RANGE: Json = {"begin": {"hour": 0, "minute": 0}, "end": {"hour": 0, "minute": 0}}
NO_SCHEDULE: Json = {"control": 0, "ranges": [OPEN_RANGE, OPEN_RANGE]}

EMPTY_WIFI: Json = {
    "ssid": "",
    "key": "",
    "useStaticIp": False,
    "staticIp": "0.0.0.0",  # noqa: S104 - what the device writes for "none"
    "staticSubnet": "0.0.0.0",  # noqa: S104
    "staticGateway": "0.0.0.0",  # noqa: S104
    "useStaticDns": False,
    "staticDns0": "0.0.0.0",  # noqa: S104
    "staticDns1": "0.0.0.0",  # noqa: S104
    "staticDns2": "0.0.0.0",  # noqa: S104
}
WIFIS = 10
"""How many networks it keeps."""

_COLOR = "format #RRGGBB"
_MOST_TEXT = 64


def _words(enumeration: Any) -> dict[int, str]:
    return {int(member): member.name.capitalize() for member in enumeration}


def _scheduler(name: str, day: str) -> Key:
    return row(
        name, "RW:G", _O, f"scheduler for {day}: control 0 off, 1 only inside the ranges, 2 outside", NO_SCHEDULE
    )


def _lock(name: str, what: str) -> Key:
    return row(name, "RW:G", _I, f"when the button may change the {what}; bool before 055", 3, words=_words(ButtonLock))


_ROWS: tuple[Key, ...] = (
    row("mod", "R:C", _I, "hardware version of the module", 1, until=_OLD),
    row("rfb", "R:S", _I, "relay feedback", 0),
    row("alw", "R:S", _B, "is the car allowed to charge now", False),
    row("acu", "R:S", _I, "current that the car is allowed now; null if none", unit="A", nullable=True),
    row("adi", "R:S", _B, "is the 16 A adapter plugged in", False),
    row("dwo", "RW:G", _N, "energy limit of this session", unit="Wh", nullable=True, span=(0, 1e9)),
    row("tpa", "R:S", _N, "power, average of 30 s", 0, unit="W"),
    row("sse", "R:C", _T, "serial number, 6 digits", "000000"),
    row("eto", "R:S", _I, "energy since it was made", 0, unit="Wh"),
    row("etop", "R:S", _I, "the same as last stored in its memory", 0, unit="Wh", until=_OLD),
    row("wifis", "RW:G", _A, "WiFi networks; written entry by entry, `{}` leaves one as it is", [EMPTY_WIFI] * WIFIS),
    row("delw", "W:O", _I, "forgets WiFi network 0–9", span=(0, WIFIS - 1), until=_OLD),
    row("scas", "R:S", _I, "WiFi scan", 2, words={0: "None", 1: "Scanning", 2: "Finished", 3: "Failed"}, until=_OLD),
    row("scan", "R:S", _A, "result of the WiFi scan", []),
    row("scaa", "R:S", _I, "age of the WiFi scan", 0, unit="ms"),
    row("wst", "R:S", _I, "WiFi station: 0 idle, 1 no network, 3 connected, 4 failed, 5 lost, 6 disconnected, …", 3),
    row("wsms", "R:S", _I, "WiFi state", 3, words={0: "None", 1: "Scanning", 2: "Connecting", 3: "Connected"}),
    row("ccw", "R:S", _O, "WiFi that it is connected to", nullable=True),
    row("host", "R:S", _T, "its name in the network", nullable=True),
    row("lwcf", "R:S", _B, "did the last WiFi connection fail", False, until=_OLD),
    row("rssi", "R:S", _I, "WiFi signal", -60, unit="dBm", nullable=True),
    row("lssfc", "R:S", _I, "when the WiFi was lost, since boot", unit="ms", nullable=True, until=_OLD),
    row("lsstc", "R:S", _I, "when the WiFi was connected, since boot", 7000, unit="ms", nullable=True, until=_OLD),
    row("ehs", "R:S", _I, "heap", 288_000, unit="B", until=_OLD),
    row("efh", "R:S", _I, "free heap", 100_000, unit="B", until=_OLD),
    row("efh32", "R:S", _I, "free heap, 32-bit aligned", 100_000, unit="B", until=_OLD),
    row("efh8", "R:S", _I, "free heap, 8-bit aligned", 62_000, unit="B", until=_OLD),
    row("fem", "R:C", _I, "flash encryption", 2, words={0: "Disabled", 1: "Development", 2: "Release"}, until=_OLD),
    row("sbe", "R:C", _B, "secure boot", True, until=_OLD),
    row("emfh", "R:S", _I, "least free heap since boot", 60_000, unit="B", until=_OLD),
    row("emhb", "R:S", _I, "largest heap block since boot", 47_000, unit="B", until=_OLD),
    row("eci", "R:C", _O, "chip", {"model": 1, "features": 50, "cores": 2, "revision": 3}, until=_OLD),
    row(
        "ecf",
        "R:C",
        _O,
        "clock of the processor",
        {"source": 1, "source_freq_mhz": 320, "div": 2, "freq_mhz": 160},
        until=_OLD,
    ),
    row("efi", "R:C", _O, "flash chip", {"spi_mode": 2, "spi_speed": 0, "spi_size": 4}, nullable=True, until=_OLD),
    row("eem", "R:C", _T, "documented with the text of `ecf`", nullable=True, until=_OLD),
    row("esr", "R:S", _A, "why both cores were reset", [1, 14], until=_OLD),
    row("rr", "R:S", _I, "why it was reset: 1 power on, 3 software, 4 panic, 9 brownout, …", 1, until=_OLD),
    row("fwan", "R:C", _T, "name of its own network, as delivered", "go-eCharger", until=_OLD),
    row("wan", "RW:G", _T, "name of its own network", "go-eCharger", max_chars=_MOST_TEXT, until=_OLD),
    row("facwak", "R:C", _T, "key of its own network, as delivered; never shown", False, is_secret=True, until=_OLD),
    row("wak", "RW:G", _T, "key of its own network; never shown", False, is_secret=True, max_chars=64, until=_OLD),
    row("wen", "RW:G", _B, "WiFi is on", True, until=_OLD),
    row("pass", "W:G", _T, "password of the app", is_secret=True, max_chars=128, until=_OLD),
    row("tse", "RW:G", _B, "time server is used", True),
    row("ts", "R:G", _T, "time server", "europe.pool.ntp.org", until=_OLD),
    row("tssm", "R:G", _I, "how time is set", 0, words={0: "Immediately", 1: "Smoothly"}, until=_OLD),
    row("tssi", "R:G", _I, "how often time is fetched", 3_600_000, unit="ms", until=_OLD),
    row("tsss", "R:G", _I, "time server", 1, words={0: "Reset", 1: "Completed", 2: "In progress"}),
    row("tsom", "R:S", _I, "time server operating mode", 0, words={0: "Poll", 1: "Listen only"}, until=_OLD),
    row("tof", "RW:G", _I, "time zone", 60, unit="min", span=(-720, 840)),
    row("tds", "RW:G", _I, "daylight saving", 1, words={0: "None", 1: "Europe", 2: "USA", 3: "Australia"}),
    row("utc", "RW:S", _T, "time, UTC", ""),
    row("loc", "R:S", _T, "time, local", ""),
    row("led", "R:S", _O, "what the LEDs do", {"id": 0, "name": "Idle"}),
    row("lbr", "RW:G", _I, "brightness of the LEDs", 255, span=(0, 255), writable_since="052"),
    row("lmo", "RW:G", _I, "logic: 3 basic, 4 eco (prices, surplus), 5 trip", 3, words=_words(Logic)),
    row("ama", "RW:G", _I, "limit of the installation", 32, unit="A", span=(6, 32)),
    row("clp", "RW:G", _A, "1–5 presets of the button", [10, 16, 20, 24, 32], unit="A"),
    _lock("bac", "current"),
    _lock("sdp", "force state"),
    row("lbp", "R:S", _I, "when the button was pressed, since boot", unit="ms", nullable=True, until=_UNTIL_602),
    row("amp", "RW:G", _I, "current that is wished", 16, unit="A", span=(6, 32)),
    row("ffna", "R:C", _T, "its name, as delivered", "go-eCharger", until=_OLD),
    row("fna", "RW:G", _T, "its name", "go-eCharger", max_chars=_MOST_TEXT),
    row("cid", "RW:G", _T, f"colour while idle, {_COLOR}", "#0000FF", max_chars=7),
    row("cwc", "RW:G", _T, f"colour while it waits, {_COLOR}", "#FFFF00", max_chars=7),
    row("cch", "RW:G", _T, f"colour while it charges, {_COLOR}", "#00FFFF", max_chars=7),
    row("cfi", "RW:G", _T, f"colour when finished, {_COLOR}", "#00FF00", max_chars=7),
    row("ust", "RW:G", _I, "lock of the cable", 0, words={0: "Normal", 1: "Auto unlock", 2: "Always lock"}),
    row(
        "lck",
        "R:S",
        _I,
        "effective lock",
        0,
        words={0: "Normal", 1: "Auto unlock", 2: "Always lock", 3: "Force unlock"},
        until=_UNTIL_602,
    ),
    _scheduler("sch_week", "Monday to Friday"),
    _scheduler("sch_satur", "Saturday"),
    _scheduler("sch_sund", "Sunday"),
    row("nmo", "RW:G", _B, "no check of the earth wire (Norway)", False),
    row("fsp", "R:S", _B, "does it charge on one phase only", False),
    row("lrn", "W:O", _I, "stores the card that was read last as card 0–9", span=(0, 9)),
    row("del", "W:O", _I, "clears card 0–9: name, energy and id", span=(0, 9)),
    row("acs", "RW:G", _I, "who may charge", 0, words=_words(Access)),
    row("frc", "RW:G", _I, "start and stop: 0 neutral, 1 stop, 2 charge", 0, words=_words(Force)),
    row("rbc", "R:S", _I, "how often it was booted", 1),
    row("rbt", "R:S", _I, "time since boot", 0, unit="ms"),
    row("car", "R:S", _I, "state of the car", 1, words=_words(Car), nullable=True),
    row(
        "err",
        "R:S",
        _I,
        "fault; from 11 on other numbers since 59",
        0,
        words={number: fault.name.capitalize() for number, fault in FAULTS_UNTIL_58.items()},
        nullable=True,
    ),
    row("cbl", "R:S", _I, "limit of the cable", unit="A", nullable=True),
    row("pha", "R:S", _A, "L1, L2, L3 behind the contactor, then before it", nullable=True),
    row("wh", "R:S", _N, "energy since the car was plugged in", 0, unit="Wh"),
    row(
        "trx",
        "RW:S",
        _I,
        "transaction: null none, 0 without card, n with card n-1",
        nullable=True,
        span=(0, 10),
        writable_since="055",
    ),
    row("fwv", "R:C", _T, "firmware", "055.5"),
    row("arv", "R:C", _T, "recommended version of the app", "1.2.1", until=_OLD),
    row("psm", "RW:G", _I, "phases: 0 auto, 1 one, 2 three; 051 has no 0", 2, words=_words(PhaseMode)),
)


def source_keys() -> tuple[Key, ...]:
    """Return the rows, marked as what they are."""
    fields = Key.__dataclass_fields__
    return tuple(
        Key(**{name: getattr(key, name) for name in fields if name != "is_in_source"}, is_in_source=True)
        for key in _ROWS
    )
