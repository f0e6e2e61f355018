"""The values of the keys, made from a box's state when they are read, each by itself: a filtered status costs what it asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sunbox.dialects.goe.decide import LEAST_A, decide_car, limits_a, may_charge
from sunbox.dialects.goe.keys import Json
from sunbox.dialects.goe.keys_later import CARDS
from sunbox.dialects.goe.profiles import Profile, fault_to_wire, keys_of
from sunbox.dialects.goe.state import BoxState
from sunbox.dialects.goe.table import KEYS
from sunbox.dialects.goe.times import local_offset_min, local_time, time_to_wire, zone_to_wire
from sunbox.dialects.goe.wire import Energies, energies_to_wire, plain
from sunbox.dialects.goe.words import ButtonLock, Car, PhaseMode

RELAY_FEEDBACK = 1650
"""What real devices say in `rfb`, about, whatever they do."""


@dataclass(frozen=True, slots=True)
class View:
    """A state, seen through a generation of firmware."""

    state: BoxState
    profile: Profile

    @property
    def is_allowed(self) -> bool:
        """Return whether the car may charge."""
        return may_charge(self.state.shown)

    @property
    def car(self) -> Car | None:
        """Return the state of the car."""
        return decide_car(self.state.behind, has_charged=self.state.has_charged)

    @property
    def limit_a(self) -> int:
        """Return the least of all limits."""
        return min(limits_a(self.state.values, self.state.behind).values())


def _nrg(view: View) -> list[float]:
    behind = view.state.behind
    (volts_1, volts_2, volts_3), (on_1, on_2, on_3) = behind.volts_v, behind.supplied
    one, two, three = (100.0 if amps > 0 else 0.0 for amps in behind.amps_a)
    return energies_to_wire(
        Energies(
            volts_v=(volts_1 * on_1, volts_2 * on_2, volts_3 * on_3),
            amps_a=behind.amps_a,
            powers_w=behind.phase_powers_w,
            total_w=behind.power_w,
            power_factors_pct=(one, two, three),
        )
    )


def _stamp(name: str) -> Callable[[View], Json]:
    return lambda view: view.state.stamps.get(name)


def _stamp_or_0(name: str) -> Callable[[View], Json]:
    return lambda view: view.state.stamps.get(name, 0)


def _surplus(name: str) -> Callable[[View], Json]:
    def read(view: View) -> Json:
        surplus = view.state.surplus
        return plain(getattr(surplus, name)) if surplus is not None and surplus.is_fresh(view.state.at) else None

    return read


def _average(name: str) -> Callable[[View], Json]:
    return lambda view: plain(getattr(view.state.surplus, name, None) or 0)


def _lock(name: str) -> Callable[[View], Json]:
    def read(view: View) -> Json:
        stored = view.state.values[name]
        return stored == ButtonLock.NEVER if view.profile.locks_are_bool else stored

    return read


def _wifis(view: View) -> Json:
    return [{**wifi, "key": bool(wifi["key"])} for wifi in view.state.values["wifis"]]


def _cards(view: View) -> Json:
    return [
        {"name": card.name, "energy": round(card.energy_wh), "cardId": card.rfid is not None}
        for card in view.state.cards
    ]


def _lot(view: View) -> Json:
    stored = view.state.values["lot"]
    told = stored if isinstance(stored, dict) else {"amp": stored}
    return {"ts": 0, **told} if view.profile.lot_is_object else told["amp"]


def _age_ms(view: View) -> Json:
    surplus = view.state.surplus
    return None if surplus is None else round((view.state.at - surplus.at).total_seconds() * 1000)


def _duration(view: View) -> Json:
    state = view.state
    if state.behind.is_charging:
        return {"type": 0, "value": round(state.charge_s * 1000)}
    return {"type": 1, "value": round(state.charge_s * 1000)}


def _err(view: View) -> Json:
    behind = view.state.behind
    return None if behind.is_plugged is None else fault_to_wire(behind.fault, view.profile.firmware)


def _utc(view: View) -> Json:
    utc = view.state.at.replace(tzinfo=None)
    return time_to_wire(utc, split=view.profile.has_split_seconds)


def _loc(view: View) -> Json:
    wall = local_time(view.state.at, view.state.values)
    return time_to_wire(wall, split=view.profile.has_split_seconds) + zone_to_wire(_offset_min(view))


def _offset_min(view: View) -> int:
    return local_offset_min(view.state.at, view.state.values["tof"], view.state.values["tds"])


def _is_single(view: View) -> bool:
    mode = view.state.values["psm"]
    return bool(mode == PhaseMode.ONE or (mode == PhaseMode.AUTO and sum(view.state.behind.closed) == 1))


_LEDS = {Car.CHARGING: "Charging", Car.WAIT_CAR: "WaitCar", Car.COMPLETE: "Finished", Car.ERROR: "Error"}

COMPUTED: Mapping[str, Callable[[View], Json]] = {
    "rfb": lambda _: RELAY_FEEDBACK,
    "alw": lambda view: view.is_allowed,
    "acu": lambda view: view.limit_a if view.is_allowed and view.limit_a >= LEAST_A else None,
    "acui": lambda view: view.limit_a,
    "adi": lambda view: view.profile.always_adapter or view.state.behind.has_adapter,
    "tpa": lambda view: plain(round(view.state.average_w, 1)),
    "mmp": lambda view: plain(round(view.state.most_w, 1)),
    "eto": lambda view: int(view.state.total_wh),
    "etop": lambda view: int(view.state.total_wh),
    "wh": lambda view: plain(round(view.state.told_session_wh, 3)),
    "wifis": _wifis,
    "scaa": lambda view: view.state.since_boot_ms % 10_000,
    "rssi": lambda view: view.state.behind.rssi_dbm,
    "tsss": lambda view: 1 if view.state.values["tse"] else 0,
    "utc": _utc,
    "loc": _loc,
    "lto": lambda view: _offset_min(view) * 60_000,
    "tab": lambda view: round(view.state.booted_at.timestamp() * 1000),
    "led": lambda view: {"id": int(view.car or 0), "name": _LEDS.get(view.car or Car.IDLE, "Idle")},
    "bac": _lock("bac"),
    "sdp": _lock("sdp"),
    "lbp": _stamp("lbp"),
    "lck": lambda view: view.state.values["ust"],
    "cus": lambda view: 3 if view.state.is_plugged else 1,
    "fsp": _is_single,
    "rbc": lambda view: view.state.boots,
    "rbt": lambda view: view.state.since_boot_ms,
    "car": lambda view: None if view.car is None else int(view.car),
    "err": _err,
    "cbl": lambda view: view.state.behind.cable_a if view.state.is_plugged else None,
    "pha": lambda view: [*view.state.behind.closed, *view.state.behind.supplied],
    "fwv": lambda view: view.profile.fwv,
    "typ": lambda view: view.profile.typ,
    "nrg": _nrg,
    "cards": _cards,
    "pnp": lambda view: sum(amps > 0 for amps in view.state.behind.amps_a),
    "modelStatus": lambda view: int(view.state.shown),
    "cdi": _duration,
    "fhz": lambda view: view.state.behind.frequency_hz,
    "avgfhz": lambda view: view.state.behind.frequency_hz,
    "tma": lambda view: list(view.state.behind.temperatures_c),
    "amt": lambda view: view.state.behind.temperature_limit_a,
    "cll": lambda view: limits_a(view.state.values, view.state.behind),
    "loa": lambda view: view.state.behind.load_limit_a if view.state.values["loe"] else None,
    "lot": _lot,
    "pgrid": _surplus("grid_w"),
    "ppv": _surplus("pv_w"),
    "pakku": _surplus("battery_w"),
    "pvopt_averagePGrid": _average("grid_w"),
    "pvopt_averagePPv": _average("pv_w"),
    "pvopt_averagePAkku": _average("battery_w"),
    "inva": _age_ms,
    "lrc": lambda view: None if view.state.last_card is None else view.state.last_card[1],
    **{name: _stamp(name) for name in ("lccfc", "lccfi", "lcctc", "lfspt", "fsptws", "lrr")},
    **{name: _stamp_or_0(name) for name in ("lmsc", "alwt", "lpsc")},
}
"""Keys that are more than a stored value. All others are what was stored."""


def _card_readers(index: int) -> dict[str, Callable[[View], Json]]:
    return {
        f"c{index}n": lambda view: view.state.cards[index].name,
        f"c{index}e": lambda view: round(view.state.cards[index].energy_wh),
        f"c{index}i": lambda view: view.state.cards[index].rfid is not None,
    }


_READERS: Mapping[str, Callable[[View], Json]] = {
    **COMPUTED,
    **{name: read for index in range(CARDS) for name, read in _card_readers(index).items()},
}


_PLACES = {key.name: place for place, key in enumerate(KEYS)}


@lru_cache(maxsize=64)  # clients ask for the same ones again and again; whoever makes them up fills no memory
def _plan(profile: Profile, names: frozenset[str]) -> tuple[tuple[str, Callable[[View], Json] | None], ...]:
    """Return the keys to read, in the profile's order, each with what reads it; None = it is what was stored."""
    known = keys_of(profile)
    wanted = sorted((name for name in names if name in known), key=_PLACES.__getitem__) if names else known
    return tuple((name, _READERS.get(name)) for name in wanted if known[name].is_readable)


def read_keys(state: BoxState, profile: Profile, names: frozenset[str] = frozenset()) -> dict[str, Json]:
    """Return the values of these keys, or of all if none is named, as far as the profile has them, in its order."""
    view = View(state, profile)
    stored = state.values
    values: dict[str, Json] = {
        name: stored[name] if read is None else read(view) for name, read in _plan(profile, names)
    }
    values |= dict.fromkeys(profile.null_keys & names)
    return values
