"""The command `fleetapi`: a Powerwall on the command line, with the commands, outputs and exit codes that scripts know.

Results go to standard output, reasons and warnings to standard error. Exit codes: 0 done, 1 it failed, 2 the command line is wrong.
Where this differs from pypowerwall's tool of the same name, docs/powerwall.md has a table.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from sunbox.fleetapi.config import CONFIG_FILES
from sunbox.fleetapi.errors import FleetApiError, FleetConfigError

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

MODES: Mapping[str, str] = {
    "self": "self_consumption",
    "self_consumption": "self_consumption",
    "auto": "autonomous",
    "time": "autonomous",
    "autonomous": "autonomous",
    "backup": "backup",
}
"""What may be written for a mode."""

CURRENT = "current"

HELP: Mapping[str, str] = {
    "setup": "log in at Tesla and choose a site, step by step",
    "sites": "list the account's sites",
    "status": "show what flows now: W, grid + = import, battery + = discharging",
    "info": "show what the site is and how it is set",
    "getmode": "show the mode",
    "getreserve": "show the reserve in %",
    "setmode": "set the mode: self, auto (or time) or backup",
    "setreserve": f"set the reserve: 0 to 100, or '{CURRENT}' for the charge as it is",
    "create-key": "make the application's key pair, two files in this folder",
    "page": "write index.html, which shows the code that Tesla sends a browser back with",
}


def _help(prog: str) -> str:
    width = max(map(len, HELP)) + 4
    commands = "\n".join(f"    {name:<{width}}{words}" for name, words in HELP.items())
    return f"""\
Tesla FleetAPI - Command Line Interface

Usage: {prog} command [argument] [-h] [--debug] [--config CONFIG] [--site SITE] [--json]

Commands:
{commands}

Options:
  -h, --help            show this
  --debug               tell each request on standard error
  --config CONFIG       the configuration file (default: {CONFIG_FILES[0]}, else {CONFIG_FILES[1]}, in this folder)
  --site SITE           ask this site instead of the one in the configuration
  --json                print JSON

Examples:
  {prog} setup
  {prog} status --json
  {prog} setreserve 80
  {prog} setmode self
