"""Every metric as a row: name, what it tells, and how it is read from a snapshot.

Names end in their unit, units are Prometheus's base units: a share of 1 instead of %, joules instead of Wh (1 kWh = 3.6e6 J).
A state is a series per possible value, of which one is 1. What is not known is `None` and left out, it is never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sunbox import __version__
from sunbox.core.commands import RequestKind
from sunbox.core.model import Availability, ChargerStatus, Mode, Override
from sunbox.core.wallbox import LoadpointSnapshot, MeterSnapshot, SiteSnapshot, SpendSnapshot, VehicleSnapshot

T = TypeVar("T")

Values = Mapping[tuple[str, ...], float | None]
"""By the values of the labels that a metric has beside the one of its part."""

JOULES_PER_WH = 3600.0

NONE_BILLED: dict[str, int] = {kind.value: 0 for kind in (RequestKind.DATA, RequestKind.COMMAND, RequestKind.WAKE)}
"""A kind that is not in the spend was not billed."""
NONE_BILLED_OF_METER = {kind: 0 for kind in NONE_BILLED if kind != RequestKind.WAKE}


@dataclass(frozen=True, slots=True)
class Metric(Generic[T]):
    """One metric. `labels` are those beside the one that names the loadpoint or vehicle."""

    name: str
    help: str
    read: Callable[[T], Values]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """A part of the site, and what is told of each of its kind."""

    label: str | None  #: names one of them; None = there is only one
    found: Callable[[SiteSnapshot], Iterable[tuple[str, T]]]
    metrics: tuple[Metric[T], ...]


def _number(name: str, words: str, read: Callable[[T], float | None]) -> Metric[T]:
    return Metric(name, words, lambda part: {(): read(part)})


def _share(name: str, words: str, read_pct: Callable[[T], float | None]) -> Metric[T]:
    def read(part: T) -> float | None:
        value_pct = read_pct(part)
        return None if value_pct is None else value_pct / 100.0

    return _number(name, words, read)


def _state(name: str, words: str, label: str, all_of: type[StrEnum], read: Callable[[T], StrEnum | None]) -> Metric[T]:
    def states(part: T) -> Values:
        now = read(part)
        return {} if now is None else {(each.value,): float(each is now) for each in all_of}

    return Metric(name, words, states, (label,))


def _info(name: str, words: str, labels: tuple[str, ...], read: Callable[[T], tuple[str, ...]]) -> Metric[T]:
    return Metric(name, words, lambda part: {read(part): 1.0}, labels)


Spender = TypeVar("Spender", VehicleSnapshot, MeterSnapshot)


def _of_spend(name: str, words: str, read: Callable[[SpendSnapshot], float | None]) -> Metric[Spender]:
    def spent(row: Spender) -> float | None:
        return None if row.spend is None else read(row.spend)

    return _number(name, words, spent)


def _requests(
    name: str, words: str, read: Callable[[SpendSnapshot], Mapping[str, int]], none: Mapping[str, int] = NONE_BILLED
) -> Metric[Spender]:
    def by_kind(row: Spender) -> Values:
        if row.spend is None:
            return {}
        counts = read(row.spend)
        return {(kind,): float(count) for kind, count in {**none, **counts}.items()}

    return Metric(name, words, by_kind, ("kind",))


SITE: tuple[Metric[SiteSnapshot], ...] = (
    _info("sunbox_build_info", "version of sunbox", ("version",), lambda _: (__version__,)),
    _number("sunbox_grid_power_watts", "grid, + = import", lambda site: site.grid_w),
    _number("sunbox_grid_age_seconds", "age of the grid reading", lambda site: site.grid_age_s),
    _number("sunbox_grid_stale", "1 = the grid reading is too old to charge by", lambda site: site.is_grid_stale),
    _number("sunbox_pv_power_watts", "sun", lambda site: site.pv_w),
    _number("sunbox_battery_power_watts", "home battery, + = discharging", lambda site: site.battery_w),
    _share("sunbox_battery_soc_ratio", "charge of the home battery, 0 to 1", lambda site: site.battery_soc_pct),
    _number("sunbox_house_power_watts", "the house without the cars", lambda site: site.house_w),
    _number("sunbox_surplus_power_watts", "sun that is there for the cars", lambda site: site.surplus_w),
    _number(
        "sunbox_grid_limit_watts",
        "most that the grid operator allows all cars together; left out = no limit",
        lambda site: None if site.limit is None else site.limit.max_w,
    ),
)


def _status(loadpoint: LoadpointSnapshot) -> ChargerStatus | None:
    """Return the status, None where a car holds the loadpoint that never told whether it is plugged in."""
    is_untold = loadpoint.vehicle is not None and loadpoint.vehicle.is_plugged is None
    return None if is_untold else loadpoint.status


def _energy_j(loadpoint: LoadpointSnapshot) -> float | None:
    return None if loadpoint.energy_added_wh is None else loadpoint.energy_added_wh * JOULES_PER_WH


LOADPOINT: tuple[Metric[LoadpointSnapshot], ...] = (
    _info(
        "sunbox_loadpoint_info",
        "its name and the car that holds it",
        ("name", "vehicle"),
        lambda row: (row.name, "" if row.vehicle is None else row.vehicle.id),
    ),
    _state("sunbox_loadpoint_mode", "1 = its mode", "mode", Mode, lambda row: row.mode),
    _state("sunbox_loadpoint_override", "1 = a start or stop by hand", "override", Override, lambda row: row.override),
    _state(
        "sunbox_loadpoint_status",
        "1 = its status as in IEC 61851: A not connected, B connected, C charging, E and F fault",
        "status",
        ChargerStatus,
        _status,
    ),
    _info(
        "sunbox_loadpoint_reason_info",
        "why it does what it does: the code, and what sort of state that is",
        ("code", "kind"),
        lambda row: (row.reason.code.value, row.reason.kind.value),
    ),
    _number("sunbox_loadpoint_setpoint_charge", "1 = it was decided to charge", lambda row: row.set_point.charge),
    _number(
        "sunbox_loadpoint_setpoint_amperes", "current that was decided, per phase", lambda row: row.set_point.amps_a
    ),
    _number("sunbox_loadpoint_setpoint_phases", "phases that were decided", lambda row: row.set_point.phases),
    _number("sunbox_loadpoint_max_amperes", "most that cable, wallbox and car allow now", lambda row: row.max_a),
    _number("sunbox_loadpoint_draw_watts", "what goes into the car", lambda row: row.draw_w),
    _number("sunbox_loadpoint_draw_amperes", "what goes into the car, per phase", lambda row: row.draw_a),
    _number("sunbox_loadpoint_energy_added_joules", "since it was plugged in, as the car told it last", _energy_j),
)


def _is_available(vehicle: VehicleSnapshot, is_so: bool) -> float | None:
    return None if vehicle.availability is Availability.UNKNOWN else float(is_so)


VEHICLE: tuple[Metric[VehicleSnapshot], ...] = (
    _info("sunbox_vehicle_info", "its name", ("name",), lambda row: (row.name,)),
    _share("sunbox_vehicle_soc_ratio", "charge of its battery, 0 to 1", lambda row: row.soc_pct),
    _share("sunbox_vehicle_limit_soc_ratio", "its own charge limit, 0 to 1", lambda row: row.limit_soc_pct),
    _share("sunbox_vehicle_target_soc_ratio", "the target that was wished, 0 to 1", lambda row: row.target_soc_pct),
    _number("sunbox_vehicle_plugged", "1 = a cable is in", lambda row: row.is_plugged),
    _number(
        "sunbox_vehicle_online",
        "1 = it can be talked to",
        lambda row: _is_available(row, row.availability is Availability.ONLINE),
    ),
    _number("sunbox_vehicle_asleep", "1 = it sleeps", lambda row: _is_available(row, row.is_asleep)),
    _number("sunbox_vehicle_data_age_seconds", "since its data was read", lambda row: row.age_s),
    _number("sunbox_vehicle_login_required", "1 = the account must be logged in again", lambda row: row.login_required),
    _of_spend("sunbox_vehicle_spent_today_money", "cost of today's requests", lambda spend: spend.money_today),
    _of_spend("sunbox_vehicle_spent_this_month_money", "cost of this month's", lambda spend: spend.money_this_month),
    _of_spend(
        "sunbox_vehicle_projected_money",
        "of the whole month, if it goes on like this",
        lambda spend: spend.money_projected,
    ),
    _of_spend("sunbox_vehicle_budget_money", "of a month; left out = unlimited", lambda spend: spend.per_month),
    _of_spend(
        "sunbox_vehicle_soft_line_money",
        "of today: beyond it only what is needed is paid for; left out = unlimited",
        lambda spend: spend.soft_line,
    ),
    _of_spend(
        "sunbox_vehicle_daily_line_money",
        "of today: beyond it nothing is paid for but stops; left out = unlimited",
        lambda spend: spend.daily_line,
    ),
    _requests("sunbox_vehicle_requests_today", "billed since midnight, by kind", lambda spend: spend.requests_today),
    _requests(
        "sunbox_vehicle_requests_this_month", "billed since the first, by kind", lambda spend: spend.requests_this_month
    ),
    _of_spend("sunbox_vehicle_wakes_today", "wakes since midnight, billed or not", lambda spend: spend.wakes_today),
    _of_spend("sunbox_vehicle_wakes_line", "most wakes of a day; left out = unlimited", lambda spend: spend.wakes_line),
)

METER: tuple[Metric[MeterSnapshot], ...] = (
    _number("sunbox_meter_age_seconds", "age of its last reading", lambda row: row.age_s),
    _number(
        "sunbox_meter_interval_seconds",
        "how often it is read; more than was written where its budget would not last",
        lambda row: row.interval_s,
    ),
    _number(
        "sunbox_meter_held",
        "1 = it is not asked now, for the sake of its budget",
        lambda row: None if row.spend is None else float(row.held_until_at is not None),
    ),
    _of_spend("sunbox_meter_spent_today_money", "cost of today's requests", lambda spend: spend.money_today),
    _of_spend("sunbox_meter_spent_this_month_money", "cost of this month's", lambda spend: spend.money_this_month),
    _of_spend(
        "sunbox_meter_projected_money",
        "of the whole month, if it goes on like this",
        lambda spend: spend.money_projected,
    ),
    _of_spend("sunbox_meter_budget_money", "of a month; left out = unlimited", lambda spend: spend.per_month),
    _of_spend(
        "sunbox_meter_daily_line_money",
        "of today: beyond it it is not read any more; left out = unlimited",
        lambda spend: spend.daily_line,
    ),
    _requests(
        "sunbox_meter_requests_today",
        "counted since midnight, by kind",
        lambda spend: spend.requests_today,
        NONE_BILLED_OF_METER,
    ),
    _requests(
        "sunbox_meter_requests_this_month",
        "counted since the first, by kind",
        lambda spend: spend.requests_this_month,
        NONE_BILLED_OF_METER,
    ),
)

PARTS: tuple[Part[Any], ...] = (
    Part(None, lambda site: [("", site)], SITE),
    Part("loadpoint", lambda site: [(row.id, row) for row in site.loadpoints], LOADPOINT),
    Part("vehicle", lambda site: [(row.id, row) for row in site.vehicles], VEHICLE),
    Part("meter", lambda site: [(row.id, row) for row in site.meters], METER),
)
