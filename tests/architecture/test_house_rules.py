"""Rules for the whole package: one clock, waiting through asyncio alone, every module says what it is for."""

from __future__ import annotations

import ast
import re
import subprocess

import pytest
import yaml
from source import PACKAGE, ROOT, calls, dotted, imports, modules, name_of, nodes, tree

EVERYTHING = modules()

CLOCK = "clock.py"

ASKS_THE_TIME = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "date.today",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
}

BLOCKING_MODULES = {"requests", "urllib.request", "http.client", "urllib3"}


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_the_time_of_day_comes_from_the_clock(path):
    if name_of(path) == CLOCK:
        assert any(name == "datetime.now" for _, name in calls(path))
    else:
        assert [(line, name) for line, name in calls(path) if name in ASKS_THE_TIME] == []


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_no_function_of_the_clock_is_passed_around(path):
    """`default_factory=datetime.utcnow` reads the clock too, without a call to be seen."""
    if name_of(path) != CLOCK:
        called = {id(node.func) for node in nodes(path) if isinstance(node, ast.Call)}
        found = [node for node in nodes(path) if isinstance(node, ast.Attribute) and id(node) not in called]
        assert [node.lineno for node in found if dotted(node) in ASKS_THE_TIME] == []


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_waiting_goes_through_asyncio(path):
    assert [line for line, name in calls(path) if name == "time.sleep"] == []
    assert [(line, name) for line, name in imports(path) if name in BLOCKING_MODULES] == []
    from_time = [node for node in nodes(path) if isinstance(node, ast.ImportFrom) and node.module == "time"]
    assert [node.lineno for node in from_time] == []  # `from time import sleep` would slip through the line above


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(tree(path))


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_the_package_does_not_know_its_tests(path):
    assert [(line, name) for line, name in imports(path) if name.split(".")[0] in {"tests", "pytest"}] == []


def drivers() -> list[str]:
    return sorted(path.parent.name for path in (PACKAGE / "drivers").glob("*/__init__.py"))


def test_every_driver_has_the_same_files():
    assert drivers()
    for driver in drivers():
        folder = PACKAGE / "drivers" / driver
        for name in ("driver.py", "settings.py", "quality.yaml"):
            assert (folder / name).is_file(), f"drivers/{driver}/{name} is missing"
        quality = yaml.safe_load((folder / "quality.yaml").read_text(encoding="utf-8"))
        assert isinstance(quality, dict), driver


def test_drivers_and_faces_are_named_in_the_contracts():
    """A new driver or face must be told to import-linter, or it may know its neighbours."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    faces = sorted(path.parent.name for path in (PACKAGE / "faces").glob("*/__init__.py"))
    for name in [f"sunbox.drivers.{driver}" for driver in drivers()] + [f"sunbox.faces.{face}" for face in faces]:
        assert f'"{name}"' in text, f"{name} is in no independence contract"


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return names or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*.*") if "." not in path.parts[-2]]


TEXT_SUFFIXES = {
    ".py",
    ".md",
    ".toml",
    ".yaml",
    ".yml",
    ".txt",
    ".js",
    ".ts",
    ".css",
    ".html",
    ".sh",
    ".service",
    ".json",
}


def test_no_file_speaks_of_one_machine():
    """Paths of somebody's home or working folder work nowhere else."""
    wrong = re.compile(r"/(?:home/(?!pi\b|you\b)[a-z]+|root|Users/[A-Za-z]+|work)/")
    found = []
    for name in tracked():
        path = ROOT / name
        if (
            (path.suffix in TEXT_SUFFIXES or "." not in path.name)
            and path.is_file()
            and path.name != "test_house_rules.py"
        ):
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{name}: {match.group()}" for match in wrong.finditer(text)]
    assert found == []


REQUIREMENTS = sorted(ROOT.glob("requirements*.txt"))
CLIENTS = sorted(ROOT.glob("tests/clients/*/requirements.txt"))


@pytest.mark.parametrize("path", [*REQUIREMENTS, *CLIENTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_requirements_are_pinned_with_hashes_and_name_no_index(path):
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|--find-links|-f|--trusted-host)\b", text, re.MULTILINE)
    entries = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n?", "", text, flags=re.MULTILINE).strip())
    assert len(entries) > (0 if path in CLIENTS else 10)
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^\s;]+", entry), entry.splitlines()[0]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"no hash: {entry.splitlines()[0]}"


def test_what_runs_is_pinned_as_what_is_tested():
    """Both files pin one version of what is in both."""
    pins = {
        path.name: dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        for path in REQUIREMENTS
    }
    run, develop = pins["requirements.txt"], pins["requirements-dev.txt"]
    assert {name: develop[name] for name in run if name in develop} == {
        name: run[name] for name in run if name in develop
    }


EXAMPLES = [
    (path, block)
    for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))
    for block in re.findall(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    if re.search(r"^meters:", block, re.MULTILINE)
]


@pytest.mark.parametrize(("path", "block"), EXAMPLES, ids=lambda each: getattr(each, "name", ""))
def test_the_plain_meter_is_first_in_every_example(path, block):
    """A meter that is read often, in the house and for nothing: people begin with what they copy."""
    first = yaml.safe_load(block)["meters"][0]
    is_at_home = first["driver"] == "powerwall" and ("local" in first or "proxy" in first)
    assert is_at_home or (first["driver"], first.get("cloud", False)) == ("http", False), path.name


def test_there_are_examples():
    assert {path.name for path, _ in EXAMPLES} >= {"README.md", "configuration.md"}
