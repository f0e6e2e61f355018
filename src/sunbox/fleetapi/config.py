"""The configuration file of `fleetapi`: ten keys in JSON, as other programs of this name write it, and nobody else may read it.

It holds the login, so it obeys the rules of sunbox's token file: read again under the lock before a renewal, written whole or not at
all, mode 0600. Its `access_token` and `refresh_token` are the token file's, so either program may use the other's file: sunbox with
`tesla: {account: .fleetapi.config, client_id: …, region: eu}`, and `fleetapi --config tokens.json` after `sunbox setup tesla`.
Keys that are not known here stay as they are.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sunbox.dialects.tesla.table import BASE_URLS, LOGIN_URLS
from sunbox.dialects.tesla.wire import is_sendable
from sunbox.drivers.tesla.secret_file import (
    LOCK_LOOK_S,
    LOCK_WAIT_S,
    close_to_others,
    lock_path,
    open_lock,
    try_lock,
    write_private,
)
from sunbox.fleetapi.errors import FleetConfigError

CONFIG_FILES = (".fleetapi.config", ".pypowerwall.fleetapi")
"""Looked for in this order, in the folder where the program runs; the first is made where there is none."""

CLIENT_ID, CLIENT_SECRET, DOMAIN = "CLIENT_ID", "CLIENT_SECRET", "DOMAIN"
REDIRECT_URI, AUDIENCE = "REDIRECT_URI", "AUDIENCE"
PARTNER_TOKEN, PARTNER_ACCOUNT = "partner_token", "partner_account"
ACCESS_TOKEN, REFRESH_TOKEN, SITE_ID = "access_token", "refresh_token", "site_id"

EMPTY: Mapping[str, Any] = {
    CLIENT_ID: "",
    CLIENT_SECRET: "",
    DOMAIN: "",
    REDIRECT_URI: "",
    AUDIENCE: BASE_URLS["na"],
    PARTNER_TOKEN: "",
    PARTNER_ACCOUNT: {},
    ACCESS_TOKEN: "",
    REFRESH_TOKEN: "",
    SITE_ID: "",
}
"""A file before anything is known."""

AUTH_URL = "auth_url"
"""Where tokens are renewed instead of at Tesla's, if that is written: the simulator."""

ALIASES: Mapping[str, str] = {CLIENT_ID: "client_id", REDIRECT_URI: "redirect_uri", AUDIENCE: "base_url"}
"""What sunbox's token file calls a key."""

SECRETS = frozenset({CLIENT_SECRET, PARTNER_TOKEN, ACCESS_TOKEN, REFRESH_TOKEN, "previous_refresh_token"})

LOGGER = logging.getLogger("sunbox.fleetapi")


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """What the file holds."""

    document: Mapping[str, Any] = field(repr=False)

    def text(self, key: str) -> str:
        """Return a text, "" where there is none."""
        value = self.document.get(key) or self.document.get(ALIASES.get(key, ""))
        return value.strip() if isinstance(value, str) else ""

    @property
    def access_token(self) -> str:
        """Return the access token, "" where there is none that can be sent."""
        token = self.text(ACCESS_TOKEN)
        return token if is_sendable(token) else ""

    @property
    def audience(self) -> str:
        """Return where the account is served."""
        told = self.text(AUDIENCE)
        return (told or BASE_URLS.get(str(self.document.get("region")), BASE_URLS["na"])).rstrip("/")

    @property
    def region(self) -> str:
        """Return which of Tesla's regions that is; elsewhere North America stands in."""
        return next((name for name, url in BASE_URLS.items() if url == self.audience), "na")

    @property
    def auth_url(self) -> str:
        """Return where a person logs in, and where tokens are got and renewed."""
        return (self.text(AUTH_URL) or LOGIN_URLS[self.region]).rstrip("/")

    @property
    def site_id(self) -> int | None:
        """Return the chosen site."""
        value = self.document.get(SITE_ID)
        if isinstance(value, str) and value.strip().isdigit():
            return int(value)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def find_config(folder: Path | None = None) -> Path:
    """Return the file that counts where none is named."""
    places = [(folder or Path()) / name for name in CONFIG_FILES]
    return next((path for path in places if path.exists()), places[0])


class ConfigFile:
    """The file, and the lock that goes with it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> FleetConfig:
        """Return what it holds; a file that others may read is closed to them first.

        Raises:
            FleetConfigError: it is missing, or no configuration.
        """
        try:
            with contextlib.suppress(PermissionError):  # it belongs to somebody else, who let us read it
                if close_to_others(self.path) is not None:
                    LOGGER.warning("%s was open to other users; only you can read it now", self.path)
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise FleetConfigError(f"{self.path} does not exist: run `fleetapi setup`") from None
        except (OSError, UnicodeDecodeError) as error:
            raise FleetConfigError(f"{self.path} cannot be read ({_why(error)})") from None
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise FleetConfigError(
                f"{self.path} is no JSON object: move it away and run `fleetapi setup`, or bring back a copy"
            )
        return FleetConfig(document)

    def write(self, document: Mapping[str, Any]) -> FleetConfig:
        """Replace the file.

        Raises:
            FleetConfigError: it cannot be written; what was there is untouched.
        """
        try:
            write_private(self.path, json.dumps(document, indent=4) + "\n")
        except OSError as error:
            raise FleetConfigError(
                f"{self.path} cannot be written ({_why(error)}): its folder must be writable and have room"
            ) from None
        return FleetConfig(dict(document))

    def change(self, **changed: Any) -> FleetConfig:
        """Change some keys of what the file holds now, and return it all.

        Raises:
            FleetConfigError: the file cannot be read or written.
        """
        with self.locked():
            return self.write({**self.read().document, **changed})

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock among all threads and processes that use this file.

        Raises:
            FleetConfigError: somebody else does not let go, or the lock cannot be made.
        """
        try:
            descriptor = open_lock(self.path)
        except OSError as error:
            raise FleetConfigError(
                f"{lock_path(self.path)} cannot be made ({_why(error)}): its folder must be writable"
            ) from None
        try:
            pause, waited_s = threading.Event(), 0.0
            while not try_lock(descriptor):
                if waited_s >= LOCK_WAIT_S:
                    raise FleetConfigError(f"another program holds {lock_path(self.path)} for {LOCK_WAIT_S:g} s")
                pause.wait(LOCK_LOOK_S)
                waited_s += LOCK_LOOK_S
            yield
        finally:
            os.close(descriptor)


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
