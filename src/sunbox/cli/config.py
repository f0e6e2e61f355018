"""`sunbox config`: what may stand in a configuration, for editors and for people."""

from __future__ import annotations

import json

import click


@click.group(
    epilog="""\b
Examples:
  sunbox config schema > sunbox.schema.json      then, as the first line of sunbox.yaml:
  # yaml-language-server: $schema=sunbox.schema.json
  sunbox config reference
"""
)
def config() -> None:
    """Print what may stand in a configuration."""


@config.command(epilog="\b\nExample:\n  sunbox config schema > sunbox.schema.json")
def schema() -> None:
    """Print the JSON schema, with which an editor completes and checks a configuration."""
    from sunbox.app import REGISTRY
    from sunbox.config.reference import json_schema

    click.echo(json.dumps(json_schema(REGISTRY), indent=2))


@config.command(epilog="\b\nExample:\n  sunbox config reference | less")
def reference() -> None:
    """Print every key with its meaning, default and limits (Markdown)."""
    from sunbox.app import REGISTRY
    from sunbox.config.reference import markdown

    click.echo(markdown(REGISTRY), nl=False)
