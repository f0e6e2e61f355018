"""Old scripts run as they are: the listings of the first document, the module, the copy beside a script, and the key pair."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fleet_bench import Bench
from tests.loopback import WITHIN_S

import fleetapi
from sunbox.dialects.powerwall.facts import Mode
from sunbox.dialects.tesla.keys import pems_of, public_of
from sunbox.fleetapi.command import main

SOURCE = Path(fleetapi.__file__).parent

LISTING = """\
from fleetapi import FleetAPI

fleet = FleetAPI()

# Current Status
print(f"Solar: {fleet.solar_power()}")
print(f"Grid: {fleet.grid_power()}")
print(f"Load: {fleet.load_power()}")
print(f"Battery: {fleet.battery_power()}")
print(f"Battery Level: {fleet.battery_level()}")

# Change Reserve to 30%
fleet.set_battery_reserve(30)

# Change Operating Mode to Autonomous
fleet.set_operating_mode("autonomous")
"""
COMMANDS = """\
# Set battery reserve to 80%
python fleetapi.py setreserve 80

# Set battery reserver to be equal to current charge level
python fleetapi.py setreserve current

# Set operatinoal mode to Self Consumption
python fleetapi.py setmode self
"""
"""The example listings of the document that asked for this (pypowerwall `tools/fleetapi/README.md`), word for word."""


def run(bench: Bench, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    variables = {"PATH": os.defpath, "HOME": str(bench.folder), "PYTHONPATH": str(SOURCE), "LANG": "C.UTF-8"}
    told = {"capture_output": True, "text": True, "timeout": WITHIN_S}
    return subprocess.run(words, cwd=bench.folder, env=variables, input=text, check=False, **told)


def test_the_listing_for_scripts(bench: Bench) -> None:
    ended = run(bench, sys.executable, "-", text=LISTING)
    assert (ended.returncode, ended.stderr) == (0, "")
    told = dict(line.split(": ") for line in ended.stdout.splitlines())
    assert list(told) == ["Solar", "Grid", "Load", "Battery", "Battery Level"]
    assert (told["Solar"], told["Load"]) == ("6000.0", "1000.0")
    assert float(told["Battery"]) < 0
    assert bench.home.battery.shown.reserve_pct == 30
    assert bench.home.battery.shown.mode is Mode.AUTONOMOUS
    assert bench.calls() == ["live_status", "backup", "operation"]


def test_the_listing_for_the_command_line(bench: Bench) -> None:
    shutil.copy(SOURCE / "fleetapi.py", bench.folder)
    (bench.folder / "bin").mkdir()
    (bench.folder / "bin" / "python").symlink_to(sys.executable)
    script = f'set -e\nPATH="$PWD/bin:$PATH"\npython() {{ "{sys.executable}" "$@"; }}\n{COMMANDS}'
    ended = run(bench, "sh", "-c", script)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
    assert ended.stdout.count("'Code': 200") == 3
    bodies = [each.body for each in bench.home.cloud.bill.requests if each.method == "POST"]
    assert bodies == [
        {"backup_reserve_percent": 80},
        {"backup_reserve_percent": int(bench.home.battery.app_soc_pct)},
        {"default_real_mode": "self_consumption"},
    ]


@pytest.mark.parametrize("words", [("-m", "fleetapi"), ("-m", "sunbox.fleetapi")], ids=" ".join)
def test_the_modules_are_commands(bench: Bench, words: tuple[str, ...]) -> None:
    ended = run(bench, sys.executable, *words, "getreserve", "--json")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, '{\n    "reserve": 20\n}\n', "")
    helped = run(bench, sys.executable, *words, "--help")
    assert helped.returncode == 0
    assert "Usage: fleetapi" in helped.stdout


def test_an_interrupted_pipe_is_no_failure_to_be_explained(bench: Bench) -> None:
    ended = run(bench, "sh", "-c", f'"{sys.executable}" -m sunbox.fleetapi info | head -c 1')
    assert "Traceback" not in ended.stderr


# the key pair

# RFC 6979, A.2.5
PRIVATE = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
PUBLIC_X = 0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6
PUBLIC_Y = 0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299


def test_the_public_half_is_that_of_the_standard() -> None:
    assert public_of(PRIVATE) == b"\x04" + PUBLIC_X.to_bytes(32, "big") + PUBLIC_Y.to_bytes(32, "big")
    assert public_of(1)[1:33].hex().startswith("6b17d1f2")
    secret, shown = pems_of(PRIVATE)
    assert (len(secret), len(shown)) == (227, 178)
    assert secret.startswith("-----BEGIN EC PRIVATE KEY-----\n")
    assert shown.startswith("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE")


def test_a_key_pair_is_made_once_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["create-key"]) == 0
    private, public = tmp_path / "com.tesla.3p.private-key.pem", tmp_path / "com.tesla.3p.public-key.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    told = capsys.readouterr().out
    for path in (private, public):
        assert not [line for line in path.read_text().splitlines()[1:-1] if line in told]
    before = private.read_bytes()
    assert main(["create-key"]) == 1
    assert private.read_bytes() == before
    assert "exist already" in capsys.readouterr().err


def test_the_page_shows_the_code_and_loads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["page"]) == 0
    page = (tmp_path / "index.html").read_text()
    assert 'get("code")' in page
    assert "clipboard.writeText(code)" in page
    assert "://" not in page
    assert "innerHTML" not in page
    assert main(["page"]) == 1
    assert "exists already" in capsys.readouterr().err
