"""Saying once that a device cannot be reached, and once that it is back: a log is no heartbeat."""

from __future__ import annotations

import structlog

from sunbox.core.commands import Cause


class Outage:
    """Whether a device works, as the log knows it."""

    def __init__(self, device_id: str) -> None:
        self._log = structlog.get_logger(__name__).bind(device=device_id)
        self._cause: Cause | None = None

    def failed(self, cause: Cause, detail: str) -> None:
        """Take note of a failure; the first one, and each of another cause, is logged."""
        if cause is not self._cause:
            self._cause = cause
            self._log.warning("device unavailable", cause=cause.value, detail=detail)

    def worked(self) -> None:
        """Take note of a success; the first one after a failure is logged."""
        if self._cause is not None:
            self._log.info("device available again", was=self._cause.value)
            self._cause = None
