"""`sunbox run`: the gateway for a real home."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from sunbox.app import REGISTRY, running, serving_faces
from sunbox.cli.live import run_until_stopped, set_up_logs
from sunbox.cli.options import config_option
from sunbox.clock import SystemClock
from sunbox.config.loader import Config, load
from sunbox.net.http import client_factory


@click.command(
    epilog="""\b
Examples:
  sunbox run
  sunbox run -c /etc/sunbox/sunbox.yaml
"""
)
@config_option()
@click.option("-v", "--verbose", is_flag=True, help="Log everything.")
def run(path: Path, *, verbose: bool) -> None:
    """Run the gateway until Ctrl-C; what was wished for survives."""
    set_up_logs(is_verbose=verbose)
    config = load(path, REGISTRY)
    for warning in config.warnings:
        click.echo(f"note: {warning}", err=True)
    run_until_stopped(lambda stop: _live(config, stop))


async def _live(config: Config, stop: asyncio.Event) -> None:
    async with (
        running(config, client_factory(), SystemClock()) as gateway,
        serving_faces(gateway, config) as (main, *others),
    ):
        click.echo(f"sunbox runs on {main.bound.url} (Ctrl-C stops it)", err=True)
        for served in others:
            click.echo(f"{served.name} is on {served.bound.url}", err=True)
        await stop.wait()
        click.echo("stopping: nothing new is begun, what is under way may end", err=True)