"""


class _Parser(argparse.ArgumentParser):
    """Shows the help text of this module."""

    def format_help(self) -> str:
        return _help(self.prog)


def _site(text: str) -> str:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r}; allowed is the number of a site, see the command sites")
    return text


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = _Parser(prog=prog)
    parser.add_argument("command", choices=list(HELP))
    parser.add_argument("argument", nargs="?")
    parser.add_argument("--debug", action="store_true")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--site", type=_site)
    parser.add_argument("--json", action="store_true")
    return parser


def run() -> NoReturn:
    """Run the command line of this process and end it."""
    prog = Path(sys.argv[0]).name
    try:
        code = main(sys.argv[1:], prog="fleetapi" if prog == "__main__.py" else prog)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # `fleetapi … | head`
        sys.stderr.close()
        code = FAILED
    sys.exit(code)


def main(words: Sequence[str], *, prog: str = "fleetapi", clients: Any = None) -> int:
    """Run one command and return its exit code.

    Args:
        words: the command line.
        prog: what it is called.
        clients: makes HTTP clients; default: the network.
    """
    if not words:
        print(_help(prog), end="")
        return DONE
    try:
        asked = _parser(prog).parse_intermixed_args(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else USAGE
    if asked.command == "create-key":
        from sunbox.fleetapi.keys import create_key

        return create_key(Path())
    if asked.command == "page":
        from sunbox.fleetapi.page import write_page

        return write_page(Path())

    from sunbox.fleetapi.logs import log_to_stderr

    log_to_stderr(logging.DEBUG if asked.debug else logging.WARNING)
    if asked.command == "setup":
        from sunbox.fleetapi.setup import set_up

        return set_up(asked.config, clients=clients)
    if asked.command in {"setmode", "setreserve"}:
        wrong = _wrong_argument(asked.command, asked.argument)
        if wrong is not None:
            return wrong
    return _about_site(asked, clients)


def _wrong_argument(command: str, argument: str | None) -> int | None:
    """Say what is wrong with the argument of a setting and return the exit code, None if nothing is."""
    if not argument:
        print(f"No {'mode' if command == 'setmode' else 'reserve level'} specified, exiting...")
        return USAGE
    if command == "setmode":
        if argument in MODES:
            return None
        print("Invalid mode, must be 'self', 'backup' or 'auto'")
    elif argument == CURRENT:
        return None
    elif not (argument.isascii() and argument.isdigit()):
        print("Invalid reserve level, must be 0-100 or 'current' to set to current level.")
    elif len(argument) <= 9 and int(argument) <= 100:
        return None
    else:
        print(f"Invalid reserve level {argument}, must be 0-100")
    return FAILED


@dataclass(frozen=True, slots=True)
class _Site:
    """A command about a site: what it does, and what is said if that fails."""

    doing: str
    run: Callable[[Any, argparse.Namespace], None]


def _about_site(asked: argparse.Namespace, clients: Any) -> int:
    from sunbox.fleetapi.api import FleetAPI
    from sunbox.fleetapi.config import find_config

    path = asked.config or find_config()
    try:
        fleet = FleetAPI(path, site_id=asked.site, clients=clients)
    except FleetConfigError as error:
        print(f"  Configuration file not found or invalid: {path}")
        print("  Run setup to access Tesla FleetAPI.")
        _complain(str(error))
        return FAILED
    row = SITE_COMMANDS[asked.command]
    try:
        with fleet:
            row.run(fleet, asked)
    except FleetApiError as error:
        doing = "retrieve current battery level" if isinstance(error, _NoLevelError) else row.doing
        print(f"Error: Unable to {doing} (API error or authentication failure).")
        _complain(str(error))
        return FAILED
    return DONE


def _complain(text: str) -> None:
    print(text, file=sys.stderr)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=4))


def _print_rows(told: Mapping[str, Any], mark: str = "") -> None:
    for key, value in told.items():
        print(f"  {mark}{key}: {value}")


def _sites(fleet: Any, asked: argparse.Namespace) -> None:
    sites = _known(fleet.get_sites(), "the account has neither sites nor vehicles")
    if asked.json:
        _print_json(sites)
        return
    found = [site for site in sites if site.get("energy_site_id") is not None]
    for site in found:
        print(f"  {site['energy_site_id']} - {site.get('site_name')}")
    if not found:
        _complain("the account has vehicles and no energy site: log in with the owner's account")


def _shown(read: Callable[[Any], Mapping[str, Any]]) -> Callable[[Any, argparse.Namespace], None]:
    def show(fleet: Any, asked: argparse.Namespace) -> None:
        (_print_json if asked.json else _print_rows)(_known(read(fleet), "the site tells nothing; try again"))

    return show


def _known(value: Any, words: str) -> Any:
    """Return a value that is not empty."""
    if not value:
        raise FleetApiError(words)
    return value


def _setting(key: str, read: Callable[[Any], Any]) -> Callable[[Any, argparse.Namespace], None]:
    def show(fleet: Any, asked: argparse.Namespace) -> None:
        value = read(fleet)
        if value is None:
            raise FleetApiError(f"the site does not tell its {key}: it may have no battery")
        if asked.json:
            _print_json({key: value})
        else:
            print(value)

    return show


def _print_reply(reply: Mapping[str, Any], asked: argparse.Namespace) -> None:
    if asked.json:
        _print_json(reply)
    else:
        print(dict(reply))


def _set_mode(fleet: Any, asked: argparse.Namespace) -> None:
    mode = MODES[asked.argument]
    _print_reply(fleet.set_operating_mode(mode), asked)
    _read_back("mode", mode, lambda: fleet.get_operating_mode(force=True))


def _set_reserve(fleet: Any, asked: argparse.Namespace) -> None:
    reserve = int(_current_level(fleet) if asked.argument == CURRENT else asked.argument)
    _print_reply(fleet.set_battery_reserve(reserve), asked)
    _read_back("reserve", reserve, lambda: fleet.get_battery_reserve(force=True), " %")


class _NoLevelError(FleetApiError):
    """How much is in the battery is not known, so that nothing was set."""


def _current_level(fleet: Any) -> int:
    try:
        level = fleet.battery_level(force=True)
    except FleetApiError as error:
        raise _NoLevelError(str(error)) from None
    if level is None:
        raise _NoLevelError("the site does not tell how much is in the battery, so nothing was set")
    if not -1.0 < level < 101.0:
        raise _NoLevelError(f"the site tells {level:g} % in the battery, which cannot be, so nothing was set")
    return int(level)


def _read_back(what: str, wanted: Any, read: Callable[[], Any], unit: str = "") -> None:
    """Warn where the site does not tell what it was just told. The setting was accepted, so this is no failure."""
    try:
        found = read()
    except FleetApiError as error:
        _complain(f"Warning: the {what} was accepted and could not be read back: {error}")
        return
    if found != wanted:
        more = "; reserves from 81 to 99 % become 80 on recent firmware" if unit and wanted > 80 else ""
        told = f"does not tell its {what}" if found is None else f"still tells {found}{unit} and not {wanted}{unit}"
        _complain(f"Warning: the site {told}; it may take minutes: look again with get{what}{more}")


SITE_COMMANDS: Mapping[str, _Site] = {
    "sites": _Site("retrieve sites", _sites),
    "status": _Site("retrieve live status", _shown(lambda fleet: fleet.get_live_status())),
    "info": _Site("retrieve site info", _shown(lambda fleet: fleet.get_site_info())),
    "getmode": _Site("retrieve operating mode", _setting("mode", lambda fleet: fleet.get_operating_mode())),
    "getreserve": _Site("retrieve battery reserve", _setting("reserve", lambda fleet: fleet.get_battery_reserve())),
    "setmode": _Site("set operating mode", _set_mode),
    "setreserve": _Site("set battery reserve", _set_reserve),
}
