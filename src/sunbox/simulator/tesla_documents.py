"""How Tesla's cloud words a simulated car: identity, facts, and the fields that nobody decides by but clients expect.

Field names and types: `home-assistant/core:tests/components/tesla_fleet/fixtures/vehicle_data.json`. Ranges are miles.
"""

from __future__ import annotations

from typing import Any

from sunbox.core.model import Charging, VehicleFacts
from sunbox.dialects.tesla import envelopes
from sunbox.dialects.tesla.envelopes import Identity
from sunbox.dialects.tesla.table import CHARGE_SCHEDULES
from sunbox.dialects.tesla.wire import KM_PER_MILE
from sunbox.simulator.car import MAX_LIMIT_PCT, STANDARD_LIMIT_PCT, TeslaCar
from sunbox.simulator.car_physics import into_battery_w
from sunbox.simulator.car_schedule import ScheduleMode

WH_PER_MILE = 240.0
"""What the car's range display assumes."""
LIMIT_MIN_PCT = 50

ASKED_BY_NAME = frozenset({CHARGE_SCHEDULES})
"""Sections of `vehicle_data` that are there only when they are asked for."""


def identity_of(car: TeslaCar) -> Identity:
    """Return who a car is."""
    return envelopes.identity_of(car.vin, car.name, in_service=car.is_in_service)


def names_of(car: TeslaCar) -> frozenset[str]:
    """Return what a path may call a car: its id or its VIN."""
    return frozenset({str(identity_of(car).id), car.vin})


def facts_of(car: TeslaCar) -> VehicleFacts:
    """Return what a car says of itself now."""
    latitude, longitude = car.position
    is_flowing = car.current_a > 0
    return VehicleFacts(
        measured_at=car.now(),
        charging=car.charging,
        soc_pct=int(car.soc_pct + 0.5),
        limit_soc_pct=car.limit_pct,
        limit_soc_min_pct=LIMIT_MIN_PCT,
        amps_requested_a=car.shown_amps_a,
        amps_requested_max_a=car.available_a,
        pilot_a=car.socket.pilot_a if car.is_plugged else 0,
        actual_a=float(round(car.current_a)),
        voltage_v=float(round(car.voltage_v)) if is_flowing else float(car.idle_v),
        power_w=car.draw_w,
        phases=car.socket.phases if car.charging is Charging.CHARGING and is_flowing else None,
        energy_added_wh=car.added_wh,
        latitude=round(latitude, 6),
        longitude=round(longitude, 6),
        is_fast_charger=False,
        is_driving=car.is_driving,
    )


def sections_of(car: TeslaCar) -> dict[str, dict[str, Any]]:
    """Return the further fields of each section of `vehicle_data`."""
    battery_w = into_battery_w(car.draw_w)
    missing_wh = max(0.0, car.capacity_wh * car.limit_pct / 100.0 - car.stored_wh)
    hours = missing_wh / battery_w if battery_w > 0 else 0.0
    range_miles = round(car.stored_wh / WH_PER_MILE, 2)
    added_miles = round(car.added_wh / WH_PER_MILE, 2)
    is_flowing = car.charging in (Charging.STARTING, Charging.CHARGING)
    is_pending = car.is_plugged and not is_flowing and car.schedule.mode is not ScheduleMode.OFF
    charge = {
        "battery_heater_on": False,
        "battery_range": range_miles,
        "charge_enable_request": car.charging is not Charging.STOPPED,
        "charge_limit_soc_max": MAX_LIMIT_PCT,
        "charge_limit_soc_std": STANDARD_LIMIT_PCT,
        "charge_miles_added_ideal": added_miles,
        "charge_miles_added_rated": added_miles,
        "charge_port_cold_weather_mode": False,
        "charge_port_color": "<invalid>",
        "charge_port_door_open": car.is_port_open,
        "charge_port_latch": "Engaged" if car.is_latched else "Disengaged",
        "charge_rate": round(battery_w / WH_PER_MILE, 1),
        "conn_charge_cable": "IEC" if car.is_plugged else "<invalid>",
        "est_battery_range": range_miles,
        "fast_charger_brand": "<invalid>",
        "fast_charger_type": "ACSingleWireCAN" if car.is_plugged else "<invalid>",
        "ideal_battery_range": range_miles,
        "max_range_charge_counter": 0,
        "minutes_to_full_charge": round(hours * 60),
        "not_enough_power_to_heat": None,
        "supercharger_session_trip_planner": False,
        "time_to_full_charge": round(hours, 2),
        "trip_charging": False,
        "usable_battery_level": int(car.soc_pct + 0.5),
        "user_charge_enable_request": None,
        **car.schedule.to_wire(car.at, car.timezone, car.schedule_due_at, pending=is_pending),
    }
    next_at = car.next_charge_at
    if next_at is not None and car.charging is Charging.STOPPED and car.is_held:
        charge |= {
            "scheduled_charging_mode": ScheduleMode.START_AT.value,
            "scheduled_charging_pending": True,
            "scheduled_charging_start_time": round(next_at.timestamp()),
        }
    offset = car.at.astimezone(car.timezone).utcoffset()
    return {
        CHARGE_SCHEDULES: {
            "charge_buffer": 0,
            "charge_schedules": [schedule.to_wire() for schedule in car.charge_schedules],
            "next_schedule": next_at is not None,
            "show_schedule_complete_state": False,
        },
        "charge_state": charge,
        "climate_state": {
            "inside_temp": 22.0,
            "outside_temp": 20.0,
            "is_preconditioning": False,
            "battery_heater": False,
        },
        "closures_state": {"df": 0, "dr": 0, "pf": 0, "pr": 0, "ft": 0, "rt": 0},
        "drive_state": {"heading": 185, "speed": 31 if car.is_driving else None, "power": 9 if car.is_driving else 0},
        "gui_settings": {"gui_distance_units": "km/hr", "gui_charge_rate_units": "kW", "gui_24_hour_time": True},
        "vehicle_config": {
            "car_type": "model3",
            "charge_port_type": "CCS",
            "eu_vehicle": True,
            "utc_offset": round(offset.total_seconds()) if offset is not None else 0,
        },
        "vehicle_state": {
            "car_version": "2024.26.8 simulated",
            "odometer": round(car.odometer_km / KM_PER_MILE, 3),
            "is_user_present": car.is_driving,
            "locked": not car.is_driving,
            "sentry_mode": False,
            "vehicle_name": car.name,
        },
    }
