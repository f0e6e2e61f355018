"""Keys about charging that came after the first document and that real clients read or write.

Source: the manufacturer's later key tables and exports of firmware 59.4 to 60.4 (goecharger/go-eCharger-API-v2); which of
them matter: the requests of goecharger-api-lite, goe, goechargerv2, evcc and the Home Assistant integrations.
"""

from __future__ import annotations

from typing import Final

from sunbox.dialects.goe.keys import Key, Kind, row
from sunbox.dialects.goe.words import ModelStatus

_B, _I, _N, _T, _A, _O, _X = Kind.BOOL, Kind.INT, Kind.NUMBER, Kind.TEXT, Kind.ARRAY, Kind.OBJECT, Kind.ANY
_UNTIL_602: Final = "60.2"

CARDS = 10
"""How many cards it keeps."""
NO_CARD: Final = "n/a"
"""What it calls a card without a name."""

_EMPTY_CARDS = [{"name": NO_CARD, "energy": 0, "cardId": False}] * CARDS
_MS: Final = "ms"

MEASURED: tuple[Key, ...] = (
    row("nrg", "R:S", _A, "U L1–L3, N; I L1–L3; P L1–L3, N, total; power factor L1–L3, N: V, A, W, %", [0] * 16),
    row("cards", "RW:G", _A, "cards: name, energy in Wh, whether there is an id", _EMPTY_CARDS),
    row("pnp", "R:S", _I, "phases that carry current", 0, span=(0, 3)),
    row("modelStatus", "R:S", _I, "why it charges or not", 15, words={s: s.name.capitalize() for s in ModelStatus}),
    row(
        "cdi", "R:S", _O, "duration of the charge: type 1 in ms, 0 counting up", {"type": 1, "value": 0}, nullable=True
    ),
    row("fhz", "R:S", _N, "frequency of the grid", 50.0, unit="Hz", nullable=True),
    row("avgfhz", "R:S", _N, "the same, average", 50.0, unit="Hz", nullable=True, since="055"),
    row("tma", "R:S", _A, "temperatures", [25.0, 30.0], unit="°C"),
    row("amt", "R:S", _I, "limit by temperature", 32, unit="A"),
    row("cll", "R:S", _O, "limits by their reason", {}, unit="A", nullable=True, since="055"),
    row("mmp", "R:S", _N, "most power that was measured", 0, unit="W"),
    row("lccfc", "R:S", _I, "when the car ended charging, since boot", unit=_MS, nullable=True),
    row("lccfi", "R:S", _I, "when a car was plugged in, since boot", unit=_MS, nullable=True),
    row("lcctc", "R:S", _I, "when the car began charging, since boot", unit=_MS, nullable=True),
    row("lmsc", "R:S", _I, "when `modelStatus` changed, since boot", 0, unit=_MS),
    row("alwt", "R:S", _I, "when `alw` changed, since boot", 0, unit=_MS, since="60.2"),
    row("lfspt", "R:S", _I, "when the phases were switched, since boot", unit=_MS, nullable=True),
    row("fsptws", "R:S", _I, "since when a switch of phases is wished, since boot", unit=_MS, nullable=True),
    row("lpsc", "R:S", _I, "when the surplus was computed, since boot", 0, unit=_MS),
    row("lrc", "R:S", _I, "card that was read last", nullable=True),
    row("lri", "R:S", _T, "its id, if sent at all", nullable=True),
    row("lrr", "R:S", _I, "when it was read, since boot", unit=_MS, nullable=True),
    row("lps", "R:S", _I, "loops per second of the logic", 60),
    row("acui", "R:S", _I, "current that the car is allowed, in the idle state too", 16, unit="A", until="58.99"),
    row("whg", "R:S", _N, "energy of the session from the grid", 0, unit="Wh", since="59"),
    row("whs", "R:S", _N, "energy of the session from the sun", 0, unit="Wh", since="59"),
    row("whb", "R:S", _N, "energy of the session from the battery", 0, unit="Wh", since="59"),
    row("who", "R:S", _N, "energy of the session from elsewhere", 0, unit="Wh", since="59"),
    row("cus", "R:S", _I, "lock of the cable: 0 unknown, 1 unlocked, 3 locked, …", 1, span=(0, 5), until=_UNTIL_602),
    row("ffb", "R:S", _I, "lock feedback", 0, words={0: "Fine", 1: "Locking", 2: "Unlocking"}, until=_UNTIL_602),
)

