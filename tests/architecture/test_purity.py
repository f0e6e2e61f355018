"""`core/` and `dialects/` are pure: no I/O, no clock, no chance, nothing that waits. Read from their syntax trees."""

from __future__ import annotations

import ast

import pytest
from source import calls, dotted, imports, modules, name_of, nodes

PURE = modules("core", "dialects")

ALLOWED_IMPORTS = {
    "__future__",
    "abc",
    "base64",
    "bisect",
    "calendar",
    "collections",
    "collections.abc",
    "dataclasses",
    "datetime",
    "decimal",
    "email.utils",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "statistics",
    "string",
    "struct",
    "types",
    "typing",
    "urllib.parse",
    "zlib",
    "zoneinfo",
}
"""What computes and does nothing else. A module is added here after a look at what it can do."""

FORBIDDEN_CALLS = {
    "__import__",
    "breakpoint",
    "compile",
    "eval",
    "exec",
    "globals",
    "id",
    "input",
    "open",
    "print",
}
"""Builtins that read, write, depend on the process, or hide an import. `hash` of a text differs from run to run."""

CLOCKS = {"now", "utcnow", "today", "fromtimestamp", "time", "monotonic", "perf_counter"}
"""Ends of calls that read a clock (`fromtimestamp` with a zone is fine, it takes its instant)."""


def reads_a_clock(name: str, node: ast.Call) -> bool:
    head, _, end = name.rpartition(".")
    if end == "fromtimestamp":
        return len(node.args) + len(node.keywords) < 2
    return end in CLOCKS and head.rpartition(".")[2] in {"datetime", "date", "time"}


def test_there_is_something_to_look_at():
    names = {name_of(path) for path in PURE}
    assert {"core/engine.py", "dialects/tlwb/wire.py", "dialects/tesla/table.py"} <= names


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_imports_only_what_computes(path):
    own = "sunbox.core" if "core" in name_of(path).split("/")[0] else ("sunbox.core", "sunbox.dialects")
    strange = [(line, name) for line, name in imports(path) if name not in ALLOWED_IMPORTS and not name.startswith(own)]
    assert strange == []


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_reads_and_writes_nothing(path):
    assert [(line, name) for line, name in calls(path) if name in FORBIDDEN_CALLS | {"hash"}] == []


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_reads_no_clock(path):
    found = [node for node in nodes(path) if isinstance(node, ast.Call)]
    assert [(node.lineno, dotted(node.func)) for node in found if reads_a_clock(dotted(node.func), node)] == []


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_waits_for_nothing(path):
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert [node.lineno for node in nodes(path) if isinstance(node, waiting)] == []


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_keeps_nothing_between_calls(path):
    keeping = (ast.Global, ast.Nonlocal)
    assert [node.lineno for node in nodes(path) if isinstance(node, keeping)] == []


@pytest.mark.parametrize("path", modules("core"), ids=name_of)
def test_the_core_makes_no_time_zone(path):
    """A zone's data is a file: settings carry it."""
    assert [line for line, name in calls(path) if name in {"ZoneInfo", "zoneinfo.ZoneInfo"}] == []
