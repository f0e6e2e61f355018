"""What some firmware and hardware does wrong, as rows: a driver asks for the quirks of a device and never for its version.

Sources: goecharger/go-eCharger-API-v2 (ISS) 302, 306, 321, its README on filters before 051.4; marq24/ha-goecharger-api2 on
adapters of CORE and PRO.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sunbox.dialects.goe.keys import NEWEST, Firmware


class Quirk(StrEnum):
    """One thing that is not as the documents say."""

    JSON_FILTER = "json_filter"  #: a filter is a JSON array of at most ten keys
    ZEROS_WHILE_CHARGING = "zeros_while_charging"  #: `nrg` is all zeros although current flows
    ADAPTER_MEANS_NOTHING = "adapter_means_nothing"  #: `adi` is always true
    MQTT_IGNORES_WRITES = "mqtt_ignores_writes"  #: `frc` and `amp` are ignored there, over HTTP they work


@dataclass(frozen=True, slots=True)
class QuirkRow:
    """Which devices have a quirk. A firmware that is not known has none."""

    quirk: Quirk
    applies: Callable[[Firmware, str], bool]  #: given number and `typ`
    help: str


QUIRKS: tuple[QuirkRow, ...] = (
    QuirkRow(Quirk.JSON_FILTER, lambda firmware, _: firmware < (51, 4), "until 051.3"),
    QuirkRow(Quirk.ZEROS_WHILE_CHARGING, lambda firmware, _: firmware == (60, 4), "60.4, seen on PRO (ISS 321)"),
    QuirkRow(Quirk.ADAPTER_MEANS_NOTHING, lambda _, typ: "phoenix" in typ.lower(), "CORE and PRO"),
    QuirkRow(Quirk.MQTT_IGNORES_WRITES, lambda firmware, _: firmware == (60, 3), "60.3 (ISS 306)"),
)

NO_QUIRKS: frozenset[Quirk] = frozenset()

MOST_KEYS_IN_JSON = 10
"""The parser of old firmware runs out of memory with more."""


def quirks_of(firmware: Firmware | None, typ: str = "") -> frozenset[Quirk]:
    """Return the quirks of a device."""
    return frozenset(row.quirk for row in QUIRKS if row.applies(firmware or NEWEST, typ))
