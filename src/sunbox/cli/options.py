"""What several commands' options share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

MOST_SPEED = 600.0
"""Above this an answer over loopback takes seconds of simulated time."""


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


def config_option(about: str = "The configuration file.") -> Callable[[F], F]:
    """Return the option `-c`, `--config`: the parameter `path`, default `sunbox.yaml` here."""
    return click.option(
        "-c",
        "--config",
        "path",
        default="sunbox.yaml",
        show_default=True,
        type=click.Path(dir_okay=False, path_type=Path),
        help=about,
    )


def speed_option(default: float) -> Callable[[F], F]:
    """Return the option `--speed` of what is served at another pace than the wall's."""
    return click.option(
        "--speed",
        default=default,
        show_default=True,
        type=Within(0.1, MOST_SPEED),
        help="How many times as fast as the wall.",
    )


def port_option(name: str, default: int, about: str, most: int = 65535) -> Callable[[F], F]:
    """Return an option that takes a port."""
    return click.option(name, default=default, show_default=True, type=click.IntRange(1, most), help=about)


def traces_option(*, is_required: bool) -> Callable[[F], F]:
    """Return the option `--trace`, which may be given again: the parameter `traces`."""
    return click.option(
        "--trace",
        "traces",
        multiple=True,
        required=is_required,
        type=click.Path(dir_okay=False),
        help="CSV or CSV.gz: time, then pv_w_per_kwp or pv_w, load_w. May be given again.",
    )


def kwp_option(command: F) -> F:
    """Give a command the option `--kwp`."""
    return click.option(
        "--kwp", default=10.0, show_default=True, type=Within(0.1, 1000), help="Size of the solar plant."
    )(command)
