"""`sunbox setup tesla`: from an application at developer.tesla.com to a login, the cars, and the lines for sunbox.yaml.

Each step is checked before the next. On a terminal what is missing is asked for; elsewhere it comes from options, and the address
that the browser ended at from standard input. Secrets come from a file, the environment or a hidden prompt, and are never shown.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import click
from pydantic import SecretStr, TypeAdapter, ValidationError

from sunbox.cli.live import set_up_logs
from sunbox.cli.options import config_option
from sunbox.cli.output import BAD, GOOD, WARNING, say
from sunbox.cli.paste import OwnersFile, Piece, missing_pieces, read_owners_file
from sunbox.clock import SystemClock
from sunbox.dialects.powerwall.hold_book import Method
from sunbox.dialects.powerwall.table import READ_SCOPE, WRITE_SCOPE
from sunbox.dialects.tesla.login import LONGEST_PASTED, scopes_in
from sunbox.dialects.tesla.outcomes import is_tesla_url
from sunbox.dialects.tesla.table import BASE_URLS, SCOPES
from sunbox.drivers.tesla.login import LoginError, LoginPlan, Seen, TeslaLogin, look_around
from sunbox.drivers.tesla.settings import BaseUrl, Region, TeslaAccountSettings
from sunbox.drivers.tesla.tokens import TeslaTokens, TokenError, TokenFile
from sunbox.errors import SunboxError
from sunbox.net.http import client_factory

SECRET_VARIABLE = "SUNBOX_TESLA_CLIENT_SECRET"  # noqa: S105 - where it is, not what it is
LONGEST_SECRET = 4096
LONGEST_ID = 200
TRIES = 3
"""How often an address may be pasted that cannot be used."""

LOCATION = "vehicle_location"
GO_ON = "sunbox setup tesla --no-login"


@dataclass(frozen=True, slots=True)
class Talk:
    """How to speak with whoever runs this: with `--json` standard output is for the result alone."""

    as_json: bool
    is_watched: bool  #: a person sits there who can be asked

    def say(self, text: str, style: str = "") -> None:
        """Print a text."""
        say(text, style, is_error=self.as_json)

    def show(self, text: str) -> None:
        """Print what is to be copied, exactly."""
        click.echo(text, err=self.as_json)

    def ask(self, words: str, default: str | None = None, check: Callable[[str], str] = str.strip) -> str:
        """Return what a person types; what `check` refuses is asked for again."""
        return str(click.prompt(words, default=default, value_proc=check, err=self.as_json))

    def ask_hidden(self, words: str) -> str:
        """Return what a person types unseen, which may be nothing."""
        return str(click.prompt(words, default="", hide_input=True, show_default=False, err=self.as_json)).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the command line says."""

    client_id: str | None
    client_secret_file: Path | None
    redirect_uri: str | None
    region: str | None
    powerwall: bool | None  #: None = as the configuration says
    scopes: str | None
    base_url: str | None
    auth_url: str | None


