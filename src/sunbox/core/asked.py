"""What may be asked, and what a charging command means for the loadpoint of the car.

Some commands change the wish, the others are ordered once (`orders.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sunbox.core.commands import CommandName, Outcome
from sunbox.core.model import Override, Terms
from sunbox.core.reasons import Reason, ReasonCode, ReasonKind
from sunbox.core.settings import Capabilities
from sunbox.core.wallbox import Rejected, Request

TERMS_W, TERMS_S = 1e6, 24 * 3600.0
TERMS: dict[str, tuple[float, float]] = {
    "start_w": (0.0, TERMS_W),
    "import_w": (0.0, TERMS_W),
    "stop_after_s": (0.0, TERMS_S),
    "grid_max_w": (0.0, TERMS_W),
    "grid_grace_s": (0.0, TERMS_S),
}
"""What each term may be, beside the smallest current, which is the device's business."""


def wrong_terms(terms: Terms, capabilities: Capabilities) -> Rejected | None:
    """Return which of the terms cannot be had, None if all can."""
    ranges = {"min_a": (capabilities.min_a, capabilities.max_a), **TERMS}
    for name, (least, most) in ranges.items():
        value = getattr(terms, name)
        if value is not None and not least <= value <= most:
            return Rejected(f"terms.{name}", f"{value:g}", f"{least:.0f} to {most:.0f}")
    return None


WISHES: dict[CommandName, Callable[[Any], dict[str, Any]]] = {
    CommandName.START: lambda _: {"override": Override.CHARGE},
    CommandName.STOP: lambda _: {"override": Override.STOP},
    CommandName.SET_AMPS: lambda amps_a: {"amps_a": amps_a},
    CommandName.SET_LIMIT: lambda percent: {"target_soc_pct": percent},
}
"""Commands that change what is wished, and the fields of `Request` that they set."""


def request_of(name: CommandName, value: int | None, *, loadpoint_id: str, by: str) -> Request:
    """Return the wish that a command of `WISHES` makes.

    Args:
        name: the command.
        value: amps or percent, where it has one.
        loadpoint_id: where the car charges.
        by: who asks.
    """
    return Request(loadpoint_id=loadpoint_id, by=by, **WISHES[name](value))


_BLOCKS = frozenset({ReasonCode.REFUSED, ReasonCode.LOGIN_REQUIRED})
"""What holds back any command; the other reasons speak of charging only."""
_UNDER_WAY = frozenset({ReasonKind.CHARGING, ReasonKind.STARTING})


def is_wish_done(name: CommandName, reason: Reason) -> bool:
    """Return whether a wish was carried out, by the reason of its loadpoint once nothing is under way there any more."""
    return reason.kind in _UNDER_WAY if name is CommandName.START else reason.code not in _BLOCKS


def is_order_done(outcome: Outcome) -> bool:
    """Return whether nobody should repeat an order: it was done, or may have been, and some orders add."""
    return outcome not in (Outcome.REFUSED, Outcome.NOT_DELIVERED)
