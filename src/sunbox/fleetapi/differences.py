"""Where `fleetapi` and its class differ on purpose from pypowerwall's (0.16.2) of the same name: told in the docs, tried in tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One of them. `id` is for tests."""

    id: str
    about: str
    theirs: str
    ours: str


DIFFERENCES: tuple[Difference, ...] = (
    Difference("json", "`setmode` and `setreserve` with `--json`", "Python's notation all the same", "JSON"),
    Difference(
        "no_argument",
        "`setmode` and `setreserve` without a value",
        "exit code 0, nothing set",
        "exit code 2, nothing set",
    ),
    Difference(
        "options",
        "an option between a command and its value (`setmode --json self`)",
        "exit code 2, nothing set",
        "as if it stood elsewhere",
    ),
    Difference(
        "vehicles",
        "`sites` of an account with a car",
        "the car as `None - None`",
        "the car is left out; `--json` has it as before",
    ),
    Difference("site", "`--site`", "without effect", "that site is asked"),
    Difference(
        "broken_config",
        "a configuration that is no JSON",
        "a traceback",
        "the same two lines as for a missing one, and why; exit code 1",
    ),
    Difference("no_server", "nobody answers", "a traceback", "one line that says who; exit code 1"),
    Difference(
        "read_back",
        "`setmode` and `setreserve`",
        "one request",
        "one more, that reads the setting back; a warning on standard error if it is not there yet",
    ),
    Difference(
        "refused", "a setting that Tesla answers with a code other than 200 and 201", "exit code 0", "exit code 1"
    ),
    Difference(
        "no_object",
        "an answer that is no object",
        "a traceback, or it is printed",
        "one line that says so; exit code 1",
    ),
    Difference(
        "default_config",
        "the configuration where none is named",
        "`.pypowerwall.fleetapi`",
        "`.fleetapi.config`, and where that is missing `.pypowerwall.fleetapi`",
    ),
    Difference(
        "chosen_site",
        "no `site_id` in the configuration",
        "the first energy site",
        "the first energy site with a battery",
    ),
    Difference(
        "region", "an account that another region serves", "it fails", "Tesla's word is followed and kept in the file"
    ),
    Difference("version", "`firmware_version()`", "always None", "the version"),
    Difference(
        "energies",
        "`energy_left()`, `total_pack_energy()`",
        "None at most sites",
        "taken from the account's list where the site does not tell",
    ),
    Difference(
        "history", "`get_history`, `get_calendar_history` with a time zone and a date", "they fail", "they work"
    ),
    Difference(
        "setup",
        "`setup`",
        "shows tokens; keeps a registration that failed; begins anew when it breaks off",
        "shows none; checks each step; goes on where it broke off; takes the whole address with the code",
    ),
    Difference("keys", "`create-key`, `page`", "not there", "make the key pair, and the page for the redirect URI"),
)
