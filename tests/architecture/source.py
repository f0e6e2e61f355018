"""The project's own source, parsed once, for tests that read it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "sunbox"


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return every node of a module: some ten rules look through all of them."""
    return tuple(ast.walk(tree(path)))


def modules(*rooms: str) -> list[Path]:
    """Return the modules of some rooms, or of the whole package."""
    folders = [PACKAGE / room for room in rooms] or [PACKAGE]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def dotted(node: ast.expr) -> str:
    """Return `datetime.now` for the expression of that call, nothing for what has no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = dotted(node.value)
        return f"{head}.{node.attr}" if head else node.attr
    return ""


@cache
def calls(path: Path) -> list[tuple[int, str]]:
    """Return line and name of every call."""
    return [(node.lineno, dotted(node.func)) for node in nodes(path) if isinstance(node, ast.Call)]


@cache
def imports(path: Path) -> list[tuple[int, str]]:
    """Return line and module of every import, wherever it stands."""
    found: list[tuple[int, str]] = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.lineno, "." * node.level + (node.module or "")))
    return found
