"""`sunbox check`: every mistake in the configuration at once, then each device is tried without changing or paying anything."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sunbox.cli.options import config_option
from sunbox.cli.output import BAD, GOOD, WARNING, print_table, say
from sunbox.drivers.base import Driver
from sunbox.errors import ConfigError, SunboxError

if TYPE_CHECKING:
    from sunbox.config import Config

PROBE_TIMEOUT_S = 20.0
"""Longer than any driver's own timeout: this one is only reached where a driver hangs."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What trying one device brought."""

    device_id: str
    is_good: bool
    text: str


async def probe_all(drivers: Mapping[str, Driver], timeout_s: float = PROBE_TIMEOUT_S) -> list[Probed]:
    """Try all devices at the same time and close them."""
    try:
        return list(await asyncio.gather(*(_probe(id_, driver, timeout_s) for id_, driver in drivers.items())))
    finally:
        await asyncio.gather(*(driver.close() for driver in drivers.values()), return_exceptions=True)


async def _probe(device_id: str, driver: Driver, timeout_s: float) -> Probed:
    try:
        async with asyncio.timeout(timeout_s):
            return Probed(device_id, is_good=True, text=await driver.probe())
    except SunboxError as error:
        return Probed(device_id, is_good=False, text=str(error))
    except TimeoutError:
        return Probed(device_id, is_good=False, text=f"no answer within {timeout_s:g} s")


def show_problems(error: ConfigError) -> None:
    """Print each mistake on a line of its own, and how many there are."""
    for problem in error.problems:
        say(problem, is_error=True)
    count = len(error.problems)
    say(f"\n{count} mistake{'' if count == 1 else 's'}; nothing was tried.", BAD, is_error=True)


def show_devices(kinds: Mapping[str, str], results: Sequence[Probed]) -> None:
    """Print what trying the devices brought."""
    rows = [
        (probed.device_id, kinds.get(probed.device_id, ""), "ok" if probed.is_good else "failed", probed.text)
        for probed in results
    ]
    print_table(
        "Devices",
        ("device", "driver", "result", "answer"),
        rows,
        [GOOD if probed.is_good else BAD for probed in results],
    )


@click.command(
    epilog="""\b
Examples:
  sunbox check                         ./sunbox.yaml
  sunbox check -c home.yaml --offline  the file alone, no device is contacted
"""
)
@config_option()
@click.option("--offline", is_flag=True, help="Check the file alone; contact no device.")
@click.option(
    "--timeout", "timeout_s", default=PROBE_TIMEOUT_S, show_default=True, type=click.FloatRange(1, 300), help="Seconds."
)
def check(path: Path, offline: bool, timeout_s: float) -> None:
    """Explain every mistake in a configuration, then try each device.

    Trying wakes no car, changes nothing and costs nothing. The exit code is 1 if there is a mistake in the file, or if a
    device cannot be used.
    """
    from sunbox.app import REGISTRY
    from sunbox.config import load

    try:
        config = load(path, REGISTRY)
    except ConfigError as error:
        show_problems(error)
        sys.exit(1)
    for warning in config.warnings:
        say(warning, WARNING, is_error=True)
    say(f"{path}: no mistakes", GOOD)
    devices = (*config.meters, *config.chargers, *config.vehicles)
    if offline or not devices:
        return
    results = asyncio.run(_try_devices(config, timeout_s))
    show_devices({device.id: device.driver for device in devices}, results)
    if not all(probed.is_good for probed in results):
        sys.exit(1)


async def _try_devices(config: Config, timeout_s: float) -> list[Probed]:
    from sunbox.app import open_drivers
    from sunbox.cli.live import set_up_logs
    from sunbox.clock import SystemClock
    from sunbox.net.http import client_factory

    set_up_logs(is_quiet=True)  # to standard error: what is printed here is the table
    drivers, accounts = open_drivers(config, client_factory(), SystemClock())
    try:
        return await probe_all(drivers, timeout_s)
    finally:
        for account in accounts:
            await account.close()
