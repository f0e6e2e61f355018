"""The journal: a head and a line an event, a file a day, and what comes of it when it is run again."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.core.bench import HOUSE, NOON, after_s, settings_of
from tests.faces.wallbox_double import SCHEDULES
from tests.scenarios.home import CarScenario, live, living

from sunbox import __version__
from sunbox.core.commands import ReadKind
from sunbox.core.effects import Effect
from sunbox.core.engine import step
from sunbox.core.events import Began, Event, MeterRead, Requested, Tick, VehicleRead
from sunbox.core.model import Availability, MeterReading, Mode, VehicleDetails, VehicleFacts
from sunbox.core.state import State
from sunbox.core.wallbox import Request
from sunbox.errors import JournalError
from sunbox.gateway.days import FORMAT
from sunbox.gateway.journal import EVENTS, MEMORY_LINES, MEMORY_S, Journal, line_of
from sunbox.gateway.replay import replay_file

OFF = Requested(at=NOON, request=Request(loadpoint_id="carport", by="tlwb", mode=Mode.OFF))


class Writer:
    """A core that writes a journal; `die` leaves the file as it is."""

    def __init__(self, folder: Path | None, at: datetime = NOON, *, keep_days: int = 30) -> None:
        self.journal = Journal(folder, keep_days=keep_days)
        self.state: State | None = None
        self.at = at
        self.feed(Began(at=at, settings=settings_of()))

    def feed(self, event: Event) -> tuple[Effect, ...]:
        before = self.state
        self.state, effects = step(before, event)
        self.at = event.at
        self.journal.add(before, event, self.state, effects)
        return effects

    def meter(self, wait_s: float = 10.0, grid_w: float = -3000.0) -> None:
        self.at = after_s(wait_s, self.at)
        reading = MeterReading(measured_at=self.at, grid_w=grid_w, pv_w=4000.0)
        self.feed(MeterRead(at=self.at, meter_id=HOUSE.id, reading=reading))

    def close(self) -> Path:
        path = self.journal.path
        assert path is not None
        self.journal.close()
        return path


@pytest.fixture(scope="module")
def half_a_day(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the journal of a virtual half-day: night, sun and clouds, a stop, a start, a death."""
    folder = tmp_path_factory.mktemp("half-day")

    async def main() -> None:
        car = CarScenario(never_full=False, soc_pct=45.0)
        async with living(start_at=datetime(2026, 6, 1, 3, tzinfo=UTC), car=car, journal=True) as home:
            for hour, pv_w in enumerate((0, 500, 2500, 4500, 800, 6000, 0, 5000)):
                await home.patch(sun={"pv_w": pv_w})
                await home.sleep(3600)
                if hour == 3:
                    await home.tlwb("/control?0")
                if hour == 4:
                    await home.tlwb("?control=1&set_amps=7")
                if hour == 5:
                    await home.tlwb("/set_mode?pv")
            await home.stop_gateway()
            (path,) = home.folder.rglob("2026-06-01.jsonl")
            (folder / path.name).write_bytes(path.read_bytes())

    live(main)
    return (folder / "2026-06-01.jsonl").read_text()


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "2026-06-01.jsonl"
    path.write_text(text)
    return path


# Writing --------------------------------------------------------------------------------------------------------------


