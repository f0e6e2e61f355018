"""`sunbox simulate smartevse`: a simulated SmartEVSE alone."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sunbox.errors import ConfigError
from sunbox.simulator.smartevse_script import run_script, steps_from_text


@click.command(
    epilog="""\b
Examples:
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
    required=True,
    type=click.Path(allow_dash=True, dir_okay=False, path_type=Path),
    help="JSON file with steps (- reads standard input).",
)
def smartevse(path: Path) -> None:
    """Run the firmware's own control law by a script, in virtual time; print one JSON row per second."""
    for row in run_script(steps_from_text(_text_of(path))):
        click.echo(json.dumps(row, separators=(",", ":")))


def _text_of(path: Path) -> str:
    try:
        with click.open_file(str(path), encoding="utf-8") as file:
            return str(file.read())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"cannot read {path}: {error}; give a file with a JSON list of steps"]) from None
