"""How a bundle of settings changes what a box knows. WiFi, cards and passwords are a store of the box, nothing of the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sunbox.dialects.goe.keys import Json
from sunbox.dialects.goe.keys_later import CARDS, NO_CARD
from sunbox.dialects.goe.keys_source import EMPTY_WIFI
from sunbox.dialects.goe.state import BoxState, Card, Conduct, Surplus

Change = Callable[[BoxState, Json], BoxState]


def settled(state: BoxState, good: Mapping[str, Json], conduct: Conduct) -> BoxState:
    """Return the state after settings that were judged good, all of one request."""
    changed = state
    for name, value in good.items():
        if name in _CHANGES:
            changed = _CHANGES[name](changed, value)
        elif name in _NOT_KEPT or (name == "su" and not conduct.is_physical):
            continue
        else:
            changed = replace(changed, values={**changed.values, name: value})
    return changed


_NOT_KEPT = frozenset({"pass", "wak", "cak", "utc", "rst"})
"""Taken, and neither kept nor shown. `utc`: the clock is the host's, and a time server would put it right anyway."""


def _with(state: BoxState, **values: Json) -> BoxState:
    return replace(state, values={**state.values, **values})


def _with_wifis(state: BoxState, told: Json) -> BoxState:
    """Merge networks entry by entry."""
    wifis = state.values["wifis"]
    merged = [{**wifi, **entry} for wifi, entry in zip(wifis, told, strict=False)]
    return _with(state, wifis=[*merged, *wifis[len(merged) :]])


def _without_wifi(state: BoxState, index: Json) -> BoxState:
    wifis = list(state.values["wifis"])
    wifis[index] = EMPTY_WIFI
    return _with(state, wifis=wifis)


def _with_card(state: BoxState, index: int, card: Card) -> BoxState:
    return replace(state, cards=(*state.cards[:index], card, *state.cards[index + 1 :]))


def _with_cards(state: BoxState, told: Json) -> BoxState:
    changed = state
    for index, entry in enumerate(told):
        card = changed.cards[index]
        new = replace(card, name=entry.get("name", card.name), energy_wh=float(entry.get("energy", card.energy_wh)))
        changed = _with_card(changed, index, new)
    return changed


def _with_learned(state: BoxState, index: Json) -> BoxState:
    if state.last_card is None:
        return state
    return _with_card(state, index, replace(state.cards[index], rfid=state.last_card[0]))


def _with_surplus(state: BoxState, told: Json) -> BoxState:
    stamps = {**state.stamps, "lpsc": state.since_boot_ms}
    surplus = Surplus(grid_w=told["pGrid"], pv_w=told.get("pPv"), battery_w=told.get("pAkku"), at=state.at)
    return replace(state, surplus=surplus, stamps=stamps)


def _with_limit(state: BoxState, told: Json) -> BoxState:
    return replace(_with(state, tcl=told), limit_at=None if told is None else state.at)


def _with_transaction(state: BoxState, told: Json) -> BoxState:
    return replace(_with(state, trx=told), lonely_at=None if told is None or state.is_plugged else state.at)


def _with_total(state: BoxState, told: Json) -> BoxState:
    kept = state.values["lot"] if isinstance(state.values["lot"], dict) else {"amp": state.values["lot"]}
    return _with(state, lot={**kept, **(told if isinstance(told, dict) else {"amp": int(told)})})


def _card_name(index: int) -> Change:
    return lambda state, told: _with_card(state, index, replace(state.cards[index], name=told))


def _card_energy(index: int) -> Change:
    return lambda state, told: _with_card(state, index, replace(state.cards[index], energy_wh=float(told)))


def _card_id(index: int) -> Change:
    # of the id only that there is one: a card is learned by holding it to the device
    return lambda state, told: _with_card(state, index, replace(state.cards[index], rfid="" if told else None))


_CHANGES: Mapping[str, Change] = {
    "wifis": _with_wifis,
    "delw": _without_wifi,
    "cards": _with_cards,
    "lrn": _with_learned,
    "del": lambda state, index: _with_card(state, index, Card(name=NO_CARD)),
    "ids": _with_surplus,
    "tcl": _with_limit,
    "trx": _with_transaction,
    "lot": _with_total,
    **{f"c{index}n": _card_name(index) for index in range(CARDS)},
    **{f"c{index}e": _card_energy(index) for index in range(CARDS)},
    **{f"c{index}i": _card_id(index) for index in range(CARDS)},
}
