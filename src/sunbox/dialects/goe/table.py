"""The keys of go-eCharger API v2 as rows, each once; all else about a key derives from its row.

Rows: `keys_source.py` (the 90 of the first document), `keys_later.py` and `keys_device.py` (those that came later).
"""

from __future__ import annotations

from sunbox.dialects.goe.keys import Key
from sunbox.dialects.goe.keys_device import DEVICE, NETWORK
from sunbox.dialects.goe.keys_later import CARD_KEYS, LIMITS, MEASURED, PRICES, SURPLUS
from sunbox.dialects.goe.keys_source import source_keys

GROUPS: dict[str, tuple[Key, ...]] = {
    "The first document": source_keys(),
    "Measured and computed": MEASURED,
    "Limits and behaviour": LIMITS,
    "PV surplus": SURPLUS,
    "Prices and trips": PRICES,
    "The device": DEVICE,
    "Connections": NETWORK,
    "Cards since 60.0": CARD_KEYS,
}
"""All keys, in the order of an answer."""

KEYS: tuple[Key, ...] = tuple(key for group in GROUPS.values() for key in group)

BY_NAME: dict[str, Key] = {key.name: key for key in KEYS}

SOURCE_KEYS: tuple[Key, ...] = tuple(key for key in KEYS if key.is_in_source)

COLORS: frozenset[str] = frozenset({"cid", "cwc", "cch", "cfi"})
SCHEDULES: tuple[str, str, str] = ("sch_week", "sch_satur", "sch_sund")
BUTTON_LOCKS: frozenset[str] = frozenset({"bac", "sdp"})
