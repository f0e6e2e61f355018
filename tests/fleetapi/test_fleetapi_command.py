"""The command line by itself: what is wrong with it, what it warns of, and what it tells on the other channel."""

from __future__ import annotations

import json

import pytest
from fleet_bench import Bench

from sunbox.fleetapi.command import HELP, MODES, main


@pytest.fixture
def run(bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(bench.folder)

    def go(words: str) -> tuple[int, str, str]:
        code = main(words.split())
        told = capsys.readouterr()
        return code, told.out, told.err

    return go


@pytest.mark.parametrize("words", ["", "-h", "--help", "status --help"])
def test_help_names_every_command(run, words: str) -> None:
    code, out, err = run(words)
    assert (code, err) == (0, "")
    assert all(f"    {name} " in out for name in HELP)


@pytest.mark.parametrize(
    "words", ["bogus", "status --colour", "status --site house", "status --site", "status --config", "status a b"]
)
def test_a_wrong_line_is_2(run, words: str) -> None:
    code, out, err = run(words)
    assert (code, out) == (2, "")
    assert "usage: fleetapi" in err


def test_options_stand_anywhere(run) -> None:
    lines = ["--json getreserve", "getreserve --json", "--config .fleetapi.config --json getreserve --site 123456"]
    assert {run(words) for words in lines} == {(0, '{\n    "reserve": 20\n}\n', "")}


@pytest.mark.parametrize("word", sorted(MODES))
def test_every_word_for_a_mode(run, bench: Bench, word: str) -> None:
    code, out, err = run(f"setmode {word} --json")
    assert (code, err) == (0, "")
    assert json.loads(out)["response"]["Code"] == 200
    assert bench.home.battery.shown.mode.value == MODES[word]


def test_a_reserve_that_the_firmware_does_not_take_is_told(run) -> None:
    code, _, err = run("setreserve 90")
    assert code == 0
    assert "still tells 80 % and not 90 %" in err
    assert "81 to 99 % become 80" in err


def test_current_is_rounded_down(run, bench: Bench) -> None:
    bench.home.battery.set_soc_pct(0.95 * 62.9 + 5)
    assert run("setreserve current")[0] == 0
    assert bench.home.battery.shown.reserve_pct == 62


def test_a_setting_that_cannot_be_read_back_was_made(run, bench: Bench) -> None:
    bench.home.patch(faults=[{"kind": "server_error", "endpoint": "site_info"}])
    code, out, err = run("setreserve 33")
    assert (code, "Backup reserve updated" in out) == (0, True)
    assert "could not be read back: Code 503" in err
    assert bench.home.battery.shown.reserve_pct == 33


def test_debug_tells_each_request_and_no_secret(run, bench: Bench) -> None:
    code, out, err = run("getmode --debug")
    assert (code, out) == (0, "self_consumption\n")
    assert err == "GET /api/1/energy_sites/123456/site_info: HTTP 200\n"
    assert run("getmode")[2] == ""


def test_what_is_in_the_way_says_what_to_do(run, bench: Bench) -> None:
    bench.home.patch(faults=["unregistered"])
    code, out, err = run("status")
    assert code == 1
    assert out == "Error: Unable to retrieve live status (API error or authentication failure).\n"
    assert "run `fleetapi setup` again and answer y" in err


@pytest.mark.parametrize("url", ["http://example.com", "ftp://127.0.0.1", "https://user@example.com", "nonsense"])
def test_tokens_go_nowhere_in_the_open(run, bench: Bench, url: str) -> None:
    bench.write(AUDIENCE=url)
    code, _, err = run("status")
    assert code == 1
    assert url in err
    assert bench.calls() == []
