"""A Powerwall: a home battery that is told things, and does them when it pleases.

Reserve and mode are what the owner sees in Tesla's app, whose 0 % is 5 % of what is stored. A change goes through: the cloud
accepts it, after `apply_s` the site tells it, and then (unless it does not `act`) the battery lives by it. The mode `autonomous` is
self-consumption that charges faster from the grid: tariffs are kept, and not reckoned with.

Sources: reserves from 81 to 99 % (Teslemetry, evcc `meter/powerwall.go`, pypowerwall#322), charging from the grid below the
reserve (pypowerwall#84, evcc#25888), delays and changes that are ignored (pypowerwall#259, #281, powerwall2#34).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sunbox.dialects.powerwall.facts import ExportRule, Mode
from sunbox.dialects.powerwall.gateway import app_pct, stored_pct
from sunbox.simulator.battery import Battery, BatteryParams

UNIT_WH, UNIT_W = 13_500.0, 5_000.0
"""One Powerwall 2."""
GRID_CHARGE_W: Mapping[Mode, float] = {Mode.SELF_CONSUMPTION: 1_700.0, Mode.AUTONOMOUS: 3_300.0, Mode.BACKUP: 3_300.0}
"""What one Powerwall takes from the grid below its reserve."""
STORM_RESERVE_PCT = 100
MOST_APPLY_S = 86_400.0


class ReservePolicy(StrEnum):
    """What becomes of a reserve above 80 %; it differs by firmware, and nobody is told."""

    FREE = "free"  #: it is taken
    EIGHTY_OR_HUNDRED = "80-or-100"  #: 81 to 99 become 80
    CAP_80 = "cap-80"  #: all become 80

    def of(self, reserve_pct: int) -> int:
        """Return the reserve that a site has after it was told one."""
        if self is ReservePolicy.FREE or reserve_pct <= 80:
            return reserve_pct
        return 100 if reserve_pct == 100 and self is ReservePolicy.EIGHTY_OR_HUNDRED else 80


class ReplyStyle(StrEnum):
    """How writes are answered."""

    OLD = "old"  #: until July 2025: code, 201
    NEW = "new"  #: since: Code, 200
    MIXED = "mixed"  #: one write this way, one that


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How the battery is set."""

    reserve_pct: int = 20
    mode: Mode = Mode.SELF_CONSUMPTION
    is_grid_charging: bool = True
    export_rule: ExportRule = ExportRule.EVERYTHING
    is_storm_mode_enabled: bool = False
    off_grid_vehicle_reserve_pct: int = 65
    tariff: Mapping[str, Any] | None = None


@dataclass(slots=True, kw_only=True)
class Manner:
    """How the site behaves. All of it may be changed in `PATCH /world`."""

    apply_s: float | None = 0.0  #: until a change is told and done; None = never
    acts: bool = True  #: else it tells the change, and the battery goes on as before
    reserve_policy: ReservePolicy = ReservePolicy.EIGHTY_OR_HUNDRED
    reply_style: ReplyStyle = ReplyStyle.NEW
    sample_s: float = 5.0  #: the cloud has a sample of the gateway's each so many seconds
    delay_s: float = 0.0  #: and so much later
    tells_energy: bool = False  #: energy_left and total_pack_energy in live_status, as some sites
    tells_wall_connectors: bool = True  #: else null
    is_grid_down: bool = False
    is_storm_watched: bool = False
    is_serving_grid: bool = False
    is_old_api_gone: bool = False  #: 404 to what Tesla does not document
    is_wired: bool = False  #: the gateway answers three paths alone, as a Powerwall 3 on its wired network


@dataclass(frozen=True, slots=True)
class _Change:
    due_s: float
    fields: dict[str, Any]


@dataclass(slots=True)
class Counters:
    """Energies since the beginning, at the AC side."""

    given_wh: float = 0.0
    taken_wh: float = 0.0


@dataclass(slots=True)
class Outage:
    """A time without the grid, in seconds that the battery lived; `to_s` None = still."""

    from_s: float
    to_s: float | None = None


