"""A simulated energy site as Tesla's cloud tells it: a world's sun, house, cars and battery in Tesla's words.

Without the grid the site shows what an island would: nothing in or out, the sun throttled to what is taken, and the load that
nothing feeds left out. The world itself keeps its grid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sunbox.dialects.powerwall import wire
from sunbox.dialects.powerwall.facts import (
    EnergySample,
    GridState,
    Island,
    LiveStatus,
    PowerSample,
)
from sunbox.dialects.powerwall.gateway import app_pct
from sunbox.simulator.energy_log import SPAN_S, EnergyLog, Span
from sunbox.simulator.meter import Sample
from sunbox.simulator.powerwall import UNIT_W, UNIT_WH, Manner, Powerwall
from sunbox.simulator.world import World

OFF_GRID_WORD = "off_grid_unintentional"
UNKNOWN_ISLAND_WORD = "island_status_unknown"
VERSION = "25.18.4 1a2b3c4d"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """Who a site is."""

    site_id: int = 123456
    name: str | None = "Energy Site"
    gateway_id: str = "1232100-00-E--TG123456789012"


class EnergySite:
    """One site. Without a battery it is a solar-only one."""

    def __init__(self, world: World, settings: SiteSettings | None = None) -> None:
        """Look at `world`, and keep what flows in it from now on."""
        self.settings = settings or SiteSettings()
        self.world = world
        self.battery: Powerwall | None = world.battery if isinstance(world.battery, Powerwall) else None
        self.log = EnergyLog()
        world.watch = self.log.note

    @property
    def manner(self) -> Manner:
        """Return how it behaves."""
        return Manner() if self.battery is None else self.battery.manner

    @property
    def names(self) -> frozenset[str]:
        """Return what a path may call it."""
        return frozenset({str(self.settings.site_id)})

    @property
    def timezone(self) -> ZoneInfo:
        """Return where it is."""
        return self.world.place.timezone

    # now

    def sample(self) -> Sample:
        """Return the latest sample that the cloud has."""
        manner, world = self.manner, self.world
        step_s = manner.sample_s
        t_s = world.t_s if step_s <= 0 else world.t_s // step_s * step_s
        return world.sample_at(t_s - manner.delay_s)

    def live_status(self) -> LiveStatus:
        """Return what flows."""
        sample, battery = self.sample(), self.battery
        # cents of a watt, and the sum of the rounded powers exact: clients check the balance
        solar_w, grid_w, battery_w = round(sample.pv_w, 2), round(sample.grid_w, 2), round(sample.battery_w, 2)
        if self.manner.is_grid_down:
            solar_w, grid_w = max(0.0, round(solar_w + min(0.0, grid_w), 2)), 0.0
        load_w = round(solar_w + grid_w + battery_w, 2)
        soc_pct = None if sample.battery_soc_pct is None else app_pct(sample.battery_soc_pct)
        tells_energy = battery is None or self.manner.tells_energy
        if battery is None:
            grid, island, word = GridState.UNKNOWN, Island.UNKNOWN, UNKNOWN_ISLAND_WORD
        elif self.manner.is_grid_down:
            grid, island, word = GridState.INACTIVE, Island.OFF_GRID, OFF_GRID_WORD
        else:
            grid, island, word = GridState.ACTIVE, Island.ON_GRID, Island.ON_GRID.value
        return LiveStatus(
            measured_at=self.world.at(sample.t_s).astimezone(self.timezone),
            solar_w=solar_w,
            grid_w=grid_w,
            battery_w=battery_w,
            load_w=load_w,
            generator_w=0,
            grid_services_w=0,
            soc_pct=0 if battery is None else soc_pct,
            energy_left_wh=(0 if battery is None else round(battery.energy_wh, 2)) if tells_energy else None,
            pack_energy_wh=(wire.NO_PACK_WH if battery is None else battery.params.capacity_wh)
            if tells_energy
            else None,
            grid=grid,
            island=island,
            island_word=word,
            is_backup_capable=None if battery is None else True,
            is_storm_watched=self.manner.is_storm_watched,
            is_serving_grid=self.manner.is_serving_grid,
            wall_connectors=() if self.manner.tells_wall_connectors and battery is not None else None,
        )

    def summary(self) -> dict[str, Any]:
        """Return the site in short."""
        battery = self.battery
        if battery is None:
            told: dict[str, Any] = {"resource_type": "solar", "solar_power": round(self.sample().pv_w, 2)}
            return {**told, "solar_type": "pv_panel", "sync_grid_alert_enabled": False}
        return {
            "resource_type": "battery",
            "site_name": self.settings.name,
            "gateway_id": self.settings.gateway_id,
            "energy_left": round(battery.energy_wh, 2),
            "total_pack_energy": round(battery.params.capacity_wh),
            "percentage_charged": battery.app_soc_pct,
            "battery_type": "ac_powerwall",
            "backup_capable": True,
            "battery_power": round(battery.power_w, 2),
            "storm_mode_enabled": battery.shown.is_storm_mode_enabled,
            "powerwall_onboarding_settings_set": True,
            "sync_grid_alert_enabled": True,
            "breaker_alert_enabled": True,
        }

    def product(self) -> dict[str, Any]:
        """Return the site's entry in the account's list."""
        components = {
            "battery": self.battery is not None,
            "solar": True,
            "solar_type": "pv_panel",
            "grid": True,
            "load_meter": True,
            "market_type": "residential",
        }
        named = {"energy_site_id": self.settings.site_id, "site_name": self.settings.name}
        return {
            **named,
            "id": f"STE{self.settings.site_id}",
            "asset_site_id": _uuid(self.settings.site_id),
            **self.summary(),
            "components": components,
        }

    def site_info(self) -> dict[str, Any]:
        """Return what the site is, and how it is set."""
        battery = self.battery
        offset = self.world.clock.now().astimezone(self.timezone).utcoffset() or timedelta()
        components: dict[str, Any] = {
            "solar": True,
            "solar_type": "pv_panel",
            "battery": battery is not None,
            "grid": True,
            "backup": battery is not None,
            "gateway": "teg" if battery is not None else "gateway_type_none",
            "load_meter": True,
            "tou_capable": battery is not None,
            "storm_mode_capable": battery is not None,
            "flex_energy_request_capable": False,
            "car_charging_data_supported": False,
            "off_grid_vehicle_charging_reserve_supported": battery is not None,
            "configurable": battery is not None,
            "grid_services_enabled": self.manner.is_serving_grid,
        }
        told: dict[str, Any] = {
            "id": self.settings.gateway_id if battery is not None else _uuid(self.settings.site_id),
            "site_name": self.settings.name,
            "installation_date": "2022-04-04T15:56:35+02:00",
            "user_settings": {"storm_mode_enabled": None},
            "components": components,
            "installation_time_zone": self.timezone.key,
            "time_zone_offset": round(offset.total_seconds() / 60),
        }
        if battery is None:
            return told
        shown = battery.shown
        components |= {
            "battery_type": "ac_powerwall",
            "batteries": [
                {
                    "device_id": _uuid(number),
                    "din": f"3012170-10-B--TG{number:012d}",
                    "part_name": "Powerwall 2",
                    "nameplate_max_charge_power": round(UNIT_W),
                    "nameplate_max_discharge_power": round(UNIT_W),
                    "nameplate_energy": round(UNIT_WH),
                }
                for number in range(1, battery.units + 1)
            ],
            wire.EXPORT_RULE: shown.export_rule.value,
            "net_meter_mode": "battery_ok",
        }
        if not shown.is_grid_charging:  # absent = false
            components[wire.DISALLOW_GRID_CHARGING] = True
        tariff = {} if shown.tariff is None else {"tariff_content_v2": shown.tariff}
        return {
            **told,
            "backup_reserve_percent": shown.reserve_pct,
            "default_real_mode": shown.mode.value,
            "user_settings": {"storm_mode_enabled": shown.is_storm_mode_enabled},
            "version": VERSION,
            "battery_count": battery.units,
            "nameplate_power": round(battery.params.max_discharge_w),
            "nameplate_energy": round(battery.params.capacity_wh),
            "off_grid_vehicle_charging_reserve_percent": shown.off_grid_vehicle_reserve_pct,
            "max_site_meter_power_ac": 1000000000,
            "min_site_meter_power_ac": -1000000000,
            "vpp_backup_reserve_percent": 0,
            **tariff,
        }

    def backup_time_s(self) -> float:
        """Return for how long the battery would carry the home as it is now."""
        status = self.live_status()
        need_w = max(100.0, (status.load_w or 0.0) - (status.solar_w or 0.0))
        return 0.0 if self.battery is None else self.battery.energy_wh * 3600.0 / need_w

    # what was

    def history(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return what was, by the calendar.

        Raises:
            ValueError: a word of the query is wrong; the text says what.
        """
        kind, period = query["kind"], query.get("period", "day")
        from_at, to_at = self._span(query, period)
        head = {"period": period, "installation_time_zone": self.timezone.key}
        make = HISTORIES.get(kind)
        if make is None:
            return {**head, "time_series": []}
        return {**head, **make(self, from_at, to_at, period)}

    def _span(self, query: Mapping[str, str], period: str) -> tuple[datetime, datetime]:
        now = self.world.clock.now().astimezone(self.timezone)
        end = _instant(query["end_date"], self.timezone) if "end_date" in query else now
        if "start_date" in query:
            return _instant(query["start_date"], self.timezone), end
        day = end.date()
        first = {
            "day": day,
            "week": day - timedelta(days=day.weekday()),
            "month": day.replace(day=1),
            "year": day.replace(month=1, day=1),
        }.get(period, self.world.began_at.astimezone(self.timezone).date())
        return datetime.combine(first, time(), tzinfo=self.timezone), end

    def _sums(self, from_at: datetime, to_at: datetime, step_s: float) -> list[tuple[datetime, Span]]:
        trace = self.world.trace.start_at
        from_s, to_s = ((at - trace).total_seconds() for at in (from_at, to_at))
        return [
            (self.world.at(t_s).astimezone(self.timezone), span) for t_s, span in self.log.between(from_s, to_s, step_s)
        ]

    def energies(self, from_at: datetime, to_at: datetime, period: str) -> dict[str, Any]:
        """Return energies: in spans of five minutes for a day, else by days."""
        step_s = SPAN_S if period == "day" else 86_400
        rows = [wire.energy_sample_to_wire(_energy(at, span)) for at, span in self._sums(from_at, to_at, step_s)]
        return {"time_series": rows}

    def powers(self, from_at: datetime, to_at: datetime, _period: str) -> dict[str, Any]:
        """Return mean powers by quarters of an hour."""
        rows = [wire.power_sample_to_wire(_power(at, span)) for at, span in self._sums(from_at, to_at, 900)]
        return {"time_series": rows}

    def backups(self, from_at: datetime, to_at: datetime, _period: str) -> dict[str, Any]:
        """Return the times without the grid."""
        outages = () if self.battery is None else self.battery.outages
        rows = [
            {"timestamp": at.isoformat(timespec="seconds"), "duration": round((outage.to_s - outage.from_s) * 1000)}
            for outage in outages
            if outage.to_s is not None
            for at in (self.world.began_at.astimezone(self.timezone) + timedelta(seconds=outage.from_s),)
            if from_at <= at < to_at
        ]
        return {"events": rows, "total_events": len(rows)}


