"""All that a box knows, as one frozen value, so that it can be kept, compared and begun again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sunbox.dialects.goe.decide import Behind
from sunbox.dialects.goe.keys import Access, Json
from sunbox.dialects.goe.keys_later import CARDS, NO_CARD
from sunbox.dialects.goe.table import KEYS
from sunbox.dialects.goe.words import ModelStatus

SURPLUS_LASTS_S = 10.0
"""How long `ids` counts."""
LIMIT_LASTS_S = 600.0
"""How long `tcl` counts."""
TRANSACTION_LASTS_S = 60.0
"""How long a transaction waits for a car."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """The rules in which a real device and a loadpoint that plays one differ."""

    keeps_wish: bool  #: `frc` outlives unplugging and booting; the device falls back to neutral, and `alw` becomes true
    is_physical: (
        bool  #: it boots again when told (`rst`), simulates unplugging (`su`), and `hai` and `hla` take the API away
    )


DEVICE = Conduct(keeps_wish=False, is_physical=True)
LOADPOINT = Conduct(keeps_wish=True, is_physical=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the box says that it is."""

    serial: str = "000000"  #: 6 digits; topics and names in the network are made of it
    name: str = "go-eCharger"
    variant: int = 22  #: 11 or 22 kW; some clients write every current above 16 A down to 16 with 11
    ssid: str = ""
    ip: str = "127.0.0.1"

    def __post_init__(self) -> None:
        if not (self.serial.isascii() and self.serial.isdigit() and len(self.serial) == 6):
            raise ValueError(f"go-e serial {self.serial!r}: allowed are 6 digits")
        if self.variant not in (11, 22):
            raise ValueError(f"go-e variant {self.variant!r}: allowed is 11 or 22")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One place for an RFID card."""

    name: str = NO_CARD
    energy_wh: float = 0.0
    rfid: str | None = None  #: never shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus:
    """What `ids` told, W: grid + = import, battery + = discharging."""

    grid_w: float
    pv_w: float | None = None
    battery_w: float | None = None
    at: datetime

    def is_fresh(self, at: datetime) -> bool:
        """Return whether it still counts."""
        return 0 <= (at - self.at).total_seconds() <= SURPLUS_LASTS_S


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxState:
    """A box at one instant."""

    at: datetime
    booted_at: datetime
    boots: int = 1
    values: Mapping[str, Json]  #: what can be set, and what is the same for ever
    behind: Behind = field(default_factory=Behind)
    status: ModelStatus = ModelStatus.FALLBACK_DEFAULT  #: what the box decided by its own settings
    shown: ModelStatus = ModelStatus.FALLBACK_DEFAULT  #: key `modelStatus`, and with it `alw`
    has_charged: bool = False  #: since it was plugged in
    last_phases: int = 0  #: how many were closed last; 0 = none since boot
    charge_s: float = 0.0  #: how long, since it was plugged in
    session_wh: float = 0.0
    total_wh: float = 0.0
    average_w: float = 0.0  #: of 30 s
    most_w: float = 0.0
    cards: tuple[Card, ...] = (Card(rfid="00000000"),) + (Card(),) * (CARDS - 1)
    last_card: tuple[str, int | None] | None = None  #: id and index of the card that was read last
    surplus: Surplus | None = None
    limit_at: datetime | None = None  #: when `tcl` was told
    lonely_at: datetime | None = None  #: since when a transaction has no car
    stamps: Mapping[str, int] = field(default_factory=dict)  #: keys that tell when something happened, ms since boot

    @property
    def since_boot_ms(self) -> int:
        """Return key `rbt`."""
        return max(0, round((self.at - self.booted_at).total_seconds() * 1000))

    @property
    def told_session_wh(self) -> float:
        """Return key `wh`."""
        return self.session_wh if self.behind.session_wh is None else self.behind.session_wh

    @property
    def is_plugged(self) -> bool:
        """Return whether a car is known to be plugged in."""
        return bool(self.behind.is_plugged)


def first_state(at: datetime, identity: Identity | None = None) -> BoxState:
    """Return a box as it comes out of its carton."""
    who = identity or Identity()
    name = f"go-eCharger-{who.serial}"
    values: dict[str, Json] = {key.name: key.default for key in KEYS if key.access is not Access.W}
    values |= {
        "sse": who.serial,
        "fna": who.name,
        "ffna": f"go-eCharger_{who.serial}",
        "host": f"go-echarger_{who.serial}",
        "fwan": name,
        "wan": name,
        "var": who.variant,
        "ccw": {
            "ssid": who.ssid,
            "encryptionType": 3,
            "channel": 6,
            "ip": who.ip,
            "netmask": "255.255.255.0",
            "gw": who.ip,
            "dns0": who.ip,
        },
    }
    if who.variant == 11:
        values |= {"ama": 16, "clp": [6, 10, 12, 14, 16]}
    return BoxState(at=at, booted_at=at, values=values)