def test_a_file_is_a_head_and_a_line_an_event(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for _ in range(5):
        writer.meter()
    writer.feed(Tick(at=writer.at))
    path = writer.close()
    assert path == tmp_path / "2026-06-01.jsonl"
    head, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert (head["journal"], head["version"], head["state"]) == (FORMAT, __version__, None)
    assert [line["event"] for line in lines] == ["Began", *["MeterRead"] * 5, "Tick"]
    assert all(line["event"] in EVENTS for line in lines)
    assert "decided" in lines[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("schedules", [None, (), SCHEDULES])
def test_what_a_car_keeps_of_schedules_is_in_the_journal_and_read_again(schedules: Any) -> None:
    facts = VehicleFacts(measured_at=NOON, details=VehicleDetails(schedules=schedules))
    event = VehicleRead(
        at=NOON, vehicle_id="model3", exchange_id=1, what=ReadKind.DATA, availability=Availability.ONLINE, facts=facts
    )
    line = json.loads(line_of(event, (), {}))
    assert EVENTS["VehicleRead"].validate_python(line["with"]) == event


def test_a_decision_is_written_where_it_changed(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.feed(OFF)
    for _ in range(3):
        writer.feed(Tick(at=writer.at))
    lines = [json.loads(line) for line in writer.close().read_text().splitlines()[2:]]
    assert "decided" in lines[0]
    assert not any("decided" in line for line in lines[1:])


def test_a_new_file_begins_with_the_sites_own_day_and_the_full_state(tmp_path: Path) -> None:
    writer = Writer(tmp_path, datetime(2026, 6, 1, 21, 59, 30, tzinfo=UTC))  # 23:59:30 in Berlin
    for _ in range(6):
        writer.meter()
    writer.close()
    first, second = sorted(tmp_path.glob("*.jsonl"))
    assert (first.name, second.name) == ("2026-06-01.jsonl", "2026-06-02.jsonl")
    assert json.loads(second.read_text().splitlines()[0])["state"]["settings"]["site"]["name"] == "Home"
    counts = []
    for path in (first, second):
        replayed = replay_file(path)
        assert replayed.first_difference is None
        counts.append(replayed.events)
    assert counts == [3, 4]


def test_old_files_are_dropped_when_a_day_begins(tmp_path: Path) -> None:
    for name in ("2026-05-01.jsonl", "2026-05-30.jsonl", "2026-05-31.jsonl", "notes.txt", "2026-05-01.jsonl.bak"):
        (tmp_path / name).write_text("x")
    writer = Writer(tmp_path, keep_days=2)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"2026-05-30.jsonl", "2026-05-31.jsonl", "2026-06-01.jsonl", "notes.txt", "2026-05-01.jsonl.bak"}
    writer.meter(86_400)
    writer.close()
    assert not (tmp_path / "2026-05-30.jsonl").exists()
    assert (tmp_path / "2026-05-31.jsonl").exists()


def test_in_memory_it_keeps_the_last_hour_and_never_too_much() -> None:
    writer = Writer(None)
    for _ in range(400):
        writer.meter(20)
    recent = writer.journal.recent()
    assert len(recent) == MEMORY_S / 20 + 1
    assert json.loads(recent[-1])["event"] == "MeterRead"
    for _ in range(MEMORY_LINES + 10):
        writer.meter(0.1)
    assert len(writer.journal.recent()) == MEMORY_LINES
    assert writer.journal.path is None


def test_what_was_decided_is_on_the_disk_at_once(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.feed(OFF)
    path = writer.journal.path
    assert path is not None
    assert "Requested" in path.read_text()
    writer.close()


# Running again --------------------------------------------------------------------------------------------------------


def test_half_a_day_replays_to_the_same_decisions(tmp_path: Path, half_a_day: str) -> None:
    replayed = replay_file(written(tmp_path, half_a_day))
    assert replayed.first_difference is None
    assert replayed.same_version
    assert replayed.events == len(half_a_day.splitlines()) - 1 > 2500
    assert replayed.decisions > 100


def doctor(line: str, change: Callable[[dict[str, Any]], None]) -> str:
    entry = json.loads(line)
    change(entry)
    return json.dumps(entry, separators=(",", ":"))


def other_amps(entry: dict[str, Any]) -> None:
    entry["decided"]["carport"]["amps_a"] += 1


def other_effects(entry: dict[str, Any]) -> None:
    entry["effects"][0][1]["exchange_id"] += 1


def no_effects(entry: dict[str, Any]) -> None:
    del entry["effects"]


@pytest.mark.parametrize(
    ("has", "change"), [('"decided"', other_amps), ('"effects"', other_effects), ('"effects"', no_effects)]
)
def test_a_doctored_line_is_the_first_difference(
    tmp_path: Path, half_a_day: str, has: str, change: Callable[[dict[str, Any]], None]
) -> None:
    lines = half_a_day.splitlines()
    number = next(n for n, line in enumerate(lines) if n > 500 and has in line)
    lines[number] = doctor(lines[number], change)
    path = written(tmp_path, "\n".join(lines) + "\n")
    difference = replay_file(path).first_difference
    assert difference is not None
    assert difference.startswith(f"{path}:{number + 1} ")
    assert "was" in difference
    assert "now" in difference


def test_another_meter_reading_decides_otherwise_from_there(tmp_path: Path, half_a_day: str) -> None:
    lines = half_a_day.splitlines()
    number = next(n for n, line in enumerate(lines) if n > 1000 and '"MeterRead"' in line and '"decided"' in line)

    def no_sun(entry: dict[str, Any]) -> None:
        entry["with"]["reading"]["grid_w"] = 9000.0

    lines[number] = doctor(lines[number], no_sun)
    path = written(tmp_path, "\n".join(lines) + "\n")
    assert f"{path}:{number + 1} " in str(replay_file(path).first_difference)


def test_another_version_is_told_and_still_compared(tmp_path: Path, half_a_day: str) -> None:
    head, rest = half_a_day.split("\n", 1)
    replayed = replay_file(written(tmp_path, doctor(head, lambda entry: entry.update(version="0.0.1")) + "\n" + rest))
    assert (replayed.version, replayed.same_version, replayed.first_difference) == ("0.0.1", False, None)


@pytest.mark.parametrize("cut", [1, 2, 10, 60])
def test_a_last_line_that_was_being_written_is_left_out(tmp_path: Path, half_a_day: str, cut: int) -> None:
    replayed = replay_file(written(tmp_path, half_a_day[:-cut]))
    assert replayed.first_difference is None
    assert replayed.events == len(half_a_day.splitlines()) - 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage\n",
        "[]\n",
        "null\n",
        '{"journal": 99}\n',
        '{"journal": 2, "version": "0", "state": {"nonsense": 1}}\n',
        '{"journal": 2, "version": "0", "state": null}\n{"event": "Began", "with": {}}\n',
        '{"journal": 2, "version": "0", "state": null}\n{"event": "Nonsense", "with": {}}\n',
        '{"journal": 2, "version": "0", "state": null}\n{"event": "Tick", "with": {"at": "2026-06-01T10:00:00Z"}}\n',
        '{"journal": 2, "version": "0", "state": null}\nhalf a line\n',
        '{"journal": 2, "version": "0", "state": null}\n"text"\n',
    ],
)
def test_what_is_no_journal_is_told_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(JournalError, match=r"2026-06-01\.jsonl"):
        replay_file(written(tmp_path, text))


def test_a_file_that_is_missing_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"none\.jsonl"):
        replay_file(tmp_path / "none.jsonl")
    with pytest.raises(JournalError):
        replay_file(tmp_path)
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe\x00\x80" * 10)
    with pytest.raises(JournalError, match=r"bytes\.jsonl"):
        replay_file(tmp_path / "bytes.jsonl")


