"""What a box keeps when it is switched off, as a JSON document, and back: settings, cards and counters.

Of settings only those that are not as delivered, so that a newer version's defaults count. Of secrets only whether there is
one. What a document has that a box cannot have is left out and named; a box begins in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sunbox.dialects.goe.keys import Access, Category, Json
from sunbox.dialects.goe.keys_later import CARD_KEYS
from sunbox.dialects.goe.keys_source import EMPTY_WIFI, WIFIS
from sunbox.dialects.goe.profiles import Profile, keys_of
from sunbox.dialects.goe.settings import kept
from sunbox.dialects.goe.state import BoxState, Card
from sunbox.dialects.goe.table import BY_NAME, KEYS
from sunbox.dialects.goe.wire import is_number

VERSION = 1
"""Of the document. A newer one is not read: what its keys mean is not known here."""

VOLATILE = frozenset({"tcl", "su", "mcpea", "cards", *(key.name for key in CARD_KEYS)})
"""Settable keys that a device forgets when it is switched off, or keeps elsewhere (cards)."""

KEPT = (
    *(
        key.name
        for key in KEYS
        if key.access is Access.RW and key.category is Category.CONFIG and key.name not in VOLATILE
    ),
    "trx",
)
"""Settable keys that outlive it, and the transaction: who was let in is not shut out by it."""

MOST_WH = 1e12
MOST_S = 1e9
MOST_CARD_CHARS = 64


@dataclass(frozen=True, slots=True)
class Restored:
    """A box as it was, and what of the document could not be used."""

    state: BoxState
    problems: tuple[str, ...] = ()


def document_from_state(state: BoxState, delivered: BoxState) -> dict[str, Json]:
    """Return what is to be kept of a box.

    Args:
        state: as it is.
        delivered: as it would be, had nobody told it anything.
    """
    return {
        "version": VERSION,
        "settings": {name: state.values[name] for name in KEPT if state.values.get(name) != delivered.values.get(name)},
        "cards": [
            {"name": card.name, "energy_wh": round(card.energy_wh, 1), "has_id": card.rfid is not None}
            for card in state.cards
        ],
        "counters": {
            "total_wh": round(state.total_wh, 1),
            "session_wh": round(state.session_wh, 1),
            "charge_s": round(state.charge_s),
            "most_w": round(state.most_w, 1),
            "boots": state.boots,
        },
        "car": {"is_plugged": state.is_plugged, "has_charged": state.has_charged},
    }


def is_worth_keeping_soon(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """Return whether more than counters differ: those change all the time, and memory wears out."""
    return _lasting(old) != _lasting(new)


def _lasting(document: Mapping[str, Json]) -> dict[str, Json]:
    """Return a document without what is only counted."""
    cards = document.get("cards")
    return {
        **{name: part for name, part in document.items() if name not in ("counters", "cards")},
        "cards": [
            {name: told for name, told in card.items() if name != "energy_wh"} if isinstance(card, dict) else None
            for card in (cards if isinstance(cards, list) else ())
        ],
    }


def restored(state: BoxState, document: Mapping[str, Json], profile: Profile) -> Restored:
    """Return a box that goes on where the document ends.

    Args:
        state: as delivered.
        document: what was kept, by whatever version; nothing of it is trusted.
        profile: whose keys.
    """
    version = document.get("version")
    if version != VERSION:
        return Restored(state, (f"version {str(version)[:20]}: this one reads {VERSION}",))
    values, problems = _settings(state, _part(document, "settings"), profile)
    counters, car = _part(document, "counters"), _part(document, "car")
    return Restored(
        replace(
            state,
            values=values,
            cards=_cards(state, document.get("cards")),
            total_wh=_amount(counters.get("total_wh"), state.total_wh, MOST_WH),
            session_wh=_amount(counters.get("session_wh"), state.session_wh, MOST_WH),
            charge_s=_amount(counters.get("charge_s"), state.charge_s, MOST_S),
            most_w=_amount(counters.get("most_w"), state.most_w, MOST_WH),
            boots=round(_amount(counters.get("boots"), 0.0, MOST_S)) + 1,
            has_charged=car.get("has_charged") is True,
            behind=replace(state.behind, is_plugged=car.get("is_plugged") is True),
        ),
        tuple(problems),
    )


def _part(document: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    part = document.get(name)
    return part if isinstance(part, dict) else {}


def _settings(state: BoxState, told: Mapping[str, Json], profile: Profile) -> tuple[Mapping[str, Json], list[str]]:
    """Return the settings with those of the document, each by itself, and what was wrong."""
    values, problems = dict(state.values), list[str]()
    known, outlives = keys_of(profile), frozenset(KEPT)
    for name, value in told.items():
        if name not in outlives or name not in known:
            continue  # of another generation of firmware, or of another version of sunbox
        found = kept(BY_NAME[name], value, profile, values["var"])
        if found is not None:
            values[name] = _wifis(found.value, value) if name == "wifis" else found.value
        else:
            problems.append(f"{name}: it cannot have this value")
    return values, problems


def _wifis(entries: list[Json], told: list[Json]) -> list[Json]:
    """Return networks with everything that readers of them rely on, and of their keys whether there is one."""
    whole = [
        {**EMPTY_WIFI, **entry, "key": as_told.get("key") is True} for entry, as_told in zip(entries, told, strict=True)
    ]
    return [*whole, *[EMPTY_WIFI] * (WIFIS - len(whole))]


def _cards(state: BoxState, told: Json) -> tuple[Card, ...]:
    cards = list(state.cards)
    for index, entry in enumerate(told if isinstance(told, list) else ()):
        if index >= len(cards) or not isinstance(entry, dict):
            break
        name, card = entry.get("name"), cards[index]
        cards[index] = Card(
            name=name if isinstance(name, str) and len(name) <= MOST_CARD_CHARS else card.name,
            energy_wh=_amount(entry.get("energy_wh"), card.energy_wh, MOST_WH),
            rfid=(card.rfid or "") if entry.get("has_id") is True else None,
        )
    return tuple(cards)


def _amount(value: Json, otherwise: float, most: float) -> float:
    return float(value) if is_number(value) and 0 <= value <= most else otherwise
