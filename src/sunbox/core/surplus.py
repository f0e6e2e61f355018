"""What the site has left for cars: grid, PV and battery power, each from the first fresh source, paired with the draw.

Signs: grid + = import, battery + = discharging. The battery's charging power counts as surplus only at or above its priority
state of charge; what it discharges never does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sunbox.core.model import MeterReading
from sunbox.core.settings import MeterSettings, Settings, SiteSettings
from sunbox.core.state import MeterState
from sunbox.core.units import span


@dataclass(frozen=True, slots=True)
class Balance:
    """The site at one grid reading. None = not known now."""

    grid_w: float | None
    grid_at: datetime | None  #: when the grid value was true
    grid_phases_a: tuple[float, float, float] | None
    pv_w: float | None
    battery_w: float | None  #: 0 where no meter measures a battery
    battery_soc_pct: float | None
    has_battery: bool
    is_stale: bool  #: the grid value is too old to act on
    fresh_until_at: datetime | None = None  #: when the grid value becomes, or became, too old
    pv_at: datetime | None = None  #: when the PV value was true
    news_s: float = 0.0  #: how old a grid value becomes before the next one: interval and delay
    is_off_grid: bool | None = None  #: the home lives on its battery
    old_at: datetime | None = None  #: as `fresh_until_at`, by the meter's own interval, however rarely it is asked

    @property
    def consumption_w(self) -> float | None:
        """Return what house and cars use together; None unless grid, PV and battery are all known and fresh."""
        if self.is_stale or self.grid_w is None or self.pv_w is None or self.battery_w is None:
            return None
        return self.grid_w + self.pv_w + self.battery_w


def stale_after_s(meter: MeterSettings, interval_s: float | None = None) -> float:
    """Return the age in s at which a meter's reading is too old: three intervals and its delay at least.

    Where it is asked less often for its budget's sake (`interval_s`), it is old when the next reading is half such a wait late.
    """
    least_s = max(meter.stale_after_s, 3.0 * meter.interval_s + meter.delay_s)
    return least_s if interval_s is None else max(least_s, LATE * interval_s + meter.delay_s)


LATE = 1.5


def balance(settings: Settings, meters: dict[str, MeterState], at: datetime) -> Balance:
    """Return the site's balance at an instant: per role the first meter that has a fresh value, else for the grid the newest."""
    used: MeterReading | None = None
    is_stale = True
    pv_w = battery_w = soc_pct = None
    has_battery = False
    pv_at: datetime | None = None
    is_off_grid: bool | None = None
    limit_s = own_limit_s = news_s = 0.0
    for meter in settings.meters:
        if not meter.is_site:
            continue
        state = meters.get(meter.id)
        if state is None or (reading := state.reading) is None:
            continue
        interval_s = state.interval_s
        meter_own_s = stale_after_s(meter)
        meter_limit_s = meter_own_s if interval_s is None else stale_after_s(meter, interval_s)
        fresh = (at - reading.measured_at).total_seconds() <= meter_limit_s
        is_better = is_stale and (fresh or used is None or reading.measured_at > used.measured_at)
        if is_better and reading.grid_w is not None:
            used, is_stale = reading, not fresh
            limit_s, own_limit_s = meter_limit_s, meter_own_s
            news_s = (interval_s or meter.interval_s) + meter.delay_s
        if reading.battery_w is not None or reading.battery_soc_pct is not None:
            has_battery = True
        if not fresh:
            continue
        if pv_w is None and reading.pv_w is not None:
            pv_w, pv_at = reading.pv_w, reading.measured_at
        if battery_w is None:
            battery_w = reading.battery_w
        if soc_pct is None:
            soc_pct = reading.battery_soc_pct
        if is_off_grid is None:
            is_off_grid = reading.is_off_grid
    if battery_w is None and not has_battery:
        battery_w = 0.0
    fresh_until_at = used.measured_at + span(limit_s) if used else None
    return Balance(
        grid_w=used.grid_w if used else None,
        grid_at=used.measured_at if used else None,
        grid_phases_a=used.grid_phases_a if used and not is_stale else None,
        pv_w=pv_w,
        battery_w=battery_w,
        battery_soc_pct=soc_pct,
        has_battery=has_battery,
        is_stale=is_stale,
        fresh_until_at=fresh_until_at,
        pv_at=pv_at,
        news_s=news_s,
        is_off_grid=is_off_grid,
        old_at=used.measured_at + span(own_limit_s) if used and own_limit_s != limit_s else fresh_until_at,
    )


def surplus_without_cars_w(site: Balance, settings: SiteSettings) -> float | None:
    """Return the surplus in W before the cars' own draw is added back; None if the grid is unknown or stale.

    Below its priority the battery comes first: what it charges with is not counted (nor while its state of charge is
    unknown), and a little is left over for it, so that it can take more; only what exceeds the most it can take is the cars'.
    What it discharges never counts.
    """
    if site.grid_w is None or site.is_stale:
        return None
    surplus_w = settings.target_grid_w - site.grid_w
    if not site.has_battery:
        return surplus_w
    priority_pct = settings.battery_priority_soc_pct
    comes_first = priority_pct > 0 and (site.battery_soc_pct is None or site.battery_soc_pct < priority_pct)
    if site.battery_w is None:
        return surplus_w - (BATTERY_ROOM_W if comes_first else 0.0)
    if site.battery_w > 0:
        return surplus_w - site.battery_w
    charging_w = -site.battery_w
    if not comes_first:
        return surplus_w + charging_w
    most_w = settings.battery_charge_max_w
    if most_w is not None and charging_w >= most_w:
        return surplus_w + charging_w - most_w
    return surplus_w - BATTERY_ROOM_W


BATTERY_ROOM_W = 100.0
"""What is left over for a battery that comes first: it sees export and takes it, until it takes all it can (evcc's figure)."""


def bridge_w(site: Balance, settings: SiteSettings) -> float:
    """Return how much of what the battery discharges may keep charging cars at their minimum, in W."""
    buffer_pct = settings.battery_buffer_soc_pct
    if buffer_pct is None or site.battery_soc_pct is None or site.battery_w is None or site.is_stale:
        return 0.0
    return max(0.0, site.battery_w) if site.battery_soc_pct >= buffer_pct else 0.0
