"""What scripts and the command say on standard error."""

from __future__ import annotations

import logging
import sys

from sunbox.fleetapi.config import LOGGER


def log_to_stderr(level: int = logging.INFO) -> None:
    """Have what happens be told on standard error, one plain line each; once, however often it is asked for."""
    if not any(getattr(handler, "is_of_fleetapi", False) for handler in LOGGER.handlers):
        handler = logging.StreamHandler(_Stderr())
        handler.setFormatter(logging.Formatter("%(message)s"))
        handler.is_of_fleetapi = True  # type: ignore[attr-defined]
        LOGGER.addHandler(handler)
        LOGGER.propagate = False
    LOGGER.setLevel(level)


def log_everything() -> None:
    """Tell each request, too."""
    log_to_stderr(logging.DEBUG)


class _Stderr:
    """Standard error as it is at the moment of writing."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()
