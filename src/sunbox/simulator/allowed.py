"""What values a key of the world may have: in words, and as a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Allowed = tuple[str, Callable[[Any], bool]]


def number(low: float, high: float) -> Allowed:
    """Return the words and the test for a number within bounds."""

    def is_allowed(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high

    return f"a number from {low:g} to {high:g}", is_allowed


def integer(low: int, high: int) -> Allowed:
    """Return the words and the test for a whole number within bounds."""

    def is_allowed(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return f"a whole number from {low} to {high}", is_allowed


BOOL: Allowed = ("true or false", lambda value: isinstance(value, bool))