class Powerwall(Battery):
    """One or several that act as one. `power_w` + = discharging."""

    __slots__ = ("_changes", "_lived_s", "acting", "counters", "manner", "outages", "shown", "units")

    def __init__(
        self, params: BatteryParams, *, units: int = 1, told: Told | None = None, manner: Manner | None = None
    ) -> None:
        """Begin as told, with everything applied; `params.soc_pct` is what is stored."""
        super().__init__(params)
        self.units = units
        self.shown = self.acting = told or Told()
        self.manner = manner or Manner()
        self.counters = Counters()
        self.outages: list[Outage] = []
        self._lived_s = 0.0
        self._changes: list[_Change] = []
        self._live_by()

    @property
    def app_soc_pct(self) -> float:
        """Return the charge that the app shows, in %."""
        return app_pct(self.soc_pct)

    @property
    def kept_pct(self) -> float:
        """Return below which of the app's charge it does not discharge."""
        if self.manner.is_grid_down:
            return 0.0
        if self.manner.is_storm_watched and self.acting.is_storm_mode_enabled:
            return STORM_RESERVE_PCT
        return 100.0 if self.acting.mode is Mode.BACKUP else float(self.acting.reserve_pct)

    def tell(self, *, is_ignored: bool = False, **changed: Any) -> None:
        """Accept a change of how it is set."""
        if "reserve_pct" in changed:
            changed["reserve_pct"] = self.manner.reserve_policy.of(changed["reserve_pct"])
        apply_s = None if is_ignored else self.manner.apply_s
        if apply_s is None:
            return
        self._changes.append(_Change(self._lived_s + apply_s, changed))
        self._apply()

    def behave(self, **changed: Any) -> None:
        """Have the site behave otherwise from now on."""
        was_down = self.manner.is_grid_down
        for name, value in changed.items():
            setattr(self.manner, name, value)
        if self.manner.is_grid_down and not was_down:
            self.outages.append(Outage(self._lived_s))
        elif was_down and not self.manner.is_grid_down:
            self.outages[-1].to_s = self._lived_s
        self._live_by()

    def truth(self) -> dict[str, Any]:
        """Return how it is set, and how it behaves, as JSON."""
        return {
            "reserve_pct": self.shown.reserve_pct,
            "mode": self.shown.mode.value,
            "is_grid_charging": self.shown.is_grid_charging,
            "export_rule": self.shown.export_rule.value,
            "kept_pct": round(self.kept_pct, 1),
            "app_soc_pct": round(self.app_soc_pct, 2),
            "changes_to_come": len(self._changes),
            **{name: getattr(self.manner, name) for name in Manner.__slots__},
        }

    def advance(self, dt_s: float, need_w: float) -> None:
        """Live `dt_s` while the site needs `need_w` (cars + house - pv; negative = surplus)."""
        self._lived_s += dt_s
        self._apply()
        self._live_by()
        from_grid_w = self._from_grid_w(dt_s)
        super().advance(dt_s, min(need_w, -from_grid_w) if from_grid_w > 0 else need_w)
        energy_wh = self.power_w * dt_s / 3600.0
        if energy_wh > 0:
            self.counters.given_wh += energy_wh
        else:
            self.counters.taken_wh -= energy_wh

    def _from_grid_w(self, dt_s: float) -> float:
        """Return what it takes whatever the sun does, because it is below its reserve."""
        missing_wh = self.params.capacity_wh * self.params.reserve_pct / 100 - self.energy_wh
        if missing_wh <= 0 or not self.acting.is_grid_charging or self.manner.is_grid_down:
            return 0.0
        return min(GRID_CHARGE_W[self.acting.mode] * self.units, missing_wh * 3600.0 / dt_s)

    def _apply(self) -> None:
        now_s = self._lived_s
        due = [change for change in self._changes if change.due_s <= now_s]
        if not due:
            return
        self._changes = [change for change in self._changes if change.due_s > now_s]
        for change in due:
            self.shown = replace(self.shown, **change.fields)
            if self.manner.acts:
                self.acting = replace(self.acting, **change.fields)
        self._live_by()

    def _live_by(self) -> None:
        reserve_pct = stored_pct(self.kept_pct)
        if reserve_pct != self.params.reserve_pct:
            self.params = replace(self.params, reserve_pct=reserve_pct)


def make_powerwall(
    units: int = 1, *, soc_pct: float = 50.0, told: Told | None = None, manner: Manner | None = None
) -> Powerwall:
    """Return some Powerwalls 2 with this charge in the app."""
    params = BatteryParams(
        capacity_wh=units * UNIT_WH,
        max_charge_w=units * UNIT_W,
        max_discharge_w=units * UNIT_W,
        soc_pct=stored_pct(soc_pct),
    )
    return Powerwall(params, units=units, told=told, manner=manner)
