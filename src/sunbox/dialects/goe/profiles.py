"""Generations of firmware and hardware, as far as their answers differ. A face or a simulated charger is one of them.

Sources: the manufacturer's exports per firmware and the issues of goecharger/go-eCharger-API-v2 (312: 400 with a complete
body), evcc-io/evcc 32510 and 33794 (CORE 60.5), marq24/ha-goecharger-api2 66 and 160 (unknown keys as null).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from sunbox.dialects.goe.keys import Firmware, Key, firmware_from_wire
from sunbox.dialects.goe.table import KEYS
from sunbox.dialects.goe.words import FAULTS_SINCE_59, FAULTS_UNTIL_58, WIDELY_KNOWN_STATUSES, Fault, ModelStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One generation."""

    name: str  #: as the configuration calls it
    fwv: str  #: what it says of itself
    typ: str = "go-eCharger"
    is_400_for_unknown: bool = False  #: an unknown key in a filter makes it 400, with everything else in the body
    null_keys: frozenset[str] = frozenset()  #: keys it does not have and answers with null
    missing: frozenset[str] = frozenset()  #: keys its hardware lacks
    always_adapter: bool = False  #: says `adi` true whatever is plugged in
    clears_wh_at_unplug: bool = False  #: others keep `wh` until the next car
    has_split_seconds: bool = False  #: writes times as `….042.171`, as 053 was seen to do
    statuses: frozenset[ModelStatus] = WIDELY_KNOWN_STATUSES  #: what it says in `modelStatus`

    @property
    def firmware(self) -> Firmware:
        """Return its number."""
        return firmware_from_wire(self.fwv) or (0, 0)

    @property
    def locks_are_bool(self) -> bool:
        """Return whether `bac` and `sdp` are true or false."""
        return self.firmware < (55, 0)

    @property
    def least_phase_mode(self) -> int:
        """Return the least `psm`: 0, auto, came with 052."""
        return 0 if self.firmware >= (52, 0) else 1

    @property
    def lot_is_object(self) -> bool:
        """Return whether `lot` is an object."""
        return self.firmware >= (55, 0)

    def has(self, key: Key) -> bool:
        """Return whether it has a key."""
        return key.name not in self.missing and key.is_known_to(self.firmware)


@cache
def keys_of(profile: Profile) -> Mapping[str, Key]:
    """Return the keys that a profile has, by name, in the order of its answers."""
    return {key.name: key for key in KEYS if profile.has(key)}


CORE_LACKS = frozenset({"cbl", "cus", "ffb", "lck", "upo", "sdp", "bac", "ust"})

_NEWER = WIDELY_KNOWN_STATUSES | {ModelStatus.ERROR}

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(name="051", fwv="051.4", has_split_seconds=True),
        Profile(name="055", fwv="055.5"),
        Profile(name="59.4", fwv="59.4", statuses=_NEWER),
        Profile(name="60.3", fwv="60.3", typ="go-eCharger_V4", is_400_for_unknown=True, statuses=_NEWER),
        Profile(
            name="60.5-core",
            fwv="60.5",
            typ="go-eCharger_Phoenix",
            is_400_for_unknown=True,
            null_keys=frozenset({"cae", "fwc", "ccrv", "cll"}),
            missing=CORE_LACKS | {"cll"},
            always_adapter=True,
            clears_wh_at_unplug=True,
            statuses=frozenset(ModelStatus),
        ),
    )
}

STANDARD = PROFILES["055"]
"""What a face is unless told otherwise: every readable key of the first document, and nothing that strict clients refuse."""


def faults_of(firmware: Firmware | None) -> Mapping[int, Fault]:
    """Return the list of `err` that a firmware uses; the older one while it is not known."""
    return FAULTS_UNTIL_58 if firmware is None or firmware < (59, 0) else FAULTS_SINCE_59


def fault_from_wire(number: int, firmware: Firmware | None) -> Fault | None:
    """Return what `err` means, None if no list has it. Above 10 an unknown firmware says nothing."""
    if firmware is None and number > max(Fault.CONTACTOR_MISSING, 10):
        return None
    return faults_of(firmware).get(number)


def fault_to_wire(fault: Fault, firmware: Firmware) -> int:
    """Return the number of a fault; what a firmware has no number for is its `UNKNOWN`."""
    numbers = {meaning: number for number, meaning in faults_of(firmware).items()}
    return numbers.get(fault, numbers[Fault.UNKNOWN])
