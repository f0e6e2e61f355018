"""What goes wrong between a script and a Powerwall.

FleetApiError            Tesla said no, or something else in the way; `status` is the HTTP code if there was an answer
├── FleetConfigError     the configuration file is missing, unreadable or incomplete
├── FleetLoginError      the login is no good any more; only a person can help
├── FleetBusyError       too many requests; `retry_after_s` says when to come again, if Tesla says so
├── FleetRefusedError    a setting was not accepted
└── FleetUnreachableError  no answer; a setting that was `was_sent` may have been made all the same

A value that cannot be allowed is a ValueError, before anything is sent.
"""

from __future__ import annotations

from sunbox.errors import SunboxError


class FleetApiError(SunboxError):
    """Something is in the way; the text says what, and what to do."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class FleetConfigError(FleetApiError):
    """The configuration file is missing, unreadable or incomplete."""


class FleetLoginError(FleetApiError):
    """The login is no good any more: run `fleetapi setup`."""


class FleetBusyError(FleetApiError):
    """Too many requests."""

    def __init__(self, message: str, *, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after_s = retry_after_s


class FleetRefusedError(FleetApiError):
    """A setting was not accepted."""


class FleetUnreachableError(FleetApiError):
    """There is no answer."""

    def __init__(self, message: str, *, was_sent: bool) -> None:
        super().__init__(message)
        self.was_sent = was_sent
