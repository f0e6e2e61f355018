"""All that the core can ask of the shell. A closed vocabulary; effects are carried out in order."""

from __future__ import annotations

from dataclasses import dataclass

from sunbox.core.commands import Command, ReadKind
from sunbox.core.model import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """Make `memory` durable before any later effect of the same step is carried out."""

    memory: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send one command to a device. Ends in `CommandEnded` with the same `exchange_id`."""

    device_id: str
    exchange_id: int
    command: Command
    may_pay: bool = True  #: False = only by a way that costs nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Read a device that is not polled freely. Ends in `VehicleRead` or `ReadFailed` with the same `exchange_id`."""

    device_id: str
    exchange_id: int
    what: ReadKind
    may_pay: bool = True  #: False = only by a way that costs nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldBattery:
    """Keep the home battery from feeding cars that charge fast on purpose, or let it work again."""

    is_held: bool


Effect = Remember | Send | Read | HoldBattery
