"""The class for scripts that were written for other programs of this name: failures are None or False, as those have it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sunbox.fleetapi import api
from sunbox.fleetapi.config import LOGGER, find_config
from sunbox.fleetapi.errors import FleetApiError
from sunbox.fleetapi.logs import log_to_stderr

PUBLIC = tuple(name for name, value in vars(api.FleetAPI).items() if callable(value) and not name.startswith("_"))
"""Every function of the class."""


class FleetAPI:
    """As `sunbox.fleetapi.FleetAPI`, but for failures: what cannot be read is None, and so is what could not be set.

    A value that is not allowed is False. Why is told on standard error.
    """

    def __init__(self, configfile: str | Path | None = None, *args: Any, **named: Any) -> None:
        """Read the configuration; where there is none, everything is None."""
        log_to_stderr(logging.WARNING)
        self.configfile = str(configfile if configfile is not None else find_config())
        self._api: api.FleetAPI | None = None
        try:
            self._api = api.FleetAPI(self.configfile, *args, **named)
        except FleetApiError as error:
            LOGGER.error("%s", error)

    @property
    def site_id(self) -> int | str | None:
        """The site that is asked, None where it is not known."""
        try:
            return None if self._api is None else self._api.site_id
        except FleetApiError as error:
            LOGGER.error("%s", error)
            return None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in PUBLIC:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        @functools.wraps(getattr(api.FleetAPI, name))
        def call(*args: Any, **named: Any) -> Any:
            if self._api is None:
                return None
            try:
                return getattr(self._api, name)(*args, **named)
            except FleetApiError as error:
                LOGGER.error("%s", error)
                return None
            except ValueError as error:
                LOGGER.error("%s", error)
                return False

        return call

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *PUBLIC})
