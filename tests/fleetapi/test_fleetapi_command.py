"""The command line by itself: what is wrong with it, what it warns of, and what it tells on the other channel."""

from __future__ import annotations

import json

import pytest
from fleet_bench import Bench

from sunbox.fleetapi import FleetApiError
from sunbox.fleetapi.command import HELP, MODES, _current_level, main


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


def test_a_value_may_stand_behind_options(run, bench: Bench) -> None:
    assert run("setreserve --json 33")[0] == 0
    assert bench.home.battery.shown.reserve_pct == 33
    assert run("setreserve --json -5")[0] == 1


def test_a_folder_is_no_configuration_and_is_left_as_it_is(run, bench: Bench) -> None:
    bench.folder.chmod(0o755)
    for words in ("status --config .", "setup --config .", f"getmode --config={bench.folder}"):
        code, _, err = run(words)
        assert code == 1
        assert "Is a directory" in err
        assert "is kept in" not in err
    assert bench.folder.stat().st_mode & 0o777 == 0o755


def test_setup_says_at_once_that_its_file_cannot_be(run, bench: Bench) -> None:
    code, out, err = run("setup --config nowhere/x.json")
    assert (code, "Client ID" in out) == (1, False)
    assert "its folder must be writable" in err


@pytest.mark.parametrize("token", ["a\nb", "é€", "two words", "\x00"])
def test_a_token_that_cannot_be_sent_is_renewed_and_not_shown(run, bench: Bench, token: str) -> None:
    bench.write(access_token=token)
    code, out, err = run("getmode --debug")
    assert (code, out) == (0, "self_consumption\n")
    assert token not in err
    assert bench.read()["access_token"] != token


@pytest.mark.parametrize(
    ("level", "told"), [(0.0, 0), (-0.2, 0), (99.99, 99), (100.3, 100), (101.0, None), (-3.0, None), (1e300, None)]
)
def test_the_level_is_rounded_down_and_one_that_cannot_be_sets_nothing(level: float, told: int | None) -> None:
    class Fleet:
        def battery_level(self, *, force: bool) -> float:
            assert force
            return level

    if told is None:
        with pytest.raises(FleetApiError, match="nothing was set"):
            _current_level(Fleet())
    else:
        assert _current_level(Fleet()) == told


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
