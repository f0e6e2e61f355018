"""`sunbox replay`: run a journal again and compare every decision."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sunbox.cli.output import BAD, GOOD, WARNING, say


@click.command(
    epilog="""\b
Examples:
  sunbox replay journal/2026-06-01.jsonl
"""
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def replay(file: Path) -> None:
    """Run the journal FILE again: the same version must decide the same.

    Where another version decides otherwise, its first other decision is shown and the exit code is 1.
    """
    from sunbox import __version__
    from sunbox.gateway.replay import replay_file

    replayed = replay_file(file)
    if not replayed.same_version:
        say(f"{file} was written by sunbox {replayed.version}, this is {__version__}", WARNING)
    if replayed.first_difference is None:
        say(f"{replayed.events} events, {replayed.decisions} decisions: all the same", GOOD)
        return
    say(f"{replayed.events} events, {replayed.decisions} decisions until the first difference:", BAD)
    say(replayed.first_difference)
    sys.exit(1)
