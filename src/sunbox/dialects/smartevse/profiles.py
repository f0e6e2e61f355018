"""Generations of firmware, as far as their documents and answers differ. A face or a simulated box is one of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sunbox.dialects.smartevse.table import (
    ON_MODEM,
    ON_OCPP,
    ROWS,
    V3_5_DEV,
    V3_8,
    V3_10,
    V3_10_3,
    V3_11,
    V3_11_1,
    Kind,
    Row,
    Version,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One generation."""

    name: str  #: as the configuration calls it
    version: str  #: what it says of itself
    number: Version
    has_ocpp: bool = True

    @property
    def has_pause(self) -> bool:
        """Return whether mode 4 is taken; `evse.access` is a number since then."""
        return self.number >= V3_8

    @property
    def has_watt_hours(self) -> bool:
        """Return whether energies are whole Wh and powers whole W."""
        return self.number >= V3_10

    @property
    def omits_no_energy(self) -> bool:
        """Return whether energies of 0 are left out."""
        return self.number >= V3_10_3

    @property
    def has_rfid_request(self) -> bool:
        """Return whether POST /rfid is answered."""
        return self.number >= V3_10_3

    @property
    def has_power_day(self) -> bool:
        """Return whether GET /power_day is answered."""
        return self.number >= V3_11

    @property
    def is_chunked(self) -> bool:
        """Return whether JSON comes in pieces, without a line's end behind it."""
        return self.number >= V3_11_1


@cache
def rows_of(profile: Profile) -> tuple[Row, ...]:
    """Return the rows that a profile's document can have, in its order."""
    lacks = {ON_MODEM} | (set() if profile.has_ocpp else {ON_OCPP})
    return tuple(row for row in ROWS if row.is_known_to(profile.number) and row.optional not in lacks)


@cache
def kinds_of(profile: Profile) -> dict[str, Kind]:
    """Return the type of each path of a profile."""
    return {row.path: row.kind for row in rows_of(profile)}


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(name="3.5", version="21:02:46 @Jan  3 2024", number=V3_5_DEV, has_ocpp=False),
        Profile(name="3.6", version="v3.6.10", number=(3, 6, 10), has_ocpp=False),
        Profile(name="3.9", version="v3.9.2", number=(3, 9, 2)),
        Profile(name="3.10", version="v3.10.0", number=(3, 10, 0)),
        Profile(name="3.11", version="v3.11.1", number=(3, 11, 1)),
    )
}

STANDARD = PROFILES["3.11"]
"""What a face is unless told otherwise."""
