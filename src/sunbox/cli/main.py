"""The command `sunbox`: a table of commands, each loaded when it is asked for, so that --version and --help stay quick."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import click

from sunbox import __version__
from sunbox.errors import ConfigError, SunboxError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class Row(NamedTuple):
    """Where a command is, and what it does in a few words."""

    module: str
    attribute: str
    words: str


COMMANDS: dict[str, Row] = {
    "demo": Row("sunbox.cli.demo", "demo", "Live a simulated summer day on http://127.0.0.1:5000."),
    "setup": Row("sunbox.cli.setup", "setup", "Log in at Tesla, and get the lines for the configuration."),
    "run": Row("sunbox.cli.run", "run", "Run the gateway of a real home."),
    "check": Row("sunbox.cli.check", "check", "Explain every mistake in a configuration and try its devices."),
    "status": Row("sunbox.cli.status", "status", "Show what a running gateway does, and why."),
    "vehicle": Row(
        "sunbox.cli.vehicle", "vehicle", "Tell a car about charging by hand: start, limit, port, schedules …"
    ),
    "charger": Row("sunbox.cli.charger", "charger", "Find wallboxes, tell them about charging, look at their keys."),
    "battery": Row("sunbox.cli.battery", "battery", "Show the Powerwall, set it, or keep it out of the car."),
    "explain": Row("sunbox.cli.explain", "explain", "Tell why a car is, or was, charging or not."),
    "report": Row("sunbox.cli.report", "report", "Tell what a recorded day brought, and what was missed and why."),
    "whatif": Row("sunbox.cli.whatif", "whatif", "Live recorded days again with other settings."),
    "replay": Row("sunbox.cli.replay", "replay", "Run a journal again and compare every decision."),
    "day": Row("sunbox.cli.day", "day", "Run whole days in virtual time and print what they were worth."),
    "bench": Row("sunbox.cli.bench", "bench", "Compare sunbox with its peers' rules and with the best possible."),
    "simulate": Row("sunbox.cli.demo", "simulate", "Serve the simulated devices alone, for trying any client."),
    "config": Row("sunbox.cli.config", "config", "Print the JSON schema or the reference of the configuration."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import one command; None if there is none of this name."""
        row = COMMANDS.get(cmd_name)
        if row is None:
            return None
        command = getattr(importlib.import_module(row.module), row.attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - a slip in the table above
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and guess what was meant where there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]}?" if close else f" There are: {', '.join(COMMANDS)}."
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.words) for name, row in COMMANDS.items()])


EXAMPLES = """\b
Examples:
  sunbox demo                          a whole simulated home, to look at and to play with
  sunbox setup tesla                   log in at Tesla
  sunbox check -c sunbox.yaml          explain each mistake, then try each device
  sunbox run -c sunbox.yaml            charge from the sun
  sunbox status                        what happens now, and why
"""


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=EXAMPLES,
    no_args_is_help=True,
)
@click.version_option(__version__, "-V", "--version", message="sunbox %(version)s")
@click.option("--debug", is_flag=True, help="Show where in the program an error came from.")
def cli(debug: bool) -> None:
    """Make any car a wallbox, and any wallbox a solar wallbox."""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process: 0 done, 1 it failed, 2 the command line or the configuration is wrong."""
    words = list(sys.argv[1:] if args is None else args)
    # asked for here, so that it holds for whatever goes wrong, wherever on the line it stands
    is_debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        code = cli.main(words, prog_name="sunbox", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # `sunbox … | head`
        sys.stderr.close()
        sys.exit(EXIT_FAILED)
    except SunboxError as error:
        if is_debug:
            raise
        click.echo(str(error), err=True)
        sys.exit(EXIT_USAGE if isinstance(error, ConfigError) else EXIT_FAILED)
    except Exception as error:
        if is_debug:
            raise
        click.echo(f"sunbox failed: {type(error).__name__}: {error}", err=True)
        click.echo("This is a mistake in sunbox; run the same with --debug to see where.", err=True)
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
