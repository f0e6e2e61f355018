"""What a box was set to before somebody else's start, stop or current, which end when the cable is taken out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sunbox.dialects.smartevse.state import MOST_DA, Setup
from sunbox.dialects.smartevse.table import Json
from sunbox.dialects.smartevse.words import Access, Regime


@dataclass(frozen=True, slots=True)
class Lent:
    """Settings that come back with the next car; None = that one is the box's own."""

    access: Access | None = None
    regime: Regime | None = None
    override_da: int | None = None

    def with_mode(self, setup: Setup) -> Lent:
        """Return it with a box's mode, unless that is lent already."""
        return self if self.access is not None else replace(self, access=setup.access, regime=setup.regime)

    def with_limit(self, setup: Setup) -> Lent:
        """Return it with a box's current, unless that is lent already."""
        return self if self.override_da is not None else replace(self, override_da=setup.override_da)

    def without_mode(self) -> Lent:
        """Return it with a mode that is the box's own."""
        return replace(self, access=None, regime=None)

    def given_back(self, setup: Setup) -> Setup:
        """Return a box's settings with what was lent; in SOLAR there is no current."""
        if self.access is not None and self.regime is not None:
            setup = replace(setup, access=self.access, regime=self.regime)
        if self.override_da is not None:
            setup = replace(setup, override_da=0 if setup.regime is Regime.SOLAR else self.override_da)
        return setup

    def document(self) -> dict[str, Json]:
        """Return what is kept of it."""
        return {
            "access": None if self.access is None else int(self.access),
            "regime": None if self.regime is None else int(self.regime),
            "override_da": self.override_da,
        }


def lent_from_document(kept: Json) -> Lent:
    """Return what was kept; what it cannot be is left out."""
    told: Mapping[str, Json] = kept if isinstance(kept, dict) else {}
    access, regime, override_da = (_whole(told.get(name)) for name in ("access", "regime", "override_da"))
    has_mode = access in set(Access) and regime in set(Regime)
    return Lent(
        access=Access(access) if has_mode and access is not None else None,
        regime=Regime(regime) if has_mode and regime is not None else None,
        override_da=override_da if override_da is not None and 0 <= override_da <= MOST_DA else None,
    )


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