LIMITS: tuple[Key, ...] = (
    row("mca", "RW:G", _I, "least current", 6, unit="A", span=(6, 32)),
    row("tcl", "RW:G", _I, "limit that lasts 10 min", unit="A", nullable=True, span=(0, 32), since="055"),
    row("la1", "RW:G", _I, "limit with an adapter on one phase", 16, unit="A", span=(6, 32), since="055"),
    row("la3", "RW:G", _I, "limit with an adapter on three phases", 16, unit="A", span=(6, 32), since="055"),
    row("loe", "RW:G", _B, "load balancing", False),
    row("log", "RW:G", _T, "load balancing: group", "", max_chars=64),
    row("lot", "RW:G", _X, "load balancing: A of the group; an object {amp, …} since 055", 32, unit="A"),
    row("lop", "RW:G", _I, "load balancing: priority", 50, span=(1, 99)),
    row("lof", "RW:G", _I, "load balancing: current without the others", 0, unit="A", span=(0, 32)),
    row("loa", "R:S", _I, "load balancing: current that it was given", unit="A", nullable=True),
    row("loty", "RW:G", _I, "load balancing", 0, words={0: "Static", 1: "Dynamic"}),
    row("lopr", "RW:G", _B, "load balancing is protected", False, since="055"),
    row("map", "RW:G", _A, "which phase of the house L1, L2 and L3 are", [1, 2, 3]),
    row("upo", "RW:G", _B, "unlock the cable without power", False, until=_UNTIL_602),
    row("bar", "RW:G", _I, "when the button may reset the own network", 3, span=(0, 3), since="055", until=_UNTIL_602),
    row("txt", "RW:G", _I, "transaction ends without a car after", 60, unit="s", span=(0, 86_400), since="60.4"),
    row("su", "RW:G", _B, "simulates unplugging once", False),
    row("sua", "RW:G", _B, "simulates unplugging before each start", False),
    row("sumd", "RW:G", _I, "how long it simulates unplugging", 5000, unit=_MS, span=(0, 60_000)),
    row("acp", "RW:G", _B, "may charging be paused", True),
    row("ct", "RW:G", _T, "kind of car, any text", "default", max_chars=64),
    row("cco", "RW:G", _N, "consumption of the car, kept for the app", 18, unit="kWh/100 km", span=(0, 1000)),
    row("esk", "RW:G", _B, "the app shows kWh", False),
)

