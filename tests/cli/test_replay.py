"""`sunbox replay`: a journal of a simulated hour decides the same again, a changed one shows where it does not."""

import pytest

from sunbox import __version__
from sunbox.cli.day import DayOptions, run_days


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journal")
    run_days(DayOptions(days=0.25, journal=folder), None)
    return min(folder.iterdir())


def test_the_same_journal_decides_the_same(run, journal):
    ran = run("replay", journal)
    assert ran.code == 0
    assert "all the same" in ran.out


def test_another_version_is_named(run, journal, tmp_path):
    head, rest = journal.read_text(encoding="utf-8").split("\n", 1)
    older = tmp_path / "older.jsonl"
    older.write_text(head.replace(f'"{__version__}"', '"0.0.1"') + "\n" + rest, encoding="utf-8")
    ran = run("replay", older)
    assert ran.code == 0
    assert f"was written by sunbox 0.0.1, this is {__version__}" in ran.out


def test_the_first_difference_is_shown(run, journal, tmp_path):
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    number, line = next((number, line) for number, line in enumerate(lines, start=1) if '"decided"' in line)
    changed = tmp_path / "changed.jsonl"
    lines[number - 1] = line.replace('"decided":', '"decided_otherwise":')
    changed.write_text("".join(lines), encoding="utf-8")
    ran = run("replay", changed)
    assert ran.code == 1
    assert f"{changed}:{number} " in ran.out


def test_what_is_no_journal_is_said(run, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text("hello\n")
    ran = run("replay", path)
    assert ran.code == 1
    assert "is not a journal of sunbox" in ran.err
