"""Each client has an environment of its own: pinned, built by `make clients`, and missed loudly."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from client_sessions import HERE, STAMP, program_of, running

PINS = sorted(HERE.glob("*/requirements.txt"))
CLIENTS = [path.parent.name for path in PINS]
ROOT = HERE.parents[1]


def test_the_clients_are_known() -> None:
    assert CLIENTS == [
        "goe",
        "goecharger",
        "goecharger-api-lite",
        "goechargerv2",
        "pypowerwall",
        "tescmd",
        "tesla-fleet-api",
    ]


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.parent.name)
def test_what_is_pinned_is_what_is_asked_for(path: Path) -> None:
    asked = path.with_suffix(".in").read_text(encoding="utf-8").split()
    assert asked
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in asked)
    pinned = re.findall(r"^(\S+==\S+) ", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(asked) <= set(pinned)


@pytest.mark.parametrize("client", CLIENTS)
def test_an_environment_has_the_pinned_version(client: str) -> None:
    asked, *_ = (HERE / client / "requirements.in").read_text(encoding="utf-8").split()
    ask = f"import importlib.metadata as about; print(about.version({client!r}))"
    told = subprocess.run((program_of(client), "-I", "-c", ask), capture_output=True, text=True, check=True, timeout=60)
    assert f"{client}=={told.stdout.strip()}" == asked


@pytest.mark.parametrize("client", CLIENTS)
def test_a_missing_environment_is_a_failure_that_says_what_to_do(client: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=f"client {client} is missing: build it with `make clients`"):
        program_of(client, environments=tmp_path)


@pytest.mark.parametrize("client", CLIENTS)
def test_so_is_one_that_was_built_from_other_pins(client: str, tmp_path: Path) -> None:
    python = tmp_path / client / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    for installed in (None, "something==1.0\n"):
        if installed is not None:
            (tmp_path / client / STAMP).write_text(installed, encoding="utf-8")
        with pytest.raises(
            AssertionError, match=r"is not the one that requirements\.txt pins: build it with `make clients`"
        ):
            program_of(client, environments=tmp_path)


def test_make_builds_them_before_the_tests() -> None:
    for target in ("test", "test-quick", "clients"):
        planned = subprocess.run(
            ("make", "--dry-run", "--always-make", target),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for client in CLIENTS:
            installs = planned.index(f"--require-hashes -r tests/clients/{client}/requirements.txt")
            assert "-m pytest" not in planned[:installs]


def test_a_client_sees_nothing_of_who_runs_the_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESLA_ACCESS_TOKEN", "a real one")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with running("tesla-fleet-api", tmp_path) as process:
        assert "returned" in process.ask(url="", token="", vin="", on="api", call="access_token", **{"with": {}})
        environ = Path(f"/proc/{process.pid}/environ")  # of a program that runs: before that it has none
        if environ.exists():  # only Linux tells
            seen = dict(row.split("=", 1) for row in environ.read_bytes().decode().split("\0") if row)
            assert seen == {"HOME": str(tmp_path), "PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC"}