def _address(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else TypeAdapter(BaseUrl).validate_python(value)
    except ValidationError as error:
        why = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise click.BadParameter(f"{value!r}: {why}") from None


def checked_redirect_uri(value: str) -> str:
    """Return a redirect URI.

    Raises:
        click.BadParameter: it is none.
    """
    value = value.strip()
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment or not value.isprintable():
        raise click.BadParameter(
            f"{value!r} is no address; write the application's Allowed Redirect URI, such as https://example.com/back"
        )
    return value


def checked_client_id(value: str) -> str:
    """Return a client ID.

    Raises:
        click.BadParameter: it cannot be one.
    """
    value = value.strip()
    if not 1 <= len(value) <= LONGEST_ID or not value.isprintable() or " " in value:
        raise click.BadParameter(
            f"{value!r} is no client ID; copy it from the application's page at developer.tesla.com"
        )
    return value


def checked_region(value: str) -> str:
    """Return a region.

    Raises:
        click.BadParameter: there is no such one.
    """
    value = value.strip().lower()
    if value not in BASE_URLS:
        raise click.BadParameter(f"{value!r} is no region; there are {', '.join(BASE_URLS)}")
    return value


def _where_given(check: Callable[[str], str]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Return a check as click's callback for an option that need not be there."""
    return lambda _context, _parameter, value: None if value is None else check(value)


def _checked_scopes(value: str) -> str:
    """Return scopes.

    Raises:
        click.BadParameter: some are none.
    """
    try:
        return scopes_in(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def energy_scopes(owner: OwnersFile) -> tuple[str, ...]:
    """Return the scopes without which a Powerwall of the configuration does not do all that is written of it."""
    through_cloud = [
        item for item in owner.items("meters") if item.get("driver") == "powerwall" and item.get("site") is not None
    ]
    if not through_cloud:
        return ()
    # `no` and `off` are words in this file; whatever else is written wrong there `sunbox check` tells
    is_held = any(item.get("hold", Method.RESERVE.value) != Method.OFF.value for item in through_cloud)
    return (READ_SCOPE, WRITE_SCOPE) if is_held else (READ_SCOPE,)


def _scopes_for(given: Given, owner: OwnersFile) -> str:
    """Return what to ask for: never more than is needed, unless somebody says so."""
    if given.scopes is not None:
        return given.scopes
    more = energy_scopes(owner) if given.powerwall is None else (READ_SCOPE, WRITE_SCOPE) if given.powerwall else ()
    return " ".join((SCOPES, *more))


@click.group(
    epilog="""\b
Example:
  sunbox setup tesla
"""
)
def setup() -> None:
    """Log in with the maker of a device, once; what is got is kept in a file that only you can read."""


@setup.command(
    epilog=f"""\b
Examples:
  sunbox setup tesla                     asks for everything, step by step
  sunbox setup tesla -c home.yaml --client-id 1234-abcd --redirect-uri https://example.com/back --region eu
  sunbox setup tesla --client-secret-file secret.txt --json
  sunbox setup tesla --powerwall         with what a Powerwall needs, before it is in the configuration
  {GO_ON}          look again at what the login is good for
  sunbox setup tesla --auth-url http://127.0.0.1:5100 --base-url http://127.0.0.1:5100    the simulated one

\b
Without a terminal: run it with all options and the address is printed, with exit code 2; open it, and run the same again within an
hour with what the browser ended at on standard input. The client secret may be in the environment: {SECRET_VARIABLE}.
"""
)
@config_option("The configuration; it is read, never changed, and need not be there yet.")
@click.option(
    "--tokens",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the login is kept; default: `tesla: {account: …}`, else tokens.json beside the configuration.",
)
@click.option(
    "--region", type=click.Choice(list(BASE_URLS)), help="Where the account lives; default eu, and Tesla corrects it."
)
@click.option(
    "--client-id", callback=_where_given(checked_client_id), help="Of the application at developer.tesla.com."
)
@click.option(
    "--client-secret-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"Holds the application's secret, if it has one; or set {SECRET_VARIABLE}. It is used once and not kept.",
)
@click.option(
    "--redirect-uri",
    callback=_where_given(checked_redirect_uri),
    help="One of the application's Allowed Redirect URIs, to the letter.",
)
@click.option(
    "--powerwall/--no-powerwall",
    default=None,
    help="Ask for a Powerwall's data and settings, too; default: as far as one in the configuration needs them.",
)
@click.option(
    "--scopes",
    callback=_where_given(_checked_scopes),
    help="What to ask for; default everything that sunbox uses for cars, and what a Powerwall needs where there is one.",
)
@click.option(
    "--base-url", callback=_address, help="Where vehicles answer, instead of Tesla: a proxy or the simulator."
)
@click.option("--auth-url", callback=_address, help="Where to log in, instead of Tesla.")
@click.option("--no-login", is_flag=True, help="Log in no more: look again at what the login there is good for.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON; it has no secrets.")
def tesla(path: Path, tokens: Path | None, *, no_login: bool, as_json: bool, **options: Any) -> None:
    """Log in at Tesla, see what that allows and which cars there are, and get the lines for the configuration.

    Costs nothing, wakes no car, and changes nothing but the token file. docs/tesla.md says what is needed at developer.tesla.com.
    """
    set_up_logs(is_quiet=True)
    given = Given(**options)
    talk = Talk(as_json, is_watched=sys.stdin.isatty())
    owner = read_owners_file(path)
    file = TokenFile(owner.tokens if tokens is None else tokens)
    account = _addresses_told(given, owner)
    if no_login:
        seen = asyncio.run(look_around(file.path, account, client_factory(), SystemClock()))
    else:
        standing = _standing(file, talk)
        if standing is None or not talk.is_watched or click.confirm("Log in anew?", default=True, err=as_json):
            _log_in(file, _plan(given, owner, account, standing, talk), talk)
        seen = _look_after(file, account, talk)
    pieces = missing_pieces(owner, file.path, seen.vehicles or (), is_located=not _lacks_location(seen))
    notes = (*seen.notes, *_conflicts(owner, seen), *_lacks_energy(owner, seen))
    if as_json:
        click.echo(json.dumps(_document(file.path, seen, pieces, notes), indent=2, ensure_ascii=False))
    else:
        _show(owner, seen, pieces, notes)


def _addresses_told(given: Given, owner: OwnersFile) -> TeslaAccountSettings:
    """Return the addresses that stand for Tesla's own: the command line's, else the configuration's."""
    written = owner.account or TeslaAccountSettings()
    return TeslaAccountSettings(
        base_url=given.base_url or written.base_url, auth_url=given.auth_url or written.auth_url
    )


def _standing(file: TokenFile, talk: Talk) -> TeslaTokens | None:
    """Return the login that there is, and say what becomes of it.

    Raises:
        SunboxError: something stands there that may not be replaced.
    """
    path = file.path
    try:
        path.read_bytes()
    except FileNotFoundError:
        talk.say(f"The login will be kept in {path}.")
        return None
    except OSError as error:
        raise LoginError(
            f"{path} cannot be read ({error.strerror}): it belongs to another user, or is no file; run this as the user who "
            "runs sunbox, or name another file with --tokens"
        ) from None
    try:
        tokens = file.read()
    except TokenError:
        talk.say(f"{path} is no token file; the new login takes its place.", WARNING)
        return None
    of = f"application {tokens.client_id or 'unknown'}, region {tokens.region or 'unknown'}"
    talk.say(f"{path} holds a login of {of}. A new one takes its place once it is done.")
    return tokens


def _plan(
    given: Given, owner: OwnersFile, told: TeslaAccountSettings, standing: TeslaTokens | None, talk: Talk
) -> LoginPlan:
    """Return what the login is for: from the command line, else asked for, else as it was before.

    Raises:
        click.UsageError: something is missing, and nobody can be asked.
    """
    written = owner.account or TeslaAccountSettings()
    before_id, before_uri, before_region = (
        (None, None, None) if standing is None else (standing.client_id, standing.redirect_uri, standing.region)
    )
    for option, asked, before in (
        ("--base-url", told.base_url, standing and standing.base_url),
        ("--auth-url", told.auth_url, standing and standing.auth_url),
    ):
        if asked is None and before and not is_tesla_url(str(before)):
            talk.say(f"That login was at {before}; this one is at Tesla. To stay there: {option} {before}", WARNING)
    client_id = given.client_id or written.client_id or before_id
    redirect_uri = given.redirect_uri or before_uri
    region = given.region or written.region or before_region or "eu"
    if talk.is_watched:
        client_id = given.client_id or talk.ask(
            "Client ID of the application at developer.tesla.com", client_id, checked_client_id
        )
        region = given.region or talk.ask(
            "Region: na (also Asia and Pacific), eu (also Africa) or cn", region, checked_region
        )
        redirect_uri = given.redirect_uri or talk.ask(
            "Redirect URI, as it stands there", redirect_uri, checked_redirect_uri
        )
    needed = {
        "--client-id (of the application at developer.tesla.com)": client_id,
        "--redirect-uri (one of its Allowed Redirect URIs)": redirect_uri,
    }
    if missing := [words for words, value in needed.items() if not value]:
        raise click.UsageError(f"nobody can be asked here, and it is missing: {', '.join(missing)}")
    return LoginPlan(
        client_id=checked_client_id(client_id or ""),
        redirect_uri=checked_redirect_uri(redirect_uri or ""),
        scopes=_scopes_for(given, owner),
        region=cast("Region", region),
        base_url=told.base_url,
        auth_url=told.auth_url,
        client_secret=_client_secret(given.client_secret_file, os.environ, talk),
    )


def _client_secret(file: Path | None, environ: Mapping[str, str], talk: Talk) -> SecretStr | None:
    """Return the application's secret: from the file, the environment or a hidden prompt; None if it has none.

    Raises:
        click.UsageError: the file cannot be read, or holds none.
    """
    if file is not None:
        try:
            with file.open(encoding="utf-8") as opened:
                text = opened.read(LONGEST_SECRET + 1).strip()
            is_open = bool(file.stat().st_mode & 0o077)
        except (OSError, UnicodeDecodeError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or "it is no text"
            raise click.UsageError(f"--client-secret-file {file} cannot be read: {why}") from None
        if not text or len(text) > LONGEST_SECRET or len(text.split()) != 1:
            raise click.UsageError(f"--client-secret-file {file} does not hold a secret: one line, without spaces")
        if is_open:
            talk.say(f"{file} can be read by other users of this machine; run: chmod 600 {file}", WARNING)
        return SecretStr(text)
    text = environ.get(SECRET_VARIABLE, "").strip()
    if not text and talk.is_watched:
        text = talk.ask_hidden("Client secret (is not shown; Enter if the application has none)")
    return SecretStr(text) if text else None


def _log_in(file: TokenFile, plan: LoginPlan, talk: Talk) -> None:
    """Have a person log in, and keep what that brings.

    Raises:
        SunboxError: it did not come about.
        click.UsageError: nobody pasted anything.
    """
    login = TeslaLogin(file, plan, client_factory(), SystemClock())
    url = login.begin()
    try:
        talk.say("\nOpen this address in a browser, log in at Tesla and allow everything that is asked for:\n")
        talk.show(url)
        talk.say(
            f"\nThe browser then goes to {plan.redirect_uri}?code=… Whether there is a page does not matter: copy the whole "
            "address of it, and paste it here at once. The code in it is good for some minutes, and for once."
        )
        code = _pasted_code(login, url, talk)
        asyncio.run(login.finish(code))
    except (click.Abort, KeyboardInterrupt):
        login.forget()
        raise
    talk.say(f"Logged in. {file.path} holds it, for you alone (mode 0600).", GOOD)


def _pasted_code(login: TeslaLogin, url: str, talk: Talk) -> str:
    if not talk.is_watched:
        pasted = sys.stdin.readline(LONGEST_PASTED + 2).strip()
        if not pasted:
            if talk.as_json:
                click.echo(json.dumps({"is_logged_in": False, "authorize_url": url}, indent=2))
            raise click.UsageError(
                "it is missing on standard input: the address that the browser ended at; open the one above, and run the same "
                "again within an hour with what it led to"
            )
        return login.code(pasted)
    for left in range(TRIES - 1, -1, -1):
        try:
            return login.code(talk.ask("The browser's address"))
        except LoginError as error:
            if not left:
                raise
            talk.say(str(error), BAD)
    raise AssertionError  # the last try returns or raises


def _look_after(file: TokenFile, told: TeslaAccountSettings, talk: Talk) -> Seen:
    """Look at what a login is good for. Where that fails the login stays, and it is said how to go on."""
    try:
        return asyncio.run(look_around(file.path, told, client_factory(), SystemClock()))
    except SunboxError as error:
        talk.say(
            "The login is kept. When what is wrong below is mended, go on with the same options and --no-login.",
            WARNING,
        )
        raise LoginError(str(error)) from None


def _lacks_location(seen: Seen) -> bool:
    return seen.granted is not None and LOCATION not in seen.granted


def _lacks_energy(owner: OwnersFile, seen: Seen) -> tuple[str, ...]:
    """Return what the login lacks for the Powerwall of the configuration."""
    missing = [] if seen.granted is None else [word for word in energy_scopes(owner) if word not in seen.granted]
    if not missing:
        return ()
    what_to_do = "tick the scopes for energy products for the application at developer.tesla.com, and log in again"
    return (f"{owner.path} has a Powerwall, and the login lacks {' and '.join(missing)}: {what_to_do}",)


def _conflicts(owner: OwnersFile, seen: Seen) -> tuple[str, ...]:
    """Return what the configuration says otherwise: it counts before the token file."""
    if owner.account is None:
        return ()
    return tuple(
        f"{owner.path} says `{key}: {written}` under `tesla:`, and the login is for {own}: change it there, or take it out"
        for key, own in (("region", seen.tokens.region), ("client_id", seen.tokens.client_id))
        for written in (getattr(owner.account, key),)
        if written is not None and own is not None and written != own
    )


def _document(tokens: Path, seen: Seen, pieces: Sequence[Piece], notes: Sequence[str]) -> dict[str, Any]:
    """Return the result for scripts."""
    return {
        "is_logged_in": True,
        "tokens": str(tokens),
        "client_id": seen.tokens.client_id,
        "region": seen.tokens.region,
        "base_url": seen.base_url,
        "scopes": None if seen.granted is None else sorted(seen.granted),
        "lacks": [{"scopes": sorted(lack.scopes), "means": lack.words} for lack in seen.lacks],
        "vehicles": None
        if seen.vehicles is None
        else [{"vin": car.vin, "name": car.name, "state": car.state} for car in seen.vehicles],
        "paste": [{"section": piece.section, "under": piece.under, "text": piece.text} for piece in pieces],
        "notes": list(notes),
    }


def _show(owner: OwnersFile, seen: Seen, pieces: Sequence[Piece], notes: Sequence[str]) -> None:
    """Print the result for people."""
    say(f"Region {seen.tokens.region or 'unknown'}, at {seen.base_url}")
    for note in notes:
        say(f"note: {note}", WARNING)
    if seen.granted is None:
        say("What is allowed is not told by the token; `sunbox check` tries it.")
    elif not seen.lacks:
        say("Allowed: everything that sunbox uses.", GOOD)
    for lack in seen.lacks:
        say(f"Not allowed: {' and '.join(sorted(lack.scopes))}: {lack.words}. To allow it, log in again.", WARNING)
    if seen.vehicles is None:
        return
    if not seen.vehicles:
        say(
            "The account has no cars. A car is there for its owner, and for drivers whom the owner added in Tesla's app.",
            WARNING,
        )
        return
    say("\nCars:")
    for car in seen.vehicles:
        say(f"  {car.name or 'without a name'}, {car.vin}, {car.state}")
    say(
        "Cars from 2021 on mostly take signed commands only. Whether yours does shows at its first command: refused as "
        '"unsigned", it needs a proxy that signs, or Bluetooth; docs/tesla.md, "How it is reached", has both.'
    )
    if pieces:
        say(f"\nFor {owner.path}{'' if owner.exists else ', which is not there yet'}:")
    for piece in pieces:
        say(f"\n# {piece.under}" if piece.under else "")
        click.echo(piece.text)
    say(f"\nThen: sunbox check -c {owner.path}")
