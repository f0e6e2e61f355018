"""What must survive, in one small SQLite file: a row per vehicle, loadpoint and meter, and for the site, durable before any command.

Beside them a row per face that keeps something (`FaceNotes`): nothing is decided by it, so what cannot be read there is left
aside and stops nothing.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError

from sunbox.core.model import LoadpointMemory, Memory, MeterMemory, SiteMemory, VehicleMemory
from sunbox.errors import StoreError

log = structlog.get_logger(__name__)

SCHEMA_VERSION = 4
VEHICLE: TypeAdapter[VehicleMemory] = TypeAdapter(VehicleMemory)
SITE: TypeAdapter[SiteMemory] = TypeAdapter(SiteMemory)
LOADPOINT: TypeAdapter[LoadpointMemory] = TypeAdapter(LoadpointMemory)
METER: TypeAdapter[MeterMemory] = TypeAdapter(MeterMemory)

CREATE = """
CREATE TABLE IF NOT EXISTS memory (
    kind TEXT NOT NULL CHECK (kind IN ('site', 'vehicle', 'loadpoint', 'meter')),
    id TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID
"""
CREATE_NOTES = """
CREATE TABLE IF NOT EXISTS notes (
    face TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""
"""Since the third schema."""
FORMER = (
    "ALTER TABLE memory RENAME TO memory_1",
    CREATE,
    "INSERT INTO memory SELECT kind, id, value FROM memory_1",
    "DROP TABLE memory_1",
)
"""The first schema knew no site, and the first three no meters."""

UPSERT = """
INSERT INTO memory (kind, id, value) VALUES (?, ?, ?)
ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value
"""
UPSERT_NOTES = """
INSERT INTO notes (face, value) VALUES (?, ?)
ON CONFLICT (face) DO UPDATE SET value = excluded.value
"""


class MemoryStore:
    """Keeps `Memory`.

    Args:
        path: the database file; `:memory:` keeps nothing.
        is_inline: write on the event loop itself and do not wait for the disk (virtual time, where a thread would hold the
            clock and no power cut outlives the run).

    Raises:
        StoreError: the file cannot be opened, or was written by a newer version.
    """

    def __init__(self, path: Path | str, *, is_inline: bool = False) -> None:
        self._path = str(path)
        self._executor = None if is_inline else ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            if self._path != ":memory:":
                Path(self._path).parent.mkdir(parents=True, exist_ok=True)
                Path(self._path).touch(mode=0o600)
            self._db = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA synchronous={'OFF' if is_inline else 'FULL'}")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise StoreError(
                    f"{self._path}: written by a newer sunbox (schema {version}, this one knows {SCHEMA_VERSION}); "
                    "update sunbox or give another file"
                )
            if 1 <= version < SCHEMA_VERSION:
                self._db.execute("BEGIN IMMEDIATE")
                for statement in FORMER:
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
                self._db.execute("COMMIT")
            self._db.execute(CREATE)
            self._db.execute(CREATE_NOTES)
            self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self._path}: cannot be used as the store: {error}") from error

    def load(self) -> Memory:
        """Return what was remembered.

        Raises:
            StoreError: a row cannot be read.
        """
        vehicles: dict[str, VehicleMemory] = {}
        loadpoints: dict[str, LoadpointMemory] = {}
        meters: dict[str, MeterMemory] = {}
        site: SiteMemory | None = None
        try:
            rows = self._db.execute("SELECT kind, id, value FROM memory").fetchall()
            for kind, id_, value in rows:
                if kind == "vehicle":
                    vehicles[id_] = VEHICLE.validate_json(value)
                elif kind == "site":
                    site = SITE.validate_json(value)
                elif kind == "meter":
                    meters[id_] = METER.validate_json(value)
                else:
                    loadpoints[id_] = LOADPOINT.validate_json(value)
        except (sqlite3.Error, ValidationError) as error:
            raise StoreError(f"{self._path}: cannot be read ({error}); move the file away to begin anew") from error
        return Memory(site=site, vehicles=vehicles, loadpoints=loadpoints, meters=meters)

    async def save(self, memory: Memory) -> None:
        """Make the given rows durable; others stay as they are.

        Raises:
            StoreError: the disk is full or the file is gone.
        """
        if self._executor is None:
            self._write(memory)
            return
        await asyncio.get_running_loop().run_in_executor(self._executor, self._write, memory)

    def notebook(self, name: str) -> FaceNotes:
        """Return what the face of this name keeps."""
        return FaceNotes(self, name)

    def notebooks(self, beginning: str) -> list[str]:
        """Return the names, beginning like this, under which something is kept.

        Raises:
            StoreError: they cannot be read.
        """
        try:
            rows = self._db.execute("SELECT face FROM notes ORDER BY face").fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: cannot be read: {error}") from error
        return [str(name) for (name,) in rows if str(name).startswith(beginning)]

    def load_notes(self, face: str) -> str | None:
        """Return the text that a face kept.

        Raises:
            StoreError: it cannot be read.
        """
        try:
            row = self._db.execute("SELECT value FROM notes WHERE face = ?", (face,)).fetchone()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: cannot be read: {error}") from error
        return None if row is None else str(row[0])

    async def save_notes(self, face: str, text: str) -> None:
        """Make the text of a face durable.

        Raises:
            StoreError: the disk is full or the file is gone.
        """
        if self._executor is None:
            self._put(UPSERT_NOTES, [(face, text)])
            return
        await asyncio.get_running_loop().run_in_executor(self._executor, self._put, UPSERT_NOTES, [(face, text)])

    def _write(self, memory: Memory) -> None:
        rows: list[tuple[str, ...]] = [
            ("vehicle", id_, VEHICLE.dump_json(value).decode()) for id_, value in memory.vehicles.items()
        ]
        rows += [("loadpoint", id_, LOADPOINT.dump_json(value).decode()) for id_, value in memory.loadpoints.items()]
        rows += [("meter", id_, METER.dump_json(value).decode()) for id_, value in memory.meters.items()]
        if memory.site is not None:
            rows.append(("site", "", SITE.dump_json(memory.site).decode()))
        self._put(UPSERT, rows)

    def _put(self, statement: str, rows: Sequence[tuple[str, ...]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(statement, rows)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: cannot be written: {error}") from error

    def close(self) -> None:
        """Finish writing and close the file."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)
        self._db.close()


class FaceNotes:
    """What one instance of a face keeps: a `Notebook` of `core/wallbox.py`."""

    def __init__(self, store: MemoryStore, name: str) -> None:
        self._store = store
        self._name = name

    def load(self) -> Mapping[str, Any] | None:
        """Return what was kept, None if there is nothing, or nothing that can be read."""
        try:
            text = self._store.load_notes(self._name)
            document = None if text is None else json.loads(text)
        except (StoreError, ValueError, RecursionError) as error:
            log.warning("notes_unreadable", face=self._name, error=str(error)[:200])
            return None
        if document is not None and not isinstance(document, dict):
            log.warning("notes_unreadable", face=self._name, error="not a JSON object")
            return None
        return document

    async def save(self, document: Mapping[str, Any]) -> None:
        """Keep this in place of what was kept.

        Raises:
            StoreError: the disk is full or the file is gone.
        """
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        await self._store.save_notes(self._name, text)
