"""What several commands' options share."""

from __future__ import annotations

import math
from typing import Any

import click


def count_or_unlimited(_context: click.Context, _parameter: click.Parameter, value: str) -> int | None:
    """Return a number from 1, or None for `unlimited`.

    Raises:
        click.BadParameter: it is neither.
    """
    if value == "unlimited":
        return None
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise click.BadParameter(f"{value!r} is neither a number from 1 nor 'unlimited'")
    return int(value)


def phases_or_auto(_context: click.Context, _parameter: click.Parameter, value: str) -> int | None:
    """Return 1 or 3, or None for `auto`.

    Raises:
        click.BadParameter: it is none of them.
    """
    if value == "auto":
        return None
    if value not in {"1", "3"}:
        raise click.BadParameter(f"{value} is not possible; allowed are 1 and 3, and auto with a charger")
    return int(value)


class Within(click.FloatRange):
    """A range of numbers; "nan", which is in every range for a comparison, is in none here."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number, or fail with what is allowed."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return number
