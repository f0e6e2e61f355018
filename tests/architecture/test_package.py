"""What the package promises to those who install it: quick commands, and the files that belong to it."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

import pytest
from source import PACKAGE, ROOT

import sunbox

HEAVY = (
    "fastapi", "starlette", "pydantic", "rich", "httpx2", "uvicorn", "structlog", "yaml", "sqlite3", "asyncio",
    "prometheus_client",
)  # fmt: skip
"""What --version and --help must not load."""

PROBE = """
import json, sys
from sunbox.cli.main import main
try:
    main({arguments!r})
except SystemExit as end:
    code = end.code
print(json.dumps({{"code": code, "loaded": sorted(name for name in sys.modules if "." not in name)}}))
"""


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["-h"], []], ids=" ".join)
def test_version_and_help_load_nothing_heavy(arguments):
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(arguments=arguments)], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["code"] in {0, 2}
    assert set(HEAVY) & set(told["loaded"]) == set()


def test_version_is_printed():
    done = subprocess.run([sys.executable, "-m", "sunbox", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"sunbox {sunbox.__version__}\n"


PURE_ROOMS = """
import sys
import sunbox.core.engine, sunbox.core.wallbox, sunbox.core.settings
import sunbox.dialects.tesla.wire, sunbox.dialects.tlwb.wire, sunbox.dialects.tlwb.geofence
import sunbox.dialects.powerwall.table, sunbox.dialects.powerwall.gateway
import sunbox.dialects.teslalogger.wire, sunbox.dialects.goe.box, sunbox.dialects.goe.legacy
import sunbox.dialects.smartevse.box, sunbox.dialects.smartevse.mqtt
import sunbox.dialects.smartevse.flash, sunbox.dialects.smartevse.reasons
heavy = {"asyncio", "pydantic", "fastapi", "httpx2", "sqlite3", "logging", "random", "socket", "subprocess"}
print(sorted(heavy & set(sys.modules)))
"""


def test_the_pure_rooms_load_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", PURE_ROOMS], capture_output=True, text=True, check=True)
    loaded = done.stdout.strip()
    # email.utils, which reads the dates of HTTP headers, brings these of the standard library with it
    assert loaded in {"[]", "['random', 'socket']"}


ROOT_ROOM = "import sys, sunbox.app, sunbox.net.mqtt, sunbox.faces.goe.mqtt, sunbox.faces.smartevse.mqtt; print('aiomqtt' in sys.modules)"


def test_who_has_no_broker_pays_nothing_for_mqtt():
    done = subprocess.run([sys.executable, "-c", ROOT_ROOM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_package_is_typed_and_licensed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (PACKAGE / "py.typed").is_file()
    assert project["license"] == "Apache-2.0"
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence


def test_nothing_that_is_needed_is_left_out_of_the_wheel():
    """The wheel takes the whole folder, data files included, but for what git ignores."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = {"only-include": ["src/sunbox", "src/fleetapi.py"], "sources": ["src"]}
    assert settings["tool"]["hatch"]["build"]["targets"]["wheel"] == wheel
    scripts = settings["project"]["scripts"]
    assert scripts == {"sunbox": "sunbox.cli.main:main", "fleetapi": "sunbox.fleetapi.command:run"}
    names = [
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    ]
    assert {"src/sunbox/py.typed", "src/sunbox/faces/ui/static/index.html"} <= set(names)
    asked = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        cwd=ROOT,
        input="\n".join(names),
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.stdout == ""
