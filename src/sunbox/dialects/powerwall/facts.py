"""What a Powerwall home says of itself, in sunbox's units and signs. What it does not say is None, never 0.

Signs are those of the wire: grid + = import, battery + = discharging, solar and load ≥ 0, and
`solar + battery + grid (+ generator) = load`. The load has the cars in it. The charge is that of Tesla's app: 0 % is 5 % of
what is stored (`gateway.py` converts).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum


class Mode(StrEnum):
    """What the battery is for. `UNKNOWN` stands for a word that is not known, or none."""

    SELF_CONSUMPTION = "self_consumption"  #: "Self-Powered" in the app
    AUTONOMOUS = "autonomous"  #: "Time-Based Control"
    BACKUP = "backup"  #: everything is kept; the reserve that is told stays as it was
    SCHEDULER = "scheduler"  #: an old one of the gateway's
    UNKNOWN = "unknown"


class ExportRule(StrEnum):
    """What may go out to the grid."""

    EVERYTHING = "battery_ok"
    SOLAR = "pv_only"
    NOTHING = "never"
    UNKNOWN = "unknown"


class GridState(StrEnum):
    """Whether the grid is there."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"
    UNKNOWN = "Unknown"


class Island(StrEnum):
    """Whether the home runs by itself."""

    ON_GRID = "on_grid"
    OFF_GRID = "off_grid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class WallConnector:
    """Tesla's own charger as the site sees it."""

    din: str | None
    power_w: float | None
    state: int | None
    fault_state: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStatus:
    """What flows now."""

    measured_at: datetime | None  #: by the gateway's clock
    solar_w: float | None
    grid_w: float | None
    battery_w: float | None
    load_w: float | None
    generator_w: float | None
    grid_services_w: float | None
    soc_pct: float | None
    energy_left_wh: float | None
    pack_energy_wh: float | None
    grid: GridState
    island: Island
    island_word: str | None  #: as it was told, e.g. off_grid_intentional
    is_backup_capable: bool | None
    is_storm_watched: bool | None
    is_serving_grid: bool | None
    wall_connectors: tuple[WallConnector, ...] | None

    @property
    def is_off_grid(self) -> bool | None:
        """Return whether the home lives on its battery, None if the site does not say."""
        if self.island is Island.UNKNOWN:
            return True if self.grid is GridState.INACTIVE else None
        return self.island is Island.OFF_GRID


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteInfo:
    """What the site is, and how it is set."""

    name: str | None
    reserve_pct: float | None
    mode: Mode
    version: str | None
    batteries: int | None
    nameplate_power_w: float | None
    nameplate_energy_wh: float | None
    timezone_name: str | None
    off_grid_vehicle_reserve_pct: float | None
    vpp_reserve_pct: float | None
    has_battery: bool | None
    has_solar: bool | None
    is_storm_mode_enabled: bool | None
    is_storm_mode_capable: bool | None
    is_grid_service_enabled: bool | None
    takes_off_grid_vehicle_reserve: bool | None
    may_charge_from_grid: (
        bool | None
    )  #: None only where there are no components at all: a flag that is absent allows it
    export_rule: ExportRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """An energy site of the account's list, or its summary (`site_status`)."""

    site_id: int | None
    name: str | None
    kind: str | None  #: resource_type
    has_battery: bool | None
    has_solar: bool | None
    energy_left_wh: float | None
    pack_energy_wh: float | None
    soc_pct: float | None
    battery_w: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySample:
    """The energies of one span of `calendar_history` that begins at `began_at`. Names are the wire's, all are Wh."""

    began_at: datetime | None
    solar_energy_exported_wh: float | None
    generator_energy_exported_wh: float | None
    grid_energy_imported_wh: float | None
    grid_services_energy_imported_wh: float | None
    grid_services_energy_exported_wh: float | None
    grid_energy_exported_from_solar_wh: float | None
    grid_energy_exported_from_generator_wh: float | None
    grid_energy_exported_from_battery_wh: float | None
    battery_energy_exported_wh: float | None
    battery_energy_imported_from_grid_wh: float | None
    battery_energy_imported_from_solar_wh: float | None
    battery_energy_imported_from_generator_wh: float | None
    consumer_energy_imported_from_grid_wh: float | None
    consumer_energy_imported_from_solar_wh: float | None
    consumer_energy_imported_from_battery_wh: float | None
    consumer_energy_imported_from_generator_wh: float | None
    total_home_usage_wh: float | None
    total_battery_charge_wh: float | None
    total_battery_discharge_wh: float | None
    total_solar_generation_wh: float | None
    total_grid_energy_exported_wh: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSample:
    """Mean powers of a quarter of an hour that begins at `began_at`."""

    began_at: datetime | None
    solar_w: float | None
    battery_w: float | None
    grid_w: float | None
    grid_services_w: float | None
    generator_w: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupEvent:
    """One time without the grid."""

    began_at: datetime | None
    duration_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SocSample:
    """The charge at an instant."""

    at: datetime | None
    soc_pct: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was. Only what was asked for has samples."""

    period: str | None
    timezone_name: str | None
    energy: tuple[EnergySample, ...] = ()
    power: tuple[PowerSample, ...] = ()
    soc: tuple[SocSample, ...] = ()
    backups: tuple[BackupEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where the account is served."""

    region: str | None
    base_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReply:
    """What came of telling the site something. `is_accepted` proves nothing: read it back."""

    is_accepted: bool
    code: int | None
    message: str | None


ENERGY_COUNTERS: tuple[str, ...] = tuple(
    field.name.removesuffix("_wh") for field in fields(EnergySample) if field.name.endswith("_wh")
)
"""The wire's names of the counters in a history of energies."""