HISTORIES: dict[str, Callable[[EnergySite, datetime, datetime, str], dict[str, Any]]] = {
    "energy": EnergySite.energies,
    "power": EnergySite.powers,
    "backup": EnergySite.backups,
}
"""Kinds of which there is something to tell."""


def _energy(at: datetime, span: Span) -> EnergySample:
    return EnergySample(
        began_at=at,
        solar_energy_exported_wh=round(span.solar_wh, 3),
        generator_energy_exported_wh=0,
        grid_energy_imported_wh=round(span.import_wh, 3),
        grid_services_energy_imported_wh=0,
        grid_services_energy_exported_wh=0,
        grid_energy_exported_from_solar_wh=round(span.solar_to_grid, 3),
        grid_energy_exported_from_generator_wh=0,
        grid_energy_exported_from_battery_wh=round(span.battery_to_grid, 3),
        battery_energy_exported_wh=round(span.given_wh, 3),
        battery_energy_imported_from_grid_wh=round(span.grid_to_battery, 3),
        battery_energy_imported_from_solar_wh=round(span.solar_to_battery, 3),
        battery_energy_imported_from_generator_wh=0,
        consumer_energy_imported_from_grid_wh=round(span.grid_to_load, 3),
        consumer_energy_imported_from_solar_wh=round(span.solar_to_load, 3),
        consumer_energy_imported_from_battery_wh=round(span.battery_to_load, 3),
        consumer_energy_imported_from_generator_wh=0,
        total_home_usage_wh=round(span.load_wh, 3),
        total_battery_charge_wh=round(span.taken_wh, 3),
        total_battery_discharge_wh=round(span.given_wh, 3),
        total_solar_generation_wh=round(span.solar_wh, 3),
        total_grid_energy_exported_wh=round(span.export_wh, 3),
    )


def _power(at: datetime, span: Span) -> PowerSample:
    def mean_w(energy_wh: float) -> float:
        return round(energy_wh * 4, 2)

    return PowerSample(
        began_at=at,
        solar_w=mean_w(span.solar_wh),
        battery_w=mean_w(span.given_wh - span.taken_wh),
        grid_w=mean_w(span.import_wh - span.export_wh),
        grid_services_w=0,
        generator_w=0,
    )


def _instant(text: str, timezone: ZoneInfo) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=timezone)


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"
