"""What must survive: round trips, a death at any point, files of others, disks that are full."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sunbox.core.commands import Cause, Command, CommandName, Exchange, RequestKind
from sunbox.core.model import (
    ChargeSchedule,
    Charging,
    LoadpointMemory,
    Memory,
    MeterMemory,
    Mode,
    Override,
    Session,
    Spend,
    Terms,
    VehicleDetails,
    VehicleFacts,
    VehicleMemory,
    Weekday,
    Wish,
)
from sunbox.errors import StoreError
from sunbox.simulator.clock import VirtualTimeLoop, run_in
from sunbox.store.memory_store import SCHEMA_VERSION, MemoryStore

NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)
FACTS = VehicleFacts(
    measured_at=NOON,
    charging=Charging.CHARGING,
    soc_pct=51,
    limit_soc_pct=80,
    limit_soc_min_pct=50,
    amps_requested_a=16,
    amps_requested_max_a=32,
    pilot_a=32,
    actual_a=15.5,
    voltage_v=231.5,
    power_w=4000.0,
    phases=1,
    energy_added_wh=1234.5,
    latitude=52.394,
    longitude=-13.542,
    is_fast_charger=False,
    is_driving=None,
    details=VehicleDetails(
        range_km=412.5,
        schedules=(
            ChargeSchedule(
                id=1752393600,
                name="Noon – Süd",
                days=(Weekday.SUN, Weekday.SAT),
                starts=True,
                start_min=660,
                end_min=0,
                is_once=True,
                is_enabled=True,
                latitude=52.394,
                longitude=-13.542,
            ),
        ),
    ),
)
FULL = Memory(
    meters={
        "powerwall": MeterMemory(
            spend=Spend(
                day=NOON.date(),
                day_ends_at=datetime(2026, 6, 1, 22, tzinfo=UTC),
                today={RequestKind.DATA: 7},
                this_month={RequestKind.DATA: 70, RequestKind.COMMAND: 2},
                money_today=0.014,
                money_this_month=0.142,
                since=NOON.date(),
            )
        ),
        "never asked": MeterMemory(),
    },
    vehicles={
        "car": VehicleMemory(
            facts=FACTS,
            read_at=NOON,
            target_soc_pct=40,
            target_reached=True,
            limit_sent_pct=50,
            spend=Spend(
                day=NOON.date(),
                day_ends_at=datetime(2026, 6, 1, 22, tzinfo=UTC),
                today={RequestKind.COMMAND: 3, RequestKind.WAKE: 1},
                this_month={RequestKind.COMMAND: 30, RequestKind.DATA: 12},
                money_today=0.023,
                money_this_month=1.5,
            ),
            not_before_at=NOON,
            block_cause=Cause.RATE_LIMITED,
            failures=2,
            is_command_failing=True,
            last_wake_at=NOON,
            wake_failures=1,
            login_required=True,
            exchange=Exchange(id=77, command=Command(CommandName.SET_AMPS, 13), sent_at=NOON, attempt=2),
            phases=3,
            voltage_v=231.5,
            low_amps_refused=True,
        ),
        "never seen": VehicleMemory(),
    },
    loadpoints={
        "carport – Süd": LoadpointMemory(
            wish=Wish(
                mode=Mode.PV,
                override=Override.STOP,
                override_by="tlwb",
                override_until_at=NOON,
                amps_a=3,
                terms=Terms(min_a=7, start_w=920.0, stop_after_s=0.0, grid_max_w=4600.0, grid_grace_s=60.0),
                version=9,
            ),
            session=Session(began_at=NOON, has_started=True, was_stopped=True),
            was_charging=True,
        ),
        "new": LoadpointMemory(wish=Wish(mode=Mode.OFF)),
    },
)
IS_ROOT = os.geteuid() == 0


def save(store: MemoryStore, memory: Memory) -> None:
    asyncio.run(store.save(memory))


def keep(path: Path, memory: Memory) -> None:
    store = MemoryStore(path, is_inline=True)
    save(store, memory)
    store.close()


def load(path: Path) -> Memory:
    store = MemoryStore(path, is_inline=True)
    try:
        return store.load()
    finally:
        store.close()


@pytest.mark.parametrize("is_inline", [True, False])
def test_all_that_must_survive_comes_back_as_it_was(tmp_path: Path, *, is_inline: bool) -> None:
    path = tmp_path / "folder" / "that" / "is new" / "sunbox.db"
    store = MemoryStore(path, is_inline=is_inline)
    assert store.load() == Memory()
    save(store, FULL)
    assert store.load() == FULL
    store.close()
    assert load(path) == FULL


def test_rows_that_are_not_given_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "sunbox.db"
    keep(path, FULL)
    changed = replace(FULL.vehicles["car"], target_soc_pct=90)
    keep(path, Memory(vehicles={"car": changed}))
    assert load(path) == replace(FULL, vehicles={**FULL.vehicles, "car": changed})
    keep(path, Memory())
    assert load(path).loadpoints == FULL.loadpoints


def test_memory_only_keeps_nothing() -> None:
    store = MemoryStore(":memory:", is_inline=True)
    save(store, FULL)
    assert store.load() == FULL
    store.close()
    assert not Path(":memory:").exists()


def test_what_was_saved_survives_a_death_without_a_farewell(tmp_path: Path) -> None:
    """After each save the files as they are on the disk, without any closing, hold it."""
    path = tmp_path / "sunbox.db"
    store = MemoryStore(path, is_inline=True)
    for number in range(5):
        save(store, Memory(vehicles={"car": VehicleMemory(failures=number)}))
        grave = tmp_path / f"grave-{number}"
        grave.mkdir()
        for file in tmp_path.glob("sunbox.db*"):
            (grave / file.name).write_bytes(file.read_bytes())
        assert load(grave / "sunbox.db").vehicles["car"].failures == number
    store.close()


def test_a_death_in_the_middle_of_a_save_leaves_what_was_before(tmp_path: Path) -> None:
    path = tmp_path / "sunbox.db"
    keep(path, FULL)
    dying = sqlite3.connect(path, isolation_level=None)
    dying.execute("BEGIN IMMEDIATE")
    dying.execute("UPDATE memory SET value = 'half' WHERE id = 'car'")
    dying.close()  # without a commit
    assert load(path) == FULL


def test_a_save_that_fails_leaves_nothing_half_done(tmp_path: Path) -> None:
    path = tmp_path / "sunbox.db"
    keep(path, FULL)
    store = MemoryStore(path, is_inline=True)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(
        "CREATE TRIGGER full BEFORE UPDATE ON memory WHEN new.kind = 'loadpoint' BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    news = Memory(vehicles={"car": VehicleMemory()}, loadpoints={"new": LoadpointMemory(wish=Wish(mode=Mode.NOW))})
    with pytest.raises(StoreError, match=r"sunbox\.db.*disk full"):
        save(store, news)
    assert store.load() == FULL
    other.execute("DROP TRIGGER full")
    other.close()
    save(store, news)  # and it goes on when there is room again
    assert store.load().vehicles["car"] == VehicleMemory()
    store.close()


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sunbox.db"
    keep(path, FULL)
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"sunbox\.db: written by a newer sunbox"):
        MemoryStore(path, is_inline=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("value", ["", "{", "null", "[]", '{"failures": "many"}', '{"facts": {"charging": "on"}}'])
def test_a_row_that_cannot_be_read_names_the_file(tmp_path: Path, value: str) -> None:
    path = tmp_path / "sunbox.db"
    keep(path, FULL)
    other = sqlite3.connect(path)
    with other:
        other.execute("UPDATE memory SET value = ? WHERE id = 'car'", (value,))
    other.close()
    with pytest.raises(StoreError, match=r"sunbox\.db"):
        load(path)


@pytest.mark.parametrize("content", [b"not a database, and long enough to be none " * 50, b"\x00" * 5000])
def test_a_file_of_something_else_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sunbox.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"sunbox\.db"):
        MemoryStore(path, is_inline=True)
    assert path.read_bytes() == content


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=tmp_path.name):
        MemoryStore(tmp_path, is_inline=True)


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"sunbox\.db"):
        MemoryStore(tmp_path / "file" / "sunbox.db", is_inline=True)


@pytest.mark.parametrize("is_inline", [True, False])
def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path, *, is_inline: bool) -> None:
    path = tmp_path / "sunbox.db"
    keep(path, FULL)
    store = MemoryStore(path, is_inline=is_inline)
    other = sqlite3.connect(path, isolation_level=None)
    (pages,) = other.execute("PRAGMA page_count").fetchone()
    other.close()
    store._db.execute(f"PRAGMA max_page_count={pages}")  # the disk is full
    many = {f"vehicle {number}": FULL.vehicles["car"] for number in range(100)}
    with pytest.raises(StoreError, match=r"sunbox\.db: cannot be written"):
        save(store, Memory(vehicles=many))
    assert store.load() == FULL
    store._db.execute("PRAGMA max_page_count=100000")
    save(store, Memory(vehicles=many))
    assert len(store.load().vehicles) == 100 + len(FULL.vehicles)
    store.close()


def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    """Root may write anywhere, so there a folder that does not take files stands for it."""
    folder = Path("/proc/self") if IS_ROOT else tmp_path / "locked"
    if not IS_ROOT:
        folder.mkdir(mode=0o500)
    with pytest.raises(StoreError, match=r"sunbox\.db"):
        MemoryStore(folder / "sunbox.db", is_inline=True)


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "sunbox.db"
    before = os.umask(0)
    try:
        store = MemoryStore(path, is_inline=True)
        save(store, FULL)
        files = sorted(tmp_path.glob("sunbox.db*"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in files}
        store.close()
    finally:
        os.umask(before)
    assert len(modes) > 1  # the write-ahead log holds the same
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("is_inline", [True, False])
def test_where_it_writes(tmp_path: Path, *, is_inline: bool) -> None:
    """Inline on the loop; else in a thread of its own, which ends with the store."""
    store = MemoryStore(tmp_path / "sunbox.db", is_inline=is_inline)
    threads = threading.active_count()

    async def main() -> int:
        await store.save(FULL)
        return threading.active_count()

    during = run_in(VirtualTimeLoop, main())
    assert during == threads + (0 if is_inline else 1)
    assert store.load() == FULL
    store.close()
    assert threading.active_count() == threads


def test_saves_from_a_thread_keep_their_order(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "sunbox.db")

    async def main() -> None:
        rows = [Memory(vehicles={"car": VehicleMemory(failures=number)}) for number in range(50)]
        await asyncio.gather(*(store.save(row) for row in rows))

    asyncio.run(main())
    assert store.load().vehicles["car"].failures == 49
    store.close()


# What faces keep ------------------------------------------------------------------------------------------------------


def keep_note(path: Path, name: str, document: dict[str, object]) -> None:
    store = MemoryStore(path, is_inline=True)
    run_in(VirtualTimeLoop, store.notebook(name).save(document))
    store.close()


def note_of(path: Path, name: str) -> object:
    store = MemoryStore(path, is_inline=True)
    try:
        return store.notebook(name).load()
    finally:
        store.close()


def test_each_face_keeps_a_document_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "sunbox.db"
    keep(path, FULL)
    assert note_of(path, "goe/carport") is None
    keep_note(path, "goe/carport", {"version": 1, "name": "Wand \N{SNOWMAN}"})
    keep_note(path, "goe/carport/2", {"version": 1})
    keep_note(path, "goe/carport", {"version": 2})
    assert (note_of(path, "goe/carport"), note_of(path, "goe/carport/2")) == ({"version": 2}, {"version": 1})
    assert load(path) == FULL
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("value", ["", "{", "null", "[]", "7", "[" * 100_000])
def test_a_document_that_cannot_be_read_stops_nothing(tmp_path: Path, value: str) -> None:
    path = tmp_path / "sunbox.db"
    keep(path, FULL)
    keep_note(path, "goe/carport", {})
    other = sqlite3.connect(path)
    with other:
        other.execute("UPDATE notes SET value = ?", (value,))
    other.close()
    assert note_of(path, "goe/carport") is None
    assert load(path) == FULL


def test_the_second_schema_had_no_documents(tmp_path: Path) -> None:
    path = tmp_path / "sunbox.db"
    keep(path, FULL)
    other = sqlite3.connect(path)
    with other:
        other.execute("DROP TABLE notes")
        other.execute("PRAGMA user_version=2")
    other.close()
    keep_note(path, "goe/carport", {"version": 1})
    assert (load(path), note_of(path, "goe/carport")) == (FULL, {"version": 1})


@pytest.mark.parametrize("version", [1, 2, 3])
def test_the_schemas_before_knew_no_meters(tmp_path: Path, version: int) -> None:
    path = tmp_path / "sunbox.db"
    without = replace(FULL, meters={})
    keep(path, without)
    other = sqlite3.connect(path)
    with other:
        kinds = "('vehicle', 'loadpoint')" if version == 1 else "('site', 'vehicle', 'loadpoint')"
        if version == 1:
            other.execute("DELETE FROM memory WHERE kind = 'site'")
        other.execute("ALTER TABLE memory RENAME TO now")
        other.execute(
            f"CREATE TABLE memory (kind TEXT NOT NULL CHECK (kind IN {kinds}), id TEXT NOT NULL, value TEXT NOT NULL,"
            " PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID"
        )
        other.execute("INSERT INTO memory SELECT kind, id, value FROM now")
        other.execute("DROP TABLE now")
        if version < 3:
            other.execute("DROP TABLE notes")
        other.execute(f"PRAGMA user_version={version}")
    other.close()
    was = replace(without, site=None) if version == 1 else without
    assert load(path) == was
    keep(path, Memory(meters=FULL.meters))
    assert load(path) == replace(was, meters=FULL.meters)


def test_documents_are_written_beside_the_loop_too(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "sunbox.db")
    asyncio.run(store.notebook("goe/carport").save({"a": [1, None]}))
    assert store.notebook("goe/carport").load() == {"a": [1, None]}
    store.close()
