"""What several commands' options share."""

from __future__ import annotations

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
