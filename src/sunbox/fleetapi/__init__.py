"""A Powerwall in scripts: the class `FleetAPI`, and the command `fleetapi`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sunbox.fleetapi.errors import (
    FleetApiError,
    FleetBusyError,
    FleetConfigError,
    FleetLoginError,
    FleetRefusedError,
    FleetUnreachableError,
)

if TYPE_CHECKING:
    from sunbox.fleetapi.api import FleetAPI

__all__ = [
    "FleetAPI",
    "FleetApiError",
    "FleetBusyError",
    "FleetConfigError",
    "FleetLoginError",
    "FleetRefusedError",
    "FleetUnreachableError",
]


def __getattr__(name: str) -> Any:
    """Load the class when it is asked for, so that the command's help stays quick."""
    if name == "FleetAPI":
        from sunbox.fleetapi import api

        return api.FleetAPI
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
