"""What feeders tell a box over a loadpoint of its meters: how long it counts, as readings of the site, and as the box shows it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sunbox.core.model import MeterReading
from sunbox.core.wallbox import LoadpointSnapshot, SiteSnapshot
from sunbox.dialects.smartevse.posts import without_battery
from sunbox.dialects.smartevse.state import (
    BATTERY_LASTS_S,
    EV_METER_LASTS_S,
    MAINS_LASTS_S,
    MOST_MAINS_DA,
    Behind,
    BoxState,
    TellBattery,
    TellEv,
    TellMains,
)
from sunbox.faces.smartevse.translation import NOMINAL_V, currents_of, draw_da_of

MOST_BATTERY_DA = 3 * MOST_MAINS_DA
"""Feeders were seen to tell -327680, an overflow."""


@dataclass(slots=True)
class Feeds:
    """What was told, and when."""

    mains_da: tuple[int, int, int] = (0, 0, 0)
    mains_at: datetime | None = None
    battery_da: int = 0
    battery_at: datetime | None = None
    ev: TellEv = field(default_factory=TellEv)
    ev_at: datetime | None = None

    def tell_mains(self, told: TellMains, at: datetime) -> MeterReading | None:
        """Take the currents of the mains; return them as a reading of the site's, None if they cannot be one.

        They are shown in any case, as the device does, which believes less over MQTT than over REST. But no mains carry that
        much, and a word is no measurement: a feeder without its meter must not let a car charge into a fuse.
        """
        self.mains_da, self.mains_at = told.currents_da, at
        if not told.are_numbers or _is_beyond(told.currents_da):
            return None
        one, two, three = (current_da / 10 for current_da in told.currents_da)
        has_battery = _is_fresh(self.battery_at, at, BATTERY_LASTS_S) and abs(self.battery_da) < MOST_BATTERY_DA
        return MeterReading(
            measured_at=at,
            grid_w=(one + two + three) * NOMINAL_V,
            grid_phases_a=(one, two, three),
            battery_w=-self.battery_da / 10 * NOMINAL_V if has_battery else None,
        )

    def tell_battery(self, told: TellBattery, at: datetime) -> None:
        """Take the current of the home battery; a word says nothing of it."""
        if told.is_number:
            self.battery_da, self.battery_at = told.current_da, at

    def tell_ev(self, told: TellEv, at: datetime) -> MeterReading | None:
        """Take what the car's meter says; return its currents as a reading, None if they are none."""
        news = {name: getattr(told, name) for name in ("currents_da", "power_w", "imported_wh", "exported_wh")}
        self.ev = replace(self.ev, **{name: value for name, value in news.items() if value is not None})
        self.ev_at = at
        if told.currents_da is None or not told.are_numbers or _is_beyond(told.currents_da):
            return None
        one, two, three = (current_da / 10 for current_da in told.currents_da)
        power_w = told.power_w if told.power_w is not None else (one + two + three) * NOMINAL_V
        return MeterReading(measured_at=at, grid_w=float(power_w), grid_phases_a=(one, two, three))

    def counted_wh(self, at: datetime) -> float | None:
        """Return what the car's meter counted, None where nobody has said so lately."""
        if self.ev.imported_wh is None or not _is_fresh(self.ev_at, at, EV_METER_LASTS_S):
            return None
        return float(self.ev.imported_wh - (self.ev.exported_wh or 0))

    def shown(
        self,
        behind: Behind,
        state: BoxState,
        site: SiteSnapshot,
        loadpoint: LoadpointSnapshot,
        power_w: float,
        *,
        is_meter: bool,
    ) -> Behind:
        """Return what stands behind a box with what its meters say: as told, else as the site and the loadpoint are.

        Args:
            behind: without its meters.
            state: the box.
            site: the present.
            loadpoint: of it.
            power_w: what flows into the car.
            is_meter: what is told of the mains is a meter of the site.
        """
        at = site.at
        told_da, mains_at = self.mains_da, self.mains_at
        is_fed = is_meter and (site.is_grid_stale or _is_fresh(mains_at, at, MAINS_LASTS_S))
        if not is_fed and site.grid_w is not None:
            told_da = currents_of(site.grid_w, site.grid_phases_a)
            mains_at = at - timedelta(seconds=site.grid_age_s or 0.0)
        battery_da, battery_at = self.battery_da, self.battery_at
        if not _is_fresh(battery_at, at, BATTERY_LASTS_S) and site.battery_w is not None and not self.battery_at:
            battery_da, battery_at = round(-site.battery_w / NOMINAL_V * 10), at if site.battery_w else None
        ev_da, shown_w, exported_wh = draw_da_of(loadpoint), round(power_w), 0
        if _is_fresh(self.ev_at, at, EV_METER_LASTS_S):
            ev_da = ev_da if self.ev.currents_da is None else self.ev.currents_da
            shown_w = shown_w if self.ev.power_w is None else self.ev.power_w
            exported_wh = self.ev.exported_wh or 0
        return replace(
            behind,
            told_mains_da=told_da,
            mains_da=without_battery(replace(state, at=at), told_da, battery_da, battery_at),
            mains_at=mains_at,
            battery_da=battery_da,
            battery_at=battery_at,
            ev_da=ev_da,
            ev_power_w=shown_w,
            ev_exported_wh=exported_wh,
        )


def _is_beyond(currents_da: tuple[int, int, int]) -> bool:
    return any(abs(current_da) >= MOST_MAINS_DA for current_da in currents_da)


def _is_fresh(at: datetime | None, now: datetime, lasts_s: float) -> bool:
    return at is not None and (now - at).total_seconds() < lasts_s
