"""docs/powerwall.md says what the code says, and its examples work as they stand there."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from fleet_bench import Bench
from powerwall_docs import DOCUMENT, fill
from test_fleetapi_scripts import LISTING

from sunbox.fleetapi import FleetAPI
from sunbox.fleetapi.command import HELP, main

TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_generated_parts_are_those_of_the_code() -> None:
    assert fill(TEXT) == TEXT, "run: python -m tests.fleetapi.powerwall_docs"


def test_every_function_says_what_it_returns() -> None:
    for name, value in vars(FleetAPI).items():
        if not name.startswith("_") and callable(value):
            assert f"### `{name}(" in TEXT
            assert value.__doc__


def test_the_first_document_s_listing_stands_there() -> None:
    assert LISTING in TEXT


COMMANDS = re.findall(r"^fleetapi ([^#\n]+?) *(?:#.*)?$", TEXT, re.MULTILINE)


def test_every_command_stands_there() -> None:
    assert {words.split()[0] for words in COMMANDS} == set(HELP) - {"setup", "create-key", "page"}
    for name in HELP:
        assert f"fleetapi {name}" in TEXT


@pytest.mark.parametrize("words", COMMANDS)
def test_the_commands_work(
    bench: Bench, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(bench.folder)
    assert main(shlex.split(words)) == 0
    assert capsys.readouterr().out


def test_the_script_works(bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(bench.folder)
    script, *_ = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(script, "docs/powerwall.md", "exec"), {})  # noqa: S102 - our own document
    assert capsys.readouterr().out.startswith("6000.0 W from the sun, ")
    assert bench.home.battery.shown.reserve_pct == 30


def test_the_configuration_for_the_simulated_one_works(bench: Bench) -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    bench.path.write_text(json.dumps(json.loads(shown.replace("http://127.0.0.1:5100", bench.url))))
    with FleetAPI(bench.path) as fleet:
        assert fleet.solar_power() == 6000
