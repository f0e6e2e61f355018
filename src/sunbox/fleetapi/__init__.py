"""A Powerwall in scripts: the class `FleetAPI`, and the command `fleetapi`."""

from sunbox.fleetapi.api import FleetAPI
from sunbox.fleetapi.errors import (
    FleetApiError,
    FleetBusyError,
    FleetConfigError,
    FleetLoginError,
    FleetRefusedError,
    FleetUnreachableError,
)

__all__ = [
    "FleetAPI",
    "FleetApiError",
    "FleetBusyError",
    "FleetConfigError",
    "FleetLoginError",
    "FleetRefusedError",
    "FleetUnreachableError",
]
