"""The gateway's reasons in the words of `modelStatus`: one row per reason, none left out, nothing that strict clients refuse.

The numbers were made for a box that decides by itself, so some rows are the nearest word there is:

- What comes from waiting for the sun is `FALLBACK_PRICE` (17), which a real one says while its eco logic waits.
- What comes from a minimum time, a fuse or a budget is over by itself: `MIN_PAUSE` (24). Load management has a number of its
  own (27), which clients with a closed list refuse.
- A place where the car is left alone is `ACCESS_CONTROL` (2): whoever starts it is let in.
- While a command is on its way, or does not get through, the box shows what it wants: it allows charging (`alw`), and `car`
  tells that the car does not take it, as a real one has it with a car that sleeps. Where it does not want to charge, it waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sunbox.core.reasons import ReasonCode
from sunbox.dialects.goe.words import ModelStatus


@dataclass(frozen=True, slots=True)
class Words:
    """What is said for one reason."""

    offered: ModelStatus  #: while the set-point is to charge
    held: ModelStatus  #: while it is not
    is_wish: bool = False  #: `offered` is the wish's own: `PV_SURPLUS` where it follows the sun


def _both(status: ModelStatus) -> Words:
    return Words(status, status)


_ON_ITS_WAY = Words(ModelStatus.FALLBACK_DEFAULT, ModelStatus.FALLBACK_PRICE, is_wish=True)
_WAITS_FOR_SUN = _both(ModelStatus.FALLBACK_PRICE)
_LEFT_ALONE = _both(ModelStatus.ACCESS_CONTROL)
_OVER_BY_ITSELF = _both(ModelStatus.MIN_PAUSE)
_FULL = _both(ModelStatus.ENERGY_LIMIT)

WORDS: Mapping[ReasonCode, Words] = {
    ReasonCode.NEVER_SEEN: _both(ModelStatus.NO_CHARGE_CONTROLLER),
    ReasonCode.NOT_PLUGGED: _WAITS_FOR_SUN,
    ReasonCode.AWAY: _LEFT_ALONE,
    ReasonCode.AT_CHARGER: _LEFT_ALONE,
    ReasonCode.PLACE_UNKNOWN: _LEFT_ALONE,
    ReasonCode.NOT_PV_PLACE: _LEFT_ALONE,
    ReasonCode.FAST_CHARGER: _LEFT_ALONE,
    ReasonCode.MODE_OFF: _WAITS_FOR_SUN,
    ReasonCode.OWN_SCHEDULE: _both(ModelStatus.SCHEDULER),
    ReasonCode.OTHER_MANAGER: _both(ModelStatus.FALLBACK_DEFAULT),
    ReasonCode.STOPPED_BY: _both(ModelStatus.FORCED_OFF),
    ReasonCode.TARGET_REACHED: _FULL,
    ReasonCode.COMPLETE: _FULL,
    ReasonCode.CAR_IDLE: _ON_ITS_WAY,
    ReasonCode.CHARGING_NOW: _both(ModelStatus.FALLBACK_DEFAULT),
    ReasonCode.CHARGING_BY: _both(ModelStatus.FORCED_ON),
    ReasonCode.CHARGING_PV: _both(ModelStatus.PV_SURPLUS),
    ReasonCode.CHARGING_MINIMUM: _both(ModelStatus.PV_SURPLUS),
    ReasonCode.CHARGING_HELD: _both(ModelStatus.PV_SURPLUS),
    ReasonCode.CHARGING_GUARANTEED: _both(ModelStatus.PAUSE_NOT_ALLOWED),
    ReasonCode.SURPLUS_LOW: _WAITS_FOR_SUN,
    ReasonCode.SURPLUS_STARTING: _OVER_BY_ITSELF,
    ReasonCode.START_PRICE: _WAITS_FOR_SUN,
    ReasonCode.GRID_STALE: _WAITS_FOR_SUN,
    ReasonCode.GRID_STALE_HOLD: _both(ModelStatus.PV_SURPLUS),
    ReasonCode.SUN_DOWN: _WAITS_FOR_SUN,
    ReasonCode.OFF_GRID: _WAITS_FOR_SUN,
    ReasonCode.FUSE: _OVER_BY_ITSELF,
    ReasonCode.WAKING: _ON_ITS_WAY,
    ReasonCode.WAKE_FAILED: _ON_ITS_WAY,
    ReasonCode.STARTING: _ON_ITS_WAY,
    ReasonCode.STOPPING: _ON_ITS_WAY,
    ReasonCode.REFUSED: _ON_ITS_WAY,
    ReasonCode.NO_POWER: _ON_ITS_WAY,
    ReasonCode.RETRYING: _ON_ITS_WAY,
    ReasonCode.RATE_LIMITED: _ON_ITS_WAY,
    ReasonCode.LOGIN_REQUIRED: _both(ModelStatus.NO_CHARGE_CONTROLLER),
    ReasonCode.BUDGET: _OVER_BY_ITSELF,
    ReasonCode.CHARGER_HOLDS: _ON_ITS_WAY,
    ReasonCode.CHARGER_SILENT: _both(ModelStatus.NO_CHARGE_CONTROLLER),
    ReasonCode.CHARGER_FAULT: _both(ModelStatus.NO_CHARGE_CONTROLLER),
}


def status_from_reason(code: ReasonCode, *, charges: bool, follows_sun: bool) -> ModelStatus:
    """Return the word for a reason.

    Args:
        code: the reason.
        charges: the set-point is to charge.
        follows_sun: it does so by the surplus.
    """
    words = WORDS[code]
    if not charges:
        return words.held
    return ModelStatus.PV_SURPLUS if words.is_wish and follows_sun else words.offered