# Beginning again on the same day --------------------------------------------------------------------------------------


def test_a_gateway_that_begins_again_goes_on_in_the_days_file(tmp_path: Path) -> None:
    """Also where it decides the same as before it died."""
    for _ in range(3):
        writer = Writer(tmp_path)
        writer.feed(OFF)
        writer.meter()
        path = writer.close()
    replayed = replay_file(path)
    assert replayed.first_difference is None
    assert replayed.events == 9


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_line_torn_by_a_death_does_not_spoil_the_day(tmp_path: Path, cut: int) -> None:
    writer = Writer(tmp_path)
    for _ in range(5):
        writer.meter()
    path = writer.close()
    path.write_bytes(path.read_bytes()[:-cut])
    writer = Writer(tmp_path, after_s(60))
    writer.feed(OFF)
    writer.close()
    replayed = replay_file(path)
    assert replayed.first_difference is None
    assert replayed.events == 1 + 4 + 2


def test_a_gateway_writes_what_it_did(tmp_path: Path) -> None:
    """The shell's own file, after a stop as by Ctrl-C, holds everything up to the end."""

    async def main() -> None:
        async with living(pv_w=4000.0, journal=True) as home:
            await home.until(lambda: home.lp().is_flowing, 400)
            last_at = home.gateway.state.at
            await home.stop_gateway()
            (path,) = home.folder.rglob("*.jsonl")
            lines = await asyncio.to_thread(path.read_text)
            assert datetime.fromisoformat(json.loads(lines.splitlines()[-1])["with"]["at"]) >= last_at
            assert replay_file(path).first_difference is None

    live(main)
