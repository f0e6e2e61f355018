"""The error tree.

SunboxError
├── ConfigError          the owner's file is wrong (all mistakes at once)
├── StoreError           what must survive cannot be written or read
├── JournalError         a journal that cannot be replayed
├── TraceError           a file of solar and load data that cannot be read
└── ListenError          an address that cannot be served (port taken, not allowed)

What a device does wrong is no exception: it is an `Outcome` or a `Cause` (core/commands.py).
"""

from __future__ import annotations


class SunboxError(Exception):
    """Anything that sunbox tells a person about; the text says what, which value, what was allowed and what to do."""


class ConfigError(SunboxError):
    """The configuration is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StoreError(SunboxError):
    """What must survive cannot be written or read."""


class JournalError(SunboxError):
    """A journal cannot be replayed."""


class TraceError(SunboxError):
    """A file of solar and load data cannot be read."""


class ListenError(SunboxError):
    """An address cannot be served."""
