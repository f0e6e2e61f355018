"""`sunbox simulate smartevse`: a simulated SmartEVSE alone, by a script in virtual time or served for clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import click

from sunbox.cli.home import SMARTEVSE_PORT, local_url
from sunbox.cli.live import run_until_stopped, set_up_logs
from sunbox.clock import SystemClock
from sunbox.dialects.smartevse.box import Box
from sunbox.dialects.smartevse.profiles import PROFILES, STANDARD
from sunbox.dialects.smartevse.state import MOST_BOXES, Identity, Setup
from sunbox.errors import ConfigError
from sunbox.net.serving import serving
from sunbox.simulator.smartevse_app import LiveSmartEvse, listener_of
from sunbox.simulator.smartevse_garage import LiveGarage
from sunbox.simulator.smartevse_script import run_script, steps_from_text

MOST_PORT = 65535


@click.command(
    epilog="""\b
Examples:
  sunbox simulate smartevse
  sunbox simulate smartevse --port 6102 --profile 3.6 --unplugged
  sunbox simulate smartevse --boxes 2 --max-circuit 20
  sunbox simulate smartevse --script steps.json
  sunbox simulate smartevse --script steps.json | jq -c '[.t, .state, .charge_current]'
\b
A script is a list of steps. Each key is optional and holds until a later step changes it; all currents are 0.1 A:
  [{"seconds": 60, "mode": 3, "base_da": [30, 20, 10], "feed_s": 2, "settings": {"stop_timer": 1, "enable_C2": 4}},
   {"seconds": 90, "base_da": [150, 20, 10], "plugged": true, "ev_full": false, "temp_c": 25, "battery_da": null}]
mode: 0 OFF, 1 NORMAL, 2 SOLAR, 3 SMART, 4 PAUSE. feed_s: how often the mains are told; null = never.
"""
)
@click.option(
    "--script",
    "path",
    type=click.Path(allow_dash=True, dir_okay=False, path_type=Path),
    help="Run these steps in virtual time, print one JSON row per second, and end (- reads standard input).",
)
@click.option(
    "--port", default=SMARTEVSE_PORT, show_default=True, type=click.IntRange(1, 65535), help="Where it is served."
)
@click.option(
    "--profile", default=STANDARD.name, show_default=True, type=click.Choice(list(PROFILES)), help="Its firmware."
)
@click.option("--plugged/--unplugged", default=True, show_default=True, help="Whether a car is there.")
@click.option(
    "--boxes",
    default=1,
    show_default=True,
    type=click.IntRange(1, MOST_BOXES),
    help="So many share a circuit: the first decides, the others are its nodes, at the ports behind it.",
)
@click.option(
    "--max-circuit",
    default=Setup().current_max_circuit,
    show_default=True,
    type=click.IntRange(10, 160),
    help="What that circuit carries, in A per phase.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log everything.")
def smartevse(
    path: Path | None, port: int, profile: str, *, plugged: bool, boxes: int, max_circuit: int, verbose: bool
) -> None:
    """Run a SmartEVSE with the firmware's own control law: by a script, or served for any client."""
    if path is not None:
        for row in run_script(steps_from_text(_text_of(path))):
            click.echo(json.dumps(row, separators=(",", ":")))
        return
    set_up_logs(is_verbose=verbose)
    if port + boxes - 1 > MOST_PORT:
        most = MOST_PORT - boxes + 1
        raise click.BadParameter(f"{port} leaves no room for {boxes} boxes: at most {most}", param_hint="--port")
    lives = [
        LiveSmartEvse(
            SystemClock().now,
            box=Box(PROFILES[profile], Identity(serial=Identity().serial + number)),
            is_plugged=plugged,
        )
        for number in range(boxes)
    ]
    if boxes > 1:
        LiveGarage(lives, max_circuit)
    run_until_stopped(lambda stop: _serve(lives, port, stop))


async def _serve(lives: Sequence[LiveSmartEvse], port: int, stop: asyncio.Event) -> None:
    async with serving([listener_of(live, port + number) for number, live in enumerate(lives)]):
        url, live = local_url(port), lives[0]
        if len(lives) > 1:
            circuit_a, last = live.device.setup.current_max_circuit, local_url(port + len(lives) - 1)
            click.echo(f"{len(lives)} boxes share {circuit_a} A: the first decides, its nodes are up to {last}.")
        click.echo(f"""\
A simulated SmartEVSE, firmware {live.profile.version}, with {"a" if live.car.is_plugged else "no"} car.
  look   curl {url}/settings
  tell   curl -X POST -d '' '{url}/settings?mode=3'
         curl -X POST -d '' '{url}/currents?L1=30&L2=20&L3=10'     every 11 s at least, once begun
Ctrl-C stops it.""")
        await stop.wait()


def _text_of(path: Path) -> str:
    try:
        with click.open_file(str(path), encoding="utf-8") as file:
            return str(file.read())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"cannot read {path}: {error}; give a file with a JSON list of steps"]) from None
