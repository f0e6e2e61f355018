"""API v1, which newer devices still speak: everything is text, in other units, and one key is set at a time.

Sources: goecharger/go-eCharger-API-v1; recorded answers of old and of newer hardware. `nrg` has A × 10, W / 100 per phase and
W / 10 in total; `eto` and `dwo` 0.1 kWh, `dws` 10 Ws, `pha` six bits, colours as numbers. Cards' ids are never shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sunbox.dialects.goe.keys import Firmware, Json
from sunbox.dialects.goe.keys_later import CARDS
from sunbox.dialects.goe.wire import Energies, Status, energies_from_wire, energies_to_wire, is_number, plain
from sunbox.dialects.goe.words import Force

_PRESETS = ("al1", "al2", "al3", "al4", "al5")
_CARD_SUFFIXES = ("a", "r", "d", *"456789", "1")
"""Its ten cards are `rca rcr rcd rc4 … rc9 rc1`, their energies `eca …` and names `rna rnm rne rn4 …`."""
_CARD_NAMES = ("rna", "rnm", "rne", *(f"rn{suffix}" for suffix in "456789"), "rn1")

TEXT_OF_SECRET = "********"  # noqa: S105 - what stands there instead of one


def legacy_from_status(values: Mapping[str, Json]) -> dict[str, Json]:
    """Return the v1 status of a whole v2 status, in the order of a device."""
    energies = energies_from_wire(values.get("nrg")) or energies_from_wire([0] * 16)
    utc = str(values["loc"])  # tme is local
    cards = values.get("cards") or [
        {"name": values[f"c{n}n"], "energy": values[f"c{n}e"], "cardId": values[f"c{n}i"]} for n in range(CARDS)
    ]
    dwo, trx = values["dwo"], values["trx"]
    presets = [*values["clp"], 0, 0, 0, 0, 0][:5]
    told: dict[str, Json] = {
        "version": "B",
        "tme": f"{utc[8:10]}{utc[5:7]}{utc[2:4]}{utc[11:13]}{utc[14:16]}",
        "rbc": values["rbc"],
        "rbt": values["rbt"],
        "car": values["car"] or 0,
        "amx": 0,
        "amp": values["amp"],
        "err": values["err"] or 0,
        "ast": values["acs"],
        "alw": values["alw"],
        "stp": 0 if dwo is None else 2,
        "cbl": values.get("cbl") or 0,
        "pha": pha_to_legacy(values["pha"]),
        "fsp": values["fsp"],
        "tma": values["tma"],
        "amt": values["amt"],
        "dws": round(values["wh"] * 360),
        "dwo": 0 if dwo is None else round(dwo / 100),
        "adi": values["adi"],
        "uby": trx or 0,
        "eto": values["eto"] // 100,
        "wst": values["wst"],
        "fwv": values["fwv"],
        "nrg": [] if energies is None else nrg_to_legacy(energies),
        "sse": values["sse"],
        "wss": (values.get("ccw") or {}).get("ssid", ""),
        "wke": TEXT_OF_SECRET,
        "wen": values.get("wen", 1),
        "cdi": 0,
        "tof": round(values["tof"] / 60) + 100,
        "tds": values["tds"],
        "lbr": values["lbr"],
        "aho": 0,
        "afi": 0,
        "azo": values["awc"],
        "ama": values["ama"],
        **dict(zip(_PRESETS, presets, strict=True)),
        **{name: int(str(values[name])[1:], 16) for name in ("cid", "cch", "cfi")},
        "lse": values["lse"],
        "ust": values.get("ust", 0),
        "wak": TEXT_OF_SECRET,
        "r1x": 2,
        "dto": 0,
        "nmo": values["nmo"],
        "sch": "AAAAAAAAAAAAAAAA",
        "sdp": 0,
        **{f"ec{suffix}": round(card["energy"] / 100) for suffix, card in zip(_CARD_SUFFIXES, cards, strict=True)},
        **{f"rc{suffix}": "1" if card["cardId"] else "" for suffix, card in zip(_CARD_SUFFIXES, cards, strict=True)},
        **{name: card["name"] for name, card in zip(_CARD_NAMES, cards, strict=True)},
    }
    lot = values["lot"]
    numbers = {
        "loe": int(values["loe"]),
        "lot": lot["amp"] if isinstance(lot, dict) else lot,
        "lom": values["mca"],
        "lop": values["lop"],
        "log": values["log"],
        "lof": values["lof"],
        "loa": values["loa"] or 0,
        "lch": values["lccfi"] or 0,
    }
    return {name: _text(value) for name, value in told.items()} | numbers


def _text(value: Json) -> Json:
    if isinstance(value, bool):
        return "1" if value else "0"
    return value if isinstance(value, list) else str(value)


def pha_to_legacy(value: Json) -> int:
    """Return six bits: L3 L2 L1 before the contactor, L3 L2 L1 behind it."""
    return sum(1 << bit for bit, is_on in enumerate(value or ()) if is_on)


def nrg_to_legacy(energies: Energies) -> list[float]:
    """Return `nrg` in the units of v1."""
    numbers = energies_to_wire(energies)
    amps = [plain(round(number * 10, 1)) for number in numbers[4:7]]
    powers = [plain(round(number / 100, 1)) for number in numbers[7:11]]
    return [*numbers[:4], *amps, *powers, plain(round(numbers[11] / 10)), *numbers[12:]]


# --- reading a v1 device ---------------------------------------------------------------------------------------------


MOST = 1e15
"""No honest number is larger, as text or not."""


def _number(told: Json) -> float | None:
    if is_number(told):
        return float(told) if abs(told) < MOST else None
    return float(told) if isinstance(told, str) and re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", told) else None


def _times(factor: float) -> Callable[[float], Json]:
    return lambda number: plain(round(number * factor, 3))


_READ: Mapping[str, tuple[str, Callable[[float], Json]]] = {
    **{name: (name, int) for name in ("rbc", "rbt", "car", "amp", "err", "ama", "amt", "wst", "tds", "lbr", "ust")},
    "ast": ("acs", int),
    "cbl": ("cbl", lambda number: int(number) or None),
    "alw": ("alw", bool),
    "adi": ("adi", bool),
    "fsp": ("fsp", bool),
    "lse": ("lse", bool),
    "nmo": ("nmo", bool),
    "eto": ("eto", lambda number: round(number * 100)),
    "dws": ("wh", _times(1 / 360)),
    "uby": ("trx", lambda number: int(number) or None),
    "tof": ("tof", lambda number: round((number - 100) * 60)),
    "pha": ("pha", lambda number: [bool(int(number) >> bit & 1) for bit in range(6)]),
    **{name: (name, lambda number: f"#{int(number) & 0xFFFFFF:06X}") for name in ("cid", "cch", "cfi")},
}
"""v1 key → v2 key and value."""


KEPT = "v1:"
"""Begin of the names of v1 keys that v2 has nothing for."""


def status_from_legacy(document: Mapping[str, Json]) -> Status:
    """Return a v1 status in the keys and units of v2; what v2 has nothing for is kept as it came, named `v1:…`."""
    raw: dict[str, Json] = {}
    told = dict(document)
    for name, (key, convert) in _READ.items():
        number = _number(told.get(name))
        if number is not None:
            raw[key] = convert(number)
            del told[name]
    raw |= {name: told.pop(name) for name in ("fwv", "sse", "tma") if name in told}
    energies = energies_from_wire(told.get("nrg"))
    if energies is not None:
        raw["nrg"] = energies_to_wire(_energies_from_legacy(energies))
        del told["nrg"]
    limit = _number(told.get("dwo"))
    if limit is not None:
        # the limit holds only if `stp` says so; that stays beside it, so that nothing is lost
        raw["dwo"] = plain(limit * 100) if str(told.get("stp")) == "2" else None
    if all(name in told for name in _PRESETS):
        amps = [_number(told.pop(name)) for name in _PRESETS]
        raw["clp"] = [int(each) for each in amps if each]
    return Status(raw | {KEPT + name: value for name, value in told.items()})


def _energies_from_legacy(told: Energies) -> Energies:
    one, two, three = (round(amps / 10, 3) for amps in told.amps_a)
    w_1, w_2, w_3 = (round(power * 100, 3) for power in told.powers_w)
    return Energies(
        volts_v=told.volts_v,
        neutral_v=told.neutral_v,
        amps_a=(one, two, three),
        powers_w=(w_1, w_2, w_3),
        neutral_w=told.neutral_w * 100,
        total_w=told.total_w * 10,
        power_factors_pct=told.power_factors_pct,
        neutral_factor_pct=told.neutral_factor_pct,
    )


# --- setting ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Legacy:
    """A v1 setting in v2: key, and how its text becomes JSON; None where the number means nothing."""

    key: str
    convert: Callable[[int], str | None]


_PLAIN = str
_WRITE: Mapping[str, Legacy] = {
    **{name: Legacy(name, _PLAIN) for name in ("amp", "ama", "lbr", "ust", "tds", "lof", "lop", "lot")},
    "amx": Legacy("amp", _PLAIN),
    "ast": Legacy("acs", _PLAIN),
    "lom": Legacy("mca", _PLAIN),
    "azo": Legacy("awc", _PLAIN),
    # the only way to write `alw`: on means that whatever held it back is overruled
    "alw": Legacy("frc", {0: str(int(Force.OFF)), 1: str(int(Force.ON))}.get),
    "dwo": Legacy("dwo", lambda number: str(number * 100) if number > 0 else "null"),
    "stp": Legacy("dwo", {0: "null"}.get),  # 2 = by energy, which the limit alone says in v2
    "tof": Legacy("tof", lambda number: str((number - 100) * 60)),
    **{name: Legacy(name, {0: "false", 1: "true"}.get) for name in ("lse", "nmo", "loe", "wen")},
    **{name: Legacy(name, lambda number: f'"#{number & 0xFFFFFF:06X}"') for name in ("cid", "cch", "cfi")},
}


def setting_from_legacy(key: str, text: str, presets: list[int]) -> tuple[str, str] | None:
    """Return the v2 (key, JSON text) of a v1 setting, None where there is nothing to set.

    Args:
        key: v1 key.
        text: its value, an integer.
        presets: `clp` as it is; `al1` … `al5` change one of them.
    """
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        return None
    number = int(text)
    if key in _PRESETS and _PRESETS.index(key) < len(presets):
        changed = [number if index == _PRESETS.index(key) else amps for index, amps in enumerate(presets)]
        return "clp", str(changed)
    legacy = _WRITE.get(key)
    value = None if legacy is None else legacy.convert(number)
    return None if legacy is None or value is None else (legacy.key, value)


SETTABLE = frozenset({"frc", "amp"})
"""Keys of v2 that a driver sets over v1."""

AMX_SINCE: Firmware = (40, 0)
"""Since then a current can be set that is not stored."""


@dataclass(frozen=True, slots=True)
class LegacySetting:
    """A setting of v2 as v1 knows it."""

    key: str
    value: int
    is_told_by: Callable[[Status], bool | None]  #: whether a status says that it is so; None = it does not say


def setting_to_legacy(name: str, value: Json, firmware: Firmware | None = None) -> LegacySetting | None:
    """Return how v1 sets a key, None if it cannot. Currents are set without storing them, where the firmware knows that.

    Args:
        name: key of v2.
        value: what to, or its JSON text.
        firmware: of the device; unknown counts as new.
    """
    number = _number(value)
    if number is None or number != int(number):
        return None
    whole = int(number)
    if name == "frc" and whole in (Force.OFF, Force.ON):
        on = whole == Force.ON
        return LegacySetting(
            "alw", int(on), lambda status: None if status.read("alw") is None else status.read("alw") is on
        )
    if name == "amp":
        key = "amx" if firmware is None or firmware >= AMX_SINCE else "amp"
        return LegacySetting(
            key, whole, lambda status: whole == status.read("amp") or str(status.raw.get(KEPT + "amx")) == str(whole)
        )
    return None