SURPLUS: tuple[Key, ...] = (
    row("fup", "RW:G", _B, "use PV surplus", False),
    row("ids", "W:O", _O, "surplus from outside: {pGrid, pPv, pAkku} in W; at least each 5 s, lasts 10 s"),
    row("pgrid", "R:S", _N, "power from the grid as told by `ids`", unit="W", nullable=True),
    row("ppv", "R:S", _N, "power of the sun as told by `ids`", unit="W", nullable=True),
    row("pakku", "R:S", _N, "power of the battery as told by `ids`, + = discharging", unit="W", nullable=True),
    row("inva", "R:S", _I, "age of these", unit=_MS, nullable=True),
    row("dsrc", "R:S", _T, "where they come from", nullable=True, since="055"),
    row("pvopt_averagePGrid", "R:S", _N, "average of `pgrid`", 0, unit="W"),
    row("pvopt_averagePPv", "R:S", _N, "average of `ppv`", 0, unit="W"),
    row("pvopt_averagePAkku", "R:S", _N, "average of `pakku`", 0, unit="W"),
    row("deltaa", "R:O", _N, "what it wants to change", 0, unit="A"),
    row("deltap", "R:S", _N, "what it wants to change", 0, unit="W"),
    row("fst", "RW:G", _N, "surplus at which it starts", 1400, unit="W", span=(0, 25_000)),
    row("sh", "RW:G", _N, "how far below it stops", 200, unit="W", span=(0, 25_000)),
    row("pgt", "RW:G", _N, "grid power that it aims at", 0, unit="W", span=(-10_000, 10_000)),
    row("po", "RW:G", _N, "priority against the battery", -300, unit="W", span=(-25_000, 25_000)),
    row("zfo", "RW:G", _N, "offset with zero feed-in", 200, unit="W", span=(-25_000, 25_000)),
    row("fzf", "RW:G", _B, "zero feed-in", False),
    row("frm", "RW:G", _I, "rounding", 1, words={0: "From the grid", 1: "Default", 2: "To the grid"}),
    row("ferm", "R:S", _I, "effective rounding", 1, span=(0, 2)),
    row("fmt", "RW:G", _I, "least time of charging", 300_000, unit=_MS, span=(0, 86_400_000)),
    row("mci", "RW:G", _I, "least interval of charging, 0 off", 0, unit=_MS, span=(0, 86_400_000)),
    row("mcpd", "RW:G", _I, "least pause, 0 off", 0, unit=_MS, span=(0, 86_400_000)),
    row("mcpea", "RW:G", _I, "when the least pause ends, since boot; null ends it", unit=_MS, nullable=True),
    row("psmd", "RW:G", _I, "pause of a switch of phases", 10_000, unit=_MS, span=(0, 600_000)),
    row("psh", "RW:G", _N, "hysteresis of the switch of phases", 500, unit="W", span=(0, 25_000)),
    row("spl3", "RW:G", _N, "power from which it charges on three phases", 4200, unit="W", span=(0, 25_000)),
    row("mpwst", "RW:G", _I, "how long a switch must be wished", 120_000, unit=_MS, span=(0, 86_400_000)),
    row("mptwt", "RW:G", _I, "least time between two switches", 600_000, unit=_MS, span=(0, 86_400_000)),
    row("pwm", "R:S", _I, "wish for phases", 0, words={0: "Three forced", 1: "One", 2: "Three"}),
    row("csd", "RW:G", _B, "forget the surplus after a break", False, since="59.4"),
)

PRICES: tuple[Key, ...] = (
    row("awc", "RW:G", _I, "country of the prices", 0, span=(0, 255)),
    row("awe", "RW:G", _B, "use prices", False, since="055"),
    row("awp", "RW:G", _N, "highest price", 3, unit="ct", span=(-1000, 1000)),
    row("awcp", "R:S", _O, "price now", nullable=True),
    row("ara", "RW:G", _B, "trip: the rest by prices", True),
    row("ate", "RW:G", _N, "trip: energy", 18_000, unit="Wh", span=(0, 1e6)),
    row("att", "RW:G", _I, "trip: time of day", 21_600, unit="s", span=(0, 86_399)),
    row("tls", "R:S", _B, "trip: test charge began", False),
    row("tlf", "R:S", _B, "trip: test charge ended", False),
)


def _card(index: int) -> tuple[Key, ...]:
    return (
        row(f"c{index}n", "RW:G", _T, f"card {index}: name", NO_CARD, since="60", max_chars=64),
        row(f"c{index}e", "RW:G", _I, f"card {index}: energy", 0, unit="Wh", since="60", span=(0, 1e12)),
        row(
            f"c{index}i", "RW:G", _T, f"card {index}: id; never shown", False, since="60", is_secret=True, max_chars=64
        ),
    )


CARD_KEYS: tuple[Key, ...] = tuple(key for index in range(CARDS) for key in _card(index))
