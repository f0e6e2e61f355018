"""What somebody sent to an account's energy sites by hand, request by request: written beside the token file, for the gateway to count.

`sunbox battery` and `fleetapi` send without the gateway, which may run meanwhile, or not. So each request that Tesla may charge for
becomes an entry of a list, which the gateway reads. An entry is never changed, and its number never given again: whoever remembers
the last number that is in the spend can neither lose nor repeat one, wherever it is killed. What no month is reckoned with any more
drops out when something is added.

Only a gateway, or `sunbox battery`, makes the list: where there is none, nobody reckons, and nothing is written. That it cannot be
written is told and stops nothing.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sunbox.core.commands import RequestKind
from sunbox.drivers.tesla.secret_file import give_to_owner_of
from sunbox.errors import SunboxError

KINDS = frozenset(kind.value for kind in RequestKind)
WAIT_S = 1.0
"""How long a list is waited for that somebody else writes in."""
KEPT = timedelta(days=62)
OLDEST = 10
"""So many of the oldest entries are looked at whenever one is added."""

CREATE = """
CREATE TABLE IF NOT EXISTS sent (
    entry INTEGER PRIMARY KEY AUTOINCREMENT,
    site INTEGER NOT NULL,
    kind TEXT NOT NULL,
    count INTEGER NOT NULL,
    sent_at TEXT NOT NULL
) STRICT
"""
FIRST = "INSERT INTO sqlite_sequence (name, seq) SELECT 'sent', ? WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence)"
ADD = "INSERT INTO sent (site, kind, count, sent_at) VALUES (?, ?, ?, ?)"
IS_FILLED = "SELECT 1 FROM sqlite_master WHERE name = 'sent'"
DROP = "DELETE FROM sent WHERE sent_at < ? AND entry IN (SELECT entry FROM sent ORDER BY entry LIMIT ?)"
AFTER = "SELECT entry, kind, count, sent_at FROM sent WHERE site = ? AND entry > ? ORDER BY entry"


@dataclass(frozen=True, slots=True)
class Entry:
    """Requests that were sent by hand."""

    number: int
    kind: RequestKind
    count: int
    sent_at: datetime


class ByHandError(SunboxError):
    """The list cannot be made, read or written; the text says why."""


def list_path(account: Path) -> Path:
    """Return the list that belongs to a token file."""
    return account.parent / f"{account.name}.by-hand"


class SentByHand:
    """The list of one account."""

    def __init__(self, account: Path) -> None:
        self.path = list_path(account)

    def make(self, now: datetime) -> None:
        """Make the list, if there is none. Its numbers begin with the time, so that no former list had them.

        Raises:
            ByHandError: it cannot be made.
        """
        if self.path.exists():
            return
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ByHandError(f"{self.path} cannot be made ({error.strerror})") from None
        try:
            give_to_owner_of(self.path.parent, descriptor)
        finally:
            os.close(descriptor)
        with self._open() as database:
            _fill(database, now)

    def add(self, site: int, kind: RequestKind, count: int, now: datetime) -> None:
        """Add an entry, durably; nothing where there is no list.

        Raises:
            ByHandError: it cannot be written.
        """
        if not self.path.exists():
            return
        with self._open() as database:
            _fill(database, now)  # whoever made it may not have come so far
            database.execute("BEGIN IMMEDIATE")
            database.execute(ADD, (site, kind.value, count, _text(now)))
            database.execute(DROP, (_text(now - KEPT), OLDEST))
            database.execute("COMMIT")

    def after(self, site: int, number: int) -> list[Entry]:
        """Return what is listed behind an entry, none where there is no list. What is of no kind that is known is left out.

        Raises:
            ByHandError: it cannot be read.
        """
        if not self.path.exists():
            return []
        with self._open() as database:
            if not database.execute(IS_FILLED).fetchone():
                return []
            rows = database.execute(AFTER, (site, number)).fetchall()
        try:
            return [
                Entry(entry, RequestKind(kind), count, datetime.fromisoformat(sent_at).astimezone(UTC))
                for entry, kind, count, sent_at in rows
                if kind in KINDS
            ]
        except ValueError as error:
            raise ByHandError(f"{self.path} cannot be read ({error}): move it away") from None

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            uri = f"{self.path.absolute().as_uri()}?mode=rw"
            database = sqlite3.connect(uri, uri=True, timeout=WAIT_S, isolation_level=None)
            try:
                database.execute("PRAGMA synchronous=FULL")
                yield database
            finally:
                database.close()
        except sqlite3.Error as error:
            raise ByHandError(f"{self.path} cannot be used ({error}): if that goes on, move it away") from None


def _fill(database: sqlite3.Connection, now: datetime) -> None:
    if database.execute(IS_FILLED).fetchone():
        return
    database.execute("BEGIN IMMEDIATE")
    database.execute(CREATE)
    database.execute(FIRST, (int(now.timestamp() * 1000),))
    database.execute("COMMIT")


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
